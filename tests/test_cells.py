"""Models in compartments, against solutions that were found in other ways."""

import pickle
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import j0, j1, jn_zeros, jnp_zeros, jv

from skfrap import (
    BayesianFRAP,
    Circle,
    Compartment,
    Ellipse,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    Mask,
    Rectangle,
    persistence,
)
from skfrap.models import MODELS, BindingModel, DiffusionModel, check_model, model_for
from skfrap.models.cell import CellGrid, FourierGeometry, LanczosGeometry, ReducedGeometry
from skfrap.models.kinetics import Binding, FreeDiffusion
from skfrap.scaling import scaled_protocol

SHAPE, PIXEL_SIZE = (36, 48), 0.5
CELL = Ellipse((10.0, 7.0))
PIXELS = Mask(CELL.area_fractions(SHAPE, PIXEL_SIZE) >= 0.5)  # whole ones, for references
PLACES = {
    "centre": Circle(1.7, (12.0, 9.0)),
    "edge": Circle(1.7, (20.2, 9.0)),
    "half": Rectangle(11.0, 17.0, (6.4, 9.0)),
}
LATE = tuple(np.geomspace(1e-3, 300, 24))


def irregular():
    """Two blobs that touch, one with a hole."""
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    cells = ((x - 17) ** 2 + (y - 16) ** 2 < 170) | ((x - 34) ** 2 + (y - 21) ** 2 < 100)
    return Mask(cells & ((x - 20) ** 2 + (y - 12) ** 2 > 6))


def protocol_of(place="centre", n_bleach=1, **options):
    region = PLACES.get(place, place)
    options = {
        "compartment": CELL,
        "rows": ["compartment", Circle(1.2, (5.4, 9.0))],
        "bleach_interval": 0.1,
        "postbleach_times": LATE,
    } | options
    return FRAPProtocol(
        shape=SHAPE, pixel_size=PIXEL_SIZE, bleach_region=region, n_bleach=n_bleach, **options
    )


def generator(protocol):
    """Return the rates of exchange between pixels, made pixel by pixel, and the equilibrium."""
    compartment = protocol.compartment
    inside = compartment.region.area_fractions(protocol.shape, protocol.pixel_size) >= 0.5
    places = [*map(tuple, np.argwhere(inside))]
    index = {place: k for k, place in enumerate(places)}
    density = np.ones(len(places))
    if compartment.equilibrium is not None:
        density = compartment.equilibrium[inside] / compartment.equilibrium[inside].mean()
    flow = np.zeros((len(places), len(places)))
    for (row, column), k in index.items():
        for other in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            if other in index:
                n = index[other]
                face = 2 / (1 / density[k] + 1 / density[n])
                face = 1.0 if compartment.conductance == "sites" else face
                flow[n, k] += face / density[k] / protocol.pixel_size**2
                flow[k, k] -= face / density[k] / protocol.pixel_size**2
    return inside, density, flow


@cache
def dense(protocol):
    """Return what all pixels say: rates and modes of the generator, in a symmetric form."""
    inside, density, flow = generator(protocol)
    root = np.sqrt(density)
    rates, modes = np.linalg.eigh(-flow / root[:, None] * root)
    return inside, root, np.maximum(rates, 0.0), modes


def exact_deficits(protocol, kinetics, values, depth):
    """Carry all modes of all pixels from bleach frame to bleach frame, (n_rows, n_times)."""
    inside, root, rates, modes = dense(protocol)
    mask = protocol.bleach_mask[inside]
    start = np.multiply.outer(kinetics.start(**values), root)
    missing = np.zeros_like(start)
    for event in range(protocol.n_bleach):
        if event:
            symbol = kinetics.symbol(rates, [protocol.bleach_interval], **values)[0]
            missing = np.einsum("abm,bm->am", symbol, missing @ modes) @ modes.T
        missing = missing + depth * mask * (start - missing)
    left = kinetics.symbol(rates, protocol.times[10:], **values)
    total = np.einsum("tabm,bm->tm", left, missing @ modes) @ (modes.T * root)
    rows = protocol.row_weights[:, inside]
    return rows @ total.T / (rows @ root**2)[:, np.newaxis]


# Reductions, against all modes of all pixels


