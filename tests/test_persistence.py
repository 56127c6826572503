import importlib
import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from copy import deepcopy
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
from scipy.stats import lognorm, rv_continuous, uniform
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skfrap import (
    BayesianFRAP,
    Circle,
    Compartment,
    Ellipse,
    FRAPPipeline,
    FRAPProtocol,
    FRAPSimulator,
    JointFRAP,
    LeastSquaresFRAP,
    Mask,
    MeasuredStartFRAP,
    NeuralFRAP,
    Polygon,
    Rectangle,
    __version__,
    load_pretrained,
    pretrained,
)
from skfrap.experiment import MeasuredStart, RingLayout, TileLayout
from skfrap.inference.fitting._images import ImageFitter
from skfrap.inference.fitting._objectives import HuberLoss, ProportionalNoise
from skfrap.inference.fitting._rows import RowNoise
from skfrap.inference.networks._features import LinearizedImageFeatures
from skfrap.metrics import weighted_mean_squared_error
from skfrap.models import (
    AnomalousModel,
    BindingModel,
    DiffusionModel,
    DirectCurves,
    ExponentialModel,
    FlowModel,
    GaussianBeamModel,
    ImageSurrogate,
    ReactionModel,
    SoumpasisModel,
    SubdiffusionModel,
    TurnoverModel,
    TwoPopulationsModel,
)
from skfrap.parameters import ParameterSpace
from skfrap.persistence import TRUSTED_TYPES, load, save
from skfrap.persistence._classes import _CLASSES
from skfrap.persistence._codec import Decoder
from skfrap.persistence._container import FORMAT, pack, unpack
from skfrap.persistence._format_1 import upgrade
from skfrap.preprocessing import (
    BackgroundSubtractor,
    CompartmentExtractor,
    Drift,
    DriftCorrector,
    FadingCorrector,
    FlatFieldCorrector,
    ImageScoreExtractor,
    IntensityRescaler,
    Normalizer,
    RecoveryCurveExtractor,
    ReferenceCorrector,
    RingExtractor,
)
from skfrap.results import Finding

PAPER = FRAPProtocol()

SHIPPED = sorted(path.stem for path in Path(pretrained.__file__).parent.glob("*.npz"))


@pytest.fixture(scope="module")
def protocol():
    return FRAPProtocol(
        shape=(64, 64), pixel_size=1.0, bleach_region=Circle(8.0), n_postbleach=20, padding=32
    )


@pytest.fixture(scope="module")
def simulator(protocol):
    return FRAPSimulator(protocol, random_state=0)


@pytest.fixture(scope="module")
def sample(simulator):
    return simulator.sample(300)


def small(**changes):
    chosen = {"hidden_layer_sizes": (8, 8), "batch_size": 64, "max_iter": 2, "random_state": 0}
    return NeuralFRAP(**(chosen | changes))


@pytest.fixture(scope="module")
def network(simulator):
    return small().fit_online(simulator, 64 * 64)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "estimator.npz"


def copied(estimator, path, **options):
    save(estimator, path, **options)
    return load(path)


def content(estimator, path, **options):
    save(estimator, path, **options)
    return path.read_bytes()


