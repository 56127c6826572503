"""Measure what reading files of microscopes takes: all that they say, and a curve of one region.

Files of half a gigabyte are written as microscopes do, in each format that keeps frames as they
are. What a file says is read as by `skfrap.io.readers`; bytes are those that the process asks the
system for (Linux). A curve needs the rows of its bleach region; what is read beyond that is told.

    python -m benchmarks.files            files of 500 MB, a minute
    python -m benchmarks.files --quick    files of 50 MB
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import microscopes
from benchmarks._report import Report, arguments_of, median_time, timed
from skfrap import Circle, FRAPProtocol
from skfrap.io import read_series
from skfrap.io.readers._registry import read_file
from skfrap.preprocessing import RecoveryCurveExtractor

SHAPE = (512, 512)
N_FRAMES = 1000
RADIUS = 30  # pixels
_REPEATS = 5
_WRITERS = {
    "czi": microscopes.write_czi,
    "lsm": microscopes.write_lsm,
    "stk": microscopes.write_stk,
    "nd2": microscopes.write_nd2,
    "lif": lambda path, frames, times: microscopes.write_lif(path, [("one", frames, times, "")]),
}


def bytes_read():
    """Return how many bytes this process has asked the system for so far."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))


def measured(function):
    """Call a function; return what it returns, and the bytes that it read."""
    before = bytes_read()
    found = function()
    return found, bytes_read() - before


def main():
    given = arguments_of(__doc__, quick="files of a tenth of the size")
    report = Report("Reading files of microscopes", given.seed)
    n_frames = N_FRAMES // (10 if given.quick else 1)
    frames = np.random.default_rng(given.seed).integers(100, 4000, (n_frames, *SHAPE), np.uint16)
    times = np.arange(n_frames) * 0.1
    region = Circle(0.25 * RADIUS, (0.25 * 200, 0.25 * 300))
    protocol = FRAPProtocol(
        shape=SHAPE, pixel_size=0.25, bleach_region=region, n_prebleach=10, n_bleach=1,
        n_postbleach=n_frames - 10, frame_interval=0.1,
    )  # fmt: skip
    rows = np.flatnonzero(protocol.bleach_mask.any(axis=1))
    needed = n_frames * (rows[-1] - rows[0] + 1) * SHAPE[1] * frames.itemsize
    expected = RecoveryCurveExtractor(protocol).fit_transform([frames])
    for kind, write in _WRITERS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"a.{kind}")
            write(path, frames, times)
            report.section(f"{kind}, {path.stat().st_size / 1e6:.0f} MB")
            read_file(path)  # which imports what it needs
            recording, n_bytes = measured(lambda path=path: read_file(path))
            seconds = median_time(lambda path=path: read_file(path), _REPEATS)
            report.add("all that the file says, s", seconds, "{:.3f}", at_most=1.0)
            report.add("bytes read for that, MB", n_bytes / 1e6, "{:.3f}", at_most=5.0)
            taken, n_bytes = measured(
                lambda frames=recording.frames: frames[:, rows[0] : rows[-1] + 1]
            )
            np.testing.assert_array_equal(taken, frames[:, rows[0] : rows[-1] + 1])
            report.add("bytes for a region's rows, of those needed", n_bytes / needed, "{:.3f}",
                       at_most=1.01)  # fmt: skip
            series, n_bytes = measured(lambda path=path: read_series(path))
            report.add("read_series, which looks for blank frames, MB", n_bytes / 1e6, "{:.1f}")
            extractor = RecoveryCurveExtractor(protocol)
            (curve, n_bytes), seconds = timed(
                lambda series=series, extractor=extractor: measured(
                    lambda: extractor.fit_transform([series])
                )
            )
            np.testing.assert_allclose(curve, expected)
            report.add("a curve of one region, s", seconds, "{:.2f}")
            whole = series.frames.nbytes
            report.add("bytes for the curve, of the file's", n_bytes / whole, "{:.3f}",
                       at_most=None if given.quick else 1.05 * needed / whole)  # fmt: skip
    report.exit()


if __name__ == "__main__":
    main()
