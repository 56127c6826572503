"""Whether curves are in the intensities that an estimator answers for.

Least squares takes any unit. What has a prior of c0, or was trained on curves, answers for those
alone: of curves in counts, in percent or otherwise normalised it would give numbers that mean
nothing.
"""

import numpy as np

from skfrap.numerics._magnitude import SMALLEST, check_magnitude

_FAR_OUT = 0.1  # of the range of c0
_NEAR = 6.0  # standard errors
_BEYOND = 1e3  # times the highest c0: what no noise of a detector reaches


def check_size(X):
    """Refuse values that are too large or too small to be squared.

    Parameters
    ----------
    X : ndarray of shape (n, n_frames)

    Returns
    -------
    ndarray
        The same.

    Raises
    ------
    ValueError
        It says where.
    """
    check_magnitude("X", X)
    small = np.flatnonzero(np.abs(X[:, 0]) < SMALLEST)  # hardly any: others need no further look
    largest = np.abs(X[small]).max(axis=1, initial=0.0)
    tiny = np.flatnonzero((largest > 0) & (largest < SMALLEST))
    if len(tiny):
        raise ValueError(
            f"X holds a curve of which no value is larger than {largest[tiny[0]]:.3g}, row "
            f"{small[tiny[0]]}; give intensities as the detector measures them."
        )
    return X


def check_level(X, n_prebleach, name, low, high, instead):
    """Refuse curves whose intensity before bleaching lies outside of what c0 may be.

    Parameters
    ----------
    X : ndarray of shape (n, n_frames)
    n_prebleach : int
    name : str
        What the message calls the range.
    low, high : float
        The range of c0.
    instead : str
        What else may be done than to rescale.

    Raises
    ------
    ValueError
        It says of which curve, and what its unit may be.
    """
    prebleach = X[:, :n_prebleach]
    level = prebleach.mean(axis=1)
    margin = _FAR_OUT * max(high - low, _FAR_OUT * high)
    beyond = np.maximum(low - level, level - high) - margin
    if beyond.max(initial=0.0) > 0:
        outside = np.flatnonzero(beyond > 0)
        outside = outside[beyond[outside] > _NEAR * prebleach[outside].std(axis=1)]
        if len(outside):
            found = level[outside[0]]
            unit = ""
            if found > 20 * high:
                unit = " (in percent?)" if found < 200 * high else " (in counts?)"
            raise ValueError(
                f"X holds curves with a prebleach intensity outside of {name} = {(low, high)}, the "
                f"first is row {outside[0]} with {found:.4g}{unit}; "
                f"rescale the intensities, or {instead}."
            )
    most = _BEYOND * max(high, 1e-30)
    if not X.size or (X.max() <= most and X.min() >= -most):
        return
    spoilt = np.argwhere(np.abs(X) > most)
    if len(spoilt):  # not, where it is values that are missing
        row, frame = spoilt[0]
        raise ValueError(
            f"X holds {X[row, frame]:.4g} in row {row}, frame {frame} (from 0), and {name} = "
            f"{(low, high)}; leave the spoilt frame out."
        )
