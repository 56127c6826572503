"""Diffusion with binding to what does not move."""

import numpy as np

from skfrap.models.kinetics._base import Kinetics
from skfrap.models.kinetics._free import FreeDiffusion
from skfrap.parameters import Parameter, define

define(Parameter("k_on", "1/s", "log10", 0.0, np.inf, "rate of binding"))
define(Parameter("k_off", "1/s", "log10", 0.0, np.inf, "rate of release"))
define(
    Parameter("D_effective", "µm²/s", "log10", 0.0, np.inf, "D k_off / (k_on + k_off)", "derived")
)


class Binding(Kinetics):
    """Let particles diffuse, bind to what does not move, and be released.

    Unbound particles diffuse with D and bind at the rate ``k_on``, bound ones are released at the
    rate ``k_off``. The species are unbound and bound, in this order.
    """

    parameters = "D", "k_on", "k_off"
    simpler = "diffusion"

    def start(self, D, k_on, k_off):
        """Return the fractions of unbound and bound particles in equilibrium."""
        unbound = k_off / (k_on + k_off) if k_on > 0 else 1.0
        return np.array([unbound, 1 - unbound])

    def symbol(self, k_squared, times, D, k_on, k_off):
        """Return the matrices that carry modes of (unbound, bound) on.

        They are even in the difference of the rates, so that they are analytic in k².
        """
        D_k = D * k_squared
        even, odd = _decays(*_rates(D_k, k_on, k_off), np.reshape(times, (-1,) + (1,) * D_k.ndim))
        half_apart = 0.5 * (D_k + k_on - k_off)
        matrices = np.empty((len(even), 2, 2, *D_k.shape))
        matrices[:, 0, 0] = even - odd * half_apart
        matrices[:, 0, 1] = odd * k_off
        matrices[:, 1, 0] = odd * k_on
        matrices[:, 1, 1] = even + odd * half_apart
        return matrices

    def derived(self, D, k_on, k_off):
        """Compute the effective diffusion coefficient, ``D_effective``."""
        return {"D_effective": effective_diffusion(D, k_on, k_off)}

    def bounds(self, protocol):
        """Return rates at which something happens between the first and the last frame.

        Slower exchange is two separate populations, faster exchange free diffusion.
        """
        first, last = protocol.times[[protocol.n_prebleach, -1]]
        rates = 1e-2 / last, 1e1 / first
        return FreeDiffusion().bounds(protocol) | {"k_on": rates, "k_off": rates}


def effective_diffusion(D, k_on, k_off):
    """Compute the diffusion coefficient that fast exchange amounts to, D k_off / (k_on + k_off).

    Without binding (k_on = 0) it is D, and NaN where a rate is.

    Parameters
    ----------
    D : float or ndarray
        Of what is free, in µm²/s.
    k_on : float or ndarray
        Rate of binding, 1/s.
    k_off : float or ndarray
        Rate of unbinding, 1/s.

    Returns
    -------
    float or ndarray
        In µm²/s.
    """
    D, k_on, k_off = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (D, k_on, k_off)))
    unbound = np.divide(k_off, k_on + k_off, out=np.ones(k_on.shape), where=k_on != 0)
    return (D * unbound)[()]


def _rates(D_k, k_on, k_off):
    """Return the slow and the fast rate at which a mode changes, both <= 0.

    The modes follow d/dt (u, b) = ((-D k² - k_on, k_off), (k_on, -k_off)) (u, b); the rates are
    the eigenvalues. Their product is D k² k_off, which gives the slow one without cancellation.
    """
    half = np.sqrt(0.25 * (D_k + k_on - k_off) ** 2 + k_on * k_off)
    fast = -0.5 * (D_k + k_on + k_off) - half
    slow = np.divide(D_k * k_off, fast, out=np.zeros_like(fast), where=fast < 0)
    return slow, fast


def _decays(slow, fast, time):
    """Return half the sum of both decays, and half their difference over that of the rates."""
    slowly = np.exp(slow * time)
    # Where the rates are equal this is their quotient's limit.
    apart = np.maximum(slow - fast, 1e-150)
    lost = np.expm1(-apart * time)
    return slowly * (1 + 0.5 * lost), -slowly * lost / apart
