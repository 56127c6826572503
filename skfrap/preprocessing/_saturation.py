"""Find the value at which a detector cuts off, from how often values occur.

That is the largest value that the camera gives, whatever the file has room for: a camera of 14 bits
in 16-bit pixels cuts off at 16383, and one of which an offset was subtracted at any value.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

_STRAY = 0.005  # of the pixels may be brighter, such as hot ones
_PILED = 3.0  # times as frequent as the values below
_BELOW = 8  # values to compare with
_FEWEST_BELOW = 3
_MOST_COUNTED = 2_000_000  # pixels of types whose values are many
_ENOUGH = 100  # pixels at such a value, on average, where only some are looked at
_BLOCK = 2**20  # pixels that are counted at a time
_ORDER = 4  # of differences from frame to frame: of recovering light they are next to nothing
_OF_ROUNDING = 3.0  # counts: their median where there is no other noise than rounding is 1.6
_FEWEST_DIFFERENCES = 50
_SMALLEST_STEP, _SMALLEST_NOISE = 1e-6, 1e-4  # of the value where it is cut off


def cut_off(values, least=0.01):
    """Return the value at which pixels pile up, and their share; None and 0 where there is none.

    Parameters
    ----------
    values : ndarray
        Pixels, of any shape and type.
    least : float, default=0.01
        The smallest share that counts.

    Returns
    -------
    value : float or None
    share : float

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.preprocessing._saturation import cut_off
    >>> light = np.random.default_rng(0).normal(16000, 300, 10_000).round()
    >>> cut_off(light)
    (None, 0.0)
    >>> value, share = cut_off(np.minimum(light, 16383))
    >>> value, round(share, 1)
    (16383.0, 0.1)
    """
    values = np.asarray(values)
    n_enough = int(_ENOUGH / max(least, 1e-9))
    if values.size > 100 * n_enough and not _may_pile_up(values, least, n_enough):
        return None, 0.0
    present, counts = _histogram(values)
    if not len(present):
        return None, 0.0
    brighter = np.cumsum(counts[::-1])[::-1]  # or as bright
    top = int(np.flatnonzero(brighter > _STRAY * brighter[0])[-1])
    value, share = float(present[top]), float(counts[top] / brighter[0])
    below = counts[max(0, top - _BELOW) : top]
    if share < least:
        return None, 0.0
    if len(below) < _FEWEST_BELOW:
        # Even light without noise, as it is simulated, or all of it cut off.
        piled = _is_full_scale(value)
    else:
        piled = counts[top] > _PILED * below.mean()
    return (value, share) if piled else (None, 0.0)


def is_detectors(frames, value):
    """Tell whether it is a detector that has cut off what piles up at a value.

    It does so everywhere, and has noise: what is above it in other frames was not cut off there,
    and where there is no noise but that of rounding, what piles up is the even light of a
    simulation.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, ny, nx)
        In counts.
    value : float
        From :func:`cut_off`, of all pixels or some.

    Returns
    -------
    bool
        True too where there is too little to tell it by.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.preprocessing._saturation import is_detectors
    >>> times = np.arange(20.0)[:, np.newaxis, np.newaxis]
    >>> light = 3000 - 2000 * np.exp(-times / 8) * (times >= 5) + np.zeros((8, 8))
    >>> noise = np.random.default_rng(0).normal(0, 5, light.shape)
    >>> is_detectors(light.round(), 3000), is_detectors((light + noise).round().clip(0, 3000), 3000)
    (False, True)
    """
    frames = np.asarray(frames)
    step = 1 + int(np.sqrt(frames.size / _MOST_COUNTED))
    some = frames[:, ::step, ::step].astype(np.float64)
    step = 1.0 if frames.dtype.kind in "iu" else _step_of(some, value)
    return np.mean(some > value) <= _STRAY and not _are_without_noise(some / step, value / step)


def _step_of(frames, value):
    """Return what a count has become in numbers that are no counts; else a little of the value."""
    if value == np.round(value) and (frames == np.round(frames)).all():
        return 1.0
    steps = np.diff(np.unique(frames[:: max(1, len(frames) // 4)]))
    least = float(steps.min()) if len(steps) else 0.0
    return least if least > _SMALLEST_STEP * abs(value) else _SMALLEST_NOISE * abs(value) or 1.0


def _are_without_noise(frames, value):
    """Tell whether pixels that are not at the value go smoothly from frame to frame."""
    if len(frames) <= _ORDER:
        return False
    windows = sliding_window_view(frames != value, _ORDER + 1, axis=0)
    differences = np.abs(np.diff(frames, _ORDER, axis=0)[windows.all(axis=-1)])
    if len(differences) < _FEWEST_DIFFERENCES:
        return False
    return bool(np.median(differences) <= _OF_ROUNDING)


def _may_pile_up(values, least, n):
    """Tell whether one of the brightest values may have a share, from n pixels here and there.

    A value of that share is half as frequent among them but for a chance of 1e-7: where one may be
    there, all pixels are counted.
    """
    random = np.random.default_rng(0)
    some = values[tuple(random.integers(length, size=n) for length in values.shape)]
    _, counts = np.unique(some[np.isfinite(some)], return_counts=True)
    brighter = np.cumsum(counts[::-1])[::-1] - counts
    bright = counts[brighter <= 4 * _STRAY * n]
    return bool((bright >= 0.5 * least * n).any())


def _histogram(values):
    """Return the values that occur, increasing, and how often each does."""
    if values.dtype in (np.uint8, np.uint16):
        counts = np.zeros(np.iinfo(values.dtype).max + 1, dtype=np.intp)
        flat = values.reshape(-1)
        for first in range(0, flat.size, _BLOCK):  # counting takes room
            counts += np.bincount(flat[first : first + _BLOCK], minlength=counts.size)
        present = np.flatnonzero(counts)
        return present, counts[present]
    values = np.ravel(values)
    values = values[:: 1 + len(values) // _MOST_COUNTED]
    return np.unique(values[np.isfinite(values)], return_counts=True)


def _is_full_scale(value):
    """Tell whether a value is the largest of 8 or more bits, wherever in the pixel they are."""
    if value < 255 or value != int(value):
        return False
    whole = int(value)
    while whole % 2 == 0:
        whole //= 2
    return whole >= 255 and whole & (whole + 1) == 0