# Round trips


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"features": "scores"},
        {"features": "raw"},
        {"targets": "separate"},
        {"optimizer": "sgd", "random_state": np.random.RandomState(3)},
        {"early_stopping": True, "bounds": {"D": (0.5, 2000.0)}},
    ],
    ids=["default", "scores", "raw", "separate", "own generator", "bounds"],
)
@pytest.mark.slow
def test_networks_come_back(options, protocol, sample, path):
    network = small(protocol=protocol, **options).fit(sample.data, sample.target)
    copy = copied(network, path)
    assert type(copy) is NeuralFRAP
    np.testing.assert_array_equal(copy.predict(sample.data), network.predict(sample.data))
    found, expected = (each.set_params(random_state=0).get_params() for each in (copy, network))
    assert found == expected
    assert content(copy, path) == content(network, path)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"noise": "proportional"},
        {"loss": "huber", "bounds": {"c0": (0.1, np.inf)}},
        {"interpolate": False},
        {"model": "soumpasis"},
        {"model": "gaussian_beam"},
        {"model": "exponential"},
        {"model": "reaction"},
        pytest.param({"model": "binding", "interpolate": False}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_least_squares_comes_back(options, protocol, sample, path):
    X = sample.data[:2]
    estimator = LeastSquaresFRAP(protocol, **options).fit(X)
    copy = copied(estimator, path)
    np.testing.assert_array_equal(copy.predict(X), estimator.predict(X))
    assert copy.bounds_ == estimator.bounds_
    assert content(copy, path) == content(estimator, path)


@pytest.mark.slow
def test_least_squares_that_starts_at_a_network_comes_back(network, protocol, sample, path):
    estimator = LeastSquaresFRAP(protocol, init=FrozenEstimator(network)).fit(sample.data)
    copy = copied(estimator, path)
    np.testing.assert_array_equal(copy.predict(sample.data), estimator.predict(sample.data))


@pytest.mark.slow
@pytest.mark.parametrize(
    "region",
    [
        Circle(6.0, center=(30.5, 33.0)),
        Rectangle(10.0, 6.0),
        Polygon([(20, 20), (40, 22), (30, 40)]),
        Mask(np.tri(64, 64, -40)),
    ],
    ids=lambda region: type(region).__name__,
)
def test_pipelines_from_images_come_back(region, network, path):
    protocol = FRAPProtocol(
        shape=(64, 64),
        pixel_size=1.0,
        bleach_region=region,
        postbleach_times=np.geomspace(0.3, 9.0, 20),
        padding=32,
    )
    stacks = FRAPSimulator(protocol, random_state=0).sample_images(2).data
    steps = [
        IntensityRescaler(),
        BackgroundSubtractor(sigma=2.0),
        FlatFieldCorrector(protocol=protocol),
        FadingCorrector(protocol),
        RecoveryCurveExtractor(protocol),
    ]
    pipeline = make_pipeline(*steps).fit(stacks)
    copy = copied(pipeline, path)
    np.testing.assert_array_equal(copy.transform(stacks), pipeline.transform(stacks))
    assert copy[-1].protocol_ == protocol
    assert content(copy, path) == content(pipeline, path)


def test_names_of_columns_come_back(sample, path):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(sample.data, columns=[f"frame {k}" for k in range(30)])
    scaled = make_pipeline(StandardScaler().set_output(transform="pandas"), small())
    scaled.fit(X, sample.target)
    copy = copied(scaled, path)
    np.testing.assert_array_equal(copy.predict(X), scaled.predict(X))
    assert copy.feature_names_in_.tolist() == X.columns.tolist()
    with pytest.raises(ValueError, match="feature names should match"):
        copy.predict(X.rename(columns={"frame 0": "other"}))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -(10**30),
        0.1,
        -np.inf,
        "µm²/s",
        [1, [2.5, None]],
        ((), ("a", (1,)), [()]),
        {"tuple": (1,), "class": {"": []}},
        np.float32(0.1),
        np.int64(-3),
        np.bool_(True),
        np.zeros((0, 3)),
        np.array(2.5),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10)[::-3],
        np.arange(3, dtype=">i2"),
        np.array([True, False]),
        np.array([1 + 2j]),
        np.array(["a", "bcd"]),
        np.array([["a", None], ["b", "c"]], dtype=object),
    ],
    ids=repr,
)
def test_values_come_back_as_they_were(value, path):
    found = copied(IntensityRescaler(offset=value), path).offset
    assert type(found) is type(value)
    np.testing.assert_equal(found, value)
    if isinstance(value, np.ndarray):
        assert found.dtype == value.dtype
        assert found.shape == value.shape
        assert found.flags.writeable


def test_not_a_number_comes_back(path):
    assert np.isnan(copied(IntensityRescaler(offset=np.nan), path).offset)


def test_what_was_one_object_stays_one(path):
    values = np.arange(3.0)
    step = IntensityRescaler(offset=values)
    pipeline = Pipeline([("one", step), ("other", step), ("third", IntensityRescaler(values))])
    copy = copied(pipeline, path)
    assert copy[0] is copy[1]
    assert copy[0].offset is copy[2].bit_depth


def test_unfitted_estimators_come_back_unfitted(protocol, path):
    estimator = small(protocol=protocol, hidden_layer_sizes=[4, 5])
    copy = copied(estimator, path)
    assert copy.get_params() == estimator.get_params()
    assert not hasattr(copy, "n_features_in_")


