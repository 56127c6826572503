"""Checks of what a fit is asked to do, and of how it may be done."""

from contextlib import suppress
from functools import partial
from time import perf_counter

import numpy as np

from skfrap._checks import check_choice
from skfrap.models import (
    MOST_INTERPOLATED,
    DirectCurves,
    ExactModel,
    InterpolationError,
    shared_ranges,
    surrogate_for,
)
from skfrap.models.forward._coarse import coarse_guide

_FEWEST_CURVES = 4  # for which a grid over two is cheaper than direct evaluation
_GUIDE_ERROR = 4e-3
_CHEAP = 5e-3  # s per evaluation


def choose_evaluators(key, model, space, interpolate, n_curves):
    """Interpolate a model, or evaluate it directly, whichever is cheaper.

    Both cost evaluations of the model: a fit some 60, interpolation over one parameter some 60 as
    well, over two 500 to 1000, over three tens of thousands. So one parameter is always
    interpolated, two for more than a few curves, three never.

    Parameters
    ----------
    key : str, type or CurveModel
        What the model was asked for by.
    model : CurveModel
    space : ParameterSpace
    interpolate : bool, "auto" or "bounds"
    n_curves : int

    Returns
    -------
    evaluator : CurveSurrogate or DirectCurves
    guide : CurveSurrogate, DirectCurves or None
        A coarse interpolation, or the model on a coarser grid, that leads direct fits to the right
        basin, where that is cheap.
    """
    check_choice("interpolate", interpolate, (True, False, "auto", "bounds"))
    if not isinstance(model, ExactModel):
        if interpolate in (True, "bounds"):
            raise ValueError(
                f"interpolate must be False or 'auto' for {type(model).__name__}, which is cheap."
            )
        return DirectCurves(model), None
    n_forms = len(space.free_shaping)
    ranges = {name: space.bounds[name] for name in space.free_shaping}
    if interpolate == "bounds":
        interpolate = True
    else:
        ranges = shared_ranges(model, ranges)
    fixed = {name: value for name, value in space.fixed.items() if name in space.shaping}
    interpolated = partial(surrogate_for, model.protocol, key, ranges, fixed)
    few = n_forms <= MOST_INTERPOLATED
    worthwhile = n_forms < 2 or (few and n_curves >= _FEWEST_CURVES)
    if interpolate is True or (interpolate == "auto" and worthwhile):
        try:
            return interpolated(), None
        except InterpolationError:
            if interpolate is True:
                raise
    if not few and _is_cheap(model, space):
        with suppress(InterpolationError):
            return DirectCurves(model), interpolated(largest_error=_GUIDE_ERROR)
    return DirectCurves(model), coarse_guide(key, model, tuple(space.free_shaping))


def _is_cheap(model, space):
    """Tell whether a grid of thousands of evaluations takes seconds rather than minutes."""
    point = {name: space.bounds[name][1] for name in space.shaping}
    model.shapes(np.array([0.5]), **point)
    start = perf_counter()
    model.shapes(np.array([0.5]), **point)
    return perf_counter() - start < _CHEAP
