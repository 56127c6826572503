"""What bleaching left, as it was seen."""

from dataclasses import dataclass

import numpy as np

from skfrap._checks import check_count

_FEWEST = 6  # values of a profile


@dataclass(frozen=True)
class MeasuredStart:
    """Profiles of the dark patch: what was seen in the first frame after bleaching, and the last.

    Make it by :meth:`from_profile`.

    Parameters
    ----------
    radius_um : tuple of float
        Distances from the middle of the patch, in µm, increasing.
    intensity : tuple of float
        Means over all directions in the first frame after bleaching, over those before it.
    last_intensity : tuple of float, default=None
        The same in the mean of the last frames. None is where it was not measured.
    n_last : int, default=10
        How many last frames.
    start_scale : tuple of float, default=(1.0, 1.0)
        Bounds of what is missing in the profiles over what is missing in the curve's light.
    """

    radius_um: tuple[float, ...]
    intensity: tuple[float, ...]
    last_intensity: tuple[float, ...] | None = None
    n_last: int = 10
    start_scale: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self):
        radius = _column("radius_um", self.radius_um)
        if len(radius) < _FEWEST or radius[0] < 0 or (np.diff(radius) <= 0).any():
            raise ValueError(
                f"radius_um must hold {_FEWEST} distances in µm at least, none below 0, that "
                f"increase; got {len(radius)} from {radius[:3].tolist()}..."
            )
        object.__setattr__(self, "radius_um", tuple(radius.tolist()))
        for name in ("intensity", "last_intensity"):
            values = getattr(self, name)
            if values is None and name == "last_intensity":
                continue
            values = _column(name, values)
            if len(values) != len(radius):
                raise ValueError(
                    f"{name} must have one value for each of the {len(radius)} distances in "
                    f"radius_um, got {len(values)}."
                )
            object.__setattr__(self, name, tuple(values.tolist()))
        object.__setattr__(self, "n_last", check_count("n_last", self.n_last, 1))
        scale = _column("start_scale", self.start_scale)
        if len(scale) != 2 or not 0 < scale[0] <= scale[1]:
            raise ValueError(
                "start_scale must be a number above 0, or its bounds (low, high); "
                f"got {self.start_scale!r}."
            )
        object.__setattr__(self, "start_scale", tuple(scale.tolist()))

    @classmethod
    def from_profile(cls, radius_um, intensity, last_intensity=None, *, n_last=10, start_scale=1.0):
        """Describe a start by profiles about the middle of the patch.

        Parameters
        ----------
        radius_um : array-like of shape (n,)
            Distances from the middle of the patch, in µm, in any order. All pixels of one distance
            may be one value, or all of a ring; distances within one pixel tell how noisy it is.
        intensity : array-like of shape (n,)
            In the first frame after bleaching, over the mean before it: 1 where nothing is missing.
        last_intensity : array-like of shape (n,), default=None
            In the mean of the last frames. It shows what stays, which otherwise must be assumed.
        n_last : int, default=10
            How many last frames `last_intensity` is the mean of.
        start_scale : float or tuple of float (low, high), default=1.0
            What is missing in the profiles over what is missing in the curve's light. Profiles of
            another plane or with another background are too deep or too shallow by a factor; two
            numbers are its bounds, between which it is free. Where the curve does not tell it, the
            answer is flagged, and its interval holds all that the bounds allow.

        Returns
        -------
        MeasuredStart

        Raises
        ------
        ValueError
            If lengths differ, values are not finite, distances are negative or repeat, or bounds of
            the scale are not in their order above 0.

        Examples
        --------
        >>> from skfrap.experiment import MeasuredStart
        >>> radius = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
        >>> start = MeasuredStart.from_profile(radius, [0.4, 0.42, 0.5, 0.65, 0.8, 0.9, 0.97])
        >>> start.intensity[0], start.last_intensity
        (0.4, None)
        """
        radius = _column("radius_um", radius_um)
        order = np.argsort(radius, kind="stable")

        def arranged(name, values):
            values = None if values is None else _column(name, values)
            return values[order] if values is not None and len(values) == len(order) else values

        first, last = arranged("intensity", intensity), arranged("last_intensity", last_intensity)
        scale = start_scale if np.ndim(start_scale) else (start_scale, start_scale)
        return cls(radius[order], first, last, n_last, scale)

    def __repr__(self):
        last = "" if self.last_intensity is None else f", mean of the last {self.n_last} frames"
        reach = f"{self.radius_um[0]:g} to {self.radius_um[-1]:g} µm"
        return f"MeasuredStart({len(self.radius_um)} values, {reach}{last})"


def _column(name, values):
    try:
        column = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        column = None
    if column is None or column.ndim != 1 or not np.isfinite(column).all():
        raise ValueError(f"{name} must be a sequence of finite numbers, got {values!r}.")
    return column
