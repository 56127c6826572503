"""Networks on the scores of image series, which are drawn without an image."""

import subprocess
import sys

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP
from skfrap.metrics import weighted_mean_squared_error
from skfrap.models import ImageScores, ImageSurrogate
from skfrap.persistence import load, save

PROTOCOL = FRAPProtocol(
    shape=(40, 40), pixel_size=1.0, bleach_region=Circle(6.0), n_prebleach=5, n_bleach=2,
    n_postbleach=10, frame_interval=0.4, padding=16,
)  # fmt: skip
STEADY = {"frame_levels": False, "flat_field": None, "window": "field"}
BATCH = 256


def small(**options):
    known = {"hidden_layer_sizes": (16, 16), "batch_size": BATCH, "random_state": 0}
    return NeuralFRAP(**(known | options))


@pytest.fixture(scope="module")
def surrogate():
    return ImageSurrogate(PROTOCOL, {"D": (1.0, 1000.0)}, **STEADY)


@pytest.fixture(scope="module")
def simulator():
    return FRAPSimulator(PROTOCOL, random_state=0)


@pytest.fixture(scope="module")
def drawn(simulator, surrogate):
    return simulator.sample_scores(512, surrogate, start=10**6)


@pytest.fixture(scope="module")
def network(simulator, surrogate):
    return small().fit_online(simulator, 64 * BATCH, surrogate=surrogate)


def losses(estimator, drawn):
    theta = estimator.predict(drawn.data)
    return weighted_mean_squared_error(drawn.target, theta, drawn.sample_weight)


def test_scores_without_curves_have_the_noise_of_pixels(simulator, surrogate, drawn):
    alone = simulator.sample_scores(512, surrogate, start=10**6, with_curves=False)
    X = alone.data.values
    assert "curves" not in alone
    assert_array_equal(alone.target, drawn.target)
    assert_array_equal(alone.sample_weight, drawn.sample_weight)
    clean = FRAPSimulator(PROTOCOL, random_state=0, noise="none").sample_scores(
        512, surrogate, start=10**6
    )
    noise = (X - clean.data.values) / np.sqrt(drawn.noise_variance)[:, np.newaxis]
    n = noise[:, :-1].size
    assert abs(noise[:, :-1].mean()) < 5 / np.sqrt(n)
    assert abs(noise[:, :-1].var() - 1) < 5 * np.sqrt(2 / n)
    unit = [rows[:, -1] ** 2 / drawn.noise_variance for rows in (X, drawn.data.values)]
    n_beside = surrogate.n_values - surrogate.n_scores
    for one in unit:
        assert abs(one.mean() - n_beside) < 5 * np.sqrt(2 * n_beside / 512)
        assert abs(one.std() / np.sqrt(2 * n_beside) - 1) < 5 / np.sqrt(2 * 512)


def test_learns_more_than_the_curve_tells(network, drawn):
    of_curves = LeastSquaresFRAP(PROTOCOL, network.bounds_).fit(drawn.curves)
    curve = weighted_mean_squared_error(
        drawn.target, of_curves.predict(drawn.curves), drawn.sample_weight
    )
    assert (losses(network, drawn) < 0.3 * curve).all()
    of_images = LeastSquaresFRAP(PROTOCOL, network.bounds_).fit(drawn.data)
    assert (losses(network, drawn) < 1.05 * losses(of_images, drawn)).all()


def test_intervals_hold_the_truth(network, drawn):
    ends = network.predict_interval(drawn.data)
    inside = (ends[..., 0] <= drawn.target) & (drawn.target <= ends[..., 1])
    assert (inside.mean(axis=0) > 0.91).all()
    theta, std = network.predict(drawn.data, return_std=True)
    assert ((ends[..., 0] <= theta) & (theta <= ends[..., 1])).all()
    assert (std > 0).all()


def test_estimate_tells_noise_and_no_misfit_that_is_not_there(network, drawn):
    estimates = network.estimate(drawn.data[:50])
    assert_allclose(estimates.noise_a, drawn.noise_variance[:50], rtol=0.05)
    assert network.surrogate_ == drawn.data.surrogate
    assert estimates.fit.n_values > 100 * drawn.data.surrogate.n_scores
    doubts = [one for row in estimates.findings for one in row if one.severity != "note"]
    assert len(doubts) < 5
    assert_allclose(estimates.values["D"], 10 ** network.predict(drawn.data[:50])[:, 0])


def test_images_noisier_than_what_it_has_learnt_are_told(network, drawn):
    assert not network.estimate(drawn.data[:100]).has_finding("noise_beyond_prior").any()
    for a in (0.1, 1.0):  # 10 and 100 times
        noisy = FRAPSimulator(PROTOCOL, {"a": a}, random_state=1)
        X = noisy.sample_scores(20, network.surrogate_, with_curves=False).data
        assert network.estimate(X).has_finding("noise_beyond_prior").all()


def test_takes_rows_as_an_array(network, drawn):
    assert_array_equal(network.predict(np.asarray(drawn.data)), network.predict(drawn.data))


