"""ImageJ's regions of interest, as files of the ROI Manager hold them, read and written.

ImageJ counts from the corner of the image, as skfrap does: the centre of the first pixel is at
(0.5, 0.5) pixels, and a rectangle at 10 of width 3 covers the pixels 10, 11 and 12.
"""

import importlib
import io
import logging
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from skfrap._checks import check_positive
from skfrap._files import write_bytes
from skfrap.experiment import Circle, Ellipse, Mask, Polygon, Rectangle
from skfrap.io._roi_shapes import (
    even_odd_fractions,
    outlines_of,
    paths_of,
    rounded_rectangle,
)

SUFFIXES = (".roi", ".zip")
_MOST_BYTES = 64 * 2**20  # of one file, unpacked
_MOST_ROIS = 10_000
_NAMED = re.compile(r"^(?P<file>.*\.(?:roi|zip))(?::(?P<name>.+))?$", re.IGNORECASE | re.DOTALL)
_AREAS = "an oval, rectangle, polygon, freehand or traced selection, or several of these combined"
_NO_AREA = {"LINE": "a line", "FREELINE": "a line", "POLYLINE": "a line", "ANGLE": "an angle"}
_NO_AREA |= {"POINT": "points", "NOROI": "no selection", "UNKNOWN": "of an unknown kind"}


def split_name(text: Any) -> tuple[str, str] | None:
    """Tell a file of regions, and which of them is meant, from other text.

    Parameters
    ----------
    text : object
        As ``"rois.zip"``, ``"rois.zip:nucleus"`` or ``"spot.roi"``.

    Returns
    -------
    tuple of str, or None
        The file, and the name or nothing. None where the text is something else.

    Examples
    --------
    >>> from skfrap.io._rois import split_name
    >>> split_name("rois.zip:nucleus"), split_name("circle:15")
    (('rois.zip', 'nucleus'), None)
    """
    found = _NAMED.match(str(text)) if isinstance(text, str | os.PathLike) else None
    return (found["file"], found["name"] or "") if found else None


def read_rois(
    path: str | os.PathLike[str],
    pixel_size: float,
    shape: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Read the regions that ImageJ's ROI Manager has saved.

    Parameters
    ----------
    path : path
        Of a ``.roi`` file, or of a ``.zip`` of several.
    pixel_size : float
        Side of a pixel of the image in which they were drawn, µm.
    shape : tuple of int, default=None
        (ny, nx), the pixels of that image. Needed for selections with holes or in several parts,
        and for outlines that cross themselves, which are masks.

    Returns
    -------
    dict of str to Circle, Ellipse, Rectangle, Polygon or Mask
        By their names, in the order of the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, or a region has no area; the message names it.
    ImportError
        If roifile is not installed.

    See Also
    --------
    write_rois : Writes such a file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skfrap import Circle, Polygon
    >>> from skfrap.io import read_rois, write_rois
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "rois.zip"
    >>> write_rois(path, {"spot": Circle(2.0, (8.0, 6.0)),
    ...                   "cell": Polygon([(1.0, 1.0), (15.0, 1.0), (8.0, 12.0)])}, pixel_size=0.5)
    >>> read_rois(path, pixel_size=0.5)["spot"]
    Circle(radius=2.0, center=(8.0, 6.0))
    """
    path = Path(path)
    pixel = check_positive("pixel_size", pixel_size, "number of µm")
    return {name: _region(roi, name, path, pixel, shape) for name, roi in _read(path).items()}


def read_roi(text, pixel_size, shape, wanted=()):
    """Read one region of a file: that which is named, or the only one there can be meant.

    Parameters
    ----------
    text : str
        As of :func:`split_name`.
    pixel_size : float
        µm.
    shape : tuple of int
        (ny, nx).
    wanted : sequence of str, default=()
        Words in the name of the region that is meant where none is named, as "bleach".

    Returns
    -------
    region : Circle, Ellipse, Rectangle, Polygon or Mask
    name : str

    Raises
    ------
    ValueError
        If there is no such region, or it is not clear which is meant.
    """
    file, name = split_name(text)
    rois = _read(Path(file))
    there = ", ".join(map(repr, [*rois][:20])) + (", ..." if len(rois) > 20 else "")
    if name:
        folded = [one for one in rois if one.casefold() == name.casefold()]
        if name not in rois and len(folded) != 1:
            raise ValueError(f"{file} has no region {name!r}; it has {there}.")
        name = name if name in rois else folded[0]
    elif len(rois) == 1:
        (name,) = rois
    else:
        named = [one for one in rois if any(word in one.casefold() for word in wanted)]
        if len(named) != 1:
            raise ValueError(
                f"{file} has {len(rois)} regions, {there}; say which, as {file}:{next(iter(rois))}."
            )
        (name,) = named
    return _region(rois[name], name, Path(file), pixel_size, shape), name


def write_rois(
    path: str | os.PathLike[str],
    regions: Mapping[str, Any],
    pixel_size: float,
    shape: tuple[int, int] | None = None,
) -> None:
    """Write regions so that ImageJ's ROI Manager opens them.

    Parameters
    ----------
    path : path
        A ``.zip``, or a ``.roi`` for a single one.
    regions : mapping of str to region
        By their names: Circle, Ellipse, Rectangle, Polygon or Mask. Of a mask ImageJ gets the
        pixels of which at least half is inside.
    pixel_size : float
        Side of a pixel of the image, µm.
    shape : tuple of int, default=None
        (ny, nx), the pixels of the image; needed for regions that are in its middle because they
        have no centre.

    Raises
    ------
    ValueError
        If a region cannot be written, or the name of the file is no such.
    ImportError
        If roifile is not installed.

    See Also
    --------
    read_rois : Reads such a file, with an example.
    """
    path = Path(path)
    pixel = check_positive("pixel_size", pixel_size, "number of µm")
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"path must end in .zip or .roi, got {str(path)!r}.")
    if not regions or (path.suffix.lower() == ".roi" and len(regions) > 1):
        raise ValueError(
            f"{path} is for {'one region' if regions else 'regions'}, got {len(regions)}; name a "
            ".zip for several."
        )
    contents = [(name, region, pixel, shape) for name, region in regions.items()]
    if path.suffix.lower() == ".roi":
        write_bytes(
            path, *(_roi_of(region, *others).tobytes() for _, region, *others in _named(contents))
        )
        return
    write_contents(path, contents)


def write_contents(path, contents):
    """Write regions of several images into one file.

    Parameters
    ----------
    path : Path
        A ``.zip``.
    contents : list of tuple
        (name, region, pixel size in µm, shape) of each.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, region, *others in _named(contents):
            content = _roi_of(region, *others).tobytes()
            file.writestr(zipfile.ZipInfo(f"{name}.roi"), content, zipfile.ZIP_DEFLATED)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, packed.getvalue())


