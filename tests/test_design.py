"""Planned errors are those that fits then have, and plans rank experiments by them."""

import numpy as np
import pytest

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, Rectangle
from skfrap.design import SETTINGS, expected_errors, plan
from skfrap.models import DiffusionModel, effective_diffusion, surrogate_for
from skfrap.parameters import PARAMETERS
from skfrap.scaling import scaled_protocol

SMALL = FRAPProtocol(
    shape=(48, 48),
    pixel_size=1.0,
    bleach_region=Circle(8.0),
    n_prebleach=5,
    n_bleach=2,
    n_postbleach=40,
    frame_interval=0.5,
    padding=24,
)
GUESS = {"D": 10.0, "c0": 0.7, "alpha": 0.6}
A = 1e-3


def covariance_by_hand(slopes, variance, weights):
    """Propagate noise through a weighted linear fit with slopes of shape (n_frames, n)."""
    fit = np.linalg.solve(slopes.T * weights @ slopes, slopes.T * weights)
    return fit * variance @ fit.T


def exponential_slopes(protocol, half_time, c0, alpha):
    """Differentiate c0 (1 - (1 - alpha**n) 2**(-t / half_time)), 1 before bleaching, by hand."""
    times, n = protocol.times, protocol.n_bleach
    left = np.where(times > 0, 0.5 ** (np.maximum(times, 0) / half_time), 0.0)
    curve = c0 * (1 - (1 - alpha**n) * left)
    by_log = -c0 * (1 - alpha**n) * left * np.log(2) * times / half_time * np.log(10)
    by_alpha = c0 * n * alpha ** (n - 1) * left
    return curve, np.column_stack([by_log, curve / c0, by_alpha])


@pytest.mark.parametrize("noise", ["constant", "proportional"])
@pytest.mark.parametrize("b", [0.0, 2e-2])
def test_errors_are_the_closed_form_of_an_exponential(noise, b):
    guess = {"half_time": 3.0, "c0": 0.7, "alpha": 0.6}
    expected = expected_errors(SMALL, guess, a=A, b=b, model="exponential", noise=noise)
    curve, slopes = exponential_slopes(SMALL, **guess)
    variance = SMALL.noise_gain * (A + b * curve)
    weights = 1 / variance if noise == "proportional" else np.ones_like(curve)
    covariance = covariance_by_hand(slopes, variance, weights)
    by_hand = np.sqrt(np.diag(covariance))
    errors = [expected.errors[name][0] for name in guess]
    np.testing.assert_allclose(errors, by_hand, rtol=1e-6)


@pytest.mark.parametrize(
    "values",
    [{"alpha": 0.6, "mobile_fraction": 0.8}, {"alpha": 1e-6, "mobile_fraction": 1.0}],
    ids=["inside", "at the ends of the ranges"],
)
def test_slopes_are_those_of_the_interpolation(values):
    D = np.array([0.5, 10.0, 100.0])
    guess = {"D": D, "c0": 0.7, **values}
    expected = expected_errors(SMALL, guess, a=A, parameters=tuple(guess))
    surrogate = surrogate_for(SMALL)
    targets = {"D": np.log10(D), "imaging_bleach": np.ones(3), **values}
    table = np.column_stack([targets.get(name, 0.0) + np.zeros(3) for name in surrogate.names])
    wanted = [surrogate.names.index(name) for name in ("D", "alpha", "mobile_fraction")]
    scores, (by_D, by_alpha, by_mobile) = surrogate.scores_and_slopes(table, wanted)
    slopes = np.stack([0.7 * by_D, scores, 0.7 * by_alpha, 0.7 * by_mobile], axis=2)
    for k in range(3):
        ones = np.ones(slopes.shape[1])
        by_hand = covariance_by_hand(slopes[k], SMALL.noise_gain * A * ones, ones)
        errors = [expected.errors[name][k] for name in guess]
        np.testing.assert_allclose(errors, np.sqrt(np.diag(by_hand)), rtol=1e-4)


def test_ends_of_a_range_are_no_break():
    guess = GUESS | {"imaging_bleach": np.array([1.0, 1 - 1e-6])}
    expected = expected_errors(SMALL, guess, a=A, parameters=tuple(guess))
    for errors in expected.errors.values():
        np.testing.assert_allclose(errors[0], errors[1], rtol=1e-3)


