"""Sums of squares of image series, by their scores, and what bounds their parameters."""

import numpy as np

from skfrap.inference.fitting._fitter import Problems


class SeriesProblems(Problems):
    """Series whose light is steady: independent scores of all frames together.

    Parameters
    ----------
    fitter : ImageFitter
    X : ndarray of shape (n, n_columns)
    size : ndarray of shape (n,), default=None
        What is 1; None is the largest score.
    """

    def __init__(self, fitter, X, size=None):
        self._fitter = fitter
        self.size = np.abs(X).max(axis=1) if size is None else size
        self.size = np.where(self.size == 0, 1.0, self.size)
        self.X = X / self.size[:, np.newaxis]
        self.scores = fitter.evaluator.project(self.X)
        self.floor = fitter.evaluator.rest(self.X)
        self._set_bounds(fitter)

    def jacobian(self, theta, rows):
        """Return derivatives whose products are the precision, for noise of variance 1."""
        return self._fitter.forward.linearize(theta, self.factor_of(rows))[1]

    def influences(self, jacobian, rows):
        """Return what each frame score does to the normal equations."""
        return jacobian @ self._fitter.evaluator.series

    def fitted(self, theta):
        """Return the rows that belong to parameters, and no levels."""
        forward = self._fitter.forward
        scores, _ = forward.linearize(theta, self.factor_of(slice(None)))
        return np.pad(scores, ((0, 0), (0, 1))), None


class LevelProblems(Problems):
    """Series in which each frame has a level of its own, and c0 is the mean of those before.

    For each frame after bleaching the best level is known, so that what is left of it is a sum of
    squares of what stands at right angles to the model's frame.

    Parameters
    ----------
    fitter : ImageFitter
    X : ndarray of shape (n, n_columns)
    size : ndarray of shape (n,), default=None
        What is 1; None is the largest score.

    Attributes
    ----------
    frames : ndarray of shape (n, n_postbleach, n_images)
        Scores of frames after bleaching.
    prebleach : ndarray of shape (n,)
        Mean level before bleaching.
    """

    def __init__(self, fitter, X, size=None):
        self._fitter, surrogate = fitter, fitter.evaluator
        self.size = np.abs(X).max(axis=1) if size is None else size
        self.size = np.where(self.size == 0, 1.0, self.size)
        self.X = X / self.size[:, np.newaxis]
        frames = surrogate.frame_scores(self.X)
        n = surrogate.protocol.n_prebleach
        self.frames, before = frames[:, n:], frames[:, :n]
        self.before = before[..., 0] / surrogate.level_size
        self.prebleach = self.before.mean(axis=1)
        self._pixels = n * surrogate.level_size**2
        self._roots = None
        self.floor = surrogate.rest(self.X) + np.sum(before[..., 1:] ** 2, axis=(1, 2))
        self._set_bounds(fitter)

    def weigh(self, theta):
        """Weigh frames by the noise that goes by their light, as it is at some parameters."""
        a, b = self._fitter.known_noise
        a, b = a / self.size**2, b / self.size
        surrogate = self._fitter.evaluator
        light, level = self._light_and_levels(theta)
        light *= level[..., np.newaxis]
        covariance = b[:, np.newaxis, np.newaxis, np.newaxis] * np.einsum(
            "ntm,mkl->ntkl", light, surrogate.triple_products
        )
        k = np.arange(surrogate.n_images)
        covariance[..., k, k] += a[:, np.newaxis, np.newaxis]
        self._roots = np.linalg.inv(np.linalg.cholesky(covariance))
        before = np.maximum(self.prebleach, 0.0)
        self._weight = 1 / (a + b * before)
        self.frames = self._weighted(self.frames)

    def _weighted(self, frames, rows=slice(None)):
        if self._roots is None:
            return frames
        roots = self._roots[rows]
        if frames.ndim == 4:
            roots = roots[:, np.newaxis]
        return (roots @ frames[..., np.newaxis])[..., 0]

    def _light_and_levels(self, theta):
        light, _ = self._shapes(theta)
        level = np.einsum("ntk,ntk->nt", self.frames, light) / np.sum(light**2, axis=2)
        return light, level

    def _shapes(self, theta):
        """Return the model's frames after bleaching, of level 1, and their derivatives."""
        surrogate = self._fitter.evaluator
        scores, jacobian = self._fitter.forward.shapes(theta)
        first = surrogate.protocol.n_prebleach * surrogate.n_images
        return tuple(
            part[..., first:].reshape(*part.shape[:-1], -1, surrogate.n_images)
            for part in (scores, jacobian)
        )

    def residuals_and_jacobian(self, theta, rows):
        """Return the model's values less those seen, levels being the best, and derivatives."""
        frames = self.frames[rows]
        light, slopes = self._shapes(theta)
        light, slopes = self._weighted(light, rows), self._weighted(slopes, rows)
        squared = np.einsum("ntk,ntk->nt", light, light)
        level = np.einsum("ntk,ntk->nt", frames, light) / squared
        residuals = frames - level[..., np.newaxis] * light
        along = np.einsum("nftk,ntk->nft", slopes, light) / squared[:, np.newaxis]
        slopes -= along[..., np.newaxis] * light[:, np.newaxis]
        slopes *= level[:, np.newaxis, :, np.newaxis]
        n, n_free = slopes.shape[:2]
        residuals, jacobian = -residuals.reshape(n, -1), slopes.reshape(n, n_free, -1)
        column = self._fitter.forward.factor_column
        if column is None:
            return residuals, jacobian
        # The mean level before bleaching is one more value.
        weight = np.sqrt(self._pixels * (1.0 if self._roots is None else self._weight[rows]))
        off = weight * (theta[:, column] - self.prebleach[rows])
        residuals = np.hstack([residuals, off[:, np.newaxis]])
        jacobian[:, column] = 0.0
        more = np.zeros((n, n_free, 1))
        more[:, column, 0] = weight
        return residuals, np.concatenate([jacobian, more], axis=2)

    def jacobian(self, theta, rows):
        """Return derivatives whose products are the precision, for noise of variance 1."""
        return self.residuals_and_jacobian(theta, rows)[1]

    def influences(self, jacobian, rows):
        """Return what each score of frames after bleaching does to the normal equations."""
        n = self.frames.shape[1] * self.frames.shape[2]
        jacobian = jacobian[..., :n]
        if self._roots is None:
            return jacobian
        shaped = jacobian.reshape(*jacobian.shape[:2], *self.frames.shape[1:])
        roots = self._roots[rows][:, np.newaxis].swapaxes(-1, -2)
        return (roots @ shaped[..., np.newaxis])[..., 0].reshape(jacobian.shape)

    def fitted(self, theta):
        """Return the rows that belong to parameters with the best levels, and these."""
        surrogate = self._fitter.evaluator
        light, level = self._light_and_levels(theta)
        before = np.zeros((*self.before.shape, surrogate.n_images))
        before[..., 0] = self.before * surrogate.level_size
        frames = np.concatenate([before, level[..., np.newaxis] * light], axis=1)
        rows = np.pad(frames.reshape(len(frames), -1), ((0, 0), (0, 1)))
        return rows, np.concatenate([self.before, level], axis=1)
