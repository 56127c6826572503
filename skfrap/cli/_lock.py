"""One run at a time for one table: a second one is refused, however the first one ends."""

import os
from contextlib import suppress

import click

from skfrap._files import PREFIX


class Lock:
    """Hold a table for this run, until :meth:`release` or the end of the process.

    The system holds the lock, on a hidden file beside the table, so that a run that was killed
    leaves none.

    Parameters
    ----------
    table : Path

    Raises
    ------
    ClickException
        If another run holds it.
    """

    def __init__(self, table):
        target = os.path.realpath(table)
        folder, name = os.path.split(target)
        self._path = os.path.join(folder, f"{PREFIX}{name[:100]}.lock")
        self._file = None
        while self._file is None:
            file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o666)
            if not _take(file):
                os.close(file)
                raise click.ClickException(
                    f"another run of skfrap is writing {table}; wait until it ends, or name "
                    "another --out."
                )
            if _is_there(self._path, file):
                self._file = file
            else:  # the run that had it has just ended, and taken the file away
                os.close(file)

    def release(self):
        """Let others have the table."""
        if self._file is not None:
            # First the name, while nobody else can hold it.
            with suppress(OSError):
                os.unlink(self._path)
            os.close(self._file)
            self._file = None


def _take(file):
    """Lock a file; False if another process has. Where there are no locks everybody has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return _take_on_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network drives
        return True
    return True


def _take_on_windows(file):
    import msvcrt

    try:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True


def _is_there(path, file):
    """Tell whether a name is still that of the open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except OSError:
        return False
