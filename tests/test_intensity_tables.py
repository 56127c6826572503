"""Tables of intensities as programs write them: understood, or refused in words."""

import importlib.util
import json
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import _normalisations as nuclei
from benchmarks.robustness import _files
from skfrap.analysis import ExperimentOptions, analyse_curve
from skfrap.cli import cli
from skfrap.io import read_table
from skfrap.io.tables._read import looks_like_table
from skfrap.replicates import summarise_replicates
from skfrap.results._reading import read_table as read_results

HALF_TIME, MOBILE = 2.0, 0.8
TIMES = np.round(np.arange(40) * 0.5, 3)
N = 6
RNG = np.random.default_rng(0)
AFTER = TIMES[N:] - TIMES[N - 1]
RELATIVE = np.concatenate([np.ones(N), 1 - 0.6 * (1 - MOBILE * (1 - 2 ** (-AFTER / HALF_TIME)))])
FADING = np.exp(-TIMES / 80) * np.where(np.arange(40) < N, 1, 0.9)
DARK = 7.0
BLEACH = 100 * RELATIVE * FADING + DARK + RNG.normal(0, 0.2, 40)
WHOLE = 80 * FADING + DARK + RNG.normal(0, 0.05, 40)
BACK = DARK + RNG.normal(0, 0.05, 40)
COLUMNS = [TIMES, BLEACH, WHOLE, BACK]


def text_of(head, columns=COLUMNS, separator=",", form="{:.6g}"):
    cells = [["" if np.isnan(x) else form.format(x) for x in one] for one in columns]
    rows = [separator.join(row) for row in zip(*cells, strict=True)]
    return "\n".join([head, *rows]) + "\n"


def with_empty_cells(columns):
    """Put two bleach frames between, of which there are times and no values."""
    gap = np.array([TIMES[N - 1] + 0.1, TIMES[N - 1] + 0.2])
    return [np.insert(one, N, gap if k == 0 else [np.nan, np.nan]) for k, one in enumerate(columns)]


def fiji_labels():
    lines = ["\t".join([" ", "Label", "Area", "Mean", "Min", "Max"])]
    for k in range(len(TIMES)):
        for name, values in (("spot", BLEACH), ("cell", WHOLE), ("bg", BACK)):
            label = f"frap.tif:{name}:{k + 1}"
            lines.append(f"{len(lines)}\t{label}\t100\t{values[k]:.4f}\t1\t250")
    return "\n".join(lines)


INDEX = np.arange(1.0, len(TIMES) + 1)
AREAS = [np.full(len(TIMES), area) for area in (30.0, 900.0, 50.0)]
MULTI = [INDEX] + [x for pair in zip(AREAS, (BLEACH, WHOLE, BACK), strict=True) for x in pair]


def turned_text(heads, columns=COLUMNS):
    cells = [["" if np.isnan(x) else f"{x:.6g}" for x in one] for one in columns]
    return "\n".join(",".join([head, *row]) for head, row in zip(heads, cells, strict=True)) + "\n"


def long_text(head, by_frame=False):
    """Write a row for each region and frame, with the region's name and the time."""
    values = {"spot": BLEACH, "cell": WHOLE, "bg": BACK}
    places = [(k, one) for one in values for k in range(len(TIMES))]
    places = sorted(places, key=lambda place: place[0]) if by_frame else places
    rows = [f"{one},{TIMES[k]:g},{values[one][k]:.6g}" for k, one in places]
    return "\n".join([head, *rows]) + "\n"


def written_as(form, separator=";"):
    """Write intensities a hundred times as large, as a spreadsheet shows numbers."""
    rows = [[f"{t:g}".replace(".", ",") if "," in form(0.005) else f"{t:g}"] +
            [form(100 * x) for x in row] for t, *row in zip(*COLUMNS, strict=True)]  # fmt: skip
    return "\n".join(separator.join(row) for row in [["Time [s]", "A", "B", "C"], *rows]) + "\n"


def german(x):
    return f"{x:,.1f}".translate(str.maketrans(",.", ".,"))


