"""The Mittag-Leffler function: its series, asymptotics, and what is known of it otherwise."""

from math import gamma

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import erfcx, rgamma

from skfrap.numerics._mittag_leffler import mittag_leffler

ORDERS = [0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 0.95, 0.99, 1.0]
WIDE = np.append(0.0, np.geomspace(1e-9, 1e9, 200))


def test_known_orders():
    assert_allclose(mittag_leffler(1.0, WIDE), np.exp(-WIDE), rtol=0, atol=1e-13)
    assert_allclose(mittag_leffler(0.5, WIDE), erfcx(WIDE), rtol=0, atol=1e-13)
    # At the order 0 the series is a geometric one.
    assert_allclose(mittag_leffler(0.01, WIDE), 1 / (1 + WIDE), rtol=0, atol=3e-3)


@pytest.mark.parametrize("order", ORDERS)
def test_series_where_it_does_not_cancel(order):
    x = np.linspace(0, 0.9, 10)
    terms = (-x[:, np.newaxis]) ** np.arange(600) * rgamma(1 + order * np.arange(600))
    assert_allclose(mittag_leffler(order, x), terms.sum(axis=1), rtol=0, atol=1e-13)


@pytest.mark.parametrize("order", ORDERS[:-1])
def test_asymptotics(order):
    """-sum_k (-x)^-k / Gamma(1 - order k), with an error as small as its last term."""
    x = np.geomspace(1e4, 1e8, 5)
    k = np.arange(1, 5)
    terms = -((-x[:, np.newaxis]) ** -k) * rgamma(1 - order * k)
    assert_allclose(mittag_leffler(order, x), terms.sum(axis=1), rtol=0, atol=1e-13)


@pytest.mark.parametrize("order", ORDERS[1:-1])
def test_integral_over_all_rates(order):
    """It is a mixture of exponentials; over log rates the trapezoidal rule is exact."""
    u = np.linspace(-36, 36, 200_001)
    x = np.array([0.01, 0.4, 1.0, 3.0, 8.0, 40.0])[:, np.newaxis]
    with np.errstate(over="ignore"):
        decays = np.exp(-np.exp((u + np.log(x)) / order))
    density = np.sin(order * np.pi) / (order * np.pi) / (2 * (np.cosh(u) + np.cos(order * np.pi)))
    expected = np.sum(decays * density, axis=1) * (72 / 200_000)
    assert_allclose(mittag_leffler(order, x[:, 0]), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", [0.3, 0.6, 0.9])
def test_relaxation_with_memory_stepped_in_time(order):
    """The fractional derivative of a decay is -1 times it: the L1 scheme, on times that crowd."""
    n = 1200
    times = 2.0 * (np.arange(n + 1) / n) ** (2 / order)
    decay = np.ones(n + 1)
    for k in range(1, n + 1):
        since = times[k] - times[: k + 1]
        weights = -np.diff(since ** (1 - order)) / np.diff(times[: k + 1]) / gamma(2 - order)
        memory = weights[:-1] @ np.diff(decay[:k])
        decay[k] = (weights[-1] * decay[k - 1] - memory) / (weights[-1] + 1)
    found = mittag_leffler(order, times**order)
    assert_allclose(found, decay, rtol=0, atol=2e-4)


def test_it_falls_from_one_to_zero_for_all_orders_and_shapes():
    for order in ORDERS:
        found = mittag_leffler(order, WIDE)
        assert found[0] == pytest.approx(1, abs=1e-13)
        assert (np.diff(found) < 1e-13).all()
        assert found[-1] >= -1e-13
    grid = np.arange(12.0).reshape(3, 4)
    assert_allclose(mittag_leffler(0.4, grid)[2, 1], mittag_leffler(0.4, grid[2, 1]), atol=1e-15)
    assert mittag_leffler(0.4, 2.0).shape == ()


@pytest.mark.parametrize("order", [0.0, -0.5, 1.1, np.nan])
def test_other_orders_are_refused(order):
    with pytest.raises(ValueError, match="order must be between"):
        mittag_leffler(order, [1.0])


def test_negative_arguments_are_refused():
    with pytest.raises(ValueError, match=r"x must be >= 0, got values from -1"):
        mittag_leffler(0.5, [3.0, -1.0])
