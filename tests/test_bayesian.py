import pickle
from itertools import product

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import bernoulli, beta, chisquare, lognorm, loguniform, norm, truncnorm, uniform
from sklearn.base import clone

from skfrap import BayesianFRAP, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.models import surrogate_for
from skfrap.parameters import PARAMETERS, table_1_prior


@pytest.fixture(scope="module")
def sample():
    return FRAPSimulator(random_state=1).sample(4096)


@pytest.fixture(scope="module")
def bayesian(default_protocol):
    return BayesianFRAP(default_protocol).fit(np.ones((1, 110)))


# Against sums over dense grids, which know nothing of scores and of where the posterior lies


class DenseGrid:
    """The posterior of one curve at Gauss-Legendre nodes over the whole prior."""

    def __init__(self, protocol, prior, curve):
        self.names = [name for name in prior if name != "a"]
        self.free = [k for k, name in enumerate(self.names) if hasattr(prior[name], "ppf")]
        axes, weights = zip(*(self._axis(*item) for item in prior.items()), strict=True)
        *shaping, log10_a = axes
        grid = np.array([*product(*shaping)])
        natural = {
            name: PARAMETERS[name].from_target(column)
            for name, column in zip(self.names, grid.T, strict=True)
        }
        curves = surrogate_for(protocol).curves(**natural)
        S = np.sum((curves - curve) ** 2, axis=1)[:, np.newaxis]
        variance = protocol.noise_gain * 10**log10_a
        log_density = -0.5 * S / variance - 0.5 * len(curve) * np.log(2 * np.pi * variance)
        for k, log_weight in enumerate(weights):
            shape = [1] * len(axes)
            shape[k] = -1
            log_density = log_density.reshape([*map(len, axes)]) + log_weight.reshape(shape)
        self.axes, self.a = axes, 10**log10_a
        self.log_evidence = logsumexp(log_density)
        self.mass = np.exp(log_density - self.log_evidence)

    @staticmethod
    def _axis(name, distribution):
        scale = PARAMETERS[name]
        if not hasattr(distribution, "ppf"):
            return np.array([scale.to_target(distribution)]), np.zeros(1)
        ends = distribution.support()
        if not np.isfinite(ends).all() or (ends[0] == 0 and scale.scale == "log10"):
            ends = distribution.ppf([1e-9, 1 - 1e-9])
        lower, upper = scale.to_target(np.array(ends))
        nodes, weights = np.polynomial.legendre.leggauss(40 if name == "a" else 64)
        nodes = 0.5 * (lower + upper) + 0.5 * (upper - lower) * nodes
        natural = scale.from_target(nodes)
        log_weight = np.log(0.5 * (upper - lower) * weights) + distribution.logpdf(natural)
        if scale.scale == "log10":
            log_weight += np.log(natural * np.log(10))
        return nodes, log_weight

    def marginal(self, k):
        return self.mass.sum(axis=tuple(j for j in range(self.mass.ndim) if j != k))

    def mean(self, k, weighted=False):
        by_noise = self.mass / self.a if weighted else self.mass
        others = tuple(j for j in range(self.mass.ndim) if j != k)
        return by_noise.sum(axis=others) @ self.axes[k] / by_noise.sum()

    def std(self, k):
        return np.sqrt(self.marginal(k) @ (self.axes[k] - self.mean(k)) ** 2)

    def probability_below(self, k, value):
        """Integrate the polynomial through the density at the nodes."""
        axis, n = self.axes[k], len(self.axes[k])
        nodes, _ = np.polynomial.legendre.leggauss(n)
        half = 0.5 * (axis[-1] - axis[0]) / nodes[-1]
        x = (value - 0.5 * (axis[0] + axis[-1])) / half
        series = np.polynomial.legendre.legvander(nodes, n - 1).T @ self.marginal(k)
        series *= np.arange(n) + 0.5
        integral = np.polynomial.legendre.Legendre(series).integ(lbnd=-1)
        return integral(x)


