"""Models by their names: no name means two, and packages bring models by entry points."""

import sys
from importlib.metadata import EntryPoint

import click
import pytest

from skfrap import Circle, FRAPProtocol, LeastSquaresFRAP, _installed
from skfrap.analysis import ExperimentOptions
from skfrap.cli import _names
from skfrap.cli._simulate import simulate
from skfrap.cli._types import ModelName
from skfrap.comparison import compare_models, options_for
from skfrap.models import MODELS, ComposedModel, CurveModel, check_model, model_for
from skfrap.models._named import model_named, model_names
from skfrap.models.kinetics import FreeDiffusion, Turnover
from skfrap.parameters import PARAMETERS, Parameter, parameter
from skfrap.persistence._classes import _CLASSES
from skfrap.report import _methods

PROTOCOL = FRAPProtocol(
    shape=(32, 32), pixel_size=1.0, bleach_region=Circle(5.0), n_prebleach=2, n_bleach=1,
    n_postbleach=20, frame_interval=0.5, padding=16,
)  # fmt: skip
PACKAGE = """
import numpy as np
from skfrap.models import ComposedModel, DiffusionModel, Kinetics
from skfrap.models.kinetics import FreeDiffusion
from skfrap.parameters import Parameter, define

define(Parameter("test_waiting_time", "s", "log10", 0.0, np.inf, "mean time between two hops"))


class Hopping(Kinetics):
    parameters = "D", "test_waiting_time"
    simpler = "diffusion"

    def start(self, D, test_waiting_time):
        return np.ones(1)

    def symbol(self, k_squared, times, D, test_waiting_time):
        times = np.reshape(times, (-1,) + (1,) * np.ndim(k_squared))
        rate = D * k_squared / (1 + D * k_squared * test_waiting_time)
        return np.exp(-rate * times)[:, np.newaxis, np.newaxis]

    def bounds(self, protocol):
        last = protocol.times[-1]
        return FreeDiffusion().bounds(protocol) | {"test_waiting_time": (1e-3 * last, last)}


class HoppingModel(ComposedModel, name="test_hopping"):
    kinetics = Hopping()
"""


@pytest.fixture
def known():
    """Forget afterwards what a test defines."""
    before = [(table, dict(table)) for table in (MODELS, PARAMETERS)]
    yield
    for table, entries in before:
        table.clear()
        table.update(entries)


