"""What is known of parameters before a curve is seen."""

import numpy as np

from skfrap.models import ExactModel
from skfrap.parameters import complete_prior, finite_ends, is_uncertain, parameter

_NEVER = -1e6  # logarithm of a density of zero


class Prior:
    """What is known of a parameter beforehand, over the interval [-1, 1].

    Parameters
    ----------
    name : str
    distribution : frozen scipy.stats distribution
        In natural units.
    """

    def __init__(self, name, distribution):
        self.name = name
        self.distribution = distribution
        self._description = parameter(name)
        lowest, highest = finite_ends(name, distribution)
        self.bounds = lowest, highest
        lower, upper = self._description.to_target(np.array([lowest, highest]))
        self.middle, self.half = 0.5 * (lower + upper), 0.5 * (upper - lower)
        self.constant = 0.0
        self.is_flat = False
        some = self.log_density(np.linspace(-0.99, 0.99, 23))
        if np.ptp(some) < 1e-9:
            self.is_flat, self.constant = True, float(some.mean())

    def target(self, unit):
        """Turn the interval into the target's scale."""
        return self.middle + self.half * unit

    def unit(self, target):
        """Turn the target's scale into the interval."""
        return (target - self.middle) / self.half

    def log_density(self, unit):
        """Compute the logarithm of the density over the interval."""
        if self.is_flat:
            return self.constant
        # Rounding must not carry the ends over the ends.
        natural = np.clip(self._description.from_target(self.target(unit)), *self.bounds)
        density = np.maximum(self.distribution.logpdf(natural), _NEVER) + np.log(self.half)
        if self._description.is_logarithmic:
            density += np.log(natural) + np.log(np.log(10))
        return density


def check_prior(given, model):
    """Check a prior and complete it, in the order of the model's parameters, and the noise last.

    Parameters
    ----------
    given : dict or None
    model : CurveModel
        One on the pixel grid.

    Returns
    -------
    dict
        Of continuous distributions and numbers.
    """
    if not isinstance(model, ExactModel):
        raise ValueError(
            f"model must be one on the pixel grid, as 'diffusion', got a {type(model).__name__}."
        )
    prior = complete_prior(given, model, noise=("a",))
    for name, distribution in prior.items():
        known = not is_uncertain(distribution)
        if not known and not hasattr(distribution, "logpdf"):
            raise ValueError(f"prior[{name!r}] must be continuous, got {distribution!r}.")
        if known and parameter(name).is_logarithmic and distribution <= 0:
            raise ValueError(f"prior[{name!r}] must be positive, got {distribution}.")
    if not any(is_uncertain(prior[name]) for name in prior if name != "a"):
        raise ValueError("prior must leave a parameter unknown, got numbers for all of them.")
    return prior
