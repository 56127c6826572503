"""Least squares against exact answers, SciPy, the paper's Table 2, and its own statistics."""

import pickle
from multiprocessing.pool import ThreadPool

import joblib
import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares
from scipy.stats import loguniform, uniform
from scipy.stats import t as student_t
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils import Bunch
from threadpoolctl import threadpool_info, threadpool_limits

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, Rectangle
from skfrap.metrics import weighted_mean_squared_error
from skfrap.models import DiffusionModel

PAPER = FRAPProtocol()

TABLE_1 = {"D": (1, 1000), "c0": (0.5, 1), "alpha": (0.45, 0.95)}
NARROW = {"D": (20, 300), "c0": (0.6, 0.9), "alpha": (0.5, 0.8)}
# The paper's Table 2: weighted mean squared errors of log10 D, c0 and alpha.
TABLE_2 = np.array([1.0429e-4, 2.0511e-8, 1.5723e-5])
WELL_DETERMINED = {"D": 30.0, "c0": 0.8, "alpha": 0.6, "a": 1e-3}
SMALL = FRAPProtocol(
    shape=(40, 40),
    bleach_region=Circle(8.0),
    n_prebleach=4,
    n_bleach=1,
    n_postbleach=30,
    padding=20,
)


@pytest.fixture(scope="module")
def table_1():
    """20,000 curves of Table 1's prior, and fits in its box."""
    sample = FRAPSimulator(random_state=1).sample(20_000)
    fitted = LeastSquaresFRAP(PAPER, bounds=TABLE_1).fit(sample.data)
    return Bunch(**sample, fitted=fitted, predicted=fitted.predict(sample.data))


@pytest.fixture(scope="module")
def repeated():
    """3,000 noisy curves of one well determined setting, fitted."""
    sample = FRAPSimulator(prior=WELL_DETERMINED, random_state=2).sample(3000)
    return Bunch(**sample, fitted=LeastSquaresFRAP(PAPER).fit(sample.data))


@pytest.fixture(scope="module")
def default_fitted():
    return LeastSquaresFRAP(PAPER).fit(np.ones((1, 110)))


@settings(deadline=None, derandomize=True)
@given(st.floats(0.0, 1.0), st.floats(0.01, 100.0), st.floats(0.05, 0.95))
@pytest.mark.slow
def test_noise_free_curves_give_their_parameters(at, c0, alpha):
    protocol = FRAPProtocol()
    model = DiffusionModel(protocol)
    lowest, highest = model.D_range
    D = lowest * (highest / lowest) ** (0.001 + 0.998 * at)
    curve = model.curves(D, c0, alpha)
    log10_D, c0_hat, alpha_hat = LeastSquaresFRAP(protocol).fit(curve).predict(curve)[0]
    assert log10_D == pytest.approx(np.log10(D), abs=1e-6)
    assert c0_hat == pytest.approx(c0, rel=1e-6)
    assert alpha_hat == pytest.approx(alpha, abs=1e-6)


def test_reproduces_table_2_of_the_paper(table_1):
    loss = weighted_mean_squared_error(table_1.target, table_1.predicted, table_1.sample_weight)
    errors = table_1.sample_weight[:, None] * (table_1.predicted - table_1.target) ** 2
    rng = np.random.default_rng(0)
    draws = rng.integers(len(errors), size=(200, len(errors)))
    bootstrap = np.array([errors[rows].mean(axis=0) for rows in draws])
    # Theirs, on 65,536 curves, has a sampling error too.
    sampling_error = bootstrap.std(axis=0) * np.sqrt(1 + len(errors) / 65_536)
    assert (sampling_error < 0.15 * TABLE_2).all()
    assert (np.abs(loss - TABLE_2) < 5 * sampling_error).all()
    assert loss[1] == pytest.approx(TABLE_2[1], rel=0.04)


@pytest.mark.slow
def test_fits_of_table_1_converge(table_1):
    assert table_1.fitted.estimate(table_1.data).converged.all()


def test_fits_that_were_cut_short_say_so(table_1):
    X = table_1.data[:200]
    estimates = LeastSquaresFRAP(PAPER, bounds=TABLE_1, max_nfev=2).fit(X).estimate(X)
    assert not estimates.converged.all()
    said = ["did not converge" in text for text in estimates.flags]
    assert said == (~estimates.converged).tolist()


def cost(fitted, X, theta):
    return np.sum((X - fitted.fitted_curves(theta)) ** 2, axis=1)


