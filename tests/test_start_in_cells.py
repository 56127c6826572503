"""A measured start in a compartment: tiles, modes, amplitudes, and D where the told is wrong."""

import joblib
import numpy as np
import pytest
from scipy.special import jnp_zeros
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skfrap import (
    Circle,
    Compartment,
    Ellipse,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    Mask,
    MeasuredStartFRAP,
    Recording,
    Rectangle,
    make_frap_pipeline,
    persistence,
)
from skfrap.design import expected_errors
from skfrap.experiment import MeasuredStart, TileLayout
from skfrap.experiment._tiles import tiles_of
from skfrap.inference.starts._amplitudes import AmplitudeFitter
from skfrap.inference.starts._budget import Budget
from skfrap.models import DiffusionModel
from skfrap.models.starts import tile_modes
from skfrap.plotting import MeasuredStartDisplay
from skfrap.preprocessing import CompartmentExtractor, RingExtractor

pytestmark = pytest.mark.slow

CELL = Ellipse((10.0, 7.0))
SPOTS = {
    "centre": Circle(2.0, (10.5, 7.5)),
    "edge": Circle(2.0, (18.5, 7.5)),
    "half": Rectangle(10.5, 15.0, (5.25, 7.5)),
}


def done(region, **changes):
    """Make the experiment as it was."""
    options = {"n_bleach": 1, "n_postbleach": 60, "frame_interval": 0.2, "compartment": CELL}
    return FRAPProtocol(
        shape=(30, 42), pixel_size=0.5, bleach_region=region, **options | changes
    )  # fmt: skip


def told(protocol):
    """Say of an experiment what the operator has noted, which is wrong."""
    return protocol.replace(bleach_region=Circle(1.0, (8.0, 7.0)), n_bleach=1, start="measured")


PRIOR = {"D": 1.0, "c0": 0.8, "alpha": 0.5, "a": 1e-3}
DONE = done(SPOTS["edge"])
TOLD = told(DONE)


def stacks_of(protocol, n=1, seed=0, **prior):
    return FRAPSimulator(protocol, PRIOR | prior, random_state=seed).sample_images(n).data


@pytest.fixture(scope="module")
def stacks():
    return stacks_of(DONE, 4)


@pytest.fixture(scope="module")
def X(stacks):
    return CompartmentExtractor(TOLD).fit_transform(stacks)


@pytest.fixture(scope="module")
def estimator(X):
    return MeasuredStartFRAP(TOLD).fit(X)


# Tiles


@pytest.mark.parametrize("side", [1, 2, 3])
@pytest.mark.parametrize("region", [CELL, Circle(6.3, (8.1, 7.2))])
def test_tiles_cover_the_compartment(side, region):
    protocol = done(Circle(1.0, (8.0, 7.0)), compartment=region)
    tiles = tiles_of(protocol, side)
    whole = protocol.compartment_mask.sum()
    # What has less than a tenth of its area inside is left out.
    assert 0.97 * whole < tiles.n_pixels <= 1.001 * whole
    assert tiles.shares.sum() == pytest.approx(1.0)
    inside = tiles.index >= 0
    assert (protocol.compartment_mask[inside] > 0).all()
    assert protocol.compartment_mask[~inside].sum() < 0.03 * whole
    np.testing.assert_array_equal(np.bincount(tiles.index[inside]), tiles.counts)


def test_a_mask_has_the_tiles_of_its_region():
    as_mask = TOLD.replace(compartment=Mask(TOLD.compartment_mask))
    one, other = tiles_of(TOLD, 2), tiles_of(as_mask, 2)
    np.testing.assert_array_equal(one.inside, other.inside)
    np.testing.assert_allclose(one.volume, other.volume, atol=0.02)


def test_means_are_those_of_pixels_over_prebleach(stacks):
    extractor = CompartmentExtractor(TOLD).fit(stacks)
    means = extractor.transform(stacks)[1].reshape(60, -1)
    tiles = tiles_of(TOLD, extractor.layout_.side)
    pixels = tiles.index == 150
    light = stacks[1].astype(float)[:, pixels].sum(axis=1)
    np.testing.assert_allclose(means[:, 150], light[10:] / light[:10].mean(), rtol=1e-6)
    assert len(extractor.get_feature_names_out()) == means.size


