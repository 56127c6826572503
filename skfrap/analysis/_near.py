"""Fits of a curve near one that is known: what is interpolated is a part of the range of D."""

from dataclasses import replace
from typing import Any, NamedTuple

from skfrap.analysis._options import ExperimentOptions, make_regressor
from skfrap.estimators import FRAPEstimates
from skfrap.experiment import FRAPProtocol
from skfrap.models import model_for
from skfrap.models.forward._surrogates import in_middle

_CLOSE = 0.5  # of a radius: regions that are as close have estimates that are close
_BEYOND = 1.6  # times the ends of the interval, that D is looked for in
_CLEAR = 1.05  # times an end of the range: so near to it more may lie beyond
_SETTLED = 1e-9  # of the squares: D is within a thousandth of its error then
_WIDEST = 30.0  # times the lower end: where D is less known the whole range takes hardly longer


class Near(NamedTuple):
    """What is known of a curve from that of a region nearby.

    Attributes
    ----------
    protocol : FRAPProtocol
        With that region.
    estimates : FRAPEstimates
        Of its curve.
    """

    protocol: FRAPProtocol
    estimates: FRAPEstimates

    def narrowed(self, protocol: FRAPProtocol, options: ExperimentOptions) -> Any:
        """Return options by which D is looked for near the one that is known.

        Parameters
        ----------
        protocol : FRAPProtocol
            With the region that is meant.
        options : ExperimentOptions

        Returns
        -------
        ExperimentOptions or None
            None where the whole range is as quick, the region being the same but for whole pixels,
            or where nothing is near.
        """
        if not _is_free_diffusion(protocol, options) or not _are_close(protocol, self.protocol):
            return None
        placed = in_middle(protocol)
        if placed is not None and placed == in_middle(self.protocol):
            return None
        found = _found(self.estimates)
        low, high = min(found), max(found)
        if not (low > 0 and high < _WIDEST * low):
            return None
        whole = _bounds(protocol, options)
        ends = max(whole[0], low / _BEYOND), min(whole[1], high * _BEYOND)
        return replace(options, bounds={**(options.bounds or {}), "D": ends})


def holds(estimates: FRAPEstimates, options: ExperimentOptions) -> bool:
    """Tell whether what was found lies well within the range that was looked through.

    Parameters
    ----------
    estimates : FRAPEstimates
    options : ExperimentOptions
        As :meth:`Near.narrowed` gives them.

    Returns
    -------
    bool
    """
    low, high = (options.bounds or {})["D"]
    return all(low * _CLEAR < one < high / _CLEAR for one in _found(estimates))


def _bounds(protocol, options):
    """Return where D is looked for without anything being known, (lowest, highest) in µm²/s."""
    given = (options.bounds or {}).get("D")
    return given or model_for(protocol, options.model).bounds["D"]


def _found(estimates):
    """Return both ends of the interval of D, and what larger models that fit better make of it."""
    found = [float(one["D"][0]) for one in (estimates.lower, estimates.upper)]
    larger = estimates.larger[0] if estimates.larger else ()
    return [*found, *(one.values["D"] for one in larger if "D" in one.values)]


def fit_curve(protocol: FRAPProtocol, options: ExperimentOptions, curve: Any, near: Any) -> Any:
    """Fit a curve, by less where one of a region nearby is known.

    Parameters
    ----------
    protocol : FRAPProtocol
    options : ExperimentOptions
    curve : ndarray of shape (1, n_frames)
    near : Near or None

    Returns
    -------
    regressor : LeastSquaresFRAP
        Fitted.
    estimates : FRAPEstimates
    used : ExperimentOptions
        Those given, or narrowed to where D was looked for.
    """
    narrowed = None if near is None else near.narrowed(protocol, options)
    if narrowed is not None:
        regressor = make_regressor(protocol, narrowed).set_params(interpolate="bounds").fit(curve)
        estimates = regressor.estimate(curve, level=options.level)
        if holds(estimates, narrowed):
            return regressor, estimates, narrowed
    regressor = make_regressor(protocol, options).fit(curve)
    return regressor, regressor.estimate(curve, level=options.level), options


def refit(protocol: FRAPProtocol, options: ExperimentOptions, curve: Any, estimates: Any) -> Any:
    """Fit the curve of a region nearby from the estimates of another, in a few steps.

    Parameters
    ----------
    protocol : FRAPProtocol
    options : ExperimentOptions
    curve : ndarray of shape (1, n_frames)
    estimates : FRAPEstimates
        Of the other region.

    Returns
    -------
    Fit
    """
    regressor, known = make_regressor(protocol, options), estimates.fit
    inside = (known.theta > known.space.lower) & (known.theta < known.space.upper)
    if _is_free_diffusion(protocol, options) and inside.all():
        # Interpolation pays where much is asked of a curve.
        regressor.set_params(interpolate=False, init=known.theta, tol=_SETTLED)
    return regressor.fit(curve).fit_results(curve)


def _is_free_diffusion(protocol, options):
    """Tell whether all that shapes the curve is D, in an open field."""
    shaped = {"imaging_bleach", "bleach_blur", "imaging_blur"} & {*options.free}
    known = "D" in (options.fixed or {})
    open_field = protocol.compartment is None and protocol.rows is None
    return options.model == "diffusion" and open_field and not shaped and not known


def _are_close(protocol, other):
    reach = _CLOSE * other.equivalent_radius
    centers = [
        one.bleach_region.center_on(one.shape, one.pixel_size)
        for one in (protocol, other)
        if hasattr(one.bleach_region, "center")
    ]
    if len(centers) < 2:
        return False
    away = sum((a - b) ** 2 for a, b in zip(*centers, strict=True)) ** 0.5
    return away < reach and abs(protocol.equivalent_radius - other.equivalent_radius) < reach
