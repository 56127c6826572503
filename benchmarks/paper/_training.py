"""Figures 4 and 5: losses against the number of layers, and against the time of training."""

import numpy as np
from matplotlib.lines import Line2D

from benchmarks._losses import losses
from benchmarks._pages import add_row, markdown_table, paragraphs, picture
from benchmarks._published import BEST_RATIOS, NAMES
from benchmarks._stage import Outcome, Row, Stage
from skfrap.plotting._style import CATEGORIES, MARKERS, new_axes, tidy, write_plainly

_KINDS = {
    "raw curves": (128, {"features": "raw", "activation": "elu"}),
    "linearized": (64, {"features": "linearized"}),
}
_METHODS = tuple(
    f"{kind}, {targets}"
    for kind in ("skfrap", "paper's design")
    for targets in ("joint", "separate")
)
_TARGETS = NAMES[:3]
_RATIO = "over least squares"
_NEAR = 0.8, 1.6  # losses over least squares that are shown once more


def measure_layers(bench):
    """Measure the loss of networks of more and more layers."""
    held = bench.sets["validation"]
    rows, table = [], {}
    for kind, (width, options) in _KINDS.items():
        for n_layers in bench.amounts.layers:
            options = options | {"hidden_layer_sizes": (width,) * n_layers}
            network = bench.train(bench.amounts.n_samples_per_depth, **options)
            estimates = network.predict(held.data)
            found, errors = bench.ratios_of(estimates, "validation")
            rows += [
                Row("Figure 4", f"{kind}, {n_layers} layers", "validation", name, _RATIO, *pair)
                for name, *pair in zip(NAMES, found, errors, strict=True)
            ]
            # c0 is a different matter for raw curves: it is the mean of ten values.
            add_row(
                table, inputs=kind, layers=n_layers, weights=network.n_weights_, ratio=found[0],
                error=errors[0],
            )  # fmt: skip
            print(f"  {kind}, {n_layers} layers: {found.round(3)}", flush=True)
    facts = {"curves": bench.amounts.n_samples_per_depth, "layers": bench.amounts.layers}
    return Outcome(rows, facts, {"figure4": table}, {"figure4": _draw_layers(table)})


def _draw_layers(table):
    ax = new_axes(figsize=(6, 3.8))
    inputs, layers, ratio, error = (
        np.array(table[key]) for key in ("inputs", "layers", "ratio", "error")
    )
    for kind, colour, marker in zip(_KINDS, CATEGORIES, MARKERS, strict=False):
        some = inputs == kind
        ax.errorbar(layers[some], ratio[some], error[some], color=colour, marker=marker, label=kind)
    ax.axhline(1, color="0.4", lw=1, ls="--", label="least squares")
    ax.set_xlabel("hidden layers")
    ax.set_ylabel("loss in log10 D over least squares")
    ax.set_yscale("log")
    write_plainly(ax.yaxis)
    ax.legend(frameon=False)
    tidy(ax)
    return ax.figure


def tell_layers(outcome):
    """Write the section of Figure 4."""
    header = ["hidden layers", *(f"{kind}: {name}" for kind in _KINDS for name in NAMES)]
    table = [
        [n, *(f"{outcome.find(method=f'{kind}, {n} layers', target=name).value:.3f}"
              for kind in _KINDS for name in NAMES)]
        for n in outcome.facts["layers"]
    ]  # fmt: skip
    return paragraphs(
        "Scaled down: each network sees "
        f"{outcome.facts['curves']:,} fresh curves (the paper trained each for days). Raw "
        "curves go into layers of 128 exponential linear units as in the paper, but by Adam "
        "with a cosine schedule, since its own descent needs far longer; linearised features "
        "into skfrap's layers of 64. Losses on the validation curves, over those of least "
        "squares there.",
        picture("figure4", "Loss in log10 D against the number of hidden layers"),
        markdown_table(header, table),
    )


