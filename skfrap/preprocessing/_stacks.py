"""Stacks seen through corrections, computed when and where they are looked at.

A correction is two functions: ``prepare(view)`` looks at one stack as the corrections before it
left it and returns what it needs to know of it (say, its background); ``apply(block, state,
frames, rows, columns)`` then corrects any part of that stack, in place. So a curve that needs only
the pixels of the bleach region never pays for the others, and no more than one stack is in memory
as floats at a time. What was read of a file, and what was prepared, is kept for those who look at
the same stack next.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from skfrap._state import EstimatorState
from skfrap.io import ImageSeries, Recording, read_series
from skfrap.preprocessing._broken import OF_ALL
from skfrap.preprocessing._kept import Kept
from skfrap.preprocessing._own import Own
from skfrap.preprocessing._sources import (
    are_paths,
    as_stack,
    check_source,
    computed_type,
    is_array,
    is_path,
    length_of,
    places_of,
    split_key,
)

_OF_FRAMES = ("image_count_disagrees", "blank_frames")  # clocks are no matter of stacks


class StackTransformer(  # type: ignore[call-arg]  # of TransformerMixin
    EstimatorState, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
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
            Image stacks.
        y : Ignored
            As scikit-learn's pipelines pass it.

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
    own : Own, default=None
        What the sample says of itself.

    Attributes
    ----------
    stack : ndarray of shape (n_frames, ny, nx)
        As it was recorded; not to be changed.
    """

    def __init__(self, stack, corrections=(), own=None):
        self.stack = stack
        self._corrections = corrections
        self._own = own or Own()

    @property
    def shape(self):
        """Tuple of int: (n_frames, ny, nx)."""
        return self.stack.shape

    @property
    def protocol(self):
        """FRAPProtocol or None: that the sample brings, as a :class:`skfrap.Recording` does."""
        return self._own.protocol

    def corrected(self, corrector):
        """Look through one more correction, which is prepared by what is seen here.

        Parameters
        ----------
        corrector : StackCorrector
            Fitted.

        Returns
        -------
        StackView
        """
        corrections = (*self._corrections, (corrector, corrector.prepare(self)))
        return StackView(self.stack, corrections, self._own)

    def read(self, frames=slice(None), rows=slice(None), columns=slice(None), out=None):
        """Compute a part of the corrected stack, as floats of its own memory.

        Parameters
        ----------
        frames, rows, columns : slice, default=slice(None)
            Which part; all of it by default.
        out : ndarray of shape (n_frames, ny, nx), default=None
            Where to, of the type that is returned; None takes new memory.

        Returns
        -------
        ndarray of shape (n_frames, ny, nx)
            In the stack's own type if that is float32 or float64, else float32.
        """
        part = self.stack[frames, rows, columns]
        if out is None:
            block = part.astype(computed_type(part.dtype))
        else:
            block = out
            np.copyto(block, part, casting="unsafe")
        for corrector, state in self._corrections:
            if corrector.apply(block, state, frames, rows, columns) is not None:
                raise TypeError(
                    f"{type(corrector).__name__}.apply must change the block in place, as by "
                    "block -= state or block[...] = other, and return nothing."
                )
        return block


