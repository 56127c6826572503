import os
import pickle
import random
import subprocess
import sys
from itertools import pairwise
from unittest import SkipTest

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP
from skfrap.estimators import _keras
from skfrap.estimators._features import LinearizedFeatures, ScoreFeatures, _inverse
from skfrap.estimators._network import ACTIVATIONS, forward
from skfrap.metrics import weighted_mean_squared_error

BOX = {"D": (1.0, 1000.0), "c0": (0.5, 1.0), "alpha": (0.45, 0.95)}
EXPLAINED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "repeated rows sum in another order than weighted ones: the same to float32's rounding only"
    ),
}
MAY_BE_SKIPPED = {"check_array_api_input"}
QUICK = {"hidden_layer_sizes": (16,), "max_iter": 100, "learning_rate_init": 0.02}


@parametrize_with_checks([NeuralFRAP(**QUICK)], expected_failed_checks=lambda estimator: EXPLAINED)
def test_scikit_learn_check(estimator, check):
    try:
        check(estimator)
    except SkipTest:
        assert getattr(check, "func", check).__name__ in MAY_BE_SKIPPED
        raise


@pytest.fixture(scope="module")
def simulator():
    return FRAPSimulator(random_state=1)


@pytest.fixture(scope="module")
def sample(simulator):
    return simulator.sample(3000)


@pytest.fixture(scope="module")
def fresh():
    return FRAPSimulator(random_state=2).sample(8192)


def small(**changes):
    chosen = {"hidden_layer_sizes": (16, 16), "batch_size": 256, "max_iter": 3, "random_state": 0}
    return NeuralFRAP(**(chosen | changes))


@pytest.fixture(scope="module")
def online(simulator):
    return small().fit_online(simulator, 256 * 256)


@pytest.fixture(scope="module")
def fitted(default_protocol, sample):
    return small(protocol=default_protocol).fit(sample.data, sample.target, sample.sample_weight)


def losses(fresh, estimates):
    return weighted_mean_squared_error(fresh.target, estimates, fresh.sample_weight)


def assert_same_weights(one, other):
    for layer, same in zip(one.weights_, other.weights_, strict=True):
        np.testing.assert_array_equal(layer[0], same[0])
        np.testing.assert_array_equal(layer[1], same[1])


# Accuracy


def test_it_beats_the_linearised_fit_on_fresh_curves(online, default_protocol, fresh):
    features = LinearizedFeatures(default_protocol, BOX)
    features.fit(fresh.data, fresh.target, fresh.sample_weight)
    _, guess, _ = features(fresh.data)
    ratio = losses(fresh, online.predict(fresh.data)) / losses(fresh, guess)
    assert ratio[0] < 0.9
    assert ratio[1] < 1.01
    assert ratio[2] < 0.98


def test_an_untrained_network_answers_with_the_linearised_fit(default_protocol, sample):
    network = small(protocol=default_protocol, learning_rate_init=1e-30)
    network.fit(sample.data, sample.target)
    _, guess, _ = network.features_(sample.data)
    np.testing.assert_allclose(network.predict(sample.data), guess, rtol=0, atol=1e-6)


def test_estimates_lie_in_the_box(online):
    odd = np.vstack([np.zeros(110), np.ones(110), np.full(110, 1e3), np.linspace(1, 0, 110)])
    estimates = online.predict(odd)
    assert np.isfinite(estimates).all()
    assert (estimates >= [0, 0.5, 0.45]).all()
    assert (estimates <= [3, 1, 0.95]).all()


def test_the_linearised_fit_finds_noise_free_curves(default_protocol):
    theta = np.array([[0.5, 0.6, 0.5], [1.4, 0.9, 0.7], [2.7, 0.7, 0.9]])
    curves = FRAPSimulator(default_protocol).curves(theta)
    _, guess, scale = LinearizedFeatures(default_protocol, BOX)._describe(curves)
    np.testing.assert_allclose(guess, theta, atol=1e-4)
    assert (scale < 1e-3).all()


