"""BleachDt, a program for FRAP in droplets, on series that fit its assumptions and ours.

BleachDt (MIT licence) finds a droplet and the bleached spot in images, and fits D by stepping the
first image after bleaching by finite differences, with no flux through the droplet's edge; D is
the best of two grids. Its window is not needed: `bleachdt.crop_pde.process_movie` does all for
one file. It is called in an interpreter of its own, given by ``--bleachdt``, as it is no
dependency:

    python -m venv FOLDER && FOLDER/bin/pip install bleachdt==4.1.1
    python -m benchmarks.peers --bleachdt FOLDER/bin/python

The series are those it is made for: a droplet, of which 15 % are bleached in one flash (its default
takes 15 % for the spot), bright against an even surrounding, and one frame before and seven after
bleaching (its default fits seven), in which the recovery does not get to the edge, so that both
models hold. Dark surroundings would not do: it
divides by them, and where their noise is clipped at zero it takes the droplet's rim for the spot.
D_max is twice the largest D: with its grid linear in D, a wider range costs time and accuracy.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks._pages import duration, markdown_table, number, paragraphs
from benchmarks._report import median_time
from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.preprocessing import RecoveryCurveExtractor

BLEACHDT = "BleachDt"
OURS_ON_IMAGES = "skfrap, from images"
DROPLET_D, D_MAX = (0.1, 0.2, 0.4), 0.8
NOISES = 0.02, 0.05  # standard deviation of a pixel, of full scale
C0, ALPHA, SURROUNDING = 0.7, 0.4, 0.25
_FULL_SCALE = 50_000
_BLEACHED_SHARE = 0.15
PROTOCOL = FRAPProtocol(
    shape=(128, 128),
    pixel_size=0.11,
    bleach_region=Circle(1.65),
    n_prebleach=1,
    n_bleach=1,
    n_postbleach=7,
    frame_interval=0.25,
    padding=64,
)
_DRIVER = Path(__file__).with_name("_bleachdt_driver.py")


def simulate_droplet(D, noise, random):
    """Simulate an image series of a droplet, as 16-bit integers."""
    prior = {"D": D, "c0": C0, "alpha": ALPHA}
    images = FRAPSimulator(PROTOCOL, prior, noise="none").sample_images(1).data[0]
    y, x = np.indices(PROTOCOL.shape) + 0.5 - PROTOCOL.shape[0] / 2
    radius = PROTOCOL.bleach_region.radius / PROTOCOL.pixel_size / np.sqrt(_BLEACHED_SHARE)
    images = np.where(np.hypot(x, y) < radius, images, SURROUNDING)
    images = images + noise * random.standard_normal(images.shape)
    return np.clip(_FULL_SCALE * images, 0, 65535).round().astype(np.uint16)


def drive(python, paths):
    """Have BleachDt estimate D of each file; return its version and a list of dicts."""
    given = {
        "paths": [str(path) for path in paths],
        "pixel_size": PROTOCOL.pixel_size,
        "frame_interval": PROTOCOL.frame_interval,
        "D_max": D_MAX,
    }
    finished = subprocess.run(
        [python, "-W", "ignore", str(_DRIVER)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        last = (finished.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise RuntimeError(f"BleachDt could not be run: {last}")
    found = json.loads(finished.stdout.splitlines()[-1])
    return found["version"], found["results"]


def measure_bleachdt(bench):
    """Estimate D of droplets with BleachDt and with skfrap, from the same files' images."""
    if bench.bleachdt is None:
        bench.records.report.line("BleachDt, as --bleachdt is not given", "skipped")
        return
    import tifffile

    random = np.random.default_rng(bench.seed)
    noises = NOISES[: bench.amounts.n_noises]
    settings = [(D, noise) for noise in noises for D in DROPLET_D]
    stacks = {
        (setting, k): simulate_droplet(*setting, random)
        for setting in settings
        for k in range(bench.amounts.n_series)
    }
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"series{i}.tif") for i in range(len(stacks))]
        for path, stack in zip(paths, stacks.values(), strict=True):
            tifffile.imwrite(path, stack, photometric="minisblack")
        try:
            version, results = drive(bench.bleachdt, paths)
        except (RuntimeError, OSError) as error:
            bench.records.report.line(str(error), "skipped")
            return
    bench.records.facts["versions"][BLEACHDT] = version

    extractor = RecoveryCurveExtractor(PROTOCOL)
    least_squares = LeastSquaresFRAP(PROTOCOL)

    def ours(stack):
        X = extractor.fit_transform(stack[np.newaxis] / _FULL_SCALE)
        return 10 ** least_squares.predict(X)[0, 0]

    first = next(iter(stacks.values()))
    least_squares.fit(extractor.fit_transform(first[np.newaxis] / _FULL_SCALE))
    theirs = {key: result["D"] for key, result in zip(stacks, results, strict=True)}
    found = {BLEACHDT: theirs, OURS_ON_IMAGES: {key: ours(one) for key, one in stacks.items()}}
    for method, estimates in found.items():
        _judge(bench.records, method, estimates, noises)
    seconds = {name: [result[name] for result in results] for name in ("seconds", "fit_seconds")}
    add = bench.records.add
    add(BLEACHDT, "time per series, s", np.median(seconds["seconds"]))
    add(BLEACHDT, "time of the fit alone, s", np.median(seconds["fit_seconds"]))
    own = median_time(lambda: ours(first), 15)
    add(OURS_ON_IMAGES, "time per series, s", own)
    add(BLEACHDT, "time over ours", np.median(seconds["seconds"]) / own)
    add(BLEACHDT, "fit alone over ours", np.median(seconds["fit_seconds"]) / own)


