"""Pictures of the experiment of section 3.4: Figures 7, 8 and 9."""

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import t as student_t

from skfrap.plotting import _style as style
from skfrap.plotting._style import CATEGORIES, DATA, FIT, TIME, new_axes, pyplot, tidy, with_unit

_FRAMES = 0, 5, 20, 60  # after bleaching
_COLOURS = DATA, FIT


def draw_fits(protocol, stack, curves, methods) -> Figure:
    """Draw images after bleaching, and below them the curve with the fit of each method.

    Parameters
    ----------
    protocol : FRAPProtocol
    stack : ndarray of shape (n_frames, ny, nx)
    curves : dict of list
        "time_s", "measured", and the model's by name of the method.
    methods : sequence of two str
    """
    figure = pyplot().figure(figsize=(11, 6.4), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1.25])
    axes = above.subplots(1, len(_FRAMES))
    for ax, k in zip(axes, _FRAMES, strict=True):
        frame = protocol.n_prebleach + k
        style.draw_frame(ax, stack[frame], protocol, lw=1, vmin=0.2, vmax=0.9)
        ax.set_title(f"{protocol.times[frame]:.2g} s", fontsize=11)
        ax.set_xlabel("µm")
        ax.set_yticks([])
    axes = below.subplots(1, len(methods), sharey=True)
    for ax, name, colour in zip(axes, methods, _COLOURS, strict=True):
        ax.plot(curves["time_s"], curves["measured"], ".", color="0.1", ms=4, label="measured")
        ax.plot(curves["time_s"], curves[name], color=colour, lw=1.6, label=name)
        style.shade_bleaching(ax, protocol)
        ax.set_xlabel(TIME)
        ax.legend(frameon=False)
    axes[0].set_ylabel("mean intensity in region")
    tidy(*axes)
    return figure


def draw_replicates(table, sample, methods, units) -> Figure:
    """Draw the estimates of each replicate of a sample by both methods, a panel per parameter.

    Parameters
    ----------
    table : dict of list
        Columns "sample", "method", "parameter", "value", "truth": a row per estimate.
    sample : str
    methods : sequence of two str
    units : dict of str
        By parameter.
    """
    columns = {name: np.array(values) for name, values in table.items()}
    axes = new_axes(1, len(units), figsize=(10, 3.6))
    for ax, (parameter, unit) in zip(axes, units.items(), strict=True):
        of_all = (columns["sample"] == sample) & (columns["parameter"] == parameter)
        values = [columns["value"][of_all & (columns["method"] == name)] for name in methods]
        ax.plot([0, 1], values, color="0.85", lw=0.8, zorder=0)
        for x, (found, colour) in enumerate(zip(values, CATEGORIES, strict=False)):
            n = len(found)
            ax.plot(np.full(n, x), found, "o", color=colour, ms=4, alpha=0.7)
            reach = student_t.ppf(0.975, n - 1) * found.std(ddof=1) / np.sqrt(n)
            ax.errorbar(x + 0.15, found.mean(), reach, fmt="s", color="0.1", ms=5, capsize=4)
        ax.axhline(columns["truth"][of_all].mean(), color="0.3", lw=1, ls="--")
        ax.set_xticks([0, 1], [*methods])
        ax.set_xlim(-0.4, 1.5)
        ax.set_ylabel(with_unit(parameter, unit))
    axes[0].set_title(sample, loc="left", fontsize=11)
    tidy(*axes)
    return axes[0].figure
