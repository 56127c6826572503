"""What can be estimated: parameters, the space that they span, and what is known beforehand."""

from skfrap.parameters._paper import table_1_prior
from skfrap.parameters._parameter import (
    PARAMETERS,
    Parameter,
    define,
    is_parameter,
    is_uncertain,
    parameter,
    parameter_of_target,
)
from skfrap.parameters._priors import complete_prior, finite_ends
from skfrap.parameters._space import ParameterSpace, check_value

__all__ = [
    "PARAMETERS",
    "Parameter",
    "ParameterSpace",
    "check_value",
    "complete_prior",
    "define",
    "finite_ends",
    "is_parameter",
    "is_uncertain",
    "parameter",
    "parameter_of_target",
    "table_1_prior",
]
