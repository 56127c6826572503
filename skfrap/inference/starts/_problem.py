"""The deviance of one sample by log10 D, all other unknowns integrated out or at their best."""

import numpy as np
from scipy.optimize import minimize_scalar

from skfrap.inference.starts._deviance import DevianceOfD
from skfrap.inference.starts._evidence import slope, solve

_SHARE_TOLERANCE = 1e-4
_SHARE_STEPS = 8
_SHARE_MATTERS = 1e-3  # of the deviance
_STEP = 1e-3  # decades, of differences
_FAR = 2.5  # standard errors, at which the deviance is looked at beside its curvature
_STEEP = 0.8  # times a parabola's rise: as good as one
_NOTHING_LEFT = 14.0  # of the deviance: there is no more evidence beyond
_LARGEST_STEP = 0.2  # decades, of the first one
_GROWTH = 1.15  # of the steps over which evidence is summed


def mixed(deviances, axis=None):
    """Mix models by their evidence, all being as likely beforehand.

    Parameters
    ----------
    deviances : array-like
        -2 log evidence of each.
    axis : int, default=None
        Of the models; None is all.

    Returns
    -------
    float or ndarray
        -2 log of the sum of their evidences.
    """
    deviances = np.asarray(deviances, float)
    least = deviances.min(axis=axis, keepdims=True)
    total = np.sum(np.exp(0.5 * (least - deviances)), axis=axis)
    return np.squeeze(least, axis=axis) - 2 * np.log(total)


class Problem(DevianceOfD):
    """The deviance of one sample by log10 D: the smoothness is summed over, the share at its best.

    D may hang on the smoothness of the start as much as on the noise. Keeping the likeliest one
    would leave that part of the error out.

    Parameters
    ----------
    branches : list of Branch
        One of each smoothness that is likely enough to matter.
    """

    def __init__(self, branches):
        self.branches = branches
        self._main = branches[0]
        self.bounds = self._main.reading.rows.bounds

    @property
    def main(self):
        """The branch of the likeliest smoothness."""
        return self._main

    def __call__(self, log_D):
        """Return the deviance; the best shares are kept."""
        parts = self.main.parts(log_D)
        deviances = [branch.deviance(parts) for branch in self.branches]
        self._main = self.branches[int(np.argmin(deviances))]
        return float(mixed(deviances))

    def settle(self, log_D):
        """Keep what is best at this log10 D: it is begun with wherever else one looks."""
        least = self(log_D)
        for branch in self.branches:
            branch.settled = branch.share
        return least

    def rise(self, log_D, least):
        """Return how much the deviance is larger, from the shares that are best at its least.

        What was looked at before plays no part, so that a place has one rise.
        """
        main = self._main
        for branch in self.branches:
            branch.restart()
        rise = self(log_D) - least
        for branch in self.branches:
            branch.restart()
        self._main = main
        return rise

    def standard_error(self, log_D, least):
        """Measure how far log10 D is off: by the curvature, or by all of the evidence.

        The curvature says all where the deviance goes on as a parabola does. Where it does not,
        the error is the root mean square deviation under the evidence.
        """
        bounds = np.log10(self.bounds)
        error = min(super().standard_error(log_D, least), bounds[1] - bounds[0])
        far = np.clip([log_D - _FAR * error, log_D + _FAR * error], *bounds)
        if min(self.rise(place, least) for place in far) > _STEEP * _FAR**2:
            return error
        return self._deviation(log_D, least, error, bounds)

    def _deviation(self, log_D, least, error, bounds):
        """Return the root mean square distance from a log10 D under the evidence."""
        places, rises = [log_D], [0.0]
        for sign, bound in zip((-1, 1), bounds, strict=True):
            step, place = min(0.5 * error, _LARGEST_STEP), log_D
            while sign * (bound - place) > 0 and rises[-1] < _NOTHING_LEFT:
                place = min(sign * (place + sign * step), sign * bound) * sign
                places.append(place), rises.append(self.rise(place, least))
                step *= _GROWTH
            rises.append(0.0), places.append(log_D)
        places, rises = np.array(places), np.array(rises)
        order = np.argsort(places)
        weights = np.exp(0.5 * (rises.min() - rises[order]))
        squares = weights * (places[order] - log_D) ** 2
        total = np.trapezoid(weights, places[order])
        return max(error, float(np.sqrt(np.trapezoid(squares, places[order]) / total)))


class Branch:
    """The deviance at one smoothness of the start.

    Parameters
    ----------
    reading : Reading
    table, still : ndarray
        Products of the values with moving rows, as a table in log10 D, and with still ones.
    a : float
    smoothness : int
        Which of `SMOOTHNESS`.
    share : float
        Mobile fraction that is looked at first.
    """

    def __init__(self, reading, table, still, a, smoothness, share):
        self.reading, self.a = reading, a
        self.share = self.settled = share
        self._curvature = None  # of the deviance by the share, where last looked at
        self._table, self._still = table, still
        self.precision = reading.precision[smoothness]
        self._log_precision = reading.log_precision[smoothness]

    def parts(self, log_D):
        """Return what G and g are made of at one log10 D."""
        along = self.reading.rows.polynomials(log_D)[0] @ self._table
        return self.reading.squares(log_D), along

    def _evaluate(self, parts, share):
        squares, along = parts
        products = self.reading.products(along, self._still, share)
        gram = self.reading.gram(squares, share)
        deviance, mean = solve(gram, products, self.precision, self.a)
        return deviance - self._log_precision, mean

    def solve(self, log_D):
        """Return the mean of the linear unknowns, at the share that is kept."""
        return self._evaluate(self.parts(log_D), self.share)[1]

    def model(self, log_D):
        """Return the model's rows, at the share that is kept."""
        return self.reading.model(log_D, self.share)

    def restart(self):
        """Forget what was looked at since the shares were settled."""
        self.share, self._curvature = self.settled, None

    def deviance(self, parts):
        """Return the deviance; of one depth at the best mobile fraction, which is kept."""
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
                self.precision,
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
        _, taken = solve(rows.T @ rows, rows.T @ slope, self.precision, self.a)
        return slope - rows @ taken
