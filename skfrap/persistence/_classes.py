"""The classes that files may hold: their names there, which stay, and their places, which may move.

A class of skfrap says by ``to_state`` what is kept of it and makes it again by ``from_state``;
frozen dataclasses are kept by their fields, and the few classes of scikit-learn by their parameters
and fitted attributes.
"""

import dataclasses
import importlib
from functools import cache

from sklearn.frozen import FrozenEstimator

from skfrap._state import public_fitted, set_public_fitted

_PLACES = {
    "skfrap.experiment._compartment": ("Compartment",),
    "skfrap.experiment._ellipse": ("Ellipse",),
    "skfrap.experiment._protocol": ("FRAPProtocol",),
    "skfrap.experiment._regions": ("Circle", "Mask", "Polygon", "Rectangle"),
    "skfrap.models._anomalous": ("AnomalousModel", "SubdiffusionModel"),
    "skfrap.models._binding": ("BindingModel",),
    "skfrap.models._closed_form": (
        "ExponentialModel",
        "GaussianBeamModel",
        "ReactionModel",
        "SoumpasisModel",
    ),
    "skfrap.models._diffusion": ("DiffusionModel",),
    "skfrap.models._flow": ("FlowModel",),
    "skfrap.models._populations": ("TwoPopulationsModel",),
    "skfrap.models._turnover": ("TurnoverModel",),
    "skfrap.models.forward._direct": ("DirectCurves",),
    "skfrap.models.forward._images": ("ImageSurrogate",),
    "skfrap.models.forward._interpolated": ("CurveSurrogate",),
    "skfrap.experiment._rings": ("RingLayout",),
    "skfrap.experiment._starts": ("MeasuredStart",),
    "skfrap.experiment._tiles": ("TileLayout",),
    "skfrap.preprocessing._compartment": ("CompartmentExtractor",),
    "skfrap.preprocessing._rings": ("RingExtractor",),
    "skfrap.preprocessing._normalise": ("Normalizer",),
    "skfrap.preprocessing._reference": ("ReferenceCorrector",),
    "skfrap.estimators._measured_start": ("MeasuredStartFRAP",),
    "skfrap.preprocessing._curves": ("RecoveryCurveExtractor",),
    "skfrap.preprocessing._drift": ("Drift",),
    "skfrap.preprocessing._drift_corrector": ("DriftCorrector",),
    "skfrap.preprocessing._images": (
        "BackgroundSubtractor",
        "FadingCorrector",
        "FlatFieldCorrector",
        "IntensityRescaler",
    ),
    "skfrap.preprocessing._scores": ("ImageScoreExtractor",),
    "skfrap.inference.fitting._fitter": ("CurveFitter",),
    "skfrap.inference.fitting._images": ("ImageFitter",),
    "skfrap.inference.fitting._objectives": ("HuberLoss", "ProportionalNoise"),
    "skfrap.inference.fitting._rows": ("RowNoise",),
    "skfrap.estimators._bayesian": ("BayesianFRAP",),
    "skfrap.inference.networks._features": (
        "LinearizedFeatures",
        "LinearizedImageFeatures",
        "RawFeatures",
        "ScoreFeatures",
    ),
    "skfrap.estimators._joint": ("JointFRAP",),
    "skfrap.estimators._least_squares": ("LeastSquaresFRAP",),
    "skfrap.estimators._neural": ("NeuralFRAP",),
    "skfrap.inference.networks._task": ("Task",),
    "skfrap.results._finding": ("Finding",),
    "skfrap.results._joint": ("JointEstimates",),
    "skfrap.pipeline._pipeline": ("FRAPPipeline",),
    "sklearn.frozen._frozen": ("FrozenEstimator",),
    "sklearn.pipeline": ("Pipeline",),
    "sklearn.preprocessing._data": ("StandardScaler",),
}
_CLASSES = {name: module for module, names in _PLACES.items() for name in names}
# What an unpickled estimator holds besides.
_ONLY_PICKLED = {
    "skfrap.inference.fitting._nested": ("SimplerFitter",),
    "skfrap.models.forward._map": ("ForwardMap",),
    "skfrap.numerics._chebyshev": ("ChebyshevTensor",),
    "skfrap.parameters._space": ("ParameterSpace",),
}
TRUSTED_TYPES = sorted(
    f"{module}.{name}"
    for module, names in (_PLACES | _ONLY_PICKLED).items()
    for name in names
    if module.startswith("skfrap.")
)
"""Types of skfrap for the `trusted` argument of `skops.io.load`, which refuses them otherwise."""

# A Pipeline would unpickle, in its next fit, what it finds in the folder of its cache.
_MUST_BE_NONE = {"FRAPPipeline": "memory", "Pipeline": "memory"}


@cache
def class_named(name):
    """Import a class on the list."""
    if name not in _CLASSES:
        raise ValueError(f"it asks for the class {name!r}, which skfrap.persistence does not load.")
    return getattr(importlib.import_module(_CLASSES[name]), name)


def is_constant(kind):
    """Tell whether objects of a class are frozen, so that equal ones may be one."""
    return dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen


def name_and_state(value, where):
    """Return the name of an object's class, and what is kept of the object.

    Parameters
    ----------
    value : object
    where : str
        Its name, for messages.

    Returns
    -------
    name : str
    state : dict
    """
    kind = type(value)
    name = kind.__qualname__
    if _CLASSES.get(name) != kind.__module__:
        raise ValueError(
            f"{where} is {_described(value)}, which cannot be saved; keep it by joblib, for those "
            "who would run your programs. skfrap.persistence keeps "
            f"plain Python values, NumPy arrays, and of classes {', '.join(sorted(_CLASSES))}."
        )
    if "_metadata_request" in getattr(value, "__dict__", {}):
        raise ValueError(
            f"{where} has metadata requests, which cannot be saved; save it without, and set them "
            "again after loading."
        )
    if hasattr(kind, "to_state"):  # not of what a FrozenEstimator holds
        state = value.to_state()
    elif is_constant(kind):
        state = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    else:
        state = {
            "parameters": _parameters_of(value),
            "fitted": public_fitted(value),
            "output": vars(value).get("_sklearn_output_config"),
        }
    _check_parameters(name, state, where)
    return name, state


def make(kind, name, state):
    """Make an object of a class on the list of what was kept of it."""
    if is_constant(kind):  # their constructors check what they are given
        return kind(**state)
    _check_parameters(name, state, name)
    if hasattr(kind, "from_state"):
        return kind.from_state(state)
    value = kind(**state["parameters"])
    set_public_fitted(value, state["fitted"])
    if state["output"] is not None:
        value._sklearn_output_config = state["output"]
    return value


def _parameters_of(estimator):
    if isinstance(estimator, FrozenEstimator):  # it shows those of what it holds
        return {"estimator": estimator.estimator}
    return estimator.get_params(deep=False)


def _check_parameters(name, state, where):
    parameter = _MUST_BE_NONE.get(name)
    value = None if parameter is None else state["parameters"].get(parameter)
    if value is not None:
        raise ValueError(f"{where}.{parameter} must be None, got {value!r}.")


def _described(value):
    kind = type(value)
    if hasattr(value, "__qualname__"):  # classes and functions have one
        return f"{kind.__name__} {value.__qualname__}"
    return f"of class {kind.__module__}.{kind.__qualname__}"
