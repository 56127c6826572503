"""Recordings by others, and what other programs find in them: FRAP-Toolbox and easyFRAP.

Neither set of data is part of skfrap. ``--real FOLDER`` names a folder that holds them:

- ``frap_toolbox_venus``: the test data of FRAP-Toolbox (GPL-3): a protein in cells, with the
  authors' fits of curve and first profile;
- ``roi_tables_easyfrap/testdata``: the test data of easyFRAP (GPL-3): tables of ROIs of nuclei.
"""

import csv
import warnings
from pathlib import Path

import numpy as np
from scipy.optimize import curve_fit

from benchmarks._pages import markdown_table, paragraphs
from benchmarks.start._recorded import read_venus, venus_protocol
from skfrap import Circle, FRAPProtocol, LeastSquaresFRAP, MeasuredStartFRAP
from skfrap.experiment import MeasuredStart

TOOLBOX, EASYFRAP = "FRAP-Toolbox", "easyFRAP"
AS_SEEN, AS_TOLD = "skfrap, start as seen", "skfrap, region as told"
EXPONENTIAL = "skfrap, exponential"
_D, _LOWER, _UPPER = "D, µm²/s", "lower end, µm²/s", "upper end, µm²/s"
_MOBILE, _HALF = "mobile fraction, median", "half-time, s, median"
_EASYFRAP_PREBLEACH = 50


def measure_real(bench):
    """Analyse recordings by others with skfrap, beside what other programs find."""
    if bench.real is None:
        bench.records.report.line("recordings by others, as --real is not given", "skipped")
        return
    venus = Path(bench.real, "frap_toolbox_venus")
    if venus.is_dir():
        _measure_venus(bench.records, venus)
    tables = Path(bench.real, "roi_tables_easyfrap", "testdata")
    if tables.is_dir():
        _measure_nuclei(bench.records, tables)


def _measure_venus(records, folder):
    """Fit curves and first profiles of a protein in cells."""
    for series, (times, curve, radius, profile, D) in read_venus(folder).items():
        protocol = venus_protocol(times)
        X = curve[np.newaxis, : protocol.n_frames]
        records.add(TOOLBOX, _D, D, of=series)
        start = MeasuredStart.from_profile(radius, profile)
        seen = MeasuredStartFRAP(protocol, start=start).fit(X).estimate(X)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the findings say as well
            names = ("D", "c0", "alpha", "mobile_fraction")
            told = LeastSquaresFRAP(protocol, parameters=names).fit(X).estimate(X)
        for method, estimates in ((AS_SEEN, seen), (AS_TOLD, told)):
            records.add(method, _D, estimates.values["D"][0], of=series)
            records.add(method, _LOWER, estimates.lower["D"][0], of=series, shown=False)
            records.add(method, _UPPER, estimates.upper["D"][0], of=series, shown=False)


def _measure_nuclei(records, folder):
    """Normalise nuclei twice, as easyFRAP does, and fit one exponential with both programs."""
    both = {EASYFRAP: [], EXPONENTIAL: []}
    for path in sorted(folder.glob("*.csv"), key=lambda path: int(path.stem)):
        times, curve = _normalised(path)
        n = _EASYFRAP_PREBLEACH
        both[EASYFRAP].append(_fit_exponential(times[n:] - times[n], curve[n:]))
        interval = float(np.median(np.diff(times)))
        protocol = FRAPProtocol(
            shape=(64, 64),
            pixel_size=0.1,
            bleach_region=Circle(1.0),
            n_prebleach=n,
            n_bleach=1,
            frame_interval=interval,
            postbleach_times=tuple(times[n:] - times[n] + interval),
        )
        names = ("half_time", "c0", "alpha", "mobile_fraction")
        fit = LeastSquaresFRAP(protocol, model="exponential", parameters=names)
        values = fit.fit(curve[np.newaxis]).estimate(curve[np.newaxis]).values
        both[EXPONENTIAL].append((values["mobile_fraction"][0], values["half_time"][0]))
    for method, found in both.items():
        mobile, half = np.median(found, axis=0)
        records.add(method, _MOBILE, mobile)
        records.add(method, _HALF, half)
        records.add(method, "nuclei", len(found), shown=False)


def _normalised(path):
    """Read times and the doubly normalised curve of a nucleus: bleach, whole and background."""
    with open(path, encoding="utf-8") as file:
        rows = list(csv.reader(file))[2:]
    times, bleach, whole, dark = np.array(
        [row[:4] for row in rows if "" not in row[:4]], dtype=float
    ).T
    bleach, whole, n = bleach - dark, whole - dark, _EASYFRAP_PREBLEACH
    return times, bleach / bleach[:n].mean() * whole[:n].mean() / whole


