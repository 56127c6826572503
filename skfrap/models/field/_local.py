"""Exact free diffusion on the padded periodic grid, by separable heat kernels.

Write d = 1 - c/c0 for the deficit and m for the bleach mask. Bleach frame i removes
(1 - alpha) of what is left inside the mask, so that with depth = 1 - alpha the deficit is

    d(t) = depth * sum_i S(t - t_i) Y_i,    Y_i = m * (1 - d just before bleach frame i),

where S is the heat semigroup. The deposits Y_i live on the mask's bounding box, and S is a product
of two one-dimensional convolutions, so everything happens on small arrays and at any times. A
Gaussian blur of the image is diffusion too, for a time of blur**2 / 2D.
"""

from functools import cached_property, lru_cache

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

from skfrap.numerics._threads import one_blas_thread


class LocalDiffusion:
    """Compute the deficits that bleaching leaves, for one bleach mask and one way of looking.

    Parameters
    ----------
    protocol : FRAPProtocol
    bleach, weights : ndarray of shape (ny, nx)
        Fraction of each pixel in which a bleach frame bleaches, and weights of the recovery curve,
        on the padded grid. The weights are zero where the mask is.
    imaging_blur : float, default=0.0
        Standard deviation of the Gaussian spread of the detection, µm.
    """

    def __init__(self, protocol, bleach, weights, imaging_blur=0.0):
        self.protocol = protocol
        self.box = bounding_box(bleach)
        self._mask = bleach[self.box]
        self.n_pixels = self._mask.size
        self._weights = weights[self.box]
        self._blur = 0.5 * imaging_blur**2
        self._axes = [_axis(n, protocol.pixel_size) for n in bleach.shape]
        # Cross-correlations with the ROI weights go by FFTs long enough not to wrap around.
        self._fft_shape = [next_fast_len(2 * n - 1, real=True) for n in self._mask.shape]
        self._weights_fft = np.conj(rfft2(self._weights, self._fft_shape))
        # Time from each bleach frame to each postbleach frame, its distinct values once.
        lags = protocol.times[protocol.n_prebleach :] - protocol.bleach_times[:, np.newaxis]
        rounded = np.round(lags / lags.max(), 12)
        _, first, self._lag_index = np.unique(rounded, return_index=True, return_inverse=True)
        self._lag_index = self._lag_index.reshape(lags.shape)
        self._lags = lags.ravel()[first]

    @one_blas_thread()
    def recovery(self, D, depth, found=None):
        """Compute the mean deficit of mobile particles in the bleach region, over the depth.

        The postbleach curve is ``c0 * (1 - depth * recovery)``; in ``depth`` the result is a
        polynomial of degree n_bleach - 1.

        Parameters
        ----------
        D : float
            µm²/s.
        depth : ndarray of shape (n,)
            1 - alpha.
        found : ndarray of shape (n_bleach, h, w), default=None
            What each bleach frame would find in the mask's box without the others; None is 1.

        Returns
        -------
        ndarray of shape (n, n_postbleach)
        """
        deposits = self._deposits(D, depth, found)
        ky, kx = (
            axis.kernels(D * self._lags + self._blur, n)
            for axis, n in zip(self._axes, self._mask.shape, strict=True)
        )
        # The mean of S Y over the region is <w, S Y> = <S w, Y>. Spreading w costs a product per
        # lag, correlating w with Y a Fourier transform per deposit: whichever are fewer.
        recovery = np.zeros((len(depth), self.protocol.n_postbleach))
        if len(self._lags) < deposits.shape[0] * deposits.shape[1]:
            spread_weights = self._spread_weights(ky, kx)
            for i, lags in enumerate(self._lag_index):
                recovery += deposits[i].reshape(len(depth), -1) @ spread_weights[lags].T
            return recovery
        if found is None and self.protocol.n_bleach == 1:
            correlation = self._of_flash
        else:
            correlation = self._correlate_with_weights(deposits)
        for i, lags in enumerate(self._lag_index):
            recovery += np.sum((ky[lags] @ correlation[i]) * kx[lags], axis=-1)
        return recovery

    @cached_property
    def _of_flash(self):
        """The correlation of what one bleach frame deposits, whatever its depth and D are."""
        return self._correlate_with_weights(self._mask[np.newaxis, np.newaxis])

    def _spread_weights(self, ky, kx):
        """Spread the ROI weights by each kernel: (n_lags, h * w)."""
        h, w = self._mask.shape
        along_y = ky[:, _distances_within(h)].reshape(-1, h) @ self._weights
        along_y = along_y.reshape(len(ky), h, w)
        return (along_y @ kx[:, _distances_within(w)]).reshape(len(ky), h * w)

    def _correlate_with_weights(self, deposits):
        """Cross-correlate deposits with the ROI weights, shifts folded onto those >= 0.

        The kernels are even and <w, S Y> needs no more than this at the shifts that both have.
        """
        spectrum = rfft2(deposits, self._fft_shape) * self._weights_fft
        correlation = irfft2(spectrum, self._fft_shape)
        h, w = self._mask.shape
        return _fold(_fold(correlation, h, -2), w, -1)

    def immobile(self, depth):
        """Compute the mean deficit of immobile particles over the depth, shape (n,)."""
        left = self._immobile_left(depth)
        # At depth 0 the quotient is its limit, n_bleach times the mean of the mask.
        weights = self._weights
        if self._blur:
            ky, kx = (
                axis.kernels([self._blur], n)[0][_distances_within(n)]
                for axis, n in zip(self._axes, self._mask.shape, strict=True)
            )
            weights = ky @ weights @ kx
        limit = self.protocol.n_bleach * np.sum(weights * self._mask)
        removed = np.einsum("nyx,yx->n", 1 - left, weights)
        return np.divide(removed, depth, out=np.full(len(depth), limit), where=depth > 0)

    def left(self, D, depth, mobile_fraction, window):
        """Yield what is left after each recorded frame, unbleached being 1.

        Parameters
        ----------
        D, depth, mobile_fraction : float
        window : tuple of two slices
            Rows and columns of the padded grid to compute.

        Yields
        ------
        ndarray of shape (ny, nx)
        """
        shape = tuple(part.stop - part.start for part in window)
        for _ in range(self.protocol.n_prebleach):
            yield np.ones(shape)
        depth = np.array([depth])
        deposits = depth * mobile_fraction * self._deposits(D, depth)[:, 0]
        immobile = (1 - mobile_fraction) * (1 - self._immobile_left(depth)[0])
        # A last lag of zero time shows the immobile particles as the detection sees them.
        ky, kx = (
            axis.kernels(D * np.append(self._lags, 0.0) + self._blur, axis.n)[:, distances]
            for axis, distances in zip(self._axes, map(_distances, window, self.box), strict=True)
        )
        spread_immobile = ky[-1] @ immobile @ kx[-1].T
        for lags in self._lag_index.T:
            yield (
                1 - spread_immobile - np.sum(ky[lags] @ deposits @ kx[lags].swapaxes(1, 2), axis=0)
            )

    def _immobile_left(self, depth):
        return (1 - depth[:, np.newaxis, np.newaxis] * self._mask) ** self.protocol.n_bleach

    def _deposits(self, D, depth, found=None):
        """Compute what each bleach frame removes, over the depth: (n_bleach, n, h, w)."""
        n_bleach = self.protocol.n_bleach
        times = self.protocol.bleach_times
        deposits = np.empty((n_bleach, len(depth), *self._mask.shape))
        found = np.ones((n_bleach, 1, 1)) if found is None else found
        deposits[0] = self._mask * found[0]
        if n_bleach == 1:
            return deposits
        ky, kx = (
            axis.kernels(D * (times[1:] - times[0]), n)[:, _distances_within(n)]
            for axis, n in zip(self._axes, self._mask.shape, strict=True)
        )
        n, (h, w) = len(depth), self._mask.shape
        for i in range(1, n_bleach):
            lags = np.arange(i)[::-1]
            # Sum over earlier frames of ky Y kx, as two products of large matrices.
            along_x = deposits[:i].reshape(i, n * h, w) @ kx[lags]
            along_x = along_x.reshape(i, n, h, w).transpose(0, 2, 1, 3).reshape(i * h, n * w)
            spread = ky[lags].transpose(1, 0, 2).reshape(h, i * h) @ along_x
            spread = spread.reshape(h, n, w).transpose(1, 0, 2)
            deposits[i] = self._mask * (found[i] - depth[:, np.newaxis, np.newaxis] * spread)
        return deposits


