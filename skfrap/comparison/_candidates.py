"""Models that are candidates for a curve: how they are named, and which is nested in which."""

from collections.abc import Mapping

import numpy as np

from skfrap.estimators import LeastSquaresFRAP, MeasuredStartFRAP
from skfrap.experiment import FRAPProtocol
from skfrap.models import MODELS
from skfrap.models._named import model_named, model_names


def as_estimators(models, protocol, options):
    """Make estimators of what a user wants to compare.

    Parameters
    ----------
    models : sequence or dict
        As in :func:`skfrap.comparison.compare_models`.
    protocol : FRAPProtocol or None
    options : dict
        To every LeastSquaresFRAP that is made here.

    Returns
    -------
    dict of str to estimator
        By name.

    Raises
    ------
    ValueError
        If models make no sense, or have one name.
    """
    if isinstance(models, Mapping):
        named = [*models.items()]
    elif isinstance(models, str) or not hasattr(models, "__iter__"):
        raise ValueError(f"models must be a list of models or a dictionary, got {models!r}.")
    else:
        named = [(None, model) for model in models]
    estimators = {}
    for name, model in named:
        if isinstance(model, str):
            name = model if name is None else name
            model = options_for(model, options.get("fixed"))
        if isinstance(model, Mapping):
            model = LeastSquaresFRAP(**{"protocol": protocol, **options, **model})
        if not (hasattr(model, "fit_results") or hasattr(model, "log_evidence")):
            raise ValueError(
                "models must be names, dictionaries of options for LeastSquaresFRAP, or estimators "
                f"of skfrap, or others with log_evidence(X), got {model!r}."
            )
        if isinstance(model, MeasuredStartFRAP):
            raise ValueError(
                "models must be of recovery curves, and MeasuredStartFRAP is of rings, or of "
                "profiles beside curves; compare_readings(X, estimator) compares its readings."
            )
        name = _name_of(model) if name is None else str(name)
        if name in estimators:
            raise ValueError(f"models must have different names, got {name!r} twice; use a dict.")
        if getattr(model, "loss", "squared") != "squared":
            raise ValueError(
                f"model {name!r} has loss={model.loss!r}, which has no likelihood to compare by; "
                "use loss='squared'."
            )
        estimators[name] = model
    if not estimators:
        raise ValueError("models must hold at least one model, got none.")
    _refuse_other_clocks(estimators)
    return estimators


def _refuse_other_clocks(estimators):
    """Refuse models of which some take the same frames for those of other times."""
    protocols = {name: getattr(one, "protocol", None) for name, one in estimators.items()}
    known = {name: one for name, one in protocols.items() if isinstance(one, FRAPProtocol)}
    first = next(iter(known), None)
    for name, one in known.items():
        same = len(one.times) == len(known[first].times)
        if not same or not np.allclose(one.times, known[first].times, rtol=1e-9):
            raise ValueError(
                f"models {first!r} and {name!r} have protocols of other frame times, and curves "
                "have one clock; give all of them that of the curves."
            )


def options_for(text, fixed=None):
    """Read "diffusion+mobile_fraction" as options for LeastSquaresFRAP.

    Parameters
    ----------
    text : str
        Name of a model, and what is to be estimated besides what has no default.
    fixed : dict, default=None
        What is known and not to be estimated.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If there is no such model or parameter.

    Examples
    --------
    >>> from skfrap.comparison._candidates import options_for
    >>> options_for("diffusion+mobile_fraction")["parameters"]
    ('D', 'c0', 'alpha', 'mobile_fraction')
    """
    name, *extra = text.split("+")
    if name not in model_names():
        raise ValueError(
            f"models must be names as 'diffusion' or 'diffusion+mobile_fraction', of the models "
            f"{', '.join(model_names())}; got {text!r}."
        )
    defaults = model_named(name).defaults()
    known = [other for other, default in defaults.items() if default is not None]
    if not {*extra} <= {*known} or len({*extra}) < len(extra):
        raise ValueError(
            f"after {name!r} models can name {', '.join(known)}, each once; got {text!r}."
        )
    needed = [other for other, default in defaults.items() if default is None]
    names = (*(other for other in needed if other not in (fixed or {})), *extra)
    return {"model": name, "parameters": names}


def _name_of(estimator):
    """Name an estimator by what it fits."""
    if not isinstance(estimator, LeastSquaresFRAP):
        return type(estimator).__name__
    model = estimator.model
    name = model if isinstance(model, str) else getattr(model, "name", None) or str(model)
    needed = model_named(name).defaults() if name in model_names() else {}
    extra = [n for n in estimator.parameters or () if needed.get(n) is not None]
    return "+".join([name, *extra])


def extra_parameters(smaller, larger):
    """Tell what a model has besides one nested in it, and whether that has it on a boundary.

    Parameters
    ----------
    smaller, larger : estimator
        Fitted.

    Returns
    -------
    tuple of (tuple of str, bool) or None
        None where the one is not nested in the other.
    """
    if not all(isinstance(one, LeastSquaresFRAP) for one in (smaller, larger)):
        return None
    if smaller.noise != larger.noise or known_noise(smaller) != known_noise(larger):
        return None
    model, names = larger.model_, {larger.model_.name}
    while model is not None and model.simpler is not None:
        names.add(model.simpler)
        model = MODELS.get(model.simpler)
    if smaller.model_.name not in names:
        return None
    extra = larger.space_.extra_over(smaller.space_)
    if extra is None:
        return None
    (first, *others), inner = extra, smaller.space_
    on_boundary = first in inner and inner.bounds[first][0] in larger.space_.bounds[first]
    return extra, not others and on_boundary


def known_noise(estimator):
    """Return the noise a and b of an estimator as far as they are known."""
    if getattr(estimator, "noise", "constant") == "constant":
        return {}
    return {name: value for name, value in (estimator.fixed or {}).items() if name in ("a", "b")}