def test_learns_from_labelled_scores(drawn, network):
    one = small(max_iter=3, early_stopping=True, stop_at="least_squares")
    one.fit(drawn.data, drawn.target, drawn.sample_weight)
    assert one.protocol_ == PROTOCOL
    assert one.bounds_["D"] == (1.0, 1000.0)
    assert (losses(one, drawn) < 1.3 * losses(network, drawn)).all()
    _, std = one.predict(drawn.data[:3], return_std=True)
    assert (std > 0).all()


def test_takes_scores_that_bring_their_protocol(network, drawn):
    scores = ImageScores(np.asarray(drawn.data), network.surrogate_, brings_protocols=True)
    assert_array_equal(network.predict(scores), network.predict(drawn.data))
    one = LeastSquaresFRAP(PROTOCOL).fit(scores)
    assert one.surrogate_ == network.surrogate_
    with pytest.raises(ValueError, match="learns from curves of one experiment"):
        small().fit(scores, drawn.target)


@pytest.mark.slow
def test_partial_fit_goes_on(drawn):
    one = small()
    for _ in range(2):
        one.partial_fit(drawn.data, drawn.target)
    assert one.n_steps_ == 2 * 2
    of_curves = small().partial_fit(drawn.curves, drawn.target)
    with pytest.raises(ValueError, match="protocol must stay"):
        of_curves.partial_fit(drawn.data, drawn.target)


@pytest.mark.slow
def test_learns_one_target(simulator, surrogate, drawn):
    one = small(target_names="alpha").fit_online(simulator, 4 * BATCH, surrogate=surrogate)
    assert one.predict(drawn.data[:3]).shape == (3,)
    assert {*one.estimate(drawn.data[:3]).values} >= {"D", "c0", "alpha"}


def test_files_and_copies_answer_alike(network, drawn, tmp_path):
    expected = network.predict(drawn.data)
    save(network, tmp_path / "network.skfrap")
    joblib.dump(network, tmp_path / "network.joblib")
    for again in (load(tmp_path / "network.skfrap"), joblib.load(tmp_path / "network.joblib")):
        assert_array_equal(again.predict(drawn.data), expected)
        assert again.surrogate_ == network.surrogate_
        assert again._task.is_same(network._task)


@pytest.mark.slow
def test_answers_without_keras(network, drawn, tmp_path):
    save(network, tmp_path / "network.skfrap")
    joblib.dump(drawn.data[:3], tmp_path / "scores.joblib")
    program = (
        "import sys, joblib; from skfrap.persistence import load\n"
        "network, scores = load(sys.argv[1]), joblib.load(sys.argv[2])\n"
        "print(network.predict(scores).shape, 'keras' in sys.modules)"
    )
    arguments = [sys.executable, "-c", program, *map(str, sorted(tmp_path.iterdir()))]
    told = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    assert told.split() == ["(3,", "3)", "False"]


def test_refuses_what_it_cannot_learn_from(simulator, surrogate, network, drawn):
    narrow = ImageSurrogate(PROTOCOL, {"D": (5.0, 50.0)}, **STEADY)
    free = ImageSurrogate(PROTOCOL, {"D": (1.0, 1000.0)}, **STEADY | {"frame_levels": True})
    for other, message in ((narrow, "beyond what the scores know"), (free, "frame_levels=False")):
        with pytest.raises(ValueError, match=message):
            small().fit_online(simulator, BATCH, surrogate=other)
    with pytest.raises(ValueError, match="frame_levels=False"):
        small().fit(simulator.sample_scores(4, free).data, drawn.target[:4])
    with pytest.raises(ValueError, match="must be an ImageSurrogate"):
        small().fit_online(simulator, BATCH, surrogate="auto")
    other = FRAPSimulator(PROTOCOL.replace(n_postbleach=9))
    with pytest.raises(ValueError, match="of the simulator's protocol"):
        small().fit_online(other, BATCH, surrogate=surrogate)
    with pytest.raises(ValueError, match="'linearized' for scores of images"):
        small(features="raw").fit(drawn.data, drawn.target)
    with pytest.raises(ValueError, match="fitted to curves"):
        small().fit(drawn.curves, drawn.target).predict(drawn.data)
    with pytest.raises(ValueError, match="features"):
        network.predict(drawn.curves)
    with pytest.raises(ValueError, match=r"intensity outside of bounds\['c0'\]"):
        network.predict(100 * np.asarray(drawn.data))


@pytest.mark.slow
def test_comes_near_least_squares(simulator, surrogate):
    drawn = simulator.sample_scores(8192, surrogate, start=10**6)
    one = small(hidden_layer_sizes=(64, 64, 64), batch_size=1024)
    one.fit_online(simulator, 128 * 1024, surrogate=surrogate)
    rival = LeastSquaresFRAP(PROTOCOL, one.bounds_).fit(drawn.data)
    assert (losses(one, drawn) < 1.05 * losses(rival, drawn)).all()
