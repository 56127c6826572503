"""Measure fits of every model: interpolation over several parameters, time, recovery, coverage.

1. Interpolation over two parameters that shape the curve: time to build, error on random points,
   10,000 fits, and how many of a thousand miss the optimum that a fit from the truth finds.
2. One curve with D, k_on, k_off, c0 and alpha free, from a fresh estimator.
3. A thousand pairs of simulated curves per model (500 for binding), the noise of each pair opposite
   and a = 1e-4: what is estimated against what is true. Median of the errors over their standard
   errors, and coverage of the 95 % intervals, for each parameter, over the curves for which it is
   not told to be undetermined. Where it is, the benchmark says how often, and what is told instead.

    python -m benchmarks.models             some 20 minutes, most of them for binding
    python -m benchmarks.models --quick     200 pairs per model, 5 minutes
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import loguniform, uniform

from benchmarks._report import Report, arguments_of, timed
from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.models import CurveSurrogate, DiffusionModel, effective_diffusion
from skfrap.parameters import PARAMETERS

_A = 1e-4
_GOOD_BIAS, _GOOD_COVERAGE = 0.1, (93.0, 97.0)
_MANY = 1000  # curves that tell a share to within the width of that


@dataclass
class Case:
    """A model, what is drawn of it, and what is fixed."""

    title: str
    model: str
    prior: dict
    fixed: dict = field(default_factory=dict)


LEVELS = {"c0": uniform(0.5, 0.5), "alpha": uniform(0.45, 0.4)}
DIFFUSION = {"D": loguniform(3.0, 300.0), **LEVELS}
MOBILE = DIFFUSION | {"mobile_fraction": uniform(0.4, 0.5)}
FADING = DIFFUSION | {"imaging_bleach": uniform(0.985, 0.013)}
# Of faster particles the curve does not tell how blurred the beam was.
BLURRED = DIFFUSION | {"D": loguniform(1.0, 30.0), "bleach_blur": uniform(1.5, 2.5)}
EXCHANGE = {"k_on": loguniform(0.1, 3), "k_off": loguniform(0.1, 3)}
BINDING = DIFFUSION | {"D": loguniform(30, 300), **EXCHANGE}
TWO_EXPONENTIALS = {
    "half_time": loguniform(0.4, 1.0),
    "half_time_ratio": loguniform(6, 10),
    "second_fraction": uniform(0.3, 0.4),
}
RELEASE = {"k_on": loguniform(0.1, 3), "k_off": loguniform(0.1, 1), "c0": uniform(0.5, 0.5)}
CASES = [
    Case("diffusion", "diffusion", DIFFUSION),
    Case("diffusion, mobile fraction", "diffusion", MOBILE),
    Case("diffusion, imaging bleach", "diffusion", FADING),
    Case("diffusion, bleach blur", "diffusion", BLURRED),
    Case("binding", "binding", BINDING),
    Case("Soumpasis", "soumpasis", MOBILE),
    Case("Gaussian beam", "gaussian_beam", MOBILE),
    Case("one exponential", "exponential", {"half_time": loguniform(0.5, 8), **LEVELS}),
    Case("two exponentials", "exponential", TWO_EXPONENTIALS | LEVELS),
    Case("reaction, alpha known", "reaction", RELEASE, {"alpha": 0.6}),
]


def measure_interpolation(report, protocol, n_fits, seed):
    model = DiffusionModel(protocol)
    random = np.random.default_rng(seed)
    for name, drawn in (
        ("bleach_blur", uniform(0.5, 4.0)),
        ("imaging_bleach", uniform(0.98, 0.02)),
    ):
        ranges = {key: model.bounds[key] for key in ("D", name)}
        surrogate, seconds = timed(lambda r=ranges: CurveSurrogate(model, r))
        nodes = " x ".join(map(str, surrogate.n_nodes.values()))
        report.add(
            f"interpolation over D and {name}, {nodes} nodes", seconds, "{:.1f} s", at_most=60
        )
        error = 0.0
        for _ in range(60):
            point = {
                "D": float(loguniform(*ranges["D"]).ppf(random.uniform())),
                name: random.uniform(*ranges[name]),
                "c0": 1.0,
                "alpha": random.uniform(),
                "mobile_fraction": random.uniform(),
            }
            error = max(error, np.abs(surrogate.curves(**point) - model.curves(**point)).max())
        report.add("  its error on 60 random points", error, "{:.1e}", at_most=1e-6)
        sample = FRAPSimulator(protocol, {name: drawn}, random_state=seed).sample(n_fits)
        X = sample.data
        estimator = LeastSquaresFRAP(protocol, parameters=("D", "c0", "alpha", name)).fit(X)
        count_missed(report, estimator, sample)
        _, seconds = timed(lambda e=estimator, x=X: e.predict(x))
        report.add(f"  {n_fits:,} fits", seconds, "{:.2f} s", at_most=10 * n_fits / 10_000)


def count_missed(report, estimator, sample, n=1000):
    """Count fits that end with a larger sum of squares than fits that start from the truth do."""
    X, fitter = sample.data[:n], estimator._fitter
    truth = [
        PARAMETERS[fitter.names[k]].to_target(sample.parameters[fitter.names[k]][:n])
        for k in fitter.free
    ]
    best = fitter.fit(X, fitter.at_values(np.transpose(truth))).cost
    missed = estimator._fit_curves(X).cost > best * (1 + 1e-6)
    report.add(f"  of {len(X)}, optima missed", int(missed.sum()), "{:d}", at_most=0)


def measure_fast_exchange(report, seed):
    """Count missed optima where slow exchange imitates fast exchange from afar."""
    protocol = FRAPProtocol(
        shape=(48, 48),
        pixel_size=0.5,
        bleach_region=Circle(3.0),
        n_bleach=1,
        n_postbleach=80,
        frame_interval=0.5,
        padding=16,
    )
    rates = {name: loguniform(0.01, 20.0) for name in ("k_on", "k_off")}
    prior = {"D": 10.0, "c0": 0.8, "alpha": 0.6, "a": 3e-4, **rates}
    sample = FRAPSimulator(protocol, prior, model="binding", random_state=seed).sample(1000)
    report.line("binding, D known, rates 0.01 to 20 per s", "")
    estimator = LeastSquaresFRAP(protocol, model="binding", fixed={"D": 10.0}).fit(sample.data)
    count_missed(report, estimator, sample)


def measure_one_binding_fit(report, protocol, seed):
    prior = {"D": 100.0, "k_on": 1.0, "k_off": 0.5, "a": _A}
    X = FRAPSimulator(protocol, prior, model="binding", random_state=seed).sample(2).data
    estimator = LeastSquaresFRAP(protocol, model="binding")
    _, seconds = timed(lambda: estimator.fit(X).estimate(X[:1]))
    report.add("one binding fit, all prepared anew", seconds, "{:.2f} s", at_most=10)
    _, seconds = timed(lambda: estimator.estimate(X[1:]))
    report.add("  and the next", seconds, "{:.2f} s")


def measure_recovery(report, protocol, case, n_curves, seed):
    simulator = FRAPSimulator(
        protocol, case.prior | case.fixed | {"a": _A}, model=case.model, random_state=seed
    )
    # The two of a pair are covered together: coverage takes as many pairs. Binding is slow.
    n_pairs = n_curves // 2 if case.model == "binding" else n_curves
    X, truths = _pairs(simulator, n_pairs)
    names = tuple(case.prior)
    estimator = LeastSquaresFRAP(protocol, model=case.model, parameters=names, fixed=case.fixed)
    estimator.fit(X)
    estimates, seconds = timed(lambda: estimator.estimate(X))
    _, errors = estimator.predict(X, return_std=True)
    determined = ~estimates.poorly_determined
    report.section(f"{case.title}: {n_pairs:,} pairs of curves in {seconds:.1f} s")
    share = f"{100 * determined.mean():.1f} %"
    report.line("determined", share)
    for name, error in zip(names, errors.T, strict=True):
        to_target = PARAMETERS[name].to_target
        truth, value = to_target(truths[name]), to_target(estimates.values[name])
        lower, upper = to_target(estimates.lower[name]), to_target(estimates.upper[name])
        z = (value - truth) / error
        inside = (lower <= truth) & (truth <= upper)
        # The rest of what is told as not determined, while D is.
        silent = estimates.has_finding("amount_undetermined", name)
        _report_recovery(report, name, z[determined & ~silent], inside[determined & ~silent])
        if silent.any():
            share = f"{100 * np.mean(silent[determined]):.1f} %"
            report.line(f"  told as not determined: {name}", share)
    if case.model == "binding":
        _report_effective(report, truths, estimates, determined)


def _pairs(simulator, n_pairs):
    """Draw curves in pairs of opposite noise, whose random errors cancel in a bias."""
    sample = simulator.sample(n_pairs)
    X = np.concatenate([sample.data, 2 * simulator.curves(sample.target) - sample.data])
    return X, {name: np.tile(values, 2) for name, values in sample.parameters.items()}


def _report_recovery(report, name, z, inside):
    bias = abs(np.median(z))
    coverage = 100 * np.mean(inside)
    low, high = _GOOD_COVERAGE
    if len(inside) < _MANY:  # what is by chance: both of a pair are held, or neither
        by_chance = 200 * np.sqrt(0.05 * 0.95 / (len(inside) / 2))
        low, high = np.round(low - by_chance), min(100.0, np.round(high + by_chance))
    met = bool(bias < _GOOD_BIAS and low <= coverage <= high)
    report.line(
        f"{name}: |median error| / standard error; coverage",
        f"{bias:.3f}; {coverage:.1f} %",
        f"< {_GOOD_BIAS}; {low:g}-{high:g} %",
        met,
    )


def _report_effective(report, truths, estimates, determined):
    truth = effective_diffusion(*(truths[name] for name in ("D", "k_on", "k_off")))
    lower, upper = estimates.D_effective_um2_s_lower, estimates.D_effective_um2_s_upper
    inside = (lower <= truth) & (truth <= upper)
    for which, rows in (("determined", determined), ("poorly determined", ~determined)):
        report.line(f"D_effective, {which}: coverage", f"{100 * inside[rows].mean():.1f} %")
        width = np.median(np.log10(upper[rows] / lower[rows]))
        report.line("  median width of its interval", f"{width:.3f} decades")
    remedies = [{one.remedy for one in some} for some in estimates.findings]
    named = np.mean(np.array(["use D_effective" in some for some in remedies])[~determined])
    report.line("poorly determined that say use D_effective", f"{100 * named:.0f} %")


def main():
    arguments = arguments_of(
        __doc__,
        quick="200 pairs per model",
        curves={"type": int, "help": "pairs of curves per model (default 1000)"},
        models={"nargs": "*", "help": "only cases whose title holds one of these"},
    )
    n_curves = arguments.curves or (200 if arguments.quick else 1000)
    report = Report("fits of every model", arguments.seed)
    protocol = FRAPProtocol()
    if not arguments.models:
        measure_interpolation(report, protocol, 10_000, arguments.seed)
        measure_fast_exchange(report, arguments.seed)
        measure_one_binding_fit(report, protocol, arguments.seed)
    for case in CASES:
        if not arguments.models or any(word in case.title for word in arguments.models):
            measure_recovery(report, protocol, case, n_curves, arguments.seed)
    report.exit()


if __name__ == "__main__":
    main()
