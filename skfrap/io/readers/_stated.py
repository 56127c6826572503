"""What files say of pixels and clocks, whatever their format: units, dates, which clock to trust.

Functions here return pairs ``(value, words)``: the value and where it stood, or None and why there
is none. Nothing is guessed.
"""

import re
from datetime import datetime

import numpy as np

from skfrap.results import Finding

UM_PER_UNIT = {
    "pm": 1e-6, "angstrom": 1e-4, "å": 1e-4, "nm": 1e-3, "nanometer": 1e-3,
    "um": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "micrometre": 1.0,
    "mm": 1e3, "millimeter": 1e3, "cm": 1e4, "centimeter": 1e4, "m": 1e6, "meter": 1e6,
    "in": 25400.0, "inch": 25400.0, "inches": 25400.0,
}  # fmt: skip
S_PER_UNIT = {
    "ns": 1e-9, "us": 1e-6, "usec": 1e-6, "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3,
    "milliseconds": 1e-3, "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0, "d": 86400.0, "day": 86400.0,
}  # fmt: skip

SQUARE_WITHIN = 0.02
"""How far the sides of a pixel may differ, so that their mean serves as its size."""

CLOCKS_WITHIN = 0.1
"""How far two clocks may differ: what was asked for, and what a microscope made of it."""

_DATE = re.compile(
    r"(?:(?P<year>\d{4})(?P<sep>[:\-/.]?)(?P<month>\d{2})(?P=sep)(?P<day>\d{2})"
    r"|(?P<us_month>\d{1,2})/(?P<us_day>\d{1,2})/(?P<us_year>\d{4}))"
    r"[ T]+(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?"
    r"\s*(?P<half>[AaPp][Mm])?\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?"
)


def first_stated(candidates):
    """Return the first candidate with a value, and say which earlier ones were set aside."""
    set_aside = []
    for value, words in candidates:
        if value is not None:
            return value, words + (f" ({'; '.join(set_aside)})" if set_aside else "")
        if words:
            set_aside.append(words)
    return None, "; ".join(set_aside)


def unit_factor(unit, factors):
    r"""Return what one `unit` is in µm or s, None for a unit that is not known.

    Examples
    --------
    >>> unit_factor("\\u00B5m", UM_PER_UNIT), unit_factor("ms", S_PER_UNIT)
    (1.0, 0.001)
    """
    name = str(unit).strip().strip('"').lower()
    # Micro comes as ImageJ's escape, as either of two characters, and as mis-decoded UTF-8.
    for micro in ("\\u00b5", "\\u03bc", "â\xb5", "\xb5", "\u03bc"):
        name = name.replace(micro, "u")
    return factors.get(name)


def checked_times(times, source):
    """Return times from the first frame on, or why they are no clock."""
    times = np.asarray(times, dtype=float)
    if not np.isfinite(times).all():
        return None, f"{source} are not all finite"
    if (np.diff(times) <= 0).any():
        return None, f"{source} do not increase from frame to frame"
    return times - times[0], source


def frame_times(n_frames, clock, interval, dates, owner):
    """Choose the most exact clock: times per frame, dates with fractions, an interval, whole s."""
    by_date, in_fractions = times_from_dates(dates, f"DateTime tags of the {owner}")
    by_interval = interval
    if interval[0] is not None:
        by_interval = (np.arange(n_frames) * interval[0], interval[1])
    rest = (by_date, by_interval) if in_fractions else (by_interval, by_date)
    times, words = first_stated((clock, *rest))
    return times, words or "the file does not say"


def times_from_dates(dates, source):
    """Return times from one date per frame, and whether the dates hold fractions of a second."""
    moments, words = parse_dates(dates)
    if moments is None:
        return (None, f"{source}: {words}" if words else ""), False
    in_fractions = any(moment.microsecond for moment in moments)
    words = source if in_fractions else f"{source} (whole seconds)"
    return checked_times(seconds_between(moments), words), in_fractions


def parse_dates(dates):
    """Return the moments that all of the dates name, or None and why (nothing if none is given)."""
    if not any(dates):
        return None, ""
    if not all(dates):
        return None, "not every one has a date"
    moments = []
    for date in dates:
        moment = parse_date(date or "")
        if moment is None:
            return None, f"{date!r} is not in a known form"
        moments.append(moment)
    if len({moment.tzinfo is None for moment in moments}) > 1:
        return None, "only some have a time zone"
    return moments, ""


def seconds_between(moments):
    """Return the moments in s after the first."""
    return np.array([(moment - moments[0]).total_seconds() for moment in moments])


