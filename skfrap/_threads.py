"""Threads: work in batches runs on our own, matrix products within a batch on one."""

from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _controller():
    # Finding the libraries takes milliseconds; they do not change.
    return ThreadpoolController()


@contextmanager
def one_blas_thread():
    """Return a context, or a decorator, in which products of matrices run on the calling thread.

    Matrices here are small: several threads on one product bring little on idle cores, and on
    busy ones they wait for each other many times longer than the product takes.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield
