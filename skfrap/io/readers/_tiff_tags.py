"""What a TIFF file says of its pixels and its clock, from each of the places it may say it.

Functions here return pairs as those of :mod:`skfrap.io.readers._stated`, which they read by.
"""

import json
from xml.etree import ElementTree

import numpy as np

from skfrap.io._recording import NOT_STATED
from skfrap.io.readers._stated import (
    S_PER_UNIT,
    UM_PER_UNIT,
    checked_times,
    first_stated,
    square_pixel,
    unit_factor,
)
from skfrap.results import Finding

INFO_KEY = "skfrap_series"
"""Name of the line ``skfrap_series = {JSON}`` that `write_series` adds to ImageJ's text 'Info'."""

# Printers' and screens' resolutions, which programs write where they know no pixel size.
_PLACEHOLDERS_DPI = np.array([1, 72, 75, 96, 100, 120, 144, 150, 200, 240, 300, 400, 600, 1200])
_PLAUSIBLE_UM = (1e-3, 100.0)
_LONG_S = 60.0  # a frame interval that may be meant in ms
_NONE_GIVEN = 1, 1  # the resolution tag, as tifffile writes it where it is given none


def pixel_from_resolution(x, y, unit):
    """Return the pixel size of TIFF resolution tags, unless they describe a printer.

    Parameters
    ----------
    x, y : float or None
        Units per pixel: the inverse of the tags.
    unit : int or None
        The ResolutionUnit tag: 2 inch (what the standard takes where there is none), 3 cm.
    """
    um = {None: 25400.0, 2: 25400.0, 3: 1e4}.get(unit)
    if um is None or x is None:
        return NOT_STATED
    per_inch = 25400 / (um * x)
    if np.isclose(per_inch, _PLACEHOLDERS_DPI, rtol=5e-3).any():
        return None, f"resolution tags of {per_inch:.4g} per inch are a placeholder"
    if not _PLAUSIBLE_UM[0] <= um * x <= _PLAUSIBLE_UM[1]:
        return None, f"resolution tags say {um * x:.4g} µm, which is no microscope's pixel"
    return square_pixel(um * x, None if y is None else um * y, "resolution tags")


def imagej_pixel(meta, x, y, resolution=None, stored=None):
    """Return the pixel size of ImageJ's unit and resolution tags, `x` and `y` units per pixel.

    Parameters
    ----------
    meta : dict
    x, y : float or None
    resolution : tuple of int, default=None
        The tag of `x` as it stands, (numerator, denominator). Of 1 over 1 nothing is known:
        tifffile writes it where it is given no resolution. ImageJ itself has a million in both.
    stored : dict, default=None
        What skfrap wrote of the file, by which 1 over 1 is believed.
    """
    unit = str(meta.get("unit", "")).strip()
    if x is None or unit.lower() in ("", "pixel", "pixels", "null"):
        return NOT_STATED
    x_factor = unit_factor(unit, UM_PER_UNIT)
    y_factor = unit_factor(meta.get("yunit", unit), UM_PER_UNIT)
    if x_factor is None or y_factor is None:
        return None, f"ImageJ's unit of length {unit!r} is not known"
    told = (stored or {}).get("pixel_size_um")
    if resolution == _NONE_GIVEN and (y is None or y == x) and told != x_factor * x:
        return None, f"ImageJ's unit of length {unit!r} without a resolution, for which 1 stands"
    if unit_factor(unit, {"cm": 1, "in": 1, "inch": 1, "inches": 1}):
        # where a printer's resolution comes from
        return pixel_from_resolution(x, y, 3 if x_factor == 1e4 else 2)
    y_um = None if y is None else y_factor * y
    return square_pixel(x_factor * x, y_um, "ImageJ resolution tags")


def imagej_interval(meta):
    """Return ImageJ's frame interval in s. Its 'fps' is the speed of playback, and is not read."""
    interval = _number(meta.get("finterval", 0))
    if interval == 0:
        return NOT_STATED
    factor = unit_factor(meta.get("tunit", "sec"), S_PER_UNIT)
    if factor is None:
        return None, f"ImageJ's unit of time {meta['tunit']!r} is not known"
    if not np.isfinite(interval) or interval < 0:
        return None, f"ImageJ's frame interval {meta['finterval']!r} is no time"
    return factor * interval, "ImageJ frame interval"


def judge_interval(meta):
    """Say of ImageJ's frame interval that its unit had to be assumed, if it is a long one."""
    interval, _ = imagej_interval(meta)
    if interval is None or interval < _LONG_S or meta.get("tunit"):
        return []
    words = f"ImageJ's frame interval of {interval:.6g} has no unit, and s is taken"
    return [Finding.of("time_unit_assumed", words)]


