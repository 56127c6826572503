"""What skfrap answers with: numbers, and what is to be known of them before they are used."""

from skfrap.results._alternatives import Alternative, Alternatives
from skfrap.results._estimates import FRAPEstimates
from skfrap.results._finding import Finding
from skfrap.results._fit import Fit
from skfrap.results._joint import JointEstimates
from skfrap.results._kinds import FINDINGS, KindOfFinding

__all__ = [
    "FINDINGS",
    "Alternative",
    "Alternatives",
    "FRAPEstimates",
    "Finding",
    "Fit",
    "JointEstimates",
    "KindOfFinding",
]
