"""Which model a curve needs: likelihoods, information criteria and tests of nested models."""

from skfrap.comparison._candidates import options_for
from skfrap.comparison._comparison import (
    CANDIDATES,
    ModelComparison,
    ModelFit,
    NestedTest,
    compare_models,
)
from skfrap.comparison._criteria import information_criteria, log_likelihood, nested_f_test
from skfrap.comparison._readings import compare_readings

__all__ = [
    "CANDIDATES",
    "ModelComparison",
    "ModelFit",
    "NestedTest",
    "compare_models",
    "compare_readings",
    "information_criteria",
    "log_likelihood",
    "nested_f_test",
    "options_for",
]
