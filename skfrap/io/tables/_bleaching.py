"""When bleaching was: by a column that falls at once, or by cells that are empty meanwhile."""

from typing import NamedTuple

import numpy as np

_SEEN = 6.0  # standard deviations of a difference between frames
_CLEAR = 2.0  # times the next largest fall
_WINDOW = 3  # frames before and after, that are compared
_NEAR = 6  # frames before bleaching that tell its level
_PART = 0.15  # of the fall: a frame that is so far down, or up, was taken while bleaching
_NOISE = 4.0
_GAP = 1.5  # times the median interval of a clock
_IN_GAP = 3.5  # standard deviations of a frame, that a fall in the clock's gap must have


class Fall(NamedTuple):
    """Where a column falls at once, and stays down.

    Attributes
    ----------
    n_prebleach : int
        Frames before it.
    first : int
        The first frame after it; those between were taken while bleaching.
    share : float
        Of the level before, that is lost.
    """

    n_prebleach: int
    first: int
    share: float


def find_fall(values, gap=None):
    """Find where a column falls at once, and stays down for some frames.

    Parameters
    ----------
    values : ndarray of shape (n_frames,)
        Without NaN.
    gap : int, default=None
        Frames before the one gap of the clock, as :func:`find_gap` tells: a fall there need not
        stand out of all others.

    Returns
    -------
    Fall or None
        None where no fall stands out.

    Examples
    --------
    The third frame was recorded while bleaching:

    >>> import numpy as np
    >>> from skfrap.io.tables._bleaching import find_fall
    >>> find_fall(np.array([100, 100, 70, 30.0, 42, 51, 58, 63, 66, 68]))
    Fall(n_prebleach=2, first=3, share=0.7)
    """
    n = len(values)
    if n < 4:
        return None
    steps = -np.diff(values)
    spread = 1.4826 * np.median(np.abs(steps - np.median(steps)))
    lasting = np.array([_lasting(values, k + 1) for k in range(n - 1)])
    drops = np.minimum(steps, lasting)
    best = int(np.argmax(drops))
    if not drops[best] > max(_SEEN * spread, 1e-6 * np.abs(values).max()):
        return _fall_in_gap(values, gap, spread)
    first, noise = best + 1, _NOISE * spread / np.sqrt(2)
    n_prebleach = best + 1
    while first + 1 < n and values[first + 1] < values[first] - noise:
        first += 1
    fall = np.median(values[max(n_prebleach - _NEAR, 0) : n_prebleach]) - values[first]
    while n_prebleach > 1:
        level = np.median(values[max(n_prebleach - 1 - _NEAR, 0) : n_prebleach - 1])
        if abs(values[n_prebleach - 1] - level) <= max(noise, _PART * fall):
            break
        n_prebleach -= 1
    if n_prebleach < 1:
        return None
    others = np.delete(drops, np.arange(max(n_prebleach - 2, 0), min(first + 1, n - 1)))
    if len(others) and drops[best] < _CLEAR * others.max():
        return _fall_in_gap(values, gap, spread)
    level = np.median(values[max(n_prebleach - _NEAR, 0) : n_prebleach])
    if not level > 0:
        return None
    return Fall(n_prebleach, first, float((level - values[first]) / level))


def find_gap(times):
    """Find the one gap of a clock: how many frames are before it, None where there is no such.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.io.tables._bleaching import find_gap
    >>> find_gap(np.array([0, 0.1, 0.2, 0.5, 0.6, 0.7, 0.8]))
    3
    """
    steps = np.diff(times)
    wide = np.flatnonzero(steps > _GAP * np.median(steps))
    if len(wide) != 1 or np.max(np.delete(steps, wide), initial=0.0) > 0.5 * (1 + _GAP) * np.median(
        steps
    ):
        return None
    return int(wide[0]) + 1


def _fall_in_gap(values, gap, spread):
    """Return the fall that noise hides from a search of all frames, where the clock has a gap."""
    if gap is None or gap < 2 or gap > len(values) - _NEAR:
        return None
    before, after = values[max(gap - _NEAR, 0) : gap], values[gap : gap + _WINDOW]
    level, fall = np.median(before), np.median(before) - np.median(after)
    if not level > 0 or not min(fall, level - values[gap]) > _IN_GAP * spread / np.sqrt(2):
        return None
    return Fall(gap, gap, float((level - values[gap]) / level))


def _lasting(values, k):
    """Return by how much values are lower in some frames from k on than before."""
    return np.median(values[max(k - _WINDOW, 0) : k]) - np.median(values[k : k + _WINDOW])


def empty_runs(values):
    """List where all columns are empty for some frames: pairs of the first, and that behind.

    Parameters
    ----------
    values : ndarray of shape (n_frames, n_columns)

    Returns
    -------
    list of tuple of int
    """
    empty = np.concatenate([[False], np.isnan(values).all(axis=1), [False]])
    edges = np.flatnonzero(np.diff(empty.astype(int)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
