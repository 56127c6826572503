"""Kinetics: what particles do, whatever the sample looks like that they do it in."""

from skfrap.models.kinetics._base import Kinetics
from skfrap.models.kinetics._binding import Binding, effective_diffusion
from skfrap.models.kinetics._check import check_kinetics
from skfrap.models.kinetics._free import FreeDiffusion
from skfrap.models.kinetics._populations import TwoPopulations

__all__ = [
    "Binding",
    "FreeDiffusion",
    "Kinetics",
    "TwoPopulations",
    "check_kinetics",
    "effective_diffusion",
]
