"""A series as it was told and as its images show it: witnesses, alternatives, and what is taken."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.testing import assert_allclose

from skfrap import Circle, FRAPProtocol, FRAPSimulator, MeasuredStartFRAP, Polygon
from skfrap.analysis import ExperimentOptions, analyse_curve, analyse_series
from skfrap.analysis._options import make_regressor
from skfrap.analysis._witness import explaining_share, least_seen
from skfrap.cli import cli
from skfrap.inference.fitting._fitter import CurveFitter
from skfrap.io import ImageSeries, write_series
from skfrap.judging._larger import as_fit
from skfrap.preprocessing import RingExtractor, find_bleach_frames
from skfrap.results import Finding

D = 6.0
DONE = FRAPProtocol(
    shape=(80, 80), pixel_size=0.5, bleach_region=Circle(5.0), n_bleach=1, n_postbleach=40
)
TRUTH = {"D": D, "c0": 0.6, "alpha": 0.4, "a": 3e-4}
TOLD = {"n_prebleach": 10, "bleach_region": "circle:5"}


def series_of(done=DONE, seed=0, **truth):
    frames = FRAPSimulator(done, TRUTH | truth, random_state=seed).sample_images(1).data[0]
    times = done.times - done.times[0]
    return ImageSeries(frames, "cell", pixel_size_um=done.pixel_size, times_s=times)


def analysis_of(series, **options):
    said = {"first_postbleach": 0.265, "background": "none"} | TOLD
    return analyse_series(series, ExperimentOptions(**said | options))


def codes_of(findings):
    return {one.code for one in findings}


def holds(estimates, value=D):
    return estimates.D_um2_s_lower[0] < value < estimates.D_um2_s_upper[0]


@pytest.fixture(scope="module")
def right():
    return series_of()


@pytest.fixture(scope="module")
def partly_immobile():
    return series_of(mobile_fraction=0.7)


def test_a_region_that_is_told_rightly_is_taken_and_agrees(right):
    analysis = analysis_of(right, start="auto")
    assert analysis.start == "told"
    assert holds(analysis.estimates)
    assert not analysis.estimates.findings[0]
    assert holds(analysis.seen.estimates)
    assert "agree" in analysis.sources["start"]
    assert [one.name for one in analysis.alternatives if one.taken] == ["told, all mobile"]
    assert analysis.alternatives.recommended.name == "told, all mobile"


@pytest.mark.parametrize(
    ("done", "truth", "cause"),
    [
        ({"bleach_region": Circle(8.0)}, {}, "wider than told"),
        ({"bleach_region": Circle(3.0)}, {}, "narrower than told"),
        ({"bleach_region": Circle(5.0, (16.0, 18.0))}, {}, "beside the region told"),
        ({"bleach_region": Circle(4.0, (30.0, 30.0))}, {}, "elsewhere"),
        ({}, {"bleach_blur": 2.0}, "softer than told"),
    ],
)
def test_a_start_told_wrongly_is_contradicted_with_what_the_frames_show(done, truth, cause):
    series = series_of(DONE.replace(**done), **truth)
    told = analysis_of(series)
    assert told.start == "told"  # what was asked for, in Python by default
    assert not holds(told.estimates)
    (finding,) = [one for one in told.findings if one.code == "start_contradicted"]
    assert cause in finding.words
    assert told.alternatives.recommended.start == "measured"
    seen = analysis_of(series, start="auto")
    assert seen.start == "measured"
    assert abs(np.log10(seen.estimates.D_um2_s[0] / D)) < 0.03
    assert seen.estimates.usable[0]
    assert "told_start_set_aside" in codes_of(seen.findings)


def test_images_that_tell_only_a_least_D_contradict_what_is_slower(right):
    analysis = analysis_of(right)
    over = Finding.of("at_upper_bound", "recovery over before the first frame", "D")
    seen = replace(analysis.seen, estimates=analysis.seen.estimates.with_findings([over]))
    told = analysis.estimates
    assert least_seen(told, seen) is None  # the interval as told holds D
    slow = replace(told, upper=told.upper | {"D": np.array([2.0])})
    assert 2.0 < least_seen(slow, seen) < D
    assert least_seen(slow, analysis.seen) is None  # what tells D is compared otherwise


def test_a_patch_of_another_shape_is_told_from_a_wider_one():
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    corners = zip(20 + 9.5 * np.cos(angle), 20 + 3.5 * np.sin(angle), strict=True)
    series = series_of(DONE.replace(bleach_region=Polygon([*corners])))
    (finding,) = [one for one in analysis_of(series).findings if one.code == "start_contradicted"]
    assert "another shape than told" in finding.words


def test_a_mobile_fraction_explains_a_difference_before_the_start_does(partly_immobile):
    analysis = analysis_of(partly_immobile, start="auto")
    assert analysis.start == "told"
    assert not holds(analysis.estimates)  # as it was asked for, without a mobile fraction
    assert "start_contradicted" not in codes_of(analysis.findings)
    best = analysis.alternatives.recommended
    assert best.name == "told, mobile fraction"
    assert best.lower["D"] < D < best.upper["D"]
    assert abs(best.values["mobile_fraction"] - 0.7) < 0.02


def test_a_mobile_fraction_explains_only_what_it_makes_agree(partly_immobile):
    analysis = analysis_of(partly_immobile)
    fit = as_fit(analysis.estimates.fit, analysis.estimates.larger[0][0])
    assert abs(explaining_share(fit, analysis.seen) - 0.7) < 0.02
    wider = analysis_of(series_of(DONE.replace(bleach_region=Circle(8.0)), mobile_fraction=0.7))
    options = ExperimentOptions(free=("mobile_fraction",))
    curve = wider.curve[np.newaxis]
    fit = make_regressor(wider.protocol, options).fit(curve).fit_results(curve)
    assert explaining_share(fit, wider.seen) is None


def test_neither_region_nor_time_of_bleaching_are_needed(right):
    analysis = analysis_of(right, start="auto", bleach_region=None, n_prebleach=None)
    assert analysis.start == "measured"
    assert analysis.protocol.n_prebleach == 10
    assert analysis.sources["prebleach frames"].startswith("10, as seen in the frames: ")
    assert holds(analysis.estimates)
    assert {one.start for one in analysis.alternatives} == {"measured"}
    x, y = analysis.protocol.bleach_region.center
    assert np.hypot(x - 20, y - 20) < 1.0
    after = analysis.curve[10:] - analysis.fitted[10:]
    assert np.abs(after).max() < 0.01  # the model's curve is that of the patch as seen


def test_what_the_images_do_not_show_is_asked_for():
    frames = np.full((12, 48, 48), 500.0)
    series = ImageSeries(frames, "flat", pixel_size_um=0.5, times_s=np.arange(12.0))
    with pytest.raises(ValueError, match=r"no frame is seen .*n_prebleach"):
        analyse_series(series, ExperimentOptions(start="auto"))
    frames[3:, 20:30, 20:30] -= 200
    frames[8:, 5:15, 5:15] -= 200
    with pytest.raises(ValueError, match="in frames 3 and 8"):
        find_bleach_frames(frames)


def test_flicker_and_a_spoilt_frame_are_no_bleaching():
    random = np.random.default_rng(0)
    frames = 100 + random.standard_normal((20, 48, 48))
    frames[12:, 20:30, 20:30] -= 30
    frames *= random.uniform(0.7, 1.0, (20, 1, 1))
    frames[5, :8, :8] *= 0.5
    assert find_bleach_frames(frames).n_prebleach == 12


def test_a_measured_start_is_of_free_diffusion(right):
    with pytest.raises(ValueError, match="start='measured' is of free diffusion"):
        ExperimentOptions(start="measured", model="reaction")
    analysis = analysis_of(right, start="auto", model="soumpasis")
    assert analysis.start == "told"
    assert analysis.seen is None
    assert len(analysis.alternatives) == 0


def test_nothing_is_fitted_or_averaged_twice(partly_immobile, monkeypatch):
    calls = []

    def counted(kind, name):
        original = getattr(kind, name)

        def count(self, *args, **kwargs):
            calls.append(f"{kind.__name__}.{name}")
            return original(self, *args, **kwargs)

        monkeypatch.setattr(kind, name, count)

    counted(RingExtractor, "transform")
    counted(MeasuredStartFRAP, "_fit")
    counted(CurveFitter, "fit_from_grid")
    analysis = analysis_of(partly_immobile)
    assert len(analysis.alternatives) == 5
    # That with a mobile fraction is the nested test's own fit.
    assert sorted(calls) == [
        "CurveFitter.fit_from_grid",
        "MeasuredStartFRAP._fit",
        "RingExtractor.transform",
    ]


def test_the_fit_of_a_nested_test_is_that_of_the_larger_model(partly_immobile):
    analysis = analysis_of(partly_immobile)
    kept = as_fit(analysis.estimates.fit, analysis.estimates.larger[0][0])
    options = ExperimentOptions(free=("mobile_fraction",))
    curve = analysis.curve[np.newaxis]
    direct = make_regressor(analysis.protocol, options).fit(curve).fit_results(curve)
    order = [kept.space.column(name) for name in direct.space.free]
    assert_allclose(kept.theta[:, order], direct.theta, rtol=1e-4)
    assert_allclose(kept.std[:, order], direct.std, rtol=1e-2)


def test_the_table_goes_into_text_JSON_and_spreadsheets(right, tmp_path):
    path, table = tmp_path / "cell.tif", tmp_path / "results.csv"
    counts = np.round(right.frames * 40000).astype(np.uint16)
    write_series(path, counts, pixel_size_um=0.5, frame_interval_s=0.265)
    said = ["estimate", path, "--bit-depth", 16, "--out", table]
    run = lambda *more: CliRunner().invoke(cli, [str(one) for one in (*said, *more)])  # noqa: E731
    printed = run().stdout
    assert "start as seen" in printed
    assert "recommended: measured" in printed
    (record,) = json.loads(run("--json").stdout)
    assert record["start"] == "measured"
    assert [one["data"] for one in record["alternatives"]] == ["rings"] * 3
    (row,) = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    assert row["recommended"] == next(
        one["name"] for one in record["alternatives"] if one["recommended"]
    )
    free = next(one for one in record["alternatives"] if one["name"] == "measured, free")
    assert float(row["measured_free_D_um2_s_upper"]) == free["D_um2_s_upper"]
    assert "alternatives" not in row
    region = ["--bleach-region", "circle:5", "--n-prebleach", 10]
    (told,) = json.loads(run(*region, "--start", "told", "--json").stdout)
    assert told["start"] == "told"
    assert len(told["alternatives"]) == 7


def test_a_picture_shows_the_rings_where_the_start_is_measured(right):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    from skfrap.plotting import plot_analysis

    pictures = [plot_analysis(analysis_of(right, start=start)) for start in ("told", "measured")]
    titles = [{ax.get_title(loc="left") for ax in figure.axes} for figure in pictures]
    assert "rings, and the fit" not in titles[0]
    assert "rings, and the fit" in titles[1]
    for figure in pictures:
        pyplot.close(figure)


# Tables of curves


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A curve, and profiles of its first and last frames, of a patch that is wider than told."""
    folder = tmp_path_factory.mktemp("tables")
    done = DONE.replace(bleach_region=Circle(6.0))
    frames = FRAPSimulator(done, TRUTH, random_state=3).sample_images(1).data[0]
    y, x = np.indices(frames.shape[1:]) - 39.5
    radius = 0.5 * np.hypot(x, y)
    before = frames[:10].mean(axis=0)
    curve = frames[:, radius < 2].mean(axis=1) * 1000  # whatever the unit
    times = done.times - done.times[10]
    write = lambda name, head, *columns: np.savetxt(  # noqa: E731
        folder / name, np.column_stack(columns), delimiter=",", header=head, comments=""
    )
    write("cell.csv", "time_s,intensity", times, curve)
    near = radius < 18
    order = np.argsort(radius[near])
    for name, image in (("first.csv", frames[10]), ("last.csv", frames[-10:].mean(axis=0))):
        values = (image / before)[near][order]
        write(name, "radius_um,intensity", radius[near][order], values)
    return folder


