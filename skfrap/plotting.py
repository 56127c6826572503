"""Pictures of curves, fits and series, as scikit-learn Displays. Needs matplotlib."""

import numpy as np

__all__ = ["RecoveryCurveDisplay", "plot_analysis"]

_DATA, _FIT, _REGION = "#1f4e79", "#d1495b", "#ffd166"


def _pyplot():
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'skfrap[all]'") from error
    return plt


class RecoveryCurveDisplay:
    """Show a recovery curve, the fitted model and the residuals.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    protocol : FRAPProtocol
        Gives the times.
    curve : ndarray of shape (n_frames,)
    fitted : ndarray of shape (n_frames,)

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
        Of the curve.
    residual_ax_ : matplotlib Axes
    """

    def __init__(self, protocol, curve, fitted):
        self.protocol = protocol
        self.curve = np.asarray(curve)
        self.fitted = np.asarray(fitted)

    @classmethod
    def from_estimator(cls, estimator, X, index=0, **options):
        """Fit one curve of X and show it.

        Parameters
        ----------
        estimator : LeastSquaresFRAP
            Fitted.
        X : array-like of shape (n_samples, n_frames)
        index : int, default=0
            Which curve.
        **options
            To :meth:`plot`.
        """
        curve = np.asarray(X)[index : index + 1]
        fitted = estimator.fit_curves(curve)
        return cls(estimator.protocol_, curve[0], fitted[0]).plot(**options)

    @classmethod
    def from_predictions(cls, protocol, curve, fitted, **options):
        """Show a curve beside a fitted one; `options` go to :meth:`plot`."""
        return cls(protocol, curve, fitted).plot(**options)

    def plot(self, *, axes=None, title=None):
        """Draw curve and residuals.

        Parameters
        ----------
        axes : pair of matplotlib Axes, default=None
            For the curve and the residuals. None makes a figure.
        title : str, default=None

        Returns
        -------
        RecoveryCurveDisplay
        """
        if axes is None:
            _, axes = _pyplot().subplots(
                2, 1, sharex=True, figsize=(6.4, 4.8), height_ratios=(3, 1), layout="constrained"
            )
        self.ax_, self.residual_ax_ = axes
        self.figure_ = self.ax_.figure
        times, n_prebleach = self.protocol.times, self.protocol.n_prebleach
        self.ax_.plot(times, self.curve, "o", ms=3.5, color=_DATA, alpha=0.75, label="measured")
        # The model jumps at bleaching: no line across it.
        half = 0.5 * self.protocol.frame_interval
        before = times[[0, n_prebleach - 1]] + [-half, half]
        self.ax_.plot(before, self.fitted[[0, 0]], color=_FIT, lw=2)
        after = times[n_prebleach:]
        self.ax_.plot(after, self.fitted[n_prebleach:], color=_FIT, lw=2, label="fit")
        self.residual_ax_.plot(times, self.curve - self.fitted, "o", ms=3, color=_DATA, alpha=0.75)
        self.residual_ax_.axhline(0, color=_FIT, lw=1.5)
        for ax in axes:
            ax.axvspan(self.protocol.bleach_times[0], 0, color="0.85", lw=0, zorder=0)
            ax.grid(alpha=0.25)
            ax.spines[["top", "right"]].set_visible(False)
        self.ax_.set_ylabel("mean intensity in region")
        self.ax_.legend(frameon=False, loc="lower right")
        self.residual_ax_.set_ylabel("residual")
        self.residual_ax_.set_xlabel("time since end of bleaching (s)")
        self.ax_.tick_params(labelbottom=False)
        if title:
            self.ax_.set_title(title, loc="left", fontsize=11)
        return self


def plot_analysis(analysis):
    """Draw one analysed series: the bleach region, the recovery curve, its fit and residuals.

    Parameters
    ----------
    analysis : skfrap.analysis.SeriesAnalysis

    Returns
    -------
    matplotlib Figure
    """
    figure = _pyplot().figure(figsize=(10.5, 4.8), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(4, 5), height_ratios=(3, 1))
    _draw_region(figure.add_subplot(grid[:, 0]), analysis)
    ax = figure.add_subplot(grid[0, 1])
    axes = ax, figure.add_subplot(grid[1, 1], sharex=ax)
    RecoveryCurveDisplay.from_predictions(
        analysis.protocol,
        analysis.curve,
        analysis.fitted,
        axes=axes,
        title=analysis.estimates.summary()[0].replace("; ", "\n"),
    )
    figure.suptitle(analysis.name, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def _draw_region(ax, analysis):
    protocol = analysis.protocol
    ny, nx = protocol.shape
    extent = 0, nx * protocol.pixel_size, ny * protocol.pixel_size, 0
    low, high = np.percentile(analysis.prebleach, [1, 99])
    image = ax.imshow(
        analysis.bleached,
        cmap="gray",
        extent=extent,
        vmin=min(low, analysis.curve.min()),
        vmax=high,
    )
    x, y = (protocol.pixel_size * (np.arange(n) + 0.5) for n in (nx, ny))
    ax.contour(x, y, protocol.bleach_mask, levels=[0.5], colors=_REGION, linewidths=1.5)
    ax.set_title("first frame after bleaching", loc="left", fontsize=11)
    ax.set_xlabel("x (µm)")
    ax.set_ylabel("y (µm)")
    ax.figure.colorbar(image, ax=ax, shrink=0.75, label="intensity")
