"""Estimators: recovery curves to parameters, as scikit-learn regressors."""

import importlib

_HOME = {
    "BayesianFRAP": "_bayesian",
    "FRAPEstimates": "_results",
    "LeastSquaresFRAP": "_least_squares",
    "NeuralFRAP": "_neural",
}

__all__ = [*_HOME]


def __getattr__(name):
    # Looked up on first use: a network that only predicts has no need of the others.
    if name in _HOME:
        return getattr(importlib.import_module(f"skfrap.estimators.{_HOME[name]}"), name)
    raise AttributeError(f"module 'skfrap.estimators' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
