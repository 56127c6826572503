"""One place for the protocol: a pipeline that hands it to its steps, and refuses others."""

import matplotlib.pyplot
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPPipeline,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    NeuralFRAP,
    load_pretrained,
    make_frap_pipeline,
)
from skfrap.persistence import load, save
from skfrap.pipeline._agreement import agreed_protocol
from skfrap.plotting import (
    EstimatedVersusTrueDisplay,
    PosteriorDisplay,
    ProfileDisplay,
    RecoveryCurveDisplay,
    ResidualsDisplay,
)
from skfrap.preprocessing import BackgroundSubtractor, FadingCorrector, RecoveryCurveExtractor

PROTOCOL = FRAPProtocol(
    shape=(48, 48),
    pixel_size=1.5,
    bleach_region=Circle(9.0),
    n_prebleach=4,
    n_bleach=2,
    n_postbleach=20,
    padding=24,
)
SLOWER = PROTOCOL.replace(frame_interval=0.53)
TRUTH = {"D": 20.0, "c0": 0.7, "alpha": 0.6, "a": 1e-6}


@pytest.fixture(scope="module")
def images():
    return FRAPSimulator(PROTOCOL, TRUTH | {"D": 20.0}, random_state=0).sample_images(6)


@pytest.fixture(scope="module")
def stacks(images):
    return images.data


@pytest.fixture(scope="module")
def by_hand(stacks):
    """What the pipeline must do, its steps each with the protocol."""
    return make_pipeline(
        BackgroundSubtractor(protocol=PROTOCOL),
        RecoveryCurveExtractor(PROTOCOL),
        LeastSquaresFRAP(PROTOCOL),
    ).fit(stacks)


def from_stacks(protocol=PROTOCOL, estimator=None):
    return make_frap_pipeline(protocol, estimator, [BackgroundSubtractor()])


# The protocol


def test_each_step_has_the_protocol_of_the_pipeline(stacks, by_hand):
    pipeline = from_stacks().fit(stacks)
    assert pipeline.protocol_ == PROTOCOL
    assert [step.protocol for step in pipeline.named_steps.values()] == 3 * [PROTOCOL]
    np.testing.assert_array_equal(pipeline.predict(stacks), by_hand.predict(stacks))


def test_what_was_given_stays_as_it_is(stacks):
    pipeline = from_stacks()
    before, steps = pipeline.get_params(), [*pipeline.steps]
    pipeline.fit(stacks)
    after = pipeline.get_params()
    assert all(after[name] is before[name] or after[name] == before[name] for name in before)
    assert all(one[1] is other[1] for one, other in zip(steps, pipeline.steps, strict=True))
    assert all(step.protocol is None and not vars(step).get("protocol_") for _, step in steps)


def test_the_protocol_goes_to_what_steps_hold(stacks):
    held = StackingRegressor([("one", LeastSquaresFRAP()), ("two", BayesianFRAP())])
    pipeline = from_stacks(estimator=TransformedTargetRegressor(held))
    copies = pipeline._copy("last", pipeline.steps[-1][1], PROTOCOL).get_params()
    assert copies["regressor__one__protocol"] == copies["regressor__two__protocol"] == PROTOCOL
    assert held.get_params()["one__protocol"] is None


def test_one_step_may_say_it_for_all(stacks, by_hand):
    pipeline = from_stacks(None, LeastSquaresFRAP(PROTOCOL)).fit(stacks)
    np.testing.assert_array_equal(pipeline.predict(stacks), by_hand.predict(stacks))


OTHERS = {
    "a step": LeastSquaresFRAP(SLOWER),
    "what a step holds": make_pipeline(StandardScaler(), LeastSquaresFRAP(SLOWER)),
    "a trained network": FrozenEstimator(load_pretrained("deepfrap")),
    "a network that a step starts from": LeastSquaresFRAP(
        init=FrozenEstimator(load_pretrained("deepfrap"))
    ),
}


