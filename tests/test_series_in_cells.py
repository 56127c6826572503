"""Series of cells: compartments told, stored and found; rows; budgets; other readings."""

import csv
import json

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from sklearn.pipeline import make_pipeline

from skfrap import Circle, Compartment, Ellipse, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.analysis import (
    ExperimentOptions,
    analyse_series,
    describe_experiment,
    read_recordings,
)
from skfrap.analysis._geometries import _whole_of_fit
from skfrap.cli import cli
from skfrap.io import ImageSeries, write_series
from skfrap.judging._budget import Budget, equilibrium_of, judge_budget, measure_budget
from skfrap.models import model_for
from skfrap.plotting import plot_analysis
from skfrap.preprocessing import RecoveryCurveExtractor

pytestmark = pytest.mark.slow

CELL = Ellipse((7.0, 5.0), center=(9.0, 7.0))
DONE = FRAPProtocol(
    shape=(56, 72), pixel_size=0.25, bleach_region=Circle(2.2, (9.0, 7.0)), n_bleach=1,
    n_postbleach=50, frame_interval=0.2, compartment=CELL,
)  # fmt: skip
TRUTH = {"D": 1.0, "c0": 0.7, "alpha": 0.3, "mobile_fraction": 0.8, "a": 1e-3}
TOLD = {"n_prebleach": 10, "bleach_region": "circle:2.2@9,7", "first_postbleach": 0.2}


def series_of(done=DONE, seed=0, floor=0.02, change=None, **truth):
    frames = FRAPSimulator(done, TRUTH | truth, random_state=seed).sample_images(1).data[0] + floor
    if change is not None:
        frames = change(frames)
    times = done.times - done.times[0]
    return ImageSeries(frames, "cell", pixel_size_um=done.pixel_size, times_s=times)


def analysis_of(series, **options):
    return analyse_series(
        series, ExperimentOptions(**TOLD | {"free": ("mobile_fraction",)} | options)
    )


def codes_of(analysis):
    return {one.code for one in analysis.estimates.findings[0]}


def row_of(analysis, name):
    return next(one for one in analysis.alternatives if one.name == name)


@pytest.fixture(scope="module")
def series():
    return series_of()


@pytest.fixture(scope="module")
def opened(series):
    return analysis_of(series)


def test_without_a_compartment_the_edge_is_said_and_the_cell_is_recommended(opened):
    assert "sample_ends" in codes_of(opened)
    assert "'auto' find it" in str(opened.estimates.findings[0])
    assert opened.protocol.compartment is None
    best = opened.alternatives.recommended
    assert best.name == "in its compartment"
    assert best.lower["D"] < 1.0 < best.upper["D"]
    assert opened.estimates.D_um2_s_lower[0] > 1.0  # the open field is off


@pytest.mark.parametrize("compartment", ["auto", "ellipse:7x5@9,7", CELL, Compartment(CELL)])
def test_the_compartment_is_found_or_told(series, opened, compartment):
    analysis = analysis_of(series, compartment=compartment, rows="compartment")
    assert analysis.estimates.D_um2_s_lower[0] < 1.0 < analysis.estimates.D_um2_s_upper[0]
    assert analysis.estimates.mobile_fraction[0] == pytest.approx(0.8, abs=0.012)
    assert not analysis.estimates.findings[0]
    assert analysis.protocol.row_names == ("bleach_region", "compartment")
    assert len(analysis.curve) == len(analysis.fitted) == 2 * analysis.protocol.n_frames
    assert "in a compartment" in analysis.sources["background"]
    said = "found in the frames" if compartment == "auto" else "given"
    assert analysis.sources["compartment"].startswith(said)
    assert analysis.to_record()["compartment_um2"] == pytest.approx(np.pi * 35, rel=0.03)
    other = row_of(analysis, "open field")
    assert other.values["D"] == pytest.approx(opened.estimates.D_um2_s[0], rel=1e-6)
    assert not other.recommended