CASES = {
    "least squares": {},
    "slow": {"guess": {"D": 1.0}},
    "fast": {"guess": {"D": 60.0}},
    "mobile fraction": {"guess": {"mobile_fraction": 0.7}},
    "alpha known": {"fixed": {"alpha": 0.6}},
    "proportional noise, least squares": {"a": 1e-4, "b": 5e-3},
    "proportional noise, likelihood": {"a": 1e-4, "b": 5e-3, "noise": "proportional"},
}


@pytest.mark.parametrize("case", CASES)
def test_planned_errors_are_achieved(case):
    options = {"guess": {}, "fixed": {}, "a": A, "b": 0.0, "noise": "constant"} | CASES[case]
    guess, fixed, a, b = GUESS | options["guess"], options["fixed"], options["a"], options["b"]
    guess = {name: value for name, value in guess.items() if name not in fixed}
    names, noise = tuple(guess), options["noise"]
    expected = expected_errors(SMALL, guess, a=a, b=b, parameters=names, fixed=fixed, noise=noise)
    simulator = FRAPSimulator(
        SMALL,
        guess | fixed | {"a": a, "b": b},
        noise="proportional" if b else "constant",
        random_state=0,
    )
    n = 1000
    X = simulator.sample(n).data
    known = fixed | ({"a": a, "b": b} if noise == "proportional" else {})
    estimator = LeastSquaresFRAP(SMALL, parameters=names, fixed=known, noise=noise).fit(X)
    achieved = estimator.predict(X).std(axis=0)
    planned = [expected.errors[name][0] for name in names]
    # A standard deviation of n values is known to 1 / sqrt(2 n): 2.2 %, here at three of them.
    np.testing.assert_allclose(achieved / planned, 1.0, atol=3 / np.sqrt(2 * n))


def test_intervals_are_as_wide_as_those_of_fits():
    expected = expected_errors(SMALL, GUESS, a=A, level=0.9)
    X = FRAPSimulator(SMALL, GUESS | {"a": A}, random_state=0).sample(300).data
    ends = LeastSquaresFRAP(SMALL).fit(X).predict_interval(X, level=0.9)
    width = np.median(ends[..., 1] - ends[..., 0], axis=0)
    planned = [
        np.ptp(PARAMETERS[name].to_target(np.array([expected.lower[name], expected.upper[name]])))
        for name in GUESS
    ]
    np.testing.assert_allclose(width, planned, rtol=0.03)


def test_errors_halve_where_the_variance_falls_by_four():
    for options in ({}, {"noise": "proportional"}):
        one, other = (
            expected_errors(SMALL, GUESS, a=k * A, b=k * A, **options) for k in (1.0, 4.0)
        )
        for name in GUESS:
            np.testing.assert_allclose(other.errors[name], 2 * one.errors[name], rtol=1e-9)


def test_errors_stay_where_lengths_and_times_change_together():
    length, time = 0.3, 7.0
    guess = {"D": 30.0, "k_on": 0.4, "k_off": 0.3, "c0": 0.7, "alpha": 0.6}
    rescaled = {
        name: float(PARAMETERS[name].rescale(value, length, time)) for name, value in guess.items()
    }
    options = {"a": 1e-5, "model": "binding"}
    one = expected_errors(SMALL, guess, **options)
    other = expected_errors(scaled_protocol(SMALL, length, time), rescaled, **options)
    for name in guess:
        np.testing.assert_allclose(other.errors[name], one.errors[name], rtol=1e-5)


def test_what_is_known_of_one_parameter_narrows_the_others():
    free = expected_errors(SMALL, GUESS, a=A)
    more = expected_errors(
        SMALL,
        GUESS | {"mobile_fraction": 1.0},
        a=A,
        parameters=("D", "c0", "alpha", "mobile_fraction"),
    )
    less = expected_errors(SMALL, {"D": 10.0, "c0": 0.7}, a=A, fixed={"alpha": 0.6})
    assert less.errors["D"] < free.errors["D"] < more.errors["D"]


def test_weighting_by_the_variance_is_never_worse():
    for b in (0.0, 1e-3, 1e-1):
        plain, weighted = (
            expected_errors(SMALL, GUESS, a=A, b=b, noise=noise).errors["D"][0]
            for noise in ("constant", "proportional")
        )
        assert weighted <= plain * (1 + 1e-9)
    assert weighted < 0.99 * plain


