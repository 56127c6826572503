"""Estimators: recovery curves to parameters, as scikit-learn regressors."""

from importlib import import_module as _import_module

_HOME = {
    "BayesianFRAP": "skfrap.estimators._bayesian",
    "FRAPEstimates": "skfrap.results",
    "JointFRAP": "skfrap.estimators._joint",
    "LeastSquaresFRAP": "skfrap.estimators._least_squares",
    "MeasuredStartFRAP": "skfrap.estimators._measured_start",
    "NeuralFRAP": "skfrap.estimators._neural",
}

__all__ = [*_HOME]


def __getattr__(name):
    # Looked up on first use: a network that only predicts has no need of the others.
    if name in _HOME:
        return getattr(_import_module(_HOME[name]), name)
    raise AttributeError(f"module 'skfrap.estimators' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
