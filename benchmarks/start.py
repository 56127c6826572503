"""Measure what a measured start gives where region, time and shape of bleaching are told wrongly.

Truth comes from skfrap's image model, noise is drawn in every pixel, and rings are taken from the
images by RingExtractor, which finds the patch. "told" is least squares on the curve of the region
that was told, with D, c0, alpha and the mobile fraction free, on the same stacks.

    python -m benchmarks.start                     some 6 minutes on two cores
    python -m benchmarks.start --quick             fewer series; a minute and a half
    python -m benchmarks.start --stages starts     some of it
    python -m benchmarks.start --leeds FOLDER      with images of a bilayer, bleached for long
    python -m benchmarks.start --venus FOLDER      with curves and profiles of a protein
"""

import re
import warnings
from pathlib import Path
from time import process_time

import numpy as np

from benchmarks._report import Report, arguments_of, choice_of
from skfrap import (
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    MeasuredStartFRAP,
    Polygon,
)
from skfrap.experiment import MeasuredStart
from skfrap.models import DiffusionModel
from skfrap.preprocessing import RecoveryCurveExtractor, RingExtractor

_PIXEL, _N, _INTERVAL, _FRAMES = 0.2, 128, 0.1, 100  # µm, pixels, s
_MIDDLE = _PIXEL * _N / 2
_DEPTH = 0.6
_TOLD = Circle(1.0)
_STAGES = "starts", "refusals", "paper", "profiles"


def _ellipse(a, b, turn=0.5, offset=(1.0, 0.6)):
    """Return an ellipse with half axes a and b (µm) beside the middle, as a polygon."""
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    x, y = a * np.cos(angle), b * np.sin(angle)
    x, y = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    return Polygon([*zip(_MIDDLE + offset[0] + x, _MIDDLE + offset[1] + y, strict=True)])


# What was really bleached: region, blur in µm, bleach frames.
STARTS = {
    "circle of 1 µm, as told": (Circle(1.0), 0.0, 1),
    "circle of 3 µm, blurred by 1 µm": (Circle(3.0), 1.0, 1),
    "circle of 5 µm, blurred by 2 µm": (Circle(5.0), 2.0, 1),
    "ellipse of 4 x 2 µm beside it": (_ellipse(4.0, 2.0), 0.5, 1),
    "20 bleach frames on 2 µm": (Circle(2.0), 0.5, 20),
    "two spots": (Circle(1.5), 0.5, 1),
}


def protocol_of(region, n_bleach, n_prebleach=10):
    return FRAPProtocol(
        shape=(_N, _N),
        pixel_size=_PIXEL,
        bleach_region=region,
        n_prebleach=n_prebleach,
        n_bleach=n_bleach,
        n_postbleach=_FRAMES,
        frame_interval=_INTERVAL,
        padding=192,
    )


def noise_free(start, D, mobile_fraction, depth=_DEPTH):
    """Compute the stack of a start, 1 before bleaching."""
    region, blur, n_bleach = STARTS[start]
    alpha = 1 - depth if n_bleach == 1 else 1 - 1.6 / n_bleach * depth
    model = DiffusionModel(protocol_of(region, n_bleach, 1))
    images = model.images(
        D=[D], c0=[1.0], alpha=[alpha], mobile_fraction=[mobile_fraction], bleach_blur=[blur]
    )[0][1:]
    if start == "two spots":
        missing = 1 - images
        images = images - 0.7 * np.roll(missing, (-10, 22), (1, 2))
    return np.concatenate([np.ones((10, _N, _N)), images])


