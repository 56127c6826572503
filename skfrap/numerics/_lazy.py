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
        Lazy, or not.
    rows : slice

    Returns
    -------
    ndarray or None
    """
    return None if values is None else np.asarray(values[rows])


def row_slices(n, size=ROWS):
    """Return slices that together take n rows, `size` at a time."""
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]
