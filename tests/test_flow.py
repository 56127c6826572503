"""Flow: the same pictures as without it, seen from a frame that moves."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import uniform

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, Polygon, Rectangle
from skfrap.models import DiffusionModel, FlowModel, check_model

PROTOCOL = FRAPProtocol(
    shape=(40, 44), pixel_size=0.8, bleach_region=Circle(5.0), n_prebleach=3, n_bleach=1,
    n_postbleach=16, frame_interval=0.5, padding=16,
)  # fmt: skip
SEVERAL = PROTOCOL.replace(n_bleach=3)
CORNER = Polygon([(9, 8), (20, 12), (12, 21)])
OF_LIGHT = [
    {},
    {"imaging_bleach": 0.98},
    {"bleach_blur": 0.9, "imaging_blur": 0.6},
    {"imaging_bleach": 0.98, "bleach_blur": 0.9, "imaging_blur": 0.6},
]
LEVELS = {"c0": 0.8, "alpha": 0.4, "mobile_fraction": 0.9}


def test_after_a_flash_it_is_diffusion_seen_from_a_moving_frame():
    """A pixel per frame to the right and two up: frames are those of diffusion, rolled."""
    velocity = {"velocity_x": 0.8 / 0.5, "velocity_y": -2 * 0.8 / 0.5}
    levels = {"c0": 0.8, "alpha": 0.4}
    still = DiffusionModel(PROTOCOL).images(2.0, **levels, padded=True)[0]
    found = FlowModel(PROTOCOL).images(2.0, **levels, **velocity, padded=True)[0]
    n = PROTOCOL.n_prebleach
    for k in range(PROTOCOL.n_postbleach):
        rolled = np.roll(still[n + k], (-2 * (k + 1), k + 1), axis=(0, 1))
        assert_allclose(found[n + k], rolled, rtol=0, atol=1e-12)
    curve = FlowModel(PROTOCOL).curves(2.0, **levels, **velocity)[0]
    field = np.pad(PROTOCOL.roi_weights, PROTOCOL.padding)
    moved = [
        np.sum(np.roll(field, (2 * (k + 1), -(k + 1)), axis=(0, 1)) * still[n + k])
        for k in range(PROTOCOL.n_postbleach)
    ]
    assert_allclose(curve[n:], moved, rtol=0, atol=1e-12)


def test_several_flashes_leave_a_trace():
    """Without diffusion, a pixel per bleach frame: each removes its part of what came along."""
    model = FlowModel(SEVERAL)
    images = model.images(0.0, 1.6, c0=1.0, alpha=0.4, padded=True)[0]
    mask = np.pad(SEVERAL.bleach_mask, SEVERAL.padding)
    left = np.ones(mask.shape)
    for bleached in range(3):
        left = np.roll(left, 1, axis=1) if bleached else left
        left = left * (1 - 0.6 * mask)
    assert_allclose(images[SEVERAL.n_prebleach], np.roll(left, 1, axis=1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("region", [Circle(5.0), CORNER], ids=["circle", "triangle"])
@pytest.mark.parametrize("light", OF_LIGHT, ids=str)
def test_curves_are_means_of_images(region, light):
    protocol = SEVERAL.replace(bleach_region=region)
    model = FlowModel(protocol)
    given = {"D": 1.5, "velocity_x": 0.7, "velocity_y": -0.45, **LEVELS, **light}
    means = np.einsum("ntyx,yx->nt", model.images(**given), protocol.roi_weights)
    assert_allclose(model.curves(**given), means, rtol=0, atol=1e-12)


@pytest.mark.parametrize("light", OF_LIGHT, ids=str)
def test_without_flow_it_is_diffusion(light):
    found = FlowModel(SEVERAL).curves(1.5, 0.0, **LEVELS, **light)
    expected = DiffusionModel(SEVERAL).curves(1.5, **LEVELS, **light)
    assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_weights_of_pixels_are_those_given():
    weights = PROTOCOL.roi_weights**2 / PROTOCOL.noise_gain
    model = FlowModel(PROTOCOL.replace(bleach_region=CORNER))
    weights = model.protocol.roi_weights**2 / model.protocol.noise_gain
    given = {"D": 1.5, "velocity_x": 0.7, **LEVELS}
    means = np.einsum("ntyx,yx->nt", model.images(**given), weights)
    found = FlowModel(model.protocol, weights).curves(**given)
    assert_allclose(found, means, rtol=0, atol=1e-12)


# What a curve can tell of a velocity


@pytest.mark.parametrize(
    "region", [Circle(5.0), Rectangle(9.0, 5.0), CORNER], ids=["circle", "rectangle", "triangle"]
)
def test_a_curve_does_not_tell_a_velocity_from_its_opposite(region):
    model = FlowModel(PROTOCOL.replace(bleach_region=region))
    given = {"D": 1.5, "velocity_x": [0.7, -0.7], "velocity_y": [-0.45, 0.45], **LEVELS}
    there, back = model.curves(**given)
    assert_allclose(there, back, rtol=0, atol=1e-12)
    assert model.bounds["velocity_x"][0] == 0
    mirrored = model.curves(**given | {"velocity_y": [0.45, -0.45]})[0]
    is_mirrored = region is not CORNER
    assert np.allclose(there, mirrored, atol=1e-12) == is_mirrored
    assert (model.bounds["velocity_y"][0] == 0) == is_mirrored


def test_signs_are_those_that_a_curve_can_tell():
    """Two velocities of a triangle: the answer is the one of both that has velocity_x >= 0."""
    protocol = PROTOCOL.replace(bleach_region=CORNER, n_postbleach=30)
    names = ("D", "velocity_x", "velocity_y", "c0", "alpha")
    X = FlowModel(protocol).curves(
        0.3, velocity_x=[0.5, -0.5], velocity_y=[-0.3, 0.3], c0=0.8, alpha=0.4
    )
    found = LeastSquaresFRAP(protocol, model="flow", parameters=names).fit(X).estimate(X)
    assert_allclose(found.values["velocity_x"], 0.5, atol=1e-3)
    assert_allclose(found.values["velocity_y"], -0.3, atol=1e-3)
    assert_allclose(found.values["speed"], np.hypot(0.5, 0.3), atol=1e-3)


def test_of_a_circle_only_the_speed_is_estimated():
    circle = FlowModel(PROTOCOL)
    there = circle.curves(1.5, 0.6, velocity_y=0.8, c0=0.8, alpha=0.4)
    along = circle.curves(1.5, 1.0, c0=0.8, alpha=0.4)
    assert_allclose(there, along, rtol=0, atol=2e-3)  # but for the pixels
    both = {"parameters": ("D", "velocity_x", "velocity_y", "c0", "alpha")}
    with pytest.raises(ValueError, match=r"curve of a circle tells the speed only.*velocity_y out"):
        LeastSquaresFRAP(PROTOCOL, model="flow", **both).fit(there)
    found = LeastSquaresFRAP(PROTOCOL, model="flow").fit(along).estimate(along)
    assert found.values["velocity_x"] == pytest.approx(1.0, abs=1e-4)
    assert "speed" not in found.values


@pytest.mark.slow
def test_of_a_square_the_larger_is_called_that_along_x():
    square = FlowModel(PROTOCOL.replace(bleach_region=Rectangle(8.0, 8.0)))
    assert square.alike == ("velocity_x", "velocity_y")
    assert FlowModel(PROTOCOL.replace(bleach_region=Rectangle(8.0, 5.6))).alike == ()
    one, other = square.curves(0.5, [0.8, 0.3], velocity_y=[0.3, 0.8], c0=0.8, alpha=0.4)
    assert_allclose(one, other, rtol=0, atol=1e-7)  # but for the field, which is no square
    names = ("D", "velocity_x", "velocity_y", "c0", "alpha")
    estimator = LeastSquaresFRAP(square.protocol, model="flow", parameters=names)
    found = estimator.fit([one, other]).estimate([one, other])
    assert_allclose(found.values["velocity_x"], 0.8, atol=1e-3)
    assert_allclose(found.values["velocity_y"], 0.3, atol=1e-3)


def test_where_nothing_flows_it_is_said_that_nothing_is_known_of_a_flow():
    truth = {"D": 1.5, "c0": 0.8, "alpha": 0.4, "a": 1e-4}
    X = FRAPSimulator(PROTOCOL, truth, random_state=0).sample(3).data
    found = LeastSquaresFRAP(PROTOCOL, model="flow").fit(X).estimate(X)
    assert found.has_finding("simpler_model_fits", "velocity_x").all()


def test_velocities_are_drawn_and_told_with_their_unit():
    prior = {"velocity_x": uniform(0.5, 1.0), "D": 1.0}
    drawn = FRAPSimulator(PROTOCOL, prior, model="flow", random_state=0).sample(3)
    assert drawn.target_names == ["log10_D", "velocity_x", "c0", "alpha"]
    found = LeastSquaresFRAP(PROTOCOL, model="flow").fit(drawn.data).estimate(drawn.data)
    assert "velocity_x_um_s_lower" in found.to_frame()
    assert "µm/s" in found.summary()[0]


def test_flow_is_of_an_open_field():
    class InACell:
        compartment = Circle(9.0)

    with pytest.raises(ValueError, match="'flow' is of an open field, and the protocol has a comp"):
        FlowModel(InACell())


def test_the_contract_at_some_velocity_of_either_sign():
    levels = {"c0": 0.8, "alpha": 0.4}
    for velocity in (0.8, -0.8):
        check_model(FlowModel(SEVERAL), D=1.5, velocity_x=velocity, **levels)
