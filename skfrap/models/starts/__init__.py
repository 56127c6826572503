"""What bleaching left, as an unknown: sums that a geometry moves in closed form."""

from skfrap.models.starts._base import StartRows as StartRows
from skfrap.models.starts._modes import ModeBasis as ModeBasis
from skfrap.models.starts._modes import ModeRows as ModeRows
from skfrap.models.starts._profile_rows import ProfileRows as ProfileRows
from skfrap.models.starts._rings import RingBasis as RingBasis
from skfrap.models.starts._rings import half_radius as half_radius
from skfrap.models.starts._rings import ring_gaussians as ring_gaussians
from skfrap.models.starts._rows import RingRows as RingRows
from skfrap.models.starts._tiles import TileModes as TileModes
from skfrap.models.starts._tiles import tile_modes as tile_modes

__all__: list[str] = []
