"""Several rows fitted jointly, each weighed by a noise of its own."""

import numpy as np

from skfrap.inference.fitting._objectives import NO_VARIANCE, Refined
from skfrap.numerics._covariance import inverse_with_voids
from skfrap.numerics._levenberg_marquardt import minimize_in_box, sum_of_squares

_ROUNDS = 4  # of fitting and taking the noise of each row anew
_LEAST_FREEDOM = 0.1  # of a row's frames: a fit does not explain all of a row's noise


class RowNoise:
    """Weighted least squares of several rows, the noise of each being constant and unknown.

    The variance of a row is that of its residuals, over the frames that the fit has left free: each
    parameter takes from a row as much as that row has told of it.

    Parameters
    ----------
    gains : ndarray of shape (n_rows,)
        Noise variance of the rows' values over that of a pixel.
    """

    def __init__(self, gains):
        self.gains = np.asarray(gains, dtype=float)

    def to_state(self):
        """Return what a file keeps: the ``"gains"``."""
        return {"gains": self.gains}

    @classmethod
    def from_state(cls, state):
        """Make the objective that :meth:`to_state` described."""
        return cls(**state)

    def refine(self, frames, X, theta, lower, upper, size, *, max_iter, tol):
        """Refine least-squares fits; as :meth:`HuberLoss.refine`.

        Returns
        -------
        Refined
            `a` is of shape (n, n_rows).
        """
        n_iter, converged = 0, np.ones(len(X), dtype=bool)
        every = np.arange(len(X))
        curves, jacobian = frames(theta, every)
        weights = np.ones_like(X)
        for _ in range(_ROUNDS):
            variance = self._variance(X - curves, jacobian, weights)
            weights = 1 / np.repeat(variance, X.shape[1] // len(self.gains), axis=1)

            def evaluate(theta, rows, weights=weights):
                curves, jacobian = frames(theta, rows)
                root = np.sqrt(weights[rows])
                return sum_of_squares((curves - X[rows]) * root, jacobian * root[:, np.newaxis])

            theta, _, converged, steps = minimize_in_box(
                evaluate, theta, lower, upper, max_iter=max_iter, tol=tol
            )
            n_iter = n_iter + steps
            curves, jacobian = frames(theta, every)
        variance = self._variance(X - curves, jacobian, weights)
        weights = 1 / np.repeat(variance, X.shape[1] // len(self.gains), axis=1)
        precision = (jacobian * weights[:, np.newaxis]) @ jacobian.swapaxes(1, 2)
        a = variance / self.gains * size[:, np.newaxis] ** 2
        return Refined(theta, converged, n_iter, precision, a, np.zeros(len(X)))

    def _variance(self, residuals, jacobian, weights):
        """Return the variance of each row's values, (n, n_rows)."""
        n, n_rows = len(residuals), len(self.gains)
        squares = np.sum(residuals.reshape(n, n_rows, -1) ** 2, axis=2)
        n_frames = residuals.shape[1] // n_rows
        weighted = jacobian * weights[:, np.newaxis]
        covariance = inverse_with_voids(weighted @ jacobian.swapaxes(1, 2))
        covariance[~np.isfinite(covariance)] = 0.0
        told = np.einsum("nvr,nvw,nwr->nr", weighted, covariance, jacobian, optimize=True)
        taken = np.sum(told.reshape(n, n_rows, -1), axis=2)
        freedom = np.maximum(n_frames - taken, _LEAST_FREEDOM * n_frames)
        return np.maximum(squares / freedom, NO_VARIANCE)
