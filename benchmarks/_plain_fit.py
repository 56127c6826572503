"""A fit as one would write it at first: `scipy.optimize.least_squares` on any model of a curve."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from benchmarks._fft_model import FFTModel
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


class PlainFits:
    """A few fits of the model stepped by FFT, for the time that a model curve takes.

    How many model curves a fit asks for is counted on a hundred fits of the exact model: some take
    twice as many as others, it is the same on both models, and there a hundred fits cost seconds.

    Attributes
    ----------
    stepped, exact : list of PlainFit
    seconds_per_curve, curves_per_fit : float
    """

    def __init__(self, protocol, X, n_fits):
        exact = DiffusionModel(protocol)
        self.stepped = [fit_plainly(FFTModel(protocol).curve, x) for x in X[:n_fits]]
        self.exact = [fit_plainly(lambda *v: exact.curves(*v)[0], x) for x in X[:FITS_COUNTED]]
        seconds = sum(fit.seconds for fit in self.stepped)
        self.seconds_per_curve = seconds / sum(fit.n_curves for fit in self.stepped)
        self.curves_per_fit = np.mean([fit.n_curves for fit in self.exact])

    @property
    def seconds_per_fit(self):
        """How long a fit of the stepped model takes on average."""
        return self.seconds_per_curve * self.curves_per_fit


def excess(sums, fits):
    """Compute residual sums of squares of the same curves over those of fits, less 1."""
    return sums[: len(fits)] / [fit.cost for fit in fits] - 1


def sums_of_squares(estimator, X, theta):
    """Compute the residual sum of squares of each curve."""
    return np.sum((X - estimator.fitted_curves(theta)) ** 2, axis=1)
