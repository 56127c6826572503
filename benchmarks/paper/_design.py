"""The paper's own design, for as long as it was trained: losses, and their curve as in Figure 5.

`benchmarks.paper_training` trains it, for hours, and keeps its networks and their history in a
folder, which this reads.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks._pages import add_row, markdown_table, paragraphs, picture, with_error
from benchmarks._published import (
    BELOW_LEAST_SQUARES,
    EPOCHS,
    HOURS,
    N_TRAINING_CURVES,
    NAMES,
    NETWORKS,
)
from benchmarks._stage import Outcome, Row, Stage
from benchmarks.paper._tables import papers_ratios
from skfrap.inference.networks._network import forward
from skfrap.plotting._style import CATEGORIES, DATA, FIT, new_axes, tidy, write_plainly

_SEPARATE = {"log10 D": "log10_D", "c0": "c0", "alpha": "alpha"}  # kinds by target
_OURS = "skfrap, joint"
_RATIO = "over least squares"


@dataclass(frozen=True)
class Trained:
    """A network of the paper's design, of the epoch that did best on curves set aside.

    Attributes
    ----------
    weights : list of (W, b)
    history : dict of ndarray
        ``seconds`` and ``validation_loss``, NaN where it was not measured, per epoch.
    n_starts : int
        How many trainings it is the best of.
    """

    weights: list
    history: dict
    n_starts: int

    def predict(self, X):
        """Estimate; the paper's networks see curves as they are."""
        return forward(np.asarray(X, np.float32), self.weights, "elu")

    @property
    def n_weights(self):
        """How many weights it has."""
        return sum(array.size for layer in self.weights for array in layer)

    @property
    def lowest(self):
        """The lowest loss of each target so far, per epoch."""
        return np.fmin.accumulate(self.history["validation_loss"], axis=0)


def read_training(folder):
    """Read the networks that a folder of `benchmarks.paper_training` has, by kind.

    Returns
    -------
    dict of Trained
        "joint", "log10_D", "c0" and "alpha", as far as they are there: of several starts the one
        with the lowest loss on validation data.
    """
    found = {}
    for kind in ("joint", *_SEPARATE.values()):
        starts = [_read_start(path) for path in sorted(folder.glob(f"{kind}-*/start-0.npz"))]
        starts = [start for start in starts if start is not None]
        if starts:
            _, weights, history = min(starts, key=lambda start: start[0])
            found[kind] = Trained(weights, history, len(starts))
    return found


def _read_start(path):
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    flat = [
        arrays[f"best_weights/0/{k}"] for k in range(len(arrays)) if f"best_weights/0/{k}" in arrays
    ]
    if not flat:
        return None  # nothing was measured yet
    history = {name: arrays[f"history/{name}"] for name in ("seconds", "validation_loss")}
    return float(arrays["best_losses"][0]), [*zip(flat[::2], flat[1::2], strict=True)], history


def measure(bench):
    """Measure the losses of what is trained, and collect how they fell."""
    trained = {} if bench.training is None else read_training(bench.training)
    found = {}
    if "joint" in trained:
        found["joint"] = trained["joint"].predict(bench.fresh.data)
    columns = [_column(trained, kind, bench.fresh.data) for kind in _SEPARATE.values()]
    found["separate"] = np.column_stack(columns)
    if "joint" in found:
        found["final"] = np.column_stack([found["joint"][:, :1], found["separate"][:, 1:]])
    rows = [row for name, estimates in found.items() for row in _rows(bench, name, estimates)]
    base = bench.losses("least squares", "validation")[0]
    facts = {
        "n": len(bench.fresh.data),
        "paper": {name: papers_ratios(bench, name) for name in NETWORKS},
        "runs": {kind: _run(one, kind, base) for kind, one in trained.items()},
    }
    if not trained:
        return Outcome(rows, facts)
    table = _progress(bench, trained, base)
    return Outcome(rows, facts, {"design": table}, {"design": _draw(table)})


def _rows(bench, name, estimates):
    """Measure losses over those of least squares, of the targets that are estimated at all."""
    known = np.isfinite(estimates[0])
    ratios, errors = bench.ratios_of(np.where(known, estimates, 0.0))
    return [
        Row("section 3.2", name, "test", target, _RATIO, float(ratio), float(error))
        for target, ratio, error, there in zip(
            NAMES, ratios, errors, [*known, known.all()], strict=True
        )
        if there
    ]


def _column(trained, kind, X):
    """Estimate by the network of one kind; NaN where there is none."""
    if kind not in trained:
        return np.full(len(X), np.nan)
    return trained[kind].predict(X)[:, 0]


def _run(network, kind, base):
    """Tell how far a network was trained, and in which epoch log10 D came below least squares."""
    below = None
    if kind in ("joint", "log10_D"):
        passed = network.lowest[:, 0] < base[0]
        below = int(passed.argmax()) + 1 if passed.any() else None
    return {
        "epochs": len(network.lowest),
        "hours": float(network.history["seconds"][-1]) / 3600,
        "starts": network.n_starts,
        "weights": network.n_weights,
        "below": below,
    }


