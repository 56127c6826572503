"""A measured start: circle means, the evidence, and D where what was told is wrong."""

import joblib
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skfrap import Circle, FRAPProtocol, FRAPSimulator, MeasuredStartFRAP, Rectangle
from skfrap.experiment import RingLayout
from skfrap.inference.starts._evidence import PreparedEvidence, slope, solve
from skfrap.inference.starts._fitter import StartFitter
from skfrap.inference.starts._readings import READINGS
from skfrap.inference.starts._sample import choose
from skfrap.models.starts import ModeBasis, ModeRows, RingBasis, RingRows, ring_gaussians
from skfrap.persistence import load, save
from skfrap.preprocessing import RingExtractor

# Bleached: a rectangle beside the middle. Told: a small circle in it.
BLEACHED = FRAPProtocol(
    shape=(64, 64),
    pixel_size=0.5,
    bleach_region=Rectangle(9.0, 5.0, center=(17.0, 15.0)),
    n_bleach=3,
    n_postbleach=30,
    frame_interval=0.2,
)
TOLD = BLEACHED.replace(bleach_region=Circle(1.5), n_bleach=1)
PRIOR = {"D": 6.0, "c0": 0.8, "alpha": 0.8, "a": 1e-3}


def stacks(n=1, seed=0, **prior):
    simulator = FRAPSimulator(BLEACHED, PRIOR | prior, random_state=seed)
    return simulator.sample_images(n).data


@pytest.fixture(scope="module")
def rings():
    return RingExtractor(TOLD).fit(np.zeros((1, TOLD.n_frames, 64, 64)))


@pytest.fixture(scope="module")
def X(rings):
    return rings.transform(stacks(3))


# Ring-Gaussians


def test_diffusion_keeps_the_amount_of_a_ring():
    for spread in (0.0, 0.3, 7.0):

        def amount(r, spread=spread):
            return 2 * np.pi * r * ring_gaussians([r], [spread], [2.0], [0.5])[0, 0, 0]

        assert quad(amount, 0, 30)[0] == pytest.approx(quad(lambda r: amount(r, 0.0), 0, 30)[0])


def test_rings_obey_the_radial_heat_equation():
    r, tau, h = np.array([0.4, 1.3, 2.6]), 0.8, 1e-3
    at = lambda radii, spread: ring_gaussians(radii, [spread], [1.5], [0.6])[0, :, 0]  # noqa: E731
    slope = (at(r, tau + h) - at(r, tau - h)) / (2 * h)
    first = (at(r + h, tau) - at(r - h, tau)) / (2 * h)
    second = (at(r + h, tau) - 2 * at(r, tau) + at(r - h, tau)) / h**2
    np.testing.assert_allclose(slope, 0.5 * (second + first / r), rtol=1e-5)


def test_a_ring_is_a_gaussian_averaged_over_directions():
    # The circle mean of a Gaussian at distance 1.5: what a spot beside the middle looks like.
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    r, place, width = 1.1, 1.5, 0.7
    x, y = r * np.cos(angles) - place, r * np.sin(angles)
    mean = np.exp(-(x**2 + y**2) / (2 * width**2)).mean()
    assert ring_gaussians([r], [0.0], [place], [width])[0, 0, 0] == pytest.approx(mean)


# Layout of the rings


def test_every_pixel_within_reach_is_in_one_ring():
    layout = RingLayout(12, 8)
    index = layout.index()
    np.testing.assert_array_equal(index, np.rot90(index))  # wedges at right angles
    distance = np.hypot(*np.indices(index.shape) - 11.0)
    np.testing.assert_array_equal(index >= 0, np.rint(distance) < 12)
    assert layout.counts.sum() == (index >= 0).sum()
    np.testing.assert_allclose(layout.radii[1:], np.arange(1, 12), atol=0.25)


def test_sectors_see_alike_what_is_elongated():
    layout = RingLayout(40, 8)
    y, x = np.indices(layout.index().shape) - 39.0
    for pattern in (x, x * y, x**2 - y**2, x**3):
        inside = layout.index() >= 0
        sums = np.bincount(layout.index()[inside], pattern[inside], minlength=320).reshape(8, 40)
        # Four wedges at right angles cancel the first three angular modes exactly.
        np.testing.assert_allclose(sums, 0, atol=1e-8)


