"""What the frames around bleaching show: edges, patches, light; and advice that was tried."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import erf

from benchmarks.robustness._alarms import options_of, series_of
from benchmarks.robustness._protocols import OTHERS, draw
from benchmarks.robustness._wrong import half_droplet
from skfrap import Circle, FRAPProtocol, LeastSquaresFRAP, Mask, Polygon
from skfrap.analysis import ExperimentOptions, analyse_series
from skfrap.judging._alternation import find_alternation
from skfrap.judging._cells import outside_of_cell
from skfrap.judging._frames import Frames, choose_evenness, find_outside, find_patches
from skfrap.judging._neighbours import find_correlated_noise
from skfrap.judging._prebleach import find_prebleach_change
from skfrap.models import DiffusionModel

PROTOCOL = FRAPProtocol(
    shape=(96, 96), pixel_size=0.5, bleach_region=Circle(5.0), n_prebleach=5, n_bleach=1,
    n_postbleach=40, frame_interval=0.5, padding=48,
)  # fmt: skip
TRUTH = {"D": 2.0, "c0": 0.6, "alpha": 0.4, "a": 1e-3}
ROWS, COLUMNS = np.indices((96, 96)) - 47.5


@pytest.fixture(scope="module")
def series():
    return series_of(PROTOCOL, TRUTH, 0)


def analysed(series, **changes):
    return analyse_series(series, options_of(PROTOCOL, **changes))


def lit(series, light, added=0.0):
    frames = np.clip(series.frames * light + added, 0, 65535).astype("u2")
    return replace(series, frames=frames)


def codes_of(analysis):
    return {one.code for one in analysis.estimates.findings[0]}


def test_a_right_series_has_no_findings(series):
    analysis = analysed(series)
    assert not analysis.estimates.findings[0]
    assert analysis.sources["background"].startswith("subtract, chosen")
    assert analysis.estimates.D_um2_s_lower[0] < 2 < analysis.estimates.D_um2_s_upper[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["small spot", "rectangle", "off centre", "polygon"])
def test_right_series_of_other_protocols_have_none_either(name):
    protocol = OTHERS[name]
    values = draw(protocol, 2, np.random.default_rng(1), noise=(0.003, 0.01))
    values["a"] = np.minimum(values["a"], 0.05**2)
    for k in range(2):
        one = {name: column[k] for name, column in values.items()}
        analysis = analyse_series(series_of(protocol, one, k), options_of(protocol))
        assert not analysis.estimates.findings[0]


# The end of the sample


@pytest.mark.parametrize(("radius", "said"), [(26, True), (34, True), (44, True)])
def test_a_cell_that_ends_near_or_is_small_is_said(series, radius, said):
    cell = lit(series, np.where(radius**2 > ROWS**2 + COLUMNS**2, 1.0, 0.05))
    assert ("sample_ends" in codes_of(analysed(cell))) == said


@pytest.mark.slow
@pytest.mark.parametrize("softness", [2.0, 6.0, 10.0])
def test_a_soft_edge_of_the_sample_is_an_edge(series, softness):
    inside = 0.5 * (1 - erf((np.hypot(ROWS, COLUMNS) - 30) / softness / np.sqrt(2)))
    assert "sample_ends" in codes_of(analysed(lit(series, 0.04 + 0.96 * inside)))
    beside = 0.5 * (1 - erf((COLUMNS + 0.5 * ROWS - 22) / softness / np.sqrt(2)))
    assert "sample_ends" in codes_of(analysed(lit(series, 0.04 + 0.96 * beside)))


def test_coarse_texture_is_no_edge():
    random = np.random.default_rng(2)
    called = 0
    for width in (4, 8, 14, 20):
        for contrast in (0.25, 0.35):
            for _ in range(9):
                speckles = gaussian_filter(random.standard_normal((96, 96)), width, mode="wrap")
                image = np.clip(1 + contrast * speckles / speckles.std(), 0.02, None)
                image += 0.02 * random.standard_normal(image.shape)
                called += find_outside(Frames(image, image, PROTOCOL)) is not None
    assert called <= 1


def test_slowly_fading_light_is_no_end(series):
    for depth in (0.3, 0.45):
        light = 1 - depth * (ROWS**2 + COLUMNS**2) / 48**2
        assert "sample_ends" not in codes_of(analysed(lit(series, light)))


def test_an_edge_far_from_a_small_region_is_no_finding():
    before = np.where(COLUMNS < 40, 1.0, 0.03) + 0.0 * ROWS
    protocol = PROTOCOL.replace(bleach_region=Circle(2.0, (10.0, 24.0)))
    outside = find_outside(Frames(before, before, protocol))
    assert outside.distance > 10
    assert outside.share == 0  # the sample goes on beyond the field


def test_half_of_a_droplet_is_flagged():
    droplet, region = half_droplet(0.05, 0.02, np.random.default_rng(0))
    options = ExperimentOptions(n_prebleach=5, bleach_region=region)
    for free in ((), ("mobile_fraction",)):
        analysis = analyse_series(droplet, replace(options, free=free))
        assert analysis.estimates.has_finding("sample_ends")[0]
        assert not analysis.estimates.usable[0]
        assert "background" in analysis.sources


# Patches


def test_a_second_patch_is_seen():
    both = sum(Circle(5.0, (x, 24.0)).area_fractions((96, 96), 0.5) for x in (16.0, 32.0))
    two = series_of(PROTOCOL.replace(bleach_region=Mask(both)), TRUTH, 0)
    assert "several_patches" in codes_of(analysed(two, bleach_region=Circle(5.0, (16.0, 24.0))))
    whole = analysed(two, bleach_region=Mask(both))
    assert not whole.estimates.findings[0]


def test_a_region_beside_the_patch_is_said_with_what_was_tried(series):
    analysis = analysed(series, bleach_region=Circle(5.0, (28.0, 24.0)))
    (finding,) = (one for one in analysis.estimates.findings[0] if one.code == "patch_elsewhere")
    assert "0.8 radii" in finding.words
    assert "n_prebleach" not in analysis.estimates.flags[0]
    moved = analysed(series, bleach_region=Circle(5.0, (28.0, 24.0)), recenter=True)
    assert not moved.estimates.findings[0]
    if finding.remedy:
        assert f"D = {moved.estimates.D_um2_s[0]:.2g}"[:6] in finding.remedy


@pytest.mark.slow
@pytest.mark.parametrize("radius", [3.0, 9.0])
def test_a_region_of_another_size_than_the_patch_is_said_or_harmless(series, radius):
    estimates = analysed(series, bleach_region=Circle(radius)).estimates
    right = abs(np.log(estimates.D_um2_s[0] / 2)) < np.log(1.25)
    assert right or estimates.has_finding("patch_of_other_size")[0] or not estimates.usable[0]


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1.2, 1 / 1.2, 0.8])
@pytest.mark.parametrize("D", [0.2, 2.0])
def test_a_region_a_little_too_large_or_small_is_said(factor, D):
    series = series_of(PROTOCOL, TRUTH | {"D": D}, 5)
    told = Circle(5.0 * factor)
    estimates = analysed(series, bleach_region=told).estimates
    (finding,) = (one for one in estimates.findings[0] if one.code == "patch_of_other_size")
    assert ("less far" in finding.words) == (factor > 1)
    missing = float(finding.words.split("by ")[1].split(" µm")[0])
    assert missing == pytest.approx(abs(5 - told.radius), rel=0.4)


@pytest.mark.slow
def test_the_size_of_any_region_is_told():
    protocol = OTHERS["polygon"]
    series = series_of(protocol, TRUTH | {"D": 1.0}, 1)
    assert not analyse_series(series, options_of(protocol)).estimates.findings[0]
    corners = np.array(protocol.bleach_region.vertices)
    larger = corners.mean(axis=0) + 1.25 * (corners - corners.mean(axis=0))
    wrong = options_of(protocol, bleach_region=Polygon(larger))
    assert "patch_of_other_size" in codes_of(analyse_series(series, wrong))


def test_a_blurred_edge_is_said_unless_it_is_known():
    series = series_of(PROTOCOL, TRUTH | {"D": 0.5, "bleach_blur": 1.8}, 0)
    plain = analysed(series)
    (finding,) = (one for one in plain.estimates.findings[0] if one.code == "patch_edge_differs")
    assert float(finding.words.split("by ")[1].split(" µm")[0]) == pytest.approx(1.8, rel=0.15)
    assert plain.estimates.D_um2_s_upper[0] < 0.5  # it is wrong, and says so
    known = analysed(series, fixed={"bleach_blur": 1.8})
    assert "patch_edge_differs" not in codes_of(known)
    assert known.estimates.D_um2_s_lower[0] < 0.5 < known.estimates.D_um2_s_upper[0]


def test_noise_alone_has_no_patches():
    noise = 0.5 + 0.05 * np.random.default_rng(0).standard_normal((2, 96, 96))
    assert find_patches(Frames(*noise, PROTOCOL)) is None


# Uneven light


def frames_of(series, light=1.0, added=0.0):
    images = series.frames / 65535 * light + added
    return Frames(images[:5].mean(axis=0), images[5], PROTOCOL)


def test_the_choice_is_made_from_the_frames():
    series = series_of(PROTOCOL, TRUTH | {"a": 1e-5}, 0)
    gradient = 1 + 0.5 * COLUMNS / 48
    cell = np.where(ROWS**2 + COLUMNS**2 < 30**2, 1.0, 0.05)
    speckles = gaussian_filter(np.random.default_rng(0).standard_normal((96, 96)), 6, mode="wrap")
    structure = 1 + 0.25 * speckles / speckles.std()
    for light, added, choice in (
        (structure, 0.0, "none"),
        (1.0, 0.0, "subtract"),
        (gradient, 0.0, "divide"),
        (1.0, 0.2 * gradient, "subtract"),
        (cell, 0.0, "none"),
    ):
        frames = frames_of(series, light, added)
        assert choose_evenness(frames, find_outside(frames), 5.0).choice == choice


@pytest.mark.slow
@pytest.mark.parametrize("radius", [30, 40, 46])
def test_subtraction_on_a_cell_is_said_to_be_wrong_and_not_chosen(series, radius):
    cell = lit(series, np.where(radius**2 > ROWS**2 + COLUMNS**2, 1.0, 0.05))
    wrong = analysed(cell, background="subtract").estimates
    assert wrong.has_finding("uneven_light")[0]
    assert "background='none'" in wrong.flags[0]
    assert "n_prebleach" not in wrong.flags[0]
    chosen = analysed(cell)
    assert chosen.sources["background"].startswith("none, chosen: the sample ends")
    assert chosen.estimates.D_um2_s_lower[0] < 2 < chosen.estimates.D_um2_s_upper[0]
    assert abs(chosen.estimates.alpha[0] - 0.4) < 0.02


def test_the_right_correction_is_not_called_wrong(series):
    light = 1 - 0.4 * (ROWS**2 + COLUMNS**2) / 48**2
    for given in ("divide", "none"):
        assert "uneven_light" not in codes_of(analysed(lit(series, light), background=given))
    glow = 9000 * light
    for given in ("subtract", "none"):
        added = lit(series, 0.6, glow)
        assert "uneven_light" not in codes_of(analysed(added, background=given))


# Advice on the number of prebleach frames


def curves(n, noise=0.01):
    known = {name: TRUTH[name] for name in ("D", "c0", "alpha")}
    clean = DiffusionModel(PROTOCOL).curves(**known)
    return clean + noise * np.random.default_rng(2).standard_normal((n, PROTOCOL.n_frames))


@pytest.mark.parametrize("count", [4, 6])
def test_another_count_is_named_where_it_fits_better(count):
    X = curves(20)
    protocol = PROTOCOL.replace(n_prebleach=count, n_postbleach=45 - count)
    estimates = LeastSquaresFRAP(protocol).fit(X).estimate(X)
    assert estimates.has_finding("other_n_prebleach_fits", "5").all()
    assert all("check n_prebleach" in flag for flag in estimates.flags)


def test_the_count_is_not_blamed_where_it_is_right():
    X = curves(20)
    spoilt = X.copy()
    spoilt[:, 5] -= 0.15
    times = np.array(PROTOCOL.times[5:])
    gap = PROTOCOL.replace(postbleach_times=tuple(np.where(times > 0.6, times + 6, times)))
    for protocol, data in ((PROTOCOL, X), (PROTOCOL, spoilt), (gap, X)):
        estimates = LeastSquaresFRAP(protocol).fit(data).estimate(data)
        assert not estimates.has_finding("other_n_prebleach_fits").any()
        assert not any("n_prebleach" in flag for flag in estimates.flags)


def test_uneven_cells_on_dark_ground_end_and_other_unevenness_does_not():
    inside = np.clip(36.5 - np.hypot(ROWS, 1.2 * COLUMNS), 0, 1)
    cell = gaussian_filter(0.05 + inside * 2.0 ** (COLUMNS / 20), 1.0)
    protocol = PROTOCOL.replace(bleach_region=Circle(3.0, (30.0, 24.0)))
    outside = outside_of_cell(Frames(cell, cell, protocol))
    assert outside.distance < 3
    assert outside.share == pytest.approx(np.pi * 6**2 / (np.pi * 36 * 30), rel=0.1)
    for depth in (0.3, 0.5, 0.7, 0.9):
        light = 1 - depth * (ROWS**2 + COLUMNS**2) / 96**2 * 2
        assert outside_of_cell(Frames(light, light, PROTOCOL)) is None
    random = np.random.default_rng(2)
    for width in (4, 8, 14, 20):
        speckles = gaussian_filter(random.standard_normal((96, 96)), width, mode="wrap")
        image = np.clip(1 + 0.5 * speckles / speckles.std(), 0.02, None)
        assert outside_of_cell(Frames(image, image, PROTOCOL)) is None


@pytest.mark.parametrize(
    ("D", "share", "harms"), [(0.5, 0.2, True), (0.5, 0.0, False), (8.0, 0.1, False)]
)
def test_a_region_a_little_beside_is_said_where_it_moves_D(D, share, harms):
    series = series_of(PROTOCOL, TRUTH | {"D": D, "a": 5e-5}, 3)
    region = Circle(5.0, (24.0 + 4.0 * share, 24.0 - 3.0 * share))
    estimates = analysed(series, bleach_region=region).estimates
    inside = estimates.D_um2_s_lower[0] < D < estimates.D_um2_s_upper[0]
    assert inside != harms
    found = [one for one in estimates.findings[0] if one.code == "patch_elsewhere"]
    assert len(found) == harms
    for one in found:
        assert f"by ({-4 * share:.1f}" in one.words  # by (-0.80, 0.60) µm, but for noise
        there = float(one.words.split("D = ")[1].split()[0])
        assert there == pytest.approx(D, rel=0.03)


@pytest.mark.parametrize("kind", ["u2", "u1", "f4"])
@pytest.mark.parametrize("width", [0.0, 1.0, 2.0])
def test_frames_that_were_smoothed_are_told_by_their_noise(series, kind, width):
    scale = {"u2": 65535, "u1": 255, "f4": 1.0}[kind]
    frames = series.frames / 65535
    if width:
        frames = gaussian_filter(frames, (0, width, width))
    frames = (scale * frames).round().astype(kind) if kind != "f4" else frames.astype(kind)
    # To look for drift in what is smooth takes longer than all else.
    smoothed = replace(series, frames=frames, bit_depth=None)
    found = codes_of(analysed(smoothed, drift="none"))
    assert ("neighbours_correlated" in found) == (width > 0)


@pytest.mark.parametrize("axis", [1, 2])
def test_what_a_detector_leaves_in_the_next_pixel_is_no_smoothing(series, axis):
    frames = series.frames.astype(float)
    for share in (0.05, 0.1):
        left = (1 - share) * frames + share * np.roll(frames, 1, axis)
        assert not find_correlated_noise(left.round(), 5)
    assert not find_correlated_noise(0.5 * (frames + np.roll(frames, 1, axis)), 5)


def test_light_without_noise_says_nothing_of_neighbours():
    after = DiffusionModel(PROTOCOL).images(D=2.0, c0=0.6, alpha=0.4, imaging_bleach=0.999)[0]
    for n_prebleach in (5, 1):
        frames = after[5 - n_prebleach :]
        assert not find_correlated_noise(frames, n_prebleach)
        assert not find_correlated_noise((65535 * frames).round(), n_prebleach)


def test_a_sample_that_moves_is_not_taken_for_smoothing():
    random = np.random.default_rng(0)
    sample = gaussian_filter(random.standard_normal((200, 120)), 2.5)
    sample = 2000 + 600 * sample / sample.std()
    frames = np.array([sample[3 * k : 3 * k + 100, :100] for k in range(8)])
    assert not find_correlated_noise(random.poisson(frames), 8)
    smooth = gaussian_filter(random.poisson(frames).astype(float), (0, 1.5, 1.5)).round()
    assert find_correlated_noise(smooth, 8)


@pytest.mark.parametrize("kinds", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_images_of_other_channels_between_the_frames_are_told(series, kinds):
    shares = np.linspace(1, 0.4, kinds)[:, np.newaxis, np.newaxis]
    mixed = (series.frames[:, np.newaxis] * shares).reshape(-1, 96, 96).astype("u2")
    times = 0.5 * np.arange(len(mixed))
    found = analyse_series(
        replace(series, frames=mixed, times_s=times),
        ExperimentOptions(n_prebleach=5 * kinds, bleach_region="circle:5", padding=48),
    )
    assert "frames_alternate" in codes_of(found)
    assert not find_alternation(series.frames)


@pytest.mark.parametrize("change", [0.05, -0.05])
def test_a_lamp_that_settles_before_bleaching_is_told(series, change):
    light = np.ones(len(series.frames))
    light[:5] = np.linspace(1 + change, 1, 5)
    frames = (0.9 * series.frames * light[:, np.newaxis, np.newaxis]).astype("u2")
    options = ExperimentOptions(n_prebleach=5, bleach_region="circle:5", padding=48)
    settling = replace(series, frames=frames)
    assert "light_changes_before_bleaching" in codes_of(analyse_series(settling, options))
    corrected = analyse_series(settling, replace(options, fading="frame"))
    assert "light_changes_before_bleaching" not in codes_of(corrected)
    assert "light_changes_before_bleaching" not in codes_of(analyse_series(series, options))


@pytest.mark.parametrize(("n", "n_after"), [(5, 40), (50, 40), (5, 8), (3, 6)])
def test_a_lamp_that_flickers_does_not_settle(n, n_after):
    random = np.random.default_rng(0)
    told = 0
    for _ in range(2000):
        levels = 100 + 2 * random.standard_normal(n + n_after)
        told += bool(find_prebleach_change(levels, np.ones(n)))
    assert told <= 10
    fading = 100 * 0.99 ** np.arange(n + n_after)
    assert not find_prebleach_change(fading, 0.99 ** np.arange(n))  # as the model has it
    assert find_prebleach_change(fading, np.ones(n))


def test_light_that_fades_recovers_or_flickers_does_not_alternate():
    random = np.random.default_rng(0)
    time = np.arange(60)
    for levels in (np.exp(-time / 5), 1 - 0.9 * np.exp(-time / 3), random.uniform(0.5, 1, 60)):
        assert not find_alternation(levels[:, np.newaxis, np.newaxis] * np.ones((60, 8, 8)))
