"""Estimate diffusion from FRAP microscopy with scikit-learn estimators."""

import importlib

from skfrap._pickles import refuse_old_pickles

__version__ = "0.2.0.dev0"

refuse_old_pickles()

_HOME = {
    "BayesianFRAP": "estimators",
    "Circle": "experiment",
    "FRAPPipeline": "pipeline",
    "FRAPProtocol": "experiment",
    "FRAPSimulator": "simulator",
    "LeastSquaresFRAP": "estimators",
    "Mask": "experiment",
    "NeuralFRAP": "estimators",
    "Polygon": "experiment",
    "Rectangle": "experiment",
    "load_pretrained": "pretrained",
    "make_frap_pipeline": "pipeline",
}

__all__ = [*_HOME]


def __getattr__(name):
    # Public names are looked up on first use, so that `import skfrap` costs next to nothing.
    if name in _HOME:
        return getattr(importlib.import_module(f"skfrap.{_HOME[name]}"), name)
    raise AttributeError(f"module 'skfrap' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
