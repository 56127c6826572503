"""Memory of processes that do nothing but compute."""

import ctypes
import sys
from functools import cache

_TRIM, _MAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of mallopt(3)
_KEPT, _LARGEST = 2**27, 2**25  # bytes


@cache
def keep_freed_memory():
    """Let this process keep up to 128 MB that it has freed, for the arrays that come next.

    Dask starts workers with ``MALLOC_TRIM_THRESHOLD_=65536``, which makes the GNU C library give
    every array above 128 kB back to the system, and take it again page by page: half of the time of
    posteriors went there. Where there is another library nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_TRIM, _KEPT)
    mallopt(_MAP, _LARGEST)
