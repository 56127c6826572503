"""The DeepFRAP paper's loss on simulated curves, and how sure losses and their ratios are."""

import numpy as np

from benchmarks._published import N_CURVES
from skfrap import FRAPSimulator
from skfrap.metrics import weighted_mean_squared_error

_N_BOOTSTRAP = 500


def fresh_curves(seed, draw=0, n_curves=N_CURVES):
    """Draw curves of Table 1's prior that no network is trained on with the same seed."""
    return FRAPSimulator(random_state=seed + 1 + draw).sample(n_curves)


def losses(sample, estimates):
    """Compute the weighted mean squared error of each target and, last, their mean."""
    each = weighted_mean_squared_error(sample.target, estimates, sample.sample_weight)
    return np.append(each, each.mean())


def loss_errors(sample, estimates, seed):
    """Estimate the standard errors of losses from curves drawn with replacement."""
    squares = _weighted_squares(sample, estimates)
    sums = _sums_of_draws(np.column_stack([squares, sample.sample_weight]), seed)
    return np.std(sums[:, :-1] / sums[:, -1:], axis=0)


def loss_ratios(sample, estimates, benchmark, seed):
    """Compute ratios of losses on the same curves, and estimate their standard errors."""
    ratios = losses(sample, estimates) / losses(sample, benchmark)
    both = [_weighted_squares(sample, theta) for theta in (estimates, benchmark)]
    above, below = np.hsplit(_sums_of_draws(np.column_stack(both), seed), 2)
    return ratios, np.std(above / below, axis=0)


def _weighted_squares(sample, estimates):
    squared = sample.sample_weight[:, np.newaxis] * (estimates - sample.target) ** 2
    return np.column_stack([squared, squared.mean(axis=1)])


def _sums_of_draws(columns, seed):
    """Sum each column over as many rows as there are, drawn with replacement, many times."""
    random, n = np.random.default_rng(seed), len(columns)
    draws = (np.bincount(random.integers(n, size=n), minlength=n) for _ in range(_N_BOOTSTRAP))
    return np.array([draw @ columns for draw in draws])


def coverage(intervals, target, n_parts=10):
    """Compute in how many percent intervals hold the truth: of all curves, and of each decile of D.

    Returns
    -------
    overall : ndarray of shape (n_targets,)
    by_parts : ndarray of shape (n_parts, n_targets)
    """
    inside = 100.0 * ((intervals[..., 0] <= target) & (target <= intervals[..., 1]))
    ranks = target[:, 0].argsort().argsort()
    parts = [inside[ranks * n_parts // len(ranks) == k].mean(axis=0) for k in range(n_parts)]
    return inside.mean(axis=0), np.array(parts)
