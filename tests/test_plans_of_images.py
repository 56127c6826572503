"""What all pixels are expected to tell, beside the curve."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.cli import cli
from skfrap.design import expected_errors
from skfrap.models import ImageSurrogate

PROTOCOL = FRAPProtocol(
    shape=(48, 48), pixel_size=0.5, bleach_region=Circle(3.5), n_prebleach=4, n_bleach=1,
    n_postbleach=24, frame_interval=0.5, padding=32,
)  # fmt: skip
GUESS = {"D": 1.0, "c0": 0.6, "alpha": 0.5}


def test_expected_errors_are_those_that_fits_of_images_have():
    expected = expected_errors(PROTOCOL, GUESS, a=1e-3, data="images")
    surrogate = ImageSurrogate(PROTOCOL, {"D": (0.1, 10.0)})
    simulator = FRAPSimulator(PROTOCOL, GUESS | {"a": 1e-3}, random_state=0)
    data = simulator.sample_scores(60, surrogate).data
    theta, std = LeastSquaresFRAP(PROTOCOL, {"D": (0.1, 10.0)}).fit(data).predict(data, True)
    errors = np.array([expected.errors[name][0] for name in ("D", "c0", "alpha")])
    np.testing.assert_allclose(std.mean(axis=0), errors, rtol=0.05)
    np.testing.assert_allclose(theta.std(axis=0), errors, rtol=0.3)
    curve = expected_errors(PROTOCOL, GUESS, a=1e-3)
    assert expected.relative_error("D")[0] < curve.relative_error("D")[0]
    assert expected.lower["D"][0] < 1.0 < expected.upper["D"][0]


def test_errors_grow_with_the_noise_and_are_of_each_guess():
    guesses = GUESS | {"D": [0.5, 2.0]}
    one, four = (expected_errors(PROTOCOL, guesses, a=a, data="images") for a in (1e-3, 4e-3))
    assert len(one) == 2
    np.testing.assert_allclose(four.errors["D"] / one.errors["D"], 2.0, rtol=1e-2)
    in_photons = expected_errors(PROTOCOL, GUESS, a=0.0, b=1e-3 / 0.6, data="images")
    alike = expected_errors(PROTOCOL, GUESS, a=1e-3, data="images")
    np.testing.assert_allclose(in_photons.errors["D"], alike.errors["D"], rtol=1e-6)


def test_what_images_do_not_tell_is_refused():
    with pytest.raises(ValueError, match="data"):
        expected_errors(PROTOCOL, GUESS, a=1e-3, data="pixels")
    options = {"model": "binding", "fixed": {"k_on": 1.0, "k_off": 1.0}}
    with pytest.raises(ValueError, match="data='curve'"):
        expected_errors(PROTOCOL, GUESS, a=1e-3, data="images", **options)
    with pytest.raises(ValueError, match="noise='constant'"):
        expected_errors(PROTOCOL, GUESS, a=1e-3, data="images", noise="proportional")


def test_the_command_line_tells_both():
    said = "plan --D 1 --shape 48 48 --pixel-size 0.5 --bleach-region circle:3.5 --n-bleach 1"
    said += " --n-postbleach 24 --frame-interval 0.5 --vary frame-interval=0.5"
    shown = CliRunner().invoke(cli, said.split()).stdout
    assert "All pixels about the bleach region would tell D to" in shown
    record = json.loads(CliRunner().invoke(cli, [*said.split(), "--json"]).stdout)
    assert record["images"][0]["D_relative_error"] > 0
    assert record["images"][0]["D_relative_error"] < record["experiments"][0]["D_relative_error"]
    bound = [*said.split(), "--model", "binding", "--k-on", "1", "--k-off", "1"]
    assert "All pixels" not in CliRunner().invoke(cli, bound).stdout
