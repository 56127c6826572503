"""What importing and using the package loads."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import skfrap

ROOT = Path(__file__).parents[1]

HEAVY = {"jax", "keras", "matplotlib", "pandas", "tensorflow", "tifffile", "torch"}


def modules_after(code):
    """Top-level and dotted names of the modules a fresh interpreter holds after `code`."""
    script = f"{code}\nimport sys\nprint('modules:', *sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(result.stdout.rpartition("modules:")[2].split())


def test_import_loads_nothing_heavy():
    modules = modules_after("import skfrap")
    assert "skfrap" in modules
    assert not modules & {*HEAVY, "scipy.stats", "sklearn"}


@pytest.mark.slow
def test_fitting_loads_nothing_heavy():
    # scikit-learn itself may load pandas where it is installed.
    by_sklearn = modules_after("import sklearn.base, sklearn.utils.validation")
    modules = modules_after(
        "import numpy, skfrap\n"
        "X = skfrap.FRAPSimulator(random_state=0).sample(3).data\n"
        "skfrap.LeastSquaresFRAP(skfrap.FRAPProtocol()).fit(X).estimate(X).summary()"
    )
    assert "skfrap.estimators" in modules
    assert not modules & (HEAVY - by_sklearn)
    assert not modules & {"keras", "jax", "matplotlib"}


@pytest.mark.parametrize("name", skfrap.__all__)
def test_public_names_resolve(name):
    assert getattr(skfrap, name).__name__ == name
    assert getattr(skfrap, name).__doc__
    assert name in dir(skfrap)


def test_the_issues_names_are_public():
    promised = {"Circle", "FRAPProtocol", "FRAPSimulator", "LeastSquaresFRAP", "Mask"}
    assert {*promised, "Polygon", "Rectangle"} <= {*skfrap.__all__}


def test_names_that_are_not_there():
    with pytest.raises(AttributeError, match="NoSuchThing"):
        _ = skfrap.NoSuchThing


def test_version_is_that_of_the_distribution():
    major, minor, *_ = skfrap.__version__.split(".")
    assert major.isdigit()
    assert minor.isdigit()


def test_conda_recipe_needs_what_the_package_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    recipe = (ROOT / ".ci" / "meta.yaml").read_text()
    asked = re.findall(r"^    - (\S+ >=\S+)$", recipe.partition("  run:")[2], re.M)
    needed = [need.replace(">=", " >=") for need in project["dependencies"]]
    assert asked == [f"python {project['requires-python']}", *needed]
    (script,) = project["scripts"].items()
    assert " = ".join(script) in recipe
    assert project["license"] in recipe


def test_readme_begins_with_a_command_that_runs_and_one_that_tests():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first, second, *_ = re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.S | re.M)
    assert first == "pip install '.[all]' && skfrap demo\n"
    assert second == "pip install '.[test]' && python -m pytest -n auto --dist worksteal\n"
