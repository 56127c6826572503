"""What a protocol says of where particles may be, and of what is measured there."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skfrap import (
    Circle,
    Compartment,
    Ellipse,
    FRAPProtocol,
    Mask,
    MeasuredStartFRAP,
    Polygon,
    Rectangle,
)
from skfrap.experiment import parse_region
from skfrap.experiment._areas import disk_area_fractions
from skfrap.scaling import scale_between, scaled_protocol

SHAPE, PIXEL_SIZE = (40, 60), 0.5
CELL = Ellipse((12.0, 8.0), angle=20.0)
SPOT = Circle(2.0)


def protocol_of(**options):
    options = {"compartment": CELL, "bleach_region": SPOT} | options
    return FRAPProtocol(shape=SHAPE, pixel_size=PIXEL_SIZE, n_bleach=1, n_postbleach=20, **options)


@pytest.mark.slow
@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 137.0, -400.0])
@pytest.mark.parametrize("axes", [(7.3, 2.1), (3.0, 3.0), (2.2, 8.4)])
def test_an_ellipse_covers_what_a_fine_polygon_covers(axes, angle):
    ellipse = Ellipse(axes, angle, center=(14.3, 10.1))
    turn = np.linspace(0, 2 * np.pi, 4001)[:-1]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along, across = axes[0] * np.cos(turn), axes[1] * np.sin(turn)
    polygon = Polygon(
        np.column_stack([14.3 + c * along - s * across, 10.1 + s * along + c * across])
    )
    fractions = ellipse.area_fractions(SHAPE, PIXEL_SIZE)
    assert_allclose(fractions, polygon.area_fractions(SHAPE, PIXEL_SIZE), rtol=0, atol=2e-5)
    assert fractions.sum() * PIXEL_SIZE**2 == pytest.approx(np.pi * axes[0] * axes[1], rel=1e-12)


def test_a_round_ellipse_is_a_circle():
    round_one = Ellipse((3.1, 3.1), 77.0, center=(9.0, 8.0)).area_fractions(SHAPE, PIXEL_SIZE)
    assert_allclose(round_one, disk_area_fractions(SHAPE, 18.0, 16.0, 6.2), rtol=0, atol=1e-12)


def test_ellipses_are_read_from_words():
    assert parse_region("ellipse:10x7", 0.5) == Ellipse((10.0, 7.0))
    assert parse_region("ellipse:10pxx7px/30@4,5px", 0.5) == Ellipse((5.0, 3.5), 30.0, (4.0, 2.5))
    with pytest.raises(ValueError, match=r"ellipse:AxB\[/DEGREES\]"):
        parse_region("ellipse:10", 0.5)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Ellipse((1.0, 0.0)), "semi_axes"),
        (lambda: Ellipse(3.0), "semi_axes"),
        (lambda: Ellipse((1.0, 2.0), angle=np.nan), "angle"),
        (lambda: Ellipse((1.0, 2.0), center=3.0), "center"),
        (lambda: Compartment("cell"), "region must be"),
        (lambda: Compartment(CELL, conductance="even"), "conductance"),
        (lambda: Compartment(CELL, equilibrium=np.ones(3)), "equilibrium must be"),
        (lambda: protocol_of(compartment=7), "compartment must be"),
        (lambda: protocol_of(compartment=Ellipse((16.0, 8.0))), "compartment Ellipse.*leaves"),
        (lambda: protocol_of(compartment=Compartment(CELL, np.ones((3, 3)))), r"shape \(3, 3\)"),
        (lambda: protocol_of(compartment=Compartment(CELL, np.zeros(SHAPE))), "must be positive"),
        (lambda: protocol_of(bleach_region=Circle(1.5, (3.0, 3.0))), "pixels in the compartment"),
        (lambda: protocol_of(bleach_region=Rectangle(30.0, 20.0)), "covers the whole compartment"),
        (lambda: protocol_of(compartment=None, rows="compartment"), "rows are measured in a"),
        (lambda: protocol_of(rows="cell"), "rows must be 'compartment'"),
        (lambda: protocol_of(rows=3), "rows must be 'compartment'"),
        (lambda: protocol_of(rows=[SPOT, SPOT]), "different names"),
        (lambda: protocol_of(rows=Circle(1.0, (1.5, 1.5))), "lies outside the compartment"),
        (lambda: protocol_of(rows={"far": Circle(9.0, (3.0, 3.0))}), r"rows\['far'\].*leaves"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(make, word):
    with pytest.raises(ValueError, match=word):
        make()


def test_a_region_is_an_even_compartment():
    assert protocol_of() == protocol_of(compartment=Compartment(CELL))
    assert protocol_of() != protocol_of(compartment=Compartment(CELL, np.ones(SHAPE)))
    assert protocol_of().n_values == protocol_of().n_frames == 30
    assert protocol_of(compartment=None).compartment_mask is None


def test_rows_of_an_even_compartment_show_its_intensity():
    """Also where pixels are only in part inside, and the region reaches beyond the outline."""
    edge = Circle(2.0, center=(25.0, 10.0))
    protocol = protocol_of(bleach_region=edge, rows=["compartment", Circle(2.0)])
    assert protocol.row_names == ("bleach_region", "compartment", "reference")
    seen = np.einsum("ryx,yx->r", protocol.row_weights, protocol.compartment_mask)
    assert_allclose(seen, 1.0, rtol=0, atol=1e-12)
    assert np.array_equal(protocol.row_weights[0], protocol.roi_weights)
    assert (protocol.row_weights[:, protocol.compartment_mask == 0] == 0).all()
    assert protocol.noise_gain == pytest.approx(protocol.row_noise_gains[0])
    names = protocol.feature_names
    assert len(names) == len({*names}) == protocol.n_values == 90
    assert names[30] == "compartment: intensity at -2.65 s"


def test_the_region_that_is_measured_may_be_another_than_the_one_that_is_bleached():
    protocol = protocol_of(rows={"bleach_region": Circle(1.0), "compartment": "compartment"})
    assert protocol.row_names == ("bleach_region", "compartment")
    narrow = Circle(1.0).area_fractions(SHAPE, PIXEL_SIZE)
    assert_allclose(protocol.roi_weights, narrow / narrow.sum(), rtol=0, atol=1e-12)
    assert protocol.bleach_mask.sum() > 3 * narrow.sum()


EVERY = [
    protocol_of(),
    protocol_of(rows=["compartment", ("far", Rectangle(2.0, 3.0, (9.0, 8.0)))]),
    protocol_of(compartment=Compartment(CELL, np.linspace(1, 2, 2400).reshape(SHAPE), "sites")),
    protocol_of(compartment=Mask(np.tri(*SHAPE, 5)), bleach_region=Circle(2.0, (6.0, 12.0))),
]


@pytest.mark.parametrize("protocol", EVERY, ids=range(len(EVERY)))
def test_protocols_with_compartments_come_back(protocol):
    copies = [
        FRAPProtocol.from_json(protocol.to_json()),
        pickle.loads(pickle.dumps(protocol)),
        protocol.replace(n_postbleach=20),
    ]
    for copy in copies:
        assert copy == protocol
        assert hash(copy) == hash(protocol)
        assert repr(copy) == repr(protocol)


@pytest.mark.parametrize("protocol", EVERY, ids=range(len(EVERY)))
def test_compartments_and_rows_scale_with_the_experiment(protocol):
    scaled = scaled_protocol(protocol, length=0.5, time=2.0)
    assert scale_between(protocol, scaled) == pytest.approx((0.5, 2.0))
    assert_allclose(scaled.row_weights, protocol.row_weights, rtol=0, atol=1e-12)
    assert_allclose(scaled.compartment_mask, protocol.compartment_mask, rtol=0, atol=1e-10)


@pytest.mark.parametrize("k", range(1, len(EVERY)))
def test_other_compartments_do_not_scale_into_each_other(k):
    with pytest.raises(ValueError, match="do not scale into each other"):
        scale_between(EVERY[0], EVERY[k])
    with pytest.raises(ValueError, match="compartment is None"):
        scale_between(protocol_of(compartment=None), EVERY[0])


def test_a_description_asks_for_no_more_rows_than_there_can_be():
    description = EVERY[1].to_dict()
    description["rows"] = description["rows"] * 200
    with pytest.raises(ValueError, match="rows"):
        FRAPProtocol.from_dict(description)


def test_a_start_that_is_measured_in_rings_is_of_an_open_field():
    with pytest.raises(ValueError, match="rings are for samples without edges"):
        MeasuredStartFRAP(protocol_of()).fit(np.ones((2, 30)))
