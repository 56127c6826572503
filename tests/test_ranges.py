"""Curves of what lies beyond a prior, beyond bounds and beyond what a network has learnt."""

import numpy as np
import pytest
from scipy.stats import loguniform, uniform

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    NeuralFRAP,
    load_pretrained,
    persistence,
)
from skfrap.models import image_surrogate_for

PROTOCOL = FRAPProtocol()
OTHER = FRAPProtocol(
    shape=(96, 96),
    pixel_size=0.5,
    bleach_region=Circle(5.0),
    n_prebleach=5,
    n_bleach=1,
    n_postbleach=60,
    frame_interval=0.5,
    padding=64,
)
ALL = ("D", "c0", "alpha", "mobile_fraction")


def curves(protocol=PROTOCOL, n=20, seed=5, **prior):
    return FRAPSimulator(protocol, prior, random_state=seed).sample(n).data


def codes(estimates, severities=("unusable", "doubtful")):
    return [{one.code for one in row if one.severity in severities} for row in estimates.findings]


def subjects(estimates, code):
    return [{one.subject for one in row if one.code == code} for row in estimates.findings]


@pytest.fixture(scope="module")
def estimators():
    some = curves(n=2, D=20.0, c0=0.7, alpha=0.6, a=1e-3)
    return {"posterior": BayesianFRAP(PROTOCOL).fit(some), "network": load_pretrained()}


@pytest.mark.parametrize("name", ["posterior", "network"])
@pytest.mark.parametrize(
    "truth",
    [{"D": 20.0, "alpha": 0.4}, {"D": 20.0, "alpha": 0.98}, {"D": 0.5, "alpha": 0.6}],
    ids=str,
)
@pytest.mark.parametrize("a", [1e-3, 1e-2, 3e-2])
def test_no_wrong_number_passes_that_lies_beyond_a_prior(estimators, name, truth, a):
    X = curves(c0=0.7, a=a, **truth)
    estimates = estimators[name].estimate(X)
    wrong = (estimates.D_um2_s_upper < truth["D"]) | (estimates.D_um2_s_lower > truth["D"])
    assert wrong.all() or name == "network"  # which is less certain
    assert all(np.array([bool(one) for one in codes(estimates)])[wrong])


def test_a_posterior_says_which_parameter_it_may_not_have():
    X = curves(OTHER, D=2.0, c0=0.6, alpha=0.4, a=(0.02 * 0.6) ** 2 / OTHER.noise_gain)
    estimates = BayesianFRAP(OTHER).fit(X).estimate(X)
    assert np.median(estimates.D_um2_s_upper) < 1.8  # narrow, and wrong
    # Of one curve that is seldom more than curves of alpha = 0.45 do by chance.
    told = [subjects(estimates, code) for code in ("beyond_bounds", "end_not_excluded")]
    assert [one | other for one, other in zip(*told, strict=True)] == [{"alpha"}] * len(X)
    assert {"alpha"} in told[0]
    assert subjects(estimates, "noise_beyond_prior") == [{"a"}] * len(X)
    wider = BayesianFRAP(OTHER, {"alpha": uniform(0.1, 0.85), "a": loguniform(1e-3, 1.0)})
    estimates = wider.fit(X).estimate(X)
    assert not any(codes(estimates))
    assert np.mean((estimates.D_um2_s_lower < 2) & (estimates.D_um2_s_upper > 2)) > 0.8


def test_least_squares_within_bounds_says_so_too():
    X = curves(D=20.0, c0=0.7, alpha=0.6, a=3e-2)
    bounds = {"alpha": (0.63, 1.0)}
    estimates = LeastSquaresFRAP(PROTOCOL, bounds=bounds).fit(X).estimate(X)
    assert subjects(estimates, "beyond_bounds") == [{"alpha"}] * len(X)
    (words, *_) = [one.words for one in estimates.findings[0] if one.code == "beyond_bounds"]
    assert words == "the curve asks for alpha below 0.63, the end of its range"
    estimates = LeastSquaresFRAP(PROTOCOL).fit(X).estimate(X)
    assert subjects(estimates, "beyond_bounds") == [set()] * len(X)


def test_a_rate_that_may_be_beyond_the_range_is_noted(estimators):
    X = curves(D=3000.0, c0=0.7, alpha=0.6, a=3e-2)  # so noisy that 1000 would do
    for estimator in estimators.values():
        estimates = estimator.estimate(X)
        told = zip(
            subjects(estimates, "end_not_excluded"),
            subjects(estimates, "beyond_bounds"),
            strict=True,
        )
        assert [one | other for one, other in told] == [{"D"}] * len(X)


@pytest.mark.parametrize("name", ["posterior", "network", "all mobile", "immobile"])
def test_right_curves_of_the_prior_and_at_natural_ends_are_let_pass(estimators, name):
    """Particles all of which move are at the end of what a mobile fraction may be."""
    X = FRAPSimulator(PROTOCOL, random_state=7).sample(1500).data
    estimator = estimators.get(name)
    if estimator is None:
        parameters = ALL if name == "immobile" else None
        estimator = LeastSquaresFRAP(PROTOCOL, parameters=parameters).fit(X)
    found = subjects(estimator.estimate(X), "beyond_bounds")
    assert sum(map(bool, found)) <= 2


