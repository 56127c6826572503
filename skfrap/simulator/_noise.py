"""The noise of samples, and how bright a detector of so many bits lets them be."""

import numpy as np
from scipy.special import ndtri
from scipy.stats import uniform

from skfrap.experiment import Noise
from skfrap.parameters import finite_ends, is_uncertain

_Z = float(ndtri(0.995))  # standard deviations; half the share of saturated pixels that is accepted
_DIMMEST = 0.7  # of the brightest, at least: a range of c0 is left


def noise_of(values, gain=1.0):
    """Return the noise of samples, of pixels or of values of other gain."""
    return Noise(values["a"], values["b"], gain)


def unsaturated_c0(prior, noise, bit_depth, background):
    """Return the prior of c0, as far as hardly any pixel is beyond the detector's range."""
    largest = {"a": 0.0, "b": 0.0}
    if noise != "none":
        largest["a"] = _upper_end("a", prior)
    if noise == "proportional":
        largest["b"] = _upper_end("b", prior)
    top = 1.0 if background is None else 1.0 - np.max(background)
    # c0 + z * sqrt(a + b * c0) = top, solved for c0.
    a, b = largest["a"], largest["b"]
    highest = top + _Z**2 * b / 2 - _Z * np.sqrt(a + b * top + (_Z * b / 2) ** 2)
    highest = min(highest, 1 - 1 / (2**bit_depth - 1))  # what is at the top may be beyond
    lowest, default = finite_ends("c0", prior["c0"])
    if not 0 < highest < default:
        return prior["c0"]
    lowest = min(lowest, _DIMMEST * highest)
    return uniform(lowest, highest - lowest)


def _upper_end(name, prior):
    value = prior[name]
    return finite_ends(name, value)[1] if is_uncertain(value) else float(value)
