"""Run every benchmark, one after the other, and write all figures into one table.

    python -m benchmarks                  # hours
    python -m benchmarks --quick          # about ten minutes
    python -m benchmarks --only model least_squares
    python -m benchmarks --docs           # copy the table of a whole run into the docs

Each program runs in a process of its own. What it printed and the figures it found are kept in one
folder, results/all, and a program that has ended is not run again there: a run that was broken off
goes on where it was. ``--again`` runs all anew. The exit status is 1 if a program failed or missed
a figure.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import skfrap
from benchmarks._main import ROOT
from benchmarks._pages import markdown_table, paragraphs
from benchmarks._report import FIGURES_TO, arguments_of, choice_of, environment

_PAGE = ROOT / "docs" / "benchmarks" / "figures.md"
_ENDED = {0: "all figures met", 1: "some figures missed"}


@dataclass(frozen=True)
class Program:
    """A benchmark, and how it is run.

    Attributes
    ----------
    name : str
        Of the module, and of what ``--only`` takes.
    full : tuple of str
        Its arguments in a whole run.
    quick : tuple of str or None
        Those of a quick run; None leaves the program out of it.
    """

    name: str
    full: tuple = ()
    quick: tuple | None = ("--quick",)

    def command(self, *, quick):
        """Return its command line."""
        return ["python", "-m", f"benchmarks.{self.name}", *(self.quick if quick else self.full)]


PROGRAMS = {
    program.name: program
    for program in (
        Program("model", quick=()),
        Program("least_squares"),
        Program("preprocessing", quick=()),
        Program("import_time", quick=None),
        Program("streaming"),
        Program("many", quick=("--quick", "--only", "joint", "nested", "files", "disk")),
        Program("files"),
        Program("large"),
        Program("report"),
        Program("images"),
        Program("app"),
        Program("accuracy"),
        Program("bayesian"),
        Program("neural", quick=None),
        Program("models", quick=None),
        Program("kinetics"),
        Program("cells", quick=None),
        Program("start", quick=("--quick", "--stages", "refusals")),
        Program("design"),
        Program("composition"),
        Program("transfer", quick=None),
        Program("detection"),
        Program("robustness", quick=("--ci", "--seconds", "10")),
        Program("peers", quick=None),
        Program("paper", quick=None),
    )
}


def run(program, folder, *, quick):
    """Run a program; keep what it printed and found; return what is known of the run."""
    figures = folder / f"{program.name}.figures.json"
    figures.unlink(missing_ok=True)
    command = program.command(quick=quick)
    begun = time.perf_counter()
    with open(folder / f"{program.name}.txt", "w", encoding="utf-8") as printed:
        ended = subprocess.run(
            [sys.executable, *command[1:]],
            stdout=printed,
            stderr=subprocess.STDOUT,
            env=os.environ | {FIGURES_TO: str(figures)},
            cwd=ROOT,
            check=False,
        )
    found = json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else {}
    kept = {
        "command": " ".join(command),
        "status": ended.returncode,
        "seconds": time.perf_counter() - begun,
        "skfrap": skfrap.__version__,
        "environment": found.get("environment", environment()),
        "figures": found.get("figures", []),
    }
    # A run that is broken off here leaves no half of a file behind.
    whole, part = (folder / f"{program.name}.{ending}" for ending in ("json", "part"))
    part.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    part.replace(whole)
    figures.unlink(missing_ok=True)
    return kept


def read(program, folder, *, quick):
    """Return what is known of an earlier run with the same arguments, None if there was none."""
    path = folder / f"{program.name}.json"
    if not path.exists():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    same = kept["command"] == " ".join(program.command(quick=quick))
    return kept if same and kept["skfrap"] == skfrap.__version__ else None


def page_of(runs):
    """Write all figures that are asked for as one page of Markdown."""
    asked = [row for kept in runs for row in kept["figures"] if row[4] is not None]
    missed = sum(not row[4] for row in asked)
    told = (
        f"{len(runs)} programs promise {len(asked)} figures, of which {missed} are missed. The "
        "table is written by `python -m benchmarks`, which runs them one after the other."
    )
    parts = ["# All figures", told]
    for kept in runs:
        found = kept["environment"]
        parts.append(f"## `{kept['command']}`")
        parts.append(
            f"{_ENDED.get(kept['status'], 'ended early')}; {kept['seconds']:.0f} s on "
            f"{found['date']}, {found['cores']} cores, load {found['load']} at its start; "
            f"{found['versions']}"
        )
        rows = [
            [_named(section, what), measured, figure, "yes" if met else "**no**"]
            for section, what, measured, figure, met in kept["figures"]
            if met is not None
        ]
        if rows:
            parts.append(markdown_table("figure | measured | asked | met", rows))
    return paragraphs(*parts) + "\n"


def _named(section, what):
    what = what.strip() if section in ("", "what") else f"{section}: {what.strip()}"
    return what.replace("|", r"\|")


def main():
    """Run what is asked for."""
    given = arguments_of(
        __doc__,
        seed=None,
        only=choice_of(PROGRAMS),
        quick="less of everything, and only what is short",
        again="run anew what has ended before",
        docs="copy the table into docs/benchmarks",
        out={"type": Path, "help": "default: results/all, or results/all-quick"},
    )
    folder = given.out or ROOT / "results" / ("all" + "-quick" * given.quick)
    folder.mkdir(parents=True, exist_ok=True)
    asked = [PROGRAMS[name] for name in given.only]
    if given.quick:
        asked = [program for program in asked if program.quick is not None]
    begun, runs = time.perf_counter(), []
    for k, program in enumerate(asked, 1):
        kept = None if given.again else read(program, folder, quick=given.quick)
        before = "" if kept is None else ", before"
        kept = kept or run(program, folder, quick=given.quick)
        ended = _ENDED.get(kept["status"], f"ended with status {kept['status']}")
        told = f"[{k}/{len(asked)}] {kept['command']}: {ended}"
        print(f"{told} ({kept['seconds']:.0f} s{before})", flush=True)
        runs.append(kept)
    page = folder / "figures.md"
    page.write_text(page_of(runs), encoding="utf-8")
    print(f"\n{page}: {(time.perf_counter() - begun) / 60:.1f} min")
    if given.docs:
        print(shutil.copy(page, _PAGE))
    sys.exit(any(kept["status"] for kept in runs))


if __name__ == "__main__":
    main()
