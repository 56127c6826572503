"""Curves that lack frames: refused by default, or fitted without them as if they had never been."""

import warnings

import numpy as np
import pytest
from matplotlib import pyplot
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform, uniform
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    NeuralFRAP,
    load_pretrained,
)
from skfrap.judging import judge_fit
from skfrap.persistence import load, save
from skfrap.plotting import RecoveryCurveDisplay
from skfrap.preprocessing import RecoveryCurveExtractor
from skfrap.results import FINDINGS, Finding, Fit

PROTOCOL = FRAPProtocol(
    shape=(48, 48), pixel_size=1.0, bleach_region=Circle(8.0), n_prebleach=5, n_bleach=2,
    n_postbleach=30, frame_interval=0.3, padding=24,
)  # fmt: skip
PRIOR = {
    "D": loguniform(3.0, 50.0),
    "c0": uniform(0.5, 0.5),
    "alpha": uniform(0.3, 0.4),
    "a": loguniform(1e-4, 1e-2),
}
BOUNDS = {"D": (3.0, 50.0), "c0": (0.5, 1.0), "alpha": (0.3, 0.7)}
MISSING = np.array([0, 3, 9, 10, 11, 25])  # two prebleach frames, and some after
KEPT = np.setdiff1d(np.arange(PROTOCOL.n_frames), MISSING)
# An experiment in which these frames were never taken.
WITHOUT = PROTOCOL.replace(
    n_prebleach=int(np.sum(KEPT < 5)), postbleach_times=PROTOCOL.times[KEPT[KEPT >= 5]]
)


@pytest.fixture(scope="module")
def sample():
    return FRAPSimulator(PROTOCOL, PRIOR, random_state=0).sample(300)


@pytest.fixture(scope="module")
def curves(sample):
    return sample.data[:12]


@pytest.fixture(scope="module")
def patchy(curves):
    """Rows 0 to 4 lack the same frames, 5 and 6 others, 7 all but one, 8 all, 9 to 11 none."""
    X = curves.copy()
    X[:5, MISSING] = np.nan
    X[5, 7] = np.nan
    X[6, :5] = np.nan  # no prebleach frame
    X[7, 1:] = np.nan
    X[8] = np.nan
    return X


EMPTY = np.array([7, 8])
FULL = np.array([9, 10, 11])

MAKERS = {
    "least squares": lambda protocol: LeastSquaresFRAP(protocol, BOUNDS),
    "posterior": lambda protocol: BayesianFRAP(protocol, PRIOR, n_nodes=5),
    "proportional": lambda protocol: LeastSquaresFRAP(protocol, noise="proportional"),
    "huber": lambda protocol: LeastSquaresFRAP(protocol, loss="huber"),
    "free fraction": lambda protocol: LeastSquaresFRAP(
        protocol, parameters=("D", "c0", "alpha", "mobile_fraction")
    ),
    "no interpolation": lambda protocol: LeastSquaresFRAP(protocol, interpolate=False),
    "closed form": lambda protocol: LeastSquaresFRAP(protocol, model="soumpasis"),
}
QUICK = ("least squares", "posterior", "network")
KINDS = [
    pytest.param(name, id=name, marks=() if name in QUICK else pytest.mark.slow)
    for name in (*MAKERS, "network")
]


@pytest.fixture(params=KINDS[:-1])
def make(request):
    return MAKERS[request.param]


@pytest.fixture(scope="module")
def network(sample):
    network = NeuralFRAP(
        PROTOCOL, (8,), bounds=BOUNDS, max_iter=4, batch_size=64, early_stopping=True,
        random_state=0, missing="omit",
    )  # fmt: skip
    return network.fit(sample.data, sample.target, sample.sample_weight)


@pytest.fixture(scope="module", params=KINDS)
def estimator(request, sample):
    if request.param == "network":
        return request.getfixturevalue("network")
    return MAKERS[request.param](PROTOCOL).set_params(missing="omit").fit(sample.data[:9])


def answers(estimator, X):
    """Return everything an estimator says of curves, as arrays with an entry per curve."""
    theta, std = estimator.predict(X, return_std=True)
    estimates = estimator.estimate(X)
    columns = {name: c for name, c in estimates.to_dict().items() if c.dtype.kind == "f"}
    found = {"theta": theta, "std": std, "ends": estimator.predict_interval(X, 0.8), **columns}
    if hasattr(estimator, "log_evidence"):
        found["evidence"] = estimator.log_evidence(X)
        found["draws"] = estimator.sample_posterior(X, 3, random_state=0)
    return found


