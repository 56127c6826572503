"""Measure skfrap side by side with what one would use instead, all in one run.

model      `scipy.optimize.least_squares` on the same model stepped by FFT: time, the same optimum;
           and what the reference program in MATLAB takes, quoted
closed     exponential and Soumpasis' curve fitted with `curve_fit`: bias and spread of D, failures,
           time
networks   MLPRegressor and dense Keras layers on raw curves, trained for as long as NeuralFRAP's
           default training takes: losses, time to predict; BayesianFRAP, the floor, beside them
bleachdt   BleachDt, a program for FRAP in droplets, on simulated droplets; it is run without its
           window by an interpreter of its own (see `_bleachdt.py`), or skipped if none is given

Curves are of Table 1's prior, the same ones for all methods; closed forms take the first of them.
What is measured goes to a folder: `peers.csv`, a number a row; `by_D.csv`, the data of a figure;
both in `peers.json`, with versions and settings; figures; and the page `peers.md`.

    python -m benchmarks.peers                          some 8 minutes on two cores
    python -m benchmarks.peers --quick                  fewer curves, less training; 2 minutes
    python -m benchmarks.peers --stages closed          some of it
    python -m benchmarks.peers --bleachdt PYTHON        with BleachDt, a minute more
    python -m benchmarks.peers --docs                   copy page and figures into docs/benchmarks
"""

import argparse
from pathlib import Path

from benchmarks._report import Report, environment
from benchmarks.peers import _page
from benchmarks.peers._bench import FULL, QUICK, Bench
from benchmarks.peers._bleachdt import measure_bleachdt
from benchmarks.peers._closed_forms import measure_closed_forms
from benchmarks.peers._model import measure_model
from benchmarks.peers._networks import measure_networks
from benchmarks.peers._records import Records

STAGES = {
    "model": ("the same model fitted by SciPy", measure_model),
    "closed": ("closed forms with curve_fit", measure_closed_forms),
    "networks": ("other networks, in the time of the default training", measure_networks),
    "bleachdt": ("BleachDt, on droplets", measure_bleachdt),
}
ROOT = Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stages", nargs="*", choices=[*STAGES], default=[*STAGES])
    parser.add_argument("--quick", action="store_true", help="fewer curves, less training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bleachdt", metavar="PYTHON", help="interpreter that has BleachDt")
    parser.add_argument("--out", type=Path, help="default: results/peers, or results/peers-quick")
    parser.add_argument("--docs", action="store_true", help="copy page and figures into docs")
    arguments = parser.parse_args()
    folder = arguments.out or ROOT / "results" / ("peers-quick" if arguments.quick else "peers")

    report = Report("other programs", arguments.seed)
    run = environment() | {"seed": arguments.seed, "command": command(arguments)}
    bench = Bench(Records(report), QUICK if arguments.quick else FULL, arguments.seed)
    for stage in arguments.stages:
        title, measure = STAGES[stage]
        report.section(f"{stage}: {title}")
        if stage == "bleachdt":
            measure(bench, arguments.bleachdt)
        else:
            measure(bench)
    print(f"\n{_page.write(bench, run, folder)}")
    if arguments.docs:
        print(_page.copy_to_docs(folder, ROOT / "docs" / "benchmarks"))
    report.exit()


def command(arguments):
    """Return the command to run this again; where a file lies on this machine does not matter."""
    parts = ["python -m benchmarks.peers"]
    if {*arguments.stages} != {*STAGES}:
        parts += ["--stages", *arguments.stages]
    parts += ["--quick"] if arguments.quick else []
    parts += [f"--seed {arguments.seed}"] if arguments.seed else []
    parts += ["--bleachdt PYTHON"] if arguments.bleachdt else []
    return " ".join(parts)


if __name__ == "__main__":
    main()
