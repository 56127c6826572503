import os
import pickle
import random
import subprocess
import sys
from itertools import pairwise

import joblib
import numpy as np
import pytest
from scipy.stats import loguniform, uniform
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP, load_pretrained
from skfrap.inference.networks import _keras
from skfrap.inference.networks._features import LinearizedFeatures, ScoreFeatures
from skfrap.inference.networks._network import ACTIVATIONS, forward
from skfrap.inference.networks._task import Task
from skfrap.judging import judge_fits
from skfrap.metrics import weighted_mean_squared_error
from skfrap.scaling import scaled_protocol

BOX = {"D": (1.0, 1000.0), "c0": (0.5, 1.0), "alpha": (0.45, 0.95)}


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
    return small().fit_online(simulator, 128 * 256)


@pytest.fixture(scope="module")
def fitted(default_protocol, sample):
    return small(protocol=default_protocol).fit(sample.data, sample.target, sample.sample_weight)


def losses(fresh, estimates):
    return weighted_mean_squared_error(fresh.target, estimates, fresh.sample_weight)


def arrays_of(network):
    networks = [*network.weights_]
    if network.deviation_weights_ is not None:
        networks.append(network.deviation_weights_)
    return [array for weights in networks for layer in weights for array in layer]


def assert_same_weights(one, other):
    for array, same in zip(arrays_of(one), arrays_of(other), strict=True):
        np.testing.assert_array_equal(array, same)


@pytest.fixture(scope="module")
def fitter(default_protocol):
    names = tuple(BOX)
    task = Task(["log10_D", "c0", "alpha"], default_protocol, "diffusion", names, {}, BOX)
    return task.fitter()


# Accuracy


@pytest.mark.slow
def test_it_beats_the_linearised_fit_on_fresh_curves(online, fitter, fresh):
    features = LinearizedFeatures(fitter)
    features.fit(fresh.data, fresh.target, fresh.sample_weight)
    _, guess, _ = features(fresh.data)
    ratio = losses(fresh, online.predict(fresh.data)) / losses(fresh, guess)
    assert ratio[0] < 0.9
    assert ratio[1] < 1.01
    assert ratio[2] < 0.98