def test_images_of_compartments_may_have_labels(series, tmp_path):
    labels = np.zeros(DONE.shape, np.uint16)
    labels[CELL.area_fractions(DONE.shape, 0.25) > 0.5] = 2
    labels[:5, :8] = 1
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, labels)
    analysis = analysis_of(series, compartment=path)
    assert "its label 2" in analysis.sources["compartment"]
    assert analysis.estimates.D_um2_s_lower[0] < 1.0 < analysis.estimates.D_um2_s_upper[0]
    labels[labels == 2] = 0
    tifffile.imwrite(path, labels)
    with pytest.raises(ValueError, match="no piece of one value that holds the bleach region"):
        analysis_of(series, compartment=path)


def test_regions_are_rows_by_their_names(series):
    analysis = analysis_of(series, compartment="auto", rows=["reference:circle:1.5@13.5,7"])
    assert analysis.protocol.row_names == ("bleach_region", "reference")
    assert analysis.estimates.D_um2_s_lower[0] < 1.0 < analysis.estimates.D_um2_s_upper[0]
    assert "reference" in analysis.sources["rows"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"rows": "compartment"}, "rows are measured in a compartment, and there is none"),
        ({"rows": "compartment", "compartment": "none"}, "it is 'none'"),
        ({"compartment": "cell.txt"}, "compartment must be 'auto'"),
        ({"compartment": 3.0}, "compartment must be 'auto'"),
        ({"compartment": "auto", "rows": "circle:2"}, "a name with a region"),
        ({"compartment": "auto", "rows": ["cytosol"]}, "a name with a region"),
        ({"compartment": "auto", "rows": ["far:nowhere"]}, "neither a region"),
        ({"compartment": "auto", "rows": ["compartment"], "fading": "frame"}, "choose one"),
        ({"compartment": "auto", "model": "flow"}, "the protocol has a compartment"),
        ({"compartment": "circle:4@9,7", "bleach_region": "circle:1@2,2"}, "in the compartment"),
    ],
)
def test_what_does_not_go_together_is_refused_in_words(series, options, word):
    options = {"free": ()} | options
    with pytest.raises(ValueError, match=word):
        analysis_of(series, **options)


# The start as seen


def test_the_start_is_measured_within_the_outline(series):
    wrong = "circle:1@7,6"
    analysis = analysis_of(series, compartment="auto", start="measured", bleach_region=wrong)
    assert analysis.start == "measured"
    assert analysis.estimates.D_um2_s_lower[0] < 1.0 < analysis.estimates.D_um2_s_upper[0]
    assert analysis.seen.center == pytest.approx((9.0, 7.0), abs=0.3)
    assert analysis.protocol.bleach_region.radius == pytest.approx(2.2, abs=0.5)
    n = analysis.protocol.n_prebleach
    assert analysis.fitted[n:] == pytest.approx(analysis.curve[n:], abs=0.02)
    plot_analysis(analysis)


def test_a_region_that_is_told_wrongly_is_contradicted_within_the_outline(series):
    analysis = analysis_of(series, compartment="auto", start="auto", bleach_region="circle:1@7,6")
    assert analysis.start == "measured"
    assert "the images contradict the region told" in analysis.sources["start"]
    right = analysis_of(series, compartment="auto", start="auto")
    assert right.start == "told"
    assert "the images without the region agree" in right.sources["start"]


# The budget


def test_a_bleach_that_takes_more_of_the_cell_is_said(series):
    """As a beam does that is wide beside the region: here all of the cell loses 8 %."""

    def dim(frames):
        frames = frames.copy()
        frames[10:] *= 0.92
        return frames

    analysis = analysis_of(series_of(change=dim), compartment="auto")
    assert "compartment_loses_more" in codes_of(analysis)
    opened = analysis_of(series_of(change=dim))
    row = row_of(opened, "in its compartment")
    assert "compartment_loses_more" in {one.code for one in row.findings}
    assert not row.recommended


def test_what_comes_in_from_elsewhere_is_said():
    def filled(frames):
        inside = CELL.area_fractions(DONE.shape, 0.25)
        frames = frames.copy()
        frames[10:] += 0.05 * inside * (1 - np.exp(-np.arange(50.0) / 15))[:, None, None]
        return frames

    analysis = analysis_of(series_of(change=filled), compartment="auto")
    assert "compartment_wins_back" in codes_of(analysis)


def test_models_of_one_row_may_be_used_in_compartments(series):
    analysis = analysis_of(series, compartment="auto", model="exponential", free=())
    assert not len(analysis.alternatives)
    assert analysis.protocol.compartment is not None


