"""From a trained network to another protocol, or another prior."""

import numpy as np
import pytest
from scipy.stats import loguniform

from skfrap import Circle, FRAPProtocol, FRAPSimulator, NeuralFRAP, load_pretrained
from skfrap.metrics import weighted_mean_squared_error
from skfrap.scaling import scaled_protocol

PROTOCOL = FRAPProtocol(
    shape=(48, 48),
    pixel_size=1.0,
    bleach_region=Circle(7.0),
    n_prebleach=6,
    n_bleach=1,
    n_postbleach=30,
    frame_interval=0.4,
    padding=16,
)
SMALL = {"hidden_layer_sizes": (16, 16), "batch_size": 256, "random_state": 0}


@pytest.fixture(scope="module")
def trained():
    simulator = FRAPSimulator(PROTOCOL, random_state=0)
    return NeuralFRAP(PROTOCOL, **SMALL).fit_online(simulator, 256 * 256)


@pytest.fixture
def start(trained):
    """Copy the network, ready to be transferred."""
    copy = NeuralFRAP.from_state(trained.to_state())
    return copy.set_params(warm_start=True, protocol=None)


def joint_loss(network, sample):
    found = weighted_mean_squared_error(
        sample.target, network.predict(sample.data), sample.sample_weight
    )
    guess = network.features_(sample.data)[1]
    before = weighted_mean_squared_error(sample.target, guess, sample.sample_weight)
    return np.mean(found / before)


def simulators(protocol, prior=None):
    return (FRAPSimulator(protocol, prior, random_state=seed) for seed in (5, 6))


@pytest.mark.parametrize(
    ("changes", "prior"),
    [
        ({"frame_interval": 0.8}, None),
        pytest.param({"bleach_region": Circle(10.0)}, None, marks=pytest.mark.slow),
        pytest.param({"n_postbleach": 40}, None, marks=pytest.mark.slow),
        pytest.param({}, {"D": loguniform(0.3, 3000.0)}, marks=pytest.mark.slow),
    ],
    ids=["interval", "radius", "frames", "prior"],
)
@pytest.mark.slow
def test_a_few_curves_are_enough_for_what_a_fresh_training_needs_many_for(start, changes, prior):
    simulator, other = simulators(PROTOCOL.replace(**changes), prior)
    held = other.sample(4096)
    fresh = NeuralFRAP(**SMALL).fit_online(simulator, 64 * 256)
    start.fit_online(simulator, 12 * 256)
    assert start.protocol_ == simulator.protocol
    assert start.n_steps_ == 12
    assert start.bounds_ == fresh.bounds_
    assert joint_loss(start, held) < joint_loss(fresh, held) + 0.01


@pytest.mark.slow
def test_untrained_it_is_exact_where_the_experiment_is_the_same_in_other_units(trained, start):
    # All D are half as large at twice the frame interval: the very same curves.
    protocol = scaled_protocol(PROTOCOL, time=2.0)
    simulator = FRAPSimulator(protocol, {"D": loguniform(0.5, 500.0)}, random_state=3)
    X = simulator.sample(200).data
    start.set_params(learning_rate_init=1e-30).fit_online(simulator, 64 * 256)
    rescaled = trained.predict(X, protocol=protocol)
    np.testing.assert_allclose(start.predict(X), rescaled, rtol=0, atol=2e-3)


@pytest.mark.slow
def test_the_shipped_network_can_be_transferred_and_its_intervals_hold():
    simulator, other = simulators(PROTOCOL)
    held = other.sample(4096)
    network = load_pretrained().set_params(warm_start=True, batch_size=256, learning_rate_init=1e-3)
    network.set_params(verbose=0).fit_online(simulator, 32 * 256)
    assert joint_loss(network, held) < 0.97
    interval = network.predict_interval(held.data, 0.95)
    inside = (interval[..., 0] <= held.target) & (held.target <= interval[..., 1])
    assert np.all(np.abs(inside.mean(axis=0) - 0.95) < 0.03)


@pytest.mark.slow
def test_labelled_curves_of_another_protocol_do_as_well(start):
    protocol = PROTOCOL.replace(frame_interval=0.8)
    sample, held = (simulator.sample(3000) for simulator in simulators(protocol))
    start.set_params(protocol=protocol, max_iter=2)
    start.fit(sample.data, sample.target, sample.sample_weight)
    assert start.protocol_ == protocol
    assert joint_loss(start, held) < 1.0
    # The same task goes on, and its history with it.
    start.fit(sample.data, sample.target, sample.sample_weight)
    assert start.n_iter_ == 4
    with pytest.raises(ValueError, match="protocol must stay"):
        start.set_params(protocol=PROTOCOL).partial_fit(sample.data, sample.target)


@pytest.mark.slow
def test_what_does_not_help_is_forgotten():
    simulator, _ = simulators(PROTOCOL)
    network = NeuralFRAP(warm_start=True, **SMALL).fit_online(simulator, 8 * 256)
    # Nonsense of good size in place of what was learnt.
    weights = [(W, b + 3.0) for W, b in network.weights_[0]]
    network.weights_ = [weights]
    network.set_params(learning_rate_init=1e-30)
    network.fit_online(FRAPSimulator(PROTOCOL.replace(frame_interval=0.8), random_state=1), 256)
    other = FRAPSimulator(PROTOCOL.replace(frame_interval=0.8), random_state=2).sample(2048)
    assert joint_loss(network, other) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.slow
def test_raw_networks_keep_their_number_of_frames():
    simulator, _ = simulators(PROTOCOL)
    network = NeuralFRAP(features="raw", warm_start=True, **SMALL).fit_online(simulator, 64 * 256)
    longer = FRAPSimulator(PROTOCOL.replace(n_postbleach=40), random_state=1)
    with pytest.raises(ValueError, match="takes 36 inputs"):
        network.fit_online(longer, 256)
    slower = FRAPSimulator(PROTOCOL.replace(frame_interval=0.5), random_state=1)
    assert network.fit_online(slower, 4 * 256).protocol_ == slower.protocol
