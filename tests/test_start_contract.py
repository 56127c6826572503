"""What a measured start has beside the contract of all: gaps, names of y, readings, pictures."""

import subprocess
import sys

import joblib
import matplotlib.pyplot
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from skfrap import (
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    MeasuredStartFRAP,
    make_frap_pipeline,
    persistence,
)
from skfrap.comparison import compare_models, compare_readings
from skfrap.experiment import MeasuredStart
from skfrap.plotting import (
    CoverageDisplay,
    EstimatedVersusTrueDisplay,
    MeasuredStartDisplay,
    ModelComparisonDisplay,
    RecoveryCurveDisplay,
)
from skfrap.preprocessing import RecoveryCurveExtractor, RingExtractor
from skfrap.replicates import summarise_replicates

# The region told is half as wide as what was bleached.
DONE = FRAPProtocol(
    shape=(48, 48), pixel_size=1.0, bleach_region=Circle(8.0), n_prebleach=5, n_bleach=2,
    n_postbleach=20,
)  # fmt: skip
PROTOCOL = DONE.replace(bleach_region=Circle(4.0), start="measured")
TRUTH = {"D": 20.0, "c0": 0.8, "alpha": 0.5, "a": 1e-3}
N_RINGS = 24


@pytest.fixture(scope="module")
def stacks():
    return FRAPSimulator(DONE, TRUTH, random_state=5).sample_images(4).data


@pytest.fixture(scope="module")
def X(stacks):
    return RingExtractor(PROTOCOL).fit_transform(stacks)


@pytest.fixture(scope="module")
def estimator(X):
    return MeasuredStartFRAP(PROTOCOL).fit(X)


def without(X, row, frame):
    """Take a frame out of one row."""
    gappy = X.reshape(len(X), PROTOCOL.n_postbleach, -1).copy()
    gappy[row, frame] = np.nan
    return gappy.reshape(len(X), -1)


# y, its names and its form


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_answers_have_the_form_of_y(X, shape):
    y = np.full(shape, np.log10(20.0))
    assert MeasuredStartFRAP(PROTOCOL).fit(X, y).predict(X).shape == shape


def test_what_is_asked_without_y_has_the_form_of_its_name(X):
    for names, shape in (("log10_D", (4,)), (["log10_D"], (4, 1)), (None, (4, 1))):
        estimator = MeasuredStartFRAP(PROTOCOL, target_names=names).fit(X)
        assert estimator.predict(X).shape == shape
        assert estimator.predict_interval(X).shape == (4, 1, 2)


def test_a_y_of_something_else_is_refused_by_name(X):
    pd = pytest.importorskip("pandas")
    estimator = MeasuredStartFRAP(PROTOCOL)
    right = pd.DataFrame({"log10_D": np.full(4, np.log10(20.0))})
    assert estimator.fit(X, right).score(X, right + 1e-3 * np.arange(4)[:, np.newaxis]) < 1
    with pytest.raises(ValueError, match=r"y names 'alpha', which is no target here"):
        estimator.fit(X, right.rename(columns={"log10_D": "alpha"}))
    with pytest.raises(ValueError, match=r"y names 'D', .* D is estimated as log10_D"):
        estimator.fit(X, pd.Series(np.full(4, 20.0), name="D"))
    with pytest.raises(ValueError, match="log10_D is bounded by"):
        estimator.fit(X, pd.Series(np.full(4, 20.0), name="log10_D"))
    with pytest.raises(ValueError, match=r"y must have the columns \['log10_D'\]"):
        estimator.fit(X, np.ones((4, 3)))
    with pytest.raises(ValueError, match="target_names names 'c0'"):
        clone(estimator).set_params(target_names="c0").fit(X)
    with pytest.warns(UserWarning, match="differs from log10_D as the curves tell it"):
        estimator.fit(X, np.zeros(4))
    with pytest.raises(ValueError, match="X has 4 samples and y has 3"):
        estimator.fit(X, np.zeros(3))


