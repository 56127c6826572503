"""Tables of simulated nuclei, and what each normalisation makes of them."""

import csv
import tempfile
from pathlib import Path

import numpy as np

from skfrap import Circle, Ellipse, FRAPProtocol, FRAPSimulator
from skfrap.analysis import ExperimentOptions, analyse_curve

TRUTH = {"D": 2.0, "c0": 1.0, "alpha": 0.3, "mobile_fraction": 0.8}
FADING = 0.001  # by each frame
NAMES = ("D_um2_s", "half_time_s", "alpha", "mobile_fraction")

_REGION, _NUCLEUS = "circle:1.5", "ellipse:8x5"
_DARK, _COUNTS = 100.0, 1000.0
_NOISE = {"bleach": 0.01, "reference": 0.003, "background": 0.003}  # of the light before bleaching
_METHODS = {name: {"normalisation": name} for name in ("none", "single", "double", "full_scale")}
_DIFFUSION = {"bleach_region": _REGION, "free": ("mobile_fraction",)}
_ROW = {"compartment": _NUCLEUS, "free": ("mobile_fraction", "imaging_bleach")}
WAYS = {
    **{f"{name}, diffusion": _DIFFUSION | way for name, way in _METHODS.items()},
    "a row of the model, diffusion": _DIFFUSION | _ROW,
    **{f"{name}, exponential": way for name, way in _METHODS.items()},
}


def write_tables(folder, n, fading, rng):
    """Write tables of equal nuclei that differ by their noise.

    Parameters
    ----------
    folder : path
    n : int
        How many.
    fading : float
        Share of the light that each frame takes.
    rng : numpy Generator

    Returns
    -------
    list of Path
    """
    protocol = FRAPProtocol(
        shape=(136, 136), pixel_size=0.125, bleach_region=Circle(1.5), n_prebleach=20, n_bleach=1,
        n_postbleach=200, frame_interval=0.1, compartment=Ellipse((8.0, 5.0)), rows="compartment",
    )  # fmt: skip
    clean = FRAPSimulator(protocol, TRUTH | {"a": 1e-12}).sample(1).data[0]
    bleach, nucleus = np.split(clean, 2)
    light = {"bleach": bleach, "reference": nucleus, "background": np.zeros_like(bleach)}
    times = protocol.times - protocol.times[0]
    left = (1 - fading) ** np.arange(len(times))
    paths = []
    for k in range(n):
        noise = {name: sd * rng.standard_normal(len(times)) for name, sd in _NOISE.items()}
        measured = {name: _DARK + _COUNTS * (light[name] * left + noise[name]) for name in light}
        path = Path(folder, f"nucleus{k}.csv")
        with open(path, "w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["Time [s]", *measured])
            for row in zip(times, *measured.values(), strict=True):
                rows.writerow([f"{value:.6g}" for value in row])
        paths.append(path)
    return paths


def medians(n, fading, rng):
    """Return what each way of analysing tables gives, in the median.

    Parameters
    ----------
    n : int
        Tables.
    fading : float
    rng : numpy Generator

    Returns
    -------
    dict of str to dict
        By way: the median by name, and ``codes``, findings of at least half of the tables.
    """
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = write_tables(folder, n, fading, rng)
        for name, way in WAYS.items():
            options = ExperimentOptions(**way)
            analyses = [analyse_curve(path, options) for path in paths]
            values = {
                one: float(np.median([getattr(a.estimates, one)[0] for a in analyses]))
                for one in NAMES
                if hasattr(analyses[0].estimates, one)
            }
            codes = [{finding.code for finding in a.estimates.findings[0]} for a in analyses]
            often = {one for one in set().union(*codes) if 2 * sum(one in c for c in codes) >= n}
            found[name] = values | {"codes": sorted(often)}
    return found
