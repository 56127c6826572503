"""Stacks in any container, read one at a time, and sequences of them that are indexed as arrays."""

import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.calibration import calibrate_noise
from skfrap.io import read_series, write_series
from skfrap.persistence import load, save
from skfrap.preprocessing import (
    BackgroundSubtractor,
    IntensityRescaler,
    RecoveryCurveExtractor,
    StackSequence,
)

PROTOCOL = FRAPProtocol(
    shape=(32, 36), pixel_size=1.0, bleach_region=Circle(5.0), n_prebleach=4, n_bleach=1,
    n_postbleach=16, frame_interval=0.5, padding=16,
)  # fmt: skip
N = 6


@pytest.fixture(scope="module")
def sample():
    prior = {"D": 5.0, "c0": 0.6, "alpha": 0.5, "a": 1e-4}
    return FRAPSimulator(PROTOCOL, prior, bit_depth=16, random_state=0).sample_images(N)


@pytest.fixture(scope="module")
def stacks(sample):
    return sample.data


@pytest.fixture(scope="module")
def paths(stacks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    for k, stack in enumerate(stacks):
        write_series(folder / f"{k}.tif", stack, pixel_size_um=1.0, frame_interval_s=0.5)
    return sorted(folder.iterdir())


def chain():
    return make_pipeline(
        IntensityRescaler(),
        BackgroundSubtractor(2.0, protocol=PROTOCOL),
        RecoveryCurveExtractor(PROTOCOL),
    )


@pytest.fixture(scope="module")
def curves(stacks):
    return chain().fit_transform(stacks)


class RecordingArray:
    """Keep what an array of any library keeps: a shape, a type, indexing; and note each index."""

    def __init__(self, values):
        self._values = values
        self.shape, self.dtype = values.shape, values.dtype
        self.read = []

    def __getitem__(self, key):
        self.read.append(key)
        return self._values[key]

    def __array__(self, dtype=None, copy=None):
        assert len(self.shape) == 3, "all of it was read at once"
        return np.asarray(self._values, dtype)


# Containers: made of stacks and a folder.


def plain(stacks, folder):
    return stacks


def nested_lists(stacks, folder):
    return [list(stack) for stack in stacks]


def read_only(stacks, folder):
    stacks = stacks.copy()
    stacks.flags.writeable = False
    return stacks


def fortran(stacks, folder):
    return np.asfortranarray(stacks)


def big_endian(stacks, folder):
    return stacks.astype(">u2")


def memmap(stacks, folder):
    np.save(folder / "stacks.npy", stacks)
    return np.load(folder / "stacks.npy", mmap_mode="r")


def chunks(stacks, n):
    """Return the shape of chunks of n stacks, or of one that is by itself."""
    return (n, 5, 16, 36)[-stacks.ndim :]


def dask_array(stacks, folder):
    return pytest.importorskip("dask.array").from_array(stacks, chunks=chunks(stacks, 2))


def zarr_array(stacks, folder):
    return pytest.importorskip("zarr").array(stacks, chunks=chunks(stacks, 1))


def xarray_array(stacks, folder):
    axes = ("cell", "time", "y", "x")[-stacks.ndim :]
    return pytest.importorskip("xarray").DataArray(stacks, dims=axes)


def h5py_data_set(stacks, folder):
    file = pytest.importorskip("h5py").File(folder / "stacks.h5", "w")
    return file.create_dataset("stacks", data=stacks, chunks=chunks(stacks, 1))


def recording(stacks, folder):
    return RecordingArray(stacks)


CONTAINERS = [
    plain, nested_lists, read_only, fortran, big_endian, memmap, dask_array, zarr_array,
    xarray_array, h5py_data_set, recording,
]  # fmt: skip


@pytest.mark.parametrize("contain", [one for one in CONTAINERS if one is not nested_lists])
@pytest.mark.parametrize("n_axes", [3, 4])
def test_noise_is_measured_in_any_container(contain, n_axes, tmp_path):
    rng = np.random.default_rng(0)
    light = np.linspace(0.1, 0.9, 36) * np.ones((2, 12, 32, 1))
    series = light + np.sqrt(1e-4 + 1e-3 * light) * rng.standard_normal(light.shape)
    series = np.round(4000 * (series if n_axes == 4 else series[0])).astype("u2")
    expected = calibrate_noise(series)
    found = calibrate_noise(contain(series, tmp_path))
    assert (found.a, found.b) == (expected.a, expected.b)


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("listed", [False, True], ids=["as it is", "a list of them"])
def test_every_container_gives_the_curves_of_the_plain_array(
    container, listed, stacks, curves, tmp_path
):
    if listed:
        folders = [tmp_path / str(k) for k in range(N)]
        for folder in folders:
            folder.mkdir()
        X = [container(stack, folder) for stack, folder in zip(stacks, folders, strict=True)]
    else:
        X = container(stacks, tmp_path)
    assert_array_equal(chain().fit_transform(X), curves)


def test_one_stack_is_read_at_a_time_and_none_twice(stacks, curves):
    array = RecordingArray(stacks)
    sequence = StackSequence(array)
    assert sequence.shape == stacks.shape
    assert sequence.dtype == np.float32
    assert array.read == []  # known without reading
    assert_array_equal(chain().fit_transform(array), curves)
    assert array.read == [*range(N)]
    array.read.clear()
    corrected = chain()[:2].fit_transform(array)
    assert array.read == [*range(N)]
    some = corrected[[4, 1]]
    assert_array_equal(RecoveryCurveExtractor(PROTOCOL).fit_transform(some), curves[[4, 1]])
    assert array.read == [*range(N)]  # what is kept is shared by what is taken


KEYS = [
    slice(1, 5, 2),
    slice(None, None, -1),
    np.array([3, 0, 3]),
    [5, -1],
    range(2, 4),
    np.arange(N) % 2 == 0,
    [True, False, False, True, True, False],
    pd.Series([2, 1], index=["a", "b"]),
    Ellipsis,
    slice(None),
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
@pytest.mark.parametrize("lazy", [plain, recording], ids=lambda f: f.__name__)
def test_a_sequence_is_indexed_as_an_array(key, lazy, stacks, tmp_path):
    sequence = chain()[:2].fit_transform(lazy(stacks, tmp_path))
    whole = np.asarray(sequence)
    for taken in (sequence[key], *([] if key is Ellipsis else [sequence[key, ...]])):
        assert isinstance(taken, StackSequence)
        expected = whole[np.asarray(key) if isinstance(key, range | pd.Series) else key]
        assert taken.shape == expected.shape
        assert_array_equal(np.asarray(taken), expected)
        assert_array_equal(taken[-1:][0], expected[-1])  # and again


def test_parts_of_one_stack_are_those_of_the_array(stacks):
    sequence = chain()[:2].fit_transform(stacks)
    whole = np.asarray(sequence)
    for key in (2, np.int64(-1), (1, ...), (1, 3), (1, slice(2, 9), slice(4, 9)), (0, ..., 5),
                (3, slice(None, None, 2), 4, [1, 2]), (2, 1, 2, 3)):  # fmt: skip
        assert_allclose(sequence[key], whole[key], rtol=1e-6)
    for key in (N, (-N - 1, ...), [0, N], 1.0, [0.5], "a", None, (0, None), (slice(None), 3),
                np.ones(N + 1, bool), np.eye(2, dtype=int), (0,) * 5, (0, ..., ...)):  # fmt: skip
        with pytest.raises(IndexError, match="stacks"):
            sequence[key]
    with pytest.raises(ValueError, match="the index takes none"):
        sequence[[]]


def test_stacks_taken_of_others_keep_their_names(stacks):
    broken = stacks / 65535
    broken[4, 2, 1, 2] = np.nan
    taken = BackgroundSubtractor(2.0, protocol=PROTOCOL).fit_transform(broken)[[1, 4]]
    with pytest.raises(ValueError, match=r"^stack 4: 1 values are not finite"):
        taken[1]
    assert_array_equal(pickle.loads(pickle.dumps(taken))[0], taken[0])


def test_corrected_sequences_are_split_and_cross_validated(sample, stacks, curves):
    corrected = chain()[:2].fit_transform(RecordingArray(stacks))
    y = sample.target
    some, others, y_some, _ = train_test_split(corrected, y, test_size=2, random_state=0)
    assert (len(some), len(others)) == (4, 2)
    extractor = RecoveryCurveExtractor(PROTOCOL)
    for (train, _), _ in zip(KFold(3).split(corrected), range(2), strict=False):
        assert_array_equal(extractor.fit_transform(corrected[train]), curves[train])
    estimator = make_pipeline(RecoveryCurveExtractor(PROTOCOL), LeastSquaresFRAP(PROTOCOL))

    def score(estimator, X, y):
        return -np.mean((estimator.predict(X) - y) ** 2)

    of_curves = cross_val_score(LeastSquaresFRAP(PROTOCOL), curves, y, cv=3, scoring=score)
    assert_array_equal(cross_val_score(estimator, corrected, y, cv=3, scoring=score), of_curves)
    order = train_test_split(np.arange(N), test_size=2, random_state=0)[0]
    assert_array_equal(y_some, y[order])
    assert_array_equal(np.asarray(some), np.asarray(corrected)[order])


@pytest.mark.parametrize("dtype", ["float16", ">f4", "longdouble", "bool", "int32"])
def test_pixels_of_any_real_type_are_computed_with(dtype, stacks):
    intensities = (stacks / 65535).astype(dtype)
    expected = make_pipeline(*chain()[1:]).fit_transform(intensities.astype(np.float64))
    found = make_pipeline(*chain()[1:]).fit_transform(intensities)
    assert_allclose(found, expected, atol=1e-6)
    if dtype == "float16":
        assert StackSequence(intensities).dtype == np.float32
        assert_allclose(chain().fit_transform(intensities), expected, atol=1e-6)


def test_masked_pixels_are_not_taken_for_data(stacks):
    masked = np.ma.masked_array(stacks / 65535, mask=np.zeros(stacks.shape, bool))
    assert np.isfinite(StackSequence(masked)[0]).all()
    masked.mask[1, 3, 16, 16] = True
    with pytest.raises(ValueError, match="stack 1"):
        RecoveryCurveExtractor(PROTOCOL).fit_transform(masked)


class Group(SimpleNamespace):
    """As a group of Zarr or h5py: entries by name, and no mapping."""

    def keys(self):
        return vars(self).keys()

    def __getitem__(self, name):
        return vars(self)[name]

    def __len__(self):
        return len(vars(self))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda stacks, paths: dict(enumerate(stacks)), r"a dict of 6 named entries; give one"),
        (lambda stacks, paths: Group(a=stacks), r"a Group of 1 named entries.*X\['name'\]"),
        (lambda stacks, paths: paths[0], r"got one path .*0\.tif'; give \[path\]"),
        (lambda stacks, paths: str(paths[0]), r"got one path"),
        (lambda stacks, paths: read_series(paths[0]), r"give \[series\]"),
        (lambda stacks, paths: pd.DataFrame({"path": paths}), r"X\['path'\]"),
        (lambda stacks, paths: RecordingArray(stacks[0]), r"got shape \(20, 32, 36\); give \[X\]"),
        (lambda stacks, paths: stacks[:0], "at least one stack"),
        (lambda stacks, paths: (stack for stack in stacks), "must be an array or a sequence"),
    ],
)
@pytest.mark.parametrize("step", [IntensityRescaler(), RecoveryCurveExtractor(PROTOCOL)], ids=repr)
def test_what_is_no_batch_of_stacks_is_refused_in_words(step, make, message, stacks, paths):
    with pytest.raises(ValueError, match=message):
        step.fit(make(stacks, paths))


