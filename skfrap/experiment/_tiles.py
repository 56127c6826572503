"""Square tiles of pixels that cover a compartment."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from skfrap._checks import check_count
from skfrap.experiment._regions import Mask

_MOST_TILES = 3000  # about
_LEAST_VOLUME = 0.1  # of a tile: less of it is left out
_PARTS = 4  # along a tile, by which its faces and its middle are seen


@dataclass(frozen=True)
class TileLayout:
    """Square tiles of pixels that cover a compartment, as those with the same protocol have them.

    Parameters
    ----------
    side : int
        Pixels along a tile.
    n_tiles : int
        How many have a tenth of their area in the compartment at least.
    """

    side: int
    n_tiles: int

    def __post_init__(self):
        check_count("side", self.side)
        check_count("n_tiles", self.n_tiles)

    @classmethod
    def of_compartment(cls, protocol):
        """Make the layout of a protocol's compartment, of some 3,000 tiles at most.

        Parameters
        ----------
        protocol : FRAPProtocol
            With a compartment.

        Returns
        -------
        TileLayout

        Examples
        --------
        >>> from skfrap import Circle, Ellipse, FRAPProtocol
        >>> from skfrap.experiment import TileLayout
        >>> protocol = FRAPProtocol(shape=(60, 80), pixel_size=0.25, bleach_region=Circle(2.0),
        ...                         compartment=Ellipse((9.0, 6.0)))
        >>> TileLayout.of_compartment(protocol)
        TileLayout(side=1, n_tiles=2780)
        """
        pixels = protocol.compartment_mask.sum()
        side = max(1, int(np.ceil(np.sqrt(pixels / _MOST_TILES) - 1e-9)))
        return cls(side, tiles_of(protocol, side).n_tiles)


@dataclass(frozen=True, eq=False)
class Tiles:
    """Where the tiles of a compartment are, and how much of each is inside.

    Attributes
    ----------
    side : int
        Pixels along a tile.
    pixel_size : float
        Side of a tile, in µm.
    inside : ndarray of bool of shape (n_y, n_x)
        The places on the grid of tiles that are in the layout, n_tiles of them.
    parts : ndarray of shape (n_y, 4, n_x, 4)
        How much of each sixteenth of a place is inside the compartment.
    index : ndarray of int of shape (ny, nx)
        The tile of each pixel that is inside in part; -1 elsewhere.
    counts : ndarray of shape (n_tiles,)
        Pixels of each tile.
    density : ndarray of shape (n_tiles,)
        Before bleaching, 1 in the mean over the area.
    """

    side: int
    pixel_size: float
    inside: np.ndarray
    parts: np.ndarray
    index: np.ndarray
    counts: np.ndarray
    density: np.ndarray

    @property
    def n_tiles(self):
        """Number of tiles."""
        return int(np.count_nonzero(self.inside))

    @cached_property
    def volume(self):
        """Part of each tile that is inside, (n_tiles,)."""
        return self.parts.mean(axis=(1, 3))[self.inside]

    @cached_property
    def shares(self):
        """Share of all particles in each tile before bleaching, (n_tiles,)."""
        amount = self.volume * self.density
        return amount / amount.sum()

    @cached_property
    def gains(self):
        """Variance of each tile's value over that of a pixel, (n_tiles,)."""
        # Pixels on the outline have all of the noise, and a part of the light.
        return self.counts / (self.volume * self.density * self.side**2) ** 2

    @property
    def n_pixels(self):
        """Pixels of the compartment, as an area."""
        return float(self.volume.sum()) * self.side**2

    @property
    def area(self):
        """Of the compartment, in µm²."""
        return float(self.volume.sum()) * self.pixel_size**2

    @cached_property
    def places(self):
        """Middles of the tiles, (n_tiles, 2), x and y in µm from the corner of the field."""
        row, column = np.nonzero(self.inside)
        return self.pixel_size * (np.column_stack([column, row]) + 0.5)


@lru_cache(maxsize=16)
def tiles_of(protocol, side):
    """Find the tiles of a protocol's compartment.

    Parameters
    ----------
    protocol : FRAPProtocol
        With a compartment.
    side : int
        Pixels along a tile.

    Returns
    -------
    Tiles
    """
    mask, image = protocol.compartment_mask, protocol.compartment.equilibrium
    ny, nx = (-(-n // side) for n in protocol.shape)
    parts = _parts(protocol, side, (ny, nx))
    inside = parts.mean(axis=(1, 3)) >= _LEAST_VOLUME
    if not inside.any():
        raise ValueError(
            f"the compartment has no tile of {side} by {side} pixels that is inside by a tenth; it "
            "is too thin for a measured start. Use start='told', or finer pixels."
        )
    number = np.full((ny, nx), -1)
    number[inside] = np.arange(np.count_nonzero(inside))
    row, column = np.indices(protocol.shape) // side
    index = np.where(mask > 0, number[row, column], -1)
    counts = np.bincount(index[index >= 0], minlength=number.max() + 1)
    volume = parts.mean(axis=(1, 3))[inside]
    density = np.ones(len(volume))
    if image is not None:
        there = index >= 0
        weights = mask[there]
        light = np.bincount(index[there], weights * image[there], len(volume))
        density = light / np.bincount(index[there], weights, len(volume))
        density /= np.average(density, weights=volume)
    return Tiles(side, side * protocol.pixel_size, inside, parts, index, counts, density)


def _parts(protocol, side, shape):
    """Return how much of each sixteenth of a tile is inside, (n_y, 4, n_x, 4)."""
    region, (ny, nx) = protocol.compartment.region, (_PARTS * n for n in shape)
    if not isinstance(region, Mask):
        fine = region.area_fractions((ny, nx), side * protocol.pixel_size / _PARTS)
    else:  # a tile of any number of pixels has parts, if pixels are cut first
        mask = protocol.compartment_mask.repeat(_PARTS, axis=0).repeat(_PARTS, axis=1)
        whole = np.zeros((side * ny, side * nx))
        whole[: mask.shape[0], : mask.shape[1]] = mask
        fine = whole.reshape(ny, side, nx, side).mean(axis=(1, 3))
    return fine.reshape(shape[0], _PARTS, shape[1], _PARTS)