# Boxes of some standard errors, so that a grid is dense enough; most cut the posterior.
CENTRE = {"D": 40.0, "c0": 0.8, "alpha": 0.7}
WITHIN = {
    "D": loguniform(37.5, 43.5),
    "c0": uniform(0.7979, 0.004),
    "alpha": uniform(0.69, 0.023),
    "a": loguniform(1e-3, 1e-2),
}
PRIORS = {
    "within": WITHIN,
    "cut by c0": WITHIN | {"c0": uniform(0.8, 0.002)},
    "cut by alpha": WITHIN | {"alpha": uniform(0.70, 0.01)},
    "cut by all": WITHIN
    | {"D": loguniform(40.0, 44.0), "c0": uniform(0.8, 0.002), "alpha": uniform(0.70, 0.01)},
    "not flat": {
        "D": lognorm(0.02, scale=41.0),
        "c0": truncnorm(-4, 4, 0.8003, 0.0004),
        "alpha": truncnorm(-5, 5, 0.702, 0.002),
        "a": lognorm(0.3, scale=4e-3),
    },
    "with known D": {"D": 40.5, "c0": uniform(0.7979, 0.004), "alpha": uniform(0.69, 0.023)}
    | {"a": loguniform(1e-3, 1e-2)},
    "with known c0 and noise": WITHIN | {"c0": 0.8003, "a": 3e-3},
}


@pytest.mark.parametrize(
    "which",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in ("cut by c0", "cut by alpha")))
        for name in PRIORS
    ],
)
@pytest.mark.slow
def test_it_agrees_with_a_dense_grid(default_protocol, which):
    prior = PRIORS[which]
    X = FRAPSimulator(default_protocol, CENTRE | {"a": 4e-3}, random_state=3).sample(1).data
    plain = BayesianFRAP(default_protocol, prior, weighting=None).fit(X)
    mean, std = plain.predict(X, return_std=True)
    weighted = BayesianFRAP(default_protocol, prior).fit(X).predict(X)
    intervals = plain.predict_interval(X)
    draws = plain.sample_posterior(X, 2000, random_state=0)
    grid = DenseGrid(default_protocol, prior, X[0])
    assert abs(plain.log_evidence(X)[0] - grid.log_evidence) < 2e-5
    for column, k in enumerate(grid.free):
        size = grid.std(k)
        assert abs(mean[0, column] - grid.mean(k)) < 2e-4 * size
        assert abs(std[0, column] / size - 1) < 2e-4
        assert abs(weighted[0, column] - grid.mean(k, weighted=True)) < 2e-4 * size
        below = [grid.probability_below(k, end) for end in intervals[0, column]]
        np.testing.assert_allclose(below, [0.025, 0.975], atol=2e-4)
        probabilities = np.sort(grid.probability_below(k, draws[0, :, column]))
        expected = (np.arange(2000) + 0.5) / 2000
        assert np.abs(probabilities - expected).max() < 1.95 / np.sqrt(2000)  # p = 0.001
    assert plain.target_names_ == [PARAMETERS[grid.names[k]].target_name for k in grid.free]


@pytest.mark.slow
def test_draws_of_several_parameters_go_together(bayesian, sample):
    X = sample.data[sample.target[:, 0] > 2.5][:1]
    draws = bayesian.sample_posterior(X, 4000, random_state=0)[0]
    curves = surrogate_for(bayesian.protocol_).curves(
        D=10 ** draws[:, 0], c0=draws[:, 1], alpha=draws[:, 2]
    )
    squared = np.sum((curves - X) ** 2, axis=1)
    # With three parameters in 110 frames a draw's sum of squares is above the least by 3 variances.
    variance = squared.min() / 107
    assert 2.5 < (squared.mean() - squared.min()) / variance < 3.6
    # Shuffled, they would not: D and alpha are tied to each other.
    assert abs(np.corrcoef(draws[:, 0], draws[:, 2])[0, 1]) > 0.5


@pytest.mark.slow
def test_intervals_of_highest_density_are_the_shortest(bayesian, sample):
    X = sample.data[sample.target[:, 0] > 2.7][:16]
    intervals = bayesian.predict_interval(X, 0.8, "highest_density")
    for below in (0.02, 0.1, 0.18):
        lower = bayesian.predict_interval(X, 1 - 2 * below)[..., 0]
        upper = bayesian.predict_interval(X, 2 * (0.8 + below) - 1)[..., 1]
        assert (np.diff(intervals)[..., 0] <= (upper - lower) * (1 + 1e-3)).all()
    draws = bayesian.sample_posterior(X, 500, random_state=1)
    lower, upper = np.moveaxis(intervals[:, np.newaxis], -1, 0)
    held = ((lower < draws) & (draws < upper)).mean(axis=(0, 1))
    np.testing.assert_allclose(held, 0.8, atol=0.02)