@pytest.mark.parametrize(
    ("X", "message"),
    [([np.zeros((4, 4))], "stack 0: must be"), ([np.zeros((2, 4, 4), complex)], "real numbers")],
)
def test_items_that_are_no_stacks_are_named(X, message):
    with pytest.raises(ValueError, match=message):
        StackSequence(X)[0]


# One that cannot be used ends no batch


@pytest.fixture
def mixed(stacks, paths, tmp_path):
    """Good and bad ones: good, damaged, missing, of another shape, saturated, dim, with NaN."""
    damaged = tmp_path / "damaged.tif"
    damaged.write_bytes(paths[0].read_bytes()[:3000])
    one_frame_off, frames_off = (stacks[k] / 65535 for k in (4, 5))
    one_frame_off[1, 16, 18] = np.nan  # before bleaching: no background can be had
    frames_off[9], frames_off[12, 16, 18] = np.nan, np.inf
    return [
        str(paths[0]), str(damaged), str(tmp_path / "missing.tif"), stacks[1][:-1],
        np.full_like(stacks[2], 65535), stacks[3], one_frame_off, frames_off,
    ]  # fmt: skip


BAD = {
    1: "damaged.tif",
    2: "FileNotFoundError: .*missing.tif",
    3: r"stack 3.*shape \(19, 32, 36\)",
    4: "stack 4: the detector is saturated",
    6: "stack 6: 1 values are not finite",
    7: r"stack 7: pixels .* in frames 9, 12 \(from 0\)",
}


