"""Results as plain values, for the page to draw and to write."""

from typing import Any

import numpy as np

from skfrap.analysis import SeriesAnalysis
from skfrap.app._shapes import outline_of, region_in_pixels
from skfrap.experiment import FRAPProtocol
from skfrap.parameters import parameter
from skfrap.report._section import deviations_of
from skfrap.results._tables import plain

_REACH = 1.96  # standard deviations that hold 95 %


def _numbers(values):
    """Return plain numbers; None where they are not finite."""
    return [plain(float(one)) for one in np.ravel(values)]


def _of_first(values, name):
    """Return the first of the values of a name; None where there is none."""
    return plain(float(values[name][0])) if name in values else None


def describe_curve(protocol: FRAPProtocol, measured, fitted=None, deviations=None) -> dict:
    """Tell what is drawn of a curve.

    Parameters
    ----------
    protocol : FRAPProtocol
    measured : ndarray of shape (n_values,)
    fitted, deviations : ndarray of shape (n_values,), default=None

    Returns
    -------
    dict
    """
    described = {
        "times": _numbers(protocol.times),
        "n_prebleach": protocol.n_prebleach,
        "bleached": [float(protocol.bleach_times[0]), 0.0],
        "rows": [name.replace("_", " ") for name in protocol.row_names],
        "measured": _numbers(measured),
    }
    if fitted is not None:
        described["fitted"] = _numbers(fitted)
    if deviations is not None:
        described["band"] = _numbers(_REACH * np.asarray(deviations))
    return described


def describe_values(estimates: Any) -> dict[str, Any]:
    """Tell what was estimated, in words and numbers.

    Parameters
    ----------
    estimates : FRAPEstimates
        Of one curve.

    Returns
    -------
    dict
        ``lower`` and ``upper`` of a value are None where it has no interval.
    """
    words = estimates.values_in_words(0)
    values = {
        name: {
            "value": _of_first(estimates.values, name),
            "lower": _of_first(estimates.lower, name),
            "upper": _of_first(estimates.upper, name),
            "unit": parameter(name).unit,
        }
        for name in estimates.values
    }
    return {
        "words": words,
        "values": values,
        "usable": bool(estimates.usable[0]),
        "findings": [one.to_dict() for one in estimates.findings[0]],
    }


def describe_result(analysis: SeriesAnalysis) -> dict[str, Any]:
    """Tell all that the page shows of an analysis.

    Parameters
    ----------
    analysis : SeriesAnalysis

    Returns
    -------
    dict
    """
    protocol, estimates = analysis.protocol, analysis.estimates
    origin = analysis.origin
    regions = {
        name: region_in_pixels(region, protocol.shape, protocol.pixel_size, origin)
        for name, region in dict(protocol.rows or ()).items()
        if region is not None
    }
    told = analysis.seen.told if analysis.seen is not None else None
    known = protocol if analysis.start == "told" or told is None else told
    described = {
        **describe_values(estimates),
        "name": analysis.name,
        "model": analysis.model,
        "start": analysis.start,
        "curve": describe_curve(protocol, analysis.curve, analysis.fitted, deviations_of(analysis)),
        "alternatives": analysis.alternatives.to_records(),
        "sources": analysis.sources,
        "n_frames": protocol.n_frames,
    }
    if analysis.prebleach is None:  # of a table, whose field is made up
        return described
    return described | {
        "region": region_in_pixels(known.bleach_region, known.shape, known.pixel_size, origin),
        "outline": outline_of(known.bleach_mask, origin),
        "seen": region_in_pixels(
            protocol.bleach_region, protocol.shape, protocol.pixel_size, origin
        )
        if analysis.start == "measured"
        else None,
        "compartment": None
        if protocol.compartment is None
        else outline_of(protocol.compartment_mask, origin),
        "rows": regions,
        "drift": _drift(analysis),
    }


def _drift(analysis):
    """Tell how far the sample has moved in each frame, pixels, where frames are aligned by it."""
    drift = analysis.drift
    if drift is None or not analysis.aligned:
        return None
    return [[float(x), float(y)] for x, y in drift.shifts]
