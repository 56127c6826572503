"""The posterior of a recovery curve's parameters."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter, map_coordinates

from skfrap._checks import check_level
from skfrap.plotting._style import DATA, FIT, new_axes, tidy
from skfrap.plotting._targets import (
    as_columns,
    check_ends,
    label_of,
    name_targets,
    regressor_and_curve,
    scale_axis,
)
from skfrap.results._estimates import in_numbers

_BINS = 40  # of one parameter
_PLANE_BINS = 32  # along each of two
_EMPTY_BINS = 4  # around those, into which densities are smoothed
_NARROWEST = 1e-12  # variance across the diagonal, where draws all but lie on it
_SMOOTHING = 1.2  # bins
_COVERED = 0.68, 0.95  # shares of the draws within the contours
_TICKS = 5
_TRUE = {"color": FIT, "ls": "--", "lw": 1.3}
_SHOWN = 1500  # points that a panel bears


class PosteriorDisplay:
    """Show the posterior of a curve's parameters: each by itself, and every two together.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`. Contours hold 68 % and 95 % of
    the draws; shaded are intervals, dashed the truth if it is known.

    Parameters
    ----------
    samples : ndarray of shape (n_draws, n_targets)
        Draws from the posterior, on the targets' scales.
    intervals : ndarray of shape (n_targets, 2)
        Lower and upper ends.
    target_names : list of str, default=None
        None is log10 D, c0 and alpha.
    level : float, default=0.95
        Of the intervals.
    truth : array-like of shape (n_targets,), default=None
        True values, where they are known.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of shape (n_targets, n_targets) of matplotlib Axes
        Marginals on the diagonal; None above it.

    See Also
    --------
    RecoveryCurveDisplay : A curve and its fit.
    ResidualsDisplay : What the fit leaves.
    ProfileDisplay : How well one parameter is known.
    """

    def __init__(
        self,
        samples: np.ndarray,
        intervals: np.ndarray,
        target_names: list[str] | None = None,
        *,
        level: float = 0.95,
        truth: ArrayLike | None = None,
    ):
        self.samples = samples
        self.intervals = intervals
        self.target_names = target_names
        self.level = level
        self.truth = truth

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        index: int = 0,
        *,
        truth: ArrayLike | None = None,
        level: float = 0.95,
        n_samples: int = 4000,
        random_state: Any = 0,
        **options: Any,
    ) -> Self:
        """Show the posterior of one curve.

        Parameters
        ----------
        estimator : BayesianFRAP
            Fitted; or a pipeline that ends in one, and X what it takes.
        X : array-like of shape (n_samples, n_frames) or (n_frames,)
            Recovery curves, or what a pipeline takes.
        index : int, default=0
            Which curve.
        truth : array-like of shape (n_targets,), default=None
            A row of y, where it is known.
        level : float, default=0.95
            Of the intervals, which are equal-tailed.
        n_samples : int, default=4000
            Draws.
        random_state : int, RandomState instance or None, default=0
            Seed of the draws.
        **options
            To :meth:`plot`.

        Returns
        -------
        PosteriorDisplay

        Examples
        --------
        >>> from skfrap import BayesianFRAP, FRAPProtocol, FRAPSimulator
        >>> from skfrap.plotting import PosteriorDisplay
        >>> X, y = FRAPSimulator(random_state=0).sample(1, return_X_y=True)
        >>> bayesian = BayesianFRAP(FRAPProtocol()).fit(X)
        >>> display = PosteriorDisplay.from_estimator(bayesian, X, truth=y[0])
        >>> display.axes_[2, 0].get_xlabel()
        'D (µm²/s)'
        """
        estimator, curve = regressor_and_curve(estimator, X, index)
        if not hasattr(estimator, "sample_posterior"):
            raise ValueError(
                f"estimator must have sample_posterior, as BayesianFRAP; got {estimator!r}."
            )
        intervals = estimator.predict_interval(curve, level)[0]
        names, drawn = estimator.target_names_, estimator.space_.target_names
        samples = estimator.sample_posterior(curve, n_samples, random_state)[0]
        samples = samples[:, [drawn.index(name) for name in names]]
        return cls(samples, intervals, names, level=level, truth=truth).plot(**options)

    @classmethod
    def from_predictions(cls, samples, target_names=None, *, level=0.95, truth=None, **options):
        """Show draws, with equal-tailed intervals of them; `options` go to :meth:`plot`.

        Parameters
        ----------
        samples : array-like of shape (n_draws, n_targets)
            Draws.
        target_names : sequence of str, default=None
            Of the columns.
        level : float, default=0.95
            Of the intervals.
        truth : array-like of shape (n_targets,), default=None
            True values, where they are known.
        **options
            To :meth:`plot`.

        Returns
        -------
        PosteriorDisplay
        """
        samples = as_columns(samples, "samples")
        tail = 0.5 - 0.5 * check_level(level)
        intervals = np.quantile(samples, [tail, 1 - tail], axis=0).T
        return cls(samples, intervals, target_names, level=level, truth=truth).plot(**options)

    def plot(self, *, axes=None, title=None):
        """Draw a corner of panels.

        Parameters
        ----------
        axes : array of shape (n_targets, n_targets) of matplotlib Axes, default=None
            Those above the diagonal are removed. None makes a figure.
        title : str, default=None
            What to write above.

        Returns
        -------
        PosteriorDisplay
        """
        samples = as_columns(self.samples, "samples")
        n = samples.shape[1]
        entries = name_targets(self.target_names, n)
        intervals = check_ends(self.intervals, "intervals", (n,))
        level = check_level(self.level)
        truth = None
        if self.truth is not None:
            truth = as_columns(self.truth, "truth", n, 1)[:, 0]
        if axes is None:
            size = max(4.8, 1.6 + 2.3 * n), max(4.2, 1.2 + 2.1 * n)
            axes = new_axes(n, n, figsize=size, squeeze=False)
        self.axes_ = np.atleast_2d(np.array(axes, dtype=object))
        if self.axes_.shape != (n, n):
            raise ValueError(f"axes must have the shape {(n, n)}, got {self.axes_.shape}.")
        self.figure_ = self.axes_[0, 0].figure
        limits = _limits(samples if truth is None else np.vstack([samples, truth]))
        for i, j in np.ndindex(n, n):
            ax = self.axes_[i, j]
            if j > i:
                ax.remove()
                self.axes_[i, j] = None
                continue
            ax.set_xlim(entries[j].from_target(limits[j]))
            if i == j:
                _draw_marginal(ax, entries[i], samples[:, i], intervals[i], level)
            else:
                ax.set_ylim(entries[i].from_target(limits[i]))
                _draw_plane(ax, entries[j], entries[i], samples[:, j], samples[:, i])
            if truth is not None:
                _draw_truth(ax, entries, truth, i, j)
            _label(ax, entries, i, j)
            tidy(ax)
        self._explain(truth is not None, level)
        if title:
            self.figure_.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        return self

    def _explain(self, with_truth, level):
        """Write what is what into the empty corner, if there is one, or below."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        entries = [
            Line2D([], [], color=DATA, lw=1.5, label="median"),
            Patch(color=DATA, alpha=0.15, lw=0, label=f"{100 * level:g} % interval"),
        ]
        if len(self.axes_) > 1:
            shares = " and ".join(f"{100 * share:g}" for share in _COVERED)
            ring = {"ls": "", "marker": "o", "ms": 8, "mfc": "none", "color": DATA}
            entries.append(Line2D([], [], label=f"{shares} % of draws", **ring))
        if with_truth:
            entries.append(Line2D([], [], **_TRUE, label="truth"))
        place = "upper right" if len(self.axes_) > 1 else "outside lower center"
        self.figure_.legend(handles=entries, frameon=False, loc=place)


