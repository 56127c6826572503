"""What light does: the blurred bleach mask, the field of view and the ROI on the padded grid."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from skfrap.experiment import Circle, Mask, Rectangle

_FAR = 40.0  # standard deviations
_TAIL = 8.5  # standard deviations, beyond which less than the negligible is left
_NEGLIGIBLE = 1e-16  # of a pixel's area, and of its side
_SUBPIXELS = 9
_NODES_PER_WIDTH = 8


@dataclass(frozen=True, eq=False)
class Optics:
    """What light does, on the padded grid.

    Attributes
    ----------
    bleach : ndarray of shape (ny, nx)
        Fraction of each pixel in which a bleach frame bleaches.
    field : tuple of two slices
        The field of view, where imaging bleaches.
    weights : ndarray of shape (ny, nx)
        Weights of the recovery curve.
    """

    bleach: np.ndarray
    field: tuple[slice, slice]
    weights: np.ndarray


def optics_for(protocol, bleach_blur=0.0, weights=None):
    """Put a protocol's optics on the padded grid.

    Parameters
    ----------
    protocol : FRAPProtocol
    bleach_blur : float, default=0.0
        Standard deviation of the Gaussian spread of the bleaching beam, µm.
    weights : ndarray of shape (ny, nx), default=None
        Of the recovery curve, on the field of view; None is `protocol.roi_weights`.

    Returns
    -------
    Optics

    Raises
    ------
    ValueError
        If the weights are not of the field's shape or do not sum to 1.
    """
    padding = protocol.padding
    if bleach_blur > 0:
        bleach = blur_mask(protocol, bleach_blur)
    else:
        bleach = _padded(protocol.bleach_mask, padding)
    field = tuple(slice(padding, padding + n) for n in protocol.shape)
    if weights is None:
        return Optics(bleach, field, _weights_of(protocol))
    weights = np.asarray(weights, dtype=float)
    if weights.shape != protocol.shape:
        raise ValueError(
            f"weights must have the field's shape {protocol.shape}, got {weights.shape}."
        )
    if not np.isclose(weights.sum(), 1.0, rtol=0, atol=1e-9):
        raise ValueError(f"weights must sum to 1, got a sum of {weights.sum():.6g}.")
    return Optics(bleach, field, _padded(weights, padding))


_LAST = [None, None]


def _weights_of(protocol):
    """Return the weights on the padded grid: the same for every blur, so the last ones are kept."""
    known, weights = _LAST
    if known is not protocol:
        weights = _padded(protocol.roi_weights, protocol.padding)
        _LAST[:] = protocol, weights
    return weights


def _padded(image, padding):
    """Put an image onto the padded grid; large ones are not copied for nothing."""
    return np.pad(image, padding) if padding else image


def blur_mask(protocol, blur):
    """Convolve the bleach region with a Gaussian and average over pixels, on the padded grid.

    Exact for rectangles, and to rounding for circles by quadrature over chords. Polygons, and
    circles blurred by less than a thousandth of their radius, are taken as area fractions of
    subpixels, and a Mask as those of its pixels, within which they are even. Light that leaves the
    padded grid is lost.
    """
    region, shape, pixel_size = protocol.bleach_region, protocol.shape, protocol.pixel_size
    width = blur / pixel_size
    if width < _NEGLIGIBLE:
        return np.pad(protocol.bleach_mask, protocol.padding)
    rows, columns = (np.arange(-protocol.padding, n + protocol.padding + 1.0) for n in shape)
    window = ...
    if isinstance(region, Circle | Rectangle):
        x, y = np.divide(region.center_on(shape, pixel_size), pixel_size)
    if isinstance(region, Rectangle):
        half_height, half_width = 0.5 * region.height / pixel_size, 0.5 * region.width / pixel_size
        mask = np.outer(
            _mean_of_blurred_box(rows, y - half_height, y + half_height, width),
            _mean_of_blurred_box(columns, x - half_width, x + half_width, width),
        )
    elif isinstance(region, Circle) and width > 1e-3 * region.radius / pixel_size:
        mask, window = _blurred_disk(rows, columns, x, y, region.radius / pixel_size, width)
    else:
        parts = 1 if isinstance(region, Mask) else _SUBPIXELS
        fine = region.area_fractions(tuple(parts * n for n in shape), pixel_size / parts)
        by_row, by_column = (
            _mean_of_blurred_box(edges, *_sides(parts, n), width)
            for edges, n in ((rows, shape[0]), (columns, shape[1]))
        )
        mask = by_row.T @ fine @ by_column
    part = mask[window]
    part[part < _NEGLIGIBLE] = 0.0
    np.minimum(part, 1.0, out=part)
    if not part.any():
        raise ValueError(f"bleach_blur of {blur:.3g} µm leaves no light on the field; check it.")
    return mask


def _blurred_disk(rows, columns, x, y, radius, width):
    """Sum blurred chords of a disk, at the nodes of a quadrature over their heights.

    Only where it reaches: the field may be many times as large.

    Returns
    -------
    mask : ndarray of shape (ny, nx)
    window : tuple of two slices
        Outside of which it is 0.
    """
    mask = np.zeros((len(rows) - 1, len(columns) - 1))
    reach = radius + _TAIL * width
    window = tuple(
        slice(*np.clip(np.searchsorted(edges, [at - reach - 1, at + reach + 1]), 0, len(edges) - 1))
        for edges, at in ((rows, y), (columns, x))
    )
    if any(part.start == part.stop for part in window):
        return mask, window
    rows, columns = (
        edges[part.start : part.stop + 1]
        for edges, part in zip((rows, columns), window, strict=True)
    )
    # Over the angle the integrand is smooth and periodic: the midpoint rule is all it takes.
    n_nodes = 48 + int(_NODES_PER_WIDTH * radius / width)
    n_nodes += n_nodes % 2
    # Chords above the middle are as long as those below.
    angles = np.pi * ((np.arange(n_nodes // 2) + 0.5) / n_nodes - 0.5)
    heights, half_chords = radius * np.sin(angles), radius * np.cos(angles)
    node_weights = np.pi / n_nodes * half_chords
    lows, highs = (side[:, np.newaxis] for side in (x - half_chords, x + half_chords))
    across = _mean_of_blurred_box(columns, lows, highs, width)
    along = sum(
        np.diff(ndtr((rows - at[:, np.newaxis]) / width), axis=1)
        for at in (y + heights, y - heights)
    )
    mask[window] = (along * node_weights[:, np.newaxis]).T @ across
    return mask, window


def _sides(parts, n):
    """Return the lower and upper sides of n pixels of as many parts each, as columns."""
    sides = np.arange(parts * n + 1)[:, np.newaxis] / parts
    return sides[:-1], sides[1:]


def _mean_of_blurred_box(edges, low, high, width):
    """Average over pixels a box between `low` and `high` that is blurred by a Gaussian.

    Pixels beyond the middle are mirrored to before it: there the box is a difference of small
    numbers, and far away it vanishes as it should, instead of being 1 - 1.
    """
    before, after = edges[:-1], edges[1:]
    far = before + after > low + high
    before, after = (
        np.where(far, low + high - after, before),
        np.where(far, low + high - before, after),
    )
    steps = [
        _primitive_of_blurred_step((after - side) / width)
        - _primitive_of_blurred_step((before - side) / width)
        for side in (low, high)
    ]
    return width * (steps[0] - steps[1])


def _primitive_of_blurred_step(distance):
    """Integrate the normal distribution function up to a distance."""
    near = np.clip(distance, -_FAR, _FAR)
    density = np.exp(-0.5 * near**2) / np.sqrt(2 * np.pi)
    # Beyond the clip the primitive goes on as its asymptote, 0 or the distance itself.
    return near * ndtr(near) + density + np.maximum(distance - _FAR, 0.0)
