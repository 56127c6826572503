"""The paper's protocol and prior, region rightly told: nothing may be lost by not being told."""

import numpy as np

from benchmarks.start._truth import RingSampler
from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, MeasuredStartFRAP
from skfrap.models import DiffusionModel

_PER_STACK = 5  # series


def measure_paper(report, arguments):
    """Compare with the curve of the right region.

    The prior of D is divided into parts of the same probability, and one value drawn of each, with
    an alpha. One noise-free stack of these serves several series of their own c0, a and noise.
    """
    n_stacks = 12 if arguments.quick else 200
    n_series = n_stacks * _PER_STACK
    protocol = FRAPProtocol()
    rng = np.random.default_rng(arguments.seed)
    prior = FRAPSimulator(protocol).prior

    def draw(name, n):
        return prior[name].ppf(rng.uniform(size=n))

    parts = (np.arange(n_stacks) + rng.uniform(size=n_stacks)) / n_stacks
    values, alphas = prior["D"].ppf(parts), draw("alpha", n_stacks)
    model = DiffusionModel(protocol)
    measured = MeasuredStartFRAP(protocol, bounds=(1e-2, 1e4))
    told = LeastSquaresFRAP(protocol, {"D": (1e-2, 1e4)})
    found, old, usable = [], [], []
    for D, alpha in zip(values, alphas, strict=True):
        stack = model.images(D=[D], c0=[1.0], alpha=[alpha])[0]
        sampler = RingSampler(protocol, stack)
        c0 = draw("c0", _PER_STACK)
        noise = draw("a", _PER_STACK) / c0**2
        rows = np.stack([sampler.rings(a, rng) for a in noise])
        curves = c0[:, np.newaxis] * np.stack([sampler.curve(a, rng) for a in noise])
        estimates = measured.fit(rows).estimate(rows)
        found.append(np.log10(estimates.values["D"]))
        usable.append(estimates.usable)
        old.append(told.fit(curves).predict(curves)[:, 0])
    found, old, usable = map(np.concatenate, (found, old, usable))
    truth = np.repeat(np.log10(values), _PER_STACK)
    duration = protocol.times[-1] - protocol.times[protocol.n_prebleach]
    begun = 2 * np.sqrt(10**truth * duration) >= protocol.equivalent_radius
    kept = usable & begun & np.isfinite(found)
    report.section(f"the paper's protocol and prior, {n_series} series, region rightly told")
    report.add("left out: recovery not begun", 100 * (1 - begun.mean()), "{:.1f} %")
    report.add("left out: flagged", 100 * (begun & ~kept).mean(), "{:.1f} %")
    for low, high, limit in ((0, 1, 1.1), (1, 2, 1.0), (2, 3, 1.0)):
        where = kept & (truth >= low) & (truth < high)
        rms, curve = (np.sqrt(np.mean((x - truth)[where] ** 2)) for x in (found, old))
        what = f"D {10**low} to {10**high}, {where.sum()} series: rms over the curve's"
        report.add(what, rms / curve, "{:.2f}", at_most=limit)
        report.add("  rms", rms, "{:.5f}")
