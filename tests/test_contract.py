"""What every estimator can be asked, whatever the shape of y: one contract for all of them."""

from functools import cache

import matplotlib.pyplot
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform, uniform

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    MeasuredStartFRAP,
    NeuralFRAP,
)
from skfrap.comparison import compare_models
from skfrap.judging import judge_fits, judge_pixels
from skfrap.plotting import (
    CoverageDisplay,
    EstimatedVersusTrueDisplay,
    RecoveryCurveDisplay,
    ResidualsDisplay,
)
from skfrap.preprocessing import RingExtractor
from skfrap.replicates import compare_methods, summarise_replicates
from skfrap.results import Finding

PROTOCOL = FRAPProtocol(
    shape=(48, 48), pixel_size=1.0, bleach_region=Circle(8.0), n_prebleach=5, n_bleach=2,
    n_postbleach=30, padding=24,
)  # fmt: skip
PRIOR = {
    "D": loguniform(1.0, 100.0),
    "c0": uniform(0.5, 0.5),
    "alpha": uniform(0.3, 0.5),
    "a": 1e-3,
}
TRUTH = {"D": 20.0, "c0": 0.8, "alpha": 0.5, "a": 1e-3}
SHAPES = {"no y": None, "one dimension": 0, "one column": 1, "two columns": 2, "all columns": 3}


@pytest.fixture(scope="module")
def sample():
    return FRAPSimulator(PROTOCOL, PRIOR, random_state=0).sample(400)


@pytest.fixture(scope="module")
def curves():
    return FRAPSimulator(PROTOCOL, TRUTH, random_state=1).sample(12)


def least_squares(sample, y):
    return LeastSquaresFRAP(PROTOCOL).fit(sample.data, y)


def posterior(sample, y):
    return BayesianFRAP(PROTOCOL, PRIOR, n_nodes=8).fit(sample.data, y)


def network(sample, y):
    # Of all three kinds the only one that learns.
    options = {"hidden_layer_sizes": (8, 8), "max_iter": 60, "batch_size": 64, "random_state": 0}
    bounds = {"alpha": (0.3, 0.8)}
    estimator = NeuralFRAP(PROTOCOL, bounds=bounds, early_stopping=True, **options)
    return estimator.fit(sample.data, sample.target if y is None else y)


@pytest.fixture(scope="module")
def rings():
    """What a measured start is estimated from, of the same experiment."""
    images = FRAPSimulator(PROTOCOL, TRUTH, random_state=1).sample_images(4)
    return RingExtractor(PROTOCOL).fit_transform(images.data)


def measured_start(rings, y):
    return MeasuredStartFRAP(PROTOCOL).fit(rings, y)


def columns_of(y, n_columns):
    if n_columns is None:
        return None
    return y[:, 0] if n_columns == 0 else y[:, :n_columns]


@pytest.fixture(scope="module", params=SHAPES, ids=lambda name: name.replace(" ", "_"))
def n_columns(request):
    return SHAPES[request.param]


@pytest.fixture(scope="module")
def fitted(sample, rings):
    """Fit an estimator of a kind to so many columns of y, once."""

    @cache
    def fit(kind, n_columns):
        if kind is measured_start:
            y = np.full((len(rings), 1), np.log10(20.0))
            return kind(rings, columns_of(y, n_columns))
        return kind(sample, columns_of(sample.target, n_columns))

    return fit


@pytest.fixture(
    scope="module", params=[least_squares, posterior, network], ids=lambda f: f.__name__
)
def estimator(request, fitted, n_columns):
    return fitted(request.param, n_columns)


@pytest.fixture(
    scope="module",
    params=[least_squares, posterior, network, measured_start],
    ids=lambda f: f.__name__,
)
def any_of_all(request, fitted, curves, rings, n_columns):
    """An estimator, whatever it knows, with X, its columns and the shape of its answers."""
    n_targets, X = (1, rings) if request.param is measured_start else (3, curves.data)
    if (n_columns or 0) > n_targets:
        pytest.skip("it has one target")
    n = n_targets if n_columns is None else n_columns
    shape = (len(X),) if n == 0 else (len(X), n)
    return fitted(request.param, n_columns), X, max(n, 1), shape


def test_predictions_have_the_shape_of_y(any_of_all):
    estimator, X, _, shape = any_of_all
    theta, std = estimator.predict(X, return_std=True)
    assert theta.shape == std.shape == estimator.predict(X).shape == shape
    assert_array_equal(theta, estimator.predict(X))
    assert (std > 0).all()


