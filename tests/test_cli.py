"""The command line, as a user calls it."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from skfrap import Circle, FRAPProtocol, analysis, models
from skfrap.cli import _names, cli
from skfrap.cli._output import in_words
from skfrap.comparison import CANDIDATES, compare_models
from skfrap.design import SETTINGS, plan
from skfrap.io import read_series, write_series
from skfrap.models import MODELS

SMALL = ["--shape", "64", "64", "--bleach-region", "circle:8", "--n-postbleach", "30"]
LESS_AROUND = ["--padding", "32"]  # of models that compute on all pixels


@pytest.fixture
def run():
    def invoke(*arguments):
        return CliRunner().invoke(cli, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture
def series(run, tmp_path):
    path = tmp_path / "cell.tif"
    result = run("simulate", path, "--D", 12, "--noise-a", 1e-4, *SMALL)
    assert result.exit_code == 0, result.output
    return path


@pytest.mark.slow
def test_demo_prints_truth_beside_estimate_and_writes_its_files(run, tmp_path):
    result = run("demo", "--out", tmp_path / "demo", "--D", 40)
    assert result.exit_code == 0, result.output
    row = next(line for line in result.output.splitlines() if line.startswith("D "))
    truth, estimate, lower, _, upper = row.split()[2:]
    assert float(truth) == 40.0
    assert float(lower) < float(estimate) < float(upper)
    assert abs(float(estimate) / 40 - 1) < 0.1
    assert {p.name for p in (tmp_path / "demo").iterdir()} == {"demo.tif", "demo.png", "demo.csv"}
    assert read_series(tmp_path / "demo" / "demo.tif").frames.dtype == np.uint16


def test_estimate_takes_everything_from_a_simulated_file(run, series, tmp_path):
    table = tmp_path / "out" / "results.csv"
    result = run("estimate", series, "--out", table, "--plots", tmp_path / "pictures")
    assert result.exit_code == 0, result.output
    assert "pixel size: ImageJ" in result.output
    row = pd.read_csv(table).iloc[0]
    assert row.D_um2_s_lower < 12 < row.D_um2_s_upper
    assert (tmp_path / "pictures" / "cell.png").stat().st_size > 10_000


def test_json_is_for_machines(run, series):
    result = run("estimate", series, "--json")
    (record,) = json.loads(result.stdout)
    assert record["D_um2_s_lower"] < 12 < record["D_um2_s_upper"]
    assert record["converged"] is True


def test_one_bad_file_loses_nothing_else(run, series, tmp_path):
    bad = tmp_path / "bad.tif"
    bad.write_bytes(series.read_bytes()[:5000])
    table = tmp_path / "results.csv"
    result = run("estimate", bad, series, tmp_path / "absent.tif", "--out", table)
    assert result.exit_code == 1
    assert "2 of 3 series could not be analysed" in result.stderr
    rows = pd.read_csv(table)
    assert rows.D_um2_s.notna().tolist() == [False, True, False]
    assert rows.error.notna().tolist() == [True, False, True]


def test_what_is_missing_is_asked_for(run, tmp_path):
    path = tmp_path / "plain.tif"
    frames = np.full((12, 20, 20), 500, np.uint16)
    write_series(path, frames, pixel_size_um=0.5, frame_interval_s=1.0)
    result = run("estimate", path)
    assert result.exit_code == 1
    assert "--n-prebleach" in result.stderr
    assert "--bleach-region" in result.stderr
    assert "--pixel-size" not in result.stderr


def test_folder_of_single_images_is_one_series(run, series, tmp_path):
    import tifffile

    folder = tmp_path / "frames"
    folder.mkdir()
    for k, frame in enumerate(read_series(series).frames):
        tifffile.imwrite(folder / f"frame{k}.tif", frame)
    options = ["--pixel-size", 0.7598, "--frame-interval", 0.265, "--n-prebleach", 10]
    options += ["--bleach-region", "circle:8", "--n-bleach", 4, "--json"]
    for files in ([folder], ["--as-one-series", *(folder / f"frame{k}.tif" for k in range(40))]):
        (record,) = json.loads(run("estimate", *files, *options).stdout)
        assert record["D_um2_s_lower"] < 12 < record["D_um2_s_upper"]


def test_series_of_one_name_keep_their_own_pictures(run, series, tmp_path):
    (tmp_path / "day2").mkdir()
    again = tmp_path / "day2" / series.name
    again.write_bytes(series.read_bytes())
    given = ["--data", "curve", "--plots", tmp_path / "p", "--json"]
    records = json.loads(run("estimate", series, again, *given).stdout)
    pictures = [record["picture"] for record in records]
    assert len({*pictures}) == len([*(tmp_path / "p").iterdir()]) == 2


def test_folder_of_series_is_as_many_series(run, series, tmp_path):
    run("simulate", tmp_path / "cell2.tif", "--D", 50, *SMALL)
    records = json.loads(run("estimate", tmp_path, "--data", "curve", "--json").stdout)
    assert {record["series"] for record in records} == {"cell", "cell2"}


def test_table_is_written_whatever_goes_wrong(run, series, tmp_path, monkeypatch):
    def analyse(source, options):
        if "cell" not in str(source):
            raise KeyError("a defect")
        return analyse_series(source, options)

    analyse_series = analysis.analyse_series
    monkeypatch.setattr(analysis, "analyse_series", analyse)
    table = tmp_path / "results.csv"
    result = run("estimate", tmp_path / "other.tif", series, "--out", table)
    assert result.exit_code == 1
    rows = pd.read_csv(table)
    assert rows.D_um2_s.notna().tolist() == [False, True]
    assert "KeyError" in rows.error[0]


def test_series_whose_picture_fails_keep_their_numbers_and_are_told_apart(run, series, tmp_path):
    (tmp_path / "file").write_text("")
    table = tmp_path / "results.csv"
    given = ["--data", "curve", "--plots", tmp_path / "file" / "pictures", "--out", table]
    result = run("estimate", series, tmp_path / "absent.tif", *given)
    assert result.exit_code == 1
    assert "1 of 2 series could not be analysed" in result.stderr
    assert "1 of 2 series could not be drawn" in result.stderr
    rows = pd.read_csv(table)
    assert rows.D_um2_s.notna().tolist() == [True, False]
    assert rows.error.str.startswith("no picture").tolist() == [True, False]
    only = run("estimate", series, *given)
    assert only.exit_code == 1
    assert "1 of 1 series could not be drawn" in only.stderr
    assert "analysed" not in only.stderr


@pytest.mark.parametrize("kind", [ValueError, MemoryError])
def test_failure_without_a_message_is_a_failure(run, series, monkeypatch, kind):
    def analyse(source, options):
        raise kind

    monkeypatch.setattr(analysis, "analyse_series", analyse)
    result = run("estimate", series, "--json")
    assert result.exit_code == 1
    assert "1 of 1 series could not be analysed" in result.stderr
    assert json.loads(result.stdout)[0]["error"] == kind.__name__


def test_table_that_cannot_be_written_is_refused_at_once(run, series, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("estimate", series, "--out", tmp_path / "file" / "results.csv")
    assert result.exit_code == 1
    assert "D =" not in result.output


def test_mobile_fraction_is_estimated_if_asked(run, tmp_path):
    path = tmp_path / "cell.tif"
    run("simulate", path, "--D", 12, "--noise-a", 1e-4, "--mobile-fraction", 0.7, *SMALL)
    (record,) = json.loads(run("estimate", path, "--free", "mobile_fraction", "--json").stdout)
    assert record["mobile_fraction_lower"] < 0.7 < record["mobile_fraction_upper"]
    assert "mobile_fraction = " in run("estimate", path, "--free", "mobile_fraction").output
    (record,) = json.loads(run("estimate", path, "--fixed", "mobile_fraction=0.7", "--json").stdout)
    assert record["D_um2_s_lower"] < 12 < record["D_um2_s_upper"]
    assert record["mobile_fraction"] == 0.7


def test_binding_is_simulated_and_estimated(run, tmp_path):
    path, table = tmp_path / "cell.tif", tmp_path / "results.csv"
    truth = {"D": 30.0, "k_on": 0.5, "k_off": 0.5}
    given = [word for name in truth for word in ("--" + name.replace("_", "-"), truth[name])]
    run("simulate", path, "--model", "binding", *given, "--noise-a", 1e-4, "--seed", 2, *SMALL)
    stored = read_series(path).info["truth"]
    assert stored["model"] == "binding"
    assert stored["imaging_bleach"] == 1.0
    assert {name: stored[name] for name in truth} == truth
    chosen = ["--model", "binding", "--fixed", "D=30"]
    result = run("estimate", path, *chosen, "--out", table, "--plots", tmp_path / "pictures")
    assert result.exit_code == 0, result.output
    assert "D_effective = " in result.output
    assert (tmp_path / "pictures" / "cell.png").exists()
    row = pd.read_csv(table).iloc[0]
    assert row.model == "binding"
    assert row.D_effective_um2_s_lower < 15 < row.D_effective_um2_s_upper
    assert row.k_off_per_s_lower < 0.5 < row.k_off_per_s_upper


@pytest.mark.slow
def test_imaging_that_bleaches_is_estimated_if_asked(run, tmp_path):
    path = tmp_path / "cell.tif"
    run("simulate", path, "--D", 12, "--noise-a", 1e-4, "--imaging-bleach", 0.995, *SMALL)
    (record,) = json.loads(
        run("estimate", path, *LESS_AROUND, "--free", "imaging_bleach", "--json").stdout
    )
    assert record["imaging_bleach_lower"] < 0.995 < record["imaging_bleach_upper"]
    assert record["D_um2_s_lower"] < 12 < record["D_um2_s_upper"]


def test_model_without_D_speaks_of_what_it_has(run, series):
    result = run("estimate", series, "--model", "exponential")
    assert "half_time = " in result.output
    assert "D = " not in result.output
    (record,) = json.loads(run("estimate", series, "--model", "exponential", "--json").stdout)
    assert record["model"] == "exponential"
    assert record["half_time_s"] > 0
    assert "D_um2_s" not in record


def test_help_names_every_model(run):
    text = run("estimate", "--help").output
    assert all(name in text for name in _names.MODELS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--free", "speed"], "free (--free) takes the parameters of the model 'diffusion', D, c0"),
        (["--fixed", "k_on=1"], "mobile_fraction, imaging_bleach"),
        (["--free", "alpha", "--fixed", "alpha=0.6"], "alpha is both free (--free) and fixed"),
        (["--fixed", "alpha"], "'alpha' is not NAME=VALUE"),
        (["--fixed", "alpha=high"], "no number after"),
        (["--fixed", "alpha=1", "--fixed", "alpha=0.5"], "alpha is given more than once"),
        (["--fixed", "alpha=2"], "fixed['alpha'] (--fixed) must be a number between"),
        (["--fixed", "a=1e-4"], "--noise proportional"),
        (["--fixed", "D=1", "--fixed", "c0=1", "--fixed", "alpha=1"], "nothing is left"),
        (["--free", "imaging_bleach", "--skip", 1], "counts every frame"),
        (["--noise", "proportional", "--loss", "huber"], "noise='constant' only"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_any_file_is_read(run, options, message):
    result = run("estimate", "absent.tif", *options)
    assert result.exit_code > 0
    assert message in result.output
    assert "absent.tif" not in result.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "given", "fixed", "found"),
    [
        (
            "two_populations",
            {"D": 30.0, "second_D": 1.0, "second_fraction": 0.5},
            {"second_fraction": 0.5},
            {"D_um2_s": 30.0, "second_D_um2_s": 1.0},
        ),
        ("flow", {"D": 3.0, "velocity_x": 1.0}, {"D": 3}, {"velocity_x_um_s": 1.0}),
        ("turnover", {"D": 3.0, "exchange_rate": 0.2}, {"D": 3}, {"exchange_rate_per_s": 0.2}),
        ("anomalous", {"D": 10.0, "exponent": 0.7}, {}, {"D_at_1s_um2_s": 10, "exponent": 0.7}),
        ("subdiffusion", {"D": 10.0, "exponent": 0.7}, {}, {"D_at_1s_um2_s": 10, "exponent": 0.7}),
    ],
)
def test_other_kinetics_are_simulated_and_estimated(run, tmp_path, model, given, fixed, found):
    path = tmp_path / "cell.tif"
    options = [word for name in given for word in (f"--{name.replace('_', '-')}", given[name])]
    protocol = [*SMALL, "--n-bleach", 1]
    result = run("simulate", path, "--model", model, *options, "--noise-a", 1e-3, *protocol)
    assert result.exit_code == 0, result.output
    known = [word for name in fixed for word in ("--fixed", f"{name}={fixed[name]}")]
    result = run("estimate", path, "--model", model, *known, "--json")
    (record,) = json.loads(result.stdout)
    for name, truth in found.items():
        assert record[f"{name}_lower"] < truth < record[f"{name}_upper"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "binding", "--k-on", 1], "needs --k-off"),
        (["--k-on", 1], "'diffusion' has no k_on"),
        (["--model", "two_populations", "--second-fraction", 0.4], "needs --second-D"),
        (["--model", "turnover"], "needs --exchange-rate"),
        (["--model", "subdiffusion", "--n-bleach", 1], "needs --exponent"),
        (["--model", "anomalous", "--exponent", 0.7], "n_bleach=4, and Anomalous"),
    ],
)
def test_simulation_asks_for_what_the_model_needs(run, tmp_path, options, message):
    result = run("simulate", tmp_path / "x.tif", *options)
    assert result.exit_code == 1
    assert message in result.output


DETECTOR = ["--noise-a", 1e-6, "--noise-b", 2e-5]
DARK = 200


@pytest.fixture
def recorded(run, tmp_path):
    """Simulate a series of a detector with a dark level; return its path."""

    def record(name, *options):
        path = tmp_path / name
        run("simulate", path, *DETECTOR, *options, *SMALL)
        series = read_series(path)
        write_series(
            path,
            series.frames + np.uint16(DARK),
            pixel_size_um=series.pixel_size_um,
            times_s=series.times_s,
            info=series.info,
        )
        return path

    return record


def test_noise_is_measured_in_the_unit_of_estimates(run, recorded):
    solution = [
        recorded(f"solution{k}.tif", "--alpha", 1, "--c0", c0, "--seed", k)
        for k, c0 in enumerate((0.02, 0.3, 0.8))
    ]
    # So dim that it could be of 12 bits.
    cell = recorded("cell.tif", "--c0", 0.05, "--D", 12)
    result = run("noise", *solution, "--dark-level", DARK)
    assert result.exit_code == 0, result.output
    options = result.output.splitlines()[-1].split()
    assert options[:2] == ["--noise", "proportional"]
    assert options[-4:] == ["--bit-depth", "16", "--dark-level", "200"]
    (record,) = json.loads(run("estimate", cell, *options, "--json").stdout)
    a, b = record["noise_a"], record["noise_b"]
    assert abs(a / 1e-6 - 1) < 0.1
    assert abs(b / 2e-5 - 1) < 0.1
    assert record["D_um2_s_lower"] < 12 < record["D_um2_s_upper"]
    # What the residuals say by themselves is the same noise.
    (record,) = json.loads(run("estimate", cell, *options[-4:], "--json").stdout)
    assert 0.5 < record["noise_a"] / (a + b * record["c0"]) < 2


def test_noise_for_machines_and_in_a_picture(run, recorded, tmp_path):
    solution = recorded("solution.tif", "--alpha", 1)
    picture = tmp_path / "pictures" / "noise.png"
    result = run("noise", solution, "--json", "--plot", picture)
    record = json.loads(result.stdout)
    assert record["bit_depth"] == 16
    assert not record["determined"]  # one series of even light
    assert record["options"] is None
    assert "tell a from b" in record["flags"][0]
    (finding,) = record["findings"]
    assert {*finding} == {"code", "severity", "subject", "words", "remedy"}
    assert (finding["code"], finding["subject"]) == ("noise_parts_undetermined", "a,b")
    assert picture.stat().st_size > 5_000
    result = run("noise", solution)
    assert "note: the intensities" in result.output
    assert "--fixed" not in result.output


def test_noise_of_what_is_no_series_is_refused(run, tmp_path):
    result = run("noise", tmp_path / "absent.tif")
    assert result.exit_code == 1
    assert "absent.tif does not exist" in result.output


def test_bad_arguments_are_refused_in_words(run, series, tmp_path):
    result = run("simulate", tmp_path / "x.tif", "--alpha", 1.5)
    assert result.exit_code == 1
    assert "prior['alpha'] must lie between" in result.output
    result = run("estimate", series, "--bleach-region", "blob:3")
    assert result.exit_code == 1
    assert "nor understood as circle" in result.stderr


def test_plan_ranks_experiments_and_recommends_one(run):
    result = run(
        "plan", "--D", 10, "--vary", "radius=3,6,12", "--vary", "frame-interval=0.1,0.5", *SMALL
    )
    assert result.exit_code == 0, result.output
    premises, _, head, *rows = result.output.splitlines()
    assert premises == (
        "For D = 10 µm²/s, c0 = 0.7, alpha = 0.6 and noise a = 0.003, estimating D, c0, alpha:"
    )
    assert head.split("  ")[:2] == ["bleach radius (µm)", "frame interval (s)"]
    errors = [float(row.split()[3]) for row in rows[:6]]
    assert errors == sorted(errors)
    assert rows[7].startswith("Best: bleach radius 12 µm, frame interval")
    assert "the largest value tried is best" in result.output


def test_plan_for_machines_is_the_same_plan(run):
    guess = {"D": np.geomspace(1, 100, 9), "c0": 0.5, "alpha": 0.7}
    choice = plan(
        FRAPProtocol(shape=(64, 64), bleach_region=Circle(8.0), n_postbleach=30),
        guess,
        {"duration": [5.0, 20.0]},
        a=1e-3,
    )
    options = ["--c0", 0.5, "--alpha", 0.7, "--noise-a", 1e-3, "--vary", "duration=5,20"]
    record = json.loads(run("plan", "--D", "1:100", *options, *SMALL, "--json").stdout)
    assert record["target"] == "D"
    assert record["recommendation"] == choice.recommendation()
    for row, told in enumerate(record["experiments"]):
        assert told["duration_s"] == choice.settings["duration"][row]
        assert told["D_relative_error"] == pytest.approx(choice.error[row])
        assert len(told["expected"]) == 9
        D = [one["D_um2_s"] for one in told["expected"]]
        np.testing.assert_allclose(D, guess["D"])


def test_plan_takes_the_line_of_the_noise_calibration(run, recorded):
    solution = [
        recorded(f"solution{k}.tif", "--alpha", 1, "--c0", c0, "--seed", k)
        for k, c0 in enumerate((0.02, 0.3, 0.8))
    ]
    line = run("noise", *solution, "--dark-level", DARK).output.splitlines()[-1]
    assert "--dark-level" in line
    result = run("plan", "--D", 10, *line.split(), *SMALL)
    assert result.exit_code == 0, result.output
    a, b = (word.split("=")[1] for word in line.split() if "=" in word)
    assert f"noise a = {float(a):.4g}, b = {float(b):.4g}, estimating" in result.output
    bare = run("plan", "--D", 10, "--noise", "proportional", "--noise-a", a, "--noise-b", b, *SMALL)
    assert bare.output == result.output


def test_plan_draws_a_picture(run, tmp_path):
    picture = tmp_path / "pictures" / "plan.png"
    result = run("plan", "--D", "1:100", *SMALL, "--plot", picture)
    assert result.exit_code == 0, result.output
    assert picture.stat().st_size > 10_000


def test_plan_knows_what_is_free_and_what_is_known(run):
    known = run("plan", "--D", 10, "--mobile-fraction", 0.8, *SMALL).output
    assert "mobile_fraction = 0.8 and noise" in known
    assert "estimating D, c0, alpha:" in known
    free = ["--free", "mobile_fraction", "--mobile-fraction", 0.8]
    assert (
        "estimating D, c0, alpha, mobile_fraction:" in run("plan", "--D", 10, *free, *SMALL).output
    )
    fixed = run("plan", "--D", 10, "--fixed", "alpha=0.5", *SMALL).output
    assert "alpha = 0.5" in fixed
    assert "estimating D, c0:" in fixed
    binding = ["--model", "binding", "--k-on", 0.5, "--k-off", 0.4, "--fixed", "D=30"]
    told = run("plan", "--D", "10:100", *binding, "--noise-a", 1e-5, *SMALL).output
    assert "D = 30 µm²/s" in told
    assert "standard error of k_on" in told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--D"),
        (["--D", "fast"], "neither a positive number nor a range"),
        (["--D", "0"], "neither a positive number nor a range"),
        (["--D", "100:1"], "neither a positive number nor a range"),
        (["--D", "1:2:3"], "neither a positive number nor a range"),
        (["--D", "1", "--vary", "speed=1"], "there are frame-interval, radius"),
        (["--D", "1", "--vary", "radius=big"], "is not as frame-interval=0.1,0.2,0.5"),
        (["--D", "1", "--vary", "radius=500"], "leaves the field of view"),
        (["--D", "1", "--free", "speed"], "--free takes the parameters of the model 'diffusion'"),
        (["--D", "1", "--fixed", "k_on=1"], "--fixed takes the parameters of the model"),
        (["--D", "1", "--free", "alpha", "--fixed", "alpha=1"], "both free (--free) and fixed"),
        (["--D", "1", "--model", "binding"], "needs --k-on and --k-off"),
        (["--D", "1", "--noise-a", "0"], "a or b must be positive"),
        (["--D", "1", "--alpha", "1.5"], "alpha must be finite and between"),
        (["--D", "1", "--target", "speed"], "target must be one of ('D', 'c0', 'alpha')"),
    ],
)
def test_plan_refuses_what_makes_no_sense(run, options, message):
    result = run("plan", *options, *SMALL)
    assert result.exit_code > 0
    assert message in result.output


MODELS_COMPARED = "diffusion,diffusion+mobile_fraction"


def test_models_are_compared_for_each_series(run, series, tmp_path):
    still = tmp_path / "still.tif"
    run("simulate", still, "--D", 12, "--noise-a", 1e-4, "--mobile-fraction", 0.7, *SMALL)
    table, bad = tmp_path / "models.csv", tmp_path / "absent.tif"
    given = ["--models", MODELS_COMPARED, "--out", table, "--plots", tmp_path / "p"]
    result = run("compare-models", series, bad, still, *given)
    assert result.exit_code == 1
    assert "1 of 3 series could not be analysed" in result.stderr
    assert "absent.tif does not exist" in result.stderr
    assert "mobile_fraction is needed" in result.stdout
    assert "mobile_fraction may as well be left out" in result.stdout
    assert "best of 2 series: diffusion 1, diffusion+mobile_fraction 1" in result.stdout
    rows = pd.read_csv(table)
    assert rows.model.tolist() == MODELS_COMPARED.split(",") * 2
    best = rows.loc[rows.groupby("file").bic.idxmin()].set_index("file")
    assert best.model[str(series)] == "diffusion"
    assert best.model[str(still)] == "diffusion+mobile_fraction"
    assert best.D_um2_s_lower[str(still)] < 12 < best.D_um2_s_upper[str(still)]
    assert {path.name for path in (tmp_path / "p").iterdir()} == {"cell.png", "still.png"}


def test_comparison_of_models_for_machines(run, series):
    given = ["--models", MODELS_COMPARED, "--noise", "proportional", "--fixed", "a=1e-4"]
    result = run("compare-models", series, *given, "--fixed", "b=0", "--criterion", "aic", "--json")
    (record,) = json.loads(result.stdout)
    assert record["best"] == "diffusion"
    assert record["error"] == ""
    assert [row["n_parameters"] for row in record["models"]] == [3, 4]
    assert record["models"][1]["compared_with"] == "diffusion"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--models", "no_such_model"], "got 'no_such_model'"),
        (["--models", "diffusion+speed"], "after 'diffusion' models can name mobile_fraction"),
        (["--skip", 1], "imaging_bleach counts every frame"),
    ],
)
def test_models_that_cannot_be_compared_are_refused_before_any_file_is_read(run, options, message):
    result = run("compare-models", "absent.tif", *options)
    assert result.exit_code == 1
    assert message in result.output
    assert "absent.tif" not in result.output


@pytest.fixture
def table(tmp_path):
    """Write what estimates of two samples in two folders come to; return its path."""
    D = np.array([10.0, 11.0, 12.0, 30.0, 33.0, 36.0, np.nan])
    columns = {"file": [f"day/{'gel' if k < 3 else 'water'}/cell{k}.tif" for k in range(7)]}
    columns |= {"D_um2_s": D, "D_um2_s_lower": 0.95 * D, "D_um2_s_upper": 1.05 * D}
    columns["poorly_determined"] = [False] * 6 + [None]
    columns["flags"] = [None] * 5 + ["residuals are correlated", None]
    columns["dye"] = ["a", "b"] * 3 + ["b"]
    path = tmp_path / "table.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def test_replicates_are_averaged_and_compared(run, table, tmp_path):
    out, picture = tmp_path / "out" / "samples.csv", tmp_path / "samples.png"
    given = ["--by", "folder", "--compare", "--out", out, "--plot", picture]
    result = run("replicates", table, *given)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith("gel: D = 10.97 µm²/s (95 % interval ")
    assert "from 2 replicates, 2 left out (1 flagged, 1 no value)" in lines[1]
    assert lines[2].startswith("gel against water: D is 0.3486 times as large")
    assert lines[2].endswith("2 left out (1 flagged, 1 no value)")
    assert lines[3].startswith("note: the table does not say the level of its intervals; 95 %")
    rows = pd.read_csv(out)
    assert rows.group.tolist() == ["gel", "water"]
    assert rows.D_um2_s[0] == pytest.approx(np.cbrt(10 * 11 * 12), rel=1e-3)
    assert picture.stat().st_size > 5_000


def test_nested_replicates_take_their_levels_from_folders(run, tmp_path):
    rows = ["file,D_um2_s,D_um2_s_lower,D_um2_s_upper,dye"]
    for day, D in (("mon", 10), ("tue", 12), ("wed", 11)):
        rows += [f"{day}/d{k}/c.tif,{D + k},{D + k - 0.5},{D + k + 0.5},{'ab'[k]}" for k in (0, 1)]
    table, out = tmp_path / "table.csv", tmp_path / "means.csv"
    table.write_text("\n".join(rows) + "\n")
    given = "--levels", "day/dish", "--by", "dye", "--compare"
    lines = run("replicates", table, *given, "--out", out).stdout.splitlines()
    assert lines[0].startswith("a: D = 10.98 µm²/s (95 % interval ")
    assert "from 3 curves in 3 groups by day, 3 by dish" in lines[0]
    assert lines[-1].startswith("a against b: D is 0.9")
    assert "n_day" in out.read_text().splitlines()[0]
    record = json.loads(run("replicates", table, *given, "--json").stdout)
    assert [one["group"] for one in record["samples"]] == ["a", "b"]
    assert record["comparisons"][0]["freedom"] == pytest.approx(2, abs=0.1)
    result = run("replicates", table, "--levels", "week/day/dish")
    assert result.exit_code == 1
    assert "is in 2 folders" in result.stderr


def test_replicates_by_a_column_for_machines(run, table):
    record = json.loads(run("replicates", table, "--by", "dye", "--compare", "--json").stdout)
    assert [sample["group"] for sample in record["samples"]] == ["a", "b"]
    assert [sample["n_left_out"] for sample in record["samples"]] == [0, 2]
    assert record["comparisons"][0]["n_left_out"] == 2
    (sample,) = json.loads(run("replicates", table, "--scale", "linear", "--json").stdout)[
        "samples"
    ]
    assert (sample["n"], sample["n_left_out"]) == (5, 2)
    assert sample["reasons"] == {"flagged": 1, "no value": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--by", "sample"], "groups must be a column of the table, file, D_um2_s"),
        (["--name", "alpha"], "must have the column 'alpha'"),
        (["--compare"], "at least two groups"),
    ],
)
def test_replicates_that_a_table_does_not_tell_are_refused(run, table, options, message):
    result = run("replicates", table, *options)
    assert result.exit_code == 1
    assert message in result.output


HEAVY = {"jax", "keras", "matplotlib", "numpy", "pandas", "scipy", "sklearn", "tifffile", "tqdm"}
AT_ONCE = [
    ["--help"],
    ["--version"],
    *([command, "--help"] for command in cli.commands),
    ["no-such-command"],
    ["estimate"],
    ["estimate", "x.tif", "--no-such-option"],
    ["estimate", "x.tif", "--skip", "many"],
    ["estimate", "x.tif", "--model", "no_such_model"],
    ["estimate", "x.tif", "--free", "speed"],
    ["estimate", "x.tif", "--fixed", "speed=1"],
    ["compare-models", "x.tif", "--models", "no_such_model"],
    ["compare-models", "x.tif", "--models", "diffusion+speed"],
    ["noise"],
    ["plan", "--D", "1:100", "--vary", "speed=1"],
    ["plan", "--D", "1:100", "--free", "speed"],
    ["plan", "--D", "1:100", "--fixed", "speed=1"],
    ["plan", "--D", "1:100", "--model", "binding"],
    ["replicates", "no_such_table.csv"],
    ["simulate", "x.tif", "--k-on", "1"],
    ["simulate", "x.tif", "--c0", "2"],
    ["demo", "--c0", "2"],
]


def heavy_after(calls):
    """Call commands in a fresh interpreter; return the status and the modules after each."""
    code = """
