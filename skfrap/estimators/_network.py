"""The forward pass of fully connected networks, in NumPy alone."""

import numpy as np

_ROWS = 1024  # at a time: what is between two layers stays in the cache
_FEWEST = 32  # BLAS rounds one row differently from many: take no fewer


def silu(x):
    """Compute x / (1 + exp(-x)) in place."""
    gate = np.exp(np.clip(-x, None, 80.0))
    gate += 1
    x /= gate
    return x


def elu(x):
    """Compute x, or exp(x) - 1 below zero, in place."""
    negative = np.minimum(x, 0)
    np.expm1(negative, out=negative)
    np.maximum(x, 0, out=x)
    x += negative
    return x


def relu(x):
    """Compute x, or 0 below zero, in place."""
    return np.maximum(x, 0, out=x)


def tanh(x):
    """Compute the hyperbolic tangent in place."""
    return np.tanh(x, out=x)


def identity(x):
    """Return x."""
    return x


ACTIVATIONS = {"silu": silu, "elu": elu, "relu": relu, "tanh": tanh, "identity": identity}


def has_skip(k, width_in, width_out):
    """Tell whether the k-th layer adds its input to its output, in networks that have skips."""
    return k > 0 and width_in == width_out


def forward(inputs, weights, activation, skips=False):
    """Compute the outputs of a network, or of several of one shape side by side.

    Parameters
    ----------
    inputs : ndarray of shape (n, n_inputs)
    weights : list of (W, b)
        Of shapes (width_in, width_out) and (width_out,); for several networks of one output each
        (n_networks, width_in, width_out) and (n_networks, 1, width_out).
    activation : str
        Of the hidden layers.
    skips : bool, default=False
        Whether a hidden layer after another of its width adds its input to its output.

    Returns
    -------
    ndarray of shape (n, n_outputs)

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.estimators._network import forward
    >>> twice, three = (np.array([[2.0]]), np.zeros(1)), (np.ones((1, 1)), np.full(1, 3.0))
    >>> forward(np.array([[1.0], [-1.0]]), [twice, three], "relu").ravel().tolist()
    [5.0, 3.0]
    """
    n = len(inputs)
    if n < _FEWEST:
        inputs = np.concatenate(
            [inputs, np.zeros_like(inputs, shape=(_FEWEST - n, *inputs.shape[1:]))]
        )
    parts = [
        _forward(inputs[first : first + _ROWS], weights, ACTIVATIONS[activation], skips)
        for first in range(0, len(inputs), _ROWS)
    ]
    return np.concatenate(parts)[:n]


def _forward(x, weights, activate, skips):
    *hidden, (last, last_bias) = weights
    for k, (matrix, bias) in enumerate(hidden):
        out = x @ matrix
        out += bias
        out = activate(out)
        if skips and has_skip(k, *matrix.shape[-2:]):
            out += x
        x = out
    out = x @ last + last_bias
    return out[..., 0].T if out.ndim == 3 else out
