"""Corrections of image stacks."""

import numpy as np
from scipy.ndimage import gaussian_filter

from skfrap._checks import check_count, check_number
from skfrap.experiment import FRAPProtocol
from skfrap.preprocessing._corrector import StackCorrector
from skfrap.preprocessing._protocols import check_brings, protocol_at, shared_protocol
from skfrap.preprocessing._saturation import cut_off, is_detectors

_LARGEST_OFFSET = 2.0**32  # counts
_WIDEST = 4  # frames, that a filter may reach over
_SMALLEST_BIT_DEPTHS = {"uint8": (8,), "uint16": (12, 16)}


def check_filter(sigma, shape):
    """Refuse a smoothing that reaches far beyond the frames: it costs memory, and does no more."""
    if sigma > _WIDEST * max(shape):
        raise ValueError(
            f"sigma is {sigma:g} pixels, and frames are {tuple(shape)}; smooth over less than the "
            "frame."
        )


class IntensityRescaler(StackCorrector):
    """Rescale integer pixels to intensities between 0 and 1.

    Parameters
    ----------
    bit_depth : int, default=None
        Bits of the detector: intensity 1 is ``2**bit_depth - 1`` counts. None detects it: from
        files that declare fewer bits than their pixels have room for, and else from the type and
        the largest value seen in `fit` (8, 12 or 16 bits). Floats are then taken as they are.
    offset : float, default=0.0
        Dark level in counts, subtracted; intensity 1 remains the full range above it.
    max_saturated : float, default=0.01
        Largest fraction of a stack's pixels allowed at the top of the range, or at the value at
        which the detector cuts off below that. Saturated pixels hide recovery and noise.

    Attributes
    ----------
    bit_depth_ : int or None
        None for floats.

    See Also
    --------
    FadingCorrector : Undoes fading.
    BackgroundSubtractor : For light that is added.
    FlatFieldCorrector : For light that is a factor.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.preprocessing import IntensityRescaler
    >>> stacks = np.full((1, 3, 4, 4), 1000, dtype=np.uint16)
    >>> rescaled = IntensityRescaler(bit_depth=12).fit_transform(stacks)
    >>> round(float(rescaled[0].max()), 4)  # 1000 / 4095
    0.2442
    """

    def __init__(
        self,
        bit_depth: int | None = None,
        *,
        offset: float = 0.0,
        max_saturated: float = 0.01,
    ):
        self.bit_depth = bit_depth
        self.offset = offset
        self.max_saturated = max_saturated

    def learn(self, stacks):
        """Detect the bit depth, if it is not given, from the stacks that can be read.

        One that cannot is refused when it is looked at, as far as it is.
        """
        check_number("offset", self.offset, what="number of counts")
        if abs(self.offset) > _LARGEST_OFFSET:
            raise ValueError(f"offset must be a number of counts, got {self.offset:g}.")
        if self.bit_depth is not None:
            self.bit_depth_ = check_count("bit_depth", self.bit_depth, 1, 32)
            return
        detected = {self._detect(stacks, i) for i in stacks.readable()}
        detected.discard(0)
        self.bit_depth_ = max(detected, default=None)

    @staticmethod
    def _detect(stacks, index):
        stack, declared = stacks.raw_and_bit_depth(index)
        if declared is not None:
            return declared
        if stack.dtype.kind == "f":
            return 0
        for bits in _SMALLEST_BIT_DEPTHS.get(stack.dtype.name, ()):
            if stack.max() < 2**bits:
                return bits
        raise ValueError(
            f"{stacks.describe(index)}: cannot tell the bit depth of {stack.dtype} pixels; "
            "give bit_depth."
        )

    def prepare(self, view):
        """Return the full range in counts; refuse what is saturated or beyond it."""
        if view.stack.dtype.kind == "f" and self.bit_depth is None:
            return 1.0 + self.offset
        if self.bit_depth_ is None:
            raise ValueError(
                f"the stack has {view.stack.dtype} pixels, and fit saw floats only; give bit_depth."
            )
        full = 2.0**self.bit_depth_ - 1
        if self.offset >= full:
            raise ValueError(
                f"offset is {self.offset:g}, at or above the top of the range, {full:g} counts; "
                "give the detector's level without light."
            )
        largest = view.stack.max().item()
        if largest > full:
            raise ValueError(
                f"a pixel of {largest} counts is above the range of bit_depth={self.bit_depth_}; "
                "give the detector's bit_depth."
            )
        if largest == full:
            saturated = np.count_nonzero(view.stack == largest) / view.stack.size
            self._refuse(saturated, largest, "the top of the range")
        elif self.max_saturated < 1:
            value, saturated = cut_off(view.stack, self.max_saturated)
            if value is not None and is_detectors(view.stack, value):
                self._refuse(saturated, f"{value:.10g}", "where the detector cuts off")
        return full

    def _refuse(self, share, value, what):
        if share > self.max_saturated:
            raise ValueError(
                f"the detector is saturated: {100 * share:.1f} % of the pixels are at {value} "
                f"counts, {what} (max_saturated allows {100 * self.max_saturated:g} %). Give the "
                "right bit_depth, or use data recorded at lower gain."
            )

    def apply(self, block, full, frames, rows, columns):
        """Subtract the dark level and divide by the range above it."""
        if self.offset:
            block -= block.dtype.type(self.offset)
        block *= block.dtype.type(1 / (full - self.offset))


