"""Forward models: parameters of an experiment to recovery curves and image series."""

from skfrap.models._diffusion import DiffusionModel  # isort: skip  first in lists of models
from skfrap.models._anomalous import AnomalousModel, SubdiffusionModel
from skfrap.models._base import CurveModel, ExactModel, broadcast_parameters, model_for
from skfrap.models._binding import BindingModel
from skfrap.models._check import check_model
from skfrap.models._closed_form import (
    ExponentialModel,
    GaussianBeamModel,
    ReactionModel,
    SoumpasisModel,
)
from skfrap.models._composed import ComposedModel
from skfrap.models._flow import FlowModel
from skfrap.models._named import MODELS
from skfrap.models._populations import TwoPopulationsModel
from skfrap.models._turnover import TurnoverModel
from skfrap.models.forward._curve_build import InterpolationError
from skfrap.models.forward._direct import DirectCurves
from skfrap.models.forward._images import ImageSurrogate
from skfrap.models.forward._interpolated import MOST_INTERPOLATED, CurveSurrogate
from skfrap.models.forward._light import evaluator_of, light_weights
from skfrap.models.forward._map import ForwardMap
from skfrap.models.forward._ranges import shared_ranges
from skfrap.models.forward._scores import ImageScores
from skfrap.models.forward._surrogates import image_surrogate_for, surrogate_for
from skfrap.models.kinetics import Kinetics, effective_diffusion

# In these a curve is a polynomial of low degree: what parameters say themselves by `is_shaping`.
LINEAR = ("c0", "alpha", "mobile_fraction")

__all__ = [
    "LINEAR",
    "MODELS",
    "MOST_INTERPOLATED",
    "AnomalousModel",
    "BindingModel",
    "ComposedModel",
    "CurveModel",
    "CurveSurrogate",
    "DiffusionModel",
    "DirectCurves",
    "ExactModel",
    "ExponentialModel",
    "FlowModel",
    "ForwardMap",
    "GaussianBeamModel",
    "ImageScores",
    "ImageSurrogate",
    "InterpolationError",
    "Kinetics",
    "ReactionModel",
    "SoumpasisModel",
    "SubdiffusionModel",
    "TurnoverModel",
    "TwoPopulationsModel",
    "broadcast_parameters",
    "check_model",
    "effective_diffusion",
    "evaluator_of",
    "image_surrogate_for",
    "light_weights",
    "model_for",
    "shared_ranges",
    "surrogate_for",
]
