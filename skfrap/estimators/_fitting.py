"""Fits of one model within one box, many curves at once."""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from joblib import Parallel, delayed

from skfrap._threads import one_blas_thread
from skfrap.estimators._intervals import inverse_with_voids
from skfrap.estimators._levenberg_marquardt import minimize_in_box, sum_of_squares
from skfrap.estimators._starts import StartGrid
from skfrap.models import LINEAR, CurveSurrogate
from skfrap.parameters import PARAMETERS

_CHUNK = 2048
_GUIDED, _GUIDE_TOLERANCE, _GUIDED_STARTS, _SAME_PLACE = 60, 1e-6, 4, 0.1
_RIVAL, _ELSEWHERE = 3.84, 0.5  # chi-squared at 95 %; decades, or what linear parameters are in
# Where two parameters shape the curve: `python -m benchmarks.models` counts the optima that fits
# miss. With three starts a few more are missed, but where each step computes curves of the model
# itself they take half as long.
_STARTS_OF_TWO, _DIRECT_STARTS_OF_TWO = 6, 3
# Steps from every start, from those whose cost is not so many times the best, and then the best.
_FIRST_STEPS, _SCREENING, _HOPELESS = 12, 40, 3.0


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
    precision : ndarray of shape (n, n_free, n_free) or None
        Inverse covariance of theta, where another loss than least squares gives it.
    a, b : ndarray of shape (n,) or None
        Noise variance of a pixel and that per intensity, likewise.
    rivals : ndarray of shape (n, n_starts, n_free) or None
        Quite other parameters that were seen to fit as well, where fits had several starts; NaN
        where a start led to the optimum, or nowhere.
    """

    theta: np.ndarray
    cost: np.ndarray
    converged: np.ndarray
    n_iter: np.ndarray
    precision: np.ndarray | None = None
    a: np.ndarray | None = None
    b: np.ndarray | None = None
    rivals: np.ndarray | None = None

    def take(self, rows):
        """Take the fits of some curves."""
        columns = (getattr(self, field.name) for field in fields(self))
        return Fits(*(None if column is None else column[rows] for column in columns))

    def put(self, rows, others):
        """Put other fits in the place of some; what only one of the two has is left as it is."""
        for field in fields(self):
            column, other = getattr(self, field.name), getattr(others, field.name)
            if column is not None and other is not None:
                column[rows] = other

    @classmethod
    def join(cls, parts):
        """Join the results of several batches."""
        columns = ([getattr(part, field.name) for part in parts] for field in fields(cls))
        return cls(*(None if c[0] is None else np.concatenate(c) for c in columns))


class CurveFitter:
    """Fit curves within a box, by least squares or from there on by another loss.

    Curves are reduced to their scores on the model's basis; what the basis cannot hold stays in the
    residual whatever the parameters.

    Parameters
    ----------
    evaluator : CurveSurrogate or DirectCurves
    free : tuple of str
        Names of the parameters to fit, in the order of the results.
    bounds : dict
        ``{name: (lowest, highest)}`` in natural units for all parameters; both ends are the value
        of a parameter that is not free.
    guide : CurveSurrogate or None
        A coarser evaluator, cheap enough to look for the right basin with.
    objective : HuberLoss, ProportionalNoise or None
        What to refine least-squares fits by.
    max_nfev : int
    tol : float
    n_jobs : int or None

    Attributes
    ----------
    names : tuple of str
        All parameters, c0 first.
    """

    def __init__(
        self, evaluator, free, bounds, *, guide=None, objective=None, max_nfev, tol, n_jobs
    ):
        self.guide = None
        if guide is not None:
            self.guide = CurveFitter(
                guide, free, bounds, max_nfev=_GUIDED, tol=_GUIDE_TOLERANCE, n_jobs=n_jobs
            )
        self.evaluator = evaluator
        self.names = ("c0", *evaluator.names)
        self.free = [self.names.index(name) for name in free]
        self.bounds = bounds
        self.objective = objective
        self.max_nfev = max_nfev
        self.tol = tol
        self.n_jobs = n_jobs
        with np.errstate(divide="ignore"):  # k_on may be fixed at 0
            ends = [PARAMETERS[name].to_target(np.array(bounds[name])) for name in self.names]
        self._lower, self._upper = np.transpose(ends)
        self.index_of_c0 = self.free.index(0) if 0 in self.free else None
        self._others = [k for k in self.free if k > 0]

    def __getstate__(self):
        # Templates are quick to compute again and would only swell a pickle.
        kept = self.__dict__.copy()
        kept.pop("grid", None)
        return kept

    @property
    def ends(self):
        """Lower and upper bounds of all parameters, on their targets' scales."""
        return self._lower, self._upper

    @property
    def lower(self):
        """Lower bounds of the free parameters, on their targets' scales."""
        return self._lower[self.free]

    @property
    def upper(self):
        """Upper bounds of the free parameters, on their targets' scales."""
        return self._upper[self.free]

    def complete(self, theta):
        """Put free parameters (n, n_free) among the fixed ones: (n, n_names), as in `names`."""
        values = np.tile(self._lower, (len(theta), 1))
        values[:, self.free] = theta
        return values

    def natural(self, theta):
        """Return all parameters in natural units by name, each of shape (n,)."""
        free = {self.names[k]: column for k, column in zip(self.free, theta.T, strict=True)}
        return {
            name: PARAMETERS[name].from_target(free[name])
            if name in free
            else np.full(len(theta), self.bounds[name][0])
            for name in self.names
        }

    @one_blas_thread()
    def fit(self, X, starts, *, screen=False):
        """Fit each row of X from one or more starts, and keep the best.

        Parameters
        ----------
        X : ndarray of shape (n, n_frames)
        starts : callable
            Made by `at_points` or `at_values`, or from a grid. ``starts(scores, rows,
            lowest_c0, highest_c0)`` yields initial values of all parameters, (m, n_names), for
            the curves ``rows`` of unit size; their c0 is not used.
        screen : bool, default=False
            Of several starts, go some steps from each and on from the best only.

        Returns
        -------
        Fits
        """
        chunks = [slice(first, first + _CHUNK) for first in range(0, len(X), _CHUNK)]
        fits = Parallel(n_jobs=self.n_jobs if len(chunks) > 1 else 1, prefer="threads")(
            delayed(self._fit_chunk)(X[rows], starts, rows, screen) for rows in chunks
        )
        return Fits.join(fits)

    @one_blas_thread()
    def covariance(self, fits, n_frames):
        """Compute the covariance of the free parameters.

        Parameters
        ----------
        fits : Fits
        n_frames : int

        Returns
        -------
        ndarray of shape (n, n_free, n_free)
            Rows and columns of what a curve does not determine are zero but for an infinite
            variance.
        """
        precision = fits.precision
        if precision is None:
            freedom = n_frames - len(self.free)
            variance = fits.cost / freedom if freedom > 0 else np.full(len(fits.cost), np.inf)
            values = self.complete(fits.theta)
            _, jacobian = self.linearize(fits.theta, values, scores=0.0)
            precision = jacobian @ jacobian.swapaxes(1, 2)
            covariance = inverse_with_voids(precision)
            known = np.isfinite(covariance) & (covariance != 0)
            return np.multiply(
                covariance, variance[:, np.newaxis, np.newaxis], out=covariance, where=known
            )
        return inverse_with_voids(precision)

    def fit_from_grid(self, X):
        """Fit each row of X from a grid over all that is free but c0.

        From the best point of it, or, where the grid is coarser since several parameters shape the
        curve, and there may be several optima, from the best of each of several parts of it.
        """
        if self.guide is not None:
            return self.fit(X, self._starts_by_guide(X), screen=True)
        if self.grid.n_forms > 1:
            return self.fit(X, self._starts_in_slabs, screen=True)
        return self.fit(X, self._start_on_grid)

    def fit_from_estimates(self, X, theta):
        """Fit each row of X from estimates, and from the grid too where that is somewhere else.

        Parameters
        ----------
        X : ndarray of shape (n, n_frames)
        theta : ndarray of shape (n, n_free)

        Returns
        -------
        Fits
        """
        fits = self.fit(X, self.at_values(theta))
        problems = Problems(self, X)
        lowest, highest = problems.lower[:, 0], problems.upper[:, 0]
        nearest = self.grid.nearest(problems.scores, lowest, highest)[:, self.free]
        shaping = [row for row, k in enumerate(self.free) if self.names[k] not in LINEAR]
        away = np.abs(nearest - fits.theta)[:, shaping].max(axis=1, initial=0.0) > _ELSEWHERE
        some = np.flatnonzero(away)
        if len(some):
            others = self.fit_from_grid(X[some])
            better = others.cost < fits.cost[some]
            if others.rivals is not None and fits.rivals is None:
                fits.rivals = np.full((len(X), *others.rivals.shape[1:]), np.nan)
            fits.put(some[better], others.take(better))
        return fits

    @one_blas_thread()
    def _starts_by_guide(self, X):
        """Make starts at the best few optima that are seen with the guide's eyes."""
        guide = self.guide
        slabs = guide.grid.best_in_slabs(Problems(guide, X).scores)[:, :, guide.free]
        optima = [guide.fit(X, guide.at_values(theta)) for theta in slabs]
        costs = np.array([fits.cost for fits in optima])
        thetas = np.array([fits.theta for fits in optima])
        order = costs.argsort(axis=0)
        costs = np.take_along_axis(costs, order, axis=0)
        thetas = np.take_along_axis(thetas, order[..., np.newaxis], axis=0)
        # Starts that have come to the same place count once.
        for k in range(1, len(costs)):
            near = np.abs(thetas[:k] - thetas[k]).max(axis=2) < _SAME_PLACE
            costs[k, near.any(axis=0)] = np.inf
        order = costs.argsort(axis=0, kind="stable")[:_GUIDED_STARTS]
        return self.at_values(*np.take_along_axis(thetas, order[..., np.newaxis], axis=0))

    def _start_on_grid(self, scores, rows, lowest_c0, highest_c0):
        yield self.grid.nearest(scores, lowest_c0, highest_c0)

    def _starts_in_slabs(self, scores, rows, lowest_c0, highest_c0):
        n_starts = None
        if self.grid.n_forms == 2:
            interpolated = isinstance(self.evaluator, CurveSurrogate)
            n_starts = _STARTS_OF_TWO if interpolated else _DIRECT_STARTS_OF_TWO
        yield from self.grid.best_in_slabs(scores, n_starts)

    @cached_property
    def grid(self):
        return StartGrid(self.evaluator, self.free, self._lower, self._upper)

    def at_points(self, fractions):
        """Make starts at points of the unit cube stretched over the box, for every curve.

        Parameters
        ----------
        fractions : ndarray of shape (n_points, n_names - 1)
            For all parameters but c0.
        """

        def starts(scores, rows, lowest_c0, highest_c0):
            for fraction in fractions:
                start = self._lower.copy()
                varies = self._upper > self._lower
                varies[0] = False
                start[varies] += (self._upper[varies] - start[varies]) * fraction[varies[1:]]
                yield np.tile(start, (len(scores), 1))

        return starts

    def at_values(self, *thetas):
        """Make starts at given values of the free parameters, each (n, n_free), a row per curve."""
        values = [self.complete(np.clip(theta, self.lower, self.upper)) for theta in thetas]

        def starts(scores, rows, lowest_c0, highest_c0):
            for start in values:
                yield start[rows]

        return starts

    def _fit_chunk(self, X, starts, rows, screen):
        problems = Problems(self, X)
        scores, lower, upper = problems.scores, problems.lower, problems.upper
        X, size, floor = problems.X, problems.size, problems.floor

        def descend(values, max_iter, some=slice(None)):
            return problems.minimize(values[some], lower[some], upper[some], max_iter, some)

        first = _FIRST_STEPS if screen else self.max_nfev
        seen = []
        for start in starts(scores, rows, lower[:, 0], upper[:, 0]):
            values = self._with_best_c0(start, scores, lower, upper)
            seen.append(descend(values, first))
        if screen:
            self._go_on(seen, values, floor, descend)
        best = [column.copy() for column in seen[0]]
        for fit in seen[1:]:
            better = fit[1] < best[1]
            for kept, new in zip(best, fit, strict=True):
                kept[better] = new[better]
        if screen:
            values[:, self.free] = best[0]
            best = descend(values, self.max_nfev)
        theta, cost, converged, n_iter = best
        fits = Fits(theta, cost + floor, converged, n_iter)
        if screen:
            fits.rivals = self._rivals(fits, seen, floor, X.shape[1])
        if self.objective is not None:
            self._refine(fits, X, values, lower, upper, size)
        fits.cost *= size**2
        if self.index_of_c0 is not None:
            at = fits.theta[:, self.index_of_c0]
            on_lower, on_upper = at == lower[:, 0], at == upper[:, 0]
            at *= size
            if fits.rivals is not None:
                fits.rivals[:, :, self.index_of_c0] *= size[:, np.newaxis]
            # A bound stays what it was through the change of unit, to the last bit.
            at[on_lower], at[on_upper] = self.bounds["c0"]
        return fits

    def _go_on(self, seen, values, floor, descend):
        """Take more steps from those starts that may still lead to the optimum."""
        hopeless = _HOPELESS * np.min([fit[1] + floor for fit in seen], axis=0)
        for theta, cost, converged, n_iter in seen:
            some = np.flatnonzero(~converged & (cost + floor < hopeless))
            if len(some):
                values[some[:, np.newaxis], self.free] = theta[some]
                theta[some], cost[some], converged[some], more = descend(values, _SCREENING, some)
                n_iter[some] += more

    def _rivals(self, fits, seen, floor, n_frames):
        """Find where starts have led far away and fit as well, by a chi-squared test."""
        shaping = [row for row, k in enumerate(self.free) if self.names[k] not in LINEAR]
        limit = fits.cost * (1 + _RIVAL / max(1, n_frames - len(self.free)))
        rivals = np.full((len(fits.theta), len(seen), len(self.free)), np.nan)
        for k, (theta, cost, *_) in enumerate(seen):
            away = np.abs(theta - fits.theta)[:, shaping].max(axis=1) > _ELSEWHERE
            rivals[:, k] = np.where((away & (cost + floor < limit))[:, np.newaxis], theta, np.nan)
        return rivals

    def _refine(self, fits, X, values, lower, upper, size):
        """Go on from least-squares fits by the objective, on frames of unit size."""

        def frames(theta, rows):
            scores, jacobian = self.linearize(theta, values[rows], scores=0.0)
            return scores @ self.evaluator.basis, jacobian @ self.evaluator.basis

        refined = self.objective.refine(
            frames,
            X,
            fits.theta,
            lower[:, self.free],
            upper[:, self.free],
            size,
            max_iter=self.max_nfev,
            tol=self.tol,
        )
        fits.theta, fits.a, fits.b = refined.theta, refined.a, refined.b
        fits.converged = fits.converged & refined.converged
        fits.n_iter = fits.n_iter + refined.n_iter
        curves, _ = frames(fits.theta, np.arange(len(X)))
        fits.cost = np.sum((curves - X) ** 2, axis=1)
        fits.precision = refined.precision
        if self.index_of_c0 is not None:
            fits.precision[:, self.index_of_c0] /= size[:, np.newaxis]
            fits.precision[:, :, self.index_of_c0] /= size[:, np.newaxis]

    def _with_best_c0(self, start, scores, lower, upper):
        """Complete a start by the c0 that fits best."""
        templates = self.evaluator.scores(start[:, 1:])
        overlap = np.einsum("ns,ns->n", templates, scores)
        c0 = overlap / np.einsum("ns,ns->n", templates, templates)
        values = start.copy()
        values[:, 0] = np.clip(c0, lower[:, 0], upper[:, 0])
        return values

    def linearize(self, theta, values, scores):
        """Compute residual scores and their Jacobian by the free parameters.

        Parameters
        ----------
        theta : ndarray of shape (n, n_free)
        values : ndarray of shape (n, n_names)
            Of all parameters; those of the free ones are not looked at.
        scores : ndarray of shape (n, n_scores)
            To be subtracted from the model's.

        Returns
        -------
        residuals : ndarray of shape (n, n_scores)
        jacobian : ndarray of shape (n, n_free, n_scores)
        """
        values = values.copy()
        values[:, self.free] = theta
        model, slopes = self.evaluator.scores_and_slopes(
            values[:, 1:], [k - 1 for k in self._others]
        )
        c0 = values[:, 0, np.newaxis]
        jacobian = np.empty((len(theta), len(self.free), model.shape[1]))
        slopes = iter(slopes)
        for row, k in enumerate(self.free):
            jacobian[:, row] = model if k == 0 else c0 * next(slopes)
        return c0 * model - scores, jacobian


