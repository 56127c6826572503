"""How well a fit is determined: covariances, and profiles of the likelihood."""

import numpy as np

from skfrap.numerics._covariance import propagated_error
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import parameter

WIDE = 0.05  # decades: intervals as wide are taken from profiles
_STEP = 1e-5  # of differences, on the scale of each parameter
_NO_SLOPE = 1e-9  # below which a difference is rounding
_PROFILE_STEPS = 4  # secants towards each end of an interval
_PROFILE_FIT = 30  # steps of a fit along a profile
_PROFILE_SQUARES = 1e-9  # part of the squares to which it settles: 1e-6 of a standard error
_PROFILE_TOLERANCE = 1e-3
_WITH_PROFILES = (
    "noise='constant' and loss='squared', with more frames than parameters, and with images that "
    "were not divided, flat_field=None"
)


def confidence_ends(fitter, fit, reach, method):
    """Compute the ends of confidence intervals, within the bounds.

    Parameters
    ----------
    fitter : CurveFitter
    fit : Fit
    reach : float
        Standard errors that an interval goes to either side, where curvature tells.
    method : {"auto", "curvature", "profile"}
        "auto" takes the profile for curves that have a rate with a wide interval, where there are
        profiles: of least squares, with more frames than parameters.

    Returns
    -------
    ndarray of shape (n, n_free, 2)

    Raises
    ------
    ValueError
        If profiles are asked for and there are none.
    """
    if not _has_profiles(fitter, fit):
        if method == "profile":
            raise ValueError(f"method='profile' goes with {_WITH_PROFILES}; use 'curvature'.")
        method = "curvature"
    lower, upper, errors = fitter.lower, fitter.upper, fit.std
    free = np.stack([fit.theta - reach * errors, fit.theta + reach * errors], axis=-1)
    ends = np.clip(free, lower[:, np.newaxis], upper[:, np.newaxis])
    if method == "curvature":
        return ends
    wide = np.zeros(len(fit), bool)
    for k in np.flatnonzero(fit.space.rates):
        entry = fit.space.parameters[k]
        wide |= entry.decades(fit.theta[:, k], reach * errors[:, k]) > WIDE
    wide &= fit.residual_sum_of_squares > 0
    some = np.flatnonzero(wide | (method == "profile"))
    if len(some) == 0:
        return ends
    far = np.minimum(upper - lower, 1 + np.abs(fit.theta))
    finite = np.where(np.isfinite(errors), errors, far)[some]
    profiled = profile_ends(fitter, fit.take(some), finite, reach)
    # Where the box cuts one parameter's interval, the profiles of the others end where the box
    # does, not where the data do.
    cut = (free[some] != ends[some]).any(axis=2)
    others_cut = cut.sum(axis=1, keepdims=True) - cut > 0
    for side, wider in enumerate((np.minimum, np.maximum)):
        profiled[..., side] = np.where(
            others_cut, wider(profiled[..., side], ends[some, :, side]), profiled[..., side]
        )
    ends[some] = np.clip(profiled, lower[:, np.newaxis], upper[:, np.newaxis])
    return ends


@one_blas_thread()
def profile_ends(fitter, fit, errors, reach):
    """Find where the cost has risen as an interval allows, the other parameters fitted anew.

    Parameters
    ----------
    fitter : CurveFitter
    fit : Fit
        By least squares.
    errors : ndarray of shape (n, n_free)
        Standard errors.
    reach : float
        Standard errors that the interval goes to either side, where curvature tells.

    Returns
    -------
    ndarray of shape (n, n_free, 2)
        Ends of the profile-likelihood intervals, within the bounds.
    """
    problems = fitter.problems(fit.data)
    n_free, factor = fit.theta.shape[1], fitter.forward.factor_column
    theta = fit.theta.copy()
    if factor is not None:
        theta[:, factor] /= problems.size
        errors = errors.copy()
        errors[:, factor] /= problems.size
    cost = fit.residual_sum_of_squares / problems.size**2
    best, unit = cost - problems.floor, cost / max(1, fit.freedom)
    leans = _leans(fit.covariance)
    if factor is not None:
        leans[:, factor] /= problems.size[:, np.newaxis]
        leans[:, :, factor] *= problems.size[:, np.newaxis]
    ends = np.empty((len(theta), n_free, 2))
    for row in range(n_free):
        for side, (sign, bounds) in enumerate(((-1, problems.lower), (1, problems.upper))):
            bound, error = bounds[:, row], errors[:, row]
            ends[:, row, side] = _profile_end(
                problems, theta, leans[:, :, row], row, sign, bound, error, reach, best, unit
            )
    if factor is not None:
        ends[:, factor] *= problems.size[:, np.newaxis]
    return ends


