"""The outline of a cell, out of the frames before bleaching."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import (
    binary_dilation,
    binary_erosion,
    binary_fill_holes,
    binary_opening,
    distance_transform_edt,
    gaussian_filter,
    label,
)

from skfrap.experiment import Compartment, FRAPProtocol, Mask

__all__ = ["FoundCompartment", "find_compartment"]

_HIDDEN = 0.02  # of the contrast, that noise may be where the image is smoothed
_WIDTHS = 1.0, 4.0  # pixels, of the smoothing
_DARK = 0.6  # of the cell's light: what is around a cell has less
_CLEAR = 6.0  # standard deviations of the smoothed image, that the cell is above its surroundings
_LOW = 0.25  # of the contrast: a first look, which takes in dim parts of a cell
_EDGE = 0.5  # of the contrast beside it: where the edge is, however blurred
_NEAR = 0.15  # of the cell's radius, over which light beside an edge is averaged
_HOLE = 0.05  # of the cell: larger dark places, such as a nucleus, are no part of it
_SPECK = 0.02  # of the cell: smaller pieces are no other cells
_INSIDE = 0.75  # of the bleach region, that must lie in one piece
_NECK = 0.5, 0.75  # of the narrower part: a narrower neck parts two cells, a wider one none
_PART = 0.1  # of a piece, that a part has at least which may be a cell
_RIM = 2  # pixels on either side of an outline, which may be in part inside
_FAINT = 0.15  # of the light beside: less is noise
_CUT_OFF = 0.25  # of the outline along the border of the field: the cell is not seen as a whole


@dataclass(frozen=True)
class FoundCompartment:
    """Hold the compartment that was found in an image, and what was seen.

    Attributes
    ----------
    compartment : Compartment
        An even one, of a mask.
    area : float
        µm².
    reason : str
        What was seen, for people.
    n_others : int
        Other cells in the field.
    cut_off : float
        Share of the outline that is the border of the field, beyond which the cell goes on.
    """

    compartment: Compartment
    area: float
    reason: str
    n_others: int
    cut_off: float


def find_compartment(before: ArrayLike, protocol: FRAPProtocol) -> FoundCompartment:
    """Find the cell that the bleach region lies in, in the average frame before bleaching.

    The image is smoothed as far as its noise asks for. An edge is where the light falls to half of
    what is beside it, above the surroundings, so that a dim side of a cell counts as a bright one.
    Small dark places inside, such as nucleoli, belong to the cell. Cells that touch are parted
    where they have a clear neck.

    Parameters
    ----------
    before : array-like of shape (ny, nx)
        Average frame before bleaching, not evened out.
    protocol : FRAPProtocol
        Gives the pixels and the bleach region.

    Returns
    -------
    FoundCompartment

    Raises
    ------
    ValueError
        If the image shows no such cell: nothing dark around it, the region outside of it, most of
        it beyond the field, or two cells that cannot be told apart. It says which.

    See Also
    --------
    skfrap.Compartment : What a protocol takes.

    Examples
    --------
    >>> from skfrap import Circle, Ellipse, FRAPProtocol
    >>> from skfrap.preprocessing import find_compartment
    >>> protocol = FRAPProtocol(shape=(64, 96), pixel_size=0.25, bleach_region=Circle(1.5))
    >>> image = 0.05 + Ellipse((9.0, 6.0)).area_fractions(protocol.shape, protocol.pixel_size)
    >>> found = find_compartment(image, protocol)
    >>> round(found.area)  # µm², of an ellipse of 169.6
    170
    >>> found.reason
    'found in the frames before bleaching, 170 µm², where the light falls to half'
    """
    image = np.asarray(before, dtype=float)
    if image.shape != protocol.shape:
        raise ValueError(
            f"the image before bleaching has shape {image.shape}, and the protocol's field "
            f"{protocol.shape} (ny, nx)."
        )
    if not np.isfinite(image).all():
        raise ValueError("the frames before bleaching have pixels that are not finite.")
    region = protocol.bleach_mask >= 0.5 * protocol.bleach_mask.max()
    smooth, floor, light = _levels(image, region)
    piece, beside = _edges(smooth, floor, light, region)
    pieces, _ = label(piece)
    counts = np.bincount(pieces[region], minlength=pieces.max() + 1)
    counts[0] = 0
    if counts.max() < _INSIDE * region.sum():
        raise ValueError(
            "the bleach region does not lie in one cell: "
            f"{100 * counts.max() / region.sum():.0f} % of it does; {_TELL}."
        )
    own = pieces == counts.argmax()
    own, parted = _parted(own, region)
    own = _filled(own)
    others = np.bincount(pieces.ravel())[1:] if pieces.max() else np.zeros(0, int)
    n_others = int(np.sum(others > _SPECK * own.sum())) - 1 + parted
    n_others = max(n_others, 0)
    cut_off = _along_border(own)
    if cut_off > _CUT_OFF:
        raise ValueError(
            f"the cell goes on beyond the field of view: {100 * cut_off:.0f} % of its outline is "
            f"the border of the field; {_TELL}."
        )
    fractions = _shares(own, pieces, image, floor, beside)
    area = float(fractions.sum()) * protocol.pixel_size**2
    words = [f"found in the frames before bleaching, {area:.3g} µm²"]
    words.append("where the light falls to half")
    if n_others:
        cells = "one more cell is" if n_others == 1 else f"{n_others} more cells are"
        words.append(f"{cells} in the field")
    if parted:
        words.append("parted from a cell that it touches at the neck between them")
    if cut_off:
        words.append(f"{100 * cut_off:.0f} % of its outline is the border of the field")
    return FoundCompartment(Compartment(Mask(fractions)), area, ", ".join(words), n_others, cut_off)


_TELL = "tell the compartment as a region or by an image of it, or do without"


def _levels(image, region):
    """Smooth an image, and return it with the light around cells and in them.

    Returns
    -------
    smooth : ndarray of shape (ny, nx)
    floor, light : float
    """
    noise = _pixel_noise(image)
    inside = float(np.median(image[region]))
    width = noise / (2 * np.sqrt(np.pi) * _HIDDEN * max(inside - np.percentile(image, 1), 1e-12))
    width = float(np.clip(width, *_WIDTHS))
    smooth = gaussian_filter(image, width, mode="nearest")
    light = float(np.median(smooth[region]))
    dark = smooth[smooth <= 0.5 * (light + smooth.min())]
    floor = float(np.median(dark))
    left = noise / (2 * np.sqrt(np.pi) * width)
    if not light > 0 or floor > _DARK * light or light - floor < _CLEAR * left:
        raise ValueError(
            "the frames before bleaching show no dark surroundings of a cell: what is dark has "
            f"{100 * floor / light if light > 0 else 100:.0f} % of the light in the bleach region; "
            f"if that is a dark level give it (dark_level); else {_TELL}."
        )
    return smooth, floor, light


def _pixel_noise(image):
    """Estimate the standard deviation of the noise of pixels from neighbours' differences."""
    second = np.diff(image, 2, axis=1)
    return float(np.median(np.abs(second)) / 0.6745 / np.sqrt(6)) if second.size else 0.0


