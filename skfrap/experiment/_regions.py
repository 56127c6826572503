"""Bleach regions: where the laser bleaches, in µm on the field of view.

A region knows its shape in µm, from the corner of the field where the first pixel starts, x to the
right and y down, and turns it into the area fraction of every pixel. The centre of the first
pixel is at (0.5, 0.5) pixels.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from skfrap._checks import check_positive
from skfrap.experiment import _areas

__all__ = ["Circle", "Mask", "Polygon", "Rectangle"]


_SMALLEST_PATCH = 0.1  # of the largest one


def _point(value, argument):
    try:
        x, y = (float(coordinate) for coordinate in value)
    except (TypeError, ValueError):
        raise ValueError(f"{argument} must be (x, y) in µm, got {value!r}.") from None
    if not np.isfinite([x, y]).all():
        raise ValueError(f"{argument} must be finite, got {value!r}.")
    return x, y


class _Region:
    """What the bleach regions share: the checks that a region fits its field."""

    def moved(self, dx, dy, shape, pixel_size):
        """Make a copy moved by (dx, dy) µm on the given field; a mask by whole pixels.

        Parameters
        ----------
        dx, dy : float
            To the right and down, in µm.
        shape : tuple of int
            (ny, nx), the pixels of the field of view.
        pixel_size : float
            µm.

        Returns
        -------
        Circle, Rectangle, Polygon or Mask
            Of the same kind.

        Raises
        ------
        ValueError
            If a mask would leave the field.
        """
        return self._moved(dx, dy, shape, pixel_size)

    def center_on(self, shape, pixel_size):
        """Return the centre (x, y) in µm on a field of (ny, nx) pixels.

        Parameters
        ----------
        shape : tuple of int
            (ny, nx), the pixels of the field of view.
        pixel_size : float
            µm.

        Returns
        -------
        tuple of float
            (x, y) in µm from the corner of the field.
        """
        return self.center or (0.5 * shape[1] * pixel_size, 0.5 * shape[0] * pixel_size)

    def area_fractions(self, shape, pixel_size):
        """Compute the fraction of every pixel's area that lies inside the region.

        Parameters
        ----------
        shape : tuple of int
            (ny, nx), the pixels of the field of view.
        pixel_size : float
            µm.

        Returns
        -------
        ndarray of shape (ny, nx)
            Between 0 and 1.

        Raises
        ------
        ValueError
            If the region leaves the field of view or covers less than a pixel.
        """
        extent = self._extent(shape, pixel_size)
        if extent is not None:
            height, width = shape[0] * pixel_size, shape[1] * pixel_size
            x0, x1, y0, y1 = extent
            slack = 1e-9 * max(height, width)
            if x0 < -slack or y0 < -slack or x1 > width + slack or y1 > height + slack:
                raise ValueError(
                    f"bleach_region {self!r} leaves the field of view: it spans "
                    f"x {x0:.6g} to {x1:.6g} and y {y0:.6g} to {y1:.6g} µm, and the field is "
                    f"{width:.6g} x {height:.6g} µm. Move or shrink it, or check pixel_size."
                )
        fractions = self._area_fractions(shape, pixel_size)
        if fractions.sum() < 1 - 1e-9:
            raise ValueError(
                f"bleach_region {self!r} covers {fractions.sum():.3g} pixels of {pixel_size:.6g} "
                "µm; it must cover at least one. Check pixel_size and the units (µm) of the region."
            )
        return fractions


@dataclass(frozen=True)
class Circle(_Region):
    """Bleach a disk.

    Parameters
    ----------
    radius : float
        µm.
    center : tuple of float, default=None
        (x, y) in µm from the corner of the field; None is the middle of the field.

    See Also
    --------
    Rectangle : A rectangle along the axes.
    Polygon : An outline by its corners.
    Mask : Any region, by the share of each pixel.

    Examples
    --------
    >>> from skfrap import Circle
    >>> fractions = Circle(radius=15.0).area_fractions((256, 256), pixel_size=0.7598)
    >>> round(float(fractions.sum() * 0.7598**2), 4)  # pi * 15**2
    706.8583
    """

    radius: float
    center: tuple[float, float] | None = None

    def __post_init__(self):
        object.__setattr__(self, "radius", check_positive("radius", self.radius, "number of µm"))
        if self.center is not None:
            object.__setattr__(self, "center", _point(self.center, "center"))

    def _moved(self, dx, dy, shape, pixel_size):
        x, y = self.center_on(shape, pixel_size)
        return replace(self, center=(x + dx, y + dy))

    def _extent(self, shape, pixel_size):
        x, y = self.center_on(shape, pixel_size)
        return x - self.radius, x + self.radius, y - self.radius, y + self.radius

    def _area_fractions(self, shape, pixel_size):
        x, y = self.center_on(shape, pixel_size)
        return _areas.disk_area_fractions(
            shape, x / pixel_size, y / pixel_size, self.radius / pixel_size
        )


@dataclass(frozen=True)
class Rectangle(_Region):
    """Bleach a rectangle with sides along the image's axes.

    Parameters
    ----------
    width, height : float
        µm, along x and along y.
    center : tuple of float, default=None
        (x, y) in µm from the corner of the field; None is the middle of the field.

    See Also
    --------
    Circle : A disk.
    Polygon : An outline by its corners.
    Mask : Any region, by the share of each pixel.

    Examples
    --------
    >>> from skfrap import Rectangle
    >>> float(Rectangle(width=3.0, height=2.0).area_fractions((8, 8), pixel_size=1.0).sum())
    6.0
    """

    width: float
    height: float
    center: tuple[float, float] | None = None

    def __post_init__(self):
        object.__setattr__(self, "width", check_positive("width", self.width, "number of µm"))
        object.__setattr__(self, "height", check_positive("height", self.height, "number of µm"))
        if self.center is not None:
            object.__setattr__(self, "center", _point(self.center, "center"))

    def _moved(self, dx, dy, shape, pixel_size):
        x, y = self.center_on(shape, pixel_size)
        return replace(self, center=(x + dx, y + dy))

    def _extent(self, shape, pixel_size):
        x, y = self.center_on(shape, pixel_size)
        half_width, half_height = 0.5 * self.width, 0.5 * self.height
        return x - half_width, x + half_width, y - half_height, y + half_height

    def _area_fractions(self, shape, pixel_size):
        extent = np.divide(self._extent(shape, pixel_size), pixel_size)
        return _areas.rectangle_area_fractions(shape, *extent)


@dataclass(frozen=True)
class Polygon(_Region):
    """Bleach a polygon.

    Parameters
    ----------
    vertices : sequence of (x, y)
        µm from the corner of the field, in order round the polygon, either way; at least three,
        and the edges must not cross. The first may be repeated at the end.

    See Also
    --------
    Circle : A disk.
    Rectangle : A rectangle along the axes.
    Mask : Any region, by the share of each pixel.

    Examples
    --------
    >>> from skfrap import Polygon
    >>> triangle = Polygon([(1.0, 1.0), (7.0, 1.0), (1.0, 5.0)])
    >>> round(float(triangle.area_fractions((8, 8), pixel_size=1.0).sum()), 9)
    12.0
    """

    vertices: tuple[tuple[float, float], ...]

    def __post_init__(self):
        given = [_point(vertex, "each vertex of vertices") for vertex in self.vertices]
        vertices = tuple(
            vertex for k, vertex in enumerate(given) if vertex != given[k - 1] or len(given) == 1
        )
        if len(vertices) < 3:
            raise ValueError(f"vertices must hold at least three points, got {len(vertices)}.")
        if abs(_areas.polygon_area(vertices)) == 0:
            raise ValueError("vertices must enclose an area, got points on one line.")
        if _areas.polygon_crosses_itself(vertices):
            raise ValueError("vertices must go round the polygon in order; these edges cross.")
        object.__setattr__(self, "vertices", vertices)

    def _moved(self, dx, dy, shape, pixel_size):
        return Polygon([(x + dx, y + dy) for x, y in self.vertices])

    def _extent(self, shape, pixel_size):
        x, y = zip(*self.vertices, strict=True)
        return min(x), max(x), min(y), max(y)

    def _area_fractions(self, shape, pixel_size):
        return _areas.polygon_area_fractions(shape, np.divide(self.vertices, pixel_size))


@dataclass(frozen=True, eq=False, repr=False)
class Mask(_Region):
    """Bleach what an image of area fractions says.

    Parameters
    ----------
    array : array-like of shape (ny, nx)
        The fraction of each pixel inside the region, 0 to 1 (booleans will do). Its shape must
        be the protocol's.

    See Also
    --------
    Circle : A disk.
    Rectangle : A rectangle along the axes.
    Polygon : An outline by its corners.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap import Mask
    >>> spot = np.zeros((8, 8), dtype=bool)
    >>> spot[2:5, 3:7] = True
    >>> Mask(spot)
    Mask(12 pixels of 8 x 8)
    """

    array: np.ndarray

    def __post_init__(self):
        array = np.array(self.array, dtype=float) + 0.0  # no negative zeros: equal masks hash alike
        if array.ndim != 2:
            raise ValueError(f"array must be 2-D (ny, nx), got shape {array.shape}.")
        if not (array >= 0).all() or not (array <= 1).all():
            raise ValueError("array must hold area fractions between 0 and 1, without NaN.")
        array.flags.writeable = False
        object.__setattr__(self, "array", array)

    @classmethod
    def from_image(cls, image: ArrayLike) -> "Mask":
        """Take as region the bright patches of an image.

        An image of two values, as masks are drawn, is taken as it is. In others, meant for the
        light that bleaches, e.g. through a closed aperture, pixels brighter than half-way between
        the dark and the bright level belong to the region, and holes in it are filled. Patches of
        less than a tenth of the largest are left out, as dirt.

        Parameters
        ----------
        image : array-like of shape (ny, nx)
            An image of the region, or its file.

        Returns
        -------
        Mask

        Raises
        ------
        ValueError
            If no patch stands out.
        """
        return cls.patches_of(image)[0]

    @classmethod
    def patches_of(cls, image):
        """Take the region of an image, as :meth:`from_image`, and tell what it is made of.

        Parameters
        ----------
        image : array-like of shape (ny, nx)
            As of :meth:`from_image`.

        Returns
        -------
        mask : Mask
            The region.
        taken, left_out : list of int
            Pixels of the patches that belong to the region, and of those that are too small.

        Raises
        ------
        ValueError
            If no patch stands out.
        """
        bright, drawn = _bright_pixels(np.asarray(image, dtype=float))
        from scipy.ndimage import binary_fill_holes, label

        patches, n_patches = label(bright, np.ones((3, 3)) if drawn else None)
        if n_patches == 0:
            raise ValueError("image shows no bright patch to take as bleach region.")
        n_pixels = np.bincount(patches.ravel())[1:]
        large = n_pixels >= _SMALLEST_PATCH * n_pixels.max()
        region = np.append(False, large)[patches]
        sizes = sorted(n_pixels[large].tolist(), reverse=True)
        rest = sorted(n_pixels[~large].tolist(), reverse=True)
        return cls(region if drawn else binary_fill_holes(region)), sizes, rest

    def __eq__(self, other):
        if not isinstance(other, Mask):
            return NotImplemented
        return np.array_equal(self.array, other.array)

    def __hash__(self):
        return hash((self.array.shape, self.array.tobytes()))

    def __reduce__(self):
        return Mask, (self.array,)

    def __repr__(self):
        ny, nx = self.array.shape
        return f"Mask({self.array.sum():.6g} pixels of {ny} x {nx})"

    def _moved(self, dx, dy, shape, pixel_size):
        rows, columns = (round(distance / pixel_size) for distance in (dy, dx))
        moved = np.roll(self.array, (rows, columns), axis=(0, 1))
        wrapped = [
            moved[:rows] if rows > 0 else moved[self.array.shape[0] + rows :],
            moved[:, :columns] if columns > 0 else moved[:, self.array.shape[1] + columns :],
        ]
        if any(part.any() for part in wrapped):
            raise ValueError(f"{self!r} moved by ({dx:.4g}, {dy:.4g}) µm leaves the field of view.")
        return Mask(moved)

    def _extent(self, shape, pixel_size):
        if self.array.shape != tuple(shape):
            raise ValueError(
                f"bleach_region is a Mask of shape {self.array.shape}, and the protocol's field "
                f"has shape {tuple(shape)} (ny, nx); the two must be equal."
            )
        return

    def _area_fractions(self, shape, pixel_size):
        return self.array


def _bright_pixels(image):
    """Return the bright pixels of an image, and whether it has but two values, as if drawn."""
    if image.ndim != 2 or not np.isfinite(image).all():
        raise ValueError(
            f"image must be finite and have the shape (ny, nx), got the shape {image.shape}."
        )
    low, high = image.min(), image.max()
    if not high > low:
        raise ValueError("image shows no bright patch to take as bleach region.")
    if np.isin(image, (low, high)).all():
        return image == high, True
    from scipy.ndimage import median_filter

    smooth = median_filter(image, size=3, mode="nearest")
    dark, bright = np.percentile(smooth, [1, 99.9])
    return (smooth > 0.5 * (dark + bright)) & (bright > dark), False
