"""Measure BayesianFRAP: its losses, which are the floor for all estimators, and its calibration.

The coverage of the intervals of least squares and of a network is measured beside it.

Posterior means and least squares within Table 1's box are compared on the same 65,536 curves of
Table 1's prior, by mean squared errors weighted by 1/a. Quadrature of the same posterior elsewhere
gave 0.877, 0.998, 0.935 and 0.885 (joint) of least squares; ratios vary from draw to draw of the
curves, that of log10 D by 0.009 or more.

Calibration is asked on other draws from the prior: the rank of the truth among draws from the
posterior must be uniform, and intervals must hold the truth as often as they say, which deciles of
D can only show to a standard error of 0.5 % (95 %) and 1 % (68 %).

Curves of a spot in a cell and of the cell around it, each with a noise of its own, are asked the
same: intervals must hold the truth of 1,000 prior draws, and estimates be those of least squares
where curves tell all.

    python -m benchmarks.bayesian             three minutes
    python -m benchmarks.bayesian --quick     8,192 curves and 4,000 prior draws
"""

import time

import numpy as np
from scipy.stats import chisquare, loguniform, uniform

from benchmarks._bench import Bench
from benchmarks._losses import coverage, losses
from benchmarks._published import N_CURVES, NAMES
from benchmarks._report import Report, arguments_of, timed
from skfrap import (
    BayesianFRAP,
    Circle,
    Ellipse,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    load_pretrained,
)
from skfrap.numerics._threads import one_blas_thread

ASKED = 0.877, 0.998, 0.935, 0.885
N_PRIOR_DRAWS, N_RANKS, N_BINS = 20_000, 64, 32
COVERAGE_ASKED = 94.5, 95.5
OF_ROWS = 93.0, 97.0
CELL = FRAPProtocol(
    shape=(75, 105), pixel_size=0.2, bleach_region=Circle(2.6, (10.5, 7.5)), n_bleach=1,
    compartment=Ellipse((10.0, 7.0)), rows="compartment", frame_interval=0.34, n_postbleach=100,
)  # fmt: skip
PRIOR_IN_CELL = {
    "D": loguniform(0.1, 10.0), "c0": uniform(0.5, 0.5), "alpha": uniform(0.1, 0.8),
    "mobile_fraction": uniform(0.2, 0.8), "a": loguniform(1e-3, 1.0),
}  # fmt: skip
NOISE_IN_CELL = 0.01, 0.003  # standard deviations of the spot's and of the cell's row


def processor_time(function):
    """Call a function; return what it returns and its processor time in s, without others'."""
    with one_blas_thread():
        return timed(function, time.process_time)


def measure_losses(report, bench):
    X, bayesian = bench.fresh.data, bench.bayes
    bayesian.predict(X[:512])
    estimates, seconds = processor_time(lambda: bayesian.predict(X))
    ratios, errors = bench.ratios_of(estimates)
    for name, ratio, error, asked in zip(NAMES, ratios, errors, ASKED, strict=True):
        # What was asked was measured on other curves, with such an error as well.
        met = abs(ratio - asked) <= 3 * np.sqrt(2) * error
        report.line(f"{name}, loss over least squares", f"{ratio:.4f}", f"{asked} +- 3 se", met)
        report.add("  its standard error, bootstrap", error, "{:.4f}")
    finer = BayesianFRAP(bench.protocol, n_nodes=2 * bayesian.n_nodes).fit(X)
    change = losses(bench.fresh, finer.predict(X)) / losses(bench.fresh, estimates) - 1
    most = 100 * np.abs(change).max()
    report.add("largest change of a loss with twice the nodes, %", most, "{:.5f}", at_most=0.1)
    report.add("predict, ms per curve", 1e3 * seconds / len(X), "{:.3f}", at_most=0.5)
    for what, function in (
        ("  with intervals, ms per curve", bayesian.predict_interval),
        ("  16 draws, ms per curve", lambda X: bayesian.sample_posterior(X, 16, random_state=0)),
    ):
        _, seconds = processor_time(lambda function=function: function(X[:4096]))
        report.add(what, 1e3 * seconds / len(X[:4096]), "{:.2f}")


