"""Two programs that save to one file while a third loads it."""

import subprocess
import sys
import tempfile
from pathlib import Path

_WRITER = """
import os, sys
from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.persistence import save
protocol = FRAPProtocol()
X = FRAPSimulator(protocol, random_state=0).sample(2).data
estimator = LeastSquaresFRAP(protocol, tol=float(sys.argv[3])).fit(X)
save(estimator, sys.argv[1])
print("ready", flush=True)
n = 0
while not os.path.exists(sys.argv[2]):
    save(estimator, sys.argv[1])
    n += 1
print(n)
"""
_READER = """
import sys, time
from skfrap.persistence import load
load(sys.argv[1])
n, failed, seen, end = 0, 0, set(), time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    try:
        seen.add(load(sys.argv[1]).tol)
    except Exception:
        failed += 1
    n += 1
print(n, failed, len(seen))
"""


def run(seconds=8.0):
    """Let two write and one read.

    Returns
    -------
    dict
        How many files were ``"written"`` and ``"read"``, how many reads ``"failed"``, whose files
        were ``"seen"`` (2 is both writers'), and how many files were ``"left"`` beside.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as signals:
        path, stop = Path(folder, "estimator.npz"), Path(signals, "stop")
        writers = [_start(_WRITER, path, stop, tol) for tol in (1e-9, 1e-8)]
        for writer in writers:
            writer.stdout.readline()
        reader = _start(_READER, path, seconds)
        n, failed, seen = map(int, reader.communicate()[0].split())
        stop.touch()
        written = sum(int(writer.communicate()[0]) for writer in writers)
        left = len([*Path(folder).iterdir()]) - 1
    return {"written": written, "read": n, "failed": failed, "seen": seen, "left": left}


def _start(program, *arguments):
    words = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
