"""The posterior of curves of several rows, each with a noise of its own."""

import pickle
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp
from scipy.stats import loguniform, truncnorm, uniform
from sklearn.base import clone

from skfrap import (
    BayesianFRAP,
    Circle,
    Ellipse,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    persistence,
)
from skfrap.models import DiffusionModel

SPOT = FRAPProtocol(
    shape=(24, 36), pixel_size=0.6, bleach_region=Circle(2.6), compartment=Ellipse((10.0, 7.0)),
    n_prebleach=5, n_bleach=1, n_postbleach=40, frame_interval=0.8,
)  # fmt: skip
BOTH = SPOT.replace(rows="compartment")
KNOWN = {"mobile_fraction": 0.8}
PRIOR = {
    "D": loguniform(0.1, 10.0), "c0": uniform(0.6, 0.6), "alpha": uniform(0.1, 0.7),
    "a": loguniform(1e-4, 1.0), **KNOWN,
}  # fmt: skip
TRUTH = np.array([0.0, 0.9, 0.3])


def curves(deviations, n, protocol=BOTH, seed=0, **values):
    model = DiffusionModel(protocol)
    clean = model.curves(**{"D": 1.0, "c0": 0.9, "alpha": 0.3, **KNOWN, **values})
    noise = np.random.default_rng(seed).standard_normal((n, protocol.n_values))
    return clean + np.repeat(deviations, protocol.n_frames) * noise


@pytest.fixture(scope="module")
def bayesian():
    return BayesianFRAP(BOTH, PRIOR).fit(curves([0.02, 0.01], 2))


def on_a_dense_grid(prior, X):
    """Sum over the prior's box and the noise of each row, by nothing but the model's curves."""
    nodes, weights = np.polynomial.legendre.leggauss(32)

    def axis(name, logarithmic, nodes=nodes, weights=weights):
        low, high = prior[name].support()
        low, high = (np.log10(low), np.log10(high)) if logarithmic else (low, high)
        x = 0.5 * (low + high) + 0.5 * (high - low) * nodes
        natural = 10**x if logarithmic else x
        density = prior[name].logpdf(natural) + np.log(0.5 * (high - low) * weights)
        return x, density + (np.log(natural * np.log(10)) if logarithmic else 0.0)

    axes = [axis("D", True), axis("c0", False), axis("alpha", False)]
    values = np.array([*product(*(x for x, _ in axes))])
    total = np.array([*product(*(log for _, log in axes))]).sum(axis=1)
    log_D, c0, alpha = values.T
    shape = DiffusionModel(BOTH).curves(D=10**log_D, c0=c0, alpha=alpha, **KNOWN)
    log_a, log_density = axis("a", True, *np.polynomial.legendre.leggauss(120))
    for row, gain in enumerate(BOTH.row_noise_gains):
        part = slice(row * BOTH.n_frames, (row + 1) * BOTH.n_frames)
        S = np.sum((X[part] - shape[:, part]) ** 2, axis=1)[:, np.newaxis]
        v = gain * 10**log_a
        likelihood = -S / (2 * v) - 0.5 * BOTH.n_frames * np.log(2 * np.pi * v)
        total = total + logsumexp(likelihood + log_density, axis=1)
    evidence = logsumexp(total)
    weight = np.exp(total - evidence)
    mean = weight @ values
    return mean, np.sqrt(weight @ (values - mean) ** 2), evidence


FLAT, PEAKED = uniform(0.84, 0.12), truncnorm(-3, 3, 0.9, 0.02)


@pytest.mark.parametrize("c0", [FLAT, PEAKED], ids=["flat", "peaked"])
def test_it_is_the_sum_over_a_dense_grid(c0):
    """Of noisy curves, for which the grid is fine enough, with rows of quite other noises."""
    prior = PRIOR | {"c0": c0, "D": loguniform(0.3, 3.0)}
    X = np.concatenate([curves([0.2, 0.05], 2), curves([0.06, 0.2], 1, seed=1)])
    estimator = BayesianFRAP(BOTH, prior, weighting=None).fit(X)
    mean, std = estimator.predict(X, return_std=True)
    evidence = estimator.log_evidence(X)
    draws = estimator.sample_posterior(X, 4000, random_state=0)
    for k, curve in enumerate(X):
        expected, spread, log_evidence = on_a_dense_grid(prior, curve)
        assert (np.abs(mean[k] - expected) < 5e-3 * spread).all()
        assert_allclose(std[k], spread, rtol=5e-3)
        assert evidence[k] == pytest.approx(log_evidence, abs=0.01)
        assert (np.abs(draws[k].mean(axis=0) - expected) < 0.06 * spread).all()
        assert_allclose(draws[k].std(axis=0), spread, rtol=0.05)


