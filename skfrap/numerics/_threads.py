"""Threads: batches run side by side on ours, matrix products within a batch on one."""

from contextlib import contextmanager
from functools import cache
from threading import Lock

from threadpoolctl import ThreadpoolController

_lock = Lock()
_users: list[None] = []  # one entry per context that is open in any thread
_limiters: list = []  # the limit that the first of them set


@cache
def _controller():
    # Finding the libraries takes milliseconds; they do not change.
    return ThreadpoolController()


@contextmanager
def one_blas_thread():
    """Keep products of matrices on the calling thread; a context or a decorator.

    Matrices here are small: several threads on one product bring little on idle cores, and on
    busy ones they wait for each other many times longer than the product takes. The limit is
    the process's: the first context to open sets it, and the last to close lifts it.
    """
    with _lock:
        if not _users:
            _limiters.append(_controller().limit(limits=1, user_api="blas"))
        _users.append(None)
    try:
        yield
    finally:
        with _lock:
            _users.pop()
            if not _users:
                _limiters.pop().restore_original_limits()
