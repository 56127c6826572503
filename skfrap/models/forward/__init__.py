"""From the columns of a parameter space to curves: interpolated, or by the model itself."""

from skfrap.models.forward._curve_build import InterpolationError
from skfrap.models.forward._direct import DirectCurves
from skfrap.models.forward._images import ImageSurrogate
from skfrap.models.forward._interpolated import MOST_INTERPOLATED, CurveSurrogate
from skfrap.models.forward._light import evaluator_of, light_weights
from skfrap.models.forward._map import ForwardMap
from skfrap.models.forward._ranges import shared_ranges
from skfrap.models.forward._scores import ImageScores
from skfrap.models.forward._surrogates import image_surrogate_for, surrogate_for

__all__ = [
    "MOST_INTERPOLATED",
    "CurveSurrogate",
    "DirectCurves",
    "ForwardMap",
    "ImageScores",
    "ImageSurrogate",
    "InterpolationError",
    "evaluator_of",
    "image_surrogate_for",
    "light_weights",
    "shared_ranges",
    "surrogate_for",
]
