"""Data sets larger than memory: labelled curves and image series in Zarr stores."""

from skfrap.datasets._store import Dataset, open  # noqa: A004 (as xarray and zarr have it)

__all__ = ["Dataset", "open"]
