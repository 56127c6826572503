"""Measure what `import skfrap` and starting its commands cost, in fresh processes.

For imports each process times its own, so that starting Python is not counted. Commands are timed
from outside, as a user waits for them: those that help and errors in arguments end, and those that
import what they need and then end at once, against a Python that imports `sklearn.pipeline`. The
kinds of process take turns, so that a busy moment of the machine falls on all of them.

    python -m benchmarks.import_time
"""

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks._report import (
    Report,
    arguments_of,
    fresh_times,
    median_times_in_turn,
    run_fresh,
    timed,
)

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
_PYTHON, _PIPELINE = "python -c pass", "python -c 'import sklearn.pipeline'"
_STARTED = {_PYTHON: ["-c", "pass"], _PIPELINE: ["-c", "import sklearn.pipeline"]}
_AT_ONCE = (  # help and errors in arguments
    "--help",
    "estimate --help",
    "plan --help",
    "simulate --help",
    "estimate",
    "estimate x.tif --no-such-option",
    "estimate x.tif --skip many",
    "estimate x.tif --model no_such_model",
    "estimate x.tif --free speed",
    "compare-models x.tif --models no_such_model",
)
_OWN_START = (  # errors that the library finds
    "estimate no_such_file.tif",
    "compare-models no_such_file.tif",
    "noise no_such_file.tif",
    "replicates empty.csv",
    "plan --D 10 --bleach-region circle:500",
    "simulate x.tif --alpha 2",
)
_MOST_AT_ONCE, _MOST_OF_ITS_OWN = 300, 200  # ms
_NOT_LOADED = ("keras", "jax", "matplotlib", "pandas", "tifffile")
# scikit-learn itself imports pandas where it is installed: that is not skfrap's doing.
_LIST_MODULES = f"""
import sys
{{imports}}
print(*[name for name in {_NOT_LOADED} if name in sys.modules])
"""
_USE_ALL_NAMES = "import skfrap; [getattr(skfrap, name) for name in skfrap.__all__]"


def start_times(lines, folder, turns):
    """Return the median time that Python takes to start, do its work and end, s, in turns."""

    def seconds(line):
        command = [sys.executable, *line]
        run = partial(subprocess.run, command, capture_output=True, cwd=folder, check=False)
        return timed(run)[1]

    return median_times_in_turn(lines, turns, seconds)


def report_commands(report, turns):
    commands = {f"skfrap {line}": ["-m", "skfrap", *line.split()] for line in _AT_ONCE + _OWN_START}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "empty.csv").write_text("file\n", encoding="utf-8")
        seconds = start_times(_STARTED | commands, folder, turns)
    starts = {name: 1e3 * value for name, value in seconds.items()}
    python, pipeline = starts[_PYTHON], starts[_PIPELINE]
    report.section("starting commands")
    report.add(_PYTHON, python, "{:.0f} ms")
    report.add(_PIPELINE, pipeline, "{:.0f} ms")
    for line in _AT_ONCE:
        value = starts[f"skfrap {line}"]
        report.add(f"skfrap {line}", value, "{:.0f} ms", at_most=_MOST_AT_ONCE)
    slowest = max(starts[f"skfrap {line}"] for line in _AT_ONCE)
    report.add("  slowest of these over Python's own start", slowest / python, "{:.1f} times")
    for line in _OWN_START:
        value = starts[f"skfrap {line}"] - pipeline
        report.add(f"skfrap {line}, more", value, "{:.0f} ms", at_most=_MOST_OF_ITS_OWN)
    slowest = max(starts[f"skfrap {line}"] for line in _OWN_START)
    report.add("  slowest of these over the import", slowest / pipeline, "{:.2f} times")


def main():
    processes = {"type": int, "default": 21, "help": "of each kind"}
    arguments = arguments_of(__doc__, seed=None, processes=processes)
    report = Report("import time")
    seconds = fresh_times(_KINDS, arguments.processes)
    limits = {"import skfrap": 1.1e3 * seconds["import sklearn"]}
    for kind, value in seconds.items():
        report.add(kind, 1e3 * value, "{:.1f} ms", at_most=limits.get(kind))
    heavy = ", ".join(_NOT_LOADED)
    loaded = run_fresh(_LIST_MODULES.format(imports="import skfrap"))
    report.line(f"loaded of {heavy}", loaded or "none", "none", not loaded)
    by_sklearn = run_fresh(_LIST_MODULES.format(imports="import sklearn.base, scipy.stats"))
    loaded = run_fresh(_LIST_MODULES.format(imports=_USE_ALL_NAMES))
    more = " ".join(sorted(set(loaded.split()) - set(by_sklearn.split())))
    report.line("  by using all names, beyond scikit-learn's own", more or "none", "none", not more)
    report_commands(report, arguments.processes)
    report.exit()


if __name__ == "__main__":
    main()