def parse_date(text):
    """Read a date as cameras write it, to the microsecond; None where the form is not known.

    The TIFF standard's ``2010:04:29 13:01:42``, with or without fractions of a second; ISO 8601;
    MetaMorph's ``20100429 13:01:42.718``; Image-Pro's ``04/29/2010 01:01:42.718 PM``. Dates with
    slashes need AM or PM: without, they may be day first.

    Examples
    --------
    >>> parse_date("04/29/2010 12:00:00.500 AM")
    datetime.datetime(2010, 4, 29, 0, 0, 0, 500000)
    """
    match = _DATE.fullmatch(text.strip("\0 \r\n\t"))
    if match is None:
        return None
    part = match.groupdict()
    hour, half = int(part["hour"]), part["half"]
    if half is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    elif part["year"] is None:
        return None
    year, month, day = (int(part["us_" + name] or part[name]) for name in ("year", "month", "day"))
    minute, second = int(part["minute"]), int(part["second"])
    microsecond = int((part["fraction"] or "0").ljust(6, "0")[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, microsecond)
        if part["zone"]:
            # Python 3.11 reads a bare Z and offsets with or without a colon.
            zone = datetime.fromisoformat("2000-01-01T00:00:00" + part["zone"]).tzinfo
            moment = moment.replace(tzinfo=zone)
    except ValueError:  # no such day or hour, such as the standard's placeholder of zeros
        return None
    return moment


def square_pixel(x_um, y_um, source):
    """Return the side of a pixel: the mean where it is square to 2 %, and else none."""
    y_um = x_um if y_um is None else y_um
    if not all(np.isfinite(side) and side > 0 for side in (x_um, y_um)):
        return None, f"{source}: {x_um:g} by {y_um:g} µm is no pixel size"
    off = abs(x_um / y_um - 1)
    if off <= 1e-5:  # as fractions in tags
        return x_um, source
    sides = f"pixels are {x_um:.6g} µm wide and {y_um:.6g} µm high"
    if off <= SQUARE_WITHIN:
        return 0.5 * (x_um + y_um), f"{source}, the mean: {sides}"
    return None, f"{source}: {sides}, which is not square: resample the images, or give one size"


def find_contradiction(times, source, clocks):
    """Compare the clock that was taken with all others that a file has.

    Parameters
    ----------
    times : ndarray of shape (n_frames,)
        That were taken.
    source : str
        Where they stood.
    clocks : sequence of pairs
        A time from frame to frame, or the times of all frames, in order or not, in s; and where it
        stood.

    Returns
    -------
    str
        What contradicts what, in words; empty if nothing does.

    Examples
    --------
    >>> import numpy as np

    from skfrap.results import Finding
    >>> from skfrap.io.readers._stated import find_contradiction
    >>> find_contradiction(0.5 * np.arange(10), "stamps", [(0.51, "header")])
    ''
    >>> find_contradiction(0.5 * np.arange(10), "stamps", [(2.0, "header")])
    'by stamps frames are 0.5 s apart, and by header 2 s'
    """
    own = np.diff(times)
    for values, words in clocks:
        if words == source or (np.ndim(values) == 0 and not (np.isfinite(values) and values > 0)):
            continue
        if np.ndim(values) == 0:
            other = np.array([float(values)])
        else:
            other = np.diff(np.asarray(values, dtype=float))
            other = other[np.isfinite(other) & (other > 0)]
            if 2 * len(other) < len(own):  # mostly zeros stand where nothing is known
                continue
        if not _agree(own, other, 1.0 if "whole seconds" in f"{source} {words}" else 0.0):
            a, b = np.median(own), np.median(other)
            return f"by {source} frames are {a:.4g} s apart, and by {words} {b:.4g} s"
    return ""


def _agree(own, other, slack):
    """Tell whether intervals of two clocks may be those of one recording."""
    if len(other) == 1 and len(own) > 1:
        # That may be the one from which others depart, as where frames are fast at first.
        alike = np.abs(own - other[0]) <= CLOCKS_WITHIN * other[0] + slack
        return alike.mean() >= 0.2 or _close(own.mean(), other[0], slack / len(own))
    return _close(own.mean(), other.mean(), slack / len(own)) or _close(
        np.median(own), np.median(other), 0.0
    )


def _close(a, b, slack):
    return abs(a - b) <= CLOCKS_WITHIN * max(a, b) + slack


def given_differs(name, given, own, unit, whose="file"):
    """Say that a value which is given is clearly another than the file's, as findings."""
    if given is None or own is None or abs(given / own - 1) <= CLOCKS_WITHIN:
        return []
    words = f"{name} is given, {given:.6g} {unit}, and the {whose} says {own:.6g} {unit}"
    return [Finding.of("given_value_differs", words, name)]
