"""From one image series to a result: what the command line and reports are made of.

Everything that must be known of an experiment is taken from what the user says, then from the file,
then from a default; each :class:`SeriesAnalysis` tells which came from where.
"""

from skfrap.analysis._analyse import SeriesAnalysis, analyse_series
from skfrap.analysis._center import FoundCenter, find_center
from skfrap.analysis._curves import analyse_curve
from skfrap.analysis._live import LiveAnalysis
from skfrap.analysis._options import ExperimentOptions
from skfrap.analysis._recordings import describe_experiment, read_recordings
from skfrap.analysis._seen import SeenStart
from skfrap.analysis._spots import analyse_spots

__all__ = [
    "ExperimentOptions",
    "FoundCenter",
    "LiveAnalysis",
    "SeenStart",
    "SeriesAnalysis",
    "analyse_curve",
    "analyse_series",
    "analyse_spots",
    "describe_experiment",
    "find_center",
    "read_recordings",
]
