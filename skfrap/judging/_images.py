"""What is to be known of fits of images before their numbers are used."""

from functools import partial

import numpy as np
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from skfrap.judging._bounds import images_without_bounds, words_at_bounds
from skfrap.judging._findings import Report, _find_wide_intervals, find_beyond_bounds
from skfrap.results._finding import FindingsByRow

_SEEN = 0.999  # level at which there is bleaching
_REACH = 1.96  # standard errors
_FALSE_ALARMS = 2e-4  # share of right series that are said not to be described
_SLACK = 1.1  # times the squares of noise: less does little to errors


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


def squares_of_scores(fit):
    """Hold the squares that a fit leaves of the scores against those of all other pixels.

    Whatever the model does not have shows in the scores, which are few; the squares that scores do
    not hold are those of millions of values of noise.

    Parameters
    ----------
    fit : Fit
        Of rows of scores.

    Returns
    -------
    ratio : ndarray of shape (n,)
        Of the two mean squares; 1 is noise alone, NaN where there is none.
    limit : float
        What it exceeds in a share of 2e-4 of right series, and a little more.
    """
    surrogate = fit.forward.evaluator
    n_frames = surrogate.protocol.n_frames
    freedom, n_rest = _freedoms(fit)
    squares = np.sum((fit.data - fit.curves)[:, :-1] ** 2, axis=1)
    ratio = _over_noise(fit, squares, slice(None))
    if min(freedom, n_rest) < 1:
        return ratio, np.inf
    # The noise of the image that frames were divided by is in all of them alike.
    common = np.zeros(1)
    if surrogate.flat_field is not None:
        n_before = surrogate.protocol.n_prebleach
        common = n_frames / n_before * np.sort(surrogate.division_variances)[-freedom:]
    mean, spread = freedom + common.sum(), 2 * (freedom + np.sum(common**2))
    limit = mean / freedom * f_distribution.isf(_FALSE_ALARMS, 2 * mean**2 / spread, n_rest)
    return ratio, _SLACK * limit


def _freedoms(fit):
    """Return how many squares of noise fits leave of the scores, and in all other pixels."""
    surrogate, n_free = fit.forward.evaluator, fit.theta.shape[1]
    n_levels = surrogate.protocol.n_frames if surrogate.frame_levels else 0
    freedom = fit.data.shape[1] - 1 - n_free - n_levels
    return freedom, surrogate.freedom(n_free) - freedom


def _over_noise(fit, squares, rows):
    """Hold squares that are left of some rows' scores against noise; NaN where there is none."""
    freedom, n_rest = _freedoms(fit)
    if min(freedom, n_rest) < 1:
        return np.full(len(squares), np.nan)
    rest = fit.data[rows, -1] ** 2 / n_rest
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(rest > 0, squares / freedom / rest, np.nan)


def describe_image_fits(fit, *, given_bounds=(), step=None, highest_noise=None):
    """Find which bounds fits of images are at, whether rates are determined, and what is wrong.

    Parameters
    ----------
    fit : Fit
        Of rows of scores.
    given_bounds : collection of str, default=()
        Parameters that the user has bounded, not the protocol.
    step : callable, default=None
        Gives estimates without bounds, see :func:`skfrap.judging._bounds.images_without_bounds`;
        None looks for none.
    highest_noise : float, default=None
        Variance of a pixel's noise up to which a network has learnt; None is not known.

    Returns
    -------
    Report
    """
    n, names = len(fit), fit.space.free
    rates = np.flatnonzero(fit.space.rates)
    at_lower, at_upper = fit.at_lower, fit.at_upper
    visible = bleaching_in_images(fit)
    ratio, limit = squares_of_scores(fit)
    found = FindingsByRow(n)
    # Of an intensity that it may not have a fit explains nothing, whatever is visible.
    misfit = ~visible & (ratio > limit) & _at_end_of_factor(fit)
    unseen = ~visible & ~misfit
    found.add(unseen, "no_bleaching_visible", "no bleaching is visible above the noise")
    for k in rates:
        lowest, highest = words_at_bounds(names[k], given_bounds)
        found.add(at_lower[:, k], "at_lower_bound", lowest, names[k])
        found.add(at_upper[:, k], "at_upper_bound", highest, names[k])
    so_far = found.any()
    reach = _REACH * fit.std
    unknown = np.isnan(reach).any(axis=1)
    found.add(unknown, "interval_unknown", "how far the estimates may be off is not known")
    _find_wide_intervals(found, fit, reach, so_far | unknown, "")
    if step is not None:
        asked = images_without_bounds(fit, step, partial(_over_noise, fit))
        find_beyond_bounds(found, fit, asked, misfit | ~found.any(), "image series")
    for k in np.flatnonzero(ratio > limit):
        words = (
            f"the model does not describe the images: it leaves {ratio[k]:.3g} times the squares "
            "of the noise, and errors are those of noise alone"
        )
        found.add_to(k, "model_visibly_wrong", words)
    if highest_noise is not None:
        noisier = fit.noise.of_pixel > _SLACK * highest_noise
        than = "what the network has learnt: intervals may be too narrow"
        found.add(noisier, "noise_beyond_prior", f"the images are noisier than {than}", "a")
    found.add(~fit.converged, "not_converged", "the fit did not converge")
    at_bound = [
        ", ".join(name for name, one in zip(names, row, strict=True) if one)
        for row in at_lower | at_upper
    ]
    return Report(np.array(at_bound), found.to_tuple(), visible, ((),) * n)


def _at_end_of_factor(fit):
    """Tell where what rows are proportional to is at an end of its range, (n,) of bool."""
    column = fit.forward.factor_column
    if column is None:
        return np.zeros(len(fit), dtype=bool)
    return (fit.at_lower | fit.at_upper)[:, column]
