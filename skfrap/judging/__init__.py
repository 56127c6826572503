"""What residuals say: whether a model is visibly wrong, and how the noise is."""

from skfrap.judging._goodness import (
    GoodnessOfFit,
    find_misfits,
    goodness_of_fit,
    judge_fit,
    judge_fits,
)
from skfrap.judging._image_fits import judge_images
from skfrap.judging._image_misfit import ImageMisfit, residual_images
from skfrap.judging._pixels import PixelNoise, judge_pixels
from skfrap.judging._tangents import prediction_deviations, tangents_of

__all__ = [
    "GoodnessOfFit",
    "ImageMisfit",
    "PixelNoise",
    "find_misfits",
    "goodness_of_fit",
    "judge_fit",
    "judge_fits",
    "judge_images",
    "judge_pixels",
    "prediction_deviations",
    "residual_images",
    "tangents_of",
]
