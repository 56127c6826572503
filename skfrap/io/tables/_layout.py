"""Where the numbers of a table begin, and what their columns are called."""

import re
from typing import NamedTuple

import numpy as np

from skfrap.io.tables._cells import is_missing
from skfrap.io.tables._numbers import PerCent

_FEWEST = 4  # rows of numbers
_MANY = 20  # numbers in a row, which may be a series
_RUN = 3  # rows of numbers that follow each other, where a table begins
_UNITS = re.compile(
    r"[\[(]?\s*(s|sec|secs|ms|min|h|µs|μs|us|a\.?u\.?|counts?|%|px|)\s*[\])]?", re.I
)
_OF_ZEN = re.compile(r"(?<=\w)::.*!![A-Z]$")  # RelativeTime::Relative Time!!R
# Rows that Fiji and spreadsheets put below a table: no frames.
_STATISTICS = {"mean", "sd", "std", "stddev", "min", "max", "average", "mittelwert", "sem", "sum"}


class Block(NamedTuple):
    """The numbers of a table, and what stands above them.

    Attributes
    ----------
    names : list of str
        Of columns; "column 1", "column 2", ... where nothing stands above.
    values : ndarray of shape (n_rows, n_columns)
        NaN where a cell stands for no value, or is a text.
    texts : list of list of str
        Of the columns' cells: text where there is text, else empty.
    lines : ndarray of int
        Where each row is in the file, from 1.
    words : str
        What was left out.
    named : bool
        Whether columns have names of their own.
    per_cent : tuple of str
        Names of columns whose numbers have signs of per cent.
    """

    names: list
    values: np.ndarray
    texts: list
    lines: np.ndarray
    words: str
    named: bool
    per_cent: tuple = ()


def find_block(sheet, path):
    """Find the numbers of a sheet, and the names of their columns.

    Parameters
    ----------
    sheet : Sheet
    path : Path

    Returns
    -------
    Block

    Raises
    ------
    ValueError
        If there are none, or something else stands among them.
    """
    numeric = [_numbers_in(row) for row in sheet.rows]
    start = _start_of(numeric)
    _refuse_rows(sheet, numeric, path)
    if start is None:
        raise ValueError(
            f"{path} has no rows of numbers below each other{_in(sheet)}: a table of intensities "
            "has a row for each frame, and columns for the time and for regions."
        )
    _refuse_frames_above(sheet, numeric, start, path)
    start += _is_head(sheet.rows[start : start + _RUN])
    _refuse_text_in_numbers(sheet, start, path)
    names, units = _names_above(sheet.rows[:start], max(map(len, sheet.rows[start:])))
    rows, lines, left_out = [], [], []
    for row, line in zip(sheet.rows[start:], sheet.lines[start:], strict=True):
        if _is_statistic(row):
            left_out.append(str(row[0] if row[0] is not None else row[1]))
            continue
        if left_out and _numbers_in(row):
            raise ValueError(
                f"line {line} of {path} has numbers below the row {left_out[-1]!r}; leave one "
                "table in the file."
            )
        rows.append(row)
        lines.append(line)
    width = max(len(names), *(len(row) for row in rows))
    while width and all(len(row) < width or row[width - 1] is None for row in rows):
        width -= 1
    named = any(names)
    surplus = next((k for k in range(len(names), width)), None)
    if named and surplus is not None:
        line = next(
            number
            for row, number in zip(rows, lines, strict=True)
            if len(row) > surplus and row[surplus] is not None
        )
        raise ValueError(
            f"line {line} of {path} has more cells than the head, which has {len(names)}; numbers "
            "need no thousands separators, and decimal commas other separators than commas."
        )
    names = [names[k] if k < len(names) else "" for k in range(width)]
    units = [units[k] if k < len(units) else "" for k in range(width)]
    cells = [[*row, *[None] * (width - len(row))][:width] for row in rows]
    values = np.array([[_value(cell) for cell in row] for row in cells], dtype=float)
    texts = [[_text(row[k]) for row in cells] for k in range(width)]
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0]
        raise ValueError(
            f"line {lines[row]} of {path} has a number that is too large, in "
            f"{names[column] or f'column {column + 1}'!r}."
        )
    if len(values) < _FEWEST:
        raise ValueError(f"{path} has {len(values)} rows of numbers; a recovery needs more.")
    full = [
        _full_name(name, unit, k) for k, (name, unit) in enumerate(zip(names, units, strict=True))
    ]
    words = f"rows {', '.join(left_out)} below the frames are left out" if left_out else ""
    full = _made_different(full)
    per_cent = tuple(full[k] for k in range(width) if _has_per_cent(cells, k, full, lines, path))
    return Block(full, values, texts, np.array(lines), words, named, per_cent)


