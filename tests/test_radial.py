"""Reaction-diffusion on the bleach region's box against plain stepping by FFTs, and its limits."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import expm

from skfrap import Circle, FRAPProtocol, Mask, Polygon, Rectangle
from skfrap.models import BindingModel, DiffusionModel, effective_diffusion
from skfrap.models._optics import optics_for
from skfrap.models.field import _radial
from skfrap.models.kinetics import Binding

SMALL = FRAPProtocol(
    shape=(20, 28),
    pixel_size=0.5,
    bleach_region=Circle(2.2, center=(6.1, 5.3)),
    n_prebleach=2,
    n_bleach=3,
    n_postbleach=5,
    frame_interval=0.2,
    padding=9,
)
CENTRED = SMALL.replace(bleach_region=Circle(2.2))
PROTOCOLS = {
    "off centre": SMALL,
    "centred": CENTRED,
    "centred on a pixel corner": SMALL.replace(bleach_region=Circle(2.2, center=(6.0, 5.5))),
    "centred on a pixel": SMALL.replace(bleach_region=Circle(2.2, center=(6.25, 5.25))),
    "odd field": SMALL.replace(shape=(21, 17), bleach_region=Circle(2.0)),
    "odd by even, no padding": SMALL.replace(shape=(17, 20), padding=0, bleach_region=Circle(2.0)),
    "one bleach frame": SMALL.replace(n_bleach=1),
    "seven bleach frames": CENTRED.replace(n_bleach=7),
    "bleach interval": SMALL.replace(bleach_interval=0.07),
    "uneven times": CENTRED.replace(postbleach_times=[0.01, 0.02, 0.3, 1.7, 40.0]),
    "rectangle": SMALL.replace(bleach_region=Rectangle(5.0, 1.3, center=(6.0, 7.3))),
    "polygon": SMALL.replace(bleach_region=Polygon([(1.0, 1.0), (12.5, 2.0), (3.3, 9.1)])),
    "mask": SMALL.replace(bleach_region=Mask(SMALL.bleach_mask > 0.5)),
    "whole field": SMALL.replace(bleach_region=Rectangle(14.0, 10.0)),
    "whole grid": SMALL.replace(bleach_region=Rectangle(14.0, 10.0), padding=0),
    "one pixel": SMALL.replace(shape=(1, 1), bleach_region=Rectangle(0.5, 0.5), padding=0),
    "a row": SMALL.replace(shape=(1, 9), bleach_region=Rectangle(1.2, 0.5), padding=0),
}
every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
# D, k_on, k_off, bleach_blur, imaging_blur
SETTINGS = [
    (1.0, 0.7, 1.9, 0.0, 0.0),
    (30.0, 30.0, 4.0, 0.0, 0.7),
    (0.05, 0.02, 0.3, 0.4, 0.0),
    (2.0, 0.0, 2.0, 0.3, 0.2),
    (0.0, 3.0, 1.5, 0.0, 0.4),
]
RATES = [(0.7, 1.9), (1e3, 1e3), (1e3, 1e-4), (1e-4, 1e3), (0.0, 5.0), (5.0, 0.0), (0.0, 0.0)]
DEPTHS = np.array([0.0, 0.35, 1.0])


def propagators(k_squared, D, k_on, k_off, time):
    """exp(t A) of every mode, (ny, nx, 2, 2): A mixes unbound and bound, only the former moves."""
    generator = np.empty((*k_squared.shape, 2, 2))
    generator[..., 0, 0] = -D * k_squared - k_on
    generator[..., 0, 1] = k_off
    generator[..., 1, 0] = k_on
    generator[..., 1, 1] = -k_off
    rates, vectors = np.linalg.eig(generator)
    assert (np.linalg.cond(vectors) < 1e3).all()
    return (vectors * np.exp(rates * time)[..., np.newaxis, :]) @ np.linalg.inv(vectors)


def stepped(protocol, depth, D, k_on, k_off, bleach_blur=0.0, imaging_blur=0.0, weights=None):
    """Curves of mobile and of immobile particles, on the whole padded grid from event to event."""
    optics = optics_for(protocol, bleach_blur, weights)
    ky, kx = (2 * np.pi * np.fft.fftfreq(n, protocol.pixel_size) for n in optics.bleach.shape)
    k_squared = ky[:, np.newaxis] ** 2 + kx**2
    unbound = k_off / (k_on + k_off) if k_on else 1.0
    start = np.array([unbound, 1 - unbound])
    mobile = start[:, np.newaxis, np.newaxis] * np.ones(optics.bleach.shape)
    immobile = np.ones(optics.bleach.shape)
    postbleach = protocol.times[protocol.n_prebleach :]
    events = [(t, True) for t in protocol.bleach_times] + [(t, False) for t in postbleach]
    steps = {}
    seen = [[1.0, 1.0]] * protocol.n_prebleach
    for (before, _), (now, bleaching) in pairwise([(protocol.times[0], False), *events]):
        time = round(now - before, 12)
        if time not in steps:
            steps[time] = propagators(k_squared, D, k_on, k_off, time)
        modes = np.einsum("yxij,jyx->iyx", steps[time], np.fft.fft2(mobile))
        mobile = np.fft.ifft2(modes).real
        if bleaching:
            mobile = mobile * (1 - depth * optics.bleach)
            immobile = immobile * (1 - depth * optics.bleach)
        else:
            modes = np.fft.fft2([mobile.sum(axis=0), immobile])
            blurred = np.fft.ifft2(modes * np.exp(-0.5 * imaging_blur**2 * k_squared)).real
            seen.append(np.sum(blurred * optics.weights, axis=(1, 2)))
    return np.transpose(seen)


# --- Plain stepping ---------------------------------------------------------------------------


@every_protocol
@pytest.mark.slow
def test_agrees_with_stepping(protocol):
    # Largest deviation found: 8e-15.
    model = BindingModel(protocol)
    for D, k_on, k_off, bleach_blur, imaging_blur in SETTINGS:
        blurs = {"bleach_blur": bleach_blur, "imaging_blur": imaging_blur}
        both = model.shapes(DEPTHS, D, k_on, k_off, **blurs)
        for row, depth in enumerate(DEPTHS):
            expected = stepped(protocol, depth, D, k_on, k_off, **blurs)
            for curves, curve in zip(both, expected, strict=True):
                assert_allclose(curves[row], curve, rtol=0, atol=1e-12)


@pytest.mark.parametrize("protocol", [SMALL, CENTRED], ids=["off centre", "centred"])
def test_weights_beyond_the_mask(protocol):
    ny, nx = protocol.shape
    even = np.full((ny, nx), 1 / (ny * nx))
    corner = np.zeros((ny, nx))
    corner[-2:, 3] = 0.5
    background = 2 * protocol.roi_weights - even  # some are negative
    for weights in (even, corner, background):
        for blurs in ((0.0, 0.0), (0.4, 0.7)):
            both = BindingModel(protocol, weights).shapes(
                [0.6], 2.0, 0.7, 1.9, bleach_blur=blurs[0], imaging_blur=blurs[1]
            )
            expected = stepped(protocol, 0.6, 2.0, 0.7, 1.9, *blurs, weights)
            for curves, curve in zip(both, expected, strict=True):
                assert_allclose(curves[0], curve, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_default_protocol_agrees_with_stepping(default_protocol):
    protocol = default_protocol.replace(n_bleach=2, postbleach_times=[0.265, 20.0])
    both = BindingModel(protocol).shapes([0.4], 47.0, 0.4, 0.9, imaging_blur=0.5)
    expected = stepped(protocol, 0.4, 47.0, 0.4, 0.9, imaging_blur=0.5)
    for curves, curve in zip(both, expected, strict=True):
        assert_allclose(curves[0], curve, rtol=0, atol=1e-12)


@pytest.mark.parametrize("blur", [0.0, 0.6])
def test_a_quarter_of_a_symmetric_box_does(monkeypatch, blur):
    lopsided = CENTRED.roi_weights * np.linspace(0, 2, CENTRED.shape[1])
    for weights in (CENTRED.roi_weights, lopsided / lopsided.sum()):
        model = BindingModel(CENTRED, weights)
        assert isinstance(model._engine("local", blur)._grid, _radial._QuarterBox)
        quarter = model.shapes(DEPTHS, 2.0, 0.7, 1.9, bleach_blur=blur)
        with monkeypatch.context() as patch:
            patch.setattr(_radial, "_is_symmetric", lambda mask: False)
            whole = BindingModel(CENTRED, weights).shapes(DEPTHS, 2.0, 0.7, 1.9, bleach_blur=blur)
        assert_allclose(quarter, whole, rtol=0, atol=1e-13)


def test_large_boxes_are_stepped(monkeypatch):
    expected = BindingModel(SMALL).shapes(DEPTHS, 2.0, 0.7, 1.9, imaging_blur=0.3)
    monkeypatch.setattr(_radial, "_LARGEST", 1000)
    model = BindingModel(SMALL)
    monkeypatch.setattr(_radial, "_kernels", None)
    assert not model._engine("local", 0.0).is_small
    assert_allclose(
        model.shapes(DEPTHS, 2.0, 0.7, 1.9, imaging_blur=0.3), expected, rtol=0, atol=1e-12
    )


# --- Limits -----------------------------------------------------------------------------------


@every_protocol
def test_without_binding_it_is_free_diffusion(protocol):
    free, binding = DiffusionModel(protocol), BindingModel(protocol)
    for D in (0.0, 1e-3, 0.3, 20.0, 3e4):
        for blurs in ({}, {"bleach_blur": 0.4, "imaging_blur": 0.7}):
            expected = free.shapes(DEPTHS, D, **blurs)
            for k_off in (0.0, 1.3, 1e3):
                both = binding.shapes(DEPTHS, D, 0.0, k_off, **blurs)
                assert_allclose(both, expected, rtol=0, atol=1e-12)


def test_fast_exchange_is_effective_diffusion(default_protocol):
    model = BindingModel(default_protocol)
    errors = []
    for scale in (1e3, 1e4, 1e5):
        k_on, k_off = 0.7 * scale, 0.3 * scale
        expected = DiffusionModel(default_protocol).shapes(
            DEPTHS, effective_diffusion(50.0, k_on, k_off)
        )
        moving, _ = model.shapes(DEPTHS, 50.0, k_on, k_off)
        errors.append(np.abs(moving - expected[0]).max())
    assert_allclose(errors[:-1], np.multiply(10, errors[1:]), rtol=0.2)
    assert errors[-1] < 2e-6


def test_slow_exchange_is_two_populations():
    model = BindingModel(SMALL)
    moving, still = model.shapes(DEPTHS, 2.0, 3e-10, 1e-10)
    free, _ = DiffusionModel(SMALL).shapes(DEPTHS, 2.0)
    assert_allclose(moving, 0.25 * free + 0.75 * still, rtol=0, atol=1e-8)


@every_protocol
def test_nothing_moves(protocol):
    # Either all particles are bound for good, or the unbound do not diffuse.
    model = BindingModel(protocol)
    for D, k_on, k_off in [(30.0, 2.0, 0.0), (0.0, 2.0, 3.0), (0.0, 1e3, 1e-3), (0.0, 0.0, 0.0)]:
        for blurs in ({}, {"bleach_blur": 0.4, "imaging_blur": 0.7}):
            moving, still = model.shapes(DEPTHS, D, k_on, k_off, **blurs)
            assert_allclose(moving, still, rtol=0, atol=1e-12)


@every_protocol
def test_without_bleaching_nothing_changes(protocol):
    moving, still = BindingModel(protocol).shapes(np.zeros(2), 3.0, 0.7, 1.9, imaging_blur=0.3)
    assert_array_equal(moving, 1.0)
    assert_array_equal(still, 1.0)


@pytest.mark.parametrize("name", ["off centre", "one bleach frame", "seven bleach frames"])
def test_polynomial_in_the_depth(name):
    protocol = PROTOCOLS[name]
    model = BindingModel(protocol)
    degree = protocol.n_bleach
    nodes = np.linspace(0, 1, degree + 1)
    many = np.linspace(0, 1, 41)
    to_many = np.vander(many, degree + 1) @ np.linalg.inv(np.vander(nodes, degree + 1))
    together = model.shapes(many, 2.0, 0.7, 1.9)
    for few, curves in zip(model.shapes(nodes, 2.0, 0.7, 1.9), together, strict=True):
        assert_allclose(to_many @ few, curves, rtol=0, atol=1e-11)
    # However many are asked for at once.
    one_by_one = [model.shapes(many[k : k + 1], 2.0, 0.7, 1.9) for k in range(41)]
    assert_allclose(np.concatenate(one_by_one, axis=1), together, rtol=0, atol=1e-13)
    empty = np.empty((0, protocol.n_frames))
    assert_array_equal(model.shapes([], 2.0, 0.7, 1.9), [empty, empty])


@pytest.mark.parametrize("protocol", [SMALL, FRAPProtocol()], ids=["small", "default"])
def test_extremes(protocol):
    model = BindingModel(protocol)
    for D in (1e-3, 1.0, 3e4):
        for rates in RATES:
            both = np.array(model.shapes(DEPTHS, D, *rates))
            assert np.isfinite(both).all()
            assert both.min() > -1e-12
            assert both.max() < 1 + 1e-12
            moving, still = both
            assert (moving >= still - 1e-12).all()


# --- Parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rates", RATES)
def test_symbol_is_the_matrix_exponential(rates):
    k_squared, times = np.array([0.0, 1e-4, 0.3, 35.0]), np.array([0.0, 1e-3, 0.3, 30.0])
    for D in (0.0, 1e-3, 1.0, 50.0):
        symbol = Binding().symbol(k_squared, times, D, *rates)
        for k, time in enumerate(times):
            for q, D_k in enumerate(D * k_squared):
                k_on, k_off = rates
                # A third, empty species keeps scipy from a closed form that overflows.
                generator = np.zeros((3, 3))
                generator[:2, :2] = [[-D_k - k_on, k_off], [k_on, -k_off]]
                expected = expm(time * generator)[:2, :2]
                assert_allclose(symbol[k, :, :, q], expected, rtol=0, atol=2e-11)


@pytest.mark.parametrize("shape", [(512, 512), (1024, 700), (38, 46), (21, 17), (2, 3), (1, 2)])
def test_nodes_interpolate_symbols_to_rounding(shape):
    # Largest deviation found: 3.2e-15.
    nodes, interpolate = _radial._nodes(shape, 0.7598)
    ky, kx = (2 * np.pi * np.fft.rfftfreq(n, 0.7598) for n in shape)
    k_squared = np.unique(ky[:, np.newaxis] ** 2 + kx**2)
    k_squared = np.append(k_squared[:: 1 + len(k_squared) // 200], nodes[[0, 1, -1]])
    polynomials = interpolate(k_squared)
    assert len(nodes) < 130
    assert np.abs(polynomials).sum(axis=0).max() < 5
    assert_allclose(polynomials[:, -3:], np.eye(len(nodes))[:, [0, 1, -1]], rtol=0, atol=1e-12)
    times = np.geomspace(1e-3, 100.0, 9)
    for D in (0.0, 1e-3, 1.0, 100.0, 3e4):
        for rates in RATES:
            interpolated = Binding().symbol(nodes, times, D, *rates) @ polynomials
            expected = Binding().symbol(k_squared, times, D, *rates)
            assert_allclose(interpolated, expected, rtol=0, atol=2e-14)


def test_roomy_sizes():
    sizes = [_radial._roomy(n) for n in range(1, 400)]
    assert all(n <= size <= 1.25 * n for n, size in enumerate(sizes, 1))
    assert len(set(sizes[40:])) < 16


def test_engines_are_shared_and_pickled():
    model = BindingModel(SMALL)
    expected = model.shapes(DEPTHS, 2.0, 0.7, 1.9)
    assert model._engine("local", 0.0) is model._engine("local", 0.0)
    other = BindingModel(SMALL, SMALL.roi_weights**2 / SMALL.noise_gain)
    assert other._engine("local", 0.0)._kernels is model._engine("local", 0.0)._kernels
    again = pickle.loads(pickle.dumps(model)).shapes(DEPTHS, 2.0, 0.7, 1.9)
    assert_array_equal(again, expected)