def test_many_pixels_make_larger_tiles():
    fine = FRAPProtocol(
        shape=(300, 420), pixel_size=0.05, bleach_region=Circle(1.0), compartment=CELL
    )
    layout = TileLayout.of_compartment(fine)
    assert layout.side > 1
    assert 1500 < layout.n_tiles < 3300


# Modes


def test_modes_of_a_disk_are_those_of_bessel():
    disk = FRAPProtocol(
        shape=(60, 60), pixel_size=0.3, bleach_region=Circle(1.0), compartment=Circle(8.0)
    )
    rates = tile_modes(disk, TileLayout.of_compartment(disk).side).rates
    zeros = [[z] * (1 if n == 0 else 2) for n in range(30) for z in jnp_zeros(n, 20)]
    exact = np.sort(np.concatenate(zeros)) ** 2 / 64
    np.testing.assert_allclose(rates[:40], exact[:40], rtol=8e-3)
    assert np.mean(rates[:40] / exact[:40]) == pytest.approx(1, abs=2e-3)


def test_modes_of_a_square_are_cosines_and_orthonormal():
    square = FRAPProtocol(
        shape=(40, 40), pixel_size=0.3, bleach_region=Circle(1.0), compartment=Rectangle(12.0, 12.0)
    )
    modes = tile_modes(square, 1)
    waves = (np.pi / 12.0 * np.arange(10)) ** 2
    exact = np.sort((waves + waves[:, np.newaxis]).ravel())[1:]
    np.testing.assert_allclose(modes.rates[:30], exact[:30], rtol=6e-3)
    products = modes.modes.T @ (modes.tiles.shares[:, np.newaxis] * modes.modes)
    np.testing.assert_allclose(products, np.eye(len(modes.rates)), atol=1e-10)


@pytest.mark.parametrize("conductance", ["partition", "sites"])
def test_amplitudes_of_an_uneven_cell_decay_by_themselves(conductance):
    x = (np.indices((30, 42))[1] + 0.5) * 0.5
    cell = Compartment(CELL, 2 ** ((x - 10.5) / 10), conductance)
    protocol = done(SPOTS["centre"], compartment=cell)
    images = DiffusionModel(protocol).images(D=1.0, c0=1.0, alpha=0.5)
    layout = TileLayout.of_compartment(protocol)
    X = CompartmentExtractor(protocol).fit_transform(images).reshape(60, -1)
    modes = tile_modes(protocol, layout.side)
    amplitudes = modes.amplitudes(1 - X)
    slow = np.argsort(-np.abs(amplitudes[0, :20]))[:6]
    times = protocol.times[10:] - protocol.times[10]
    expected = amplitudes[0, slow] * np.exp(-np.multiply.outer(times, modes.rates[slow]))
    np.testing.assert_allclose(amplitudes[:, slow], expected, atol=0.01 * np.abs(amplitudes).max())
    whole = X @ modes.tiles.shares
    np.testing.assert_allclose(whole, whole[0], rtol=2e-4)  # a closed compartment loses nothing


# Amplitudes


@pytest.mark.parametrize("reading", ["mobile", "one_depth", "free"])
def test_the_evidence_is_that_of_a_gaussian(reading):
    random = np.random.default_rng(0)
    rates, times = np.array([0.2, 0.9]), 0.3 * np.arange(7)
    fitter = AmplitudeFitter(rates, times, 5, (0.1, 10.0), (0.3, 0.3), (reading,))
    values, variances = random.normal(size=(7, 2)), np.array([0.4, 0.7])
    (fit,) = fitter.fit(values, variances)
    problem = fit._problem

    def density(log_D):
        total = 0.0
        for k in range(2):
            moves = problem.left(log_D, times)[:, k]
            columns = np.column_stack([moves, np.ones(7)])
            if reading == "mobile":
                columns = columns[:, :1]
            if reading == "one_depth":
                columns = columns @ np.array([[problem.share], [1 - problem.share]])
            covariance = variances[k] * (np.eye(7) + 1 / 5)
            one, mixed, two = problem.pair
            inverse = np.array([[one, mixed], [mixed, two]]) if reading == "free" else np.eye(1)
            covariance += columns @ np.linalg.inv(problem.weights[k] * inverse) @ columns.T
            total += multivariate_normal(cov=covariance).logpdf(values[:, k])
        return -2 * total

    # As a density of the values; what differs is the same at each D.
    one, other = fit.log_D, fit.log_D + 0.4
    share = problem.share
    rise = problem._evidence(problem._sums(other), problem.weights, share)
    rise -= problem._evidence(problem._sums(one), problem.weights, share)
    assert rise == pytest.approx(density(other) - density(one), rel=1e-6, abs=1e-8)


