"""Protocols, parameters and predictions under a change of length and time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from skfrap import Circle, Ellipse, FRAPProtocol, LeastSquaresFRAP, Mask, Polygon, Rectangle
from skfrap.models import MODELS, DiffusionModel
from skfrap.parameters import PARAMETERS, Parameter, parameter
from skfrap.scaling import predict_rescaled, rescale_targets, scale_between, scaled_protocol

SHAPE, PIXEL_SIZE, INTERVAL = (12, 14), 0.5, 0.3


def _mask():
    array = np.zeros(SHAPE)
    array[3:7, 5:10] = np.linspace(0.1, 1.0, 20).reshape(4, 5)
    return Mask(array)


REGIONS = {
    "circle": Circle(1.6),
    "moved circle": Circle(1.3, center=(2.9, 2.2)),
    "ellipse": Ellipse((2.2, 1.5), angle=20.0),
    "rectangle": Rectangle(2.2, 1.5),
    "moved rectangle": Rectangle(2.2, 1.5, center=(3.1, 2.6)),
    "polygon": Polygon([(1.0, 1.0), (6.0, 2.0), (2.5, 5.0)]),
    "mask": _mask(),
}


def protocol_of(region="circle", **options):
    options = {
        "shape": SHAPE,
        "pixel_size": PIXEL_SIZE,
        "bleach_region": REGIONS[region],
        "n_prebleach": 2,
        "n_bleach": 3,
        "n_postbleach": 6,
        "frame_interval": INTERVAL,
        "padding": 4,
    } | options
    if "postbleach_times" in options:
        del options["n_postbleach"]
    return FRAPProtocol(**options)


factors = st.floats(-2, 2).map(lambda exponent: 10**exponent)
clocks = st.sampled_from(
    [
        {},
        {"bleach_interval": 0.11},
        {"postbleach_times": (0.1, 0.2, 0.5, 1.0, 3.0), "bleach_interval": 0.7},
    ]
)
protocols = st.builds(
    lambda region, clock: protocol_of(region, **clock), st.sampled_from([*REGIONS]), clocks
)


# ---------------------------------------------------------------------------------------- models


def model_parameters(draw, model):
    """Draw all parameters of a model, in natural units of pixels and frame intervals."""
    values = {}
    for name in model.defaults():
        entry = parameter(name)
        if entry.unit == "" and entry.highest <= 1:
            value = draw(st.floats(0.3, 1.0), label=name)
        elif entry.unit == "":
            value = draw(st.floats(1.0, 3.0), label=name)
        else:
            value = draw(st.floats(0.05, 2.0), label=name)
        values[name] = min(value, model.limits.get(name, (None, entry.highest))[1])
    return rescaled(values, PIXEL_SIZE, INTERVAL)


def rescaled(values, length, time):
    exponent = values.get("exponent")
    return {
        name: parameter(name).rescale(value, length, time, exponent)
        for name, value in values.items()
    }


# Models that other tests or examples define are theirs to test.
own_models = [model for model in MODELS.values() if model.__module__.startswith("skfrap.models.")]


@pytest.mark.parametrize("model", own_models, ids=lambda model: model.name)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(data=st.data())
def test_models_know_no_length_and_no_time_of_their_own(model, data):
    protocol, length, time = data.draw(protocols), data.draw(factors), data.draw(factors)
    values = model_parameters(data.draw, model)
    if "exponent" in values:  # they remember how long they have been on their way
        protocol = protocol.replace(n_bleach=1)
        values["imaging_bleach"] = 1.0
    other = scaled_protocol(protocol, length, time)
    here, there = model(protocol), model(other)
    curves = here.curves(**values)
    np.testing.assert_allclose(
        there.curves(**rescaled(values, length, time)), curves, rtol=0, atol=1e-10
    )
    assert there.bounds.keys() == here.bounds.keys()
    for name, bounds in here.bounds.items():
        if parameter(name).exponent is not None:
            continue  # of all exponents, whose time is one of 1 s
        expected = parameter(name).rescale(bounds, length, time)
        np.testing.assert_allclose(there.bounds[name], expected, rtol=1e-9)
    if model is DiffusionModel:
        # Length alone, or time alone, is another experiment.
        for one in ((2.0, 1.0), (1.0, 2.0)):
            assert np.abs(model(scaled_protocol(protocol, *one)).curves(**values) - curves).any()


def test_the_models_of_the_package_are_all_there():
    expected = {"diffusion", "binding", "soumpasis", "gaussian_beam", "exponential", "reaction"}
    assert expected <= {model.name for model in own_models}


# ------------------------------------------------------------------------------------- parameters


def test_what_is_of_one_second_rescales_by_its_exponent():
    names = ["log10_D_at_1s", "exponent", "c0"]
    found = rescale_targets([[0.0, 0.5, 0.9], [0.0, 1.0, 0.9]], names, length=10.0, time=100.0)
    np.testing.assert_allclose(found, [[1.0, 0.5, 0.9], [0.0, 1.0, 0.9]])
    assert rescale_targets([[0.0]], names[:1], length=10.0).tolist() == [[2.0]]
    with pytest.raises(ValueError, match=r"D_at_1s is what has happened after 1 s.*exponent"):
        rescale_targets([[0.0]], names[:1], time=100.0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("D", 4.0 / 5.0),
        ("bleach_blur", 2.0),
        ("half_time", 5.0),
        ("k_on", 1 / 5.0),
        ("c0", 1.0),
        ("b", 1.0),
    ],
)
def test_parameters_rescale_by_their_units(name, expected):
    entry = PARAMETERS[name]
    assert entry.rescale(1.0, length=2.0, time=5.0) == pytest.approx(expected, rel=1e-15)
    np.testing.assert_allclose(entry.rescale([3.0, 7.0], 2.0, 5.0), expected * np.array([3.0, 7.0]))
    assert entry.rescale(3.0) == 3.0


def test_a_parameter_of_ones_own_rescales_too():
    speed = Parameter("pause", "s", "linear", 0.0, np.inf, "wait before the first frame")
    assert speed.rescale(2.0, length=7.0, time=3.0) == 6.0


# -------------------------------------------------------------------------------------- protocols


@settings(max_examples=60, deadline=None, derandomize=True)
@given(protocols, factors, factors)
def test_scale_between_finds_what_scaled_protocol_did(protocol, length, time):
    other = scaled_protocol(protocol, length, time)
    assert scale_between(protocol, other) == pytest.approx((length, time), rel=1e-12)
    assert scale_between(other, protocol) == pytest.approx((1 / length, 1 / time), rel=1e-12)
    np.testing.assert_allclose(other.times, time * protocol.times, rtol=1e-12)
    np.testing.assert_allclose(other.bleach_times, time * protocol.bleach_times, rtol=1e-12)
    np.testing.assert_allclose(other.bleach_mask, protocol.bleach_mask, atol=1e-10)
    expected = length * protocol.equivalent_radius
    assert other.equivalent_radius == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("region", REGIONS)
def test_factors_of_one_change_nothing(region):
    protocol = protocol_of(region, bleach_interval=0.2)
    assert scaled_protocol(protocol) == protocol
    assert scale_between(protocol, protocol) == (1.0, 1.0)


def test_ways_of_saying_the_same_are_the_same():
    protocol = protocol_of()
    even = protocol.replace(postbleach_times=tuple(2 * INTERVAL * np.arange(1, 7)))
    assert scale_between(protocol, even.replace(frame_interval=2 * INTERVAL)) == (1.0, 2.0)
    middle = (0.5 * SHAPE[1] * PIXEL_SIZE, 0.5 * SHAPE[0] * PIXEL_SIZE)
    centered = protocol.replace(bleach_region=Circle(1.6, center=middle))
    assert scale_between(protocol, centered) == (1.0, 1.0)
    # A single bleach frame has no interval to the next.
    single = protocol.replace(n_bleach=1)
    assert scale_between(single, single.replace(bleach_interval=5.0)) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"shape": (14, 14)}, "shape is .* and .14, 14. in the other"),
        ({"n_prebleach": 3}, "n_prebleach is 2 in one and 3"),
        ({"n_bleach": 4}, "n_bleach is 3 in one and 4"),
        ({"n_postbleach": 7}, "n_postbleach is 6 in one and 7"),
        ({"padding": 5}, "padding is 4 in one and 5"),
        ({"pixel_size": 0.6}, "bleach_region is Circle.* of 0.5 µm in one and .* of 0.6 µm in"),
        ({"bleach_region": Circle(1.6 * (1 + 1e-7))}, "bleach_region"),
        ({"bleach_region": Circle(1.6, center=(3.0, 3.0))}, "bleach_region"),
        ({"bleach_region": Rectangle(2.0, 2.0)}, "bleach_region"),
        ({"bleach_region": _mask()}, "bleach_region is Circle.*Mask"),
        ({"bleach_interval": 0.6}, "bleach_interval is 1 frame intervals in one and 2 frame"),
        ({"postbleach_times": (0.3, 0.6, 0.9, 1.2, 1.5, 2.4)}, "postbleach_times is 6 .* and 8 "),
        ({"frame_interval": 0.6, "bleach_interval": 0.3}, "bleach_interval is 1 .* and 0.5 "),
    ],
)
def test_what_prevents_a_rescaling_is_named(changes, field):
    with pytest.raises(ValueError, match=f"do not scale into each other: {field}"):
        scale_between(protocol_of(), protocol_of().replace(**changes))


def test_polygons_of_other_vertices_do_not_scale():
    square = Polygon([(1, 1), (4, 1), (4, 4), (1, 4)])
    with pytest.raises(ValueError, match="bleach_region"):
        scale_between(protocol_of("polygon"), protocol_of(bleach_region=square))


def test_masks_of_other_fractions_do_not_scale():
    brighter = Mask(np.minimum(1.0, 1.2 * REGIONS["mask"].array))
    with pytest.raises(ValueError, match="bleach_region"):
        scale_between(protocol_of("mask"), protocol_of(bleach_region=brighter))


@pytest.mark.parametrize("argument", ["length", "time"])
@pytest.mark.parametrize("factor", [0.0, -1.0, np.inf, np.nan, "2", None])
def test_factors_must_be_positive(argument, factor):
    with pytest.raises(ValueError, match=f"{argument} must be a positive number"):
        scaled_protocol(protocol_of(), **{argument: factor})
    with pytest.raises(ValueError, match=f"{argument} must be a positive number"):
        rescale_targets([[1.0]], ["log10_D"], **{argument: factor})


@pytest.mark.parametrize("position", [0, 1])
def test_protocols_must_be_protocols(position):
    arguments = [protocol_of(), protocol_of()]
    arguments[position] = 0.265
    name = ("protocol", "other")[position]
    with pytest.raises(ValueError, match=f"{name} must be a FRAPProtocol, got 0.265"):
        scale_between(*arguments)


# ---------------------------------------------------------------------------------------- targets


def test_targets_rescale_as_their_parameters_do():
    names = [entry.target_name for entry in PARAMETERS.values()]
    rng = np.random.default_rng(0)
    targets = rng.uniform(0.1, 0.9, (4, len(names)))
    before = targets.copy()
    result = rescale_targets(targets, names, length=3.0, time=0.2)
    np.testing.assert_array_equal(targets, before)
    for k, entry in enumerate(PARAMETERS.values()):
        exponent = targets[:, names.index("exponent")]
        natural = entry.rescale(entry.from_target(targets[:, k]), 3.0, 0.2, exponent)
        np.testing.assert_allclose(entry.from_target(result[:, k]), natural, rtol=1e-12)
    np.testing.assert_allclose(rescale_targets(result, names, 1 / 3.0, 5.0), targets, atol=1e-12)


def test_targets_that_are_not_known_stay_so():
    result = rescale_targets([[np.nan, 0.9], [-np.inf, 0.8]], ["log10_D", "c0"], length=2.0)
    np.testing.assert_array_equal(result, [[np.nan, 0.9], [-np.inf, 0.8]])


@pytest.mark.parametrize(
    ("targets", "names", "message"),
    [
        ([[1.0, 2.0]], ["log10_D"], r"targets must be of shape \(n_samples, 1\)"),
        ([1.0, 2.0], ["log10_D", "c0"], "targets must be of shape"),
        ([[1.0]], ["D"], "target_names must be among .*log10_D.* got 'D'"),
    ],
)
def test_bad_targets_are_refused(targets, names, message):
    with pytest.raises(ValueError, match=message):
        rescale_targets(targets, names)


# ------------------------------------------------------------------------------------ predictions


class Remembering(BaseEstimator):
    """Predict the first columns of what it was given."""

    def __init__(self, protocol, target_names, flat=False):
        self.protocol = protocol
        self.target_names = target_names
        self.flat = flat

    def fit(self, X, y=None):
        self.protocol_, self.target_names_ = self.protocol, self.target_names
        return self

    def predict(self, X):
        return X[:, 0] if self.flat else X[:, : len(self.target_names)]


def test_predictions_are_in_the_units_of_the_new_protocol():
    names = ["log10_D", "alpha", "bleach_blur", "log10_k_on", "log10_half_time"]
    X = np.random.default_rng(1).random((3, protocol_of().n_frames))
    estimator = Remembering(protocol_of(), names).fit(X)
    other = scaled_protocol(protocol_of(), length=10.0, time=100.0)
    difference = predict_rescaled(estimator, X, other) - X[:, :5]
    np.testing.assert_allclose(
        difference[:, [0, 1, 3, 4]], np.tile([0, 0, -2, 2], (3, 1)), atol=1e-9
    )
    np.testing.assert_allclose(difference[:, 2], 9 * X[:, 2])
    np.testing.assert_array_equal(predict_rescaled(estimator, X, protocol_of()), X[:, :5])


def test_predictions_of_one_column_stay_flat():
    X = np.zeros((3, protocol_of().n_frames))
    estimator = Remembering(protocol_of(), ["log10_D", "c0"], flat=True).fit(X)
    predicted = predict_rescaled(estimator, X, scaled_protocol(protocol_of(), length=10.0))
    np.testing.assert_allclose(predicted, [2.0, 2.0, 2.0])


def test_predictions_need_a_fitted_estimator_and_a_rescaling():
    estimator = Remembering(protocol_of(), ["log10_D"])
    X = np.zeros((3, protocol_of().n_frames))
    with pytest.raises(NotFittedError):
        predict_rescaled(estimator, X, protocol_of())
    with pytest.raises(ValueError, match="n_bleach is 3 in one and 1"):
        predict_rescaled(estimator.fit(X), X, protocol_of(n_bleach=1))


def test_least_squares_of_another_experiment():
    ours = FRAPProtocol(
        shape=(48, 48), pixel_size=0.5, bleach_region=Circle(6.0), n_postbleach=40, padding=16
    )
    theirs = scaled_protocol(ours, length=0.25, time=7.0)
    D, alpha = np.array([0.003, 0.015, 0.075]), np.array([0.5, 0.6, 0.7])
    X = DiffusionModel(theirs).curves(D, 0.9, alpha)
    X = X + 0.003 * np.random.default_rng(2).standard_normal(X.shape)
    estimator = LeastSquaresFRAP(ours).fit(X)
    predicted = predict_rescaled(estimator, X, theirs)
    direct = LeastSquaresFRAP(theirs).fit(X)
    assert estimator.target_names_ == direct.target_names_
    np.testing.assert_allclose(predicted, direct.predict(X), atol=1e-5)
    np.testing.assert_allclose(predicted[:, 0], np.log10(D), atol=0.1)
