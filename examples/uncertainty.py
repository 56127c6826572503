"""
Intervals of three estimators
=============================

Least squares, the posterior and a trained network give each curve an interval.
Here they are on the same curves: how wide they are, how often they hold the
truth, and of which curves that is promised.
"""

# %%
# A small and noisy experiment, so that intervals matter. What may occur is the
# default, that of the DeepFRAP paper's Table 1: D between 1 and 1000 µm²/s,
# log-uniform, and so on.

import matplotlib.pyplot as plt
import numpy as np

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    NeuralFRAP,
)
from skfrap.plotting import CoverageDisplay, PosteriorDisplay, ProfileDisplay

protocol = FRAPProtocol(
    shape=(64, 64),
    pixel_size=1.0,
    bleach_region=Circle(8.0),
    n_prebleach=5,
    n_bleach=1,
    n_postbleach=40,
    frame_interval=0.5,
    padding=32,
)
simulator = FRAPSimulator(protocol, random_state=1)
curves, truth = simulator.sample(1000, return_X_y=True)

# %%
# Least squares fits each curve. Its interval says which D go with this curve.
# The posterior also takes into account what was likely beforehand. The network
# has learnt both from simulated curves.

least_squares = LeastSquaresFRAP(protocol).fit(curves)
posterior = BayesianFRAP(protocol).fit(curves)
network = NeuralFRAP(protocol, random_state=0)
network.fit_online(
    FRAPSimulator(protocol, random_state=0), n_samples=100 * 1024
)
estimators = {
    "least squares": least_squares,
    "posterior": posterior,
    "network": network,
}
intervals = {
    name: one.predict_interval(curves) for name, one in estimators.items()
}

# %%
# Intervals of D, over the true D, of a dozen curves. Where recovery is slow
# against the frame interval the three agree: the curve says all. At high D the
# recovery is nearly over by the first frame, the prior counts, and intervals
# that use it are shorter. One of least squares leaves the picture: in that
# curve no bleaching is visible, and a flag of its estimate says so.

some = np.argsort(truth[:, 0])[41::83]
figure, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
for k, (name, ends) in enumerate(intervals.items()):
    lower, upper = 10.0 ** (ends[some, 0] - truth[some, :1]).T
    at = np.arange(len(some)) + 0.22 * (k - 1)
    ax.vlines(at, lower, upper, f"C{k}", lw=4, label=name)
ax.axhline(1.0, color="0.4", lw=1, zorder=0)
ax.set(yscale="log", ylim=(0.2, 5.0))
ax.set_yticks([0.25, 0.5, 1, 2, 4], ["¼", "½", "1", "2", "4"])
ax.minorticks_off()
ax.set_xticks(range(len(some)), [f"{10.0**one:.3g}" for one in truth[some, 0]])
ax.set(xlabel="true D (µm²/s)", ylabel="95 % interval of D over true D")
ax.legend(frameon=False, loc="upper left")
plt.show()

# %%
# How often they hold the truth, for all 1000 curves, and how wide they are.
# The picture shows other levels too, for 400 of them.

heads = "hold log10_D", "hold c0", "hold alpha", "median width"
print(f"{'95 % intervals':>16}" + "".join(f"{head:>15}" for head in heads))
for name, ends in intervals.items():
    held = (ends[..., 0] <= truth) & (truth <= ends[..., 1])
    width = np.median(10.0 ** (ends[:, 0, 1] - ends[:, 0, 0])) - 1
    shares = "".join(f"{100 * share:13.1f} %" for share in held.mean(axis=0))
    print(f"{name:>16}{shares}{100 * width:8.1f} % of D")

look = {"figsize": (11, 5.6), "height_ratios": (5, 3), "layout": "constrained"}
figure, axes = plt.subplots(2, 3, sharex=True, sharey="row", **look)
levels = 0.5, 0.8, 0.95
for (name, one), pair in zip(estimators.items(), axes.T, strict=True):
    CoverageDisplay.from_estimator(
        one, curves[:400], truth[:400], levels=levels, axes=pair, title=name
    )
for ax in axes[:, 1:].flat:
    ax.set_ylabel("")
for ax in axes[0, 1:]:
    ax.get_legend().remove()

# %%
# For whom this is promised differs. Intervals of least squares hold the truth
# in 95 % of curves of any one D. The others do so on average over the prior,
# and for a single D they may hold it more or less often. A sample whose D is
# at the end of the prior shows it.

print("\nof 500 curves each, 95 % intervals of D hold the truth in")
print(" " * 14 + "".join(f"{name:>15}" for name in estimators))
for D in (10.0, 300.0, 950.0):
    prior = {"D": D, "a": 1e-3}
    same = FRAPSimulator(protocol, prior, random_state=2).sample(500).data
    print(f"D = {D:4g} µm²/s", end="")
    for one in estimators.values():
        lower, upper = 10.0 ** one.predict_interval(same)[:, 0].T
        share = 100 * np.mean((lower <= D) & (upper >= D))
        print(f"{share:13.1f} %", end="")
    print()

# %%
# One curve in full
# -----------------
# What :class:`~skfrap.BayesianFRAP` knows of a curve with high D. D and alpha
# go together: a deeper bleach that has recovered faster looks much the same in
# the first frame.

prior = {"D": 150.0, "c0": 0.8, "alpha": 0.6, "a": 1e-3}
simulator = FRAPSimulator(protocol, prior, random_state=1)
curve, target = simulator.sample(1, return_X_y=True)
shown = PosteriorDisplay.from_estimator(posterior, curve, truth=target[0])

# %%
# Least squares knows no prior. Its interval is where the fit gets worse by no
# more than noise allows. The profile is not a parabola, so that the interval
# reaches farther up than down, or the reverse;
# :meth:`~skfrap.LeastSquaresFRAP.predict_interval` goes by the profile
# wherever intervals are wide.

shown = ProfileDisplay.from_estimator(least_squares, curve)
print()
for name, estimator in estimators.items():
    lower, upper = 10.0 ** estimator.predict_interval(curve)[0, 0]
    print(f"D = 150 µm²/s, interval of {name}: {lower:.0f} to {upper:.0f}")

# %%
# A wrong model
# -------------
# All intervals are right if the model is. Here a tenth of the particles does
# not move, of which none of the three knows. Least squares flags most of the
# curves. The others do not.

immobile = {"D": 10.0, "mobile_fraction": 0.9, "a": 1e-3}
wrong = FRAPSimulator(protocol, immobile, random_state=3).sample(500).data
print()
for name, estimator in estimators.items():
    lower, upper = 10.0 ** estimator.predict_interval(wrong)[:, 0].T
    share = 100 * np.mean((lower <= 10.0) & (upper >= 10.0))
    print(f"a tenth immobile, intervals of {name} that hold D: {share:.0f} %")
flagged = np.mean(least_squares.estimate(wrong).flags != "")
print(f"flagged by least squares: {100 * flagged:.0f} %")
plt.show()