def test_a_tangent_is_what_unknowns_cannot_take_up():
    random = np.random.default_rng(1)
    rates, times = 0.1 * np.arange(1.0, 31.0), 0.2 * np.arange(40)
    fitter = AmplitudeFitter(rates, times, 10, (0.01, 100.0), (0.2, 0.2), ("mobile", "free"))
    start = random.normal(0, 0.1, 30)
    clean = start * np.exp(-2.0 * np.multiply.outer(times, rates))
    for fit in fitter.fit(clean + 1e-3 * random.normal(size=clean.shape), np.full(30, 1e-6)):
        known = np.sum(fit.tangent() ** 2)
        assert known**-0.5 == pytest.approx(fit.standard_error, rel=0.05)
        assert abs(fit.log_D - np.log10(2.0)) < 4 * fit.standard_error
    # One free parameter less is known better.
    mobile, free = fitter.fit(clean, np.full(30, 1e-6))
    assert mobile.standard_error < free.standard_error


# D


@pytest.mark.parametrize("place", [*SPOTS])
@pytest.mark.parametrize(("D", "mobile"), [(0.3, 0.8), (1.0, 1.0), (10.0, 0.8)])
def test_D_is_right_where_the_region_told_is_wrong(place, D, mobile):
    protocol = done(SPOTS[place])
    images = stacks_of(protocol, 3, D=D, mobile_fraction=mobile)
    pipeline = make_pipeline(CompartmentExtractor(), MeasuredStartFRAP())
    pipeline.set_params(compartmentextractor__protocol=told(protocol))
    pipeline.set_params(measuredstartfrap__protocol=told(protocol)).fit(images)
    log_D, error = pipeline.predict(images, return_std=True)
    off = log_D[:, 0] - np.log10(D)
    assert np.abs(off.mean()) < 0.006 + 2 * np.mean(error) / np.sqrt(3)
    assert np.mean(error) < 0.12
    estimates = pipeline[-1].estimate(pipeline[0].transform(images))
    assert estimates.has_finding("told_region_contradicted").all()
    assert estimates.usable.all()
    by_share = estimates.values["mobile_fraction"]
    known = np.isfinite(by_share)
    np.testing.assert_allclose(by_share[known], mobile, atol=0.03)


@pytest.mark.slow
def test_intervals_cover_the_truth():
    X = CompartmentExtractor(TOLD).fit_transform(stacks_of(DONE, 40, 5, mobile_fraction=0.8))
    ends = MeasuredStartFRAP(TOLD).fit(X).predict_interval(X)[:, 0]
    # Of 40, 33 or more are covered in 98 % of cases if each is in 90 %.
    assert np.sum((ends[:, 0] < 0) & (ends[:, 1] > 0)) >= 33


def test_a_wide_compartment_says_what_the_open_field_says():
    region = Circle(2.0, (12.0, 12.0))
    protocol = FRAPProtocol(
        shape=(80, 80), pixel_size=0.3, bleach_region=region, n_bleach=1, n_postbleach=40,
        frame_interval=0.1, compartment=Rectangle(23.4, 23.4), start="measured",
    )  # fmt: skip
    images = stacks_of(protocol.replace(compartment=None, start="told"), 3)
    tiles = CompartmentExtractor(protocol).fit_transform(images)
    closed, error = MeasuredStartFRAP(protocol).fit(tiles).predict(tiles, return_std=True)
    rings = RingExtractor(protocol.replace(compartment=None)).fit_transform(images)
    as_open = MeasuredStartFRAP(protocol.replace(compartment=None)).fit(rings).predict(rings)
    assert (np.abs(closed - as_open) < 4 * error).all()
    assert np.abs(closed.mean()) < 0.01


