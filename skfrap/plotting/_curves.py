"""Recovery curves with their fits, and analysed series."""

import textwrap
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import center_of_mass

from skfrap._arrays import nan_where_masked
from skfrap.judging import prediction_deviations
from skfrap.plotting._drift import draw_way
from skfrap.plotting._seen import draw_profiles, draw_seen_start
from skfrap.plotting._style import (
    DATA,
    FIT,
    ROWS,
    TIME,
    draw_frame,
    draw_image,
    new_axes,
    pyplot,
    shade_bleaching,
    tidy,
    write_title,
)
from skfrap.plotting._targets import regressor_and_curve

_REACH = 1.96  # standard deviations that hold 95 %
_TITLE_WIDTH = 60  # characters that fit over the curve
_LINE = 0.2  # inches


class RecoveryCurveDisplay:
    """Show a recovery curve, the fitted model and the residuals.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    protocol : FRAPProtocol
        Gives the times.
    curve : ndarray of shape (n_values,)
        As measured; row by row where the protocol has several.
    fitted : ndarray of shape (n_values,)
        The model's curve that fits it.
    deviations : ndarray of shape (n_values,), default=None
        Standard deviations of new measurements about the fit: of them is the band that would hold
        95 %.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
        Of the curve.
    residual_ax_ : matplotlib Axes

    See Also
    --------
    ResidualsDisplay : What the fit leaves.
    ProfileDisplay : How well one parameter is known.
    PosteriorDisplay : All parameters, by a posterior.
    """

    def __init__(
        self,
        protocol: Any,
        curve: np.ndarray,
        fitted: np.ndarray,
        deviations: np.ndarray | None = None,
    ):
        self.protocol = protocol
        self.curve = np.asarray(nan_where_masked(curve))
        self.fitted = np.asarray(nan_where_masked(fitted))
        self.deviations = deviations

    @classmethod
    def from_estimator(cls, estimator: Any, X: ArrayLike, index: int = 0, **options: Any) -> Self:
        """Fit one curve of X and show it.

        Parameters
        ----------
        estimator : LeastSquaresFRAP, BayesianFRAP or NeuralFRAP
            Fitted; or a pipeline that ends in one, and X what it takes.
        X : array-like of shape (n_samples, n_frames)
            Recovery curves, or what a pipeline takes.
        index : int, default=0
            Which curve.
        **options
            To :meth:`plot`.
        """
        estimator, curve = regressor_and_curve(estimator, X, index)
        fit = estimator.fit_results(curve)
        deviations = prediction_deviations(fit.data, fit.curves, fit.tangents())
        return cls(fit.protocol, fit.data[0], fit.curves[0], deviations[0]).plot(**options)

    @classmethod
    def from_predictions(cls, protocol, curve, fitted, deviations=None, **options):
        """Show a curve beside a fitted one; `options` go to :meth:`plot`.

        Parameters
        ----------
        protocol : FRAPProtocol
            Gives the times.
        curve : array-like of shape (n_frames,)
            As measured.
        fitted : array-like of shape (n_frames,)
            The model's curve that fits it.
        deviations : array-like of shape (n_frames,), default=None
            Standard deviations about the fit.
        **options
            To :meth:`plot`.

        Returns
        -------
        RecoveryCurveDisplay
        """
        return cls(protocol, curve, fitted, deviations).plot(**options)

    def plot(self, *, axes: Any = None, title: str | None = None) -> Self:
        """Draw curve and residuals.

        Parameters
        ----------
        axes : pair of matplotlib Axes, default=None
            For the curve and the residuals. None makes a figure.
        title : str, default=None
            What to write above.

        Returns
        -------
        RecoveryCurveDisplay
        """
        if axes is None:
            axes = new_axes(2, sharex=True, figsize=(6.4, 4.8), height_ratios=(3, 1))
        self.ax_, self.residual_ax_ = axes
        self.figure_ = self.ax_.figure
        for row in range(self.protocol.n_rows):
            self._draw(row)
        self.residual_ax_.axhline(0, color=FIT, lw=1.5)
        for ax in axes:
            shade_bleaching(ax, self.protocol)
        tidy(*axes)
        self.ax_.set_ylabel("mean intensity in region")
        self.ax_.legend(frameon=False, loc="lower right")
        self.residual_ax_.set_ylabel("residual")
        self.residual_ax_.set_xlabel(TIME)
        self.ax_.tick_params(labelbottom=False)
        write_title(self.ax_, title)
        return self

    def _draw(self, row):
        """Draw one row: what was measured, the fit, and what it leaves."""
        times, n_prebleach = self.protocol.times, self.protocol.n_prebleach
        part, rows = slice(row * len(times), (row + 1) * len(times)), self.protocol.n_rows
        curve, fitted = self.curve[part], self.fitted[part]
        color = DATA if row == 0 else ROWS[(row - 1) % len(ROWS)]
        name = self.protocol.row_names[row].replace("_", " ")
        label = "measured" if rows == 1 else f"measured, {name}"
        self.ax_.plot(times, curve, "o", ms=3.5, color=color, alpha=0.75, label=label)
        # The model jumps at bleaching: no line across it.
        half = 0.5 * self.protocol.frame_interval
        before = times[[0, n_prebleach - 1]] + [-half, half]
        self.ax_.plot(before, fitted[[0, 0]], color=FIT, lw=2)
        if self.deviations is not None:
            self._shade(times, fitted, np.asarray(self.deviations)[part], row)
        after, label = times[n_prebleach:], "fit" if row == rows - 1 else None
        self.ax_.plot(after, fitted[n_prebleach:], color=FIT, lw=2, label=label)
        self.residual_ax_.plot(times, curve - fitted, "o", ms=3, color=color, alpha=0.75)

    def _shade(self, times, fitted, deviations, row):
        """Show where 95 % of new measurements of a row would lie."""
        reach, n_prebleach = _REACH * deviations, self.protocol.n_prebleach
        # Not across the bleaching, as the curve itself.
        for part in (slice(None, n_prebleach), slice(n_prebleach, None)):
            at, style = times[part], {"color": FIT, "alpha": 0.18, "lw": 0}
            ends = fitted[part] - reach[part], fitted[part] + reach[part]
            label = "95 % of measurements" if part.start and row == 0 else None
            self.ax_.fill_between(at, *ends, label=label, **style)
            self.residual_ax_.fill_between(at, -reach[part], reach[part], **style)


