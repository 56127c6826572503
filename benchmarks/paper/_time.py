"""Figure 10: where the time goes, from an image series to an estimate."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks._pages import add_row, markdown_table, paragraphs, picture
from benchmarks._published import N_TIMED, REFERENCE
from benchmarks._report import median_time, timed
from benchmarks._series import PREPARATION, TOGETHER, time_series
from benchmarks._stage import Outcome, Row, Stage
from skfrap import FRAPSimulator, LeastSquaresFRAP
from skfrap.io import read_series, write_series
from skfrap.parameters import table_1_prior
from skfrap.plotting._style import CATEGORIES, new_axes, tidy, write_plainly
from skfrap.preprocessing import BackgroundSubtractor, RecoveryCurveExtractor

_METHODS = {
    "least squares": "least squares",
    "network": "skfrap, joint",
    "BayesianFRAP": "BayesianFRAP",
}
_PARTS = "preprocessing", "extraction", "estimation"
_AS_IN_PAPER = "least squares", "network"


def measure(bench):
    """Time preprocessing, extraction and estimation for one series, and for many curves."""
    estimators = {name: bench.estimator(method) for name, method in _METHODS.items()}
    simulator = FRAPSimulator(bench.protocol, bit_depth=16, random_state=bench.seed)
    stacks = simulator.sample_images(1).data
    series = _time_as_in_paper(bench)
    seconds = time_series(stacks, bench.protocol, estimators)
    reading = _time_reading(stacks[0], bench.protocol)
    rescale, background, curve = (seconds[step] for step in PREPARATION)
    many = bench.sets["test"].data
    per_curve = {
        name: median_time(lambda one=estimator: one.predict(many), 3) / len(many)
        for name, estimator in estimators.items()
    }
    rows, table = [], {}
    for name in _AS_IN_PAPER:
        for part in _PARTS:
            value = float(np.mean(series[name if part == "estimation" else part]))
            rows.append(Row("Figure 10", name, "as in the paper", part, "mean seconds", value))
    for name in estimators:
        parts = rescale + background, curve, seconds[name]
        for part, value in zip(_PARTS, parts, strict=True):
            rows.append(Row("Figure 10", name, "one series", part, "seconds", value))
            add_row(table, method=name, part=part, seconds=value)
        where = "Figure 10", name, f"{len(many)} curves"
        rows.append(Row(*where, "estimation", "seconds", per_curve[name]))
    facts = {
        "series": {part: [float(np.mean(s)), float(np.std(s))] for part, s in series.items()},
        "n_timed": bench.amounts.n_timed,
        "n_series": bench.amounts.n_series,
        "reading": reading,
        "together": seconds[TOGETHER],
        "parts": dict(zip(_PARTS[:2], (rescale + background, curve), strict=True)),
        "one": {name: seconds[name] for name in estimators},
        "many": per_curve,
        "n": len(many),
    }
    return Outcome(rows, facts, {"figure10": table}, {"figure10": _draw(facts)})


def _time_as_in_paper(bench):
    """Time the steps one series after the other, each fit from one random point.

    Returns
    -------
    dict of list of float
        Wall times in s, by part, and by name of the method for the estimation.
    """
    protocol, random = bench.protocol, np.random.default_rng(bench.seed)
    prior = table_1_prior()
    first = np.ones((1, protocol.n_frames))
    fit = LeastSquaresFRAP(protocol, bench.least_squares.bounds).fit(first)
    network = bench.estimator(_METHODS["network"])
    stacks = [_simulate(bench, k) for k in range(bench.amounts.n_series)]
    subtractor = BackgroundSubtractor(protocol=protocol).fit(stacks[0])
    extractor = RecoveryCurveExtractor(protocol).fit(stacks[0])
    times = {name: [] for name in (*_PARTS[:2], *_AS_IN_PAPER)}

    def keep(name, function):
        result, seconds = timed(function)
        times[name].append(seconds)
        return result

    for k in range(-1, bench.amounts.n_timed):
        stack = stacks[k % len(stacks)]
        guess = np.array([[prior[name].rvs(random_state=random) for name in ("D", "c0", "alpha")]])
        guess[:, 0] = np.log10(guess[:, 0])
        flat = keep("preprocessing", lambda s=stack: np.asarray(subtractor.transform(s)))
        X = keep("extraction", lambda s=flat: extractor.transform(s))
        fit.set_params(init=guess)
        keep("least squares", lambda x=X: fit.predict(x))
        keep("network", lambda x=X: network.predict(x))
    return {name: seconds[1:] for name, seconds in times.items()}  # the first fills caches


def _simulate(bench, k):
    """Simulate the k-th series, in single precision; counts of a detector would be cut at its end.

    Where c0 is near 1 and noise is strong, so many pixels would be saturated.
    """
    return bench.simulator.sample_images(1, start=k).data.astype(np.float32)


def _time_reading(stack, protocol):
    """Time reading a series from a file that the system has in its memory, s."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "series.tif"
        known = {"pixel_size_um": protocol.pixel_size, "frame_interval_s": protocol.frame_interval}
        write_series(path, stack, **known)
        return median_time(lambda: read_series(path), 7)


