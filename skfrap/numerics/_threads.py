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


def _in_any_thread(set_limits):
    """Call what sets limits of threads, whichever thread has set some before.

    From threadpoolctl 3.8 on, the first thread that sets a limit of OpenBLAS is the only one
    that can change it: what others set and restore is passed over without a word. Here the last
    context to close is often another thread's than the first to open.
    """
    forget = [
        library.clear_controlling_thread
        for library in _controller().lib_controllers
        if hasattr(library, "clear_controlling_thread")
    ]
    for each in forget:
        each(force=True)
    try:
        return set_limits()
    finally:
        for each in forget:
            each(force=True)


@contextmanager
def one_blas_thread():
    """Keep products of matrices on the calling thread; a context or a decorator.

    Matrices here are small: several threads on one product bring little on idle cores, and on
    busy ones they wait for each other many times longer than the product takes. They would also
    round otherwise, and what is estimated does not depend on their number. The limit is
    the process's: the first context to open sets it, and the last to close lifts it.
    """
    with _lock:
        if not _users:
            _limiters.append(_in_any_thread(lambda: _controller().limit(limits=1, user_api="blas")))
        _users.append(None)
    try:
        yield
    finally:
        with _lock:
            _users.pop()
            if not _users:
                _in_any_thread(_limiters.pop().restore_original_limits)
