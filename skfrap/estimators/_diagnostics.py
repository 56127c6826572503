"""What keeps an estimate from being believed, in words."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import norm

from skfrap.parameters import PARAMETERS
from skfrap.residuals import find_misfits

_OUTLIER = 6.0  # robust standard deviations
_NO_NOISE = 1e-7  # relative residuals below this are the interpolation's, not noise
_SHORTEST_TESTED = 20  # frames
# Share of right models that are said not to describe the curve: rare also in a folder of hundreds.
_FALSE_ALARMS = 2e-4
_UNNEEDED = 0.99  # level at which a model must beat a simpler one
_WIDE_INTERVAL = np.log10(3.0)  # D known to a factor of three either way is poorly determined


@dataclass(frozen=True)
class Report:
    """What is to be said of a batch of fits; every array has one entry per curve.

    Attributes
    ----------
    at_bound, flags : ndarray of str
    poorly_determined : ndarray of bool
    visible : ndarray of bool
        Whether there is any bleaching to see; without it D means nothing.
    """

    at_bound: np.ndarray
    poorly_determined: np.ndarray
    flags: np.ndarray
    visible: np.ndarray


def describe_fits(
    X,
    fitted,
    fits,
    names,
    lower,
    upper,
    covariance,
    variance,
    given_bounds,
    n_prebleach,
    misfits,
    *,
    simpler=None,
    advice="",
    spoilt_frames_allowed=False,
):
    """Say of each fit which bounds it is at, whether D is determined, and what is wrong.

    What is said of D is said of all that tells how fast something happens: rates, half-times.

    Parameters
    ----------
    X, fitted : ndarray of shape (n, n_frames)
        Measured curves and the model's.
    fits : Fits
    names : sequence of str
        The free parameters.
    lower, upper : ndarray of shape (n_free,)
        Their bounds.
    covariance : ndarray of shape (n, n_free, n_free)
    variance : ndarray of shape (n,)
        Variance of a curve's noise.
    given_bounds : collection of str
        Parameters that the user has bounded, not the protocol.
    n_prebleach : int
    misfits : tuple of two ndarray of shape (n,) of bool
        As from :func:`judge_residuals`.
    simpler : tuple of (str, sequence of str, ndarray of shape (n,)), default=None
        A nested model, the parameters it does without, and its residual sums of squares.
    advice : str, default=""
        What to use where parameters are not determined together.
    spoilt_frames_allowed : bool, default=False
        Whether a frame that does not fit is nothing to be said, since the loss bears it.

    Returns
    -------
    Report
    """
    at_lower, at_upper = fits.theta <= lower, fits.theta >= upper
    judged = np.isfinite(variance)
    visible = bleaching_is_visible(X, fits.cost, variance, len(names))
    correlated, too_large = misfits
    odd_frame = frame_that_does_not_fit(X, fitted)
    # What says nothing of D: only where the curve says nothing of it is it worth a word.
    reach = 1.96 * np.sqrt(np.einsum("nvv->nv", covariance))
    wide = ~(reach < _WIDE_INTERVAL)
    boundless = (fits.theta - reach <= lower) & (fits.theta + reach >= upper)
    boundless[:, [PARAMETERS[name].scale == "log10" for name in names]] = False
    boundless &= judged[:, np.newaxis] & visible[:, np.newaxis]
    kinetic = [k for k, name in enumerate(names) if PARAMETERS[name].scale == "log10"]
    unneeded = ambiguous = np.zeros(len(X), bool)
    if fits.rivals is not None:
        ambiguous = np.isfinite(fits.rivals).any(axis=(1, 2))
    if simpler is not None:
        _, extra, simpler_cost = simpler
        unneeded = ~is_better(fits.cost, simpler_cost, len(extra), X.shape[1] - len(names))
    bounds, poor, flags = [], [], []
    for n in range(len(X)):
        reasons = []
        if not judged[n]:
            reasons.append("too few frames to tell noise from signal")
        elif not visible[n]:
            reasons.append("no bleaching is visible above the noise")
        if odd_frame[n] >= 0 and not spoilt_frames_allowed:
            near = odd_frame[n] in (n_prebleach - 1, n_prebleach)
            hint = "check n_prebleach" if near else "is it spoilt? loss='huber' bears that"
            reasons.append(f"frame {odd_frame[n]} (from 0) does not fit: {hint}")
        for k in kinetic:
            name = names[k]
            seen = name == "D" and name not in given_bounds
            if at_lower[n, k]:
                no_recovery = "no recovery seen: " if seen else ""
                reasons.append(f"{no_recovery}{name} is at its lower bound")
            if at_upper[n, k]:
                no_rest = "recovery over before the first frame: " if seen else ""
                reasons.append(f"{no_rest}{name} is at its upper bound")
        unsure = [names[k] for k in kinetic if wide[n, k]]
        if unneeded[n] and visible[n]:
            reasons.append(
                f"the model {simpler[0]!r} describes the curve as well: {' and '.join(extra)} are "
                f"not determined{advice}"
            )
        elif ambiguous[n]:
            reasons.append(f"quite other values of the parameters fit as well{advice}")
        elif unsure and not reasons:
            reasons.append(_unsure_of(unsure) + advice)
        poor.append(bool(reasons))
        reasons += [
            f"{names[k]} is not determined: its interval is all of its bounds"
            for k in np.flatnonzero(boundless[n])
        ]
        if correlated[n]:
            reasons.append("residuals are correlated: the model does not describe the curve")
        if too_large[n]:
            reasons.append(
                "residuals are larger than the given noise: the model does not describe the "
                "curve, or a and b are too small"
            )
        if not fits.converged[n]:
            reasons.append("the fit did not converge")
        bound = at_lower[n] | at_upper[n]
        bounds.append(", ".join(name for name, b in zip(names, bound, strict=True) if b))
        flags.append("; ".join(reasons))
    return Report(np.array(bounds), np.array(poor), np.array(flags), visible)


def judge_residuals(X, fitted, fitter, fits, *, deviations=None, noise_known=False):
    """Tell where residuals speak against the model, wrongly of one right model in 5000.

    By the tests of :func:`skfrap.residuals.goodness_of_fit`, which take into account that a fit
    makes neighbouring residuals differ.

    Parameters
    ----------
    X, fitted : ndarray of shape (n, n_frames)
    fitter : CurveFitter
    fits : Fits
    deviations, noise_known
        As in :func:`skfrap.residuals.find_misfits`.

    Returns
    -------
    correlated, too_large : ndarray of shape (n,) of bool
    """
    held = (fits.theta <= fitter.lower) | (fits.theta >= fitter.upper)

    def tangents(rows):
        return np.where(held[rows, :, np.newaxis], 0.0, fitter.forward.tangents(fits.theta[rows]))

    return find_misfits(
        X,
        fitted,
        fits.theta.shape[1],
        tangents,
        false_alarm_rate=_FALSE_ALARMS,
        deviations=deviations,
        noise_known=noise_known,
    )


def _unsure_of(names):
    if len(names) == 1:
        return f"the interval of {names[0]} spans more than a factor of 9"
    return f"{', '.join(names)} are not determined together"


def is_better(cost, simpler_cost, n_extra, freedom):
    """Tell whether more parameters lower a residual sum of squares more than chance (F test)."""
    if freedom < 1:
        return np.zeros(len(cost), bool)
    limit = f_distribution.ppf(_UNNEEDED, n_extra, freedom)
    return (simpler_cost - cost) * freedom > n_extra * limit * cost


def bleaching_is_visible(X, cost, variance, n_free):
    """Tell whether a curve is better described by bleaching than by a constant.

    A curve without bleaching passes as visible about once in a thousand (an F test of the
    parameters that the model has beyond a constant).
    """
    constant = np.sum((X - X.mean(axis=1, keepdims=True)) ** 2, axis=1)
    extra, freedom = max(1, n_free - 1), max(1, X.shape[1] - n_free)
    return constant - cost > extra * f_distribution.ppf(0.999, extra, freedom) * variance


def frame_that_does_not_fit(X, fitted):
    """Find a frame whose residual stands far out of the others, as one too many prebleach frames.

    Returns
    -------
    ndarray of shape (n,) of int
        Index of the frame, -1 where there is none.
    """
    residuals = np.abs(X - fitted)
    n = residuals.shape[1]
    scale = np.median(residuals, axis=1) / norm.ppf(0.75)
    worst = residuals.argmax(axis=1)
    far = residuals.max(axis=1) > _OUTLIER * scale + _NO_NOISE * np.abs(X).max(axis=1)
    return np.where(far & (n >= _SHORTEST_TESTED), worst, -1)