def test_weights_of_samples_are_checked_and_change_nothing(X, estimator):
    weighted = clone(estimator).fit(X, sample_weight=np.arange(4.0))
    assert_array_equal(weighted.predict(X), estimator.predict(X))
    with pytest.raises(ValueError, match="sample_weight"):
        clone(estimator).fit(X, sample_weight=np.ones(7))


# Gaps


@pytest.mark.slow
def test_a_frame_left_out_is_as_if_it_had_not_been_recorded(stacks, X):
    estimator = MeasuredStartFRAP(PROTOCOL, missing="omit").fit(X)
    times = np.delete(PROTOCOL.times[PROTOCOL.n_prebleach :], 7)
    shorter = PROTOCOL.replace(postbleach_times=times)
    fewer = np.delete(stacks, PROTOCOL.n_prebleach + 7, axis=1)
    pipeline = make_pipeline(RingExtractor(shorter), MeasuredStartFRAP(shorter)).fit(fewer)
    expected = estimator.predict(X)
    expected[2] = pipeline.predict(fewer)[2]
    assert expected[2] != estimator.predict(X)[2]
    assert_allclose(estimator.predict(without(X, 2, 7)), expected, atol=1e-9)


def test_samples_without_data_answer_nan_and_say_so(X, estimator):
    gappy = X.copy()
    gappy[1] = np.nan
    with pytest.raises(ValueError, match=r"row 1 .*missing='omit'"):
        estimator.predict(gappy)
    omits = MeasuredStartFRAP(PROTOCOL, missing="omit").fit(gappy)
    y, std = omits.predict(gappy, return_std=True)
    assert [*np.isnan(y[:, 0])] == [*np.isnan(std[:, 0])] == [False, True, False, False]
    assert_allclose(y[[0, 2, 3]], estimator.predict(X)[[0, 2, 3]])
    ends = omits.predict_interval(gappy)
    assert np.isnan(ends[1]).all()
    assert np.isfinite(ends[[0, 2, 3]]).all()
    estimates = omits.estimate(gappy)
    assert [*estimates.has_finding("no_data")] == [False, True, False, False]
    assert_allclose(np.log10(estimates.D_um2_s), y[:, 0])
    assert omits.measure(gappy)[1] is omits.profiles(gappy)[1] is None
    nothing = omits.estimate(np.full((2, X.shape[1]), np.nan))
    assert nothing.has_finding("no_data").all()
    assert np.isnan(nothing.D_um2_s).all()
    summary = summarise_replicates(estimates)
    assert (summary.n[0], summary.n_left_out[0]) == (3, 1)


def test_a_batch_goes_on_without_what_cannot_be_read(stacks, tmp_path):
    batch = [stacks[0], tmp_path / "missing.tif", stacks[2][:, :40]]
    pipeline = make_frap_pipeline(PROTOCOL, MeasuredStartFRAP(missing="omit"))
    pipeline.set_params(ringextractor__on_error="nan").fit([stacks[0]])
    with pytest.warns(
        UserWarning, match=r"2 of 3 rows of rings are NaN(.|\n)*row 1: .*missing.tif"
    ):
        y = pipeline.predict(batch)
    assert [*np.isnan(y[:, 0])] == [False, True, True]
    assert {*pipeline["ringextractor"].errors_} == {1, 2}
    with pytest.raises(FileNotFoundError):
        pipeline.set_params(ringextractor__on_error="raise").fit([stacks[0]]).predict(batch)


def test_masked_values_are_missing(X):
    masked = np.ma.masked_invalid(X)
    masked[3, : N_RINGS * 8] = np.ma.masked
    estimator = MeasuredStartFRAP(PROTOCOL, missing="omit").fit(X)
    assert_allclose(estimator.predict(masked), estimator.predict(without(X, 3, 0)))


# What is asked of curves, and cannot be