def test_fading_and_flicker_of_all_light_say_nothing(X, estimator):
    means = X.reshape(4, 60, -1)
    random = np.random.default_rng(0)
    levels = np.exp(-0.01 * np.arange(60)) * (1 + 0.02 * random.standard_normal(60))
    changed = (means * levels[:, np.newaxis]).reshape(4, -1)
    np.testing.assert_allclose(estimator.predict(changed), estimator.predict(X), atol=1e-9)
    as_before = clone(estimator).set_params(frame_levels=False).fit(X)
    off = as_before.predict(X) - estimator.predict(X)
    assert np.abs(off).max() < 0.01
    assert np.abs(as_before.predict(changed) - estimator.predict(X)).max() > 2 * np.abs(off).max()


def test_the_budget_is_what_bleaching_took():
    X = CompartmentExtractor(TOLD).fit_transform(stacks_of(DONE, 1, a=1e-5))
    budget = MeasuredStartFRAP(TOLD).fit(X).measure(X)[0].budget
    share = np.sum(DONE.bleach_mask * DONE.compartment_mask) / DONE.compartment_mask.sum()
    assert budget.lost == pytest.approx(0.5 * share, rel=0.05)
    assert budget.area == pytest.approx(np.pi * 70, rel=0.02)
    assert abs(budget.gained) < 5e-4


def test_a_budget_is_corrected_for_fading():
    frames = np.arange(40)
    budget = Budget.of(0.9 * np.exp(-0.004 * (frames + 3)), 5, 100.0)
    assert budget.lost == pytest.approx(0.1, abs=0.005)
    risen = Budget.of(0.8 + 0.1 * (1 - np.exp(-frames / 10)), 5, 100.0)
    assert risen.gained > 5 * risen.gain_error > 0


def test_a_right_region_is_not_contradicted():
    right = DONE.replace(start="measured")
    X = CompartmentExtractor(right).fit_transform(stacks_of(DONE, 2))
    assert (
        not MeasuredStartFRAP(right)
        .fit(X)
        .estimate(X)
        .has_finding("told_region_contradicted")
        .any()
    )


def test_nothing_bleached_and_a_sample_that_changes_shape_are_refused(stacks):
    still = np.repeat(stacks[:1, :10], 7, axis=1)
    noise = 0.03 * np.random.default_rng(0).standard_normal(still.shape)
    nothing = CompartmentExtractor(TOLD).fit_transform(still + noise)
    estimates = MeasuredStartFRAP(TOLD).fit(nothing).estimate(nothing)
    assert not estimates.usable.any()
    assert np.isnan(estimates.D_um2_s).all()
    # Texture that wanders all over the cell.
    random = np.random.default_rng(1)
    modes = tile_modes(TOLD, TileLayout.of_compartment(TOLD).side)
    steps = 0.02 * random.standard_normal((60, 40)).cumsum(axis=0)
    texture = 1 - steps @ modes.modes[:, 20:60].T / np.sqrt(40)
    patch = 0.02 * np.exp(-(np.hypot(*(modes.tiles.places - (8.0, 7.0)).T) ** 2))
    moving = np.concatenate([texture - patch, texture - patch], axis=0).reshape(2, -1)
    estimates = MeasuredStartFRAP(TOLD).fit(moving).estimate(moving)
    assert estimates.has_finding("changes_elsewhere").all()
    assert not estimates.usable.any()


# The contract


def test_a_pipeline_goes_by_the_compartment(stacks):
    pipeline = make_frap_pipeline(TOLD)
    assert [type(step) for _, step in pipeline.steps] == [CompartmentExtractor, MeasuredStartFRAP]
    left_open = make_frap_pipeline(TOLD, "auto").fit(stacks)
    by_either = pipeline.fit(stacks).predict(stacks), left_open.predict(stacks)
    np.testing.assert_array_equal(*by_either)
    as_told = make_frap_pipeline(TOLD.replace(start="told"))
    assert type(as_told.steps[-1][1]) is LeastSquaresFRAP
    search = left_open.set_params(protocol__start="told").fit(stacks)
    assert type(search[-1]) is LeastSquaresFRAP


