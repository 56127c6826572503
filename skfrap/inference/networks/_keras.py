"""Training of networks by Keras: nothing else in the package knows of it.

A network has inputs, and per target a goal and an importance: its loss is the sum over a batch of
importance * (output - goal)**2. Weights and the optimizer's state come in and go out as arrays.
"""

import contextlib
import importlib.util
import json
import os
import random
import sys
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skfrap.inference.networks._network import has_skip

_BACKENDS = ("jax", "torch", "tensorflow")  # in the order of preference
_LARGEST_GRADIENT = 1.0
_LARGEST_EXPONENT = 40.0  # of the inverse variance, which floats of 32 bits can square
_LARGEST_SEED = 2**31 - 1
_WARM_UP = 50  # epochs of the DeepFRAP paper's schedule


class Optimizer(NamedTuple):
    """What takes the steps.

    Attributes
    ----------
    name : {"adam", "sgd"}
    momentum : float, default=0.0
        Of "sgd".
    """

    name: str
    momentum: float = 0.0


def import_keras():
    """Import Keras with the backend that the user chose, or else one that is installed.

    A choice is ``KERAS_BACKEND`` in the environment, or a backend other than TensorFlow in
    Keras's own configuration file, as far as it is installed: Keras writes TensorFlow there by
    itself, so that alone is nobody's choice.

    Raises
    ------
    RuntimeError
        In a process that was forked from one that had loaded JAX: its threads are not there, and
        whatever waits for them waits for ever.
    """
    _refuse_after_fork()
    if "keras" in sys.modules:
        import keras

        return keras
    chosen = os.environ.get("KERAS_BACKEND")
    # What libraries read when they are loaded, and nobody has said himself.
    said = {"KERAS_BACKEND": chosen or _choose_backend(), **_compilation_cache()}
    said = {name: value for name, value in said.items() if not os.environ.get(name)}
    os.environ.update(said)
    # Importing Keras and JAX draws from the global generators.
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        import keras
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        for name in said:
            del os.environ[name]
    return keras


_forked_with: list[str] = []  # backends whose threads a fork has left behind


def _remember_fork():
    _forked_with.extend(name for name in ("jax",) if name in sys.modules)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_remember_fork)


def _refuse_after_fork():
    if _forked_with:
        raise RuntimeError(
            "networks cannot be trained in a process that was forked after JAX was loaded: it "
            "would wait for ever for threads that are not there. Start processes afresh, with "
            "multiprocessing.get_context('spawn') or joblib, or fork before training anything."
        )


