"""Starts in compartments: simulated cells, droplets and the membrane of a cell."""

from pathlib import Path
from time import process_time

import numpy as np
from scipy.ndimage import (
    binary_fill_holes,
    gaussian_filter,
    label,
)

from skfrap import (
    Circle,
    Compartment,
    Ellipse,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    Mask,
    MeasuredStartFRAP,
    Rectangle,
)
from skfrap.experiment import TileLayout
from skfrap.io._series import load_stack
from skfrap.models.starts import tile_modes
from skfrap.preprocessing import (
    CompartmentExtractor,
    DriftCorrector,
    RecoveryCurveExtractor,
    RingExtractor,
    compute_drift,
)

_CELL = Ellipse((10.0, 7.0))  # µm
_PLACES = {
    "centre": Circle(2.0, (10.5, 7.5)),
    "edge": Circle(2.0, (18.5, 7.5)),
    "half": Rectangle(10.5, 15.0, (5.25, 7.5)),
}
_TOLD = Circle(1.0, (8.0, 7.0))  # beside what was bleached, and smaller
_D = 0.3, 1.0, 3.0, 10.0  # µm²/s
_TRUTH = {"c0": 0.8, "alpha": 0.5, "a": 1e-3, "bleach_blur": 0.3}


def _experiment(region, pixel_size=0.25, **options):
    shape = tuple(round(extent / pixel_size) for extent in (15.0, 21.0))
    return FRAPProtocol(
        shape=shape, pixel_size=pixel_size, bleach_region=region,
        **{"n_bleach": 1, "n_postbleach": 60, "frame_interval": 0.2, "compartment": _CELL}
        | options,
    )  # fmt: skip


def measure_cells(report, arguments):
    """Measure D in simulated cells, of which another region was told."""
    report.section("cells: what it costs, s")
    fine = _experiment(Circle(2.0), 0.105)
    begun = process_time()
    layout = TileLayout.of_compartment(fine)
    modes = tile_modes(fine, layout.side)
    pixels = fine.compartment_mask.sum()
    what = f"set-up, {pixels:,.0f} px: {layout.n_tiles} tiles, {len(modes.rates)} modes"
    report.add(what, process_time() - begun, "{:.2f}", at_most=2.0)
    n = 6 if arguments.quick else 24
    off, covered, told = [], [], []
    for place, region in _PLACES.items():
        report.section(f"cells, {place}: {n} series each, a circle of 1 µm beside it told")
        for mobile in (1.0, 0.8):
            for D in _D:
                done = _experiment(region)
                simulator = FRAPSimulator(
                    done, {**_TRUTH, "D": D, "mobile_fraction": mobile},
                    random_state=arguments.seed,
                )  # fmt: skip
                stacks = simulator.sample_images(n).data
                as_told = done.replace(bleach_region=_TOLD, start="measured")
                X = CompartmentExtractor(as_told).fit_transform(stacks)
                estimator = MeasuredStartFRAP(as_told).fit(X)
                begun = process_time()
                fits = estimator.measure(X)
                took = (process_time() - begun) / n
                log_D = np.array([one.best.log_D for one in fits]) - np.log10(D)
                inside = [one.lower <= np.log10(D) <= one.upper for one in fits]
                off.append(log_D)
                covered += inside
                error = np.mean([one.standard_error for one in fits])
                report.line(
                    f"D {D:g}, mobile {mobile:g}: bias, spread, standard error, coverage, s a fit",
                    f"{log_D.mean():+.4f} {log_D.std():.4f} {error:.4f} {np.mean(inside):.2f} "
                    f"{took:.2f}",
                    "bias 0.005 after two standard errors",
                    bool(abs(log_D.mean()) <= 0.005 + 2 * log_D.std() / np.sqrt(n)),
                )
                curves = RecoveryCurveExtractor(as_told.replace(start="told")).fit_transform(stacks)
                four = ["D", "c0", "alpha", "mobile_fraction"]
                by_curve = LeastSquaresFRAP(as_told.replace(start="told"), parameters=four)
                told.append(by_curve.fit(curves).predict(curves)[:, 0] - np.log10(D))
    report.section("cells, all")
    every = np.concatenate(off)
    report.add("rms of log10 D", np.sqrt(np.mean(every**2)), "{:.4f}")
    of_told = np.sqrt(np.mean(np.concatenate(told) ** 2))
    report.add("that of the curve of the region told, in the same outline", of_told, "{:.3f}")
    report.add("coverage", np.mean(covered), "{:.3f}", at_least=0.92)
    _measure_wide(report, arguments)
    _measure_uneven(report, arguments)


