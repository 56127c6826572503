"""Interpolations that were built, kept for whoever asks next."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from threading import RLock
from typing import Any

import numpy as np

from skfrap.experiment import FRAPProtocol
from skfrap.models._base import model_for
from skfrap.models.forward._images import ImageSurrogate
from skfrap.models.forward._interpolated import CurveSurrogate
from skfrap.models.forward._ranges import checked_pairs
from skfrap.models.forward._window import window_of
from skfrap.numerics._kept import kept

_SAME_PLACE = 9  # digits after the point of a pixel
_SAME_MASK = 1e-8  # share of a pixel

_building = RLock()


def surrogate_for(
    protocol: FRAPProtocol,
    model: Any = "diffusion",
    ranges: Mapping[str, Sequence[float]] | None = None,
    fixed: Mapping[str, float] | None = None,
    weights: str = "mean",
    largest_error: float | None = None,
) -> CurveSurrogate:
    """Build the surrogate of :func:`model_for`, or take it from the last few built.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.
    model : str, subclass of ExactModel or ExactModel, default="diffusion"
        What happens in the sample, as in :func:`model_for`.
    ranges : dict, default=None
        ``{name: (lowest, highest)}`` of what to interpolate over, as in :class:`CurveSurrogate`.
    fixed : dict, default=None
        ``{name: value}`` of what has another value than the model's default.
    weights : {"mean", "noise"}, default="mean"
        Of the pixels, as in :func:`model_for`.
    largest_error : float, default=None
        What is accepted, as in :class:`CurveSurrogate`.

    Returns
    -------
    CurveSurrogate

    Raises
    ------
    InterpolationError
        If the model cannot be interpolated as well as that.
    """
    key = checked_pairs("ranges", ranges), checked_pairs("fixed", fixed)
    with _building:  # a second thread that wants the same waits for it
        return _build_surrogate(protocol, model, *key, weights, largest_error)


@kept(16)
def _build_surrogate(protocol, model, ranges, fixed, weights, largest_error):
    given = [None if pairs is None else dict(pairs) for pairs in (ranges, fixed)]
    return CurveSurrogate(model_for(protocol, model, weights), *given, largest_error=largest_error)


def image_surrogate_for(
    protocol: FRAPProtocol,
    ranges: Mapping[str, Sequence[float]] | None = None,
    fixed: Mapping[str, float] | None = None,
    **options: Any,
) -> ImageSurrogate:
    """Build the surrogate of image series, or take it from the last few built.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.
    ranges, fixed : dict, default=None
        As of :class:`ImageSurrogate`.
    **options
        Of :class:`ImageSurrogate`: ``window``, ``frame_levels``, ``flat_field`` and
        ``information_loss``.

    Returns
    -------
    ImageSurrogate

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol
    >>> from skfrap.models import image_surrogate_for
    >>> protocol = FRAPProtocol(shape=(64, 64), bleach_region=Circle(8.0), n_postbleach=40)
    >>> image_surrogate_for(protocol, {"D": (1, 100)}) is image_surrogate_for(
    ...     protocol, {"D": (1, 100)})
    True
    """
    key = checked_pairs("ranges", ranges), checked_pairs("fixed", fixed)
    with _building:
        return _placed_image_surrogate(protocol, *key, tuple(sorted(options.items())))


@lru_cache(maxsize=8)
def _placed_image_surrogate(protocol, ranges, fixed, options):
    """Take bases of the same region elsewhere: in an open field it matters only by parts of pixels.

    They are always those of the region moved so that the window begins at the field's corner, so
    what is found does not hang on what was asked for before.
    """
    options = dict(options)
    window = window_of(protocol, options.pop("window", "auto"))
    moved = _at_corner(protocol, window)
    if moved is None:
        ends = tuple((part.start, part.stop) for part in window)
        return _build_image_surrogate(protocol, ends, ranges, fixed, tuple(options.items()))
    corner = tuple((0, part.stop - part.start) for part in window)
    built = _build_image_surrogate(moved, corner, ranges, fixed, tuple(options.items()))
    return built.placed(protocol, window)


@kept(8)
def _build_image_surrogate(protocol, window, ranges, fixed, options):
    given = [None if pairs is None else dict(pairs) for pairs in (ranges, fixed)]
    parts = tuple(slice(*ends) for ends in window)
    return ImageSurrogate(protocol, *given, window=parts, **dict(options))


def _at_corner(protocol, window):
    """Move the bleach region by whole pixels, so that the window begins at the field's corner.

    Returns
    -------
    FRAPProtocol or None
        None where that would be another experiment: with borders, or a region that is no shape.
    """
    center = getattr(protocol.bleach_region, "center", None)
    if protocol.compartment is not None or protocol.rows is not None or center is None:
        return None
    # Numbers that are the same but for rounding give the same bases.
    pixels = np.divide(center, protocol.pixel_size) - [window[1].start, window[0].start]
    place = tuple(float(one) for one in pixels.round(_SAME_PLACE) * protocol.pixel_size)
    moved = protocol.replace(bleach_region=replace(protocol.bleach_region, center=place))
    ny, nx = (part.stop - part.start for part in window)
    parts = protocol.bleach_mask[window], moved.bleach_mask[:ny, :nx]
    sums = [mask.sum() for mask in (protocol.bleach_mask, moved.bleach_mask, parts[0])]
    close = np.allclose(*parts, rtol=0, atol=_SAME_MASK) and np.allclose(sums, sums[0], rtol=1e-9)
    return moved if close else None
