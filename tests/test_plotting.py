"""Displays draw what they are given."""

import matplotlib
import numpy as np
import pytest

from skfrap import FRAPSimulator, LeastSquaresFRAP
from skfrap.plotting import RecoveryCurveDisplay

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
