"""How deep profiles are beside the curve, where that is not known."""

from dataclasses import replace

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.stats import chi2

_SCALES = 7  # that are fitted
_SAME_NOISE = 0.5  # of the logarithm to base 2 of two variances
_BETWEEN = 400
_TELLS = 3.84  # rise of the deviance to both ends of the bounds: chi-squared at 95 %


def over_scales(fit_at, bounds, level):
    """Fit one curve at all scales of its profiles within bounds.

    Where the deviance rises to both ends, the scale is what the data say it is. Where it does not,
    they say nothing of it against a scale of 1, which is kept if it is within the bounds. The
    interval of D holds what all scales that fit as well give.

    Parameters
    ----------
    fit_at : callable
        (scale, variance=None) to StartEstimate; the variance is that of the curve's noise, measured
        if None.
    bounds : tuple of float
    level : float
        Of intervals.

    Returns
    -------
    StartEstimate
    """
    low, high = bounds
    usual = 1.0 if low <= 1 <= high else float(np.sqrt(low * high))
    scales = np.geomspace(low, high, _SCALES)
    one = fit_at(usual)
    variance = None
    for _ in range(2):  # the noise as measured at the usual scale, then at the best
        if variance is not None and abs(np.log2(one.variance / variance)) < _SAME_NOISE:
            break
        variance = one.variance
        fits = [fit_at(float(scale), variance) for scale in scales]
        deviance = np.array([fit.best.deviance for fit in fits])
        one = fit_at(float(scales[deviance.argmin()]))
    between = np.linspace(*np.log(bounds), _BETWEEN)
    errors = [fit.standard_error for fit in fits]
    deviance, log_D, errors = (
        PchipInterpolator(np.log(scales), values)(between)
        for values in (deviance, [fit.best.log_D for fit in fits], errors)
    )
    rise = deviance - deviance.min()
    tells = min(rise[0], rise[-1]) >= _TELLS
    best = fit_at(float(np.exp(between[rise.argmin()])) if tells else usual, variance)
    room = chi2.ppf(level, 1) - rise
    left = room >= 0
    reach = np.sqrt(room[left]) * errors[left]
    span = 10 ** np.array([log_D[left].min(), log_D[left].max()])
    # Of the noise alone, the ends that belong to each scale.
    return replace(
        best,
        lower=min(best.lower, float((log_D[left] - reach).min())),
        upper=max(best.upper, float((log_D[left] + reach).max())),
        scale_span=None if tells else tuple(span.tolist()),
    )