@pytest.mark.parametrize("bounds", [TABLE_1, None])
@pytest.mark.slow
def test_no_other_start_finds_a_better_optimum(table_1, bounds):
    X, y = table_1.data[:500], table_1.target[:500]
    grid = LeastSquaresFRAP(PAPER, bounds=bounds).fit(X)
    reached = cost(grid, X, grid.predict(X))
    for init in ("random", y, y[0], grid):
        other = LeastSquaresFRAP(
            FRAPProtocol(), bounds=bounds, init=init, n_init=30, random_state=0
        ).fit(X)
        theirs = cost(other, X, other.predict(X))
        assert (reached < theirs * (1 + 1e-6)).all()
        if init is not y[0]:
            assert np.mean(theirs > reached * (1 + 1e-6)) <= 0.002


def test_random_starts_depend_on_random_state_alone(table_1):
    X = table_1.data[:20]
    one, two = (
        LeastSquaresFRAP(PAPER, init="random", n_init=2, random_state=5).fit(X) for _ in range(2)
    )
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    np.testing.assert_array_equal(one.predict(X), one.predict(X))


@pytest.mark.parametrize("bounds", [TABLE_1, NARROW])
def test_agrees_with_scipy_on_the_exact_model(table_1, bounds, default_protocol):
    model = DiffusionModel(default_protocol)
    X = table_1.data[[3, 14, 159, 265, 358]]
    predicted = LeastSquaresFRAP(PAPER, bounds=bounds).fit(X).predict(X)
    ends = np.array([bounds["D"], bounds["c0"], bounds["alpha"]], dtype=float)
    ends[0] = np.log10(ends[0])
    lower, upper = ends.T

    for curve, theta in zip(X, predicted, strict=True):

        def residuals(theta, curve=curve):
            return model.curves(10 ** theta[0], theta[1], theta[2])[0] - curve

        inside = np.clip(theta + 0.02, lower + 0.01, upper - 0.01)
        tolerances = {"xtol": 1e-12, "ftol": 1e-12, "gtol": 1e-12}
        scipys = least_squares(residuals, inside, bounds=(lower, upper), **tolerances)
        # SciPy stays strictly inside its bounds.
        np.testing.assert_allclose(theta, scipys.x, atol=2e-4)
        assert np.sum(residuals(theta) ** 2) <= 2 * scipys.cost * (1 + 1e-7)


def test_optimum_meets_the_conditions_of_a_bounded_minimum(table_1, default_protocol):
    # Gradient by the exact model: zero inside, and pointing outward where a bound is active.
    bounds = NARROW
    X = table_1.data[:60]
    fitted = LeastSquaresFRAP(PAPER, bounds=bounds).fit(X)
    theta = fitted.predict(X)
    at_bound = fitted.estimate(X).at_bound
    ends = np.array([np.log10(bounds["D"]), bounds["c0"], bounds["alpha"]])
    assert (theta >= ends[:, 0]).all()
    assert (theta <= ends[:, 1]).all()
    model = DiffusionModel(default_protocol)

    def curves(theta):
        return model.curves(10 ** theta[:, 0], theta[:, 1], theta[:, 2])

    residual = curves(theta) - X
    active = 0
    for k, name in enumerate(("D", "c0", "alpha")):
        step = 1e-5 * np.eye(3)[k]
        slope = (curves(theta + step) - curves(theta - step)) / 2e-5
        size = np.linalg.norm(slope, axis=1) * np.linalg.norm(residual, axis=1)
        cosine = np.sum(slope * residual, axis=1) / size
        low, high = theta[:, k] == ends[k, 0], theta[:, k] == ends[k, 1]
        assert (np.abs(cosine[~low & ~high]) < 1e-5).all()
        assert (cosine[low] > -1e-5).all()
        assert (cosine[high] < 1e-5).all()
        assert [name in text.split(", ") for text in at_bound] == (low | high).tolist()
        active += np.sum(low) + np.sum(high)
    assert active > 50


@pytest.mark.parametrize("c0", [(0.1, 0.7), (1.3, 2.0)])
def test_bounds_hold_to_the_last_bit_and_are_reported(c0, repeated):
    # All curves have c0 = 0.8, so every fit ends on the bound that is nearer.
    X = repeated.data[:200]
    fitted = LeastSquaresFRAP(PAPER, bounds={"c0": c0}).fit(X)
    bound = min(c0, key=lambda end: abs(end - 0.8))
    assert (fitted.predict(X)[:, 1] == bound).all()
    assert all("c0" in names for names in fitted.estimate(X).at_bound)