def one_of_each_class(protocol, sample):
    """Objects of all classes that files may hold."""
    curves, targets = sample.data[:64], sample.target[:64]
    least_squares = LeastSquaresFRAP(protocol).fit(curves)
    networks = [
        small(protocol=protocol, features=features, max_iter=1).fit(curves, targets)
        for features in ("linearized", "scores", "raw")
    ]
    pixel_weights = protocol.roi_weights**2 / protocol.noise_gain
    models = BindingModel, ExponentialModel, ReactionModel, SoumpasisModel
    models += FlowModel, TurnoverModel, TwoPopulationsModel
    flash = protocol.replace(n_bleach=1)
    joint = JointFRAP(LeastSquaresFRAP(protocol)).fit(curves[:4])
    images = ImageSurrogate(flash, {"D": (1.0, 10.0)})
    steady = ImageSurrogate(flash, {"D": (1.0, 10.0)}, frame_levels=False, flat_field=None)
    box = {"D": (1.0, 10.0), "c0": (0.5, 1.0)}
    fitter = ImageFitter(
        steady, ParameterSpace.of(DiffusionModel(flash), bounds=box), max_nfev=9, tol=1e-9
    )
    scores = FRAPSimulator(flash, {"D": 3.0}, random_state=0).sample_scores(8, steady)
    of_images = LinearizedImageFeatures(fitter)
    of_images.fit(scores.data.values, scores.target, scores.sample_weight)
    return [
        protocol,
        Circle(6.0),
        Compartment(Ellipse((9.0, 7.0)), np.ones((8, 8)), "sites"),
        Ellipse((9.0, 7.0), 30.0, (30.0, 31.0)),
        Mask(np.tri(8)),
        Polygon([(20, 20), (40, 22), (30, 40)]),
        Rectangle(10.0, 6.0, center=(30.0, 31.0)),
        *(model(protocol) for model in models),
        AnomalousModel(flash),
        SubdiffusionModel(flash),
        DiffusionModel(protocol, pixel_weights),
        GaussianBeamModel(protocol, width=7.0),
        DirectCurves(SoumpasisModel(protocol)),
        HuberLoss(0.01),
        ProportionalNoise(0.01, {"a": 1e-4}),
        RowNoise(np.array([0.01, 0.003])),
        least_squares,
        Finding.of("at_upper_bound", "D is at its upper bound", "D"),
        least_squares.surrogate_,
        least_squares._fitter,
        BayesianFRAP(protocol).fit(curves),
        networks[0],
        networks[0]._task,
        *(network.features_ for network in networks),
        of_images,
        IntensityRescaler(),
        BackgroundSubtractor(),
        FlatFieldCorrector(),
        FadingCorrector(protocol),
        DriftCorrector(protocol),
        Drift(np.zeros((3, 2)), np.ones((3, 2)), np.zeros(3)),
        RecoveryCurveExtractor(protocol),
        Normalizer(),
        ReferenceCorrector(Circle(3.0)),
        ImageScoreExtractor(protocol),
        images,
        ImageFitter(images, ParameterSpace.of(DiffusionModel(protocol)), max_nfev=9, tol=1e-9),
        RingExtractor(protocol),
        RingLayout(12),
        CompartmentExtractor(protocol.replace(compartment=Circle(20.0))),
        TileLayout(2, 12),
        MeasuredStart.from_profile(np.arange(9.0), np.linspace(0.5, 1.0, 9)),
        MeasuredStartFRAP(protocol),
        joint,
        joint.estimates_,
        FrozenEstimator(networks[0]),
        Pipeline([("scale", StandardScaler())]),
        FRAPPipeline([("fit", LeastSquaresFRAP())], protocol=protocol).fit(curves),
        StandardScaler().fit(curves),
    ]


def test_every_class_comes_back(protocol, sample, path):
    objects = one_of_each_class(protocol, sample)
    assert {type(one).__name__ for one in objects} == {*_CLASSES}
    for one in objects:
        first = content(IntensityRescaler(offset=one), path)
        copy = load(path).offset
        assert type(copy) is type(one)
        assert copy is not one
        assert content(IntensityRescaler(offset=copy), path) == first


def test_corrections_of_version_0_1_do_what_they_did():
    """A protocol went before the number of frames, and corrections did not keep it apart."""
    protocol = {"class": "FRAPProtocol", "id": 1, "state": {"n_prebleach": 4}}
    fading = {"protocol": protocol, "distance": 3.0, "per_frame": True, "reference_": {"array": 0}}
    light = {"sigma": 5.0, "n_prebleach": 10, "protocol": protocol, "n_prebleach_": 4}
    told = light | {"protocol": None, "n_prebleach": 6}
    names = ["FadingCorrector", "BackgroundSubtractor", "FlatFieldCorrector"]
    codes = [
        {"class": name, "id": k, "state": state}
        for k, (name, state) in enumerate(zip(names, [fading, light, told], strict=True), 2)
    ]
    corrections = Decoder(lambda number: np.ones((4, 4), dtype=bool)).decode(upgrade(codes))
    fading, background, flat_field = corrections
    assert fading.protocol_ == fading.protocol == FRAPProtocol(n_prebleach=4)
    assert background.n_prebleach is None
    assert background.n_prebleach_ == 4
    assert flat_field.n_prebleach == 6


# Bytes


def test_training_again_gives_the_same_file(protocol, simulator, network, path):
    # Another protocol, equal to the one that the interpolated model was made for.
    again = small().fit_online(FRAPSimulator(protocol.replace(), random_state=0), 64 * 64)
    assert again.history_["seconds"][-1] != network.history_["seconds"][-1]
    first, second = (content(each, path, for_prediction=True) for each in (network, again))
    assert first == second
    other = small(random_state=1).fit_online(simulator, 64 * 64)
    assert content(other, path, for_prediction=True) != first


def test_training_goes_on_where_it_was(protocol, sample, path):
    network = small(protocol=protocol).partial_fit(sample.data, sample.target)
    copy = copied(network, path)
    for each in (copy, network):
        each.partial_fit(sample.data, sample.target)
    np.testing.assert_array_equal(copy.predict(sample.data), network.predict(sample.data))
    assert copy.history_["loss"].tolist() == network.history_["loss"].tolist()


