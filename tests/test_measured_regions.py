"""What is measured: regions told by images, saturation within them, channels."""

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.testing import assert_array_equal

from skfrap import Circle, FRAPProtocol, FRAPSimulator, Mask
from skfrap.analysis import ExperimentOptions, analyse_series, describe_experiment
from skfrap.analysis._saturation import find_saturation
from skfrap.cli import cli
from skfrap.io import ImageSeries
from skfrap.preprocessing import IntensityRescaler
from skfrap.preprocessing._saturation import cut_off

tifffile = pytest.importorskip("tifffile")

PROTOCOL = FRAPProtocol(
    shape=(64, 64), pixel_size=0.5, bleach_region=Circle(5.0), n_prebleach=5, n_bleach=1,
    n_postbleach=40, frame_interval=0.5, padding=32,
)  # fmt: skip
TRUTH = {"D": 2.0, "c0": 0.6, "alpha": 0.4, "a": 1e-4}
GIVEN = {"n_prebleach": 5, "bleach_region": "circle:5", "background": "none"}


def series_of(frames, **changes):
    times = 0.5 * np.arange(len(frames))
    return ImageSeries(
        **{"frames": frames, "name": "x", "pixel_size_um": 0.5, "times_s": times} | changes
    )


@pytest.fixture(scope="module")
def light():
    """Frames of which 1 is the brightness before bleaching."""
    frames = FRAPSimulator(PROTOCOL, TRUTH, bit_depth=16, random_state=0).sample_images(1).data[0]
    return frames / 65535 / 0.6


# Saturation


@pytest.mark.slow
@pytest.mark.parametrize("top", [255, 4095, 8191, 16383, 32767, 65535, 16383 * 4, 15900])
@pytest.mark.parametrize("exposure", [1.1, 1.0])
def test_a_camera_that_cuts_off_anywhere_is_noticed(light, top, exposure):
    frames = np.minimum(np.round(light * exposure * top), top)
    frames = frames.astype("u1" if top == 255 else "u2")
    estimates = analyse_series(series_of(frames), ExperimentOptions(**GIVEN)).estimates
    assert estimates.has_finding("detector_saturated")[0]
    assert estimates.poorly_determined[0]
    assert f"are at {top}, the largest value" in estimates.flags[0]


@pytest.mark.parametrize("top", [255, 4095, 16383, 65535])
def test_light_below_the_top_is_not_saturated(light, top):
    frames = np.round(light * 0.8 * top).clip(0, top).astype("u1" if top == 255 else "u2")
    analysis = analyse_series(series_of(frames), ExperimentOptions(**GIVEN))
    assert not analysis.findings


@pytest.mark.slow
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("noise", ["constant", "proportional", "none"])
def test_what_the_simulator_makes_by_itself_is_no_saturated_detector(bits, noise):
    simulator = FRAPSimulator(PROTOCOL, noise=noise, bit_depth=bits, random_state=0)
    stacks = simulator.sample_images(12).data
    corrected = IntensityRescaler().fit_transform(stacks)
    assert all(np.max(stack) < 1 or noise != "none" for stack in corrected)
    frames = stacks[np.argmin([stack.max() for stack in stacks])]
    found = analyse_series(series_of(frames), ExperimentOptions(**GIVEN)).findings
    assert "detector_saturated" not in {one.code for one in found}


@pytest.mark.parametrize(("deviation", "top"), [(3.0, 11_995), (20.0, 11_990)])
def test_a_quiet_detector_that_is_cut_off_is_no_simulation(deviation, top):
    sample = FRAPSimulator(PROTOCOL, TRUTH, noise="none", random_state=0).sample_images(1)
    noise = np.random.default_rng(0).normal(0.0, deviation, sample.data[0].shape)
    frames = np.minimum(np.round(20_000 * sample.data[0] + noise), top).astype("u2")
    with pytest.raises(ValueError, match=f"at {top} counts, where the detector cuts off"):
        IntensityRescaler(bit_depth=16).fit_transform([frames])[0]
    assert analyse_series(series_of(frames), ExperimentOptions(**GIVEN)).estimates.has_finding(
        "detector_saturated"
    )[0]


