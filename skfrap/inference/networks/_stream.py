"""An endless stream of simulated curves."""

import numbers
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from skfrap.experiment._frames import check_told_start
from skfrap.inference.networks._run import BLOCK
from skfrap.parameters._targets import names_of_targets

_AHEAD = 2  # chunks drawn at once: drawing takes longer than learning


class CurveStream:
    """Curves of a simulator, drawn while the network learns from those before.

    Parameters
    ----------
    simulator : FRAPSimulator
    batch_size : int
    n_seen : int, default=0
        Curves that were drawn before, and are not to come again.
    target_names : list of str, default=None
        What is to be learnt of all that the simulator draws. None is all.
    """

    def __init__(self, simulator, batch_size, n_seen=0, target_names=None):
        self.simulator = simulator
        self.batch_size = batch_size
        self.n_seen = n_seen
        drawn = [*simulator.target_names]
        names = drawn if target_names is None else target_names
        self.columns = [drawn.index(name) for name in names]

    def sample(self, n_batches, first=None):
        """Draw curves, targets and weights."""
        first = self.n_seen if first is None else first
        drawn = self.simulator.sample(n_batches * self.batch_size, start=first)
        return drawn.data, drawn.target[:, self.columns], drawn.sample_weight

    def targets_of(self, y):
        """Return what is to be learnt of a y that holds all that the simulator draws.

        By names, or by place where it has none and more columns than are to be learnt.
        """
        names = names_of_targets(y)
        drawn = [*self.simulator.target_names] if names is None else names
        wanted = [self.simulator.target_names[k] for k in self.columns]
        if np.ndim(y) != 2 or np.shape(y)[1] != len(drawn) or not {*wanted} <= {*drawn}:
            return y
        if names is None and len(wanted) == len(drawn):
            return y  # in the order that `target_names` says
        return np.asarray(y)[:, [drawn.index(name) for name in wanted]]

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


class ScoreStream(CurveStream):
    """Scores of image series in the place of curves, without an image.

    Parameters
    ----------
    simulator : FRAPSimulator
    batch_size, n_seen, target_names : object
        As of :class:`CurveStream`.
    surrogate : ImageSurrogate
        What scores are of.
    """

    def __init__(self, simulator, batch_size, n_seen, target_names, surrogate):
        super().__init__(simulator, batch_size, n_seen, target_names)
        self.surrogate = surrogate

    def sample(self, n_batches, first=None):
        """Draw rows of scores, targets and weights."""
        first, n = self.n_seen if first is None else first, n_batches * self.batch_size
        drawn = self.simulator.sample_scores(n, self.surrogate, start=first, with_curves=False)
        return drawn.data.values, drawn.target[:, self.columns], drawn.sample_weight


def stream_of(simulator, batch_size, n_seen, target_names, surrogate=None):
    """Make a stream of curves, or of the scores that a surrogate is of; see the classes."""
    if surrogate is None:
        return CurveStream(simulator, batch_size, n_seen, target_names)
    return ScoreStream(simulator, batch_size, n_seen, target_names, surrogate)


def check_stream(simulator, n_samples, options, protocol, validation):
    """Check that a fit can learn from a stream.

    Parameters
    ----------
    simulator : FRAPSimulator
    n_samples : int
    options : TrainingOptions
    protocol : FRAPProtocol or None
        The network's.
    validation : tuple or None
        Other curves to measure the progress on.

    Raises
    ------
    ValueError
        If there are too few curves, of another protocol, or nothing to stop by.
    """
    check_told_start(simulator.protocol, "NeuralFRAP, which learns the region that is simulated,")
    if protocol is not None and protocol != simulator.protocol:
        raise ValueError(
            f"simulator must have the estimator's protocol, {protocol!r}, got one with "
            f"{simulator.protocol!r}."
        )
    if not isinstance(n_samples, numbers.Integral) or n_samples < options.batch_size:
        raise ValueError(
            f"n_samples must be a whole number of at least batch_size = {options.batch_size}, "
            f"got {n_samples!r}."
        )
    if validation is None and (options.early_stopping or options.stop_at is not None):
        raise ValueError(
            "early_stopping and stop_at need validation=(X, y) of other simulated curves."
        )
