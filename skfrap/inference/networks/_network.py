"""The forward pass of fully connected networks, in NumPy alone."""

import numpy as np

_ROWS = 1024  # at a time: what is between two layers stays in the cache
_FEWEST = 8  # BLAS rounds one row differently from many: take no fewer


def silu(x):
    """Compute x / (1 + exp(-x)) in place."""
    gate = np.negative(x)
    np.minimum(gate, 80.0, out=gate)
    np.exp(gate, out=gate)
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
    """Compute the outputs of a network.

    Parameters
    ----------
    inputs : ndarray of shape (n, n_inputs)
    weights : list of (W, b)
        Per layer, of shapes (width_in, width_out) and (width_out,).
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
    >>> from skfrap.inference.networks._network import forward
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


def networks_of(targets, n_targets):
    """Tell which targets each network learns; of those that several learn, the last one answers.

    Parameters
    ----------
    targets : {"joint", "separate", "merged"}
    n_targets : int

    Returns
    -------
    list of list of int

    Examples
    --------
    >>> from skfrap.inference.networks._network import networks_of
    >>> networks_of("merged", 3)
    [[0, 1, 2], [1], [2]]
    """
    joint, alone = [[*range(n_targets)]], [[k] for k in range(n_targets)]
    return {"joint": joint, "separate": alone, "merged": joint + alone[1:]}[targets]


def answer(inputs, networks, columns, activation, skips):
    """Compute what networks answer together.

    Parameters
    ----------
    inputs : ndarray of shape (n, n_inputs)
    networks : list of list of (W, b)
    columns : list of list of int
        As from :func:`networks_of`.
    activation, skips
        As in :func:`forward`.

    Returns
    -------
    ndarray of shape (n, n_targets)
    """
    answers = [forward(inputs, weights, activation, skips) for weights in networks]
    combined = answers[0]
    if len(answers) > 1:
        combined = np.empty((len(inputs), 1 + max(map(max, columns))), np.float32)
        for chosen, found in zip(columns, answers, strict=True):
            combined[:, chosen] = found
    return combined


def _forward(x, weights, activate, skips):
    *hidden, (last, last_bias) = weights
    for k, (matrix, bias) in enumerate(hidden):
        out = x @ matrix
        out += bias
        out = activate(out)
        if skips and has_skip(k, *matrix.shape):
            out += x
        x = out
    return x @ last + last_bias
