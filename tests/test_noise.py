"""The noise calibration against series whose noise is known."""

import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from skfrap.calibration import calibrate_noise
from skfrap.io import read_series, write_series

A, B = 2e-4, 1e-3


def vignette(shape, depth=0.5):
    y, x = (np.linspace(-1, 1, n) for n in shape)
    return 1 - 0.5 * depth * (x**2 + y[:, None] ** 2)


def light(power=0.8, n_frames=12, shape=(48, 48), depth=0.5, fading=None):
    frames = np.ones(n_frames) if fading is None else fading
    return power * frames[:, None, None] * vignette(shape, depth)


def noisy(mean, rng, a=A, b=B):
    return mean + np.sqrt(a + b * mean) * rng.standard_normal(mean.shape)


def counts(intensity, bits, dark=0):
    full = 2**bits - 1
    kind = np.uint8 if bits == 8 else np.uint16
    return np.clip(np.round(intensity * (full - dark) + dark), 0, full).astype(kind)


def close(calibration, a=A, b=B, n_std=4.0):
    assert abs(calibration.a - a) < n_std * calibration.a_std
    assert abs(calibration.b - b) < n_std * calibration.b_std
    assert calibration.a_std < 0.3 * max(a, 0.3 * b)
    assert calibration.b_std < 0.2 * max(b, 0.2 * a)


# ------------------------------------------------------------------------------- what it recovers


def test_several_powers():
    rng = np.random.default_rng(0)
    shapes = [(48, 48), (30, 70), (64, 40)]
    series = [
        noisy(light(power, 8 + 3 * k, shapes[k]), rng) for k, power in enumerate((0.1, 0.5, 0.9))
    ]
    calibration = calibrate_noise(series)
    close(calibration)
    assert calibration.determined
    assert calibration.flags == ()
    assert calibration.n_left_out == calibration.n_saturated == calibration.n_clipped == 0
    assert calibration.n_pixels == sum(image.size for image in (one[0] for one in series))
    assert 0.0 < calibration.lowest_intensity < 0.1
    assert 0.8 < calibration.highest_intensity < 0.9


def test_one_series_with_uneven_light():
    rng = np.random.default_rng(1)
    calibration = calibrate_noise(noisy(light(0.9, 40, (96, 96), depth=0.9), rng))
    close(calibration)
    assert calibration.determined


@pytest.mark.parametrize(("a", "b"), [(1e-3, 0.0), (0.0, 1e-3)])
def test_a_part_that_is_not_there(a, b):
    rng = np.random.default_rng(6)
    calibration = calibrate_noise([noisy(light(power), rng, a, b) for power in (0.1, 0.9)])
    close(calibration, a, b)
    assert calibration.a >= 0
    assert calibration.b >= 0
    part = "a" if a == 0 else "b"
    at_bound = getattr(calibration, part) == 0
    assert any(f"{part} is at its bound" in flag for flag in calibration.flags) == at_bound


def test_flicker_fading_and_drift_of_the_dark_level_are_no_noise():
    rng = np.random.default_rng(3)
    n_frames = 24
    still = [light(power, n_frames) for power in (0.2, 0.8)]
    fading = 0.7 ** np.linspace(0, 1, n_frames) * (1 + 0.05 * rng.standard_normal(n_frames))
    drift = 0.02 * rng.standard_normal(n_frames)[:, None, None]
    moving = [one * fading[:, None, None] for one in still]
    calibration = calibrate_noise([noisy(one, rng) + drift for one in moving])
    close(calibration)
    assert calibration.flags == ()
    # They would be most of the variance: 0.05² * 0.8² + 0.02² = 2e-3 to 1e-3.
    assert np.var(np.diff(moving[1] + drift, axis=0)) / 2 > 1e-3


@pytest.mark.parametrize(("bits", "dark"), [(8, 0), (8, 20), (12, 200), (16, 1000)])
def test_counts(bits, dark):
    rng = np.random.default_rng(4)
    series = [counts(noisy(light(power), rng), bits, dark) for power in (0.2, 0.7)]
    step = 1 / (2**bits - 1 - dark)
    for given in (None, bits):
        calibration = calibrate_noise(series, dark_level=dark, bit_depth=given)
        close(calibration, A + step**2 / 12)  # rounding is a part of a
        assert calibration.flags == ()


