"""Pictures of curves, fits and series, as scikit-learn Displays. Needs matplotlib."""

from skfrap.plotting._comparison import ModelComparisonDisplay
from skfrap.plotting._coverage import CoverageDisplay
from skfrap.plotting._curves import RecoveryCurveDisplay, plot_analysis
from skfrap.plotting._drift import DriftDisplay
from skfrap.plotting._noise import NoiseCalibrationDisplay
from skfrap.plotting._plan import ExperimentPlanDisplay
from skfrap.plotting._posterior import PosteriorDisplay
from skfrap.plotting._profile import ProfileDisplay
from skfrap.plotting._replicates import ReplicatesDisplay
from skfrap.plotting._residuals import ResidualsDisplay
from skfrap.plotting._start import MeasuredStartDisplay
from skfrap.plotting._truth import EstimatedVersusTrueDisplay

__all__ = [
    "CoverageDisplay",
    "DriftDisplay",
    "EstimatedVersusTrueDisplay",
    "ExperimentPlanDisplay",
    "MeasuredStartDisplay",
    "ModelComparisonDisplay",
    "NoiseCalibrationDisplay",
    "PosteriorDisplay",
    "ProfileDisplay",
    "RecoveryCurveDisplay",
    "ReplicatesDisplay",
    "ResidualsDisplay",
    "plot_analysis",
]
