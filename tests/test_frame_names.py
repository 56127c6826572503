"""Columns that are named by their times are held against the protocol."""

import numpy as np
import pandas as pd
import pytest

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    NeuralFRAP,
    load_pretrained,
)
from skfrap.experiment._frames import check_frame_names
from skfrap.preprocessing import RecoveryCurveExtractor
from skfrap.scaling import scaled_protocol

PROTOCOL = FRAPProtocol(
    shape=(48, 48),
    pixel_size=1.5,
    bleach_region=Circle(9.0),
    n_prebleach=4,
    n_bleach=2,
    n_postbleach=20,
    padding=24,
)
SLOWER = PROTOCOL.replace(frame_interval=0.53)


@pytest.fixture(scope="module")
def sample():
    return FRAPSimulator(PROTOCOL, random_state=0).sample(20)


def named(X, protocol=PROTOCOL):
    return pd.DataFrame(X, columns=protocol.feature_names)


def estimators(protocol):
    return [
        LeastSquaresFRAP(protocol),
        LeastSquaresFRAP(protocol, model="soumpasis"),
        BayesianFRAP(protocol, n_nodes=8),
        NeuralFRAP(protocol, (4,), features="raw", max_iter=1, random_state=0),
    ]


@pytest.mark.parametrize("estimator", estimators(SLOWER), ids=lambda one: type(one).__name__)
def test_curves_of_another_clock_are_refused(estimator, sample):
    with pytest.raises(ValueError, match=r"another experiment.*0\.265 s.*0\.53 s"):
        estimator.fit(named(sample.data), sample.target)


@pytest.mark.parametrize("estimator", estimators(PROTOCOL), ids=lambda one: type(one).__name__)
def test_curves_of_the_protocol_are_as_without_names(estimator, sample):
    by_names = estimator.fit(named(sample.data), sample.target).predict(named(sample.data))
    plain = estimator.fit(sample.data, sample.target).predict(sample.data)
    np.testing.assert_allclose(by_names, plain, rtol=1e-5)  # tables lie otherwise in memory


@pytest.mark.parametrize("ask", ["predict", "predict_interval", "estimate", "fit_results"])
def test_an_estimator_fitted_without_names_looks_at_them_later(ask, sample):
    fitted = LeastSquaresFRAP(PROTOCOL).fit(sample.data)
    with pytest.raises(ValueError, match="another experiment"):
        getattr(fitted, ask)(named(sample.data, SLOWER))


def test_the_protocol_that_a_network_is_given_is_the_one_that_counts():
    network = load_pretrained("deepfrap")
    faster = scaled_protocol(network.protocol_, time=0.5)
    X = FRAPSimulator(random_state=0).sample(2).data
    frame = pd.DataFrame(X, columns=faster.feature_names)
    with pytest.raises(ValueError, match="another experiment"):
        network.predict(frame)
    with pytest.warns(UserWarning, match="fitted without feature names"):
        theta = network.predict(frame, protocol=faster)
    np.testing.assert_allclose(theta, network.predict(X, protocol=faster), rtol=1e-9)


def test_the_papers_protocol_is_not_assumed_where_names_say_otherwise(sample):
    with pytest.raises(ValueError, match="another experiment"):
        LeastSquaresFRAP().fit(named(sample.data, SLOWER))


def test_an_extractor_and_an_estimator_that_disagree_are_found_by_names(sample):
    stacks = FRAPSimulator(PROTOCOL, random_state=0).sample_images(1).data
    extractor = RecoveryCurveExtractor(PROTOCOL).set_output(transform="pandas").fit(stacks)
    with pytest.raises(ValueError, match="another experiment"):
        LeastSquaresFRAP(SLOWER).fit(extractor.transform(stacks))


def test_frames_in_another_order_are_refused(sample):
    turned = named(sample.data).iloc[:, ::-1]
    with pytest.raises(ValueError, match="another order"):
        LeastSquaresFRAP(PROTOCOL).fit(turned)


@pytest.mark.parametrize(
    "names",
    [None, [f"frame {k}" for k in range(24)], [*PROTOCOL.feature_names[:-1], "cell"]],
    ids=["none", "others", "one that says no time"],
)
def test_names_that_say_no_times_are_let_through(names):
    check_frame_names(names, SLOWER)


def test_rounded_times_are_the_same_clock():
    rounded = [f"intensity at {time:.4f} s" for time in PROTOCOL.times]
    check_frame_names(rounded, PROTOCOL)
    with pytest.raises(ValueError, match="another experiment"):
        check_frame_names(rounded, PROTOCOL.replace(frame_interval=0.266))


def test_other_numbers_of_frames_are_another_experiment():
    with pytest.raises(ValueError, match=r"24 frames.*25 frames"):
        check_frame_names(PROTOCOL.feature_names, PROTOCOL.replace(n_postbleach=21))
