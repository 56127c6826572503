"""What fits of scores leave, beside the noise of all other pixels."""

import numpy as np
import pytest

from skfrap import BayesianFRAP, Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.preprocessing import ImageScoreExtractor

PROTOCOL = FRAPProtocol(
    shape=(64, 64),
    pixel_size=0.5,
    bleach_region=Circle(4.0),
    n_prebleach=5,
    n_bleach=1,
    n_postbleach=40,
    frame_interval=0.5,
    padding=32,
)
RIGHT = {"D": 2.0, "c0": 0.6, "alpha": 0.6, "a": 1e-2}
WINDOWS = [{}, {"frame_levels": False}, {"flat_field": 1.0, "frame_levels": False}]


def stacks(n, seed=1, **changes):
    return FRAPSimulator(PROTOCOL, RIGHT | changes, random_state=seed).sample_images(n).data


@pytest.fixture(scope="module", params=WINDOWS, ids=str)
def extractor(request):
    return ImageScoreExtractor(PROTOCOL, **request.param).fit(stacks(1))


def judged(scores, estimator=None):
    estimator = LeastSquaresFRAP(PROTOCOL) if estimator is None else estimator
    estimates = estimator.fit(scores).estimate(scores)
    return estimates, estimates.has_finding("model_visibly_wrong")


def test_right_series_are_let_pass_however_little_noise(extractor):
    for a in (1e-2, 1e-6, 1e-10):
        _, wrong = judged(extractor.transform(stacks(8, a=a)))
        assert not wrong.any()


def test_right_scores_are_let_pass(extractor):
    simulator = FRAPSimulator(PROTOCOL, RIGHT, random_state=0)
    sample = simulator.sample_scores(400, surrogate=extractor.surrogate_)
    assert judged(sample.data)[1].sum() <= 1


@pytest.mark.parametrize("wrong", [{"mobile_fraction": 0.8}, {"mobile_fraction": 0.7}], ids=str)
def test_particles_that_stay_are_seen_in_any_window(extractor, wrong):
    estimates, told = judged(extractor.transform(stacks(3, **wrong)))
    assert (estimates.D_um2_s_upper < 1.5).all()  # narrow, and wrong
    assert told.all()
    larger = LeastSquaresFRAP(PROTOCOL, parameters=("D", "c0", "alpha", "mobile_fraction"))
    assert not judged(extractor.transform(stacks(3, **wrong)), larger)[1].any()


def test_fading_is_seen_where_frames_have_no_levels_of_their_own():
    faded = stacks(3, imaging_bleach=0.99)
    scores = ImageScoreExtractor(PROTOCOL, frame_levels=False).fit(faded).transform(faded)
    assert judged(scores)[1].all()


def test_a_posterior_of_images_is_judged_alike():
    ranges = {"D": (1, 1000)}
    posterior = BayesianFRAP(PROTOCOL)
    for truth, expected in (({}, False), ({"alpha": 0.3}, True), ({"mobile_fraction": 0.7}, True)):
        some = stacks(2, a=1e-3, **truth)
        scores = ImageScoreExtractor(PROTOCOL, ranges=ranges).fit(some).transform(some)
        assert np.all(judged(scores, posterior)[1] == expected)
