"""Where the bleach region really is, by what images show beside a fit of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skfrap.estimators import LeastSquaresFRAP
from skfrap.experiment import FRAPProtocol
from skfrap.experiment._regions import Mask
from skfrap.preprocessing import ImageScoreExtractor, StackSequence
from skfrap.preprocessing._scores import gain_image

_ROUNDS = 4
_NEAR = 0.02  # pixels: what a further round would change is far less
_FARTHEST = 0.5  # of the region's radius in one round
_PIXELS_AT_ONCE = 2**20


@dataclass(frozen=True)
class FoundCenter:
    """Hold where the bleach region of a stack was found.

    Attributes
    ----------
    protocol : FRAPProtocol
        The one that was given, with the region where it was found.
    shift_um : tuple of float
        (x, y) by which it was moved, µm to the right and down.
    std_um : tuple of float
        Standard errors, from the noise.
    n_rounds : int
        How often images were fitted.
    converged : bool
        Whether the last round moved it by less than 0.02 pixels.
    """

    protocol: FRAPProtocol
    shift_um: tuple[float, float]
    std_um: tuple[float, float]
    n_rounds: int
    converged: bool


def find_center(stack: Any, protocol: FRAPProtocol, **options: Any) -> FoundCenter:
    """Find where the bleach region of a stack is, from near where it was told to be.

    All pixels are fitted with the region where it is taken to be. What a small shift would do to
    the fitted images is looked for in the residuals, the region is moved by it, and images are
    fitted again. For an even region a shift has nothing in common with D, c0 or alpha, so that it
    is found to a few hundredths of a pixel, and what was told wrongly biases D no more.

    Parameters
    ----------
    stack : array-like of shape (n_frames, ny, nx), path, ImageSeries or Recording
        Images, less the detector's dark level.
    protocol : FRAPProtocol
        The experiment; the region may be off by a part of its radius.
    **options
        Of :class:`skfrap.preprocessing.ImageScoreExtractor`: `window`, `flat_field`, `ranges`.

    Returns
    -------
    FoundCenter

    Raises
    ------
    ValueError
        If the region is a Mask, which is moved by whole pixels only, or would leave the field.

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator
    >>> from skfrap.analysis import find_center
    >>> told = FRAPProtocol(shape=(64, 64), pixel_size=1.0, bleach_region=Circle(8.0),
    ...                     n_postbleach=20)
    >>> true = told.replace(bleach_region=Circle(8.0, (33.0, 31.6)))
    >>> prior = {"D": 10.0, "c0": 0.8, "alpha": 0.5, "a": 1e-4}
    >>> stack = FRAPSimulator(true, prior, random_state=0).sample_images(1).data[0]
    >>> found = find_center(stack, told, ranges={"D": (1, 100)})
    >>> [round(shift, 1) for shift in found.shift_um]
    [1.0, -0.4]
    """
    if isinstance(protocol.bleach_region, Mask):
        raise ValueError(
            "bleach_region must have an outline to be moved by parts of a pixel, got a Mask; give "
            "a Circle, Ellipse, Rectangle or Polygon."
        )
    stacks = StackSequence([stack])
    farthest = _FARTHEST * protocol.equivalent_radius / protocol.pixel_size
    current, total = protocol, np.zeros(2)
    n_rounds, converged = 0, False
    while n_rounds < _ROUNDS and not converged:
        step, std = _shift_seen(stacks, current, options)
        step = np.clip(step, -farthest, farthest)
        total = total + step
        dx, dy = (float(part) * protocol.pixel_size for part in total)
        place = dx, dy, protocol.shape, protocol.pixel_size
        current = protocol.replace(bleach_region=protocol.bleach_region.moved(*place))
        n_rounds, converged = n_rounds + 1, bool(np.abs(step).max() < _NEAR)
    x, y = (float(part) * protocol.pixel_size for part in std)
    return FoundCenter(current, (dx, dy), (x, y), n_rounds, converged)


def _shift_seen(stacks, protocol, options):
    """Return by how many pixels (x, y) residual images say that the region is off, and errors."""
    extractor = ImageScoreExtractor(protocol, **options)
    scores = extractor.fit_transform(stacks)
    fit = LeastSquaresFRAP(protocol).fit(scores).fit_results(scores)
    surrogate = extractor.surrogate_
    light = surrogate.frame_scores(fit.curves)[0]
    images = surrogate.images
    # What is lit moves with the region: its derivative, with a minus.
    slopes = -np.stack([np.gradient(images, axis=axis) for axis in (2, 1)])
    slopes = slopes.reshape(2 * len(images), -1)
    of_stack = _products(stacks.view(0), surrogate, slopes)
    of_light = light @ (slopes @ images.reshape(len(images), -1).T).T
    first = protocol.n_prebleach
    # The light after bleaching; an even level has no derivative.
    light = light[first:]
    residuals = (of_stack - of_light)[first:].reshape(len(light), 2, -1)
    seen = np.einsum("tk,tck->c", light, residuals)
    overlap = (slopes @ slopes.T).reshape(2, len(images), 2, -1)
    information = np.einsum("tk,ckdl,tl->cd", light, overlap, light)
    covariance = np.linalg.inv(information)
    variance = float(np.ravel(fit.noise.of_pixel)[0])
    return covariance @ seen, np.sqrt(variance * np.diag(covariance))


def _products(view, surrogate, slopes):
    """Return the products of all frames and some images of the window, (n_frames, n)."""
    gain = 1.0 if surrogate.flat_field is None else gain_image(view, surrogate)
    n_frames = surrogate.protocol.n_frames
    step = max(1, _PIXELS_AT_ONCE // surrogate.n_pixels)
    found = np.empty((n_frames, len(slopes)))
    for start in range(0, n_frames, step):
        block = view.read(slice(start, start + step), *surrogate.window) * gain
        found[start : start + len(block)] = block.reshape(len(block), -1) @ slopes.T
    return found
