"""An endless stream of simulated curves."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from skfrap.inference.networks._training import BLOCK

_AHEAD = 2  # chunks drawn at once: drawing takes longer than learning


class CurveStream:
    """Curves of a simulator, drawn while the network learns from those before.

    Parameters
    ----------
    estimator : NeuralFRAP
        With ``warm_start`` it is not shown again what it has seen.
    simulator : FRAPSimulator
    """

    def __init__(self, estimator, simulator):
        self.simulator = simulator
        self.batch_size = estimator.batch_size
        self.n_seen = getattr(estimator, "_n_seen", 0) if estimator.warm_start else 0

    def sample(self, n_batches, first=None):
        """Draw curves, targets and weights."""
        first = self.n_seen if first is None else first
        drawn = self.simulator.sample(n_batches * self.batch_size, start=first)
        return drawn.data, drawn.target, drawn.sample_weight

    def chunks(self, n_batches, prepare):
        """Yield what `prepare` makes of one chunk after another."""
        sizes = [min(BLOCK, n_batches - k) for k in range(0, n_batches, BLOCK)]
        firsts = self.n_seen + self.batch_size * np.cumsum([0, *sizes])

        def make(k):
            return prepare(*self.sample(sizes[k], int(firsts[k])))

        with ThreadPoolExecutor(_AHEAD) as pool:
            coming = deque(pool.submit(make, k) for k in range(min(_AHEAD, len(sizes))))
            for k in range(len(sizes)):
                data = coming.popleft().result()
                if k + _AHEAD < len(sizes):
                    coming.append(pool.submit(make, k + _AHEAD))
                self.n_seen = int(firsts[k + 1])
                yield data
