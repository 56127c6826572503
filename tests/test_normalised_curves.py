"""Curves that are normalised, spoilt or in another unit: recognised, or refused in words."""

import numpy as np
import pytest

from skfrap import BayesianFRAP, Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP
from skfrap.metrics import weighted_mean_squared_error
from skfrap.models import DiffusionModel
from skfrap.preprocessing import (
    BackgroundSubtractor,
    FlatFieldCorrector,
    IntensityRescaler,
    RecoveryCurveExtractor,
)

PROTOCOL = FRAPProtocol(
    shape=(64, 64), pixel_size=0.5, bleach_region=Circle(5.0), n_prebleach=5, n_bleach=1,
    n_postbleach=60, frame_interval=0.5, padding=32,
)  # fmt: skip
TRUTH = {"D": 2.0, "c0": 0.6, "alpha": 0.5}


def simulate(n, noise=0.02, **truth):
    a = (noise * 0.6) ** 2 / PROTOCOL.noise_gain
    return FRAPSimulator(PROTOCOL, TRUTH | {"a": a} | truth, random_state=3).sample(n).data


@pytest.fixture(scope="module")
def network():
    simulator = FRAPSimulator(PROTOCOL, random_state=0)
    X, y = simulator.sample(300, return_X_y=True)
    options = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}
    return {
        kind: NeuralFRAP(PROTOCOL, features=kind, **options).fit(X, y)
        for kind in ("linearized", "raw")
    }


def subtract_first(X):
    return (X - X[:, 5:6]) / (X[:, :5].mean(axis=1, keepdims=True) - X[:, 5:6])


def subtract_least(X):
    return 100 * (X - X.min(axis=1, keepdims=True))


@pytest.mark.parametrize("normalise", [subtract_first, subtract_least])
@pytest.mark.parametrize("noise", [0.005, 0.04])
def test_full_scale_curves_are_flagged(normalise, noise):
    for mobile, parameters in ((1.0, None), (0.7, ("D", "c0", "alpha", "mobile_fraction"))):
        X = normalise(simulate(50, noise, mobile_fraction=mobile))
        estimates = LeastSquaresFRAP(PROTOCOL, parameters=parameters).fit(X).estimate(X)
        assert estimates.has_finding("zero_after_bleaching").all()
        assert not estimates.usable.any()


def test_without_an_exact_zero_alpha_at_0_tells():
    X = simulate(50, 0.01)
    X = X - X[:, 5:8].mean(axis=1, keepdims=True)
    estimates = LeastSquaresFRAP(PROTOCOL).fit(X).estimate(X)
    assert estimates.has_finding("nothing_left_by_bleaching", "alpha").mean() > 0.95
    right = LeastSquaresFRAP(PROTOCOL).fit(X).estimate(simulate(50, 0.01))
    assert not right.has_finding("nothing_left_by_bleaching").any()


def test_least_squares_takes_any_unit():
    X = simulate(10)
    reference = LeastSquaresFRAP(PROTOCOL).fit(X).estimate(X)
    for factor in (100.0, 65535.0, 1 / 0.6):
        estimates = LeastSquaresFRAP(PROTOCOL).fit(X).estimate(factor * X)
        np.testing.assert_allclose(estimates.D_um2_s, reference.D_um2_s, rtol=1e-6)
        assert estimates.flags.tolist() == reference.flags.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("factor", [100.0, 4095.0, 65535.0, 1e-3, -1.0])
def test_what_has_a_prior_of_c0_refuses_other_units(factor, network):
    X = simulate(3)
    estimator = BayesianFRAP(PROTOCOL).fit(X)
    for call in (
        estimator.predict, estimator.predict_interval, estimator.estimate,
        estimator.sample_posterior, estimator.fit_results,
        network["linearized"].predict, network["linearized"].estimate, network["raw"].predict,
    ):  # fmt: skip
        if factor == 1e-3 and getattr(call, "__self__", None) is network["raw"]:
            continue  # dim, and not unlike what it was trained on by much
        with pytest.raises(ValueError, match="rescale the intensities"):
            call(factor * X)
    if factor == 100:
        with pytest.raises(ValueError, match="in percent"):
            estimator.predict(factor * X)
    assert np.isfinite(estimator.predict(X)).all()


@pytest.mark.parametrize("spike", [3.0, 100.0, 1e9])
def test_ends_are_in_order_whatever_a_frame_holds(spike):
    X = simulate(4)
    estimator = BayesianFRAP(PROTOCOL).fit(X)
    X[:, 30] = spike
    if spike > 1e3:
        with pytest.raises(ValueError, match="frame 30"):
            estimator.predict_interval(X)
        return
    ends = estimator.predict_interval(X)
    assert (ends[..., 0] <= ends[..., 1]).all()
    assert np.isfinite(ends).all()
    assert estimator.estimate(X).has_finding("frame_does_not_fit", "30").all()
    # Its own words, not that there is no bleaching.
    assert not estimator.estimate(X).has_finding("no_bleaching_visible").any()


@pytest.mark.parametrize("value", [1e300, -1e155, 1e-300])
def test_numbers_that_cannot_be_squared_are_refused_everywhere(value, network):
    X = np.tile(value, (2, PROTOCOL.n_frames))
    for estimator in (LeastSquaresFRAP(PROTOCOL), BayesianFRAP(PROTOCOL)):
        with pytest.raises(ValueError, match="X "):
            estimator.fit(X)
    with pytest.raises(ValueError, match="X "):
        network["linearized"].predict(X)
    if abs(value) > 1:
        with pytest.raises(ValueError, match="D must"):
            DiffusionModel(PROTOCOL).curves(D=value, c0=0.5, alpha=0.5)


def test_weights_of_zero_are_refused():
    with pytest.raises(ValueError, match="sample_weight must be positive"):
        weighted_mean_squared_error(np.ones((3, 2)), np.ones((3, 2)), np.zeros(3))


@pytest.mark.parametrize("corrector", [BackgroundSubtractor, FlatFieldCorrector])
def test_stacks_of_half_precision_are_computed_in_single(corrector):
    truth = TRUTH | {"a": 1e-4}
    stacks = FRAPSimulator(PROTOCOL, truth, random_state=0).sample_images(1).data
    curves = []
    for dtype in (np.float64, np.float16):
        given = stacks.astype(np.float16).astype(dtype)
        rescaled = IntensityRescaler().fit_transform(given)
        corrected = corrector(protocol=PROTOCOL).fit_transform(rescaled)
        curves.append(RecoveryCurveExtractor(PROTOCOL).fit_transform(corrected))
    assert corrected.dtype == np.float32
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-5)
