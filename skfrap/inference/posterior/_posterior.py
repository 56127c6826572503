"""The posterior of a recovery curve's parameters, integrated numerically.

The integral over the noise is tabulated, that over a uniform c0 is Gaussian, or nearly, where
there are several rows; what is left has nodes, each parameter between the ends that its density has
given those before it.
"""

from itertools import product

import numpy as np
from scipy.special import logsumexp

from skfrap.inference.posterior._likelihood import Conditional, squared_norm
from skfrap.inference.posterior._noises import NoiseOfOne, NoiseOfRows
from skfrap.inference.posterior._priors import Prior
from skfrap.numerics._chebyshev import first_kind_coefficients, first_kind_nodes, truncated
from skfrap.numerics._lazy import row_slices
from skfrap.numerics._progress import shown
from skfrap.numerics._quadrature import DROP, Marginal, Nodes, Support, find_support
from skfrap.numerics._spread import in_parts
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import is_uncertain, parameter

_NEGLIGIBLE = 1e-15  # coefficients, of the largest
_UNCUT = 6.0  # standard errors from its ends c0 is as good as unbounded
_NEAR = 0.03  # of its width, by which what has any weight is widened
_FEWEST = 16  # curves at once
_MOST_LEAVES = 2**18  # nodes at once, of all curves together
_DRAWS = 64  # of each curve at once


