"""Recovery curves with bleaching by imaging, each way of computing them against plain stepping."""

import numpy as np
import pytest

from skfrap import Circle, FRAPProtocol, Rectangle
from skfrap.models import DiffusionModel

SMALL = FRAPProtocol(
    shape=(20, 28),
    pixel_size=0.5,
    bleach_region=Circle(2.2, center=(6.1, 5.3)),
    n_prebleach=2,
    n_bleach=3,
    n_postbleach=6,
    frame_interval=0.2,
    padding=9,
)
LARGE = SMALL.replace(shape=(112, 96), bleach_region=Circle(3.0), padding=20)
FINE = SMALL.replace(
    shape=(128, 124), pixel_size=0.2, bleach_region=Circle(4.0), n_postbleach=24, padding=76
)
CHANGES = {
    "centred": {"bleach_region": Circle(2.2)},
    "off centre": {},
    "centred on one axis": {"bleach_region": Rectangle(4.1, 2.7, center=(7.0, 5.3))},
    "odd": {"shape": (21, 17), "bleach_region": Circle(2.0)},
    "odd by even": {"shape": (17, 20), "bleach_region": Circle(2.0)},
    "whole field": {"bleach_region": Rectangle(14.0, 10.0)},
    "one of each": {"n_prebleach": 1, "n_bleach": 1, "n_postbleach": 1},
    "long series": {"n_prebleach": 5, "n_bleach": 5, "n_postbleach": 40},
    "bleach interval": {"bleach_interval": 0.07},
    "other first interval": {"postbleach_times": [0.05, 0.25, 0.45, 0.65, 0.85]},
    "slower in the end": {"postbleach_times": [0.1, 0.2, 0.3, 1.3, 2.3, 3.3]},
    "slower at last": {"postbleach_times": [0.1, 0.2, 0.3, 1.3]},
    "irregular": {"postbleach_times": [0.01, 0.02, 0.3, 1.7, 40.0]},
}
PROTOCOLS = {name: SMALL.replace(**changes) for name, changes in CHANGES.items()}
every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
SETTINGS = {
    "alpha": [0.0, 0.3, 0.6, 0.6, 1.0],
    "mobile_fraction": [1.0, 0.7, 1.0, 0.0, 0.9],
}
DEPTH = np.array([0.0, 0.13, 0.4, 0.8, 1.0])


def engine(model, bleach_blur=0.0, imaging_blur=0.0):
    return model._engine("imaging", bleach_blur, imaging_blur)


def assert_agrees_with_images(model, weights=None, **values):
    """Images are stepped plainly, depth by depth; return what the curves are."""
    protocol = model.protocol
    weights = protocol.roi_weights if weights is None else weights
    images = model.images(c0=1.0, **SETTINGS, **values)
    expected = np.einsum("ntyx,yx->nt", images, weights)
    curves = model.curves(c0=1.0, **SETTINGS, **values)
    np.testing.assert_allclose(curves, expected, rtol=0, atol=1e-11)
    return curves


def n_imaged(protocol):
    count = np.arange(1, protocol.n_frames + 1)
    count[protocol.n_prebleach :] += protocol.n_bleach
    return count


# --- Each way against plain stepping -----------------------------------------------------------


@every_protocol
@pytest.mark.parametrize("blurs", [(0.0, 0.0), (0.6, 0.0), (0.3, 0.8)])
@pytest.mark.slow
def test_modes(protocol, blurs):
    model = DiffusionModel(protocol)
    for D, imaging_bleach in ((0.3, 0.97), (3.0, 0.9), (200.0, 0.99)):
        assert engine(model, *blurs).way(D, imaging_bleach) == "modes"
        bleach_blur, imaging_blur = blurs
        assert_agrees_with_images(
            model,
            D=D,
            imaging_bleach=imaging_bleach,
            bleach_blur=bleach_blur,
            imaging_blur=imaging_blur,
        )


@every_protocol
@pytest.mark.parametrize("blurs", [(0.0, 0.0), (0.3, 0.8)])
def test_modes_and_grid_agree(protocol, blurs):
    ways = engine(DiffusionModel(protocol), *blurs)
    for D, imaging_bleach in ((0.02, 0.9), (1.0, 0.98), (50.0, 0.6), (0.5, 0.0)):
        modes, grid = (ways.moving(DEPTH, D, imaging_bleach, way=way) for way in ("modes", "grid"))
        np.testing.assert_allclose(modes, grid, rtol=0, atol=2e-13)


