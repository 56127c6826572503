"""The bleach region, from text or from an image of it, and whether it can be one."""

from pathlib import Path

import numpy as np

from skfrap.experiment import Mask, parse_region
from skfrap.io import read_image
from skfrap.io._rois import read_roi, split_name
from skfrap.results import Finding

REGIONS = "circle", "ellipse", "rectangle", "polygon"
"""Words that texts of regions begin with."""

_MOST = 0.5  # of the field
_FEWEST = 8  # rows, and columns, of a field


def read_region(text, pixel_size, shape):
    """Read a region from text, or from the file of an image or of ImageJ's regions.

    Parameters
    ----------
    text : str or Path
    pixel_size : float
        µm.
    shape : tuple of int
        (ny, nx), of the field.

    Returns
    -------
    region : Circle, Ellipse, Rectangle, Polygon or Mask
    words : str
        What was taken of a file; empty for text.
    finding : Finding or None
        What was left out.

    Raises
    ------
    ValueError
        If it is neither, or the image is of another size.
    """
    if str(text).partition(":")[0] in REGIONS:
        return parse_region(str(text), pixel_size), "", None
    if split_name(text) is not None:
        region, name = read_roi(text, pixel_size, shape, ("bleach", "frap", "spot"))
        return region, f"ImageJ's region {name!r}", None
    if not Path(text).is_file():
        raise ValueError(
            f"bleach region {str(text)!r} is neither the file of an image or of ImageJ's "
            "regions (.roi, .zip) nor understood as "
            "circle:RADIUS[@X,Y], ellipse:AxB[@X,Y], rectangle:WIDTHxHEIGHT[@X,Y] or "
            "polygon:X,Y;X,Y;X,Y."
        )
    image = read_image(text)
    if image.shape != tuple(shape):
        raise ValueError(
            f"the image of the bleach region, {text}, has {image.shape} pixels, and the series has "
            f"{tuple(shape)}; give an image of the same field."
        )
    mask, patches, left_out = Mask.patches_of(image)
    check_extent(mask.array, f"the bleach region in {text}")
    words = f"{len(patches)} patches of it" if len(patches) > 1 else ""
    finding = None
    if left_out:
        sizes = ", ".join(str(n) for n in left_out[:5]) + (", ..." if len(left_out) > 5 else "")
        words = f"{words or 'one patch of it'}, {len(left_out)} smaller left out ({sizes} pixels)"
        finding = Finding.of("patches_left_out", f"the image of the bleach region shows {words}")
    return mask, words, finding


def check_extent(fractions, what="the bleach region"):
    """Raise ValueError where a region is most of the field, around which nothing is left."""
    share = float(np.mean(fractions))
    if share > _MOST:
        raise ValueError(
            f"{what} covers {100 * share:.0f} % of the field, and must leave at least half of it: "
            "draw the region that was bleached; if it comes from an image, is that inverted?"
        )


def check_field(shape):
    """Raise ValueError where frames are no field, but lines."""
    if min(shape) < _FEWEST:
        raise ValueError(
            f"frames have {shape[0]} rows and {shape[1]} columns, and a field must have at least "
            f"{_FEWEST} of each; line scans are not analysed."
        )
