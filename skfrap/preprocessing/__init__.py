"""Transformers: image stacks to corrected stacks, and to recovery curves."""

from skfrap.preprocessing._bleach_frames import FoundBleachFrames, find_bleach_frames
from skfrap.preprocessing._bleach_region import (
    FoundBleachRegion,
    find_bleach_region,
    find_bleach_regions,
)
from skfrap.preprocessing._check import check_corrector
from skfrap.preprocessing._compartment import CompartmentExtractor
from skfrap.preprocessing._corrector import StackCorrector
from skfrap.preprocessing._curves import RecoveryCurveExtractor
from skfrap.preprocessing._drift import Drift, compute_drift
from skfrap.preprocessing._drift_corrector import DriftCorrector
from skfrap.preprocessing._function import StackFunction
from skfrap.preprocessing._images import (
    BackgroundSubtractor,
    FadingCorrector,
    FlatFieldCorrector,
    IntensityRescaler,
)
from skfrap.preprocessing._levels import (
    FoundDarkLevel,
    FoundReference,
    find_dark_level,
    find_reference_region,
)
from skfrap.preprocessing._normalise import Normalizer
from skfrap.preprocessing._outlines import FoundCompartment, find_compartment
from skfrap.preprocessing._reference import ReferenceCorrector
from skfrap.preprocessing._rings import RingExtractor
from skfrap.preprocessing._scores import ImageScoreExtractor
from skfrap.preprocessing._stacks import StackSequence, StackView

__all__ = [
    "BackgroundSubtractor",
    "CompartmentExtractor",
    "Drift",
    "DriftCorrector",
    "FadingCorrector",
    "FlatFieldCorrector",
    "FoundBleachFrames",
    "FoundBleachRegion",
    "FoundCompartment",
    "FoundDarkLevel",
    "FoundReference",
    "ImageScoreExtractor",
    "IntensityRescaler",
    "Normalizer",
    "RecoveryCurveExtractor",
    "ReferenceCorrector",
    "RingExtractor",
    "StackCorrector",
    "StackFunction",
    "StackSequence",
    "StackView",
    "check_corrector",
    "compute_drift",
    "find_bleach_frames",
    "find_bleach_region",
    "find_bleach_regions",
    "find_compartment",
    "find_dark_level",
    "find_reference_region",
]
