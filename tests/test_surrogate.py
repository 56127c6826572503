"""The interpolated model against the exact one, everywhere in its range."""

import pickle
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skfrap import Circle, FRAPProtocol, Mask, Rectangle
from skfrap.models import (
    MODELS,
    BindingModel,
    CurveSurrogate,
    DiffusionModel,
    DirectCurves,
    InterpolationError,
    surrogate_for,
)
from skfrap.parameters import PARAMETERS

GRADED = np.zeros((30, 40))
GRADED[8:20, 10:31] = np.linspace(0.05, 1, 21)
PROTOCOLS = {
    "default": FRAPProtocol(),
    "one bleach frame": FRAPProtocol(n_bleach=1, n_postbleach=30),
    "irregular times, rectangle off centre": FRAPProtocol(
        shape=(60, 90),
        bleach_region=Rectangle(9.0, 20.0, center=(20.0, 25.0)),
        n_prebleach=3,
        n_bleach=3,
        bleach_interval=0.05,
        postbleach_times=np.geomspace(0.02, 200.0, 40),
        padding=40,
    ),
    "mask": FRAPProtocol(shape=(30, 40), bleach_region=Mask(GRADED), n_postbleach=25, padding=20),
}
names = st.sampled_from([*PROTOCOLS])
unit = st.floats(0.0, 1.0)


@cache
def model_and_surrogate(name):
    model = DiffusionModel(PROTOCOLS[name])
    return model, CurveSurrogate(model)


def diffusion_coefficient(surrogate, fraction):
    lowest, highest = surrogate.ranges["D"]
    return np.clip(lowest * (highest / lowest) ** fraction, lowest, highest)


def targets(theta):
    """One row of all columns: log10 D, alpha, mobile fraction, and the optics' defaults."""
    return np.array([[*theta, 1.0, 0.0, 0.0]])


def everywhere(test):
    for name in PROTOCOLS:
        for at in (0.0, 1.0):
            test = example(name, at, 0.0, 1.0)(test)
            test = example(name, at, 0.3, 0.5)(test)
    given_anything = given(names, unit, unit, unit)(test)
    return settings(deadline=None, derandomize=True, max_examples=200)(given_anything)


@everywhere
def test_error_is_below_1e_8_everywhere(name, at, alpha, mobile_fraction):
    model, surrogate = model_and_surrogate(name)
    parameters = {"D": diffusion_coefficient(surrogate, at), "c0": 1.0, "alpha": alpha}
    parameters["mobile_fraction"] = mobile_fraction
    difference = np.abs(surrogate.curves(**parameters) - model.curves(**parameters)).max()
    assert difference < 1e-8


