"""Figure 10: where the time goes, from an image series to an estimate."""

import numpy as np

from benchmarks._pages import markdown_table, paragraphs, picture
from benchmarks._report import median_time
from benchmarks._series import PREPARATION, TOGETHER, time_series
from benchmarks.paper._stage import Outcome, Row, Stage
from skfrap import FRAPSimulator
from skfrap.plotting._style import CATEGORIES, new_axes, tidy

_METHODS = {
    "least squares": "least squares",
    "network": "skfrap, joint",
    "BayesianFRAP": "BayesianFRAP",
}
_QUOTED = {"one curve": 2.7, "one fit": 110.0}  # s, the reference program under Octave
_PARTS = "preprocessing", "extraction", "estimation"


def measure(bench):
    """Time preprocessing, extraction and estimation for one series, and for many curves."""
    estimators = {name: bench.estimator(method) for name, method in _METHODS.items()}
    simulator = FRAPSimulator(bench.protocol, bit_depth=16, random_state=bench.seed)
    seconds = time_series(simulator.sample_images(1).data, bench.protocol, estimators)
    rescale, background, curve = (seconds[step] for step in PREPARATION)
    many = bench.sets["test"].data
    per_curve = {
        name: median_time(lambda one=estimator: one.predict(many), 3) / len(many)
        for name, estimator in estimators.items()
    }
    table = {"method": [], "part": [], "seconds": []}
    rows = []
    for name in estimators:
        parts = rescale + background, curve, seconds[name]
        for part, value in zip(_PARTS, parts, strict=True):
            rows.append(Row("Figure 10", name, "one series", part, "seconds", value))
            for column, entry in zip(table.values(), (name, part, value), strict=True):
                column.append(entry)
        rows.append(
            Row("Figure 10", name, f"{len(many)} curves", "estimation", "seconds", per_curve[name])
        )
    facts = {
        "together": seconds[TOGETHER],
        "parts": dict(zip(_PARTS[:2], (rescale + background, curve), strict=True)),
        "one": {name: seconds[name] for name in estimators},
        "many": per_curve,
        "n": len(many),
    }
    return Outcome(rows, facts, {"figure10": table}, {"figure10": _draw(facts)})


def _draw(facts):
    ax = new_axes(figsize=(7.5, 3.8))
    parts = {**facts["parts"], **{f"estimation: {name}": s for name, s in facts["one"].items()}}
    parts |= {f"per curve of {facts['n']:,}: {name}": s for name, s in facts["many"].items()}
    colours = [CATEGORIES[0], CATEGORIES[0], *[CATEGORIES[1]] * 3, *[CATEGORIES[2]] * 3]
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
    table = [
        [
            name,
            *(f"{1e3 * facts['parts'][part]:.2f} ms" for part in _PARTS[:2]),
            f"{1e3 * seconds:.2f} ms",
            f"{base / seconds:.1f}",
            f"{1e6 * facts['many'][name]:.1f} µs",
            f"{many / facts['many'][name]:.1f}",
        ]
        for name, seconds in facts["one"].items()
    ]
    header = [
        "",
        *_PARTS,
        "least squares / this",
        f"per curve of {facts['n']:,}",
        "least squares / this",
    ]
    network = facts["one"]["network"]
    return paragraphs(
        "Median wall times for one 16-bit series of 110 × 256 × 256 pixels. Preprocessing is "
        "rescaling and background subtraction of the whole series. A pipeline computes only what "
        f"the curve needs, and takes {1e3 * facts['together']:.1f} ms for all up to the curve.",
        picture("figure10", "Times of preprocessing, extraction and estimation, on a log scale"),
        markdown_table(header, table),
        "In the paper the network is orders of magnitude faster than least squares, since every "
        "step of a fit solves the diffusion equation. That is no longer so. The reference program "
        f"needs {_QUOTED['one curve']:g} s for a curve and some {_QUOTED['one fit']:.0f} s for a "
        "fit of 40 evaluations (figures from outside: run under Octave on a machine like this one, "
        f"not measured here); skfrap's least squares takes {1e3 * base:.2f} ms, "
        f"{_QUOTED['one fit'] / base:,.0f} times less, and the network "
        f"{base / network:.1f} times less than that. Either is shorter than reading the file. So "
        "speed no longer chooses between the estimators:",
        "- **Least squares** is for everything at first: it assumes no prior, tells when a curve "
        "does not fit the model, fits any model with any parameters free, and needs no training.\n"
        "- **The network** is for many curves of one protocol under a prior that is meant: its "
        "squared error is the smaller by a tenth in log10 D, and its time for one curve does not "
        "depend on how hard the curve is.\n"
        "- **BayesianFRAP** is the exact answer to the question that the network learns to answer: "
        "for a few curves, for posteriors and their intervals, and to check a network by.",
    )


STAGES = (Stage("figure10", "Figure 10: time", measure, tell),)
