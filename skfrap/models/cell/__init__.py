"""The compartment: solvers on pixels inside an outline, reduced once for all curves."""

from skfrap.models.cell._engine import CompartmentEngine, geometry_of
from skfrap.models.cell._grid import CellGrid
from skfrap.models.cell._lanczos import LanczosGeometry
from skfrap.models.cell._reduced import ReducedGeometry

__all__ = ["CellGrid", "CompartmentEngine", "LanczosGeometry", "ReducedGeometry", "geometry_of"]
