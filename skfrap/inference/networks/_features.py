"""What a network sees of a recovery curve, and on which scale it answers.

Each class turns curves into inputs of order one, and into a guess and a scale per target: the
estimate is guess + scale * network(inputs). What is known beforehand goes into guess and scale,
and only the rest must be learnt. What knows the model describes all of its free parameters, and
answers in those that are asked for: one, some, or all in another order.
"""

import warnings
from copy import copy

import numpy as np

from skfrap.inference._intensities import check_level
from skfrap.inference.fitting._frames import fitter_at_frames, weighed_fitter
from skfrap.inference.fitting._rows import weights_of_rows
from skfrap.models import ImageSurrogate, InterpolationError
from skfrap.numerics._covariance import inverse_of_definite, products_of_rows
from skfrap.numerics._lazy import row_slices
from skfrap.parameters import parameter

_N_STEPS, _N_STEPS_OF_MANY = 2, 4  # up to three parameters a third changes nothing to learn
_RIDGE = 0.3  # of the box: the standard deviation of a uniform prior
_NEAR = 6.0  # standard errors: what is farther from a face does not feel it
_N_RESIDUALS, _N_SCORES = 8, 12
_ROWS = 2048
_LEAST_VARIANCE = 1e-14  # a noise-free curve is known to the interpolation's error
_LEAST_SCALE, _LEAST_DEPTH = 1e-9, 1e-3
_UNLIKE = 5.0  # standard deviations in the mean of all values: nothing like what was trained on


class StandardizedRows:
    """Curves in single precision, standardised when they are asked for.

    A million of them, which may lie in a file, need no second copy.

    Parameters
    ----------
    X : ndarray of shape (n, n_frames)
    mean, scale : ndarray of shape (n_frames,)
    """

    def __init__(self, X, mean, scale):
        self.X, self.mean, self.scale, self.shape = X, mean, scale, X.shape

    def __len__(self):
        return len(self.X)

    def __getitem__(self, rows):
        return ((self.X[rows] - self.mean) / self.scale).astype(np.float32)


class RawFeatures:
    """Show the network the curve itself, each value standardised, and targets likewise.

    Parameters
    ----------
    standardize : bool, default=True
        False leaves values and targets as they are.
    """

    skips = False
    bounds = forward = None
    _learnt = ("mean", "scale", "guess", "spread")

    def __init__(self, standardize=True):
        self._standardize = standardize

    def fit(self, X, y, weight):
        """Learn means and spreads; return the loss of the mean of the targets, per target."""
        self.guess, self.spread = _moments(y, weight)
        variance = self.spread**2
        if self._standardize:
            self.mean, self.scale = _moments(X, weight)
        else:
            self.mean, self.scale = np.zeros(X.shape[1]), np.ones(X.shape[1])
            self.guess, self.spread = np.zeros(y.shape[1]), np.ones(y.shape[1])
        return variance

    def to_state(self):
        """Return what a file keeps: means and spreads of curves and of targets."""
        return {name: getattr(self, name) for name in self._learnt}

    @classmethod
    def from_state(cls, state):
        """Make the features that :meth:`to_state` described."""
        features = cls()
        vars(features).update({name: state[name] for name in cls._learnt})
        return features

    def __call__(self, X):
        """Return inputs, guess and scale."""
        shape = len(X), len(self.guess)
        if X.dtype == np.float32 and self._leaves_curves:
            inputs = X  # as they are: of a million curves there is no need of a second copy
        else:
            inputs = np.empty(X.shape, np.float32)
            for k in range(0, len(X), _ROWS):
                inputs[k : k + _ROWS] = (X[k : k + _ROWS] - self.mean) / self.scale
        return inputs, np.broadcast_to(self.guess, shape), np.broadcast_to(self.spread, shape)

    def by_rows(self, X):
        """Return inputs as from a call, guess and scale, but inputs made when asked for."""
        inputs = X if self._leaves_curves else StandardizedRows(X, self.mean, self.scale)
        return inputs, *self(X[:1])[1:]

    @property
    def _leaves_curves(self):
        return not self.mean.any() and bool((self.scale == 1).all())

    def check_curves(self, X):
        """Refuse curves that are nothing like those that were trained on."""
        unlike = np.empty(len(X))
        for rows in row_slices(len(X), _ROWS):  # of a million no copy is made
            unlike[rows] = np.mean(np.abs(X[rows] - self.mean) / self.scale, axis=1)
        outside = np.flatnonzero(unlike > _UNLIKE)
        if len(outside):
            k = outside[0]
            raise ValueError(
                f"X holds curves that are nothing like those of the training, the first is row {k} "
                f"with a mean of {X[k].mean():.4g} where they had {self.mean.mean():.4g}; rescale "
                "the intensities as they were for the training."
            )

    def check_targets(self, y):
        """Accept any."""

    def finish(self, estimates):
        """Return estimates as they are."""
        return estimates

    def inside(self, theta):
        """Return parameters as they are."""
        return theta


