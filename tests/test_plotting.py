"""Displays draw what they are given."""

from types import SimpleNamespace

import matplotlib.pyplot
import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.stats import norm
from scipy.stats import t as student_t
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skfrap import BayesianFRAP, Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.calibration import calibrate_noise
from skfrap.comparison import compare_models
from skfrap.design import plan
from skfrap.plotting import (
    CoverageDisplay,
    EstimatedVersusTrueDisplay,
    ExperimentPlanDisplay,
    ModelComparisonDisplay,
    NoiseCalibrationDisplay,
    PosteriorDisplay,
    ProfileDisplay,
    RecoveryCurveDisplay,
    ReplicatesDisplay,
    ResidualsDisplay,
    plot_analysis,
)
from skfrap.plotting._style import new_axes, write_plainly
from skfrap.replicates import summarise_replicates
from skfrap.results import Finding, FRAPEstimates

PAPER = FRAPProtocol()

matplotlib.use("Agg")


@pytest.fixture
def display():
    X = FRAPSimulator(random_state=0).sample(3).data
    display = RecoveryCurveDisplay.from_estimator(LeastSquaresFRAP(PAPER).fit(X), X, index=1)
    yield display
    matplotlib.pyplot.close(display.figure_)


def test_curve_fit_and_residuals_are_drawn_with_units(display):
    measured = display.ax_.lines[0]
    np.testing.assert_array_equal(measured.get_xdata(), display.protocol.times)
    np.testing.assert_array_equal(measured.get_ydata(), display.curve)
    residuals = display.residual_ax_.lines[0].get_ydata()
    np.testing.assert_allclose(residuals, display.curve - display.fitted)
    assert "(s)" in display.residual_ax_.get_xlabel()


def test_the_band_holds_most_measurements_and_spares_the_bleaching(display):
    inside = np.abs(display.curve - display.fitted) < 1.96 * display.deviations
    assert inside.mean() > 0.85
    bands = [c for c in display.residual_ax_.collections if len(c.get_paths())]
    ends = [band.get_datalim(display.residual_ax_.transData).intervalx for band in bands]
    times, n_prebleach = display.protocol.times, display.protocol.n_prebleach
    np.testing.assert_allclose(ends[0], times[[0, n_prebleach - 1]])
    np.testing.assert_allclose(ends[1], times[[n_prebleach, -1]])


def test_display_draws_into_given_axes(display):
    figure, axes = matplotlib.pyplot.subplots(2, 1)
    again = RecoveryCurveDisplay.from_predictions(
        display.protocol, display.curve, display.fitted, axes=axes, title="a title"
    )
    assert again.figure_ is figure
    assert axes[0].get_title(loc="left") == "a title"
    matplotlib.pyplot.close(figure)


ONE = {"D": 149.5}, {"D": 146.7}, {"D": 152.3}
BINDING = (
    {"D": 29.84, "k_on": 0.4448, "k_off": 0.4761, "mobile_fraction": 0.86, "D_effective": 15.43},
    {"D": 20.87, "k_on": 0.3799, "k_off": 0.4254, "mobile_fraction": 0.82, "D_effective": 11.97},
    {"D": 42.66, "k_on": 0.5209, "k_off": 0.5329, "mobile_fraction": 0.9, "D_effective": 19.88},
    Finding.of(
        "undetermined_together",
        "D, k_on, k_off are not determined together",
        "D,k_on,k_off",
        "use D_effective",
    ),
    Finding.of(
        "residuals_correlated", "residuals are correlated: the model does not describe the curve"
    ),
)


def written(values, lower, upper, *findings):
    """Estimates of one curve, as they are written over a picture."""
    values, lower, upper = (
        {name: np.array([value]) for name, value in ends.items()} for ends in (values, lower, upper)
    )
    none = np.zeros(1)
    return FRAPEstimates(
        values, lower, upper, none, None, none, none == 0, np.array([""]), (findings,)
    )


@pytest.mark.parametrize("estimates", [written(*ONE), written(*BINDING)], ids=["D", "binding"])
def test_title_stays_in_the_picture(estimates):
    (summary,) = estimates.summary()
    protocol = FRAPProtocol(shape=(32, 32), bleach_region=Circle(5.0), n_postbleach=20)
    images = np.random.default_rng(0).uniform(size=(2, 32, 32))
    analysis = SimpleNamespace(
        name="cell",
        protocol=protocol,
        curve=np.full(30, 0.5),
        fitted=np.full(30, 0.5),
        estimates=estimates,
        prebleach=images[0],
        bleached=images[1],
        start="told",
        aligned=False,
    )
    figure = plot_analysis(analysis)
    figure.canvas.draw()
    ax = next(ax for ax in figure.axes if "intensity in region" in ax.get_ylabel())
    title = ax.get_title(loc="left")
    assert title.replace("\n", " ") == summary.replace("; ", " ").replace("), ", ") ")
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height
    assert ax.get_window_extent().height > 0.4 * 4.8 * figure.dpi
    matplotlib.pyplot.close(figure)


@pytest.fixture(scope="module")
def calibration():
    rng = np.random.default_rng(0)
    light = np.linspace(0.1, 0.9, 64) * np.ones((20, 32, 1))
    return calibrate_noise(light + np.sqrt(1e-4 + 1e-3 * light) * rng.standard_normal(light.shape))


