"""The page that puts skfrap beside other programs: what is told of all its stages."""

import numpy as np

from benchmarks._main import Study
from benchmarks._pages import duration, markdown_table, number, paragraphs, picture
from benchmarks._published import NAMES
from benchmarks._stage import Stage
from benchmarks.peers._bench import FULL, OURS, QUICK, Bench
from benchmarks.peers._bleachdt import measure_bleachdt, tell_bleachdt
from benchmarks.peers._closed_forms import (
    CLOSED_FORMS,
    EXPONENTIAL,
    measure_closed_forms,
    tell_closed_forms,
)
from benchmarks.peers._model import MATLAB, PLAIN, measure_model, tell_model
from benchmarks.peers._networks import FLOOR, NETWORKS, OUR_NETWORK, measure_networks, tell_networks
from benchmarks.peers._real import measure_real, tell_features, tell_real
from benchmarks.peers._records import LOSS, Records, loss_text, spread_text
from skfrap.plotting._style import CATEGORIES, MARKERS, new_axes, tidy

_FILE = "peers"  # what all stages find is kept in one
METHODS = (OURS, PLAIN, MATLAB, *CLOSED_FORMS, *NETWORKS)


def draw_speed(records):
    """Draw the loss in log10 D against the time that an estimate takes, alone and in a batch."""
    ax = new_axes(figsize=(8.4, 4.8))
    losses = []
    colours = dict.fromkeys(METHODS, CATEGORIES[2]) | dict.fromkeys(CLOSED_FORMS, CATEGORIES[1])
    colours |= dict.fromkeys((OURS, OUR_NETWORK, FLOOR), CATEGORIES[0])
    colours |= dict.fromkeys((PLAIN, MATLAB), "0.3")
    drawn = []
    for method in filter(records.has, METHODS):
        colour = colours[method]
        marker = MARKERS[drawn.count(colour)]
        drawn.append(colour)
        fitted_elsewhere = method in (PLAIN, MATLAB)  # on few curves, or not here
        loss = 1.0 if fitted_elsewhere else records.get(method, LOSS, NAMES[0])
        losses.append(loss)
        alone, batch = (records.get(method, f"time {how}, s") for how in ("alone", "in a batch"))
        ax.plot([batch, alone], [loss, loss], color=colour, lw=1)
        ax.plot(alone, loss, marker, color=colour, ms=8, mfc="none", mew=1.6, label=method)
        ax.plot(batch, loss, marker, color=colour, ms=8)
    ax.axhline(1, color="0.3", lw=0.8, zorder=0)
    ax.set(xscale="log", yscale="log", xlabel="time per curve (s)")
    ax.set_ylabel("loss in log10 D over least squares")
    ax.set_ylim(0.6, 2 * max(losses))
    tidy(ax)
    handles, labels = ax.get_legend_handles_labels()
    ax.figure.legend(
        handles, labels, frameon=False, fontsize=9, loc="outside right upper",
        title="open: one curve alone\nfilled: per curve, in a batch", alignment="left",
    )  # fmt: skip
    return ax.figure


def introduce(command, quick, missing):
    warning = "**This is a quick run: few curves, and a tenth of the training.** " * quick
    return (
        f"{warning}What skfrap gives beside what one would use instead, measured in one run of "
        f"`{command}` on simulated curves of which the truth is known. This page is what "
        "that command wrote. Unless said otherwise curves are of the protocol and the prior of "
        "the [DeepFRAP](https://doi.org/10.1111/jmi.12989) paper (Table 1): a disk of 15 µm "
        "radius, four bleach frames 0.265 s apart, a hundred frames after them, D from 1 to "
        "1000 µm²/s. skfrap simulates such curves and fits the model they come from, so it has "
        "an advantage that no real sample gives it."
    )


def summarise(outcomes):
    records = outcomes[_FILE]
    if not records.record(OURS, LOSS, NAMES[0]):
        return ""
    facts, rows = records.facts, []
    for method in filter(records.has, METHODS):
        found = records.record(method, LOSS, NAMES[0])
        loss = "" if found is None else loss_text(found)
        times = [records.get(method, f"time {how}, s") for how in ("in a batch", "alone")]
        ratio = records.get(method, "time over ours in a batch")
        quoted = " (quoted)" if method == MATLAB else ""
        over = "1" if method == OURS else number(ratio) + quoted
        spread = spread_text(records, method, "all D")
        rows.append([method, *(duration(t) for t in times), over, spread, loss])
    header = (
        "method | per curve, in a batch | one curve alone | time over LeastSquaresFRAP's in a "
        "batch | estimated over true D: median (16 to 84 %) | loss in log10 D over least squares"
    )
    return paragraphs(
        markdown_table(header, rows),
        "Losses are the paper's: mean squared errors weighted by one over the noise, over those "
        "of `LeastSquaresFRAP` within Table 1's limits on the same curves, with bootstrap "
        "standard errors. Closed forms are judged on the first "
        f"{facts['n_closed']:,} of the {facts['n_curves']:,} curves, without fits that "
        "failed. Methods without a time in a batch take curves one by one. In the figure the two "
        "fits of the exact model by other means are drawn at 1, as they look for the same "
        "optimum.",
        picture("figures/peers-speed", "Loss against time per curve for each method"),
    )


