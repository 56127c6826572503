"""What bleaching left, as an unknown: sums that a geometry moves in closed form."""

from skfrap.models.starts._base import StartRows
from skfrap.models.starts._profile_rows import ProfileRows
from skfrap.models.starts._rings import RingBasis, half_radius, ring_gaussians
from skfrap.models.starts._rows import RingRows

__all__ = ["ProfileRows", "RingBasis", "RingRows", "StartRows", "half_radius", "ring_gaussians"]
