"""Kinetics of the package against what they are known to be by other ways."""

from math import gamma

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    Rectangle,
)
from skfrap.comparison import compare_models
from skfrap.design import expected_errors
from skfrap.models import (
    AnomalousModel,
    BindingModel,
    ComposedModel,
    DiffusionModel,
    FlowModel,
    ReactionModel,
    SubdiffusionModel,
    TurnoverModel,
    TwoPopulationsModel,
)
from skfrap.models.kinetics import Reaction

PROTOCOL = FRAPProtocol(
    shape=(40, 44), pixel_size=0.8, bleach_region=Circle(5.0), n_prebleach=3, n_bleach=3,
    n_postbleach=24, frame_interval=0.3, padding=16,
)  # fmt: skip
FLASH = PROTOCOL.replace(n_bleach=1)
AFTER = FLASH.times[FLASH.n_prebleach :]
FINE = FLASH.replace(
    shape=(160, 176), pixel_size=0.2, bleach_region=Rectangle(8.0, 6.4), padding=96
)
SHARP = FLASH.replace(bleach_region=Rectangle(8.0, 6.4))
LEVELS = {"c0": 0.8, "alpha": 0.4}


def deficits(model, **parameters):
    """What is missing after one bleach frame, of what it took."""
    curve = model.curves(**parameters, c0=1.0, alpha=0.0)[0]
    return 1 - curve[FLASH.n_prebleach :]


# Turnover


def test_what_a_flash_took_is_replaced_exponentially():
    free = deficits(DiffusionModel(FLASH), D=2.0)
    found = deficits(TurnoverModel(FLASH), D=2.0, exchange_rate=0.3)
    assert_allclose(found, np.exp(-0.3 * AFTER) * free, rtol=0, atol=1e-12)
    alone = deficits(TurnoverModel(FLASH), D=0.0, exchange_rate=0.3)
    mean = np.sum(FLASH.roi_weights * FLASH.bleach_mask)
    assert_allclose(alone, mean * np.exp(-0.3 * AFTER), rtol=0, atol=1e-12)


@pytest.mark.parametrize("imaging_bleach", [1.0, 0.97])
def test_turnover_with_several_bleach_frames_stepped_in_small_steps(imaging_bleach):
    """Explicit steps of c' = D Δc + k (1 - c), the pool being as full as the sample was."""
    D, rate, depth = 2.0, 0.3, 0.6
    padding, h, interval = PROTOCOL.padding, PROTOCOL.pixel_size, PROTOCOL.frame_interval
    mask, weights, field = (
        np.pad(a, padding)
        for a in (PROTOCOL.bleach_mask, PROTOCOL.roi_weights, np.ones(PROTOCOL.shape))
    )
    k = [2 * np.pi * np.fft.fftfreq(n, h) for n in mask.shape]
    k_squared = k[0][:, np.newaxis] ** 2 + k[1] ** 2
    n_steps = 400
    # Of the pool's part a midpoint step, of diffusion the exact one.
    diffusion = np.exp(-D * k_squared * interval / n_steps)
    left = (1 - 0.5 * rate * interval / n_steps) / (1 + 0.5 * rate * interval / n_steps)
    c, curve = np.ones(mask.shape), []
    for kind in "p" * PROTOCOL.n_prebleach + "b" * PROTOCOL.n_bleach + "a" * PROTOCOL.n_postbleach:
        modes = np.fft.fft2(c)
        for _ in range(n_steps):
            modes *= diffusion * left
            modes[0, 0] += (1 - left) * c.size
        c = np.fft.ifft2(modes).real
        c = c * (1 - (1 - imaging_bleach) * field) * (1 - depth * mask * (kind == "b"))
        if kind != "b":
            curve.append(np.sum(weights * c))
    found = TurnoverModel(PROTOCOL).curves(D, rate, 1.0, 1 - depth, imaging_bleach=imaging_bleach)[
        0
    ]
    assert_allclose(found, curve, rtol=0, atol=1e-7)


def test_what_follows_from_turnover():
    X = TurnoverModel(PROTOCOL).curves([2.0, 0.5], 0.2, **LEVELS)
    found = LeastSquaresFRAP(PROTOCOL, model="turnover").fit(X).estimate(X)
    assert_allclose(found.values["exchange_length"], np.sqrt([10.0, 2.5]), rtol=1e-4)
    assert found.to_frame().columns.str.contains("exchange_rate_per_s").any()


# Reaction


def test_reaction_is_binding_with_diffusion_beyond_bounds():
    """On the grid, which has an end: several bleach frames, and bleaching by imaging too."""
    model = type("OnTheGrid", (ComposedModel,), {"kinetics": Reaction()})(PROTOCOL)
    rates = {"k_on": 0.6, "k_off": 0.3}
    for light in ({}, {"imaging_bleach": 0.98}, {"bleach_blur": 0.9, "imaging_blur": 0.6}):
        found = model.curves(**rates, **LEVELS, **light)
        limit = BindingModel(PROTOCOL).curves(1e9, **rates, **LEVELS, **light)
        assert_allclose(found, limit, rtol=0, atol=1e-7)


