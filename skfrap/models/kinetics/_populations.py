"""Two kinds of particles that diffuse side by side."""

import numpy as np

from skfrap.models.kinetics._base import Kinetics
from skfrap.models.kinetics._free import FreeDiffusion
from skfrap.parameters import Parameter, define

define(
    Parameter(
        "second_D", "µm²/s", "log10", 0.0, np.inf, "diffusion coefficient of the second population"
    )
)
define(Parameter("second_fraction", "", "linear", 0.0, 1.0, "share of the second term, or kind"))
define(
    Parameter("mean_D", "µm²/s", "log10", 0.0, np.inf, "mean of D over both populations", "derived")
)


class TwoPopulations(Kinetics):
    """Let a share of the particles diffuse with another D, and none change its kind.

    The species are the first kind and the second, in this order. Nobody can tell which is called
    the first: the same curves come with the two coefficients exchanged and the share taken from 1.
    Where all three are estimated, D is the larger.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.models.kinetics import TwoPopulations
    >>> TwoPopulations().start(D=30.0, second_D=1.0, second_fraction=0.3).tolist()
    [0.7, 0.3]
    """

    parameters = "D", "second_D", "second_fraction"
    simpler = "diffusion"
    alike = "D", "second_D", "second_fraction"

    def start(self, D, second_D, second_fraction):
        """Return the shares of both kinds."""
        return np.array([1 - second_fraction, second_fraction])

    def symbol(self, k_squared, times, D, second_D, second_fraction):
        """Return what diffusion leaves of modes of either kind; none turns into the other."""
        matrices = np.zeros((len(times), 2, 2, *np.shape(k_squared)))
        for kind, coefficient in enumerate((D, second_D)):
            matrices[:, kind, kind] = FreeDiffusion().symbol(k_squared, times, coefficient)[:, 0, 0]
        return matrices

    def derived(self, D, second_D, second_fraction):
        """Compute the mean of D over all particles, ``mean_D``."""
        return {"mean_D": (1 - second_fraction) * D + second_fraction * second_D}

    def bounds(self, protocol):
        """Return for either coefficient what the protocol can tell."""
        bounds = FreeDiffusion().bounds(protocol)
        return bounds | {"second_D": bounds["D"]}
