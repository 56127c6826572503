"""Samples that bring their protocol: a folder of different experiments is one batch.

Whatever is asked of a mixture, each row must be what the pipeline of its protocol gives, to the
last bit.
"""

import pickle
from functools import partial

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.utils import _safe_indexing

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPPipeline,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    MeasuredStartFRAP,
    NeuralFRAP,
    Recording,
    Rectangle,
    load_pretrained,
    make_frap_pipeline,
)
from skfrap.analysis import ExperimentOptions, analyse_series, read_recordings
from skfrap.experiment import CurveSequence, MeasuredStart
from skfrap.io import write_series
from skfrap.persistence import load, save
from skfrap.plotting import (
    EstimatedVersusTrueDisplay,
    PosteriorDisplay,
    ProfileDisplay,
    RecoveryCurveDisplay,
    ResidualsDisplay,
)
from skfrap.preprocessing import (
    BackgroundSubtractor,
    FadingCorrector,
    FlatFieldCorrector,
    IntensityRescaler,
    RecoveryCurveExtractor,
    RingExtractor,
    StackCorrector,
    StackFunction,
)
from skfrap.results import Finding

FIRST = FRAPProtocol(
    shape=(40, 40), pixel_size=1.0, bleach_region=Circle(7.0), n_prebleach=4, n_bleach=1,
    n_postbleach=24, padding=16,
)  # fmt: skip
PROTOCOLS = {
    "first": FIRST,
    "other clock": FIRST.replace(n_prebleach=2, n_postbleach=30, frame_interval=0.6),
    "other field": FIRST.replace(
        shape=(36, 44), pixel_size=0.8, bleach_region=Rectangle(10.0, 8.0), n_postbleach=24
    ),
}
ORDER = ["other field", "first", "first", "other clock", "other field", "other clock", "first"]
TRUTH = {"D": 6.0, "c0": 0.75, "alpha": 0.6, "a": 1e-3}
SAMPLE_D = np.geomspace(2.0, 20.0, len(ORDER))


@pytest.fixture(scope="module")
def recordings():
    made = []
    for k, (name, D) in enumerate(zip(ORDER, SAMPLE_D, strict=True)):
        simulator = FRAPSimulator(PROTOCOLS[name], TRUTH | {"D": D}, random_state=k)
        made.append(Recording(simulator.sample_images(1).data[0], PROTOCOLS[name], f"cell {k}"))
    return made


@pytest.fixture(scope="module")
def curves(recordings):
    return RecoveryCurveExtractor().fit_transform(recordings)


@pytest.fixture(scope="module")
def rings(recordings):
    return RingExtractor(n_sectors=4).fit_transform(recordings)


@pytest.fixture
def y():
    return np.log10(SAMPLE_D)


def rows_of(name):
    return np.flatnonzero(np.array(ORDER) == name)


PROFILE = MeasuredStart.from_profile(
    np.arange(0.5, 16.0), 1 - 0.4 * np.exp(-((np.arange(0.5, 16.0) / 6) ** 2))
)
KINDS = {
    "least squares": (LeastSquaresFRAP, "curves"),
    "proportional noise": (partial(LeastSquaresFRAP, noise="proportional"), "curves"),
    "outliers, two parameters": (
        partial(LeastSquaresFRAP, loss="huber", target_names=["alpha", "log10_D"]),
        "curves",
    ),
    "posterior": (partial(BayesianFRAP, n_nodes=6), "curves"),
    "measured start": (partial(MeasuredStartFRAP, readings=["mobile"]), "rings"),
    "profiles": (partial(MeasuredStartFRAP, start=PROFILE, readings=["mobile"]), "curves"),
}


SLOW = "profiles"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[pytest.mark.slow] * (name == SLOW), id=name.replace(" ", "_"))
        for name in KINDS
    ],
)
def kind(request, curves, rings):
    """Give a kind of estimator, samples for it, and one of it that is fitted to them."""
    make, what = KINDS[request.param]
    X = curves if what == "curves" else rings
    return make, X, make().fit(X)


# The contract: each row is what the pipeline of its protocol gives


