"""Tables whose frames are columns: turned, where it is clear that they are."""

import re
from itertools import pairwise

from skfrap.io.tables._cells import Sheet
from skfrap.io.tables._roles import is_time

_FEWEST = 10  # numbers in a row, that may be a recording
_WIDE = 8  # times as many columns as rows, from which rows without names are recordings
_OF_FRAME = re.compile(
    r"(t|time|frame|slice|image|img|cycle)?[ _=:#-]*\d+([.,]\d+)?[ _]*(s|sec|ms|min)?", re.I
)


def turned(sheet):
    """Turn a sheet that has a row for each region, and its frames side by side.

    Parameters
    ----------
    sheet : Sheet

    Returns
    -------
    Sheet
        The same one, where rows are frames or where it is not clear.

    Examples
    --------
    >>> from skfrap.io.tables._cells import Sheet
    >>> from skfrap.io.tables._turned import turned
    >>> rows = [["Time [s]", *map(float, range(10))], ["bleach", *[9.0] * 5, *[4.0] * 5]]
    >>> turned(Sheet("", rows, [1, 2], "text")).rows[:3]
    [['Time [s]', 'bleach'], [0.0, 9.0], [1.0, 9.0]]
    """
    numbers = [sum(isinstance(cell, float) for cell in row) for row in sheet.rows]
    long = [row for row, n in zip(sheet.rows, numbers, strict=True) if n >= _FEWEST]
    if not long or any(2 <= n < _FEWEST for n in numbers):
        return sheet
    most, others = max(numbers), [row for row in sheet.rows if not any(row is one for one in long)]
    heads = [row for row in others if 2 * sum(isinstance(one, str) for one in row) > most]
    if most <= 2 * len(long) or len(heads) > 1:
        return sheet
    labels = [_leading_texts(row) for row in long]
    n_labels = len(labels[0])
    if any(len(one) != n_labels for one in labels):
        return sheet
    if heads and not (n_labels and _names_frames(heads[0][n_labels:])):
        return sheet
    times = [is_time(" ".join(one)) for one in labels]
    timed = any(times) and not all(times)
    counted = _increases(long[0][n_labels:]) and not any(
        _increases(row[n_labels:]) for row in long[1:]
    )
    if not (timed or heads or counted) or not (n_labels or most > _WIDE * len(long)):
        return sheet
    width = max(map(len, long))
    columns = [[*row, *[None] * (width - len(row))][n_labels:] for row in long]
    rows = [[*row] for row in zip(*columns, strict=True)]
    lines = [f"{k} of the turned table" for k in range(1, len(rows) + 2)]
    if n_labels:
        rows.insert(0, [" ".join(one) for one in labels])
    words = f"{sheet.words}; turned, since its frames are columns"
    return Sheet(sheet.name, rows, lines[: len(rows)], words)


def _leading_texts(row):
    """Return the texts at the beginning of a row, before its first number or empty cell."""
    found = []
    for cell in row:
        if not isinstance(cell, str):
            break
        found.append(cell)
    return found


def _names_frames(cells):
    """Tell whether all cells name frames, as T1 or 0.5 s, in one way."""
    texts = [cell for cell in cells if cell is not None]
    kinds = {re.sub(r"[\d.,]+", "#", str(one)) for one in texts}
    return len(kinds) == 1 and all(_OF_FRAME.fullmatch(str(one)) for one in texts)


def _increases(cells):
    numbers = [cell for cell in cells if isinstance(cell, float)]
    return len(numbers) == len(cells) and all(a < b for a, b in pairwise(numbers))