def plot_analysis(analysis: Any) -> Any:
    """Draw one analysed series: the bleach region, the recovery curve, its fit and residuals.

    Where the result is from the start as seen in the images, also the rings that it rests on, and
    what is missing at several distances and times; the curve is that of the patch as seen.

    Parameters
    ----------
    analysis : skfrap.analysis.SeriesAnalysis
        What is drawn.

    Returns
    -------
    matplotlib Figure
    """
    title = _title_lines(analysis.estimates)
    height = 4.8 + _LINE * max(0, len(title) - 2)  # long titles take nothing from the curve
    measured = analysis.start == "measured"
    images = [4] if analysis.bleached is not None else []  # a table of a curve has none
    widths = [*images, 5, *([4.2] if measured else [])]
    figure = pyplot().figure(figsize=(1.5 + sum(widths), height), layout="constrained")
    grid = figure.add_gridspec(2, len(widths), width_ratios=widths, height_ratios=(3, 1))
    if images:
        _draw_region(figure.add_subplot(grid[:, 0]), analysis)
    middle = len(images)
    ax = figure.add_subplot(grid[0, middle])
    axes = ax, figure.add_subplot(grid[1, middle], sharex=ax)
    if measured:
        draw_profiles(figure.add_subplot(grid[:, middle + 1]), analysis.seen)
    RecoveryCurveDisplay.from_predictions(
        analysis.protocol,
        analysis.curve,
        analysis.fitted,
        axes=axes,
        title="\n".join(title),
    )
    figure.suptitle(analysis.name, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def _title_lines(estimates):
    """Write a line for each parameter, and the findings broken between words."""
    findings = (textwrap.wrap(str(one), _TITLE_WIDTH) for one in estimates.findings[0])
    return [*estimates.values_in_words(0), *(line for lines in findings for line in lines)]


def _draw_region(ax, analysis):
    low, high = np.percentile(analysis.prebleach, [1, 99])
    low = min(low, analysis.curve.min())
    if analysis.start == "measured":
        image = draw_image(ax, analysis.bleached, analysis.protocol, vmin=low, vmax=high)
        draw_seen_start(ax, analysis.seen)
    else:
        image = draw_frame(ax, analysis.bleached, analysis.protocol, vmin=low, vmax=high)
    if analysis.aligned:
        protocol = analysis.protocol
        row, column = center_of_mass(protocol.bleach_mask)
        start = np.array([column + 0.5, row + 0.5]) * protocol.pixel_size
        draw_way(ax, analysis.drift.shifts * protocol.pixel_size, start)
    write_title(ax, "first frame after bleaching")
    ax.set_xlabel("x (µm)")
    ax.set_ylabel("y (µm)")
    ax.figure.colorbar(image, ax=ax, shrink=0.75, label="intensity")
