"""
A cell that moves, in uneven light
==================================

A cell creeps across the field while it recovers, its cytoplasm is not even,
and the lamp lights one side more than the other. Taken as they are, such
frames give a wrong D. The motion is measured and undone, the outline is found,
the light is measured on a slide, and a report keeps what was done.
"""

# %%
# The experiment. A disk in a cell of 20 by 15 µm is bleached. Nothing but the
# region, and when it was bleached, will be told.

import tempfile
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, shift

from skfrap import Circle, Ellipse, FRAPProtocol
from skfrap.analysis import ExperimentOptions, analyse_series
from skfrap.io import ImageSeries
from skfrap.models import DiffusionModel
from skfrap.plotting import DriftDisplay, plot_analysis
from skfrap.preprocessing import compute_drift
from skfrap.report import read_report, write_report

done = FRAPProtocol(
    shape=(96, 112),
    pixel_size=0.25,
    bleach_region=Circle(2.2, center=(14.5, 11.5)),
    n_prebleach=8,
    n_bleach=1,
    n_postbleach=50,
    frame_interval=0.4,
    compartment=Ellipse((10.0, 7.5), center=(14.0, 12.0)),
)
truth = {"D": 1.5, "c0": 0.6, "alpha": 0.3, "mobile_fraction": 0.85}

# %%
# What the camera sees of it: concentrations times what can be reached of each
# place, moved by 0.08 pixels to the right and 0.05 down from frame to frame,
# times the light, which stays with the microscope, with the noise of photons
# over a dark level.

rng = np.random.default_rng(2)
texture = gaussian_filter(rng.normal(size=done.shape), 3.0)
texture = 1 + 0.1 * texture / texture.std()
sample = DiffusionModel(done).images(**truth)[0] * texture
elapsed = np.arange(done.n_frames) - (done.n_prebleach - 0.5)
way = elapsed[:, np.newaxis] * [0.08, 0.05]  # pixels, to the right and down
y, x = np.mgrid[-1:1:96j, -1:1:112j]
light = 1 + 0.15 * x - 0.1 * (x**2 + y**2)
frames = np.stack(
    [
        light * shift(gaussian_filter(frame, 0.7), (dy, dx), mode="nearest")
        for frame, (dx, dy) in zip(sample, way, strict=True)
    ]
)
counts = rng.poisson(2000 * np.clip(frames, 0, None)) + 300.0
counts += rng.normal(0, 10, counts.shape)


def series_of(counts, name):
    """Make a series of a camera of 12 bits."""
    return ImageSeries(
        np.round(np.clip(counts, 0, 4095)).astype(np.uint16),
        name,
        pixel_size_um=done.pixel_size,
        times_s=done.times - done.times[0],
        bit_depth=12,
    )


recorded = series_of(counts, "moving cell")

# %%
# How it moves is measured beside what was bleached, with an error for each
# frame.

drift = compute_drift(recorded.frames, done)
error = np.abs(drift.shifts - way).max()
print(f"moves by up to {drift.largest:.1f} pixels,", end=" ")
print(f"found to {error:.2f} pixels")
display = DriftDisplay.from_drift(drift, done)

# %%
# Light that stays with the microscope is a matter of its own: a cell that
# creeps into brighter light seems to recover by more, and no frame tells that
# from recovery. An even fluorescent slide shows the light, by which frames are
# divided before they are aligned.

slide = rng.poisson(2000 * light) / 2000
slide = gaussian_filter(slide, 4.0, mode="nearest")
divided = 300 + (recorded.frames - 300.0) / slide
evened = series_of(divided, "moving cell, evened")

# %%
# Three ways to take it: as most programs do; aligned, in the outline that the
# frames before bleaching show; and all of that in even light. What is left of
# the cell's own pattern, and of the blur by which frames are moved, can shift
# D by a percent or so more than its interval says: with other seeds of this
# simulation D comes out between 1.45 and 1.50.

told = {
    "bleach_region": "circle:2.2@14.5,11.5",
    "n_prebleach": 8,
    "first_postbleach": 0.4,
    "free": ("mobile_fraction",),
    "dark_level": 300,
}
as_found = {"drift": "auto", "compartment": "auto"}
ways = {
    "open field": (recorded, {"drift": "none", "compartment": "none"}),
    "outline, aligned": (recorded, as_found),
    "outline, aligned, even light": (evened, as_found),
}
analyses = {
    name: analyse_series(series, ExperimentOptions(**told, **way))
    for name, (series, way) in ways.items()
}
for name, analysis in analyses.items():
    found = analysis.estimates
    codes = [finding.code for finding in found.findings[0]]
    print(
        f"{name}: D = {found.D_um2_s[0]:.2f}"
        f" ({found.D_um2_s_lower[0]:.2f} to {found.D_um2_s_upper[0]:.2f}),"
        f" mobile fraction {found.mobile_fraction[0]:.3f};"
        f" findings: {', '.join(codes) or 'none'}"
    )

# %%
# The first two are flagged, each for its reason. The last one says what it
# did, and from what. Look at the picture: the blue outline should be that of
# the cell, the yellow circle should be dark, and the residuals should be
# noise.

best = analyses["outline, aligned, even light"]
print(best.sources["drift"])
print(best.sources["compartment"])
figure = plot_analysis(best)

# %%
# A report keeps images, fit, findings and settings in one HTML file, and holds
# the numbers for machines, too.

with tempfile.TemporaryDirectory() as folder:
    page = Path(folder) / "report.html"
    write_report({"moving_cell.tif": best}, page)
    kept = read_report(page)["records"][0]
    size = page.stat().st_size / 1e3
    print(f"report of {size:.0f} kB, D = {kept['D_um2_s']:.2f}")
