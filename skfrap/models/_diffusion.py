"""Free diffusion: recovery curves and image series."""

import numpy as np

from skfrap.models._base import ExactModel, broadcast_parameters, image_series, in_window
from skfrap.models._optics import optics_for
from skfrap.models.cell._engine import CompartmentEngine
from skfrap.models.field._coarser import coarser_of_many
from skfrap.models.field._imaging import ImagingDiffusion
from skfrap.models.field._local import LocalDiffusion
from skfrap.models.field._spectral import FrameStepper, memoised
from skfrap.models.kinetics import FreeDiffusion
from skfrap.numerics._threads import one_blas_thread

_KINETICS = FreeDiffusion()


class DiffusionModel(ExactModel, name="diffusion"):
    """Compute recovery curves and image series of free diffusion, exactly.

    Particles diffuse freely in two dimensions on the field of view extended by the protocol's
    padding, with periodic boundaries; a fraction may be immobile. Each bleach frame leaves
    ``alpha`` of the fluorescence in the bleach region, and imaging a frame, bleach frames
    included, leaves ``imaging_bleach`` of that in the field of view [1]_, [2]_. Both happen in an
    instant within the frame. In a protocol's compartment particles diffuse within its outline
    instead, and the rows of the protocol are computed.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.
    weights : ndarray of shape (ny, nx), default=None
        Pixel weights of the curves, zero outside the bleach region. None is the mean over it,
        `protocol.roi_weights`.

    Attributes
    ----------
    D_range : tuple of float
        Diffusion coefficients in µm²/s that the protocol can tell apart: at the lower end
        the recovery by the last frame is a few percent, at the upper end it is complete
        before the first.

    See Also
    --------
    SoumpasisModel : Diffusion out of a disk, in closed form.
    GaussianBeamModel : Diffusion after a Gaussian laser beam.
    ExponentialModel : No physics: one exponential.
    ReactionModel : Binding alone, without diffusion.

    References
    ----------
    .. [1] Röding et al., Biophys. J. 116, 1348-1361 (2019).
    .. [2] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021), Eqs. 1-4.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import DiffusionModel
    >>> model = DiffusionModel(FRAPProtocol())
    >>> model.curves(D=[10.0, 100.0], c0=0.9, alpha=0.6).shape
    (2, 110)
    """

    kinetics = FreeDiffusion()

    def __init__(self, protocol, weights=None):
        super().__init__(protocol, weights)
        if protocol.compartment is not None:
            return
        if weights is not None and np.asarray(weights)[protocol.bleach_mask == 0].any():
            raise ValueError("weights must be zero outside the bleach region.")

    @property
    def D_range(self):
        """Diffusion coefficients that the protocol can tell, (lowest, highest) in µm²/s."""
        return FreeDiffusion().bounds(self.protocol)["D"]

    @property
    def bounds(self):
        """Bounds for fits, by name; D as in `D_range`."""
        return {"D": self.D_range} | super().bounds

    def curves(
        self,
        D,
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
            Diffusion coefficient, µm²/s, >= 0.
        c0 : array-like
            Prebleach intensity; with bleaching by imaging, that before the first frame.
        alpha : array-like
            What one bleach frame leaves of the fluorescence in the bleach region, 0 to 1.
        mobile_fraction : array-like, default=1.0
            Fraction of the particles that diffuse, 0 to 1.
        imaging_bleach : array-like, default=1.0
            What imaging one frame leaves of the fluorescence in the field of view, 0 to 1.
        bleach_blur : array-like, default=0.0
            Standard deviation of the Gaussian spread of the bleaching beam, µm.
        imaging_blur : array-like, default=0.0
            Standard deviation of the Gaussian spread of the detection, µm.

        Returns
        -------
        ndarray of shape (n, n_frames)
            The arguments are broadcast against each other and n is their common size.

        Raises
        ------
        ValueError
            If an argument is out of range or not finite.

        Notes
        -----
        Without bleaching by imaging a curve takes about a millisecond. With it a few, unless
        diffusion reaches the edges of the field and is too slow for a few Fourier modes to do:
        then the whole grid is stepped from frame to frame, which takes a hundred times longer.
        Curves that differ in `alpha`, `c0` and `mobile_fraction` only are computed at once.
        """
        values = broadcast_parameters(
            D=D,
            c0=c0,
            alpha=alpha,
            mobile_fraction=mobile_fraction,
            imaging_bleach=imaging_bleach,
            bleach_blur=bleach_blur,
            imaging_blur=imaging_blur,
        )
        return self._curves(values)

    @one_blas_thread()
    def images(
        self,
        D,
        c0,
        alpha,
        mobile_fraction=1.0,
        *,
        imaging_bleach=1.0,
        bleach_blur=0.0,
        imaging_blur=0.0,
        padded=False,
    ):
        """Compute noise-free image series.

        Parameters
        ----------
        D, c0, alpha, mobile_fraction, imaging_bleach, bleach_blur, imaging_blur : array-like
            As in :meth:`curves`.
        padded : bool, default=False
            Return the whole periodic grid, padding included; without bleaching by imaging total
            intensity is conserved on it from the first postbleach frame on.

        Returns
        -------
        ndarray of shape (n, n_frames, ny, nx)
            The mean of each frame over the bleach region is the value of :meth:`curves`.
        """
        values = broadcast_parameters(
            D=D,
            c0=c0,
            alpha=alpha,
            mobile_fraction=mobile_fraction,
            imaging_bleach=imaging_bleach,
            bleach_blur=bleach_blur,
            imaging_blur=imaging_blur,
        )
        return image_series(self.protocol, values, self._frames, padded)

    def shapes(self, depth, D, imaging_bleach=1.0, bleach_blur=0.0, imaging_blur=0.0):
        """Compute curves of mobile and of immobile particles, c0 being 1.

        In the depth both are polynomials of degree n_bleach.

        Parameters
        ----------
        depth : ndarray of shape (n,)
            1 - alpha.
        D, imaging_bleach, bleach_blur, imaging_blur : float
            As in :meth:`curves`.

        Returns
        -------
        moving, still : ndarray of shape (n, n_frames)
        """
        depth = np.asarray(depth, dtype=float)
        if self.protocol.compartment is not None:
            engine = self._engine("compartment", bleach_blur, imaging_blur)
            factor = self.known_factor(imaging_bleach)
            return engine.shapes(_KINETICS, {"D": D}, depth, factor)
        if imaging_bleach < 1:
            engine = self._engine("imaging", bleach_blur, imaging_blur)
            return engine.shapes(depth, D, imaging_bleach)
        engine = self._engine("local", bleach_blur, imaging_blur)
        moving, still = np.ones((2, len(depth), self.protocol.n_frames))
        after, column = slice(self.protocol.n_prebleach, None), depth[:, np.newaxis]
        moving[:, after] -= column * engine.recovery(D, depth)
        still[:, after] -= column * engine.immobile(depth)[:, np.newaxis]
        return moving, still

    def _frames(self, window, D, alpha, mobile_fraction, imaging_bleach, bleach_blur, imaging_blur):
        """Yield what is left in a window of the padded grid after each recorded frame."""
        depth = 1 - alpha
        if self.protocol.compartment is not None:
            engine = self._engine("compartment", bleach_blur, imaging_blur)
            factor = imaging_bleach**self._n_imaged
            frames = engine.frames(_KINETICS, {"D": D}, depth, mobile_fraction, factor)
            yield from in_window(frames, self.protocol, window)
            return
        if imaging_bleach == 1:
            engine = self._engine("local", bleach_blur, imaging_blur)
            yield from engine.left(D, depth, mobile_fraction, window)
            return
        whole = self._engine("stepper", bleach_blur).grid.whole
        for frame in self._stepped(
            D, depth, mobile_fraction, imaging_bleach, bleach_blur, imaging_blur
        ):
            yield whole(frame)[window]

    def _stepped(self, D, depth, mobile_fraction, imaging_bleach, bleach_blur, imaging_blur):
        """Yield what is left on the stepper's grid after each recorded frame."""
        stepper = self._engine("stepper", bleach_blur)

        @memoised
        def decay(time):
            return np.exp(-D * time * stepper.grid.k_squared)

        def propagate(modes, time):
            modes *= decay(time)
            return modes

        mobile = stepper.frames(np.ones(1), propagate, depth, imaging_bleach)
        immobile = stepper.still_frames(depth, imaging_bleach)
        for moving, still in zip(mobile, immobile, strict=True):
            left = mobile_fraction * moving + (1 - mobile_fraction) * still
            yield stepper.blur(left, imaging_blur)

    def _make_engine(self, kind, bleach_blur, imaging_blur=0.0):
        if kind == "compartment":
            return CompartmentEngine(self.protocol, bleach_blur, imaging_blur, self._weights)
        if kind == "optics":
            return optics_for(self.protocol, bleach_blur, self._weights)
        optics = self._engine("optics", bleach_blur)
        if kind == "stepper":
            return FrameStepper(self.protocol, optics)
        if kind == "local":
            return LocalDiffusion(self.protocol, optics.bleach, optics.weights, imaging_blur)
        stepper = self._engine("stepper", bleach_blur)
        coarse = self._coarse_imaging(bleach_blur, imaging_blur)
        return ImagingDiffusion(self.protocol, optics, stepper, imaging_blur, coarse)

    def _coarse_imaging(self, bleach_blur, imaging_blur):
        """Make what tells on fewer pixels what comes over the edges of a large field."""
        protocol = coarser_of_many(self.protocol) if self._weights is None else None
        if protocol is None:
            return None
        try:
            optics = optics_for(protocol, bleach_blur)
        except ValueError:  # a region at the rim
            return None
        return ImagingDiffusion(protocol, optics, FrameStepper(protocol, optics), imaging_blur)
