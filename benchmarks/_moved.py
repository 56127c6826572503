"""How much work the page does after a region was moved: processor time of both its processes."""

import multiprocessing
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from skfrap.app import _work

_RING = ((1, 0), (1, 1), (-1, 1), (-1, 0), (0, -1))  # pixels
_TURNED = ((0.25, 0.5), (-0.5, 0.75), (-0.25, -0.75))
_SOON, _WHOLE = 300, 1500  # ms


def moved_regions(report, path):
    """Measure what follows a region that is moved, by whole pixels and by parts of them.

    Parameters
    ----------
    report : Report
    path : Path
        Of a series whose bleach region is a circle, told or seen.
    """
    report.section(f"a region that was moved: {path.name} (ms of processor time, median)")
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, context) as live,
        ProcessPoolExecutor(1, context) as full,
    ):
        keep = str(Path(folder) / "series")
        opened = {"source": str(path), "series": None, "join": False, "channel": None}
        _timed(full, "open_series", **opened, keep=keep)
        _, found = _timed(live, "follow", keep=keep, given={}, region=None, fit=True)
        _timed(full, "analyse", keep=keep, given={})
        circle = found["seen"]["region"]
        _after(live, full, keep, _moved(circle, 0, 0))  # the first one has to be prepared for
        whole = [_after(live, full, keep, _moved(circle, *by)) for by in _RING]
        parts = [_soon_after(live, full, keep, _moved(circle, *by)) for by in _TURNED]
        curves = [
            _timed(live, "follow", keep=keep, given={}, region=_moved(circle, *by), fit=False)[0]
            for by in _TURNED
        ]
    report.add("curve, by parts of pixels", 1e3 * statistics.median(curves), "{:.0f}", at_most=50)
    D, soon, rest = (1e3 * statistics.median(one) for one in zip(*whole, strict=True))
    report.add("moved by whole pixels: D", D, "{:.0f}", at_most=_SOON)
    report.add("  D, alternatives and findings", D + soon, "{:.0f}", at_most=_SOON)
    report.add("  all pixels, besides", rest, "{:.0f}", at_most=_WHOLE)
    D, soon = (1e3 * statistics.median(one) for one in zip(*parts, strict=True))
    report.add("moved by parts of pixels, as by handles: D", D, "{:.0f}")
    report.add("  D, alternatives and findings", D + soon, "{:.0f}")


def _after(live, full, keep, region):
    """Return the time that each of what is told of a region takes, s."""
    soon = _soon_after(live, full, keep, region)
    rest, _ = _timed(full, "analyse", keep=keep, given={"bleach_region": region})
    return *soon, rest


def _soon_after(live, full, keep, region):
    """Return the time to D, and then to alternatives and findings, s."""
    asked = {"keep": keep, "given": {"bleach_region": region}}
    D, _ = _timed(live, "follow", **asked, region=None, fit=True)
    soon, _ = _timed(full, "analyse_soon", **asked)
    return D, soon


def _moved(circle, columns, rows):
    radius, _, place = circle.partition("@")
    x, y = (float(one.removesuffix("px")) for one in place.split(","))
    return f"{radius}@{x + columns:.2f}px,{y + rows:.2f}px"


def _timed(pool, task, **arguments):
    return pool.submit(_do, task, arguments).result()


def _do(task, arguments):
    """Do a task of the page, and tell the processor time that it took, s."""
    start = time.process_time()
    found = _work.TASKS[task](**arguments)
    return time.process_time() - start, found