LAYOUTS = {
    "turned": (turned_text(["Time [s]", "bleach", "whole", "background"]), {}),
    "turned, empty cells": (
        turned_text(["Time [s]", "A", "B", "C"], with_empty_cells(COLUMNS)),
        {},
    ),
    "turned, two names": (
        turned_text(["Time [s],", "ROI 1,Mean", "ROI 2,Mean", "ROI 3,Mean"]).replace(
            "Time [s],", "Time [s],s"
        ),
        {},
    ),
    "turned, names of frames": (
        ",".join(["ROI", *(f"T{k}" for k in range(40))])
        + "\n"
        + turned_text(["bleach", "whole", "background"], COLUMNS[1:]),
        {"frame_interval": 0.5},
    ),
    "turned, no names": (turned_text(["", "", "", ""]).replace("\n,", "\n")[1:], {}),
    "NIS-Elements, a row for each region": (long_text("ROI ID,Time [s],Mean Intensity"), {}),
    "Volocity": (long_text("Item Name,Relative Time (s),Mean (Ch1)", by_frame=True), {}),
    "Time Series Analyzer": (
        text_of(
            " ,ROI01,ROI02,ROI03,Average,Err",
            [INDEX, *COLUMNS[1:], np.mean(COLUMNS[1:], axis=0), 0.0 * INDEX + 1],
        ),
        {"frame_interval": 0.5},
    ),
    "Olympus": (
        text_of(
            '"Time [ms]","#1 CHS1 Ave","#2 CHS1 Ave","#3 CHS1 Ave"',
            [1e3 * TIMES, *COLUMNS[1:]],
        ),
        {},
    ),
    "ZEN blue, as it is exported": (
        text_of(
            "Index::Index!!I,RelativeTime::Relative Time!!R,IntensityMean1_R1::Mean of R1!!R,"
            "IntensityMean1_R2::Mean of R2!!R,IntensityMean1_R3::Mean of R3!!R\n,s,,,",
            [INDEX, *COLUMNS],
        ),
        {},
    ),
    "a mean among other names": (text_of("Time [s],Mean,reference,background"), {}),
    "dates": (
        "\n".join(
            ["Time,A,B,C"]
            + [
                f"2024-05-06 23:59:{50 + t:06.3f},{a:.6g},{b:.6g},{c:.6g}"
                if t < 10
                else f"2024-05-07 00:00:{t - 10:06.3f},{a:.6g},{b:.6g},{c:.6g}"
                for t, a, b, c in zip(*COLUMNS, strict=True)
            ]
        ),
        {},
    ),
    "LAS and easyFRAP": ("Channel 1\r\n" + text_of("Axis [s],ROI1 [],ROI2 [],ROI3 []"), {}),
    "ZEN": (text_of("Time [s],Intensity Region 1,Intensity Region 2,Intensity Region 3"), {}),
    "ZEN blue with units below": (
        text_of("Relative Time,R1_IntensityMean,R2_IntensityMean,R3_IntensityMean\ns,,,"),
        {},
    ),
    "LAS X, semicolons and decimal commas": (
        text_of("Time [s];ROI01;ROI02;ROI03", separator=";").replace(".", ","),
        {},
    ),
    "milliseconds": (
        text_of("time_ms\tbleach\treference\tbackground", [1000 * TIMES, *COLUMNS[1:]], "\t"),
        {},
    ),
    "minutes": (
        text_of("Time (min),FRAP,whole cell,BG", [TIMES / 60, *COLUMNS[1:]], form="{:.9g}"),
        {},
    ),
    "Fiji, Multi Measure": (
        text_of(" ,Area1,Mean1,Area2,Mean2,Area3,Mean3", MULTI),
        {"frame_interval": 0.5},
    ),
    "Fiji, names of regions": (
        text_of(" ,Area(spot),Mean(spot),Area(cell),Mean(cell),Area(bg),Mean(bg)", MULTI),
        {"frame_interval": 0.5},
    ),
    "Fiji, a row for each region": (fiji_labels(), {"frame_interval": 0.5}),
    "empty cells": (text_of("Axis [s],ROI1,ROI2,ROI3", with_empty_cells(COLUMNS)), {}),
    "no head": (text_of("", COLUMNS).lstrip("\n"), {}),
    "other order": (
        text_of("Time [s],dark,A,B", [TIMES, BACK, WHOLE, BLEACH]),
        {"columns": "background=dark"},
    ),
    "stamps": (
        "\n".join(
            ["Time,A,B,C"]
            + [
                f"0:00:{t:06.3f},{a:.5g},{b:.5g},{c:.5g}"
                for t, a, b, c in zip(*COLUMNS, strict=True)
            ]
        ),
        {},
    ),
    "blanks": (text_of("t a b c", separator="   "), {}),
    "statistics below": (text_of("Time [s],A,B,C") + "Mean,1,2,3\nSD,1,2,3\n", {}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_is_understood(tmp_path, layout):
    text, options = LAYOUTS[layout]
    path = tmp_path / "cell.csv"
    path.write_text(text, encoding="utf-8", newline="")
    table = read_table(path, **options)
    np.testing.assert_allclose(table.times_s - table.times_s[0], TIMES, atol=1e-6)
    np.testing.assert_allclose(table.bleach, BLEACH, atol=0.01)
    np.testing.assert_allclose(table.reference, WHOLE, atol=0.01)
    np.testing.assert_allclose(table.background, BACK, atol=0.01)
    assert table.n_prebleach == N
    assert looks_like_table(path)
    assert all(table.sources.values())
    assert len(table.bleach_times_s) == (2 if "empty cells" in layout else 0)
    assert ("turned, since its frames are columns" in table.sources["table"]) == (
        layout.startswith("turned")
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (written_as(lambda x: f"{x:,.1f}"), "commas between thousands"),
        (written_as(lambda x: f'"{x:,.1f}"', ","), "commas between thousands"),
        (written_as(lambda x: f"{1e3 * x:,.0f}"), "commas between thousands"),
        (written_as(german), "decimal commas, points between thousands"),
        (written_as(lambda x: f"{x:,.1f}".replace(",", " ")), "blanks between thousands"),
        (written_as(lambda x: f"{x:,.1f}".replace(",", "\u202f")), "blanks between thousands"),
        (written_as(lambda x: f"{x:,.1f}".replace(",", "'")), "blanks between thousands"),
        (written_as(lambda x: f"{x / 100:.2f}%"), "per cent"),
        (written_as(lambda x: f"{x / 100:.2f} %".replace(".", ",")), "decimal commas, per cent"),
    ],
)
def test_numbers_are_read_as_they_are_written_and_it_is_said(tmp_path, text, said):
    path = tmp_path / "cell.csv"
    path.write_text(text, encoding="utf-8")
    table = read_table(path)
    np.testing.assert_allclose(table.times_s, TIMES, atol=1e-9)
    np.testing.assert_allclose(table.bleach / table.bleach[0], BLEACH / BLEACH[0], atol=2e-4)
    np.testing.assert_allclose(table.background / table.bleach[0], BACK / BLEACH[0], atol=2e-4)
    assert table.sources["table"].endswith(f"between columns, {said}")


def test_workbook_says_the_same(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Time [s]", "Region 1", "Region 2", "Region 3"])
    for row in zip(*with_empty_cells(COLUMNS), strict=True):
        book.active.append([None if np.isnan(one) else float(one) for one in row])
    book.create_sheet("notes").append(["a cell", "of somebody"])
    path = tmp_path / "cell.xlsx"
    book.save(path)
    table = read_table(path)
    np.testing.assert_allclose(table.bleach, BLEACH, rtol=1e-12)
    assert (table.n_prebleach, len(table.bleach_times_s)) == (N, 2)
    book.create_sheet("again")
    for row in book.worksheets[0].values:
        book["again"].append(row)
    book.save(path)
    with pytest.raises(ValueError, match="2 sheets with tables, 'Sheet', 'again'"):
        read_table(path)
    assert len(read_table(path, sheet="again")) == 40
    book["again"]["B5"] = "=1+1"
    book.save(path)
    with pytest.raises(ValueError, match=r"the formula '=1\+1' in row 5"):
        read_table(path, sheet="again")


def test_an_old_workbook_is_read_or_refused_in_words(tmp_path, monkeypatch):
    path = tmp_path / "cell.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    if importlib.util.find_spec("xlrd") is not None:
        with pytest.raises(ValueError, match="damaged, or no workbook"):
            read_table(path)
    monkeypatch.setitem(__import__("sys").modules, "xlrd", None)
    with pytest.raises(ImportError, match=r"pip install xlrd, or save it as \.xlsx or CSV"):
        read_table(path)
    path.write_text(text_of("Time [s]\tA\tB\tC", separator="\t"))  # as Fiji names its text
    assert read_table(path).n_prebleach == N


def spoilt(k, value):
    columns = [one.copy() for one in COLUMNS]
    columns[k][20] = value
    return columns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("just words\nand more\n", "no rows of numbers below each other"),
        (text_of("Time [s],A,B,C").replace("\n3,", "\nx,"), "another kind|more"),
        (text_of("Time [s],A,B,C", spoilt(0, 0.0)), "must increase, and at line 22"),
        (text_of("Time [s],A,B,C", spoilt(0, np.nan)), "line 22 of .* has no time"),
        (text_of("Time [s],A,B,C", spoilt(1, np.inf)), "'inf' in 'A', where a number"),
        (text_of("Time [s],A,B,C", spoilt(1, 1e300)).replace("1e+300", "1e+999"), "too large"),
        (text_of("A,B,C", COLUMNS[1:]), "no column of times .*frame_interval"),
        (text_of("Time [s],A,B", [TIMES, BLEACH, 0.9 * BLEACH]), "both fall at once"),
        (text_of("Time [s],A,B", [TIMES, WHOLE * 0 + 5, BACK]), "falls at once"),
        (text_of("Time [s],A,B,C", [TIMES, BLEACH, WHOLE, 0.9 * WHOLE]), "none is much darker"),
        (text_of("Time [s],A,B", [TIMES, BLEACH, 0.4 * WHOLE]), "what the column 'B' is"),
        (text_of("Time [s],A,B,C,D,E", [*COLUMNS, WHOLE, WHOLE]), "besides the bleached one"),
        (text_of("Time [s],bleach,A", [TIMES, WHOLE, BLEACH]), "named as bleached, and 'A' falls"),
        (text_of("Time [s],Raw FRAP,Corrected FRAP", [TIMES, BLEACH, BLEACH]), "could all be the"),
        (text_of("Time [s],Time [ms],A", [TIMES, 1000 * TIMES, BLEACH]), None),
        (text_of("Time [s],Time 2,A", [TIMES, 2 * TIMES, BLEACH]), "several columns of times"),
        (
            text_of("Time [s];A", [TIMES, BLEACH], ";").replace("105.886", "105,9"),
            "points and with comma",
        ),
        (text_of("Time [s],A", [TIMES, BLEACH]).replace(".", ","), "more cells than the head"),
        (text_of("Time [s],x,reference", [TIMES, BLEACH, WHOLE]), "no column is left for the"),
        (text_of("Time [s],A", [TIMES, BLEACH]).replace("0,", "0,1.507.025 and ", 1), "line 2 of"),
        (text_of("Time [s],A,B,C").replace("\n1,", "\n1.\n0,"), "line 4 of .* has other cells"),
        ("file,error,sources\na,b,c\n", "results of skfrap"),
        (
            "\n".join(f"{k}.lsm,Time," + ",".join(map(str, range(90))) for k in range(9)),
            "frames are columns",
        ),
        (written_as(lambda x: f"{x:,.0f}"), "points and with commas"),
        (written_as(lambda x: german(x) if x < 5000 else f"{x:,.1f}"), "points and with commas"),
        (written_as(lambda x: f"{x:g}%" if x < 5000 else f"{x:g}"), "sign of per cent in 'A'"),
        (
            text_of("Time [s],bleach (%),reference,background"),
            "'bleach \\(%\\)' in per cent, and not both",
        ),
        (text_of("Time [s],Sum bleach,Sum cell,Sum background"), "sums over a region"),
        (text_of("Time [s],log10 bleach", [TIMES, np.log10(BLEACH)]), "has logarithms"),
        (
            ",".join(["ROI,Area", *(f"T{k}" for k in range(40))])
            + "\n"
            + turned_text(["bleach,30", "cell,900"], COLUMNS[1:3]),
            "frames are columns",
        ),
        (
            text_of("Time,A,B,C").replace("\n1,", "\n2024-05-06 10:00:01,"),
            "where all others are of another kind",
        ),
        ("\n".join(",".join(map(str, range(90))) for _ in range(4)), "frames are columns"),
    ],
)
def test_what_is_not_clear_is_refused_in_words(tmp_path, text, message):
    path = tmp_path / "cell.csv"
    path.write_text(text, encoding="utf-8")
    if message is None:
        assert read_table(path).n_prebleach == N
        return
    with pytest.raises(ValueError, match=message):
        read_table(path)


