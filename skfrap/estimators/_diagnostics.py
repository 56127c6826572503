"""What keeps an estimate from being believed, in words."""

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import norm

_OUTLIER = 6.0  # robust standard deviations
_NO_NOISE = 1e-7  # relative residuals below this are the interpolation's, not noise
_SHORTEST_TESTED, _CORRELATED = 20, 3.5  # frames; standard deviations of the lag-one correlation
_WIDE_INTERVAL = np.log10(3.0)  # D known to a factor of three either way is poorly determined


def describe_fits(X, fitted, fits, names, lower, upper, std, variance, D_bounds_given):
    """Say of each fit which bounds it is at, whether D is determined, and what is wrong.

    Parameters
    ----------
    X, fitted : ndarray of shape (n, n_frames)
        Measured curves and the model's.
    fits : Fits
    names : sequence of str
        The free parameters.
    lower, upper : ndarray of shape (n_free,)
        Their bounds.
    std : ndarray of shape (n, n_free)
        Their standard errors.
    variance : ndarray of shape (n,)
        Variance of a curve's noise.
    D_bounds_given : bool
        Whether the user has bounded D, or the protocol.

    Returns
    -------
    at_bound : ndarray of shape (n,) of str
    poorly_determined : ndarray of shape (n,) of bool
    flags : ndarray of shape (n,) of str
    visible : ndarray of shape (n,) of bool
        Whether there is any bleaching to see; without it D means nothing.
    """
    at_lower, at_upper = fits.theta <= lower, fits.theta >= upper
    judged = np.isfinite(variance)
    visible = bleaching_is_visible(X, fits.cost, variance, len(names))
    correlated = residuals_are_correlated(X, fitted)
    odd_frame = frame_that_does_not_fit(X, fitted)
    # A D that is given is neither at a bound nor uncertain.
    given = np.zeros(len(X))
    D = names.index("D") if "D" in names else None
    D_at_lower, D_at_upper, reach = (
        given if D is None else columns[:, D] for columns in (at_lower, at_upper, 1.96 * std)
    )
    no_recovery = "" if D_bounds_given else "no recovery seen: "
    no_rest = "" if D_bounds_given else "recovery over before the first frame: "
    bounds, poor, flags = [], [], []
    for k in range(len(X)):
        reasons = []
        if not judged[k]:
            reasons.append("too few frames to tell noise from signal")
        elif not visible[k]:
            reasons.append("no bleaching is visible above the noise")
        if odd_frame[k] >= 0:
            reasons.append(f"frame {odd_frame[k]} (from 0) does not fit: check n_prebleach")
        if D_at_lower[k]:
            reasons.append(f"{no_recovery}D is at its lower bound")
        if D_at_upper[k]:
            reasons.append(f"{no_rest}D is at its upper bound")
        if not reasons and not reach[k] < _WIDE_INTERVAL:
            reasons.append("the interval of D spans more than a factor of 9")
        poor.append(bool(reasons))
        if correlated[k]:
            reasons.append("residuals are correlated: the model does not describe the curve")
        if not fits.converged[k]:
            reasons.append("the fit did not converge")
        bound = at_lower[k] | at_upper[k]
        bounds.append(", ".join(name for name, b in zip(names, bound, strict=True) if b))
        flags.append("; ".join(reasons))
    return np.array(bounds), np.array(poor), np.array(flags), visible


def bleaching_is_visible(X, cost, variance, n_free):
    """Tell whether a curve is better described by bleaching than by a constant.

    A curve without bleaching passes as visible about once in a thousand (an F test of the
    parameters that the model has beyond a constant).
    """
    constant = np.sum((X - X.mean(axis=1, keepdims=True)) ** 2, axis=1)
    extra, freedom = max(1, n_free - 1), max(1, X.shape[1] - n_free)
    return constant - cost > extra * f_distribution.ppf(0.999, extra, freedom) * variance


def frame_that_does_not_fit(X, fitted):
    """Find a frame whose residual stands far out of the others, as one too many prebleach frames.

    Returns
    -------
    ndarray of shape (n,) of int
        Index of the frame, -1 where there is none.
    """
    residuals = np.abs(X - fitted)
    n = residuals.shape[1]
    scale = np.median(residuals, axis=1) / norm.ppf(0.75)
    worst = residuals.argmax(axis=1)
    far = residuals.max(axis=1) > _OUTLIER * scale + _NO_NOISE * np.abs(X).max(axis=1)
    return np.where(far & (n >= _SHORTEST_TESTED), worst, -1)


def residuals_are_correlated(X, fitted):
    """Tell whether neighbouring residuals go together more than chance has it."""
    residuals = X - fitted
    n = residuals.shape[1]
    total = np.sum(residuals**2, axis=1)
    neighbours = np.sum(residuals[:, 1:] * residuals[:, :-1], axis=1)
    # Under independence the lag-one correlation is near normal with variance 1/n.
    correlated = neighbours > _CORRELATED * total / np.sqrt(n)
    beyond_rounding = total > n * (_NO_NOISE * np.abs(X).max(axis=1)) ** 2
    return (n >= _SHORTEST_TESTED) & correlated & beyond_rounding