@pytest.mark.parametrize("center", [None, (9.0, 14.3)])
@pytest.mark.parametrize("blurs", [(0.0, 0.0), (0.5, 0.4)])
def test_grid(center, blurs):
    model = DiffusionModel(FINE.replace(bleach_region=Circle(4.0, center)))
    assert engine(model, *blurs).way(0.72, 0.97) == "grid"
    assert_agrees_with_images(
        model, D=0.72, imaging_bleach=0.97, bleach_blur=blurs[0], imaging_blur=blurs[1]
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"bleach_region": Circle(3.0, center=(19.0, 25.2))},
        {"shape": (111, 97)},
        {"shape": (112, 112)},
        {"bleach_interval": 0.07},
        {"postbleach_times": [0.1, 0.3, 0.4, 1.0]},
        {"n_prebleach": 1, "n_bleach": 1},
        {"bleach_region": Rectangle(5.0, 4.0)},
    ],
    ids=lambda changes: " ".join(changes) or "as it is",
)
@pytest.mark.parametrize("blurs", [(0.0, 0.0), (0.5, 0.0), (0.3, 0.4)])
@pytest.mark.slow
def test_edges(changes, blurs):
    model = DiffusionModel(LARGE.replace(**changes))
    for D, imaging_bleach in ((1.5, 0.97), (2.5, 0.8)):
        assert engine(model, *blurs).way(D, imaging_bleach) == "edges"
        assert_agrees_with_images(
            model,
            D=D,
            imaging_bleach=imaging_bleach,
            bleach_blur=blurs[0],
            imaging_blur=blurs[1],
        )


def test_what_comes_in_over_the_edges_is_there():
    # It is more than what agreement leaves open, and the curve without it is wrong.
    model = DiffusionModel(LARGE)
    assert engine(model).way(4.0, 0.9) == "edges"
    curves = assert_agrees_with_images(model, D=4.0, imaging_bleach=0.9)
    inside = 0.9 ** n_imaged(LARGE) * model.curves(D=4.0, c0=1.0, **SETTINGS)
    assert 1e-10 < np.abs(curves - inside).max() < 1e-4


@pytest.mark.parametrize(
    "protocol",
    [LARGE, LARGE.replace(bleach_region=Rectangle(5.0, 4.0, center=(12.0, 15.0)))],
    ids=["circle", "rectangle near a corner"],
)
def test_neglected_is_estimated_from_above(protocol):
    ways = engine(DiffusionModel(protocol))
    estimates = []
    for D in (0.002, 0.02, 0.2, 1.0, 3.0, 5.0, 8.0, 12.0):
        estimates.append(ways._edges.neglected(D))
        for imaging_bleach in (0.99, 0.8, 0.5):
            edges, stepped = (
                ways.moving(DEPTH, D, imaging_bleach, way=way) for way in ("edges", "modes")
            )
            assert np.abs(edges - stepped).max() < 2 * estimates[-1] + 1e-13
    # Slow diffusion rings on the pixels, and fast one reaches the edges.
    assert min(estimates) < 1e-11
    assert estimates[0] > 1e-13
    assert estimates[-1] > 1e-8


@pytest.mark.parametrize(
    ("way", "Ds"),
    [("edges", (0.003, 0.1, 1.0, 5.0)), ("grid", (9.0, 12.0)), ("modes", (20.0, 300.0, 2e4))],
)
def test_ways_on_the_default_protocol(default_protocol, way, Ds):
    ways = engine(DiffusionModel(default_protocol))
    for D in Ds:
        assert ways.way(D, 0.99) == way


def test_ways_meet_on_the_default_protocol(default_protocol):
    ways = engine(DiffusionModel(default_protocol.replace(n_prebleach=3, n_postbleach=30)))
    for other, D in (("edges", 5.0), ("modes", 60.0)):
        assert ways.way(D, 0.97) == other
        one, two = (ways.moving(DEPTH[:3], D, 0.97, way=way) for way in (other, "grid"))
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-12)