def test_what_is_told_is_taken(tmp_path):
    path = tmp_path / "cell.csv"
    path.write_text(text_of("Time [s],A,B,C", [TIMES, BLEACH, 0.9 * BLEACH, WHOLE]))
    table = read_table(path, columns={"bleach": "b", "reference": "4", "background": "none"})
    np.testing.assert_allclose(table.bleach, 0.9 * BLEACH, atol=0.01)
    assert table.sources["bleached region"] == "column 'B', told"
    assert table.background is None
    for wrong in ("bleach=Z", "spot=A", "bleach=A,bleach=B", {"bleach": "none"}):
        with pytest.raises(ValueError, match="columns"):
            read_table(path, columns=wrong)


def test_frames_recorded_while_bleaching_are_left_out(tmp_path):
    path = tmp_path / "cell.csv"
    bleach = np.insert(BLEACH, N, [85.0, 65.0])
    times = np.concatenate([TIMES[:N], TIMES[N - 1] + [0.1, 0.2], TIMES[N:]])
    path.write_text(text_of("Time [s],bleach", [times, bleach]))
    table = read_table(path)
    assert (table.n_prebleach, table.n_bleach_recorded) == (N, 2)
    analysis = analyse_curve(path)
    assert analysis.protocol.n_frames == 40
    assert "2 frames after them recorded while bleaching" in analysis.sources["prebleach frames"]


