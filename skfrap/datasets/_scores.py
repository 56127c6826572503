"""Scores of image series that stay on disk."""

from typing import Any

import numpy as np

from skfrap.models import ImageScores, ImageSurrogate


class StoredScores:
    """Hold the rows of ImageScores on disk; ``scores[some]`` reads some of them as ImageScores.

    Estimators take it as it is, and read it in chunks.

    Parameters
    ----------
    rows : zarr.Array of shape (n, n_columns)
        As of :class:`skfrap.models.ImageScores`.
    surrogate : ImageSurrogate
        What they are scores of.

    Attributes
    ----------
    shape : tuple of int
        (n, n_columns).
    chunks : tuple of int
        What is read at the least.
    """

    def __init__(self, rows: Any, surrogate: ImageSurrogate):
        self.surrogate = surrogate
        self.shape, self.chunks = rows.shape, rows.chunks
        self._rows = rows

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> ImageScores:
        return ImageScores(np.atleast_2d(np.asarray(self._rows[key], dtype=float)), self.surrogate)

    def __repr__(self) -> str:
        return f"StoredScores({len(self)} series of {self.surrogate!r})"

    def read_samples(self, rows: slice) -> ImageScores:
        """Read some rows, as whoever reads in chunks asks for them.

        Parameters
        ----------
        rows : slice
            Which, from 0.

        Returns
        -------
        ImageScores
        """
        return self[rows]
