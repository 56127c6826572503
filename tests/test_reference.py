"""The reference pages list every public name and every command; the citation is of this version."""

import importlib
import pkgutil
import re
from pathlib import Path

import skfrap
from skfrap.cli import cli

ROOT = Path(__file__).resolve().parents[1]
API = ROOT / "docs" / "api"
OF_THE_COMMAND_LINE = ("skfrap.__main__", "skfrap.cli")


def public_modules():
    for module in pkgutil.walk_packages(skfrap.__path__, "skfrap."):
        private = any(part.startswith("_") for part in module.name.split(".")[1:])
        if not private and module.name not in OF_THE_COMMAND_LINE:
            yield importlib.import_module(module.name)
    yield skfrap


def listed():
    """Read the names on the page: rows of its tables, and data described in place."""
    module, names = None, []
    for line in (API / "index.md").read_text(encoding="utf-8").splitlines():
        if head := re.fullmatch(r"\.\. currentmodule:: (\S+)", line):
            module = head[1]
        elif row := re.fullmatch(r"(?:   |\.\. py:data:: )([A-Za-z]\w*)", line):
            names.append((module, row[1]))
    return names


def test_every_public_name_is_in_the_reference_once():
    names = listed()
    assert len({*names}) == len(names) > 90
    homes = {}
    for module, name in names:
        homes.setdefault(name, []).append(getattr(importlib.import_module(module), name))
    for module in public_modules():
        for name in module.__all__:
            value = getattr(module, name)
            # Some are re-exported, and a scorer is made anew whenever it is asked for.
            same = [value is one or name.startswith("neg_") for one in homes.get(name, ())]
            assert any(same), f"{module.__name__}.{name}"


def test_every_command_is_in_the_reference():
    text = (API / "command_line.md").read_text(encoding="utf-8")
    assert re.findall(r"^## skfrap (\S+)$", text, re.MULTILINE) == re.findall(
        r"^```\{command\} (\S+)$", text, re.MULTILINE
    )
    assert {*re.findall(r"^## skfrap (\S+)$", text, re.MULTILINE)} == {*cli.commands}


def test_the_citation_is_of_this_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (\S+)$", citation, re.MULTILINE)[1] == skfrap.__version__
