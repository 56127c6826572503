"""When bleaching ended, on the clock of the frames before and after it.

A file says when frames were taken, and not when bleaching was over. What lies between the last
frame before bleaching and the first after it must be accounted for: by a frame interval, by bleach
frames, and by the time from the last of these to the next frame.
"""

from typing import NamedTuple

import numpy as np

from skfrap.results import Finding

_ALIKE = 0.1  # two intervals that differ by less are one
_SLACK = 1.25  # of the time that is accounted for
_NEAREST = 5  # intervals next to bleaching that are looked at
_REMEDY = "give first_postbleach, or n_bleach and bleach_duration"


class EndOfBleaching(NamedTuple):
    """Where bleaching is put on the clock.

    Attributes
    ----------
    frame_interval : float
        Between the frames before bleaching, s.
    first : float
        Time from the end of bleaching to the first frame after it, s.
    bleach_interval : float or None
        Time from bleach frame to bleach frame, s; None is the frame interval.
    words : str
        Where `first` was taken from.
    finding : Finding or None
        If the clock has a gap that is not accounted for.
    latest : float or None
        What `first` would be had bleaching lasted as long as the gap allows.
    """

    frame_interval: float
    first: float
    bleach_interval: float | None
    words: str
    finding: Finding | None = None
    latest: float | None = None


def end_of_bleaching(times, n_prebleach, n_bleach, first=None, bleach_interval=None):
    """Put the end of bleaching on the clock of the frames.

    The intervals next to bleaching decide, not those that are most frequent: many series are fast
    at first and slow later.

    Parameters
    ----------
    times : ndarray of shape (n_frames,)
        Of the frames, s.
    n_prebleach, n_bleach : int
    first : float, default=None
        Time from the end of bleaching to the first frame after it, if it is given, s.
    bleach_interval : float, default=None
        Time from bleach frame to bleach frame, if it is given, s.

    Returns
    -------
    EndOfBleaching

    Examples
    --------
    Frames 0.5 s apart, then 2 s, and a gap in which one bleach frame has its place:

    >>> import numpy as np
    >>> from skfrap.analysis._clock import end_of_bleaching
    >>> times = np.cumsum([0.0, 0.5, 0.5, 1.0, 0.5, 0.5, 2.0, 2.0, 2.0, 2.0])
    >>> end_of_bleaching(times, n_prebleach=3, n_bleach=1).first
    0.5
    """
    gap = _rounded(times[n_prebleach] - times[n_prebleach - 1])
    after = _nearest(np.diff(times[n_prebleach:]))
    before = _nearest(np.diff(times[:n_prebleach])[::-1])
    before = before or after or gap
    after = after or before
    told = bleach_interval is not None
    bleach = bleach_interval if told else before
    spare = gap - (n_bleach - 1) * bleach
    accounted = _SLACK * before + (bleach if told else 0.0)
    shown = not any(abs(gap - one) <= _ALIKE * one for one in (before, after))
    if first is not None:
        words = f"{first:.4g} s before the first frame after it, given"
        if not shown or -1e-9 * gap <= spare - first <= accounted:
            return EndOfBleaching(before, first, bleach_interval, words)
        words += f"; the clock shows {gap:.4g} s between the frames before and after bleaching"
        finding = _finding(gap, n_bleach, first + (n_bleach - 1) * bleach + before)
        return EndOfBleaching(before, first, bleach_interval, words, finding)
    if not shown:
        # The clock leaves bleaching out: it is that of the frames that are recorded.
        first = min(after, gap)
        words = f"{first:.4g} s before the first frame after it, assumed"
        return EndOfBleaching(before, first, bleach_interval, words)
    if 0 <= spare - after <= accounted:
        words = f"{after:.4g} s before the first frame after it, assumed"
        return EndOfBleaching(before, after, bleach_interval, words)
    latest, fits = min(after, gap), True
    if spare - before > 0:
        first = _rounded(spare - before)
        fits = first < after  # frames follow each other faster there
    elif gap > after and not told:
        first, bleach_interval = after, _rounded((gap - after) / n_bleach)
    else:
        first = _rounded(gap / (n_bleach + 1))
        bleach_interval = first
        fits = not told
    words = f"{first:.4g} s before the first frame after it, by the gap of {gap:.4g} s in the clock"
    if fits:
        return EndOfBleaching(before, first, bleach_interval, words)
    finding = _finding(gap, n_bleach, after + (n_bleach - 1) * bleach + before)
    return EndOfBleaching(before, first, bleach_interval, words, finding, latest)


def _finding(gap, n_bleach, explained):
    words = (
        f"the clock shows {gap:.4g} s between the frames before and after bleaching, and "
        f"{n_bleach} bleach frame{'s' * (n_bleach > 1)} with the times around them account for "
        f"{explained:.4g} s"
    )
    return Finding.of("bleach_gap_unexplained", words, remedy=_REMEDY)


def _nearest(intervals):
    """Return the interval next to bleaching, as the median of those beside it that are alike."""
    if not len(intervals):
        return None
    near = intervals[:_NEAREST]
    alike = near[np.abs(near - near[0]) <= 2.5 * _ALIKE * near[0]]
    return _rounded(np.median(alike))


def _rounded(seconds):
    """Round to a dozen digits: more than any clock has, and it makes like protocols equal."""
    return float(f"{seconds:.12g}")
