"""
All pixels of the images
========================

A recovery curve is a mean over the bleach region. The rest of the image shows
how far the dark patch has spread, which tells more of D, most of all where a
part of the particles does not move. Both ways fit the same simulated series
here.
"""

# %%
# Forty image series, of 16 bits. A fifth of the particles does not move.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform
from sklearn.pipeline import make_pipeline

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.preprocessing import ImageScoreExtractor, RecoveryCurveExtractor

protocol = FRAPProtocol(
    shape=(96, 96),
    pixel_size=0.5,
    bleach_region=Circle(4.0),
    n_prebleach=20,
    n_bleach=2,
    n_postbleach=40,
    frame_interval=0.25,
    padding=48,
)
prior = {
    "D": loguniform(1.0, 10.0),
    "c0": 0.7,
    "alpha": 0.6,
    "mobile_fraction": 0.8,
    "a": 4e-3,
}
simulator = FRAPSimulator(protocol, prior, bit_depth=16, random_state=0)
series = simulator.sample_images(40)

# %%
# ``ImageScoreExtractor`` takes the place of ``RecoveryCurveExtractor``; the
# estimator is the same. It projects each frame on a few images that are made
# for the protocol, and leaves the level of each frame free.

pipelines = {
    name: make_pipeline(
        extractor,
        LeastSquaresFRAP(
            protocol, parameters=("D", "c0", "alpha", "mobile_fraction")
        ),
    ).fit(series.data)
    for name, extractor in (
        ("curve", RecoveryCurveExtractor(protocol)),
        (
            "all pixels",
            ImageScoreExtractor(protocol, ranges={"D": (0.3, 30.0)}),
        ),
    )
}
n_pixels = protocol.n_frames * np.prod(protocol.shape)
n_scores = pipelines["all pixels"][0].transform(series.data[:1]).shape[1]
print(f"{n_pixels} pixels of a series become {n_scores} scores")

# %%
# Standard errors are several times smaller, and they are right: errors over
# standard errors scatter by 1.

truth, true_share = series.target[:, 0], 0.8
names = pipelines["curve"][-1].target_names_
columns = {name: k for k, name in enumerate(names)}
found = {}
for name, pipeline in pipelines.items():
    values, errors = pipeline.predict(series.data, return_std=True)
    D, D_error = (one[:, columns["log10_D"]] for one in (values, errors))
    share, share_error = (
        one[:, columns["mobile_fraction"]] for one in (values, errors)
    )
    found[name] = (D - truth, D_error, share - true_share, share_error)
    percent = 100 * np.log(10) * np.median(D_error)
    pulls = np.sqrt(np.mean(((D - truth) / D_error) ** 2))
    print(
        f"{name}: standard error of D {percent:.2f} %,"
        f" of the mobile fraction {np.median(share_error):.5f};"
        f" errors of D over it {pulls:.2f}"
    )

# %%
# What is left of the errors, series by series.

fig, ax = plt.subplots(figsize=(6.0, 3.6), layout="constrained")
for k, (name, (D, D_error, *_)) in enumerate(found.items()):
    ax.errorbar(
        10**truth,
        100 * np.log(10) * D,
        196 * np.log(10) * D_error,
        fmt="o",
        ms=3,
        color=f"C{k}",
        label=name,
    )
ax.axhline(0.0, color="0.4", lw=1, zorder=0)
ax.set(xscale="log", xlabel="true D (µm²/s)", ylabel="error of D (%)")
ax.set_xticks([1, 2, 5, 10], ["1", "2", "5", "10"])
ax.minorticks_off()
ax.legend(frameon=False)

# %%
# All pixels see more, and so more can go wrong: a neighbour, an uneven lamp,
# the edge of a cell. By default the extractor looks at a window about the
# region, divides by the light before bleaching, and leaves levels free. See
# the user guide, All pixels, for what that costs, and when to do without.
