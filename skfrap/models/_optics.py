"""What light does: the blurred bleach mask, the field of view and the ROI on the padded grid."""

from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from skfrap.regions import Mask

_REACH = 8.3  # standard deviations of a Gaussian beyond which it is zero in double precision
_SUBPIXELS = 5


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
    """
    padding = protocol.padding
    bleach = np.pad(protocol.bleach_mask, padding)
    if bleach_blur > 0:
        bleach = blur_mask(protocol, bleach_blur)
    weights = protocol.roi_weights if weights is None else weights
    field = tuple(slice(padding, padding + n) for n in protocol.shape)
    return Optics(bleach, field, np.pad(weights, padding))


def blur_mask(protocol, blur):
    """Convolve the bleach region with a Gaussian and average over pixels, on the padded grid.

    The region is taken as area fractions of subpixels (a Mask as those of its pixels), within which
    it is even; for these the convolution is exact. Light that leaves the padded grid is lost.
    """
    parts = 1 if isinstance(protocol.bleach_region, Mask) else _SUBPIXELS
    fine = protocol.bleach_mask
    if parts > 1:
        shape = tuple(parts * n for n in protocol.shape)
        fine = protocol.bleach_region.area_fractions(shape, protocol.pixel_size / parts)
    rows, columns = (
        _blur_axis(n, protocol.padding, parts, blur / protocol.pixel_size) for n in protocol.shape
    )
    return np.clip(rows @ fine @ columns.T, 0.0, 1.0)


def _blur_axis(n, padding, parts, blur):
    """Mean over each padded pixel of a Gaussian-blurred subpixel: (n + 2 padding, parts * n)."""
    edges = np.arange(-padding, n + padding + 1.0)
    fine_edges = np.arange(parts * n + 1) / parts
    distance = (edges[:, np.newaxis] - fine_edges) / blur

    # Second primitive of the Gaussian density: differences in both edges integrate over both cells.
    primitive = blur * (
        distance * 0.5 * (1 + erf(distance / np.sqrt(2)))
        + np.exp(-0.5 * distance**2) / np.sqrt(2 * np.pi)
    )
    matrix = -np.diff(np.diff(primitive, axis=0), axis=1)
    centres = 0.5 * (edges[1:] + edges[:-1])
    far = np.abs(centres[:, np.newaxis] - 0.5 * (fine_edges[1:] + fine_edges[:-1]))
    return np.where(far > _REACH * blur + 1, 0.0, matrix)
