"""Interpolations that were built, kept for whoever asks next."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from threading import RLock
from typing import Any

from skfrap.experiment import FRAPProtocol
from skfrap.models._base import model_for
from skfrap.models.forward._images import ImageSurrogate
from skfrap.models.forward._interpolated import CurveSurrogate
from skfrap.models.forward._ranges import checked_pairs

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


@lru_cache(maxsize=16)
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
        return _build_image_surrogate(protocol, *key, tuple(sorted(options.items())))


@lru_cache(maxsize=8)
def _build_image_surrogate(protocol, ranges, fixed, options):
    given = [None if pairs is None else dict(pairs) for pairs in (ranges, fixed)]
    return ImageSurrogate(protocol, *given, **dict(options))
