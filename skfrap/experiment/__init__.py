"""The experiment: field, clock and regions of a recording, and the detector's noise."""

from skfrap.experiment._compartment import Compartment
from skfrap.experiment._curves import CurveSequence
from skfrap.experiment._descriptions import parse_region, region_from_dict, region_to_dict
from skfrap.experiment._ellipse import Ellipse
from skfrap.experiment._noise import NOISE_KINDS, Noise
from skfrap.experiment._protocol import FRAPProtocol
from skfrap.experiment._regions import Circle, Mask, Polygon, Rectangle
from skfrap.experiment._rings import RingLayout
from skfrap.experiment._starts import MeasuredStart
from skfrap.experiment._tiles import TileLayout

__all__ = [
    "NOISE_KINDS",
    "Circle",
    "Compartment",
    "CurveSequence",
    "Ellipse",
    "FRAPProtocol",
    "Mask",
    "MeasuredStart",
    "Noise",
    "Polygon",
    "Rectangle",
    "RingLayout",
    "TileLayout",
    "parse_region",
    "region_from_dict",
    "region_to_dict",
]
