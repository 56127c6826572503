"""Read one table of intensities: its columns, its clock, and when bleaching was."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from skfrap._checks import Argument, ArgumentError, check_count
from skfrap.io.tables import _roles
from skfrap.io.tables._bleaching import empty_runs, find_fall, find_gap
from skfrap.io.tables._cells import SUFFIXES, read_sheets, suffix_of
from skfrap.io.tables._clock import clock_of
from skfrap.io.tables._layout import find_block
from skfrap.io.tables._long import side_by_side
from skfrap.io.tables._table import IntensityTable
from skfrap.io.tables._turned import turned
from skfrap.results import Finding

_PREBLEACH = Argument("n_prebleach")
_OF_RESULTS = {"file", "error", "sources"}  # columns of what skfrap estimate writes
_IN_PER_CENT = re.compile(r"[\[(]\s*%\s*[\])]|\bper ?cent\b", re.I)
_LOGARITHM = re.compile(r"\b(log(10|2|_10|_2)?|ln)\b", re.I)
_SUM = re.compile(r"\b(sum|integrated|(raw)?int(egrated ?)?den(sity)?\d*)\b", re.I)
_TRANSPOSED = 8  # times as many columns of numbers as rows


def read_table(
    path: str | os.PathLike[str],
    *,
    columns: Any = None,
    frame_interval: float | None = None,
    n_prebleach: int | None = None,
    sheet: str | None = None,
) -> IntensityTable:
    r"""Read a table of the intensities of regions, a row for each frame.

    Separators, decimal commas, encodings and lines above the head are as programs and spreadsheets
    write them. Columns are found by their names, those of Fiji's Multi Measure, ZEN, LAS X and
    easyFRAP among them; where names say nothing (ROI1, ROI2, ...), by what the numbers do at
    bleaching. What is not clear is asked for, and nothing is guessed.

    Parameters
    ----------
    path : path
        Of a CSV, TSV or text file, or of a workbook (.xlsx by openpyxl; .xls by xlrd).
    columns : mapping, str or sequence of str, default=None
        Which column is what, ``{"bleach": "ROI1", "reference": "ROI2", "background": "ROI3"}`` or
        ``"bleach=ROI1,reference=ROI2"``: a name, or a number from 1; "none" for what there is not.
    frame_interval : float, default=None
        Time between frames, s, where the table has no times, or wrong ones.
    n_prebleach : int, default=None
        Frames before bleaching. None looks for them: by empty cells, by times below 0, and by the
        frame in which the bleached region falls dark.
    sheet : str, default=None
        Of a workbook. None is the only one that holds such a table.

    Returns
    -------
    IntensityTable
        With the sources of all that was found.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or it is not clear what it holds; the message says what to give.
    ImportError
        If what reads a workbook is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skfrap.io import read_table
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "nucleus.csv"
    >>> rows = [(0, 90.2, 85), (1, 90, 84.7), (2, 90.3, 84.9), (3, None, None), (4, 30.5, 70.1),
    ...         (5, 45, 70.2), (6, 52, 70), (7, 55, 69.8)]
    >>> lines = [";".join("" if one is None else str(one) for one in row) for row in rows]
    >>> text = "Axis [s];ROI1 [];ROI2 []\n" + "\n".join(lines).replace(".", ",")
    >>> _ = path.write_text(text)
    >>> table = read_table(path)
    >>> table
    IntensityTable('nucleus': 7 frames of bleach, reference, 3 before bleaching, 0 to 7 s)
    >>> table.sources["bleached region"]
    "column 'ROI1 []', the column that falls most at bleaching, by 66 %"
    """
    path = Path(path)
    told = _roles.parse_columns(columns)
    sheets = read_sheets(path)
    if sheet is not None:
        names = [one.name for one in sheets]
        if sheet not in names:
            raise ArgumentError(
                Argument("sheet"), f" is {sheet!r}, and {path} has {', '.join(map(repr, names))}."
            )
        sheets = [one for one in sheets if one.name == sheet]
    options = (told, frame_interval, n_prebleach)
    if len(sheets) == 1:
        return _read_sheet(sheets[0], path, *options)
    tables, reasons = [], []
    for one in sheets:
        try:
            tables.append((one.name, _read_sheet(one, path, *options)))
        except ValueError as error:
            reasons.append(f"{one.name!r}: {error}")
    if len(tables) == 1:
        return tables[0][1]
    if not tables:
        raise ValueError(f"none of the {len(sheets)} sheets of {path} is understood; {reasons[0]}")
    shown = ", ".join(repr(name) for name, _ in tables)
    raise ArgumentError(
        f"{path} has {len(tables)} sheets with tables, {shown}; say which (",
        Argument("sheet"),
        ").",
    )


def looks_like_table(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file holds rows of numbers, as a table of intensities does.

    Parameters
    ----------
    path : path

    Returns
    -------
    bool
        False for results that skfrap has written, and for a .txt file of other text. True also for
        a table that cannot be read, so that this will be said.
    """
    path = Path(path)
    if suffix_of(path) not in SUFFIXES:
        return False
    try:
        sheets = read_sheets(path)
    except (ValueError, OSError, ImportError):
        return suffix_of(path) != ".txt"
    if all(_holds_results(one) for one in sheets):
        return False
    return suffix_of(path) != ".txt" or any(_holds_numbers(one, path) for one in sheets)


