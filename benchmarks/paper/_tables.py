"""Tables 1 to 4: what is drawn, and the losses of least squares and of networks."""

import numpy as np
from scipy.stats import ks_1samp, loguniform, uniform

from benchmarks import _published
from benchmarks._pages import markdown_table, paragraphs, picture, with_error
from benchmarks._published import (
    LEAST_SQUARES,
    N_LEAST_SQUARES_CURVES,
    N_OF_SET,
    NAMES,
    NETWORKS,
    SETS,
    over_least_squares,
)
from benchmarks._stage import Outcome, Row, Stage
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
        f"{facts['n']:,} draws. D is in µm²/s. p is the chance of so large a distance between what "
        "is drawn and the distribution, if it is the right one.",
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
    return Outcome(rows, {"n": n})


def error_of_both(n, n_of_paper):
    """Return the standard error of a ratio to a loss of the paper, over that of ours on n curves.

    The paper's has the error of drawing its own curves, which are so many.
    """
    return float(np.sqrt(1 + n / n_of_paper))


def papers_ratios(bench, network):
    """Divide the paper's losses of a network by its Table 2, on each set, with standard errors.

    The network's curves and those of least squares are different draws, which both count. How much
    a loss varies with the draw is taken from that of least squares here.
    """
    found, errors = bench.losses("least squares")
    n = len(bench.sets["test"].data)
    table = {}
    for data in SETS:
        ratios = over_least_squares(network, data)
        parts = [n / N_LEAST_SQUARES_CURVES, n / N_OF_SET[data]]
        told = np.asarray(ratios) * (errors / found) * np.sqrt(np.sum(parts))
        table[data] = [[ratio, float(error)] for ratio, error in zip(ratios, told, strict=True)]
    return table


def tell_table_2(outcome):
    """Write the section of Table 2."""
    table = []
    factor = error_of_both(outcome.facts["n"], N_LEAST_SQUARES_CURVES)
    for name in NAMES:
        row = outcome.find(data="test", target=name)
        others = [outcome.find(data=data, target=name).value for data in SETS[:2]]
        cells = [f"{row.paper:.4e}", f"{row.value:.4e}", f"{row.error:.1e}"]
        cells.append(with_error(row.ratio, factor * row.error / row.paper))
        table.append([name, *cells, *(f"{value:.4e}" for value in others)])
    header = "loss | paper | ours | standard error | ours / paper | on train | on validation"
    return paragraphs(
        f"Mean squared errors weighted by 1/a, {outcome.facts['n']:,} curves a set; the paper's "
        f"table is of {N_LEAST_SQUARES_CURVES:,} curves. Fits are bounded by Table 1's box: the "
        "paper names no bounds, and with these its table comes out. The standard error is that of "
        "drawing curves, by bootstrap; that of the ratio counts as well that the paper's curves "
        "are another draw.",
        markdown_table(header, table),
    )


def measure_networks(bench, item, targets, told):
    """Measure the losses of networks, and of the posterior mean, on each set of curves.

    Parameters
    ----------
    bench : Bench
    item : str
        Of the paper.
    targets : {"joint", "separate"}
    told : tuple of str
        Networks of the paper that the section tells of, the first of which is this table's.
    """
    ours, floor = f"skfrap, {targets}", "BayesianFRAP"
    rows = []
    for data in SETS:
        for method in (ours, floor):
            for measure, (found, errors) in (
                (_LOSS, bench.losses(method, data)),
                (_RATIO, bench.ratios(method, data)),
                (_FLOOR, bench.ratios(method, data, floor)),
            ):
                reported = (None,) * len(NAMES)
                if measure == _LOSS and method == ours:
                    reported = NETWORKS[told[0]][data]
                rows += [
                    Row(item, method, data, *row[:1], measure, *row[1:])
                    for row in zip(NAMES, found, errors, reported, strict=True)
                ]
    network = bench.default_network(targets)
    facts = {
        "n": len(bench.sets["test"].data),
        "method": ours,
        "paper": {name: papers_ratios(bench, name) for name in told},
        "weights": network.n_weights_,
        "minutes": {ours: network.history_["seconds"][-1] / 60},
        "curves": bench.amounts.n_samples,
    }
    return Outcome(rows, facts)


def tell_networks(outcome, papers):
    """Write the section of Table 3 or 4."""
    facts = outcome.facts
    ours, floor = facts["method"], "BayesianFRAP"
    targets = ours.partition(", ")[2]
    factor = error_of_both(facts["n"], N_OF_SET["test"])
    absolute = []
    for name in NAMES:
        where = {"data": "test", "target": name, "measure": _LOSS}
        row, other = (outcome.find(method=method, **where) for method in (ours, floor))
        ratio = with_error(row.ratio, factor * row.error / row.paper)
        absolute.append([name, f"{row.paper:.4e}", f"{row.value:.4e}", ratio, f"{other.value:.4e}"])
    relative = []
    for data in SETS:
        for k, name in enumerate(NAMES):
            where = {"data": data, "target": name}
            found = [outcome.find(method=one, measure=_RATIO, **where) for one in (ours, floor)]
            above = outcome.find(method=ours, measure=_FLOOR, **where)
            cells = [with_error(*facts["paper"][one][data][k]) for one in papers]
            cells += [with_error(row.value, row.error) for row in (*found, above)]
            relative.append([f"{data}: {name}", *cells])
    final = (
        "**Final** is the network that the paper goes on with: the D part of its joint network "
        "beside the separate ones of c0 and alpha. It gives no losses of it; here they are put "
        "together from its Tables 3 and 4. "
        if "final" in papers
        else ""
    )
    return paragraphs(
        f"Losses on the test curves ({facts['n']:,}; {N_OF_SET['test']:,} others in the paper), "
        "the paper's networks against skfrap's default "
        f'(`NeuralFRAP(targets="{targets}")`, {facts["weights"]:,} weights, '
        f"{facts['curves']:,} fresh curves).",
        markdown_table(["loss", "paper", "skfrap", "skfrap / paper", floor], absolute),
        f"Losses over those of least squares, with standard errors. {final}The paper's are its "
        f"losses over its Table 2, which is of {N_LEAST_SQUARES_CURVES:,} curves of its own: two "
        "draws of curves, both of which its errors count. Ours are of the same curves, so that "
        "the draw matters less; errors by bootstrap.",
        f"Train: in the paper all {N_OF_SET['train']:,} curves that its networks learn from; here "
        f"the first {facts['n']:,} of the stream, each of which skfrap's network has seen once. "
        f"Validation: in the paper the {N_OF_SET['validation']:,} curves that its networks were "
        "chosen by; here, as in test, curves that no network has seen or was chosen by. "
        "BayesianFRAP is the floor that no estimator can pass on average.",
        markdown_table(
            ["curves: loss", *(f"paper, {one}" for one in papers), ours, floor, "skfrap / floor"],
            relative,
        ),
    )


def _networks(number, targets, *told):
    title = f"Table {number}: {targets} network{'s' if targets == 'separate' else ''}"
    return Stage(
        f"table{number}",
        title,
        lambda bench: measure_networks(bench, f"Table {number}", targets, told),
        lambda outcome: tell_networks(outcome, told),
    )


STAGES = (
    Stage("table1", "Table 1: the distributions of the parameters", draw_table_1, tell_table_1),
    Stage("table2", "Table 2: least squares", measure_table_2, tell_table_2),
    _networks(3, "joint", "joint"),
    _networks(4, "separate", "separate", "final"),
)
