"""Diffusion, and exchange with a pool that is not bleached."""

import numpy as np

from skfrap.models.kinetics._base import Kinetics
from skfrap.models.kinetics._binding import Binding
from skfrap.models.kinetics._free import FreeDiffusion
from skfrap.parameters import Parameter, define

define(Parameter("exchange_rate", "1/s", "log10", 0.0, np.inf, "rate at which a pool replaces"))
define(
    Parameter(
        "exchange_length", "µm", "log10", 0.0, np.inf, "sqrt(D / exchange_rate), how far particles "
        "diffuse before they are replaced", "derived",
    )
)  # fmt: skip


class Turnover(Kinetics):
    """Let particles diffuse, and be replaced from a pool that light does not reach.

    At a membrane the pool is the cytosol; in a droplet seen from above, what lies below. What
    bleaching has taken decays as exp(-exchange_rate t) everywhere, besides its diffusion.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.models.kinetics import Turnover
    >>> symbol = Turnover().symbol(np.array([0.0, 1.0]), [2.0], D=0.5, exchange_rate=0.1)
    >>> symbol[0, 0, 0].round(4).tolist()
    [0.8187, 0.3012]
    """

    parameters = "D", "exchange_rate"
    simpler = "diffusion"
    is_closed = False

    def start(self, D, exchange_rate):
        """Return the one species' share."""
        return np.ones(1)

    def symbol(self, k_squared, times, D, exchange_rate):
        """Return what is left of what bleaching has taken, exp(-(D k² + exchange_rate) t)."""
        times = np.reshape(times, (-1,) + (1,) * np.ndim(k_squared))
        rate = D * np.asarray(k_squared) + exchange_rate
        return np.exp(-rate * times)[:, np.newaxis, np.newaxis]

    def derived(self, D, exchange_rate):
        """Compute how far particles diffuse before they are replaced, ``exchange_length``."""
        D, rate = np.broadcast_arrays(*np.asarray([D, exchange_rate], dtype=float))
        squared = np.divide(D, rate, out=np.full(rate.shape, np.inf), where=rate != 0)
        return {"exchange_length": np.sqrt(squared)}

    def bounds(self, protocol):
        """Return for D what the protocol can tell, and rates at which it would see something."""
        rates = Binding().bounds(protocol)["k_off"]
        return FreeDiffusion().bounds(protocol) | {"exchange_rate": rates}
