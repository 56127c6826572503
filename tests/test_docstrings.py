"""Docstrings of all public objects say what goes in, what comes out, and what is related."""

import dataclasses
import importlib
import inspect
import pkgutil

import pytest

import skfrap

pytest.importorskip("numpydoc", minversion="1.8")
from numpydoc.docscrape import get_doc_object  # of what is documented where
from numpydoc.validate import validate

# PR01 a parameter is not documented, PR02 one is that there is not, PR04 it has no type, PR07 no
# description; RT01 what is returned is not said; GL08 there is no docstring.
CODES = {"PR01", "PR02", "PR04", "PR07", "RT01", "GL08"}
SIBLINGS = [
    ["skfrap.LeastSquaresFRAP", "skfrap.BayesianFRAP", "skfrap.NeuralFRAP"],
    ["skfrap.Circle", "skfrap.Rectangle", "skfrap.Polygon", "skfrap.Mask"],
    ["skfrap.FRAPPipeline", "skfrap.make_frap_pipeline"],
    [
        "skfrap.preprocessing.IntensityRescaler",
        "skfrap.preprocessing.FadingCorrector",
        "skfrap.preprocessing.BackgroundSubtractor",
        "skfrap.preprocessing.FlatFieldCorrector",
    ],
    [
        "skfrap.models.DiffusionModel",
        "skfrap.models.SoumpasisModel",
        "skfrap.models.GaussianBeamModel",
        "skfrap.models.ExponentialModel",
        "skfrap.models.ReactionModel",
    ],
    [
        "skfrap.plotting.RecoveryCurveDisplay",
        "skfrap.plotting.ResidualsDisplay",
        "skfrap.plotting.ProfileDisplay",
        "skfrap.plotting.PosteriorDisplay",
    ],
    ["skfrap.plotting.CoverageDisplay", "skfrap.plotting.EstimatedVersusTrueDisplay"],
    ["skfrap.persistence.save", "skfrap.persistence.load"],
    ["skfrap.replicates.compare_groups", "skfrap.replicates.compare_methods"],
    ["skfrap.scaling.scaled_protocol", "skfrap.scaling.scale_between"],
]


def public_modules():
    yield skfrap
    for module in pkgutil.walk_packages(skfrap.__path__, "skfrap."):
        private = any(part.startswith("_") for part in module.name.split(".")[1:])
        if not private and not module.name.startswith("skfrap.cli"):
            yield importlib.import_module(module.name)


def public_objects():
    """Return classes and functions by name, each once, where it is at home."""
    found = {}
    for module in public_modules():
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                home = ".".join([*value.__module__.split(".")[:2], name])
                is_public = hasattr(importlib.import_module(home.rpartition(".")[0]), name)
                found[home if is_public else f"{module.__name__}.{name}"] = value
    return found


OBJECTS = public_objects()


def members_of(name, value):
    """Return the names of what a class has from this package, each where it is first documented."""
    if not inspect.isclass(value):
        return []
    homes = {}
    for base in value.__mro__[::-1]:
        own = {attribute: vars(base)[attribute] for attribute in vars(base)}
        for attribute, member in own.items():
            a_method = inspect.isfunction(member) or isinstance(member, (classmethod, property))
            if base.__module__.startswith("skfrap.") and not attribute.startswith("_") and a_method:
                # What a subclass only says anew is described where it comes from.
                homes.setdefault(attribute, base)
    return [
        f"{base.__module__}.{base.__qualname__}.{attribute}" for attribute, base in homes.items()
    ]


def defects(name, value=None):
    found = [(code, words) for code, words in validate(name)["errors"] if code in CODES]
    if dataclasses.is_dataclass(value):  # results: their fields are what users read
        entries = get_doc_object(value)["Attributes"]
        attributes = {name.strip() for entry in entries for name in entry.name.split(",")}
        fields = {field.name for field in dataclasses.fields(value)}
        if fields <= attributes:
            found = [(code, words) for code, words in found if code != "PR01"]
    if getattr(value, "_is_protocol", False):  # nobody makes one
        found = [(code, words) for code, words in found if code != "PR01"]
    return [f"{name}: {code} {words}" for code, words in found]


def test_there_are_many_public_objects():
    assert len(OBJECTS) > 100


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_a_docstring_is_complete(name):
    value = OBJECTS[name]
    found = defects(name, value)
    for member in members_of(name, value):
        found += defects(member)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("siblings", SIBLINGS, ids=lambda names: names[0])
def test_siblings_point_to_each_other(siblings):
    names = [name.rpartition(".")[2] for name in siblings]
    for name in siblings:
        module, _, own = name.rpartition(".")
        documentation = get_doc_object(getattr(importlib.import_module(module), own))
        mentioned = {entry for group, _ in documentation["See Also"] for entry, _ in group}
        assert {*names} - {own} <= mentioned, name
