"""Transformers: image stacks to corrected stacks, and to recovery curves."""

from skfrap.preprocessing._curves import RecoveryCurveExtractor
from skfrap.preprocessing._images import (
    BackgroundSubtractor,
    FadingCorrector,
    FlatFieldCorrector,
    IntensityRescaler,
)
from skfrap.preprocessing._stacks import StackSequence

__all__ = [
    "BackgroundSubtractor",
    "FadingCorrector",
    "FlatFieldCorrector",
    "IntensityRescaler",
    "RecoveryCurveExtractor",
    "StackSequence",
]
