"""Regions in LSM files: drawings, as Zeiss' LSM 5 and its followers kept them."""

import struct

import numpy as np

from skfrap.experiment import Circle, Ellipse, Polygon, Rectangle
from skfrap.io._bleaching import DrawnRegion

_HEADER = 196  # bytes before the first drawing
_OF_SHAPE = 204  # bytes before the coordinates of each
_MOST_SHAPES = 1000
_MOST_KNOTS = 10_000
_RECTANGLE, _ELLIPSE, _CLOSED_POLYLINE, _CIRCLE, _CIRCLE_3 = 18, 19, 20, 24, 29
_KINDS = {"BleachRoi": "bleach", "Roi": "acquisition", "VectorOverlay": "unknown"}


def regions_of(file, size, info):
    """Return the regions that a file lists: bleached, scanned, and drawn for other ends.

    Parameters
    ----------
    file : binary file
    size : int
        Of the file, bytes.
    info : dict
        Of the tag of LSM files, with the places of the lists.

    Returns
    -------
    list of DrawnRegion
    """
    regions = []
    for name, kind in _KINDS.items():
        offset = int(info.get(f"Offset{name}", 0) or 0)
        if 8 <= offset <= size - _HEADER:
            found = _shapes(file, size, offset)
            regions += [DrawnRegion(one, kind, "", f"LSM {name}") for one in found]
    return regions


def _shapes(file, size, offset):
    file.seek(offset)
    n_shapes, n_bytes = struct.unpack("<ii", file.read(8))
    found, place = [], offset + _HEADER
    if not 0 < n_shapes <= _MOST_SHAPES or n_bytes <= _HEADER:
        return found
    for _ in range(n_shapes):
        if place + _OF_SHAPE + 4 > size:
            return found
        file.seek(place)
        kind, length = struct.unpack("<ii", file.read(8))
        file.seek(place + _OF_SHAPE)
        (n_knots,) = struct.unpack("<i", file.read(4))
        n_points = {_RECTANGLE: 2, _CIRCLE: 2, _CIRCLE_3: 3}.get(kind, n_knots)
        if length < _OF_SHAPE or not 0 <= n_points <= _MOST_KNOTS:
            return found
        content = file.read(16 * n_points)
        if len(content) == 16 * n_points and n_points >= 2:
            region = _region(kind, np.frombuffer(content, "<f8").reshape(-1, 2))
            found += [region] if region is not None else []
        place += length
    return found


def _region(kind, points):
    if not np.isfinite(points).all():
        return None
    try:
        if kind == _RECTANGLE:
            width, height = (float(one) for one in np.abs(points[1] - points[0]))
            return Rectangle(width, height, _pair(points.mean(axis=0)))
        if kind == _CIRCLE:
            return Circle(float(np.hypot(*(points[1] - points[0]))), _pair(points[0]))
        if kind == _CIRCLE_3:
            matrix = np.column_stack([2 * points, np.ones(3)])
            x, y, rest = np.linalg.solve(matrix, (points**2).sum(axis=1))
            return Circle(float(np.sqrt(rest + x**2 + y**2)), (float(x), float(y)))
        if kind == _ELLIPSE and len(points) >= 4:  # ends of one axis, and of the other
            first, second = points[2] - points[0], points[3] - points[1]
            turned = float(np.degrees(np.arctan2(first[1], first[0])))
            axes = (float(np.hypot(*first)) / 2, float(np.hypot(*second)) / 2)
            return Ellipse(axes, turned, _pair(points[:4].mean(axis=0)))
        if kind == _CLOSED_POLYLINE and len(points) > 2:
            return Polygon(tuple(_pair(one) for one in points))
    except (ValueError, OverflowError, np.linalg.LinAlgError):
        return None
    return None


def _pair(point):
    return float(point[0]), float(point[1])
