"""One thread for products of matrices, whichever thread asked for it first."""

import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from skfrap.numerics._threads import one_blas_thread


def of_blas():
    return {
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    }


@pytest.fixture
def several():
    """Let BLAS have as many threads as it can: more than one, if there is more than one core."""
    with threadpool_limits(limits=2, user_api="blas"):
        if of_blas() != {2}:
            pytest.skip("this BLAS has one thread")
        yield


def in_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join(120)
    assert not thread.is_alive()


def test_another_thread_has_the_limit_too(several):
    seen = []

    def ask():
        with one_blas_thread():
            seen.append(of_blas())

    in_thread(ask)
    assert seen == [{1}]
    assert of_blas() == {2}


def test_the_last_to_close_lifts_it_in_any_thread(several):
    opened, close = threading.Event(), threading.Event()

    def hold():
        with one_blas_thread():
            opened.set()
            close.wait(20)

    with one_blas_thread():
        thread = threading.Thread(target=hold)
        thread.start()
        assert opened.wait(20)
    assert of_blas() == {1}  # the other thread still has need of it
    close.set()
    thread.join(120)
    assert of_blas() == {2}


def test_a_limit_set_by_others_comes_back(several):
    with threadpool_limits(limits=1, user_api="blas"):
        in_thread(one_blas_thread()(of_blas))
        assert of_blas() == {1}
