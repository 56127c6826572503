"""Residuals tell a wrong model from a right one, with the stated rate of false alarms."""

from itertools import permutations
from math import comb

import numpy as np
import pytest
from scipy.stats import binomtest

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    load_pretrained,
)
from skfrap.judging import (
    find_misfits,
    goodness_of_fit,
    judge_fits,
    judge_pixels,
    prediction_deviations,
    tangents_of,
)
from skfrap.preprocessing import RecoveryCurveExtractor

PAPER = FRAPProtocol()

PROTOCOL = FRAPProtocol(
    shape=(64, 64),
    pixel_size=1.0,
    bleach_region=Circle(8.0),
    n_bleach=1,
    n_postbleach=50,
    frame_interval=0.5,
    padding=32,
)
TRUTH = {"D": 10.0, "c0": 0.8, "alpha": 0.3, "a": 1e-3}


def agrees(share, rate, n, level=1e-4):
    """Tell whether a share of n may come about by chance at a rate."""
    return binomtest(round(share * n), n, rate).pvalue > level


@pytest.fixture(scope="module", params=[1.0, 10.0, 200.0], ids=lambda D: f"D={D:g}")
def right_fits(request):
    """2000 curves of one setting, the estimator that fits them, and what it finds."""
    prior = TRUTH | {"D": request.param}
    X = FRAPSimulator(PROTOCOL, prior, random_state=1).sample(2000).data
    estimator = LeastSquaresFRAP(PROTOCOL).fit(X)
    return estimator, X, estimator.predict(X)


@pytest.mark.parametrize("rate", [0.01, 0.1])
@pytest.mark.parametrize("noise_known", [False, True])
@pytest.mark.slow
def test_right_model_is_called_wrong_as_often_as_stated(right_fits, rate, noise_known):
    estimator, X, theta = right_fits
    n = len(X)
    known = {"noise_a": TRUTH["a"]} if noise_known else {}
    fits = judge_fits(estimator, X, theta, false_alarm_rate=rate, **known)
    assert agrees(fits.visibly_wrong.mean(), rate, n)
    # Few runs are never announced too often.
    assert np.mean(fits.runs_p < rate) < 1.2 * rate + 0.005


@pytest.mark.parametrize("n_frames", [15, 110])
@pytest.mark.slow
def test_p_values_are_uniform_where_the_fit_is_linear(n_frames):
    rng = np.random.default_rng(0)
    n, n_free = 4000, 3
    tangents = rng.standard_normal((n_free, n_frames))
    noise = rng.standard_normal((n, n_frames))
    basis = np.linalg.qr(tangents.T)[0]
    residuals = noise - noise @ basis @ basis.T
    fits = goodness_of_fit(
        10 + residuals,
        np.full_like(noise, 10.0),
        n_free,
        noise_a=1.0,
        tangents=np.tile(tangents, (n, 1, 1)),
    )
    for p in (fits.autocorrelation_p, fits.chi_squared_p, fits.p_value, fits.normality_p):
        for level in (0.05, 0.5):
            assert abs(np.mean(p < level) - level) < 0.025
    assert abs(fits.reduced_chi_squared.mean() - 1) < 0.02
    assert abs(fits.noise_a.mean() - 1) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("noise_a", [None, 1.0])
@pytest.mark.parametrize("slow", [True, False])
def test_quick_verdict_is_the_verdict(noise_a, slow):
    rng = np.random.default_rng(0)
    n, n_frames, n_free = 2000, 40, 3
    waves = np.vander(np.linspace(-1, 1, n_frames), n_free).T
    tangents = waves if slow else rng.standard_normal((n_free, n_frames))
    tangents = np.tile(tangents, (n, 1, 1))
    X = 10 + rng.standard_normal((n, n_frames))
    X[::2] += np.sin(np.linspace(0, 9, n_frames))
    fitted = np.full_like(X, 10.0)
    for rate in (0.1, 1e-3):
        fits = goodness_of_fit(
            X, fitted, n_free, noise_a=noise_a, tangents=tangents, false_alarm_rate=rate
        )
        correlated, too_large = find_misfits(
            X,
            fitted,
            n_free,
            tangents.__getitem__,
            false_alarm_rate=rate,
            deviations=np.ones_like(X),
            noise_known=noise_a is not None,
        )
        np.testing.assert_array_equal(correlated | too_large, fits.visibly_wrong)
        assert 0 < fits.visibly_wrong.mean() < 1


def test_verdict_does_not_depend_on_the_units_of_parameters():
    X = FRAPSimulator(PROTOCOL, TRUTH, random_state=0).sample(50).data
    estimator = LeastSquaresFRAP(PROTOCOL).fit(X)
    theta = estimator.predict(X)
    given = X, estimator.fitted_curves(theta), 3
    tangents = tangents_of(estimator, theta)
    one = goodness_of_fit(*given, tangents=tangents)
    other = goodness_of_fit(*given, tangents=tangents * np.array([1e9, 1, 1e-9])[:, np.newaxis])
    np.testing.assert_allclose(other.p_value, one.p_value, rtol=1e-6)