def test_noise_calibration_is_drawn_with_its_line(calibration):
    figure, ax = matplotlib.pyplot.subplots()
    display = NoiseCalibrationDisplay.from_calibration(calibration, ax=ax, title="a title")
    assert display.figure_ is figure
    assert ax.get_title(loc="left") == "a title"
    line = next(line for line in ax.lines if line.get_label() == "a + b × intensity")
    np.testing.assert_allclose(line.get_ydata(), calibration.variance(line.get_xdata()))
    assert line.get_xdata()[0] == 0
    (points,) = ax.containers
    np.testing.assert_array_equal(points[0].get_ydata(), calibration.bin_variance)
    matplotlib.pyplot.close(figure)


def test_noise_that_is_not_known_apart_is_drawn_and_said():
    rng = np.random.default_rng(0)
    calibration = calibrate_noise(0.5 + 0.02 * rng.standard_normal((8, 32, 32)))
    display = NoiseCalibrationDisplay.from_calibration(calibration)
    assert "not known apart" in display.ax_.get_title(loc="left")
    display.figure_.canvas.draw()
    matplotlib.pyplot.close(display.figure_)


def plan_of(D, vary, a=1e-3):
    protocol = FRAPProtocol(
        shape=(48, 48), pixel_size=1.0, bleach_region=Circle(8.0), n_postbleach=20, padding=24
    )
    return plan(protocol, {"D": D, "c0": 0.7, "alpha": 0.6}, vary, a=a)


@pytest.fixture
def close_figures():
    yield
    matplotlib.pyplot.close("all")


def drawn_lines(display):
    """What is drawn solid: labels and values, in percent."""
    lines = [line for line in display.ax_.lines if line.get_linestyle() == "-"]
    return {line.get_label(): (line.get_xdata(), line.get_ydata()) for line in lines}


@pytest.mark.usefixtures("close_figures")
def test_plan_is_drawn_against_D_with_a_line_per_experiment():
    choice = plan_of(np.geomspace(1, 100, 5), {"frame_interval": [0.1, 0.5, 2.0]})
    display = ExperimentPlanDisplay.from_plan(choice, title="a title")
    lines = drawn_lines(display)
    assert [*lines] == ["0.1", "0.5", "2"]
    for interval, one in zip(choice.settings["frame_interval"], choice.expected, strict=True):
        x, y = lines[f"{interval:g}"]
        np.testing.assert_array_equal(x, one.values["D"])
        expected = np.where(one.determined, 100 * one.relative_error("D"), np.nan)
        np.testing.assert_allclose(y, expected)
    ax = display.ax_
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert ax.get_xlabel() == "D (µm²/s)"
    assert ax.get_ylabel() == "expected standard error of D (%)"
    assert ax.get_legend().get_title().get_text() == "frame interval (s)"
    assert ax.get_title(loc="left") == "a title"


@pytest.mark.usefixtures("close_figures")
def test_plan_is_drawn_against_a_setting_with_the_worst_over_D():
    vary = {"radius": [4.0, 8.0, 12.0], "n_bleach": [1, 4]}
    choice = plan_of([5.0, 50.0], vary, a=1e-5)
    figure, ax = matplotlib.pyplot.subplots()
    display = ExperimentPlanDisplay.from_plan(choice, x="radius", ax=ax)
    assert display.figure_ is figure
    lines = drawn_lines(display)
    assert [*lines] == ["1", "4"]
    for n_bleach, (radius, error) in lines.items():
        for k in np.flatnonzero(choice.settings["n_bleach"] == int(n_bleach)):
            drawn = error[radius == choice.settings["radius"][k]]
            np.testing.assert_allclose(drawn, 100 * choice.error[k])
    assert ax.get_xlabel() == "bleach radius (µm)"
    assert "at worst of 5 to 50 µm²/s" in ax.get_ylabel()


@pytest.mark.usefixtures("close_figures")
def test_plan_of_many_experiments_shows_the_best_within_the_picture():
    vary = {"frame_interval": [0.1, 0.2, 0.5, 1.0], "radius": [1.0, 4.0, 8.0]}
    choice = plan_of([1.0, 10.0, 500.0], vary, a=3e-2)
    assert not choice.determined.all()
    display = ExperimentPlanDisplay.from_plan(choice)
    best = {
        f"{interval:g}, {radius:g}"
        for interval, radius in zip(*(choice.settings[name][:8] for name in vary), strict=True)
    }
    assert {*drawn_lines(display)} == best
    legend = display.ax_.get_legend()
    assert "best 8 of 12" in legend.get_title().get_text()
    assert "not determined" in [text.get_text() for text in legend.get_texts()]
    display.figure_.canvas.draw()
    drawn = display.figure_.get_tightbbox()
    width, height = display.figure_.get_size_inches()
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height


