"""The exact posterior of a curve's parameters, by quadrature."""

__all__: list[str] = []