def test_means_are_those_of_the_pixels(rings):
    stack = stacks()[0].astype(float)
    means = rings.transform(stack[np.newaxis])[0].reshape(30, 8, -1)
    n_rings = np.isfinite(means).any(axis=(0, 1)).sum()
    assert 8 <= n_rings < 32  # the patch is beside the middle
    fixed = RingExtractor(TOLD, center=(16.25, 16.25)).fit_transform(stack[np.newaxis])
    fixed = np.nan_to_num(fixed.reshape(30, 8, -1))
    y, x = np.indices((64, 64)) - 32
    ring = np.rint(np.hypot(x, y)) == 5
    before = stack[:10].mean(axis=0)[ring].mean()
    counts = rings.layout_.counts[:, 5]
    got = (fixed[4, :, 5] * counts).sum() / counts.sum()
    assert got == pytest.approx(stack[14][ring].mean() / before)
    assert len(rings.get_feature_names_out()) == rings.transform(stack[np.newaxis]).shape[1]


# The evidence


def test_evidence_is_the_density_of_the_values():
    rng = np.random.default_rng(0)
    rows, a = rng.standard_normal((12, 4)), 0.3
    precision = np.diag([1.0, 2.0, 0.5, 3.0]) + 0.2
    values = rng.standard_normal(12)
    covariance = a * np.eye(12) + rows @ np.linalg.solve(precision, rows.T)
    exact = -2 * multivariate_normal(np.zeros(12), covariance).logpdf(values)
    common = values @ values / a + 12 * np.log(2 * np.pi * a)
    gram, products = rows.T @ rows, rows.T @ values
    prepared = PreparedEvidence(gram[np.newaxis], precision[np.newaxis])
    assert prepared.deviance(products, a)[0] + common == pytest.approx(exact)
    deviance, mean = solve(gram, products, precision, a)
    assert deviance - np.linalg.slogdet(precision)[1] + common == pytest.approx(exact)
    np.testing.assert_allclose(mean, np.linalg.solve(gram / a + precision, products / a), rtol=1e-9)


def test_the_slope_of_the_deviance_is_its_derivative():
    rng = np.random.default_rng(5)
    moving, still, values = rng.standard_normal((3, 20, 4))
    values, a, precision = values[:, 0], 0.4, np.diag([1.0, 3.0, 0.2, 2.0])

    def parts(share):
        rows = share * moving + (1 - share) * still
        return rows.T @ rows, rows.T @ values

    gram_slope, products_slope = (
        (after - before) / 2e-6
        for after, before in zip(parts(0.4 + 1e-6), parts(0.4 - 1e-6), strict=True)
    )
    deviance, found = slope(*parts(0.4), precision, a, gram_slope, products_slope)
    after, before = (solve(*parts(share), precision, a)[0] for share in (0.4 + 1e-4, 0.4 - 1e-4))
    assert deviance == pytest.approx(solve(*parts(0.4), precision, a)[0])
    assert found == pytest.approx((after - before) / 2e-4, rel=1e-5)


def test_readings_are_compared_by_the_density_of_the_same_values():
    layout, bounds = RingLayout(14, 1), (0.1, 30.0)
    times = np.arange(8) * 0.3
    rows = RingRows(RingBasis.spanning(1.2, 7.0), 0.5 * layout.radii, layout.counts[0] * 1.0, times,
                    5, bounds, delays=(0.3, 0.3), flicker=0.0)  # fmt: skip
    a, depth = 0.02, np.exp(-((0.5 * layout.radii) ** 2) / 8)
    deficits = np.exp(-times / 0.8)[:, np.newaxis] * depth
    deficits = deficits + np.sqrt(a / layout.counts[0]) * np.random.default_rng(6).standard_normal(
        deficits.shape
    )
    values, _ = rows.project(deficits)
    fitter = StartFitter(rows, READINGS)
    fits = fitter.fit(values, a)
    exact = []
    for fit in fits:
        each = []
        for branch in fit._problem.branches:  # one of each smoothness
            branch.restart()
            model = branch.model(fit.log_D)
            covariance = a * np.eye(len(model))
            covariance += model @ np.linalg.solve(branch.precision, model.T)
            each.append(multivariate_normal(np.zeros(len(model)), covariance).logpdf(values))
        exact.append(-2 * logsumexp(each))
    common = exact[0] - fits[0].deviance
    np.testing.assert_allclose(exact, [fit.deviance + common for fit in fits], rtol=1e-6)
    # And each is at its least.
    for fit in fits:
        assert fit.rise_at(fit.log_D + 0.5 * fit.standard_error) > 0.1
        assert fit.rise_at(fit.log_D - 0.5 * fit.standard_error) > 0.1