def test_predictions_and_intervals_stay_inside_the_bounds(table_1):
    ends = np.array([(0, 3), (0.5, 1), (0.45, 0.95)], dtype=float)
    interval = table_1.fitted.predict_interval(table_1.data[:2000])
    assert interval.shape == (2000, 3, 2)
    for values in (table_1.predicted[:2000, :, None], interval):
        assert (values >= ends[:, :1]).all()
        assert (values <= ends[:, 1:]).all()
    predicted = table_1.predicted[:2000]
    assert (interval[..., 0] <= predicted).all()
    assert (predicted <= interval[..., 1]).all()


def test_standard_errors_are_calibrated(repeated):
    theta, std = repeated.fitted.predict(repeated.data, return_std=True)
    assert std.shape == theta.shape == (3000, 3)
    z = (theta - repeated.target) / std
    assert (np.abs(z.mean(axis=0)) < 4 / np.sqrt(3000)).all()
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.05)
    np.testing.assert_allclose(std.mean(axis=0), theta.std(axis=0), rtol=0.05)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_intervals_cover_what_they_say(repeated, level):
    interval = repeated.fitted.predict_interval(repeated.data, level=level)
    inside = (interval[..., 0] < repeated.target) & (repeated.target < interval[..., 1])
    standard_error = np.sqrt(level * (1 - level) / 3000)
    np.testing.assert_allclose(inside.mean(axis=0), level, atol=4 * standard_error)


@pytest.mark.slow
def test_profile_intervals_cover_where_curvature_misleads():
    # Most of the recovery is over before the first frame.
    prior = {"D": loguniform(300, 1000), "a": 1e-2}
    sample = FRAPSimulator(prior=prior, random_state=0).sample(2000)
    fitted = LeastSquaresFRAP(PAPER).fit(sample.data)
    covered = {}
    for method in ("curvature", "profile", "auto"):
        ends = fitted.predict_interval(sample.data, method=method)
        inside = (ends[..., 0] <= sample.target) & (sample.target <= ends[..., 1])
        covered[method] = inside[:, 0].mean()
    assert covered["curvature"] < 0.94
    assert covered["profile"] == pytest.approx(0.95, abs=0.012)
    assert covered["auto"] == pytest.approx(0.95, abs=0.012)


def test_profile_intervals_end_where_the_cost_has_risen_as_the_level_allows():
    prior = {"D": 400.0, "a": 1e-2, "mobile_fraction": 0.8, "c0": 0.7}
    X = 1000 * FRAPSimulator(prior=prior, random_state=1).sample(4).data
    names = ("D", "c0", "alpha", "mobile_fraction")
    fitted = LeastSquaresFRAP(PAPER, parameters=names).fit(X)
    ends = fitted.predict_interval(X, method="profile")
    best = fitted.estimate(X).residual_sum_of_squares
    allowed = student_t.ppf(0.975, 110 - 4) ** 2
    for k, name in enumerate(names):
        for curve, (lower, upper) in enumerate(ends[:, k]):
            for end, bound in ((lower, fitted.bounds_[name][0]), (upper, fitted.bounds_[name][1])):
                value = 10**end if name == "D" else end
                if value == pytest.approx(bound, abs=1e-9):
                    continue
                others = tuple(n for n in names if n != name)
                fixed = LeastSquaresFRAP(
                    FRAPProtocol(), parameters=others, fixed={name: float(value)}
                )
                cost = fixed.fit(X).estimate(X[curve : curve + 1]).residual_sum_of_squares
                risen = (cost[0] / best[curve] - 1) * (110 - 4)
                assert risen == pytest.approx(allowed, rel=1e-2)


def test_profiles_go_with_least_squares_only(repeated):
    with pytest.raises(ValueError, match="method must be one of"):
        repeated.fitted.predict_interval(repeated.data[:2], method="jackknife")
    huber = LeastSquaresFRAP(PAPER, loss="huber").fit(repeated.data)
    with pytest.raises(ValueError, match="'curvature'"):
        huber.predict_interval(repeated.data[:2], method="profile")


@pytest.mark.slow
def test_bootstrap_intervals_cover_and_are_those_of_the_curvature_where_that_is_right():
    prior = {"D": loguniform(3, 100), "a": 1e-2}
    sample = FRAPSimulator(prior=prior, random_state=0).sample(400)
    fitted = LeastSquaresFRAP(PAPER, random_state=0).fit(sample.data)
    ends = fitted.predict_interval(sample.data, method="bootstrap")
    inside = (ends[..., 0] < sample.target) & (sample.target < ends[..., 1])
    standard_error = np.sqrt(0.95 * 0.05 / 400)
    np.testing.assert_allclose(inside.mean(axis=0), 0.95, atol=3 * standard_error)
    narrow = fitted.predict(sample.data, return_std=True)[1][:, 0] < 0.02
    curvature = fitted.predict_interval(sample.data, method="curvature")
    widths = np.ptp(ends, axis=2)[narrow] / np.ptp(curvature, axis=2)[narrow]
    assert narrow.sum() > 200
    np.testing.assert_allclose(widths, 1, atol=0.15)


