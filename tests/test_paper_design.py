"""The paper's design, as its section 3.2 has it, and trainings that are kept in a folder."""

import numpy as np
import pytest
from sklearn.base import clone

from skfrap import FRAPProtocol, FRAPSimulator, NeuralFRAP
from skfrap.estimators import _network_regressor
from skfrap.inference.networks import _run, _training
from skfrap.inference.networks._keras import learning_rates
from skfrap.persistence import load, save

SMALL = {"hidden_layer_sizes": (16,) * 3, "batch_size": 128, "max_iter": 6}
GENTLE = {"learning_rate": "constant", "learning_rate_init": 0.01, "momentum": 0.9}


@pytest.fixture(scope="module")
def sample():
    return FRAPSimulator(random_state=1).sample(1500)


@pytest.fixture(scope="module")
def held():
    sample = FRAPSimulator(random_state=2).sample(500)
    return sample.data, sample.target, sample.sample_weight


def paper(targets="joint", **changes):
    return NeuralFRAP.deepfrap2021(targets, **(SMALL | {"n_init": 1, "random_state": 0} | changes))


def fit(network, sample, held, **options):
    return network.fit(
        sample.data, sample.target, sample.sample_weight, validation_data=held, **options
    )


def assert_same(one, other):
    np.testing.assert_equal(one.weights_, other.weights_)
    np.testing.assert_equal(one._optimizer_states, other._optimizer_states)
    for name in ("step", "loss", "validation_loss"):
        np.testing.assert_array_equal(one.history_[name], other.history_[name])
    np.testing.assert_array_equal(one.best_losses_, other.best_losses_)


# The design


def test_the_schedule_is_the_paper_s():
    epochs = np.array([0.0, 25.0, 50.0, 8049.9, 8050.0, 40_050.0, 48_049.0])
    rates = learning_rates("deepfrap2021", 0.1, None, epochs, None)
    np.testing.assert_allclose(
        np.log10(rates[[0, 2, 3, 4, 5, 6]]), [-3, -1, -1, -1.25, -2.25, -2.25]
    )
    assert rates[1] == pytest.approx((1e-3 + 1e-1) / 2)
    design = NeuralFRAP.deepfrap2021()
    assert design.max_iter == 50 + 6 * design.epochs_per_step == 48_050
    assert (design.batch_size, design.momentum, design.n_init) == (1024, 0.99, 4)
    assert (design.optimizer, design.activation) == ("sgd", "elu")


def test_the_first_layer_sees_the_curve_itself(sample, held):
    network = fit(paper(), sample, held)
    x = sample.data.astype(np.float32)
    inputs, guess, scale = network.features_(sample.data)
    np.testing.assert_array_equal(inputs, x)
    # And the last layer answers with the targets themselves.
    for matrix, bias in network.weights_[0][:-1]:
        x = x @ matrix + bias
        x = np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
    answers = x @ network.weights_[0][-1][0] + network.weights_[0][-1][1]
    np.testing.assert_allclose(network.predict(sample.data), answers, rtol=1e-5, atol=1e-5)
    assert not guess.any()
    assert (scale == 1).all()
    # Of which the default standardises both.
    other = paper(standardize=True, max_iter=1).fit(sample.data, sample.target)
    assert np.abs(other.features_(sample.data)[0].mean(axis=0)).max() < 0.2


def test_losses_are_those_of_equations_9_and_10(sample, held):
    still = {"learning_rate": "constant", "learning_rate_init": 1e-30, "max_iter": 1}
    joint, separate = (
        fit(paper(targets, **still), sample, held) for targets in ("joint", "separate")
    )
    for network in (joint, separate):
        error = network.predict(held[0]) - held[1]
        of_targets = np.mean(held[2][:, np.newaxis] * error**2, axis=0)
        np.testing.assert_allclose(network.history_["validation_loss"][0], of_targets, rtol=1e-5)
        expected = [of_targets.mean()] if network is joint else of_targets
        np.testing.assert_allclose(network.best_losses_, expected, rtol=1e-5)


def test_a_separate_network_learns_as_if_it_were_alone(sample, held):
    # One step on all curves, which is the same whatever their order.
    one_step = {"batch_size": len(sample.data), "max_iter": 1, "learning_rate": "constant"}
    separate = fit(paper("separate", **one_step), sample, held)
    X, y, weight = held
    alone = paper(**one_step).fit(
        sample.data, sample.target[:, :1], sample.sample_weight,
        validation_data=(X, y[:, :1], weight),
    )  # fmt: skip
    for ours, theirs in zip(separate.weights_[0], alone.weights_[0], strict=True):
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-4, atol=1e-6)


def test_each_separate_network_has_its_own_best_epoch(sample, held):
    network = fit(paper("separate", max_iter=25, **GENTLE), sample, held)
    losses = network.history_["validation_loss"]
    assert len({*losses.argmin(axis=0)}) > 1
    np.testing.assert_allclose(network.best_losses_, losses.min(axis=0), rtol=1e-12)
    error = network.predict(held[0]) - held[1]
    np.testing.assert_allclose(np.average(error**2, axis=0, weights=held[2]), losses.min(axis=0))


def test_of_independent_trainings_the_best_of_each_network_is_kept(sample, held):
    network = fit(paper("separate", n_init=4), sample, held)
    assert network.best_losses_.shape == (4, 3)
    assert len({*network.best_losses_[:, 0]}) == 4
    error = network.predict(held[0]) - held[1]
    np.testing.assert_allclose(
        np.average(error**2, axis=0, weights=held[2]), network.best_losses_.min(axis=0)
    )
    assert len(network.histories_) == 4
    with pytest.raises(ValueError, match="n_init = 4 needs early_stopping=True"):
        fit(paper(n_init=4, early_stopping=False), sample, held)


