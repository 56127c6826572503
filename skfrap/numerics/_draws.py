"""Random numbers of which row i is always the same, whatever else is drawn."""

import numpy as np
from scipy.special import ndtri

from skfrap._checks import check_count


def uniform_rows(key, first, n_rows, n_columns):
    """Draw uniforms on (0, 1); row `first + k` of a key is always the same."""
    blocks = -(-n_columns // 4)  # one step of the counter gives four numbers
    # `random_raw` would give the same bits, but takes and drops the interpreter's lock at each
    # number, for which threads wait for each other.
    generator = np.random.Generator(np.random.Philox(key=key, counter=first * blocks))
    uniforms = generator.random((n_rows, 4 * blocks))[:, :n_columns]
    uniforms += 2.0**-54  # of 53 bits, half a unit to keep away from 0
    return uniforms


def normal_rows(key, first, n_rows, n_columns):
    """Draw standard normals by inversion: a fixed number of draws each, stable across versions."""
    uniforms = uniform_rows(key, first, n_rows, n_columns)
    return ndtri(uniforms, out=uniforms)


def in_chunks(draw, n_samples, chunk_size, start):
    """Yield what ``draw(n, start=index)`` gives of one chunk after another, forever for None."""
    check_count("chunk_size", chunk_size, 1)
    if n_samples is not None:
        check_count("n_samples", n_samples, 1)
    done = 0
    while n_samples is None or done < n_samples:
        n_next = chunk_size if n_samples is None else min(chunk_size, n_samples - done)
        yield draw(n_next, start=start + done)
        done += n_next
