"""What the frames before and after bleaching show that a curve cannot: edges, patches, light."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import center_of_mass, distance_transform_edt, gaussian_filter, label

from skfrap.results import Finding

_NEAR = 3.0  # radii of the region: an edge so close is felt
_LARGEST_SHARE = 0.03  # of the sample, that the region may be
_DARK = 0.6  # of the light in the region: what has more is no outside
_SMALLEST_DARK = 0.01  # of the field: a hole that is smaller is no end of the sample
_LEVEL = 0.6  # of what is dark, that is about as dark as it gets
_FLAT, _EVENLY = 0.15, 0.25  # of the light: so near are what is dark, and the sample, to one level
_FLAT_SHARES = 0.45, 0.85  # of what is dark, where the sample is even and where it is not
_SOFTEST = 1.5  # radii, over which the light of a sample's edge falls from 3/4 to 1/4
_SMOOTH = 0.1  # radii
_CLEAR = 12.0  # standard deviations of the smoothed loss, from which a patch has a shape
_NEEDED_LIGHT = 0.3  # of that in the region; where there is less nothing is seen to be lost
_ELSEWHERE = 0.25  # radii
_SHARED = 0.2  # of the region's area, that a patch covers which is taken for the region's
_SECOND = 0.2  # of the region's area
_EVEN = 0.1  # of the mean light, between the 5th and the 95th percentile
_SHIFT = 0.05  # of the light in the region: by less a subtraction hardly moves the curve
_HARMFUL = 0.1
_TOLD = 3.0, 2.0  # standard errors: so far from the one, and so near to the other
_DEGREE = 4  # of the polynomial in both directions that light may follow
_STRUCTURE = 0.05  # of the mean light, that a sample deviates from that at least
_TELL = "tell the compartment, or let 'auto' find it; or bleach a smaller region, far from edges"
_BIAS = 0.15  # of the share of uneven light, which smoothing leaves


class Frames(NamedTuple):
    """What is looked at; light is from 0, the level without any.

    Attributes
    ----------
    before : ndarray of shape (ny, nx)
        Average frame before bleaching, not evened out.
    after : ndarray of shape (ny, nx)
        The first frame after it.
    protocol : FRAPProtocol
    """

    before: np.ndarray
    after: np.ndarray
    protocol: object

    @property
    def radius(self):
        """Of the region, in pixels."""
        return self.protocol.equivalent_radius / self.protocol.pixel_size

    @property
    def inside(self):
        """Pixels of the region."""
        mask = self.protocol.bleach_mask
        return mask >= 0.5 * mask.max()


class Outside(NamedTuple):
    """What is dark before bleaching.

    Attributes
    ----------
    dark : ndarray of shape (ny, nx) of bool
    distance : float
        From the region to the nearest of it, in radii of the region.
    share : float
        Of the sample that the region is; 0 where the sample is not seen as a whole.
    """

    dark: np.ndarray
    distance: float
    share: float


def pixel_noise(image):
    """Estimate the standard deviation of the noise of pixels from neighbours' differences."""
    steps = np.diff(image, axis=1) if image.shape[1] > 1 else np.diff(image, axis=0)
    if not steps.size:
        return 0.0
    second = np.diff(steps, axis=1) if steps.shape[1] > 1 else steps
    return float(np.median(np.abs(second)) / 0.6745 / np.sqrt(6))


def find_outside(frames):
    """Find where the sample ends: light drops within a short way, on a part of the field.

    Light that fades slowly towards the corners is none.

    Parameters
    ----------
    frames : Frames

    Returns
    -------
    Outside or None
    """
    radius, inside = frames.radius, frames.inside
    light = frames.before[inside].mean()
    if not light > 0:
        return None
    noise = pixel_noise(frames.before)
    width = np.clip(noise / (0.05 * light * 3.5), max(1.0, _SMOOTH * radius), max(1.0, radius / 2))
    smooth = gaussian_filter(frames.before.astype(float), width, mode="nearest")
    floor = np.percentile(smooth, 1)
    if floor > _DARK * light:
        return None
    parts, n_parts = label(smooth < 0.5 * (light + floor))
    sizes = np.bincount(parts.ravel(), minlength=n_parts + 1)
    large = sizes >= max(9, _SMALLEST_DARK * smooth.size)
    large[0] = False
    dark = large[parts]
    if not dark.any() or dark[inside].mean() > 0.5:
        return None
    levels = floor + np.array([0.25, 0.75]) * (light - floor)
    if np.mean(smooth[dark] < levels[0]) < _LEVEL:
        return None  # dark patches of many depths: structure
    # The noise of the smoothed image is about a third of that over its width.
    flat = floor + _FLAT * (light - floor) + noise / width
    even = np.abs(smooth[~dark] - light) < _EVENLY * (light - floor) + noise / width
    least = _FLAT_SHARES[0] if np.mean(even) > 0.5 else _FLAT_SHARES[1]
    if np.mean(smooth[dark] < flat) < least:
        return None  # little is as dark as the darkest, as it is beside a sample
    between = ((smooth > levels[0]) & (smooth < levels[1])).sum()
    length = sum(np.count_nonzero(np.diff(dark.astype(int), axis=axis)) for axis in (0, 1))
    if between > length * (_SOFTEST * radius + 3 * width):
        return None
    distance = distance_transform_edt(~inside)[dark].min() / radius
    sample, _ = label(~dark)
    own = sample == np.bincount(sample[inside & ~dark]).argmax()
    border = np.concatenate([own[0], own[-1], own[:, 0], own[:, -1]])
    share = inside.sum() / own.sum() if border.mean() < 0.1 else 0.0
    return Outside(dark, float(distance), float(share))


