"""Measure what fits of all pixels are worth beside fits of the curve, and what they cost.

The paper's protocol and prior, unless a row says otherwise. "curve" is least squares on the
recovery curves of the same images.

1. ``accuracy``: squared errors over the curve's, and coverage; scores and curves drawn together.
2. ``loss``: what the reduction loses of the Fisher information, and the interpolation's error.
3. ``noise``: scores of simulated stacks less the model's are the simulator's noise, projected.
4. ``direct``: the same optimum as of least squares over all pixels by scipy, and how long it takes.
5. ``times``: bases, extraction of a stack, fits in batches.
6. ``streaming``: memory and time of 500 frames of 512 x 512 pixels from a file.
7. ``robust``: standard errors of the default (window, free levels, division) over the curve's.
8. ``bias``: what flicker, fading, uneven light, bleaching by imaging and a wrong centre do.
9. ``networks``: least squares, Bayes and a network on the same scores; a minute of training.

    python -m benchmarks.images             some ten minutes
    python -m benchmarks.images --quick     some two minutes, without scipy's fits
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from benchmarks._image_networks import networks
from benchmarks._published import TABLE_1_BOX
from benchmarks._report import Report, arguments_of, choice_of, median_time, timed
from benchmarks.streaming import Peak, own_megabytes
from skfrap import BayesianFRAP, Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.analysis import find_center
from skfrap.models import DiffusionModel, ImageSurrogate, image_surrogate_for
from skfrap.models.forward._image_build import NodeGrid, losses_and_errors
from skfrap.models.forward._separable import SeparableImages
from skfrap.parameters import table_1_prior
from skfrap.preprocessing import (
    ImageScoreExtractor,
    RecoveryCurveExtractor,
)

STAGES = (
    "accuracy", "loss", "noise", "direct", "times", "streaming", "robust", "bias", "networks",
)  # fmt: skip
RANGES = {"D": (1.0, 1000.0)}
STEADY = {"ranges": RANGES, "window": "field", "frame_levels": False, "flat_field": None}
LEVELS = {"ranges": RANGES, "flat_field": None}
ROBUST = {"ranges": RANGES}
TARGETS = "log10 D", "c0", "alpha"
PROTOCOL = FRAPProtocol()
MASK = np.pad(PROTOCOL.bleach_mask, PROTOCOL.padding)
OFF_THE_GRID = PROTOCOL.replace(bleach_region=Circle(15.0, (96.11, 98.37)))


def fitted(X):
    """Return least squares within Table 1's box, ready for such data."""
    return LeastSquaresFRAP(PROTOCOL, TABLE_1_BOX).fit(X)


def accuracy(report, seed, quick):
    n = 1024 if quick else 8192
    drawn = FRAPSimulator(PROTOCOL, random_state=seed).sample_scores(
        n, image_surrogate_for(PROTOCOL, **STEADY)
    )
    weight = drawn.sample_weight[:, np.newaxis]
    (of_images, seconds), (of_curves, of_these) = (
        timed(lambda X=X: fitted(X).predict(X)) for X in (drawn.data, drawn.curves)
    )
    squares, curve = ((theta - drawn.target) ** 2 * weight for theta in (of_images, of_curves))
    report.section(f"weighted squared errors of {n} series over the curves'")
    for k, (name, most) in enumerate(zip(TARGETS, (0.014, 0.006, 0.011), strict=True)):
        ratio = squares[:, k].sum() / curve[:, k].sum()
        report.add(name, ratio, "{:.4f}", at_most=most)
        report.add(f"{name}: images, absolute", squares[:, k].mean())
        report.add(f"{name}: curves, absolute", curve[:, k].mean())
    report.add("time of a fit, first preparation included, over the curve's", seconds / of_these)
    report.section("intervals of 95 % that hold the truth, %")
    ends = fitted(drawn.data).predict_interval(drawn.data)
    inside = 100 * ((ends[..., 0] <= drawn.target) & (drawn.target <= ends[..., 1]))
    for k, name in enumerate(TARGETS):
        coverage(report, name, inside[:, k], 94.0, 96.0, quick)
    for low in range(3):
        some = np.floor(drawn.target[:, 0]) == low
        coverage(
            report, f"log10 D, D of {10**low} to {10 ** (low + 1)}", inside[some, 0], 93, 97, quick
        )
    beyond(report, "steady light", image_surrogate_for(PROTOCOL, **STEADY), seed, quick)


