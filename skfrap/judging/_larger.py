"""Whether a curve asks for more than the model that was fitted: immobile particles, fading, blur.

Each larger model has one parameter more, which the smaller one has at the end of its range. In a
batch most curves are done with a score test, which takes one linearisation of the smaller model;
only where that finds something suspicious is the larger model fitted, and held against the smaller
by an F test.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import t as t_distribution

from skfrap.experiment import Noise
from skfrap.experiment._noise import squares_without_noise
from skfrap.judging._tangents import VOID
from skfrap.models import ExactModel, ForwardMap
from skfrap.numerics._levenberg_marquardt import minimize_in_box, sum_of_squares
from skfrap.parameters import ParameterSpace, parameter

# Share of right curves that are said to ask for more; all together 1 in 5000. One-sided, since
# chance moves an estimate into its range half of the time only.
FALSE_ALARMS = {"mobile_fraction": 1e-4, "imaging_bleach": 5e-5, "bleach_blur": 5e-5}
_SUSPECT = 2e-3  # p-value of the score test, below which the larger model is fitted
_FEWEST_FREE = 3  # frames beyond the parameters of the larger model
_CHUNK = 1024
_MOST_ITERATIONS = 60
_TOLERANCE = 1e-9  # of the sum of squares
_AS_GOOD = 3.84  # chi-squared at 95 %: two larger models that the curve does not tell apart
_OUTLYING = 3.0  # standard deviations, to which residuals are pulled in that a loss bears
_FASTER = 0.6  # decades: what is immobile makes rates seem slow


class LargerFit(NamedTuple):
    """What a larger model makes of one curve that asks for it.

    Attributes
    ----------
    name : str
        Of the parameter that it has besides.
    values : dict of str to float
        All parameters by name, in natural units.
    p_value : float
        How often chance lowers the sum of squares as much.
    squares : float
        The residual sum of squares, in units of the noise's variance.
    """

    name: str
    values: dict
    p_value: float
    squares: float


def find_larger_models(fit, model, *, given=(), deviations=None):
    """Find curves that ask for more than the model that was fitted.

    Parameters
    ----------
    fit : Fit
        By whichever estimator.
    model : CurveModel
        That of the fit.
    given : collection of str, default=()
        Parameters that the user has given a value: these are taken to be known.
    deviations : ndarray of shape (n, n_frames), default=None
        Standard deviations of the noise, but for a factor; None is constant noise.

    Returns
    -------
    found : list of n lists of LargerFit
        The best, and where the curve does not tell them apart the others, immobile first.
    immobile_error : ndarray of shape (n,)
        Standard error with which the curve would tell a mobile fraction; NaN where it is not asked.
    """
    found = [[] for _ in range(len(fit))]
    error = np.full(len(fit), np.nan)
    freedom = fit.freedom - 1
    if freedom < _FEWEST_FREE:
        return found, error
    extensions = _extensions(fit, model, given)
    for first in range(0, len(fit) if extensions else 0, _CHUNK):
        rows = np.arange(first, min(first + _CHUNK, len(fit)))
        weights = None if deviations is None else _weights(deviations[rows])
        for extension, errors, some, directions in _suspects(fit, rows, extensions, weights):
            if extension.name == "mobile_fraction":
                error[rows] = errors
            if not len(some):
                continue
            chosen = None if weights is None else weights[some]
            for k, one in _fitted(fit, rows[some], extension, directions, chosen):
                found[k].append(one)
    return [_best(some, freedom) if some else some for some in found], error


def as_fit(fit, found):
    """Keep the fit of a larger model as any other, with its errors; nothing is fitted anew.

    Parameters
    ----------
    fit : Fit
        Of one curve, with the smaller model and constant noise.
    found : LargerFit
        Of a mixture, as with a mobile fraction.

    Returns
    -------
    Fit
    """
    forward = _Mixture(fit, found.name).forward
    theta = forward.space.theta({name: np.array([one]) for name, one in found.values.items()})
    curves, slopes = linearized(forward, theta)
    squares = np.sum((fit.data - curves) ** 2, axis=1)
    variance = squares / max(fit.data.shape[1] - theta.shape[1], 1)
    held = (theta <= forward.space.lower) | (theta >= forward.space.upper)
    slopes = np.where(held[:, :, np.newaxis], 0.0, slopes)
    covariance = variance[:, np.newaxis, np.newaxis] * np.linalg.pinv(slopes @ slopes.mT)
    return replace(
        fit,
        forward=forward,
        theta=theta,
        covariance=covariance,
        curves=curves,
        light=curves,
        residual_sum_of_squares=squares,
        noise=Noise.of_variance(variance, fit.noise.gain),
        rivals=None,
    )


def without_outliers(fit):
    """Pull in far residuals, so that what Huber's loss bears is no reason for more."""
    residuals = fit.residuals
    spread = fit.noise.standard_deviation(fit.light)
    residuals = np.clip(residuals, -_OUTLYING * spread, _OUTLYING * spread)
    squares = np.sum(residuals**2, axis=1)
    return replace(fit, data=fit.curves + residuals, residual_sum_of_squares=squares)


