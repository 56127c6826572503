"""Several rows fitted jointly, each weighed by a noise of its own."""

import numpy as np

from skfrap.experiment import Noise
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
            variance = _variance(X - curves, jacobian, weights, len(self.gains))
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
        variance = _variance(X - curves, jacobian, weights, len(self.gains))
        weights = 1 / np.repeat(variance, X.shape[1] // len(self.gains), axis=1)
        precision = (jacobian * weights[:, np.newaxis]) @ jacobian.swapaxes(1, 2)
        a = variance / self.gains * size[:, np.newaxis] ** 2
        return Refined(theta, converged, n_iter, precision, a, np.zeros(len(X)))


def weights_of_rows(protocol):
    """Return what makes the noise of all rows that of the first, (n_values,); None of one row.

    Parameters
    ----------
    protocol : FRAPProtocol

    Returns
    -------
    ndarray or None
        Factors of a curve's values, taking it that pixels are equally noisy everywhere.
    """
    if protocol.n_rows == 1:
        return None
    return np.sqrt(protocol.noise_gain / protocol.noise_gains)


def noise_of_rows(residuals, jacobian, protocol):
    """Tell the noise of each row from what a fit of all of them leaves.

    Parameters
    ----------
    residuals : ndarray of shape (n, n_values)
    jacobian : ndarray of shape (n, n_free, n_values)
        The derivatives of the curves.
    protocol : FRAPProtocol

    Returns
    -------
    Noise
    """
    n_rows, n_frames = protocol.n_rows, protocol.n_frames
    squares = np.sum(residuals.reshape(len(residuals), n_rows, -1) ** 2, axis=2)
    variance = np.maximum(squares / n_frames, NO_VARIANCE)
    for _ in range(_ROUNDS):
        weights = 1 / np.repeat(variance, n_frames, axis=1)
        variance = _variance(residuals, jacobian, weights, n_rows)
    a = np.repeat(variance / protocol.row_noise_gains, n_frames, axis=1)
    return Noise(a, 0.0, protocol.noise_gains)


def _variance(residuals, jacobian, weights, n_rows):
    """Return the variance of each row's values, (n, n_rows), as a weighted fit leaves them."""
    n = len(residuals)
    squares = np.sum(residuals.reshape(n, n_rows, -1) ** 2, axis=2)
    n_frames = residuals.shape[1] // n_rows
    weighted = jacobian * weights[:, np.newaxis]
    covariance = inverse_with_voids(weighted @ jacobian.swapaxes(1, 2))
    covariance[~np.isfinite(covariance)] = 0.0
    told = np.einsum("nvr,nvw,nwr->nr", weighted, covariance, jacobian, optimize=True)
    taken = np.sum(told.reshape(n, n_rows, -1), axis=2)
    freedom = np.maximum(n_frames - taken, _LEAST_FREEDOM * n_frames)
    return np.maximum(squares / freedom, NO_VARIANCE)