def test_rounding_is_one_twelfth_of_a_squared_count():
    rng = np.random.default_rng(5)
    step = 1 / 255
    mean = light(0.7, 40, (128, 128))
    calibration = calibrate_noise(counts(noisy(mean, rng, step**2, 0.0), 8))
    assert calibration.variance(0.6) == pytest.approx(step**2 * (1 + 1 / 12), rel=0.01)
    assert not any("rounding" in flag for flag in calibration.flags)


def test_noise_that_is_lost_in_rounding_is_flagged():
    rng = np.random.default_rng(5)
    calibration = calibrate_noise(counts(noisy(light(0.7), rng, (0.3 / 255) ** 2, 0.0), 8))
    assert any("lost in rounding" in flag for flag in calibration.flags)


def test_saturated_pixels_are_left_out_without_bias():
    rng = np.random.default_rng(6)
    estimates = []
    for _ in range(40):
        bright = counts(noisy(light(1.1), rng), 12)
        series = [counts(noisy(light(0.3), rng), 12), bright]
        calibration = calibrate_noise(series, bit_depth=12)
        estimates.append([calibration.a, calibration.b])
        assert 0.85 < calibration.highest_intensity < 1
        n_saturated = np.count_nonzero((bright == 4095).any(axis=0))
        assert calibration.n_saturated == n_saturated > 500
        assert n_saturated <= calibration.n_left_out < 2 * n_saturated
        assert calibration.n_pixels + calibration.n_left_out == 2 * bright[0].size
        assert any("left out" in flag for flag in calibration.flags)
    np.testing.assert_allclose(np.mean(estimates, axis=0), [A, B], rtol=0.02)


def test_pixels_clipped_at_zero_are_left_out():
    rng = np.random.default_rng(7)
    y = np.linspace(-0.1, 0.9, 96)[:, None] * np.ones(48)  # the detector's offset is too low
    mean = y * np.ones((12, 1, 1))
    noise = np.sqrt(A + B * np.maximum(mean, 0)) * rng.standard_normal(mean.shape)
    series = counts(mean + noise, 12)
    calibration = calibrate_noise(series)
    close(calibration)
    assert calibration.n_clipped == np.count_nonzero((series == 0).any(axis=0))
    assert calibration.lowest_intensity > 0.02
    floats = calibrate_noise(series / 4095)
    assert floats.a == pytest.approx(calibration.a, rel=1e-3)
    assert floats.n_clipped == calibration.n_clipped


def test_hot_pixels_do_not_matter():
    rng = np.random.default_rng(8)
    series = [counts(noisy(light(power), rng), 12) for power in (0.2, 0.7)]
    hot = rng.integers(0, 48, (2, 30))
    for one in series:
        one[:, hot[0], hot[1]] = 4095
    calibration = calibrate_noise(series, bit_depth=12)
    close(calibration)
    n_hot = len(np.unique(hot, axis=1).T)
    assert calibration.n_saturated == calibration.n_left_out == 2 * n_hot


def test_photon_counts_as_the_notes_say():
    rng = np.random.default_rng(9)
    photons = rng.poisson([light(power, 20) for power in (2.0, 8.0)])
    calibration = calibrate_noise(photons + 1.0, dark_level=1)
    assert calibration.b == pytest.approx(1.0, abs=4 * calibration.b_std)
    assert calibration.a < 4 * calibration.a_std
    assert calibration.n_left_out == 0


# --------------------------------------------------------------------------- bias and uncertainty

SCENARIOS = {  # powers, frames, pixels of a side, and how uneven the light is
    "powers": ((0.2, 0.9), 10, 32, 0.2),
    "even light": ((0.2, 0.9), 10, 32, 0.0),
    "fewest frames": ((0.2, 0.9), 4, 48, 0.5),
    "one series": ((0.9,), 20, 48, 0.9),
    "fewest pixels": ((0.1, 0.5, 0.9), 30, 8, 0.2),
}