def test_only_the_measured_region_counts(light):
    frames = np.round(light * 9000).astype("u2")
    dirt = frames.copy()
    dirt[:, :8, :24] = 16383
    assert not analyse_series(series_of(dirt), ExperimentOptions(**GIVEN)).findings
    inside = frames.copy()
    inside[:5, 30:34, 30:34] = 9500  # 5 % of the region, before bleaching alone
    inside[:5] = np.minimum(inside[:5], 9500)
    analysis = analyse_series(series_of(inside), ExperimentOptions(**GIVEN))
    assert [one.code for one in analysis.findings] == ["detector_saturated"]
    # The field as a whole has far less, and stays below what pipelines refuse.
    IntensityRescaler(bit_depth=14).fit_transform([inside])[0]


def test_pipelines_refuse_a_cut_off_below_the_top(light):
    frames = np.minimum(np.round(light * 1.1 * 16383), 16383).astype("u2")
    with pytest.raises(ValueError, match=r"saturated: .* at 16383 counts, where the detector cuts"):
        IntensityRescaler().fit_transform([frames])[0]
    IntensityRescaler(max_saturated=1.0).fit_transform([frames])[0]


def test_what_is_no_cut_off():
    rng = np.random.default_rng(0)
    for values in (
        rng.poisson(0.05, 20_000),  # single photons
        rng.poisson(3.0, 20_000).astype("u1"),
        rng.normal(100, 2.5, 20_000).round().astype("u1"),
        np.full(5000, 39321, "u2"),  # simulated without noise
        np.r_[rng.normal(1000, 50, 20_000), np.full(40, 60_000.0)].round(),  # hot pixels
        np.array([], "u2"),
    ):
        assert cut_off(values) == (None, 0.0)
    hot = np.r_[np.minimum(rng.normal(1000, 50, 20_000).round(), 1010), np.full(40, 60_000)]
    assert cut_off(hot)[0] == 1010


# Regions


def image_of(path, pixels):
    tifffile.imwrite(path, pixels, metadata=None)
    return str(path)


def test_two_patches_of_a_mask_are_both_taken(tmp_path, light):
    mask = np.zeros((64, 64), np.uint8)
    mask[20:28, 10:18] = mask[20:26, 40:48] = 255
    told = ExperimentOptions(**GIVEN | {"bleach_region": image_of(tmp_path / "a.tif", mask)})
    protocol, sources = describe_experiment(series_of(light), told)
    assert_array_equal(protocol.bleach_mask, mask > 0)
    assert sources["bleach region"].endswith("2 patches of it")
    mask[50, 50] = 255
    told = ExperimentOptions(**GIVEN | {"bleach_region": image_of(tmp_path / "a.tif", mask)})
    analysis = analyse_series(series_of(light), told)
    assert analysis.protocol.bleach_mask.sum() == 64 + 48
    assert "2 patches of it, 1 smaller left out (1 pixels)" in analysis.sources["bleach region"]
    assert analysis.findings[0].code == "patches_left_out"


def test_drawn_masks_are_taken_as_they_are():
    ring = np.zeros((40, 40), int)
    ring[10:30, 10:30] = 7
    ring[15:25, 15:25] = 0
    assert_array_equal(Mask.from_image(ring).array, ring > 0)
    light = ring + np.random.default_rng(0).normal(0, 0.1, ring.shape)  # of an aperture
    assert Mask.from_image(light).array.sum() > 1.2 * (ring > 0).sum()
    for image in (np.ones((20, 20)), np.full((20, 20), np.nan), np.zeros(20)):
        with pytest.raises(ValueError, match="image"):
            Mask.from_image(image)


