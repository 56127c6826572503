"""How a network is asked to be made and trained, checked."""

import numbers
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from skfrap._checks import check_choice, check_count, check_range
from skfrap.experiment import FRAPProtocol
from skfrap.experiment._frames import check_told_start
from skfrap.inference.networks._features import FEATURES
from skfrap.inference.networks._keras import Optimizer
from skfrap.inference.networks._network import ACTIVATIONS
from skfrap.models import ImageSurrogate
from skfrap.parameters._targets import given_target_names

_CHOICES = {
    "activation": tuple(ACTIVATIONS),
    "features": ("auto", *FEATURES),
    "optimizer": ("adam", "sgd"),
    "learning_rate": ("cosine", "constant", "deepfrap2021"),
    "targets": ("joint", "separate", "merged"),
}
_ARCHITECTURE = "activation", "features", "optimizer", "targets", "hidden_layer_sizes"
_COUNTS = (
    "batch_size",
    "max_iter",
    "n_iter_no_change",
    "epochs_per_step",
    "validation_freq",
    "n_init",
)


@dataclass(frozen=True, eq=False)
class TrainingOptions:
    """What NeuralFRAP's arguments say of networks and their training, under the same names.

    Raises
    ------
    ValueError
        If one of them makes no sense.
    """

    hidden_layer_sizes: Any
    activation: str
    features: str
    standardize: bool
    targets: str
    target_scales: Any
    optimizer: str
    learning_rate_init: float
    learning_rate: str
    epochs_per_step: int
    momentum: float
    batch_size: int
    max_iter: int
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    validation_freq: int
    n_init: int
    stop_at: Any
    verbose: int

    def __post_init__(self):
        for name, allowed in _CHOICES.items():
            check_choice(name, getattr(self, name), allowed)
        if not all(isinstance(size, numbers.Integral) and size > 0 for size in self.hidden_sizes):
            raise ValueError(
                "hidden_layer_sizes must be whole numbers above 0, as (64, 64), got "
                f"{self.hidden_layer_sizes!r}."
            )
        for name in _COUNTS:
            check_count(name, getattr(self, name))
        check_range("learning_rate_init", self.learning_rate_init, 0, np.inf, with_lowest=False)
        check_range("momentum", self.momentum, 0, 1)
        check_range("validation_fraction", self.validation_fraction, 0, 1, with_lowest=False)
        if isinstance(self.stop_at, str) and self.stop_at != "least_squares":
            raise ValueError(f"stop_at must be 'least_squares' or losses, got {self.stop_at!r}.")
        if isinstance(self.target_scales, str) and self.target_scales != "benchmark":
            raise ValueError(
                f"target_scales must be 'benchmark', None or numbers, got {self.target_scales!r}."
            )

    @classmethod
    def of(cls, arguments):
        """Take the options out of a dictionary of all of the constructor's arguments."""
        return cls(**{field.name: arguments[field.name] for field in fields(cls)})

    def check_fit(self, n_starts, is_measured, checkpoint_dir, random_state):
        """Check that labelled curves can be learnt from as was asked.

        Parameters
        ----------
        n_starts : int
            Independent trainings.
        is_measured : bool
            Whether there are other curves to measure the progress on.
        checkpoint_dir : path-like or None
        random_state : int, RandomState instance or None

        Raises
        ------
        ValueError
            If there is nothing to stop or to choose by, or no training that could go on.
        """
        if self.stop_at is not None and not is_measured:
            raise ValueError("stop_at needs early_stopping=True, or validation_data.")
        if n_starts > 1 and not self.early_stopping:
            raise ValueError(
                f"n_init = {n_starts} needs early_stopping=True, to choose by what is set aside."
            )
        if checkpoint_dir is not None and not isinstance(random_state, numbers.Integral):
            raise ValueError(
                "checkpoint_dir needs a whole number as random_state, to go on with the same "
                f"training, got {random_state!r}."
            )

    @property
    def hidden_sizes(self):
        """The widths of the hidden layers, as a tuple."""
        sizes = self.hidden_layer_sizes
        return (sizes,) if isinstance(sizes, numbers.Integral) else tuple(sizes)

    @property
    def stepper(self):
        """The optimizer, with its momentum if it has one."""
        return Optimizer(self.optimizer, self.momentum if self.optimizer == "sgd" else 0.0)


@dataclass(frozen=True, eq=False)
class TaskOptions:
    """What NeuralFRAP's arguments say of what is to be learnt, under the same names.

    Raises
    ------
    ValueError
        If the protocol is none.
    """

    protocol: FRAPProtocol | None
    model: Any
    parameters: Any
    target_names: Any
    fixed: dict | None
    bounds: dict | None
    features: str
    surrogate: ImageSurrogate | None = None  # of scores of images, which bring it along

    def __post_init__(self):
        given_target_names(self.target_names)  # checks them
        if self.protocol is not None and not isinstance(self.protocol, FRAPProtocol):
            raise ValueError(f"protocol must be a FRAPProtocol, got {self.protocol!r}.")
        check_told_start(self.protocol, "NeuralFRAP")

    @classmethod
    def of(cls, arguments):
        """Take the options out of a dictionary of all of the constructor's arguments."""
        return cls(**{name: arguments[name] for name in _names_of_arguments()})


def architecture_of(options, asked):
    """Return what a fit that goes on from another must share with it.

    Parameters
    ----------
    options : TrainingOptions
    asked : TaskOptions

    Returns
    -------
    dict
    """
    shared = {name: getattr(options, name) for name in _ARCHITECTURE}
    shared["hidden_layer_sizes"] = options.hidden_sizes
    shared |= {name: getattr(asked, name) for name in _names_of_arguments()}
    return shared | {"target_names": given_target_names(asked.target_names)}


def task_stays(ours, asked):
    """Tell whether a fit that goes on from another was asked for the same task.

    Parameters
    ----------
    ours : dict
        From :func:`architecture_of`, of the weights there are.
    asked : TaskOptions

    Returns
    -------
    bool
    """
    values = {name: getattr(asked, name) for name in _names_of_arguments()}
    values["target_names"] = given_target_names(asked.target_names)
    return all(value == ours.get(name, value) for name, value in values.items())


def _names_of_arguments():
    return [entry.name for entry in fields(TaskOptions) if entry.name != "surrogate"]


def check_same_architecture(ours, asked, *, transfers=False):
    """Check that a fit can go on from another.

    Parameters
    ----------
    ours, asked : dict
        Of the weights there are, and of the fit that is to go on from them.
    transfers : bool, default=False
        Whether the fit may be of another task.

    Raises
    ------
    ValueError
        If something differs; the message says what.
    """
    for name in _ARCHITECTURE if transfers else asked:
        value = asked[name]
        # Files of earlier versions do not know all of them.
        if value != ours.get(name, value):
            raise ValueError(
                f"{name} must stay {ours[name]!r} to go on from the weights there are, "
                f"got {value!r}; use fit with warm_start=False."
            )
