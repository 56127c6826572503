"""Another name of :mod:`skfrap.judging`."""

from skfrap.judging import (
    GoodnessOfFit,
    PixelNoise,
    find_misfits,
    goodness_of_fit,
    judge_fits,
    judge_pixels,
    prediction_deviations,
    tangents_of,
)

__all__ = [
    "GoodnessOfFit",
    "PixelNoise",
    "find_misfits",
    "goodness_of_fit",
    "judge_fits",
    "judge_pixels",
    "prediction_deviations",
    "tangents_of",
]
