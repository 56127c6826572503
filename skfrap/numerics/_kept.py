"""What takes long to build: kept by its arguments, and built once by all processes of a run.

Processes that analyse series of one experiment need the same models. While they share a folder,
the one that needs a model first builds it there, and the others read it: what they have is equal to
the last bit, for arrays keep their layout.
"""

import contextlib
import hashlib
import os
import pickle
from functools import lru_cache, wraps
from pathlib import Path

_MOST = 2**30  # bytes in a folder, above which nothing is added
_folder: Path | None = None


def share(folder):
    """Let this process share what it builds with others, from now on.

    Parameters
    ----------
    folder : path-like or None
        A folder that nobody else can write to: what is there is unpickled. None, or one that is not
        there, is to share nothing.
    """
    global _folder
    _folder = Path(folder) if folder is not None and os.path.isdir(folder) else None


def kept(maxsize):
    """Keep what a function returns, by its arguments, and share it where :func:`share` says so.

    Parameters
    ----------
    maxsize : int
        Results that a process keeps, those used last.

    Returns
    -------
    callable
        A decorator, as `functools.lru_cache` of so many gives one; arguments are by place.

    Examples
    --------
    >>> from skfrap.numerics._kept import kept
    >>> @kept(2)
    ... def square(x):
    ...     print("computed")
    ...     return x * x
    >>> square(3), square(3)
    computed
    (9, 9)
    """

    def decorator(build):
        @lru_cache(maxsize)
        @wraps(build)
        def found(*key):
            return build(*key) if _folder is None else _shared(_folder, build, key)

        return found

    return decorator


def _shared(folder, build, key):
    """Read what another process has built, or build it while the others wait for it."""
    # Equal keys may have other names, as 1 and 1.0, and be built twice; other keys of the same name
    # are told apart by what the file holds.
    name = f"{build.__module__}.{build.__qualname__}{key!r}"
    path = folder / hashlib.sha256(name.encode()).hexdigest()
    known, built = _read(path, key)
    if known:
        return built
    with _held(path.with_suffix(".lock")):
        known, built = _read(path, key)
        if not known:
            built = build(*key)
            _write(path, key, built)
    return built


def _read(path, key):
    """Return whether a file holds what belongs to a key, and that."""
    try:
        of, built = pickle.loads(path.read_bytes())
        return bool(of == key), built
    except Exception:  # not there, or spoilt: it is built anew
        return False, None


def _write(path, key, built):
    """Write what others may read; without it they build for themselves."""
    with contextlib.suppress(Exception):
        if sum(one.stat().st_size for one in os.scandir(path.parent)) < _MOST:
            beside = path.with_suffix(".new")
            beside.write_bytes(pickle.dumps((key, built), pickle.HIGHEST_PROTOCOL))
            os.replace(beside, path)


@contextlib.contextmanager
def _held(path):
    """Hold a file alone, until the end or that of the process; without locks nobody waits."""
    try:
        import fcntl
    except ImportError:  # Windows: what two need at the same time they both build
        yield
        return
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # the folder is gone, or a drive without locks
            file = stack.enter_context(open(path, "wb"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