def test_in_a_large_field_reaction_is_the_closed_form():
    rates = {"k_on": 0.6, "k_off": 0.3}
    for padding in (16, 48):
        protocol = SHARP.replace(padding=padding)
        model = type("OnTheGrid", (ComposedModel,), {"kinetics": Reaction()})(protocol)
        closed = ReactionModel(protocol).curves(**rates, **LEVELS)[0, SHARP.n_prebleach :]
        found = model.curves(**rates, **LEVELS)[0, SHARP.n_prebleach :]
        # What was bleached is missing in the end, evenly: that of a field without an end is not.
        share = SHARP.bleach_mask.sum() / np.prod(np.add(SHARP.shape, 2 * padding))
        missing = share * (1 - (2 / 3) * np.exp(-0.3 * AFTER))
        assert_allclose(closed - found, 0.8 * 0.6 * missing, rtol=0, atol=1e-12)


def test_in_a_compartment_reaction_misses_what_was_bleached():
    protocol = FLASH.replace(compartment=Circle(14.0), n_postbleach=60)
    found = ReactionModel(protocol).curves(0.6, 0.6, **LEVELS)[0]
    inside = protocol.compartment.area_fractions(protocol.shape, protocol.pixel_size)
    share = protocol.bleach_mask.sum() / inside.sum()
    assert found[-1] == pytest.approx(0.8 * (1 - 0.6 * share), abs=1e-3)


# Anomalous diffusion


@pytest.mark.parametrize("exponent", [0.4, 1.0, 1.7])
def test_gaussian_displacements_are_those_of_diffusion_with_a_coefficient_of_the_moment(exponent):
    found = deficits(AnomalousModel(FLASH), D_at_1s=2.0, exponent=exponent)
    apparent = 2.0 * AFTER ** (exponent - 1)
    free = DiffusionModel(FLASH)
    expected = [deficits(free, D=D)[k] for k, D in enumerate(apparent)]
    assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_fractional_diffusion_is_diffusion_for_a_random_time():
    """At the exponent 1/2 the operational time is half-normal: a mixture of free diffusions."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    s, weights = 10 * (nodes + 1), 10 * weights  # beyond 20 it is exp(-100)
    density = np.exp(-(s**2) / 4) / np.sqrt(np.pi)
    free = DiffusionModel(FLASH)
    K = gamma(1.5) * 2.0
    found = deficits(SubdiffusionModel(FLASH), D_at_1s=2.0, exponent=0.5)
    for frame in (0, 3, 23):
        # Over s the curve at a time t is that of D = K s t^(-1/2).
        curves = free.curves(K * s * AFTER[frame] ** -0.5, 1.0, 0.0)
        expected = np.sum(weights * density * (1 - curves[:, FLASH.n_prebleach + frame]))
        assert found[frame] == pytest.approx(expected, abs=1e-9)


def test_of_exponent_one_both_are_free_diffusion():
    free = deficits(DiffusionModel(FLASH), D=2.0)
    for kind in (AnomalousModel, SubdiffusionModel):
        found = deficits(kind(FLASH), D_at_1s=2.0, exponent=1.0)
        assert_allclose(found, free, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [AnomalousModel, SubdiffusionModel])
def test_what_has_memory_is_refused_where_it_is_not_known(kind):
    with pytest.raises(ValueError, match=r"n_bleach=3, and .* no semigroup.* n_bleach=1"):
        kind(PROTOCOL)
    with pytest.raises(ValueError, match="imaging_bleach must be 1"):
        kind(FLASH).curves(2.0, 0.7, **LEVELS, imaging_bleach=0.99)


def test_subdiffusion_is_not_faster_than_diffusion():
    with pytest.raises(ValueError, match=r"exponent must be finite and between 0.1 and 1.0"):
        SubdiffusionModel(FLASH).curves(2.0, 1.2, **LEVELS)
    assert AnomalousModel(FLASH).curves(2.0, 1.2, **LEVELS).shape == (1, FLASH.n_frames)
    X = SubdiffusionModel(FLASH).curves(2.0, [0.6, 1.0], **LEVELS)
    found = LeastSquaresFRAP(FLASH, model="subdiffusion").fit(X).estimate(X)
    assert_allclose(found.values["exponent"], [0.6, 1.0], atol=1e-4)
    assert_allclose(found.values["D_at_1s"], 2.0, rtol=1e-3)


# Particles


def stable(exponent, n, rng):
    """Draw positive numbers whose Laplace transform is exp(-s^exponent), by Kanter's formula."""
    angle, wait = rng.uniform(0, np.pi, n), rng.exponential(size=n)
    a = np.sin(exponent * angle) / np.sin(angle) ** (1 / exponent)
    return a * (np.sin((1 - exponent) * angle) / wait) ** ((1 - exponent) / exponent)


