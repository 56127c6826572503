"""The pages in docs: their examples run, and what they link and name is there."""

import doctest
import importlib.util
import re
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

from skfrap.estimators._features import FEATURES
from skfrap.models import MODELS
from skfrap.parameters import PARAMETERS

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "models.md"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
SLOW = ("networks.md",)  # trains networks
TEXT = PAGE.read_text(encoding="utf-8")
PICTURES = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)


def of_the_package():
    """Models by name, without those that examples and tests define."""
    return {
        name: model
        for name, model in MODELS.items()
        if model.__module__.startswith("skfrap.")
        and getattr(sys.modules[model.__module__], model.__name__, None) is model
    }


@pytest.fixture
def own_definitions():
    """Forget models and parameters that an example defines."""
    known = [(table, dict(table)) for table in (MODELS, PARAMETERS)]
    yield
    for table, before in known:
        table.clear()
        table.update(before)


@pytest.fixture
def pictures(monkeypatch, tmp_path):
    """The script that draws the pictures, writing elsewhere."""
    mpl.use("Agg")
    spec = importlib.util.spec_from_file_location("pictures_of_docs", DOCS / "pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "IMAGES", tmp_path)
    return module


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.slow] * (page in SLOW)) for page in PAGES]
)
def test_examples_run(page, own_definitions):
    results = doctest.testfile(str(DOCS / page), module_relative=False, encoding="utf-8")
    assert results.attempted > 10
    assert results.failed == 0


def test_every_model_and_parameter_is_on_the_page():
    models = of_the_package()
    assert {"diffusion", "binding", "soumpasis"} <= {*models}
    headings = {*re.findall(r"^### (.+)$", TEXT, re.MULTILINE)}
    assert {*models} <= headings
    for model in models.values():
        for name in model.defaults():
            assert f"`{name}`" in TEXT


def test_every_model_has_code_and_a_picture():
    for section in re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]:
        assert "](images/" in section, section.splitlines()[0]
        assert "LeastSquaresFRAP(" in section, section.splitlines()[0]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in headings}
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        path, _, anchor = link.partition("#")
        assert (DOCS / path).exists() if path else anchor in anchors, link


def test_every_option_of_networks_that_has_a_name_is_on_the_page():
    text = (DOCS / "networks.md").read_text(encoding="utf-8")
    for name in (*FEATURES, "separate", "merged", "least_squares", "benchmark"):
        assert f'"{name}"' in text
    for script in re.findall(r"`(examples/\w+\.py)`", text):
        assert (DOCS.parent / script).is_file(), script


def test_pictures_are_there_and_small(pictures):
    assert {*PICTURES} == {f"images/model-{name}.png" for name in pictures.PICTURES}
    assert len({*PICTURES}) == len(PICTURES)
    for link in PICTURES:
        path = DOCS / link
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 120_000, link
    assert {path.name for path in (DOCS / "images").glob("model-*")} == {
        Path(link).name for link in PICTURES
    }


def test_a_picture_is_drawn(pictures, tmp_path, capsys):
    pictures.main(["diffusion"])
    assert (tmp_path / "model-diffusion.png").stat().st_size > 10_000
    assert "model-diffusion.png" in capsys.readouterr().out


def test_unknown_pictures_are_named(pictures):
    with pytest.raises(SystemExit, match=r"no picture sketch; known: choice"):
        pictures.main(["sketch"])