@everywhere
def test_scores_are_the_projected_curves_and_lose_nothing(name, at, alpha, mobile_fraction):
    model, surrogate = model_and_surrogate(name)
    D = diffusion_coefficient(surrogate, at)
    curve = model.curves(D, 1.0, alpha, mobile_fraction)
    scores = surrogate.project(curve)
    np.testing.assert_allclose(scores @ surrogate.basis, curve, rtol=0, atol=1e-8)
    ours = surrogate.scores(targets([np.log10(D), alpha, mobile_fraction]))
    np.testing.assert_allclose(ours, scores, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_basis_is_orthonormal_small_and_starts_with_the_constant(name):
    _, surrogate = model_and_surrogate(name)
    n_scores, n_frames = surrogate.basis.shape
    assert n_frames == PROTOCOLS[name].n_frames
    assert n_scores <= (25 if name == "default" else n_frames)
    np.testing.assert_allclose(surrogate.basis @ surrogate.basis.T, np.eye(n_scores), atol=1e-13)
    np.testing.assert_allclose(np.abs(surrogate.basis[0]), n_frames**-0.5, rtol=1e-13)


@settings(deadline=None, derandomize=True)
@given(names, st.floats(0.002, 0.998), st.floats(0.002, 0.998), st.floats(0.002, 0.998))
def test_derivatives_agree_with_finite_differences(name, at, alpha, mobile_fraction):
    _, surrogate = model_and_surrogate(name)
    theta = np.array([np.log10(diffusion_coefficient(surrogate, at)), alpha, mobile_fraction])
    scores, slopes = surrogate.scores_and_slopes(targets(theta), (0, 1, 2))
    np.testing.assert_allclose(scores, surrogate.scores(targets(theta)), atol=1e-12)
    mobile = targets([*theta[:2], 1.0])
    without_last, all_mobile = surrogate.scores_and_slopes(mobile, (0, 1))
    with_last, others = surrogate.scores_and_slopes(mobile, (0, 1, 2))
    np.testing.assert_allclose(without_last, with_last, atol=1e-12)
    np.testing.assert_allclose(all_mobile, others[:2], atol=1e-12)
    h = 1e-4
    for k, slope in enumerate(slopes):
        steps = theta + h * np.outer([-2, -1, 1, 2], np.arange(3) == k)
        values = surrogate.scores(np.concatenate([targets(step) for step in steps]))
        difference = np.array([1, -8, 8, -1]) @ values / (12 * h)
        np.testing.assert_allclose(slope[0], difference, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_refuses_outside_its_range(name):
    _, surrogate = model_and_surrogate(name)
    lowest, highest = surrogate.ranges["D"]
    assert lowest < highest
    for D in (0.0, 0.999 * lowest, 1.001 * highest, [lowest, 2 * highest]):
        with pytest.raises(ValueError, match=r"^D must lie in the range"):
            surrogate.curves(D=D, c0=1.0, alpha=0.5)
    with pytest.raises(ValueError, match="imaging_bleach must be 1"):
        surrogate.curves(D=highest, c0=1.0, alpha=0.5, imaging_bleach=0.99)
    with pytest.raises(TypeError, match="alpha"):
        surrogate.curves(D=highest, c0=1.0)
    for arguments in ({"alpha": 1.1}, {"c0": np.nan}, {"mobile_fraction": -0.1}):
        name, _ = next(iter(arguments.items()))
        with pytest.raises(ValueError, match=f"^{name} "):
            surrogate.curves(**{"D": highest, "c0": 1.0, "alpha": 0.5} | arguments)


def test_range_can_be_chosen():
    protocol = PROTOCOLS["one bleach frame"]
    model = DiffusionModel(protocol)
    surrogate = CurveSurrogate(model, {"D": (0.001, 10)})
    assert surrogate.ranges == {"D": (0.001, 10.0)}
    D = np.geomspace(0.001, 10, 50)
    difference = surrogate.curves(D=D, c0=1.0, alpha=0.4) - model.curves(D, 1.0, 0.4)
    assert np.abs(difference).max() < 1e-8
    with pytest.raises(ValueError, match="D"):
        surrogate.curves(D=11.0, c0=1.0, alpha=0.4)
    for bad in ((0.0, 1.0), (2.0, 1.0), (1.0, np.inf)):
        with pytest.raises(ValueError, match="range of D"):
            CurveSurrogate(model, {"D": bad})
    with pytest.raises(ValueError, match="'k_on'"):
        CurveSurrogate(model, {"k_on": (1.0, 2.0)})
    with pytest.raises(ValueError, match="missing"):
        CurveSurrogate(model, {"bleach_blur": (0.5, 2.0)})


@pytest.mark.parametrize("name", PROTOCOLS)
def test_default_range_spans_what_the_protocol_resolves(name):
    # Below it hardly anything recovers, above it recovery is over in the first frame.
    model, surrogate = model_and_surrogate(name)
    assert surrogate.ranges["D"] == model.D_range
    lowest, highest = model.D_range
    first, last = model.curves([lowest, highest], 1.0, 0.4)[:, PROTOCOLS[name].n_prebleach :]
    assert first[-1] - first[0] < 0.1
    assert np.ptp(last) < 0.1
    middle = model.curves(np.geomspace(lowest, highest, 9), 1.0, 0.4)
    assert np.ptp(middle[:, PROTOCOLS[name].n_prebleach :], axis=1).max() > 0.1


def test_broadcasting_and_shape_are_the_models():
    model, surrogate = model_and_surrogate("mask")
    D = np.array([1.0, 10.0, 100.0])
    arguments = {"D": D[:, None], "c0": [0.7, 900.0], "alpha": 0.5, "mobile_fraction": 0.8}
    curves = surrogate.curves(**arguments)
    assert curves.shape == (6, PROTOCOLS["mask"].n_frames)
    np.testing.assert_allclose(curves, model.curves(**arguments), rtol=1e-7)
    assert surrogate.curves(D=[], c0=[], alpha=[]).shape == (0, PROTOCOLS["mask"].n_frames)


def test_more_curves_than_a_chunk_keep_their_order():
    _, surrogate = model_and_surrogate("mask")
    D = np.tile([1.0, 10.0, 100.0], 4000)
    curves = surrogate.curves(D=D, c0=np.arange(12000.0), alpha=0.5)
    for k in (0, 4095, 4096, 4097, 11999):
        np.testing.assert_allclose(
            curves[k], surrogate.curves(D=D[k], c0=k, alpha=0.5)[0], rtol=1e-12
        )


def test_stated_error_is_honest():
    model, surrogate = model_and_surrogate("default")
    D = np.geomspace(*model.D_range, 77)
    measured = np.abs(surrogate.curves(D=D, c0=1.0, alpha=0.2) - model.curves(D, 1.0, 0.2)).max()
    assert surrogate.error < 1e-8
    assert measured < 10 * surrogate.error


def test_surrogates_are_built_once_per_protocol():
    protocol = PROTOCOLS["mask"]
    assert surrogate_for(protocol) is surrogate_for(protocol.replace())
    assert surrogate_for(protocol) is not surrogate_for(protocol.replace(n_bleach=2))


def test_two_frames_are_enough_to_interpolate():
    protocol = FRAPProtocol(n_prebleach=1, n_postbleach=1, bleach_region=Circle(8.0))
    model = DiffusionModel(protocol)
    D = np.geomspace(*model.D_range, 20)
    difference = surrogate_for(protocol).curves(D=D, c0=1.0, alpha=0.3) - model.curves(D, 1.0, 0.3)
    assert np.abs(difference).max() < 1e-8


@pytest.mark.slow
def test_many_bleach_frames():
    # A slow scan bleaches for as long as it takes: the model has any number of bleach frames.
    protocol = FRAPProtocol(
        shape=(24, 24),
        pixel_size=1.0,
        bleach_region=Circle(3.0),
        n_bleach=60,
        n_postbleach=10,
        padding=12,
    )
    model = DiffusionModel(protocol)
    D = np.geomspace(*model.D_range, 8)[:, None]
    alpha = np.linspace(0, 1, 9)
    for mobile_fraction in (0.0, 1.0):
        point = {"D": D, "c0": 1.0, "alpha": alpha, "mobile_fraction": mobile_fraction}
        difference = surrogate_for(protocol).curves(**point) - model.curves(**point)
        assert np.abs(difference).max() < 1e-8


SMALL = FRAPProtocol(
    shape=(48, 48), pixel_size=1.0, bleach_region=Circle(6.0), n_prebleach=3, n_postbleach=25,
    padding=24,
)  # fmt: skip
AXES = [
    ("diffusion", {"D": (0.5, 500.0), "imaging_bleach": (0.96, 1.0)}, {}),
    ("diffusion", {"bleach_blur": (0.5, 2.0), "D": (0.5, 500.0)}, {"imaging_blur": 0.4}),
    ("diffusion", {"D": (0.5, 500.0), "imaging_blur": (0.0, 2.0)}, {"imaging_bleach": 0.98}),
    ("diffusion", {"imaging_blur": (0.0, 2.0)}, {"D": 20.0}),
    ("diffusion", {}, {"D": 20.0, "imaging_bleach": 0.97}),
    ("binding", {"D": (1.0, 500.0), "k_off": (0.1, 10.0)}, {"k_on": 1.0}),
]


@pytest.fixture(scope="module", params=AXES, ids=lambda axes: f"{axes[0]}: {', '.join(axes[1])}")
def interpolated(request):
    name, ranges, fixed = request.param
    model = MODELS[name](SMALL)
    return model, CurveSurrogate(model, ranges, fixed), ranges, fixed


@pytest.mark.slow
def test_several_parameters_are_interpolated_to_a_part_in_a_million(interpolated):
    model, surrogate, ranges, fixed = interpolated
    random = np.random.default_rng(0)
    largest = 1e-6 if len(ranges) > 1 else 1e-8
    assert surrogate.error < largest
    for _ in range(15):
        point = {
            key: lowest * (highest / lowest) ** random.uniform()
            if key in ("D", "k_off")
            else random.uniform(lowest, highest)
            for key, (lowest, highest) in ranges.items()
        }
        point |= fixed | {"c0": 2.0, "alpha": random.uniform()}
        point["mobile_fraction"] = random.uniform()
        difference = surrogate.curves(**point) - model.curves(**point)
        assert np.abs(difference).max() < 2 * largest


@pytest.mark.slow
def test_slopes_along_all_axes_agree_with_direct_evaluation(interpolated):
    model, surrogate, ranges, fixed = interpolated
    direct = DirectCurves(model)
    assert surrogate.names == direct.names
    middle = {key: 0.3 * ends[0] + 0.7 * ends[1] for key, ends in ranges.items()}
    point = model.defaults() | fixed | middle | {"alpha": 0.6, "mobile_fraction": 0.8}
    values = np.array([[PARAMETERS[key].to_target(point[key]) for key in surrogate.names]])
    wanted = [
        k for k, key in enumerate(surrogate.names) if key in {*ranges, "alpha", "mobile_fraction"}
    ]
    scores, slopes = surrogate.scores_and_slopes(values, wanted)
    curves, expected = direct.scores_and_slopes(values, wanted)
    np.testing.assert_allclose(scores @ surrogate.basis, curves, rtol=0, atol=1e-6)
    for slope, other in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(
            slope @ surrogate.basis, other, rtol=0, atol=1e-4 * max(1.0, np.abs(other).max())
        )


def test_what_takes_too_many_nodes_is_refused():
    model = BindingModel(SMALL)
    ranges = {name: model.bounds[name] for name in ("D", "k_on", "k_off")}
    with pytest.raises(InterpolationError, match="nodes"):
        CurveSurrogate(model, ranges)
    narrow = {"D": (10.0, 20.0), "k_on": (1.0, 1.5), "k_off": (1.0, 1.5)}
    assert CurveSurrogate(model, narrow).error < 1e-6


def test_a_coarse_interpolation_is_as_coarse_as_asked():
    model = DiffusionModel(SMALL)
    fine, coarse = CurveSurrogate(model), CurveSurrogate(model, largest_error=1e-3)
    assert coarse.error < 1e-3
    assert coarse.n_nodes["D"] < fine.n_nodes["D"]
    assert len(coarse.basis) < len(fine.basis)


def test_a_surrogate_survives_pickling_with_its_arrays_alone():
    surrogate = CurveSurrogate(DiffusionModel(SMALL))
    stored = pickle.dumps(surrogate)
    assert len(stored) < 3e5
    again = pickle.loads(stored)
    point = {"D": [3.0, 30.0], "c0": 1.0, "alpha": 0.6}
    np.testing.assert_array_equal(again.curves(**point), surrogate.curves(**point))


# A grid at once


@pytest.mark.parametrize("n_mobile", [1, 3])
@pytest.mark.parametrize("ranges", [("D",), ("D", "imaging_bleach")])
def test_a_grid_at_once_is_its_points_one_by_one(ranges, n_mobile):
    model = DiffusionModel(PROTOCOLS["one bleach frame"])
    bounds = {"D": (5.0, 50.0), "imaging_bleach": (0.99, 1.0)}
    surrogate = CurveSurrogate(model, {name: bounds[name] for name in ranges})
    lowest, highest = np.log10(bounds["D"])
    imaging = [0.992, 0.999] if len(ranges) > 1 else [1.0]
    known = {"bleach_blur": [0.0], "imaging_blur": [0.0], "imaging_bleach": imaging}
    varied = {
        "D": np.linspace(lowest, highest, 5),
        "alpha": [0.1, 0.5, 0.8],
        "mobile_fraction": [1.0, 0.4, 0.7][:n_mobile],
    }
    axes = [(varied | known)[name] for name in surrogate.names]
    expected = surrogate.scores(np.array([*product(*axes)]))
    np.testing.assert_allclose(surrogate.scores_on_grid(axes), expected, rtol=0, atol=1e-13)
