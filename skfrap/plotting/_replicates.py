"""Replicates and their means."""

import textwrap
from typing import Any, Self

import numpy as np
from scipy.stats import norm

from skfrap.plotting._style import (
    CATEGORIES,
    MARKERS,
    new_axes,
    tidy,
    with_unit,
    write_closely,
    write_title,
)
from skfrap.replicates._input import ALL


class ReplicatesDisplay:
    """Show replicates with their intervals, and the mean of each sample with its own.

    Make one with :meth:`from_summary`. Points are replicates, with 95 % intervals of their own
    errors; lines are means, the boxes about them their intervals.

    Parameters
    ----------
    summaries : dict of str to skfrap.replicates.ReplicateSummary
        By method.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    """

    def __init__(self, summaries: dict[str, Any]):
        self.summaries = summaries

    @classmethod
    def from_summary(cls, summary: Any, **options: Any) -> Self:
        """Show a summary, or several in a dictionary by method; `options` go to :meth:`plot`.

        Parameters
        ----------
        summary : ReplicateSummary
            What is drawn.
        **options
            To :meth:`plot`.

        Returns
        -------
        ReplicatesDisplay
        """
        summaries = summary if isinstance(summary, dict) else {"": summary}
        if len({(one.name, one.scale) for one in summaries.values()}) != 1:
            raise ValueError("summaries must be of one parameter on one scale.")
        return cls(summaries).plot(**options)

    def plot(self, *, ax: Any = None, title: str | None = None) -> Self:
        """Draw replicates and means, side by side for each sample and method.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        title : str, default=None
            What to write above.

        Returns
        -------
        ReplicatesDisplay
        """
        first = next(iter(self.summaries.values()))
        groups = [*dict.fromkeys(g for one in self.summaries.values() for g in one.groups)]
        slots = len(groups) * len(self.summaries)
        if ax is None:
            width = np.clip(2.0 + 0.9 * slots, 4.5, 14.0)
            ax = new_axes(figsize=(width, 4.2))
        self.ax_, self.figure_ = ax, ax.figure
        share = 0.8 / len(self.summaries)
        for m, (method, summary) in enumerate(self.summaries.items()):
            style = {"color": CATEGORIES[m % len(CATEGORIES)], "marker": MARKERS[m]}
            ax.plot([], [], ls="", label=method, **style)
            for g, group in enumerate(summary.groups):
                middle = groups.index(group) + share * (m - 0.5 * (len(self.summaries) - 1))
                _draw_sample(ax, summary, g, middle, 0.42 * share, style)
        if first.scale == "log10":
            ax.set_yscale("log")
            write_closely(ax.yaxis)
        ax.set_xticks(range(len(groups)), [self._label(group) for group in groups])
        ax.set_xlim(-0.6, len(groups) - 0.4)
        ax.set_ylabel(with_unit(first.name, first.unit))
        tidy(ax, axis="y")
        if len(self.summaries) > 1:
            ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        write_title(ax, title, pad=24 if len(self.summaries) > 1 else 6)
        return self

    def _label(self, group):
        counts = {
            int(summary.n[summary.groups.index(group)])
            for summary in self.summaries.values()
            if group in summary.groups
        }
        n = " to ".join(f"{count}" for count in sorted({min(counts), max(counts)}))
        return f"n = {n}" if group == ALL else f"{textwrap.fill(group, 16)}\nn = {n}"


def _draw_sample(ax, summary, g, middle, reach, style):
    values, errors = summary.values[g], summary.errors[g]
    n = len(values)
    away = np.linspace(-1, 1, n) if n > 1 else np.zeros(n)
    at = middle + 0.75 * reach * away
    half = norm.ppf(0.5 + 0.5 * summary.level) * errors
    if summary.scale == "log10":
        bars = values * (1 - 10.0**-half), values * (10.0**half - 1)
    else:
        bars = half, half
    bars = bars if errors.any() else None
    ax.errorbar(at, values, bars, ls="", ms=5, elinewidth=1, alpha=0.85, zorder=3, **style)
    if summary.n[g] > 1:
        ends = middle + reach * np.array([-1, 1])
        box = {"color": style["color"], "alpha": 0.18, "lw": 0}
        ax.fill_between(ends, summary.lower[g], summary.upper[g], **box)
        ax.plot(ends, summary.mean[[g, g]], color=style["color"], lw=2.5, zorder=2)
