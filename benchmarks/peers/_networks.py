"""Other networks on raw curves, given the time that NeuralFRAP's default training takes.

All see standardised curves and learn standardised targets, with the paper's weights. Their learning
rate falls over the time they have as a cosine, to a hundredth. Simulating curves counts.
"""

import inspect
import time

import numpy as np
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from benchmarks._pages import duration, markdown_table, paragraphs
from benchmarks._published import NAMES
from benchmarks._report import timed
from benchmarks.peers._records import LOSS, loss_text
from skfrap.inference.networks._keras import import_keras

OUR_NETWORK, FLOOR = "skfrap, NeuralFRAP", "skfrap, BayesianFRAP"
MLP_FIXED = "MLPRegressor, one set of curves"
MLP_FRESH = "MLPRegressor, fresh curves"
KERAS = "Keras, dense layers, fresh curves"
NETWORKS = OUR_NETWORK, FLOOR, MLP_FIXED, MLP_FRESH, KERAS
_BLOCK, _BATCH = 2**17, 1024
_MLP_RATE, _KERAS_RATE = 2e-3, 3e-3


def block_size(training_divisor):
    """Return how many curves are drawn at a time, which is the size of a fixed set as well."""
    return max(_BATCH, _BLOCK // training_divisor)


class Standardised:
    """A network between two scalers; it trains for a given time.

    Parameters
    ----------
    step : callable
        ``step(X, y, weight, share)`` learns from a block of curves; `share` of the time is over.
    network : object
        Has a `predict` of standardised curves.
    """

    def __init__(self, step, network):
        self._step, self._network = step, network
        self._of_curves, self._of_targets = StandardScaler(), StandardScaler()

    def train(self, simulator, seconds, size, *, fresh):
        """Learn until the time is over; return the time taken and how many curves were passed."""
        start = time.perf_counter()
        drawn, n_seen, spent = simulator.sample(size), 0, 0.0
        self._of_curves.fit(drawn.data)
        self._of_targets.fit(drawn.target)
        while spent < seconds:
            if fresh and n_seen > 0:
                drawn = simulator.sample(size, start=n_seen)
            if fresh or n_seen == 0:
                X = self._of_curves.transform(drawn.data).astype(np.float32)
                y = self._of_targets.transform(drawn.target).astype(np.float32)
                weight = drawn.sample_weight.astype(np.float32)
            self._step(X, y, weight, spent / seconds)
            n_seen += size
            spent = time.perf_counter() - start
        return spent, n_seen

    def predict(self, X):
        """Estimate the targets."""
        inputs = self._of_curves.transform(X).astype(np.float32)
        return self._of_targets.inverse_transform(self._network(inputs))


def falling(rate, share):
    """Return a learning rate that falls as a cosine."""
    return max(0.5 * rate * (1 + np.cos(np.pi * share)), 1e-2 * rate)


def scikit_learn_network(seed):
    """Make an MLPRegressor; every step is a pass, in an order of its own, of one Adam."""
    network = MLPRegressor(
        hidden_layer_sizes=(128,) * 3,
        learning_rate_init=_MLP_RATE,
        alpha=0.0,
        batch_size=_BATCH,
        random_state=np.random.RandomState(seed),
    )
    weighted = "sample_weight" in inspect.signature(MLPRegressor.partial_fit).parameters

    def step(X, y, weight, share):
        if share > 0:
            # There is no public way to lower the rate of Adam and keep its moments.
            network._optimizer.learning_rate_init = falling(_MLP_RATE, share)
        given = {"sample_weight": weight} if weighted else {}  # from scikit-learn 1.7 on
        network.partial_fit(X, y, **given)

    return Standardised(step, network.predict)


def keras_network(seed, n_frames, n_targets):
    """Make a sequence of dense layers."""
    keras = import_keras()
    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense
    hidden = [dense(128, "silu") for _ in range(4)]
    network = keras.Sequential([keras.Input((n_frames,)), *hidden, dense(n_targets)])
    network.compile(keras.optimizers.Adam(), loss="mse")

    def step(X, y, weight, share):
        network.optimizer.learning_rate = falling(_KERAS_RATE, share)
        network.fit(X, y, sample_weight=weight, batch_size=_BATCH, epochs=1, verbose=0)

    return Standardised(step, lambda X: network.predict(X, batch_size=8192, verbose=0))


def measure_networks(bench):
    """Train each network; losses, time to train and to predict; and the floor."""
    records, seed = bench.records, bench.seed
    bench.benchmark  # noqa: B018  so that it is measured first

    _, seconds = timed(lambda: bench.network)
    for name, method, repeats in ((OUR_NETWORK, "network", 5), (FLOOR, "BayesianFRAP", 1)):
        bench.time(name, bench.estimator(method).predict, repeats)
        bench.judge(name, bench.estimates(method))
    records.add(OUR_NETWORK, "time to train, s", seconds)
    records.add(OUR_NETWORK, "curves passed in training", bench.n_samples)

    size = block_size(bench.amounts.training_divisor)
    n_targets = bench.fresh.target.shape[1]
    peers = {
        MLP_FIXED: (lambda: scikit_learn_network(seed), False),
        MLP_FRESH: (lambda: scikit_learn_network(seed), True),
        KERAS: (lambda: keras_network(seed, bench.protocol.n_frames, n_targets), True),
    }
    for name, (make, fresh) in peers.items():
        start = time.perf_counter()
        network = make()
        left = seconds - (time.perf_counter() - start)
        _, n_seen = network.train(bench.simulator, left, size, fresh=fresh)
        records.add(name, "time to train, s", time.perf_counter() - start)
        records.add(name, "curves passed in training", n_seen)
        bench.time(name, network.predict, 3)
        bench.judge(name, network.predict(bench.fresh.data))


def tell_networks(records):
    """Write the section of the networks; nothing if none was trained."""
    if not records.has(KERAS):
        return ""
    rows = []
    for method in NETWORKS:
        losses = [loss_text(records.record(method, LOSS, target)) for target in NAMES]
        training, seen = (
            records.get(method, quantity)
            for quantity in ("time to train, s", "curves passed in training")
        )
        times = [records.get(method, f"time {how}, s") for how in ("in a batch", "alone")]
        passed = "" if np.isnan(seen) else f"{seen / 1e6:.2f} million"
        training = "" if np.isnan(training) else f"{training:.0f} s"
        rows.append([method, training, passed, *losses, *(duration(t) for t in times)])
    of_D = {m: records.get(m, LOSS, NAMES[0]) for m in (MLP_FIXED, MLP_FRESH)}
    better = "the fixed set" if of_D[MLP_FIXED] < of_D[MLP_FRESH] else "fresh curves"
    fastest = min((MLP_FIXED, MLP_FRESH, KERAS), key=lambda m: records.get(m, "time alone, s"))
    alone = [duration(records.get(m, "time alone, s")) for m in (fastest, OUR_NETWORK)]
    size = block_size(records.facts["training_divisor"])
    header = ["method", "training", "curves passed", *NAMES, "per curve, in a batch", "alone"]
    return paragraphs(
        "A network from the shelf, given the time that the default training of `NeuralFRAP` "
        "takes here, simulation of its curves counted. scikit-learn's `MLPRegressor` (three "
        "layers of 128) and dense Keras layers (four of 128) learn the three standardised "
        "targets from standardised raw curves, with the paper's weights and a learning rate "
        "that falls to a hundredth in the given time. `MLPRegressor` is shown with one set of "
        f"{size:,} curves seen again and again, and with curves that are "
        f"always fresh; {better} did better here. Losses "
        "are over those of least squares; `BayesianFRAP`, the posterior mean, is the floor that "
        "no estimator gets below on average.",
        markdown_table(header, rows),
        "A network on raw curves has to learn a map that is as exact as a fit. `NeuralFRAP` is "
        "given a linearised fit of the model, and learns what that lacks. "
        "Longer training or other layers would take the others further than this table. They need "
        "no model of the experiment, only curves. To predict one curve alone "
        f"{fastest} takes {alone[0]}, `NeuralFRAP` {alone[1]}.",
    )
