"""Measure kinetics of the package: recovery of known parameters, what is undetermined, time.

For each kinetics, by least squares from a fresh estimator and one bleach frame:

1. A thousand pairs of simulated curves, the noise of each pair opposite and a = 1e-4, of parameters
   that a curve determines: what is estimated against what is true. Median of the errors over their
   standard errors, and coverage of the 95 % intervals, for each parameter, over the curves that are
   not told to be undetermined.
2. A hundred curves of parameters that no curve determines: how many are told.
3. Processor time of a curve, of preparing, of a fit among many and of a fit alone.

    python -m benchmarks.kinetics             some 4 minutes
    python -m benchmarks.kinetics --quick     100 pairs of each, half a minute
    python -m benchmarks.kinetics --models turnover flow
"""

import time
from dataclasses import dataclass

import numpy as np
from scipy.stats import loguniform, uniform

from benchmarks._report import Report, arguments_of, timed
from benchmarks.models import _pairs, _report_recovery
from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.models import model_for
from skfrap.parameters import parameter

_A = 1e-4
_N_UNDETERMINED, _N_TIMED = 100, 200
PROTOCOL = FRAPProtocol(
    shape=(64, 64),
    pixel_size=1.0,
    bleach_region=Circle(8.0),
    n_bleach=1,
    n_postbleach=80,
    frame_interval=0.5,
    padding=32,
)
LEVELS = {"c0": uniform(0.5, 0.5), "alpha": uniform(0.2, 0.4)}


@dataclass
class Case:
    """Kinetics, what is drawn of parameters that curves determine, and of some that they do not."""

    model: str
    determined: dict
    undetermined: dict
    why: str


CASES = [
    Case(
        "two_populations",
        {
            "D": loguniform(10, 60),
            "second_D": loguniform(0.1, 1),
            "second_fraction": uniform(0.3, 0.4),
        },
        {"D": 5.0, "second_D": loguniform(3.5, 5), "second_fraction": uniform(0.3, 0.4)},
        "both alike",
    ),
    Case(
        "turnover",
        {"D": loguniform(0.5, 5), "exchange_rate": loguniform(0.03, 0.3)},
        {"D": loguniform(0.001, 0.01), "exchange_rate": loguniform(0.3, 1)},
        "replaced before it moves",
    ),
    Case(
        "subdiffusion",
        {"D_at_1s": loguniform(3, 30), "exponent": uniform(0.4, 0.5)},
        {"D_at_1s": loguniform(0.001, 0.003), "exponent": uniform(0.3, 0.1)},
        "hardly moves",
    ),
    Case(
        "anomalous",
        {"D_at_1s": loguniform(3, 30), "exponent": uniform(0.5, 1.0)},
        {"D_at_1s": loguniform(0.001, 0.003), "exponent": uniform(0.3, 0.1)},
        "hardly moves",
    ),
    Case(
        "flow",
        {"D": loguniform(0.5, 5), "velocity_x": uniform(0.5, 1.0)},
        {"D": loguniform(0.5, 5), "velocity_x": uniform(0.0, 0.02)},
        "flows no further than it spreads",
    ),
]


def simulator_of(case, prior, seed):
    prior = LEVELS | prior | {"a": _A}
    return FRAPSimulator(PROTOCOL, prior, model=case.model, random_state=seed)


def measure_recovery(report, case, n, seed):
    X, truths = _pairs(simulator_of(case, case.determined, seed), n)
    estimator = LeastSquaresFRAP(PROTOCOL, model=case.model)
    _, preparing = timed(lambda: estimator.fit(X), time.process_time)
    estimates, seconds = timed(lambda: estimator.estimate(X), time.process_time)
    _, errors = estimator.predict(X, return_std=True)
    determined = ~estimates.poorly_determined
    report.section(f"{case.model}: {n:,} pairs of curves in {seconds:.1f} s")
    report.line("determined", f"{100 * determined.mean():.1f} %")
    for name, error in zip(estimator.space_.free, errors.T, strict=True):
        to_target = parameter(name).to_target
        truth, value = to_target(truths[name]), to_target(estimates.values[name])
        lower, upper = to_target(estimates.lower[name]), to_target(estimates.upper[name])
        inside = (lower <= truth) & (truth <= upper)
        told = determined & ~estimates.has_finding("amount_undetermined", name)
        _report_recovery(report, name, ((value - truth) / error)[told], inside[told])
    report.line("  preparing", f"{preparing:.2f} s")
    report.line("  a fit among many", f"{1e3 * seconds / len(X):.2f} ms")
    alone = [timed(lambda k=k: estimator.estimate(X[[k]]), time.process_time)[1] for k in range(9)]
    report.line("  a fit alone", f"{1e3 * np.median(alone):.1f} ms")


def measure_curves(report, case):
    """Time curves that have nothing in common."""
    model = model_for(PROTOCOL, case.model)
    prior = LEVELS | case.determined
    drawn = {
        name: np.full(_N_TIMED, one) if np.isscalar(one) else one.ppf(np.linspace(0, 1, _N_TIMED))
        for name, one in prior.items()
    }
    model.curves(**{name: values[:2] for name, values in drawn.items()})
    _, seconds = timed(lambda: model.curves(**drawn), time.process_time)
    report.line("  a curve", f"{1e6 * seconds / _N_TIMED:.0f} µs")


def measure_undetermined(report, case, seed):
    X = simulator_of(case, case.undetermined, seed).sample(_N_UNDETERMINED).data
    estimates = LeastSquaresFRAP(PROTOCOL, model=case.model).fit(X).estimate(X)
    names = case.determined
    told = estimates.poorly_determined.copy()
    for name in names:
        told |= estimates.has_finding("amount_undetermined", name)
    report.add(f"{case.why}: told", 100 * told.mean(), "{:.0f} %", at_least=95)


def main():
    arguments = arguments_of(
        __doc__,
        quick="100 pairs of each",
        curves={"type": int, "help": "pairs of curves of each (default 1000)"},
        models={"nargs": "*", "choices": [case.model for case in CASES], "help": "only these"},
    )
    n = arguments.curves or (100 if arguments.quick else 1000)
    report = Report("kinetics", arguments.seed)
    for case in CASES:
        if not arguments.models or case.model in arguments.models:
            measure_recovery(report, case, n, arguments.seed)
            measure_curves(report, case)
            measure_undetermined(report, case, arguments.seed + 1)
    report.exit()


if __name__ == "__main__":
    main()