def test_rows_with_empty_cells_elsewhere_are_left_out_and_said(tmp_path):
    path = tmp_path / "cell.csv"
    path.write_text(text_of("Time [s],A,B,C", spoilt(2, np.nan)))
    table = read_table(path)
    assert len(table) == 39
    assert [one.code for one in table.findings] == ["table_rows_left_out"]
    assert "lines 22" in table.sources["rows left out"]


def test_half_time_and_mobile_fraction_need_no_region(tmp_path):
    path = tmp_path / "cell.csv"
    path.write_text(text_of("Axis [s],ROI1,ROI2,ROI3"))
    analysis = analyse_curve(path)
    assert not analysis.has_region
    assert abs(analysis.estimates.half_time_s[0] / HALF_TIME - 1) < 0.05
    assert abs(analysis.estimates.mobile_fraction[0] - MOBILE) < 0.02
    assert analysis.sources["normalisation"].startswith("double")
    with pytest.raises(ValueError, match="'binding' needs the bleach region"):
        analyse_curve(path, ExperimentOptions(model="binding"))
    full = analyse_curve(path, ExperimentOptions(normalisation="full_scale"))
    assert full.estimates.has_finding("zero_after_bleaching")[0]


def test_folders_of_tables_give_a_row_each(tmp_path):
    folder = tmp_path / "cells"
    for condition in ("control", "treated"):
        (folder / condition).mkdir(parents=True)
        for k in (1, 2, 10):
            (folder / condition / f"{k}.csv").write_text(text_of("Axis [s],ROI1,ROI2,ROI3"))
    (folder / "control" / "broken.tsv").write_text("1\t2\n")
    (folder / "notes.txt").write_text("somebody's notes\n")
    out = folder / "results.csv"
    said = ["estimate", str(folder), "--out", str(out)]
    first = CliRunner().invoke(cli, said)
    assert "notes.txt passed over" in first.stderr
    assert "1 of 7 series could not be analysed" in first.stderr
    rows = out.read_text(encoding="utf-8").splitlines()
    assert len(rows) == 8
    again = CliRunner().invoke(cli, [*said, "--resume"])
    assert "6 of 7 series are taken over" in again.stderr
    averaged = CliRunner().invoke(
        cli, ["replicates", str(out), "--by", "folder", "--name", "half_time", "--json"]
    )
    samples = json.loads(averaged.stdout)["samples"]
    assert [one["group"] for one in samples] == ["control", "treated"]


