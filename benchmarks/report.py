"""Measure what a report costs: its size, its share of the time, and the memory it holds.

Some simulated series are analysed again and again, as files of their own, once without a report and
once with one; times are of the processor. A report of many holds smaller pictures: that of a quick
run is of fewer series, with pictures as in one of 200, and its size is that times as many.

    python -m benchmarks.report            200 series, some two minutes
    python -m benchmarks.report --quick    16 series
"""

import json
import tempfile
from pathlib import Path
from time import process_time

from benchmarks._report import Report as Figures
from benchmarks._report import arguments_of
from skfrap import Circle, FRAPProtocol, FRAPSimulator
from skfrap.analysis import ExperimentOptions, analyse_series
from skfrap.io import ImageSeries
from skfrap.report import Report, read_report
from skfrap.report._records import record_of

_N, _QUICK = 200, 16
_KINDS = 4  # series that differ
_DONE = FRAPProtocol(shape=(256, 256), bleach_region=Circle(15.0), n_bleach=4, n_postbleach=50)
_TRUTH = {"D": 30.0, "c0": 0.7, "alpha": 0.6, "a": 1e-3}


def main():
    given = arguments_of(__doc__, quick=f"{_QUICK} series instead of {_N}")
    figures = Figures("reports", given.seed)
    n = _QUICK if given.quick else _N
    simulator = FRAPSimulator(_DONE, _TRUTH, bit_depth=16, random_state=given.seed)
    stacks = simulator.sample_images(_KINDS).data
    times = _DONE.times - _DONE.times[0]
    told = ExperimentOptions(
        bleach_region=_DONE.bleach_region, n_prebleach=_DONE.n_prebleach, n_bleach=4, start="auto"
    )

    def analyse(k):
        series = ImageSeries(stacks[k % _KINDS], f"cell{k}", pixel_size_um=0.76, times_s=times)
        return analyse_series(series, told)

    analyse(0)  # what is prepared once for all
    report, alone, drawing, records, kept = Report(_N, options=told), 0.0, 0.0, [], 0
    for k in range(n):
        begun = process_time()
        analysis = analyse(k)
        alone += process_time() - begun
        records.append(record_of(analysis, f"{'ab'[k % 2]}/cell{k}.tif"))
        begun = process_time()
        part = report.add(analysis, records[-1])
        drawing += process_time() - begun
        kept += len(json.dumps(part))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        begun = process_time()
        report.write(path)
        writing = process_time() - begun
        size = path.stat().st_size * _N / n
        same = json.dumps(read_report(path)["records"]) == json.dumps(
            records, default=lambda one: one.to_dict()
        )
    figures.section(f"{n} series of {_DONE.n_frames} frames of 256 x 256 pixels")
    figures.line("analysis of a series", f"{1000 * alone / n:.0f} ms")
    figures.line("what is shown of it, rendered", f"{1000 * drawing / n:.1f} ms")
    figures.line("the page, put together", f"{1000 * writing:.0f} ms")
    whole = (alone + drawing + writing) / alone
    figures.add("time with a report over that without", whole, "{:.3f}", at_most=1.5)
    figures.add(f"size of a report of {_N} series, MB", size / 1e6, "{:.1f}", at_most=15.0)
    figures.add("memory held per series, kB", kept / n / 1e3, "{:.0f}", at_most=75.0)
    figures.add("records that are read back as they were", n * same, "{:d}", at_least=n)
    figures.exit()


if __name__ == "__main__":
    main()