@pytest.mark.slow
def test_what_only_training_needs_can_be_left_out(protocol, sample, path):
    network = small(protocol=protocol, hidden_layer_sizes=(64, 64))
    network.partial_fit(sample.data, sample.target)
    size = len(content(network, path))
    copy = copied(network, path, for_prediction=True)
    # Adam keeps two numbers for each weight, of four bytes.
    assert size - path.stat().st_size > 8 * network.n_weights_
    np.testing.assert_array_equal(copy.predict(sample.data), network.predict(sample.data))
    assert copy.skfrap_version_ == network.skfrap_version_
    assert hasattr(network, "history_")
    before = copy.predict(sample.data)
    copy.partial_fit(sample.data, sample.target)
    assert not np.array_equal(copy.predict(sample.data), before)
    assert copy.n_steps_ == 2 * network.n_steps_


def test_any_program_can_read_the_file(network, path):
    save(network, path)
    with np.load(path, allow_pickle=False) as archive:
        structure = json.loads(archive["structure.json"])
        arrays = [archive[name] for name in archive.files if name != "structure.json"]
    assert structure["format"] == FORMAT
    assert structure["skfrap_version"] == network.skfrap_version_
    assert structure["estimator"]["class"] == "NeuralFRAP"
    assert sum(array.size for array in arrays) > network.n_weights_


# What cannot be saved


