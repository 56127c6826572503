"""Files that are there whole or not at all: written beside, and put in place at once.

Whatever ends a program while it writes, be it a signal or a full disk, leaves what was there
before. The command line needs this before anything heavy is imported.
"""

import errno
import os
import secrets
import stat
from contextlib import contextmanager
from pathlib import Path

PREFIX = ".skfrap-"  # of what is being written; hidden, and so never taken for an image


@contextmanager
def replacing(path):
    """Give the path of a file beside another one, which takes its place if nothing goes wrong.

    Parameters
    ----------
    path : path
        File to write, whether it is there or not. Of a link the file that it leads to is replaced;
        what is no plain file, as ``/dev/stdout``, is written as it is.

    Yields
    ------
    Path
        Where to write, with the suffix of `path`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skfrap._files import replacing
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "results.csv"
    >>> with replacing(path) as beside:
    ...     _ = beside.write_text("D_um2_s")
    >>> path.read_text()
    'D_um2_s'
    """
    if is_special(path):
        yield Path(path)
        return
    target = Path(os.path.realpath(path))
    beside = target.with_name(f"{PREFIX}{secrets.token_hex(6)}{target.suffix[:16]}")
    try:
        _create(beside, target)
        yield beside
        _flush(beside)
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def is_special(path):
    """Tell whether a path is that of a pipe, a device or the like, which can only be written to."""
    path = Path(path)
    devices = os.path.abspath(path).startswith(("/dev/", "/proc/"))  # may lead to a plain file
    return path.exists() and (devices or not path.is_file())


def write_bytes(path, content):
    """Write a file at once: it holds what it held before, or all of this.

    Parameters
    ----------
    path : path
    content : bytes
    """
    with replacing(path) as beside:
        beside.write_bytes(content)


def _create(beside, target):
    """Make a new file, with the permissions of the one that it will replace."""
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "it is write-protected", str(target))
    # Exclusive, so that nobody else's file is ever written to.
    handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        if target.exists() and hasattr(os, "fchmod"):
            os.fchmod(handle, stat.S_IMODE(target.stat().st_mode))
    finally:
        os.close(handle)


def _flush(path):
    """Have the system write a file, so that its name never stands for less than all of it."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
