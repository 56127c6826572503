"""How often intervals hold the truth."""

import numpy as np
from scipy.stats import norm

from skfrap._arrays import nan_where_masked
from skfrap._checks import check_level
from skfrap.plotting._style import CATEGORIES, MARKERS, new_axes, tidy, write_title
from skfrap.plotting._targets import (
    LOWER,
    UPPER,
    as_columns,
    check_ends,
    name_targets,
    regressor_and_input,
    truth_and_columns,
)

LEVELS = 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99


class CoverageDisplay:
    """Show in which share intervals hold the truth, against the share that they promise.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`. Below is the difference.
    Points below the line are of intervals that are too narrow. Grey is what chance does to right
    intervals: two binomial standard errors, sqrt(level (1 - level) / n).

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        Promised shares, in rising order.
    coverage : ndarray of shape (n_levels, n_targets)
        Shares of the samples whose interval holds the truth.
    n_samples : int
        Curves that were counted.
    target_names : list of str, default=None
        None is log10 D, c0 and alpha.

    Attributes
    ----------
    standard_error_ : ndarray of shape (n_levels,)
        Binomial, of the share that right intervals hold.
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
        Of the shares.
    difference_ax_ : matplotlib Axes

    See Also
    --------
    EstimatedVersusTrueDisplay : Each estimate.
    """

    def __init__(
        self,
        levels: np.ndarray,
        coverage: np.ndarray,
        n_samples: int,
        target_names: list[str] | None = None,
    ):
        self.levels = levels
        self.coverage = coverage
        self.n_samples = n_samples
        self.target_names = target_names

    @classmethod
    def from_estimator(cls, estimator, X, y, *, levels=LEVELS, target_names=None, **options):
        """Compute intervals of several levels, and show how often they hold y.

        Parameters
        ----------
        estimator : estimator with ``predict_interval(X, level)``, or pipeline that ends in one
            Fitted.
        X : array-like of shape (n_samples, n_frames)
            Recovery curves, or what a pipeline takes.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The truth, in the columns of the predictions, or in any of them by their names.
        levels : sequence of float, default=(0.1, 0.2, ..., 0.9, 0.95, 0.99)
            Nominal levels.
        target_names : list of str, default=None
            None is the estimator's `target_names_`, or log10 D, c0 and alpha.
        **options
            To :meth:`plot`.

        Returns
        -------
        CoverageDisplay

        Examples
        --------
        >>> from skfrap import BayesianFRAP, FRAPProtocol, FRAPSimulator
        >>> from skfrap.plotting import CoverageDisplay
        >>> X, y = FRAPSimulator(random_state=0).sample(100, return_X_y=True)
        >>> bayesian = BayesianFRAP(FRAPProtocol()).fit(X)
        >>> display = CoverageDisplay.from_estimator(bayesian, X, y, levels=[0.5, 0.9])
        >>> display.coverage.shape  # levels, targets
        (2, 3)
        """
        regressor, X = regressor_and_input(estimator, X)
        if not hasattr(regressor, "predict_interval"):
            raise ValueError(f"estimator must have predict_interval, got {estimator!r}.")
        y, columns, names = truth_and_columns(regressor, y)
        intervals = {level: regressor.predict_interval(X, level)[:, columns] for level in levels}
        if target_names is None:
            target_names = names
        return cls.from_predictions(y, intervals=intervals, target_names=target_names, **options)

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred=None,
        y_std=None,
        *,
        intervals=None,
        levels=LEVELS,
        target_names=None,
        **options,
    ):
        """Show how often intervals hold the truth.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
            True values.
        y_pred, y_std : array-like of the shape of `y_true`, default=None
            Means and standard deviations of normal distributions, from which intervals follow.
        intervals : dict, default=None
            Instead of these, ``{level: ends}`` with ends of shape (n_samples, n_targets, 2).
        levels : sequence of float, default=(0.1, 0.2, ..., 0.9, 0.95, 0.99)
            Without `intervals`.
        target_names : list of str, default=None
            None is log10 D, c0 and alpha.
        **options
            To :meth:`plot`.

        Returns
        -------
        CoverageDisplay
        """
        y_true = as_columns(y_true, "y_true")
        if (intervals is None) == (y_pred is None or y_std is None):
            raise ValueError("give either intervals, or y_pred and y_std.")
        if intervals is None:
            y_pred = as_columns(y_pred, "y_pred", *y_true.shape)
            y_std = _check_std(y_std, y_true.shape)
            reach = {level: norm.ppf(0.5 + 0.5 * check_level(level)) * y_std for level in levels}
            intervals = {
                level: np.stack([y_pred - one, y_pred + one], axis=-1)
                for level, one in reach.items()
            }
        levels = sorted(check_level(level) for level in intervals)
        if not levels:
            raise ValueError("levels must hold at least one level.")
        coverage = [
            _shares_covered(
                y_true, check_ends(intervals[level], f"intervals[{level}]", y_true.shape)
            )
            for level in levels
        ]
        return cls(np.array(levels), np.array(coverage), len(y_true), target_names).plot(**options)

    def plot(self, *, axes=None, title=None):
        """Draw a line per target.

        Parameters
        ----------
        axes : pair of matplotlib Axes, default=None
            For the shares and their differences from the levels. None makes a figure.
        title : str, default=None
            None says how many curves there are.

        Returns
        -------
        CoverageDisplay
        """
        levels, coverage = np.asarray(self.levels), np.asarray(self.coverage)
        entries = name_targets(self.target_names, coverage.shape[1])
        self.standard_error_ = np.sqrt(levels * (1 - levels) / self.n_samples)
        if axes is None:
            axes = new_axes(2, sharex=True, figsize=(5.6, 6.2), height_ratios=(5, 3))
        self.ax_, self.difference_ax_ = axes
        self.figure_ = self.ax_.figure
        at = np.linspace(0, 1, 201)
        band = 2 * np.sqrt(at * (1 - at) / self.n_samples)
        percent = 100 * levels
        for ax, middle in ((self.ax_, at), (self.difference_ax_, 0 * at)):
            ends = 100 * (middle - band), 100 * (middle + band)
            ax.fill_between(100 * at, *ends, color="0.86", lw=0, zorder=0)
            ax.plot(100 * at, 100 * middle, color="0.4", lw=1, zorder=1)
        for k, entry in enumerate(entries):
            style = {"color": CATEGORIES[k % len(CATEGORIES)], "marker": MARKERS[k % len(MARKERS)]}
            style |= {"ms": 5, "lw": 1.5}
            self.ax_.plot(percent, 100 * coverage[:, k], label=entry.name, **style)
            self.difference_ax_.plot(percent, 100 * (coverage[:, k] - levels), **style)
        self.ax_.fill_between([], [], color="0.86", lw=0, label="± 2 standard errors")
        self.ax_.set(xlim=(0, 100), ylim=(0, 101))
        self.ax_.set_ylabel("intervals that hold the truth (%)")
        self.ax_.legend(frameon=False, loc="upper left")
        self.difference_ax_.set_ylabel("difference from level\n(percentage points)")
        self.difference_ax_.set_xlabel("level of the intervals (%)")
        tidy(*axes)
        write_title(self.ax_, f"{self.n_samples} curves" if title is None else title)
        return self


def _check_std(y_std, shape):
    """Check standard deviations of targets, (n_samples, n_targets); they may be infinite."""
    std = np.asarray(nan_where_masked(y_std), dtype=float)
    std = std.reshape(len(std), -1) if std.ndim else std
    if std.shape != shape or not (std >= 0).all():
        raise ValueError(
            f"y_std must hold standard deviations, none of them negative or NaN, of the shape "
            f"{shape}; got shape {std.shape}, at least {np.min(std, initial=np.inf)}."
        )
    return std


def _shares_covered(y_true, ends):
    return ((ends[..., LOWER] <= y_true) & (y_true <= ends[..., UPPER])).mean(axis=0)
