"""A fit as one would write it at first: `scipy.optimize.least_squares` on any model of a curve."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from benchmarks._published import TABLE_1_BOX
from benchmarks._report import timed
from skfrap.models import DiffusionModel

FITS_COUNTED = 100


@dataclass
class PlainFit:
    """One fit by SciPy, its wall time, and how many curves it asked of the model."""

    cost: float
    seconds: float
    n_curves: int


def fit_plainly(compute_curve, curve):
    """Fit within Table 1's box, from its middle; ``compute_curve(D, c0, alpha)`` is the model."""
    lower, upper = np.array([TABLE_1_BOX[name] for name in ("D", "c0", "alpha")]).T
    lower[0], upper[0] = np.log10([lower[0], upper[0]])
    n_curves = 0

    def residuals(theta):
        nonlocal n_curves
        n_curves += 1
        return compute_curve(10 ** theta[0], theta[1], theta[2]) - curve

    middle = 0.5 * (lower + upper)
    result, seconds = timed(lambda: least_squares(residuals, middle, bounds=(lower, upper)))
    return PlainFit(2 * result.cost, seconds, n_curves)


def count_curves(protocol, X):
    """Fit a hundred curves, to count how many model curves that takes, and to see where they end.

    Some fits take twice as many as others. How many they take is the same on the exact model, and
    there a hundred fits cost seconds.

    Returns
    -------
    list of PlainFit
    """
    exact = DiffusionModel(protocol)
    return [fit_plainly(lambda *theta: exact.curves(*theta)[0], x) for x in X[:FITS_COUNTED]]


def sums_of_squares(estimator, X, theta):
    """Compute the residual sum of squares of each curve."""
    return np.sum((X - estimator.fitted_curves(theta)) ** 2, axis=1)
