"""Measure work past one core and past memory: joint and nested fits, many files, data on disk.

    python -m benchmarks.many                 some ten minutes
    python -m benchmarks.many --quick         less of all, a minute or two
    python -m benchmarks.many --only joint nested files cluster disk paper

Times depend on what else the machine does; its load is printed beside them.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import skfrap.datasets
from benchmarks._report import Report, arguments_of, choice_of, timed
from benchmarks.streaming import Peak, own_megabytes
from skfrap import FRAPProtocol, FRAPSimulator, JointFRAP, LeastSquaresFRAP, NeuralFRAP
from skfrap.replicates._mixed import fit_mixed

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_N_SERIES = 20
_N_CORES = 2
_A_CHUNK, _ON_PAPER = 2**16, 2**24  # curves
_DESIGNS = {  # standard deviations of days, dishes and cells
    "3 days": (3, (0.1, 0.1, 0.1)),
    "3 days that differ most": (3, (0.2, 0.05, 0.05)),
    "6 days": (6, (0.1, 0.1, 0.1)),
}


def main():
    parts = {"joint": joint, "nested": nested, "files": files, "cluster": cluster, "disk": disk}
    parts["paper"] = paper
    given = arguments_of(__doc__, quick="less of all", only=choice_of(parts))
    report = Report("past one core and past memory", given.seed)
    for name in given.only or parts:
        report.section(name)
        report.line("load of the machine", "{:.1f}, {:.1f}, {:.1f}".format(*os.getloadavg()))
        parts[name](report, given.seed, given.quick)
    report.exit()


def joint(report, seed, quick):
    """Compare joint fits with what 20 series know when they are pooled, and their time."""
    n_groups = 50 if quick else 400
    protocol = FRAPProtocol()
    truth = {"D": 20.0, "a": 1e-2}
    X = FRAPSimulator(protocol, truth, random_state=seed).sample(n_groups * _N_SERIES).data
    single = LeastSquaresFRAP(protocol).fit(X)
    pooled = single.fit_results(X).std[:, 0].reshape(n_groups, _N_SERIES)
    pooled = np.sum(pooled**-2.0, axis=1) ** -0.5
    groups = np.repeat(np.arange(n_groups), _N_SERIES)
    found = JointFRAP(LeastSquaresFRAP(protocol)).fit(X, groups=groups)
    ratio = found.std_[::_N_SERIES, 0] / pooled
    report.add(
        "error over that of 20 pooled, farthest from 1", np.abs(ratio - 1).max(), at_most=0.03
    )
    off = (found.shared_[:, 0] - np.log10(truth["D"])) / pooled
    report.add("scatter over the pooled error", np.sqrt(np.mean(off**2)), "{:.3f}")
    inside = (found.estimates_.lower["D"] < 20) & (found.estimates_.upper["D"] > 20)
    report.add("coverage of 95 % intervals, %", 100 * inside.mean(), "{:.1f}")
    from skfrap.estimators._joint import _parts
    from skfrap.inference.fitting._joint import fit_jointly

    some, label = X[:_N_SERIES], np.zeros(_N_SERIES, int)
    parts, _ = _parts(single, some)
    fit_jointly(parts, label, [0])
    clock = time.process_time  # what others do on the machine counts for nothing
    extra = np.median([timed(lambda: fit_jointly(parts, label, [0]), clock)[1] for _ in range(40)])
    report.add("CPU time above the single fits, ms", 1e3 * extra, "{:.1f}", at_most=5)


def nested(report, seed, quick):
    """Count how often intervals of nested designs hold the mean."""
    n = 300 if quick else 4000
    for name, (n_days, sds) in _DESIGNS.items():
        for lopsided in (False, True):
            rng, inside = np.random.default_rng(seed), 0
            for _ in range(n):
                values, errors, *levels = _design(rng, n_days, sds, lopsided)
                one = np.zeros(len(values), int)
                contrast = fit_mixed(values, errors, one, levels).contrast([1.0])
                inside += contrast.lower < 0 < contrast.upper
            what = f"{name}, {'dishes and cells of all numbers' if lopsided else 'balanced'}"
            missed = 2 * np.sqrt(0.05 * 0.95 / n)  # what chance may do
            report.add(
                f"coverage of 95 % intervals, {what}, %",
                100 * inside / n,
                "{:.1f}",
                at_least=100 * (0.93 - missed),
                at_most=100 * (0.97 + missed),
            )


def _design(rng, n_days, sds, lopsided, n_dishes=2, n_cells=4, error=0.05):
    day, dish = [], []
    for k in range(n_days):
        for _ in range(rng.integers(1, 2 * n_dishes) if lopsided else n_dishes):
            n = rng.integers(1, 2 * n_cells) if lopsided else n_cells
            day += [k] * n
            dish += [dish[-1] + 1 if dish else 0] * n
    day, dish = np.array(day), np.array(dish)
    errors = error * np.exp(rng.normal(0, 0.7 if lopsided else 0.0, len(day)))
    values = rng.normal(0, sds[0], n_days)[day] + rng.normal(0, sds[1], dish[-1] + 1)[dish]
    return values + rng.normal(0, np.hypot(sds[2], errors)), errors, day, dish


def _estimate(folder, name, *options):
    """Run the command line on a folder in a fresh process; return seconds and the table."""
    out = Path(folder, f"{name}.csv")
    protocol = "--bleach-region", "circle:15", "--n-prebleach", "10", "--n-bleach", "4"
    command = [sys.executable, "-m", "skfrap", "estimate", str(Path(folder, "series"))]
    start = time.perf_counter()
    subprocess.run(
        [*command, *protocol, "--out", str(out), *options],
        env=os.environ | _ONE_THREAD,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start, out.read_bytes()


def _write_series(folder, n, seed):
    from skfrap.io import write_series

    protocol = FRAPProtocol(shape=(256, 256))
    prior = {"c0": 0.7, "a": 1e-3}
    simulator = FRAPSimulator(protocol, prior, bit_depth=16, random_state=seed)
    Path(folder, "series").mkdir()
    for k in range(n):
        frames = simulator.sample_images(1, start=k).data[0]
        path = Path(folder, "series", f"c{k:02d}.tif")
        units = {"frame_interval_s": protocol.frame_interval}
        write_series(path, frames, pixel_size_um=protocol.pixel_size, **units)


def files(report, seed, quick):
    """Compare two processes with one, on files."""
    n = 8 if quick else 64
    with tempfile.TemporaryDirectory() as folder:
        _write_series(folder, n, seed)
        one, table = _estimate(folder, "one")
        two, same = _estimate(folder, "two", "--jobs", "2")
    report.line(f"{n} files, one process, s", f"{one:.1f}")
    report.line(f"{n} files, --jobs 2, s", f"{two:.1f}")
    report.add("as fast as one", one / two, "{:.2f}", at_least=None if quick else 1.7)
    report.line("tables to the last digit", "equal" if table == same else "different")
    from skfrap.cli._workers import Processes

    pool = Processes(1)
    [*pool.outcomes(eval, iter(["1"]))]
    seconds = timed(lambda: [*pool.outcomes(eval, iter(["1"] * 200))])[1]
    pool.close()
    report.add("overhead per file, ms", 1e3 * seconds / 200, "{:.2f}", at_most=30)


def cluster(report, seed, quick):
    """Compare two workers of Dask with one process, and count empty tasks."""
    import distributed

    n = 8 if quick else 64
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        tempfile.TemporaryDirectory() as folder,
        distributed.LocalCluster(processes=True, **options) as local,
        distributed.Client(local) as client,
    ):
        _write_series(folder, n, seed)
        one, table = _estimate(folder, "one")
        two, same = _estimate(folder, "two", "--scheduler", local.scheduler_address)
        rate = _empty_tasks(client, 1000 if quick else 10_000)
    report.add("as fast as one process", one / two, "{:.2f}", at_least=None if quick else 1.6)
    report.line("tables to the last digit", "equal" if table == same else "different")
    report.add("empty tasks per s of the scheduler", rate, "{:.0f}")


def _empty_tasks(client, n):
    """Return how many tasks without work go through the scheduler in a second."""
    client.gather(client.map(int, range(100), pure=False))
    start = time.perf_counter()
    client.gather(client.map(int, range(n), pure=False))
    return n / (time.perf_counter() - start)


def paper(report, seed, quick):
    """Say what 2^24 curves would take: CPU times of few, and the rest by calculation."""
    import distributed

    n = _A_CHUNK // 4 if quick else _A_CHUNK
    simulator = FRAPSimulator(random_state=seed)
    clock = time.process_time  # what others do on the machine counts for little
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        simulator.write(Path(folder, "first.zarr"), 1000, verbose=0)
        path = Path(folder, "train.zarr")
        seconds["written"] = timed(lambda: simulator.write(path, n, verbose=0), clock)[1]
        data = skfrap.datasets.open(path)
        network = NeuralFRAP(simulator.protocol, max_iter=1, random_state=seed)
        network.fit(data.data[:1000], data.target[:1000])
        network.predict(data.data[:1000])
        few = LeastSquaresFRAP(simulator.protocol).fit(data.data[:1000])
        few.predict(data.data[:1000])
        seconds["predicted by a network"] = timed(lambda: network.predict(data.data), clock)[1]
        seconds["fitted by least squares"] = timed(lambda: few.predict(data.data), clock)[1]
    for what, spent in seconds.items():
        report.line(f"{what}, measured, CPU µs per curve", f"{1e6 * spent / n:.1f}")
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(processes=True, **options) as local,
        distributed.Client(local) as client,
    ):
        rate = _empty_tasks(client, 1000 if quick else 5000)
    report.line("empty tasks per s, measured", f"{rate:.0f}")
    n_chunks = _ON_PAPER // _A_CHUNK
    for what, spent in seconds.items():
        for n_workers in (1, 16, 256):
            rounds = -(-n_chunks // n_workers)  # a chunk is one task
            all_of_them = rounds * _A_CHUNK * spent / n + n_chunks / rate
            name = f"2^24 {what}, {n_workers} workers, extrapolated, s"
            report.line(name, f"{all_of_them:.3g}")


def disk(report, seed, quick):
    """Write curves, fit and predict them from disk, and watch the memory."""
    n = 2**17 if quick else 2**20
    simulator = FRAPSimulator(random_state=seed)
    simulator.sample(512)
    with tempfile.TemporaryDirectory() as folder, Peak() as peak:
        path = Path(folder, "train.zarr")
        of_both = {"verbose": 0, "n_jobs": _N_CORES}
        _rate(report, n, "written", 2e5, lambda: simulator.write(path, n, **of_both))
        dataset = skfrap.datasets.open(path)
        arrays = dataset.data, dataset.target, dataset.sample_weight
        network = NeuralFRAP(simulator.protocol, max_iter=1, random_state=seed)
        _rate(report, n, "a network learns from", 3e4, lambda: network.fit(*arrays))
        _rate(report, n, "a network predicts", 3e5, lambda: network.predict(dataset.data))
        fitted = LeastSquaresFRAP(simulator.protocol).fit(dataset.data[:1000])
        _rate(report, n, "least squares fits", 3e4, lambda: fitted.predict(dataset.data))
    report.add("peak memory of this process, MB", peak.most, "{:.0f}", at_most=1500)
    report.line("of these now", f"{own_megabytes():.0f}")


def _rate(report, n, what, least, work):
    """Report how many curves a second are worked on, and a CPU second of all threads."""
    start, spent = time.perf_counter(), time.process_time()
    work()
    spent, seconds = time.process_time() - spent, time.perf_counter() - start
    report.add(f"curves {what} per s", n / seconds, "{:.3g}", at_least=least)
    report.line("the same per CPU second", f"{n / spent:.3g}")


if __name__ == "__main__":
    main()
