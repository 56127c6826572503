"""Stacks seen through corrections, computed when and where they are looked at.

A correction is two functions: ``_prepare(view)`` looks at one stack as the corrections before it
left it and returns what it needs to know of it (say, its background); ``_apply(block, state,
frames, rows, columns)`` then corrects any part of that stack, in place. So a curve that needs only
the pixels of the bleach region never pays for the others, and no more than one stack is in memory
as floats at a time.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from skfrap.io import ImageSeries, load_stack, read_series


class StackTransformer(TransformerMixin, BaseEstimator):
    """Say to scikit-learn that X holds stacks, not rows of a table."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = False
        return tags


class StackView:
    """Look at one stack through corrections.

    Parameters
    ----------
    stack : ndarray of shape (n_frames, ny, nx)
    corrections : sequence of transformers
    """

    def __init__(self, stack, corrections=()):
        self.stack = stack
        self._corrections = []
        for correction in corrections:  # each sees the stack as those before it leave it
            self._corrections.append((correction, correction._prepare(self)))

    @property
    def shape(self):
        """Tuple of int: (n_frames, ny, nx)."""
        return self.stack.shape

    def read(self, frames=slice(None), rows=slice(None), columns=slice(None)):
        """Compute a part of the corrected stack, as floats of its own memory."""
        part = self.stack[frames, rows, columns]
        dtype = part.dtype if part.dtype.kind == "f" else np.float32
        block = part.astype(dtype)
        for correction, state in self._corrections:
            correction._apply(block, state, frames, rows, columns)
        return block


class StackSequence(Sequence):
    """Hold image stacks that are read and corrected one at a time, when asked for.

    ``sequence[i]`` computes the i-th stack, an array (n_frames, ny, nx); a slice or an array of
    indices gives another sequence; `numpy.asarray` computes all of them.

    Parameters
    ----------
    source : array-like of shape (n, n_frames, ny, nx) or sequence
        Stacks: arrays (n_frames, ny, nx), paths of files (see :func:`skfrap.io.read_series`),
        :class:`skfrap.io.ImageSeries`, or a StackSequence.
    corrections : sequence of transformers, default=()
    """

    def __init__(self, source, corrections=()):
        if isinstance(source, StackSequence):
            corrections = (*source._corrections, *corrections)
            source = source._source
        elif isinstance(source, str | Path):
            raise ValueError(
                f"X must be a sequence of stacks or paths, got one path {str(source)!r}; "
                "give [path]."
            )
        elif hasattr(source, "iloc") or (
            isinstance(source, np.ndarray) and source.dtype.kind in "OUT"
        ):
            source = list(source)  # a pandas Series or an array of paths: by place, not by label
        elif isinstance(source, np.ndarray):
            if source.ndim != 4:
                raise ValueError(
                    "X must have the shape (n_samples, n_frames, ny, nx), got shape "
                    f"{source.shape}" + ("; give X[np.newaxis] for one stack." * (source.ndim == 3))
                )
        elif not hasattr(source, "__getitem__") or not hasattr(source, "__len__"):
            raise ValueError(f"X must be an array or a sequence of stacks, got {type(source)}.")
        if len(source) == 0:
            raise ValueError("X must hold at least one stack, got none.")
        self._source = source
        self._corrections = tuple(corrections)

    def __len__(self):
        return len(self._source)

    def __getitem__(self, key):
        if isinstance(key, int | np.integer):
            return self.view(key).read()
        if isinstance(self._source, np.ndarray):
            return StackSequence(self._source[key], self._corrections)
        if isinstance(key, slice):
            return StackSequence(self._source[key], self._corrections)
        key = np.asarray(key)
        indices = np.flatnonzero(key) if key.dtype == bool else key
        return StackSequence([self._source[i] for i in indices], self._corrections)

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("a StackSequence computes its stacks; copy=False cannot be had.")
        return np.stack(list(self)).astype(dtype or self.dtype, copy=False)

    def __repr__(self):
        names = ", ".join(type(correction).__name__ for correction in self._corrections)
        return f"StackSequence({len(self)} stacks; {names or 'as they are'})"

    @property
    def shape(self):
        """Tuple of int: (n, n_frames, ny, nx), if the first stack speaks for all."""
        return (len(self), *self.raw(0).shape)

    @property
    def ndim(self):
        """Number of axes, 4."""
        return 4

    @property
    def dtype(self):
        """Floating-point type of the computed stacks."""
        dtype = self.raw(0).dtype
        return dtype if dtype.kind == "f" else np.dtype(np.float32)

    def view(self, index):
        """Look at one stack without computing all of it."""
        try:
            return StackView(self.raw(index), self._corrections)
        except ValueError as error:
            raise ValueError(f"{self.describe(index)}: {error}") from error

    def describe(self, index):
        """Name a stack for people: its path, or its place."""
        item = self._source[index]
        if isinstance(item, str | Path):
            return str(item)
        return item.name if isinstance(item, ImageSeries) else f"stack {index}"

    def raw(self, index):
        """Read one stack as it is, without corrections."""
        return self.raw_and_bit_depth(index)[0]

    def raw_and_bit_depth(self, index):
        """Read one stack, and the bit depth that its file declares, or None.

        That its pixels have room for 16 bits does not say that the detector has them.
        """
        item = self._source[index]
        if isinstance(item, str | Path):
            item = read_series(item)
        stack = load_stack(item)
        if stack.ndim != 3:
            raise ValueError(
                f"{self.describe(index)}: must be (n_frames, ny, nx), got shape {stack.shape}."
            )
        declared = item.bit_depth if isinstance(item, ImageSeries) else None
        room = 8 * stack.dtype.itemsize
        return stack, declared if declared is not None and declared < room else None