def test_info_says_what_a_table_holds(tmp_path):
    path = tmp_path / "cell.csv"
    rows = [f"{0.5 * k},{1.0 if k < 4 else 0.4 + 0.02 * k:.3f},1.0" for k in range(20)]
    path.write_text("\n".join(["time (s),bleach,reference", *rows]), encoding="utf-8")
    result = CliRunner().invoke(cli, ["info", str(path)])
    assert result.exit_code == 0, result.output
    assert "frames: 20, bleach, reference" in result.output
    assert "clock: 0.5 s from frame to frame, 9.5 s in all" in result.output
    path.write_text("nothing", encoding="utf-8")
    assert CliRunner().invoke(cli, ["info", str(path)]).exit_code == 1


@pytest.fixture(scope="module")
def nucleus(tmp_path_factory):
    """A table of a small nucleus that fades."""
    folder = tmp_path_factory.mktemp("nuclei")
    return nuclei.write_tables(folder, 1, nuclei.FADING, np.random.default_rng(1))[0]


@pytest.mark.parametrize(("columns", "n_rows"), [(None, 2), ("reference=none", 1)])
def test_a_cell_is_told_beside_a_table(nucleus, columns, n_rows):
    told = {"bleach_region": "circle:1.5", "columns": columns, "start": "told"}
    free = ("mobile_fraction", "imaging_bleach")
    analysis = analyse_curve(
        nucleus, ExperimentOptions(**told, compartment="ellipse:8x5", free=free)
    )
    estimates = analysis.estimates
    assert analysis.protocol.n_rows == n_rows
    assert estimates.D_um2_s_lower[0] < nuclei.TRUTH["D"] < estimates.D_um2_s_upper[0]
    assert abs(estimates.mobile_fraction[0] - nuclei.TRUTH["mobile_fraction"]) < 0.03
    assert abs(estimates.imaging_bleach[0] - (1 - nuclei.FADING)) < 2e-4
    assert "reference" in analysis.sources["rows"]
    assert "over the reference" not in analysis.sources["normalisation"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compartment": "auto"}, "there is no image to find it in"),
        ({"compartment": "ellipse:8x5@10,8"}, "both or none of"),
        ({"compartment": "ellipse:8x5", "normalisation": "double"}, "leave out normalisation"),
        ({"reference": "circle:1@2,2"}, "which column of the table is the reference"),
        ({"background": "circle:1@2,2"}, "which column of the table is the background"),
        (
            {"compartment": "ellipse:8x5", "rows": "compartment", "columns": "reference=none"},
            "measured in the reference column",
        ),
    ],
)
def test_what_a_table_cannot_answer_is_refused_in_words(nucleus, options, message):
    with pytest.raises(ValueError, match=message):
        analyse_curve(nucleus, ExperimentOptions(bleach_region="circle:1.5", **options))


