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
from skfrap.parameters._priors import (
    complete_prior,
    continuous_distribution,
    finite_ends,
    plain_prior,
    prior_of_plain,
)
from skfrap.parameters._space import ParameterSpace, check_value
from skfrap.parameters._targets import (
    check_target_names,
    columns_of_targets,
    given_target_names,
    in_columns_of,
    names_of_targets,
    targets_answered_by,
)

__all__ = [
    "PARAMETERS",
    "Parameter",
    "ParameterSpace",
    "check_target_names",
    "check_value",
    "columns_of_targets",
    "complete_prior",
    "continuous_distribution",
    "define",
    "finite_ends",
    "given_target_names",
    "in_columns_of",
    "is_parameter",
    "is_uncertain",
    "names_of_targets",
    "parameter",
    "parameter_of_target",
    "plain_prior",
    "prior_of_plain",
    "table_1_prior",
    "targets_answered_by",
]
