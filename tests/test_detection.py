"""What is found in frames where nobody says it: when and where was bleached, and what is dark."""

import csv

import numpy as np
import pytest
from click.testing import CliRunner

from skfrap import Circle, Ellipse, FRAPProtocol, FRAPSimulator, Polygon, Rectangle
from skfrap.analysis import ExperimentOptions, analyse_series, analyse_spots, describe_experiment
from skfrap.cli import cli
from skfrap.io import ImageSeries, write_series
from skfrap.preprocessing import (
    find_bleach_frames,
    find_bleach_region,
    find_bleach_regions,
    find_dark_level,
    find_reference_region,
)
from skfrap.report import read_report

SIDE = 64
DONE = FRAPProtocol(
    shape=(SIDE, SIDE), pixel_size=0.5, bleach_region=Circle(3.0, (14.0, 17.0)), n_prebleach=6,
    n_bleach=1, n_postbleach=24, frame_interval=0.2, padding=32,
)  # fmt: skip
TRUTH = {"D": 2.0, "c0": 0.7, "alpha": 0.4, "a": 1e-9}
RANDOM = np.random.default_rng(0)
NOISE = RANDOM.normal(size=(40, SIDE, SIDE))


def frames_of(done=DONE, noise=0.02, **truth):
    clean = FRAPSimulator(done, TRUTH | truth, random_state=0).sample_images(1).data[0]
    return clean + noise * NOISE[: len(clean)]


def series_of(frames, times=None):
    times = 0.2 * np.arange(len(frames)) if times is None else times
    return ImageSeries(frames, "cell", pixel_size_um=0.5, times_s=times)


@pytest.fixture(scope="module")
def frames():
    return frames_of()


# When


@pytest.mark.parametrize("noise", [0.002, 0.05])
@pytest.mark.parametrize("n_prebleach", [1, 2, 6])
def test_the_first_frame_after_bleaching_is_found(n_prebleach, noise):
    found = find_bleach_frames(frames_of(DONE.replace(n_prebleach=n_prebleach), noise))
    assert (found.n_prebleach, found.n_recorded) == (n_prebleach, 0)


def recorded(how, frames):
    before, after = frames[:6], frames[6:]
    shown = {
        "black": [np.full(before[0].shape, 0.01)],
        "flash": [after[0] + 2 * DONE.bleach_mask] * 2,
        "bright": [5 * before[0]],
        "deepening": [before[0] - share * (before[0] - after[0]) for share in (0.3, 0.7)],
    }[how]
    return np.concatenate([before, shown, after]), len(shown)


@pytest.mark.parametrize("how", ["black", "flash", "bright", "deepening"])
def test_frames_recorded_while_bleaching_are_told_from_those_after(frames, how):
    stack, n = recorded(how, frames)
    found = find_bleach_frames(stack)
    assert (found.n_prebleach, found.n_recorded) == (6, n)
    assert "recorded while bleaching" in found.reason


def test_a_cell_on_a_dark_field_and_fading_are_no_trouble():
    cell = Ellipse((9.0, 7.0), 0.0, (15.0, 16.0)).area_fractions((SIDE, SIDE), 0.5)
    clean = frames_of(noise=0.0) * (0.02 + cell)
    fading = 0.97 ** np.arange(len(clean))[:, np.newaxis, np.newaxis]
    found = find_bleach_frames(clean * fading + 0.02 * NOISE[: len(clean)])
    assert (found.n_prebleach, found.n_recorded) == (6, 0)


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_no_bleaching(seed):
    noise = np.random.default_rng(seed).normal(size=(20, 48, 48))
    with pytest.raises(ValueError, match="no frame is seen in which part of the field turns dark"):
        find_bleach_frames(1 + 0.1 * noise)


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda frames: 0 * frames, "frames have no light"),
        (lambda frames: frames[:1], "too few frames"),
        (lambda frames: np.where(frames > 0.9, np.nan, np.nan), "not finite"),
    ],
)
def test_frames_that_show_nothing_are_refused(frames, spoil, word):
    with pytest.raises(ValueError, match=word):
        find_bleach_frames(spoil(frames))


def test_a_frame_that_is_darker_in_part_is_found_or_refused():
    stack = frames_of(noise=0.0)
    half = 0.7 * stack[0] + 0.3 * stack[6]
    stack = np.concatenate([stack[:5], [half], stack[6:]])
    answers = []
    for scale in np.geomspace(0.02, 0.3, 12):
        try:
            answers.append(find_bleach_frames(stack + scale * NOISE[: len(stack)]).n_prebleach)
        except ValueError:
            answers.append(None)
    assert set(answers) == {5, None}


# Where


