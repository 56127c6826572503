"""The command line of benchmarks in stages, which write a page."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks._pages import copy_to_docs, write_page
from benchmarks._report import arguments_of, choice_of, environment
from benchmarks._stage import Outcome, Results, settings_of

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Study:
    """A benchmark in stages.

    Attributes
    ----------
    name, title : str
        Of the program, and of its page.
    stages : tuple of Stage
    full, quick : Amounts
        How much is measured: dataclasses of plain values.
    bench : callable
        ``bench(amounts, results, arguments)`` makes what the stages share.
    introduce : callable
        ``introduce(command, quick, missing)`` tells what this is; titles of missing stages.
    summarise : callable
        ``summarise(outcomes)``, by file, tells it all in short; nothing if it cannot yet.
    tell_runs : callable
        ``tell_runs(found, command)`` tells when and where stages ran: outcome and run by stage.
    close : callable
        ``close(outcomes)`` gives more sections by title.
    options : dict
        More arguments of the command line, as ``ArgumentParser.add_argument`` takes them.
    rerun : callable
        ``rerun(arguments)`` lists those of them that belong to the command that the page quotes.
    again : bool
        Whether all is computed anew each time.
    kind : type
        Of outcomes.
    page, rows, figures, docs : str
        Names of the page and of the table of all rows, what figures' names begin with, and the
        page's folder in docs/benchmarks.
    """

    name: str
    title: str
    stages: tuple
    full: Any
    quick: Any
    bench: Callable
    introduce: Callable
    summarise: Callable
    tell_runs: Callable
    close: Callable = lambda outcomes: {}
    options: dict = field(default_factory=dict)
    rerun: Callable = lambda arguments: []
    again: bool = False
    kind: type = Outcome
    page: str = "index.md"
    rows: str = "results"
    figures: str = ""
    docs: str = ""

    def results(self, folder, amounts, seed):
        """Open a folder of results."""
        return Results(folder, settings_of(amounts, seed), self.kind, self.figures)

    def is_quick(self, results):
        """Tell whether results are those of a quick run."""
        return results.settings == settings_of(self.quick, results.settings["seed"])


def run_stages(stages, bench, results, *, again):
    """Run what is not finished, in turn, and tell where one is."""
    mpl.use("Agg")
    start = time.perf_counter()
    for k, stage in enumerate(stages, 1):
        heading = f"[{k}/{len(stages)}] {stage.title}"
        if not again and results.read(stage) is not None:
            print(f"{heading}: finished before", flush=True)
            continue
        bench.begin(heading)
        begun = time.perf_counter()
        outcome = stage.run(bench)
        seconds = time.perf_counter() - begun
        results.write(stage, outcome, environment() | {"seconds": seconds})
        plt.close("all")
        print(f"  {seconds:.0f} s; {(time.perf_counter() - start) / 60:.1f} min in all", flush=True)


def main(study, doc):
    """Run a study as its command line asks."""
    stages = {stage.name: stage for stage in study.stages}
    given = arguments_of(
        doc,
        stages=choice_of(stages),
        quick="less of everything",
        out={"type": Path, "help": f"default: results/{study.name}, or results/{study.name}-quick"},
        docs="copy page and figures into docs",
        **study.options,
    )
    folder = ROOT / "results" / (study.name + "-quick" * given.quick)
    amounts = study.quick if given.quick else study.full
    results = study.results(given.out or folder, amounts, given.seed)
    bench = study.bench(amounts, results, given)
    asked = [stages[name] for name in given.stages]
    run_stages(asked, bench, results, again=study.again or given.again)
    print(f"\n{write_page(study, results, command_of(study, given))}")
    if given.docs:
        missing = [stage.name for stage in study.stages if results.read(stage) is None]
        if missing:
            raise SystemExit(f"--docs needs all stages; run {', '.join(missing)} as well")
        print(copy_to_docs(study, results, ROOT / "docs" / "benchmarks" / study.docs))
    bench.end()


def command_of(study, given):
    """Return the command that a page quotes to run all that it tells of again."""
    parts = [f"python -m benchmarks.{study.name}"]
    # A page of finished stages tells of all there are, whichever were asked for last.
    if study.again and {*given.stages} != {stage.name for stage in study.stages}:
        parts += ["--stages", *given.stages]
    parts += ["--quick"] if given.quick else []
    parts += [f"--seed {given.seed}"] if given.seed else []
    return " ".join([*parts, *study.rerun(given)])
