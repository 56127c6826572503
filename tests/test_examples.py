"""The scripts in examples: each runs without warnings, and says what it promises."""

import ast
import os
import re
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import sklearn

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SCRIPTS = {path.stem for path in EXAMPLES.glob("*.py")}


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Make a function that runs a script in this process, and returns what it prints.

    It is `__main__` in a namespace of its own. A process would take longer to start than most
    scripts take to run. What they set is afterwards as it was before.
    """
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    with mpl.rc_context(), sklearn.config_context():
        yield partial(run_here, folder=tmp_path, capture=capfd)
    plt.close("all")


def run_here(name, folder, capture):
    capture.readouterr()
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    output, errors = capture.readouterr()
    # Progress, which slow machines show for a while, is written over.
    assert re.sub(r"\r[^\r\n]*", "", errors) == ""
    assert not [*folder.iterdir()]
    return output


@pytest.fixture
def run_alone(tmp_path, pytestconfig):
    """Make a function that runs a script in a process of its own, as users do."""
    # Old versions of other packages warn of what has become of their own dependencies since.
    strict = "error" in pytestconfig.getini("filterwarnings")
    return partial(run_as_users, folder=tmp_path, strict=strict)


def run_as_users(name, folder, strict):
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    ran = subprocess.run(
        [sys.executable, "-W", "error" if strict else "ignore", str(EXAMPLES / f"{name}.py")],
        cwd=folder,
        env=os.environ
        | {"MPLBACKEND": "Agg", "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8"}
        | {"TQDM_DISABLE": "1"}  # progress shows only where the machine is slow
        | {"XLA_FLAGS": ""},  # compiled as users have it
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


@pytest.mark.slow
def test_a_file_gives_an_estimate_and_says_what_it_took_from_where(run_alone):
    output = run_alone("quickstart")
    D, level, lower, upper = numbers_after("D = ", output)
    assert level == 95
    assert lower < 12.0 < upper
    assert lower < D < upper
    assert "pixel size: ImageJ resolution tags" in output
    assert "prebleach frames: given" in output
    assert numbers_after("D_um2_s ", output)[0] == pytest.approx(D, rel=1e-3)
    assert "60 curves, " in output


@pytest.mark.slow
def test_a_broken_file_loses_no_other(run):
    output = run("folder_of_files")
    rows = re.findall(r"^ *(control|drug) +(cell\d) +([\d.]+|NaN) ", output, re.MULTILINE)
    assert len(rows) == 12
    missing = [(sample, cell) for sample, cell, D in rows if D == "NaN"]
    assert missing == [("control", "cell6"), ("drug", "cell2")]
    assert "control/cell6: no bleaching is visible" in output
    assert "drug/cell2: .../drug/cell2.tif ends early" in output
    for sample, D in (("control", 12.0), ("drug", 7.0)):
        _, _, lower, upper, n, left_out, *_ = numbers_after(f"{sample}: D = ", output)
        assert lower < D < upper
        assert (n, left_out) == (5, 1)
    assert "the means differ" in output


@pytest.mark.slow
def test_models_are_told_apart_where_the_recording_allows_it(run):
    output = run("mobile_fraction_and_binding")
    immobile, binding, short, fast = re.split(r"\n\n|\n(?=binding: k_on)", output)
    assert "diffusion+mobile_fraction is best" in immobile
    lower, upper = numbers_after("mobile_fraction = ", immobile)[1:3]
    assert lower < 0.75 < upper
    assert "\nbinding is best" in binding
    assert numbers_after("k_off = ", binding)[0] == pytest.approx(0.05, rel=0.05)
    assert "binding is not excluded" in short
    assert "k_on, k_off are not determined together: use D_effective" in fast
    truth = numbers_after("in truth: D_effective = ", fast)[0]
    for found in (numbers_after("D_effective = ", fast), numbers_after("diffusion: D = ", fast)):
        assert found[-2] < truth < found[-1]


@pytest.mark.slow
def test_an_experiment_scatters_as_planned(run):
    output = run("plan_experiment")
    expected, _, found = numbers_after("at D = 10 µm²/s expected: ", output)
    assert found == pytest.approx(expected, rel=0.1)
    mobile = numbers_after("all mobile: ", output)[::2]
    immobile = numbers_after("some immobile: ", output)[::2]
    assert mobile == sorted(mobile, reverse=True)
    assert immobile == sorted(immobile, reverse=True)
    assert all(more > less for more, less in zip(immobile, mobile, strict=True))
    assert re.search(r"^Best: bleach radius 6 µm, frame interval 0\.05 s", output, re.MULTILINE)


@pytest.mark.slow
def test_intervals_hold_the_truth_where_they_promise_it(run):
    output = run("uncertainty")
    for name in ("least squares", "posterior", "network"):
        shares = numbers_after(f"{name} ", output)[:3]
        assert all(93 < share < 97 for share in shares)
        lower, upper = numbers_after(f"interval of {name}: ", output)
        assert lower < 150 < upper
        assert numbers_after(f"intervals of {name} that hold D: ", output)[0] < 20
    at_the_end = numbers_after("D =  950 µm²/s", output)
    assert at_the_end[0] > 93 > at_the_end[1]
    assert numbers_after("flagged by least squares: ", output)[0] > 50


@pytest.mark.slow
def test_correction_of_images_matters(run):
    output = run("image_series_pipeline")
    for way in ("trained on series:", "trained on a simulator:"):
        scores = numbers_after(way, output)
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
    losses = [float(line.split()[-1]) for line in output.splitlines()[1:13]]
    assert losses == sorted(losses)
    assert losses[0] < losses[-1] < 0.1
    assert 0 < numbers_after("20 fresh series:", output)[0] < 0.1


@pytest.mark.slow
def test_a_network_is_better_than_least_squares_and_other_protocols_are_rescaled_or_refused(run):
    output = run("own_protocol")
    log10_D, c0, alpha, mobile_fraction = numbers_after("ratio", output)
    assert max(log10_D, mobile_fraction) < 0.8
    assert max(c0, alpha) < 1.02
    shares = numbers_after("hold the truth in", output)
    assert len(shares) == 4
    assert all(92 < share < 98 for share in shares)
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


@pytest.mark.slow
def test_files_hold_what_was_saved_and_strangers_are_refused(run_alone):
    output = run_alone("save_and_load")
    same = re.findall(r"predicts the same: (\w+)", output)
    assert same == ["True"] * 4
    assert "a program in the file is running" in output
    assert "skfrap.persistence refuses" in output
    before, after = numbers_after("", output.splitlines()[-1])
    assert after == 2 * before


@pytest.mark.slow
def test_a_measured_start_is_right_where_the_told_one_is_wrong_and_not_flagged(run):
    output = run("measured_start")
    told = numbers_after("told: D over the true D is ", output)
    measured = numbers_after("measured: D over the true D is ", output)
    assert max(told) < 0.3
    assert measured == pytest.approx([1.0] * 4, abs=0.08)
    assert "0 of 4 have anything to flag" in output
    weights = dict(re.findall(r"(\w+): weight ([\d.]+)", output))
    assert float(weights["mobile"]) < 0.01


@pytest.mark.slow
def test_the_outline_that_images_show_mends_what_an_open_field_gives(run):
    output = run("cell")
    opened = numbers_after("open field: D = ", output)
    closed = numbers_after("in its outline: D = ", output)
    assert opened[-1] > 3 * 4.0
    assert closed == pytest.approx([4.0] * 4, rel=0.1)
    assert "recommended: in its compartment" in output
    assert "found in the frames before bleaching" in output


@pytest.mark.slow
def test_motion_and_light_are_undone_one_after_the_other(run):
    output = run("moving_cell")
    opened, aligned, evened = (
        numbers_after(f"{way}: D = ", output)[0]
        for way in ("open field", "outline, aligned", "outline, aligned, even light")
    )
    assert evened == pytest.approx(1.5, rel=0.05)
    assert abs(evened - 1.5) < abs(aligned - 1.5) < abs(opened - 1.5)
    assert re.search(r"^open field: .*findings: motion_left, sample_ends", output, re.MULTILINE)
    assert re.search(r"^outline, aligned: .*start_contradicted", output, re.MULTILINE)
    assert re.search(r"^outline, aligned, even light: .*findings: none", output, re.MULTILINE)
    furthest, error = numbers_after("moves by up to ", output)
    assert furthest > 4
    assert error < 0.1
    assert numbers_after("report of ", output)[1] == evened


@pytest.mark.slow
def test_all_pixels_tell_more_than_a_curve_and_know_how_much(run):
    output = run("all_pixels")
    curve, images = (numbers_after(f"{way}: ", output) for way in ("curve", "all pixels"))
    assert images[0] < 0.4 * curve[0]
    assert images[1] < 0.6 * curve[1]
    for pulls in (curve[2], images[2]):
        assert 0.7 < pulls < 1.3


def test_every_script_is_run_and_begins_with_a_title():
    tested = {*re.findall(r'run(?:_alone)?\("(\w+)"\)', Path(__file__).read_text(encoding="utf-8"))}
    assert tested == SCRIPTS
    for name in SCRIPTS:
        text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
        title, underline, blank, *_ = ast.get_docstring(ast.parse(text)).splitlines()
        assert underline == "=" * len(title)
        assert blank == ""
