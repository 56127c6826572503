"""Fits of one model within one box, many curves at once."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from joblib import Parallel, delayed

from skfrap._threads import one_blas_thread
from skfrap.estimators._levenberg_marquardt import minimize_in_box
from skfrap.parameters import PARAMETERS

ALL = ("D", "c0", "alpha", "mobile_fraction")  # what the interpolated model knows
_D, _C0, _ALPHA, _MOBILE = range(4)
_CHUNK, _PIECE = 2048, 128
_GRID_PER_DECADE, _GRID_IN_ALPHA, _GRID_IN_MOBILE = 12, 12, 4


@dataclass
class Fits:
    """Results of a batch of fits, one entry per curve.

    Attributes
    ----------
    theta : ndarray of shape (n, n_free)
        Free parameters at the optimum, on their targets' scales.
    cost : ndarray of shape (n,)
        Residual sum of squares.
    converged : ndarray of shape (n,) of bool
    n_iter : ndarray of shape (n,) of int
    """

    theta: np.ndarray
    cost: np.ndarray
    converged: np.ndarray
    n_iter: np.ndarray


class CurveFitter:
    """Fit curves by least squares within a box.

    Curves are reduced to their scores on the model's basis; what the basis cannot hold stays in the
    residual whatever the parameters.

    Parameters
    ----------
    surrogate : CurveSurrogate
    free : tuple of str
        Names of the parameters to fit, in the order of the results.
    bounds : dict
        ``{name: (lowest, highest)}`` in natural units for all of `ALL`; both ends are the value
        of a parameter that is not free.
    max_nfev : int
    tol : float
    n_jobs : int or None
    """

    def __init__(self, surrogate, free, bounds, *, max_nfev, tol, n_jobs):
        self.surrogate = surrogate
        self.free = [ALL.index(name) for name in free]
        self.bounds = bounds
        self.max_nfev = max_nfev
        self.tol = tol
        self.n_jobs = n_jobs
        ends = [PARAMETERS[name].to_target(np.array(bounds[name])) for name in ALL]
        self._lower, self._upper = np.transpose(ends)

    @property
    def lower(self):
        """Lower bounds of the free parameters, on their targets' scales."""
        return self._lower[self.free]

    @property
    def upper(self):
        """Upper bounds of the free parameters, on their targets' scales."""
        return self._upper[self.free]

    def complete(self, theta):
        """Put free parameters (n, n_free) among the fixed ones: (n, 4), in the order of `ALL`."""
        values = np.tile(self._lower, (len(theta), 1))
        values[:, self.free] = theta
        return values

    @one_blas_thread()
    def fit(self, X, starts):
        """Fit each row of X from one or more starts, and keep the best.

        Parameters
        ----------
        X : ndarray of shape (n, n_frames)
        starts : callable
            Made by `nearest_on_grid`, `at_points` or `at_values`. ``starts(scores, rows,
            lowest_c0, highest_c0)`` yields initial values of all parameters, (m, 4), for the
            curves ``rows`` of unit size; their c0 is not used.

        Returns
        -------
        Fits
        """
        chunks = [slice(first, first + _CHUNK) for first in range(0, len(X), _CHUNK)]
        fits = Parallel(n_jobs=self.n_jobs if len(chunks) > 1 else 1, prefer="threads")(
            delayed(self._fit_chunk)(X[rows], starts, rows) for rows in chunks
        )
        return Fits(*(np.concatenate(parts) for parts in zip(*fits, strict=True)))

    @one_blas_thread()
    def information(self, theta):
        """Compute Jacobian times transpose at given free parameters: (n, n_free, n_free)."""
        values = self.complete(theta)
        _, jacobian = self._linearize(theta, values, scores=0.0)
        return jacobian @ jacobian.swapaxes(1, 2)

    def nearest_on_grid(self):
        """Make starts at the best point of a grid over D, alpha and the mobile fraction."""
        grid, templates, squared = self._grid

        def starts(scores, rows, lowest_c0, highest_c0):
            nearest = np.empty(len(scores), dtype=int)
            for first in range(0, len(scores), _PIECE):  # pieces that stay in the cache
                some = slice(first, first + _PIECE)
                overlap = scores[some] @ templates.T
                c0 = overlap / squared
                np.clip(c0, lowest_c0[some, np.newaxis], highest_c0[some, np.newaxis], out=c0)
                cost = c0 * squared
                cost -= 2 * overlap
                cost *= c0
                nearest[some] = cost.argmin(axis=1)
            yield grid[nearest]

        return starts

    @cached_property
    def _grid(self):
        """Points of a grid, and their curves' scores and squared norms."""
        lowest, highest = self._lower, self._upper
        n_D = 2 + int(_GRID_PER_DECADE * (highest[_D] - lowest[_D]))
        axes = (
            np.unique(np.linspace(lowest[_D], highest[_D], n_D)),
            [np.nan],
            # Middles of equal parts: at alpha = 1 all D give the same curve.
            _middles(lowest[_ALPHA], highest[_ALPHA], _GRID_IN_ALPHA),
            _middles(lowest[_MOBILE], highest[_MOBILE], _GRID_IN_MOBILE),
        )
        grid = np.array([*product(*axes)])
        templates = self._unit_scores(grid)
        return grid, templates, np.einsum("gs,gs->g", templates, templates)

    def at_points(self, fractions):
        """Make starts at points of the unit cube stretched over the box, for every curve."""

        def starts(scores, rows, lowest_c0, highest_c0):
            for fraction in fractions:
                start = np.tile(self._lower, (len(scores), 1))
                for k, part in zip((_D, _ALPHA, _MOBILE), fraction, strict=True):
                    start[:, k] += (self._upper[k] - self._lower[k]) * part
                yield start

        return starts

    def at_values(self, theta):
        """Make starts at given values of the free parameters (n, n_free), a row per curve."""
        values = self.complete(np.clip(theta, self.lower, self.upper))

        def starts(scores, rows, lowest_c0, highest_c0):
            yield values[rows]

        return starts

    def _fit_chunk(self, X, starts, rows):
        # Fit curves of unit size, so that intensities may be counts or fractions.
        size = np.abs(X).max(axis=1)
        size[size == 0] = 1.0
        X = X / size[:, np.newaxis]
        scores = self.surrogate.project(X)
        outside = X - scores @ self.surrogate.basis
        floor = np.einsum("nt,nt->n", outside, outside)
        lower, upper = (np.tile(end, (len(X), 1)) for end in (self._lower, self._upper))
        lower[:, _C0] /= size
        upper[:, _C0] /= size

        best = None
        for start in starts(scores, rows, lower[:, _C0], upper[:, _C0]):
            values = self._with_best_c0(start, scores, lower, upper)
            fit = minimize_in_box(
                lambda theta, some, values=values: self._linearize(
                    theta, values[some], scores[some]
                ),
                values[:, self.free],
                lower[:, self.free],
                upper[:, self.free],
                floor=floor,
                max_iter=self.max_nfev,
                tol=self.tol,
            )
            if best is None:
                best = fit
                continue
            better = fit[1] < best[1]
            for kept, new in zip(best, fit, strict=True):
                kept[better] = new[better]
        theta, cost, converged, n_iter = best
        if _C0 in self.free:
            c0 = self.free.index(_C0)
            on_lower, on_upper = (theta[:, c0] == end[:, _C0] for end in (lower, upper))
            theta[:, c0] *= size
            # A bound stays what it was through the change of unit, to the last bit.
            theta[on_lower, c0], theta[on_upper, c0] = self.bounds["c0"]
        return theta, (cost + floor) * size**2, converged, n_iter

    def _unit_scores(self, values):
        """Compute the scores of curves with c0 = 1."""
        return self.surrogate.scores(*self._shape_parameters(values))

    def _shape_parameters(self, values):
        """Return log10 D, depth and mobile fraction; None for the last is faster where it is 1."""
        all_mobile = self._lower[_MOBILE] == 1
        return values[:, _D], 1 - values[:, _ALPHA], None if all_mobile else values[:, _MOBILE]

    def _with_best_c0(self, start, scores, lower, upper):
        """Complete a start by the c0 that fits best."""
        templates = self._unit_scores(start)
        overlap = np.einsum("ns,ns->n", templates, scores)
        c0 = overlap / np.einsum("ns,ns->n", templates, templates)
        values = start.copy()
        values[:, _C0] = np.clip(c0, lower[:, _C0], upper[:, _C0])
        return values

    def _linearize(self, theta, values, scores):
        """Compute residual scores and their Jacobian by the free parameters."""
        values = values.copy()
        values[:, self.free] = theta
        model, by_log10_D, by_depth, by_mobile = self.surrogate.scores_and_slopes(
            *self._shape_parameters(values)
        )
        c0 = values[:, _C0, np.newaxis]
        slopes = {
            _D: lambda: c0 * by_log10_D,
            _C0: lambda: model,
            _ALPHA: lambda: -c0 * by_depth,
            _MOBILE: lambda: c0 * by_mobile,
        }
        jacobian = np.stack([slopes[k]() for k in self.free], axis=1)
        return c0 * model - scores, jacobian


def _middles(lowest, highest, n):
    """Middles of n equal parts of a range, or its one value."""
    if lowest == highest:
        return [lowest]
    return lowest + (highest - lowest) * (np.arange(n) + 0.5) / n