@pytest.mark.parametrize(
    ("scenario", "photons"),
    [
        pytest.param(scenario, photons, marks=[] if scenario == "powers" else pytest.mark.slow)
        for scenario in SCENARIOS
        for photons in (False, True)
    ],
)
@pytest.mark.slow
def test_estimates_are_unbiased_and_intervals_cover(scenario, photons):
    powers, n_frames, side, depth = SCENARIOS[scenario]
    rng = np.random.default_rng(10)
    a, b = 1e-3, 2e-3
    results = []
    for _ in range(150):
        series = []
        for power in powers:
            mean = light(power, n_frames, (side, side), depth)
            if photons:  # skewed, and its mean and variance err together
                noise = b * rng.poisson(mean / b) - mean
                noise += np.sqrt(a) * rng.standard_normal(mean.shape)
            else:
                noise = np.sqrt(a + b * mean) * rng.standard_normal(mean.shape)
            series.append(mean + noise)
        one = calibrate_noise(series)
        results.append([one.a, one.b, one.a_std, one.b_std, one.variance(0.5)])
    results = np.array(results)
    truth = np.array([a, b])
    estimates, errors = results[:, :2], results[:, 2:4]
    covered = np.mean(np.abs(estimates - truth) < 1.96 * errors, axis=0)
    assert ((covered > 0.9) & (covered < 0.99)).all()
    bias = np.mean(estimates - truth, axis=0) * np.sqrt(len(results)) / estimates.std(axis=0)
    assert np.abs(bias).max() < 4
    np.testing.assert_allclose(errors.mean(axis=0), estimates.std(axis=0), rtol=0.2)
    assert results[:, 4].mean() == pytest.approx(a + b * 0.5, rel=0.01)


def test_the_covariance_is_that_of_the_errors():
    rng = np.random.default_rng(11)
    calibrations = [
        calibrate_noise([noisy(light(power, 8, (32, 32)), rng) for power in (0.3, 0.9)])
        for _ in range(150)
    ]
    spread = np.cov([[one.a, one.b] for one in calibrations], rowvar=False)
    expected = np.mean([one.covariance for one in calibrations], axis=0)
    np.testing.assert_allclose(expected, spread, rtol=0.35)
    one = calibrations[0]
    np.testing.assert_allclose(np.sqrt(np.diag(one.covariance)), [one.a_std, one.b_std])


# ---------------------------------------------------------------------------------- what it warns


@pytest.mark.parametrize("depth", [0.0, 0.02])
def test_even_light_does_not_tell_a_from_b(depth):
    rng = np.random.default_rng(12)
    for _ in range(20):
        calibration = calibrate_noise(noisy(light(0.5, depth=depth), rng))
        assert not calibration.determined
        assert "too close together" in calibration.flags[0]
        assert "not determined" in repr(calibration)
        assert calibration.b_std > B
        assert calibration.variance(0.5) == pytest.approx(A + 0.5 * B, rel=0.1)


def test_another_power_tells_them_apart():
    rng = np.random.default_rng(13)
    even = [noisy(light(power, depth=0.0), rng) for power in (0.9, 0.2)]
    assert not calibrate_noise(even[:1]).determined
    assert calibrate_noise(even).determined


def test_dark_frames_alone_know_nothing_of_b():
    rng = np.random.default_rng(14)
    dark = counts(noisy(light(0.0), rng), 12, dark=300)
    calibration = calibrate_noise(dark, dark_level=300)
    assert not calibration.determined
    lit = counts(noisy(light(0.6), rng), 12, dark=300)
    both = calibrate_noise([dark, lit], dark_level=300)
    close(both, A + 1 / 12 / 3795**2)


def test_correlated_noise_is_flagged():
    rng = np.random.default_rng(15)
    series = [gaussian_filter(noisy(light(power), rng), (0, 0.5, 0.5)) for power in (0.2, 0.9)]
    flags = calibrate_noise(series).flags
    assert any("neighbouring pixels is correlated" in flag for flag in flags)


def test_variance_that_is_no_straight_line_is_flagged():
    rng = np.random.default_rng(16)
    mean = np.stack([light(power) for power in (0.1, 0.5, 0.9)])
    series = mean + np.sqrt(A + 4 * B * mean**2) * rng.standard_normal(mean.shape)
    assert any("no straight line" in flag for flag in calibrate_noise(series).flags)


def test_plotting_data_are_what_the_line_goes_through():
    rng = np.random.default_rng(17)
    one = calibrate_noise([noisy(light(power), rng) for power in (0.2, 0.9)])
    assert (np.diff(one.bin_intensity) >= 0).all()
    assert one.bin_intensity[0] == one.lowest_intensity
    assert one.bin_intensity[-1] == one.highest_intensity
    z = (one.bin_variance - one.variance(one.bin_intensity)) / one.bin_variance_std
    assert 0.5 < np.mean(z**2) < 2
    assert one.to_fixed() == {"a": one.a, "b": one.b}
    assert one.variance(0.5) == one.a + 0.5 * one.b
    np.testing.assert_array_equal(one.variance([0.0, 1.0]), [one.a, one.a + one.b])
    assert "a=0.0002" in repr(one)
    with pytest.raises(AttributeError):
        one.a = 0.0


