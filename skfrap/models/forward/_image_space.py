"""The space of image series that scores are of: its images, and rows of what was measured."""

from functools import cached_property
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from skfrap.experiment import FRAPProtocol
from skfrap.models.forward._separable import row_weights, unfolded

_FILTER_REACH = 4.0  # standard deviations


class ImageSpace:
    """Hold what rows of scores mean; a subclass sets bases, window and protocol."""

    protocol: FRAPProtocol
    window: tuple[slice, slice]
    frame_levels: bool
    flat_field: float | None
    is_folded: bool
    n_images: int
    n_scores: int
    n_pixels: int
    n_values: int
    _bases: Any
    level_size: float
    _axis_ranges: tuple[np.ndarray, ...]
    _level: np.ndarray

    @property
    def shape(self):
        """Pixels of the window, (ny, nx)."""
        return tuple(part.stop - part.start for part in self.window)

    @property
    def feature_names(self):
        """Names of a row's columns, (n_columns,) of str."""
        names = [f"series {k}" for k in range(self.n_scores)]
        if self.frame_levels:
            names = [
                f"image {k} at {time:.12g} s"
                for time in self.protocol.times
                for k in range(self.n_images)
            ]
        return np.array([*names, "rest"], dtype=object)

    @cached_property
    def basis(self):
        """From scores to rows without a rest, (n_scores, n_columns); None of kept-apart frames."""
        return None if self.frame_levels else np.eye(self.n_scores, self.n_columns)

    @property
    def series(self):
        """Orthonormal series that scores are of, (n_scores, n_frames * n_images), or None."""
        return self._bases.series

    @cached_property
    def triple_products(self):
        """Sums over pixels of products of three images, (n_images, n_images, n_images).

        With them the covariance of a frame's scores is exact where noise goes by the light.
        """
        flat = self.images.reshape(self.n_images, -1).astype(float)
        return np.stack([(flat * image) @ flat.T for image in flat])

    @cached_property
    def projectors(self):
        """Images that a stack is projected on, (n_images, n), in single precision.

        Of the upper half of the window where it is folded: for frames as `fold_rows` leaves them.
        """
        images = self._in_axes_of_window()
        if self.is_folded:
            ny, nx = self.shape
            images = unfolded(images, -1, nx) * row_weights(ny)
        return np.ascontiguousarray(images.reshape(self.n_images, -1), dtype=np.float32)

    @cached_property
    def images(self):
        """The orthonormal images of the window that frames are projected on, (n_images, ny, nx)."""
        images = self._in_axes_of_window()
        if self.is_folded:
            images = unfolded(unfolded(images, -2, self.shape[0]), -1, self.shape[1])
        return images.astype(np.float32)

    def _in_axes_of_window(self):
        """Compute the images, of a quarter where they are folded."""
        if not self._axis_ranges:  # they are kept as they are
            return self._bases.coordinates.reshape(-1, *self.shape)
        if len(self._axis_ranges) == 1:
            return (self._bases.coordinates @ self._axis_ranges[0].T).reshape(-1, *self.shape)
        sizes = (part.shape[1] for part in self._axis_ranges)
        matrices = self._bases.coordinates.reshape(self.n_images, *sizes)
        return self._axis_ranges[0] @ matrices @ self._axis_ranges[1].T

    @cached_property
    def level_image(self):
        """The image before bleaching, of an intensity of 1, in single precision; None if even."""
        if self.protocol.compartment is None:
            return None
        return self.images[0] * np.float32(self.level_size)

    @cached_property
    def division_covariance(self):
        """What the noise of the image that stacks are divided by does, of pixels of variance 1.

        Covariance of sums over pixels of products of two images and the relative error, whose mean
        is none, (n_pairs, n_pairs); pairs in the order of `numpy.triu_indices`.
        """
        images, reach = self.images, int(np.ceil(_FILTER_REACH * self.flat_field))
        first, second = np.triu_indices(len(images))
        # What a pixel of the surroundings does to the image divided by: the filter, transposed.
        products = np.empty((len(first), *(n + 2 * reach for n in images.shape[1:])), np.float32)
        for product, k, other in zip(products, first, second, strict=True):
            padded = np.pad(images[k] * images[other], reach)
            gaussian_filter(padded, self.flat_field, output=product, mode="constant")
        flat = products.reshape(len(first), -1)
        covariance = (flat @ flat.T).astype(float)
        without_mean = np.eye(len(first))
        without_mean[first == second, 0] -= 1.0
        return without_mean @ covariance @ without_mean.T

    @cached_property
    def division_variances(self):
        """Variance of each image's score by the image divided by, of pixels of variance 1.

        For frames of the intensity 1, (n_images,): what is left of an image's squares when it is
        smoothed as the image divided by is.
        """
        smooth = (gaussian_filter(image, self.flat_field) for image in self.images)
        return np.array([np.vdot(image, image) for image in smooth], dtype=float)

    def row(self, frame_scores, squares, level=0.0):
        """Put together the row of a stack.

        Parameters
        ----------
        frame_scores : ndarray of shape (n_frames, n_images)
            Of its frames less a level.
        squares : float
            Their sum of squares.
        level : float, default=0.0
            Intensity of the image before bleaching that was subtracted from all of them.

        Returns
        -------
        ndarray of shape (n_columns,)
        """
        scores = np.asarray(frame_scores, dtype=float).ravel()
        if not self.frame_levels:
            scores = self._bases.series @ scores
        rest = max(squares - scores @ scores, 0.0)
        return np.append(scores + level * self._level, np.sqrt(rest))

    def project(self, rows):
        """Take the scores out of rows, (n, n_columns) to (n, n_scores).

        Parameters
        ----------
        rows : ndarray of shape (n, n_columns)
            As :meth:`row` puts them together.

        Returns
        -------
        ndarray of shape (n, n_scores)
        """
        return rows[:, : self.n_scores]

    def rest(self, rows):
        """Take the sum of squares that scores do not hold out of rows, (n,).

        Parameters
        ----------
        rows : ndarray of shape (n, n_columns)
            As :meth:`row` puts them together.

        Returns
        -------
        ndarray of shape (n,)
        """
        return rows[:, -1] ** 2

    def frame_scores(self, rows):
        """Take the scores of each frame out of rows; of series those that they come from.

        Parameters
        ----------
        rows : ndarray of shape (n, n_columns)
            As :meth:`row` puts them together.

        Returns
        -------
        ndarray of shape (n, n_frames, n_images)
        """
        scores = self.project(rows)
        if not self.frame_levels:
            scores = scores @ self._bases.series
        return scores.reshape(len(rows), self.protocol.n_frames, self.n_images)

    def freedom(self, n_free):
        """Count degrees of freedom of a fit of so many parameters, c0 among them.

        Parameters
        ----------
        n_free : int
            Free parameters.

        Returns
        -------
        int
        """
        # Levels of all frames, of which c0 is the mean of those before bleaching.
        levels = self.protocol.n_frames - 1 if self.frame_levels else 0
        return self.n_values - n_free - levels
