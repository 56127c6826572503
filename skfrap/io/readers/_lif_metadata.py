"""What the XML of a series in a file of Leica's says: axes, channels, time stamps, regions."""

from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from skfrap.experiment import Ellipse, Polygon, Rectangle
from skfrap.io._bleaching import DrawnRegion
from skfrap.io.readers._stated import S_PER_UNIT, UM_PER_UNIT, square_pixel, unit_factor
from skfrap.io.readers._vendors import number, whole

_AXES = {1: "X", 2: "Y", 3: "Z", 4: "T"}
_DIMENSIONS = "Data/Image/ImageDescription/Dimensions/DimensionDescription"
_CHANNELS = "Data/Image/ImageDescription/Channels/ChannelDescription"
_EPOCH = datetime(1601, 1, 1)
_TICKS = 10**7  # of a time stamp, per s
_MOST_STAMPS = 10**7
_POLYGON, _RECTANGLE, _ELLIPSE = 8, 16, 32  # kinds of regions
_SETTINGS = {
    "microscope": "SystemTypeName",
    "objective": "ObjectiveName",
    "objective NA": "NumericalAperture",
    "magnification": "Magnification",
    "immersion": "Immersion",
    "zoom": "Zoom",
    "scan speed, Hz": "ScanSpeed",
    "scan mode": "ScanMode",
    "pinhole, m": "Pinhole",
    "pinhole, Airy units": "PinholeAiry",
    "frame time, s": "FrameTime",
    "line averaging": "LineAverage",
    "frame averaging": "FrameAverage",
}


class Channel(NamedTuple):
    """One channel of a series.

    Attributes
    ----------
    name : str
    dtype : dtype
    bits : int
        That are used.
    offset : int
        Of its first pixel from that of the series, bytes.
    tag : int
        0 for grey; else which of red, green and blue.
    """

    name: str
    dtype: np.dtype
    bits: int
    offset: int
    tag: int


def _dimensions(element):
    for one in element.iterfind(_DIMENSIONS):
        code = whole(one.get("DimID"))
        yield _AXES.get(code, f"dimension {code}"), one


def sizes_of(element):
    """Return the length of each axis."""
    return {axis: whole(one.get("NumberOfElements")) or 0 for axis, one in _dimensions(element)}


def steps_of(element):
    """Return the bytes from one element to the next along each axis."""
    return {axis: whole(one.get("BytesInc")) or 0 for axis, one in _dimensions(element)}


def _step(element, wanted, units):
    """Return the distance of elements of one axis, in units of skfrap; None if it is not said."""
    for axis, one in _dimensions(element):
        length, n = number(one.get("Length")), whole(one.get("NumberOfElements")) or 0
        factor = unit_factor(one.get("Unit") or "", units)
        if axis == wanted and length and factor and n > 1:
            return abs(length) * factor / (n - 1)
    return None


def pixel_size(element):
    """Return the size of a pixel, µm, and where it stood."""
    x, y = (_step(element, axis, UM_PER_UNIT) for axis in "XY")
    return (None, "") if not x else square_pixel(x, y, "LIF DimensionDescription")


def interval_of(element):
    """Return the time from frame to frame by the axis of time, s, and where it stood."""
    step = _step(element, "T", S_PER_UNIT)
    return (step, "LIF DimensionDescription") if step else (None, "")


def channels_of(element):
    """Return the channels, in the order of the file."""
    found = []
    for k, one in enumerate(element.iterfind(_CHANNELS)):
        bits, kind = whole(one.get("Resolution")) or 0, one.get("DataType")
        if not 0 < bits <= 64 or kind not in ("0", "1"):
            raise ValueError(f"channel {k} has {bits} bits of type {kind}")
        n_bytes = next(n for n in (1, 2, 4, 8) if bits <= 8 * n)
        dtype = np.dtype(f"<{'f' if kind == '1' else 'u'}{n_bytes}")
        place = whole(one.get("BytesInc")) or 0
        name = one.get("LUTName") or f"channel {k}"
        found.append(Channel(name, dtype, bits, place, whole(one.get("ChannelTag")) or 0))
    return found