def test_a_fit_without_frames_is_one_of_a_protocol_without_them(make, curves, patchy):
    omitting = make(PROTOCOL).set_params(missing="omit").fit(patchy)
    without = make(WITHOUT).fit(curves[:5, KEPT])
    expected = answers(without, curves[:5, KEPT])
    # Both interpolate, each on its own nodes and basis, to 1e-8 of a curve.
    tolerance = {"rtol": 1e-4, "atol": 1e-5}
    for name, found in answers(omitting, patchy).items():
        if name != "draws":  # of a batch of another size
            assert_allclose(found[:5], expected[name], err_msg=name, **tolerance)
    assert omitting.estimate(patchy).findings[:5] == without.estimate(curves[:5, KEPT]).findings


@pytest.mark.slow
def test_rows_do_not_depend_on_those_beside_them(estimator, curves, patchy):
    together = answers(estimator, patchy)
    complete = answers(estimator, curves)
    for name, found in together.items():
        assert_allclose(found[FULL], complete[name][FULL], rtol=1e-6, atol=1e-8, err_msg=name)
        assert name == "level" or np.isnan(found[EMPTY]).all(), name
    for row in (2, 5, 6):
        alone = estimator.predict(patchy[[row]])
        assert_allclose(alone[0], together["theta"][row], rtol=1e-6)
    for row in EMPTY:  # with none beside it of which to take the form
        assert np.isnan(estimator.predict(patchy[[row]])).all()
        assert estimator.predict_interval(patchy[[row]]).shape[::2] == (1, 2)


def test_a_row_without_data_says_so_everywhere(estimator, patchy):
    estimates = estimator.estimate(patchy)
    assert len(estimates) == len(patchy)
    assert estimates.has_finding("no_data").nonzero()[0].tolist() == EMPTY.tolist()
    assert FINDINGS["no_data"].severity == "unusable"
    frame = estimates.to_frame()
    for row in EMPTY:
        (finding,) = estimates.findings[row]
        assert isinstance(finding, Finding)
        assert finding.to_dict()["code"] == "no_data"
        assert frame["findings"][row] == "no_data"
        assert frame["poorly_determined"][row]
        assert np.isnan(frame["D_um2_s"][row])
        assert "no data" in estimates.summary()[row]
        assert not estimates.usable[row]
        assert not estimates.converged[row]
    assert frame.notna().loc[FULL, "D_um2_s"].all()
    (alone,) = estimator.estimate(patchy[[8]]).findings
    assert alone == estimates.findings[8]


def test_fits_have_the_width_of_the_experiment(estimator, curves, patchy):
    fit = estimator.fit_results(patchy)
    assert isinstance(fit, Fit)
    assert fit.data.shape == fit.curves.shape == fit.residuals.shape == patchy.shape
    assert_array_equal(fit.data, patchy)
    assert_array_equal(fit.observed, ~np.isnan(patchy))
    some = np.setdiff1d(np.arange(12), EMPTY)
    assert np.isfinite(fit.curves[some]).all()
    # The model's curve is known where nothing was measured, too.
    left = (curves - fit.curves)[:5, MISSING]
    assert np.sqrt(np.mean(left**2)) < 5 * np.sqrt(np.nanmean(fit.residuals[:5] ** 2))
    assert_allclose(
        fit.residual_sum_of_squares[some], np.nansum(fit.residuals[some] ** 2, axis=1), rtol=1e-6
    )
    assert_array_equal(fit.freedom, np.sum(~np.isnan(patchy), axis=1) - fit.theta.shape[1])
    assert_array_equal(fit.take([2, 8]).freedom, fit.freedom[[2, 8]])
    assert_array_equal(np.isnan(fit.residual_variance), fit.freedom < 1)
    assert_array_equal(fit.frames, np.arange(PROTOCOL.n_frames))
    assert fit.n_prebleach == PROTOCOL.n_prebleach
    assert fit.tangents(some).shape == (len(some), fit.theta.shape[1], PROTOCOL.n_frames)


@pytest.mark.slow
def test_a_batch_without_nan_is_answered_as_by_default(estimator, curves):
    default = estimator.__class__.__new__(type(estimator))
    vars(default).update(vars(estimator) | {"missing": "raise"})
    for name, found in answers(estimator, curves).items():
        assert_array_equal(found, answers(default, curves)[name], err_msg=name)
    assert estimator.fit_results(curves).observed is None


