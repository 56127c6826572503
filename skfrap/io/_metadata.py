"""What a TIFF file says of its pixels and its clock, from each of the places it may say it.

Every reader here returns a pair ``(value, words)``: the value and where it stood, or ``None`` and
why there is none. Nothing is guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import numpy as np

Stated = tuple[Any, str]
"""A value and its source, or None and the reason (empty where the file says nothing at all)."""

INFO_KEY = "skfrap_series"
"""Name of the line ``skfrap_series = {JSON}`` that `write_series` adds to ImageJ's text 'Info'."""

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

# Printers' and screens' resolutions, which programs write where they know no pixel size.
_PLACEHOLDERS_DPI = np.array([1, 72, 75, 96, 100, 120, 144, 150, 200, 240, 300, 400, 600, 1200])
_PLAUSIBLE_UM = (1e-3, 100.0)


def first_stated(candidates: Iterable[Stated]) -> Stated:
    """Return the first candidate with a value, and say which earlier ones were set aside."""
    set_aside: list[str] = []
    for value, words in candidates:
        if value is not None:
            return value, words + (f" ({'; '.join(set_aside)})" if set_aside else "")
        if words:
            set_aside.append(words)
    return None, "; ".join(set_aside)


def unit_factor(unit: Any, factors: Mapping[str, float]) -> float | None:
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


# ---------------------------------------------------------------------------------------- clocks


def checked_times(times: Any, source: str) -> Stated:
    """Return times from the first frame on, or why they are no clock."""
    times = np.asarray(times, dtype=float)
    if not np.isfinite(times).all():
        return None, f"{source} are not all finite"
    if (np.diff(times) <= 0).any():
        return None, f"{source} do not increase from frame to frame"
    return times - times[0], source


def frame_times(
    n_frames: int, clock: Stated, interval: Stated, dates: Sequence[str | None], owner: str
) -> Stated:
    """Choose the most exact clock: times per frame, dates with fractions, an interval, whole s."""
    by_date, in_fractions = times_from_dates(dates, f"DateTime tags of the {owner}")
    by_interval = interval
    if interval[0] is not None:
        by_interval = (np.arange(n_frames) * interval[0], interval[1])
    rest = (by_date, by_interval) if in_fractions else (by_interval, by_date)
    times, words = first_stated((clock, *rest))
    return times, words or "the file does not say"


def times_from_dates(dates: Sequence[str | None], source: str) -> tuple[Stated, bool]:
    """Return times from one date per frame, and whether the dates hold fractions of a second."""
    moments, words = parse_dates(dates)
    if moments is None:
        return (None, f"{source}: {words}" if words else ""), False
    in_fractions = any(moment.microsecond for moment in moments)
    words = source if in_fractions else f"{source} (whole seconds)"
    return checked_times(seconds_between(moments), words), in_fractions


def parse_dates(dates: Sequence[str | None]) -> tuple[list[datetime] | None, str]:
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


def seconds_between(moments: Sequence[datetime]) -> np.ndarray:
    """Return the moments in s after the first."""
    return np.array([(moment - moments[0]).total_seconds() for moment in moments])


_DATE = re.compile(
    r"(?:(?P<year>\d{4})(?P<sep>[:\-/.]?)(?P<month>\d{2})(?P=sep)(?P<day>\d{2})"
    r"|(?P<us_month>\d{1,2})/(?P<us_day>\d{1,2})/(?P<us_year>\d{4}))"
    r"[ T]+(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?"
    r"\s*(?P<half>[AaPp][Mm])?\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?"
)


def parse_date(text: str) -> datetime | None:
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


# ----------------------------------------------------------------------------------- pixel sizes