def judge_sample(outside):
    """Say whether the sample ends too near, as findings.

    Parameters
    ----------
    outside : Outside or None
    """
    if outside is None:
        return []
    seen = []
    if outside.distance < _NEAR:
        seen.append(f"ends {outside.distance:.1f} radii from the bleach region")
    if outside.share > _LARGEST_SHARE:
        seen.append(f"is small: the bleach region is {100 * outside.share:.0f} % of it")
    if not seen:
        return []
    words = f"before bleaching the sample {' and '.join(seen)}, and the model has no such edge"
    return [Finding.of("sample_ends", words, "", _TELL)]


# Where bleaching is seen


class Patches(NamedTuple):
    """Where light was lost.

    Attributes
    ----------
    main : ndarray of shape (ny, nx) of bool
        The patch that has lost most.
    others : int
        Patches besides it.
    shift : tuple of float
        From the middle of the region to that of the patch, (dx, dy) in µm.
    width : float
        Standard deviation of the smoothing, pixels.
    clarity : float
        The loss over its noise.
    """

    main: np.ndarray
    others: int
    shift: tuple
    width: float
    clarity: float


def find_patches(frames):
    """Find the patches that have lost light.

    Parameters
    ----------
    frames : Frames

    Returns
    -------
    Patches or None
        None where the noise, or too little light, hides their shape.
    """
    radius, inside = frames.radius, frames.inside
    light = frames.before[inside].mean()
    noise = np.hypot(pixel_noise(frames.after), pixel_noise(frames.before))
    for width in (0.15 * radius, 0.3 * radius, 0.45 * radius):
        width = max(1.0, width)
        before, after = (
            gaussian_filter(image.astype(float), width, mode="nearest")
            for image in (frames.before, frames.after)
        )
        lit = before > _NEEDED_LIGHT * light
        lost = np.where(lit, 1 - after / np.where(lit, before, 1.0), 0.0)
        far = lit & (distance_transform_edt(~inside) > 2 * radius)
        if far.any():
            lost = np.where(lit, lost - np.median(lost[far]), 0.0)
        peak = np.percentile(lost, 100 * (1 - 0.25 * inside.sum() / lost.size))
        clarity = peak * light * 2 * np.sqrt(np.pi) * width / max(noise, 1e-12)
        if clarity > _CLEAR:
            break
    else:
        return None
    if peak < 0.03:
        return None
    parts, n_parts = label(lost > 0.5 * peak)
    sizes = np.bincount(parts.ravel(), minlength=n_parts + 1)
    sizes[0] = 0
    shared = np.bincount(parts[inside], minlength=n_parts + 1)
    shared[0] = 0
    # Those in the region, which may be several, and else the largest.
    own = (shared > _SHARED * inside.sum()) | (shared > 0.5 * sizes)
    own[0] = False
    if not own.any():
        own[sizes.argmax()] = True
    main = own[parts]
    others = int(np.count_nonzero(~own & (sizes > _SECOND * inside.sum())))
    middle = np.subtract(
        center_of_mass(np.where(main, lost, 0.0)), center_of_mass(frames.protocol.bleach_mask)
    )
    dy, dx = middle * frames.protocol.pixel_size
    return Patches(main, others, (float(dx), float(dy)), float(width), float(clarity))


def judge_patches(frames, patches):
    """Say whether bleaching is where the region is, and there alone, as findings.

    Parameters
    ----------
    frames : Frames
    patches : Patches or None
    """
    if patches is None:
        return []
    found = []
    if patches.others:
        more = "one more bleached patch" if patches.others == 1 else "more bleached patches"
        words = f"the first frame after bleaching shows {more} than the region"
        remedy = "the model does not have it"
        found.append(Finding.of("several_patches", words, "", remedy))
    away = np.hypot(*patches.shift) / frames.protocol.equivalent_radius
    if away > _ELSEWHERE:
        dx, dy = patches.shift
        words = (
            f"the bleached patch is {away:.1f} radii beside the region, by ({dx:.2f}, {dy:.2f}) µm"
        )
        found.append(Finding.of("patch_elsewhere", words))
    return found


