"""Free diffusion."""

import numpy as np

from skfrap.models.kinetics._base import Kinetics


class FreeDiffusion(Kinetics):
    """Let all particles diffuse with one D.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.models.kinetics import FreeDiffusion
    >>> FreeDiffusion().symbol(np.array([0.0, 1.0]), [0.1], D=5.0)[0, 0, 0].round(4).tolist()
    [1.0, 0.6065]
    """

    parameters = ("D",)

    def start(self, D):
        """Return the one species' share."""
        return np.ones(1)

    def symbol(self, k_squared, times, D):
        """Return what diffusion leaves of modes, exp(-D k² t)."""
        times = np.reshape(times, (-1,) + (1,) * np.ndim(k_squared))
        return np.exp(-D * k_squared * times)[:, np.newaxis, np.newaxis]

    def bounds(self, protocol):
        """Return the diffusion coefficients that a protocol can tell apart.

        At the lower end the recovery by the last frame is a few percent, at the upper end it is
        complete before the first.
        """
        r_squared = protocol.equivalent_radius**2
        first, last = protocol.times[[protocol.n_prebleach, -1]]
        return {"D": (1e-3 * r_squared / (4 * last), 1e2 * r_squared / (4 * first))}
