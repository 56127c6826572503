"""Exact diffusion in a stream, by separable kernels that move.

As in :mod:`skfrap.models.field._local` the deficit is a sum of deposits, each spread for the time
since its bleach frame, and here shifted as well. Diffusion, shift and a Gaussian blur are products
of one-dimensional convolutions. A curve asks for no more of a deposit than its correlation with the
detection weights: each frame weighs that by two kernels.
"""

from functools import cached_property

import numpy as np
from scipy.fft import irfft, irfft2, next_fast_len, rfft2

from skfrap.models.field._local import bounding_box
from skfrap.numerics._chebyshev import polynomial_on_unit_interval
from skfrap.numerics._threads import one_blas_thread


class LocalFlow:
    """Compute the deficits that bleaching leaves in a stream, for one mask and way of looking.

    Parameters
    ----------
    protocol : FRAPProtocol
    bleach, weights : ndarray of shape (ny, nx)
        Fraction of each pixel in which a bleach frame bleaches, and weights of the recovery curve,
        on the padded grid.
    imaging_blur : float, default=0.0
        Standard deviation of the Gaussian spread of the detection, µm.
    """

    def __init__(self, protocol, bleach, weights, imaging_blur=0.0):
        self.protocol = protocol
        box = bounding_box((bleach > 0) | (weights != 0))
        self._mask, self._weights = bleach[box], weights[box]
        self._shape = bleach.shape
        self._blur = 0.5 * imaging_blur**2
        self._fft_shape = [next_fast_len(2 * n - 1, real=True) for n in self._mask.shape]
        self._weights_fft = rfft2(self._weights, self._fft_shape)

    @one_blas_thread()
    def recovery(self, D, velocity, depth):
        """Compute the mean deficit of mobile particles in the postbleach frames, over the depth.

        Parameters
        ----------
        D : float
            µm²/s.
        velocity : tuple of float
            Along y and along x, µm/s.
        depth : ndarray of shape (n,)
            1 - alpha.

        Returns
        -------
        ndarray of shape (n, n_postbleach)
        """
        protocol = self.protocol
        lags = protocol.times[protocol.n_prebleach :] - protocol.bleach_times[:, np.newaxis]
        ky, kx = self._kernels(D * lags.ravel() + self._blur, velocity, lags.ravel())

        def recovery(depth):
            deposits = self._deposits(D, velocity, depth)
            correlations = self._correlate(deposits)
            left = np.zeros((len(depth), protocol.n_postbleach))
            for i, correlation in enumerate(correlations):
                rows = slice(i * protocol.n_postbleach, (i + 1) * protocol.n_postbleach)
                left += np.einsum("nty,ty->nt", kx[rows] @ correlation.swapaxes(1, 2), ky[rows])
            return left

        return polynomial_on_unit_interval(recovery, depth, protocol.n_bleach - 1)

    def after_flash(self, D, velocity):
        """Compute the deficits that one bleach frame leaves, over the depth.

        Parameters
        ----------
        D, velocity
            As in :meth:`recovery`.

        Returns
        -------
        moving : ndarray of shape (n_postbleach,)
        still : float
            Of immobile particles.
        """
        lags = self.protocol.times[self.protocol.n_prebleach :]
        ky, kx = self._kernels(D * lags + self._blur, velocity, lags)
        overlap, still = self._flash
        return np.einsum("ty,ty->t", kx @ overlap.T, ky), still

    @cached_property
    def _flash(self):
        """What the weights and the mask have in common at any shift, and the rest of the mask."""
        return self._correlate(self._mask), float(self.immobile(np.ones(1))[0])

    @one_blas_thread()
    def immobile(self, depth):
        """Compute the mean deficit of what does not move after bleaching, (n,)."""
        removed = 1 - (1 - depth[:, np.newaxis, np.newaxis] * self._mask) ** self.protocol.n_bleach
        (ky,), (kx,) = self._kernels(np.array([self._blur]), (0.0, 0.0), np.zeros(1))
        return np.einsum("nyx,x,y->n", self._correlate(removed), kx, ky)

    def _deposits(self, D, velocity, depth):
        """Compute what each bleach frame removes, over the depth: (n_bleach, n, h, w)."""
        times = self.protocol.bleach_times
        depth = depth[:, np.newaxis, np.newaxis]
        deposits = np.empty((len(times), len(depth), *self._mask.shape))
        deposits[0] = self._mask
        if len(times) == 1:
            return deposits
        lags = times[1:] - times[0]
        kernels = self._kernels(D * lags, velocity, lags)
        along = [kernel[:, _shifts(n)] for kernel, n in zip(kernels, self._mask.shape, strict=True)]
        for i in range(1, len(times)):
            spread = sum(
                along[0][i - j - 1] @ deposits[j] @ along[1][i - j - 1].T for j in range(i)
            )
            deposits[i] = self._mask * (1 - depth * spread)
        return deposits

    def _correlate(self, fields):
        """Correlate the weights with fields: (..., 2 h - 1, 2 w - 1), by rising shifts."""
        spectrum = self._weights_fft * np.conj(rfft2(fields, self._fft_shape))
        whole = irfft2(spectrum, self._fft_shape)
        h, w = self._mask.shape
        return np.roll(whole, (h - 1, w - 1), axis=(-2, -1))[..., : 2 * h - 1, : 2 * w - 1]

    def _kernels(self, spread, velocity, times):
        """Return kernels along y and x at rising shifts within the box: (n_times, 2 n - 1).

        ``spread`` is D t, µm².
        """
        kernels = []
        for n, size, speed in zip(self._shape, self._mask.shape, velocity, strict=True):
            k = 2 * np.pi * np.fft.rfftfreq(n, self.protocol.pixel_size)
            modes = np.exp(-np.outer(spread, k**2))
            if speed:
                modes = modes * phases(k, n, speed * times)
            whole = irfft(modes, n, axis=1)
            kernels.append(whole[:, np.arange(1 - size, size) % n])
        return kernels


def phases(k, n, shifts):
    """Return what shifts make of the modes of n periodic pixels: (n_shifts, n_modes).

    The fastest mode of an even number is a cosine, and stays one.
    """
    angles = np.outer(shifts, k)
    turned = np.exp(-1j * angles)
    if n % 2 == 0:
        fastest = np.argmax(np.abs(k))
        turned[:, fastest] = np.cos(angles[:, fastest])
    return turned


def _shifts(n):
    """Return where among rising shifts is that from each of n pixels to each."""
    return np.arange(n)[:, np.newaxis] - np.arange(n) + n - 1
