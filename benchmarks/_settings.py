"""The 125 settings at which the DeepFRAP paper tells errors in percent (section 3.3)."""

import itertools
from typing import NamedTuple

import numpy as np

from benchmarks._published import N_NOISY, SETTINGS


def grid():
    """List the values of D, c0, alpha and a that the settings are all combinations of."""
    return [list(values) for values in SETTINGS.values()]


class SettingErrors(NamedTuple):
    """Estimates at each setting, and how far off they are.

    Attributes
    ----------
    settings : ndarray of shape (n_settings, 4)
        D (um^2/s), c0, alpha, a.
    estimates : dict of ndarray of shape (n_settings, N_NOISY, 3)
        D, c0 and alpha, by name of the estimator.
    """

    settings: np.ndarray
    estimates: dict

    def percent(self, name):
        """Compute the absolute errors in percent, (n_settings, N_NOISY, 3)."""
        truth = self.settings[:, np.newaxis, :3]
        return 100 * np.abs(self.estimates[name] / truth - 1)

    def mape(self, name):
        """Compute the mean absolute percentage errors, (n_settings, 3)."""
        return self.percent(name).mean(axis=1)

    def correlations(self, first, second, k=0):
        """Correlate the estimates of two estimators of target k at each setting."""
        pairs = zip(self.estimates[first], self.estimates[second], strict=True)
        return np.array([np.corrcoef(one[:, k], other[:, k])[0, 1] for one, other in pairs])


def estimate_at_settings(estimators, simulator, values, seed):
    """Simulate and estimate 256 noisy curves at each point of a grid.

    Parameters
    ----------
    estimators : dict of fitted estimators
    simulator : FRAPSimulator
        For the noise-free curves.
    values : sequence of D, c0, alpha and a
        Each a list of values, as from :func:`grid`.
    seed : int

    Returns
    -------
    SettingErrors
    """
    random = np.random.default_rng(seed)
    settings = np.array([*itertools.product(*values)])
    estimates = {name: np.empty((len(settings), N_NOISY, 3)) for name in estimators}
    for k, (D, c0, alpha, a) in enumerate(settings):
        noise = random.standard_normal((N_NOISY, simulator.protocol.n_frames))
        clean = simulator.curves([np.log10(D), c0, alpha])
        X = clean + np.sqrt(a * simulator.protocol.noise_gain) * noise
        for name, estimator in estimators.items():
            estimates[name][k] = estimator.predict(X)
            estimates[name][k, :, 0] = 10 ** estimates[name][k, :, 0]
    return SettingErrors(settings, estimates)
