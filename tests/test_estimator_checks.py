"""scikit-learn's own checks on every public estimator."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skfrap import LeastSquaresFRAP

EXPLAINED = {
    "check_regressor_multioutput": (
        "fits y with five columns; the model has three parameters to answer with, and says so"
    ),
}
COLLECTED = []


@parametrize_with_checks(
    [LeastSquaresFRAP(), LeastSquaresFRAP(init="random", n_init=2, random_state=0)],
    expected_failed_checks=lambda estimator: EXPLAINED,
)
def test_scikit_learn_check(estimator, check):
    COLLECTED.append(check)
    check(estimator)
