"""How far a network's estimates are from the truth, learnt by a second network.

It answers with the logarithms of standard deviations over the features' scales, and learns by the
likelihood of errors of curves that the first network has not seen.
"""

import math
from functools import partial

import numpy as np

from skfrap.inference.networks._keras import (
    Optimizer,
    Training,
    initial_weights,
    learning_rates,
)
from skfrap.inference.networks._run import BLOCK, check_finite, take_steps

_LEAST = 1e-14
_FOR_DEVIATIONS = 8  # of as many steps, one more for the standard deviations
_LARGEST_RATE = 3e-3  # of Adam, whatever the first network learns by


def learn_deviations(network, stream, n_learnt, options, random):
    """Train the second network, or go on training it.

    Parameters
    ----------
    network : TrainedNetwork
    stream : CurveStream
        What is learnt from it is used up.
    n_learnt : int
        Batches that the first network has learnt from. The second one takes an eighth as many.
    options : TrainingOptions
    random : RandomState

    Returns
    -------
    list of (W, b)

    Raises
    ------
    FloatingPointError
        If the loss is no longer finite.
    """
    n_steps = math.ceil(n_learnt / _FOR_DEVIATIONS)
    weights, training = network.deviation_weights, None
    largest = min(_LARGEST_RATE, options.learning_rate_init)
    chunks = stream.chunks(n_steps, partial(_prepare, network))
    for first, data in zip(range(0, n_steps, BLOCK), chunks, strict=True):
        if training is None:
            # A fit may have left but one layer, of constants.
            if weights is None or len(weights) != 1 + len(options.hidden_sizes):
                widths = data[0].shape[1], *options.hidden_sizes, data[1].shape[1]
                weights = initial_weights(widths, random, zero_output=True)
                weights[-1][1][:] = _log_rms(data[1])
            training = Training(
                [weights],
                [[*range(data[1].shape[1])]],
                network.activation,
                network.features.skips,
                Optimizer("adam"),
                loss="likelihood",
            )

        def rates(since, first=first):
            return learning_rates("cosine", largest, first + since, None, n_steps)

        losses = take_steps(training, data, np.arange(len(data[0])), options.batch_size, rates)
        check_finite(losses.mean(), first + len(losses), options)
    return training.networks()[0]


def constant_deviations(network, X, y):
    """Make weights that answer with the root mean square of errors over their scales.

    Parameters
    ----------
    network : TrainedNetwork
    X : ndarray of shape (n, n_frames)
        Curves that it has not seen.
    y : ndarray of shape (n, n_targets)

    Returns
    -------
    list of (W, b)
    """
    inputs, errors, _ = _prepare(network, X, y)
    return [(np.zeros((inputs.shape[1], errors.shape[1]), np.float32), _log_rms(errors))]


def _prepare(network, X, y, weight=None):
    """Return inputs, errors of the estimates over their scales, and importances."""
    described = inputs, _, scale = network.describe(X)
    errors = (y - network.estimate(described)) / scale
    return inputs, errors.astype(np.float32), np.full(y.shape, 1 / y.shape[1], np.float32)


def _log_rms(errors):
    return np.log(np.maximum(np.sqrt(np.mean(errors**2, axis=0)), _LEAST)).astype(np.float32)
