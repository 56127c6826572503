"""Images in cells of rings and sectors: what each holds of the images that a model is made of.

Each pixel is in one cell. What a fit asks of the pixels of some cells, sums of products with the
basis' images, takes one pass over the frames for all of them.
"""

from dataclasses import dataclass

import numpy as np

_BLOCK = 8  # frames at once
N_SECTORS = 8
_EDGES = 0.5, 0.8, 1.0, 1.2, 1.5, 1.9, 2.4, 3.0
"""Radii between rings, in radii of the bleach region."""
_FEWEST = 12  # pixels of a ring: of fewer it is one with the next


@dataclass(frozen=True, eq=False)
class ImageCells:
    """Divide a field into rings about a middle, and these into sectors.

    Parameters
    ----------
    index : ndarray of shape (ny, nx) of int
        ``ring * n_sectors + sector`` of each pixel.
    radii : ndarray of shape (n_rings,)
        Outer ends of the rings, in pixels; the last is infinite.
    n_sectors : int
    """

    index: np.ndarray
    radii: np.ndarray
    n_sectors: int = N_SECTORS

    @classmethod
    def about(cls, shape, center, radius, n_sectors=N_SECTORS):
        """Divide a field about the middle of a region.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns.
        center : tuple of float
            (x, y) of the region's middle, in pixels; the first pixel's middle is at (0.5, 0.5).
        radius : float
            Of the region, in pixels.
        n_sectors : int, default=8

        Returns
        -------
        ImageCells
        """
        y, x = np.indices(shape) + 0.5
        x, y = x - center[0], y - center[1]
        distance = np.hypot(x, y)
        edges, inside = [], 0
        for edge in np.multiply(_EDGES, radius):
            n = np.count_nonzero(distance < edge)
            if n - inside >= _FEWEST and distance.size - n >= _FEWEST:
                edges.append(edge)
                inside = n
        ring = np.searchsorted(edges, distance, side="right")
        sector = np.floor(np.arctan2(y, x) / (2 * np.pi) * n_sectors).astype(int) % n_sectors
        return cls(ring * n_sectors + sector, np.append(edges, np.inf), n_sectors)

    @property
    def n_rings(self):
        """How many rings there are."""
        return len(self.radii)

    @property
    def n_cells(self):
        """How many cells there are, empty ones too."""
        return self.n_rings * self.n_sectors

    @property
    def ring(self):
        """The ring of each cell, (n_cells,)."""
        return np.arange(self.n_cells) // self.n_sectors

    @property
    def sector(self):
        """The sector of each cell, (n_cells,)."""
        return np.arange(self.n_cells) % self.n_sectors


@dataclass(frozen=True, eq=False)
class CellScores:
    """Hold what a fit asks of the pixels of each cell.

    Attributes
    ----------
    cells : ImageCells
    scores : ndarray of shape (n_frames, n_cells, K)
        Products of frames and the basis' images, summed over the pixels of a cell.
    squares : ndarray of shape (n_frames, n_cells)
        Sums of the squares of pixels.
    grams : ndarray of shape (n_cells, K, K)
        Products of the basis' images with each other, summed likewise.
    counts : ndarray of shape (n_cells,)
        Pixels.
    """

    cells: ImageCells
    scores: np.ndarray
    squares: np.ndarray
    grams: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, frames, images, cells):
        """Sum up a stack.

        Parameters
        ----------
        frames : array-like of shape (n_frames, ny, nx)
            Of the window that the images are of.
        images : ndarray of shape (K, ny, nx)
        cells : ImageCells
            Of the same window.

        Returns
        -------
        CellScores
        """
        n, (K, n_cells) = len(frames), (len(images), cells.n_cells)
        order = np.argsort(cells.index, axis=None, kind="stable")
        counts = np.bincount(cells.index.ravel(), minlength=n_cells)
        ends = np.concatenate([[0], np.cumsum(counts)])
        basis = np.asarray(images, dtype=np.float32).reshape(K, -1)[:, order]
        parts = [(k, slice(ends[k], ends[k + 1])) for k in np.flatnonzero(counts)]
        grams = np.zeros((n_cells, K, K))
        for k, part in parts:
            some = basis[:, part].astype(float)
            grams[k] = some @ some.T
        scores, squares = np.zeros((n, n_cells, K)), np.zeros((n, n_cells))
        # What is subtracted before squaring keeps single precision precise enough.
        level = float(np.mean(frames[0]))
        lift = np.stack([basis[:, part].sum(axis=1, dtype=float) for _, part in parts])
        places = [k for k, _ in parts]
        for first in range(0, n, _BLOCK):
            some = slice(first, min(n, first + _BLOCK))
            block = np.asarray(frames[some], dtype=np.float32).reshape(some.stop - first, -1)
            block = block[:, order] - np.float32(level)
            for k, part in parts:
                scores[some, k] = block[:, part] @ basis[:, part].T
                squares[some, k] = np.einsum("tx,tx->t", block[:, part], block[:, part])
            sums = np.add.reduceat(block, [part.start for _, part in parts], axis=1)
            squares[some, places] += level * (2 * sums + level * counts[places])
        scores[:, places] += level * lift
        return cls(cells, scores, squares, grams, counts)

    def together(self, some):
        """Sum over some cells: scores (n_frames, K) and gram (K, K).

        Parameters
        ----------
        some : ndarray of shape (n_cells,) of bool
        """
        return self.scores[:, some].sum(axis=1), self.grams[some].sum(axis=0)

    def residual_squares(self, model):
        """Sum the squares of what a model leaves, (n_frames, n_cells).

        Parameters
        ----------
        model : ndarray of shape (n_frames, K)
            Coefficients of its frames on the images.
        """
        cross = np.einsum("tck,tk->tc", self.scores, model)
        own = np.einsum("tk,ckl,tl->tc", model, self.grams, model, optimize=True)
        return np.maximum(self.squares - 2 * cross + own, 0.0)

    def residual_scores(self, model):
        """Project what a model leaves on the images, cell by cell, (n_frames, n_cells, K)."""
        own = np.einsum("ckl,tl->tck", self.grams, model, optimize=True)
        return self.scores - own
