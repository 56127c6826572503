"""Fits of closed forms with `scipy.optimize.curve_fit`, as they are made in laboratories.

Postbleach frames are divided by the mean of the prebleach frames. What is fitted is D, the depth
(the value right after bleaching) and the plateau.

Soumpasis: f(t) = f0 + (plateau - f0) exp(-2 tau / t) [I0(2 tau / t) + I1(2 tau / t)] with
tau = r² / 4D, for a disk of radius r bleached in an instant [1]_.

Exponential: f(t) = plateau - (plateau - f0) 2^(-t / t_half), and D = 0.224 r² / t_half. The
constant is that of Soumpasis' curve [1]_, which is half recovered at t_half = 0.224 r² / D;
Axelrod's, 0.88 / 4 = 0.22 with the half width of the beam for r [2]_, is used as well.

What all of them neglect is that bleaching takes time: bleached particles leave, and others come in
and are bleached, between the bleach frames. Counting time from the middle of bleaching makes up for
most of it. The limits of D are those that least squares has.

References
----------
.. [1] Soumpasis, Biophys. J. 41, 95-97 (1983).
.. [2] Axelrod et al., Biophys. J. 16, 1055-1069 (1976).
"""

import os
import time
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from scipy.optimize import curve_fit
from scipy.special import i0e, i1e

from benchmarks._published import TABLE_1_BOX
from benchmarks._report import median_time
from benchmarks.peers._bench import OURS

HALF_TIME = 0.224  # of a disk, in r² / D
_LOG10_D = tuple(np.log10(TABLE_1_BOX["D"]))


def soumpasis(t, D, f0, plateau, radius):
    """Compute the recovery of a disk of such a radius (µm); t in s, D in µm²/s."""
    x = radius**2 / (2 * D * t)
    return f0 + (plateau - f0) * (i0e(x) + i1e(x))


def exponential(t, D, f0, plateau, radius):
    """Compute an exponential whose half-time is that of a disk of such a radius (µm)."""
    return plateau - (plateau - f0) * 2 ** (-t * D / (HALF_TIME * radius**2))


def fit_recovery(model, t, recovery, radius, plateau=None, *, bounded=True):
    """Fit a closed form to a normalised recovery.

    Starts are read off the recovery: its first value, the mean of the last tenth, and the time at
    which half the way between first and last is passed. D is kept within Table 1's range.

    Parameters
    ----------
    model : callable
        ``model(t, D, f0, plateau, radius)``.
    t, recovery : ndarray of shape (n,)
    radius : float
        µm.
    plateau : float, default=None
        Where it is known. None fits it.
    bounded : bool, default=True
        False leaves `curve_fit` its default method, which is faster and knows no bounds.

    Returns
    -------
    float
        log10 D, NaN where `curve_fit` gives up.
    """
    last = recovery[-max(1, len(t) // 10) :].mean()
    half = max(t[np.argmax(recovery > 0.5 * (recovery[0] + last))], t[0])
    low, high = _LOG10_D
    start = np.array([np.log10(HALF_TIME * radius**2 / half), recovery[0], last])
    bounds = np.array([[low, 0.0, 0.0], [high, 1.0, 1.5]])
    margin = 0.01 * (bounds[1] - bounds[0])
    start = np.clip(start, bounds[0] + margin, bounds[1] - margin)
    n = 3 if plateau is None else 2

    def curve(t, log10_D, f0, plateau=plateau):
        return model(t, 10**log10_D, f0, plateau, radius)

    options = {"bounds": bounds[:, :n]} if bounded else {}
    try:
        with np.errstate(all="ignore"):
            found, _ = curve_fit(curve, t, recovery, start[:n], **options)
    except RuntimeError:
        return np.nan
    return found[0]


@dataclass(frozen=True)
class ClosedForm:
    """A way to fit recoveries.

    Attributes
    ----------
    model : callable
    from_middle : bool
        Whether time counts from the middle of bleaching, and not from its end.
    plateau : float or None
        Given, or fitted.
    """

    model: object
    from_middle: bool = False
    plateau: float | None = None

    def prepare(self, protocol, X):
        """Return times since the flash, and normalised recoveries."""
        t = protocol.times[protocol.n_prebleach :]
        if self.from_middle:
            t = t - protocol.bleach_times.mean()
        before, after = np.split(X, [protocol.n_prebleach], axis=1)
        return t, after / before.mean(axis=1, keepdims=True)

    def fit(self, protocol, X, *, bounded=True):
        """Estimate log10 D of each curve."""
        t, recoveries = self.prepare(protocol, X)
        radius = protocol.equivalent_radius
        return np.array(
            [
                fit_recovery(self.model, t, y, radius, self.plateau, bounded=bounded)
                for y in recoveries
            ]
        )


EXPONENTIAL = "curve_fit, exponential"
SOUMPASIS = "curve_fit, Soumpasis"
SOUMPASIS_MIDDLE = "curve_fit, Soumpasis, mid-bleach"
SOUMPASIS_MOBILE = "curve_fit, Soumpasis, mid-bleach, plateau 1"
CLOSED_FORMS = {
    EXPONENTIAL: ClosedForm(exponential),
    SOUMPASIS: ClosedForm(soumpasis),
    SOUMPASIS_MIDDLE: ClosedForm(soumpasis, from_middle=True),
    SOUMPASIS_MOBILE: ClosedForm(soumpasis, from_middle=True, plateau=1.0),
}


def measure_closed_forms(bench):
    """Fit each closed form: bias and spread of D, failures and time."""
    records, protocol = bench.records, bench.protocol
    seconds_per_fit = bench.seconds_per_fit
    X = bench.sample.data[: bench.amounts.n_closed]
    n_jobs = len(os.sched_getaffinity(0))
    for name, form in CLOSED_FORMS.items():
        some = X[: bench.amounts.n_timed]
        seconds = median_time(lambda f=form, x=some: f.fit(protocol, x), 3) / len(some)
        records.add(name, "time alone, s", seconds)
        records.add(name, "time over ours in a batch", seconds / seconds_per_fit)
        alone = records.get(OURS, "time alone, s")
        records.add(name, "time over ours alone", seconds / alone)
        start = time.perf_counter()
        form.fit(protocol, some, bounded=False)
        seconds = (time.perf_counter() - start) / len(some)
        records.add(name, "time alone without bounds, s", seconds)
        chunks = np.array_split(X, 8 * n_jobs)
        found = Parallel(n_jobs)(delayed(form.fit)(protocol, chunk) for chunk in chunks)
        bench.judge(name, np.concatenate(found)[:, np.newaxis])