def measure_progress(bench):
    """Collect the losses during training of the networks of Tables 3 and 4."""
    table = {"network": [], "seconds": [], **{name: [] for name in _TARGETS}}
    reached = {}
    for method in _METHODS:
        history, curves = bench.estimator(method).history_, bench.watched(method)
        base = losses(curves, bench.least_squares.predict(curves.data))
        ratio = history["validation_loss"] / base[:3]
        table["network"] += [method] * len(ratio)
        table["seconds"] += history["seconds"].tolist()
        for name, column in zip(_TARGETS, ratio.T, strict=True):
            table[name] += column.tolist()
        seconds, best = history["seconds"], (ratio < BEST_RATIOS[:3]).all(axis=1)
        reached[method] = {
            "log10 D below least squares": _first(seconds, ratio[:, 0] < 1),
            "all of the paper's best": _first(seconds, best),
            "in all": float(seconds[-1]),
        }
    rows = [
        Row("Figure 5", method, "validation", what, "seconds", seconds)
        for method, times in reached.items()
        for what, seconds in times.items()
        if seconds is not None
    ]
    figure = _draw_progress(table)
    return Outcome(rows, {"reached": reached}, {"figure5": table}, {"figure5": figure})


def _first(seconds, passed):
    return float(seconds[passed.argmax()]) if passed.any() else None


def _draw_progress(table):
    """Draw the losses as a whole, and below it what lies near that of least squares."""
    axes = new_axes(2, 3, figsize=(11, 6), sharex=True)
    network, seconds = np.array(table["network"]), np.array(table["seconds"])
    styles = {
        method: {"color": colour, "ls": "--" if method.endswith("separate") else "-", "lw": 1.5}
        for method, colour in zip(_METHODS, CATEGORIES, strict=False)
    }
    for column, name, best in zip(axes.T, _TARGETS, BEST_RATIOS[:3], strict=True):
        for ax in column:
            for method, style in styles.items():
                some = network == method
                ax.plot(seconds[some], np.array(table[name])[some], **style)
            ax.axhline(1, color="0.2", lw=1)
            ax.axhline(best, color="0.2", lw=1, ls=":")
        column[0].set(xscale="log", yscale="log")
        column[0].set_title(name, loc="left", fontsize=11)
        column[1].set(xlabel="time of training (s)", ylim=_NEAR)
    for ax in axes[:, 0]:
        ax.set_ylabel("loss over least squares")
    tidy(*axes.flat)
    lines = [Line2D([], [], label=method, **style) for method, style in styles.items()]
    lines.append(Line2D([], [], color="0.2", lw=1, label="least squares"))
    lines.append(Line2D([], [], color="0.2", lw=1, ls=":", label="the paper's best network"))
    axes[0, 0].figure.legend(handles=lines, loc="outside lower center", ncols=3, frameon=False)
    return axes[0, 0].figure


def tell_progress(outcome):
    """Write the section of Figure 5."""
    reached = outcome.facts["reached"]
    whats = [*next(iter(reached.values()))]
    table = [
        [method, *("not" if times[what] is None else f"{times[what]:.1f} s" for what in whats)]
        for method, times in reached.items()
    ]
    return paragraphs(
        "Losses on curves that are not trained on, over those of least squares on the same "
        "curves, during the trainings of Tables 3 and 4: on the validation set for skfrap's "
        "networks, on what it has set aside for the paper's design. Time counts compilation, and "
        "the simulation of curves for skfrap's networks, which see each curve once; not that for "
        "the paper's design, and not the validation. The paper's design is shown for as long as "
        "it was trained here; the paper trained it for days.",
        picture("figure5", "Losses of log10 D, c0 and alpha against the time of training"),
        markdown_table(["time until", *whats], table),
    )


STAGES = (
    Stage("figure4", "Figure 4: number of layers", measure_layers, tell_layers),
    Stage("figure5", "Figure 5: loss against time of training", measure_progress, tell_progress),
)
