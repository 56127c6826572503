"""What is to be known of fits before their numbers are used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, norm
from scipy.stats import f as f_distribution

from skfrap.experiment._noise import NO_NOISE, squares_without_noise
from skfrap.judging import find_misfits
from skfrap.judging._bounds import without_bounds, words_at_bounds
from skfrap.judging._power import MISFIT, would_be_seen
from skfrap.judging._prebleach import find_prebleach_slopes
from skfrap.judging._trials import better_count
from skfrap.parameters import parameter
from skfrap.results._finding import FindingsByRow

_OUTLIER = 6.0  # robust standard deviations
_FEW_RESIDUALS = 8  # frames, by whose share the limit is raised
_SHORTEST_TESTED = 20  # frames
# Share of right models that are said not to describe the curve: rare also in a folder of hundreds.
_FALSE_ALARMS = 2e-4
_AT_OTHER_ENDS = 5e-3  # the same of curves right at an end of a range
_UNNEEDED = 0.99  # level at which a model must beat a simpler one
_REACH = 1.96  # standard errors
_IMMOBILE, _ERRORS_TOLD = 0.3, 3.0  # an immobile part, and standard errors that it should be
_LARGE = 4.0  # standard deviations
_NEARLY_NOTHING = 0.1  # alpha: what would mean that bleaching left nothing to speak of
_FEWEST_FREE, _FEW_FREE = 3, 6  # frames beyond the parameters
WIDE_INTERVAL = np.log10(3.0)  # D known to a factor of three either way is poorly determined


class SimplerModel(NamedTuple):
    """Hold what a nested model makes of the same curves.

    Attributes
    ----------
    name : str
    extra : sequence of str
        The parameters that it does without.
    squares : ndarray of shape (n,)
        Its residual sums of squares.
    """

    name: str
    extra: Sequence[str]
    squares: np.ndarray


@dataclass(frozen=True)
class Report:
    """Hold what is to be known of a batch of fits; every entry is of one curve.

    Attributes
    ----------
    at_bound : ndarray of shape (n,) of str
        The parameters at a bound, separated by commas.
    findings : tuple of n tuples of Finding
    visible : ndarray of shape (n,) of bool
        Whether there is any bleaching to see; without it a rate means nothing.
    larger : tuple of n tuples of LargerFit
        The fits of larger models that a curve asks for.
    """

    at_bound: np.ndarray
    findings: tuple
    visible: np.ndarray
    larger: tuple


def describe_fits(
    fit,
    *,
    misfits=None,
    simpler=None,
    larger=None,
    given_bounds=(),
    instead="",
    spoilt_frames_allowed=False,
    highest_noise=np.inf,
    noisier_than="its prior of a allows: intervals are too narrow",
    whole=None,
):
    """Find which bounds fits are at, whether rates are determined, and what is wrong.

    Rates are all that tells how fast something happens: D, rates, half-times.

    Parameters
    ----------
    fit : Fit
    misfits : tuple of two ndarray of shape (n,) of bool, default=None
        Where residuals are correlated, and where they are too large, as from
        :func:`judge_residuals`. None judges them.
    simpler : SimplerModel, default=None
        A nested model, to see whether the curves need more than that.
    larger : callable, default=None
        ``larger(fit)`` looks for larger models that fits ask for, as
        :func:`skfrap.judging._larger.find_larger_models`; None looks for none.
    given_bounds : collection of str, default=()
        Parameters that the user has bounded, not the protocol.
    instead : str, default=""
        What is determined where the parameters are not, e.g. ``"D_effective"``.
    spoilt_frames_allowed : bool, default=False
        Whether a frame that does not fit is no finding, since the loss bears it.
    highest_noise : float, default=inf
        Variance of a pixel by noise, the most that a prior allows.
    noisier_than : str, default="its prior of a allows: intervals are too narrow"
        What noise is beyond, and what that does.
    whole : Fit, default=None
        Of all rows, where `fit` is what one of them made of the first; None is the same.

    Returns
    -------
    Report
    """
    whole = fit if whole is None else whole
    X, names, theta, squares = fit.data, fit.space.free, fit.theta, fit.residual_sum_of_squares
    n, variance = len(fit), fit.residual_variance
    rates = np.flatnonzero(fit.space.rates)
    at_lower, at_upper = fit.at_lower, fit.at_upper
    judged = np.isfinite(variance)
    visible = bleaching_is_visible(X, squares, variance, len(names))
    remedy = f"use {instead}" if instead else ""
    found = FindingsByRow(n)
    odd_frame = np.full(n, -1) if spoilt_frames_allowed else frame_that_does_not_fit(fit)
    few = ~judged | (~visible & may_be_too_few(X, squares, len(names)))
    words = f"too few frames to tell noise from signal: {X.shape[1]} for {len(names)} parameters"
    found.add(few, "too_few_frames", words)
    unseen = ~few & ~visible & (odd_frame < 0)
    found.add(unseen, "no_bleaching_visible", "no bleaching is visible above the noise")
    _find_normalisation(found, fit, visible)
    misplaced = _find_odd_frames(found, fit, odd_frame)
    for k in rates:
        lowest, highest = words_at_bounds(names[k], given_bounds)
        found.add(at_lower[:, k], "at_lower_bound", lowest, names[k])
        found.add(at_upper[:, k], "at_upper_bound", highest, names[k])
    so_far = found.any()
    unneeded = np.zeros(n, bool)
    if simpler is not None:
        extra = " and ".join(simpler.extra)
        are = "is" if len(simpler.extra) == 1 else "are"
        freedom = X.shape[1] - len(names)
        better = is_better(squares, simpler.squares, len(simpler.extra), freedom)
        unneeded = visible & ~better
        found.add(
            unneeded,
            "simpler_model_fits",
            f"the model {simpler.name!r} describes the curve as well: {extra} {are} not determined",
            ",".join(simpler.extra),
            remedy,
        )
    ambiguous = fit.has_rival & ~unneeded
    words = "quite other values of the parameters fit as well"
    found.add(ambiguous, "other_optimum", words, remedy=remedy)
    reach = _REACH * fit.std
    unknown = np.isnan(reach).any(axis=1)
    found.add(unknown, "interval_unknown", "how far the estimates may be off is not known")
    _find_wide_intervals(found, fit, reach, so_far | unneeded | ambiguous | unknown, remedy)
    if not spoilt_frames_allowed:
        find_beyond_bounds(found, whole, without_bounds(whole), visible & ~found.any(), "curve")
    boundless = (theta - reach <= fit.space.lower) & (theta + reach >= fit.space.upper)
    for k, name in enumerate(names):
        if k not in rates:
            words = f"{name} is not determined: its interval is all of its bounds"
            found.add(boundless[:, k] & judged & visible, "amount_undetermined", words, name)
    correlated, too_large = judge_residuals(fit) if misfits is None else misfits
    words = "residuals are correlated: the model does not describe the curve"
    found.add(correlated, "residuals_correlated", words)
    find_prebleach_slopes(found, fit, judged & visible & (odd_frame < 0))
    asked_for = {}
    if larger is not None:
        asked_for = _find_larger_models(found, fit, visible & ~misplaced, larger)
    words = (
        "residuals are larger than the given noise: the model does not describe the curve, or "
        "a and b are too small"
    )
    found.add(too_large, "residuals_too_large", words)
    noisier = judged & _is_noisier(whole, highest_noise)
    words = f"the curve is noisier than {noisier_than}"
    found.add(noisier, "noise_beyond_prior", words, "a")
    found.add(~fit.converged, "not_converged", "the fit did not converge")
    n_frames, n_free = X.shape[1], len(names)
    if not would_be_seen(n_frames, n_free, _FALSE_ALARMS):
        words = (
            f"a misfit could not be seen: of {n_frames} frames and {n_free} parameters one of "
            f"{MISFIT:g} times the noise would be missed more often than not"
        )
        found.add(judged & visible, "misfit_not_visible", words)
    at_bound = [
        ", ".join(name for name, one in zip(names, row, strict=True) if one)
        for row in at_lower | at_upper
    ]
    larger_fits = tuple(asked_for.get(k, ()) for k in range(n))
    return Report(np.array(at_bound), found.to_tuple(), visible, larger_fits)


def _is_noisier(fit, highest_noise):
    """Tell where a row has more noise than pixels of a variance would give it, (n,) of bool."""
    if not np.isfinite(highest_noise):
        return np.zeros(len(fit), dtype=bool)
    protocol = fit.protocol
    gains = np.array([protocol.noise_gain]) if protocol.n_rows == 1 else protocol.row_noise_gains
    squares = np.nan_to_num(fit.residuals).reshape(len(fit), len(gains), -1) ** 2
    # What is taken off for parameters is shared by the rows: of each it is left on.
    freedom = fit.freedom if len(gains) == 1 else fit.protocol.n_frames
    limit = chi2.isf(_FALSE_ALARMS / len(gains), np.maximum(freedom, 1))
    most = highest_noise * gains * np.reshape(limit, (-1, 1))
    return (squares.sum(axis=2) > most).any(axis=1)


def find_beyond_bounds(found, fit, asked, judged, data):
    """Find parameters that curves have beyond their range, and rates that they may have there.

    Parameters
    ----------
    found : FindingsByRow
        To which it adds.
    fit : Fit
    asked : Unbounded
        Where estimates would be without bounds.
    judged : ndarray of shape (n,) of bool
        Which are worth it.
    data : str
        What asks for it, ``"curve"`` or ``"image series"``.
    """
    space = fit.space
    ends_of_range = space.values(np.stack([space.lower, space.upper]))
    already = (fit.at_lower | fit.at_upper) & space.rates  # said by at_lower_bound and the like
    for k, name in enumerate(space.free):
        entry, std = parameter(name), asked.std[:, k]
        sides = (
            ("below", asked.theta[:, k], space.lower[k], entry.lowest, -1),
            ("above", asked.theta[:, k], space.upper[k], entry.highest, 1),
        )
        for end, (where, value, at, last, sign) in zip(ends_of_range[name], sides, strict=True):
            # Right values lie at an end of all that makes sense, but hardly ever at another one.
            natural = end == last
            far = asked.limits(_FALSE_ALARMS / 2 if natural else _AT_OTHER_ENDS)[:, k]
            over = sign * (value - at)
            beyond = judged & ~already[:, k] & (over > far)
            words = f"the {data} asks for {name} {where} {end:.4g}, the end of its range"
            found.add(beyond, "beyond_bounds", words, name)
            if entry.is_rate or not natural:
                # The interval of a rate may end there, and an amount at its end narrows others'.
                near = over > (-_REACH if entry.is_rate else 1.0) * std
                words = f"{name} may be {where} {end:.4g}, the end of its range"
                open_end = judged & ~already[:, k] & near & ~beyond
                found.add(open_end, "end_not_excluded", words, name)


def _find_odd_frames(found, fit, odd_frame):
    """Find single frames that do not fit, and whether their place is the wrong one.

    Returns
    -------
    ndarray of shape (n,) of bool
        Where a frame is off for reasons of its own, so that it says nothing of the model.
    """
    n_prebleach = fit.n_prebleach
    near = (odd_frame == n_prebleach - 1) | (odd_frame == n_prebleach)
    for frame in np.unique(odd_frame[odd_frame >= 0]):
        beside = frame in (n_prebleach - 1, n_prebleach)
        hint = "" if beside else "is it spoilt? loss='huber' bears that"
        number = fit.frames[frame]  # in the experiment, where the curves lack others
        words = f"frame {number} (from 0) does not fit"
        found.add(odd_frame == frame, "frame_does_not_fit", words, str(number), hint)
    # A frame on the wrong side of the bleaching may also drag the whole curve along.
    worst = np.abs(fit.residuals).argmax(axis=1)
    misplaced = (odd_frame >= 0) & ~near
    near |= (odd_frame < 0) & ((worst == n_prebleach - 1) | (worst == n_prebleach))
    noisy = fit.residual_sum_of_squares > squares_without_noise(fit.data)
    rows = np.flatnonzero(near & noisy & _is_far(fit))
    for k, count in zip(rows, better_count(fit, rows), strict=True):
        if count:
            words = f"the fit is clearly better with n_prebleach = {count}"
            found.add_to(k, "other_n_prebleach_fits", words, str(count), "check n_prebleach")
            misplaced[k] = True
    return misplaced


def _is_far(fit):
    """Tell where the largest residual is larger than chance has it among some hundred frames."""
    spread = np.sqrt(np.maximum(np.nan_to_num(fit.residual_variance), 0.0))
    return np.abs(fit.residuals).max(axis=1) > _LARGE * spread


def _find_normalisation(found, fit, visible):
    """Find curves of which something was subtracted that is not the detector's dark level."""
    n_prebleach = fit.n_prebleach
    dark = fit.data[:, n_prebleach:] == 0
    if not dark.shape[1]:
        return
    for frame in np.unique(dark.argmax(axis=1)[dark.any(axis=1)]):
        where = visible & dark.any(axis=1) & (dark.argmax(axis=1) == frame)
        number = fit.frames[n_prebleach + frame]
        words = (
            f"frame {number} (from 0), after bleaching, is exactly 0: was it, or the least value, "
            "subtracted from the curve?"
        )
        remedy = "give intensities above the detector's dark level, over those before bleaching"
        found.add(where, "zero_after_bleaching", words, str(number), remedy)
    if "alpha" not in fit.space.free:
        return
    column = fit.space.column("alpha")
    alpha, std = fit.theta[:, column], fit.std[:, column]
    lowest = fit.space.lower[column]
    nothing = (alpha <= lowest) & (lowest < _NEARLY_NOTHING)
    nothing |= (alpha < _REACH * std) & (fit.protocol.n_bleach == 1) & (alpha < _NEARLY_NOTHING)
    words = "alpha is 0: bleaching left nothing, or something was subtracted from the curve"
    remedy = "see whether zero intensity means no light"
    found.add(visible & nothing, "nothing_left_by_bleaching", words, "alpha", remedy)


