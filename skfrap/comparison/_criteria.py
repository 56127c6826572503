"""Likelihoods, information criteria and tests, by which models are compared."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import f as f_distribution


def log_likelihood(squares: ArrayLike, n_frames: int) -> np.ndarray:
    """Compute the largest log likelihood of normal noise of unknown variance.

    Parameters
    ----------
    squares : array-like of shape (n,)
        Residual sums of squares.
    n_frames : int
        Values that were fitted.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> from skfrap.comparison._criteria import log_likelihood
    >>> float(log_likelihood(100.0, 100).round(3))
    -141.894
    """
    return -0.5 * n_frames * (np.log(2 * np.pi * np.asarray(squares) / n_frames) + 1)


def information_criteria(
    log_likelihood: ArrayLike, n_parameters: ArrayLike, n_frames: int
) -> dict[str, Any]:
    """Compute AIC, AICc and BIC; the lower the better.

    Parameters
    ----------
    log_likelihood : array-like of shape (..., n_models)
        Of the fit, at its best.
    n_parameters : array-like of shape (n_models,) of int
        All that was fitted, the variance of the noise included.
    n_frames : int
        Values that were fitted.

    Returns
    -------
    dict of str to ndarray of shape (..., n_models)
        AICc is infinite where there are too few frames for it.

    References
    ----------
    .. [1] Hurvich and Tsai, Biometrika 76, 297-307 (1989).
    .. [2] Schwarz, Ann. Stat. 6, 461-464 (1978).

    Examples
    --------
    >>> from skfrap.comparison._criteria import information_criteria
    >>> {name: float(value.round(2)) for name, value in information_criteria(0.0, 4, 110).items()}
    {'aic': 8.0, 'aicc': 8.38, 'bic': 18.8}
    """
    k = np.asarray(n_parameters)
    aic = 2 * k - 2 * np.asarray(log_likelihood)
    freedom = n_frames - k - 1
    correction = np.where(freedom > 0, 2 * k * (k + 1) / np.where(freedom > 0, freedom, 1), np.inf)
    return {"aic": aic, "aicc": aic + correction, "bic": aic + k * (np.log(n_frames) - 2)}


def nested_f_test(
    smaller_squares: ArrayLike,
    larger_squares: ArrayLike,
    n_extra: int,
    freedom: int,
    *,
    on_boundary: bool = False,
) -> Any:
    """Test whether more parameters lower a residual sum of squares more than chance has it.

    Parameters
    ----------
    smaller_squares, larger_squares : array-like of shape (n,)
        Residual sums of squares of the smaller and the larger model.
    n_extra : int
        Parameters that the larger model has besides.
    freedom : int
        Frames less the parameters of the larger model.
    on_boundary : bool, default=False
        Whether the smaller model has the one extra parameter at the end of its range, as a mobile
        fraction of 1. Chance moves it into the range half of the time only [1]_.

    Returns
    -------
    F, p_value : ndarray of shape (n,)

    References
    ----------
    .. [1] Self and Liang, J. Am. Stat. Assoc. 82, 605-610 (1987).

    Examples
    --------
    >>> from skfrap.comparison._criteria import nested_f_test
    >>> F, p_value = nested_f_test(1.1, 1.0, n_extra=1, freedom=100)
    >>> float(F.round(6)), float(p_value.round(4))
    (10.0, 0.0021)
    """
    smaller_squares, larger_squares = np.asarray(smaller_squares), np.asarray(larger_squares)
    F = np.maximum(smaller_squares / larger_squares - 1, 0.0) * freedom / n_extra
    p_value = f_distribution.sf(F, n_extra, freedom)
    return F, boundary_p_value(F, p_value) if on_boundary else p_value


def boundary_p_value(statistic, p_value):
    """Turn a p-value into that of a parameter which chance moves into its range half of the time.

    Parameters
    ----------
    statistic, p_value : array-like of shape (n,)

    Returns
    -------
    ndarray of shape (n,)
    """
    return np.where(np.asarray(statistic) > 0, 0.5 * np.asarray(p_value), 1.0)