def two_kinds(time, n, rng):
    D = np.where(rng.random(n) < 0.3, 0.2, 3.0)
    return np.sqrt(2 * D * time), np.ones(n, bool)


def replaced(time, n, rng):
    return np.full(n, np.sqrt(2 * 1.5 * time)), rng.random(n) < np.exp(-0.15 * time)


def carried(time, n, rng):
    return np.full(n, np.sqrt(2 * 0.8 * time)), np.ones(n, bool)


def viscoelastic(time, n, rng):
    return np.full(n, np.sqrt(2 * 1.5 * time**0.6)), np.ones(n, bool)


def resting(time, n, rng):
    steps = (time / stable(0.6, n, rng)) ** 0.6  # operational time
    return np.sqrt(2 * gamma(1.6) * 1.5 * steps), np.ones(n, bool)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "walk", "parameters"),
    [
        (TwoPopulationsModel, two_kinds, {"D": 3.0, "second_D": 0.2, "second_fraction": 0.3}),
        (TurnoverModel, replaced, {"D": 1.5, "exchange_rate": 0.15}),
        (FlowModel, carried, {"D": 0.8, "velocity_x": 0.5, "velocity_y": -0.2}),
        (AnomalousModel, viscoelastic, {"D_at_1s": 1.5, "exponent": 0.6}),
        (SubdiffusionModel, resting, {"D_at_1s": 1.5, "exponent": 0.6}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_walkers_agree(model, walk, parameters):
    """A million particles from the bleached rectangle: how many of them are in it later?"""
    rng, n = np.random.default_rng(20260101), 1_000_000
    sides = np.array([8.0, 6.4])
    found = deficits(model(FINE), **parameters)
    velocity = [parameters.get(name, 0.0) for name in ("velocity_x", "velocity_y")]
    for frame in (2, 8, 23):
        spread, there = walk(AFTER[frame], n, rng)
        at = sides * (rng.random((n, 2)) - 0.5) + np.multiply(velocity, AFTER[frame])
        at += spread[:, np.newaxis] * rng.normal(size=(n, 2))
        share = np.mean(there & (np.abs(at) < sides / 2).all(axis=1))
        error = np.sqrt(share * (1 - share) / n)
        # Walkers start anywhere in their pixels, of which the model knows the middles.
        assert abs(found[frame] - share) < 4 * error + 6e-4


# Everywhere

LONG = FLASH.replace(n_postbleach=50)
# A model, what is true, and what is known of it.
TRUTHS = [
    ("two_populations", {"D": 10.0, "second_D": 0.3, "second_fraction": 0.4}, ("D", "second_D")),
    ("turnover", {"D": 1.0, "exchange_rate": 0.1}, ("D",)),
    ("anomalous", {"D_at_1s": 3.0, "exponent": 0.7}, ("exponent",)),
    ("subdiffusion", {"D_at_1s": 3.0, "exponent": 0.7}, ("D_at_1s",)),
    ("flow", {"D": 1.0, "velocity_x": 0.8}, ("D",)),
]
every_truth = pytest.mark.parametrize(
    ("model", "truth", "known"), TRUTHS, ids=[model for model, *_ in TRUTHS]
)


def noisy(model, truth, n=4):
    prior = truth | {"c0": 0.8, "alpha": 0.6, "a": 1e-4}
    return FRAPSimulator(LONG, prior, model=model, random_state=3).sample(n).data


@every_truth
def test_posteriors_hold_the_truth(model, truth, known):
    prior = {name: truth[name] for name in known}
    X = noisy(model, truth)
    found = BayesianFRAP(LONG, model=model, prior=prior).fit(X).estimate(X)
    (name,) = {*truth} - {*known}
    lower, upper = found.lower[name], found.upper[name]
    assert (upper / lower < 1.5).all()
    assert np.count_nonzero((lower < truth[name]) & (truth[name] < upper)) >= 3


@every_truth
@pytest.mark.slow
def test_planned_errors_are_those_of_fits(model, truth, known):
    told = expected_errors(LONG, truth | {"c0": 0.8, "alpha": 0.6}, a=1e-4, model=model)
    X = noisy(model, truth)
    estimator = LeastSquaresFRAP(LONG, model=model).fit(X)
    _, errors = estimator.predict(X, return_std=True)
    for name, error in zip(estimator.space_.free, errors.T, strict=True):
        assert_allclose(np.median(error), told.errors[name][0], rtol=0.35)


@every_truth
@pytest.mark.slow
def test_comparison_finds_what_was_simulated(model, truth, known):
    models = ("diffusion", "diffusion+mobile_fraction", model)
    comparison = compare_models(noisy(model, truth), models, protocol=LONG)
    assert (comparison.best["bic"] == model).mean() > 0.5