def test_scores_learn_too(simulator, fresh):
    network = small(features="scores", learning_rate_init=0.01).fit_online(simulator, 256 * 256)
    assert network.features_name_ == "scores"
    assert isinstance(network.features_, ScoreFeatures)
    estimates = network.predict(fresh.data)
    assert losses(fresh, estimates)[0] < 0.01 * fresh.target[:, 0].var()
    # c0 is hardly corrected in so short a time, and not spoilt either.
    prebleach = fresh.data[:, :10].mean(axis=1)
    error_of_mean = np.average((prebleach - fresh.target[:, 1]) ** 2, weights=fresh.sample_weight)
    assert losses(fresh, estimates)[1] < 1.05 * error_of_mean


def test_cofactors_invert():
    matrices = np.random.default_rng(0).normal(size=(5, 3, 8))
    matrices = matrices @ matrices.swapaxes(1, 2)
    lower = [[matrices[:, j, k] for k in range(j + 1)] for j in range(3)]
    inverse = np.moveaxis(np.array(_inverse(lower)), -1, 0)
    np.testing.assert_allclose(inverse, np.linalg.inv(matrices), rtol=1e-9)


# The contract of fits


def test_the_same_seed_gives_the_same_bits_and_global_generators_are_left_alone(
    online, simulator, fitted, default_protocol, sample
):
    states = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    again = small().fit_online(simulator, 256 * 256)
    assert_same_weights(again, online)
    again = clone(fitted).fit(sample.data, sample.target, sample.sample_weight)
    assert_same_weights(again, fitted)
    np.testing.assert_array_equal(states[0], np.random.get_state()[1])  # noqa: NPY002
    assert states[1] == random.getstate()
    other = clone(fitted).set_params(random_state=1)
    other.fit(sample.data, sample.target, sample.sample_weight)
    assert not np.array_equal(other.weights_[0][0], fitted.weights_[0][0])


def test_samples_of_weight_zero_do_not_matter(default_protocol, sample):
    weight = sample.sample_weight.copy()
    weight[::3] = 0
    spoilt = sample.target.copy()
    spoilt[::3] = 99
    used = weight > 0
    one = small(protocol=default_protocol).fit(sample.data, spoilt, weight)
    other = small(protocol=default_protocol).fit(
        sample.data[used], sample.target[used], weight[used]
    )
    assert_same_weights(one, other)


def test_sample_weight_reaches_the_loss():
    X = np.zeros((200, 3))
    y = np.repeat([0.0, 1.0], 100)
    weight = np.repeat([3.0, 1.0], 100)
    network = small(max_iter=60, learning_rate_init=0.05).fit(X, y, weight)
    np.testing.assert_allclose(network.predict(X), 0.25, atol=0.02)


def test_attributes_say_what_was_learnt(fitted, sample):
    assert fitted.target_names_ == ["log10_D", "c0", "alpha"]
    assert fitted.features_name_ == "linearized"
    assert fitted.n_features_in_ == 110
    assert fitted.n_iter_ == 3
    assert fitted.n_steps_ == 3 * 12
    assert {*fitted.history_} == {"step", "loss", "seconds"}
    assert fitted.history_["loss"].shape == (3,)
    assert fitted.history_["loss"][-1] == fitted.loss_
    assert fitted.weights_[0][0].shape == (23, 16)
    assert all(array.dtype == np.float32 for layer in fitted.weights_ for array in layer)
    assert fitted.predict(sample.data[:4]).shape == (4, 3)


def test_partial_fit_goes_on(default_protocol, sample):
    network = small(protocol=default_protocol)
    for _ in range(3):
        network.partial_fit(sample.data, sample.target, sample.sample_weight)
    assert network.n_iter_ == 3
    np.testing.assert_array_equal(network.history_["step"], [12, 24, 36])
    assert network.history_["loss"][-1] < network.history_["loss"][0]
    assert (np.diff(network.history_["seconds"]) > 0).all()
    copy = pickle.loads(pickle.dumps(network))
    assert_same_weights(
        copy.partial_fit(sample.data, sample.target),
        network.partial_fit(sample.data, sample.target),
    )