def test_regions_that_cannot_be_are_refused(tmp_path, light):
    def describe(region, frames=light):
        return describe_experiment(
            series_of(frames), ExperimentOptions(**GIVEN | {"bleach_region": region})
        )

    inverted = np.full((64, 64), 255, np.uint8)
    inverted[20:30, 20:30] = 0
    path = image_of(tmp_path / "a.tif", inverted)
    with pytest.raises(ValueError, match=r"a\.tif covers 98 % of the field.*inverted"):
        describe(path)
    with pytest.raises(ValueError, match="covers 82 % of the field"):
        describe("rectangle:29x29")
    small = image_of(tmp_path / "b.tif", inverted[:60])
    with pytest.raises(ValueError, match=r"has \(60, 64\) pixels, and the series has \(64, 64\)"):
        describe(small)
    with pytest.raises(ValueError, match=r"Mask of shape \(60, 64\)"):
        describe(Mask(inverted[:60] == 0))
    with pytest.raises(ValueError, match=r"1 rows and 64 columns.*line scans"):
        describe("circle:1", light[:, :1])


@pytest.mark.parametrize("background", ["subtract", "divide", "none"])
def test_half_precision_is_read_as_any_floats(light, background):
    options = ExperimentOptions(**GIVEN | {"background": background})
    half = analyse_series(series_of(light.astype(np.float16)), options).estimates
    assert half.D_um2_s[0] == pytest.approx(2.0, rel=0.1)


# Channels


def test_command_line_takes_a_channel(tmp_path, light):
    frames = np.round(light * 9000).astype("u2")
    both = np.stack([np.full_like(frames, 100), frames], axis=1)
    path = tmp_path / "two.tif"
    metadata = {"axes": "TCYX", "unit": "um", "finterval": 0.5}
    tifffile.imwrite(path, both, imagej=True, metadata=metadata, resolution=(2, 2))
    command = ["estimate", str(path), "--n-prebleach", "5", "--bleach-region", "circle:5"]
    outcome = CliRunner().invoke(cli, command)
    assert outcome.exit_code == 1
    assert "has 2 channels; say which with channel=0 … 1 (--channel 0 … 1)" in outcome.output
    outcome = CliRunner().invoke(cli, [*command, "--channel", "1"])
    assert outcome.exit_code == 0, outcome.output
    assert not outcome.stderr
    outcome = CliRunner().invoke(cli, [*command, "--channel", "0"])  # where nothing is seen
    assert outcome.exit_code == 0
    assert outcome.stderr == (
        "1 of 1 series have a result that must not be used: 1 no_bleaching_visible\n"
    )
    options = ExperimentOptions(**GIVEN, channel=1)
    assert analyse_series(path, options).estimates.D_um2_s[0] == pytest.approx(2.0, rel=0.05)
    outcome = CliRunner().invoke(cli, ["noise", str(path), "--channel", "1"])
    assert outcome.exit_code == 0, outcome.output


@pytest.mark.parametrize("gain", [0.8, 1.0, 1.02])
@pytest.mark.parametrize("kind", ["spread", "divided", "scaled"])
def test_a_cut_off_is_seen_behind_what_was_done_to_the_frames(gain, kind):
    region = np.zeros((40, 40), dtype=bool)
    region[10:30, 10:30] = True
    random = np.random.default_rng(0)
    mean = np.ones((12, 40, 40))
    mean[5:, region] = 0.7
    counts = np.minimum(np.round(16383 * random.normal(gain * mean, 0.03)), 16383)
    frames = {
        "spread": (counts + random.normal(0, 30, counts.shape)).round().astype("u2"),
        "divided": counts / np.linspace(1, 1.02, 40),
        "scaled": counts / 16383,
    }[kind]
    protocol = FRAPProtocol(
        shape=(40, 40), bleach_region=Mask(region * 1.0), n_prebleach=5, n_bleach=1, n_postbleach=7
    )
    found = find_saturation(frames, protocol, ExperimentOptions())
    assert [one.code for one in found] == ["detector_saturated"] * (gain >= 1)
    # Photons are skewed the other way.
    assert not find_saturation(random.poisson(9 * mean), protocol, ExperimentOptions())