def time_stamps(element):
    """Return the time stamps of a series, in units of 100 ns since 1601; None without any."""
    listed = element.find("Data/Image/TimeStampList")
    if listed is None:
        return None
    pairs = listed.findall("TimeStamp")
    if pairs:  # before LAS 3.1
        ticks = [
            (int(one.get("HighInteger", "")) << 32) + int(one.get("LowInteger", ""))
            for one in pairs
        ]
    else:
        ticks = [int(word, 16) for word in (listed.text or "").split()]
    if len(ticks) > _MOST_STAMPS or not all(0 <= one < 2**63 for one in ticks):
        raise ValueError("time stamps are no times")
    return np.array(ticks, dtype=np.int64)


def date_of(stamp):
    """Return a time stamp as a date, ISO 8601; empty for one that is none.

    Examples
    --------
    >>> from skfrap.io.readers._lif_metadata import date_of
    >>> date_of(133594632005000000)
    '2024-05-06T10:00:00.500000'
    """
    try:
        moment = _EPOCH + timedelta(microseconds=int(stamp) // 10)
    except OverflowError:
        return ""
    return moment.isoformat(timespec="microseconds")


def _settings(element):
    """Return the elements of a series that hold settings of the scan."""
    places = ("ATLConfocalSettingDefinition", "ATLCameraSettingDefinition")
    return [one for place in places for one in element.iter(place)]


def acquisition_of(element):
    """Return settings of the objective and the scan by name, each with where it stood."""
    found = {}
    for setting in _settings(element):
        for name, attribute in _SETTINGS.items():
            text = (setting.get(attribute) or "").strip()
            if text:
                found.setdefault(name, (text, f"LIF {attribute}"))
    return found


def regions_of(element, shape, pixel):
    """Return the regions that were drawn for the scan of a series.

    They are in m from the middle of the field. What was scanned in the series of bleaching is what
    was bleached; of other series it is not known.
    """
    regions = []
    if not pixel:
        return regions
    for group in element.iter("Element"):
        single = group.find("Data/ROISingle")
        region = None if single is None else _region(single, shape, pixel)
        if region is not None:
            name = group.get("Name") or ""
            drawn = DrawnRegion(region, "unknown", name, "LIF ROISingle")
            if drawn not in regions:
                regions.append(drawn)
    return regions


def _region(single, shape, pixel):
    corners = [(number(p.get("X")), number(p.get("Y"))) for p in single.iterfind("Vertices/P")]
    if len(corners) < 2 or any(None in corner for corner in corners):
        return None
    corners = np.array(corners) * 1e6 / pixel
    change = single.find("Transformation")
    turn = (change is not None and number(change.get("Rotation"))) or 0.0
    scale, shift = np.ones(2), np.zeros(2)
    if change is not None:
        scale = _pair(change.find("Scaling"), "XScale", "YScale", 1.0)
        shift = _pair(change.find("Translation"), "X", "Y", 0.0) * 1e6 / pixel
    corners = corners * scale
    middle = np.array([0.5 * shape[1], 0.5 * shape[0]]) + shift
    kind = whole(single.get("RoiType"))
    low, high = corners.min(axis=0), corners.max(axis=0)
    sides, centre = high - low, tuple(float(one) for one in 0.5 * (low + high) + middle)
    try:
        if kind == _ELLIPSE:
            return Ellipse((sides[0] / 2, sides[1] / 2), float(np.degrees(turn)), centre)
        if kind == _RECTANGLE and not turn:
            return Rectangle(float(sides[0]), float(sides[1]), centre)
        if kind == _POLYGON and len(corners) > 2:
            turned = corners @ np.array(
                [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
            )
            return Polygon(tuple((float(x), float(y)) for x, y in turned + middle))
    except (ValueError, OverflowError):
        return None
    return None


def _pair(element, x, y, default):
    if element is None:
        return np.full(2, default)
    found = [number(element.get(name)) for name in (x, y)]
    return np.array([default if one is None else one for one in found])