@pytest.mark.slow
def test_derived_quantities_have_errors():
    guess = {"D": 30.0, "k_on": 0.4, "k_off": 0.3, "c0": 0.7, "alpha": 0.6}
    expected = expected_errors(SMALL, guess, a=1e-5, model="binding")
    np.testing.assert_allclose(
        expected.values["D_effective"], effective_diffusion(30.0, 0.4, 0.3), rtol=1e-9
    )
    simulator = FRAPSimulator(SMALL, guess | {"a": 1e-5}, model="binding", random_state=0)
    X = simulator.sample(150).data
    estimates = LeastSquaresFRAP(SMALL, model="binding").fit(X).estimate(X)
    good = ~estimates.poorly_determined
    achieved = np.log10(estimates.D_effective_um2_s[good]).std()
    assert abs(achieved / expected.errors["D_effective"][0] - 1) < 0.15


def test_derived_quantity_of_what_is_known_has_the_error_of_the_rest():
    guess = {"k_off": 0.3, "c0": 0.7, "alpha": 0.6}
    fixed = {"D": 30.0, "k_on": 0.4}
    expected = expected_errors(SMALL, guess, a=1e-5, model="binding", fixed=fixed)
    # D_effective = D k_off / (k_on + k_off): its slope by log k_off is the bound share.
    np.testing.assert_allclose(
        expected.errors["D_effective"], expected.errors["k_off"] * 0.4 / 0.7, rtol=1e-4
    )


@pytest.mark.parametrize(
    ("guess", "options", "reason"),
    [
        ({"alpha": 0.999}, {"a": 1.0}, "bleaching will hardly be visible"),
        ({"D": 30.0}, {"a": 0.3}, "D not known to a factor of 2"),
        ({"D": 200.0}, {"a": 0.01}, "the error of D varies too much"),
        ({"D": 1e5}, {}, "D is outside of its bounds"),
        ({"D": 20.0}, {"bounds": {"D": (1.0, 15.0)}}, "D is outside of its bounds, 1 to 15"),
    ],
)
def test_what_will_not_be_determined_is_said(guess, options, reason):
    expected = expected_errors(SMALL, GUESS | guess, **{"a": A} | options)
    assert not expected.determined[0]
    assert reason in expected.flags[0]
    assert reason in expected.summary()[0]


def test_without_bleaching_nothing_tells_D():
    expected = expected_errors(SMALL, GUESS | {"alpha": 1.0}, a=A)
    assert expected.errors["D"][0] == np.inf
    assert not expected.determined[0]
    assert np.isfinite(expected.errors["c0"][0])
    lowest, highest = DiffusionModel(SMALL).D_range
    np.testing.assert_allclose([expected.lower["D"][0], expected.upper["D"][0]], [lowest, highest])
    assert "D = 10 µm²/s to unknown" in expected.summary()[0]


def test_too_few_frames_are_named():
    protocol = SMALL.replace(n_prebleach=1, n_postbleach=2)
    expected = expected_errors(protocol, GUESS, a=A)
    assert "3 frames are too few for 3 parameters" in expected.flags[0]
    assert not expected.determined[0]


def test_what_is_too_fast_or_too_slow_is_said():
    D = np.array([0.01, 10.0, 600.0])
    # Of fading, seen in the whole field, nothing is to be taken for a slow recovery.
    for fixed in ({}, {"imaging_bleach": 0.99}, {"mobile_fraction": 0.5}):
        flags = expected_errors(SMALL, GUESS | {"D": D}, a=1e-6, fixed=fixed).flags
        assert "hardly begun by the last frame" in flags[0]
        assert flags[1] == ""
        assert "nearly over before the first frame" in flags[2]


@pytest.mark.slow
def test_planned_as_determined_is_what_fits_call_determined():
    guess = GUESS | {"D": np.geomspace(1, 400, 8)}
    for a in (1e-2, 0.3):
        expected = expected_errors(SMALL, guess, a=a)
        for k, D in enumerate(guess["D"]):
            X = FRAPSimulator(SMALL, GUESS | {"D": D, "a": a}, random_state=k).sample(100).data
            poor = LeastSquaresFRAP(SMALL).fit(X).estimate(X).poorly_determined.mean()
            assert poor < 0.05 or not expected.determined[k]
            assert poor > 0.05 or expected.determined[k] or expected.errors["D"][k] < 0.25


