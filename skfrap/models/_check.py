"""What any model of curves must do."""

import numpy as np

from skfrap._contract import must
from skfrap.models._base import CurveModel
from skfrap.models._named import model_names
from skfrap.models.forward._direct import DirectCurves
from skfrap.parameters import ParameterSpace, is_parameter, parameter

_STEP = 1e-4  # of slopes, on the scales of the targets
_ROUNDING = 1e-12


def check_model(model, **values):
    """See that a model does what :class:`CurveModel` asks for, and fits rely on.

    Parameters
    ----------
    model : CurveModel
        Of any protocol.
    **values : float
        A value, within its bounds, of each parameter that has no default. Curves must depend on
        all of them there.

    Raises
    ------
    AssertionError
        At the first thing that is wrong.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import SoumpasisModel, check_model
    >>> check_model(SoumpasisModel(FRAPProtocol()), D=10.0, c0=0.8, alpha=0.5)
    """
    must(isinstance(model, CurveModel), f"model must be an instance of CurveModel: {model!r}")
    must(callable(type(model).curves), f"{type(model).__name__} must define curves")
    must(
        model.simpler is None or model.simpler in model_names(),
        f"simpler must be the name of a model, or None; there is no model {model.simpler!r}",
    )
    defaults = model.defaults()
    unknown = [name for name in defaults if not is_parameter(name)]
    must(not unknown, f"arguments of curves must be entered by define: {unknown}")
    needed = [name for name, default in defaults.items() if default is None]
    must({*values} == {*needed}, f"values must be given of {needed}, got {[*values]}")
    factors = [name for name in defaults if parameter(name).dependence == "factor"]
    must(len(factors) < 2, f"curves can be proportional to one parameter, not to {factors}")
    _check_bounds(model)
    _check_shapes(model, values)
    _check_refusals(model, values)
    if factors:
        _check_factor(model, values, factors[0])
    _check_slopes(model, values, factors)


def _check_bounds(model):
    unknown = {*model.bounds} - {*model.defaults()}
    must(not unknown, f"bounds can be of the arguments of curves only, not of {unknown}")
    for name, (lowest, highest) in model.bounds.items():
        entry = parameter(name)
        must(
            entry.lowest <= lowest < highest <= entry.highest,
            f"bounds of {name} must increase and lie between {entry.lowest} and {entry.highest}, "
            f"got {lowest} and {highest}",
        )
    try:
        ParameterSpace.of(model)
    except ValueError as error:
        raise AssertionError(f"a fit could not start: {error}") from error


def _check_shapes(model, values):
    names, n_values = [*values], model.protocol.n_values
    spread = np.linspace(0.98, 1.02, 3)
    several = {name: _inside(name, value * spread) for name, value in values.items()}
    curves = model.curves(**several)
    must(
        np.shape(curves) == (3, n_values) and np.isfinite(curves).all(),
        f"curves of 3 values of each parameter must be finite, of the shape (3, {n_values}); "
        f"the shape is {np.shape(curves)}",
    )
    for k in range(3):
        one = model.curves(**{name: value[k] for name, value in several.items()})
        must(np.shape(one) == (1, n_values), "curves of plain numbers must have one row")
        must(
            np.allclose(one, curves[k], rtol=0, atol=1e-10),
            "a curve must not depend on those that are computed with it",
        )
    mixed = model.curves(**values | {names[0]: several[names[0]]})
    must(np.shape(mixed) == (3, n_values), "parameters must broadcast against each other")
    given = {name: value for name, value in model.defaults().items() if value is not None}
    must(
        np.array_equal(model.curves(**several, **given), curves),
        "defaults that are given must make no difference",
    )


def _check_refusals(model, values):
    for name in values:
        for wrong in (np.nan, np.inf, parameter(name).lowest - 1):
            try:
                model.curves(**values | {name: wrong})
            except ValueError as error:
                must(name in str(error), f"the message must name {name}: {error}")
            else:
                raise AssertionError(
                    f"curves must refuse {name}={wrong} by a ValueError; broadcast_parameters does."
                )


def _check_factor(model, values, factor):
    curves = model.curves(**values)
    must(
        np.allclose(model.curves(**values | {factor: 2.5 * values[factor]}), 2.5 * curves),
        f"curves must be proportional to {factor}, its dependence is 'factor'",
    )


def _check_slopes(model, values, factors):
    direct = DirectCurves(model)
    unit = dict.fromkeys(factors, 1.0)
    natural = {n: values.get(n, default) for n, default in model.defaults().items()}
    table = np.array([[_to_target(name, natural[name]) for name in direct.names]])
    wanted = [k for k, name in enumerate(direct.names) if name in values]
    scores, slopes = direct.scores_and_slopes(table, wanted)
    must(
        np.allclose(scores, model.curves(**natural | unit), rtol=0, atol=_ROUNDING),
        "curves must be the same at the same values",
    )
    for column, slope in zip(wanted, slopes, strict=True):
        name = direct.names[column]
        entry = parameter(name)
        there, back = (
            model.curves(**natural | unit | {name: entry.from_target(table[0, column] + step)})
            for step in (_STEP, -_STEP)
        )
        expected = (there - back) / (2 * _STEP)
        must(np.abs(expected).max() > 1e-8, f"curves must depend on {name}")
        must(
            np.allclose(slope, expected, rtol=0, atol=1e-3 * max(1, np.abs(expected).max())),
            f"curves must be smooth in {name}, fits go by their slopes",
        )


def _inside(name, values):
    return np.clip(values, parameter(name).lowest, parameter(name).highest)


def _to_target(name, value):
    with np.errstate(divide="ignore"):
        return parameter(name).to_target(np.float64(value))
