"""The field's closed forms against the exact models where their assumptions hold."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import factorial

from skfrap import Circle, FRAPProtocol, Mask
from skfrap.models import (
    BindingModel,
    DiffusionModel,
    ExponentialModel,
    GaussianBeamModel,
    ReactionModel,
    SoumpasisModel,
)

FLASH = FRAPProtocol(
    shape=(128, 128),
    pixel_size=1.0,
    bleach_region=Circle(30.0),
    n_bleach=1,
    n_postbleach=40,
    frame_interval=0.5,
    padding=256,
)


@pytest.mark.parametrize("D", [4.0, 40.0, 400.0])
@pytest.mark.parametrize("mobile_fraction", [1.0, 0.7])
def test_soumpasis_is_the_exact_curve_of_a_flash(D, mobile_fraction):
    parameters = {"D": D, "c0": 0.8, "alpha": 0.3, "mobile_fraction": mobile_fraction}
    exact = DiffusionModel(FLASH).curves(**parameters)
    # Pixels of 1/60 of the disk blur its edge.
    assert_allclose(SoumpasisModel(FLASH).curves(**parameters), exact, atol=3e-3)
    wrong = SoumpasisModel(FLASH).curves(**parameters | {"D": D / 4})
    assert np.abs(wrong - exact).max() > 0.05


def test_soumpasis_comes_closer_with_finer_pixels():
    errors = []
    for pixels in (64, 128, 256):
        protocol = FLASH.replace(
            shape=(pixels, pixels), pixel_size=128 / pixels, padding=2 * pixels
        )
        parameters = {"D": 40.0, "c0": 1.0, "alpha": 0.3}
        exact = DiffusionModel(protocol).curves(**parameters)
        errors.append(np.abs(SoumpasisModel(protocol).curves(**parameters) - exact).max())
    assert errors[2] < 0.6 * errors[1] < 0.6**2 * errors[0]


def test_soumpasis_without_diffusion_does_not_recover():
    curve = SoumpasisModel(FLASH).curves(D=0.0, c0=2.0, alpha=0.25)[0]
    assert_allclose(curve[:10], 2.0)
    assert_allclose(curve[10:], 0.5)


def test_gaussian_beam_is_the_exact_curve_of_gaussian_profiles():
    width, left, D = 12.0, 0.3, 20.0
    y, x = np.indices((256, 256)) + 0.5
    beam = np.exp(-2 * ((x - 128) ** 2 + (y - 128) ** 2) * 0.5**2 / width**2)
    beam[beam < 1e-12] = 0.0
    bleached = 1 - left**beam
    protocol = FRAPProtocol(
        shape=(256, 256),
        pixel_size=0.5,
        bleach_region=Mask(bleached),
        n_bleach=1,
        n_postbleach=30,
        padding=192,
    )
    exact = DiffusionModel(protocol, weights=beam / beam.sum())
    closed = GaussianBeamModel(protocol, width=width)
    for mobile_fraction in (1.0, 0.4):
        assert_allclose(
            closed.curves(D, 1.0, left, mobile_fraction),
            exact.curves(D, 1.0, 0.0, mobile_fraction),
            atol=1e-9,
        )


def test_gaussian_beam_is_axelrods_series():
    n = np.arange(60)
    K, tau = -np.log(0.4), FLASH.equivalent_radius**2 / (4 * 15.0)
    times = FLASH.times[10:, np.newaxis]
    series = np.sum((-K) ** n / factorial(n) / (1 + n * (1 + 2 * times / tau)), axis=1)
    assert_allclose(GaussianBeamModel(FLASH).curves(15.0, 1.0, 0.4)[0, 10:], series, rtol=1e-12)


def test_reaction_model_is_the_limit_of_fast_diffusion():
    rates = {"k_on": 0.5, "k_off": 0.2, "c0": 0.9, "alpha": 0.4, "mobile_fraction": 0.8}
    closed = ReactionModel(FLASH).curves(**rates)
    errors = [
        np.abs(BindingModel(FLASH).curves(D=D, **rates) - closed).max() for D in (1e3, 1e4, 1e5)
    ]
    # What remains is the unbleached mean of the finite field, which the closed form lacks.
    region = FLASH.bleach_mask.sum() / (128 + 512) ** 2
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.9 * 0.6 * region + 1e-4


def test_exponentials_recover_half_at_the_half_time():
    protocol = FLASH.replace(postbleach_times=[3.0, 6.0, 600.0], n_bleach=2)
    curve = ExponentialModel(protocol).curves(half_time=3.0, c0=2.0, alpha=0.5)[0]
    assert_allclose(curve[10:], 2 * (1 - 0.75 * np.array([0.5, 0.25, 0.0])), atol=1e-12)
    mixed = ExponentialModel(protocol).curves(3.0, 2.0, 0.5, 1.0, 2.0, 0.3)[0]
    left = 0.7 * 2.0 ** -np.array([1, 2, 200.0]) + 0.3 * 2.0 ** -np.array([0.5, 1, 100.0])
    assert_allclose(mixed[10:], 2 * (1 - 0.75 * left), atol=1e-12)


@pytest.mark.parametrize(
    ("model", "arguments", "name"),
    [
        (SoumpasisModel, {"D": -1.0, "c0": 1, "alpha": 0.5}, "D"),
        (GaussianBeamModel, {"D": 1.0, "c0": 1, "alpha": 0.0}, "alpha"),
        (ExponentialModel, {"half_time": 0.0, "c0": 1, "alpha": 0.5}, "half_time"),
        (ReactionModel, {"k_on": np.nan, "k_off": 1, "c0": 1, "alpha": 0.5}, "k_on"),
    ],
)
def test_bad_parameters_are_named(model, arguments, name):
    with pytest.raises(ValueError, match=name):
        model(FLASH).curves(**arguments)
