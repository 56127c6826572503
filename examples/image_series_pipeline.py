"""From image series to parameters, cross-validated.

Corrections of images, extraction of the curve and the network are steps of one scikit-learn
pipeline. It is fitted, cross-validated and kept as one estimator.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline

from skfrap import Circle, FRAPProtocol, FRAPSimulator, NeuralFRAP
from skfrap.preprocessing import BackgroundSubtractor, RecoveryCurveExtractor

# %%
# Simulated series in uneven light, brightest in the middle. Real ones may be an array of shape
# (n_series, n_frames, ny, nx), a list of arrays, or a list of paths of TIFF files: files are read
# one at a time, when their turn comes.

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
series = FRAPSimulator(protocol, prior, background=light, random_state=0).sample_images(60)
print(f"{len(series.data)} series of {series.data.shape[1]} frames of 48 x 48 pixels")

# %%
# Images, to corrected images, to curves, to parameters. The corrections are computed only where
# something looks: here within the bleach region.


def from_images(regressor, sigma=4.0):
    """Let a regressor of curves estimate from images."""
    return make_pipeline(
        BackgroundSubtractor(sigma, protocol=protocol),
        RecoveryCurveExtractor(protocol),
        regressor,
    )


# %%
# First, a network that learns from the labelled series alone. They are too few to learn much from;
# but it corrects a linearised fit of the model, and is as good as that from the start.

from_series = from_images(
    NeuralFRAP(protocol, (16,), batch_size=16, max_iter=50, learning_rate_init=1e-3, random_state=0)
)
folds = KFold(4, shuffle=True, random_state=0)
scores = cross_val_score(from_series, series.data, series.target, cv=folds)
print(f"trained on series, R² of {len(scores)} folds: " + ", ".join(f"{s:.4f}" for s in scores))

# %%
# Then one that was trained on a stream of simulated curves of the same protocol. `FrozenEstimator`
# keeps it as it is when the pipeline is fitted or cloned, so cross-validation only scores it.

simulator = FRAPSimulator(protocol, prior, random_state=1)
network = NeuralFRAP(protocol, random_state=0).fit_online(simulator, n_samples=50 * 1024)
pipeline = from_images(FrozenEstimator(network))
scores = cross_val_score(pipeline, series.data, series.target, cv=folds)
print("trained on a simulator,           " + ", ".join(f"{s:.4f}" for s in scores))

# %%
# Without the correction the middle is too bright, and c0 is wrong.

uncorrected = make_pipeline(RecoveryCurveExtractor(protocol), FrozenEstimator(network))
for name, chosen in (("with", pipeline), ("without", uncorrected)):
    estimates = cross_val_predict(chosen, series.data, series.target, cv=folds)
    errors = np.median(np.abs(estimates - series.target), axis=0)
    told = ", ".join(f"{name} {e:.4f}" for name, e in zip(series.target_names, errors, strict=True))
    print(f"median error {name} correction: {told}")

# %%
# Standard deviations come out of the pipeline too.

theta, std = pipeline.fit(series.data).predict(series.data, return_std=True)
figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
axes.errorbar(series.target[:, 0], theta[:, 0], 2 * std[:, 0], fmt="o", ms=3, lw=1)
axes.plot([0, 3], [0, 3], color="0.6", zorder=0)
axes.set(xlabel="log10 of true D", ylabel="log10 of estimated D, ± two standard deviations")
plt.show()
