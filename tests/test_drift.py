"""Samples that move: how they do, frames that are moved back, and what an analysis makes of it."""

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.ndimage import gaussian_filter, map_coordinates, shift

from skfrap import Circle, Ellipse, FRAPProtocol, FRAPSimulator, Mask, Recording, make_frap_pipeline
from skfrap.analysis import ExperimentOptions, analyse_series, read_recordings
from skfrap.cli import cli
from skfrap.io import ImageSeries, write_series
from skfrap.plotting import DriftDisplay, plot_analysis
from skfrap.preprocessing import (
    Drift,
    DriftCorrector,
    RecoveryCurveExtractor,
    check_corrector,
    compute_drift,
)

SIDE, BEYOND = 112, 16
PROTOCOL = FRAPProtocol(
    shape=(SIDE, SIDE), pixel_size=0.5, bleach_region=Circle(5.0), n_prebleach=5, n_bleach=1,
    n_postbleach=35, frame_interval=0.2, padding=48,
)  # fmt: skip
WIDE = PROTOCOL.replace(shape=(SIDE + 2 * BEYOND,) * 2, padding=32)
TRUTH = {"D": 10.0, "c0": 0.7, "alpha": 0.4, "a": 1e-9}
OPTIONS = {"bleach_region": "circle:5@28,28", "n_prebleach": 5, "first_postbleach": 0.2}


def way_of(n, seed=0, step=0.3):
    """Return shifts in pixels, 0 where the sample is bleached."""
    way = np.cumsum(np.random.default_rng(seed).normal(scale=step, size=(n, 2)), axis=0)
    return way - way[4:6].mean(axis=0)


def moving(way, contrast=0.1, noise=0.005, seed=0, texture=None):
    """Simulate a stack whose sample, with its bleached spot, moves."""
    rng = np.random.default_rng(seed)
    if texture is None:
        texture = gaussian_filter(rng.normal(size=WIDE.shape), 4)
        texture = 1 + contrast * texture / texture.std()
    frames = FRAPSimulator(WIDE, TRUTH, random_state=0).sample_images(1).data[0]
    inner = slice(BEYOND, -BEYOND)
    frames = [
        shift(frame * texture, (dy, dx), order=3, mode="nearest")[inner, inner]
        for frame, (dx, dy) in zip(frames, way, strict=True)
    ]
    return np.array(frames) + noise * rng.normal(size=(len(way), SIDE, SIDE))


@pytest.fixture(scope="module")
def way():
    return way_of(PROTOCOL.n_frames)


@pytest.fixture(scope="module")
def stack(way):
    return moving(way)


def series_of(stack, done=PROTOCOL):
    times = done.times - done.times[0]
    return ImageSeries(stack, "cell", pixel_size_um=done.pixel_size, times_s=times)


def codes_of(analysis):
    return {one.code for one in analysis.estimates.findings[0]}


# What is measured


def test_motion_is_measured_with_its_error(stack, way):
    drift = compute_drift(stack, PROTOCOL)
    off = drift.shifts - way
    assert np.sqrt(np.mean(off**2)) < 0.02
    assert np.sqrt(np.mean((off / drift.errors) ** 2)) == pytest.approx(1.0, abs=0.5)
    assert drift.largest == pytest.approx(np.hypot(*way.T).max(), abs=0.05)
    assert not drift.angles.any()


def test_recovery_and_fading_are_not_taken_for_motion():
    fading = 0.98 ** np.arange(PROTOCOL.n_frames)[:, np.newaxis, np.newaxis]
    still = moving(np.zeros((PROTOCOL.n_frames, 2)), noise=0.0)
    drift = compute_drift(0.05 + still * fading, PROTOCOL)
    assert drift.largest < 0.01


