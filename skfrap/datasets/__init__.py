"""Data sets larger than memory: labelled curves, image series and scores in Zarr stores."""

from skfrap.datasets._scores import StoredScores
from skfrap.datasets._store import Dataset, open  # noqa: A004 (as xarray and zarr have it)

__all__ = ["Dataset", "StoredScores", "open"]