def _best(some, freedom):
    """Keep what fits best, and what fits as well: in the order of `FALSE_ALARMS`."""
    least = min((one.squares for one in some), default=0.0)
    return [one for one in some if one.squares <= least * (1 + _AS_GOOD / freedom)]


def _weights(deviations):
    return deviations.mean(axis=1, keepdims=True) / deviations


# The larger models


class _Extension:
    """One parameter more than the model that was fitted has free.

    Its ``linearize(phi, directions)`` returns curves, and their derivatives by all that is free and
    by the extra parameter, the last of phi; ``directions(theta, curves, tangents)`` how curves
    change where that leaves the end of its range.
    """

    def ends(self, theta):
        """Return the bounds of the extra parameter for each curve."""
        return np.full(len(theta), self.lower), np.full(len(theta), self.upper)

    def natural(self, extra, values):
        """Return the extra parameter in natural units."""
        return extra


class _Mixture(_Extension):
    """A part that does not move: the evaluator has it among its columns."""

    def __init__(self, fit, name):
        entry = parameter(name)
        self.name, self.start = name, 0.8
        self.lower, self.upper = entry.lowest, entry.highest
        bounds = dict(fit.space.bounds) | {name: (entry.lowest, entry.highest)}
        space = ParameterSpace(bounds, (*fit.space.free, name))
        self.forward = ForwardMap(fit.forward.evaluator, space)

    def directions(self, theta, curves, tangents):
        ends = np.column_stack([theta, np.full(len(theta), self.upper)])
        return -self.forward.tangents(ends)[:, -1]

    def linearize(self, phi, directions):
        return linearized(self.forward, phi)


class _Fading(_Extension):
    """Bleaching by imaging, of which what comes in from outside of the field is left out."""

    def __init__(self, fit, name, model):
        self.name = name
        self.lower, self.upper = model.bounds[name]
        self.start = 0.5 * (self.lower + self.upper)
        self._forward = fit.forward
        left = model.known_factor(**{name: self.lower})[fit.frames]
        self._n_imaged = np.log(left) / np.log(self.lower)

    def directions(self, theta, curves, tangents):
        return -curves * self._n_imaged

    def linearize(self, phi, directions):
        left = phi[:, -1:]
        curves, slopes = linearized(self._forward, phi[:, :-1])
        factor = left**self._n_imaged
        by_left = (curves * self._n_imaged * factor / left)[:, np.newaxis]
        return curves * factor, np.concatenate([slopes * factor[:, np.newaxis], by_left], axis=1)


class _Blur(_Extension):
    """A blurred edge of the bleached region, as the time that diffusion takes to blur it as much.

    A Gaussian blur of variance s² is what diffusion does in a time s² / 2D, so that curves are seen
    as much later: to first order by their slope in time, which is that by log D over the time.
    """

    def __init__(self, fit, name, model):
        self.name, self.start = name, 0.0
        self._forward, self._column = fit.forward, fit.space.column("D")
        times = fit.protocol.times[fit.frames]
        self._per_time = np.where(times > 0, 1 / np.where(times > 0, times, 1.0), 0.0)
        self._widest = model.bounds[name][1]

    def directions(self, theta, curves, tangents):
        return tangents[:, self._column] * self._per_time / np.log(10)

    def linearize(self, phi, directions):
        curves, slopes = linearized(self._forward, phi[:, :-1])
        curves = curves + phi[:, -1:] * directions
        return curves, np.concatenate([slopes, directions[:, np.newaxis]], axis=1)

    def ends(self, theta):
        D = 10.0 ** theta[:, self._column]
        return np.zeros(len(theta)), self._widest**2 / (2 * D)

    def natural(self, extra, values):
        return float(np.sqrt(2 * values["D"] * extra))