def test_the_final_network_is_d_of_the_joint_one_beside_separate_ones(sample, held, tmp_path):
    final, joint, separate = (
        fit(paper(targets, max_iter=3), sample, held) for targets in ("merged", "joint", "separate")
    )
    assert [weights[-1][0].shape for weights in final.weights_] == [(16, 1)] * 3
    # The first network's choice and training are those of all three targets.
    assert len(final.best_losses_) == 3
    np.testing.assert_allclose(final.best_losses_[0], joint.best_losses_[0], rtol=1e-5)
    np.testing.assert_allclose(
        final.predict(held[0])[:, 0], joint.predict(held[0])[:, 0], rtol=0, atol=1e-5
    )
    assert final.n_weights_ == separate.n_weights_
    # To go on, the outputs that were cut off are there again, out of a file as well.
    save(final, tmp_path / "final.npz")
    for each in (load(tmp_path / "final.npz"), final):
        each.partial_fit(sample.data, sample.target, sample.sample_weight)
        assert each._network.completed(each._whole).columns == [[0, 1, 2], [1], [2]]
        assert [weights[-1][0].shape for weights in each.weights_] == [(16, 1)] * 3


# In a folder


def test_a_training_that_was_broken_off_goes_on_as_if_it_had_not_been(sample, held, tmp_path):
    whole = fit(paper("merged"), sample, held)
    for _ in range(6):
        part = fit(paper("merged"), sample, held, checkpoint_dir=tmp_path, max_time=0.0)
    assert part.n_iter_ == 6
    assert_same(part, whole)
    # What is finished is not trained again, and more passes go on behind it.
    again = fit(paper("merged"), sample, held, checkpoint_dir=tmp_path)
    assert_same(again, whole)
    longer = fit(paper("merged", max_iter=8), sample, held, checkpoint_dir=tmp_path)
    assert_same(longer, fit(paper("merged", max_iter=8), sample, held))
    assert (np.diff(longer.history_["seconds"]) > 0).all()


def test_several_trainings_go_on_as_well(sample, held, tmp_path):
    whole = fit(paper(n_init=2, max_iter=3), sample, held)
    for _ in range(3):
        part = fit(paper(n_init=2, max_iter=3), sample, held, checkpoint_dir=tmp_path, max_time=0)
    assert_same(part, whole)
    assert {path.name for path in tmp_path.iterdir()} == {"start-0.npz", "start-1.npz"}


def test_an_end_at_any_time_loses_no_more_than_an_interval(sample, held, tmp_path, monkeypatch):
    whole = fit(paper(), sample, held)
    steps, calls = _run.take_steps, []

    def broken(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return steps(*arguments)

    monkeypatch.setattr(_run, "take_steps", broken)
    with pytest.raises(KeyboardInterrupt):
        fit(paper(), sample, held, checkpoint_dir=tmp_path, checkpoint_interval=0.0)
    calls.clear()
    monkeypatch.setattr(_run, "take_steps", lambda *given: calls.append(0) or steps(*given))
    assert_same(fit(paper(), sample, held, checkpoint_dir=tmp_path), whole)
    assert len(calls) == 3
    assert not [*tmp_path.glob("*.part")]


def test_another_training_does_not_go_on_from_a_folder(sample, held, tmp_path):
    fit(paper(max_iter=1), sample, held, checkpoint_dir=tmp_path)
    for other in (paper(random_state=1), paper(momentum=0.9), paper("separate")):
        with pytest.raises(ValueError, match="checkpoint_dir holds another training"):
            fit(other, sample, held, checkpoint_dir=tmp_path)
    with pytest.raises(ValueError, match="checkpoint_dir holds another training"):
        paper().fit(
            sample.data + 0.01, sample.target, validation_data=held, checkpoint_dir=tmp_path
        )
    with pytest.raises(ValueError, match="needs a whole number as random_state"):
        fit(paper(random_state=None), sample, held, checkpoint_dir=tmp_path)


def test_progress_can_be_measured_less_often(sample, held):
    network = fit(paper(validation_freq=4), sample, held)
    measured = np.isfinite(network.history_["validation_loss"]).all(axis=1)
    assert measured.tolist() == [False, False, False, True, False, True]
    losses = network.history_["validation_loss"][measured].mean(axis=1)
    assert network.best_losses_[0] == pytest.approx(losses.min())


def test_single_precision_is_taken_as_it_is(sample, held):
    X = sample.data.astype(np.float32)
    one, other = (
        paper(max_iter=2).fit(values, sample.target, validation_data=held)
        for values in (X, X.astype(float))
    )
    np.testing.assert_equal(one.weights_, other.weights_)
    assert np.shares_memory(one.features_(X)[0], X)


@pytest.mark.slow
def test_many_curves_in_single_precision_are_prepared_as_they_come(sample, monkeypatch):
    X = sample.data.astype(np.float32)
    network = NeuralFRAP(features="raw", random_state=0, **(SMALL | {"max_iter": 2}))
    whole = clone(network).fit(X, sample.target)
    monkeypatch.setattr(_training, "_ROWS", 100)
    np.testing.assert_equal(clone(network).fit(X, sample.target).weights_, whole.weights_)
    known = network.set_params(features="linearized", protocol=FRAPProtocol())
    blocks = clone(known).fit(X, sample.target)
    monkeypatch.undo()
    np.testing.assert_allclose(
        clone(known).fit(X, sample.target).predict(X), blocks.predict(X), rtol=0, atol=1e-4
    )
    # Answers, too, a block at a time.
    monkeypatch.setattr(_network_regressor, "_ROWS", 1000)
    np.testing.assert_allclose(whole.predict(X), whole.predict(X.astype(float)), rtol=0, atol=1e-5)
