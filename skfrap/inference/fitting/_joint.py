"""Joint fits: some parameters are one for the series of a group, the others each series' own.

The likelihood of a series, as a function of what is shared, has its own parameters and the variance
of its noise fitted anew at every point: it is profiled. With normal noise of unknown variance that
is a power of the residual sum of squares, so a group as a whole minimises

    sum over its series of freedom_i * log(RSS_i(shared) / RSS_i(fitted alone)),

which is the statistic of a likelihood-ratio test of sharing as well.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import t as student_t

from skfrap.inference.fitting._intervals import WIDE, end_of_profile
from skfrap.numerics._covariance import inverse_with_voids
from skfrap.numerics._levenberg_marquardt import minimize_in_box, sum_of_squares
from skfrap.numerics._threads import one_blas_thread

_TOLERANCE = 1e-10  # of the statistic and its freedom: far below what moves an estimate
_MOST_STEPS = 60
_APART = 0.1  # decades, or what linear parameters are in: so far apart two starts are tried
_DARKEST = 1e-28  # of a curve's square: what rounding leaves of a perfect fit


class JointPart(NamedTuple):
    """Some of the series: those that one fitter fits.

    Attributes
    ----------
    fitter : CurveFitter
        By least squares.
    X : ndarray of shape (m, n_frames)
    fits : Fits
        Of each series alone.
    rows : ndarray of shape (m,) of int
        Their places among all series.
    """

    fitter: object
    X: np.ndarray
    fits: object
    rows: np.ndarray


class JointFits(NamedTuple):
    """Results of joint fits.

    Attributes
    ----------
    shared : ndarray of shape (n_groups, n_shared)
        On the targets' scales.
    covariance : ndarray of shape (n_groups, n_shared, n_shared)
    ends : ndarray of shape (n_groups, n_shared, 2)
        Of confidence intervals, within the bounds.
    theta, std : ndarray of shape (n, n_free)
        Of all series, what is shared too; the errors count that of what is shared.
    at_lower, at_upper : ndarray of shape (n_groups, n_shared) of bool
        Which estimates are at a bound.
    converged : ndarray of shape (n_groups,) of bool
    statistic, freedom, other_freedom, p_value : ndarray of shape (n_groups,)
        Of the test of sharing; NaN for a single series.
    """

    shared: np.ndarray
    covariance: np.ndarray
    ends: np.ndarray
    theta: np.ndarray
    std: np.ndarray
    at_lower: np.ndarray
    at_upper: np.ndarray
    converged: np.ndarray
    statistic: np.ndarray
    freedom: np.ndarray
    other_freedom: np.ndarray
    p_value: np.ndarray


class JointProfiles:
    """Likelihoods of series as functions of what they share, all else fitted anew.

    Parameters
    ----------
    parts : sequence of JointPart
        Whose fitters have one parameter space.
    labels : ndarray of shape (n,) of int
        The group of each series.
    columns : sequence of int
        Of theta: what is shared.
    """

    def __init__(self, parts, labels, columns):
        self.labels, self.columns = labels, list(columns)
        spaces = [part.fitter.space for part in parts]
        space = spaces[0]
        # Experiments may differ in what they can resolve.
        self.lower = np.max([one.lower[self.columns] for one in spaces], axis=0)
        self.upper = np.min([one.upper[self.columns] for one in spaces], axis=0)
        self.own = [k for k in range(len(space.free)) if k not in self.columns]
        n, n_free = len(labels), len(space.free)
        n_groups = labels.max() + 1
        self.sizes = np.bincount(labels, minlength=n_groups)
        self.problems = [(part.fitter.problems(part.X), part) for part in parts]
        self.n_values = np.empty(n)
        self.theta, self.slope = np.empty((n, n_free)), np.zeros((n, len(self.own), self.n_shared))
        self._unit = np.ones((n, n_free))  # what theta is divided by where curves are of unit size
        self._squares = np.empty(n)
        for problems, part in self.problems:
            factor, rows = part.fitter.forward.factor_column, part.rows
            if factor is not None:
                self._unit[rows, factor] = problems.size
            self.n_values[rows] = part.X.shape[1]
            self.theta[rows] = part.fits.theta
            squares = np.einsum("nt,nt->n", problems.X, problems.X)
            self._squares[rows] = np.where(squares > 0, squares, 1.0)  # 0 of a dark curve
        # What is shared takes its degrees of freedom from all series of the group alike, so that a
        # group of one is that series alone.
        self.freedom = self.n_values - len(self.own) - self.n_shared / self.sizes[labels]
        self.alone = self.at_optimum(np.arange(n))
        self.singles = self.theta.copy()

    @property
    def n_shared(self):
        """How many parameters are shared."""
        return len(self.columns)

    def total_freedom(self):
        """Degrees of freedom of each group, (n_groups,)."""
        return np.bincount(self.labels, self.freedom)

    def sums(self, values, groups):
        """Add up values of series, (n, ...), over some groups."""
        flat = values.reshape(len(values), -1)
        added = np.stack([np.bincount(self.labels, one, len(self.sizes)) for one in flat.T], axis=1)
        return added.reshape(-1, *values.shape[1:])[groups]

    def evaluate(self, shared, groups):
        """Return the statistic of some groups, half its gradient and half its curvature.

        Parameters
        ----------
        shared : ndarray of shape (m, n_shared)
            On the targets' scales.
        groups : ndarray of shape (m,) of int

        Returns
        -------
        As the `evaluate` of :func:`skfrap.numerics._levenberg_marquardt.minimize_in_box` does.
        """
        of_group = np.full((len(self.sizes), self.n_shared), np.nan)
        of_group[groups] = shared
        some = np.flatnonzero(np.isfinite(of_group[self.labels, 0]))
        here = of_group[self.labels[some]]
        self.fit_own(some, here)
        squares, gradient, curvature, _ = self.at_optimum(some)
        freedom = self.freedom[some]
        values = np.zeros((len(self.labels), 1 + self.n_shared + self.n_shared**2))
        values[some, 0] = freedom * np.log(squares / self.alone[0][some])
        weight = (freedom / squares)[:, np.newaxis]
        values[some, 1 : 1 + self.n_shared] = weight * gradient
        values[some, 1 + self.n_shared :] = weight * curvature.reshape(len(some), -1)
        added = self.sums(values, groups)
        curvature = added[:, 1 + self.n_shared :].reshape(-1, self.n_shared, self.n_shared)
        return added[:, 0], added[:, 1 : 1 + self.n_shared], curvature

    def fit_own(self, some, shared):
        """Fit the series' own parameters at given values of what is shared."""
        moved = shared - self.theta[some][:, self.columns]
        start = self.theta[some]
        start[:, self.own] += np.einsum("nvs,ns->nv", self.slope[some], moved)
        start[:, self.columns] = shared
        start /= self._unit[some]
        for problems, which, places in self._in_parts(some):
            lower, upper = problems.lower.copy(), problems.upper.copy()
            pinned = start[places][:, self.columns]
            for ends in (lower, upper):
                ends[which[:, np.newaxis], self.columns] = pinned
            inside = np.clip(start[places], lower[which], upper[which])
            theta, *_ = problems.minimize(inside, _MOST_STEPS, which, lower=lower, upper=upper)
            self.theta[some[places]] = theta * self._unit[some[places]]

    def at_optimum(self, some):
        """Return sums of squares and their derivatives by what is shared; own ones follow it.

        Returns
        -------
        squares : ndarray of shape (m,)
            Of curves of unit size.
        gradient : ndarray of shape (m, n_shared)
        curvature : ndarray of shape (m, n_shared, n_shared)
            By Gauss and Newton, halved as the gradient is.
        own : ndarray of shape (m, n_own, n_own)
            Inverse curvature of the own parameters.
        """
        n_free = self.theta.shape[1]
        squares, gradient = np.empty(len(some)), np.empty((len(some), n_free))
        hessian, held = np.empty((len(some), n_free, n_free)), np.empty((len(some), n_free), bool)
        for problems, which, places in self._in_parts(some):
            rows = some[places]
            at = self.theta[rows] / self._unit[rows]
            model, jacobian = problems.linearize(at, which)
            jacobian = jacobian / self._unit[rows][:, :, np.newaxis]
            found = sum_of_squares(model - problems.scores[which], jacobian)
            squares[places] = found[0] + problems.floor[which]
            gradient[places], hessian[places] = found[1:]
            low, high = problems.lower[which], problems.upper[which]
            held[places] = ((at <= low) & (found[1] > 0)) | ((at >= high) & (found[1] < 0))
        squares = np.maximum(squares, _DARKEST * self._squares[some])
        own, shared = self.own, self.columns
        free = ~held[:, own]
        both = free[:, :, np.newaxis] & free[:, np.newaxis]
        inner = np.where(both, hessian[:, own][:, :, own], 0.0)
        mixed = np.where(free[:, :, np.newaxis], hessian[:, own][:, :, shared], 0.0)
        inverse = inverse_with_voids(inner) if own else inner
        inverse[~np.isfinite(inverse)] = 0.0
        self.slope[some] = -inverse @ mixed
        curvature = hessian[:, shared][:, :, shared] + mixed.swapaxes(1, 2) @ self.slope[some]
        return squares, gradient[:, shared], curvature, inverse

    def _in_parts(self, some):
        """Yield the problems of each part, and which of them, where among `some`, are asked for."""
        for problems, part in self.problems:
            if len(some) == len(self.labels) and len(self.problems) == 1:
                yield problems, part.rows, part.rows
                return
            _, which, places = np.intersect1d(part.rows, some, return_indices=True)
            if len(which):
                yield problems, which, places


