"""Measure what is found in frames where nobody says it: motion, bleach frames, bleach regions.

frames    504 simulated series of 12 protocols with noise of 1 to 10 %, regions anywhere: in which
          frame was bleached, and which circle
drift     samples of little and much contrast that move by 0.3 pixels a frame

    python -m benchmarks.detection                     some 3 minutes on one core
    python -m benchmarks.detection --quick             fewer series
    python -m benchmarks.detection --droplets FOLDER   with images of droplets that move
    python -m benchmarks.detection --membrane FOLDER   with images of the membrane of a cell
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, shift

from benchmarks._report import Report, arguments_of, choice_of, timed
from benchmarks.start._cells import measure_droplets, measure_membrane
from skfrap import Circle, Ellipse, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.preprocessing import (
    DriftCorrector,
    RecoveryCurveExtractor,
    compute_drift,
    find_bleach_frames,
    find_bleach_region,
)

_SIDE = 112  # pixels
_CELL = Ellipse((22.0, 15.0), 20.0)  # µm
_TEXTURE = 0.15  # of the light


@dataclass(frozen=True)
class _Kind:
    """A way in which series are recorded; lengths in µm, of pixels of 0.5."""

    radius: tuple[float, float]
    spread: tuple[float, float]  # by diffusion until the first frame, in radii
    alpha: float = 0.4
    n_prebleach: int = 8
    n_bleach: int = 1
    recorded: str = ""  # "deepening", "black", "flash"
    truth: dict[str, Any] = field(default_factory=dict)
    cell: bool = False
    texture: bool = False
    fading: float = 1.0


KINDS = {
    "plain": _Kind((5.0, 10.0), (0.1, 0.4)),
    "small": _Kind((2.5, 4.0), (0.1, 0.4)),
    "slow": _Kind((4.0, 8.0), (0.01, 0.05)),
    "fast": _Kind((5.0, 10.0), (0.5, 1.5)),
    "one frame before": _Kind((4.0, 8.0), (0.1, 0.4), n_prebleach=1),
    "shallow": _Kind((4.0, 9.0), (0.1, 0.4), alpha=0.8),
    "recorded while bleaching": _Kind((4.0, 8.0), (0.05, 0.2), 0.6, n_bleach=3,
                                      recorded="deepening"),
    "shutter closed": _Kind((4.0, 8.0), (0.1, 0.4), n_bleach=2, recorded="black"),
    "laser flashes": _Kind((4.0, 8.0), (0.1, 0.4), n_bleach=2, recorded="flash"),
    "half immobile": _Kind((4.0, 8.0), (0.2, 0.8), truth={"mobile_fraction": 0.5}),
    "soft beam, fading": _Kind((5.0, 9.0), (0.1, 0.4), truth={"bleach_blur": 1.5}, fading=0.99),
    "uneven cell": _Kind((2.5, 4.5), (0.1, 0.4), cell=True, texture=True),
}  # fmt: skip


def simulate(kind, random):
    """Simulate one series.

    Returns
    -------
    frames : ndarray of shape (n_frames, ny, nx)
    region : Circle
    n_prebleach, n_recorded : int
    """
    radius = random.uniform(*kind.radius)
    extent = _SIDE * 0.5
    if kind.cell:
        angle, far = random.uniform(0, 2 * np.pi), np.sqrt(random.uniform(0, 0.3))
        place = extent / 2 + far * 10.0 * np.array([np.cos(angle), np.sin(angle)])
    else:
        place = random.uniform(1.8 * radius, extent - 1.8 * radius, 2)
    region = Circle(radius, tuple(place))
    interval = 0.2
    D = (random.uniform(*kind.spread) * radius) ** 2 / (4 * interval)
    protocol = FRAPProtocol(
        shape=(_SIDE, _SIDE), pixel_size=0.5, bleach_region=region, n_prebleach=kind.n_prebleach,
        n_bleach=kind.n_bleach, n_postbleach=20, frame_interval=interval, padding=32,
    )  # fmt: skip
    truth = {"D": D, "c0": 0.7, "alpha": kind.alpha, "a": 1e-12} | kind.truth

    def clean(protocol):
        return FRAPSimulator(protocol, truth, random_state=0).sample_images(1).data[0]

    frames, n = clean(protocol).astype(float), kind.n_prebleach
    added = _recorded(kind, protocol, clean, frames)
    frames = np.concatenate([frames[:n], *added, frames[n:]])
    light = np.ones((_SIDE, _SIDE))
    if kind.texture:
        texture = gaussian_filter(random.normal(size=light.shape), 5.0)
        light *= 1 + _TEXTURE * texture / texture.std()
    if kind.cell:
        cell = Ellipse(_CELL.semi_axes, _CELL.angle, (extent / 2, extent / 2))
        light *= 0.05 + gaussian_filter(cell.area_fractions(light.shape, 0.5), 1.0)
    frames *= light * kind.fading ** np.arange(len(frames))[:, np.newaxis, np.newaxis]
    noise = 0.7 * random.uniform(0.01, 0.1)
    return frames + noise * random.normal(size=frames.shape), region, n, len(added)


def _recorded(kind, protocol, clean, frames):
    """Return frames that were recorded while bleaching, each of shape (1, ny, nx)."""
    if kind.recorded == "black":
        return [np.full((1, *protocol.shape), 0.01)]
    n = kind.n_prebleach
    if kind.recorded == "flash":
        return [frames[n : n + 1] + 3 * protocol.bleach_mask]
    if kind.recorded == "deepening":
        parts = (clean(protocol.replace(n_bleach=k)) for k in range(1, kind.n_bleach))
        return [part[n : n + 1].astype(float) for part in parts]
    return []


def measure_frames(report, arguments):
    """Find bleach frames and regions."""
    each = 8 if arguments.quick else 42
    random = np.random.default_rng(arguments.seed)
    report.section(f"{each * len(KINDS)} series: bleach frames and regions")
    every, refused = Counter(), Counter()
    for name, kind in KINDS.items():
        counts: Counter = Counter()
        for _ in range(each):
            counts["series"] += 1
            counts.update(_judged(*simulate(kind, random), refused))
        every.update(counts)
        report.line(
            f"{name}: frame found, region found, within, silently wrong",
            f"{counts['frame']} {counts['region']} {counts['within']} "
            f"{counts['wrong frame'] + counts['wrong region']}",
        )
    report.add("frame answered, share", every["frame"] / every["series"], "{:.3f}")
    report.add("    of these wrong", every["wrong frame"], "{:.0f}", at_most=0)
    report.add("region answered, share", every["region"] / every["series"], "{:.3f}")
    share = every["within"] / max(every["region"], 1)
    report.add("    centre <= 0.5 px and radius <= 5 %, share", share, "{:.3f}", at_least=0.95)
    report.add("    silently wrong", every["wrong region"], "{:.0f}", at_most=0)
    for why, n in refused.most_common(8):
        report.line(f"    refused: {why[:44]}", str(n))


def _judged(frames, region, n_prebleach, n_recorded, refused):
    """Hold what is found against the truth."""
    counts = []
    try:
        found = find_bleach_frames(frames)
    except ValueError as error:
        refused[str(error).partition(",")[0]] += 1
        return counts
    counts.append("frame")
    if (found.n_prebleach, found.n_recorded) != (n_prebleach, n_recorded):
        counts.append("wrong frame")
        return counts
    before, after = frames[:n_prebleach].mean(axis=0), frames[n_prebleach + n_recorded]
    try:
        seen = find_bleach_region(before, after, 0.5)
    except ValueError as error:
        refused[str(error).partition(",")[0].partition(" of ")[0]] += 1
        return counts
    counts.append("region")
    away = np.hypot(*np.subtract(seen.region.center, region.center)) / 0.5
    off = abs(seen.region.radius / region.radius - 1)
    if away <= 0.5 and off <= 0.05:
        counts.append("within")
    elif (
        away > 0.5 + 4 * seen.center_error / 0.5
        or off > 0.05 + 4 * seen.radius_error / region.radius
    ):
        counts.append("wrong region")
    return counts


def measure_drift(report, arguments):
    """Measure motion of 0.3 pixels a frame, and D of samples that move."""
    report.section("drift of 0.3 px a frame, 60 frames of 256 x 256, noise 1 %")
    side, beyond = 256, 32
    inner = slice(beyond, -beyond)
    protocol = FRAPProtocol(
        shape=(side, side), pixel_size=1.0, bleach_region=Circle(18.0), n_prebleach=10, n_bleach=1,
        n_postbleach=50, frame_interval=0.25,
    )  # fmt: skip
    wide = protocol.replace(shape=(side + 2 * beyond,) * 2)
    truth = {"D": 10.0, "c0": 0.7, "alpha": 0.4, "a": 1e-12}
    frames = FRAPSimulator(wide, truth, random_state=0).sample_images(1).data[0]
    for how in ("at random", "steadily"):
        for contrast, asked in ((0.014, 0.1), (0.05, 0.03), (0.2, 0.01)):
            random = np.random.default_rng(arguments.seed)
            way = np.cumsum(random.normal(scale=0.3, size=(60, 2)), axis=0)
            if how == "steadily":
                way = np.outer(np.arange(60.0), [0.26, 0.15])
            way -= way[9:11].mean(axis=0)
            texture = gaussian_filter(random.normal(size=wide.shape), 4)
            texture = 1 + contrast * texture / texture.std()
            noise = 0.007 * random.normal(size=(60, side, side)).astype("f4")
            moved = noise + np.stack([
                shift(frame * texture, (dy, dx), order=3, mode="nearest")[inner, inner]
                for frame, (dx, dy) in zip(frames, way, strict=True)
            ])  # fmt: skip
            drift, seconds = timed(lambda moved=moved: compute_drift(moved, protocol))
            rms = np.sqrt(np.mean((drift.shifts - way) ** 2))
            what = f"contrast {100 * contrast:g} %, {how}"
            report.add(f"{what}: rms, px ({seconds:.1f} s)", rms, "{:.4f}", at_most=asked)
            ratio = np.sqrt(np.mean(((drift.shifts - way) / drift.errors) ** 2))
            report.add("    over its standard error", ratio, "{:.2f}")
            corrector = DriftCorrector(protocol, drift=drift)
            still = frames * texture
            still = still[:, inner, inner] + noise
            found = [_D_of(one, protocol) for one in ([moved], [still])]
            aligned = _D_of(corrector.fit_transform([moved]), protocol)
            report.add("    D aligned over the truth", aligned / 10, "{:.4f}", at_least=0.99)
            report.add("        at most", aligned / 10, "{:.4f}", at_most=1.01)
            report.line(
                "        as it moves, and at rest", " ".join(f"{D / 10:.4f}" for D in found)
            )


def _D_of(stacks, protocol):
    curve = RecoveryCurveExtractor(protocol).fit_transform(stacks)
    return float(LeastSquaresFRAP(protocol).fit(curve).estimate(curve).D_um2_s[0])


_STAGES = {"frames": measure_frames, "drift": measure_drift}


def main():
    arguments = arguments_of(
        __doc__,
        quick="fewer series",
        stages=choice_of(_STAGES),
        droplets={"metavar": "FOLDER", "help": "with images of condensate droplets"},
        membrane={"metavar": "FOLDER", "help": "with images of the membrane of a cell"},
    )
    report = Report("detection", arguments.seed)
    for stage in arguments.stages:
        _STAGES[stage](report, arguments)
    if arguments.droplets:
        measure_droplets(report, arguments.droplets)
    if arguments.membrane:
        measure_membrane(report, arguments.membrane)
    report.exit()


if __name__ == "__main__":
    main()
