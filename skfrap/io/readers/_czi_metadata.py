"""What the XML of a CZI file says: pixels, objective, scan, channels, regions, bleaching."""

import numpy as np

from skfrap.experiment import Circle, Ellipse, Polygon, Rectangle
from skfrap.io._bleaching import DrawnRegion
from skfrap.io.readers._stated import square_pixel
from skfrap.io.readers._vendors import number, text_at, whole

_IMAGE = "Metadata/Information/Image"
# Boxes that ZEN has for each region, by the bits of AcquisitionFlags: acquire, bleach, analyse.
_BLEACH, _ANALYSE = 2, 4
_SETTINGS = {
    "microscope": "Metadata/Information/Instrument/Microscopes/Microscope/System",
    "objective": "Metadata/Information/Instrument/Objectives/Objective/Manufacturer/Model",
    "objective NA": "Metadata/Information/Instrument/Objectives/Objective/LensNA",
    "magnification": "Metadata/Information/Instrument/Objectives/Objective/NominalMagnification",
    "immersion": "Metadata/Information/Instrument/Objectives/Objective/Immersion",
}
_OF_CHANNEL = {
    "dye": "Fluor",
    "excitation, nm": "ExcitationWavelength",
    "emission, nm": "EmissionWavelength",
    "pinhole, Airy units": "PinholeSizeAiry",
    "zoom": "LaserScanInfo/ZoomX",
    "pixel time, s": "LaserScanInfo/PixelTime",
    "frame time, s": "LaserScanInfo/FrameTime",
    "scan mode": "LaserScanInfo/ScanningMode",
    "averaging": "LaserScanInfo/Averaging",
    "detector gain": "DetectorSettings/Gain",
}


def pixel_size(root):
    """Return the size of a pixel, µm, and where it stood."""
    sides = {}
    for distance in root.iterfind("Metadata/Scaling/Items/Distance"):
        sides[distance.get("Id")] = number(text_at(distance, "Value"))
    x, y = sides.get("X"), sides.get("Y")
    if not x or x <= 0:
        return None, ""
    return square_pixel(1e6 * x, 1e6 * y if y else None, "CZI Scaling")


def channels_of(root):
    """Return the elements of the channels, by their order."""
    return root.findall(f"{_IMAGE}/Dimensions/Channels/Channel")


def acquisition_of(root, channel):
    """Return settings of the objective and the scan by name, each with where it stood."""
    found = {name: (text_at(root, place), place) for name, place in _SETTINGS.items()}
    if channel is not None:
        found |= {name: (text_at(channel, place), place) for name, place in _OF_CHANNEL.items()}
    return {
        name: (text, f"CZI {place.rpartition('/')[2]}")
        for name, (text, place) in found.items()
        if text
    }


def n_frames_of(root):
    """Return the number of points in time that the XML counts, or None."""
    return whole(text_at(root, f"{_IMAGE}/SizeT"))


def bits_of(root):
    """Return how many bits of a pixel are used, or None."""
    return whole(text_at(root, f"{_IMAGE}/ComponentBitCount"))


def date_of(root):
    """Return the date and time of the first frame, or of the file, ISO 8601."""
    places = (f"{_IMAGE}/AcquisitionDateAndTime", "Metadata/Information/Document/CreationDate")
    return next((text for text in (text_at(root, place) for place in places) if text), "")


def interval_of(root):
    """Return the increment of the axis of time, s, and where it stood."""
    step = number(text_at(root, f"{_IMAGE}/Dimensions/T/Positions/Interval/Increment"))
    return (step, "CZI T Interval") if step and step > 0 else (None, "")


def frame_scan(channel):
    """Return the time in which a frame is scanned, s, and where it stood."""
    seconds = None if channel is None else number(text_at(channel, "LaserScanInfo/FrameTime"))
    return (seconds, "CZI FrameTime") if seconds and seconds > 0 else (None, "")


