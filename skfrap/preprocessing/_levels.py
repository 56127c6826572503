"""Where there is no light, and where nothing was bleached, if nobody says it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import distance_transform_edt, gaussian_filter

from skfrap._checks import Argument, ArgumentError, check_number
from skfrap.experiment import FRAPProtocol, Mask
from skfrap.preprocessing._registration import pixel_variance

__all__ = ["FoundDarkLevel", "FoundReference", "find_dark_level", "find_reference_region"]

_BLACK = 0.1  # of the light of other frames: a frame with the shutter closed
_DARK = 0.35  # of the bright places, above the darkest: what has more is no background
_FEWEST, _LEAST = 30, 0.01  # pixels, and of the field, that are dark
_FLAT = 0.05  # of the bright places: so even is a background
_STEADY = 0.05  # of the bright places: by more a background does not change over a series
_SMOOTH = 2.0  # pixels
_AWAY = 3.0  # radii from the middle of the bleach region, where a reference begins
_RIM = 2.0  # pixels within a compartment
_SHARE = 0.01  # of the field, that a reference has at least
_LIT = 0.5  # of the light in the bleach region, that a reference has at least
_SPREAD_AWAY = 0.1  # of the light, that a reference may lose at bleaching
_CLEAR = 4.0  # standard errors


@dataclass(frozen=True)
class FoundDarkLevel:
    """Hold the detector's level without light.

    Attributes
    ----------
    level : float
        Counts, or whatever the intensities are.
    error : float
        By how much places and times differ.
    reason : str
        What was seen, for people.
    """

    level: float
    error: float
    reason: str


@dataclass(frozen=True)
class FoundReference:
    """Hold a region that was not bleached.

    Attributes
    ----------
    region : Mask
        Share of each pixel.
    distance : float
        From the middle of the bleach region, in its radii, at least.
    reason : str
        What was seen, for people.
    """

    region: Mask
    distance: float
    reason: str


def find_dark_level(frames: Any) -> FoundDarkLevel:
    """Find the level without light: in frames with the shutter closed, or beside the sample.

    Beside the sample is what is much darker than it, even, and stays so: there may be some light
    of medium and optics, which is subtracted then as well. Where the sample fills the field
    nothing tells the level.

    Parameters
    ----------
    frames : array-like of shape (n_frames, ny, nx)
        Intensities.

    Returns
    -------
    FoundDarkLevel

    Raises
    ------
    ValueError
        If nothing dark is seen, or what is dark is uneven or changes.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap import Ellipse
    >>> from skfrap.preprocessing import find_dark_level
    >>> cell = Ellipse((20.0, 14.0)).area_fractions((64, 64), 1.0)
    >>> noise = np.random.default_rng(0).normal(size=(8, 64, 64))
    >>> round(find_dark_level(100 + 400 * cell + noise).level)
    100
    """
    frames = np.asarray(frames)
    if frames.ndim != 3:
        raise ValueError(f"frames must have the shape (n_frames, ny, nx), got {frames.shape}.")
    n, levels = len(frames), np.array([np.mean(frame, dtype=float) for frame in frames])
    if not np.isfinite(levels).all():
        raise _no_level("frames have pixels that are not finite")
    usual, bottom = np.median(levels), float(np.min(levels))
    spread = np.array([np.percentile(frame, 99.5) for frame in frames])
    black = (
        (spread < bottom + _BLACK * (np.median(spread) - bottom)) if n > 2 else np.zeros(n, bool)
    )
    if black.any() and black.sum() <= n // 4 and bottom < 0.5 * usual:
        level = float(levels[black].mean())
        which = ", ".join(map(str, np.flatnonzero(black)[:3]))
        words = f"{level:.4g}, the mean of frame {which} (from 0), in which the shutter is closed"
        return FoundDarkLevel(level, float(np.ptp(levels[black])), words)
    some = np.unique(np.linspace(0, n - 1, min(n, 10)).round().astype(int))
    mean = np.mean([frames[k] for k in some], axis=0, dtype=float)
    smooth = gaussian_filter(mean, _SMOOTH, mode="nearest")
    floor, bright = np.percentile(smooth, [0.5, 95])
    dark = smooth < floor + _DARK * (bright - floor)
    dark = distance_transform_edt(dark) > 2 * _SMOOTH  # not the blurred rim of what is bright
    noise = np.sqrt(pixel_variance(mean)) / (2 * np.sqrt(np.pi) * _SMOOTH)
    if bright - floor < 12 * noise or dark.sum() < max(_FEWEST, _LEAST * dark.size):
        raise _no_level("no place is clearly darker than the sample")
    level = float(np.median(mean[dark]))
    uneven = np.subtract(*np.percentile(smooth[dark], [90, 10]))
    if uneven > _FLAT * (bright - floor) + 3 * noise:
        raise _no_level("what is dark beside the sample is uneven")
    over_time = np.array([np.mean(frames[k][dark], dtype=float) for k in some])
    if np.ptp(over_time) > _STEADY * (bright - floor):
        raise _no_level("what is dark beside the sample changes in time")
    words = (
        f"{level:.4g}, the median of {100 * dark.mean():.0f} % of the field, dark beside the sample"
    )
    return FoundDarkLevel(level, float(max(uneven, np.ptp(over_time))), words)


def find_reference_region(
    before: ArrayLike, after: ArrayLike, protocol: FRAPProtocol, *, distance: float = _AWAY
) -> FoundReference:
    """Find a region that was not bleached, to see fading in: lit, in the cell, far from the patch.

    Parameters
    ----------
    before, after : array-like of shape (ny, nx)
        Mean of the frames before bleaching, and the first frame after it, above the dark level.
    protocol : FRAPProtocol
        Gives pixels, the bleach region, and the compartment if there is one.
    distance : float, default=3.0
        From the middle of the bleach region, in radii of it.

    Returns
    -------
    FoundReference

    Raises
    ------
    ValueError
        If there is no room for one, or what there is was bleached as well.

    See Also
    --------
    FadingCorrector : Divides by the light of a reference.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap import Circle, FRAPProtocol
    >>> from skfrap.preprocessing import find_reference_region
    >>> protocol = FRAPProtocol(shape=(64, 64), pixel_size=1.0, bleach_region=Circle(6.0))
    >>> before = np.full((64, 64), 0.7)
    >>> found = find_reference_region(before, before - 0.3 * protocol.bleach_mask, protocol)
    >>> bool(found.region.array.sum() > 2000)
    True
    """
    check_number("distance", distance, 1.5, "number of radii")
    before, after = (np.asarray(image, dtype=float) for image in (before, after))
    if before.shape != protocol.shape or after.shape != protocol.shape:
        raise ValueError(
            f"before and after must have the protocol's shape {protocol.shape}, got "
            f"{before.shape} and {after.shape}."
        )
    mask = protocol.bleach_mask
    inside = mask >= 0.5 * mask.max()
    rows, columns = np.indices(mask.shape)
    radius = protocol.equivalent_radius / protocol.pixel_size
    away = np.hypot(
        rows - np.average(rows, weights=mask), columns - np.average(columns, weights=mask)
    )
    smooth = gaussian_filter(before, _SMOOTH, mode="nearest")
    far = (away > distance * radius) & (smooth > _LIT * np.median(smooth[inside]))
    if protocol.compartment is not None:
        far &= distance_transform_edt(protocol.compartment_mask > 0.99) > _RIM
    share = float(far.mean())
    if share < _SHARE or far.sum() < inside.sum() / 2:
        raise ArgumentError(
            f"no region {distance:g} radii from the middle of the bleach region has light, and "
            f"{100 * _SHARE:g} % of the field at least, as a reference; name one (",
            Argument("rows"),
            ").",
        )
    change = 1 - after[far].mean() / before[far].mean()
    error = (
        np.sqrt((pixel_variance(before) + pixel_variance(after)) / far.sum()) / before[far].mean()
    )
    if change > _SPREAD_AWAY and change > _CLEAR * error:
        raise ArgumentError(
            f"what is {distance:g} radii from the middle of the bleach region lost "
            f"{100 * change:.0f} % of its light at bleaching, so that it is no reference; name "
            "one (",
            Argument("rows"),
            ").",
        )
    words = (
        f"{100 * share:.0f} % of the field, lit and at least {distance:g} radii from the middle of "
        f"the bleach region; it lost {100 * change:.1f} % at bleaching"
    )
    return FoundReference(Mask(far.astype(float)), float(distance), words)


def _no_level(why):
    return ArgumentError(
        f"{why}, so that the level without light is not seen: give it (",
        Argument("dark_level"),
        ", counts), as of a frame with the shutter closed.",
    )
