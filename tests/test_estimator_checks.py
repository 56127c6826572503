"""scikit-learn's own checks on every public estimator."""

from unittest import SkipTest

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from skfrap import LeastSquaresFRAP

ESTIMATORS = [LeastSquaresFRAP(), LeastSquaresFRAP(init="random", n_init=2, random_state=0)]
EXPLAINED = {
    "check_regressor_multioutput": (
        "fits y with five columns; the model has three parameters to answer with, and says so"
    ),
}
# scikit-learn skips this itself unless SCIPY_ARRAY_API is set in the environment.
MAY_BE_SKIPPED = {"check_array_api_input"}
FEWEST_CHECKS = 50  # per estimator; scikit-learn 1.9 has 59


def name_of(check):
    return getattr(check, "func", check).__name__


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPLAINED)
def test_scikit_learn_check(estimator, check):
    try:
        check(estimator)
    except SkipTest:
        assert name_of(check) in MAY_BE_SKIPPED
        raise


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_no_check_is_left_out(estimator, request):
    collected = [
        item
        for item in request.session.items
        if getattr(item, "function", None) is test_scikit_learn_check
        and repr(item.callspec.params["estimator"]) == repr(estimator)
    ]
    expected = [check for _, check in estimator_checks_generator(estimator, mark=None)]
    assert len(expected) >= FEWEST_CHECKS
    assert [name_of(item.callspec.params["check"]) for item in collected] == [
        name_of(check) for check in expected
    ]
    failing = [item for item in collected if item.get_closest_marker("xfail")]
    assert [name_of(item.callspec.params["check"]) for item in failing] == [*EXPLAINED]
