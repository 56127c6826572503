"""One call of a fit: steps, losses on the way, the best weights, and where it can go on."""

import math
import time
from dataclasses import replace

import numpy as np

from skfrap.inference.networks._keras import Training, rounded_up, stack_batches
from skfrap.inference.networks._trained import TrainingState

BLOCK = 64  # steps told to the trainer at once, and batches in a chunk of a stream


class BestWeights:
    """Of each network the weights with which its own loss on validation data was lowest.

    Parameters
    ----------
    n_networks : int
    """

    def __init__(self, n_networks):
        self.losses = np.full(n_networks, np.inf)
        self.weights = [None] * n_networks
        self.n_worse = 0  # passes since any of them became better

    def see(self, losses, weights, n_passes=1):
        """Take over what is better than before.

        Parameters
        ----------
        losses : sequence of float
            Of each network, on its own targets.
        weights : list of list of (W, b)
        n_passes : int, default=1
            Since the last time.
        """
        better = np.asarray(losses) < self.losses
        self.losses = np.where(better, losses, self.losses)
        self.weights = [
            new if is_better else old
            for new, old, is_better in zip(weights, self.weights, better, strict=True)
        ]
        self.n_worse = 0 if better.any() else self.n_worse + n_passes


class Run:
    """One call of a fit: takes steps, writes the history, and keeps the best weights.

    Parameters
    ----------
    network : TrainedNetwork
        Where to start.
    state : TrainingState
    options : TrainingOptions
    validation : Validation or None, default=None
    seconds : float, default=0.0
        What preparations took.
    """

    def __init__(self, network, state, options, validation=None, seconds=0.0):
        self.network, self.state, self.options = network, state, options
        self.validation = validation
        self.described = None if validation is None else network.describe(validation.X)
        self.scales = np.broadcast_to(
            squared_scales(network, options.target_scales), network.benchmark.shape
        )
        self.clock = time.perf_counter() - seconds
        self.records = []
        self.losses = []
        self.n_steps = 0
        self.best = BestWeights(len(network.columns))
        self.reached = self.stopped = False
        self.begin(network.weights, state.optimizer_states)

    def begin(self, weights, optimizer_states):
        """Take weights and optimizer states to go on from."""
        network = self.network
        self.training = Training(
            weights,
            network.columns,
            network.activation,
            network.features.skips,
            self.options.stepper,
            states=optimizer_states,
        )

    @property
    def seconds(self):
        """Of training so far, without validation."""
        return time.perf_counter() - self.clock

    def one_pass(self, data, order, rate):
        """Take a step for each batch, of sizes as equal as can be."""
        since, overall = self.n_steps, self.state.n_steps + self.n_steps

        def rates(step):
            return rate(since + step, overall + step)

        self.losses = take_steps(self.training, data, order, self.options.batch_size, rates)
        self.n_steps += len(self.losses)

    def report(self, progress=None, *, is_last=False):
        """Write what a pass came to; return whether to stop."""
        loss = float(self.losses.mean())
        check_finite(loss, self.n_steps, self.options)
        record = {"step": self.state.n_steps + self.n_steps, "loss": loss}
        record["seconds"] = self.seconds
        self.records.append(record)
        shown = {"loss": f"{loss:.4g}"}
        if self.validation is not None:
            start = time.perf_counter()
            record["validation_loss"] = np.full(len(self.scales), np.nan)
            if is_last or len(self.records) % self.options.validation_freq == 0:
                record["validation_loss"] = losses = self._validate()
                shown["validation"] = f"{np.mean(losses / self.network.benchmark):.4g}"
            self.clock += time.perf_counter() - start
        if progress is not None:
            progress.set_postfix(shown)
        return self.stopped

    def _validate(self):
        """Return the loss of each target, and see to the best weights and to whether to stop."""
        weights = self.training.networks()
        losses = np.zeros(len(self.scales))
        of_networks = []
        for columns, estimates in replace(self.network, weights=weights).each(self.described):
            losses[columns] = found = self.validation.losses(estimates, columns)
            of_networks.append(float(np.mean(found / self.scales[columns])))
        if self.validation.is_reached(losses):
            self.best.losses, self.best.weights = np.array(of_networks), weights
            self.reached = self.stopped = True
        elif self.options.early_stopping:
            self.best.see(of_networks, weights, self.options.validation_freq)
            self.stopped = self.best.n_worse >= self.options.n_iter_no_change
        return losses

    def result(self):
        """Return the network and the state of its training."""
        trained = self.training.networks()
        networks = [
            now if best is None else best
            for now, best in zip(trained, self.best.weights, strict=True)
        ]
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
            best_losses=None if np.isinf(self.best.losses).any() else self.best.losses,
        )
        return replace(self.network, weights=networks), state

    def _history(self):
        old, new = self.state.history, self.history_of_call()
        if not old:
            return new
        new["seconds"] = new["seconds"] + old["seconds"][-1]
        # What only one of two fits has measured is left out.
        return {key: np.concatenate([old[key], new[key]]) for key in new if key in old}

    def history_of_call(self):
        """Return the records as arrays by name."""
        names = self.records[0] if self.records else ()
        return {name: np.array([record[name] for record in self.records]) for name in names}

    # What a checkpoint keeps

    def snapshot(self):
        """Return all that it takes to go on exactly from here, as arrays and plain values."""
        return {
            "weights": self.training.networks(),
            "optimizer_states": self.training.states(),
            "best_weights": self.best.weights,
            "best_losses": self.best.losses,
            "history": self.history_of_call(),
            "n_worse": self.best.n_worse,
            "n_steps": self.n_steps,
            "seconds": self.seconds,
            "reached": self.reached,
            "stopped": self.stopped,
        }

    def restore(self, snapshot):
        """Go on from where :meth:`snapshot` was taken."""
        self.begin(snapshot["weights"], snapshot["optimizer_states"])
        self.best.weights, self.best.losses = snapshot["best_weights"], snapshot["best_losses"]
        self.best.n_worse, self.n_steps = snapshot["n_worse"], snapshot["n_steps"]
        self.reached, self.stopped = snapshot["reached"], snapshot["stopped"]
        self.clock = time.perf_counter() - snapshot["seconds"]
        history = snapshot["history"]
        rows = zip(*history.values(), strict=True)
        self.records = [
            {
                # As they were: whole numbers and floats of Python, and arrays of losses.
                name: value if np.ndim(value) else value.item()
                for name, value in zip(history, row, strict=True)
            }
            for row in rows
        ]


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
