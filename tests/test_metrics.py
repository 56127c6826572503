"""Losses against sums written out."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import sklearn
from sklearn.dummy import DummyRegressor
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import cross_validate

from skfrap import metrics
from skfrap.metrics import mean_absolute_percentage_error, weighted_mean_squared_error

RNG = np.random.default_rng(0)
Y, PREDICTED, WEIGHT = RNG.random((50, 3)) + 1, RNG.random((50, 3)), RNG.random(50)


def test_weighted_mean_squared_error_is_the_papers_sum():
    normalised = WEIGHT / WEIGHT.mean()
    expected = [np.sum(normalised * (Y[:, k] - PREDICTED[:, k]) ** 2) / 50 for k in range(3)]
    np.testing.assert_allclose(weighted_mean_squared_error(Y, PREDICTED, WEIGHT), expected)
    # The unit of the weights does not matter.
    np.testing.assert_allclose(weighted_mean_squared_error(Y, PREDICTED, 7 * WEIGHT), expected)
    joint = weighted_mean_squared_error(Y, PREDICTED, WEIGHT, multioutput="uniform_average")
    assert joint == pytest.approx(np.mean(expected))


def test_without_weights_it_is_the_mean_squared_error():
    np.testing.assert_allclose(
        weighted_mean_squared_error(Y, PREDICTED),
        mean_squared_error(Y, PREDICTED, multioutput="raw_values"),
    )


def test_one_dimension_is_one_target():
    for loss in (weighted_mean_squared_error, mean_absolute_percentage_error):
        one = loss(Y[:, 0], PREDICTED[:, 0])
        np.testing.assert_array_equal(one, loss(Y[:, :1], PREDICTED[:, :1]))
        assert one.shape == (1,)


def test_the_scorer_is_the_papers_joint_loss_negated():
    scorer = metrics.neg_weighted_mean_squared_error
    mean = DummyRegressor().fit(Y, Y)
    expected = -weighted_mean_squared_error(Y, mean.predict(Y), WEIGHT, "uniform_average")
    assert scorer(mean, Y, Y, sample_weight=WEIGHT) == pytest.approx(expected)
    assert scorer(mean, Y, Y) == pytest.approx(-np.mean(Y.var(axis=0)))
    assert scorer(mean.fit(Y, Y[:, 0]), Y, Y[:, 0]) == pytest.approx(-Y[:, 0].var())
    copy = pickle.loads(pickle.dumps(scorer))
    assert copy(mean, Y, Y[:, 0]) == scorer(mean, Y, Y[:, 0])


def test_weights_are_routed_to_the_scorer_that_asked_for_them_and_to_no_other():
    with sklearn.config_context(enable_metadata_routing=True):
        scorers = {
            name: metrics.neg_weighted_mean_squared_error.set_score_request(sample_weight=asked)
            for name, asked in (("weighted", True), ("plain", False))
        }
        mean = DummyRegressor().set_fit_request(sample_weight=False)
        scores = cross_validate(mean, Y, Y, cv=2, scoring=scorers, params={"sample_weight": WEIGHT})
    halves = slice(25), slice(25, None)
    for k, (test, train) in enumerate((halves, halves[::-1])):
        squared = ((Y[test] - Y[train].mean(axis=0)) ** 2).mean(axis=1)
        assert scores["test_weighted"][k] == pytest.approx(
            -np.average(squared, weights=WEIGHT[test])
        )
        assert scores["test_plain"][k] == pytest.approx(-squared.mean())


@pytest.mark.slow
def test_the_scorer_costs_nothing_until_it_is_asked_for():
    program = (
        "import sys\n"
        f"sys.path[:0] = {[entry for entry in sys.path if entry]!r}\n"
        "import skfrap.metrics\n"
        "assert 'sklearn.metrics' not in sys.modules\n"
        "assert 'neg_weighted_mean_squared_error' in dir(skfrap.metrics)\n"
        "from skfrap.metrics import *\n"
        "assert callable(neg_weighted_mean_squared_error)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="has no attribute 'accuracy'"):
        _ = metrics.accuracy


def test_mean_absolute_percentage_error():
    expected = [100 * np.mean(np.abs(1 - PREDICTED[:, k] / Y[:, k])) for k in range(3)]
    np.testing.assert_allclose(mean_absolute_percentage_error(Y, PREDICTED), expected)
    np.testing.assert_allclose(mean_absolute_percentage_error(-Y, -PREDICTED), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weighted_mean_squared_error(Y, PREDICTED[:, :2]), "y_true and y_pred"),
        (lambda: weighted_mean_squared_error(Y, np.full_like(Y, np.nan)), "y_pred"),
        (lambda: weighted_mean_squared_error(Y, PREDICTED, WEIGHT[:4]), "inconsistent"),
        (lambda: weighted_mean_squared_error(Y, PREDICTED, WEIGHT * np.nan), "sample_weight"),
        (lambda: weighted_mean_squared_error(Y, PREDICTED, multioutput="sum"), "multioutput"),
        (lambda: mean_absolute_percentage_error(0 * Y, PREDICTED), "y_true"),
    ],
)
def test_errors_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
