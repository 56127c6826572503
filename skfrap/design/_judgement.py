"""What is to be known of an experiment before it is done."""

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import ncf

from skfrap.parameters import parameter
from skfrap.results._finding import FindingsByRow

# Fits are found poorly determined from a factor of three on; they scatter, and at a planned
# factor of three half of them would be.
_WIDE_INTERVAL = np.log10(2.0)
_NARROW_INTERVAL = 0.1  # decades, within which models are as good as linear
_GROWTH = 1.5
_VISIBLE = 0.999  # level of the F test by which fits tell bleaching from noise
_NEARLY_ALL = 0.99
_OVER = 0.1  # of the bleaching, of which the first frame shows less: recovery is nearly over
_BEGUN = 0.1  # of the bleaching in the first frame, of which less recovers by the last one
_REACH = 1.96  # standard errors


def judge(information, values, covariance):
    """Find for each guess what is to be known before the expected errors are relied on.

    Parameters
    ----------
    information : Information
    values : dict of str to ndarray of shape (n,)
        All parameters.
    covariance : ndarray of shape (n, n_names, n_names)

    Returns
    -------
    tuple of n tuples of Finding
        Unusable ones first: with any of these something that tells how fast something happens will
        not be determined.
    """
    names, bounds, protocol = information.names, information.bounds, information.protocol
    errors = np.sqrt(np.einsum("nvv->nv", covariance))
    n, n_names = errors.shape
    doubts, remarks = FindingsByRow(n), FindingsByRow(n)
    curves = information.model.curves(**values)
    visible = _is_visible(curves, information.variance(values), n_names)
    enough = np.full(n, protocol.n_frames > n_names)
    words = f"{protocol.n_frames} frames are too few for {n_names} parameters"
    doubts.add(~enough, "fewer_frames_than_parameters", words)
    words = "bleaching will hardly be visible above the noise"
    doubts.add(enough & ~visible, "bleaching_hardly_visible", words)
    judged = enough & visible
    for column, name in enumerate(names):
        (lowest, highest), error = bounds[name], _REACH * errors[:, column]
        if not parameter(name).is_rate:
            words = f"{name} is not determined"
            unknown = judged & ~np.isfinite(error)
            remarks.add(unknown, "amount_will_be_undetermined", words, name)
            beyond = (values[name] - error < lowest) | (values[name] + error > highest)
            words = f"{name} may end at its bound, and fits then scatter less than told"
            remarks.add(judged & np.isfinite(error) & beyond, "may_end_at_bound", words, name)
            continue
        inside = (lowest <= values[name]) & (values[name] <= highest)
        words = f"{name} is outside of its bounds, {lowest:.3g} to {highest:.3g}"
        doubts.add(judged & ~inside, "guess_outside_bounds", words, name)
        entry = parameter(name)
        decades = entry.decades(entry.to_target(values[name]), error)
        wide = ~(decades < _WIDE_INTERVAL)
        words = f"{name} not known to a factor of 2 either way"
        doubts.add(judged & inside & wide, "error_too_large", words, name)
        some = judged & inside & ~wide & (decades > _NARROW_INTERVAL)
        bent = _errors_grow(information, values, covariance, name, some)
        words = f"the error of {name} varies too much within its interval to be relied on"
        doubts.add(bent, "error_varies", words, name)
    if "alpha" in values:
        over, late = _timing(information, values, curves)
        words = "recovery is nearly over before the first frame"
        remarks.add(judged & over, "recovery_nearly_over", words)
        words = "recovery has hardly begun by the last frame"
        remarks.add(judged & late & ~over, "recovery_hardly_begun", words)
    both = zip(doubts.to_tuple(), remarks.to_tuple(), strict=True)
    return tuple(one + other for one, other in both)


def _errors_grow(information, values, covariance, name, rows):
    """Tell where fits scatter otherwise than linear ones, among rows."""
    some = np.flatnonzero(rows)
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