def _judge(records, method, estimates, noises):
    for noise in noises:
        of_noise = {key: D for key, D in estimates.items() if key[0][1] == noise}
        for D in DROPLET_D:
            ratios = [found / D for (setting, _), found in of_noise.items() if setting[0] == D]
            records.add(method, "mean of D over its true value", np.mean(ratios),
                        of=f"D = {D:g}, noise {noise:g}")  # fmt: skip
        errors = [100 * (found / setting[0] - 1) for (setting, _), found in of_noise.items()]
        rms = np.sqrt(np.mean(np.square(errors)))
        records.add(method, "root mean square error of D, %", rms, of=f"noise {noise:g}")


def tell_bleachdt(records):
    """Write the section of BleachDt, which tells as well if it was not run."""
    n = len(DROPLET_D) * records.facts["n_series"]
    what = (
        "[BleachDt](https://github.com/andrewbazley/BleachDt) (MIT licence) is a program for FRAP "
        "in droplets. It finds droplet and bleached spot in the images, takes the first image "
        "after bleaching for the start, steps it by finite differences with no flux through "
        "the droplet's edge, and picks D from two grids. It can be driven without its window: "
        "`bleachdt.crop_pde.process_movie` does all for one file."
    )
    if not records.has(BLEACHDT):
        return f"{what} It was not run here: that takes the option `--bleachdt`."
    noises = [
        noise for noise in NOISES
        if records.record(BLEACHDT, "root mean square error of D, %", f"noise {noise:g}")
    ]  # fmt: skip
    rows = []
    for method in (BLEACHDT, OURS_ON_IMAGES):
        for noise in noises:
            means = [
                records.get(method, "mean of D over its true value", f"D = {D:g}, noise {noise:g}")
                for D in DROPLET_D
            ]
            rms = records.get(method, "root mean square error of D, %", f"noise {noise:g}")
            seconds = records.get(method, "time per series, s")
            rows.append([method, f"{100 * noise:g} %", *(f"{mean:.3f}" for mean in means),
                         f"{rms:.1f} %", duration(seconds)])  # fmt: skip
    header = ["method", "noise of a pixel", *(f"D = {D:g} µm²/s" for D in DROPLET_D),
              "error of D (rms)", "per series"]  # fmt: skip
    get = records.get
    better = [more_exact(records, noise) for noise in noises]
    version = records.facts["versions"][BLEACHDT]
    return paragraphs(
        what,
        f"Version {version}, on simulated droplets for which both programs are "
        "right: 15 % of the droplet, a circle of 1.65 µm radius, is bleached in one flash, and "
        "in the seven frames that follow, 0.25 s apart, the recovery does not get to the edge. "
        "The settings are those of its command line, without coarsening the grid and without "
        "correcting for fading, of which there is none; D is sought up to twice the largest "
        "here. skfrap makes a recovery curve over the circle, which it is told, and fits that. "
        "The columns of D are means of estimated over true D.",
        markdown_table(header, rows),
        f"BleachDt takes {duration(get(BLEACHDT, 'time per series, s'))} per series, pictures "
        f"included, and {duration(get(BLEACHDT, 'time of the fit alone, s'))} of that for the "
        f"fit: {number(get(BLEACHDT, 'fit alone over ours'))} times what skfrap takes from images "
        f"to estimate. The smaller error has {', '.join(better)} ({n} series each, so few that "
        "errors nearer to each other than a third may be chance). "
        "BleachDt uses the profile of the spot, which a recovery curve has averaged away, finds "
        "the spot itself, does without knowing how it was bleached, and has the closed edge of "
        "the droplet. So has skfrap, where it is asked for the start as seen in a compartment, "
        "which was not done here. It gives no interval of D, and its grid is "
        "linear in D, so that the range must be known. It divides by the first image after "
        "bleaching to find the spot, so dark surroundings whose noise is clipped at zero mislead "
        "it.",
    )


def more_exact(records, noise):
    """Tell which of the two programs for images has the smaller error of D."""
    quantity, of = "root mean square error of D, %", f"noise {noise:g}"
    best = min((BLEACHDT, OURS_ON_IMAGES), key=lambda method: records.get(method, quantity, of))
    return f"{best.partition(',')[0]} at {100 * noise:g} % noise"
