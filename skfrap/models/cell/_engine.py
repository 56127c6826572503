"""Curves and images in a compartment: a geometry, and kinetics."""

from functools import lru_cache

import numpy as np

from skfrap.models.cell._grid import CellGrid
from skfrap.models.cell._lanczos import LanczosGeometry
from skfrap.models.cell._reduced import ReducedGeometry
from skfrap.models.field._measure import FourierGeometry
from skfrap.numerics._threads import one_blas_thread

_IMAGES = 32  # made at once


def geometry_of(protocol, bleach_blur=0.0, imaging_blur=0.0, weights=None, *, states=False):
    """Reduce a protocol's compartment, or take what was made of it before.

    Parameters
    ----------
    protocol : FRAPProtocol
        Without a compartment it is the open field, of one bleach frame.
    bleach_blur, imaging_blur : float, default=0.0
        Standard deviations of the Gaussian spread of the beam and of the detection, µm.
    weights : ndarray of shape (n_rows, ny, nx), default=None
        Of pixels in the rows. None is `protocol.row_weights`.
    states : bool, default=False
        Whether it must know states on pixels, for images.

    Returns
    -------
    LanczosGeometry, ReducedGeometry or FourierGeometry
        The first for curves of one bleach frame in a compartment, the last in the open field.

    Examples
    --------
    What is left of a bleached disk in a cell when D t is 1 and 100 µm²:

    >>> from skfrap import Circle, Ellipse, FRAPProtocol
    >>> from skfrap.models.cell import geometry_of
    >>> protocol = FRAPProtocol(shape=(64, 96), pixel_size=0.25, bleach_region=Circle(3.0),
    ...                         n_bleach=1, compartment=Ellipse((10.0, 7.0)))
    >>> geometry = geometry_of(protocol)
    >>> geometry.deficits([1.0, 100.0]).round(3).tolist()
    [[0.635, 0.129]]
    """
    if protocol.compartment is None:
        return FourierGeometry(protocol, bleach_blur, imaging_blur, weights)
    key = None if weights is None else np.asarray(weights, dtype=float).tobytes()
    return _geometry(protocol, bleach_blur, imaging_blur, key, states or protocol.n_bleach > 1)


@lru_cache(maxsize=16)
@one_blas_thread()
def _geometry(protocol, bleach_blur, imaging_blur, weights, states):
    if weights is not None:
        weights = np.frombuffer(weights).reshape(-1, *protocol.shape)
    grid = CellGrid(protocol, bleach_blur, imaging_blur, weights)
    return ReducedGeometry(grid, protocol.n_bleach) if states else LanczosGeometry(grid)


class CompartmentEngine:
    """Compute curves and images of a compartment, for one way of bleaching and looking.

    The outline lies in the field of view, so that bleaching by imaging is a factor of all.

    Parameters
    ----------
    protocol : FRAPProtocol
        With a compartment.
    bleach_blur, imaging_blur, weights
        As of :func:`geometry_of`.
    """

    def __init__(self, protocol, bleach_blur, imaging_blur, weights):
        self.protocol = protocol
        self._optics = bleach_blur, imaging_blur, weights
        self.geometry = geometry_of(protocol, *self._optics)

    @one_blas_thread()
    def shapes(self, kinetics, values, depth, factor):
        """Compute curves of mobile and of immobile particles, c0 being 1.

        Parameters
        ----------
        kinetics : Kinetics
        values : dict
            A value of each of their parameters.
        depth : ndarray of shape (n,)
            1 - alpha.
        factor : ndarray of shape (n_values,)
            By which all is multiplied.

        Returns
        -------
        moving, still : ndarray of shape (n, n_values)
        """
        protocol, geometry = self.protocol, self.geometry
        depth = np.asarray(depth, dtype=float)
        both = np.empty((2, len(depth), protocol.n_rows, protocol.n_frames))
        both[:] = geometry.levels[:, np.newaxis]
        after = slice(protocol.n_prebleach, None)
        start, symbol = kinetics.start(**values), _symbol(kinetics, values)
        both[0, ..., after] -= geometry.mobile(symbol, start, depth, protocol)
        both[1, ..., after] -= geometry.still(depth, protocol.n_bleach)[..., np.newaxis]
        moving, still = both.reshape(2, len(depth), -1) * factor
        return moving, still

    def frames(self, kinetics, values, depth, mobile_fraction, factor):
        """Yield what is left in the field after each recorded frame, of an intensity of 1.

        Parameters
        ----------
        kinetics, values, factor
            As of :meth:`shapes`, the factor of shape (n_frames,).
        depth, mobile_fraction : float

        Yields
        ------
        ndarray of shape (ny, nx)
        """
        protocol = self.protocol
        geometry = geometry_of(protocol, *self._optics, states=True)
        grid = geometry.grid
        kept = (1 - depth * grid.mask) ** protocol.n_bleach
        at_rest, still = grid.images(np.stack([grid.rest, grid.rest * kept], axis=1))
        times = iter(factor)
        for _ in range(protocol.n_prebleach):
            yield at_rest * next(times)
        start, symbol = kinetics.start(**values), _symbol(kinetics, values)
        missing = geometry.missing(symbol, start, [depth], protocol)[0]
        postbleach = protocol.times[protocol.n_prebleach :]
        for first in range(0, len(postbleach), _IMAGES):
            left = symbol(geometry.rates, postbleach[first : first + _IMAGES]).sum(axis=1)
            for image in geometry.images(np.einsum("tbm,bm->mt", left, missing)):
                moving = at_rest - image
                left_over = mobile_fraction * moving + (1 - mobile_fraction) * still
                yield left_over * next(times)


def _symbol(kinetics, values):
    return lambda rates, times: kinetics.symbol(rates, times, **values)
