"""A clock that somebody gives beside the images: a time for each frame, from a file."""

import os
import re
from pathlib import Path

import numpy as np

from skfrap.io.readers._stated import checked_times, parse_dates, seconds_between
from skfrap.io.tables._units import UNITS, judge_unit, seconds_of_stamp, unit_of

_MOST_BYTES = 2**26
_TIME = re.compile(r"time|zeit|temps|clock|\bt\b|\bsec", re.I)


def given_times(times, n_frames):
    """Return the times of frames that were given, from 0 on, and where they stood.

    Parameters
    ----------
    times : path or array-like of shape (n_frames,)
        Seconds; or a text file with a time in each line, or a table with a column of times. Times
        are seconds, or what the head of their column names, with a decimal point or comma, or as
        0:01:02.5, or dates.
    n_frames : int

    Returns
    -------
    times : ndarray of shape (n_frames,)
    source : str
    findings : list of Finding
        Of their unit, where a file does not name it.

    Raises
    ------
    ValueError
        If there is not one for each frame, or they do not increase.
    """
    source, unit, remedy = "times, given", "s", {"remedy": "give times in s"}
    if isinstance(times, str | os.PathLike):
        source = f"times in {Path(times).name}"
        (values, unit), remedy = _read(Path(times)), {}
    else:
        values = np.asarray(times, dtype=float).ravel()
    if len(values) != n_frames:
        raise ValueError(
            f"{source}: {len(values)} for a series of {n_frames} frames; give one for each."
        )
    checked, words = checked_times(values, source)
    if checked is None:
        raise ValueError(f"{words}; give the time of each frame, in their order.")
    return checked, source, judge_unit(checked, unit, source, **remedy)


def _read(path):
    """Return times in s, and their unit; None where it is not named."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; times must be a file with one for each.")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} is too large to be a list of times.")
    text = path.read_bytes().decode("utf-8-sig", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{path} is empty, and should hold a time for each frame.")
    cut = next((one for one in ("\t", ";") if one in lines[0]), None)
    if cut is None and lines[0].count(",") and not _is_time(lines[0]):
        cut = ","
    rows = [[cell.strip(' "') for cell in line.split(cut)] if cut else [line] for line in lines]
    column, unit = 0, None
    if not _is_time(rows[0][0]) or len(rows[0]) > 1:
        named = [k for k, cell in enumerate(rows[0]) if _TIME.search(cell)]
        if not all(map(_is_time, rows[0])):
            column = (named or [0])[0]
            head, rows = rows[0], rows[1:]
            unit = unit_of(head[column]) if column < len(head) else None
    cells = [row[column] if column < len(row) else "" for row in rows]
    moments, _ = parse_dates(cells)
    if moments is not None:
        return seconds_between(moments), "date"
    stamps = [seconds_of_stamp(cell) for cell in cells]
    if cells and None not in stamps:
        return np.array(stamps), "h:min:s"
    try:
        times = np.array([float(cell.replace(",", ".")) for cell in cells])
        return times * UNITS.get(unit, 1.0), unit
    except ValueError as error:
        raise ValueError(
            f"{path} is not understood as a list of times ({error}); give a file with a time in s, "
            "or a date, in each line, or a table with a column named time."
        ) from None


def _is_time(cell):
    moments, _ = parse_dates([cell])
    if moments is not None or seconds_of_stamp(cell) is not None:
        return True
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
