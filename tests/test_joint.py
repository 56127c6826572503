"""Joint fits: one D for the series of a group, all else each their own."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import kstest

from skfrap import Circle, FRAPProtocol, FRAPSimulator, JointFRAP, LeastSquaresFRAP
from skfrap.experiment import CurveSequence
from skfrap.persistence import load, save

PROTOCOL = FRAPProtocol(
    shape=(64, 64), bleach_region=Circle(8.0), n_prebleach=5, n_postbleach=40, padding=32
)
TRUTH = {"D": 8.0, "a": 3e-3}


def series(n, seed=0, protocol=PROTOCOL, **truth):
    return FRAPSimulator(protocol, TRUTH | truth, random_state=seed).sample(n).data


def joint(X, groups=None, **options):
    return JointFRAP(LeastSquaresFRAP(PROTOCOL), **options).fit(X, groups=groups)


def test_a_group_of_one_is_that_series_alone():
    X = series(6)
    alone = LeastSquaresFRAP(PROTOCOL).fit(X)
    fit = alone.fit_results(X)
    found = joint(X, np.arange(6))
    np.testing.assert_allclose(found.theta_, fit.theta, atol=1e-6)
    np.testing.assert_allclose(found.std_, fit.std, rtol=1e-5)
    ends = alone.predict_interval(X)[:, 0]
    np.testing.assert_allclose(np.log10(found.estimates_.lower["D"]), ends[:, 0], atol=1e-6)
    np.testing.assert_allclose(np.log10(found.estimates_.upper["D"]), ends[:, 1], atol=1e-6)
    assert np.isnan(found.estimates_.p_sharing).all()


@pytest.mark.parametrize("noise", [3e-3, 0.3])
def test_profiles_of_a_group_of_one_are_those_of_the_series(noise):
    X = series(4, a=noise)
    ends = LeastSquaresFRAP(PROTOCOL).fit(X).predict_interval(X)[:, 0]
    found = joint(X, np.arange(4)).estimates_
    np.testing.assert_allclose(np.log10(found.lower["D"]), ends[:, 0], atol=2e-4)
    np.testing.assert_allclose(np.log10(found.upper["D"]), ends[:, 1], atol=2e-4)


def test_twenty_series_have_the_error_of_twenty_pooled():
    n_groups, n = 150, 20
    X = series(n_groups * n)
    groups = np.repeat(np.arange(n_groups), n)
    found = joint(X, groups)
    errors = found.std_[::n, 0]
    pooled = LeastSquaresFRAP(PROTOCOL).fit(X).fit_results(X).std[:, 0].reshape(n_groups, n)
    np.testing.assert_allclose(errors, np.sum(pooled**-2.0, axis=1) ** -0.5, rtol=0.03)
    scores = (found.shared_[:, 0] - np.log10(TRUTH["D"])) / errors
    assert abs(np.std(scores) - 1) < 0.2
    assert kstest(scores, "norm").pvalue > 1e-3
    estimates = found.estimates_
    inside = (estimates.lower["D"] < TRUTH["D"]) & (TRUTH["D"] < estimates.upper["D"])
    assert 0.9 < inside.mean() < 0.99
    # Where sharing holds, its p-values are uniform.
    assert kstest(estimates.p_sharing, "uniform").pvalue > 1e-3


def test_the_likelihood_of_all_series_is_highest():
    """By brute force, over D and all parameters of three series with noise of different size."""
    X = np.concatenate([series(1, seed, a=a) for seed, a in enumerate((1e-3, 1e-2, 3e-2))])
    found = joint(X)
    estimator, freedom = found.estimator_, PROTOCOL.n_frames - 2 - 1 / 3

    def cost(phi):
        theta = np.column_stack([np.full(3, phi[0]), np.clip(phi[1:].reshape(3, 2), 0, 1)])
        return freedom * np.log(np.sum((estimator.curves(theta) - X) ** 2, axis=1)).sum()

    start = np.concatenate([found.theta_[:1, 0], found.theta_[:, 1:].ravel()])
    best = minimize(cost, start + 0.003, method="BFGS", options={"gtol": 1e-6}).x
    np.testing.assert_allclose(best[0], found.shared_[0, 0], atol=1e-5)
    assert cost(start) <= cost(best) + 1e-6


def test_series_that_differ_are_told():
    X = np.concatenate([series(5), series(5, seed=1, D=16.0)])
    estimates = joint(X).estimates_
    assert estimates.p_sharing[0] < 1e-6
    assert [one.code for one in estimates.findings[0]] == ["not_shared"]
    assert "differ in D" in estimates.summary()[0]


def test_counts_and_fractions_are_the_same():
    X = series(4)
    size = np.array([1.0, 10.0, 300.0, 4000.0])
    plain, counts = joint(X), joint(X * size[:, np.newaxis])
    np.testing.assert_allclose(counts.theta_[:, [0, 2]], plain.theta_[:, [0, 2]], atol=1e-6)
    np.testing.assert_allclose(counts.theta_[:, 1], size * plain.theta_[:, 1], rtol=1e-6)


def test_all_may_be_shared():
    truth = {"c0": 0.8, "alpha": 0.5}
    X = series(8, **truth)
    both = joint(X, shared=("D", "alpha"))
    everything = joint(X, shared=("D", "c0", "alpha"))
    assert np.ptp(both.theta_[:, [0, 2]], axis=0).max() == 0 < np.ptp(both.theta_[:, 1])
    mean = LeastSquaresFRAP(PROTOCOL).fit(X).predict(X.mean(axis=0, keepdims=True))
    errors = everything.std_[0]
    assert (np.abs(everything.shared_[0] - mean[0]) < errors).all()
    # What one parameter less has to be found from is known better.
    assert both.std_[:, 1].max() < joint(X).std_[:, 1].max()
    assert everything.std_[0, 1] < both.std_[:, 1].min()


def test_series_of_different_experiments_share_what_they_measure():
    slow = PROTOCOL.replace(frame_interval=0.6, n_postbleach=30)
    X, other = series(4), series(3, seed=1, protocol=slow)
    curves = CurveSequence([*X, *other], [PROTOCOL] * 4 + [slow] * 3)
    found = JointFRAP().fit(curves)
    both = [joint(X), JointFRAP(LeastSquaresFRAP(slow)).fit(other)]
    weights = np.array([one.std_[0, 0] ** -2 for one in both])
    mean = np.average([one.shared_[0, 0] for one in both], weights=weights)
    assert abs(found.shared_[0, 0] - mean) < 0.2 * found.std_[0, 0]
    np.testing.assert_allclose(found.std_[0, 0], weights.sum() ** -0.5, rtol=0.1)
    np.testing.assert_allclose(found.predict(curves), found.theta_, atol=1e-7)


def test_groups_may_be_a_column():
    pandas = pytest.importorskip("pandas")
    X = series(6)
    cells = ["b", "a"] * 3
    table = pandas.DataFrame(X, columns=PROTOCOL.feature_names).assign(cell=cells)
    found, plain = joint(table, "cell"), joint(X, cells)
    assert found.groups_ == plain.groups_ == ("b", "a")
    np.testing.assert_allclose(found.theta_, plain.theta_, atol=1e-9)
    np.testing.assert_allclose(found.predict(table, "cell"), plain.theta_, atol=1e-7)
    assert found.estimates_.to_frame().group.tolist() == ["b", "a"]


def test_lost_frames_count_for_nothing():
    X = series(4)
    X[1, 20] = np.nan
    options = {"missing": "omit"}
    found = JointFRAP(LeastSquaresFRAP(PROTOCOL, **options)).fit(X)
    whole = joint(series(4))
    assert 0 < abs(found.shared_[0, 0] - whole.shared_[0, 0]) < whole.std_[0, 0]


def test_a_series_without_light_counts_for_nothing():
    X = series(4)
    dark = np.vstack([X, np.zeros_like(X[:1])])
    for end in ("lower", "upper"):
        with_it, without = (getattr(joint(some).estimates_, end)["D"] for some in (dark, X))
        np.testing.assert_allclose(with_it, without, rtol=1e-3)


def test_estimates_stay_within_bounds():
    bounded = LeastSquaresFRAP(PROTOCOL, {"D": (1.0, 7.5), "alpha": (0.0, 0.4)})
    found = JointFRAP(bounded).fit(series(5))
    assert found.estimates_.values["D"][0] == pytest.approx(7.5)
    assert found.theta_[:, 2].max() <= 0.4
    assert found.estimates_.upper["D"][0] <= 7.5 * (1 + 1e-12)


def codes_of(found):
    return [[one.label for one in row] for row in found.estimates_.findings]


def test_a_joint_fit_says_what_single_fits_say():
    X = series(6)
    assert codes_of(joint(X, list("aaabbb"))) == [[], []]
    for bounds, label in (((1.0, 7.5), "at_upper_bound:D"), ((8.5, 99.0), "at_lower_bound:D")):
        found = JointFRAP(LeastSquaresFRAP(PROTOCOL, {"D": bounds})).fit(X)
        assert label in codes_of(found)[0]
        assert found.estimates_.to_dict()["flags"][0]
    unseen = joint(series(3, alpha=0.9999, a=0.3))
    assert codes_of(unseen)[0][0] == "no_bleaching_visible"
    immobile = np.concatenate([series(4), series(4, seed=1, mobile_fraction=0.6)])
    right, wrong = codes_of(joint(immobile, list("aaaabbbb")))
    assert right == []
    assert "series_contradicted" in wrong
    noisy = series(1, a=0.6, D=200.0)
    wide = joint(noisy).estimates_
    alone = LeastSquaresFRAP(PROTOCOL).fit(noisy).estimate(noisy)
    assert alone.poorly_determined[0]
    assert wide.findings[0]


@pytest.mark.parametrize(
    ("options", "fitted", "message"),
    [
        ({"shared": "k_on"}, {}, "shared must be some of what is estimated"),
        ({"shared": ()}, {}, "shared must be"),
        ({"estimator": LeastSquaresFRAP(PROTOCOL, loss="huber")}, {}, "estimator.loss"),
        ({"estimator": LeastSquaresFRAP(PROTOCOL, noise="proportional")}, {}, "estimator.noise"),
        ({}, {"groups": ["a", "b"]}, "one for each of the 4 series"),
        ({}, {"groups": "cell"}, "X is not a DataFrame"),
        ({}, {"groups": ["a", "b", " ", "a"]}, "no name in row 2"),
    ],
)
def test_what_makes_no_sense_is_refused(options, fitted, message):
    with pytest.raises(ValueError, match=message):
        JointFRAP(**{"estimator": LeastSquaresFRAP(PROTOCOL)} | options).fit(series(4), **fitted)


def test_unknown_groups_are_refused():
    found = joint(series(4), list("aabb"))
    with pytest.raises(ValueError, match="'c'"):
        found.predict(series(1), ["c"])


def test_a_joint_fit_comes_back_from_a_file(tmp_path):
    X = series(4)
    found = joint(X, list("aabb"))
    save(found, tmp_path / "joint.frap")
    copy = load(tmp_path / "joint.frap")
    np.testing.assert_array_equal(copy.predict(X, list("aabb")), found.predict(X, list("aabb")))
    assert copy.estimates_.summary() == found.estimates_.summary()
    bounded = JointFRAP(LeastSquaresFRAP(PROTOCOL, {"D": (1.0, 7.5)})).fit(X)
    save(bounded, tmp_path / "joint.frap")
    assert load(tmp_path / "joint.frap").estimates_.findings == bounded.estimates_.findings != ((),)


def test_each_shared_rate_is_judged():
    """A first one at its bound says nothing of the next."""
    from skfrap.judging._groups import describe_groups
    from skfrap.parameters import parameter

    shared = {"D": parameter("D"), "half_time": parameter("half_time")}
    values, wide = np.zeros((1, 2)), np.array([[[-1.0, 1.0], [-1.0, 1.0]]])
    nowhere = np.zeros((1, 2), bool)
    for at_lower in (nowhere, np.array([[True, False]])):
        found = describe_groups([()], np.zeros(1, int), shared, (values, wide, at_lower, nowhere))
        assert "interval_too_wide:half_time" in [one.label for one in found[0]]
