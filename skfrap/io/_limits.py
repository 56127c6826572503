"""How much memory a file may ask for, before any is taken.

A small file can name, or unpack to, far more than it holds: by accident, where a header is damaged,
or on purpose. Readers ask here first.
"""

import os
from contextlib import contextmanager
from contextvars import ContextVar

MOST_BYTES = 4 * 2**30
"""What one file's images may take in memory."""

UNSUSPECTED_BYTES = 2**28
"""What images may take, however small the file is that they come from."""

MOST_TIMES = 50
"""How many times the size of the file images may take beyond that; noise does not pack so well."""

_ALLOWED = ContextVar("allow_large", default=False)


@contextmanager
def large_allowed(allowed=True):
    """Let files that are read meanwhile ask for any amount of memory, if `allowed`."""
    token = _ALLOWED.set(bool(allowed) or _ALLOWED.get())
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def is_large_allowed():
    """Tell whether files may ask for any amount of memory."""
    return _ALLOWED.get()


def check_memory(n_bytes: int, path: str | os.PathLike[str], file_bytes: int | None = None) -> None:
    """Raise ValueError where the images of a file would take more memory than is plausible.

    For readers, before they take the memory. `read_series(path, allow_large=True)` and
    ``--allow-large`` lift it.

    Parameters
    ----------
    n_bytes : int
        That images would take.
    path : path
        Of the file, for the message.
    file_bytes : int, default=None
        Size of the file, where its images are packed in it.

    Examples
    --------
    >>> from skfrap.io._limits import check_memory
    >>> check_memory(10**8, "cell1.tif")
    >>> check_memory(10**13, "cell1.tif")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: cell1.tif would take 10000 GB of memory...
    """
    packed = file_bytes is not None and n_bytes > max(UNSUSPECTED_BYTES, MOST_TIMES * file_bytes)
    if _ALLOWED.get() or not (packed or n_bytes > MOST_BYTES):
        return
    size = f"{n_bytes / 1e9:.3g} GB" if n_bytes < 1e12 else f"{n_bytes / 1e9:.0f} GB"
    whence = f", from a file of {file_bytes / 1e6:.3g} MB" if file_bytes is not None else ""
    raise ValueError(
        f"{path} would take {size} of memory{whence}: it is damaged, or larger than is allowed "
        "unless you say so; crop it, or allow it with allow_large=True (--allow-large)."
    )
