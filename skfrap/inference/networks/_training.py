"""Training of networks, whichever data they learn from: values go in, and new values come out."""

import math
import time
from dataclasses import replace
from functools import partial

import numpy as np
from tqdm import tqdm

from skfrap.inference.networks._features import choose_features
from skfrap.inference.networks._keras import (
    Training,
    initial_weights,
    learning_rates,
    rounded_up,
    stack_batches,
)
from skfrap.inference.networks._network import networks_of
from skfrap.inference.networks._options import architecture_of
from skfrap.inference.networks._trained import TrainedNetwork, TrainingState

BLOCK = 64  # steps told to the trainer at once, and batches in a chunk of a stream
_LEAST_LOSS = 1e-14  # benchmark of a target that is already known exactly


def untrained_network(task, options, asked, data, random):
    """Choose features by the first data, and draw weights.

    Parameters
    ----------
    task : Task
    options : TrainingOptions
    asked : TaskOptions
    data : tuple of X, y, weight
    random : RandomState

    Returns
    -------
    TrainedNetwork
    """
    X, y, weight = data
    name, features = choose_features(options.features, task)
    features.check_targets(y)
    benchmark = np.maximum(features.fit(X, y, weight), _LEAST_LOSS)
    columns = networks_of(options.targets, y.shape[1])
    n_inputs = features(X[:1])[0].shape[1]
    # However many are drawn here, what is drawn next stays the same.
    random = np.random.RandomState(random.randint(2**31 - 1))
    # Where something is known beforehand, begin with that.
    zero_output = features.skips
    weights = [
        initial_weights(
            (n_inputs, *options.hidden_sizes, len(chosen)), random, zero_output=zero_output
        )
        for chosen in columns
    ]
    architecture = architecture_of(options, asked)
    return TrainedNetwork(task, name, features, architecture, columns, weights, benchmark)


def train(network, state, data, options, random, validation=None):
    """Pass over labelled curves, again and again.

    Parameters
    ----------
    network : TrainedNetwork
        Where to start.
    state : TrainingState
    data : tuple of X, y, weight
    options : TrainingOptions
    random : RandomState
        Of the order of curves.
    validation : Validation or None

    Returns
    -------
    network : TrainedNetwork
    state : TrainingState

    Raises
    ------
    FloatingPointError
        If the loss or the weights are no longer finite.
    """
    run = _Run(network, state, options, validation)
    prepared = _prepare(network, options, *data)
    n = len(prepared[0])
    per_epoch = math.ceil(n / options.batch_size)
    rate = _schedule(options, per_epoch, options.max_iter * per_epoch)
    with _progress(range(options.max_iter), options) as progress:
        for _ in progress:
            run.one_pass(prepared, random.permutation(n), rate)
            if run.report(progress):
                break
    return run.result()


def train_once(network, state, data, options, random):
    """Pass over labelled curves once; parameters and results are those of :func:`train`."""
    run = _Run(network, state, options)
    prepared = _prepare(network, options, *data)
    n = len(prepared[0])
    rate = _schedule(options, math.ceil(n / options.batch_size), None)
    run.one_pass(prepared, random.permutation(n), rate)
    run.report()
    return run.result()


def train_online(network, state, stream, n_steps, options, validation=None, seconds=0.0):
    """Learn from a stream of curves.

    Parameters
    ----------
    network, state, options, validation
        As in :func:`train`.
    stream : CurveStream
        What is learnt from it is used up.
    n_steps : int
        Batches to learn from.
    seconds : float, default=0.0
        What preparations took.

    Returns
    -------
    network : TrainedNetwork
    state : TrainingState

    Raises
    ------
    FloatingPointError
        If the loss or the weights are no longer finite.
    """
    run = _Run(network, state, options, validation, seconds)
    rate = _schedule(options, BLOCK, n_steps)
    with _progress(range(0, n_steps, BLOCK), options) as progress:
        chunks = stream.chunks(n_steps, partial(_prepare, network, options))
        for _, data in zip(progress, chunks, strict=True):
            run.one_pass(data, np.arange(len(data[0])), rate)
            if run.report(progress):
                break
        chunks.close()
    network, state = run.result()
    return network, replace(state, n_seen=stream.n_seen)


