"""Where bleaching is seen, in the first frame after it, where nobody says it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import find_objects, gaussian_filter, label
from scipy.optimize import least_squares
from scipy.special import chndtr

from skfrap._checks import Argument, ArgumentError, check_positive
from skfrap.experiment import Circle
from skfrap.preprocessing._registration import pixel_variance

__all__ = ["FoundBleachRegion", "find_bleach_region", "find_bleach_regions"]

_LIT = 0.3  # of the usual light: where there is less nothing is seen to be lost
_WIDTHS = 1.0, 6.0  # pixels, of the smoothing in search of patches
_HIDDEN = 0.15  # of the loss, that noise may be where it is smoothed
_CLEAR = 6.0  # standard deviations of the smoothed loss
_SHALLOWEST = 0.01  # of the light, that a patch has lost
_HALF = 0.5  # of the deepest loss, in which a patch begins
_SECOND = 0.35  # of the deepest patch's loss: shallower ones are none
_SMALLEST = 0.1  # of the largest patch's area
_REACH = 2.2  # radii about a patch, that are fitted
_ROOM = 4.0  # pixels, besides
_PIXEL = 1 / 12  # variance of a pixel's own width
_BLOCK = 4  # pixels, whose noise may go together
_SURE = 0.02, 0.2  # standard errors of a radius over the radius, and of a centre in pixels
_SOFTEST = 0.75  # of the radius, that the edge may be blurred by
_ROUND, _SEEN = 0.06, 4.0  # of the radius, and standard errors: what is farther off is no circle
_WAVES = 2, 3, 4  # times around the edge
_CUT = 0.85  # of the circle, that must lie in the field and where there is light


@dataclass(frozen=True)
class FoundBleachRegion:
    """Hold where bleaching is seen, and how surely.

    Attributes
    ----------
    region : Circle
        As it was bleached: what has spread since does not count.
    center_error : float
        Standard error of the centre in one direction, µm.
    radius_error : float
        Of the radius, µm.
    blur : float
        Standard deviation by which the edge is soft, µm: by the beam, and by what has spread.
    depth : float
        Share of the light that is lost inside.
    reason : str
        What was seen, for people.
    """

    region: Circle
    center_error: float
    radius_error: float
    blur: float
    depth: float
    reason: str


def find_bleach_region(before: ArrayLike, after: ArrayLike, pixel_size: float) -> FoundBleachRegion:
    """Find the circle that was bleached, in the first frame after bleaching.

    Light that is lost is fitted by a disk with a blurred edge: what has spread since bleaching
    blurs the edge, and leaves the radius.

    Parameters
    ----------
    before, after : array-like of shape (ny, nx)
        Mean of the frames before bleaching, and the first frame after it, above the dark level.
    pixel_size : float
        In µm.

    Returns
    -------
    FoundBleachRegion

    Raises
    ------
    ValueError
        If it is not clear: no dark patch or several, one that is no circle, at the rim of the
        field or of the sample, too noisy, or spread out already. It says which.

    See Also
    --------
    find_bleach_regions : Of several spots.
    find_bleach_frames : When it was.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap import Circle
    >>> from skfrap.preprocessing import find_bleach_region
    >>> bleached = Circle(3.0, (14.0, 17.0)).area_fractions((64, 64), 0.5)
    >>> found = find_bleach_region(np.full((64, 64), 0.8), 0.8 - 0.4 * bleached, 0.5)
    >>> round(found.region.radius, 2), [round(x, 2) for x in found.region.center]
    (3.0, [14.0, 17.0])
    """
    found, problems = _each(before, after, pixel_size)
    if len(found) + len(problems) > 1:
        raise _unclear(f"{len(found) + len(problems)} patches are darker after bleaching")
    if problems:
        raise _unclear(problems[0])
    return found[0]


def find_bleach_regions(
    before: ArrayLike, after: ArrayLike, pixel_size: float
) -> list[FoundBleachRegion]:
    """Find all circles that were bleached, in the first frame after bleaching.

    Parameters
    ----------
    before, after : array-like of shape (ny, nx)
        Mean of the frames before bleaching, and the first frame after it, above the dark level.
    pixel_size : float
        In µm.

    Returns
    -------
    list of FoundBleachRegion
        Row by row, from the top.

    Raises
    ------
    ValueError
        If one of them is not clear, as in :func:`find_bleach_region`.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap import Circle
    >>> from skfrap.preprocessing import find_bleach_regions
    >>> spots = [Circle(4.0, center) for center in ((16.0, 16.0), (44.0, 20.0))]
    >>> bleached = sum(spot.area_fractions((64, 64), 1.0) for spot in spots)
    >>> found = find_bleach_regions(np.ones((64, 64)), 1 - 0.5 * bleached, 1.0)
    >>> [round(one.region.center[0]) for one in found]
    [16, 44]
    """
    found, problems = _each(before, after, pixel_size)
    if problems:
        raise _unclear(problems[0])
    return found


def _each(before, after, pixel_size):
    """Fit every patch; return those that are clear, and what is the matter with the others."""
    check_positive("pixel_size", pixel_size, "number of µm")
    before, after = (np.asarray(image, dtype=float) for image in (before, after))
    if before.ndim != 2 or before.shape != after.shape:
        raise ValueError(
            "before and after must be images of one shape (ny, nx), got "
            f"{before.shape} and {after.shape}."
        )
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        raise ValueError("the frames around bleaching have pixels that are not finite.")
    patches, lit = _patches(before, after)
    found, problems = [], []
    for patch in patches:
        one = _fitted(before, after, patch, lit, [p for p in patches if p is not patch])
        if isinstance(one, str):
            problems.append(one)
        else:
            found.append(_found(*one, pixel_size))
    return found, problems


def _patches(before, after):
    """Return the patches that have lost light, as masks, and where there is light."""
    noise = np.sqrt(pixel_variance(before) + pixel_variance(after))
    bright = np.percentile(gaussian_filter(before, 2.0), 90)
    if not bright > 0:
        raise _unclear("the frames before bleaching have no light")
    width = _WIDTHS[0]
    for _ in range(3):  # as far as noise asks for
        smooth = [gaussian_filter(image, width, mode="nearest") for image in (before, after)]
        lit = smooth[0] > _LIT * bright
        lost = np.where(lit, 1 - smooth[1] / np.where(lit, smooth[0], 1.0), 0.0)
        lost -= np.median(lost[lit])
        deepest = lost[lit].max()
        if not deepest > _SHALLOWEST:
            raise _unclear("no patch is clearly darker in the first frame after bleaching")
        level = np.median(smooth[0][lit])
        left = noise / (2 * np.sqrt(np.pi) * width) / level
        if left < _HIDDEN * deepest or width >= _WIDTHS[1]:
            break
        width = min(width * max(left / (_HIDDEN * deepest), 1.3), _WIDTHS[1])
    if deepest < _CLEAR * left:
        raise _unclear("no patch is clearly darker in the first frame after bleaching")
    pieces, n_pieces = label(lost > _HALF * deepest)
    sizes = np.bincount(pieces.ravel(), minlength=n_pieces + 1)
    peaks = np.zeros(n_pieces + 1)
    np.maximum.at(peaks, pieces.ravel(), lost.ravel())
    if _SECOND < _HALF:  # shallower patches by themselves
        low, n_low = label(lost > _SECOND * deepest)
        own = np.unique(low[pieces > 0])
        rest = np.where(np.isin(low, own), 0, low)
        extra = [k for k in range(1, n_low + 1) if (rest == k).any()]
    least = max(_SMALLEST * sizes[1:].max(), 9, 2 * np.pi * (0.5 * width) ** 2)
    masks = [pieces == k for k in range(1, n_pieces + 1) if sizes[k] >= least]
    clear = _CLEAR * left
    masks += [
        rest == k
        for k in extra
        if np.sum(rest == k) >= least and lost[rest == k].max() > clear + _SECOND * deepest
    ]
    if not masks:
        raise _unclear("what is darker in the first frame after bleaching is no patch, but specks")
    return masks, lit


def _disk(distance, radius, variance):
    """Return a disk of depth 1, blurred by a Gaussian, at some distances from its middle."""
    far = np.linspace(0.0, max(float(distance.max()), radius) + 1.0, 400)
    table = chndtr(radius**2 / variance, 2, np.minimum(far**2 / variance, 1e4))
    sharp = variance < 1e-4 * radius**2
    table = np.where(np.isfinite(table) & (not sharp), table, (far < radius).astype(float))
    table[far > radius + 8 * np.sqrt(variance)] = 0.0
    return np.interp(distance, far, table)


def _fitted(before, after, patch, lit, others):
    """Fit a disk to what a patch has lost.

    Returns
    -------
    values, errors : ndarray of shape (4,)
        Row, column, radius and variance of the edge, pixels; of the first three standard errors.
    depth : float

    Or a str: why there is no clear circle.
    """
    (where,) = find_objects(patch.astype(int))
    radius = np.sqrt(patch.sum() / np.pi)
    reach = int(_REACH * radius + _ROOM)
    window = tuple(
        slice(max(0, part.start - reach + int(radius)), part.stop + reach - int(radius))
        for part in where
    )
    weights = lit[window].copy()
    for other in others:
        near = gaussian_filter(other[window].astype(float), max(1.0, 0.3 * radius))
        weights &= near < 0.02
    rows, columns = np.nonzero(weights)
    if len(rows) < 40:
        return "the patch has too little light around it"
    light, seen = before[window][weights], after[window][weights]
    middle = [np.mean(place) for place in np.nonzero(patch[window])]

    def columns_at(values):
        row, column, r, variance = values
        distance = np.hypot(rows - row, columns - column)
        return np.stack([light, light * _disk(distance, r, variance + _PIXEL)], axis=1)

    def residuals(x):
        design = columns_at([x[0], x[1], np.exp(x[2]), np.exp(x[3])])
        return design @ np.linalg.lstsq(design, seen)[0] - seen

    bounds = (
        [-np.inf, -np.inf, np.log(max(0.3 * radius, 0.5)), np.log(1e-3)],
        [np.inf, np.inf, np.log(3 * radius + 1), np.log((3 * radius + 2) ** 2)],
    )
    best = None
    for soft in (0.1, 0.5):
        start = [*middle, np.log(radius), np.log((soft * radius) ** 2 + 0.05)]
        fit = least_squares(residuals, start, bounds=bounds, x_scale=[1.0, 1.0, 0.1, 1.0])
        best = fit if best is None or fit.cost < best.cost else best
    values = np.array([best.x[0], best.x[1], np.exp(best.x[2]), np.exp(best.x[3])])
    return _judged(before, after, window, weights, values, best, columns_at, seen)


def _judged(before, after, window, weights, values, fit, columns_at, seen):
    """Say how surely a disk is known, or why it is none."""
    design = columns_at(values)
    (gain, slope) = np.linalg.lstsq(design, seen)[0]
    depth = -slope / gain if gain > 0 else 0.0
    rest = np.zeros(weights.shape)
    rest[weights] = seen - design @ [gain, slope]
    variance = np.mean(rest[weights] ** 2) * _together(rest, weights)
    jacobian = np.column_stack([fit.jac, design])
    scale = np.sqrt(np.sum(jacobian**2, axis=0))
    scale[scale == 0] = 1.0
    inverse = np.linalg.pinv((jacobian / scale).T @ (jacobian / scale), rcond=1e-12, hermitian=True)
    errors = np.sqrt(variance * np.diag(inverse)) / scale
    row, column, radius, blur = values
    errors = np.array([errors[0], errors[1], errors[2] * radius])
    if not depth > 0.02:
        return "the patch is hardly darker than what is around it"
    if np.sqrt(blur) > _SOFTEST * radius:
        return (
            "the edge of the patch is too soft to tell its radius: what was bleached has spread, "
            "or the beam is wide"
        )
    off = _no_circle(rest, weights, values, slope, before[window], variance)
    if off:
        return off
    if errors[2] > _SURE[0] * radius or errors[:2].max() > _SURE[1]:
        return (
            f"the patch is too noisy: its radius of {radius:.3g} pixels is known to "
            f"{errors[2]:.2g} only, and its middle to {errors[:2].max():.2g}"
        )
    shape, top, left = before.shape, window[0].start, window[1].start
    inside = Circle(radius, (column + left + 0.5, row + top + 0.5))
    try:
        share = inside.area_fractions(shape, 1.0)
    except ValueError:
        return "the patch reaches beyond the field of view"
    whole = np.zeros(shape, bool)
    whole[window] = weights
    if np.sum(share * whole) < _CUT * share.sum():
        return "the patch reaches beyond the sample"
    return np.array([row + top, column + left, radius, blur]), errors, depth


def _together(rest, weights):
    """Return how many times the variance of blocks of pixels is that of independent ones."""
    ny, nx = (n // _BLOCK * _BLOCK for n in rest.shape)
    parts = [
        one[:ny, :nx].reshape(ny // _BLOCK, _BLOCK, nx // _BLOCK, _BLOCK).sum(axis=(1, 3))
        for one in (rest, weights.astype(float))
    ]
    whole = parts[1] == _BLOCK**2
    if whole.sum() < 8:
        return 1.0
    alone = np.mean(rest[weights] ** 2) * _BLOCK**2
    return max(1.0, float(np.mean(parts[0][whole] ** 2) / max(alone, np.finfo(float).tiny)))


def _no_circle(rest, weights, values, slope, light, variance):
    """Say that the outline is no circle, where it clearly goes in and out around the edge."""
    row, column, radius, blur = values
    rows, columns = np.nonzero(weights)
    y, x = rows - row, columns - column
    distance, angle = np.hypot(y, x), np.arctan2(y, x)
    step = 0.05 * radius
    edge = _disk(distance, radius + step, blur + _PIXEL) - _disk(distance, radius, blur + _PIXEL)
    edge *= slope * light[weights] / step
    waves = [wave(k * angle) for k in _WAVES for wave in (np.cos, np.sin)]
    design = edge[:, np.newaxis] * np.stack(waves, axis=1)
    inverse = np.linalg.pinv(design.T @ design, rcond=1e-12, hermitian=True)
    out = inverse @ (design.T @ rest[weights]) / radius
    errors = np.sqrt(variance * np.diag(inverse)) / radius
    for k, wave in enumerate(_WAVES):
        pair = slice(2 * k, 2 * k + 2)
        far = np.hypot(*out[pair])
        if far > _ROUND and far > _SEEN * np.hypot(*errors[pair]) / np.sqrt(2):
            what = {2: "an oval", 3: "a triangle", 4: "a square"}[wave]
            return f"the patch is no circle, its outline goes in and out as that of {what}"
    return ""


def _found(values, errors, depth, pixel_size):
    row, column, radius, variance = values
    center = (float(column + 0.5) * pixel_size, float(row + 0.5) * pixel_size)
    region = Circle(float(radius) * pixel_size, center)
    error, of_radius = float(errors[:2].max()) * pixel_size, float(errors[2]) * pixel_size
    blur = float(np.sqrt(variance)) * pixel_size
    words = (
        f"seen in the first frame after bleaching: a circle of {region.radius:.3g} µm "
        f"(± {of_radius:.1g}) about ({center[0]:.4g}, {center[1]:.4g}) µm (± {error:.1g}), which "
        f"has lost {100 * depth:.0f} % of its light"
    )
    return FoundBleachRegion(region, error, of_radius, blur, float(depth), words)


def _unclear(why):
    return ArgumentError(
        f"{why}, so that it is not clear what was bleached: give the bleach region (",
        Argument("bleach_region"),
        ", e.g. circle:15@50,50 in µm, or an image of it).",
    )
