"""Image stacks to corrected stacks and recovery curves."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.io import ImageSeries, read_series, write_series
from skfrap.preprocessing import (
    BackgroundSubtractor,
    FadingCorrector,
    FlatFieldCorrector,
    IntensityRescaler,
    RecoveryCurveExtractor,
    StackSequence,
)


@pytest.fixture(scope="module")
def protocol():
    return FRAPProtocol(
        shape=(60, 72), pixel_size=1.0, bleach_region=Circle(8.0, (30.0, 33.0)), n_postbleach=30
    )


@pytest.fixture(scope="module")
def images(protocol):
    y, x = np.ogrid[-1:1:60j, -1:1:72j]
    simulator = FRAPSimulator(
        protocol,
        prior={"c0": 0.6, "D": 30.0, "alpha": 0.6, "a": 1e-4},
        bit_depth=16,
        background=-0.1 * (x**2 + y**2),
        random_state=3,
    )
    return simulator.sample_images(4)


@pytest.fixture(scope="module")
def paths(images, protocol, tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    for k, stack in enumerate(images.data):
        write_series(
            folder / f"{k}.tif",
            stack,
            pixel_size_um=protocol.pixel_size,
            frame_interval_s=protocol.frame_interval,
        )
    return sorted(folder.iterdir())


def plain_curves(stacks, protocol, sigma=5.0):
    """Compute the chain as the paper writes it (Eq. 6 and section 3.4), in double precision."""
    intensity = stacks / 65535
    prebleach = intensity[:, : protocol.n_prebleach].mean(axis=1)
    background = np.stack([gaussian_filter(p, sigma, mode="nearest") for p in prebleach])
    level = prebleach.mean(axis=(1, 2))
    flat = intensity - background[:, None] + level[:, None, None, None]
    return np.einsum("nfyx,yx->nf", flat, protocol.roi_weights)


def chain(protocol):
    return make_pipeline(
        IntensityRescaler(), BackgroundSubtractor(), RecoveryCurveExtractor(protocol)
    )


def test_chain_equals_the_plain_formula(images, protocol):
    curves = chain(protocol).fit_transform(images.data)
    assert_allclose(curves, plain_curves(images.data, protocol), rtol=0, atol=1e-6)


def test_arrays_lists_paths_and_series_give_the_same_curves(images, protocol, paths):
    expected = chain(protocol).fit_transform(images.data)
    for X in (list(images.data), paths, [str(p) for p in paths], [read_series(p) for p in paths]):
        assert_allclose(chain(protocol).fit_transform(X), expected, rtol=0, atol=1e-12)


def test_a_part_of_a_stack_equals_the_part_of_the_whole(images, protocol):
    corrector = make_pipeline(
        IntensityRescaler(offset=100),
        FlatFieldCorrector(),
        FadingCorrector(protocol),
        BackgroundSubtractor(sigma=2.0),
    )
    view = corrector.fit_transform(images.data).view(1)
    rows, columns = slice(10, 31), slice(3, 40)
    part = view.read(slice(5, 9), rows, columns)
    assert_allclose(part, view.read()[5:9, rows, columns], rtol=1e-6)


def test_transforming_leaves_the_input_alone(images, protocol):
    for stacks in (images.data.copy(), (images.data / 65535.0)):
        before = stacks.copy()
        np.asarray(BackgroundSubtractor().fit_transform(stacks))
        FadingCorrector(protocol).fit_transform(stacks)[0]
        np.testing.assert_array_equal(stacks, before)


def test_threads_give_the_same_curves(images, protocol, paths):
    one = RecoveryCurveExtractor(protocol).fit_transform(images.data)
    assert_allclose(RecoveryCurveExtractor(protocol, n_jobs=2).fit_transform(paths), one)


def test_sequence_indexes_like_an_array(images):
    stacks = IntensityRescaler().fit_transform(images.data)
    whole = np.asarray(stacks)
    assert stacks.shape == whole.shape == images.data.shape
    assert whole.dtype == stacks.dtype == np.float32
    np.testing.assert_array_equal(stacks[2], whole[2])
    np.testing.assert_array_equal(np.asarray(stacks[1:3]), whole[1:3])
    np.testing.assert_array_equal(np.asarray(stacks[np.array([3, 0])]), whole[[3, 0]])
    mask = np.array([True, False, False, True])
    np.testing.assert_array_equal(np.asarray(stacks[mask]), whole[mask])


@pytest.mark.parametrize(("dtype", "bits"), [("uint8", 8), ("uint16", 12), ("uint16", 16)])
def test_rescaler_detects_the_bit_depth(dtype, bits):
    stacks = np.full((1, 3, 4, 4), 2 ** (bits - 1), dtype)
    rescaler = IntensityRescaler().fit(stacks)
    assert rescaler.bit_depth_ == bits
    assert_allclose(rescaler.transform(stacks)[0], 2 ** (bits - 1) / (2**bits - 1), rtol=1e-6)


def test_rescaler_takes_the_dark_level_off():
    stacks = np.full((1, 2, 3, 3), 300, np.uint16)
    rescaled = IntensityRescaler(12, offset=200).fit_transform(stacks)
    assert_allclose(rescaled[0], 100 / (4095 - 200), rtol=1e-6)


def test_rescaler_takes_floats_as_they_are():
    stacks = np.full((1, 2, 3, 3), 0.25)
    rescaled = IntensityRescaler().fit_transform(stacks)
    assert rescaled[0].dtype == np.float64
    np.testing.assert_array_equal(rescaled[0], stacks[0])


def test_rescaler_takes_floats_among_integers_as_they_are(images):
    stacks = [images.data[0], images.data[0] / 65535.0]
    rescaled = IntensityRescaler().fit_transform(stacks)
    assert_allclose(rescaled[0], rescaled[1], atol=1e-7)


def test_packed_files_declare_their_bit_depth_and_others_do_not(images, paths, protocol):
    dim = np.minimum(images.data[0], 4000)
    series = read_series(paths[0])
    for bits, declared in ((12, 14), (12, 16), (12, None)):
        frames = ImageSeries(frames=dim, name="x", bit_depth=declared)
        expected = declared if declared == 14 else bits
        assert IntensityRescaler().fit([frames]).bit_depth_ == expected
    assert series.bit_depth == 16


@pytest.mark.parametrize("offset", [65535, 1e6, np.nan, "dark"])
def test_impossible_dark_levels_are_refused(offset, images):
    with pytest.raises(ValueError, match="offset"):
        IntensityRescaler(16, offset=offset).fit_transform(images.data)[0]


def test_paths_in_pandas_and_numpy_keep_their_order(paths, protocol):
    extractor = RecoveryCurveExtractor(protocol)
    order = [2, 0, 3, 1]
    expected = extractor.fit_transform([paths[k] for k in order])
    for shuffled in (
        pd.Series([str(path) for path in paths]).iloc[order],
        np.array([str(path) for path in paths])[order],
    ):
        assert_allclose(extractor.fit_transform(shuffled), expected)


def test_pipeline_gives_tables_with_the_frames_as_columns(images, protocol):
    pipeline = chain(protocol).set_output(transform="pandas")
    table = pipeline.fit_transform(images.data)
    assert [*table.columns] == [*protocol.feature_names]
    assert_allclose(table, chain(protocol).fit_transform(images.data))


def test_protocol_says_how_many_frames_come_before_bleaching(images, protocol):
    short = protocol.replace(n_prebleach=4, n_postbleach=36)
    ours = BackgroundSubtractor(protocol=short).fit_transform(images.data)[0]
    assert_allclose(ours, BackgroundSubtractor(n_prebleach=4).fit_transform(images.data)[0])


def test_pixels_that_are_not_finite_are_found_before_they_spread(images):
    broken = images.data / 65535.0
    broken[0, 3, 1, 2] = np.inf
    with pytest.raises(ValueError, match=r"not finite, the first at index \(1, 2\)"):
        BackgroundSubtractor().fit_transform(broken)[0]


def test_saturated_detector_is_refused(images):
    stacks = images.data.copy()
    stacks[2, :5] = 65535
    with pytest.raises(ValueError, match=r"stack 2: the detector is saturated"):
        IntensityRescaler().fit_transform(stacks)[2]


def test_range_too_small_is_refused(images):
    with pytest.raises(ValueError, match="bit_depth=12"):
        IntensityRescaler(bit_depth=12).fit_transform(images.data)[0]


def test_fading_is_undone(protocol):
    truth = FRAPSimulator(protocol, noise="none", prior={"D": 0.3, "c0": 0.5, "alpha": 0.6})
    stack = truth.sample_images(1).data.astype(float)
    fading = np.exp(-0.02 * (protocol.times - protocol.times[0]))
    faded = stack * fading[:, None, None]
    expected = RecoveryCurveExtractor(protocol).fit_transform(stack)
    for per_frame in (True, False):
        corrector = FadingCorrector(protocol, per_frame=per_frame)
        curve = make_pipeline(corrector, RecoveryCurveExtractor(protocol)).fit_transform(faded)
        # All but the average fading of the prebleach frames, which is a matter of scale.
        assert_allclose(curve / curve[0, :10].mean(), expected / expected[0, 0], rtol=2e-4)


def test_uneven_light_is_divided_out(protocol):
    clean = FRAPSimulator(protocol, noise="none", prior={"D": 20.0, "c0": 0.5, "alpha": 0.6})
    stack = clean.sample_images(1).data.astype(float)
    light = np.linspace(0.7, 1.3, 72)
    curves = [
        make_pipeline(FlatFieldCorrector(sigma=0), RecoveryCurveExtractor(protocol)).fit_transform(
            s
        )
        for s in (stack, stack * light)
    ]
    assert_allclose(curves[1] / curves[1][0, 0], curves[0] / curves[0][0, 0], rtol=1e-6)


def test_pipeline_recovers_D_and_works_with_model_selection(images, protocol, paths):
    pipeline = make_pipeline(
        IntensityRescaler(),
        BackgroundSubtractor(),
        RecoveryCurveExtractor(protocol),
        LeastSquaresFRAP(protocol),
    )
    predicted = cross_val_predict(pipeline, [str(p) for p in paths], images.target, cv=2)
    assert_allclose(10 ** predicted[:, 0], 30.0, rtol=0.1)
    search = GridSearchCV(pipeline, {"backgroundsubtractor__sigma": [2.0, 5.0]}, cv=2)
    search.fit(images.data, images.target)
    assert search.predict(images.data).shape == (4, 3)


def test_feature_names_come_from_times(protocol, images):
    extractor = RecoveryCurveExtractor(protocol).fit(images.data)
    names = extractor.get_feature_names_out()
    assert len(names) == protocol.n_frames
    assert names[-1] == f"intensity at {protocol.times[-1]:.6g} s"


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((3, 4, 4)), r"shape \(3, 4, 4\); give X\[np.newaxis\]"),
        ("one.tif", "give \\[path\\]"),
        ([], "at least one stack"),
        (3.0, "must be an array or a sequence"),
    ],
)
def test_what_is_not_a_batch_of_stacks_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        StackSequence(X)


def test_wrong_shapes_and_values_are_refused(images, protocol):
    with pytest.raises(ValueError, match="check n_prebleach"):
        RecoveryCurveExtractor(protocol).fit(images.data[:, :20])
    with pytest.raises(ValueError, match="n_prebleach is 99"):
        BackgroundSubtractor(n_prebleach=99).fit_transform(images.data)[0]
    with pytest.raises(ValueError, match="sigma must be"):
        BackgroundSubtractor(sigma=-1).fit(images.data)
    with pytest.raises(ValueError, match="without light"):
        FlatFieldCorrector().fit_transform(np.zeros((1, 12, 5, 5)))[0]
    with pytest.raises(ValueError, match="as reference"):
        FadingCorrector(protocol, distance=50).fit(images.data)
    broken = images.data / 65535.0
    broken[1, 3, 33, 30] = np.nan
    with pytest.raises(ValueError, match="stack 1: pixels in the bleach region are not finite"):
        RecoveryCurveExtractor(protocol).fit_transform(broken)
