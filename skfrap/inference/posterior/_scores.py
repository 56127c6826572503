"""The posterior of an image series' parameters, from its scores.

The noise is known: what the scores leave of millions of pixels tells its variance to a thousandth.
Levels, that of the series or of each of its frames, are linear and integrated in closed form. What
is left, two or three parameters, has nodes in the directions and over the widths of the posterior
itself, each parameter between the ends that the box leaves it given those before it.
"""

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from skfrap.inference.posterior._priors import Prior
from skfrap.numerics._covariance import inverse_with_voids
from skfrap.numerics._lazy import row_slices
from skfrap.numerics._progress import shown
from skfrap.numerics._quadrature import Marginal, unit_rule
from skfrap.numerics._spread import in_parts
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import is_uncertain

_REACH = 7.0  # standard deviations, that nodes go to
_COARSE = 12  # nodes along an axis, where the posterior is looked for
_LOOKS = 2  # how often
_LEAST = 1e-7  # of the box: no posterior is narrower
_NEVER = -1e12  # logarithm of a weight of none
_AT_ONCE = 2**22  # scores that are computed at once
_DRAWS = 64


class ScorePosterior:
    """Integrate over the posteriors of image series.

    Parameters
    ----------
    surrogate : ImageSurrogate
    priors : dict
        By name distributions of what is free and numbers for what is not; the noise ``a`` in it is
        not used. The order is that of the results.
    fitter : CurveFitter
        Of all that is free; finds where each posterior is.
    n_nodes : int
        Along each axis.
    """

    def __init__(self, surrogate, priors, fitter, n_nodes):
        self._surrogate, self.fitter, self._n_nodes = surrogate, fitter, n_nodes
        free = [n for n, given in priors.items() if n != "a" and is_uncertain(given)]
        self.names = (*free,)
        self._priors = {name: Prior(name, priors[name]) for name in free}
        self._axes = [k for k, name in enumerate(free) if name != "c0"]
        self._c0 = free.index("c0") if "c0" in free else None
        self._known_c0 = None if self._c0 is not None else float(priors["c0"])
        ends = np.array([prior.target(np.array([-1.0, 1.0])) for prior in self._priors.values()])
        self._low, self._high = ends.T

    @property
    def rows_at_once(self):
        """Series that are integrated together."""
        n_points = _COARSE ** len(self._axes)
        return max(1, _AT_ONCE // (self._surrogate.n_scores * n_points))

    @in_parts("posterior", "rows_at_once")
    @one_blas_thread()
    def moments(self, X, weighting):
        """Compute means, standard deviations and log evidences.

        Parameters
        ----------
        X : ndarray of shape (n, n_columns)
        weighting : {"1/a", None}
            Without effect, as the noise is known.

        Returns
        -------
        mean, std : ndarray of shape (n, n_free)
        log_evidence : ndarray of shape (n,)
            Up to what is the same for all models of the same scores.
        """
        mean, std = np.empty((2, len(X), len(self.names)))
        log_evidence = np.empty(len(X))
        for rows, problem in self._problems(X):
            mean[rows], std[rows], log_evidence[rows] = self._moments(problem)
            std[rows] *= problem.widening
        return mean, std, log_evidence

    @in_parts("posterior", "rows_at_once")
    @one_blas_thread()
    def intervals(self, X, ends_of_marginal):
        """Compute intervals, (n, n_free, 2), by a function of `Marginal`."""
        intervals = np.empty((len(X), len(self.names), 2))
        for rows, problem in self._problems(X):
            for place in range(len(self._axes)):
                order = [place, *(k for k in range(len(self._axes)) if k != place)]
                one = problem.in_order(order)
                marginal = self._marginal(one, np.empty((len(one), 1, 0)))
                z = ends_of_marginal(marginal)
                target = one.center[:, :1] + one.factor[:, :1, 0] * z
                intervals[rows, self._axes[place]] = np.sort(target, axis=1)
            if self._c0 is not None:
                intervals[rows, self._c0] = self._ends_of_c0(problem, ends_of_marginal)
            intervals[rows] = self._widened(problem, intervals[rows].swapaxes(1, 2)).swapaxes(1, 2)
        return intervals

    @in_parts("posterior", "rows_at_once")
    @one_blas_thread()
    def sample(self, X, uniforms):
        """Draw from the posteriors by inversion.

        Parameters
        ----------
        X : ndarray of shape (n, n_columns)
        uniforms : ndarray of shape (n, n_draws, n_free)

        Returns
        -------
        ndarray of shape (n, n_draws, n_free)
        """
        draws = np.empty(uniforms.shape)
        for rows, problem in self._problems(X):
            for first in range(0, uniforms.shape[1], _DRAWS):
                some = np.s_[rows, first : first + _DRAWS]
                draws[some] = self._widened(problem, self._draw(problem, uniforms[some]))
        return draws

    def _widened(self, problem, values):
        """Move values (n, m, n_free) from the means, by as much as division adds to errors."""
        if (problem.widening == 1).all():
            return values
        mean, _, _ = self._moments(problem)
        middle = mean[:, np.newaxis]
        moved = middle + problem.widening[:, np.newaxis] * (values - middle)
        return np.clip(moved, self._low, self._high)

    def _problems(self, X):
        """Yield for some series at a time: rows, and where their posteriors are."""
        for rows in shown(row_slices(len(X), self.rows_at_once), "posterior"):
            yield rows, self._located(np.asarray(X[rows], dtype=float))

    def _located(self, X):
        """Find where posteriors are: at the best fit, and then at their own means."""
        fits = self.fitter.fit_from_grid(X)
        covariance = self.fitter.covariance(fits, X.shape[1])
        axes = np.array(self._axes)
        center = fits.theta[:, axes]
        widest = (self._high - self._low)[axes]
        with np.errstate(invalid="ignore"):
            own = covariance[:, axes[:, np.newaxis], axes]
        limit = (0.5 * widest) ** 2
        wide = ~np.isfinite(own).all(axis=(1, 2)) | (np.einsum("nvv->nv", own) > limit).any(axis=1)
        own = np.where(wide[:, np.newaxis, np.newaxis], np.diag(limit), own)
        problem = _Problem(X, self._noise(X), center, self._factor(own), [*axes])
        for _ in range(_LOOKS):
            theta, log_weight = self._nodes(problem, np.empty((len(X), 1, 0)), _COARSE)
            weight = np.exp(log_weight - logsumexp(log_weight, axis=1, keepdims=True))
            center = np.einsum("nm,nmv->nv", weight, theta)
            away = theta - center[:, np.newaxis]
            own = np.einsum("nm,nmv,nmw->nvw", weight, away, away)
            problem = _Problem(X, problem.noise, center, self._factor(own), [*axes])
        problem.widening = self._widening(X, fits, covariance)
        return problem

    def _widening(self, X, fits, covariance):
        """Return how many times the errors by noise the whole is, with that of the division."""
        if self._surrogate.flat_field is None:
            return np.ones(fits.theta.shape)
        problems = self.fitter.problems(X, np.ones(len(X)))
        jacobian = problems.jacobian(fits.theta, np.arange(len(X)))
        own = inverse_with_voids(jacobian @ jacobian.swapaxes(1, 2))
        own = np.einsum("nvv->nv", own) * self._noise(X)[:, np.newaxis]
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.einsum("nvv->nv", covariance) / own
        return np.sqrt(np.where(np.isfinite(ratio), np.maximum(ratio, 1.0), 1.0))

    def _factor(self, covariance):
        least = (_LEAST * (self._high - self._low)[self._axes]) ** 2
        return np.linalg.cholesky(covariance + np.diag(least))

    def _noise(self, X):
        """Return the variance of a pixel's noise, by all that scores do not hold."""
        rest = self._surrogate.rest(X)
        return np.maximum(rest, np.finfo(float).tiny) / self._n_rest

    @property
    def _n_rest(self):
        return max(1, self._surrogate.n_values - self._surrogate.n_scores)

    def _nodes(self, problem, given, n_nodes):
        """Place nodes on the axes that are not given, and evaluate the posterior there.

        Parameters
        ----------
        problem : _Problem
        given : ndarray of shape (n, n_points, n_given)
            Of the first axes, in standard deviations.

        Returns
        -------
        theta : ndarray of shape (n, n_points * n_nodes ** n_others, n_axes)
        log_weight : ndarray of shape (n, n_points * n_nodes ** n_others)
        """
        nodes, log_weights = unit_rule(n_nodes)
        z, log_rule = given, np.zeros(given.shape[:2])
        for k in range(given.shape[2], len(problem.axes)):
            lower, upper = self._ends(problem, z)
            width = upper - lower
            points = lower[..., np.newaxis] + width[..., np.newaxis] * nodes
            with np.errstate(divide="ignore"):
                rule = np.log(width)[..., np.newaxis] + log_weights
            before = np.broadcast_to(z[:, :, np.newaxis], (*points.shape, k))
            z = np.concatenate([before, points[..., np.newaxis]], axis=3)
            z = z.reshape(len(z), -1, k + 1)
            log_rule = (log_rule[..., np.newaxis] + rule).reshape(len(z), -1)
        theta = problem.theta(z)
        values = self._log_posterior(problem, theta) + np.maximum(log_rule, _NEVER)
        return theta, values

    def _ends(self, problem, z):
        """Return between which ends the axis after those that are given lies, (n, n_points)."""
        k = z.shape[2]
        axis = problem.axes[k]
        middle = problem.center[:, k, np.newaxis] + np.einsum(
            "nmj,nj->nm", z, problem.factor[:, k, :k]
        )
        scale = problem.factor[:, k, k, np.newaxis]
        low, high = ((end - middle) / scale for end in (self._low[axis], self._high[axis]))
        lower = np.clip(low, -_REACH, _REACH)
        return lower, np.maximum(lower, np.clip(high, -_REACH, _REACH))

    def _marginal(self, problem, given):
        """Return the density of the first axis that is not given, the others integrated."""
        n_nodes = self._n_nodes
        _, values = self._nodes(problem, given, n_nodes)
        lower, upper = (end.reshape(-1) for end in self._ends(problem, given))
        values = logsumexp(values.reshape(len(lower), n_nodes, -1), axis=2)
        # The rule's own weights are no part of the density.
        _, log_weights = unit_rule(n_nodes)
        return Marginal(np.column_stack([lower, upper]), values - log_weights)

    def _log_posterior(self, problem, theta):
        """Evaluate (n, m) parameters (n, m, n_axes): levels integrated, priors in."""
        n, m = theta.shape[:2]
        values = np.empty((n, m))
        step = max(1, _AT_ONCE // (self._surrogate.n_scores * m))
        for first in range(0, n, step):
            rows = slice(first, first + step)
            values[rows] = self._log_likelihood(problem, theta[rows], rows)[0]
        for column, axis in enumerate(problem.axes):
            prior = self._priors[self.names[axis]]
            unit = np.clip(prior.unit(theta[..., column]), -1.0, 1.0)
            values = values + prior.log_density(unit) - np.log(prior.half)
        return values

    def _log_likelihood(self, problem, theta, rows):
        """Return log likelihoods, and the best levels with their squared norms."""
        n, m = theta.shape[:2]
        forward = self.fitter.forward
        whole = np.ones((n * m, len(self.names)))
        whole[:, problem.axes] = theta.reshape(n * m, -1)
        shape = forward.shape_scores(whole).reshape(n, m, *self._groups)
        scores = self._surrogate.project(problem.X[rows]).reshape(n, 1, *self._groups)
        norm_squared = np.vecdot(shape, shape)
        cross = np.vecdot(shape, scores)
        noise = problem.noise[rows, np.newaxis, np.newaxis]
        if self._known_c0 is not None and not self._surrogate.frame_levels:
            c0 = self._known_c0
            values = c0 * (2 * cross - c0 * norm_squared) / (2 * noise)
        else:
            values = cross**2 / (2 * noise * norm_squared) - 0.5 * np.log(norm_squared / noise)
        return values.sum(axis=2), cross / norm_squared, norm_squared

    @property
    def _groups(self):
        """How scores belong together that have one level: (n_levels, n_scores of each)."""
        surrogate = self._surrogate
        n = surrogate.protocol.n_frames if surrogate.frame_levels else 1
        return n, surrogate.n_scores // n

    def _moments(self, problem):
        given = np.empty((len(problem), 1, 0))
        theta, log_weight = self._nodes(problem, given, self._n_nodes)
        evidence = logsumexp(log_weight, axis=1)
        weight = np.exp(log_weight - evidence[:, np.newaxis])
        mean, std = np.empty((2, len(problem), len(self.names)))
        center = np.einsum("nm,nmv->nv", weight, theta)
        mean[:, problem.axes] = center
        spread = np.einsum("nm,nmv->nv", weight, (theta - center[:, np.newaxis]) ** 2)
        std[:, problem.axes] = np.sqrt(spread)
        # The axes are in standard deviations of the posterior.
        evidence += np.log(np.einsum("nvv->nv", problem.factor)).sum(axis=1)
        squares = np.sum(problem.X**2, axis=1)
        evidence -= squares / (2 * problem.noise)
        evidence -= 0.5 * self._surrogate.n_values * np.log(2 * np.pi * problem.noise)
        if self._c0 is not None:
            c0, error = self._moments_of_c0(problem, theta, weight)
            prior = self._priors["c0"]
            mean[:, self._c0] = np.clip(c0, *prior.bounds)
            std[:, self._c0] = error
            unit = np.clip(prior.unit(mean[:, self._c0]), -1.0, 1.0)
            evidence += prior.log_density(unit) - np.log(prior.half)
        return mean, std, evidence

    def _moments_of_c0(self, problem, theta, weight):
        """Return mean and standard deviation of c0, which is as good as normal."""
        if self._surrogate.frame_levels:
            # The level of frames before bleaching, in which nothing else is seen.
            n = self._surrogate.protocol.n_prebleach
            _, levels, sizes = self._log_likelihood(problem, theta[:, :1], slice(None))
            own = problem.noise / (n * sizes[:, 0, 0])
            return levels[:, 0, :n].mean(axis=1), np.sqrt(own)
        n, m = theta.shape[:2]
        step = max(1, _AT_ONCE // (self._surrogate.n_scores * m))
        parts = [
            self._log_likelihood(problem, theta[rows], rows)[1:]
            for rows in (slice(k, k + step) for k in range(0, n, step))
        ]
        levels, sizes = (np.concatenate(column)[..., 0] for column in zip(*parts, strict=True))
        mean = np.vecdot(weight, levels)
        own = problem.noise[:, np.newaxis] / sizes
        spread = own + (levels - mean[:, np.newaxis]) ** 2
        return mean, np.sqrt(np.vecdot(weight, spread))

    def _ends_of_c0(self, problem, ends_of_marginal):
        given = np.empty((len(problem), 1, 0))
        theta, log_weight = self._nodes(problem, given, self._n_nodes)
        weight = np.exp(log_weight - logsumexp(log_weight, axis=1, keepdims=True))
        mean, error = self._moments_of_c0(problem, theta, weight)
        low, high = self._priors["c0"].bounds
        lower = np.clip((low - mean) / error, -_REACH, _REACH - 1e-9)
        upper = np.maximum(np.clip((high - mean) / error, -_REACH, _REACH), lower + 1e-9)
        nodes, _ = unit_rule(self._n_nodes)
        z = lower[:, np.newaxis] + (upper - lower)[:, np.newaxis] * nodes
        ends = ends_of_marginal(Marginal(np.column_stack([lower, upper]), norm.logpdf(z)))
        return mean[:, np.newaxis] + error[:, np.newaxis] * ends

    def _draw(self, problem, uniforms):
        """Draw each parameter given those drawn before it."""
        n, n_draws = uniforms.shape[:2]
        draws = np.empty(uniforms.shape)
        z = np.empty((n, n_draws, 0))
        for axis in problem.axes:
            if z.shape[2] == 0:
                marginal = self._marginal(problem, np.empty((n, 1, 0)))
                new = marginal.quantile(uniforms[:, :, axis])
            else:
                marginal = self._marginal(problem, z)
                new = marginal.quantile(uniforms[:, :, axis].reshape(-1, 1)).reshape(n, n_draws)
            z = np.concatenate([z, new[..., np.newaxis]], axis=2)
        theta = problem.theta(z)
        draws[:, :, problem.axes] = theta
        if self._c0 is not None:
            if self._surrogate.frame_levels:
                weight = np.full(theta.shape[:2], 1 / n_draws)
                c0, error = self._moments_of_c0(problem, theta, weight)
                c0, error = c0[:, np.newaxis], error[:, np.newaxis]
            else:
                _, levels, sizes = self._log_likelihood(problem, theta, slice(None))
                c0 = levels[..., 0]
                error = np.sqrt(problem.noise[:, np.newaxis] / sizes[..., 0])
            drawn = c0 + error * norm.ppf(uniforms[:, :, self._c0])
            draws[:, :, self._c0] = np.clip(drawn, *self._priors["c0"].bounds)
        return draws


class _Problem:
    """Some series, and the centres and widths of their posteriors, in an order of the axes.

    Attributes
    ----------
    X : ndarray of shape (n, n_columns)
    noise : ndarray of shape (n,)
    center : ndarray of shape (n, n_axes)
    factor : ndarray of shape (n, n_axes, n_axes)
        Lower triangular: its product with its transpose is the covariance.
    axes : list of int
        Which of the parameters the axes are.
    widening : ndarray of shape (n, n_free) or None
        How many times as large errors are with the noise of the image that was divided by.
    """

    def __init__(self, X, noise, center, factor, axes):
        self.X, self.noise, self.center, self.factor = X, noise, center, factor
        self.axes = [int(axis) for axis in axes]
        self.widening = None

    def __len__(self):
        return len(self.X)

    def in_order(self, order):
        """Take the axes in another order."""
        covariance = self.factor @ self.factor.swapaxes(1, 2)
        factor = np.linalg.cholesky(covariance[:, order][:, :, order])
        axes = [self.axes[k] for k in order]
        return _Problem(self.X, self.noise, self.center[:, order], factor, axes)

    def theta(self, z):
        """Turn standard deviations (n, m, n_axes) into parameters."""
        return self.center[:, np.newaxis] + np.einsum("nvw,nmw->nmv", self.factor, z)
