"""Estimates say where a curve asks for more than the model that was fitted, and what D is then."""

import numpy as np
import pytest
from scipy.stats import f as f_distribution
from scipy.stats import loguniform, uniform

from skfrap import BayesianFRAP, Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.judging._larger import FALSE_ALARMS, find_larger_models
from skfrap.judging._power import would_be_seen

PROTOCOL = FRAPProtocol(
    shape=(96, 96), pixel_size=0.5, bleach_region=Circle(5.0), n_prebleach=5, n_bleach=1,
    n_postbleach=60, frame_interval=0.5, padding=64,
)  # fmt: skip
TRUTH = {"D": 2.0, "c0": 0.6, "alpha": 0.4}
MOBILE = ("D", "c0", "alpha", "mobile_fraction")


def simulate(n, noise, **truth):
    a = (noise * 0.6) ** 2 / PROTOCOL.noise_gain
    return FRAPSimulator(PROTOCOL, TRUTH | {"a": a} | truth, random_state=5).sample(n).data


def test_the_false_alarm_rate_is_the_stated_one():
    assert sum(FALSE_ALARMS.values()) == pytest.approx(2e-4)


@pytest.mark.parametrize("noise", [0.02, 0.03, 0.04])
def test_an_immobile_part_is_found_as_often_as_by_fitting_both_models(noise):
    X = simulate(100, noise, mobile_fraction=0.7)
    small, large = (LeastSquaresFRAP(PROTOCOL, parameters=p).fit(X) for p in (None, MOBILE))
    estimates = small.estimate(X)
    squares = [one.fit_results(X).residual_sum_of_squares for one in (small, large)]
    F = (squares[0] - squares[1]) / squares[1] * (PROTOCOL.n_frames - 4)
    # One-sided at half the level.
    expected = f_distribution.sf(F, 1, PROTOCOL.n_frames - 4) < 2 * FALSE_ALARMS["mobile_fraction"]
    found = estimates.has_finding("larger_model_fits")
    assert (found >= expected).mean() > 0.98
    assert expected.mean() > 0.3
    # Where it is not found the estimate says that it could not be.
    assert estimates.has_finding("immobile_part_not_visible")[~found].all()
    assert not (found & estimates.usable).any()


def test_right_curves_are_left_alone():
    for noise in (0.003, 0.02):
        X = simulate(300, noise)
        estimates = LeastSquaresFRAP(PROTOCOL).fit(X).estimate(X)
        assert not estimates.has_finding("larger_model_fits").any()
        assert not estimates.has_finding("immobile_part_not_visible").any()


def test_the_words_say_what_D_would_be():
    X = simulate(20, 0.01, mobile_fraction=0.7)
    fit = LeastSquaresFRAP(PROTOCOL).fit(X)
    results = fit.fit_results(X)
    models, error = find_larger_models(results, fit.model_)
    exact = LeastSquaresFRAP(PROTOCOL, parameters=MOBILE).fit(X).estimate(X)
    D = np.array([one[0].values["D"] for one in models])
    np.testing.assert_allclose(D, exact.D_um2_s, rtol=1e-3)
    fraction = [one[0].values["mobile_fraction"] for one in models]
    np.testing.assert_allclose(fraction, exact.mobile_fraction, atol=1e-3)
    assert (error > 0).all()
    (finding,) = (one for one in fit.estimate(X).findings[0] if one.code == "larger_model_fits")
    assert f"D = {D[0]:.3g} µm²/s" in finding.words
    assert "mobile_fraction" in finding.subject


def test_fading_by_imaging_and_a_blurred_edge_are_found():
    X = simulate(20, 0.003, imaging_bleach=0.997)
    estimates = LeastSquaresFRAP(PROTOCOL).fit(X).estimate(X)
    subjects = {
        one.subject.split(",")[0] for some in estimates.findings for one in some
        if one.code == "larger_model_fits"
    }  # fmt: skip
    assert estimates.has_finding("larger_model_fits").all()
    assert subjects == {"imaging_bleach"}
    X = simulate(20, 0.001, bleach_blur=1.5)
    estimator = LeastSquaresFRAP(PROTOCOL).fit(X)
    found, _ = find_larger_models(estimator.fit_results(X), estimator.model_)
    # Nearly the blur: the time that it stands for is known to first order.
    blur = [one.values["bleach_blur"] for some in found for one in some if "blur" in one.name]
    assert len(blur) > 15
    assert 0.5 < np.median(blur) < 2.0


