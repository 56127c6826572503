"""Stacks seen through corrections, computed when and where they are looked at.

A correction is two functions: ``prepare(view)`` looks at one stack as the corrections before it
left it and returns what it needs to know of it (say, its background); ``apply(block, state,
frames, rows, columns)`` then corrects any part of that stack, in place. So a curve that needs only
the pixels of the bleach region never pays for the others, and no more than one stack is in memory
as floats at a time. What was read of a file, and what was prepared, is kept for those who look at
the same stack next.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock, RLock

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from skfrap._state import EstimatorState
from skfrap.io import ImageSeries, load_stack, read_series

_MOST_KEPT = 2**27  # bytes of stacks that are kept as they were recorded, but always the last one
_MOST_VIEWS = 16  # of one stack


class StackTransformer(EstimatorState, TransformerMixin, BaseEstimator):
    """Say to scikit-learn that X holds stacks, not rows of a table."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = False
        return tags

    def fit_transform(self, X, y=None):
        """Fit to stacks, and then transform them; no file is read for each of the two.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
        y : Ignored

        Returns
        -------
        StackSequence or ndarray
            As from :meth:`transform`.
        """
        stacks = StackSequence(X)
        return self.fit(stacks, y).transform(stacks)


class StackView:
    """Look at one stack through corrections.

    Parameters
    ----------
    stack : ndarray of shape (n_frames, ny, nx)
        As it was recorded.
    corrections : tuple of pairs, default=()
        Correctors, and the state that each has prepared.

    Attributes
    ----------
    stack : ndarray of shape (n_frames, ny, nx)
        As it was recorded; not to be changed.
    """

    def __init__(self, stack, corrections=()):
        self.stack = stack
        self._corrections = corrections

    @property
    def shape(self):
        """Tuple of int: (n_frames, ny, nx)."""
        return self.stack.shape

    def corrected(self, corrector):
        """Look through one more correction, which is prepared by what is seen here."""
        return StackView(self.stack, (*self._corrections, (corrector, corrector.prepare(self))))

    def read(self, frames=slice(None), rows=slice(None), columns=slice(None)):
        """Compute a part of the corrected stack, as floats of its own memory.

        Parameters
        ----------
        frames, rows, columns : slice, default=slice(None)

        Returns
        -------
        ndarray of shape (n_frames, ny, nx)
            In the stack's own type if that is floating and of 32 bits or more, else float32.
        """
        part = self.stack[frames, rows, columns]
        block = part.astype(_computed_type(part.dtype))
        for corrector, state in self._corrections:
            corrector.apply(block, state, frames, rows, columns)
        return block


class _Kept:
    """Keep of the last few stacks what was read and prepared; for several threads at once."""

    def __init__(self):
        self._entries = OrderedDict()  # by the stack's place, the latest last
        self._lock = Lock()

    def entry(self, place):
        """Return what is kept of a stack, which may be nothing yet."""
        with self._lock:
            entry = self._entries.setdefault(place, _Entry())
            self._entries.move_to_end(place)
            return entry

    def shrink(self):
        """Forget the stacks that were looked at longest ago, until the others are small enough."""
        with self._lock:
            excess = sum(entry.n_bytes for entry in self._entries.values()) - _MOST_KEPT
            while excess > 0 and len(self._entries) > 1:
                _, entry = self._entries.popitem(last=False)
                excess -= entry.n_bytes


class _Entry:
    """Keep what was read of one stack, and what corrections have prepared.

    Attributes
    ----------
    lock : RLock
        To be held while something is added: others that want the same wait for it.
    recorded : tuple or None
        The stack and its bit depth.
    """

    def __init__(self):
        self.lock = RLock()
        self.recorded = None
        self._views = OrderedDict()

    @property
    def n_bytes(self):
        """Size of the stack."""
        return 0 if self.recorded is None else self.recorded[0].nbytes

    def corrected(self, view, corrector, chain):
        """Return a view through one more correction, the last of a chain, prepared once."""
        if chain not in self._views:
            self._views[chain] = view.corrected(corrector)
            if len(self._views) > _MOST_VIEWS:
                self._views.popitem(last=False)
        return self._views[chain]


class StackSequence(Sequence):
    """Hold image stacks that are read and corrected one at a time, when asked for.

    ``sequence[i]`` computes the i-th stack, an array (n_frames, ny, nx); a slice or an array of
    indices gives another sequence; `numpy.asarray` computes all of them.

    Of the last few stacks, up to 128 MiB of pixels as they were read, it keeps what it read and
    what corrections have prepared. Sequences that are made of it, by corrections, share this.

    Parameters
    ----------
    source : array-like of shape (n, n_frames, ny, nx) or sequence
        Stacks: arrays (n_frames, ny, nx), paths of files (see :func:`skfrap.io.read_series`),
        :class:`skfrap.io.ImageSeries`, or a StackSequence. Arrays are not to be changed while they
        are in use.
    corrections : sequence of StackCorrector, default=()
        Fitted. Each corrects what those before it have left.
    """

    def __init__(self, source, corrections=()):
        kept = _Kept()
        if isinstance(source, StackSequence):
            corrections = (*source._corrections, *corrections)
            kept = source._kept
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
        self._kept = kept

    def __getstate__(self):
        # A copy reads and prepares for itself.
        return self.__dict__ | {"_kept": None}

    def __setstate__(self, state):
        self.__dict__ |= state | {"_kept": _Kept()}

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
        return _computed_type(self.raw(0).dtype)

    def view(self, index):
        """Look at one stack without computing all of it."""
        place = self._place(index)
        entry = self._kept.entry(place)
        with entry.lock:
            stack, _ = self._recorded(entry, place)
            view = StackView(stack)
            for k, corrector in enumerate(self._corrections, 1):
                try:
                    view = entry.corrected(view, corrector, self._corrections[:k])
                except ValueError as error:
                    raise ValueError(f"{self.describe(place)}: {error}") from error
        return view

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
        place = self._place(index)
        return self._recorded(self._kept.entry(place), place)

    def _place(self, index):
        """Count a stack's place from the start."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} stacks, got the index {index}.")
        return int(index) % len(self)

    def _recorded(self, entry, place):
        """Return a stack and its bit depth, read once as long as it is kept."""
        with entry.lock:
            if entry.recorded is None:
                entry.recorded = self._read(place)
        self._kept.shrink()
        return entry.recorded

    def _read(self, place):
        item = self._source[place]
        if isinstance(item, str | Path):
            item = read_series(item)
            item.frames.flags.writeable = False  # others look at the same
        stack = load_stack(item)
        if stack.ndim != 3:
            raise ValueError(
                f"{self.describe(place)}: must be (n_frames, ny, nx), got shape {stack.shape}."
            )
        if stack.size == 0:
            raise ValueError(f"{self.describe(place)}: has no pixels, shape {stack.shape}.")
        if stack.dtype.kind not in "buif":
            raise ValueError(
                f"{self.describe(place)}: pixels must be real numbers, got {stack.dtype}."
            )
        declared = item.bit_depth if isinstance(item, ImageSeries) else None
        room = 8 * stack.dtype.itemsize
        return stack, declared if declared is not None and declared < room else None


def _computed_type(dtype):
    """Return the type to compute in: half precision has neither the range nor the digits."""
    enough = dtype.kind == "f" and dtype.itemsize >= 4
    return dtype if enough else np.dtype(np.float32)