@pytest.mark.slow
def test_an_untrained_network_answers_with_the_linearised_fit(default_protocol, sample):
    network = small(protocol=default_protocol, learning_rate_init=1e-30)
    network.fit(sample.data, sample.target)
    _, guess, _ = network.features_(sample.data)
    np.testing.assert_allclose(network.predict(sample.data), guess, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_estimates_lie_in_the_box(online):
    dip, rise = np.ones(110), np.linspace(0.5, 1, 110)
    dip[10:] = 0
    odd = np.vstack([dip, np.ones(110), rise, rise[::-1]])
    estimates = online.predict(odd)
    assert np.isfinite(estimates).all()
    assert (estimates >= [0, 0.5, 0.45]).all()
    assert (estimates <= [3, 1, 0.95]).all()


def test_the_linearised_fit_finds_noise_free_curves(default_protocol, fitter):
    theta = np.array([[0.5, 0.6, 0.5], [1.4, 0.9, 0.7], [2.7, 0.7, 0.9]])
    curves = FRAPSimulator(default_protocol).curves(theta)
    _, guess, scale = LinearizedFeatures(fitter)._describe(curves)
    np.testing.assert_allclose(guess, theta, atol=1e-4)
    assert (scale < 1e-3).all()


@pytest.mark.slow
def test_scores_learn_too(simulator, fresh):
    network = small(features="scores", learning_rate_init=0.01).fit_online(simulator, 128 * 256)
    assert network.features_name_ == "scores"
    assert isinstance(network.features_, ScoreFeatures)
    estimates = network.predict(fresh.data)
    assert losses(fresh, estimates)[0] < 0.01 * fresh.target[:, 0].var()
    # c0 is hardly corrected in so short a time, and not spoilt either.
    prebleach = fresh.data[:, :10].mean(axis=1)
    error_of_mean = np.average((prebleach - fresh.target[:, 1]) ** 2, weights=fresh.sample_weight)
    assert losses(fresh, estimates)[1] < 1.05 * error_of_mean


@pytest.mark.parametrize(
    ("model", "prior"),
    [
        ("diffusion", {"mobile_fraction": uniform(0.4, 0.5)}),
        pytest.param(
            "diffusion",
            {"D": loguniform(0.1, 10), "imaging_bleach": 0.995},
            marks=pytest.mark.slow,
        ),
        pytest.param("diffusion", {"bleach_blur": uniform(1.0, 3.0)}, marks=pytest.mark.slow),
        ("soumpasis", {"mobile_fraction": 0.8}),
    ],
)
@pytest.mark.slow
def test_it_learns_other_models_and_priors(model, prior):
    protocol = FRAPProtocol(shape=(64, 64), pixel_size=2.0, n_postbleach=40, padding=32)
    simulator = FRAPSimulator(protocol, prior, model=model, random_state=0)
    network = small().fit_online(simulator, 64 * 256)
    assert network.features_name_ == "linearized"
    assert network.target_names_ == simulator.target_names
    fresh = FRAPSimulator(protocol, prior, model=model, random_state=1).sample(2048)
    _, linearized, _ = network.features_(fresh.data)
    gain = losses(fresh, network.predict(fresh.data)) / losses(fresh, linearized)
    assert gain[0] < 0.9
    assert (gain < 1.02).all()
    inside = holds(network.predict_interval(fresh.data), fresh.target)
    np.testing.assert_allclose(inside.mean(axis=0), 0.95, atol=0.05)


def holds(intervals, target):
    return (intervals[..., 0] <= target) & (target <= intervals[..., 1])


# What the network knows of its errors


@pytest.mark.parametrize("level", [0.68, 0.95])
def test_intervals_cover(online, fresh, level):
    inside = holds(online.predict_interval(fresh.data, level), fresh.target)
    np.testing.assert_allclose(inside.mean(axis=0), level, atol=0.02)
    tenth = np.digitize(fresh.target[:, 0], np.linspace(0, 3, 11)[1:-1])
    by_tenths = np.array([inside[tenth == k].mean(axis=0) for k in range(10)])
    np.testing.assert_allclose(by_tenths, level, atol=0.07)


def test_standard_deviations_are_those_of_the_errors(online, fresh):
    theta, std = online.predict(fresh.data, return_std=True)
    np.testing.assert_array_equal(theta, online.predict(fresh.data))
    z = (fresh.target - theta) / std
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.06)
    # They tell good curves from bad ones.
    noisy = fresh.noise_variance > 3e-3
    assert (std[noisy].mean(axis=0) > 2 * std[~noisy].mean(axis=0)).all()


def test_deviations_from_curves_set_aside(default_protocol, sample, fresh):
    network = small(protocol=default_protocol, early_stopping=True).fit(
        sample.data, sample.target, sample.sample_weight
    )
    inside = holds(network.predict_interval(fresh.data), fresh.target)
    assert (np.abs(inside.mean(axis=0) - 0.95) < 0.04).all()
    with pytest.raises(ValueError, match="was not taught standard deviations"):
        small().fit(sample.data, sample.target).predict(sample.data, return_std=True)


# Other experiments


def test_other_units_of_length_and_time_are_exact(online, fresh, default_protocol):
    other = scaled_protocol(default_protocol, length=2.0, time=0.5)
    theta, std = online.predict(fresh.data, return_std=True)
    rescaled, same_std = online.predict(fresh.data, return_std=True, protocol=other)
    np.testing.assert_allclose(rescaled[:, 0], theta[:, 0] + np.log10(2.0**2 / 0.5))
    np.testing.assert_array_equal(rescaled[:, 1:], theta[:, 1:])
    np.testing.assert_allclose(same_std, std, rtol=1e-9)
    interval = online.predict_interval(fresh.data, protocol=other)
    shift = interval[:, 0] - online.predict_interval(fresh.data)[:, 0]
    np.testing.assert_allclose(shift, np.log10(8.0))


