"""Displays draw what they are given."""

from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.noise import calibrate_noise
from skfrap.plotting import NoiseCalibrationDisplay, RecoveryCurveDisplay, plot_analysis

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