def linearized(forward, theta):
    """Return curves and their derivatives, in frames."""
    scores, jacobian = forward.linearize(theta)
    return scores @ forward.basis, jacobian @ forward.basis


def _extensions(fit, model, given):
    """List what the model has at the end of a range, and is not said to be there."""
    extensions = []
    defaults, fixed = model.defaults(), fit.space.fixed
    for name in FALSE_ALARMS:
        default = defaults.get(name)
        if default is None or name in given or fixed.get(name) != default:
            continue
        dependence = parameter(name).dependence
        exact = isinstance(model, ExactModel)
        if dependence == "mixture":
            extensions.append(_Mixture(fit, name))
        elif dependence == "power" and exact and _may_fade(model):
            extensions.append(_Fading(fit, name, model))
        elif name == "bleach_blur" and exact and fit.space.free_shaping == ("D",):
            extensions.append(_Blur(fit, name, model))
    return extensions


def _may_fade(model):
    kinetics = getattr(model, "kinetics", None)
    return kinetics is None or kinetics.is_semigroup


# The score test


def _suspects(fit, rows, extensions, weights):
    """Yield larger models, errors of the extra parameter, what leans towards it, and directions.

    By one Gauss-Newton step.
    """
    theta, curves = fit.theta[rows], fit.curves[rows]
    residuals = fit.data[rows] - curves
    noisy = np.sum(residuals**2, axis=1) > squares_without_noise(fit.data[rows])
    tangents = fit.tangents(rows)
    at_bound = (fit.at_lower | fit.at_upper)[rows]
    free = np.where(at_bound[:, :, np.newaxis], 0.0, tangents)
    if weights is not None:
        residuals, free = residuals * weights, free * weights[:, np.newaxis]
    basis = _orthonormal(free)
    residuals = _beside(residuals, basis)
    squares = np.vecdot(residuals, residuals)
    freedom = residuals.shape[1] - free.shape[1] - 1
    limit = t_distribution.isf(_SUSPECT, freedom)
    for extension in extensions:
        directions = extension.directions(theta, curves, tangents)
        seen = directions if weights is None else directions * weights
        whole = np.vecdot(seen, seen)
        seen = _beside(seen, basis)
        length = np.vecdot(seen, seen)
        usable = noisy & (length > VOID * whole)
        score = np.vecdot(residuals, seen) / np.sqrt(np.where(usable, length, 1.0))
        rest = np.maximum(squares - score**2, np.finfo(float).tiny)
        some = np.flatnonzero(usable & (score > limit * np.sqrt(rest / freedom)))
        errors = np.sqrt(squares / (freedom + 1) / np.where(usable, length, 1.0))
        yield extension, np.where(usable, errors, np.inf), some, directions[some]


def _orthonormal(tangents):
    """Return what tangents span, (n, n_free, n_frames); zeros where they span less."""
    lengths = np.linalg.norm(tangents, axis=2, keepdims=True)
    unit = tangents / np.where(lengths > 0, lengths, 1.0)
    # Gram and Schmidt's method, twice: of three or four vectors it is the quickest.
    basis = np.zeros_like(unit)
    for k in range(unit.shape[1]):
        left = unit[:, k]
        for _ in range(2 if k else 0):
            left = _beside(left, basis[:, :k])
        length = np.linalg.norm(left, axis=1, keepdims=True)
        basis[:, k] = np.where(length > VOID, left / np.where(length > 0, length, 1.0), 0.0)
    return basis


def _beside(vectors, basis):
    """Take out of vectors (n, n_frames) what a basis (n, n_vectors, n_frames) spans."""
    parts = basis @ vectors[..., np.newaxis]
    return vectors - (parts.swapaxes(1, 2) @ basis)[:, 0]


