"""Fits of image series, by their scores."""

from functools import cached_property

import numpy as np

from skfrap.experiment import Noise
from skfrap.inference.fitting._fitter import CurveFitter, Fits
from skfrap.inference.fitting._image_problems import LevelProblems, SeriesProblems
from skfrap.inference.fitting._starts import StartGrid
from skfrap.models import ForwardMap
from skfrap.numerics._covariance import inverse_with_voids
from skfrap.results import Fit

_CHUNK_OF_LEVELS = 128  # series whose frames are kept apart
_PIECE = 8


class ImageMap(ForwardMap):
    """Compute rows of image series over a parameter space.

    Parameters
    ----------
    evaluator : ImageSurrogate
    space : ParameterSpace
    """

    def tangents(self, theta):
        """Compute the derivatives of rows by the free parameters, (n, n_free, n_columns).

        Parameters
        ----------
        theta : ndarray of shape (n, n_free)
            On the targets' scales.

        Returns
        -------
        ndarray of shape (n, n_free, n_columns)
        """
        return np.pad(self.linearize(theta)[1], ((0, 0), (0, 0), (0, 1)))

    def shapes(self, theta):
        """Compute scores of series with c0 = 1, and their Jacobian; c0 in theta counts for nothing.

        Parameters
        ----------
        theta : ndarray of shape (n, n_free)

        Returns
        -------
        scores : ndarray of shape (n, n_scores)
        jacobian : ndarray of shape (n, n_free, n_scores)
        """
        if self.factor_column is not None:
            theta = theta.copy()
            theta[:, self.factor_column] = 1.0
        return self.linearize(theta, np.ones(len(theta)))


class LevelGrid(StartGrid):
    """A grid of starts for series whose frames have levels of their own.

    Parameters
    ----------
    forward : ImageMap
    """

    def nearest(self, problems):
        """Return the point of the grid that fits each series best, its levels being free.

        Parameters
        ----------
        problems : LevelProblems

        Returns
        -------
        ndarray of shape (n, n_free)
        """
        grid, directions = self._directions
        frames = problems.frames
        best = np.empty(len(frames), dtype=int)
        for first in range(0, len(frames), _PIECE):
            some = np.ascontiguousarray(frames[first : first + _PIECE].transpose(1, 0, 2))
            along = some @ directions
            best[first : first + _PIECE] = np.einsum("tng,tng->ng", along, along).argmax(axis=1)
        theta = self.forward.from_table(grid[best])
        if self.forward.factor_column is not None:
            theta[:, self.forward.factor_column] = problems.prebleach
        return theta

    @cached_property
    def _directions(self):
        """Points of the grid, and the unit vectors of their frames, (n_frames, n_images, n)."""
        surrogate = self.evaluator
        grid, templates, _ = self._templates
        n_before = surrogate.protocol.n_prebleach
        frames = templates.reshape(len(grid), -1, surrogate.n_images)[:, n_before:]
        frames = frames / np.linalg.norm(frames, axis=2, keepdims=True)
        return grid, np.ascontiguousarray(frames.transpose(1, 2, 0))