def _find_larger_models(found, fit, where, larger):
    """Find which curves ask for more parameters, and which could not show that they do.

    Returns
    -------
    dict of int to tuple of LargerFit
        The fits of larger models, by curves that ask for them.
    """
    rows = np.flatnonzero(where)
    if not len(rows):
        return {}
    some = fit if len(rows) == len(fit) else fit.take(rows)
    rates = [name for name, is_rate in zip(fit.space.free, fit.space.rates, strict=True) if is_rate]
    models_of, error = larger(some)
    for k, models in zip(rows, models_of, strict=True):
        if not models:
            continue
        names = [one.name for one in models]
        words = f"{' or '.join(names)} is needed too (p = {models[0].p_value:.1g})"
        would_be = [
            f"with {in_short(one.name, one.values)} one finds "
            f"{', '.join(in_short(name, one.values) for name in rates)}"
            for one in models
        ]
        words += f": {'; '.join(would_be)}" if rates else ""
        found.add_to(k, "larger_model_fits", words, ",".join(names), "estimate it as well")
    share = f"{100 * _IMMOBILE:.0f} %"
    words = f"an immobile part of {share} would not be seen, and would make rates too small"
    unseen = np.zeros(len(fit), dtype=bool)
    unseen[rows] = _ERRORS_TOLD * error > _IMMOBILE
    told = np.array([any(one.severity == "unusable" for one in some) for some in found])
    asked = found.has("larger_model_fits")
    found.add(unseen & ~told & ~asked, "immobile_part_not_visible", words, "mobile_fraction")
    return {int(k): tuple(some) for k, some in zip(rows, models_of, strict=True) if some}