# The F test


def _fitted(fit, rows, extension, directions, weights):
    """Yield the row of each curve that a larger model fits better than chance allows, and how."""
    freedom = fit.freedom - 1
    X, theta = fit.data[rows], np.clip(fit.theta[rows], fit.space.lower, fit.space.upper)
    size = np.maximum(fit.residual_sum_of_squares[rows], squares_without_noise(X))
    unit = np.sqrt(fit.freedom / size)[:, np.newaxis] * (1.0 if weights is None else weights)
    unit = np.broadcast_to(unit, X.shape)
    phi, squares = _fit_larger(fit, extension, directions, theta, X, unit)
    smaller = np.sum(((X - fit.curves[rows]) * unit) ** 2, axis=1)
    alarm = FALSE_ALARMS[extension.name]
    some = np.flatnonzero(_p_value(smaller, squares, freedom) < alarm)
    if not len(some):
        return
    # Both at their best: the smaller may be no least-squares fit, or one in another valley.
    for start in (theta[some], phi[some, :-1]):
        found = minimize(
            lambda phi, _: linearized(fit.forward, phi),
            X[some],
            unit[some],
            start,
            fit.space.lower,
            fit.space.upper,
        )
        smaller[some] = np.minimum(smaller[some], found[1])
    p_value = _p_value(smaller[some], squares[some], freedom)
    for k, p in zip(some, p_value, strict=True):
        if p < alarm:
            values = fit.space.values(phi[k : k + 1, :-1])
            plain = {name: float(column[0]) for name, column in values.items()}
            plain[extension.name] = extension.natural(float(phi[k, -1]), plain)
            yield int(rows[k]), LargerFit(extension.name, plain, float(p), float(squares[k]))


def _p_value(smaller, larger, freedom):
    """Return how often chance lowers a sum of squares as much, into one of two directions."""
    gain = np.maximum(smaller - larger, 0.0) * freedom
    return 0.5 * f_distribution.sf(gain / np.maximum(larger, 1e-300), 1, freedom)


def _fit_larger(fit, extension, directions, theta, X, unit):
    """Fit a larger model; return its parameters, the extra one last, and sums of squares."""
    n, space = len(theta), fit.space
    low, high = extension.ends(theta)
    lower = np.column_stack([np.tile(space.lower, (n, 1)), low])
    upper = np.column_stack([np.tile(space.upper, (n, 1)), high])
    logarithmic = np.array([one.is_rate and one.is_logarithmic for one in space.parameters])
    best, squares = np.empty(lower.shape), np.full(n, np.inf)
    for faster in (0.0, _FASTER) if isinstance(extension, _Mixture) else (0.0,):
        start = np.column_stack([theta + faster * logarithmic, np.full(n, extension.start)])
        phi, cost = minimize(
            lambda phi, rows: extension.linearize(phi, directions[rows]),
            X,
            unit,
            start,
            lower,
            upper,
        )
        better = cost < squares
        best[better], squares[better] = phi[better], cost[better]
    return best, squares


def minimize(linearize, X, unit, start, lower, upper):
    """Minimise weighted sums of squares within bounds.

    Parameters
    ----------
    linearize : callable
        ``linearize(phi, rows)`` returns curves and their derivatives.
    X, unit : ndarray of shape (n, n_frames)
        Measured curves, and what residuals are multiplied by.
    start : ndarray of shape (n, n_variables)
    lower, upper : array-like of shape (n_variables,) or (n, n_variables)

    Returns
    -------
    phi : ndarray of shape (n, n_variables)
    squares : ndarray of shape (n,)
    """

    def evaluate(phi, rows):
        curves, jacobian = linearize(phi, rows)
        residuals = (curves - X[rows]) * unit[rows]
        return sum_of_squares(residuals, jacobian * unit[rows, np.newaxis])

    lower, upper = (np.broadcast_to(end, start.shape) for end in (lower, upper))
    start = np.clip(start, lower, upper)
    phi, cost, *_ = minimize_in_box(
        evaluate, start, lower, upper, max_iter=_MOST_ITERATIONS, tol=_TOLERANCE
    )
    return phi, cost