def test_slow_tangents_are_taken_for_granted():
    rng = np.random.default_rng(0)
    n, n_frames, n_free = 5000, 60, 4
    basis = np.linalg.qr(np.vander(np.linspace(-1, 1, n_frames), n_free))[0]
    noise = rng.standard_normal((n, n_frames))
    residuals = noise - noise @ basis @ basis.T
    p = goodness_of_fit(10 + residuals, np.full_like(noise, 10.0), n_free).autocorrelation_p
    assert abs(np.mean(p < 0.05) - 0.05) < 0.015


def test_runs_are_counted_against_all_orders_of_the_signs():
    signs = (1, 1, 1, -1, -1, -1, -1)
    orders = np.array(sorted({*permutations(signs)}), dtype=float)
    assert len(orders) == comb(7, 3)
    runs = 1 + np.sum(orders[:, 1:] != orders[:, :-1], axis=1)
    fits = goodness_of_fit(orders, np.zeros_like(orders), 0)
    np.testing.assert_array_equal(fits.n_runs, runs)
    np.testing.assert_allclose(fits.runs_p, [np.mean(runs <= r) for r in runs])


def test_missing_mobile_fraction_is_seen():
    X = FRAPSimulator(PROTOCOL, TRUTH | {"mobile_fraction": 0.7}, random_state=0).sample(200).data
    wrong = judge_fits(LeastSquaresFRAP(PROTOCOL).fit(X), X)
    assert wrong.visibly_wrong.mean() > 0.9
    assert all("visibly wrong" in line for line in np.array(wrong.summary())[wrong.visibly_wrong])
    names = ("D", "c0", "alpha", "mobile_fraction")
    right = judge_fits(LeastSquaresFRAP(PROTOCOL, parameters=names).fit(X), X)
    assert right.visibly_wrong.mean() < 0.05
    assert abs(right.noise_a.mean() / TRUTH["a"] - 1) < 0.05


def test_known_noise_shows_what_correlation_does_not():
    rng = np.random.default_rng(0)
    X = 0.7 + 0.02 * rng.standard_normal((300, 80))
    fitted = np.full_like(X, 0.7)
    assert goodness_of_fit(X, fitted, 1).visibly_wrong.mean() < 0.05
    fits = goodness_of_fit(X, fitted, 1, noise_a=1e-4)
    assert fits.visibly_wrong.all()
    assert "times as much as the known noise" in fits.summary()[0]


def test_noise_that_grows_with_intensity_is_taken_as_such():
    rng = np.random.default_rng(0)
    light = np.tile(np.linspace(0.01, 1.0, 100), (2000, 1))
    X = light + np.sqrt(0.1 * (1e-5 + 1e-2 * light)) * rng.standard_normal(light.shape)
    fits = goodness_of_fit(X, light, 0, noise_gain=0.1, noise_a=1e-5, noise_b=1e-2)
    assert abs(fits.reduced_chi_squared.mean() - 1) < 0.02
    assert abs(np.mean(fits.normality_p < 0.05) - 0.05) < 0.02


def test_spoilt_frame_is_not_normal():
    X = FRAPSimulator(PROTOCOL, TRUTH, random_state=0).sample(5).data
    X[:, 40] += 0.05
    fits = judge_fits(LeastSquaresFRAP(PROTOCOL).fit(X), X)
    assert (fits.normality_p < 1e-4).all()
    assert "single frames" in fits.summary()[0]


def test_verdict_does_not_depend_on_the_unit_of_intensity():
    rng = np.random.default_rng(0)
    X = 0.5 + 0.01 * rng.standard_normal((20, 50))
    fitted = np.full_like(X, 0.5)
    one = goodness_of_fit(X, fitted, 2, noise_a=1e-4)
    other = goodness_of_fit(4095 * X, 4095 * fitted, 2, noise_a=4095**2 * 1e-4)
    for name in ("autocorrelation", "p_value", "runs_p", "normality_p", "reduced_chi_squared"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9)
    np.testing.assert_allclose(other.noise_a, 4095**2 * one.noise_a)


def test_curve_without_noise_is_not_judged():
    X = FRAPSimulator(PROTOCOL, TRUTH, noise="none").sample(2).data
    fits = judge_fits(LeastSquaresFRAP(PROTOCOL).fit(X), X)
    assert not fits.visibly_wrong.any()
    assert fits.summary() == ["nothing speaks against the model"] * 2