@one_blas_thread()
def fit_jointly(parts, labels, columns, level=0.95):
    """Fit groups of series with some parameters in common.

    Parameters
    ----------
    parts : sequence of JointPart
    labels : ndarray of shape (n,) of int
        The group of each series, from 0, none of them empty.
    columns : sequence of int
        Of theta: what is shared.
    level : float, default=0.95
        Of the intervals.

    Returns
    -------
    JointFits
    """
    profiles = JointProfiles(parts, labels, columns)
    groups = np.arange(len(profiles.sizes))
    freedom = profiles.total_freedom()
    shared, statistic, converged = _minimise(profiles, groups, freedom)
    everyone = np.arange(len(labels))
    profiles.fit_own(everyone, shared[labels])
    squares, _, curvature, own = profiles.at_optimum(everyone)
    weight = profiles.freedom / squares
    information = profiles.sums(weight[:, np.newaxis, np.newaxis] * curvature, groups)
    covariance = inverse_with_voids(information)
    theta = profiles.theta.copy()
    std = np.empty_like(theta)
    std[:, profiles.columns] = np.sqrt(np.einsum("nss->ns", covariance))[labels]
    common, slope = covariance[labels], profiles.slope
    known = np.where(np.isfinite(common), common, 0.0)
    variance = np.einsum("nvv->nv", own) / weight[:, np.newaxis]
    variance += np.einsum("nvs,nst,nvt->nv", slope, known, slope)
    # Own parameters that the curve or a bound leaves nothing of have no curvature to invert.
    std[:, profiles.own] = np.where(np.einsum("nvv->nv", own) > 0, np.sqrt(variance), np.inf)
    test = _test_of_sharing(profiles, squares, groups)
    reach = student_t.ppf(0.5 + 0.5 * level, np.maximum(freedom, 1))
    errors = np.sqrt(np.einsum("gss->gs", covariance))
    ends = _ends(profiles, shared, statistic, errors, reach, freedom, parts[0].fitter.space)
    at_bounds = shared <= profiles.lower, shared >= profiles.upper
    return JointFits(shared, covariance, ends, theta, std, *at_bounds, converged, *test)


