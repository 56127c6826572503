"""Measure models and fits in compartments: what reductions neglect, closed forms, cost, estimates.

References are dense matrices of all pixels, closed forms, and the model on finer pixels; "direct"
is Crank and Nicolson's stepping of the same sparse matrix. Times are of the processor.

    python -m benchmarks.cells                    some ten minutes
    python -m benchmarks.cells --quick            fewer curves, coarser references; three minutes
    python -m benchmarks.cells --stages cost      some of it
"""

import warnings
from time import process_time

import numpy as np
from scipy.integrate import quad
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import expm_multiply, splu
from scipy.special import j0, j1, jn_zeros, jnp_zeros, jv

from benchmarks._report import Report, arguments_of, choice_of
from skfrap import (
    Circle,
    Compartment,
    Ellipse,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    Mask,
    Polygon,
    Rectangle,
)
from skfrap.analysis import ExperimentOptions, analyse_series
from skfrap.io import ImageSeries
from skfrap.models import BindingModel, CurveSurrogate, DiffusionModel
from skfrap.models.cell import CellGrid, FourierGeometry, LanczosGeometry, ReducedGeometry
from skfrap.models.kinetics import FreeDiffusion
from skfrap.preprocessing import find_compartment

_STAGES = "reduction", "closed", "cost", "open", "estimates", "uneven", "outlines", "flags", "found"
_FREE = FreeDiffusion()
_FOUR = ["D", "c0", "alpha", "mobile_fraction"]
_CELL = Ellipse((10.0, 7.0))  # µm
_SHARES = 0.02, 0.05, 0.10, 0.25, 0.50  # of the cell's area
_NOISE = 0.01, 0.003  # of the spot's and of the compartment's row
_PIXEL_NOISE, _GROUND = 0.1, 0.05  # of the light in the cell
_SUBSTEPS, _EVALUATIONS = 400, 40  # of a curve by direct stepping, and of a fit


def main():
    given = arguments_of(
        __doc__, quick="fewer curves, coarser references", stages=choice_of(_STAGES)
    )
    report = Report("compartments", given.seed)
    for stage in given.stages:
        globals()[f"measure_{stage}"](report, given)
    report.exit()


def cell_protocol(pixel_size, region, n_bleach=1, **options):
    shape = tuple(round(extent / pixel_size) for extent in (15.0, 21.0))
    return FRAPProtocol(
        shape=shape, pixel_size=pixel_size, bleach_region=region, n_bleach=n_bleach,
        **{"compartment": _CELL} | options,
    )  # fmt: skip


# What reductions neglect


def places(pixel_size):
    spot = {"centre": (10.5, 7.5), "edge": (18.9, 7.5)}
    every = {name: (Circle(1.5, centre), _CELL) for name, centre in spot.items()}
    every["half"] = Rectangle(10.5, 15.0, (5.25, 7.5)), _CELL
    y, x = np.indices(cell_protocol(pixel_size, Circle(1.5)).shape) * pixel_size
    blob = np.hypot(x - 7, y - 7) < 5.2 + 0.8 * np.sin(5 * np.arctan2(y - 7, x - 7))
    blob |= np.hypot(x - 14, y - 8.5) < 4.0
    every["irregular"] = Circle(1.5, (9.0, 8.0)), Mask(blob & (np.hypot(x - 6, y - 5) > 1.0))
    return every


