"""Fitters of a model and of its nested one, which tells whether curves need more than that."""

from typing import NamedTuple

from skfrap.inference.fitting._fitter import CurveFitter
from skfrap.inference.fitting._frames import fitter_at_frames
from skfrap.judging._findings import SimplerModel
from skfrap.models import evaluator_of, model_for
from skfrap.models.forward._choice import choose_evaluators
from skfrap.parameters import ParameterSpace


class SimplerFitter(NamedTuple):
    """Fits a nested model.

    Attributes
    ----------
    name : str
        Of the model.
    extra : list of str
        The parameters that it does without.
    fitter : CurveFitter
    """

    name: str
    extra: list
    fitter: CurveFitter

    def answer(self, X):
        """Fit curves, (n, n_frames).

        Returns
        -------
        SimplerModel
        """
        return SimplerModel(self.name, self.extra, self.fitter.fit_from_grid(X).cost)

    def at_frames(self, frames):
        """Make one that looks at some of the frames, (m,) of int."""
        return self._replace(fitter=fitter_at_frames(self.fitter, frames))


def fitter_of_model(key, model, space, interpolate, n_curves, errors=None, **options):
    """Make what fits a model within a box.

    Parameters
    ----------
    key : str, type or CurveModel
        What the model was asked for by.
    model : CurveModel
    space : ParameterSpace
    interpolate : bool or "auto"
    n_curves : int
        How many are to be expected, to choose by.
    errors : ErrorModel, default=None
        What residuals are taken for. None is least squares.
    **options
        Of :class:`CurveFitter`: ``max_nfev``, ``tol``, ``n_jobs``.

    Returns
    -------
    CurveFitter
    """
    evaluator, guide = choose_evaluators(key, model, space, interpolate, n_curves)
    objective = light = None
    if errors is not None:
        objective = errors.objective(model.protocol)
        light = evaluator_of("noise", evaluator, key) if errors.goes_by_light else None
    return CurveFitter(evaluator, space, guide=guide, objective=objective, light=light, **options)


def fitter_of_simpler_model(fitter, model, fixed, interpolate, n_curves):
    """Make what fits the nested model of a model, in the same box.

    Parameters
    ----------
    fitter : CurveFitter
        Of the model.
    model : CurveModel
    fixed : dict
        What of the model is known, in natural units.
    interpolate : bool or "auto"
    n_curves : int
        How many are to be expected, to choose by.

    Returns
    -------
    SimplerFitter or None
        None where the model has none, or has no free parameter more, or where fits are by something
        else than least squares.
    """
    name, space = model.simpler, fitter.space
    if name is None or fitter.objective is not None:
        return None
    nested = model_for(model.protocol, name)
    known = nested.defaults()
    extra = [n for n in space.free if n not in known]
    if not extra:
        return None
    names = tuple(n for n in space.free if n in known)
    kept = {n: value for n, value in fixed.items() if n in known}
    given = {n: ends for n, ends in space.bounds.items() if n in names}
    space = ParameterSpace.of(nested, names, kept, given)
    options = {"max_nfev": fitter.max_nfev, "tol": fitter.tol, "n_jobs": fitter.n_jobs}
    simpler = fitter_of_model(name, nested, space, interpolate, n_curves, **options)
    return SimplerFitter(name, extra, simpler)