class _ModelFeatures:
    """What features share that know the model and its box.

    Parameters
    ----------
    fitter : CurveFitter
        Knows the model, what of it is free, and the box.
    columns : list of int, default=None
        Of all that is free what the targets are. None is all, in order.
    """

    skips = True

    def __init__(self, fitter, columns=None):
        self.fitter = fitter
        whole = [*range(len(fitter.lower))]
        # A slice where nothing is left out: that copies nothing.
        self.columns = slice(None) if columns is None or [*columns] == whole else [*columns]
        self.forward, self.space = fitter.forward, fitter.space
        self.lower, self.upper = fitter.lower, fitter.upper
        self.n_prebleach = fitter.evaluator.protocol.n_prebleach
        self._see(fitter)
        self.directions = self._fitter.grid.directions(_N_SCORES)

    def _see(self, fitter):
        """Look at curves so that noise is the same in all of their values, as far as is known."""
        protocol, self._weights = fitter.evaluator.protocol, None
        if not isinstance(fitter.evaluator, ImageSurrogate):
            self._weights = weights_of_rows(protocol)
        weighs = self._weights is not None
        self._fitter = weighed_fitter(fitter, self._weights) if weighs else fitter
        self._forward = self._fitter.forward

    _learnt: tuple[str, ...] = ("mean", "scale")

    def to_state(self):
        """Return what a file keeps: the fitter, its directions, and what was learnt."""
        learnt = {name: getattr(self, name) for name in self._learnt}
        columns = {} if isinstance(self.columns, slice) else {"columns": self.columns}
        return {"fitter": self.fitter, "directions": self.directions} | columns | learnt

    @classmethod
    def from_state(cls, state):
        """Make the features that :meth:`to_state` described."""
        features = cls(state["fitter"], state.get("columns"))
        features.directions = state["directions"]
        vars(features).update({name: state[name] for name in cls._learnt})
        return features

    @property
    def bounds(self):
        """Box of the free parameters, in natural units."""
        return {name: self.space.bounds[name] for name in self.space.free}

    def check_curves(self, X):
        """Refuse curves whose intensity is not one that was trained on."""
        column = self.forward.factor_column
        if column is None or self.n_prebleach == 0:
            return
        factor = self.space.factor
        check_level(
            X,
            self.n_prebleach,
            f"bounds[{factor!r}]",
            *self.space.bounds[factor],
            "train with wider bounds",
        )

    def check_targets(self, y):
        """Refuse targets outside of the box, which no estimate could reach."""
        places = np.arange(len(self.lower))[self.columns]
        for k, place in enumerate(places):
            name, low, high = self.space.free[place], y[:, k].min(), y[:, k].max()
            if low < self.lower[place] - 1e-9 or high > self.upper[place] + 1e-9:
                raise ValueError(
                    f"y holds {parameter(name).target_name} from {low:.6g} to {high:.6g}, outside "
                    f"of bounds[{name!r}] = {self.space.bounds[name]}; give wider bounds, or use "
                    "features='raw'."
                )

    def finish(self, estimates):
        """Return estimates of the targets moved into the box."""
        return np.clip(estimates, self.lower[self.columns], self.upper[self.columns])

    def inside(self, theta):
        """Return all free parameters moved into the box."""
        return np.clip(theta, self.lower, self.upper)

    def rough_fit(self, X):
        """Fit the model roughly.

        Parameters
        ----------
        X : ndarray of shape (n, n_frames)

        Returns
        -------
        theta : ndarray of shape (n, n_free)
        covariance : ndarray of shape (n, n_free, n_free)
            With the box for a prior.
        """
        return LinearizedFeatures(self.fitter).rough_fit(X)

    def _project(self, X):
        """Return scores, and the sum of squares of what no curve of the model holds."""
        X = X if self._weights is None else X * self._weights
        scores = self._forward.project(X)
        return scores, np.maximum(_squared(X) - _squared(scores), 0)


