"""How well a fit is determined: covariances, and profiles of the likelihood."""

import numpy as np

from skfrap._threads import one_blas_thread
from skfrap.parameters import PARAMETERS

_SINGULAR = 1e-13
_STEP = 1e-5  # of differences
_PROFILE_STEPS, _PROFILE_FIT = 4, 30  # along a profile, and of the fits on it
_PROFILE_TOLERANCE = 1e-3


@one_blas_thread()
def profile_ends(fitter, problems, fits, errors, reach):
    """Find where the cost has risen as an interval allows, the other parameters fitted anew.

    Parameters
    ----------
    fitter : CurveFitter
    problems : Problems
        The curves.
    fits : Fits
        Of them, by least squares.
    errors : ndarray of shape (n, n_free)
        Standard errors.
    reach : float
        Standard errors that the interval goes to either side, where curvature tells.

    Returns
    -------
    ndarray of shape (n, n_free, 2)
        Ends of the profile-likelihood intervals, within the bounds.
    """
    n_free, factor = fits.theta.shape[1], fitter.forward.factor_column
    theta = fits.theta.copy()
    if factor is not None:
        theta[:, factor] /= problems.size
        errors = errors.copy()
        errors[:, factor] /= problems.size
    best = fits.cost / problems.size**2 - problems.floor
    unit = fits.cost / problems.size**2 / max(1, problems.X.shape[1] - n_free)
    ends = np.empty((len(theta), n_free, 2))
    for row in range(n_free):
        for side, (sign, bounds) in enumerate(((-1, problems.lower), (1, problems.upper))):
            bound, error = bounds[:, row], errors[:, row]
            ends[:, row, side] = _profile_end(
                problems, theta, row, sign, bound, error, reach, best, unit
            )
    if factor is not None:
        ends[:, factor] *= problems.size[:, np.newaxis]
    return ends


def _profile_end(problems, theta, row, sign, bound, error, reach, best, unit):
    """Go out along one parameter by secants of the root of what the cost has risen."""
    here, risen, guess = theta[:, row], np.zeros(len(theta)), theta
    step = np.minimum(reach * error, np.abs(bound - here))
    there = here + sign * step
    for _ in range(_PROFILE_STEPS):
        guess = guess.copy()
        lower, upper = problems.lower.copy(), problems.upper.copy()
        guess[:, row] = lower[:, row] = upper[:, row] = there
        guess, cost, *_ = problems.minimize(guess, _PROFILE_FIT, lower=lower, upper=upper)
        now = np.sqrt(np.maximum(cost - best, 0.0) / unit)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (now - risen) / (there - here)
            step = (reach - now) / slope
        # Where the cost has hardly risen go on as far again.
        away = np.abs(there - theta[:, row])
        step = np.where(np.isfinite(step) & (sign * slope > 0), step, sign * away)
        step = sign * np.clip(sign * step, -0.7 * away, 2 * away)
        step[np.abs(now - reach) < _PROFILE_TOLERANCE * reach] = 0.0
        here, risen = there, now
        there = there + step
        there = np.maximum(there, bound) if sign < 0 else np.minimum(there, bound)
    return there


@one_blas_thread()
def profile_costs(fitter, problems, fits, column, values):
    """Fit a curve with one parameter at each of several values, all others anew.

    Parameters
    ----------
    fitter : CurveFitter
    problems : Problems
        The curve, as often as there are values.
    fits : Fits
        Of one curve, by least squares.
    column : int
        Of the parameter.
    values : ndarray of shape (n_values,)
        On the target's scale.

    Returns
    -------
    ndarray of shape (n_values,)
        Residual sums of squares.
    """
    theta = np.repeat(fits.theta, len(values), axis=0)
    theta[:, column] = values
    factor = fitter.forward.factor_column
    if factor is not None:
        theta[:, factor] /= problems.size
    lower, upper = problems.lower.copy(), problems.upper.copy()
    lower[:, column] = upper[:, column] = theta[:, column]
    _, cost, *_ = problems.minimize(theta, fitter.max_nfev, lower=lower, upper=upper)
    return (cost + problems.floor) * problems.size**2