_LIMITS = (
    (
        "**Samples that no model here describes.** Movement in depth, and particles that come and "
        "go between compartments, are not in skfrap's models. Programs that simulate a cell in "
        "three dimensions have them."
    ),
    (
        "**Models of your own, without writing classes.** `scipy.optimize` takes any function. In "
        "skfrap a model is a class."
    ),
    (
        "**Targets that are not parameters of a FRAP model.** `MLPRegressor` and Keras take any "
        "arrays. `NeuralFRAP` takes recovery curves of a protocol and parameters of a model."
    ),
    (
        "**A small installation.** JAX and Keras are dependencies of skfrap; `curve_fit` needs "
        "SciPy alone."
    ),
)


def tell_limits(outcomes):
    get = outcomes[_FILE].get
    preparation = get(OURS, "preparation, s")
    items = []
    exponential = get(EXPONENTIAL, "time alone without bounds, s")
    ours = get(OURS, "time alone, s")
    if not np.isnan(exponential):
        items.append(
            "**One curve, one number to compare conditions by.** An exponential fitted by "
            f"`curve_fit` without bounds takes {duration(exponential)}, one call of "
            f"`LeastSquaresFRAP` {duration(ours)}, after {duration(preparation)} of preparation "
            "for a protocol that it has not met. skfrap is fast where there are many "
            "curves of one protocol. For a handful, neither time matters, and a half-time needs no "
            "model to be understood; the D made from it is another matter, as seen above."
        )
    text = "\n".join(f"- {item}" for item in (*items, *_LIMITS))
    return {
        "What programs do, side by side": tell_features(),
        "Where something else is the better choice": text,
    }


def tell_runs(found, command):
    ((records, run), *_) = found.values()
    facts = records.facts
    others = "".join(f", {name} {version}" for name, version in facts["versions"].items())
    return (
        f"`{command}`, seed {run['settings']['seed']}, {run['date']}: {run['versions']}{others}; "
        f"{run['cores']} cores, load at the start {facts['load']}, BLAS threads {run['blas']}. "
        f"{facts['n_curves']:,} test curves. Times are medians of several runs, except "
        "fits of the FFT model, of the exponential without bounds, the training of networks, "
        "preparations and batches of `BayesianFRAP`, which are timed once. Fits take one "
        "core; networks and BleachDt use all. Times of curves alone are "
        "medians over 25 curves. The command also writes all numbers as CSV and JSON."
    )


def _stage(name, title, measure, tell):
    def run(bench):
        measure(bench)
        records = bench.records
        if records.record(OURS, LOSS, NAMES[0]):
            records.figures["speed"] = draw_speed(records)
        return records

    return Stage(name, title, run, tell, shared=_FILE)


def _rerun(given):
    bleachdt = ["--bleachdt PYTHON"] if given.bleachdt else []
    return bleachdt + (["--real FOLDER"] if given.real else [])


STUDY = Study(
    name="peers",
    title="Other programs",
    stages=(
        _stage("model", "The same model, fitted with SciPy", measure_model, tell_model),
        _stage("closed", "Closed forms, fitted with curve_fit", measure_closed_forms,
               tell_closed_forms),
        _stage("networks", "Other networks", measure_networks, tell_networks),
        _stage("bleachdt", "BleachDt", measure_bleachdt, tell_bleachdt),
        _stage("real", "Recordings by others", measure_real, tell_real),
    ),
    full=FULL,
    quick=QUICK,
    bench=lambda amounts, results, given: Bench(
        amounts, given.seed, given.bleachdt, given.real
    ),
    introduce=introduce,
    summarise=summarise,
    tell_runs=tell_runs,
    close=tell_limits,
    options={
        "bleachdt": {"metavar": "PYTHON", "help": "interpreter that has BleachDt"},
        "real": {"metavar": "FOLDER", "help": "of recordings by others, see `_real.py`"},
    },
    rerun=_rerun,
    again=True,
    kind=Records,
    page="peers.md",
    rows="peers",
    figures="figures/peers-",
)  # fmt: skip
