"""Least squares and likelihoods of many curves at once: starts, fits, intervals."""

__all__: list[str] = []