def bleach_setup(root):
    """Return the frames before bleaching and the iterations that were set; None for what is not."""
    for setup in root.iter("BleachParameterSet"):
        start = whole(text_at(setup, "StartNumber"))
        by_number = text_at(setup, "StartEvent") in ("Number", "")
        return (start if by_number and start else None), whole(text_at(setup, "Cycles")) or None
    return None, None


def regions_of(root, shape, pixel, is_bleached):
    """Return the regions that were drawn.

    A region stands in the layer of annotations, in pixels, and again in that of the acquisition,
    in m from the middle of the image; it is listed once.

    Parameters
    ----------
    root : Element
    shape : tuple of int
        (ny, nx).
    pixel : float or None
        µm.
    is_bleached : bool
        Whether anything was bleached: where no region says what it is for, a single one was.

    Returns
    -------
    list of DrawnRegion
    """
    layers = {}
    for layer in root.iterfind("Metadata/Layers/Layer"):
        usage = text_at(layer, "Usage")
        unit = text_at(layer, "CoordinateUnitX") or "Pixel"
        frame = _frame_of(unit, shape, pixel)
        for element in layer.iterfind("Elements/*") if frame else ():
            region = _region(element, *frame)
            if region is not None:
                flags = _flags(text_at(element, "Attributes/AcquisitionFlags"))
                name = text_at(element, "Attributes/Name")
                layers.setdefault(usage, []).append((region, flags, name, f"CZI layer {usage!r}"))
    drawn = layers.get("Annotation") or layers.get("Acquisition") or []
    for usage, ones in layers.items():
        drawn = drawn if usage in ("Annotation", "Acquisition") else [*drawn, *ones]
    regions = []
    for region, flags, name, source in drawn:
        if flags is not None and flags & (_BLEACH | _ANALYSE):
            purposes = (("bleach", flags & _BLEACH), ("analysis", flags & _ANALYSE))
            kind = " and ".join(purpose for purpose, is_ticked in purposes if is_ticked)
            source += ", AcquisitionFlags"
        elif "leach" in source:
            kind = "bleach"
        elif flags is None and is_bleached and len(drawn) == 1:
            kind, source = "bleach", f"{source}, the only region, and there was bleaching"
        else:
            kind = "unknown"
        regions.append(DrawnRegion(region, kind, name, source))
    return regions


def _flags(text):
    try:
        return int(text, 0)
    except ValueError:
        return None


def _frame_of(unit, shape, pixel):
    """Return pixels per unit, and where the origin of coordinates is, in pixels."""
    if unit == "Pixel":
        return 1.0, 0.0, 0.0
    if unit == "Meter" and pixel:
        return 1e6 / pixel, 0.5 * shape[1], 0.5 * shape[0]
    return None


def _region(element, scale, x0, y0):
    """Return a drawn element as a region in pixels, or None for what is no area."""
    place = element.find("Geometry")
    value = {} if place is None else {one.tag: number(one.text) for one in place}

    def all_of(*names):
        found = [value.get(name) for name in names]
        return None if None in found else [scale * one for one in found]

    try:
        if element.tag == "Circle" and (found := all_of("CenterX", "CenterY", "Radius")):
            x, y, radius = found
            return Circle(radius, (x + x0, y + y0))
        if element.tag == "Ellipse":
            found = all_of("CenterX", "CenterY", "RadiusX", "RadiusY")
            if found:
                x, y, a, b = found
                turned = value.get("Rotation") or number(text_at(element, "Rotation")) or 0.0
                return Ellipse((a, b), float(np.degrees(turned)), (x + x0, y + y0))
        if element.tag == "Rectangle" and (found := all_of("Left", "Top", "Width", "Height")):
            left, top, width, height = found
            turned = number(text_at(element, "Rotation"))
            if not turned:
                return Rectangle(width, height, (left + width / 2 + x0, top + height / 2 + y0))
        if element.tag in ("Polygon", "Bezier", "ClosedPolyline") and place is not None:
            points = text_at(place, "Points").split()
            corners = [tuple(float(one) * scale for one in pair.split(",")) for pair in points]
            return Polygon([(x + x0, y + y0) for x, y in corners])
    except (ValueError, OverflowError):
        return None
    return None
