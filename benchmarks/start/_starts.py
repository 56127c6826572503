"""Six starts, five of them told wrongly."""

from time import process_time

import numpy as np

from benchmarks.start._truth import LONG, STARTS, TOLD, RingSampler, Told, noise_free, protocol_of
from skfrap import MeasuredStartFRAP

_RIGHT = "circle of 1 µm, as told"


def measure_starts(report, arguments):
    rng = np.random.default_rng(arguments.seed)
    repeats = 3 if arguments.quick else 12
    columns, seconds = _measure(rng, repeats)
    errors, clean = columns["error"], ~columns["flagged"]
    for a in (1e-3, 1e-2):
        report.section(f"six starts, {repeats} series of each D and mobile fraction, a = {a:g}")
        at_a, fast = columns["a"] == a, columns["D"] == 50
        long = (columns["start"] == LONG) & fast
        strict = a == 1e-3
        for name, where, bias_limit, rms_limit in (
            ("D 1 and 10", ~fast, 0.005, 0.01),
            ("D 50, short bleach", fast & ~long, None, 0.02),
            ("D 50, 20 bleach frames", long, None, None),
        ):
            where = where & at_a
            bias = abs(errors[where].mean())
            report.add(f"{name}: bias", bias, "{:.4f}", at_most=bias_limit if strict else None)
            rms = _rms(errors[where])
            report.add(f"{name}: rms", rms, "{:.4f}", at_most=rms_limit if strict else None)
            report.add(
                "  rms of what its error is said to be", _rms(columns["std"][where]), "{:.4f}"
            )
            report.add("  rms of what was told", _rms(columns["told"][where]), "{:.3f}")
            report.add("  flagged", 100 * columns["flagged"][where].mean(), "{:.0f} %")
        for start in STARTS:
            for mobile in (1.0, 0.8):
                where = at_a & fast & (columns["start"] == start) & (columns["mobile"] == mobile)
                said = np.median(columns["std"][where])
                text = f"{_rms(errors[where]):.4f} ± {said:.4f}"
                report.line(f"  D 50, mobile {mobile:g}: {start}", text)
        for D in (1.0, 10.0, 50.0):
            where = at_a & (columns["start"] == _RIGHT) & (columns["D"] == D)
            ratio = _rms(errors[where]) / _rms(columns["told"][where])
            what = f"region rightly told, D = {D:g}: rms over told"
            report.add(what, ratio, "{:.2f}", at_most=1.0)
    report.section(f"all {len(errors)} series")
    for name, what in (("covered", "noise alone"), ("covered_jackknife", "jackknife")):
        covered = 100 * columns[name][clean].mean()
        report.add(f"95 % intervals, not flagged, {what}", covered, "{:.1f} %", at_least=92.0)
        report.add("  at most", covered, "{:.1f} %", at_most=97.0)
    every = 100 * columns["covered"].mean()
    report.add("  noise alone, flagged ones too", every, "{:.1f} %")
    report.add("CPU per series after set-up", 1e3 * np.median(seconds), "{:.0f} ms", at_most=50)


def _measure(rng, repeats):
    """Fit all series.

    Returns
    -------
    columns : dict of str to ndarray of shape (n_series,)
    seconds : list of float
        CPU time of a series in each cell.
    """
    # The number of bleach frames that is told is 1, whatever it was.
    protocol = protocol_of(TOLD, 1)
    estimator, told = MeasuredStartFRAP(protocol), Told(protocol, (1e-2, 1e3))
    rows, seconds = [], []
    for start in STARTS:
        for D in (1.0, 10.0, 50.0):
            for mobile in (1.0, 0.8):
                sampler = RingSampler(protocol, noise_free(start, D, mobile))
                for a in (1e-3, 1e-2):
                    X = np.array([sampler.rings(a, rng) for _ in range(repeats)])
                    curves = np.array([sampler.curve(a, rng) for _ in range(repeats)])
                    fits = estimator.fit(X).measure(X)  # prepares
                    begun = process_time()
                    usable = estimator.estimate(X).usable
                    seconds.append((process_time() - begun) / len(X))
                    truth = np.log10(D)
                    rows += [
                        {
                            "a": a,
                            "start": start,
                            "D": D,
                            "mobile": mobile,
                            "error": one.best.log_D - truth,
                            "std": one.best.standard_error,
                            "covered": one.noise_ends[0] <= truth <= one.noise_ends[1],
                            "covered_jackknife": one.lower <= truth <= one.upper,
                            "flagged": not good,
                            "told": old - truth,
                        }
                        for one, good, old in zip(fits, usable, told.log_D(curves), strict=True)
                    ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}, seconds


def _rms(values):
    return np.sqrt(np.mean(np.square(values)))
