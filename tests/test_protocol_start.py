"""What bleaching left, told or measured: `FRAPProtocol(start=)`, and what all do that read it."""

import copy
import json
import pickle
import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import FunctionTransformer

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPPipeline,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    MeasuredStartFRAP,
    NeuralFRAP,
    make_frap_pipeline,
    persistence,
)
from skfrap.comparison import compare_models
from skfrap.models import DiffusionModel
from skfrap.preprocessing import RecoveryCurveExtractor, RingExtractor
from skfrap.scaling import scale_between, scaled_protocol

TOLD = FRAPProtocol(
    shape=(48, 48), pixel_size=1.0, bleach_region=Circle(8.0), n_prebleach=5, n_bleach=2,
    n_postbleach=20,
)  # fmt: skip
MEASURED = TOLD.replace(start="measured")
TRUTH = {"D": 20.0, "c0": 0.8, "alpha": 0.5, "a": 1e-4}


@pytest.fixture(scope="module")
def images():
    return FRAPSimulator(TOLD, TRUTH, random_state=0).sample_images(4)


# The protocol


def test_a_measured_start_is_another_protocol_and_shows_only_there():
    assert TOLD.start == FRAPProtocol().start == "told"
    assert MEASURED != TOLD
    assert len({MEASURED, TOLD, TOLD.replace(start="measured")}) == 2
    assert MEASURED.replace(start="told") == TOLD
    assert repr(MEASURED) == repr(TOLD)[:-1] + ", start='measured')"


@pytest.mark.parametrize("start", ["seen", "", None, 1, np.ones(3), ("told",)])
def test_another_start_is_refused_in_words(start):
    with pytest.raises(ValueError, match=r"start must be one of \('told', 'measured'\), got"):
        TOLD.replace(start=start)


def test_a_start_goes_through_json_pickles_and_files(tmp_path):
    persistence.save(MeasuredStartFRAP(MEASURED), tmp_path / "measured.npz")
    for other in (
        FRAPProtocol.from_json(MEASURED.to_json()),
        pickle.loads(pickle.dumps(MEASURED)),
        copy.deepcopy(MEASURED),
        persistence.load(tmp_path / "measured.npz").protocol,
    ):
        assert other == MEASURED
        assert hash(other) == hash(MEASURED)
        assert other.start == "measured"


def test_a_told_start_is_written_as_by_versions_that_knew_no_other():
    assert "start" not in json.loads(TOLD.to_json())
    assert "start" not in TOLD.__getstate__()
    assert {*json.loads(MEASURED.to_json())} - {*json.loads(TOLD.to_json())} == {"start"}
    old = FRAPProtocol.__new__(FRAPProtocol)
    old.__setstate__(TOLD.__getstate__())
    assert old == TOLD
    assert hash(old) == hash(TOLD)
    assert old.start == "told"


def test_a_start_stays_under_a_change_of_units_and_is_no_change_of_units():
    assert scaled_protocol(MEASURED, length=2.0, time=0.5).start == "measured"
    assert scale_between(MEASURED, scaled_protocol(MEASURED, 2.0)) == (2.0, 1.0)
    with pytest.raises(ValueError, match="start is told in one and measured in the other"):
        scale_between(TOLD, MEASURED)


# What reads it


def test_models_and_simulators_bleach_the_region_told_either_way():
    told, measured = (
        FRAPSimulator(one, TRUTH, random_state=3).sample(2).data for one in (TOLD, MEASURED)
    )
    np.testing.assert_array_equal(told, measured)
    curves = [DiffusionModel(one).curves(D=5.0, c0=1.0, alpha=0.5) for one in (TOLD, MEASURED)]
    np.testing.assert_array_equal(*curves)


ESTIMATORS = [LeastSquaresFRAP, BayesianFRAP, NeuralFRAP]


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_what_knows_the_told_start_only_refuses_and_says_what_does_not(kind):
    sample = FRAPSimulator(MEASURED, TRUTH, random_state=0).sample(4)
    words = rf"{kind.__name__} takes .* start='measured': use MeasuredStartFRAP"
    with pytest.raises(ValueError, match=words):
        kind(MEASURED).fit(sample.data, sample.target)


def test_a_network_does_not_learn_from_a_simulation_that_is_read_so():
    with pytest.raises(ValueError, match=r"NeuralFRAP.*use MeasuredStartFRAP"):
        NeuralFRAP().fit_online(FRAPSimulator(MEASURED, TRUTH), 4096)


def test_models_are_not_compared_on_a_start_that_they_do_not_know():
    X = FRAPSimulator(TOLD, TRUTH, random_state=0).sample(2).data
    with pytest.raises(ValueError, match=r"LeastSquaresFRAP .*use MeasuredStartFRAP"):
        compare_models(X, ["diffusion"], MEASURED)


