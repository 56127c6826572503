"""What is to be said of an experiment before it is done, in words."""

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import ncf

from skfrap.parameters import PARAMETERS

# Fits are told as poorly determined from a factor of three on; they scatter, and at a planned
# factor of three half of them would be.
_WIDE_INTERVAL = np.log10(2.0)
_NARROW_INTERVAL = 0.1  # decades, within which models are as good as linear
_GROWTH = 1.5
_VISIBLE = 0.999  # level of the F test by which fits tell bleaching from noise
_NEARLY_ALL = 0.99
_OVER, _BEGUN = 0.1, 0.1  # shares of the bleaching
_REACH = 1.96  # standard errors


def judge(information, values, covariance):
    """Say for each guess whether what tells how fast something happens will be determined.

    Parameters
    ----------
    information : Information
    values : dict of str to ndarray of shape (n,)
        All parameters.
    covariance : ndarray of shape (n, n_names, n_names)

    Returns
    -------
    determined : ndarray of shape (n,) of bool
    flags : ndarray of shape (n,) of str
    """
    names, bounds, protocol = information.names, information.bounds, information.protocol
    errors = np.sqrt(np.einsum("nvv->nv", covariance))
    n, n_names = errors.shape
    doubts, remarks = [[] for _ in range(n)], [[] for _ in range(n)]

    def say(where, rows, words):
        for k in np.flatnonzero(rows):
            where[k].append(words)

    curves = information.model.curves(**values)
    visible = _is_visible(curves, information.variance(values), n_names)
    enough = np.full(n, protocol.n_frames > n_names)
    say(doubts, ~enough, f"{protocol.n_frames} frames are too few for {n_names} parameters")
    say(doubts, enough & ~visible, "bleaching will hardly be visible above the noise")
    judged = enough & visible
    for column, name in enumerate(names):
        (lowest, highest), error = bounds[name], _REACH * errors[:, column]
        if PARAMETERS[name].scale != "log10":
            say(remarks, judged & ~np.isfinite(error), f"{name} is not determined")
            beyond = (values[name] - error < lowest) | (values[name] + error > highest)
            words = f"{name} may end at its bound, and fits then scatter less than told"
            say(remarks, judged & np.isfinite(error) & beyond, words)
            continue
        inside = (lowest <= values[name]) & (values[name] <= highest)
        outside = f"{name} is outside of its bounds, {lowest:.3g} to {highest:.3g}"
        say(doubts, judged & ~inside, outside)
        wide = ~(error < _WIDE_INTERVAL)
        say(doubts, judged & inside & wide, f"{name} not known to a factor of 2 either way")
        bent = _errors_grow(information, values, covariance, name, judged & inside & ~wide)
        words = f"the error of {name} varies too much within its interval to be relied on"
        say(doubts, bent, words)
    if "alpha" in values:
        over, late = _timing(information, values, curves)
        say(remarks, judged & over, "recovery is nearly over before the first frame")
        say(remarks, judged & late & ~over, "recovery has hardly begun by the last frame")
    flags = ["; ".join(one + other) for one, other in zip(doubts, remarks, strict=True)]
    return np.array([not one for one in doubts]), np.array(flags)


def _errors_grow(information, values, covariance, name, rows):
    """Tell where fits scatter otherwise than linear ones, among rows."""
    column = information.names.index(name)
    error = np.sqrt(covariance[:, column, column])
    some = np.flatnonzero(rows & (_REACH * error > _NARROW_INTERVAL))
    grown = np.zeros(len(rows), bool)
    if len(some):
        at = {key: value[some] for key, value in values.items()}
        grown[some] = information.growth(at, covariance[some], name) > _GROWTH
    return grown


def _timing(information, values, curves):
    """Tell where recovery is over before the first frame, and where it has not begun by the last.

    Compared with the same without bleaching, since imaging may bleach too.
    """
    protocol = information.protocol
    unbleached = information.model.curves(**values | {"alpha": np.ones(len(curves))})
    missing = 1 - curves / unbleached
    bleached = 1 - values["alpha"] ** protocol.n_bleach
    mobile = values.get("mobile_fraction", 1.0) * bleached
    first, last = (missing[:, k] - (bleached - mobile) for k in (protocol.n_prebleach, -1))
    return first < _OVER * mobile, first - last < _BEGUN * first


def _is_visible(curves, variance, n_free):
    """Tell whether nearly every fit will tell the bleaching from noise, by its F test."""
    extra, freedom = max(1, n_free - 1), max(1, curves.shape[1] - n_free)
    signal = np.sum((curves - curves.mean(axis=1, keepdims=True)) ** 2, axis=1)
    limit = f_distribution.ppf(_VISIBLE, extra, freedom)
    return ncf.sf(limit, extra, freedom, signal / variance.mean(axis=1)) > _NEARLY_ALL
