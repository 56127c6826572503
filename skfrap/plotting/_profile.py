"""The profile likelihood of a parameter."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.stats import t as student_t
from sklearn.utils.validation import check_is_fitted

from skfrap._checks import check_choice, check_count, check_level
from skfrap.experiment._noise import squares_without_noise
from skfrap.parameters import parameter
from skfrap.plotting._style import DATA, FIT, new_axes, tidy, write_title
from skfrap.plotting._targets import (
    label_of,
    name_targets,
    regressor_and_curve,
    scale_axis,
)
from skfrap.results._estimates import in_numbers

LEVELS = 0.68, 0.95
_BEYOND = 1.3  # of the widest interval's half, to either side
_MARGIN = 1.6  # of the highest level


class ProfileDisplay:
    """Show how much worse a curve is fitted if one parameter is not at its optimum.

    Make one with :meth:`from_estimator`. At each value of the parameter all others are fitted
    anew. An interval is where the sum of squares has risen by no more than its level allows: the
    bars, drawn at the rise that is allowed. Where the profile leaves the parabola, which has the
    curvature of the optimum, standard errors say too little or too much. Where bounds cut the
    interval of another parameter, the estimator takes the wider of profile and parabola.

    Parameters
    ----------
    name : str
        The parameter.
    values : ndarray of shape (n_points,)
        Of the parameter, in natural units, in rising order.
    rise : ndarray of shape (n_points,)
        Of the sum of squared residuals above its minimum, in residual variances.
    optimum, standard_error : float
        On the target's scale.
    levels : sequence of float
        Levels of the intervals.
    allowed_rise : ndarray of shape (n_levels,)
        Of the cost, by level.
    intervals : ndarray of shape (n_levels, 2)
        In natural units.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes

    See Also
    --------
    RecoveryCurveDisplay : A curve and its fit.
    ResidualsDisplay : What the fit leaves.
    PosteriorDisplay : All parameters, by a posterior.
    """

    def __init__(
        self,
        name: str,
        values: np.ndarray,
        rise: np.ndarray,
        *,
        optimum: float,
        standard_error: float,
        levels: Sequence[float],
        allowed_rise: np.ndarray,
        intervals: np.ndarray,
    ):
        self.name = name
        self.values = values
        self.rise = rise
        self.optimum = optimum
        self.standard_error = standard_error
        self.levels = levels
        self.allowed_rise = allowed_rise
        self.intervals = intervals

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        index: int = 0,
        *,
        name: str = "D",
        levels: Sequence[float] = LEVELS,
        n_points: int = 31,
        **options: Any,
    ) -> Self:
        """Fit one curve with a parameter at each of several values, and show how it fares.

        Parameters
        ----------
        estimator : LeastSquaresFRAP
            Fitted, or a pipeline that ends in one; with constant noise and squared loss.
        X : array-like of shape (n_samples, n_frames) or (n_frames,)
            Recovery curves, or what a pipeline takes.
        index : int, default=0
            Which curve.
        name : str, default="D"
            One of the estimated parameters.
        levels : sequence of float, default=(0.68, 0.95)
            Levels of the intervals.
        n_points : int, default=31
            Values, each a fit; as many to either side of the optimum.
        **options
            To :meth:`plot`.

        Returns
        -------
        ProfileDisplay

        Raises
        ------
        ValueError
            If the parameter is not estimated, or has no profile: without noise, with proportional
        noise, with another loss.

        Examples
        --------
        >>> from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
        >>> from skfrap.plotting import ProfileDisplay
        >>> X = FRAPSimulator(random_state=0).sample(1).data
        >>> display = ProfileDisplay.from_estimator(LeastSquaresFRAP(FRAPProtocol()).fit(X), X)
        >>> display.ax_.get_xlabel()
        'D (µm²/s)'
        """
        estimator, curve = regressor_and_curve(estimator, X, index)
        entries = _answered(estimator)
        names = [entry.name for entry in entries]
        check_choice("name", name, names)
        check_count("n_points", n_points, 3)
        levels = [check_level(level) for level in levels]
        row = names.index(name)
        entry = entries[row]
        ends = np.array(
            [estimator.predict_interval(curve, level, method="profile")[0, row] for level in levels]
        )
        fit = estimator.fit_results(curve)
        column = fit.space.column(name)
        theta, std = fit.theta[0, column], fit.std[0, column]
        best = np.sum(fit.residuals**2)
        if best <= squares_without_noise(curve)[0]:
            raise ValueError(
                f"curve {index} is fitted exactly: without noise a parameter has no profile."
            )
        values = entry.from_target(_grid(theta, ends, _bounds(estimator, entry), n_points))
        values = np.clip(values, entry.lowest, entry.highest)  # of rounding
        costs = estimator.profile(curve, name, values)
        return cls(
            name,
            values,
            (costs - best) / (best / fit.freedom),
            optimum=theta,
            standard_error=std,
            levels=levels,
            allowed_rise=student_t.ppf(0.5 + 0.5 * np.array(levels), fit.freedom) ** 2,
            intervals=entry.from_target(ends),
        ).plot(**options)

    def plot(self, *, ax=None, title=None):
        """Draw the profile, its parabola and the intervals.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        title : str, default=None
            None tells the optimum and the interval of the highest level.

        Returns
        -------
        ProfileDisplay
        """
        if ax is None:
            ax = new_axes(figsize=(6.4, 4.4))
        self.ax_, self.figure_ = ax, ax.figure
        entry, values = parameter(self.name), np.asarray(self.values)
        top = _MARGIN * max(self.allowed_rise)
        ax.set_xlim(values.min(), values.max())
        ax.set_ylim(-0.03 * top, top)
        if np.isfinite(self.standard_error) and self.standard_error > 0:
            ends = entry.to_target(np.array([values.min(), values.max()]))
            at = np.linspace(*ends, 200)
            parabola = ((at - self.optimum) / self.standard_error) ** 2
            label = "parabola of the curvature"
            style = {"color": FIT, "ls": "--", "lw": 1.5, "zorder": 3}
            ax.plot(entry.from_target(at), parabola, label=label, **style)
        ax.plot(values, self.rise, "o-", color=DATA, lw=2, ms=4, label="profile")
        for level, rise, (lower, upper) in zip(
            self.levels, self.allowed_rise, self.intervals, strict=True
        ):
            ax.axhline(rise, color="0.55", lw=0.8, ls=":", zorder=0)
            ax.plot([lower, upper], [rise, rise], color="0.25", lw=2.5, zorder=1, marker="|", ms=9)
            ax.annotate(
                f"{100 * level:g} %",
                (1, rise),
                xycoords=("axes fraction", "data"),
                xytext=(-3, 2),
                textcoords="offset points",
                ha="right",
                va="bottom",
            )
        scale_axis(ax.xaxis, entry)
        ax.set_xlabel(label_of(entry))
        ax.set_ylabel("rise of the sum of squared residuals\n(residual variances)")
        tidy(ax)
        ax.legend(frameon=False, loc="upper center")
        if title is None:
            widest = int(np.argmax(self.levels))
            lower, upper = self.intervals[widest]
            value, ends = in_numbers(entry, lower, entry.from_target(self.optimum), upper)
            title = f"{value} ({100 * self.levels[widest]:g} % interval {ends})"
        write_title(ax, title)
        return self


def _answered(estimator):
    """Return the parameters in the columns of predictions."""
    check_is_fitted(estimator)
    return name_targets(estimator.target_names_, estimator.n_outputs_)


def _bounds(estimator, entry):
    return entry.to_target(np.array(estimator.bounds_[entry.name], dtype=float))


def _grid(optimum, ends, bounds, n_points):
    """Return values on the target's scale: evenly over either side of the optimum."""
    reach = [_BEYOND * (ends.min() - optimum), _BEYOND * (ends.max() - optimum)]
    low, high = np.clip(optimum + np.array(reach), *bounds)
    half = n_points // 2 + 1
    return np.unique([*np.linspace(low, optimum, half), *np.linspace(optimum, high, half)])