def _holds_results(sheet):
    heads = {cell for row in sheet.rows[:2] for cell in row if isinstance(cell, str)}
    return heads >= _OF_RESULTS


def _holds_numbers(sheet, path):
    try:
        find_block(sheet, path)
    except ValueError:
        return False
    return True


def _read_sheet(sheet, path, told, frame_interval, n_prebleach):
    _refuse_results(sheet, path)
    sheet = turned(sheet)
    block = side_by_side(find_block(sheet, path), path)
    _refuse_rows(block, path)
    time, how = _roles.time_column(block, told, path)
    places, words, index = _roles.candidates(block, time, told)
    if not places:
        raise ValueError(
            f"{path} has no column of intensities among {_roles.listed(block.names)}; a table has "
            "one for the bleached region, in each frame."
        )
    clock, clock_words, of_clock = clock_of(block, time, index, frame_interval, path)
    clock_words += f" ({how})" if how and how != "by its name" else ""
    roles, found = _roles.roles_by_name(block, places, told)
    if "bleach" in roles and roles["bleach"] is None:
        raise ArgumentError(Argument("columns"), " must name a column for bleach, got none.")
    runs = empty_runs(block.values[:, places])
    _refuse_texts(block, places, path)
    kept = np.isfinite(block.values[:, _needed(places, roles)]).all(axis=1)
    if kept.sum() < 4:
        raise ValueError(
            f"{path} has {kept.sum()} rows without empty cells; a recovery needs more."
        )
    block_kept = block._replace(values=block.values[kept], lines=block.lines[kept])
    gap = find_gap(clock[kept])
    falls = {
        k: find_fall(block_kept.values[:, k], gap) if _finite(block_kept, k) else None
        for k in places
    }
    if "bleach" not in roles:
        taken = {place for place in roles.values() if place is not None}
        roles["bleach"], found["bleach"] = _roles.bleached_by_numbers(
            block_kept, places, taken, falls
        )
    elif found["bleach"] != "told":
        _check_named(block_kept, places, roles, falls)
    bleach = roles["bleach"]
    fall = falls.get(bleach) or find_fall(block_kept.values[:, bleach], gap)
    unused = _roles.roles_by_numbers(block_kept, places, roles, found, fall)
    _refuse_units(block, time, roles, path)
    before = _before(clock, kept, runs, fall, n_prebleach, path)
    data = {role: _column(block_kept, roles.get(role)) for role in _roles.ROLES[1:]}
    findings, left_out = _left_out(block, kept, before, path)
    names = {role: block.names[place] for role, place in roles.items() if place is not None}
    sources = {"table": "; ".join(filter(None, [sheet.words, block.words]))}
    sources["frame times"] = clock_words
    for role, title in (
        ("bleach", "bleached region"),
        ("reference", "reference"),
        ("background", "background region"),
    ):
        if roles.get(role) is not None:
            sources[title] = f"column {names[role]!r}, {found[role]}"
    for title, text in (("other columns", words or unused), ("rows left out", left_out)):
        if text:
            sources[title] = text
    sources["prebleach frames"] = before.words
    return IntensityTable(
        name=path.stem,
        path=str(path),
        times_s=clock[kept],
        n_prebleach=before.n,
        n_bleach_recorded=before.recorded,
        bleach_times_s=before.empty,
        columns=names if time is None else {"time": block.names[time], **names},
        sources=sources,
        findings=(*of_clock, *findings),
        **data,
    )


