"""Checks of what a fit is asked to do, and of how it may be done."""

import numbers
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from time import perf_counter

import numpy as np
from sklearn.utils.validation import check_array

from skfrap.models import (
    LINEAR,
    MOST_INTERPOLATED,
    DirectCurves,
    ExactModel,
    InterpolationError,
    shared_ranges,
    surrogate_for,
)
from skfrap.parameters import PARAMETERS, parameter

_FEWEST_CURVES = 4  # for which a grid over two is cheaper than direct evaluation
_GUIDE_ERROR = 4e-3
_CHEAP = 5e-3  # s per evaluation


def check_parameters(parameters, fixed, model):
    """Check what is to be estimated and what is given; return the names of the former.

    Parameters
    ----------
    parameters : sequence of str or None
        None is what the model has no default for and is not fixed.
    fixed : dict
    model : CurveModel

    Returns
    -------
    tuple of str
    """
    defaults = model.defaults()
    known = (*defaults,)
    if parameters is None:
        parameters = [name for name in known if defaults[name] is None and name not in fixed]
    names = tuple(parameters)
    if not names or len({*names}) < len(names) or not {*names} <= {*known}:
        raise ValueError(f"parameters must be some of {known}, each once, got {parameters!r}.")
    missing = [name for name in known if defaults[name] is None and name not in {*names, *fixed}]
    if missing:
        raise ValueError(f"{missing} must be among the parameters or be given in fixed.")
    for name, value in fixed.items():
        if name not in known or name in names:
            raise ValueError(
                f"fixed must hold some of {known} that are not among the parameters, got {name!r}."
            )
        check_value(f"fixed[{name!r}]", value, parameter(name))
    return names


def check_value(what, value, description):
    """Check that a value of a parameter makes sense."""
    lowest, highest = description.lowest, description.highest
    if not isinstance(value, numbers.Real) or not (lowest <= value <= highest and value < np.inf):
        raise ValueError(f"{what} must be a number between {lowest} and {highest}, got {value!r}.")


def check_theta(theta, target_names):
    """Check parameters that are given in the columns of an estimator's targets."""
    theta = check_array(theta, dtype=np.float64, input_name="theta")
    if theta.shape[1] != len(target_names):
        raise ValueError(f"theta must have the columns {target_names}, got shape {theta.shape}.")
    return theta


def complete_bounds(given, names, fixed, model):
    """Check bounds and complete them by defaults, and by what is fixed as bounds of no width.

    Parameters
    ----------
    given : dict or None
        ``{name: (lowest, highest)}`` in natural units.
    names : sequence of str
        What is estimated.
    fixed : dict
        ``{name: value}`` of what is not.
    model : CurveModel

    Returns
    -------
    dict
        For all parameters of the model.
    """
    if not isinstance(given, Mapping | None):
        raise ValueError(
            f"bounds must be a dictionary of (lowest, highest) by parameter name, got {given!r}."
        )
    bounds = {}
    for name, default in model.defaults().items():
        if name in names:
            description = PARAMETERS[name]
            bounds[name] = model.bounds.get(name, (description.lowest, description.highest))
        else:
            bounds[name] = (float(fixed.get(name, default)),) * 2
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
    for name in names:
        lowest, highest = bounds[name]
        positive = PARAMETERS[name].scale == "log10"
        if name != "c0" and not ((lowest > 0 or not positive) and highest < np.inf):
            raise ValueError(
                f"bounds[{name!r}] must be {'positive and ' if positive else ''}finite, "
                f"got {bounds[name]!r}."
            )
    return bounds


def choose_evaluators(key, model, names, bounds, interpolate, n_curves):
    """Interpolate a model, or evaluate it directly, whichever is cheaper.

    Both cost evaluations of the model: a fit some 60, interpolation over one parameter some 60 as
    well, over two 500 to 1000, over three tens of thousands. So one parameter is always
    interpolated, two for more than a few curves, three never.

    Parameters
    ----------
    key : str, type or CurveModel
        What the model was asked for by.
    model : CurveModel
    names : sequence of str
        What is estimated.
    bounds : dict
        Of all parameters.
    interpolate : bool or "auto"
    n_curves : int

    Returns
    -------
    evaluator : CurveSurrogate or DirectCurves
    guide : CurveSurrogate or None
        A coarse interpolation that leads direct fits to the right basin, where that is cheap.
    """
    if interpolate not in (True, False, "auto"):
        raise ValueError(f"interpolate must be True, False or 'auto', got {interpolate!r}.")
    if not isinstance(model, ExactModel):
        if interpolate is True:
            raise ValueError(
                f"interpolate must be False or 'auto' for {type(model).__name__}, which is cheap."
            )
        return DirectCurves(model), None
    forms = [name for name in bounds if name in names and name not in LINEAR]
    ranges = shared_ranges(model, {name: bounds[name] for name in forms})
    fixed = {
        name: ends[0] for name, ends in bounds.items() if name not in LINEAR and name not in forms
    }
    interpolated = partial(surrogate_for, model.protocol, key, ranges, fixed)
    few = len(forms) <= MOST_INTERPOLATED
    worthwhile = len(forms) < 2 or (few and n_curves >= _FEWEST_CURVES)
    if interpolate is True or (interpolate == "auto" and worthwhile):
        try:
            return interpolated(), None
        except InterpolationError:
            if interpolate is True:
                raise
    if not few and _is_cheap(model, bounds):
        with suppress(InterpolationError):
            return DirectCurves(model), interpolated(largest_error=_GUIDE_ERROR)
    return DirectCurves(model), None


def _is_cheap(model, bounds):
    """Tell whether a grid of thousands of evaluations takes seconds rather than minutes."""
    point = {name: ends[1] for name, ends in bounds.items() if name not in LINEAR}
    model.shapes(np.array([0.5]), **point)
    start = perf_counter()
    model.shapes(np.array([0.5]), **point)
    return perf_counter() - start < _CHEAP
