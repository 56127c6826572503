"""What the benchmark programs share: arguments, the header, the table of results, timing."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

import skfrap

FIGURES_TO = "SKFRAP_FIGURES"  # names a file that takes a report's figures as JSON, if set


def arguments_of(doc, **options):
    """Read the command line of a program, which has a seed unless ``seed=None``.

    Parameters
    ----------
    doc : str
        The docstring of the program.
    **options : str or dict
        By name: what is said of a flag, or the arguments of `ArgumentParser.add_argument`.

    Returns
    -------
    argparse.Namespace
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {sys.modules['__main__'].__spec__.name.removesuffix('.__main__')}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, option in {"seed": {"type": int, "default": 0}, **options}.items():
        if isinstance(option, str):
            option = {"action": "store_true", "help": option}
        if option is not None:
            parser.add_argument(f"--{name}", **option)
    return parser.parse_args()


def choice_of(names, default=None):
    """Return what `arguments_of` takes for some of these names, all of them by default."""
    default = [*(names if default is None else default)]
    known = f"any of: {', '.join(names)}"
    return {"nargs": "+", "choices": [*names], "default": default, "metavar": "NAME", "help": known}


def environment():
    """Tell on what a program runs, as strings: versions, cores, BLAS threads, load and date."""
    # Wheels of numpy and scipy each bring their own library: name it once.
    blas = {
        f"{library['internal_api']}: {library['num_threads']}"
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }
    packages = "numpy", "scipy", "scikit-learn", "keras", "jax"
    versions = {"python": platform.python_version()}
    versions |= {name: metadata.version(name) for name in packages}
    versions["skfrap"] = skfrap.__version__
    return {
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "cores": str(len(os.sched_getaffinity(0))),
        "blas": ", ".join(sorted(blas)) or "unknown",
        "load": f"{os.getloadavg()[0]:.1f}",
        "date": time.strftime("%Y-%m-%d"),
    }


class Report:
    """Print a header, then a row per result; remember whether all figures are met.

    Parameters
    ----------
    title : str
    seed : int or None
        None for programs that draw no random numbers.
    """

    def __init__(self, title, seed=None):
        self._missed, self._begun = [], False
        self._section, self._figures = "", []
        found = self._environment = environment()
        print(title)
        print(found["versions"])
        print(
            f"cores {found['cores']}, BLAS threads {found['blas']}, "
            f"load {found['load']}, seed {seed}"
        )

    def section(self, title):
        """Print the head of a table; without one the first is of "what"."""
        self._begun, self._section = True, title
        print(f"\n{title:<58s} {'measured':>14s} {'asked':>18s}")
        print("-" * 100, flush=True)

    def add(self, what, value, form="{:.3g}", *, at_most=None, at_least=None):
        """Print a row; the figures asked for, if any, are in the unit of `value`."""
        asked, met = "", True
        if at_most is not None:
            asked, met = "<= " + form.format(at_most), value <= at_most
        if at_least is not None:
            asked, met = ">= " + form.format(at_least), value >= at_least
        self.line(what, form.format(value), asked, met if asked else None)

    def line(self, what, measured, asked="", met=None):
        """Print a row of strings; `met` None asks for nothing."""
        if not self._begun:
            self.section("what")
        verdict = "" if met is None else ("ok" if met else "NOT MET")
        print(f"{what:<58s} {measured:>14s} {asked:>18s} {verdict}".rstrip(), flush=True)
        told = None if met is None else bool(met)
        self._figures.append([self._section, what, measured.strip(), asked.strip(), told])
        if told is False:
            self._missed.append(what)

    def exit(self):
        """End the program, with status 1 if a figure was not met."""
        if os.environ.get(FIGURES_TO):
            kept = {"environment": self._environment, "figures": self._figures}
            Path(os.environ[FIGURES_TO]).write_text(json.dumps(kept, indent=1), encoding="utf-8")
        if self._missed:
            print(f"\nNOT MET: {'; '.join(self._missed)}")
        else:
            print("\nall figures met")
        sys.exit(bool(self._missed))


_TIMED = """
import time
{before}
start = time.perf_counter()
{timed}
print(time.perf_counter() - start)
"""


def median_times_in_turn(ways, repeats, seconds=lambda way: timed(way)[1]):
    """Take turns at timing functions, so that all see the same machine.

    The first turn, which fills caches, does not count.

    Parameters
    ----------
    ways : dict
        By name; callables unless `seconds` takes others.
    repeats : int
    seconds : callable
        ``seconds(way)`` times one.

    Returns
    -------
    dict of float
    """
    turns = [[seconds(way) for way in ways.values()] for _ in range(1 + repeats)]
    return dict(zip(ways, np.median(turns[1:], axis=0).tolist(), strict=True))


def run_fresh(program):
    """Run a program in a process of its own; return what it prints."""
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return finished.stdout.strip()


def fresh_times(programs, repeats):
    """Time pairs of what to run before and what to time, in fresh processes: medians in s."""
    written = {name: _TIMED.format(before=b, timed=t) for name, (b, t) in programs.items()}
    return median_times_in_turn(written, repeats, lambda program: float(run_fresh(program)))


def timed(function, clock=time.perf_counter):
    """Call a function; return what it returns and the time it took in s."""
    start = clock()
    result = function()
    return result, clock() - start


def time_alone(predict, X, n_curves=25):
    """Time estimates of curves that come alone: median wall time in s."""
    each = [median_time(lambda k=k: predict(X[k : k + 1]), 5) for k in range(n_curves)]
    return float(np.median(each))


def median_time(function, repeats):
    """Call a function once to warm up, then `repeats` times: median wall time in s."""
    return float(np.median([timed(function)[1] for _ in range(1 + repeats)][1:]))
