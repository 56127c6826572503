"""
Least squares that starts from a network
========================================

A fit needs a starting point. By default it is the best of a grid; a trained
network gives another, nearer to the optimum. The estimates are the same, since
it is the same optimum: what changes is the number of steps on the way.
"""

# %%
# Train a network on the protocol, here that of the DeepFRAP paper. Both
# estimators have the range of the prior as their box.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_predict

from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP

protocol = FRAPProtocol()
network = NeuralFRAP(protocol, random_state=0)
network.fit_online(
    FRAPSimulator(protocol, random_state=0), n_samples=100 * 1024
)
fresh = FRAPSimulator(protocol, random_state=1).sample(2000)

# %%
# :class:`~sklearn.frozen.FrozenEstimator` keeps the network fitted through
# clone and cross-validation.

starts = {"grid": "grid", "network": FrozenEstimator(network)}
fitted, found = {}, {}
for name, init in starts.items():
    one = LeastSquaresFRAP(protocol, network.bounds_, init=init)
    fitted[name] = one.fit(fresh.data)
    found[name] = one.predict(fresh.data)
difference = np.abs(found["grid"] - found["network"]).max()
print("largest difference between optima ", end="")
print(f"from grid and from network: {difference:.1e}")

# %%
# How many steps it takes: the share of curves that come within a hundredth of
# a standard error of the optimum if no more are allowed.

std = fitted["grid"].predict(fresh.data, return_std=True)[1]
steps = 1, 2, 3, 4, 6
near = {name: [] for name in fitted}
for name, one in fitted.items():
    for n_steps in steps:
        limited = clone(one).set_params(max_nfev=n_steps).fit(fresh.data)
        away = np.abs(limited.predict(fresh.data) - found["grid"])
        at_optimum = np.all(away <= 0.01 * std, axis=1)
        near[name].append(100 * at_optimum.mean())
print("\nshare of curves at the optimum")
print(f"{'steps':>5} {'grid':>8} {'network':>8}")
for n_steps, grid, trained in zip(
    steps, near["grid"], near["network"], strict=True
):
    print(f"{n_steps:5d} {grid:6.1f} % {trained:6.1f} %")

figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
for name, shares in near.items():
    ax.plot(steps, shares, "o-", lw=2, label=f"from the {name}")
ax.set(
    xlabel="steps allowed", ylabel="curves at the optimum (%)", ylim=(0, 103)
)
ax.legend(frameon=False, loc="lower right")
plt.show()

# %%
# What the network brings along ends here: the hybrid is least squares, without
# the prior. For estimates that use the prior ask the network itself.

again = cross_val_predict(fitted["network"], fresh.data, fresh.target, cv=2)
away = np.abs(again - found["network"]).max()
print(f"\nthrough cross-validation: {away:.1e} from before")
