"""Kinetics: what particles do, whatever the sample looks like that they do it in."""

from skfrap.models.kinetics._anomalous import Anomalous, Subdiffusion
from skfrap.models.kinetics._base import Kinetics
from skfrap.models.kinetics._binding import Binding, effective_diffusion
from skfrap.models.kinetics._check import check_kinetics
from skfrap.models.kinetics._free import FreeDiffusion
from skfrap.models.kinetics._populations import TwoPopulations
from skfrap.models.kinetics._reaction import Reaction
from skfrap.models.kinetics._turnover import Turnover

__all__ = [
    "Anomalous",
    "Binding",
    "FreeDiffusion",
    "Kinetics",
    "Reaction",
    "Subdiffusion",
    "Turnover",
    "TwoPopulations",
    "check_kinetics",
    "effective_diffusion",
]
