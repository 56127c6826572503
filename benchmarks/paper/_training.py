"""Figures 4 and 5: losses against the number of layers, and against the time of training."""

import numpy as np
from matplotlib.lines import Line2D

from benchmarks._pages import add_row, markdown_table, paragraphs, picture
from benchmarks._published import BELOW_LEAST_SQUARES, FINAL_RATIOS, HOURS, NAMES
from benchmarks._stage import Outcome, Row, Stage
from skfrap.plotting._style import CATEGORIES, MARKERS, new_axes, tidy, write_plainly

_KINDS = {  # width, most layers, and what else; deeper ones of the second kind do not train
    "raw curves": (128, 16, {"features": "raw", "activation": "elu"}),
    "linearized": (64, 8, {"features": "linearized"}),
}
_METHODS = "skfrap, joint", "skfrap, separate"
_TARGETS = NAMES[:3]
_RATIO = "over least squares"


def measure_layers(bench):
    """Measure the loss of networks of more and more layers."""
    held = bench.sets["validation"]
    seeds = range(bench.seed, bench.seed + bench.amounts.n_seeds_per_depth)
    rows, table = [], {}
    for kind, (width, deepest, options) in _KINDS.items():
        for n_layers in (n for n in bench.amounts.layers if n <= deepest):
            options = options | {"hidden_layer_sizes": (width,) * n_layers}
            found = []
            for seed in seeds:
                asked = options | {"random_state": seed}
                network = bench.train(bench.amounts.n_samples_per_depth, **asked)
                found.append(bench.ratios_of(network.predict(held.data), "validation")[0])
            mean = np.mean(found, axis=0)
            errors = (None,) * len(NAMES)
            if len(found) > 1:
                errors = (np.std(found, axis=0, ddof=1) / np.sqrt(len(found))).tolist()
            rows += [
                Row("Figure 4", f"{kind}, {n_layers} layers", "validation", name, _RATIO, *pair)
                for name, *pair in zip(NAMES, mean.tolist(), errors, strict=True)
            ]
            # c0 is a different matter for raw curves: it is the mean of ten values.
            add_row(
                table, inputs=kind, layers=n_layers, weights=network.n_weights_, ratio=mean[0],
                lowest=np.min(found, axis=0)[0], highest=np.max(found, axis=0)[0],
            )  # fmt: skip
            print(f"  {kind}, {n_layers} layers: {mean.round(3)}", flush=True)
    facts = {
        "curves": bench.amounts.n_samples_per_depth,
        "layers": bench.amounts.layers,
        "seeds": len(seeds),
    }
    return Outcome(rows, facts, {"figure4": table}, {"figure4": _draw_layers(table)})


def _draw_layers(table):
    ax = new_axes(figsize=(6, 3.8))
    names = "inputs", "layers", "ratio", "lowest", "highest"
    inputs, layers, ratio, lowest, highest = (np.array(table[key]) for key in names)
    for kind, colour, marker in zip(_KINDS, CATEGORIES, MARKERS, strict=False):
        some = inputs == kind
        reach = np.array([ratio - lowest, highest - ratio])[:, some]
        ax.errorbar(layers[some], ratio[some], reach, color=colour, marker=marker, label=kind)
    ax.axhline(1, color="0.4", lw=1, ls="--", label="least squares")
    ax.set_xlabel("hidden layers")
    ax.set_ylabel("loss in log10 D over least squares")
    ax.set(xscale="log", yscale="log")
    write_plainly(ax.xaxis, sorted({*table["layers"]}))
    write_plainly(ax.yaxis)
    ax.legend(frameon=False)
    tidy(ax)
    return ax.figure


def tell_layers(outcome):
    """Write the section of Figure 4."""
    facts = outcome.facts
    header = ["hidden layers", *(f"{kind}: {name}" for kind in _KINDS for name in NAMES)]
    table = []
    for n in facts["layers"]:
        found = [
            outcome.find(method=f"{kind}, {n} layers", target=name)
            for kind in _KINDS
            for name in NAMES
        ]
        table.append([n, *("" if row is None else f"{row.value:.3f}" for row in found)])
    one = facts["seeds"] == 1
    means = "one network" if one else f"means of {facts['seeds']} networks"
    return paragraphs(
        "The paper trains 20 networks for each number of layers from 1 to 16, each for 200 epochs "
        "over its training set by stochastic gradient descent at a constant rate of 1e-3, and "
        "shows the mean of the lowest validation loss. This is another experiment with the same "
        f"question: {means} of each of some depths, {facts['curves']:,} fresh curves each, Adam "
        "with a cosine schedule, the loss at the end. Raw curves go into layers of 128 "
        "exponential linear units as in the paper, linearised features into skfrap's layers of "
        "64, of which it does not train sixteen. Losses on the validation curves, over those of "
        "least squares there"
        f"{'' if one else '; bars from the lowest to the highest'}.",
        picture("figure4", "Loss in log10 D against the number of hidden layers"),
        markdown_table(header, table),
    )