def _draw(facts):
    axes = new_axes(1, 2, figsize=(12.5, 3.8), width_ratios=[1, 1.25])
    _draw_as_in_paper(axes[0], facts["series"])
    _draw_today(axes[1], facts)
    return axes[0].figure


def _draw_as_in_paper(ax, series):
    for j, part in enumerate(_PARTS):
        names = [name if part == "estimation" else part for name in _AS_IN_PAPER]
        milliseconds = 1e3 * np.array([series[name][0] for name in names])
        x = np.arange(len(names)) + 0.27 * (j - 1)
        ax.bar(x, milliseconds, 0.25, color=CATEGORIES[j], label=part)
        for place, value in zip(x, milliseconds, strict=True):
            ax.text(place, value * 1.15, f"{value:.2g}", ha="center", fontsize=9)
    ax.set_xticks(range(len(_AS_IN_PAPER)), _AS_IN_PAPER)
    ax.set_yscale("log")
    shown = [1e3 * mean for mean, _ in series.values()]
    ax.set_ylim(min(shown) / 5, max(shown) * 8)
    write_plainly(ax.yaxis)
    ax.set_ylabel("mean time of one series (ms)")
    ax.set_title("as in the paper", loc="left", fontsize=11)
    ax.legend(frameon=False, ncols=3, fontsize=9, loc="upper center", columnspacing=1.0)
    tidy(ax, axis="y")


def _draw_today(ax, facts):
    parts = {"reading the file": facts["reading"], "up to the curve": facts["together"]}
    parts = {**parts, **{f"estimation: {name}": s for name, s in facts["one"].items()}}
    parts |= {f"per curve of {facts['n']:,}: {name}": s for name, s in facts["many"].items()}
    colours = ["0.6", CATEGORIES[0], *[CATEGORIES[1]] * 3, *[CATEGORIES[2]] * 3]
    y = np.arange(len(parts))[::-1]
    milliseconds = 1e3 * np.array([*parts.values()])
    ax.barh(y, milliseconds, color=colours, height=0.7)
    for height, value in zip(y, milliseconds, strict=True):
        ax.text(value * 1.1, height, f"{value:.2g} ms", va="center", fontsize=9)
    ax.set_yticks(y, [*parts])
    ax.set_xscale("log")
    ax.set_xlim(milliseconds.min() / 2, milliseconds.max() * 8)
    write_plainly(ax.xaxis)
    ax.set_xlabel("median time of one series or curve (ms)")
    ax.set_title("as one would do it with skfrap", loc="left", fontsize=11)
    tidy(ax, axis="x")


def tell(outcome):
    """Write the section of Figure 10."""
    facts = outcome.facts
    base, many = facts["one"]["least squares"], facts["many"]["least squares"]
    table = []
    for name, seconds in facts["one"].items():
        parts = [f"{1e3 * one:.2f} ms" for one in (*facts["parts"].values(), seconds)]
        in_batch = facts["many"][name]
        ratios = f"{base / seconds:.2g}", f"{many / in_batch:.2g}"
        table.append([name, *parts, ratios[0], f"{1e6 * in_batch:.1f} µs", ratios[1]])
    ratio, in_batch = "least squares / this", f"per curve of {facts['n']:,}"
    header = ["", *_PARTS, ratio, in_batch, ratio]
    network = facts["one"]["network"]
    series = facts["series"]
    as_in_paper = [
        [
            name,
            *(_with_spread(series[part]) for part in (*_PARTS[:2], name)),
            f"{series['least squares'][0] / series[name][0]:.1f}",
        ]
        for name in _AS_IN_PAPER
    ]
    return paragraphs(
        "**As in the paper**: series of 110 × 256 × 256 pixels, with parameters drawn from Table "
        "1, one after the other, and the mean of the times. Preprocessing: the background is "
        "subtracted, as it would be of measured series, though simulated ones have none. One fit "
        'of each curve, from a random point; the paper draws these from "the same distributions '
        "as before\", here taken for Table 1's. Loading of data and of the network does not "
        f"count. The paper takes {N_TIMED:,} times on two AMD Epyc 7542 and shows them as bars on "
        "a logarithmic axis, without numbers; here there are "
        f"{facts['n_timed']:,}, of {facts['n_series']} "
        "series in turn, each fit from a new point. Mean ± standard deviation:",
        picture("figure10", "Times of preprocessing, extraction and estimation, on log scales"),
        markdown_table(["", *_PARTS, "estimation: least squares / this"], as_in_paper),
        "**As one would do it with skfrap**: a pipeline computes only what the curve needs, and "
        f"takes {1e3 * facts['together']:.1f} ms for all up to the curve, from a series of 16 bits "
        "with rescaling; fits start at the best "
        f"point of a grid. Reading the file takes {1e3 * facts['reading']:.1f} ms, where the "
        "system has it in its memory. Medians of 7 on one series. In the columns of many curves "
        "estimators use as many cores as they do by default.",
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


def _with_spread(seconds):
    mean, spread = (1e3 * value for value in seconds)
    return f"{mean:.2f} ± {spread:.2f} ms"


STAGES = (Stage("figure10", "Figure 10: time", measure, tell),)