class Told:
    """Least squares on the curve of the region that was told."""

    def __init__(self, protocol, bounds):
        self._extractor = RecoveryCurveExtractor(protocol)
        names = "D", "c0", "alpha", "mobile_fraction"
        self._estimator = LeastSquaresFRAP(protocol, {"D": bounds}, parameters=names)

    def log_D(self, stacks):
        """Fit stacks, without the warnings that they deserve."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            curves = self._extractor.fit_transform(stacks)
            return self._estimator.fit(curves).predict(curves)[:, 0]


def measure_starts(report, arguments):
    rng = np.random.default_rng(arguments.seed)
    repeats = 3 if arguments.quick else 12
    rows = []
    seconds = []
    for a in (1e-3, 1e-2):
        for start in STARTS:
            # The number of bleach frames that is told is 1, whatever it was.
            protocol = protocol_of(_TOLD, 1)
            rings = RingExtractor(protocol)
            estimator = MeasuredStartFRAP(protocol, errors="noise")
            jackknife = MeasuredStartFRAP(protocol)
            told = Told(protocol, (1e-2, 1e3))
            for D in (1.0, 10.0, 50.0):
                for mobile in (1.0, 0.8):
                    clean = noise_free(start, D, mobile)
                    stacks = clean + np.sqrt(a) * rng.standard_normal((repeats, *clean.shape))
                    X = rings.fit_transform(stacks)
                    estimator.fit(X).predict(X[:1])  # prepares
                    begun = process_time()
                    estimates = estimator.estimate(X)
                    seconds.append((process_time() - begun) / len(X))
                    found = estimator.predict(X)[:, 0]
                    ends = np.log10([estimates.lower["D"], estimates.upper["D"]]).T
                    wide = jackknife.fit(X).predict_interval(X)[:, 0]
                    old = told.log_D(stacks)
                    rows += [
                        {
                            "a": a,
                            "start": start,
                            "D": D,
                            "mobile": mobile,
                            "error": found[k] - np.log10(D),
                            "covered": ends[k, 0] <= np.log10(D) <= ends[k, 1],
                            "covered_jackknife": wide[k, 0] <= np.log10(D) <= wide[k, 1],
                            "flagged": not estimates.usable[k],
                            "told": old[k] - np.log10(D),
                        }
                        for k in range(len(X))
                    ]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    errors = columns["error"]
    clean = ~columns["flagged"]
    for a in (1e-3, 1e-2):
        report.section(f"six starts, {repeats} series of each D and mobile fraction, a = {a:g}")
        long = (columns["start"] == "20 bleach frames on 2 µm") & (columns["D"] == 50)
        groups = {
            "D 1 and 10": columns["D"] < 50,
            "D 50, short bleach": (columns["D"] == 50) & ~long,
            "D 50, 20 bleach frames": long,
        }
        for name, where in groups.items():
            where = where & (columns["a"] == a)
            strict = a == 1e-3 and name != "D 50, 20 bleach frames"
            bias = errors[where].mean()
            limits = {"D 1 and 10": 0.01, "D 50, short bleach": 0.02}
            if name == "D 1 and 10" and strict:
                report.add(f"{name}: bias of log10 D", abs(bias), "{:.4f}", at_most=0.005)
            else:
                report.add(f"{name}: bias of log10 D", bias, "{:+.4f}")
            rms = np.sqrt(np.mean(errors[where] ** 2))
            limit = limits[name] if strict else None
            report.add(f"{name}: rms", rms, "{:.4f}", at_most=limit)
            report.add(
                "  of what was told", np.sqrt(np.mean(columns["told"][where] ** 2)), "{:.3f}"
            )
            report.add("  flagged", 100 * columns["flagged"][where].mean(), "{:.0f} %")
        right = (columns["start"] == "circle of 1 µm, as told") & (columns["a"] == a)
        for D in (1.0, 10.0, 50.0):
            where = right & (columns["D"] == D)
            ratio = np.sqrt(np.mean(errors[where] ** 2) / np.mean(columns["told"][where] ** 2))
            report.add(f"region rightly told, D = {D:g}: rms over told", ratio, "{:.2f}")
    report.section(f"all {len(errors)} series")
    covered = 100 * columns["covered"][clean].mean()
    report.add(
        "coverage of 95 % intervals by noise, not flagged, at least",
        covered,
        "{:.1f} %",
        at_least=92.0,
    )
    report.add("  at most", covered, "{:.1f} %", at_most=97.0)
    wide = 100 * columns["covered_jackknife"][clean].mean()
    report.add("  by the jackknife", wide, "{:.1f} %", at_least=92.0)
    report.add(
        "CPU time per series after set-up", 1e3 * np.median(seconds), "{:.0f} ms", at_most=50
    )


def measure_refusals(report, arguments):
    """Try what cannot be answered, or only in part."""
    rng = np.random.default_rng(arguments.seed)
    protocol = protocol_of(_TOLD, 1)
    rings = RingExtractor(protocol)
    estimator = MeasuredStartFRAP(protocol)
    report.section("what must be refused or flagged")

    def judge(what, stack, a, wanted, D=None, window=None):
        stack = stack + np.sqrt(a) * rng.standard_normal(stack.shape)
        X = rings.fit_transform([stack])
        if window is not None:
            means = X.reshape(_FRAMES, rings.n_sectors, -1)
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
        judge(f"patch of 5 µm, window of {window * _PIXEL:g} µm", wide, 1e-3, wanted, 10.0, window)
    nothing = np.ones((10 + _FRAMES, _N, _N))
    seen = {"no_bleaching_visible", "at_lower_bound", "at_upper_bound", "patch_fills_field"}
    for a in (1e-3, 1e-2):
        judge(f"nothing bleached, a = {a:g}", nothing, a, seen)
    shallow = noise_free("circle of 3 µm, blurred by 1 µm", 1.0, 1.0)
    for part, name in ((1 / 24, "2.5 %"), (1 / 12, "5 %")):
        judge(f"{name} deep, a = 0.001", 1 - part * (1 - shallow), 1e-3, set(), 1.0)
    slow = noise_free("circle of 5 µm, blurred by 2 µm", 0.02, 1.0)
    judge("recovery hardly begun", slow, 1e-3, {"recovery_hardly_begun"}, 0.02)
    fast = noise_free("20 bleach frames on 2 µm", 50.0, 1.0)
    judge("20 bleach frames at D = 50", fast, 1e-3, {"patch_near_edge", "patch_fills_field"}, 50.0)


def measure_paper(report, arguments):
    """Compare with the curve of the right region, with the paper's protocol and prior."""
    n_stacks = 60 if arguments.quick else 1000
    protocol = FRAPProtocol()
    simulator = FRAPSimulator(protocol, random_state=arguments.seed)
    rings, curves = RingExtractor(protocol), RecoveryCurveExtractor(protocol)
    measured = MeasuredStartFRAP(protocol, bounds=(1e-2, 1e4))
    told = LeastSquaresFRAP(protocol, {"D": (1e-2, 1e4)})
    found, old, truth, usable = [], [], [], []
    blank = np.zeros((1, protocol.n_frames, *protocol.shape), np.float32)
    rings.fit(blank), curves.fit(blank)
    for first in range(0, n_stacks, 4):
        drawn = simulator.sample_images(4, start=first)
        X, X_curve = rings.transform(drawn.data), curves.transform(drawn.data)
        estimates = measured.fit(X).estimate(X)
        found.append(np.log10(estimates.values["D"]))
        usable.append(estimates.usable)
        old.append(told.fit(X_curve).predict(X_curve)[:, 0])
        truth.append(drawn.target[:, 0])
    found, old, truth, usable = map(np.concatenate, (found, old, truth, usable))
    duration = protocol.times[-1] - protocol.times[protocol.n_prebleach]
    begun = 2 * np.sqrt(10**truth * duration) >= protocol.equivalent_radius
    kept = usable & begun & np.isfinite(found)
    report.section(f"the paper's protocol and prior, {n_stacks} stacks, region rightly told")
    report.add("left out: flagged, or recovery not begun", 100 * (1 - kept.mean()), "{:.1f} %")
    for low, high, limit in ((0, 1, 1.1), (1, 2, 1.0), (2, 3, 1.0)):
        where = kept & (truth >= low) & (truth < high)
        ratio = np.sqrt(np.mean((found - truth)[where] ** 2) / np.mean((old - truth)[where] ** 2))
        what = f"D {10**low} to {10**high}, {where.sum()} stacks: rms over the curve's"
        report.add(what, ratio, "{:.2f}", at_most=limit)


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


