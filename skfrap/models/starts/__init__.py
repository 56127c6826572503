"""What bleaching left, as an unknown: sums that a geometry moves in closed form."""

from skfrap.models.starts._rings import RingBasis, half_radius, ring_gaussians

__all__ = ["RingBasis", "half_radius", "ring_gaussians"]
