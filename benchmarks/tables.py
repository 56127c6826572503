"""Measure what tables of intensities give: normalisations of simulated ones, and published ones.

normalisations   simulated nuclei with fading, four fifths free to move, by each normalisation
published        easyFRAP's 15 nuclei and PARP2's workbooks, one command each, with no option

    python -m benchmarks.tables --stages normalisations
    python -m benchmarks.tables --stages published --easyfrap FOLDER --parp2 FOLDER

Half a minute each. Published tables are not part of the repository: easyFRAP's are the testdata of
github.com/rapsoman/easyFRAP (GPL-3), PARP2's in that of github.com/mhendzel2/FRAP2025 (MIT).

Asked is what a double normalisation and one exponential are known to give for easyFRAP's nuclei: a
mobile fraction of 0.94 and a half-time of 0.98 s. The half-time is met in the median. The mobile
fraction is met by the mean over the nuclei, 0.942, and not by the median, 0.951: nuclei differ, and
so do mean and median. easyFRAP's own formulas, fitted by SciPy, give a median of 0.948.
"""

import json

import numpy as np
from click.testing import CliRunner

from benchmarks._normalisations import FADING, TRUTH, medians
from benchmarks._report import Report, arguments_of, choice_of
from skfrap.cli import cli

_HALF_TIME, _MOBILE = 0.98, 0.94  # s
_SOUGHT = {"nuclei": 15, "workbooks": 48}


def records_of(folder):
    """Analyse a folder by the command line, with no option."""
    result = CliRunner().invoke(cli, ["estimate", str(folder), "--json"])
    return json.loads(result.stdout)


def measure_normalisations(report, arguments):
    """Analyse tables of simulated nuclei by each normalisation."""
    n = 3 if arguments.quick else 20
    units = {"D_um2_s": "µm²/s", "half_time_s": "s"}
    for fading in (0.0, FADING):
        report.section(f"{n} simulated nuclei, fading by {100 * fading:g} % a frame")
        report.line("truth", ", ".join(f"{name} {value:g}" for name, value in TRUTH.items()))
        found = medians(n, fading, np.random.default_rng(arguments.seed))
        for name, values in found.items():
            codes = ", ".join(values.pop("codes")) or "none"
            words = [f"{key} {value:.3g} {units.get(key, '')}" for key, value in values.items()]
            report.line(name, ", ".join(one.strip() for one in words))
            report.line("  findings", codes)
        row = found["a row of the model, diffusion"]
        for name, most in (("D", 0.05), ("mobile_fraction", 0.02)):
            off = row["D_um2_s" if name == "D" else name] / TRUTH[name] - 1
            report.add(f"a row of the model: {name} off by, %", 100 * abs(off), at_most=100 * most)


def measure_published(report, arguments):
    """Analyse published tables, where folders of them are given."""
    if arguments.easyfrap:
        _measure_easyfrap(report, records_of(arguments.easyfrap))
    if arguments.parp2:
        _measure_parp2(report, records_of(arguments.parp2))


def _measure_easyfrap(report, records):
    read = [one for one in records if not one["error"]]
    report.section("easyFRAP's nuclei")
    report.add("tables", len(records), "{:d}")
    report.add("read", len(read), "{:d}", at_least=_SOUGHT["nuclei"])
    half = [one["half_time_s"] for one in read]
    mobile = [one["mobile_fraction"] for one in read]
    report.add("half-time, median, s", np.median(half))
    report.add("half-time, mean, s", np.mean(half))
    report.add("  median less what is asked, s", abs(np.median(half) - _HALF_TIME), at_most=0.01)
    report.add("mobile fraction, median", np.median(mobile))
    report.add("mobile fraction, mean", np.mean(mobile))
    report.add("  mean less what is asked", abs(np.mean(mobile) - _MOBILE), at_most=0.005)
    report.add("  median less what is asked", abs(np.median(mobile) - _MOBILE), at_most=0.015)


def _measure_parp2(report, records):
    failed = [one for one in records if one["error"]]
    words = [one for one in failed if "pip install xlrd" in one["error"]]
    report.section("PARP2's workbooks")
    report.add("tables", len(records), "{:d}", at_least=_SOUGHT["workbooks"])
    report.add("read", len(records) - len(failed), "{:d}", at_least=_SOUGHT["workbooks"] - 1)
    report.add("refused in words: an old workbook without xlrd", len(words), "{:d}")
    report.add("others", len(failed) - len(words), "{:d}", at_most=0)
    sources = [one["sources"] for one in records if not one["error"]]
    n_first = sum("column 'Intensity Region 1', the column that falls" in one for one in sources)
    report.add("bleached region found in the first column", n_first, "{:d}")
    report.add("5 frames before bleaching", sum("frames: 5," in one for one in sources), "{:d}")


STAGES = {"normalisations": measure_normalisations, "published": measure_published}


def main():
    """Print what tables give."""
    arguments = arguments_of(
        __doc__,
        stages=choice_of(STAGES),
        easyfrap={"help": "folder of easyFRAP's test data"},
        parp2={"help": "folder of PARP2's tables"},
        quick="3 simulated nuclei in place of 20",
    )
    report = Report("tables of intensities", arguments.seed)
    for name in arguments.stages:
        STAGES[name](report, arguments)
    report.exit()


if __name__ == "__main__":
    main()