class _Run:
    """One call of a fit: takes steps, writes the history, and keeps the best weights."""

    def __init__(self, network, state, options, validation=None, seconds=0.0):
        self.network, self.state, self.options = network, state, options
        self.training = Training(
            network.weights,
            network.columns,
            network.activation,
            network.features.skips,
            options.stepper,
            states=state.optimizer_states,
        )
        self.validation = validation
        self.described = None if validation is None else network.describe(validation.X)
        self.clock = time.perf_counter() - seconds
        self.records = []
        self.losses = []
        self.n_steps = 0
        self.best = np.inf, None, 0
        self.reached = False

    def one_pass(self, data, order, rate):
        """Take a step for each batch, of sizes as equal as can be."""
        since, overall = self.n_steps, self.state.n_steps + self.n_steps

        def rates(step):
            return rate(since + step, overall + step)

        self.losses = take_steps(self.training, data, order, self.options.batch_size, rates)
        self.n_steps += len(self.losses)

    def report(self, progress=None):
        """Write what a pass came to; return whether to stop."""
        loss = float(self.losses.mean())
        check_finite(loss, self.n_steps, self.options)
        record = {"step": self.state.n_steps + self.n_steps, "loss": loss}
        record["seconds"] = time.perf_counter() - self.clock
        self.records.append(record)
        shown = {"loss": f"{loss:.4g}"}
        stop = False
        if self.validation is not None:
            start = time.perf_counter()
            networks = self.training.networks()
            estimates = replace(self.network, weights=networks).estimate(self.described)
            losses = self.validation.losses(estimates)
            record["validation_loss"] = losses
            joint = float(np.mean(losses / self.network.benchmark))
            shown["validation"] = f"{joint:.4g}"
            stop = self._is_enough(losses, joint, networks)
            self.clock += time.perf_counter() - start
        if progress is not None:
            progress.set_postfix(shown)
        return stop

    def _is_enough(self, losses, joint, networks):
        if self.validation.is_reached(losses):
            self.best, self.reached = (joint, networks, 0), True
            return True
        if not self.options.early_stopping:
            return False
        least, best, n_worse = self.best
        if joint < least:
            self.best = joint, networks, 0
            return False
        self.best = least, best, n_worse + 1
        return n_worse + 1 >= self.options.n_iter_no_change

    def result(self):
        """Return the network and the state of its training."""
        best = self.best[1]
        networks = self.training.networks() if best is None else best
        if not all(
            np.isfinite(a).all() for weights in networks for layer in weights for a in layer
        ):
            raise FloatingPointError(
                "the last step left weights that are not finite; choose a smaller "
                f"learning_rate_init than {self.options.learning_rate_init}."
            )
        state = TrainingState(
            optimizer_states=self.training.states(),
            n_iter=self.state.n_iter + len(self.records),
            n_steps=self.state.n_steps + self.n_steps,
            n_seen=self.state.n_seen,
            history=self._history(),
            loss=self.records[-1]["loss"],
            reached=self.reached,
        )
        return replace(self.network, weights=networks), state

    def _history(self):
        old = self.state.history
        new = {key: np.array([record[key] for record in self.records]) for key in self.records[0]}
        if not old:
            return new
        new["seconds"] = new["seconds"] + old["seconds"][-1]
        # What only one of two fits has measured is left out.
        return {key: np.concatenate([old[key], new[key]]) for key in new if key in old}


def squared_scales(network, target_scales):
    """Return what squared errors are divided by in the loss, as a number or per target.

    Parameters
    ----------
    network : TrainedNetwork
    target_scales : {"benchmark", None} or array-like of shape (n_targets,)

    Returns
    -------
    float or ndarray of shape (n_targets,)
    """
    if target_scales is None:
        return 1.0
    if isinstance(target_scales, str):
        return network.benchmark
    scales = np.asarray(target_scales, dtype=float)
    if scales.shape != network.benchmark.shape or not (scales > 0).all():
        raise ValueError(
            "target_scales must be a positive number for each of "
            f"{network.task.target_names}, got {target_scales!r}."
        )
    return scales**2


def take_steps(training, data, order, batch_size, rates):
    """Take a step for each batch of some rows of data, of sizes as equal as can be.

    Parameters
    ----------
    training : Training
    data : tuple of inputs, goals and importances
    order : ndarray of int
        Rows, as they are to come.
    batch_size : int
    rates : callable
        Gives the learning rates of steps, counted from the first.

    Returns
    -------
    ndarray of shape (n_batches,)
        Losses before each step.
    """
    batches = np.array_split(order, math.ceil(len(order) / batch_size))
    rows = rounded_up(len(batches[0]), batch_size)
    n_steps = rounded_up(len(batches), BLOCK)
    losses = []
    for first in range(0, len(batches), n_steps):
        some = batches[first : first + n_steps]
        block = stack_batches(data, some, n_steps, rows)
        losses.append(training.advance(*block, rates(first + np.arange(len(some)))))
    return np.concatenate(losses)


def check_finite(loss, n_steps, options):
    """Raise an error that tells what to do if the loss is no longer a number."""
    if not np.isfinite(loss):
        raise FloatingPointError(
            f"the loss became {loss} after {n_steps} steps; choose a smaller "
            f"learning_rate_init than {options.learning_rate_init}, and look for extreme "
            "values in X and y."
        )


def _prepare(network, options, X, y, weight):
    """Return inputs, goals and importances, as the trainer takes them."""
    network.features.check_targets(y)
    inputs, guess, scale = network.describe(X)
    scales = squared_scales(network, options.target_scales)
    importance = weight[:, np.newaxis] * scale**2 / (scales * y.shape[1])
    return inputs, ((y - guess) / scale).astype(np.float32), importance.astype(np.float32)


def _schedule(options, per_epoch, n_total):
    """Make a function of the steps since the start of this fit and of all steps."""
    kind = options.learning_rate
    if kind == "cosine" and n_total is None:
        kind = "constant"

    def rate(since, overall):
        return learning_rates(
            kind,
            options.learning_rate_init,
            since,
            overall / per_epoch,
            n_total,
            options.epochs_per_step,
        )

    return rate


def _progress(passes, options):
    return tqdm(passes, desc="training", disable=not options.verbose)
