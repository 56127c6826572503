"""What the stages of a benchmark share: curves, estimators and their estimates."""

from functools import cached_property

import numpy as np

from benchmarks._losses import fresh_curves, loss_errors, loss_ratios, losses
from benchmarks._published import N_CURVES, SETS, TABLE_1_BOX
from skfrap import BayesianFRAP, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP

N_SAMPLES = 5_000 * 1024  # of the default training of a network


class Bench:
    """Curves of Table 1's prior, estimators and their estimates, each when first asked for.

    Parameters
    ----------
    seed : int
        Of the training curves and weights; that of the test curves is one more, of validation two.
    n_curves : int
        In each set.
    n_samples : int
        Fresh curves for the default network.
    """

    def __init__(self, seed, n_curves=N_CURVES, n_samples=N_SAMPLES):
        self.seed, self.n_curves, self.n_samples = seed, n_curves, n_samples
        self.protocol = FRAPProtocol()
        self.simulator = FRAPSimulator(self.protocol, random_state=seed)
        self._estimates = {}

    def begin(self, heading):
        """Tell that a stage begins."""
        print(heading, flush=True)

    def end(self):
        """End the program."""

    @cached_property
    def sets(self):
        """Bunches of curves, by name of the set."""
        n = self.n_curves
        test, validation = (fresh_curves(self.seed, draw, n) for draw in range(2))
        return dict(zip(SETS, (self.simulator.sample(n), validation, test), strict=True))

    @property
    def fresh(self):
        """The test curves."""
        return self.sets["test"]

    @cached_property
    def least_squares(self):
        """Least squares within Table 1's box, ready for curves of the protocol."""
        X = np.ones((1, self.protocol.n_frames))
        return LeastSquaresFRAP(self.protocol, TABLE_1_BOX).fit(X)

    @cached_property
    def bayes(self):
        """The posterior mean under Table 1's prior."""
        return BayesianFRAP(self.protocol).fit(np.ones((1, self.protocol.n_frames)))

    @cached_property
    def network(self):
        """The network of the default training."""
        return self.train(self.n_samples)

    def train(self, n_samples, validation=None, **options):
        """Train a network on fresh curves; its history is on the curves of a Bunch, if any."""
        network = NeuralFRAP(self.protocol, **({"random_state": self.seed} | options))
        given = None
        if validation is not None:
            given = validation.data, validation.target, validation.sample_weight
        return network.fit_online(self.simulator, n_samples, validation=given)

    def estimator(self, method):
        """Return an estimator by the name its estimates go by."""
        names = {"least squares": "least_squares", "BayesianFRAP": "bayes", "network": "network"}
        return getattr(self, names[method])

    def estimates(self, method, data="test"):
        """Return a method's estimates of a set's curves."""
        if (method, data) not in self._estimates:
            estimator = self.estimator(method)
            self._estimates[method, data] = estimator.predict(self.sets[data].data)
        return self._estimates[method, data]

    def losses(self, method, data="test"):
        """Return a method's losses on a set and their standard errors, (4,) each."""
        sample, estimates = self.sets[data], self.estimates(method, data)
        return losses(sample, estimates), loss_errors(sample, estimates, self.seed)

    def ratios(self, method, data="test", other="least squares"):
        """Return losses over those of another method on the same curves, with standard errors."""
        return self.ratios_of(self.estimates(method, data), data, other)

    def ratios_of(self, estimates, data="test", other="least squares"):
        """Return losses of estimates of a set over those of a method, with standard errors."""
        return loss_ratios(self.sets[data], estimates, self.estimates(other, data), self.seed)
