"""The table of alternatives: what D would be, had other things been taken for granted."""

from dataclasses import replace

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from skfrap.analysis._options import make_regressor
from skfrap.judging._larger import as_fit
from skfrap.results import Alternative, Alternatives

_SHARE = "mobile_fraction"
_DECADES = 300  # ends that are farther out are as good as 0, and infinite
_TOLD = "the region as told, bleached when it was told"
_READINGS = {
    "mobile": ("measured, all mobile", "all that was bleached moves; any region and time"),
    "one_depth": (
        "measured, one depth",
        "the same share moves everywhere, since the bleach frames as told; any region",
    ),
    "same_shape": (
        "measured, same shape",
        "what stays looks in the first frame as what moves does there",
    ),
    "free": ("measured, free", "what moves and what stays have any shape; any region and time"),
}


def told_alternatives(estimates, others, options, findings=()):
    """Describe the start as told, with and without a mobile fraction.

    Parameters
    ----------
    estimates : FRAPEstimates
        Of the fit that was asked for.
    others : dict of bool to Fit
        As :func:`other_fits` gives them.
    options : ExperimentOptions
    findings : sequence of Finding, default=()
        On the start as told, besides those of the fit.

    Returns
    -------
    rows : list of Alternative
        None taken or recommended yet.
    asked : str
        Name of the one that was asked for.
    """
    if options.model != "diffusion":
        return [], ""
    asked = estimates.fit
    fits = {_SHARE in asked.space.free: asked, **others}
    costs = {mobile: _criterion(fit) for mobile, fit in fits.items()}
    rows, name_asked = [], ""
    for mobile in sorted(fits):
        fit = fits[mobile]
        name = "told, mobile fraction" if mobile else "told, all mobile"
        words = "a share of the particles stays" if mobile else "all particles move"
        if _SHARE in (options.fixed or {}):
            name, words = "told", f"{_SHARE} as given"
        if fit is asked:
            name_asked = name
            ends = [{k: float(v[0]) for k, v in one.items()} for one in _reported(estimates)]
            found = (*findings, *estimates.findings[0])
        else:
            ends, found = _natural(fit, estimates.level), tuple(findings)
        kept = [name for name in ("D", _SHARE) if name in ends[0] and (name == "D" or mobile)]
        values, lower, upper = ({name: one[name] for name in kept} for one in ends)
        cost = costs[mobile] - min(costs.values())
        assumes = f"{_TOLD}; {words}"
        rows.append(Alternative(name, "told", values, lower, upper, assumes, "curve", cost, found))
    return rows, name_asked


def measured_alternatives(seen, findings=()):
    """Describe the start as seen, by each of its readings.

    Parameters
    ----------
    seen : SeenStart
    findings : sequence of Finding, default=()
        On the start as seen, besides those of the fit.

    Returns
    -------
    list of Alternative
        The reading that was taken has its interval from the jackknife; those of the others are the
        noise's, as much wider.
    """
    measure, estimates = seen.measure, seen.estimates
    factor = seen.standard_error / measure.best.standard_error
    reach = norm.ppf(0.5 + estimates.level / 2)
    least = min(fit.deviance for fit in measure.fits)
    rows = []
    for fit in measure.fits:
        name, assumes = _READINGS[fit.reading]
        found = (*findings, *estimates.findings[0])
        if fit is measure.best:
            D, lower, upper = (float(one["D"][0]) for one in _reported(estimates))
        else:
            error = reach * factor * fit.standard_error
            ends = np.clip(fit.log_D + np.array([0.0, -error, error]), -_DECADES, _DECADES)
            D, lower, upper = (float(end) for end in 10**ends)
        values, low, high = {"D": D}, {"D": lower}, {"D": upper}
        if fit.reading == "one_depth" and np.isfinite(fit.share):
            values[_SHARE] = low[_SHARE] = high[_SHARE] = fit.share
        cost = fit.deviance - least
        rows.append(Alternative(name, "measured", values, low, high, assumes, "rings", cost, found))
    return rows


def name_of_reading(seen):
    """Return the name of the alternative that is the reading that was taken."""
    return _READINGS[seen.measure.best.reading][0]


