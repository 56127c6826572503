"""Parts of a large batch on other processes or machines, where joblib is told to use them.

Within ``joblib.parallel_config("dask")`` workers of Dask take them, within that of ``"loky"``
processes of this machine. What all parts have in common is sent once, and unpacked once by each
process; the parts are those that one process would take, so that results are the same to the last
digit.
"""

import hashlib
import pickle
from collections import OrderedDict
from functools import wraps
from threading import Lock
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config
from joblib.parallel import get_active_backend

from skfrap.numerics._lazy import row_slices
from skfrap.numerics._memory import keep_freed_memory
from skfrap.numerics._progress import shown
from skfrap.numerics._threads import one_blas_thread

_MOST_UNPACKED = 4  # in a process, those used last
_unpacked: OrderedDict[str, Any] = OrderedDict()
_unpacking = Lock()


def is_elsewhere():
    """Tell whether joblib is told to work in other processes; in threads we work by ourselves."""
    backend, n_jobs = get_active_backend(prefer="threads")
    return not getattr(backend, "uses_threads", False) and backend.effective_n_jobs(n_jobs) > 1


def spread(work, common, items, what):
    """Yield what ``work(common, *item)`` returns, in the order of the items.

    Parameters
    ----------
    work : callable
        Found by its name in a module.
    common : object
        Can be pickled.
    items : list of tuple
        Arguments of one part each.
    what : str
        Is shown beside the progress.

    Yields
    ------
    object

    Examples
    --------
    >>> from skfrap.numerics._spread import spread
    >>> [*spread(pow, 2, [(3,), (4,)], "powers")]
    [8, 16]
    """
    if len(items) < 2 or not is_elsewhere():
        yield from (work(common, *item) for item in shown(items, what))
        return
    packed = np.frombuffer(pickle.dumps(common, pickle.HIGHEST_PROTOCOL), np.uint8)
    name = hashlib.sha256(packed).hexdigest()
    backend, _ = get_active_backend(prefer="threads")
    in_turn = "generator" if backend.supports_return_generator else "list"
    found = Parallel(return_as=in_turn)(
        delayed(_elsewhere)(work, name, packed, *item) for item in items
    )
    yield from shown(found, what, total=len(items))


def in_parts(what, rows_at_once):
    """Let a method ``method(self, X, *others)`` be computed in parts where joblib says where.

    Parameters
    ----------
    what : str
        Is shown beside the progress.
    rows_at_once : str
        Attribute of the object: rows of X that it takes together, whatever the others are.

    Returns
    -------
    callable
        A decorator. Arrays among the others have as many rows as X; the method returns an array or
        a tuple of them.
    """

    def decorator(method):
        @wraps(method)
        def in_parts(self, X, *others):
            parts = row_slices(len(X), getattr(self, rows_at_once))
            if len(parts) < 2 or not is_elsewhere():
                return method(self, X, *others)
            given = X, *others
            items = [(method.__name__, *_rows_of(rows, given)) for rows in parts]
            found = [*spread(_call, self, items, what)]
            if isinstance(found[0], tuple):
                return tuple(map(np.concatenate, zip(*found, strict=True)))
            return np.concatenate(found)

        return in_parts

    return decorator


def _rows_of(rows, given):
    return [one[rows] if isinstance(one, np.ndarray) else one for one in given]


def _call(common, name, *arguments):
    return getattr(common, name)(*arguments)


def _elsewhere(work, name, packed, *item):
    """Do one part on a worker, which has no need to spread it further."""
    keep_freed_memory()
    common = _unpack(name, packed)
    with parallel_config("sequential"), one_blas_thread():
        return work(common, *item)


def _unpack(name, packed):
    """Unpickle what is common to all parts, or take it from the last few."""
    with _unpacking:
        if name not in _unpacked:
            _unpacked[name] = pickle.loads(packed)
            while len(_unpacked) > _MOST_UNPACKED:
                _unpacked.popitem(last=False)
        _unpacked.move_to_end(name)
        return _unpacked[name]
