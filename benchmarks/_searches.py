"""How long searches over small networks take, serially and in two processes.

Each process of a search compiles every architecture that it meets, which takes longer than to train
a small network. It does so once: programs stay in the process, and in the user's cache folder.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

SEARCHES = 3  # in one session, by the same processes
_SIZES = [(8,), (16,), (8, 8), (16, 16)]
_RATES = [1e-3, 3e-3]


def search_times(n_jobs):
    """Search three times in this process, and those that it starts; return seconds of wall time."""
    from sklearn.model_selection import GridSearchCV

    from benchmarks._compositions import PROTOCOL
    from skfrap import FRAPSimulator, NeuralFRAP

    X, y = FRAPSimulator(PROTOCOL, random_state=0).sample(1000, return_X_y=True)
    network = NeuralFRAP(features="raw", max_iter=20, batch_size=128, random_state=0)
    grid = {"hidden_layer_sizes": _SIZES, "learning_rate_init": _RATES}
    times = []
    for _ in range(SEARCHES):
        start = time.perf_counter()
        GridSearchCV(network, grid, cv=2, n_jobs=n_jobs, refit=False).fit(X, y)
        times.append(time.perf_counter() - start)
    return times


def _times_of_a_session(n_jobs, folder):
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks._searches", str(n_jobs)],
        env=os.environ | {"SKFRAP_CACHE_DIR": str(folder)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(run.stdout)


def compare_searches(report, folder, n_rounds):
    """Report serial and parallel searches, a session of each in turn.

    Parameters
    ----------
    report : Report
    folder : path-like
        For compiled programs, of which the first session of each finds none.
    n_rounds : int
        Sessions of each, of which medians are told.
    """
    report.section("GridSearchCV of small networks, 8 x 2 fits, wall time")
    sessions = {1: [], 2: []}
    for k in range(n_rounds):
        for n_jobs in (1, 2) if k % 2 == 0 else (2, 1):
            kept = Path(folder, f"programs-{n_jobs}")
            sessions[n_jobs].append(_times_of_a_session(n_jobs, kept))
    rows = {"1st search, nothing compiled": (0, slice(0, 1))}
    if n_rounds > 1:
        rows["1st search, programs in the folder"] = (0, slice(1, None))
    rows |= {f"{k + 1}{'nd' if k == 1 else 'rd'} search": (k, slice(None)) for k in (1, 2)}
    for name, (search, some) in rows.items():
        serial, parallel = (
            statistics.median(times[search] for times in sessions[n][some]) for n in (1, 2)
        )
        report.add(f"{name}, serial", serial, "{:.2f} s")
        report.add(f"{name}, n_jobs=2", parallel, "{:.2f} s")
        most = 1.0 if search else None
        report.add(f"{name}, ratio", parallel / serial, "{:.2f}", at_most=most)


if __name__ == "__main__":
    print(json.dumps(search_times(int(sys.argv[1]))))
