"""Draw the pictures of the page of `skfrap app`, in Chromium, and keep them small.

python docs/app_pictures.py
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks._browser import browser, series_file, server  # noqa: E402

IMAGES = ROOT / "docs" / "images"
_COLOURS = 128
_DONE = "document.querySelectorAll('#alternatives tr').length > 2"


def keep(page, name, *selectors, height=None):
    """Take a picture of what is between the first and the last of some elements, or of all."""
    page.page.evaluate("window.scrollTo(0, 0)")
    if selectors:
        boxes = [page.page.locator(one).first.bounding_box() for one in selectors]
        x, y = (min(box[k] for box in boxes) for k in ("x", "y"))
        right = max(box["x"] + box["width"] for box in boxes)
        below = max(box["y"] + box["height"] for box in boxes)
        clip = {"x": x - 6, "y": y - 6, "width": right - x + 12, "height": below - y + 12}
        if height is not None:
            clip["height"] = min(clip["height"], height)
        shot = page.page.screenshot(full_page=True, clip=clip)
    else:
        shot = page.page.screenshot()
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    path = IMAGES / f"{name}.png"
    few = image.quantize(_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path.name}: {image.width} x {image.height}, {path.stat().st_size / 1000:.0f} kB")


def main():
    """Go the way of the guide, and take a picture at each step."""
    with browser(1200, 800) as open_at, tempfile.TemporaryDirectory() as folder:
        with server() as address:
            page = open_at(address, color_scheme="light")
            page.until("document.getElementById('set-pixel_size') !== null")
            keep(page, "app-drop")
            page.click("#demo-here")
            page.until(_DONE)
            page.settle()
            keep(page, "app")
            up = page.drag("#overlay .bleach", 22, 12)
            page.until("document.getElementById('answer').textContent !== 'D = 25.01 µm²/s'")
            keep(page, "app-drag", "#images", "#result", height=560)
            up()
            page.settle()
            keep(page, "app-known", "#known", height=560)
            page.page.click("#residual-box summary")
            page.page.click("#compare-box summary")
            page.page.click("#compare")
            page.until("document.querySelectorAll('#residuals canvas').length > 3")
            page.until("document.querySelectorAll('#compared tr').length > 3", 120)
            keep(page, "app-models", "#residual-box", "#compare-box")
        files = [series_file(Path(folder), f"cell{k}.tif", seed=k) for k in range(1, 6)]
        (Path(folder) / "cell6.tif").write_bytes(files[0].read_bytes()[:3000])
        with server() as address:
            page = open_at(address, color_scheme="light")
            page.drop(*files, Path(folder) / "cell6.tif")
            page.until("document.querySelectorAll('#series tr').length === 7")
            page.settle()
            page.click("#run")
            page.until("document.getElementById('counted').textContent === '6 of 6 done'")
            keep(page, "app-batch", "#batch", height=520)
        with server(files[0]) as address:
            options = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
            page = open_at(address, **options)
            page.until(_DONE)
            page.settle()
            keep(page, "app-phone", "#images", "#result", height=1250)


if __name__ == "__main__":
    main()
