"""Another name of what is in :mod:`skfrap.experiment` about the protocol."""

from skfrap.experiment import FRAPProtocol

__all__ = ["FRAPProtocol"]
