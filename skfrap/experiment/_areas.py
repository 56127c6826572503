"""Exact areas of pixels covered by a shape, in units of pixels.

Pixel (row j, column i) is the square [i, i + 1] x [j, j + 1]. Every function first integrates the
shape over the quadrants {X <= x, Y <= y} at the pixel corners, in closed form, and then takes
differences: exact area fractions for the price of one formula per corner.
"""

import numpy as np

from skfrap.experiment._simple import crosses_itself

_MOST_PAIRED = 300  # vertices of which all pairs of edges are looked at
_ROUNDING = 1e-11  # area fractions this close to 0 or 1 are 0 or 1


def _cells_from_corners(quadrant_area):
    """Difference quadrant areas at corners (ny + 1, nx + 1) into cell areas (ny, nx)."""
    cells = np.diff(np.diff(quadrant_area, axis=0), axis=1)
    cells[cells < _ROUNDING] = 0.0
    cells[cells > 1 - _ROUNDING] = 1.0
    return cells


def disk_area_fractions(shape, x, y, radius):
    """Compute the fraction of every pixel inside a disk.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    x, y, radius : float
        Centre and radius in pixels.

    Returns
    -------
    ndarray of shape (ny, nx)
    """
    ny, nx = shape
    corner_x = np.clip(np.arange(nx + 1) - x, -radius, radius)[np.newaxis, :]
    corner_y = np.clip(np.arange(ny + 1) - y, -radius, radius)[:, np.newaxis]

    def half_chord_primitive(t):
        inside = np.clip(t / radius, -1.0, 1.0)
        return 0.5 * radius**2 * (inside * np.sqrt(1 - inside**2) + np.arcsin(inside))

    # Below the line Y = y a chord of the disk is cut where |X| < reach; outside of that it is
    # whole for y >= 0 and empty for y < 0.
    reach = np.sqrt(np.maximum(radius**2 - corner_y**2, 0.0))
    middle = np.clip(corner_x, -reach, reach)
    area = corner_y * (middle + reach) + half_chord_primitive(middle) + half_chord_primitive(reach)
    whole_chords = (
        half_chord_primitive(np.minimum(corner_x, -reach))
        + half_chord_primitive(radius)
        + half_chord_primitive(np.maximum(corner_x, reach))
        - half_chord_primitive(reach)
    )
    return _cells_from_corners(area + 2 * np.where(corner_y >= 0, whole_chords, 0.0))


def ellipse_area_fractions(shape, x, y, semi_axes, angle):
    """Compute the fraction of every pixel inside an ellipse.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    x, y : float
        Centre in pixels.
    semi_axes : tuple of float
        Both semi-axes in pixels.
    angle : float
        From the x axis to the first of them, towards the y axis, radians.

    Returns
    -------
    ndarray of shape (ny, nx)
    """
    ny, nx = shape
    first, second = semi_axes
    cos, sin = np.cos(angle), np.sin(angle)
    half_width, half_height = (
        np.hypot(first * cos, second * sin),
        np.hypot(first * sin, second * cos),
    )
    slant = (first**2 - second**2) * sin * cos
    lean, area = slant / half_height**2, first * second  # of the middles of chords; over pi

    def half_chord_primitive(t):
        inside = np.clip(t / half_height, -1.0, 1.0)
        return 0.5 * area * (inside * np.sqrt(1 - inside**2) + np.arcsin(inside))

    corner_x = (np.arange(nx + 1) - x)[np.newaxis, :]
    corner_y = np.clip(np.arange(ny + 1) - y, -half_height, half_height)[:, np.newaxis]
    # A chord is cut by X = x where Y lies between two heights. Above and below it is whole or
    # empty, as the ellipse's lowest and highest points say.
    within = np.clip(corner_x, -half_width, half_width)
    middle = slant / half_width**2 * within
    reach = area / half_width * np.sqrt(np.maximum(1 - (within / half_width) ** 2, 0.0))
    low, high = middle - reach, middle + reach
    inside_ends = np.abs(corner_x) < half_width
    whole_below = np.where(inside_ends, -lean * half_height < corner_x, corner_x > 0)
    whole_above = np.where(inside_ends, lean * half_height < corner_x, corner_x > 0)

    def part(start, end):
        return half_chord_primitive(end) - half_chord_primitive(start)

    until = np.clip(corner_y, low, high)
    cut = within * (until - low) - 0.5 * lean * (until**2 - low**2) + part(low, until)
    below = 2 * part(-half_height, np.minimum(corner_y, low)) * whole_below
    above = 2 * part(high, np.maximum(corner_y, high)) * whole_above
    return _cells_from_corners(below + cut + above)


