"""The page's server: who may ask, what it takes, what it answers, and what it outlives."""

import asyncio
import io
import json
import os
import shlex
import signal
import struct
import sys
import time
import warnings
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from benchmarks._browser import series_file, spots_file, table_file
from skfrap import Circle, Rectangle
from skfrap.analysis import ExperimentOptions, analyse_curve, analyse_series, analyse_spots
from skfrap.app import make_app
from skfrap.app._command import as_command
from skfrap.app._errors import AppError
from skfrap.app._fields import BY_NAME, FIELDS, check_given
from skfrap.app._shapes import outline_of, region_in_pixels
from skfrap.app._worker import STOPPED, Worker
from skfrap.experiment import Ellipse, Polygon, parse_region
from skfrap.models import MODELS
from skfrap.report import read_report

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of starlette, on what httpx is to be called
    from starlette.testclient import TestClient

HOME = "http://127.0.0.1:8000"
STATIC = Path(__file__).parents[1] / "skfrap" / "app" / "static"


def client_of(app, **headers):
    return TestClient(app, base_url=HOME, headers={"origin": HOME, **headers})


def send(client, *files):
    """Upload files as the page does, and return the state once they are analysed."""
    group = client.post("/t/group").json()["group"]
    for name, content in files:
        answer = client.post("/t/upload", params={"group": group, "name": name}, content=content)
        assert answer.status_code == 200, answer.text
    return client.post("/t/add", json={"group": group})


def settled(client, patience=300):
    """Wait until nothing is being done."""
    end, state = time.monotonic() + patience, client.get("/t/state").json()
    while (state["busy"] or state["batch"] == "running") and time.monotonic() < end:
        state = client.get("/t/state", params={"since": state["version"]}).json()
    assert not state["busy"]
    return state


def saved(client, name, folder):
    path = folder / name
    path.write_bytes(client.get(f"/t/{name}").content)
    return path


@pytest.fixture(scope="module")
def quiet():
    """A page whose processes are not started."""
    with client_of(make_app(token="t", warm=False, most_bytes=100_000)) as client:
        yield client


@pytest.fixture(scope="module")
def page():
    """A page that works."""
    with client_of(make_app(token="t", warm=False)) as client:
        yield client


# Who may ask.


@pytest.mark.parametrize("path", ["/", "/state", "/T/state", "/tt/state", "/%00/state", "/t"])
def test_an_address_without_the_token_shows_nothing(quiet, path):
    answer = quiet.get(path)
    assert answer.status_code in (403, 404)
    assert set(answer.json()) == {"error", "fields"}


@pytest.mark.parametrize("host", ["evil.com", "127.0.0.1", "127.0.0.1:81", "localhost.evil:8000"])
def test_other_names_of_this_machine_are_refused(quiet, host):
    assert quiet.get("/t/state", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.com"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9"},
        {"origin": "https://127.0.0.1:8000"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_other_pages_are_refused(quiet, headers):
    for answer in (
        quiet.get("/t/state", headers=headers),
        quiet.post("/t/settings", json={}, headers=headers),
    ):
        assert answer.status_code == 403


def test_a_change_without_an_origin_is_refused():
    app = make_app(token="t", warm=False)
    with TestClient(app, base_url=HOME) as client:
        assert client.get("/t/state").status_code == 200
        assert client.post("/t/settings", json={}).status_code == 403


def test_every_answer_forbids_what_the_page_does_not_need(quiet):
    for path in ("/t/", "/t/state", "/t/static/main.js", "/t/nothing", "/wrong/state"):
        headers = quiet.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "name",
    ["..%2f_guard.py", "%2e%2e/_guard.py", "....//_guard.py", "/etc/passwd", "index", "x.js"],
)
def test_no_other_file_is_served(quiet, name):
    assert quiet.get(f"/t/static/{name}").status_code == 404


def test_the_page_loads_nothing_from_elsewhere_and_is_short(quiet):
    text = quiet.get("/t/").text
    assert '<script type="module" src="static/main.js"' in text
    written = {path.name: path.read_text() for path in STATIC.iterdir()}
    for name, content in written.items():
        assert quiet.get(f"/t/static/{name}").text == content
        outside = content.replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in outside
        assert "https:" not in outside
    own = [one for name, one in written.items() if name.endswith((".js", ".css"))]
    assert sum(len(one.splitlines()) for one in own) <= 1500


# What it takes.