@pytest.mark.parametrize("noise", [0.0, 0.015])
@pytest.mark.parametrize(
    "truth", [{}, {"D": 0.01}, {"mobile_fraction": 0.5}, {"bleach_blur": 0.7}, {"alpha": 0.8}]
)
def test_the_circle_that_was_bleached_is_found(truth, noise):
    frames = frames_of(noise=noise, **truth)
    found = find_bleach_region(frames[:6].mean(axis=0), frames[6], 0.5)
    assert found.region.center == pytest.approx((14.0, 17.0), abs=0.15)
    assert found.region.radius == pytest.approx(3.0, rel=0.05)
    assert found.radius_error < 0.06
    assert "seen in the first frame after bleaching: a circle of" in found.reason


def image_of(*regions, depth=0.5, noise=0.0):
    after = np.ones((SIDE, SIDE))
    for region in regions:
        after -= depth * region.area_fractions(after.shape, 0.5)
    return after + noise * NOISE[0]


@pytest.mark.parametrize(
    ("after", "word"),
    [
        (np.ones((SIDE, SIDE)), "no patch is clearly darker"),
        (image_of(noise=0.1), "no patch is clearly darker"),
        (image_of(Circle(3.0, (8.0, 8.0)), Circle(3.0, (24.0, 24.0))), "2 patches are darker"),
        (image_of(Ellipse((6.0, 4.0))), "as that of an oval"),
        (image_of(Rectangle(8.0, 8.0)), "as that of a square"),
        (image_of(Rectangle(12.0, 5.0)), "is no circle|too noisy"),
        (image_of(Polygon([(10, 10), (22, 11), (16, 22)])), "is no circle|too noisy"),
        (image_of(Circle(2.0), depth=0.15, noise=0.15), "too noisy|no patch|specks"),
        (np.full((SIDE, SIDE), np.nan), "not finite"),
        (np.ones((9, 9)), "images of one shape"),
    ],
)
def test_what_is_no_clear_circle_is_refused_in_words(after, word):
    with pytest.raises(ValueError, match=word):
        find_bleach_region(np.ones((SIDE, SIDE)), after, 0.5)


def test_a_circle_over_the_edge_of_the_field_or_spread_out_is_refused():
    rows, columns = np.indices((SIDE, SIDE))
    cut = 1 - 0.5 * (np.hypot(rows - 30, columns - 2) < 8)
    with pytest.raises(ValueError, match=r"beyond the field|no circle"):
        find_bleach_region(np.ones((SIDE, SIDE)), cut, 0.5)
    wide = 1 - 0.5 * np.exp(-((rows - 30) ** 2 + (columns - 30) ** 2) / (2 * 6.0**2))
    with pytest.raises(ValueError, match="too soft to tell its radius"):
        find_bleach_region(np.ones((SIDE, SIDE)), wide, 0.5)


def test_several_circles_are_found():
    spots = Circle(2.5, (8.0, 8.0)), Circle(3.0, (24.0, 9.0)), Circle(2.0, (12.0, 25.0))
    found = find_bleach_regions(np.ones((SIDE, SIDE)), image_of(*spots, noise=0.01), 0.5)
    assert len(found) == 3
    for one in found:
        nearest = min(
            spots, key=lambda spot: np.hypot(*np.subtract(spot.center, one.region.center))
        )
        assert one.region.center == pytest.approx(nearest.center, abs=0.1)
        assert one.region.radius == pytest.approx(nearest.radius, rel=0.03)


# What is dark, and what was not bleached


def test_the_level_without_light_is_found():
    cell = Ellipse((9.0, 7.0)).area_fractions((SIDE, SIDE), 0.5)
    frames = 120 + 800 * cell + 10 * NOISE
    found = find_dark_level(frames)
    assert found.level == pytest.approx(120, abs=2)
    assert "dark beside the sample" in found.reason
    frames[7] = 100 + 10 * NOISE[7]
    found = find_dark_level(frames)
    assert found.level == pytest.approx(100, abs=1)
    assert "the shutter is closed" in found.reason


@pytest.mark.parametrize(
    ("frames", "word"),
    [
        (500 + 10 * NOISE, "no place is clearly darker"),
        (500 + 10 * NOISE + 300 * np.indices((SIDE, SIDE))[0] / SIDE, "no place|uneven"),
        (np.full((4, 9, 9), np.nan), "not finite"),
        (NOISE[0], "shape"),
    ],
)
def test_where_nothing_tells_the_dark_level_it_is_asked_for(frames, word):
    with pytest.raises(ValueError, match=word):
        find_dark_level(frames)


