"""Recovery curves by Chebyshev interpolation of an exact model.

A curve is ``c0 * (1 - depth * recovery(D, depth))``. The interpolation holds `recovery`: smooth
in log10 D, a polynomial in the depth. The curves of one protocol fill a space of a few dimensions
only, so what is interpolated are the scores on an orthonormal basis of that space, not the curves.
For a curve with white noise the scores and the residual norm are sufficient statistics: estimators
work on some 20 numbers in place of hundreds.
"""

from functools import lru_cache
from threading import RLock

import numpy as np
from scipy.fft import dct

from skfrap._threads import one_blas_thread
from skfrap.models._diffusion import DiffusionModel, broadcast_parameters

_COEFFICIENT_TOLERANCE = 1e-11
_BASIS_TOLERANCE = 1e-10
_LARGEST_ERROR = 1e-8
_NODES_IN_D = (33, 65, 129, 257, 513)
_CHUNK = 4096
_building = RLock()
_BELOW_ONE = 1 - 1e-12  # forgives the rounding of 10 ** log10(D) at the ends of the range


class CurveSurrogate:
    """Interpolate the recovery curves of a model over its diffusion coefficient and bleach depth.

    Parameters
    ----------
    model : DiffusionModel
    D_range : tuple of float, default=None
        Range of D in µm²/s; None is the model's own `D_range`.

    Attributes
    ----------
    D_range : tuple of float
        Where the interpolation holds, µm²/s. Outside it refuses.
    basis : ndarray of shape (n_scores, n_frames)
        Orthonormal rows that span the model's curves; the first is constant.
    error : float
        Largest difference to the model found on check points between the nodes, for c0 = 1.

    Raises
    ------
    RuntimeError
        If the interpolation does not reach an error of 1e-8.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import CurveSurrogate, DiffusionModel
    >>> model = DiffusionModel(FRAPProtocol())
    >>> surrogate = CurveSurrogate(model)
    >>> parameters = dict(D=[3.0, 30.0, 300.0], c0=0.9, alpha=0.6)
    >>> difference = surrogate.curves(**parameters) - model.curves(**parameters)
    >>> bool(np.abs(difference).max() < 1e-8)
    True
    """

    @one_blas_thread()
    def __init__(self, model, D_range=None):
        self.protocol = model.protocol
        self.D_range = tuple(map(float, model.D_range if D_range is None else D_range))
        lowest, highest = self.D_range
        if not 0 < lowest < highest < np.inf:
            raise ValueError(f"D_range must be 0 < lowest < highest in µm²/s, got {D_range!r}.")
        self._log_range = np.log10(self.D_range)

        # A polynomial of degree n_bleach - 1; of a high degree it needs fewer nodes than that.
        n_bleach = self.protocol.n_bleach
        n_depth = min(n_bleach, 8 + int(np.ceil(5 * np.sqrt(n_bleach))))
        depth_nodes = 0.5 + 0.5 * _first_kind_nodes(n_depth)
        recovery = self._coefficients_in_D(model, depth_nodes)
        recovery = _first_kind_coefficients(recovery, axis=1)
        immobile = _first_kind_coefficients(model.immobile(depth_nodes), axis=0)

        self._build_basis(recovery)
        postbleach_basis = self.basis[:, self.protocol.n_prebleach :]
        self._mobile = recovery @ postbleach_basis.T  # (n_D, n_depth, n_scores)
        self._immobile = np.outer(immobile, postbleach_basis.sum(axis=1))  # (n_depth, n_scores)
        self._unbleached = self.basis.sum(axis=1)
        slope = np.polynomial.chebyshev.chebder(self._mobile, axis=0)
        slope *= 2 / np.diff(self._log_range)
        slope = np.concatenate([slope, np.zeros((1, *slope.shape[1:]))])
        self._mobile_and_slope = np.concatenate([self._mobile, slope], axis=2)
        self.error = self._measure_error(model)
        if not self.error < _LARGEST_ERROR:
            raise RuntimeError(
                f"interpolation of {self.protocol!r} over D from {lowest:.3g} to {highest:.3g} "
                f"µm²/s reaches an error of {self.error:.1e} only; use a narrower D_range."
            )

    @one_blas_thread()
    def curves(self, D, c0, alpha, mobile_fraction=1.0):
        """Compute recovery curves; arguments and result as in :meth:`DiffusionModel.curves`.

        Raises
        ------
        ValueError
            If D lies outside `D_range`.
        """
        values = broadcast_parameters(D=D, c0=c0, alpha=alpha, mobile_fraction=mobile_fraction)
        D, c0, alpha, mobile = values.values()
        depth = 1 - alpha
        lowest, highest = self.D_range
        if len(D) and not (D.min() >= lowest * _BELOW_ONE and D.max() * _BELOW_ONE <= highest):
            raise ValueError(
                f"D must lie in the range of the interpolation, {lowest:.6g} to {highest:.6g} "
                f"µm²/s; got values from {D.min():.6g} to {D.max():.6g}. Use the model itself, or "
                "a surrogate with a wider D_range."
            )
        curves = np.empty((len(D), self.protocol.n_frames))
        for start in range(0, len(D), _CHUNK):
            rows = slice(start, start + _CHUNK)
            scores = self.scores(np.log10(D[rows]), depth[rows], mobile[rows])
            scores *= c0[rows, np.newaxis]
            np.matmul(scores, self.basis, out=curves[rows])
        return curves

    def project(self, curves):
        """Compute the scores of measured curves: (n, n_frames) to (n, n_scores)."""
        return curves @ self.basis.T

    def scores(self, log10_D, depth, mobile_fraction=None):
        """Compute the scores of curves with c0 = 1, without checking the arguments.

        Parameters
        ----------
        log10_D, depth, mobile_fraction : ndarray of shape (n,)
            Inside their ranges; mobile_fraction None is 1.

        Returns
        -------
        ndarray of shape (n, n_scores)
        """
        in_depth = _chebyshev_basis(2 * depth - 1, self._mobile.shape[1])
        deficit = self._interpolate(log10_D, in_depth, self._mobile)
        if mobile_fraction is not None:
            deficit *= mobile_fraction[:, np.newaxis]
            deficit += (1 - mobile_fraction)[:, np.newaxis] * (in_depth @ self._immobile)
        return self._unbleached - depth[:, np.newaxis] * deficit

    def scores_and_slopes(self, log10_D, depth, mobile_fraction=None):
        """Compute the scores and their derivatives by log10 D, depth and mobile fraction.

        Parameters
        ----------
        log10_D, depth, mobile_fraction : ndarray of shape (n,)
            As in :meth:`scores`.

        Returns
        -------
        scores, by_log10_D, by_depth : ndarray of shape (n, n_scores)
        by_mobile_fraction : ndarray of shape (n, n_scores)
            None where mobile_fraction is.
        """
        n_depth, n_scores = self._mobile.shape[1:]
        in_depth = _chebyshev_basis(2 * depth - 1, n_depth)
        slope_in_depth = 2 * _chebyshev_slope_basis(2 * depth - 1, n_depth)
        in_D = self._in_D(log10_D) @ self._mobile_and_slope.reshape(len(self._mobile), -1)
        in_D = in_D.reshape(len(log10_D), n_depth, 2 * n_scores)
        both = np.matmul(in_depth[:, np.newaxis], in_D)[:, 0]
        moving, by_log10_D = both[:, :n_scores], both[:, n_scores:]
        moving_by_depth = np.matmul(slope_in_depth[:, np.newaxis], in_D[:, :, :n_scores])[:, 0]
        depth = depth[:, np.newaxis]
        if mobile_fraction is None:
            return (
                self._unbleached - depth * moving,
                -depth * by_log10_D,
                -(moving + depth * moving_by_depth),
                None,
            )
        still, still_by_depth = in_depth @ self._immobile, slope_in_depth @ self._immobile
        mobile = mobile_fraction[:, np.newaxis]
        deficit = still + mobile * (moving - still)
        by_depth = still_by_depth + mobile * (moving_by_depth - still_by_depth)
        return (
            self._unbleached - depth * deficit,
            -depth * mobile * by_log10_D,
            -(deficit + depth * by_depth),
            -depth * (moving - still),
        )

    def _in_D(self, log10_D):
        lowest, highest = self._log_range
        return _chebyshev_basis(
            (2 * log10_D - lowest - highest) / (highest - lowest), len(self._mobile)
        )

    def _interpolate(self, log10_D, in_depth, coefficients):
        in_D = self._in_D(log10_D) @ coefficients.reshape(len(coefficients), -1)
        in_D = in_D.reshape(len(log10_D), *coefficients.shape[1:])
        return np.matmul(in_depth[:, np.newaxis], in_D)[:, 0]

    def _coefficients_in_D(self, model, depth_nodes):
        """Refine nested Chebyshev-Lobatto nodes in log10 D until the coefficients vanish."""
        middle, half = self._log_range.mean(), 0.5 * np.diff(self._log_range)[0]
        values = {}
        for n_nodes in _NODES_IN_D:
            fractions = np.arange(n_nodes) / (n_nodes - 1)
            for fraction in fractions:
                if fraction not in values:
                    D = 10 ** (middle + half * np.cos(np.pi * fraction))
                    values[fraction] = model.recovery(D, depth_nodes)
            coefficients = dct(np.stack([values[f] for f in fractions]), type=1, axis=0)
            coefficients /= n_nodes - 1
            coefficients[[0, -1]] *= 0.5
            size = np.abs(coefficients).max(axis=(1, 2))
            significant = np.flatnonzero(size > _COEFFICIENT_TOLERANCE * size.max())
            if significant[-1] < 0.9 * n_nodes:
                break
        # At least two: a recovery that D does not touch has a slope too, zero.
        return coefficients[: max(2, significant[-1] + 1)]

    def _build_basis(self, recovery):
        """Span the constant and the recovery at all nodes by orthonormal rows."""
        protocol = self.protocol
        constant = np.full((1, protocol.n_frames), protocol.n_frames**-0.5)
        rows = recovery.reshape(-1, protocol.n_postbleach)
        rows = np.pad(rows, [(0, 0), (protocol.n_prebleach, 0)])
        # The immobile particles' curve is the prebleach frames against the postbleach ones.
        step = (np.arange(protocol.n_frames) >= protocol.n_prebleach).astype(float)
        rows = np.vstack([rows, step])
        rows -= rows @ constant.T @ constant
        _, size, directions = np.linalg.svd(rows, full_matrices=False)
        kept = max(1, np.count_nonzero(size > _BASIS_TOLERANCE * size[0]))
        # Weak directions are orthogonal to the constant only to rounding over their size: repeat.
        basis, _ = np.linalg.qr(np.vstack([constant, directions[:kept]]).T)
        self.basis = np.ascontiguousarray(basis.T)

    def _measure_error(self, model):
        lowest, highest = self._log_range
        depth = np.array([0.07, 0.35, 0.62, 0.97])
        error = 0.0
        for log10_D in lowest + (highest - lowest) * np.array([0.03, 0.21, 0.44, 0.68, 0.83, 0.99]):
            point = {"D": 10**log10_D, "c0": 1.0, "alpha": 1 - depth, "mobile_fraction": 0.9}
            error = max(error, np.abs(self.curves(**point) - model.curves(**point)).max())
        return float(error)


