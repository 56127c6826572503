"""Fits of one model within one box, many curves at once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from joblib import Parallel, delayed

from skfrap._threads import one_blas_thread
from skfrap.estimators._levenberg_marquardt import minimize_in_box
from skfrap.parameters import PARAMETERS

FITTED = ("D", "c0", "alpha")  # order of the variables of a fit
_D, _C0, _ALPHA = range(3)
_CHUNK = 2048
_GRID_PER_DECADE, _GRID_IN_ALPHA = 12, 12


@dataclass
class Fits:
    """Results of a batch of fits, one entry per curve.

    Attributes
    ----------
    theta : ndarray of shape (n, 3)
        log10 of D in µm²/s, c0 and alpha at the optimum.
    cost : ndarray of shape (n,)
        Residual sum of squares.
    converged : ndarray of shape (n,) of bool
    n_iter : ndarray of shape (n,) of int
    information : ndarray of shape (n, 3, 3)
        Jacobian times its transpose, at the optimum.
    """

    theta: np.ndarray
    cost: np.ndarray
    converged: np.ndarray
    n_iter: np.ndarray
    information: np.ndarray


class CurveFitter:
    """Fit curves by least squares within a box.

    Curves are reduced to their scores on the model's basis; what the basis cannot hold stays in the
    residual whatever the parameters.

    Parameters
    ----------
    surrogate : CurveSurrogate
    bounds : dict
        ``{name: (lowest, highest)}`` in natural units, for all of `FITTED`.
    max_nfev : int
    tol : float
    n_jobs : int or None
    """

    def __init__(self, surrogate, bounds, *, max_nfev, tol, n_jobs):
        self.surrogate = surrogate
        self.bounds = bounds
        self.max_nfev = max_nfev
        self.tol = tol
        self.n_jobs = n_jobs
        ends = [PARAMETERS[name].to_target(np.array(bounds[name])) for name in FITTED]
        self.lower, self.upper = np.transpose(ends)

    @one_blas_thread()
    def fit(self, X, starts):
        """Fit each row of X from one or more starts, and keep the best.

        Parameters
        ----------
        X : ndarray of shape (n, n_frames)
        starts : callable
            Made by `nearest_on_grid`, `at_points` or `at_values`. ``starts(scores, rows,
            lowest_c0, highest_c0)`` yields initial values (log10 D, alpha) of shape (m, 2) for the
            curves ``rows`` of unit size.

        Returns
        -------
        Fits
        """
        chunks = [slice(first, first + _CHUNK) for first in range(0, len(X), _CHUNK)]
        fits = Parallel(n_jobs=self.n_jobs if len(chunks) > 1 else 1, prefer="threads")(
            delayed(self._fit_chunk)(X[rows], starts, rows) for rows in chunks
        )
        return Fits(*(np.concatenate(parts) for parts in zip(*fits, strict=True)))

    def nearest_on_grid(self):
        """Make starts at the best point of a grid over D and alpha."""
        grid, templates, squared = self._grid

        def starts(scores, rows, lowest_c0, highest_c0):
            product = scores @ templates.T
            c0 = np.clip(product / squared, lowest_c0[:, np.newaxis], highest_c0[:, np.newaxis])
            yield grid[np.argmin(c0 * (c0 * squared - 2 * product), axis=1)]

        return starts

    @cached_property
    def _grid(self):
        """Points (log10 D, alpha) of a grid, and their curves' scores and squared norms."""
        lowest, highest = self.lower[_D], self.upper[_D]
        log10_D = np.linspace(lowest, highest, 2 + int(_GRID_PER_DECADE * (highest - lowest)))
        # Middles of equal parts: at alpha = 1 all D give the same curve.
        parts = (np.arange(_GRID_IN_ALPHA) + 0.5) / _GRID_IN_ALPHA
        alpha = self.lower[_ALPHA] + (self.upper[_ALPHA] - self.lower[_ALPHA]) * parts
        grid = np.stack(np.meshgrid(log10_D, alpha, indexing="ij"), axis=-1).reshape(-1, 2)
        templates = self.surrogate.scores(grid[:, 0], 1 - grid[:, 1])
        return grid, templates, np.einsum("gs,gs->g", templates, templates)

    def at_points(self, fractions):
        """Make starts at points of the unit square stretched over the box, for every curve."""
        lower, upper = self.lower[[_D, _ALPHA]], self.upper[[_D, _ALPHA]]

        def starts(scores, rows, lowest_c0, highest_c0):
            for fraction in fractions:
                yield np.tile(lower + (upper - lower) * fraction, (len(scores), 1))

        return starts

    def at_values(self, theta):
        """Make starts at given values (n, 3), a row per curve; c0 is linear and needs none."""
        values = np.clip(theta, self.lower, self.upper)[:, [_D, _ALPHA]]

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
        lower, upper = (np.tile(end, (len(X), 1)) for end in (self.lower, self.upper))
        lower[:, _C0] /= size
        upper[:, _C0] /= size

        best = None
        for start in starts(scores, rows, lower[:, _C0], upper[:, _C0]):
            fit = minimize_in_box(
                lambda theta, some: self._linearize(theta, scores[some]),
                self._with_best_c0(start, scores, lower, upper),
                lower,
                upper,
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
        _, jacobian = self._linearize(theta, scores)
        on_lower, on_upper = theta[:, _C0] == lower[:, _C0], theta[:, _C0] == upper[:, _C0]
        theta[:, _C0] *= size
        # A bound stays what it was through the change of unit, to the last bit.
        theta[on_lower, _C0], theta[on_upper, _C0] = self.bounds["c0"]
        jacobian[:, _C0] /= size[:, np.newaxis]
        jacobian *= size[:, np.newaxis, np.newaxis]
        information = jacobian @ jacobian.swapaxes(1, 2)
        return theta, (cost + floor) * size**2, converged, n_iter, information

    def _with_best_c0(self, start, scores, lower, upper):
        """Complete (log10 D, alpha) by the c0 that fits best."""
        templates = self.surrogate.scores(start[:, 0], 1 - start[:, 1])
        product = np.einsum("ns,ns->n", templates, scores)
        c0 = product / np.einsum("ns,ns->n", templates, templates)
        c0 = np.clip(c0, lower[:, _C0], upper[:, _C0])
        return np.column_stack([start[:, 0], c0, start[:, 1]])

    def _linearize(self, theta, scores):
        """Compute residual scores and their Jacobian by (log10 D, c0, alpha)."""
        model, by_log10_D, by_depth = self.surrogate.scores_and_slopes(
            theta[:, _D], 1 - theta[:, _ALPHA]
        )
        c0 = theta[:, _C0, np.newaxis]
        jacobian = np.stack([c0 * by_log10_D, model, -c0 * by_depth], axis=1)
        return c0 * model - scores, jacobian