@pytest.mark.slow
def test_bootstrap_intervals_are_as_one_sided_as_the_curve():
    # Most of the recovery is over before the first frame: the curvature errs to one side.
    prior = {"D": loguniform(300, 1000), "a": 1e-2}
    sample = FRAPSimulator(prior=prior, random_state=0).sample(1000)
    fitted = LeastSquaresFRAP(PAPER, random_state=0).fit(sample.data)
    too_high = {}
    for method in ("curvature", "bootstrap"):
        lower = fitted.predict_interval(sample.data, method=method, n_bootstrap=99)[:, 0, 0]
        too_high[method] = np.mean(sample.target[:, 0] < lower)
    assert too_high["curvature"] > 0.04
    assert too_high["bootstrap"] == pytest.approx(0.025, abs=0.015)


def test_bootstrap_depends_on_random_state_and_the_curve_alone():
    # In other units, at other places, beside other curves; of wide and of narrow intervals.
    X = FRAPSimulator(prior={"a": 1e-2}, random_state=0).sample(12).data
    fitted = LeastSquaresFRAP(PAPER, random_state=0).fit(X)
    options = {"method": "bootstrap", "n_bootstrap": 39}
    ends = fitted.predict_interval(X, **options)
    np.testing.assert_array_equal(fitted.predict_interval(X, **options), ends)
    some = [7, 2]
    np.testing.assert_allclose(fitted.predict_interval(X[some], **options), ends[some], atol=1e-6)
    counts = fitted.predict_interval(1000 * X, **options)
    np.testing.assert_allclose(counts, ends * np.array([1, 1000, 1])[:, np.newaxis], rtol=1e-5)
    other = clone(fitted).set_params(random_state=1).fit(X).predict_interval(X, **options)
    assert not np.allclose(other, ends, rtol=1e-4)


def test_bootstrap_goes_with_noise_that_grows_with_intensity():
    prior = WELL_DETERMINED | {"b": 1e-2}
    sample = FRAPSimulator(prior=prior, noise="proportional", random_state=0).sample(40)
    fitted = LeastSquaresFRAP(PAPER, noise="proportional", random_state=0).fit(sample.data)
    ends = fitted.predict_interval(sample.data, level=0.8, method="bootstrap", n_bootstrap=39)
    curvature = fitted.predict_interval(sample.data, level=0.8, method="curvature")
    np.testing.assert_allclose(np.ptp(ends, axis=2), np.ptp(curvature, axis=2), rtol=0.15)


def test_bootstrap_says_what_is_undetermined():
    # Fixed at a full immobile fraction nothing depends on D.
    fixed = {"mobile_fraction": 0.0}
    X = FRAPSimulator(prior=WELL_DETERMINED | fixed, random_state=0).sample(2).data
    fitted = LeastSquaresFRAP(PAPER, fixed=fixed, random_state=0).fit(X)
    lowest, highest = np.log10(fitted.bounds_["D"])
    ends = fitted.predict_interval(X, method="bootstrap", n_bootstrap=39)
    np.testing.assert_allclose(ends[:, 0], [[lowest, highest]] * 2)
    assert (np.ptp(ends[:, 1:], axis=2) < 0.1).all()


def test_bootstrap_refuses_what_makes_no_sense(default_fitted):
    X = np.linspace(0.9, 1, 110)[np.newaxis]
    with pytest.raises(ValueError, match="n_bootstrap must be a whole number of at least 199"):
        default_fitted.predict_interval(X, 0.99, method="bootstrap", n_bootstrap=100)
    with pytest.raises(ValueError, match="n_bootstrap"):
        default_fitted.predict_interval(X, method="bootstrap", n_bootstrap=99.5)
    with pytest.raises(ValueError, match="goes with loss='squared'"):
        LeastSquaresFRAP(PAPER, loss="huber").fit(X).predict_interval(X, method="bootstrap")


