"""Least squares that starts from a network.

A fit needs a starting point. By default it is the best of a grid; a trained network gives another,
nearer to the optimum. The estimates are the same, since it is the same optimum: what changes is the
number of steps on the way.
"""

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_predict

from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP

# %%
# Train a network on the protocol. Both estimators have the range of the prior as their box.

protocol = FRAPProtocol()
network = NeuralFRAP(protocol, random_state=0)
network.fit_online(FRAPSimulator(protocol, random_state=0), n_samples=100 * 1024)
fresh = FRAPSimulator(protocol, random_state=1).sample(2000)

# %%
# `FrozenEstimator` keeps the network fitted through clone and cross-validation.

starts = {"grid": "grid", "network": FrozenEstimator(network)}
fitted = {
    name: LeastSquaresFRAP(protocol, network.bounds_, init=init).fit(fresh.data)
    for name, init in starts.items()
}
found = {name: one.predict(fresh.data) for name, one in fitted.items()}
difference = np.abs(found["grid"] - found["network"]).max()
print(f"largest difference between optima from grid and from network: {difference:.1e}")

# %%
# How many steps it takes: the share of curves that come within a hundredth of a standard error of
# the optimum if no more are allowed.

std = fitted["grid"].predict(fresh.data, return_std=True)[1]
print(f"\n{'steps':>5} {'grid':>8} {'network':>8}   share of curves at the optimum")
for n_steps in (1, 2, 3, 4, 6):
    near = {}
    for name, one in fitted.items():
        some = clone(one).set_params(max_nfev=n_steps).fit(fresh.data).predict(fresh.data)
        near[name] = np.mean(np.all(np.abs(some - found["grid"]) <= 0.01 * std, axis=1))
    print(f"{n_steps:5d} {100 * near['grid']:6.1f} % {100 * near['network']:6.1f} %")

# %%
# What the network brings along ends here: the hybrid is least squares, without the prior. For
# estimates that use the prior ask the network itself.

again = cross_val_predict(fitted["network"], fresh.data, fresh.target, cv=2)
print(f"\nthrough cross-validation: {np.abs(again - found['network']).max():.1e} from before")