@pytest.mark.parametrize("estimator", OTHERS.values(), ids=OTHERS)
def test_another_protocol_is_refused_wherever_it_is(estimator, stacks):
    with pytest.raises(ValueError, match="steps disagree about the protocol: protocol has"):
        from_stacks(estimator=estimator).fit(stacks)


def test_steps_that_disagree_are_refused_without_a_protocol_of_the_pipeline():
    steps = [("curves", RecoveryCurveExtractor(PROTOCOL)), ("fit", LeastSquaresFRAP(SLOWER))]
    words = (
        r"curves__protocol has frame_interval=0\.265, and fit__protocol has frame_interval=0\.53"
    )
    with pytest.raises(ValueError, match=words):
        FRAPPipeline(steps).fit(np.ones((1, 24, 48, 48)))


def test_a_number_of_prebleach_frames_that_is_not_the_protocols_is_refused(stacks):
    pipeline = make_frap_pipeline(PROTOCOL, corrections=[BackgroundSubtractor(n_prebleach=7)])
    with pytest.raises(ValueError, match="n_prebleach is 7, and the protocol has 4 frames"):
        pipeline.fit(stacks)


def test_where_nobody_says_a_protocol_nothing_is_handed_out():
    """So that samples can bring their own."""
    assert agreed_protocol(None, make_frap_pipeline().steps) is None


def test_what_is_no_protocol_is_refused(stacks):
    with pytest.raises(ValueError, match="protocol must be a FRAPProtocol"):
        from_stacks({"frame_interval": 1.0}).fit(stacks)


# Parameters


def test_parameters_go_out_and_in_again():
    pipeline = from_stacks()
    parameters = pipeline.get_params()
    assert parameters["protocol__frame_interval"] == PROTOCOL.frame_interval
    again = from_stacks(SLOWER, LeastSquaresFRAP(loss="huber")).set_params(**parameters)
    assert repr(again.get_params()) == repr(parameters)
    assert repr(clone(pipeline)) == repr(pipeline)


def test_parts_of_the_protocol_change_together():
    other = {"protocol__shape": (20, 20), "protocol__bleach_region": Circle(4.0)}
    changed = from_stacks().set_params(**other, backgroundsubtractor__sigma=2.0)
    assert changed.protocol == PROTOCOL.replace(shape=(20, 20), bleach_region=Circle(4.0))
    assert changed.named_steps["backgroundsubtractor"].sigma == 2.0


@pytest.mark.parametrize(
    ("pipeline", "name", "words"),
    [
        (from_stacks(None), "protocol__frame_interval", "it has none; give it one"),
        (from_stacks(), "protocol__interval", "a protocol has no"),
        (from_stacks(), "colour", "Invalid parameter 'colour'"),
    ],
    ids=["no protocol", "no such part", "no such parameter"],
)
def test_what_is_not_there_cannot_be_set(pipeline, name, words):
    with pytest.raises(ValueError, match=words):
        pipeline.set_params(**{name: 1.0})


@pytest.mark.filterwarnings("ignore:y has no names")  # of experiments that were not done
def test_a_search_finds_the_experiment_that_was_done(images):
    y = images.target + np.linspace(-1e-6, 1e-6, 6)[:, np.newaxis]  # else R2 has no meaning
    searched = {
        "protocol__frame_interval": [0.1, 0.265, 0.53],
        "protocol__bleach_region": [Circle(6.0), Circle(9.0)],
    }
    search = GridSearchCV(
        from_stacks(), searched, cv=KFold(2), scoring="neg_mean_squared_error", error_score="raise"
    ).fit(images.data, y)
    assert search.best_params_["protocol__frame_interval"] == 0.265
    assert search.best_params_["protocol__bleach_region"] == Circle(9.0)
    assert search.best_estimator_["leastsquaresfrap"].protocol_ == PROTOCOL
    estimates = search.best_estimator_.estimate(images.data)
    np.testing.assert_allclose(estimates.D_um2_s, 20.0, rtol=0.02)
    np.testing.assert_array_equal(
        search.predict(images.data), search.best_estimator_.predict(images.data)
    )
    each = [clone(from_stacks()).set_params(**one) for one in search.cv_results_["params"]]
    train, test = next(KFold(2).split(y))
    by_hand = [
        -np.mean((one.fit(images.data[train], y[train]).predict(images.data[test]) - y[test]) ** 2)
        for one in each
    ]
    np.testing.assert_allclose(search.cv_results_["split0_test_score"], by_hand, rtol=1e-9)


