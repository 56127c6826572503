"""Fits of D to rows of a start that is unknown."""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

from skfrap.inference.starts._evidence import PreparedEvidence
from skfrap.inference.starts._problem import Branch, Problem, mixed
from skfrap.inference.starts._readings import Reading

_PER_DECADE = 6  # points of the grid in log10 D
_TOLERANCE = 1e-5  # decades
_MATTERS = 12.0  # of the deviance: smoothnesses that fit as badly everywhere say nothing of D


@dataclass
class StartFit:
    """One reading of one sample's start.

    Attributes
    ----------
    reading : str
    log_D : float
        Of the largest evidence.
    standard_error : float
        Of log10 D, by the noise alone and by what is not known of the start's smoothness.
    deviance : float
        -2 log evidence, comparable between readings of the same values.
    share : float
        Mobile fraction, of one depth; 1 where all moves, NaN where the reading knows none.
    moving, still : ndarray of shape (n_basis,)
        Coefficients of the start that moves, as first seen or as bleached, and of what stays.
    rise : tuple of float
        How much the deviance rises to either end of the range of D.
    """

    reading: str
    log_D: float  # noqa: N815, as the field writes it
    standard_error: float
    deviance: float
    share: float
    moving: np.ndarray
    still: np.ndarray
    rise: tuple
    _problem: Problem = field(repr=False)
    _mean: np.ndarray = field(repr=False)

    @property
    def is_late(self):
        """Whether the start that moves is that of the bleaching, before the first frame."""
        return self._problem.main.reading.late

    def ends(self, level):
        """Return the ends in log10 D at which the evidence has fallen so far, by the noise alone.

        Parameters
        ----------
        level : float

        Returns
        -------
        lower, upper : float
        """
        return self._problem.ends(
            self.log_D, self.deviance, self.standard_error, chi2.ppf(level, 1)
        )

    def rise_at(self, log_D):
        """Return how much the deviance is larger at another log10 D."""
        return float(self._problem.rise(log_D, self.deviance))

    def fitted(self):
        """Compute the model's values, (n_kept,)."""
        return self._problem.main.model(self.log_D) @ self._mean

    def missing(self, times):
        """Compute what is missing in the rows' rings at some times, (n_times, n_rings).

        Parameters
        ----------
        times : ndarray of shape (n_times,)
            In s, from the first frame seen.
        """
        rows = self._problem.main.reading.rows
        moving = rows.profiles(10**self.log_D, times, self.is_late) @ self.moving
        return moving + rows.profiles(1.0, [0.0])[0] @ self.still

    def tangent(self):
        """Differentiate the values by log10 D, without what the start could take up, (n_kept,)."""
        return self._problem.main.tangent(self.log_D, self._mean)


class StartFitter:
    """Fit D to values of one `StartRows`, by the evidence of one reading or several.

    Parameters
    ----------
    rows : StartRows
    readings : tuple of str
        Among `PROFILE_READINGS`.
    """

    def __init__(self, rows, readings):
        self.rows = rows
        low, high = np.log10(rows.bounds)
        self.grid = np.linspace(low, high, 1 + int(np.ceil(_PER_DECADE * (high - low))))
        self._polynomials = rows.polynomials(self.grid)
        self._readings = []
        for name in readings:
            known = {reading.late: reading.squares for reading in self._readings}
            self._readings.append(Reading(name, rows, known.get(name == "one_depth")))
        self._prepared = [self._prepare(reading) for reading in self._readings]

    def _prepare(self, reading):
        """Prepare the evidence on the grid of D, mobile fraction and smoothness."""
        squares = [reading.squares(log_D) for log_D in self.grid]
        grams = [[reading.gram(three, share) for share in reading.shares] for three in squares]
        gram = np.array(grams)[:, :, np.newaxis]  # D, share, smoothness
        return PreparedEvidence(gram, reading.precision[np.newaxis, np.newaxis])

    def fit(self, values, a):
        """Fit one sample by each reading.

        Parameters
        ----------
        values : ndarray of shape (n_kept,)
        a : float
            Noise variance of a pixel.

        Returns
        -------
        list of StartFit
            One of each reading.
        """
        still = values @ self.rows.still
        return [
            self._fit(reading, prepared, values, still, a)
            for reading, prepared in zip(self._readings, self._prepared, strict=True)
        ]

    def _fit(self, reading, prepared, values, still, a):
        table = reading.products_in_table(values)
        moving = (self._polynomials @ table)[:, np.newaxis]
        products = reading.products(moving, still, reading.shares)
        deviance = prepared.deviance(products[:, :, np.newaxis], a)
        by_smoothness = deviance.min(axis=(0, 1))
        likely = np.flatnonzero(by_smoothness < by_smoothness.min() + _MATTERS)
        over_D = mixed(deviance[:, :, likely].min(axis=1), axis=1)
        at_D = int(over_D.argmin())
        problem = Problem(
            [
                Branch(reading, table, still, a, k, reading.shares[deviance[at_D, :, k].argmin()])
                for k in likely
            ]
        )
        low, high = self.grid[[max(at_D - 1, 0), min(at_D + 1, len(self.grid) - 1)]]
        options = {"xatol": _TOLERANCE}
        found = minimize_scalar(problem, bounds=(low, high), method="bounded", options=options)
        log_D = float(found.x)
        least = problem.settle(log_D)
        mean = problem.main.solve(log_D)
        moving, still = reading.parts(mean, problem.main.share)
        shares = {"mobile": 1.0, "free": np.nan}
        return StartFit(
            reading=reading.name,
            log_D=log_D,
            standard_error=problem.standard_error(log_D, least),
            deviance=least,
            share=float(shares.get(reading.name, problem.main.share)),
            moving=moving,
            still=still,
            rise=(float(over_D[0] - least), float(over_D[-1] - least)),
            _problem=problem,
            _mean=mean,
        )
