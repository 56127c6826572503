"""What stacks may come in: arrays of any library, files, and sequences of both."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from skfrap.io import FileFrames, ImageSeries, Recording

_MOST_READ = 2**27  # bytes of frames in a file that are read at once
_ALL = slice(None)


def is_path(item):
    """Tell whether something names a file."""
    return isinstance(item, str | os.PathLike)


def are_paths(item):
    """Tell whether something lists the files of one series."""
    return isinstance(item, list | tuple) and len(item) > 0 and all(map(is_path, item))


def is_array(item):
    """Tell whether something is an array, of NumPy or of any library that reads when indexed.

    Dask, Zarr, xarray and h5py are known by what they have in common: a shape, a type of their
    values, and indexing.
    """
    return isinstance(item, np.ndarray) or all(
        hasattr(item, name) for name in ("shape", "dtype", "__getitem__")
    )


def check_source(X):
    """Return stacks as something with a length whose items are stacks or paths.

    Parameters
    ----------
    X : array-like of shape (n, n_frames, ny, nx) or sequence
        As of :class:`StackSequence`.

    Returns
    -------
    array-like of shape (n, n_frames, ny, nx) or sequence
        X itself, or a list of its items. No array is read.

    Raises
    ------
    ValueError
        If X is a single stack or path, a dictionary, or nothing of the kind.
    """
    if is_path(X) or isinstance(X, bytes):
        raise ValueError(
            f"X must be a sequence of stacks or paths, got one path {os.fspath(X)!r}; give [path]."
        )
    if isinstance(X, ImageSeries):
        raise ValueError(f"X must be a sequence of stacks, got one, {X!r}; give [series].")
    if isinstance(X, Recording):
        return [X]
    if isinstance(X, Mapping) or (hasattr(X, "keys") and not hasattr(X, "iloc")):
        raise ValueError(
            f"X must be an array or a sequence of stacks, got a {type(X).__name__} of "
            f"{len(X)} named entries; give one entry, X['name'], or list(X.values())."
        )
    if is_array(X) and not hasattr(X, "iloc"):
        X = _check_array(X)
    elif hasattr(X, "iloc"):  # of pandas: by place, not by label
        if len(X.shape) != 1:
            raise ValueError(
                f"X must be a sequence of stacks or paths, got a table of shape {X.shape}; give "
                "one column, such as X['path']."
            )
        X = list(X)
    elif not isinstance(X, Sequence) and not (hasattr(X, "__getitem__") and hasattr(X, "__len__")):
        raise ValueError(f"X must be an array or a sequence of stacks, got {type(X)}.")
    if length_of(X) == 0:
        raise ValueError("X must hold at least one stack, got none.")
    return X


def length_of(source):
    """Return how many stacks there are; Zarr's arrays have a shape and no length."""
    return source.shape[0] if is_array(source) else len(source)


def _check_array(X):
    shape = tuple(X.shape)
    if len(shape) == 4:
        return X
    holds_objects = not isinstance(X, np.ndarray) or X.dtype.kind in "OUT"
    if len(shape) == 1 and holds_objects:  # of paths, or of stacks
        return list(X)
    hint = ""
    if len(shape) == 3:
        hint = "; give X[np.newaxis] for one stack." if isinstance(X, np.ndarray) else "; give [X]."
    raise ValueError(
        f"X must have the shape (n_samples, n_frames, ny, nx), got shape {shape}{hint}"
    )


