"""Figures 8 and 9 and section 3.4: the experiment, simulated to look like it.

The paper measured sodium fluorescein in solutions of sucrose. Its series are not here, so they are
simulated: its diffusion coefficients, 20 replicates each, noise of its size, 16 bits, uneven
illumination. What is known then, and was not of the experiment, is the truth. Which test the paper
made is not known here either: both that compare two methods are made, paired and unpaired.
"""

import numpy as np
from scipy import stats
from sklearn.pipeline import make_pipeline

from benchmarks._pages import markdown_table, paragraphs, picture, with_error
from benchmarks._published import EXPERIMENT, N_REPLICATES
from benchmarks._stage import Outcome, Row, Stage
from skfrap import FRAPSimulator
from skfrap.plotting import _style as style
from skfrap.plotting._style import CATEGORIES, DATA, FIT, TIME, new_axes, tidy
from skfrap.preprocessing import BackgroundSubtractor, IntensityRescaler, RecoveryCurveExtractor

_METHODS = {"least squares": "least squares", "network": "skfrap, joint"}
_POSTERIOR = "BayesianFRAP"
_DARKENING = 0.12  # from the centre to the middle of an edge
_NOISE = 3e-3
_LEVEL = 0.05


def simulators(bench):
    """Make a simulator for each sample: c0 and alpha differ from replicate to replicate."""
    ny, nx = bench.protocol.shape
    y, x = np.ogrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j]
    vignette = -_DARKENING * (x**2 + y**2)
    vignette -= vignette.mean()
    made = {}
    for k, (name, D) in enumerate(EXPERIMENT.items()):
        prior = {"D": D, "c0": stats.uniform(0.6, 0.15), "alpha": stats.uniform(0.55, 0.2)}
        options = {"bit_depth": 16, "background": vignette, "random_state": bench.seed + 34 + k}
        made[name] = FRAPSimulator(bench.protocol, prior | {"a": _NOISE}, **options)
    return made


def measure(bench):
    """Simulate series, estimate D from them by both methods, and compare the methods."""
    chain = make_pipeline(
        IntensityRescaler(16),
        BackgroundSubtractor(protocol=bench.protocol),
        RecoveryCurveExtractor(bench.protocol),
    )
    estimators = {name: bench.estimator(method) for name, method in _METHODS.items()}
    rows, shown = [], {}
    table = {"sample": [], "replicate": [], **{f"{name}: D (um2/s)": [] for name in estimators}}
    facts = {"tests": {}, "repeated": {}}
    for sample, simulator in simulators(bench).items():
        truth = EXPERIMENT[sample]
        stacks = simulator.sample_images(N_REPLICATES).data
        X = chain.fit_transform(stacks)
        theta = {name: estimator.predict(X) for name, estimator in estimators.items()}
        D = {name: 10 ** one[:, 0] for name, one in theta.items()}
        table["sample"] += [sample] * N_REPLICATES
        table["replicate"] += range(1, N_REPLICATES + 1)
        for name, values in D.items():
            table[f"{name}: D (um2/s)"] += values.tolist()
            error = values.std(ddof=1) / np.sqrt(N_REPLICATES)
            found = values.mean(), error, truth
            rows.append(Row("section 3.4", name, sample, "D", "mean", *found))
        facts["tests"][sample] = _tests(D, truth)
        facts["repeated"][sample] = _repeat(bench, simulator, estimators, truth)
        shown[sample] = stacks[0], X[0], {name: one[:1] for name, one in theta.items()}
    facts["experiments"] = bench.amounts.n_experiments
    figures = {"figure8": _draw_examples(bench, shown), "figure9": _draw_replicates(table)}
    return Outcome(rows, facts, {"figure9": table}, figures)


def _tests(D, truth):
    """Compute p-values of tests: arrays of shape (n_replicates,) or (n_replicates, n)."""
    first, second = D.values()
    tests = {
        "two-sample t": stats.ttest_ind(first, second, equal_var=False).pvalue,
        "paired t": stats.ttest_rel(first, second).pvalue,
    }
    for name, values in D.items():
        tests[f"{name} against the truth"] = stats.ttest_1samp(values, truth).pvalue
    return tests


def _repeat(bench, simulator, estimators, truth):
    """Repeat the experiment on curves: how often each test calls a difference significant."""
    n = bench.amounts.n_experiments
    X = simulator.sample(n * N_REPLICATES, start=N_REPLICATES).data
    D = {
        name: 10 ** estimator.predict(X)[:, 0].reshape(n, N_REPLICATES).T
        for name, estimator in estimators.items()
    }
    rejected = {name: float(np.mean(p < _LEVEL)) for name, p in _tests(D, truth).items()}
    D[_POSTERIOR] = 10 ** bench.bayes.predict(X)[:, 0]
    bias = {name: 100 * float(values.mean() / truth - 1) for name, values in D.items()}
    spread = {name: 100 * float(values.std() / truth) for name, values in D.items()}
    return {"rejected": rejected, "bias": bias, "spread": spread}


