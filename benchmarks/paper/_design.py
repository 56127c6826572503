"""The paper's own design, trained here: losses, and their curve as in its Figure 5."""

import numpy as np

from benchmarks._losses import losses
from benchmarks._pages import add_row, markdown_table, paragraphs, picture, with_error
from benchmarks._published import (
    BELOW_LEAST_SQUARES,
    EPOCHS,
    HOURS,
    N_TRAINING_CURVES,
    NAMES,
    NETWORKS,
    SETS,
)
from benchmarks._stage import Outcome, Row, Stage
from benchmarks.paper._tables import papers_ratios
from skfrap.inference.networks._keras import _WARM_UP
from skfrap.plotting._style import CATEGORIES, DATA, FIT, new_axes, tidy, write_plainly

_TRAINED = "joint", "separate"
_RATIO = "over least squares"
_OURS = "skfrap, joint"


def design(network):
    """Name the estimates of a network of the paper's design."""
    return f"paper's design, {network}"


def measure(bench):
    """Measure the losses of the networks of the paper's design, and collect how they fell."""
    rows = []
    for data in SETS:
        for name in NETWORKS:
            method = design(name)
            for measure, (found, errors) in (
                ("loss", bench.losses(method, data)),
                (_RATIO, bench.ratios(method, data)),
            ):
                rows += [
                    Row("section 3.2", method, data, *row[:1], measure, *row[1:])
                    for row in zip(NAMES, found, errors, strict=True)
                ]
    trained = {name: bench.paper_network(name) for name in _TRAINED}
    runs = {name: _run(network) for name, network in trained.items()}
    for name, network in trained.items():
        runs[name]["below"] = _epoch_below(bench, name, network)
    facts = {
        "n": len(bench.sets["test"].data),
        "training curves": bench.amounts.n_training_curves,
        "paper": {name: papers_ratios(bench, name) for name in NETWORKS},
        "runs": runs,
        "weights": {name: one.n_weights_ for name, one in trained.items()}
        | {"final": _weights_of_final(**trained)},
        "epochs_per_step": {name: one.epochs_per_step for name, one in trained.items()},
        "warm_up": _WARM_UP,
    }
    table = _progress(bench, trained)
    return Outcome(rows, facts, {"design": table}, {"design": _draw(table)})


def _run(network):
    hours = float(network.history_["seconds"][-1]) / 3600
    return {"epochs": int(network.n_iter_), "hours": hours}


def _weights_of_final(joint, separate):
    """Count the weights of the joint network with one output, and of two separate ones."""
    biases = joint.weights_[0][-1][1]
    last = joint.weights_[0][-1][0].shape[0] + 1
    others = len(separate.weights_) - 1
    alone = separate.n_weights_ // len(separate.weights_)
    return joint.n_weights_ - last * (len(biases) - 1) + others * alone


def _benchmark(bench, method):
    """Compute the losses of least squares on the curves that a training was watched on."""
    curves = bench.watched(method)
    return losses(curves, bench.least_squares.predict(curves.data))


def _epoch_below(bench, name, network):
    """Find the first epoch in which the loss of log10 D is below that of least squares."""
    passed = network.history_["validation_loss"][:, 0] < _benchmark(bench, design(name))[0]
    return int(passed.argmax()) + 1 if passed.any() else None


def _progress(bench, trained):
    """Collect the lowest losses so far, over those of least squares on the same curves."""
    table = {}
    for name, network in trained.items():
        loss = network.history_["validation_loss"]
        loss = np.column_stack([loss, loss.mean(axis=1)])
        lowest = np.minimum.accumulate(loss, axis=0) / _benchmark(bench, design(name))
        for epoch, row in enumerate(lowest, 1):
            add_row(table, network=name, epoch=epoch, **dict(zip(NAMES, row.tolist(), strict=True)))
    # skfrap's network sees a stream: its epochs are so many times as many curves.
    ours, base = bench.estimator(_OURS), _benchmark(bench, _OURS)
    seen = ours.history_["step"] * ours.batch_size / bench.amounts.n_training_curves
    loss = ours.history_["validation_loss"]
    loss = np.column_stack([loss, loss.mean(axis=1)]) / base
    for epoch, row in zip(seen, np.minimum.accumulate(loss, axis=0), strict=True):
        values = dict(zip(NAMES, row.tolist(), strict=True))
        add_row(table, network=_OURS, epoch=float(epoch), **values)
    return table