@pytest.mark.parametrize(
    "path", ["group", "upload", "add", "demo", "open", "remove", "settings", "follow", "batch"]
)
def test_what_changes_something_is_no_address_to_read(quiet, path):
    assert quiet.get(f"/t/{path}").status_code == 405


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"a":' * 50_000,
        b'{"settings": 5}',
        b'{"pixel_size": 1e999}',
        b'{"pixel_size": NaN}',
        b'{"n_prebleach": ' + b"9" * 4000 + b"}",
        b'{"free": [[[]]], "rows": {"a": 1}, "fixed": []}',
        b'{"bleach_region": "\\ud800"}',
        b'{"key": ["s1"], "region": 3, "models": "all", "group": {}, "channel": "x"}',
        b" " * 2_000_000,
    ],
)
def test_requests_that_are_not_understood_are_refused_in_words(quiet, body):
    for path in ("settings", "settings-file", "open", "remove", "add", "compare", "follow"):
        answer = quiet.post(f"/t/{path}", content=body)
        assert 400 <= answer.status_code < 500, (path, answer.text)
        assert answer.json()["error"]
        assert "Traceback" not in answer.text
    assert quiet.get("/t/state").json()["given"] == {}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"pixel_size": -1}, "pixel_size"),
        ({"pixel_size": True}, "pixel_size"),
        ({"n_prebleach": 1.5}, "n_prebleach"),
        ({"model": "magic"}, "model"),
        ({"bleach_region": "/etc/passwd"}, "bleach_region"),
        ({"bleach_region": "circle:1@2,3/../x"}, "bleach_region"),
        ({"compartment": "mask.tif"}, "compartment"),
        ({"rows": ["reference:/etc/passwd"]}, "rows"),
        ({"fixed": {"D": "1"}}, "fixed"),
        ({"free": ["a b"]}, "free"),
        ({"recenter": "yes"}, "recenter"),
        ({"columns": "bleach=ROI1"}, "columns"),
        ({"columns": [3]}, "columns"),
        ({"sheet": "a\nb"}, "sheet"),
        ({"sheet": "x" * 501}, "sheet"),
        ({"times": "/etc/passwd"}, "times"),
        ({"times": {"name": "/etc/passwd"}}, "times"),
        ({"times": {"name": "a", "text": "0", "path": "/etc/passwd"}}, "times"),
        ({"times": {"name": "..", "text": "0"}}, "times"),
        ({"first_profile": {"name": "a.csv", "text": "0" * 200_001}}, "first_profile"),
    ],
)
def test_settings_that_make_no_sense_name_their_field(quiet, given, field):
    answer = quiet.post("/t/settings", json=given)
    assert answer.status_code == 400
    assert answer.json()["fields"] == [field]
    assert BY_NAME[field].label in answer.json()["error"]


@pytest.mark.parametrize("name", ["first_profile", "allow_large", "channel", "__class__", "x"])
def test_settings_that_there_are_not_are_refused(quiet, name):
    assert quiet.post("/t/settings", json={name: "circle:2"}).status_code == 400


def test_what_is_too_large_is_refused_and_removed(quiet):
    group = quiet.post("/t/group").json()["group"]

    def chunks():
        for _ in range(200):
            yield b"x" * 1000

    asked = {"group": group, "name": "large.tif"}
    for content in (b"x" * 200_000, chunks()):
        answer = quiet.post("/t/upload", params=asked, content=content)
        assert answer.status_code == 413
        assert "--max-upload" in answer.json()["error"]
    # What was refused takes no room.
    assert quiet.post("/t/upload", params=asked, content=b"x" * 90_000).status_code == 200
    assert quiet.post("/t/upload", params=asked, content=b"x" * 90_000).status_code == 200


@pytest.mark.parametrize("length", ["-1", "x", "9" * 30, ""])
def test_a_length_that_is_none_is_refused(quiet, length):
    group = quiet.post("/t/group").json()["group"]
    answer = quiet.post(
        "/t/upload",
        params={"group": group, "name": "a"},
        content=b"x",
        headers={"content-length": length},
    )
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize(
    "asked", [{}, {"group": "../.."}, {"group": "g99", "name": "a.tif"}, {"group": "\0"}]
)
def test_uploads_go_nowhere_but_into_their_group(quiet, asked):
    assert quiet.post("/t/upload", params=asked, content=b"x").status_code == 404


@pytest.mark.parametrize("names", [("a/b", "a"), ("a", "a/b")])
def test_a_file_where_there_is_a_folder_is_refused_in_words(quiet, names):
    asked = {"group": quiet.post("/t/group").json()["group"]}
    answers = [quiet.post("/t/upload", params=asked | {"name": name}) for name in names]
    assert [one.status_code for one in answers] == [200, 507]
    assert "cannot be kept" in answers[1].json()["error"]


def test_long_names_of_any_letters_can_be_kept(quiet):
    asked = {"group": quiet.post("/t/group").json()["group"], "name": "細" * 118 + ".tif"}
    assert quiet.post("/t/upload", params=asked, content=b"x").status_code == 200


def test_what_nobody_foresaw_is_said_in_words(quiet, monkeypatch):
    from skfrap.app import _routes

    monkeypatch.setattr(_routes, "described", None)
    answer = quiet.get("/t/fields")
    assert answer.status_code == 500
    assert "something unexpected" in answer.json()["error"]


def test_names_of_files_stay_within_the_folder(tmp_path):
    from skfrap.app._uploads import safe_name

    for name in ("../../x", "/etc/x", "a/../../x", "..\\..\\x", "C:\\x", "\0x", "x\n", "~/x"):
        path = tmp_path / safe_name(name)
        assert path.resolve().is_relative_to(tmp_path.resolve())
        assert path.name.strip("_").endswith("x")
    assert len(safe_name("a" * 5000 + ".tif").name) < 200
    assert safe_name("a" * 5000 + ".tif").suffix == ".tif"
    for name in ("", "..", "/", "...", " . "):
        with pytest.raises(AppError):
            safe_name(name)


# What it answers.


