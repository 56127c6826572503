"""Estimators: recovery curves to parameters, as scikit-learn regressors."""

import importlib

_HOME = {
    "BayesianFRAP": "skfrap.estimators._bayesian",
    "FRAPEstimates": "skfrap.results",
    "LeastSquaresFRAP": "skfrap.estimators._least_squares",
    "MeasuredStartFRAP": "skfrap.estimators._measured_start",
    "NeuralFRAP": "skfrap.estimators._neural",
}

__all__ = [*_HOME]


def __getattr__(name):
    # Looked up on first use: a network that only predicts has no need of the others.
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'skfrap.estimators' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
