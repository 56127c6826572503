"""The same model fitted by SciPy, and what the reference program takes elsewhere."""

import numpy as np

from benchmarks._pages import duration, number, paragraphs
from benchmarks._plain_fit import PlainFits, excess, sums_of_squares
from benchmarks._published import REFERENCE
from benchmarks.peers._bench import OURS
from benchmarks.peers._records import QUOTED
from skfrap.numerics._memory import keep_freed_memory

PLAIN = "SciPy least_squares, FFT model"
MATLAB = "reference program in MATLAB, under Octave"
_SAME = 1e-6  # of residual sums, relative


def measure_model(bench):
    """Fit with SciPy on the model stepped by FFT; quote what the reference program takes."""
    records, X = bench.records, bench.fresh.data
    seconds_per_fit = bench.seconds_per_fit
    keep_freed_memory()
    fits = PlainFits(bench.protocol, X, bench.amounts.n_plain)
    alone = records.get(OURS, "time alone, s")
    for quantity, value in (
        ("time per model curve, s", fits.seconds_per_curve),
        ("model curves per fit", fits.curves_per_fit),
        ("time alone, s", fits.seconds_per_fit),
        ("time over ours in a batch", fits.seconds_per_fit / seconds_per_fit),
        ("time over ours alone", fits.seconds_per_fit / alone),
    ):
        records.add(PLAIN, quantity, value)
    ours = sums_of_squares(bench.least_squares, X, bench.benchmark)
    stepped, exact = (excess(ours, some) for some in (fits.stepped, fits.exact))
    records.add(OURS, "residual sum over SciPy's, less 1", stepped.max(), at_most=1e-6)
    records.add(OURS, "fits compared on the exact model", len(exact))
    for what, n in (
        ("lower than SciPy's", np.sum(exact < -_SAME)),
        ("higher than SciPy's", np.sum(exact > _SAME)),
    ):
        records.add(OURS, f"residual sum {what}, fits", n)

    for quantity, value in (
        ("time per model curve, s", REFERENCE.seconds_per_curve),
        ("time alone, s", REFERENCE.seconds_per_fit),
        ("model curves per fit", REFERENCE.curves_per_fit),
        ("time over ours in a batch", REFERENCE.seconds_per_fit / seconds_per_fit),
        ("time over ours alone", REFERENCE.seconds_per_fit / alone),
    ):
        records.add(MATLAB, quantity, value, source=QUOTED)


def tell_model(records):
    """Write the section of the model; nothing if it was not fitted."""
    if not records.has(PLAIN):
        return ""
    get = records.get
    curve, per_fit = get(PLAIN, "time per model curve, s"), get(PLAIN, "model curves per fit")
    found, n = get(OURS, "residual sum over SciPy's, less 1"), records.facts["n_plain"]
    counted, lower, higher = (
        int(get(OURS, what))
        for what in (
            "fits compared on the exact model",
            "residual sum lower than SciPy's, fits",
            "residual sum higher than SciPy's, fits",
        )
    )
    return paragraphs(
        "What one would write at first: step the image by FFT from frame to frame, and give the "
        f"model to `scipy.optimize.least_squares`. One curve takes {duration(curve)}, a fit asks "
        f"for {per_fit:.0f} of them on average, so a fit takes "
        f"{duration(get(PLAIN, 'time alone, s'))}. `LeastSquaresFRAP` takes "
        f"{duration(get(OURS, 'time alone, s'))} for one curve, "
        f"which is {number(get(PLAIN, 'time over ours alone'))} times as fast once "
        f"{duration(get(OURS, 'preparation, s'))} are spent on preparing the protocol, and "
        f"{duration(get(OURS, 'time in a batch, s'))} per curve in a batch, "
        f"{number(get(PLAIN, 'time over ours in a batch'))} times as fast. Where they end: "
        f"skfrap's residual sum over SciPy's, less 1, is at most {found:+.0e} in {n} "
        f"fit{'s' * (n > 1)} of the stepped model; of {counted} fits by SciPy of the exact model "
        f"skfrap's sum is lower in {lower} and higher in {higher}, and the same in the others. "
        "`python -m benchmarks.least_squares` looks closer.",
        "The reference program of the paper's model, in MATLAB, takes "
        f"{get(MATLAB, 'time per model curve, s'):g} s per curve and about "
        f"{get(MATLAB, 'time alone, s'):.0f} s per fit, which asks for "
        f"{get(MATLAB, 'model curves per fit'):.0f} curves, under GNU Octave. These figures are "
        f"**{QUOTED}**: they come from another machine with two cores, and the program is not "
        "part of skfrap. Against our times here they would be "
        f"{number(get(MATLAB, 'time over ours alone'))} times as long as one fit alone and "
        f"{number(get(MATLAB, 'time over ours in a batch'))} times as long as one in a batch.",
    )