def test_nan_is_refused_by_default_and_infinity_always(make, curves, patchy):
    estimator = make(PROTOCOL)
    assert not get_tags(estimator).input_tags.allow_nan
    with pytest.raises(ValueError, match=r"NaN in row 0, column 0 .*missing='omit'"):
        estimator.fit(patchy)
    estimator.fit(curves)
    for method in (estimator.predict, estimator.predict_interval, estimator.estimate):
        with pytest.raises(ValueError, match=r"NaN in row 2, column 7 .*missing="):
            method(patchy[[9, 10, 5]])
    infinite = patchy.copy()
    infinite[1, 4] = -np.inf
    estimator.set_params(missing="omit")
    assert get_tags(estimator).input_tags.allow_nan
    for method in (estimator.fit, estimator.predict, estimator.estimate):
        with pytest.raises(ValueError, match="infinity"):
            method(infinite)
    with pytest.raises(ValueError, match="missing must be"):
        clone(estimator).set_params(missing="impute").fit(curves)


def test_few_frames_are_enough_for_an_answer(estimator, curves):
    X = np.full((4, PROTOCOL.n_frames), np.nan)
    for row, frames in enumerate([[0, 8], [5, 6, 20], [1, 2, 3, 4], [0, 6, 9, 30]]):
        X[row, frames] = curves[row, frames]
    estimates = estimator.estimate(X)
    assert not estimates.has_finding("no_data").any()
    assert estimates.poorly_determined[:3].all()
    assert np.isfinite(estimator.predict(X)).all()


def test_a_spoilt_frame_is_named_by_its_own_number(curves):
    X = curves[:2].copy()
    X[:, [1, 8, 9]] = np.nan
    X[0, 20] += 0.5
    (some, none) = LeastSquaresFRAP(PROTOCOL, missing="omit").fit(X).estimate(X).findings
    assert "frame_does_not_fit:20" in [one.label for one in some]
    assert "frame_does_not_fit" not in [one.code for one in none]


def test_starts_of_single_curves_stay_with_them(curves, patchy):
    expected = LeastSquaresFRAP(PROTOCOL, missing="omit").fit(patchy).predict(patchy)
    guess = FrozenEstimator(LeastSquaresFRAP(PROTOCOL).fit(curves))
    for init in (np.where(np.isnan(expected), 1.0, expected), "random", expected[9], guess):
        options = {"n_init": 5, "random_state": 0, "missing": "omit"}
        found = LeastSquaresFRAP(PROTOCOL, init=init, **options).fit(patchy).predict(patchy)
        assert_allclose(found, expected, rtol=1e-4)


def test_profiles_and_bootstrap_do_without_frames(curves, patchy):
    omitting = LeastSquaresFRAP(PROTOCOL, missing="omit", random_state=0).fit(patchy)
    without = LeastSquaresFRAP(WITHOUT, random_state=0).fit(curves[:5, KEPT])
    D = np.geomspace(5, 40, 5)
    expected = without.profile(curves[[2]][:, KEPT], "D", D)
    assert_allclose(omitting.profile(patchy[[2]], "D", D), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="a curve with 0 values"):
        omitting.profile(patchy[[8]], "D", D)
    ends = omitting.predict_interval(patchy, method="bootstrap", n_bootstrap=50)
    of_others = without.predict_interval(curves[:5, KEPT], method="bootstrap", n_bootstrap=50)
    assert_allclose(ends[:5], of_others, rtol=1e-4)


def test_a_network_does_without_frames_as_well_as_least_squares():
    network = load_pretrained().set_params(missing="omit")
    sample = FRAPSimulator(network.protocol_, random_state=5).sample(1500)
    bounds = {"D": (1.0, 1000.0), "c0": (0.5, 1.0), "alpha": (0.45, 0.95)}
    weight = sample.sample_weight[:, np.newaxis]
    for frames in (slice(60, 80), [3, 10, 11, 50], slice(0, 110, 2)):
        X = sample.data.copy()
        X[:, frames] = np.nan
        bounded = LeastSquaresFRAP(network.protocol_, bounds, missing="omit").fit(X)
        by_network, by_least_squares = (
            np.mean(weight * (one.predict(X) - sample.target) ** 2, axis=0)
            for one in (network, bounded)
        )
        assert (by_network < 1.01 * by_least_squares).all()
        inside = network.predict_interval(X, 0.9)
        held = (inside[..., 0] <= sample.target) & (sample.target <= inside[..., 1])
        assert_allclose(held.mean(axis=0), 0.9, atol=0.03)