@pytest.mark.parametrize(
    "corrections",
    [
        [],
        [BackgroundSubtractor(2.0)],
        [FadingCorrector(distance=1.5), FlatFieldCorrector(2.0)],
        [StackFunction(np.sqrt, of="pixel"), FadingCorrector(distance=1.5, per_frame=False)],
    ],
    ids=["none", "background", "fading_and_flat_field", "function"],
)
@pytest.mark.parametrize("extractor", [RecoveryCurveExtractor, RingExtractor])
def test_transformers_take_the_protocol_of_each_sample(recordings, corrections, extractor):
    mixed = make_pipeline(*map(clone, corrections), extractor()).fit_transform(recordings)
    for name, protocol in PROTOCOLS.items():
        rows = rows_of(name)
        told = [
            clone(one).set_params(protocol=protocol) if "protocol" in one.get_params() else one
            for one in corrections
        ]
        alone = make_pipeline(*told, extractor(protocol))
        stacks = np.stack([recordings[k].frames for k in rows])
        assert_array_equal(mixed.rows(rows), alone.fit_transform(stacks))
        assert all(mixed.protocols[k] == protocol for k in rows)


def test_estimators_answer_each_sample_by_its_own_model(kind):
    make, X, mixed = kind
    answers = {
        "predict": mixed.predict(X),
        "std": mixed.predict(X, return_std=True)[1],
        "interval": mixed.predict_interval(X, 0.9),
    }
    estimates = mixed.estimate(X)
    assert mixed.protocol_ is None
    assert mixed.model_ is None
    for name, protocol in PROTOCOLS.items():
        rows = rows_of(name)
        Z = X.rows(rows)
        alone = make(protocol).fit(Z)
        assert alone.target_names_ == mixed.target_names_
        assert_array_equal(answers["predict"][rows], alone.predict(Z))
        assert_array_equal(answers["std"][rows], alone.predict(Z, return_std=True)[1])
        assert_array_equal(answers["interval"][rows], alone.predict_interval(Z, 0.9))
        expected = alone.estimate(Z)
        for column, values in expected.to_dict().items():
            assert_array_equal(estimates.to_dict()[column][rows], values)
    assert estimates.fit is None


def test_what_else_estimators_are_asked_comes_sample_by_sample(curves, rings):
    posterior = BayesianFRAP(n_nodes=6).fit(curves)
    evidence = posterior.log_evidence(curves)
    drawn = posterior.sample_posterior(curves, 5, random_state=0)
    assert drawn.shape == (len(ORDER), 5, 3)
    told = MeasuredStartFRAP(readings=["mobile"]).fit(rings)
    measured = told.measure(rings)
    for name, protocol in PROTOCOLS.items():
        rows = rows_of(name)
        alone = BayesianFRAP(protocol, n_nodes=6).fit(curves.rows(rows))
        assert_array_equal(evidence[rows], alone.log_evidence(curves.rows(rows)))
        one = MeasuredStartFRAP(protocol, readings=["mobile"]).fit(rings.rows(rows))
        starts = one.measure(rings.rows(rows))
        assert [measured[k].best.log_D for k in rows] == [some.best.log_D for some in starts]
    # The same draws for samples of different protocols would not be independent.
    ranks = drawn[:, :, 1].argsort(axis=1)
    assert len({tuple(row) for row in ranks}) > len(PROTOCOLS)


def test_missing_frames_are_left_out_of_each_sample_of_its_own(curves):
    holes = [np.array(curve) for curve in curves]
    holes[0][[3, 9]] = holes[3][11] = np.nan
    holes[6][:] = np.nan
    X = CurveSequence(holes, curves.protocols)
    mixed = LeastSquaresFRAP(missing="omit").fit(X)
    estimates = mixed.estimate(X)
    assert list(np.flatnonzero(estimates.has_finding("no_data"))) == [6]
    for name, protocol in PROTOCOLS.items():
        rows = rows_of(name)
        alone = LeastSquaresFRAP(protocol, missing="omit").fit(X.rows(rows))
        assert_array_equal(mixed.predict(X)[rows], alone.predict(X.rows(rows)))
    with pytest.raises(ValueError, match=r"samples 0, 4 .*of one protocol: X contains NaN in row"):
        LeastSquaresFRAP().fit(X)


