"""Anomalous diffusion: particles whose mean square displacement grows as a power of time."""

from math import gamma

import numpy as np

from skfrap.models.kinetics._base import Kinetics
from skfrap.numerics._mittag_leffler import mittag_leffler
from skfrap.parameters import Parameter, define

define(
    Parameter(
        "D_at_1s", "µm²/s", "log10", 0.0, np.inf, "apparent diffusion coefficient after 1 s, a "
        "quarter of the mean square displacement in that time", exponent="exponent",
    )
)  # fmt: skip
define(Parameter("exponent", "", "linear", 0.1, 2.0, "power of time by which displacements grow"))


class Anomalous(Kinetics):
    """Let the mean square displacement grow as a power of time, and displacements be Gaussian.

    It is 4 D_at_1s t (t / 1 s)^(exponent - 1): scaled Brownian motion, or fractional Brownian
    motion, as in a viscoelastic cytoplasm. An exponent below 1 is subdiffusion, 1 is free
    diffusion, 2 is straight motion with Gaussian velocities. As the particles remember how long
    they have been on their way, one bleach frame is all that these kinetics are known for.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.models.kinetics import Anomalous
    >>> Anomalous().symbol(np.array([1.0]), [4.0], D_at_1s=0.5, exponent=0.5).round(4).tolist()
    [[[[0.3679]]]]
    """

    parameters = "D_at_1s", "exponent"
    is_semigroup = False

    def start(self, D_at_1s, exponent):
        """Return the one species' share."""
        return np.ones(1)

    def symbol(self, k_squared, times, D_at_1s, exponent):
        """Return what the spread leaves of modes, exp(-k² D_at_1s t^exponent)."""
        return np.exp(-_spread(k_squared, times, D_at_1s, exponent))[:, np.newaxis, np.newaxis]

    def bounds(self, protocol):
        """Return exponents from 0.2 to 2, and what the protocol can tell of any of them.

        At the lower end of D_at_1s the recovery by the last frame is a few percent, at the upper
        end it is complete before the first.
        """
        return _bounds(protocol, 0.2, 2.0)


class Subdiffusion(Kinetics):
    """Let particles rest for times without a mean between their steps: fractional diffusion.

    The mean square displacement is that of :class:`Anomalous`, with an exponent up to 1, but its
    displacements are not Gaussian: modes decay by the Mittag-Leffler function, fast at first and
    then as a power of time. One bleach frame is all that these kinetics are known for.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.models.kinetics import Subdiffusion
    >>> Subdiffusion().symbol(np.array([1.0]), [4.0], D_at_1s=0.5, exponent=0.5).round(4).tolist()
    [[[[0.4608]]]]
    """

    parameters = "D_at_1s", "exponent"
    is_semigroup = False
    limits = {"exponent": (0.1, 1.0)}  # noqa: RUF012

    def start(self, D_at_1s, exponent):
        """Return the one species' share."""
        return np.ones(1)

    def symbol(self, k_squared, times, D_at_1s, exponent):
        """Return what is left of modes, E(-Gamma(1 + exponent) k² D_at_1s t^exponent)."""
        spread = _spread(k_squared, times, D_at_1s, exponent)
        left = mittag_leffler(exponent, gamma(1 + exponent) * spread)
        return left[:, np.newaxis, np.newaxis]

    def bounds(self, protocol):
        """Return exponents from 0.2 to 1, and D_at_1s as for :class:`Anomalous`."""
        return _bounds(protocol, 0.2, 1.0)


def _spread(k_squared, times, D_at_1s, exponent):
    """Return a quarter of the mean square displacements, by k²."""
    times = np.reshape(times, (-1,) + (1,) * np.ndim(k_squared))
    return D_at_1s * np.asarray(k_squared) * times**exponent


def _bounds(protocol, lowest, highest):
    r_squared = protocol.equivalent_radius**2
    first, last = protocol.times[[protocol.n_prebleach, -1]]
    slow = min(last**-lowest, last**-highest)
    fast = max(first**-lowest, first**-highest)
    return {
        "D_at_1s": (1e-3 * r_squared / 4 * slow, 1e2 * r_squared / 4 * fast),
        "exponent": (lowest, highest),
    }
