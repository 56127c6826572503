"""What keeps an estimate from being believed, in words."""

import numpy as np
from scipy.stats import chi2

from skfrap.estimators._fitting import FITTED

_NO_NOISE = 1e-7  # relative residuals below this are the interpolation's, not noise
_SHORTEST_TESTED, _CORRELATED = 20, 3.5  # frames; standard deviations of the lag-one correlation
_WIDE_INTERVAL = np.log10(3.0)  # D known to a factor of three either way is poorly determined


def describe_fits(X, fitted, fits, lower, upper, std_log10_D, variance):
    """Say of each fit which bounds it is at, whether D is determined, and what is wrong.

    Parameters
    ----------
    X, fitted : ndarray of shape (n, n_frames)
        Measured curves and the model's.
    fits : Fits
    lower, upper : ndarray of shape (3,)
        Bounds of the fit.
    std_log10_D, variance : ndarray of shape (n,)
        Standard error of log10 D, and variance of a curve's noise.

    Returns
    -------
    at_bound : ndarray of shape (n,) of str
    poorly_determined : ndarray of shape (n,) of bool
    flags : ndarray of shape (n,) of str
    """
    at_lower, at_upper = fits.theta <= lower, fits.theta >= upper
    visible = bleaching_is_visible(X, fits.cost, variance)
    correlated = residuals_are_correlated(X, fitted)
    reach = 1.96 * std_log10_D
    names, poor, flags = [], [], []
    for k in range(len(X)):
        reasons = []
        if not visible[k]:
            reasons.append("no bleaching is visible above the noise")
        if at_lower[k, 0]:
            reasons.append("no recovery seen: D is at its lower bound")
        if at_upper[k, 0]:
            reasons.append("recovery over before the first frame: D is at its upper bound")
        if not reasons and not reach[k] < _WIDE_INTERVAL:
            reasons.append("the interval of D spans more than a factor of 9")
        poor.append(bool(reasons))
        if correlated[k]:
            reasons.append("residuals are correlated: the model does not describe the curve")
        if not fits.converged[k]:
            reasons.append("the fit did not converge")
        bound = at_lower[k] | at_upper[k]
        names.append(", ".join(name for name, b in zip(FITTED, bound, strict=True) if b))
        flags.append("; ".join(reasons))
    return np.array(names), np.array(poor), np.array(flags)


def bleaching_is_visible(X, cost, variance):
    """Tell whether a curve is better described by bleaching than by a constant.

    The model has two parameters more than a constant; a curve without bleaching passes as visible
    once in a thousand.
    """
    constant = np.sum((X - X.mean(axis=1, keepdims=True)) ** 2, axis=1)
    return constant - cost > chi2.ppf(0.999, 2) * variance


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
