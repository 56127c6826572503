"""A start that was measured: profiles at several times, and what bleaching left."""

from typing import Any, Self

import numpy as np

from skfrap.plotting._style import DATA, FIT, REGION, new_axes, pyplot, tidy, write_title
from skfrap.plotting._targets import regressor_and_input

_DISTANCE = "distance from the middle (µm)"
_N_TIMES = 5
_N_TOLD = 400  # radii at which the region told is drawn
_NOTHING = 1e-3  # of the deepest place


class MeasuredStartDisplay:
    """Show rings at several times with their fit, and the start that was seen.

    On the left are profiles about the middle of the patch, over those before bleaching: points as
    measured, lines as fitted. On the right is what was missing in the first frame, and behind it
    the bleach region that the protocol tells, about its own middle and as deep: where the two
    differ, the laser did something else than it was told.

    Make one with :meth:`from_estimator`.

    Parameters
    ----------
    protocol : FRAPProtocol
        Gives the region told.
    profiles : StartProfiles
        As of ``MeasuredStartFRAP.profiles``.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
        Of the profiles.
    start_ax_ : matplotlib Axes
        Of the start.

    See Also
    --------
    RecoveryCurveDisplay : A recovery curve and its fit.
    """

    def __init__(self, protocol: Any, profiles: Any):
        self.protocol = protocol
        self.profiles = profiles

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, index: int = 0, **options: Any) -> Self:
        """Fit one sample of X and show it.

        Parameters
        ----------
        estimator : MeasuredStartFRAP
            Fitted; or a pipeline that ends in one, and X what it takes.
        X : array-like of shape (n_samples, n_features)
            Rings, or curves that go with the estimator's profiles, or what a pipeline takes.
        index : int, default=0
            Which sample.
        **options
            To :meth:`plot`.

        Raises
        ------
        ValueError
            If the estimator measures no start, or there is no such sample or nothing in it.
        """
        if not -len(X) <= index < len(X):
            raise ValueError(f"index must be that of one of the {len(X)} samples, got {index}.")
        estimator, X = regressor_and_input(estimator, X[index : index + 1 or None])
        if not hasattr(estimator, "profiles"):
            raise ValueError(
                "estimator must be a MeasuredStartFRAP, or a pipeline that ends in one, got "
                f"{type(estimator).__name__}; RecoveryCurveDisplay shows its fits."
            )
        (profiles,) = estimator.profiles(X)
        if profiles is None:
            raise ValueError(f"sample {index} of X has no data to show.")
        return cls(estimator.protocol_, profiles).plot(**options)

    def plot(self, *, axes: Any = None, title: str | None = None, n_times: int = _N_TIMES) -> Self:
        """Draw profiles and start.

        Parameters
        ----------
        axes : pair of matplotlib Axes, default=None
            For the profiles and the start. None makes a figure.
        title : str, default=None
            What to write above.
        n_times : int, default=5
            At how many times to draw profiles, from the first frame to the last.

        Returns
        -------
        MeasuredStartDisplay
        """
        if axes is None:
            axes = new_axes(1, 2, figsize=(9.6, 4.2))
        self.ax_, self.start_ax_ = axes
        self.figure_ = self.ax_.figure
        self._draw_profiles(n_times)
        self._draw_start()
        tidy(*axes)
        for ax in axes:
            ax.set_xlabel(_DISTANCE)
            ax.set_xlim(0, self.profiles.radii[-1])
            ax.legend(frameon=False)
        self.ax_.set_ylabel("intensity over that before bleaching")
        self.start_ax_.set_ylabel("missing in the first frame")
        write_title(self.ax_, title)
        return self

    def _draw_profiles(self, n_times):
        seen = self.profiles
        frames = _spread_out(seen.times, n_times)
        colours = pyplot().get_cmap("viridis")(np.linspace(0.0, 0.85, len(frames)))
        for frame, colour in zip(frames, colours, strict=True):
            self.ax_.plot(seen.radii, seen.measured[frame], ".", ms=4, color=colour, alpha=0.6)
            label = f"{seen.times[frame]:.3g} s"
            self.ax_.plot(seen.radii, seen.fitted[frame], color=colour, lw=1.8, label=label)

    def _draw_start(self):
        seen, ax = self.profiles, self.start_ax_
        deepest = np.abs(seen.start).max()
        radii = np.linspace(0.0, seen.radii[-1], _N_TOLD)
        told = deepest * _told_profile(self.protocol, radii)
        ax.fill_between(radii, told, color=REGION, alpha=0.5, lw=0, label="region told")
        ax.plot(seen.radii, 1 - seen.measured[0], "o", ms=3.5, color=DATA, alpha=0.6)
        ax.plot(seen.radii, seen.start, color=FIT, lw=2, label="start seen")
        if np.abs(seen.stays).max() > _NOTHING * deepest:
            ax.plot(seen.radii, seen.stays, "--", color=FIT, lw=1.5, label="part that stays")


def _spread_out(times, n):
    """Return the indices of about n times, the first and the last, evenly in the logarithm."""
    since = times - times[0]
    if len(times) <= max(n, 2):
        return np.arange(len(times))
    wanted = np.geomspace(since[1], since[-1], max(n - 1, 1)) if n > 2 else since[[-1]]
    nearest = np.abs(since[:, np.newaxis] - wanted).argmin(axis=0)
    return np.unique([0, *nearest])


def _told_profile(protocol, radii):
    """Return circle means of the region told about its own middle, at some radii in µm."""
    mask = protocol.bleach_mask
    offsets = [place - np.sum(place * mask) / mask.sum() for place in np.indices(mask.shape)]
    ring = np.rint(np.hypot(*offsets)).astype(int).ravel()
    sums, counts = np.bincount(ring, mask.ravel()), np.bincount(ring)
    (there,) = np.nonzero(counts)  # about a corner of pixels there is none at 0
    return np.interp(radii, protocol.pixel_size * there, sums[there] / counts[there])
