"""Posteriors of image series, from their scores."""

import numpy as np
import pytest
from scipy.stats import loguniform, uniform

from skfrap import BayesianFRAP, Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.models import ImageSurrogate
from skfrap.persistence import load, save

PROTOCOL = FRAPProtocol(
    shape=(48, 48), pixel_size=0.5, bleach_region=Circle(3.5), n_prebleach=4, n_bleach=1,
    n_postbleach=24, frame_interval=0.5, padding=32,
)  # fmt: skip
PRIOR = {
    "D": loguniform(0.3, 5.0), "c0": uniform(0.5, 0.5), "alpha": uniform(0.3, 0.5),
    "a": loguniform(3e-4, 3e-3),
}  # fmt: skip
BOUNDS = {"D": (0.3, 5.0), "c0": (0.5, 1.0), "alpha": (0.3, 0.8)}


def drawn_of(levels, n):
    options = {"frame_levels": levels, "flat_field": None}
    surrogate = ImageSurrogate(PROTOCOL, {"D": BOUNDS["D"]}, **options)
    return FRAPSimulator(PROTOCOL, PRIOR, random_state=0).sample_scores(n, surrogate)


@pytest.fixture(scope="module", params=[True, False], ids=["levels free", "steady"])
def drawn(request):
    return drawn_of(request.param, 30 if request.param else 200)


def test_posteriors_are_where_least_squares_is_and_as_wide(drawn):
    bayesian = BayesianFRAP(PROTOCOL, PRIOR).fit(drawn.data)
    mean, std = bayesian.predict(drawn.data, return_std=True)
    theta, error = LeastSquaresFRAP(PROTOCOL, BOUNDS).fit(drawn.data).predict(drawn.data, True)
    lower, upper = np.array([np.log10(BOUNDS["D"]), BOUNDS["c0"], BOUNDS["alpha"]]).T
    # Where a face of the prior cuts the posterior, its mean is elsewhere.
    free = (np.minimum(theta - lower, upper - theta) > 5 * error).all(axis=1)
    np.testing.assert_allclose((mean - theta)[free] / error[free], 0.0, atol=0.25)
    np.testing.assert_allclose(np.median(std / error, axis=0), 1.0, atol=0.03)
    ends = bayesian.predict_interval(drawn.data)
    inside = (ends[..., 0] < drawn.target) & (drawn.target < ends[..., 1])
    least = 0.88 if len(drawn.target) < 100 else 0.92
    assert (inside.mean(axis=0) >= least).all()
    width = ends[..., 1] - ends[..., 0]
    np.testing.assert_allclose(np.median(width / std, axis=0), 3.92, rtol=0.02)


def test_draws_and_estimates_agree_with_means(drawn):
    bayesian = BayesianFRAP(PROTOCOL, PRIOR).fit(drawn.data)
    some = drawn.data[:3]
    mean, std = bayesian.predict(some, return_std=True)
    draws = bayesian.sample_posterior(some, 400, random_state=0)
    np.testing.assert_allclose((draws.mean(axis=1) - mean) / std, 0.0, atol=0.25)
    np.testing.assert_allclose(draws.std(axis=1) / std, 1.0, atol=0.15)
    estimates = bayesian.estimate(some)
    np.testing.assert_allclose(estimates.D_um2_s, 10 ** mean[:, 0])
    np.testing.assert_allclose(estimates.noise_a, drawn.noise_variance[:3], rtol=0.03)


def test_the_evidence_tells_a_wrong_model(drawn):
    right = BayesianFRAP(PROTOCOL, PRIOR).fit(drawn.data)
    wrong = BayesianFRAP(PROTOCOL, PRIOR | {"mobile_fraction": 0.8}).fit(drawn.data)
    assert (right.log_evidence(drawn.data[:5]) > wrong.log_evidence(drawn.data[:5]) + 10).all()


def test_a_prior_beyond_what_scores_know_is_refused(drawn):
    with pytest.raises(ValueError, match="beyond what the scores know"):
        BayesianFRAP(PROTOCOL, PRIOR | {"D": loguniform(0.1, 5.0)}).fit(drawn.data)


def test_the_noise_of_the_image_divided_by_is_counted():
    surrogate = ImageSurrogate(PROTOCOL, {"D": BOUNDS["D"]})
    data = FRAPSimulator(PROTOCOL, PRIOR, random_state=1).sample_scores(5, surrogate).data
    _, std = BayesianFRAP(PROTOCOL, PRIOR).fit(data).predict(data, return_std=True)
    _, error = LeastSquaresFRAP(PROTOCOL, BOUNDS).fit(data).predict(data, return_std=True)
    np.testing.assert_allclose(std[:, 0] / error[:, 0], 1.0, atol=0.15)


def test_a_file_keeps_the_posterior(drawn, tmp_path):
    bayesian = BayesianFRAP(PROTOCOL, PRIOR).fit(drawn.data)
    save(bayesian, tmp_path / "bayesian.skfrap")
    again = load(tmp_path / "bayesian.skfrap").predict(drawn.data[:2])
    np.testing.assert_allclose(again, bayesian.predict(drawn.data[:2]), rtol=1e-9)
