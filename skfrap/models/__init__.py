"""Forward models: parameters of an experiment to recovery curves and image series."""

from skfrap.models._diffusion import DiffusionModel
from skfrap.models._surrogate import CurveSurrogate, model_for, surrogate_for

__all__ = ["CurveSurrogate", "DiffusionModel", "model_for", "surrogate_for"]
