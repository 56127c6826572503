"""Labelled curves that are read from disk while a network learns from those before."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from skfrap.inference.networks._run import BLOCK
from skfrap.numerics._lazy import ROWS, row_slices

_AHEAD = 1  # chunks that are read at once with learning
_AT_ONCE = 2**24  # values that are read at once, 134 MB


class DiskStream:
    """Curves of lazy arrays, pass after pass, in an order of their own each time.

    Chunks come in random order, and curves within a chunk; so memory holds a few chunks, of 64
    batches each, however many curves there are.

    Parameters
    ----------
    read : callable
        ``read(rows)`` gives X, y and weights of a slice of rows, checked.
    shape : tuple of int
        Of X.
    batch_size : int
    random : RandomState
    n_passes : int
    """

    def __init__(self, read, shape, batch_size, random, n_passes):
        self._read, self._n = read, shape[0]
        self._at_once = rows_at_once(shape)
        self._size = BLOCK * batch_size
        self.batch_size = batch_size
        self.n_seen = 0
        # Drawn pass by pass, so that more passes begin with the same ones.
        firsts = np.arange(0, self._n, self._size)
        drawn = (
            (random.permutation(firsts), random.randint(2**31 - 1, size=len(firsts)))
            for _ in range(n_passes)
        )
        self._order = [[*zip(*one, strict=True)] for one in drawn]

    @property
    def n_batches(self):
        """Of all passes, as if each chunk had all that it may have."""
        return BLOCK * sum(map(len, self._order))

    def chunks(self, n_batches, prepare, done=0):
        """Yield what `prepare` makes of one chunk after another, for so many batches.

        The first `done` chunks are left out, and their batches do not count.
        """
        todo = [one for of_pass in self._order for one in of_pass][done:][: -(-n_batches // BLOCK)]

        def shuffled(first, seed):
            stop = min(first + self._size, self._n)
            parts = [
                prepare(*self._read(slice(first + rows.start, first + rows.stop)))
                for rows in row_slices(stop - first, self._at_once)
            ]
            data = parts[0]
            if len(parts) > 1:
                data = [np.concatenate(column) for column in zip(*parts, strict=True)]
            places = np.random.RandomState(seed).permutation(len(data[0]))
            return [column[places] for column in data]

        with ThreadPoolExecutor(_AHEAD) as pool:
            coming = deque(pool.submit(shuffled, *one) for one in todo[:_AHEAD])
            for k in range(len(todo)):
                data = coming.popleft().result()
                if k + _AHEAD < len(todo):
                    coming.append(pool.submit(shuffled, *todo[k + _AHEAD]))
                self.n_seen += len(data[0])
                yield data


def rows_at_once(shape):
    """Return how many rows are read at once, of curves 65536, of scores fewer as they are longer.

    Examples
    --------
    >>> from skfrap.inference.networks._disk import rows_at_once
    >>> rows_at_once((10**6, 110)), rows_at_once((10**6, 1024))
    (65536, 16384)
    """
    return max(1, min(ROWS, _AT_ONCE // shape[1]))


def check_lazy(estimator, has_validation_data):
    """Check that what is asked for can be done with curves that are read in chunks.

    Parameters
    ----------
    estimator : NeuralFRAP
    has_validation_data : bool

    Raises
    ------
    ValueError
        If curves would have to be set aside.
    """
    if estimator.early_stopping and not has_validation_data:
        raise ValueError(
            "X is read in chunks, of which early_stopping sets none aside: give validation_data, "
            "or X in memory, np.asarray(X)."
        )