@pytest.mark.slow
def test_a_measured_start_may_be_asked_of_any_protocol(images):
    by_either = [
        MeasuredStartFRAP(one).fit(X).predict(X)
        for one in (TOLD, MEASURED)
        for X in [RingExtractor(one).fit_transform(images.data)]
    ]
    np.testing.assert_array_equal(*by_either)


# Pipelines


def test_a_pipeline_goes_by_the_protocol(images):
    pipeline = make_frap_pipeline(MEASURED)
    assert [type(step) for _, step in pipeline.steps] == [RingExtractor, MeasuredStartFRAP]
    estimates = pipeline.fit(images.data).estimate(images.data)
    np.testing.assert_allclose(estimates.D_um2_s, 20.0, rtol=0.05)
    assert pipeline.protocol_ == MEASURED
    told = make_frap_pipeline(TOLD)
    assert [type(step) for _, step in told.steps] == [RecoveryCurveExtractor, LeastSquaresFRAP]


def test_the_extractor_goes_by_the_estimator(images):
    pipeline = make_frap_pipeline(TOLD, MeasuredStartFRAP(readings=("free",)), n_jobs=2)
    assert pipeline["ringextractor"].n_jobs == 2
    np.testing.assert_allclose(
        pipeline.fit(images.data).predict(images.data), np.log10(20), atol=0.05
    )


def test_an_estimator_that_does_not_go_with_the_protocol_is_refused(images):
    with pytest.raises(ValueError, match="make_frap_pipeline chooses by the protocol"):
        make_frap_pipeline(MEASURED, LeastSquaresFRAP()).fit(images.data)


@pytest.mark.slow
def test_a_search_finds_how_the_start_is_best_read(images):
    """The region told is half as wide as what was bleached."""
    wrong = TOLD.replace(bleach_region=Circle(4.0))
    y = images.target[:, 0] + np.linspace(-1e-6, 1e-6, 4)
    search = GridSearchCV(
        make_frap_pipeline(wrong, "auto"),
        {"protocol__start": ["told", "measured"]},
        cv=2,
        scoring="neg_mean_squared_error",
        error_score="raise",
    ).fit(images.data, y)
    assert search.best_params_ == {"protocol__start": "measured"}
    assert isinstance(search.best_estimator_["estimator"], MeasuredStartFRAP)
    assert isinstance(search.best_estimator_["extractor"], RingExtractor)
    np.testing.assert_allclose(
        search.best_estimator_.estimate(images.data).D_um2_s, 20.0, rtol=0.05
    )
    told, measured = search.cv_results_["mean_test_score"]
    assert told < 100 * measured < 0


def test_what_is_left_to_the_protocol_stays_so_until_it_is_fitted(images):
    pipeline = make_frap_pipeline(TOLD, "auto", [FunctionTransformer(np.asarray)])
    assert [step for _, step in pipeline.steps[1:]] == ["auto", "auto"]
    assert repr(clone(pipeline)) == repr(pipeline)
    assert hasattr(pipeline, "log_evidence") is False
    for start, kind in (("told", LeastSquaresFRAP), ("measured", MeasuredStartFRAP)):
        assert isinstance(clone(pipeline).set_params(protocol__start=start)["estimator"], kind)
        assert isinstance(pipeline.set_params(protocol__start=start).fit(images.data)[-1], kind)
    assert "MeasuredStartFRAP" in make_frap_pipeline(MEASURED, "auto")._repr_html_()


def test_names_of_columns_reach_an_estimator_that_is_yet_to_be_chosen(images):
    pytest.importorskip("pandas")
    pipeline = make_frap_pipeline(TOLD, "auto").set_output(transform="pandas").fit(images.data)
    assert [*pipeline["estimator"].feature_names_in_] == [*TOLD.feature_names]
    pipeline.set_params(protocol__start="measured").fit(images.data)
    assert pipeline["estimator"].feature_names_in_[0].startswith("sector 0 at 0 µm at")


def test_a_pipeline_that_chooses_goes_through_files(tmp_path, images):
    pipeline = make_frap_pipeline(MEASURED, "auto").fit(images.data)
    persistence.save(pipeline, tmp_path / "pipeline.npz")
    again = persistence.load(tmp_path / "pipeline.npz")
    np.testing.assert_array_equal(again.predict(images.data), pipeline.predict(images.data))
    assert again.set_params(protocol__start="told").fit(images.data).protocol_ == TOLD


def test_what_cannot_be_chosen_is_said():
    with pytest.raises(ValueError, match=r"estimator must be one of \('auto',\), got 'best'"):
        make_frap_pipeline(TOLD, "best")
    with pytest.raises(ValueError, match=re.escape("joblib.parallel_config")):
        make_frap_pipeline(TOLD, "auto", n_jobs=2)


def test_steps_may_be_left_to_the_protocol_by_hand(images):
    steps = [("rings", "auto"), ("fit", MeasuredStartFRAP(errors="noise"))]
    pipeline = FRAPPipeline(steps, protocol=TOLD).fit(images.data)
    assert isinstance(pipeline["rings"], RingExtractor)
