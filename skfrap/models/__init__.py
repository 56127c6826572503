"""Forward models: parameters of an experiment to recovery curves and image series."""

from skfrap.models._binding import BindingModel, effective_diffusion
from skfrap.models._diffusion import DiffusionModel
from skfrap.models._surrogate import CurveSurrogate, model_for, surrogate_for

__all__ = [
    "BindingModel",
    "CurveSurrogate",
    "DiffusionModel",
    "effective_diffusion",
    "model_for",
    "surrogate_for",
]