@pytest.mark.parametrize("n_bleach", [1, 4])
@pytest.mark.parametrize("place", [*PLACES, "irregular"])
def test_reductions_keep_what_all_pixels_say(place, n_bleach):
    options = {"compartment": PIXELS}
    if place == "irregular":
        options = {"compartment": irregular(), "rows": ["compartment"]}
        place = Circle(1.6, (10.0, 9.5))
    protocol = protocol_of(place, n_bleach, **options)
    grid = CellGrid(protocol, parts=1)
    geometries = [ReducedGeometry(grid, n_bleach)]
    if n_bleach == 1:
        geometries.append(LanczosGeometry(grid))
    settings = [(FreeDiffusion(), {"D": D}) for D in (0.01, 0.3, 10.0, 100.0)]
    settings.append((Binding(), {"D": 5.0, "k_on": 1.0, "k_off": 0.3}))
    for kinetics, values in settings:
        expected = exact_deficits(protocol, kinetics, values, 0.9)
        start = kinetics.start(**values)
        for geometry in geometries:
            found = geometry.mobile(
                lambda rates, times, kinetics=kinetics, values=values: kinetics.symbol(
                    rates, times, **values
                ),
                start,
                np.array([0.9]),
                protocol,
            )[0]
            error = np.abs(found - expected).max()
            assert error < 3e-6
            assert error < 3 * geometry.error + 1e-9
            assert geometry.error < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("n_bleach", [1, 3])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("two_populations", {"D": 3.0, "second_D": 0.2, "second_fraction": 0.3}),
        ("turnover", {"D": 0.7, "exchange_rate": 0.05}),
        ("anomalous", {"D_at_1s": 0.7, "exponent": 0.6}),
        ("subdiffusion", {"D_at_1s": 0.7, "exponent": 0.6}),
    ],
)
def test_any_kinetics_go_with_any_outline(name, values, n_bleach):
    protocol, kinetics = protocol_of("edge", n_bleach, compartment=PIXELS), MODELS[name].kinetics
    if n_bleach > 1 and not kinetics.is_semigroup:
        with pytest.raises(ValueError, match="semigroup"):
            model_for(protocol, name)
        return
    model = model_for(protocol, name)
    grid = CellGrid(protocol, parts=1)
    geometry = ReducedGeometry(grid, n_bleach) if n_bleach > 1 else LanczosGeometry(grid)
    found = geometry.mobile(
        lambda rates, times: kinetics.symbol(rates, times, **values),
        kinetics.start(**values), np.array([0.9]), protocol,
    )[0]  # fmt: skip
    assert_allclose(found, exact_deficits(protocol, kinetics, values, 0.9), rtol=0, atol=1e-5)
    curves = model.curves(**values, c0=1.0, alpha=[0.1, 0.6], mobile_fraction=0.9)
    assert curves.shape == (2, protocol.n_values)
    images = model.images(**values, c0=1.0, alpha=0.1, mobile_fraction=0.9)
    means = np.einsum("tyx,yx->t", images[0], protocol.roi_weights)
    assert_allclose(means, curves[0, : protocol.n_frames], rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("n_bleach", [2, 20])
@pytest.mark.parametrize("kind", ["many", "long", "rough"])
def test_reductions_hold_for_many_bleach_frames_long_cells_and_rough_ones(kind, n_bleach):
    if kind == "long":
        protocol = FRAPProtocol(
            shape=(16, 160), pixel_size=0.3, bleach_region=Circle(1.6, (8.0, 2.4)),
            n_bleach=n_bleach, bleach_interval=0.1, postbleach_times=LATE,
            compartment=Mask(Ellipse((23.0, 2.0)).area_fractions((16, 160), 0.3) >= 0.5),
        )  # fmt: skip
    else:
        image = np.exp(np.random.default_rng(0).standard_normal(SHAPE))
        outline = Compartment(PIXELS, image, "sites") if kind == "rough" else PIXELS
        protocol = protocol_of("edge", n_bleach, compartment=outline, rows=None)
    geometry = ReducedGeometry(CellGrid(protocol, parts=1), n_bleach)
    for D in (0.003, 0.1, 30.0):
        found = geometry.mobile(
            lambda rates, times, D=D: FreeDiffusion().symbol(rates, times, D=D),
            np.ones(1), np.array([0.95]), protocol,
        )[0]  # fmt: skip
        expected = exact_deficits(protocol, FreeDiffusion(), {"D": D}, 0.95)
        assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_reduction_that_lacks_something_says_so():
    grid = CellGrid(protocol_of("edge", 6), parts=1)
    assert ReducedGeometry(grid, 6).error < 1e-5
    assert ReducedGeometry(grid, 6, n_poles=4).error > 1e-4
    assert ReducedGeometry(grid, 6, tolerance=1e-2).error > 1e-4


def test_several_bleach_frames_and_one_agree_where_both_can():
    grid = CellGrid(protocol_of("edge"), parts=1)
    one, several = LanczosGeometry(grid), ReducedGeometry(grid)
    spreads = np.geomspace(1e-4, 1e3, 30)
    decays = np.exp(-np.multiply.outer(several.rates, spreads))
    found = (several.rows * (several.start @ several.bleach)) @ decays
    assert_allclose(one.deficits(spreads), found, rtol=0, atol=2e-6)
    depth = np.array([0.0, 0.3, 1.0])
    assert_allclose(one.still(depth, 1), several.still(depth, 1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("conductance", ["partition", "sites"])
@pytest.mark.parametrize("n_bleach", [1, 3])
def test_uneven_compartments_are_those_of_all_pixels(conductance, n_bleach):
    random = np.random.default_rng(3)
    uneven = Compartment(PIXELS, np.exp(0.6 * random.standard_normal(SHAPE)), conductance)
    protocol = protocol_of("edge", n_bleach, compartment=uneven)
    grid = CellGrid(protocol, parts=1)
    geometry = ReducedGeometry(grid, n_bleach)
    expected = exact_deficits(protocol, FreeDiffusion(), {"D": 2.0}, 0.8)
    found = geometry.mobile(
        lambda rates, times: FreeDiffusion().symbol(rates, times, D=2.0),
        np.ones(1),
        np.array([0.8]),
        protocol,
    )[0]
    assert_allclose(found / grid.levels[:, np.newaxis], expected, rtol=0, atol=1e-5)


def test_an_even_image_makes_no_difference():
    values = {"D": [0.4, 4.0], "c0": 0.9, "alpha": 0.4}
    even = DiffusionModel(protocol_of("edge")).curves(**values)
    for conductance in ("partition", "sites"):
        same = Compartment(CELL, np.full(SHAPE, 7.0), conductance)
        found = DiffusionModel(protocol_of("edge", compartment=same)).curves(**values)
        assert_allclose(found, even, rtol=0, atol=1e-9)


# The open field, by the same parts


@pytest.mark.parametrize("centre", [None, (21.0, 16.0)], ids=["quarter", "whole grid"])
def test_the_open_field_as_a_geometry_is_the_models(centre):
    protocol = FRAPProtocol(
        shape=(64, 70), pixel_size=0.7, bleach_region=Circle(5.0, centre), n_bleach=1, padding=30
    )
    shared = {"c0": 1.0, "alpha": 0.3, "bleach_blur": 0.8, "imaging_blur": 0.5}
    geometry = DiffusionModel(protocol).geometry(bleach_blur=0.8, imaging_blur=0.5)
    assert len(geometry.rates) < 110
    assert geometry.error < 1e-9
    depth, after = np.array([0.7]), slice(10, None)
    for D in (0.1, 3.0, 200.0):
        found = geometry.mobile(
            lambda rates, times, D=D: FreeDiffusion().symbol(rates, times, D=D),
            np.ones(1), depth, protocol,
        )[0, 0]  # fmt: skip
        expected = DiffusionModel(protocol).curves(D=D, **shared)[0, after]
        assert_allclose(1 - found, expected, rtol=0, atol=1e-9)
    values = {"D": 30.0, "k_on": 0.4, "k_off": 0.2}
    found = geometry.mobile(
        lambda rates, times: Binding().symbol(rates, times, **values),
        Binding().start(**values), depth, protocol,
    )[0, 0]  # fmt: skip
    expected = BindingModel(protocol).curves(**values, **shared)[0, after]
    assert_allclose(1 - found, expected, rtol=0, atol=1e-9)
    still = 1 - geometry.still(depth, 1)[0, 0]
    expected = DiffusionModel(protocol).curves(D=1.0, mobile_fraction=0.0, **shared)[0, -1]
    assert still == pytest.approx(expected, abs=1e-12)
    with pytest.raises(ValueError, match="one bleach frame"):
        FourierGeometry(protocol.replace(n_bleach=2))


@pytest.mark.slow
@pytest.mark.parametrize("n_bleach", [1, 3])
def test_a_compartment_far_away_is_an_open_field(n_bleach):
    """While nothing has come back from the edge; pixels differ by what ten to a radius do."""
    open_field = FRAPProtocol(
        shape=(110, 110), pixel_size=0.25, bleach_region=Circle(2.75), n_bleach=n_bleach,
        n_postbleach=40, frame_interval=0.2, padding=60,
    )  # fmt: skip
    closed = open_field.replace(compartment=Rectangle(27.5, 27.5))
    for light in ({}, {"bleach_blur": 0.5, "imaging_blur": 0.4}, {"imaging_bleach": 1.0}):
        values = {"D": 1.5, "c0": 0.8, "alpha": 0.5, "mobile_fraction": 0.9, **light}
        expected, found = (DiffusionModel(one).curves(**values) for one in (open_field, closed))
        assert_allclose(found, expected, rtol=0, atol=1.5e-3)


# Closed forms


def one_row(shape, pixel_size, region, outline, times):
    return FRAPProtocol(
        shape=shape, pixel_size=pixel_size, bleach_region=region, compartment=outline, n_bleach=1,
        postbleach_times=times,
    )  # fmt: skip


def recovered(protocol, D=1.0):
    return 1 - DiffusionModel(protocol).curves(D=D, c0=1.0, alpha=0.0)[0, 10:]


def half_strip(times, length):
    n = np.arange(1, 4001, 2)[:, np.newaxis]
    return 0.5 + np.sum(4 / (n * np.pi) ** 2 * np.exp(-((n * np.pi / length) ** 2) * times), axis=0)


def test_a_strip_of_which_half_is_bleached():
    times = np.geomspace(0.05, 60, 40)
    protocol = one_row((8, 150), 0.1, Rectangle(7.5, 0.8, (3.75, 0.4)), Rectangle(15.0, 0.8), times)
    assert_allclose(recovered(protocol), half_strip(times, 15.0), rtol=0, atol=3e-4)


def test_a_square_of_which_a_quarter_is_bleached():
    times = np.geomspace(0.3, 60, 40)
    protocol = one_row((60, 60), 0.2, Rectangle(6.0, 6.0, (3.0, 9.0)), Rectangle(12, 12), times)
    assert_allclose(recovered(protocol), half_strip(times, 12.0) ** 2, rtol=0, atol=1e-3)


@pytest.mark.parametrize("radius", [2.0, 4.0])
def test_a_disk_in_a_disk(radius):
    times = np.geomspace(0.02, 40, 40)
    protocol = one_row((90, 90), 0.2, Circle(radius), Circle(8.0), times)
    zeros = jn_zeros(1, 3000)[:, np.newaxis]
    share = radius / 8.0
    terms = 4 * j1(zeros * share) ** 2 / (zeros * j0(zeros)) ** 2
    expected = share**2 + np.sum(terms * np.exp(-((zeros / 8.0) ** 2) * times), axis=0)
    assert_allclose(recovered(protocol), expected, rtol=0, atol=3e-3)


def test_two_cells_do_not_know_of_each_other():
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    one = np.hypot(y - 17, x - 12) < 9
    other = np.hypot(y - 17, x - 38) < 8
    values = {"D": [0.5, 20.0], "c0": 0.9, "alpha": 0.3}
    for n_bleach in (1, 2):
        alone, beside = (
            DiffusionModel(
                protocol_of(Circle(1.7, (6.5, 8.5)), n_bleach, compartment=Mask(cells), rows=None)
            ).curves(**values)
            for cells in (one, one | other)
        )
        assert_allclose(alone, beside, rtol=0, atol=2e-6)


def test_a_disk_of_which_half_is_bleached():
    times = np.geomspace(0.5, 60, 25)
    protocol = one_row((90, 90), 0.2, Rectangle(9.0, 18.0, (4.5, 9.0)), Circle(8.0), times)
    expected = np.full(len(times), 0.5)
    for n in range(1, 26, 2):
        for zero in jnp_zeros(n, 25):
            overlap = quad(lambda x, n=n, zero=zero: jv(n, zero * x) * x, 0, 1, limit=200)[0]
            norm = 0.5 * (1 - n**2 / zero**2) * jv(n, zero) ** 2
            term = 4 / (n**2 * np.pi) * overlap**2 / norm / (0.5 * np.pi)
            expected += term * np.exp(-((zero / 8.0) ** 2) * times)
    assert_allclose(recovered(protocol), expected, rtol=0, atol=2e-3)


# What must hold whatever the numbers


@pytest.mark.parametrize("n_bleach", [1, 3])
def test_particles_are_conserved(n_bleach):
    protocol = protocol_of("edge", n_bleach, postbleach_times=(0.1, 1.0, 30.0))
    model = DiffusionModel(protocol)
    images = model.images(D=0.7, c0=0.9, alpha=0.4)[0]
    assert_allclose(images[-3:].sum(axis=(1, 2)), images[-1].sum(), rtol=1e-6)
    assert images[0].sum() * PIXEL_SIZE**2 == pytest.approx(0.9 * np.pi * 70, rel=0.01)
    curve = model.curves(D=0.7, c0=0.9, alpha=0.4).reshape(3, -1)
    assert np.ptp(curve[1, 10:]) < 1e-6  # the compartment keeps what it has
    late = model.curves(D=70.0, c0=0.9, alpha=0.4).reshape(3, -1)[:, -1]
    assert_allclose(late, late[1], rtol=1e-3)  # and is even in the end


@pytest.mark.parametrize("n_bleach", [1, 3])
def test_images_show_what_curves_are_the_means_of(n_bleach):
    protocol = protocol_of("edge", n_bleach, postbleach_times=(0.1, 1.0, 30.0))
    light = {"imaging_bleach": 0.99, "bleach_blur": 0.5, "imaging_blur": 0.4}
    values = {"c0": 0.9, "alpha": 0.4, "mobile_fraction": 0.7, **light}
    for model, rates in ((DiffusionModel, {}), (BindingModel, {"k_on": 1.0, "k_off": 0.3})):
        images = model(protocol).images(D=0.7, **rates, **values)
        curves = model(protocol).curves(D=0.7, **rates, **values).reshape(3, -1)
        means = np.einsum("tyx,ryx->rt", images[0], protocol.row_weights)
        assert_allclose(means[0], curves[0], rtol=0, atol=2e-6)
        assert_allclose(means, curves, rtol=1e-3)  # but for what is left out of the outline
    padded = model(protocol).images(D=0.7, **rates, **values, padded=True)
    assert padded.shape[2:] == tuple(n + 2 * protocol.padding for n in SHAPE)
    assert padded.sum() == pytest.approx(images.sum())


def test_mirrored_and_turned_cells_recover_alike():
    cell, spot = Ellipse((8.0, 5.0), 25.0), (15.0, 10.5)
    mirrored = Ellipse((8.0, 5.0), -25.0), (9.0, 10.5)
    times = LATE[::3]
    first, second = (
        DiffusionModel(
            protocol_of(Circle(1.7, centre), compartment=outline, rows=None, postbleach_times=times)
        ).curves(D=[0.3, 3.0], c0=1.0, alpha=0.3)
        for outline, centre in ((cell, spot), mirrored)
    )
    assert_allclose(first, second, rtol=0, atol=1e-9)
    turned = FRAPProtocol(
        shape=SHAPE[::-1], pixel_size=PIXEL_SIZE, bleach_region=Circle(1.7, spot[::-1]), n_bleach=1,
        compartment=Ellipse((8.0, 5.0), 65.0), postbleach_times=times, bleach_interval=0.1,
    )  # fmt: skip
    third = DiffusionModel(turned).curves(D=[0.3, 3.0], c0=1.0, alpha=0.3)
    assert_allclose(first, third, rtol=0, atol=1e-9)


@pytest.mark.parametrize("n_bleach", [1, 2])
def test_curves_know_no_length_and_no_time(n_bleach):
    protocol = protocol_of("edge", n_bleach)
    scaled = scaled_protocol(protocol, length=3.0, time=0.5)
    for model, rates in ((DiffusionModel, {}), (BindingModel, {"k_on": 1.0, "k_off": 0.3})):
        others = {name: 2 * value for name, value in rates.items()}
        first = model(protocol).curves(D=0.7, **rates, c0=1.0, alpha=0.4)
        second = model(scaled).curves(D=0.7 * 18.0, **others, c0=1.0, alpha=0.4)
        assert_allclose(first, second, rtol=0, atol=1e-8)


def test_small_bleach_regions_are_seen_on_finer_pixels():
    protocol = protocol_of(Circle(0.9, (12.0, 9.0)), rows=None)
    assert CellGrid(protocol).parts == 6
    assert CellGrid(protocol_of("half")).parts == 1
    # The camera's pixels blur the region that is measured, not the one that is bleached.
    fine = protocol.replace(shape=tuple(6 * n for n in SHAPE), pixel_size=PIXEL_SIZE / 6)
    weights = np.kron(protocol.row_weights[0], np.full((6, 6), 1 / 36))
    values = {"D": [0.1, 1.0], "c0": 1.0, "alpha": 0.2}
    found = DiffusionModel(protocol).curves(**values)
    expected = DiffusionModel(fine, weights[np.newaxis]).curves(**values)
    assert_allclose(found, expected / expected[:, :1], rtol=0, atol=1e-9)
    assert np.abs(found - DiffusionModel(fine).curves(**values)).max() > 0.05


@pytest.mark.parametrize("n_bleach", [1, 3])
@pytest.mark.parametrize("rows", [None, "compartment"])
def test_models_in_compartments_keep_to_the_contract(n_bleach, rows):
    protocol = protocol_of("edge", n_bleach, rows=rows, postbleach_times=LATE[::4])
    check_model(DiffusionModel(protocol), D=0.7, c0=0.8, alpha=0.4)
    check_model(BindingModel(protocol), D=0.7, k_on=0.9, k_off=0.3, c0=0.8, alpha=0.4)


# Estimators, the simulator and files

RECORDED = FRAPProtocol(
    shape=SHAPE, pixel_size=PIXEL_SIZE, bleach_region=Circle(3.0, (17.0, 9.0)), compartment=CELL,
    n_bleach=1, n_postbleach=60, frame_interval=0.4,
)  # fmt: skip
ALL_FOUR = ["D", "c0", "alpha", "mobile_fraction"]


@pytest.mark.parametrize("n_bleach", [1, 2])
def test_estimators_find_what_curves_in_a_compartment_were_made_with(n_bleach):
    protocol = RECORDED.replace(n_bleach=n_bleach)
    values = {"D": [0.3, 1.0, 5.0], "c0": 0.9, "alpha": 0.4, "mobile_fraction": 0.8}
    X = DiffusionModel(protocol).curves(**values)
    found = LeastSquaresFRAP(protocol, parameters=ALL_FOUR).fit(X).estimate(X)
    for name, value in values.items():
        assert_allclose(found.values[name], value, rtol=1e-4)
    assert not any(found.findings)
    in_the_open = LeastSquaresFRAP(protocol.replace(compartment=None), parameters=ALL_FOUR).fit(X)
    wrong = in_the_open.estimate(X).values["D"]
    assert (np.abs(wrong / values["D"] - 1) > 0.2).all()  # or the test above shows nothing


def test_simulated_curves_in_a_compartment_are_covered():
    truth = {"D": 1.0, "c0": 0.9, "alpha": 0.4, "mobile_fraction": 0.8, "a": 2e-4}
    X = FRAPSimulator(RECORDED, truth, random_state=0).sample(300).data
    estimator = LeastSquaresFRAP(RECORDED, parameters=ALL_FOUR).fit(X)
    theta, std = estimator.predict(X, return_std=True)
    pull = (theta - [0.0, 0.9, 0.4, 0.8]) / std
    assert (np.abs(pull.mean(axis=0)) < 0.25).all()
    ends = estimator.predict_interval(X)[:, 0]
    assert 0.91 < np.mean((ends[:, 0] < 0) & (ends[:, 1] > 0)) < 0.99


def test_bayesian_estimates_in_a_compartment():
    X = DiffusionModel(RECORDED).curves(D=3.0, c0=0.9, alpha=0.6)
    X = X + 1e-3 * np.random.default_rng(0).standard_normal(X.shape)
    estimator = BayesianFRAP(RECORDED).fit(X)
    low, high = estimator.predict_interval(X, level=0.999)[0, 0]
    assert low < np.log10(3.0) < high
    assert high - low < 0.1


def test_image_series_of_a_compartment():
    simulator = FRAPSimulator(RECORDED, {"D": 1.0, "a": 1e-4}, random_state=0)
    images = simulator.images([[0.0, 0.9, 0.4]])[0]
    assert (images[:, RECORDED.compartment_mask == 0] == 0).all()
    means = np.einsum("tyx,yx->t", images, RECORDED.roi_weights)
    assert_allclose(means, simulator.curves([[0.0, 0.9, 0.4]])[0], rtol=0, atol=2e-6)
    assert simulator.sample_images(1).data.shape == (1, 70, *SHAPE)


def test_fitted_estimators_with_a_compartment_come_back(tmp_path):
    X = DiffusionModel(RECORDED).curves(D=[0.5, 1.0], c0=0.9, alpha=0.4)
    estimator = LeastSquaresFRAP(RECORDED).fit(X)
    persistence.save(estimator, tmp_path / "cell.skfrap")
    for copy in (
        persistence.load(tmp_path / "cell.skfrap"),
        pickle.loads(pickle.dumps(estimator)),
    ):
        assert copy.protocol_ == RECORDED
        assert np.array_equal(copy.predict(X), estimator.predict(X))
        assert_allclose(copy.model_.curves(1.0, 0.9, 0.4), X[1:], rtol=0, atol=1e-12)


def test_what_a_compartment_cannot_is_refused():
    with pytest.raises(ValueError, match="one bleach frame"):
        DiffusionModel(RECORDED.replace(compartment=None, n_bleach=2)).geometry()
    with pytest.raises(ValueError, match=r"weights must have the shape \(n_rows, ny, nx\)"):
        DiffusionModel(RECORDED, np.ones((3, 3)))
    thin = RECORDED.replace(
        compartment=Rectangle(20.0, 0.04, (12.0, 9.0)), bleach_region=Rectangle(12.0, 3.0, (6, 9))
    )
    with pytest.raises(ValueError, match="too thin for pixels"):
        DiffusionModel(thin).curves(1.0, 0.9, 0.4)


def test_a_pool_and_imaging_do_not_go_together_in_a_compartment():
    values = {"D": 0.7, "exchange_rate": 0.05, "c0": 1.0, "alpha": 0.4}
    model = model_for(RECORDED, "turnover")
    assert np.isfinite(model.curves(**values)).all()
    with pytest.raises(ValueError, match="imaging_bleach must be 1"):
        model.curves(**values, imaging_bleach=0.99)


@pytest.mark.parametrize("model", ["soumpasis", "gaussian_beam"])
def test_closed_forms_that_assume_no_edge_refuse_one(model):
    with pytest.raises(ValueError, match="assumes that there is no edge near by"):
        LeastSquaresFRAP(RECORDED, model=model).fit(np.ones((1, RECORDED.n_frames)))
    assert LeastSquaresFRAP(RECORDED, model="exponential").fit(np.ones((1, RECORDED.n_frames)))


@pytest.mark.slow
@pytest.mark.parametrize("n_bleach", [1, 3])
def test_particles_that_bounce_off_the_wall_say_the_same(n_bleach):
    """Random walks in a disk, whose steps beyond the wall are mirrored back."""
    protocol = FRAPProtocol(
        shape=(64, 64), pixel_size=0.25, bleach_region=Circle(2.5, (11.0, 8.0)), n_bleach=n_bleach,
        compartment=Circle(7.0), rows="compartment", n_postbleach=6, frame_interval=1.0,
        bleach_interval=1.0,
    )  # fmt: skip
    random, D, n = np.random.default_rng(1), 1.0, 120_000
    angle, radius = random.uniform(0, 2 * np.pi, n), 7 * np.sqrt(random.uniform(size=n))
    place = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    bright = np.ones(n)
    seen = []

    def in_region():
        return np.hypot(place[:, 0] - 3.0, place[:, 1]) < 2.5

    def walk(time, steps=60):
        for _ in range(steps):
            place[:] += np.sqrt(2 * D * time / steps) * random.standard_normal(place.shape)
            distance = np.hypot(*place.T)
            out = distance > 7
            place[out] *= (14 / distance[out] - 1)[:, np.newaxis]

    for event in range(n_bleach):
        if event:
            walk(1.0)
        bright[in_region() & (random.uniform(size=n) < 0.6)] = 0
    for _ in range(6):
        walk(1.0)
        seen.append(bright[in_region()].mean())
    expected = DiffusionModel(protocol).curves(D=D, c0=1.0, alpha=0.4).reshape(2, -1)
    assert_allclose(seen, expected[0, 10:], rtol=0, atol=0.016)
    assert bright.mean() == pytest.approx(expected[1, -1], abs=4e-3)
