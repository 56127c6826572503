"""Units of time in the names of columns."""

import re

UNITS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "sekunden": 1.0,
    "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "µs": 1e-6, "μs": 1e-6, "us": 1e-6,
    "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0, "minuten": 60.0,
    "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
}  # fmt: skip
"""Seconds of each."""


def unit_of(name):
    """Return the unit in a column's name: in brackets, after the last underscore, or alone.

    Examples
    --------
    >>> from skfrap.io.tables._units import unit_of
    >>> [unit_of(one) for one in ("Axis [s]", "time_ms", "Time (min)", "[sec]", "time")]
    ['s', 'ms', 'min', 'sec', None]
    """
    found = re.findall(r"[\[(]\s*([^\[\]()]+?)\s*[\])]", name)
    parts = [*found[::-1], *re.split(r"[\s_,;:/.-]+", name)[::-1]]
    return next((one.lower() for one in parts if one.lower() in UNITS), None)