class _PrebleachCorrector(StackCorrector):
    """What the corrections by the smoothed average prebleach frame share."""

    def __init__(
        self,
        sigma: float = 5.0,
        *,
        n_prebleach: int | None = None,
        protocol: FRAPProtocol | None = None,
    ):
        self.sigma = sigma
        self.n_prebleach = n_prebleach
        self.protocol = protocol

    def learn(self, stacks):
        """Check the parameters."""
        check_number("sigma", self.sigma, 0, what="number of pixels")
        if self.n_prebleach is None:
            shared = shared_protocol(self.protocol, stacks)
            self.n_prebleach_ = None if shared is None else shared.n_prebleach
            return
        self.n_prebleach_ = check_count("n_prebleach", self.n_prebleach)
        told = self.n_prebleach_ if self.protocol is None else self.protocol.n_prebleach
        if self.n_prebleach_ != told:
            raise ValueError(
                f"n_prebleach is {self.n_prebleach_}, and the protocol has {told} frames before "
                "bleaching; give one of the two."
            )

    def _n_prebleach_of(self, view):
        """Return how many frames come before bleaching: in all stacks, or in this one."""
        if self.protocol is None and self.n_prebleach is None:
            own = view.protocol
            check_brings(self.n_prebleach_ is None, own, "the sample")
            return self.n_prebleach_ if own is None else own.n_prebleach
        return self.n_prebleach_

    def _smoothed_prebleach(self, view):
        n_prebleach = self._n_prebleach_of(view)
        if view.shape[0] <= n_prebleach:
            raise ValueError(
                f"n_prebleach is {n_prebleach}, and the stack has {view.shape[0]} frames in all."
            )
        check_filter(self.sigma, view.shape[1:])
        mean = view.read(frames=slice(0, n_prebleach)).mean(axis=0)
        _check_finite(mean)
        smooth = gaussian_filter(mean, self.sigma, mode="nearest") if self.sigma else mean.copy()
        return smooth, mean.mean(dtype=np.float64).astype(mean.dtype)