@pytest.mark.usefixtures("close_figures")
def test_plan_chooses_what_to_draw_against():
    vary = {"n_bleach": [1, 2], "frame_interval": [0.1, 0.2, 0.4]}
    assert ExperimentPlanDisplay.from_plan(plan_of(5.0, vary)).ax_.get_xlabel() == (
        "frame interval (s)"
    )
    single = ExperimentPlanDisplay.from_plan(plan_of(5.0, {}))
    assert single.ax_.get_xlabel() == "D (µm²/s)"
    assert single.ax_.get_legend() is None
    with pytest.raises(ValueError, match="x must be one of"):
        ExperimentPlanDisplay.from_plan(plan_of(5.0, vary), x="weather")


@pytest.mark.usefixtures("close_figures")
def test_plan_of_which_nothing_is_known_can_be_drawn():
    choice = plan_of([1e-3, 1e-2], {"n_bleach": [1, 2]}, a=1e6)
    display = ExperimentPlanDisplay.from_plan(choice)
    display.figure_.canvas.draw()
    assert np.isnan([y for _, y in drawn_lines(display).values()]).all()


@pytest.mark.usefixtures("close_figures")
def test_residuals_are_drawn_with_a_verdict():
    protocol = FRAPProtocol(shape=(48, 48), bleach_region=Circle(8.0), n_postbleach=60, padding=24)
    prior = {"D": 10.0, "c0": 0.8, "alpha": 0.4, "mobile_fraction": 0.7, "a": 1e-3}
    X = FRAPSimulator(protocol, prior, random_state=0).sample(2).data
    estimator = LeastSquaresFRAP(protocol).fit(X)
    display = ResidualsDisplay.from_estimator(estimator, X, index=1)
    expected = X[1] - estimator.fit_curves(X)[1]
    drawn = np.concatenate(
        [
            line.get_xydata()
            for line in display.ax_.lines
            if len(line.get_xydata()) > 2  # not the zero line
        ]
    )
    drawn = drawn[drawn[:, 0].argsort()]
    np.testing.assert_allclose(drawn, np.column_stack([protocol.times, expected]), atol=1e-12)
    assert "visibly wrong" in display.ax_.get_title(loc="left")
    assert "(s)" in display.ax_.get_xlabel()
    quantiles, standardised = display.normal_ax_.lines[-1].get_data()
    assert abs(np.mean(quantiles)) < 1e-12
    assert (np.diff(standardised) >= 0).all()


@pytest.mark.usefixtures("close_figures")
def test_residuals_of_a_right_model_are_said_to_be_good():
    protocol = FRAPProtocol(shape=(48, 48), bleach_region=Circle(8.0), n_postbleach=60, padding=24)
    fitted = np.full(protocol.n_frames, 0.7)
    noise = 0.01 * np.random.default_rng(0).standard_normal(protocol.n_frames)
    figure, axes = matplotlib.pyplot.subplots(1, 2)
    display = ResidualsDisplay.from_predictions(protocol, fitted + noise, fitted, 1, axes=axes)
    assert display.figure_ is figure
    assert display.ax_.get_title(loc="left") == "Nothing speaks against the model"


@pytest.mark.usefixtures("close_figures")
def test_replicates_are_drawn_with_means_and_intervals():
    values = np.array([9.0, 10.0, 12.0, 40.0, 55.0])
    groups = ["gel", "gel", "gel", "water", "water"]
    methods = {
        "fit": summarise_replicates(values, 0.05 * values, groups),
        "network": summarise_replicates(1.1 * values, groups=groups),
    }
    display = ReplicatesDisplay.from_summary(methods, title="two samples")
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == [
        "gel\nn = 3",
        "water\nn = 2",
    ]
    assert display.ax_.get_ylabel() == "D (µm²/s)"
    assert display.ax_.get_yscale() == "log"
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["fit", "network"]
    replicates = [container[0].get_ydata() for container in display.ax_.containers]
    expected = [s.values[g] for s in methods.values() for g in range(2)]
    for drawn, value in zip(replicates, expected, strict=True):
        np.testing.assert_allclose(drawn, value)
    means = {line.get_ydata()[0] for line in display.ax_.lines if len({*line.get_ydata()}) == 1}
    assert {*methods["fit"].mean, *methods["network"].mean} <= means
    boxes = [box.get_extents() for c in display.ax_.collections for box in c.get_paths()]
    assert any(box.y0 == pytest.approx(methods["fit"].lower[0]) for box in boxes)


@pytest.mark.usefixtures("close_figures")
@pytest.mark.parametrize("scale", ["log10", "linear"])
def test_replicates_of_one_sample_are_drawn(scale):
    summary = summarise_replicates([24.0, 29.0, 26.0], [1.0, 1.0, 1.0], scale=scale)
    display = ReplicatesDisplay.from_summary(summary)
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["n = 3"]
    assert display.ax_.get_legend() is None
    (replicates,) = display.ax_.containers
    (bars,) = replicates[2]
    low, high = bars.get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((24 - 1.96, 24 + 1.96), rel=0.01)
    display.figure_.canvas.draw()
    # Numbers at the axis are read as they are, also within less than a decade.
    ticks = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert sum(text.isdigit() for text in ticks) >= 3


