"""What else than a sum of squares may be minimised: for outlier frames, for noise that varies.

Both start from the least-squares fit, work on frames rather than scores, and return the estimates
with their precision, the inverse of the covariance.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from skfrap.experiment import Noise
from skfrap.numerics._levenberg_marquardt import minimize_in_box

_HUBER = 1.345  # standard deviations; 95 % as efficient as least squares on normal noise
_ROUNDS = 3  # of fitting and taking the scale of the residuals anew
_SMALLEST = 1e-8  # a and b, over what the residuals say
_LARGEST = 1e4
NO_VARIANCE = 1e-24  # of curves of unit size: rounding
_LOG_10 = np.log(10)
_SMALLEST_TOLERANCE = 1e-12  # a likelihood is known to no more digits


@dataclass
class Refined:
    """What refining a batch of fits gives; entries as in `Fits`.

    Attributes
    ----------
    theta, converged, n_iter
    precision : ndarray of shape (n, n_free, n_free)
        Inverse covariance of theta.
    a, b : ndarray of shape (n,)
        Noise variance of a pixel, and that per intensity; a may have a column for each row.
    """

    theta: np.ndarray
    converged: np.ndarray
    n_iter: np.ndarray
    precision: np.ndarray
    a: np.ndarray
    b: np.ndarray


class HuberLoss:
    """Sum of squares that grows only linearly beyond 1.345 standard deviations [1]_.

    The standard deviation is that of the bulk of the residuals, by their median size.

    Parameters
    ----------
    gain : float
        Noise variance of a curve's value over that of a pixel.

    References
    ----------
    .. [1] Huber, Ann. Math. Stat. 35, 73-101 (1964).
    """

    def __init__(self, gain):
        self.gain = gain

    def to_state(self):
        """Return what a file keeps: the ``"gain"``."""
        return {"gain": self.gain}

    @classmethod
    def from_state(cls, state):
        """Make the loss that :meth:`to_state` described."""
        return cls(**state)

    def refine(self, frames, X, theta, lower, upper, size, *, max_iter, tol):
        """Refine least-squares fits.

        Parameters
        ----------
        frames : callable
            ``frames(theta, rows)`` gives the model's curves (m, n_frames) and their Jacobian (m,
            n_free, n_frames).
        X : ndarray of shape (n, n_frames)
            Curves of unit size.
        theta, lower, upper : ndarray of shape (n, n_free)
        size : ndarray of shape (n,)
            What the curves were divided by.
        max_iter, tol
            As in `minimize_in_box`.

        Returns
        -------
        Refined
        """
        n_free, n_iter = theta.shape[1], 0
        freedom = max(1, X.shape[1] - n_free)
        for _ in range(_ROUNDS):
            curves, _ = frames(theta, np.arange(len(X)))
            # The median of fewer free residuals than there are frames.
            spread = np.median(np.abs(curves - X), axis=1) / norm.ppf(0.75)
            spread *= np.sqrt(X.shape[1] / freedom)
            spread = np.maximum(spread, np.sqrt(NO_VARIANCE))[:, np.newaxis]

            def evaluate(theta, rows, spread=spread):
                curves, jacobian = frames(theta, rows)
                residuals, scale = curves - X[rows], spread[rows]
                size = np.abs(residuals)
                weights = np.minimum(1.0, _HUBER * scale / np.maximum(size, 1e-300))
                cost = np.where(
                    weights == 1, residuals**2, _HUBER * scale * (2 * size - _HUBER * scale)
                ).sum(axis=1)
                gradient = np.einsum("nvr,nr->nv", jacobian, weights * residuals)
                return cost, gradient, (jacobian * weights[:, np.newaxis]) @ jacobian.swapaxes(1, 2)

            theta, _, converged, steps = minimize_in_box(
                evaluate, theta, lower, upper, max_iter=max_iter, tol=tol
            )
            n_iter = n_iter + steps
        curves, jacobian = frames(theta, np.arange(len(X)))
        standardised = (curves - X) / spread
        inside = np.abs(standardised) < _HUBER
        influence = np.sum(np.clip(standardised, -_HUBER, _HUBER) ** 2, axis=1) / freedom
        variance = spread[:, 0] ** 2 * influence / np.maximum(inside.mean(axis=1), 0.1) ** 2
        variance = np.maximum(variance, NO_VARIANCE)[:, np.newaxis, np.newaxis]
        precision = jacobian @ jacobian.swapaxes(1, 2) / variance
        noise = Noise.of_variance((spread[:, 0] * size) ** 2, self.gain)
        return Refined(theta, converged, n_iter, precision, noise.a, np.zeros(len(X)))


class ProportionalNoise:
    """Likelihood of Gaussian noise with variance a + b * intensity in each pixel (Eq. 5).

    Parameters
    ----------
    gain : float
        Noise variance of a curve's value over that of a pixel.
    given : dict
        ``a`` and ``b`` as far as they are known; the others are estimated.
    relative : ndarray of shape (n_values,), default=None
        Gains of single values over `gain`, where curves have several rows.
    """

    def __init__(self, gain, given, relative=None):
        self.gain = gain
        self.given = given
        self.relative = relative

    def to_state(self):
        """Return what a file keeps: ``"gain"`` and what of the noise is ``"given"``."""
        kept = {"gain": self.gain, "given": self.given}
        return kept if self.relative is None else kept | {"relative": self.relative}

    @classmethod
    def from_state(cls, state):
        """Make the likelihood that :meth:`to_state` described."""
        return cls(**state)

    def refine(self, frames, X, theta, lower, upper, size, *, light_frames=None, max_iter, tol):
        """Refine least-squares fits by maximum likelihood; as :meth:`HuberLoss.refine`.

        `light_frames` gives the light that the noise goes by, as `frames` gives the curves; None is
        where that is the curves.
        """
        n, n_frames = X.shape
        n_free = theta.shape[1]
        curves, _ = frames(theta, np.arange(n))
        variance = np.sum((curves - X) ** 2, axis=1) / max(1, n_frames - n_free)
        variance = np.maximum(variance, NO_VARIANCE)  # of a pixel, over the gain
        # In the unit of the curves a goes with the square of their size, b with the size.
        known = {
            name: value / size**power / variance * self.gain
            for name, power in (("a", 2), ("b", 1))
            if (value := self.given.get(name)) is not None
        }
        unknown = [name for name in ("a", "b") if name not in known]
        start = np.log10(np.full((n, len(unknown)), 1 / 2 if len(unknown) == 2 else 1.0))
        ends = [np.full((n, len(unknown)), np.log10(end)) for end in (_SMALLEST, _LARGEST)]

        def noise_of(phi, rows):
            both = {name: values[rows] for name, values in known.items()}
            for k, name in enumerate(unknown):
                both[name] = 10 ** phi[:, n_free + k]
            return Noise(**both, gain=1.0 if self.relative is None else self.relative)

        def evaluate(phi, rows):
            curves, jacobian = frames(phi[:, :n_free], rows)
            light, of_light = curves, jacobian
            if light_frames is not None:
                light, of_light = light_frames(phi[:, :n_free], rows)
            noise, unit = noise_of(phi, rows), variance[rows, np.newaxis]
            relative, slopes = noise.variance(light) + 1e-12, noise.slopes(light)
            residuals = (curves - X[rows]) / np.sqrt(unit)
            # Derivatives of the mean, in standard deviations, and of the log variance.
            mean = jacobian / np.sqrt(unit * relative)[:, np.newaxis]
            spread = np.empty((len(rows), n_free + len(unknown), n_frames))
            np.multiply(of_light, (slopes["light"] / relative)[:, np.newaxis], spread[:, :n_free])
            for k, name in enumerate(unknown):
                part = getattr(noise, name)[:, np.newaxis] * slopes[name]
                np.divide(_LOG_10 * part, relative, spread[:, n_free + k])
            squares = residuals**2 / relative
            cost = np.sum(squares + np.log(relative), axis=1)
            gradient = 0.5 * np.einsum("nvr,nr->nv", spread, 1 - squares)
            gradient[:, :n_free] += np.einsum("nvr,nr->nv", mean, residuals / np.sqrt(relative))
            information = 0.5 * spread @ spread.swapaxes(1, 2)
            information[:, :n_free, :n_free] += mean @ mean.swapaxes(1, 2)
            return cost, gradient, information

        phi, _, converged, n_iter = minimize_in_box(
            evaluate,
            np.hstack([theta, start]),
            np.hstack([lower, ends[0]]),
            np.hstack([upper, ends[1]]),
            floor=float(n_frames),
            max_iter=max_iter,
            tol=max(tol, _SMALLEST_TOLERANCE),
        )
        _, _, information = evaluate(phi, np.arange(n))
        noise = noise_of(phi, np.arange(n))
        a, b = (part * variance / self.gain for part in (noise.a, noise.b))
        # What the fit has taken from the residuals, as the variance is of least squares.
        correction = n_frames / max(1, n_frames - n_free)
        if "a" in unknown:
            a = a * correction
        if "b" in unknown:
            b = b * correction
        if len(unknown) == 2:
            information = information / correction
        return Refined(
            phi[:, :n_free],
            converged,
            n_iter,
            _marginal_precision(information, n_free),
            a * size**2,
            b * size,
        )


def _marginal_precision(information, n_kept):
    """Take the last variables out of an information matrix, as unknown as they are."""
    kept, mixed = information[:, :n_kept, :n_kept], information[:, :n_kept, n_kept:]
    if mixed.shape[2] == 0:
        return kept
    others = information[:, n_kept:, n_kept:]
    others = others + 1e-12 * np.eye(others.shape[1])
    return kept - mixed @ np.linalg.solve(others, mixed.swapaxes(1, 2))
