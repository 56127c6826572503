"""Which light the noise of a model's curves goes by, and what computes it.

A curve is a mean over pixels with weights w, and its noise goes by the mean with weights w². Where
all pixels of the region have one weight, and in closed forms, which know no pixels, that is the
curve itself.
"""

from contextlib import suppress

import numpy as np

from skfrap._checks import check_choice
from skfrap.models._base import ExactModel, model_for
from skfrap.models.forward._curve_build import InterpolationError
from skfrap.models.forward._direct import DirectCurves
from skfrap.models.forward._frames import at_frames, frames_of
from skfrap.models.forward._interpolated import CurveSurrogate
from skfrap.models.forward._surrogates import surrogate_for

_EVEN = 1e-9  # relative; weights that differ by less are equal but for rounding
_FINE = 1e-6  # error of an interpolation; one that is coarser was made where a fine one costs much


def light_weights(model):
    """Return the weights of the light that a model's noise goes by, as ``model_for`` takes them.

    Parameters
    ----------
    model : CurveModel
        Whose curves they are.

    Returns
    -------
    str
        ``"noise"``, or ``"mean"`` where that is the same.
    """
    if not isinstance(model, ExactModel):
        return "mean"
    rows = (row[row > 0] for row in model.protocol.row_weights)
    return "noise" if any(np.ptp(row) > _EVEN * row.max() for row in rows) else "mean"


def evaluator_of(weights, evaluator, key):
    """Return what computes a model's curves with the weights of the mean, or of the noise.

    Parameters
    ----------
    weights : {"mean", "noise"}
    evaluator : CurveSurrogate or DirectCurves
        Of the mean.
    key : str, type or CurveModel
        What its model was asked for by.

    Returns
    -------
    CurveSurrogate or DirectCurves
        Of the same parameters in the same ranges; the same one where the weights are the same.
    """
    check_choice("weights", weights, ("mean", "noise"))
    protocol = evaluator.protocol
    if weights == "mean" or light_weights(model_for(protocol, key)) == "mean":
        return evaluator
    frames = frames_of(evaluator)
    found = _weighted(weights, evaluator, key)
    return found if frames is None else at_frames(found, frames)


def _weighted(weights, evaluator, key):
    protocol = evaluator.protocol
    if isinstance(evaluator, CurveSurrogate) and evaluator.error <= _FINE:
        with suppress(InterpolationError):
            return surrogate_for(protocol, key, evaluator.ranges, evaluator.fixed, weights)
    return DirectCurves(model_for(protocol, key, weights))
