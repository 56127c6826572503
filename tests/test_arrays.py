"""Curves with holes are refused by all estimators, in words that say where the hole is."""

import numpy as np
import pandas as pd
import pytest

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    NeuralFRAP,
)
from skfrap.comparison import compare_models
from skfrap.metrics import mean_absolute_percentage_error, weighted_mean_squared_error

PROTOCOL = FRAPProtocol(
    shape=(48, 48), pixel_size=0.5, bleach_region=Circle(4.0), n_postbleach=20, padding=32
)

SAMPLE = FRAPSimulator(PROTOCOL, random_state=0).sample(8)


@pytest.fixture(scope="module")
def X():
    return SAMPLE.data


@pytest.fixture(scope="module")
def asked(X):
    """Return all that takes curves, as functions of curves alone."""
    y = SAMPLE.target
    network = NeuralFRAP(PROTOCOL, hidden_layer_sizes=(4,), max_iter=1, random_state=0)
    estimators = [LeastSquaresFRAP(PROTOCOL), BayesianFRAP(PROTOCOL), network]
    fitted = [estimator.fit(X, y) for estimator in estimators]
    return {
        **{f"{type(one).__name__}.fit": lambda X, one=one: one.fit(X, y) for one in estimators},
        "partial_fit": lambda X: network.partial_fit(X, y),
        **{f"{type(one).__name__}.predict": one.predict for one in fitted},
        **{f"{type(one).__name__}.estimate": one.estimate for one in fitted},
        **{f"{type(one).__name__}.predict_interval": one.predict_interval for one in fitted},
        "compare_models": lambda X: compare_models(X, ["diffusion"], PROTOCOL),
    }


def spoilt(X, value):
    changed = X.copy()
    changed[3, 7] = value
    return changed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X: spoilt(X, np.nan), "X contains NaN in row 3, column 7 .* 1 of 8 rows"),
        (lambda X: pd.DataFrame(spoilt(X, np.inf)), "X contains infinity in row 3, column 7"),
        (lambda X: [X[0], X[1][:-2]], "30 frames in curve 0 and 28 in curve 1"),
        (lambda X: np.ma.masked_equal(spoilt(X, np.nan), X[0, 0]), "NaN in row 3, column 7|masked"),
    ],
    ids=["NaN", "infinity", "lengths", "NaN beside a mask"],
)
def test_holes_are_refused_by_all_that_take_curves(asked, X, spoil, message):
    for name, ask in asked.items():
        with pytest.raises(ValueError, match=message):
            pytest.fail(f"{name} took it: {ask(spoil(X))}")


def test_mask_that_masks_nothing_changes_nothing(X):
    estimator = LeastSquaresFRAP(PROTOCOL).fit(X)
    masked = np.ma.masked_array(X, np.zeros_like(X, dtype=bool))
    np.testing.assert_array_equal(estimator.predict(masked), estimator.predict(X))


def test_masked_targets_and_weights_are_refused(X):
    y = np.ma.masked_array(np.ones((len(X), 3)), spoilt(0 * X, 1)[:, 5:8])
    for estimator in (LeastSquaresFRAP(PROTOCOL), NeuralFRAP(PROTOCOL)):
        with pytest.raises(ValueError, match="y has 1 masked values"):
            estimator.fit(X, y)
    weights = np.ma.masked_array(np.ones(len(X)), np.arange(len(X)) == 2)
    with pytest.raises(ValueError, match="sample_weight has 1 masked values"):
        NeuralFRAP(PROTOCOL).fit(X, np.ones((len(X), 3)), weights)
    for metric in (weighted_mean_squared_error, mean_absolute_percentage_error):
        with pytest.raises(ValueError, match="y_true has 1 masked values"):
            metric(y, np.ones(y.shape))


@pytest.mark.parametrize(
    "estimator",
    [
        LeastSquaresFRAP(PROTOCOL),
        LeastSquaresFRAP(PROTOCOL, noise="proportional"),
        BayesianFRAP(PROTOCOL),
    ],
    ids=["least squares", "proportional noise", "posterior"],
)
def test_masked_frames_are_missing_ones(X, estimator):
    kept = np.ones(X.shape[1], dtype=bool)
    kept[[2, 10, 17]] = False  # before bleaching, the first after it, and later
    hidden = np.where(kept, X, np.nan)
    hidden[:, 17] = 0.0
    masked = np.ma.masked_array(hidden, np.broadcast_to(~kept, X.shape))
    times = PROTOCOL.times[10:][kept[10:]]
    shorter = PROTOCOL.replace(n_prebleach=9, n_postbleach=None, postbleach_times=times)
    expected = estimator.set_params(protocol=shorter).fit(X[:, kept]).estimate(X[:, kept])
    estimator.set_params(protocol=PROTOCOL)
    found = estimator.fit(masked).estimate(masked)
    for name in expected.values:
        np.testing.assert_allclose(found.values[name], expected.values[name], rtol=1e-4)
    assert estimator.predict(masked).shape == (len(X), 3)
    assert estimator.predict_interval(masked).shape == (len(X), 3, 2)
    assert estimator.predict(X).shape == (len(X), 3)
    assert estimator.fit(masked, SAMPLE.target[:, 0]).predict(masked).shape == (len(X),)


def test_networks_on_values_of_curves_refuse_masks(X):
    masked = np.ma.masked_array(X, spoilt(0 * X, 1))
    with pytest.raises(ValueError, match="X contains NaN in row 3, column 7"):
        NeuralFRAP(PROTOCOL, features="raw", max_iter=1).fit(masked, SAMPLE.target)
