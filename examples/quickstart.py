"""
From an image series to D
=========================

An image series goes in; the diffusion coefficient with its interval, a picture
and a table come out. Where the file does not say something about the
experiment, you do.
"""

# %%
# The series here is simulated, with D = 12 µm²/s and in light that is brighter
# in the middle, and written as a 16-bit TIFF file with its pixel size and
# frame interval. With a file of your own leave this out.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.analysis import ExperimentOptions, analyse_series
from skfrap.io import write_series
from skfrap.plotting import EstimatedVersusTrueDisplay, plot_analysis

protocol = FRAPProtocol(
    shape=(96, 96),
    pixel_size=0.5,
    bleach_region=Circle(7.0),
    n_prebleach=10,
    n_bleach=1,
    n_postbleach=80,
    frame_interval=0.25,
)
truth = {"D": 12.0, "c0": 0.7, "alpha": 0.5, "a": 1e-3}
y, x = np.ogrid[-1:1:96j, -1:1:96j]
light = 0.05 - 0.075 * (x**2 + y**2)
simulator = FRAPSimulator(
    protocol, truth, bit_depth=16, background=light, random_state=0
)
images = simulator.sample_images(1).data[0]

temporary = tempfile.TemporaryDirectory()
path = Path(temporary.name) / "cell1.tif"
write_series(
    path,
    images,
    pixel_size_um=protocol.pixel_size,
    frame_interval_s=protocol.frame_interval,
)
print(f"{path.name}: {len(images)} frames of 96 x 96 pixels")

# %%
# :func:`~skfrap.analysis.analyse_series` corrects the images, takes the mean
# over the bleach region in each frame, fits the model, and says what it has
# taken from where. The region is a circle of 7 µm radius in the middle of the
# field; ``circle:7@20,30`` has its centre 20 µm from the left and 30 µm from
# the top.

options = ExperimentOptions(n_prebleach=10, bleach_region="circle:7")
analysis = analyse_series(path, options)
print(analysis.estimates.summary()[0])
for what, source in analysis.sources.items():
    print(f"  {what}: {source}")

# %%
# The picture shows whether to believe it: the region lies where the sample is
# bleached, the model goes through the curve, and what it leaves over is noise,
# with no shape of its own.

figure = plot_analysis(analysis)

# %%
# All that is known goes into a table, a row for each series. ``flags`` is
# empty: nothing speaks against this estimate.

table = analysis.estimates.to_frame(index=[analysis.name])
print(table.T.to_string())
temporary.cleanup()

# %%
# The command line does the same, picture and table included:
#
# .. code-block:: console
#
#    $ skfrap estimate cell1.tif --n-prebleach 10 --bleach-region circle:7 \
#          --out results.csv --plots pictures
#
# Curves that are already there
# -----------------------------
# Where the curves come from elsewhere, :class:`~skfrap.LeastSquaresFRAP` takes
# them as they are, one in a row, any number at once. Here are 60 of the same
# experiment, with D between 1 and 1000 µm²/s.

curves, target = FRAPSimulator(protocol, random_state=1).sample(
    60, return_X_y=True
)
least_squares = LeastSquaresFRAP(protocol).fit(curves)
estimates = least_squares.estimate(curves)
flagged = np.sum(estimates.flags != "")
print(f"{len(estimates)} curves, {flagged} of them flagged; the first:")
for line in estimates.summary()[:3]:
    print(f"  {line}")

# %%
# Of 95 % intervals some 57 of 60 hold the truth. They are wide where D is
# high: there the recovery is nearly over by the first frame.

shown = EstimatedVersusTrueDisplay.from_estimator(
    least_squares, curves, target
)
plt.show()

# %%
# From here: :doc:`a folder of files <folder_of_files>`, :doc:`other models
# <mobile_fraction_and_binding>`, :doc:`what intervals mean <uncertainty>`.
