"""Your own microscope, and the one next to it.

A network belongs to the protocol it was trained on. Here are three ways to another: describe it and
train again; rescale, where one experiment is the other in other units; and go on from the weights,
where neither will do.
"""

import numpy as np
from scipy.stats import loguniform, uniform

from skfrap import Circle, FRAPProtocol, FRAPSimulator, NeuralFRAP
from skfrap.metrics import weighted_mean_squared_error

# %%
# Everything that shapes the curve is in the protocol, and everything you expect in the prior. What
# the prior leaves open becomes a target: here the mobile fraction, besides D, c0 and alpha.

protocol = FRAPProtocol(
    shape=(64, 64),
    pixel_size=0.5,
    bleach_region=Circle(5.0),
    n_prebleach=8,
    n_bleach=1,
    n_postbleach=60,
    frame_interval=0.1,
    padding=32,
)
prior = {"D": loguniform(0.3, 30.0), "mobile_fraction": uniform(0.5, 0.5), "a": 1e-3}


def simulator_of(protocol, seed):
    """Make a simulator of what is expected, in a protocol."""
    return FRAPSimulator(protocol, prior, random_state=seed)


network = NeuralFRAP(protocol, random_state=0)
network.fit_online(simulator_of(protocol, 0), n_samples=50 * 1024)
fresh = simulator_of(protocol, 1).sample(2000)
errors = np.median(np.abs(network.predict(fresh.data) - fresh.target), axis=0)
print("targets: " + ", ".join(network.target_names_))
print("median errors: " + ", ".join(f"{error:.4f}" for error in errors))

# %%
# The same experiment with everything twice as large and twice as slow has the same curves: D is
# what differs, by length² / time. So the network serves it too, and exactly.

larger = protocol.replace(pixel_size=1.0, bleach_region=Circle(10.0), frame_interval=0.2)
theta, rescaled = network.predict(fresh.data), network.predict(fresh.data, protocol=larger)
factors = 10 ** (rescaled[:, 0] - theta[:, 0])
print(f"\ntwice as large, twice as slow: D is {factors.mean():.6f} times that")

# %%
# Where one is not the other in other units, the network says so rather than being wrong.

neighbour = protocol.replace(bleach_region=Circle(5.5))
try:
    network.predict(fresh.data, protocol=neighbour)
except ValueError as error:
    print(f"\na larger bleach region alone: {error}")

# %%
# Train again: on a known protocol this takes seconds, and there is nothing to carry over. Only a
# network that works on the curve itself, `features="raw"`, takes long to learn and can go on from
# weights of a neighbouring protocol: it knows none, and takes any curves of as many frames.

raw = NeuralFRAP(features="raw", batch_size=256, max_iter=30, random_state=0)
drawn = simulator_of(protocol, 2).sample(10_000)
raw.fit(drawn.data, drawn.target, drawn.sample_weight)

few = simulator_of(neighbour, 3).sample(1000)
test = simulator_of(neighbour, 4).sample(2000)


def loss_of(estimator):
    """Compute the loss of log10 D on curves of the neighbouring protocol."""
    estimates = estimator.predict(test.data)
    return weighted_mean_squared_error(test.target, estimates, test.sample_weight)[0]


print("\nloss of log10 D on the neighbouring protocol, networks on the curve itself")
print(f"{'as it is':>34}: {loss_of(raw):.2e}")
raw.set_params(warm_start=True, learning_rate_init=1e-3)
raw.fit(few.data, few.target, few.sample_weight)
print(f"{'going on with 1000 curves of it':>34}: {loss_of(raw):.2e}")
alone = NeuralFRAP(features="raw", batch_size=256, max_iter=30, random_state=0)
alone.fit(few.data, few.target, few.sample_weight)
print(f"{'those 1000 curves alone':>34}: {loss_of(alone):.2e}")
corrected = NeuralFRAP(neighbour, random_state=0)
corrected.fit_online(simulator_of(neighbour, 5), n_samples=50 * 1024)
print(f"{'with the model, trained anew':>34}: {loss_of(corrected):.2e}")
