"""Kinetics: what any must keep to, and models that are made of them."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import loguniform

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.analysis import ExperimentOptions, analyse_series
from skfrap.io import ImageSeries
from skfrap.models import (
    MODELS,
    BindingModel,
    ComposedModel,
    DiffusionModel,
    Kinetics,
    TwoPopulationsModel,
    check_model,
)
from skfrap.models import kinetics as kinetics_of
from skfrap.models.kinetics import (
    Binding,
    FreeDiffusion,
    Reaction,
    Subdiffusion,
    Turnover,
    TwoPopulations,
    check_kinetics,
)
from skfrap.parameters import Parameter, define

define(Parameter("spread_exponent", "", "linear", 0.1, 2.0, "exponent of the spread in time"))


class Anomalous(Kinetics):
    """Particles whose spread grows as a power of time: they remember when they set out."""

    parameters = "D", "spread_exponent"
    defaults = {"spread_exponent": 1.0}  # noqa: RUF012
    is_semigroup = False

    def start(self, D, spread_exponent):
        return np.ones(1)

    def symbol(self, k_squared, times, D, spread_exponent):
        times = np.reshape(times, (-1,) + (1,) * np.ndim(k_squared))
        return np.exp(-D * k_squared * times**spread_exponent)[:, np.newaxis, np.newaxis]

    def bounds(self, protocol):
        return FreeDiffusion().bounds(protocol) | {"spread_exponent": (0.4, 1.5)}


class FreeModel(ComposedModel):
    kinetics = FreeDiffusion()


class AnomalousModel(ComposedModel, name="anomalous_example"):
    kinetics = Anomalous()


EXAMPLE_MODELS = [AnomalousModel]
for _model in EXAMPLE_MODELS:
    del MODELS[_model.name]  # other modules' tests know them not

PROTOCOL = FRAPProtocol(
    shape=(40, 44), pixel_size=0.8, bleach_region=Circle(5.0), n_prebleach=4, n_bleach=3,
    n_postbleach=24, frame_interval=0.3, padding=16,
)  # fmt: skip
OFF_CENTRE = PROTOCOL.replace(bleach_region=Circle(5.0, center=(15.3, 17.1)))
ONE_FLASH = PROTOCOL.replace(n_bleach=1)
# Kinetics, and values of their parameters. What is added here has to pass what follows.
EVERY = [
    (FreeDiffusion(), {"D": 3.0}),
    (Binding(), {"D": 3.0, "k_on": 0.7, "k_off": 0.4}),
    (Binding(), {"D": 3.0, "k_on": 0.0, "k_off": 0.4}),
    (TwoPopulations(), {"D": 3.0, "second_D": 0.2, "second_fraction": 0.3}),
    (Anomalous(), {"D": 3.0, "spread_exponent": 0.7}),
    (Reaction(), {"k_on": 0.7, "k_off": 0.4}),
    (Turnover(), {"D": 3.0, "exchange_rate": 0.2}),
    (Turnover(), {"D": 0.0, "exchange_rate": 0.2}),
    (kinetics_of.Anomalous(), {"D_at_1s": 3.0, "exponent": 1.6}),
    (kinetics_of.Anomalous(), {"D_at_1s": 3.0, "exponent": 0.4}),
    (Subdiffusion(), {"D_at_1s": 3.0, "exponent": 0.6}),
    (Subdiffusion(), {"D_at_1s": 3.0, "exponent": 1.0}),
]
OF_LIGHT = [
    {},
    {"imaging_bleach": 0.99},
    {"bleach_blur": 0.9, "imaging_blur": 0.6},
    {"imaging_bleach": 0.98, "bleach_blur": 0.9, "imaging_blur": 0.6},
]
every_kinetics = pytest.mark.parametrize(
    ("kinetics", "values"), EVERY, ids=[type(kinetics).__name__ for kinetics, _ in EVERY]
)


def model_of(kinetics):
    return type("Model", (ComposedModel,), {"kinetics": kinetics})


# What any kinetics must keep to


@every_kinetics
def test_kinetics_keep_to_their_contract(kinetics, values):
    check_kinetics(kinetics, **values)
    model = model_of(kinetics)(ONE_FLASH)
    given = {name: value for name, value in values.items() if name not in kinetics.defaults}
    if values.get("k_on") != 0 and values.get("D") != 0 and values.get("exponent") != 1:
        check_model(model, **given, c0=0.8, alpha=0.4)
    assert {*kinetics.bounds(PROTOCOL)} <= {*kinetics.parameters}
    assert kinetics.simpler is None or kinetics.simpler in MODELS
    assert repr(kinetics) == f"{type(kinetics).__name__}()"


def test_the_contract_sees_what_is_wrong_with_kinetics():
    class Forgetful(Anomalous):
        is_semigroup = True

    class Flat(FreeDiffusion):
        def symbol(self, k_squared, times, D):
            return super().symbol(k_squared, times, D)[:, 0, 0]

    class Leaking(FreeDiffusion):
        def symbol(self, k_squared, times, D):
            return super().symbol(k_squared + 0.01, times, D)

    class Creating(FreeDiffusion):
        def symbol(self, k_squared, times, D):
            return 1 / super().symbol(k_squared, times, D / 1e4)

    class Late(FreeDiffusion):
        def symbol(self, k_squared, times, D):
            return super().symbol(k_squared, np.add(times, 0.1), D)

    class Transposed(Binding):
        def symbol(self, k_squared, times, **rates):
            return super().symbol(k_squared, times, **rates).swapaxes(1, 2)

    class Growing(FreeDiffusion):
        is_closed = False

        def symbol(self, k_squared, times, D):
            return super().symbol(k_squared - 1e-4, times, D)

    class Doubled(FreeDiffusion):
        def start(self, D):
            return np.array([2.0])

    for kinetics, message in (
        (Flat(), r"must have the shape \(n_times, n_species, n_species"),
        (Leaking(), "must leave start as it is"),
        (Creating(), "must be at most 1"),
        (Late(), "must be the identity at the time 0"),
        (Doubled(), "whose sum is 1"),
        (Growing(), "must be at most 1"),
        (FreeDiffusion, "must be an instance of Kinetics"),
    ):
        with pytest.raises(AssertionError, match=message):
            check_kinetics(kinetics, D=3.0)
    for name in ("start", "symbol"):
        empty = type("Empty", (FreeDiffusion,), {name: getattr(Kinetics, name)})()
        with pytest.raises(AssertionError, match=f"Empty must define {name}"):
            check_kinetics(empty, D=3.0)
    with pytest.raises(AssertionError, match="must leave start as it is"):
        check_kinetics(Transposed(), D=3.0, k_on=0.7, k_off=0.4)
    with pytest.raises(AssertionError, match="declare is_semigroup = False"):
        check_kinetics(Forgetful(), D=3.0, spread_exponent=0.7)
    with pytest.raises(AssertionError, match=r"values must be given of \('D',\)"):
        check_kinetics(FreeDiffusion(), k_on=3.0)


@pytest.mark.slow
@every_kinetics
def test_curves_of_any_kinetics_are_means_of_their_images(kinetics, values):
    """One bleach frame, the local engine; stepping; and images: three ways that must agree."""
    protocol = ONE_FLASH.replace(bleach_region=OFF_CENTRE.bleach_region)
    model = model_of(kinetics)(protocol)
    depth = np.array([0.0, 0.4, 1.0])
    for blurs in ({}, {"bleach_blur": 0.9, "imaging_blur": 0.6}):
        moving, _ = model.shapes(depth, **values, **blurs)
        stepped = model_of(kinetics)(protocol)
        stepped._engine("local", blurs.get("bleach_blur", 0.0)).is_small = False
        by_frames, _ = stepped.shapes(depth, **values, **blurs)
        assert_allclose(moving, by_frames, rtol=0, atol=1e-12)
        images = model.images(**values, c0=1.0, alpha=1 - depth, **blurs)
        means = np.einsum("ntyx,yx->nt", images, protocol.roi_weights)
        assert_allclose(moving, means, rtol=0, atol=1e-12)


# Models made of kinetics


@pytest.mark.parametrize("protocol", [PROTOCOL, OFF_CENTRE], ids=["centred", "off centre"])
@pytest.mark.parametrize("light", OF_LIGHT, ids=str)
def test_free_diffusion_composed_is_the_diffusion_model(protocol, light):
    values = {"D": [0.3, 3.0, 30.0], "c0": 0.8, "alpha": [0.2, 0.5, 0.7], "mobile_fraction": 0.9}
    composed, own = FreeModel(protocol), DiffusionModel(protocol)
    assert_allclose(
        composed.curves(**values, **light), own.curves(**values, **light), rtol=0, atol=1e-12
    )
    images = [model.images(3.0, 0.8, 0.4, **light, padded=True) for model in (composed, own)]
    assert_allclose(*images, rtol=0, atol=1e-12)
    assert composed.bounds == own.bounds
    assert composed.defaults() == own.defaults()


@pytest.mark.parametrize("light", OF_LIGHT, ids=str)
def test_two_populations_are_a_mixture_of_two_diffusions(light):
    free, two = DiffusionModel(OFF_CENTRE), TwoPopulationsModel(OFF_CENTRE)
    shared = {"c0": 0.8, "alpha": 0.4, "mobile_fraction": 0.9, **light}
    fast, slow = (free.curves(D=D, **shared) for D in (20.0, 0.5))
    found = two.curves(D=20.0, second_D=0.5, second_fraction=0.3, **shared)
    assert_allclose(found, 0.7 * fast + 0.3 * slow, rtol=0, atol=1e-12)
    alike = two.curves(D=20.0, second_D=20.0, second_fraction=0.3, **shared)
    assert_allclose(alike, fast, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_of_two_populations_the_first_is_the_faster():
    """Curves do not tell which of both is called the second: an answer is one of two."""
    model = TwoPopulationsModel(ONE_FLASH)
    named = {"D": [8.0, 0.3], "second_D": [0.3, 8.0], "second_fraction": [0.3, 0.7]}
    X = model.curves(**named, c0=0.8, alpha=0.4)
    assert_allclose(X[0], X[1], rtol=0, atol=1e-12)
    estimator = LeastSquaresFRAP(ONE_FLASH, model="two_populations").fit(X)
    found = estimator.estimate(X)
    assert_allclose(found.D_um2_s, 8.0, rtol=1e-3)
    assert_allclose(found.second_D_um2_s, 0.3, rtol=1e-3)
    assert_allclose(found.values["second_fraction"], 0.3, atol=1e-3)
    assert_allclose(found.values["mean_D"], 0.7 * 8.0 + 0.3 * 0.3, rtol=1e-3)
    assert not found.has_finding("other_optimum").any()
    # Of two halves nobody can tell either.
    halves = model.curves(D=0.3, second_D=8.0, second_fraction=0.5, c0=0.8, alpha=0.4)
    equal = LeastSquaresFRAP(
        ONE_FLASH, model="two_populations", fixed={"second_fraction": 0.5}
    ).fit(halves)
    assert_allclose(equal.estimate(halves).D_um2_s, 8.0, rtol=1e-3)
    # What is given says which one is meant.
    slow = LeastSquaresFRAP(ONE_FLASH, model="two_populations", fixed={"D": 0.3}).fit(X)
    assert_allclose(slow.estimate(X).values["second_D"], 8.0, rtol=1e-3)
    # Of two boxes that have nothing in common only one naming is possible.
    bounds = {"D": (0.01, 1.0), "second_D": (1.0, 100.0)}
    boxed = LeastSquaresFRAP(ONE_FLASH, bounds, model="two_populations").fit(X)
    assert_allclose(boxed.estimate(X).values["second_D"], 8.0, rtol=1e-3)


def test_populations_that_are_drawn_are_named_as_fits_name_them():
    prior = {"D": loguniform(0.1, 10.0), "second_D": loguniform(0.1, 10.0)}
    drawn = FRAPSimulator(
        ONE_FLASH, prior, model="two_populations", noise="none", random_state=0
    ).sample(40)
    assert (drawn.parameters["D"] >= drawn.parameters["second_D"]).all()
    model = TwoPopulationsModel(ONE_FLASH)
    values = {name: drawn.parameters[name] for name in (*model.alike, "c0", "alpha")}
    assert_allclose(drawn.data, model.curves(**values), rtol=0, atol=1e-5)
    assert len({*drawn.parameters["second_fraction"]}) == 40
    known = FRAPSimulator(
        ONE_FLASH, {"D": 0.5, "second_D": 3.0}, model="two_populations", noise="none"
    ).sample(4)
    assert (known.parameters["D"] == 0.5).all()


@pytest.mark.slow
def test_one_population_is_not_told_to_be_two():
    truth = {"D": 3.0, "c0": 0.8, "alpha": 0.4, "a": 1e-4}
    X = FRAPSimulator(ONE_FLASH, truth, random_state=0).sample(4).data
    found = LeastSquaresFRAP(ONE_FLASH, model="two_populations").fit(X).estimate(X)
    assert found.poorly_determined.all()
    assert found.has_finding("simpler_model_fits").all()


def test_the_signature_comes_from_the_kinetics():
    model = BindingModel(PROTOCOL)
    named = model.curves(D=3.0, k_on=0.7, k_off=0.4, c0=0.8, alpha=0.5)
    assert np.array_equal(model.curves(3.0, 0.7, 0.4, 0.8, 0.5), named)
    assert [*model.defaults()][:6] == ["D", "k_on", "k_off", "c0", "alpha", "mobile_fraction"]
    assert AnomalousModel.defaults()["spread_exponent"] == 1.0
    assert "Rate of binding, 1/s." in BindingModel.curves.__doc__
    with pytest.raises(TypeError, match="'k_off'"):
        model.curves(3.0, 0.7, c0=0.8, alpha=0.5)
    with pytest.raises(TypeError, match="'speed'"):
        model.curves(3.0, 0.7, 0.4, 0.8, 0.5, speed=2.0)
    with pytest.raises(ValueError, match="k_on must be finite"):
        model.curves(3.0, -0.7, 0.4, 0.8, 0.5)


@pytest.mark.slow
def test_kinetics_of_a_user_are_known_by_name_everywhere(tmp_path):
    protocol = ONE_FLASH.replace(n_postbleach=60)
    truth = {
        "D": 20.0, "second_D": 0.5, "second_fraction": 0.4, "c0": 0.7, "alpha": 0.3, "a": 1e-5
    }  # fmt: skip
    simulator = FRAPSimulator(protocol, truth, model="two_populations", random_state=0)
    estimator = LeastSquaresFRAP(
        protocol, model="two_populations", fixed={"second_fraction": 0.4}
    ).fit(simulator.sample(2).data)
    assert estimator.target_names_ == ["log10_D", "log10_second_D", "c0", "alpha"]
    theta, std = estimator.predict(simulator.sample(2).data, return_std=True)
    expected = [np.log10(20.0), np.log10(0.5), 0.7, 0.3]
    assert (np.abs(theta - expected) < 4 * std).all()
    assert pickle.loads(pickle.dumps(estimator)).predict(simulator.sample(2).data) == (
        pytest.approx(theta)
    )
    series = ImageSeries(
        frames=simulator.sample_images(1).data[0], name="cell",
        info={"protocol": protocol.to_dict()},
        pixel_size_um=protocol.pixel_size,
        times_s=protocol.frame_interval * np.arange(protocol.n_frames),
    )  # fmt: skip
    options = ExperimentOptions(
        model="two_populations", fixed={"second_fraction": 0.4}, background="none"
    )
    found = analyse_series(series, options).estimates
    assert_allclose(found.second_D_um2_s, 0.5, rtol=0.02)


# Kinetics that are no semigroup


def test_kinetics_that_are_known_for_one_flash_are_refused_for_more():
    message = "n_bleach=3, and Anomalous.* no semigroup.*n_bleach=1"
    with pytest.raises(ValueError, match=message):
        AnomalousModel(PROTOCOL)
    with pytest.raises(ValueError, match=message):
        LeastSquaresFRAP(PROTOCOL, model="anomalous_example").fit(np.ones((1, PROTOCOL.n_frames)))
    with pytest.raises(ValueError, match=message):
        FRAPSimulator(PROTOCOL, model="anomalous_example")
    model = AnomalousModel(ONE_FLASH)
    given = {"D": 3.0, "c0": 0.8, "alpha": 0.5, "imaging_bleach": 0.99}
    for compute in (model.curves, model.images):
        with pytest.raises(ValueError, match=r"imaging_bleach must be 1 .*got 0.99"):
            compute(**given)
    with pytest.raises(ValueError, match="imaging_bleach must be 1"):
        model.shapes([0.5], 3.0, 1.0, imaging_bleach=0.99)
    X = model.curves([3.0, 4.0], 0.8, 0.5)
    for asked in (
        {"parameters": ("D", "c0", "alpha", "imaging_bleach")},
        {"fixed": {"imaging_bleach": 0.99}},
    ):
        estimator = LeastSquaresFRAP(ONE_FLASH, model="anomalous_example", **asked)
        with pytest.raises(ValueError, match="imaging_bleach must be 1"):
            estimator.fit(X).predict(X)


def test_of_one_flash_kinetics_with_memory_are_exact():
    model, free = AnomalousModel(ONE_FLASH), DiffusionModel(ONE_FLASH)
    assert_allclose(model.curves(3.0, 0.8, 0.4), free.curves(3.0, 0.8, 0.4), rtol=0, atol=1e-12)
    # At each time it is free diffusion with another D: that which spreads as far by then.
    exponent, times = 0.6, ONE_FLASH.times[ONE_FLASH.n_prebleach :]
    found = model.curves(3.0, 0.8, 0.4, spread_exponent=exponent)[0, ONE_FLASH.n_prebleach :]
    apparent = free.curves(3.0 * times ** (exponent - 1), 0.8, 0.4)[:, ONE_FLASH.n_prebleach :]
    assert_allclose(found, np.diag(apparent), rtol=0, atol=1e-12)
    X = model.curves(3.0, 0.8, 0.4, spread_exponent=[0.6, 0.9])
    estimator = LeastSquaresFRAP(
        ONE_FLASH, model="anomalous_example", parameters=("D", "spread_exponent", "c0", "alpha")
    ).fit(X)
    assert_allclose(
        estimator.predict(X)[:, :2], [[np.log10(3), 0.6], [np.log10(3), 0.9]], atol=1e-5
    )


# Mistakes


def test_kinetics_say_what_is_wrong_with_them():
    with pytest.raises(ValueError, match=r"'spede', which is not known; enter it with .*define"):
        type("K", (Kinetics,), {"parameters": ("D", "spede")})
    with pytest.raises(ValueError, match="must be a tuple of names, got 'D'"):
        type("K", (Kinetics,), {"parameters": "D"})
    with pytest.raises(
        ValueError, match="'alpha', of which curves are declared to be a polynomial"
    ):
        type("K", (Kinetics,), {"parameters": ("D", "alpha")})
    with pytest.raises(ValueError, match=r"defaults must be of the parameters \('D',\)"):
        type("K", (Kinetics,), {"parameters": ("D",), "defaults": {"k_on": 1.0}})
    with pytest.raises(ValueError, match=r"limits must be of the parameters \('D',\)"):
        type("K", (Kinetics,), {"parameters": ("D",), "limits": {"exponent": (0, 1)}})
    with pytest.raises(ValueError, match=r"Model.kinetics must be a Kinetics, got <class"):
        model_of(FreeDiffusion)