def measure_reduction(report, given):
    report.section("reduction, against all modes: largest error, D t 1e-5 to 1e4 µm²")
    pixel_size = 0.35 if given.quick else 0.27
    times = np.geomspace(1e-3, 300, 25)
    diffusion = np.geomspace(0.01, 100, 9)
    for place, (region, outline) in places(pixel_size).items():
        modes = None
        for n_bleach in (1, 4):
            protocol = cell_protocol(
                pixel_size, region, n_bleach, compartment=outline, rows="compartment",
                bleach_interval=0.1, postbleach_times=times,
            )  # fmt: skip
            grid = CellGrid(protocol, parts=1)
            modes = modes or np.linalg.eigh(grid.operator.toarray())
            geometries = [ReducedGeometry(grid, n_bleach)]
            if n_bleach == 1:
                geometries.append(LanczosGeometry(grid))
            for geometry in geometries:
                errors = [
                    np.abs(recovery(geometry, D, protocol) - dense(grid, modes, D, protocol)).max()
                    for D in diffusion
                ]
                kind = type(geometry).__name__.removesuffix("Geometry")
                what = f"{place}, {n_bleach} bleach frames, {kind}, {grid.n_pixels} px"
                report.add(what, max(errors), "{:.1e}", at_most=1e-5)
                report.add("    error estimated at run time", geometry.error, "{:.1e}")
    protocol = cell_protocol(
        0.1, Circle(1.0), 4, bleach_interval=0.1, postbleach_times=(0.01, 0.1, 1.0, 5.0)
    )
    grid = CellGrid(protocol, parts=1)
    geometry = ReducedGeometry(grid, 4)
    error = np.abs(recovery(geometry, 1.0, protocol) - stepped_by_expm(grid, 1.0, protocol)).max()
    report.add(f"centre, 4 bleach frames, {grid.n_pixels} px, expm", error, "{:.1e}", at_most=1e-5)


def recovery(geometry, D, protocol):
    return geometry.mobile(
        lambda rates, times: _FREE.symbol(rates, times, D=D), np.ones(1), np.array([0.9]), protocol
    )[0]


def dense(grid, modes, D, protocol):
    rates, vectors = modes
    missing = np.zeros(grid.n_pixels)
    for event in range(protocol.n_bleach):
        if event:
            decay = np.exp(-D * protocol.bleach_interval * rates)
            missing = vectors @ (decay * (vectors.T @ missing))
        missing = missing + 0.9 * grid.mask * (grid.rest - missing)
    times = protocol.times[protocol.n_prebleach :]
    decays = np.exp(-D * np.multiply.outer(rates, times)) * (vectors.T @ missing)[:, np.newaxis]
    return (grid.rows @ vectors) @ decays


def stepped_by_expm(grid, D, protocol):
    missing, operator = np.zeros(grid.n_pixels), -D * grid.operator
    for event in range(protocol.n_bleach):
        if event:
            missing = expm_multiply(operator * protocol.bleach_interval, missing)
        missing = missing + 0.9 * grid.mask * (grid.rest - missing)
    found, before = [], 0.0
    for time in protocol.times[protocol.n_prebleach :]:
        missing, before = expm_multiply(operator * (time - before), missing), time
        found.append(grid.rows @ missing)
    return np.transpose(found)


# Closed forms


def half_strip(times, length):
    n = np.arange(1, 4001, 2)[:, np.newaxis]
    return 0.5 + np.sum(4 / (n * np.pi) ** 2 * np.exp(-((n * np.pi / length) ** 2) * times), axis=0)


def disk_in_disk(times, radius, outer):
    zeros, share = jn_zeros(1, 3000)[:, np.newaxis], radius / outer
    terms = 4 * j1(zeros * share) ** 2 / (zeros * j0(zeros)) ** 2
    return share**2 + np.sum(terms * np.exp(-((zeros / outer) ** 2) * times), axis=0)


def half_disk(times, outer):
    found = np.full(len(times), 0.5)
    for n in range(1, 40, 2):
        for zero in jnp_zeros(n, 40):
            overlap = quad(lambda x, n=n, zero=zero: jv(n, zero * x) * x, 0, 1, limit=300)[0]
            norm = 0.5 * (1 - n**2 / zero**2) * jv(n, zero) ** 2
            found += (
                4 / (n**2 * np.pi) * overlap**2 / norm / (0.5 * np.pi)
                * np.exp(-((zero / outer) ** 2) * times)
            )  # fmt: skip
    return found


