"""One source, whatever it is: images of one region or of several spots, or a table."""

from typing import Any

from skfrap.analysis._options import ExperimentOptions
from skfrap.analysis._spots import EACH
from skfrap.analysis._tables import is_table


def analyse_source(source: Any, options: ExperimentOptions) -> Any:
    """Analyse what a source is, as the command line and the page do.

    Parameters
    ----------
    source : path, list of paths or ImageSeries
        Of images, or of a table.
    options : ExperimentOptions
        Where its bleach region is "each", each of several spots is analysed by itself.

    Returns
    -------
    SeriesAnalysis or list of SeriesAnalysis
        A list of several spots.
    """
    from skfrap import analysis as functions  # as they are when they are called

    if is_table(source):
        return functions.analyse_curve(source, options)
    if options.bleach_region == EACH:
        return functions.analyse_spots(source, options)
    return functions.analyse_series(source, options)