def test_settings_are_those_of_analyses_and_choices_those_of_the_library():
    known = {one.name for one in fields(ExperimentOptions)}
    assert {one.name for one in FIELDS} <= known
    defaults = {one.name: one.default for one in fields(ExperimentOptions)}
    for one in FIELDS:
        if one.name in known - {"start", "data", "fixed"}:  # of which a page has others
            assert (one.default or None) == (defaults[one.name] or None), one.name
        assert one.hint or one.kind == "flag"
    # Models that other tests and examples define are in the registry as well.
    own = {
        name
        for name, model in MODELS.items()
        if model.__module__.startswith("skfrap.")
        and getattr(sys.modules[model.__module__], model.__name__, None) is model
    }
    assert {*BY_NAME["model"].choices} == own


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"pixel_size": 0.1, "n_prebleach": 5, "recenter": True, "start": "told", "level": 0.9},
        {"bleach_region": "polygon:1px,2px;3px,4px;9px,1px", "free": ["mobile_fraction"]},
        {"fixed": {"mobile_fraction": 0.5}, "compartment": "auto", "rows": ["compartment"]},
        {"background": "divide", "fading": "frame", "first_postbleach": -0.5, "skip": 2},
        {"bleach_region": "each"},
        {"columns": ["bleach=ROI 1", "reference=2"], "sheet": "cell 1", "normalisation": "double"},
    ],
)
def test_the_command_line_says_the_same(given):
    from skfrap.cli._estimate import estimate

    given = check_given(given)
    words = shlex.split(as_command(["a file.tif", "-b.tif"], given, 1))
    context = estimate.make_context("estimate", words[2:])
    assert context.params.pop("files") == ("a file.tif", "./-b.tif")
    known = {one.name for one in fields(ExperimentOptions)}
    asked = {name: value for name, value in context.params.items() if name in known}
    asked |= {name: asked[name] or None for name in ("rows", "columns")}
    expected = ExperimentOptions(
        **({"start": "auto", "data": "both", "channel": 1, "fixed": {}} | given)
    )
    assert asked.pop("series") is None
    assert ExperimentOptions(**asked) == expected


@pytest.mark.parametrize(
    "region",
    [
        Circle(2.0, (5.0, 6.0)),
        Circle(2.0),
        Ellipse((2.0, 3.0), 30.0, (9.0, 8.0)),
        Rectangle(2.0, 3.0, (9.0, 8.0)),
        Polygon([(1.0, 1.0), (7.0, 1.0), (1.0, 5.0)]),
    ],
)
def test_regions_in_pixels_are_the_same_regions(region):
    again = parse_region(region_in_pixels(region, (40, 40), 0.5), 0.5)
    expected = region.area_fractions((40, 40), 0.5)
    np.testing.assert_allclose(again.area_fractions((40, 40), 0.5), expected, atol=1e-6)


def test_the_outline_of_a_mask_is_its_edge():
    mask = np.zeros((6, 7))
    mask[2:4, 1:6] = 1
    assert outline_of(mask) == "M1 2h5M1 4h5M1 2v2M6 2v2"
    assert outline_of(np.zeros((3, 3))) == ""


@pytest.mark.parametrize("package", ["starlette.applications", "uvicorn"])
def test_what_is_not_installed_is_named_with_the_extra(monkeypatch, package):
    from click.testing import CliRunner

    from skfrap.cli import cli

    for name in [name for name in sys.modules if name.startswith("skfrap.app")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    ended = CliRunner().invoke(cli, ["app", "--no-browser"])
    assert ended.exit_code == 1
    assert "pip install 'skfrap[app]'" in ended.output
    assert package.partition(".")[0] in ended.output


@pytest.mark.slow
def test_a_file_becomes_the_D_of_the_command_line(page, tmp_path):
    path = series_file(tmp_path)
    state = send(page, ("cell.tif", path.read_bytes())).json()
    assert state["opened"]["shape"] == [26, 48, 48]
    assert state["opened"]["said"]["pixel_size_um"]
    state = settled(page)
    expected = analyse_series(path, ExperimentOptions(start="auto", data="both"))
    assert state["error"] is None
    assert state["result"]["words"] == expected.estimates.values_in_words(0)
    for end in ("", "_lower", "_upper"):
        key = end.strip("_") or "value"
        value = getattr(expected.estimates, "D_um2_s" + end)[0]
        assert state["result"]["values"]["D"][key] == value
    assert state["result"]["sources"]["bleach region"] == "protocol in the file"
    assert len(state["result"]["alternatives"]) == len(expected.alternatives)
    assert state["result"]["curve"]["measured"] == expected.curve.tolist()
    # The first answer is that of the curve alone.
    quick = state["quick"]["values"]["values"]["D"]["value"]
    assert quick == pytest.approx(expected.estimates.D_um2_s[0], rel=1e-6)

    from skfrap.io import read_series

    frames = read_series(path).frames
    sent = page.get("/t/frames", params={"first": 10, "count": 3}).content
    np.testing.assert_array_equal(np.frombuffer(sent, "<u2").reshape(3, 48, 48), frames[10:13])
    for asked in ({"first": 26}, {"first": -1}, {"first": 0, "count": 27}, {"first": "x"}, {}):
        assert page.get("/t/frames", params=asked).status_code == 400

    # While a region is dragged: the curve, and then its fit.
    moved = "circle:6.1px@24.1px,24px"
    curve = page.post("/t/follow", json={"region": moved}).json()["curve"]
    assert "fitted" not in curve
    followed = page.post("/t/follow", json={"region": moved, "fit": True}).json()
    state = page.post("/t/settings", json={"bleach_region": moved}).json()
    assert state["given"] == {"bleach_region": moved}
    state = settled(page)
    assert state["result"]["curve"]["measured"] == pytest.approx(curve["measured"])
    told = next(one for one in state["result"]["alternatives"] if one["name"] == "told, all mobile")
    assert followed["values"]["values"]["D"]["value"] == pytest.approx(told["D_um2_s"], rel=1e-5)
    assert f"--bleach-region {moved}" in state["command"]
    assert page.post("/t/follow", json={"region": "circle:500px@25px,24px"}).status_code == 422

    # A page that is loaded anew has all of it.
    again = page.get("/t/state").json()
    assert again == state
    # A file brings all settings back.
    saved = page.get("/t/settings.json")
    assert "attachment" in saved.headers["content-disposition"]
    page.post("/t/settings", json={"bleach_region": None, "level": 0.9})
    assert page.get("/t/state").json()["given"] == {"level": 0.9}
    back = page.post("/t/settings-file", content=saved.content).json()
    assert back["given"] == {"bleach_region": moved}
    settled(page)
    page.post("/t/settings-file", json={"settings": {}})
    settled(page)


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no image",
        b"II*\0\x08\0\0\0",
        b"II*\0\x08\0\0\0" + struct.pack("<H", 60000) + b"\xff" * 3000,
        b"<html>" * 100,
        os.urandom(4096),
    ],
)
def test_broken_files_are_told_of_in_words(page, content):
    answer = send(page, ("broken.tif", content))
    state = answer.json()
    words = state["error"] if answer.status_code >= 400 else settled(page)["error"]["error"]
    assert words
    assert "Traceback" not in words
    assert "skfrap-app-" not in words
    assert "/g" not in words