@pytest.mark.parametrize("flicker", [np.inf, 3.0, 0.0, None])
def test_reduced_rows_are_the_model_at_any_D(flicker):
    layout = RingLayout(20, 1)
    basis = RingBasis.spanning(1.0, 9.5)
    times = np.array([0.0, 0.2, 0.5, 2.0, 2.2])
    rows = RingRows(basis, 0.5 * layout.radii, layout.counts[0].astype(float), times, 4,
                    (0.01, 100.0), delays=(0.1, 0.3), flicker=flicker)  # fmt: skip
    rng = np.random.default_rng(1)
    start, data = rng.standard_normal(len(basis)), rng.standard_normal((5, 20))
    for D in (0.013, 1.7, 88.0):
        for late in (False, True):
            model = rows.profiles(D, times, late) @ start
            kept = rows.moving(np.log10(D), late) @ start
            np.testing.assert_allclose(
                rows.unproject(kept), rows.weigh(model), atol=1e-5 * np.abs(model).max()
            )
            # Products of data with the model are those of the reduced values.
            values, rest = rows.project(data)
            whole = rows.weigh(data)
            assert values @ kept == pytest.approx((whole * rows.weigh(model)).sum(), abs=1e-4)
            np.testing.assert_allclose(
                rows.missing(D, start, start, late),
                model + rows.profiles(1.0, [0.0])[0] @ start,
                atol=1e-6,
            )
            # Weighing and its adjoint agree, and products of means are those of the values.
            adjoint = rows.to_means(rows.unproject(values))
            assert (adjoint * data).sum() == pytest.approx(values @ values)
            if not rows.n_levels:  # the rest of levels is no noise of rings
                assert rest + values @ values == pytest.approx((whole**2).sum())