@pytest.mark.parametrize(
    ("region", "model", "free", "name"),
    [
        ([], "exponential", "mobile_fraction", "half_time_s"),
        (["--bleach-region", "circle:1.5"], "diffusion", "mobile_fraction", "D_um2_s"),
    ],
)
def test_models_are_compared_on_tables_as_they_are_estimated(nucleus, region, model, free, name):
    def run(*arguments):
        result = CliRunner().invoke(cli, [*arguments, str(nucleus), *region, "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)[0]

    # Imaging bleach, which is compared by default, takes long over so many frames.
    models = ["--models", f"{model},{model}+{free}"] if region else []
    compared = run("compare-models", *models)
    alone = run("estimate", "--model", model, "--free", free)
    row = next(one for one in compared["models"] if one["model"] == f"{model}+{free}")
    for column in (name, f"{name}_lower", f"{name}_upper", "mobile_fraction", "alpha"):
        assert row[column] == pytest.approx(alone[column], rel=1e-9)
    for words in ("bleached region: column", "normalisation: double"):
        assert words in compared["sources"]


def test_a_model_of_lengths_is_not_compared_where_no_length_is_known(nucleus):
    result = CliRunner().invoke(cli, ["compare-models", str(nucleus), "--models", "diffusion"])
    assert result.exit_code == 1
    assert "the model 'diffusion' needs the bleach region" in result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("times", [0.0, 1.0]),
        ("dark_level", 5.0),
        ("fading", "frame"),
        ("background", "divide"),
        ("drift", "rigid"),
        ("recenter", True),
        ("data", "images"),
    ],
)
def test_what_is_of_images_is_refused_of_a_table(nucleus, name, value):
    with pytest.raises(ValueError, match=f"{name} is of images, and does nothing to a table"):
        analyse_curve(nucleus, ExperimentOptions(bleach_region="circle:1.5", **{name: value}))


@pytest.mark.slow
def test_damaged_tables_and_regions_lose_nothing_in_silence():
    found = _files.run(4, seed=1, of="tables")
    assert found["read"] > 2
    assert [found[name] for name in ("lost", "raised", "slow", "large")] == [[], [], [], []]


