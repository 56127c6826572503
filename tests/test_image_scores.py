"""All pixels of image series, as a few scores: what is projected, and what fits make of it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skfrap import (
    Circle,
    Ellipse,
    FRAPPipeline,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    Mask,
    Recording,
    Rectangle,
)
from skfrap.analysis import ExperimentOptions, analyse_series, find_center
from skfrap.io import ImageSeries
from skfrap.models import (
    DiffusionModel,
    ImageScores,
    ImageSurrogate,
    image_surrogate_for,
    surrogate_for,
)
from skfrap.persistence import load, save
from skfrap.preprocessing import ImageScoreExtractor, IntensityRescaler, RecoveryCurveExtractor

PROTOCOL = FRAPProtocol(
    shape=(48, 48), pixel_size=1.0, bleach_region=Circle(6.0), n_prebleach=5, n_bleach=2,
    n_postbleach=12, frame_interval=0.4, padding=16,
)  # fmt: skip
RANGES = {"D": (2.0, 200.0)}
TRUTH = {"D": 20.0, "c0": 0.8, "alpha": 0.6, "a": 1e-3}
STEADY = {"frame_levels": False, "flat_field": None, "window": "field", "ranges": RANGES}
LEVELS = STEADY | {"frame_levels": True}


def simulator(protocol=PROTOCOL, prior=None, **options):
    return FRAPSimulator(protocol, TRUTH | (prior or {}), random_state=0, **options)


@pytest.fixture(scope="module")
def stacks():
    return simulator().sample_images(4).data


def values_of(D=(3.0, 40.0), **others):
    known = {"c0": [0.7, 0.9], "alpha": [0.6, 0.2], "mobile_fraction": [0.8, 1.0]} | others
    defaults = {"imaging_bleach": 1.0, "bleach_blur": 0.0, "imaging_blur": 0.0}
    values = {"D": D} | defaults | known
    return {name: np.broadcast_to(np.asarray(v, float), 2) for name, v in values.items()}


@pytest.mark.parametrize(
    ("region", "shape", "folds"),
    [
        (Circle(6.0), (48, 48), True),
        (Circle(6.0), (47, 49), True),
        (Rectangle(9.0, 6.0), (48, 46), True),
        (Circle(6.0, (20.3, 25.1)), (48, 48), False),
    ],
    ids=["on the grid", "odd", "rectangle", "off the grid"],
)
@pytest.mark.parametrize(("frame_levels", "window"), [(True, "field"), (False, "auto")])
def test_scores_of_the_models_images_are_the_surrogates(region, shape, folds, frame_levels, window):
    protocol = PROTOCOL.replace(bleach_region=region, shape=shape)
    options = LEVELS | {"window": window, "frame_levels": frame_levels}
    extractor = ImageScoreExtractor(protocol, **options)
    images = DiffusionModel(protocol).images(**values_of())
    found = np.asarray(extractor.fit_transform(images))
    surrogate = extractor.surrogate_
    expected = surrogate.curves(**values_of())
    # Pixels are projected in single precision.
    assert_allclose(found[:, :-1], expected[:, :-1], rtol=0, atol=2e-6 * surrogate.n_pixels**0.5)
    assert surrogate.is_folded is folds
    assert surrogate.error < 1e-8
    assert surrogate.loss < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_any_experiment_is_reduced_without_loss(seed):
    random = np.random.default_rng(seed)
    shape, radius = tuple(random.integers(30, 60, 2).tolist()), random.uniform(3, 8)
    center = tuple((np.array(shape[::-1]) * random.uniform(0.4, 0.6, 2)).tolist())
    region = [Circle(radius, center), Rectangle(9.0, radius), Ellipse((9.0, radius), 30.0, center)]
    times = tuple(np.cumsum(random.uniform(0.1, 2.0, 20)).tolist())
    protocol = FRAPProtocol(
        shape=shape, pixel_size=1.0, bleach_region=region[seed % 3], n_prebleach=2,
        n_bleach=int(random.integers(1, 6)), postbleach_times=times, padding=16,
    )  # fmt: skip
    D = np.array([0.3, 3.0]) * np.sqrt(np.prod(DiffusionModel(protocol).bounds["D"]))
    stacks = DiffusionModel(protocol).images(D, [0.7, 0.9], [0.6, 0.3])
    for frame_levels in (True, False):
        extractor = ImageScoreExtractor(protocol, frame_levels=frame_levels, flat_field=None)
        X = extractor.fit_transform(stacks)
        assert extractor.surrogate_.loss < 1e-4
        found = LeastSquaresFRAP(protocol).fit(X).predict(X)
        assert_allclose(found[:, 0], np.log10(D), atol=1e-6)


@pytest.mark.slow
def test_blurs_are_those_of_the_model():
    surrogate = ImageSurrogate(
        PROTOCOL, RANGES | {"bleach_blur": (0.5, 2.0)}, {"imaging_blur": 0.4}, frame_levels=False
    )
    values = values_of(bleach_blur=[0.7, 1.6], imaging_blur=0.4)
    images = DiffusionModel(PROTOCOL).images(**values)
    rows, columns = surrogate.window
    frames = images[..., rows, columns].reshape(2, PROTOCOL.n_frames, -1)
    frames = frames @ surrogate.images.reshape(surrogate.n_images, -1).T
    scores = np.stack([surrogate.row(one, 0.0)[:-1] for one in frames])
    assert_allclose(scores, surrogate.curves(**values)[:, :-1], rtol=0, atol=1e-4)


@pytest.mark.parametrize("frame_levels", [True, False])
@pytest.mark.parametrize(
    "blur", [{}, pytest.param({"bleach_blur": (0.5, 2.0)}, marks=pytest.mark.slow)]
)
def test_slopes_are_those_of_differences(frame_levels, blur):
    ranges = RANGES | blur
    surrogate = image_surrogate_for(PROTOCOL, ranges, frame_levels=frame_levels)
    table = np.array([[1.1, 0.4, 0.7, 1.0, 0.8, 0.0], [2.0, 0.9, 1.0, 1.0, 1.9, 0.0]])
    if not blur:
        table[:, 4] = 0.0
    wanted = [0, 1, 2, 4] if blur else [0, 1, 2]
    _, slopes = surrogate.scores_and_slopes(table, wanted)
    for column, slope in zip(wanted, slopes, strict=True):
        step = np.zeros(6)
        step[column] = 1e-5
        difference = surrogate.scores(table + step) - surrogate.scores(table - step)
        assert_allclose(slope, difference / 2e-5, rtol=0, atol=1e-6 * np.abs(slope).max())


def test_images_and_series_are_orthonormal_and_begin_evenly():
    surrogate = image_surrogate_for(PROTOCOL, RANGES, frame_levels=False)
    images = surrogate.images.reshape(surrogate.n_images, -1).astype(float)
    assert_allclose(images @ images.T, np.eye(len(images)), atol=1e-6)
    assert_allclose(images[0], surrogate.n_pixels**-0.5, rtol=1e-6)
    assert_allclose(surrogate.series @ surrogate.series.T, np.eye(surrogate.n_scores), atol=1e-9)


def test_scores_of_noisy_images_are_projected_noise():
    """What images and the model have apart in the scores is their noise, and nothing else."""
    clean, noisy = (simulator(noise=kind).sample_images(2).data for kind in ("none", "constant"))
    extractor = ImageScoreExtractor(PROTOCOL, **STEADY).fit(noisy)
    surrogate = extractor.surrogate_
    scores = np.asarray(extractor.transform(noisy))[:, :-1]
    noise = (noisy.astype(float) - clean).reshape(2, PROTOCOL.n_frames, -1)
    frames = noise @ surrogate.images.reshape(surrogate.n_images, -1).T
    projected = frames.reshape(2, -1) @ surrogate.series.T
    values = values_of(D=20.0, c0=0.8, alpha=0.6, mobile_fraction=1.0)
    model = surrogate.curves(**values)[:, :-1]
    assert_allclose(scores - model, projected, rtol=0, atol=1e-3 * np.sqrt(TRUTH["a"]))


def test_blocks_and_threads_make_no_difference(stacks, monkeypatch):
    from skfrap.preprocessing import _scores

    extractor = ImageScoreExtractor(PROTOCOL, ranges=RANGES).fit(stacks)
    whole = np.asarray(extractor.transform(stacks))
    monkeypatch.setattr(_scores, "_PIXELS_AT_ONCE", 1)
    extractor.n_jobs = 2
    assert_allclose(np.asarray(extractor.transform(stacks)), whole, rtol=0, atol=1e-5)


def test_extraction_composes_with_corrections_and_recordings(stacks):
    counts = np.round(stacks * 4000).astype(np.uint16)
    fit = LeastSquaresFRAP()
    steps = make_pipeline(IntensityRescaler(bit_depth=12), ImageScoreExtractor(ranges=RANGES), fit)
    recordings = [Recording(stack, PROTOCOL) for stack in counts]
    D = 10 ** steps.fit(recordings).predict(recordings)[:, 0]
    given = make_pipeline(
        IntensityRescaler(bit_depth=12), ImageScoreExtractor(PROTOCOL, ranges=RANGES), clone(fit)
    )
    assert_allclose(D, 10 ** given.fit(counts).predict(counts)[:, 0], rtol=1e-9)
    assert_allclose(D, 20.0, rtol=0.05)


def test_samples_of_several_experiments(stacks):
    other = PROTOCOL.replace(n_postbleach=9)
    recordings = [Recording(stacks[0], PROTOCOL), Recording(stacks[1][:14], other)]
    scores = ImageScoreExtractor(ranges=RANGES).fit_transform(recordings)
    assert len({*scores.protocols}) == 2
    estimates = LeastSquaresFRAP().fit(scores).estimate(scores)
    assert_allclose(estimates.D_um2_s, 20.0, rtol=0.1)


def test_a_pipeline_shares_its_protocol_with_the_extractor(stacks):
    steps = [("scores", ImageScoreExtractor(ranges=RANGES)), ("fit", LeastSquaresFRAP())]
    pipeline = FRAPPipeline(steps, protocol=PROTOCOL).fit(stacks)
    assert_allclose(10 ** pipeline.predict(stacks)[:, 0], 20.0, rtol=0.05)
    assert pipeline.estimate(stacks).findings == ((),) * 4


def test_names_of_scores(stacks):
    extractor = ImageScoreExtractor(PROTOCOL, **LEVELS).fit(stacks)
    names = extractor.get_feature_names_out()
    assert len(names) == extractor.surrogate_.n_columns
    assert len({*names}) == len(names)
    assert names[-1] == "rest"


# Fits


def all_pixel_errors(values, names, a):
    """Compute standard errors from derivatives of all pixels, by differences."""
    model = DiffusionModel(PROTOCOL)

    def images(**changed):
        return model.images(**values_of(**{n: [v, v] for n, v in (values | changed).items()}))[0]

    steps = {"D": values["D"] * 1e-4, "c0": 1e-5, "alpha": 1e-5}
    rows = []
    for name in names:
        step = steps[name]
        up, down = (images(**{name: values[name] + s}) for s in (step, -step))
        slope = (up - down).ravel() / (2 * step)
        rows.append(slope * values["D"] * np.log(10) if name == "D" else slope)
    jacobian = np.array(rows)
    return np.sqrt(a * np.diag(np.linalg.inv(jacobian @ jacobian.T)))


def test_standard_errors_are_those_of_all_pixels():
    scores = simulator().sample_scores(2, image_surrogate_for(PROTOCOL, **STEADY)).data
    _, std = LeastSquaresFRAP(PROTOCOL).fit(scores).predict(scores, return_std=True)
    truth = {"D": 20.0, "c0": 0.8, "alpha": 0.6, "mobile_fraction": 1.0}
    expected = all_pixel_errors(truth, ("D", "c0", "alpha"), TRUTH["a"])
    assert_allclose(std[0], expected, rtol=0.05)  # of another D, and noise that was estimated


@pytest.mark.parametrize("options", [STEADY, LEVELS, {"ranges": RANGES, "window": 40}])
def test_errors_and_intervals_are_what_estimates_scatter(options):
    """The third has a window that light was divided in, whose noise counts."""
    surrogate = image_surrogate_for(PROTOCOL, **options)
    drawn = simulator().sample_scores(300, surrogate)
    least_squares = LeastSquaresFRAP(PROTOCOL).fit(drawn.data)
    theta, std = least_squares.predict(drawn.data, return_std=True)
    standardised = (theta - drawn.target) / std
    assert_allclose(standardised.std(axis=0), 1.0, atol=0.15)
    assert np.abs(standardised.mean(axis=0)).max() < 0.25
    ends = least_squares.predict_interval(drawn.data)
    inside = (ends[..., 0] < drawn.target) & (drawn.target < ends[..., 1])
    assert np.abs(inside.mean(axis=0) - 0.95).max() < 0.04


def test_images_tell_more_than_the_curve_of_the_same_images():
    drawn = simulator().sample_scores(200, image_surrogate_for(PROTOCOL, **STEADY))
    errors = [
        np.mean((LeastSquaresFRAP(PROTOCOL).fit(X).predict(X) - drawn.target) ** 2, axis=0)
        for X in (drawn.data, drawn.curves)
    ]
    assert (errors[0] < 0.5 * errors[1]).all()


@pytest.mark.parametrize("frame_levels", [True, False])
def test_fits_find_what_is_true_without_noise(frame_levels):
    options = STEADY | {"frame_levels": frame_levels}
    surrogate = image_surrogate_for(PROTOCOL, **options)
    prior = {"D": 7.0, "mobile_fraction": 0.7}
    X = simulator(prior=prior, noise="none").sample_scores(1, surrogate).data
    names = "D", "c0", "alpha", "mobile_fraction"
    estimates = LeastSquaresFRAP(PROTOCOL, parameters=names).fit(X).estimate(X)
    found = [estimates.values[name][0] for name in names]
    assert_allclose(found, [7.0, 0.8, 0.6, 0.7], rtol=1e-5)


@pytest.mark.slow
def test_a_blur_is_estimated_where_the_scores_know_it():
    surrogate = image_surrogate_for(PROTOCOL, RANGES | {"bleach_blur": (0.3, 3.0)})
    X = simulator(prior={"bleach_blur": 1.2}, noise="none").sample_scores(1, surrogate).data
    values = LeastSquaresFRAP(PROTOCOL).fit(X).estimate(X).values
    assert_allclose([values["D"][0], values["bleach_blur"][0]], [20.0, 1.2], rtol=1e-4)


def test_free_levels_make_flicker_and_fading_harmless():
    clean = simulator(noise="none").sample_images(1).data.astype(float)
    light = np.random.default_rng(0).normal(1.0, 0.05, PROTOCOL.n_frames)
    light = light * 0.995 ** np.arange(PROTOCOL.n_frames)
    X = clean * light[:, np.newaxis, np.newaxis]
    extractor = ImageScoreExtractor(PROTOCOL, **LEVELS)
    found = LeastSquaresFRAP(PROTOCOL).fit(extractor.fit_transform(X))
    fit = found.fit_results(extractor.transform(X))
    assert_allclose(fit.theta[0, 0], np.log10(20.0), atol=1e-4)
    assert_allclose(fit.levels[0], 0.8 * light, rtol=1e-5)


def test_division_makes_uneven_light_harmless():
    protocol = PROTOCOL.replace(shape=(96, 96))
    clean = simulator(protocol, noise="none").sample_images(1).data.astype(float)
    rows, columns = np.indices(protocol.shape) - 47.5
    light = 1 - 0.2 * (rows**2 + columns**2) / 47.5**2 / 2
    log_D = []
    for flat_field in (5.0, None):
        extractor = ImageScoreExtractor(protocol, flat_field=flat_field, ranges=RANGES)
        scores = extractor.fit_transform(clean * light)
        log_D.append(LeastSquaresFRAP(protocol).fit(scores).predict(scores)[0, 0])
    off = np.abs(np.array(log_D) - np.log10(20.0))
    assert off[0] < 3e-3
    assert off[1] > 10 * off[0]


def test_proportional_noise_is_weighed():
    surrogate = image_surrogate_for(PROTOCOL, **LEVELS)
    noise = {"a": 1e-6, "b": 2e-3}
    drawn = simulator(prior=noise | {"alpha": 0.2}, noise="proportional").sample_scores(
        300, surrogate
    )
    errors = []
    for options in ({"noise": "proportional", "fixed": noise}, {}):
        found = LeastSquaresFRAP(PROTOCOL, **options).fit(drawn.data)
        theta, std = found.predict(drawn.data, return_std=True)
        errors.append(np.std(theta[:, 0]))
        if options:
            assert_allclose(np.std(theta[:, 0]) / std[:, 0].mean(), 1.0, atol=0.15)
    assert errors[0] < errors[1]


def test_the_region_is_found_where_it_is():
    true = PROTOCOL.replace(bleach_region=Circle(6.0, (24.8, 23.5)))
    stack = simulator(true, {"a": 1e-4}).sample_images(1).data[0]
    found = find_center(stack, PROTOCOL, ranges=RANGES)
    off = np.subtract(found.shift_um, (0.8, -0.5)) / found.std_um
    assert found.converged
    assert np.abs(off).max() < 4
    assert max(found.std_um) < 0.05
    with pytest.raises(ValueError, match="got a Mask"):
        find_center(stack, PROTOCOL.replace(bleach_region=Mask(PROTOCOL.bleach_mask)))


@pytest.mark.parametrize("frame_levels", [True, False])
def test_images_of_a_compartment(frame_levels, tmp_path):
    """Stacks of the model are fitted to what they were made of, and files keep the images."""
    cell = PROTOCOL.replace(
        bleach_region=Circle(5.0, (20.0, 22.0)), compartment=Circle(17.0), padding=0
    )
    values = {"D": [1.0, 4.0], "c0": [0.7, 0.9], "alpha": [0.6, 0.2], "mobile_fraction": [0.8, 1.0]}
    stacks = DiffusionModel(cell).images(**values)
    extractor = ImageScoreExtractor(cell, ranges={"D": (0.1, 30.0)}, frame_levels=frame_levels)
    X = extractor.fit_transform(stacks)
    assert extractor.surrogate_.loss < 1e-4
    estimator = LeastSquaresFRAP(cell, parameters=tuple(values)).fit(X)
    found = estimator.estimate(X).values
    for name, expected in values.items():
        assert_allclose(found[name], expected, rtol=1e-5)
    save(make_pipeline(extractor, estimator), tmp_path / "cell.skfrap")
    assert_allclose(load(tmp_path / "cell.skfrap").predict(stacks), estimator.predict(X))


# The contract


def test_estimates_say_what_they_are_worth(stacks):
    extractor = ImageScoreExtractor(PROTOCOL, ranges=RANGES)
    X = extractor.fit_transform(stacks)
    estimates = LeastSquaresFRAP(PROTOCOL).fit(X).estimate(X)
    assert estimates.findings == ((),) * 4
    assert_allclose(estimates.noise_a, TRUTH["a"], rtol=0.02)
    assert estimates.fit.freedom > 10_000
    nothing = np.full((1, *stacks.shape[1:]), 0.5)
    nothing += np.random.default_rng(0).normal(0, 0.03, nothing.shape)
    found = LeastSquaresFRAP(PROTOCOL).fit(X).estimate(extractor.transform(nothing))
    assert "no_bleaching_visible" in [one.code for one in found.findings[0]]
    assert np.isnan(found.D_um2_s[0])


@pytest.mark.parametrize("frame_levels", [True, False])
def test_images_of_one_intensity_tell_nothing(frame_levels):
    stacks = np.full((2, PROTOCOL.n_frames, *PROTOCOL.shape), 100, np.uint8)
    extractor = ImageScoreExtractor(PROTOCOL, frame_levels=frame_levels, ranges=RANGES)
    regressor = LeastSquaresFRAP()
    estimates = regressor.fit(scores := extractor.fit_transform(stacks)).estimate(scores)
    unknown = np.isnan(estimates.values["D"])
    everything = (estimates.lower["D"] < 2.1) & (estimates.upper["D"] > 199)
    assert (unknown | everything).all()


def test_scikit_learn_splits_scores():
    drawn = simulator(prior={"D": FRAPSimulator().prior["D"]}).sample_scores(
        30, image_surrogate_for(PROTOCOL, {"D": (1.0, 1000.0)}, frame_levels=False)
    )
    scores = cross_val_score(LeastSquaresFRAP(PROTOCOL), drawn.data, drawn.target[:, 0], cv=3)
    assert (scores > 0.9).all()
    some = drawn.data[[3, 1]]
    assert isinstance(some, ImageScores)
    assert_array_equal(some[1], drawn.data[1])


@pytest.mark.parametrize("options", [STEADY, {"ranges": RANGES}])
def test_files_keep_what_scores_are_of(stacks, tmp_path, options):
    pipeline = make_pipeline(ImageScoreExtractor(PROTOCOL, **options), LeastSquaresFRAP(PROTOCOL))
    expected = pipeline.fit(stacks).predict(stacks)
    save(pipeline, tmp_path / "fit.skfrap")
    assert_array_equal(load(tmp_path / "fit.skfrap").predict(stacks), expected)


def test_draws_depend_on_their_index_alone():
    surrogate = image_surrogate_for(PROTOCOL, **STEADY)
    all_of_them = simulator().sample_scores(70, surrogate)
    last = simulator().sample_scores(2, surrogate, start=68)
    assert_allclose(last.data[1], all_of_them.data[69], rtol=1e-9)
    assert_allclose(last.curves[1], all_of_them.curves[69], rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("options", [STEADY, {"ranges": RANGES, "window": 40}])
@pytest.mark.parametrize("kind", ["constant", "proportional"])
def test_drawn_scores_are_distributed_as_those_of_images(options, kind):
    draw = simulator(prior={"b": 1e-3}, noise=kind)
    n = 300
    images = draw.sample_images(n).data
    extractor = ImageScoreExtractor(PROTOCOL, **options)
    scores = np.asarray(extractor.fit_transform(images))
    curves = RecoveryCurveExtractor(PROTOCOL).fit_transform(images)
    drawn = draw.sample_scores(20 * n, extractor.surrogate_)
    other = np.asarray(drawn.data)
    spread = other.std(axis=0)
    assert_allclose(np.mean(scores.std(axis=0) / spread), 1.0, atol=0.02)
    assert np.abs((scores.mean(axis=0) - other.mean(axis=0)) / spread).max() < 5 / np.sqrt(n)
    k = slice(0, 12) if not extractor.frame_levels else slice(5 * 12, 5 * 12 + 12)
    together = [
        np.corrcoef(np.hstack([rows[:, k], some[:, 4:8], rows[:, -1:]]).T)
        for rows, some in ((scores, curves), (other, drawn.curves))
    ]
    assert np.abs(together[0] - together[1]).max() < 5 / np.sqrt(n)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"window": "half"}, "window must be"),
        ({"ranges": {"c0": (0.1, 1.0)}}, "ranges can be given"),
        ({"fixed": {"imaging_bleach": 0.9}}, "fixed can be given"),
        ({"fixed": {"imaging_blur": np.nan}}, "imaging_blur.* must be a number"),
        ({"flat_field": 0.0}, "flat_field must be"),
        ({"information_loss": 2.0}, "information_loss must be"),
    ],
)
def test_arguments_are_refused_by_name(stacks, change, words):
    with pytest.raises(ValueError, match=words):
        ImageScoreExtractor(PROTOCOL, **change).fit(stacks)


def test_what_does_not_belong_together_is_refused(stacks):
    X = ImageScoreExtractor(PROTOCOL, **LEVELS).fit_transform(stacks)
    steady = ImageScoreExtractor(PROTOCOL, **STEADY).fit_transform(stacks)
    curves = RecoveryCurveExtractor(PROTOCOL).fit_transform(stacks)
    with pytest.raises(ValueError, match="fitted to curves"):
        LeastSquaresFRAP(PROTOCOL).fit(curves).predict(X)
    with pytest.raises(ValueError, match="use one extractor"):
        LeastSquaresFRAP(PROTOCOL).fit(steady).predict(X)
    with pytest.raises(ValueError, match="model must be 'diffusion'"):
        LeastSquaresFRAP(PROTOCOL, model="flow").fit(X)
    with pytest.raises(ValueError, match="beyond what the scores know"):
        LeastSquaresFRAP(PROTOCOL, bounds={"D": (0.01, 5.0)}).fit(X)
    with pytest.raises(ValueError, match="loss must be 'squared'"):
        LeastSquaresFRAP(PROTOCOL, loss="huber").fit(X)
    with pytest.raises(ValueError, match="needs a and b"):
        LeastSquaresFRAP(PROTOCOL, noise="proportional").fit(X)
    dark = stacks.copy()
    dark[:, :, :10] = 0.0
    with pytest.raises(ValueError, match="no light before bleaching"):
        ImageScoreExtractor(PROTOCOL, ranges=RANGES, flat_field=1.0).fit_transform(dark)
    with pytest.raises(ValueError, match="not finite"):
        ImageScoreExtractor(PROTOCOL, **LEVELS).fit_transform(np.where(dark == 0, np.nan, dark))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ranges": {"D": 1}}, r"ranges\['D'\] must be two numbers.*got 1"),
        ({"ranges": {"D": "low"}}, r"ranges\['D'\] must be two numbers"),
        ({"ranges": {"D": "12"}}, r"ranges\['D'\] must be two numbers"),
        ({"ranges": {"D": (1, 2, 3)}}, r"ranges\['D'\] must be two numbers"),
        ({"ranges": [1, 2]}, r"ranges must be \{name: \(lowest, highest\)\}"),
        ({"fixed": {"imaging_blur": "wide"}}, r"fixed\['imaging_blur'\] must be a number"),
        ({"fixed": 1}, "fixed must be"),
        ({"flat_field": 1e9}, "flat_field must be at most the frame's longer side"),
        ({"flat_field": -1}, "flat_field must be a positive"),
    ],
)
def test_options_that_mean_nothing_are_refused_by_name(options, words):
    for make in (image_surrogate_for, ImageSurrogate):
        with pytest.raises(ValueError, match=words):
            make(PROTOCOL, **options)
    if "flat_field" not in options:
        with pytest.raises(ValueError, match=words.replace("imaging_blur", ".*")):
            surrogate_for(PROTOCOL, **options)


def test_a_smoothing_wider_than_the_frames_is_refused_by_name():
    for sigma in (1e9, np.inf, np.nan, "wide"):
        with pytest.raises(ValueError, match="sigma"):
            analyse_series(
                ImageSeries(
                    frames=np.ones((20, 32, 32)),
                    name="a",
                    pixel_size_um=0.5,
                    times_s=np.arange(20.0),
                ),
                ExperimentOptions(n_prebleach=5, bleach_region="circle:3", sigma=sigma),
            )
