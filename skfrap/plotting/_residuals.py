"""Residuals of fits."""

import textwrap
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta, norm

from skfrap._arrays import nan_where_masked
from skfrap.judging import goodness_of_fit, judge_fit, judge_fits
from skfrap.plotting._style import DATA, FIT, TIME, new_axes, shade_bleaching, tidy, write_title
from skfrap.plotting._targets import regressor_and_curve

_TITLE_WIDTH = 105  # characters that fit over both axes


class ResidualsDisplay:
    """Show the residuals of a fit in time and beside a normal distribution.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`. Where residuals stay on one
    side for long the model is wrong; where points leave the grey band single frames are off, or
    the noise is not normal.

    Parameters
    ----------
    protocol : FRAPProtocol
        Gives the times.
    residuals : ndarray of shape (n_frames,)
        Measured minus fitted values.
    goodness : skfrap.judging.GoodnessOfFit
        Of one curve.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
        Of the residuals in time.
    normal_ax_ : matplotlib Axes

    See Also
    --------
    RecoveryCurveDisplay : A curve and its fit.
    ProfileDisplay : How well one parameter is known.
    PosteriorDisplay : All parameters, by a posterior.
    """

    def __init__(self, protocol: Any, residuals: np.ndarray, goodness: Any):
        self.protocol = protocol
        self.residuals = np.asarray(nan_where_masked(residuals))
        self.goodness = goodness

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        index: int = 0,
        *,
        noise_a: float | None = None,
        noise_b: float = 0.0,
        **options: Any,
    ) -> Self:
        """Fit one curve of X and show its residuals.

        Parameters
        ----------
        estimator : LeastSquaresFRAP
            Fitted; or a pipeline that ends in one, and X what it takes.
        X : array-like of shape (n_samples, n_frames)
            Recovery curves, or what a pipeline takes.
        index : int, default=0
            Which curve.
        noise_a, noise_b : float
            The noise, if it is known, as in :func:`skfrap.judging.goodness_of_fit`.
        **options
            To :meth:`plot`.
        """
        estimator, curve = regressor_and_curve(estimator, X, index)
        fit = estimator.fit_results(curve)
        if fit.protocol.n_rows == 1:
            goodness = judge_fits(estimator, curve, fit.theta, noise_a=noise_a, noise_b=noise_b)
        else:
            fit = fit.of_first_row()
            goodness = judge_fit(fit, noise_a=noise_a, noise_b=noise_b)
        return cls(fit.protocol, fit.residuals[0], goodness).plot(**options)

    @classmethod
    def from_predictions(
        cls,
        protocol: Any,
        curve: ArrayLike,
        fitted: ArrayLike,
        n_free: int,
        *,
        noise_a: float | None = None,
        **options: Any,
    ) -> Self:
        """Show the residuals of a fit of `n_free` parameters; `options` go to :meth:`plot`.

        Parameters
        ----------
        protocol : FRAPProtocol
            Gives the times.
        curve : array-like of shape (n_frames,)
            As measured.
        fitted : array-like of shape (n_frames,)
            The model's curve that fits it.
        n_free : int
            Parameters that were fitted.
        noise_a : float, default=None
            The noise, if it is known.
        **options
            To :meth:`plot`.

        Returns
        -------
        ResidualsDisplay
        """
        curve, fitted = (np.atleast_2d(nan_where_masked(one)) for one in (curve, fitted))
        gain = protocol.noise_gain
        goodness = goodness_of_fit(curve, fitted, n_free, noise_gain=gain, noise_a=noise_a)
        return cls(protocol, curve[0] - fitted[0], goodness).plot(**options)

    def plot(self, *, axes: Any = None, title: str | None = None) -> Self:
        """Draw residuals.

        Parameters
        ----------
        axes : pair of matplotlib Axes, default=None
            For the residuals in time and beside a normal distribution. None makes a figure.
        title : str, default=None
            None is the verdict.

        Returns
        -------
        ResidualsDisplay
        """
        if axes is None:
            axes = new_axes(1, 2, figsize=(9.6, 3.6), width_ratios=(2, 1))
        self.ax_, self.normal_ax_ = axes
        self.figure_ = self.ax_.figure
        goodness = self.goodness
        std = np.sqrt(goodness.residual_variance[0])
        self._draw_in_time(self.ax_, std)
        self._draw_beside_normal(self.normal_ax_, std)
        tidy(*axes)
        title = goodness.summary()[0] if title is None else title
        lines = textwrap.wrap(title[:1].upper() + title[1:], _TITLE_WIDTH)
        write_title(self.ax_, "\n".join(lines))
        return self

    def _draw_in_time(self, ax, std):
        times, above = self.protocol.times, self.residuals > 0
        shade_bleaching(ax, self.protocol)
        ax.axhline(0, color="0.4", lw=1)
        for end in (-2 * std, 2 * std):
            ax.axhline(end, color="0.4", lw=1, ls=":")
        ax.vlines(times, 0, self.residuals, color="0.75", lw=0.8, zorder=1)
        for some, color, marker in ((above, DATA, "^"), (~above, FIT, "v")):
            ax.plot(times[some], self.residuals[some], marker, ms=4, color=color)
        n_runs, p = self.goodness.n_runs[0], self.goodness.runs_p[0]
        ax.set_xlabel(
            f"{TIME}\n{n_runs} runs of one sign (p = {p:.2g}), "
            f"correlation of neighbours {self.goodness.autocorrelation[0]:.2f} "
            f"(p = {self.goodness.autocorrelation_p[0]:.2g})"
        )
        ax.set_ylabel("residual (intensity)")

    def _draw_beside_normal(self, ax, std):
        n = len(self.residuals)
        rank = np.arange(1, n + 1)
        expected = norm.ppf((rank - 0.5) / n)
        low, high = (norm.ppf(beta.ppf(tail, rank, n + 1 - rank)) for tail in (0.025, 0.975))
        ax.fill_between(expected, low, high, color="0.88", lw=0)
        ax.plot(expected, expected, color="0.4", lw=1)
        ax.plot(expected, np.sort(self.residuals) / (std or 1.0), "o", ms=3.5, color=DATA)
        ax.set_xlabel(
            f"expected of a normal distribution\nnormality: p = {self.goodness.normality_p[0]:.2g}"
        )
        ax.set_ylabel("residual (standard deviations)")
