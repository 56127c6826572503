"""Networks within scikit-learn's pipelines, searches and meta-estimators."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skfrap import Circle, FRAPProtocol, FRAPSimulator, NeuralFRAP, metrics
from skfrap.preprocessing import BackgroundSubtractor, RecoveryCurveExtractor
from skfrap.scaling import scaled_protocol

PROTOCOL = FRAPProtocol(
    shape=(40, 40),
    pixel_size=1.5,
    bleach_region=Circle(9.0),
    n_prebleach=4,
    n_postbleach=20,
    padding=20,
)
SEARCHED = {
    "neuralfrap__hidden_layer_sizes": [(4,), (8, 8)],
    "neuralfrap__learning_rate_init": [1e-3, 1e-2],
    "backgroundsubtractor__sigma": [2.0, 6.0],
}
TWO_FOLDS = KFold(2)


def network(**changes):
    chosen = {"protocol": PROTOCOL, "hidden_layer_sizes": (8, 8), "random_state": 0}
    return NeuralFRAP(**(chosen | {"batch_size": 16, "max_iter": 10} | changes))


def from_images(regressor):
    return make_pipeline(
        BackgroundSubtractor(4.0, protocol=PROTOCOL), RecoveryCurveExtractor(PROTOCOL), regressor
    )


def taught_weights(estimator):
    return [array for one in estimator.weights_ for layer in one for array in layer]


def assert_same_weights(one, other):
    for array, same in zip(taught_weights(one), taught_weights(other), strict=True):
        np.testing.assert_array_equal(array, same)


@pytest.fixture(scope="module")
def images():
    """Draw series that are uneven, brightest in the middle, and as bright as c0 on average."""
    y, x = np.ogrid[-1:1:40j, -1:1:40j]
    squared = x**2 + y**2
    background = 0.05 * (squared.mean() - squared)
    simulator = FRAPSimulator(PROTOCOL, background=background, random_state=0)
    return simulator.sample_images(48)


@pytest.fixture(scope="module")
def curves():
    return FRAPSimulator(PROTOCOL, random_state=1).sample(400)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def weighted(routing):
    return from_images(network().set_fit_request(sample_weight=True))


@pytest.fixture
def scorer(routing):
    return metrics.neg_weighted_mean_squared_error.set_score_request(sample_weight=True)


# Pipelines


@pytest.mark.slow
def test_a_pipeline_is_its_steps_one_after_another(images):
    pipeline = from_images(network()).fit(images.data, images.target)
    corrected = BackgroundSubtractor(4.0, protocol=PROTOCOL).fit_transform(images.data)
    curves = RecoveryCurveExtractor(PROTOCOL).fit_transform(corrected)
    alone = network().fit(curves, images.target)
    assert_same_weights(pipeline[-1], alone)
    np.testing.assert_array_equal(pipeline.predict(images.data), alone.predict(curves))


@pytest.mark.slow
def test_a_network_trained_on_curves_estimates_from_images(images):
    simulator = FRAPSimulator(PROTOCOL, random_state=1)
    trained = network(batch_size=256, max_iter=1).fit_online(simulator, 64 * 256)
    pipeline = from_images(FrozenEstimator(trained)).fit(images.data)
    errors = np.abs(pipeline.predict(images.data) - images.target)
    assert np.median(errors[:, 0]) < 0.1
    uncorrected = trained.predict(RecoveryCurveExtractor(PROTOCOL).fit_transform(images.data))
    of_c0 = np.median(errors[:, 1]), np.median(np.abs(uncorrected - images.target)[:, 1])
    assert of_c0[0] < 0.2 * of_c0[1]


@pytest.mark.slow
def test_frames_are_features_with_names(images):
    pipeline = from_images(network()).set_output(transform="pandas")
    pipeline.fit(images.data, images.target)
    np.testing.assert_array_equal(pipeline[-1].feature_names_in_, PROTOCOL.feature_names)
    plain = from_images(network()).fit(images.data, images.target)
    np.testing.assert_array_equal(pipeline.predict(images.data), plain.predict(images.data))


def test_what_predict_takes_goes_through_a_pipeline(images):
    pipeline = from_images(network(early_stopping=True, validation_fraction=0.25))
    pipeline.fit(images.data, images.target)
    theta, std = pipeline.predict(images.data, return_std=True)
    np.testing.assert_array_equal(theta, pipeline.predict(images.data))
    assert (std > 0).all()
    twice_as_fast = scaled_protocol(PROTOCOL, time=0.5)
    faster = pipeline.predict(images.data, protocol=twice_as_fast)
    np.testing.assert_allclose(faster[:, 0] - theta[:, 0], np.log10(2))


def test_weights_reach_the_network_by_the_name_of_its_step(images):
    spoilt, weight = images.target.copy(), images.sample_weight.copy()
    spoilt[::3], weight[::3] = images.target[0], 0
    used = weight > 0
    one = from_images(network()).fit(images.data, spoilt, neuralfrap__sample_weight=weight)
    other = from_images(network()).fit(
        images.data[used], images.target[used], neuralfrap__sample_weight=weight[used]
    )
    assert_same_weights(one[-1], other[-1])


def test_routed_weights_reach_the_network(weighted, images):
    plain = clone(weighted).fit(images.data, images.target)
    routed = clone(weighted).fit(images.data, images.target, sample_weight=images.sample_weight)
    curves = routed[:-1].transform(images.data)
    assert_same_weights(
        routed[-1], network().fit(curves, images.target, sample_weight=images.sample_weight)
    )
    assert not np.array_equal(taught_weights(routed[-1])[0], taught_weights(plain[-1])[0])


# Cross-validation and search


def score_by_hand(estimator, images, train, test):
    X, y, weight = images.data, images.target, images.sample_weight
    fitted = clone(estimator).fit(X[train], y[train], sample_weight=weight[train])
    losses = metrics.weighted_mean_squared_error(y[test], fitted.predict(X[test]), weight[test])
    return -losses.mean()


def test_cross_validation_trains_and_scores_with_weights(weighted, scorer, images):
    scores = cross_val_score(
        weighted,
        images.data,
        images.target,
        cv=TWO_FOLDS,
        scoring=scorer,
        params={"sample_weight": images.sample_weight},
    )
    splits = TWO_FOLDS.split(images.data)
    by_hand = [score_by_hand(weighted, images, *split) for split in splits]
    np.testing.assert_allclose(scores, by_hand, rtol=1e-12)
    assert (scores < 0).all()


def searched(weighted, scorer, images, among=SEARCHED, **options):
    search = GridSearchCV(
        weighted, among, cv=TWO_FOLDS, scoring=scorer, error_score="raise", **options
    )
    return search.fit(images.data, images.target, sample_weight=images.sample_weight)


@pytest.mark.slow
def test_a_search_finds_what_trying_all_finds(weighted, scorer, images):
    search = searched(weighted, scorer, images)
    candidates = search.cv_results_["params"]
    assert len(candidates) == 8
    train, test = next(TWO_FOLDS.split(images.data))
    by_hand = [
        score_by_hand(clone(weighted).set_params(**chosen), images, train, test)
        for chosen in candidates
    ]
    np.testing.assert_allclose(search.cv_results_["split0_test_score"], by_hand, rtol=1e-12)
    # Each of the searched parameters matters.
    assert len(np.unique(by_hand)) == 8
    best = clone(weighted).set_params(**search.best_params_)
    best.fit(images.data, images.target, sample_weight=images.sample_weight)
    assert_same_weights(search.best_estimator_[-1], best[-1])


@pytest.mark.slow
def test_workers_find_the_same_bits_and_say_nothing(weighted, scorer, images, capfd):
    # Warnings of workers are errors, as here: scikit-learn hands them the filters.
    among = {name: SEARCHED[name] for name in [*SEARCHED][-1:]}  # one fit for each and fold
    one, two = (searched(weighted, scorer, images, among, n_jobs=n_jobs) for n_jobs in (1, 2))
    for key in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(one.cv_results_[key], two.cv_results_[key])
    assert_same_weights(one.best_estimator_[-1], two.best_estimator_[-1])
    assert capfd.readouterr() == ("", "")


# Meta-estimators


@pytest.mark.slow
def test_one_regressor_per_target_is_one_network_each(curves):
    X, y, weight = curves.data, curves.target, curves.sample_weight
    each = MultiOutputRegressor(network(protocol=None)).fit(X, y, sample_weight=weight)
    alone = [network(protocol=None).fit(X, column, sample_weight=weight) for column in y.T]
    expected = np.column_stack([one.predict(X) for one in alone])
    np.testing.assert_array_equal(each.predict(X), expected)


def to_targets(natural):
    return np.column_stack([np.log10(natural[:, 0]), natural[:, 1:]])


def to_natural(targets):
    return np.column_stack([10 ** targets[:, 0], targets[:, 1:]])


def test_targets_can_be_given_in_natural_units(curves):
    X, y = curves.data, curves.target
    natural = TransformedTargetRegressor(network(), func=to_targets, inverse_func=to_natural)
    natural.fit(X, to_natural(y))
    direct = network().fit(X, to_targets(to_natural(y)))
    np.testing.assert_array_equal(natural.predict(X), to_natural(direct.predict(X)))


def test_scaled_targets_come_back_on_their_own_scales(curves):
    X, y = curves.data, curves.target
    raw = network(protocol=None, max_iter=40, learning_rate_init=0.01)
    scaled = TransformedTargetRegressor(clone(raw), transformer=StandardScaler()).fit(X, y)
    # Networks standardise their targets themselves, so this comes to the same.
    np.testing.assert_allclose(scaled.predict(X), raw.fit(X, y).predict(X), atol=1e-3)
    assert scaled.score(X, y) > 0.8


# Parameters


def test_parameters_go_out_and_in_again():
    changed = network(
        model="diffusion",
        parameters=("D", "c0", "alpha"),
        bounds={"D": (0.5, 2000.0)},
        fixed={"mobile_fraction": 1.0},
        targets="merged",
        stop_at=(0.1, 0.2, 0.3),
    )
    parameters = changed.get_params()
    again = NeuralFRAP().set_params(**parameters)
    assert again.get_params() == parameters
    assert clone(changed).get_params() == parameters
    assert repr(clone(changed)) == repr(changed)


@pytest.mark.slow
def test_parameters_of_a_step_are_those_it_is_trained_with(images):
    pipeline = from_images(network())
    pipeline.set_params(neuralfrap__hidden_layer_sizes=(5, 7), backgroundsubtractor__sigma=1.0)
    pipeline.fit(images.data, images.target)
    assert [bias.size for _, bias in pipeline[-1].weights_[0]] == [5, 7, 3]
    copy = clone(pipeline)
    with pytest.raises(NotFittedError):
        check_is_fitted(copy[-1])
    assert_same_weights(copy.fit(images.data, images.target)[-1], pipeline[-1])