# ------------------------------------------------------------------------------------------ input


def test_files_arrays_and_sequences_are_one(tmp_path):
    rng = np.random.default_rng(18)
    stacks = np.stack([counts(noisy(light(power, 6), rng), 16) for power in (0.2, 0.7)])
    paths = [tmp_path / f"power{k}.tif" for k in range(2)]
    for path, stack in zip(paths, stacks, strict=True):
        write_series(path, stack, pixel_size_um=0.5, frame_interval_s=0.2)
    expected = calibrate_noise(stacks).to_fixed()
    forms = [list(stacks), tuple(map(str, paths)), paths, np.array(paths)]
    for form in (*forms, [read_series(paths[0]), stacks[1]]):
        assert calibrate_noise(form).to_fixed() == expected
    single = calibrate_noise(stacks[0])
    for form in (paths[0], str(paths[0]), read_series(paths[0]), stacks[:1], [stacks[0]]):
        assert calibrate_noise(form).to_fixed() == single.to_fixed()


def test_the_unit_is_that_of_the_intensity():
    rng = np.random.default_rng(19)
    series = np.stack([noisy(light(power), rng) for power in (0.2, 0.9)])
    in_units = calibrate_noise(series)
    in_counts = calibrate_noise(4000 * series + 90, dark_level=90)
    assert in_counts.a == pytest.approx(4000**2 * in_units.a, rel=1e-9)
    assert in_counts.b == pytest.approx(4000 * in_units.b, rel=1e-9)
    assert in_counts.b_std == pytest.approx(4000 * in_units.b_std, rel=1e-9)


def test_input_is_left_as_it_was():
    series = noisy(light(), np.random.default_rng(20))
    before = series.copy()
    series.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calibrate_noise(series)
    np.testing.assert_array_equal(series, before)


def _stack(**options):
    return counts(noisy(light(**options), np.random.default_rng(21)), 12)


def _with_nan():
    series = noisy(light(), np.random.default_rng(22))
    series[3, 2, 1] = np.nan
    return series


def _with_a_frame_twice():
    series = _stack()
    series[5] = series[4]
    return series


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: calibrate_noise(_stack(n_frames=1)), "at least 4 frames each, got 1 in stack 0"),
        (lambda: calibrate_noise([_stack(), _stack(n_frames=3)]), "got 3 in stack 1"),
        (lambda: calibrate_noise(_stack(shape=(7, 9))), "at least 64 pixels, got 7 x 9"),
        (lambda: calibrate_noise(_with_nan()), "frame 3 of stack 0 holds NaN"),
        (lambda: calibrate_noise(_stack()[0]), r"series must be a stack .* shape \(48, 48\)"),
        (lambda: calibrate_noise(list(_stack())), r"shape \(48, 48\) among them.*numpy.stack"),
        (lambda: calibrate_noise(3.0), "series must be a stack .* got float"),
        (lambda: calibrate_noise([]), "series must be .* got none"),
        (lambda: calibrate_noise(np.full((6, 16, 16), 0.5)), "frames 0 and 1 .* equal"),
        (lambda: calibrate_noise(_with_a_frame_twice()), "frames 4 and 5 .* stored twice"),
        (lambda: calibrate_noise(light()), "frames 0 and 1 .* without noise"),
        (lambda: calibrate_noise(_stack(power=1.3, depth=0.3)), "no pixels left .* full scale"),
        (lambda: calibrate_noise(_stack(power=0.005)), "no pixels left .* zero counts"),
        (lambda: calibrate_noise(_stack(), bit_depth=0), "bit_depth"),
        (lambda: calibrate_noise(_stack(), bit_depth=8), "bit_depth=8"),
        (lambda: calibrate_noise(_stack().astype(np.int64)), "give bit_depth"),
        (lambda: calibrate_noise(_stack(), dark_level="low"), "dark_level"),
        (lambda: calibrate_noise(_stack(), dark_level=np.nan), "dark_level"),
        (lambda: calibrate_noise(_stack(), dark_level=5000), "dark_level is 5000 counts"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
