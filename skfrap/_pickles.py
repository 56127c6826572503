"""Pickles of other versions, which name what is gone by now: refused in words.

A pickle is a program that rebuilds objects from private modules and attributes, and holds for the
version that wrote it. Files of :func:`skfrap.persistence.save` hold for later ones too.
"""

import importlib.abc
import sys

_GONE = {
    "skfrap._geometry",
    "skfrap._tables",
    "skfrap._threads",
    *(
        f"skfrap.estimators._{name}"
        for name in (
            "arguments",
            "bootstrap",
            "deviations",
            "diagnostics",
            "features",
            "fitting",
            "intervals",
            "keras",
            "levenberg_marquardt",
            "likelihood",
            "network",
            "network_options",
            "objectives",
            "posterior",
            "priors",
            "quadrature",
            "results",
            "starts",
            "stream",
            "task",
            "training",
        )
    ),
    *(
        f"skfrap.models._{name}"
        for name in ("chebyshev", "direct", "edges", "imaging", "local", "radial", "spectral")
    ),
    *(f"skfrap.io._{name}" for name in ("metadata", "scan", "tiff")),
    "skfrap.models._surrogate",
}


_STAMP = "_pickled_by_skfrap"  # from version 0.2 on


def stamped(state, version):
    """Return what is pickled of an estimator, with the version that does so."""
    return state | {_STAMP: version}


def unstamped(state, version, what):
    """Return what an estimator is made of, if this version may have pickled it.

    That is another version than fitted the estimator, where it came out of a file.

    Parameters
    ----------
    state : dict
        As unpickled.
    version : str
        This one.
    what : str
        Its class, for the message.

    Returns
    -------
    dict

    Raises
    ------
    ImportError
        If the estimator is fitted and a version with another minor number pickled it.
    """
    state = dict(state)
    by = state.pop(_STAMP, "0.1" if "skfrap_version_" in state else version)
    if _minor(by) != _minor(version):
        raise refusal(f"a fitted {what} of another version cannot be unpickled", _minor(by))
    return state


def _minor(version):
    return ".".join(version.split(".")[:2])


def refusal(what, version="0.1"):
    """Return the error that says what to do with a pickle of another version."""
    return ImportError(
        f"{what}. A pickle (joblib.dump, pickle.dump) of skfrap {version} holds for that version "
        f"only: load it with skfrap {version}, write it there with skfrap.persistence.save, and "
        "read that file here with skfrap.persistence.load."
    )


class _GoneModules(importlib.abc.MetaPathFinder):
    """Is asked last, for modules that nothing else has found."""

    def find_spec(self, name, path, target=None):
        if name in _GONE:
            raise refusal(f"there is no module {name} any more")
        return


def refuse_old_pickles():
    """Let imports of modules that are gone say why."""
    if not any(isinstance(finder, _GoneModules) for finder in sys.meta_path):
        sys.meta_path.append(_GoneModules())