@pytest.mark.slow
def test_networks_learn_from_complete_curves_and_say_what_they_leave_out(sample):
    X, y = sample.data[:64].copy(), sample.target[:64]
    X[[3, 9], 7] = np.nan
    options = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, "bounds": BOUNDS}
    network = NeuralFRAP(PROTOCOL, missing="omit", **options)
    with pytest.warns(UserWarning, match="2 of 64 curves lack frames and are left out"):
        network.fit(X, y, np.ones(64))
    complete = np.delete(np.arange(64), [3, 9])
    expected = NeuralFRAP(PROTOCOL, **options).fit(X[complete], y[complete])
    assert_array_equal(network.predict(X[complete]), expected.predict(X[complete]))
    X[:, 7] = np.nan
    with pytest.raises(ValueError, match="no complete curve"):
        clone(network).fit(X, y)
    for features in ("raw", "scores"):
        other = NeuralFRAP(PROTOCOL, features=features, missing="omit", **options)
        other.fit(sample.data[:64], y)
        assert not get_tags(other).input_tags.allow_nan
        for method in (other.predict, lambda X, other=other: other.fit(X, y)):
            with pytest.raises(ValueError, match=r"NaN.*features='linearized'"):
                method(X)


def test_files_and_clones_know_the_parameter(estimator, patchy, tmp_path):
    save(estimator, tmp_path / "estimator.npz")
    loaded = load(tmp_path / "estimator.npz")
    assert loaded.missing == clone(estimator).missing == "omit"
    assert_allclose(loaded.predict(patchy), estimator.predict(patchy), rtol=1e-9)


def test_tables_with_gaps_keep_their_names(patchy):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(patchy, columns=PROTOCOL.feature_names)
    estimator = LeastSquaresFRAP(PROTOCOL, missing="omit").fit(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = estimator.predict(frame)
    assert_array_equal(found, estimator.fit(patchy).predict(patchy))


def test_one_bad_stack_ends_no_pipeline():
    prior = {"D": 10.0, "c0": 0.7, "alpha": 0.5, "a": 1e-3}
    stacks = FRAPSimulator(PROTOCOL, prior, random_state=0).sample_images(3).data
    good = make_pipeline(RecoveryCurveExtractor(PROTOCOL), LeastSquaresFRAP(PROTOCOL))
    expected = good.fit(stacks).predict(stacks)
    X = [stacks[0], "no such file.tif", stacks[1], stacks[2].copy()]
    X[3][12] = np.nan  # one frame was lost
    pipeline = make_pipeline(
        RecoveryCurveExtractor(PROTOCOL, on_error="nan"),
        LeastSquaresFRAP(PROTOCOL, missing="omit"),
    )
    with pytest.warns(UserWarning, match="2 of 4 curves are NaN"):
        found = pipeline.fit(X).predict(X)
    assert_allclose(found[[0, 2]], expected[:2], rtol=1e-6)
    assert np.isnan(found[1]).all()
    assert_allclose(found[3], expected[2], rtol=0.05)


def test_a_display_shows_a_curve_with_gaps(curves, patchy):
    estimator = LeastSquaresFRAP(PROTOCOL, missing="omit").fit(patchy)
    display = RecoveryCurveDisplay.from_estimator(estimator, patchy, 2)
    without = LeastSquaresFRAP(WITHOUT).fit(curves[:, KEPT])
    expected = RecoveryCurveDisplay.from_estimator(without, curves[:, KEPT], 2)
    assert np.isfinite(display.deviations).all()
    assert_allclose(display.deviations[KEPT], expected.deviations, rtol=1e-4)
    assert_allclose(display.fitted[KEPT], expected.fitted, rtol=1e-4)
    assert_array_equal(display.curve, patchy[2])
    pyplot.close("all")


def test_what_goes_by_neighbouring_frames_refuses_gaps(patchy):
    estimator = LeastSquaresFRAP(PROTOCOL, missing="omit").fit(patchy)
    with pytest.raises(ValueError, match="must be complete, got NaN"):
        judge_fit(estimator.fit_results(patchy))
