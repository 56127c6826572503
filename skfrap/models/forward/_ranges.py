"""Ranges of parameters that a model is interpolated over."""

import numpy as np

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


def check_range(name, given, known):
    """Return the ends of a range of one of the known parameters; say what is wrong with it."""
    if name not in known:
        raise ValueError(f"ranges can be given for {known}, got {name!r}.")
    lowest, highest = map(float, given)
    positive = parameter(name).is_logarithmic
    least = parameter(name).lowest
    if not (-np.inf < lowest < highest < np.inf and (lowest > 0 if positive else lowest >= least)):
        above = " and positive" if positive else " and not negative" if least == 0 else ""
        raise ValueError(f"the range of {name} must be increasing, finite{above}, got {given!r}.")
    return lowest, highest
