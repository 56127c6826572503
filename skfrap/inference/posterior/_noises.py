"""How likely curves are, their noise integrated: of one row, or of several with a noise of each.

Both kinds answer the same questions of a :class:`Conditional` of which all but c0 is given. Of one
row the integral over c0 is that of a Gaussian. Of several it is a product of one such density for
each row, which is nearly one: a few nodes about its peak give it to 1e-5.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from skfrap.inference.posterior._likelihood import noise_integral

_ROUNDS = 2  # of weighing rows and taking c0 anew
_NODES, _RULE = np.polynomial.hermite_e.hermegauss(5)  # of c0, in its errors
_LOG_RULE = np.log(_RULE) + 0.5 * _NODES**2


class MomentsOfC0(NamedTuple):
    """Hold what is known of c0 and of the noise, all else being given; each of shape (n,).

    Attributes
    ----------
    mean, variance : ndarray
        Of c0.
    weighted : ndarray
        E[c0 / a] / E[1 / a], a being the noise of the first row.
    inverse : ndarray
        E[1 / a].
    """

    mean: np.ndarray
    variance: np.ndarray
    weighted: np.ndarray
    inverse: np.ndarray


class NoiseOfOne:
    """Integrate over the noise of curves of one row.

    Parameters
    ----------
    distribution : frozen scipy.stats distribution or float
        Of the noise variance a of a pixel.
    gain : float
        Variance of a curve's value over that of a pixel.
    n_frames : int
    """

    def __init__(self, distribution, gain, n_frames):
        self._gain = gain
        self._noise = noise_integral(distribution, gain, n_frames)
        self._noise_less_c0 = noise_integral(distribution, gain, n_frames - 1)

    def log_likelihood(self, given, c0):
        """Compute the logarithm of the likelihood at c0, (n,)."""
        return self._noise(given.sum_of_squares(c0))

    def log_integral(self, given):
        """Compute the logarithm of the integral of the likelihood over all c0, (n,)."""
        squares = given.sum_of_squares(self.best_c0(given))
        return self._noise_less_c0(squares) - 0.5 * np.log(given.q)

    def best_c0(self, given):
        """Compute the c0 that fits best, (n,)."""
        return given.h / given.q

    def error_of_c0(self, given, c0):
        """Compute the standard deviation of c0 by the noise that is seen at `c0`, (n,)."""
        return np.sqrt(self._gain * self._noise_less_c0.mean(given.sum_of_squares(c0)) / given.q)

    def moments(self, given):
        """Compute :class:`MomentsOfC0`."""
        if given.c0 is not None:
            inverse = self._noise.mean_inverse(given.sum_of_squares(given.c0))
            return MomentsOfC0(given.c0, np.zeros(len(given.c0)), given.c0, inverse)
        c0 = self.best_c0(given)
        inverse = self._noise_less_c0.mean_inverse(given.sum_of_squares(c0))
        return MomentsOfC0(c0, self.error_of_c0(given, c0) ** 2, c0, inverse)


class NoiseOfRows:
    """Integrate over the noises of curves of several rows, independent and each of the same prior.

    Parameters
    ----------
    distribution : frozen scipy.stats distribution or float
        Of the noise variance a of a pixel, in each row.
    gains : ndarray of shape (n_rows,)
        Variance of a row's value over that of a pixel.
    n_frames : int
        Of each row.
    """

    def __init__(self, distribution, gains, n_frames):
        self._gains = np.asarray(gains, dtype=float)
        self._noises = [noise_integral(distribution, gain, n_frames) for gain in self._gains]

    def log_likelihood(self, given, c0):
        """Compute the logarithm of the likelihood at c0, (n,)."""
        squares = given.sum_of_squares(c0)
        return sum(noise(row) for noise, row in zip(self._noises, squares.T, strict=True))

    def log_integral(self, given):
        """Compute the logarithm of the integral of the likelihood over all c0, (n,)."""
        _, values = self._about_c0(given)
        return logsumexp(values, axis=0)

    def best_c0(self, given):
        """Compute the c0 that fits best, each row counting by the noise that is seen in it."""
        weights = np.broadcast_to(1 / self._gains, given.h.shape)
        c0 = np.vecdot(weights, given.h) / np.vecdot(weights, given.q)
        for _ in range(_ROUNDS):
            weights = self._weights(given, c0)
            c0 = np.vecdot(weights, given.h) / np.vecdot(weights, given.q)
        return c0

    def error_of_c0(self, given, c0):
        """Compute the standard deviation of c0 by the noise that is seen at `c0`, (n,)."""
        return 1 / np.sqrt(np.vecdot(self._weights(given, c0), given.q))

    def moments(self, given):
        """Compute :class:`MomentsOfC0`."""
        first = self._noises[0]
        if given.c0 is not None:
            inverse = first.mean_inverse(given.sum_of_squares(given.c0)[:, 0])
            return MomentsOfC0(given.c0, np.zeros(len(given.c0)), given.c0, inverse)
        c0, values = self._about_c0(given)
        weight = np.exp(values - logsumexp(values, axis=0))
        inverse = [first.mean_inverse(given.sum_of_squares(one)[:, 0]) for one in c0]
        mean = np.sum(weight * c0, axis=0)
        variance = np.sum(weight * (c0 - mean) ** 2, axis=0)
        of_mean = weight * inverse
        total = of_mean.sum(axis=0)
        return MomentsOfC0(mean, variance, np.sum(of_mean * c0, axis=0) / total, total)

    def _weights(self, given, c0):
        """Return what a square of each row counts for, (n, n_rows): the mean of 1 / variance."""
        squares = given.sum_of_squares(c0).T
        means = [noise.mean_inverse(row) for noise, row in zip(self._noises, squares, strict=True)]
        return np.stack(means, axis=1) / self._gains

    def _about_c0(self, given):
        """Return nodes of c0, (n_nodes, n), and logarithms of likelihoods times their weights."""
        best = self.best_c0(given)
        error = self.error_of_c0(given, best)
        c0 = best + error * _NODES[:, np.newaxis]
        values = np.array([self.log_likelihood(given, one) for one in c0])
        return c0, values + np.log(error) + _LOG_RULE[:, np.newaxis]
