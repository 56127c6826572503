"""What any model of curves must keep to: those that come along, and those of users."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.analysis import ExperimentOptions, analyse_series
from skfrap.cli import _work
from skfrap.io import ImageSeries
from skfrap.models import (
    MODELS,
    ComposedModel,
    CurveModel,
    ExactModel,
    broadcast_parameters,
    check_model,
    model_for,
)
from skfrap.models.kinetics import FreeDiffusion
from skfrap.parameters import PARAMETERS, Parameter, define

PROTOCOL = FRAPProtocol(
    shape=(40, 44), pixel_size=0.8, bleach_region=Circle(5.0), n_prebleach=4, n_bleach=1,
    n_postbleach=60, frame_interval=0.3, padding=16,
)  # fmt: skip
define(Parameter("pause", "s", "linear", 0.0, np.inf, "time that passes before all recovers"))
define(Parameter("brightness", "", "linear", 0.0, np.inf, "factor", dependence="factor"))


class PowerLaw(CurveModel, name="power_law_example"):
    """The example of the documentation."""

    def curves(self, half_time, c0, alpha):
        values = broadcast_parameters(half_time=half_time, c0=c0, alpha=alpha)
        half_time, c0, alpha = (value[:, None] for value in values.values())
        left = half_time / (half_time + self.postbleach_times)
        return c0 * self.after_prebleach(1 - (1 - alpha) * left)

    @property
    def bounds(self):
        return {"half_time": (0.1, 100.0)}


class TwoShapes(CurveModel, name="two_shapes_example"):
    """Two parameters that shape the curve, and no alpha."""

    def curves(self, half_time, half_time_ratio, c0):
        values = broadcast_parameters(half_time=half_time, half_time_ratio=half_time_ratio, c0=c0)
        half_time, ratio, c0 = (value[:, None] for value in values.values())
        halvings = self.postbleach_times / half_time
        return c0 * self.after_prebleach(1 - 0.3 * (2**-halvings + 2 ** (-halvings / ratio)))

    @property
    def bounds(self):
        return {"half_time": (0.1, 5.0), "half_time_ratio": (1.5, 50.0)}


class Normalised(CurveModel, name="normalised_example"):
    """Nothing that curves are proportional to: they are divided by the prebleach frames."""

    def curves(self, half_time, alpha):
        values = broadcast_parameters(half_time=half_time, alpha=alpha)
        half_time, alpha = (value[:, None] for value in values.values())
        left = 2 ** (-self.postbleach_times / half_time)
        return self.after_prebleach(1 - (1 - alpha) * left)

    @property
    def bounds(self):
        return {"half_time": (0.1, 100.0)}


class OnlyShape(CurveModel, name="only_shape_example"):
    """One parameter, which shapes the curve, and nothing else."""

    def curves(self, half_time):
        half_time = broadcast_parameters(half_time=half_time)["half_time"][:, None]
        return self.after_prebleach(1 - 0.5 * 2 ** (-self.postbleach_times / half_time))

    @property
    def bounds(self):
        return {"half_time": (0.1, 100.0)}


class Pausing(CurveModel, name="pausing_example"):
    """A time that is estimated on a linear scale, and a factor that is not c0."""

    def curves(self, pause, brightness, alpha, mobile_fraction=1.0):
        values = broadcast_parameters(
            pause=pause, brightness=brightness, alpha=alpha, mobile_fraction=mobile_fraction
        )
        pause, brightness, alpha, mobile = (value[:, None] for value in values.values())
        back = mobile * (1 - np.exp(-self.postbleach_times / (1 + pause)))
        return brightness * self.after_prebleach(1 - (1 - alpha) * (1 - back))

    @property
    def bounds(self):
        return {"pause": (0.0, 40.0)}


class Composed(ComposedModel, name="composed_example"):
    kinetics = FreeDiffusion()


EXAMPLE_MODELS = [PowerLaw, TwoShapes, Normalised, OnlyShape, Pausing, Composed]
for _model in EXAMPLE_MODELS:
    del MODELS[_model.name]  # other modules' tests know them not
OWN = [name for name, model in MODELS.items() if model.__module__.startswith("skfrap.models.")]
NAMES = [*OWN, *(model.name for model in EXAMPLE_MODELS)]
# What a parameter is tried at: somewhere within its bounds, where a curve determines it.
TRIED = {"c0": 0.8, "brightness": 0.8, "alpha": 0.4, "mobile_fraction": 0.85, "D": 3.0,
         "imaging_bleach": 0.995, "bleach_blur": 0.9, "imaging_blur": 0.6, "half_time": 1.5,
         "half_time_ratio": 8.0, "second_fraction": 0.4, "second_D": 0.2, "exchange_rate": 0.2,
         "D_at_1s": 3.0, "exponent": 0.7, "velocity_x": 0.8,
         "k_on": 0.3, "k_off": 0.3,
         "pause": 4.0}  # fmt: skip
# Reaction: its k_on and alpha tell the same unless one is known.
KNOWN = {"reaction": {"alpha": TRIED["alpha"]}, "binding": {"D": TRIED["D"]}}
every_model = pytest.mark.parametrize("name", NAMES)


def tried(model, n=1, *, rng=None):
    """Return values of all that has no default: the same ones, or some near them."""
    spread = np.ones(n) if rng is None else rng.uniform(0.9, 1.1, n)
    return {
        name: TRIED[name] * spread for name, default in model.defaults().items() if default is None
    }


@every_model
def test_models_keep_to_their_contract(name):
    model = model_for(PROTOCOL, name)
    check_model(model, **{n: TRIED[n] for n in tried(model)})
    assert model.name == name
    assert MODELS[name].defaults() == model.defaults()
    assert model.simpler is None or model.simpler in MODELS
    derived = model.derived(
        {n: np.full(3, TRIED[n] if d is None else d) for n, d in model.defaults().items()}
    )
    assert {*derived} <= {*PARAMETERS}
    assert all(np.shape(value) == (3,) for value in derived.values())


def rejects(PowerLawLike, message, **values):
    with pytest.raises(AssertionError, match=message):
        check_model(PowerLawLike(PROTOCOL), **{"half_time": 1.5, "c0": 0.8, "alpha": 0.4} | values)


def test_the_contract_sees_what_is_wrong_with_a_model():
    class Flat(PowerLaw):
        def curves(self, half_time, c0, alpha):
            return super().curves(half_time, c0, alpha)[0]

    class Squared(PowerLaw):
        def curves(self, half_time, c0, alpha):
            return super().curves(half_time, c0, alpha) ** 2

    class Trusting(PowerLaw):
        def curves(self, half_time, c0, alpha):
            given = np.broadcast_arrays(np.atleast_1d(half_time), c0, alpha)
            return super().curves(*np.clip(np.nan_to_num(given), 0.0, 1.0))

    class Deaf(PowerLaw):
        def curves(self, half_time, c0, alpha):
            sensible = np.isfinite(alpha) & np.greater_equal(alpha, 0)
            return super().curves(half_time, c0, np.where(sensible, 0.5, alpha))

    class Rough(PowerLaw):
        def curves(self, half_time, c0, alpha):
            return super().curves(np.round(half_time, 4), c0, alpha)

    class Shared(PowerLaw):
        def curves(self, half_time, c0, alpha):
            return super().curves(np.mean(half_time) + 0 * np.asarray(half_time), c0, alpha)

    class Reversed(PowerLaw):
        bounds = {"half_time": (10.0, 1.0)}  # noqa: RUF012

    class Unbounded(PowerLaw):
        bounds = {}  # noqa: RUF012

    class Misspelt(PowerLaw):
        bounds = {"halftime": (1.0, 10.0)}  # noqa: RUF012

    class New(PowerLaw):
        def curves(self, half_time, c0, alpha, never_defined=1.0):
            return super().curves(half_time, c0, alpha)

    check_model(PowerLaw(PROTOCOL), half_time=1.5, c0=0.8, alpha=0.4)
    rejects(Flat, r"of the shape \(3, 64\)")
    rejects(Squared, "must be proportional to c0")
    rejects(Trusting, "must refuse half_time=nan by a ValueError")
    rejects(Deaf, "must depend on alpha")
    rejects(Rough, "must be smooth in half_time")
    rejects(Shared, "must not depend on those that are computed with it")
    rejects(Reversed, "bounds of half_time must increase")
    rejects(Unbounded, "a fit could not start: bounds.'half_time'. must be positive and finite")
    rejects(Misspelt, "bounds can be of the arguments of curves only, not of {'halftime'}")
    rejects(New, r"entered by define: \['never_defined'\]")
    rejects(PowerLaw, "values must be given of", D=1.0)


@pytest.mark.slow
@every_model
def test_fits_of_curves_without_noise_give_their_parameters_back(name):
    model = model_for(PROTOCOL, name)
    known = KNOWN.get(name, {})
    given = tried(model, 6, rng=np.random.default_rng(1)) | known
    X = model.curves(**given)
    estimator = LeastSquaresFRAP(PROTOCOL, model=name, fixed=known).fit(X)
    free = [n for n in given if n not in known]
    assert estimator.target_names_ == [PARAMETERS[n].target_name for n in free]
    expected = np.column_stack([PARAMETERS[n].to_target(given[n]) for n in free])
    assert_allclose(estimator.predict(X), expected, rtol=0, atol=3e-4)
    assert_allclose(estimator.fit_curves(X), X, rtol=0, atol=1e-6)


@every_model
@pytest.mark.parametrize("noise", ["constant", "proportional"])
@pytest.mark.slow
def test_simulated_curves_are_estimated_within_their_errors(name, noise):
    known = KNOWN.get(name, {})
    model = model_for(PROTOCOL, name)
    prior = {n: TRIED[n] for n in tried(model)} | {"a": 1e-4, "b": 1e-4}
    simulator = FRAPSimulator(PROTOCOL, prior, model=name, noise=noise, random_state=0)
    drawn = simulator.sample(40)
    assert drawn.target_names == [PARAMETERS[n].target_name for n in tried(model)]
    assert_allclose(drawn.sample_weight, 1.0)
    estimator = LeastSquaresFRAP(PROTOCOL, model=name, fixed=known, noise=noise).fit(drawn.data)
    columns = [drawn.target_names.index(target) for target in estimator.target_names_]
    truth = drawn.target[:, columns]
    theta, std = estimator.predict(drawn.data, return_std=True)
    interval = estimator.predict_interval(drawn.data, 0.95)
    assert interval.shape == (40, len(columns), 2)
    covered = (interval[:, :, 0] <= truth) & (truth <= interval[:, :, 1])
    # Of 40 intervals of 95 %, fewer than 32 cover the truth once in 10,000 times.
    assert (covered.sum(axis=0) >= 32).all(), covered.sum(axis=0)
    scaled = (theta - truth) / std
    assert (np.abs(np.median(scaled, axis=0)) < 1.0).all()
    estimates = estimator.estimate(drawn.data)
    assert {*estimates.values} >= {*tried(model)}
    assert len(estimates.summary()) == 40


def test_what_nobody_says_how_it_is_distributed_is_asked_for():
    message = r"prior must say how 'brightness' .* 0 to inf, leave it open. Give prior={'brightness"
    with pytest.raises(ValueError, match=message):
        FRAPSimulator(PROTOCOL, model="pausing_example")
    simulator = FRAPSimulator(PROTOCOL, {"brightness": 0.7}, model="pausing_example")
    assert simulator.target_names == ["pause", "brightness", "alpha"]
    assert (simulator.sample(2).parameters["brightness"] == 0.7).all()


@every_model
@pytest.mark.slow
def test_noise_alone_gives_no_number(name):
    """Where nothing was bleached, no rate is estimated: not on a linear scale either."""
    model = model_for(PROTOCOL, name)
    if "alpha" not in model.defaults():
        return
    given = tried(model) | {"alpha": 1.0}
    rng = np.random.default_rng(2)
    X = np.repeat(model.curves(**given), 8, axis=0) + rng.normal(0, 0.01, (8, PROTOCOL.n_frames))
    known = {n: value for n, value in KNOWN.get(name, {}).items() if n != "alpha"}
    estimates = LeastSquaresFRAP(PROTOCOL, model=name, fixed=known).fit(X).estimate(X)
    rates = [n for n in given if PARAMETERS[n].is_rate and n not in known]
    told = np.isfinite([estimates.values[n] for n in rates]).any(axis=0)
    assert told.mean() < 0.3
    assert estimates.poorly_determined[~told].all()


@pytest.mark.parametrize("model", EXAMPLE_MODELS, ids=lambda model: model.name)
def test_series_are_analysed_and_told_with_models_of_users(model):
    """Whatever parameters a model has: the lines of a result show those and no others."""
    frames = (
        FRAPSimulator(PROTOCOL, {"D": 3.0, "c0": 1.0, "alpha": 0.5, "a": 1e-4}, random_state=0)
        .sample_images(1)
        .data[0]
    )
    series = ImageSeries(
        frames=frames, name="cell", pixel_size_um=PROTOCOL.pixel_size,
        times_s=PROTOCOL.frame_interval * np.arange(PROTOCOL.n_frames),
        info={"protocol": PROTOCOL.to_dict()},
    )  # fmt: skip
    options = ExperimentOptions(model=model.name, background="none")
    analysis = analyse_series(series, options)
    record = analysis.to_record()
    names = model.defaults()
    assert ("alpha" in record) == ("alpha" in names)
    told = "\n".join(_work._lines(analysis, "cell.tif"))
    assert f"model {model.name}" in told
    assert ("c0 = " in told) == ("c0" in names)
    assert ("alpha = " in told) == ("alpha" in names)


def test_every_exact_model_is_tried_with_what_they_share():
    shared = {"mobile_fraction", "imaging_bleach", "bleach_blur", "imaging_blur"}
    for name in NAMES:
        model = model_for(PROTOCOL, name)
        if not isinstance(model, ExactModel):
            continue
        assert shared <= {*model.defaults()}
        light = {n: TRIED[n] for n in shared}
        if isinstance(model, ComposedModel) and not model.kinetics.is_semigroup:
            light["imaging_bleach"] = 1.0  # what they say of more is tested with them
        given = tried(model) | light
        images = model.images(**given)
        assert images.shape == (1, PROTOCOL.n_frames, *PROTOCOL.shape)
        means = np.einsum("ntyx,yx->nt", images, PROTOCOL.roi_weights)
        assert_allclose(model.curves(**given), means, rtol=0, atol=1e-9)
        point = {n: TRIED[n] for n in given if PARAMETERS[n].is_shaping} | {
            n: value for n, value in light.items() if PARAMETERS[n].is_shaping
        }
        moving, still = model.shapes(np.array([0.6]), **point)
        mixed = TRIED["c0"] * (0.85 * moving + 0.15 * still)
        assert_allclose(model.curves(**given), mixed, rtol=0, atol=1e-12)