def as_stack(item, name):
    """Return a stack in memory, as it was recorded, of numbers that can be computed with.

    Parameters
    ----------
    item : array-like of shape (n_frames, ny, nx)
    name : str
        What to call it in messages.

    Returns
    -------
    ndarray of shape (n_frames, ny, nx)
        An array of NumPy is not copied. What an array masks is NaN.

    Raises
    ------
    ValueError
        If it has another number of axes, or no real numbers.
    """
    if isinstance(item, FileFrames) and item.nbytes > _MOST_READ:
        return item  # of which only what is looked at is read
    if isinstance(item, np.ma.MaskedArray) and np.ma.is_masked(item):
        wide = item.astype(np.float64 if item.dtype.itemsize > 2 else np.float32)
        item = wide.filled(np.nan)
    stack = np.asarray(item)
    if stack.ndim != 3:
        raise ValueError(f"{name}: must be (n_frames, ny, nx), got shape {stack.shape}.")
    if stack.dtype.kind not in "buif":
        raise ValueError(f"{name}: pixels must be real numbers, got {stack.dtype}.")
    return stack


def computed_type(dtype):
    """Return the floating-point type that pixels of a type are computed in.

    Integers and half precision in float32; other floats in their own type, but none wider than
    float64, which filters do not take, and in this machine's order of bytes.
    """
    if dtype.kind != "f" or dtype.itemsize < 4:
        return np.dtype(np.float32)
    return np.dtype(f"f{min(dtype.itemsize, 8)}")


def places_of(key, n):
    """Return the places that an index names of n stacks, in its order.

    Parameters
    ----------
    key : slice, array-like of int, or array-like of bool of shape (n,)
    n : int

    Returns
    -------
    ndarray of int

    Raises
    ------
    IndexError
        If the index is none of these, or names what is not there.
    """
    if isinstance(key, slice):
        return np.arange(n)[key]
    key = np.asarray(key)
    if key.size == 0 and key.ndim == 1:
        key = key.astype(int)
    if key.ndim != 1 or key.dtype.kind not in "biu":
        raise IndexError(
            "stacks are indexed by an integer, a slice, or one axis of integers or booleans, got "
            f"{key.dtype} of shape {key.shape}."
        )
    if key.dtype.kind == "b" and len(key) != n:
        raise IndexError(f"there are {n} stacks, got a mask of {len(key)}.")
    beyond = key[(key < -n) | (key >= n)] if key.dtype.kind != "b" else ()
    if len(beyond):
        raise IndexError(f"there are {n} stacks, got the index {beyond[0]}.")
    return np.arange(n)[key]


def split_key(key):
    """Split an index of an array of stacks: what it takes of the stacks, and within each.

    Parameters
    ----------
    key : object
        Between the brackets of ``X[...]``.

    Returns
    -------
    key : object
        Of the first axis.
    within : tuple
        Of the other axes; empty where it takes all of them.

    Raises
    ------
    IndexError
        If there are more than four axes, or an axis is added.
    """
    if key is Ellipsis:
        return _ALL, ()
    if not isinstance(key, tuple):
        return key, ()
    if any(part is None for part in key):
        raise IndexError("stacks take no new axes; use numpy.asarray(X) and index that.")
    n_dots = sum(part is Ellipsis for part in key)
    if len(key) - n_dots > 4 or n_dots > 1:
        raise IndexError(f"stacks have four axes, (n, n_frames, ny, nx), got the index {key!r}.")
    if n_dots:
        dots = next(k for k, part in enumerate(key) if part is Ellipsis)
        key = key[:dots] + (_ALL,) * (5 - len(key)) + key[dots + 1 :]
    if not key:
        return _ALL, ()
    within = key[1:]
    whole = all(isinstance(part, slice) and part == _ALL for part in within)
    return key[0], () if whole else within


def check_shape(shape, protocol, name):
    """Check that a stack is of a protocol's frames and field.

    Parameters
    ----------
    shape : tuple of int (n_frames, ny, nx)
    protocol : FRAPProtocol
    name : str
        Of the stack, for people.

    Raises
    ------
    ValueError
        If it is not.
    """
    expected = (protocol.n_frames, *protocol.shape)
    if tuple(shape) != expected:
        raise ValueError(
            f"{name} has shape {tuple(shape)} (n_frames, ny, nx), and the protocol expects "
            f"{expected}; check n_prebleach, n_postbleach and shape of the protocol."
        )