def codes_of(estimates):
    return {finding.code for finding in estimates.findings[0]}


def measure_profiles(report, arguments):
    """Fit curves with profiles of the first and the last frames, and with the first alone."""
    rng = np.random.default_rng(arguments.seed)
    repeats = 2 if arguments.quick else 6
    protocol = protocol_of(_TOLD, 1)
    rings = RingExtractor(protocol, center=(_MIDDLE, _MIDDLE))
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
                radius, first, last = profiles_of(rings.fit([stack]), stack, _PIXEL)
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


def read_venus(folder):
    """Read curves, first profiles and the authors' D of a protein in cells.

    Returns
    -------
    dict of str to tuple
        Times from the first frame after bleaching, curve, distances in µm, first profile, D.
    """
    folder = Path(folder)

    def table(name):
        found = {}
        for line in (folder / name).read_text().splitlines():
            series, what, *values = map(str.strip, line.split("\t"))
            if what != "Cell":
                found[series, what] = np.array(values, dtype=float)
        return found

    profiles, curves = table("Postbleach_profiles.txt"), table("FRAP_datasets.txt")
    fits = (folder / "Fit_Parameters.txt").read_text().splitlines()[1:]
    rows = [[*map(str.strip, line.split("\t"))] for line in fits if line.strip()]
    return {
        series: (
            curves[series, "Time"],
            curves[series, "Corrected FRAP"],
            profiles[series, "Distance"],
            profiles[series, "Post-bleach Profile"],
            float(D),
        )
        for series, _, _, D, *_ in rows
    }


def venus_protocol(times, n_postbleach=55):
    """Describe the recording: a gap of 0.15 s at the bleaching, and a region of 9 pixels radius."""
    interval, n = 0.045, 20
    return FRAPProtocol(
        shape=(64, 64),
        pixel_size=0.109863,
        bleach_region=Circle(0.98877),
        n_prebleach=n,
        n_bleach=3,
        frame_interval=interval,
        postbleach_times=tuple(interval + times[n : n + n_postbleach] - times[n]),
    )