def forgiving(**options):
    steps = chain().steps[:-1]
    extractor = RecoveryCurveExtractor(PROTOCOL, on_error="nan", **options)
    return make_pipeline(*[step for _, step in steps], extractor)


@pytest.mark.parametrize("options", [{}, {"n_jobs": 3}], ids=str)
def test_stacks_that_cannot_be_used_become_rows_of_nan(options, mixed, curves):
    pipeline = forgiving(**options)
    with pytest.warns(UserWarning, match="6 of 8 curves are NaN, or a part of them is") as caught:
        found = pipeline.fit_transform(mixed)
    assert_array_equal(found[0], curves[0])
    assert_array_equal(found[5], curves[3])
    errors = pipeline[-1].errors_
    assert [*errors] == [*BAD]
    (warning,) = caught
    for row, words in BAD.items():
        assert pd.Series(errors[row]).str.contains(words).all(), errors[row]
        assert f"row {row}: {errors[row]}" in str(warning.message)
    assert np.isnan(found[[1, 2, 3, 4, 6]]).all()
    # Of single frames the rest of the curve is as it should be.
    good = np.delete(np.arange(PROTOCOL.n_frames), [9, 12])
    assert_allclose(found[7][good], curves[5][good], atol=1e-6)
    assert np.isnan(found[7][[9, 12]]).all()
    pipeline.transform(mixed[:1])
    assert pipeline[-1].errors_ == {}


