"""Cells found in the frames before bleaching: outlines, several cells, uneven light, noise."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from skfrap import Circle, Ellipse, FRAPProtocol, FRAPSimulator, Polygon
from skfrap.preprocessing import find_compartment

SHAPE, PIXEL = (110, 140), 0.15
PROTOCOL = FRAPProtocol(
    shape=SHAPE, pixel_size=PIXEL, bleach_region=Circle(1.2, (10.0, 8.0)), n_bleach=1,
    n_postbleach=3,
)  # fmt: skip
TURN = np.linspace(0, 2 * np.pi, 73)[:-1]
WAVY = 5.0 + 0.7 * np.sin(3 * TURN) + 0.5 * np.cos(5 * TURN + 1)
OUTLINES = {
    "ellipse": Ellipse((7.5, 5.0), 20.0, (10.0, 8.0)),
    "polygon": Polygon([(4, 4), (11, 3), (17, 6), (16, 12), (9, 14), (3.5, 11)]),
    "irregular": Polygon(
        np.column_stack([10.5 + 1.2 * WAVY * np.cos(TURN), 8.2 + WAVY * np.sin(TURN)])
    ),
}
ROWS, COLUMNS = np.indices(SHAPE)


def fractions(region):
    return region.area_fractions(SHAPE, PIXEL)


def overlap(found, region):
    seen, truth = found.compartment.region.array, fractions(region)
    return np.minimum(seen, truth).sum() / np.maximum(seen, truth).sum()


def image_of(light, noise, seed=0, floor=0.03, blur=1.0):
    image = floor + gaussian_filter(light, blur)
    return image + noise * np.random.default_rng(seed).standard_normal(SHAPE)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03, 0.1])
@pytest.mark.parametrize("name", OUTLINES)
def test_outlines_are_found_through_noise(name, noise):
    found = find_compartment(image_of(fractions(OUTLINES[name]), noise), PROTOCOL)
    assert overlap(found, OUTLINES[name]) > (0.94 if noise < 0.1 else 0.92)
    assert found.n_others == 0
    assert found.cut_off == 0
    assert "found in the frames before bleaching" in found.reason


def test_the_cell_of_simulated_images_is_found():
    told = PROTOCOL.replace(compartment=OUTLINES["ellipse"])
    prior = {"D": 1.0, "c0": 0.7, "alpha": 0.4, "a": 0.05**2}
    images = FRAPSimulator(told, prior, random_state=0).sample_images(1).data[0]
    found = find_compartment(images[:10].mean(axis=0), PROTOCOL)
    assert overlap(found, OUTLINES["ellipse"]) > 0.95
    assert found.area == pytest.approx(np.pi * 7.5 * 5.0, rel=0.03)


@pytest.mark.parametrize("tilt", [0.5, 1.0])
def test_uneven_light_does_not_move_the_outline(tilt):
    light = fractions(OUTLINES["ellipse"]) * 2 ** (tilt * (COLUMNS * PIXEL - 10) / 7.5)
    found = find_compartment(image_of(light, 0.02), PROTOCOL)
    assert overlap(found, OUTLINES["ellipse"]) > 0.93


def test_structure_and_nucleoli_belong_to_the_cell():
    texture = gaussian_filter(np.random.default_rng(3).standard_normal(SHAPE), 3)
    light = fractions(OUTLINES["ellipse"]) * np.exp(0.2 * texture / texture.std())
    for x, y in ((8.0, 6.5), (12.5, 9.5)):
        light *= 1 - 0.7 * fractions(Circle(0.9, (x, y)))
    found = find_compartment(image_of(light, 0.02), PROTOCOL)
    assert overlap(found, OUTLINES["ellipse"]) > 0.93


def test_other_cells_are_counted_and_left_out():
    protocol = PROTOCOL.replace(bleach_region=Circle(0.9, (6.0, 8.0)))
    own, other = Ellipse((4.5, 5.0), 0.0, (6.0, 8.0)), Ellipse((3.0, 4.0), 0.0, (16.0, 8.0))
    found = find_compartment(image_of(fractions(own) + 0.6 * fractions(other), 0.03), protocol)
    assert overlap(found, own) > 0.94
    assert found.n_others == 1
    assert "one more cell" in found.reason


def test_cells_that_touch_are_parted_at_a_neck_or_refused():
    protocol = PROTOCOL.replace(bleach_region=Circle(0.9, (6.0, 8.0)))
    own, other = Circle(4.5, (6.0, 8.0)), Circle(4.5, (14.6, 8.0))
    both = np.clip(fractions(own) + fractions(other), 0, 1)
    found = find_compartment(image_of(both, 0.02), protocol)
    assert overlap(found, own) > 0.9
    assert "touches" in found.reason
    nearer = np.clip(fractions(own) + fractions(Circle(4.5, (13.0, 8.0))), 0, 1)
    with pytest.raises(ValueError, match="one cell or two that touch"):
        find_compartment(image_of(nearer, 0.02), protocol)


@pytest.mark.parametrize(
    ("light", "word"),
    [
        (np.ones(SHAPE), "no dark surroundings"),
        (0.7 + 0.3 * fractions(OUTLINES["ellipse"]), "no dark surroundings"),
        (fractions(Circle(4.0, (5.0, 11.5))), "bleach region"),
        (fractions(Circle(2.5, (12.0, 8.0))) + 0.2, "does not lie in one cell"),
        (1.0 * (COLUMNS * PIXEL > 7.0), "goes on beyond the field"),
    ],
)
def test_what_is_not_clear_is_refused_in_words(light, word):
    with pytest.raises(ValueError, match=word):
        find_compartment(image_of(light, 0.01), PROTOCOL)


def test_images_of_another_kind_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3, 4\)"):
        find_compartment(np.ones((3, 4)), PROTOCOL)
    with pytest.raises(ValueError, match="not finite"):
        find_compartment(np.full(SHAPE, np.nan), PROTOCOL)