def _measure_wide(report, arguments):
    """Compare with rings where all edges are far."""
    protocol = FRAPProtocol(
        shape=(96, 96), pixel_size=0.25, bleach_region=Circle(1.5), n_bleach=1, n_postbleach=40,
        frame_interval=0.1, start="measured",
    )  # fmt: skip
    truth = {**_TRUTH, "D": 1.0}
    stacks = FRAPSimulator(protocol, truth, random_state=arguments.seed).sample_images(8).data
    closed = protocol.replace(compartment=Rectangle(23.5, 23.5))
    found = []
    for one, extractor in ((protocol, RingExtractor), (closed, CompartmentExtractor)):
        X = extractor(one).fit_transform(stacks)
        found.append(MeasuredStartFRAP(one).fit(X).predict(X, return_std=True))
    (rings, _), (tiles, error) = found
    report.add("a wide compartment against rings, log10 D", np.mean(tiles - rings), "{:+.4f}")
    pull = np.abs(tiles - rings).max() / np.mean(error)
    report.add("    largest difference in standard errors", pull, "{:.2f}", at_most=3.0)


def _measure_uneven(report, arguments):
    """Measure D in uneven cells by the right reading of the image before bleaching."""
    protocol = _experiment(_PLACES["centre"])
    x = (np.indices(protocol.shape)[1] + 0.5) * protocol.pixel_size
    for conductance in ("partition", "sites"):
        cell = Compartment(_CELL, 2 ** ((x - 10.5) / 10), conductance)
        done = protocol.replace(compartment=cell)
        truth = {**_TRUTH, "D": 1.0, "a": 1e-4}
        stacks = FRAPSimulator(done, truth, random_state=arguments.seed).sample_images(4).data
        as_told = done.replace(bleach_region=_TOLD, start="measured")
        X = CompartmentExtractor(as_told).fit_transform(stacks)
        off = float(np.mean(MeasuredStartFRAP(as_told).fit(X).predict(X)))
        what = f"uneven fourfold, {conductance}, right reading: bias of log10 D"
        report.line(what, f"{off:+.4f}", "0.005", bool(abs(off) <= 0.005))


# What others have recorded


def measure_droplets(report, folder):
    """Measure D in the outlines of condensate droplets, frames as they are and aligned."""
    report.section("droplets: D in px²/s")
    found = {True: [], False: []}
    flagged = []
    for path in sorted(Path(folder).glob("*.tif")):
        frames = np.asarray(load_stack(path), dtype=float)
        n = 4
        before = frames[:n].mean(axis=0)
        lost = gaussian_filter(before - frames[n], 1.5)
        row, column = np.unravel_index(lost.argmax(), lost.shape)
        outline = _outline(gaussian_filter(before, 1.0), (row, column))
        frames -= np.percentile(before, 3)
        for aligned in (False, True):
            protocol = FRAPProtocol(
                shape=outline.shape, pixel_size=1.0, n_prebleach=n, n_bleach=1,
                n_postbleach=len(frames) - n, frame_interval=1.0, padding=0, start="measured",
                bleach_region=Circle(3.0, (column + 0.5, row + 0.5)),
                compartment=Mask(outline.astype(float)),
            )  # fmt: skip
            stacks = frames[np.newaxis]
            if aligned:
                stacks = DriftCorrector(protocol).fit_transform(stacks)
            X = CompartmentExtractor(protocol).fit_transform(stacks)
            estimator = MeasuredStartFRAP(protocol).fit(X)
            (one,) = estimator.measure(X)
            estimates = estimator.estimates_of([one], 0.95)
            found[aligned].append(10**one.best.log_D)
            report.line(
                f"{path.stem}, {outline.sum()} px, {'aligned' if aligned else 'as they are'}",
                f"{10**one.best.log_D:.3f} [{10**one.lower:.3f}, {10**one.upper:.3f}], moving "
                f"{one.moving_share:.2f}, lost {one.budget.lost:.3f}: "
                f"{' '.join(finding.label for finding in estimates.findings[0])}",
            )
            flagged.append(estimates.has_finding("told_region_contradicted")[0])
    for aligned, values in found.items():
        how = "aligned" if aligned else "as they are"
        values = np.array(values)
        report.line(
            f"frames {how}: mean, least, largest",
            f"{values.mean():.3f}, {values.min():.3f}, {values.max():.3f}",
            "0.26 to 0.41", bool(values.min() >= 0.26 and values.max() <= 0.41),
        )  # fmt: skip
        spread = values.std(ddof=1) / values.mean()
        report.add("    spread over the mean", spread, "{:.3f}", at_most=0.15 if aligned else None)
    report.add("budget flagged, share", np.mean(flagged), "{:.2f}", at_least=1.0)


