"""The DeepFRAP paper's loss on simulated curves, and how sure its ratios are."""

import numpy as np

from benchmarks._report import N_CURVES
from skfrap import FRAPSimulator
from skfrap.metrics import weighted_mean_squared_error

NAMES = "log10 D", "c0", "alpha", "joint"
_N_BOOTSTRAP = 500


def fresh_curves(seed, draw=0):
    """Draw curves of Table 1's prior that no network is trained on with the same seed."""
    return FRAPSimulator(random_state=seed + 1 + draw).sample(N_CURVES)


def losses(sample, estimates):
    """Compute the weighted mean squared error of each target and, last, their mean."""
    each = weighted_mean_squared_error(sample.target, estimates, sample.sample_weight)
    return np.append(each, each.mean())


def ratio_errors(sample, estimates, benchmark, seed):
    """Estimate the standard errors of ratios of losses from curves drawn with replacement."""
    random = np.random.default_rng(seed)
    columns = []
    for theta in (estimates, benchmark):
        squared = sample.sample_weight[:, np.newaxis] * (theta - sample.target) ** 2
        columns += [squared, squared.mean(axis=1)]
    columns = np.column_stack(columns)
    n = len(columns)
    sums = np.array(
        [
            np.bincount(random.integers(n, size=n), minlength=n) @ columns
            for _ in range(_N_BOOTSTRAP)
        ]
    )
    return np.std(sums[:, :4] / sums[:, 4:], axis=0)


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