@pytest.mark.slow
def test_a_small_file_that_claims_to_be_huge_takes_no_memory(page):
    # One page of 200 000 x 200 000 pixels, of which nothing is there.
    entries = [(256, 4, 200_000), (257, 4, 200_000), (258, 3, 16), (259, 3, 1), (262, 3, 1)]
    entries += [(273, 4, 8), (277, 3, 1), (278, 4, 200_000), (279, 4, 100)]
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    content = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + directory + b"\0" * 500
    send(page, ("huge.tif", content))
    error = settled(page)["error"]
    assert error["error"]


@pytest.mark.slow
def test_what_the_file_does_not_say_is_asked_for_in_place(page, tmp_path):
    path = series_file(tmp_path, known=False)
    send(page, ("plain.tif", path.read_bytes()))
    state = settled(page)
    assert {"pixel_size", "frame_interval"} <= {*state["error"]["fields"]}
    assert state["opened"]["shape"] == [26, 48, 48]
    assert state["result"] is None
    page.post("/t/settings", json={"pixel_size": 1.0, "frame_interval": 0.265})
    state = settled(page)
    assert state["error"] is None
    assert state["result"]["values"]["D"]["value"] == pytest.approx(5.0, rel=0.1)
    page.post("/t/settings-file", json={"settings": {}})
    settled(page)


@pytest.mark.slow
def test_a_table_becomes_the_result_of_the_command_line(page, tmp_path):
    import pandas as pd

    path = table_file(tmp_path)
    book = tmp_path / "book.xlsx"
    pd.read_csv(path, sep=";", decimal=",").to_excel(book, sheet_name="cell 1", index=False)
    for entry in page.get("/t/state").json()["entries"]:
        page.post("/t/remove", json={"key": entry["key"]})
    files = [("f/nucleus.csv", path), ("f/book.xlsx", book), ("f/cell.tif", series_file(tmp_path))]
    state = send(page, *((name, one.read_bytes()) for name, one in files)).json()
    names = [entry["name"] for entry in state["entries"]]
    assert names == ["f/book.xlsx", "f/cell.tif", "f/nucleus.csv"]
    state = settled(page)
    assert state["opened"]["table"]
    page.post("/t/open", json={"key": state["entries"][2]["key"]})
    state = settled(page)
    expected = analyse_curve(path, ExperimentOptions(start="auto", data="both"))
    assert state["error"] is None
    assert state["result"]["words"] == expected.estimates.values_in_words(0)
    assert state["result"]["words"][0].startswith("half_time = 2.0")
    assert state["result"]["curve"]["measured"] == expected.curve.tolist()
    assert state["result"]["sources"] == expected.sources
    assert "region" not in state["result"]
    # Nothing of images is there, and nothing is made up.
    assert page.get("/t/frames", params={"first": 0}).status_code == 409
    for asked, body in (("follow", {"region": "circle:5px@20px,20px"}), ("residuals", {})):
        answer = page.post(f"/t/{asked}", json=body)
        assert answer.status_code == 422
        assert "a table has no images" in answer.json()["error"]
    assert page.get("/t/regions.zip").status_code == 422
    answer = page.post("/t/compare", json={"models": ["exponential", "diffusion"]})
    assert answer.status_code == 422
    assert answer.json()["fields"] == ["bleach_region"]

    given = {"bleach_region": "circle:1.5", "columns": ["reference=none,background=ROI3"]}
    page.post("/t/settings", json=given | {"normalisation": "single"})
    state = settled(page)
    options = ExperimentOptions(
        start="auto", data="both", bleach_region="circle:1.5", normalisation="single",
        columns=("reference=none,background=ROI3",),
    )  # fmt: skip
    expected = analyse_curve(path, options)
    assert state["result"]["words"] == expected.estimates.values_in_words(0)
    assert state["result"]["words"][0].startswith("D = ")
    assert "--columns reference=none,background=ROI3 --normalisation single" in state["command"]
    told = page.post("/t/compare", json={"models": ["exponential", "diffusion"]}).json()
    assert len(told["rows"]) == 2
    page.post("/t/settings-file", json={"settings": {"columns": ["bleach=ROI9"]}})
    assert settled(page)["error"]["fields"] == ["columns"]

    page.post("/t/settings-file", json={"settings": {}})
    page.post("/t/batch")
    state = settled(page)
    assert [entry["state"] for entry in state["entries"]] == ["done"] * 3
    told = read_report(
        saved(page, page.post("/t/report", json={"of": "all"}).json()["name"], tmp_path)
    )
    assert "half_time_s" in told["records"][0]
    assert told["records"][0]["half_time_s"] == told["records"][2]["half_time_s"]
    assert "D_um2_s" in told["records"][1]
    page.post("/t/report", json={"of": "current"})
    told = read_report(saved(page, "report-current.html", tmp_path))
    assert told["records"][0]["file"] == "f/nucleus.csv"