def measure_membrane(report, folder):
    """Measure D in the membrane of a moving cell: open and in its outline, as it is and aligned."""
    report.section("membrane of a cell: D in µm²/s")
    frames = np.asarray(load_stack(folder), dtype=float)
    n, pixel_size, interval = 11, 0.10566, 2.044
    before, place = frames[:n].mean(axis=0), (347, 274)
    outline = _outline(gaussian_filter(before, 2.0), place)
    frames -= np.percentile(before, 1)
    open_field = FRAPProtocol(
        shape=outline.shape, pixel_size=pixel_size, n_prebleach=n, n_bleach=1,
        n_postbleach=len(frames) - n, frame_interval=interval,
        bleach_region=Circle(3.5, (274 * pixel_size, 347 * pixel_size)),
    )  # fmt: skip
    in_outline = open_field.replace(compartment=Mask(outline.astype(float)))
    about = outline & (np.hypot(*(np.indices(outline.shape) - np.reshape(place, (2, 1, 1)))) < 110)
    near = open_field.replace(compartment=Mask(about.astype(float)))
    recorded = frames[np.newaxis]
    _measure_membrane(report, recorded, open_field, in_outline, near, "as it is")
    drift = compute_drift(frames, in_outline)
    far = f"{drift.largest:.2f} px, each known to {drift.standard_error:.2f}"
    report.line("moves by, in its outline", far)
    aligned = DriftCorrector(in_outline, drift=drift).fit_transform(recorded)
    _measure_membrane(report, aligned, open_field, in_outline, near, "aligned")


def _measure_membrane(report, stacks, open_field, in_outline, near, how):
    four = ["D", "c0", "alpha", "mobile_fraction"]
    for name, protocol in (("open", open_field), ("in its outline", in_outline)):
        curve = RecoveryCurveExtractor(protocol).fit_transform(stacks)
        estimates = LeastSquaresFRAP(protocol, parameters=four).fit(curve).estimate(curve)
        report.line(f"{how}, {name}, told", estimates.summary()[0])
    ways = (
        ("open", open_field, RingExtractor),
        ("in its outline", in_outline, CompartmentExtractor),
        ("in its outline, 12 µm about the patch", near, CompartmentExtractor),
    )
    for name, protocol, extractor in ways:
        protocol = protocol.replace(start="measured")
        X = extractor(protocol).fit_transform(stacks)
        estimator = MeasuredStartFRAP(protocol).fit(X)
        (one,) = estimator.measure(X)
        estimates = estimator.estimates_of([one], 0.95)
        by_reading = ", ".join(f"{fit.reading} {10**fit.log_D:.3g}" for fit in one.fits)
        report.line(f"{how}, {name}, measured", f"{estimates.summary()[0]} ({by_reading})")


def _outline(image, place):
    """Return the piece of what is brighter than Otsu's threshold that holds a place, filled."""
    counts, edges = np.histogram(image, 256)
    values, below = (edges[1:] + edges[:-1]) / 2, np.cumsum(counts)
    sums = np.cumsum(counts * values)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums[-1] * below / below[-1] - sums) ** 2 / (below * (below[-1] - below))
    pieces, _ = label(image > values[np.nanargmax(between[:-1])])
    return binary_fill_holes(pieces == pieces[place])