def judge_ome_clock(pixels, times):
    """Say that a clock of OME-XML whose unit is not written may be in ms, as a list of findings."""
    plane = pixels.find("{*}Plane")
    where = "DeltaT" if plane is not None and plane.get("DeltaT") is not None else "TimeIncrement"
    written = pixels if where == "TimeIncrement" else plane
    if times is None or written.get(f"{where}Unit") is not None:
        return []
    interval = float(np.median(np.diff(times)))
    if interval < _LONG_S:
        return []
    words = f"OME-XML's {where} has no unit, and s is taken: frames are {interval:.6g} s apart"
    return [Finding.of("time_unit_unlikely", words, remedy="give frame_interval in s")]


def stored_by_skfrap(meta):
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
            except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
                return {}  # cut or edited by another program
            except RecursionError:  # brackets within brackets, by the thousand
                return {}
    return {}


def stored_clock(stored, n_frames, interval):
    """Return the times that skfrap stored, unless another program has changed the series since."""
    times = stored.get("times_s")
    if times is None:
        return NOT_STATED
    if interval[0] is not None:
        # skfrap writes one or the other, so the interval was set later.
        return None, "times stored by skfrap are older than the frame interval"
    if len(times) != n_frames:
        return None, f"times stored by skfrap are for {len(times)} frames, not {n_frames}"
    return checked_times(times, "times stored by skfrap")


def exact_pixel(pixel, stored):
    """Return the pixel size as skfrap stored it, where the file's own tags still agree.

    Tags hold a ratio of 32-bit integers, so they agree to some digits only.
    """
    exact = stored.get("pixel_size_um", np.nan)
    if pixel[0] is None or not abs(exact / pixel[0] - 1) < 1e-4:
        return pixel
    return exact, pixel[1]


def foreign_info(meta):
    """Return the free text that ImageJ or another program stored."""
    return {key: meta[key] for key in ("Info", "Labels") if meta.get(key)}


def ome_pixels(xml, name):
    """Return the Pixels element of the image called `name`, or of the only image."""
    images = ElementTree.fromstring(xml).findall("{*}Image")
    if len(images) > 1:
        images = [image for image in images if image.get("Name") == name]
    return images[0].find("{*}Pixels") if len(images) == 1 else None


def ome_pixel(pixels):
    """Return the pixel size of OME-XML's PhysicalSizeX and Y, whose unit is µm unless given."""
    sides = {}
    for axis in "XY":
        text, unit = (pixels.get(f"PhysicalSize{axis}{end}") for end in ("", "Unit"))
        if text is None:
            continue
        factor = unit_factor(unit or "um", UM_PER_UNIT)
        if factor is None:
            return None, f"OME-XML's unit of length {unit!r} is not known"
        sides[axis] = _number(text) * factor
    if "X" not in sides:
        return NOT_STATED
    return square_pixel(sides["X"], sides.get("Y"), "OME-XML PhysicalSize")


def ome_clock(of_planes, increment, n_frames):
    """Return the times of OME-XML: DeltaT of each plane, else TimeIncrement."""
    candidates = [of_planes, increment]
    if of_planes[0] is not None:
        candidates[0] = checked_times(*of_planes)
    if increment[0] is not None:
        candidates[1] = checked_times(np.arange(n_frames) * increment[0], increment[1])
    return first_stated(candidates)


def ome_delta_t(pixels, axis, n_frames, channel):
    """Return the time that OME-XML gives of each plane, in order or not."""
    times = {}
    for plane in pixels.findall("{*}Plane"):
        if plane.get("DeltaT") is None or plane.get("TheC", "0") != str(channel):
            continue
        factor = unit_factor(plane.get("DeltaTUnit", "s"), S_PER_UNIT)
        if factor is None:
            return None, f"OME-XML's unit of time {plane.get('DeltaTUnit')!r} is not known"
        times[plane.get(f"The{axis}", "0")] = _number(plane.get("DeltaT")) * factor
    if not times:
        return NOT_STATED
    frames = [str(i) for i in range(n_frames)]
    if set(times) != set(frames):
        return None, f"OME-XML gives DeltaT for {len(times)} of {n_frames} frames"
    return np.array([times[frame] for frame in frames]), "OME-XML DeltaT of the planes"


def ome_increment(pixels):
    """Return the time from frame to frame that OME-XML gives for all of them."""
    text, unit = pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s")
    factor = unit_factor(unit, S_PER_UNIT)
    if text is None or _number(text) == 0:
        return NOT_STATED
    if factor is None:
        return None, f"OME-XML's unit of time {unit!r} is not known"
    return _number(text) * factor, "OME-XML TimeIncrement"


def _number(text):
    try:
        return float(str(text))
    except ValueError:
        return np.nan
