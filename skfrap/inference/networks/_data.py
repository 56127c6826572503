"""Labelled curves: those to learn from, and those to measure the progress on."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from skfrap._arrays import explain


@dataclass(frozen=True, eq=False)
class Validation:
    """Curves to measure the progress on, and how well they are to be estimated.

    Attributes
    ----------
    X, y, weight : ndarray
    goal : ndarray of shape (n_targets,) or None
        Losses that are low enough to stop.
    scales : ndarray or float, or None
        Squared, what losses are divided by to be summed up. None is for goals that are each to be
        reached.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    goal: np.ndarray | None = None
    scales: np.ndarray | float | None = None

    def losses(self, estimates, columns=slice(None)):
        """Compute weighted mean squared errors of some targets, by default of all."""
        return np.average((estimates - self.y[:, columns]) ** 2, axis=0, weights=self.weight)

    def is_reached(self, losses):
        """Tell whether losses are low enough to stop."""
        if self.goal is None:
            return False
        if self.scales is None:
            return (losses <= self.goal).all()
        return np.sum(losses / self.scales) <= np.sum(self.goal / self.scales)


def with_weights(X, y, sample_weight):
    """Return curves, targets and weights of mean 1, without what weighs nothing.

    Parameters
    ----------
    X : ndarray of shape (n, n_frames)
    y : ndarray of shape (n, n_targets)
    sample_weight : array-like of shape (n,), or None
        None is the same for all.

    Returns
    -------
    X, y, weight : ndarray
    """
    explain(sample_weight, "sample_weight")
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    used = weight > 0
    if not used.any():
        raise ValueError("sample_weight must be above 0 for some samples; all are 0.")
    if not used.all():
        X, y, weight = X[used], y[used], weight[used]
    return X, y, weight / weight.mean()


def split(data, fraction, random):
    """Set a part of curves aside.

    Parameters
    ----------
    data : tuple of ndarray
        With a row for each curve.
    fraction : float
        To be set aside.
    random : RandomState

    Returns
    -------
    rest, aside : tuple of ndarray
    """
    n = len(data[0])
    n_aside = round(fraction * n)
    if not 0 < n_aside < n:
        raise ValueError(
            f"validation_fraction = {fraction} of {n} samples leaves none on one side; give more "
            "samples, another fraction or early_stopping=False."
        )
    order = random.permutation(n)
    rest, aside = order[n_aside:], order[:n_aside]
    return tuple(column[rest] for column in data), tuple(column[aside] for column in data)
