"""Numerical methods that know nothing of FRAP: interpolation, minimisation, quadrature, threads."""

__all__: list[str] = []
