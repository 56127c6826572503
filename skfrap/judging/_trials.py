"""Whether a curve fits better with another number of prebleach frames: a cause that was tried."""

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import norm

from skfrap.judging._larger import linearized, minimize

_CLEARLY = 1e-6  # how often chance makes a fit as much better
_LEAST = 2.0  # times, that the residual variance must fall at least
_OUTLIER = 6.0  # robust standard deviations: what is tried must not leave such a frame itself


def better_count(fit, rows):
    """Try one prebleach frame fewer and one more, and tell which fits clearly better.

    The frame whose place is in doubt is moved over to the other side of the bleaching, and all
    others with it by one; what has no place any more weighs nothing.

    Parameters
    ----------
    fit : Fit
    rows : ndarray of int
        Which curves.

    Returns
    -------
    ndarray of int
        The better number, of each of the curves; 0 where none is clearly better.
    """
    n_prebleach, n_frames = fit.n_prebleach, fit.data.shape[1]
    X, best = fit.data[rows], np.zeros(len(rows), dtype=int)
    freedom = fit.freedom
    if freedom < 3 or not len(rows):
        return best
    least = fit.residual_sum_of_squares[rows] / freedom
    least = least / np.maximum(_LEAST, f_distribution.isf(_CLEARLY, freedom, freedom - 1))
    index = np.arange(n_frames)
    for count in (n_prebleach - 1, n_prebleach + 1):
        if not 1 <= count < n_frames - 1:
            continue
        moved = index + (count - n_prebleach)
        inside = (moved >= 0) & (moved < n_frames)
        moved = X[:, np.clip(moved, 0, n_frames - 1)]
        unit = np.broadcast_to(inside.astype(float), moved.shape)
        theta, cost = minimize(
            lambda phi, _: linearized(fit.forward, phi),
            moved,
            unit,
            fit.theta[rows],
            fit.space.lower,
            fit.space.upper,
        )
        residuals = np.abs(moved - fit.forward.curves(theta))[:, inside]
        scale = np.median(residuals, axis=1) / norm.ppf(0.75)
        even = residuals.max(axis=1) < _OUTLIER * scale
        variance = cost / (freedom - 1)
        better = even & (variance < least)
        best[better], least = count, np.where(better, variance, least)
    return best
