"""Measure what ordinary and hostile input does: nothing wrong without a word, nothing lost.

files      files of every kind that skfrap reads, mutated: bytes, tags, links, text, truncation
microscopes   the same of files that microscopes write: CZI, LIF, LSM, STK, ND2, OIB, OIR, pictures
tables     the same of tables of intensities, CSV and workbooks, and of ImageJ's regions
api        random calls of all that is public, with hostile arguments
alarms     right curves and image series: how often a finding contradicts the model
wrong      wrong experiments: how often they are flagged, or right all the same
kill       runs over 40 files, killed at random moments: what is lost
save       two programs save to one file while a third loads it

    python -m benchmarks.robustness                      all of it
    python -m benchmarks.robustness --quick              less of everything
    python -m benchmarks.robustness --stage kill save    some of it
    python -m benchmarks.robustness --seconds 600        files, ..., tables, api, kill: so long each
    python -m benchmarks.robustness --ci                 files, microscopes, tables, api: 30 s each
"""

from dataclasses import dataclass, replace
from importlib import import_module

import numpy as np

from benchmarks._report import Report, arguments_of, choice_of, timed

_CI_SECONDS = 30.0
_AT_ONCE = 25  # random calls between looks at the clock
_SHOWN = 10  # faults of a kind


@dataclass(frozen=True)
class Amounts:
    """How much is measured."""

    n_files: int = 10_000
    n_of_microscope: int = 1000  # of each kind
    n_calls: int = 3000
    n_curves: int = 65_536
    n_others: int = 4096
    n_series: int = 20
    n_wrong: int = 200
    n_wrong_series: int = 8
    n_kills: int = 50
    save_seconds: float = 8.0
    seconds: float = np.inf


QUICK = Amounts(
    n_files=500,
    n_of_microscope=50,
    n_calls=200,
    n_curves=4096,
    n_others=256,
    n_series=2,
    n_wrong=20,
    n_wrong_series=1,
    n_kills=8,
    save_seconds=3.0,
)


def _module(name):
    return import_module(f"benchmarks.robustness._{name}")


def measure_files(report, amounts, seed):
    """Read mutated files."""
    _enter_files(report, _module("files").run(amounts.n_files, seed, amounts.seconds))


def measure_microscopes(report, amounts, seed):
    """Read mutated files of microscopes."""
    n = amounts.n_of_microscope
    _enter_files(report, _module("files").run(n, seed, amounts.seconds, "microscopes"))


def measure_tables(report, amounts, seed):
    """Read mutated tables of intensities, and regions."""
    n = amounts.n_of_microscope
    _enter_files(report, _module("files").run(n, seed, amounts.seconds, "tables"))


def _enter_files(report, found):
    read = f"{found['read']} read, {found['refused']} refused"
    report.line("mutated files were", "", read)
    report.add("mutated files", found["n"], "{:d}", at_least=1)
    report.add("mutated files that are read all the same", found["read"], "{:d}", at_least=1)
    for name, what in (
        ("lost", "results with frames lost and no finding"),
        ("raised", "other exceptions than the promised ones"),
        ("slow", "over 15 s"),
        ("large", "over 2 GB"),
    ):
        report.add(what, len(found[name]), "{:d}", at_most=0)
        _show(found[name])


def measure_api(report, amounts, seed):
    """Make random calls."""
    run = _module("api").run
    n, faults, begun = 0, {}, 0.0
    while n < amounts.n_calls and begun < amounts.seconds:
        numbers = range(n, min(n + _AT_ONCE, amounts.n_calls))
        found, seconds = timed(lambda numbers=numbers: run(seed=seed, numbers=numbers))
        n, begun, faults = n + found["n"], begun + seconds, faults | found["faults"]
    report.add("random calls", n, "{:d}", at_least=1)
    report.add("calls that ended otherwise than they may", len(faults), "{:d}", at_most=0)
    _show([f"case {number}: {fault}" for number, fault in faults.items()])


def measure_alarms(report, amounts, seed):
    """Count findings that contradict right data."""
    shares = _module("alarms").run(amounts.n_curves, seed, amounts.n_others, amounts.n_series)
    report.add("kinds of right data", len(shares), "{:d}", at_least=1)
    for name, share in shares.items():
        report.add(f"right data contradicted: {name}", 100 * share, "{:.3f} %", at_most=0.5)


def measure_wrong(report, amounts, seed):
    """Count wrong experiments that are flagged or right."""
    shares = _module("wrong").run(amounts.n_wrong, seed, amounts.n_wrong_series)
    report.add("kinds of wrong experiments", len(shares), "{:d}", at_least=1)
    for name, share in shares.items():
        report.add(name, 100 * share, "{:.1f} %")
    total = 100 * float(np.mean([*shares.values()]))
    report.add("flagged or right, of all kinds", total, "{:.1f} %", at_least=95)


def measure_kill(report, amounts, seed):
    """Kill runs."""
    found = _module("kill").run(amounts.n_kills, seed, amounts.seconds)
    report.add("runs killed", found["n"], "{:d}", at_least=1)
    report.add("runs killed with part done", found["during"], "{:d}", at_least=1)
    report.add("most series lost, besides the one in hand", found["lost"], "{:d}", at_most=0)
    report.add("tables that cannot be read", found["broken"], "{:d}", at_most=0)
    report.add("resumed runs that end otherwise", found["unlike"], "{:d}", at_most=0)


def measure_save(report, amounts, seed):
    """Save and load at once."""
    found = _module("save").run(amounts.save_seconds)
    report.add("files written", found["written"], "{:d}", at_least=1)
    report.add("files read", found["read"], "{:d}", at_least=1)
    report.add("reads that failed", found["failed"], "{:d}", at_most=0)
    report.add("writers whose files were read", found["seen"], "{:d}", at_least=2)
    report.add("files left beside", found["left"], "{:d}", at_most=0)


def _show(faults):
    for fault in faults[:_SHOWN]:
        print(f"    {fault}")


STAGES = {
    "files": measure_files,
    "microscopes": measure_microscopes,
    "tables": measure_tables,
    "api": measure_api,
    "alarms": measure_alarms,
    "wrong": measure_wrong,
    "kill": measure_kill,
    "save": measure_save,
}


def main():
    given = arguments_of(
        __doc__,
        stage=choice_of(STAGES),
        quick="less of everything",
        seconds={
            "type": float,
            "default": np.inf,
            "help": "for each of files, microscopes, tables, api and kill",
        },
        ci="files, microscopes, tables and api only, for 30 s each unless --seconds says otherwise",
    )
    amounts = QUICK if given.quick else Amounts()
    names, seconds = given.stage, given.seconds
    if given.ci:
        names = ["files", "microscopes", "tables", "api"]
        seconds = min(seconds, _CI_SECONDS) if np.isinf(seconds) else seconds
    if np.isfinite(seconds):
        # As many as there is time for.
        amounts = replace(
            amounts,
            seconds=seconds,
            n_files=10**9,
            n_of_microscope=10**8,
            n_calls=10**9,
            n_kills=10**9,
        )
    report = Report("Robustness of skfrap", given.seed)
    for name in names:
        report.section(name)
        STAGES[name](report, amounts, given.seed)
    report.exit()


if __name__ == "__main__":
    main()
