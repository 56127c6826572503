"""Diffusion and binding: recovery curves and image series of reaction-diffusion."""

from functools import partial

import numpy as np

from skfrap._threads import one_blas_thread
from skfrap.models._base import ExactModel, broadcast_parameters, image_series
from skfrap.models._diffusion import DiffusionModel
from skfrap.models._optics import optics_for
from skfrap.models._radial import LocalReaction
from skfrap.models._spectral import FrameStepper, memoised
from skfrap.parameters import Parameter, define

define(Parameter("k_on", "1/s", "log10", 0.0, np.inf, "rate of binding"))
define(Parameter("k_off", "1/s", "log10", 0.0, np.inf, "rate of release"))
define(
    Parameter("D_effective", "µm²/s", "log10", 0.0, np.inf, "D k_off / (k_on + k_off)", "derived")
)


class BindingModel(ExactModel, name="binding"):
    """Compute recovery curves and image series of particles that diffuse and bind, exactly.

    Unbound particles U diffuse, bound ones B do not, and U turns into B at the rate ``k_on`` and
    back at the rate ``k_off``. Both fluoresce and are bleached alike, and they start at
    equilibrium, with a fraction k_off / (k_on + k_off) unbound. All else is as in
    :class:`DiffusionModel` [1]_. Where exchange is fast against diffusion over the bleach region
    the curve is that of free diffusion with D * k_off / (k_on + k_off); where it is slow, that of
    two separate populations.

    Parameters
    ----------
    protocol : FRAPProtocol
    weights : ndarray of shape (ny, nx), default=None
        Pixel weights of the curves. None is the mean over the bleach region.

    References
    ----------
    .. [1] Röding et al., Biophys. J. 116, 1348-1361 (2019).

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import BindingModel
    >>> model = BindingModel(FRAPProtocol())
    >>> model.curves(D=[100.0, 100.0], k_on=[0.1, 1.0], k_off=0.5, c0=0.9, alpha=0.6).shape
    (2, 110)
    """

    simpler = "diffusion"

    @property
    def bounds(self):
        """Bounds for fits, by name: rates at which something happens between first and last frame.

        Slower exchange is two separate populations, faster exchange free diffusion.
        """
        times = self.postbleach_times[0]
        rates = 1e-2 / times[-1], 1e1 / times[0]
        D = {"D": DiffusionModel(self.protocol).D_range}
        return D | {"k_on": rates, "k_off": rates} | super().bounds

    def derived(self, values):
        """Compute the effective diffusion coefficient, ``D_effective``."""
        rates = (values[name] for name in ("D", "k_on", "k_off"))
        return {"D_effective": effective_diffusion(*rates)}

    def curves(
        self,
        D,
        k_on,
        k_off,
        c0,
        alpha,
        mobile_fraction=1.0,
        *,
        imaging_bleach=1.0,
        bleach_blur=0.0,
        imaging_blur=0.0,
    ):
        """Compute recovery curves, the mean intensity over the bleach region in each frame.

        Parameters
        ----------
        D : array-like
            Diffusion coefficient of unbound particles, µm²/s.
        k_on, k_off : array-like
            Rates of binding and of release, 1/s, >= 0. Without any binding (k_on = 0) all
            particles are free.
        c0, alpha, mobile_fraction, imaging_bleach, bleach_blur, imaging_blur : array-like
            As in :meth:`DiffusionModel.curves`. The immobile fraction neither diffuses nor
            takes part in binding.

        Returns
        -------
        ndarray of shape (n, n_frames)
            The arguments are broadcast against each other and n is their common size.

        Raises
        ------
        ValueError
            If an argument is out of range or not finite.
        """
        values = broadcast_parameters(
            D=D,
            k_on=k_on,
            k_off=k_off,
            c0=c0,
            alpha=alpha,
            mobile_fraction=mobile_fraction,
            imaging_bleach=imaging_bleach,
            bleach_blur=bleach_blur,
            imaging_blur=imaging_blur,
        )
        return self._curves(values)

    def shapes(self, depth, D, k_on, k_off, imaging_bleach=1.0, bleach_blur=0.0, imaging_blur=0.0):
        """Compute curves of mobile and of immobile particles, c0 being 1.

        Parameters
        ----------
        depth : ndarray of shape (n,)
            1 - alpha.
        D, k_on, k_off, imaging_bleach, bleach_blur, imaging_blur : float
            As in :meth:`curves`.

        Returns
        -------
        moving, still : ndarray of shape (n, n_frames)
        """
        depth = np.asarray(depth, dtype=float)
        moving, still = np.ones((2, len(depth), self.protocol.n_frames))
        if imaging_bleach == 1 and (engine := self._engine("local", bleach_blur)).is_small:
            symbol = partial(_symbol, D=D, k_on=k_on, k_off=k_off)
            start = _equilibrium(k_on, k_off)
            after = slice(self.protocol.n_prebleach, None)
            moving[:, after] -= engine.mobile(symbol, start, depth, imaging_blur)
            still[:, after] -= engine.immobile(depth, imaging_blur)[:, np.newaxis]
            return moving, still
        stepper = self._engine("stepper", bleach_blur)
        for row, one in enumerate(depth):
            both = self._stepped(D, k_on, k_off, one, imaging_bleach, bleach_blur)
            for curves, frames in zip((moving, still), both, strict=True):
                curves[row] = [stepper.mean(stepper.blur(left, imaging_blur)) for left in frames]
        return moving, still

    @one_blas_thread()
    def images(
        self,
        D,
        k_on,
        k_off,
        c0,
        alpha,
        mobile_fraction=1.0,
        *,
        imaging_bleach=1.0,
        bleach_blur=0.0,
        imaging_blur=0.0,
        padded=False,
    ):
        """Compute noise-free image series of all particles, bound and unbound.

        Parameters
        ----------
        D, k_on, k_off, c0, alpha, mobile_fraction, imaging_bleach, bleach_blur, imaging_blur
            As in :meth:`curves`.
        padded : bool, default=False
            Return the whole periodic grid, padding included.

        Returns
        -------
        ndarray of shape (n, n_frames, ny, nx)
            The mean of each frame over the bleach region is the value of :meth:`curves`.
        """
        values = broadcast_parameters(
            D=D,
            k_on=k_on,
            k_off=k_off,
            c0=c0,
            alpha=alpha,
            mobile_fraction=mobile_fraction,
            imaging_bleach=imaging_bleach,
            bleach_blur=bleach_blur,
            imaging_blur=imaging_blur,
        )
        return image_series(self.protocol, values, self._frames, padded)

    def _frames(
        self,
        window,
        D,
        k_on,
        k_off,
        alpha,
        mobile_fraction,
        imaging_bleach,
        bleach_blur,
        imaging_blur,
    ):
        """Yield what is left in a window of the padded grid after each recorded frame."""
        stepper = self._engine("stepper", bleach_blur)
        both = self._stepped(D, k_on, k_off, 1 - alpha, imaging_bleach, bleach_blur)
        for moving, still in zip(*both, strict=True):
            left = mobile_fraction * moving + (1 - mobile_fraction) * still
            yield stepper.grid.whole(stepper.blur(left, imaging_blur))[window]

    def _stepped(self, D, k_on, k_off, depth, imaging_bleach, bleach_blur):
        """Return what is left of mobile and of immobile particles, two iterators over frames."""
        stepper = self._engine("stepper", bleach_blur)
        propagate = _propagator(stepper.grid.k_squared, D, k_on, k_off)
        return (
            stepper.frames(_equilibrium(k_on, k_off), propagate, depth, imaging_bleach),
            stepper.still_frames(depth, imaging_bleach),
        )

    def _make_engine(self, kind, bleach_blur):
        optics = optics_for(self.protocol, bleach_blur, self._weights)
        if kind == "stepper":
            return FrameStepper(self.protocol, optics)
        return LocalReaction(self.protocol, optics.bleach, optics.weights)


def effective_diffusion(D, k_on, k_off):
    """Compute the diffusion coefficient that fast exchange amounts to, D k_off / (k_on + k_off).

    Without binding (k_on = 0) it is D, and NaN where a rate is.
    """
    D, k_on, k_off = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (D, k_on, k_off)))
    unbound = np.divide(k_off, k_on + k_off, out=np.ones(k_on.shape), where=k_on != 0)
    return (D * unbound)[()]


def _equilibrium(k_on, k_off):
    """Return the fractions of unbound and bound particles."""
    unbound = k_off / (k_on + k_off) if k_on > 0 else 1.0
    return np.array([unbound, 1 - unbound])


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


def _symbol(k_squared, times, D, k_on, k_off):
    """Return the matrices that carry modes of (unbound, bound) on: (n_times, 2, 2, ...).

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


def _propagator(k_squared, D, k_on, k_off):
    """Return a function that carries the modes of (unbound, bound) on by a time."""

    @memoised
    def matrix(time):
        return _symbol(k_squared, [time], D, k_on, k_off)[0]

    def propagate(modes, time):
        unbound, bound = modes
        return np.stack([to_u * unbound + to_b * bound for to_u, to_b in matrix(time)])

    return propagate
