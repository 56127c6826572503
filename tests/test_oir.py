"""OIR files, made by hand, where the package that reads them is: it needs Python 3.12."""

import sys

import numpy as np
import pytest

from benchmarks.microscopes import write_oir
from skfrap.io import read_series
from skfrap.io.readers import check_reader
from skfrap.io.readers.oir import OIRReader

TIMES = [10, 10.5, 11, 14, 14.5, 15]


@pytest.fixture
def path(tmp_path):
    frames = np.random.default_rng(0).integers(1, 4096, (6, 20, 30)).astype(np.uint16)
    np.save(tmp_path / "frames.npy", frames)
    write_oir(tmp_path / "a.oir", frames, TIMES)
    return tmp_path / "a.oir"


def test_reader_keeps_to_the_contract(path):
    pytest.importorskip("oirfile")
    check_reader(OIRReader(), path)


def test_file_says_clock_pixel_and_bits(path):
    pytest.importorskip("oirfile")
    series = read_series(path)
    np.testing.assert_array_equal(series.frames, np.load(path.with_name("frames.npy")))
    np.testing.assert_allclose(series.times_s, np.subtract(TIMES, 10))
    assert series.sources["times_s"] == "OIR time stamps of the frames"
    assert series.pixel_size_um == pytest.approx(0.25)
    assert series.bit_depth == 12


def test_what_lacks_a_package_says_which(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "oirfile", None)
    with pytest.raises(ImportError, match=r"a\.oir needs the package oirfile.*skfrap\[microscopy"):
        read_series(path)