def _has_per_cent(cells, place, names, lines, path):
    """Tell whether the numbers of a column have signs of per cent; refuse some that have."""
    marked = [isinstance(row[place], PerCent) for row in cells if isinstance(row[place], float)]
    if any(marked) and not all(marked):
        held = [k for k, row in enumerate(cells) if isinstance(row[place], float)]
        odd = held[next(k for k, one in enumerate(marked) if one != marked[0])]
        raise ValueError(
            f"line {lines[odd]} of {path} has a number with a sign of per cent in {names[place]!r} "
            "and others have none, or the other way round; write all of a column alike."
        )
    return any(marked)


def _in(sheet):
    return f" in sheet {sheet.name!r}" if sheet.name else ""


def _numbers_in(row):
    return sum(isinstance(cell, float) for cell in row)


def _start_of(numeric):
    """Return where rows of numbers begin: several, below each other, with as many numbers."""
    most = max(numeric, default=0)
    least = min(2, most)
    if not least:
        return None
    for start, n in enumerate(numeric):
        run = numeric[start : start + _RUN]
        if n >= least and len(run) == _RUN and min(run) >= min(least, max(run)):
            return start
    return None


def _refuse_rows(sheet, numeric, path):
    """Refuse a table of series that are rows, each with its name and many numbers."""
    named = [
        n
        for row, n in zip(sheet.rows, numeric, strict=True)
        if n >= _MANY and isinstance(row[0], str)
    ]
    if named and min(named) > len(sheet.rows):
        raise ValueError(
            f"{path} has {len(sheet.rows)} rows with up to {max(named)} numbers each: its frames "
            "are columns; transpose it, so that there is a row for each frame, and keep one series "
            "in a file."
        )


def _is_head(rows):
    """Tell whether a row of numbers is a head, which names columns by numbers: Time, 1, 2, 3."""
    first, *others = rows
    return any(
        isinstance(cell, str)
        and not is_missing(cell)
        and all(len(row) > k and isinstance(row[k], float) for row in others)
        for k, cell in enumerate(first)
    )


def _refuse_frames_above(sheet, numeric, start, path):
    """Refuse rows of numbers that a broken row keeps apart from the others below."""
    for k in range(start):
        if numeric[k] >= 2 and numeric[k] == numeric[start] == len(_cut(sheet.rows[k])):
            line = sheet.lines[next(j for j in range(k, start) if numeric[j] < numeric[k])]
            raise ValueError(
                f"line {line} of {path} has other cells than the rows of numbers above and below "
                "it; mend it, or leave it out."
            )


def _refuse_text_in_numbers(sheet, start, path):
    """Refuse a row above the numbers that is one of them, but for a cell that is text."""
    if start < 2 or not _numbers_in(sheet.rows[start - 1]):
        return
    row, above = sheet.rows[start - 1], sheet.rows[start - 2]
    heads = [cell for cell in above if cell is not None]
    texts = [cell for cell in row if isinstance(cell, str)]
    if texts and len(heads) >= 2 and all(isinstance(cell, str) for cell in heads):
        raise ValueError(
            f"line {sheet.lines[start - 1]} of {path} has {texts[0][:40]!r} where a number is "
            "expected; mend it, or leave it empty."
        )


def _names_above(above, width):
    """Return names and units of columns, from the last rows above the numbers."""
    units = []
    rows = [row for row in above if any(isinstance(cell, str) for cell in row)]
    if not rows:
        return [], []
    last = _cut(rows[-1])
    if len(rows) > 1 and _are_units(last) and len(_cut(rows[-2])) >= 2:
        units, last = [_text(cell) for cell in last], _cut(rows[-2])
    if len(last) < 2 <= width:  # a title, as "Channel 1", and no head
        return [], []
    return [_text(cell) if isinstance(cell, str) else _shown(cell) for cell in last], units


def _cut(row):
    """Leave out empty cells at the end."""
    row = [*row]
    while row and row[-1] is None:
        row.pop()
    return row


def _are_units(row):
    texts = [cell for cell in row if isinstance(cell, str)]
    return bool(texts) and all(_UNITS.fullmatch(one.strip()) for one in texts)


def _shown(cell):
    return "" if cell is None else f"{cell:g}"


def _is_statistic(row):
    text = next((cell for cell in row[:2] if isinstance(cell, str)), "")
    return text.strip().casefold() in _STATISTICS


def _value(cell):
    return cell if isinstance(cell, float) else np.nan


def _text(cell):
    return "" if not isinstance(cell, str) or is_missing(cell) else cell.strip()


def _full_name(name, unit, place):
    unit = unit.strip("[]() ")
    name = _OF_ZEN.sub("", name)
    named = name or f"column {place + 1}"
    return f"{named} [{unit}]" if unit else named


def _made_different(names):
    """Tell apart names that are there more than once, by a number."""
    seen = {}
    made = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return made