def test_light_that_is_missing_all_over_a_small_field_hides_no_frame():
    protocol = FRAPProtocol(
        shape=(64, 64), pixel_size=0.5, bleach_region=Circle(6.0), n_postbleach=15
    )
    truth = {"D": 20.0, "c0": 0.8, "alpha": 0.6, "a": 1e-3}
    frames = FRAPSimulator(protocol, truth, random_state=0).sample_images(4).data
    texture = gaussian_filter(np.random.default_rng(0).normal(size=(64, 64)), 2)
    texture = 1 + 0.15 * texture / texture.std()
    way = np.outer(np.arange(protocol.n_frames) - 9.5, [0.05, 0.1])
    for sample in frames:
        moved = [
            shift(frame * texture, at[::-1] - way[0][::-1], mode="nearest")
            for frame, at in zip(sample, way, strict=True)
        ]
        drift = compute_drift(np.array(moved), protocol)
        assert drift.errors.max() < 0.05
        assert np.abs(drift.shifts - way).max() < 0.15


def test_a_spot_beside_the_middle_is_no_motion():
    """Light is missing on one side of a cell."""
    done = PROTOCOL.replace(
        bleach_region=Circle(3.0, (22.0, 28.0)),
        compartment=Ellipse((14.0, 10.0), 0.0, (28.0, 28.0)),
    )
    frames = FRAPSimulator(done, TRUTH, random_state=0).sample_images(1).data[0]
    frames = np.array([gaussian_filter(frame, 1.0) for frame in frames])
    drift = compute_drift(frames, done)
    assert drift.largest < 0.05 * 6


def test_turns_are_measured_where_they_are_asked_for(stack):
    rng = np.random.default_rng(1)
    sample = 1 + gaussian_filter(rng.normal(size=(SIDE, SIDE)), 4)
    angles = np.linspace(0, 0.05, 6)
    middle = (SIDE - 1) / 2
    rows, columns = np.indices(sample.shape) - middle
    frames = []
    for angle in angles:  # a sample that turns clockwise as images are shown, y down
        cos, sin = np.cos(angle), np.sin(angle)
        back = middle + cos * rows - sin * columns, middle + sin * rows + cos * columns
        frames.append(map_coordinates(sample, back, order=3, mode="nearest"))
    done = PROTOCOL.replace(n_prebleach=1, n_postbleach=5)
    drift = compute_drift(frames, done, kind="rigid")
    assert drift.angles - drift.angles[0] == pytest.approx(angles, abs=2e-4)
    still = DriftCorrector(done, drift=drift).fit_transform([np.array(frames)])[0]
    inner = slice(24, -24)
    assert np.ptp(still[:, inner, inner], axis=0).max() < 0.01


def test_frames_that_jump_are_found(stack, way):
    jumped = way.copy()
    jumped[20:] += (9.0, -7.0)
    drift = compute_drift(moving(jumped, contrast=0.2), PROTOCOL)
    assert drift.shifts == pytest.approx(jumped, abs=0.1)


def test_some_frames_tell_of_the_others(stack):
    steady = np.outer(np.arange(PROTOCOL.n_frames) - 4.5, [0.1, 0.05])
    drift = compute_drift(moving(steady), PROTOCOL, frames=[0, 20, 39])
    assert drift.shifts == pytest.approx(steady, abs=0.1)