@pytest.mark.parametrize("density", [None, np.linspace(1.0, 3.0, 56 * 72).reshape(56, 72)])
def test_the_light_of_the_whole_is_known_without_following_it(density):
    """Where particles stay in the compartment: it is what the model gives for that row."""
    protocol = DONE.replace(compartment=Compartment(CELL, density))
    both = protocol.replace(rows="compartment")
    model = type(model_for(protocol, "diffusion"))
    X = model_for(protocol, model).curves(**{k: v for k, v in TRUTH.items() if k != "a"})
    fits = [
        LeastSquaresFRAP(one, parameters=("D", "c0", "alpha", "mobile_fraction")).fit(curve)
        .fit_results(curve) for one, curve in ((protocol, X), (both, _both(both)))
    ]  # fmt: skip
    quick = _whole_of_fit(fits[0], protocol, both, model)
    fitted = _whole_of_fit(fits[1], both, both, model)
    assert quick == pytest.approx(fitted / fitted[0], abs=2e-4)
    assert quick[-1] < 0.95


def _both(protocol):
    truth = {name: value for name, value in TRUTH.items() if name != "a"}
    return model_for(protocol, "diffusion").curves(**truth)


def test_budgets_are_those_of_the_model():
    n, model = 10, np.concatenate([np.ones(10), np.full(40, 0.9)])
    random = np.random.default_rng(0)
    right = 300 * (model + 0.003 * random.standard_normal(50))
    assert not judge_budget(measure_budget(right, model, n))
    less = np.concatenate([np.ones(10), np.full(40, 0.8)])
    budget = measure_budget(less, model, n)
    assert budget.lost == pytest.approx(0.2)
    assert budget.expected == pytest.approx(0.1)
    assert [one.code for one in judge_budget(budget)] == ["compartment_loses_more"]
    noisy = Budget(0.13, 0.1, 0.03, 0.01)
    assert not judge_budget(noisy)
    assert measure_budget(np.zeros(50), model, n) is None
    assert judge_budget(None) == []


# Uneven compartments


@pytest.mark.parametrize("reading", ["partition", "sites"])
def test_uneven_compartments_have_both_readings(reading):
    x = np.indices(DONE.shape)[1] * 0.25
    density = 2 ** ((x - 9) / 4.5)
    region = Circle(1.6, (12.5, 7.0))
    cell = Compartment(CELL, density, reading)
    done = DONE.replace(compartment=cell, bleach_region=region)
    analysis = analysis_of(
        series_of(done, a=1e-4, c0=0.4), compartment=CELL, bleach_region="circle:1.6@12.5,7"
    )
    assert "compartment_uneven" in codes_of(analysis)
    assert "compartment_loses_more" not in codes_of(analysis)  # which counts light, not area
    right = row_of(analysis, f"uneven, {reading}")
    assert right.values["D"] == pytest.approx(1.0, abs=0.06)
    assert not right.recommended
    others = [row_of(analysis, f"uneven, {one}").values["D"] for one in ("partition", "sites")]
    assert max(others) > 1.1 * min(others)


def test_readings_stand_beside_an_outline_that_was_only_found():
    x = np.indices(DONE.shape)[1] * 0.25
    region = Circle(1.6, (12.5, 7.0))
    cell = Compartment(CELL, 2 ** ((x - 9) / 4.5), "sites")
    done = DONE.replace(compartment=cell, bleach_region=region)
    series = series_of(done, a=1e-4, c0=0.4)
    analysis = analysis_of(series, bleach_region="circle:1.6@12.5,7")
    row = row_of(analysis, "in its compartment")
    assert "compartment_uneven" in {one.code for one in row.findings}
    assert not row.recommended
    assert row_of(analysis, "uneven, sites").values["D"] == pytest.approx(1.0, abs=0.1)


def test_even_compartments_are_even_through_noise():
    inside = CELL.area_fractions(DONE.shape, 0.25)
    noise = np.random.default_rng(0).standard_normal(DONE.shape)
    image, variation = equilibrium_of(inside + 0.05 * noise, inside)
    assert variation < 0.02
    assert (image > 0).all()
    texture = 1 + 0.3 * np.sin(np.indices(DONE.shape)[1] / 4)
    _, variation = equilibrium_of(inside * texture, inside)
    assert variation == pytest.approx(0.3 / np.sqrt(2), rel=0.2)