def test_intervals_have_one_shape_and_their_ends_are_in_order(any_of_all):
    estimator, X, n, _ = any_of_all
    narrow, wide = (estimator.predict_interval(X, level) for level in (0.5, 0.95))
    assert narrow.shape == wide.shape == (len(X), n, 2)
    assert (wide[..., 0] <= narrow[..., 0]).all()
    assert (narrow[..., 0] <= narrow[..., 1]).all()
    assert (narrow[..., 1] <= wide[..., 1]).all()
    for level in (0.0, 1.0, 95, "0.95"):
        with pytest.raises(ValueError, match="level must lie between 0 and 1"):
            estimator.predict_interval(X, level)


def test_estimates_tell_values_intervals_noise_and_findings(any_of_all):
    estimator, X, _, _ = any_of_all
    estimates = estimator.estimate(X, level=0.9)
    assert len(estimates) == len(X)
    assert estimates.level == 0.9
    for name in ("D",) if isinstance(estimator, MeasuredStartFRAP) else ("D", "c0", "alpha"):
        low, value, high = (
            part[name] for part in (estimates.lower, estimates.values, estimates.upper)
        )
        assert (low <= value).all()
        assert (value <= high).all()
    assert_allclose(np.median(estimates.D_um2_s), 20.0, rtol=0.3)
    assert (estimates.noise_a > 0).all()
    assert estimates.converged.all()
    assert all(isinstance(one, Finding) for some in estimates.findings for one in some)
    assert {*estimates.to_dict()} >= {"D_um2_s", "D_um2_s_lower", "flags", "findings", "converged"}
    assert len(estimates.summary()) == len(X)


def test_a_fit_keeps_all_that_was_fitted(estimator, curves):
    fit = estimator.fit_results(curves.data)
    again = estimator.estimate(curves.data).fit
    assert_array_equal(again.theta, fit.theta)
    assert_array_equal(fit.data, curves.data)
    assert_allclose(fit.residuals, curves.data - fit.curves)
    assert_allclose(fit.residual_sum_of_squares, np.sum(fit.residuals**2, axis=1), rtol=1e-6)
    places = [fit.space.target_names.index(name) for name in estimator.target_names_]
    assert fit.covariance.shape == (12, len(fit.space.free), len(fit.space.free))
    answered = estimator.predict(curves.data).reshape(12, -1)
    assert_array_equal(fit.theta[:, places], answered)


def test_curves_belong_to_parameters(estimator, curves):
    fit = estimator.fit_results(curves.data)
    assert_allclose(estimator.curves(fit.theta), fit.curves, rtol=1e-12)
    assert_array_equal(estimator.fit_curves(curves.data), fit.curves)
    assert_array_equal(estimator.fitted_curves(fit.theta), estimator.curves(fit.theta))
    values = estimator.natural_parameters(fit.theta)
    assert {*values} == {*estimator.model_.defaults()} == {*estimator.space_.names}
    assert_allclose(estimator.model_.curves(**values), fit.curves, atol=1e-6)
    with pytest.raises(ValueError, match="theta must have the columns"):
        estimator.curves(np.ones((2, 7)))


def test_tangents_are_the_slopes_of_curves(estimator, curves):
    theta = estimator.fit_results(curves.data[:3]).theta
    tangents = estimator.tangents(theta)
    for column, tangent in enumerate(tangents.swapaxes(0, 1)):
        step = np.zeros(theta.shape[1])
        step[column] = 1e-5
        slope = (estimator.curves(theta + step) - estimator.curves(theta - step)) / 2e-5
        assert_allclose(tangent, slope, atol=1e-5)


def test_names_and_bounds_agree(estimator, n_columns):
    names = estimator.space_.target_names
    assert names == ["log10_D", "c0", "alpha"]
    assert estimator.target_names_ == names[: {None: 3, 0: 1}.get(n_columns, n_columns)]
    assert [entry.target_name for entry in estimator.space_.parameters] == names
    assert {*estimator.space_.free} <= {*estimator.bounds_}
    assert estimator.protocol_ == PROTOCOL