@pytest.mark.slow
def test_a_moved_region_is_answered_in_stages(page, tmp_path):
    path = series_file(tmp_path)
    page.post("/t/settings-file", json={"settings": {}})
    send(page, (path.name, path.read_bytes()))
    before = settled(page)["result"]
    moved = "circle:6px@25px,24px"
    state = page.post("/t/settings", json={"bleach_region": moved}).json()
    assert (state["stage"], bool(state["busy"])) == (0, True)
    assert state["result"] == before  # until there is another
    seen = {}
    while state["busy"]:
        seen[state["stage"]] = state
        state = page.get("/t/state", params={"since": state["version"]}).json()
    assert state["stage"] == 3
    expected = analyse_series(
        path, ExperimentOptions(start="auto", data="both", bleach_region=moved)
    )
    assert state["result"]["words"] == expected.estimates.values_in_words(0)
    assert state["result"]["alternatives"] == expected.alternatives.to_records()
    # The stages come one after the other; how many of them are seen hangs on when they are asked.
    assert [*seen] == sorted(seen)
    for stage, one in seen.items():
        if stage < 2:
            assert one["result"] == before
        else:
            assert one["result"]["region"] == moved
            assert not any(row["data"] == "images" for row in one["result"]["alternatives"])

    # A newer move takes the place of an older one.
    for k in range(6):
        page.post("/t/settings", json={"bleach_region": f"circle:6px@{24 + k % 3}px,23px"})
    state = settled(page)
    assert state["error"] is None
    last = ExperimentOptions(start="auto", data="both", bleach_region="circle:6px@26px,23px")
    expected = analyse_series(path, last)
    assert state["result"]["region"] == "circle:6px@26px,23px"
    assert state["result"]["alternatives"] == expected.alternatives.to_records()
    page.post("/t/settings-file", json={"settings": {}})
    settled(page)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="nothing can be given up here")
def test_what_is_not_wanted_any_more_is_given_up_and_the_process_stays(tmp_path):
    path, keep = series_file(tmp_path), str(tmp_path / "open")
    worker = Worker("test")
    given = {"model": "binding", "free": ("mobile_fraction",)}  # takes many seconds

    async def work():
        await worker.call("open_series", source=str(path), series=None, join=False, channel=None,
                          keep=keep)  # fmt: skip
        process = worker._process
        worker.supersede("analyse")  # nothing is being done
        task = asyncio.ensure_future(worker.call("analyse", keep=keep, given=given))
        while not task.done():
            await asyncio.sleep(0.1)
            worker.supersede("compare")  # which is another task
            worker.supersede("analyse")
        with pytest.raises(AppError, match="superseded") as error:
            await task
        assert error.value.status == STOPPED
        (found,) = await worker.call("analyse", keep=keep, given={})
        assert worker._process is process
        return found

    try:
        assert asyncio.run(work())["words"] == analyse_series(
            path, ExperimentOptions(start="auto", data="both")
        ).estimates.values_in_words(0)
    finally:
        worker.stop()


@pytest.mark.slow
def test_each_of_several_spots_is_analysed_and_looked_at(page, tmp_path):
    for entry in page.get("/t/state").json()["entries"]:
        page.post("/t/remove", json={"key": entry["key"]})
    path = spots_file(tmp_path)
    given = {"bleach_region": "each", "n_prebleach": 5, "first_postbleach": 0.2}
    page.post("/t/settings-file", json={"settings": given})
    send(page, (path.name, path.read_bytes()))
    state = settled(page)
    expected = analyse_spots(path, ExperimentOptions(start="auto", data="both", **given))
    assert state["error"] is None
    assert "--bleach-region each" in state["command"]
    words = [one.estimates.values_in_words(0) for one in expected]
    assert [one["words"] for one in state["spots"]] == words
    assert (state["spot"], state["result"]["words"]) == (0, words[0])
    # They are drawn where they are in the field, and not in their part of it.
    middles = [one["region"].partition("@")[2].split(",") for one in state["spots"]]
    found = np.array([[float(value.removesuffix("px")) for value in one] for one in middles])
    np.testing.assert_allclose(found, [[32, 32], [96, 32]], atol=2)
    state = page.post("/t/spot", json={"spot": 1}).json()
    assert (state["spot"], state["result"]["words"]) == (1, words[1])
    assert state["result"]["curve"]["measured"] == expected[1].curve.tolist()
    assert page.post("/t/spot", json={"spot": 2}).status_code == 404
    assert page.post("/t/spot", json={"spot": -1}).status_code == 400
    told = page.post("/t/compare", json={"models": ["diffusion", "exponential"]}).json()
    assert told["rows"][0]["words"] == words[1]
    answer = page.post("/t/residuals")
    assert answer.status_code == 422
    assert answer.json()["fields"] == ["bleach_region"]
    # One of them can still be followed by itself.
    assert "curve" in page.post("/t/follow", json={"region": state["spots"][1]["region"]}).json()

    page.post("/t/batch")
    state = settled(page)
    assert state["entries"][0]["words"] == [
        f"spot {k + 1}: {one[0]}" for k, one in enumerate(words)
    ]
    import pandas as pd

    table = pd.read_csv(io.BytesIO(page.get("/t/results.csv").content))
    np.testing.assert_allclose(table["D_um2_s"], [one.estimates.D_um2_s[0] for one in expected])
    for of in ("current", "all"):
        page.post("/t/report", json={"of": of})
        records = read_report(saved(page, f"report-{of}.html", tmp_path))["records"]
        assert [one["series"] for one in records] == [one.name for one in expected]
    page.post("/t/settings-file", json={"settings": {}})
    assert settled(page)["spots"] == []


