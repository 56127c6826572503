"""The scripts in examples: each runs by itself, without warnings, and says what it promises."""

import ast
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SCRIPTS = {path.stem for path in EXAMPLES.glob("*.py")}


@pytest.fixture
def run(tmp_path, pytestconfig):
    """Make a function that returns what a script prints."""
    # Old versions of other packages warn of what has become of their own dependencies since.
    strict = "error" in pytestconfig.getini("filterwarnings")
    return partial(run_script, folder=tmp_path, strict=strict)


def run_script(name, folder, strict):
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    ran = subprocess.run(
        [sys.executable, "-W", "error" if strict else "ignore", str(EXAMPLES / f"{name}.py")],
        cwd=folder,
        env=os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert not [*folder.iterdir()]
    return ran.stdout


def numbers_after(text, output):
    """Return the numbers in a line behind some text."""
    line = re.search(rf"{re.escape(text)}(.*)", output)[1]
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e[+-]?\d+)?", line)]


def test_a_network_is_better_than_least_squares_and_its_intervals_hold(run):
    output = run("network_quickstart")
    ratios = numbers_after("ratio", output)
    assert ratios[0] < 0.95
    assert max(ratios) < 1.02
    shares = numbers_after("hold the truth in", output)
    assert len(shares) == 3
    assert all(93 < share < 97 for share in shares)


@pytest.mark.slow
def test_correction_of_images_matters(run):
    output = run("image_series_pipeline")
    for way in ("trained on series", "trained on a simulator,"):
        scores = numbers_after(way, output)[-4:]
        assert len(scores) == 4
        assert min(scores) > 0.8
    corrected, uncorrected = (
        numbers_after("c0 ", re.search(rf"error {way} correction.*", output)[0])[0]
        for way in ("with", "without")
    )
    assert corrected < 0.5 * uncorrected


@pytest.mark.slow
def test_a_search_lists_its_candidates_best_first(run):
    output = run("grid_search")
    losses = [float(line.split()[-1]) for line in output.splitlines()[1:9]]
    assert losses == sorted(losses)
    assert losses[0] < losses[-1] < 0.1
    assert 0 < numbers_after("20 fresh series:", output)[0] < 0.1


@pytest.mark.slow
def test_other_protocols_are_rescaled_refused_or_learnt(run):
    output = run("own_protocol")
    assert numbers_after("twice as slow: D is", output) == [2.0]
    assert "the protocols do not scale into each other: bleach_region" in output
    unchanged, continued, alone, anew = (
        numbers_after(f"{way}:", output)[0]
        for way in ("as it is", "1000 curves of it", "1000 curves alone", "trained anew")
    )
    assert anew < continued < unchanged
    assert continued < alone


@pytest.mark.slow
def test_the_hybrid_finds_the_same_optimum_in_fewer_steps(run):
    output = run("hybrid")
    assert numbers_after("from grid and from network:", output)[0] < 1e-4
    shares = re.findall(r"^ +\d+ +([\d.]+) % +([\d.]+) %$", output, re.MULTILINE)
    assert len(shares) == 5
    assert all(float(grid) <= float(network) for grid, network in shares)
    assert float(shares[0][0]) < 50 < float(shares[0][1])
    assert numbers_after("through cross-validation:", output)[0] < 1e-9


def test_files_hold_what_was_saved_and_strangers_are_refused(run):
    output = run("save_and_load")
    same = re.findall(r"predicts the same: (\w+)", output)
    assert same == ["True"] * 4
    assert "a program in the file is running" in output
    assert "skfrap.persistence refuses" in output
    before, after = numbers_after("", output.splitlines()[-1])
    assert after == 2 * before


def test_every_script_is_run_and_begins_with_a_title():
    tested = {*re.findall(r'run\("(\w+)"\)', Path(__file__).read_text(encoding="utf-8"))}
    assert tested == SCRIPTS
    for name in SCRIPTS:
        text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
        title, blank, *_ = ast.get_docstring(ast.parse(text)).splitlines()
        assert title.endswith(".")
        assert blank == ""