class ImageFitter(CurveFitter):
    """Fit image series within a box, by least squares on their scores.

    Where the surrogate leaves the level of each frame free, c0 is the mean level of the frames
    before bleaching. Covariances count the noise of the image that stacks were divided by.

    Parameters
    ----------
    evaluator : ImageSurrogate
    space : ParameterSpace
    known_noise : tuple of float, default=None
        Variance of a pixel's noise, and that per intensity, where noise goes by the light. None is
        constant noise, which the residuals tell.
    max_nfev, tol, n_jobs : object
        As of :class:`CurveFitter`.
    """

    _map = ImageMap

    def __init__(self, evaluator, space, *, known_noise=None, max_nfev, tol, n_jobs=None):
        super().__init__(evaluator, space, max_nfev=max_nfev, tol=tol, n_jobs=n_jobs)
        self.known_noise = None if known_noise is None else tuple(map(float, known_noise))

    def to_state(self):
        """Return what a file keeps: surrogate, space, noise and how to stop."""
        state = super().to_state()
        kept = {name: state[name] for name in ("evaluator", "space", "max_nfev", "tol", "n_jobs")}
        return kept | {"known_noise": None if self.known_noise is None else [*self.known_noise]}

    @property
    def has_profiles(self):
        """Whether how the cost rises tells all of the errors."""
        return self.evaluator.flat_field is None and self.known_noise is None

    def problems(self, X, size=None):
        """Make the problems that fits of rows are, (n, n_columns)."""
        kind = LevelProblems if self.evaluator.frame_levels else SeriesProblems
        return kind(self, X, size)

    @cached_property
    def grid(self):
        return LevelGrid(self.forward) if self.evaluator.frame_levels else StartGrid(self.forward)

    def fit_from_grid(self, X):
        """Fit each row of X from the best point of a grid over all that is free."""
        return self.fit(X, self._start_on_grid)

    def fit_from_estimates(self, X, theta):
        """Fit each row of X from estimates."""
        return self.fit(X, self.at_values(theta))

    def _start_on_grid(self, problems, rows):
        if self.evaluator.frame_levels:
            yield self.grid.nearest(problems)
        else:
            yield from super()._start_on_grid(problems, rows)

    def _with_best_factor(self, start, problems):
        if not self.evaluator.frame_levels:
            return super()._with_best_factor(start, problems)
        column = self.forward.factor_column
        if column is not None:
            start = start.copy()
            start[:, column] = problems.prebleach
        return np.clip(start, problems.lower, problems.upper)

    @property
    def _chunk(self):
        return _CHUNK_OF_LEVELS if self.evaluator.frame_levels else super()._chunk

    def _fit_chunk(self, X, starts, rows, screen):
        fits = super()._fit_chunk(X, starts, rows, screen)
        if self.known_noise is not None:
            problems = self.problems(X, np.ones(len(X)))
            problems.weigh(fits.theta)
            theta, _, converged, n_iter = problems.minimize(fits.theta, self.max_nfev)
            fits.theta, fits.converged = theta, fits.converged & converged
            fits.n_iter = fits.n_iter + n_iter
        fits.precision = self._precision(X, fits)
        return fits

    def _precision(self, X, fits):
        """Return the inverse covariance of theta."""
        problems = self.problems(X, np.ones(len(X)))
        if self.known_noise is not None:
            problems.weigh(fits.theta)
        jacobian = problems.jacobian(fits.theta, np.arange(len(X)))
        precision = jacobian @ jacobian.swapaxes(1, 2)
        freedom = max(1, self.evaluator.freedom(len(self.space.free)))
        variance = fits.cost / freedom
        if self.known_noise is None:
            # Without noise, 0 / 0 is what is not determined, as in images of one intensity.
            with np.errstate(divide="ignore", invalid="ignore"):
                precision = precision / variance[:, np.newaxis, np.newaxis]
        if self.evaluator.flat_field is None:
            return precision
        if self.known_noise is not None:
            a, b = self.known_noise
            variance = a + b * np.maximum(problems.prebleach, 0.0)
        covariance = inverse_with_voids(precision)
        known = np.isfinite(np.einsum("nvv->nv", covariance)).all(axis=1)
        if not known.any():
            return precision
        more = self._of_division(
            problems, fits.theta[known], jacobian[known], np.flatnonzero(known)
        )
        covariance[known] += variance[known, np.newaxis, np.newaxis] * more
        precision[known] = inverse_with_voids(covariance[known])
        return precision

    def step_without_bounds(self, X, theta):
        """Take one Gauss-Newton step in all that is free, whatever the bounds.

        Parameters
        ----------
        X : ndarray of shape (n, n_columns)
        theta : ndarray of shape (n, n_free)

        Returns
        -------
        theta, std : ndarray of shape (n, n_free)
            Where it leads, and the standard errors; NaN where nothing tells them.
        squares : ndarray of shape (n,)
            What it leaves of the scores.
        """
        problems = self.problems(X, np.ones(len(X)))
        if self.known_noise is not None:
            problems.weigh(theta)
        residuals, jacobian = problems.residuals_and_jacobian(theta, np.arange(len(X)))
        size = np.linalg.norm(jacobian, axis=2)  # parameters are of very different sizes
        size[size == 0] = np.nan
        unit = jacobian / size[..., np.newaxis]
        known = np.isfinite(size).all(axis=1)
        step = np.full(theta.shape, np.nan)
        inverse = np.linalg.pinv(unit[known] @ unit[known].swapaxes(1, 2), hermitian=True)
        step[known] = -np.einsum("nvw,nwf,nf->nv", inverse, unit[known], residuals[known])
        left = residuals + np.einsum("nv,nvf->nf", step, unit)
        cost = np.einsum("nf,nf->n", left, left) + problems.floor
        fits = Fits(theta, cost, known, np.zeros(len(X), dtype=int))
        fits.precision = self._precision(X, fits)
        covariance = self.covariance(fits, X.shape[1])
        std = np.sqrt(np.einsum("nvv->nv", covariance))
        squares = cost - self.evaluator.rest(problems.X)
        return theta + step / size, np.where(np.isfinite(std), std, np.nan), squares

    def _of_division(self, problems, theta, jacobian, rows):
        """Return the covariance from the noise of the image divided by, for a pixel's variance 1.

        A frame of light c that was divided by an image with the relative error e lacks c e. What
        that does to an estimate is linear in the products of pairs of images.
        """
        surrogate = self.evaluator
        precision = jacobian @ jacobian.swapaxes(1, 2)
        influence = inverse_with_voids(precision) @ problems.influences(jacobian, rows)
        light, _ = self.forward.shapes(theta)
        n_images = surrogate.n_images
        light = surrogate.frame_scores(np.pad(light, ((0, 0), (0, 1))))
        light = light[:, -influence.shape[2] // n_images :]
        influence = influence.reshape(*influence.shape[:2], -1, n_images)
        pairs = np.einsum("nftk,ntl->nfkl", influence, light)
        first, second = np.triu_indices(n_images)
        pairs = 0.5 * (pairs + pairs.swapaxes(2, 3))[..., first, second]
        pairs[..., first != second] *= 2
        spread = pairs @ surrogate.division_covariance @ pairs.swapaxes(1, 2)
        return spread / surrogate.protocol.n_prebleach

    def keep(self, fits, X):
        """Keep all of fits.

        Parameters
        ----------
        fits : Fits
        X : ndarray of shape (n, n_columns)

        Returns
        -------
        Fit
        """
        surrogate = self.evaluator
        problems = self.problems(X, np.ones(len(X)))
        rows, levels = problems.fitted(fits.theta)
        freedom = surrogate.freedom(len(self.space.free))
        if self.known_noise is not None:
            a, b = (np.full(len(X), value) for value in self.known_noise)
            noise = Noise(a, b, 1.0)
        else:
            noise = Noise(fits.cost / max(1, freedom), 0.0, 1.0)
        return Fit(
            self.forward,
            X,
            fits.theta,
            self.covariance(fits, X.shape[1]),
            rows,
            rows,
            fits.cost,
            noise,
            fits.converged,
            fits.n_iter,
            fits.rivals,
            n_values=freedom + len(self.space.free),
            levels=levels,
        )