@pytest.mark.usefixtures("close_figures")
def test_sample_without_a_usable_replicate_is_drawn_empty():
    summary = summarise_replicates([10.0, 11.0, np.nan], groups=["gel", "gel", "water"])
    display = ReplicatesDisplay.from_summary(summary)
    labels = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert labels == ["gel\nn = 2", "water\nn = 0"]
    drawn = [container[0].get_ydata() for container in display.ax_.containers]
    np.testing.assert_allclose(drawn[0], [10.0, 11.0])
    assert len(drawn[1]) == 0
    display.figure_.canvas.draw()


def test_replicates_of_different_things_are_not_drawn_together():
    summaries = {name: summarise_replicates([0.5, 0.6], name=name) for name in ("D", "alpha")}
    with pytest.raises(ValueError, match="one parameter on one scale"):
        ReplicatesDisplay.from_summary(summaries)


@pytest.mark.usefixtures("close_figures")
@pytest.mark.parametrize("mobile_fraction", [1.0, 0.8])
def test_comparison_of_models_is_drawn(mobile_fraction):
    protocol = FRAPProtocol(shape=(48, 48), bleach_region=Circle(8.0), n_postbleach=40, padding=24)
    prior = {"D": 10.0, "c0": 0.8, "alpha": 0.4, "mobile_fraction": mobile_fraction, "a": 1e-3}
    X = FRAPSimulator(protocol, prior, random_state=0).sample(3).data
    models = ["diffusion", "diffusion+mobile_fraction", "exponential"]
    comparison = compare_models(X, models, protocol)
    display = ModelComparisonDisplay.from_comparison(comparison, criterion="aicc", title="cells")
    values = comparison.criteria["aicc"]
    worse = values - values.min(axis=1, keepdims=True)
    drawn = [line.get_xdata() for line in display.ax_.lines if len(line.get_xdata())]
    drawn = np.sort(np.concatenate(drawn))
    assert {*worse.ravel().round(9)} <= {*drawn.round(9)}
    display.figure_.canvas.draw()
    assert display.ax_.get_xlim()[1] > worse.max()
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels[1] == "diffusion\n+ mobile_fraction"
    assert "D (µm²/s)" in display.estimates_ax_.get_xlabel()
    # The exponential has no D to show.
    drawn = np.concatenate([c[0].get_xdata() for c in display.estimates_ax_.containers])
    expected = [fit.estimates.values["D"] for fit in comparison.fits[:2]]
    np.testing.assert_allclose(np.sort(drawn), np.sort(np.ravel(expected)))


@pytest.fixture(scope="module")
def sample():
    return FRAPSimulator(random_state=0).sample(400)


@pytest.fixture(scope="module")
def bayesian(sample):
    return BayesianFRAP(PAPER).fit(sample.data)


@pytest.fixture(scope="module")
def fitter(sample):
    return LeastSquaresFRAP(PAPER).fit(sample.data)


def assert_nothing_is_clipped(figure):
    figure.canvas.draw()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert -0.01 <= drawn.x0 < drawn.x1 <= width + 0.01
    assert -0.01 <= drawn.y0 < drawn.y1 <= height + 0.01


def share_within(contours, points):
    """Return the share of points within the outer and the inner contour."""
    outer, inner = (path.contains_points(points).mean() for path in contours.get_paths())
    return outer, inner


@pytest.mark.usefixtures("close_figures")
def test_posterior_is_drawn_with_the_intervals_of_the_estimator(bayesian, sample):
    display = PosteriorDisplay.from_estimator(
        bayesian, sample.data, 3, truth=sample.target[3], level=0.9, n_samples=800, title="cell"
    )
    interval = bayesian.predict_interval(sample.data[3:4], 0.9)[0]
    interval[0] = 10 ** interval[0]
    truth = np.array([10 ** sample.target[3, 0], *sample.target[3, 1:]])
    draws = bayesian.sample_posterior(sample.data[3:4], 800, 0)[0]
    np.testing.assert_array_equal(display.samples, draws)
    for k in range(3):
        ax = display.axes_[k, k]
        histogram, shaded = ax.patches
        assert shaded.get_extents().x0 < shaded.get_extents().x1
        corners = shaded.get_path().transformed(shaded.get_patch_transform()).vertices[:, 0]
        np.testing.assert_allclose([corners.min(), corners.max()], interval[k])
        median, true = (line.get_xdata()[0] for line in ax.lines)
        middle = np.median(draws[:, k])
        assert median == pytest.approx(10**middle if k == 0 else middle)
        assert true == pytest.approx(truth[k])
        heights, edges, _ = histogram.get_data()
        edges = np.log10(edges) if k == 0 else edges
        assert (heights * np.diff(edges)).sum() == pytest.approx(1.0)
        assert all(display.axes_[k, j] is None for j in range(k + 1, 3))
    assert [ax.get_xlabel() for ax in display.axes_[2]] == ["D (µm²/s)", "c0", "alpha"]
    assert all(ax.get_xscale() == "log" for ax in display.axes_[:, 0])
    assert display.axes_[2, 1].get_yscale() == "linear"
    assert_nothing_is_clipped(display.figure_)