def test_tables_hold_what_is_said():
    expected = expected_errors(SMALL, GUESS | {"D": [1.0, 10.0]}, a=A)
    table = expected.to_frame()
    assert table.D_um2_s.tolist() == [1.0, 10.0]
    assert (table.D_um2_s_lower < table.D_um2_s).all()
    relative = expected.errors["D"] * np.log(10)
    np.testing.assert_allclose(table.D_relative_error, relative)
    np.testing.assert_allclose(table.c0_relative_error, expected.errors["c0"] / 0.7)
    assert len(expected) == 2
    with pytest.raises(ValueError, match="name must be one of"):
        expected.relative_error("k_on")


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ({"D": 1.0, "c0": 1.0}, {}, r"missing: \['alpha'\]"),
        (GUESS | {"mobile_fraction": 0.8}, {}, "got 'mobile_fraction'; put it among"),
        (GUESS | {"alpha": 1.2}, {}, "alpha must be finite and between 0.0 and 1.0"),
        (GUESS | {"D": 0.0}, {}, r"values\['D'\] must be positive"),
        (GUESS | {"c0": 0.0}, {}, r"values\['c0'\] must be positive"),
        (GUESS | {"D": [1.0, 2.0], "c0": [1.0, 1.0, 1.0]}, {}, "must broadcast"),
        (10.0, {}, "values must be a dictionary"),
        (GUESS, {"a": -1.0}, "a must be a variance"),
        (GUESS, {"a": 0.0}, "a or b must be positive"),
        (GUESS, {"b": np.nan}, "b must be a variance"),
        (GUESS, {"noise": "none"}, "noise must be one of"),
        (GUESS, {"level": 1.0}, "level must lie between"),
        (GUESS, {"model": "magic"}, "model must be one of"),
        (GUESS, {"fixed": {"speed": 1.0}}, "got 'speed'"),
    ],
)
def test_bad_guesses_are_refused(values, options, message):
    with pytest.raises(ValueError, match=message):
        expected_errors(SMALL, values, **{"a": A} | options)
    with pytest.raises(ValueError, match=message):
        plan(SMALL, values, {}, **{"a": A} | options)


def test_protocol_must_be_one():
    for function in (expected_errors, lambda *args, **options: plan(*args, {}, **options)):
        with pytest.raises(ValueError, match="protocol must be a FRAPProtocol"):
            function("256 pixels", GUESS, a=A)


# ------------------------------------------------------------------------------------------- plans


def test_a_plan_holds_every_combination_the_best_first():
    vary = {"frame_interval": [0.1, 0.5, 2.0], "radius": [4.0, 8.0]}
    choice = plan(SMALL, GUESS | {"D": [3.0, 30.0]}, vary, a=A)
    assert len(choice) == 6
    rows = {*zip(*(choice.settings[name].tolist() for name in vary), strict=True)}
    assert rows == {(t, r) for t in vary["frame_interval"] for r in vary["radius"]}
    determined = choice.error[choice.determined]
    assert (np.diff(determined) >= 0).all()
    assert (np.diff(choice.determined.astype(int)) <= 0).all()
    for k, protocol in enumerate(choice.protocols):
        assert protocol.frame_interval == choice.settings["frame_interval"][k]
        assert protocol.bleach_region.radius == choice.settings["radius"][k]
        expected = expected_errors(protocol, GUESS | {"D": [3.0, 30.0]}, a=A)
        assert choice.error[k] == expected.relative_error("D").max()
    assert choice.best() is choice.protocols[0]


def test_more_frames_are_never_worse_and_take_longer():
    choice = plan(SMALL, GUESS, {"n_postbleach": [10, 20, 40, 80]}, a=A)
    assert choice.settings["n_postbleach"].tolist() == [80, 40, 20, 10]
    assert (np.diff(choice.total_time_s) < 0).all()
    choice = plan(SMALL, GUESS, {"n_prebleach": [1, 3, 9]}, a=A)
    assert choice.settings["n_prebleach"].tolist() == [9, 3, 1]


def test_duration_is_filled_with_frames():
    vary = {"frame_interval": [0.3, 1.0], "duration": [3.0, 10.0]}
    choice = plan(SMALL, GUESS, vary, a=A)
    interval, duration = (choice.settings[name] for name in vary)
    n_frames = [protocol.n_postbleach for protocol in choice.protocols]
    last = np.array([protocol.times[-1] for protocol in choice.protocols])
    assert {*zip(interval, duration, n_frames, strict=True)} == {
        (0.3, 3.0, 10),
        (0.3, 10.0, 33),
        (1.0, 3.0, 3),
        (1.0, 10.0, 10),
    }
    assert (last <= duration + 1e-9).all()