def recommend(rows, taken, asked, witness, best_reading):
    """Say which alternative to believe, and why.

    Parameters
    ----------
    rows : list of Alternative
    taken : str
        Name of the one that the result is.
    asked : str
        Name of that which was asked for of the start as told; empty where there is none.
    witness : Witness
        What the start as seen says of that as told.
    best_reading : str
        Name of the reading of the measured start that was taken; empty where there is none.

    Returns
    -------
    Alternatives
    """
    told = [one for one in rows if one.start == "told"]
    seen = next((one for one in rows if one.name == best_reading), None)
    best, why = _best_of_told(told, asked)
    contradicted = witness.contradicts
    if contradicted:
        best, why = seen, "the images contradict the region told"
    elif witness.asks_for_share:
        best, why = told[-1], "with it the region told agrees with the images"
    elif best is None:
        best, why = seen, "no region was told"
    elif not best.usable:
        best, why = seen, "the region told gives no D to use"
    elif _doubts(best):
        why = "all are doubtful, see the findings"
        if seen is not None and seen.usable and _doubts(seen) < _doubts(best):
            why = "the others are more doubtful" if _doubts(seen) else "the others are doubtful"
            best = seen
    elif witness.difference is not None:
        why = f"{why}, and the images without the region agree"
    if best is not None and not best.usable:
        best = None
    return Alternatives(tuple(_marked(one, taken, best, why, contradicted) for one in rows))


def _doubts(one):
    return sum(found.severity == "doubtful" for found in one.findings)


def _marked(one, taken, best, why, contradicted):
    """Mark what is taken and recommended, and say of the others why they are not."""
    one = replace(one, taken=one.name == taken)
    if best is not None and one.name == best.name:
        return replace(one, recommended=True, why=why)
    if not one.usable:
        words = "its D must not be used"
    elif contradicted and one.start == "told":
        words = "the images contradict the region told"
    elif best is not None and one.data == best.data:
        words = "it fits worse" if one.cost > best.cost else "it fits no better for what it assumes"
    elif _doubts(one):
        words = "it is doubtful"
    else:
        words = "the region told is known, and the images agree" if best is not None else ""
    return replace(one, why=words)


def _best_of_told(told, asked):
    """Choose between all mobile and a mobile fraction, by what the curve asks for."""
    if len(told) < 2:
        return (told[0], "it is what was told") if told else (None, "")
    whole, share = told
    if asked == share.name:
        needed = share.cost < whole.cost
    else:
        found = [one for one in whole.findings if one.code == "larger_model_fits"]
        needed = any(_SHARE in one.subject.split(",") for one in found)
    if needed:
        return share, "the curve asks for a mobile fraction"
    return whole, "the curve asks for no mobile fraction"


def other_fits(estimates, curve, regressor, options):
    """Fit the curve with a mobile fraction if it was without, or without if it was with.

    Not where the model is evaluated directly, which takes a second for each fit.

    Parameters
    ----------
    estimates : FRAPEstimates
        Of the fit that was asked for.
    curve : ndarray of shape (1, n_frames)
    regressor : LeastSquaresFRAP
        That made them.
    options : ExperimentOptions

    Returns
    -------
    dict of bool to Fit
        By whether a mobile fraction is free; empty where there is no other.
    """
    if options.model != "diffusion" or _SHARE in (options.fixed or {}):
        return {}
    asked = estimates.fit
    quick = regressor.surrogate_ is not None
    if _SHARE in asked.space.free and not quick:
        return {}
    if _SHARE in asked.space.free:
        free = tuple(name for name in options.free if name != _SHARE)
        return {False: _fit(curve, regressor, replace(options, free=free))}
    plain = options.noise == "constant" and options.loss == "squared"
    for one in estimates.larger[0] if estimates.larger and plain else ():
        if one.name == _SHARE:
            return {True: as_fit(asked, one)}
    if not quick:
        return {}
    return {True: _fit(curve, regressor, replace(options, free=(*options.free, _SHARE)))}


def _fit(curve, regressor, options):
    """Fit a curve by other options, interpolated as far as a regressor has done it."""
    other = make_regressor(regressor.protocol_, options)
    other.set_params(interpolate=regressor.interpolate)
    return other.fit(curve).fit_results(curve)


def _reported(estimates):
    return estimates.values, estimates.lower, estimates.upper


def _natural(fit, level):
    """Return values and the ends of their intervals, by the curvature of the fit."""
    reach = student.ppf(0.5 + level / 2, max(1, int(fit.freedom)))
    lower, upper = fit.space.lower, fit.space.upper
    with np.errstate(invalid="ignore"):
        steps = reach * np.nan_to_num(fit.std, posinf=1e6)
    thetas = (np.clip(fit.theta + sign * steps, lower, upper) for sign in (0, -1, 1))
    return [{k: float(v[0]) for k, v in fit.space.values(one).items()} for one in thetas]


def _criterion(fit):
    """Return the Bayesian information criterion, but for what all fits of a curve share."""
    n = fit.data.shape[1]
    squares = max(float(fit.residual_sum_of_squares[0]), np.finfo(float).tiny)
    return n * np.log(squares / n) + fit.theta.shape[1] * np.log(n)