def measure_closed(report, given):
    report.section("closed forms: error of D where alpha and the mobile fraction are free, %")

    def error_of(what, shape, pixel_size, region, outline, form, span, at_most):
        times = np.linspace(span / 100, span, 100)
        protocol = FRAPProtocol(
            shape=shape, pixel_size=pixel_size, bleach_region=region, compartment=outline,
            n_bleach=1, postbleach_times=times,
        )  # fmt: skip
        curve = np.ones((1, protocol.n_frames))
        curve[0, 10:] = 1 - 0.7 * form(times)
        estimator = LeastSquaresFRAP(protocol, parameters=_FOUR, fixed={"c0": 1.0})
        names = [name for name in _FOUR if name != "c0"]
        estimator.set_params(parameters=names).fit(curve)
        off = 100 * abs(10 ** estimator.predict(curve)[0, 0] - 1)
        report.add(what, off, "{:.3f}", at_most=at_most)

    for radius in (2.0, 4.0):
        pixels = 10 / radius
        n = round(2 * 8.4 * pixels)
        error_of(
            f"disk of radius R / {8 / radius:g} in a disk, 10 pixels to a radius",
            (n, n), 1 / pixels, Circle(radius), Circle(8.0),
            lambda t, radius=radius: disk_in_disk(t, radius, 8.0), 20 * radius**2 / 4, 0.3,
        )  # fmt: skip
    error_of(
        "strip, half bleached, 150 pixels long", (4, 150), 0.1, Rectangle(7.5, 0.4, (3.75, 0.2)),
        Rectangle(15.0, 0.4), lambda t: half_strip(t, 15.0), 80.0, 0.1,
    )  # fmt: skip
    error_of(
        "square, a quarter bleached, 150 pixels a side", (150, 150), 0.1,
        Rectangle(7.5, 7.5, (3.75, 11.25)), Rectangle(15.0, 15.0),
        lambda t: half_strip(t, 15.0) ** 2, 80.0, 0.1,
    )  # fmt: skip
    error_of(
        "disk, half bleached, 60 pixels across", (64, 64), 0.25, Rectangle(8.0, 16.0, (4.0, 8.0)),
        Circle(7.5), lambda t: half_disk(t, 7.5), 40.0, 0.3,
    )  # fmt: skip


# Cost


def seconds(function, repeats=1):
    begun = process_time()
    for _ in range(repeats):
        function()
    return (process_time() - begun) / repeats


def measure_cost(report, given):
    report.section("set-up, s")
    fine, coarse = (CellGrid(cell_protocol(0.1, Circle(1.0)), parts=1),
                    CellGrid(cell_protocol(0.2, Circle(1.0)), parts=1))  # fmt: skip
    for grid in (fine, coarse):
        assert grid.operator.shape[0] == grid.n_pixels
    took = seconds(lambda: LanczosGeometry(fine), 3)
    report.add(f"one bleach frame, {fine.n_pixels} px", took, "{:.2f}", at_most=0.3)
    took = seconds(lambda: ReducedGeometry(coarse, 4))
    report.add(f"four bleach frames, {coarse.n_pixels} px", took, "{:.2f}", at_most=1.0)
    took = seconds(lambda: ReducedGeometry(fine, 4))
    report.add(f"the same, {fine.n_pixels} px", took, "{:.2f}", at_most=2.5)
    took = seconds(lambda: ReducedGeometry(fine, 1))
    report.add(f"images, one bleach frame, {fine.n_pixels} px", took, "{:.2f}", at_most=2.0)

    report.section("a curve of 110 frames, µs")
    random = np.random.default_rng(given.seed)
    D = 10 ** random.uniform(-1, 1, 500)
    for n_bleach, at_most in ((1, 30.0), (4, 150.0)):
        model = DiffusionModel(cell_protocol(0.2, Circle(1.2), n_bleach))
        model.curves(D=D[:1], c0=1.0, alpha=0.3)
        took = 1e6 * seconds(lambda model=model: model.curves(D=D, c0=1.0, alpha=0.3)) / len(D)
        report.add(f"{n_bleach} bleach frames, by geometry and kinetics", took, "{:.0f}")
        fast = CurveSurrogate(model)
        took = 1e6 * seconds(lambda fast=fast: fast.curves(D=D, c0=1.0, alpha=0.3), 3) / len(D)
        report.add("    interpolated, as fits do", took, "{:.1f}", at_most=at_most)
        binding = BindingModel(model.protocol)
        rates = {"k_on": 0.5, "k_off": 0.2, "c0": 1.0, "alpha": 0.3}
        binding.curves(D=1.0, **rates)
        took = 1e6 * seconds(lambda b=binding, rates=rates: b.curves(D=D, **rates)) / len(D)
        report.add("    binding, by geometry and kinetics", took, "{:.0f}", at_most=500.0)

    report.section("a fit of four parameters")
    protocol = cell_protocol(0.1, Circle(1.2), frame_interval=0.07)
    curve = DiffusionModel(protocol).curves(D=1.0, c0=1.0, alpha=0.3, mobile_fraction=0.8)
    X = curve + 0.01 * random.standard_normal((2000, protocol.n_frames))
    estimator = LeastSquaresFRAP(protocol, parameters=_FOUR).fit(X)
    estimator.predict(X[:50])
    batched = 1e3 * seconds(lambda: estimator.predict(X)) / len(X)
    report.add("in batches of 2,000, ms", batched, "{:.3f}", at_most=0.5)
    alone = 1e3 * seconds(lambda: estimator.predict(X[:1]), 20)
    report.add("alone, ms", alone, "{:.2f}", at_most=10.0)
    one = crank_nicolson(fine)
    report.add(f"direct stepping of one curve, {_SUBSTEPS} steps, {fine.n_pixels} px, s", one)
    ratio = 1e3 * _EVALUATIONS * one / batched
    report.add(f"{_EVALUATIONS} such curves over one fit", ratio, "{:,.0f}", at_least=1e4)


