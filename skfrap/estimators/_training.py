"""One call of a network's fit, whichever data it learns from."""

import math
import time

import numpy as np

from skfrap import __version__
from skfrap.estimators._keras import Training, rounded_up, stack_batches

BLOCK = 64  # steps told to the trainer at once, and batches in a chunk of a stream


class TrainingRun:
    """One call of a fit: takes steps, writes the history, and keeps the best weights.

    Parameters
    ----------
    estimator : NeuralFRAP
    weights : list of (W, b) or None
        Where to start; None goes on from where the estimator is.
    held : tuple of X, y, weight, or None
        Validation data.
    seconds : float, default=0.0
        What preparations took.
    """

    def __init__(self, estimator, weights, held, seconds=0.0):
        self.estimator = estimator
        self.training = Training(
            estimator.weights_ if weights is None else weights,
            estimator.activation,
            estimator.features_.skips,
            estimator.optimizer,
            estimator.momentum,
            estimator._optimizer_state,
        )
        self.held = held
        self.described = None if held is None else estimator.features_(held[0])
        self.clock = time.perf_counter() - seconds
        self.records = []
        self.losses = []
        self.n_steps = 0
        self.best = np.inf, None, 0

    def one_pass(self, data, order, rate):
        """Take a step for each batch, of sizes as equal as can be."""
        estimator = self.estimator
        batches = np.array_split(order, math.ceil(len(order) / estimator.batch_size))
        rows = rounded_up(len(batches[0]), estimator.batch_size)
        n_steps = rounded_up(len(batches), BLOCK)
        self.losses = []
        for first in range(0, len(batches), n_steps):
            some = batches[first : first + n_steps]
            since = self.n_steps + np.arange(len(some))
            rates = rate(since, estimator.n_steps_ + np.arange(len(some)))
            block = stack_batches(data, some, n_steps, rows)
            self.losses.append(self.training.advance(*block, rates))
            self.n_steps += len(some)
            estimator.n_steps_ += len(some)
        self.losses = np.concatenate(self.losses)

    def report(self, progress=None):
        """Write what a pass came to; return whether to stop."""
        estimator = self.estimator
        loss = float(self.losses.mean())
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"the loss became {loss} after {self.n_steps} steps; choose a smaller "
                f"learning_rate_init than {estimator.learning_rate_init}, and look for extreme "
                "values in X and y."
            )
        estimator.n_iter_ += 1
        record = {"step": estimator.n_steps_, "loss": loss}
        record["seconds"] = time.perf_counter() - self.clock
        self.records.append(record)
        shown = {"loss": f"{loss:.4g}"}
        stop = False
        if self.held is not None:
            start = time.perf_counter()
            _, y, weight = self.held
            weights = self.training.weights()
            estimates = estimator._estimate(self.described, weights)
            record["validation_loss"] = np.average((estimates - y) ** 2, axis=0, weights=weight)
            joint = float(np.mean(record["validation_loss"] / estimator._benchmark))
            shown["validation"] = f"{joint:.4g}"
            stop = estimator.early_stopping and self._is_enough(joint, weights)
            self.clock += time.perf_counter() - start
        if progress is not None:
            progress.set_postfix(shown)
        return stop

    def _is_enough(self, loss, weights):
        least, _, n_worse = self.best
        if loss < least:
            self.best = loss, weights, 0
            return False
        self.best = (*self.best[:2], n_worse + 1)
        return n_worse + 1 >= self.estimator.n_iter_no_change

    def finish(self):
        """Write the results into the estimator."""
        estimator = self.estimator
        best = self.best[1]
        weights = self.training.weights() if best is None else best
        if not all(np.isfinite(array).all() for layer in weights for array in layer):
            raise FloatingPointError(
                "the last step left weights that are not finite; choose a smaller "
                f"learning_rate_init than {estimator.learning_rate_init}."
            )
        estimator.weights_ = weights
        estimator._optimizer_state = self.training.state()
        old = getattr(estimator, "history_", {})
        new = {key: np.array([record[key] for record in self.records]) for key in self.records[0]}
        # What only one of two fits has measured is left out.
        if old:
            new["seconds"] = new["seconds"] + old["seconds"][-1]
            new = {key: np.concatenate([old[key], new[key]]) for key in new if key in old}
        estimator.history_ = new
        estimator.loss_ = self.records[-1]["loss"]
        estimator.skfrap_version_ = __version__
        return estimator
