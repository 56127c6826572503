"""Finite volumes on the pixels inside an outline, cut until the bleach region is seen well.

With y = c / c_eq the density over that before bleaching, pixels exchange through the faces that two
of them share, and through no others: nothing crosses the outline,

    M dy/dt = -D K y,    M = diag(v c_eq),

v being the part of a pixel that is inside, K symmetric with zero sums of rows, from the parts of
faces that are inside. In z = M^1/2 y that is dz/dt = -D A z, with a symmetric A = M^-1/2 K M^-1/2
whose state at rest is z = M^1/2 1. Stairs of whole pixels would slow the slowest modes by as much
as a pixel is of the cell.
"""

from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.ndimage import gaussian_filter

from skfrap.experiment import FRAPProtocol, Mask
from skfrap.models._optics import blur_mask

_FINEST = 10.0  # pixels of a bleach region's radius: D is known to 0.3 %, with twice as many 0.1 %
_MOST_PIXELS = 60_000  # inside, to which pixels are cut
_MOST_FACTORED = 25_000  # of several bleach frames, for which matrices are factored
_LEAST_VOLUME = 0.1  # of a pixel: less of it is left out, since it would be the fastest of all
_REACH = 8.0  # standard deviations of a blur


class CellGrid:
    """A compartment on pixels that may be finer than the camera's.

    Parameters
    ----------
    protocol : FRAPProtocol
        With a compartment.
    bleach_blur, imaging_blur : float, default=0.0
        Standard deviations of the Gaussian spread of the beam and of the detection, µm.
    weights : ndarray of shape (n_rows, ny, nx), default=None
        Of the camera's pixels in each row. None is `protocol.row_weights`.
    parts : int, default=None
        Into how many pixels along each axis one of the camera's is cut. None is as many as it
        takes.

    Attributes
    ----------
    inside : ndarray of bool of shape (ny * parts, nx * parts)
        Which pixels belong to the compartment, n of them.
    pixel_size : float
        Of what pixels are cut to, µm.
    volume : ndarray of shape (n,)
        Part of each of them that is inside.
    density : ndarray of shape (n,)
        Before bleaching, 1 in the mean.
    mask : ndarray of shape (n,)
        Fraction of each pixel in which a bleach frame bleaches.
    rows : ndarray of shape (n_rows, n)
        Weights of z in what is measured, c0 being 1.
    levels : ndarray of shape (n_rows,)
        What is measured before bleaching.
    """

    def __init__(self, protocol, bleach_blur=0.0, imaging_blur=0.0, weights=None, parts=None):
        self.protocol = protocol
        self.parts = parts or parts_for(protocol)
        self.pixel_size = protocol.pixel_size / self.parts
        quarters = self._quarters(protocol.compartment.region)
        volume = quarters.mean(axis=(1, 3))
        self.inside = volume >= _LEAST_VOLUME
        if not self.inside.any():
            raise ValueError(
                "the compartment has no pixel that is inside by a tenth; it is too thin for pixels "
                f"of {self.pixel_size:.3g} µm."
            )
        self.volume = volume[self.inside]
        # What is open of a face is seen of the quarters to both sides of it.
        below, right = quarters[:-1, 1], quarters[:, :, :-1, 1]
        self._open = (
            0.5 * (below + quarters[1:, 0]).mean(axis=-1),
            0.5 * (right + quarters[:, :, 1:, 0]).mean(axis=1),
        )
        self._blur_width = imaging_blur / self.pixel_size
        density = protocol.compartment.equilibrium
        if density is None:
            self.density = np.ones(self.n_pixels)
        else:
            density = self._cut(density)[self.inside]
            self._mean_density = np.average(density, weights=self.volume)
            self.density = density / self._mean_density
        self.rest = np.sqrt(self.volume * self.density)
        self.mask = self._bleached(bleach_blur)
        first, weights = (
            np.reshape(one, (-1, *protocol.shape))
            for one in (
                protocol.roi_weights,
                protocol.row_weights if weights is None else weights,
            )
        )
        # What an intensity of 1 in the first row is, as it was before bleaching.
        self._unit = float(self._row(first[0]) @ self.rest**2)
        of_outline = self._outline_over_pixels(weights) / self._outline_over_pixels(first)
        rows = np.stack([self._row(one) for one in weights])
        self.rows = rows * self.rest * (of_outline / self._unit)[:, np.newaxis]
        self.levels = self.rows @ self.rest

    def _outline_over_pixels(self, weights):
        """Compare what rows show of the outline's area with what they do of the pixels inside."""
        density = self.protocol.compartment.equilibrium
        fine = np.zeros(self.inside.shape)
        fine[self.inside] = self.rest**2
        ny, nx = self.protocol.shape
        pixels = fine.reshape(ny, self.parts, nx, self.parts).mean(axis=(1, 3))
        outline = self.protocol.compartment_mask
        if density is not None:
            outline = outline * density / self._mean_density
        return np.einsum("ryx,yx->r", weights, outline) / np.einsum("ryx,yx->r", weights, pixels)

    @property
    def n_pixels(self):
        """Number of pixels inside."""
        return int(np.count_nonzero(self.inside))

    @property
    def area(self):
        """Area of the compartment, µm²."""
        return float(self.volume.sum()) * self.pixel_size**2

    @cached_property
    def operator(self):
        """The symmetric operator A, sparse, 1/µm²."""
        even = self.protocol.compartment.conductance == "sites"
        return exchange(self.inside, self._open, self.rest, self.density, self.pixel_size, even)

    @cached_property
    def fastest(self):
        """An upper bound of the rates, 1/µm²."""
        return float(np.abs(self.operator).sum(axis=1).max())

    @cached_property
    def slowest(self):
        """A rate below which there is hardly one but 0, 1/µm²; that of a strip twice as long."""
        rows, columns = np.nonzero(self.inside)
        longest = self.pixel_size * np.hypot(np.ptp(rows) + 1, np.ptp(columns) + 1)
        return 0.25 * (np.pi / longest) ** 2

    def spreads(self, n):
        """Return values of D t between which all happens, evenly in their logarithm.

        Parameters
        ----------
        n : int
            How many.

        Returns
        -------
        ndarray of shape (n,)
            µm².
        """
        return np.geomspace(0.02 / self.fastest, 3 / self.slowest, n)

    def images(self, states):
        """Make images of states z, c0 being 1.

        Parameters
        ----------
        states : ndarray of shape (n_pixels, n)
            A column each.

        Returns
        -------
        ndarray of shape (n, ny, nx)
            On the camera's pixels.
        """
        ny, nx = self.protocol.shape
        images = np.empty((states.shape[1], ny, nx))
        fine = np.zeros(self.inside.shape)
        for image, state in zip(images, states.T, strict=True):
            fine[self.inside] = state * self.rest / self._unit
            seen = self._blurred(fine)
            image[:] = seen.reshape(ny, self.parts, nx, self.parts).mean(axis=(1, 3))
        return images

    def _quarters(self, region):
        """Return how much of each quarter of a pixel is inside, (ny, 2, nx, 2)."""
        ny, nx = (n * self.parts for n in self.protocol.shape)
        if isinstance(region, Mask):
            quarters = self._cut(region.array).repeat(2, axis=0).repeat(2, axis=1)
        else:
            quarters = region.area_fractions((2 * ny, 2 * nx), self.pixel_size / 2)
        return quarters.reshape(ny, 2, nx, 2)

    def _fractions(self, region):
        if isinstance(region, Mask):
            return self._cut(region.array)
        shape = tuple(n * self.parts for n in self.protocol.shape)
        return region.area_fractions(shape, self.pixel_size)

    def _cut(self, image):
        return np.repeat(np.repeat(image, self.parts, axis=0), self.parts, axis=1)

    def _bleached(self, blur):
        region = self.protocol.bleach_region
        if blur == 0:
            return self._fractions(region)[self.inside]
        if isinstance(region, Mask):
            region = Mask(self._cut(region.array))
        fine = FRAPProtocol(
            shape=self.inside.shape, pixel_size=self.pixel_size, bleach_region=region, padding=0
        )
        return blur_mask(fine, blur)[self.inside]

    def _row(self, weights):
        """Return weights of the densities of pixels inside, of weights of the camera's pixels."""
        # A camera's pixel shows the mean over the parts that it was cut into.
        return self._blurred(self._cut(weights))[self.inside] / self.parts**2

    def _blurred(self, image):
        if self._blur_width == 0:
            return image
        return gaussian_filter(image, self._blur_width, mode="constant", truncate=_REACH)