def crank_nicolson(grid):
    """Return how long one curve takes by stepping all pixels, its factor included, s."""
    begun = process_time()
    half = 0.5 * 8.0 / _SUBSTEPS * grid.operator
    identity = eye_array(grid.n_pixels)
    solver = splu(
        csc_array(identity + half), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )  # fmt: skip
    state, explicit = 0.7 * grid.mask * grid.rest, (identity - half).tocsr()
    for _ in range(_SUBSTEPS):
        state = solver.solve(explicit @ state)
        grid.rows @ state
    return process_time() - begun


# The open field, by the same parts


def measure_open(report, given):
    report.section("open field by a measure: largest difference to the models' own solvers")
    protocol = FRAPProtocol(n_bleach=1)
    begun = process_time()
    geometry = FourierGeometry(protocol)
    took = process_time() - begun
    differences = []
    for D in np.geomspace(0.5, 1000, 12):
        expected = 1 - DiffusionModel(protocol).curves(D=D, c0=1.0, alpha=0.1)[0, 10:]
        differences.append(np.abs(recovery(geometry, D, protocol)[0] - expected).max())
    report.add("diffusion, D from 0.5 to 1000 µm²/s", max(differences), "{:.1e}", at_most=1e-7)
    values = {"k_on": 0.5, "k_off": 0.2}
    kinetics, differences = BindingModel.kinetics, []
    for D in np.geomspace(0.5, 1000, 6):
        found = geometry.mobile(
            lambda rates, times, D=D: kinetics.symbol(rates, times, D=D, **values),
            kinetics.start(D=D, **values), np.array([0.9]), protocol,
        )  # fmt: skip
        expected = BindingModel(protocol).curves(D=D, **values, c0=1.0, alpha=0.1)[0, 10:]
        differences.append(np.abs(1 - found[0, 0] - expected).max())
    report.add("binding", max(differences), "{:.1e}", at_most=1e-7)
    report.add("nodes, of 512 x 512 modes", len(geometry.rates), "{:d}", at_most=200)
    report.add("set-up, s", took, "{:.3f}")


# Estimates