def test_estimates_say_what_predict_says(repeated):
    X = repeated.data[:50]
    estimates = repeated.fitted.estimate(X, level=0.9)
    theta = repeated.fitted.predict(X)
    interval = repeated.fitted.predict_interval(X, level=0.9)
    assert len(estimates) == 50
    assert estimates.level == 0.9
    for k, name in enumerate(("D_um2_s", "c0", "alpha")):
        natural = (lambda v: 10**v) if k == 0 else (lambda v: v)
        np.testing.assert_allclose(getattr(estimates, name), natural(theta[:, k]))
        np.testing.assert_allclose(getattr(estimates, f"{name}_lower"), natural(interval[:, k, 0]))
        np.testing.assert_allclose(getattr(estimates, f"{name}_upper"), natural(interval[:, k, 1]))
    np.testing.assert_allclose(
        estimates.residual_sum_of_squares, cost(repeated.fitted, X, theta), rtol=1e-8
    )


def test_estimates_as_a_table(repeated):
    pandas = pytest.importorskip("pandas")
    frame = repeated.fitted.estimate(repeated.data[:3]).to_frame(index=list("abc"))
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.index) == ["a", "b", "c"]
    assert {"D_um2_s", "D_um2_s_lower", "c0", "alpha", "noise_a", "flags"} <= set(frame.columns)
    assert frame.notna().all(axis=None)


def test_noise_of_pixels_is_estimated_without_bias(repeated):
    noise_a = repeated.fitted.estimate(repeated.data).noise_a
    standard_error = noise_a.std() / np.sqrt(3000)
    assert abs(noise_a.mean() - 1e-3) < 4 * standard_error
    assert noise_a.std() == pytest.approx(1e-3 * np.sqrt(2 / 107), rel=0.1)


def test_intensities_may_be_in_any_unit(repeated):
    X = repeated.data[:100]
    theta, std = repeated.fitted.predict(X, return_std=True)
    for scale in (1000.0, 1e-9):
        scaled, scaled_std = repeated.fitted.predict(X * scale, return_std=True)
        for ours, theirs in ((theta, scaled), (std, scaled_std)):
            np.testing.assert_allclose(theirs, ours * [1, scale, 1], rtol=1e-6)


def test_times_and_lengths_may_be_in_any_scale(repeated, default_protocol):
    X = repeated.data[:50]
    stretched = default_protocol.replace(pixel_size=7.598, bleach_region=Circle(150.0))
    slower = default_protocol.replace(frame_interval=2.65)
    theta = LeastSquaresFRAP(default_protocol).fit(X).predict(X)
    for protocol, shift in ((stretched, 2), (slower, -1)):
        scaled = LeastSquaresFRAP(protocol).fit(X).predict(X)
        np.testing.assert_allclose(scaled, theta + np.array([shift, 0, 0]), atol=1e-6)


