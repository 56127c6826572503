"""Another name of what is in :mod:`skfrap.parameters` about priors."""

from skfrap.parameters import complete_prior, finite_ends

__all__ = ["complete_prior", "finite_ends"]