# Uneven light


class Evenness(NamedTuple):
    """What is to be done with the uneven prebleach image.

    Attributes
    ----------
    choice : {"subtract", "divide", "none"}
    reason : str
    wrong : dict of str to str
        What would be wrong, and why.
    """

    choice: str
    reason: str
    wrong: dict


def choose_evenness(frames, outside, sigma):
    """Choose what to do with an uneven prebleach image: subtract it, divide by it, or leave it.

    What is added stays where bleaching takes the rest away; where it is the light that is uneven,
    the loss is as uneven. A sample that ends, or has structure, is neither.

    Parameters
    ----------
    frames : Frames
    outside : Outside or None
    sigma : float
        Smoothing of the prebleach image, pixels.

    Returns
    -------
    Evenness
    """
    inside = frames.inside
    smooth = gaussian_filter(frames.before.astype(float), max(sigma, 0.5), mode="nearest")
    mean, here = frames.before.mean(), frames.before[inside].mean()
    shift = (mean - here) / here if here > 0 else 0.0
    wrong = {}
    shifted = f"subtracting it would shift the curve by {100 * shift:.0f} % of the light there"
    if outside is not None:
        if abs(shift) > _HARMFUL:
            wrong["subtract"] = f"the sample is uneven before bleaching, it ends; {shifted}"
        if outside.distance * frames.radius < 3 * sigma:
            wrong["divide"] = "the sample ends beside the region: that is no uneven light"
        return Evenness("none", "the sample ends in the field", wrong)
    low, high = np.percentile(smooth, [5, 95])
    if not mean > 0 or high - low < _EVEN * mean:
        return Evenness("subtract", "the field is nearly even", wrong)
    if _has_structure(smooth, pixel_noise(frames.before) / (3.5 * max(sigma, 0.5))):
        if abs(shift) > _HARMFUL:
            wrong["subtract"] = (
                f"the sample is uneven before bleaching, it has structure; {shifted}"
            )
        return Evenness("none", "the sample has structure", wrong)
    share, error = _share_of_light(frames, smooth)
    far, near = (one * error + _BIAS for one in _TOLD)
    may_divide = bool((smooth > 0).all())
    if abs(share - 1) < near and abs(share) > far and may_divide:
        if abs(shift) > _HARMFUL:
            wrong["subtract"] = (
                f"the light is uneven, since the loss is as uneven as the frames before; {shifted}"
            )
        return Evenness("divide", "the loss is as uneven as the light", wrong)
    if abs(share) < near and abs(share - 1) > far:
        if abs(shift) > _HARMFUL:
            wrong["divide"] = "the unevenness is added light, since the loss is even"
        return Evenness("subtract", "the loss is even: what is uneven is added", wrong)
    if abs(shift) < _SHIFT or not may_divide:
        return Evenness("subtract", "the region is as bright as the field", wrong)
    return Evenness("divide", "the field is uneven, as light mostly is", wrong)


def _has_structure(smooth, noise):
    """Tell whether the unevenness is that of a sample: light and glow vary as wide curves do."""
    rows, columns = (np.linspace(-1, 1, n) for n in smooth.shape)
    powers = [(j, k) for j in range(_DEGREE + 1) for k in range(_DEGREE + 1 - j)]
    design = np.stack([np.outer(rows**j, columns**k).ravel() for j, k in powers], axis=1)
    values = smooth.ravel() - smooth.mean()
    coefficients, *_ = np.linalg.lstsq(design, values, rcond=None)
    rest = np.sqrt(max(np.mean((values - design @ coefficients) ** 2) - noise**2, 0.0))
    return rest > _STRUCTURE * smooth.mean() and rest > 0.5 * values.std()


def _share_of_light(frames, smooth):
    """Regress the loss on the light before: 1 where light is a factor, 0 where it is added.

    Returns
    -------
    share, error : float
    """
    inside = frames.inside
    rows, columns = np.nonzero(inside)
    lost = (frames.before - frames.after)[inside]
    light = smooth[inside]
    distance = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
    design = np.column_stack([np.ones(len(rows)), distance - distance.mean(), light - light.mean()])
    scale = np.abs(design).max(axis=0)
    if len(rows) < 10 or not (scale > 0).all() or not lost.mean() > 0:
        return 0.5, np.inf
    design = design / scale
    inverse = np.linalg.pinv(design.T @ design)
    slopes = inverse @ design.T @ lost
    residuals = lost - design @ slopes
    variance = residuals @ residuals / (len(rows) - 3)
    unit = light.mean() / lost.mean() / scale[2]
    return float(slopes[2] * unit), float(np.sqrt(variance * inverse[2, 2]) * abs(unit))
