"""The pages in docs: what they show runs, and what they link and name is there."""

import doctest
import importlib.util
import re
import shlex
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from click.testing import CliRunner

import skfrap.models.starts  # noqa: F401  defines parameters, which no example may take away
from skfrap import FRAPProtocol, FRAPSimulator
from skfrap.cli import cli
from skfrap.inference.networks._features import FEATURES
from skfrap.io.readers._registry import _READERS
from skfrap.models import MODELS
from skfrap.parameters import PARAMETERS

DOCS = Path(__file__).resolve().parents[1] / "docs"
MADE = ("_build", "gallery", "api/generated")  # by sphinx, which checks them
PAGES = [
    page
    for page in sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    if not page.startswith(MADE)
]
TEXTS = {page: (DOCS / page).read_text(encoding="utf-8") for page in PAGES}
SLOW_EXAMPLES = (
    "guide/cells.md",
    "guide/estimators.md",
    "guide/images.md",
    "guide/many.md",
    "guide/models.md",
    "guide/networks.md",
    "guide/selection.md",
    "guide/start.md",
    "guide/uncertainty.md",
    "theory/bayes_and_networks.md",
)
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
MODELS_PAGE = TEXTS["guide/models.md"]


def of_the_package():
    """Models by name, without those that examples and tests define."""
    return {
        name: model
        for name, model in MODELS.items()
        if model.__module__.startswith("skfrap.")
        and getattr(sys.modules[model.__module__], model.__name__, None) is model
    }


def pictures_on(page):
    return [
        DOCS / page / ".." / link for link in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXTS[page])
    ]