@pytest.mark.slow
def test_twice_the_nodes_change_nothing(default_protocol, bayesian, sample):
    X = sample.data[:1024]
    finer = BayesianFRAP(default_protocol, n_nodes=48).fit(X)
    mean, std = bayesian.predict(X, return_std=True)
    fine_mean, fine_std = finer.predict(X, return_std=True)
    assert (np.abs(mean - fine_mean) < 3e-3 * fine_std).all()
    np.testing.assert_allclose(std, fine_std, rtol=3e-3)


def test_it_follows_the_intensities(default_protocol, sample):
    """Counts for fractions: c0 and the noise scale, nothing else changes."""
    X = sample.data[:200]
    unit = BayesianFRAP(default_protocol).fit(X)
    scaled_prior = {"c0": uniform(500, 500), "a": loguniform(1e2, 1e4)}
    counts = BayesianFRAP(default_protocol, scaled_prior).fit(1000 * X)
    expected = unit.predict(X) * [1, 1000, 1]
    np.testing.assert_allclose(counts.predict(1000 * X), expected, rtol=1e-6)
    # The density of each of the frames is a thousandth.
    difference = unit.log_evidence(X) - counts.log_evidence(1000 * X)
    np.testing.assert_allclose(difference, 110 * np.log(1000), atol=1e-6)


@pytest.mark.slow
def test_least_squares_never_has_the_lower_loss(default_protocol, bayesian, sample):
    box = {name: table_1_prior()[name].support() for name in ("D", "c0", "alpha")}
    least_squares = LeastSquaresFRAP(default_protocol, box).fit(sample.data)
    weight = sample.sample_weight[:, np.newaxis]
    ours, theirs = (
        weight * (estimator.predict(sample.data) - sample.target) ** 2
        for estimator in (bayesian, least_squares)
    )
    excess = (ours - theirs).mean(axis=0)
    error = (ours - theirs).std(axis=0) / np.sqrt(len(ours))
    assert (excess < 2 * error).all()
    assert (excess[[0, 2]] < -2 * error[[0, 2]]).all()
    assert (ours.mean(axis=0) < theirs.mean(axis=0) * [0.95, 1.01, 0.98]).all()


