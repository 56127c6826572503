"""Tables 1 to 4: what is drawn, and the losses of least squares and of networks."""

import numpy as np
from scipy.stats import ks_1samp, loguniform, uniform

from benchmarks import _published
from benchmarks._bench import SETS
from benchmarks._pages import markdown_table, paragraphs, picture, with_error
from benchmarks._published import LEAST_SQUARES, NAMES
from benchmarks._stage import Outcome, Row, Stage
from skfrap.inference.networks._keras import _WARM_UP
from skfrap.plotting._style import DATA, FIT, new_axes, tidy

_LOSS, _RATIO, _FLOOR = "loss", "over least squares", "over the floor"
_PRIORS = {
    "D": (loguniform(*_published.TABLE_1_BOX["D"]), "log-uniform", "µm²/s"),
    "c0": (uniform(0.5, 0.5), "uniform", ""),
    "alpha": (uniform(0.45, 0.5), "uniform", ""),
    "a": (loguniform(*_published.TABLE_1_NOISE), "log-uniform", ""),
}
_QUANTILES = 0.25, 0.5, 0.75


def draw_table_1(bench):
    """Draw parameters and ask whether they are distributed as Table 1 says."""
    drawn = bench.sets["train"].parameters
    rows, columns = [], {"parameter": [], "lowest": [], "highest": [], "quartiles": [], "p": []}
    axes = new_axes(1, len(_PRIORS), figsize=(10, 2.6), sharey=True)
    for ax, (name, (prior, kind, unit)) in zip(axes, _PRIORS.items(), strict=True):
        values = drawn[name]
        low, high = prior.support()
        p = float(ks_1samp(values, prior.cdf).pvalue)
        ends = {"lowest": float(values.min()), "highest": float(values.max())}
        quartiles = np.quantile(values, _QUANTILES).tolist()
        for key, value in {"parameter": name, **ends, "quartiles": quartiles, "p": p}.items():
            columns[key].append(value)
        for (measure, value), paper in zip(ends.items(), (low, high), strict=True):
            rows.append(Row("Table 1", kind, "train", name, measure, value, paper=paper))
        log = kind == "log-uniform"
        edges = np.geomspace(low, high, 31) if log else np.linspace(low, high, 31)
        share = 100 * np.histogram(values, edges)[0] / len(values)
        ax.stairs(share, edges, fill=True, color=DATA, alpha=0.7)
        ax.axhline(100 / 30, color=FIT, lw=1.5)
        ax.set_xscale("log" if log else "linear")
        ax.set_xlabel(f"{name} ({unit})" if unit else name)
    axes[0].set_ylabel("share of curves (%)")
    tidy(*axes)
    facts = {**columns, "n": len(drawn["D"]), "kinds": [kind for _, kind, _ in _PRIORS.values()]}
    return Outcome(rows, facts, figures={"table1": axes[0].figure})


def tell_table_1(outcome):
    """Write the section of Table 1."""
    facts = outcome.facts
    table = []
    for k, name in enumerate(facts["parameter"]):
        ends = [outcome.find(target=name, measure=end).paper for end in ("lowest", "highest")]
        quartiles = " / ".join(f"{value:.4g}" for value in facts["quartiles"][k])
        drawn = f"{facts['lowest'][k]:.6g} – {facts['highest'][k]:.6g}"
        cells = f"{ends[0]:g} – {ends[1]:g}", drawn, quartiles, f"{facts['p'][k]:.2f}"
        table.append([f"{name}, {facts['kinds'][k]}", *cells])
    header = "parameter | the paper's range | ours, as drawn | quartiles | p (Kolmogorov)"
    return paragraphs(
        f"{facts['n']:,} draws. D is in µm²/s. The distribution of the noise a is inferred: it "
        "is the one that gives Table 2 (`python -m benchmarks.accuracy` prints what others "
        "give). p is the chance of so large a distance between what is drawn and the "
        "distribution, if it is the right one.",
        markdown_table(header, table),
        picture("table1", "Histograms of D, c0, alpha and a, flat on their scales"),
    )


def measure_table_2(bench):
    """Measure the losses of least squares."""
    rows = []
    for data in SETS:
        found, errors = bench.losses("least squares", data)
        for name, value, error, paper in zip(NAMES, found, errors, LEAST_SQUARES, strict=True):
            reported = paper if data == "test" else None
            rows.append(Row("Table 2", "least squares", data, name, _LOSS, value, error, reported))
    n = len(bench.sets["test"].data)
    return Outcome(rows, {"n": n, "doubled": _error_of_both(n)})


def _error_of_both(n):
    """Return the standard error of a ratio to the paper's loss, over that of ours on n curves.

    The paper's is that of drawing other curves, as many as it has in a set.
    """
    return float(np.sqrt(1 + n / _published.N_CURVES))


def tell_table_2(outcome):
    """Write the section of Table 2."""
    table = []
    for name in NAMES:
        row = outcome.find(data="test", target=name)
        others = [outcome.find(data=data, target=name).value for data in SETS[:2]]
        cells = [f"{row.paper:.4e}", f"{row.value:.4e}", f"{row.error:.1e}"]
        cells.append(with_error(row.ratio, outcome.facts["doubled"] * row.error / row.paper))
        table.append([name, *cells, *(f"{value:.4e}" for value in others)])
    header = "loss | paper | ours | standard error | ours / paper | on train | on validation"
    return paragraphs(
        f"Mean squared errors weighted by 1/a, {outcome.facts['n']:,} curves a set, fitted "
        "within Table 1's box. The standard error is that of drawing curves, by bootstrap; that "
        "of the ratio counts as well that the paper's curves are another draw.",
        markdown_table(header, table),
    )