def spot_protocol(share, place, pixel_size=0.2, **options):
    """Make the experiment of a disk of some share of the cell, in the centre or at its tip."""
    radius = np.sqrt(share * 70.0)
    centre = (10.5, 7.5) if place == "centre" else (20.5 - radius, 7.5)
    interval = 20 * radius**2 / 4 / 100
    # A disk that is wider than the tip reaches out of the cell; light there meets nothing.
    return cell_protocol(
        pixel_size, Circle(radius, centre), frame_interval=interval, n_postbleach=100, **options
    )


def exact_curve(protocol, D=1.0, alpha=0.3, mobile_fraction=0.8):
    """Compute rows on pixels half as wide as the model's."""
    grid = CellGrid(protocol, parts=2 * CellGrid(protocol).parts)
    geometry = LanczosGeometry(grid)
    moving = recovery(geometry, D, protocol) / 0.9
    still = geometry.still(np.array([1.0]), 1)[0][:, np.newaxis]
    deficit = mobile_fraction * moving + (1 - mobile_fraction) * still
    curve = np.ones((protocol.n_rows, protocol.n_frames)) * grid.levels[:, np.newaxis]
    curve[:, protocol.n_prebleach :] -= (1 - alpha) * deficit
    return curve.ravel()


def measure_estimates(report, given):
    n = 200 if given.quick else 1000
    truth = np.array([0.0, 0.8])
    for place in ("centre", "edge"):
        report.section(f"{place}: {n} curves each, D = 1 µm²/s, mobile 0.8, noise 1 %")
        for share in _SHARES:
            both = spot_protocol(share, place, rows="compartment")
            clean = exact_curve(both)
            random = np.random.default_rng(given.seed)
            noise = random.standard_normal((n, both.n_values))
            X = clean + np.repeat(_NOISE, both.n_frames) * noise
            for protocol in (both.replace(rows=None), both):
                some = X[:, : protocol.n_values]
                name = f"{share:.0%}" + (", with the compartment's row" * (protocol.n_rows > 1))
                estimator = LeastSquaresFRAP(protocol, parameters=_FOUR).fit(some)
                theta = estimator.predict(some)[:, [0, 3]]
                ends = estimator.predict_interval(some)[:, [0, 3]]
                off, spread = theta.mean(axis=0) - truth, theta.std(axis=0)
                sure = np.maximum(np.abs(off) - 2 * spread / np.sqrt(n), 0.0)
                covered = np.mean((ends[:, 0, 0] < 0) & (ends[:, 0, 1] > 0))
                report.line(
                    f"{name}: bias of log10 D, of the mobile fraction",
                    f"{off[0]:+.4f} {off[1]:+.4f}", "0.0043, 0.005",
                    bool(sure[0] <= 0.0043 and sure[1] <= 0.005),
                )  # fmt: skip
                slack = 2 * np.sqrt(0.95 * 0.05 / n) if given.quick else 0.0
                report.line(
                    "    coverage of D", f"{covered:.3f}", "0.92 to 0.97",
                    bool(0.92 - slack <= covered <= 0.97 + slack),
                )  # fmt: skip
                limit, bound = None, least_spread(estimator)
                report.add("    the least that any estimator can have", bound, "{:.4f}")
                if protocol.n_rows > 1:  # no estimator does better than the bound
                    limit = max(0.006, 1.05 * bound)
                report.add("    spread of the mobile fraction", spread[1], "{:.4f}", at_most=limit)


def least_spread(estimator):
    """Return the Cramér-Rao bound of the mobile fraction's spread, the noise being known."""
    protocol = estimator.protocol_
    slopes = estimator.tangents(np.array([[0.0, 1.0, 0.3, 0.8]]))[0]
    slopes = slopes / np.repeat(_NOISE[: protocol.n_rows], protocol.n_frames)
    return float(np.sqrt(np.linalg.inv(slopes @ slopes.T)[3, 3]))


