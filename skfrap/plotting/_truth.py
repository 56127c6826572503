"""Estimates against the truth."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skfrap._checks import check_level
from skfrap.plotting._style import DATA, FIT, new_axes, tidy, write_title
from skfrap.plotting._targets import (
    LOWER,
    UPPER,
    as_columns,
    check_ends,
    label_of,
    name_targets,
    regressor_and_input,
    scale_axis,
    truth_and_columns,
)

_MOST_COLUMNS = 3
_MANY = 200  # points from which single ones are drawn faintly

_LARGEST_LOGARITHM = 100.0


class EstimatedVersusTrueDisplay:
    """Show estimates against the truth, with their intervals, in a panel per target.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`. Intervals that do not hold the
    truth are drawn in red, with open triangles.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_samples, n_targets)
        On the targets' scales; they are drawn in natural units.
    intervals : ndarray of shape (n_samples, n_targets, 2), default=None
        Lower and upper ends.
    target_names : list of str, default=None
        None is log10 D, c0 and alpha.
    level : float, default=0.95
        Of the intervals.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of shape (n_targets,) of matplotlib Axes

    See Also
    --------
    CoverageDisplay : Intervals of all levels, counted.
    """

    def __init__(
        self,
        y_true: np.ndarray,
        y_pred: np.ndarray,
        intervals: np.ndarray | None = None,
        target_names: list[str] | None = None,
        *,
        level: float = 0.95,
    ):
        self.y_true = y_true
        self.y_pred = y_pred
        self.intervals = intervals
        self.target_names = target_names
        self.level = level

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: Any,
        *,
        level: float = 0.95,
        target_names: list[str] | None = None,
        **options: Any,
    ) -> Self:
        """Estimate, and show the estimates against y.

        Parameters
        ----------
        estimator : regressor, or pipeline that ends in one
            Fitted; if it has ``predict_interval(X, level)`` intervals are shown.
        X : array-like of shape (n_samples, n_frames)
            Recovery curves, or what a pipeline takes.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The truth, in the columns of the predictions, or in any of them by their names.
        level : float, default=0.95
            Of the intervals.
        target_names : list of str, default=None
            None is the estimator's `target_names_`, or log10 D, c0 and alpha.
        **options
            To :meth:`plot`.

        Returns
        -------
        EstimatedVersusTrueDisplay

        Examples
        --------
        >>> from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
        >>> from skfrap.plotting import EstimatedVersusTrueDisplay
        >>> X, y = FRAPSimulator(random_state=0).sample(30, return_X_y=True)
        >>> least_squares = LeastSquaresFRAP(FRAPProtocol()).fit(X)
        >>> display = EstimatedVersusTrueDisplay.from_estimator(least_squares, X, y)
        >>> [ax.get_xlabel() for ax in display.axes_]
        ['true D (µm²/s)', 'true c0', 'true alpha']
        """
        regressor, X = regressor_and_input(estimator, X)
        y, columns, names = truth_and_columns(regressor, y)
        intervals = None
        if hasattr(regressor, "predict_interval"):
            intervals = regressor.predict_interval(X, check_level(level))[:, columns]
        if target_names is None:
            target_names = names
        _check_logarithms(y, target_names)
        theta = as_columns(regressor.predict(X), "predictions")[:, columns]
        return cls(y, theta, intervals, target_names, level=level).plot(**options)

    @classmethod
    def from_predictions(
        cls, y_true, y_pred, intervals=None, target_names=None, *, level=0.95, **options
    ):
        """Show estimates against the truth; `options` go to :meth:`plot`.

        Parameters
        ----------
        y_true : array-like of shape (n_samples, n_targets)
            True values.
        y_pred : array-like of shape (n_samples, n_targets)
            Estimates.
        intervals : array-like of shape (n_samples, n_targets, 2), default=None
            Lower and upper ends.
        target_names : sequence of str, default=None
            Of the columns.
        level : float, default=0.95
            Of the intervals.
        **options
            To :meth:`plot`.

        Returns
        -------
        EstimatedVersusTrueDisplay
        """
        return cls(y_true, y_pred, intervals, target_names, level=level).plot(**options)

    def plot(self, *, axes: Sequence[Any] | None = None, title: str | None = None) -> Self:
        """Draw a panel per target.

        Parameters
        ----------
        axes : sequence of n_targets matplotlib Axes, default=None
            None makes a figure.
        title : str, default=None
            What to write above.

        Returns
        -------
        EstimatedVersusTrueDisplay
        """
        y_true = as_columns(self.y_true, "y_true")
        y_pred = as_columns(self.y_pred, "y_pred", *y_true.shape)
        entries = name_targets(self.target_names, y_true.shape[1])
        ends = None
        if self.intervals is not None:
            ends = check_ends(self.intervals, "intervals", y_true.shape)
        if axes is None:
            axes = _new_panels(len(entries))
        self.axes_ = np.array(axes, dtype=object).ravel()
        if len(self.axes_) != len(entries):
            raise ValueError(
                f"axes must be {len(entries)}, one for each target; got {len(self.axes_)}."
            )
        self.figure_ = self.axes_[0].figure
        level = check_level(self.level)
        for k, (ax, entry) in enumerate(zip(self.axes_, entries, strict=True)):
            of_target = None if ends is None else ends[:, k]
            _draw(ax, entry, y_true[:, k], y_pred[:, k], of_target, level)
        tidy(*self.axes_)
        if title:
            self.figure_.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        return self


def _new_panels(n):
    n_columns = min(n, _MOST_COLUMNS)
    n_rows = -(-n // n_columns)
    size = 3.7 * n_columns + 0.3, 4.0 * n_rows + 0.3
    panels = new_axes(n_rows, n_columns, figsize=size, squeeze=False).ravel()
    for ax in panels[n:]:
        ax.remove()
    return panels[:n]


def _draw(ax, entry, true, estimated, ends, level):
    both = np.concatenate([true, estimated])
    low, high = both.min(), both.max()
    margin = 0.05 * (high - low) or 1e-6 * max(1.0, abs(high))
    limits = np.array([low - margin, high + margin])
    natural = entry.from_target
    line = natural(np.linspace(*limits, 100))
    ax.plot(line, line, color="0.4", lw=1, zorder=1)
    faint = 0.75 if len(true) < _MANY else 0.3
    covered = np.full(len(true), True)
    if ends is not None:
        covered = (ends[:, LOWER] <= true) & (true <= ends[:, UPPER])
        # What ends far outside is drawn to outside: infinite ends cannot be drawn.
        ends = np.clip(ends, limits[0] - margin, limits[1] + margin)
        title = f"{100 * level:g} % intervals hold {covered.sum()} of {len(true)}"
        write_title(ax, title)
    for some, look in (
        (covered, {"color": DATA, "marker": "o", "ms": 4, "alpha": faint, "zorder": 2}),
        (~covered, {"color": FIT, "marker": "^", "ms": 5, "mfc": "white", "zorder": 3}),
    ):
        value, bars = natural(estimated[some]), None
        if ends is not None:
            lower, upper = natural(ends[some]).T
            bars = np.maximum([value - lower, upper - value], 0.0)
        ax.errorbar(natural(true[some]), value, bars, ls="", elinewidth=1, **look)
    ax.set(xlim=natural(limits), ylim=natural(limits))
    for axis in (ax.xaxis, ax.yaxis):
        scale_axis(axis, entry)
    ax.set_box_aspect(1)
    ax.set_xlabel(f"true {label_of(entry)}")
    ax.set_ylabel(f"estimated {label_of(entry)}")


def _check_logarithms(y, target_names):
    """Refuse what is no logarithm of a number that can be drawn."""
    for name, column in zip(target_names, y.T, strict=False):
        if name.startswith("log10_") and np.abs(column).max(initial=0.0) > _LARGEST_LOGARITHM:
            raise ValueError(
                f"y holds {name} of {column[np.abs(column).argmax()]:.3g}; is it no logarithm?"
            )
