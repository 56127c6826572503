"""Losses against sums written out."""

import numpy as np
import pytest
from sklearn.metrics import mean_squared_error

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