def square_pixel(x_um: float, y_um: float | None, source: str, path: Any) -> Stated:
    """Return the side of a square pixel; raise ValueError where it is not square."""
    y_um = x_um if y_um is None else y_um
    if not all(np.isfinite(size) and size > 0 for size in (x_um, y_um)):
        return None, f"{source}: {x_um:g} by {y_um:g} µm is no pixel size"
    if abs(x_um / y_um - 1) > 1e-3:
        raise ValueError(
            f"{path}: pixels are {x_um:.6g} µm wide and {y_um:.6g} µm high ({source}); skfrap "
            "needs square ones: resample the images, or correct the file's calibration"
        )
    return x_um, source


def pixel_from_resolution(x: float | None, y: float | None, unit: Any, path: Any) -> Stated:
    """Return the pixel size of TIFF resolution tags, unless they describe a printer.

    Parameters
    ----------
    x, y : float or None
        Units per pixel: the inverse of the tags.
    unit : int or None
        The ResolutionUnit tag: 2 inch (what the standard takes where there is none), 3 cm.
    path : path
        For messages.
    """
    um = {None: 25400.0, 2: 25400.0, 3: 1e4}.get(unit)
    if um is None or x is None:
        return None, ""
    per_inch = 25400 / (um * x)
    if np.isclose(per_inch, _PLACEHOLDERS_DPI, rtol=5e-3).any():
        return None, f"resolution tags of {per_inch:.4g} per inch are a placeholder"
    if not _PLAUSIBLE_UM[0] <= um * x <= _PLAUSIBLE_UM[1]:
        return None, f"resolution tags say {um * x:.4g} µm, which is no microscope's pixel"
    return square_pixel(um * x, None if y is None else um * y, "resolution tags", path)


# ---------------------------------------------------------------------------------------- ImageJ


def imagej_pixel(meta: Mapping[str, Any], x: float | None, y: float | None, path: Any) -> Stated:
    """Return the pixel size of ImageJ's unit and resolution tags, `x` and `y` units per pixel."""
    unit = str(meta.get("unit", "")).strip()
    if x is None or unit.lower() in ("", "pixel", "pixels", "null"):
        return None, ""
    x_factor = unit_factor(unit, UM_PER_UNIT)
    y_factor = unit_factor(meta.get("yunit", unit), UM_PER_UNIT)
    if x_factor is None or y_factor is None:
        return None, f"ImageJ's unit of length {unit!r} is not known"
    if unit_factor(unit, {"cm": 1, "in": 1, "inch": 1, "inches": 1}):
        # where a printer's resolution comes from
        return pixel_from_resolution(x, y, 3 if x_factor == 1e4 else 2, path)
    y_um = None if y is None else y_factor * y
    return square_pixel(x_factor * x, y_um, "ImageJ resolution tags", path)


def imagej_interval(meta: Mapping[str, Any]) -> Stated:
    """Return ImageJ's frame interval in s. Its 'fps' is the speed of playback, and is not read."""
    interval = _number(meta.get("finterval", 0))
    if interval == 0:
        return None, ""
    factor = unit_factor(meta.get("tunit", "sec"), S_PER_UNIT)
    if factor is None:
        return None, f"ImageJ's unit of time {meta['tunit']!r} is not known"
    if not np.isfinite(interval) or interval < 0:
        return None, f"ImageJ's frame interval {meta['finterval']!r} is no time"
    return factor * interval, "ImageJ frame interval"


