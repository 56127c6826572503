"""Pictures of curves, fits and series, as scikit-learn Displays. Needs matplotlib."""

from skfrap.plotting._comparison import ModelComparisonDisplay
from skfrap.plotting._curves import RecoveryCurveDisplay, plot_analysis
from skfrap.plotting._noise import NoiseCalibrationDisplay
from skfrap.plotting._plan import ExperimentPlanDisplay
from skfrap.plotting._replicates import ReplicatesDisplay
from skfrap.plotting._residuals import ResidualsDisplay

__all__ = [
    "ExperimentPlanDisplay",
    "ModelComparisonDisplay",
    "NoiseCalibrationDisplay",
    "RecoveryCurveDisplay",
    "ReplicatesDisplay",
    "ResidualsDisplay",
    "plot_analysis",
]
