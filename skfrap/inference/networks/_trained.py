"""What training makes: all that a network needs to answer, and what it takes to go on training."""

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from skfrap.inference.networks._network import answer, forward
from skfrap.inference.networks._task import Task
from skfrap.numerics._threads import one_blas_thread

_FEW = 64  # curves: so few are done before the threads of BLAS are told to wait


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """All that a network needs to answer.

    Attributes
    ----------
    task : Task
        What it was to learn.
    features_name : str
    features : LinearizedFeatures, ScoreFeatures or RawFeatures
        Turn curves into inputs, a guess and a scale.
    architecture : dict
        How it was asked for: what a fit that goes on from it must share.
    columns : list of list of int
        Targets that each of the networks learns.
    weights : list of list of (W, b)
        Per network and layer.
    benchmark : ndarray of shape (n_targets,)
        Mean squared error of what is known beforehand: the unit of losses.
    deviation_weights : list of (W, b) or None
        Of the network that answers with standard deviations.
    """

    task: Task
    features_name: str
    features: Any
    architecture: dict
    columns: list
    weights: list
    benchmark: np.ndarray
    deviation_weights: list | None = None

    @property
    def activation(self):
        """Of the hidden layers."""
        return self.architecture["activation"]

    def describe(self, X):
        """Return what the networks see of curves: inputs, and a guess and a scale per target."""
        return self.features(X)

    def estimate(self, described):
        """Estimate the targets of curves that are described, (n, n_targets)."""
        inputs, guess, scale = described
        corrections = answer(
            inputs, self.weights, self.columns, self.activation, self.features.skips
        )
        return self.features.finish(guess + scale * corrections)

    def each(self, described):
        """Yield each network's targets, and its estimates of them."""
        inputs, guess, scale = described
        for weights, columns in zip(self.weights, self.columns, strict=True):
            corrections = np.zeros(guess.shape, np.float32)
            corrections[:, columns] = forward(inputs, weights, self.activation, self.features.skips)
            yield columns, self.features.finish(guess + scale * corrections)[:, columns]

    def extracted(self):
        """Return the network without outputs that do not answer, and what was cut off.

        Of targets that several networks learn, the last one answers, as the paper's final network
        has of the joint network its part for D alone. To go on training takes the others as well.

        Returns
        -------
        network : TrainedNetwork
        whole : dict or None
            Columns and last layers of all networks, as they were; None where nothing was cut.
        """
        answers = {column: k for k, columns in enumerate(self.columns) for column in columns}
        columns, networks = [], []
        for k, (own, weights) in enumerate(zip(self.columns, self.weights, strict=True)):
            kept = [j for j, column in enumerate(own) if answers[column] == k]
            *hidden, (last, bias) = weights
            columns.append([own[j] for j in kept])
            networks.append([*hidden, (last[:, kept], bias[kept])])
        if columns == self.columns:
            return self, None
        whole = {"columns": self.columns, "last_layers": [layers[-1] for layers in self.weights]}
        return replace(self, columns=columns, weights=networks), whole

    def completed(self, whole):
        """Return the network that :meth:`extracted` was asked of."""
        if whole is None:
            return self
        weights = [
            [*layers[:-1], tuple(last)]
            for layers, last in zip(self.weights, whole["last_layers"], strict=True)
        ]
        return replace(self, columns=whole["columns"], weights=weights)

    def deviations(self, described):
        """Compute standard deviations of the estimates of curves that are described."""
        if self.deviation_weights is None:
            raise ValueError(
                "this network was not taught standard deviations, which takes curves that it has "
                "not seen: use fit_online, or fit with early_stopping=True."
            )
        inputs, _, scale = described
        columns = [[*range(scale.shape[1])]]
        networks = [self.deviation_weights]
        logarithms = answer(inputs, networks, columns, self.activation, self.features.skips)
        return scale * np.exp(logarithms)

    def answers(self, X, with_std):
        """Return estimates of curves, and their standard deviations or None."""
        with one_blas_thread() if len(X) > _FEW else nullcontext():
            described = self.describe(X)
            theta = self.estimate(described)
            return theta, self.deviations(described) if with_std else None

    @property
    def is_complete(self):
        """Whether all free parameters of the model are known of a curve."""
        columns = self.task.columns
        whole = columns is not None and len(columns) == len(self.task.names)
        return whole or self.features.forward is not None

    def complete(self, X, theta, std):
        """Add what else is free in the model to estimates of the targets, by the rough fit.

        Parameters
        ----------
        X : ndarray of shape (n, n_frames)
        theta : ndarray of shape (n, n_targets)
        std : ndarray of shape (n, n_targets)

        Returns
        -------
        theta : ndarray of shape (n, n_free)
        covariance : ndarray of shape (n, n_free, n_free)
            Diagonal.
        """
        columns, n_free = self.task.columns, len(self.task.names)
        whole, variance = np.empty((2, len(theta), n_free))
        if len(columns) < n_free:
            whole, covariance = self.features.rough_fit(X)
            variance = np.einsum("nvv->nv", covariance).copy()
            # The others go along as the fit's covariance says, so that the curve still fits.
            moved = (theta - whole[:, columns])[..., np.newaxis]
            within = covariance[:, columns][:, :, columns]
            whole += (covariance[:, :, columns] @ np.linalg.solve(within, moved))[..., 0]
            whole = self.features.inside(whole)
        whole[:, columns], variance[:, columns] = theta, std**2
        return whole, variance[:, :, np.newaxis] * np.eye(n_free)

    def ends(self, theta, reach):
        """Return both ends of intervals of some reach, within the box, (n, n_targets, 2)."""
        ends = [self.features.finish(end) for end in (theta - reach, theta + reach)]
        return np.stack(ends, axis=-1)


@dataclass(frozen=True, eq=False)
class TrainingState:
    """Where the training of a network is, besides the network.

    Attributes
    ----------
    optimizer_states : list of list of ndarray, or None
        None is a fresh optimizer.
    n_iter : int
        Passes, or chunks of a stream.
    n_steps : int
        Steps of the optimizer.
    n_seen : int
        Curves of the stream that are used up.
    history : dict of ndarray
        As the attribute `history_` of NeuralFRAP.
    loss : float or None
        Mean training loss of the last pass or chunk.
    reached : bool
        Whether the last fit ended because it came to its goal.
    best_losses : ndarray of shape (n_networks,) or (n_init, n_networks), or None
        The lowest loss on validation data of each network, of each independent training.
    histories : list of dict, or None
        Of independent trainings.
    """

    optimizer_states: list | None = None
    n_iter: int = 0
    n_steps: int = 0
    n_seen: int = 0
    history: dict = field(default_factory=dict)
    loss: float | None = None
    reached: bool = False
    best_losses: np.ndarray | None = None
    histories: list | None = None
