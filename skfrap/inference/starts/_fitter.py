"""Fits of D to rows of a start that is unknown."""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

from skfrap.inference.starts._deviance import DevianceOfD
from skfrap.inference.starts._evidence import PreparedEvidence, slope, solve
from skfrap.inference.starts._readings import Reading

_PER_DECADE = 6  # points of the grid in log10 D
_TOLERANCE = 1e-5  # decades
_SHARE_TOLERANCE = 1e-4
_SHARE_STEPS = 8
_SHARE_MATTERS = 1e-3  # of the deviance
_STEP = 1e-3  # decades, of differences


@dataclass
class StartFit:
    """One reading of one sample's start.

    Attributes
    ----------
    reading : str
    log_D : float
        Of the largest evidence.
    standard_error : float
        Of log10 D, by the noise alone.
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
    _problem: "_Problem" = field(repr=False)
    _mean: np.ndarray = field(repr=False)

    @property
    def is_late(self):
        """Whether the start that moves is that of the bleaching, before the first frame."""
        return self._problem.reading.late

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
        return float(self._problem.rise(log_D, self.deviance, self._problem.share))

    def fitted(self):
        """Compute the model's values, (n_kept,)."""
        return self._problem.model(self.log_D) @ self._mean

    def missing(self, times):
        """Compute what is missing in the rows' rings at some times, (n_times, n_rings).

        Parameters
        ----------
        times : ndarray of shape (n_times,)
            In s, from the first frame seen.
        """
        rows = self._problem.reading.rows
        moving = rows.profiles(10**self.log_D, times, self.is_late) @ self.moving
        return moving + rows.profiles(1.0, [0.0])[0] @ self.still

    def tangent(self):
        """Differentiate the values by log10 D, without what the start could take up, (n_kept,)."""
        return self._problem.tangent(self.log_D, self._mean)


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
        at_D, at_share, smoothness = np.unravel_index(deviance.argmin(), deviance.shape)
        over_D = deviance.min(axis=(1, 2))
        problem = _Problem(reading, table, still, a, smoothness, reading.shares[at_share])
        low, high = self.grid[[max(at_D - 1, 0), min(at_D + 1, len(self.grid) - 1)]]
        options = {"xatol": _TOLERANCE}
        found = minimize_scalar(problem, bounds=(low, high), method="bounded", options=options)
        log_D, least = float(found.x), float(found.fun)
        mean = problem.solve(log_D)
        moving, still = reading.parts(mean, problem.share)
        shares = {"mobile": 1.0, "free": np.nan}
        return StartFit(
            reading=reading.name,
            log_D=log_D,
            standard_error=problem.standard_error(log_D, least),
            deviance=least,
            share=float(shares.get(reading.name, problem.share)),
            moving=moving,
            still=still,
            rise=(float(over_D[0] - least), float(over_D[-1] - least)),
            _problem=problem,
            _mean=mean,
        )


class _Problem(DevianceOfD):
    """The deviance of one sample by log10 D, other nonlinear unknowns at their best."""

    def __init__(self, reading, table, still, a, smoothness, share):
        self.reading, self.a, self.share = reading, a, share
        self.bounds = reading.rows.bounds
        self._curvature = None  # of the deviance by the share, where last looked at
        self._table, self._still = table, still
        self._precision = reading.precision[smoothness]
        self._log_precision = reading.log_precision[smoothness]

    def _parts(self, log_D):
        """Return what G and g are made of at one log10 D."""
        along = self.reading.rows.polynomials(log_D)[0] @ self._table
        return self.reading.squares(log_D), along

    def _evaluate(self, parts, share):
        squares, along = parts
        products = self.reading.products(along, self._still, share)
        gram = self.reading.gram(squares, share)
        deviance, mean = solve(gram, products, self._precision, self.a)
        return deviance - self._log_precision, mean

    def solve(self, log_D):
        """Return the mean of the linear unknowns, at the share that is kept."""
        return self._evaluate(self._parts(log_D), self.share)[1]

    def model(self, log_D):
        """Return the model's rows, at the share that is kept."""
        return self.reading.model(log_D, self.share)

    def __call__(self, log_D):
        """Return the deviance; of one depth at the best mobile fraction, which is kept."""
        parts = self._parts(log_D)
        if not self.reading.has_share:
            return self._evaluate(parts, 1.0)[0]
        return self._at_best_share(parts)

    def _at_best_share(self, parts):
        """Return the least deviance over the share, from the share that is kept; keep the best.

        The zero of the slope, by Newton's steps with the curvature of the last two.
        """
        squares, along = parts
        rise = along - self._still

        def evaluate(share):
            deviance, tilt = slope(
                self.reading.gram(squares, share),
                self.reading.products(along, self._still, share),
                self._precision,
                self.a,
                self.reading.gram_slope(squares, share),
                rise,
            )
            return deviance - self._log_precision, tilt

        share = self.share
        deviance, tilt = evaluate(share)
        if self._curvature is None:
            self._curvature = (evaluate(share + _STEP)[1] - tilt) / _STEP
        for _ in range(_SHARE_STEPS):
            if self._curvature > 0 and tilt**2 < 2 * _SHARE_MATTERS * self._curvature:
                self.share = share
                return deviance - 0.5 * tilt**2 / self._curvature
            if not self._curvature > 0:
                break
            new = min(max(share - tilt / self._curvature, 0.0), 1.0)
            if new == share:  # an end of the range
                self.share = share
                return deviance
            before, (deviance, new_tilt) = tilt, evaluate(new)
            self._curvature = (new_tilt - before) / (new - share)
            share, tilt = new, new_tilt
        self._curvature = None
        found = minimize_scalar(
            lambda share: self._evaluate(parts, share)[0],
            bounds=(0.0, 1.0),
            method="bounded",
            options={"xatol": _SHARE_TOLERANCE},
        )
        self.share = float(found.x)
        return float(found.fun)

    def tangent(self, log_D, mean):
        """Differentiate the values by log10 D, without what the unknowns take up."""
        slope = (self.model(log_D + _STEP) - self.model(log_D - _STEP)) @ mean / (2 * _STEP)
        rows = self.model(log_D)
        _, taken = solve(rows.T @ rows, rows.T @ slope, self._precision, self.a)
        return slope - rows @ taken

    def _forget(self):
        self._curvature = None