# What the last step can do


@pytest.mark.parametrize("method", ["predict_interval", "estimate", "fit_results"])
def test_answers_are_those_of_the_last_step(method, stacks, by_hand):
    ours = getattr(from_stacks().fit(stacks), method)(stacks)
    expected = getattr(by_hand[-1], method)(by_hand[:-1].transform(stacks))
    for name in ("D_um2_s_lower", "theta"):
        if hasattr(expected, name):
            ours, expected = getattr(ours, name), getattr(expected, name)
    np.testing.assert_array_equal(ours, expected)


def test_arguments_reach_the_last_step(stacks):
    pipeline = from_stacks().fit(stacks)
    theta, std = pipeline.predict(stacks, return_std=True)
    assert theta.shape == std.shape == (6, 3)
    narrow = pipeline.predict_interval(stacks, 0.5, method="profile")
    wide = pipeline.predict_interval(stacks, level=0.99, method="profile")
    assert (np.ptp(narrow, axis=2) < np.ptp(wide, axis=2)).all()
    assert pipeline.estimate(stacks, level=0.5).level == 0.5


def test_posteriors_come_from_stacks(stacks):
    prior = {"a": 1e-6}
    pipeline = from_stacks(estimator=BayesianFRAP(prior=prior, n_nodes=8)).fit(stacks)
    curves = pipeline.recovery_curves(stacks)
    alone = BayesianFRAP(PROTOCOL, prior, n_nodes=8).fit(curves)
    np.testing.assert_array_equal(pipeline.log_evidence(stacks), alone.log_evidence(curves))
    draws = pipeline.sample_posterior(stacks, 5, random_state=1)
    np.testing.assert_array_equal(draws, alone.sample_posterior(curves, 5, random_state=1))
    assert pipeline.target_names_ == alone.target_names_
    display = PosteriorDisplay.from_estimator(pipeline, stacks, n_samples=200)
    matplotlib.pyplot.close(display.figure_)


def test_only_what_the_last_step_can_do_is_offered():
    pipeline = from_stacks()
    assert hasattr(pipeline, "profile")
    assert not hasattr(pipeline, "sample_posterior")
    scaled = from_stacks(estimator=TransformedTargetRegressor(LeastSquaresFRAP()))
    assert hasattr(scaled, "predict")
    assert not hasattr(scaled, "estimate")


def test_displays_take_the_pipeline(images):
    pipeline = from_stacks().fit(images.data)
    for display in (RecoveryCurveDisplay, ResidualsDisplay, ProfileDisplay):
        shown = display.from_estimator(pipeline, images.data, index=1)
        expected = display.from_estimator(
            pipeline["leastsquaresfrap"], pipeline.recovery_curves(images.data), index=1
        )
        assert shown.ax_.get_xlabel() == expected.ax_.get_xlabel()
        for ours, theirs in zip(shown.ax_.lines, expected.ax_.lines, strict=True):
            np.testing.assert_array_equal(ours.get_ydata(), theirs.get_ydata())
    EstimatedVersusTrueDisplay.from_estimator(pipeline, images.data, images.target)
    matplotlib.pyplot.close("all")


def test_a_pipeline_that_is_not_fitted_says_so(stacks):
    with pytest.raises(NotFittedError):
        from_stacks().estimate(stacks)


# Within scikit-learn


