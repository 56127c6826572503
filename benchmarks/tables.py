"""Read real tables of intensities by one command each: easyFRAP's 15 nuclei, and PARP2's workbooks.

Neither is part of the repository. easyFRAP's are the testdata of github.com/rapsoman/easyFRAP
(GPL-3), PARP2's in that of github.com/mhendzel2/FRAP2025 (MIT). Each folder is analysed by
`skfrap estimate FOLDER`, with no option. Half a minute.

    python -m benchmarks.tables --easyfrap FOLDER --parp2 FOLDER

Asked is what a double normalisation and one exponential are known to give for easyFRAP's nuclei: a
mobile fraction of 0.94 and a half-time of 0.98 s, in the median. A mobile fraction depends by 0.01
on whether it refers to the end of bleaching, as here, or to the first frame after it.
"""

import json

import numpy as np
from click.testing import CliRunner

from benchmarks._report import Report, arguments_of
from skfrap.cli import cli

_HALF_TIME, _MOBILE = 0.98, 0.94  # s
_SOUGHT = {"nuclei": 15, "workbooks": 48}


def records_of(folder):
    """Analyse a folder by the command line, with no option."""
    result = CliRunner().invoke(cli, ["estimate", str(folder), "--json"])
    return json.loads(result.stdout)


def main():
    """Print what the tables of both folders give."""
    arguments = arguments_of(
        __doc__,
        seed=None,
        easyfrap={"help": "folder of easyFRAP's test data"},
        parp2={"help": "folder of PARP2's tables"},
        quick="as otherwise: it does not take long",
    )
    report = Report("tables of intensities")
    if arguments.easyfrap:
        records = records_of(arguments.easyfrap)
        read = [one for one in records if not one["error"]]
        report.section("easyFRAP's nuclei")
        report.add("tables", len(records), "{:d}")
        report.add("read", len(read), "{:d}", at_least=_SOUGHT["nuclei"])
        half = np.median([one["half_time_s"] for one in read])
        mobile = [one["mobile_fraction"] for one in read]
        report.add("half-time, median, s", half)
        report.add("  less what is asked, s", abs(half - _HALF_TIME), at_most=0.01)
        report.add("mobile fraction, median", np.median(mobile))
        report.add("  less what is asked", abs(np.median(mobile) - _MOBILE), at_most=0.015)
        report.add("mobile fraction, mean", np.mean(mobile))
    if arguments.parp2:
        records = records_of(arguments.parp2)
        failed = [one for one in records if one["error"]]
        words = [one for one in failed if "pip install xlrd" in one["error"]]
        report.section("PARP2's workbooks")
        report.add("tables", len(records), "{:d}", at_least=_SOUGHT["workbooks"])
        report.add("read", len(records) - len(failed), "{:d}", at_least=_SOUGHT["workbooks"] - 1)
        report.add("refused in words: an old workbook without xlrd", len(words), "{:d}")
        report.add("others", len(failed) - len(words), "{:d}", at_most=0)
        sources = [one["sources"] for one in records if not one["error"]]
        n_first = sum(
            "column 'Intensity Region 1', the column that falls" in one for one in sources
        )
        report.add("bleached region found in the first column", n_first, "{:d}")
        report.add("5 frames before bleaching", sum("frames: 5," in one for one in sources), "{:d}")
    report.exit()


if __name__ == "__main__":
    main()