# The command line


def test_the_command_line_takes_compartments_and_rows(tmp_path):
    path, table = str(tmp_path / "cell.tif"), tmp_path / "cells.csv"
    simulate = [
        "simulate", path, "--shape", "56", "72", "--pixel-size", "0.25", "--frame-interval", "0.2",
        "--bleach-region", "circle:2.2@9,7", "--n-bleach", "1", "--n-postbleach", "50", "--D", "1",
        "--alpha", "0.3", "--noise-a", "1e-3", "--compartment", "ellipse:7x5@9,7",
    ]  # fmt: skip
    assert CliRunner().invoke(cli, simulate).exit_code == 0

    def run(*options):
        result = CliRunner().invoke(cli, ["estimate", path, *options], catch_exceptions=False)
        return result.exit_code, result.output

    code, text = run("--out", str(table))
    assert code == 0
    assert "compartment: protocol in the file" in text
    with table.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["compartment_um2"]) == pytest.approx(np.pi * 35, rel=1e-3)
    assert float(row["open_field_D_um2_s"]) > 0
    code, text = run("--compartment", "none")
    assert code == 0
    assert "in its compartment" in text
    assert "recommended: in its compartment" in text
    code, text = run("--compartment", "auto", "--rows", "compartment", "--json")
    assert code == 0
    (record,) = json.loads(text)
    assert record["D_um2_s_lower"] < 1.0 < record["D_um2_s_upper"]
    assert "rows: the bleach region, compartment" in record["sources"]
    assert record["alternatives"][-1]["name"] == "open field"
    code, text = run("--compartment", "none", "--rows", "compartment")
    assert code != 0
    assert "--rows" in text
    code, text = run("--compartment", "nowhere")
    assert code != 0
    assert "--compartment" in text


def test_a_compartment_that_is_not_found_says_why(tmp_path):
    even = FRAPProtocol(
        shape=(48, 48), pixel_size=0.25, bleach_region=Circle(1.5), n_bleach=1, n_postbleach=10
    )
    images = FRAPSimulator(even, TRUTH, random_state=0).sample_images(1).data[0]
    path = tmp_path / "even.tif"
    info = {"protocol": even.to_dict()}
    write_series(path, images, pixel_size_um=0.25, frame_interval_s=0.265, info=info)
    result = CliRunner().invoke(cli, ["estimate", str(path), "--compartment", "auto"])
    assert result.exit_code == 1
    assert "no dark surroundings" in result.output


def test_tables_of_curves_have_no_compartment(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("time,intensity\n-1,1\n0.5,0.4\n1,0.5\n2,0.6\n3,0.7\n", encoding="utf-8")
    refused = {
        ("--compartment", "auto"): "there is no image to find it in",
        ("--rows", "compartment"): "--rows are measured in a compartment, and there is none",
    }
    for option, words in refused.items():
        command = ["estimate", str(path), "--bleach-region", "circle:2", *option]
        result = CliRunner().invoke(cli, command)
        assert result.exit_code == 1
        assert words in result.output


def test_recordings_of_several_cells_bring_their_outlines():
    small = DONE.replace(compartment=Ellipse((5.5, 4.5), center=(9.0, 7.0)))
    options = ExperimentOptions(**TOLD, compartment="auto")
    cells = [series_of(one, mobile_fraction=1.0) for one in (DONE, small)]
    recordings = read_recordings(cells, options)
    areas = [one.protocol.compartment_mask.sum() * 0.25**2 for one in recordings]
    assert areas == pytest.approx([np.pi * 35, np.pi * 5.5 * 4.5], rel=0.03)
    pipeline = make_pipeline(RecoveryCurveExtractor(), LeastSquaresFRAP()).fit(recordings)
    assert 10 ** pipeline.predict(recordings)[:, 0] == pytest.approx([1.0, 1.0], rel=0.06)
    protocol, sources = describe_experiment(cells[0], options)
    assert protocol == recordings[0].protocol
    assert sources["compartment"].startswith("found")
