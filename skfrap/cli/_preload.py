"""What processes that analyse series need: imported once, by the server that they are forked from.

Models that were prepared stay in a process, so that each is prepared once for all its series.
"""

import threading
from typing import Any

import skfrap.analysis

__all__ = ["ALONE", "one_thread", "skfrap"]

ALONE = threading.Lock()
_limits: list[Any] = []


def one_thread():
    """Let linear algebra take one thread in this process: the others have their own series."""
    if not _limits:
        from threadpoolctl import threadpool_limits

        _limits.append(threadpool_limits(1))
