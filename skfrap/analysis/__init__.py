"""From one image series to a result: what the command line and reports are made of.

Everything that must be known of an experiment is taken from what the user says, then from the file,
then from a default; each :class:`SeriesAnalysis` tells which came from where.
"""

from skfrap.analysis._analyse import SeriesAnalysis, analyse_series
from skfrap.analysis._center import FoundCenter, find_center
from skfrap.analysis._curves import analyse_curve
from skfrap.analysis._experiment import describe_experiment
from skfrap.analysis._options import ExperimentOptions
from skfrap.analysis._recordings import read_recordings
from skfrap.analysis._seen import SeenStart

__all__ = [
    "ExperimentOptions",
    "FoundCenter",
    "SeenStart",
    "SeriesAnalysis",
    "analyse_curve",
    "analyse_series",
    "describe_experiment",
    "find_center",
    "read_recordings",
]
