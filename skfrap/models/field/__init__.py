"""The open field: solvers of diffusion and reaction on the bleach region's box and the grid."""

__all__: list[str] = []
