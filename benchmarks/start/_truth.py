"""What was really bleached, and ring means of it with exact noise.

Truth comes from skfrap's image model. Noise is independent in all pixels, so that the mean over n
pixels has variance a / n, whatever else is averaged: drawing noise of ring means is drawing noise
of pixels. Pixels themselves are drawn where the patch is looked for, in the first frame and in the
mean of the prebleach frames.
"""

import warnings

import numpy as np

from skfrap import Circle, FRAPProtocol, LeastSquaresFRAP, Polygon
from skfrap.models import DiffusionModel
from skfrap.preprocessing import RecoveryCurveExtractor, RingExtractor
from skfrap.preprocessing._rings import find_patch

PIXEL, N, INTERVAL, FRAMES = 0.2, 128, 0.1, 100  # µm, pixels, s
MIDDLE = PIXEL * N / 2
DEPTH = 0.6
TOLD = Circle(1.0)
LONG = "20 bleach frames on 2 µm"


def _ellipse(a, b, turn=0.5, offset=(1.0, 0.6)):
    """Return an ellipse with half axes a and b (µm) beside the middle, as a polygon."""
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    x, y = a * np.cos(angle), b * np.sin(angle)
    x, y = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    return Polygon([*zip(MIDDLE + offset[0] + x, MIDDLE + offset[1] + y, strict=True)])


# What was really bleached: region, blur in µm, bleach frames.
STARTS = {
    "circle of 1 µm, as told": (Circle(1.0), 0.0, 1),
    "circle of 3 µm, blurred by 1 µm": (Circle(3.0), 1.0, 1),
    "circle of 5 µm, blurred by 2 µm": (Circle(5.0), 2.0, 1),
    "ellipse of 4 x 2 µm beside it": (_ellipse(4.0, 2.0), 0.5, 1),
    LONG: (Circle(2.0), 0.5, 20),
    "two spots": (Circle(1.5), 0.5, 1),
}


def protocol_of(region, n_bleach, n_prebleach=10):
    return FRAPProtocol(
        shape=(N, N),
        pixel_size=PIXEL,
        bleach_region=region,
        n_prebleach=n_prebleach,
        n_bleach=n_bleach,
        n_postbleach=FRAMES,
        frame_interval=INTERVAL,
        padding=192,
    )


def noise_free(start, D, mobile_fraction, depth=DEPTH):
    """Compute the stack of a start, 1 before bleaching."""
    region, blur, n_bleach = STARTS[start]
    alpha = 1 - depth if n_bleach == 1 else 1 - 1.6 / n_bleach * depth
    model = DiffusionModel(protocol_of(region, n_bleach, 1))
    images = model.images(
        D=[D], c0=[1.0], alpha=[alpha], mobile_fraction=[mobile_fraction], bleach_blur=[blur]
    )[0][1:]
    if start == "two spots":
        missing = 1 - images
        images = images - 0.7 * np.roll(missing, (-10, 22), (1, 2))
    return np.concatenate([np.ones((10, N, N)), images])


class RingSampler:
    """Draw ring means and curves of one noise-free stack, as the extractors would give them.

    Parameters
    ----------
    protocol : FRAPProtocol
    stack : ndarray of shape (n_frames, ny, nx)
        1 before bleaching.
    n_sectors : int, default=8
    """

    def __init__(self, protocol, stack, n_sectors=8):
        self._protocol, self._n = protocol, protocol.n_prebleach
        self._stack = stack.astype(np.float32)
        self._before, self._first = stack[: self._n].mean(axis=0), stack[self._n]
        self._sectors = n_sectors
        self._rings = {}
        self._curve = RecoveryCurveExtractor(protocol).fit_transform([stack])[0]

    def _means(self, place):
        """Return the noise-free means about a pixel (row, column), and the layout of the rings."""
        if place not in self._rings:
            row, column = place
            size = self._protocol.pixel_size
            centre = (column + 0.5) * size, (row + 0.5) * size
            rings = RingExtractor(self._protocol, center=centre, n_sectors=self._sectors)
            means = rings.fit_transform([self._stack])[0]
            shape = self._protocol.n_postbleach, self._sectors, rings.layout_.n_rings
            self._rings[place] = means.reshape(shape).astype(np.float32), rings.layout_
        return self._rings[place]

    def rings(self, a, rng, depth=1.0):
        """Draw one row of X for `MeasuredStartFRAP`.

        Parameters
        ----------
        a : float
            Noise variance of a pixel, over the squared prebleach level.
        rng : numpy.random.Generator
        depth : float, default=1.0
            What is missing, over what the stack lacks.

        Returns
        -------
        ndarray of shape (n_features,)
        """
        before = self._before + np.sqrt(a / self._n) * rng.standard_normal(self._before.shape)
        first = 1 - depth * (1 - self._first)
        first = first + np.sqrt(a) * rng.standard_normal(self._first.shape)
        place = find_patch(before, first)
        means, layout = self._means(place)
        means = 1 - depth * (1 - means)
        counts = layout.counts
        with np.errstate(divide="ignore"):
            noise = np.sqrt(a / counts)
        drawn = means + np.where(counts > 0, noise, 0.0) * rng.standard_normal(means.shape)
        # The first frame's pixels are known, and so are those before: their rings are taken.
        pixels = _of_rings(layout, place, np.stack([before, first]))
        over_sectors = pixels[0].sum(axis=0) / counts.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn[0] = np.where(np.isfinite(means[0]), pixels[1] / counts, np.nan)
            return (drawn / over_sectors).ravel()

    def curve(self, a, rng, depth=1.0):
        """Draw the curve of the told region, (n_frames,), with noise of its own."""
        deviation = np.sqrt(a * self._protocol.noise_gain)
        return 1 - depth * (1 - self._curve) + deviation * rng.standard_normal(len(self._curve))


def _of_rings(layout, place, images):
    """Sum images over sectors and rings about a pixel: (n_images, n_sectors, n_rings)."""
    reach = layout.n_rings - 1
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach)))
    row, column = place
    window = padded[:, row : row + 2 * reach + 1, column : column + 2 * reach + 1]
    index = layout.index()
    inside = index >= 0
    size = layout.n_sectors * layout.n_rings
    sums = [np.bincount(index[inside], image[inside], minlength=size) for image in window]
    return np.reshape(sums, (len(images), layout.n_sectors, layout.n_rings))


class Told:
    """Least squares on the curve of the region that was told."""

    def __init__(self, protocol, bounds):
        names = "D", "c0", "alpha", "mobile_fraction"
        self._estimator = LeastSquaresFRAP(protocol, {"D": bounds}, parameters=names)

    def log_D(self, curves):
        """Fit curves, without the warnings that they deserve."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._estimator.fit(curves).predict(curves)[:, 0]


def codes_of(estimates):
    return {finding.code for finding in estimates.findings[0]}