class StackSequence(Sequence):
    """Hold image stacks that are read and corrected one at a time, when asked for.

    ``sequence[i]`` computes the i-th stack, an array (n_frames, ny, nx). A slice, an array of
    indices or a mask gives another sequence, ``sequence[key, ...]`` too, so that scikit-learn
    splits it as it does an array; `numpy.asarray` computes all of them.

    Of the last few stacks, up to 128 MiB of pixels as they were read, it keeps what it read and
    what corrections have prepared. Sequences that are made of it, by corrections or by indexing,
    share this.

    Parameters
    ----------
    source : array-like of shape (n, n_frames, ny, nx) or sequence
        Stacks: arrays (n_frames, ny, nx), paths of files (see :func:`skfrap.io.read_series`),
        :class:`skfrap.io.ImageSeries`, :class:`skfrap.Recording`, or a StackSequence. Arrays may be
        those of Dask, Zarr, xarray or h5py, or a `numpy.memmap`: of an array of four axes one stack
        is read at a time. Arrays are not to be changed while they are in use.
    corrections : sequence of StackCorrector, default=()
        Fitted. Each corrects what those before it have left.

    Raises
    ------
    ValueError
        If the source is a single stack or path, a dictionary or empty.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.preprocessing import StackSequence
    >>> stacks = StackSequence(np.zeros((5, 3, 8, 8), np.uint16))
    >>> stacks[[4, 0, 2]].shape
    (3, 3, 8, 8)
    >>> stacks[1, 0].dtype.name
    'float32'
    """

    def __init__(self, source, corrections=()):
        order, kept = None, Kept()
        if isinstance(source, StackSequence):
            corrections = (*source._corrections, *corrections)
            source, order, kept = source._source, source._order, source._kept
        else:
            source = check_source(source)
        self._source = source
        self._order = order  # places in the source; None is all of them
        self._corrections = tuple(corrections)
        self._kept = kept

    def __getstate__(self):
        # A copy reads and prepares for itself.
        return self.__dict__ | {"_kept": None}

    def __setstate__(self, state):
        self.__dict__ |= state | {"_kept": Kept()}

    def __len__(self):
        return length_of(self._source) if self._order is None else len(self._order)

    def __getitem__(self, key):
        key, within = split_key(key)
        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            return self._part(key, within)
        if within:
            raise IndexError(
                "several stacks are taken whole, X[key] or X[key, ...]; a part of one is "
                "X[i, frames, rows, columns], and one of several is of numpy.asarray(X[key])."
            )
        places = places_of(key, len(self))
        if len(places) == 0:
            raise ValueError(f"X must hold at least one stack, and the index takes none: {key!r}.")
        some = StackSequence(self)
        some._order = places if self._order is None else self._order[places]
        return some

    def _part(self, index, within):
        """Compute a stack, or the part of it that slices take."""
        slices = [key for key in within if isinstance(key, slice) and key.step in (None, 1)]
        if len(slices) == len(within):
            return self.view(index).read(*within)
        return self.view(index).read()[np.newaxis][(0, *within)]

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("a StackSequence computes its stacks; copy=False cannot be had.")
        stacks = list(self)
        other = next((k for k, one in enumerate(stacks) if one.shape != stacks[0].shape), None)
        if other is not None:
            raise ValueError(
                f"{self.describe(0)} has shape {stacks[0].shape} and {self.describe(other)} "
                f"{stacks[other].shape}: stacks of different experiments make no array; take them "
                "one by one, or curves by RecoveryCurveExtractor()."
            )
        return np.stack(stacks).astype(dtype or self.dtype, copy=False)

    def __repr__(self):
        names = ", ".join(type(correction).__name__ for correction in self._corrections)
        return f"StackSequence({len(self)} stacks; {names or 'as they are'})"

    @property
    def shape(self):
        """Tuple of int: (n, n_frames, ny, nx), if the first that can be read speaks for all."""
        return (
            len(self),
            *(self._source.shape[1:] if is_array(self._source) else self._first.shape),
        )

    @property
    def ndim(self):
        """Number of axes, 4."""
        return 4

    @property
    def dtype(self):
        """Floating-point type of the computed stacks."""
        first = self._source if is_array(self._source) else self._first
        return computed_type(np.dtype(first.dtype))

    def view(self, index):
        """Look at one stack without computing all of it.

        Parameters
        ----------
        index : int
            The stack's place.

        Returns
        -------
        StackView
        """
        place = self._place(index)
        entry = self._kept.entry(place)
        with entry.lock:
            stack, _ = self._recorded(entry, place)
            view = StackView(stack, own=entry.own or Own())
            for k, corrector in enumerate(self._corrections, 1):
                try:
                    view = entry.corrected(view, corrector, self._corrections[:k])
                except ValueError as error:
                    raise ValueError(f"{self._describe(place)}: {error}") from error
        return view

    def describe(self, index):
        """Name a stack for people: its path, or its place in what was given first.

        Parameters
        ----------
        index : int
            The stack's place.

        Returns
        -------
        str
        """
        return self._describe(self._place(index))

    def _describe(self, place):
        item = None if is_array(self._source) else self._source[place]
        if is_path(item):
            return str(item)
        named = item.name if isinstance(item, ImageSeries | Recording) else ""
        return named or f"stack {place}"

    def protocol(self, index):
        """Return the protocol that a sample brings: a recording's, or one stored in its file.

        Parameters
        ----------
        index : int
            The stack's place.

        Returns
        -------
        FRAPProtocol or None
            None where it brings none, as an array.

        Raises
        ------
        ValueError
            If the file has stored one that is not that of its frames.
        """
        return self._own(index).protocol

    def findings(self, index):
        """Return what is to be known of a sample before it is used.

        Parameters
        ----------
        index : int
            The stack's place.

        Returns
        -------
        tuple of Finding
            But for those that a correction settles.
        """
        settled = {code for one in self._corrections for code in getattr(one, "settles", ())}
        return tuple(one for one in self._own(index).findings if one.code not in settled)

    def bring_protocols(self):
        """Tell whether samples bring their protocols.

        Returns
        -------
        bool
            Of samples that have to be read the first that can be speaks for all.

        Raises
        ------
        ValueError
            If some of them do, and some do not.
        """
        if is_array(self._source):
            return False
        there = [k for k in range(len(self)) if not self._must_be_read(k)]
        bring = [self.protocol(k) is not None for k in there]
        if not there:
            return self.protocol(next(self.readable())) is not None
        if all(bring) or not any(bring):
            return bring[0]
        with_one, without = (self.describe(there[bring.index(which)]) for which in (True, False))
        raise ValueError(
            f"{with_one} brings its protocol, and {without} has none: give all of them one, as "
            "skfrap.Recording(frames, protocol), or protocol=... to the pipeline for all samples."
        )

    def _must_be_read(self, index):
        """Tell whether a sample is elsewhere: in a file, or in a sequence that reads when asked."""
        if not isinstance(self._source, list | tuple):
            return True
        item = self._source[self._place(index)]
        return is_path(item) or are_paths(item)

    def _own(self, index):
        """Return what a sample says of itself."""
        place = self._place(index)
        if is_array(self._source):
            return Own()
        entry = self._kept.entry(place)
        with entry.lock:
            if entry.own is None and self._must_be_read(index):
                self._recorded(entry, place)
                return entry.own or Own()
            if entry.own is None:
                entry.own = Own(self._source[place], self._describe(place))
            return entry.own

    def raw(self, index):
        """Read one stack as it is, without corrections.

        Parameters
        ----------
        index : int
            The stack's place.

        Returns
        -------
        ndarray of shape (n_frames, ny, nx)
        """
        return self.raw_and_bit_depth(index)[0]

    def raw_and_bit_depth(self, index):
        """Read one stack, and the bit depth that its file declares, or None.

        That its pixels have room for 16 bits does not say that the detector has them.

        Parameters
        ----------
        index : int
            The stack's place.

        Returns
        -------
        tuple of (ndarray, int or None)
            The stack, and its bit depth.
        """
        place = self._place(index)
        return self._recorded(self._kept.entry(place), place)

    def readable(self):
        """Yield the places of stacks that can be read, for those who learn from the others.

        Raises
        ------
        Exception
            What is the matter with the first, if there is none.
        """
        found, first = False, None
        for index in range(len(self)):
            try:
                self.raw(index)
            except OF_ALL:
                raise
            except Exception as error:
                first = first or error
            else:
                found = True
                yield index
        if not found:
            raise first

    @property
    def _first(self):
        return self.raw(next(self.readable()))

    def _place(self, index):
        """Return a stack's place in the source, counted from its start."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} stacks, got the index {index}.")
        index = int(index) % len(self)
        return index if self._order is None else int(self._order[index])

    def _recorded(self, entry, place):
        """Return a stack and its bit depth, read once as long as it is kept."""
        with entry.lock:
            if entry.recorded is None:
                entry.recorded = self._read(place, entry)
        self._kept.shrink()
        return entry.recorded

    def _read(self, place, entry):
        item, name = self._source[place], self._describe(place)
        if is_path(item):
            item = read_series(item)
            for finding in item.findings:
                if finding.code in _OF_FRAMES:
                    warnings.warn(f"{self.describe(place)}: {finding}", UserWarning, stacklevel=2)
            if isinstance(item.frames, np.ndarray):
                item.frames.flags.writeable = False  # others look at the same
        elif are_paths(item):
            item = read_series(item)
        declared = None
        if isinstance(item, ImageSeries | Recording):
            entry.own, declared = Own(item, name), item.bit_depth
            item = item.frames
        stack = as_stack(item, name)
        room = 8 * stack.dtype.itemsize
        return stack, declared if declared is not None and declared < room else None
