"""Ranges of parameters that a model is interpolated over."""

import numpy as np

from skfrap._checks import check_number
from skfrap.parameters import parameter


def shared_ranges(model, ranges):
    """Widen a range of D alone to the model's own, so that one surrogate serves all within it.

    Parameters
    ----------
    model : CurveModel
        With bounds of D.
    ranges : dict
        ``{name: (lowest, highest)}`` in natural units.

    Returns
    -------
    dict
        The same, if they are not of D alone.
    """
    if [*ranges] != ["D"]:
        return ranges
    lowest, highest = model.bounds["D"]
    return {"D": (min(lowest, ranges["D"][0]), max(highest, ranges["D"][1]))}


def checked_pairs(what, given):
    """Return ranges or known values as sorted pairs that can be looked up, (name, value).

    Parameters
    ----------
    what : {"ranges", "fixed"}
        The argument.
    given : mapping or None

    Returns
    -------
    tuple of tuple, or None
    """
    if given is None:
        return None
    if not hasattr(given, "items") or not all(isinstance(name, str) for name in given):
        value = "(lowest, highest)" if what == "ranges" else "value"
        raise ValueError(f"{what} must be {{name: {value}}}, got {given!r}.")
    if what == "ranges":
        return tuple((name, ends_of(name, given[name])) for name in sorted(given))
    return tuple((name, check_number(f"fixed[{name!r}]", given[name])) for name in sorted(given))


def ends_of(name, given):
    """Return the two ends of a range as floats; say what is wrong where there are not two."""
    try:
        if isinstance(given, str | bytes):
            raise TypeError
        lowest, highest = map(float, given)
    except (TypeError, ValueError):
        raise ValueError(
            f"ranges[{name!r}] must be two numbers, (lowest, highest), got {given!r}."
        ) from None
    return lowest, highest


def check_range(name, given, known):
    """Return the ends of a range of one of the known parameters; say what is wrong with it."""
    if name not in known:
        raise ValueError(f"ranges can be given for {known}, got {name!r}.")
    lowest, highest = ends_of(name, given)
    positive = parameter(name).is_logarithmic
    least = parameter(name).lowest
    if not (-np.inf < lowest < highest < np.inf and (lowest > 0 if positive else lowest >= least)):
        above = " and positive" if positive else " and not negative" if least == 0 else ""
        raise ValueError(f"the range of {name} must be increasing, finite{above}, got {given!r}.")
    return lowest, highest
