"""Long work: how far it is, in a terminal alone, and parts of it side by side in threads."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import local

from joblib import cpu_count
from sklearn import config_context, get_config

from skfrap.numerics._threads import one_blas_thread

SHOWN_AFTER = 2.0  # seconds
_MOST_THREADS = 8  # each holds what it works on
_thread = local()


def shown(items, what, unit="chunk", total=None):
    """Iterate, and show how far it is where that takes over two seconds.

    Nothing is shown without a terminal, of one item alone, and within what is shown already.

    Parameters
    ----------
    items : iterable
    what : str
        What is done.
    unit : str, default="chunk"
        What an item is.
    total : int, default=None
        How many items there are. None is the length of `items`.

    Yields
    ------
    object
        The items.

    Examples
    --------
    >>> from skfrap.numerics._progress import shown
    >>> sum(shown([1, 2, 3], "adding"))
    6
    """
    total = len(items) if total is None else total
    if total < 2 or getattr(_thread, "shows", False):
        yield from items
        return
    from tqdm import tqdm

    bar = tqdm(items, what, total, unit=unit, delay=SHOWN_AFTER, disable=None, leave=False)
    begun_in = _thread.__dict__  # what takes the items may do so from others as well
    begun_in["shows"] = True
    try:
        yield from bar
    finally:
        begun_in["shows"] = False
        bar.close()


def side_by_side(work, items, n_threads=None):
    """Yield what ``work(item)`` returns, in the order of the items, from several threads.

    Where the caller ends, or is interrupted, what is under way is waited for and nothing else is
    begun.

    Parameters
    ----------
    work : callable
        Shows no progress itself.
    items : sequence
    n_threads : int, default=None
        None is one for each core, up to 8.

    Yields
    ------
    object

    Examples
    --------
    >>> from skfrap.numerics._progress import side_by_side
    >>> [*side_by_side(abs, [-2, 3])]
    [2, 3]
    """
    n_threads = min(cpu_count(), _MOST_THREADS) if n_threads is None else n_threads
    n_threads = min(n_threads, len(items))
    if n_threads < 2:
        yield from map(work, items)
        return
    config = get_config()

    def in_thread(item):
        _thread.shows = True
        with config_context(**config):
            return work(item)

    # The limit stays while they run, rather than being lifted by each that is done.
    with one_blas_thread(), ThreadPoolExecutor(n_threads, "skfrap") as pool:
        begun = deque()
        try:
            for item in items:
                begun.append(pool.submit(copy_context().run, in_thread, item))
                if len(begun) > 2 * n_threads:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for one in begun:
                one.cancel()