def test_a_reference_is_lit_far_and_not_bleached(frames):
    before, after = frames[:6].mean(axis=0), frames[6]
    found = find_reference_region(before, after, DONE)
    chosen = found.region.array > 0
    assert (DONE.bleach_mask[chosen] == 0).all()
    assert after[chosen].mean() == pytest.approx(before[chosen].mean(), rel=0.02)
    with pytest.raises(ValueError, match="so that it is no reference"):
        find_reference_region(before, 0.8 * after, DONE)
    with pytest.raises(ValueError, match="as a reference; name one"):
        find_reference_region(before, after, DONE.replace(compartment=Circle(5.0, (14.0, 17.0))))
    with pytest.raises(ValueError, match="must have the protocol's shape"):
        find_reference_region(before[:9], after, DONE)


# In an analysis


def test_what_was_recorded_while_bleaching_is_left_out(frames):
    stack, _ = recorded("flash", frames)
    protocol, sources = describe_experiment(series_of(stack), ExperimentOptions(start="auto"))
    assert (protocol.n_prebleach, protocol.n_bleach, protocol.n_postbleach) == (6, 2, 24)
    assert protocol.times[6] == pytest.approx(0.2)
    assert "were recorded while bleaching" in sources["prebleach frames"]


def test_region_and_dark_level_are_found_and_said():
    frames = 400 + 4000 * frames_of(noise=0.01)
    frames[:, :10] = 400 + 40 * NOISE[: len(frames), :10]
    options = ExperimentOptions(
        start="auto", bleach_region="auto", dark_level="auto", first_postbleach=0.2
    )
    protocol, sources = describe_experiment(series_of(frames), options)
    assert protocol.bleach_region.radius == pytest.approx(3.0, rel=0.03)
    assert sources["bleach region"].startswith("seen in the first frame after bleaching")
    assert sources["dark level"].startswith("400, the median of")
    with pytest.raises(ValueError, match="dark_level must be a number of counts, or 'auto'"):
        ExperimentOptions(dark_level="dark")


@pytest.mark.slow
def test_a_region_that_is_found_gives_D(frames):
    options = ExperimentOptions(bleach_region="auto", n_prebleach=6, first_postbleach=0.2)
    analysis = analyse_series(series_of(frames), options)
    assert analysis.estimates.D_um2_s_lower[0] < 2.0 < analysis.estimates.D_um2_s_upper[0]


@pytest.fixture(scope="module")
def two():
    """Two spots in one movie."""
    other = DONE.replace(bleach_region=Circle(2.5, (16.0, 15.0)))
    frames = np.concatenate([frames_of(noise=0.01), frames_of(other, noise=0.01, D=1.0)], axis=2)
    return series_of(frames)


@pytest.mark.slow
def test_each_of_several_spots_has_its_row(two, tmp_path):
    options = ExperimentOptions(n_prebleach=6, first_postbleach=0.2)
    found = analyse_spots(two, options)
    assert [one.name for one in found] == ["cell, spot 1", "cell, spot 2"]
    D = {round(one.protocol.bleach_region.radius, 1): one.estimates.D_um2_s[0] for one in found}
    assert sorted(D) == [2.5, 3.0]
    assert [D[2.5], D[3.0]] == pytest.approx([1.0, 2.0], rel=0.1)
    path, table = tmp_path / "two.tif", tmp_path / "table.csv"
    write_series(path, two.frames.astype("f4"), pixel_size_um=0.5, frame_interval_s=0.2)
    report = tmp_path / "report.html"
    given = ["estimate", str(path), "--bleach-region", "each", "--out", str(table)]
    given += ["--report", str(report)]
    result = CliRunner().invoke(cli, given)
    assert result.exit_code == 0, result.output
    assert "spot 2 of 2, in columns" in result.output
    with table.open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [row["series"] for row in rows] == ["two, spot 1", "two, spot 2"]
    assert [one["series"] for one in read_report(report)["records"]] == [
        "two, spot 1",
        "two, spot 2",
    ]
    again = CliRunner().invoke(cli, [*given, "--resume"])
    assert "1 of 1 series are taken over" in again.output
    with table.open(newline="") as file:
        assert [*csv.DictReader(file)] == rows
    copy = path.with_name("copy.tif")
    copy.write_bytes(path.read_bytes())
    both = CliRunner().invoke(cli, [given[0], str(copy), *given[1:], "--resume"])
    assert both.exit_code == 0, both.output
    with table.open(newline="") as file:
        found = {row["series"]: "same_numbers" in row["findings"] for row in csv.DictReader(file)}
    assert sum(found.values()) == 2
    assert {name.split(",")[0] for name, told in found.items() if told} < {"two", "copy"}


def test_spots_and_compartments_do_not_go_together(two):
    with pytest.raises(ValueError, match="analyse them one by one"):
        analyse_spots(two, ExperimentOptions(compartment="auto"))
