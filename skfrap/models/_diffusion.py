"""Exact free diffusion on the padded periodic grid, by separable heat kernels.

Write d = 1 - c/c0 for the deficit and m for the bleach mask. Bleach frame i removes
(1 - alpha) of what is left inside the mask, so that with depth = 1 - alpha the deficit is

    d(t) = depth * sum_i S(t - t_i) Y_i,    Y_i = m * (1 - d just before bleach frame i),

where S is the heat semigroup. The deposits Y_i live on the mask's bounding box, and S is a product
of two one-dimensional convolutions, so everything happens on small arrays and at any times.
"""

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

from skfrap._threads import one_blas_thread

_LARGEST_BLOCK = 2**22  # doubles in a temporary array: 32 MiB


class DiffusionModel:
    """Compute recovery curves and image series of free diffusion, exactly.

    Particles diffuse freely in two dimensions on the field of view extended by the protocol's
    padding, with periodic boundaries; a fraction may be immobile. Each bleach frame leaves
    ``alpha`` of the fluorescence in the bleach region. Bleaching is instantaneous within a
    frame and imaging does not bleach [1]_, [2]_.

    Parameters
    ----------
    protocol : FRAPProtocol
    weights : ndarray of shape (ny, nx), default=None
        Pixel weights of the curves, zero outside the bleach region. None is the mean over it,
        `protocol.roi_weights`.

    Attributes
    ----------
    D_range : tuple of float
        Diffusion coefficients in µm²/s that the protocol can tell apart: at the lower end
        the recovery by the last frame is a few percent, at the upper end it is complete
        before the first.

    References
    ----------
    .. [1] Röding et al., Biophys. J. 116, 1348-1361 (2019).
    .. [2] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021), Eqs. 1-4.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import DiffusionModel
    >>> model = DiffusionModel(FRAPProtocol())
    >>> model.curves(D=[10.0, 100.0], c0=0.9, alpha=0.6).shape
    (2, 110)
    """

    def __init__(self, protocol, weights=None):
        self.protocol = protocol
        weights = protocol.roi_weights if weights is None else weights
        self._mask = protocol.bleach_mask[protocol.roi_box]
        self._weights = weights[protocol.roi_box]
        padded = [n + 2 * protocol.padding for n in protocol.shape]
        self._axes = [_PeriodicAxis(n, protocol.pixel_size) for n in padded]
        # Cross-correlations with the ROI weights go by FFTs long enough not to wrap around.
        self._fft_shape = [next_fast_len(2 * n - 1, real=True) for n in self._mask.shape]
        self._weights_fft = np.conj(rfft2(self._weights, self._fft_shape))
        # Time from each bleach frame to each postbleach frame, its distinct values once.
        lags = protocol.times[protocol.n_prebleach :] - protocol.bleach_times[:, np.newaxis]
        rounded = np.round(lags / lags.max(), 12)
        _, first, self._lag_index = np.unique(rounded, return_index=True, return_inverse=True)
        self._lag_index = self._lag_index.reshape(lags.shape)
        self._lags = lags.ravel()[first]

    @property
    def D_range(self):
        r_squared = self.protocol.equivalent_radius**2
        first, last = self.protocol.times[[self.protocol.n_prebleach, -1]]
        return 1e-3 * r_squared / (4 * last), 1e2 * r_squared / (4 * first)

    def curves(self, D, c0, alpha, mobile_fraction=1.0):
        """Compute recovery curves, the mean intensity over the bleach region in each frame.

        Parameters
        ----------
        D : array-like
            Diffusion coefficient, µm²/s, >= 0.
        c0 : array-like
            Prebleach intensity.
        alpha : array-like
            What one bleach frame leaves of the fluorescence in the bleach region, 0 to 1.
        mobile_fraction : array-like, default=1.0
            Fraction of the particles that diffuse, 0 to 1.

        Returns
        -------
        ndarray of shape (n, n_frames)
            The arguments are broadcast against each other and n is their common size.

        Raises
        ------
        ValueError
            If an argument is out of range or not finite.
        """
        D, c0, depth, mobile = broadcast_parameters(D, c0, alpha, mobile_fraction)
        curves = np.empty((len(D), self.protocol.n_frames))
        curves[:, : self.protocol.n_prebleach] = 1.0
        postbleach = curves[:, self.protocol.n_prebleach :]
        for value, rows in _groups(D, max(1, _LARGEST_BLOCK // (4 * self._weights_fft.size))):
            mobile_deficit = self.recovery(value, depth[rows])
            fraction = mobile[rows, np.newaxis]
            deficit = fraction * mobile_deficit
            if (fraction < 1).any():
                deficit += (1 - fraction) * self.immobile(depth[rows])[:, np.newaxis]
            postbleach[rows] = 1 - depth[rows, np.newaxis] * deficit
        return curves * c0[:, np.newaxis]

    @one_blas_thread()
    def recovery(self, D, depth):
        """Compute the mean deficit of mobile particles in the bleach region, over the depth.

        The postbleach curve is ``c0 * (1 - depth * recovery)``; in ``depth`` the result is a
        polynomial of degree n_bleach - 1.

        Parameters
        ----------
        D : float
            µm²/s.
        depth : ndarray of shape (n,)
            1 - alpha.

        Returns
        -------
        ndarray of shape (n, n_postbleach)
        """
        deposits = self._deposits(D, depth)
        ky, kx = (
            axis.kernels(D * self._lags, n)
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
        correlation = self._correlate_with_weights(deposits)
        for i, lags in enumerate(self._lag_index):
            recovery += np.sum((ky[lags] @ correlation[i]) * kx[lags], axis=-1)
        return recovery

    def _spread_weights(self, ky, kx):
        """Spread the ROI weights by each kernel: (n_lags, h * w)."""
        h, w = self._mask.shape
        along_y = ky[:, _distances(h, slice(0, h))].reshape(-1, h) @ self._weights
        along_y = along_y.reshape(len(ky), h, w)
        return (along_y @ kx[:, _distances(w, slice(0, w))]).reshape(len(ky), h * w)

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
        limit = self.protocol.n_bleach * np.sum(self._weights * self._mask)
        removed = 1 - np.einsum("nyx,yx->n", left, self._weights)
        return np.divide(removed, depth, out=np.full(len(depth), limit), where=depth > 0)

    @one_blas_thread()
    def images(self, D, c0, alpha, mobile_fraction=1.0, *, padded=False):
        """Compute noise-free image series.

        Parameters
        ----------
        D, c0, alpha, mobile_fraction : array-like
            As in :meth:`curves`.
        padded : bool, default=False
            Return the whole periodic grid, padding included; total intensity is conserved on it
            from the first postbleach frame on.

        Returns
        -------
        ndarray of shape (n, n_frames, ny, nx)
            The mean of each frame over the bleach region is the value of :meth:`curves`.
        """
        D, c0, depth, mobile = broadcast_parameters(D, c0, alpha, mobile_fraction)
        protocol = self.protocol
        padding = protocol.padding if padded else 0
        ny, nx = (n + 2 * padding for n in protocol.shape)
        box = tuple(slice(s.start + padding, s.stop + padding) for s in protocol.roi_box)
        images = np.empty((len(D), protocol.n_frames, ny, nx))
        images[:, : protocol.n_prebleach] = c0[:, np.newaxis, np.newaxis, np.newaxis]
        for k in range(len(D)):
            deposits = depth[k] * mobile[k] * self._deposits(D[k], depth[k : k + 1])[:, 0]
            ky, kx = (
                axis.kernels(D[k] * self._lags, n)[:, distance]
                for axis, n, distance in (
                    (self._axes[0], ny, _distances(ny, box[0])),
                    (self._axes[1], nx, _distances(nx, box[1])),
                )
            )
            immobile = (1 - mobile[k]) * (1 - self._immobile_left(depth[k : k + 1])[0])
            for j, lags in enumerate(self._lag_index.T):
                left = 1 - np.sum(ky[lags] @ deposits @ kx[lags].swapaxes(1, 2), axis=0)
                left[box] -= immobile
                images[k, protocol.n_prebleach + j] = c0[k] * left
        return images

    def _immobile_left(self, depth):
        return (1 - depth[:, np.newaxis, np.newaxis] * self._mask) ** self.protocol.n_bleach

    def _deposits(self, D, depth):
        """Compute what each bleach frame removes, over the depth: (n_bleach, n, h, w)."""
        n_bleach = self.protocol.n_bleach
        times = self.protocol.bleach_times
        deposits = np.empty((n_bleach, len(depth), *self._mask.shape))
        deposits[0] = self._mask
        if n_bleach == 1:
            return deposits
        ky, kx = (
            axis.kernels(D * (times[1:] - times[0]), n)[:, _distances(n, slice(0, n))]
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
            deposits[i] = self._mask * (1 - depth[:, np.newaxis, np.newaxis] * spread)
        return deposits


class _PeriodicAxis:
    """One periodic axis of n pixels, and the heat kernels on it."""

    def __init__(self, n, pixel_size):
        self._n = n
        wavenumbers = 2 * np.pi * np.fft.rfftfreq(n, pixel_size)
        self._wavenumbers_squared = wavenumbers**2
        multiplicity = np.where((wavenumbers == 0) | (2 * np.arange(len(wavenumbers)) == n), 1, 2)
        phases = np.outer(np.arange(len(wavenumbers)), np.arange(n)) % n
        self._cosines = multiplicity[:, np.newaxis] / n * np.cos(2 * np.pi / n * phases)

    def kernels(self, D_times, n_shifts):
        """Compute exp(D t d²/dx²) at shifts 0, 1, ... pixels: (len(D_times), n_shifts)."""
        decays = np.exp(-np.outer(D_times, self._wavenumbers_squared))
        return decays @ self._cosines[:, :n_shifts]


def _distances(n, box):
    """Distance in pixels between each of n positions and each position in the slice `box`."""
    return np.abs(np.arange(n)[:, np.newaxis] - np.arange(box.start, box.stop))


def _fold(correlation, n, axis):
    """Add negative shifts, stored at the end of the axis, to the positive ones."""
    correlation = np.moveaxis(correlation, axis, 0)
    folded = correlation[:n].copy()
    folded[1:] += correlation[:-n:-1]
    return np.moveaxis(folded, 0, axis)


def _groups(values, largest):
    """Yield each distinct value and the rows that hold it, at most `largest` at once."""
    if len(values) == 0:
        return
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=np.nan) != 0)
    for start, stop in zip(starts, [*starts[1:], len(values)], strict=True):
        for first in range(start, stop, largest):
            yield values[order[start]], order[first : min(first + largest, stop)]


def broadcast_parameters(D, c0, alpha, mobile_fraction):
    """Check the parameters and broadcast them to 1-D: D, c0, depth, mobile_fraction."""
    limits = {"D": (0, np.inf), "c0": (-np.inf, np.inf), "alpha": (0, 1), "mobile_fraction": (0, 1)}
    given = dict(zip(limits, (D, c0, alpha, mobile_fraction), strict=True))
    for name, (lowest, highest) in limits.items():
        value = np.asarray(given[name], dtype=float)
        if not np.isfinite(value).all() or (value < lowest).any() or (value > highest).any():
            raise ValueError(
                f"{name} must be finite and between {lowest} and {highest}, "
                f"got values from {np.min(value)} to {np.max(value)}."
            )
        given[name] = value
    try:
        D, c0, alpha, mobile = np.broadcast_arrays(*given.values())
    except ValueError:
        shapes = {name: value.shape for name, value in given.items()}
        raise ValueError(f"parameters must broadcast against each other, got {shapes}.") from None
    return D.ravel(), c0.ravel(), 1 - alpha.ravel(), mobile.ravel()
