"""What a network sees of a recovery curve, and on which scale it answers.

Each class turns curves into inputs of order one, and into a guess and a scale per target: the
estimate is guess + scale * network(inputs). What is known beforehand goes into guess and scale,
and only the rest must be learnt.
"""

import numpy as np

from skfrap.models import surrogate_for

TARGETS = ("log10_D", "c0", "alpha")
_LARGEST_ERROR = 1e-5  # of the interpolation, accepted: noise is above 1e-4
_GRID = 60, 12  # templates over log10 D and alpha
_N_STEPS = 2  # a third changes nothing that the network does not
_RIDGE = 0.3  # of the box: the standard deviation of a uniform prior
_NEAR = 6.0  # standard errors: what is farther from a face does not feel it
_N_RESIDUALS, _N_SCORES = 8, 12
_ROWS = 2048
_LEAST_VARIANCE = 1e-14  # a noise-free curve is known to the interpolation's error
_LEAST_SCALE, _LEAST_DEPTH = 1e-9, 1e-3


class _Unbounded:
    """What features share that know no box."""

    def check_targets(self, y):
        """Accept any."""

    def finish(self, estimates):
        """Return estimates as they are."""
        return estimates


class RawFeatures(_Unbounded):
    """Show the network the curve itself, each value standardised, and targets likewise."""

    skips = False

    def fit(self, X, y, weight):
        """Learn means and spreads; return the loss of the guess, per target."""
        self.mean, self.scale = _moments(X, weight)
        self.guess, self.spread = _moments(y, weight)
        return self.spread**2

    def __call__(self, X):
        """Return inputs, guess and scale."""
        shape = len(X), len(self.guess)
        inputs = ((X - self.mean) / self.scale).astype(np.float32)
        return inputs, np.broadcast_to(self.guess, shape), np.broadcast_to(self.spread, shape)


class LinearizedFeatures:
    """Fit the curve roughly, and let the network correct that in units of its standard errors.

    The fit starts from the nearest of a grid of templates and takes two Gauss-Newton steps on
    the interpolated model, damped by a ridge as wide as the box. The inputs are the fit, its
    standard errors and correlations, how near it is to the faces of the box, and what it leaves.

    Parameters
    ----------
    protocol : FRAPProtocol
    bounds : dict
        Box of D, c0 and alpha in natural units.
    """

    skips = True

    def __init__(self, protocol, bounds):
        self.bounds = bounds
        ends = np.array([np.log10(bounds["D"]), bounds["c0"], bounds["alpha"]])
        self.lower, self.upper = ends.T
        self.width = _RIDGE * (self.upper - self.lower)
        self.surrogate = surrogate_for(
            protocol, ranges={"D": bounds["D"]}, largest_error=_LARGEST_ERROR
        )
        self._wanted = [self.surrogate.names.index(name) for name in ("D", "alpha")]
        axes = map(np.linspace, self.lower[[0, 2]], self.upper[[0, 2]], _GRID)
        self.grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        templates = self.surrogate.scores(self._values(*self.grid.T))
        self.size = np.linalg.norm(templates, axis=1)
        self.templates = templates / self.size[:, np.newaxis]

    def fit(self, X, y, weight):
        """Learn means and spreads of the inputs; return the loss of the fit, per target."""
        inputs, guess, _ = self._describe(X)
        self.mean, self.scale = _moments(inputs, weight)
        return np.average((guess - y) ** 2, axis=0, weights=weight)

    def __call__(self, X):
        """Return inputs, guess and scale."""
        inputs, guess, scale = self._describe(X)
        return ((inputs - self.mean) / self.scale).astype(np.float32), guess, scale

    def check_targets(self, y):
        """Refuse targets outside of the box, which no estimate could reach."""
        for k, (name, natural) in enumerate(zip(TARGETS, self.bounds, strict=True)):
            low, high = y[:, k].min(), y[:, k].max()
            if low < self.lower[k] - 1e-9 or high > self.upper[k] + 1e-9:
                raise ValueError(
                    f"y holds {name} from {low:.6g} to {high:.6g}, outside of bounds[{natural!r}] ="
                    f" {self.bounds[natural]}; give wider bounds, or use features='raw'."
                )

    def finish(self, estimates):
        """Return estimates moved into the box."""
        return np.clip(estimates, self.lower, self.upper)

    def _describe(self, X):
        parts = [self._describe_some(X[k : k + _ROWS]) for k in range(0, len(X), _ROWS)]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _describe_some(self, X):
        scores = self.surrogate.project(X)
        rest = np.maximum(_squared(X) - _squared(scores), 0)  # what no curve of the model holds
        theta = self._nearest(scores)
        freedom = max(1, X.shape[1] - len(TARGETS))
        for _ in range(_N_STEPS):
            covariance, gradient, _, _ = self._linearize(scores, rest, theta, freedom)
            theta += self.width * _product(covariance, gradient)
            np.clip(theta, self.lower, self.upper, out=theta)
        covariance, _, residuals, noise = self._linearize(scores, rest, theta, freedom)
        errors = np.sqrt(np.column_stack([covariance[k][k] for k in range(3)]))
        correlations = [
            covariance[j][k] / (errors[:, j] * errors[:, k]) for j, k in ((0, 1), (0, 2), (1, 2))
        ]
        scale = self.width * errors
        inputs = [
            theta,
            np.log(errors),
            np.column_stack(correlations),
            np.minimum((theta - self.lower) / scale, _NEAR),
            np.minimum((self.upper - theta) / scale, _NEAR),
            np.tanh(residuals[:, :_N_RESIDUALS] / noise[:, np.newaxis]),
        ]
        return np.concatenate(inputs, axis=1), theta, scale

    def _values(self, log10_D, alpha):
        """Put parameters in the columns of the surrogate.

        All particles are mobile, and what is fixed it does not look at.
        """
        values = np.ones((len(alpha), len(self.surrogate.names)))
        values[:, self._wanted] = np.column_stack([log10_D, alpha])
        return values

    def _nearest(self, scores):
        """Find the most similar template, whatever c0, and the c0 that goes with it."""
        similarity = scores @ self.templates.T
        best = similarity.argmax(axis=1)
        theta = np.empty((len(scores), 3))
        theta[:, [0, 2]] = self.grid[best]
        theta[:, 1] = similarity[np.arange(len(best)), best] / self.size[best]
        return np.clip(theta, self.lower, self.upper)

    def _linearize(self, scores, rest, theta, freedom):
        """Return covariance, gradient, residuals and noise, parameters in units of the ridge."""
        c0 = theta[:, 1:2]
        model, (by_log10_D, by_alpha) = self.surrogate.scores_and_slopes(
            self._values(theta[:, 0], theta[:, 2]), self._wanted
        )
        residuals = scores - c0 * model
        variance = np.maximum((rest + _squared(residuals)) / freedom, _LEAST_VARIANCE)
        by_log10_D, by_alpha = c0 * by_log10_D, c0 * by_alpha
        slopes = [slope * self.width[k] for k, slope in enumerate((by_log10_D, model, by_alpha))]
        precision = [
            [_dot(slopes[j], slopes[k]) / variance + (j == k) for k in range(j + 1)]
            for j in range(3)
        ]
        gradient = [_dot(slope, residuals) / variance for slope in slopes]
        return _inverse(precision), gradient, residuals, np.sqrt(variance)


