"""Every model through the same estimator and simulator, with any parameters free."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.stats import loguniform, uniform

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    Mask,
    NeuralFRAP,
)
from skfrap.judging import judge_fits
from skfrap.models import (
    MODELS,
    CurveModel,
    DiffusionModel,
    DirectCurves,
    GaussianBeamModel,
    broadcast_parameters,
    effective_diffusion,
    evaluator_of,
    model_for,
    surrogate_for,
)
from skfrap.parameters import PARAMETERS, Parameter, define

SMALL = FRAPProtocol(
    shape=(48, 48),
    pixel_size=1.0,
    bleach_region=Circle(6.0),
    n_prebleach=5,
    n_bleach=2,
    n_postbleach=60,
    frame_interval=0.2,
    padding=24,
)
LOW_NOISE = 1e-5

# Model, what is free, what it is, what is fixed.
CASES = [
    ("diffusion", {"D": 5.0, "c0": 0.8, "alpha": 0.6}, {"imaging_blur": 0.7}),
    ("diffusion", {"D": 5.0, "c0": 0.8, "alpha": 0.6, "imaging_bleach": 0.995}, {}),
    ("diffusion", {"D": 2.0, "c0": 0.8, "alpha": 0.5, "bleach_blur": 1.2}, {}),
    ("diffusion", {"D": 5.0, "c0": 0.8, "alpha": 0.6, "mobile_fraction": 0.7}, {}),
    ("diffusion", {"c0": 0.8, "mobile_fraction": 0.7}, {"D": 5.0, "alpha": 0.5}),
    ("binding", {"D": 60.0, "k_on": 1.5, "k_off": 0.4, "c0": 0.8, "alpha": 0.5}, {}),
    ("binding", {"k_on": 1.5, "k_off": 0.4, "c0": 0.8, "alpha": 0.5}, {"D": 60.0}),
    ("binding", {"D": 60.0, "c0": 0.8, "alpha": 0.5}, {"k_on": 0.0, "k_off": 1.0}),
    ("soumpasis", {"D": 5.0, "c0": 0.8, "alpha": 0.6, "mobile_fraction": 0.7}, {}),
    ("gaussian_beam", {"D": 5.0, "c0": 0.8, "alpha": 0.6}, {"mobile_fraction": 0.9}),
    ("exponential", {"half_time": 1.5, "c0": 0.8, "alpha": 0.6}, {}),
    (
        "exponential",
        {
            "half_time": 0.8,
            "c0": 0.8,
            "alpha": 0.4,
            "half_time_ratio": 6.0,
            "second_fraction": 0.4,
        },
        {},
    ),
    ("reaction", {"k_on": 0.5, "k_off": 0.4, "c0": 0.8}, {"alpha": 0.6}),
]
ids = [f"{name}: {', '.join(free)}" for name, free, _ in CASES]


_AWAY = np.hypot(*(np.mgrid[:48, :48] - 23.5))
GRADED, EVEN = (
    FRAPProtocol(
        shape=(48, 48),
        pixel_size=1.0,
        bleach_region=Mask(array),
        n_prebleach=40,
        n_bleach=1,
        n_postbleach=80,
        frame_interval=0.5,
        padding=24,
    )
    for array in (np.clip(1 - _AWAY / 14, 0, 1), _AWAY < 9)
)


def targets(values):
    return np.array([PARAMETERS[name].to_target(value) for name, value in values.items()])


@pytest.mark.parametrize(("name", "free", "fixed"), CASES, ids=ids)
@pytest.mark.slow
def test_noise_free_curves_give_their_parameters(name, free, fixed):
    curve = MODELS[name](SMALL).curves(**free, **fixed)
    # Within all that a protocol resolves binding takes long to prepare.
    rates = [key for key in ("D", "k_on", "k_off") if key in free] if name == "binding" else []
    bounds = {key: (free[key] / 4, 4 * free[key]) for key in rates}
    estimator = LeastSquaresFRAP(
        SMALL, bounds or None, model=name, parameters=tuple(free), fixed=fixed
    )
    estimator.fit(np.tile(curve, (5, 1)))
    assert_allclose(estimator.predict(curve)[0], targets(free), rtol=0, atol=2e-3)
    assert_allclose(estimator.fit_curves(curve), curve, rtol=0, atol=2e-6)
    estimates = estimator.estimate(curve)
    for parameter, value in (free | fixed).items():
        told = getattr(estimates, PARAMETERS[parameter].column)[0]
        assert told == pytest.approx(value, rel=1e-2)


@pytest.mark.parametrize(("name", "free", "fixed"), CASES, ids=ids)
@pytest.mark.slow
def test_simulator_and_estimator_share_one_vocabulary(name, free, fixed):
    prior = {key: loguniform(0.9 * value, 1.1 * value) for key, value in free.items()}
    prior = {k: uniform(0.9 * free[k], 0.1 * free[k]) if k in ("alpha", "imaging_bleach",
             "mobile_fraction") else prior[k] for k in prior}  # fmt: skip
    if 0 in fixed.values():
        pytest.skip("log10 of what is drawn is a target")
    simulator = FRAPSimulator(SMALL, prior | fixed | {"a": LOW_NOISE}, model=name, random_state=0)
    sample = simulator.sample(4)
    estimator = LeastSquaresFRAP(SMALL, model=name, parameters=tuple(free), fixed=fixed)
    names = estimator.fit(sample.data).target_names_
    assert {*names} <= {*simulator.target_names}
    clean = simulator.curves(sample.target)
    exact = MODELS[name](SMALL).curves(
        **{k: v for k, v in sample.parameters.items() if k not in ("a", "b")}
    )
    assert_allclose(clean, exact, rtol=0, atol=1e-6)
    noise = (sample.data - clean) / np.sqrt(LOW_NOISE * SMALL.noise_gain)
    assert 0.8 < noise.std() < 1.2
    again = simulator.sample(2, start=2).data
    assert_allclose(again, sample.data[2:], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "free", "fixed"),
    [CASES[0], CASES[3], CASES[9], CASES[10]],
    ids=[ids[0], ids[3], ids[9], ids[10]],
)
def test_intervals_cover_what_they_say(name, free, fixed):
    curve = MODELS[name](SMALL).curves(**free, **fixed)
    noise = np.random.default_rng(1).normal(size=(800, curve.shape[1]))
    X = curve + np.sqrt(1e-3 * SMALL.noise_gain) * noise
    estimator = LeastSquaresFRAP(SMALL, model=name, parameters=tuple(free), fixed=fixed).fit(X)
    theta, std = estimator.predict(X, return_std=True)
    z = (theta - targets(free)) / std
    assert np.abs(np.median(z, axis=0)).max() < 0.15
    intervals = estimator.predict_interval(X)
    inside = (intervals[..., 0] <= targets(free)) & (targets(free) <= intervals[..., 1])
    assert_allclose(inside.mean(axis=0), 0.95, atol=0.03)


@pytest.mark.slow
def test_interpolation_and_direct_evaluation_find_the_same():
    free = {"D": loguniform(1.0, 50.0), "imaging_bleach": uniform(0.99, 0.01), "a": 1e-4}
    sample = FRAPSimulator(SMALL, free, random_state=0).sample(3)
    parameters = ("D", "c0", "alpha", "imaging_bleach")
    interpolated, direct = (
        LeastSquaresFRAP(SMALL, parameters=parameters, interpolate=choice).fit(sample.data)
        for choice in (True, False)
    )
    assert interpolated.surrogate_ is not None
    assert direct.surrogate_ is None
    assert LeastSquaresFRAP(SMALL, parameters=parameters).fit(sample.data).surrogate_ is None
    many = np.tile(sample.data, (2, 1))
    assert LeastSquaresFRAP(SMALL, parameters=parameters).fit(many).surrogate_ is not None
    theta, std = direct.predict(sample.data, return_std=True)
    assert (np.abs(interpolated.predict(sample.data) - theta) < 0.01 * std).all()


@pytest.mark.slow
def test_binding_that_is_not_determined_says_so_and_gives_the_effective_diffusion():
    # Exchange a hundred times faster than recovery: only D_effective is left to see.
    truth = {"D": 40.0, "k_on": 30.0, "k_off": 10.0}
    prior = truth | {"a": 1e-4, "c0": 0.8, "alpha": 0.5}
    sample = FRAPSimulator(SMALL, prior, model="binding", random_state=3).sample(6)
    bounds = {"D": (10, 200), "k_on": (0.5, 200), "k_off": (0.5, 200)}
    estimator = LeastSquaresFRAP(SMALL, bounds, model="binding").fit(sample.data)
    estimates = estimator.estimate(sample.data)
    assert estimates.poorly_determined.all()
    D_effective = effective_diffusion(**truth)
    inside = (estimates.D_effective_um2_s_lower < D_effective) & (
        estimates.D_effective_um2_s_upper > D_effective
    )
    assert inside.mean() > 0.75
    narrow = estimates.D_effective_um2_s_upper / estimates.D_effective_um2_s_lower < 1.5
    unsure = np.array(["use D_effective" in flag for flag in estimates.flags])
    at_bound = np.array([bool(names) for names in estimates.at_bound])
    assert (unsure | at_bound).all()
    assert narrow[~at_bound].all()
    # Twice as much of both rates is the same curve, nearly.
    rates = np.log10(estimates.k_on_per_s_upper / estimates.k_on_per_s_lower)
    assert np.median(rates) > 1


@pytest.mark.slow
def test_binding_with_known_diffusion_leads_to_no_other_optimum():
    # Fast exchange looks like slow diffusion, which slow exchange imitates from afar.
    protocol = FRAPProtocol(
        shape=(48, 48),
        pixel_size=0.5,
        bleach_region=Circle(3.0),
        n_prebleach=10,
        n_bleach=1,
        n_postbleach=80,
        frame_interval=0.5,
        padding=16,
    )
    rates = loguniform(0.01, 20.0)
    prior = {"D": 10.0, "c0": 0.8, "alpha": 0.6, "k_on": rates, "k_off": rates, "a": 3e-4}
    sample = FRAPSimulator(protocol, prior, model="binding", random_state=0).sample(300)
    fitted = LeastSquaresFRAP(protocol, model="binding", fixed={"D": 10.0}).fit(sample.data)
    truth = np.column_stack(
        [
            np.log10(sample.parameters[name]) if name.startswith("k_") else sample.parameters[name]
            for name in ("k_on", "k_off", "c0", "alpha")
        ]
    )
    of_truth = np.sum((fitted.fitted_curves(truth) - sample.data) ** 2, axis=1)
    found = fitted.estimate(sample.data).residual_sum_of_squares
    assert np.all(found <= of_truth * (1 + 1e-6))


def test_what_a_curve_cannot_tell_apart_has_no_standard_error():
    # Bound fraction and bleach depth scale a reaction-limited recovery alike.
    curve = MODELS["reaction"](SMALL).curves(k_on=0.5, k_off=0.4, c0=0.8, alpha=0.6)
    noise = np.random.default_rng(0).normal(size=(3, curve.shape[1]))
    estimator = LeastSquaresFRAP(SMALL, model="reaction").fit(curve)
    theta, std = estimator.predict(curve + 1e-4 * noise, return_std=True)
    names = estimator.target_names_
    assert np.isinf(std[:, [names.index("log10_k_on"), names.index("alpha")]]).all()
    k_off = names.index("log10_k_off")
    assert (std[:, k_off] < 0.01).all()
    assert (np.abs(theta[:, k_off] - np.log10(0.4)) < 4 * std[:, k_off]).all()


# Noise


@pytest.mark.parametrize("protocol", [SMALL, GRADED], ids=["circle", "graded"])
@pytest.mark.slow
def test_proportional_noise_is_maximum_likelihood(protocol):
    gain = protocol.noise_gain
    prior = {"D": 5.0, "c0": 0.9, "alpha": 0.3, "a": 1e-4, "b": 5e-3}
    X = FRAPSimulator(protocol, prior, noise="proportional", random_state=0).sample(2).data
    given = {"a": 1e-4, "b": 5e-3}
    model, by_squares = (model_for(protocol, weights=weights) for weights in ("mean", "noise"))
    for fixed in ({}, given, {"a": 1e-4}):
        estimator = LeastSquaresFRAP(protocol, noise="proportional", fixed=fixed).fit(X)
        theta = estimator.predict(X)
        estimates = estimator.estimate(X)
        for k, curve in enumerate(X):

            def minus_log_likelihood(phi, curve=curve, fixed=fixed):
                c = model.curves(10 ** phi[0], phi[1], phi[2])[0]
                light = by_squares.curves(10 ** phi[0], phi[1], phi[2])[0]
                noise = dict(
                    zip([n for n in ("a", "b") if n not in fixed], 10 ** phi[3:], strict=True)
                )
                noise |= fixed
                variance = gain * (noise["a"] + noise["b"] * light)
                return 0.5 * np.sum((curve - c) ** 2 / variance + np.log(variance))

            # Told are variances without the likelihood's bias.
            bias = 1 - 3 / len(curve)
            noise = [bias * estimates.noise_a[k], bias * estimates.noise_b[k]]
            free = [n for n, name in enumerate("ab") if name not in fixed]
            ours = np.append(theta[k], np.log10([noise[n] for n in free]))
            found = minus_log_likelihood(ours)
            best = minimize(
                minus_log_likelihood, ours, method="Nelder-Mead", options={"xatol": 1e-8}
            )
            assert found < best.fun + 1e-5


@pytest.mark.parametrize("fixed", [{}, {"a": 1e-4, "b": 1e-2}], ids=["free", "given"])
@pytest.mark.slow
def test_proportional_noise_is_found_and_its_intervals_cover(fixed):
    prior = {"D": 5.0, "c0": 0.9, "alpha": 0.2, "a": 1e-4, "b": 1e-2}
    sample = FRAPSimulator(SMALL, prior, noise="proportional", random_state=1).sample(1500)
    estimator = LeastSquaresFRAP(SMALL, noise="proportional", fixed=fixed).fit(sample.data)
    intervals = estimator.predict_interval(sample.data)
    truth = sample.target
    inside = (intervals[..., 0] <= truth) & (truth <= intervals[..., 1])
    # Two more numbers are estimated than the intervals know of, from 65 frames.
    assert_allclose(inside.mean(axis=0), 0.95, atol=0.025)
    estimates = estimator.estimate(sample.data)
    variance = estimates.noise_a + estimates.noise_b * 0.7
    assert np.median(variance) == pytest.approx(1e-4 + 1e-2 * 0.7, rel=0.05)
    constant = LeastSquaresFRAP(SMALL).fit(sample.data).predict(sample.data)
    ours = estimator.predict(sample.data)
    assert np.all(ours.std(axis=0) < constant.std(axis=0) * 1.02)
    assert ours[:, 0].std() < 0.97 * constant[:, 0].std()


def test_noise_of_a_graded_region_goes_by_squared_weights():
    a, b = 1e-6, 1e-2
    prior = {"D": 1.0, "c0": 1.0, "alpha": 0.05, "a": a, "b": b}
    sample = FRAPSimulator(GRADED, prior, noise="proportional", random_state=0).sample(600)
    X, n_frames = sample.data, GRADED.n_frames
    b_found = LeastSquaresFRAP(GRADED, noise="proportional", fixed={"a": a}).fit(X).estimate(X)
    # Each is a mean of some 117 squares; by the curve itself it would be 5 % too small.
    error = b * np.sqrt(2 / (n_frames - 3) / len(X))
    assert abs(b_found.noise_b.mean() - b) < 4 * error
    assert b_found.noise_b.std() == pytest.approx(error * np.sqrt(len(X)), rel=0.15)
    known = LeastSquaresFRAP(GRADED, noise="proportional", fixed={"a": a, "b": b}).fit(X)
    theta, std = known.predict(X, return_std=True)
    assert_allclose(theta.std(axis=0), std.mean(axis=0), rtol=0.1)
    ends = known.predict_interval(X)
    inside = (ends[..., 0] <= sample.target) & (sample.target <= ends[..., 1])
    assert_allclose(inside.mean(axis=0), 0.95, atol=0.03)
    judged = judge_fits(known, X, theta, noise_a=a, noise_b=b)
    assert abs(judged.reduced_chi_squared.mean() - 1) < 4 * error / b
    # Likewise by least squares, which does not fit the noise.
    plain = LeastSquaresFRAP(GRADED).fit(X)
    judged = judge_fits(plain, X, noise_a=a, noise_b=b)
    assert abs(judged.reduced_chi_squared.mean() - 1) < 0.03
    # The deviations that replicates are drawn with are those that curves were.
    clean = known.fitted_curves(sample.target[:1])
    drawn = (X - clean).std(axis=0)
    light = known.fitted_curves(sample.target[:1], weights="noise")[0]
    assert np.mean(drawn**2 / (GRADED.noise_gain * (a + b * light))) == pytest.approx(1, abs=0.02)
    assert clean.min() > 1.15 * light.min()


def test_light_of_a_graded_region_is_interpolated_and_computed_alike():
    prior = {"D": 2.0, "c0": 0.9, "alpha": 0.2, "a": 1e-4, "b": 5e-3}
    X = FRAPSimulator(GRADED, prior, noise="proportional", random_state=0).sample(3).data
    interpolated, direct = (
        LeastSquaresFRAP(GRADED, noise="proportional", interpolate=interpolate).fit(X)
        for interpolate in (True, False)
    )
    assert_allclose(interpolated.predict(X), direct.predict(X), rtol=1e-5)
    assert_allclose(interpolated.estimate(X).noise_b, direct.estimate(X).noise_b, rtol=1e-4)
    theta = interpolated.predict(X)
    lights = [e.fitted_curves(theta, weights="noise") for e in (interpolated, direct)]
    assert_allclose(*lights, atol=1e-7)
    with pytest.raises(ValueError, match=r"weights must be one of .*'noise'.*, got 'squares'"):
        direct.fitted_curves(theta, weights="squares")


@pytest.mark.parametrize(
    ("protocol", "model"), [(EVEN, "diffusion"), (GRADED, "soumpasis")], ids=["even", "closed form"]
)
def test_light_is_the_curve_where_weights_are_equal_or_pixels_unknown(protocol, model):
    prior = {"D": 2.0, "c0": 0.9, "alpha": 0.5, "a": 1e-4, "b": 5e-3}
    simulator = FRAPSimulator(protocol, prior, model=model, noise="proportional", random_state=0)
    X = simulator.sample(3).data
    estimator = LeastSquaresFRAP(protocol, model=model, noise="proportional").fit(X)
    theta = estimator.predict(X)
    light = estimator.fitted_curves(theta, weights="noise")
    np.testing.assert_array_equal(light, estimator.fitted_curves(theta))
    evaluator = (
        surrogate_for(protocol)
        if model == "diffusion"
        else DirectCurves(model_for(protocol, model))
    )
    assert evaluator_of("noise", evaluator, model) is evaluator  # nothing is prepared twice


@pytest.mark.parametrize("weights", ["mean", "noise"])
def test_every_estimator_knows_the_light_of_its_curves(weights):
    values = {"D": [2.0, 5.0], "c0": 0.9, "alpha": 0.5}
    theta = np.column_stack([np.log10(values["D"]), [0.9, 0.9], [0.5, 0.5]])
    simulator = FRAPSimulator(GRADED, random_state=0)
    sample = simulator.sample(40)
    network = NeuralFRAP(GRADED, hidden_layer_sizes=(4,), max_iter=1, random_state=0)
    expected = model_for(GRADED, weights=weights).curves(**values)
    for estimator in (
        LeastSquaresFRAP(GRADED).fit(sample.data),
        BayesianFRAP(GRADED).fit(sample.data),
        network.fit(sample.data, sample.target),
    ):
        assert_allclose(estimator.fitted_curves(theta, weights=weights), expected, atol=1e-4)


def test_units_of_intensity_do_not_matter_with_proportional_noise():
    prior = {"D": 5.0, "c0": 0.9, "alpha": 0.3, "a": 1e-4, "b": 5e-3}
    X = FRAPSimulator(SMALL, prior, noise="proportional", random_state=0).sample(5).data
    for fixed, scaled in (({}, {}), ({"a": 1e-4, "b": 5e-3}, {"a": 1e2, "b": 5.0})):
        estimators = [
            LeastSquaresFRAP(SMALL, noise="proportional", fixed=given).fit(X)
            for given in (fixed, scaled)
        ]
        ours, theirs = (e.estimate(size * X) for e, size in zip(estimators, (1, 1000), strict=True))
        assert_allclose(theirs.D_um2_s, ours.D_um2_s, rtol=1e-5)
        assert_allclose(theirs.c0_upper, 1000 * ours.c0_upper, rtol=1e-5)
        assert_allclose(theirs.noise_a, 1e6 * ours.noise_a, rtol=1e-3)
        assert_allclose(theirs.noise_b, 1e3 * ours.noise_b, rtol=1e-3)


def test_huber_loss_is_not_led_astray_by_spoilt_frames():
    prior = {"D": 5.0, "c0": 0.9, "alpha": 0.3, "a": 1e-4}
    sample = FRAPSimulator(SMALL, prior, random_state=0).sample(600)
    spoilt = sample.data.copy()
    spoilt[:, [2, 12, 40]] += np.array([0.1, -0.2, 0.3])
    estimators = {
        loss: LeastSquaresFRAP(SMALL, loss=loss).fit(sample.data) for loss in ("squared", "huber")
    }
    clean = {loss: e.predict(sample.data) for loss, e in estimators.items()}
    # On normal noise it costs 5 % of the information.
    ratio = clean["huber"].var(axis=0) / clean["squared"].var(axis=0)
    assert_allclose(ratio, 1.05, atol=0.05)
    theta, std = estimators["huber"].predict(spoilt, return_std=True)
    z = (theta - sample.target) / std
    assert np.abs(np.median(z, axis=0)).max() < 1.0
    astray = np.abs(estimators["squared"].predict(spoilt) - sample.target).mean(axis=0)
    assert np.all(np.abs(theta - sample.target).mean(axis=0) < 0.1 * astray)
    intervals = estimators["huber"].predict_interval(sample.data)
    inside = (intervals[..., 0] <= sample.target) & (sample.target <= intervals[..., 1])
    assert_allclose(inside.mean(axis=0), 0.95, atol=0.03)
    noise = estimators["huber"].estimate(spoilt).noise_a
    assert np.median(noise) == pytest.approx(1e-4, rel=0.15)


# Models of one's own


class _DriftModel(CurveModel, name="drift"):
    """Free diffusion in a sample that fades by a constant a second: what a user might write."""

    define(
        Parameter(
            "loss_rate", "1/s", "linear", 0.0, np.inf, "intensity lost per second", "instrument"
        )
    )

    def curves(self, D, c0, alpha, loss_rate):
        values = broadcast_parameters(D=D, c0=c0, alpha=alpha, loss_rate=loss_rate)
        rate = values.pop("loss_rate")[:, np.newaxis]
        since_start = self.protocol.times - self.protocol.times[0]
        return DiffusionModel(self.protocol).curves(**values) * (1 - rate * since_start)

    @property
    def bounds(self):
        return {"D": DiffusionModel(self.protocol).D_range, "loss_rate": (0.0, 0.05)}


@pytest.mark.parametrize(
    "model", ["drift", _DriftModel, _DriftModel(SMALL)], ids=["name", "class", "instance"]
)
def test_a_model_of_ones_own_takes_one_class(model):
    truth = {"D": 5.0, "c0": 0.8, "alpha": 0.4, "loss_rate": 0.01}
    sample = FRAPSimulator(SMALL, truth | {"a": 1e-5}, model=model, random_state=0).sample(3)
    assert sample.target_names == ["log10_D", "c0", "alpha", "loss_rate"]
    estimator = LeastSquaresFRAP(SMALL, model=model).fit(sample.data)
    theta, std = estimator.predict(sample.data, return_std=True)
    assert (np.abs(theta - sample.target) < 4 * std).all()
    assert estimator.estimate(sample.data).loss_rate_per_s.shape == (3,)


def test_models_with_options_are_given_as_instances():
    model = GaussianBeamModel(SMALL, width=4.0)
    curve = model.curves(D=5.0, c0=0.8, alpha=0.6)
    for given, expected in (
        (model, 5.0),
        ("gaussian_beam", 5.0 * (SMALL.equivalent_radius / 4) ** 2),
    ):
        estimator = LeastSquaresFRAP(SMALL, model=given).fit(curve)
        assert 10 ** estimator.predict(curve)[0, 0] == pytest.approx(expected, rel=1e-4)
    other = SMALL.replace(frame_interval=0.5)
    with pytest.raises(ValueError, match="another protocol"):
        LeastSquaresFRAP(other, model=model).fit(curve)


def test_derived_quantities_come_with_intervals():
    truth = {"half_time": 0.8, "half_time_ratio": 8.0, "second_fraction": 0.4}
    simulator = FRAPSimulator(
        SMALL,
        truth | {"c0": 0.9, "alpha": 0.3, "a": 1e-4},
        model="exponential",
        random_state=0,
    )
    X = simulator.sample(300).data
    parameters = ("half_time", "c0", "alpha", "half_time_ratio", "second_fraction")
    estimator = LeastSquaresFRAP(SMALL, model="exponential", parameters=parameters).fit(X)
    estimates = estimator.estimate(X)
    inside = (estimates.second_half_time_s_lower < 6.4) & (estimates.second_half_time_s_upper > 6.4)
    assert 0.92 < inside.mean() < 0.98
    assert "second_half_time" in estimates.summary()[0]
    assert not hasattr(
        LeastSquaresFRAP(SMALL, model="exponential").fit(X).estimate(X[:1]), "second_half_time_s"
    )


@pytest.mark.parametrize("name", [*MODELS])
def test_every_parameter_of_every_model_is_described(name):
    flash = SMALL.replace(n_bleach=1)  # some know no more
    model = model_for(flash, name) if name != "drift" else _DriftModel(flash)
    for parameter in model.defaults():
        assert PARAMETERS[parameter].meaning
    assert {*model.bounds} <= {*model.defaults()}
    for parameter, (lowest, highest) in model.bounds.items():
        assert PARAMETERS[parameter].lowest <= lowest < highest <= PARAMETERS[parameter].highest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "difusion"}, "model must be one of .*'diffusion'"),
        ({"model": 3}, "model must be one of"),
        ({"model": "soumpasis", "parameters": ("D", "c0", "alpha", "k_on")}, "some of"),
        ({"model": "binding", "parameters": ("D", "c0", "alpha")}, r"\['k_on', 'k_off'\] must"),
        ({"model": "soumpasis", "interpolate": True}, "interpolate must be False"),
        ({"interpolate": "maybe"}, "interpolate must be"),
        ({"noise": "poisson"}, "noise must be one of"),
        ({"loss": "cauchy"}, "loss must be one of"),
        ({"loss": "huber", "noise": "proportional"}, "choose one of the two"),
        ({"fixed": {"a": 1e-4}}, "fixed must hold"),
        ({"noise": "proportional", "fixed": {"b": -1.0}}, r"fixed\['b'\] must be a number"),
        ({"bounds": {"alpha": (0.5, 0.2)}}, r"bounds\['alpha'\] must be increasing"),
        ({"parameters": ("D", "c0", "alpha", "D")}, "each once"),
    ],
)
def test_wrong_choices_are_refused_in_words(options, message):
    X = DiffusionModel(SMALL).curves([5.0, 6.0], 0.8, 0.5)
    with pytest.raises(ValueError, match=message):
        LeastSquaresFRAP(SMALL, **options).fit(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "none"}, "model must be one of"),
        ({"prior": {"k_on": 1.0}}, "prior can be given for .*'imaging_bleach'.*got 'k_on'"),
        ({"prior": {"imaging_bleach": 1.2}}, "imaging_bleach"),
        ({"prior": {"bleach_blur": uniform(-1, 2)}}, "bleach_blur"),
    ],
)
def test_wrong_priors_are_refused_in_words(options, message):
    with pytest.raises(ValueError, match=message):
        FRAPSimulator(SMALL, **options)


def test_closed_forms_have_no_images_and_binding_has():
    with pytest.raises(ValueError, match="curves only"):
        FRAPSimulator(SMALL, model="exponential").sample_images(1)
    simulator = FRAPSimulator(SMALL, {"a": 1e-4}, model="binding", random_state=0)
    images = simulator.sample_images(1)
    assert images.target_names == ["log10_D", "log10_k_on", "log10_k_off", "c0", "alpha"]
    curve = np.sum(images.data[0] * SMALL.roi_weights, axis=(1, 2))
    assert_allclose(curve, simulator.curves(images.target)[0], atol=6e-2 * 1e-2 + 5e-3)


@pytest.mark.parametrize("name", ["binding", "exponential", "diffusion"])
def test_fits_of_every_kind_are_stored_and_brought_back(name):
    truth = {"diffusion": {"imaging_bleach": 0.99}}.get(name, {})
    sample = FRAPSimulator(SMALL, truth | {"a": 1e-5}, model=name, random_state=0).sample(5)
    # Within all that a protocol resolves binding takes long to prepare.
    bounds = {"D": (10, 100), "k_on": (0.3, 3), "k_off": (0.3, 3)} if name == "binding" else None
    estimator = LeastSquaresFRAP(SMALL, bounds, model=name, fixed=truth or None).fit(sample.data)
    expected = estimator.predict(sample.data[:2])
    stored = pickle.dumps(estimator)
    assert len(stored) < 3e6
    assert_allclose(pickle.loads(stored).predict(sample.data[:2]), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("interval", "D", "imaging_bleach"),
    [pytest.param(1.0, 300.0, 0.995, marks=pytest.mark.slow), (1.0, 100.0, 0.98)],
)
@pytest.mark.slow
def test_imaging_bleach_leads_to_no_other_optimum(interval, D, imaging_bleach):
    # The default experiment in pixels of twice the size.
    protocol = FRAPProtocol(shape=(128, 128), pixel_size=1.52, frame_interval=interval, padding=64)
    truth = {"D": D, "c0": 0.7, "alpha": 0.6, "imaging_bleach": imaging_bleach}
    X = FRAPSimulator(protocol, truth | {"a": 1e-3}, random_state=0).sample(50).data
    names = tuple(truth)
    start = [[np.log10(D), 0.7, 0.6, imaging_bleach]]
    found, from_truth = (
        LeastSquaresFRAP(protocol, parameters=names, init=init).fit(X) for init in ("grid", start)
    )
    np.testing.assert_allclose(
        found.estimate(X).residual_sum_of_squares,
        from_truth.estimate(X).residual_sum_of_squares,
        rtol=1e-6,
    )


def test_fits_of_parameters_that_go_together_converge():
    """Where D is large and half of the particles are immobile, steps are many and small."""
    prior = {"D": loguniform(1.0, 1000.0), "mobile_fraction": 0.5, "a": 1e-3}
    X = FRAPSimulator(prior=prior, random_state=0).sample(1000).data
    names = ("D", "c0", "alpha", "mobile_fraction")
    assert LeastSquaresFRAP(FRAPProtocol(), parameters=names).fit(X).fit_results(X).converged.all()
