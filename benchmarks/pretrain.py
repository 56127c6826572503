"""Train the networks that come with the package, and write them into it.

The same seed gives the same bits on the same versions and machine, and the same figures elsewhere:
`python -m benchmarks.neural --stages pretrained` prints them.

    python -m benchmarks.pretrain             some minutes
    python -m benchmarks.pretrain --dry       train, but write nothing
"""

from pathlib import Path

import skfrap.pretrained
from benchmarks._report import Report, arguments_of, timed
from skfrap import FRAPSimulator, NeuralFRAP
from skfrap.persistence import save

SEED = 2021
N_SAMPLES = 12_000 * 2048


def main():
    arguments = arguments_of(__doc__, seed=None, dry="write nothing")
    report = Report("training of what comes with the package", SEED)
    network = NeuralFRAP(batch_size=2048, random_state=SEED, verbose=1)
    _, seconds = timed(lambda: network.fit_online(FRAPSimulator(random_state=SEED), N_SAMPLES))
    report.add("deepfrap: training, s", seconds, "{:.0f}")
    report.line("  curves seen", f"{N_SAMPLES:,}")
    if not arguments.dry:
        path = Path(skfrap.pretrained.__file__).with_name("deepfrap.npz")
        save(network, path, for_prediction=True)
        report.add("  size of the file, kB", path.stat().st_size / 1e3, "{:.0f}")


if __name__ == "__main__":
    main()
