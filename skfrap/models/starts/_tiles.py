"""The modes of a compartment, on the tiles that it is seen in.

With y the density over that before bleaching, and q the share of particles of each tile,

    -lap u_i = rate_i u_i,    sum_j q_j u_ij u_lj = 1 where i = l, else 0,

so that what tiles lack falls apart into amplitudes, each of which decays by itself, in any
compartment, even or uneven. The first mode is even, and stays: particles that are lost are lost.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import LinearOperator, eigsh, splu

from skfrap.experiment._tiles import Tiles, tiles_of
from skfrap.models.cell._grid import exchange
from skfrap.numerics._threads import one_blas_thread

_MOST_MODES = 360
_TILES_PER_MODE = 6.0  # waves shorter than four tiles are not like those of the plane
_SMALL = 500  # tiles: all modes at once are as quick
_NEAREST = 0.5  # of a tile: middles are not taken to be nearer
_VECTORS = 2.2  # over the modes, that the iteration keeps


@dataclass(frozen=True, eq=False)
class TileModes:
    """Modes of a compartment on its tiles, but for the even one.

    Attributes
    ----------
    tiles : Tiles
    rates : ndarray of shape (n_modes,)
        Eigenvalues of the Laplacian, 1/µm², increasing.
    modes : ndarray of shape (n_tiles, n_modes)
        With a mean square of 1 over the particles.
    """

    tiles: Tiles
    rates: np.ndarray
    modes: np.ndarray

    def amplitudes(self, means):
        """Compute how much of each mode there is in some values of the tiles.

        Parameters
        ----------
        means : ndarray of shape (..., n_tiles)

        Returns
        -------
        ndarray of shape (..., n_modes)
        """
        return (means * self.tiles.shares) @ self.modes

    def gains(self):
        """Return the variance of amplitudes over that of a pixel, (n_modes,)."""
        tiles = self.tiles
        return (tiles.shares**2 * tiles.gains) @ self.modes**2


@lru_cache(maxsize=16)
@one_blas_thread()
def tile_modes(protocol, side):
    """Compute the modes of a protocol's compartment on its tiles.

    Parameters
    ----------
    protocol : FRAPProtocol
        With a compartment.
    side : int
        Pixels along a tile.

    Returns
    -------
    TileModes
    """
    tiles = tiles_of(protocol, side)
    rest = np.sqrt(tiles.volume * tiles.density)
    even = protocol.compartment.conductance == "sites"
    operator = exchange(
        tiles.inside, _open_faces(tiles.parts), rest, tiles.density, tiles.pixel_size, even
    )
    n = min(_MOST_MODES, max(int(tiles.n_tiles / _TILES_PER_MODE), 1), tiles.n_tiles - 1)
    rates, vectors = _lowest(operator, n + 1, np.pi**2 / tiles.area)
    # Waves on a grid are slower than those of the plane, the more so the shorter they are.
    rates = rates * (1 + rates * tiles.pixel_size**2 / 16)
    modes = vectors / rest[:, np.newaxis] * np.linalg.norm(rest)
    return TileModes(tiles, rates[1:], np.ascontiguousarray(modes[:, 1:]))


def _open_faces(parts):
    """Return how well tiles exchange through each face: downwards and to the right.

    That is what is open of it, over the distance between the middles of what is inside.
    """
    n = parts.shape[1]
    offsets = (np.arange(n) + 0.5) / n - 0.5
    volume = np.maximum(parts.mean(axis=(1, 3)), np.finfo(float).tiny)
    y = np.einsum("aibj,i->ab", parts, offsets) / n**2 / volume
    x = np.einsum("aibj,j->ab", parts, offsets) / n**2 / volume
    down = 0.5 * (parts[:-1, -1] + parts[1:, 0]).mean(axis=-1)
    right = 0.5 * (parts[:, :, :-1, -1] + parts[:, :, 1:, 0]).mean(axis=1)
    return (
        down / np.maximum(1 + np.diff(y, axis=0), _NEAREST),
        right / np.maximum(1 + np.diff(x, axis=1), _NEAREST),
    )


def _lowest(operator, n, unit):
    """Return the lowest eigenvalues and their vectors."""
    size = operator.shape[0]
    if size <= _SMALL or 3 * n > size:
        rates, vectors = eigh(operator.toarray(), subset_by_index=(0, n - 1), driver="evr")
        return np.maximum(rates, 0.0), vectors
    shift = 0.1 * unit
    factor = splu(
        csc_array(operator + shift * eye_array(size)),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    inverse = LinearOperator((size, size), matvec=factor.solve, dtype=float)
    start = np.cos(np.arange(size) ** 1.5)  # the same each time, and along all of them
    n_vectors = min(int(_VECTORS * n) + 10, size)
    rates, vectors = eigsh(
        operator, n, sigma=-shift, OPinv=inverse, which="LM", v0=start, ncv=n_vectors, tol=1e-9
    )
    order = np.argsort(rates)
    return np.maximum(rates[order], 0.0), vectors[:, order]