def _edges(smooth, floor, light, region):
    """Return what is above half of the light beside it, over the surroundings, and that light."""
    low = smooth > floor + _LOW * (light - floor)
    pieces, _ = label(low)
    own = pieces == np.bincount(pieces[region]).argmax()
    if not own[region].any():
        return low, np.full(smooth.shape, light)
    radius = np.sqrt(own.sum() / np.pi)
    core = binary_erosion(low, iterations=_RIM + max(1, round(0.3 * _NEAR * radius)))
    core = core if core[region].any() else low
    width = max(2.0, _NEAR * radius)
    weight = gaussian_filter(core.astype(float), width, mode="constant")
    beside = gaussian_filter(np.where(core, smooth, 0.0), width, mode="constant")
    known = weight > 1e-4
    local = np.where(known, beside / np.where(known, weight, 1.0), light)
    cell = low & (smooth > floor + _EDGE * (local - floor))
    # What is darker inside is a part of a cell, however dark; see `_filled`.
    return binary_opening(_filled(cell) if cell.any() else cell), local


def _shares(own, pieces, image, floor, beside):
    """Return the share of each pixel in a cell: on its outline by their light.

    So the light of the whole over its area is that of its inside, however blurred the outline is.
    """
    near = binary_dilation(own, iterations=_RIM) & ~binary_erosion(own, iterations=_RIM)
    near &= own | (pieces == 0)
    share = (image - floor) / np.maximum(beside - floor, 1e-12)
    fractions = np.where(near, np.where(share < _FAINT, 0.0, share), own.astype(float))
    return np.clip(fractions, 0.0, 1.0)


def _filled(cell):
    """Fill small dark places: large ones are no part of a cell."""
    holes, n_holes = label(binary_fill_holes(cell) & ~cell)
    if not n_holes:
        return cell
    small = np.bincount(holes.ravel()) < _HOLE * cell.sum()
    small[0] = False
    return cell | small[holes]


def _parted(own, region):
    """Part two cells that touch at a neck, and return the one with the region.

    Returns
    -------
    own : ndarray of shape (ny, nx) of bool
    parted : int
        How many others it touched.
    """
    inside = binary_fill_holes(np.pad(own, 1))
    depth = distance_transform_edt(inside)[1:-1, 1:-1]
    deepest = depth[own].max()
    for share in np.arange(0.1, _NECK[1], 0.02):
        level = share * deepest
        cores, n_cores = label(depth > level)
        if n_cores < 2:
            continue
        peaks = np.array([depth[cores == k].max() for k in range(1, n_cores + 1)])
        grown = _nearest(cores, own)
        sizes = np.bincount(grown[own], minlength=n_cores + 1)[1:]
        real = np.flatnonzero((sizes > _PART * own.sum()) & (level < _NECK[1] * peaks)) + 1
        if len(real) < 2:
            continue
        neck = level / np.sort(peaks[real - 1])[-2]
        if neck > _NECK[0]:
            raise ValueError(
                "the piece with the bleach region has a waist, and may be one cell or two that "
                f"touch; {_TELL}."
            )
        grown = _nearest(np.where(np.isin(cores, real), cores, 0), own)
        mine = np.bincount(grown[region & own], minlength=n_cores + 1).argmax()
        return own & (grown == mine), len(real) - 1
    return own, 0


def _nearest(cores, own):
    """Give each pixel the number of the nearest core."""
    places = distance_transform_edt(cores == 0, return_distances=False, return_indices=True)
    return np.where(own, cores[tuple(places)], 0)


def _along_border(own):
    """Return the share of an outline that is the border of the field."""
    rim = own & ~binary_erosion(own, border_value=0)
    border = np.zeros_like(own)
    border[[0, -1]] = border[:, [0, -1]] = True
    return float(np.sum(rim & border) / max(rim.sum(), 1))
