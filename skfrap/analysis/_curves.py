"""From a table of one recovery curve to a result, with profiles of the patch if there are any."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from skfrap._checks import Argument, ArgumentError, check_count
from skfrap.analysis._alternatives import other_fits
from skfrap.analysis._analyse import SeriesAnalysis
from skfrap.analysis._cells import NO_COMPARTMENT
from skfrap.analysis._clock import end_of_bleaching
from skfrap.analysis._options import ExperimentOptions, make_regressor
from skfrap.analysis._seen import SeenStart, bounds_of
from skfrap.analysis._starts import Told, Witness, alternatives_of, chosen_start, source_of_start
from skfrap.analysis._witness import FAR, contradiction, difference_of
from skfrap.estimators import MeasuredStartFRAP
from skfrap.experiment import Circle, FRAPProtocol, MeasuredStart, parse_region
from skfrap.models.starts import half_radius
from skfrap.results import Alternatives
from skfrap.results._reading import read_table

SUFFIXES = (".csv", ".tsv", ".txt")
"""Of files that are tables of curves."""

_FIELD = 128  # pixels: what is around the region matters to no curve
_IN_RADIUS = 10  # pixels, where their size plays no part
_TIMES, _CURVES = ("time",), ("intensity", "curve", "frap")
_RADII, _PROFILES = ("radius", "distance"), ("intensity", "profile")
_MORE_MISSING = "more is missing in the first frame than the region told can have lost"


def is_table(source: Any) -> bool:
    """Tell whether a source is the file of a table.

    Parameters
    ----------
    source : object
        What is to be analysed.

    Returns
    -------
    bool
        By the end of its name.
    """
    return isinstance(source, str | Path) and Path(source).suffix.lower() in SUFFIXES


def analyse_curve(source: str | Path, options: ExperimentOptions | None = None) -> SeriesAnalysis:
    """Analyse a table of one recovery curve: estimate as told, and as its profiles show the start.

    Parameters
    ----------
    source : path
        Of a table with a column of times in s, and one of intensities, above the dark level and
        corrected for fading, in any unit. Times below 0 are before bleaching, unless the options
        say how many are.
    options : ExperimentOptions, default=None
        With the bleach region, a circle in µm, and profiles where there are any.

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
    _check_no_compartment(options)
    path = Path(source)
    times, curve = _two_columns(path, _TIMES, _CURVES, "times in s and intensities")
    protocol, sources, findings = _experiment(times, options)
    n = protocol.n_prebleach
    curve = curve / curve[:n].mean()
    if not np.isfinite(curve).all():
        raise ValueError(f"{path}: intensities before bleaching have no mean to divide by.")
    curve = curve[np.newaxis]
    regressor = make_regressor(protocol, options).fit(curve)
    estimates = regressor.estimate(curve, level=options.level)
    others = other_fits(estimates, curve, regressor, options)
    told: Any = Told(curve, regressor, estimates, None, [], [], others)
    seen, unseen = _seen(curve, protocol, options, sources)
    witness = _witness(told, seen)
    start = chosen_start(options, told, seen, witness, unseen)
    sources["start"] = source_of_start(options, start, told, witness, unseen)
    sources["start"] = _of_profiles(sources["start"])
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
        name=path.stem,
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
    )


def _check_no_compartment(options):
    """Refuse what only images can tell, or be measured in."""
    asked = [
        Argument(name)
        for name, value in (("compartment", options.compartment), ("rows", options.rows))
        if value not in (None, NO_COMPARTMENT)
    ]
    if asked:
        raise ArgumentError(
            asked[0],
            " is of images: a table has one curve, and no outline. In Python, fit the curve with "
            "FRAPProtocol(compartment=...).",
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


def _experiment(times, options):
    """Put the experiment of a curve together."""
    if len(times) < 4 or (np.diff(times) <= 0).any():
        raise ValueError(f"times must be 4 at least and increase, got {len(times)}.")
    sources = {"frame times": "table"}
    n_prebleach = options.n_prebleach
    sources["prebleach frames"] = "given"
    if n_prebleach is None:
        n_prebleach = int(np.sum(times < 0))
        sources["prebleach frames"] = f"{n_prebleach}, at times below 0"
    if options.bleach_region is None or not 1 <= n_prebleach < len(times) - 1:
        raise ArgumentError(
            "a table of a curve does not say all: give the bleach region (",
            Argument("bleach_region"),
            ", e.g. circle:1.5 in µm), and the number of frames before bleaching (",
            Argument("n_prebleach"),
            ") unless those are at times below 0.",
        )
    region, pixel = options.bleach_region, options.pixel_size
    if isinstance(region, str | Path):
        region = parse_region(str(region), 1.0 if pixel is None else pixel)
    sources["bleach region"] = f"given, {options.bleach_region}"
    if pixel is None:
        if not isinstance(region, Circle) or "px" in str(options.bleach_region):
            raise ArgumentError(
                "a bleach region that is no circle in µm needs the pixel size (",
                Argument("pixel_size"),
                ", µm).",
            )
        pixel = region.radius / _IN_RADIUS
    region = Circle(region.radius) if isinstance(region, Circle) else region
    n_bleach = check_count("n_bleach", 1 if options.n_bleach is None else options.n_bleach)
    sources["bleach frames"] = f"{n_bleach}, {'given' if options.n_bleach else 'assumed'}"
    duration = options.bleach_duration
    interval = None if duration is None else duration / n_bleach
    end = end_of_bleaching(times, n_prebleach, n_bleach, options.first_postbleach, interval)
    sources["end of bleaching"] = end.words
    protocol = FRAPProtocol(
        shape=(_FIELD, _FIELD),
        pixel_size=pixel,
        bleach_region=region,
        n_prebleach=n_prebleach,
        n_bleach=n_bleach,
        frame_interval=end.frame_interval,
        postbleach_times=np.round(times[n_prebleach:] - times[n_prebleach] + end.first, 9),
        bleach_interval=end.bleach_interval,
    )
    return protocol, sources, [end.finding] if end.finding else []


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
