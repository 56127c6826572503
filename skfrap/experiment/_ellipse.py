"""Ellipses: outlines of nuclei and of elongated spots."""

from dataclasses import dataclass

import numpy as np

from skfrap._checks import check_number, check_positive
from skfrap.experiment import _areas
from skfrap.experiment._regions import _point, _Region

__all__ = ["Ellipse"]


@dataclass(frozen=True)
class Ellipse(_Region):
    """Bleach an ellipse, or tell by it where particles may be.

    Parameters
    ----------
    semi_axes : tuple of float
        Both semi-axes, µm.
    angle : float, default=0.0
        From the x axis to the first semi-axis, towards the y axis, which points down, in degrees.
    center : tuple of float, default=None
        (x, y) in µm from the corner of the field; None is the middle of the field.

    See Also
    --------
    Circle : A disk.
    Polygon : An outline by its corners.
    Compartment : A region that particles cannot leave.

    Examples
    --------
    >>> from skfrap import Ellipse
    >>> fractions = Ellipse((10.0, 7.0), angle=30.0).area_fractions((64, 64), pixel_size=0.5)
    >>> round(float(fractions.sum() * 0.5**2), 4)  # pi * 10 * 7
    219.9115
    """

    semi_axes: tuple[float, float]
    angle: float = 0.0
    center: tuple[float, float] | None = None

    def __post_init__(self):
        try:
            first, second = self.semi_axes
        except (TypeError, ValueError):
            raise ValueError(f"semi_axes must be two lengths, got {self.semi_axes!r}.") from None
        axes = tuple(check_positive("semi_axes", one, "number of µm") for one in (first, second))
        object.__setattr__(self, "semi_axes", axes)
        object.__setattr__(self, "angle", check_number("angle", self.angle, what="number"))
        if self.center is not None:
            object.__setattr__(self, "center", _point(self.center, "center"))

    def moved(self, dx, dy, shape, pixel_size):
        """Make a copy moved by (dx, dy) µm on the given field."""
        x, y = self.center_on(shape, pixel_size)
        return Ellipse(self.semi_axes, self.angle, (x + dx, y + dy))

    def _extent(self, shape, pixel_size):
        x, y = self.center_on(shape, pixel_size)
        angle = np.radians(self.angle)
        turned = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        half_width, half_height = np.hypot(*(turned * self.semi_axes).T)
        return x - half_width, x + half_width, y - half_height, y + half_height

    def _area_fractions(self, shape, pixel_size):
        x, y = np.divide(self.center_on(shape, pixel_size), pixel_size)
        axes = tuple(one / pixel_size for one in self.semi_axes)
        return _areas.ellipse_area_fractions(shape, x, y, axes, np.radians(self.angle))
