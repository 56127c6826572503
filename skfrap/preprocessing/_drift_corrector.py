"""Frames of a sample that moves, moved back."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import map_coordinates, shift

from skfrap._checks import check_choice
from skfrap.experiment import FRAPProtocol
from skfrap.preprocessing._corrector import StackCorrector
from skfrap.preprocessing._drift import KINDS, Drift, compute_drift
from skfrap.preprocessing._protocols import protocol_at, shared_protocol
from skfrap.preprocessing._stacks import StackSequence, StackView

_HALO = 16  # pixels, beyond which a cubic spline knows nothing of a pixel


class DriftCorrector(StackCorrector):
    """Move the frames of a sample that drifts back to where it was when it was bleached.

    Motion is measured by :func:`compute_drift`, and frames are interpolated by cubic splines, where
    they are looked at. Regions and outlines are those of the sample when it was bleached. Beyond
    the field of view its rim is repeated.

    Put it first, or after :class:`IntensityRescaler`: light that is uneven stays where it is when
    the sample moves, so where that matters correct for it before.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        Gives the bleach region and the prebleach frames. None is that of each sample, where samples
        bring theirs, else the paper's.
    kind : {"translation", "rigid"}, default="translation"
        Whether the sample may turn as well.
    smoothing : float, default=None
        As in :func:`compute_drift`.
    drift : Drift, default=None
        Of all stacks, where it is known. None measures that of each.

    Attributes
    ----------
    protocol_ : FRAPProtocol or None
        None where each sample has its own.

    See Also
    --------
    compute_drift : How a sample moves.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter, shift
    >>> from skfrap import Circle, FRAPProtocol
    >>> from skfrap.preprocessing import DriftCorrector
    >>> protocol = FRAPProtocol(shape=(96, 96), pixel_size=1.0, bleach_region=Circle(6.0),
    ...                         n_prebleach=1, n_bleach=1, n_postbleach=4)
    >>> sample = 1 + gaussian_filter(np.random.default_rng(0).normal(size=(96, 96)), 3)
    >>> stack = np.stack([shift(sample, (0.0, 0.4 * k), mode="nearest") for k in range(5)])
    >>> still = DriftCorrector(protocol).fit_transform([stack])[0]
    >>> apart = [np.ptp(frames[:, 20:-20, 20:-20], axis=0).mean() for frames in (stack, still)]
    >>> bool(apart[1] < 0.05 * apart[0])
    True
    """

    settles = ("motion_left",)

    def __init__(
        self,
        protocol: FRAPProtocol | None = None,
        *,
        kind: str = "translation",
        smoothing: float | None = None,
        drift: Drift | None = None,
    ):
        self.protocol = protocol
        self.kind = kind
        self.smoothing = smoothing
        self.drift = drift

    def learn(self, stacks):
        """Check the parameters."""
        check_choice("kind", self.kind, KINDS)
        if self.drift is not None and not isinstance(self.drift, Drift):
            raise ValueError(f"drift must be a Drift or None, got {self.drift!r}.")
        self.protocol_ = shared_protocol(self.protocol, stacks)

    def drifts(self, X) -> list[Drift]:
        """Measure the drift of stacks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
            Stacks.

        Returns
        -------
        list of Drift
        """
        stacks = StackSequence(X)
        return [self._drift_of(stacks.view(k)) for k in range(len(stacks))]

    def _drift_of(self, view):
        protocol = self.protocol_
        if self.protocol is None:
            protocol = protocol_at(None, protocol, view.protocol, "the sample")
        drift = self.drift
        if drift is None:
            drift = compute_drift(view, protocol, kind=self.kind, smoothing=self.smoothing)
        if len(drift.shifts) != view.shape[0]:
            raise ValueError(
                f"the stack has {view.shape[0]} frames, and drift is of {len(drift.shifts)}."
            )
        if not np.isfinite(drift.errors).all():
            k = int(np.flatnonzero(~np.isfinite(drift.errors).all(axis=1))[0])
            raise ValueError(f"frame {k} shows nothing by which the sample could be followed.")
        if view.shape[1:] == protocol.shape:
            drift.check_stays(protocol.bleach_mask)
        return drift

    def prepare(self, view):
        """Measure how the sample moves, unless it is known."""
        return _Moving(view, self._drift_of(view))

    def apply(self, block, state, frames, rows, columns):
        """Put in what lies where the sample has gone."""
        view, drift = state
        n_frames, ny, nx = view.shape
        rows, columns = range(*rows.indices(ny)), range(*columns.indices(nx))
        for image, frame in zip(block, range(*frames.indices(n_frames)), strict=True):
            if drift.lengths[frame] or drift.angles[frame]:
                image[...] = _moved(view, drift, frame, rows, columns)


class _Moving(NamedTuple):
    """A stack as corrections before left it, and how its sample moves."""

    view: StackView
    drift: Drift


def _moved(view, drift, frame, rows, columns):
    """Interpolate a part of a frame, of which no more is read than it needs."""
    _, ny, nx = view.shape
    corners = np.meshgrid([rows[0], rows[-1]], [columns[0], columns[-1]], indexing="ij")
    there = drift.places(frame, *corners)
    window = []
    for place, n in zip(there, (ny, nx), strict=True):
        first = np.clip(int(np.floor(place.min())) - _HALO, 0, n - 1)
        last = np.clip(int(np.ceil(place.max())) + _HALO + 1, first + 1, n)
        window.append(slice(int(first), int(last)))
    part = view.read(slice(frame, frame + 1), *window)[0]
    if drift.angles[frame] == 0:
        dx, dy = drift.shifts[frame]
        by = dy + rows[0] - window[0].start, dx + columns[0] - window[1].start
        ends = len(rows), len(columns)
        # A sample that moves out of the part is followed along its rim.
        room = [(0, max(0, end - n)) for end, n in zip(ends, part.shape, strict=True)]
        part = np.pad(part, room, mode="edge") if np.any(room) else part
        moved = shift(part, (-by[0], -by[1]), order=3, mode="nearest")
        return moved[: ends[0], : ends[1]]
    at = np.meshgrid(np.array(rows, float), np.array(columns, float), indexing="ij")
    down, right = drift.places(frame, *at)
    places = down - window[0].start, right - window[1].start
    return map_coordinates(part, places, order=3, mode="nearest", output=part.dtype)
