"""Binding where diffusion is over at once."""

import numpy as np

from skfrap.models.kinetics._base import Kinetics
from skfrap.models.kinetics._binding import Binding

_EVEN = 1e-10  # 1/µm²: eigenvalues below are 0 but for rounding


class Reaction(Kinetics):
    """Let unbound particles spread over all of the sample at once, and bound ones be released.

    It is :class:`Binding` with a diffusion coefficient beyond bounds: what is left of an uneven
    concentration is bound, and decays as exp(-k_off t); of the even one nothing is lost. The
    species are unbound and bound. In an unbounded field that is
    :class:`skfrap.models.ReactionModel`; in a compartment, what was bleached is missing for good.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.models.kinetics import Reaction
    >>> symbol = Reaction().symbol(np.array([1.0]), [0.0, 2.0], k_on=0.3, k_off=0.1)
    >>> symbol[:, :, :, 0].round(4).tolist()
    [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.8187]]]
    """

    parameters = "k_on", "k_off"

    def start(self, k_on, k_off):
        """Return the fractions of unbound and bound particles in equilibrium."""
        return Binding().start(1.0, k_on, k_off)

    def symbol(self, k_squared, times, k_on, k_off):
        """Return what is left of modes of (unbound, bound): of uneven ones the bound part."""
        k_squared = np.asarray(k_squared)
        times = np.asarray(times, dtype=float)
        later = (times > 0).reshape(-1, *np.ones(k_squared.ndim, int))
        matrices = np.zeros((len(times), 2, 2, *k_squared.shape))
        matrices[:, 0, 0] = np.where(later, 0.0, 1.0)
        matrices[:, 1, 1] = np.exp(-k_off * times).reshape(later.shape)
        even = k_squared < _EVEN
        exchange = Binding().symbol(np.zeros(1), times, 0.0, k_on, k_off)
        matrices[..., even] = exchange
        return matrices

    def bounds(self, protocol):
        """Return rates as for :class:`Binding`."""
        bounds = Binding().bounds(protocol)
        return {name: bounds[name] for name in self.parameters}