def measure_uneven(report, given):
    report.section("uneven compartments: D found where D = 1, without noise")
    shape = cell_protocol(0.2, Circle(1.0)).shape
    x = (np.indices(shape)[1] + 0.5) * 0.2
    random = np.random.default_rng(given.seed)
    images = {"gradient, fourfold": 2 ** ((x - 10.5) / 10)}
    for width in (2, 6):
        texture = np.real(
            np.fft.ifft2(
                np.fft.fft2(random.standard_normal(shape))
                * np.exp(-0.5 * width**2 * _k_squared(shape))
            )
        )
        images[f"texture of {width * 0.2:.1f} µm, 40 %"] = np.exp(0.4 * texture / texture.std())
    for name, image in images.items():
        for truth in ("partition", "sites"):
            protocol = cell_protocol(
                0.2, Circle(1.0, (12.0, 7.5)), frame_interval=0.05,
                compartment=Compartment(_CELL, image, truth),
            )  # fmt: skip
            curve = DiffusionModel(protocol).curves(D=1.0, c0=1.0, alpha=0.3, mobile_fraction=0.8)
            found = {}
            for reading in ("partition", "sites", "even"):
                outline = Compartment(_CELL, image, reading) if reading != "even" else _CELL
                other = protocol.replace(compartment=outline)
                estimator = LeastSquaresFRAP(other, parameters=_FOUR).fit(curve)
                found[reading] = 10 ** estimator.predict(curve)[0, 0]
            off = 100 * abs(found.pop(truth) - 1)
            others = ", ".join(f"{reading} {D:.2f}" for reading, D in found.items())
            what = f"{name}, {truth}: right reading off by %"
            report.add(what, off, "{:.4f}", at_most=0.1)
            report.line("    the others", others)


# Outlines that are found in images


def smooth_outline(random, shape, pixel_size):
    """Draw a smooth outline within the field, and a place inside for a region; None without one."""
    turn = np.linspace(0, 2 * np.pi, 181)[:-1]
    radius = np.ones_like(turn)
    for order in range(1, 6):
        radius += random.normal(0, 0.25 / order) * np.cos(order * turn + random.uniform(0, 7))
    radius *= random.uniform(3, 6)
    stretch = random.uniform(0.8, 1.25)
    middle = [0.5 * n * pixel_size for n in shape[::-1]]
    points = np.column_stack([radius * np.cos(turn) * stretch, radius * np.sin(turn) / stretch])
    points += middle
    ends = np.array(shape[::-1]) * pixel_size - 0.5
    if radius.min() < 1 or (points < 0.5).any() or (points > ends).any():
        return None
    fractions = Polygon(points).area_fractions(shape, pixel_size)
    places = np.argwhere(distance_transform_edt(fractions > 0.5) * pixel_size > 1.2)
    if not len(places):
        return None
    y, x = (places[random.integers(len(places))] + 0.5) * pixel_size
    return fractions, Circle(1.0, (x, y))


def measure_outlines(report, given):
    report.section("random smooth cells, texture to 25 %, noise 1 to 10 %, blur to 2 pixels")
    random, shape, pixel_size = np.random.default_rng(given.seed), (110, 140), 0.15
    shared, refused, n = [], 0, 60 if given.quick else 300
    while len(shared) + refused < n:
        drawn = smooth_outline(random, shape, pixel_size)
        if drawn is None:
            continue
        fractions, region = drawn
        texture = gaussian_filter(random.standard_normal(shape), random.uniform(2, 8))
        light = fractions * np.exp(random.uniform(0, 0.25) * texture / texture.std())
        light = gaussian_filter(light, random.uniform(0, 2)) + random.uniform(0, 0.2)
        image = light + 10 ** random.uniform(-2, -1) * random.standard_normal(shape)
        protocol = FRAPProtocol(shape=shape, pixel_size=pixel_size, bleach_region=region)
        try:
            found = find_compartment(image, protocol).compartment.region.array
        except ValueError:
            refused += 1
            continue
        shared.append(np.minimum(found, fractions).sum() / np.maximum(found, fractions).sum())
    report.add("area in common over area of both: median", np.median(shared), "{:.3f}")
    report.add("    the worst of 95 %", np.percentile(shared, 5), "{:.3f}", at_least=0.9)
    report.add("refused", refused / n, "{:.3f}", at_most=0.05)


