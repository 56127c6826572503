"""Measure what series of many pixels and frames take on the command line, one core each.

1. ``compare-models`` on 277 frames of 512 x 300 pixels that imaging bleaches, and what of it is
   kept where the run is broken off after 0.7 of that time.
2. ``estimate --free bleach_blur`` on 7 frames of 1388 x 1040 pixels.

Series are simulated into files first. Times are of the processor, of a process of its own with all
its imports, so that other programs on the machine matter little.

    python -m benchmarks.large            a minute
    python -m benchmarks.large --quick    the same of a quarter of the pixels and of the frames
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks._report import Report, arguments_of, timed
from skfrap import Circle, FRAPProtocol, FRAPSimulator
from skfrap.io import write_series

_SHARE = 0.7
_ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_TRUTH = {"c0": 0.8, "alpha": 0.5, "a": 1e-3}
_LONG = FRAPProtocol(
    shape=(512, 300), pixel_size=0.2, bleach_region=Circle(4.0), n_prebleach=7, n_bleach=4,
    n_postbleach=270, frame_interval=0.5,
)  # fmt: skip
_WIDE = FRAPProtocol(
    shape=(1040, 1388), pixel_size=0.1, bleach_region=Circle(6.0), n_prebleach=2, n_bleach=1,
    n_postbleach=5, frame_interval=2.0, padding=64,
)  # fmt: skip


def simulated(path, protocol, seed, **truth):
    """Write a series, and return the options that say what a TIFF does not."""
    simulator = FRAPSimulator(protocol, _TRUTH | truth, bit_depth=16, random_state=seed)
    frames = simulator.sample_images(1).data[0]
    interval = protocol.frame_interval
    write_series(path, frames, pixel_size_um=protocol.pixel_size, frame_interval_s=interval)
    given = [("--bleach-region", f"circle:{protocol.bleach_region.radius:g}")]
    given += [("--n-prebleach", protocol.n_prebleach), ("--n-bleach", protocol.n_bleach)]
    return [str(path), *(str(part) for pair in given for part in pair)]


def begun(*arguments):
    """Begin a run of skfrap on one core."""
    return subprocess.Popen(
        [sys.executable, "-m", "skfrap", *arguments],
        stdout=subprocess.PIPE,
        env=os.environ | _ONE_CORE,
        encoding="utf-8",
    )


def cpu_seconds():
    """Return the processor time of all processes that were begun here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ran(*arguments):
    """Run skfrap; return the one record that it tells, and seconds: of the processor and in all."""
    before, process = cpu_seconds(), begun(*arguments, "--json")
    (printed, _), in_all = timed(process.communicate)
    if process.returncode != 0:
        raise RuntimeError(f"skfrap {' '.join(arguments)} ended with {process.returncode}")
    (record,) = json.loads(printed)
    return record, cpu_seconds() - before, in_all


def broken_off(seconds, *arguments):
    """Run skfrap and have it end by SIGTERM after a time; return what it tells."""
    process = begun(*arguments, "--json")
    try:
        printed, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate()
    return json.loads(printed)


def quartered(protocol):
    """Leave out half of the rows and columns, and most frames."""
    shape = tuple(n // 2 for n in protocol.shape)
    n_postbleach = max(5, protocol.n_postbleach // 4)
    return protocol.replace(shape=shape, n_postbleach=n_postbleach)


def main():
    given = arguments_of(__doc__, quick="a quarter of the pixels and of the frames")
    report = Report("Large series on the command line", given.seed)
    long, wide = (quartered(one) if given.quick else one for one in (_LONG, _WIDE))
    with tempfile.TemporaryDirectory() as folder:
        report.section("{} frames of {} x {} pixels".format(long.n_frames, *long.shape))
        series = simulated(Path(folder, "long.tif"), long, given.seed, D=2.0, imaging_bleach=0.9995)
        record, seconds, in_all = ran("compare-models", *series)
        report.add("compare-models, s of the processor", seconds, "{:.1f}", at_most=20.0)
        (best,) = (one for one in record["models"] if one["model"] == record["best"])
        report.line("what it prefers", record["best"])
        error = abs(best["D_um2_s"] / 2.0 - 1)
        report.add("error of its D, relative", error, "{:.3f}", at_most=0.03)
        kept = broken_off(_SHARE * in_all, "compare-models", *series)
        models = [model["model"] for one in kept for model in one.get("models", ())]
        report.line(
            f"kept when broken off after {_SHARE:g} of that", ", ".join(models) or "nothing"
        )
        report.section("{} frames of {} x {} pixels".format(wide.n_frames, *wide.shape))
        series = simulated(Path(folder, "wide.tif"), wide, given.seed, D=0.1, bleach_blur=0.5)
        record, seconds, _ = ran("estimate", *series, "--free", "bleach_blur", "--data", "curve")
        blur, lower, upper = (record[f"bleach_blur_um{end}"] for end in ("", "_lower", "_upper"))
        report.add("estimate --free bleach_blur, s of the processor", seconds, "{:.1f}",
                   at_most=10.0)  # fmt: skip
        found = f"{blur:.3g}, {lower:.3g} to {upper:.3g}"
        report.line("its bleach_blur, µm (0.5 in truth)", found)
    report.exit()


if __name__ == "__main__":
    main()