def _named(contents):
    """Give names that files can have, each once; a region goes with its own name as well."""
    names = [re.sub(r"[\\/:\x00-\x1f]", "_", str(name)) or "region" for name, *_ in contents]
    if len({*names}) < len(names):
        raise ValueError(f"regions must have different names, got {names}.")
    return [
        (name, region, name, *others)
        for name, (_, region, *others) in zip(names, contents, strict=True)
    ]


def _roifile(path):
    try:
        return importlib.import_module("roifile")
    except ImportError as error:
        raise ImportError(
            f"{path} needs roifile, which reads and writes ImageJ's regions: pip install "
            "'skfrap[microscopy]'."
        ) from error


def _read(path):
    """Return the regions of a file by name, as roifile has them."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the path of the regions.")
    roifile = _roifile(path)
    if path.is_dir() or path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} is no file of ImageJ's regions.")
    content = path.read_bytes()
    parts = {path.stem: content}
    if path.suffix.lower() == ".zip":
        parts = _unpacked(path)
    rois = {}
    for name, data in parts.items():
        logger = logging.getLogger("roifile")
        disabled, logger.disabled = logger.disabled, True  # what it forgives is looked at below
        try:
            rois[name] = roifile.ImagejRoi.frombytes(data), data
        except Exception as error:  # whatever a library makes of bytes that are not as it expects
            raise _damaged(path, name, error) from error
        finally:
            logger.disabled = disabled
    return rois


def _unpacked(path):
    parts = {}
    try:
        with zipfile.ZipFile(path) as file:
            infos = [one for one in file.infolist() if one.filename.lower().endswith(".roi")]
            if len(infos) > _MOST_ROIS or sum(one.file_size for one in infos) > _MOST_BYTES:
                raise ValueError("it unpacks to more than regions can be")
            for one in infos:
                name = re.sub(r"\.roi$", "", one.filename, flags=re.I).rpartition("/")[2]
                if name in parts:
                    raise ValueError(f"the name {name!r} is there twice")
                parts[name] = file.read(one)
    except Exception as error:  # zipfile raises a dozen kinds on damaged files
        reason = str(error).strip() or type(error).__name__
        raise ValueError(
            f"{path} is damaged, or no file of regions ({reason[:200]}); save it again from "
            "ImageJ's ROI Manager."
        ) from error
    if not parts:
        raise ValueError(f"{path} holds no regions; save them from ImageJ's ROI Manager.")
    return parts


def _damaged(path, name, error):
    reason = str(error).strip() or type(error).__name__
    return ValueError(
        f"the region {name!r} in {path} is damaged ({reason[:200]}); save it again from ImageJ's "
        "ROI Manager."
    )


class _ShapeNeeded(Exception):  # noqa: N818  which is no error of the file
    """A region can only be a mask, and the size of that is not known."""


def _region(read, name, path, pixel, shape):
    """Make a region of one of ImageJ's."""
    roi, data = read
    kind = roi.roitype.name
    if kind in _NO_AREA or roi.subtype.name in ("TEXT", "ARROW", "IMAGE"):
        what = _NO_AREA.get(kind, f"{roi.subtype.name.lower()}")
        raise ValueError(f"the region {name!r} in {path} is {what} and has no area; draw {_AREAS}.")
    try:
        return _shape(roi, data, kind, pixel, shape)
    except _ShapeNeeded:
        raise ValueError(
            f"the region {name!r} in {path} has holes or several parts, or crosses itself: give "
            "shape, the pixels (ny, nx) of the image in which it was drawn."
        ) from None
    except (ValueError, OverflowError, MemoryError, IndexError) as error:
        raise _damaged(path, name, error) from error