def test_samples_bring_their_cells(stacks):
    other = told(done(SPOTS["centre"], compartment=Circle(7.0, (10.5, 7.5))))
    images = stacks_of(other.replace(bleach_region=SPOTS["centre"], start="told"))
    samples = [Recording(stacks[0], TOLD), Recording(images[0], other)]
    pipeline = make_pipeline(CompartmentExtractor(), MeasuredStartFRAP()).fit(samples)
    log_D = pipeline.predict(samples)
    assert log_D.shape == (2, 1)
    assert np.abs(log_D).max() < 0.05


def test_gaps_scores_files_and_threads(X, estimator, tmp_path):
    gappy = X.reshape(4, 60, -1).copy()
    gappy[1, 7, 3] = np.nan
    gappy[2] = np.nan
    gappy = gappy.reshape(4, -1)
    with pytest.raises(ValueError, match="2 of 4 rows lack tiles"):
        estimator.predict(gappy)
    omits = clone(estimator).set_params(missing="omit").fit(gappy)
    log_D = omits.predict(gappy)[:, 0]
    assert np.isnan(log_D[2])
    expected = estimator.predict(X)[:, 0]
    np.testing.assert_allclose(log_D[[0, 3]], expected[[0, 3]])
    assert 0 < abs(log_D[1] - expected[1]) < 0.01
    persistence.save(estimator, tmp_path / "start.npz")
    again = persistence.load(tmp_path / "start.npz")
    np.testing.assert_array_equal(again.predict(X), estimator.predict(X))
    assert again.layout_ == TileLayout.of_compartment(TOLD)
    threaded = clone(estimator).set_params(n_jobs=2).fit(X)
    np.testing.assert_array_equal(threaded.predict(X), estimator.predict(X))
    y = np.random.default_rng(0).normal(0, 1e-3, 4)
    assert len(cross_val_score(MeasuredStartFRAP(TOLD), X, y, cv=2)) == 2
    assert joblib.hash(estimator.get_params()) == joblib.hash(again.get_params())


def test_a_batch_goes_on_without_a_broken_stack(stacks):
    broken = stacks.copy()
    broken[1, :10, 15, 21] = 0.0  # a tile that was dark
    with pytest.raises(ValueError, match=r"1 of \d+ tiles of the compartment have no light"):
        CompartmentExtractor(TOLD).fit_transform(broken)
    extractor = CompartmentExtractor(TOLD, on_error="nan")
    with pytest.warns(UserWarning, match="rows of tiles are NaN"):
        X = extractor.fit_transform(broken)
    assert [*extractor.errors_] == [1]
    assert [*np.isnan(X).all(axis=1)] == [False, True, False, False]


def test_profiles_show_measured_beside_fitted(X, estimator):
    (profiles, *_) = estimator.profiles(X[:1])
    assert profiles.measured.shape == profiles.fitted.shape == (60, len(profiles.radii))
    assert np.abs(profiles.measured - profiles.fitted)[:, :20].mean() < 0.02
    one = estimator.measure(X[:1])[0]
    assert profiles.start.max() == pytest.approx(0.5, abs=0.1)  # alpha is 0.5
    assert one.half_radius == pytest.approx(2.0, abs=0.6)
    assert one.a == pytest.approx(1e-3 / 0.64, rel=0.1)
    MeasuredStartDisplay.from_estimator(estimator, X)


def test_what_does_not_fit_is_refused_in_words(X, stacks):
    without = TOLD.replace(compartment=None)
    with pytest.raises(ValueError, match="the protocol has no compartment"):
        CompartmentExtractor(without).fit(stacks)
    with pytest.raises(ValueError, match="know of no edge"):
        RingExtractor(TOLD).fit(stacks)
    with pytest.raises(ValueError, match=r"tiles of the compartment: \d+ are needed"):
        MeasuredStartFRAP(TOLD).fit(X[:, :-1])
    start = MeasuredStart.from_profile(np.arange(9.0), np.linspace(0.5, 1.0, 9))
    with pytest.raises(ValueError, match="profiles are of an open field"):
        MeasuredStartFRAP(TOLD, start=start).fit(np.ones((2, TOLD.n_frames)))


def test_an_experiment_is_planned_in_a_cell():
    errors = {
        start: expected_errors(
            DONE.replace(start=start), {"D": [1.0], "c0": 0.8, "alpha": 0.5}, a=1e-3
        ).relative_error("D")[0]
        for start in ("told", "measured")
    }
    assert 0 < errors["measured"] < 2 * errors["told"]