def test_warm_start_goes_on(simulator):
    network = small(warm_start=True).fit_online(simulator, 20 * 256)
    first = network.weights_
    network.fit_online(simulator, 20 * 256)
    assert network.n_steps_ == 40
    assert not np.array_equal(first[0][0], network.weights_[0][0])
    network.set_params(warm_start=False).fit_online(simulator, 20 * 256)
    assert network.n_steps_ == 20
    np.testing.assert_array_equal(first[0][0], network.weights_[0][0])


def test_early_stopping_keeps_the_best_weights(sample):
    network = small(
        early_stopping=True,
        n_iter_no_change=3,
        max_iter=60,
        learning_rate="constant",
        learning_rate_init=0.02,
    ).fit(sample.data[:300], sample.target[:300])
    validation = network.history_["validation_loss"]
    assert validation.shape == (network.n_iter_, 3)
    assert network.n_iter_ < 60
    assert validation.shape[0] - 1 - validation.sum(axis=1).argmin() <= 6


def test_validation_measures_the_loss_on_the_targets_scales(simulator, fresh):
    given = fresh.data, fresh.target, fresh.sample_weight
    network = small().fit_online(simulator, 70 * 256, validation=given)
    assert network.history_["validation_loss"].shape == (2, 3)
    np.testing.assert_allclose(
        network.history_["validation_loss"][-1], losses(fresh, network.predict(fresh.data))
    )


def test_the_paper_s_networks_have_its_numbers_of_weights(sample):
    for targets, n_weights in (("joint", 130_179), ("separate", 3 * 129_921)):
        network = NeuralFRAP.deepfrap2021(targets, max_iter=1, random_state=0)
        network.fit(sample.data, sample.target, sample.sample_weight)
        assert network.n_weights_ == n_weights
        assert network.features_name_ == "raw"
        assert network.predict(sample.data[:7]).shape == (7, 3)


def test_separate_networks_learn_as_if_alone(sample):
    network = small(targets="separate", hidden_layer_sizes=8, max_iter=40)
    network.fit(sample.data, sample.target)
    assert network.weights_[0][0].shape == (3, 110, 8)
    assert network.score(sample.data, sample.target) > 0.9
    alone = small(hidden_layer_sizes=8, max_iter=40).fit(sample.data, sample.target)
    assert network.n_weights_ > 2 * alone.n_weights_


# Networks