import json, sys
from click.testing import CliRunner
import skfrap.__main__
from skfrap.cli import cli
heavy, calls = json.loads(sys.argv[1])
for call in calls:
    status = CliRunner().invoke(cli, call).exit_code
    print(json.dumps([call, status, [name for name in heavy if name in sys.modules]]))
"""
    command = [sys.executable, "-c", code, json.dumps([sorted(HEAVY), calls])]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def test_help_and_errors_in_arguments_import_nothing_heavy():
    # The last one has to read a file, which shows that what is imported would be seen.
    *at_once, (_, _, loaded) = heavy_after([*AT_ONCE, ["estimate", "no_such_file.tif"]])
    for call, status, heavy in at_once:
        assert (call, heavy) == (call, [])
        assert (status == 0) == (call[-1] in ("--help", "--version"))
    assert {"numpy", "scipy", "sklearn"} <= {*loaded}


def test_names_of_the_command_line_are_those_of_the_library():
    # Models that tests and docstrings define are in the registry as well.
    own = {name: model for name, model in MODELS.items() if hasattr(models, model.__name__)}
    assert {name: model.defaults() for name, model in own.items()} == _names.MODELS
    assert {*_names.SIMULATED} == {name for name in own if hasattr(own[name], "images")}
    assert _names.CANDIDATES == CANDIDATES
    assert [*_names.SETTINGS] == [*SETTINGS]


@pytest.mark.parametrize("text", ["speed", "diffusion+speed", "diffusion+D", "binding+k_on+k_on"])
def test_refusal_of_a_candidate_is_worded_as_in_the_library(text):
    with pytest.raises(ValueError, match="models ") as at_once:
        _names.check_candidate(text)
    with pytest.raises(ValueError, match="models ") as later:
        compare_models(np.ones((1, 110)), [text])
    # The order of the library's models is that of imports.
    words = [{*re.findall(r"[\w'+]+", str(error.value))} for error in (at_once, later)]
    assert words[0] <= words[1] <= words[0] | {*MODELS}  # tests define models as well


@pytest.mark.parametrize("what", ["free", "fixed"])
@pytest.mark.parametrize("model", [*_names.MODELS])
def test_refusal_of_a_name_is_worded_as_in_the_library(what, model):
    names = {"speed": 1.0}
    with pytest.raises(ValueError, match="speed") as at_once:
        _names.check_names(f"{what} (--{what})", names, model)
    with pytest.raises(ValueError, match="speed") as later:
        analysis.ExperimentOptions(
            model=model, **{what: names if what == "fixed" else tuple(names)}
        )
    assert str(at_once.value) == in_words(later.value)
