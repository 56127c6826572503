"""The noise of a detector: what varies in a pixel, and in a weighted mean of pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

NOISE_KINDS = ("constant", "proportional")
"""Names of the kinds of noise: of the variance a alone, and of the variance a + b * light."""

NO_NOISE = 1e-7
"""Residuals below this, over a curve's largest value, are the interpolation's, not noise."""


def squares_without_noise(curves):
    """Return the sum of squares (n,) up to which residuals of curves are no noise."""
    return curves.shape[1] * (NO_NOISE * np.abs(curves).max(axis=1)) ** 2


@dataclass(frozen=True, eq=False)
class Noise:
    """Normal noise, independent in each pixel, of the variance a + b * light.

    A mean of pixels with weights w, which sum to 1, has the variance ``sum(w**2 * (a + b * c))``:
    `gain` times that of a pixel, with ``gain = sum(w**2)``, at the light ``sum(w**2 * c) / gain``.
    So the light of a curve's value is the mean by squared weights, not the value itself. The two
    are the same where all weights are equal.

    Parameters
    ----------
    a : float or ndarray of shape (n,) or (n, n_values)
        Constant part of a pixel's variance.
    b : float or ndarray of shape (n,), default=0.0
        What it has besides per light.
    gain : float or ndarray of shape (n_values,), default=1.0
        Variance of a value over that of a pixel, as `FRAPProtocol.noise_gains`; 1 is a pixel.

    Examples
    --------
    >>> from skfrap.experiment import Noise
    >>> noise = Noise(a=[1.0, 2.0], b=0.5, gain=0.1)
    >>> noise.variance([[0.0, 2.0], [4.0, -1.0]])  # no light is less than none
    array([[0.1, 0.2],
           [0.4, 0.2]])
    """

    a: float | np.ndarray
    b: float | np.ndarray = 0.0
    gain: float | np.ndarray = 1.0

    @classmethod
    def of_variance(cls, variance: Any, gain: float) -> "Noise":
        """Make the constant noise of values that have a variance, such as that of residuals.

        Parameters
        ----------
        variance : float or ndarray of shape (n,)
            Of the values of curves.
        gain : float
            Of the curves.

        Returns
        -------
        Noise
        """
        return cls(variance / gain, 0.0, gain)

    def take(self, rows):
        """Take the noise of some of the curves.

        Parameters
        ----------
        rows : slice or array of int or bool
            Which of them.

        Returns
        -------
        Noise
        """
        a, b = (part if np.ndim(part) == 0 else part[rows] for part in (self.a, self.b))
        return Noise(a, b, self.gain)

    @property
    def of_pixel(self):
        """Constant part of a pixel's variance, of the first values where they differ: (n,)."""
        return self.a[:, 0] if np.ndim(self.a) == 2 else self.a

    @property
    def is_constant(self):
        """Whether the light makes no difference, so that any will do."""
        return not np.any(self.b)

    def variance(self, light: ArrayLike) -> np.ndarray:
        """Compute the variance of values.

        Parameters
        ----------
        light : array-like of shape (n, ...)
            Of values or of images, a row for each a and b; below zero it counts as zero.

        Returns
        -------
        ndarray of the shape of light
        """
        a, b = (_in_rows(part, np.ndim(light) - 1) for part in (self.a, self.b))
        return self.gain * (a + b * _lit(light))

    def standard_deviation(self, light: np.ndarray) -> np.ndarray:
        """Compute the standard deviation of values; arguments as of :meth:`variance`.

        Parameters
        ----------
        light : ndarray of shape (n, n_frames)
            Intensities that the noise goes by.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        return np.sqrt(self.variance(light))

    def weights(self, light: np.ndarray) -> np.ndarray:
        """Compute what values count for, their inverse variance, as :meth:`variance`.

        Parameters
        ----------
        light : ndarray of shape (n, n_frames)
            Intensities that the noise goes by.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        return 1 / self.variance(light)

    def slopes(self, light: np.ndarray) -> dict[str, Any]:
        """Differentiate the variance by ``"a"``, by ``"b"`` and by ``"light"``.

        Parameters
        ----------
        light : ndarray of shape (n, ...)
            As in :meth:`variance`.

        Returns
        -------
        dict of str to float or ndarray
        """
        by_light = _in_rows(self.b, np.ndim(light) - 1) * (light > 0)
        return {"a": self.gain, "b": self.gain * _lit(light), "light": self.gain * by_light}

    def log_likelihood(self, residuals: np.ndarray, light: np.ndarray) -> np.ndarray:
        """Compute the logarithm of the density of residuals.

        Parameters
        ----------
        residuals, light : ndarray of shape (n, n_frames)
            Measured minus fitted values.

        Returns
        -------
        ndarray of shape (n,)
        """
        variance = self.variance(light)
        return -0.5 * np.sum(residuals**2 / variance + np.log(2 * np.pi * variance), axis=1)


def _lit(light):
    """Return light as noise goes by it: models may be a rounding below zero, and guesses more."""
    return np.maximum(light, 0.0)


def _in_rows(values, n_others):
    """Give a parameter, one for all or one per row, as many axes as values have."""
    values = np.asarray(values, dtype=float)
    return values.reshape(-1, *[1] * n_others) if values.ndim == 1 else values