def in_short(name, values):
    """Write a parameter with its value and unit: ``"D = 2.03 µm²/s"``."""
    return f"{name} = {values[name]:.3g} {parameter(name).unit}".rstrip()


def _find_wide_intervals(found, fit, reach, settled, remedy):
    """Find rates that the curve hardly determines, unless another finding says why that is."""
    rates = np.flatnonzero(fit.space.rates)
    if not len(rates):
        return
    entries = fit.space.parameters
    decades = [entries[k].decades(fit.theta[:, k], reach[:, k]) for k in rates]
    wide = ~(np.reshape(decades, (len(rates), -1)) < WIDE_INTERVAL) & ~settled
    for pattern in np.unique(wide.T, axis=0) if wide.any() else ():
        unsure = [fit.space.free[k] for k, one in zip(rates, pattern, strict=True) if one]
        if not unsure:
            continue
        where = (pattern == wide.T).all(axis=1)
        if len(unsure) == 1:
            words = f"the interval of {unsure[0]} spans more than a factor of 9"
            found.add(where, "interval_too_wide", words, unsure[0], remedy)
        else:
            words = f"{', '.join(unsure)} are not determined together"
            found.add(where, "undetermined_together", words, ",".join(unsure), remedy)


def judge_residuals(fit, *, deviations=None, noise_known=False):
    """Tell where residuals speak against the model, wrongly of one right model in 5000.

    By the tests of :func:`skfrap.judging.goodness_of_fit`, which take into account that a fit
    makes neighbouring residuals differ.

    Parameters
    ----------
    fit : Fit
    deviations, noise_known
        As in :func:`skfrap.judging.find_misfits`.

    Returns
    -------
    correlated, too_large : ndarray of shape (n,) of bool
    """
    return find_misfits(
        fit.data,
        fit.curves,
        fit.theta.shape[1],
        lambda rows: fit.tangents(rows, at_bounds=False),
        false_alarm_rate=_FALSE_ALARMS,
        deviations=deviations,
        noise_known=noise_known,
    )


