"""What others have recorded: D of all pixels in three windows, with both errors.

Levels of frames are free, or as they are; the bleach region is as sharp as it was told, or has a
blur that is estimated. "apart" is how far windows are apart at most, in their whole errors.

    python -m benchmarks.images_recorded --leeds FOLDER       images of a lipid bilayer
    python -m benchmarks.images_recorded --membrane FOLDER    images of the membrane of a cell
"""

import re
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks._report import Report, arguments_of
from skfrap import Circle, FRAPProtocol, LeastSquaresFRAP
from skfrap.io import load_stack
from skfrap.judging import judge_images
from skfrap.preprocessing import ImageScoreExtractor, RecoveryCurveExtractor

_PER_DECADE = np.log(10)
_APART = 2.0  # errors of both, within which windows agree


def measure_bilayer(report, folder):
    """Fit the images of a lipid bilayer that was bleached for long: the patch is wide and soft.

    Parameters
    ----------
    report : Report
    folder : path
        With the images, the first of them named `prima`, and `closed`, which shows the region.
    """
    import tifffile

    def read(name):
        return tifffile.imread(Path(folder) / name).astype(float)

    def seconds(path):
        with tifffile.TiffFile(path) as file:
            stamp = str(file.pages[0].tags["DateTime"].value)
        hours, minutes, rest = re.search(r"(\d+):(\d+):([\d.]+)", stamp).groups()
        return 3600 * (int(hours) % 12) + 60 * int(minutes) + float(rest)

    files = sorted((p for p in Path(folder).glob("*.tif") if p.name[0].isdigit()), key=seconds)
    times, pixel_size = np.array([seconds(path) for path in files]), 150 / 471
    region = read("closed.tif")
    dark = np.percentile(region, 1)
    lit = region > 0.5 * (dark + np.percentile(region, 99.5))
    y, x = (place.mean() + 0.5 for place in np.nonzero(lit))
    radius = np.sqrt(lit.sum() / np.pi) * pixel_size
    stack = np.stack([read("prima.tif"), *(read(path.name) for path in files)]) - dark
    protocol = FRAPProtocol(
        shape=stack.shape[1:], pixel_size=pixel_size, n_prebleach=1, n_bleach=1,
        bleach_region=Circle(radius, (x * pixel_size, y * pixel_size)),
        postbleach_times=tuple(10 + times - times[0]), frame_interval=10.0, padding=128,
    )  # fmt: skip
    report.section(
        "a lipid bilayer, bleached for long: D in µm²/s; widths of the patch say 1.6 to 1.8"
    )
    _compare(
        report,
        stack / stack[0].mean(),
        protocol,
        windows=(160, 224, 320),
        D=(0.3, 10.0),
        blur=(2.0, 8.0),
    )


def measure_membrane(report, folder):
    """Fit the images of the membrane of a cell that moves; rough methods say 0.11 to 0.22.

    Parameters
    ----------
    report : Report
    folder : path
        Of the frames.
    """
    frames = np.asarray(load_stack(folder), dtype=float)
    n, pixel_size, interval = 11, 0.10566, 2.044
    before = frames[:n].mean(axis=0)
    frames -= np.percentile(before, 1)
    protocol = FRAPProtocol(
        shape=before.shape, pixel_size=pixel_size, n_prebleach=n, n_bleach=1,
        n_postbleach=len(frames) - n, frame_interval=interval, padding=64,
        bleach_region=Circle(3.5, (274 * pixel_size, 347 * pixel_size)),
    )  # fmt: skip
    report.section("the membrane of a cell that moves: D in µm²/s; rough methods say 0.11 to 0.22")
    _compare(
        report,
        frames / before.mean(),
        protocol,
        windows=(90, 120, 160),
        D=(0.02, 2.0),
        blur=(0.3, 1.5),
    )


def _compare(report, stack, protocol, windows, D, blur):
    """Estimate in three windows, levels of frames free and not, with a blur and without."""
    curve = RecoveryCurveExtractor(protocol).fit_transform(stack[np.newaxis])
    for free in (("D", "c0", "alpha"), ("D", "c0", "alpha", "mobile_fraction")):
        estimates = LeastSquaresFRAP(protocol, {"D": D}, parameters=free).fit(curve).estimate(curve)
        value, low, high = (
            float(part["D"][0]) for part in (estimates.values, estimates.lower, estimates.upper)
        )
        report.line(f"curve, {', '.join(free)}", f"{value:.3g} ({low:.3g} to {high:.3g})")
    for blurred in (False, True):
        for levels in (True, False):
            found = []
            for window in windows:
                ranges = {"D": D} | ({"bleach_blur": blur} if blurred else {})
                extractor = ImageScoreExtractor(protocol, window, levels, ranges=ranges)
                X = extractor.fit_transform([stack])
                estimates = LeastSquaresFRAP(protocol, bounds=ranges).fit(X).estimate(X)
                misfit = judge_images(estimates.fit, stack)
                found.append(_line(report, window, levels, estimates, misfit, blurred))
            _agreement(report, found)


def _line(report, window, levels, estimates, misfit, blurred):
    """Tell one estimate with both errors, which are of D in percent."""
    column = misfit.names.index("D")
    log_D = float(np.log10(estimates.values["D"][0]))
    noise, more = (
        float(100 * _PER_DECADE * part[column])
        for part in (misfit.noise_error, misfit.misfit_error)
    )
    text = f"{10**log_D:.3g} ± {noise:.2g} % by noise ± {more:.2g} % by misfit"
    if blurred:
        text += f"; blur {estimates.values['bleach_blur'][0]:.2g} µm"
    parts = ", ".join(
        f"{name} {100 * _PER_DECADE * getattr(misfit, f'by_{name}')[column]:.2g}"
        for name in ("rings", "sectors", "time", "windows")
    )
    how = "levels free" if levels else "levels as they are"
    report.line(f"window {window}, {how}{', blur free' if blurred else ''}", f"{text} ({parts})")
    return log_D, float(misfit.total_error[column])


def _agreement(report, found):
    """Tell how far estimates in several windows are apart, in their whole errors."""
    apart = max(
        abs(one - other) / np.hypot(error, its)
        for (one, error), (other, its) in combinations(found, 2)
    )
    report.add("  windows apart, errors of both", apart, "{:.1f}", at_most=_APART)


def main():
    given = arguments_of(
        __doc__,
        seed=None,
        leeds={"metavar": "FOLDER", "help": "with the images of a bilayer"},
        membrane={"metavar": "FOLDER", "help": "with images of the membrane of a cell"},
    )
    report = Report("all pixels of recorded series", None)
    if given.leeds:
        measure_bilayer(report, given.leeds)
    if given.membrane:
        measure_membrane(report, given.membrane)
    report.exit()


if __name__ == "__main__":
    main()
