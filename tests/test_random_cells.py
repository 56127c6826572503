"""Random cells fit the field, depend on seed and index alone, and are of the shapes asked for."""

import numpy as np
import pytest

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.cells import CellPrior, CellSimulator
from skfrap.preprocessing import RecoveryCurveExtractor

PROTOCOL = FRAPProtocol(
    shape=(72, 84), pixel_size=0.3, bleach_region=Circle(1.5), n_bleach=1, n_postbleach=30
)
TRUTH = {"D": 2.0, "alpha": 0.4, "c0": 0.8, "a": 1e-4}


def areas(protocols):
    return np.array([one.compartment_mask.sum() * one.pixel_size**2 for one in protocols])


def test_cells_have_the_areas_asked_for_and_lie_whole_in_the_field():
    protocols = CellPrior(PROTOCOL, radius=(4.0, 7.0), random_state=0).protocols(40)
    radius = np.sqrt(areas(protocols) / np.pi)
    assert ((radius > 3.99) & (radius < 7.01)).all()
    assert np.ptp(radius) > 1.5
    for one in protocols:
        inside = one.compartment_mask > 0
        assert not inside[[0, -1]].any()
        assert not inside[:, [0, -1]].any()


def test_smooth_cells_that_are_not_stretched_are_disks():
    cells = CellPrior(
        PROTOCOL, radius=(6.0, 6.0), elongation=1.0, roughness=0.0, random_state=0
    ).protocols(3)
    for one in cells:
        x, y = np.transpose(one.compartment.region.vertices)
        r = np.hypot(x - x.mean(), y - y.mean())
        np.testing.assert_allclose(r, r[0], rtol=1e-9)
        # A polygon of 96 corners about it.
        np.testing.assert_allclose(r[0], 6.0, rtol=1e-3)


def test_region_is_in_the_cell_as_asked_for():
    for place, all_inside in (("inside", True), ("anywhere", False)):
        cells = CellPrior(PROTOCOL, radius=(4.0, 6.0), place=place, random_state=1).protocols(25)
        shares = []
        for one in cells:
            region = one.bleach_region.area_fractions(one.shape, one.pixel_size)
            shares.append(np.sum(region * one.compartment_mask) / region.sum())
        shares = np.array(shares)
        assert (shares > 0.3).all()
        assert (shares > 1 - 1e-9).all() == all_inside


def test_cell_and_sample_depend_on_seed_and_index_alone():
    cells = CellPrior(PROTOCOL, random_state=3)
    assert cells.protocols(5)[3:] == CellPrior(PROTOCOL, random_state=3).protocols(2, start=3)
    assert cells.protocols(1) != CellPrior(PROTOCOL, random_state=4).protocols(1)
    simulator = CellSimulator(cells, TRUTH | {"D": 1.0}, samples_per_cell=3, random_state=5)
    whole, part = simulator.sample(8), simulator.sample(3, start=4)
    assert whole.protocols[4:7] == part.protocols
    assert len({*whole.protocols}) == 3
    for k in range(3):
        np.testing.assert_array_equal(whole.data[4 + k], part.data[k])
    np.testing.assert_array_equal(whole.target[4:7], part.target)


def test_samples_are_those_of_the_simulator_of_their_cell():
    cells = CellPrior(PROTOCOL, random_state=3)
    sample = CellSimulator(cells, {"a": 1e-3}, random_state=5).sample(4)
    own = FRAPSimulator(cells.protocols(4)[2], {"a": 1e-3}, random_state=5).sample(1, start=2)
    np.testing.assert_array_equal(sample.data[2], own.data[0])
    np.testing.assert_array_equal(sample.target[2], own.target[0])
    np.testing.assert_allclose(sample.sample_weight, 1.0)


def test_images_have_the_curves_of_their_cells():
    cells = CellPrior(PROTOCOL, radius=(4.0, 7.0), place="inside", random_state=0)
    simulator = CellSimulator(cells, TRUTH | {"a": 1e-8}, random_state=0)
    curves, images = simulator.sample(2), simulator.sample_images(2)
    found = RecoveryCurveExtractor().fit_transform(images.data)
    for k in range(2):
        np.testing.assert_allclose(found[k], curves.data[k], atol=1e-4)
    assert images.data[0].protocol == curves.protocols[0]


def test_each_cell_is_fitted_in_its_outline():
    cells = CellPrior(PROTOCOL, radius=(4.0, 6.0), random_state=2)
    sample = CellSimulator(cells, TRUTH, random_state=0).sample(6)
    estimates = LeastSquaresFRAP().fit(sample.data).estimate(sample.data)
    np.testing.assert_allclose(estimates.D_um2_s, 2.0, rtol=0.05)
    blind = LeastSquaresFRAP(PROTOCOL).fit(np.array([*sample.data]))
    assert np.abs(np.log(blind.estimate(np.array([*sample.data])).D_um2_s / 2.0)).max() > 0.2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"radius": (5.0, 2.0)}, "radius must be two positive numbers"),
        ({"radius": 5.0}, "radius must be two positive numbers"),
        ({"elongation": 0.5}, "elongation must be"),
        ({"roughness": -1.0}, "roughness must be"),
        ({"place": "edge"}, "place must be one of"),
    ],
)
def test_what_makes_no_cell_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        CellPrior(PROTOCOL, **options)


def test_cells_too_large_for_the_field_are_refused_in_words():
    with pytest.raises(ValueError, match=r"no cell of radius 20 to 30 µm.*21.6 x 25.2 µm"):
        CellPrior(PROTOCOL, radius=(20.0, 30.0)).protocols(1)
    with pytest.raises(ValueError, match="cells must be a CellPrior"):
        CellSimulator(PROTOCOL)
    with pytest.raises(ValueError, match="background is of one field"):
        CellSimulator(CellPrior(PROTOCOL), background=np.zeros(PROTOCOL.shape))
