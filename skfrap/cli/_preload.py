"""What processes that analyse series need: imported once, by the server that they are forked from.

Models that were prepared stay in a process, and go to others of the same machine and run, so that
each is prepared once for all series.
"""

import threading
from typing import Any

import skfrap.analysis
from skfrap.numerics._kept import share
from skfrap.numerics._memory import keep_freed_memory

__all__ = ["ALONE", "begin", "skfrap"]

ALONE = threading.Lock()
_limits: list[Any] = []


def begin(folder):
    """Let linear algebra take one thread in this process, and models go through a folder.

    Others have their own series, and need the same models.
    """
    share(folder)
    keep_freed_memory()
    if not _limits:
        from threadpoolctl import threadpool_limits

        _limits.append(threadpool_limits(1))
