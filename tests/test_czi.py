"""CZI files: frames, clock, regions and events of a real one, and of small ones made by hand."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from benchmarks.microscopes import write_czi
from skfrap import Circle, FRAPProtocol, FRAPSimulator
from skfrap.analysis import ExperimentOptions as Options
from skfrap.analysis import analyse_series, describe_experiment
from skfrap.io import FileFrames, read_series
from skfrap.io.readers import check_reader
from skfrap.io.readers.czi import CZIReader

REAL = Path(__file__).parents[2] / "shared" / "real" / "zeiss_czi" / "circle_45x256x256.czi"
PROTOCOL = FRAPProtocol(
    shape=(48, 56), pixel_size=0.25, bleach_region=Circle(1.75, (7.5, 6.25)), n_prebleach=4,
    n_bleach=1, n_postbleach=16, frame_interval=0.5, padding=16,
)  # fmt: skip
TIMES = 1000.0 + np.r_[0.5 * np.arange(4), 3.0 + 0.5 * np.arange(16)]
EVENTS = [(1001.75, 2), (1002.55, 3)]


@pytest.fixture(scope="module")
def frames():
    truth = {"D": 0.5, "c0": 0.6, "alpha": 0.4, "a": 1e-4}
    return FRAPSimulator(PROTOCOL, truth, bit_depth=12, random_state=0).sample_images(1).data[0]


@pytest.fixture
def path(tmp_path, frames):
    path = tmp_path / "cell.czi"
    write_czi(path, frames, TIMES, events=EVENTS, circle=(30.0, 25.0, 7.0))
    return path


needs_real = pytest.mark.skipif(not REAL.exists(), reason="needs the real CZI file")


@needs_real
def test_real_file_says_all_that_an_experiment_needs():
    series = read_series(REAL)
    assert series.frames.shape == (45, 256, 256)
    assert series.pixel_size_um == pytest.approx(0.27676, abs=1e-5)
    gaps = np.diff(series.times_s)
    assert gaps[9] == pytest.approx(6.605, abs=1e-3)
    np.testing.assert_allclose(np.delete(gaps, 9), 5.0, atol=0.03)
    record = series.bleaching
    assert record.n_prebleach[0] == 10
    (event,) = record.events
    assert event.duration_s == pytest.approx(5.944, abs=1e-3)
    assert event.iterations == 2
    (drawn,) = record.regions
    assert drawn.kind == "bleach and analysis"
    assert drawn.region.radius == pytest.approx(37.5, abs=0.01)
    assert series.acquisition["objective"][0] == "Plan-Apochromat 40x/1.3 Oil DIC M27"
    assert series.channels == ("Ch2 (Cy5)",)
    # What is seen is where it was drawn.
    lost = series.frames[:10].mean(axis=0) - series.frames[10]
    inside = drawn.in_um(1.0).area_fractions((256, 256), 1.0) > 0.5
    assert lost[inside].mean() > 5 * np.abs(lost[~inside].mean())


@needs_real
def test_real_file_is_an_experiment_without_a_word():
    protocol, sources = describe_experiment(read_series(REAL), Options())
    assert (protocol.n_prebleach, protocol.n_bleach) == (10, 2)
    assert protocol.bleach_region.radius == pytest.approx(37.5 * 0.27676, rel=1e-3)
    assert sources["bleaching"].startswith("5.944 s, 2 iterations, CZI event list")


@needs_real
def test_real_file_keeps_to_the_contract():
    check_reader(CZIReader(), REAL)


@needs_real
def test_pixels_and_times_are_those_that_czifile_reads():
    czifile = pytest.importorskip("czifile")
    series = read_series(REAL)
    with czifile.CziFile(REAL) as czi:
        np.testing.assert_array_equal(np.squeeze(czi.asarray()), series.frames)
        lists = {one.attachment_entry.name: one.data() for one in czi.attachments()}
    stamps = lists["TimeStamps"]
    np.testing.assert_allclose(series.times_s, stamps - stamps[0], rtol=0, atol=1e-9)


@needs_real
@pytest.mark.slow
def test_real_file_is_analysed_without_an_option():
    analysis = analyse_series(REAL, Options(start="auto"))
    protocol, sources = analysis.protocol, analysis.sources
    assert (protocol.n_prebleach, protocol.n_bleach) == (10, 2)
    assert protocol.n_bleach * protocol.bleach_interval == pytest.approx(5.944, abs=1e-3)
    assert protocol.bleach_region.radius == pytest.approx(37.5 * 0.27676, rel=1e-3)
    for what, words in (
        ("frame times", "CZI time stamps"),
        ("prebleach frames", "10, CZI event list"),
        ("bleaching", "5.944 s, 2 iterations, CZI event list, in the gap of 6.605 s"),
        ("bleach region", "circle:37.4999px"),
    ):
        assert words in sources[what]
    assert len(analysis.alternatives.to_records()) > 1
    assert np.isfinite(analysis.estimates.values["D"][0])


@pytest.mark.parametrize("compression", [0, 6])
def test_reader_keeps_to_the_contract(tmp_path, frames, compression):
    path = tmp_path / "a.czi"
    write_czi(path, frames[:5], TIMES[:5], compression=compression)
    check_reader(CZIReader(), path)
    np.testing.assert_array_equal(CZIReader().read(path).frames, frames[:5])


def test_only_rows_that_are_asked_for_are_read(path, frames, monkeypatch):
    stored = CZIReader().read(path).frames
    np.testing.assert_array_equal(stored, frames)
    for key in (
        3, -1, slice(2, 9, 3), [5, 1], (slice(None), slice(10, 12)), (..., 4), (2, 5, 6),
        (slice(0, 3), slice(40, 10)), (slice(1, 4), [3, 1]), np.arange(20) > 15,
    ):  # fmt: skip
        np.testing.assert_array_equal(stored[key], frames[key])
    np.testing.assert_array_equal(stored - 1, frames - 1)
    assert stored.max() == frames.max()
    n_read = []
    original = np.ndarray
    monkeypatch.setattr(
        "skfrap.io._file_frames.np.ndarray",
        lambda *given, **named: n_read.append(len(given[2])) or original(*given, **named),
    )
    stored[2:5, 10:14, 7:9]
    assert n_read == [4 * 56 * 2] * 3


def test_what_the_file_says_is_the_experiment(path):
    protocol, sources = describe_experiment(read_series(path), Options())
    assert protocol.n_prebleach == 4
    assert protocol.bleach_region == Circle(1.75, (7.5, 6.25))
    assert protocol.n_bleach == 2
    assert protocol.bleach_interval == pytest.approx(0.4)
    # Bleaching ended at 2.55, the frame began at 3.0, and takes 0.1 s.
    assert protocol.times[4] == pytest.approx(0.45 + 0.05)
    assert "CZI event list" in sources["end of bleaching"]


def test_what_is_told_wins_over_the_file(path):
    told = Options(n_prebleach=4, bleach_region="circle:1@7,6", n_bleach=1, first_postbleach=0.4)
    protocol, sources = describe_experiment(read_series(path), told)
    assert protocol.bleach_region.radius == 1
    assert protocol.n_bleach == 1
    assert protocol.times[4] == 0.4
    assert sources["bleach region"].startswith("given")
    # With another clock, or other frames before it, the file's bleaching is not that of the series.
    protocol, sources = describe_experiment(read_series(path), Options(frame_interval=1.0))
    assert protocol.n_bleach == 1
    protocol, sources = describe_experiment(read_series(path), Options(n_prebleach=3))
    assert "CZI" not in sources["end of bleaching"]


def test_a_region_that_was_only_to_be_analysed_is_not_what_was_bleached(tmp_path, frames):
    path = tmp_path / "a.czi"
    write_czi(path, frames, TIMES, events=EVENTS, circle=(30.0, 25.0, 7.0), flags=4)
    series = read_series(path)
    assert [one.kind for one in series.bleaching.regions] == ["analysis"]
    with pytest.raises(ValueError, match="the bleach region"):
        describe_experiment(series, Options())
    _, sources = describe_experiment(series, Options(bleach_region="circle:1.75@7.5,6.25"))
    assert "analysis: circle:7px@30px,25px" in sources["other regions"]


def test_channels_and_scenes_are_chosen(tmp_path, frames):
    path = tmp_path / "a.czi"
    two = np.stack([frames[:4], frames[4:8]])
    write_czi(path, two, TIMES[:4], channels=("EGFP", "mCherry"))
    with pytest.raises(ValueError, match=r"2 channels \(0 EGFP, 1 mCherry\)"):
        read_series(path)
    np.testing.assert_array_equal(read_series(path, channel=1).frames, two[1])
    write_czi(path, frames[:4], TIMES[:4], scenes=2)
    with pytest.raises(ValueError, match=r"2 series \(0 scene 0, 1 scene 1\)"):
        read_series(path)
    assert len(read_series(path, series="scene 1").frames) == 4
    with pytest.raises(ValueError, match="series must be a number from 0 to 1"):
        read_series(path, series=2)


def test_stamps_that_are_not_of_the_frames_are_no_clock(tmp_path, frames):
    path = tmp_path / "a.czi"
    write_czi(path, frames, TIMES[:7])
    series = read_series(path)
    assert series.times_s is None
    assert "are 7 for 20 frames" in series.sources["times_s"]


def test_parts_are_joined_by_the_clock_of_the_microscope_where_dates_are_rounded(tmp_path, frames):
    paths = [tmp_path / "pre.czi", tmp_path / "post.czi"]
    write_czi(paths[0], frames[:4], TIMES[:4], date="2024-05-06T10:00:00")
    write_czi(paths[1], frames[4:], TIMES[4:], date="2024-05-06T10:00:04")
    series = read_series(paths, join=True)
    np.testing.assert_array_equal(series.frames, frames)
    np.testing.assert_allclose(series.times_s, TIMES - TIMES[0])
    assert series.bleaching.n_prebleach[0] == 4
    # Switched off in between, the clock begins anew.
    write_czi(paths[1], frames[4:], TIMES[4:] - 900, date="2024-05-06T10:00:04")
    series = read_series(paths, join=True)
    assert series.times_s[4] == 4.0
    assert series.info == {}


def test_frames_in_a_file_go_to_other_processes_as_its_path(path, frames):
    stored = pickle.loads(pickle.dumps(read_series(path))).frames
    assert isinstance(stored, FileFrames)
    np.testing.assert_array_equal(stored, frames)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(ValueError, match="shorter"):
        stored[-1]
