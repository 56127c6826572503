"""scikit-learn's own checks on every public estimator."""

import pickle
import warnings
from unittest import SkipTest

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from skfrap import BayesianFRAP, FRAPProtocol, LeastSquaresFRAP, NeuralFRAP
from skfrap.preprocessing import (
    BackgroundSubtractor,
    FadingCorrector,
    FlatFieldCorrector,
    IntensityRescaler,
    RecoveryCurveExtractor,
)

ESTIMATORS = [
    LeastSquaresFRAP(),
    LeastSquaresFRAP(init="random", n_init=2, random_state=0),
    LeastSquaresFRAP(noise="proportional"),
    LeastSquaresFRAP(loss="huber"),
    LeastSquaresFRAP(model="exponential"),
    BayesianFRAP(n_nodes=8),
    NeuralFRAP(hidden_layer_sizes=(16,), max_iter=100, learning_rate_init=0.02),
]
OF_A_MODEL = {
    "check_regressor_multioutput": (
        "fits y with five columns; the model has three parameters to answer with, and says so"
    )
}
EXPLAINED = {
    LeastSquaresFRAP: OF_A_MODEL,
    BayesianFRAP: OF_A_MODEL,
    NeuralFRAP: {
        "check_sample_weight_equivalence_on_dense_data": (
            "repeated rows sum in another order than weighted ones: the same to float32's rounding"
        )
    },
}
# scikit-learn skips this itself unless SCIPY_ARRAY_API is set in the environment.
MAY_BE_SKIPPED = {"check_array_api_input"}
FEWEST_CHECKS = 50  # per estimator; scikit-learn 1.9 has 59


def name_of(check):
    return getattr(check, "func", check).__name__


def explained(estimator):
    return EXPLAINED[type(estimator)]


@pytest.mark.filterwarnings("ignore:protocol is None:UserWarning")
@pytest.mark.filterwarnings("ignore:y has no names:UserWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=explained)
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
    assert [name_of(item.callspec.params["check"]) for item in failing] == [*explained(estimator)]


TRANSFORMERS = [
    IntensityRescaler(),
    BackgroundSubtractor(),
    FlatFieldCorrector(),
    FadingCorrector(FRAPProtocol()),
    RecoveryCurveExtractor(),
]


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)
def test_transformers_of_stacks_keep_scikit_learns_conventions(transformer):
    """They take 4-D stacks, for which scikit-learn has few checks; the rest is asked here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        checks = [check for _, check in estimator_checks_generator(transformer)]
    assert checks
    for check in checks:
        check(transformer)
    given = transformer.get_params()
    stacks = np.full((1, 110, 256, 256), 1000, np.uint16)
    copy = clone(transformer)
    with pytest.raises(NotFittedError):
        copy.transform(stacks)
    assert copy.fit(stacks) is copy
    assert copy.get_params() == given
    assert all(name.endswith("_") for name in set(vars(copy)) - set(given))
    first = np.asarray(copy.transform(stacks))
    np.testing.assert_array_equal(first, pickle.loads(pickle.dumps(copy)).transform(stacks))
