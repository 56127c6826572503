"""
A folder of files
=================

Analyse all series of two samples, look at every fit, and compare the samples.
One file is broken and one cell was not bleached: neither costs any of the
others.
"""

# %%
# A folder per sample, a file per cell. D differs from cell to cell, by 15 %.
# Each file holds its protocol, so that nothing needs to be said about it; for
# other files say it with :class:`~skfrap.analysis.ExperimentOptions`.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from scipy.stats import lognorm

from skfrap import Circle, FRAPProtocol, FRAPSimulator
from skfrap.analysis import analyse_series
from skfrap.io import find_series, write_series
from skfrap.plotting import ReplicatesDisplay
from skfrap.replicates import compare_groups, summarise_replicates

protocol = FRAPProtocol(
    shape=(64, 64),
    pixel_size=0.5,
    bleach_region=Circle(5.0),
    n_prebleach=10,
    n_bleach=1,
    n_postbleach=60,
    frame_interval=0.2,
    padding=32,
)


def write_sample(folder, n_cells, seed, **truth):
    """Simulate some cells and write a file for each."""
    folder.mkdir(exist_ok=True)
    prior = {"c0": 0.7, "alpha": 0.6, "a": 1e-3} | truth
    simulator = FRAPSimulator(protocol, prior, bit_depth=16, random_state=seed)
    first = 1 + len([*folder.glob("*.tif")])
    series = simulator.sample_images(n_cells).data
    for number, frames in enumerate(series, start=first):
        write_series(
            folder / f"cell{number}.tif",
            frames,
            pixel_size_um=protocol.pixel_size,
            frame_interval_s=protocol.frame_interval,
            info={"protocol": protocol.to_dict()},
        )


temporary = tempfile.TemporaryDirectory()
root = Path(temporary.name)
write_sample(root / "control", 5, seed=0, D=lognorm(0.15, scale=12.0))
write_sample(root / "drug", 6, seed=1, D=lognorm(0.15, scale=7.0))

# %%
# Two accidents: a cell that the bleaching beam missed, and a file that was not
# copied to its end.

write_sample(root / "control", 1, seed=2, D=12.0, alpha=1.0)
broken = root / "drug" / "cell2.tif"
with broken.open("r+b") as file:
    file.truncate(200_000)

# %%
# One after the other; what fails is written down with its reason.

analyses, rows = {}, []
for folder in sorted(root.iterdir()):
    for source in find_series(folder):
        row = {"sample": folder.name, "series": Path(source).stem, "error": ""}
        try:
            analysis = analyse_series(source)
            analyses[row["sample"], row["series"]] = analysis
            row |= analysis.to_record()
        except Exception as error:  # whatever it is, the others go on
            row["error"] = str(error).replace(str(root), "...")
        rows.append(row)

table = pd.DataFrame(rows)
table.to_csv(root / "results.csv", index=False)
D = ["D_um2_s", "D_um2_s_lower", "D_um2_s_upper"]
shown = table[["sample", "series", *D, "poorly_determined"]]
print(shown.round(2).to_string(index=False))
for row in rows:
    if reason := row["error"] or row["flags"]:
        print(f"{row['sample']}/{row['series']}: {reason}")

# %%
# The means of the samples. Each interval tells how well one curve determines
# its D; cells differ by more than that, and the interval of the mean counts
# both. What failed, is poorly determined or is of a model that does not
# describe its curve is left out.

summary = summarise_replicates(table, groups="sample")
for line in summary.summary() + compare_groups(table, "sample").summary():
    print(line)

shown = ReplicatesDisplay.from_summary(
    summary, title="Cells with their intervals, and the means"
)

# %%
# Numbers are not enough: look at every fit.

figure, axes = plt.subplots(
    3, 4, figsize=(9, 6), sharex=True, sharey=True, layout="constrained"
)
for ax, row in zip(axes.flat, rows, strict=True):
    ax.set_title(f"{row['sample']}/{row['series']}", loc="left", fontsize=10)
    if row["error"]:
        ax.text(0.5, 0.5, "broken file", ha="center", transform=ax.transAxes)
        continue
    analysis = analyses[row["sample"], row["series"]]
    times = analysis.protocol.times
    ax.plot(times, analysis.curve, ".", ms=3, color="C0")
    ax.plot(times[times > 0], analysis.fitted[times > 0], color="C1")
figure.supxlabel("time since end of bleaching (s)")
figure.supylabel("mean intensity in region")
plt.show()
temporary.cleanup()

# %%
# The command line does the same, with a picture for each file:
#
# .. code-block:: console
#
#    $ skfrap estimate control drug --out results.csv --plots pictures
#    $ skfrap replicates results.csv --by folder --compare --plot means.png
