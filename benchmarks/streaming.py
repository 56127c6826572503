"""Measure the memory that a million curves take: sampled into a file, learnt from, and answered.

Curves go into a memory-mapped file in single precision, chunk by chunk; a network learns from the
file, and predicts it. Memory is what the process holds for itself at most above what it had after
its imports: pages of the file are not counted, which the system takes back whenever it likes.

    python -m benchmarks.streaming            2**20 curves, some two minutes
    python -m benchmarks.streaming --quick    2**17 curves
"""

import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks._report import Report, arguments_of
from skfrap import FRAPSimulator, NeuralFRAP
from skfrap.inference.networks._keras import import_keras

N_SAMPLES = 2**20
_CHUNK = 2**13


def own_megabytes():
    """Return the memory that this process holds for itself, by the system (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


class Peak:
    """The most memory that is held while a block of code runs."""

    def __enter__(self):
        self.most, self._ends = own_megabytes(), threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while not self._ends.is_set():
            self.most = max(self.most, own_megabytes())
            time.sleep(0.005)

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()


def main():
    given = arguments_of(__doc__, quick="an eighth of the curves")
    report = Report("memory of many curves", given.seed)
    n = N_SAMPLES // (8 if given.quick else 1)
    simulator = FRAPSimulator(random_state=given.seed)
    networks = {
        "linearized": NeuralFRAP(simulator.protocol, max_iter=1, random_state=given.seed),
        "raw": NeuralFRAP(max_iter=1, random_state=given.seed),
    }
    import_keras()
    before = own_megabytes()
    with tempfile.TemporaryDirectory() as folder:
        shape = n, simulator.protocol.n_frames
        X = np.lib.format.open_memmap(Path(folder, "X.npy"), "w+", np.float32, shape)
        y = np.empty((n, 3))
        with Peak() as sampling:
            chunks = simulator.iter_samples(n, _CHUNK, dtype=np.float32)
            for first, sample in zip(range(0, n, _CHUNK), chunks, strict=True):
                rows = slice(first, first + _CHUNK)
                X[rows], y[rows] = sample.data, sample.target
        peaks = {"sample": sampling}
        for name, network in networks.items():
            with Peak() as peaks[f"fit, {name}"]:
                network.fit(X, y)
            with Peak() as peaks[f"predict, {name}"]:
                network.predict(X)
        del X
    report.line("curves", f"{n:,}")
    report.add("the file, MB", 4 * np.prod(shape) / 2**20, "{:.0f}")
    for what, peak in peaks.items():
        report.add(f"{what}, MB above imports", peak.most - before, "{:.0f}", at_most=300)
    report.exit()


if __name__ == "__main__":
    main()