def test_other_experiments_are_refused(online, fresh, default_protocol):
    with pytest.raises(ValueError, match="n_bleach is 4 in one and 3 in the other"):
        online.predict(fresh.data, protocol=default_protocol.replace(n_bleach=3))
    with pytest.raises(ValueError, match=r"outside of bounds\['c0'\].*row 3 with 1500"):
        online.predict(np.vstack([fresh.data[:3], np.full(110, 1500.0)]))
    raw = small().fit(fresh.data[:100], fresh.target[:100])
    with pytest.raises(ValueError, match="only if the network was trained with one"):
        raw.predict(fresh.data, protocol=default_protocol)


# The contract of fits


def test_the_same_seed_gives_the_same_bits_and_global_generators_are_left_alone(
    online, simulator, fitted, default_protocol, sample
):
    states = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    again = small().fit_online(simulator, 128 * 256)
    assert_same_weights(again, online)
    again = clone(fitted).fit(sample.data, sample.target, sample.sample_weight)
    assert_same_weights(again, fitted)
    np.testing.assert_array_equal(states[0], np.random.get_state()[1])  # noqa: NPY002
    assert states[1] == random.getstate()
    other = clone(fitted).set_params(random_state=1)
    other.fit(sample.data, sample.target, sample.sample_weight)
    assert not np.array_equal(arrays_of(other)[0], arrays_of(fitted)[0])


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
    assert arrays_of(fitted)[0].shape == (23, 16)
    assert all(array.dtype == np.float32 for array in arrays_of(fitted))
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


@pytest.mark.slow
def test_warm_start_goes_on(simulator):
    network = small(warm_start=True).fit_online(simulator, 20 * 256)
    first = arrays_of(network)
    network.fit_online(simulator, 20 * 256)
    assert network.n_steps_ == 40
    assert not np.array_equal(first[0], arrays_of(network)[0])
    network.set_params(warm_start=False).fit_online(simulator, 20 * 256)
    assert network.n_steps_ == 20
    for array, same in zip(first, arrays_of(network), strict=True):
        np.testing.assert_array_equal(array, same)


def test_warm_start_goes_on_with_targets_that_are_named(sample):
    network = small(features="raw", target_names="alpha", max_iter=1, warm_start=True)
    alpha = sample.target[:, sample.target_names.index("alpha")]
    network.fit(sample.data, alpha)
    assert network.fit(sample.data, alpha).n_iter_ == 2


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


@pytest.mark.slow
def test_it_stops_at_least_squares(simulator, fresh):
    given = fresh.data, fresh.target, fresh.sample_weight
    network = small(stop_at="least_squares").fit_online(simulator, 512 * 256, validation=given)
    assert network.reached_
    assert network.n_iter_ < 8
    benchmark = LeastSquaresFRAP(FRAPProtocol(), BOX).fit(fresh.data)
    _, linearized, _ = network.features_(fresh.data)
    ours, theirs = (
        np.mean(losses(fresh, estimates) / losses(fresh, linearized))
        for estimates in (network.predict(fresh.data), benchmark.predict(fresh.data))
    )
    assert ours <= theirs * 1.001  # the linearised fit's loss is that on other curves here


def test_it_stops_at_given_losses(sample):
    X, y = sample.data, sample.target
    goal = 0.5 * y.var(axis=0)
    network = small(early_stopping=True, max_iter=60, stop_at=goal).fit(X, y)
    assert network.reached_
    reached = network.history_["validation_loss"] <= goal
    assert reached[-1].all()
    assert not reached[:-1].all(axis=1).any()
    assert not small(early_stopping=True, stop_at=0.0).fit(X, y).reached_


def test_validation_measures_the_loss_on_the_targets_scales(simulator, fresh):
    given = fresh.data, fresh.target, fresh.sample_weight
    network = small().fit_online(simulator, 70 * 256, validation=given)
    assert network.history_["validation_loss"].shape == (2, 3)
    np.testing.assert_allclose(
        network.history_["validation_loss"][-1], losses(fresh, network.predict(fresh.data))
    )


@pytest.mark.slow
def test_the_paper_s_networks_have_its_numbers_of_weights(sample):
    joint, alone = 130_179, 129_921
    assert 3 * alone == 389_763
    for targets, n_weights in (
        ("joint", joint),
        ("separate", 3 * alone),
        ("merged", 3 * alone),
    ):
        network = NeuralFRAP.deepfrap2021(targets, max_iter=1, n_init=1, random_state=0)
        network.fit(sample.data[:200], sample.target[:200], sample.sample_weight[:200])
        assert network.n_weights_ == n_weights
        assert network.features_name_ == "raw"
        assert network.predict(sample.data[:7]).shape == (7, 3)


