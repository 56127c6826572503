"""What takes long to build is built once by all processes that share a folder."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from skfrap.numerics import _kept

BUILT = []


@_kept.kept(2)
def built(n):
    BUILT.append(n)
    return np.arange(float(n))


@pytest.fixture
def folder(tmp_path):
    _kept.share(tmp_path)
    built.cache_clear()
    BUILT.clear()
    yield tmp_path
    _kept.share(None)
    built.cache_clear()


def test_another_process_reads_what_was_built(folder):
    first = built(3)
    built.cache_clear()  # as in a process that begins
    np.testing.assert_array_equal(built(3), first)
    assert BUILT == [3]
    built.cache_clear()
    _kept.share(None)
    np.testing.assert_array_equal(built(3), first)
    assert BUILT == [3, 3]


def test_what_is_spoilt_or_of_another_key_is_built_anew(folder):
    expected = built(3).copy()
    (file,) = (one for one in folder.iterdir() if not one.suffix)
    for content in (b"spoilt", pickle.dumps(((4,), "of another key"))):
        file.write_bytes(content)
        built.cache_clear()
        np.testing.assert_array_equal(built(3), expected)
    assert BUILT == [3, 3, 3]


def test_a_folder_that_is_not_there_is_not_shared(tmp_path):
    _kept.share(tmp_path / "elsewhere")
    assert _kept._folder is None


PROGRAM = """
import os, sys, time
from skfrap.numerics import _kept

@_kept.kept(2)
def slow(n):
    print("built", flush=True)
    time.sleep(1)
    return n

_kept.share(sys.argv[1])
assert slow(7) == 7
"""


@pytest.mark.skipif(os.name == "nt", reason="without locks both build")
def test_who_comes_second_waits_for_the_first(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    said = [one.communicate(timeout=60)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert b"".join(said).count(b"built") == 1


def test_bases_of_images_keep_their_layout_in_pickles():
    """Products with arrays of another layout might round otherwise."""
    from skfrap import Circle, FRAPProtocol
    from skfrap.models import image_surrogate_for

    protocol = FRAPProtocol(shape=(64, 64), bleach_region=Circle(8.0), n_postbleach=40)
    bases = image_surrogate_for(protocol, {"D": (1, 100)})._bases
    again = pickle.loads(pickle.dumps(bases))
    for name in ("coordinates", "moving", "still", "expansion"):
        one, other = getattr(bases, name), getattr(again, name)
        np.testing.assert_array_equal(one, other)
        assert one.strides == other.strides
