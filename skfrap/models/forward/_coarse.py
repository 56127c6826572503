"""A model on a coarser grid, to look for the right basin with where the region has many pixels."""

import numpy as np

from skfrap.experiment import Mask
from skfrap.models._base import model_for
from skfrap.models.forward._direct import DirectCurves

_FEWEST = 10.0  # pixels: radius of a region on the coarser grid
_WORTHWHILE = 3  # pixels along a side that become one, at least


def coarse_guide(key, model):
    """Make an evaluator on a grid of larger pixels, where that is much cheaper and near enough.

    What costs time is the number of pixels of the bleach region. The guide is only for starts:
    fits end on the grid of the images.

    Parameters
    ----------
    key : str or type
        What the model was asked for by.
    model : CurveModel

    Returns
    -------
    DirectCurves or None
        None where the region has few pixels, or in a compartment.
    """
    protocol = model.protocol
    if protocol.compartment is not None or not isinstance(key, str | type):
        return None
    parts = int(protocol.equivalent_radius / protocol.pixel_size / _FEWEST)
    if parts < _WORTHWHILE or min(protocol.shape) < _FEWEST * parts:
        return None
    try:
        return DirectCurves(model_for(coarser(protocol, parts), key))
    except ValueError:  # a region at the rim of the field may leave the coarser one
        return None


def coarser(protocol, parts):
    """Describe an experiment with larger pixels; what is left over at the ends is left out.

    Parameters
    ----------
    protocol : FRAPProtocol
    parts : int
        Pixels along a side that become one.

    Returns
    -------
    FRAPProtocol
    """
    ny, nx = (n // parts for n in protocol.shape)
    region = protocol.bleach_region
    if isinstance(region, Mask):
        fine = np.asarray(region.array, float)[: ny * parts, : nx * parts]
        region = Mask(fine.reshape(ny, parts, nx, parts).mean(axis=(1, 3)))
    return protocol.replace(
        shape=(ny, nx), pixel_size=protocol.pixel_size * parts, bleach_region=region,
        padding=round(protocol.padding / parts),
    )  # fmt: skip
