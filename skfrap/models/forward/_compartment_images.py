"""Images of a compartment, in the coordinates of its reduced geometry's states."""

import numpy as np

from skfrap.models.cell import geometry_of
from skfrap.models.kinetics import FreeDiffusion
from skfrap.numerics._chebyshev import first_kind_nodes


class CompartmentImages:
    """Compute what bleaching takes, over the depth, as :class:`SeparableImages` in an open field.

    Parameters
    ----------
    protocol : FRAPProtocol
        With a compartment.
    window : tuple of two slices
        Of the field of view.
    bleach_blur, imaging_blur : float
        Standard deviations of the Gaussian spread of the beam and of the detection, µm.

    Attributes
    ----------
    pixels : ndarray of shape (n_pixels, n_coordinates)
        Orthonormal images that span all others.
    level : ndarray of shape (n_coordinates,)
        The image before bleaching, of an intensity of 1.
    """

    is_folded = False

    def __init__(self, protocol, window, bleach_blur=0.0, imaging_blur=0.0):
        self.protocol, self.window = protocol, window
        self._geometry = geometry_of(protocol, bleach_blur, imaging_blur, states=True)
        rates = self._geometry.rates
        grid = self._geometry.grid
        at_rest = self._flat(grid.images(grid.rest[:, np.newaxis]))
        states = self._flat(self._geometry.images(np.eye(len(rates))))
        # What is missing of particles that stay is a polynomial in the depth.
        still = self._still(0.5 + 0.5 * first_kind_nodes(protocol.n_bleach))
        rows = np.concatenate([at_rest, states, still])
        sizes = np.linalg.norm(rows, axis=1, keepdims=True)
        self.pixels, _ = np.linalg.qr((rows / np.where(sizes > 0, sizes, 1.0)).T)
        self.n_coordinates = self.pixels.shape[1]
        self.level = (at_rest @ self.pixels)[0]
        self._states = states @ self.pixels

    def _flat(self, images):
        return images[:, self.window[0], self.window[1]].reshape(len(images), -1)

    def _still(self, depth):
        grid = self._geometry.grid
        left = (1 - np.outer(grid.mask, depth)) ** self.protocol.n_bleach
        return self._flat(grid.images(grid.rest[:, np.newaxis] * (1 - left) / depth))

    def of_mask(self, mask):
        """Return what is computed with of a mask: the geometry has its own."""
        return mask

    def mobile(self, mask, D, depth, frames=slice(None)):
        """Compute what is missing of mobile particles, (n, n_frames, n_coordinates)."""
        kinetics, geometry = FreeDiffusion(), self._geometry

        def symbol(rates, times):
            return kinetics.symbol(rates, times, D=D)

        missing = geometry.missing(symbol, kinetics.start(D=D), depth, self.protocol)
        times = self.protocol.times[self.protocol.n_prebleach :][frames]
        left = symbol(geometry.rates, times).sum(axis=1)
        states = np.einsum("tbm,nbm->ntm", left, missing) / depth[:, np.newaxis, np.newaxis]
        return states @ self._states

    def immobile(self, mask, depth):
        """Compute what is missing of particles that stay, over the depth: (n, n_coordinates)."""
        return self._still(depth) @ self.pixels