@pytest.fixture
def own_definitions():
    """Forget models, parameters and readers that an example defines."""
    known = [(table, dict(table)) for table in (MODELS, PARAMETERS)]
    readers = [*_READERS]
    for name in {*MODELS} - {*of_the_package()}:
        del MODELS[name]  # a docstring's, which would be in the way of a page's
    yield
    for table, before in known:
        table.clear()
        table.update(before)
    _READERS[:] = readers


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
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] * (page in SLOW_EXAMPLES))
        for page in PAGES
        if ">>> " in TEXTS[page]
    ],
)
def test_examples_run(page, own_definitions, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    results = doctest.testfile(str(DOCS / page), module_relative=False, encoding="utf-8")
    assert results.attempted == len(re.findall(r"^ *>>> ", TEXTS[page], re.MULTILINE))
    assert results.failed == 0


# Commands


def commands_on(page):
    """List the commands of skfrap on a page, with what they print."""
    consoles = re.findall(r"^```console\n(.*?)^```$", TEXTS[page], re.MULTILINE | re.DOTALL)
    found = [
        part for console in consoles for part in re.split(r"^\$ ", console, flags=re.MULTILINE)
    ]
    pairs = [part.partition("\n") for part in found]
    return [(command, shown) for command, _, shown in pairs if command.startswith("skfrap ")]


def alike(shown, printed):
    """Tell whether a page shows what is printed; last digits hang on the machine."""
    if doctest.OutputChecker().check_output(shown, printed, doctest.ELLIPSIS):
        return True
    words = [re.sub(r"\s+", " ", NUMBER.sub("#", text)) for text in (shown, printed)]
    numbers = [[float(one) for one in NUMBER.findall(text)] for text in (shown, printed)]
    return words[0] == words[1] and numbers[1] == pytest.approx(numbers[0], rel=2e-3)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A folder to be in, with a series as many programs export it: frames and nothing else."""
    tifffile = pytest.importorskip("tifffile")
    monkeypatch.chdir(tmp_path)
    protocol = FRAPProtocol(shape=(128, 128), n_bleach=1)
    truth = {"D": 20.0, "c0": 0.7, "alpha": 0.4, "a": 3e-3}
    simulator = FRAPSimulator(protocol, truth, random_state=4, bit_depth=16)
    tifffile.imwrite("yours.tif", simulator.sample_images(1).data[0], photometric="minisblack")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if commands_on(page)])
def test_commands_print_what_is_shown(page, folder):
    for command, shown in commands_on(page):
        result = CliRunner().invoke(cli, shlex.split(command)[1:], prog_name="skfrap")
        # Progress, which slow machines show for a while, is written over.
        printed = re.sub(r"[^\n]*\r( {20,})?", "", result.output)
        assert alike(shown, printed), f"$ {command}\n{printed}\nand the page shows\n{shown}"
        assert result.exit_code == 0 or "could not be" in shown, command


# Links and names


def anchors_of(page):
    """What can be linked on a page: its headings, as GitHub and MyST name them, and labels."""
    headings = re.findall(r"^#+ (.+)$", TEXTS[page], re.MULTILINE)
    labels = re.findall(r"^\(([\w-]+)\)=$", TEXTS[page], re.MULTILINE)
    return {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in headings} | {
        *labels
    }


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", TEXTS[page], flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(<?(?!https?:|mailto:)([^)>]+)>?\)", text):
        path, _, anchor = link.partition("#")
        target = (DOCS / page).parent.joinpath(path).resolve() if path else DOCS / page
        name = target.relative_to(DOCS.parent).as_posix()
        if name.startswith("docs/gallery/"):
            target = DOCS.parent / "examples" / target.relative_to(DOCS / "gallery")
            target = target.with_suffix(".py") if target.stem != "index" else target.parent
        assert target.exists() or name.startswith("docs/api/generated"), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors_of(target.relative_to(DOCS).as_posix()), link


def test_every_model_and_parameter_is_on_the_page():
    models = of_the_package()
    assert {"diffusion", "binding", "soumpasis"} <= {*models}
    headings = {*re.findall(r"^### (.+)$", MODELS_PAGE, re.MULTILINE)}
    assert {*models} <= headings
    for model in models.values():
        for name in model.defaults():
            assert f"`{name}`" in MODELS_PAGE


def test_every_model_has_code_and_a_picture():
    for section in re.split(r"^### ", MODELS_PAGE, flags=re.MULTILINE)[1:]:
        assert "](../images/" in section, section.splitlines()[0]
        assert "LeastSquaresFRAP(" in section, section.splitlines()[0]


def test_every_option_of_networks_that_has_a_name_is_on_the_page():
    text = TEXTS["guide/networks.md"]
    for name in (*FEATURES, "separate", "merged", "least_squares", "benchmark"):
        assert f'"{name}"' in text


def test_every_transformer_is_on_the_page():
    from skfrap import preprocessing

    for name in {*preprocessing.__all__} - {"StackSequence"}:
        assert f"`{name}`" in TEXTS["guide/preprocessing.md"]


@pytest.mark.parametrize("page", PAGES)
def test_scripts_that_pages_name_are_there(page):
    for script in re.findall(r"\b(?:examples|docs|benchmarks)/[\w/]+\.py\b", TEXTS[page]):
        assert (DOCS.parent / script).is_file(), script
    for module in re.findall(r"python -m (benchmarks\.\w+)", TEXTS[page]):
        path = DOCS.parent / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


# Pictures


def test_pictures_are_there_and_small(pictures):
    shown = [picture.resolve() for page in PAGES for picture in pictures_on(page)]
    shown = {path for path in shown if path.parent == DOCS / "images"}
    drawn = {DOCS / "images" / f"{name}.png" for name in pictures.PICTURES}
    assert drawn <= shown
    assert shown <= {*(DOCS / "images").iterdir()} <= shown | {DOCS / "images" / "demo.png"}
    for path in drawn:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 120_000, path.name


def test_a_picture_is_drawn(pictures, tmp_path, capsys):
    pictures.main(["model-diffusion"])
    assert (tmp_path / "model-diffusion.png").stat().st_size > 10_000
    assert "model-diffusion.png" in capsys.readouterr().out


def test_unknown_pictures_are_named(pictures):
    with pytest.raises(SystemExit, match=r"no picture sketch; known: model-choice"):
        pictures.main(["sketch"])
