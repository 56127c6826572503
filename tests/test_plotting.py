"""Displays draw what they are given."""

from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.comparison import compare_models
from skfrap.design import plan
from skfrap.noise import calibrate_noise
from skfrap.plotting import (
    ExperimentPlanDisplay,
    ModelComparisonDisplay,
    NoiseCalibrationDisplay,
    RecoveryCurveDisplay,
    ReplicatesDisplay,
    ResidualsDisplay,
    plot_analysis,
)
from skfrap.replicates import summarise_replicates

matplotlib.use("Agg")


@pytest.fixture
def display():
    X = FRAPSimulator(random_state=0).sample(3).data
    display = RecoveryCurveDisplay.from_estimator(LeastSquaresFRAP().fit(X), X, index=1)
    yield display
    matplotlib.pyplot.close(display.figure_)


def test_curve_fit_and_residuals_are_drawn_with_units(display):
    measured = display.ax_.lines[0]
    np.testing.assert_array_equal(measured.get_xdata(), display.protocol.times)
    np.testing.assert_array_equal(measured.get_ydata(), display.curve)
    residuals = display.residual_ax_.lines[0].get_ydata()
    np.testing.assert_allclose(residuals, display.curve - display.fitted)
    assert "(s)" in display.residual_ax_.get_xlabel()


def test_display_draws_into_given_axes(display):
    figure, axes = matplotlib.pyplot.subplots(2, 1)
    again = RecoveryCurveDisplay.from_predictions(
        display.protocol, display.curve, display.fitted, axes=axes, title="a title"
    )
    assert again.figure_ is figure
    assert axes[0].get_title(loc="left") == "a title"
    matplotlib.pyplot.close(figure)


BINDING = (
    "D = 29.84 µm²/s (95 % interval 20.87 to 42.66), k_on = 0.4448 1/s (0.3799 to 0.5209), k_off = "
    "0.4761 1/s (0.4254 to 0.5329), mobile_fraction = 0.86 (0.82 to 0.9), D_effective = 15.43 "
    "µm²/s (11.97 to 19.88); D, k_on, k_off are not determined together: use D_effective; "
    "residuals are correlated: the model does not describe the curve"
)


@pytest.mark.parametrize("summary", ["D = 149.5 µm²/s (95 % interval 146.7 to 152.3)", BINDING])
def test_title_stays_in_the_picture(summary):
    protocol = FRAPProtocol(shape=(32, 32), bleach_region=Circle(5.0), n_postbleach=20)
    images = np.random.default_rng(0).uniform(size=(2, 32, 32))
    analysis = SimpleNamespace(
        name="cell",
        protocol=protocol,
        curve=np.full(30, 0.5),
        fitted=np.full(30, 0.5),
        estimates=SimpleNamespace(summary=lambda: [summary]),
        prebleach=images[0],
        bleached=images[1],
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
    protocol = FRAPProtocol(shape=(48, 48), bleach_region=Circle(8.0), n_postbleach=60)
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
    protocol = FRAPProtocol(shape=(48, 48), bleach_region=Circle(8.0), n_postbleach=60)
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


def test_replicates_of_different_things_are_not_drawn_together():
    summaries = {name: summarise_replicates([0.5, 0.6], name=name) for name in ("D", "alpha")}
    with pytest.raises(ValueError, match="one parameter on one scale"):
        ReplicatesDisplay.from_summary(summaries)


@pytest.mark.usefixtures("close_figures")
@pytest.mark.parametrize("mobile_fraction", [1.0, 0.8])
def test_comparison_of_models_is_drawn(mobile_fraction):
    protocol = FRAPProtocol(shape=(48, 48), bleach_region=Circle(8.0), n_postbleach=40)
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