def parts_for(protocol):
    """Return into how many parts pixels are cut along each axis, so that the region is seen well.

    Parameters
    ----------
    protocol : FRAPProtocol

    Returns
    -------
    int
    """
    radius = protocol.equivalent_radius / protocol.pixel_size
    wanted = int(np.ceil(_FINEST / radius - 1e-9))
    most_pixels = _MOST_PIXELS if protocol.n_bleach == 1 else _MOST_FACTORED
    most = int(np.sqrt(most_pixels / protocol.compartment_mask.sum()))
    return max(1, min(wanted, most))


def exchange(inside, opened, rest, density, pixel_size, even):
    """Make the symmetric operator A of pixels that exchange through their open faces.

    Parameters
    ----------
    inside : ndarray of bool of shape (ny, nx)
        Which pixels there are, n of them.
    opened : tuple of ndarray of shape (ny - 1, nx) and (ny, nx - 1)
        How much of each face is open, downwards and to the right.
    rest, density : ndarray of shape (n,)
        The state at rest, and the density before bleaching.
    pixel_size : float
        µm.
    even : bool
        Whether conductance is even where density is not.

    Returns
    -------
    csr_array of shape (n, n)
        1/µm².
    """
    n = np.count_nonzero(inside)
    index = np.full(inside.shape, -1)
    index[inside] = np.arange(n)
    faces = []
    sides = (index[:-1], index[1:]), (index[:, :-1], index[:, 1:])
    for (low, high), part in zip(sides, opened, strict=True):
        both = (low >= 0) & (high >= 0)
        i, j = low[both], high[both]
        one, other = density[i], density[j]
        conductance = part[both] / pixel_size**2
        faces.append((i, j, conductance * (1 if even else 2 * one * other / (one + other))))
    i, j, conductance = (np.concatenate(part) for part in zip(*faces, strict=True))
    leaving = np.bincount(i, conductance, n) + np.bincount(j, conductance, n)
    across = -conductance / (rest[i] * rest[j])
    diagonal = np.arange(n)
    return sparse.csr_array(
        (
            np.concatenate([leaving / rest**2, across, across]),
            (np.concatenate([diagonal, i, j]), np.concatenate([diagonal, j, i])),
        ),
        (n, n),
    )