class LinearizedFeatures(_ModelFeatures):
    """Fit the curve roughly, and let the network correct that in units of its standard errors.

    The fit starts from the nearest of a grid of templates and takes a few Gauss-Newton steps on
    the interpolated model, damped by a ridge as wide as the box. The inputs are the fit, its
    standard errors and correlations, how near it is to the faces of the box, and what it leaves.

    Parameters
    ----------
    fitter : CurveFitter
        Knows the model, what of it is free, and the box.
    columns : list of int, default=None
        Of all that is free what the targets are. None is all, in order.
    """

    def __init__(self, fitter, columns=None):
        super().__init__(fitter, columns)
        self.width = _RIDGE * (self.upper - self.lower)

    def fit(self, X, y, weight):
        """Learn means and spreads of the inputs; return the loss of the fit, per target."""
        inputs, guess, _ = self._describe(X)
        self.mean, self.scale = _moments(inputs, weight)
        return np.average((guess - y) ** 2, axis=0, weights=weight)

    def __call__(self, X):
        """Return inputs, guess and scale."""
        inputs, guess, scale = self._describe(X)
        return ((inputs - self.mean) / self.scale).astype(np.float32), guess, scale

    def rough_fit(self, X):
        """Fit the model roughly; parameters and results are those of the base class."""
        theta, covariance, _, _ = self._fit(X)
        return theta, covariance * self.width[:, np.newaxis] * self.width

    def noise(self, X):
        """Return the variance of what rough fits leave in a value, of the first row, (n,)."""
        parts = row_slices(len(X), _ROWS)
        noises = [self._fit(np.asarray(X[rows], dtype=float))[3] for rows in parts]
        return np.concatenate(noises) ** 2

    def at_frames(self, frames):
        """Make features of curves that have some of the frames only: the fit does without them.

        Parameters
        ----------
        frames : ndarray of shape (m,) of int
            Increasing.

        Returns
        -------
        LinearizedFeatures
            Of curves (n, m). What they describe is what the network has learnt: a fit, how certain
            it is, and what it leaves, which is nothing in the frames that are not there.
        """
        some = copy(self)
        some.fitter = fitter_at_frames(self.fitter, frames)
        some.forward = some.fitter.forward
        some._see(some.fitter)
        some.n_prebleach = np.count_nonzero(frames < self.n_prebleach)
        some.directions = self.directions @ self.forward.basis[:, frames] @ some.forward.basis.T
        return some

    def _describe(self, X):
        parts = [
            self._describe_some(np.asarray(X[k : k + _ROWS], dtype=float))
            for k in range(0, len(X), _ROWS)
        ]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _fit(self, X):
        """Return theta, its covariance in units of the ridge, what the fit leaves, and noise."""
        scores, rest = self._project(X)
        theta, *there = self._nearest(scores)
        for _ in range(_N_STEPS if theta.shape[1] <= 3 else _N_STEPS_OF_MANY):
            covariance, gradient, _, _ = self._solve(scores, rest, *there)
            theta += self.width * np.einsum("nvw,nw->nv", covariance, gradient)
            np.clip(theta, self.lower, self.upper, out=theta)
            there = self._forward.linearize(theta)
        covariance, _, residuals, noise = self._solve(scores, rest, *there)
        return theta, covariance, residuals, noise

    def _describe_some(self, X):
        theta, covariance, residuals, noise = self._fit(X)
        errors = np.sqrt(np.einsum("nvv->nv", covariance))
        rows, columns = np.tril_indices(theta.shape[1], -1)
        scale = self.width * errors
        left = residuals @ self.directions[:_N_RESIDUALS].T
        inputs = [
            theta,
            np.log(errors),
            covariance[:, rows, columns] / (errors[:, rows] * errors[:, columns]),
            np.minimum((theta - self.lower) / scale, _NEAR),
            np.minimum((self.upper - theta) / scale, _NEAR),
            np.tanh(left / noise[:, np.newaxis]),
        ]
        return np.concatenate(inputs, axis=1), theta[:, self.columns], scale[:, self.columns]

    def _nearest(self, scores):
        column = self.forward.factor_column
        ends = [self.forward.known_factor] * 2
        if column is not None:
            ends = self.lower[column], self.upper[column]
        ends = [np.full(len(scores), end) for end in ends]
        return self._fitter.grid.linearize_nearest(scores, *ends)

    def _freedom(self, n_free):
        return self.forward.basis.shape[1] - n_free

    def _solve(self, scores, rest, model, jacobian):
        """Return covariance, gradient, residuals and noise, parameters in units of the ridge."""
        residuals = model - scores
        freedom = max(1, self._freedom(jacobian.shape[1]))
        variance = np.maximum((rest + _squared(residuals)) / freedom, _LEAST_VARIANCE)
        precision = products_of_rows(jacobian)
        precision *= np.outer(self.width, self.width)
        precision /= variance[:, np.newaxis, np.newaxis]
        np.einsum("nvv->nv", precision)[:] += 1.0
        gradient = np.einsum("nvs,ns->nv", jacobian, residuals)
        gradient *= -self.width
        gradient /= variance[:, np.newaxis]
        return inverse_of_definite(precision), gradient, residuals, np.sqrt(variance)