def test_starts_that_are_given_for_each_sample_go_with_it(curves):
    starts = LeastSquaresFRAP().fit(curves).predict(curves)
    once = LeastSquaresFRAP(init=starts, max_nfev=1).fit(curves).predict(curves)
    np.testing.assert_allclose(once, starts, rtol=1e-6)
    shuffled = LeastSquaresFRAP(init=starts[::-1], max_nfev=1).fit(curves).predict(curves)
    assert np.abs(shuffled - starts).max() > 0.01


# scikit-learn


@pytest.mark.parametrize("as_y", ["one dimension", "columns", "frame"])
def test_y_chooses_what_is_answered_for_all_samples(curves, y, as_y):
    all_of_it = LeastSquaresFRAP().fit(curves).predict(curves)
    given = {
        "one dimension": y,
        "columns": all_of_it[:, :2],
        "frame": pd.DataFrame(all_of_it[:, [2, 0]], columns=["alpha", "log10_D"]),
    }[as_y]
    fitted = LeastSquaresFRAP().fit(curves, given)
    columns = {"one dimension": 0, "columns": [0, 1], "frame": [2, 0]}[as_y]
    assert_array_equal(fitted.predict(curves), all_of_it[:, columns])
    assert fitted.score(curves, given) > 0.9
    if as_y == "one dimension":
        assert fitted.target_names_ == ["log10_D"]
        with pytest.warns(UserWarning, match="is taken for"):
            LeastSquaresFRAP().fit(curves, 100 + y)


def test_y_gives_measured_starts_their_form(rings, y):
    measured = MeasuredStartFRAP(readings=["mobile"]).fit(rings[:2], y[:2])
    assert measured.predict(rings[:2]).shape == (2,)
    with pytest.warns(UserWarning, match="is taken for"):
        MeasuredStartFRAP(readings=["mobile"]).fit(rings[:2], [8.0, 9.0])


def test_sequences_are_indexed_as_scikit_learn_does(curves):
    keys = [slice(1, 6, 2), [4, 0, 3], np.array([4, 0, 3]), np.array(ORDER) == "first"]
    for key in keys:
        places = np.arange(len(ORDER))[key]
        for some in (curves[key], curves[key, ...], _safe_indexing(curves, key)):
            assert len(some) == len(places)
            assert some.protocols == tuple(curves.protocols[k] for k in places)
            for row, k in enumerate(places):
                assert_array_equal(some[row], curves[k])
    assert curves.shape == (len(ORDER),)
    assert curves[rows_of("first")].shape == (3, FIRST.n_frames)
    assert_array_equal(np.asarray(curves[rows_of("first")]), curves.rows(rows_of("first")))
    train, test = train_test_split(curves, test_size=2, random_state=0)
    assert (len(train), len(test)) == (5, 2)
    assert curves[-1, 3] == curves[6][3]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (7, "there are 7 curves, got the index 7"),
        (np.array([True, False]), "7 booleans, got bool of shape"),
        ("all", "indexed by an integer, a slice"),
        ((slice(None), 3), "taken whole"),
    ],
)
def test_indices_that_are_none_say_so(curves, index, message):
    with pytest.raises(IndexError, match=message):
        curves[index]


def test_recordings_go_through_cross_validation_and_searches(recordings, y):
    pipeline = make_pipeline(RecoveryCurveExtractor(), LeastSquaresFRAP(target_names="log10_D"))
    folds = KFold(3, shuffle=True, random_state=0)
    error = "neg_mean_absolute_error"
    scores = cross_val_score(pipeline, recordings, y, cv=folds, scoring=error)
    assert (scores > -0.05).all()
    predicted = cross_val_predict(pipeline, recordings, y, cv=folds)
    np.testing.assert_allclose(predicted, pipeline.fit(recordings).predict(recordings), atol=1e-6)
    by_threads = joblib.parallel_config("threading")
    with by_threads:
        again = cross_val_score(pipeline, recordings, y, cv=folds, scoring=error, n_jobs=2)
    assert_array_equal(again, scores)
    grid = {"leastsquaresfrap__loss": ["squared", "huber"]}
    search = GridSearchCV(pipeline, grid, cv=folds, scoring=error).fit(recordings, y)
    assert search.predict(recordings).shape == y.shape
    np.testing.assert_allclose(search.cv_results_["split0_test_score"][0], scores[0], rtol=1e-9)


