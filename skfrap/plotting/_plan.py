"""Expected errors of experiments."""

from typing import Any, Self

import numpy as np

from skfrap._checks import check_choice
from skfrap.design import SETTINGS
from skfrap.parameters import parameter
from skfrap.plotting._style import (
    MARKERS,
    new_axes,
    pyplot,
    tidy,
    with_unit,
    write_plainly,
    write_title,
)

_MOST_PLANS = 8  # lines that can be told apart


class ExperimentPlanDisplay:
    """Show the errors that experiments are expected to have, against what is guessed or chosen.

    Make one with :meth:`from_plan`. Dotted is what will not be determined.

    Parameters
    ----------
    plan : skfrap.design.ExperimentPlan
        What is drawn.
    x : str, default=None
        Against what: a parameter of which there are several guesses, or a setting that varies. None
        is the plan's target if there are several guesses, or else the setting with most values.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    """

    def __init__(self, plan: Any, x: str | None = None):
        self.plan = plan
        self.x = x

    @classmethod
    def from_plan(cls, plan: Any, x: str | None = None, **options: Any) -> Self:
        """Show a plan; `options` go to :meth:`plot`.

        Parameters
        ----------
        plan : ExperimentPlan
            What is drawn.
        x : str, default=None
            The setting along the axis.
        **options
            To :meth:`plot`.

        Returns
        -------
        ExperimentPlanDisplay
        """
        return cls(plan, x).plot(**options)

    def plot(self, *, ax: Any = None, title: str | None = None) -> Self:
        """Draw a line for each experiment, or for those alike but for one setting.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        title : str, default=None
            What to write above.

        Returns
        -------
        ExperimentPlanDisplay
        """
        if ax is None:
            ax = new_axes(figsize=(7.6, 4.4))
        self.ax_, self.figure_ = ax, ax.figure
        plan, x = self.plan, self._choose_x()
        by_setting = x in SETTINGS
        lines, names = self._lines_by_setting(x) if by_setting else self._lines_by_guess(x)
        shown = sorted(lines[:_MOST_PLANS], key=lambda line: line[0])
        styles = _styles([values for values, *_ in shown])
        for (values, at, error, determined), (color, marker) in zip(shown, styles, strict=True):
            order = np.argsort(at)
            at, error, determined = at[order], 100 * error[order], determined[order]
            few = max(1, len(at) // 8)
            style = {"color": color, "marker": marker, "ms": 5, "markevery": few}
            ax.plot(at, error, ls=":", lw=1.5, mfc="white", **style)
            label = ", ".join(f"{value:.4g}" for value in values)
            ax.plot(at, np.where(determined, error, np.nan), lw=2, label=label, **style)
        ax.set(xscale="log", yscale="log")
        # Beyond all of the value an error means nothing.
        bottom, top = ax.get_ylim()
        ax.set_ylim(min(bottom, 50.0), min(top, 120.0))
        for axis in (ax.xaxis, ax.yaxis):
            write_plainly(axis)
        entry = SETTINGS[x] if by_setting else parameter(x)
        ax.set_xlabel(str(entry) if by_setting else with_unit(x, entry.unit))
        guesses = plan.expected[0].values[plan.target]
        worst = ""
        if by_setting and guesses.min() < guesses.max():
            unit = parameter(plan.target).unit
            worst = f",\nat worst of {guesses.min():.3g} to {guesses.max():.3g} {unit}".rstrip()
        ax.set_ylabel(f"expected standard error of {plan.target} (%){worst}")
        tidy(ax, which="both")
        if any(not determined.all() for *_, determined in shown):
            dotted = {"ls": ":", "lw": 1.5, "color": "0.3", "marker": "o", "ms": 5, "mfc": "white"}
            ax.plot([], [], label="not determined", **dotted)
        if len(ax.get_legend_handles_labels()[0]) > 1:
            heading = ",\n".join(str(SETTINGS[name]) for name in names)
            if len(lines) > len(shown):
                heading += f"\nbest {len(shown)} of {len(lines)}"
            legend = ax.legend(
                frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.0), title=heading
            )
            legend.set_alignment("left")
        write_title(ax, title)
        return self

    def _choose_x(self):
        plan = self.plan
        counts = {name: len(np.unique(values)) for name, values in plan.settings.items()}
        guesses = {name: len(np.unique(values)) for name, values in plan.expected[0].values.items()}
        if self.x is None:
            if guesses[plan.target] > 1 or not counts:
                return plan.target
            return max(counts, key=counts.get)
        return check_choice("x", self.x, guesses | counts)

    def _lines_by_guess(self, name):
        """Return a line per protocol against guesses: settings, positions, errors, determined."""
        plan = self.plan
        names = _that_vary(plan.settings)
        lines = [
            (
                tuple(plan.settings[name][k] for name in names),
                one.values[name],
                one.relative_error(plan.target),
                one.determined,
            )
            for k, one in enumerate(plan.expected)
        ]
        return lines, names

    def _lines_by_setting(self, name):
        """Return a line per combination of the other settings, the worst over guesses."""
        plan = self.plan
        names = [other for other in _that_vary(plan.settings) if other != name]
        rows = {}
        for k in range(len(plan)):
            rows.setdefault(tuple(plan.settings[other][k] for other in names), []).append(k)
        lines = [
            (values, plan.settings[name][some], plan.error[some], plan.determined[some])
            for values, some in rows.items()
        ]
        return lines, names


def _styles(combinations):
    """Return a colour for each value of the first setting, and a marker for those of the others."""
    firsts = sorted({values[:1] for values in combinations})
    others = sorted({values[1:] for values in combinations})
    colors = pyplot().get_cmap("viridis")(np.linspace(0.0, 0.85, len(firsts)))
    return [
        (colors[firsts.index(values[:1])], MARKERS[others.index(values[1:]) % len(MARKERS)])
        for values in combinations
    ]


def _that_vary(settings):
    return [name for name, values in settings.items() if len(np.unique(values)) > 1]
