"""LIF files, made by hand: series by name, channels, clock, and the parts of one experiment."""

import json

import numpy as np
import pytest

pytest.importorskip("liffile")

from benchmarks.microscopes import leica_region, write_lif, write_lof, write_xlef
from skfrap.analysis import ExperimentOptions as Options
from skfrap.analysis import describe_experiment
from skfrap.experiment import Ellipse
from skfrap.io import read_series
from skfrap.io.readers import check_reader
from skfrap.io.readers.lif import LIFReader

STAMPS = [10, 10.5, 11, 14, 14.5, 15]


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(1, 4096, (6, 20, 30)).astype(np.uint16)


@pytest.fixture
def parts(tmp_path, frames):
    """Pre, Bleach and Pb, as LAS keeps them, not in the order of time."""
    path = tmp_path / "a.lif"
    ellipse = leica_region(32, [(-1, -1.5), (1, 1.5)])
    write_lif(
        path,
        [
            ("FRAP Pb1 Series1", frames[3:], STAMPS[3:], ""),
            ("FRAP Pre Series1", frames[:2], STAMPS[:2], ""),
            ("FRAP Bleach Series1", frames[2:3], STAMPS[2:3], ellipse),
        ],
    )
    return path


def test_reader_keeps_to_the_contract(tmp_path, frames):
    path = tmp_path / "a.lif"
    write_lif(path, [("one", frames, STAMPS, "")])
    check_reader(LIFReader(), path)


def test_series_says_its_clock_pixels_and_settings(tmp_path, frames):
    path = tmp_path / "a.lif"
    write_lif(path, [("one", frames, STAMPS, "")], settings='ObjectiveName="HC 63x" Zoom="3"')
    series = read_series(path)
    np.testing.assert_array_equal(series.frames, frames)
    np.testing.assert_allclose(series.times_s, np.subtract(STAMPS, 10), atol=1e-6)
    assert series.sources["times_s"] == "LIF time stamps"
    assert series.pixel_size_um == pytest.approx(0.25)
    assert series.bit_depth == 12
    assert series.acquisition["objective"] == ("HC 63x", "LIF ObjectiveName")
    assert series.start.startswith("2024-01-01T00:00:10")


def test_a_series_in_a_file_of_its_own_is_read(tmp_path, frames):
    path = tmp_path / "a.lof"
    write_lof(path, "one", frames, STAMPS)
    series = read_series(path)
    np.testing.assert_array_equal(series.frames, frames)
    np.testing.assert_allclose(series.times_s, np.subtract(STAMPS, 10), atol=1e-6)
    check_reader(LIFReader(), path)


@pytest.mark.parametrize("pictures", [False, True])
def test_series_in_files_beside_are_read(tmp_path, frames, pictures):
    path = tmp_path / "a.xlef"
    write_xlef(path, "one", frames, STAMPS, pictures=pictures)
    series = read_series(path)
    np.testing.assert_array_equal(series.frames, frames)
    np.testing.assert_allclose(series.times_s, np.subtract(STAMPS, 10), atol=1e-6)
    for file in tmp_path.glob("one*.lof" if not pictures else "one_003.tif"):
        file.unlink()
    with pytest.raises(ValueError, match=r"a\.xlef (has its images in one\.lof|is damaged)"):
        read_series(path)


def test_channels_are_chosen_by_number_and_named(tmp_path, frames):
    path = tmp_path / "a.lif"
    two = np.stack([frames, frames[::-1]])
    write_lif(path, [("one", two, STAMPS, "")])
    with pytest.raises(ValueError, match=r"2 channels \(0 Green, 1 Red\)"):
        read_series(path)
    np.testing.assert_array_equal(read_series(path, channel=1).frames, two[1])
    assert len(read_series(path, channel=1).times_s) == 6


def test_parts_of_one_experiment_are_joined_by_their_time_stamps(parts, frames):
    with pytest.raises(ValueError, match=r"holds 3 series.*join=True"):
        read_series(parts)
    series = read_series(parts, join=True)
    np.testing.assert_array_equal(series.frames, frames[[0, 1, 3, 4, 5]])
    np.testing.assert_allclose(series.times_s, [0, 0.5, 4, 4.5, 5], atol=1e-6)
    assert series.bleaching.n_prebleach[0] == 2
    (event,) = series.bleaching.events
    assert event.start_s == pytest.approx(1.0)
    (drawn,) = series.bleaching.regions
    assert drawn.kind == "bleach"
    assert "FRAP Bleach" in drawn.source
    assert isinstance(drawn.region, Ellipse)
    assert drawn.region.semi_axes == pytest.approx((4, 6))
    assert drawn.region.center == pytest.approx((15, 10))
    protocol, sources = describe_experiment(series, Options())
    assert protocol.n_prebleach == 2
    assert "3 parts" in sources["frame times"]
    some = read_series(parts, join=True, series="FRAP Pre Series1, FRAP Pb1 Series1")
    np.testing.assert_array_equal(some.frames, series.frames)


def test_files_are_joined_too(tmp_path, frames):
    for name, part in (("pre", slice(0, 2)), ("post", slice(2, 6))):
        write_lif(tmp_path / f"{name}.lif", [(name, frames[part], STAMPS[part], "")])
    series = read_series([tmp_path / "post.lif", tmp_path / "pre.lif"], join=True)
    np.testing.assert_array_equal(series.frames, frames)
    np.testing.assert_allclose(series.times_s, np.subtract(STAMPS, 10), atol=1e-6)
    assert series.bleaching.n_prebleach[0] == 2


@pytest.mark.parametrize(
    ("series", "words"),
    [
        ([("Pre", slice(0, 3), True), ("Post", slice(1, 6), True)], "overlap in time"),
        ([("Pre", slice(0, 3), False), ("Post", slice(3, 6), True)], "has none"),
    ],
)
def test_what_are_no_parts_is_not_joined(tmp_path, frames, series, words):
    path = tmp_path / "a.lif"
    write_lif(path, [(n, frames[s], STAMPS[s] if dated else None, "") for n, s, dated in series])
    with pytest.raises(ValueError, match=words):
        read_series(path, join=True)


def test_series_of_other_sizes_are_not_joined(tmp_path, frames):
    path = tmp_path / "a.lif"
    write_lif(path, [("Pre", frames[:2], STAMPS[:2], ""), ("Post", frames[3:, 1:], STAMPS[3:], "")])
    with pytest.raises(ValueError, match="differ in their size"):
        read_series(path, join=True)


def test_noise_is_measured_on_the_series_of_a_file(tmp_path):
    from click.testing import CliRunner

    from skfrap.cli import cli

    rng = np.random.default_rng(0)
    levels = {"dim": 200, "bright": 2000}
    solutions = {
        k: rng.poisson(level, (6, 64, 64)).astype(np.uint16) for k, level in levels.items()
    }
    path = tmp_path / "a.lif"
    write_lif(path, [(name, frames, STAMPS, "") for name, frames in solutions.items()])

    def measured(*options):
        result = CliRunner().invoke(cli, ["noise", str(path), "--json", *options])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    both = measured("--series", "all")
    assert both["n_series"] == 2
    assert both["lowest_intensity"] * 4095 == pytest.approx(200, rel=0.02)
    assert both["highest_intensity"] * 4095 == pytest.approx(2000, rel=0.02)
    assert both["b"] * 4095 == pytest.approx(1, abs=5 * both["b_std"] * 4095)  # a photon a count
    one = measured("--series", "dim")
    assert one["highest_intensity"] * 4095 == pytest.approx(200, rel=0.02)
