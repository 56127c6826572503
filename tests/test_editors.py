"""What editors and type checkers see, which run nothing: completions, signatures, mistakes."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import skfrap
import skfrap.estimators

STUBS = {"skfrap": skfrap, "skfrap.estimators": skfrap.estimators}
SUBMODULES = sorted(skfrap._SUBMODULES)

PROGRAM = """\
import numpy as np
from sklearn.model_selection import GridSearchCV

import skfrap
from skfrap import BayesianFRAP, Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP
from skfrap import make_frap_pipeline
from skfrap.analysis import analyse_series
from skfrap.plotting import RecoveryCurveDisplay
from skfrap.preprocessing import BackgroundSubtractor

protocol = FRAPProtocol(shape=(64, 64), pixel_size=1.0, bleach_region=Circle(8.0), n_postbleach=20)
simulator = FRAPSimulator(protocol, {"D": 5.0, "a": 1e-4}, random_state=0)
curves = simulator.sample(10).data
estimator = LeastSquaresFRAP(protocol, {"D": (0.1, 100.0)}, loss="huber").fit(curves)
estimates = estimator.estimate(curves, level=0.9)
print(estimates.D_um2_s.round(1), estimates.to_frame(), estimator.target_names_[0].upper())
theta, std = estimator.predict(curves, return_std=True)
print(estimator.predict(curves).shape, std.max(), np.mean(theta))
print(protocol.times[0], protocol.replace(padding=32))
network = NeuralFRAP(protocol, features="raw", max_iter=1).fit(curves, theta)
print(network.predict(curves, protocol=protocol).mean(), network.loss_curve_[-1])
posterior = BayesianFRAP(protocol).fit(curves).sample_posterior(curves, 10, random_state=0)
rows = [analyse_series(path).to_record() for path in skfrap.io.find_series("cells")]
print(posterior[0].T, rows[0]["D_um2_s"], skfrap.io.read_series(["a.tif", "b.tif"]).frames.shape)
stacks = simulator.sample_images(2).data
pipeline = make_frap_pipeline(protocol, corrections=[BackgroundSubtractor(sigma=4.0)]).fit(stacks)
search = GridSearchCV(pipeline, {"protocol__frame_interval": [0.2, 0.265]}, cv=2)
print(pipeline.estimate(stacks).summary(), skfrap.metrics.weighted_mean_squared_error)
RecoveryCurveDisplay.from_estimator(estimator, curves, index=1).plot(title="one")
"""

# Each line has one mistake. scikit-learn has no types of its own: mypy takes anything for granted
# of a class that derives from its classes, pyright reads them.
_IMPORTS = """\
import skfrap
from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP
from skfrap import make_frap_pipeline
from skfrap.analysis import analyse_series
from skfrap.io import read_series
from skfrap.preprocessing import BackgroundSubtractor
"""
MISTAKES = {
    "FRAPProtocol(frame_intervall=0.5)": True,
    'FRAPProtocol(frame_interval="fast")': True,
    'Circle("wide")': True,
    "print(FRAPProtocol().n_frame)": True,
    "FRAPProtocol().replace(0.5)": True,
    'FRAPSimulator().sample("ten")': True,
    'LeastSquaresFRAP(los="huber")': True,
    'LeastSquaresFRAP(loss="hubert")': True,
    "LeastSquaresFRAP().predict([[1.0]], return_std=True).shape": True,
    "LeastSquaresFRAP().predict([[1.0]]).append(1.0)": True,
    "NeuralFRAP().predict([[1.0]], return_std=True).shape": True,
    'NeuralFRAP(features="rough")': True,
    'NeuralFRAP().fit([[1.0]], [1.0], max_time="long")': True,
    "read_series(1.5)": True,
    'analyse_series("cell.tif", level=0.9)': True,
    'print(analyse_series("cell.tif").estimate)': True,
    "LeastSquaresFRAP().predict_intervals([[1.0]])": False,
    "LeastSquaresFRAP().estimate([[1.0]], levl=0.9)": True,
    "make_frap_pipeline(correction=[])": True,
    'make_frap_pipeline(protocol="paper")': True,
    "make_frap_pipeline().estimat([])": False,
    "BackgroundSubtractor(sigmas=1.0)": True,
    'BackgroundSubtractor(sigma="wide")': True,
    "print(skfrap.LeastSquareFRAP)": True,
    "from skfrap import NeuralFrap": True,
}


# The package itself


def names_in_stub(module):
    """Return the names that a stub imports, and where from."""
    path = Path(module.__file__).with_suffix(".pyi")
    imports = [
        node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)
    ]
    return {alias.asname: (node.module, alias.name) for node in imports for alias in node.names}


@pytest.mark.parametrize("module", STUBS.values(), ids=STUBS)
def test_the_stub_says_what_is_looked_up(module):
    stub = names_in_stub(module)
    assert {*stub} == {*module.__all__, *(SUBMODULES if module is skfrap else ())}
    for name, (home, original) in stub.items():
        if name in SUBMODULES:
            assert (home, original) == ("skfrap", name)
        else:
            assert getattr(importlib.import_module(home), original) is getattr(module, name)


def test_the_package_says_that_it_has_types():
    assert (Path(skfrap.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("module", STUBS.values(), ids=STUBS)
def test_dir_is_of_public_names(module):
    others = [*SUBMODULES, "__version__"] if module is skfrap else []
    assert dir(module) == sorted([*module.__all__, *others])


@pytest.mark.slow
def test_submodules_are_there_when_they_are_asked_for():
    code = f"import skfrap\nfor name in {SUBMODULES}: assert getattr(skfrap, name).__name__"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import skfrap, sys\nprint(*(name for name in sys.modules if name.startswith('skfrap')))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert {*run.stdout.split()} == {"skfrap", "skfrap._pickles"}


def test_every_public_submodule_is_one():
    pages = (Path(__file__).parents[1] / "docs" / "api" / "index.md").read_text(encoding="utf-8")
    modules = [line.split()[-1] for line in pages.splitlines() if ":: skfrap." in line]
    described = {module.split(".")[1] for module in modules if "currentmodule" not in module}
    assert described - {"priors"} <= {*SUBMODULES}  # another name, of version 0.1


# jedi, which completes in Jupyter and many editors


def completions(source):
    jedi = pytest.importorskip("jedi")
    lines = source.split("\n")
    found = jedi.Script(source).complete(len(lines), len(lines[-1]))
    return {one.name for one in found}


@pytest.mark.parametrize("source", ["import skfrap\nskfrap.", "from skfrap import "])
def test_all_public_names_are_offered_and_nothing_foreign(source):
    offered = {name for name in completions(source) if not name.startswith("_")}
    assert {*skfrap.__all__, *SUBMODULES} <= offered
    assert all(find_spec(f"skfrap.{name}") for name in offered - {*skfrap.__all__})


@pytest.mark.parametrize("name", ["LeastSquaresFRAP", "FRAPProtocol", "FRAPPipeline"])
@pytest.mark.slow
def test_all_members_are_offered(name):
    arguments = "[]" if name == "FRAPPipeline" else ""
    offered = completions(f"from skfrap import {name}\n{name}({arguments}).")
    assert {
        member for member in dir(getattr(skfrap, name)) if not member.startswith("_")
    } <= offered


@pytest.mark.parametrize("name", ["BayesianFRAP", "LeastSquaresFRAP", "NeuralFRAP"])
@pytest.mark.slow
def test_results_are_known_by_what_gives_them(name):
    fitted = f"from skfrap import {name}\n{name}().fit([], [])"
    assert {"to_frame", "summary", "findings", "usable"} <= completions(f"{fitted}.estimate([]).")
    assert {"shape", "mean"} <= completions(f"{fitted}.predict([]).")
    assert {"shape", "mean"} <= completions(f"{fitted}.predict_interval([]).")


@pytest.mark.parametrize("name", skfrap.__all__)
@pytest.mark.slow
def test_arguments_are_offered(name):
    jedi = pytest.importorskip("jedi")
    line = f"skfrap.{name}("
    (signature, *_) = jedi.Script(f"import skfrap\n{line}").get_signatures(2, len(line))
    code = getattr(skfrap, name).__init__ if isinstance(getattr(skfrap, name), type) else None
    code = (code or getattr(skfrap, name)).__code__
    expected = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    assert [one.name for one in signature.params] == [one for one in expected if one != "self"]


# Type checkers


def public_functions(value):
    """Return the functions of a public object, by name: itself, or what it lets a user call."""
    if not inspect.isclass(value):
        return {value.__name__: value}
    found = {"__init__": value.__init__}
    for name in dir(value):
        member = inspect.getattr_static(value, name)
        member = getattr(member, "__func__", getattr(member, "fget", member))
        if not name.startswith("_") and inspect.isfunction(member):
            found[name] = member
    ours = {name: one for name, one in found.items() if inspect.isfunction(one)}
    return {name: one for name, one in ours.items() if one.__module__.startswith("skfrap.")}


@pytest.mark.parametrize("module", ["analysis", "estimators", "io", "io.readers", "results"])
def test_public_signatures_are_annotated(module):
    module = importlib.import_module(f"skfrap.{module}")
    for name in module.__all__:
        value = getattr(module, name)
        for part, function in public_functions(value).items() if callable(value) else ():
            signature = inspect.signature(function)
            annotated = {*inspect.unwrap(function).__annotations__}
            expected = {*signature.parameters} - {"self", "cls"}
            expected |= set() if part == "__init__" else {"return"}
            assert expected <= annotated, f"{name}.{part}: {expected - annotated}"


def write(folder):
    (folder / "program.py").write_text(PROGRAM)
    (folder / "mistakes.py").write_text(_IMPORTS + "\n".join(MISTAKES) + "\n")


def lines_expected(for_mypy):
    first = 1 + _IMPORTS.count("\n")
    return {k for k, seen in enumerate(MISTAKES.values(), first) if seen or not for_mypy}


@pytest.mark.slow
def test_mypy_finds_the_mistakes_and_no_others(tmp_path):
    api = pytest.importorskip("mypy.api")
    write(tmp_path)
    files = [str(tmp_path / name) for name in ("program.py", "mistakes.py")]
    # What `mypy` has seen of the package just before, in the same folder, is not read again.
    out, problems, _ = api.run(["--ignore-missing-imports", *files])
    assert not problems
    errors = [line.split(":")[:2] for line in out.splitlines() if ": error:" in line]
    assert {name for name, _ in errors} == {str(tmp_path / "mistakes.py")}, out
    assert {int(line) for _, line in errors} == lines_expected(for_mypy=True), out


@pytest.mark.slow
def test_pyright_finds_the_mistakes_and_no_others(tmp_path):
    pytest.importorskip("basedpyright", reason="pyright with its own node: nothing is downloaded")
    write(tmp_path)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    run = subprocess.run(
        [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable, "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    found = json.loads(run.stdout)["generalDiagnostics"]
    errors = [one for one in found if one["severity"] == "error"]
    assert {Path(one["file"]).name for one in errors} == {"mistakes.py"}, errors
    assert {1 + one["range"]["start"]["line"] for one in errors} == lines_expected(False), errors
