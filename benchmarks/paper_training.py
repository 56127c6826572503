"""Train the DeepFRAP paper's design on its own schedule, for hours, over as many runs as it takes.

The training is kept in a folder and goes on where it was, exactly as if it had never been broken
off, whatever ended it. Its curves are those of the paper's section 3.1: 2**20 to learn from and
2**18 to choose the best epoch by, simulated anew by each run, the same to the last bit.

    python -m benchmarks.paper_training --folder F --hours 2           joint and log10_D in turns
    python -m benchmarks.paper_training --folder F --hours 24 --kinds joint log10_D c0 alpha
    python -m benchmarks.paper_training --folder F --hours 24 --start 1        another start
    python -m benchmarks.paper_training --folder F --hours 0           only tell what there is
    python -m benchmarks.paper_training --folder F --hours 0.02 --quick        a few curves, a test

A line of the log, or of standard output, is an epoch: kind, start, epoch, seconds of training
in all, learning rate, the loss of the epoch (Eq. 9 or 10), and where they were measured the losses
on validation data of each target, with the lowest of the network's own loss so far.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks._published import N_TRAINING_CURVES
from skfrap import FRAPSimulator, NeuralFRAP
from skfrap.inference.networks._keras import learning_rates

N_EPOCHS = 48_000  # of the paper, six sections of 8,000
KINDS = "joint", "log10_D", "c0", "alpha"
N_VALIDATION_CURVES = 2**18
_SEED, _SEED_OF_VALIDATION = 20210, 20211
_CHUNK = 2**14
_VALIDATION_FREQ = 3  # one measurement costs a tenth of an epoch
_INTERVAL = 120.0  # seconds that are lost at most when a run is ended


@dataclass(frozen=True)
class Sizes:
    """How many curves there are."""

    training: int = N_TRAINING_CURVES
    validation: int = N_VALIDATION_CURVES


QUICK = Sizes(2**15, 2**11)


def curves(n_samples, seed):
    """Draw curves in single precision, their targets, and weights 1/a of mean 1."""
    simulator = FRAPSimulator(random_state=seed)
    X = np.empty((n_samples, simulator.protocol.n_frames), np.float32)
    y, variance = np.empty((n_samples, 3)), np.empty(n_samples)
    first = 0
    for sample in simulator.iter_samples(n_samples, _CHUNK):
        rows = slice(first, first + len(sample.data))
        X[rows], y[rows] = sample.data, sample.target
        variance[rows] = sample.noise_variance
        first = rows.stop
    weight = 1 / variance
    return X, y, weight / weight.mean()


def columns_of(kind):
    """Return the columns of the targets that a network of some kind learns."""
    return slice(None) if kind == "joint" else slice(KINDS.index(kind) - 1, KINDS.index(kind))


class PaperTraining:
    """Trainings of the paper's design, kept in a folder.

    Parameters
    ----------
    folder : path-like
    sizes : Sizes, default=Sizes()
    """

    def __init__(self, folder, sizes=None):
        self.folder, self.sizes = Path(folder), sizes or Sizes()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._data = None

    def network(self, kind, start=0):
        """Make the paper's network of one start, untrained."""
        return NeuralFRAP.deepfrap2021(
            "joint", n_init=1, validation_freq=_VALIDATION_FREQ, random_state=start
        )

    def train(self, kind, start, seconds):
        """Go on with one training for some seconds, at least an epoch; return the network."""
        if self._data is None:
            sizes = self.sizes
            self._data = (
                curves(sizes.training, _SEED),
                curves(sizes.validation, _SEED_OF_VALIDATION),
            )
        (X, y, weight), (X_held, y_held, weight_held) = self._data
        columns = columns_of(kind)
        network = self.network(kind, start)
        network.fit(
            X,
            y[:, columns],
            weight,
            validation_data=(X_held, y_held[:, columns], weight_held),
            checkpoint_dir=self.folder_of(kind, start),
            checkpoint_interval=_INTERVAL,
            max_time=seconds,
        )
        return network

    def folder_of(self, kind, start):
        """Return the folder of one training's checkpoint."""
        return self.folder / f"{kind}-{start}"

    def history(self, kind, start=0):
        """Return what is known of a training, arrays by name; nothing if it has not begun.

        Returns
        -------
        dict of ndarray or None
            As `history_` of NeuralFRAP, with ``epoch`` and ``learning_rate`` besides.
        """
        path = self.folder_of(kind, start) / "start-0.npz"
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as archive:
            names = [name for name in archive.files if name.startswith("history/")]
            history = {name.partition("/")[2]: archive[name] for name in names}
        epoch = np.arange(1, 1 + len(history["loss"]))
        rates = learning_rates("deepfrap2021", 0.1, None, epoch - 1.0, None)
        return history | {"epoch": epoch, "learning_rate": rates}


def best_so_far(history):
    """Return the lowest loss on validation data up to each epoch, NaN before the first."""
    return np.fmin.accumulate(history["validation_loss"].mean(axis=1))


def lines(kind, start, history, first):
    """Yield a line for each epoch from the first on."""
    best = best_so_far(history)
    for k in range(first, len(best)):
        held = history["validation_loss"][k]
        told = ""
        if np.isfinite(held).all():
            told = f"  validation {' '.join(f'{loss:.4e}' for loss in held)}  best {best[k]:.4e}"
        yield (
            f"{kind} {start}: epoch {k + 1}  {history['seconds'][k]:.0f} s  "
            f"rate {history['learning_rate'][k]:.4f}  loss {history['loss'][k]:.4e}{told}"
        )


def summary(training):
    """Return what the folder holds, by kind and start."""
    found = {}
    for folder in sorted(training.folder.glob("*-*")):
        kind, _, start = folder.name.rpartition("-")
        history = training.history(kind, int(start)) if kind in KINDS else None
        if history is not None:
            epochs = len(history["loss"])
            found[folder.name] = {
                "epochs": epochs,
                "share_of_48000": epochs / N_EPOCHS,
                "hours": history["seconds"][-1] / 3600,
                "loss": history["loss"][-1],
                "best_validation_loss": best_so_far(history)[-1],
            }
    return found


def main():
    """Train as the command line asks, kinds in turns."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--hours", type=float, required=True, help="of this run, all in all")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["joint", "log10_D"])
    parser.add_argument("--start", type=int, default=0, help="which of the independent trainings")
    parser.add_argument("--turn", type=float, default=300.0, help="seconds of one kind's turn")
    parser.add_argument("--quick", action="store_true", help="a few curves, to try it out")
    given = parser.parse_args()
    end = time.monotonic() + 3600 * given.hours
    training = PaperTraining(given.folder, QUICK if given.quick else None)
    histories = {kind: training.history(kind, given.start) for kind in given.kinds}
    told = {kind: 0 if one is None else len(one["loss"]) for kind, one in histories.items()}
    kinds = [*given.kinds]
    while kinds and time.monotonic() < end:
        for kind in [*kinds]:
            left = end - time.monotonic()
            if left <= 0:
                break
            try:
                training.train(kind, given.start, min(given.turn, left))
            except FloatingPointError as error:  # another start may do better, as in the paper
                print(f"{kind} {given.start}: has come to nothing: {error}", flush=True)
                kinds.remove(kind)
                continue
            history = training.history(kind, given.start)
            for line in lines(kind, given.start, history, told[kind]):
                print(line, flush=True)
            told[kind] = len(history["loss"])
    print(json.dumps(summary(training), indent=1))


if __name__ == "__main__":
    main()