@pytest.mark.slow
def test_recordings_go_to_other_processes(recordings, y):
    pipeline = make_pipeline(RecoveryCurveExtractor(), LeastSquaresFRAP(target_names="log10_D"))
    folds = KFold(3, shuffle=True, random_state=0)
    alone, apart = (
        cross_val_score(pipeline, recordings, y, cv=folds, n_jobs=n_jobs) for n_jobs in (None, 2)
    )
    assert_array_equal(apart, alone)


def test_copies_pickles_and_files_answer_as_the_original(kind, tmp_path):
    _, X, mixed = kind
    expected = mixed.predict(X)
    again = clone(mixed)
    assert not hasattr(again, "estimators_")
    assert_array_equal(again.fit(X).predict(X), expected)
    path = tmp_path / "estimator.npz"
    save(mixed, path)
    for copy in (pickle.loads(pickle.dumps(mixed)), load(path)):
        assert_array_equal(copy.predict(X), expected)
        assert len(copy.estimators_) == len(PROTOCOLS)
    assert_array_equal(pickle.loads(pickle.dumps(X))[2], X[2])


def test_pipelines_are_kept_in_files(recordings, tmp_path):
    corrections = [BackgroundSubtractor(2.0), FadingCorrector(distance=1.5)]
    pipeline = make_frap_pipeline(corrections=corrections).fit(recordings)
    save(pipeline, tmp_path / "pipeline.npz")
    assert_array_equal(
        load(tmp_path / "pipeline.npz").predict(recordings), pipeline.predict(recordings)
    )
    assert pipeline.protocol_ is None


def test_experiments_that_were_not_fitted_are_prepared_when_they_come(curves):
    some = curves[rows_of("first")]
    mixed = LeastSquaresFRAP().fit(some)
    before = pickle.dumps(mixed)
    expected = LeastSquaresFRAP().fit(curves).predict(curves)
    assert_array_equal(mixed.predict(curves), expected)
    prepared = mixed.for_protocol(PROTOCOLS["other field"])
    assert prepared.surrogate_ is mixed.for_protocol(PROTOCOLS["other field"]).surrogate_
    assert len(mixed.estimators_) == 1
    assert len(pickle.dumps(mixed)) == len(before)  # what was asked for is no part of a fit
    with pytest.raises(ValueError, match="none of the 3 experiments that were fitted"):
        mixed.for_protocol(FIRST.replace(frame_interval=9.0))


def test_a_fit_to_the_other_kind_leaves_nothing_of_the_last(curves):
    rows = rows_of("first")
    estimator = LeastSquaresFRAP().fit(curves)
    estimator.set_params(protocol=FIRST).fit(curves.rows(rows))
    expected = LeastSquaresFRAP(FIRST).fit(curves.rows(rows))
    assert {*vars(estimator)} == {*vars(expected)}
    estimator.set_params(protocol=None).fit(curves)
    assert {*vars(estimator)} == {*vars(LeastSquaresFRAP().fit(curves))}
    assert not hasattr(estimator, "n_features_in_")


# What comes in


def test_a_protocol_that_is_given_is_that_of_all_samples(recordings, curves):
    rows = rows_of("first")
    slower = FIRST.replace(frame_interval=1.0)
    some = [recordings[k] for k in rows]
    extracted = RecoveryCurveExtractor(slower).fit_transform(some)
    assert isinstance(extracted, np.ndarray)
    assert_array_equal(extracted, curves.rows(rows))
    given = LeastSquaresFRAP(slower)
    assert_array_equal(given.fit(curves[rows]).predict(curves[rows]), given.predict(extracted))
    pipeline = make_frap_pipeline(slower).fit(some)
    assert_array_equal(pipeline.predict(some), given.predict(extracted))
    with pytest.raises(ValueError, match="holds for all samples, and curve 0 has 28 values"):
        LeastSquaresFRAP(slower).fit(curves)
    with pytest.raises(ValueError, match="cell 0 has shape"):
        RecoveryCurveExtractor(slower).fit(recordings)


