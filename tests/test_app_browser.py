"""The page as people use it, in Chromium: a file is dropped, a region dragged, a D read."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from benchmarks._browser import CHROMIUM, browser, series_file, server, spots_file, table_file
from skfrap.analysis import ExperimentOptions, analyse_series

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (apt install chromium)"),
]
CZI = Path(__file__).parents[2] / "shared" / "real" / "zeiss_czi" / "circle_45x256x256.czi"


@pytest.fixture(scope="module")
def chromium():
    with browser() as open_at:
        yield open_at


@pytest.fixture(scope="module")
def address():
    """The address of a page that most tests share: a server takes seconds of a core to start."""
    with server() as address:
        yield address


_AFRESH = """async () => {
    const post = (path, body) => fetch(path, {method: 'POST', body: JSON.stringify(body)});
    await post('stop', {});
    for (const entry of (await (await fetch('state')).json()).entries)
        await post('remove', {key: entry.key});
    await post('settings-file', {settings: {}});
    const {entries, current, given} = await (await fetch('state')).json();
    return [entries, current, given];
}"""


@pytest.fixture
def page(chromium, address):
    """The page as it is when it has just been started."""
    page = chromium(address)
    page.pause = 0.1  # looking costs time on the cores that it waits for
    yield page
    assert page.page.evaluate(_AFRESH) == [[], None, {}]
    page.page.close()


def words_of(path):
    return analyse_series(
        path, ExperimentOptions(start="auto", data="both")
    ).estimates.values_in_words(0)[0]


def test_the_demo_becomes_its_D_and_nothing_is_lost_by_a_reload(page):
    page.click("#demo-here")
    page.until("document.querySelectorAll('#alternatives tr').length > 3")
    page.settle()
    assert "inside the interval" in page.text("truth")
    assert page.text("answer") == "D = 25.01 µm²/s"
    curve = "document.querySelectorAll('#chart circle').length"
    n = page.page.evaluate(curve)
    assert n == 2 * 110

    # The curve follows the region while the hand is down, the fit as soon as it rests.
    up = page.drag("#overlay .bleach", 30, 0)
    page.until("document.getElementById('answer').textContent !== 'D = 25.01 µm²/s'")
    up()
    page.until("document.getElementById('set-bleach_region').value !== ''")
    page.settle()
    moved = page.text("answer")
    assert moved != "D = 25.01 µm²/s"
    region = page.page.evaluate("document.getElementById('set-bleach_region').value")
    assert re.fullmatch(r"circle:19\.74px@14\d\.?\d*px,128px", region)
    findings = page.text("findings")
    assert findings  # the images contradict it

    with page.page.context.expect_page() as opened:
        page.click("#report")
    report = opened.value
    report.wait_for_load_state()
    assert moved.removeprefix("D = ") in report.inner_text("body")
    assert page.clicks == 2  # of a new user: the demo, and its report
    report.close()

    page.page.reload()
    page.until("document.querySelectorAll('#alternatives tr').length > 3")
    page.settle()
    assert page.text("answer") == moved
    assert page.text("findings") == findings
    assert region in page.text("command")
    assert not page.errors


def test_a_file_becomes_the_D_of_the_command_line_by_keys_and_drawing(page, tmp_path):
    path = series_file(tmp_path)
    page.drop(path)
    page.until("document.querySelectorAll('#alternatives tr').length > 1")
    page.settle()
    assert page.text("answer") == words_of(path).partition(" (")[0]
    assert page.page.get_attribute("#set-pixel_size", "placeholder") == "1"
    assert "ImageJ" in page.text("set-pixel_size-why")

    page.page.focus("#stage")
    for key in (".", ".", ","):
        page.page.keyboard.press(key)
    assert page.text("where").startswith("frame 12 of 26")
    page.page.keyboard.press("a")  # accept what was detected
    page.settle()
    assert page.page.input_value("#set-bleach_region") == "circle:6px@24px,24px"
    assert page.page.input_value("#set-n_prebleach") == "10"
    page.page.keyboard.press("ArrowRight")
    page.until("document.getElementById('set-bleach_region').value.includes('@25px,24px')")
    page.settle()

    for key, kind in (("r", "rectangle"), ("e", "ellipse"), ("c", "circle")):
        page.page.focus("#stage")
        page.page.keyboard.press(key)
        up = page.drag("#overlay", 60, 50)
        up()
        page.until(f"document.getElementById('set-bleach_region').value.startsWith('{kind}')")
        page.settle()
    page.page.focus("#stage")
    page.page.keyboard.press("p")
    box = page.page.locator("#overlay").bounding_box()
    for x, y in ((0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.45, 0.65)):
        page.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.page.keyboard.press("Enter")
    page.until("document.getElementById('set-bleach_region').value.startsWith('polygon')")
    page.settle()
    assert page.page.locator("#overlay .handle").count() == 4

    page.page.select_option("#target", "compartment")
    page.page.focus("#stage")
    page.page.keyboard.press("c")
    page.drag("#overlay", 200, 10)()
    page.until("document.getElementById('set-compartment').value.startsWith('circle')")
    page.settle()
    page.page.select_option("#target", "reference")
    page.page.focus("#stage")
    page.page.keyboard.press("c")
    box = page.page.locator("#overlay").bounding_box()
    x, y = box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"]
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x + 15, y + 15)
    page.page.mouse.up()
    page.until("document.getElementById('set-reference').value.startsWith('circle')")
    page.settle()
    assert page.page.locator("#overlay .row-region").count() == 1
    assert not page.errors


def test_a_file_of_a_microscope_becomes_a_D_with_a_report_in_few_clicks(page, tmp_path):
    path = CZI if CZI.is_file() else series_file(tmp_path)
    page.drop(path)
    page.clicks += 2  # that open the dialog of the system, and choose in it
    page.until("document.querySelectorAll('#alternatives tr').length > 1")
    page.settle()
    first = page.text("answer")  # that of the command line, as tests of the server see
    assert first.startswith("D = ")
    page.drag("#overlay .bleach", 6, 4)()
    page.until("document.getElementById('set-bleach_region').value !== ''")
    page.settle()
    moved = page.text("answer")
    assert moved != first
    with page.page.context.expect_page() as opened:
        page.click("#report")
    opened.value.wait_for_load_state()
    text = opened.value.inner_text("body")
    assert moved.removeprefix("D = ") in text
    assert "--bleach-region" in text
    opened.value.close()
    assert page.clicks + 1 <= 6  # with the region that was dragged
    assert page.typed == 0
    assert not page.errors


def test_what_is_missing_is_asked_for_and_given_in_place(page, tmp_path):
    page.drop(series_file(tmp_path, known=False))
    page.until("document.querySelectorAll('.field.missing').length >= 2")
    assert page.text("set-pixel_size-why").startswith("Missing: ")
    page.type("#set-pixel_size", "1,0")
    page.type("#set-frame_interval", "0.265")
    page.until("document.getElementById('answer').textContent.startsWith('D = ')")
    page.settle()
    assert page.page.locator(".field.missing").count() == 0
    page.type("#set-pixel_size", "wide")
    page.until("!document.getElementById('alert').hidden")
    assert "Pixel size" in page.text("alert")
    assert page.page.locator("#field-pixel_size.missing").count() == 1


def test_a_broken_file_is_told_of_and_the_next_one_works(page, tmp_path):
    broken = tmp_path / "broken.tif"
    broken.write_bytes(series_file(tmp_path).read_bytes()[:3000])
    page.drop(broken)
    page.until("!document.getElementById('alert').hidden")
    assert "broken.tif" in page.text("alert")
    assert "Traceback" not in page.text("alert")
    page.drop(tmp_path / "cell.tif")
    page.until("document.getElementById('answer').textContent.startsWith('D = ')")
    page.settle()
    assert page.page.locator("#alert").is_hidden()


def test_all_series_of_a_folder_with_the_same_settings(page, tmp_path):
    files = [series_file(tmp_path, f"{k}.tif", seed=k) for k in range(3)]
    page.drop(*files)
    page.until("document.querySelectorAll('#series tr').length === 4")
    page.settle()
    page.click("#run")
    page.until("document.getElementById('counted').textContent === '3 of 3 done'")
    shown = page.page.evaluate(
        "[...document.querySelectorAll('#series tr')].slice(1).map(r => r.cells[1].textContent)"
    )
    assert shown == [words_of(path) for path in files]
    with page.page.context.expect_page() as opened:
        page.click("#batch-report")
    opened.value.wait_for_load_state()
    text = opened.value.inner_text("body")
    assert all(path.name in text for path in files)
    opened.value.close()


def test_several_channels_are_asked_for(page, tmp_path):
    frames = tifffile.imread(series_file(tmp_path))
    both = frames[:, None].repeat(2, axis=1)
    path = tmp_path / "two.tif"
    tags = {"axes": "TCYX", "finterval": 0.265, "unit": "um"}
    tifffile.imwrite(path, both, imagej=True, resolution=(1.3, 1.3), metadata=tags)
    page.drop(path)
    page.until("!document.getElementById('channels').hidden")
    page.page.select_option("#channel", value="1")
    page.until("document.getElementById('answer').textContent.startsWith('D = ')")
    assert "--channel 1" in page.text("command")


def test_one_spot_after_the_other_is_looked_at(page, tmp_path):
    page.drop(spots_file(tmp_path))
    page.type("#set-n_prebleach", "5")
    page.type("#set-first_postbleach", "0.2")
    page.until("!document.getElementById('tools').hidden")
    page.settle()
    assert page.page.locator("#spots").is_hidden()
    page.page.get_by_role("button", name="Each of several").click()
    page.until("document.getElementById('spot').options.length === 2")
    page.settle()
    assert page.page.locator("#overlay .row-region").count() == 1  # the other one
    place = "+document.querySelector('#overlay .bleach').getAttribute('cx')"
    first, answer = page.page.evaluate(place), page.text("answer")
    page.page.select_option("#spot", value="1")
    page.until(f"{place} > {first} + 40")
    page.settle()
    assert page.text("answer") != answer
    assert page.page.evaluate("document.getElementById('spot').value") == "1"
    # Dragged, it is a region as any other.
    page.drag("#overlay .bleach", 5, 5)()
    page.until("document.getElementById('set-bleach_region').value.startsWith('circle')")
    page.settle()
    assert page.page.locator("#spots").is_hidden()
    assert not page.errors


def test_a_table_becomes_a_half_time_and_with_a_region_a_D(page, tmp_path):
    page.drop(table_file(tmp_path))
    page.until("document.getElementById('answer').textContent.startsWith('half_time')")
    page.settle()
    assert "ROI1" in page.text("set-columns-why")
    for hidden in ("#stage", "#tools", "#field-drift", "#residual-box", "#save-rois", "#scrub"):
        assert page.page.locator(hidden).is_hidden()
    assert page.page.locator("#title").inner_text() == "nucleus.csv"
    assert page.page.locator("#field-columns").is_visible()
    page.page.locator("#chart svg").click()  # there is no frame to go to
    page.type("#set-bleach_region", "circle:1.5")
    page.until("document.getElementById('answer').textContent.startsWith('D = ')")
    page.type("#set-columns", "bleach=ROI1,reference=none,background=ROI3")
    page.until("document.getElementById('command').textContent.includes('reference=none')")
    page.settle()
    profile = tmp_path / "first.csv"
    rows = [f"{0.25 * k},{1 - 0.6 * np.exp(-((0.25 * k / 1.6) ** 4)):.5f}" for k in range(32)]
    profile.write_text("\n".join(["radius,intensity", *rows]))
    page.page.set_input_files("#field-first_profile input[type=file]", str(profile))
    page.until("document.getElementById('set-first_profile').value === 'first.csv'")
    page.until("document.querySelectorAll('#alternatives tr').length > 4")
    page.settle()
    page.click("#field-first_profile button[title]")
    page.until("document.getElementById('set-first_profile').value === ''")
    page.drop(series_file(tmp_path))
    page.until("document.querySelectorAll('#series tr').length === 3")
    page.until("!document.getElementById('stage').hidden")
    page.settle()
    assert page.page.locator("#field-drift").is_visible()
    assert page.page.locator("#field-columns").is_hidden()
    assert not page.errors


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_screen(chromium, one_result, width):
    page = chromium(one_result[0], viewport={"width": width, "height": 844})
    page.until("document.querySelectorAll('#alternatives tr').length > 1")
    page.settle()
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    tall = "Math.min(...[...document.querySelectorAll('button')].filter(b => b.offsetParent)"
    assert page.page.evaluate(f"{tall}.map(b => b.offsetHeight))") >= 28
    page.page.close()


def _without_ends(state):
    for one in state["result"]["values"].values():
        del one["lower"], one["upper"]
    for one in state["result"]["alternatives"]:
        for name in [name for name in one if name.endswith(("_lower", "_upper"))]:
            del one[name]
    del state["result"]["curve"]["band"]
    state["result"]["words"] = ["D = 5.013 µm²/s (no interval)"]


def _with_ends_that_are_none(state):
    for one in state["result"]["values"].values():
        one["lower"] = one["upper"] = None
    for one in state["result"]["alternatives"]:
        one["D_um2_s_lower"] = one["D_um2_s_upper"] = None
    curve = state["result"]["curve"]
    curve["band"] = [None] * len(curve["band"])


def _with_one_end(state):
    for one in state["result"]["alternatives"]:
        one["D_um2_s"], one["D_um2_s_lower"], one["D_um2_s_upper"] = 5.0, 3.0, None
    state["result"]["curve"]["band"][:12] = [None] * 12


def _without_a_fit(state):
    result = state["result"]
    result["words"] = ["D not estimated"]
    result["values"]["D"] |= {"value": None, "lower": None, "upper": None}
    result["curve"]["fitted"] = [None] * len(result["curve"]["fitted"])
    result["alternatives"] = result["alternatives"][:1]
    result["alternatives"][0] |= {"D_um2_s": None, "D_um2_s_lower": None, "D_um2_s_upper": None}


def _with_D_given(state):
    state["result"]["words"] = []
    state["result"]["values"]["D"] = {"value": 5.0, "lower": 5.0, "upper": 5.0, "unit": "µm²/s"}


def _without_light(state):
    _without_a_fit(state)
    curve = state["result"]["curve"]
    curve["measured"] = [None] * len(curve["measured"])


@pytest.mark.parametrize(
    ("change", "answer", "cell", "truth", "bands"),
    [
        (_without_ends, "D = 5.013 µm²/s", r"5\.\d+", "there is no interval to hold it", 0),
        (_with_ends_that_are_none, "", r"5\.\d+", "there is no interval to hold it", 0),
        (_with_one_end, "", r"5 \(above 3\)", "inside the interval", 1),
        (_without_a_fit, "D not estimated", "none", "there is no interval to hold it", 0),
        (_with_D_given, "D = 5 µm²/s", r"5\.\d+ .*", "there is no interval to hold it", 2),
        (_without_light, "D not estimated", "none", "there is no interval to hold it", 0),
    ],
)
def test_results_without_an_interval_are_shown_as_they_are(
    chromium, one_result, change, answer, cell, truth, bands
):
    address, state = one_result
    altered = json.loads(json.dumps(state))
    altered["opened"]["truth"] = {"D": 5.0}
    change(altered)
    page = chromium(address)
    page.page.route("**/state*", lambda route: route.fulfill(json=altered))
    page.page.reload()
    page.until("document.querySelectorAll('#alternatives tr').length > 1")
    page.settle()
    assert page.text("answer") == (answer or "D = 5.013 µm²/s")
    assert page.text("truth").startswith("The truth of this simulation is D = 5 µm²/s")
    assert truth in page.text("truth")
    cells = "document.querySelectorAll('#alternatives tr')[1].cells[1].textContent"
    assert re.fullmatch(cell, page.page.evaluate(cells))
    assert page.page.locator("#chart .band").count() == bands
    lines = 0 if "not estimated" in answer else 2
    assert page.page.locator("#chart .line").count() == lines
    assert page.page.locator("#known .field").count() > 10  # what comes last is there as well
    assert not page.errors
    page.page.close()


@pytest.fixture(scope="module")
def one_result(chromium, tmp_path_factory):
    """The address of a page with one result, and what its server says of it."""
    with server(series_file(tmp_path_factory.mktemp("one"))) as address:
        page = chromium(address)
        page.until("document.querySelectorAll('#alternatives tr').length > 1")
        page.settle()
        state = page.page.evaluate("fetch('state').then(answer => answer.json())")
        page.page.close()
        yield address, state
