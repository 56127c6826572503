"""The clock, the geometry, and the dataclass manners of FRAPProtocol."""

import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skfrap import Circle, FRAPProtocol, Mask, Polygon, Rectangle

SHAPE, PIXEL_SIZE = (14, 18), 0.5


def _mask(values):
    array = np.zeros(SHAPE)
    array[3:6, 5:9] = np.reshape(values, (3, 4))
    array[4, 6] = 1.0
    return Mask(array)


# Regions inside SHAPE at PIXEL_SIZE: 9 x 7 µm.
regions = st.one_of(
    st.builds(Circle, st.floats(0.5, 2.0), st.none()),
    st.builds(Circle, st.floats(0.5, 2.0), st.tuples(st.floats(2, 7), st.floats(2, 5))),
    st.builds(Rectangle, st.floats(0.6, 4), st.floats(0.6, 4), st.none()),
    st.builds(
        Rectangle,
        st.floats(0.6, 4),
        st.floats(0.6, 4),
        st.tuples(st.floats(2, 7), st.floats(2, 5)),
    ),
    st.builds(
        lambda a, b, c: Polygon([(a, 1.0), (8.0, b), (c, 6.0)]),
        st.floats(0.1, 7),
        st.floats(1, 4),
        st.floats(1, 6),
    ),
    st.builds(_mask, st.lists(st.floats(0, 1), min_size=12, max_size=12)),
)
durations = st.floats(1e-3, 1e3)
increasing = st.lists(durations, min_size=1, max_size=8).map(lambda gaps: tuple(np.cumsum(gaps)))
protocols = st.builds(
    FRAPProtocol,
    shape=st.just(SHAPE),
    pixel_size=st.just(PIXEL_SIZE),
    bleach_region=regions,
    n_prebleach=st.integers(1, 5),
    n_bleach=st.integers(1, 5),
    frame_interval=durations,
    postbleach_times=st.none() | increasing,
    bleach_interval=st.none() | durations,
    padding=st.integers(0, 20),
)


def test_defaults_are_those_of_the_paper(default_protocol):
    p = default_protocol
    assert p.shape == (256, 256)
    assert p.pixel_size == 0.7598
    assert p.bleach_region == Circle(15.0)
    assert (p.n_prebleach, p.n_bleach, p.n_postbleach, p.padding) == (10, 4, 100, 128)
    assert p.frame_interval == 0.265
    assert p.n_frames == 110
    assert p.equivalent_radius == pytest.approx(15.0, rel=1e-9)


def test_times_count_frames_from_the_last_bleach_frame(default_protocol):
    # Prebleach, bleach and postbleach frames follow each other without a gap.
    np.testing.assert_allclose(default_protocol.bleach_times, [-0.795, -0.53, -0.265, 0])
    recorded = np.delete(np.arange(-13, 101), range(10, 14)) * 0.265
    np.testing.assert_allclose(default_protocol.times, recorded, rtol=1e-14)


def test_irregular_postbleach_times_are_kept():
    protocol = FRAPProtocol(postbleach_times=[0.1, 0.4, 2.0], n_prebleach=2, frame_interval=0.5)
    assert protocol.n_postbleach == 3
    assert protocol.n_frames == 5
    np.testing.assert_allclose(protocol.times, [-2.5, -2.0, 0.1, 0.4, 2.0])
    assert FRAPProtocol(postbleach_times=[0.1, 0.4], n_postbleach=2).n_postbleach == 2


def test_bleach_frames_may_have_their_own_interval():
    protocol = FRAPProtocol(n_bleach=3, bleach_interval=0.1, n_prebleach=2, frame_interval=1.0)
    np.testing.assert_allclose(protocol.bleach_times, [-0.2, -0.1, 0])
    np.testing.assert_allclose(protocol.times[:3], [-2.2, -1.2, 1.0])


@settings(deadline=None, derandomize=True)
@given(protocols)
def test_derived_arrays_agree_with_each_other(protocol):
    assert protocol.times.shape == (protocol.n_frames,)
    assert (np.diff(protocol.times) > 0).all()
    assert (protocol.times[: protocol.n_prebleach] < protocol.bleach_times[0]).all()
    assert protocol.bleach_times[-1] == 0
    assert len(protocol.bleach_times) == protocol.n_bleach
    assert protocol.roi_weights.sum() == pytest.approx(1, abs=1e-12)
    assert protocol.bleach_mask.shape == protocol.shape
    np.testing.assert_allclose(
        protocol.roi_weights * protocol.bleach_mask.sum(), protocol.bleach_mask, atol=1e-12
    )
    # Averaging equal noise over n whole pixels divides its variance by n; here n <= the area.
    assert 0 < protocol.noise_gain <= 1
    assert protocol.noise_gain == pytest.approx((protocol.roi_weights**2).sum())
    assert len(set(protocol.feature_names)) == protocol.n_frames


