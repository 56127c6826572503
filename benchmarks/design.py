"""Measure how well the errors that a plan expects are those that fits then have.

For each experiment of a grid over D, the noise a, the frame interval and what else is varied,
curves are simulated and fitted, and the standard deviation of what is estimated of log10 D is
divided by the planned standard error. Where the plan says that D is determined the two should agree
within 10 %. A standard deviation of n curves has itself an error of 1 / sqrt(2 n): 1.1 % of 4000,
and the largest of hundreds is three times as far off.

Left out of the comparison, and counted by themselves, are fits that tell themselves that they are
poorly determined or did not converge, and fits that end with a larger sum of squares than the truth
has: they have stopped elsewhere than at the optimum.

Where the plan says that a parameter may end at its bound, fits scatter less than planned: such
experiments are told of by themselves.

1. The paper's protocol: D = 1 to 300 um^2/s, a = 1e-4 to 1e-1, frames 0.05 to 4 s apart.
2. Others: weak and strong bleaching, small regions, one bleach frame, few frames, a mobile
   fraction, bleaching by imaging, binding, and noise that grows with the intensity, fitted with
   both losses.
3. Random experiments near the limit of what is determined, planned errors of 7 to 50 % of D.

    python -m benchmarks.design             some minutes
    python -m benchmarks.design --quick     1000 curves each, first grid only
"""

import time
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

import numpy as np

from benchmarks._report import Report, arguments_of
from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.design import expected_errors
from skfrap.parameters import PARAMETERS

ASKED = 0.1
D_VALUES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
NOISES = (1e-4, 1e-3, 1e-2, 1e-1)
INTERVALS = (0.05, 0.265, 1.0, 4.0)
GUESS = {"c0": 0.7, "alpha": 0.6}
NEAR_THE_LIMIT = "near the limit"


@dataclass
class Case:
    """What to simulate and fit besides free diffusion with constant noise."""

    title: str
    guess: dict = field(default_factory=dict)
    protocol: dict = field(default_factory=dict)
    model: str = "diffusion"
    fixed: dict = field(default_factory=dict)
    noise: str = "constant"
    b: float = 0.0
    target: str = "D"
    noises: tuple = (1e-4, 1e-2)
    intervals: tuple = (0.1, 1.0)


CASES = [
    Case("weak bleaching", {"alpha": 0.95}),
    Case("strong bleaching", {"alpha": 0.1}),
    Case("radius 4 um", protocol={"bleach_region": Circle(4.0)}),
    Case("one bleach frame", protocol={"n_bleach": 1}),
    Case("12 frames", protocol={"n_prebleach": 2, "n_postbleach": 10}),
    Case("alpha known", fixed={"alpha": 0.6}),
    Case("mobile fraction free", {"mobile_fraction": 0.7}),
    Case("imaging bleach free", {"imaging_bleach": 0.995}),
    Case(
        "binding, rates free",
        {"k_on": 0.5, "k_off": 0.5},
        model="binding",
        fixed={"D": 100.0},
        target="k_off",
        intervals=(0.265,),
    ),
    Case("noise grows with intensity, least squares", noise="constant", b=1e-2),
    Case("noise grows with intensity, likelihood", noise="proportional", b=1e-2),
]


class Outcome(NamedTuple):
    """What was planned for one experiment and what came of it."""

    where: str
    planned: float
    achieved: float
    determined: bool
    at_bound: bool
    poor: float  # shares of the fits: told as poorly determined,
    stuck: float  # and stopped elsewhere than at the optimum


def compare(protocol, case, D, a, n_curves, seed):
    guess = {"D": D, **GUESS, **case.guess}
    guess = {name: value for name, value in guess.items() if name not in case.fixed}
    options = {
        "model": case.model,
        "parameters": tuple(guess),
        "fixed": case.fixed,
        "noise": case.noise,
    }
    expected = expected_errors(protocol, guess, a=a, b=case.b, **options)
    truth = guess | case.fixed
    simulator = FRAPSimulator(
        protocol,
        truth | {"a": a, "b": case.b},
        model=case.model,
        noise="proportional" if case.b else "constant",
        random_state=seed,
    )
    X = simulator.sample(n_curves).data
    if case.noise == "proportional":
        options["fixed"] = case.fixed | {"a": a, "b": case.b}
    estimator = LeastSquaresFRAP(protocol, **options).fit(X)
    estimates = estimator.estimate(X)
    values = PARAMETERS[case.target].to_target(estimates.values[case.target])
    poor = estimates.poorly_determined
    stuck = ~estimates.converged
    if case.noise == "constant":
        of_truth = np.sum((X - estimator.model_.curves(**truth)) ** 2, axis=1)
        stuck |= estimates.residual_sum_of_squares > 1.001 * of_truth
    return Outcome(
        f"{protocol.frame_interval:g} s, D = {D:g}, a = {a:g}",
        expected.errors[case.target][0],
        np.std(values[~stuck & ~poor]) if not (stuck | poor).all() else np.nan,
        bool(expected.determined[0]),
        any(one.code == "may_end_at_bound" for one in expected.findings[0]),
        poor.mean(),
        stuck.mean(),
    )