def _fit_exponential(times, curve):
    """Fit ``y0 + A (1 - exp(-t / tau))``: mobile fraction and half-time, as easyFRAP has them."""

    def model(t, y0, amplitude, tau):
        return y0 + amplitude * (1 - np.exp(-t / tau))

    start = (curve[0], curve[-20:].mean() - curve[0], times[-1] / 8)
    (y0, amplitude, tau), _ = curve_fit(model, times, curve, start, maxfev=20_000)
    return amplitude / (1 - y0), np.log(2) * tau


def tell_real(records):
    """Write the section of recordings by others, which tells as well if there were none."""
    if not records.has(TOOLBOX) and not records.has(EASYFRAP):
        return (
            "Recordings by others, with what "
            "[FRAP-Toolbox](https://github.com/kraftlj/FRAP-Toolbox) and "
            "[easyFRAP](https://doi.org/10.1093/bioinformatics/bts241) find in them, were not "
            "analysed here: that takes the option `--real`."
        )
    parts = []
    if records.has(TOOLBOX):
        parts += _tell_venus(records)
    if records.has(EASYFRAP):
        parts += _tell_nuclei(records)
    return paragraphs(*parts)


def _tell_venus(records):
    get = records.get
    series = [row.of for row in records.rows if row.method == TOOLBOX]
    rows, inside = [], 0
    for one in series:
        theirs = get(TOOLBOX, _D, one)
        cells = [one, f"{theirs:.1f}"]
        for method in (AS_SEEN, AS_TOLD):
            value, lower, upper = (get(method, what, one) for what in (_D, _LOWER, _UPPER))
            cells.append(f"{value:.1f} ({lower:.1f} to {upper:.1f})")
        inside += get(AS_SEEN, _LOWER, one) <= theirs <= get(AS_SEEN, _UPPER, one)
        rows.append(cells)
    means = {
        method: np.mean([get(method, _D, one) for one in series])
        for method in (TOOLBOX, AS_SEEN, AS_TOLD)
    }
    what = (
        "[FRAP-Toolbox](https://github.com/kraftlj/FRAP-Toolbox) comes with recordings of a "
        "protein (Venus) in cells, and with its authors' fits, which begin with the profile of "
        "the first image after bleaching. The dark patch is five times as wide as the region that "
        "was told, as particles moved while they were bleached. D in µm²/s, with 95 % intervals:"
    )
    found = (
        f"Beginning with the same profile, skfrap finds {means[AS_SEEN] / means[TOOLBOX]:.2f} of "
        f"the authors' D on average; {inside} of {len(series)} intervals hold theirs. From the "
        f"region alone it is {means[AS_TOLD] / means[TOOLBOX]:.2f} of theirs: `skfrap estimate` "
        "sets that aside where images or profiles contradict it. FRAP-Toolbox also fits binding, "
        "and has a window to click in; it gives no interval of D for one series."
    )
    header = f"series | {TOOLBOX}, its authors' fit | {AS_SEEN} | {AS_TOLD}"
    return what, markdown_table(header, rows), found


def _tell_nuclei(records):
    get = records.get
    rows = [
        [method, f"{get(method, _MOBILE):.3f}", f"{get(method, _HALF):.3f} s"]
        for method in (EASYFRAP, EXPONENTIAL)
    ]
    n = int(get(EASYFRAP, "nuclei"))
    what = (
        "[easyFRAP](https://doi.org/10.1093/bioinformatics/bts241) comes with tables of ROIs of "
        f"{n} nuclei. Normalised twice, by the whole nucleus and by what was before bleaching, "
        "with one exponential fitted to the curve, as easyFRAP does (its formulas, fitted with "
        "SciPy):"
    )
    found = (
        "Both are the same fit, so they must agree. easyFRAP has a window in which curves are "
        "looked at and left out by hand, runs in a browser as well, and needs no geometry; it "
        "gives no D, and no intervals."
    )
    header = "method | mobile fraction, median | half-time, median"
    return what, markdown_table(header, rows), found


FEATURES = (
    ("what", "skfrap", TOOLBOX, EASYFRAP, "BleachDt"),
    ("D in µm²/s", "yes", "yes", "no", "yes"),
    ("interval for one series", "yes", "no", "no", "no"),
    ("start from what the first image shows", "yes", "its profile", "no", "yes"),
    ("cells and droplets with an edge", "any outline", "no", "no", "droplets"),
    ("binding, reaction", "yes", "yes", "no", "no"),
    ("a window to click in", "in the browser", "MATLAB", "yes, and in the browser", "yes"),
    ("from a program", "Python, command line", "MATLAB", "no", "Python"),
    ("licence", "BSD-3-Clause", "GPL-3", "GPL-3", "MIT"),
)
"""What programs do, as their papers and pages say; rows of a table."""


def tell_features():
    """Write what the programs do, side by side."""
    header, *rows = FEATURES
    return markdown_table([*header], rows)