# Image series, of which nobody says that they are of cells


def series_of(protocol, index, seed, noise=_PIXEL_NOISE):
    """Simulate images of a cell on a dark ground."""
    truth = {"D": 1.0, "c0": 1.0, "alpha": 0.3, "mobile_fraction": 0.8, "a": noise**2}
    background = np.full(protocol.shape, _GROUND)
    simulator = FRAPSimulator(protocol, truth, random_state=seed, background=background)
    frames = simulator.sample_images(1, start=index).data[0]
    times = protocol.times - protocol.times[0]
    return ImageSeries(frames, "cell", pixel_size_um=protocol.pixel_size, times_s=times)


def said_of(protocol, **options):
    times = protocol.times[protocol.n_prebleach :]
    return ExperimentOptions(
        bleach_region=protocol.bleach_region, n_prebleach=protocol.n_prebleach,
        first_postbleach=float(times[0]), free=("mobile_fraction",), dark_level=_GROUND, **options,
    )  # fmt: skip


def measure_flags(report, given):
    report.section("images of ten cells, 10 % noise of a pixel, no compartment told")
    n = 6 if given.quick else 25
    right, wrong = [], []
    for place in ("centre", "edge"):
        for share in _SHARES:
            protocol = spot_protocol(share, place)
            clean = share == _SHARES[0] and place == "centre"
            n_here = 4 * n if clean else n
            D, flagged, led = [], 0, 0
            for k in range(n_here):
                analysis = analyse_series(series_of(protocol, k, given.seed), said_of(protocol))
                D.append(analysis.estimates.D_um2_s[0])
                flagged += not analysis.estimates.usable[0]
                best = analysis.alternatives.recommended
                led += best is not None and best.name == "in its compartment"
            D = float(np.median(D))
            words = f"D {D:.2f}, flagged {flagged} of {n_here}, led to the cell {led}"
            report.line(f"{share:.0%}, {place}", words)
            if clean:
                right.append(flagged / n_here)
            elif abs(D - 1) > 0.05:
                wrong.append(flagged / n_here)
    report.add("flagged where D is off by over 5 %", np.mean(wrong), "{:.3f}", at_least=0.95)
    report.add("flagged at 2 % in the centre", np.mean(right), "{:.3f}", at_most=0.05)


def measure_found(report, given):
    report.section("the same ten cells, found in the images: D, mobile fraction, where D = 1, 0.8")
    n = 4 if given.quick else 12
    for place in ("centre", "edge"):
        for share in _SHARES:
            protocol = spot_protocol(share, place)
            for rows in (None, "compartment"):
                options = said_of(protocol, compartment="auto", rows=rows)
                found, covered, flagged = [], 0, 0
                for k in range(n):
                    series = series_of(protocol, k, given.seed)
                    one = analyse_series(series, options).estimates
                    found.append([np.log10(one.D_um2_s[0]), one.mobile_fraction[0]])
                    covered += one.D_um2_s_lower[0] < 1 < one.D_um2_s_upper[0]
                    flagged += not one.usable[0]
                off = np.mean(found, axis=0) - [0.0, 0.8]
                error = np.std(found, axis=0) / np.sqrt(n)
                sure = np.maximum(np.abs(off) - 2 * error, 0.0)
                name = f"{share:.0%}, {place}" + (", with the compartment's row" * bool(rows))
                words = f"{off[0]:+.4f} {off[1]:+.4f}; {covered} and {flagged} of {n}"
                report.line(
                    f"{name}: bias of log10 D, of the mobile fraction; covered, flagged", words,
                    "0.0086, 0.01", bool(sure[0] <= 0.0086 and sure[1] <= 0.01),
                )  # fmt: skip


def _k_squared(shape):
    ky, kx = (2 * np.pi * np.fft.fftfreq(n) for n in shape)
    return ky[:, np.newaxis] ** 2 + kx**2


if __name__ == "__main__":
    warnings.simplefilter("error")
    main()