def test_it_agrees_with_least_squares_where_curves_tell_all(bayesian):
    X = curves([0.01, 0.004], 50)
    theta, std = bayesian.predict(X, return_std=True)
    best, error = LeastSquaresFRAP(BOTH, fixed=KNOWN).fit(X).predict(X, return_std=True)
    assert (np.abs(theta - best) < 0.1 * error).all()
    assert_allclose(std, error, rtol=0.2)
    assert std.mean() == pytest.approx(error.mean(), rel=0.03)
    # The spot alone says less of each of them.
    alone = BayesianFRAP(SPOT, PRIOR).fit(X[:, : SPOT.n_frames])
    of_spot = alone.predict(X[:, : SPOT.n_frames], return_std=True)[1]
    assert (of_spot.mean(axis=0) > 1.1 * std.mean(axis=0)).all()


def test_intervals_hold_the_truth_as_often_as_they_say(bayesian):
    sample = FRAPSimulator(BOTH, PRIOR, random_state=3).sample(400)
    ends = bayesian.predict_interval(sample.data)
    covered = (ends[..., 0] < sample.target) & (sample.target < ends[..., 1])
    assert (np.abs(covered.mean(axis=0) - 0.95) < 0.033).all()
    estimates = bayesian.estimate(sample.data)
    told = [any(one.severity == "unusable" for one in row) for row in estimates.findings]
    assert np.mean(told) < 0.3


def test_each_row_tells_its_own_noise(bayesian):
    X = curves([0.02, 0.01], 100)
    fit = bayesian.fit_results(X)
    deviations = fit.deviations.reshape(len(X), 2, -1)
    assert np.ptp(deviations, axis=2).max() == 0
    assert_allclose(deviations[..., 0].mean(axis=0), [0.02, 0.01], rtol=0.03)
    # A noisy row is left to count for less, and the other still tells.
    noisy = bayesian.predict(curves([0.5, 0.004], 20), return_std=True)[1]
    assert (noisy[:, 1] < 0.004).all()


def found(estimates, code):
    return np.mean([any(one.code == code for one in row) for row in estimates.findings])


def test_rows_are_judged_together(bayesian):
    X = curves([0.02, 0.01], 100)
    right = bayesian.estimate(X)
    codes = "beyond_bounds", "noise_beyond_prior", "residuals_correlated"
    assert [found(right, code) for code in codes] == [0, 0, 0]
    most = np.sqrt(PRIOR["a"].support()[1] * BOTH.row_noise_gains)
    noisier = bayesian.estimate(curves([0.02, 2 * most[1]], 20))
    assert found(noisier, "noise_beyond_prior") == 1
    beyond = bayesian.estimate(curves([0.004, 0.002], 20, alpha=0.05))
    assert found(beyond, "beyond_bounds") == 1
    X[:, BOTH.n_frames + 10 :] -= 0.05  # the compartment loses more than the region explains
    assert found(bayesian.estimate(X), "residuals_correlated") > 0.9


def test_it_comes_back_from_files_pickles_and_clones(bayesian, tmp_path):
    X = curves([0.02, 0.01], 3)
    expected = bayesian.predict_interval(X)
    persistence.save(bayesian, tmp_path / "rows.skfrap")
    copies = (
        persistence.load(tmp_path / "rows.skfrap"),
        pickle.loads(pickle.dumps(bayesian)),
        clone(bayesian).fit(X),
    )
    for copy in copies:
        assert np.array_equal(copy.predict_interval(X), expected)
        assert copy.protocol_ == BOTH


def test_curves_that_lack_frames_are_refused(bayesian):
    X = np.ma.masked_greater(curves([0.02, 0.01], 2), 2.0)
    X[0, 7] = np.ma.masked
    with pytest.raises(ValueError, match="several rows must have all frames"):
        bayesian.predict(X)
