"""Analyses of what is open, as the command line does them, and the last one kept."""

import warnings
from typing import Any

from skfrap.analysis import ExperimentOptions
from skfrap.analysis._sources import analyse_source
from skfrap.analysis._spots import EACH
from skfrap.analysis._stages import StagedAnalysis
from skfrap.app._outcome import describe_result
from skfrap.app._reading import kept


def options_of(given: dict[str, Any]) -> ExperimentOptions:
    """Make options of what the page says.

    Parameters
    ----------
    given : dict
        As from :func:`skfrap.app._fields.check_given`.

    Returns
    -------
    ExperimentOptions
    """
    return ExperimentOptions(**({"start": "auto", "data": "both"} | given))


_staged: dict[str, Any] = {}  # the analysis in stages, by what it is of


def analyse_soon(keep: str, given: dict) -> list[dict[str, Any]] | None:
    """Analyse what is known of a moved region before all pixels are looked at.

    Parameters
    ----------
    keep : str
        Of the series.
    given : dict
        Settings.

    Returns
    -------
    list of dict or None
        As of :func:`analyse`; None where nothing is known before the rest.
    """
    staged = _staged_of(keep)
    if staged is None or given.get("bleach_region") == EACH:
        return None
    found = _strictly(staged.soon, options_of(given))
    return None if found is None else [describe_result(found)]


def _staged_of(keep):
    """Return the analysis in stages of images that are open; None of a table."""
    if isinstance(kept(keep), str):
        return None
    if _staged.get("keep") != keep:
        _staged.clear()
        _staged.update(keep=keep, analysis=StagedAnalysis(kept(keep)))
    return _staged["analysis"]


_last: dict[str, Any] = {}  # the analyses that are shown, by what they are of


def analyses_of(keep: str, given: dict) -> list[Any]:
    """Return what the series that is open comes to, made anew where it is not the last one.

    Parameters
    ----------
    keep : str
        Of the series.
    given : dict
        Settings.

    Returns
    -------
    list of SeriesAnalysis
        One for each of several spots.
    """
    key = repr((keep, sorted(given.items())))
    if _last.get("key") != key:
        _last.clear()
        staged, options = _staged_of(keep), options_of(given)
        if staged is None or options.bleach_region == EACH:
            analyses = analysed(kept(keep), options)
        else:
            analyses = [_strictly(staged.whole, options)]
        _last.update(key=key, analyses=analyses)
    return _last["analyses"]


def _strictly(analyse, *given):
    """Analyse as the command line does: what is computed badly is no result."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return analyse(*given)


def analysed(source: Any, options: ExperimentOptions) -> list[Any]:
    """Analyse a source, whatever it is.

    Parameters
    ----------
    source : path, list of paths or ImageSeries
        Of images, or of a table.
    options : ExperimentOptions
        What is known of the experiment.

    Returns
    -------
    list of SeriesAnalysis
        One for each of several spots.
    """
    found = _strictly(analyse_source, source, options)
    return found if isinstance(found, list) else [found]


def analyse(keep: str, given: dict) -> list[dict[str, Any]]:
    """Analyse the series, as `skfrap estimate` does.

    Parameters
    ----------
    keep : str
        Of the series.
    given : dict
        Settings.

    Returns
    -------
    list of dict
        What the page shows of it; of several spots, one for each.
    """
    _last.clear()
    return [describe_result(one) for one in analyses_of(keep, given)]
