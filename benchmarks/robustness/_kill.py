"""Runs over a folder, killed at random moments: what is in the table then."""

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from skfrap import Circle, FRAPProtocol, FRAPSimulator
from skfrap.io import write_series

N_FILES = 40
_PROTOCOL = FRAPProtocol(
    shape=(64, 64), pixel_size=0.75, bleach_region=Circle(8.0), n_postbleach=40, padding=32
)
_EVERY = 10  # of so many runs one is gone on with to the end
_AT_ONCE = 2  # runs, each of which takes one core


def make_files(folder, seed):
    """Write series of a small field."""
    prior = {"D": 12.0, "c0": 0.7, "alpha": 0.6, "a": 1e-4}
    images = FRAPSimulator(_PROTOCOL, prior, random_state=seed).sample_images(N_FILES).data
    for k, frames in enumerate(images):
        counts = np.clip(np.rint(65535 * frames), 0, 65535).astype(np.uint16)
        write_series(
            folder / f"cell{k:02d}.tif",
            counts,
            pixel_size_um=_PROTOCOL.pixel_size,
            frame_interval_s=_PROTOCOL.frame_interval,
            info={"protocol": _PROTOCOL.to_dict()},
        )


def run(n=50, seed=0, seconds=np.inf):
    """Kill runs at random moments.

    Parameters
    ----------
    n : int, default=50
    seed : int, default=0
    seconds : float, default=inf
        Stop after so many, whatever `n` is.

    Returns
    -------
    dict
        ``"n"`` runs; ``"lost"``, the most series that one had told of and its table lacks, besides
        the one in hand; ``"broken"``, tables that could not be read; ``"unlike"``, resumed runs
        that ended otherwise than one that was never killed; ``"during"``, runs that were killed
        while they had some but not all series.
    """
    random, begun = np.random.default_rng(seed), time.monotonic()
    found = {"n": 0, "lost": 0, "broken": 0, "unlike": 0, "during": 0}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        data = folder / "data"
        data.mkdir()
        make_files(data, seed)
        whole = folder / "whole.csv"
        took, again = _time_of_work(data, whole), []
        tables = (folder / f"table{k}.csv" for k in range(n))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while some := [*islice(tables, _AT_ONCE)]:
                if time.monotonic() - begun > seconds:
                    break
                moments = random.uniform(0.0, took, len(some))
                told = pool.map(partial(_killed, data), some, moments)
                for table, n_told in zip(some, told, strict=True):
                    if found["n"] % _EVERY == 0:
                        again.append(table)
                    _count(found, table, n_told)
            for table in again:
                _start(data, table, "--resume").wait()
                found["unlike"] += table.read_text() != whole.read_text()
    return found


def _start(data, table, *options):
    words = [sys.executable, "-m", "skfrap", "estimate", str(data), "--out", str(table), *options]
    with open(_told_in(table), "w", encoding="utf-8") as told:
        return subprocess.Popen(words, stdout=told, stderr=subprocess.DEVNULL)


def _told_in(table):
    return table.with_suffix(".txt")


def _await_work(process, table):
    """Wait until a run tells of its first series; nothing can be lost before."""
    while process.poll() is None and not _told_in(table).stat().st_size:
        time.sleep(0.005)


def _time_of_work(data, table):
    """Time a run from its first series on, in s."""
    process = _start(data, table)
    _await_work(process, table)
    start = time.monotonic()
    process.wait()
    return time.monotonic() - start


def _killed(data, table, moment):
    """Kill a run so long after its first series, and return how many series it had told of."""
    process = _start(data, table)
    _await_work(process, table)
    time.sleep(moment)
    process.kill()
    process.wait()
    lines = _told_in(table).read_text(encoding="utf-8").splitlines()
    return sum(line.endswith(".tif") for line in lines)


def _count(found, table, told):
    found["n"] += 1
    rows = 0
    if table.exists():
        try:
            rows = int(pd.read_csv(table).D_um2_s.notna().sum())
        except (ValueError, AttributeError, pd.errors.ParserError):
            found["broken"] += 1
    found["lost"] = max(found["lost"], told - rows)
    found["during"] += 0 < rows < N_FILES
