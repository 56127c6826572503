"""ND2 files: small ones made by hand, and the real one of a package where it is installed."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nd2")

import nd2

from benchmarks.microscopes import write_nd2
from skfrap.analysis import ExperimentOptions as Options
from skfrap.analysis import describe_experiment
from skfrap.io import read_series
from skfrap.io.readers import check_reader
from skfrap.io.readers import nd2 as reader
from skfrap.io.readers._nd2_chunks import Chunks

TIMES = [10, 10.5, 11, 14, 14.5, 15]
REAL = find_spec("pims_nd2")  # a package, BSD-3, that brings cluster.nd2 along


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(1, 4096, (6, 20, 30)).astype(np.uint16)


@pytest.mark.parametrize("packed", [False, True])
def test_reader_keeps_to_the_contract(tmp_path, frames, packed):
    write_nd2(tmp_path / "a.nd2", frames, TIMES, packed=packed)
    check_reader(reader.ND2Reader(), tmp_path / "a.nd2")


def test_file_says_clock_pixel_bits_and_stimulation(tmp_path, frames):
    path = tmp_path / "a.nd2"
    write_nd2(path, frames, TIMES, events=[11.4, 13.1])
    series = read_series(path)
    np.testing.assert_array_equal(series.frames, frames)
    np.testing.assert_allclose(series.times_s, np.subtract(TIMES, 10))
    assert series.pixel_size_um == pytest.approx(0.25)
    assert series.bit_depth == 12
    assert series.acquisition["objective"][0] == "Plan Apo 60x"
    protocol, sources = describe_experiment(series, Options(bleach_region="circle:1"))
    assert protocol.n_prebleach == 3
    assert protocol.times[3] == pytest.approx(14 - 13.1)
    assert "ND2 events" in sources["bleaching"]


@pytest.mark.parametrize(
    ("stated", "read"), [(1.0, 1.0), (0.0, None), (-0.25, None), (np.nan, None)]
)
def test_a_pixel_size_that_is_none_is_not_1_um(tmp_path, frames, stated, read):
    # The library states 1 in its place: D would be wrong by the square of the true size.
    write_nd2(tmp_path / "a.nd2", frames, TIMES, pixel_um=stated)
    assert read_series(tmp_path / "a.nd2").pixel_size_um == read


@pytest.mark.parametrize("packed", [False, True])
def test_channels_are_chosen(tmp_path, frames, packed):
    path = tmp_path / "a.nd2"
    two = np.stack([frames, frames[::-1]])
    write_nd2(path, two, TIMES, names=("GFP", "RFP"), packed=packed)
    with pytest.raises(ValueError, match=r"2 channels \(0 GFP, 1 RFP\)"):
        read_series(path)
    np.testing.assert_array_equal(read_series(path, channel=1).frames, two[1])


def test_an_image_that_is_not_where_the_list_says_is_no_image_of_zeros(tmp_path, frames):
    path = tmp_path / "a.nd2"
    write_nd2(path, frames, TIMES)
    content = path.read_bytes()
    first = content.index(b"ImageDataSeq|2!")
    path.write_bytes(content[:first] + b"ImageDataSeq|9!" + content[first + 15 :])
    with pytest.raises(ValueError, match="is not where its list says"):
        read_series(path)
    last = content.rindex(b"ImageDataSeq|2!")
    path.write_bytes(content[:last] + b"ImageDataSeq|9!" + content[last + 15 :])
    with pytest.raises(ValueError, match="damaged"):
        read_series(path)


@pytest.mark.skipif(REAL is None, reason="needs the package pims_nd2, for its file")
def test_pixels_of_a_real_file_are_those_of_the_library():
    path = Path(REAL.submodule_search_locations[0], "cluster.nd2")
    with path.open("rb") as file, nd2.ND2File(path) as opened:
        chunks = Chunks(file, path)
        expected = opened.asarray()
        for channel in range(2):
            found = reader._frames(opened.attributes, chunks, chunks.images(), channel, path)
            planes = expected[:, :, channel].reshape(found.shape)
            np.testing.assert_array_equal(found, planes)
        times = [row["Time [s]"] for row in opened.events()]
        np.testing.assert_allclose(chunks.times() / 1000, times[: len(chunks.times())])
    with pytest.raises(ValueError, match="Z=10"):
        read_series(path)
