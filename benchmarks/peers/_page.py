"""The page, its figures, and the files that hold all numbers."""

import json
import shutil

import matplotlib as mpl
import numpy as np

from benchmarks._pages import DPI, markdown_table, paragraphs, with_error, write_csv
from benchmarks.peers._bench import DECADES, OURS, QUICK
from benchmarks.peers._bleachdt import BLEACHDT, DROPLET_D, NOISES, OURS_ON_IMAGES
from benchmarks.peers._closed_forms import (
    CLOSED_FORMS,
    EXPONENTIAL,
    SOUMPASIS,
    SOUMPASIS_MIDDLE,
)
from benchmarks.peers._model import MATLAB, PLAIN
from benchmarks.peers._networks import FLOOR, KERAS, MLP_FIXED, MLP_FRESH, OUR_NETWORK, block_size
from benchmarks.peers._records import QUOTED
from skfrap.plotting._style import CATEGORIES, MARKERS, new_axes, tidy, write_plainly

PAGE, FIGURES = "peers.md", "figures"
ACCURACY, SPEED = "peers-accuracy", "peers-speed"
NETWORKS = OUR_NETWORK, FLOOR, MLP_FIXED, MLP_FRESH, KERAS
METHODS = (OURS, PLAIN, MATLAB, *CLOSED_FORMS, *NETWORKS)
_LOSS = "loss over least squares"
_TARGETS = "log10 D", "c0", "alpha", "joint"