class LinearizedImageFeatures(LinearizedFeatures):
    """Do the same with the scores of image series, of which the rest tells the noise.

    Parameters
    ----------
    fitter : ImageFitter
        Of a surrogate whose frames have no free levels.
    columns : list of int, default=None
        Of all that is free what the targets are. None is all, in order.
    """

    def check_curves(self, X):
        """Refuse series whose intensity is not one that was trained on."""
        column = self.forward.factor_column
        if column is None:
            return
        scores, rest = self._project(np.asarray(X, dtype=float))
        found = self.fitter.grid.nearest(scores, np.zeros(len(X)), np.full(len(X), np.inf))
        level, low, high = found[:, column], self.lower[column], self.upper[column]
        outside = np.flatnonzero((level < 0.5 * low) | (level > 2.0 * high))
        # Where noise hides the light, nothing can be told.
        told = level**2 * self.fitter.evaluator.n_values > _UNLIKE**2 * rest
        outside = outside[told[outside]]
        if len(outside):
            name, k = self.space.factor, outside[0]
            raise ValueError(
                f"X holds image series with an intensity outside of bounds[{name!r}] = "
                f"{self.space.bounds[name]}, the first is row {k} with about {level[k]:.4g}; "
                "rescale the intensities, or train with wider bounds."
            )

    def _freedom(self, n_free):
        return self.fitter.evaluator.freedom(n_free)