def _shape(roi, data, kind, pixel, shape):
    if roi.composite:
        return _combined(paths_of(roi.multi_coordinates), pixel, shape)
    if kind in ("RECT", "OVAL"):
        x, y, width, height = _box(roi)
        center = (pixel * (x + 0.5 * width), pixel * (y + 0.5 * height))
        if kind == "OVAL":
            if width == height:
                return Circle(0.5 * pixel * width, center)
            return Ellipse((0.5 * pixel * width, 0.5 * pixel * height), 0.0, center)
        if roi.rounded_rect_arc_size > 0:
            corners = rounded_rectangle(x, y, width, height, roi.rounded_rect_arc_size)
            return _outline(corners, pixel, shape)
        return Rectangle(pixel * width, pixel * height, center)
    if kind == "FREEHAND" and roi.subtype.name == "ELLIPSE":
        return _ellipse(roi, _ratio_in(data), pixel)
    return _outline(_vertices(roi), pixel, shape)


def _box(roi):
    """Return the corner and the size of a rectangle or oval, in pixels."""
    box = (roi.left, roi.top, roi.right - roi.left, roi.bottom - roi.top)
    if roi.subpixelrect:
        fine = (roi.xd, roi.yd, roi.widthd, roi.heightd)
        if not np.isfinite(fine).all() or np.abs(np.subtract(fine, box)).max() > 1.01:
            raise ValueError("its two descriptions of the box disagree")
        box = fine
    if min(box[2:]) <= 0:
        raise ValueError(f"it has a size of {box[2]:g} x {box[3]:g} pixels")
    return box


def _ellipse(roi, ratio, pixel):
    x1, y1, x2, y2 = roi.x1, roi.y1, roi.x2, roi.y2
    length = float(np.hypot(x2 - x1, y2 - y1))
    if not np.isfinite([x1, y1, x2, y2]).all() or not length > 0 or not 0 < ratio <= 1:
        raise ValueError("its axes are no lengths")
    angle = float(np.degrees(np.arctan2(y2 - y1, x2 - x1)))
    center = (0.5 * pixel * (x1 + x2), 0.5 * pixel * (y1 + y2))
    return Ellipse((0.5 * pixel * length, 0.5 * pixel * length * ratio), angle, center)


def _ratio_in(data):
    """Return the ratio of an ellipse's axes, a number of which roifile gives the bytes."""
    return float(np.frombuffer(data[52:56], ">f4")[0])


def _vertices(roi):
    if roi.integer_coordinates is None:
        raise ValueError("it has no coordinates")
    whole = roi.integer_coordinates
    if len(whole) < 3:
        raise ValueError(f"it has {len(whole)} points")
    size = (roi.right - roi.left, roi.bottom - roi.top)
    if (np.abs(np.subtract(whole.max(axis=0), size)) > 1).any() or (whole.min(axis=0) > 1).any():
        raise ValueError("its points and its box disagree")
    points = roi.coordinates()
    if not np.isfinite(points).all():
        raise ValueError("its points are no numbers")
    fine = roi.subpixel_coordinates
    if fine is not None and np.abs(fine - whole - [roi.left, roi.top]).max() > 1.01:
        raise ValueError("its two descriptions of the points disagree")
    return np.asarray(points, dtype=float)