@pytest.fixture
def bring(known, monkeypatch, tmp_path):
    """Have an installed package bring models: by their names, where they are."""
    (tmp_path / "test_frap_hops.py").write_text(PACKAGE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    def by_entry_points(*places):
        group = _installed.MODELS
        entries = tuple(EntryPoint(name, value, group) for name, value in places)
        monkeypatch.setattr(_installed, "installed", lambda asked: entries * (asked == group))

    yield by_entry_points
    sys.modules.pop("test_frap_hops", None)


@pytest.mark.parametrize("name", [*_names.MODELS])
def test_a_model_that_comes_along_has_its_places(name):
    kind = MODELS[name]
    assert _CLASSES[kind.__name__] == kind.__module__
    assert name in _methods._MODELS
    if name in _names.SIMULATED:
        options = {one.name for one in simulate.params} | {"D_at_1s"}  # which --D is of
        assert {*kind.defaults()} <= options


def test_a_name_that_is_taken_is_refused(known):
    own = MODELS["diffusion"]
    with pytest.raises(ValueError, match=r"'diffusion' already, skfrap\.models\._diffusion\."):

        class DiffusionModel(ComposedModel, name="diffusion"):
            kinetics = FreeDiffusion()

    assert MODELS["diffusion"] is own


def test_the_same_class_may_be_defined_again(known):
    made = []
    for kinetics_of_it in (FreeDiffusion(), Turnover()):

        class Again(ComposedModel, name="defined_again"):
            kinetics = kinetics_of_it

        made.append(Again)
    assert MODELS["defined_again"] is made[1]
    assert model_for(PROTOCOL, "defined_again").kinetics is made[1].kinetics


@pytest.mark.parametrize("name", ["diffusion+hopping", "two words", "", 3])
def test_names_are_identifiers(known, name):
    with pytest.raises(ValueError, match=r"the name of Odd must be .*got " + repr(name)[:4]):

        class Odd(ComposedModel, name=name):
            kinetics = FreeDiffusion()


def test_the_check_asks_for_curves_and_for_a_nested_model_that_there_is(known):
    class Empty(CurveModel):
        pass

    class Nested(MODELS["diffusion"]):
        simpler = "difusion"

    with pytest.raises(AssertionError, match="Empty must define curves"):
        check_model(Empty(PROTOCOL))
    with pytest.raises(AssertionError, match="there is no model 'difusion'"):
        check_model(Nested(PROTOCOL), D=3.0, c0=0.8, alpha=0.3)


def test_an_argument_of_curves_that_is_no_parameter_is_named(known):
    class Unknown(CurveModel):
        def curves(self, c0, test_unknown):
            raise NotImplementedError

    with pytest.raises(ValueError, match=r"unknown parameter 'test_unknown'.*define, in the mod"):
        LeastSquaresFRAP(PROTOCOL, model=Unknown).fit([[1.0] * PROTOCOL.n_frames])


@pytest.mark.parametrize(
    ("name", "scale", "lowest", "highest", "words"),
    [
        ("two words", "linear", 0.0, 1.0, "letters, digits and underscores, got 'two words'"),
        ("lambda", "linear", 0.0, 1.0, "got 'lambda'"),
        ("rate", "linear", 2.0, 1.0, "lowest must be below highest, for 'rate' got 2.0 and 1.0"),
        ("rate", "log10", -1.0, 1.0, "below highest, and not negative, for 'rate'"),
    ],
)
def test_parameters_have_names_of_arguments_and_ranges(name, scale, lowest, highest, words):
    with pytest.raises(ValueError, match=words):
        Parameter(name, "1/s", scale, lowest, highest, "of something")


def test_a_model_of_a_package_is_imported_when_it_is_named(bring):
    bring(("test_hopping", "test_frap_hops:HoppingModel"))
    assert model_names()[-1] == "test_hopping"
    assert "test_hopping" not in MODELS
    _names.check_candidate("test_hopping")
    assert "test_hopping" not in MODELS  # the command line needs the name alone
    assert ModelName().convert("test_hopping", None, None) == "test_hopping"
    with pytest.raises(click.BadParameter, match=r"'hopping' is not one of 'diff.*'test_hopping'"):
        ModelName().convert("hopping", None, None)

    truth = {"D": 5.0, "c0": 0.8, "alpha": 0.3}
    model = model_for(PROTOCOL, "test_hopping")
    assert MODELS["test_hopping"] is type(model)
    X = model.curves(**truth, test_waiting_time=1.0)
    found = LeastSquaresFRAP(PROTOCOL, model="test_hopping", interpolate=False).fit(X)
    waiting_time = found.estimate(X).values["test_waiting_time"]
    assert waiting_time.tolist() == pytest.approx([1.0], rel=1e-3)


def test_options_and_candidates_know_models_of_packages(bring):
    bring(("test_hopping", "test_frap_hops:HoppingModel"))
    options = options_for("test_hopping+mobile_fraction")
    names = ("D", "test_waiting_time", "c0", "alpha", "mobile_fraction")
    assert options == {"model": "test_hopping", "parameters": names}
    _names.check_names("--free", ["imaging_blur"], "test_hopping")
    with pytest.raises(ValueError, match=r"'test_hopping', D, test_waiting_time,.*got 'k_on'"):
        _names.check_names("--free", ["k_on"], "test_hopping")
    assert ExperimentOptions(model="test_hopping", free=("imaging_blur",)).free == ("imaging_blur",)
    with pytest.raises(ValueError, match=r"models .*test_hopping; got 'hopping'"):
        compare_models([[1.0] * PROTOCOL.n_frames], ["hopping"], PROTOCOL)
    assert parameter("test_waiting_time").unit == "s"


def test_what_packages_bring_is_refused_in_words(bring):
    bring(
        ("diffusion", "no_such_module:Other"),
        ("broken", "no_such_module:Model"),
        ("test_jumping", "test_frap_hops:HoppingModel"),
        ("twice", "test_frap_hops:HoppingModel"),
        ("twice", "other:HoppingModel"),
    )
    assert model_named("diffusion") is MODELS["diffusion"]  # what comes along stays what it is
    with pytest.raises(ImportError, match=r"the model 'broken' needs no_such_module:Model, which"):
        model_named("broken")
    with pytest.raises(ImportError, match="defines no model of the name 'test_jumping'"):
        model_named("test_jumping")
    with pytest.raises(ImportError, match=r"'twice', other:.* and test_frap_hops:HoppingModel;"):
        model_named("twice")
