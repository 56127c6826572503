"""Mutated files of every kind that skfrap reads: refused in words, or all frames, or a finding.

Each file is read by a process of its own kind, which is watched: what it takes of time and of
memory, and what it raises. A seed and a number make a file, so that each can be looked at again::

    python -m benchmarks.robustness._files --only 1234
    python -m benchmarks.robustness._files --of tables --only 1234
"""

import argparse
import multiprocessing
import resource
import shutil
import sys
import tempfile
import threading
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.robustness._mutations import (
    KINDS,
    MICROSCOPES,
    N_FRAMES,
    PROTOCOL,
    SHAPE,
    TIFFS,
    make_files,
    make_microscope_files,
    mutate,
)
from benchmarks.robustness._tables import (
    TABLES,
    make_table_files,
    mutate_table,
    read_table_or_regions,
)

MOST_SECONDS = 15.0
MOST_BYTES = 2e9
_OURS = (ValueError, TypeError, FileNotFoundError)
_ADDRESS_SPACE = 8 * 2**30  # so that the machine outlives what is measured
_ANALYSED = 40  # one in so many is analysed to its end
_AT_ONCE = 2  # processes that read, each of which takes one core
_MAKERS = {
    "files": make_files,
    "microscopes": make_microscope_files,
    "tables": make_table_files,
}


def run(n, seed=0, seconds=np.inf, of="files"):
    """Mutate files, read them, and count what must not be.

    Parameters
    ----------
    n : int
        How many files; of microscopes and tables so many of each kind.
    seed : int, default=0
    seconds : float, default=inf
        Stop after so many, whatever `n` is.
    of : {"files", "microscopes", "tables"}, default="files"
        What skfrap and ImageJ write, what microscopes write, or tables of intensities and regions.

    Returns
    -------
    dict
        ``n`` files, how many were ``refused`` and ``read``, and the lists ``lost``, ``raised``,
        ``slow`` and ``large`` of what must not be: numbers, kinds and words.
    """
    found = {"n": 0, "refused": 0, "read": 0, "lost": [], "raised": [], "slow": [], "large": []}
    lock = threading.Lock()

    def work(worker):
        while time.monotonic() - start <= seconds:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            kind, data, how = _mutated(files, seed, number)
            outcome = worker.ask(number, kind, data)
            with lock:
                _enter(found, outcome, f"{number} {kind}, {how}: {outcome['words']}")

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(_AT_ONCE) as pool:
        files = _MAKERS[of](folder)
        numbers = iter(range(n if of == "files" else n * len(files)))
        folders = [Path(folder, f"worker{k}") for k in range(_AT_ONCE)]
        for one in folders:
            one.mkdir()
        workers = [*pool.map(_Worker, folders)]
        start = time.monotonic()
        try:
            [*pool.map(work, workers)]
        finally:
            for worker in workers:
                worker.close()
    return found


def _enter(found, outcome, words):
    """Count what came of a file."""
    found["n"] += 1
    if outcome["outcome"] in ("lost", "raised"):
        found[outcome["outcome"]].append(words)
    else:
        found[outcome["outcome"]] += 1
    if outcome["seconds"] > MOST_SECONDS:
        found["slow"].append(f"{outcome['seconds']:.0f} s: {words}")
    if outcome["bytes"] > MOST_BYTES:
        found["large"].append(f"{outcome['bytes'] / 1e9:.1f} GB: {words}")


def _mutated(files, seed, number):
    rng = np.random.default_rng([seed, number])
    kinds = [kind for kind in (*KINDS, *MICROSCOPES, *TABLES) if kind in files]
    kind = kinds[number % len(kinds)]
    if kind in TABLES:
        data, how = mutate_table(kind, files[kind], rng)
    else:
        data, how = mutate(files[kind], rng)
    return kind, data, how


class _Worker:
    """A process that reads files one at a time, and is replaced where it does not answer."""

    def __init__(self, folder):
        self.folder = folder
        self._start()

    def _start(self):
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_work, args=(other, self.folder), daemon=True)
        self.process.start()
        other.close()
        self.connection.recv()  # what it imports is no part of what a file takes

    def ask(self, number, kind, data):
        """Read a file, and return what came of it."""
        start = time.monotonic()
        self.connection.send((number, kind, data))
        try:
            if self.connection.poll(4 * MOST_SECONDS):
                return self.connection.recv() | {"seconds": time.monotonic() - start}
            words = "no answer"
        except (EOFError, ConnectionError):
            words = "the process has ended"
        self.close()
        self._start()
        seconds = time.monotonic() - start
        return {"outcome": "raised", "words": words, "bytes": 0, "seconds": seconds}

    def close(self):
        """End the process."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def _work(connection, folder):
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    import logging

    logging.disable(logging.CRITICAL)  # tifffile tells what it forgives
    warnings.simplefilter("ignore")
    import skfrap.analysis
    import skfrap.persistence  # noqa: F401

    connection.send("ready")
    while True:
        try:
            number, kind, data = connection.recv()
        except EOFError:
            return
        connection.send(examine(Path(folder, "work"), number, kind, data))


def examine(folder, number, kind, data):
    """Read one file, and say what came of it.

    Parameters
    ----------
    folder : Path
    number : int
    kind : str
    data : bytes

    Returns
    -------
    dict
        ``outcome``: refused, read, lost or raised; ``words``; ``bytes``, the most memory.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    before = _reset_peak()
    try:
        words = _read(folder, number, kind, data)
        outcome = "lost" if words else "read"
    except _OURS as error:
        words, outcome = str(error).strip(), "refused"
        if not words:
            outcome, words = "raised", f"{type(error).__name__} without words"
    except Exception as error:  # which is what is looked for
        outcome = "raised"
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        words = f"{type(error).__name__}: {str(error)[:200]} ({place})"
    return {"outcome": outcome, "words": words[:400], "bytes": max(0, _peak() - before)}