@pytest.mark.slow
def test_all_of_it_can_be_asked_of_every_estimator(any_of_all):
    estimator, X, n, shape = any_of_all
    assert [*estimator.target_names_] == estimator.space_.target_names[:n]
    assert {*estimator.space_.free} <= {*estimator.bounds_}
    assert estimator.protocol_ == PROTOCOL
    answers = estimator.predict(X)
    assert estimator.score(X, answers + 1e-3 * np.arange(answers.size).reshape(shape)) < 1
    for ask in (
        "estimate",
        "fit_results",
        "fit_curves",
        "curves",
        "natural_parameters",
        "tangents",
    ):
        assert callable(getattr(estimator, ask))
    estimates = estimator.estimate(X)
    summary = summarise_replicates(estimates)
    assert summary.n[0] + summary.n_left_out[0] == len(X)
    compare_methods({"one": estimates, "itself": estimates})


@pytest.mark.slow
def test_displays_take_every_estimator(estimator, curves, n_columns):
    X = curves.data
    width = {None: 3, 0: 1}.get(n_columns, n_columns)
    truth = np.tile([np.log10(20.0), 0.8, 0.5], (12, 1))[:, :width]
    display = RecoveryCurveDisplay.from_estimator(estimator, X, index=2)
    assert_allclose(display.fitted, estimator.fit_curves(X[[2]])[0])
    assert display.deviations is not None
    ResidualsDisplay.from_estimator(estimator, X, index=1)
    EstimatedVersusTrueDisplay.from_estimator(estimator, X, truth)
    coverage = CoverageDisplay.from_estimator(estimator, X, truth, levels=[0.5, 0.95])
    assert coverage.coverage.shape == (2, width)
    matplotlib.pyplot.close("all")


def test_residuals_replicates_and_comparisons_take_every_estimator(estimator, curves):
    X = curves.data
    assert judge_fits(estimator, X).p_value.shape == (12,)
    stack = FRAPSimulator(PROTOCOL, TRUTH, random_state=1).sample_images(1).data[0]
    theta = estimator.fit_results(X).theta
    assert 0.9e-3 < judge_pixels(estimator, stack, theta[0]).variance < 5e-3
    estimates = estimator.estimate(X)
    summary = summarise_replicates(estimates)
    assert summary.n[0] + summary.n_left_out[0] == 12
    other = LeastSquaresFRAP(PROTOCOL).fit(X).estimate(X)
    compare_methods({"one": estimates, "other": other})
    comparison = compare_models(X, {"one": estimator, "other": LeastSquaresFRAP(PROTOCOL)})
    assert comparison.models == ("one", "other")
    assert len(comparison.to_records()) == 24


@pytest.mark.parametrize("protocol", [None, PROTOCOL])
def test_a_network_without_all_of_a_model_says_so(sample, protocol):
    options = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, "features": "raw"}
    estimator = NeuralFRAP(protocol, **options).fit(sample.data, sample.target[:, [2, 0]])
    assert estimator.target_names_ == (["y0", "y1"] if protocol is None else ["alpha", "log10_D"])
    assert estimator.model_ is None
    assert estimator.space_ is None
    assert estimator.predict_interval is not None
    for ask in (estimator.estimate, estimator.fit_results, estimator.fit_curves, estimator.curves):
        with pytest.raises(ValueError, match="knows a model"):
            ask(sample.data[:2])


def test_a_network_that_was_not_taught_its_errors_says_so(sample):
    options = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
    bounds = {"alpha": (0.3, 0.8)}
    estimator = NeuralFRAP(PROTOCOL, bounds=bounds, **options).fit(sample.data, sample.target)
    estimates = estimator.estimate(sample.data[:2])
    assert np.isnan(estimates.D_um2_s_lower).all()
    assert np.isfinite(estimates.D_um2_s).all()
    assert estimates.has_finding("interval_unknown").all()


def test_a_network_on_raw_curves_of_a_known_experiment_knows_its_model(sample):
    options = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, "features": "raw"}
    estimator = NeuralFRAP(PROTOCOL, **options).fit(sample.data, sample.target)
    fit = estimator.fit_results(sample.data[:2])
    assert_allclose(estimator.model_.curves(**fit.values()), fit.curves, rtol=1e-10)


@pytest.mark.parametrize("kind", [LeastSquaresFRAP, BayesianFRAP])
def test_an_assumed_experiment_is_named(kind):
    X = FRAPSimulator(random_state=0).sample(2).data[:, 40:60]
    message = r"protocol is None: the 20 columns of X .* 1 frames before .* 0\.265 s .* 15 µm"
    with pytest.warns(UserWarning, match=message):
        kind().fit(X)
