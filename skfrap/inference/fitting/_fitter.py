"""Fits of one model within one box, many curves at once."""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from joblib import Parallel, delayed

from skfrap.inference.fitting._starts import StartGrid
from skfrap.models import CurveSurrogate, ForwardMap
from skfrap.numerics._covariance import inverse_with_voids
from skfrap.numerics._lazy import row_slices
from skfrap.numerics._levenberg_marquardt import minimize_in_box, sum_of_squares
from skfrap.numerics._progress import shown
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import ParameterSpace

_CHUNK = 2048
_CHUNK_IN_FRAMES = 256  # where fits are refined: a cache holds derivatives in so many frames
_FEW = 16  # curves: so few are done before the threads of BLAS are told to wait
_GUIDED = 60  # steps of a fit on the guide
_GUIDED_DIRECTLY = 15  # where the guide computes curves of a model
_GUIDE_TOLERANCE = 1e-6  # of its cost, relative
_GUIDED_STARTS = 4  # best optima of the guide from which fits start
_SAME_PLACE = 0.1  # decades, or what linear parameters are in: nearer optima are one
_RIVAL = 3.84  # chi-squared at 95 %: what fits no worse may be the truth
_ELSEWHERE = 0.5  # decades, or what linear parameters are in: so far off it is another place
# Where two parameters shape the curve: `python -m benchmarks.models` counts the optima that fits
# miss. With three starts a few more are missed, but where each step computes curves of the model
# itself they take half as long.
_STARTS_OF_TWO = 6
_DIRECT_STARTS_OF_TWO = 3
# Of several starts each takes a few steps, those that are not hopeless go on, the best to the end.
_FIRST_STEPS = 12
_SCREENING = 40  # further steps
_HOPELESS = 3.0  # times the lowest cost


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
    space : ParameterSpace
    guide : CurveSurrogate, DirectCurves or None
        A coarser evaluator, cheap enough to look for the right basin with.
    objective : HuberLoss, ProportionalNoise or None
        What to refine least-squares fits by.
    light : CurveSurrogate, DirectCurves or None
        Computes the light that proportional noise goes by. None, or the evaluator itself, is where
        that is the curves.
    max_nfev : int
    tol : float
    n_jobs : int or None

    Attributes
    ----------
    forward : ForwardMap
    forward_light : ForwardMap or None
        Of the light, where that is not the curves.
    lower, upper : ndarray of shape (n_free,)
        Bounds of the free parameters, on their targets' scales.
    """

    _map = ForwardMap

    def __init__(
        self,
        evaluator,
        space,
        *,
        guide=None,
        objective=None,
        light=None,
        max_nfev,
        tol,
        n_jobs=None,
    ):
        self.guide = None
        if guide is not None:
            steps = _GUIDED if isinstance(guide, CurveSurrogate) else _GUIDED_DIRECTLY
            options = {"max_nfev": steps, "tol": _GUIDE_TOLERANCE, "n_jobs": n_jobs}
            self.guide = CurveFitter(guide, space, **options)
        self.evaluator = evaluator
        self.space = space
        self.forward = self._map(evaluator, space)
        another = light is not None and light is not evaluator
        self.forward_light = ForwardMap(light, space) if another else None
        self.lower, self.upper = space.lower, space.upper
        self.objective = objective
        self.max_nfev = max_nfev
        self.tol = tol
        self.n_jobs = n_jobs

    def to_state(self):
        """Return what a file keeps: evaluators, space, objective and how to stop."""
        return {
            "evaluator": self.evaluator,
            "guide": None if self.guide is None else self.guide.evaluator,
            "light": None if self.forward_light is None else self.forward_light.evaluator,
            "space": self.space.to_state(),
            "objective": self.objective,
            "max_nfev": self.max_nfev,
            "tol": self.tol,
            "n_jobs": self.n_jobs,
        }

    @classmethod
    def from_state(cls, state):
        """Make the fitter that :meth:`to_state` described."""
        options = dict(state)
        space = ParameterSpace.from_state(options.pop("space"))
        return cls(options.pop("evaluator"), space, **options)

    def __getstate__(self):
        # Templates are quick to compute again and would only swell a pickle.
        kept = self.__dict__.copy()
        kept.pop("grid", None)
        return kept

    def fit(self, X, starts, *, screen=False):
        """Fit each row of X from one or more starts, and keep the best.

        Parameters
        ----------
        X : ndarray of shape (n, n_frames)
        starts : callable
            Made by `at_points` or `at_values`, or from a grid. ``starts(problems, rows)`` yields
            initial values of the free parameters, (m, n_free), for the curves ``rows``, which are
            `problems`; a free factor among them is not used.
        screen : bool, default=False
            Of several starts, go some steps from each and on from the best only.

        Returns
        -------
        Fits
        """
        if len(X) <= _FEW:
            return self._fit_chunk(X, starts, slice(None), screen)
        with one_blas_thread():
            chunks = row_slices(len(X), self._chunk)
            fits = Parallel(n_jobs=self.n_jobs if len(chunks) > 1 else 1, prefer="threads")(
                delayed(self._fit_chunk)(X[rows], starts, rows, screen)
                for rows in shown(chunks, "fitting")
            )
            return Fits.join(fits)

    @property
    def _chunk(self):
        """How many curves are fitted side by side."""
        return _CHUNK if self.objective is None else _CHUNK_IN_FRAMES

    @property
    def has_profiles(self):
        """Whether costs along a parameter mean something: sums of squares, over some noise."""
        return self.objective is None

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
            freedom = n_frames - len(self.space.free)
            variance = fits.cost / freedom if freedom > 0 else np.full(len(fits.cost), np.inf)
            _, jacobian = self.forward.linearize(fits.theta)
            precision = jacobian @ jacobian.swapaxes(1, 2)
            covariance = inverse_with_voids(precision)
            known = np.isfinite(covariance) & (covariance != 0)
            return np.multiply(
                covariance, variance[:, np.newaxis, np.newaxis], out=covariance, where=known
            )
        return inverse_with_voids(precision)

    def fit_from_grid(self, X):
        """Fit each row of X from a grid over all that is free but the factor.

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
        problems = self.problems(X)
        nearest = self.grid.nearest(problems.scores, *problems.factor_ends)
        shaping = self.forward.shaping_columns
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
        direct = guide.grid.n_forms == 2 and not isinstance(guide.evaluator, CurveSurrogate)
        n_starts = _DIRECT_STARTS_OF_TWO if direct else None
        slabs = guide.grid.best_in_slabs(Problems(guide, X).scores, n_starts)
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
        others = np.isfinite(np.take_along_axis(costs, order, axis=0)).any(axis=1)
        order = order[others] if others.any() else order[:1]
        return self.at_values(*np.take_along_axis(thetas, order[..., np.newaxis], axis=0))

    def _start_on_grid(self, problems, rows):
        yield self.grid.nearest(problems.scores, *problems.factor_ends)

    def _starts_in_slabs(self, problems, rows):
        n_starts = None
        if self.grid.n_forms == 2:
            interpolated = isinstance(self.evaluator, CurveSurrogate)
            n_starts = _STARTS_OF_TWO if interpolated else _DIRECT_STARTS_OF_TWO
        yield from self.grid.best_in_slabs(problems.scores, n_starts)

    def problems(self, X):
        """Make the problems that fits of curves are, (n, n_frames)."""
        return Problems(self, X)

    @cached_property
    def grid(self):
        return StartGrid(self.forward)

    def at_points(self, fractions):
        """Make starts at points of the unit cube stretched over the box, for every curve.

        Parameters
        ----------
        fractions : ndarray of shape (n_points, n_names)
            For all columns of the evaluator, those known too.
        """
        lower, upper = self.space.ends(self.evaluator.names)
        with np.errstate(invalid="ignore"):  # a rate may be fixed at 0
            points = self.forward.from_table(lower + (upper - lower) * fractions)

        def starts(problems, rows):
            for point in points:
                yield np.tile(point, (len(problems.X), 1))

        return starts

    def at_values(self, *thetas):
        """Make starts at given values of the free parameters, each (n, n_free), a row per curve."""
        inside = [np.clip(theta, self.lower, self.upper) for theta in thetas]

        def starts(problems, rows):
            for theta in inside:
                yield theta[rows]

        return starts

    def _fit_chunk(self, X, starts, rows, screen):
        problems = self.problems(X)
        first = _FIRST_STEPS if screen else self.max_nfev
        ended = [
            problems.minimize(self._with_best_factor(start, problems), first)
            for start in starts(problems, rows)
        ]
        if screen:
            self._go_on(ended, problems)
        if self.space.alike:
            ended = [(self.space.in_order(theta), *others) for theta, *others in ended]
        best = ended[0]
        if len(ended) > 1:
            best = [column.copy() for column in ended[0]]
        for fit in ended[1:]:
            better = fit[1] < best[1]
            for kept, new in zip(best, fit, strict=True):
                kept[better] = new[better]
        if screen:
            best = problems.minimize(best[0], self.max_nfev)
        theta, cost, converged, n_iter = best
        theta = self.space.in_order(theta)
        fits = Fits(theta, cost + problems.floor, converged, n_iter)
        if screen:
            fits.rivals = self._rivals(fits, ended, problems)
        if self.objective is not None:
            self._refine(fits, problems)
        fits.cost *= problems.size**2
        column = self.forward.factor_column
        if column is not None:
            at = fits.theta[:, column]
            on_lower, on_upper = at == problems.lower[:, column], at == problems.upper[:, column]
            at *= problems.size
            if fits.rivals is not None:
                fits.rivals[:, :, column] *= problems.size[:, np.newaxis]
            # A bound stays what it was through the change of unit, to the last bit.
            at[on_lower], at[on_upper] = self.lower[column], self.upper[column]
        return fits

    def _go_on(self, ended, problems):
        """Take more steps from those starts that may still lead to the optimum."""
        floor = problems.floor
        hopeless = _HOPELESS * np.min([fit[1] + floor for fit in ended], axis=0)
        for theta, cost, converged, n_iter in ended:
            some = np.flatnonzero(~converged & (cost + floor < hopeless))
            if len(some):
                found = problems.minimize(theta[some], _SCREENING, some)
                theta[some], cost[some], converged[some], more = found
                n_iter[some] += more

    def _rivals(self, fits, ended, problems):
        """Find where starts have led far away and fit as well, by a chi-squared test."""
        n, n_free = fits.theta.shape
        shaping = self.forward.shaping_columns
        limit = fits.cost * (1 + _RIVAL / max(1, problems.X.shape[1] - n_free))
        rivals = np.full((n, len(ended), n_free), np.nan)
        for k, (theta, cost, *_) in enumerate(ended):
            away = np.abs(theta - fits.theta)[:, shaping].max(axis=1) > _ELSEWHERE
            as_good = away & (cost + problems.floor < limit)
            rivals[:, k] = np.where(as_good[:, np.newaxis], theta, np.nan)
        return rivals

    def _refine(self, fits, problems):
        """Go on from least-squares fits by the objective, on frames of unit size."""

        def frames_of(forward):
            def frames(theta, rows):
                scores, jacobian = forward.linearize(theta, problems.factor_of(rows))
                return scores @ forward.basis, jacobian @ forward.basis

            return frames

        frames = frames_of(self.forward)
        X, size = problems.X, problems.size
        options = {"max_iter": self.max_nfev, "tol": self.tol}
        if self.forward_light is not None:
            options["light_frames"] = frames_of(self.forward_light)
        refined = self.objective.refine(
            frames, X, fits.theta, problems.lower, problems.upper, size, **options
        )
        fits.theta, fits.a, fits.b = refined.theta, refined.a, refined.b
        fits.converged = fits.converged & refined.converged
        fits.n_iter = fits.n_iter + refined.n_iter
        curves, _ = frames(fits.theta, np.arange(len(X)))
        fits.cost = np.sum((curves - X) ** 2, axis=1)
        fits.precision = refined.precision
        column = self.forward.factor_column
        if column is not None:
            fits.precision[:, column] /= size[:, np.newaxis]
            fits.precision[:, :, column] /= size[:, np.newaxis]

    def _with_best_factor(self, start, problems):
        """Complete a start by the factor that fits best, if it is free."""
        column = self.forward.factor_column
        if column is None:
            return start
        templates = self.forward.shape_scores(start)
        overlap = np.einsum("ns,ns->n", templates, problems.scores)
        factor = overlap / np.einsum("ns,ns->n", templates, templates)
        theta = start.copy()
        theta[:, column] = np.clip(factor, problems.lower[:, column], problems.upper[:, column])
        return theta


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
    lower, upper : ndarray of shape (n, n_free)
        Bounds of the free parameters.
    factor : ndarray of shape (n,) or None
        What curves are proportional to, where that is not free.
    """

    def __init__(self, fitter, X):
        self._fitter = fitter
        self.size = np.abs(X).max(axis=1)
        self.size[self.size == 0] = 1.0
        self.X = X / self.size[:, np.newaxis]
        self.scores = fitter.evaluator.project(self.X)
        outside = self.X - self.scores @ fitter.evaluator.basis
        self.floor = np.einsum("nt,nt->n", outside, outside)
        self._set_bounds(fitter)

    def _set_bounds(self, fitter):
        """Bound parameters, the factor in the unit of each curve."""
        n = len(self.X)
        self.lower, self.upper = (np.tile(end, (n, 1)) for end in (fitter.lower, fitter.upper))
        column, self.factor = fitter.forward.factor_column, None
        if column is None:
            self.factor = fitter.forward.known_factor / self.size
        else:
            self.lower[:, column] /= self.size
            self.upper[:, column] /= self.size

    @property
    def factor_ends(self):
        """The lowest and the highest factor of each curve, (n,) and (n,)."""
        column = self._fitter.forward.factor_column
        if column is None:
            return self.factor, self.factor
        return self.lower[:, column], self.upper[:, column]

    def factor_of(self, rows):
        """Return the known factors of some curves, None where the factor is free."""
        return None if self.factor is None else self.factor[rows]

    def linearize(self, theta, which):
        """Compute scores and their Jacobian for some curves."""
        return self._fitter.forward.linearize(theta, self.factor_of(which))

    def residuals_and_jacobian(self, theta, rows):
        """Return the model's scores less those seen of some curves, and their derivatives."""
        scores, jacobian = self.linearize(theta, rows)
        return scores - self.scores[rows], jacobian

    def minimize(self, theta, max_iter, which=slice(None), *, lower=None, upper=None, tol=0.0):
        """Minimise the sums of squares of some curves within bounds, from given values."""
        places = np.arange(len(self.X))[which]

        def evaluate(theta, rows):
            return sum_of_squares(*self.residuals_and_jacobian(theta, places[rows]))

        return minimize_in_box(
            evaluate,
            theta,
            (self.lower if lower is None else lower)[which],
            (self.upper if upper is None else upper)[which],
            floor=self.floor[which],
            max_iter=max_iter,
            tol=max(tol, self._fitter.tol),
        )