def measure_venus(report, folder):
    """Compare with what the authors of FRAP-Toolbox found from the same curves and profiles."""
    report.section("a protein in cells: curve and first profile")
    found, told, inside, flags = [], [], [], []
    for series, (times, curve, radius, profile, D) in read_venus(folder).items():
        protocol = venus_protocol(times)
        X = curve[np.newaxis, : protocol.n_frames]
        start = MeasuredStart.from_profile(radius, profile)
        estimator = MeasuredStartFRAP(protocol, start=start).fit(X)
        estimates, one = estimator.estimate(X), estimator.measure(X)[0]
        value, lower, upper = (
            float(column["D"][0]) for column in (estimates.values, estimates.lower, estimates.upper)
        )
        ratio = value / D
        low, high = one.assumed_span
        report.line(
            f"{series}: D, authors' {D:.1f}",
            f"{value:.1f} ({lower:.1f} to {upper:.1f}; assumed {low:.1f} to {high:.1f})",
            "within 25 %",
            bool(0.75 < ratio < 1.25),
        )
        found.append(value), told.append(D), inside.append(lower <= D <= upper)
        flags.append("immobile_shape_assumed" in codes_of(estimates))
        names = "D", "c0", "alpha", "mobile_fraction"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old = LeastSquaresFRAP(protocol, parameters=names).fit(X).estimate(X)
        report.add("  region as told", float(old.values["D"][0]), "{:.1f}")
        own = " ".join(sorted(codes_of(old))) or "none"
        witness = "told_region_contradicted" in codes_of(estimates)
        report.line("  its own findings", own)
        report.line("  contradicted by the profile", "yes" if witness else "no", "yes", witness)
    mean, theirs = np.mean(found), np.mean(told)
    report.add("mean over the authors' mean", mean / theirs, "{:.3f}", at_least=0.9)
    report.add("  at most", mean / theirs, "{:.3f}", at_most=1.1)
    report.add("authors' D inside the interval", sum(inside), "{:.0f}", at_least=4)
    report.add("assumption flagged", sum(flags), "{:.0f}", at_least=len(flags))


def measure_bilayer(report, folder):
    """Fit the images of a bilayer that was bleached for long; D is about 1.8 µm²/s."""
    import tifffile

    def read(path):
        return tifffile.imread(path).astype(float) - 200  # the detector's dark level

    def seconds(path):
        with tifffile.TiffFile(path) as file:
            stamp = str(file.pages[0].tags["DateTime"].value)
        hours, minutes, rest = re.search(r"(\d+):(\d+):([\d.]+)", stamp).groups()
        return 3600 * (int(hours) % 12) + 60 * int(minutes) + float(rest)

    files = sorted(
        (path for path in Path(folder).glob("*.tif") if path.name[0].isdigit()), key=seconds
    )
    times = np.array([seconds(path) for path in files])
    before, images = read(Path(folder) / "prima.tif"), np.stack([read(path) for path in files])
    report.section("a lipid bilayer")
    for n_images in (6, 9, 15):
        protocol = FRAPProtocol(
            shape=before.shape,
            pixel_size=150 / 471,
            bleach_region=Circle(15.9),
            n_prebleach=1,
            n_bleach=1,
            n_postbleach=n_images,
            postbleach_times=tuple(10 + times[:n_images] - times[0]),
        )
        rings = RingExtractor(protocol)
        whole = rings.fit_transform([np.concatenate([before[np.newaxis], images[:n_images]])])
        for window in (160, 200, 230):
            means = whole.reshape(n_images, rings.n_sectors, -1).copy()
            means[:, :, window:] = np.nan
            X = means.reshape(1, -1)
            one = MeasuredStartFRAP(protocol).fit(X).measure(X)[0]
            D, lower, upper = 10 ** np.array([one.best.log_D, one.lower, one.upper])
            text = f"{D:.3f} ({lower:.3f} to {upper:.3f}) µm²/s"
            report.line(
                f"{n_images} images, window of {window} pixels",
                text,
                "1.75 to 1.80",
                bool(1.745 <= D < 1.805),
            )


def main():
    arguments = arguments_of(
        __doc__,
        quick="fewer series",
        stages=choice_of(_STAGES),
        leeds={"metavar": "FOLDER", "help": "with the images of a bilayer"},
        venus={"metavar": "FOLDER", "help": "with curves and profiles of a protein in cells"},
    )
    report = Report("measured start", arguments.seed)
    for stage in arguments.stages:
        globals()[f"measure_{stage}"](report, arguments)
    if arguments.venus:
        measure_venus(report, arguments.venus)
    if arguments.leeds:
        measure_bilayer(report, arguments.leeds)
    report.exit()


if __name__ == "__main__":
    main()
