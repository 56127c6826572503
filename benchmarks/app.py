"""Measure the page of `skfrap app`, in Chromium and by requests that are malformed.

How much work follows a region that was moved; how long it takes to show the page, from the demo's
file dropped to its D, and to D while a region is dragged; whether D is that of `skfrap estimate`;
how many clicks and typed values a new user needs from a file of a microscope to a D with a report;
what becomes of the server under malformed requests and uploads; how long its own script and style
are.

    python -m benchmarks.app [--quick] [--recording FILE]

A minute or two. Without Chromium what needs it is left out, and said. `--recording` is a file of a
microscope; without it a series in OME-TIFF takes its place, which knows all but the region.
"""

import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks._browser import CHROMIUM, browser, server
from benchmarks._moved import moved_regions
from benchmarks._report import Report, arguments_of
from skfrap.analysis._simulated import DEMO
from skfrap.app import make_app

STATIC = Path(sys.modules[make_app.__module__].__file__).parent / "static"
_LONGEST = 1500  # lines
_D = "document.getElementById('answer').textContent.startsWith('D = ')"
_DONE = "document.querySelectorAll('#alternatives tr').length > 2"
_PATHS = (
    "state", "fields", "frames", "group", "upload", "add", "demo", "open", "join", "remove",
    "settings", "settings-file", "settings.json", "follow", "spot", "compare", "residuals",
    "report", "report-all.html", "batch", "stop", "results.csv", "static/main.js", "static/../x",
)  # fmt: skip
_HARMLESS = {"demo", "batch", "residuals", "compare", "report"}  # which would take their time


