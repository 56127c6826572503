"""scikit-learn's own checks on every public estimator."""

import pickle
import warnings
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from skfrap import BayesianFRAP, FRAPPipeline, FRAPProtocol, LeastSquaresFRAP, NeuralFRAP
from skfrap.preprocessing import (
    BackgroundSubtractor,
    FadingCorrector,
    FlatFieldCorrector,
    IntensityRescaler,
    RecoveryCurveExtractor,
    StackFunction,
    StackSequence,
)

ESTIMATORS = [
    LeastSquaresFRAP(),
    BayesianFRAP(n_nodes=8),
    FRAPPipeline([("fit", LeastSquaresFRAP(model="exponential"))]),
]
# Others, which take long together: options that do not ask for each other's absence stand in one.
# One that broke a rule would break it beside others as well, and each takes its own way there.
VARIANTS = [
    LeastSquaresFRAP(loss="huber", missing="omit", init="random", n_init=2, random_state=0),
    LeastSquaresFRAP(noise="proportional"),
    BayesianFRAP(n_nodes=4, missing="omit"),
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
    FRAPPipeline: OF_A_MODEL,
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:protocol is None:UserWarning")
@pytest.mark.filterwarnings("ignore:y has no names:UserWarning")
@parametrize_with_checks(VARIANTS, expected_failed_checks=explained)
def test_scikit_learn_check_of_variants(estimator, check):
    test_scikit_learn_check(estimator, check)


@pytest.mark.parametrize(
    "estimator",
    [*ESTIMATORS, *(pytest.param(one, marks=pytest.mark.slow) for one in VARIANTS)],
    ids=repr,
)
def test_no_check_is_left_out(estimator, request):
    checks = test_scikit_learn_check, test_scikit_learn_check_of_variants
    collected = [
        item
        for item in request.session.items
        if getattr(item, "function", None) in checks
        and repr(item.callspec.params["estimator"]) == repr(estimator)
    ]
    expected = [check for _, check in estimator_checks_generator(estimator, mark=None)]
    assert len(expected) >= FEWEST_CHECKS
    assert [name_of(item.callspec.params["check"]) for item in collected] == [
        name_of(check) for check in expected
    ]
    failing = [item for item in collected if item.get_closest_marker("xfail")]
    assert [name_of(item.callspec.params["check"]) for item in failing] == [*explained(estimator)]


def halved(stack):
    return 0.5 * stack


TRANSFORMERS = [
    IntensityRescaler(),
    BackgroundSubtractor(),
    FlatFieldCorrector(),
    FadingCorrector(),
    StackFunction(halved),
    RecoveryCurveExtractor(),
]
CORRECTORS = TRANSFORMERS[:-1]
CONVENTIONS = {}  # what scikit-learn asks of transformers, and skips for those of stacks


def convention(function):
    CONVENTIONS[function.__name__] = function
    return function


@pytest.fixture(scope="module")
def stacks():
    random = np.random.default_rng(0)
    return random.integers(1000, 3000, (2, 110, 256, 256), dtype=np.uint16)


@convention
def constructors_keep_what_they_are_given_and_need_nothing(transformer, stacks):
    assert type(transformer)().get_params() == clone(transformer).get_params() or (
        isinstance(transformer, StackFunction)
    )
    for name, value in transformer.get_params().items():
        assert getattr(transformer, name) is value


@convention
def parameters_are_set_and_cloned(transformer, stacks):
    given = transformer.get_params()
    assert type(transformer)().set_params(**given).get_params() == given
    assert repr(clone(transformer)) == repr(transformer)
    with pytest.raises(ValueError, match="Invalid parameter"):
        transformer.set_params(colour=1)


@convention
def what_is_not_fitted_says_so(transformer, stacks):
    with pytest.raises(NotFittedError):
        clone(transformer).transform(stacks)


@convention
def fit_returns_itself_and_leaves_parameters(transformer, stacks):
    copy = clone(transformer)
    assert copy.fit(stacks) is copy
    assert copy.get_params() == transformer.get_params()
    assert all(name.endswith("_") for name in {*vars(copy)} - {*transformer.get_params()})


@convention
def fitting_and_transforming_are_one_after_another(transformer, stacks):
    one = clone(transformer).fit(stacks).transform(stacks)
    other = clone(transformer).fit_transform(stacks, np.zeros(2))
    np.testing.assert_array_equal(np.asarray(one)[0], np.asarray(other)[0])


@convention
def fitting_again_forgets(transformer, stacks):
    again = clone(transformer).fit(stacks // 2).fit(stacks)
    once = clone(transformer).fit(stacks)
    assert repr(vars(again)) == repr(vars(once))


@convention
def stacks_stay_as_they_are(transformer, stacks):
    before = stacks[:1].copy()
    np.asarray(clone(transformer).fit_transform(before))
    np.testing.assert_array_equal(before, stacks[:1])


@convention
def samples_are_transformed_each_by_itself(transformer, stacks):
    fitted = clone(transformer).fit(stacks)
    np.testing.assert_array_equal(
        np.asarray(fitted.transform(stacks))[1], np.asarray(fitted.transform(stacks[1:]))[0]
    )


@convention
def pickles_transform_the_same(transformer, stacks):
    fitted = clone(transformer).fit(stacks)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(
        np.asarray(copy.transform(stacks[:1])), np.asarray(fitted.transform(stacks[:1]))
    )


@convention
def lists_are_stacks_too(transformer, stacks):
    fitted = clone(transformer).fit([*stacks])
    np.testing.assert_array_equal(
        np.asarray(fitted.transform([*stacks]))[1], np.asarray(fitted.transform(stacks))[1]
    )


@convention
def no_stacks_and_single_ones_are_refused(transformer, stacks):
    for wrong, words in ((stacks[:0], "at least one stack"), (stacks[0], r"np\.newaxis")):
        with pytest.raises(ValueError, match=words):
            clone(transformer).fit(wrong)


@convention
def names_go_through(transformer, stacks):
    fitted = clone(transformer).fit(stacks)
    if transformer in CORRECTORS:
        assert fitted.get_feature_names_out() is None
        assert [*fitted.get_feature_names_out(["a", "b"])] == ["a", "b"]
    chain = make_pipeline(fitted, RecoveryCurveExtractor()) if transformer in CORRECTORS else fitted
    assert [*chain.fit(stacks).get_feature_names_out()] == [*FRAPProtocol().feature_names]


@convention
def tables_are_of_curves_only(transformer, stacks):
    with sklearn.config_context(transform_output="pandas"):
        transformed = clone(transformer).fit_transform(stacks)
    expected = StackSequence if transformer in CORRECTORS else pd.DataFrame
    assert isinstance(transformed, expected)


@pytest.mark.parametrize("asked", CONVENTIONS.values(), ids=CONVENTIONS)
@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)
def test_transformers_of_stacks_keep_scikit_learns_conventions(transformer, asked, stacks):
    asked(transformer, stacks)


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)
def test_transformers_pass_the_checks_that_scikit_learn_has_for_them(transformer):
    """They take 4-D stacks, for which it has one; the table above asks the rest."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        checks = [check for _, check in estimator_checks_generator(transformer)]
    assert checks
    for check in checks:
        check(transformer)
