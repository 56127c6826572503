"""A model on a coarser grid, to look for the right basin with where the region has many pixels."""

from skfrap.models._base import model_for
from skfrap.models.field._coarser import coarser
from skfrap.models.forward._direct import DirectCurves

_FEWEST = 10.0  # pixels: radius of a region on the coarser grid
_WORTHWHILE = 3  # pixels along a side that become one, at least
# Bleaching by imaging is computed from frame to frame, so that all pixels cost, not the region's.
_FEWEST_BY_IMAGING, _WORTHWHILE_BY_IMAGING = 4.0, 2


def coarse_guide(key, model, free=()):
    """Make an evaluator on a grid of larger pixels, where that is much cheaper and near enough.

    What costs time is the number of pixels of the bleach region, or of the field where it bleaches
    by imaging. The guide is only for starts: fits end on the grid of the images.

    Parameters
    ----------
    key : str or type
        What the model was asked for by.
    model : CurveModel
    free : sequence of str, default=()
        What shapes the curve and is fitted.

    Returns
    -------
    DirectCurves or None
        None where the region has few pixels, or in a compartment.
    """
    protocol = model.protocol
    if protocol.compartment is not None or not isinstance(key, str | type):
        return None
    # What blurs the beam is seen on finer pixels than what fades.
    fades = "imaging_bleach" in free and not {*free} & {"bleach_blur", "imaging_blur"}
    fewest = _FEWEST_BY_IMAGING if fades else _FEWEST
    worthwhile = _WORTHWHILE_BY_IMAGING if fades else _WORTHWHILE
    parts = int(protocol.equivalent_radius / protocol.pixel_size / fewest)
    if parts < worthwhile or min(protocol.shape) < fewest * parts:
        return None
    try:
        return DirectCurves(model_for(coarser(protocol, parts), key))
    except ValueError:  # a region at the rim of the field may leave the coarser one
        return None