def main():
    arguments = arguments_of(
        __doc__,
        quick="150 malformed requests instead of 1,000",
        recording={"type": Path, "help": "file of a microscope, instead of an OME-TIFF"},
    )
    report = Report("The page of skfrap app", arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "demo.tif"
        told = _demo(demo)
        for path in (demo, *([arguments.recording] if arguments.recording else [])):
            moved_regions(report, path)
        if CHROMIUM is None:
            report.line("in the browser", "no Chromium here")
        else:
            with browser() as open_at:
                _times(report, open_at, demo, told)
                _way(report, open_at, arguments.recording or _ome(Path(folder)))
    _abuse(report, random.Random(arguments.seed), 150 if arguments.quick else 1000)
    report.section("own script and style")
    lines = {
        path.name: len(path.read_text(encoding="utf-8").splitlines())
        for path in sorted(STATIC.iterdir())
        if path.suffix in (".js", ".css")
    }
    for name, n in lines.items():
        report.line(name, str(n))
    report.add("lines together", sum(lines.values()), "{:.0f}", at_most=_LONGEST)
    report.exit()


def _demo(path):
    """Write the demo, and return what `skfrap estimate` prints of it."""
    subprocess.run(
        [sys.executable, "-m", "skfrap", "demo", "--out", str(path.parent)],
        check=True,
        capture_output=True,
    )
    printed = subprocess.run(
        [sys.executable, "-m", "skfrap", "estimate", str(path)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return printed.splitlines()[1].strip()


def _ome(folder):
    """Write a series as OME-TIFF: pixels and clock are known, the bleach region is seen."""
    import numpy as np
    import tifffile

    frames = tifffile.imread(folder / "demo.tif")
    times = 0.265 * np.arange(len(frames))
    path = folder / "cell.ome.tif"
    metadata = {
        "axes": "TYX",
        "PhysicalSizeX": 0.7598,
        "PhysicalSizeY": 0.7598,
        "TimeIncrement": 0.265,
        "Plane": {"DeltaT": times.tolist()},
    }
    tifffile.imwrite(path, frames, metadata=metadata)
    return path


def _times(report, open_at, demo, told):
    """Time the page, and the demo on it."""
    report.section("times (s)")
    with server():
        pass  # files of the package are in memory from here on
    start = time.perf_counter()
    with server() as address:
        page = open_at(address)
        page.until("!document.getElementById('empty').hidden")
        shown = time.perf_counter() - start
        report.add("`skfrap app` to the page, warm", shown, "{:.2f}", at_most=3)
        _wait_for_processes(page)
        start = time.perf_counter()
        page.drop(demo)
        page.until(_D)
        first = time.perf_counter() - start
        words = f"{page.text('answer')} ({page.text('interval')})"
        page.until(_DONE)
        page.settle()
        last = time.perf_counter() - start
        report.add("demo dropped to D shown", first, "{:.2f}", at_most=3)
        report.add("  to its alternatives", last, "{:.2f}")
        same = told.startswith(f"{page.text('answer')} ({page.text('interval')})")
        report.line("  D as `skfrap estimate` prints it", page.text("answer"), "the same", same)
        report.line("  the first D shown", "the same" if told.startswith(words) else words)
        inside = "inside the interval" in page.text("truth")
        report.line(
            f"  truth, D = {DEMO['D']:g}", "inside" if inside else "outside", "inside", inside
        )
        curves, fits = _dragged(page)
        report.section("while a region of a 110 x 256 x 256 series is dragged (ms)")
        report.add("curve, median", 1e3 * statistics.median(curves), "{:.0f}", at_most=50)
        report.add("fit and interval, median", 1e3 * statistics.median(fits), "{:.0f}", at_most=300)
        start = time.perf_counter()
        page.page.focus("#stage")
        page.page.keyboard.press("ArrowRight")
        page.until("document.getElementById('set-bleach_region').value !== ''")
        page.settle()
        whole = 1e3 * (time.perf_counter() - start)
        report.add("all of it, with 150 ms of rest", whole, "{:.0f}")


def _wait_for_processes(page):
    """Wait until the page knows its settings, and what analyses need is imported."""
    page.until("document.getElementById('set-pixel_size') !== null")
    time.sleep(3)


def _dragged(page):
    """Return how long the page waits for curves, and for fits, of regions that move."""
    ask = """async (given) => {
        const start = performance.now();
        const sent = {method: "POST", body: JSON.stringify(given)};
        const answer = await fetch("follow", sent);
        await answer.json();
        return (performance.now() - start) / 1000;
    }"""
    regions = [f"circle:19.7px@{128 + 0.3 * k:.1f}px,{128 + 0.2 * k:.1f}px" for k in range(20)]
    curves = [page.page.evaluate(ask, {"region": region}) for region in regions]
    page.page.evaluate(ask, {"region": regions[0], "fit": True})
    fits = [page.page.evaluate(ask, {"region": region, "fit": True}) for region in regions[1:]]
    return curves, fits


def _way(report, open_at, recording):
    """Go the way of a new user, and count."""
    report.section(f"a new user's way: {recording.name}")
    with server() as address:
        page = open_at(address)
        _wait_for_processes(page)
        page.click("#pick-here")  # the dialog of the system: one more click for the file there
        page.drop(recording)
        page.clicks += 1
        page.until(_D)
        page.until(_DONE)
        page.settle()
        with page.page.context.expect_page() as opened:
            page.click("#report")
        opened.value.wait_for_load_state()
        text = opened.value.inner_text("body")
        D = page.text("answer").removeprefix("D = ")
        report.line("D", D)
        report.line("  which the report shows", "yes" if D in text else "no", "yes", D in text)
        report.add("clicks", page.clicks, "{:.0f}", at_most=6)
        report.add("typed values", page.typed, "{:.0f}", at_most=0)


def _abuse(report, rng, n):
    """Send malformed requests and uploads."""
    report.section(f"{n} malformed requests and uploads")
    status, traces = {}, 0
    with server("--max-upload", "0.05") as address:
        parts = urlsplit(address)
        _ask(parts, "GET", "fields")
        pid = _ask(parts, "GET", "state")[0] and _server_pid()
        before = _memory(pid)
        for _ in range(n):
            code, body = _malformed(parts, rng)
            status[code] = status.get(code, 0) + 1
            traces += b"Traceback" in body or b'File "' in body
        alive = _ask(parts, "GET", "state")[0] == 200
        grown = _memory(pid) - before
    report.line("answers", ", ".join(f"{k or 'closed'}: {v}" for k, v in sorted(status.items())))
    report.line("the page lives", "yes" if alive else "no", "yes", alive)
    report.add(
        "answers of 500 and more",
        sum(v for k, v in status.items() if k >= 500),
        "{:.0f}",
        at_most=0,
    )
    report.add("tracebacks shown", traces, "{:.0f}", at_most=0)
    report.add("memory grown by, of the server (MB)", grown / 1e6, "{:.0f}", at_most=100)


def _server_pid():
    """Return the process of the server: the youngest child of this one that runs skfrap app."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if not children.is_file():
        return None
    for child in reversed(children.read_text().split()):
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        if b"skfrap\0app" in command:
            return int(child)
    return None


def _memory(pid):
    """Return the memory of a process, bytes; 0 where that cannot be known."""
    if pid is None:
        return 0
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _ask(parts, method, path, body=None, headers=None, token=None):
    """Send one request, and return its status, 0 where the connection was closed, and body."""
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    given = {"Origin": f"http://{parts.netloc}"} | (headers or {})
    start = parts.path if token is None else f"/{token}/"
    try:
        connection.request(method, start + path, body, given)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException, ValueError):
        return 0, b""
    finally:
        connection.close()


def _malformed(parts, rng):
    """Send one request that is wrong in some way."""
    path = rng.choice(_PATHS)
    noise = rng.randbytes(rng.randrange(3000))
    kind = rng.randrange(8)
    if kind == 0:  # neither token nor host
        return _ask(parts, "GET", path, token=rng.choice(["x", "", "..", "%00" * 9]))
    if kind == 1:
        host = rng.choice(["evil.com", "127.0.0.1", "", "a" * 5000])
        return _ask(parts, "GET", path, headers={"Host": host})
    if kind == 2:
        return _ask(parts, "POST", path, b"{}", {"Origin": "http://evil.com"})
    if kind == 3:
        method = rng.choice(["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "X" * 50])
        return _ask(parts, method, path, noise)
    if kind == 4:  # JSON that means nothing
        values = ["[" * 5000, "null", '{"key": {}}', '{"region": "circle:1e999px@1px,1px"}']
        values += [
            '{"pixel_size": "x"}',
            '{"settings": [1]}',
            '{"models": [1, 2]}',
            '{"n_bleach": -1}',
        ]
        one = rng.choice([path for path in _PATHS if path not in _HARMLESS])
        return _ask(parts, "POST", one, rng.choice(values))
    if kind == 5:
        one = rng.choice([path for path in _PATHS if path not in _HARMLESS])
        return _ask(parts, "POST", one, noise, {"Content-Type": rng.choice(["text/x", "a/b;" * 9])})
    if kind == 6:  # queries
        query = rng.choice(
            ["first=-1", "first=9e9&count=x", "since=-5", "since=" + "9" * 400, "%ff=%00"]
        )
        return _ask(parts, "GET", f"{path}?{query}")
    return _broken_upload(parts, rng, noise)


def _broken_upload(parts, rng, noise):
    """Upload what is no series, or too much, and have it opened."""
    _, body = _ask(parts, "POST", "group")
    try:
        group = json.loads(body)["group"]
    except (ValueError, KeyError):
        return 400, body  # there are too many already, which was said
    heads = [b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"ZISRAWFILE", b"\x89HDF\r\n", b"PK\3\4"]
    name = rng.choice(
        ["a.tif", "a.czi", "a.lif", "a.nd2", "..%2f..%2fx.tif", "%00.oib", "x" * 3000]
    )
    content = rng.choice(heads) + noise
    if rng.randrange(10) == 0:
        content = bytes(60 * 2**20)  # more than is allowed
    code, body = _ask(parts, "POST", f"upload?group={group}&name={name}", content)
    if code != 200:
        return code, body
    asked = json.dumps({"group": group})
    code, body = _ask(parts, "POST", "add", asked)
    if code == 200:
        state = json.loads(body)
        if state["current"]:
            _ask(parts, "POST", "remove", json.dumps({"key": state["current"]}))
    return code, body


if __name__ == "__main__":
    main()
