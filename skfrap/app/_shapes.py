"""Regions as the page draws them: text in pixels, or the outline of an image of one."""

from typing import Any

import numpy as np

from skfrap.experiment import Circle, Ellipse, Polygon, Rectangle


def region_in_pixels(region: Any, shape, pixel_size: float, origin=(0, 0)) -> str | None:
    """Write a region as text in pixels; None where it is an image.

    Parameters
    ----------
    region : Circle, Ellipse, Rectangle, Polygon or Mask
        In µm.
    shape : tuple of int
        (ny, nx), of the field.
    pixel_size : float
        µm.
    origin : tuple of int, default=(0, 0)
        (row, column) of the field's first pixel, where it is a part of another.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from skfrap import Circle
    >>> from skfrap.app._shapes import region_in_pixels
    >>> region_in_pixels(Circle(2.0, (5.0, 6.0)), (64, 64), 0.5)
    'circle:4px@10px,12px'
    """

    def pixels(*lengths):
        return [f"{length / pixel_size:.6g}px" for length in lengths]

    def place(x, y):
        return ",".join(pixels(x + origin[1] * pixel_size, y + origin[0] * pixel_size))

    if isinstance(region, Polygon):
        return "polygon:" + ";".join(place(*vertex) for vertex in region.vertices)
    if isinstance(region, Circle):
        extent = pixels(region.radius)[0]
    elif isinstance(region, Ellipse):
        extent = "x".join(pixels(*region.semi_axes)) + f"/{region.angle:.6g}"
    elif isinstance(region, Rectangle):
        extent = "x".join(pixels(region.width, region.height))
    else:
        return None
    return f"{type(region).__name__.lower()}:{extent}@{place(*region.center_on(shape, pixel_size))}"


def outline_of(mask: np.ndarray, origin=(0, 0)) -> str:
    """Write the edge of a mask as the path of an SVG, along the sides of pixels.

    Parameters
    ----------
    mask : ndarray of shape (ny, nx)
        Share of each pixel.
    origin : tuple of int, default=(0, 0)
        (row, column) of the first pixel, where the mask is of a part of the field.

    Returns
    -------
    str

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.app._shapes import outline_of
    >>> outline_of(np.pad(np.ones((1, 2)), 1))
    'M1 1h2M1 2h2M1 1v1M3 1v1'
    """
    inside = np.pad(np.asarray(mask) > 0.5, 1)
    across = np.diff(inside, axis=0)[:, 1:-1]
    upright = np.diff(inside, axis=1)[1:-1].T
    below, right = origin
    lines = [f"M{x + right} {y + below}h{n}" for y, x, n in _runs(across)]
    return "".join(lines + [f"M{x + right} {y + below}v{n}" for x, y, n in _runs(upright)])


def _runs(edges):
    """Yield (row, first, length) of what is true without a gap."""
    for row, line in enumerate(edges):
        ends = np.flatnonzero(np.diff(np.pad(line, 1).astype(int)))
        for first, last in ends.reshape(-1, 2):
            yield row, int(first), int(last - first)