def measure_networks(bench, item, targets, paper):
    """Measure the losses of networks, and of the posterior mean, on each set of curves."""
    ours, design, floor = f"skfrap, {targets}", f"paper's design, {targets}", "BayesianFRAP"
    rows = []
    for data in SETS:
        for method in (ours, design, floor):
            for measure, (found, errors) in (
                (_LOSS, bench.losses(method, data)),
                (_RATIO, bench.ratios(method, data)),
                (_FLOOR, bench.ratios(method, data, floor)),
            ):
                reported = paper if measure == _LOSS and data == "test" else (None,) * len(NAMES)
                rows += [
                    Row(item, method, data, *row[:1], measure, *row[1:])
                    for row in zip(NAMES, found, errors, reported, strict=True)
                ]
    networks = {ours: bench.default_network(targets), design: bench.paper_network(targets)}
    facts = {
        "n": len(bench.sets["test"].data),
        "doubled": _error_of_both(len(bench.sets["test"].data)),
        "warm_up": _WARM_UP,
        "epochs_per_step": networks[design].epochs_per_step,
        "weights": {name: one.n_weights_ for name, one in networks.items()},
        "minutes": {name: one.history_["seconds"][-1] / 60 for name, one in networks.items()},
        "curves": bench.amounts.n_samples,
        "training curves": bench.amounts.n_training_curves,
        "passes": networks[design].n_iter_,
    }
    return Outcome(rows, facts)


def tell_networks(outcome, paper):
    """Write the section of Table 3 or 4."""
    methods = [*outcome.facts["weights"], "BayesianFRAP"]
    targets = methods[0].partition(", ")[2]
    facts = outcome.facts
    absolute = []
    for name in NAMES:
        where = {"data": "test", "target": name, "measure": _LOSS}
        row, *others = (outcome.find(method=method, **where) for method in methods)
        ratio = with_error(row.ratio, facts["doubled"] * row.error / row.paper)
        cells = [f"{row.paper:.4e}", f"{row.value:.4e}", ratio]
        absolute.append([name, *cells, *(f"{other.value:.4e}" for other in others)])
    relative = []
    for data in SETS:
        for k, name in enumerate(NAMES):
            where = {"data": data, "target": name}
            found = [outcome.find(method=one, measure=_RATIO, **where) for one in methods]
            above = outcome.find(method=methods[0], measure=_FLOOR, **where)
            theirs = f"{paper[k] / LEAST_SQUARES[k]:.4f}" if data == "test" else ""
            cells = [with_error(row.value, row.error) for row in (*found, above)]
            relative.append([f"{data}: {name}", theirs, *cells])
    return paragraphs(
        f"Losses on the test curves ({facts['n']:,}), the paper's networks against skfrap's "
        f'default (`NeuralFRAP(targets="{targets}")`, {facts["weights"][methods[0]]:,} weights, '
        f"{facts['curves']:,} fresh curves).",
        markdown_table(["loss", "paper", "skfrap", "skfrap / paper", *methods[1:]], absolute),
        "The paper's curves are another draw than these, which its losses depend on as well. So "
        "all are compared on the same curves: losses over those of least squares, with standard "
        "errors by bootstrap. The paper's column is its network's loss over its Table 2; its "
        "losses on training and validation curves are not known here.",
        f"The paper's design ({facts['weights'][methods[1]]:,} weights) learns from "
        f"{facts['training curves']:,} curves in {facts['passes']} passes, "
        f"{facts['minutes'][methods[1]]:.0f} minutes, where the paper made 80,000 in days. Its "
        f"learning rate rises over {facts['warm_up']} passes, as in the paper, and comes down by "
        f"the paper's steps every {facts['epochs_per_step']} passes instead of 8,000. So these "
        "are errors of a training that is cut short, not of the design. It keeps the weights that "
        f"do best on {facts['n']:,} more curves that it sets aside.",
        f"Train: the first {facts['n']:,} curves of the stream, which skfrap's network has seen "
        f"once, and the paper's design, but for those that it sets aside, in every pass. "
        "Validation and test: curves that no network has seen or was chosen by. BayesianFRAP is "
        "the floor that no estimator can pass on average.",
        markdown_table(["curves: loss", "paper", *methods, "skfrap / floor"], relative),
    )


def _networks(number, targets, paper):
    title = f"Table {number}: {targets} network{'s' if targets == 'separate' else ''}"
    return Stage(
        f"table{number}",
        title,
        lambda bench: measure_networks(bench, f"Table {number}", targets, paper),
        lambda outcome: tell_networks(outcome, paper),
    )


STAGES = (
    Stage("table1", "Table 1: the distributions of the parameters", draw_table_1, tell_table_1),
    Stage("table2", "Table 2: least squares", measure_table_2, tell_table_2),
    _networks(3, "joint", _published.JOINT_NETWORK),
    _networks(4, "separate", _published.SEPARATE_NETWORKS),
)
