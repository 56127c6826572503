"""From one image series to a result, and the protocol that is put together on the way."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skfrap import Circle, FRAPProtocol, FRAPSimulator, Mask, Polygon, Rectangle
from skfrap.analysis import ExperimentOptions, analyse_series, describe_experiment
from skfrap.experiment import parse_region
from skfrap.io import ImageSeries


@pytest.fixture(scope="module")
def protocol():
    return FRAPProtocol(
        shape=(80, 80), pixel_size=0.5, bleach_region=Circle(5.0, (22.0, 18.0)), n_bleach=1
    )


@pytest.fixture(scope="module")
def frames(protocol):
    simulator = FRAPSimulator(
        protocol, prior={"D": 6.0, "c0": 0.6, "alpha": 0.4, "a": 1e-4}, random_state=1
    )
    return simulator.sample_images(1).data[0]


def series_of(frames, protocol, **changes):
    description = {
        "frames": frames,
        "name": "cell",
        "pixel_size_um": protocol.pixel_size,
        "times_s": protocol.frame_interval * np.arange(len(frames)),
    }
    return ImageSeries(**description | changes)


GIVEN = ExperimentOptions(n_prebleach=10, bleach_region="circle:5@22,18", background="none")


def test_D_is_recovered_and_sources_are_told(frames, protocol):
    analysis = analyse_series(series_of(frames, protocol), GIVEN)
    estimates = analysis.estimates
    assert estimates.D_um2_s_lower[0] < 6.0 < estimates.D_um2_s_upper[0]
    assert estimates.D_um2_s_upper[0] / estimates.D_um2_s_lower[0] < 1.2
    assert not estimates.flags[0]
    assert analysis.protocol == protocol
    assert analysis.sources["bleach region"] == "given, circle:5@22,18"
    assert "assumed" in analysis.sources["bleach frames"]
    record = analysis.to_record()
    assert record["D_um2_s"] == estimates.D_um2_s[0]


def test_stored_protocol_is_used_and_can_be_overruled(frames, protocol):
    series = series_of(frames, protocol, info={"protocol": protocol.to_dict()})
    found, sources = describe_experiment(series, ExperimentOptions())
    assert_allclose(found.times, protocol.times)
    assert found.bleach_region == protocol.bleach_region
    assert sources["bleach region"] == "protocol in the file"
    found, sources = describe_experiment(series, ExperimentOptions(pixel_size=1.0))
    assert found.pixel_size == 1.0
    assert sources["pixel size"] == "given; the file says 0.5 µm"


def test_a_clock_that_is_given_is_the_clock_of_all_frames(frames, protocol):
    series = series_of(frames, protocol, info={"protocol": protocol.to_dict()})
    found, sources = describe_experiment(series, ExperimentOptions(frame_interval=1.0))
    assert_allclose(found.times[10:], np.arange(1.0, 101.0))
    assert "assumed" in sources["end of bleaching"]


@pytest.mark.slow
def test_one_prebleach_frame_too_few_or_too_many_is_noticed(frames, protocol):
    for n_prebleach in (9, 11):
        options = ExperimentOptions(**vars(GIVEN) | {"n_prebleach": n_prebleach})
        estimates = analyse_series(series_of(frames, protocol), options).estimates
        assert estimates.poorly_determined[0]
        assert "check n_prebleach" in estimates.flags[0]


@pytest.mark.slow
def test_a_spoilt_frame_hardly_counts_with_huber_loss(frames, protocol):
    spoilt = frames.copy()
    spoilt[12] *= 1.3
    squared, huber = (
        analyse_series(
            series_of(spoilt, protocol), ExperimentOptions(**vars(GIVEN) | {"loss": loss})
        ).estimates
        for loss in ("squared", "huber")
    )
    assert huber.D_um2_s_lower[0] < 6.0 < huber.D_um2_s_upper[0]
    assert abs(huber.D_um2_s[0] - 6.0) < 0.1 * abs(squared.D_um2_s[0] - 6.0)


def test_what_is_fitted_is_chosen_by_name(frames, protocol):
    changes = {"model": "soumpasis", "free": ("mobile_fraction",), "fixed": {"c0": 0.6}}
    options = ExperimentOptions(**vars(GIVEN) | changes)
    analysis = analyse_series(series_of(frames, protocol), options)
    record = analysis.to_record()
    assert analysis.model == record["model"] == "soumpasis"
    assert record["c0"] == record["c0_lower"] == 0.6
    assert record["mobile_fraction_lower"] < record["mobile_fraction_upper"]
    options = ExperimentOptions(**vars(GIVEN) | {"noise": "proportional", "fixed": {"b": 0.0}})
    record = analyse_series(series_of(frames, protocol), options).to_record()
    assert record["noise_b"] == 0
    assert abs(record["noise_a"] / 1e-4 - 1) < 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "magic"}, r"model must be one of .*'binding'"),
        ({"free": "alpha"}, "free must be a sequence of names"),
        ({"free": ("k_on",)}, "parameters of the model 'diffusion'"),
        ({"noise": "loud"}, "noise must be one of"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(changes, message):
    with pytest.raises(ValueError, match=message):
        ExperimentOptions(**changes)


def test_long_polygons_are_text_not_file_names(frames, protocol):
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    corners = ";".join(f"{22 + 5 * np.cos(a):.6f},{18 + 5 * np.sin(a):.6f}" for a in angles)
    options = ExperimentOptions(**vars(GIVEN) | {"bleach_region": f"polygon:{corners}"})
    estimates = analyse_series(series_of(frames, protocol), options).estimates
    assert abs(estimates.D_um2_s[0] / 6.0 - 1) < 0.1


def test_everything_missing_is_named_at_once(frames, protocol):
    series = series_of(frames, protocol, pixel_size_um=None, times_s=None)
    with pytest.raises(
        ValueError, match=r"pixel_size, .*n_prebleach.*bleach_region, .*frame_interval"
    ):
        describe_experiment(series, ExperimentOptions())


def test_long_bleaching_and_late_first_frame_reach_the_protocol(frames, protocol):
    options = ExperimentOptions(
        n_prebleach=10,
        bleach_region="circle:5@22,18",
        n_bleach=5,
        bleach_duration=2.0,
        first_postbleach=1.5,
    )
    found, _ = describe_experiment(series_of(frames, protocol), options)
    assert_allclose(found.bleach_times, [-1.6, -1.2, -0.8, -0.4, 0.0])
    assert_allclose(found.times[10:12], [1.5, 1.5 + protocol.frame_interval])


def test_frames_can_be_left_out(frames, protocol):
    options = ExperimentOptions(**vars(GIVEN) | {"skip": 3, "until": 10.0})
    analysis = analyse_series(series_of(frames, protocol), options)
    kept = protocol.times[10:][(np.arange(100) >= 3) & (protocol.times[10:] <= 10.0)]
    assert_allclose(analysis.protocol.times[10:], kept)
    assert analysis.estimates.D_um2_s_lower[0] < 6.0 < analysis.estimates.D_um2_s_upper[0]
    options = ExperimentOptions(**vars(GIVEN) | {"until": 0.1})
    with pytest.raises(ValueError, match="leave none"):
        analyse_series(series_of(frames, protocol), options)


def test_region_is_moved_to_where_bleaching_is_seen(frames, protocol):
    for region in ("circle:5@18,20", "polygon:14,16;23,16;23,25;14,25", "rectangle:9x9@18,20"):
        options = ExperimentOptions(**vars(GIVEN) | {"bleach_region": region, "recenter": True})
        analysis = analyse_series(series_of(frames[:50], protocol), options)
        rows, columns = np.indices(protocol.shape) + 0.5
        weights = analysis.protocol.roi_weights * protocol.pixel_size
        assert_allclose(np.sum(weights * columns), 22.0, atol=0.5)
        assert_allclose(np.sum(weights * rows), 18.0, atol=0.5)
        assert "moved by" in analysis.sources["bleach region"]


def test_no_bleaching_gives_no_number(protocol):
    noise = np.random.default_rng(0).normal(0.5, 0.01, (110, *protocol.shape))
    analysis = analyse_series(series_of(noise, protocol), GIVEN)
    record = analysis.to_record()
    assert "no bleaching" in record["flags"]
    assert record["D_um2_s"] is None
    assert record["poorly_determined"]


def test_model_that_does_not_fit_is_flagged(protocol):
    # Slow enough that nothing bleached reaches the reference region.
    prior = {"D": 0.05, "c0": 0.6, "alpha": 0.4, "a": 1e-4}
    frames = FRAPSimulator(protocol, prior, random_state=1).sample_images(1).data[0]
    faded = frames * np.exp(-0.02 * np.arange(110))[:, None, None]
    analysis = analyse_series(series_of(faded, protocol), GIVEN)
    assert "does not describe" in analysis.estimates.flags[0]
    options = ExperimentOptions(**vars(GIVEN) | {"fading": "frame"})
    analysis = analyse_series(series_of(faded, protocol), options)
    assert "does not describe" not in analysis.estimates.flags[0]


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("circle:15", Circle(15.0)),
        ("circle:30px@10,20px", Circle(15.0, (10.0, 10.0))),
        ("rectangle:4x5@6,7", Rectangle(4.0, 5.0, (6.0, 7.0))),
        ("polygon:0,0;4,0;0,6px", Polygon([(0, 0), (4, 0), (0, 3)])),
    ],
)
def test_regions_are_read_from_text(text, region):
    assert parse_region(text, pixel_size=0.5) == region


@pytest.mark.parametrize("text", ["disk:3", "circle:", "circle:3@4", "rectangle:3", "polygon:1,2"])
def test_text_that_is_no_region_is_refused(text):
    with pytest.raises(ValueError, match=r"bleach region|vertices"):
        parse_region(text, pixel_size=0.5)


def test_region_is_read_from_an_image_of_the_light():
    rng = np.random.default_rng(0)
    disk = Circle(12.0, (30.0, 25.0)).area_fractions((60, 70), 1.0)
    image = 200 + 3000 * disk + rng.normal(0, 60, disk.shape)
    image[5, 60] = 4000  # a hot pixel
    mask = Mask.from_image(image)
    assert abs(mask.array.sum() / disk.sum() - 1) < 0.03
    assert np.abs(mask.array - disk).sum() < 0.1 * disk.sum()


@pytest.mark.slow
def test_real_membrane_is_flagged_as_not_free_diffusion(shared):
    """The cell is small, moves, and fades: a number comes out, and the flag that it deserves."""
    options = ExperimentOptions(n_prebleach=11, bleach_region="circle:3.5@28.95,36.66")
    analysis = analyse_series(shared / "real" / "cell_membrane_embl", options)
    assert "does not describe" in analysis.estimates.flags[0]
    assert 0.001 < analysis.estimates.D_um2_s[0] < 1.0