def _needed(places, roles):
    """Return the columns without whose values a row is of no use: all that may get a role."""
    ignored = {role for role, place in roles.items() if place is None}
    if "bleach" in roles and {*roles} - ignored >= {*_roles.ROLES[1:]} - ignored:
        return [place for place in roles.values() if place is not None]
    return places


def _finite(block, place):
    return np.isfinite(block.values[:, place]).all()


def _column(block, place):
    return None if place is None else block.values[:, place].copy()


def _refuse_results(sheet, path):
    if _holds_results(sheet):
        raise ValueError(
            f"{path} holds results of skfrap, and not intensities; skfrap replicates averages them."
        )


def _refuse_rows(block, path):
    """Refuse a table whose series are rows."""
    n_rows, n_columns = block.values.shape
    if n_columns > _TRANSPOSED * n_rows:
        raise ValueError(
            f"{path} has {n_rows} rows and {n_columns} columns of numbers: its frames are columns; "
            "transpose it, so that there is a row for each frame, and keep one series in a file."
        )


def _refuse_units(block, time, roles, path):
    """Refuse times in per cent, logarithms, and what cannot be subtracted from the other."""
    if time is not None and block.names[time] in block.per_cent:
        raise ValueError(f"{path} has times in per cent in {block.names[time]!r}; give them in s.")
    taken = [block.names[k] for k in (roles["bleach"], roles.get("background")) if k is not None]
    for name in taken:
        if _LOGARITHM.search(name):
            raise ValueError(
                f"{path} has logarithms in {name!r}, by its name; give the intensities themselves."
            )
        if len(taken) > 1 and _SUM.search(name):
            raise ArgumentError(
                f"{path} has sums over a region in {name!r}, by its name, and regions differ in "
                "size, so that no background can be subtracted; give means, or leave it out (",
                Argument("columns"),
                ", as background=none).",
            )
    in_per_cent = [name for name in taken if name in block.per_cent or _IN_PER_CENT.search(name)]
    if 0 < len(in_per_cent) < len(taken):
        raise ValueError(
            f"{path} has the column {in_per_cent[0]!r} in per cent, and not both of "
            f"{_roles.listed(taken)}, of which the one is subtracted from the other; give both in "
            "one unit."
        )


def _refuse_texts(block, places, path):
    """Refuse text among the numbers."""
    for place in places:
        row = next((k for k, text in enumerate(block.texts[place]) if text), None)
        if row is not None:
            raise ValueError(
                f"line {block.lines[row]} of {path} has {block.texts[place][row][:40]!r} in "
                f"{block.names[place]!r}, where a number is expected; mend it, or leave it empty."
            )


def _check_named(block, places, roles, falls):
    """Refuse a column that is named as bleached where another one falls clearly more."""
    mine, names = falls.get(roles["bleach"]), block.names
    share = mine.share if mine else 0.0
    for place in places:
        other = falls[place]
        if place != roles["bleach"] and other and other.share > 2 * share + 0.1:
            raise ArgumentError(
                f"the column {names[roles['bleach']]!r} is named as bleached, and {names[place]!r} "
                f"falls more, by {100 * other.share:.0f} %; say which it is (",
                Argument("columns"),
                f", as bleach={names[place]}).",
            )