def test_what_is_known_is_not_asked():
    X = simulate(5, 0.01, mobile_fraction=0.7)
    known = {"mobile_fraction": 1.0, "imaging_bleach": 1.0, "bleach_blur": 0.0}
    estimates = LeastSquaresFRAP(PROTOCOL, fixed=known).fit(X).estimate(X)
    assert not estimates.has_finding("larger_model_fits").any()
    right = LeastSquaresFRAP(PROTOCOL, fixed={"mobile_fraction": 0.7}).fit(X).estimate(X)
    assert not right.has_finding("larger_model_fits").any()


@pytest.mark.parametrize(
    "estimator",
    [
        BayesianFRAP(PROTOCOL, {"D": loguniform(0.1, 100.0), "alpha": uniform(0.01, 0.9)}),
        LeastSquaresFRAP(PROTOCOL, loss="huber"),
        LeastSquaresFRAP(PROTOCOL, noise="proportional"),
        LeastSquaresFRAP(PROTOCOL, model="exponential"),
    ],
    ids=["posterior", "huber", "proportional", "closed form"],
)
def test_every_estimator_with_a_model_asks(estimator):
    X = np.concatenate([simulate(4, 0.01, mobile_fraction=0.7), simulate(4, 0.01)])
    found = estimator.fit(X).estimate(X).has_finding("larger_model_fits")
    assert found[:4].all()
    if estimator.get_params().get("model") == "diffusion":
        assert not found[4:].any()


def test_a_curve_is_judged_alike_alone_and_in_a_batch():
    X = simulate(30, 0.03, mobile_fraction=0.7)
    estimator = LeastSquaresFRAP(PROTOCOL).fit(X)
    together = estimator.estimate(X).has_finding("larger_model_fits")
    alone = [
        estimator.estimate(X[k : k + 1]).has_finding("larger_model_fits")[0] for k in range(30)
    ]
    assert together.tolist() == alone


# Few frames


@pytest.mark.parametrize(("n_postbleach", "parameters"), [(3, MOBILE), (3, None), (4, MOBILE)])
def test_the_true_reason_is_told_where_there_are_few_frames(n_postbleach, parameters):
    protocol = PROTOCOL.replace(n_prebleach=1, n_postbleach=n_postbleach)
    X = FRAPSimulator(protocol, TRUTH | {"a": 1e-4}, random_state=0).sample(5).data
    estimates = LeastSquaresFRAP(protocol, parameters=parameters).fit(X).estimate(X)
    assert not estimates.has_finding("no_bleaching_visible").any()
    few = estimates.has_finding("too_few_frames")
    assert (few | np.isfinite(estimates.D_um2_s)).all()
    assert few.mean() > 0.5
    assert f"{n_postbleach + 1} for" in estimates.flags[few][0]


def test_a_power_too_small_is_stated():
    assert not would_be_seen(8, 3, 2e-4)
    assert would_be_seen(30, 3, 2e-4)
    for n_postbleach, seen in ((7, False), (60, True)):
        protocol = PROTOCOL.replace(n_prebleach=1, n_postbleach=n_postbleach)
        X = FRAPSimulator(protocol, TRUTH | {"a": 1e-4}, random_state=0).sample(5).data
        estimates = LeastSquaresFRAP(protocol).fit(X).estimate(X)
        assert (estimates.has_finding("misfit_not_visible") != seen).all()
        assert not estimates.poorly_determined.any()


def test_the_stated_power_is_what_it_says():
    """At the fewest frames that are enough half of all misfits of twice the noise are seen."""
    n_frames = next(n for n in range(8, 40) if would_be_seen(n, 3, 2e-4))
    from skfrap.judging import goodness_of_fit

    random = np.random.default_rng(0)
    shares = []
    for n in (n_frames - 4, n_frames, n_frames + 6):
        # Tangents are the slowest waves, the misfit is the next one.
        waves = np.sin(np.pi * np.outer(np.arange(1, 5), np.arange(1, n + 1)) / (n + 1))
        noise = random.standard_normal((2000, n))
        misfit = waves[3] * 2 * np.sqrt(n / (waves[3] @ waves[3]))
        basis = waves[:3] / np.linalg.norm(waves[:3], axis=1, keepdims=True)
        left = noise + misfit - noise @ basis.T @ basis
        wrong = goodness_of_fit(
            left, np.zeros_like(left), 3, tangents=np.tile(basis, (2000, 1, 1)),
            false_alarm_rate=2e-4,
        ).visibly_wrong  # fmt: skip
        shares.append(wrong.mean())
    assert shares[0] < 0.3 < 0.45 < shares[1] < 0.8 < shares[2]