def beyond(report, title, surrogate, seed, quick):
    """Count series within the prior, and beyond it, that are said to ask for what lies beyond."""
    report.section(f"series said to ask for a value beyond bounds or prior, %: {title}")
    table = table_1_prior()
    bounds = {name: table[name].support() for name in ("D", "c0", "alpha")}
    for what, values, n, most, least in (
        ("of the prior", {}, 200 if quick else 2000, 0.5, None),
        ("with alpha = 0.3, D = 20", {"alpha": 0.3, "D": 20.0}, 50, None, 95.0),
    ):
        simulator = FRAPSimulator(PROTOCOL, values, random_state=seed + 1)
        X = simulator.sample_scores(n, surrogate, with_curves=False).data
        for estimator in (LeastSquaresFRAP(PROTOCOL, bounds=bounds), BayesianFRAP(PROTOCOL)):
            told = estimator.fit(X).estimate(X).has_finding("beyond_bounds")
            name = f"{what}, {type(estimator).__name__}"
            report.add(name, 100 * np.mean(told), "{:.2f}", at_most=most, at_least=least)


def coverage(report, what, inside, low, high, quick):
    if quick:  # too few to tell
        report.add(what, inside.mean(), "{:.1f}")
        return
    share = inside.mean()
    report.line(what, f"{share:.1f}", f"{low:g} to {high:g}", low <= share <= high)


def loss(report, seed, quick):
    report.section("bases of the paper's protocol, D of 1 to 1000")
    for name, options in (("field, steady light", STEADY), ("default", ROBUST)):
        surrogate = image_surrogate_for(PROTOCOL, **options)
        report.line(f"{name}: images, scores", f"{surrogate.n_images}, {surrogate.n_scores}")
        images = SeparableImages(PROTOCOL, surrogate.window, [MASK], RANGES["D"])
        points = np.random.default_rng(seed).random((16 if quick else 64, 3))
        grid, mask = NodeGrid((0.0, 3.0), (0.0, 0.0), PROTOCOL.n_bleach), images.of_mask(MASK)
        lost, error = losses_and_errors(images, lambda blur, m=mask: m, grid, surrogate, points)
        report.add(f"{name}: worst share of information lost", lost, at_most=1e-4)
        report.add(f"{name}: error of the interpolation", error, at_most=1e-6)


def noise(report, seed, quick):
    n = 1 if quick else 5
    options = {"random_state": seed}
    clean = FRAPSimulator(PROTOCOL, noise="none", **options).sample_images(n)
    noisy = FRAPSimulator(PROTOCOL, **options).sample_images(n).data
    extractor = ImageScoreExtractor(PROTOCOL, **STEADY).fit(noisy)
    surrogate = extractor.surrogate_
    scores = np.asarray(extractor.transform(noisy))[:, :-1]
    known = {"mobile_fraction": 1.0, "imaging_bleach": 1.0, "bleach_blur": 0.0, "imaging_blur": 0.0}
    values = clean.parameters | {name: np.full(n, v) for name, v in known.items()}
    model = surrogate.curves(**{name: values[name] for name in ("c0", *surrogate.names)})[:, :-1]
    images = surrogate.images.reshape(surrogate.n_images, -1).astype(float)
    worst = 0.0
    for k in range(n):
        drawn = (noisy[k].astype(float) - clean.data[k]).reshape(PROTOCOL.n_frames, -1)
        projected = surrogate.series @ (drawn @ images.T).ravel()
        off = np.abs(scores[k] - model[k] - projected).max()
        worst = max(worst, off / np.sqrt(clean.noise_variance[k]))
    report.section(f"scores of {n} simulated stacks")
    report.add("less model and projected noise, standard deviations", worst, at_most=1e-3)


def direct(report, seed, quick):
    n = 1 if quick else 3
    drawn = FRAPSimulator(PROTOCOL, random_state=seed + 1).sample_images(n)
    X = ImageScoreExtractor(PROTOCOL, **STEADY).fit_transform(drawn.data)
    estimator = fitted(X)
    theta, std = estimator.predict(X, return_std=True)
    many = FRAPSimulator(PROTOCOL, random_state=seed).sample_scores(2048, X.surrogate).data
    of_one = timed(lambda: estimator.predict(many))[1] / len(many)
    model, off, seconds = DiffusionModel(PROTOCOL), [], []
    for k in range(n):
        stack = drawn.data[k].astype(float)

        def residuals(x, stack=stack):
            return (model.images(10 ** x[0], x[1], x[2])[0] - stack).ravel()

        start = theta[k] + [0.02, 0.005, 0.01]
        options = {"x_scale": std[k], "xtol": 1e-10, "ftol": 1e-12, "gtol": None}
        found, wall = timed(
            lambda r=residuals, s=start, o=options: least_squares(r, s, method="lm", **_lm(o)),
            time.process_time,
        )
        off.append(np.abs(found.x - theta[k]) / std[k])
        seconds.append(wall)
    report.section(f"scipy.optimize.least_squares over all pixels, {n} stacks")
    report.add("optimum, off by standard errors", np.max(off), at_most=0.01)
    report.add("a fit, s of CPU", np.mean(seconds))
    report.add("over one of scores in a batch", np.mean(seconds) / of_one, "{:,.0f}", at_least=1e5)