class Problems:
    """Curves of unit size, so that intensities may be counts or fractions, and what bounds them.

    Parameters
    ----------
    fitter : CurveFitter
    X : ndarray of shape (n, n_frames)

    Attributes
    ----------
    X, scores : ndarray
        Of unit size.
    size : ndarray of shape (n,)
    floor : ndarray of shape (n,)
        Sum of squares of what the basis does not hold.
    lower, upper : ndarray of shape (n, n_names)
        Bounds of all parameters.
    """

    def __init__(self, fitter, X):
        self._fitter = fitter
        self.size = np.abs(X).max(axis=1)
        self.size[self.size == 0] = 1.0
        self.X = X / self.size[:, np.newaxis]
        self.scores = fitter.evaluator.project(self.X)
        outside = self.X - self.scores @ fitter.evaluator.basis
        self.floor = np.einsum("nt,nt->n", outside, outside)
        self.lower, self.upper = (np.tile(end, (len(X), 1)) for end in fitter.ends)
        self.lower[:, 0] /= self.size
        self.upper[:, 0] /= self.size

    def minimize(self, values, lower, upper, max_iter, which=slice(None)):
        """Minimise the sums of squares of some curves within bounds, from given values."""
        fitter, scores = self._fitter, self.scores[which]
        return minimize_in_box(
            lambda theta, some: sum_of_squares(
                *fitter.linearize(theta, values[some], scores[some])
            ),
            values[:, fitter.free],
            lower[:, fitter.free],
            upper[:, fitter.free],
            floor=self.floor[which],
            max_iter=max_iter,
            tol=fitter.tol,
        )
