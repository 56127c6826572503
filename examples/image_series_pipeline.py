"""
From image series to parameters, cross-validated
================================================

Corrections of images, extraction of the curve and the network are steps of one
scikit-learn pipeline. It is fitted, cross-validated and kept as one estimator.
"""

# %%
# Simulated series in uneven light, brightest in the middle. Real ones may be
# an array of shape (n_series, n_frames, ny, nx), a list of arrays, or a list
# of paths of TIFF files: files are read one at a time, when their turn comes.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline

from skfrap import Circle, FRAPProtocol, FRAPSimulator, NeuralFRAP
from skfrap.plotting import EstimatedVersusTrueDisplay
from skfrap.preprocessing import BackgroundSubtractor, RecoveryCurveExtractor

protocol = FRAPProtocol(
    shape=(48, 48),
    pixel_size=1.5,
    bleach_region=Circle(10.0),
    n_prebleach=5,
    n_bleach=1,
    n_postbleach=30,
    frame_interval=0.4,
    padding=32,
)
y, x = np.ogrid[-1:1:48j, -1:1:48j]
light = 0.05 * (np.mean(x**2 + y**2) - x**2 - y**2)
prior = {"a": 1e-3}
series = FRAPSimulator(
    protocol, prior, background=light, random_state=0
).sample_images(60)
n_series, n_frames, *_ = series.data.shape
print(f"{n_series} series of {n_frames} frames of 48 x 48 pixels")

# %%
# Images, to corrected images, to curves, to parameters. The corrections are
# computed only where something looks: here within the bleach region.


def from_images(regressor, sigma=4.0):
    """Let a regressor of curves estimate from images."""
    return make_pipeline(
        BackgroundSubtractor(sigma, protocol=protocol),
        RecoveryCurveExtractor(protocol),
        regressor,
    )


# %%
# What the correction does, on the series with the slowest diffusion: the
# average frame before bleaching, in which the corners are darker, and the
# first frame after it.

slowest = series.target[:, 0].argmin()
c0 = series.target[slowest, 1]
recorded = series.data[[slowest]]
corrector = BackgroundSubtractor(4.0, protocol=protocol)
frames = {}
for name, stack in (
    ("recorded", recorded[0]),
    ("corrected", corrector.fit_transform(recorded)[0]),
):
    frames[f"{name}, before"] = stack[: protocol.n_prebleach].mean(axis=0)
    frames[f"{name}, after"] = stack[protocol.n_prebleach]

figure, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained")
side = 48 * protocol.pixel_size
look = {"cmap": "gray", "extent": (0, side, side, 0), "vmin": 0.6, "vmax": 1.1}
for ax, (name, frame) in zip(axes, frames.items(), strict=True):
    image = ax.imshow(frame / c0, **look)
    ax.set_title(name, loc="left")
    ax.set(xlabel="x (µm)", ylabel="y (µm)")
    ax.label_outer()
figure.colorbar(image, ax=axes, label="intensity over c0")
plt.show()

# %%
# First, a network that learns from the labelled series alone. They are too few
# to learn much from; but it corrects a linearised fit of the model, and is as
# good as that from the start.

from_series = from_images(
    NeuralFRAP(
        protocol,
        (16,),
        batch_size=16,
        max_iter=50,
        learning_rate_init=1e-3,
        random_state=0,
    )
)
folds = KFold(4, shuffle=True, random_state=0)
scores = cross_val_score(from_series, series.data, series.target, cv=folds)
print("R² of four folds")
print("trained on series:      " + ", ".join(f"{s:.4f}" for s in scores))

# %%
# Then one that was trained on a stream of simulated curves of the same
# protocol. :class:`~sklearn.frozen.FrozenEstimator` keeps it as it is when the
# pipeline is fitted or cloned, so cross-validation only scores it.

simulator = FRAPSimulator(protocol, prior, random_state=1)
network = NeuralFRAP(protocol, random_state=0).fit_online(
    simulator, n_samples=50 * 1024
)
pipeline = from_images(FrozenEstimator(network))
scores = cross_val_score(pipeline, series.data, series.target, cv=folds)
print("trained on a simulator: " + ", ".join(f"{s:.4f}" for s in scores))

# %%
# Without the correction the middle is too bright, and c0 is wrong.

uncorrected = make_pipeline(
    RecoveryCurveExtractor(protocol), FrozenEstimator(network)
)
for name, chosen in (("with", pipeline), ("without", uncorrected)):
    estimates = cross_val_predict(chosen, series.data, series.target, cv=folds)
    errors = np.median(np.abs(estimates - series.target), axis=0)
    told = ", ".join(
        f"{name} {e:.4f}"
        for name, e in zip(series.target_names, errors, strict=True)
    )
    print(f"median error {name} correction: {told}")

# %%
# Intervals come out of the pipeline too. They know of the noise, and of
# nothing else: those of c0 are too narrow, as what is left of the uneven light
# after the correction is more than the noise of a mean over many pixels. Those
# of D and alpha hold the truth as often as they promise.

shown = EstimatedVersusTrueDisplay.from_estimator(
    pipeline.fit(series.data),
    series.data,
    series.target,
    target_names=series.target_names,
)
plt.show()
