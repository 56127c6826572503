"""How wide, and how sharp, the bleached patch is in the first frame, beside the fitted model."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, shift, zoom

from skfrap.results import Finding

_FINE = 4  # parts of a pixel, for distances from the outline
_REACH = 3.0  # radii of the region, that are looked at
_NEEDED_LIGHT = 0.3  # of that in the region; where there is less nothing is seen to be lost
_BLOCK = 4  # pixels, whose noise may go together
_STEPS, _SETTLED = 6, 0.3  # of Gauss and Newton; standard errors, of a step that is the last
_PRIOR = 0.3, 0.3  # standard deviations of growth and blur, in half widths, and these squared
_SHIFT = 0.2  # half widths
_LARGEST_STEP = 0.4  # half widths
_SMALLEST = -0.7  # half widths
_SIZE = 0.1  # of the half width: D goes with its square
_BLUR = 0.05  # of the half width squared: D is off by a tenth then
_CLEAR = 3.5  # standard errors
_BESIDE = 4.5  # standard errors of a shift in either direction: 1 of 25 000 by chance


class Outline(NamedTuple):
    """What the first frame after bleaching says of the region, beyond the fitted model.

    Attributes
    ----------
    growth, blur : float
        By how much the patch reaches out farther than the region, in half widths of it, and the
        variance by which its edge is blurrier than the model has it, in half widths squared.
    covariance : ndarray of shape (2, 2)
        Of the two, were the model right.
    half_width : float
        Of the region, twice its area over its outline: the radius of a circle. µm.
    shift : tuple of float
        From the region to the patch, (dx, dy) in µm.
    shift_error : float
        Standard error of either, µm.
    """

    growth: float
    blur: float
    covariance: np.ndarray
    half_width: float
    shift: tuple = (0.0, 0.0)
    shift_error: float = np.inf

    @property
    def lies_beside(self):
        """Whether the patch clearly lies beside the region."""
        return bool(np.hypot(*self.shift) > _BESIDE * self.shift_error)

    def alone(self):
        """Return growth without blur, and blur without growth: each with its standard error."""
        seen, information = np.array([self.growth, self.blur]), np.linalg.inv(self.covariance)
        error = 1 / np.sqrt(np.diag(information))
        return information @ seen * error**2, error


def _distances(mask):
    """Return how far pixels lie from a region's outline, pixels; negative inside."""
    near = np.argwhere(mask > 0)
    first = np.maximum(near.min(axis=0) - 2, 0)
    last = np.minimum(near.max(axis=0) + 3, mask.shape)
    part = np.pad(mask[first[0] : last[0], first[1] : last[1]], 2)
    fine = zoom(part, _FINE, order=1, grid_mode=True, mode="nearest") >= 0.5 * mask.max()
    if fine.all() or not fine.any():
        return None
    signed = distance_transform_edt(~fine) - distance_transform_edt(fine)
    ny, nx = part.shape
    coarse = signed.reshape(ny, _FINE, nx, _FINE).mean(axis=(1, 3)) / _FINE
    # Farther out the exact distance matters to nobody.
    distances = np.full(np.add(mask.shape, 4), coarse.max() + 1.0)
    distances[first[0] : first[0] + ny, first[1] : first[1] + nx] = coarse
    return distances[2:-2, 2:-2]


def _grown(distances, by, moved):
    """Return the area fractions of a region that reaches out by some pixels, and is moved."""
    if np.any(moved):
        distances = shift(distances, moved, order=1, mode="nearest")
    return np.clip(0.5 + by - distances, 0.0, 1.0)