def test_what_only_models_know_is_refused_in_words(X, estimator):
    for ask in (estimator.fit_results, estimator.fit_curves, estimator.curves, estimator.tangents):
        with pytest.raises(ValueError, match=r"measure\(X\) keeps starts"):
            ask(X)
    with pytest.raises(ValueError, match=r"measure\(X\) keeps starts"):
        RecoveryCurveDisplay.from_estimator(estimator, np.nan_to_num(X))


# Searches, scores, files


@pytest.mark.slow
def test_searches_and_scores_take_it_as_they_take_others(stacks):
    y = np.log10(20.0) + np.linspace(-1e-6, 1e-6, 4)
    pipeline = make_frap_pipeline(PROTOCOL)
    scores = cross_val_score(pipeline, stacks, y, cv=2, scoring="neg_root_mean_squared_error")
    assert (scores > -0.02).all()
    grid = {"measuredstartfrap__readings": [("mobile",), ("free",)]}
    search = GridSearchCV(pipeline, grid, cv=2, scoring="neg_mean_squared_error").fit(stacks, y)
    assert search.best_params_["measuredstartfrap__readings"] == (
        "mobile",
    )  # it assumes what is so
    assert_allclose(10 ** search.predict(stacks), 20.0, rtol=0.05)


def test_samples_do_not_depend_on_their_batch(X, estimator):
    together = estimator.estimate(X)
    alone = [estimator.estimate(X[[k]]) for k in range(4)]
    assert_array_equal(together.D_um2_s, np.concatenate([one.D_um2_s for one in alone]))
    assert_array_equal(
        clone(estimator).set_params(n_jobs=2).fit(X).predict(X), estimator.predict(X)
    )