def inverse_with_voids(precision):
    """Invert precision matrices; what they leave undetermined has an infinite variance."""
    diagonal = np.einsum("nvv->nv", precision)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = precision / scale[:, :, np.newaxis] / scale[:, np.newaxis]
    broken = ~np.isfinite(scaled).all(axis=(1, 2))
    scaled[broken] = 0.0
    values, vectors = np.linalg.eigh(scaled)
    void = values <= _SINGULAR * np.maximum(values[:, -1:], 1.0)
    inverted = np.where(void, 0.0, 1 / np.where(void, 1.0, values))
    covariance = (vectors * inverted[:, np.newaxis]) @ vectors.swapaxes(1, 2)
    undetermined = np.einsum("nvk,nk->nv", vectors**2, void) > 1e-8
    covariance[undetermined] = 0.0
    covariance.swapaxes(1, 2)[undetermined] = 0.0
    covariance /= scale[:, :, np.newaxis] * scale[:, np.newaxis]
    rows, columns = np.nonzero(undetermined)
    covariance[rows, columns, columns] = np.inf
    return covariance


def natural_intervals(fitter, model, told, fits, ends, covariance, reach):
    """Return parameters, fixed and derived ones too, and the ends of their intervals, by name.

    Parameters
    ----------
    fitter : CurveFitter
    model : CurveModel
    told : sequence of str
        Parameters to tell of.
    fits : Fits
    ends : ndarray of shape (n, n_free, 2)
        Of the intervals of the free parameters, on the targets' scales.
    covariance : ndarray of shape (n, n_free, n_free)
    reach : float
        Standard errors that intervals of derived quantities go to either side.

    Returns
    -------
    values, lower, upper : dict of str to ndarray of shape (n,)
        In natural units.
    """
    three = [fitter.space.values(theta) for theta in (fits.theta, ends[..., 0], ends[..., 1])]
    values, lower, upper = ({name: part[name] for name in told} for part in three)
    for name, value, error, others in _derived(fitter, model, fits, covariance):
        description = PARAMETERS[name]
        values[name] = description.from_target(value)
        # Where other parameters fit as well, what follows from them belongs to the interval.
        low, high = np.nanmin([value, *others], axis=0), np.nanmax([value, *others], axis=0)
        with np.errstate(over="ignore"):
            lower[name], upper[name] = (
                np.clip(description.from_target(end), description.lowest, description.highest)
                for end in (low - reach * error, high + reach * error)
            )
    return values, lower, upper


def _derived(fitter, model, fits, covariance):
    """Yield what a model derives: name, value, standard error, and values of rival fits.

    All on target scales; values of rivals are NaN where there is none.
    """

    def compute(theta):
        derived = model.derived(fitter.space.values(theta))
        return {name: PARAMETERS[name].to_target(value) for name, value in derived.items()}

    rivals = [] if fits.rivals is None else [compute(one) for one in fits.rivals.swapaxes(0, 1)]
    moved = [compute(fits.theta + _STEP * row) for row in np.eye(fits.theta.shape[1])]
    determined = np.isfinite(np.einsum("nvv->nv", covariance))
    finite = np.where(np.isfinite(covariance), covariance, 0.0)
    for name, value in compute(fits.theta).items():
        gradient = np.stack([(other[name] - value) / _STEP for other in moved], axis=1)
        variance = np.einsum("nv,nvw,nw->n", gradient, finite, gradient)
        unknown = ((np.abs(gradient) > 1e-9) & ~determined).any(axis=1)
        error = np.sqrt(np.where(unknown, np.inf, np.maximum(variance, 0)))
        yield name, value, error, [other[name] for other in rivals]
