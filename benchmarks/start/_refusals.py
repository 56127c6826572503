"""What cannot be answered, or only in part, must be refused or flagged."""

import numpy as np

from benchmarks.start._truth import FRAMES, LONG, PIXEL, TOLD, N, codes_of, noise_free, protocol_of
from skfrap import MeasuredStartFRAP
from skfrap.preprocessing import RingExtractor


def measure_refusals(report, arguments):
    """Try what cannot be answered, or only in part."""
    rng = np.random.default_rng(arguments.seed)
    protocol = protocol_of(TOLD, 1)
    rings = RingExtractor(protocol)
    estimator = MeasuredStartFRAP(protocol)
    report.section("what must be refused or flagged")

    def judge(what, stack, a, wanted, D=None, window=None):
        stack = stack + np.sqrt(a) * rng.standard_normal(stack.shape)
        X = rings.fit_transform([stack])
        if window is not None:
            means = X.reshape(FRAMES, rings.n_sectors, -1)
            means[:, :, window:] = np.nan
        estimates = estimator.fit(X).estimate(X)
        codes = codes_of(estimates)
        off = ""
        if D is not None:
            error = np.log10(estimates.values["D"][0] / D)
            off = f"{error:+.3f} ± {estimator.predict(X, return_std=True)[1][0, 0]:.3f}"
        met = bool(codes & wanted) if wanted else not codes
        report.line(
            what,
            f"{off} {' '.join(sorted(codes)) or 'no finding'}",
            " or ".join(sorted(wanted)) or "none",
            met,
        )

    wide = noise_free("circle of 5 µm, blurred by 2 µm", 10.0, 1.0)
    for window, wanted in (
        (60, set()),
        (30, {"patch_near_edge"}),
        (20, {"patch_near_edge", "patch_fills_field"}),
        (10, {"patch_fills_field", "interval_too_wide"}),
    ):
        judge(f"patch of 5 µm, window of {window * PIXEL:g} µm", wide, 1e-3, wanted, 10.0, window)
    nothing = np.ones((10 + FRAMES, N, N))
    seen = {"no_bleaching_visible", "at_lower_bound", "at_upper_bound", "patch_fills_field"}
    for a in (1e-3, 1e-2):
        judge(f"nothing bleached, a = {a:g}", nothing, a, seen)
    shallow = noise_free("circle of 3 µm, blurred by 1 µm", 1.0, 1.0)
    for part, name in ((1 / 24, "2.5 %"), (1 / 12, "5 %")):
        judge(f"{name} deep, a = 0.001", 1 - part * (1 - shallow), 1e-3, set(), 1.0)
    slow = noise_free("circle of 5 µm, blurred by 2 µm", 0.02, 1.0)
    judge("recovery hardly begun", slow, 1e-3, {"recovery_hardly_begun"}, 0.02)
    fast = noise_free(LONG, 50.0, 1.0)
    judge("20 bleach frames at D = 50", fast, 1e-3, {"patch_near_edge", "patch_fills_field"}, 50.0)