def write(bench, run, folder):
    """Write all files; return the path of the page."""
    (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    records = bench.records
    kept = {"run": run | {"other versions": bench.versions}, "records": records.rows()}
    kept["by_D"] = bench.by_D
    (folder / "peers.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")
    write_csv(folder / "peers.csv", records.columns())
    mpl.use("Agg")
    figures = {}
    if bench.by_D:
        columns = {name: [row[name] for row in bench.by_D] for name in bench.by_D[0]}
        write_csv(folder / "by_D.csv", columns)
        figures[SPEED] = draw_speed(records)
    if has(records, EXPONENTIAL):
        figures[ACCURACY] = draw_accuracy(bench.by_D)
    for name, figure in figures.items():
        figure.savefig(folder / FIGURES / f"{name}.png", dpi=DPI)
    path = folder / PAGE
    path.write_text(paragraphs(*sections(bench, run)) + "\n", encoding="utf-8")
    return path


def copy_to_docs(folder, docs):
    """Copy the page and its figures into a folder of the docs; return the path of the page."""
    (docs / FIGURES).mkdir(parents=True, exist_ok=True)
    text = (folder / PAGE).read_text(encoding="utf-8")
    for name in (ACCURACY, SPEED):
        (docs / FIGURES / f"{name}.png").unlink(missing_ok=True)
        if f"({FIGURES}/{name}.png)" in text:
            shutil.copy(folder / FIGURES / f"{name}.png", docs / FIGURES)
    return shutil.copy(folder / PAGE, docs / PAGE)


def has(records, method):
    """Tell whether a method was judged or timed."""
    return any(row["method"] == method for row in records.rows())


# Figures


def draw_accuracy(by_D):
    """Draw estimates of D over the truth, against the truth: medians and 16-84 % bands."""
    ax = new_axes(figsize=(7.2, 4.4))
    shown = EXPONENTIAL, SOUMPASIS, SOUMPASIS_MIDDLE, OURS
    for method, colour, marker in zip(shown, CATEGORIES, MARKERS, strict=False):
        rows = [row for row in by_D if row["method"] == method]
        x, low, middle, high = (
            np.array([row[name] for row in rows])
            for name in ("D_um2_per_s", "q16_ratio", "median_ratio", "q84_ratio")
        )
        ax.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
        ax.plot(x, middle, marker=marker, color=colour, ms=5, lw=1.5, label=method)
    ax.axhline(1, color="0.3", lw=0.8)
    ax.set(xscale="log", yscale="log", xlabel="true D (µm²/s)", ylabel="estimated over true D")
    ax.set_ylim(0.05, 5)
    tidy(ax)
    write_plainly(ax.xaxis)
    ax.set_yticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
    ax.minorticks_off()
    ax.legend(frameon=False, loc="lower left", fontsize=9)
    return ax.figure


def draw_speed(records):
    """Draw the loss in log10 D against the time that an estimate takes, alone and in a batch."""
    ax = new_axes(figsize=(8.4, 4.8))
    losses = []
    colours = dict.fromkeys(METHODS, CATEGORIES[2]) | dict.fromkeys(CLOSED_FORMS, CATEGORIES[1])
    colours |= dict.fromkeys((OURS, OUR_NETWORK, FLOOR), CATEGORIES[0])
    colours |= dict.fromkeys((PLAIN, MATLAB), "0.3")
    drawn = []
    for method in METHODS:
        if not has(records, method):
            continue
        colour = colours[method]
        marker = MARKERS[drawn.count(colour)]
        drawn.append(colour)
        fitted_elsewhere = method in (PLAIN, MATLAB)  # on few curves, or not here
        loss = 1.0 if fitted_elsewhere else records.get(method, _LOSS, _TARGETS[0])
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


# Text


def sections(bench, run):
    """Return the parts of the page: of the stages that were run."""
    records = bench.records
    parts = ["# Other programs", introduction(bench, run)]
    if records.find(OURS, _LOSS, _TARGETS[0]):
        parts.append(overview(bench))
    if has(records, PLAIN):
        parts += ["## The same model, fitted with SciPy", tell_model(bench)]
    if has(records, EXPONENTIAL):
        parts += ["## Closed forms, fitted with curve_fit", tell_closed_forms(bench)]
    if has(records, KERAS):
        parts += ["## Other networks", tell_networks(bench)]
    parts += ["## BleachDt", tell_bleachdt(bench)]
    parts += ["## Where something else is the better choice", tell_limits(records)]
    parts += ["## How this was run", tell_run(bench, run)]
    return parts


def introduction(bench, run):
    quick = (
        "**This is a quick run: few curves, and a tenth of the training.** "
        if bench.amounts == QUICK
        else ""
    )
    return (
        f"{quick}What skfrap gives beside what one would use instead, measured in one run of "
        f"`{run['command']}` on simulated curves of which the truth is known. This page is what "
        "that command wrote. Unless said otherwise curves are of the protocol and the prior of "
        "the [DeepFRAP](https://doi.org/10.1111/jmi.12989) paper (Table 1): a disk of 15 µm "
        "radius, four bleach frames 0.265 s apart, a hundred frames after them, D from 1 to "
        "1000 µm²/s. skfrap simulates such curves and fits the model they come from, so it has "
        "an advantage that no real sample gives it."
    )


def overview(bench):
    records, rows = bench.records, []
    for method in METHODS:
        if not has(records, method):
            continue
        found = records.find(method, _LOSS, _TARGETS[0])
        loss = "" if found is None else loss_text(found)
        low, middle, high = (
            records.get(method, quantity, "all D")
            for quantity in ("16 % quantile", "median of D over its true value", "84 % quantile")
        )
        spread = "" if np.isnan(middle) else f"{middle:.3f} ({low:.3f} to {high:.3f})"
        times = [records.get(method, f"time {how}, s") for how in ("in a batch", "alone")]
        ratio = records.get(method, "time over ours in a batch")
        quoted = " (quoted)" if method == MATLAB else ""
        over = "1" if method == OURS else number(ratio) + quoted
        rows.append([method, *(duration(t) for t in times), over, spread, loss])
    header = [
        "method",
        "per curve, in a batch",
        "one curve alone",
        "time over LeastSquaresFRAP's in a batch",
        "estimated over true D: median (16 to 84 %)",
        "loss in log10 D over least squares",
    ]
    return paragraphs(
        markdown_table(header, rows),
        "Losses are the paper's: mean squared errors weighted by one over the noise, over those "
        "of `LeastSquaresFRAP` within Table 1's limits on the same curves, with bootstrap "
        "standard errors. Closed forms are judged on the first "
        f"{bench.amounts.n_closed:,} of the {bench.amounts.n_curves:,} curves, without fits that "
        "failed. Methods without a time in a batch take curves one by one. In the figure the two "
        "fits of the exact model by other means are drawn at 1, as they look for the same "
        "optimum.",
        f"![Loss against time per curve for each method]({FIGURES}/{SPEED}.png)",
    )


def tell_model(bench):
    records = bench.records
    get = records.get
    curve, per_fit = get(PLAIN, "time per model curve, s"), get(PLAIN, "model curves per fit")
    found, n = get(OURS, "residual sum over SciPy's, less 1"), bench.amounts.n_plain
    counted, lower, higher = (
        int(get(OURS, what))
        for what in (
            "fits compared on the exact model",
            "residual sum lower than SciPy's, fits",
            "residual sum higher than SciPy's, fits",
        )
    )
    return paragraphs(
        "What one would write at first: step the image by FFT from frame to frame, and give the "
        f"model to `scipy.optimize.least_squares`. One curve takes {duration(curve)}, a fit asks "
        f"for {per_fit:.0f} of them on average, so a fit takes "
        f"{duration(get(PLAIN, 'time alone, s'))}. `LeastSquaresFRAP` takes "
        f"{duration(get(OURS, 'time alone, s'))} for one curve, "
        f"which is {number(get(PLAIN, 'time over ours alone'))} times as fast once "
        f"{duration(get(OURS, 'preparation, s'))} are spent on preparing the protocol, and "
        f"{duration(get(OURS, 'time in a batch, s'))} per curve in a batch, "
        f"{number(get(PLAIN, 'time over ours in a batch'))} times as fast. Where they end: "
        f"skfrap's residual sum over SciPy's, less 1, is at most {found:+.0e} in {n} "
        f"fit{'s' * (n > 1)} of the stepped model; of {counted} fits by SciPy of the exact model "
        f"skfrap's sum is lower in {lower} and higher in {higher}, and the same in the others. "
        "`python -m benchmarks.least_squares` looks closer.",
        "The reference program of the paper's model, in MATLAB, takes "
        f"{get(MATLAB, 'time per model curve, s'):g} s per curve and about "
        f"{get(MATLAB, 'time alone, s'):.0f} s per fit, which asks for "
        f"{get(MATLAB, 'model curves per fit'):.0f} curves, under GNU Octave. These figures are "
        f"**{QUOTED}**: they come from another machine with two cores, and the program is not "
        "part of skfrap. Against our times here they would be "
        f"{number(get(MATLAB, 'time over ours alone'))} times as long as one fit alone and "
        f"{number(get(MATLAB, 'time over ours in a batch'))} times as long as one in a batch.",
    )


def tell_closed_forms(bench):
    records = bench.records
    rows = []
    for method in (*CLOSED_FORMS, OURS):
        for of in DECADES:
            low, middle, high, rmse, off, edge, failed = (
                records.get(method, quantity, of)
                for quantity in (
                    "16 % quantile",
                    "median of D over its true value",
                    "84 % quantile",
                    "root mean square error of log10 D",
                    "off by more than a factor of 2, %",
                    "at the limits of D, %",
                    "not converged, %",
                )
            )
            cells = [f"{middle:.3f} ({low:.3f} to {high:.3f})", f"{rmse:.3f}"]
            rows.append([method, of, *cells, *(f"{x:.1f} %" for x in (off, edge, failed))])
    header = [
        "method",
        "true D (µm²/s)",
        "estimated over true D: median (16 to 84 %)",
        "error of log10 D (rms)",
        "off by more than 2 times",
        "at the limits of D",
        "not converged",
    ]
    low, high = (records.get(SOUMPASIS, "median of D over its true value", of)
                 for of in ("1 to 10", "100 to 1000"))  # fmt: skip
    best = min(CLOSED_FORMS, key=lambda method: records.get(method, _LOSS, _TARGETS[0]))
    return paragraphs(
        "As often done in a laboratory: divide by the intensity before bleaching, and fit a "
        "formula with `scipy.optimize.curve_fit`. The formulas are an exponential, with "
        "D = 0.224 r² / t½ from its half-time, and Soumpasis' curve of a disk that is bleached "
        "in an instant (Biophys. J. 41, 95-97, 1983), from which the 0.224 comes too. Depth and "
        "plateau are fitted with D, which is kept within 1 to 1000 µm²/s, as it is for "
        "`LeastSquaresFRAP`; starts are read off each curve.",
        f"{bench.amounts.n_closed:,} curves. None of these formulas knows that bleaching "
        f"takes 0.8 s here, in which bleached particles already leave. Time counted from the "
        f"last bleach frame, as usual, Soumpasis' curve finds {low:.2f} of D between 1 and 10 "
        f"µm²/s and {high:.2f} between 100 and 1000. Two other uses count time from the middle "
        "of bleaching, and one of these is given the plateau, since all particles move in these "
        f"samples; the smallest loss has {best}. An exponential has another shape than a recovery "
        "by diffusion: the half-time that it finds depends on how long one has watched.",
        f"![Estimated over true D against true D]({FIGURES}/{ACCURACY}.png)",
        "Lines are medians, bands hold 68 % of the estimates.",
        markdown_table(header, rows),
        "Loss in log10 D over that of least squares: "
        + "; ".join(
            f"{method} {loss_text(records.find(method, _LOSS, _TARGETS[0]))}"
            for method in CLOSED_FORMS
        )
        + ". Where bleaching is one short flash, Soumpasis' curve is nearly right; "
        '`LeastSquaresFRAP(FRAPProtocol(), model="soumpasis")` fits it as well, in batches. '
        "[What each closed form assumes](../guide/models.md) is told with the models.",
    )


def tell_networks(bench):
    records, rows = bench.records, []
    for method in NETWORKS:
        losses = [loss_text(records.find(method, _LOSS, target)) for target in _TARGETS]
        training, seen = (
            records.get(method, quantity)
            for quantity in ("time to train, s", "curves passed in training")
        )
        times = [records.get(method, f"time {how}, s") for how in ("in a batch", "alone")]
        passed = "" if np.isnan(seen) else f"{seen / 1e6:.2f} million"
        training = "" if np.isnan(training) else f"{training:.0f} s"
        rows.append([method, training, passed, *losses, *(duration(t) for t in times)])
    of_D = {m: records.get(m, _LOSS, _TARGETS[0]) for m in (MLP_FIXED, MLP_FRESH)}
    better = "the fixed set" if of_D[MLP_FIXED] < of_D[MLP_FRESH] else "fresh curves"
    fastest = min((MLP_FIXED, MLP_FRESH, KERAS), key=lambda m: records.get(m, "time alone, s"))
    alone = [duration(records.get(m, "time alone, s")) for m in (fastest, OUR_NETWORK)]
    header = ["method", "training", "curves passed", *_TARGETS, "per curve, in a batch", "alone"]
    return paragraphs(
        "A network from the shelf, given the time that the default training of `NeuralFRAP` "
        "takes here, simulation of its curves counted. scikit-learn's `MLPRegressor` (three "
        "layers of 128) and dense Keras layers (four of 128) learn the three standardised "
        "targets from standardised raw curves, with the paper's weights and a learning rate "
        "that falls to a hundredth in the given time. `MLPRegressor` is shown with one set of "
        f"{block_size(bench.amounts):,} curves seen again and again, and with curves that are "
        f"always fresh; {better} did better here. Losses "
        "are over those of least squares; `BayesianFRAP`, the posterior mean, is the floor that "
        "no estimator gets below on average.",
        markdown_table(header, rows),
        "A network on raw curves has to learn a map that is as exact as a fit. `NeuralFRAP` is "
        "given a linearised fit of the model, and learns what that lacks. "
        "Longer training or other layers would take the others further than this table. They need "
        "no model of the experiment, only curves. To predict one curve alone "
        f"{fastest} takes {alone[0]}, `NeuralFRAP` {alone[1]}.",
    )


def tell_bleachdt(bench):
    records, n = bench.records, len(DROPLET_D) * bench.amounts.n_series
    what = (
        "[BleachDt](https://github.com/andrewbazley/BleachDt) (MIT licence) is a program for FRAP "
        "in droplets. It finds droplet and bleached spot in the images, takes the first image "
        "after bleaching for the start, steps it by finite differences with no flux through "
        "the droplet's edge, and picks D from two grids. It can be driven without its window: "
        "`bleachdt.crop_pde.process_movie` does all for one file."
    )
    if not has(records, BLEACHDT):
        return f"{what} It was not run here: that takes the option `--bleachdt`."
    noises = [
        noise for noise in NOISES
        if records.find(BLEACHDT, "root mean square error of D, %", f"noise {noise:g}")
    ]  # fmt: skip
    rows = []
    for method in (BLEACHDT, OURS_ON_IMAGES):
        for noise in noises:
            means = [
                records.get(method, "mean of D over its true value", f"D = {D:g}, noise {noise:g}")
                for D in DROPLET_D
            ]
            rms = records.get(method, "root mean square error of D, %", f"noise {noise:g}")
            seconds = records.get(method, "time per series, s")
            rows.append([method, f"{100 * noise:g} %", *(f"{mean:.3f}" for mean in means),
                         f"{rms:.1f} %", duration(seconds)])  # fmt: skip
    header = ["method", "noise of a pixel", *(f"D = {D:g} µm²/s" for D in DROPLET_D),
              "error of D (rms)", "per series"]  # fmt: skip
    get = records.get
    better = [more_exact(records, noise) for noise in noises]
    return paragraphs(
        what,
        f"Version {bench.versions[BLEACHDT]}, on simulated droplets for which both programs are "
        "right: 15 % of the droplet, a circle of 1.65 µm radius, is bleached in one flash, and "
        "in the seven frames that follow, 0.25 s apart, the recovery does not get to the edge. "
        "The settings are those of its command line, without coarsening the grid and without "
        "correcting for fading, of which there is none; D is sought up to twice the largest "
        "here. skfrap makes a recovery curve over the circle, which it is told, and fits that. "
        "The columns of D are means of estimated over true D.",
        markdown_table(header, rows),
        f"BleachDt takes {duration(get(BLEACHDT, 'time per series, s'))} per series, pictures "
        f"included, and {duration(get(BLEACHDT, 'time of the fit alone, s'))} of that for the "
        f"fit: {number(get(BLEACHDT, 'fit alone over ours'))} times what skfrap takes from images "
        f"to estimate. The smaller error has {', '.join(better)} ({n} series each, so few that "
        "errors nearer to each other than a third may be chance). "
        "BleachDt uses the profile of the spot, which a recovery curve has averaged away, finds "
        "the spot itself, does without knowing how it was bleached, and has the closed edge of "
        "the droplet; skfrap has none of these. It gives no interval of D, and its grid is "
        "linear in D, so that the range must be known. It divides by the first image after "
        "bleaching to find the spot, so dark surroundings whose noise is clipped at zero mislead "
        "it.",
    )


def more_exact(records, noise):
    """Tell which of the two programs for images has the smaller error of D."""
    quantity, of = "root mean square error of D, %", f"noise {noise:g}"
    best = min((BLEACHDT, OURS_ON_IMAGES), key=lambda method: records.get(method, quantity, of))
    return f"{best.partition(',')[0]} at {100 * noise:g} % noise"


_LIMITS = (
    (
        "**Samples that no model here describes.** Cells and droplets that are small against the "
        "spot, flow, and several kinds of particles are not in skfrap's models. BleachDt has the "
        "edge of a droplet."
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


def tell_limits(records):
    get = records.get
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
    return "\n".join(f"- {item}" for item in (*items, *_LIMITS))


def tell_run(bench, run):
    others = "".join(f", {name} {version}" for name, version in bench.versions.items())
    return (
        f"`{run['command']}`, seed {run['seed']}, {run['date']}: {run['versions']}{others}; "
        f"{run['cores']} cores, load at the start {run['load']}, BLAS threads {run['blas']}. "
        f"{bench.amounts.n_curves:,} test curves. Times are medians of several runs, except "
        "fits of the FFT model, of the exponential without bounds, the training of networks, "
        "preparations and batches of `BayesianFRAP`, which are timed once. Fits take one "
        "core; networks and BleachDt use all. Times of curves alone are "
        "medians over 25 curves. The command also writes all numbers as CSV and JSON."
    )


def loss_text(record):
    """Write a loss over that of least squares."""
    if record.error == 0:
        return f"{record.value:g}"
    if record.value < 10:
        return with_error(record.value, record.error)
    return f"{number(record.value)} ± {number(record.error)}"


def number(value):
    """Write a number to two or three digits."""
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.2g}"


def duration(seconds):
    """Write a time with a unit that suits it; nothing where there is none."""
    if np.isnan(seconds):
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds / 1e-6)} µs"