@pytest.mark.slow
def test_a_fitted_one_answers_alike_in_another_process(tmp_path, X):
    start = MeasuredStartFRAP(PROTOCOL, missing="omit", target_names="log10_D").fit(X)
    persistence.save(start, tmp_path / "start.npz")
    joblib.dump(start, tmp_path / "start.joblib")
    np.save(tmp_path / "X.npy", X)
    program = """
import sys, joblib, numpy as np
from skfrap import persistence
X = np.load("X.npy")
np.save("y.npy", [persistence.load("start.npz").predict(X), joblib.load("start.joblib").predict(X)])
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    for y in np.load(tmp_path / "y.npy"):
        assert_allclose(y, start.predict(X), rtol=1e-12)


# Readings


def test_readings_are_compared_by_their_evidence():
    some = FRAPSimulator(DONE, TRUTH | {"mobile_fraction": 0.6}, random_state=2)
    X = RingExtractor(PROTOCOL).fit_transform(some.sample_images(2).data)
    comparison = compare_readings(X, MeasuredStartFRAP(PROTOCOL))
    assert comparison.models == ("mobile", "one_depth", "free")
    assert "mobile" not in comparison.best["evidence"].tolist()
    weights = comparison.weights("evidence")
    assert_allclose(weights.sum(axis=1), 1)
    assert (weights[:, 0] < 1e-3).all()
    free = comparison.fits[2].estimates
    assert ((free.D_um2_s_lower < 20) & (free.D_um2_s_upper > 20)).all()
    assert abs(np.log10(comparison.fits[0].estimates.D_um2_s / 20)).min() > 0.1  # all mobile: wrong
    assert len(comparison.to_records()) == 6
    assert comparison.summary("evidence")[0].count("weight") >= 1
    ModelComparisonDisplay.from_comparison(comparison, criterion="evidence")
    matplotlib.pyplot.close("all")


def test_readings_are_compared_of_a_measured_start_only(X):
    with pytest.raises(ValueError, match="estimator must be a MeasuredStartFRAP"):
        compare_readings(X, LeastSquaresFRAP(DONE))
    with pytest.raises(ValueError, match=r"compare_readings\(X, estimator\)"):
        compare_models(np.nan_to_num(X), [MeasuredStartFRAP(PROTOCOL)])
    gappy = X.copy()
    gappy[1] = np.nan
    with pytest.raises(ValueError, match="row 1 of X has no data"):
        compare_readings(gappy, MeasuredStartFRAP(PROTOCOL, missing="omit"))


# Pictures


def test_rings_are_shown_with_fit_start_and_the_region_told(stacks):
    pipeline = make_frap_pipeline(PROTOCOL).fit(stacks)
    display = MeasuredStartDisplay.from_estimator(pipeline, stacks, -1, title="a title")
    seen = display.profiles
    assert_allclose(seen.times, PROTOCOL.times[PROTOCOL.n_prebleach :])
    assert seen.measured.shape == seen.fitted.shape == (20, len(seen.radii))
    near = seen.radii < 15
    assert np.abs(seen.measured - seen.fitted)[:, near].mean() < 0.02
    assert_allclose(1 - seen.fitted[0], seen.start, atol=1e-12)
    texts = [text.get_text() for text in display.start_ax_.get_legend().get_texts()]
    assert texts[:2] == ["region told", "start seen"]
    (told,) = [one.get_paths()[0].vertices for one in display.start_ax_.collections]
    assert_allclose(told[told[:, 1] > 0.5 * told[:, 1].max(), 0].max(), 4.0, atol=0.7)
    assert display.ax_.get_title(loc="left") == "a title"
    assert display.plot(n_times=2).ax_.get_legend().get_texts()[0].get_text() == "0.265 s"
    matplotlib.pyplot.close("all")


def test_profiles_beside_a_curve_are_shown_too(stacks):
    stack = stacks[0]
    y, x = np.indices((48, 48)) - 23.5
    radius = np.hypot(x, y).ravel()
    distance, place = np.unique(radius[radius < 23].round(6), return_inverse=True)

    def profile(image):
        relative = (image / stack[:5].mean(axis=0)).ravel()[radius < 23]
        return np.bincount(place, relative) / np.bincount(place)

    start = MeasuredStart.from_profile(
        distance, profile(stack[5]), profile(stack[-5:].mean(axis=0)), n_last=5
    )
    curve = RecoveryCurveExtractor(PROTOCOL).fit_transform([stack])
    estimator = MeasuredStartFRAP(PROTOCOL, start=start, missing="omit").fit(curve)
    display = MeasuredStartDisplay.from_estimator(estimator, curve)
    assert len(display.profiles.times) == 2
    assert np.abs(display.profiles.measured - display.profiles.fitted).mean() < 0.02
    gappy = np.vstack([curve, np.full_like(curve, np.nan)])
    assert [*np.isnan(estimator.predict(gappy)[:, 0])] == [False, True]
    gappy[1, 3:] = curve[0, 3:]
    with pytest.raises(ValueError, match=r"row 1 .*must be complete"):
        estimator.predict(gappy)
    with pytest.raises(ValueError, match="sample 1 of X has no data"):
        MeasuredStartDisplay.from_estimator(estimator, np.vstack([curve, np.nan * curve]), 1)
    matplotlib.pyplot.close("all")


def test_other_displays_take_a_measured_start(X, estimator):
    y = np.log10(20.0) + np.linspace(-1e-3, 1e-3, 4)[:, np.newaxis]
    EstimatedVersusTrueDisplay.from_estimator(estimator, X, y)
    coverage = CoverageDisplay.from_estimator(estimator, X, y, levels=[0.5, 0.95])
    assert coverage.coverage.shape == (2, 1)
    with pytest.raises(ValueError, match="estimator must be a MeasuredStartFRAP"):
        MeasuredStartDisplay.from_estimator(LeastSquaresFRAP(DONE), X)
    with pytest.raises(ValueError, match="index must be that of one of the 4 samples"):
        MeasuredStartDisplay.from_estimator(estimator, X, 4)
    matplotlib.pyplot.close("all")
