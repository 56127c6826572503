"""
A network for your own protocol
===============================

A network belongs to the protocol and the prior that it was trained for.
Training takes seconds, and no data: describe the experiment, say what may
occur, and the network learns from simulated curves.
"""

# %%
# Everything that shapes the curve is in the protocol, lengths in µm and times
# in s. Everything that you expect is in the prior. What the prior leaves open
# is what is estimated: here the mobile fraction, besides D, c0 and alpha.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform, uniform

from skfrap import (
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    NeuralFRAP,
)
from skfrap.metrics import weighted_mean_squared_error

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
prior = {
    "D": loguniform(0.3, 30.0),
    "mobile_fraction": uniform(0.5, 0.5),
    "a": loguniform(1e-4, 1e-2),
}


def simulator_of(protocol, seed):
    """Make a simulator of what is expected, in a protocol."""
    return FRAPSimulator(protocol, prior, random_state=seed)


# %%
# Every curve is new to the network, so that it cannot learn them by heart.
# More of them make it better; the default is twenty-five times as many.

network = NeuralFRAP(protocol, random_state=0)
network.fit_online(simulator_of(protocol, 0), n_samples=200 * 1024)

# %%
# Is it any good? Fresh curves, from another seed, against least squares in the
# box of the same prior. The loss is the DeepFRAP paper's: squared errors,
# weighted by the inverse of the noise.

fresh = simulator_of(protocol, 1).sample(4000)
names = network.target_names_
least_squares = LeastSquaresFRAP(
    protocol,
    bounds=network.bounds_,
    parameters=("D", "c0", "alpha", "mobile_fraction"),
).fit(fresh.data)
estimates = {
    "least squares": least_squares.predict(fresh.data),
    "network": network.predict(fresh.data),
}
losses = {
    name: weighted_mean_squared_error(fresh.target, one, fresh.sample_weight)
    for name, one in estimates.items()
}
losses["ratio"] = losses["network"] / losses["least squares"]
print(f"{'loss':>14}" + "".join(f"{name:>16}" for name in names))
for name, values in losses.items():
    print(f"{name:>14}" + "".join(f"{value:16.3g}" for value in values))

# %%
# That is on average over the prior, and not so for every D. Where D is low the
# recording ends before it is seen where the curve levels off: the curve says
# little, and what is likely counts. Next to that the network pays for it, as
# it pulls there too. Where D is high the curve says all, and nothing is to be
# gained.

bins = np.geomspace(0.3, 30.0, 11)
which = np.digitize(10.0 ** fresh.target[:, 0], bins[1:-1])
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
labels = {0: "log10 D", 3: "mobile fraction"}
for ax, (target, label) in zip(axes, labels.items(), strict=True):
    for name, one in estimates.items():
        squared = fresh.sample_weight * (one - fresh.target)[:, target] ** 2
        errors = [np.sqrt(squared[which == k].mean()) for k in range(10)]
        ax.loglog(np.sqrt(bins[1:] * bins[:-1]), errors, "o-", label=name)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set(xlabel="true D (µm²/s)", ylabel=f"weighted error of {label}")
axes[0].legend(frameon=False)
plt.show()

# %%
# Standard deviations and intervals come from a second network, which has
# learnt from errors on curves that the first had not seen. Of curves drawn
# from the prior, 95 % intervals hold the truth in nearly as many.

lower, upper = np.moveaxis(network.predict_interval(fresh.data), -1, 0)
inside = (lower <= fresh.target) & (fresh.target <= upper)
shares = ", ".join(f"{100 * share:.1f} %" for share in inside.mean(axis=0))
print(f"\n95 % intervals of {', '.join(names)} hold the truth in {shares}")

# %%
# The microscope next to it
# -------------------------
# The same experiment with everything twice as large and twice as slow has the
# same curves: D is what differs, by length² / time. So the network serves it
# too, and exactly.

larger = protocol.replace(
    pixel_size=1.0, bleach_region=Circle(10.0), frame_interval=0.2
)
theta = network.predict(fresh.data)
rescaled = network.predict(fresh.data, protocol=larger)
factors = 10 ** (rescaled[:, 0] - theta[:, 0])
print(f"\ntwice as large, twice as slow: D is {factors.mean():.6f} times that")

# %%
# Where one is not the other in other units, the network says so rather than
# being wrong.

neighbour = protocol.replace(bleach_region=Circle(5.5))
try:
    network.predict(fresh.data, protocol=neighbour)
except ValueError as error:
    print(f"a larger bleach region alone: {error}")

# %%
# Then train again: it takes seconds, and there is nothing to carry over. Only
# a network that works on the curve itself, ``features="raw"``, takes long to
# learn and can go on from weights of a neighbouring protocol: it knows none,
# and takes any curves of as many frames.

raw = NeuralFRAP(features="raw", batch_size=256, max_iter=30, random_state=0)
drawn = simulator_of(protocol, 2).sample(10_000)
raw.fit(drawn.data, drawn.target, drawn.sample_weight)

few = simulator_of(neighbour, 3).sample(1000)
test = simulator_of(neighbour, 4).sample(2000)


def loss_of(estimator):
    """Compute the loss of log10 D on curves of the neighbouring protocol."""
    estimates = estimator.predict(test.data)
    return weighted_mean_squared_error(
        test.target, estimates, test.sample_weight
    )[0]


print("\nloss of log10 D on the neighbouring protocol, networks on the curve")
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

# %%
# From here: :doc:`keep the network in a file <save_and_load>`, :doc:`use it on
# images <image_series_pipeline>`, :doc:`let least squares start from it
# <hybrid>`.