class CurvePosterior:
    """Integrate over the posteriors of recovery curves.

    Parameters
    ----------
    surrogate : CurveSurrogate
        Over the free parameter that is not linear, if there is one.
    priors : dict
        By name distributions of what is free and numbers for what is not, and that of the noise
        ``a``; the order is that of the results.
    n_nodes : int
        Along each axis.
    """

    def __init__(self, surrogate, priors, n_nodes):
        self._n_nodes = n_nodes
        self._basis = surrogate.basis
        self._priors = {
            name: Prior(name, distribution)
            for name, distribution in priors.items()
            if name != "a" and is_uncertain(distribution)
        }
        self.names = (*self._priors,)
        in_closed_form = [n for n in surrogate.names if not parameter(n).is_shaping]
        self._shaping = (*surrogate.ranges, *(n for n in in_closed_form if n in self._priors))
        self._fixed_c0 = None if "c0" in self._priors else float(priors["c0"])
        self._coefficients = self._interpolate(surrogate, priors)
        self._c0_needs_nodes = "c0" in self._priors and not self._priors["c0"].is_flat
        protocol, n_values = surrogate.protocol, self._basis.shape[1]
        self._n_rows = protocol.n_rows
        if self._n_rows == 1:
            self._squared = squared_norm(self._coefficients)
            self._noise = NoiseOfOne(priors["a"], protocol.noise_gain, n_values)
        else:
            # What a row holds of the basis, in as few numbers as the basis has.
            factors = [np.linalg.qr(row.T, mode="r").T for row in self._in_rows(self._basis)]
            squared = [squared_norm(self._coefficients @ factor) for factor in factors]
            self._squared = np.stack(squared, axis=-1)
            n_frames = n_values // self._n_rows
            self._noise = NoiseOfRows(priors["a"], protocol.row_noise_gains, n_frames)

    def _interpolate(self, surrogate, priors):
        """Return Chebyshev coefficients of the scores, (m_1, m_2, ..., n_scores)."""
        counts = surrogate.n_nodes | {
            "alpha": surrogate.protocol.n_bleach + 1,
            "mobile_fraction": 2,
        }
        axes = [first_kind_nodes(counts[name]) for name in self._shaping]
        grid = np.array([*product(*axes)])
        # At what is known and shapes curves the surrogate does not look.
        values = np.ones((len(grid), len(surrogate.names)))
        for k, name in enumerate(surrogate.names):
            if name in self._shaping:
                values[:, k] = self._priors[name].target(grid[:, self._shaping.index(name)])
            elif not parameter(name).is_shaping:
                values[:, k] = priors[name]
        table = surrogate.scores(values).reshape(*map(len, axes), -1)
        for axis in range(len(axes)):
            table = truncated(first_kind_coefficients(table, axis), _NEGLIGIBLE, axis)
        return table

    @property
    def rows_at_once(self):
        """Curves that are integrated together."""
        n_axes = len(self._shaping) + self._c0_needs_nodes
        return max(_FEWEST, _MOST_LEAVES // self._n_nodes**n_axes)

    @in_parts("posterior", "rows_at_once")
    @one_blas_thread()
    def moments(self, X, weighting):
        """Compute means, standard deviations and log evidences.

        Parameters
        ----------
        X : ndarray of shape (n, n_frames)
        weighting : {"1/a", None}
            Of the means; standard deviations are those of the posterior itself.

        Returns
        -------
        mean, std : ndarray of shape (n, n_free)
        log_evidence : ndarray of shape (n,)
        """
        mean, std = np.empty((2, len(X), len(self.names)))
        log_evidence = np.empty(len(X))
        for rows, _, nodes in self._integrated(X):
            mean[rows], std[rows], log_evidence[rows] = self._moments(nodes, weighting)
        return mean, std, log_evidence

    @in_parts("posterior", "rows_at_once")
    @one_blas_thread()
    def intervals(self, X, ends_of_marginal):
        """Compute intervals, (n, n_free, 2), by a function of `Marginal`."""
        intervals = np.empty((len(X), len(self.names), 2))
        for rows, conditional, nodes in self._integrated(X):
            for k, name in enumerate(self.names):
                marginal = self._marginal(name, conditional, nodes)
                ends = self._priors[name].target(ends_of_marginal(marginal))
                # Of curves that no parameters explain the density is all rounding.
                intervals[rows, k] = np.sort(ends, axis=1)
        return intervals

    def _marginal(self, name, conditional, nodes):
        """Return the marginal posterior of a parameter, on [-1, 1]."""
        if name == "c0":
            return self._marginal_of_c0(nodes)
        if nodes.axes[0] != name:
            # Summed over the nodes of other parameters, its density would be one of narrow peaks.
            order = name, *(axis for axis in nodes.axes if axis != name)
            nodes = self._integrate(conditional, order, nodes)
        return nodes.marginal()

    def _marginal_of_c0(self, nodes):
        """Sum the densities of c0 over what hardly depends on it."""
        prior, over = self._priors["c0"], nodes.before_c0
        hulls = self._hulls(nodes, ("c0",))[:, 0]
        support = Support(hulls, hulls[:, np.newaxis])
        points, _ = support.nodes(self._n_nodes)
        log_density = np.empty(points.shape)
        leaves = over.leaves
        for k, column in enumerate(points.T):
            c0 = np.repeat(prior.target(column), over.log_rule[0].size)
            values = self._noise.log_likelihood(leaves, c0) + leaves.log_prior
            values = values.reshape(over.log_rule.shape) + over.log_rule
            log_density[:, k] = logsumexp(values.reshape(len(values), -1), axis=1)
        return Marginal(hulls, log_density + prior.log_density(points))

    @in_parts("posterior", "rows_at_once")
    @one_blas_thread()
    def sample(self, X, uniforms):
        """Draw from the posteriors by inversion.

        Parameters
        ----------
        X : ndarray of shape (n, n_frames)
        uniforms : ndarray of shape (n, n_draws, n_free)

        Returns
        -------
        ndarray of shape (n, n_draws, n_free)
        """
        draws = np.empty(uniforms.shape)
        for rows, conditional, nodes in self._integrated(X):
            for first in range(0, uniforms.shape[1], _DRAWS):
                some = np.s_[rows, first : first + _DRAWS]
                draws[some] = self._draw(conditional, nodes, uniforms[some])
        return draws

    def _draw(self, conditional, nodes, uniforms):
        """Draw each parameter given those drawn before it."""
        draws = np.empty(uniforms.shape)
        chain = nodes.axes if "c0" in nodes.axes or "c0" not in self.names else (*nodes.axes, "c0")
        for k, name in enumerate(chain):
            column = self.names.index(name)
            if k > 0 or not nodes.axes:
                remaining = nodes.axes[k:] or ("c0",)
                given = self._integrate(conditional, remaining, nodes, refine=True)
            else:
                given = nodes
            probability = uniforms[:, :, column].reshape(len(conditional.squares), -1)
            points = given.marginal().quantile(probability)
            conditional = conditional.at(self._priors[name], points)
            draws[:, :, column] = self._priors[name].target(points).reshape(uniforms.shape[:2])
        return draws

    def _integrated(self, X):
        """Yield for some curves at a time: rows, Conditional and Nodes."""
        for part in shown(row_slices(len(X), self.rows_at_once), "posterior"):
            conditional = self._prepare(X[part])
            nodes = self._integrate(conditional, self._shaping)
            # What the box cuts comes first: given it the others are smooth, the other way round
            # they end in steps. c0 hardly depends on the others, and its ends cost least within.
            cut = np.column_stack([self._is_cut(nodes), self._cuts_c0(nodes)])
            kinds, kind = np.unique(cut, axis=0, return_inverse=True)
            for k, (*walls, with_c0) in enumerate(kinds):
                some = np.flatnonzero(kind.ravel() == k)
                cut_first = np.argsort(np.logical_not(walls), kind="stable")
                order = tuple(self._shaping[axis] for axis in cut_first)
                chosen, kept = conditional.take(some), nodes.take(some)
                if order != nodes.axes:
                    kept = self._integrate(chosen, order, kept)
                if with_c0:
                    kept = self._with_c0(kept)
                yield part.start + some, chosen, kept

    def _is_cut(self, nodes):
        """Tell along which axes the posterior reaches an end, (n, n_axes)."""
        return (np.abs(self._hulls(nodes, nodes.axes)) >= 1).any(axis=2)

    def _prepare(self, X):
        c0 = None if self._fixed_c0 is None else np.full(len(X), self._fixed_c0)
        if self._n_rows == 1:
            h, squares = self._overlap(X, self._basis), np.einsum("nt,nt->n", X, X)
        else:
            pairs = zip(self._in_rows(X), self._in_rows(self._basis), strict=True)
            h = np.stack([self._overlap(*pair) for pair in pairs], axis=-1)
            squares = np.stack([np.vecdot(row, row) for row in self._in_rows(X)], axis=-1)
        return Conditional(self._shaping, h, self._squared, squares, np.zeros(len(X)), c0)

    def _overlap(self, X, basis):
        """Return Chebyshev coefficients of y·f, (n, m_1, m_2, ...)."""
        *shape, n_scores = self._coefficients.shape
        scores = X @ basis.T
        return (scores @ self._coefficients.reshape(-1, n_scores).T).reshape(-1, *shape)

    def _in_rows(self, values):
        """Take values, (n, n_values), apart: of each row (n, n_frames)."""
        return np.split(values, self._n_rows, axis=1)

    def _integrate(self, conditional, axes, known=None, refine=False):
        """Place nodes on one axis after the other, and evaluate the posterior there.

        Parameters
        ----------
        conditional : Conditional
        axes : sequence of str
            c0, if it is among them, last.
        known : Nodes, default=None
            Earlier nodes of the same curves, or of each for as many conditionals in a row, that
            show where to look.
        refine : bool, default=False
            Look further along the first axis, too.
        """
        shaping = tuple(axis for axis in axes if axis != "c0")
        n = len(conditional.squares)
        if known is None:
            hulls = np.tile([-1.0, 1.0], (n, len(shaping), 1))
        else:
            hulls = self._hulls(known, shaping)
            hulls = np.repeat(hulls, n // len(hulls), axis=0)
        nodes = Nodes.none_yet(conditional)
        for k, axis in enumerate(shaping):
            if k > 0 or known is None or refine:
                support = self._find_support(nodes.leaves, shaping[k:], hulls)
            else:
                support = Support(hulls[:, 0], hulls[:, 1:])
            nodes = nodes.extended(self._priors[axis], support, self._n_nodes)
            hulls = np.repeat(support.inner, self._n_nodes, axis=0)
        if "c0" in axes:
            return self._with_c0(nodes)
        nodes.log_density = self._log_density(nodes.leaves).reshape(nodes.log_rule.shape)
        return nodes

    def _with_c0(self, nodes):
        """Place nodes on c0, too."""
        support = self._find_support(nodes.leaves, ("c0",), self._hull_of_c0(nodes.leaves))
        extended = nodes.extended(self._priors["c0"], support, self._n_nodes)
        extended.log_density = self._log_density(extended.leaves).reshape(extended.log_rule.shape)
        extended.without_c0 = nodes
        return extended

    def _find_support(self, conditional, axes, hulls):
        axis, *inner = axes
        prior = self._priors[axis]

        def evaluate(rows, points, inner_hulls):
            given = conditional.take(rows).at(prior, points)
            shape = points.shape
            if not inner:
                values = self._log_peak(given).reshape(shape)
                return values, np.empty((*shape, 0, 2))
            hulls = np.repeat(inner_hulls, shape[1], axis=0)
            support = self._find_support(given, inner, hulls)
            ends = np.concatenate([support.ends[:, np.newaxis], support.inner], axis=1)
            return support.top.reshape(shape), ends.reshape(*shape, len(inner), 2)

        return find_support(evaluate, hulls)

    def _log_peak(self, given):
        """Compute the logarithm of the posterior, c0 being the best one unless it is given."""
        if given.c0 is not None:
            return self._noise.log_likelihood(given, given.c0) + given.log_prior
        prior = self._priors["c0"]
        c0 = np.clip(self._noise.best_c0(given), *prior.bounds)
        log_density = self._noise.log_likelihood(given, c0) + given.log_prior
        if not prior.is_flat:
            log_density += prior.log_density(prior.unit(c0))
        return log_density

    def _log_density(self, given):
        """Compute the logarithm of the posterior, integrated over c0 unless it is given."""
        if given.c0 is not None:
            return self._log_peak(given)
        prior = self._priors["c0"]
        log_density = self._noise.log_integral(given)
        return log_density + given.log_prior + (prior.constant - np.log(prior.half))

    def _cuts_c0(self, nodes):
        """Tell for which curves the integral over c0 is not that of a whole Gaussian."""
        n = len(nodes.log_rule)
        if self._fixed_c0 is not None or self._c0_needs_nodes:
            return np.full(n, self._c0_needs_nodes)
        leaves = nodes.leaves
        c0 = self._noise.best_c0(leaves)
        lowest, highest = self._priors["c0"].bounds
        room = np.minimum(c0 - lowest, highest - c0) / self._noise.error_of_c0(leaves, c0)
        return (nodes.has_weight & (room.reshape(n, -1) < _UNCUT)).any(axis=1)

    def _hull_of_c0(self, given):
        """Return the ends along c0 alone, all else being given: (n, 1, 2)."""
        prior = self._priors["c0"]
        best = self._noise.best_c0(given)
        nearest = np.clip(best, *prior.bounds)
        error = self._noise.error_of_c0(given, nearest)
        away = np.abs(best - nearest) / error
        reach = 2 * DROP / (np.hypot(away, np.sqrt(2 * DROP)) + away) * error
        ends = prior.unit(np.stack([nearest - reach, nearest + reach], axis=-1))
        return np.clip(ends, -1.0, 1.0)[:, np.newaxis]

    def _hulls(self, nodes, axes):
        """Return the ends along axes of what has any weight, (n, n_axes, 2)."""
        n, has_weight = len(nodes.log_rule), nodes.has_weight
        hulls = np.empty((n, len(axes), 2))
        for k, axis in enumerate(axes):
            if axis in nodes.axes:
                lower = upper = nodes.spread_points(axis)
            else:
                lower, upper = np.moveaxis(self._hull_of_c0(nodes.leaves).reshape(n, -1, 2), -1, 0)
            hulls[:, k, 0] = np.where(has_weight, lower, np.inf).min(axis=1)
            hulls[:, k, 1] = np.where(has_weight, upper, -np.inf).max(axis=1)
        margin = _NEAR * np.diff(hulls) * [-1, 1]
        return np.clip(hulls + margin, -1.0, 1.0)

    def _moments(self, nodes, weighting):
        n = len(nodes.log_rule)
        log_weight = nodes.log_weight
        log_evidence = logsumexp(log_weight, axis=1)
        weight = np.exp(log_weight - log_evidence[:, np.newaxis])
        of_c0 = self._noise.moments(nodes.leaves)
        weight_of_mean = weight
        if weighting is not None:
            weight_of_mean = weight * of_c0.inverse.reshape(n, -1)
            weight_of_mean /= weight_of_mean.sum(axis=1, keepdims=True)
        mean, std = np.empty((2, n, len(self.names)))
        for k, name in enumerate(self.names):
            spread = 0.0
            if name in nodes.axes:
                values = weighted = self._priors[name].target(nodes.spread_points(name))
            else:
                values, spread = of_c0.mean.reshape(n, -1), of_c0.variance.reshape(n, -1)
                weighted = values if weighting is None else of_c0.weighted.reshape(n, -1)
            center = np.vecdot(weight, values)
            spread = spread + (values - center[:, np.newaxis]) ** 2
            std[:, k] = np.sqrt(np.vecdot(weight, spread))
            mean[:, k] = np.vecdot(weight_of_mean, weighted)
        return mean, std, log_evidence
