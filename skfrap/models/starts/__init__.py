"""What bleaching left, as an unknown: sums that a geometry moves in closed form."""

from skfrap.models.starts._rings import RingBasis, half_radius, ring_gaussians
from skfrap.models.starts._rows import RingRows

__all__ = ["RingBasis", "RingRows", "half_radius", "ring_gaussians"]
