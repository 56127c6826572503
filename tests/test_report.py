"""Reports: whole and safe HTML, what it says, and the results that are read back out of it."""

import base64
import io
import json
import re
import shutil
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from skfrap import (
    Circle,
    Compartment,
    Ellipse,
    FRAPProtocol,
    FRAPSimulator,
    Mask,
    __version__,
    analysis,
)
from skfrap.analysis import ExperimentOptions, analyse_curve, analyse_series
from skfrap.cli import cli
from skfrap.io import ImageSeries
from skfrap.preprocessing import Drift
from skfrap.report import Report, _frames, _svg, read_report, write_report
from skfrap.report._records import record_of
from skfrap.report._render import environment, file_text
from skfrap.results import FINDINGS, Finding

pytest.importorskip("jinja2")

DONE = FRAPProtocol(
    shape=(48, 60), pixel_size=0.76, bleach_region=Circle(6.0), n_bleach=1, n_postbleach=30
)
TOLD = {"n_prebleach": 10, "n_bleach": 1, "bleach_region": Circle(6.0), "background": "none"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[2J\x01&amp;.tif"
VOID = {"meta", "br", "input", "link", "img", "hr"}


def series_of(seed=0, done=DONE, name="cell", **truth):
    values = {"D": 20.0, "c0": 0.7, "alpha": 0.6, "a": 1e-3} | truth
    frames = FRAPSimulator(done, values, random_state=seed).sample_images(1).data[0]
    times = done.times - done.times[0]
    return ImageSeries(frames, name, pixel_size_um=done.pixel_size, times_s=times)


@pytest.fixture(scope="module")
def told():
    return analyse_series(series_of(), ExperimentOptions(**TOLD))


@pytest.fixture(scope="module")
def measured():
    return analyse_series(series_of(1), ExperimentOptions(**TOLD, start="measured"))


@pytest.fixture(scope="module")
def in_cell():
    done = DONE.replace(
        shape=(24, 30),
        n_postbleach=12,
        bleach_region=Circle(3.0, (10.0, 9.0)),
        compartment=Ellipse((9.0, 7.0), angle=20.0),
        rows=("compartment", ("reference", Circle(2.0, (15.0, 10.0)))),
    )
    options = TOLD | {"bleach_region": done.bleach_region, "rows": done.rows}
    options["compartment"] = done.compartment
    return analyse_series(series_of(2, done, "cell 2", D=2.0), ExperimentOptions(**options))


class Page(HTMLParser):
    """Parse a page, and hold it to be whole: what is opened is closed, in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.elements.append((tag, dict(attrs), len(self.texts)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), len(self.texts)))

    def handle_endtag(self, tag):
        assert self.open[-1:] == [tag], (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        self.texts.append((data, tuple(self.open)))

    def all(self, tag):
        return [attrs for name, attrs, _ in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(
            " ".join(
                text for text, within in self.texts if not {"style", "script"} & {*within}
            ).split()
        )


def written(analyses, path, **options):
    write_report(analyses, path, **options)
    return path.read_text(encoding="utf-8")


def check(text):
    """Check what holds for every report, and return it parsed."""
    assert text.startswith("<!DOCTYPE html>")
    page = Page(text)
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len({*ids}) == len(ids)
    for _, attrs, _ in page.elements:
        for name in ("aria-labelledby", "for"):
            assert attrs.get(name, ids[0]) in ids
        for name, value in attrs.items():
            assert not name.startswith("on"), (name, value)
            if name in ("href", "src", "xlink:href", "action", "data"):
                assert value.startswith(("#", "data:image/png;base64,")), value
                assert not value.startswith("#") or value[1:] in ids, value
    for attrs in page.all("svg"):
        assert attrs.get("aria-hidden") == "true" or (attrs["role"], bool(attrs["aria-label"])) == (
            "img",
            True,
        )
    (policy,) = (one["content"] for one in page.all("meta") if "http-equiv" in one)
    assert "default-src 'none'" in policy
    for attrs in page.all("script"):
        assert attrs in ({"type": "application/json", "id": "skfrap-results"}, {})
    assert len(page.all("script")) <= 2
    style = "".join(text for text, within in page.texts if "style" in within)
    assert "url(" not in style
    assert "@import" not in style
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    return page


# The page


def test_one_series_is_shown_with_all_that_is_known_of_it(told, tmp_path):
    page = check(written(told, tmp_path / "one.html"))
    for words in (
        told.estimates.values_in_words(0)[0],
        "Recommended",
        *told.sources,
        *told.sources.values(),
        *(one.assumes for one in told.alternatives),
        f"skfrap {__version__}",
        "Röding",
    ):
        assert words in page.text, words
    pictures = [attrs for attrs in page.all("image") if attrs["href"].startswith("data:")]
    assert len(pictures) == 3 + (told.images is not None)  # and rings of what images leave
    assert len(page.all("script")) == 1  # nothing to sort or filter


def test_what_is_seen_in_the_images_is_drawn_where_it_is_the_start(measured, tmp_path):
    page = check(written(measured, tmp_path / "seen.html"))
    assert "bleached patch as seen" in page.text
    assert "measured in the images" in page.text
    circles = page.all("circle")
    x, y = measured.seen.center
    pixel = measured.protocol.pixel_size
    radius = measured.seen.protocol.bleach_region.radius / pixel
    drawn = [tuple(float(one[name]) for name in ("cx", "cy", "r")) for one in circles]
    assert any(np.allclose(one, (x / pixel, y / pixel, radius), atol=0.01) for one in drawn)


def test_outline_and_rows_of_a_cell_are_drawn(in_cell, tmp_path):
    page = check(written(in_cell, tmp_path / "cell.html"))
    classes = " ".join(attrs.get("class") or "" for attrs in page.all("g"))
    for css in ("region", "cell", "drawn2"):
        assert f"on-image {css}" in classes
    assert {"dots", "dots row1", "dots row2"} <= {attrs.get("class") for attrs in page.all("path")}
    assert "in a compartment that particles do not leave" in page.text


def test_a_curve_has_a_report_without_pictures(tmp_path):
    curve = FRAPSimulator(
        DONE, {"D": 20.0, "c0": 0.7, "alpha": 0.6, "a": 1e-3}, random_state=0
    ).sample(1)
    table = np.column_stack([DONE.times, curve.data[0]])
    np.savetxt(tmp_path / "c.csv", table, delimiter=",", header="time,intensity", comments="")
    analysis = analyse_curve(tmp_path / "c.csv", ExperimentOptions(bleach_region=Circle(6.0)))
    page = check(written(analysis, tmp_path / "curve.html"))
    assert not page.all("image")
    assert analysis.estimates.values_in_words(0)[0] in page.text


def a_little_faster(analysis):
    values = analysis.estimates.values
    faster = replace(analysis.estimates, values=values | {"D": 1.001 * values["D"]})
    return replace(analysis, estimates=faster)


def test_batch_has_an_overview_groups_and_those_left_out(told, measured, tmp_path):
    bad = Finding.of("residuals_correlated", "residuals are correlated", "D", "try <b>")
    doubtful = replace(told, estimates=told.estimates.with_findings([bad]))
    analyses = {
        "gel/a.tif": told,
        "gel/b.tif": measured,
        "water/a.tif": a_little_faster(measured),  # copies would count once
        "water/b.tif": a_little_faster(told),
        "water/c.tif": doubtful,
        "water/d.tif": ValueError("it has no <frames>"),
    }
    page = check(written(analyses, tmp_path / "batch.html"))
    rows = [attrs["data-state"] for attrs in page.all("tr") if "data-state" in attrs]
    assert rows == ["good"] * 4 + ["doubtful", "failed"]
    assert "gel against water" in page.text
    assert "it has no <frames>" in page.text
    assert "2 of 6 series were left out of means" in page.text
    assert FINDINGS["residuals_correlated"].remedy in page.text
    assert "try <b>" in page.text
    uses = [attrs["href"] for attrs in page.all("use")]
    assert uses == [f"#s{k}-2" for k in range(1, 6)]
    (tools,) = (attrs for attrs in page.all("div") if attrs.get("id") == "tools")
    assert "hidden" in tools  # without a script nothing is offered that does not work


def test_groups_can_be_given_and_are_counted(told, measured, tmp_path):
    analyses = [told, measured, told, measured]
    page = check(written(analyses, tmp_path / "groups.html", groups=list("aabb")))
    assert "a against b" in page.text
    with pytest.raises(ValueError, match="groups must have one entry per series, 4, got 1"):
        write_report(analyses, tmp_path / "groups.html", groups=["a"])
    with pytest.raises(ValueError, match="at least one"):
        write_report([], tmp_path / "groups.html")


def test_a_missing_package_is_named(told, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    environment.cache_clear()
    with pytest.raises(ImportError, match=r"reports need jinja2: pip install 'skfrap\[all\]'"):
        write_report(told, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_names_and_findings_can_hold_anything(told, tmp_path):
    bad = Finding.of("residuals_correlated", f"found </script>{HOSTILE}", "", "</style>{{ 7 * 7 }}")
    estimates = told.estimates.with_findings([bad])
    hostile = replace(told, name=HOSTILE, estimates=estimates, sources={HOSTILE: HOSTILE})
    analyses = {HOSTILE: hostile, f"b/\udcff{HOSTILE}": ValueError(HOSTILE), "c": told}
    path = tmp_path / "hostile.html"
    page = check(written(analyses, path, title=HOSTILE, command=HOSTILE, groups=[HOSTILE, "", "x"]))
    shown = HOSTILE.replace("\x1b", "\\x1b").replace("\x01", "\\x01")
    assert shown in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "\x1b" not in path.read_text(encoding="utf-8")
    assert [one["file"] for one in read_report(path)["records"]] == [*analyses]


def test_a_part_is_plain_and_small_and_holds_the_same_when_it_is_kept(told):
    record = record_of(told, "a.tif")
    one, other = Report(200), Report(200)
    part = one.add(told, record)
    text = json.dumps(part)
    assert len(text) < 75_000
    other.add_part(record, json.loads(text))
    strip = re.compile("Made [^<]*")
    assert strip.sub("", one.to_html()) == strip.sub("", other.to_html())


def test_pictures_of_many_series_are_small():
    assert _frames.side_for(1) > _frames.side_for(200) >= 64
    assert 3 * _frames.side_for(200) ** 2 * 4 / 3 * 200 < 12e6  # bytes, were nothing packed


# Colours


def colours(scheme):
    style = file_text("style.css")
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", style.partition("@media")[0]))
    if scheme != "light":
        query = {"dark": "prefers-color-scheme: dark", "print": "@media print"}[scheme]
        block = style.partition(query)[2].partition("}\n}")[0]
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    return found


def luminance(colour):
    channels = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_it_is_defined():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_text_and_curves_stand_out(scheme):
    found = colours(scheme)
    for ground in ("bg", "surface"):
        for name in ("text", "muted", "link", "good", "note", "doubtful", "unusable"):
            assert contrast(found[name], found[ground]) >= 4.5, (name, ground)
        for name in ("data", "fit", "row1", "row2", "row3"):
            assert contrast(found[name], found[ground]) >= 3, (name, ground)


# Drawings


def test_pictures_hold_the_pixels_they_were_given():
    pil = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5), dtype=np.uint8)
    uri = _frames.data_uri(pixels)
    image = pil.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    np.testing.assert_array_equal(np.asarray(image), pixels)
    indices, palette = _frames.diverging(np.array([[-1.0, 0.0, 1.0, np.nan]]), 1.0)
    uri = _frames.data_uri(indices, palette)
    image = pil.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")
    low, none, high, missing = np.asarray(image, dtype=int)[0]
    assert low[2] > low[0]
    assert high[0] > high[2]
    assert np.ptp(none) < 4
    assert tuple(missing) == tuple(none)


def test_shrinking_keeps_the_mean_light():
    image = np.random.default_rng(0).random((64, 96))
    small = _frames.shrink(image, 32)
    assert small.shape == (21, 32)
    np.testing.assert_allclose(small.mean(), image[:63].mean())
    assert _frames.shrink(image, 96).shape == image.shape


def test_outline_goes_around_a_mask():
    mask = np.zeros((6, 8))
    mask[1:4, 2:7] = 1.0
    mask[2, 3] = 0.0  # a hole
    moves = re.findall(r"M(\d+) (\d+)([hv])(\d+)", _svg.outline(mask))
    assert sum(int(length) for *_, length in moves) == 2 * (3 + 5) + 4
    xs = [int(x) for x, *_ in moves]
    assert min(xs) == 2
    assert max(xs) == 7


def test_dots_lie_where_the_curve_does(told):
    drawn = _svg.curve(told.protocol, told.curve, told.fitted, np.full(len(told.curve), 0.01))
    dots = re.search(r'class="dots" d="([^"]+)"', drawn)[1]
    places = np.array(re.findall(r"M([\d.-]+) ([\d.-]+)h0", dots), dtype=float)
    assert len(places) == len(told.curve)
    assert np.corrcoef(places[:, 0], told.protocol.times)[0, 1] > 0.99999
    assert np.corrcoef(places[:, 1], told.curve)[0, 1] < -0.9999
    assert drawn.count('class="band"') == 4
    missing = np.where(np.arange(len(told.curve)) == 20, np.nan, told.curve)
    assert _svg.curve(told.protocol, missing, told.fitted).count("h0") == drawn.count("h0") - 2


def test_long_curves_are_thinned_out_and_keep_their_ends():
    protocol = DONE.replace(n_postbleach=5000)
    curve = np.concatenate([np.ones(10), 1 - np.exp(-np.arange(5000) / 30)])
    drawn = _svg.curve(protocol, curve, curve, np.full(len(curve), 0.1))
    assert len(drawn) < 60_000
    dots = re.search(r'class="dots" d="([^"]+)"', drawn)[1]
    places = np.array(re.findall(r"M([\d.-]+) ([\d.-]+)h0", dots), dtype=float)
    assert places[0, 0] < 95
    assert places[-1, 0] > 490


def test_drift_is_drawn_where_it_matters_and_was_measured_in_every_frame(told, tmp_path):
    n = told.protocol.n_frames
    shifts = np.column_stack([np.linspace(0, 3, n), np.zeros(n)])
    drift = Drift(shifts, np.full((n, 2), 0.1), np.zeros(n))
    moving = replace(told, drift=drift, aligned=True)
    page = check(written(moving, tmp_path / "moving.html"))
    assert "to the right" in page.text
    assert "aligned by the measured drift" in page.text
    short = Drift(shifts[:4], drift.errors[:4], drift.angles[:4])
    page = check(written(replace(moving, drift=short), tmp_path / "looked_at.html"))
    assert "to the right" not in page.text
    page = check(written(replace(moving, aligned=False), tmp_path / "at_rest.html"))
    assert "to the right" not in page.text


def test_ticks_are_round_and_inside():
    for low, high in ((0.1317, 0.918), (-3.2, 14.0), (1e-6, 9e-6), (2e4, 7e5), (-0.0172, 0.0172)):
        found = _svg.ticks(low, high, 3 if low == -high else 5)
        assert 3 <= len(found) <= 7
        assert low <= found[0]
        assert found[-1] <= high
        assert len({f"{one:.6g}" for one in found}) == len(found)
    assert all(18 <= one <= 41 for one in _svg.log_ticks(18.0, 41.0))
    assert _svg.log_ticks(0.1, 1000.0) == pytest.approx([0.1, 1, 10, 100, 1000])


def test_residual_images_are_shown_where_there_are_any(told, tmp_path):
    images = [("first frame", np.eye(48)), ("last frame", -np.eye(48))]
    with_images = replace(told)
    object.__setattr__(with_images, "residual_images", images)
    page = check(written(with_images, tmp_path / "images.html"))
    assert "Residual images" in page.text
    assert "last frame" in page.text
    assert len(page.all("image")) == 5


def test_what_a_fit_of_all_pixels_leaves_is_shown(told, tmp_path):
    misfit = SimpleNamespace(pattern=np.array([[-9.0, 0.0, np.nan], [0.5, 0.0, 2.0]]))
    fitted = replace(told)
    images = SimpleNamespace(misfit=misfit, in_words=lambda: "window of 40 x 40 pixels")
    object.__setattr__(fitted, "images", images)
    page = check(written(fitted, tmp_path / "pixels.html"))
    assert "What the fit of all pixels leaves" in page.text
    assert "±9 standard deviations" in page.text
    assert "window of 40 x 40 pixels" in page.text


@pytest.mark.parametrize(
    "region", [Mask(np.pad(np.ones((6, 6)), ((20, 22), (27, 27)))), Ellipse((6.0, 4.0), 30.0)]
)
def test_regions_are_drawn_as_what_they_are(told, region):
    protocol = told.protocol.replace(bleach_region=region)
    drawn, key = _frames.overlay_of(replace(told, protocol=protocol))
    assert key == [("region", "bleach region")]
    assert ("<ellipse" in drawn) == isinstance(region, Ellipse)
    Page(drawn)
    walled = protocol.replace(compartment=Compartment(Circle(15.0)))
    assert _frames.overlay_of(replace(told, protocol=walled))[1][1] == ("cell", "compartment")


# The command line


def run(*arguments):
    return CliRunner().invoke(cli, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for k, name in enumerate(("gel/a.tif", "gel/b & <b>.tif", "water/a.tif")):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        small = ["--shape", 40, 40, "--bleach-region", "circle:6", "--n-postbleach", 15]
        assert run("simulate", path, "--seed", k, *small).exit_code == 0
    (folder / "water" / "broken.tif").write_text("no image")
    return folder


def test_report_gives_back_what_was_computed_to_the_digit(files, tmp_path):
    path, table = tmp_path / "report.html", tmp_path / "t.csv"
    arguments = ["estimate", files / "gel", files / "water", "--report", path, "--out", table]
    result = run(*arguments, "--json")
    assert result.exit_code == 1  # of the broken one
    page = check(path.read_text(encoding="utf-8"))
    assert "gel against water" in page.text
    printed = result.stdout
    assert run("report", "--extract", path).stdout == printed
    assert run("report", "--extract", path, "--format", "csv").stdout == table.read_text("utf-8")
    settings = json.loads(run("report", "--extract", path, "--format", "settings").stdout)
    assert settings["command"].startswith(f"skfrap estimate {files / 'gel'}")
    assert settings["command"].endswith("--json")
    assert settings["command"] in page.text
    assert settings["options"]["model"] == "diffusion"
    # What an earlier run has rendered is taken over with its numbers.
    again = run(*arguments, "--json", "--resume")
    assert "3 of 4 series are taken over" in again.stderr
    new = check(path.read_text(encoding="utf-8"))
    assert len(new.all("image")) == len(page.all("image")) == 12
    assert run("report", "--extract", path).stdout == again.stdout
    records = {one["file"]: one for one in json.loads(printed)}
    assert {one["file"]: one for one in json.loads(again.stdout)} == records


def test_a_run_without_a_report_is_done_again_for_one(files, tmp_path):
    path, table = tmp_path / "report.html", tmp_path / "t.csv"
    first = run("estimate", files / "water" / "a.tif", "--out", table)
    assert first.exit_code == 0, first.output
    result = run(
        "estimate", files / "water" / "a.tif", "--out", table, "--resume", "--report", path
    )
    assert "0 of 1 series are taken over" in result.stderr
    assert len(check(path.read_text(encoding="utf-8")).all("image")) == 4


def test_report_is_written_over_nothing_but_a_report(files, tmp_path):
    other = tmp_path / "other.html"
    other.write_text("<h1>mine</h1>")
    file = files / "water" / "a.tif"
    assert "is no report of skfrap" in run("estimate", file, "--report", other).output
    assert "must end in .html" in run("estimate", file, "--report", tmp_path / "r.txt").output
    assert other.read_text() == "<h1>mine</h1>"
    result = run("report", "--extract", other)
    assert result.exit_code == 1
    assert "holds no results" in result.output


def test_report_of_failures_alone_takes_the_place_of_none(files, tmp_path):
    path = tmp_path / "report.html"
    broken = files / "water" / "broken.tif"
    assert run("estimate", broken, "--report", path).exit_code == 1
    assert "could not be analysed" in check(path.read_text(encoding="utf-8")).text
    run("estimate", files / "water" / "a.tif", "--report", path)
    before = path.read_bytes()
    assert run("estimate", broken, "--report", path).exit_code == 1
    assert path.read_bytes() == before


def test_what_cannot_be_drawn_loses_no_number(files, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no ink")

    monkeypatch.setattr("skfrap.report._section.part_of", fail)
    path = tmp_path / "report.html"
    result = run("estimate", files / "water" / "a.tif", "--report", path)
    assert "no ink" in result.stderr
    assert read_report(path)["records"][0]["D_um2_s"] > 0
    check(path.read_text(encoding="utf-8"))


def test_a_run_that_is_broken_off_has_a_report_of_what_was_done(files, tmp_path, monkeypatch):
    analyse, left = analysis.analyse_series, [1]

    def once(*given):
        if not left.pop():
            raise KeyboardInterrupt
        left.append(0)
        return analyse(*given)

    monkeypatch.setattr(analysis, "analyse_series", once)
    path = tmp_path / "report.html"
    assert run("estimate", files / "gel", "--report", path).exit_code != 0
    check(path.read_text(encoding="utf-8"))
    assert len(read_report(path)["records"]) == 1


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_overview_sorts_and_filters_in_a_browser(told, measured, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    path = tmp_path / "batch.html"
    analyses = {"b.tif": told, "a.tif": measured, "c.tif": ValueError("broken")}
    named = {
        file: replace(one, name=file) if file != "c.tif" else one for file, one in analyses.items()
    }
    write_report(named, path)
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 390, "height": 800})
        asked, errors = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(Path(path).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator(".overview th button", has_text="series").click()
        names = page.locator(".overview tbody th").all_inner_texts()
        assert names == ["a.tif", "b.tif", "c.tif"]
        page.fill("#words", "broken")
        assert page.locator(".overview tbody tr:visible").count() == 1
        assert page.inner_text("#shown") == "1 of 3 series"
        page.fill("#words", "")
        page.locator("#tools button", has_text="failed").click()
        assert page.locator(".overview tbody tr:visible").count() == 1
        browser.close()
    assert not errors
    assert all(one.startswith(("file:", "data:")) for one in asked)
