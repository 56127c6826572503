"""Outlines of ImageJ's combined selections: to shares of pixels, and from pixels."""

from itertools import pairwise

import numpy as np

_POINTS = {0: 1, 1: 1, 2: 2, 3: 3, 4: 0}  # of a step of a path: move, line, curves, close
_PIECES = 16  # lines for a curve
_SUB_ROWS = 16  # of a pixel, in which its share is measured
_MOST_POINTS = 1_000_000


def paths_of(steps):
    """Take the steps of a combined selection apart: a closed path for each of its outlines.

    Parameters
    ----------
    steps : ndarray of shape (n,)
        Numbers as ImageJ stores them: what to do, and the points that it needs.

    Returns
    -------
    list of ndarray of shape (n_points, 2)
        (x, y) in pixels.

    Raises
    ------
    ValueError
        If they are no steps.
    """
    if not np.isfinite(steps).all() or len(steps) > _MOST_POINTS:
        raise ValueError("its outline is no row of numbers")
    paths: list[list] = []
    k = 0
    while k < len(steps):
        step = float(steps[k])
        n = _POINTS.get(int(step)) if step == int(step) else None
        if n is None or k + 1 + 2 * n > len(steps) or (step != 0 and not paths):
            raise ValueError(f"its outline has the step {step:g} at {k}")
        points = np.reshape(steps[k + 1 : k + 1 + 2 * n], (n, 2)).astype(float)
        if step == 0:
            paths.append([points[0]])
        elif n:
            paths[-1].extend(_curve(paths[-1][-1], points))
        k += 1 + 2 * n
    found = [np.array(path) for path in paths if len(path) >= 3]
    if not found:
        raise ValueError("its outline encloses nothing")
    return found


def _curve(start, points):
    """Return points along a line or a curve of Bézier, without its start."""
    if len(points) == 1:
        return points
    t = np.linspace(0, 1, _PIECES + 1)[1:, np.newaxis]
    control = [start, *points]
    while len(control) > 1:
        control = [(1 - t) * a + t * b for a, b in pairwise(control)]
    return control[0]


def rounded_rectangle(x, y, width, height, arc):
    """Return the outline of a rectangle with round corners.

    Parameters
    ----------
    x, y, width, height : float
        Pixels.
    arc : float
        Diameter of the corners, pixels.

    Returns
    -------
    ndarray of shape (n_points, 2)
    """
    a, b = 0.5 * min(arc, width), 0.5 * min(arc, height)
    quarter = np.linspace(0, 0.5 * np.pi, _PIECES)
    corners = []
    middles = ((x + width - a, y + height - b), (x + a, y + height - b), (x + a, y + b))
    for k, (u, v) in enumerate((*middles, (x + width - a, y + b))):
        angle = quarter + 0.5 * np.pi * k
        corners.append(np.column_stack([u + a * np.cos(angle), v + b * np.sin(angle)]))
    return np.concatenate(corners)


def even_odd_fractions(paths, shape):
    """Compute which share of each pixel is enclosed by an odd number of outlines.

    Parameters
    ----------
    paths : list of ndarray of shape (n_points, 2)
        (x, y) in pixels.
    shape : tuple of int
        (ny, nx).

    Returns
    -------
    ndarray of shape (ny, nx)
        Exact along x, and in 16 steps along y.

    Raises
    ------
    ValueError
        If an outline leaves the field, or they enclose less than a pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.io._roi_shapes import even_odd_fractions
    >>> outer = np.array([(1, 1), (5, 1), (5, 5), (1, 5)])
    >>> inner = np.array([(2, 2), (4, 2), (4, 4), (2, 4)])
    >>> float(even_odd_fractions([outer, inner], (6, 6)).sum())
    12.0
    """
    ny, nx = shape
    every = np.concatenate(paths)
    low, high = every.min(axis=0), every.max(axis=0)
    if (low < -1e-6).any() or (high > np.array([nx, ny]) + 1e-6).any():
        raise ValueError(
            f"it spans x {low[0]:.6g} to {high[0]:.6g} and y {low[1]:.6g} to {high[1]:.6g}, and "
            f"the field has {nx} x {ny} pixels"
        )
    start = np.concatenate([np.asarray(path, dtype=float) for path in paths])
    end = np.concatenate([np.roll(np.asarray(path, dtype=float), -1, axis=0) for path in paths])
    fractions = np.zeros((ny, nx + 1))
    first, last = int(low[1]), min(ny, int(np.ceil(high[1])))
    for row in range(first, last):
        for y in row + (np.arange(_SUB_ROWS) + 0.5) / _SUB_ROWS:
            across = (start[:, 1] <= y) != (end[:, 1] <= y)
            a, b = start[across], end[across]
            x = np.sort(a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0]))
            for left, right in zip(x[::2], x[1::2], strict=True):
                _add_run(fractions[row], max(left, 0.0), min(right, float(nx)))
    fractions = np.clip(fractions[:, :nx] / _SUB_ROWS, 0.0, 1.0)
    if fractions.sum() < 1:
        raise ValueError(f"it encloses {fractions.sum():.3g} pixels")
    return fractions


def _add_run(row, left, right):
    """Add what a run from `left` to `right` covers of each pixel of a row."""
    i, j = int(left), int(right)
    if i == j:
        row[i] += right - left
        return
    row[i] += i + 1 - left
    row[i + 1 : j] += 1
    row[j] += right - j


def outlines_of(inside):
    """Follow the edges of pixels about those that are inside.

    Parameters
    ----------
    inside : ndarray of shape (ny, nx) of bool

    Returns
    -------
    list of ndarray of shape (n_points, 2)
        Closed outlines, (x, y) in pixels, with what is inside on their right.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.io._roi_shapes import outlines_of
    >>> [path.tolist() for path in outlines_of(np.array([[False, True], [False, True]]))]
    [[[1, 0], [2, 0], [2, 2], [1, 2]]]
    """
    padded = np.pad(inside, 1)
    here = padded[1:-1, 1:-1]
    following: dict[tuple[int, int], list] = {}
    for neighbours, begin, end in (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),  # above: to the right
        (padded[1:-1, 2:], (1, 0), (1, 1)),  # right: down
        (padded[2:, 1:-1], (1, 1), (0, 1)),  # below: to the left
        (padded[1:-1, :-2], (0, 1), (0, 0)),  # left: up
    ):
        for y, x in np.argwhere(here & ~neighbours):
            key = (int(x) + begin[0], int(y) + begin[1])
            following.setdefault(key, []).append((int(x) + end[0], int(y) + end[1]))
    paths = []
    while following:
        start = min(following, key=lambda point: (point[1], point[0]))
        path, point = [start], _next(following, start)
        while point != start:
            path.append(point)
            point = _next(following, point)
        paths.append(_without_middles(np.array(path)))
    return paths


def _next(following, point):
    ends = following[point]
    end = ends.pop()
    if not ends:
        del following[point]
    return end


def _without_middles(path):
    """Leave out points in the middle of straight lines."""
    turns = (np.roll(path, 1, axis=0) - path) + (np.roll(path, -1, axis=0) - path)
    return path[turns.any(axis=1)]
