"""The end of a sample that is uneven itself: a bright piece on even dark ground is a cell."""

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter

from skfrap.judging._frames import Outside
from skfrap.preprocessing import find_compartment

_BESIDE = 4  # pixels beyond an outline, over which its light may fall
_LIT = 0.5  # of the light in the region: what is outside and has more is another cell
_EVEN = 0.12  # of the light in the region: so near to one level is dark ground
_GROUND = 0.9  # of what is dark, that is so
_SOFT = 0.2  # of the light in the region, over the ground: there an edge has ended
_SOFTEST = 0.5  # radii, that it may take from half of the light to there
_LEAST = 0.03  # of the field, that dark ground has


def outside_of_cell(frames):
    """Find where the sample ends by the outline of the cell that the region lies in.

    Also of cells that are as uneven as what :func:`find_outside` takes for texture.

    Parameters
    ----------
    frames : Frames

    Returns
    -------
    Outside or None
        None where there is no such cell, or its surroundings are not dark and even.
    """
    try:
        found = find_compartment(frames.before, frames.protocol)
    except ValueError:
        return None
    if found.cut_off:
        return None
    own = found.compartment.region.array > 0
    inside = frames.inside
    smooth = gaussian_filter(frames.before.astype(float), 1.5, mode="nearest")
    light = float(np.median(smooth[inside]))
    ground = ~binary_dilation(own, iterations=_BESIDE) & (smooth < _LIT * light)
    if ground.mean() < _LEAST:
        return None
    level = np.median(smooth[ground])
    if np.mean(np.abs(smooth[ground] - level) < _EVEN * light) < _GROUND:
        return None
    # Light that fades slowly outwards is no edge.
    fading = ~own & (smooth > level + _SOFT * (light - level)) & (smooth < _LIT * light)
    length = np.count_nonzero(binary_dilation(own) & ~own)
    if fading.sum() > length * max(_BESIDE, _SOFTEST * frames.radius):
        return None
    outside = ~own
    distance = distance_transform_edt(~inside)[outside].min() / frames.radius
    return Outside(outside, float(distance), float(inside.sum() / own.sum()))