@pytest.mark.slow
def test_times_and_profiles_are_given_as_files(page, tmp_path):
    path = series_file(tmp_path, known=False)
    clock = tmp_path / "clock.csv"
    clock.write_text("\n".join(["time"] + [f"{0.265 * k:.3f}" for k in range(26)]))
    send(page, (path.name, path.read_bytes()))
    given = {"pixel_size": 1.0, "n_prebleach": 10, "bleach_region": "circle:6px@24px,24px"}
    times = {"name": "../clock.csv", "text": clock.read_text()}
    state = page.post("/t/settings", json=given | {"times": times}).json()
    assert state["given"]["times"] == "clock.csv"
    assert "--times clock.csv" in state["command"]
    state = settled(page)
    assert state["error"] is None
    options = ExperimentOptions(start="auto", data="both", times=clock, **given)
    expected = analyse_series(path, options)
    assert state["result"]["words"] == expected.estimates.values_in_words(0)
    assert state["result"]["sources"]["frame times"] == "times in clock.csv"
    followed = page.post("/t/follow", json={"region": "circle:6px@24px,24px"}).json()
    assert followed["curve"]["times"] == state["result"]["curve"]["times"]
    page.post("/t/report", json={"of": "current"})
    text = saved(page, "report-current.html", tmp_path).read_text()
    assert "clock.csv" in text
    assert str(page.app.session().uploads.folder) not in text
    page.post("/t/settings", json={"times": times | {"text": "0\n1\n2"}})
    assert "3 for a series of 26 frames" in settled(page)["error"]["error"]
    # What brings the settings back brings the file with it.
    page.post("/t/settings", json={"times": times})
    settings = page.get("/t/settings.json").json()["settings"]
    assert settings["times"] == {"name": "clock.csv", "text": clock.read_text()}
    page.post("/t/settings-file", json={"settings": {}})
    state = page.post("/t/settings-file", json={"settings": settings}).json()
    assert settled(page)["result"]["words"] == expected.estimates.values_in_words(0)

    path = table_file(tmp_path)
    radii = np.arange(0, 8, 0.25)
    profiles = {}
    for name, depth in (("first", 0.6), ("last", 0.1)):
        rows = [f"{r},{1 - depth * np.exp(-((r / 1.6) ** 4)):.5f}" for r in radii]
        profiles[f"{name}_profile"] = tmp_path / f"{name}.csv"
        profiles[f"{name}_profile"].write_text("\n".join(["radius,intensity", *rows]))
    given = {"bleach_region": "circle:1.5"}
    sent = {key: {"name": one.name, "text": one.read_text()} for key, one in profiles.items()}
    page.post("/t/settings-file", json={"settings": given | sent})
    send(page, (path.name, path.read_bytes()))
    state = settled(page)
    assert state["error"] is None
    options = ExperimentOptions(start="auto", data="both", **given, **profiles)
    expected = analyse_curve(path, options)
    assert state["result"]["words"] == expected.estimates.values_in_words(0)
    assert state["result"]["sources"]["profiles"] == "first and last frames"
    assert len(state["result"]["alternatives"]) == len(expected.alternatives) > 2
    page.post("/t/settings", json={"first_profile": None})
    assert settled(page)["error"]["fields"][0] == "last_profile"
    page.post("/t/settings-file", json={"settings": {}})
    settled(page)


@pytest.mark.slow
def test_results_without_an_interval_are_sent_as_such(page, tmp_path):
    send(page, ("cell.tif", series_file(tmp_path).read_bytes()))
    page.post("/t/settings", json={"fixed": {"D": 5.0}})
    state = settled(page)
    assert state["error"] is None
    assert state["result"]["words"] == []
    D = {"value": 5.0, "lower": 5.0, "upper": 5.0, "unit": "µm²/s"}
    assert state["result"]["values"]["D"] == D
    # The images beside it are compared with nothing.
    assert state["result"]["sources"]["start"].startswith("as told")
    page.post("/t/settings", json={"fixed": None, "data": "images"})
    state = settled(page)
    assert state["result"]["words"][0].startswith("D = 5.0")
    assert "band" not in state["result"]["curve"]  # it would be one of another fit
    page.post("/t/settings-file", json={"settings": {}})
    settled(page)

    from skfrap.io import read_series, write_series

    series = read_series(tmp_path / "cell.tif")
    rng = np.random.default_rng(0)
    frames = rng.normal(30_000, 300, series.frames.shape).astype(np.uint16)
    path = tmp_path / "unbleached.tif"
    write_series(path, frames, pixel_size_um=1.0, frame_interval_s=0.265, info=series.info)
    send(page, (path.name, path.read_bytes()))
    state = settled(page)
    assert state["error"] is None
    assert state["result"]["words"] == ["D not estimated"]
    none = {"value": None, "lower": None, "upper": None, "unit": "µm²/s"}
    assert state["result"]["values"]["D"] == none
    assert {one["severity"] for one in state["result"]["findings"]} >= {"unusable"}


