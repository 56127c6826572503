"""The exact posterior of a curve's parameters, by quadrature."""
