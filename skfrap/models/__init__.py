"""Forward models: parameters of an experiment to recovery curves and image series."""

from skfrap.models._binding import BindingModel, effective_diffusion
from skfrap.models._closed_form import (
    ExponentialModel,
    GaussianBeamModel,
    ReactionModel,
    SoumpasisModel,
)
from skfrap.models._diffusion import DiffusionModel
from skfrap.models._surrogate import CurveSurrogate, model_for, surrogate_for

__all__ = [
    "BindingModel",
    "CurveSurrogate",
    "DiffusionModel",
    "ExponentialModel",
    "GaussianBeamModel",
    "ReactionModel",
    "SoumpasisModel",
    "effective_diffusion",
    "model_for",
    "surrogate_for",
]