def test_recordings_of_curves_go_to_estimators_as_they_are(curves):
    finding = Finding.of("clocks_disagree", "two clocks")
    samples = [
        Recording(curve, protocol, findings=[finding] * (k == 2))
        for k, (curve, protocol) in enumerate(zip(curves, curves.protocols, strict=True))
    ]
    fitted = LeastSquaresFRAP().fit(samples)
    assert_array_equal(fitted.predict(samples), fitted.predict(curves))
    assert_array_equal(fitted.predict(samples[3]), fitted.predict(curves[3:4]))
    told = fitted.estimate(samples)
    assert list(np.flatnonzero(told.has_finding("clocks_disagree"))) == [2]
    assert told.findings[2][1:] == fitted.estimate(curves).findings[2]


def test_tables_and_masked_curves_are_curves(curves):
    rows = rows_of("first")
    table = pd.DataFrame(curves.rows(rows), columns=FIRST.feature_names)
    assert_array_equal(np.asarray(CurveSequence(table, FIRST)), curves.rows(rows))
    masked = np.ma.masked_greater(curves.rows(rows), 0.75)
    missing = CurveSequence(masked, FIRST)
    assert_array_equal(np.asarray(missing), masked.filled(np.nan))
    assert np.isnan(np.asarray(missing)).any()
    omits = LeastSquaresFRAP(missing="omit").fit(missing)
    recorded = [Recording(curve, FIRST) for curve in masked]
    assert_array_equal(omits.predict(recorded), omits.predict(missing))


def test_weights_of_samples_are_checked(curves):
    weights = np.ones(len(curves))
    assert LeastSquaresFRAP().fit(curves, sample_weight=weights).protocol_ is None
    with pytest.raises(ValueError, match="sample_weight"):
        LeastSquaresFRAP().fit(curves, sample_weight=weights[1:])


def test_findings_of_recordings_come_with_the_estimates(recordings):
    finding = Finding.of("clocks_disagree", "two clocks")
    doubtful = Recording(recordings[1].frames, FIRST, findings=[finding])
    pipeline = make_frap_pipeline().fit([recordings[0], doubtful])
    found = pipeline.estimate([recordings[0], doubtful]).has_finding("clocks_disagree")
    assert found.tolist() == [False, True]
    assert make_frap_pipeline().fit(doubtful).estimate(doubtful).has_finding("clocks_disagree")


def test_files_bring_the_protocol_that_is_stored_in_them(recordings, tmp_path):
    paths = [tmp_path / f"cell{k}.tif" for k in range(3)]
    for path, recording in zip(paths, recordings, strict=False):
        times, info = recording.protocol.times, {"protocol": recording.protocol.to_dict()}
        size = recording.protocol.pixel_size
        frames = recording.frames.astype(np.float32)
        write_series(path, frames, pixel_size_um=size, times_s=times - times[0], info=info)
    fitted = make_frap_pipeline().fit(recordings[:3])
    estimates = fitted.estimate(paths)
    np.testing.assert_allclose(estimates.D_um2_s, fitted.estimate(recordings[:3]).D_um2_s)
    short = tmp_path / "short.tif"
    frames = recordings[0].frames[:-1].astype(np.float32)
    write_series(short, frames, pixel_size_um=0.8, frame_interval_s=0.265, info=info)
    with pytest.raises(ValueError, match=r"short.tif: the protocol stored in the file is set as"):
        fitted.predict([*paths, short])
    (tmp_path / "broken.tif").write_bytes(b"II*\0")
    extractor = RecoveryCurveExtractor(on_error="nan").fit(paths)
    with pytest.warns(UserWarning, match="2 of 5 curves are NaN"):
        X = extractor.transform([*paths, short, tmp_path / "broken.tif"])
    assert [bool(np.isnan(curve).all()) for curve in X] == [False] * 3 + [True] * 2
    some = LeastSquaresFRAP(missing="omit").fit(X)
    assert some.estimate(X).has_finding("no_data").tolist() == [False] * 3 + [True] * 2


