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
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from scipy.optimize import curve_fit
from scipy.special import i0e, i1e

from benchmarks._pages import markdown_table, paragraphs, picture
from benchmarks._published import NAMES, TABLE_1_BOX
from benchmarks._report import median_time, timed
from benchmarks.peers._bench import DECADES, OURS
from benchmarks.peers._records import (
    AT_BOX,
    FAILED,
    LOSS,
    MEDIAN,
    OFF,
    RMSE,
    loss_text,
    spread_text,
)
from skfrap.plotting._style import CATEGORIES, MARKERS, new_axes, tidy, write_plainly

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
        given = radius, self.plateau
        return np.array(
            [fit_recovery(self.model, t, y, *given, bounded=bounded) for y in recoveries]
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
    X = bench.fresh.data[: bench.amounts.n_closed]
    n_jobs = len(os.sched_getaffinity(0))
    for name, form in CLOSED_FORMS.items():
        some = X[: bench.amounts.n_timed]
        seconds = median_time(lambda f=form, x=some: f.fit(protocol, x), 3) / len(some)
        records.add(name, "time alone, s", seconds)
        records.add(name, "time over ours in a batch", seconds / seconds_per_fit)
        alone = records.get(OURS, "time alone, s")
        records.add(name, "time over ours alone", seconds / alone)
        _, seconds = timed(lambda f=form, x=some: f.fit(protocol, x, bounded=False))
        records.add(name, "time alone without bounds, s", seconds / len(some))
        chunks = np.array_split(X, 8 * n_jobs)
        found = Parallel(n_jobs)(delayed(form.fit)(protocol, chunk) for chunk in chunks)
        bench.judge(name, np.concatenate(found)[:, np.newaxis])
    records.figures["accuracy"] = draw_accuracy(records.tables["by_D"])


def draw_accuracy(by_D):
    """Draw estimates of D over the truth, against the truth: medians and 16-84 % bands."""
    ax = new_axes(figsize=(7.2, 4.4))
    shown = EXPONENTIAL, SOUMPASIS, SOUMPASIS_MIDDLE, OURS
    for method, colour, marker in zip(shown, CATEGORIES, MARKERS, strict=False):
        x, low, middle, high = (
            np.array(by_D[name])[np.array(by_D["method"]) == method]
            for name in ("D_um2_per_s", "q16_ratio", "median_ratio", "q84_ratio")
        )
        ax.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
        ax.plot(x, middle, marker=marker, color=colour, ms=5, lw=1.5, label=method)
    ax.axhline(1, color="0.3", lw=0.8)
    ax.set(xscale="log", yscale="log", xlabel="true D (µm²/s)", ylabel="estimated over true D")
    ax.set_ylim(0.05, 5)
    tidy(ax)
    write_plainly(ax.xaxis)
    write_plainly(ax.yaxis, [0.1, 0.2, 0.5, 1, 2, 5])
    ax.legend(frameon=False, loc="lower left", fontsize=9)
    return ax.figure


def tell_closed_forms(records):
    """Write the section of the closed forms; nothing if none was fitted."""
    if not records.has(EXPONENTIAL):
        return ""
    rows = []
    for method in (*CLOSED_FORMS, OURS):
        for of in DECADES:
            rmse = f"{records.get(method, RMSE, of):.3f}"
            shares = [f"{records.get(method, share, of):.1f} %" for share in (OFF, AT_BOX, FAILED)]
            rows.append([method, of, spread_text(records, method, of), rmse, *shares])
    header = (
        "method | true D (µm²/s) | estimated over true D: median (16 to 84 %) | error of log10 D "
        "(rms) | off by more than 2 times | at the limits of D | not converged"
    )
    low, high = (records.get(SOUMPASIS, MEDIAN, of)
                 for of in ("1 to 10", "100 to 1000"))  # fmt: skip
    best = min(CLOSED_FORMS, key=lambda method: records.get(method, LOSS, NAMES[0]))
    return paragraphs(
        "As often done in a laboratory: divide by the intensity before bleaching, and fit a "
        "formula with `scipy.optimize.curve_fit`. The formulas are an exponential, with "
        "D = 0.224 r² / t½ from its half-time, and Soumpasis' curve of a disk that is bleached "
        "in an instant (Biophys. J. 41, 95-97, 1983), from which the 0.224 comes too. Depth and "
        "plateau are fitted with D, which is kept within 1 to 1000 µm²/s, as it is for "
        "`LeastSquaresFRAP`; starts are read off each curve.",
        f"{records.facts['n_closed']:,} curves. None of these formulas knows that bleaching "
        f"takes 0.8 s here, in which bleached particles already leave. Time counted from the "
        f"last bleach frame, as usual, Soumpasis' curve finds {low:.2f} of D between 1 and 10 "
        f"µm²/s and {high:.2f} between 100 and 1000. Two other uses count time from the middle "
        "of bleaching, and one of these is given the plateau, since all particles move in these "
        f"samples; the smallest loss has {best}. An exponential has another shape than a recovery "
        "by diffusion: the half-time that it finds depends on how long one has watched.",
        picture("figures/peers-accuracy", "Estimated over true D against true D"),
        "Lines are medians, bands hold 68 % of the estimates.",
        markdown_table(header, rows),
        "Loss in log10 D over that of least squares: "
        + "; ".join(
            f"{method} {loss_text(records.record(method, LOSS, NAMES[0]))}"
            for method in CLOSED_FORMS
        )
        + ". Where bleaching is one short flash, Soumpasis' curve is nearly right; "
        '`LeastSquaresFRAP(model="soumpasis")` fits it as well, in batches. '
        "[What each closed form assumes](../guide/models.md) is told with the models.",
    )
