"""Estimate diffusion from FRAP microscopy with scikit-learn estimators."""

import importlib

__version__ = "0.1.0"

_HOME = {
    "BayesianFRAP": "estimators",
    "Circle": "experiment",
    "FRAPProtocol": "experiment",
    "FRAPSimulator": "simulator",
    "LeastSquaresFRAP": "estimators",
    "Mask": "experiment",
    "NeuralFRAP": "estimators",
    "Polygon": "experiment",
    "Rectangle": "experiment",
    "load_pretrained": "pretrained",
}

__all__ = [*_HOME]


def __getattr__(name):
    # Public names are looked up on first use, so that `import skfrap` costs next to nothing.
    if name in _HOME:
        return getattr(importlib.import_module(f"skfrap.{_HOME[name]}"), name)
    raise AttributeError(f"module 'skfrap' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
