"""From a table of one recovery curve to a result, with profiles of the patch if there are any."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from skfrap._checks import Argument, ArgumentError
from skfrap.analysis._alternatives import other_fits
from skfrap.analysis._analyse import SeriesAnalysis
from skfrap.analysis._options import ExperimentOptions, make_regressor
from skfrap.analysis._seen import SeenStart, bounds_of
from skfrap.analysis._starts import Told, Witness, alternatives_of, chosen_start, source_of_start
from skfrap.analysis._tables import curve_of_table
from skfrap.analysis._witness import FAR, contradiction, difference_of
from skfrap.estimators import MeasuredStartFRAP
from skfrap.experiment import Circle, MeasuredStart
from skfrap.models.starts import half_radius
from skfrap.results import Alternatives
from skfrap.results._reading import read_table

_RADII, _PROFILES = ("radius", "distance"), ("intensity", "profile")
_MORE_MISSING = "more is missing in the first frame than the region told can have lost"


def analyse_curve(source: str | Path, options: ExperimentOptions | None = None) -> SeriesAnalysis:
    """Analyse a table of one recovery curve: estimate as told, and as its profiles show the start.

    Parameters
    ----------
    source : path
        Of a table, as :func:`skfrap.io.read_table` takes it.
    options : ExperimentOptions, default=None
        With the bleach region in µm where D is wanted, and profiles where there are any. Without a
        region half-time and mobile fraction of an exponential are estimated.

    Returns
    -------
    SeriesAnalysis
        Without images.

    Raises
    ------
    ValueError
        If columns are not found, or the experiment is not known.
    """
    options = ExperimentOptions() if options is None else options
    read = curve_of_table(source, options)
    curve, protocol, options = read.curve, read.protocol, read.options
    sources, findings = read.sources, read.findings
    regressor = make_regressor(protocol, options).fit(curve)
    estimates = regressor.estimate(curve, level=options.level)
    others = other_fits(estimates, curve, regressor, options)
    told: Any = Told(curve, regressor, estimates, None, [], [], others)
    seen, unseen = _seen(curve, protocol, options, sources)
    witness = _witness(told, seen)
    start = chosen_start(options, told, seen, witness, unseen)
    sources["start"] = source_of_start(options, start, told, witness, unseen)
    sources["start"] = _of_profiles(sources["start"])
    if not read.has_region:
        del sources["start"]  # of a start nothing is asked without a region
    of_told, of_seen = [*findings, *witness.of_told], [*findings, *witness.of_seen]
    alternatives = alternatives_of(told, seen, options, of_told, of_seen, start, witness)
    alternatives = Alternatives(
        tuple(replace(one, why=_of_profiles(one.why)) for one in alternatives)
    )
    noticed = of_told if start == "told" else of_seen
    estimates = (told if start == "told" else seen).estimates
    if witness.contradicts:  # which says that too
        kept = [one for one in estimates.findings[0] if one.code != "told_region_contradicted"]
        estimates = replace(estimates, findings=(tuple(kept),))
    estimates = estimates.with_findings(noticed)
    fitted = told.estimates.fit.curves[0]
    if start == "measured":
        fitted = _curve_as_seen(seen, protocol)
    return SeriesAnalysis(
        name=read.table.name,
        protocol=protocol,
        model=options.model,
        curve=curve[0],
        fitted=fitted,
        estimates=estimates,
        sources=sources,
        prebleach=None,
        bleached=None,
        info={},
        findings=tuple(noticed),
        start=start,
        alternatives=alternatives,
        seen=seen,
        data="curve" if start == "told" else "rings",
        has_region=read.has_region,
    )


def _of_profiles(words):
    """Speak of what there is: a curve has no images."""
    return words.replace("the images", "the profiles")


def _two_columns(path, first, second, what):
    """Read two columns of a table: by their names, or the only two."""
    table = read_table(path)
    names = [*table]
    found = [
        next((name for name in names if name.lower().startswith(words)), None)
        for words in (first, second)
    ]
    if None in found or found[0] == found[1]:
        if len(names) != 2:
            raise ValueError(
                f"{path} has the columns {', '.join(names)}, and which hold {what} is not clear; "
                f"name them {first[0]} and {second[0]}, or leave two."
            )
        found = names
    columns = [np.asarray(table[name]) for name in found]
    for name, column in zip(found, columns, strict=True):
        if column.dtype.kind not in "if" or not np.isfinite(column).all() or not len(column):
            raise ValueError(f"{path}: the column {name} must hold finite numbers.")
    return [column.astype(float) for column in columns]


def _seen(curve, protocol, options, sources):
    """Measure the start by the profiles that are given, if any."""
    if options.first_profile is None:
        return None, "no profile of the first frame is given"
    if options.model != "diffusion":
        return None, "a start as seen is of free diffusion only"
    start = _start_of(options)
    sources["profiles"] = "first and last frames" if start.last_intensity else "first frame"
    radii = np.asarray(start.radius_um)
    first = 1 - np.asarray(start.intensity)
    size = half_radius(radii, first, np.maximum(radii, protocol.pixel_size))
    patch = protocol.replace(bleach_region=Circle(float(np.clip(size, 1e-3, 1e6))))
    bounds = bounds_of(patch, options)
    estimator = MeasuredStartFRAP(protocol, bounds, start=start).fit(curve)
    (measure,) = estimator.measure(curve, options.level)
    seen = protocol.times[protocol.n_prebleach :]
    return SeenStart(
        protocol=protocol,
        told=protocol,
        estimates=estimator.estimates_of([measure], options.level),
        measure=measure,
        radii=measure.radii,
        times=seen[:1],
        missing=measure.first[np.newaxis],
        fitted=measure.best.missing(np.zeros(1)),
    ), ""


def _start_of(options):
    """Make the measured start of profiles that are given as files."""
    if isinstance(options.first_profile, MeasuredStart):
        return options.first_profile
    what = "distances in µm and intensities"
    radius, first = _profile(options.first_profile, what)
    last = None
    if options.last_profile is not None:
        others, last = _profile(options.last_profile, what)
        if len(others) != len(radius) or not np.allclose(others, radius):
            raise ArgumentError(
                Argument("last_profile"),
                " must have the distances of ",
                Argument("first_profile"),
                ".",
            )
    return MeasuredStart.from_profile(radius, first, last)


def _profile(path, what):
    """Read a profile; pixels of the same distance are averaged."""
    radius, intensity = _two_columns(Path(path), _RADII, _PROFILES, what)
    distances, place = np.unique(radius.round(9), return_inverse=True)
    return distances, np.bincount(place, intensity) / np.bincount(place)


def _witness(told, seen):
    """Hold the start as told against the profiles."""
    if seen is None:
        return Witness(None, False, (), ())
    difference = difference_of(told.estimates, seen)
    lost = bool(seen.estimates.has_finding("told_region_contradicted")[0])
    if difference is not None and difference.errors > FAR:
        of_told, of_seen = contradiction(difference, [_MORE_MISSING] if lost else [], "profiles")
        return Witness(difference, True, (of_told,), (of_seen,))
    if lost:
        difference = difference_of(told.estimates, seen, doubtful=True)
    if lost and difference is not None:
        of_told, of_seen = contradiction(difference, [_MORE_MISSING], "profiles")
        return Witness(difference, True, (of_told,), (of_seen,))
    return Witness(difference, False, (), ())


def _curve_as_seen(seen, protocol):
    """Return the model's curve of the region, from the start as seen: 1 before bleaching."""
    weights = protocol.roi_weights
    places = np.argwhere(weights > 0)
    weights = weights[tuple(places.T)]
    offsets = places - np.average(places, axis=0, weights=weights)
    distances = np.hypot(*offsets.T) * protocol.pixel_size
    times = protocol.times[protocol.n_prebleach :]
    missing = [
        np.average(np.interp(distances, seen.radii, one), weights=weights)
        for one in seen.measure.best.missing(times - times[0])
    ]
    return np.concatenate([np.ones(protocol.n_prebleach), 1 - np.array(missing)])
