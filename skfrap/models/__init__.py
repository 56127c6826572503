"""Forward models: parameters of an experiment to recovery curves and image series."""

from skfrap.models._base import (
    LINEAR,
    MODELS,
    CurveModel,
    ExactModel,
    broadcast_parameters,
    model_for,
)
from skfrap.models._binding import BindingModel, effective_diffusion
from skfrap.models._closed_form import (
    ExponentialModel,
    GaussianBeamModel,
    ReactionModel,
    SoumpasisModel,
)
from skfrap.models._diffusion import DiffusionModel
from skfrap.models._direct import DirectCurves
from skfrap.models._surrogate import (
    MOST_INTERPOLATED,
    CurveSurrogate,
    InterpolationError,
    shared_ranges,
    surrogate_for,
)

__all__ = [
    "LINEAR",
    "MODELS",
    "MOST_INTERPOLATED",
    "BindingModel",
    "CurveModel",
    "CurveSurrogate",
    "DiffusionModel",
    "DirectCurves",
    "ExactModel",
    "ExponentialModel",
    "GaussianBeamModel",
    "InterpolationError",
    "ReactionModel",
    "SoumpasisModel",
    "broadcast_parameters",
    "effective_diffusion",
    "model_for",
    "shared_ranges",
    "surrogate_for",
]
