"""The same model fitted by SciPy, and what the reference program takes elsewhere."""

import numpy as np

from benchmarks._fft_model import FFTModel
from benchmarks._plain_fit import count_curves, fit_plainly, sums_of_squares
from benchmarks._published import (
    REFERENCE_CURVES_PER_FIT,
    REFERENCE_SECONDS_PER_CURVE,
    REFERENCE_SECONDS_PER_FIT,
)
from benchmarks._report import keep_freed_memory
from benchmarks.peers._bench import OURS
from benchmarks.peers._records import QUOTED

PLAIN = "SciPy least_squares, FFT model"
MATLAB = "reference program in MATLAB, under Octave"
_SAME = 1e-6  # of residual sums, relative
_MATLAB_SECONDS = {
    "time per model curve, s": REFERENCE_SECONDS_PER_CURVE,
    "time alone, s": REFERENCE_SECONDS_PER_FIT,
}


def measure_model(bench):
    """Fit with SciPy on the model stepped by FFT; quote what the reference program takes."""
    records, X = bench.records, bench.sample.data
    seconds_per_fit = bench.seconds_per_fit
    keep_freed_memory()
    some = X[: bench.amounts.n_plain]
    fits = [fit_plainly(FFTModel(bench.protocol).curve, curve) for curve in some]
    per_curve = sum(fit.seconds for fit in fits) / sum(fit.n_curves for fit in fits)
    counted = count_curves(bench.protocol, X)
    per_fit = np.mean([fit.n_curves for fit in counted])
    records.add(PLAIN, "time per model curve, s", per_curve)
    records.add(PLAIN, "model curves per fit", per_fit)
    records.add(PLAIN, "time alone, s", per_curve * per_fit)
    records.add(PLAIN, "time over ours in a batch", per_curve * per_fit / seconds_per_fit)
    alone = records.get(OURS, "time alone, s")
    records.add(PLAIN, "time over ours alone", per_curve * per_fit / alone)
    ours = sums_of_squares(bench.least_squares, X, bench.benchmark)
    stepped, exact = (
        ours[: len(some)] / [fit.cost for fit in some] - 1 for some in (fits, counted)
    )
    records.add(OURS, "residual sum over SciPy's, less 1", stepped.max(), at_most=1e-6)
    records.add(OURS, "fits compared on the exact model", len(exact))
    for what, n in (
        ("lower than SciPy's", np.sum(exact < -_SAME)),
        ("higher than SciPy's", np.sum(exact > _SAME)),
    ):
        records.add(OURS, f"residual sum {what}, fits", n)

    for quantity, value in _MATLAB_SECONDS.items():
        records.add(MATLAB, quantity, value, source=QUOTED)
    records.add(MATLAB, "model curves per fit", REFERENCE_CURVES_PER_FIT, source=QUOTED)
    fit = _MATLAB_SECONDS["time alone, s"]
    records.add(MATLAB, "time over ours in a batch", fit / seconds_per_fit, source=QUOTED)
    records.add(MATLAB, "time over ours alone", fit / alone, source=QUOTED)