class BackgroundSubtractor(_PrebleachCorrector):
    """Subtract the uneven background that the prebleach frames show.

    The average of the prebleach frames is smoothed with a Gaussian filter and subtracted from every
    frame, pixel by pixel; then the average prebleach intensity is added back (section 3.4
    of [1]_).

    Parameters
    ----------
    sigma : float, default=5.0
        Standard deviation of the filter in pixels; edges are replicated.
    n_prebleach : int, default=None
        Number of frames before bleaching. None is the protocol's.
    protocol : FRAPProtocol, default=None
        Says how many frames come before bleaching. None is that of each sample, where samples bring
        theirs, else the paper's, with 10.

    Attributes
    ----------
    n_prebleach_ : int or None
        None where each sample has its own.

    See Also
    --------
    IntensityRescaler : From counts to intensities between 0 and 1.
    FadingCorrector : Undoes fading.
    FlatFieldCorrector : For light that is a factor.

    References
    ----------
    .. [1] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021), section 3.4.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.preprocessing import BackgroundSubtractor
    >>> slope = np.linspace(0.4, 0.6, 64) * np.ones((1, 12, 64, 1))
    >>> flat = BackgroundSubtractor(sigma=1.0).fit_transform(slope)
    >>> bool(np.ptp(flat[0][:, :, 8:-8]) < 1e-6)
    True
    """

    def prepare(self, view):
        """Return the background, relative to its mean."""
        smooth, average = self._smoothed_prebleach(view)
        return smooth - average

    def apply(self, block, background, frames, rows, columns):
        """Subtract the background."""
        block -= background[rows, columns]


class FlatFieldCorrector(_PrebleachCorrector):
    """Divide by the uneven illumination that the prebleach frames show.

    For a sample that is evenly filled and unevenly lit: intensity is then the concentration times
    the light, and every frame is divided by the smoothed average prebleach frame and multiplied by
    the average prebleach intensity. The detector's dark level must have been subtracted (``offset``
    of :class:`IntensityRescaler`).

    Parameters
    ----------
    sigma : float, default=5.0
        Standard deviation of the Gaussian filter in pixels; edges are replicated.
    n_prebleach : int, default=None
        Number of frames before bleaching. None is the protocol's.
    protocol : FRAPProtocol, default=None
        Says how many frames come before bleaching. None is that of each sample, where samples bring
        theirs, else the paper's, with 10.

    Attributes
    ----------
    n_prebleach_ : int or None
        None where each sample has its own.

    See Also
    --------
    IntensityRescaler : From counts to intensities between 0 and 1.
    FadingCorrector : Undoes fading.
    BackgroundSubtractor : For light that is added.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.preprocessing import FlatFieldCorrector
    >>> light = np.linspace(0.4, 0.6, 64) * np.ones((1, 12, 64, 1))
    >>> light[:, 6:] *= 0.5
    >>> flat = FlatFieldCorrector(sigma=1.0, n_prebleach=6).fit_transform(light)
    >>> bool(np.allclose(flat[0][6:, :, 8:-8], 0.25))
    True
    """

    def prepare(self, view):
        """Return the light, relative to its mean."""
        smooth, average = self._smoothed_prebleach(view)
        if not (smooth > 0).all():
            raise ValueError(
                "the smoothed prebleach frame has pixels without light, by which a frame cannot be "
                "divided; use a larger sigma, a smaller offset, or BackgroundSubtractor."
            )
        return smooth / average

    def apply(self, block, light, frames, rows, columns):
        """Divide by the light."""
        with np.errstate(over="ignore"):  # infinite pixels are refused where they are used
            block /= light[rows, columns]