def _lm(options):
    """Take what the method of MINPACK takes."""
    return {name: value for name, value in options.items() if value is not None}


def times(report, seed, quick):
    report.section("bases, s of CPU")
    for name, protocol, most in (("on the grid", PROTOCOL, 3), ("off the grid", OFF_THE_GRID, 10)):
        _, seconds = timed(lambda p=protocol: ImageSurrogate(p, **STEADY), time.process_time)
        report.add(f"{name}, D of 1 to 1000, field", seconds, at_most=most)
    for name, options in (("default, D of 1 to 1000", ROBUST), ("default, any D", {})):
        _, seconds = timed(lambda o=options: ImageSurrogate(PROTOCOL, **o), time.process_time)
        report.add(name, seconds)
    prior = {"D": 30.0, "c0": 0.6, "alpha": 0.6, "a": 1e-3}
    stack = FRAPSimulator(PROTOCOL, prior, random_state=seed, bit_depth=16).sample_images(1).data
    report.section("extraction of 110 x 256 x 256 pixels of uint16, least CPU time over astype's")
    plain = least_time(lambda: stack.astype(np.float32))
    report.add("astype(float32), ms", 1e3 * plain)
    for name, options, protocol, most in (
        ("folded", STEADY, PROTOCOL, 4),
        ("not folded", STEADY, OFF_THE_GRID, 7),
        ("default: window, levels, division", ROBUST, PROTOCOL, None),
    ):
        extractor = ImageScoreExtractor(protocol, **options).fit(stack)
        report.add(name, least_time(lambda e=extractor: e.transform(stack)) / plain, at_most=most)
    report.section("fits in batches, µs")
    simulator = FRAPSimulator(PROTOCOL, random_state=seed)
    n = 2048 if quick else 8192
    drawn = simulator.sample_scores(n, image_surrogate_for(PROTOCOL, **STEADY))
    levels = simulator.sample_scores(128, image_surrogate_for(PROTOCOL, **ROBUST)).data
    for name, X, most in (
        ("steady light", drawn.data, 60),
        ("curves", drawn.curves, None),
        ("default", levels, None),
    ):
        estimator, rows = fitted(X), np.asarray(X)
        seconds = median_time(lambda e=estimator, rows=rows: e.predict(rows), 3)
        report.add(name, 1e6 * seconds / len(rows), "{:.0f}", at_most=most)


def least_time(function, repeats=25):
    """Call a function some times: the least CPU time in s, which other programs disturb least."""
    return min(timed(function, time.process_time)[1] for _ in range(repeats))


def streaming(report, seed, quick):
    shape = (100 if quick else 500, 512, 512)
    protocol = PROTOCOL.replace(shape=shape[1:], n_postbleach=shape[0] - 10)
    extractor = ImageScoreExtractor(protocol, **STEADY)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frames.npy")
        frames = np.lib.format.open_memmap(path, "w+", np.uint16, shape)
        rng = np.random.default_rng(seed)
        for k in range(shape[0]):
            frames[k] = rng.integers(20_000, 22_000, shape[1:])
        frames.flush()
        del frames
        frames = np.load(path, mmap_mode="r")
        extractor.fit([frames])
        extractor.surrogate_.projectors  # noqa: B018  the bases
        before = own_megabytes()
        forget(path)
        with Peak() as peak:
            begun = time.perf_counter()
            extractor.transform([frames])
            seconds = time.perf_counter() - begun
        del frames
        reading = 0.0
        for _ in range(2):
            forget(path)
            whole, more = timed(lambda: np.fromfile(path, np.uint16))
            reading += more
            del whole
    report.section(f"{shape[0]} frames of 512 x 512 pixels from a file")
    report.add("memory above the bases, MB", peak.most - before, "{:.0f}", at_most=50)
    report.add("time over that of reading the file twice", seconds / reading, at_most=1.0)
    report.add("time, s", seconds)