@pytest.mark.usefixtures("close_figures")
def test_contours_of_a_posterior_hold_their_shares_of_correlated_draws():
    covariance = [[0.04, 0.0199], [0.0199, 0.01]]  # correlation 0.995
    rng = np.random.default_rng(0)
    draws = rng.multivariate_normal([1.0, 0.6], covariance, 20_000)
    display = PosteriorDisplay.from_predictions(draws, ["log10_D", "alpha"], level=0.5)
    quartiles = [0.25, 0.75]
    np.testing.assert_allclose(display.intervals, np.quantile(draws, quartiles, axis=0).T)
    (contours,) = display.axes_[1, 0].collections
    outer, inner = share_within(contours, np.column_stack([10 ** draws[:, 0], draws[:, 1]]))
    assert outer == pytest.approx(0.95, abs=0.005)
    assert inner == pytest.approx(0.68, abs=0.005)


@pytest.mark.usefixtures("close_figures")
def test_posterior_of_one_parameter_is_one_panel():
    draws = np.random.default_rng(0).normal(1.0, 0.3, 500)
    ax = matplotlib.pyplot.figure().gca()
    assert PosteriorDisplay.from_predictions(draws, ["log10_D"], axes=ax).axes_[0, 0] is ax
    ax.figure.canvas.draw()
    display = PosteriorDisplay.from_predictions(draws, ["log10_D"], truth=[1.2])
    assert display.axes_.shape == (1, 1)
    assert display.axes_[0, 0].lines[1].get_xdata()[0] == pytest.approx(10**1.2)
    assert_nothing_is_clipped(display.figure_)


@pytest.mark.usefixtures("close_figures")
def test_estimators_that_answer_in_fewer_targets_are_drawn_in_these(sample):
    X, y = sample.data[:20], sample.target[:20, 0]
    bayesian, fitter = (
        BayesianFRAP(PAPER).fit(X, y),
        LeastSquaresFRAP(PAPER).fit(X, y),
    )
    posterior = PosteriorDisplay.from_estimator(bayesian, X, truth=y[:1])
    assert posterior.axes_.shape == (1, 1)
    optimum = ProfileDisplay.from_estimator(fitter, X).optimum
    assert optimum == pytest.approx(fitter.predict(X)[0])
    with pytest.raises(ValueError, match=r"name must be one of \('D',\)"):
        ProfileDisplay.from_estimator(fitter, X, name="alpha")
    coverage = CoverageDisplay.from_estimator(bayesian, X, y, levels=[0.9])
    assert [*drawn_coverage(coverage)] == ["D"]
    assert len(EstimatedVersusTrueDisplay.from_estimator(bayesian, X, y).axes_) == 1


@pytest.mark.usefixtures("close_figures")
def test_posterior_of_bad_input_is_refused(bayesian, fitter, sample):
    with pytest.raises(ValueError, match="must have sample_posterior"):
        PosteriorDisplay.from_estimator(fitter, sample.data)
    with pytest.raises(ValueError, match="index must be that of one of the 400 curves"):
        PosteriorDisplay.from_estimator(bayesian, sample.data, 400)
    with pytest.raises(ValueError, match="truth must have the shape"):
        PosteriorDisplay.from_estimator(bayesian, sample.data[0], truth=[1.0])
    draws = np.random.default_rng(0).normal(size=(50, 2))
    with pytest.raises(ValueError, match="target_names must name the 2 columns"):
        PosteriorDisplay.from_predictions(draws)
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        PosteriorDisplay.from_predictions(draws, ["c0", "alpha"], level=95)
    with pytest.raises(ValueError, match=r"axes must have the shape \(2, 2\)"):
        PosteriorDisplay.from_predictions(draws, ["c0", "alpha"], axes=[matplotlib.pyplot.gca()])
    with pytest.raises(ValueError, match="must vary"):
        PosteriorDisplay.from_predictions(draws * [1, 0], ["c0", "alpha"])
    with pytest.raises(ValueError, match="NaN"):
        PosteriorDisplay.from_predictions(draws * np.nan, ["c0", "alpha"])


@pytest.fixture(scope="module")
def wide():
    """Return a fit of a curve that determines D and alpha badly, so that its profile is askew."""
    prior = {"D": 300.0, "c0": 0.8, "alpha": 0.6, "a": 1e-2}
    X = FRAPSimulator(prior=prior, random_state=1).sample(1).data
    return LeastSquaresFRAP(PAPER).fit(X), X


@pytest.mark.usefixtures("close_figures")
@pytest.mark.parametrize("name", ["D", "c0", "alpha"])
def test_profile_crosses_its_levels_at_the_ends_of_the_estimators_intervals(wide, name):
    estimator, X = wide
    display = ProfileDisplay.from_estimator(estimator, X, name=name, levels=[0.5, 0.95])
    row = ["D", "c0", "alpha"].index(name)
    at = np.log10(display.values) if name == "D" else display.values
    lowest = display.rise.argmin()
    assert display.rise[lowest] == pytest.approx(0.0, abs=1e-5)
    assert at[lowest] == pytest.approx(estimator.predict(X)[0, row])
    for level, rise in zip([0.5, 0.95], display.allowed_rise, strict=True):
        assert rise == pytest.approx(student_t.ppf(0.5 + 0.5 * level, 107) ** 2)
        lower, upper = estimator.predict_interval(X, level, method="profile")[0, row]
        root = np.sqrt(np.maximum(display.rise, 0.0))  # all but straight to either side
        below = np.interp(np.sqrt(rise), root[: lowest + 1][::-1], at[: lowest + 1][::-1])
        above = np.interp(np.sqrt(rise), root[lowest:], at[lowest:])
        assert [below, above] == pytest.approx([lower, upper], abs=0.003 * (upper - lower))
    bars = {line.get_ydata()[0]: line.get_xdata() for line in display.ax_.lines[2:]}
    ends = estimator.predict_interval(X, 0.95, method="profile")[0, row]
    np.testing.assert_allclose(
        bars[display.allowed_rise[1]], 10**ends if name == "D" else ends, rtol=1e-12
    )


