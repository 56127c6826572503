"""Rings of pixels about one pixel, in sectors that see alike what is elongated."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from skfrap._checks import check_count

_WEDGES = 4  # of each sector, at right angles


@dataclass(frozen=True)
class RingLayout:
    """Rings one pixel wide about the centre of a pixel, divided into sectors.

    A sector is four wedges at right angles, so that all sectors see alike a pattern that is off the
    centre or elongated: the first three angular modes cancel in each. Which pixels a ring has is
    the same about any pixel.

    Parameters
    ----------
    n_rings : int
        The pixel in the middle is the first.
    n_sectors : int, default=8
        Parts that are averaged apart.

    Attributes
    ----------
    counts : ndarray of shape (n_sectors, n_rings)
        How many pixels there are.
    radii : ndarray of shape (n_rings,)
        Mean distance of a ring's pixels from the middle, in pixels.
    """

    n_rings: int
    n_sectors: int = 8

    def __post_init__(self):
        check_count("n_rings", self.n_rings)
        check_count("n_sectors", self.n_sectors)

    @classmethod
    def of_field(cls, shape, n_sectors=8):
        """Make the layout of as many rings as a field can hold about its middle.

        Parameters
        ----------
        shape : tuple of int (ny, nx)
            Of the field, in pixels.
        n_sectors : int, default=8
            As of the class.

        Returns
        -------
        RingLayout
        """
        return cls((min(shape) + 1) // 2, n_sectors)

    def complete(self, shape, centre):
        """Count the rings that lie in a field entirely.

        Parameters
        ----------
        shape : tuple of int (ny, nx)
            Of the field, in pixels.
        centre : tuple of int (row, column)
            The pixel in the middle of the rings.

        Returns
        -------
        int
        """
        (row, column), (n_rows, n_columns) = centre, shape
        edge = min(row, column, n_rows - 1 - row, n_columns - 1 - column)
        return min(self.n_rings, edge + 1)

    def index(self):
        """Return the number of sector and ring of each pixel about the middle, -1 outside.

        Returns
        -------
        ndarray of shape (2 * n_rings - 1, 2 * n_rings - 1)
            ``sector * n_rings + ring``.
        """
        return _index(self.n_rings, self.n_sectors)

    @cached_property
    def counts(self):
        """Pixels of each sector and ring."""
        index = self.index()
        n = self.n_sectors * self.n_rings
        return np.bincount(index[index >= 0], minlength=n).reshape(self.n_sectors, -1)

    @cached_property
    def radii(self):
        """Mean distance of the pixels of each ring, in pixels."""
        index, distances = self.index(), _distances(self.n_rings)
        ring = index[index >= 0] % self.n_rings
        return np.bincount(ring, distances[index >= 0]) / np.bincount(ring)


def _distances(n_rings):
    offsets = np.arange(-n_rings + 1.0, n_rings)
    return np.hypot(offsets[:, np.newaxis], offsets)


@lru_cache(maxsize=8)
def _index(n_rings, n_sectors):
    offsets = np.arange(-n_rings + 1.0, n_rings)
    ring = np.rint(_distances(n_rings)).astype(int)
    turns = np.arctan2(offsets[:, np.newaxis], offsets) / (2 * np.pi)
    # A hair off the axes, on which whole rows of pixels would change sides by rounding.
    wedge = np.floor((turns % 1.0) * _WEDGES * n_sectors + 1e-6).astype(int)
    index = np.where(ring < n_rings, (wedge % n_sectors) * n_rings + ring, -1)
    index.flags.writeable = False
    return index