def _outline(points, pixel, shape):
    """Make a polygon; one that crosses itself, as drawn by hand, is a mask."""
    try:
        return Polygon([(pixel * float(x), pixel * float(y)) for x, y in points])
    except ValueError as error:
        if "cross" not in str(error) and "one line" not in str(error):
            raise
    return _combined([points], pixel, shape)


def _combined(paths, pixel, shape):
    if shape is None:
        raise _ShapeNeeded
    return Mask(even_odd_fractions(paths, shape))


def _roi_of(region, name, pixel, shape):
    """Describe a region for ImageJ."""
    roifile = _roifile("writing regions")
    roi = roifile.ImagejRoi()
    roi.name = name
    fine = roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    if isinstance(region, Mask):
        paths = outlines_of(region.array >= 0.5)
        if not paths:
            raise ValueError(f"the region {name!r} has no pixel of which half is inside.")
        steps = []
        for path in paths:
            for k, (x, y) in enumerate(path):
                steps += [float(k > 0), float(x), float(y)]
            steps.append(4.0)
        points = np.concatenate(paths)
        roi.roitype, roi.multi_coordinates = roifile.ROI_TYPE.RECT, np.array(steps, "f4")
        roi.shape_roi_size = len(steps)
        _set_box(roi, points)
        return roi
    if isinstance(region, Polygon):
        _set_points(roifile, roi, np.divide(region.vertices, pixel), roifile.ROI_TYPE.POLYGON)
        return roi
    if region.center is None and shape is None:
        raise ValueError(
            f"the region {name!r} is in the middle of the image: give shape, its pixels."
        )
    x, y = np.divide(region.center_on(shape or (0, 0), pixel), pixel)
    if isinstance(region, Ellipse) and region.angle % 180:
        return _turned(roifile, roi, region, (x, y), pixel)
    if isinstance(region, Ellipse):
        width, height = np.divide(region.semi_axes, 0.5 * pixel)
    elif isinstance(region, Circle):
        width = height = 2 * region.radius / pixel
    else:
        width, height = region.width / pixel, region.height / pixel
    round_ = not isinstance(region, Rectangle)
    roi.roitype = roifile.ROI_TYPE.OVAL if round_ else roifile.ROI_TYPE.RECT
    roi.options = fine
    roi.xd, roi.yd = x - 0.5 * width, y - 0.5 * height
    roi.widthd, roi.heightd = width, height
    roi.left, roi.top = int(np.floor(roi.xd)), int(np.floor(roi.yd))
    roi.right, roi.bottom = roi.left + int(np.rint(width)), roi.top + int(np.rint(height))
    return roi


def _turned(roifile, roi, region, middle, pixel):
    """Describe a turned ellipse: its longer axis, the ratio of both, and its outline."""
    long, short = np.divide(region.semi_axes, pixel)
    angle = np.radians(region.angle)
    if short > long:
        long, short, angle = short, long, angle + 0.5 * np.pi
    along = long * np.array([np.cos(angle), np.sin(angle)])
    across = short * np.array([-np.sin(angle), np.cos(angle)])
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    points = middle + np.outer(np.cos(t), along) + np.outer(np.sin(t), across)
    _set_points(roifile, roi, points, roifile.ROI_TYPE.FREEHAND)
    roi.subtype = roifile.ROI_SUBTYPE.ELLIPSE
    (roi.x1, roi.y1), (roi.x2, roi.y2) = middle - along, middle + along
    first, second, rest = np.frombuffer(np.array([short / long], ">f4").tobytes(), "u1,u1,>i2")[0]
    roi.arrow_style_or_aspect_ratio, roi.arrow_head_size = int(first), int(second)
    roi.rounded_rect_arc_size = int(rest)
    return roi


def _set_points(roifile, roi, points, kind):
    roi.roitype, roi.options = kind, roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    roi.subpixel_coordinates = points.astype("f4")
    whole = np.rint(points).astype(int)
    roi.n_coordinates = len(points)
    _set_box(roi, whole)
    roi.integer_coordinates = (whole - whole.min(axis=0)).astype("i4")


def _set_box(roi, points):
    (roi.left, roi.top), (roi.right, roi.bottom) = (
        (int(one) for one in ends(points, axis=0)) for ends in (np.min, np.max)
    )
