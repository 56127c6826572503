"""Models compared on the same curves."""

from typing import Any, Self

import numpy as np

from skfrap.parameters import parameter
from skfrap.plotting._style import DATA, new_axes, tidy, with_unit, write_closely, write_title

_UNDECIDED = 6.0  # difference of a criterion below which data hardly decide between models


class ModelComparisonDisplay:
    """Show how models fare on the same curves, and what each makes of a parameter.

    Make one with :meth:`from_comparison`.

    Parameters
    ----------
    comparison : skfrap.comparison.ModelComparison
        What is drawn.
    criterion : {"aic", "aicc", "bic", "evidence"}, default="bic"
    name : str, default="D"
        Parameter whose estimates are shown.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
        Of the criterion.
    estimates_ax_ : matplotlib Axes
    """

    def __init__(self, comparison: Any, criterion: str = "bic", name: str = "D"):
        self.comparison = comparison
        self.criterion = criterion
        self.name = name

    @classmethod
    def from_comparison(cls, comparison, *, criterion="bic", name="D", **options):
        """Show a comparison; `options` go to :meth:`plot`.

        Parameters
        ----------
        comparison : ModelComparison
            What is drawn.
        criterion : str, default=None
            Which to show.
        name : str, default=None
            The parameter beside it.
        **options
            To :meth:`plot`.

        Returns
        -------
        ModelComparisonDisplay
        """
        return cls(comparison, criterion, name).plot(**options)

    def plot(self, *, axes: Any = None, title: str | None = None) -> Self:
        """Draw a row per model, a point per curve.

        Parameters
        ----------
        axes : pair of matplotlib Axes, default=None
            For the criterion and the estimates. None makes a figure.
        title : str, default=None
            What to write above.

        Returns
        -------
        ModelComparisonDisplay
        """
        comparison = self.comparison
        models = comparison.models
        if axes is None:
            axes = new_axes(1, 2, figsize=(9.6, 1.5 + 0.6 * len(models)), sharey=True)
        self.ax_, self.estimates_ax_ = axes
        self.figure_ = self.ax_.figure
        values = comparison.criteria[self.criterion]
        worse = values - np.nanmin(values, axis=1, keepdims=True)
        n = len(comparison)
        away = 0.28 * np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        style = {"ls": "", "marker": "o", "ms": 6 if n < 10 else 4, "alpha": 0.85}
        for m, fit in enumerate(comparison.fits):
            wrong = np.zeros(n, bool) if fit.goodness is None else fit.goodness.visibly_wrong
            for some, face in ((~wrong, DATA), (wrong, "white")):
                style |= {"mfc": face, "color": DATA}
                self.ax_.plot(worse[some, m], m + away[some], **style)
                self._draw_estimates(fit, some, m + away, style)
        self.ax_.set_yticks(range(len(models)), [name.replace("+", "\n+ ") for name in models])
        self.ax_.set_ylim(len(models) - 0.5, -0.5)
        farthest = max(4 * _UNDECIDED, 1.5 * np.nanmax(worse))
        between = (20, 50) if farthest < 100 else ()
        ticks = [t for t in (0, 5, 10, *between, *10.0 ** np.arange(2, 9)) if t <= farthest]
        self.ax_.set_xscale("symlog", linthresh=10, linscale=1)
        self.ax_.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        self.ax_.set_xlim(-1, farthest)
        self.ax_.axvspan(-1, _UNDECIDED, color="0.92", lw=0, zorder=0)
        criterion = {"aicc": "AICc", "evidence": "-2 log evidence"}
        label = criterion.get(self.criterion, self.criterion.upper())
        self.ax_.set_xlabel(f"{label} above that of the best model\n(grey: hardly decided)")
        entry = parameter(self.name)
        if entry.is_logarithmic:
            self.estimates_ax_.set_xscale("log")
            write_closely(self.estimates_ax_.xaxis)
        label = with_unit(self.name, entry.unit)
        self.estimates_ax_.set_xlabel(f"{label}, with intervals\n(open: model visibly wrong)")
        tidy(*axes, axis="x")
        write_title(self.ax_, title)
        return self

    def _draw_estimates(self, fit, some, rows, style):
        if fit.estimates is None or self.name not in fit.estimates.values:
            return
        value, lower, upper = (
            ends[self.name][some]
            for ends in (fit.estimates.values, fit.estimates.lower, fit.estimates.upper)
        )
        bars = np.maximum([value - lower, upper - value], 0.0)
        self.estimates_ax_.errorbar(value, rows[some], xerr=bars, elinewidth=1.2, **style)