def measure_outline(frames, lost_by, spread):
    """Measure how the patch in the first frame after bleaching differs from the fitted model's.

    The loss is fitted by the model's, whose region grows and moves, and whose edge is blurred, with
    free amplitude and level.

    Parameters
    ----------
    frames : Frames
    lost_by : callable
        ``lost_by(mask)`` returns the share of light, (ny, nx), that the fitted model has lost in
        the first frame after bleaching with a region of these area fractions.
    spread : float
        Standard error of the variance by which diffusion has blurred the edge, µm².

    Returns
    -------
    Outline or None
        None where the frames do not say.
    """
    protocol, inside = frames.protocol, frames.inside
    mask = np.asarray(protocol.bleach_mask, float)
    light = frames.before[inside].mean()
    distances = _distances(mask / mask.max())
    if distances is None or not light > 0:
        return None
    length = np.hypot(*np.gradient(gaussian_filter(mask / mask.max(), 1.0))).sum()
    half_width = 2 * mask.sum() / mask.max() / max(length, 1.0)  # pixels
    looked_at = (frames.before > _NEEDED_LIGHT * light) & (
        distance_transform_edt(~inside) < _REACH * half_width + 3
    )
    if looked_at.sum() < 50:
        return None
    lost = 1 - frames.after[looked_at] / frames.before[looked_at]
    grown, blur, moved = 0.0, 0.0, np.zeros(2)
    step = 0.05 * half_width
    prior = np.array([np.inf, np.inf, *_PRIOR, _SHIFT, _SHIFT])
    prior[2:] *= [half_width, half_width**2, half_width, half_width]
    told = None
    for _ in range(_STEPS):
        here = _blurred(lost_by(_grown(distances, grown, moved)), blur)
        there = _blurred(lost_by(_grown(distances, grown + step, moved)), blur)
        softer = gaussian_filter(here, 1.0, mode="nearest") - here
        down, right = np.gradient(here)
        columns = [np.ones_like(here), here, (there - here) / step, softer, -down, -right]
        design = np.column_stack([one[looked_at] for one in columns])
        expected = -np.array([0.0, 0.0, grown, blur, *moved])
        values, covariance = _solved(design, lost, looked_at, expected, prior)
        if not values[1] > 0:
            return None
        if told is None:  # where the model is right; noise that leads elsewhere seems small there
            told = covariance[2:4, 2:4]
        limit = _LARGEST_STEP * half_width
        grown += np.clip(values[2], -limit, limit)
        blur += np.clip(values[3], -(limit**2), limit**2)
        moved = moved + np.clip(values[4:], -limit, limit)
        if not grown > _SMALLEST * half_width:
            break
        if np.all(np.abs(values[2:4]) < _SETTLED * np.sqrt(np.diag(told))):
            break
    unit = np.array([half_width, half_width**2])
    told[1, 1] += (spread / protocol.pixel_size**2) ** 2
    return Outline(
        growth=float(grown / unit[0]),
        blur=float(blur / unit[1]),
        covariance=told / np.outer(unit, unit),
        half_width=float(half_width * protocol.pixel_size),
        shift=tuple(float(part * protocol.pixel_size) for part in moved[::-1]),
        shift_error=float(np.sqrt(np.diag(covariance)[4:].max()) * protocol.pixel_size),
    )


def _blurred(image, variance):
    if variance > 0:
        return gaussian_filter(image, np.sqrt(variance), mode="nearest")
    # Sharper than the model's, to first order.
    return image + variance * (gaussian_filter(image, 1.0, mode="nearest") - image)


def _solved(design, lost, looked_at, expected, prior):
    """Fit a loss by columns whose coefficients are expected within some standard deviations.

    Returns
    -------
    values : ndarray of shape (n_columns,)
    covariance : ndarray of shape (n_columns, n_columns)
    """
    plain = np.linalg.lstsq(design[:, :2], lost)[0]
    values, variance = np.array([*plain, *[0.0] * (design.shape[1] - 2)]), None
    for _ in range(2):
        image = np.full(looked_at.shape, np.nan)
        residuals = image[looked_at] = lost - design @ values
        variance = max(np.mean(residuals**2), _of_blocks(image), np.finfo(float).tiny)
        information = design.T @ design / variance + np.diag(prior**-2.0)
        covariance = np.linalg.pinv(information, rcond=1e-12, hermitian=True)
        values = covariance @ (design.T @ lost / variance + expected * prior**-2.0)
    return values, covariance


def _of_blocks(image):
    """Return the variance of pixels that those of whole blocks amount to."""
    ny, nx = (n // _BLOCK * _BLOCK for n in image.shape)
    blocks = image[:ny, :nx].reshape(ny // _BLOCK, _BLOCK, nx // _BLOCK, _BLOCK).swapaxes(1, 2)
    sums = blocks.reshape(-1, _BLOCK**2).sum(axis=1)
    whole = sums[np.isfinite(sums)]
    return np.mean(whole**2) / _BLOCK**2 if len(whole) >= 8 else 0.0


def judge_outline(outline):
    """Say whether the region, or its edge, is another than the model's, as findings.

    Parameters
    ----------
    outline : Outline or None
    """
    if outline is None or not np.isfinite([outline.growth, outline.blur]).all():
        return []
    (growth, blur), errors = outline.alone()
    half_width = outline.half_width
    seen = [abs(growth) > _SIZE, abs(blur) > _BLUR] & (np.abs([growth, blur]) > _CLEAR * errors)
    if not seen.any():
        return []
    # Whichever tells more of what is seen; a patch of another size has another edge as well.
    size_tells_more = abs(growth) / errors[0] >= abs(blur) / errors[1]
    size_tells_more |= abs(outline.growth) > max(_SIZE, abs(outline.blur))
    if seen[0] and (size_tells_more or not seen[1]):
        how = "reaches out farther" if growth > 0 else "reaches out less far"
        words = (
            f"in the first frame after bleaching the bleached patch {how} than in the model, by "
            f"{abs(growth) * half_width:.2g} µm where the region has {half_width:.2g} µm"
        )
        return [Finding.of("patch_of_other_size", words)]
    how = "blurrier" if blur > 0 else "sharper"
    words = (
        "in the first frame after bleaching the edge of the bleached patch is "
        f"{how} than in the model, as by {np.sqrt(abs(blur)) * half_width:.2g} µm"
    )
    remedy = "estimate bleach_blur as well, or give it" if blur > 0 else ""
    return [Finding.of("patch_edge_differs", words, "", remedy)]