def test_a_curve_alone_is_the_curve_in_its_batch(table_1):
    X = table_1.data[:5000]  # more than a chunk
    together = table_1.fitted.predict(X)
    for k in (0, 17, 2047, 2048, 4999):
        alone = table_1.fitted.predict(X[k : k + 1])[0]
        np.testing.assert_allclose(alone, together[k], rtol=1e-7, atol=1e-9)
    order = np.random.default_rng(0).permutation(5000)
    shuffled = table_1.fitted.predict(X[order])
    np.testing.assert_allclose(shuffled, together[order], rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_residuals_are_called_correlated_of_few_right_models_and_of_most_wrong_ones(table_1):
    said = ["residuals" in flag for flag in table_1.fitted.estimate(table_1.data).flags]
    # Of 20,000 right ones 4 are expected.
    assert 0 < sum(said) < 14
    X = FRAPSimulator(prior=WELL_DETERMINED | {"mobile_fraction": 0.95}, random_state=0)
    flags = table_1.fitted.estimate(X.sample(100).data).flags
    assert np.mean(["residuals are correlated" in flag for flag in flags]) > 0.9


def test_noise_that_is_larger_than_given_is_flagged():
    prior = WELL_DETERMINED | {"b": 1e-3}
    X = FRAPSimulator(prior=prior, noise="proportional", random_state=0).sample(50).data
    for factor, expected in ((1.0, False), (0.4, True)):
        fixed = {"a": factor * 1e-3, "b": factor * 1e-3}
        fitted = LeastSquaresFRAP(PAPER, noise="proportional", fixed=fixed).fit(X)
        said = ["larger than the given noise" in flag for flag in fitted.estimate(X).flags]
        assert said == [expected] * 50


def test_flags_of_ordinary_curves(repeated):
    estimates = repeated.fitted.estimate(repeated.data[:300])
    assert set(estimates.flags) == {""}
    assert set(estimates.at_bound) == {""}
    assert not estimates.poorly_determined.any()
    assert estimates.converged.all()
    assert all("µm²/s" in line and "95 %" in line for line in estimates.summary())


@pytest.mark.parametrize(
    ("setting", "flag"),
    [
        ({"alpha": 1.0}, "no bleaching"),
        ({"D": 1e-5, "a": 1e-4}, "lower bound"),
        ({"D": 1e7, "a": 1e-4}, "upper bound"),
    ],
)
@pytest.mark.slow
def test_flags_of_curves_that_tell_nothing(setting, flag, default_fitted):
    sample = FRAPSimulator(prior=WELL_DETERMINED | setting, random_state=4).sample(200)
    estimates = default_fitted.estimate(sample.data)
    assert estimates.poorly_determined.mean() > 0.95
    # By chance alone half of the fits end a little inside a bound.
    assert np.mean([flag in text for text in estimates.flags]) > 0.4
    # Without bleaching to see there is no D; else there is one, flagged.
    unseen = np.array(["no bleaching" in text for text in estimates.flags])
    np.testing.assert_array_equal(np.isnan(estimates.D_um2_s), unseen)
    seen = ~unseen
    assert (estimates.D_um2_s_lower <= estimates.D_um2_s)[seen].all()
    assert (estimates.D_um2_s <= estimates.D_um2_s_upper)[seen].all()


def test_flat_noise_is_no_bleaching(default_fitted):
    X = 0.7 + 0.003 * np.random.default_rng(0).normal(size=(1000, 110))
    estimates = default_fitted.estimate(X)
    assert estimates.poorly_determined.mean() > 0.99
    assert np.mean(["no bleaching" in text for text in estimates.flags]) > 0.98


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_curves_are_flagged(value, default_fitted):
    estimates = default_fitted.estimate(np.full((1, 110), value))
    assert "no bleaching" in estimates.flags[0]
    assert estimates.c0[0] == pytest.approx(value)


def test_y_sets_the_columns_of_predictions():
    sample = FRAPSimulator(SMALL, random_state=0).sample(30)
    X, y = sample.data, sample.target
    whole = LeastSquaresFRAP(SMALL).fit(X).predict(X)
    assert whole.shape == (30, 3)
    np.testing.assert_array_equal(LeastSquaresFRAP(SMALL).fit(X, y).predict(X), whole)
    np.testing.assert_array_equal(LeastSquaresFRAP(SMALL).fit(X, y[:, :2]).predict(X), whole[:, :2])
    one_column = LeastSquaresFRAP(SMALL).fit(X, y[:, 0])
    theta, std = one_column.predict(X, return_std=True)
    np.testing.assert_array_equal(theta, whole[:, 0])
    assert std.shape == (30,)
    assert one_column.estimate(X).alpha.shape == (30,)
    # Nothing is learnt from y or its weights.
    with pytest.warns(UserWarning, match="y has no names"):  # it is that of other curves
        other = LeastSquaresFRAP(SMALL).fit(X, y[::-1], sample_weight=sample.sample_weight)
    np.testing.assert_array_equal(other.predict(X), whole)


def test_score_takes_sample_weight(table_1):
    X, y, weight = (table_1[key][:500] for key in ("data", "target", "sample_weight"))
    plain = table_1.fitted.score(X, y)
    weighted = table_1.fitted.score(X, y, sample_weight=weight)
    assert 0.99 < plain < weighted < 1  # noisy curves weigh less
    zeroed = table_1.fitted.score(X, y, sample_weight=np.arange(500) < 100)
    assert zeroed == pytest.approx(table_1.fitted.score(X[:100], y[:100]))


def test_attributes_of_a_fit(repeated, default_protocol):
    fitted = LeastSquaresFRAP(PAPER, bounds={"D": (0.5, 50)}).fit(repeated.data)
    assert fitted.protocol_ == default_protocol
    assert fitted.bounds_["D"] == (0.5, 50)
    assert fitted.bounds_["alpha"] == (0, 1)
    assert fitted.target_names_ == ["log10_D", "c0", "alpha"]
    assert fitted.n_features_in_ == 110
    import skfrap

    assert fitted.skfrap_version_ == skfrap.__version__


def test_bounds_beyond_the_default_range():
    model = DiffusionModel(SMALL)
    wide = {"D": (1e-3 * model.D_range[0], 10 * model.D_range[1])}
    fitted = LeastSquaresFRAP(SMALL, bounds=wide).fit(np.ones((1, SMALL.n_frames)))
    D = 0.1 * model.D_range[0]
    curve = model.curves(D, 1.0, 0.3)
    assert fitted.predict(curve)[0, 0] == pytest.approx(np.log10(D), abs=1e-4)


def test_protocol_is_guessed_from_the_width():
    with pytest.warns(UserWarning, match="protocol is None: the 33 columns"):
        fitted = LeastSquaresFRAP().fit(np.ones((2, 33)))
    assert fitted.protocol_.n_frames == 33
    assert fitted.predict(np.ones((2, 33))).shape == (2, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bounds": {"D": (10, 1)}}, r"bounds\['D'\]"),
        ({"bounds": {"D": (0, 1)}}, r"bounds\['D'\]"),
        ({"bounds": {"D": (1, np.inf)}}, r"bounds\['D'\]"),
        ({"bounds": {"D": (1, np.nan)}}, r"bounds\['D'\]"),
        ({"bounds": {"D": 5}}, r"bounds\['D'\]"),
        ({"bounds": {"alpha": (0.5, 1.5)}}, r"bounds\['alpha'\]"),
        ({"bounds": {"c0": (-1, 1)}}, r"bounds\['c0'\]"),
        ({"bounds": {"log10_D": (0, 3)}}, "log10_D"),
        ({"bounds": {"a": (1e-4, 1e-2)}}, "bounds.*'a'"),
        ({"protocol": SMALL}, "34 frames"),
        ({"init": "best"}, "init"),
        ({"init": [[1.0, 0.8]]}, "init"),
        ({"init": np.ones((3, 3))}, "init"),
        ({"init": "random", "n_init": 0}, "n_init"),
        ({"max_nfev": 0}, "max_nfev"),
        ({"tol": -1.0}, "tol"),
    ],
)
def test_errors_name_the_argument(options, message):
    X = np.ones((5, 110))
    with pytest.raises(ValueError, match=message):
        LeastSquaresFRAP(**({"protocol": PAPER} | options)).fit(X).predict(X)