def _read(folder, number, kind, data):
    """Read a file as its kind is read; say what was lost."""
    from skfrap.analysis import ExperimentOptions, analyse_series, describe_experiment
    from skfrap.analysis._region import read_region
    from skfrap.experiment import FRAPProtocol
    from skfrap.io import find_series, read_image, read_series
    from skfrap.persistence import load

    suffix = {"estimator": ".npz", "surrogate": ".npz", "protocol": ".json", "table": ".csv"}
    suffix |= {kind: f".{kind.partition('_')[0]}" for kind in (*MICROSCOPES, *TABLES)}
    path = folder / f"a{suffix.get(kind, '.tif')}"
    path.write_bytes(data)
    if kind == "protocol":
        FRAPProtocol.from_json(data.decode("utf-8"))
    elif kind == "table":
        _read_table(path)
    elif kind in TABLES:
        return read_table_or_regions(path, kind)
    elif kind in ("estimator", "surrogate"):
        estimator = load(path)
        if hasattr(estimator, "n_features_in_"):
            estimator.predict(np.full((1, N_FRAMES), 0.5) + 0.01 * np.arange(N_FRAMES))
    elif kind == "mask":
        read_region(path, PROTOCOL.pixel_size, SHAPE)
    else:
        source, n_frames = path, N_FRAMES
        if kind in ("png", "jpg", "bmp"):
            read_image(path)
            return ""
        if kind == "folder":
            import tifffile

            for k in range(3):
                tifffile.imwrite(folder / f"b{k}.tif", np.full(SHAPE, k + 1, "u2"), metadata=None)
            source, n_frames = folder, 4
        find_series(source)
        series = read_series(source)
        lost = _lost(series, n_frames)
        if lost:
            return lost
        told = ExperimentOptions(
            n_prebleach=2, bleach_region="circle:4", pixel_size=0.5, frame_interval=0.5
        )
        for options in (ExperimentOptions(), told):
            try:
                describe_experiment(series, options)
            except _OURS:
                continue
        if number // len(KINDS) % _ANALYSED == 0 and kind in TIFFS:
            analyse_series(series, told)
    return ""


def _lost(series, n_frames):
    """Say which frames are missing, or blank, without a finding."""
    if series.findings:
        return ""
    shape = series.frames.shape
    if shape[0] < n_frames or shape[1] < SHAPE[0] or shape[2] < SHAPE[1]:
        return f"{shape} of {(n_frames, *SHAPE)}, and no finding"
    n_blank = int(np.sum(np.ptp(series.frames, axis=(1, 2)) == 0))
    if n_blank and n_frames == N_FRAMES:  # images of a folder are blank from the start
        return f"{n_blank} frames are blank, and no finding"
    return ""


def _read_table(path):
    """Read a table as `skfrap replicates` does."""
    from click.testing import CliRunner

    from skfrap.cli import cli

    outcome = CliRunner().invoke(cli, ["replicates", str(path)])
    error = outcome.exception
    if error is not None and not isinstance(error, SystemExit):
        raise error


def _reset_peak():
    """Forget the peak of this process's memory, and return what it holds now."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return 0
    return _peak()


def _peak():
    """Return the most memory that was held, bytes; of Linux, and else of all the process's life."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main():
    """Run it by itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=np.inf)
    parser.add_argument("--of", choices=[*_MAKERS], default="files")
    parser.add_argument("--only", type=int, help="read this one, with its traceback")
    arguments = parser.parse_args()
    if arguments.only is not None:
        with tempfile.TemporaryDirectory() as folder:
            files = _MAKERS[arguments.of](folder)
            kind, data, how = _mutated(files, arguments.seed, arguments.only)
            print(kind, how)
            folder = Path(folder, "work")
            folder.mkdir()
            print(_read(folder, arguments.only, kind, data) or "read")
        return
    found = run(arguments.n, arguments.seed, arguments.seconds, arguments.of)
    print(f"{found['n']} files: {found['refused']} refused, {found['read']} read")
    for name in ("lost", "raised", "slow", "large"):
        print(f"{name}: {len(found[name])}")
        for words in found[name][:40]:
            print("   ", words)
    sys.exit(any(found[name] for name in ("lost", "raised", "slow", "large")))


if __name__ == "__main__":
    main()