def stored_by_skfrap(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `write_series` stored in ImageJ's Info, {} where there is nothing of it."""
    info = meta.get("Info")
    for line in info.splitlines() if isinstance(info, str) else ():
        key, _, text = line.partition(" = ")
        if key.strip() == INFO_KEY:
            try:
                stored = json.loads(text)
                times = stored.get("times_s")
                return {
                    "pixel_size_um": float(stored["pixel_size_um"]),
                    "times_s": None if times is None else [float(time) for time in times],
                    "info": dict(stored["info"]),
                }
            except (ValueError, KeyError, TypeError, AttributeError):
                return {}  # cut or edited by another program
    return {}


def stored_clock(stored: Mapping[str, Any], n_frames: int, interval: Stated) -> Stated:
    """Return the times that skfrap stored, unless another program has changed the series since."""
    times = stored.get("times_s")
    if times is None:
        return None, ""
    if interval[0] is not None:
        # skfrap writes one or the other, so the interval was set later.
        return None, "times stored by skfrap are older than the frame interval"
    if len(times) != n_frames:
        return None, f"times stored by skfrap are for {len(times)} frames, not {n_frames}"
    return checked_times(times, "times stored by skfrap")


def exact_pixel(size: Stated, stored: Mapping[str, Any]) -> Stated:
    """Return the pixel size as skfrap stored it, where the file's own tags still agree.

    Tags hold a ratio of 32-bit integers, so they agree to some digits only.
    """
    exact = stored.get("pixel_size_um", np.nan)
    if size[0] is None or not abs(exact / size[0] - 1) < 1e-4:
        return size
    return exact, size[1]


def foreign_info(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the free text that ImageJ or another program stored."""
    return {key: meta[key] for key in ("Info", "Labels") if meta.get(key)}


# ------------------------------------------------------------------------------------------- OME


def ome_pixels(xml: str, name: str) -> ElementTree.Element | None:
    """Return the Pixels element of the image called `name`, or of the only image."""
    images = ElementTree.fromstring(xml).findall("{*}Image")
    if len(images) > 1:
        images = [image for image in images if image.get("Name") == name]
    return images[0].find("{*}Pixels") if len(images) == 1 else None


def ome_pixel(pixels: ElementTree.Element, path: Any) -> Stated:
    """Return the pixel size of OME-XML's PhysicalSizeX and Y, whose unit is µm unless given."""
    sizes = {}
    for axis in "XY":
        text, unit = (pixels.get(f"PhysicalSize{axis}{end}") for end in ("", "Unit"))
        if text is None:
            continue
        factor = unit_factor(unit or "um", UM_PER_UNIT)
        if factor is None:
            return None, f"OME-XML's unit of length {unit!r} is not known"
        sizes[axis] = _number(text) * factor
    if "X" not in sizes:
        return None, ""
    return square_pixel(sizes["X"], sizes.get("Y"), "OME-XML PhysicalSize", path)


def ome_clock(pixels: ElementTree.Element, axis: str, n_frames: int, channel: int) -> Stated:
    """Return the times of OME-XML: DeltaT of each plane, else TimeIncrement."""
    return first_stated(
        (_ome_delta_t(pixels, axis, n_frames, channel), _ome_increment(pixels, n_frames))
    )


def _ome_delta_t(pixels: ElementTree.Element, axis: str, n_frames: int, channel: int) -> Stated:
    times = {}
    for plane in pixels.findall("{*}Plane"):
        if plane.get("DeltaT") is None or plane.get("TheC", "0") != str(channel):
            continue
        factor = unit_factor(plane.get("DeltaTUnit", "s"), S_PER_UNIT)
        if factor is None:
            return None, f"OME-XML's unit of time {plane.get('DeltaTUnit')!r} is not known"
        times[plane.get(f"The{axis}", "0")] = _number(plane.get("DeltaT")) * factor
    if not times:
        return None, ""
    frames = [str(i) for i in range(n_frames)]
    if set(times) != set(frames):
        return None, f"OME-XML gives DeltaT for {len(times)} of {n_frames} frames"
    return checked_times([times[frame] for frame in frames], "OME-XML DeltaT of the planes")


def _ome_increment(pixels: ElementTree.Element, n_frames: int) -> Stated:
    text, unit = pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s")
    factor = unit_factor(unit, S_PER_UNIT)
    if text is None or _number(text) == 0:
        return None, ""
    if factor is None:
        return None, f"OME-XML's unit of time {unit!r} is not known"
    return checked_times(np.arange(n_frames) * _number(text) * factor, "OME-XML TimeIncrement")


def _number(text: Any) -> float:
    try:
        return float(str(text))
    except ValueError:
        return np.nan