def test_nothing_is_judged_without_noise_or_frames_to_spare(estimators):
    X = curves(n=2, D=20.0, c0=0.7, alpha=0.6, a=1e-30)
    for estimator in (*estimators.values(), LeastSquaresFRAP(PROTOCOL).fit(X)):
        found = subjects(estimator.estimate(X), "beyond_bounds")
        assert found == [set()] * len(X)
    short = FRAPProtocol(n_prebleach=1, n_postbleach=2)
    X = curves(short, n=3, D=20.0, c0=0.7, alpha=0.6, a=1e-3)
    estimates = LeastSquaresFRAP(short).fit(X).estimate(X)
    assert all("too_few_frames" in one for one in codes(estimates))
    assert subjects(estimates, "beyond_bounds") == [set()] * len(X)


# Noise beyond what was learnt


def test_networks_say_so_where_noise_is_beyond_what_they_learnt(tmp_path):
    prior = {"D": loguniform(1, 30), "alpha": 0.5, "c0": 0.7, "a": loguniform(1e-3, 1e-1)}
    simulator = FRAPSimulator(OTHER, prior, random_state=0)
    small = {"hidden_layer_sizes": (8, 8), "batch_size": 256, "random_state": 0}
    online = NeuralFRAP(**small).fit_online(simulator, 16 * 256)
    drawn = simulator.sample(2048)
    labelled = NeuralFRAP(OTHER, **small, bounds={"D": (1.0, 30.0)}, max_iter=2)
    labelled.fit(drawn.data, drawn.target)
    persistence.save(online, tmp_path / "network.skfrap", for_prediction=True)
    copy = persistence.load(tmp_path / "network.skfrap")
    for network, prior in (
        (load_pretrained(), {}),
        (copy, simulator.prior),
        (labelled, simulator.prior),
    ):
        protocol = network.protocol_
        most = 0.01 if not prior else 0.1
        right = FRAPSimulator(protocol, prior, random_state=7).sample(500).data
        assert not network.estimate(right).has_finding("noise_beyond_prior").any()
        for times in (10, 100):
            X = FRAPSimulator(protocol, prior | {"a": times * most}, random_state=7).sample(50).data
            estimates = network.estimate(X)
            assert estimates.has_finding("noise_beyond_prior").all()
    words = [one.words for one in estimates.findings[0] if one.code == "noise_beyond_prior"]
    assert words == [
        "the curve is noisier than what the network has learnt: intervals may be too narrow"
    ]


# Of image series

SMALL = FRAPProtocol(
    shape=(48, 48), pixel_size=1.0, bleach_region=Circle(6.0), n_prebleach=5, n_bleach=2,
    n_postbleach=12, frame_interval=0.4, padding=16,
)  # fmt: skip
OF_SMALL = {
    "D": loguniform(2.0, 200.0), "alpha": uniform(0.45, 0.5), "c0": uniform(0.5, 0.5),
    "a": loguniform(1e-4, 1e-2),
}  # fmt: skip


@pytest.fixture(scope="module", params=[False, True], ids=["steady", "free levels"])
def images(request):
    """Scores of a prior's series, and estimators within the prior's ends."""
    surrogate = image_surrogate_for(
        SMALL, frame_levels=request.param, flat_field=None, window="field",
        ranges={"D": (0.2, 2000.0)},
    )  # fmt: skip

    def scores(n, **values):
        simulator = FRAPSimulator(SMALL, OF_SMALL | values, random_state=4)
        return simulator.sample_scores(n, surrogate).data

    bounds = {name: OF_SMALL[name].support() for name in ("D", "c0", "alpha")}
    some = scores(2)
    fitted = (
        BayesianFRAP(SMALL, OF_SMALL).fit(some),
        LeastSquaresFRAP(SMALL, bounds=bounds).fit(some),
    )
    return scores, fitted


def test_image_series_say_which_parameter_they_may_not_have(images):
    scores, fitted = images
    for name, value, end in (("alpha", 0.2, "below 0.45"), ("c0", 1.2, "above 1")):
        X = scores(10, **{"D": 20.0, "alpha": 0.6, "c0": 0.7, "a": 1e-3, name: value})
        for estimator in fitted:
            estimates = estimator.estimate(X)
            assert subjects(estimates, "beyond_bounds") == [{name}] * len(X)
            words = {one.words for row in estimates.findings for one in row}
            assert f"the image series asks for {name} {end}, the end of its range" in words
            assert subjects(estimates, "no_bleaching_visible") == [set()] * len(X)
    X = scores(10, D=1.0, alpha=0.6, c0=0.7, a=1e-3)
    for estimator, code in zip(fitted, ("beyond_bounds", "at_lower_bound"), strict=True):
        assert subjects(estimator.estimate(X), code) == [{"D"}] * len(X)


def test_right_image_series_are_let_pass(images):
    scores, fitted = images
    X = scores(120)
    for estimator in fitted:
        estimates = estimator.estimate(X)
        assert sum(map(bool, subjects(estimates, "beyond_bounds"))) <= 1
        assert sum(map(bool, codes(estimates))) < 20  # most are told nothing at all


def test_a_right_value_just_within_a_bound_is_seldom_told(images):
    """At a bound that is no end of what makes sense chance has one in 200."""
    scores, _ = images
    X = scores(400, D=20.0, alpha=0.6, c0=0.7, a=1e-3)
    estimates = LeastSquaresFRAP(SMALL, bounds={"alpha": (0.6, 1.0)}).fit(X).estimate(X)
    assert sum(map(bool, subjects(estimates, "beyond_bounds"))) <= 7
