"""Chromium without a window, and the page's server in a process of its own."""

import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import tifffile

from skfrap import Circle, FRAPProtocol, FRAPSimulator
from skfrap.io import write_series

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def series_file(folder, name="cell.tif", *, known=True, seed=0):
    """Write a small series; one that is not known says nothing of pixels, clock or protocol."""
    protocol = FRAPProtocol(
        shape=(48, 48), pixel_size=1.0, bleach_region=Circle(6.0), n_postbleach=16, padding=16
    )
    truth = {"D": 5.0, "c0": 0.7, "alpha": 0.6, "a": 1e-4}
    simulator = FRAPSimulator(protocol, truth, random_state=seed, bit_depth=16)
    frames, path = simulator.sample_images(1).data[0], folder / name
    if not known:
        tifffile.imwrite(path, frames)
        return path
    interval, info = protocol.frame_interval, {"protocol": protocol.to_dict()}
    write_series(path, frames, pixel_size_um=1.0, frame_interval_s=interval, info=info)
    return path


def spots_file(folder, name="spots.tif"):
    """Write a series with two spots, bleached after five frames; pixels of 0.5 µm, D = 1."""
    protocol = FRAPProtocol(
        shape=(64, 64), pixel_size=0.5, bleach_region=Circle(3.0), n_bleach=1, n_prebleach=5,
        n_postbleach=30, frame_interval=0.2,
    )  # fmt: skip
    truth = {"D": 1.0, "c0": 0.7, "alpha": 0.4, "a": 1e-5}
    simulator = FRAPSimulator(protocol, truth, random_state=0, bit_depth=16)
    frames, path = np.concatenate([*simulator.sample_images(2).data], axis=2), folder / name
    write_series(path, frames, pixel_size_um=0.5, frame_interval_s=0.2)
    return path


def table_file(folder, name="nucleus.csv", seed=0):
    """Write a table of intensities, as ZEN in a country with decimal commas: half-time 2 s."""
    rng = np.random.default_rng(seed)
    times = 0.5 * np.arange(60)
    since = np.maximum(times - 4.5, 0)
    left = np.where(times < 5, 1.0, 0.4 + 0.6 * 0.8 * (1 - 2 ** (-since / 2)))
    fading = 0.998 ** np.arange(60)
    columns = [times, 90 * left * fading + 7, 80 * fading + 7, np.full(60, 7.0)]
    rows = np.transpose(columns) + np.array([0, 0.3, 0.1, 0.1]) * rng.normal(size=(60, 4))
    lines = [";".join(f"{value:.3f}" for value in row).replace(".", ",") for row in rows]
    path = folder / name
    path.write_text("\n".join(["Axis [s];ROI1 [];ROI2 [];ROI3 []", *lines]))
    return path


@contextmanager
def server(*arguments):
    """Run `skfrap app`, and give the address that it prints."""
    command = [sys.executable, "-m", "skfrap", "app", "--no-browser", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://\S+", process.stdout.readline())[0]
    finally:
        process.terminate()
        _, told = process.communicate(timeout=120)
        assert "Traceback" not in told, told


class Page:
    """One page, with what the tests ask of it.

    Parameters
    ----------
    page : playwright's Page

    Attributes
    ----------
    pause : float, default=0.02
        Time between two looks, s.
    """

    def __init__(self, page):
        self.page, self.errors, self.clicks, self.typed = page, [], 0, 0
        self.pause = 0.02
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))

    def until(self, expression, patience=300):
        """Wait until a JavaScript expression holds; the page forbids to wait for it in itself."""
        end = time.monotonic() + patience
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, (expression, self.text("alert"), self.errors)
            time.sleep(self.pause)

    def text(self, name):
        return self.page.evaluate(f"document.getElementById({name!r}).textContent")

    def click(self, selector):
        self.clicks += 1
        self.page.click(selector)

    def type(self, selector, words):
        self.typed += 1
        self.page.fill(selector, words)
        self.page.press(selector, "Tab")

    def drop(self, *paths):
        """Drop files on the page."""
        self.page.set_input_files("#files", [str(path) for path in paths])

    def settle(self):
        """Wait until nothing is being done."""
        quiet = "document.getElementById('now').textContent === ''"
        self.until(f"{quiet} && document.getElementById('answer').textContent !== 'D'")

    def drag(self, selector, dx, dy, steps=5):
        """Drag what is drawn, by pixels of the screen."""
        shape = self.page.locator(selector).first
        shape.scroll_into_view_if_needed()
        box = shape.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        mouse = self.page.mouse
        mouse.move(x, y)
        mouse.down()
        for k in range(1, steps + 1):
            mouse.move(x + dx * k / steps, y + dy * k / steps)
        return mouse.up


@contextmanager
def browser(width=1280, height=900):
    """Start Chromium, and give a function that opens a :class:`Page` at an address."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def open_at(address, **options):
            given = {"viewport": {"width": width, "height": height}, **options}
            page = Page(chromium.new_page(**given))
            page.page.goto(address)
            return page

        try:
            yield open_at
        finally:
            chromium.close()