@pytest.mark.parametrize("protocol", [SMALL, PROTOCOLS["centred"], LARGE])
def test_other_weights(protocol):
    weights = protocol.roi_weights**2 / protocol.noise_gain
    lopsided = protocol.roi_weights * np.linspace(0, 2, protocol.shape[1])
    for some in (weights, lopsided / lopsided.sum()):
        model = DiffusionModel(protocol, some)
        assert_agrees_with_images(model, some, D=1.0, imaging_bleach=0.95, imaging_blur=0.3)


# --- Properties ----------------------------------------------------------------------------------


@every_protocol
def test_without_padding_imaging_only_scales(protocol):
    protocol = protocol.replace(padding=0)
    model = DiffusionModel(protocol)
    without = model.curves(D=2.0, c0=1.0, **SETTINGS, imaging_blur=0.3)
    curves = assert_agrees_with_images(model, D=2.0, imaging_bleach=0.9, imaging_blur=0.3)
    np.testing.assert_allclose(curves, 0.9 ** n_imaged(protocol) * without, atol=1e-13)
    ways = engine(model, 0.0, 0.3)
    assert ways._edges.neglected(2.0) == 0
    edges, modes = (ways.moving(DEPTH, 2.0, 0.9, way=way) for way in ("edges", "modes"))
    np.testing.assert_allclose(edges, modes, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("protocol", "D", "way"),
    [
        (SMALL, 0.5, "modes"),
        (PROTOCOLS["irregular"], 0.5, "modes"),
        (PROTOCOLS["centred"], 0.5, "grid"),
        (LARGE, 2.0, "edges"),
    ],
    ids=["modes", "uneven", "grid", "edges"],
)
def test_curves_are_polynomials_in_the_depth(protocol, D, way):
    ways = engine(DiffusionModel(protocol))
    depth = np.linspace(0, 1, 23)
    many = ways.moving(depth, D, 0.95, way=way)
    one_by_one = np.concatenate([ways.moving(depth[[i]], D, 0.95, way=way) for i in (0, 5, 22)])
    np.testing.assert_allclose(many[[0, 5, 22]], one_by_one, rtol=0, atol=1e-13)
    for curves in (many, ways.still(depth, 0.95)):
        basis, _ = np.linalg.qr(np.polynomial.chebyshev.chebvander(depth, protocol.n_bleach))
        np.testing.assert_allclose(basis @ (basis.T @ curves), curves, rtol=0, atol=1e-13)
        assert np.abs(basis[:, :-1] @ (basis[:, :-1].T @ curves) - curves).max() > 1e-6


@pytest.mark.parametrize("protocol", [SMALL, PROTOCOLS["centred"], LARGE])
@pytest.mark.parametrize("D", [0.0, 1.0, 60.0])
def test_imaging_that_takes_all_or_next_to_nothing(protocol, D):
    model = DiffusionModel(protocol)
    all_taken = assert_agrees_with_images(model, D=D, imaging_bleach=0.0)
    assert_agrees_with_images(model, D=D, imaging_bleach=1e-4)
    np.testing.assert_allclose(all_taken, 0.0, atol=1e-15)
    without = model.curves(D=D, c0=1.0, **SETTINGS)
    for lost in (1e-15, 1e-13):
        hardly = model.curves(D=D, c0=1.0, **SETTINGS, imaging_bleach=1 - lost)
        np.testing.assert_allclose(hardly, without, rtol=0, atol=1e-12 + 30 * lost)


@every_protocol
@pytest.mark.parametrize("blurs", [(0.0, 0.0), (1.5, 2.5)])
def test_immobile_particles(protocol, blurs):
    model = DiffusionModel(protocol)
    values = {"D": 2.0, "c0": 1.0, "alpha": [0.0, 0.6, 1.0], "mobile_fraction": 0.0}
    values |= {"imaging_bleach": 0.9, "bleach_blur": blurs[0], "imaging_blur": blurs[1]}
    expected = np.einsum("ntyx,yx->nt", model.images(**values), protocol.roi_weights)
    np.testing.assert_allclose(model.curves(**values), expected, rtol=0, atol=1e-13)
    resting = model.curves(**values | {"D": 0.0, "mobile_fraction": 0.7})
    np.testing.assert_allclose(resting, expected, rtol=0, atol=1e-13)
    slow = model.curves(**values | {"D": 5e-324, "mobile_fraction": 1.0})
    np.testing.assert_allclose(slow, expected, rtol=0, atol=1e-11)