class _Before:
    """How many frames are before bleaching, and which were recorded meanwhile."""

    def __init__(self, n, recorded, empty, words):
        self.n, self.recorded, self.empty, self.words = n, recorded, empty, words


def _before(clock, kept, runs, fall, given, path):
    """Put bleaching between two frames: as told, by empty cells, by times, or by the fall."""
    n_frames, none = int(kept.sum()), np.empty(0)
    inside = [(a, b) for a, b in runs if kept[:a].any() and kept[b:].any()]
    places = [int(kept[:a].sum()) for a, _ in inside]
    if given is not None:
        n = check_count("n_prebleach", given)
        if n >= n_frames:
            raise ArgumentError(
                _PREBLEACH,
                f" is {n}, and {path} has {n_frames} frames; there must be frames after.",
            )
        empty = next(
            (clock[a:b] for (a, b), at in zip(inside, places, strict=True) if at == n), none
        )
        return _Before(n, 0, empty, "given")
    if len(inside) == 1:
        ((a, b),), (n,) = inside, places
        if fall is not None and fall.n_prebleach != n and fall.first != n:
            raise _unclear(
                f"cells of {path} are empty after {n} frames, and the bleached region falls after "
                f"{fall.n_prebleach}"
            )
        words = f"{n}, before {b - a} row{'s' * (b - a > 1)} with empty cells"
        recorded = fall.first - n if fall is not None and fall.n_prebleach == n else 0
        if recorded:
            words += f"; {recorded} after them recorded while bleaching"
        if fall is not None and fall.n_prebleach < n:
            words = (
                f"{fall.n_prebleach}, as seen; {n - fall.n_prebleach} more recorded while bleaching"
            )
            return _Before(fall.n_prebleach, n - fall.n_prebleach, clock[a:b], words)
        return _Before(n, recorded, clock[a:b], words)
    times = clock[kept]
    n_negative = int(np.sum(times < 0))
    if 1 <= n_negative < n_frames:
        if fall is not None and not fall.n_prebleach <= n_negative <= fall.first:
            raise _unclear(
                f"{n_negative} times of {path} are below 0, and the bleached region falls after "
                f"{fall.n_prebleach} frames"
            )
        recorded = 0
        n = n_negative
        words = f"{n}, at times below 0"
        if fall is not None and fall.first > fall.n_prebleach:
            n, recorded = fall.n_prebleach, fall.first - fall.n_prebleach
            words = f"{n}, as seen; {recorded} after them recorded while bleaching"
        return _Before(n, recorded, none, words)
    if fall is None:
        return _Before(None, 0, none, "not seen: no frame in which the bleached region falls dark")
    words = f"{fall.n_prebleach}, as seen: the bleached region falls by {100 * fall.share:.0f} %"
    recorded = fall.first - fall.n_prebleach
    if recorded:
        words += f"; {recorded} frame{'s' * (recorded > 1)} after them recorded while bleaching"
    return _Before(fall.n_prebleach, recorded, none, words)


def _unclear(why):
    return ArgumentError(
        f"{why}, so that it is not clear when bleaching was; give the number of frames before it (",
        _PREBLEACH,
        ").",
    )


def _left_out(block, kept, before, path):
    """Say which rows are left out for want of values, other than those at bleaching."""
    out = np.flatnonzero(~kept)
    at_bleaching = len(before.empty)
    other = len(out) - at_bleaching
    if other <= 0:
        return [], ""
    lines = [str(line) for line in block.lines[out][:6]]
    words = (
        f"{len(out)} of {len(kept)} rows have empty cells and are left out, lines "
        f"{', '.join(lines)}{', ...' if len(out) > 6 else ''}"
    )
    return [Finding.of("table_rows_left_out", words)], words
