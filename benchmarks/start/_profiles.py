"""Curves with profiles of the first and the last frames, and with the first alone."""

import numpy as np

from benchmarks.start._truth import MIDDLE, PIXEL, TOLD, codes_of, noise_free, protocol_of
from skfrap import MeasuredStartFRAP
from skfrap.experiment import MeasuredStart
from skfrap.preprocessing import RecoveryCurveExtractor, RingExtractor


def profiles_of(rings, stack, pixel_size):
    """Average a stack's first and last ten frames over the complete rings that an extractor has.

    Returns
    -------
    tuple of ndarray of shape (n_rings,)
        Distances in µm, first and last profile.
    """
    layout = rings.layout_
    means = rings.transform([stack]).reshape(-1, layout.n_sectors, layout.n_rings)
    seen = np.isfinite(means).any(axis=(0, 1))
    averages = np.nansum(layout.counts * means, axis=1)[:, seen] / layout.counts.sum(axis=0)[seen]
    return layout.radii[seen] * pixel_size, averages[0], averages[-10:].mean(axis=0)


def measure_profiles(report, arguments):
    """Fit curves with profiles of the first and the last frames, and with the first alone."""
    rng = np.random.default_rng(arguments.seed)
    repeats = 2 if arguments.quick else 6
    protocol = protocol_of(TOLD, 1)
    rings = RingExtractor(protocol, center=(MIDDLE, MIDDLE))
    curves = RecoveryCurveExtractor(protocol)
    both, alone, flagged, biases = [], [], [], []
    for a in (1e-3, 1e-2):
        report.section(f"curves with profiles, {repeats} series each, a = {a:g}")
        for start, D, mobile in (
            ("circle of 3 µm, blurred by 1 µm", 10.0, 0.8),
            ("circle of 3 µm, blurred by 1 µm", 50.0, 0.8),
            ("ellipse of 4 x 2 µm beside it", 50.0, 0.8),
            ("20 bleach frames on 2 µm", 10.0, 0.8),
            ("two spots", 50.0, 0.8),
            ("circle of 5 µm, blurred by 2 µm", 1.0, 1.0),
            ("circle of 1 µm, as told", 1.0, 1.0),
        ):
            clean = noise_free(start, D, mobile)
            cell = []
            for _ in range(repeats):
                stack = clean + np.sqrt(a) * rng.standard_normal(clean.shape)
                radius, first, last = profiles_of(rings.fit([stack]), stack, PIXEL)
                X = curves.fit_transform([stack])
                seen = MeasuredStart.from_profile(radius, first, last)
                estimator = MeasuredStartFRAP(protocol, start=seen).fit(X)
                log_D, error = estimator.predict(X, return_std=True)
                lower, upper = estimator.predict_interval(X)[0, 0]
                held = lower <= np.log10(D) <= upper
                cell.append((log_D[0, 0] - np.log10(D), error[0, 0], held))
                seen = MeasuredStart.from_profile(radius, first)
                estimates = MeasuredStartFRAP(protocol, start=seen).fit(X).estimate(X)
                alone.append(np.log10(estimates.values["D"][0] / D))
                flagged.append("immobile_shape_assumed" in codes_of(estimates))
            cell = np.array(cell)
            both.append(cell)
            bias, error = cell[:, 0].mean(), np.median(cell[:, 1])
            biases.append(abs(bias) / error)
            report.line(
                f"{start}, D = {D:g}, mobile {mobile:g}", f"{bias:+.3f} ± {error:.3f}", "", None
            )
    both = np.concatenate(both)
    report.section(f"all {len(both)} curves with profiles")
    report.add("bias over standard error, worst cell", max(biases), "{:.2f}", at_most=1.0)
    covered = 100 * both[:, 2].mean()
    report.add("coverage of 95 % intervals", covered, "{:.1f} %", at_least=92)
    report.add("first profile alone: rms", np.sqrt(np.nanmean(np.square(alone))), "{:.3f}")
    report.add("  flagged", 100 * np.mean(flagged), "{:.0f} %", at_least=100)