def _minimise(profiles, groups, freedom):
    """Find what groups share: from the mean of what their series say, and from the median."""
    squares, _, curvature, _ = profiles.alone
    singles = profiles.singles[:, profiles.columns]
    weight = (profiles.freedom / squares)[:, np.newaxis, np.newaxis] * curvature
    total = profiles.sums(weight, groups)
    pulled = profiles.sums(np.einsum("nst,nt->ns", weight, singles), groups)
    ridge = 1e-12 * np.einsum("gss->g", total) + 1e-300
    total = total + ridge[:, np.newaxis, np.newaxis] * np.eye(profiles.n_shared)
    mean = np.linalg.solve(total, pulled[..., np.newaxis])[..., 0]
    median = np.stack([np.median(singles[profiles.labels == g], axis=0) for g in groups])
    mean, median = (np.clip(one, profiles.lower, profiles.upper) for one in (mean, median))
    shared, cost, converged = _minimise_from(profiles, mean, groups, freedom)
    apart = np.flatnonzero((np.abs(mean - median) > _APART).any(axis=1))
    if len(apart):
        others = _minimise_from(profiles, median[apart], apart, freedom)
        better = others[1] < cost[apart]
        for kept, new in zip((shared, cost, converged), others, strict=True):
            kept[apart[better]] = new[better]
    return shared, cost, converged


