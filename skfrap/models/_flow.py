"""Diffusion in a stream: recovery curves and image series."""

import numpy as np
from scipy.fft import irfft2, rfft2

from skfrap.experiment import Circle
from skfrap.models._base import ExactModel, broadcast_parameters, image_series
from skfrap.models._optics import optics_for
from skfrap.models.field._flow import LocalFlow, phases
from skfrap.models.field._spectral import FrameStepper, FullGrid, memoised
from skfrap.models.kinetics import FreeDiffusion
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import Parameter, define

_ALIKE = 0.02  # of the largest correlation of the region with itself: pixels make no difference
_FEW_FRAMES = 5

for _axis in "xy":
    define(
        Parameter(
            f"velocity_{_axis}", "µm/s", "linear", -np.inf, np.inf, f"velocity of a flow along "
            f"{_axis}", role="amount",
        )
    )  # fmt: skip
define(Parameter("speed", "µm/s", "linear", 0.0, np.inf, "speed of a flow", role="derived"))


class FlowModel(ExactModel, name="flow"):
    """Compute recovery curves and image series of particles that diffuse in an even flow, exactly.

    Mobile particles diffuse with D and are carried along, x to the right and y down, through a
    field without edges; the immobile ones stay. All else is as in :class:`DiffusionModel`.

    A curve is the mean over the region that was bleached. It changes as the bleached particles
    leave that region, and does not tell to which side: the curve of a velocity and of its opposite
    are the same, whatever the region (to within what several bleach frames make of it). So fits
    answer with ``velocity_x`` >= 0. Of a region that is its own mirror image, as a rectangle, the
    curve tells no sign at all, and ``velocity_y`` >= 0 too; of a square not even which of both is
    which, and the larger is called ``velocity_x``; of a circle only the speed: leave
    ``velocity_y`` at its default 0, and ``velocity_x`` is the speed. Frames show the direction.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.
    weights : ndarray of shape (ny, nx), default=None
        Pixel weights of the curves. None is the mean over the bleach region.

    Raises
    ------
    ValueError
        If the protocol has a compartment: what flows through a closed outline is not even.

    See Also
    --------
    DiffusionModel : Without flow.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import FlowModel
    >>> model = FlowModel(FRAPProtocol())
    >>> model.curves(D=5.0, velocity_x=[0.0, 1.0, 3.0], c0=0.9, alpha=0.6).shape
    (3, 110)
    """

    simpler = "diffusion"

    def __init__(self, protocol, weights=None):
        if getattr(protocol, "compartment", None) is not None:
            raise ValueError(
                "the model 'flow' is of an open field, and the protocol has a compartment, out of "
                "which nothing flows. Leave the compartment out, or use another model."
            )
        super().__init__(protocol, weights)

    @property
    def bounds(self):
        """Bounds for fits, by name; of flows that leave the region in no less than a few frames."""
        protocol = self.protocol
        few = protocol.times[protocol.n_prebleach :][:_FEW_FRAMES][-1]
        fastest = 2 * protocol.equivalent_radius / few
        of_y = (0.0, fastest) if self._symmetries[0] else (-fastest, fastest)
        velocities = {"velocity_x": (0.0, fastest), "velocity_y": of_y}
        return FreeDiffusion().bounds(protocol) | velocities | super().bounds

    @property
    def alike(self):
        """Both velocities, if the region is the same with its axes exchanged."""
        return ("velocity_x", "velocity_y") if all(self._symmetries) else ()

    @property
    def _symmetries(self):
        """Whether the region overlaps itself alike when mirrored, and with axes exchanged."""
        mask = self.protocol.bleach_mask[self.protocol.roi_box]
        size = 2 * max(mask.shape)
        overlap = np.fft.fftshift(irfft2(np.abs(rfft2(mask, (size, size))) ** 2, (size, size)))
        overlap = overlap[1:, 1:]  # about its middle
        limit = _ALIKE * overlap.max()
        others = overlap[::-1], overlap.T
        return tuple(bool(np.abs(overlap - other).max() < limit) for other in others)

    def check_free(self, names):
        """Refuse to estimate both velocities where only the speed can be known.

        Parameters
        ----------
        names : sequence of str
            What is to be estimated.

        Raises
        ------
        ValueError
            If the region is a circle, and both velocities are among the names.
        """
        if {"velocity_x", "velocity_y"} <= {*names} and isinstance(
            self.protocol.bleach_region, Circle
        ):
            raise ValueError(
                "parameters has velocity_x and velocity_y, and the curve of a circle tells the "
                "speed only. Leave velocity_y out: it is 0 then, and velocity_x is the speed."
            )

    def derived(self, values):
        """Compute the speed, where both velocities are not zero.

        Parameters
        ----------
        values : dict of str to ndarray of shape (n,)
            Parameters in natural units.

        Returns
        -------
        dict of str to ndarray of shape (n,)
        """
        if np.all(values["velocity_y"] == 0):
            return {}
        return {"speed": np.hypot(values["velocity_x"], values["velocity_y"])}

    def curves(
        self,
        D,
        velocity_x,
        c0,
        alpha,
        mobile_fraction=1.0,
        *,
        velocity_y=0.0,
        imaging_bleach=1.0,
        bleach_blur=0.0,
        imaging_blur=0.0,
    ):
        """Compute recovery curves, the mean intensity over the bleach region in each frame.

        Parameters
        ----------
        D : array-like
            Diffusion coefficient, µm²/s, >= 0.
        velocity_x : array-like
            Velocity of the flow along x, to the right, µm/s.
        c0, alpha, mobile_fraction : array-like
            As in :meth:`DiffusionModel.curves`.
        velocity_y : array-like, default=0.0
            Along y, down, µm/s.
        imaging_bleach, bleach_blur, imaging_blur : array-like
            As in :meth:`DiffusionModel.curves`.

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
            velocity_x=velocity_x,
            c0=c0,
            alpha=alpha,
            mobile_fraction=mobile_fraction,
            velocity_y=velocity_y,
            imaging_bleach=imaging_bleach,
            bleach_blur=bleach_blur,
            imaging_blur=imaging_blur,
        )
        return self._curves(values)

    @one_blas_thread()
    def images(
        self,
        D,
        velocity_x,
        c0,
        alpha,
        mobile_fraction=1.0,
        *,
        velocity_y=0.0,
        imaging_bleach=1.0,
        bleach_blur=0.0,
        imaging_blur=0.0,
        padded=False,
    ):
        """Compute noise-free image series.

        Parameters
        ----------
        D, velocity_x, c0, alpha, mobile_fraction, velocity_y : array-like
            As in :meth:`curves`.
        imaging_bleach, bleach_blur, imaging_blur : array-like
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
            velocity_x=velocity_x,
            c0=c0,
            alpha=alpha,
            mobile_fraction=mobile_fraction,
            velocity_y=velocity_y,
            imaging_bleach=imaging_bleach,
            bleach_blur=bleach_blur,
            imaging_blur=imaging_blur,
        )
        return image_series(self.protocol, values, self._frames, padded)

    def shapes(
        self,
        depth,
        D,
        velocity_x,
        velocity_y=0.0,
        imaging_bleach=1.0,
        bleach_blur=0.0,
        imaging_blur=0.0,
    ):
        """Compute curves of mobile and of immobile particles, c0 being 1.

        Parameters
        ----------
        depth : ndarray of shape (n,)
            1 - alpha.
        D, velocity_x, velocity_y, imaging_bleach, bleach_blur, imaging_blur : float
            As in :meth:`curves`.

        Returns
        -------
        moving, still : ndarray of shape (n, n_frames)
        """
        depth = np.asarray(depth, dtype=float)
        moving, still = np.ones((2, len(depth), self.protocol.n_frames))
        velocity = velocity_y, velocity_x
        if imaging_bleach == 1:
            engine = self._engine("local", bleach_blur, imaging_blur)
            after = slice(self.protocol.n_prebleach, None)
            moving[:, after] -= depth[:, np.newaxis] * engine.recovery(D, velocity, depth)
            still[:, after] -= engine.immobile(depth)[:, np.newaxis]
            return moving, still
        stepper = self._engine("stepper", bleach_blur)
        for row, one in enumerate(depth):
            both = self._stepped(D, velocity, one, imaging_bleach, bleach_blur)
            for curves, frames in zip((moving, still), both, strict=True):
                curves[row] = [stepper.mean(stepper.blur(left, imaging_blur)) for left in frames]
        return moving, still

    def _after_flash(self, D, velocity_x, velocity_y, bleach_blur, imaging_blur):
        """Return the deficits of mobile and of immobile particles after one bleach frame."""
        engine = self._engine("local", bleach_blur, imaging_blur)
        return engine.after_flash(D, (velocity_y, velocity_x))

    def _frames(
        self,
        window,
        D,
        velocity_x,
        alpha,
        mobile_fraction,
        velocity_y,
        imaging_bleach,
        bleach_blur,
        imaging_blur,
    ):
        """Yield what is left in a window of the padded grid after each recorded frame."""
        stepper = self._engine("stepper", bleach_blur)
        velocity = velocity_y, velocity_x
        both = self._stepped(D, velocity, 1 - alpha, imaging_bleach, bleach_blur)
        for moving, still in zip(*both, strict=True):
            left = mobile_fraction * moving + (1 - mobile_fraction) * still
            yield stepper.blur(left, imaging_blur)[window]

    def _stepped(self, D, velocity, depth, imaging_bleach, bleach_blur):
        """Return what is left of mobile and of immobile particles, two iterators over frames."""
        stepper = self._engine("stepper", bleach_blur)
        (ny, nx), h = stepper.grid.shape, self.protocol.pixel_size
        along_y, along_x = (2 * np.pi * q for q in (np.fft.fftfreq(ny, h), np.fft.rfftfreq(nx, h)))

        @memoised
        def factors(time):
            of_y, of_x = (
                phases(k, n, [speed * time])[0]
                for k, n, speed in zip((along_y, along_x), (ny, nx), velocity, strict=True)
            )
            return np.exp(-D * time * stepper.grid.k_squared) * of_y[:, np.newaxis] * of_x

        mobile = stepper.frames(
            np.ones(1), lambda modes, time: modes * factors(time), depth, imaging_bleach
        )
        return mobile, stepper.still_frames(depth, imaging_bleach)

    def _make_engine(self, kind, bleach_blur, imaging_blur=0.0):
        optics = optics_for(self.protocol, bleach_blur, self._weights)
        if kind == "stepper":
            return FrameStepper(self.protocol, optics, grid=FullGrid)  # a flow has no mirror image
        return LocalFlow(self.protocol, optics.bleach, optics.weights, imaging_blur)
