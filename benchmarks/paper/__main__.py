"""Reproduce every table and figure of the DeepFRAP paper, and put skfrap's numbers beside them.

Results go to a folder: per stage a JSON file, CSV tables and figures; one tidy `results.csv`; and
the page `index.md`, the paper's number, ours, the ratio and the standard error side by side. What
is finished is not computed again, so a run that was broken off goes on where it was.

    python -m benchmarks.paper                     everything, about an hour on two cores
    python -m benchmarks.paper --quick             a tenth of everything and less, under 5 minutes
    python -m benchmarks.paper --stages figure10   some of it: see --help
    python -m benchmarks.paper --again             compute what is asked for anew, but for networks:
                                                   they are in a folder of their own, to be deleted
    python -m benchmarks.paper --docs              copy page and figures into docs/benchmarks/paper
"""

import argparse
import time
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks._report import environment
from benchmarks.paper import _experiment, _page, _percentages, _pictures, _tables, _time, _training
from benchmarks.paper._bench import FULL, QUICK, Bench
from benchmarks.paper._stage import Results

# In the order of the paper's tables and figures; Figure 2 shows no result.
_NAMES = (
    *("table1", "table2", "table3", "table4", "figure1", "figure3", "figure4", "figure5"),
    *("figure6", "figure7", "figures8-9", "figure10"),
)
_ROOMS = _tables, _pictures, _training, _percentages, _experiment, _time
_FOUND = {stage.name: stage for room in _ROOMS for stage in room.STAGES}
STAGES = {name: _FOUND[name] for name in _NAMES}
ROOT = Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.paper",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stages", nargs="+", choices=[*STAGES], default=[*STAGES], metavar="NAME",
                        help=f"any of: {', '.join(STAGES)}")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a tenth of everything and less")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="default: results/paper, or results/paper-quick")
    parser.add_argument(
        "--again",
        action="store_true",
        help="compute finished stages anew, with the networks that are there",
    )
    parser.add_argument("--docs", action="store_true", help="copy page and figures into docs")
    arguments = parser.parse_args()
    folder = arguments.out or ROOT / "results" / ("paper-quick" if arguments.quick else "paper")
    amounts = QUICK if arguments.quick else FULL
    results = Results(folder, _page.settings_of(amounts, arguments.seed))
    run_stages(
        [STAGES[name] for name in arguments.stages],
        Bench(amounts, arguments.seed, results.folder_of_networks),
        results,
        again=arguments.again,
    )
    page = _page.write(STAGES.values(), results)
    print(f"\n{page}")
    if arguments.docs:
        missing = [stage.name for stage in STAGES.values() if results.read(stage.name) is None]
        if missing:
            parser.error(f"--docs needs all stages; run {', '.join(missing)} as well")
        print(_page.copy_to_docs(results, ROOT / "docs" / "benchmarks" / "paper"))


def run_stages(stages, bench, results, *, again):
    """Run what is not finished, in turn, and tell where one is."""
    mpl.use("Agg")
    start = time.perf_counter()
    for k, stage in enumerate(stages, 1):
        heading = f"[{k}/{len(stages)}] {stage.title}"
        if not again and results.read(stage.name) is not None:
            print(f"{heading}: finished before", flush=True)
            continue
        print(heading, flush=True)
        begun = time.perf_counter()
        outcome = stage.run(bench)
        seconds = time.perf_counter() - begun
        results.write(stage.name, outcome, environment() | {"seconds": seconds})
        plt.close("all")
        print(f"  {seconds:.0f} s; {(time.perf_counter() - start) / 60:.1f} min in all", flush=True)


if __name__ == "__main__":
    main()