def rectangle_area_fractions(shape, x0, x1, y0, y1):
    """Compute the fraction of every pixel inside the rectangle [x0, x1] x [y0, y1] (pixels)."""
    ny, nx = shape
    covered_x = np.diff(np.clip(np.arange(nx + 1), x0, x1))
    covered_y = np.diff(np.clip(np.arange(ny + 1), y0, y1))
    return np.outer(covered_y, covered_x)


def polygon_area_fractions(shape, vertices):
    """Compute the fraction of every pixel inside a simple polygon.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    vertices : array-like of shape (n_vertices, 2)
        (x, y) in pixels, in order round the polygon, either way.

    Returns
    -------
    ndarray of shape (ny, nx)
    """
    ny, nx = shape
    corner_x = np.arange(nx + 1.0)[np.newaxis, :]
    corner_y = np.arange(ny + 1.0)[:, np.newaxis]
    vertices = np.asarray(vertices, dtype=float)
    area, steps = np.zeros((2, ny + 1, nx + 1))
    for (xa, ya), (xb, yb) in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        if ya == yb:
            continue
        slope = (xb - xa) / (yb - ya)
        low_y, high_y = sorted((ya, yb))
        # Rows below the edge have all of it; what it adds to them is the same, and summed up later.
        passed = int(np.clip(np.ceil(high_y), 0, ny + 1))
        begun = int(np.clip(np.floor(low_y) + 1, 0, passed))
        sign = np.sign(yb - ya)
        for rows, target in ((corner_y[begun:passed], area[begun:passed]),
                             (np.array([[high_y]]), steps[passed : passed + 1])):  # fmt: skip
            target += sign * _below_edge(rows, corner_x, xa, ya, low_y, slope)
    area += np.cumsum(steps, axis=0)
    total = polygon_area(vertices)
    return _cells_from_corners(area * np.sign(total))


def _below_edge(y, corner_x, xa, ya, low_y, slope):
    """Integrate min(X on the edge, x) over the Y of an edge, from its upper end up to y."""
    height = y - low_y
    x_start, x_end = xa + slope * (y - ya), xa + slope * (low_y - ya)
    low, high = np.minimum(x_start, x_end), np.maximum(x_start, x_end)
    cut = np.clip(corner_x, low, high)
    width = np.where(high > low, high - low, 1.0)
    # The part of the edge left of x is averaged, the part right of it counts x.
    left_share = np.where(high > low, (cut - low) / width, corner_x >= low)
    mean_of_minimum = left_share * 0.5 * (low + cut) + (1 - left_share) * np.minimum(corner_x, high)
    return height * mean_of_minimum


def polygon_area(vertices):
    """Compute the signed area of a polygon by the shoelace formula."""
    x, y = np.asarray(vertices, dtype=float).T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def polygon_crosses_itself(vertices):
    """Tell whether two edges of a polygon that are not neighbours meet."""
    if len(vertices) > _MOST_PAIRED:
        return crosses_itself(vertices)
    start = np.asarray(vertices, dtype=float)
    end = np.roll(start, -1, axis=0)
    n = len(start)

    def side(a, b, c):
        return np.sign(
            (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1])
            - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])
        )

    a, b, c, d = start[:, None], end[:, None], start[None], end[None]
    # Edges on one line are on no side of each other: they meet only where their boxes do.
    boxes_meet = np.all(
        (np.minimum(a, b) <= np.maximum(c, d)) & (np.minimum(c, d) <= np.maximum(a, b)), axis=-1
    )
    cross = boxes_meet & (side(a, b, c) * side(a, b, d) <= 0) & (side(c, d, a) * side(c, d, b) <= 0)
    distance = np.abs(np.arange(n)[:, None] - np.arange(n)[None])
    return bool(np.any(cross & (distance > 1) & (distance < n - 1)))
