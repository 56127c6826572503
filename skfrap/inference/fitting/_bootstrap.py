"""Confidence intervals from fits to curves that are simulated from a fit."""

from dataclasses import replace

import numpy as np
from scipy.stats import t as student_t

from skfrap._checks import check_count
from skfrap.inference.fitting._objectives import HuberLoss
from skfrap.numerics._covariance import inverse_with_voids
from skfrap.numerics._lazy import row_slices
from skfrap.numerics._spread import spread

_BATCH = 16384  # replicates held at once


def bootstrap_ends(fitter, fit, level, n_bootstrap, random):
    """Compute bootstrap-t intervals: parametric, with the linearised fit as control.

    The distribution of ``t = (estimate - truth) / standard error`` is that of replicates, curves
    simulated from the fit and fitted again [1]_. Of so few replicates its quantiles are uncertain.
    But they differ little from those of the same replicates' linearised t, whose distribution is
    Student's: only the difference of the two is taken from the replicates [2]_.

    Parameters
    ----------
    fitter : CurveFitter
    fit : Fit
        Of n measured curves.
    level : float
    n_bootstrap : int
        Replicates of each curve. Their noise is the same for all curves, but for its size: the
        interval of one does not depend on those beside it, nor on the unit of intensity.
    random : RandomState

    Returns
    -------
    ndarray of shape (n, n_free, 2)
        Within the bounds.

    Raises
    ------
    ValueError
        If outliers, which are of no distribution, are allowed for, if the curves have no more
        frames than there are parameters, or if there are too few replicates for the level.

    References
    ----------
    .. [1] Efron and Tibshirani, An Introduction to the Bootstrap (1993), sections 6.5 and 12.5.
    .. [2] Davison and Hinkley, Bootstrap Methods and their Application (1997), section 9.3.
    """
    if isinstance(fitter.objective, HuberLoss) or fit.freedom < 1:
        raise ValueError(
            "method='bootstrap' goes with loss='squared', and with more frames than "
            "parameters; use 'curvature'."
        )
    _check_n_bootstrap(n_bootstrap, level)
    standard_noise = random.standard_normal((n_bootstrap, fit.data.shape[1]))
    tails = 0.5 + np.array([-0.5, 0.5]) * level
    exact = student_t.ppf(tails, fit.freedom)
    parts = row_slices(len(fit), max(1, _BATCH // n_bootstrap))
    # What computes curves is the same for all parts.
    items = [(replace(fit.take(some), forward=None),) for some in parts]
    common = fitter, fit.forward, standard_noise, tails, exact
    quantiles = np.concatenate([*spread(_quantiles_of, common, items, "bootstrap")])
    # What is above the truth in replicates is so in the measured curve: the tails change sides.
    ends = fit.theta[..., np.newaxis] - fit.std[..., np.newaxis] * quantiles[..., ::-1]
    ends[..., 0] = np.minimum(ends[..., 0], fit.theta)
    ends[..., 1] = np.maximum(ends[..., 1], fit.theta)
    return np.clip(ends, fitter.lower[:, np.newaxis], fitter.upper[:, np.newaxis])


def _quantiles_of(common, part):
    """Compute quantiles of t of some curves, (n, n_free, 2)."""
    fitter, forward, standard_noise, tails, exact = common
    part = replace(part, forward=forward)
    replicated = _replicated(fitter, part, standard_noise)
    linear = _linearised(part, standard_noise)
    found, expected = (_quantiles(t, tails) for t in (replicated, linear))
    return exact + found - expected


def _check_n_bootstrap(n_bootstrap, level):
    """Check that there are enough replicates for quantiles of a level."""
    fewest = int(np.ceil(2 / (1 - level) - 1 - 1e-9))
    check_count(f"for level={level!r} n_bootstrap", n_bootstrap, fewest)


def _replicated(fitter, fit, standard_noise):
    """Return t of replicates, (n, n_bootstrap, n_free)."""
    n_bootstrap, n_frames = standard_noise.shape
    X = fit.curves[:, np.newaxis] + fit.deviations[:, np.newaxis] * standard_noise
    X = X.reshape(-1, n_frames)
    # Fits that were looked for in several places may end in another of them.
    if fit.rivals is not None:
        refits = fitter.fit_from_grid(X)
    else:
        refits = fitter.fit(X, fitter.at_values(np.repeat(fit.theta, n_bootstrap, axis=0)))
    errors = np.sqrt(np.einsum("nvv->nv", fitter.covariance(refits, n_frames)))
    shape = len(fit), n_bootstrap, -1
    return _ratio(
        refits.theta.reshape(shape) - fit.theta[:, np.newaxis],
        errors.reshape(shape),
    )


def _linearised(fit, standard_noise):
    """Return t of replicates had the model been linear, (n, n_bootstrap, n_free)."""
    jacobian = _ratio(fit.tangents(), fit.deviations[:, np.newaxis])
    covariance = inverse_with_voids(jacobian @ jacobian.swapaxes(1, 2))
    covariance[~np.isfinite(covariance)] = 0.0
    gradient = standard_noise @ jacobian.swapaxes(1, 2)
    shift = gradient @ covariance
    squares = np.sum(standard_noise**2, axis=1) - np.sum(gradient * shift, axis=2)
    variance = (squares / fit.freedom)[..., np.newaxis] * np.einsum("nvv->nv", covariance)[:, None]
    return _ratio(shift, np.sqrt(variance))


def _quantiles(t, tails):
    return np.moveaxis(np.quantile(t, tails, axis=1, method="weibull"), 0, -1)


def _ratio(values, scale):
    """Divide; what has no scale, or an infinite one, is zero."""
    values, scale = np.broadcast_arrays(values, scale)
    usable = np.isfinite(scale) & (scale > 0)
    return np.divide(values, scale, out=np.zeros(values.shape), where=usable)
