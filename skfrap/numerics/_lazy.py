"""Arrays that are read a part at a time: of Zarr, of Dask, and whatever has chunks."""

import numpy as np

ROWS = 2**16  # of curves, read at once: 58 MB as they are worked on


def is_lazy(values):
    """Tell whether an array is not in memory, but in chunks elsewhere."""
    if isinstance(values, np.ndarray | list | tuple) or hasattr(values, "iloc"):
        return False
    return getattr(values, "chunks", None) is not None and len(getattr(values, "shape", ())) > 0


def read_rows(values, rows):
    """Read some rows as an array in memory; None stays None.

    Parameters
    ----------
    values : array-like or None
        Lazy, or not. Of what has a method ``read_samples(rows)`` samples are more than an array,
        and it says what.
    rows : slice

    Returns
    -------
    ndarray, samples or None
    """
    if hasattr(values, "read_samples"):
        return values.read_samples(rows)
    return None if values is None else np.asarray(values[rows])


def in_memory(values):
    """Read all of an array that is lazy; what is not stays as it is."""
    return read_rows(values, slice(0, values.shape[0])) if is_lazy(values) else values


def row_slices(n, size=ROWS):
    """Return slices that together take n rows, `size` at a time."""
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def first_rows(X, *others, size=ROWS):
    """Read the first rows where X is lazy, for what is told by some curves as well as by all.

    Parameters
    ----------
    X : array-like
        Lazy, or in memory, in which case all comes back as it is.
    *others : array-like or None
        Of as many rows as X, lazy or not; a DataFrame or Series stays one.
    size : int, default=65536

    Returns
    -------
    tuple
        X and the others.

    Raises
    ------
    ValueError
        If one has not the length of X.
    """
    if not is_lazy(X):
        return X, *others
    for one in others:
        n = None if one is None else one.shape[0] if hasattr(one, "shape") else len(one)
        if n not in (None, X.shape[0]):
            raise ValueError(
                f"X has {X.shape[0]} samples and what goes with it has {n}; they must agree."
            )
    rows = slice(0, min(size, X.shape[0]))
    return tuple(
        one.iloc[rows] if hasattr(one, "iloc") else read_rows(one, rows) for one in (X, *others)
    )
