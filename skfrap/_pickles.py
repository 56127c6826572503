"""Pickles of version 0.1, which name modules that are gone: refused in words.

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
    "skfrap.models._surrogate",
}


def refusal(what):
    """Return the error that says what to do with a pickle of another version."""
    return ImportError(
        f"{what}: this is a pickle (joblib.dump, pickle.dump) of skfrap 0.1, and pickles hold for "
        "the version that wrote them only. Load it with skfrap 0.1, write it there with "
        "skfrap.persistence.save, and read that file here with skfrap.persistence.load."
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