class FadingCorrector(StackCorrector):
    """Undo fading of the whole field: by the light source, or by imaging.

    Every frame is divided by the mean intensity of a reference region far from the bleach region,
    relative to the prebleach frames. It assumes that nothing bleached reaches the reference: for
    fast diffusion and a small field it does, and the correction then hides a part of the recovery.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        Gives the bleach region and the prebleach frames. None is that of each sample, where samples
        bring theirs, else the paper's.
    distance : float, default=2.0
        The reference is all of the field farther from the middle of the bleach region than
        this many of its equivalent radii.
    per_frame : bool, default=True
        Divide every frame by its own reference. False fits an exponential decay in time to the
        reference and divides by that: less noise, if the fading is steady.

    Attributes
    ----------
    protocol_ : FRAPProtocol or None
        None where each sample has its own.
    reference_ : ndarray of shape (ny, nx) of bool or None
        The pixels of the reference.

    See Also
    --------
    IntensityRescaler : From counts to intensities between 0 and 1.
    BackgroundSubtractor : For light that is added.
    FlatFieldCorrector : For light that is a factor.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap import Circle, FRAPProtocol
    >>> from skfrap.preprocessing import FadingCorrector
    >>> protocol = FRAPProtocol(shape=(64, 64), pixel_size=1.0, bleach_region=Circle(8.0),
    ...                         n_prebleach=2, n_postbleach=10)
    >>> fading = 0.99 ** np.arange(12.0)[:, np.newaxis, np.newaxis] * np.ones((1, 12, 64, 64))
    >>> corrected = FadingCorrector(protocol).fit_transform(fading)
    >>> bool(np.ptp(corrected[0]) < 1e-9)
    True
    """

    def __init__(
        self,
        protocol: FRAPProtocol | None = None,
        *,
        distance: float = 2.0,
        per_frame: bool = True,
    ):
        self.protocol = protocol
        self.distance = distance
        self.per_frame = per_frame

    def learn(self, stacks):
        """Choose the pixels of the reference."""
        check_number("distance", self.distance, 1, what="number of radii")
        self.protocol_ = shared_protocol(self.protocol, stacks)
        self.reference_ = None if self.protocol_ is None else self._reference(self.protocol_)

    def _reference(self, protocol):
        """Choose the pixels of the reference."""
        rows, columns = np.indices(protocol.shape)
        weights = protocol.roi_weights
        from_middle = np.hypot(rows - np.sum(weights * rows), columns - np.sum(weights * columns))
        radius = protocol.equivalent_radius / protocol.pixel_size
        reference = (from_middle > self.distance * radius) & (protocol.bleach_mask == 0)
        if protocol.compartment is not None:  # what is outside of it does not fade
            reference &= protocol.compartment_mask == 1
        share = reference.mean()
        if share < 0.01:
            raise ValueError(
                f"distance={self.distance} leaves {100 * share:.2g} % of the field as reference; "
                "use a smaller distance, or do without correction for fading."
            )
        return reference

    def prepare(self, view):
        """Return how bright the reference is in each frame, relative to the prebleach frames."""
        protocol, reference = self.protocol_, self.reference_
        if self.protocol is None:
            protocol = protocol_at(None, self.protocol_, view.protocol, "the sample")
        if reference is None:
            reference = self._reference(protocol)
        if view.shape[1:] != reference.shape:
            raise ValueError(
                f"the stack's frames are {view.shape[1:]} pixels and the protocol's "
                f"{reference.shape}."
            )
        if view.shape[0] != protocol.n_frames:
            raise ValueError(
                f"the stack has {view.shape[0]} frames and the protocol {protocol.n_frames}."
            )
        light = np.array(
            [view.read(frames=slice(k, k + 1))[0][reference].mean() for k in range(view.shape[0])],
            dtype=float,
        )
        _check_finite(light)
        if not (light > 0).all():
            raise ValueError("the reference region has no intensity; fading cannot be corrected.")
        if not self.per_frame:
            times = protocol.times
            light = np.exp(np.polyval(np.polyfit(times, np.log(light), 1), times))
        return light / light[: protocol.n_prebleach].mean()

    def apply(self, block, fading, frames, rows, columns):
        """Divide by the fading of each frame."""
        block /= fading[frames, np.newaxis, np.newaxis].astype(block.dtype)


def _check_finite(values):
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        where = ", ".join(map(str, bad[0]))
        raise ValueError(
            f"{len(bad)} values are not finite, the first at index ({where}); "
            "NaN or inf in the image cannot be corrected: mask or crop it away."
        )
