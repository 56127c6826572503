"""A series by all its pixels: beside the curve, in its place, and where the two disagree."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

from skfrap import Circle, FRAPProtocol, FRAPSimulator
from skfrap.analysis import ExperimentOptions, analyse_series
from skfrap.cli import cli
from skfrap.io import ImageSeries, write_series
from skfrap.results import FINDINGS

D = 2.0
DONE = FRAPProtocol(
    shape=(56, 56), pixel_size=0.5, bleach_region=Circle(3.5), n_prebleach=6, n_bleach=1,
    n_postbleach=30, frame_interval=0.4, padding=32,
)  # fmt: skip
TRUTH = {"D": D, "c0": 0.6, "alpha": 0.4, "a": 1e-3}


def series_of(done=DONE, seed=0, light=None, **truth):
    frames = FRAPSimulator(done, TRUTH | truth, random_state=seed).sample_images(1).data[0]
    frames = frames if light is None else frames * light
    times = done.times - done.times[0]
    return ImageSeries(frames, "cell", pixel_size_um=done.pixel_size, times_s=times)


def analysis_of(series, **options):
    said = {"n_prebleach": 6, "bleach_region": "circle:3.5", "first_postbleach": 0.4, "padding": 32}
    return analyse_series(series, ExperimentOptions(**said | {"data": "both"} | options))


def row_of(analysis, name):
    return next(one for one in analysis.alternatives if one.name == name)


@pytest.fixture(scope="module")
def right():
    return series_of()


@pytest.fixture(scope="module")
def analysis(right):
    return analysis_of(right)


def test_all_pixels_stand_beside_the_curve_and_agree(analysis):
    assert (analysis.start, analysis.data) == ("told", "curve")
    assert not analysis.estimates.findings[0]
    own = row_of(analysis, "pixels, all mobile")
    assert own.data == "images"
    assert not own.taken
    assert own.lower["D"] < D < own.upper["D"]
    curve = row_of(analysis, "told, all mobile")
    assert curve.taken
    widths = [np.log(one.upper["D"] / one.lower["D"]) for one in (own, curve)]
    assert widths[0] < widths[1]
    assert "all pixels" in curve.why
    assert set(own.errors) == {"noise", "misfit"}
    assert analysis.images.error_of("D") == pytest.approx(np.hypot(*own.errors.values()))
    assert "by noise" in analysis.sources["all pixels"]


def test_only_the_curve_is_fitted_unless_asked(right):
    plain = analysis_of(right, data="curve")
    assert plain.images is None
    assert "all pixels" not in plain.sources
    assert all(one.data != "images" for one in plain.alternatives)


def test_images_are_the_result_where_that_is_asked_for(right, analysis):
    images = analysis_of(right, data="images")
    assert images.data == "images"
    own = row_of(images, "pixels, all mobile")
    assert [one.name for one in images.alternatives if one.taken] == [own.name]
    assert images.estimates.D_um2_s[0] == own.values["D"]
    assert images.estimates.D_um2_s[0] == row_of(analysis, own.name).values["D"]
    assert images.to_record()["data"] == "images"
    assert images.fitted.shape == images.curve.shape
    assert np.abs(images.fitted - images.curve).max() < 0.02
    assert "measured, free" in [one.name for one in images.alternatives]


def test_a_mobile_fraction_is_compared_with_one(right):
    both = analysis_of(series_of(mobile_fraction=0.8))
    share = row_of(both, "pixels, mobile fraction")
    assert share.values["mobile_fraction"] == pytest.approx(0.8, abs=0.02)
    assert share.lower["D"] < D < share.upper["D"]
    asked = analysis_of(series_of(mobile_fraction=0.8), free=("mobile_fraction",))
    assert asked.images.has_share
    assert row_of(asked, "pixels, mobile fraction").values == pytest.approx(share.values, rel=1e-3)
    assert not asked.estimates.findings[0]


def test_a_region_of_another_size_makes_images_disagree_or_says_how_uncertain_they_are():
    wrong = analysis_of(series_of(DONE.replace(bleach_region=Circle(4.2)), a=1e-4))
    images = wrong.images
    off = abs(np.log10(images.estimates.values["D"][0] / D))
    assert images.misfit.misfit_error[0] > 3 * images.misfit.noise_error[0]
    assert off < 3 * images.error_of("D")
    found = [one.code for one in row_of(wrong, "pixels, all mobile").findings]
    assert {"images_misfit", "images_partly_misfit", "start_contradicted"} & {*found}


def test_fading_that_curves_take_for_slow_diffusion_makes_the_two_disagree():
    fading = (0.997 ** np.arange(36))[:, np.newaxis, np.newaxis]
    faded = analysis_of(series_of(a=1e-4, light=fading))
    (finding,) = [one for one in faded.estimates.findings[0] if one.code == "images_disagree"]
    assert "standard errors" in finding.words
    own = row_of(faded, "pixels, all mobile")
    assert abs(np.log10(own.values["D"] / D)) < 0.02
    assert abs(np.log10(faded.estimates.D_um2_s[0] / D)) > 0.05
    assert own.why == "the curve of the region does not agree"


def test_what_images_cannot_be_asked_is_said(right):
    binding = analysis_of(right, model="binding", fixed={"k_on": 1.0, "k_off": 1.0})
    assert binding.images is None
    assert "free diffusion" in binding.sources["all pixels"]
    faded = analysis_of(right, fixed={"imaging_bleach": 0.999})
    assert "imaging_bleach" in faded.sources["all pixels"]
    with pytest.raises(ValueError, match="cannot be had"):
        analysis_of(right, data="images", compartment="rectangle:27x27@14,14")
    for options in ({"data": "images", "model": "binding"}, {"data": "pixels"}):
        with pytest.raises(ValueError, match="data"):
            ExperimentOptions(**options)
    with pytest.raises(ValueError, match="start"):
        ExperimentOptions(data="images", start="measured")


def test_codes_of_images_are_in_the_list():
    severities = {"images_disagree": "doubtful", "images_misfit": "doubtful"}
    severities["images_partly_misfit"] = "note"
    assert {code: FINDINGS[code].severity for code in severities} == severities


def test_the_command_line_fits_both_by_default(right, tmp_path):
    path, table = tmp_path / "cell.tif", tmp_path / "table.csv"
    counts = np.round(right.frames * 40000).astype(np.uint16)
    write_series(path, counts, pixel_size_um=0.5, frame_interval_s=0.4)
    said = [
        "estimate",
        path,
        "--bit-depth",
        16,
        "--bleach-region",
        "circle:3.5",
        "--n-prebleach",
        6,
    ]
    run = lambda *more: CliRunner().invoke(cli, [str(one) for one in (*said, *more)])  # noqa: E731
    shown = run("--out", table).stdout
    assert "pixels, all mobile" in shown
    assert "all pixels: window" in shown
    (row,) = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    assert row["data"] == "curve"
    assert float(row["pixels_all_mobile_log10_D_noise_error"]) > 0
    (record,) = json.loads(run("--data", "images", "--json").stdout)
    assert record["data"] == "images"
    (taken,) = [one for one in record["alternatives"] if one["taken"]]
    assert taken["data"] == "images"
    assert record["D_um2_s"] == taken["D_um2_s"]
    assert "pixels, " not in run("--data", "curve").stdout


@pytest.mark.slow
def test_a_detector_with_gamma_is_told_by_pixels_beside_the_curve(right):
    done = DONE.replace(n_postbleach=60)
    for seed in range(3):
        light = series_of(done, seed).frames
        analysis = analysis_of(ImageSeries(light**2, "cell", 0.5, done.times - done.times[0]))
        assert analysis.estimates.has_finding("images_disagree")[0]
    assert not analysis_of(right).estimates.has_finding("images_disagree")[0]


def test_what_is_given_of_the_model_is_given_of_all_pixels_too(right):
    known = analysis_of(right, data="images", fixed={"D": D}).estimates
    assert known.D_um2_s[0] == D
    assert known.alpha[0] == pytest.approx(0.4, abs=0.01)
    assert not known.findings[0]
    immobile = analysis_of(series_of(mobile_fraction=0.8), fixed={"mobile_fraction": 0.8})
    own = row_of(immobile, "pixels, all mobile")
    assert own.lower["D"] < D < own.upper["D"]