def measure_progress(bench):
    """Collect the losses during training of the networks of Tables 3 and 4."""
    table = {"network": [], "seconds": [], **{name: [] for name in _TARGETS}}
    reached = {}
    for method in _METHODS:
        history, base = (
            bench.estimator(method).history_,
            bench.losses("least squares", "validation")[0],
        )
        ratio = history["validation_loss"] / base[:3]
        table["network"] += [method] * len(ratio)
        table["seconds"] += history["seconds"].tolist()
        for name, column in zip(_TARGETS, ratio.T, strict=True):
            table[name] += column.tolist()
        seconds, best = history["seconds"], (ratio < FINAL_RATIOS[:3]).all(axis=1)
        reached[method] = {
            "log10 D below least squares": _first(seconds, ratio[:, 0] < 1),
            "all below the paper's final network": _first(seconds, best),
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
    axes = new_axes(1, 3, figsize=(11, 3.8), sharex=True)
    network, seconds = np.array(table["network"]), np.array(table["seconds"])
    styles = {
        method: {"color": colour, "ls": "--" if method.endswith("separate") else "-", "lw": 1.5}
        for method, colour in zip(_METHODS, CATEGORIES, strict=False)
    }
    for ax, name, final in zip(axes, _TARGETS, FINAL_RATIOS[:3], strict=True):
        for method, style in styles.items():
            some = network == method
            ax.plot(seconds[some], np.array(table[name])[some], **style)
        ax.axhline(1, color="0.2", lw=1)
        ax.axhline(final, color="0.2", lw=1, ls=":")
        ax.set(xscale="log", xlabel="time of training (s)")
        ax.set_title(name, loc="left", fontsize=11)
    write_plainly(axes[0].xaxis)
    axes[0].set_ylabel("loss over least squares")
    tidy(*axes)
    lines = [Line2D([], [], label=method, **style) for method, style in styles.items()]
    lines.append(Line2D([], [], color="0.2", lw=1, label="least squares"))
    lines.append(Line2D([], [], color="0.2", lw=1, ls=":", label="the paper's final network"))
    axes[0].figure.legend(handles=lines, loc="outside lower center", ncols=4, frameon=False)
    return axes[0].figure


def tell_progress(outcome):
    """Write the section of Figure 5."""
    reached = outcome.facts["reached"]
    whats = [*next(iter(reached.values()))]
    table = [
        [method, *("not" if times[what] is None else f"{times[what]:.1f} s" for what in whats)]
        for method, times in reached.items()
    ]
    known = {whats[0]: f"{BELOW_LEAST_SQUARES.hours:.0f} h", whats[-1]: f"{HOURS:.0f} h"}
    table.append(["paper, separate network of D", *(known.get(what, "") for what in whats)])
    return paragraphs(
        "Losses on the validation curves, over those of least squares on the same curves, during "
        "the trainings of Tables 3 and 4. Time counts compilation and the simulation of curves, "
        "which skfrap's networks see once each; not the validation. The paper's Figure 5 shows "
        "the lowest validation loss so far against epochs: its separate network of D comes below "
        f"least squares after about {BELOW_LEAST_SQUARES.epochs:,} epochs, or "
        f"{BELOW_LEAST_SQUARES.hours:.0f} h of the {HOURS:.0f} h in which sixteen networks were "
        "trained side by side on 128 threads.",
        picture("figure5", "Losses of log10 D, c0 and alpha against the time of training"),
        markdown_table(["time until", *whats], table),
    )


STAGES = (
    Stage("figure4", "Figure 4: number of layers", measure_layers, tell_layers),
    Stage("figure5", "Figure 5: loss against time of training", measure_progress, tell_progress),
)
