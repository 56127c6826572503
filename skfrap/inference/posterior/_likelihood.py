"""The likelihood of recovery curves with white noise of unknown strength.

With a variance v = noise_gain * a and n frames, a curve y has the likelihood
(2 pi v)^(-n/2) exp(-S / 2v), and S = |y - c0 f|² takes no more of the curve than its scores: with
h = y·f and q = |f|², both polynomials in what shapes f, S = |y|² - 2 c0 h + c0² q. The integral
over the noise depends on S alone and is tabulated. A curve of several rows has one S for each of
them, each with a noise of its own, and its likelihood is the product of theirs.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline

from skfrap.numerics._chebyshev import chebyshev_basis, first_kind_coefficients, first_kind_nodes
from skfrap.parameters import finite_ends, is_uncertain

_TABLE = 4096  # values of S
_FARTHEST = 1e4  # the largest of them, over what the noise explains
_LEAST_S = 0.1  # of what the least noise explains: below, the table is even in S
_DENSE = 0.25  # standard deviations of log a between nodes


class NoiseIntegral:
    """The integral of (2 pi v)^(-m/2) exp(-S / 2v) over the noise, as a function of S.

    Parameters
    ----------
    distribution : frozen scipy.stats distribution or float
        Of the noise variance a of a pixel; v = gain * a.
    gain : float
    m : int
    """

    def __init__(self, distribution, gain, m):
        a, log_weight = _noise_nodes(distribution, m)
        self.gain = gain
        least, most = gain * a.min(), gain * a.max()
        self._offset = _LEAST_S * m * least
        self._largest = _FARTHEST * m * most
        u = np.linspace(np.log(self._offset), np.log(self._largest + self._offset), _TABLE)
        S = np.maximum(np.exp(u) - self._offset, 0.0)
        exponent = -S[:, np.newaxis] / (2 * gain * a)
        exponent += log_weight - 0.5 * m * np.log(2 * np.pi * gain * a)
        top = exponent.max(axis=1, keepdims=True)
        mass = np.exp(exponent - top)
        total = mass.sum(axis=1)
        self._start, self._per_step = u[0], (_TABLE - 1) / (u[-1] - u[0])
        self._decay = mass[-1] @ (0.5 / (gain * a)) / total[-1]  # beyond the table
        self._log_integral = self._spline(top[:, 0] + np.log(total))
        self._log_a = self._spline(np.log(mass @ a / total))
        self._log_inverse = self._spline(np.log(mass @ (1 / a) / total))

    def __call__(self, S):
        """Compute the logarithm of the integral."""
        values = self._evaluate(self._log_integral, S)
        if np.max(S, initial=0.0) > self._largest:
            values -= self._decay * np.maximum(S - self._largest, 0.0)
        return values

    def mean(self, S):
        """Compute the posterior mean of a."""
        return np.exp(self._evaluate(self._log_a, S))

    def mean_inverse(self, S):
        """Compute the posterior mean of 1/a."""
        return np.exp(self._evaluate(self._log_inverse, S))

    def _spline(self, values):
        steps = np.arange(_TABLE, dtype=float)
        return np.ascontiguousarray(CubicSpline(steps, values).c)

    def _evaluate(self, coefficients, S):
        place = np.log(np.maximum(S, 0.0) + self._offset)
        place -= self._start
        place *= self._per_step
        np.clip(place, 0.0, _TABLE - 1.001, out=place)
        cell = place.astype(np.intp)
        place -= cell
        values = coefficients[0].take(cell)
        for column in coefficients[1:]:
            values *= place
            values += column.take(cell)
        return values


@lru_cache(maxsize=16)
def noise_integral(distribution, gain, m):
    """Make a :class:`NoiseIntegral`, or take it from the last few made: it hangs on no curve."""
    return NoiseIntegral(distribution, gain, m)


def _noise_nodes(distribution, m):
    """Return nodes for a, and the logarithms of their weights times the density."""
    if not is_uncertain(distribution):
        return np.array([float(distribution)]), np.zeros(1)
    lower, upper = np.log(finite_ends("a", distribution))
    n = int(np.clip((upper - lower) / (_DENSE * np.sqrt(2 / m)), 64, 1024))
    nodes, weights = np.polynomial.legendre.leggauss(n)
    log_a = 0.5 * (lower + upper) + 0.5 * (upper - lower) * nodes
    a = np.exp(log_a)
    return a, np.log(0.5 * (upper - lower) * weights) + distribution.logpdf(a) + log_a


@dataclass
class Conditional:
    """Many curves, each given some of its parameters; polynomials in what is not given yet.

    Attributes
    ----------
    axes : tuple of str
        What is left, but for c0.
    h : ndarray of shape (n, m_1, ...)
        Chebyshev coefficients of y·f along the axes that are left. Of several rows there is another
        axis for them, the last, here as in all that follows.
    q : ndarray of shape (n, k_1, ...) or (1, k_1, ...)
        Those of |f|².
    squares : ndarray of shape (n,)
        |y|².
    log_prior : ndarray of shape (n,)
    c0 : ndarray of shape (n,) or None
        If it is given.
    """

    axes: tuple
    h: np.ndarray
    q: np.ndarray
    squares: np.ndarray
    log_prior: np.ndarray
    c0: np.ndarray | None = None

    def take(self, rows):
        """Take some of the curves."""
        q = self.q if len(self.q) == 1 else self.q[rows]
        c0 = None if self.c0 is None else self.c0[rows]
        return Conditional(self.axes, self.h[rows], q, self.squares[rows], self.log_prior[rows], c0)

    def at(self, prior, points):
        """Give each curve the next parameter, at several points: (n, n_points) to n * n_points."""
        n, n_points = points.shape

        def repeated(values):
            return np.repeat(values, n_points, axis=0)

        log_prior = repeated(self.log_prior) + np.ravel(prior.log_density(points))
        squares = repeated(self.squares)
        if prior.name == "c0":
            q = self.q if len(self.q) == 1 else repeated(self.q)
            c0 = prior.target(points).ravel()
            return Conditional(self.axes, repeated(self.h), q, squares, log_prior, c0)
        c0 = None if self.c0 is None else repeated(self.c0)
        axis = 1 + self.axes.index(prior.name)
        remaining = (*self.axes[: axis - 1], *self.axes[axis:])
        h, q = np.moveaxis(self.h, axis, 1), np.moveaxis(self.q, axis, 1)
        if not remaining and len(q) == n:
            h, q = (_clenshaw_in_rows(one, points) for one in (h, q))
        else:
            basis = chebyshev_basis(points.ravel(), q.shape[1])
            h, q = _sum_series(h, basis[:, : h.shape[1]]), _sum_series(q, basis)
        return Conditional(remaining, h, q, squares, log_prior, c0)

    def sum_of_squares(self, c0):
        """Compute S, all else being given: (n,), or (n, n_rows) of several rows."""
        if self.squares.ndim == 2:
            c0 = c0[:, np.newaxis]
        return self.squares + c0 * (c0 * self.q - 2 * self.h)


def _sum_series(coefficients, basis):
    """Sum along the first axis after that of curves; `basis` has several rows for each curve."""
    n, m, *rest = coefficients.shape
    per_curve = basis.reshape(n, -1, m) @ coefficients.reshape(n, m, -1)
    return per_curve.reshape(-1, *rest)


def _clenshaw_in_rows(coefficients, x):
    """Sum Chebyshev series as `_clenshaw`, of each row where (n, m, n_rows) are of several."""
    if coefficients.ndim == 2:
        return _clenshaw(coefficients, x)
    return np.stack([_clenshaw(row, x) for row in np.moveaxis(coefficients, 2, 0)], axis=1)


def _clenshaw(coefficients, x):
    """Sum Chebyshev series (n, m) at points (n, n_points): n * n_points values."""
    before, last = np.zeros_like(x), np.zeros_like(x)
    twice = 2 * x
    for column in coefficients.T[:0:-1]:
        new = twice * last
        new -= before
        new += column[:, np.newaxis]
        before, last = last, new
    last *= x
    last -= before
    last += coefficients[:, :1]
    return last.ravel()


def squared_norm(coefficients):
    """Return Chebyshev coefficients of the sum of squares along the last axis."""
    axes = range(coefficients.ndim - 1)
    values = coefficients
    for axis in axes:
        n = coefficients.shape[axis]
        basis = chebyshev_basis(first_kind_nodes(2 * n - 1), n)
        values = np.moveaxis(np.tensordot(basis, values, (1, axis)), 0, axis)
    squared = np.einsum("...s,...s->...", values, values)
    for axis in axes:
        squared = first_kind_coefficients(squared, axis)
    return squared[np.newaxis]