def _draw(table):
    axes = new_axes(1, len(NAMES), figsize=(12, 3.2))
    network, epoch = np.array(table["network"]), np.array(table["epoch"])
    for ax, name in zip(axes, (NAMES[-1], *NAMES[:-1]), strict=True):
        lines = [("joint", FIT, "the joint network")]
        if name == NAMES[-1]:
            lines = [("joint", "0.1", "this network")]
        else:
            lines.append(("separate", "0.1", "this network"))
        lines.append((_OURS, CATEGORIES[2], _OURS))
        for kind, colour, label in lines:
            some = network == kind
            ax.plot(epoch[some], np.array(table[name])[some], color=colour, lw=1.5, label=label)
        ax.axhline(1, color=DATA, lw=1.2, label="least squares")
        ax.set(xscale="log", yscale="log", xlabel="epochs")
        write_plainly(ax.yaxis)
        title = "joint network" if name == NAMES[-1] else f"network of {name}"
        ax.set_title(title, loc="left", fontsize=11)
    axes[0].set_ylabel("lowest loss so far\nover least squares")
    axes[1].legend(frameon=False, fontsize=9)
    tidy(*axes)
    return axes[0].figure


def tell(outcome):
    """Write the section of the paper's design."""
    facts, runs = outcome.facts, outcome.facts["runs"]
    table = []
    for k, name in enumerate(NAMES):
        cells = [with_error(*facts["paper"][one]["test"][k]) for one in NETWORKS]
        where = {"data": "test", "target": name, "measure": _RATIO}
        found = [outcome.find(method=design(one), **where) for one in NETWORKS]
        table.append([name, *cells, *(with_error(row.value, row.error) for row in found)])
    whole = f"{EPOCHS:,} of them, {HOURS:.0f} h"
    progress = [
        [
            "paper", f"{EPOCHS:,}", "100 %", f"{HOURS:.0f} h",
            f"separate: about {BELOW_LEAST_SQUARES.epochs:,}, {BELOW_LEAST_SQUARES.hours:.0f} h",
        ]
    ]  # fmt: skip
    for name, run in runs.items():
        below = "not" if run["below"] is None else f"{run['below']:,}"
        share = f"{100 * run['epochs'] / EPOCHS:.2g} %"
        progress.append([f"here, {name}", f"{run['epochs']:,}", share, _hours(run), below])
    steps = " and ".join(f"{facts['epochs_per_step'][name]} ({name})" for name in runs)
    weights = ", ".join(f"{name} {count:,}" for name, count in facts["weights"].items())
    curves = facts["training curves"]
    fewer = "" if curves == N_TRAINING_CURVES else f" (the paper: {N_TRAINING_CURVES:,})"
    return paragraphs(
        "`NeuralFRAP.deepfrap2021()`, eight layers of 128 exponential linear units on the values "
        f"of a curve. Weights: {weights}. Final is, as in the paper, the D part of the joint "
        f"network beside the separate ones of c0 and alpha. Networks learn from {curves:,} "
        f"curves{fewer}, from one start each, and keep the weights of the epoch that is best on "
        "curves set aside. The paper took the best of four starts, of which it trained "
        f"sixteen networks at once: {whole}. Its learning rate rises over {facts['warm_up']} "
        "epochs and falls every 8,000, by then six times; here it rises as long and falls every "
        f"{steps} epochs. What of the differences comes from the shorter training, from the "
        "single start or from anything else is not measured here.",
        markdown_table(
            "trained | epochs | share | time | epochs until log10 D is below least squares",
            progress,
        ),
        f"Losses over least squares on {facts['n']:,} test curves; in the paper's columns those of "
        "its own test curves over its Table 2, with errors that count both draws:",
        markdown_table(
            ["loss", *(f"paper, {one}" for one in NETWORKS), *(f"here, {one}" for one in NETWORKS)],
            table,
        ),
        picture("design", "The lowest loss so far of each network, against the epochs"),
        "Drawn as in the paper's Figure 5: the lowest loss so far on the curves set aside. "
        f"{_OURS} is the default network of Table 3, on the validation curves; it sees a stream of "
        f"fresh curves, of which {curves:,} count as an epoch.",
    )


def _hours(run):
    return f"{run['hours']:.1f} h" if run["hours"] >= 1 else f"{60 * run['hours']:.0f} min"


STAGES = (
    Stage(
        "design", "Section 3.2 and Figure 5: the paper's own design, trained here", measure, tell
    ),
)
