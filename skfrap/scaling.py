"""One experiment for another: what is known at one pixel size and frame interval, at others.

The models know no length and no time of their own. Multiply all lengths of an experiment by one
factor and all its times by another, and the same curves come from parameters multiplied
accordingly, D by length² / time. So an estimator fitted for one frame interval serves others
(Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021)).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

import skfrap.models  # noqa: F401  models define their parameters
from skfrap._checks import check_positive
from skfrap.experiment import Circle, Ellipse, FRAPProtocol, Mask, Polygon, Rectangle
from skfrap.numerics._magnitude import as_real
from skfrap.parameters import parameter_of_target

__all__ = ["predict_rescaled", "rescale_targets", "scale_between", "scaled_protocol"]

_ALIKE = ("shape", "n_prebleach", "n_bleach", "n_postbleach", "padding", "start")
_SAME = 1e-9  # relative

_MOST = 1e30  # of a factor between units


def scale_between(protocol: FRAPProtocol, other: FRAPProtocol) -> Any:
    """Find the factors by which one protocol's lengths and times become another's.

    Parameters
    ----------
    protocol, other : FRAPProtocol
        One experiment.

    Returns
    -------
    length, time : float
        Lengths of `other` over those of `protocol`, and times over times.

    Raises
    ------
    ValueError
        If `other` is not `protocol` with all lengths multiplied by one factor and all times by
        another, to a relative 1e-9; the message names what prevents it.

    See Also
    --------
    scaled_protocol : Makes the other experiment.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.scaling import scale_between
    >>> scale_between(FRAPProtocol(frame_interval=0.25), FRAPProtocol(frame_interval=1.0))
    (1.0, 4.0)
    """
    for argument, value in (("protocol", protocol), ("other", other)):
        if not isinstance(value, FRAPProtocol):
            raise ValueError(f"{argument} must be a FRAPProtocol, got {value!r}.")
    for name in _ALIKE:
        ours, theirs = getattr(protocol, name), getattr(other, name)
        if ours != theirs:
            raise _no_rescaling(name, ours, theirs)
    pair = protocol, other
    for name, region, other_region in _regions_of(*pair):
        (kind, ours), (other_kind, theirs) = (
            _region_in_pixels(of, one) for of, one in zip(pair, (region, other_region), strict=True)
        )
        alike = kind is other_kind and ours.shape == theirs.shape
        if not alike or not np.allclose(ours, theirs, rtol=_SAME, atol=_SAME):
            values = (
                f"{one!r} with pixels of {of.pixel_size:.6g} µm"
                for of, one in zip(pair, (region, other_region), strict=True)
            )
            raise _no_rescaling(name, *values)
    for name in ("bleach_interval", "postbleach_times"):
        ours, theirs = _in_frame_intervals(protocol, name), _in_frame_intervals(other, name)
        off = ~np.isclose(ours, theirs, rtol=_SAME, atol=0)
        if off.any():
            first = off.argmax()
            values = (f"{times[first]:.10g} frame intervals" for times in (ours, theirs))
            raise _no_rescaling(name, *values)
    return other.pixel_size / protocol.pixel_size, other.frame_interval / protocol.frame_interval


def scaled_protocol(protocol: FRAPProtocol, length: float = 1.0, time: float = 1.0) -> FRAPProtocol:
    """Multiply all lengths and all times of a protocol.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.
    length : float, default=1.0
        Factor of the pixel size and of the bleach region. A Mask is in pixels and stays.
    time : float, default=1.0
        Factor of the times between frames.

    Returns
    -------
    FRAPProtocol

    Raises
    ------
    ValueError
        If a factor is not a positive number.

    See Also
    --------
    scale_between : Finds the factors.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.scaling import scaled_protocol
    >>> scaled_protocol(FRAPProtocol(), length=0.5, time=2.0)
    FRAPProtocol(pixel_size=0.3799, bleach_region=Circle(radius=7.5, center=None), \
frame_interval=0.53)
    """
    _check_factors(length, time)
    interval, times = protocol.bleach_interval, protocol.postbleach_times
    return protocol.replace(
        pixel_size=protocol.pixel_size * length,
        bleach_region=_scaled_region(protocol.bleach_region, length),
        compartment=_scaled_compartment(protocol.compartment, length),
        rows=protocol.rows
        and [(name, one and _scaled_region(one, length)) for name, one in protocol.rows],
        frame_interval=protocol.frame_interval * time,
        bleach_interval=None if interval is None else interval * time,
        postbleach_times=None if times is None else tuple(np.multiply(times, time)),
    )


def rescale_targets(
    targets: ArrayLike, target_names: Sequence[Any], length: float = 1.0, time: float = 1.0
) -> np.ndarray:
    """Turn estimates of one experiment into those of another with other lengths and times.

    Parameters
    ----------
    targets : array-like of shape (n_samples, n_targets)
        On the targets' scales, e.g. log10 of D in µm²/s. NaN stays NaN.
    target_names : sequence of str of length n_targets
        Such as ``["log10_D", "c0", "alpha"]``.
    length, time : float, default=1.0
        The other experiment's lengths over this one's, and its times, as from
        :func:`scale_between`.

    Returns
    -------
    ndarray of shape (n_samples, n_targets)

    Raises
    ------
    ValueError
        If a name is not that of a target, if there are not as many as columns, or if a factor is
        not a positive number.

    Examples
    --------
    >>> from skfrap.scaling import rescale_targets
    >>> rescale_targets([[1.0, 0.9, 0.6]], ["log10_D", "c0", "alpha"], length=10.0).tolist()
    [[3.0, 0.9, 0.6]]
    """
    _check_factors(length, time)
    rescaled = as_real("targets", targets)
    names = list(target_names)
    if rescaled.ndim != 2 or rescaled.shape[1] != len(names):
        raise ValueError(
            f"targets must be of shape (n_samples, {len(names)}), a column for each of {names}, "
            f"got shape {rescaled.shape}."
        )
    for column, name in zip(rescaled.T, names, strict=True):
        entry = parameter_of_target(name, "target_names")
        power = rescaled[:, names.index(entry.exponent)] if entry.exponent in names else None
        factor = entry.rescale(1.0, length, time, power)
        if entry.is_logarithmic:
            column += np.log10(factor)
        else:
            column *= factor
    return rescaled


def predict_rescaled(estimator: Any, X: ArrayLike, protocol: FRAPProtocol) -> np.ndarray:
    """Predict from curves that were recorded with other lengths or times than the estimator's.

    Parameters
    ----------
    estimator : estimator
        Fitted, with `protocol_` and `target_names_`.
    X : array-like of shape (n_samples, n_frames)
        Recovery curves.
    protocol : FRAPProtocol
        The experiment in which they were recorded: the estimator's with other pixels or another
        frame interval, see :func:`scale_between`.

    Returns
    -------
    ndarray of shape (n_samples, n_targets)
        As from ``estimator.predict``, in the units of `protocol`.

    Raises
    ------
    ValueError
        If `protocol` is not a rescaling of the estimator's; the message names what prevents it.

    Examples
    --------
    >>> from skfrap import FRAPProtocol, LeastSquaresFRAP
    >>> from skfrap.models import DiffusionModel
    >>> from skfrap.scaling import predict_rescaled
    >>> slow, fast = FRAPProtocol(frame_interval=1.0), FRAPProtocol(frame_interval=0.25)
    >>> X = DiffusionModel(fast).curves(D=[40.0, 200.0], c0=0.9, alpha=0.6)
    >>> estimator = LeastSquaresFRAP(slow).fit(X)
    >>> (10 ** estimator.predict(X)[:, 0]).round(4).tolist()
    [10.0, 50.0]
    >>> (10 ** predict_rescaled(estimator, X, fast)[:, 0]).round(4).tolist()
    [40.0, 200.0]
    """
    for name in ("protocol_", "target_names_"):
        check_is_fitted(estimator, name)
    length, time = scale_between(estimator.protocol_, protocol)
    predicted = np.asarray(estimator.predict(X))
    columns = predicted if predicted.ndim == 2 else predicted[:, np.newaxis]
    names = estimator.target_names_[: columns.shape[1]]
    return rescale_targets(columns, names, length, time).reshape(predicted.shape)


def _check_factors(length, time):
    for name, value in (("length", length), ("time", time)):
        check_positive(name, value)
        if not 1 / _MOST < value < _MOST:
            raise ValueError(f"{name} must be a factor of units, got {value:g}.")


def _no_rescaling(name, ours, theirs):
    return ValueError(
        f"the protocols do not scale into each other: {name} is {ours} in one and {theirs} in the "
        "other. All lengths must differ by one factor, all times by one factor, and nothing else."
    )


def _regions_of(protocol, other):
    """Return the regions of two protocols with their names: where it bleaches, is and is seen."""
    yield "bleach_region", protocol.bleach_region, other.bleach_region
    ours, theirs = protocol.compartment, other.compartment
    if (ours is None) != (theirs is None):
        raise _no_rescaling("compartment", ours, theirs)
    if ours is not None:
        uneven = [(one.conductance, one.equilibrium) for one in (ours, theirs)]
        (kind, image), (other_kind, other_image) = uneven
        if kind != other_kind or not np.array_equal(image, other_image):
            raise _no_rescaling("compartment", ours, theirs)
        yield "compartment", ours.region, theirs.region
    rows, other_rows = (dict(one.rows or ()) for one in (protocol, other))
    if [*rows] != [*other_rows]:
        raise _no_rescaling("rows", [*rows], [*other_rows])
    for name, region in rows.items():
        if region is not None and other_rows[name] is not None:
            yield f"rows[{name!r}]", region, other_rows[name]


def _region_in_pixels(protocol, region):
    """Return the kind of a region and its numbers, lengths in pixels."""
    pixel_size = protocol.pixel_size
    match region:
        case Circle(radius):
            lengths = radius, *region.center_on(protocol.shape, pixel_size)
        case Ellipse(semi_axes, angle):
            turned = angle * pixel_size  # which is no length
            lengths = *semi_axes, turned, *region.center_on(protocol.shape, pixel_size)
        case Rectangle(width, height):
            lengths = width, height, *region.center_on(protocol.shape, pixel_size)
        case Polygon(vertices):
            lengths = vertices
        case _:
            return type(region), region.area_fractions(protocol.shape, pixel_size)
    return type(region), np.divide(lengths, pixel_size)


def _scaled_region(region, length):
    match region:
        case Mask():
            return region
        case Polygon(vertices):
            return Polygon(np.multiply(vertices, length))
        case Circle() | Ellipse() | Rectangle():
            values = {name: getattr(region, name) for name in region.__match_args__}
            angle = {"angle": values.pop("angle")} if "angle" in values else {}
            scaled = {
                name: None if value is None else np.multiply(value, length)
                for name, value in values.items()
            }
            return replace(region, **scaled | angle)
    raise ValueError(
        "a region must be a Circle, Ellipse, Rectangle, Polygon or Mask to be scaled, got "
        f"{region!r}."
    )


def _scaled_compartment(compartment, length):
    if compartment is None:
        return None
    return replace(compartment, region=_scaled_region(compartment.region, length))


def _in_frame_intervals(protocol, name):
    """Return the time between bleach frames, if there are several, or all postbleach times."""
    if name == "bleach_interval":
        times = np.diff(protocol.bleach_times)[:1]
    else:
        times = protocol.times[protocol.n_prebleach :]
    return times / protocol.frame_interval