def test_rows_of_another_flicker_are_those_made_so():
    layout, basis = RingLayout(16, 1), RingBasis.spanning(1.0, 7.5)
    times, counts = np.array([0.0, 0.2, 0.5, 0.8, 1.1, 2.0, 2.2]), layout.counts[0].astype(float)

    def made(flicker):
        return RingRows(basis, 0.5 * layout.radii, counts, times, 4, (0.1, 50.0),
                        delays=(0.1, 0.1), flicker=flicker)  # fmt: skip

    data = np.random.default_rng(8).standard_normal((7, 16))
    for flicker in (5.0, np.inf):
        one, other = made(flicker), made(0.0).with_flicker(flicker)
        assert one.freedom == other.freedom
        for late in (False, True):
            products = [rows.project(data)[0] @ rows.moving(0.3, late) for rows in (one, other)]
            np.testing.assert_allclose(*products, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(one.weigh(data), other.weigh(data), atol=1e-12)


def test_prebleach_noise_is_shared_by_all_frames():
    # Whitening must make independent what the division by prebleach has made go together.
    layout = RingLayout(12, 1)
    counts = layout.counts[0].astype(float)
    rows = RingRows(RingBasis.spanning(1.0, 5.5), 0.5 * layout.radii, counts, np.arange(4.0), 2,
                    (0.1, 10.0), flicker=None)  # fmt: skip
    rng = np.random.default_rng(2)
    n, a = 20_000, 0.7
    noise = rng.standard_normal((n, 4, 12)) + rng.standard_normal((n, 1, 12)) / np.sqrt(2)
    weighed = np.array([rows.weigh(one) for one in noise * np.sqrt(a / counts)])
    covariance = np.cov(weighed[:, :, 7].T)
    np.testing.assert_allclose(covariance, a * np.eye(4), atol=0.03)


# Other geometries


@pytest.mark.parametrize("mobile", [1.0, 0.6])
def test_a_start_between_walls_is_fitted_in_its_own_modes(mobile):
    # A patch at the wall, where an open plane has D wrong: half of it is its mirror image.
    length, D, a = 8.0, 2.5, 4e-3
    waves, places = np.arange(24) * np.pi / length, np.linspace(0.1, length - 0.1, 40)
    norm = np.where(waves > 0, np.sqrt(2.0), 1.0)
    modes = norm * np.cos(waves * places[:, np.newaxis])
    times, variances = np.linspace(0.0, 3.0, 30), np.full(40, 0.1)
    fine = np.linspace(0.0, length, 2001)
    patch = 0.6 * np.exp(-((fine - 0.8) ** 2) / 1.5)
    start = np.trapezoid(patch * (norm * np.cos(waves * fine[:, np.newaxis])).T, fine) / length
    decayed = np.exp(-D * times[:, np.newaxis] * waves**2)
    seen = ((mobile * decayed + 1 - mobile) * start) @ modes.T
    rng, n_prebleach = np.random.default_rng(7), 10
    before = np.sqrt(a * variances / n_prebleach) * rng.standard_normal(40)
    noise = np.sqrt(a * variances) * rng.standard_normal(seen.shape) + before
    rows = ModeRows(
        ModeBasis(waves**2, 1.0), modes, variances, times, n_prebleach, (0.01, 100.0),
        delays=(0.0, 0.0),
    )  # fmt: skip
    values, rest = rows.project(seen + noise)
    fit = choose(StartFitter(rows, READINGS).fit(values, rest / rows.freedom))
    assert rest / rows.freedom == pytest.approx(a, rel=0.2)
    assert fit.standard_error < 0.05
    assert abs(fit.log_D - np.log10(D)) < 3 * fit.standard_error
    left = rows.missing(10**fit.log_D, fit.moving, fit.still, fit.is_late) - seen
    assert np.sqrt(np.mean(left**2)) < 0.3 * np.sqrt(a * 0.1)


# Estimates


def test_D_is_right_where_region_time_and_shape_are_told_wrongly(X):
    for mobile_fraction in (1.0, 0.7):
        some = X
        if mobile_fraction < 1:
            some = RingExtractor(TOLD).fit_transform(stacks(3, mobile_fraction=mobile_fraction))
        estimator = MeasuredStartFRAP(TOLD, errors="noise").fit(some)
        log_D, error = estimator.predict(some, return_std=True)
        deviations = (log_D - np.log10(6.0)) / error
        assert (error < 0.05).all()
        assert (np.abs(deviations) < 3).all()
        assert (estimator.estimate(some).flags == "").all()


def test_the_told_region_plays_no_part(X):
    other = TOLD.replace(bleach_region=Circle(6.0, center=(10.0, 10.0)))
    one, another = (MeasuredStartFRAP(p).fit(X).predict(X) for p in (TOLD, other))
    np.testing.assert_array_equal(one, another)


@pytest.mark.slow
def test_levels_of_frames_play_no_part(rings, X):
    flicker = 1 + 0.05 * np.random.default_rng(3).standard_normal((30, 1))
    lit = (X[:1].reshape(30, -1) * flicker).reshape(1, -1)
    free = MeasuredStartFRAP(TOLD, frame_levels=True).fit(X)
    error = free.predict(X[:1], return_std=True)[1][0, 0]
    assert abs(free.predict(lit) - free.predict(X[:1]))[0, 0] < 0.2 * error
    seen = MeasuredStartFRAP(TOLD).fit(X)
    assert abs(seen.predict(lit) - free.predict(X[:1]))[0, 0] < 0.2 * error
    fixed = MeasuredStartFRAP(TOLD, frame_levels=False).fit(X)
    assert abs(fixed.predict(lit) - fixed.predict(X[:1]))[0, 0] > error


@pytest.mark.slow
def test_levels_that_are_even_are_used(rings):
    # So fast that the patch soon is as wide as the field, which looks like another level.
    X = rings.transform(stacks(2, D=60.0))
    free, seen = (
        MeasuredStartFRAP(TOLD, frame_levels=levels, errors="noise").fit(X)
        for levels in (True, "auto")
    )
    error, other = (one.predict(X, return_std=True)[1] for one in (free, seen))
    assert (other < 0.7 * error).all()
    # Fading by a tenth, as good as a parabola; and a lamp that gets warm.
    times = 0.2 * np.arange(30)
    for levels in (np.exp(-times / 60), 1 - 0.05 * np.exp(-times / 0.4)):
        lit = (X.reshape(2, 30, -1) * levels[:, np.newaxis]).reshape(2, -1)
        right = np.abs(seen.predict(lit) - np.log10(60.0)) < 3 * error
        doubtful = ~seen.estimate(lit).usable
        assert (right[:, 0] | doubtful).all()
        assert right.any()


@pytest.mark.slow
def test_lengths_and_times_scale(X):
    larger = TOLD.replace(pixel_size=1.5, bleach_region=Circle(4.5), frame_interval=0.6)
    bounds = np.array([1e-2, 1e3])
    one = MeasuredStartFRAP(TOLD, bounds).fit(X).predict(X)
    another = MeasuredStartFRAP(larger, 3 * bounds).fit(X).predict(X)
    np.testing.assert_allclose(another - one, np.log10(3.0), atol=2e-4)


def test_moving_share_and_mobile_fraction_are_two_things():
    # One flash: over several, what moves is bleached more, since it is refreshed in between.
    flash = BLEACHED.replace(n_bleach=1)
    prior = PRIOR | {"mobile_fraction": 0.6, "D": 20.0, "alpha": 0.5, "a": 2e-4}
    images = FRAPSimulator(flash, prior, random_state=0).sample_images(1).data
    X = RingExtractor(flash).fit_transform(images)
    estimates = MeasuredStartFRAP(flash, readings=("one_depth",)).fit(X).estimate(X)
    assert estimates.mobile_fraction[0] == pytest.approx(0.6, abs=0.02)
    # What moves has begun to leave before the first frame.
    assert estimates.moving_share[0] < estimates.mobile_fraction[0] - 0.05


def test_the_jackknife_sees_what_is_not_noise_of_pixels(rings, X):
    # A wave of the light over some frames and radii, as bad optics make it.
    frames, radii = np.arange(30)[:, np.newaxis, np.newaxis], np.arange(32)
    wave = 0.01 * np.sin(radii / 3 + frames / 4)
    wavy = X[:1] + np.broadcast_to(wave, (30, 8, 32)).reshape(1, -1)
    estimator = MeasuredStartFRAP(TOLD).fit(X)
    clean, spoilt = (estimator.measure(one)[0] for one in (X[:1], wavy))
    assert clean.standard_error < 2 * clean.best.standard_error
    assert spoilt.standard_error > 1.5 * spoilt.best.standard_error
    lower, upper = estimator.predict_interval(wavy)[0, 0]
    assert lower < spoilt.best.log_D < upper


def test_nothing_bleached_gives_no_D(rings):
    blank = 0.8 + 0.03 * np.random.default_rng(4).standard_normal((1, TOLD.n_frames, 64, 64))
    X = rings.transform(blank)
    estimates = MeasuredStartFRAP(TOLD).fit(X).estimate(X)
    assert np.isnan(estimates.D_um2_s[0])
    assert estimates.poorly_determined[0]


def test_a_patch_as_wide_as_the_field_gives_no_D(rings, X):
    means = X[:1].reshape(30, 8, -1).copy()
    means[:, :, 8:] = np.nan
    estimates = MeasuredStartFRAP(TOLD).fit(X).estimate(means.reshape(1, -1))
    assert not estimates.usable[0]


# Conventions


def test_it_is_an_estimator_in_a_pipeline(tmp_path, X):
    pipeline = make_pipeline(RingExtractor(TOLD), MeasuredStartFRAP(TOLD)).fit(stacks())
    expected = pipeline.predict(stacks())
    assert expected.shape == (1, 1)
    save(pipeline, tmp_path / "pipeline.npz")
    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    for again in (
        load(tmp_path / "pipeline.npz"),
        joblib.load(tmp_path / "pipeline.joblib"),
        clone(pipeline).fit(stacks()),
    ):
        np.testing.assert_allclose(again.predict(stacks()), expected, atol=1e-6)
    assert MeasuredStartFRAP(TOLD).fit(X, np.zeros(3) + expected[0, 0]).predict(X).shape == (3,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bounds": (3.0, 1.0)}, "bounds"),
        ({"readings": ("all",)}, "readings"),
        ({"readings": ()}, "readings"),
        ({"errors": "bootstrap"}, "errors"),
        ({"frame_levels": "free"}, "frame_levels"),
        ({"protocol": "paper"}, "protocol"),
    ],
)
def test_arguments_that_cannot_be_are_refused(X, change, words):
    with pytest.raises(ValueError, match=words):
        MeasuredStartFRAP(**({"protocol": TOLD} | change)).fit(X)


def test_curves_are_no_rings():
    with pytest.raises(ValueError, match="RingExtractor"):
        MeasuredStartFRAP(TOLD).fit(np.ones((2, TOLD.n_frames)))


def test_a_centre_outside_of_the_field_is_refused():
    with pytest.raises(ValueError, match="center"):
        RingExtractor(TOLD, center=(40.0, 3.0)).fit_transform(stacks())


@pytest.mark.parametrize("where", [np.s_[4, :, 5], np.s_[4, 2, 9], np.s_[:]])
def test_rings_with_holes_are_refused_in_words(X, where):
    means = X[:2].reshape(2, 30, 8, -1).copy()
    means[1][where] = np.nan
    with pytest.raises(ValueError, match=r"NaN within the rings of row 1 .* 1 of 2 rows"):
        MeasuredStartFRAP(TOLD).fit(X).predict(means.reshape(2, -1))
