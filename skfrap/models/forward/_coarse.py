"""A model on a coarser grid, to look for the right basin with where the region has many pixels."""

from skfrap.models._base import model_for
from skfrap.models.field._coarser import coarser
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