@pytest.mark.usefixtures("close_figures")
def test_profile_is_the_best_fit_of_all_else(wide):
    estimator, X = wide
    display = ProfileDisplay.from_estimator(estimator, X, name="alpha", n_points=5)
    variance = np.sum((X - estimator.fit_curves(X)) ** 2) / 107

    def residuals(others, alpha):
        return (X - estimator.fitted_curves([[*others, alpha]]))[0]

    for alpha, rise in zip(display.values, display.rise, strict=True):
        fit = least_squares(residuals, [2.4, 0.8], args=(alpha,), x_scale=[0.1, 0.001])
        assert rise == pytest.approx(2 * fit.cost / variance - 107, abs=1e-4)
    parabola = display.ax_.lines[0].get_xydata()
    theta, std = estimator.predict(X, return_std=True)
    expected = ((parabola[:, 0] - theta[0, 2]) / std[0, 2]) ** 2
    np.testing.assert_allclose(parabola[:, 1], expected, atol=1e-9)
    assert display.ax_.get_xlabel() == "alpha"
    assert_nothing_is_clipped(display.figure_)


@pytest.mark.usefixtures("close_figures")
def test_profile_of_what_is_linear_is_its_parabola(sample):
    estimator = LeastSquaresFRAP(PAPER, fixed={"D": 30.0, "alpha": 0.6}).fit(sample.data)
    display = ProfileDisplay.from_estimator(estimator, sample.data, 5, name="c0")
    expected = ((display.values - display.optimum) / display.standard_error) ** 2
    np.testing.assert_allclose(display.rise, expected, atol=1e-6)


@pytest.mark.usefixtures("close_figures")
def test_profile_stays_within_bounds():
    protocol = FRAPProtocol(shape=(48, 48), bleach_region=Circle(8.0), n_postbleach=40, padding=24)
    prior = {"D": 10.0, "c0": 0.8, "alpha": 0.4, "a": 1e-3}
    X = FRAPSimulator(protocol, prior, random_state=0).sample(1).data
    names = ("D", "c0", "alpha", "mobile_fraction")
    estimator = LeastSquaresFRAP(protocol, parameters=names).fit(X)
    display = ProfileDisplay.from_estimator(estimator, X, name="mobile_fraction")
    assert display.values.max() <= 1.0
    assert (np.diff(display.values) > 0).all()
    assert (display.rise > -1e-6).all()
    display.figure_.canvas.draw()


@pytest.mark.usefixtures("close_figures")
def test_profile_of_bad_input_is_refused(fitter, sample):
    X = sample.data
    with pytest.raises(ValueError, match=r"name must be one of .*'alpha'.* got 'speed'"):
        ProfileDisplay.from_estimator(fitter, X, name="speed")
    with pytest.raises(ValueError, match="n_points must be a whole number of at least 3"):
        ProfileDisplay.from_estimator(fitter, X, n_points=2)
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        ProfileDisplay.from_estimator(fitter, X, levels=[1.0])
    with pytest.raises(ValueError, match="fitted exactly"):
        ProfileDisplay.from_estimator(fitter, fitter.fitted_curves([[1.5, 0.8, 0.6]]))
    robust = LeastSquaresFRAP(PAPER, loss="huber").fit(X)
    with pytest.raises(ValueError, match="method='profile' goes with"):
        ProfileDisplay.from_estimator(robust, X)


def drawn_coverage(display):
    """Return what is drawn for each target, in percent."""
    lines = [line for line in display.ax_.lines if line.get_marker() != "None"]
    return {line.get_label(): line.get_xydata() for line in lines}


@pytest.mark.usefixtures("close_figures")
def test_coverage_counts_the_truths_that_intervals_hold():
    y = np.array([[0.0], [1.0], [2.0], [3.0]])
    ends = {
        0.9: [[[-1.0, 0.0]], [[0.9, 1.1]], [[-np.inf, np.inf]], [[3.1, 4.0]]],
        0.5: [[[-1.0, 0.1]], [[0.0, 0.9]], [[2.1, 3.0]], [[0.0, 1.0]]],
    }
    display = CoverageDisplay.from_predictions(y, intervals=ends, target_names=["alpha"])
    np.testing.assert_allclose(drawn_coverage(display)["alpha"], [[50, 25], [90, 75]])
    difference = next(x for x in display.difference_ax_.lines if x.get_marker() != "None")
    np.testing.assert_allclose(difference.get_ydata(), [-25, -15])
    np.testing.assert_allclose(display.standard_error_, [0.25, 0.15])
    assert "(%)" in display.difference_ax_.get_xlabel()
    assert display.ax_.get_title(loc="left") == "4 curves"
    band = display.ax_.collections[0].get_paths()[0].vertices
    at_half = band[np.isclose(band[:, 0], 50), 1]
    assert {*at_half.round(6)} == {0.0, 100.0}  # 50 ± 2 x 25


