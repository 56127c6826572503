"""When training is to stop: curves that are set aside, and losses on them that are low enough."""

import numpy as np

from skfrap.inference.networks._data import Validation
from skfrap.inference.networks._run import squared_scales
from skfrap.metrics import weighted_mean_squared_error
from skfrap.models import ImageScores


def validation_of(network, options, held):
    """Return the curves that are set aside, with the losses to stop at, if there are any.

    Parameters
    ----------
    network : TrainedNetwork
        To be trained.
    options : TrainingOptions
    held : tuple of X, y, weight, or None

    Returns
    -------
    Validation or None
    """
    if held is None:
        return None
    X, y, weight = held
    goal = options.stop_at
    if goal is None:
        return Validation(X, y, weight)
    if not isinstance(goal, str):
        goal = np.broadcast_to(np.asarray(goal, dtype=float), y.shape[1])
        return Validation(X, y, weight, goal)
    # Who only predicts has no need of least squares.
    from skfrap.estimators._least_squares import LeastSquaresFRAP

    task = network.task
    if task.model is None:
        raise ValueError("stop_at='least_squares' needs a protocol, got None.")
    known = {"model": task.model, "parameters": task.names, "fixed": task.fixed}
    if task.surrogate is not None:
        X = ImageScores(X, task.surrogate)
    rival = LeastSquaresFRAP(task.protocol, task.bounds, **known).fit(X)
    goal = weighted_mean_squared_error(y, rival.predict(X)[:, task.columns], weight)
    return Validation(X, y, weight, goal, squared_scales(network, options.target_scales))
