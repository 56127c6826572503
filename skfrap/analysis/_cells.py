"""The compartment of a series, and what is measured in it: as told, as stored, or as found."""

from pathlib import Path

import numpy as np

from skfrap._checks import Argument, ArgumentError
from skfrap.analysis._region import REGIONS
from skfrap.experiment import Compartment, Mask, parse_region
from skfrap.io import read_image
from skfrap.io._rois import read_roi, split_name
from skfrap.preprocessing import find_compartment

NO_COMPARTMENT, FOUND = "none", "auto"
_WHOLE = "compartment"
_INSIDE = 0.75  # of the bleach region, that one piece, or one label, of an image must hold
_KINDS = "'auto', 'none', a region, the file of an image of it, or a Compartment"


def in_compartment(protocol, before, options, stored, sources):
    """Put the compartment, and the rows that are measured in it, into a protocol.

    Parameters
    ----------
    protocol : FRAPProtocol
        Of an open field.
    before : ndarray of shape (ny, nx)
        Average frame before bleaching, not evened out.
    options : ExperimentOptions
    stored : FRAPProtocol or None
        As it is in the file.
    sources : dict
        Is told where they come from.

    Returns
    -------
    FRAPProtocol

    Raises
    ------
    ValueError
        If it is not found, or does not go with the rest.
    """
    given, rows = options.compartment, options.rows
    if given is None and stored is not None and stored.compartment is not None:
        given, rows = stored.compartment, stored.rows if rows is None else rows
        sources["compartment"] = "protocol in the file"
    if given is None or (isinstance(given, str) and given == NO_COMPARTMENT):
        if options.rows is not None:
            raise ArgumentError(
                Argument("rows"),
                " are measured in a compartment, and there is none; tell it, or have it found (",
                Argument("compartment", "compartment='auto'", "auto"),
                ").",
            )
        if given is not None:
            sources["compartment"] = "none, given"
        return protocol
    if isinstance(given, str) and given == FOUND:
        found = find_compartment(before, protocol)
        given, sources["compartment"] = found.compartment, found.reason
    elif isinstance(given, str | Path):
        sources["compartment"] = f"given, {given}"
        given, words = _read(str(given), protocol)
        sources["compartment"] += f", {words}" if words else ""
    sources.setdefault("compartment", "given")
    if rows is not None:
        rows = _rows(rows, protocol.pixel_size, protocol.shape)
        names = [name if isinstance(name, str) else name[0] for name in rows]
        sources["rows"] = f"the bleach region, {', '.join(names)}; fitted together"
    return protocol.replace(compartment=given, rows=rows)


def before_of(series, protocol, options):
    """Return the average frame before bleaching, above the dark level, (ny, nx)."""
    frames = series.frames[: protocol.n_prebleach]
    return np.mean(frames, axis=0, dtype=float) - options.dark_level


def check_compartment(options):
    """Check what is said of a compartment before any file is read."""
    given, rows = options.compartment, options.rows
    known = given is None or isinstance(given, str | Path | Compartment)
    if not known and not _is_region(given):
        raise ArgumentError(Argument("compartment"), f" must be {_KINDS}, got {given!r}.")
    if rows is None:
        return
    if given == NO_COMPARTMENT:
        raise ArgumentError(
            Argument("rows"), " are measured in a compartment, and it is 'none'; leave one out."
        )
    if options.fading == "frame" and _WHOLE in _names(rows):
        raise ArgumentError(
            Argument("fading", "fading='frame'", "frame"),
            " divides every frame by the light of the compartment, which is what the row "
            "'compartment' (",
            Argument("rows"),
            ") measures; choose one of the two.",
        )


def _names(rows):
    if isinstance(rows, str):
        return [rows]
    if _is_region(rows):
        return []
    return [one if isinstance(one, str) else one[0] for one in rows if not _is_region(one)]


def _is_region(one):
    return hasattr(one, "area_fractions")


def _rows(rows, pixel_size, shape=None):
    """Read rows that are given as text: ``compartment``, or a name, a colon and a region."""
    if isinstance(rows, str):
        rows = (rows,)
    elif _is_region(rows):
        rows = (("reference", rows),)
    elif hasattr(rows, "items"):
        rows = tuple(rows.items())
    return tuple(_row(one, pixel_size, shape) for one in rows)


def _row(one, pixel_size, shape):
    if _is_region(one):
        return "reference", one
    if not isinstance(one, str) or one == _WHOLE:
        return one
    name, _, text = one.partition(":")
    if not text or name in REGIONS:
        raise ArgumentError(
            Argument("rows"),
            f" are 'compartment' or a name with a region, as reference:circle:2@8,9; got {one!r}.",
        )
    if text.partition(":")[0] in REGIONS:
        return name, parse_region(text, pixel_size)
    if split_name(text) is not None and shape is not None:
        return name, read_roi(text, pixel_size, shape, (name.casefold(),))[0]
    if not Path(text).is_file():
        raise ArgumentError(
            Argument("rows"),
            f": {text!r} of the row {name!r} is neither a region, as circle:2@8,9, nor the file "
            "of an image of it.",
        )
    return name, Mask.from_image(read_image(text))


def _read(text, protocol):
    """Read a compartment from text, or from the file of an image: white on black, or labels."""
    if text.partition(":")[0] in REGIONS:
        return parse_region(text, protocol.pixel_size), ""
    if split_name(text) is not None:
        wanted = ("cell", "nucle", "whole", "compartment")
        region, name = read_roi(text, protocol.pixel_size, protocol.shape, wanted)
        return region, f"ImageJ's region {name!r}"
    if not Path(text).is_file():
        raise ArgumentError(Argument("compartment"), f" must be {_KINDS}, got {text!r}.")
    image = np.asarray(read_image(text))
    if image.shape != protocol.shape:
        raise ValueError(
            f"the image of the compartment, {text}, has {image.shape} pixels, and the series has "
            f"{protocol.shape}; give an image of the same field."
        )
    bleached = protocol.bleach_mask >= 0.5 * protocol.bleach_mask.max()
    values, counts = np.unique(image[bleached], return_counts=True)
    most, share = values[counts.argmax()], counts.max() / counts.sum()
    n_values = len(np.unique(image))
    if most > 0 and share >= _INSIDE and n_values <= 1 + image.size // 100:
        words = f"its label {most:g}" if n_values > 2 else ""
        return Compartment(Mask((image == most).astype(float))), words
    raise ValueError(
        f"the image of the compartment, {text}, has no piece of one value that holds the bleach "
        "region; draw it white on black, or as one label for each cell, in the frame of the series."
    )