@pytest.mark.usefixtures("close_figures")
def test_coverage_of_normal_distributions_is_that_of_their_intervals():
    rng = np.random.default_rng(0)
    y = rng.standard_normal((4000, 2))
    std = np.broadcast_to([1.0, 0.5], y.shape)  # the second claims too much
    levels = np.array([0.5, 0.8, 0.95])
    display = CoverageDisplay.from_predictions(
        y, 0 * y, std, levels=levels, target_names=["c0", "alpha"]
    )
    reach = norm.ppf(0.5 + 0.5 * levels)
    expected = 2 * norm.cdf(np.outer(reach, [1.0, 0.5])) - 1
    error = np.sqrt(expected * (1 - expected) / len(y))
    assert (np.abs(display.coverage - expected) < 4 * error).all()
    ends = {v: np.stack([-r * std, r * std], -1) for v, r in zip(levels, reach, strict=True)}
    same = CoverageDisplay.from_predictions(y, intervals=ends, target_names=["c0", "alpha"])
    np.testing.assert_array_equal(same.coverage, display.coverage)


@pytest.mark.slow
@pytest.mark.usefixtures("close_figures")
def test_coverage_of_an_estimator_is_what_its_intervals_promise(bayesian, sample):
    X, y = sample.data[:200], sample.target[:200]
    display = CoverageDisplay.from_estimator(bayesian, X, y, levels=[0.95, 0.5, 0.8])
    np.testing.assert_array_equal(display.levels, [0.5, 0.8, 0.95])
    away = np.abs(display.coverage - display.levels[:, np.newaxis])
    assert (away < 4 * display.standard_error_[:, np.newaxis]).all()
    assert [*drawn_coverage(display)] == ["D", "c0", "alpha"]
    assert_nothing_is_clipped(display.figure_)
    half = FunctionTransformer(lambda X: 0.5 * X)
    pipeline = make_pipeline(half, bayesian)
    again = CoverageDisplay.from_estimator(pipeline, 2 * X, y, levels=[0.5])
    np.testing.assert_array_equal(again.coverage[0], display.coverage[0])


def test_coverage_of_bad_input_is_refused(bayesian, sample):
    X, y = sample.data[:10], sample.target[:10]
    with pytest.raises(ValueError, match="must have predict_interval"):
        CoverageDisplay.from_estimator(LinearRegression().fit(X, y), X, y)
    with pytest.raises(ValueError, match="y_true contains NaN"):
        CoverageDisplay.from_predictions(y * np.nan, y, y)
    with pytest.raises(ValueError, match="either intervals, or y_pred and y_std"):
        CoverageDisplay.from_predictions(y, y)
    with pytest.raises(ValueError, match="either intervals, or y_pred and y_std"):
        CoverageDisplay.from_predictions(y, y, y, intervals={0.5: y})
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        CoverageDisplay.from_predictions(y, y, y, levels=[95])
    with pytest.raises(ValueError, match="at least one level"):
        CoverageDisplay.from_predictions(y, y, y, levels=[])
    with pytest.raises(ValueError, match=r"intervals\[0.5\] must hold .* shape \(10, 3, 2\)"):
        CoverageDisplay.from_predictions(y, intervals={0.5: y})
    upside_down = np.stack([y + 1, y - 1], axis=-1)
    with pytest.raises(ValueError, match="lower ends first"):
        CoverageDisplay.from_predictions(y, intervals={0.5: upside_down})
    with pytest.raises(ValueError, match="y_pred must have the shape"):
        CoverageDisplay.from_predictions(y, y[:, :2], y)
    with pytest.raises(ValueError, match="y_std must"):
        CoverageDisplay.from_predictions(y, y, y[:5])
    with pytest.raises(ValueError, match="y_std must"):
        CoverageDisplay.from_predictions(y, y, -np.ones_like(y))


@pytest.mark.usefixtures("close_figures")
def test_estimates_are_drawn_against_the_truth_in_natural_units(fitter, sample):
    X, y = sample.data[:60], sample.target[:60]
    display = EstimatedVersusTrueDisplay.from_estimator(fitter, X, y, level=0.5, title="fits")
    theta, ends = fitter.predict(X), fitter.predict_interval(X, 0.5)
    held = (ends[..., 0] <= y) & (y <= ends[..., 1])
    for k, ax in enumerate(display.axes_):
        natural = (lambda v: 10**v) if k == 0 else (lambda v: v)
        assert ax.get_title(loc="left") == f"50 % intervals hold {held[:, k].sum()} of 60"
        for container, some in zip(ax.containers, (held[:, k], ~held[:, k]), strict=True):
            points, _, (bars,) = container
            np.testing.assert_allclose(points.get_xdata(), natural(y[some, k]))
            np.testing.assert_allclose(points.get_ydata(), natural(theta[some, k]))
            drawn = np.array(bars.get_segments())[:, :, 1]
            np.testing.assert_allclose(drawn, natural(ends[some, k]), rtol=1e-9)
        assert ax.get_xlim() == ax.get_ylim()
    assert [ax.get_xscale() for ax in display.axes_] == ["log", "linear", "linear"]
    labels = [(ax.get_xlabel(), ax.get_ylabel()) for ax in display.axes_[:2]]
    assert labels == [("true D (µm²/s)", "estimated D (µm²/s)"), ("true c0", "estimated c0")]
    assert_nothing_is_clipped(display.figure_)