def test_files_become_recordings_by_what_is_said_of_each(recordings, tmp_path):
    chosen = [recordings[1], recordings[3]]
    paths = [tmp_path / name for name in ("first.tif", "second.tif")]
    for path, recording in zip(paths, chosen, strict=True):
        counts = np.clip(np.round(3000 * recording.frames), 0, 4095).astype(np.uint16)
        write_series(path, counts, pixel_size_um=1.0, frame_interval_s=0.5)
    with pytest.raises(ValueError, match=r"first: the file does not say the number of frames"):
        read_recordings(tmp_path)
    said = [
        ExperimentOptions(
            bleach_region="circle:7",
            n_prebleach=one.protocol.n_prebleach,
            frame_interval=one.protocol.frame_interval,
            padding=16,
            bit_depth=12,
            skip=skip,
        )
        for one, skip in zip(chosen, (0, 2), strict=True)
    ]
    found = read_recordings(paths, said)
    assert [one.name for one in found] == ["first", "second"]
    assert found[0].protocol == FIRST
    assert found[1].protocol.n_postbleach == PROTOCOLS["other clock"].n_postbleach - 2
    assert found[1].info["sources"]["frame times"].startswith("given")
    pipeline = make_frap_pipeline(corrections=[IntensityRescaler()]).fit(found)
    expected = make_frap_pipeline().fit(chosen).estimate(chosen).D_um2_s
    D = pipeline.estimate(found).D_um2_s
    np.testing.assert_allclose(D[0], expected[0], rtol=0.01)
    np.testing.assert_allclose(D[1], expected[1], rtol=0.2)  # without its first frames
    aside = ExperimentOptions(
        bleach_region="circle:7@18,20", n_prebleach=4, recenter=True, padding=16
    )
    (moved,) = read_recordings(paths[:1], aside)
    x, y = moved.protocol.bleach_region.center
    assert np.hypot(x - 20, y - 20) < 1
    with pytest.raises(ValueError, match="one for each of 2 series, or be one for all, got 1"):
        read_recordings(paths, [aside])


def test_the_pipeline_of_recordings_answers_as_the_analysis_of_each_series(recordings, tmp_path):
    chosen, options = recordings[:2], ExperimentOptions(start="told", background="subtract")
    paths = [tmp_path / name for name in ("first.tif", "second.tif")]
    for path, one in zip(paths, chosen, strict=True):
        write_series(
            path,
            np.clip(np.round(3000 * one.frames), 0, 4095).astype(np.uint16),
            pixel_size_um=one.protocol.pixel_size,
            times_s=one.protocol.times - one.protocol.times[0],
            info={"protocol": one.protocol.to_dict(), "bit_depth": 12},
        )
    found = read_recordings(paths, options)
    corrections = [IntensityRescaler(), BackgroundSubtractor(options.sigma)]
    estimates = make_frap_pipeline(corrections=corrections).fit(found).estimate(found)
    for k, path in enumerate(paths):
        analysis = analyse_series(path, options)
        assert analysis.estimates.D_um2_s[0] == estimates.D_um2_s[k]
        assert analysis.estimates.D_um2_s_lower[0] == estimates.D_um2_s_lower[k]


class PrebleachLevel(StackCorrector):
    """Divide by the mean of the frames that the sample's own protocol has before bleaching."""

    def prepare(self, view):
        return view.read(frames=slice(0, view.protocol.n_prebleach)).mean()

    def apply(self, block, level, frames, rows, columns):
        block /= level


def test_corrections_of_ones_own_see_the_protocol_of_a_sample(recordings):
    corrected = PrebleachLevel().fit_transform(recordings)
    for k, recording in enumerate(recordings):
        level = corrected[k, : recording.protocol.n_prebleach].mean()
        np.testing.assert_allclose(level, 1.0, rtol=1e-5)
        assert corrected.view(k).protocol == recording.protocol
    assert corrected[2:].view(1).protocol == recordings[3].protocol


# What does not go


@pytest.mark.parametrize(
    "step",
    [
        RecoveryCurveExtractor(),
        RingExtractor(),
        BackgroundSubtractor(2.0),
        FadingCorrector(distance=1.5),
    ],
    ids=lambda step: type(step).__name__,
)
def test_samples_with_and_without_a_protocol_are_not_mixed(recordings, step):
    bare = recordings[1].frames
    with pytest.raises(ValueError, match="cell 0 brings its protocol, and stack 1 has none: give"):
        step.fit([recordings[0], bare])
    fitted = clone(step).fit(recordings)
    with pytest.raises(ValueError, match="has no protocol, and the samples that were fitted bring"):
        np.asarray(fitted.transform([bare]))
    if step.__class__ is BackgroundSubtractor:  # one that the paper's protocol lets pass
        with pytest.raises(ValueError, match="brings its protocol, and the samples that were fit"):
            np.asarray(clone(step).fit([bare]).transform(recordings))


