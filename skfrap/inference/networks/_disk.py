"""Labelled curves that are read from disk while a network learns from those before."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from skfrap.inference.networks._run import BLOCK

_AHEAD = 1  # chunks that are read at once with learning


class DiskStream:
    """Curves of lazy arrays, pass after pass, in an order of their own each time.

    Chunks come in random order, and curves within a chunk; so memory holds a few chunks, of 64
    batches each, however many curves there are.

    Parameters
    ----------
    read : callable
        ``read(rows)`` gives X, y and weights of a slice of rows, checked.
    n : int
        Curves.
    batch_size : int
    random : RandomState
    """

    def __init__(self, read, n, batch_size, random):
        self._read, self._n, self._random = read, n, random
        self._size = BLOCK * batch_size
        self.batch_size = batch_size
        self.n_seen = 0

    @property
    def n_chunks(self):
        """Chunks in a pass."""
        return -(-self._n // self._size)

    def chunks(self, n_batches, prepare):
        """Yield what `prepare` makes of one chunk after another, for so many batches."""
        firsts = range(0, self._n, self._size)
        n_chunks = -(-n_batches // BLOCK)
        order = []
        while len(order) < n_chunks:
            order += [firsts[k] for k in self._random.permutation(len(firsts))]
        shuffles = [np.random.RandomState(seed) for seed in self._seeds(n_chunks)]

        def shuffled(k):
            rows = slice(order[k], min(order[k] + self._size, self._n))
            data = prepare(*self._read(rows))
            places = shuffles[k].permutation(len(data[0]))
            return [column[places] for column in data]

        with ThreadPoolExecutor(_AHEAD) as pool:
            coming = deque(pool.submit(shuffled, k) for k in range(min(_AHEAD, n_chunks)))
            for k in range(n_chunks):
                data = coming.popleft().result()
                if k + _AHEAD < n_chunks:
                    coming.append(pool.submit(shuffled, k + _AHEAD))
                self.n_seen += len(data[0])
                yield data

    def _seeds(self, n):
        return self._random.randint(2**31 - 1, size=n)


def check_lazy(estimator, is_plain):
    """Check that what is asked for can be done with curves that are read in chunks.

    Parameters
    ----------
    estimator : NeuralFRAP
    is_plain : bool
        Whether curves need not be set aside, nor kept track of.

    Raises
    ------
    ValueError
        If it cannot.
    """
    if not is_plain or estimator.n_init != 1:
        raise ValueError(
            "X is read in chunks, which goes with n_init=1, without checkpoint_dir and max_time, "
            "and with validation_data where early_stopping is asked for; give these, or X in "
            "memory, np.asarray(X)."
        )