@pytest.mark.slow
@pytest.mark.parametrize("which", ["default", "mobile fraction", "informative"])
def test_it_is_calibrated(default_protocol, which):
    """Of curves that the prior made, the truth ranks anywhere among posterior draws."""
    prior, n = {
        "default": ({}, 640),
        "mobile fraction": ({"mobile_fraction": beta(8, 2)}, 64),
        "informative": ({"D": lognorm(0.5, scale=200.0), "c0": uniform(0.9, 0.001)}, 400),
    }[which]
    sample = FRAPSimulator(default_protocol, prior, random_state=7).sample(n)
    bayesian = BayesianFRAP(default_protocol, prior, n_nodes=16).fit(sample.data)
    assert bayesian.target_names_ == sample.target_names
    draws = bayesian.sample_posterior(sample.data, 15, random_state=0)
    ranks = np.sum(draws < sample.target[:, np.newaxis], axis=1)
    for column in ranks.T:
        assert chisquare(np.bincount(column // 2, minlength=8)).pvalue > 1e-3


@pytest.mark.slow
def test_draws_agree_with_mean_and_std(default_protocol, sample):
    X = sample.data[:100]
    bayesian = BayesianFRAP(default_protocol, weighting=None).fit(X)
    mean, std = bayesian.predict(X, return_std=True)
    draws = bayesian.sample_posterior(X, 1000, random_state=0)
    z = (draws.mean(axis=1) - mean) / (std / np.sqrt(1000))
    assert np.abs(z).max() < 4.5
    assert chisquare(np.histogram(z**2, [0, 0.4549, np.inf])[0]).pvalue > 1e-3
    np.testing.assert_allclose(draws.std(axis=1) / std, 1, atol=0.15)


def test_a_narrow_prior_stays_as_it_was(default_protocol, sample):
    prior = {"D": lognorm(1e-4, scale=30.0), "alpha": truncnorm(-6, 6, 0.7, 1e-6)}
    X = FRAPSimulator(default_protocol, CENTRE | {"D": 30.0}, random_state=0).sample(5).data
    mean, std = BayesianFRAP(default_protocol, prior).fit(X).predict(X, return_std=True)
    np.testing.assert_allclose(mean[:, 0], np.log10(30.0), atol=2e-5)
    np.testing.assert_allclose(std[:, 0], 1e-4 / np.log(10), rtol=0.01)
    np.testing.assert_allclose(mean[:, 2], 0.7, atol=1e-7)
    np.testing.assert_allclose(std[:, 2], 1e-6, rtol=0.01)


@pytest.mark.slow
def test_evidence_is_a_density_of_curves(default_protocol):
    """Importance sampling: from one prior's curves the other's evidence averages to one."""
    narrow = {"D": loguniform(20, 40), "alpha": uniform(0.6, 0.1), "a": loguniform(4e-3, 8e-3)}
    wide = {"D": loguniform(10, 80), "alpha": uniform(0.55, 0.2), "a": loguniform(2e-3, 1e-2)}
    X = FRAPSimulator(default_protocol, wide, random_state=0).sample(4000).data
    of_narrow, of_wide = (
        BayesianFRAP(default_protocol, prior, n_nodes=16).fit(X).log_evidence(X)
        for prior in (narrow, wide)
    )
    ratio = np.exp(of_narrow - of_wide)
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(len(X))
    assert ratio.std() / np.sqrt(len(X)) < 0.1


def test_evidence_prefers_the_model_that_made_the_curves(default_protocol):
    still = {"mobile_fraction": uniform(0.5, 0.4)}
    X = np.vstack(
        [FRAPSimulator(default_protocol, p, random_state=1).sample(20).data for p in ({}, still)]
    )
    all_mobile, some_still = (
        BayesianFRAP(default_protocol, p, n_nodes=12).fit(X).log_evidence(X) for p in ({}, still)
    )
    prefers_still = (some_still > all_mobile).reshape(2, 20).mean(axis=1)
    assert prefers_still[0] < 0.3
    assert prefers_still[1] > 0.7


def test_other_unknowns_than_D(default_protocol):
    prior = {"D": 5.0, "imaging_bleach": uniform(0.995, 0.004), "a": 1e-3}
    sample = FRAPSimulator(default_protocol, prior, random_state=0).sample(40)
    bayesian = BayesianFRAP(default_protocol, prior).fit(sample.data)
    assert bayesian.target_names_ == ["c0", "alpha", "imaging_bleach"]
    mean, std = bayesian.predict(sample.data, return_std=True)
    columns = [sample.target_names.index(name) for name in bayesian.target_names_]
    z = (mean - sample.target[:, columns]) / std
    assert 0.7 < np.sqrt(np.mean(z**2)) < 1.3


def test_c0_alone(default_protocol):
    """With all else known the posterior is a Gaussian around the weighted mean."""
    known = {"D": 30.0, "alpha": 0.7, "a": 1e-3}
    X = FRAPSimulator(default_protocol, known | {"c0": 0.8}, random_state=0).sample(3).data
    shape = surrogate_for(default_protocol).curves(D=30.0, c0=1.0, alpha=0.7)[0]
    bayesian = BayesianFRAP(default_protocol, known).fit(X)
    mean, std = bayesian.predict(X, return_std=True)
    variance = 1e-3 * default_protocol.noise_gain
    np.testing.assert_allclose(mean[:, 0], X @ shape / (shape @ shape), rtol=1e-9)
    np.testing.assert_allclose(std[:, 0], np.sqrt(variance / (shape @ shape)), rtol=1e-6)
    ends = bayesian.predict_interval(X)[:, 0]
    np.testing.assert_allclose((ends - mean) / std, [[-1.96, 1.96]] * 3, atol=1e-3)
    draws = bayesian.sample_posterior(X, 500, random_state=0)[..., 0]
    assert np.abs((draws.mean(axis=1) - mean[:, 0]) / std[:, 0]).max() < 4 / np.sqrt(500)


def test_curves_that_the_prior_cannot_explain_are_told_by_their_evidence(bayesian, sample):
    odd = np.vstack([np.zeros(110), np.full(110, 300.0), np.linspace(1, 0, 110)])
    for curves in odd[:1], odd[1:2]:
        with pytest.raises(ValueError, match=r"outside of prior\['c0'\]"):
            bayesian.predict(curves)
    estimates = bayesian.predict(odd[2:])
    assert ((estimates >= [0, 0.5, 0.45]) & (estimates <= [3, 1, 0.95])).all()
    assert np.isfinite(bayesian.predict_interval(odd[2:])).all()
    assert bayesian.log_evidence(odd).max() < bayesian.log_evidence(sample.data).min() - 1000


# The contract


def test_a_curve_is_estimated_the_same_alone(bayesian, sample):
    together = bayesian.predict(sample.data[:300])
    alone = np.vstack([bayesian.predict(sample.data[k : k + 1]) for k in range(0, 300, 60)])
    np.testing.assert_allclose(alone, together[::60], rtol=1e-8)


def test_y_decides_the_columns(default_protocol, sample):
    X = sample.data[:20]
    flat = BayesianFRAP(default_protocol).fit(X, sample.target[:20, 0])
    assert flat.predict(X).shape == (20,)
    assert flat.predict_interval(X).shape == (20, 1, 2)
    assert flat.sample_posterior(X, 2).shape == (20, 2, 3)


def test_it_survives_pickle_and_clone(bayesian, sample):
    X = sample.data[:10]
    loaded = pickle.loads(pickle.dumps(bayesian))
    np.testing.assert_array_equal(loaded.predict(X), bayesian.predict(X))
    assert len(pickle.dumps(bayesian)) < 2e6
    np.testing.assert_array_equal(clone(bayesian).fit(X).predict(X), bayesian.predict(X))


def test_draws_depend_on_the_seed_alone(bayesian, sample):
    X = sample.data[:5]
    one, same, other = (bayesian.sample_posterior(X, 3, random_state=k) for k in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weighting": "a"}, "weighting must be"),
        ({"n_nodes": 2}, "n_nodes must be"),
        ({"prior": [1]}, "prior must be a dictionary"),
        ({"prior": {"d": uniform(0, 1)}}, "unknown parameter 'd'"),
        ({"prior": {"b": uniform(0, 1)}}, "prior can be given for"),
        ({"prior": {"alpha": "flat"}}, r"prior\['alpha'\] must be a frozen scipy.stats"),
        ({"prior": {"alpha": bernoulli(0.5)}}, r"prior\['alpha'\] must be continuous"),
        ({"prior": {"alpha": norm(0.5, 0.4)}}, r"prior\['alpha'\] must lie between"),
        ({"prior": {"D": -1.0}}, r"prior\['D'\] must be positive"),
        ({"prior": {"D": uniform(-1, 3)}}, r"prior\['D'\] must be positive"),
        ({"prior": {"D": 1.0, "c0": 1.0, "alpha": 0.5}}, "must leave a parameter unknown"),
        ({"prior": {"imaging_bleach": uniform(0.99, 0.009)}}, "can integrate over one"),
        ({"model": "binding"}, "can integrate over one"),
        ({"model": "soumpasis"}, "on the pixel grid"),
        ({"protocol": "paper"}, "protocol must be a FRAPProtocol"),
        ({"protocol": FRAPProtocol(n_postbleach=50)}, "X has 110 columns"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        BayesianFRAP(**({"protocol": FRAPProtocol()} | arguments)).fit(np.ones((1, 110)))


def test_bad_requests_are_named(bayesian, sample):
    X = sample.data[:2]
    with pytest.raises(ValueError, match="level must lie"):
        bayesian.predict_interval(X, 95)
    with pytest.raises(ValueError, match="method must be"):
        bayesian.predict_interval(X, method="profile")
    with pytest.raises(ValueError, match="n_samples must be"):
        bayesian.sample_posterior(X, 0)
    with pytest.raises(ValueError, match="y must have the columns"):
        clone(bayesian).fit(X, np.ones((2, 4)))
