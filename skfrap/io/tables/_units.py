"""Units of time in the names of columns, and clocks that have none."""

import datetime
import re

import numpy as np

from skfrap.results import Finding

UNITS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "sekunde": 1.0,
    "sekunden": 1.0, "secondes": 1.0, "segundos": 1.0, "secondi": 1.0,
    "ms": 1e-3, "msec": 1e-3, "msecs": 1e-3, "millisec": 1e-3, "millisecs": 1e-3,
    "millisecond": 1e-3, "milliseconds": 1e-3, "millisekunden": 1e-3, "millisecondes": 1e-3,
    "µs": 1e-6, "μs": 1e-6, "us": 1e-6, "usec": 1e-6, "microseconds": 1e-6,
    "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0, "minuten": 60.0, "minutos": 60.0,
    "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0, "hours": 3600.0, "stunden": 3600.0,
}  # fmt: skip
"""Seconds of each."""

_LONG, _SHORT = 60.0, 1e-3  # s, of an interval beyond which another unit is likelier
_TOLD = "name the unit in the head, as Time [s] or Time [ms], or give frame_interval in s"

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d?):(\d\d):(\d\d(?:[.,]\d+)?)")
_STAMP = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)")


def seconds_of_stamp(text):
    """Return the seconds of a time as 0:01:02.5 or 1:02.5, or of a date; None for other text.

    Dates count from the year 1, and are as 2024-05-06 10:01:02.5: no other order is clear.

    Examples
    --------
    >>> from skfrap.io.tables._units import seconds_of_stamp
    >>> seconds_of_stamp("0:01:02.5"), seconds_of_stamp("1:02,5"), seconds_of_stamp("62.5")
    (62.5, 62.5, None)
    >>> seconds_of_stamp("2024-05-06 10:01:02.5") - seconds_of_stamp("2024-05-06 10:00:00")
    62.5
    """
    date = _DATE.fullmatch(text)
    if date is not None:
        try:
            days = datetime.date.fromisoformat(date[1]).toordinal()
        except ValueError:
            return None
        return 86_400.0 * days + _seconds(*date.groups()[1:])
    match = _STAMP.fullmatch(text)
    if match is None:
        return None
    return _seconds(*match.groups())


def _seconds(hours, minutes, seconds):
    return 3600 * float(hours or 0) + 60 * float(minutes) + float(seconds.replace(",", "."))


def unit_of(name):
    """Return the unit in a column's name: in brackets, after the last underscore, or alone.

    Examples
    --------
    >>> from skfrap.io.tables._units import unit_of
    >>> [unit_of(one) for one in ("Axis [s]", "time_ms", "Time (min)", "[sec]", "TimeMs", "time")]
    ['s', 'ms', 'min', 'sec', 'ms', None]
    """
    found = re.findall(r"[\[({]\s*([^\[\](){}]+?)\.?\s*[\])}]", name)
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    parts = [*found[::-1], *re.split(r"[\s_,;:/.(){}\[\]-]+", apart)[::-1]]
    return next((one.lower() for one in parts if one.lower() in UNITS), None)


def judge_unit(times, unit, where, remedy=_TOLD):
    """Say of a clock that its unit had to be assumed, or that it is an unlikely one.

    Parameters
    ----------
    times : ndarray of shape (n_frames,)
        As they were taken, s.
    unit : str or None
        That is named; None where s was assumed.
    where : str
        Which times they are, for the words.
    remedy : str, default: to name the unit in the head

    Returns
    -------
    list of Finding

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.io.tables._units import judge_unit
    >>> [one.code for one in judge_unit(500.0 * np.arange(9), None, "times")]
    ['time_unit_unlikely']
    >>> judge_unit(500.0 * np.arange(9), "s", "times")
    []
    """
    steps = np.diff(times)
    interval = float(np.median(steps)) if len(steps) else np.nan
    if interval < _SHORT:
        likelier = "is s" if UNITS.get(unit) == 1e-3 else "is a larger one"
        words = (
            f"frames are {interval:.3g} s apart by {where}, in {unit or 's, as no unit is named'}: "
            f"see whether their unit {likelier}"
        )
        return [Finding.of("time_unit_unlikely", words, remedy=remedy)]
    if unit is not None:
        return []
    if interval >= _LONG:
        words = (
            f"no unit of {where} is named; in s frames would be {interval:.4g} s apart, and in ms "
            f"{1e-3 * interval:.4g} s, with D 1000 times as large"
        )
        return [Finding.of("time_unit_unlikely", words, remedy=remedy)]
    words = f"no unit of {where} is named, and s is taken: frames are {interval:.4g} s apart"
    if np.allclose(steps, 1.0, rtol=0, atol=1e-9):
        words += ", as if they were counted"
    return [Finding.of("time_unit_assumed", words, remedy=remedy)]
