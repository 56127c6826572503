"""Networks that learn from curves of several rows."""

import numpy as np
import pytest
from scipy.stats import loguniform, uniform

from skfrap import (
    BayesianFRAP,
    Circle,
    Ellipse,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    NeuralFRAP,
    persistence,
)

BOTH = FRAPProtocol(
    shape=(24, 36), pixel_size=0.6, bleach_region=Circle(2.6), compartment=Ellipse((10.0, 7.0)),
    n_prebleach=5, n_bleach=1, n_postbleach=40, frame_interval=0.8, rows="compartment",
)  # fmt: skip
PRIOR = {
    "D": loguniform(0.1, 10.0), "c0": uniform(0.6, 0.6), "alpha": uniform(0.1, 0.7),
    "a": loguniform(1e-4, 1.0), "mobile_fraction": 0.8,
}  # fmt: skip


@pytest.fixture(scope="module")
def simulator():
    return FRAPSimulator(BOTH, PRIOR, random_state=0)


@pytest.fixture(scope="module")
def sample(simulator):
    return simulator.sample(1000, start=10**7)


@pytest.fixture(scope="module")
def network(simulator):
    network = NeuralFRAP(hidden_layer_sizes=(16, 16), batch_size=256, random_state=0)
    return network.fit_online(simulator, 128 * 256)


def losses(sample, estimates):
    return np.mean(sample.sample_weight[:, np.newaxis] * (estimates - sample.target) ** 2, axis=0)


def test_it_comes_near_the_posterior_and_is_better_than_least_squares(network, sample):
    floor = losses(sample, BayesianFRAP(BOTH, PRIOR).fit(sample.data).predict(sample.data))
    fitted = LeastSquaresFRAP(
        BOTH,
        fixed={"mobile_fraction": 0.8},
        bounds={"D": (0.1, 10.0), "c0": (0.6, 1.2), "alpha": (0.1, 0.8)},
    ).fit(sample.data)
    loss = losses(sample, network.predict(sample.data))
    assert (loss < 1.1 * floor).all()
    assert (loss < losses(sample, fitted.predict(sample.data))).all()
    ends = network.predict_interval(sample.data)
    covered = (ends[..., 0] < sample.target) & (sample.target < ends[..., 1])
    # A small network, shortly trained: intervals a third too narrow would hold 80 %.
    assert (np.abs(covered.mean(axis=0) - 0.95) < 0.04).all()


def test_the_whole_of_a_fit_is_known(network, simulator, sample):
    """Noise of each row, findings of all of them, and the curves."""
    estimates = network.estimate(sample.data[:40])
    fit = estimates.fit
    assert np.log10(estimates.noise_a * sample.sample_weight[:40]).std() < 0.15
    assert fit.curves.shape == (40, BOTH.n_values)
    X = simulator.curves(sample.target[:40])
    X[:, BOTH.n_frames + 10 :] -= 0.05  # the compartment loses more than the region explains
    noise = np.random.default_rng(0).normal(0.0, 0.005, X.shape)
    codes = [{one.code for one in row} for row in network.estimate(X + noise).findings]
    assert np.mean(["residuals_correlated" in one for one in codes]) > 0.9


def test_it_comes_back_from_a_file(network, sample, tmp_path):
    persistence.save(network, tmp_path / "network.skfrap")
    copy = persistence.load(tmp_path / "network.skfrap")
    X = sample.data[:5]
    assert np.array_equal(copy.predict_interval(X), network.predict_interval(X))


@pytest.mark.parametrize("features", ["scores", "raw"])
def test_other_features_see_all_rows(simulator, sample, features):
    drawn = simulator.sample(4096)
    network = NeuralFRAP(
        BOTH, (16, 16), features=features, fixed={"mobile_fraction": 0.8}, max_iter=30,
        bounds={"D": (0.1, 10.0), "c0": (0.6, 1.2), "alpha": (0.1, 0.8)}, batch_size=256,
        random_state=0,
    ).fit(drawn.data, drawn.target)  # fmt: skip
    assert network.n_features_in_ == BOTH.n_values
    assert network.score(sample.data, sample.target) > 0.6
    without = sample.data.copy()
    without[:, BOTH.n_frames :] = 1.0
    assert network.score(without, sample.target) < 0.5


def test_columns_are_named_as_the_protocol_names_them(network, simulator):
    pd = pytest.importorskip("pandas")
    drawn = simulator.sample(256)
    X = pd.DataFrame(drawn.data, columns=BOTH.feature_names)
    fitted = NeuralFRAP(
        BOTH, (4,), max_iter=1, fixed={"mobile_fraction": 0.8}, bounds={"D": (0.1, 10.0),
        "c0": (0.6, 1.2), "alpha": (0.1, 0.8)}, batch_size=64,
    ).fit(X, drawn.target)  # fmt: skip
    assert [*fitted.feature_names_in_] == [*BOTH.feature_names]
    swapped = X[[*X.columns[BOTH.n_frames :], *X.columns[: BOTH.n_frames]]]
    with pytest.raises(ValueError, match=r"row|names"):
        fitted.predict(swapped)
    with pytest.raises(ValueError, match="are the rows"):
        NeuralFRAP(BOTH, (4,), max_iter=1).fit(swapped, drawn.target)


def test_curves_that_lack_frames_are_refused(network, sample):
    X = np.ma.masked_greater(sample.data[:2], 1e3)
    X[0, 7] = np.ma.masked
    with pytest.raises(ValueError, match="several rows must have all frames"):
        network.predict(X)
