"""Measure what `import skfrap` costs, against `import sklearn`, in fresh processes.

Each process times its own imports, so that starting Python is not counted. The kinds of process
take turns, so that a busy moment of the machine falls on all of them.

    python -m benchmarks.import_time
"""

from benchmarks._report import Report, arguments_of, fresh_times, run_fresh

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
    report.exit()


if __name__ == "__main__":
    main()
