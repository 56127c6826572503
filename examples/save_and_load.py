"""
Keeping trained networks in files
=================================

Train once, use everywhere. Files of :mod:`skfrap.persistence` hold arrays and
JSON and can be loaded from anyone; files of joblib and pickle run code when
they are loaded, so load only your own.
"""

# %%
# A network to keep.

import tempfile
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from skfrap import FRAPProtocol, FRAPSimulator, NeuralFRAP
from skfrap.persistence import load, save
from skfrap.plotting import EstimatedVersusTrueDisplay
from skfrap.preprocessing import BackgroundSubtractor, RecoveryCurveExtractor

protocol = FRAPProtocol(
    shape=(64, 64), pixel_size=2.0, n_postbleach=40, padding=32
)
network = NeuralFRAP(protocol, random_state=0)
network.fit_online(
    FRAPSimulator(protocol, random_state=0), n_samples=20 * 1024
)
curves, target = FRAPSimulator(protocol, random_state=1).sample(
    500, return_X_y=True
)
expected = network.predict(curves)
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)

# %%
# The safe way. Protocol, model and box are kept too, and predictions need
# neither Keras nor JAX. ``for_prediction`` leaves out what only further
# training needs.

save(network, folder / "network.npz")
save(network, folder / "small.npz", for_prediction=True)
for name in ("network.npz", "small.npz"):
    copy = load(folder / name)
    same = np.array_equal(copy.predict(curves), expected)
    size = (folder / name).stat().st_size / 1024
    print(
        f"{name}: {size:.0f} KiB, by skfrap {copy.skfrap_version_}, ", end=""
    )
    print(f"predicts the same: {same}")

# %%
# What was loaded is an estimator as before, and says the same with the same
# intervals.

shown = EstimatedVersusTrueDisplay.from_estimator(
    copy,
    curves[:60],
    target[:60],
    title="Estimates of the network from the file",
)

# %%
# Whole pipelines go the same way. :class:`~sklearn.frozen.FrozenEstimator`
# keeps the network as it is while the rest is fitted.

series = FRAPSimulator(protocol, random_state=2).sample_images(3).data
pipeline = make_pipeline(
    BackgroundSubtractor(protocol=protocol),
    RecoveryCurveExtractor(protocol),
    FrozenEstimator(network),
).fit(series)
save(pipeline, folder / "pipeline.npz")
same = np.array_equal(
    load(folder / "pipeline.npz").predict(series), pipeline.predict(series)
)
print(f"pipeline.npz: predicts the same: {same}")

# %%
# Within your own walls joblib does as well, for anything Python can hold.

joblib.dump(network, folder / "network.joblib")
same = np.array_equal(
    joblib.load(folder / "network.joblib").predict(curves), expected
)
print(f"network.joblib: predicts the same: {same}")

# %%
# It will do anything that the file says, though.
# :func:`skfrap.persistence.load` does not: it makes nothing but arrays, plain
# values and a fixed list of classes, and refuses all else.


class Harmful:
    """A class whose pickle runs a program of its author's choice."""

    def __reduce__(self):
        return print, ("a program in the file is running",)


joblib.dump(Harmful(), folder / "from_a_stranger.joblib")
joblib.load(folder / "from_a_stranger.joblib")
try:
    load(folder / "from_a_stranger.joblib")
except ValueError as error:
    reason = str(error).split(". ")[0].replace(str(folder), "...")
    print(f"skfrap.persistence refuses: {reason}")

# %%
# A loaded network can go on learning.

copy = load(folder / "network.npz").set_params(warm_start=True)
copy.fit_online(FRAPSimulator(protocol, random_state=3), n_samples=20 * 1024)
print(f"{network.n_steps_} steps before, {copy.n_steps_} after going on")
plt.show()
temporary.cleanup()
