"""The command line, as a user calls it."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from skfrap.cli import cli
from skfrap.io import read_series, write_series

SMALL = ["--shape", "64", "64", "--bleach-region", "circle:8", "--n-postbleach", "30"]


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
    records = json.loads(run("estimate", series, again, "--plots", tmp_path / "p", "--json").stdout)
    pictures = [record["picture"] for record in records]
    assert len({*pictures}) == len([*(tmp_path / "p").iterdir()]) == 2


def test_folder_of_series_is_as_many_series(run, series, tmp_path):
    run("simulate", tmp_path / "cell2.tif", "--D", 50, *SMALL)
    records = json.loads(run("estimate", tmp_path, "--json").stdout)
    assert {record["series"] for record in records} == {"cell", "cell2"}


def test_table_is_written_whatever_goes_wrong(run, series, tmp_path, monkeypatch):
    import skfrap.cli

    def analyse(source, options):
        if "cell" not in str(source):
            raise KeyError("a defect")
        return analyse_series(source, options)

    analyse_series = skfrap.cli.analyse_series
    monkeypatch.setattr(skfrap.cli, "analyse_series", analyse)
    table = tmp_path / "results.csv"
    result = run("estimate", tmp_path / "other.tif", series, "--out", table)
    assert result.exit_code == 1
    rows = pd.read_csv(table)
    assert rows.D_um2_s.notna().tolist() == [False, True]
    assert "KeyError" in rows.error[0]


def test_table_that_cannot_be_written_is_refused_at_once(run, series, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("estimate", series, "--out", tmp_path / "file" / "results.csv")
    assert result.exit_code == 1
    assert "D =" not in result.output


def test_mobile_fraction_is_estimated_if_asked(run, tmp_path):
    path = tmp_path / "cell.tif"
    run("simulate", path, "--D", 12, "--noise-a", 1e-4, "--mobile-fraction", 0.7, *SMALL)
    (record,) = json.loads(run("estimate", path, "--mobile-fraction", "free", "--json").stdout)
    assert record["mobile_fraction_lower"] < 0.7 < record["mobile_fraction_upper"]
    assert "mobile fraction = " in run("estimate", path, "--mobile-fraction", "free").output
    (record,) = json.loads(run("estimate", path, "--mobile-fraction", 0.7, "--json").stdout)
    assert record["D_um2_s_lower"] < 12 < record["D_um2_s_upper"]


def test_bad_arguments_are_refused_in_words(run, series, tmp_path):
    result = run("simulate", tmp_path / "x.tif", "--alpha", 1.5)
    assert result.exit_code == 1
    assert "prior['alpha'] must lie between" in result.output
    result = run("estimate", series, "--bleach-region", "blob:3")
    assert result.exit_code == 1
    assert "nor understood as circle" in result.stderr
