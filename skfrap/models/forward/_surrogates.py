"""Interpolations that were built, kept for whoever asks next."""

from collections.abc import Mapping, Sequence
from copy import copy
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
_AS_ROUNDED = 6e-12  # of a number, that it changes by at most when it is rounded to 12 digits
# Without these the place in the field makes no difference.
_PLAIN = {"imaging_bleach": 1.0, "bleach_blur": 0.0, "imaging_blur": 0.0}

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
        return _placed_surrogate(protocol, model, *key, weights, largest_error)


@lru_cache(maxsize=16)
def _placed_surrogate(protocol, model, ranges, fixed, weights, largest_error):
    """Take curves of the same region elsewhere: in an open field its place makes no difference.

    They are always those of the region in the middle of the field, so what is found does not hang
    on what was asked for before.
    """
    over = [name for name, _ in ranges or ()]
    plain = all(value == _PLAIN.get(name) for name, value in fixed or ())
    moved = in_middle(protocol) if model == "diffusion" and over == ["D"] and plain else None
    if moved is None:
        return _build_surrogate(protocol, model, ranges, fixed, weights, largest_error)
    # The range hangs on the region's area, of which the last digits change as it moves.
    ranges = tuple((name, _rounded_out(*ends)) for name, ends in ranges)
    built = _build_surrogate(moved, model, ranges, fixed, weights, largest_error)
    placed = copy(built)
    placed.protocol = protocol
    return placed


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


def in_middle(protocol: FRAPProtocol) -> FRAPProtocol | None:
    """Move the bleach region by whole pixels to the middle of the field.

    Protocols whose regions differ by whole pixels come to the same one.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.

    Returns
    -------
    FRAPProtocol or None
        None where that would be another experiment: with borders, or a region that is no shape.
    """
    if protocol.start != "told" or not hasattr(protocol.bleach_region, "center"):
        return None
    x, y = protocol.bleach_region.center_on(protocol.shape, protocol.pixel_size)
    ny, nx = protocol.shape
    pixels = (round(at / protocol.pixel_size, _SAME_PLACE) for at in (x, y))
    by = (int(at) - n // 2 for at, n in zip(pixels, (nx, ny), strict=True))
    return _moved_by(protocol, *by)


def _at_corner(protocol, window):
    """Move the bleach region by whole pixels, so that the window begins at the field's corner.

    Returns
    -------
    FRAPProtocol or None
        None where that would be another experiment: with borders, or a region that is no shape.
    """
    if getattr(protocol.bleach_region, "center", None) is None:
        return None
    moved = _moved_by(protocol, window[1].start, window[0].start)
    if moved is None:
        return None
    ny, nx = (part.stop - part.start for part in window)
    parts = protocol.bleach_mask[window], moved.bleach_mask[:ny, :nx]
    within = np.isclose(parts[0].sum(), protocol.bleach_mask.sum(), rtol=1e-9)
    return moved if within and np.allclose(*parts, rtol=0, atol=_SAME_MASK) else None


def _moved_by(protocol, columns, rows):
    """Move a shape to the left and up by whole pixels, its place rounded; None with borders.

    Numbers that are the same but for rounding give the same.
    """
    if protocol.compartment is not None or protocol.rows is not None:
        return None
    center = protocol.bleach_region.center_on(protocol.shape, protocol.pixel_size)
    pixels = np.divide(center, protocol.pixel_size) - [columns, rows]
    place = tuple(float(one) for one in pixels.round(_SAME_PLACE) * protocol.pixel_size)
    moved = protocol.replace(bleach_region=replace(protocol.bleach_region, center=place))
    try:
        mask = np.roll(moved.bleach_mask, (rows, columns), axis=(0, 1))
    except ValueError:  # a region at the rim leaves it by the last digit
        return None
    return moved if np.allclose(mask, protocol.bleach_mask, rtol=0, atol=_SAME_MASK) else None


def _rounded_out(lowest, highest):
    """Round the ends of a range to 12 digits, so that it holds the range."""
    return tuple(
        float(f"{end * (1 + side * _AS_ROUNDED):.12g}")
        for end, side in ((lowest, -1), (highest, 1))
    )
