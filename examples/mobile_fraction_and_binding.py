"""
Mobile fraction and binding
===========================

A curve that does not come all the way back may be one of particles that do not
move, or of particles that bind and are released slowly. Here the two are told
apart where the recording allows it, and it is shown what a curve does and does
not determine.
"""

# %%
# Two samples. In one a quarter of the particles is immobile. In the other all
# move with D = 10 µm²/s, but bind for 20 s on average (k_off = 0.05 per
# second), and nearly two thirds of them are bound at any time.

import matplotlib.pyplot as plt
import numpy as np

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.comparison import compare_models
from skfrap.design import expected_errors
from skfrap.plotting import ModelComparisonDisplay

protocol = FRAPProtocol(
    shape=(48, 48),
    pixel_size=0.5,
    bleach_region=Circle(3.0),
    n_prebleach=10,
    n_bleach=1,
    n_postbleach=80,
    frame_interval=0.5,
    padding=16,
)
habits = {"c0": 0.8, "alpha": 0.6, "a": 3e-4}


def simulate(**sample):
    """Simulate one noisy recovery curve of a sample."""
    model = "binding" if "k_on" in sample else "diffusion"
    return (
        FRAPSimulator(protocol, habits | sample, model=model, random_state=7)
        .sample(1)
        .data
    )


samples = {
    "a quarter immobile": {"D": 5.0, "mobile_fraction": 0.75},
    "binding": {"D": 10.0, "k_on": 0.08, "k_off": 0.05},
}
X = np.vstack([simulate(**sample) for sample in samples.values()])

# %%
# Three models for each. D of unbound particles is taken to be known, as from a
# mutant that does not bind; with D unknown, too, the rates are known less
# well, and the fit takes longer.

models = {
    "diffusion": {},
    "diffusion+mobile_fraction": {
        "parameters": ("D", "c0", "alpha", "mobile_fraction")
    },
    "binding": {"model": "binding", "fixed": {"D": 10.0}},
}
fitted = {
    name: LeastSquaresFRAP(protocol, **options).fit(X)
    for name, options in models.items()
}

figure, axes = plt.subplots(
    2, 2, figsize=(9, 5.2), sharex=True, layout="constrained"
)
after = protocol.times > 0
for k, (sample, columns) in enumerate(zip(samples, axes.T, strict=True)):
    columns[0].plot(protocol.times[after], X[k, after], ".", ms=4, color="0.6")
    for (name, estimator), style in zip(
        fitted.items(), ("-", "--", ":"), strict=True
    ):
        curve = estimator.fit_curves(X[k : k + 1])[0]
        columns[0].plot(
            protocol.times[after], curve[after], style, lw=2, label=name
        )
        columns[1].plot(
            protocol.times[after], (X[k] - curve)[after], style, lw=1
        )
    columns[0].set_title(f"sample: {sample}", loc="left")
    columns[1].set(
        xlabel="time since end of bleaching (s)", ylim=(-0.02, 0.02)
    )
axes[0, 0].set_ylabel("mean intensity in region")
axes[1, 0].set_ylabel("residual")
axes[0, 0].legend(frameon=False, loc="lower right")
plt.show()

# %%
# Diffusion alone describes neither sample, and a mobile fraction does not help
# where particles bind. Binding all but describes immobile particles: those
# that are hardly ever released. Which model each curve asks for is what
# :func:`~skfrap.comparison.compare_models` tells; open points are models that
# leave more than noise.

comparison = compare_models(X, models, protocol)
for sample, told in zip(samples, comparison.summary(), strict=True):
    print(f"{sample}:\n{told}\n")
shown = ModelComparisonDisplay.from_comparison(comparison)

# %%
# The upper point of each model is the sample with immobile particles.
#
# What the recording cannot tell
# ------------------------------
# Within 3 s hardly any bound particle is released: it looks immobile. The
# first frames of the sample with immobile particles are described nearly as
# well by binding, only at a lower rate.

short = protocol.replace(n_postbleach=6)
short_comparison = compare_models(X[:1, : short.n_frames], models, short)
print(short_comparison.summary()[0])

# %%
# With fast exchange it is the other way round: a particle binds and is
# released many times while it crosses the region, and what is seen is
# diffusion with ``D_effective`` = D k_off / (k_on + k_off). The curve
# determines that, and neither of the rates. The estimates say so.

fast = simulate(D=10.0, k_on=16.0, k_off=8.0)
for name in ("binding", "diffusion"):
    print(f"{name}: {fitted[name].estimate(fast).summary()[0]}")
print(f"in truth: D_effective = {10.0 * 8.0 / (16.0 + 8.0):.3f} µm²/s")

# %%
# How it goes from one to the other, by the errors that fits are expected to
# have. The time that diffusion takes, r² / 4D, is 0.2 s here: exchange that is
# much faster than that is not seen.

rates = np.geomspace(0.01, 10.0, 25)
guess = {"k_on": 2 * rates, "k_off": rates, "c0": 0.8, "alpha": 0.6}
expected = expected_errors(
    protocol, guess, a=3e-4, model="binding", fixed={"D": 10.0}
)
figure, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
for name, style in (("k_on", "-"), ("k_off", "--"), ("D_effective", "-.")):
    ax.loglog(
        rates, 100 * expected.relative_error(name), style, lw=2, label=name
    )
ax.axhline(100, color="0.6", lw=1)
ax.annotate(
    "nothing is known", (rates[0], 100), (0, 4), textcoords="offset points"
)
for axis in (ax.xaxis, ax.yaxis):
    axis.set_major_formatter("{x:g}")
ax.set(
    xlabel="k_off (1/s), k_on being twice that",
    ylabel="expected standard error (%)",
)
ax.legend(frameon=False)
plt.show()