def model_for(protocol, weights="mean"):
    """Make the model of a protocol's curves: the region's mean, or, as "noise", by squared weights.

    The noise variance of a curve's value is the squared ROI weights' mean of that of the pixels.
    """
    squared = None if weights == "mean" else protocol.roi_weights**2 / protocol.noise_gain
    return DiffusionModel(protocol, squared)


def surrogate_for(protocol, D_range=None, weights="mean"):
    """Build the surrogate of :func:`model_for`, or take it from the last few built."""
    with _building:  # a second thread that wants the same waits for it
        return _build_surrogate(protocol, D_range, weights)


@lru_cache(maxsize=16)
def _build_surrogate(protocol, D_range, weights):
    return CurveSurrogate(model_for(protocol, weights), D_range)


def _first_kind_nodes(n):
    return np.cos(np.pi * (np.arange(n) + 0.5) / n)


def _first_kind_coefficients(values, axis):
    coefficients = np.moveaxis(dct(values, type=2, axis=axis) / values.shape[axis], axis, 0)
    coefficients[0] *= 0.5
    return np.moveaxis(coefficients, 0, axis)


def _chebyshev_basis(x, n):
    """Evaluate the first n Chebyshev polynomials T_k at x in [-1, 1]: (len(x), n)."""
    basis = np.empty((max(n, 2), len(x)))
    basis[0] = 1.0
    np.clip(x, -1.0, 1.0, out=basis[1])
    known = 1  # highest order so far; T_{m+k} = 2 T_m T_k - T_{m-k} doubles it at each step
    while known < n - 1:
        new = min(known, n - 1 - known)
        rows = basis[known + 1 : known + 1 + new]
        np.multiply(basis[1 : new + 1], 2 * basis[known], out=rows)
        rows -= basis[known - new : known][::-1]
        known += new
    return basis[:n].T


def _chebyshev_slope_basis(x, n):
    """Evaluate the derivatives k U_{k-1} of the first n Chebyshev polynomials: (len(x), n)."""
    slopes = np.zeros((len(x), n))
    u_before, u = np.zeros_like(x), np.ones_like(x)
    for k in range(1, n):
        slopes[:, k] = k * u
        u_before, u = u, 2 * x * u - u_before
    return slopes