@pytest.mark.slow
def test_separate_networks_learn_as_if_alone(sample):
    network = small(targets="separate", hidden_layer_sizes=8, max_iter=40)
    network.fit(sample.data, sample.target)
    assert [len(weights[-1][1]) for weights in network.weights_] == [1, 1, 1]
    assert network.score(sample.data, sample.target) > 0.85
    alone = small(hidden_layer_sizes=8, max_iter=40).fit(sample.data, sample.target)
    assert network.n_weights_ > 2 * alone.n_weights_


@pytest.mark.slow
def test_the_merged_network_answers_with_the_best_of_both(sample):
    X, y = sample.data, sample.target
    merged, joint, separate = (
        small(targets=targets, hidden_layer_sizes=8).fit(X, y)
        for targets in ("merged", "joint", "separate")
    )
    np.testing.assert_allclose(merged.predict(X)[:, 0], joint.predict(X)[:, 0], rtol=0, atol=1e-5)
    assert merged.n_weights_ == separate.n_weights_
    assert np.abs(merged.predict(X)[:, 1:] - joint.predict(X)[:, 1:]).max() > 1e-4


@pytest.mark.parametrize("scales", [None, (1.0, 0.1, 0.1)])
def test_scales_of_targets_are_an_option(scales, sample):
    X, y, weight = sample.data, sample.target, sample.sample_weight
    network = small(target_scales=scales, max_iter=1, learning_rate_init=1e-30)
    network.fit(X, y, weight)
    squared = ((network.predict(X) - y) / (1.0 if scales is None else scales)) ** 2
    # Batches of unequal size weigh a little differently.
    assert network.loss_ == pytest.approx(np.mean(weight * squared.mean(axis=1)), rel=0.01)


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_importing_keras_leaves_generators_and_the_environment_alone():
    program = (
        "import os, random, sys\n"
        "import numpy as np\n"
        "from skfrap.estimators import _neural\n"
        "from skfrap.inference.networks import _keras\n"
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
@pytest.mark.slow
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


def test_it_takes_names_from_tables(sample):
    pandas = pytest.importorskip("pandas")
    y = pandas.DataFrame(sample.target[:100, ::2], columns=["log10_D", "alpha"])
    assert small().fit(sample.data[:100], y).target_names_ == ["log10_D", "alpha"]


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
        ({"features": "scores"}, "needs a protocol and targets"),
        ({"stop_at": "best", "early_stopping": True}, "stop_at must be 'least_squares' or losses"),
        ({"stop_at": "least_squares"}, "stop_at needs early_stopping"),
        ({"stop_at": "least_squares", "early_stopping": True}, "needs a protocol"),
        ({"target_scales": "spread"}, "target_scales must be 'benchmark'"),
        ({"target_scales": (1.0, 2.0)}, "target_scales must be a positive number for each"),
        ({"bounds": {"D": (1, 2)}}, "bounds needs a protocol"),
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
    with pytest.raises(ValueError, match="need validation"):
        small(early_stopping=True).fit_online(simulator, 1000)
    with pytest.raises(ValueError, match="must agree: model of the estimator is 'soumpasis'"):
        small(model="soumpasis").fit_online(simulator)
    with pytest.raises(ValueError, match=r"must agree: fixed\['mobile_fraction'\]"):
        small(fixed={"mobile_fraction": 0.5}).fit_online(simulator)
    with pytest.raises(ValueError, match="y must have the columns"):
        small(protocol=default_protocol, parameters=("D", "c0"), fixed={"alpha": 0.7}).fit(
            sample.data, sample.target
        )
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


def test_least_squares_goes_on_from_a_network_to_the_same_optimum(online, fresh, default_protocol):
    X = fresh.data[:500]
    hybrid, alone = (
        LeastSquaresFRAP(default_protocol, BOX, init=init).fit(X)
        for init in (FrozenEstimator(online), "grid")
    )
    np.testing.assert_allclose(hybrid.predict(X), alone.predict(X), rtol=0, atol=2e-5)


@pytest.mark.slow
def test_deviations_are_learnt_whatever_the_first_network_learns_by(simulator):
    paper = NeuralFRAP.deepfrap2021(
        hidden_layer_sizes=(16,) * 4,
        batch_size=256,
        early_stopping=False,
        n_init=1,
        momentum=0.9,
        random_state=0,
    ).fit_online(simulator, 64 * 256)
    assert np.isfinite(paper.predict_interval(simulator.sample(5).data)).all()


def test_a_fit_s_constant_deviations_do_not_stay(simulator, sample):
    network = small(warm_start=True).fit_online(simulator, 8 * 256)
    shapes = [matrix.shape for matrix, _ in network.deviation_weights_]
    network.set_params(early_stopping=True).fit(sample.data, sample.target)
    network.set_params(early_stopping=False).fit_online(simulator, 8 * 256)
    assert [matrix.shape for matrix, _ in network.deviation_weights_] == shapes


def test_going_on_asks_for_the_same_task(simulator, sample):
    pandas = pytest.importorskip("pandas")
    network = small(warm_start=True).fit_online(simulator, 2 * 256)
    other = FRAPSimulator(prior={"mobile_fraction": uniform(0.5, 0.5)}, random_state=0)
    with pytest.raises(ValueError, match="transferred to the targets it was trained for"):
        network.fit_online(other, 2 * 256)
    with pytest.raises(ValueError, match="bounds must stay None"):
        network.set_params(bounds={"D": (5, 6)}).partial_fit(sample.data, sample.target)
    y = pandas.DataFrame(sample.target, columns=["log10_D", "c0", "alpha"])
    raw = small(features="raw").partial_fit(sample.data, y)
    with pytest.raises(ValueError, match="in this order"):
        raw.partial_fit(sample.data, y[y.columns[::-1]])


def test_one_parameter_alone_goes_everywhere(default_protocol):
    prior = {"c0": 0.8, "alpha": 0.7}
    sample = FRAPSimulator(default_protocol, prior, random_state=0).sample(2000)
    options = {"parameters": ("D",), "fixed": prior}
    network = small(protocol=default_protocol, early_stopping=True, max_iter=20, **options)
    network.fit(sample.data, sample.target[:, 0])
    other = scaled_protocol(default_protocol, length=2.0)
    shift = network.predict_interval(sample.data, protocol=other)
    np.testing.assert_allclose(shift - network.predict_interval(sample.data), np.log10(4.0))
    hybrid = LeastSquaresFRAP(default_protocol, init=FrozenEstimator(network), **options)
    found = hybrid.fit(sample.data).predict(sample.data)[:, 0]
    assert np.abs(found - sample.target[:, 0]).mean() < 0.05
    assert judge_fits(network, sample.data[:50]).p_value.shape == (50,)


def test_answers_that_are_far_off_have_a_likelihood_to_learn_by():
    # A network of many layers may begin by any answer; the loss was not a number there.
    jax = pytest.importorskip("jax")
    from skfrap.inference.networks._keras import _likelihood_loss, import_keras

    import_keras()
    goal = np.array([[1e-3], [0.5], [30.0]], np.float32)

    def loss(output):
        return _likelihood_loss(output, goal, np.ones_like(goal)).sum()

    for start in (-1000.0, -30.0, 50.0):
        value, slope = jax.value_and_grad(loss)(np.full(goal.shape, start, np.float32))
        assert np.isfinite(value)
        assert np.isfinite(slope).all()
        assert (np.sign(slope) == np.sign(start)).all()  # towards the error's size
    near = np.log(goal)
    expected = (near + 0.5 * goal**2 * np.exp(-2 * near)).sum()
    assert float(loss(near)) == pytest.approx(float(expected), rel=1e-6)


def test_a_value_that_is_missing_is_named_by_its_row_among_many():
    network = load_pretrained()
    X = np.full((70_000, network.n_features_in_), 0.6)
    X[69_990, 3] = np.nan
    for dtype in (np.float64, np.float32):
        with pytest.raises(ValueError, match=r"row 69990, column 3.*1 of 70000"):
            network.predict(X.astype(dtype))
