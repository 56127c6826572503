"""The noise of a detector."""

from typing import Any, Self

import numpy as np

from skfrap.plotting._style import DATA, FIT, new_axes, tidy, write_title


class NoiseCalibrationDisplay:
    """Show the noise variance of pixels against their intensity, and the line fitted to it.

    Make one with :meth:`from_calibration`.

    Parameters
    ----------
    calibration : skfrap.calibration.NoiseCalibration
        What is drawn.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    """

    def __init__(self, calibration: Any):
        self.calibration = calibration

    @classmethod
    def from_calibration(cls, calibration: Any, **options: Any) -> Self:
        """Show a calibration; `options` go to :meth:`plot`.

        Parameters
        ----------
        calibration : NoiseCalibration
            What is drawn.
        **options
            To :meth:`plot`.

        Returns
        -------
        NoiseCalibrationDisplay
        """
        return cls(calibration).plot(**options)

    def plot(self, *, ax: Any = None, title: str | None = None) -> Self:
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
            ax = new_axes(figsize=(6.4, 4.2))
        self.ax_, self.figure_ = ax, ax.figure
        noise = self.calibration
        # From no light on: the line's height there is a.
        light = np.linspace(min(0.0, noise.lowest_intensity), noise.highest_intensity, 100)
        line = noise.variance(light)
        ax.plot(light, line, color=FIT, lw=2, label="a + b × intensity", zorder=3)
        if np.isfinite(noise.covariance).all():
            terms = np.stack([np.ones_like(light), light])
            reach = 1.96 * np.sqrt(np.einsum("ti,tu,ui->i", terms, noise.covariance, terms))
            ax.fill_between(light, line - reach, line + reach, color=FIT, alpha=0.2, lw=0)
        ax.errorbar(
            noise.bin_intensity,
            noise.bin_variance,
            noise.bin_variance_std,
            fmt="o",
            ms=4,
            color=DATA,
            label="groups of pixels",
        )
        ax.set_ylim(bottom=0)
        ax.set_xlabel("intensity")
        ax.set_ylabel("variance of a pixel's noise")
        tidy(ax)
        ax.legend(frameon=False, loc="lower right")
        if title is None:
            title = f"a = {noise.a:.4g} ± {noise.a_std:.2g}, b = {noise.b:.4g} ± {noise.b_std:.2g}"
            title += "" if noise.determined else "\nnot known apart"
        write_title(ax, title)
        return self