@pytest.mark.parametrize("skips", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_numpy_computes_what_keras_does(activation, skips):
    generator = np.random.default_rng(0)
    widths = (4, 6, 6, 2)
    weights = [
        (generator.normal(size=pair).astype("f"), generator.normal(size=pair[1]).astype("f"))
        for pair in pairwise(widths)
    ]
    model = _keras._build_model(_keras.import_keras(), widths, activation, skips)
    model.set_weights([array for layer in weights for array in layer])
    inputs = 3 * generator.normal(size=(50, 4)).astype("f")
    expected = np.asarray(model(inputs))
    np.testing.assert_allclose(
        forward(inputs, weights, activation, skips), expected, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_other_backends_take_the_same_steps(optimizer):
    generator = np.random.default_rng(0)
    keras = _keras.import_keras()
    steppers = []
    for kind in (_keras._JaxStepper, _keras._KerasStepper):
        model = _keras._build_model(keras, (3, 5, 2), "tanh", False)
        chosen = keras.optimizers.Adam(global_clipnorm=1.0)
        if optimizer == "sgd":
            chosen = keras.optimizers.SGD(0.1, momentum=0.9)
        chosen.build(model.trainable_variables)
        steppers.append(kind(model, chosen))
    shapes = (3, 5), (5,), (5, 2), (2,)
    weights = [generator.normal(size=shape).astype("f") for shape in shapes]
    data = [generator.uniform(size=(4, 8, n)).astype("f") for n in (3, 2, 2)]
    rates = np.array([0.1, 0.05, 0.02])
    one, other = (
        stepper.advance(weights, stepper.initial_state(), *data, rates) for stepper in steppers
    )
    np.testing.assert_allclose(one[2], other[2], rtol=1e-5)
    for array, same in zip(one[0], other[0], strict=True):
        np.testing.assert_allclose(array, same, rtol=1e-4, atol=1e-5)


def test_keras_written_tensorflow_is_nobody_s_choice(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert _keras._choose_backend() == "jax"
    (tmp_path / "keras.json").write_text('{"backend": "tensorflow"}')
    assert _keras._choose_backend() == "jax"
    monkeypatch.setattr(_keras.importlib.util, "find_spec", lambda name: name != "jax")
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    assert _keras._choose_backend() == "torch"
    monkeypatch.setattr(_keras.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="install jax"):
        _keras._choose_backend()


def test_importing_keras_leaves_generators_and_the_environment_alone():
    program = (
        "import os, random, sys\n"
        "import numpy as np\n"
        "from skfrap.estimators import _keras, _neural\n"
        "assert not {'keras', 'jax'} & set(sys.modules)\n"
        "np.random.seed(0), random.seed(0)\n"
        "_keras.import_keras()\n"
        "found = np.random.rand(), random.random()\n"
        "np.random.seed(0), random.seed(0)\n"
        "assert found == (np.random.rand(), random.random())\n"
        "assert 'KERAS_BACKEND' not in os.environ\n"
    )
    run_elsewhere(program, None, without="KERAS_BACKEND")


# Persistence


def run_elsewhere(program, folder, without=None):
    path = [entry for entry in sys.path if entry]
    environment = {name: value for name, value in os.environ.items() if name != without}
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{program}"]
    subprocess.run(command, check=True, cwd=folder, env=environment)


@pytest.mark.parametrize(
    "dump", [joblib.dump, lambda what, path: path.write_bytes(pickle.dumps(what))]
)
def test_it_predicts_the_same_in_another_process_without_keras(dump, fitted, sample, tmp_path):
    dump(fitted, tmp_path / "network.pickle")
    np.save(tmp_path / "curves.npy", sample.data[:500])
    program = (
        "import sys, joblib, numpy as np\n"
        "network = joblib.load('network.pickle')\n"
        "np.save('estimates.npy', network.predict(np.load('curves.npy')))\n"
        "assert network.skfrap_version_\n"
        "assert not {'keras', 'jax', 'tensorflow', 'torch'} & set(sys.modules)\n"
    )
    run_elsewhere(program, tmp_path)
    np.testing.assert_allclose(
        np.load(tmp_path / "estimates.npy"), fitted.predict(sample.data[:500]), rtol=0, atol=1e-6
    )


# scikit-learn's compositions


def test_it_composes(sample):
    X, y = sample.data[:300], sample.target[:300]
    quick = small(max_iter=2)
    assert cross_val_score(quick, X, y, cv=2).shape == (2,)
    search = GridSearchCV(quick, {"hidden_layer_sizes": [(4,), (8, 8)]}, cv=2).fit(X, y)
    assert search.best_params_["hidden_layer_sizes"] in [(4,), (8, 8)]
    assert make_pipeline(StandardScaler(), quick).fit(X, y).predict(X).shape == (300, 3)
    assert MultiOutputRegressor(quick).fit(X, y).predict(X).shape == (300, 3)
    assert quick.fit(X, y[:, 0]).predict(X).shape == (300,)


def test_it_takes_names_from_tables(sample):
    pandas = pytest.importorskip("pandas")
    y = pandas.DataFrame(sample.target[:100, ::2], columns=["log10_D", "alpha"])
    assert small().fit(sample.data[:100], y).target_names_ == ["log10_D", "alpha"]


def test_it_takes_the_protocol_in_a_pipeline(default_protocol, sample):
    pipeline = make_pipeline(FunctionTransformer(), small(protocol=default_protocol))
    pipeline.fit(sample.data, sample.target, neuralfrap__sample_weight=sample.sample_weight)
    assert pipeline.predict(sample.data[:2]).shape == (2, 3)


# Errors


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "sine"}, "activation must be one of"),
        ({"features": "images"}, "features must be one of"),
        ({"optimizer": "lbfgs"}, "optimizer must be one of"),
        ({"learning_rate": "steep"}, "learning_rate must be one of"),
        ({"targets": "both"}, "targets must be one of"),
        ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes must be whole numbers"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"max_iter": 1.5}, "max_iter must be a whole number"),
        ({"learning_rate_init": 0}, "learning_rate_init must be a number"),
        ({"momentum": 1.0}, "momentum must be a number"),
        ({"early_stopping": True, "validation_fraction": 1e-6}, "leaves none on one side"),
        ({"protocol": "default"}, "protocol must be a FRAPProtocol"),
        ({"features": "scores"}, "needs a protocol and the targets"),
    ],
)
def test_wrong_options_are_named(changes, message, sample):
    with pytest.raises(ValueError, match=message):
        small(**changes).fit(sample.data[:50], sample.target[:50])


