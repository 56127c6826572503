"""How a sample moves from frame to frame."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import distance_transform_edt, map_coordinates

from skfrap._checks import check_choice, check_count, check_number
from skfrap.experiment import FRAPProtocol
from skfrap.preprocessing._registration import Reference, pixel_variance
from skfrap.preprocessing._sources import check_shape
from skfrap.preprocessing._stacks import StackView

__all__ = ["Drift", "compute_drift"]

KINDS = ("translation", "rigid")
_SMOOTHING = 2.0, 1.0  # pixels, of frames and of small ones
_SMALL = 64  # pixels: sides of small frames
_WINDOW = 384  # pixels: the side of what is looked at around the region, at least
_REACH = 8.0  # radii of the region, that are looked at on all sides at least
_MOST = 384  # pixels along a side, after binning
_GROWN = 1.3  # radii: what was bleached, where nothing is looked at
_RIM = 4.0  # smoothings around a compartment: what is farther off moves by itself
_MARGIN = 1 / 16  # of the shorter side: what frames may move in without loss of pixels
_WORSE = 2.0  # times what other frames leave: a frame that was not followed
_FAR = 0.25  # of the shorter side, where a frame is looked for then


@dataclass(frozen=True, eq=False)
class Drift:
    """Hold how a sample moves, frame by frame, from where it was when it was bleached.

    Parameters
    ----------
    shifts : ndarray of shape (n_frames, 2)
        To the right and down, pixels.
    errors : ndarray of shape (n_frames, 2)
        Their standard errors, pixels. Infinite where a frame shows nothing to go by.
    angles : ndarray of shape (n_frames,)
        By which the sample has turned clockwise, as images are shown, in radians; 0 of
        translations.
    middle : tuple of float
        The pixel (column, row) about which it turns, the first at 0.

    See Also
    --------
    compute_drift : Measures it.
    DriftCorrector : Undoes it.
    """

    shifts: np.ndarray
    errors: np.ndarray
    angles: np.ndarray
    middle: tuple[float, float] = (0.0, 0.0)

    @property
    def lengths(self) -> np.ndarray:
        """How far the sample is from where it was bleached, pixels; of shape (n_frames,)."""
        return np.hypot(*self.shifts.T)

    @property
    def largest(self) -> float:
        """The largest of :attr:`lengths`, pixels."""
        return float(self.lengths.max())

    @property
    def standard_error(self) -> float:
        """Root mean square of the errors of single frames in one direction, pixels."""
        return float(np.sqrt(np.mean(self.errors**2)))

    def places(self, frame: int, rows: np.ndarray, columns: np.ndarray) -> Any:
        """Return where pixels of the sample lie in a frame.

        Parameters
        ----------
        frame : int
            Which one.
        rows, columns : ndarray
            Pixels, where the sample was bleached.

        Returns
        -------
        tuple of ndarray
            Rows and columns, no whole numbers.
        """
        dx, dy = self.shifts[frame]
        angle = self.angles[frame]
        x, y = columns - self.middle[0], rows - self.middle[1]
        cos, sin = np.cos(angle), np.sin(angle)
        return self.middle[1] + dy + sin * x + cos * y, self.middle[0] + dx + cos * x - sin * y

    def moved_mask(self, mask: ArrayLike, frame: int) -> np.ndarray:
        """Move a region to where the sample is in a frame.

        Parameters
        ----------
        mask : array-like of shape (ny, nx)
            Share of each pixel.
        frame : int
            Which one.

        Returns
        -------
        ndarray of shape (ny, nx)
        """
        mask = np.asarray(mask, float)
        rows, columns = np.indices(mask.shape, dtype=float)
        dx, dy = self.shifts[frame]
        angle = -self.angles[frame]
        x, y = columns - self.middle[0] - dx, rows - self.middle[1] - dy
        cos, sin = np.cos(angle), np.sin(angle)
        back = self.middle[1] + sin * x + cos * y, self.middle[0] + cos * x - sin * y
        return np.clip(map_coordinates(mask, back, order=1), 0.0, 1.0)

    def means_within(self, stack: ArrayLike, mask: ArrayLike) -> np.ndarray:
        """Average frames over a region that moves with the sample: no frame is interpolated.

        Parameters
        ----------
        stack : array-like of shape (n_frames, ny, nx)
            Intensities.
        mask : array-like of shape (ny, nx)
            Share of each pixel, where the sample was bleached.

        Returns
        -------
        ndarray of shape (n_frames,)

        Raises
        ------
        ValueError
            If the stack has another number of frames, or the region leaves the field.
        """
        frames, mask = np.asarray(stack), np.asarray(mask, float)
        if len(frames) != len(self.shifts):
            raise ValueError(
                f"the stack has {len(frames)} frames, and the drift is of {len(self.shifts)}."
            )
        self.check_stays(mask)
        means = []
        for k, frame in enumerate(frames):
            weights = self.moved_mask(mask, k)
            means.append(np.sum(weights * frame) / weights.sum())
        return np.array(means)

    def check_stays(self, mask: np.ndarray) -> None:
        """See that a region stays in the field when it moves with the sample.

        Parameters
        ----------
        mask : ndarray of shape (ny, nx)
            Share of each pixel, where the sample was bleached.

        Raises
        ------
        ValueError
            If it does not; it says in which frame.
        """
        rows, columns = (ends[[0, -1]] for ends in map(np.unique, np.nonzero(mask > 0)))
        ny, nx = mask.shape
        corners = np.meshgrid(rows, columns, indexing="ij")
        for k in range(len(self.shifts)):
            down, right = self.places(k, *corners)
            if down.min() < -0.5 or right.min() < -0.5 or down.max() > ny or right.max() > nx:
                raise ValueError(
                    f"the region leaves the field of view with the sample in frame {k} (from 0), "
                    f"by a drift of {self.lengths[k]:.3g} pixels; leave out the late frames "
                    "(until), or record a larger field."
                )


def compute_drift(
    stack: Any,
    protocol: FRAPProtocol | None = None,
    *,
    n_prebleach: int | None = None,
    exclude: ArrayLike | None = None,
    kind: str = "translation",
    smoothing: float | None = None,
    reach: float | None = None,
    frames: ArrayLike | None = None,
) -> Drift:
    """Measure how a sample moves, by what its frames show beside what was bleached.

    Each frame is held against the mean of those before bleaching, which are aligned first: by the
    method of Gauss and Newton, with free motion, gain and offset, so that fading does not matter.
    What was bleached is masked, and light that is missing about it is free, so that recovery is
    not taken for motion. In a compartment nothing beyond its rim is looked at. Frames are smoothed
    for that, and not for anything else.

    Parameters
    ----------
    stack : array-like of shape (n_frames, ny, nx) or StackView
        Intensities.
    protocol : FRAPProtocol, default=None
        Says how many frames come before bleaching, and what was bleached.
    n_prebleach : int, default=None
        Without a protocol: frames before bleaching. None is all of them.
    exclude : array-like of shape (ny, nx) of bool, default=None
        Pixels not to be looked at, besides what was bleached.
    kind : {"translation", "rigid"}, default="translation"
        Whether the sample may turn as well.
    smoothing : float, default=None
        Standard deviation of the Gaussian filter in pixels. None is 2, and 1 in small fields.
    reach : float, default=None
        How far from the bleach region is looked, in radii of it, at least. None is 8, and 192
        pixels.
    frames : array-like of int, default=None
        Which frames to look at, among them one after bleaching. None is all. What the others do
        is then taken to lie between.

    Returns
    -------
    Drift
        From where the sample was when it was bleached: between the last frame before and the first
        after.

    Raises
    ------
    ValueError
        If pixels are not finite, or too few are left to look at.

    See Also
    --------
    DriftCorrector : Undoes it, in pipelines.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter, shift
    >>> from skfrap.preprocessing import compute_drift
    >>> sample = 1 + gaussian_filter(np.random.default_rng(0).normal(size=(96, 96)), 3)
    >>> stack = np.stack([shift(sample, (0.0, 0.4 * k), mode="nearest") for k in range(5)])
    >>> compute_drift(stack, n_prebleach=1).shifts[:, 0].round(2).tolist()
    [-0.2, 0.2, 0.6, 1.0, 1.4]
    """
    view = stack if hasattr(stack, "read") else StackView(np.asarray(stack))
    if len(view.shape) != 3:
        raise ValueError(f"stack must have the shape (n_frames, ny, nx), got {view.shape}.")
    check_choice("kind", kind, KINDS)
    n, mask = _bleaching(view, protocol, n_prebleach)
    window, side = _window(view.shape[1:], mask, protocol, reach)
    small = min(view.shape[1:]) < _SMALL
    smoothing = _SMOOTHING[small] if smoothing is None else smoothing
    check_number("smoothing", smoothing, 0.3, what="number of pixels")
    looked_at = _looked_at(frames, view.shape[0], n)

    def read(k):
        frame = _binned(view.read(slice(k, k + 1), *window)[0], side)
        if not np.isfinite(frame).all():
            raise ValueError(
                f"frame {k} has pixels that are not finite; motion cannot be measured."
            )
        return frame

    left_out = _left_out(view.shape[1:], protocol, exclude, smoothing * side)
    wanted, spot = _wanted(mask, left_out, window, side)
    make = {"wanted": wanted, "spot": spot, "smoothing": smoothing, "turns": kind == "rigid"}
    before = [k for k in looked_at if k < n] if mask is not None else looked_at[:n]
    reference = _reference([read(k) for k in before], make)
    motions, errors = _followed(reference, read, looked_at)
    return _put_together(motions, errors, looked_at, view.shape[0], n, reference, window, side)


def _bleaching(view, protocol, n_prebleach):
    """Return how many frames come before bleaching, and what was bleached."""
    if protocol is None:
        n = view.shape[0] if n_prebleach is None else check_count("n_prebleach", n_prebleach)
        if n > view.shape[0]:
            raise ValueError(f"n_prebleach is {n}, and the stack has {view.shape[0]} frames.")
        return n, None
    check_shape(view.shape, protocol, "the stack")
    return protocol.n_prebleach, protocol.bleach_mask


def _looked_at(frames, n_frames, n_prebleach):
    if frames is None:
        return np.arange(n_frames)
    frames = np.unique(np.asarray(frames, int))
    if not len(frames) or frames[0] < 0 or frames[-1] >= n_frames:
        raise ValueError(f"frames must be some of 0 to {n_frames - 1}.")
    last = min(n_prebleach, n_frames) - 1
    return np.unique([last, min(last + 1, n_frames - 1), *frames])


def _window(shape, mask, protocol, reach):
    """Choose what is looked at around a region, and the pixels along a side that become one."""
    if mask is None:
        rows, columns = slice(0, shape[0]), slice(0, shape[1])
    else:
        radius = protocol.equivalent_radius / protocol.pixel_size
        half = int(max(_WINDOW / 2, _REACH * radius))
        if reach is not None:
            half = int(check_number("reach", reach, 1, "number of radii") * radius)
        middle = [np.average(place, weights=mask) for place in np.indices(shape)]
        rows, columns = (
            slice(max(0, int(at) - half), min(length, int(at) + half))
            for at, length in zip(middle, shape, strict=True)
        )
    longest = max(rows.stop - rows.start, columns.stop - columns.start)
    return (rows, columns), -(-longest // _MOST)


def _binned(image, side):
    if side == 1:
        return image
    ny, nx = (length // side for length in image.shape)
    return image[: ny * side, : nx * side].reshape(ny, side, nx, side).mean(axis=(1, 3))


def _left_out(shape, protocol, exclude, smoothing):
    """Return the pixels that are not looked at, besides what was bleached."""
    left_out = np.zeros(shape, bool)
    if exclude is not None:
        if np.shape(exclude) != tuple(shape):
            raise ValueError(
                f"exclude must have the shape {tuple(shape)}, got {np.shape(exclude)}."
            )
        left_out |= np.asarray(exclude, bool)
    if protocol is not None and protocol.compartment is not None:
        away = distance_transform_edt(protocol.compartment_mask < 0.5)
        left_out |= away > _RIM * smoothing
    return left_out


def _wanted(mask, left_out, window, side):
    """Return the pixels that are looked at, and the spot: its row, column and radius."""
    wanted, shape = ~left_out, left_out.shape
    spot = None
    if mask is not None:
        radius = np.sqrt(mask.sum() / np.pi)
        away = distance_transform_edt(mask < 0.5 * mask.max())
        wanted &= away > (_GROWN - 1) * radius + 1
        middle = [np.average(place, weights=mask) for place in np.indices(shape)]
        places = [
            (at - some.start + 0.5) / side - 0.5 for at, some in zip(middle, window, strict=True)
        ]
        spot = *places, radius / side
    wanted = _binned(wanted[window].astype(float), side) == 1
    margin = max(1, int(_MARGIN * min(wanted.shape)))
    wanted[:margin] = wanted[-margin:] = wanted[:, :margin] = wanted[:, -margin:] = False
    return wanted, spot


def _reference(images, make):
    """Make the reference of the frames before bleaching, which move as well."""
    noise = float(np.mean([pixel_variance(image) for image in images]))
    first = Reference(images[-1], noise=noise, **make)
    if len(images) == 1:
        return first
    motion, aligned = np.zeros(3), []
    places = np.indices(first.shape, dtype=float)
    y, x = (place - at for place, at in zip(places, first.middle, strict=True))
    for image in reversed(images):
        motion, errors, _ = first.register(image, motion)
        if not np.isfinite(errors).all():
            motion = np.zeros(3)
        dx, dy, angle = motion
        cos, sin = np.cos(angle), np.sin(angle)
        rows = first.middle[0] + dy + sin * x + cos * y
        columns = first.middle[1] + dx + cos * x - sin * y
        # Splines of low order blur as they move: gradients would be those of other details.
        aligned.append(map_coordinates(image, [rows, columns], order=3, mode="nearest"))
    return Reference(np.mean(aligned, axis=0), noise=noise / len(images), **make)


def _followed(reference, read, frames):
    """Register frames one after another, each from where the last one was."""
    motions, errors, left = (np.zeros((len(frames), n)) for n in (3, 3, 1))
    motion, reach = np.zeros(3), _FAR * min(reference.shape)
    if not np.isfinite(reference.unit_errors).all():
        return motions, np.full_like(errors, np.inf)
    for k, frame in enumerate(frames):
        image = read(frame)
        found = reference.register(image, motion)
        if k and found[2] > _WORSE * np.median(left[:k]):
            again = reference.register(image, reference.look_far(image, reach))
            found = min(found, again, key=lambda one: one[2])
        motions[k], errors[k], left[k] = found
        motion = motions[k] if np.isfinite(errors[k]).all() else motion
    return motions, errors


def _put_together(motions, errors, looked_at, n_frames, n, reference, window, side):
    """Count motion from where the sample was bleached, in pixels as they were recorded."""
    every = np.arange(n_frames)
    bounded = np.where(np.isfinite(errors), errors, 1e9)
    motions, errors = (
        np.stack([np.interp(every, looked_at, column) for column in part.T], axis=1)
        for part in (motions, bounded)
    )
    last = min(n, n_frames) - 1
    around = [last, last + 1] if n < n_frames else [0]
    motions = motions - motions[around].mean(axis=0)
    row, column = reference.middle
    middle = tuple(
        float((at + 0.5) * side - 0.5 + some.start)
        for at, some in ((column, window[1]), (row, window[0]))
    )
    errors = np.where(errors[:, :2] >= 1e9, np.inf, errors[:, :2] * side)
    return Drift(motions[:, :2] * side, errors, motions[:, 2].copy(), middle)
