"""Checks of what a fit is asked to do."""

import numbers
from collections.abc import Mapping

import numpy as np

from skfrap.estimators._fitting import ALL
from skfrap.parameters import PARAMETERS, parameter


def check_parameters(parameters, fixed):
    """Check what is to be estimated and what is given; return the names of the former."""
    names = tuple(parameters)
    if not names or len({*names}) < len(names) or not {*names} <= {*ALL}:
        raise ValueError(f"parameters must be some of {ALL}, each once, got {parameters!r}.")
    missing = [name for name in ALL[:3] if name not in names and name not in fixed]
    if missing:
        raise ValueError(f"{missing} must be among the parameters or be given in fixed.")
    for name, value in fixed.items():
        if name not in ALL or name in names:
            raise ValueError(
                f"fixed must hold some of {ALL} that are not among the parameters, got {name!r}."
            )
        lowest, highest = PARAMETERS[name].lowest, PARAMETERS[name].highest
        if not isinstance(value, numbers.Real) or not lowest <= value <= highest:
            raise ValueError(
                f"fixed[{name!r}] must be a number between {lowest} and {highest}, got {value!r}."
            )
    return names


def complete_bounds(given, names, fixed, D_range):
    """Check bounds and complete them by defaults, and by what is fixed as bounds of no width.

    Parameters
    ----------
    given : dict or None
        ``{name: (lowest, highest)}`` in natural units.
    names : sequence of str
        What is estimated.
    fixed : dict
        ``{name: value}`` of what is not.
    D_range : tuple of float
        Default for D, µm²/s.

    Returns
    -------
    dict
        For all of `ALL`.
    """
    bounds = {
        "D": D_range,
        "c0": (0.0, np.inf),
        "alpha": (0.0, 1.0),
        "mobile_fraction": (0.0, 1.0) if "mobile_fraction" in names else (1.0, 1.0),
    }
    if not isinstance(given, Mapping | None):
        raise ValueError(
            f"bounds must be a dictionary of (lowest, highest) by parameter name, got {given!r}."
        )
    bounds |= {name: (float(value),) * 2 for name, value in fixed.items()}
    for name, ends in (given or {}).items():
        description = parameter(name)
        if name not in names:
            raise ValueError(f"bounds can be given for the parameters {names}, got {name!r}.")
        try:
            lowest, highest = map(float, ends)
        except (TypeError, ValueError):
            raise ValueError(f"bounds[{name!r}] must be two numbers, got {ends!r}.") from None
        if not description.lowest <= lowest < highest <= description.highest:
            raise ValueError(
                f"bounds[{name!r}] must be increasing and lie between {description.lowest} "
                f"and {description.highest}, got {ends!r}."
            )
        bounds[name] = lowest, highest
    lowest, highest = bounds["D"]
    if not 0 < lowest <= highest < np.inf:
        raise ValueError(f"bounds['D'] must be positive and finite, got {bounds['D']!r}.")
    return bounds
