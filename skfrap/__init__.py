"""Estimate diffusion from FRAP microscopy with scikit-learn estimators."""

# Under private names: editors offer what a module imports.
from importlib import import_module as _import_module

from skfrap._pickles import refuse_old_pickles as _refuse_old_pickles

__version__ = "0.2.0"

_refuse_old_pickles()

_HOME = {
    "BayesianFRAP": "estimators",
    "Circle": "experiment",
    "Compartment": "experiment",
    "Ellipse": "experiment",
    "FRAPPipeline": "pipeline",
    "FRAPProtocol": "experiment",
    "FRAPSimulator": "simulator",
    "JointFRAP": "estimators",
    "LeastSquaresFRAP": "estimators",
    "Mask": "experiment",
    "MeasuredStartFRAP": "estimators",
    "NeuralFRAP": "estimators",
    "Polygon": "experiment",
    "Recording": "io",
    "Rectangle": "experiment",
    "load_pretrained": "pretrained",
    "make_frap_pipeline": "pipeline",
}

_SUBMODULES = {
    "analysis",
    "app",
    "calibration",
    "cells",
    "comparison",
    "datasets",
    "design",
    "estimators",
    "experiment",
    "io",
    "judging",
    "metrics",
    "models",
    "parameters",
    "persistence",
    "pipeline",
    "plotting",
    "preprocessing",
    "pretrained",
    "replicates",
    "report",
    "results",
    "scaling",
    "simulator",
}

__all__ = [*_HOME]


def __getattr__(name):
    # Public names are looked up on first use, so that `import skfrap` costs next to nothing.
    # Editors, which run nothing, read __init__.pyi instead.
    if name in _HOME:
        return getattr(_import_module(f"skfrap.{_HOME[name]}"), name)
    if name in _SUBMODULES:
        return _import_module(f"skfrap.{name}")
    raise AttributeError(f"module 'skfrap' has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_SUBMODULES, "__version__"])
