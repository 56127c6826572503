"""One call of a network's fit, whichever data it learns from."""

import math
import time

import numpy as np

from skfrap import __version__
from skfrap.estimators._least_squares import LeastSquaresFRAP
from skfrap.inference.networks._keras import Training, rounded_up, stack_batches
from skfrap.metrics import weighted_mean_squared_error

BLOCK = 64  # steps told to the trainer at once, and batches in a chunk of a stream


class TrainingRun:
    """One call of a fit: takes steps, writes the history, and keeps the best weights.

    Parameters
    ----------
    estimator : NeuralFRAP
    networks : list of list of (W, b), or None
        Where to start; None goes on from where the estimator is.
    held : tuple of X, y, weight, or None
        Validation data.
    goal : callable or None
        Tells of validation losses, (n_targets,), whether they are low enough to stop.
    seconds : float, default=0.0
        What preparations took.
    """

    def __init__(self, estimator, networks, held, goal=None, seconds=0.0):
        self.estimator = estimator
        self.training = Training(
            estimator.weights_ if networks is None else networks,
            estimator._columns,
            estimator.activation,
            estimator.features_.skips,
            estimator.optimizer,
            estimator.momentum,
            states=estimator._optimizer_states,
        )
        self.held = held
        self.goal = goal
        self.described = None if held is None else estimator.features_(held[0])
        self.clock = time.perf_counter() - seconds
        self.records = []
        self.losses = []
        self.n_steps = 0
        self.best = np.inf, None, 0
        self.reached = False

    def one_pass(self, data, order, rate):
        """Take a step for each batch, of sizes as equal as can be."""
        estimator = self.estimator

        def rates(since):
            return rate(self.n_steps + since, estimator.n_steps_ + since)

        self.losses = take_steps(self.training, data, order, estimator.batch_size, rates)
        self.n_steps += len(self.losses)
        estimator.n_steps_ += len(self.losses)

    def report(self, progress=None):
        """Write what a pass came to; return whether to stop."""
        estimator = self.estimator
        loss = float(self.losses.mean())
        check_finite(loss, self.n_steps, estimator)
        estimator.n_iter_ += 1
        record = {"step": estimator.n_steps_, "loss": loss}
        record["seconds"] = time.perf_counter() - self.clock
        self.records.append(record)
        shown = {"loss": f"{loss:.4g}"}
        stop = False
        if self.held is not None:
            start = time.perf_counter()
            _, y, weight = self.held
            networks = self.training.networks()
            estimates = estimator._estimate(self.described, networks)
            losses = np.average((estimates - y) ** 2, axis=0, weights=weight)
            record["validation_loss"] = losses
            joint = float(np.mean(losses / estimator._benchmark))
            shown["validation"] = f"{joint:.4g}"
            stop = self._is_enough(losses, joint, networks)
            self.clock += time.perf_counter() - start
        if progress is not None:
            progress.set_postfix(shown)
        return stop

    def _is_enough(self, losses, joint, networks):
        if self.goal is not None and self.goal(losses):
            self.best, self.reached = (joint, networks, 0), True
            return True
        if not self.estimator.early_stopping:
            return False
        least, best, n_worse = self.best
        if joint < least:
            self.best = joint, networks, 0
            return False
        self.best = least, best, n_worse + 1
        return n_worse + 1 >= self.estimator.n_iter_no_change

    def finish(self):
        """Write the results into the estimator."""
        estimator = self.estimator
        best = self.best[1]
        networks = self.training.networks() if best is None else best
        if not all(
            np.isfinite(a).all() for weights in networks for layer in weights for a in layer
        ):
            raise FloatingPointError(
                "the last step left weights that are not finite; choose a smaller "
                f"learning_rate_init than {estimator.learning_rate_init}."
            )
        estimator.weights_ = networks
        estimator._optimizer_states = self.training.states()
        old = getattr(estimator, "history_", {})
        new = {key: np.array([record[key] for record in self.records]) for key in self.records[0]}
        # What only one of two fits has measured is left out.
        if old:
            new["seconds"] = new["seconds"] + old["seconds"][-1]
            new = {key: np.concatenate([old[key], new[key]]) for key in new if key in old}
        estimator.history_ = new
        estimator.loss_ = self.records[-1]["loss"]
        estimator.reached_ = self.reached
        estimator.skfrap_version_ = __version__
        return estimator


def stopping_rule(estimator, held):
    """Make what tells of validation losses whether they are low enough to stop.

    Parameters
    ----------
    estimator : NeuralFRAP
    held : tuple of X, y, weight, or None
        Validation data.

    Returns
    -------
    callable or None
    """
    goal = estimator.stop_at
    if held is None or goal is None:
        return None
    X, y, weight = held
    if not isinstance(goal, str):
        goal = np.broadcast_to(np.asarray(goal, dtype=float), y.shape[1])
        return lambda losses: (losses <= goal).all()
    task = estimator._task
    if task.model is None:
        raise ValueError("stop_at='least_squares' needs a protocol, got None.")
    options = {"model": task.model, "parameters": task.names, "fixed": task.fixed}
    benchmark = LeastSquaresFRAP(task.protocol, task.bounds, **options).fit(X)
    reached = weighted_mean_squared_error(y, benchmark.predict(X), weight)
    scales = estimator._squared_scales
    return lambda losses: np.sum(losses / scales) <= np.sum(reached / scales)


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


def check_finite(loss, n_steps, estimator):
    """Raise an error that tells what to do if the loss is no longer a number."""
    if not np.isfinite(loss):
        raise FloatingPointError(
            f"the loss became {loss} after {n_steps} steps; choose a smaller "
            f"learning_rate_init than {estimator.learning_rate_init}, and look for extreme "
            "values in X and y."
        )
