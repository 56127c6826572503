"""Measure what `import skfrap` costs, against `import sklearn`, in fresh processes.

Each process times its own imports, so that starting Python is not counted. The kinds of process
take turns, so that a busy moment of the machine falls on all of them.

    python -m benchmarks.import_time
"""

import argparse
import subprocess
import sys

import numpy as np

from benchmarks._report import Report

_TIMED = """
import time
{before}
start = time.perf_counter()
{timed}
print(time.perf_counter() - start)
"""
_KINDS = {
    "import sklearn": ("", "import sklearn"),
    "import skfrap": ("", "import skfrap"),
    "import skfrap, after sklearn": ("import sklearn", "import skfrap"),
    "first use of skfrap.FRAPProtocol, after that": ("import skfrap", "skfrap.FRAPProtocol"),
    "first use of skfrap.LeastSquaresFRAP, after that": (
        "import skfrap",
        "skfrap.LeastSquaresFRAP",
    ),
    "  of which sklearn.base and scipy.stats": ("", "import sklearn.base, scipy.stats"),
}
_NOT_LOADED = ("keras", "jax", "matplotlib", "pandas", "tifffile")
# scikit-learn itself imports pandas where it is installed: that is not skfrap's doing.
_LIST_MODULES = f"""
import sys
{{imports}}
print(*[name for name in {_NOT_LOADED} if name in sys.modules])
"""
_USE_ALL_NAMES = "import skfrap; [getattr(skfrap, name) for name in skfrap.__all__]"


def run(program):
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return finished.stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=21, help="of each kind")
    arguments = parser.parse_args()
    report = Report("import time")
    programs = {kind: _TIMED.format(before=b, timed=t) for kind, (b, t) in _KINDS.items()}
    times = {kind: [] for kind in programs}
    for turn in range(1 + arguments.processes):
        for kind, program in programs.items():
            seconds = float(run(program))
            if turn > 0:  # the first turn fills the file cache
                times[kind].append(seconds)
    milliseconds = {kind: 1e3 * np.median(seconds) for kind, seconds in times.items()}
    for kind, value in milliseconds.items():
        if kind == "import skfrap":
            limit = 1.1 * milliseconds["import sklearn"]
            report.add(kind, value, "{:.1f} ms", at_most=limit)
        else:
            report.add(kind, value, "{:.1f} ms")
    heavy = ", ".join(_NOT_LOADED)
    loaded = run(_LIST_MODULES.format(imports="import skfrap"))
    report.line(f"loaded of {heavy}", loaded or "none", "none", not loaded)
    by_sklearn = run(_LIST_MODULES.format(imports="import sklearn.base, scipy.stats"))
    loaded = run(_LIST_MODULES.format(imports=_USE_ALL_NAMES))
    more = " ".join(sorted(set(loaded.split()) - set(by_sklearn.split())))
    report.line("  by using all names, beyond scikit-learn's own", more or "none", "none", not more)
    report.exit()


if __name__ == "__main__":
    main()
