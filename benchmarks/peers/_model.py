"""The same model fitted by SciPy, and what the reference program takes elsewhere."""

import numpy as np

from benchmarks._fft_model import FFTModel
from benchmarks._plain_fit import fit_plainly, mean_curves_per_fit, sums_of_squares
from benchmarks._report import keep_freed_memory
from benchmarks.peers._bench import OURS
from benchmarks.peers._records import QUOTED

PLAIN = "SciPy least_squares, FFT model"
MATLAB = "reference program in MATLAB, under Octave"
# Timed once, with the reference implementation of the model of Röding et al., Biophys. J. 116,
# 1348-1361 (2019), under GNU Octave on another machine with two cores. The program is not part
# of this package.
_MATLAB_SECONDS = {"time per model curve, s": 2.7, "time alone, s": 110.0}
_MATLAB_CURVES_PER_FIT = 40


def measure_model(bench):
    """Fit with SciPy on the model stepped by FFT; quote what the reference program takes."""
    records, X = bench.records, bench.sample.data
    seconds_per_fit = bench.seconds_per_fit
    keep_freed_memory()
    some = X[: bench.amounts.n_plain]
    fits = [fit_plainly(FFTModel(bench.protocol).curve, curve) for curve in some]
    per_curve = sum(fit.seconds for fit in fits) / sum(fit.n_curves for fit in fits)
    per_fit = mean_curves_per_fit(bench.protocol, X)
    records.add(PLAIN, "time per model curve, s", per_curve)
    records.add(PLAIN, "model curves per fit", per_fit)
    records.add(PLAIN, "time alone, s", per_curve * per_fit)
    records.add(PLAIN, "time over ours in a batch", per_curve * per_fit / seconds_per_fit)
    alone = records.get(OURS, "time alone, s")
    records.add(PLAIN, "time over ours alone", per_curve * per_fit / alone)
    ours = sums_of_squares(bench.least_squares, some, bench.benchmark[: len(some)])
    excess = np.max(ours / [fit.cost for fit in fits] - 1)
    records.add(OURS, "residual sum over SciPy's, less 1", excess, at_most=1e-6)

    for quantity, value in _MATLAB_SECONDS.items():
        records.add(MATLAB, quantity, value, source=QUOTED)
    records.add(MATLAB, "model curves per fit", _MATLAB_CURVES_PER_FIT, source=QUOTED)
    fit = _MATLAB_SECONDS["time alone, s"]
    records.add(MATLAB, "time over ours in a batch", fit / seconds_per_fit, source=QUOTED)
    records.add(MATLAB, "time over ours alone", fit / alone, source=QUOTED)