def test_errors_of_the_data(repeated):
    X, y = repeated.data[:5].copy(), repeated.target[:5]
    with pytest.raises(NotFittedError):
        LeastSquaresFRAP(PAPER).predict(X)
    with pytest.raises(ValueError, match="features"):
        repeated.fitted.predict(X[:, :-1])
    with pytest.raises(ValueError, match="y must have the columns"):
        LeastSquaresFRAP(PAPER).fit(X, np.ones((5, 4)))
    with pytest.raises(ValueError, match="samples"):
        LeastSquaresFRAP(PAPER).fit(X, y[:4])
    for level in (0.0, 1.0, 95):
        with pytest.raises(ValueError, match="level"):
            repeated.fitted.predict_interval(X, level=level)
    for bad in (np.nan, np.inf):
        X[2, 50] = bad
        for method in (
            repeated.fitted.predict,
            repeated.fitted.estimate,
            LeastSquaresFRAP(PAPER).fit,
        ):
            with pytest.raises(ValueError, match=r"NaN|infinity"):
                method(X)


def test_clone_pickle_and_joblib_predict_the_same(repeated, tmp_path):
    X = repeated.data[:40]
    expected = repeated.fitted.predict(X)
    cloned = clone(repeated.fitted)
    with pytest.raises(NotFittedError):
        cloned.predict(X)
    joblib.dump(repeated.fitted, tmp_path / "fit.joblib")
    for other in (
        cloned.fit(X),
        pickle.loads(pickle.dumps(repeated.fitted)),
        joblib.load(tmp_path / "fit.joblib"),
    ):
        np.testing.assert_array_equal(other.predict(X), expected)
    assert (tmp_path / "fit.joblib").stat().st_size < 2e6


def test_model_selection_over_bounds():
    sample = FRAPSimulator(SMALL, random_state=0, prior={"D": WELL_DETERMINED["D"]}).sample(60)
    X, y, weight = sample.data, sample.target, sample.sample_weight
    narrow = {"D": (500, 1000)}
    assert cross_val_score(LeastSquaresFRAP(SMALL), X, y, cv=3).shape == (3,)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = (
            LeastSquaresFRAP(SMALL)
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=True)
        )
        search = GridSearchCV(estimator, {"bounds": [narrow, None]}, cv=3)
        search.fit(X, y[:, 1:2], sample_weight=weight)
        scores = cross_val_score(estimator, X, y, cv=3, params={"sample_weight": weight})
    assert search.best_params_ == {"bounds": None}
    assert scores.shape == (3,)


def test_three_frames_are_too_few_to_judge():
    protocol = FRAPProtocol(n_prebleach=1, n_postbleach=2)
    X = FRAPSimulator(protocol, random_state=0).sample(5).data
    estimates = LeastSquaresFRAP(protocol).fit(X).estimate(X)
    assert all("too few frames" in flag for flag in estimates.flags)
    assert estimates.poorly_determined.all()


