"""The compartment: solvers on pixels inside an outline, reduced once for all curves."""

from skfrap.models.cell._engine import geometry_of
from skfrap.models.cell._grid import CellGrid
from skfrap.models.cell._lanczos import LanczosGeometry
from skfrap.models.cell._reduced import ReducedGeometry
from skfrap.models.field._measure import FourierGeometry

__all__ = ["CellGrid", "FourierGeometry", "LanczosGeometry", "ReducedGeometry", "geometry_of"]
