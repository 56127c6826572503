"""Whether light changes in the frames before bleaching, by which all others are judged."""

import numpy as np
from scipy.stats import t as student_t

from skfrap.results import Finding

_CODE = "light_changes_before_bleaching"
_FEWEST = 3  # frames before bleaching
_FALSE_ALARMS = 2e-4  # of curves, whose noise is known from their residuals
_CHANGE = 0.01  # of the light, from the first to the last of them
_CLEAR = 5.0  # standard errors, of a flicker that is well known
_KNOWN = 10  # frames after bleaching by which the flicker is known half as well


def levels_about(frames, mask, dark_level=0.0):
    """Return the mean light of frames about a region, as far again as it reaches.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, ny, nx)
    mask : ndarray of shape (ny, nx)
        The region's.
    dark_level : float, default=0
        What counts as no light.

    Returns
    -------
    ndarray of shape (n_frames,)
    """
    window = []
    for axis, n in enumerate(mask.shape):
        places = np.flatnonzero(mask.any(axis=1 - axis))
        reach = places[-1] + 1 - places[0]
        window.append(slice(max(places[0] - reach, 0), min(places[-1] + 1 + reach, n)))
    means = [np.mean(one[tuple(window)], dtype=float) for one in frames]
    return np.array(means) - dark_level


def find_prebleach_change(levels, expected):
    """Find that light rises or falls before bleaching, other than the model has it.

    What is bleached is compared with the mean of these frames. Where they change by some per cent,
    as under a lamp that warms up or with a dye that settles, that mean is of no light there was at
    bleaching, and D is off by more than the change: what does not come back is told by the level.

    Parameters
    ----------
    levels : ndarray of shape (n_frames,)
        Mean light of each frame about the region.
    expected : ndarray of shape (n_prebleach,)
        The model's curve before bleaching, on any scale.

    Returns
    -------
    list of Finding
        One, or none.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.judging._prebleach import find_prebleach_change
    >>> light = np.random.default_rng(0).normal(100, 0.2, 30)
    >>> find_prebleach_change(light, np.ones(5))
    []
    >>> light[:5] *= np.linspace(1.05, 1, 5)
    >>> find_prebleach_change(light, np.ones(5))[0].code
    'light_changes_before_bleaching'
    """
    n, n_after = len(expected), len(levels) - len(expected)
    if n < _FEWEST or n_after < 2 * _FEWEST:
        return []
    before = levels[:n] / expected * np.mean(expected)
    if not (np.isfinite(before).all() and np.isfinite(levels).all() and before.mean() > 0):
        return []
    places, slope = _slope(before, np.arange(n))
    change = slope * np.ptp(places) / before.mean()
    # A lamp that flickers does so after bleaching too, where recovery is slow beside it.
    error = _flicker(levels[n:]) / np.sqrt(places @ places)
    if not (abs(change) > _CHANGE and abs(slope) > _CLEAR * (1 + _KNOWN / n_after) * error):
        return []
    return [Finding.of(_CODE, _words(change, n))]


def find_prebleach_slopes(found, fit, judged):
    """Find the same in curves, by their residuals: less is seen than in the light about the region.

    Parameters
    ----------
    found : FindingsByRow
        To which it adds.
    fit : Fit
    judged : ndarray of shape (n,) of bool
        Which are worth it.
    """
    n, n_free = fit.n_prebleach, fit.theta.shape[1]
    freedom = fit.data.shape[1] - n - n_free
    if n < _FEWEST or freedom < _FEWEST:
        return
    before, after = fit.data[:, :n].mean(axis=1), fit.data[:, n:].mean(axis=1)
    residuals = np.nan_to_num(fit.data - fit.curves)
    places, slope = _slope(residuals[:, :n], fit.frames[:n])
    change = slope * np.ptp(places) / np.where(before > 0, before, np.inf)
    # Noise that goes by the light is the larger the more light there is.
    brighter = np.maximum(before, after) / np.where(after > 0, after, np.inf)
    error = np.sqrt(np.sum(residuals[:, n:] ** 2, axis=1) / freedom * brighter / (places @ places))
    far = np.abs(slope) > student_t.isf(_FALSE_ALARMS / 2, freedom) * error
    for k in np.flatnonzero(judged & far & (error > 0) & (np.abs(change) > _CHANGE)):
        found.add_to(k, _CODE, _words(change[k], n))


def _slope(values, frames):
    """Return places about their mean, and by how much values (..., n) rise from one to the next."""
    places = frames - np.mean(frames)
    return places, values @ places / (places @ places)


def _words(change, n):
    return (
        f"light {'falls' if change < 0 else 'rises'} by {100 * abs(change):.2g} % over the {n} "
        "frames before bleaching, with whose mean the others are compared"
    )


def _flicker(levels):
    """Return the standard deviation of a level, by how far it is from its neighbours."""
    beside = levels[1:-1] - 0.5 * (levels[:-2] + levels[2:])
    return float(1.4826 * np.median(np.abs(beside)) / np.sqrt(1.5))
