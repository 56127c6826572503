"""Estimators: recovery curves to parameters, as scikit-learn regressors."""

from skfrap.estimators._least_squares import LeastSquaresFRAP
from skfrap.estimators._neural import NeuralFRAP
from skfrap.estimators._results import FRAPEstimates

__all__ = ["FRAPEstimates", "LeastSquaresFRAP", "NeuralFRAP"]
