"""Image series of a simulator, and their scores."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skfrap._checks import check_count
from skfrap.models import DiffusionModel, ImageScores, ImageSurrogate
from skfrap.models.forward._score_noise import (
    ScoreNoise,
    add_independent_noise,
    surrogate_for_prior,
)
from skfrap.numerics._draws import in_chunks, normal_rows
from skfrap.simulator._noise import noise_of

PIXEL_TYPES = {8: np.uint8, 12: np.uint16, 16: np.uint16}


class ImageSampler:
    """Let a simulator draw image series, and scores of them."""

    def sample_images(
        self: Any, n_samples: int, return_X_y: bool = False, *, start: int = 0
    ) -> Any:
        """Draw noisy image series, of the same parameters as the curves of :meth:`sample`.

        Parameters
        ----------
        n_samples, return_X_y, start : object
            As in :meth:`sample`.

        Returns
        -------
        Bunch
            As from :meth:`sample`, with ``data`` of shape (n_samples, n_frames, ny, nx): float32,
            or uint8 or uint16 with `bit_depth`.
        """
        check_count("n_samples", n_samples, 1)
        check_count("start", start, 0)
        parameters = self._draw_parameters(n_samples, start)
        protocol = self.protocol
        dtype = np.float32 if self.bit_depth is None else PIXEL_TYPES[self.bit_depth]
        data = np.empty((n_samples, protocol.n_frames, *protocol.shape), dtype)
        for k in range(n_samples):
            chunk = {name: values[k : k + 1] for name, values in parameters.items()}
            images = self._clean_images(chunk)[0]
            if self.background is not None:
                images += self.background
            if self.noise != "none":
                noise = normal_rows(self._image_key, start + k, 1, images.size)
                noise = noise.reshape(images.shape)
                noise *= noise_of(chunk).standard_deviation(images)
                images += noise
            data[k] = images if self.bit_depth is None else self._quantise(images)
        return self._bunch(data, parameters, return_X_y)

    def sample_scores(
        self: Any,
        n_samples: int,
        surrogate: ImageSurrogate | None = None,
        return_X_y: bool = False,
        *,
        start: int = 0,
        with_curves: bool = True,
    ) -> Any:
        """Draw scores of image series, and the curves of the same images, without any image.

        In distribution, and jointly, what :class:`skfrap.preprocessing.ImageScoreExtractor` and
        :class:`skfrap.preprocessing.RecoveryCurveExtractor` make of :meth:`sample_images`, of the
        same parameters as :meth:`sample`. Pixels are not rounded, whatever `bit_depth`.

        Parameters
        ----------
        n_samples, return_X_y, start : object
            As in :meth:`sample`.
        surrogate : ImageSurrogate, default=None
            What scores are of, as the extractor's ``surrogate_``. None is the extractor's default
            over the range of the prior.
        with_curves : bool, default=True
            False leaves the curves out. Of steady light and constant noise scores are then drawn
            some thirty times as fast, with other random numbers.

        Returns
        -------
        Bunch
            As from :meth:`sample`, with ``data`` the ImageScores, and ``curves`` of shape
            (n_samples, n_frames), if they are wanted.
        """
        check_count("n_samples", n_samples, 1)
        check_count("start", start, 0)
        if self.background is not None or type(self._model) is not DiffusionModel:
            raise ValueError("scores are drawn of model='diffusion' and without a background only.")
        values = self._draw_parameters(n_samples, start)
        prior = {name: self.prior[name] for name in self._parameters}
        surrogate = surrogate_for_prior(self.protocol, prior, surrogate)
        rows = surrogate.curves(**{name: values[name] for name in prior})
        a, b, normals = values["a"], values["b"], partial(normal_rows, self._score_key)
        independent = not (b.any() or surrogate.frame_levels or surrogate.flat_field is not None)
        noise: Any = 0.0
        if self.noise != "none" and independent and not with_curves:
            add_independent_noise(surrogate, rows, a, normals, start)
        elif self.noise != "none":
            noise = ScoreNoise(surrogate).add_to(rows, a, b, normals, start)
        found = self._bunch(ImageScores(rows, surrogate), values, return_X_y)
        if with_curves and not return_X_y:
            found["curves"] = self._clean_curves(values) + noise
        return found

    def iter_images(
        self: Any, n_samples: int | None = None, chunk_size: int = 16, *, start: int = 0
    ) -> Iterator[Any]:
        """Yield Bunches as from :meth:`sample_images`, `chunk_size` series at a time.

        Parameters
        ----------
        n_samples : int, default=None
            None goes on forever.
        chunk_size : int, default=16
            Series in each.
        start : int, default=0
            Index of the first sample.

        Yields
        ------
        Bunch
            As from :meth:`sample_images`.

        Examples
        --------
        >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator
        >>> protocol = FRAPProtocol(shape=(32, 32), bleach_region=Circle(4.0), padding=8)
        >>> simulator = FRAPSimulator(protocol, random_state=0)
        >>> [chunk.data.shape for chunk in simulator.iter_images(3, chunk_size=2)]
        [(2, 110, 32, 32), (1, 110, 32, 32)]
        """
        yield from in_chunks(self.sample_images, n_samples, chunk_size, start)

    def images(self: Any, theta: ArrayLike) -> np.ndarray:
        """Compute noise-free image series, (n, n_frames, ny, nx); `theta` as in :meth:`curves`.

        Parameters
        ----------
        theta : array-like of shape (n, n_targets)
            Columns as in `target_names`.

        Returns
        -------
        ndarray of shape (n, n_frames, ny, nx)
        """
        return self._clean_images(self._from_targets(theta))

    def _clean_images(self, values):
        if not hasattr(self._model, "images"):
            raise ValueError(f"model={self.model!r} knows curves only, no image series.")
        return self._model.images(**{name: values[name] for name in self._parameters})

    def _quantise(self, images):
        full_scale = 2**self.bit_depth - 1
        return np.rint(np.clip(images, 0.0, 1.0) * full_scale)
