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


class _OpenSeries:
    """Remember of the series that is open what was analysed of it last; of another one nothing.

    Parameters
    ----------
    keep : str
        Of the series.
    """

    def __init__(self, keep: str):
        self.keep = keep
        source = kept(keep)
        self._staged = None if isinstance(source, str) else StagedAnalysis(source)
        self._given = ""
        self._analyses: list[Any] = []

    def soon(self, given: dict) -> Any:
        """Return what is known of a moved region before the rest, None where nothing is."""
        if self._staged is None or given.get("bleach_region") == EACH:
            return None
        return _strictly(self._staged.soon, options_of(given))

    def analyses(self, given: dict, anew: bool) -> list[Any]:
        """Return analyses with some settings: the last ones, if they are of these and will do."""
        asked = repr(sorted(given.items()))
        if anew or self._given != asked:
            self._given, self._analyses = "", []
            options = options_of(given)
            if self._staged is None or options.bleach_region == EACH:
                self._analyses = analysed(kept(self.keep), options)
            else:
                self._analyses = [_strictly(self._staged.whole, options)]
            self._given = asked
        return self._analyses


_open: list[_OpenSeries] = []  # one, or none yet


def _open_series(keep):
    if not _open or _open[0].keep != keep:
        _open[:] = [_OpenSeries(keep)]
    return _open[0]


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
    found = _open_series(keep).soon(given)
    return None if found is None else [describe_result(found)]


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
    return _open_series(keep).analyses(given, anew=False)


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
    return [describe_result(one) for one in _open_series(keep).analyses(given, anew=True)]
