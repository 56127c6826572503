"""The noise of pixels and of their weighted means."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from skfrap.experiment import Noise

LIGHT = np.array([[0.2, 1.5, 0.0], [-0.3, 0.7, 2.0]])
NOISE = Noise(np.array([0.5, 2.0]), np.array([0.1, 3.0]), gain=0.25)


def test_mean_of_pixels_has_the_variance_of_their_sum():
    pixels, w = np.random.default_rng(0).uniform(0.1, 2.0, (2, 3, 30)), np.linspace(0, 1, 30) ** 2
    w /= w.sum()
    gain = np.sum(w**2)
    of_mean = Noise(NOISE.a, NOISE.b, gain).variance(pixels @ w**2 / gain)
    assert_allclose(of_mean, Noise(NOISE.a, NOISE.b).variance(pixels) @ w**2)
    # By the light of the mean itself it would be another.
    assert np.abs(Noise(NOISE.a, NOISE.b, gain).variance(pixels @ w) / of_mean - 1).max() > 0.01


def test_no_light_is_less_than_none():
    expected = 0.25 * np.array([[0.52, 0.65, 0.5], [2.0, 4.1, 8.0]])
    assert_allclose(NOISE.variance(LIGHT), expected)
    assert_allclose(NOISE.standard_deviation(LIGHT), np.sqrt(expected))
    assert_allclose(NOISE.weights(LIGHT), 1 / expected)


def test_slopes_are_those_of_the_variance():
    step = 1e-6
    slopes = NOISE.slopes(LIGHT + 1e-3)
    for name, moved in (
        ("a", Noise(NOISE.a + step, NOISE.b, NOISE.gain).variance(LIGHT + 1e-3)),
        ("b", Noise(NOISE.a, NOISE.b + step, NOISE.gain).variance(LIGHT + 1e-3)),
        ("light", NOISE.variance(LIGHT + 1e-3 + step)),
    ):
        by_difference = (moved - NOISE.variance(LIGHT + 1e-3)) / step
        assert_allclose(by_difference, np.broadcast_to(slopes[name], LIGHT.shape), rtol=1e-6)


def test_likelihood_is_the_density_of_the_residuals():
    residuals = np.random.default_rng(1).normal(size=LIGHT.shape)
    expected = norm.logpdf(residuals, 0.0, np.sqrt(NOISE.variance(LIGHT))).sum(axis=1)
    assert_allclose(NOISE.log_likelihood(residuals, LIGHT), expected)


def test_residuals_stand_for_constant_noise():
    noise = Noise.of_variance(np.array([1.0, 3.0]), 0.5)
    assert noise.is_constant
    assert not NOISE.is_constant
    assert_allclose(noise.a, [2.0, 6.0])
    assert_allclose(noise.variance(LIGHT), [[1.0] * 3, [3.0] * 3])


@pytest.mark.parametrize("shape", [(2,), (2, 4), (2, 5, 3, 3)])
def test_each_row_has_its_noise_whatever_a_row_is(shape):
    light = np.random.default_rng(2).uniform(size=shape)
    both = [Noise(a, b, 0.25).variance(light) for a, b in zip(NOISE.a, NOISE.b, strict=True)]
    assert_allclose(NOISE.variance(light), [both[0][0], both[1][1]])
