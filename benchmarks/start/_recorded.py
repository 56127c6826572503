"""What others have recorded: a protein in cells, and a lipid bilayer."""

import re
import warnings
from pathlib import Path

import numpy as np

from benchmarks.start._truth import codes_of
from skfrap import Circle, FRAPProtocol, LeastSquaresFRAP, MeasuredStartFRAP
from skfrap.experiment import MeasuredStart
from skfrap.preprocessing import RingExtractor


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