def test_tangents_are_derivatives_also_at_the_upper_bound():
    X = FRAPSimulator(PROTOCOL, TRUTH, random_state=0).sample(1).data
    estimator = LeastSquaresFRAP(PROTOCOL, parameters=("D", "c0", "alpha", "mobile_fraction"))
    estimator.fit(X)
    theta = np.array([[1.0, 0.8, 0.3, 1.0]])
    tangents = tangents_of(estimator, theta)
    # The curve is proportional to c0, and straight in the mobile fraction.
    curve = estimator.fitted_curves(theta)
    np.testing.assert_allclose(tangents[:, 1], curve / 0.8, atol=1e-8)
    still = estimator.fitted_curves(np.array([[1.0, 0.8, 0.3, 0.0]]))
    np.testing.assert_allclose(tangents[:, 3], curve - still, atol=1e-8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fitted": np.zeros((2, 9))}, "X and fitted must have one shape"),
        ({"n_free": 8}, "leave 2 residuals free"),
        ({"noise_a": 0.0}, "must make a positive variance"),
        ({"false_alarm_rate": 0.0}, "false_alarm_rate must lie between 0 and 1"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    given = {"X": np.ones((2, 10)), "fitted": np.zeros((2, 10)), "n_free": 2} | change
    with pytest.raises(ValueError, match=message):
        goodness_of_fit(**given)


def test_columns_have_a_row_per_curve():
    X = np.random.default_rng(0).standard_normal((3, 30))
    fits = goodness_of_fit(X, np.zeros_like(X), 1)
    columns = fits.to_dict()
    assert len(fits) == 3
    assert {len(column) for column in columns.values()} == {3}
    assert {"p_value", "visibly_wrong", "noise_a"} <= {*columns}


@pytest.mark.parametrize("kind", ["posterior", "network"])
@pytest.mark.slow
def test_other_estimators_are_judged_as_fits_are(kind):
    sample = FRAPSimulator(random_state=3).sample(2000)
    estimator = BayesianFRAP(PAPER).fit(sample.data) if kind == "posterior" else load_pretrained()
    right = judge_fits(estimator, sample.data, false_alarm_rate=0.05)
    assert 0.03 < right.visibly_wrong.mean() < 0.07
    wrong = FRAPSimulator(prior={"D": 10.0, "mobile_fraction": 0.9, "a": 1e-3}, random_state=3)
    assert judge_fits(estimator, wrong.sample(50).data).visibly_wrong.mean() > 0.9
    with pytest.raises(ValueError, match="theta must have the columns"):
        estimator.fitted_curves([[1.0, 0.5]])


def test_prediction_band_holds_new_measurements():
    prior = {"D": 40.0, "c0": 0.8, "alpha": 0.5, "a": 1e-2}
    simulator = FRAPSimulator(PROTOCOL, prior, random_state=0)
    X, new = simulator.sample(400).data, simulator.sample(400, start=1000).data
    estimator = LeastSquaresFRAP(PROTOCOL).fit(X)
    theta = estimator.predict(X)
    fitted = estimator.fitted_curves(theta)
    deviations = prediction_deviations(X, fitted, tangents_of(estimator, theta))
    inside = np.abs(new - fitted) < 1.96 * deviations
    assert 0.93 < inside.mean() < 0.96
    assert inside[:, PROTOCOL.n_prebleach :].mean(axis=0).min() > 0.88


@pytest.mark.parametrize("kind", [LeastSquaresFRAP, BayesianFRAP])
def test_pixels_tell_their_noise(kind):
    prior = {"D": 20.0, "c0": 0.8, "alpha": 0.6, "a": 2e-3}
    stacks = FRAPSimulator(PROTOCOL, prior, random_state=0).sample_images(1).data
    X = RecoveryCurveExtractor(PROTOCOL).fit_transform(stacks)
    estimator = kind(PROTOCOL).fit(X)
    theta = estimator.predict(X)[0]
    noise = judge_pixels(estimator, stacks[0], theta)
    n = stacks[0].size
    assert noise.variance == pytest.approx(2e-3, rel=5 * np.sqrt(2 / n))
    assert abs(noise.skewness) < 4 * np.sqrt(6 / n)
    assert abs(noise.excess_kurtosis) < 4 * np.sqrt(24 / n)
    assert noise.normality_p > 0.001
    spoilt = stacks[0] + np.where(np.random.default_rng(0).random(stacks[0].shape) < 0.02, 0.3, 0)
    assert judge_pixels(estimator, spoilt, theta).normality_p < 1e-6
    with pytest.raises(ValueError, match="stack must have the protocol's shape"):
        judge_pixels(estimator, stacks[0][1:], theta)
    if kind is LeastSquaresFRAP:
        closed_form = kind(PROTOCOL, model="soumpasis").fit(X)
        with pytest.raises(ValueError, match="must have a model that computes images"):
            judge_pixels(closed_form, stacks[0], closed_form.predict(X)[0])


def test_what_does_not_move_the_curve_widens_no_band():
    X, fitted = np.random.default_rng(0).normal(size=(1, 20)), np.zeros((1, 20))
    tangents = np.stack([np.ones(20), np.linspace(-1, 1, 20)])[np.newaxis]
    idle = np.concatenate([tangents, np.zeros((1, 1, 20))], axis=1)
    ratio = prediction_deviations(X, fitted, idle) / prediction_deviations(X, fitted, tangents)
    np.testing.assert_allclose(ratio, np.sqrt(18 / 17))  # it has cost a degree of freedom
