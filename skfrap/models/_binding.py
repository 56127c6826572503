"""Diffusion and binding: recovery curves and image series of reaction-diffusion."""

from functools import lru_cache

import numpy as np

from skfrap._threads import one_blas_thread
from skfrap.models._diffusion import broadcast_parameters, groups, image_series
from skfrap.models._optics import optics_for
from skfrap.models._spectral import FrameStepper, rounded

_MOST_STEPPERS = 4


class BindingModel:
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

    def __init__(self, protocol, weights=None):
        self.protocol = protocol
        self._weights = weights
        optics_for(protocol, weights=weights)  # checks the weights
        self._by_blur = {}

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
        curves = np.empty((len(values["D"]), self.protocol.n_frames))
        for point, rows in groups(*values.values()):
            point = dict(zip(values, point, strict=True))
            c0, mobile = point.pop("c0"), point.pop("mobile_fraction")
            curves[rows] = c0 * self._curve(mobile, point)
        return curves

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
        return image_series(self.protocol, values, self._windowed_frames, padded)

    def _steppers(self, bleach_blur):
        """Make the stepper for one bleaching beam, or take it from earlier."""
        stepper = self._by_blur.get(bleach_blur)
        if stepper is None:
            optics = optics_for(self.protocol, bleach_blur, self._weights)
            stepper = FrameStepper(self.protocol, optics)
            if len(self._by_blur) >= _MOST_STEPPERS:
                self._by_blur.clear()
            self._by_blur[bleach_blur] = stepper
        return stepper

    def _curve(self, mobile_fraction, point):
        if point["imaging_bleach"] < 1:
            mean = self._steppers(point["bleach_blur"]).mean
            return np.array([mean(frame) for frame in self._frames(mobile_fraction, **point)])
        curve = mobile_fraction * self._curve_without_imaging_bleach(point)
        if mobile_fraction < 1:
            curve += (1 - mobile_fraction) * self._still_curve(point)
        return curve

    def _curve_without_imaging_bleach(self, point):
        """Compute a curve from the modes after bleaching, without going back to pixels."""
        stepper = self._steppers(point["bleach_blur"])
        D, k_on, k_off = (point[name] for name in ("D", "k_on", "k_off"))
        modes = stepper.bleached_modes(
            _equilibrium(k_on, k_off),
            _propagator(stepper.grid.k_squared, D, k_on, k_off),
            1 - point["alpha"],
        )
        blur = np.exp(-0.5 * point["imaging_blur"] ** 2 * stepper.grid.k_squared)
        # Modes of one wavelength decay alike: add what they bring to the curve first.
        amplitudes = stepper.sum_by_wavelength(stepper.mode_weights * blur * modes)
        propagate = _propagator(stepper.wavenumbers_squared, D, k_on, k_off)
        times = self.protocol.times[self.protocol.n_prebleach :]
        curve = np.ones(self.protocol.n_frames)
        for frame, interval in enumerate(np.diff(times, prepend=0.0), self.protocol.n_prebleach):
            amplitudes = propagate(amplitudes, rounded(interval))
            curve[frame] = amplitudes.sum()
        return curve

    def _still_curve(self, point):
        stepper = self._steppers(point["bleach_blur"])
        frames = stepper.still_frames(1 - point["alpha"], 1.0)
        curve = np.ones(self.protocol.n_frames)
        *_, last = frames
        curve[self.protocol.n_prebleach :] = stepper.mean(stepper.blur(last, point["imaging_blur"]))
        return curve

    def _windowed_frames(self, window, **point):
        whole = self._steppers(point["bleach_blur"]).grid.whole
        for frame in self._frames(**point):
            yield whole(frame)[window]

    def _frames(
        self, mobile_fraction, D, k_on, k_off, alpha, imaging_bleach, bleach_blur, imaging_blur
    ):
        """Yield what is left on the stepper's grid after each recorded frame."""
        stepper = self._steppers(bleach_blur)
        moving = stepper.frames(
            _equilibrium(k_on, k_off),
            _propagator(stepper.grid.k_squared, D, k_on, k_off),
            1 - alpha,
            imaging_bleach,
        )
        still = stepper.still_frames(1 - alpha, imaging_bleach)
        for mobile, immobile in zip(moving, still, strict=True):
            left = mobile_fraction * mobile + (1 - mobile_fraction) * immobile
            yield stepper.blur(left, imaging_blur)


def effective_diffusion(D, k_on, k_off):
    """Compute the diffusion coefficient that fast exchange amounts to, D k_off / (k_on + k_off).

    Without binding (k_on = 0) it is D.
    """
    D, k_on, k_off = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (D, k_on, k_off)))
    unbound = np.divide(k_off, k_on + k_off, out=np.ones(k_on.shape), where=k_on > 0)
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
    even = 0.5 * (slowly + np.exp(fast * time))
    apart = slow - fast
    odd = -slowly * np.expm1(-apart * time)
    odd = np.divide(odd, apart, out=time * even, where=apart * time > 1e-150)
    return even, odd


def _propagator(k_squared, D, k_on, k_off):
    """Return a function that carries the modes of (unbound, bound) on by a time."""
    D_k = D * k_squared
    slow, fast = _rates(D_k, k_on, k_off)
    middle = -0.5 * (D_k + k_on + k_off)

    @lru_cache(maxsize=4)  # frames come at few different intervals
    def matrix(time):
        even, odd = _decays(slow, fast, time)
        return (
            even + odd * (-D_k - k_on - middle),
            odd * k_off,
            odd * k_on,
            even + odd * (-k_off - middle),
        )

    def propagate(modes, time):
        uu, ub, bu, bb = matrix(time)
        unbound, bound = modes
        return np.stack([uu * unbound + ub * bound, bu * unbound + bb * bound])

    return propagate
