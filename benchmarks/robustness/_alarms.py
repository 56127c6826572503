"""False alarms: right experiments whose findings say that the model does not describe them."""

from collections import Counter

import numpy as np
from scipy.stats import loguniform, uniform

from benchmarks.robustness._protocols import OTHERS, curves, draw
from skfrap import (
    BayesianFRAP,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    load_pretrained,
)
from skfrap.analysis import ExperimentOptions, analyse_series
from skfrap.io import ImageSeries

# What contradicts the model, and what says that it cannot be told; the latter is counted apart.
CONTRADICT = {
    "frame_does_not_fit", "other_n_prebleach_fits", "zero_after_bleaching", "beyond_bounds",
    "residuals_correlated", "residuals_too_large", "noise_beyond_prior", "larger_model_fits",
    "model_visibly_wrong", "not_converged", "sample_ends", "several_patches", "motion_left",
    "patch_elsewhere", "patch_of_other_size", "patch_edge_differs", "uneven_light",
    "start_contradicted", "neighbours_correlated", "detector_saturated", "frames_alternate",
}  # fmt: skip
LIMIT = 0.005
_CHUNK = 16384
_FEWER = 16  # times, where an estimate takes longer
_LARGEST_NOISE = 0.06  # of a pixel, of full scale
CONTRADICT |= {"neighbours_correlated", "detector_saturated", "frames_alternate"}  # recordings
CONTRADICT |= {"light_changes_before_bleaching"}


class Tally:
    """Count findings by code, and how often intervals of D hold the truth."""

    def __init__(self):
        self.n = self.alarmed = self.apart = 0
        self.codes = Counter()
        self.held = Counter()

    def add(self, estimates, D):
        """Count one batch."""
        inside = (estimates.D_um2_s_lower <= D) & (estimates.D_um2_s_upper >= D)
        for some, holds in zip(estimates.findings, inside, strict=True):
            codes = {one.code for one in some}
            self.n += 1
            self.alarmed += bool(codes & CONTRADICT)
            others = {one.code for one in some if one.severity != "note"} - CONTRADICT
            self.apart += bool(others)
            self.codes.update(codes)
            kind = "alarmed" if codes & CONTRADICT else "apart" if others else "clean"
            self.held[kind, bool(holds)] += 1

    def line(self, name):
        """Write a line of the table."""
        held = []
        for kind in ("clean", "apart"):
            n = self.held[kind, True] + self.held[kind, False]
            held.append(f"{100 * self.held[kind, True] / n:.1f}" if n else "-")
        codes = ", ".join(f"{code} {count}" for code, count in self.codes.most_common(6))
        return (
            f"| {name} | {self.n} | {100 * self.alarmed / max(self.n, 1):.3f} | "
            f"{100 * self.apart / max(self.n, 1):.1f} | {held[0]} | {held[1]} | {codes} |"
        )


def _table_1(n, seed, estimator):
    tally = Tally()
    simulator = FRAPSimulator(FRAPProtocol(), random_state=seed)
    X, y = simulator.sample(n, return_X_y=True)
    for first in range(0, n, _CHUNK):
        some = slice(first, first + _CHUNK)
        tally.add(estimator.estimate(X[some]), 10 ** y[some, 0])
    return tally


def _fitted(kind, protocol, *options):
    return kind(protocol, *options).fit(np.full((1, protocol.n_frames), 0.6))


def _prior(values):
    """Return a prior that holds what `draw` draws."""
    D, a = (loguniform(one.min() / 1.01, 1.01 * one.max()) for one in (values["D"], values["a"]))
    return {"D": D, "c0": uniform(0.35, 0.5), "alpha": uniform(0.15, 0.84), "a": a}


def _other_curves(protocol, n, random, posterior=False):
    values = draw(protocol, n, random)
    X = curves(protocol, values, random)
    kind, options = (BayesianFRAP, [_prior(values)]) if posterior else (LeastSquaresFRAP, [])
    tally = Tally()
    tally.add(_fitted(kind, protocol, *options).estimate(X), values["D"])
    return tally


def _posterior_of_other_curves(protocol, n, random):
    return _other_curves(protocol, n, random, posterior=True)


def series_of(protocol, values, seed, **changes):
    """Simulate one image series, as a camera of 16 bits records it."""
    truth = {name: float(value) for name, value in values.items()}
    simulator = FRAPSimulator(protocol, truth, bit_depth=16, random_state=seed)
    frames = simulator.sample_images(1).data[0]
    times = protocol.times - protocol.times[0]
    description = {"frames": frames, "name": "series", "pixel_size_um": protocol.pixel_size}
    return ImageSeries(**description | {"times_s": times} | changes)


def options_of(protocol, **changes):
    """Say of a series what its protocol is."""
    said = {
        "n_prebleach": protocol.n_prebleach, "n_bleach": protocol.n_bleach,
        "bleach_region": protocol.bleach_region, "padding": protocol.padding,
        "first_postbleach": float(protocol.times[protocol.n_prebleach]),
        "bleach_duration": protocol.n_bleach * protocol.frame_interval,
        "background": "auto",
    }  # fmt: skip
    return ExperimentOptions(**said | changes)


def _series(protocol, n, random):
    tally = Tally()
    values = draw(protocol, n, random)
    # A camera clips what is brighter than its range, or darker than none.
    values["a"] = np.minimum(values["a"], _LARGEST_NOISE**2)
    for k in range(n):
        one = {name: column[k] for name, column in values.items()}
        series = series_of(protocol, one, int(random.integers(2**31)))
        tally.add(
            analyse_series(series, options_of(protocol, data="both")).estimates,
            values["D"][k : k + 1],
        )
    return tally


def run(n=65536, seed=0, n_others=4096, n_series=20):
    """Count false alarms and print them.

    Parameters
    ----------
    n : int, default=65536
        Curves of Table 1.
    seed : int, default=0
    n_others : int, default=4096
        Curves of each of twelve other protocols.
    n_series : int, default=20
        Image series of each.

    Returns
    -------
    dict of str to float
        Share of alarms of ``"Table 1"``, of ``"other curves"`` and of ``"image series"`` by
        LeastSquaresFRAP, and of smaller numbers of curves by BayesianFRAP and NeuralFRAP.
    """
    print(
        "| right data | n | alarms % | not told % | held, clean % | held, not told % | findings |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    shares, protocol = {}, FRAPProtocol()
    for kind, count, estimator in (
        ("Table 1", n, _fitted(LeastSquaresFRAP, protocol)),
        ("Table 1, BayesianFRAP", n // _FEWER, _fitted(BayesianFRAP, protocol)),
        ("Table 1, NeuralFRAP", n // _FEWER, load_pretrained()),
    ):
        if count:
            tally = _table_1(count, seed, estimator)
            print(tally.line(kind), flush=True)
            shares[kind] = tally.alarmed / tally.n
    for kind, count, of in (
        ("other curves", n_others, _other_curves),
        ("other curves, BayesianFRAP", n_others // _FEWER, _posterior_of_other_curves),
        ("image series", n_series, _series),
    ):
        if not count:
            continue
        tallies = []
        for k, (name, protocol) in enumerate(OTHERS.items()):
            random = np.random.default_rng([seed, k, kind == "image series"])
            tallies.append(of(protocol, count, random))
            print(tallies[-1].line(f"{kind}: {name}"), flush=True)
        shares[kind] = sum(t.alarmed for t in tallies) / sum(t.n for t in tallies)
    for kind, share in shares.items():
        print(f"{kind}: {100 * share:.3f} % of right data contradicted (<= {100 * LIMIT} % wanted)")
    return shares