def is_better(cost, simpler_cost, n_extra, freedom):
    """Tell whether more parameters lower a residual sum of squares more than chance (F test)."""
    if freedom < 1:
        return np.zeros(len(cost), bool)
    limit = f_distribution.ppf(_UNNEEDED, n_extra, freedom)
    return (simpler_cost - cost) * freedom > n_extra * limit * cost


def may_be_too_few(X, cost, n_free):
    """Tell where it is for want of frames that bleaching is not told from noise.

    With one or two frames beyond the parameters nothing is significant, and with few what is
    significant at 5 % is not at 1 in 1000.
    """
    freedom = X.shape[1] - n_free
    if freedom < _FEWEST_FREE:
        return np.ones(len(X), dtype=bool)
    if freedom >= _FEW_FREE:
        return np.zeros(len(X), dtype=bool)
    constant = np.sum((X - X.mean(axis=1, keepdims=True)) ** 2, axis=1)
    extra = max(1, n_free - 1)
    limit = f_distribution.ppf(0.95, extra, freedom)
    return constant - cost > extra * limit * cost / freedom


def bleaching_is_visible(X, cost, variance, n_free):
    """Tell whether a curve is better described by bleaching than by a constant.

    A curve without bleaching passes as visible about once in a thousand (an F test of the
    parameters that the model has beyond a constant).
    """
    constant = np.sum((X - X.mean(axis=1, keepdims=True)) ** 2, axis=1)
    extra, freedom = max(1, n_free - 1), max(1, X.shape[1] - n_free)
    return constant - cost > extra * f_distribution.ppf(0.999, extra, freedom) * variance


def frame_that_does_not_fit(fit):
    """Find a frame whose residual stands far out of the others, as one too many prebleach frames.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    ndarray of shape (n,) of int
        Index of the frame, -1 where there is none.
    """
    residuals = np.abs(fit.residuals)
    n = residuals.shape[1]
    scale = np.median(residuals, axis=1) / norm.ppf(0.75)
    worst = residuals.argmax(axis=1)
    # Of few residuals the median is uncertain.
    limit = _OUTLIER * (1 + _FEW_RESIDUALS / n)
    far = residuals.max(axis=1) > limit * scale + NO_NOISE * np.abs(fit.data).max(axis=1)
    return np.where(far & (n >= _SHORTEST_TESTED), worst, -1)