def test_cross_validation_is_that_of_an_ordinary_pipeline(images, by_hand):
    ours, theirs = (
        cross_val_predict(one, images.data, images.target, cv=3) for one in (from_stacks(), by_hand)
    )
    np.testing.assert_array_equal(ours, theirs)


def test_weights_reach_the_last_step(images):
    """By whichever way scikit-learn has for them."""
    X, weights = images.data, np.array([0.1, 0.1, 1.0, 1.0, 1.0, 1.0])
    y = images.target + np.arange(6)[:, np.newaxis] ** 2
    regression = Ridge()
    ours = from_stacks(estimator=regression).fit(X, y, sample_weight=weights)
    named = from_stacks(estimator=regression).fit(X, y, ridge__sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = from_stacks(estimator=Ridge().set_fit_request(sample_weight=True))
        routed = asking.fit(X, y, sample_weight=weights)
    curves = ours.recovery_curves(X)
    expected = Ridge().fit(curves, y, sample_weight=weights).predict(curves)
    for pipeline in (ours, named, routed):
        np.testing.assert_array_equal(pipeline.predict(X), expected)
    assert not np.allclose(from_stacks(estimator=regression).fit(X, y).predict(X), expected)


@pytest.mark.slow
def test_a_network_goes_on_from_where_it_is(images):
    network = NeuralFRAP(
        hidden_layer_sizes=(4,), features="raw", max_iter=2, random_state=0, warm_start=True
    )
    pipeline = from_stacks(estimator=network)
    for passes in (2, 4):
        assert pipeline.fit(images.data, images.target)["neuralfrap"].n_iter_ == passes
    assert not hasattr(network, "weights_")


def test_steps_can_be_passed_by_and_named_by_tables(stacks):
    pipeline = from_stacks().set_params(backgroundsubtractor="passthrough")
    pipeline.set_output(transform="pandas").fit(stacks)
    assert [*pipeline["leastsquaresfrap"].feature_names_in_] == [*PROTOCOL.feature_names]
    assert [*pipeline[:-1].get_feature_names_out()] == [*PROTOCOL.feature_names]


def test_some_of_its_steps_have_its_protocol_before_it_is_fitted(stacks):
    pipeline = make_frap_pipeline(PROTOCOL, corrections=[BackgroundSubtractor()])
    curves = pipeline[:-1].fit_transform(stacks)
    np.testing.assert_array_equal(curves, pipeline.fit(stacks)[:-1].transform(stacks))
    assert pipeline.steps[0][1].protocol is None


def test_a_trained_network_stays_as_it_is():
    network = load_pretrained("deepfrap")
    pipeline = make_frap_pipeline(estimator=FrozenEstimator(network))
    stacks = FRAPSimulator(random_state=0).sample_images(1).data
    assert pipeline.fit(stacks).protocol_ == network.protocol_
    curves = RecoveryCurveExtractor().fit_transform(stacks)
    np.testing.assert_array_equal(pipeline.predict(stacks), network.predict(curves))


def test_the_page_of_a_notebook_shows_the_steps():
    assert (
        "FadingCorrector" in make_frap_pipeline(PROTOCOL, None, [FadingCorrector()])._repr_html_()
    )


# Files


def test_a_file_brings_back_the_pipeline(stacks, tmp_path):
    pipeline = from_stacks().fit(stacks)
    save(pipeline, tmp_path / "pipeline.npz")
    copy = load(tmp_path / "pipeline.npz")
    assert repr(copy) == repr(pipeline)
    assert copy.protocol_ == PROTOCOL
    np.testing.assert_array_equal(copy.predict(stacks), pipeline.predict(stacks))
    save(copy, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "pipeline.npz").read_bytes()


def test_a_pipeline_of_functions_cannot_be_saved(stacks, tmp_path):
    pipeline = make_frap_pipeline(PROTOCOL, None, [FunctionTransformer(np.asarray)]).fit(stacks)
    with pytest.raises(ValueError, match=r"steps\[0\]\[1\] is of class .*FunctionTransformer"):
        save(pipeline, tmp_path / "pipeline.npz")