@lru_cache(maxsize=8)
def _axis(n, pixel_size):
    """Make an axis, or take it from earlier: that of a large field takes longer than a curve."""
    return _PeriodicAxis(n, pixel_size)


class _PeriodicAxis:
    """One periodic axis of n pixels, and the heat kernels on it."""

    def __init__(self, n, pixel_size):
        self.n = n
        wavenumbers = 2 * np.pi * np.fft.rfftfreq(n, pixel_size)
        self._wavenumbers_squared = wavenumbers**2
        multiplicity = np.where((wavenumbers == 0) | (2 * np.arange(len(wavenumbers)) == n), 1, 2)
        phases = np.outer(np.arange(len(wavenumbers)), np.arange(n)) % n
        self._cosines = multiplicity[:, np.newaxis] / n * np.cos(2 * np.pi / n * phases)

    def kernels(self, D_times, n_shifts):
        """Compute exp(D t d²/dx²) at shifts 0, 1, ... pixels: (len(D_times), n_shifts)."""
        decays = np.exp(-np.outer(D_times, self._wavenumbers_squared))
        return decays @ self._cosines[:, :n_shifts]


def _distances(window, box):
    """Distance in pixels between each position in one slice and each in another."""
    positions = np.arange(window.start, window.stop)
    return np.abs(positions[:, np.newaxis] - np.arange(box.start, box.stop))


def _distances_within(n):
    """Distance in pixels between each two of n neighbouring positions."""
    return _distances(slice(0, n), slice(0, n))


def _fold(correlation, n, axis):
    """Add negative shifts, stored at the end of the axis, to the positive ones."""
    correlation = np.moveaxis(correlation, axis, 0)
    folded = correlation[:n].copy()
    folded[1:] += correlation[:-n:-1]
    return np.moveaxis(folded, 0, axis)


def bounding_box(mask):
    """Return the rows and columns, two slices, outside of which a mask is zero."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