@settings(deadline=None, derandomize=True)
@given(protocols)
def test_round_trips_keep_a_protocol_equal(protocol):
    copies = [
        FRAPProtocol.from_json(protocol.to_json()),
        FRAPProtocol.from_json(json.dumps(json.loads(protocol.to_json(indent=2)))),
        FRAPProtocol.from_dict(protocol.to_dict()),
        pickle.loads(pickle.dumps(protocol)),
        copy.deepcopy(protocol),
        protocol.replace(),
    ]
    for other in copies:
        assert other == protocol
        assert hash(other) == hash(protocol)
        np.testing.assert_array_equal(other.times, protocol.times)
        np.testing.assert_array_equal(other.bleach_mask, protocol.bleach_mask)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": (256, 255)},
        {"pixel_size": 0.5},
        {"bleach_region": Circle(14.0)},
        {"bleach_region": Circle(15.0, center=(90.0, 90.0))},
        {"n_prebleach": 11},
        {"n_bleach": 3},
        {"n_postbleach": 99},
        {"frame_interval": 0.3},
        {"postbleach_times": (1.0, 2.0)},
        {"bleach_interval": 0.1},
        {"padding": 64},
    ],
)
def test_protocols_that_differ_are_unequal_and_say_how(default_protocol, change):
    other = default_protocol.replace(**change)
    assert other != default_protocol
    assert FRAPProtocol(**change) == other
    name, value = next(iter(change.items()))
    assert name in repr(other)
    assert "postbleach_times" in change or repr(value) in repr(other)
    assert name not in repr(default_protocol)


def test_repr_of_a_regular_protocol_makes_it_again():
    protocol = FRAPProtocol(
        shape=(64, 80), bleach_region=Rectangle(10.0, 5.0), n_bleach=1, frame_interval=0.1
    )
    assert eval(repr(protocol)) == protocol
    assert repr(FRAPProtocol()) == "FRAPProtocol()"


def test_repr_does_not_list_hundreds_of_values():
    protocol = FRAPProtocol(
        bleach_region=Mask(np.ones((256, 256))), postbleach_times=np.arange(1, 500) / 7
    )
    assert len(repr(protocol)) < 300


def test_protocol_is_frozen(default_protocol):
    with pytest.raises(dataclasses.FrozenInstanceError):
        default_protocol.pixel_size = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        default_protocol.bleach_region.radius = 1.0
    for name in ("times", "bleach_times", "bleach_mask", "roi_weights"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(default_protocol, name)[0] = 0


def test_arguments_of_other_number_types_mean_the_same():
    plain = FRAPProtocol(shape=(64, 64), pixel_size=1.0, n_postbleach=20, frame_interval=1.0)
    numpys = FRAPProtocol(
        shape=np.array([64, 64]),
        pixel_size=1,
        n_postbleach=np.int64(20),
        frame_interval=np.float32(1),
    )
    assert plain == numpys
    assert hash(plain) == hash(numpys)
    assert FRAPProtocol.from_json(numpys.to_json()) == plain


def test_postbleach_times_of_any_sequence():
    times = [0.5, 1.0, 4.0]
    one, *others = (FRAPProtocol(postbleach_times=make(times)) for make in (tuple, list, np.array))
    assert all(other == one for other in others)


def test_replace_gives_way_to_the_newer_clock():
    irregular = FRAPProtocol(postbleach_times=[0.5, 1.0, 4.0])
    assert irregular.replace(n_postbleach=7).n_frames == 17
    assert FRAPProtocol().replace(postbleach_times=[1.0, 2.0]).n_frames == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": 256}, "shape"),
        ({"shape": (256, 256, 3)}, "shape"),
        ({"shape": (256, 0)}, "shape"),
        ({"shape": (256.5, 256)}, "shape"),
        ({"pixel_size": 0.0}, "pixel_size"),
        ({"pixel_size": np.nan}, "pixel_size"),
        ({"pixel_size": "0.5"}, "pixel_size"),
        ({"n_prebleach": 0}, "n_prebleach"),
        ({"n_prebleach": 2.5}, "n_prebleach"),
        ({"n_bleach": 0}, "n_bleach"),
        ({"n_bleach": True}, "n_bleach"),
        ({"n_postbleach": 0}, "n_postbleach"),
        ({"frame_interval": -0.1}, "frame_interval"),
        ({"frame_interval": np.inf}, "frame_interval"),
        ({"bleach_interval": 0}, "bleach_interval"),
        ({"padding": -1}, "padding"),
        ({"postbleach_times": []}, "postbleach_times"),
        ({"postbleach_times": [0.0, 1.0]}, "postbleach_times"),
        ({"postbleach_times": [1.0, 1.0]}, "postbleach_times"),
        ({"postbleach_times": [1.0, np.nan]}, "postbleach_times"),
        ({"postbleach_times": [[1.0, 2.0]]}, "postbleach_times"),
        ({"postbleach_times": [1.0, 2.0], "n_postbleach": 3}, "n_postbleach"),
        ({"bleach_region": 15.0}, "bleach_region"),
        ({"bleach_region": None}, "bleach_region"),
        ({"bleach_region": Circle(100.0)}, "bleach_region"),
    ],
)
def test_errors_name_the_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        FRAPProtocol(**arguments)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"pixelsize": 1.0}, "pixelsize"),
        ({"bleach_region": {"type": "Hexagon"}}, "Hexagon"),
        ({"bleach_region": {"type": "Circle", "radius": -1}}, "radius"),
    ],
)
def test_descriptions_that_make_no_protocol(description, message):
    with pytest.raises(ValueError, match=message):
        FRAPProtocol.from_json(json.dumps(description))
