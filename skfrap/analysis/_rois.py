"""Regions that are measured and not modelled: the background, and a reference without a cell."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from skfrap._checks import Argument, ArgumentError
from skfrap.analysis._cells import NO_COMPARTMENT
from skfrap.analysis._region import REGIONS
from skfrap.experiment import Mask, parse_region
from skfrap.io import read_image
from skfrap.io._rois import read_roi, split_name

_WORDS = ("auto", "subtract", "divide", "none")


def is_word(background):
    """Tell whether `background` says what to do with the prebleach image, and is no region."""
    return isinstance(background, str) and background in _WORDS


def resolved(options, series, protocol, sources):
    """Measure the dark level in the background region, and place the reference.

    Parameters
    ----------
    options : ExperimentOptions
    series : ImageSeries
    protocol : FRAPProtocol
    sources : dict
        Is told what was taken from where.

    Returns
    -------
    ExperimentOptions
        With a number for the dark level, a word for `background`, and the reference as a region, or
        as a row of the model where there is a compartment.
    """
    if not is_word(options.background):
        region, words = _placed(options.background, protocol, "background", ("back", "bg", "dark"))
        weights = _fractions(region, protocol, "background")
        means = [np.average(np.asarray(frame, float), weights=weights) for frame in series.frames]
        level = float(np.mean(means))
        sources["dark level"] = f"{level:.5g}, the mean over the background region, {words}"
        options = replace(options, background="auto", dark_level=level)
    if options.reference is None:
        return options
    region, words = _placed(options.reference, protocol, "reference", ("ref", "cell", "nucle"))
    _fractions(region, protocol, "reference")
    if options.compartment not in (None, NO_COMPARTMENT):
        rows = options.rows
        rows = () if rows is None else (rows,) if isinstance(rows, str) else tuple(rows)
        sources["reference"] = f"{words}, a row of the model"
        return replace(options, rows=(*rows, ("reference", region)), reference=None)
    sources["reference"] = f"{words}; each frame is divided by its light"
    return replace(options, reference=region)


def check_regions(options):
    """Check what is said of both before any file is read."""
    if options.reference is not None and options.fading != "none":
        raise ArgumentError(
            Argument("reference"),
            " undoes fading, and ",
            Argument("fading", f"fading={options.fading!r}", options.fading),
            " does so too; choose one of the two.",
        )
    for name in ("background", "reference"):
        _check_one(name, getattr(options, name))
    given = options.background
    if not is_word(given) and isinstance(given, str) and options.dark_level:
        raise ArgumentError(
            Argument("background"),
            " is a region, whose mean is the dark level, and ",
            Argument("dark_level"),
            f" is given, {options.dark_level:g}; choose one of the two.",
        )


def _check_one(name, given):
    """Refuse text that is no region, and no file of one."""
    if given is None or is_word(given) or hasattr(given, "area_fractions"):
        return
    text = str(given)
    known = text.partition(":")[0] in REGIONS or split_name(text) is not None
    if isinstance(given, str | Path) and (known or Path(text).is_file()):
        return
    words = f"one of {_WORDS}, " if name == "background" else ""
    raise ArgumentError(
        Argument(name),
        f" must be {words}a region, as circle:2@8,9, a file of ImageJ's regions, as "
        f"rois.zip:{name}, or the file of an image of it, got {given!r}.",
    )


def _placed(given, protocol, name, wanted):
    """Read a region from text, from ImageJ's, or from an image of it."""
    if not isinstance(given, str | Path):
        return given, f"given, {given!r}"
    text = str(given)
    if text.partition(":")[0] in REGIONS:
        return parse_region(text, protocol.pixel_size), f"given, {text}"
    if split_name(text) is not None:
        region, found = read_roi(text, protocol.pixel_size, protocol.shape, wanted)
        return region, f"given, {text}, ImageJ's region {found!r}"
    return Mask.from_image(read_image(text)), f"given, {text}"


def _fractions(region, protocol, name):
    try:
        return region.area_fractions(protocol.shape, protocol.pixel_size)
    except ValueError as error:
        raise ValueError(str(error).replace("bleach_region", name)) from None