def test_an_end_that_is_not_known_is_no_number():
    from skfrap.app._outcome import describe_values
    from skfrap.results import FRAPEstimates

    def described(lower, upper):
        one, ends = np.ones(1), ({"D": np.array([lower])}, {"D": np.array([upper])})
        values = {"D": 5 * one}
        estimates = FRAPEstimates(
            values, *ends, one, None, one, one > 0, np.array([""]), ((),), fit=None
        )
        return describe_values(estimates)

    for ends in ((np.nan, np.nan), (np.nan, 6.0), (4.0, np.nan)):
        told = described(*ends)
        assert told["words"] == ["D = 5 µm²/s (no interval)"]
        expected = [None if np.isnan(end) else end for end in ends]
        assert [told["values"]["D"][end] for end in ("lower", "upper")] == expected
    assert described(4.0, np.inf)["words"] == ["D = 5 µm²/s (95 % interval 4 to inf)"]
    assert described(4.0, np.inf)["values"]["D"]["upper"] is None


@pytest.mark.slow
def test_an_analysis_that_crashes_leaves_the_page_alive(page, tmp_path):
    path = series_file(tmp_path)
    send(page, ("cell.tif", path.read_bytes()))
    settled(page)
    session = page.app.session()
    session.full.start()
    session.full._process.kill()
    session.full._process.join()
    session.full._process.is_alive = lambda: True  # it dies while it works
    page.post("/t/settings", json={"level": 0.9})
    state = settled(page)
    assert "ended unexpectedly" in state["error"]["error"]
    page.post("/t/settings", json={"level": 0.95})
    state = settled(page)
    assert state["error"] is None
    assert state["result"]["words"]


@pytest.mark.slow
def test_all_series_are_analysed_and_the_broken_one_is_told_of(page, tmp_path):
    for entry in page.get("/t/state").json()["entries"]:
        page.post("/t/remove", json={"key": entry["key"]})
    assert page.post("/t/batch").status_code == 409
    assert page.get("/t/results.csv").status_code == 409
    one, two = (series_file(tmp_path, f"{k}.tif", seed=k) for k in (1, 2))
    files = [("f/1.tif", one.read_bytes()), ("f/2.tif", two.read_bytes()), ("f/3.tif", b"II*\0")]
    files.append(("f/4.tif", one.read_bytes()))
    state = send(page, *files).json()
    names = [f"f/{k}.tif" for k in (1, 2, 3, 4)]
    assert [entry["name"] for entry in state["entries"]] == names
    page.post("/t/batch")
    state = settled(page)
    assert [entry["state"] for entry in state["entries"]] == ["done", "done", "failed", "done"]
    assert state["batch"] == "done"
    copies = ["the same numbers as f/1.tif" in " ".join(entry.get("findings", ()))
              for entry in state["entries"]]  # fmt: skip
    assert copies == [False, False, False, True]
    first = state["entries"][0]
    expected = analyse_series(one, ExperimentOptions(start="auto", data="both"))
    assert first["words"] == expected.estimates.values_in_words(0)
    assert state["entries"][2]["error"]
    import pandas as pd

    table = pd.read_csv(io.BytesIO(page.get("/t/results.csv").content))
    assert table["file"].tolist() == names
    assert table["findings"].str.contains("same_numbers").tolist()[-1] is True
    assert table["D_um2_s"][0] == pytest.approx(expected.estimates.D_um2_s[0], rel=1e-12)
    assert page.post("/t/report", json={"of": "all"}).json() == {"name": "report-all.html"}
    told = read_report(saved(page, "report-all.html", tmp_path))
    assert [one["file"] for one in told["records"]] == names
    assert "Beside the other series" in saved(page, "report-all.html", tmp_path).read_text()
    assert told["records"][0]["D_um2_s"] == expected.estimates.D_um2_s[0]
    # What is done with the same settings is not done again; with others it is.
    page.post("/t/batch")
    page.post("/t/stop")
    state = settled(page)
    assert [entry["state"] for entry in state["entries"]][:2] == ["done", "done"]
    page.post("/t/settings", json={"level": 0.9})
    page.post("/t/batch")
    page.post("/t/stop")
    state = settled(page)
    assert state["batch"] == "stopped"
    assert not any(entry["state"] == "running" for entry in state["entries"])
    page.post("/t/batch")  # goes on
    state = settled(page)
    assert [entry["state"] for entry in state["entries"]] == ["done", "done", "failed", "done"]
    assert "90 %" in state["entries"][0]["words"][0]
    page.post("/t/settings-file", json={"settings": {}})
    settled(page)


@pytest.mark.slow
def test_the_report_is_that_of_the_library_and_may_do_nothing_here(page, tmp_path):
    path = series_file(tmp_path)
    assert page.post("/t/report", json={"of": "/etc"}).status_code == 400
    for name in ("report-x.html", "report-..%2fx.html", "report-.html"):
        assert page.get(f"/t/{name}").status_code == 404
    send(page, ("my cell.tif", path.read_bytes()))
    settled(page)
    page.post("/t/report", json={"of": "current"})
    policy = page.get("/t/report-current.html").headers["content-security-policy"]
    assert policy.startswith("sandbox")
    assert "allow-same-origin" not in policy
    told = read_report(saved(page, "report-current.html", tmp_path))
    expected = analyse_series(path, ExperimentOptions(start="auto", data="both"))
    assert told["records"][0]["D_um2_s"] == expected.estimates.D_um2_s[0]
    assert told["command"].startswith("skfrap estimate 'my cell.tif'")