@pytest.mark.parametrize(
    ("head", "scale", "codes"),
    [
        ("Time [s]", 1, []),
        ("Time {ms}", 1000, []),
        ("Time (millisec)", 1000, []),
        ("Time_msecs", 1000, []),
        ("Time (sec.)", 1, []),
        ("Time", 1, ["time_unit_assumed"]),
        ("Time", 1000, ["time_unit_unlikely"]),
        ("Time [ms]", 1, ["time_unit_unlikely"]),
    ],
)
def test_the_unit_of_times_is_read_or_spoken_of(tmp_path, head, scale, codes):
    path = tmp_path / "cell.csv"
    path.write_text(text_of(f"{head},bleach,reference,background", [scale * TIMES, *COLUMNS[1:]]))
    table = read_table(path)
    assert [one.code for one in table.findings] == codes
    if not codes:
        np.testing.assert_allclose(table.times_s, TIMES, atol=1e-9)
    told = read_table(path, frame_interval=0.5).findings
    assert not [one for one in told if one.code.startswith("time_unit")]
    result = analyse_curve(path, ExperimentOptions())
    assert [one.code for one in result.findings if one.code.startswith("time_unit")] == codes


def test_a_table_that_is_there_twice_is_told_and_counts_once(tmp_path):
    other = [TIMES, BLEACH + np.random.default_rng(5).normal(0, 0.2, len(BLEACH)), WHOLE, BACK]
    head = "Time [s],bleach,reference,background"
    for name, columns in (("a", COLUMNS), ("b", other), ("c", COLUMNS)):
        (tmp_path / f"{name}.csv").write_text(text_of(head, columns))
    out = tmp_path / "results.csv"
    files = [str(tmp_path / f"{name}.csv") for name in "abc"]
    said = CliRunner().invoke(cli, ["estimate", *files, "--out", str(out), "--jobs", "1"])
    assert said.exit_code == 0, said.output
    assert said.stdout.count("the same numbers as") == 1
    rows = read_results(out)
    assert [("same_numbers" in one) for one in rows["findings"]] == [False, False, True]
    assert "a.csv, to the last digit" in rows["flags"][2]
    again = CliRunner().invoke(cli, ["estimate", *files, "--out", str(out), "--resume"])
    assert again.exit_code == 0
    assert [("same_numbers" in one) for one in read_results(out)["findings"]][2]
    report = tmp_path / "report.html"
    told = CliRunner().invoke(cli, ["estimate", *files, "--report", str(report), "--jobs", "1"])
    assert told.exit_code == 0, told.output
    first, last = (report.read_text().partition(f'id="s{k}"')[2] for k in (1, 3))
    section = first.partition("</article>")[0]
    assert "Beside the other series" not in section
    assert "Doubtful" not in section.partition("<h4>")[0]
    section = last.partition("</article>")[0]
    assert "Beside the other series" in section
    assert "The same numbers as" in section
    averaged = CliRunner().invoke(cli, ["replicates", str(out), "--name", "half_time", "--json"])
    (sample,) = json.loads(averaged.stdout)["samples"]
    assert sample["n"] == 2
    # Of a table that was estimated without a word of it.
    bare = {name: rows[name] for name in ("file", "half_time_s", "half_time_s_lower")}
    bare["half_time_s_upper"] = rows["half_time_s_upper"]
    summary = summarise_replicates(bare, name="half_time")
    assert summary.reasons == (("same numbers as another",),)


def test_an_interval_that_is_not_the_tables_is_spoken_of(tmp_path):
    path = tmp_path / "cell.csv"
    path.write_text(text_of("Time [s],bleach,reference,background"))
    for interval, differs in ((0.5, False), (500.0, True)):
        found = read_table(path, frame_interval=interval).findings
        assert [one.label for one in found] == ["given_value_differs:frame_interval"] * differs


def test_a_fit_beside_the_curve_is_no_reference(tmp_path):
    path = tmp_path / "cell.csv"
    path.write_text(text_of("Time [s],bleach,fit", [TIMES, BLEACH, BLEACH + 0.1]))
    with pytest.raises(ValueError, match="'fit' is, is not clear: it falls at bleaching"):
        read_table(path)
    told = read_table(path, columns="reference=none,background=none")
    assert told.reference is None


def test_a_row_far_below_is_refused_before_all_rows_above_it_are_made(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in zip(TIMES, BLEACH, strict=True):
        book.active.append([*map(float, row)])
    path = tmp_path / "far.xlsx"
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    last = b'<row r="%d"' % len(TIMES)
    assert last in members[sheet]
    members[sheet] = members[sheet].replace(last, b'<row r="999999999"')
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="more cells than a table of intensities can have"):
        read_table(path)
