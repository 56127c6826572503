"""How far a network's estimates are from the truth, learnt by a second network.

It answers with the logarithms of standard deviations over the features' scales, and learns by the
likelihood of errors of curves that the first network has not seen.
"""

import numpy as np

from skfrap.inference.networks._keras import Training, initial_weights, learning_rates
from skfrap.inference.networks._training import BLOCK, check_finite, take_steps

_LEAST = 1e-14
_LARGEST_RATE = 3e-3  # of Adam, whatever the first network learns by


def learn_deviations(estimator, stream, n_steps, random):
    """Train the second network, or go on training it.

    Parameters
    ----------
    estimator : NeuralFRAP
        Its networks are trained.
    stream : CurveStream
    n_steps : int
        Batches to learn from.
    random : RandomState

    Returns
    -------
    list of (W, b)
    """
    n_targets = len(estimator.target_names_)
    weights = estimator.deviation_weights_
    training = None
    largest = min(_LARGEST_RATE, estimator.learning_rate_init)
    chunks = stream.chunks(n_steps, lambda *data: _prepare(estimator, *data))
    for first, data in zip(range(0, n_steps, BLOCK), chunks, strict=True):
        if training is None:
            # A fit may have left but one layer, of constants.
            if weights is None or len(weights) != 1 + len(estimator._hidden):
                weights = initial_weights(estimator._widths(n_targets), random, zero_output=True)
                weights[-1][1][:] = _log_rms(data[1])
            options = estimator.activation, estimator.features_.skips, "adam", 0.0
            training = Training([weights], [[*range(n_targets)]], *options, loss="likelihood")

        def rates(since, first=first):
            return learning_rates("cosine", largest, first + since, None, n_steps)

        losses = take_steps(training, data, np.arange(len(data[0])), estimator.batch_size, rates)
        check_finite(losses.mean(), first + len(losses), estimator)
    return training.networks()[0]


def constant_deviations(estimator, X, y):
    """Make weights that answer with the root mean square of errors over their scales.

    Parameters
    ----------
    estimator : NeuralFRAP
        Its networks are trained.
    X : ndarray of shape (n, n_frames)
        Curves that they have not seen.
    y : ndarray of shape (n, n_targets)

    Returns
    -------
    list of (W, b)
    """
    inputs, errors, _ = _prepare(estimator, X, y)
    return [(np.zeros((inputs.shape[1], errors.shape[1]), np.float32), _log_rms(errors))]


def _prepare(estimator, X, y, weight=None):
    """Return inputs, errors of the estimates over their scales, and importances."""
    described = inputs, _, scale = estimator.features_(X)
    errors = (y - estimator._estimate(described, estimator.weights_)) / scale
    return inputs, errors.astype(np.float32), np.full(y.shape, 1 / y.shape[1], np.float32)


def _log_rms(errors):
    return np.log(np.maximum(np.sqrt(np.mean(errors**2, axis=0)), _LEAST)).astype(np.float32)