def _compilation_cache():
    """Return what has JAX keep its programs in a folder, for other processes to take from there.

    Each process of a search would compile every architecture again, which takes longer than to
    train a small network. The folder is ``SKFRAP_CACHE_DIR``, where empty is none, or by default
    ``skfrap`` in the user's folder for caches. Whoever has loaded JAX before has set it up himself.
    """
    if "jax" in sys.modules or os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return {}
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = os.environ.get("SKFRAP_CACHE_DIR", str(Path(caches, "skfrap")))
    try:
        Path(folder or os.devnull).mkdir(parents=True, exist_ok=True)
    except OSError:
        return {}
    if not os.access(folder, os.W_OK):
        return {}
    return {
        "JAX_COMPILATION_CACHE_DIR": str(Path(folder, "jax")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    }


def _choose_backend():
    installed = [name for name in _BACKENDS if importlib.util.find_spec(name)]
    configured = _configured_backend()
    if configured in installed and configured != "tensorflow":
        return configured
    if not installed:
        raise ImportError("training needs a backend of Keras; install jax.")
    return installed[0]


def _configured_backend():
    folder = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return json.loads(Path(folder, "keras.json").read_text()).get("backend")
    return None


def initial_weights(widths, random_state, *, zero_output):
    """Draw Glorot-uniform weights of one network.

    Parameters
    ----------
    widths : sequence of int
        Of the input, the hidden layers and the output.
    random_state : RandomState
    zero_output : bool
        Let the last layer be zero, so that the network begins with answering nothing.

    Returns
    -------
    list of (W, b)
    """
    keras = import_keras()
    weights = []
    for width_in, width_out in pairwise(widths):
        draw = keras.initializers.GlorotUniform(seed=int(random_state.randint(_LARGEST_SEED)))
        matrix = keras.ops.convert_to_numpy(draw((width_in, width_out), dtype="float32"))
        weights.append((np.array(matrix), np.zeros(width_out, np.float32)))
    if zero_output:
        weights[-1][0][:] = 0.0
    return weights


def learning_rates(kind, largest, step, epoch, n_steps, epochs_per_step=8000):
    """Compute the learning rates of steps.

    Parameters
    ----------
    kind : {"cosine", "constant", "deepfrap2021"}
    largest : float
    step : ndarray
        Since the start of the fit.
    epoch : ndarray
        Passes over the data since the start of training.
    n_steps : int
        How many the fit has.
    epochs_per_step : int, default=8000
        Passes after which "deepfrap2021" steps down, counted from the end of its rise.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.inference.networks._keras import learning_rates
    >>> learning_rates("cosine", 1.0, np.array([0, 5, 10]), None, 10).round(3).tolist()
    [1.0, 0.5, 0.0]
    >>> epochs = np.array([0.0, 50.0, 8049.0, 8050.0, 16050.0])
    >>> learning_rates("deepfrap2021", 0.1, None, epochs, None).round(5).tolist()
    [0.001, 0.1, 0.1, 0.05623, 0.03162]
    """
    if kind == "constant":
        return np.full(len(step), float(largest))
    if kind == "cosine":
        return 0.5 * largest * (1 + np.cos(np.pi * step / n_steps))
    rising = 0.01 + 0.99 * epoch / _WARM_UP
    falling = 10 ** (-0.25 * ((epoch - _WARM_UP) // epochs_per_step))
    return largest * np.where(epoch < _WARM_UP, rising, falling)


def rounded_up(n, largest):
    """Round up to a power of two, so that few shapes are compiled; not beyond the largest."""
    return min(largest, 1 << (n - 1).bit_length())


def stack_batches(data, batches, n_steps, rows):
    """Stack batches as (n_steps, rows, n), padded by rows of no importance."""
    inputs, goals, importance = (
        np.zeros((n_steps, rows, column.shape[1]), np.float32) for column in data
    )
    for k, batch in enumerate(batches):
        used = slice(len(batch))
        inputs[k, used], goals[k, used] = data[0][batch], data[1][batch]
        importance[k, used] = data[2][batch] / len(batch)
    return inputs, goals, importance


class Training:
    """Weights and optimizer states of networks, each of which learns some of the targets.

    Parameters
    ----------
    networks : list of list of (W, b)
    columns : list of list of int
        Targets that each of the networks learns.
    activation : str
    skips : bool
    optimizer : Optimizer
    loss : {"squared", "likelihood"}, default="squared"
        "squared": the sum of importance * (output - goal)**2. "likelihood": goals are errors of
        zero mean, and outputs the logarithms of their standard deviations.
    states : list of list of ndarray, default=None
        What :meth:`states` returned, to go on from there.
    """

    def __init__(
        self,
        networks,
        columns,
        activation,
        skips,
        optimizer,
        *,
        loss="squared",
        states=None,
    ):
        self._columns = columns
        self._steppers = []
        for weights in networks:
            widths = (len(weights[0][0]), *(len(bias) for _, bias in weights))
            self._steppers.append(_stepper(widths, activation, skips, optimizer, loss))
        self._networks = [[array for layer in weights for array in layer] for weights in networks]
        self._states = states or [stepper.initial_state() for stepper in self._steppers]

    def advance(self, inputs, goals, importance, rates):
        """Take one step per batch.

        Parameters
        ----------
        inputs : ndarray of shape (n_steps, batch_size, n_inputs)
        goals, importance : ndarray of shape (n_steps, batch_size, n_targets)
        rates : ndarray of shape (n_steps,)
            Learning rates.

        Returns
        -------
        ndarray of shape (n_steps,)
            The loss before each step, summed over networks.
        """
        losses = np.zeros(len(rates))
        for k, (stepper, columns) in enumerate(zip(self._steppers, self._columns, strict=True)):
            # Importances are those of a mean over all targets; a network's loss is the mean over
            # its own, so that it learns as if alone.
            share = len(columns) / goals.shape[-1]
            self._networks[k], self._states[k], loss = stepper.advance(
                self._networks[k],
                self._states[k],
                inputs,
                goals[..., columns],
                importance[..., columns] / np.float32(share),
                rates,
            )
            losses += share * loss
        return losses

    def networks(self):
        """Return the weights as arrays of NumPy, in the form they came in."""
        found = [[np.array(array) for array in flat] for flat in self._networks]
        return [[*zip(flat[::2], flat[1::2], strict=True)] for flat in found]

    def states(self):
        """Return the optimizers' variables as arrays of NumPy."""
        return [[np.array(array) for array in one] for one in self._states]


@lru_cache(maxsize=32)
def _stepper(widths, activation, skips, optimizer, loss):
    """Build, or take from those built, what steps networks of one architecture."""
    keras = import_keras()
    model = _build_model(keras, widths, activation, skips)
    chosen = (
        keras.optimizers.Adam(1e-3, global_clipnorm=_LARGEST_GRADIENT)
        if optimizer.name == "adam"
        else keras.optimizers.SGD(1e-3, momentum=optimizer.momentum)
    )
    chosen.build(model.trainable_variables)
    kind = _JaxStepper if keras.backend.backend() == "jax" else _KerasStepper
    return kind(model, chosen, _LOSSES[loss])


def _squared_loss(output, goal, importance):
    return (importance * (output - goal) ** 2).sum(-1)


def _likelihood_loss(output, goal, importance):
    """Compute the negative logarithm of a normal likelihood, up to a constant."""
    from keras import ops

    # Deep networks begin by answers that are far off: there the exponential goes on as a straight
    # line, whose gradient is as good and finite.
    exponent = -2 * output
    bounded = ops.minimum(exponent, _LARGEST_EXPONENT)
    inverse = ops.exp(bounded) * (1 + exponent - bounded)
    return (importance * (output + 0.5 * goal**2 * inverse)).sum(-1)


_LOSSES = {"squared": _squared_loss, "likelihood": _likelihood_loss}


def _build_model(keras, widths, activation, skips):
    def dense(width, activation):
        # Zeros draw nothing from global generators; the weights come as arrays.
        return keras.layers.Dense(width, activation, kernel_initializer="zeros", dtype="float32")

    x = given = keras.Input((widths[0],), dtype="float32")
    for k, width in enumerate(widths[1:-1]):
        activate = "linear" if activation == "identity" else activation
        out = dense(width, activate)(x)
        x = keras.layers.Add()([out, x]) if skips and has_skip(k, widths[k], width) else out
    return keras.Model(given, dense(widths[-1], "linear")(x))


class _KerasStepper:
    """Step by Keras's own training loop, on any backend."""

    def __init__(self, model, optimizer, loss=_squared_loss):
        self._model, self._optimizer = model, optimizer
        self._initial = [np.array(_to_numpy(v)) for v in optimizer.variables]
        n_targets = model.output_shape[-1]

        def told_loss(told, output):
            # Keras takes the mean over the batch, which is to be a sum: see advance.
            return loss(output, told[:, :n_targets], told[:, n_targets:])

        model.compile(optimizer, told_loss)

    def initial_state(self):
        return [array.copy() for array in self._initial]

    def advance(self, weights, state, inputs, goals, importance, rates):
        model, optimizer = self._model, self._optimizer
        variables = [*model.trainable_variables, *optimizer.variables]
        for variable, array in zip(variables, [*weights, *state], strict=True):
            variable.assign(array)
        losses = np.zeros(len(rates))
        for k, rate in enumerate(rates):
            optimizer.learning_rate = float(rate)
            told = np.concatenate([goals[k], len(goals[k]) * importance[k]], axis=1)
            model.reset_metrics()
            losses[k] = float(model.train_on_batch(inputs[k], told))
        arrays = [np.array(_to_numpy(variable)) for variable in variables]
        return arrays[: len(weights)], arrays[len(weights) :], losses


class _JaxStepper:
    """Take many steps in one compiled call, without Keras's cost per step."""

    def __init__(self, model, optimizer, loss=_squared_loss):
        import jax

        self._initial = [np.array(_to_numpy(v)) for v in optimizer.variables]
        rate_at = next(k for k, v in enumerate(optimizer.variables) if v.name == "learning_rate")

        def batch_loss(weights, inputs, goals, importance):
            output, _ = model.stateless_call(weights, [], inputs)
            return loss(output, goals, importance).sum()

        def step(k, carried, inputs, goals, importance, rates):
            weights, state, losses = carried
            value, gradients = jax.value_and_grad(batch_loss)(
                weights, inputs[k], goals[k], importance[k]
            )
            state = [*state]
            state[rate_at] = rates[k]
            weights, state = optimizer.stateless_apply(state, gradients, weights)
            return weights, state, losses.at[k].set(value)

        @jax.jit
        def steps(weights, state, inputs, goals, importance, rates, n_steps):
            def body(k, carried):
                return step(k, carried, inputs, goals, importance, rates)

            # The number of steps is told at run time: fewer of them compile nothing anew.
            return jax.lax.fori_loop(0, n_steps, body, (weights, state, 0 * rates))

        self._steps = steps

    def initial_state(self):
        return [array.copy() for array in self._initial]

    def advance(self, weights, state, inputs, goals, importance, rates):
        n_steps = len(rates)
        rates = np.resize(np.asarray(rates, np.float32), len(inputs))
        weights, state, losses = self._steps(
            weights, state, inputs, goals, importance, rates, n_steps
        )
        return weights, state, np.asarray(losses)[:n_steps].astype(float)


def _to_numpy(variable):
    import keras

    return keras.ops.convert_to_numpy(variable.value)