def test_an_even_sample_shows_no_motion():
    even = moving(np.zeros((PROTOCOL.n_frames, 2)), contrast=0.0)
    drift = compute_drift(even, PROTOCOL)
    assert np.isinf(drift.errors).all()
    with pytest.raises(ValueError, match="shows nothing by which the sample could be followed"):
        DriftCorrector(PROTOCOL).fit_transform([even])[0]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"kind": "affine"}, "kind must be one of"),
        ({"smoothing": 0.0}, "smoothing must be"),
        ({"frames": [99]}, "frames must be some of"),
        ({"exclude": np.ones((3, 3))}, "exclude must have the shape"),
        ({"exclude": np.ones((SIDE, SIDE))}, "too few to see motion"),
        ({"protocol": None, "n_prebleach": 99}, "n_prebleach is 99"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(stack, options, word):
    with pytest.raises(ValueError, match=word):
        compute_drift(stack, **{"protocol": PROTOCOL} | options)


def test_pixels_that_are_not_finite_are_refused(stack):
    spoilt = stack.copy()
    spoilt[7, 30, 30] = np.nan
    with pytest.raises(ValueError, match="frame 7 has pixels that are not finite"):
        compute_drift(spoilt, PROTOCOL)


# What is moved back


@pytest.mark.parametrize("kind", ["translation", pytest.param("rigid", marks=pytest.mark.slow)])
def test_it_is_a_correction(stack, kind):
    middle = slice(24, -24)
    corrector = DriftCorrector(PROTOCOL.replace(shape=(64, 64)), kind=kind)
    check_corrector(corrector, stack[np.newaxis, :, middle, middle])


@pytest.mark.slow
def test_frames_and_regions_that_move_give_the_curve_of_a_sample_at_rest(way):
    still = moving(np.zeros_like(way), noise=0.0)
    moved = moving(way, noise=0.0)
    extractor = RecoveryCurveExtractor(PROTOCOL)
    expected = extractor.fit_transform([still])[0]
    assert np.abs(extractor.transform([moved])[0] - expected).max() > 0.005
    corrector = DriftCorrector(PROTOCOL)
    assert extractor.transform(corrector.fit_transform([moved]))[0] == pytest.approx(
        expected, abs=5e-4
    )
    (drift,) = corrector.drifts([moved])
    means = drift.means_within(moved, PROTOCOL.bleach_mask)
    assert means == pytest.approx(expected, abs=2e-3)


@pytest.mark.slow
def test_samples_bring_their_protocols_to_pipelines(way):
    moved = moving(way)
    pipeline = make_frap_pipeline(corrections=[DriftCorrector()])
    samples = [Recording(moved, PROTOCOL), Recording(moved[:30], PROTOCOL.replace(n_postbleach=25))]
    found = pipeline.fit(samples).estimate(samples)
    assert found.D_um2_s.tolist() == pytest.approx([10.0, 10.0], rel=0.04)


def test_a_region_that_leaves_the_field_is_refused(stack):
    far = Drift(np.full((40, 2), 60.0), np.zeros((40, 2)), np.zeros(40))
    corrected = DriftCorrector(PROTOCOL, drift=far).fit_transform([stack])
    with pytest.raises(ValueError, match="leaves the field of view with the sample in frame 0"):
        corrected[0]
    short = Drift(np.zeros((3, 2)), np.zeros((3, 2)), np.zeros(3))
    with pytest.raises(ValueError, match="the stack has 40 frames, and drift is of 3"):
        DriftCorrector(PROTOCOL, drift=short).fit_transform([stack])[0]
    with pytest.raises(ValueError, match="drift must be a Drift"):
        DriftCorrector(PROTOCOL, drift=2.0).fit([stack])


# What an analysis makes of it


@pytest.fixture(scope="module")
def fast():
    """A series whose sample moves by more than its region bears."""
    return series_of(moving(way_of(PROTOCOL.n_frames, seed=3, step=0.5)))


@pytest.mark.slow
def test_frames_are_aligned_and_it_is_said(fast):
    analysis = analyse_series(fast, ExperimentOptions(**OPTIONS))
    assert analysis.aligned
    assert analysis.sources["drift"].startswith("frames aligned, the sample moves: by up to")
    assert analysis.estimates.D_um2_s[0] == pytest.approx(10.0, rel=0.02)
    assert "motion_left" not in codes_of(analysis)
    largest = analysis.drift.largest * PROTOCOL.pixel_size
    assert analysis.to_record()["drift_um"] == pytest.approx(largest, rel=1e-3)
    plot_analysis(analysis)


@pytest.mark.slow
def test_motion_that_is_left_is_a_finding(fast):
    analysis = analyse_series(fast, ExperimentOptions(**OPTIONS, drift="none"))
    assert not analysis.aligned
    assert "not corrected, as asked" in analysis.sources["drift"]
    assert "motion_left" in codes_of(analysis)


@pytest.mark.slow
def test_a_sample_at_rest_stays_as_it_is():
    still = series_of(moving(np.zeros((PROTOCOL.n_frames, 2))))
    analysis = analyse_series(still, ExperimentOptions(**OPTIONS))
    assert not analysis.aligned
    assert "the sample stays within" in analysis.sources["drift"]
    even = series_of(moving(np.zeros((PROTOCOL.n_frames, 2)), contrast=0.0))
    analysis = analyse_series(even, ExperimentOptions(**OPTIONS))
    assert not analysis.aligned
    assert "too little structure" in analysis.sources["drift"]


@pytest.mark.slow
def test_outlines_and_rows_move_with_the_sample():
    cell = Ellipse((18.0, 14.0), 0.0, (28.0, 28.0))
    done = PROTOCOL.replace(bleach_region=Circle(4.0, (28.0, 28.0)), compartment=cell)
    frames = FRAPSimulator(done, TRUTH, random_state=0).sample_images(1).data[0]
    way = np.outer(np.arange(PROTOCOL.n_frames) - 4.5, [0.15, 0.1])
    rng = np.random.default_rng(0)
    frames = np.array(
        [
            shift(gaussian_filter(frame, 0.7), (dy, dx), order=3, mode="nearest")
            for frame, (dx, dy) in zip(frames, way, strict=True)
        ]
    )
    frames += 0.02 + 0.003 * rng.normal(size=frames.shape)
    region = {"bleach_region": "circle:4@28,28", "compartment": "auto", "rows": "compartment"}
    given = OPTIONS | region
    still = analyse_series(series_of(frames, done), ExperimentOptions(**given))
    assert still.aligned
    assert still.estimates.D_um2_s[0] == pytest.approx(10.0, rel=0.03)
    assert "motion_left" not in codes_of(still)
    left = analyse_series(series_of(frames, done), ExperimentOptions(**given, drift="none"))
    assert "motion_left" in codes_of(left)


@pytest.mark.slow
def test_a_region_that_is_no_circle_moves_as_well(fast):
    region = Mask(PROTOCOL.bleach_mask)
    options = ExperimentOptions(**OPTIONS | {"bleach_region": region})
    assert analyse_series(fast, options).aligned


@pytest.mark.slow
def test_the_command_line_aligns_and_says_so(fast, tmp_path):
    path = tmp_path / "moving.tif"
    write_series(path, fast.frames.astype("f4"), pixel_size_um=0.5, frame_interval_s=0.2)
    given = ["estimate", str(path), "--bleach-region", "circle:5@28,28", "--n-prebleach", "5"]
    result = CliRunner().invoke(cli, given)
    assert result.exit_code == 0, result.output
    assert "drift: frames aligned, the sample moves: by up to" in result.output
    wrong = CliRunner().invoke(cli, [*given, "--drift", "sideways"])
    assert wrong.exit_code == 2


def test_recordings_that_move_say_so_until_they_are_aligned(fast):
    still = series_of(moving(np.zeros((PROTOCOL.n_frames, 2))))
    recordings = read_recordings([fast, still], ExperimentOptions(**OPTIONS))
    assert [[one.code for one in each.findings] for each in recordings] == [["motion_left"], []]
    words = [one.info["sources"]["drift"] for one in recordings]
    assert words[0].startswith("left to the steps of a pipeline; the sample moves by up to")
    as_recorded = make_frap_pipeline().fit(recordings).estimate(recordings)
    assert as_recorded.has_finding("motion_left").tolist() == [True, False]
    pipeline = make_frap_pipeline(corrections=[DriftCorrector()]).fit(recordings)
    aligned = pipeline.estimate(recordings)
    assert not aligned.has_finding("motion_left").any()
    np.testing.assert_allclose(aligned.D_um2_s, 10.0, rtol=0.02)


def test_drift_is_drawn(stack):
    display = DriftDisplay.from_estimator(DriftCorrector(PROTOCOL).fit([stack]), [stack])
    assert display.ax_.get_ylabel() == "shift (µm)"
    assert len(display.ax_.lines[0].get_xdata()) == PROTOCOL.n_frames
    assert DriftDisplay.from_drift(display.drift).ax_.get_xlabel() == "frame"