def test_bleaching_everything_tells_nothing_of_D():
    protocol = FRAPProtocol(
        shape=(20, 20), pixel_size=1.0, bleach_region=Rectangle(20.0, 20.0), padding=0
    )
    X = FRAPSimulator(protocol, random_state=0).sample(5).data
    estimates = LeastSquaresFRAP(protocol).fit(X).estimate(X)
    assert estimates.poorly_determined.all()


FOUR = ("D", "c0", "alpha", "mobile_fraction")


def test_mobile_fraction_is_recovered_and_its_intervals_cover():
    prior = {"D": loguniform(3, 300), "mobile_fraction": uniform(0.3, 0.6), "a": 1e-4}
    simulator = FRAPSimulator(prior=prior, random_state=5)
    clean = simulator.curves(simulator.sample(50).target)
    sample = simulator.sample(2000)
    least_squares = LeastSquaresFRAP(PAPER, parameters=FOUR).fit(sample.data, sample.target)
    assert least_squares.target_names_ == simulator.target_names
    np.testing.assert_allclose(
        least_squares.predict(clean), simulator.sample(50).target, rtol=0, atol=1e-6
    )
    intervals = least_squares.predict_interval(sample.data)
    target = sample.target[:, :, np.newaxis]
    inside = (intervals[:, :, :1] <= target) & (target <= intervals[:, :, 1:])
    np.testing.assert_allclose(inside.mean(axis=(0, 2)), 0.95, atol=0.02)


def test_fixed_parameters_are_what_they_are_and_free_ones_may_come_in_any_order():
    prior = {"mobile_fraction": 0.6, "alpha": 0.7, "a": 1e-4}
    sample = FRAPSimulator(prior=prior, random_state=6).sample(50)
    fixed = {"mobile_fraction": 0.6, "alpha": 0.7}
    least_squares = LeastSquaresFRAP(PAPER, parameters=("c0", "D"), fixed=fixed).fit(sample.data)
    assert least_squares.target_names_ == ["c0", "log10_D"]
    c0, log10_D = least_squares.predict(sample.data).T
    np.testing.assert_allclose(c0, sample.target[:, 1], atol=2e-3)
    np.testing.assert_allclose(log10_D, sample.target[:, 0], atol=0.1)
    estimates = least_squares.estimate(sample.data)
    assert (estimates.alpha == 0.7).all()
    assert (estimates.mobile_fraction == 0.6).all()
    same = LeastSquaresFRAP(
        FRAPProtocol(), bounds={"alpha": (0.6999, 0.7001)}, fixed={"mobile_fraction": 0.6}
    )
    np.testing.assert_allclose(same.fit(sample.data).predict(sample.data)[:, 0], log10_D, atol=1e-2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameters": ("D", "k")}, "parameters must be some of"),
        ({"parameters": ("D", "c0")}, r"\['alpha'\] must be among"),
        ({"fixed": {"D": 3.0}, "parameters": ("D", "c0", "alpha")}, "not among the parameters"),
        ({"fixed": {"mobile_fraction": 2.0}}, "number between"),
        ({"bounds": [1, 2]}, "bounds must be a dictionary"),
        ({"bounds": {"mobile_fraction": (0.1, 1)}}, "bounds can be given for the parameters"),
        ({"protocol": "x"}, "protocol must be a FRAPProtocol"),
    ],
)
def test_wrong_parameters_are_refused_in_words(options, message):
    X = FRAPSimulator(random_state=0).sample(3).data
    with pytest.raises(ValueError, match=message):
        LeastSquaresFRAP(**({"protocol": PAPER} | options)).fit(X)


def test_one_column_of_y_gives_one_column_of_everything():
    sample = FRAPSimulator(random_state=0).sample(20)
    least_squares = LeastSquaresFRAP(PAPER).fit(sample.data, sample.target[:, 0])
    assert least_squares.predict(sample.data).shape == (20,)
    assert least_squares.predict_interval(sample.data).shape == (20, 1, 2)
    assert least_squares.fit_curves(sample.data).shape == sample.data.shape


@pytest.mark.slow
def test_threads_leave_the_process_as_it_was():
    sample = FRAPSimulator(random_state=0).sample(100)
    least_squares = LeastSquaresFRAP(PAPER).fit(sample.data)
    with threadpool_limits(2):  # which nothing here sets, and one core has too
        before = [library["num_threads"] for library in threadpool_info()]
        with ThreadPool(4) as pool:
            pool.map(least_squares.predict, [sample.data] * 16)
        assert [library["num_threads"] for library in threadpool_info()] == before
