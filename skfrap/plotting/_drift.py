"""How a sample moves."""

from typing import Any, Self

import numpy as np

from skfrap.plotting._style import CATEGORIES, FIT, new_axes, shade_bleaching, tidy, write_title

_REACH = 1.96  # standard errors that hold 95 %
_NAMES = "to the right", "down"


class DriftDisplay:
    """Show how a sample moves: its shifts over time, and its way.

    Make one with :meth:`from_drift` or :meth:`from_estimator`.

    Parameters
    ----------
    drift : Drift
        As :func:`skfrap.preprocessing.compute_drift` measures it.
    protocol : FRAPProtocol, default=None
        Gives times and the size of pixels. None counts frames and pixels.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
        Of the shifts.
    way_ax_ : matplotlib Axes
        Of the way.

    See Also
    --------
    plot_analysis : Draws the way of a series that was aligned onto its image.
    """

    def __init__(self, drift: Any, protocol: Any = None):
        self.drift = drift
        self.protocol = protocol

    @classmethod
    def from_drift(cls, drift: Any, protocol: Any = None, **options: Any) -> Self:
        """Show a drift.

        Parameters
        ----------
        drift : Drift
            As it was measured.
        protocol : FRAPProtocol, default=None
            Gives times and the size of pixels. None counts frames and pixels.
        **options
            To :meth:`plot`.
        """
        return cls(drift, protocol).plot(**options)

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, index: int = 0, **options: Any) -> Self:
        """Measure the drift of one stack, and show it.

        Parameters
        ----------
        estimator : DriftCorrector
            Fitted.
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
            Stacks.
        index : int, default=0
            Which stack.
        **options
            To :meth:`plot`.
        """
        from skfrap.preprocessing import StackSequence

        one = StackSequence(X)[[index]]
        (drift,) = estimator.drifts(one)
        return cls(drift, estimator.protocol_ or one.protocol(0)).plot(**options)

    def plot(self, *, axes: Any = None, title: str | None = None) -> Self:
        """Draw shifts and way.

        Parameters
        ----------
        axes : pair of matplotlib Axes, default=None
            For the shifts and the way. None makes a figure.
        title : str, default=None
            What to write above.

        Returns
        -------
        DriftDisplay
        """
        if axes is None:
            axes = new_axes(1, 2, figsize=(9.6, 4.2), width_ratios=(3, 2))
        self.ax_, self.way_ax_ = axes
        self.figure_ = self.ax_.figure
        times, side, units = self._units()
        shifts, errors = self.drift.shifts * side, self.drift.errors * side
        errors = np.where(np.isfinite(errors), errors, 0.0)
        for k, name in enumerate(_NAMES):
            color = CATEGORIES[k]
            self.ax_.plot(times, shifts[:, k], "o-", ms=3, lw=1, color=color, label=name)
            ends = (shifts[:, k] + sign * _REACH * errors[:, k] for sign in (-1, 1))
            self.ax_.fill_between(times, *ends, color=color, alpha=0.2, lw=0)
        if self.protocol is not None:
            shade_bleaching(self.ax_, self.protocol)
        draw_way(self.way_ax_, shifts)
        self.way_ax_.set_aspect("equal", adjustable="datalim")
        self.way_ax_.invert_yaxis()
        tidy(*axes)
        self.ax_.legend(frameon=False)
        self.ax_.set_xlabel(units[0])
        self.ax_.set_ylabel(f"shift ({units[1]})")
        self.way_ax_.set_xlabel(f"{_NAMES[0]} ({units[1]})")
        self.way_ax_.set_ylabel(f"{_NAMES[1]} ({units[1]})")
        write_title(self.ax_, title)
        return self

    def _units(self):
        if self.protocol is None:
            return np.arange(len(self.drift.shifts)), 1.0, ("frame", "pixels")
        words = "time since end of bleaching (s)", "µm"
        return self.protocol.times, self.protocol.pixel_size, words


def draw_way(ax, shifts, start=(0.0, 0.0), label=None):
    """Draw the way of a sample from a point on.

    Parameters
    ----------
    ax : matplotlib Axes
    shifts : ndarray of shape (n_frames, 2)
        x and y.
    start : tuple of float
        Where the sample was when it was bleached.
    label : str or None
    """
    x, y = (shifts + start).T
    ax.plot(x, y, color=FIT, lw=1.2, label=label)
    ax.plot(x[-1:], y[-1:], "o", ms=4, color=FIT)