@pytest.mark.usefixtures("close_figures")
def test_estimates_without_intervals_or_with_infinite_ones_are_drawn(sample):
    X, y = sample.data[:40], sample.target[:40, 0]
    ax = matplotlib.pyplot.figure().gca()
    names = ["log10_D"]
    plain = EstimatedVersusTrueDisplay.from_estimator(
        LinearRegression().fit(X, y), X, y, target_names=names, axes=[ax]
    )
    assert plain.axes_[0] is ax
    assert ax.get_title(loc="left") == ""
    ends = np.stack([np.full(40, -np.inf), y + 0.1], axis=-1)[:, np.newaxis]
    display = EstimatedVersusTrueDisplay.from_predictions(y, y, ends, names)
    assert display.axes_[0].get_title(loc="left") == "95 % intervals hold 40 of 40"
    low, high = np.log10(display.axes_[0].get_ylim())
    assert y.min() - 0.5 < low < y.min() < y.max() < high < y.max() + 0.5
    assert_nothing_is_clipped(display.figure_)


@pytest.mark.usefixtures("close_figures")
def test_many_targets_have_a_panel_each():
    y = np.random.default_rng(0).uniform(0.2, 0.8, (20, 4))
    names = ["log10_D", "c0", "alpha", "my_own"]
    display = EstimatedVersusTrueDisplay.from_predictions(y, y, target_names=names)
    assert [ax.get_xlabel() for ax in display.axes_][2:] == ["true alpha", "true my_own"]
    assert len(display.figure_.axes) == 4


def test_estimates_of_bad_input_are_refused(fitter, sample):
    X, y = sample.data[:10], sample.target[:10]
    with pytest.raises(ValueError, match=r"y_pred must have the shape \(10, 2\)"):
        EstimatedVersusTrueDisplay.from_estimator(fitter, X, y[:, :2])
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        EstimatedVersusTrueDisplay.from_estimator(fitter, X, y, level=0)
    with pytest.raises(ValueError, match="intervals must hold a lower and an upper end"):
        EstimatedVersusTrueDisplay.from_predictions(y, y, y)
    with pytest.raises(ValueError, match="target_names must name the 2 columns"):
        EstimatedVersusTrueDisplay.from_predictions(y[:, :2], y[:, :2])
    with pytest.raises(ValueError, match="axes must be 3"):
        EstimatedVersusTrueDisplay.from_predictions(
            y, y, axes=[matplotlib.figure.Figure().subplots()]
        )


def test_ticks_of_a_logarithmic_axis_are_those_asked_for_as_plain_numbers():
    ax = new_axes()
    ax.set(yscale="log", ylim=(0.2, 200))
    write_plainly(ax.yaxis, [0.3, 1, 30])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0.3", "1", "30"]
    assert len(ax.yaxis.get_minorticklocs()) == 0
    assert ax.get_ylim() == (0.2, 200)


def test_what_is_masked_is_not_drawn_as_measured():
    X, y = FRAPSimulator(PAPER, random_state=0).sample(4, return_X_y=True)
    masked = np.ma.masked_array(X.copy(), np.zeros(X.shape, bool))
    masked[0, 25] = 50.0  # what a broken frame has
    masked[0, 25] = np.ma.masked
    estimator = LeastSquaresFRAP(PAPER).fit(X)
    shown = RecoveryCurveDisplay.from_estimator(estimator, masked)
    clean = RecoveryCurveDisplay.from_estimator(estimator, X)
    assert np.isnan(shown.curve[25])
    np.testing.assert_allclose(shown.fitted, clean.fitted, atol=2e-3)
    assert np.isnan(RecoveryCurveDisplay.from_predictions(PAPER, masked[0], X[0]).curve[25])
    with pytest.raises(ValueError, match="masked values"):
        ResidualsDisplay.from_predictions(PAPER, masked[0], X[0], 3)
    with pytest.raises(ValueError, match="masked values"):
        ResidualsDisplay.from_estimator(estimator, masked)
    truth = np.ma.masked_array(y, np.zeros(y.shape, bool))
    truth[2, 1] = np.ma.masked
    for draw in (
        lambda: EstimatedVersusTrueDisplay.from_predictions(truth, y),
        lambda: EstimatedVersusTrueDisplay.from_predictions(y, truth),
        lambda: CoverageDisplay.from_estimator(estimator, X, truth),
        lambda: PosteriorDisplay.from_predictions(truth),
    ):
        with pytest.raises(ValueError, match="1 masked values, the first at \\(2, 1\\)"):
            draw()
    matplotlib.pyplot.close("all")
