"""LSM and STK files, made by hand: frames, clock, bleach events and regions."""

import numpy as np
import pytest

pytest.importorskip("tifffile")

from benchmarks.microscopes import write_lsm, write_stk
from skfrap.analysis import ExperimentOptions as Options
from skfrap.analysis import describe_experiment
from skfrap.experiment import Circle
from skfrap.io import read_series
from skfrap.io.readers import check_reader
from skfrap.io.readers._registry import reader_for
from skfrap.io.readers.lsm import LSMReader, STKReader
from skfrap.io.readers.tiff import TIFFReader

TIMES = [10, 10.5, 11, 14, 14.5, 15]
EVENTS = [(11.4, 2), (13.2, 3)]


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(1, 4096, (6, 20, 30)).astype(np.uint16)


def test_readers_keep_to_the_contract(tmp_path, frames):
    write_lsm(tmp_path / "a.lsm", frames, TIMES)
    check_reader(LSMReader(), tmp_path / "a.lsm")
    write_stk(tmp_path / "a.stk", frames, TIMES)
    check_reader(STKReader(), tmp_path / "a.stk")


def test_lsm_says_what_was_bleached_and_when(tmp_path, frames):
    path = tmp_path / "a.lsm"
    write_lsm(path, frames, TIMES, events=EVENTS, circle=(15, 10, 4))
    series = read_series(path)
    np.testing.assert_array_equal(series.frames, frames)
    np.testing.assert_allclose(series.times_s, np.subtract(TIMES, 10))
    assert series.pixel_size_um == pytest.approx(0.25)
    assert series.bit_depth == 12
    protocol, sources = describe_experiment(series, Options())
    assert protocol.n_prebleach == 3
    assert protocol.bleach_region == Circle(1.0, (3.75, 2.5))
    assert protocol.times[3] == pytest.approx(14 - 13.2)
    assert sources["frame times"] == "LSM time stamps"
    assert sources["bleaching"].startswith("1.8 s, LSM event list")


def test_channels_of_lsm_are_chosen(tmp_path, frames):
    path = tmp_path / "a.lsm"
    two = np.stack([frames, frames[::-1]])
    write_lsm(path, two, TIMES, names=("GFP", "RFP"))
    with pytest.raises(ValueError, match=r"2 channels \(0 GFP, 1 RFP\)"):
        read_series(path)
    np.testing.assert_array_equal(read_series(path, channel=1).frames, two[1])


def test_stk_says_its_clock(tmp_path, frames):
    path = tmp_path / "a.stk"
    write_stk(path, frames, TIMES)
    series = read_series(path)
    np.testing.assert_array_equal(series.frames, frames)
    np.testing.assert_allclose(series.times_s, np.subtract(TIMES, 10))
    assert series.pixel_size_um == pytest.approx(0.25)
    assert series.sources["times_s"] == "STK TimeCreated"


def test_kinds_of_tiff_are_told_apart_whatever_their_names(tmp_path, frames):
    write_lsm(tmp_path / "a.data", frames, TIMES)
    assert isinstance(reader_for(tmp_path / "a.data"), LSMReader | TIFFReader)
    write_stk(tmp_path / "a.lsm", frames, TIMES)
    assert isinstance(reader_for(tmp_path / "a.lsm"), STKReader | TIFFReader)
    assert not LSMReader().can_read(tmp_path / "a.lsm")
