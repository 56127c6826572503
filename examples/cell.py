"""
A cell is no open field
=======================

A tenth of a nucleus is bleached. A program that takes the nucleus for a sheet
without end gives a D that is half as large again, with a fit in which no eye
sees a misfit. The images show where the nucleus ends.
"""

# %%
# The experiment as it was. No one will be told of the outline; it is in the
# images.

import matplotlib.pyplot as plt
import numpy as np

from skfrap import Circle, Ellipse, FRAPProtocol, FRAPSimulator
from skfrap.analysis import ExperimentOptions, analyse_series
from skfrap.io import ImageSeries
from skfrap.plotting import plot_analysis

done = FRAPProtocol(
    shape=(72, 96),
    pixel_size=0.25,
    bleach_region=Circle(2.6, center=(12.0, 9.0)),
    n_bleach=1,
    n_postbleach=60,
    frame_interval=0.15,
    compartment=Ellipse((10.0, 7.0)),
)
truth = {"D": 4.0, "c0": 0.7, "alpha": 0.3, "mobile_fraction": 0.85, "a": 4e-3}


def series_of(protocol, seed=0):
    """Simulate a series over a dark ground."""
    simulator = FRAPSimulator(protocol, truth, random_state=seed)
    frames = simulator.sample_images(1).data[0] + 0.02
    return ImageSeries(
        frames,
        "nucleus",
        pixel_size_um=protocol.pixel_size,
        times_s=protocol.times - protocol.times[0],
    )


series = series_of(done)
told = {
    "bleach_region": "circle:2.6@12,9",
    "n_prebleach": 10,
    "first_postbleach": 0.15,
    "free": ("mobile_fraction",),
    "dark_level": 0.02,
}

# %%
# First without an outline. What speaks against the number comes with it, and
# the table of alternatives has D in the outline that the images show.

opened = analyse_series(series, ExperimentOptions(**told))
print(opened.estimates.summary()[0])
print()
print("\n".join(opened.alternatives.lines()))

# %%
# Then in the outline, with the mean of the whole nucleus beside the curve of
# the bleach region. The whole can only keep what bleaching has left: it is the
# budget of the experiment.

options = ExperimentOptions(compartment="auto", rows="compartment", **told)
closed = analyse_series(series, options)
print(closed.estimates.summary()[0])
print(closed.sources["compartment"])
figure = plot_analysis(closed)

# %%
# How far off is the open field? That depends on the share of the nucleus that
# is bleached.

shares = np.array([0.02, 0.05, 0.1, 0.3])
found = {"open field": [], "in its outline": []}
for share in shares:
    radius = float(np.sqrt(share * 70.0))
    one = done.replace(
        bleach_region=Circle(radius, center=(12.0, 9.0)),
        frame_interval=0.02 * radius**2,
    )
    said = told | {
        "bleach_region": one.bleach_region,
        "first_postbleach": one.frame_interval,
    }
    for name, compartment in zip(found, ("none", "auto"), strict=True):
        options = ExperimentOptions(compartment=compartment, **said)
        found[name].append(analyse_series(series_of(one), options).estimates)

fig, ax = plt.subplots(figsize=(6.0, 3.6), layout="constrained")
for k, (name, estimates) in enumerate(found.items()):
    D, lower, upper = (
        np.array([getattr(one, column)[0] for one in estimates])
        for column in ("D_um2_s", "D_um2_s_lower", "D_um2_s_upper")
    )
    ax.errorbar(
        100 * shares,
        D,
        [D - lower, upper - D],
        fmt="o",
        color=f"C{k}",
        label=name,
    )
    print(f"{name:>15}: D = {', '.join(f'{value:.2f}' for value in D)}")
ax.axhline(truth["D"], color="0.4", lw=1, zorder=0)
ax.set(xlabel="share of the nucleus that is bleached (%)", ylabel="D (µm²/s)")
ax.set_yscale("log")
ax.set_yticks([4, 5, 7, 10, 20], ["4", "5", "7", "10", "20"])
ax.minorticks_off()
ax.legend(frameon=False)
