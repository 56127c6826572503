"""A trained network for another task: another protocol, another prior.

What a network has learnt of linearised features is mostly how far a prior pulls an estimate of some
uncertainty near some face of its box, which is much the same in every experiment. So its weights
are a good start wherever the features mean the same: targets of the same names.
"""

from dataclasses import replace

import numpy as np

from skfrap.inference.networks._features import choose_features
from skfrap.inference.networks._options import architecture_of
from skfrap.inference.networks._training import LEAST_LOSS

_ROWS = 8192  # of the curves, to see which of several starts is best


def transferred(network, task, options, asked, data):
    """Make a network for another task out of one that is trained.

    Features are those of the new task. Of what their standardisation was and what it would be for
    the new curves, that is taken with which the old weights do best on some of them; and where they
    do worse than what is known beforehand, the last layer begins with answering just that.

    Parameters
    ----------
    network : TrainedNetwork
    task : Task
        The new one.
    options : TrainingOptions
    asked : TaskOptions
    data : tuple of X, y, weight
        Curves of the new task.

    Returns
    -------
    TrainedNetwork

    Raises
    ------
    ValueError
        If targets, or the number of inputs, are others.
    """
    X, y, weight = data
    if task.target_names != network.task.target_names:
        raise ValueError(
            f"a network can be transferred to the targets it was trained for, "
            f"{network.task.target_names}, got {task.target_names}; use warm_start=False."
        )
    name, features = choose_features(network.features_name, task, options.standardize)
    features.check_targets(y)
    benchmark = np.maximum(features.fit(X, y, weight), LEAST_LOSS)
    n_inputs, asked_for = features(X[:1])[0].shape[1], len(network.weights[0][0][0])
    if n_inputs != asked_for:
        raise ValueError(
            f"the network takes {asked_for} inputs, and features={name!r} of the new curves are "
            f"{n_inputs}; use warm_start=False."
        )
    some = slice(_ROWS)
    whole = replace(
        network,
        task=task,
        features=features,
        features_name=name,
        architecture=architecture_of(options, asked),
        benchmark=benchmark,
    )
    starts = _standardisations(network.features, features, task)
    losses = [_loss(whole, start, X[some], y[some], weight[some]) for start in starts]
    best = int(np.argmin(losses))
    vars(features).update(starts[best])
    # Raw features have no guess but the mean, which the old weights do not answer with.
    if losses[best] > 1 and features.skips:
        whole = replace(whole, weights=[_silenced(layers) for layers in network.weights])
    return whole


def _standardisations(old, new, task):
    """Return ways to standardise what the network sees: as it was, as it would be, and between."""
    learnt = [{name: getattr(each, name) for name in new._learnt} for each in (old, new)]
    if task.model is None or not old.skips:
        return learnt
    # Estimates in the place they have within the new box, all else as it was.
    placed = dict(learnt[0])
    n = len(task.target_names)
    for name in ("mean", "scale"):
        placed[name] = np.concatenate([learnt[1][name][:n], learnt[0][name][n:]])
    return [*learnt, placed]


def _loss(network, learnt, X, y, weight):
    vars(network.features).update(learnt)
    error = network.estimate(network.describe(X)) - y
    return float(np.mean(np.average(error**2, axis=0, weights=weight) / network.benchmark))


def _silenced(layers):
    *hidden, (last, bias) = layers
    return [*hidden, (np.zeros_like(last), np.zeros_like(bias))]
