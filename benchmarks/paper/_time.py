"""Figure 10: where the time goes, from an image series to an estimate."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks._pages import add_row, markdown_table, paragraphs, picture
from benchmarks._published import REFERENCE
from benchmarks._report import median_time
from benchmarks._series import PREPARATION, TOGETHER, time_series
from benchmarks._stage import Outcome, Row, Stage
from skfrap import FRAPSimulator
from skfrap.io import read_series, write_series
from skfrap.plotting._style import CATEGORIES, new_axes, tidy

_METHODS = {
    "least squares": "least squares",
    "network": "skfrap, joint",
    "BayesianFRAP": "BayesianFRAP",
}
_PARTS = "preprocessing", "extraction", "estimation"


def measure(bench):
    """Time preprocessing, extraction and estimation for one series, and for many curves."""
    estimators = {name: bench.estimator(method) for name, method in _METHODS.items()}
    simulator = FRAPSimulator(bench.protocol, bit_depth=16, random_state=bench.seed)
    stacks = simulator.sample_images(1).data
    seconds = time_series(stacks, bench.protocol, estimators)
    reading = _time_reading(stacks[0], bench.protocol)
    rescale, background, curve = (seconds[step] for step in PREPARATION)
    many = bench.sets["test"].data
    per_curve = {
        name: median_time(lambda one=estimator: one.predict(many), 3) / len(many)
        for name, estimator in estimators.items()
    }
    rows, table = [], {}
    for name in estimators:
        parts = rescale + background, curve, seconds[name]
        for part, value in zip(_PARTS, parts, strict=True):
            rows.append(Row("Figure 10", name, "one series", part, "seconds", value))
            add_row(table, method=name, part=part, seconds=value)
        where = "Figure 10", name, f"{len(many)} curves"
        rows.append(Row(*where, "estimation", "seconds", per_curve[name]))
    facts = {
        "reading": reading,
        "together": seconds[TOGETHER],
        "parts": dict(zip(_PARTS[:2], (rescale + background, curve), strict=True)),
        "one": {name: seconds[name] for name in estimators},
        "many": per_curve,
        "n": len(many),
    }
    return Outcome(rows, facts, {"figure10": table}, {"figure10": _draw(facts)})


def _time_reading(stack, protocol):
    """Time reading a series from a file that the system has in its memory, s."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "series.tif"
        known = {"pixel_size_um": protocol.pixel_size, "frame_interval_s": protocol.frame_interval}
        write_series(path, stack, **known)
        return median_time(lambda: read_series(path), 7)


def _draw(facts):
    ax = new_axes(figsize=(7.5, 3.8))
    parts = {"reading the file": facts["reading"], **facts["parts"]}
    parts = {**parts, **{f"estimation: {name}": s for name, s in facts["one"].items()}}
    parts |= {f"per curve of {facts['n']:,}: {name}": s for name, s in facts["many"].items()}
    colours = ["0.6", *[CATEGORIES[0]] * 2, *[CATEGORIES[1]] * 3, *[CATEGORIES[2]] * 3]
    y = np.arange(len(parts))[::-1]
    milliseconds = 1e3 * np.array([*parts.values()])
    ax.barh(y, milliseconds, color=colours, height=0.7)
    for height, value in zip(y, milliseconds, strict=True):
        ax.text(value * 1.1, height, f"{value:.2g} ms", va="center", fontsize=9)
    ax.set_yticks(y, [*parts])
    ax.set_xscale("log")
    ax.set_xlim(milliseconds.min() / 2, milliseconds.max() * 5)
    ax.set_xlabel("time for one image series or curve (ms)")
    tidy(ax, axis="x")
    return ax.figure


def tell(outcome):
    """Write the section of Figure 10."""
    facts = outcome.facts
    base, many = facts["one"]["least squares"], facts["many"]["least squares"]
    table = []
    for name, seconds in facts["one"].items():
        parts = [f"{1e3 * one:.2f} ms" for one in (*facts["parts"].values(), seconds)]
        in_batch = facts["many"][name]
        ratios = f"{base / seconds:.1f}", f"{many / in_batch:.1f}"
        table.append([name, *parts, ratios[0], f"{1e6 * in_batch:.1f} µs", ratios[1]])
    ratio, in_batch = "least squares / this", f"per curve of {facts['n']:,}"
    header = ["", *_PARTS, ratio, in_batch, ratio]
    network = facts["one"]["network"]
    return paragraphs(
        "Median wall times for one 16-bit series of 110 × 256 × 256 pixels. Preprocessing is "
        "rescaling and background subtraction of the whole series. A pipeline computes only what "
        f"the curve needs, and takes {1e3 * facts['together']:.1f} ms for all up to the curve. "
        f"Reading the file takes {1e3 * facts['reading']:.1f} ms, where the system has it in its "
        "memory. In the columns of many curves estimators use as many cores as they do by default.",
        picture("figure10", "Times of preprocessing, extraction and estimation, on a log scale"),
        markdown_table(header, table),
        "In the paper the network is orders of magnitude faster than least squares, every step of "
        "which solves the diffusion equation. The reference program of that model takes "
        f"{REFERENCE.seconds_per_curve:g} s for a curve and some {REFERENCE.seconds_per_fit:.0f} s "
        f"for a fit of {REFERENCE.curves_per_fit} evaluations (figures from outside, not measured "
        f"here: under GNU Octave on another machine with two cores). **Least squares has become "
        f"fast too**: one fit of skfrap takes {1e3 * base:.2f} ms, "
        f"{REFERENCE.seconds_per_fit / base:,.0f} times less than that. Between least squares and "
        f"the network there is a factor of {base / network:.1f} for one curve and of "
        f"{many / facts['many']['network']:.1f} for many, so it is no longer speed that chooses:",
        "- **Least squares** is for everything at first: it assumes no prior, tells when a curve "
        "does not fit the model, fits any model with any parameters free, and needs no training.\n"
        "- **The network** is for very many curves of one protocol, and for models whose posterior "
        "cannot be computed, under a prior that is meant: what it gains over least squares is in "
        "Table 3.\n"
        "- **BayesianFRAP** is the exact answer to the question that the network learns to answer: "
        "for up to some hundred thousand curves, for posteriors and their intervals, and to check "
        "a network by.",
    )


STAGES = (Stage("figure10", "Figure 10: time", measure, tell),)
