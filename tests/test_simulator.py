"""The dataset generator: distributions, noise, and samples that depend on seed and index alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from skfrap import Circle, FRAPProtocol, FRAPSimulator
from skfrap.models import DiffusionModel
from skfrap.numerics._draws import uniform_rows
from skfrap.preprocessing import IntensityRescaler

SMALL = FRAPProtocol(
    shape=(16, 20),
    pixel_size=0.5,
    bleach_region=Circle(2.1),
    n_prebleach=3,
    n_bleach=2,
    n_postbleach=5,
    padding=8,
)
LIKELY = (0.001, 0.999)  # p-values; seeds are fixed, so a pass stays a pass


def simulator(**options):
    options = {"random_state": 3} | options
    return FRAPSimulator(SMALL, **options)


def assert_variance(noise, expected):
    """Check that the noise is Gaussian with mean 0 and the expected variance."""
    z = (noise / np.sqrt(expected)).ravel()
    low, high = LIKELY
    assert low < stats.norm.cdf(z.sum() / np.sqrt(len(z))) < high
    assert low < stats.chi2.cdf(np.sum(z**2), len(z)) < high
    assert stats.kstest(z[:100_000], "norm").pvalue > low


def test_defaults_are_table_1_of_the_paper():
    simulator = FRAPSimulator(random_state=0)
    assert simulator.protocol == FRAPProtocol()
    assert simulator.target_names == ["log10_D", "c0", "alpha"]
    sample = simulator.sample(20_000)
    log10_D, c0, alpha = sample.target.T
    for values, distribution in [
        (log10_D, stats.uniform(0, 3)),
        (c0, stats.uniform(0.5, 0.5)),
        (alpha, stats.uniform(0.45, 0.5)),
        (np.log10(sample.noise_variance), stats.uniform(-4, 2)),
    ]:
        assert stats.kstest(values, distribution.cdf).pvalue > 0.001
    # The parameters are drawn independently of each other.
    columns = np.column_stack([sample.target, np.log10(sample.noise_variance)])
    correlation = np.corrcoef(columns.T) - np.eye(4)
    assert np.abs(correlation).max() < 4 / np.sqrt(20_000)


def test_bunch_holds_what_it_says():
    sample = simulator().sample(7)
    assert sample.data.shape == (7, SMALL.n_frames)
    assert sample.target.shape == (7, 3)
    assert sample.noise_variance.shape == (7,)
    assert list(sample.feature_names) == list(SMALL.feature_names)
    assert sample.target_names == ["log10_D", "c0", "alpha"]
    np.testing.assert_allclose(10 ** sample.target[:, 0], sample.parameters["D"])
    X, y = simulator().sample(7, return_X_y=True)
    np.testing.assert_array_equal(X, sample.data)
    np.testing.assert_array_equal(y, sample.target)


def test_sample_weight_is_inverse_to_the_noise_with_mean_1():
    sample = simulator().sample(1000)
    assert sample.sample_weight.mean() == pytest.approx(1, rel=1e-12)
    product = sample.sample_weight * sample.noise_variance
    np.testing.assert_allclose(product, product[0])


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(0, 2000), st.integers(1, 1200))
def test_sample_depends_on_seed_and_index_alone(start, n):
    whole = _whole_sample()
    part = simulator().sample(n, start=start)
    rows = slice(start, start + n)
    np.testing.assert_array_equal(part.data, whole.data[rows])
    np.testing.assert_array_equal(part.target, whole.target[rows])
    np.testing.assert_array_equal(part.noise_variance, whole.noise_variance[rows])


_CACHE = {}


def _whole_sample():
    if not _CACHE:
        _CACHE["whole"] = simulator().sample(3200)
    return _CACHE["whole"]


def test_samples_do_not_depend_on_what_was_drawn_before():
    one = simulator()
    first = one.sample(5).data
    one.sample_images(1)
    np.testing.assert_array_equal(one.sample(5).data, first)


@pytest.mark.parametrize("chunk_size", [1, 100, 512, 700, 5000])
def test_chunks_join_to_the_whole(chunk_size):
    n = 5 if chunk_size == 1 else 1500
    chunks = list(simulator().iter_samples(n, chunk_size, start=40))
    assert [len(chunk.data) for chunk in chunks[:-1]] == [chunk_size] * (len(chunks) - 1)
    for key in ("data", "target", "noise_variance"):
        joined = np.concatenate([chunk[key] for chunk in chunks])
        np.testing.assert_array_equal(joined, _whole_sample()[key][40 : 40 + n])


def test_chunks_go_on_forever_by_default():
    chunks = simulator().iter_samples(chunk_size=10)
    sizes = [len(next(chunks).data) for _ in range(30)]
    assert sizes == [10] * 30


def test_images_have_the_parameters_of_the_curves():
    curves, images = simulator().sample(4, start=9), simulator().sample_images(4, start=9)
    assert images.data.shape == (4, SMALL.n_frames, *SMALL.shape)
    np.testing.assert_array_equal(images.target, curves.target)
    np.testing.assert_array_equal(images.noise_variance, curves.noise_variance)
    np.testing.assert_array_equal(simulator().sample_images(1, start=11).data[0], images.data[2])
    X, y = simulator().sample_images(2, return_X_y=True, start=9)
    np.testing.assert_array_equal(X, images.data[:2])
    np.testing.assert_array_equal(y, images.target[:2])


def test_seeds():
    base = simulator(random_state=3).sample(5)
    again = simulator(random_state=np.int64(3)).sample(5)
    np.testing.assert_array_equal(again.data, base.data)
    for other in (4, None, np.random.RandomState(3)):
        sample = simulator(random_state=other).sample(5)
        assert (sample.data != base.data).all()
        assert (sample.target != base.target).all()
    assert (simulator(random_state=None).sample(5).data != sample.data).all()
    a, b = (simulator(random_state=np.random.RandomState(8)).sample(5).data for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_neighbouring_samples_and_seeds_are_independent():
    prior = {"D": 10.0, "c0": 1.0, "alpha": 0.5, "a": 1.0}
    a, b = (simulator(random_state=seed, prior=prior).sample(2000).data for seed in (0, 1))
    clean = simulator(prior=prior, noise="none").sample(1).data
    a, b = (a - clean).ravel(), (b - clean).ravel()
    bound = 4 / np.sqrt(len(a))
    assert abs(np.corrcoef(a, b)[0, 1]) < bound
    assert abs(np.corrcoef(a[1:], a[:-1])[0, 1]) < bound
    assert abs(np.corrcoef(a[SMALL.n_frames :], a[: -SMALL.n_frames])[0, 1]) < bound


@pytest.mark.parametrize("n_columns", [1, 4, 110])
@pytest.mark.parametrize("first", [0, 2**40 + 3])
def test_draws_are_the_bits_of_the_counter(first, n_columns):
    key = np.array([7, 11], np.uint64)
    blocks = -(-n_columns // 4)
    bits = np.random.Philox(key=key, counter=first * blocks).random_raw((50, 4 * blocks))
    expected = ((bits[:, :n_columns] >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53
    np.testing.assert_array_equal(uniform_rows(key, first, 50, n_columns), expected)


def test_global_generator_is_left_alone():
    np.random.seed(0)  # noqa: NPY002
    expected = np.random.RandomState(0).random()
    simulator(random_state=5).sample(5)
    assert np.random.random() == expected  # noqa: NPY002


def test_noise_of_curves():
    for noise, b in (("constant", 0.0), ("proportional", 0.004)):
        prior = {"a": 1e-3, "b": 0.004}
        one = simulator(prior=prior, noise=noise)
        noisy = one.sample(5000)
        clean = one.curves(noisy.target)
        np.testing.assert_array_equal(noisy.parameters["b"], b)
        # The pixels' variances at the curve's mean intensity stand for all pixels alike.
        expected = np.sum(SMALL.roi_weights**2) * (1e-3 + b * clean)
        assert_variance(noisy.data - clean, expected)


def test_proportional_noise_is_that_of_averaged_pixels():
    # Sum of w^2 (a + b c) with the pixels' own intensities, which differ across the region's edge.
    one = simulator(prior={"b": 0.01, "a": 1e-4, "D": 0.3}, noise="proportional")
    target = one.sample(1).target
    images = one.images(target)[0]
    w_squared = SMALL.roi_weights**2
    exact = np.sum(w_squared * (1e-4 + 0.01 * images), axis=(1, 2))
    drawn = SMALL.noise_gain * (1e-4 + 0.01 * one.curves(target)[0])
    np.testing.assert_allclose(drawn, exact, rtol=0.05)


@pytest.mark.parametrize("noise", ["constant", "proportional"])
def test_noise_of_images_and_of_their_averages(noise):
    prior = {"D": 3.0, "c0": 0.8, "alpha": 0.3, "a": 2e-3, "b": 5e-3}
    one = simulator(prior=prior, noise=noise, random_state=11)
    images = one.sample_images(120)
    clean = one.images(images.target[:1])[0]
    b = 5e-3 if noise == "proportional" else 0.0
    variance = 2e-3 + b * clean
    difference = images.data - clean
    assert_variance(difference, np.broadcast_to(variance, difference.shape))
    averaged = np.einsum("ntyx,yx->nt", difference, SMALL.roi_weights)
    expected = np.sum(SMALL.roi_weights**2 * variance, axis=(1, 2))
    assert_variance(averaged, np.broadcast_to(expected, averaged.shape))
    # The curves' own noise has the same distribution.
    curves = one.sample(2000).data - one.curves(images.target[:1])
    assert stats.ks_2samp(averaged.ravel(), curves.ravel()).pvalue > 0.001


def test_no_noise():
    one = simulator(noise="none")
    sample = one.sample(6)
    np.testing.assert_allclose(sample.data, one.curves(sample.target), rtol=1e-10)
    images = one.sample_images(2).data
    np.testing.assert_allclose(images, one.images(sample.target[:2]), rtol=1e-6)


def test_clean_curves_and_images_are_the_exact_models():
    theta = np.array([[0.5, 0.8, 0.6], [2.0, 0.6, 0.9], [-9.0, 1.0, 0.5], [6.0, 1.0, 0.5]])
    D = 10 ** theta[:, 0]
    model, one = DiffusionModel(SMALL), simulator()
    exact = model.curves(D, theta[:, 1], theta[:, 2])
    np.testing.assert_allclose(one.curves(theta), exact, rtol=0, atol=1e-8)
    np.testing.assert_allclose(one.curves(theta[:2]), exact[:2], rtol=0, atol=1e-8)
    np.testing.assert_allclose(one.curves(theta[0]), exact[:1], rtol=0, atol=1e-8)
    images = model.images(D, theta[:, 1], theta[:, 2])
    np.testing.assert_allclose(one.images(theta), images, rtol=0, atol=1e-12)


def test_fixed_numbers_and_other_distributions_as_prior():
    prior = {
        "D": stats.lognorm(0.5, scale=20.0),
        "c0": 900,
        "alpha": stats.beta(4, 3),
        "mobile_fraction": stats.triang(0.5),
        "a": stats.gamma(3),
    }
    one = simulator(prior=prior)
    assert one.target_names == ["log10_D", "c0", "alpha", "mobile_fraction"]
    sample = one.sample(4000)
    assert (sample.target[:, 1] == 900).all()
    for values, distribution in [
        (10 ** sample.target[:, 0], prior["D"]),
        (sample.target[:, 2], prior["alpha"]),
        (sample.target[:, 3], prior["mobile_fraction"]),
        (sample.noise_variance, prior["a"]),
    ]:
        assert stats.kstest(values, distribution.cdf).pvalue > 0.001
    D, c0, alpha, mobile = sample.target[:3].T
    exact = DiffusionModel(SMALL).curves(10**D, c0, alpha, mobile)
    np.testing.assert_allclose(one.curves(sample.target[:3]), exact, rtol=1e-7)


def test_fixing_one_parameter_leaves_the_others():
    free, fixed = simulator().sample(10), simulator(prior={"D": 5.0}).sample(10)
    np.testing.assert_array_equal(free.target[:, 1:], fixed.target[:, 1:])
    np.testing.assert_array_equal(free.noise_variance, fixed.noise_variance)


def test_fixed_mobile_fraction_is_no_target():
    one = simulator(prior={"mobile_fraction": 0.6}, noise="none")
    sample = one.sample(2)
    assert sample.target.shape == (2, 3)
    D, c0, alpha = sample.target.T
    exact = DiffusionModel(SMALL).curves(10**D, c0, alpha, 0.6)
    np.testing.assert_allclose(sample.data, exact, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (12, np.uint16), (16, np.uint16)])
def test_bit_depth_rounds_to_the_detectors_steps(bits, dtype):
    prior = {"c0": 0.7}  # of itself a detector would be set lower
    floats = simulator(prior=prior).sample_images(2).data
    integers = simulator(prior=prior, bit_depth=bits).sample_images(2).data
    assert integers.dtype == dtype
    full = 2**bits - 1
    inside = (floats > 0) & (floats < 1)
    assert inside.mean() > 0.8
    error = integers[inside] - floats[inside] * float(full)
    assert np.abs(error).max() <= 0.5 + full * 1e-7
    assert np.abs(error).max() > 0.4


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_detector_saturates_at_both_ends(bits):
    prior = {"c0": 1.0, "alpha": 0.01, "a": 0.01, "D": 0.001}
    floats = simulator(prior=prior).sample_images(1).data
    integers = simulator(prior=prior, bit_depth=bits).sample_images(1).data
    assert integers.min() == 0
    assert integers.max() == 2**bits - 1
    assert (integers[floats > 1] == 2**bits - 1).all()
    assert (integers[floats < 0] == 0).all()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bit_depth": 8},
        {"noise": "proportional"},
        {"background": np.linspace(0, 0.2, 16 * 20).reshape(16, 20)},
        {"prior": {"a": 0.05}},
    ],
    ids=str,
)
def test_stacks_of_a_detector_are_accepted_by_the_pipeline(options):
    """Intensities stay below the top of the range, and the truth is that of the stacks."""
    simulated = simulator(**({"bit_depth": 12} | options))
    sample = simulated.sample_images(60)
    rescaled = IntensityRescaler(simulated.bit_depth).fit_transform(sample.data)
    prebleach = [rescaled[k][: SMALL.n_prebleach].mean() for k in range(60)]  # or it is refused
    c0 = sample.parameters["c0"] + np.mean(options.get("background", 0.0))
    assert np.max(np.abs(prebleach - c0)) < 0.03
    assert np.ptp(c0) > 0.1


def test_a_given_intensity_is_kept_by_a_detector():
    plain, of_detector = (simulator(bit_depth=bits) for bits in (None, 16))
    assert of_detector.prior["c0"].support() == pytest.approx((0.5, 1 - 0.1 * 2.5758), abs=1e-4)
    as_given = simulator(prior={"c0": plain.prior["c0"]}, bit_depth=16)
    np.testing.assert_array_equal(as_given.sample(20).target, plain.sample(20).target)
    np.testing.assert_array_equal(
        of_detector.sample(20).target[:, [0, 2]], plain.sample(20).target[:, [0, 2]]
    )


def test_background_is_added_to_images_only():
    background = np.linspace(0, 0.1, 16 * 20).reshape(16, 20)
    plain, lit = simulator(), simulator(background=background)
    difference = lit.sample_images(1).data - plain.sample_images(1).data
    np.testing.assert_allclose(difference, np.broadcast_to(background, difference.shape), atol=1e-6)
    np.testing.assert_array_equal(lit.sample(3).data, plain.sample(3).data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": "poisson"}, "noise"),
        ({"bit_depth": 10}, "bit_depth"),
        ({"background": np.zeros((20, 16))}, "background"),
        ({"prior": {"diffusion": 1.0}}, "diffusion"),
        ({"prior": {"D": "fast"}}, "prior.*D"),
        ({"prior": {"D": stats.norm(1, 1)}}, "prior.*D"),
        ({"prior": {"alpha": 1.2}}, "prior.*alpha"),
        ({"prior": {"alpha": stats.uniform(0.5, 0.6)}}, "prior.*alpha"),
        ({"prior": {"mobile_fraction": -0.1}}, "prior.*mobile_fraction"),
        ({"prior": {"a": -1e-3}}, "prior.*'a'"),
        ({"prior": {"c0": np.nan}}, "prior.*c0"),
        ({"random_state": "seed"}, "seed"),
        ({"random_state": -1}, "random_state|non-negative"),
    ],
)
def test_errors_of_the_constructor_name_the_argument(options, message):
    with pytest.raises(ValueError, match=message):
        FRAPSimulator(SMALL, **options)


def test_errors_of_methods_name_the_argument():
    one = simulator()
    for n in (0, -1, 2.5, "ten"):
        with pytest.raises(ValueError, match="n_samples"):
            one.sample(n)
        with pytest.raises(ValueError, match="n_samples"):
            one.sample_images(n)
    with pytest.raises(ValueError, match="start"):
        one.sample(1, start=-1)
    with pytest.raises(ValueError, match="theta"):
        one.curves([[1.0, 1.0]])
    with pytest.raises(ValueError, match="alpha"):
        one.curves([[1.0, 1.0, 1.5]])
    with pytest.raises(ValueError, match="alpha"):
        one.images([[1.0, 1.0, 1.5]])


def test_errors_of_iter_samples_name_the_argument():
    with pytest.raises(ValueError, match="chunk_size"):
        next(simulator().iter_samples(10, chunk_size=0))
    with pytest.raises(ValueError, match="n_samples"):
        list(simulator().iter_samples(-3))


def test_repr_is_readable():
    assert "constant" in repr(simulator())
    assert "Circle(radius=2.1" in repr(simulator())


def test_binding_is_interpolated_on_request():
    prior = {
        "D": stats.loguniform(1.0, 3.0),
        "k_on": stats.loguniform(0.5, 1.0),
        "k_off": stats.loguniform(0.5, 1.0),
    }
    options = {"prior": prior, "model": "binding", "noise": "none"}
    exact = simulator(interpolate=False, **options).sample(40)
    quick = simulator(interpolate=True, **options).sample(40)
    np.testing.assert_array_equal(exact.target, quick.target)
    difference = np.abs(exact.data - quick.data).max()
    assert 0 < difference < 1e-6
    np.testing.assert_array_equal(simulator(**options).sample(40).data, exact.data)
    with pytest.raises(ValueError, match="interpolate must be one of"):
        simulator(interpolate="always")


def test_samples_come_as_tables_and_in_single_precision(default_protocol):
    pandas = pytest.importorskip("pandas")
    simulator = FRAPSimulator(default_protocol, random_state=0)
    plain = simulator.sample(70)
    table = simulator.sample(70, as_frame=True, dtype="float32")
    assert isinstance(table.data, pandas.DataFrame)
    assert [*table.target.columns] == simulator.target_names
    assert [*table.frame.columns] == [*plain.feature_names, *plain.target_names]
    np.testing.assert_array_equal(table.data.to_numpy(), plain.data.astype(np.float32))
    np.testing.assert_array_equal(table.target.to_numpy(), plain.target)
    chunks = [*simulator.iter_samples(70, 40, dtype=np.float32)]
    assert chunks[0].data.dtype == np.float32
    assert np.concatenate([chunk.data for chunk in chunks]).tolist() == table.data.values.tolist()
    with pytest.raises(ValueError, match="dtype must be one of"):
        simulator.sample(3, dtype="int8")


def test_image_series_come_in_chunks():
    protocol = FRAPProtocol(shape=(24, 24), bleach_region=Circle(3.0), n_postbleach=5, padding=8)
    simulator = FRAPSimulator(protocol, random_state=0)
    chunks = [chunk.data for chunk in simulator.iter_images(5, chunk_size=2, start=1)]
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(chunks), simulator.sample_images(5, start=1).data)
