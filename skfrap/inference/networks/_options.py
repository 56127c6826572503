"""Checks of how a network is asked to be made and trained."""

import numbers

import numpy as np

from skfrap.experiment import FRAPProtocol
from skfrap.inference.networks._features import FEATURES
from skfrap.inference.networks._network import ACTIVATIONS

_CHOICES = {
    "activation": tuple(ACTIVATIONS),
    "features": ("auto", *FEATURES),
    "optimizer": ("adam", "sgd"),
    "learning_rate": ("cosine", "constant", "deepfrap2021"),
    "targets": ("joint", "separate", "merged"),
}


def check_options(estimator):
    """Check the constructor's arguments.

    Parameters
    ----------
    estimator : NeuralFRAP

    Raises
    ------
    ValueError
        If one of them makes no sense.
    """
    for name, allowed in _CHOICES.items():
        if getattr(estimator, name) not in allowed:
            raise ValueError(f"{name} must be one of {allowed}, got {getattr(estimator, name)!r}.")
    sizes = estimator._hidden
    if not all(isinstance(size, numbers.Integral) and size > 0 for size in sizes):
        raise ValueError(
            "hidden_layer_sizes must be whole numbers above 0, as (64, 64), got "
            f"{estimator.hidden_layer_sizes!r}."
        )
    for name in ("batch_size", "max_iter", "n_iter_no_change", "epochs_per_step"):
        value = getattr(estimator, name)
        if not isinstance(value, numbers.Integral) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")
    for name, lowest, highest in (
        ("learning_rate_init", 0, np.inf),
        ("momentum", 0, 1),
        ("validation_fraction", 0, 1),
    ):
        value = getattr(estimator, name)
        inside = isinstance(value, numbers.Real) and lowest <= value < highest
        if not inside or (value == 0 and name != "momentum"):
            raise ValueError(
                f"{name} must be a number between {lowest} and {highest}, got {value!r}."
            )
    if isinstance(estimator.stop_at, str) and estimator.stop_at != "least_squares":
        raise ValueError(f"stop_at must be 'least_squares' or losses, got {estimator.stop_at!r}.")
    if isinstance(estimator.target_scales, str) and estimator.target_scales != "benchmark":
        raise ValueError(
            f"target_scales must be 'benchmark', None or numbers, got {estimator.target_scales!r}."
        )
    if estimator.protocol is not None and not isinstance(estimator.protocol, FRAPProtocol):
        raise ValueError(f"protocol must be a FRAPProtocol, got {estimator.protocol!r}.")
