"""What is to be known of fits of images before their numbers are used."""

import numpy as np
from scipy.stats import chi2

from skfrap.judging._findings import Report, _find_wide_intervals
from skfrap.results._finding import FindingsByRow

_SEEN = 0.999  # level at which there is bleaching
_REACH = 1.96  # standard errors


def bleaching_in_images(fit):
    """Tell where images after bleaching differ from an even one by more than noise.

    Parameters
    ----------
    fit : Fit
        Of rows of scores.

    Returns
    -------
    ndarray of shape (n,) of bool
    """
    surrogate = fit.forward.evaluator
    frames = surrogate.frame_scores(fit.data - fit.curves)
    light = surrogate.frame_scores(fit.data)
    n = surrogate.protocol.n_prebleach
    # An even image has the first score alone; without levels of frames it is the same throughout.
    without = np.sum(light[:, n:, 1:] ** 2, axis=(1, 2))
    if not surrogate.frame_levels:
        first = light[..., 0]
        without += np.sum((first - first[:, :n].mean(axis=1, keepdims=True)) ** 2, axis=1)
    start = 1 if surrogate.frame_levels else 0
    explained = without - np.sum(frames[:, n:, start:] ** 2, axis=(1, 2))
    extra = max(1, fit.theta.shape[1] - 1)
    return explained > chi2.ppf(_SEEN, extra) * fit.residual_variance


def describe_image_fits(fit, *, given_bounds=(), misfits=None):
    """Find which bounds fits of images are at, whether rates are determined, and what is wrong.

    Parameters
    ----------
    fit : Fit
        Of rows of scores.
    given_bounds : collection of str, default=()
        Parameters that the user has bounded, not the protocol.
    misfits : callable, default=None
        ``misfits(found, fit)`` adds what residual images say to `found`, a FindingsByRow.

    Returns
    -------
    Report
    """
    n, names = len(fit), fit.space.free
    rates = np.flatnonzero(fit.space.rates)
    at_lower, at_upper = fit.at_lower, fit.at_upper
    visible = bleaching_in_images(fit)
    found = FindingsByRow(n)
    found.add(~visible, "no_bleaching_visible", "no bleaching is visible above the noise")
    for k in rates:
        name = names[k]
        of_protocol = name == "D" and name not in given_bounds
        none = "no recovery seen: " if of_protocol else ""
        found.add(at_lower[:, k], "at_lower_bound", f"{none}{name} is at its lower bound", name)
        over = "recovery over before the first frame: " if of_protocol else ""
        found.add(at_upper[:, k], "at_upper_bound", f"{over}{name} is at its upper bound", name)
    so_far = found.any()
    reach = _REACH * fit.std
    unknown = np.isnan(reach).any(axis=1)
    found.add(unknown, "interval_unknown", "how far the estimates may be off is not known")
    _find_wide_intervals(found, fit, reach, so_far | unknown, "")
    if misfits is not None:
        misfits(found, fit)
    found.add(~fit.converged, "not_converged", "the fit did not converge")
    at_bound = [
        ", ".join(name for name, one in zip(names, row, strict=True) if one)
        for row in at_lower | at_upper
    ]
    return Report(np.array(at_bound), found.to_tuple(), visible, ((),) * n)