def test_curves_with_and_without_a_protocol_are_not_mixed(curves, recordings):
    with pytest.raises(ValueError, match=r"sample 1 .* has no protocol, and others are recordings"):
        LeastSquaresFRAP().fit([Recording(curves[1], FIRST), curves[1]])
    with pytest.raises(ValueError, match=r"sample 0 .* a recording of images.*RecoveryCurveExtr"):
        LeastSquaresFRAP().fit(recordings)
    fitted = LeastSquaresFRAP().fit(curves)
    with pytest.raises(ValueError, match="X is an array, and this LeastSquaresFRAP was fitted to"):
        fitted.predict(curves.rows([1]))
    with pytest.warns(UserWarning, match="protocol is None"):
        assumed = LeastSquaresFRAP().fit(curves.rows([1]))
    with pytest.raises(ValueError, match="samples of X bring their protocols, and this Least"):
        assumed.predict(curves)


def test_what_belongs_to_one_model_is_refused_of_several(curves):
    fitted = LeastSquaresFRAP().fit(curves)
    for ask in (fitted.fit_results, fitted.fit_curves, lambda X: fitted.profile(X, "D", [1.0])):
        with pytest.raises(ValueError, match=r"samples of X have 3 protocols; ask for those of"):
            ask(curves)
    rows = rows_of("first")
    alone = LeastSquaresFRAP(FIRST).fit(curves.rows(rows)).fit_results(curves.rows(rows))
    assert_array_equal(fitted.fit_results(curves[rows]).curves, alone.curves)
    with pytest.raises(ValueError, match=r"curves needs one model, .* ask for_protocol"):
        fitted.curves([[1.0, 0.8, 0.5]])
    expected = fitted.for_protocol(FIRST).curves([[1.0, 0.8, 0.5]])
    assert expected.shape == (1, FIRST.n_frames)
    with pytest.raises(ValueError, match=r"curve 0 has 28 values and curve 3 32 \(from 0\)"):
        np.asarray(curves)


def test_a_measured_start_is_refused_by_estimators_that_do_not_know_it(curves):
    X = CurveSequence([*curves][:2], [curves.protocols[0], FIRST.replace(start="measured")])
    with pytest.raises(ValueError, match=r"sample 1 .*of one protocol: LeastSquaresFRAP takes it"):
        LeastSquaresFRAP().fit(X)


def test_curves_of_their_own_are_no_table(recordings):
    extractor = RecoveryCurveExtractor().set_output(transform="pandas")
    with pytest.raises(ValueError, match="are no table; leave set_output at 'default'"):
        extractor.fit_transform(recordings)
    with pytest.raises(ValueError, match="have no names for all"):
        extractor.get_feature_names_out()
    frames = recordings[0].frames
    with pytest.raises(ValueError, match=r"cell 0 has shape \(28, 36, 44\) and cell 1 \(28, 40"):
        np.asarray(BackgroundSubtractor(2.0).fit_transform(recordings))
    with pytest.raises(ValueError, match=r"frames of 'odd' have the shape .* the protocol expects"):
        Recording(frames[1:], PROTOCOLS["other field"], "odd")
    with pytest.raises(ValueError, match=r"protocol must be a FRAPProtocol or None, got 'paper'"):
        Recording(frames, "paper")


@pytest.mark.parametrize(
    ("curves", "protocols", "message"),
    [
        ([], FIRST, "at least one curve"),
        ([np.ones((2, 3))], FIRST, "curve 0 .* must be a row of real numbers"),
        ([np.ones(3)], [FIRST, FIRST], "there are 1 curves and 2 protocols"),
        ([np.ones(3)], [None], "protocols must be FRAPProtocols, got None for curve 0"),
    ],
)
def test_sequences_say_what_they_lack(curves, protocols, message):
    with pytest.raises(ValueError, match=message):
        CurveSequence(curves, protocols)


# Networks


PAPER = FRAPProtocol()


@pytest.fixture(scope="module")
def network():
    return load_pretrained()


