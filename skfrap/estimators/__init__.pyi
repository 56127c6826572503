# What `skfrap.estimators.__getattr__` looks up, for editors and type checkers.

from skfrap.estimators._bayesian import BayesianFRAP as BayesianFRAP
from skfrap.estimators._joint import JointFRAP as JointFRAP
from skfrap.estimators._least_squares import LeastSquaresFRAP as LeastSquaresFRAP
from skfrap.estimators._measured_start import MeasuredStartFRAP as MeasuredStartFRAP
from skfrap.estimators._neural import NeuralFRAP as NeuralFRAP
from skfrap.results import FRAPEstimates as FRAPEstimates

__all__: list[str]