def _minimise_from(profiles, start, groups, freedom, column=None):
    """Minimise the statistic of some groups, one of what is shared held at its start if asked."""
    lower, upper = (np.tile(end, (len(groups), 1)) for end in (profiles.lower, profiles.upper))
    if column is not None:
        lower[:, column] = upper[:, column] = start[:, column]
    shared, cost, converged, _ = minimize_in_box(
        lambda shared, rows: profiles.evaluate(shared, groups[rows]),
        start,
        lower,
        upper,
        floor=freedom[groups],
        max_iter=_MOST_STEPS,
        tol=_TOLERANCE,
    )
    return shared, cost, converged


def _test_of_sharing(profiles, squares, groups):
    """Test whether series have one value of what they share.

    After Johansen (Biometrika 67, 85-92, 1980), which is Welch's analysis of variance where one
    parameter is shared: the noise of each series is known by its own residuals only.
    """
    labels, n_shared = profiles.labels, profiles.n_shared
    alone, _, curvature, _ = profiles.alone
    free = profiles.n_values - profiles.theta.shape[1]
    variance = alone / np.maximum(free, 1)
    statistic = profiles.sums(((squares - alone) / variance)[:, np.newaxis], groups)[:, 0]
    weight = curvature / variance[:, np.newaxis, np.newaxis]
    total = inverse_with_voids(profiles.sums(weight, groups))
    total[~np.isfinite(total)] = 0.0
    left = np.eye(n_shared) - total[labels] @ weight
    parts = np.einsum("nst,nts->n", left, left) + np.einsum("nss->n", left) ** 2
    parts /= 2 * np.maximum(free, 1)
    spread = profiles.sums(parts[:, np.newaxis], groups)[:, 0]
    several = profiles.sizes > 1
    first = np.where(several, (profiles.sizes - 1) * n_shared, np.nan).astype(float)
    scale = first + 2 * spread - 6 * spread / (first + 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        second = first * (first + 2) / (3 * spread)
        ratio = np.maximum(statistic, 0.0) / scale
    return ratio, first, second, f_distribution.sf(ratio, first, second)


def _ends(profiles, shared, statistic, errors, reach, freedom, space):
    """Return the ends of intervals: from the curvature, or where they are wide from profiles."""
    lower, upper = profiles.lower, profiles.upper
    far = np.minimum(upper - lower, 1 + np.abs(shared))
    finite = np.where(np.isfinite(errors), errors, far)
    away = reach[:, np.newaxis] * errors
    ends = np.clip(
        np.stack([shared - away, shared + away], axis=-1),
        lower[:, np.newaxis],
        upper[:, np.newaxis],
    )
    for column, k in enumerate(profiles.columns):
        entry = space.parameters[k]
        if not entry.is_rate:
            continue
        wide = entry.decades(shared[:, column], away[:, column]) > WIDE
        groups = np.flatnonzero(wide & (profiles.n_values.min() > len(space.free)))
        if len(groups) == 0:
            continue
        for side, (sign, bound) in enumerate(((-1, lower[column]), (1, upper[column]))):
            ends[groups, column, side] = _profile_end(
                profiles,
                shared[groups],
                statistic[groups],
                groups,
                column,
                sign,
                bound,
                finite[groups, column],
                reach[groups],
                freedom,
            )
    return ends


def _profile_end(profiles, shared, statistic, groups, column, sign, bound, error, reach, freedom):
    """Go out along one shared parameter until the likelihood has fallen as a level allows."""
    guess = shared.copy()

    def risen(there):
        guess[:, column] = there
        found, cost, _ = _minimise_from(profiles, guess, groups, freedom, column)
        guess[:] = found
        # Student's t of what the likelihood ratio says: exact where a curve is linear in it.
        ratio = np.maximum(cost - statistic, 0.0) / freedom[groups]
        return np.sqrt(freedom[groups] * np.expm1(ratio))

    return end_of_profile(risen, shared[:, column], sign, bound, error, reach)


def fit_with_known(parts, labels, columns, shared):
    """Fit series whose shared parameters are known.

    Parameters
    ----------
    parts, labels, columns : object
        As in :func:`fit_jointly`.
    shared : ndarray of shape (n_groups, n_shared)
        On the targets' scales.

    Returns
    -------
    ndarray of shape (n, n_free)
    """
    present, labels = np.unique(labels, return_inverse=True)
    profiles = JointProfiles(parts, labels, columns)
    profiles.fit_own(np.arange(len(labels)), shared[present][labels])
    return profiles.theta
