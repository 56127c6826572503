"""A network for your own protocol, in seconds.

A network that corrects a rough fit of the model learns from simulated curves in seconds. It then
estimates with standard deviations and intervals, and knows what least squares cannot use: which
parameters are to be expected.
"""

import time

import matplotlib.pyplot as plt
import numpy as np

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP
from skfrap.metrics import weighted_mean_squared_error

# %%
# Describe the experiment: field, bleach region, frames. Lengths are in µm and times in s.

protocol = FRAPProtocol(
    shape=(128, 128),
    pixel_size=0.8,
    bleach_region=Circle(15.0),
    n_prebleach=10,
    n_bleach=2,
    n_postbleach=80,
    frame_interval=0.3,
)

# %%
# The simulator draws what may occur: D between 1 and 1000 µm²/s, and so on, unless a `prior` says
# otherwise. Every curve is new to the network. More of them make it better: the default is thirty
# times as many.

simulator = FRAPSimulator(protocol, random_state=0)
start = time.perf_counter()
network = NeuralFRAP(protocol, random_state=0).fit_online(simulator, n_samples=100 * 1024)
seconds = time.perf_counter() - start
print(f"trained on {100 * 1024} curves in {seconds:.0f} s, most of it to start and to compile")

# %%
# Fresh curves, from another seed. Least squares has the prior's range as its bounds.

fresh = FRAPSimulator(protocol, random_state=1).sample(5000)
least_squares = LeastSquaresFRAP(protocol, bounds=network.bounds_).fit(fresh.data)
losses = {
    name: weighted_mean_squared_error(fresh.target, estimates, fresh.sample_weight)
    for name, estimates in (
        ("least squares", least_squares.predict(fresh.data)),
        ("network", network.predict(fresh.data)),
    )
}
print("\nweighted mean squared error on 5000 fresh curves")
print(f"{'':>14}" + "".join(f"{name:>10}" for name in network.target_names_))
for name, values in losses.items():
    print(f"{name:>14}" + "".join(f"{value:10.2e}" for value in values))
ratios = losses["network"] / losses["least squares"]
print(f"{'ratio':>14}" + "".join(f"{ratio:10.3f}" for ratio in ratios))

# %%
# Standard deviations and intervals come from a second network, which has learnt from errors on
# curves that the first had not seen. Of curves drawn from the prior, 95 % intervals hold the truth
# in 95 %.

theta, std = network.predict(fresh.data, return_std=True)
interval = network.predict_interval(fresh.data, level=0.95)
inside = (interval[..., 0] <= fresh.target) & (fresh.target <= interval[..., 1])
shares = ", ".join(f"{100 * share:.1f} %" for share in inside.mean(axis=0))
print(f"\n95 % intervals of log10_D, c0 and alpha hold the truth in {shares}")
D, (low, high) = 10 ** theta[0, 0], 10 ** interval[0, 0]
print(f"the first curve: D = {D:.4g} µm²/s ({low:.4g} to {high:.4g}), in truth ", end="")
print(f"{10 ** fresh.target[0, 0]:.4g}")

# %%
# Where the recovery says little, at high D, the network pulls its estimates towards the prior.

bins = np.linspace(0, 3, 13)
which = np.digitize(fresh.target[:, 0], bins[1:-1])
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for name, estimates in (
    ("least squares", least_squares.predict(fresh.data)),
    ("network", theta),
):
    squared = fresh.sample_weight * (estimates - fresh.target)[:, 0] ** 2
    axes.semilogy(
        10 ** (0.5 * (bins[1:] + bins[:-1])),
        [np.sqrt(squared[which == k].mean()) for k in range(12)],
        "o-",
        label=name,
    )
axes.set(xscale="log", xlabel="D (µm²/s)", ylabel="weighted error of log10 D")
axes.legend()
plt.show()
