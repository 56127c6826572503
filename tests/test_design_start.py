"""What a measured start is expected to tell: as fits of simulated images then scatter."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skfrap import Circle, FRAPProtocol, FRAPSimulator, MeasuredStartFRAP, make_frap_pipeline
from skfrap.design import expected_errors, plan

TOLD = FRAPProtocol(
    shape=(48, 48), pixel_size=1.0, bleach_region=Circle(7.0), n_prebleach=5, n_bleach=1,
    n_postbleach=25, padding=48,
)  # fmt: skip
MEASURED = TOLD.replace(start="measured")
GUESS = {"D": [3.0, 30.0], "c0": 0.7, "alpha": 0.6}
A = 2e-3


@pytest.fixture(scope="module")
def expected():
    return expected_errors(MEASURED, GUESS, a=A)


@pytest.mark.parametrize(("k", "mobile_fraction"), [(0, 1.0), (1, 1.0), (1, 0.7)])
@pytest.mark.slow
def test_fits_scatter_as_expected(k, mobile_fraction):
    guess = {"D": GUESS["D"][k], "c0": 0.7, "alpha": 0.6, "mobile_fraction": mobile_fraction}
    error = expected_errors(MEASURED, guess, a=A).errors["D"][0]
    stacks = FRAPSimulator(TOLD, guess | {"a": A}, random_state=k).sample_images(16).data
    pipeline = make_frap_pipeline(MEASURED, MeasuredStartFRAP(errors="noise")).fit(stacks)
    y, std = pipeline.predict(stacks, return_std=True)
    # Where the levels of frames are freed an error is larger.
    assert_allclose(np.median(std), error, rtol=0.15)
    # The mean square of 16 errors scatters by a third.
    assert 0.5 < np.mean((y - np.log10(guess["D"])) ** 2) / error**2 < 1.9


@pytest.mark.slow
def test_the_region_told_plays_no_part_but_as_what_is_bleached(expected):
    other = expected_errors(MEASURED.replace(n_bleach=2), GUESS | {"alpha": 0.8}, a=A)
    assert other.errors["D"][0] != expected.errors["D"][0]
    # Little is lost where all is told, and much is won where the region's mean forgets the start.
    told = expected_errors(TOLD, GUESS, a=A).errors["D"]
    assert (expected.errors["D"] < [1.1, 0.7] * told).all()
    assert {*expected.errors} == {"D"}
    assert expected.determined.all()
    assert (expected.lower["D"] < GUESS["D"]).all()
    assert (expected.upper["D"] > GUESS["D"]).all()


def test_less_light_counts_as_more_noise(expected):
    half = expected_errors(MEASURED, GUESS | {"c0": 0.35}, a=A / 4)
    assert_allclose(half.errors["D"], expected.errors["D"], rtol=1e-3)
    growing = expected_errors(MEASURED, GUESS, a=A / 2, b=A / 2 / 0.7)
    assert_allclose(growing.errors["D"], expected.errors["D"], rtol=1e-9)


def test_what_will_not_be_seen_is_said():
    # A patch as wide as the field, particles that hardly move, and bleaching that is not seen.
    wide = MEASURED.replace(bleach_region=Circle(22.0))
    widely = expected_errors(wide, {"D": 100.0, "c0": 0.7, "alpha": 0.5}, a=A)
    assert "patch_near_edge" in [one.code for one in widely.findings[0]]
    slow = expected_errors(MEASURED, {"D": 0.01, "c0": 0.7, "alpha": 0.6}, a=A)
    assert "at_lower_bound" in [one.code for one in slow.findings[0]]
    unseen = expected_errors(MEASURED, {"D": 5.0, "c0": 0.7, "alpha": 0.9999}, a=A)
    assert not unseen.determined.any()


def test_plans_choose_by_it():
    choice = plan(
        MEASURED, {"D": 10.0, "c0": 0.7, "alpha": 0.6}, {"frame_interval": [4.0, 0.2]}, a=A
    )
    assert choice.best().frame_interval == 0.2
    assert choice.best().start == "measured"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "binding"}, "knows free diffusion only"),
        ({"noise": "proportional"}, "noise must be 'constant'"),
    ],
)
def test_what_a_measured_start_does_not_know_is_refused(change, words):
    guess = {"D": 10.0, "c0": 0.7, "alpha": 0.6}
    if "model" in change:
        guess |= {"k_on": 1.0, "k_off": 1.0}
    with pytest.raises(ValueError, match=words):
        expected_errors(MEASURED, guess, a=A, **change)
    with pytest.raises(ValueError, match="missing"):
        expected_errors(MEASURED, {"D": 10.0}, a=A)
