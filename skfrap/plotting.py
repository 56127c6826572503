"""Pictures of curves, fits and series, as scikit-learn Displays. Needs matplotlib."""

import textwrap

import numpy as np

__all__ = ["NoiseCalibrationDisplay", "RecoveryCurveDisplay", "plot_analysis"]

_DATA, _FIT, _REGION = "#1f4e79", "#d1495b", "#ffd166"
_TITLE_WIDTH = 60  # characters that fit over the curve
_LINE = 0.2  # inches


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


class NoiseCalibrationDisplay:
    """Show the noise variance of pixels against their intensity, and the line fitted to it.

    Make one with :meth:`from_calibration`.

    Parameters
    ----------
    calibration : skfrap.noise.NoiseCalibration

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    """

    def __init__(self, calibration):
        self.calibration = calibration

    @classmethod
    def from_calibration(cls, calibration, **options):
        """Show a calibration; `options` go to :meth:`plot`."""
        return cls(calibration).plot(**options)

    def plot(self, *, ax=None, title=None):
        """Draw variances, the line and its uncertainty.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        title : str, default=None
            None says a and b.

        Returns
        -------
        NoiseCalibrationDisplay
        """
        if ax is None:
            _, ax = _pyplot().subplots(figsize=(6.4, 4.2), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        noise = self.calibration
        # From no light on: the line's height there is a.
        light = np.linspace(min(0.0, noise.lowest_intensity), noise.highest_intensity, 100)
        line = noise.variance(light)
        ax.plot(light, line, color=_FIT, lw=2, label="a + b × intensity", zorder=3)
        if np.isfinite(noise.covariance).all():
            terms = np.stack([np.ones_like(light), light])
            reach = 1.96 * np.sqrt(np.einsum("ti,tu,ui->i", terms, noise.covariance, terms))
            ax.fill_between(light, line - reach, line + reach, color=_FIT, alpha=0.2, lw=0)
        ax.errorbar(
            noise.bin_intensity,
            noise.bin_variance,
            noise.bin_variance_std,
            fmt="o",
            ms=4,
            color=_DATA,
            label="groups of pixels",
        )
        ax.set_ylim(bottom=0)
        ax.set_xlabel("intensity")
        ax.set_ylabel("variance of a pixel's noise")
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, loc="lower right")
        if title is None:
            title = f"a = {noise.a:.4g} ± {noise.a_std:.2g}, b = {noise.b:.4g} ± {noise.b_std:.2g}"
            title += "" if noise.determined else "\nnot known apart"
        ax.set_title(title, loc="left", fontsize=11)
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
    title = _lines_of(analysis.estimates.summary()[0])
    height = 4.8 + _LINE * max(0, len(title) - 2)  # long titles take nothing from the curve
    figure = _pyplot().figure(figsize=(10.5, height), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(4, 5), height_ratios=(3, 1))
    _draw_region(figure.add_subplot(grid[:, 0]), analysis)
    ax = figure.add_subplot(grid[0, 1])
    axes = ax, figure.add_subplot(grid[1, 1], sharex=ax)
    RecoveryCurveDisplay.from_predictions(
        analysis.protocol,
        analysis.curve,
        analysis.fitted,
        axes=axes,
        title="\n".join(title),
    )
    figure.suptitle(analysis.name, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def _lines_of(summary):
    """Break a summary into lines: one for each estimate, and long flags between words."""
    estimates, *flags = summary.split("; ")
    flags = (part for flag in flags for part in textwrap.wrap(flag, _TITLE_WIDTH))
    return [*estimates.split(", "), *flags]


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
