"""OIF and OIB files, made by hand: images, clock, channels, regions, and chains without end."""

import struct

import numpy as np
import pytest

pytest.importorskip("tifffile")

from benchmarks.microscopes import write_oib, write_oif
from skfrap.analysis import ExperimentOptions as Options
from skfrap.analysis import describe_experiment
from skfrap.io import read_series
from skfrap.io.readers import check_reader
from skfrap.io.readers.oif import OIFReader

TIMES = [10, 10.5, 11, 14, 14.5, 15]
WRITERS = {"oif": write_oif, "oib": write_oib}


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(1, 4096, (6, 20, 30)).astype(np.uint16)


def test_reader_keeps_to_the_contract(tmp_path, frames):
    write_oib(tmp_path / "a.oib", frames, TIMES)
    check_reader(OIFReader(), tmp_path / "a.oib")


@pytest.mark.parametrize("kind", WRITERS)
def test_file_says_clock_pixel_bits_and_channels(tmp_path, frames, kind):
    path = tmp_path / f"a.{kind}"
    WRITERS[kind](path, frames, TIMES)
    series = read_series(path)
    np.testing.assert_array_equal(series.frames, frames)
    np.testing.assert_allclose(series.times_s, np.subtract(TIMES, 10))
    assert series.sources["times_s"] == "OIF AbsPositionValue of the images"
    assert series.pixel_size_um == pytest.approx(0.25)
    assert series.bit_depth == 12
    assert series.channels == ("EGFP",)
    two = np.stack([frames, frames[::-1]])
    WRITERS[kind](path, two, TIMES, names=("EGFP", "Cy5"))
    with pytest.raises(ValueError, match=r"2 channels \(0 EGFP, 1 Cy5\)"):
        read_series(path)
    np.testing.assert_array_equal(read_series(path, channel=1).frames, two[1])


def test_region_of_unknown_purpose_is_named_and_not_taken(tmp_path, frames):
    path = tmp_path / "a.oib"
    write_oib(path, frames, TIMES, circle=(15, 10, 4))
    series = read_series(path)
    with pytest.raises(ValueError, match="the bleach region"):
        describe_experiment(series, Options(n_prebleach=3))
    told = Options(n_prebleach=3, bleach_region="circle:4px@15px,10px")
    assert "circle:4px@15px,10px" in describe_experiment(series, told)[1]["other regions"]


def test_images_beside_an_oif_file_must_be_there(tmp_path, frames):
    path = tmp_path / "a.oif"
    write_oif(path, frames, TIMES)
    (tmp_path / "a.oif.files" / "s_C001T003.tif").unlink()
    with pytest.raises(ValueError, match="lacks images"):
        read_series(path)
    (tmp_path / "a.oif.files").rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="which is not beside it"):
        read_series(path)


def test_a_chain_that_bites_its_tail_is_refused(tmp_path, frames):
    path = tmp_path / "a.oib"
    write_oib(path, frames, TIMES)
    content = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", content, 76)  # where the table of chains is
    struct.pack_into("<I", content, (first + 1) * 512, 0)  # the first sector follows itself
    path.write_bytes(content)
    with pytest.raises(ValueError, match="follow each other for ever"):
        read_series(path)
