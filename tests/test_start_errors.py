"""Errors of a measured start where D is hardly known: no wrong number without a word."""

import numpy as np
import pytest

from skfrap import Circle, FRAPProtocol, FRAPSimulator, MeasuredStartFRAP
from skfrap.inference.starts._problem import mixed
from skfrap.inference.starts._sample import _next_levels
from skfrap.preprocessing import RingExtractor

pytestmark = pytest.mark.slow

# So fast that the patch is half as wide as the field in the first frame.
FAST = FRAPProtocol(shape=(64, 64), pixel_size=0.5, bleach_region=Circle(4.0), n_postbleach=40)
D = 100.0
PRIOR = {"D": D, "c0": 0.8, "alpha": 0.6, "a": 1e-3}


def rings_of(protocol, n, seed, **prior):
    stacks = FRAPSimulator(protocol, PRIOR | prior, random_state=seed).sample_images(n).data
    return RingExtractor(protocol).fit_transform(stacks)


def codes(estimates):
    return [{one.code for one in findings} for findings in estimates.findings]


@pytest.fixture(scope="module")
def X():
    return rings_of(FAST, 6, 1)


def lit(X, levels):
    """Change the light of the frames after bleaching."""
    return (X.reshape(len(X), len(levels), -1) * levels[:, np.newaxis]).reshape(len(X), -1)


def test_evidence_is_summed_over_models():
    deviances = np.array([[1000.0, 1001.0, 1400.0], [-3.0, 4.0, 0.5]])
    exact = [1000 - 2 * np.log(1 + np.exp(-0.5)), -2 * np.log(np.exp([1.5, -2.0, -0.25]).sum())]
    np.testing.assert_allclose(mixed(deviances, axis=1), exact, rtol=1e-12)


@pytest.mark.parametrize("frame_levels", ["auto", True])
def test_answers_are_within_what_they_say(X, frame_levels):
    estimator = MeasuredStartFRAP(FAST, errors="noise", frame_levels=frame_levels).fit(X)
    log_D, error = estimator.predict(X, return_std=True)
    assert (np.abs(log_D - np.log10(D)) < 3 * error).all()
    lower, upper = estimator.predict_interval(X, 0.99)[:, 0].T
    assert ((lower < np.log10(D)) & (np.log10(D) < upper)).all()


def test_what_assumes_less_is_not_more_precise(X):
    # Free levels leave so little of D that it hangs on how smooth the start is thought to be.
    for one in MeasuredStartFRAP(FAST, frame_levels=True).fit(X).measure(X):
        error = {fit.reading: fit.standard_error for fit in one.fits}
        assert error["free"] > 0.9 * error["one_depth"]


def test_a_rim_that_is_hardly_seen_is_told(X):
    estimates = MeasuredStartFRAP(FAST).fit(X).estimate(X)
    assert not estimates.usable.any()
    assert all("patch_near_edge" in one for one in codes(estimates))
    levels = {"frame_levels_assumed", "frame_levels_disagree"}
    assert all(one & levels for one in codes(estimates))


def test_the_rim_is_that_of_what_moves():
    # After twenty bleach frames little of the patch moves, and that fills the field; the rest has
    # a sharp rim, of which D knows nothing.
    long = FAST.replace(n_bleach=20, bleach_interval=0.1, frame_interval=0.1)
    X = rings_of(long, 2, 3, alpha=0.9, mobile_fraction=0.8, a=2e-4)
    told = long.replace(n_bleach=1)
    estimator = MeasuredStartFRAP(told).fit(X)
    for one, found in zip(estimator.measure(X), codes(estimator.estimate(X)), strict=True):
        assert one.moving_edge > 1.5 * one.edge
        assert found & {"patch_near_edge", "patch_fills_field"}


def test_fading_and_flicker_play_no_part_where_the_patch_fills_the_field():
    fast = FAST.replace(bleach_region=Circle(8.0), frame_interval=0.1)
    X = rings_of(fast, 2, 5, D=60.0, mobile_fraction=0.6, a=2e-4)
    estimator = MeasuredStartFRAP(fast, errors="noise").fit(X)
    still, error = estimator.predict(X, return_std=True)
    fading = np.exp(-0.08 * np.linspace(0.0, 1.0, 40))
    faded = estimator.predict(lit(X, fading))
    assert (np.abs(faded - still) < 0.3 * error).all()
    flicker = 0.01 * np.random.default_rng(0).standard_normal(40)
    other, wider = estimator.predict(lit(X, fading + flicker), return_std=True)
    assert (np.abs(other - still) < 3 * np.sqrt(wider**2 - error**2)).all()


def test_light_that_changes_at_the_bleaching_is_no_silent_error(X):
    times = FAST.frame_interval * np.arange(40)
    for part, duration in ((0.005, 0.5), (0.02, 1.0)):
        changed = lit(X[:3], 1 - part * np.exp(-times / duration))
        estimator = MeasuredStartFRAP(FAST).fit(X)
        log_D, error = estimator.predict(changed, return_std=True)
        right = np.abs(log_D - np.log10(D)) < 3 * error
        assert (right[:, 0] | ~estimator.estimate(changed).usable).all()


def test_levels_that_go_to_and_fro_are_found_at_once():
    # Each round overshoots by 0.8 of what is left.
    truth = np.array([0.9, 1.0, 1.1])
    levels, before = np.ones(3), None
    for _ in range(3):
        measured = truth - 0.8 * (levels - truth)
        before, levels = (levels, measured), _next_levels(levels, measured, before)
    np.testing.assert_allclose(levels, truth, atol=1e-12)