def test_wrong_data_are_named(default_protocol, fitted, sample, simulator):
    network = small(protocol=default_protocol)
    with pytest.raises(ValueError, match="100 columns, and the protocol has 110 frames"):
        network.fit(sample.data[:, :100], sample.target)
    with pytest.raises(ValueError, match="X has 100 features, but NeuralFRAP is expecting 110"):
        fitted.predict(sample.data[:, :100])
    with pytest.raises(ValueError, match=r"outside of bounds\['D'\].*give wider bounds"):
        network.set_params(bounds={"D": (1.0, 10.0)}).fit(sample.data, sample.target)
    with pytest.raises(ValueError, match="bounds can be given for the parameters"):
        small(protocol=default_protocol, bounds={"mobile_fraction": (0, 1)}).fit(
            sample.data, sample.target
        )
    with pytest.raises(ValueError, match=r"above 0|non-zero"):
        network.fit(sample.data, sample.target, np.zeros(3000))
    with pytest.raises(ValueError, match="simulator must have the estimator's protocol"):
        small(protocol=default_protocol.replace(n_postbleach=50)).fit_online(simulator)
    with pytest.raises(ValueError, match="n_samples must be a whole number of at least batch_size"):
        small().fit_online(simulator, 10)
    with pytest.raises(ValueError, match="early_stopping needs validation"):
        small(early_stopping=True).fit_online(simulator, 1000)
    copy = pickle.loads(pickle.dumps(fitted)).set_params(hidden_layer_sizes=(8,))
    with pytest.raises(ValueError, match=r"hidden_layer_sizes must stay \(16, 16\)"):
        copy.partial_fit(sample.data, sample.target)
    with pytest.raises(ValueError, match="y must have the columns"):
        clone(fitted).fit(sample.data, sample.target).partial_fit(sample.data, sample.target[:, :2])


def test_a_loss_that_is_not_finite_stops(sample):
    network = small(optimizer="sgd", learning_rate="constant", learning_rate_init=1e30)
    with pytest.raises(FloatingPointError, match="smaller learning_rate_init"):
        network.fit(sample.data, sample.target)
    assert not hasattr(network, "weights_")


def test_least_squares_goes_on_from_a_network_to_the_same_optimum():
    protocol, box = FRAPProtocol(), {"D": (1, 1000), "c0": (0.5, 1), "alpha": (0.45, 0.95)}
    network = NeuralFRAP(protocol, random_state=0)
    network.fit_online(FRAPSimulator(protocol, random_state=0), n_samples=200 * 1024)
    X = FRAPSimulator(protocol, random_state=1).sample(500).data
    hybrid, alone = (
        LeastSquaresFRAP(protocol, box, init=init).fit(X)
        for init in (FrozenEstimator(network), "grid")
    )
    np.testing.assert_allclose(hybrid.predict(X), alone.predict(X), rtol=0, atol=2e-5)
