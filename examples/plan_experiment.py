"""
Planning an experiment
======================

How fast, for how long, how large a region? What is roughly known of D and of
the noise tells, before anything is measured, how well each way will determine
D.
"""

# %%
# D is thought to lie between 1 and 30 µm²/s. The protocol says what does not
# change: field, prebleach and bleach frames. What the noise of a pixel is,
# :func:`~skfrap.calibration.calibrate_noise` or ``skfrap noise`` measures on
# flat images.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.design import expected_errors, plan
from skfrap.plotting import ExperimentPlanDisplay

protocol = FRAPProtocol(
    shape=(96, 96),
    pixel_size=0.4,
    bleach_region=Circle(4.0),
    n_prebleach=10,
    n_bleach=1,
    padding=48,
)
noise = 2e-3
guess = {"D": np.geomspace(1.0, 30.0, 9), "c0": 0.7, "alpha": 0.6}

# %%
# Try every combination of two region sizes and three frame intervals, each
# recorded for 20 s. What counts is the worst of all D in the range. Best comes
# first.

settings = {"radius": [2.0, 6.0], "frame_interval": [0.05, 0.3, 2.0]}
choice = plan(protocol, guess, settings | {"duration": [20.0]}, a=noise)
table = choice.to_frame()
print(table.drop(columns="flags").round(3).to_string(index=False))
print("\n" + "\n".join(choice.recommendation()))

# %%
# A larger region and faster frames are better for any D: the mean has less
# noise, and the recovery is not over by the first frame. What speaks against
# them, that cells are small, or that fast frames are dim, the plan does not
# know; the picture shows what giving in to it costs. Dotted is what will not
# be determined, and why is in the column ``flags``.

shown = ExperimentPlanDisplay.from_plan(
    choice, title="Six ways to record 20 s"
)

# %%
# If some particles may be immobile, the fraction has to be estimated as well.
# That costs precision in D, most where the recording ends before it is seen
# where the curve levels off.

chosen = protocol.replace(bleach_region=Circle(6.0), frame_interval=0.3)
names = "D", "c0", "alpha"
questions = {
    "all mobile": (guess, names),
    "some immobile": (
        guess | {"mobile_fraction": 0.8},
        (*names, "mobile_fraction"),
    ),
}
times = {"duration": [10.0, 20.0, 40.0, 80.0]}
figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
for name, (values, parameters) in questions.items():
    one = plan(chosen, values, times, a=noise, parameters=parameters)
    order = np.argsort(one.settings["duration"])
    durations, errors = one.settings["duration"][order], 100 * one.error[order]
    ax.plot(durations, errors, "o-", lw=2, label=name)
    told = zip(durations, errors, strict=True)
    print(f"{name}: " + ", ".join(f"{e:.2g} % in {t:g} s" for t, e in told))
ax.set(xlabel="time recorded after bleaching (s)", ylim=(0, None))
ax.set_ylabel("expected standard error of D (%),\nat worst of 1 to 30 µm²/s")
ax.legend(frameon=False)
plt.show()

# %%
# What is planned can be tried at once: simulate the experiment that was
# chosen, fit 1000 curves, and compare how they scatter with what was expected.

truth = {"D": 10.0, "c0": 0.7, "alpha": 0.6}
best = choice.best()
expected = expected_errors(best, truth, a=noise).relative_error("D")[0]
simulator = FRAPSimulator(best, truth | {"a": noise}, random_state=0)
curves = simulator.sample(1000).data
found = LeastSquaresFRAP(best).fit(curves).estimate(curves).D_um2_s
print(f"at D = 10 µm²/s expected: {100 * expected:.2f} %, ", end="")
print(f"scatter of 1000 fits: {100 * found.std() / found.mean():.2f} %")

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
style = {"density": True, "color": "C0", "alpha": 0.5}
ax.hist(found, bins=40, label="1000 fits", **style)
at = np.linspace(found.min(), found.max(), 200)
bell = norm.pdf(at, 10.0, 10.0 * expected)
ax.plot(at, bell, color="C1", lw=2, label="expected")
ax.set(xlabel="estimated D (µm²/s)", ylabel="density")
ax.legend(frameon=False)
plt.show()

# %%
# On the command line:
#
# .. code-block:: console
#
#    $ skfrap plan --D 1:30 --noise-a 0.002 --vary radius=2,6 \
#          --vary frame-interval=0.05,0.3,2 --vary duration=20