class Derived(IntensityRescaler):
    pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda x: x, r"Pipeline\.steps\[1\]\[1\]\.offset is function .*<lambda>"),
        (np.mean, r"\.offset is of class numpy\._ArrayFunctionDispatcher|\.offset is .*mean"),
        (partial(max, 1), r"\.offset is of class functools\.partial"),
        (NeuralFRAP, r"\.offset is .*NeuralFRAP"),
        ([0, {"a": {1}}], r"\.offset\[1\]\['a'\] is of class builtins\.set"),
        (Ridge(), r"\.offset is of class sklearn\.linear_model\._ridge\.Ridge.* keep it by joblib"),
        (Derived(), r"\.offset is of class .*Derived"),
        ({1: 2}, r"\.offset has the key 1; only strings"),
        (np.array([None, print]), r"\.offset\[1\] is "),
        (np.zeros(2, "f,i"), r"\.offset is an array of \["),
        (np.longdouble(1), r"\.offset is a "),
        (np.ma.masked_array([1.0]), r"\.offset is of class numpy\.ma"),
        (np.random.RandomState(np.random.PCG64(0)), r"\.offset is a RandomState of PCG64"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_saved_is_named(value, message, path):
    path.write_text("old")
    steps = [("first", IntensityRescaler()), ("second", IntensityRescaler(offset=value))]
    with pytest.raises(ValueError, match=message):
        save(Pipeline(steps), path)
    assert path.read_text() == "old"


def test_only_estimators_are_saved(protocol, path):
    for other in (protocol, {"D": 1.0}, NeuralFRAP):
        with pytest.raises(ValueError, match="estimator must be an estimator"):
            save(other, path)


def test_requests_for_metadata_are_refused(path):
    with sklearn.config_context(enable_metadata_routing=True):
        asking = LeastSquaresFRAP(PAPER).set_fit_request(sample_weight=True)
        with pytest.raises(ValueError, match=r"steps\[0\]\[1\] has metadata requests"):
            save(Pipeline([("only", asking)]), path)


@pytest.mark.parametrize("kind", [Pipeline, FRAPPipeline])
def test_pipelines_do_not_keep_the_folder_of_their_cache(kind, path, tmp_path):
    pipeline = kind([("only", IntensityRescaler())], memory=str(tmp_path))
    with pytest.raises(ValueError, match=r"Pipeline\.memory must be None"):
        save(pipeline, path)


# What is not loaded


def rewrite(path, change=lambda structure: None, members=None, compression=zipfile.ZIP_STORED):
    """Write a file of an estimator again, with changes."""
    with zipfile.ZipFile(path) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    structure = json.loads(found["structure.json"])
    change(structure)
    found |= {"structure.json": json.dumps(structure).encode()} | (members or {})
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, member in found.items():
            if member is not None:
                archive.writestr(name, member)


def parameters_in(structure):
    return structure["estimator"]["state"]["parameters"]["dict"]


def array_file(array, **options):
    part = io.BytesIO()
    np.save(part, array, **options)
    return part.getvalue()


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def simple(path):
    """File of an estimator with one array of three numbers."""
    save(IntensityRescaler(offset=np.arange(3.0)), path)
    return path


def test_rewriting_alone_does_no_harm(simple):
    rewrite(simple)
    assert load(simple).offset.tolist() == [0, 1, 2]


def test_a_folder_is_refused_in_words(tmp_path):
    with pytest.raises(ValueError, match="is a folder; give the file"):
        load(tmp_path)


def test_newer_formats_are_refused(simple):
    rewrite(simple, lambda s: s.update(format=FORMAT + 1, skfrap_version="9.9"))
    with pytest.raises(ValueError, match=r"skfrap 9\.9 wrote it in format .* newer skfrap"):
        load(simple)


@pytest.mark.parametrize("number", [0, -1, 1.0, True, "2", None])
def test_formats_that_never_were_are_refused(number, simple):
    rewrite(simple, lambda s: s.update(format=number))
    with pytest.raises(ValueError, match=r"its format is .*, which is none"):
        load(simple)


@pytest.mark.parametrize("name", ["fit", "predict", "_fitter", "__class__", "__dict__", "__x_"])
def test_files_set_fitted_attributes_only(name, simple):
    rewrite(simple, lambda s: s["estimator"]["state"]["fitted"]["dict"].update({name: 1}))
    with pytest.raises(ValueError, match=f"IntensityRescaler has no fitted attribute {name!r}"):
        load(simple)


def test_objects_of_old_files_are_turned_once_however_often_they_are_referred_to():
    """Else a small file with references to references takes twice as long for each of them."""
    tasks = [
        {"class": "Task", "id": k, "state": {"names": [{"same": max(0, k - 1)}] * 2}}
        for k in range(1, 4)
    ]
    first, *others = upgrade([{"class": "Task", "id": 0, "state": {"names": []}}, *tasks])
    for one in others:
        assert one["state"]["names"] == [first, first]
        assert one["state"]["names"][0] is one["state"]["names"][1] is first
        first = one


@pytest.mark.parametrize("name", ["Ridge", "system", "os:system", "builtins:eval", "load", "", 1])
def test_other_classes_are_refused(name, simple):
    rewrite(simple, lambda s: s["estimator"].update({"class": name}))
    with pytest.raises(ValueError, match=f"asks for the class {name!r}"):
        load(simple)


def test_pickles_within_are_not_run(simple, tmp_path):
    mark = tmp_path / "mark"
    poisoned = array_file(np.array([Bomb(mark)], dtype=object), allow_pickle=True)
    for name in ("0.npy", "structure.json"):
        rewrite(simple, members={name: poisoned})
        with pytest.raises(ValueError, match=r"only numbers and strings|damaged"):
            load(simple)
    simple.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(ValueError, match=r"not written by skfrap.*joblib\.load"):
        load(simple)
    assert not mark.exists()
    pickle.loads(simple.read_bytes())
    assert mark.exists()


@pytest.mark.parametrize(
    "members",
    [
        {"0.npy": None},
        {"0.npy": b""},
        {"0.npy": array_file(np.arange(3.0))[:-1]},
        {"0.npy": array_file(np.arange(3.0)) + b"0"},
        {"0.npy": array_file(np.zeros(2, "f,i"))},
        {"structure.json": None},
        {"structure.json": b"{}"},
        {"structure.json": b"[" * 100_000},
    ],
    ids=lambda members: repr(members)[:40],
)
def test_members_that_are_missing_or_wrong_are_refused(members, simple):
    rewrite(simple, members=members)
    with pytest.raises(ValueError, match="cannot be loaded: "):
        load(simple)


@pytest.mark.parametrize(
    "value",
    [
        {"array": 1},
        {"array": -1},
        {"array": "../0"},
        {"array": 0, "tuple": []},
        {"call": ["print"]},
        {},
        {"same": 7},
        {"float": "one"},
        {"scalar": ["object", 1]},
        {"scalar": ["int8", 1000]},
        {"objects": ["a"], "shape": [2]},
        {"random_state": [{"array": 0}, 3, 0, 0.0]},
        {"class": "Circle", "id": 1, "state": {"dict": {"radius": -1.0}}},
        {"class": "Circle", "id": 1, "state": {"radius": -1.0}},
        {"class": "Circle", "id": 1, "state": {"radius": 1.0, "colour": 2}},
        {"class": "Circle", "id": 1},
        {"class": "Pipeline", "id": 1, "state": {"memory": "/tmp/cache"}},
        *(
            {
                "class": kind,
                "id": 1,
                "state": {
                    "parameters": {"dict": {"steps": [], "memory": "/tmp/cache"}},
                    "fitted": {"dict": {}},
                    "output": None,
                },
            }
            for kind in ("FRAPPipeline", "Pipeline")
        ),
        {
            "class": "StandardScaler",
            "id": 1,
            "state": {
                "parameters": {"dict": {}},
                "fitted": {"dict": {"fit": 1}},
                "output": None,
            },
        },
    ],
    ids=str,
)
def test_values_that_stand_for_nothing_are_refused(value, simple):
    rewrite(simple, lambda s: parameters_in(s).update(offset=value))
    with pytest.raises(ValueError, match="cannot be loaded: "):
        load(simple)


def test_generators_with_a_position_outside_of_their_state_are_refused(path):
    save(IntensityRescaler(offset=np.random.RandomState(0)), path)
    rewrite(path)
    assert load(path).offset.uniform() == np.random.RandomState(0).uniform()

    def move(structure):
        parameters_in(structure)["offset"]["random_state"][1] = 10**6

    rewrite(path, move)
    with pytest.raises(ValueError, match="random generator"):
        load(path)


def test_compressed_files_are_refused(simple):
    rewrite(simple, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="is compressed"):
        load(simple)


def test_files_of_something_else_are_refused(path):
    for wrong in (b"", b"D_um2_s,c0\n", pickle.dumps(1)):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="was not written by skfrap"):
            load(path)
    np.savez(path, np.arange(3))
    with pytest.raises(ValueError, match=r"it has no structure\.json"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(path.with_name("nowhere.npz"))


def test_damage_anywhere_is_noticed_or_harmless(simple):
    whole = simple.read_bytes()
    n_noticed = 0
    for k in range(len(whole)):
        damaged = bytearray(whole)
        damaged[k] ^= 0x41
        simple.write_bytes(damaged)
        try:
            estimator = load(simple)
        except ValueError:
            n_noticed += 1
        else:
            assert estimator.offset.tolist() == [0, 1, 2]
    assert n_noticed > 0.8 * len(whole)
    for k in range(0, len(whole), 7):
        simple.write_bytes(whole[:k])
        with pytest.raises(ValueError, match=r"damaged|cannot be loaded"):
            load(simple)


# Other processes


def run_elsewhere(program, folder):
    path = [entry for entry in sys.path if entry]
    program = (
        f"import sys; sys.path[:0] = {path!r}\n{program}\n"
        "loaded = {'keras', 'jax', 'tensorflow', 'torch'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=folder)


@pytest.mark.parametrize(
    ("dump", "reader"), [(joblib.dump, "joblib"), (save, "skfrap.persistence")]
)
@pytest.mark.slow
def test_pipelines_predict_in_another_process_without_keras(dump, reader, sample, tmp_path):
    pipeline = make_pipeline(StandardScaler(), small()).fit(sample.data, sample.target)
    dump(pipeline, tmp_path / "pipeline")
    np.save(tmp_path / "curves.npy", sample.data)
    program = (
        "import numpy as np\n"
        f"from {reader} import load\n"
        "estimates = load('pipeline').predict(np.load('curves.npy'))\n"
        "np.save('estimates.npy', estimates)"
    )
    run_elsewhere(program, tmp_path)
    np.testing.assert_allclose(
        np.load(tmp_path / "estimates.npy"), pipeline.predict(sample.data), rtol=0, atol=1e-6
    )


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(tmp_path):
    """Sets and hashes have another order there."""
    names = "least_squares", "bayesian", "scores_network", "pipeline"
    program = (
        "from skfrap.persistence import load, save\n"
        f"for name in {names!r}:\n"
        f"    save(load({str(OLD)!r} + f'/{{name}}.npz'), f'{{name}}.npz')"
    )
    run_elsewhere(program, tmp_path)
    for name in names:
        there = (tmp_path / f"{name}.npz").read_bytes()
        assert there == content(load(OLD / f"{name}.npz"), tmp_path / "here.npz")


# Pretrained


def test_pretrained_networks_are_found_by_name(network, sample, tmp_path, monkeypatch):
    for name in ("deepfrap", "other"):
        save(network, tmp_path / f"{name}.npz")
    monkeypatch.setattr(pretrained, "_FOLDER", tmp_path)
    for found in (load_pretrained(), load_pretrained("other")):
        np.testing.assert_array_equal(found.predict(sample.data), network.predict(sample.data))
    for wrong in ("third", "../tmp", "deepfrap.npz"):
        with pytest.raises(ValueError, match=r"name must be one of \('deepfrap', 'other'\), got"):
            load_pretrained(wrong)


def test_what_is_shipped_predicts():
    for name in SHIPPED:
        estimator = load_pretrained(name)
        protocol = estimator.protocol_
        estimates = estimator.predict(FRAPSimulator(protocol, random_state=0).sample(5).data)
        assert np.isfinite(estimates).all()
        assert len(estimates) == 5
        assert not hasattr(clone(estimator), "n_features_in_")


# skops, and the list of classes


@pytest.mark.parametrize("features", ["linearized", "scores", "raw"])
def test_skops_keeps_networks_with_the_trusted_types(features, protocol, sample):
    skops = pytest.importorskip("skops.io")
    network = small(protocol=protocol, features=features, random_state=np.random.RandomState(0))
    network.partial_fit(sample.data, sample.target)
    dumped = skops.dumps(network)
    assert set(skops.get_untrusted_types(data=dumped)) <= {*TRUSTED_TYPES}
    copy = skops.loads(dumped, trusted=TRUSTED_TYPES)
    np.testing.assert_array_equal(copy.predict(sample.data), network.predict(sample.data))


def test_skops_keeps_pipelines_with_the_trusted_types(protocol, sample):
    skops = pytest.importorskip("skops.io")
    pipeline = make_pipeline(FunctionTransformer(), LeastSquaresFRAP(protocol)).fit(sample.data)
    copy = skops.loads(skops.dumps(pipeline), trusted=TRUSTED_TYPES)
    np.testing.assert_array_equal(copy.predict(sample.data), pipeline.predict(sample.data))


def test_skops_keeps_what_fits_the_nested_model_with_the_trusted_types():
    skops = pytest.importorskip("skops.io")
    protocol = FRAPProtocol(
        shape=(24, 24), pixel_size=1.0, bleach_region=Circle(4.0), n_prebleach=1, n_bleach=1,
        n_postbleach=10, padding=8,
    )  # fmt: skip
    X = TurnoverModel(protocol).curves(D=10.0, exchange_rate=0.05, c0=0.8, alpha=0.4)
    fitted = LeastSquaresFRAP(protocol, model="turnover", fixed={"D": 10.0}).fit(X)
    copy = skops.loads(skops.dumps(fitted), trusted=TRUSTED_TYPES)
    found, expected = copy.estimate(X), fitted.estimate(X)
    assert found.summary() == expected.summary()


@pytest.mark.parametrize("place", TRUSTED_TYPES)
def test_trusted_types_are_classes_of_the_package(place):
    module, _, name = place.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, type)
    assert f"{found.__module__}.{found.__qualname__}" == place


def test_priors_are_kept(tmp_path):
    prior = {"D": lognorm(0.5, scale=20.0), "alpha": uniform(0.2, 0.6)}
    sample = FRAPSimulator(prior=prior, random_state=0).sample(20)
    bayesian = BayesianFRAP(PAPER, prior=prior).fit(sample.data)
    save(bayesian, tmp_path / "bayesian.npz")
    copy = load(tmp_path / "bayesian.npz")
    np.testing.assert_array_equal(copy.predict(sample.data), bayesian.predict(sample.data))
    assert copy.prior["D"].mean() == prior["D"].mean()
    pickled = pickle.loads(pickle.dumps(bayesian))
    np.testing.assert_array_equal(pickled.predict(sample.data), bayesian.predict(sample.data))


def test_only_distributions_are_made_of_what_scipy_has(tmp_path):
    save(BayesianFRAP(PAPER, prior={"D": uniform(1, 2)}), tmp_path / "bayesian.npz")
    content = (tmp_path / "bayesian.npz").read_bytes()
    structure, _ = unpack(content)
    for name in ("gaussian_kde", "norm.__class__", "poisson", "__builtins__"):
        changed = json.loads(json.dumps(structure).replace('"uniform"', json.dumps(name)))
        (tmp_path / "other.npz").write_bytes(pack(changed, []))
        with pytest.raises(ValueError, match=r"no continuous distribution of scipy.stats"):
            load(tmp_path / "other.npz")

    class Mine(rv_continuous):
        def _pdf(self, x):
            return np.ones_like(x)

    with pytest.raises(ValueError, match="distribution of one's own"):
        save(
            BayesianFRAP(PAPER, prior={"D": Mine(a=1, b=2, name="uniform")()}),
            tmp_path / "mine.npz",
        )


def test_what_version_0_1_wrote_still_predicts():
    """`tests/data/network.npz` was written once, and is not to be written again."""
    folder = Path(__file__).parent / "data"
    network = load(folder / "network.npz")
    assert network.skfrap_version_ == "0.1.0"
    with np.load(folder / "network-predictions.npz") as expected:
        theta, std = network.predict(expected["X"], return_std=True)
        np.testing.assert_allclose(theta, expected["theta"], atol=1e-6)
        np.testing.assert_allclose(std, expected["std"], rtol=1e-4)


OLD = Path(__file__).parent / "data" / "files_of_0.1.0"
OLD_PROTOCOL = FRAPProtocol(
    shape=(32, 32),
    pixel_size=1.0,
    bleach_region=Circle(6.0),
    n_prebleach=4,
    n_bleach=1,
    n_postbleach=20,
    padding=16,
)


@pytest.mark.parametrize("name", sorted(path.stem for path in OLD.glob("*.npz")))
def test_files_of_version_0_1_predict_as_they_did(name):
    """`tests/data/files_of_0.1.0` was written once, by that version."""
    with np.load(OLD / "predictions.npz") as file:
        expected = dict(file)
    if name == "predictions":
        assert {key.split("/")[0] for key in expected} == {p.stem for p in OLD.glob("*.npz")} - {
            "predictions"
        }
        return
    estimator = load(OLD / f"{name}.npz")
    tolerance = {"rtol": 1e-6, "atol": 1e-6} if "network" in name else {"rtol": 1e-10}
    if name == "exponential":  # stops 1.9e-10 away on another processor
        tolerance = {"rtol": 1e-9}
    if name == "pipeline":
        prior = {"D": 20.0, "a": 1e-3}
        stacks = FRAPSimulator(OLD_PROTOCOL, prior, random_state=3).sample_images(2).data
        np.testing.assert_allclose(
            estimator[:-1].transform(stacks), expected["pipeline/curves"], **tolerance
        )
        X = stacks
    else:
        X = expected[f"{name}/X"]
    np.testing.assert_allclose(estimator.predict(X), expected[f"{name}/theta"], **tolerance)
    if f"{name}/interval" in expected:
        interval = estimator.predict_interval(X)
        np.testing.assert_allclose(interval, expected[f"{name}/interval"], rtol=1e-7)


def test_files_of_version_0_1_can_be_written_again(path):
    for old in OLD.glob("*.npz"):
        if old.stem != "predictions":
            estimator = load(old)
            assert content(copied(estimator, path), path) == content(estimator, path)


@pytest.mark.parametrize("name", sorted(path.name for path in OLD.glob("*.joblib")))
def test_pickles_of_version_0_1_are_refused_in_words(name):
    message = r"pickle .* of skfrap 0\.1.*skfrap\.persistence\.save"
    with pytest.raises(ImportError, match=message):
        joblib.load(OLD / name)


@pytest.mark.parametrize("name", ["bayesian", "least_squares", "raw_network", "scores_network"])
@pytest.mark.parametrize(
    "copied", [deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"]
)
def test_what_came_out_of_an_old_file_can_be_copied_and_pickled(name, copied):
    """Version 0.1 fitted it, and this one pickles it."""
    estimator = load(OLD / f"{name}.npz")
    copy = copied(estimator)
    assert copy.skfrap_version_ == "0.1.0"
    assert vars(copy).keys() == vars(estimator).keys()
    with np.load(OLD / "predictions.npz") as known:
        X = known[f"{name}/X"]
    np.testing.assert_array_equal(copy.predict(X), estimator.predict(X))


def test_what_is_shipped_can_be_copied_pickled_and_kept_by_skops():
    network = load_pretrained()
    X = FRAPSimulator(network.protocol_, random_state=0).sample(3).data
    copies = [deepcopy(network), pickle.loads(pickle.dumps(network))]
    skops = pytest.importorskip("skops.io")
    copies.append(skops.loads(skops.dumps(network), trusted=TRUSTED_TYPES))
    for copy in copies:
        np.testing.assert_array_equal(copy.predict(X), network.predict(X))


def test_pickles_hold_for_their_minor_version():
    estimator = load(OLD / "raw_network.npz")
    state = estimator.__getstate__()
    (stamp,) = (key for key in state if key not in vars(estimator))
    assert state[stamp] == __version__
    major, minor, *_ = __version__.split(".")
    small().__setstate__(state | {stamp: f"{major}.{minor}.77"})
    other = f"{major}.{int(minor) + 1}"
    with pytest.raises(ImportError, match=rf"NeuralFRAP .*pickle .* of skfrap {other} holds"):
        small().__setstate__(state | {stamp: f"{other}.0"})


RENAMED = {
    "_values": "_numbers",
    "_with_slopes": "_sloped",
    "_moving": "_mobile_part",
    "_constant": "_offset",
    "_undepleted_varies": "_varies",
    "_weights": "_pixel_weights",
    "_simpler": "_plainer",
    "_flat_output": "_is_flat",
    "_benchmark": "_bar",
    "_columns": "_columns_of_each",
    "_architecture": "_build",
    "_n_seen": "_n_known",
    "_n_nodes": "_resolution",
    "_in_table": "_where",
}


@pytest.mark.slow
def test_no_file_hangs_on_the_name_of_a_private_attribute(tmp_path):
    """A copy of the package with other private names reads the same files to the same numbers."""
    package = Path(pretrained.__file__).parents[1]
    shutil.copytree(package, tmp_path / "skfrap", ignore=shutil.ignore_patterns("__pycache__"))
    n_renamed = Counter()
    for source in (tmp_path / "skfrap").rglob("*.py"):
        lines = source.read_text(encoding="utf-8").split("\n")
        for k, line in enumerate(lines):
            if source.name != "_format_1.py" and not line.lstrip().startswith(("from", "import")):
                for old, new in RENAMED.items():
                    lines[k], n = re.subn(rf"(?<=\.){old}\b", new, lines[k])
                    n_renamed[old] += n
        source.write_text("\n".join(lines), encoding="utf-8")
    assert all(n_renamed[old] > 1 for old in RENAMED), n_renamed
    files = [path for path in OLD.glob("*.npz") if path.stem != "predictions"]
    again = tmp_path / "again"
    again.mkdir()
    for file in files:
        save(load(file), again / file.name)
    program = (
        "import numpy as np\n"
        "from pathlib import Path\n"
        "import skfrap\n"
        f"assert Path(skfrap.__file__).is_relative_to({str(tmp_path)!r})\n"
        "from skfrap.persistence import load\n"
        f"known = dict(np.load({str(OLD / 'predictions.npz')!r}))\n"
        f"for folder in ({str(OLD)!r}, {str(again)!r}):\n"
        "    for path in Path(folder).glob('*.npz'):\n"
        "        name = path.stem\n"
        "        if name in ('predictions', 'pipeline'):\n"
        "            continue\n"
        "        theta = load(path).predict(known[f'{name}/X'])\n"
        "        np.testing.assert_allclose(theta, known[f'{name}/theta'], rtol=1e-6, atol=1e-6)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )


def test_what_is_shipped_is_nearer_to_the_truth_than_least_squares():
    network = load_pretrained()
    sample = FRAPSimulator(network.protocol_, random_state=7).sample(16384)
    least_squares = LeastSquaresFRAP(network.protocol_, network.bounds_).fit(sample.data)
    ours, theirs = (
        weighted_mean_squared_error(sample.target, one.predict(sample.data), sample.sample_weight)
        for one in (network, least_squares)
    )
    assert (ours < np.array([0.93, 1.001, 0.96]) * theirs).all()
    interval = network.predict_interval(sample.data)
    inside = (interval[..., 0] <= sample.target) & (sample.target <= interval[..., 1])
    np.testing.assert_allclose(inside.mean(axis=0), 0.95, atol=0.01)