def test_by_default_a_stack_that_cannot_be_used_ends_the_batch(mixed, stacks):
    good = chain().fit(stacks)
    for row, words in BAD.items():
        with pytest.raises((ValueError, OSError), match=words.split(": ")[-1].split(" in ")[0]):
            good.transform([*mixed[:1] * row, mixed[row]])


def test_a_batch_of_which_nothing_can_be_used_is_refused(mixed):
    with pytest.raises(ValueError, match=r"none of the 1 stacks can be used; the first: stack 0"):
        RecoveryCurveExtractor(PROTOCOL, on_error="nan").fit(mixed[3:4])
    with pytest.raises(FileNotFoundError):
        forgiving().fit(mixed[2:3])
    with pytest.raises(ValueError, match="on_error must be"):
        RecoveryCurveExtractor(PROTOCOL, on_error="ignore").fit(mixed)


def test_the_first_that_can_be_read_tells_the_shape(mixed, stacks):
    sequence = StackSequence(mixed[2::-1])
    assert sequence.shape == (3, *stacks.shape[1:])
    some, _ = train_test_split(sequence, test_size=1, random_state=0)
    assert len(some) == 2


def test_what_every_stack_would_suffer_from_is_no_fault_of_one(stacks):
    class NoMemory(RecordingArray):
        def __getitem__(self, key):
            raise MemoryError("no room")

    extractor = RecoveryCurveExtractor(PROTOCOL, on_error="nan").fit(stacks)
    with pytest.raises(MemoryError):
        extractor.transform(NoMemory(stacks))


def test_what_a_batch_was_is_not_kept_in_files(mixed, tmp_path):
    pipeline = forgiving()
    with pytest.warns(UserWarning, match="curves are NaN"):
        pipeline.fit_transform(mixed)
    save(pipeline, tmp_path / "pipeline.npz")
    loaded = load(tmp_path / "pipeline.npz")
    assert loaded[-1].on_error == clone(pipeline)[-1].on_error == "nan"
    assert not hasattr(loaded[-1], "errors_")
    with pytest.warns(UserWarning, match="2 of 3 curves are NaN"):
        assert np.isnan(loaded.transform(mixed[:3])).any(axis=1).tolist() == [False, True, True]
