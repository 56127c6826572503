"""The experiment behind a table of intensities: its clock, its regions, and its curve."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skfrap._checks import Argument, ArgumentError, check_choice, check_count
from skfrap.analysis._cells import NO_COMPARTMENT, _rows
from skfrap.analysis._clock import EndOfBleaching, end_of_bleaching
from skfrap.analysis._experiment import unlikely_pixel
from skfrap.analysis._options import ExperimentOptions
from skfrap.analysis._region import REGIONS
from skfrap.analysis._rois import is_word
from skfrap.experiment import Circle, FRAPProtocol, parse_region
from skfrap.io import IntensityTable, read_table
from skfrap.io.tables._cells import SUFFIXES, suffix_of
from skfrap.models import MODELS
from skfrap.preprocessing import Normalizer
from skfrap.preprocessing._normalise import METHODS

NORMALISATIONS = ("auto", *METHODS)

_FIELD = 128  # pixels: what is around the region matters to no curve of an open field
_IN_RADIUS = 10  # pixels, where their size plays no part
_ACROSS = 96, 192  # pixels of a compartment's field, least and most
_MARGIN = 1.08
_WITHOUT = "exponential"  # the model that needs no region
SHAPELESS = ("exponential", "reaction")  # they know times and no lengths
_OF_IMAGES = (  # options, what they are where nothing is asked for, and what to do instead
    ("times", (), "put a column of times into it"),
    ("dark_level", (0.0, "auto"), "give it a column named background"),
    ("fading", ("none",), "give it a column named reference"),
    ("background", ("auto", "none"), "give it a column named background"),
    ("drift", ("auto", "none"), "align the images and measure them again"),
    ("recenter", (False,), "leave it out"),
    ("data", ("curve", "both"), "analyse the images themselves"),
)


class CurveOfTable(NamedTuple):
    """One recovery curve of a table, and what is known of its experiment.

    Attributes
    ----------
    table : IntensityTable
    curve : ndarray of shape (1, n_values)
    protocol : FRAPProtocol
    options : ExperimentOptions
        With the model that is fitted.
    sources : dict of str to str
    findings : list of Finding
    has_region : bool
        Whether the bleach region is known; else that of the protocol is made up, and plays no part.
    """

    table: IntensityTable
    curve: np.ndarray
    protocol: FRAPProtocol
    options: ExperimentOptions
    sources: dict
    findings: list
    has_region: bool


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
    return isinstance(source, str | Path) and suffix_of(source) in SUFFIXES


def curve_of_table(
    source: str | Path, options: ExperimentOptions, models: Sequence[str] | None = None
) -> CurveOfTable:
    """Read a table, put its experiment together, and normalise its curve.

    Parameters
    ----------
    source : path
    options : ExperimentOptions
    models : sequence of str, default=None
        Which are to be fitted. None is that of the options, or an exponential where no bleach
        region is given.

    Returns
    -------
    CurveOfTable

    Raises
    ------
    ValueError
        If the table is not understood, or something about the experiment is missing.
    """
    check_choice("normalisation", options.normalisation, NORMALISATIONS)
    _refuse_what_is_of_images(options)
    for one in models or ():
        _refuse_without_region(options, one)
    table = read_table(
        source,
        columns=options.columns,
        frame_interval=options.frame_interval,
        n_prebleach=options.n_prebleach,
        sheet=options.sheet,
    )
    options, model_words = _model_for(options) if models is None else (options, "")
    has_region = options.bleach_region is not None
    n = table.n_prebleach
    if n is None or not 1 <= n < len(table) - 1:
        raise ArgumentError(
            f"{source} does not show when bleaching was ("
            f"{table.sources['prebleach frames']}); give the number of frames before bleaching (",
            Argument("n_prebleach"),
            ").",
        )
    sources = dict(table.sources)
    if model_words:
        sources["model"] = model_words
    times, kept, end, findings = _clock(table, options, sources)
    protocol = _field(table, times, end, options, sources, findings)
    rows = protocol.rows is not None
    curve, words = _normalised(table, n, kept, options.normalisation, rows)
    sources["normalisation"] = words
    return CurveOfTable(
        table, curve, protocol, options, sources, [*table.findings, *findings], has_region
    )


def _refuse_what_is_of_images(options):
    """Refuse what is said of images: of a table it would do nothing, without a word."""
    for name, told in (("reference", options.reference is not None),
                       ("background", not is_word(options.background))):  # fmt: skip
        if told:
            raise ArgumentError(
                Argument(name),
                f" is a region of images; say which column of the table is the {name} (",
                Argument("columns"),
                f", as {name}=NAME).",
            )
    for name, neutral, instead in _OF_IMAGES:
        value = getattr(options, name)
        if value is not None and (np.ndim(value) or value not in neutral):
            raise ArgumentError(
                Argument(name), f" is of images, and does nothing to a table; {instead}."
            )


def _refuse_without_region(options, model):
    """Refuse a model of lengths where no region is given."""
    if options.bleach_region is None and model not in SHAPELESS:
        raise ArgumentError(
            f"the model {model!r} needs the bleach region (",
            Argument("bleach_region"),
            ", e.g. circle:1.5 in µm), which no table holds; without it there are a half-time and "
            "a mobile fraction (",
            Argument("model", "model='exponential'", "exponential"),
            ").",
        )


def _model_for(options):
    """Take the model that needs no region, where none is given."""
    if options.bleach_region is not None or options.model in SHAPELESS:
        return options, ""
    known = MODELS[_WITHOUT].defaults()
    asked = [*options.free, *(name for name in options.fixed or () if name not in ("a", "b"))]
    if options.model != "diffusion" or any(name not in known for name in asked):
        _refuse_without_region(options, options.model)
    free = options.free
    if "mobile_fraction" not in asked:
        free = (*free, "mobile_fraction")
    words = "exponential, since no bleach region is given, without which there is no D"
    return replace(options, model=_WITHOUT, free=free), words


def _clock(table, options, sources):
    """Return times of the frames that are used, which they are, and the end of bleaching."""
    times, n = table.times_s, table.n_prebleach
    sources["frame times"] = table.sources["frame times"]
    skipped = table.n_bleach_recorded
    told = (options.n_bleach, options.bleach_duration, options.first_postbleach)
    empty = table.bleach_times_s
    during = np.sort(np.concatenate([empty, times[n : n + skipped]]))
    findings = []
    if len(during) and told == (None, None, None):
        before = end_of_bleaching(times, n, 1)
        first = float(times[n + skipped] - during[-1])
        interval = float(np.median(np.diff(during))) if len(during) > 1 else None
        words = f"{first:.4g} s before the first frame after it, by the last bleach frame"
        end = EndOfBleaching(before.frame_interval, first, interval, words)
        n_bleach = len(during)
        sources["bleach frames"] = f"{n_bleach}, as the table shows"
    else:
        n_bleach = check_count("n_bleach", 1 if options.n_bleach is None else options.n_bleach)
        sources["bleach frames"] = f"{n_bleach}, {'given' if options.n_bleach else 'assumed'}"
        duration = options.bleach_duration
        interval = None if duration is None else duration / n_bleach
        used = np.delete(times, np.arange(n, n + skipped))
        end = end_of_bleaching(used, n, n_bleach, options.first_postbleach, interval)
        # When bleaching ended moves no half-time; D it does.
        wanted = end.finding and options.bleach_region is not None
        findings = [end.finding] if wanted else []
    sources["end of bleaching"] = end.words
    after = times[n + skipped :] - times[n + skipped] + end.first
    skip = check_count("skip", options.skip, 0)
    wanted = np.arange(len(after)) >= skip
    if options.until is not None:
        wanted &= after <= options.until
    if wanted.sum() < 2 or (after[wanted] <= 0).any():
        raise ArgumentError(
            Argument("skip"),
            f"={options.skip} and ",
            Argument("until"),
            f"={options.until} leave {wanted.sum()} of {len(after)} frames after bleaching, of "
            f"which {int((after[wanted] <= 0).sum())} are before its end; two are needed.",
        )
    kept = np.concatenate([np.ones(n, bool), np.zeros(skipped, bool), wanted])
    return np.round(after[wanted], 9), kept, (end, n_bleach), findings


def _field(table, after, end, options, sources, findings):
    """Make the protocol: a field about the regions, as fine as a curve needs."""
    end, n_bleach = end
    clock = {
        "n_prebleach": table.n_prebleach,
        "frame_interval": end.frame_interval,
        "postbleach_times": after,
    }
    if options.bleach_region is None:
        if options.compartment not in (None, NO_COMPARTMENT):
            raise ArgumentError(
                Argument("compartment"),
                " is of use only with the bleach region (",
                Argument("bleach_region"),
                ", e.g. circle:1.5 in µm); give both.",
            )
        sources["bleach region"] = "not given; half-time and mobile fraction need none"
        # Of any number of bleach frames an exponential knows what they leave together.
        return FRAPProtocol(
            shape=(64, 64), pixel_size=1.0, bleach_region=Circle(10.0), n_bleach=1, **clock
        )
    clock |= {"n_bleach": n_bleach, "bleach_interval": end.bleach_interval}
    if options.padding is not None:
        clock["padding"] = options.padding
    pixel = options.pixel_size
    findings += unlikely_pixel(pixel)
    region = _region(options.bleach_region, pixel, "bleach_region")
    sources["bleach region"] = f"given, {options.bleach_region}"
    if options.compartment in (None, NO_COMPARTMENT):
        if options.rows is not None:
            raise ArgumentError(
                Argument("rows"),
                " are measured in a compartment, and there is none; give it (",
                Argument("compartment"),
                ", as ellipse:9x6 in µm).",
            )
        if pixel is None:
            if not isinstance(region, Circle):
                raise ArgumentError(
                    "a bleach region that is no circle in µm needs the pixel size (",
                    Argument("pixel_size"),
                    ", µm).",
                )
            pixel = region.radius / _IN_RADIUS
        region = Circle(region.radius) if isinstance(region, Circle) else region
        return FRAPProtocol(shape=(_FIELD, _FIELD), pixel_size=pixel, bleach_region=region, **clock)
    compartment = _region(options.compartment, pixel, "compartment")
    shape, pixel = _around(region, compartment, pixel)
    sources["compartment"] = f"given, {options.compartment}"
    field = {"shape": shape, "pixel_size": pixel, "bleach_region": region} | clock
    field["compartment"] = compartment
    if options.rows is None and "reference" not in table.rows:
        sources["rows"] = "the bleach region alone, since the table has no reference column"
        return FRAPProtocol(**field)
    rows = ("compartment",) if options.rows is None else _rows(options.rows, pixel)
    if len(rows) != 1:
        raise ArgumentError(
            Argument("rows"),
            f" name {len(rows)} regions, and a table has one reference column; name one.",
        )
    name = rows[0] if isinstance(rows[0], str) else rows[0][0]
    sources["rows"] = f"the bleach region and {name}, by the reference column; fitted together"
    return FRAPProtocol(rows=rows, **field)


def _region(given, pixel, name):
    """Read a region from text; pixels need their size."""
    if not isinstance(given, str | Path):
        return getattr(given, "region", given)
    text = str(given)
    if text.partition(":")[0] not in REGIONS:
        raise ArgumentError(
            Argument(name),
            f" of a table is a region, as circle:1.5 or ellipse:9x6 in µm, got {text!r}; there is "
            "no image to find it in.",
        )
    if "px" in text and pixel is None:
        raise ArgumentError(
            Argument(name),
            f" {text!r} is in pixels: give their size (",
            Argument("pixel_size"),
            ", µm).",
        )
    return parse_region(text, 1.0 if pixel is None else pixel)


def _around(region, compartment, pixel):
    """Return the shape and the pixel size of a field that holds a compartment."""
    placed = [getattr(one, "center", "corners") is not None for one in (region, compartment)]
    if any(placed) and not all(placed):
        raise ArgumentError(
            "either both or none of ",
            Argument("bleach_region"),
            " and ",
            Argument("compartment"),
            " have a place (@X,Y in µm): without, both are in the middle.",
        )
    x0, x1, y0, y1 = compartment._extent((0, 0), 1.0)
    reach = max(x1, y1) if all(placed) else max(x1 - x0, y1 - y0)
    if not any(placed):
        reach *= _MARGIN
    a0, a1, b0, b1 = region._extent((0, 0), 1.0)
    radius = 0.5 * min(a1 - a0, b1 - b0)
    if pixel is None:
        across = np.clip(reach / (radius / _IN_RADIUS), *_ACROSS)
        pixel = reach / across
    n = int(np.ceil(reach * (_MARGIN if all(placed) else 1.0) / pixel)) + 2
    return (n, n), pixel


def _normalised(table, n_prebleach, kept, method, rows):
    """Return the curve (1, n_values), and what was done to it."""
    has = table.rows
    if method == "auto":
        method = "double" if "reference" in has and not rows else "single"
    if method == "double" and "reference" not in has:
        raise ArgumentError(
            Argument("normalisation", "normalisation='double'", "double"),
            " divides by a reference, and ",
            f"{table.path} has no such column; say which it is (",
            Argument("columns"),
            ", as reference=NAME).",
        )
    if rows and "reference" not in has:
        raise ArgumentError(
            Argument("rows"),
            f" is measured in the reference column, and {table.path} has none; say which it is (",
            Argument("columns"),
            ", as reference=NAME).",
        )
    if rows and method in ("double", "full_scale"):
        raise ArgumentError(
            "a row of the model (",
            Argument("compartment"),
            ", ",
            Argument("rows"),
            ") takes the place of a division by the reference column: leave out ",
            Argument("normalisation"),
            ".",
        )
    X = np.concatenate([getattr(table, role)[kept] for role in has])[np.newaxis]
    normalizer = Normalizer(method, n_prebleach=n_prebleach, rows=has)
    curve = normalizer.fit_transform(X)
    if method == "none":
        scale = curve[:, :n_prebleach].mean()
        if not scale > 0:
            raise ValueError(f"{table.path} has no light before bleaching.")
        return (
            curve / scale,
            "none: the column as it is, its mean before bleaching taken as the unit",
        )
    if rows:
        order = {"bleach": "reference", "reference": "bleach"}
        swapped = tuple(order.get(one, one) for one in has)
        whole = Normalizer(method, n_prebleach=n_prebleach, rows=swapped).fit_transform(X)
        words = "each row over its mean before bleaching; no division by the reference"
        return np.concatenate([curve, whole], axis=1), words + _above(has)
    parts = ["over the mean before bleaching"]
    if "reference" in has and method != "single":
        parts.append("and over the reference")
    words = f"{method.replace('_', ' ')}: {' '.join(parts)}{_above(has)}"
    if method == "single" and "reference" in has:
        words += "; the reference plays no part"
    return curve, words


def _above(has):
    return ", above the background" if "background" in has else "; no background is subtracted"
