"""Measure LeastSquaresFRAP: its speed, its gain over a plain SciPy fit, and its optima.

The comparison is `scipy.optimize.least_squares`, started in the middle of the same box, on the
model stepped by FFT: what one would write at first. A few such fits are made, for the time per
curve; how many curves a fit takes on average is counted on a hundred fits of the exact model.
FFT stepping is three times as fast where the C library keeps freed memory for reuse: that is what
the figure is asked of, and a fresh process gives the second ratio. Optima are compared with the
best of 30 random starts per curve, as many as in the paper's section 3.4.

    python -m benchmarks.least_squares             some 2 minutes
    python -m benchmarks.least_squares --quick     8,192 curves and one fit, under a minute
"""

import numpy as np
from scipy.stats import uniform

from benchmarks._fft_model import FFTModel
from benchmarks._plain_fit import FITS_COUNTED, PlainFits, excess, sums_of_squares
from benchmarks._published import N_CURVES, TABLE_1_BOX
from benchmarks._report import Report, arguments_of, median_time, time_alone
from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.numerics._memory import keep_freed_memory

_N_OPTIMA_QUICK = 2048  # curves that are also fitted from 30 starts each
_N_PROPORTIONAL = 2048  # curves: their fits take 20 times as long as by least squares


def measure_speed(report, estimator, X, repeats):
    in_bulk = median_time(lambda: estimator.predict(X), repeats)
    limit = 4 * len(X) / N_CURVES
    report.add(f"predict {len(X):,} curves", in_bulk, "{:.2f} s", at_most=limit)
    alone = time_alone(estimator.predict, X)
    report.add("predict one curve alone, median of 25", 1e3 * alone, "{:.2f} ms", at_most=0.7)
    return in_bulk / len(X)


def measure_with_mobile_fraction(report, protocol, n_curves, seed):
    prior = {"mobile_fraction": uniform(0.5, 0.5)}
    X, y = FRAPSimulator(protocol, prior, random_state=seed).sample(n_curves, return_X_y=True)
    estimator = LeastSquaresFRAP(protocol, parameters=("D", "c0", "alpha", "mobile_fraction")).fit(
        X, y
    )
    seconds = median_time(lambda: estimator.predict(X), 3)
    limit = 6 * n_curves / N_CURVES
    report.add("the same with the mobile fraction free", seconds, "{:.2f} s", at_most=limit)


def measure_with_proportional_noise(report, protocol, n_curves, seed):
    simulator = FRAPSimulator(protocol, {"b": 1e-3}, random_state=seed)
    X, y = simulator.sample(min(n_curves, _N_PROPORTIONAL), return_X_y=True)
    estimator = LeastSquaresFRAP(protocol, noise="proportional").fit(X, y)
    seconds = median_time(lambda: estimator.predict(X), 3)
    what = "1,000 curves with noise that goes by the light"
    report.add(what, 1e3 * seconds * 1000 / len(X), "{:.0f} ms", at_most=450)


def measure_gain(report, estimator, X, seconds_per_fit, n_fits, fresh):
    protocol = estimator.protocol_
    fits = PlainFits(protocol, X, n_fits)
    for fit in fits.stepped:
        report.add(f"one plain SciPy fit, {fit.n_curves} curves computed", fit.seconds, "{:.1f} s")
    report.add(f"  curves per fit, mean of {FITS_COUNTED} fits", fits.curves_per_fit, "{:.1f}")
    report.add("  so a plain fit takes on average", fits.seconds_per_fit, "{:.1f} s")
    gain = fits.seconds_per_fit / seconds_per_fit
    report.add("  one plain fit over one of skfrap's", gain, "{:,.0f} x", at_least=300_000)

    gain = fresh * fits.curves_per_fit / seconds_per_fit
    report.add(f"  the same, at a fresh process's {fresh:.2f} s per curve", gain, "{:,.0f} x")
    there_and_back = FFTModel(protocol, there_and_back=True)
    seconds = median_time(lambda: there_and_back.curve(30.0, 0.8, 0.7), 3)
    gain = seconds * fits.curves_per_fit / seconds_per_fit
    report.add("  the same, were FFTs there and back in every frame", gain, "{:,.0f} x")

    ours = sums_of_squares(estimator, X[:n_fits], estimator.predict(X[:n_fits]))
    most = excess(ours, fits.stepped).max()
    report.add("  skfrap's residual sum over theirs, less 1", most, "{:.1e}", at_most=1e-6)


def measure_optima(report, protocol, X, bounds, seed):
    default = LeastSquaresFRAP(protocol, bounds).fit(X)
    random = LeastSquaresFRAP(protocol, bounds, init="random", n_init=30, random_state=seed).fit(X)
    found = sums_of_squares(default, X, default.predict(X))
    best = sums_of_squares(default, X, random.predict(X))
    box = "default bounds" if bounds is None else "Table 1's box"
    worse = 100 * np.mean(found > best * (1 + 1e-6))
    report.add(f"fits worse than 30 random starts, {box}", worse, "{:.4f} %", at_most=0.1)
    better = 100 * np.mean(best > found * (1 + 1e-6))
    report.add("  better than them", better, "{:.4f} %")


def main():
    arguments = arguments_of(
        __doc__,
        quick="8,192 curves and one plain fit",
        fits={"type": int, "help": "plain SciPy fits to make (default 2)"},
        repeats={"type": int, "default": 5},
    )
    n_curves = 8192 if arguments.quick else N_CURVES
    n_fits = arguments.fits or (1 if arguments.quick else 2)

    report = Report("least squares", arguments.seed)
    protocol = FRAPProtocol()
    stepping = FFTModel(protocol)
    fresh = median_time(lambda: stepping.curve(30.0, 0.8, 0.7), 5)
    keep_freed_memory()
    X, _ = FRAPSimulator(protocol, random_state=arguments.seed).sample(n_curves, return_X_y=True)
    estimator = LeastSquaresFRAP(protocol, TABLE_1_BOX).fit(X)
    seconds_per_fit = measure_speed(report, estimator, X, arguments.repeats)
    measure_with_mobile_fraction(report, protocol, n_curves, arguments.seed)
    measure_with_proportional_noise(report, protocol, n_curves, arguments.seed)
    measure_gain(report, estimator, X, seconds_per_fit, n_fits, fresh)
    some = X[:_N_OPTIMA_QUICK] if arguments.quick else X
    for bounds in (TABLE_1_BOX, None):
        measure_optima(report, protocol, some, bounds, arguments.seed)
    report.exit()


if __name__ == "__main__":
    main()