def _limits(values):
    low, high = values.min(axis=0), values.max(axis=0)
    if (low == high).any():
        raise ValueError("samples must vary; a column of them holds one value only.")
    margin = 0.03 * (high - low)
    return np.stack([low - margin, high + margin], axis=1)


def _draw_marginal(ax, entry, column, interval, level):
    density, edges = np.histogram(column, _BINS, density=True)
    ax.stairs(density, entry.from_target(edges), color=DATA, lw=1.5)
    lower, upper = entry.from_target(interval)
    ax.axvspan(lower, upper, color=DATA, alpha=0.15, lw=0)
    median = entry.from_target(np.median(column))
    ax.axvline(median, color=DATA, lw=1.5)
    value, ends = in_numbers(entry, lower, median, upper)
    ax.set_title(f"{value}\n{100 * level:g} %: {ends}", loc="left", fontsize=9)
    ax.set_ylim(0, 1.08 * density.max())


def _draw_plane(ax, x, y, horizontal, vertical):
    some = slice(None, None, max(1, len(horizontal) // _SHOWN))
    at = x.from_target(horizontal[some]), y.from_target(vertical[some])
    ax.plot(*at, ".", ms=2, color=DATA, alpha=0.25, rasterized=True)
    u, v, density, at_draws = _density(np.stack([horizontal, vertical]))
    levels = np.unique(np.quantile(at_draws, 1 - np.array(_COVERED)))
    widths = np.linspace(1.0, 1.8, len(levels))
    ax.contour(
        x.from_target(u), y.from_target(v), density, levels=levels, colors=DATA, linewidths=widths
    )


def _density(pair):
    """Return points of the plane, (m, m) each, how dense the draws are there, and at the draws."""
    middle = pair.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(np.corrcoef(pair))
    # Along the principal axes, or smoothing would widen what is narrow across the diagonal.
    spread = pair.std(axis=1, keepdims=True) * vectors * np.sqrt(np.maximum(values, _NARROWEST))
    draws = np.linalg.solve(spread, pair - middle)
    counts, *edges = np.histogram2d(*draws, _PLANE_BINS)
    # Empty bins all around close the contours.
    density = gaussian_filter(np.pad(counts, _EMPTY_BINS), _SMOOTHING)
    centres = [_centres(one) for one in edges]
    plane = np.stack(np.meshgrid(*centres, indexing="ij"))
    u, v = np.tensordot(spread, plane, axes=1) + middle[:, :, np.newaxis]
    bins = [(d - c[0]) / (c[1] - c[0]) for d, c in zip(draws, centres, strict=True)]
    return u, v, density, map_coordinates(density, bins, order=1)


def _centres(edges):
    step = edges[1] - edges[0]
    return edges[0] + step * (np.arange(-_EMPTY_BINS, len(edges) - 1 + _EMPTY_BINS) + 0.5)


def _draw_truth(ax, entries, truth, i, j):
    ax.axvline(entries[j].from_target(truth[j]), **_TRUE)
    if i != j:
        ax.axhline(entries[i].from_target(truth[i]), **_TRUE)


def _label(ax, entries, i, j):
    last = len(entries) - 1
    scale_axis(ax.xaxis, entries[j], _TICKS)
    if i == j:
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
    else:
        scale_axis(ax.yaxis, entries[i], _TICKS)
    if i == last:
        ax.set_xlabel(label_of(entries[j]))
        ax.tick_params(axis="x", labelrotation=30)
    else:
        ax.tick_params(labelbottom=False)
    if j == 0 and i > 0:
        ax.set_ylabel(label_of(entries[i]))
    elif i != j:
        ax.tick_params(labelleft=False)