class ScoreFeatures(_ModelFeatures):
    """Show the network the curve's scores over the prebleach mean, and the noise.

    c0 is guessed as the prebleach mean, to be corrected in units of its standard error.

    Parameters
    ----------
    fitter : CurveFitter
        Knows the model, what of it is free, and the box.
    columns : list of int, default=None
        Of all that is free what the targets are. None is all, in order.
    """

    _learnt = ("mean", "scale", "guess", "spread")

    def fit(self, X, y, weight):
        """Learn means and spreads; return the loss of a linearised fit, per target."""
        inputs, _, noise = self._describe(X)
        floor = np.zeros(inputs.shape[1])
        floor[: len(self.directions)] = np.sqrt(np.average(noise**2, weights=weight))
        self.mean, scale = _moments(inputs, weight)
        self.scale = np.hypot(scale, floor)
        self.guess, self.spread = _moments(y, weight)
        columns = None if isinstance(self.columns, slice) else self.columns
        return LinearizedFeatures(self.fitter, columns).fit(X, y, weight)

    def __call__(self, X):
        """Return inputs, guess and scale."""
        inputs, prebleach, noise = self._describe(X)
        guess, scale = np.tile(self.guess, (len(X), 1)), np.tile(self.spread, (len(X), 1))
        places = np.arange(len(self.lower))[self.columns]
        for column in np.flatnonzero(places == self.forward.factor_column):
            guess[:, column] = prebleach
            scale[:, column] = prebleach * noise / np.sqrt(self.n_prebleach)
        return ((inputs - self.mean) / self.scale).astype(np.float32), guess, scale

    def _describe(self, X):
        """Return inputs, prebleach means, and the noise over the prebleach mean."""
        X = np.asarray(X, dtype=float)
        prebleach = np.maximum(X[:, : self.n_prebleach].mean(axis=1), _LEAST_DEPTH)
        scores = self._project(X)[0] @ self.directions.T
        freedom = max(1, X.shape[1] - scores.shape[1])
        rest = np.maximum(_squared(X) - _squared(scores), 0) / prebleach**2
        variance = np.maximum(rest / freedom, _LEAST_VARIANCE)
        depth = np.maximum(1 - X[:, self.n_prebleach] / prebleach, _LEAST_DEPTH)
        others = [np.log10(variance), prebleach, np.log(depth)]
        inputs = np.column_stack([scores / prebleach[:, np.newaxis], *others])
        return inputs, prebleach, np.sqrt(variance)


FEATURES = {"linearized": LinearizedFeatures, "scores": ScoreFeatures, "raw": RawFeatures}


def choose_features(asked, task, standardize=True):
    """Make the features of a task.

    Parameters
    ----------
    asked : {"auto", "linearized", "scores", "raw"}
    task : Task
    standardize : bool, default=True
        Of "raw".

    Returns
    -------
    name : str
    features : LinearizedFeatures, ScoreFeatures or RawFeatures

    Raises
    ------
    ValueError
        If features that know a model are asked for, and the task has none.
    InterpolationError
        If its model can neither be interpolated nor is cheap.
    """
    if asked == "raw" or (asked == "auto" and task.model is None):
        return "raw", RawFeatures(standardize)
    if task.model is None:
        raise ValueError(
            f"features={asked!r} needs a protocol and targets that are parameters of a model, "
            f"got protocol={task.protocol!r} and {task.target_names}; use features='raw'."
        )
    try:
        fitter = task.fitter()
    except InterpolationError as error:
        if asked == "auto":
            warnings.warn(
                "features='auto' sees curves as they are, without the protocol, and will need "
                f"many more to learn from: {error} Say features='raw' if that is meant.",
                UserWarning,
                stacklevel=5,
            )
            return "raw", RawFeatures(standardize)
        raise
    name = "linearized" if asked == "auto" else asked
    if isinstance(fitter.evaluator, ImageSurrogate):
        return name, LinearizedImageFeatures(fitter, task.columns)
    return name, FEATURES[name](fitter, task.columns)


def _moments(values, weight):
    """Compute weighted means and standard deviations of columns; 1 where nothing varies."""
    mean = np.average(values, axis=0, weights=weight)
    spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    negligible = spread <= _LEAST_SCALE * np.maximum(np.abs(mean), _LEAST_SCALE)
    return mean, np.where(negligible, 1.0, spread)


def _squared(a):
    return np.vecdot(a, a)
