"""What can be estimated: parameters, the space that they span, and what is known beforehand."""

from skfrap.parameters._paper import table_1_prior
from skfrap.parameters._parameter import PARAMETERS, Parameter, define, parameter
from skfrap.parameters._priors import complete_prior, finite_ends

__all__ = [
    "PARAMETERS",
    "Parameter",
    "complete_prior",
    "define",
    "finite_ends",
    "parameter",
    "table_1_prior",
]
