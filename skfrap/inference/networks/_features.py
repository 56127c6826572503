"""What a network sees of a recovery curve, and on which scale it answers.

Each class turns curves into inputs of order one, and into a guess and a scale per target: the
estimate is guess + scale * network(inputs). What is known beforehand goes into guess and scale,
and only the rest must be learnt.
"""

import numpy as np

from skfrap.inference._intensities import check_level
from skfrap.models import InterpolationError
from skfrap.parameters import parameter

_N_STEPS, _N_STEPS_OF_MANY = 2, 4  # up to three parameters a third changes nothing to learn
_RIDGE = 0.3  # of the box: the standard deviation of a uniform prior
_NEAR = 6.0  # standard errors: what is farther from a face does not feel it
_N_RESIDUALS, _N_SCORES = 8, 12
_ROWS = 2048
_LEAST_VARIANCE = 1e-14  # a noise-free curve is known to the interpolation's error
_LEAST_SCALE, _LEAST_DEPTH = 1e-9, 1e-3
_UNLIKE = 5.0  # standard deviations in the mean of all values: nothing like what was trained on


class RawFeatures:
    """Show the network the curve itself, each value standardised, and targets likewise.

    Parameters
    ----------
    fitter : None
        Nothing is known of the model.
    """

    skips = False
    bounds = forward = None
    _learnt = ("mean", "scale", "guess", "spread")

    def __init__(self, fitter=None):
        pass

    def fit(self, X, y, weight):
        """Learn means and spreads; return the loss of the guess, per target."""
        self.mean, self.scale = _moments(X, weight)
        self.guess, self.spread = _moments(y, weight)
        return self.spread**2

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
        inputs = ((X - self.mean) / self.scale).astype(np.float32)
        return inputs, np.broadcast_to(self.guess, shape), np.broadcast_to(self.spread, shape)

    def check_curves(self, X):
        """Refuse curves that are nothing like those that were trained on."""
        unlike = np.mean(np.abs(X - self.mean) / self.scale, axis=1)
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


class _ModelFeatures:
    """What features share that know the model and its box.

    Parameters
    ----------
    fitter : CurveFitter
        Knows the model, what of it is free, and the box.
    """

    skips = True

    def __init__(self, fitter):
        self.fitter = fitter
        self.forward, self.space = fitter.forward, fitter.space
        self.lower, self.upper = fitter.lower, fitter.upper
        self.n_prebleach = fitter.evaluator.protocol.n_prebleach
        self.directions = fitter.grid.directions(_N_SCORES)

    _learnt: tuple[str, ...] = ("mean", "scale")

    def to_state(self):
        """Return what a file keeps: the fitter, its directions, and what was learnt."""
        learnt = {name: getattr(self, name) for name in self._learnt}
        return {"fitter": self.fitter, "directions": self.directions} | learnt

    @classmethod
    def from_state(cls, state):
        """Make the features that :meth:`to_state` described."""
        features = cls(state["fitter"])
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
        if column is None:
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
        for k, name in enumerate(self.space.free):
            low, high = y[:, k].min(), y[:, k].max()
            if low < self.lower[k] - 1e-9 or high > self.upper[k] + 1e-9:
                raise ValueError(
                    f"y holds {parameter(name).target_name} from {low:.6g} to {high:.6g}, outside "
                    f"of bounds[{name!r}] = {self.space.bounds[name]}; give wider bounds, or use "
                    "features='raw'."
                )

    def finish(self, estimates):
        """Return estimates moved into the box."""
        return np.clip(estimates, self.lower, self.upper)

    def _project(self, X):
        """Return scores, and the sum of squares of what no curve of the model holds."""
        scores = self.forward.project(X)
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
    """

    def __init__(self, fitter):
        super().__init__(fitter)
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

    def _describe(self, X):
        parts = [self._describe_some(X[k : k + _ROWS]) for k in range(0, len(X), _ROWS)]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _describe_some(self, X):
        scores, rest = self._project(X)
        theta = self._nearest(scores)
        for _ in range(_N_STEPS if theta.shape[1] <= 3 else _N_STEPS_OF_MANY):
            covariance, gradient, _, _ = self._linearize(scores, rest, theta)
            theta += self.width * np.einsum("nvw,nw->nv", covariance, gradient)
            np.clip(theta, self.lower, self.upper, out=theta)
        covariance, _, residuals, noise = self._linearize(scores, rest, theta)
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
        return np.concatenate(inputs, axis=1), theta, scale

    def _nearest(self, scores):
        column = self.forward.factor_column
        ends = [self.forward.known_factor] * 2
        if column is not None:
            ends = self.lower[column], self.upper[column]
        return self.fitter.grid.nearest(scores, *(np.full(len(scores), end) for end in ends))

    def _linearize(self, scores, rest, theta):
        """Return covariance, gradient, residuals and noise, parameters in units of the ridge."""
        model, jacobian = self.forward.linearize(theta)
        residuals = model - scores
        freedom = max(1, self.forward.basis.shape[1] - theta.shape[1])
        noise = np.sqrt(np.maximum((rest + _squared(residuals)) / freedom, _LEAST_VARIANCE))
        jacobian *= self.width[:, np.newaxis] / noise[:, np.newaxis, np.newaxis]
        precision = jacobian @ jacobian.swapaxes(1, 2)
        precision += np.eye(theta.shape[1])
        gradient = np.einsum("nvs,ns->nv", jacobian, -residuals / noise[:, np.newaxis])
        return np.linalg.inv(precision), gradient, residuals, noise


class ScoreFeatures(_ModelFeatures):
    """Show the network the curve's scores over the prebleach mean, and the noise.

    c0 is guessed as the prebleach mean, to be corrected in units of its standard error.

    Parameters
    ----------
    fitter : CurveFitter
        Knows the model, what of it is free, and the box.
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
        return LinearizedFeatures(self.fitter).fit(X, y, weight)

    def __call__(self, X):
        """Return inputs, guess and scale."""
        inputs, prebleach, noise = self._describe(X)
        guess, scale = np.tile(self.guess, (len(X), 1)), np.tile(self.spread, (len(X), 1))
        column = self.forward.factor_column
        if column is not None:
            guess[:, column] = prebleach
            scale[:, column] = prebleach * noise / np.sqrt(self.n_prebleach)
        return ((inputs - self.mean) / self.scale).astype(np.float32), guess, scale

    def _describe(self, X):
        """Return inputs, prebleach means, and the noise over the prebleach mean."""
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


def choose_features(asked, task):
    """Make the features of a task.

    Parameters
    ----------
    asked : {"auto", "linearized", "scores", "raw"}
    task : Task

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
        return "raw", RawFeatures()
    if task.model is None:
        raise ValueError(
            f"features={asked!r} needs a protocol and targets that are parameters of a model, "
            f"got protocol={task.protocol!r} and {task.target_names}; use features='raw'."
        )
    try:
        fitter = task.fitter()
    except InterpolationError:
        if asked == "auto":
            return "raw", RawFeatures()
        raise
    name = "linearized" if asked == "auto" else asked
    return name, FEATURES[name](fitter)


def _moments(values, weight):
    """Compute weighted means and standard deviations of columns; 1 where nothing varies."""
    mean = np.average(values, axis=0, weights=weight)
    spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    negligible = spread <= _LEAST_SCALE * np.maximum(np.abs(mean), _LEAST_SCALE)
    return mean, np.where(negligible, 1.0, spread)


def _squared(a):
    return np.vecdot(a, a)