def forget(path):
    """Have the system forget what it has read of a file, so that it is read from the disk."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def robust(report, seed, quick):
    report.section("standard error of log10 D over the curve's: a = 1e-3, c0 = 0.75, alpha = 0.6")
    for D, most in ((1, 0.40), (10, 0.37), (100, 0.31), (1000, None)):
        values = {"D": D, "c0": 0.75, "alpha": 0.6, "a": 1e-3}
        simulator = FRAPSimulator(PROTOCOL, values, random_state=seed)
        wide = {"ranges": {"D": (0.3, 3000.0)}}
        surrogates = {
            "steady light, field": STEADY | wide,
            "window, levels": LEVELS | wide,
            "default, noise of the division counted": ROBUST | wide,
            "the same, light smoothed over 15 pixels": ROBUST | wide | {"flat_field": 15.0},
        }
        curves = simulator.sample(64).data
        of_curve = np.median(std_of(curves))
        for name, options in surrogates.items():
            X = simulator.sample_scores(16, image_surrogate_for(PROTOCOL, **options)).data
            asked = most if name == "window, levels" else None
            report.add(f"D = {D}: {name}", np.median(std_of(X)) / of_curve, at_most=asked)
    surrogate = image_surrogate_for(PROTOCOL, **ROBUST)
    beyond(report, "default", surrogate, seed, quick)
    report.section("coverage with the default, 95 %")
    drawn = FRAPSimulator(PROTOCOL, random_state=seed).sample_scores(
        256 if quick else 2048, surrogate
    )
    ends = fitted(drawn.data).predict_interval(drawn.data)
    inside = 100 * ((ends[..., 0] <= drawn.target) & (drawn.target <= ends[..., 1]))
    for k, name in enumerate(TARGETS):
        coverage(report, name, inside[:, k], 94.0, 96.0, quick)


def std_of(X):
    """Return standard errors of log10 D, bounded by nothing near by."""
    return (
        LeastSquaresFRAP(PROTOCOL, {"D": (0.3, 3000.0)}).fit(X).predict(X, return_std=True)[1][:, 0]
    )


def bias(report, seed, quick):
    report.section("bias of log10 D, times 1000, without noise: default, and of the curve")
    rng = np.random.default_rng(seed)
    n = PROTOCOL.n_frames
    y, x = np.indices(PROTOCOL.shape) - 127.5
    light = 1 - 0.2 * (x**2 + y**2) / (2 * 127.5**2)
    shifted = Circle(15.0, (128 * 0.7598 + 0.7598, 128 * 0.7598))
    for D in (30.0,) if quick else (3.0, 10.0, 30.0, 100.0, 300.0):
        model = DiffusionModel(PROTOCOL)
        images = model.images(D, 0.75, 0.6)[0]
        imaged = model.images(D, 0.75, 0.6, imaging_bleach=0.999)[0]
        off = DiffusionModel(PROTOCOL.replace(bleach_region=shifted)).images(D, 0.75, 0.6)[0]
        flicker = rng.normal(1.0, 0.005, n)[:, np.newaxis, np.newaxis]
        fading = (0.9995 ** np.arange(n))[:, np.newaxis, np.newaxis]
        cases = {
            "none": (images, 0.1),
            "flicker of 0.5 %": (images * flicker, 0.1),
            "fading of 0.05 % a frame": (images * fading, 0.1),
            "light 20 % darker in the corners": (images * light, 1.0),
            "true bleaching by imaging, 0.1 %": (imaged, 6.0 if D <= 30 else None),
            "centre off by a pixel": (off, None),
        }
        for name, (stack, most) in cases.items():
            found = []
            for extractor in (ImageScoreExtractor(PROTOCOL), RecoveryCurveExtractor(PROTOCOL)):
                X = extractor.fit_transform(stack[np.newaxis])
                theta = LeastSquaresFRAP(PROTOCOL).fit(X).predict(X)
                found.append(1e3 * (theta[0, 0] - np.log10(D)))
            met = None if most is None else abs(found[0]) <= most
            asked = "" if most is None else f"<= {most:g}"
            report.line(f"D = {D:g}: {name}", f"{found[0]:.2f}; {found[1]:.1f}", asked, met)
        protocol = find_center(off, PROTOCOL).protocol
        X = ImageScoreExtractor(protocol).fit_transform(off[np.newaxis])
        error = 1e3 * (LeastSquaresFRAP(protocol).fit(X).predict(X)[0, 0] - np.log10(D))
        report.add(f"D = {D:g}: ... and found", abs(error), "{:.3f}", at_most=1.0)


def main():
    given = arguments_of(__doc__, quick="fewer series, no fits by scipy", stages=choice_of(STAGES))
    report = Report("all pixels of image series", given.seed)
    stages = dict(
        zip(
            STAGES,
            (accuracy, loss, noise, direct, times, streaming, robust, bias, networks),
            strict=True,
        )
    )
    for name in given.stages:
        if name == "direct" and given.quick and len(given.stages) > 1:
            continue
        stages[name](report, given.seed, given.quick)
    report.exit()


if __name__ == "__main__":
    main()