def _leans(covariance):
    """Return by how much parameters go along, (n, n_free, n_free), as one of them is moved by 1."""
    variance = np.einsum("nvv->nv", covariance)[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        leans = covariance / variance
    return np.where(np.isfinite(leans), leans, 0.0)


def _profile_end(problems, theta, lean, row, sign, bound, error, reach, best, unit):
    """Go out along one parameter, the others fitted anew from where they should have gone."""

    def risen(there):
        nonlocal lean
        along = (there - theta[:, row])[:, np.newaxis]
        lower, upper = problems.lower.copy(), problems.upper.copy()
        guess = np.clip(theta + along * lean, lower, upper)
        guess[:, row] = lower[:, row] = upper[:, row] = there
        ends = {"lower": lower, "upper": upper}
        found, cost, *_ = problems.minimize(guess, _PROFILE_FIT, **ends, tol=_PROFILE_SQUARES)
        lean = np.where(along != 0, (found - theta) / np.where(along != 0, along, 1.0), lean)
        return np.sqrt(np.maximum(cost - best, 0.0) / unit)

    return end_of_profile(risen, theta[:, row], sign, bound, error, reach)


def end_of_profile(risen, start, sign, bound, error, reach):
    """Go out along one parameter by secants of the root of what a cost has risen.

    Parameters
    ----------
    risen : callable
        ``risen(there)`` gives that root, in standard errors, (n,).
    start : ndarray of shape (n,)
        Where the cost is lowest.
    sign : {-1, 1}
        To which side.
    bound : float or ndarray of shape (n,)
        Where to end at the latest.
    error : ndarray of shape (n,)
        Standard errors, finite.
    reach : float or ndarray of shape (n,)
        How far to go, in standard errors.

    Returns
    -------
    ndarray of shape (n,)
    """
    here, before = start, np.zeros(len(start))
    step = np.minimum(reach * error, np.abs(bound - here))
    there = here + sign * step
    for _ in range(_PROFILE_STEPS):
        now = risen(there)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (now - before) / (there - here)
            step = (reach - now) / slope
        # Where the cost has hardly risen go on as far again.
        away = np.abs(there - start)
        step = np.where(np.isfinite(step) & (sign * slope > 0), step, sign * away)
        step = sign * np.clip(sign * step, -0.7 * away, 2 * away)
        step[np.abs(now - reach) < _PROFILE_TOLERANCE * reach] = 0.0
        if not step.any():
            break
        here, before = there, now
        there = there + step
        there = np.maximum(there, bound) if sign < 0 else np.minimum(there, bound)
    return there


@one_blas_thread()
def profile_costs(fitter, fit, column, values):
    """Fit a curve with one parameter at each of several values, all others anew.

    Parameters
    ----------
    fitter : CurveFitter
    fit : Fit
        Of one curve, by least squares.
    column : int
        Of the parameter.
    values : ndarray of shape (n_values,)
        On the target's scale.

    Returns
    -------
    ndarray of shape (n_values,)
        Residual sums of squares.

    Raises
    ------
    ValueError
        If there are no profiles.
    """
    if not _has_profiles(fitter, fit):
        raise ValueError(f"a profile goes with {_WITH_PROFILES}.")
    problems = fitter.problems(np.repeat(fit.data, len(values), axis=0))
    theta = np.repeat(fit.theta, len(values), axis=0)
    theta[:, column] = values
    factor = fitter.forward.factor_column
    if factor is not None:
        theta[:, factor] /= problems.size
    lower, upper = problems.lower.copy(), problems.upper.copy()
    lower[:, column] = upper[:, column] = theta[:, column]
    _, cost, *_ = problems.minimize(theta, fitter.max_nfev, lower=lower, upper=upper)
    return (cost + problems.floor) * problems.size**2


def natural_intervals(fit, model, names, ends, reach):
    """Return parameters, known and derived ones too, and the ends of their intervals, by name.

    Parameters
    ----------
    fit : Fit
    model : CurveModel
    names : sequence of str
        Parameters to report.
    ends : ndarray of shape (n, n_free, 2)
        Of the intervals of the free parameters, on the targets' scales.
    reach : float
        Standard errors that intervals of derived quantities go to either side.

    Returns
    -------
    values, lower, upper : dict of str to ndarray of shape (n,)
        In natural units.
    """
    space = fit.space
    three = [space.values(theta) for theta in (fit.theta, ends[..., 0], ends[..., 1])]
    values, lower, upper = ({name: part[name] for name in names} for part in three)
    rivals = () if fit.rivals is None else fit.rivals.swapaxes(0, 1)
    others = [derived_targets(model, space.values(theta)) for theta in rivals]
    for name, (value, error) in derived_errors(model, space, fit.theta, fit.covariance).items():
        entry = parameter(name)
        values[name] = entry.from_target(value)
        # Where other parameters fit as well, what follows from them belongs to the interval.
        all_values = [value, *(other[name] for other in others)]
        low, high = np.nanmin(all_values, axis=0), np.nanmax(all_values, axis=0)
        with np.errstate(over="ignore"):
            lower[name], upper[name] = (
                np.clip(entry.from_target(end), entry.lowest, entry.highest)
                for end in (low - reach * error, high + reach * error)
            )
    return values, lower, upper


def derived_targets(model, values):
    """Compute what a model derives from parameters in natural units, on targets' scales."""
    derived = model.derived(values)
    return {name: parameter(name).to_target(value) for name, value in derived.items()}


def derived_errors(model, space, theta, covariance):
    """Compute what a model derives, and its standard errors, by the delta method.

    Parameters
    ----------
    model : CurveModel
    space : ParameterSpace
    theta : ndarray of shape (n, n_free)
    covariance : ndarray of shape (n, n_free, n_free)

    Returns
    -------
    dict of str to (ndarray of shape (n,), ndarray of shape (n,))
        Values and standard errors by name, on the targets' scales; an error is infinite where the
        quantity depends on what is not determined.
    """
    here = derived_targets(model, space.values(theta))
    if not here:
        return {}
    moved = [
        derived_targets(model, space.values(theta + _STEP * row)) for row in np.eye(len(space.free))
    ]
    found = {}
    for name, value in here.items():
        gradient = np.stack([(other[name] - value) / _STEP for other in moved], axis=1)
        found[name] = value, propagated_error(gradient, covariance, _NO_SLOPE)
    return found


def _has_profiles(fitter, fit):
    """Tell whether costs along a parameter mean something: sums of squares, over some noise."""
    return fitter.has_profiles and np.all(fit.freedom > 0)
