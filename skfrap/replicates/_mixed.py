"""Linear mixed models of nested groups: every value has an error of its own that is known.

A value deviates from the mean of its condition by what its group at each level has in common, by
what is its own, and by its error. The variances of all but the last are estimated by restricted
maximum likelihood, REML [1]_, and give each value its weight. How far the means are off is then
seen from how the groups of the coarsest level, which alone are independent, scatter: by the
estimator CR2 of Bell and McCaffrey, with Satterthwaite's degrees of freedom [2]_, [3]_. In balanced
designs that is the t test on the means of these groups, in which what happens below them needs no
assumption; it is paired where groups hold several conditions, and as Welch's where they do not.

References
----------
.. [1] Patterson and Thompson, Biometrika 58, 545-554 (1971).
.. [2] Bell and McCaffrey, Survey Methodology 28, 169-181 (2002).
.. [3] Pustejovsky and Tipton, J. Bus. Econ. Stat. 36, 672-683 (2018).
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import t as student_t

_MOST_STEPS = 300
_HALVINGS = 30
_CONVERGED = 1e-12  # of the likelihood
_LEAST = 1e-12  # variance of values without errors, over that of the data
_VOID = 1e-10  # eigenvalues below which a group says nothing more of a mean


class Contrast(NamedTuple):
    """A sum of means, with its interval and its t test; NaN where the design leaves none.

    Attributes
    ----------
    value, lower, upper : float
    t, freedom, p_value : float
    """

    value: float
    lower: float
    upper: float
    t: float
    freedom: float
    p_value: float


class MixedFit:
    """A mixed model that was fitted.

    Attributes
    ----------
    mean : ndarray of shape (n_conditions,)
    variances : ndarray of shape (n_levels + 1,)
        Of the random effects, that of the values themselves last.
    converged : bool
    """

    def __init__(self, mean, variances, converged, blocks, phi, size):
        self.mean, self.variances, self.converged = mean, variances, converged
        self._blocks, self._phi, self._size = blocks, phi, size

    def contrast(self, weights, level=0.95):
        """Estimate a sum of means.

        Parameters
        ----------
        weights : array-like of shape (n_conditions,)
        level : float, default=0.95

        Returns
        -------
        Contrast
        """
        weights = np.asarray(weights, dtype=float)
        value = float(weights @ self.mean)
        parts = [_pulls(block, *both, self._phi, weights) for block, *both in self._blocks]
        squares, own, through = (np.concatenate(part) for part in zip(*parts, strict=True))
        # How the estimated variance varies, by the model: Satterthwaite's degrees of freedom.
        moments = np.diag(own) - through @ self._phi @ through.T
        variance, expected = squares.sum(), np.trace(moments)
        if not variance > 0 or expected < _VOID * (weights @ self._phi @ weights):
            return Contrast(value, *[np.nan] * 5)
        freedom = expected**2 / np.sum(moments**2)
        error = self._size * np.sqrt(variance)
        reach = student_t.isf(0.5 - 0.5 * level, freedom) * error
        t = value / error
        p_value = 2 * student_t.sf(abs(t), freedom)
        return Contrast(value, value - reach, value + reach, t, freedom, p_value)


def _pulls(block, total, residuals, phi, weights):
    """Return, for each group of a block, how it pulls at a contrast.

    Returns
    -------
    squares : ndarray of shape (b,)
        Of the pull of the residuals, adjusted for what the fit has taken from them.
    own : ndarray of shape (b,)
        Variance of the pull of the data, by the model.
    through : ndarray of shape (b, n_conditions)
        What of it passes through the means.
    """
    root = np.linalg.cholesky(total)  # V = L L', so D = L'
    left = total - block.design @ phi @ block.design.swapaxes(1, 2)
    inner = root.swapaxes(1, 2) @ left @ root
    values, vectors = np.linalg.eigh(0.5 * (inner + inner.swapaxes(1, 2)))
    kept = values > _VOID * values[:, -1:]
    inverse_root = np.where(kept, np.where(kept, values, 1.0) ** -0.5, 0.0)
    middle = (vectors * inverse_root[:, np.newaxis]) @ vectors.swapaxes(1, 2)
    adjust = root @ middle @ root.swapaxes(1, 2)
    pull = np.linalg.solve(total, block.design @ phi @ weights[:, np.newaxis])
    pull = (adjust.swapaxes(1, 2) @ pull)[..., 0]
    squares = np.einsum("bi,bi->b", pull, residuals) ** 2
    own = np.einsum("bi,bij,bj->b", pull, total, pull)
    return squares, own, np.einsum("biv,bi->bv", block.design, pull)


def fit_mixed(values, errors, conditions, levels, units=None):
    """Fit means of conditions and variances of nested random effects.

    Parameters
    ----------
    values, errors : ndarray of shape (n,)
        Errors are standard errors, zero where they are not known.
    conditions : ndarray of shape (n,) of int
        From 0, none empty.
    levels : sequence of ndarray of shape (n,) of int
        The group of each value at each level, from the coarsest to the finest; groups of a finer
        level lie within those of the coarser. The values themselves are the last one, and are not
        given.
    units : ndarray of shape (n,) of int, default=None
        Groups that are independent of each other; None is those of the coarsest level.

    Returns
    -------
    MixedFit

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.replicates._mixed import fit_mixed
    >>> values, days = np.array([1.0, 1.2, 2.0, 2.2, 3.0, 3.2]), np.array([0, 0, 1, 1, 2, 2])
    >>> fit = fit_mixed(values, np.zeros(6), np.zeros(6, int), [days])
    >>> [round(float(number), 3) for number in fit.contrast([1.0])[:5]]
    [2.1, -0.384, 4.584, 3.637, 2.0]
    """
    n, n_conditions = len(values), conditions.max() + 1
    everything = [*levels, np.arange(n)]
    design = np.eye(n_conditions)[conditions]
    middle = np.average(values)
    size = max(np.std(values), np.sqrt(np.mean(errors**2)), 1e-150)
    own = (errors / size) ** 2
    units = everything[0] if units is None else units
    blocks = _blocks((values - middle) / size, own, design, everything, units)
    lowest = np.zeros(len(everything))
    lowest[-1] = 0.0 if own.min() > _LEAST else _LEAST
    variances, here, converged = _maximise(blocks, lowest)
    kept = [
        (block, _covariance(block, variances), block.values - block.design @ here.mean)
        for block in blocks
    ]
    mean = size * here.mean + middle
    return MixedFit(mean, size**2 * variances, converged, kept, here.phi, size)


def _maximise(blocks, lowest):
    """Find the variances, none below its lowest, at which the restricted likelihood is highest."""
    variances = np.maximum(lowest, 1.0 / len(lowest))
    here, converged = _evaluate(blocks, variances), False
    for _ in range(_MOST_STEPS):
        free = (variances > lowest) | (here.score > 0)
        step = np.zeros(len(lowest))
        inner = here.information[np.ix_(free, free)]
        ridge = 1e-12 * np.trace(inner) + 1e-300  # of levels that cannot be told apart
        step[free] = np.linalg.solve(inner + ridge * np.eye(len(inner)), here.score[free])
        for halving in range(_HALVINGS):
            there = np.maximum(variances + 0.5**halving * step, lowest)
            promised = here.score @ (there - variances)
            if promised < _CONVERGED:
                converged = True
                break
            tried = _evaluate(blocks, there)
            if tried is not None and tried.likelihood >= here.likelihood + 1e-4 * promised:
                break
        if converged or halving == _HALVINGS - 1:
            break
        variances, here = there, tried
    return variances, here, converged


class _Block(NamedTuple):
    """Several groups of the coarsest level that have equally many values, m each."""

    values: np.ndarray  # (b, m)
    own: np.ndarray  # (b, m)
    design: np.ndarray  # (b, m, n_conditions)
    alike: np.ndarray  # (n_levels, b, m, m): 1 where two values are of one group


class _Point(NamedTuple):
    """The restricted likelihood and its derivatives at some variances."""

    likelihood: float
    score: np.ndarray
    information: np.ndarray
    mean: np.ndarray
    phi: np.ndarray  # covariance of the means, by the model


def _blocks(values, own, design, levels, units):
    """Sort values by the groups that are independent of each other, those of one size together."""
    members = [np.flatnonzero(units == group) for group in np.unique(units)]
    by_size = {}
    for some in members:
        by_size.setdefault(len(some), []).append(some)
    blocks = []
    for rows in by_size.values():
        rows = np.array(rows)
        alike = [one[rows][:, :, np.newaxis] == one[rows][:, np.newaxis] for one in levels]
        blocks.append(_Block(values[rows], own[rows], design[rows], np.array(alike, dtype=float)))
    return blocks


def _covariance(block, variances):
    """Compute the covariance of the values of each group of a block, (b, m, m)."""
    total = np.einsum("k,kbij->bij", variances, block.alike)
    diagonal = np.arange(total.shape[1])
    total[:, diagonal, diagonal] += block.own
    return total


def _evaluate(blocks, variances):
    """Compute the restricted likelihood and its derivatives; None where there is none."""
    n_levels, p = len(variances), blocks[0].design.shape[2]
    determinant, squares, traces = 0.0, 0.0, np.zeros(n_levels)
    pairs, normal, right = np.zeros((n_levels, n_levels)), np.zeros((p, p)), np.zeros(p)
    slopes, products = np.zeros((n_levels, p, p)), np.zeros((n_levels, n_levels, p, p))
    kept = []
    for block in blocks:
        total = _covariance(block, variances)
        try:
            root = np.linalg.cholesky(total)
        except np.linalg.LinAlgError:
            return None
        determinant += 2 * np.log(np.einsum("bii->bi", root)).sum()
        inverse = np.linalg.inv(total)
        weighted = inverse @ block.design
        normal += np.einsum("biv,biw->vw", block.design, weighted)
        right += np.einsum("biv,bi->v", weighted, block.values)
        moved = inverse @ block.alike
        traces += np.einsum("kbii->k", moved)
        pairs += moved.reshape(n_levels, -1) @ moved.swapaxes(2, 3).reshape(n_levels, -1).T
        through = block.alike @ weighted
        slopes += np.einsum("biv,kbiw->kvw", weighted, through)
        products += np.einsum("kbiv,lbiw->klvw", through, inverse @ through)
        kept.append((block, inverse))
    sign, log_normal = np.linalg.slogdet(normal)
    if sign <= 0:
        return None
    phi = np.linalg.inv(normal)
    mean = phi @ right
    pulled = np.zeros(n_levels)
    for block, inverse in kept:
        residuals = block.values - block.design @ mean
        projected = np.einsum("bij,bj->bi", inverse, residuals)
        squares += np.einsum("bi,bi->", residuals, projected)
        pulled += np.einsum("bi,kbij,bj->k", projected, block.alike, projected)
    likelihood = -0.5 * (determinant + log_normal + squares)
    if not np.isfinite(likelihood):
        return None
    through = phi @ slopes
    score = 0.5 * (pulled - traces + np.einsum("kvv->k", through))
    information = pairs - 2 * np.einsum("vw,klwv->kl", phi, products)
    information += np.einsum("kvw,lwv->kl", through, through)
    return _Point(likelihood, score, 0.5 * information, mean, phi)