class ScoreFeatures(_Unbounded):
    """Show the network the curve's scores over the prebleach mean, and the noise.

    c0 is guessed as the prebleach mean, to be corrected in units of its standard error.

    Parameters
    ----------
    protocol : FRAPProtocol
    bounds : dict
        Box of D, c0 and alpha in natural units.
    """

    skips = True

    def __init__(self, protocol, bounds):
        self.protocol = protocol
        self.bounds = bounds
        self.surrogate = surrogate_for(
            protocol, ranges={"D": bounds["D"]}, largest_error=_LARGEST_ERROR
        )

    def fit(self, X, y, weight):
        """Learn means and spreads; return the loss of a linearised fit, per target."""
        inputs, _, noise = self._describe(X)
        floor = np.zeros(inputs.shape[1])
        floor[:_N_SCORES] = np.sqrt(np.average(noise**2, weights=weight))
        self.mean, scale = _moments(inputs, weight)
        self.scale = np.hypot(scale, floor)
        self.guess, self.spread = _moments(y, weight)
        benchmark = LinearizedFeatures(self.protocol, self.bounds)
        return benchmark.fit(X, y, weight)

    def __call__(self, X):
        """Return inputs, guess and scale."""
        inputs, prebleach, noise = self._describe(X)
        guess, scale = np.tile(self.guess, (len(X), 1)), np.tile(self.spread, (len(X), 1))
        guess[:, 1] = prebleach
        scale[:, 1] = prebleach * noise / np.sqrt(self.protocol.n_prebleach)
        return ((inputs - self.mean) / self.scale).astype(np.float32), guess, scale

    def _describe(self, X):
        """Return inputs, prebleach means, and the noise over the prebleach mean."""
        n_prebleach = self.protocol.n_prebleach
        prebleach = np.maximum(X[:, :n_prebleach].mean(axis=1), _LEAST_DEPTH)
        scores = self.surrogate.project(X) / prebleach[:, np.newaxis]
        freedom = max(1, X.shape[1] - scores.shape[1])
        rest = _squared(X) / prebleach**2 - _squared(scores)
        variance = np.maximum(rest / freedom, _LEAST_VARIANCE)
        depth = np.maximum(1 - X[:, n_prebleach] / prebleach, _LEAST_DEPTH)
        others = [np.log10(variance), prebleach, np.log(depth)]
        inputs = np.column_stack([scores[:, :_N_SCORES], *others])
        return inputs, prebleach, np.sqrt(variance)


FEATURES = {"linearized": LinearizedFeatures, "scores": ScoreFeatures, "raw": RawFeatures}


def _moments(values, weight):
    """Compute weighted means and standard deviations of columns; 1 where nothing varies."""
    mean = np.average(values, axis=0, weights=weight)
    spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    negligible = spread <= _LEAST_SCALE * np.maximum(np.abs(mean), _LEAST_SCALE)
    return mean, np.where(negligible, 1.0, spread)


def _dot(a, b):
    return np.vecdot(a, b)


def _squared(a):
    return _dot(a, a)


def _product(matrix, vector):
    return np.column_stack([sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix])


def _inverse(lower):
    """Invert symmetric 3 x 3 matrices, given as rows of arrays up to the diagonal.

    By cofactors: LAPACK takes ten times as long for so small ones.
    """
    (a,), (b, c), (d, e, f) = lower
    aa, bb, dd = c * f - e * e, d * e - b * f, b * e - c * d
    cc, ee, ff = a * f - d * d, b * d - a * e, a * c - b * b
    determinant = a * aa + b * bb + d * dd
    aa, bb, cc, dd, ee, ff = (x / determinant for x in (aa, bb, cc, dd, ee, ff))
    return (aa, bb, dd), (bb, cc, ee), (dd, ee, ff)
