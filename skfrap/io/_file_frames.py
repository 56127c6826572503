"""Frames that stay in their file until they are asked for."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import ArrayLike, DTypeLike

from skfrap.io._limits import check_memory


class FileFrames(NDArrayOperatorsMixin):
    """Hold the frames of a file, of which only what is indexed is read.

    It is indexed as an array of three axes, and of some rows only these are read. Whatever else an
    array can do it does with all frames, as `numpy.asarray` reads them. The file is open only while
    it is read.

    Parameters
    ----------
    path : path
        Of the file.
    offsets : array-like of int, shape (n_frames,)
        Where each frame's first pixel is, bytes from the start of the file.
    shape : tuple of int
        (ny, nx).
    dtype : dtype
        Of pixels, in the order of bytes of the file.
    steps : tuple of int, default=None
        Bytes from row to row and from pixel to pixel; None for pixels that follow each other.

    Attributes
    ----------
    shape : tuple of int
        (n_frames, ny, nx).
    dtype : dtype
        In this machine's order of bytes.

    Raises
    ------
    ValueError
        If a frame is not in the file, or not all of it.
    """

    ndim = 3

    def __init__(
        self,
        path: str | os.PathLike[str],
        offsets: ArrayLike,
        shape: Sequence[int],
        dtype: DTypeLike,
        steps: Sequence[int] | None = None,
    ) -> None:
        ny, nx = (int(n) for n in shape)
        self.path = os.fspath(path)
        self.offsets = np.asarray(offsets, dtype=np.int64)
        self._stored = np.dtype(dtype)
        self.dtype = self._stored.newbyteorder("=")
        self.shape = (len(self.offsets), ny, nx)
        size = self._stored.itemsize
        self._steps = (nx * size, size) if steps is None else tuple(int(one) for one in steps)
        if ny < 1 or nx < 1 or min(self._steps) < size:
            raise ValueError(f"{path} is damaged: its frames have {ny} rows of {nx} pixels.")
        n_bytes = self._span(ny)
        last = os.path.getsize(path) - n_bytes
        out = np.flatnonzero((self.offsets < 0) | (self.offsets > last))
        if len(out):
            raise ValueError(
                f"{path} is damaged or not whole: frame {out[0]} (from 0) of {len(self.offsets)} "
                "lies beyond its end; copy it again."
            )

    def _span(self, n_rows):
        """Return the bytes from the first pixel of some rows to their last."""
        return (
            (n_rows - 1) * self._steps[0]
            + (self.shape[2] - 1) * self._steps[1]
            + (self._stored.itemsize)
        )

    def joined_with(self, others: "Sequence[FileFrames]") -> "FileFrames | None":
        """Join with the frames of others, in their order.

        Parameters
        ----------
        others : sequence of FileFrames
            What comes after these.

        Returns
        -------
        FileFrames or None
            None where they are of another file, or of another kind.
        """
        alike = [(one.path, one.shape[1:], one._stored, one._steps) for one in (self, *others)]
        if any(one != alike[0] for one in alike):
            return None
        offsets = np.concatenate([one.offsets for one in (self, *others)])
        return FileFrames(self.path, offsets, self.shape[1:], self._stored, self._steps)

    def __len__(self):
        return len(self.offsets)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        """Bytes that all frames take in memory."""
        return self.size * self.dtype.itemsize

    def __repr__(self):
        n_frames, ny, nx = self.shape
        return f"FileFrames({n_frames} frames of {ny} x {nx} {self.dtype})"

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("frames of a file cannot be given without a copy.")
        frames = self[:]
        return frames if dtype is None else frames.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        inputs = [np.asarray(one) if isinstance(one, FileFrames) else one for one in inputs]
        return getattr(ufunc, method)(*inputs, **options)

    def __getattr__(self, name):
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"FileFrames has no {name!r}")
        return getattr(np.asarray(self), name)

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __getitem__(self, key):
        key = key if isinstance(key, tuple) else (key,)
        if any(one is None for one in key):
            return np.asarray(self)[key]
        if any(one is Ellipsis for one in key):
            dots = next(k for k, one in enumerate(key) if one is Ellipsis)
            key = (*key[:dots], *[slice(None)] * (4 - len(key)), *key[dots + 1 :])
        first, rest = (key[0], key[1:]) if key else (slice(None), ())
        single = isinstance(first, int | np.integer)
        if single and not -len(self) <= first < len(self):
            raise IndexError(f"there are {len(self)} frames, got the index {first}.")
        wanted = np.atleast_1d(np.arange(len(self))[first])
        simple = all(isinstance(one, int | np.integer | slice) for one in rest)
        if wanted.ndim > 1 or (rest and not (simple or len(rest) == 1)):
            return np.asarray(self)[key]
        rows, within = slice(0, self.shape[1]), rest
        if rest and isinstance(rest[0], int | np.integer):
            row = int(rest[0]) + self.shape[1] * (rest[0] < 0)
            if not 0 <= row < self.shape[1]:
                raise IndexError(f"there are {self.shape[1]} rows, got the index {rest[0]}.")
            rows, within = slice(row, row + 1), (0, *rest[1:])
        elif rest and isinstance(rest[0], slice) and (rest[0].step or 1) == 1:
            start, stop, _ = rest[0].indices(self.shape[1])
            rows, within = slice(start, max(start, stop)), (slice(None), *rest[1:])
        frames = self._read(wanted, rows)
        frames = frames[(slice(None), *within)] if within else frames
        return frames[0] if single else frames

    def _read(self, wanted, rows):
        """Read some rows of some frames, in their order."""
        n_rows, nx = rows.stop - rows.start, self.shape[2]
        check_memory(len(wanted) * n_rows * nx * self.dtype.itemsize, self.path)
        frames = np.empty((len(wanted), n_rows, nx), self.dtype)
        if n_rows == 0 or len(wanted) == 0:
            return frames
        n_bytes = self._span(n_rows)
        with open(self.path, "rb", buffering=0) as file:
            for frame, offset in zip(frames, self.offsets[wanted], strict=True):
                file.seek(int(offset) + rows.start * self._steps[0])
                content = file.read(n_bytes)
                if len(content) < n_bytes:
                    raise ValueError(f"{self.path} has become shorter since it was opened.")
                frame[:] = np.ndarray((n_rows, nx), self._stored, content, 0, self._steps)
        return frames