def test_shortest_is_nearly_as_good():
    choice = plan(SMALL, GUESS, {"n_postbleach": [20, 100, 500, 700]}, a=A)
    assert choice.best().n_postbleach == 700
    short = choice.shortest(within=1.2)
    k = choice.protocols.index(short)
    assert short.n_postbleach < 700
    assert choice.error[k] <= 1.2 * choice.error[0]
    assert choice.shortest(within=1.0) is choice.best()
    assert any("Nearly as good" in sentence for sentence in choice.recommendation())


def test_recommendation_points_beyond_what_was_tried():
    told = " ".join(plan(SMALL, GUESS, {"radius": [2.0, 4.0, 6.0]}, a=A).recommendation())
    assert "Best: bleach radius 6 µm" in told
    assert "the largest value tried is best" in told
    inside = plan(SMALL, GUESS, {"frame_interval": [0.001, 0.3, 30.0]}, a=A)
    assert inside.best().frame_interval == 0.3
    assert "tried is best" not in " ".join(inside.recommendation())


def test_recommendation_says_where_nothing_will_do():
    choice = plan(SMALL, GUESS | {"alpha": 0.999}, {"radius": [2.0, 8.0]}, a=1.0)
    told = " ".join(choice.recommendation())
    assert told.startswith("None of these experiments determines")
    assert "bleaching will hardly be visible" in told
    assert "Best" not in told


def test_summary_is_a_table_with_notes():
    guess = GUESS | {"D": [0.01, 10.0, 300.0]}
    choice = plan(SMALL, guess, {"frame_interval": [0.1, 2.0], "n_bleach": [1]}, a=1e-5)
    head, *rows = choice.summary()
    assert head.startswith("frame interval (s)  bleach frames  total time (s)  standard error of D")
    assert len(rows) == len(choice) == 2
    slow = next(k for k in range(2) if choice.settings["frame_interval"][k] == 2.0)
    assert "(D = 300)" in rows[slow]
    table = choice.to_frame()
    assert [*table.columns] == [
        "frame_interval_s",
        "n_bleach",
        "total_time_s",
        "D_relative_error",
        "determined",
        "flags",
        "findings",
    ]


def test_target_may_be_another():
    guess = {"D": 30.0, "k_on": 0.4, "k_off": 0.3, "c0": 0.7, "alpha": 0.6}
    choice = plan(SMALL, guess, {}, a=1e-5, model="binding", target="D_effective")
    (expected,) = choice.expected
    assert choice.error[0] == expected.relative_error("D_effective")[0]
    exponential = {"half_time": 3.0, "c0": 0.7, "alpha": 0.6}
    assert plan(SMALL, exponential, {}, a=A, model="exponential").target == "half_time"
    with pytest.raises(ValueError, match="target must be one of"):
        plan(SMALL, GUESS, {}, a=A, target="half_time")


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({"speed": [1.0]}, "vary takes the settings"),
        ({"radius": []}, r"vary\['radius'\] must be one or more numbers"),
        ({"radius": "large"}, r"vary\['radius'\] must be one or more numbers"),
        ({"radius": [100.0]}, "leaves the field of view"),
        ({"n_postbleach": [2.5]}, "n_postbleach must be a whole number"),
        ({"frame_interval": [-1.0]}, "frame_interval must be a positive number"),
        ({"duration": [0.1]}, "at least a frame interval, 0.5 s, got 0.1 s"),
        ({"duration": [10.0], "n_postbleach": [5]}, "not both"),
        ({"n_postbleach": [1e9]}, "vary asks for n_postbleach=1e.09, more than the 100,000 frames"),
        ({"duration": [1e9]}, "more than the 100,000 frames that can be planned"),
        ([0.1, 0.2], "vary must be a dictionary"),
    ],
)
def test_bad_settings_are_refused(vary, message):
    with pytest.raises(ValueError, match=message):
        plan(SMALL, GUESS, vary, a=A)


def test_settings_that_the_protocol_does_not_have_are_refused():
    irregular = SMALL.replace(postbleach_times=(0.1, 0.5, 2.0, 9.0))
    with pytest.raises(ValueError, match="postbleach_times of its own"):
        plan(irregular, GUESS, {"frame_interval": [1.0]}, a=A)
    square = SMALL.replace(bleach_region=Rectangle(8.0, 8.0))
    with pytest.raises(ValueError, match="needs a circular bleach_region"):
        plan(square, GUESS, {"radius": [1.0]}, a=A)
    assert plan(square, GUESS, {"n_bleach": 1}, a=A).best().n_bleach == 1


def test_every_setting_changes_the_protocol():
    for name in SETTINGS:
        (protocol,) = plan(SMALL, GUESS, {name: [3]}, a=A).protocols
        assert protocol != SMALL