def _draw_examples(bench, shown):
    protocol = bench.protocol
    axes = new_axes(len(shown), 3, figsize=(11, 5.6), width_ratios=[1, 1, 2])
    for row, (sample, (stack, curve, theta)) in zip(axes, shown.items(), strict=True):
        intensity = stack / (2**16 - 1)
        first = protocol.n_prebleach
        for ax, frame, what in zip(row, (first - 1, first), ("before", "after"), strict=False):
            style.draw_frame(ax, intensity[frame], protocol, lw=1, vmin=0.2, vmax=1)
            ax.set_title(f"{sample}, {what}", loc="left", fontsize=11)
            ax.set_xlabel("µm")
            ax.set_yticks([])
        ax = row[2]
        ax.plot(protocol.times, curve, ".", color=DATA, ms=5, label="measured")
        for (name, one), colour, line in zip(
            theta.items(), (FIT, CATEGORIES[2]), ("-", "--"), strict=True
        ):
            fitted = bench.least_squares.fitted_curves(one)[0]
            label = f"{name}: {10 ** one[0, 0]:.3g} µm²/s"
            ax.plot(protocol.times, fitted, line, color=colour, lw=1.5, label=label)
        style.shade_bleaching(ax, protocol)
        ax.set_ylabel("mean intensity in region")
        ax.set_xlabel(TIME)
        ax.legend(frameon=False)
        tidy(ax)
    return axes[0, 0].figure


def _draw_replicates(table):
    axes = new_axes(1, len(EXPERIMENT), figsize=(8.5, 4))
    samples = np.array(table["sample"])
    for ax, (sample, truth) in zip(axes, EXPERIMENT.items(), strict=True):
        columns = [np.array(table[f"{name}: D (um2/s)"])[samples == sample] for name in _METHODS]
        ax.plot([0, 1], columns, color="0.8", lw=0.8, zorder=0)
        for x, (values, colour) in enumerate(zip(columns, CATEGORIES, strict=False)):
            ax.plot(np.full(len(values), x), values, "o", color=colour, ms=4, alpha=0.7)
            error = values.std(ddof=1) / np.sqrt(len(values))
            ax.errorbar(x + 0.12, values.mean(), error, fmt="s", color="0.1", ms=5, capsize=3)
        ax.axhline(truth, color="0.3", lw=1, ls="--")
        ax.set_xticks([0, 1], [*_METHODS])
        ax.set_xlim(-0.4, 1.5)
        ax.set_title(sample, loc="left", fontsize=11)
        ax.set_ylabel("D (µm²/s)")
        tidy(ax)
    return axes[0].figure


def tell(outcome):
    """Write the section of Figures 8 and 9."""
    table = []
    for row in outcome.rows:
        ours, ratio = with_error(row.value, row.error), with_error(row.ratio, row.error / row.paper)
        table.append([f"{row.data}: {row.method}", f"{row.paper:g}", ours, ratio])
    facts = outcome.facts
    p_values, repeated = facts["tests"], facts["repeated"]
    tests = [
        [
            name,
            *(_written(p_values[sample][name]) for sample in EXPERIMENT),
            *(f"{100 * repeated[sample]['rejected'][name]:.1f} %" for sample in EXPERIMENT),
        ]
        for name in next(iter(p_values.values()))
    ]
    spread = [
        [f"{sample}: {name}", f"{found['bias'][name]:+.2f} %", f"{found['spread'][name]:.2f} %"]
        for sample, found in repeated.items()
        for name in (*_METHODS, _POSTERIOR)
    ]
    short = [sample.removesuffix(" sucrose") for sample in EXPERIMENT]
    header = ["test", *(f"p{below}, {one}" for below in ("", f" < {_LEVEL:g}") for one in short)]
    return paragraphs(
        f"The paper's experiment is simulated here: its diffusion coefficients, {N_REPLICATES} "
        f"series of 16 bits each, noise a = {_NOISE:g}, uneven illumination, c0 and alpha "
        "different in each. They go through rescaling, background subtraction and curve "
        "extraction, as files from a microscope would.",
        picture("figure8", "Frames of both samples, their recovery curves and both estimates"),
        markdown_table("mean D (µm²/s) | paper, and truth here | ours ± se | ours / paper", table),
        picture("figure9", "Estimates of D of each replicate by both methods, with means"),
        "Do the methods differ? p-values of the tests, and how often each test finds "
        f"p < {_LEVEL:g} when the experiment is repeated {facts['experiments']:,} times, on curves "
        "without illumination and its correction. The unpaired test compares the methods as if "
        "each had its own series; the paired one asks whether two ways to read the same curves "
        "differ at all, however little. Which of them the paper made is not known here. A test of "
        f"an unbiased method against the truth rejects in {100 * _LEVEL:g} %.",
        markdown_table(header, tests),
        "Over all repetitions, the bias of D and the standard deviation of a single estimate:",
        markdown_table(["", "bias", "standard deviation"], spread),
    )


def _written(p):
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


STAGES = (Stage("figures8-9", "Figures 8 and 9 and section 3.4: the experiment", measure, tell),)