def measure_calibration(report, bayesian, sample, seed):
    names = bayesian.target_names_
    truth = sample.target[:, np.newaxis]
    report.section(f"2. ranks among {N_RANKS - 1} posterior draws, {len(truth):,} prior draws")
    draws = bayesian.sample_posterior(sample.data, N_RANKS - 1, random_state=seed)
    ranks = np.sum(draws < truth, axis=1)
    for name, column in zip(names, ranks.T, strict=True):
        counts = np.bincount(column * N_BINS // N_RANKS, minlength=N_BINS)
        p = chisquare(counts).pvalue
        report.add(f"{name}, chi-squared of {N_BINS} bins, p", p, "{:.3f}", at_least=0.01)

    for level in (0.95, 0.68):
        report.section(f"3. coverage of {100 * level:.0f} % intervals, %")
        for method in ("equal_tailed", "highest_density"):
            intervals = bayesian.predict_interval(sample.data, level, method)
            overall, by_deciles = coverage(intervals, sample.target)
            for k, name in enumerate(names):
                met, asked = None, ""
                if level == 0.95:
                    met = COVERAGE_ASKED[0] <= overall[k] <= COVERAGE_ASKED[1]
                    asked = f"{COVERAGE_ASKED[0]} to {COVERAGE_ASKED[1]}"
                report.line(f"{name}, {method}", f"{overall[k]:.2f}", asked, met)
                span = f"{by_deciles[:, k].min():.1f} to {by_deciles[:, k].max():.1f}"
                report.line("  lowest and highest of deciles of D", span)


def measure_others(report, protocol, sample):
    """Measure the coverage of the intervals of least squares and of a network."""
    least_squares = LeastSquaresFRAP(protocol).fit(sample.data)
    profiled = least_squares.predict_interval(sample.data, method="profile")
    by_default = least_squares.predict_interval(sample.data)
    of_network = load_pretrained().predict_interval(sample.data)
    for title, intervals, asked, lowest in (
        ("least squares, profile likelihood", profiled, (94.0, 96.5), 92.0),
        ("least squares, default", by_default, (94.0, 96.5), 92.0),
        ("network", of_network, (93.0, 97.0), 90.0),
    ):
        report.section(f"4. coverage of 95 % intervals, %: {title}")
        overall, by_deciles = coverage(intervals, sample.target)
        for name, share, deciles in zip(NAMES, overall, by_deciles.T, strict=False):
            met = asked[0] <= share <= asked[1]
            report.line(name, f"{share:.2f}", f"{asked[0]} to {asked[1]}", met)
            report.add("  lowest of deciles of D", deciles.min(), "{:.1f}", at_least=lowest)


def measure_rows(report, n, seed):
    """Measure intervals of curves of two rows, and how far estimates are from least squares."""
    for extra, prior in (
        ("", PRIOR_IN_CELL | {"mobile_fraction": 0.8}),
        (", and the mobile fraction", PRIOR_IN_CELL),
    ):
        report.section(f"5. a cell's rows: D, c0, alpha{extra}")
        sample = FRAPSimulator(CELL, prior, random_state=seed + 200).sample(n)
        bayesian = BayesianFRAP(CELL, prior).fit(sample.data)
        intervals, seconds = processor_time(
            lambda one=bayesian, X=sample.data: one.predict_interval(X)
        )
        names, truth = bayesian.target_names_, sample.target
        inside = (intervals[..., 0] <= truth) & (truth <= intervals[..., 1])
        slack = 200 * np.sqrt(0.95 * 0.05 / n) if n < 1000 else 0.0
        for name, share in zip(names, 100 * inside.mean(axis=0), strict=True):
            met = OF_ROWS[0] - slack <= share <= OF_ROWS[1] + slack
            asked = f"{OF_ROWS[0]} to {OF_ROWS[1]}"
            report.line(f"{name}: coverage of 95 % intervals, %", f"{share:.1f}", asked, met)
        report.add("intervals, ms per curve", 1e3 * seconds / n, "{:.1f}")
        mean = np.array([[{"log10_D": 0.0, "c0": 0.75, "alpha": 0.3}.get(k, 0.8) for k in names]])
        random = np.random.default_rng(seed)
        noise = random.standard_normal((n, CELL.n_values))
        X = bayesian.curves(mean) + np.repeat(NOISE_IN_CELL, CELL.n_frames) * noise
        free = bayesian.space_.free
        known = None if "mobile_fraction" in free else {"mobile_fraction": 0.8}
        fits = LeastSquaresFRAP(CELL, parameters=free, fixed=known).fit(X)
        best, error = fits.predict(X, return_std=True)
        theta, std = bayesian.predict(X, return_std=True)
        away = np.abs(theta - best) / error
        for k, name in enumerate(names):
            most = np.quantile(away[:, k], 0.99)
            report.add(f"{name}: from least squares, standard errors", most, "{:.3f}", at_most=0.1)
            report.add("  standard deviation over its error", np.mean(std / error, axis=0)[k])


def main():
    arguments = arguments_of(__doc__, quick="fewer curves and prior draws")
    n_curves, n_draws = (8192, 4000) if arguments.quick else (N_CURVES, N_PRIOR_DRAWS)

    report = Report("the posterior", arguments.seed)
    bench = Bench(arguments.seed, n_curves)
    report.section(f"1. losses and time, {n_curves:,} curves")
    measure_losses(report, bench)
    sample = FRAPSimulator(bench.protocol, random_state=arguments.seed + 100).sample(n_draws)
    measure_calibration(report, bench.bayes, sample, arguments.seed)
    measure_others(report, bench.protocol, sample)
    measure_rows(report, 200 if arguments.quick else 1000, arguments.seed)
    report.exit()


if __name__ == "__main__":
    main()
