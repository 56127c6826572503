"""Scores of image series, in the place of curves."""

from dataclasses import replace
from typing import Any

import numpy as np

from skfrap.models import DiffusionModel, ImageScores, ImageSurrogate, model_for
from skfrap.parameters import ParameterSpace


def are_images(X: Any) -> bool:
    """Tell whether X holds the scores of image series."""
    return isinstance(X, ImageScores)


def image_model(key: Any, scores: ImageScores, protocol: Any = None) -> Any:
    """Return the model of image series, which must be free diffusion.

    Parameters
    ----------
    key : str, type or CurveModel
        What the model is asked for by.
    scores : ImageScores
        Of one experiment.
    protocol : FRAPProtocol, default=None
        The estimator's; None is that of the scores.

    Returns
    -------
    DiffusionModel

    Raises
    ------
    ValueError
        If the protocol or the model is another.
    """
    surrogate = scores.surrogate
    if protocol is not None and protocol != surrogate.protocol:
        raise ValueError(
            f"X holds scores of images of {surrogate.protocol!r}, and the estimator's protocol is "
            f"{protocol!r}; give both the same, or protocol=None to the estimator."
        )
    model = model_for(surrogate.protocol, key)
    if type(model) is not DiffusionModel:
        raise ValueError(
            f"model must be 'diffusion' for scores of images, got {key!r}; for other models use "
            "curves, by RecoveryCurveExtractor."
        )
    return model


def image_space(
    model: Any, surrogate: ImageSurrogate, parameters: Any, fixed: Any, bounds: Any
) -> ParameterSpace:
    """Say what is estimated from scores, within what their surrogate covers.

    Parameters
    ----------
    model : DiffusionModel
    surrogate : ImageSurrogate
    parameters, fixed, bounds : object
        As an estimator is given them. A blur that was interpolated over is estimated unless they
        say otherwise.

    Returns
    -------
    ParameterSpace

    Raises
    ------
    ValueError
        If a parameter is asked for that the surrogate does not know, or beyond its range.
    """
    fixed = dict(fixed or {})
    defaults = model.defaults()
    for name, value in surrogate.fixed.items():
        if value != defaults[name]:
            fixed.setdefault(name, value)
    if parameters is None:
        parameters = [
            name
            for name, default in defaults.items()
            if name not in fixed and (default is None or name in surrogate.ranges)
        ]
    bounds = dict(surrogate.ranges) | dict(bounds or {})
    bounds = {name: ends for name, ends in bounds.items() if name in parameters}
    space = ParameterSpace.of(model, parameters, fixed, bounds)
    for name in (*surrogate.ranges, *surrogate.fixed):
        known = surrogate.ranges.get(name, (surrogate.fixed.get(name),) * 2)
        low, high = space.bounds[name]
        if low < known[0] * (1 - 1e-9) or high > known[1] * (1 + 1e-9):
            raise ValueError(
                f"{name} from {low:g} to {high:g} is beyond what the scores know, {known[0]:g} to "
                f"{known[1]:g}; give the extractor ranges={{{name!r}: ({low:g}, {high:g})}}, or "
                "the estimator narrower bounds."
            )
    return space


def check_of_network(surrogate: ImageSurrogate, features: str) -> None:
    """Refuse scores that a network cannot learn from.

    Parameters
    ----------
    surrogate : ImageSurrogate
        What they are scores of.
    features : str
        As the estimator is given it.

    Raises
    ------
    ValueError
        If frames have free levels, or the network is not to know the model.
    """
    if surrogate.frame_levels:
        raise ValueError(
            "NeuralFRAP takes scores of whole series, and these are of frames with free levels; "
            "use ImageScoreExtractor(frame_levels=False), or LeastSquaresFRAP or BayesianFRAP."
        )
    if features not in ("auto", "linearized"):
        raise ValueError(
            f"features must be 'auto' or 'linearized' for scores of images, got {features!r}."
        )


def check_task_of_images(task: Any, features: str) -> None:
    """Check that a network can learn a task from scores of images that are drawn.

    Parameters
    ----------
    task : Task
        With the surrogate.
    features : str
        As the estimator is given it.

    Raises
    ------
    ValueError
        If the surrogate is of another experiment, or does not know what is to be learnt.
    """
    surrogate = task.surrogate
    if not isinstance(surrogate, ImageSurrogate):
        raise ValueError(f"surrogate must be an ImageSurrogate or None, got {surrogate!r}.")
    if surrogate.protocol != task.protocol:
        raise ValueError(
            f"surrogate must be of the simulator's protocol, {task.protocol!r}, got one of "
            f"{surrogate.protocol!r}."
        )
    check_of_network(surrogate, features)
    model = model_for(task.protocol, task.model)
    if type(model) is not DiffusionModel:
        raise ValueError(
            f"scores of images are of model='diffusion', and the simulator has {task.model!r}."
        )
    image_space(model, surrogate, task.names, task.fixed, task.bounds)


def asked_of_images(asked: Any, scores: ImageScores) -> Any:
    """Say what a network is to learn from labelled scores, which bring what they are scores of.

    Parameters
    ----------
    asked : TaskOptions
        By the arguments of the estimator.
    scores : ImageScores

    Returns
    -------
    TaskOptions
        With the protocol, and the ranges of the surrogate where no bounds are given.
    """
    surrogate = scores.surrogate
    check_of_network(surrogate, asked.features)
    key = "diffusion" if asked.model is None else asked.model
    model = image_model(key, scores, asked.protocol)
    space = image_space(model, surrogate, asked.parameters, asked.fixed, asked.bounds)
    bounds = {name: ends for name, ends in surrogate.ranges.items() if name in space.free}
    return replace(
        asked,
        protocol=surrogate.protocol,
        parameters=space.free,
        fixed=dict(space.fixed),
        bounds=bounds | dict(asked.bounds or {}),
        surrogate=surrogate,
    )


def rows_of_images(X: Any, surrogate: Any) -> np.ndarray:
    """Return the rows of scores, checked against those that an estimator was fitted to.

    Parameters
    ----------
    X : ImageScores
    surrogate : ImageSurrogate or other
        The estimator's.

    Returns
    -------
    ndarray of shape (n, n_columns)

    Raises
    ------
    ValueError
        If they are of another surrogate, or the estimator was fitted to curves.
    """
    if not isinstance(surrogate, ImageSurrogate):
        raise ValueError(
            "X holds scores of images, and the estimator was fitted to curves; fit it to scores."
        )
    if X.surrogate != surrogate:
        raise ValueError(
            f"X holds scores of {X.surrogate!r}, and the estimator was fitted to those of "
            f"{surrogate!r}, or of another protocol, window or range; use one extractor."
        )
    return X.values
