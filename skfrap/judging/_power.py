"""How many frames it takes for a misfit to be seen at all."""

from functools import lru_cache

import numpy as np
from scipy.stats import beta

from skfrap.judging._goodness import autocorrelation_moments

MISFIT = 2.0  # standard deviations of the noise: the misfit whose visibility is stated


@lru_cache(maxsize=64)
def would_be_seen(n_frames, n_free, false_alarm_rate):
    """Tell whether residuals would show a slow misfit of twice the noise, more often than not.

    By their autocorrelation, as :func:`skfrap.judging.goodness_of_fit`: of a misfit along the
    slowest wave that the fit has left, half of the correlations lie above what is taken here.

    Parameters
    ----------
    n_frames, n_free : int
        Frames, and parameters that were fitted.
    false_alarm_rate : float
        Of the test.

    Returns
    -------
    bool

    Examples
    --------
    >>> from skfrap.judging._power import would_be_seen
    >>> [would_be_seen(n, 3, 2e-4) for n in (8, 14, 15, 20)]
    [False, False, True, True]
    """
    freedom = n_frames - n_free
    if freedom < 3:
        return False
    mean, variance = autocorrelation_moments(n_frames, n_free, None)
    middle = (1 + mean) / 2
    concentration = middle * (1 - middle) / (variance / 4) - 1
    level = beta.isf(false_alarm_rate, middle * concentration, (1 - middle) * concentration)
    size = MISFIT**2 * n_frames
    slowest = np.cos(np.pi * (n_free + 1) / (n_frames + 1))
    return bool((size * slowest + freedom * mean) / (size + freedom) > 2 * level - 1)