def _progress(bench, trained, base):
    """Collect the lowest losses so far, over those of least squares."""
    table = {}
    for kind, network in trained.items():
        names = NAMES if kind == "joint" else [n for n, one in _SEPARATE.items() if one == kind]
        lowest = network.lowest
        if kind == "joint":
            loss = network.history["validation_loss"].mean(axis=1, keepdims=True)
            lowest = np.hstack([lowest, np.fmin.accumulate(loss, axis=0)])
        for k, name in enumerate(names):
            _add(
                table,
                kind,
                name,
                np.arange(1, 1 + len(lowest)),
                lowest[:, k] / base[NAMES.index(name)],
            )
    # skfrap's network sees a stream: its epochs are so many times as many curves.
    history = bench.estimator(_OURS).history_
    seen = history["step"] * bench.estimator(_OURS).batch_size / N_TRAINING_CURVES
    loss = history["validation_loss"]
    loss = np.column_stack([loss, loss.mean(axis=1)]) / base
    for k, name in enumerate(NAMES):
        _add(table, _OURS, name, seen, np.minimum.accumulate(loss[:, k]))
    return table


def _add(table, network, target, epochs, ratios):
    for epoch, ratio in zip(epochs.tolist(), ratios.tolist(), strict=True):
        if np.isfinite(ratio):
            add_row(table, network=network, target=target, epoch=epoch, ratio=ratio)


def _draw(table):
    axes = new_axes(1, len(NAMES), figsize=(12, 3.6))
    columns = {name: np.array(values) for name, values in table.items()}
    for ax, name in zip(axes, (NAMES[-1], *NAMES[:-1]), strict=True):
        lines = {"joint": (FIT, "paper's design, joint"), _OURS: (CATEGORIES[2], _OURS)}
        if name in _SEPARATE:
            lines[_SEPARATE[name]] = "0.1", "paper's design, separate"
        for network, (colour, label) in lines.items():
            some = (columns["network"] == network) & (columns["target"] == name)
            ax.plot(
                columns["epoch"][some], columns["ratio"][some], color=colour, lw=1.6, label=label
            )
        ax.axhline(1, color=DATA, lw=1.2, label="least squares")
        ax.set(xscale="log", yscale="log", xlabel="epochs")
        for axis in (ax.xaxis, ax.yaxis):
            write_plainly(axis)
        ax.set_title(name, loc="left", fontsize=11)
    axes[0].set_ylabel("lowest loss so far\nover least squares")
    tidy(*axes)
    handles, labels = axes[1].get_legend_handles_labels()
    axes[0].figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return axes[0].figure


def tell(outcome):
    """Write the section of the paper's design."""
    facts, runs = outcome.facts, outcome.facts["runs"]
    table = []
    for k, name in enumerate(NAMES):
        cells = [with_error(*facts["paper"][one]["test"][k]) for one in NETWORKS]
        found = [outcome.find(method=one, target=name) for one in NETWORKS]
        cells += ["" if row is None else with_error(row.value, row.error) for row in found]
        table.append([name, *cells])
    networks = [*(f"paper, {one}" for one in NETWORKS), *(f"here, {one}" for one in NETWORKS)]
    how = (
        "The paper trains sixteen networks at once, four of each kind from different starts, for "
        f"{HOURS:.0f} h and {EPOCHS:,} epochs on 128 threads, and takes the best of each kind: a "
        "joint one and separate ones. Its final network is the D part of the joint one beside the "
        "separate ones of c0 and alpha. `NeuralFRAP.deepfrap2021` is the same design, and the "
        "program `benchmarks.paper_training` trains it by the paper's schedule, in as many runs as "
        "one likes."
    )
    if not runs:
        return paragraphs(
            how,
            "No such training was given to this page (`--training FOLDER`), so here are the "
            "paper's losses over its Table 2 on its test curves only:",
            markdown_table(["loss", *networks[:3]], [row[:4] for row in table]),
        )
    progress = [
        [
            "paper", "4", f"{EPOCHS:,}", "100 %", f"{HOURS:.0f} h",
            f"separate: about {BELOW_LEAST_SQUARES.epochs:,}, {BELOW_LEAST_SQUARES.hours:.0f} h",
        ]
    ]  # fmt: skip
    for kind, run in runs.items():
        below = "" if kind in ("c0", "alpha") else "not reached"
        below = below if run["below"] is None else f"{run['below']:,}"
        name = kind if kind == "joint" else f"separate, {kind.replace('_', ' ')}"
        share = f"{100 * run['epochs'] / EPOCHS:.2g} %"
        done = f"{run['starts']}", f"{run['epochs']:,}", share, _hours(run["hours"])
        progress.append([f"here, {name} ({run['weights']:,} weights)", *done, below])
    return paragraphs(
        how,
        markdown_table(
            "trained | starts | epochs | share | time | epochs until D is below least squares",
            progress,
        ),
        f"Losses over least squares on {facts['n']:,} test curves, of what was trained; in the "
        "paper's columns those of its own test curves over its Table 2, with errors that count "
        "both draws. What of the differences comes from the shorter training, from fewer starts "
        "or from anything else is not measured here.",
        markdown_table(["loss", *networks], table),
        picture("design", "The lowest loss so far of each network, against the epochs"),
        "Drawn as in the paper's Figure 5: the lowest loss so far on curves that are not learnt "
        f"from, over that of least squares. {_OURS} is the default network of Table 3; it sees a "
        f"stream of fresh curves, of which {N_TRAINING_CURVES:,} count as an epoch.",
    )


def _hours(hours):
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"


STAGES = (Stage("design", "Section 3.2 and Figure 5: the paper's own design", measure, tell),)