@pytest.fixture(scope="module")
def of_the_paper():
    return FRAPSimulator(PAPER, TRUTH | {"D": 20.0}, random_state=0).sample(3).data


def test_networks_answer_their_own_experiment_and_its_other_units(network, of_the_paper):
    expected = network.predict(of_the_paper)
    same = CurveSequence(of_the_paper, PAPER)
    assert_array_equal(network.predict(same), expected)
    assert_array_equal(network.estimate(same).D_um2_s, network.estimate(of_the_paper).D_um2_s)
    slower = PAPER.replace(frame_interval=4 * PAPER.frame_interval)
    X = CurveSequence(of_the_paper, [PAPER, slower, PAPER])
    mixed = network.predict(X)
    assert_array_equal(mixed[1], network.predict(of_the_paper[1:2], protocol=slower)[0])
    np.testing.assert_allclose(mixed[[0, 2]], expected[[0, 2]], rtol=1e-5)
    np.testing.assert_allclose(mixed[1, 0], expected[1, 0] - np.log10(4), rtol=1e-5)
    assert network.predict_interval(X).shape == (3, 3, 2)
    with pytest.raises(ValueError, match=r"sample 1 .* times the network's, and estimate is of it"):
        network.estimate(X)


def test_networks_refuse_samples_of_other_experiments_by_name(network, of_the_paper, curves):
    other = PAPER.replace(n_bleach=2)
    X = CurveSequence(of_the_paper, [other, PAPER, other])
    with pytest.raises(ValueError, match=r"samples 0, 2 .* another experiment than the network.*4"):
        network.predict(X)
    with pytest.raises(ValueError, match=r"NeuralFRAP learns from curves of one experiment"):
        NeuralFRAP().fit(curves, np.ones(len(curves)))
    images = np.broadcast_to(of_the_paper[0][:, None, None], (PAPER.n_frames, *PAPER.shape))
    own, others = [Recording(images, PAPER)], [Recording(images, other)]
    pipeline = make_frap_pipeline(estimator=FrozenEstimator(network)).fit(own)
    np.testing.assert_allclose(pipeline.predict(own), network.predict(of_the_paper[:1]), rtol=1e-5)
    with pytest.raises(ValueError, match=r"sample 0 .* another experiment than the network"):
        pipeline.predict(others)


# Pipelines and pictures


def test_pipelines_need_no_protocol(recordings, curves, y):
    pipeline = FRAPPipeline([("extractor", "auto"), ("estimator", "auto")]).fit(recordings, y)
    assert_array_equal(
        pipeline.predict(recordings), LeastSquaresFRAP().fit(curves, y).predict(curves)
    )
    assert pipeline.predict_interval(recordings).shape == (len(ORDER), 1, 2)
    assert pipeline.score(recordings, y, sample_weight=np.ones(len(y))) > 0.99
    assert isinstance(pipeline.recovery_curves(recordings), CurveSequence)
    rings = make_frap_pipeline(estimator=MeasuredStartFRAP(readings=["mobile"])).fit(recordings)
    assert np.abs(rings.predict(recordings)[:, 0] - y).max() < 0.2


def test_pictures_of_one_curve_are_of_its_experiment(curves, y):
    fitted = LeastSquaresFRAP().fit(curves)
    alone = LeastSquaresFRAP(PROTOCOLS["other clock"]).fit(curves.rows([3]))
    for display in (RecoveryCurveDisplay, ResidualsDisplay):
        shown = display.from_estimator(fitted, curves, index=3)
        assert shown.protocol == PROTOCOLS["other clock"]
    assert_array_equal(
        ProfileDisplay.from_estimator(fitted, curves, index=3, n_points=5).rise,
        ProfileDisplay.from_estimator(alone, curves.rows([3]), n_points=5).rise,
    )
    posterior = BayesianFRAP(n_nodes=6).fit(curves)
    PosteriorDisplay.from_estimator(posterior, curves, index=3, n_samples=20)
    EstimatedVersusTrueDisplay.from_estimator(LeastSquaresFRAP().fit(curves, y), curves, y)
    with pytest.raises(ValueError, match="index must be that of one of the 7 curves"):
        RecoveryCurveDisplay.from_estimator(fitted, curves, index=7)
    plt.close("all")