def curve_of(tables, **options):
    said = {"bleach_region": "circle:2", "pixel_size": 0.5, "first_postbleach": 0.265}
    said |= {"n_prebleach": 10, "start": "auto"}
    return analyse_curve(tables / "cell.csv", ExperimentOptions(**said | options))


@pytest.mark.slow
def test_profiles_contradict_what_a_curve_alone_believes(tables):
    blind = curve_of(tables)
    assert blind.start == "told"
    assert not holds(blind.estimates)
    assert blind.sources["start"].startswith("as told; no profile")
    profiles = {"first_profile": tables / "first.csv", "last_profile": tables / "last.csv"}
    seen = curve_of(tables, **profiles)
    assert seen.start == "measured"
    assert abs(np.log10(seen.estimates.D_um2_s[0] / D)) < 0.05
    (finding,) = [one for one in seen.findings if one.code == "told_start_set_aside"]
    assert "the profiles contradict" in finding.words
    assert "more is missing" in finding.words
    assert seen.alternatives.recommended.start == "measured"
    one = curve_of(tables, first_profile=tables / "first.csv")
    assert one.estimates.has_finding("immobile_shape_assumed")[0]


def test_a_table_with_profiles_goes_through_the_command_line(tables, tmp_path):
    said = ["estimate", tables / "cell.csv", "--first-profile", tables / "first.csv"]
    said += ["--bleach-region", "circle:2", "--n-prebleach", 10, "--plots", tmp_path, "--json"]
    (record,) = json.loads(CliRunner().invoke(cli, [str(one) for one in said]).stdout)
    assert record["start"] == "measured"
    assert (tmp_path / "cell.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ("a,b,c\n1,2,3\n", {}, "no rows of numbers below each other"),
        ("time,intensity\n0,1\n1,1\n2,1\n3,x\n", {}, "'x' in 'intensity', where a number"),
        ("time,intensity\n0,1\n1,1\n2,1\n3,1\n4,1\n", {}, "n_prebleach"),
        ("time,intensity\n0,1\n1,1\n2,.5\n3,.6\n4,.7\n", {"start": "measured"}, "no profile"),
        ("time,intensity\n0,1\n2,1\n1,.5\n3,.6\n4,.7\n", {"n_prebleach": 2}, "increase"),
    ],
)
def test_tables_that_are_not_understood_are_refused_in_words(tmp_path, table, options, message):
    path = tmp_path / "curve.csv"
    path.write_text(table, encoding="utf-8")
    said = {"bleach_region": "circle:2"} | ({"n_prebleach": 2} if "start" in options else {})
    with pytest.raises(ValueError, match=message):
        analyse_curve(path, ExperimentOptions(**said | options))


def test_a_last_profile_alone_is_no_start():
    with pytest.raises(ValueError, match="first_profile"):
        ExperimentOptions(last_profile="last.csv")