@pytest.mark.slow
def test_parts_of_one_experiment_are_joined(page, tmp_path):
    for entry in page.get("/t/state").json()["entries"]:
        page.post("/t/remove", json={"key": entry["key"]})
    assert page.post("/t/join").status_code == 409
    path = series_file(tmp_path)
    send(page, ("1.tif", path.read_bytes()), ("2.tif", path.read_bytes()))
    settled(page)
    state = page.post("/t/join").json()
    assert len(state["entries"]) == 3
    assert state["entries"][2]["name"] == "1.tif … 2.tif, joined"
    words = settled(page)["error"]["error"]
    assert "time" in words  # TIFFs of one writer have no time of day to join by
    # Once more is the same; of more parts it is another.
    page.post("/t/open", json={"key": state["entries"][0]["key"]})
    again = page.post("/t/join").json()
    assert [one["key"] for one in again["entries"]] == [one["key"] for one in state["entries"]]
    assert again["current"] == state["entries"][2]["key"]
    send(page, ("3.tif", path.read_bytes()))
    settled(page)
    more = [one["name"] for one in page.post("/t/join").json()["entries"]]
    assert more[2:] == ["1.tif … 2.tif, joined", "3.tif", "1.tif … 3.tif, joined"]
    assert page.post("/t/join").json()["entries"] == page.get("/t/state").json()["entries"]
    state = settled(page)
    assert len(state["entries"]) == 5
    assert settled(page)["error"]["error"]
    assert "skfrap-app-" not in words
    assert "--join --as-one-series" in page.get("/t/state").json()["command"]
    for entry in state["entries"]:
        page.post("/t/remove", json={"key": entry["key"]})


@pytest.mark.slow
def test_a_file_of_a_microscope_is_read_with_all_that_it_says(page, shared, tmp_path):
    path = shared / "real" / "zeiss_czi" / "circle_45x256x256.czi"
    if not path.is_file():
        pytest.skip("the recordings beside the checkout are not here")
    send(page, (path.name, path.read_bytes()))
    state = settled(page)
    assert state["result"]["sources"]["pixel size"].startswith("CZI")
    expected = analyse_series(path, ExperimentOptions(start="auto", data="both"))
    assert state["result"]["words"] == expected.estimates.values_in_words(0)


@pytest.mark.slow
def test_models_are_compared_side_by_side(page, tmp_path):
    send(page, ("cell.tif", series_file(tmp_path).read_bytes()))
    settled(page)
    told = page.post("/t/compare", json={"models": ["diffusion", "exponential"]}).json()
    assert [row["name"] for row in told["rows"]] == ["diffusion", "exponential"]
    assert told["best"] == "diffusion"
    assert sum(row["weight"] for row in told["rows"]) == pytest.approx(1)
    assert page.post("/t/compare", json={"models": ["diffusion"]}).status_code == 400
    assert page.post("/t/compare", json={"models": ["diffusion", "magic"]}).status_code == 422


@pytest.mark.slow
def test_residual_images_are_sent_as_floats(page):
    answer = page.post("/t/residuals")
    told = json.loads(answer.headers["x-frames"])
    pixels = np.frombuffer(answer.content, "<f4").reshape(len(told["labels"]), *told["shape"])
    assert told["shape"] == [48, 48]
    assert np.isfinite(pixels).all()
    assert told["labels"][0] == "first frame"


def test_everything_is_removed_at_the_end(tmp_path):
    app = make_app(token="t", warm=False)
    with client_of(app) as client:
        group = client.post("/t/group").json()["group"]
        client.post("/t/upload", params={"group": group, "name": "a.tif"}, content=b"x")
        folder = app.session().uploads.folder
        assert (folder / group / "a.tif").read_bytes() == b"x"
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


@pytest.mark.slow
def test_regions_of_imagej_are_read_and_written(page, tmp_path):
    from skfrap.io import read_rois, write_rois

    send(page, ("cell.tif", series_file(tmp_path).read_bytes()))
    settled(page)
    path = tmp_path / "one.roi"
    write_rois(path, {"1": Rectangle(10.0, 12.0, (24.0, 25.0))}, 1.0)
    state = page.post("/t/rois?target=bleach_region", content=path.read_bytes()).json()
    assert state["given"]["bleach_region"] == "rectangle:10pxx12px@24px,25px"
    settled(page)
    path = tmp_path / "several.zip"
    several = {"nucleus": Circle(20.0, (24.0, 24.0)), "FRAP": Circle(6.0, (24.0, 24.0))}
    write_rois(path, several | {"Ref": Circle(3.0, (36.0, 24.0))}, 1.0)
    state = page.post("/t/rois?target=bleach_region", content=path.read_bytes()).json()
    assert state["given"] == {
        "bleach_region": "circle:6px@24px,24px",
        "compartment": "circle:20px@24px,24px",
        "reference": "circle:3px@36px,24px",
    }
    state = settled(page)
    assert state["error"] is None
    again = read_rois(saved(page, "regions.zip", tmp_path), 1.0)
    assert again == {
        "bleach region": several["FRAP"],
        "cell": several["nucleus"],
        "reference": Circle(3.0, (36.0, 24.0)),
    }
    for content in (b"", b"PK", b"Iout", path.read_bytes()[:200]):
        answer = page.post("/t/rois?target=bleach_region", content=content)
        assert answer.status_code == 422
        assert "skfrap-app-" not in answer.text
    assert page.post("/t/rois?target=x", content=b"Iout").status_code == 400
    assert page.post("/t/rois?target=reference", content=bytes(2**24 + 1)).status_code == 413
    page.post("/t/settings-file", json={"settings": {}})
    settled(page)
