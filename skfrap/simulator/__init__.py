"""The dataset generator: recovery curves and image series with known parameters."""

from skfrap.simulator._simulator import FRAPSimulator

__all__ = ["FRAPSimulator"]