def measure(report, case, grid, n_curves, seed):
    """Compare over a grid of (frame interval, D, a)."""
    start = time.perf_counter()
    outcomes = [
        compare(
            FRAPProtocol(frame_interval=interval, **case.protocol), case, D, a, n_curves, seed + k
        )
        for k, (interval, D, a) in enumerate(grid)
    ]
    seconds = time.perf_counter() - start
    report.section(f"{case.title}: {len(outcomes)} x {n_curves:,} curves, {seconds:.0f} s")
    tell(report, outcomes, case.target)
    return outcomes


def measure_random(report, n_experiments, n_curves, seed):
    """Compare random experiments, with as much noise as makes D just about determined."""
    random, outcomes = np.random.default_rng(seed), []
    start = time.perf_counter()
    while len(outcomes) < n_experiments:
        protocol = FRAPProtocol(
            n_bleach=int(random.choice([1, 4])), frame_interval=random.choice([0.265, 2.0])
        )
        D, planned = 10 ** random.uniform([0.0, -1.5], [2.5, -0.65])
        case = Case("random", {"alpha": random.choice([0.1, 0.3, 0.6, 0.9])})
        if random.uniform() < 0.4:
            case.guess["mobile_fraction"] = random.choice([0.5, 0.9])
        guess = {"D": D, **GUESS, **case.guess}
        error = expected_errors(protocol, guess, a=1.0, parameters=tuple(guess)).errors["D"][0]
        a = (planned / error) ** 2
        outcomes.append(compare(protocol, case, D, a, n_curves, seed + len(outcomes)))
    seconds = time.perf_counter() - start
    report.section(f"{NEAR_THE_LIMIT}: {n_experiments} x {n_curves:,} curves, {seconds:.0f} s")
    tell(report, outcomes, "D")
    return outcomes


def tell(report, outcomes, target):
    """Report the largest deviation."""
    sure = [one for one in outcomes if one.determined]
    others = [one for one in outcomes if not one.determined]
    report.line("determined by plan", f"{len(sure)}")
    stuck = 100 * np.mean([one.stuck for one in outcomes])
    report.add("fits that stopped elsewhere than at the optimum", stuck, "{:.2f} %", at_most=0.1)
    compared = [one for one in sure if np.isfinite(one.achieved) and not one.at_bound]
    if compared:
        ratios = np.array([one.achieved / one.planned for one in compared])
        what = f"achieved over planned error of {target}, mean"
        report.line(what, f"{ratios.mean():.3f}")
        worst = np.abs(ratios - 1).argmax()
        off = 100 * abs(ratios[worst] - 1)
        report.add("  largest deviation", off, "{:.1f} %", at_most=100 * ASKED)
        there = f"  {compared[worst].where}, planned {compared[worst].planned:.3g} decades"
        report.line(there, f"{ratios[worst]:.3f}")
        poor = 100 * np.mean([one.poor for one in sure])
        report.line("  of these fits poorly determined", f"{poor:.2f} %")
    cut = [one.achieved / one.planned for one in sure if one.at_bound]
    if cut:
        report.line(f"{len(cut)} at a bound: achieved over planned, mean", f"{np.mean(cut):.3f}")
    if others:
        poor = 100 * np.mean([one.poor for one in others])
        report.line("not determined by plan: fits poorly determined", f"{poor:.0f} %")


def tell_rows(report, outcomes):
    for one in outcomes:
        report.line(
            f"  {one.where}: {one.planned:.3g} decades"
            f"{'' if one.determined else ', not determined'}",
            f"{one.achieved / one.planned:.3f}; {100 * one.poor:.1f} %",
        )


def main():
    arguments = arguments_of(
        __doc__,
        quick="1000 curves each, first grid only",
        curves={"type": int, "help": "simulated curves per experiment (4000)"},
        rows="print every experiment",
        cases={"nargs": "*", "help": "only titles with one of these words"},
    )
    n_curves = arguments.curves or (1000 if arguments.quick else 4000)
    report = Report("planned against achieved errors", arguments.seed)
    first = Case("free diffusion", noises=NOISES, intervals=INTERVALS)

    def wanted(title):
        return not arguments.cases or any(word in title for word in arguments.cases)

    for case in [first] if arguments.quick else [first, *CASES]:
        if not wanted(case.title):
            continue
        values = (100.0,) if "D" in case.fixed else D_VALUES
        grid = [*product(case.intervals, values, case.noises)]
        outcomes = measure(report, case, grid, n_curves, arguments.seed)
        if arguments.rows:
            tell_rows(report, outcomes)
    if not arguments.quick and wanted(NEAR_THE_LIMIT):
        outcomes = measure_random(report, 150, n_curves // 2, arguments.seed)
        if arguments.rows:
            tell_rows(report, outcomes)
    report.exit()


if __name__ == "__main__":
    main()
