"""The clock of a table: its times in seconds, whatever unit they have."""

import numpy as np

from skfrap._checks import Argument, ArgumentError, check_positive
from skfrap.io.readers._stated import given_differs
from skfrap.io.tables._roles import listed
from skfrap.io.tables._units import UNITS, judge_unit, seconds_of_stamp, unit_of

_DAYS = 1e9  # s, from which a time is one since the year 1
_LONGEST, _SHORTEST = 3600.0, 1e-6  # s, of an interval that is believed


def clock_of(block, time, index, frame_interval, path):
    """Return the time of each row in s, and where it is from.

    Parameters
    ----------
    block : Block
    time, index : int or None
        Columns of times, and of the frames' numbers.
    frame_interval : float or None
        As told, s.
    path : Path

    Returns
    -------
    times : ndarray of shape (n_rows,)
    words : str
    findings : list of Finding
        Of the unit, where it is not named or is an unlikely one.

    Raises
    ------
    ValueError
        If times are missing or do not increase, or there are none.
    """
    if frame_interval is not None:
        interval = check_positive("frame_interval", frame_interval, "number of seconds")
        numbers = _numbers(block, index)
        words, found = f"given, {interval:g} s between frames", []
        if time is not None:
            own = np.diff(_seconds(block, time, path)[0])
            if (np.abs(own / interval - 1) > 0.01).any():
                words += f"; the column {block.names[time]!r} has {np.median(own):.6g} s"
                if unit_of(block.names[time]) is not None:
                    step = float(np.median(own))
                    found = given_differs("frame_interval", interval, step, "s", "table")
        return interval * numbers, words, found
    if time is None:
        raise ArgumentError(
            f"{path} has no column of times among {listed(block.names)}: give the time between "
            "frames (",
            Argument("frame_interval"),
            ", s), or say which column it is (",
            Argument("columns"),
            ", as time=NAME).",
        )
    times, unit = _seconds(block, time, path)
    missing = np.flatnonzero(~np.isfinite(times))
    if len(missing):
        raise ValueError(
            f"line {block.lines[missing[0]]} of {path} has no time in {block.names[time]!r}; give "
            "a time to each frame, or leave the row out."
        )
    steps = np.diff(times)
    if (steps <= 0).any():
        line = block.lines[int(np.argmax(steps <= 0)) + 1]
        raise ValueError(
            f"times in {block.names[time]!r} of {path} must increase, and at line {line} they do "
            "not; one table is of one series."
        )
    if not _SHORTEST < np.median(steps) < _LONGEST:
        raise ValueError(
            f"times in {block.names[time]!r} of {path} are {np.median(steps):.3g} s apart, which "
            "no recording is; give the unit in the head, as Time [ms], or the time between frames."
        )
    named = unit_of(block.names[time]) if not any(block.texts[time]) else "h:min:s"
    found = judge_unit(times, named, f"the times in {block.names[time]!r}")
    return times, f"column {block.names[time]!r}, {unit}", found


def _numbers(block, index):
    if index is None:
        return np.arange(len(block.values), dtype=float)
    return block.values[:, index] - block.values[0, index]


def _seconds(block, time, path):
    """Return times in seconds, and words for their unit."""
    values, texts = block.values[:, time], block.texts[time]
    if any(texts):
        stamps = [seconds_of_stamp(one) for one in texts]
        wrong = next((k for k, one in enumerate(stamps) if one is None and texts[k]), None)
        if wrong is not None or np.isfinite(values).any():
            wrong = 0 if wrong is None else wrong
            raise ValueError(
                f"line {block.lines[wrong]} of {path} has {texts[wrong] or values[wrong]!r} in "
                f"{block.names[time]!r}, where all others are of another kind; times are numbers, "
                "or all as 0:01:02.5, or as 2024-05-06 10:01:02.5."
            )
        seconds = np.array([np.nan if one is None else one for one in stamps])
        dated = [one is not None and one > _DAYS for one in stamps]
        if not any(dated):
            return seconds, "as hours, minutes and seconds"
        if not all(dated):
            raise ValueError(
                f"some times in {block.names[time]!r} of {path} have a date, and others have none; "
                "write all of them alike."
            )
        return seconds - seconds[0], "as dates, from the first on"
    unit = unit_of(block.names[time])
    if unit is None:
        return values, "s, assumed: its name has no unit"
    return values * UNITS[unit], unit
