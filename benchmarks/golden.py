"""Hold what skfrap computes: the same numbers before and after a change, and as versions before.

``python -m benchmarks.golden --write before.npz`` keeps all that is computed here;
``python -m benchmarks.golden --against before.npz`` computes it again and prints, for each kind of
number, by how much any of them differs. In one environment nothing may differ by more than 1e-12.
`tests/data/golden.npz` is what version 0.1.0 computed; ``tests/test_golden.py`` holds it with what
other versions of NumPy and SciPy are granted.
"""

import argparse
import sys
import warnings
from functools import partial

import numpy as np
from scipy.stats import lognorm, loguniform, truncnorm, uniform

from skfrap import (
    BayesianFRAP,
    Circle,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    Polygon,
    load_pretrained,
)
from skfrap.models import model_for

SMALL = FRAPProtocol(
    shape=(64, 64), pixel_size=0.76, bleach_region=Circle(9.0), n_prebleach=6, n_bleach=2,
    n_postbleach=34, padding=32,
)  # fmt: skip
UNEVEN = FRAPProtocol(
    shape=(48, 60),
    pixel_size=1.0,
    bleach_region=Polygon(((20.0, 15.0), (35.0, 18.0), (31.0, 33.0), (18.0, 29.0))),
    n_prebleach=5,
    n_bleach=1,
    postbleach_times=tuple(np.round(np.geomspace(0.2, 30.0, 35), 6).tolist()),
    padding=24,
)
# Between versions of NumPy and SciPy. Fits stop where they no longer change: those of 0.1.0 itself,
# of a Gaussian beam and with the lowest versions, are 5.5e-8 off. Processors without AVX-512 round
# otherwise: fits of binding are 8.7e-7 off there, 3e-6 of a standard error, and posteriors
# 1.7e-8.
TOLERANCES = {"curves": 1e-12, "fits": 1e-8, "posteriors": 1e-8, "networks": 1e-6}
TOLERANCES_OF_SETTINGS = {
    ("fits", "gaussian beam"): 1e-7,
    ("fits", "binding"): 3e-6,
    ("posteriors", "default"): 1e-7,
}
# Where curves do not determine everything, a fit stops in a flat valley, and where is a matter of
# the processor's last digit: what lies along the valley is not held, and what depends on it little.
TOLERANCES_OF_NAMES = {
    ("fits", "reaction"): {
        "theta": None, "std": None, "k_on_per_s": None, "alpha": None,
        "k_off_per_s_lower": 1e-3, "k_off_per_s_upper": 1e-3, "c0_lower": 1e-5, "c0_upper": 1e-5,
    },
}  # fmt: skip
_N = 4  # curves of each setting


def _fit(prior, protocol=SMALL, *, n_columns=None, draws=None, **options):
    """Estimate from simulated curves by least squares: everything that an estimate holds."""
    draws = {"model": options.get("model", "diffusion")} | (draws or {})

    def compute(X=None):
        if X is None:
            simulator = FRAPSimulator(protocol, prior, random_state=5, **draws)
            X = simulator.sample(_N).data
        y = None if n_columns is None else np.zeros((len(X), n_columns))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "y has no names")  # it only tells how many columns
            estimator = LeastSquaresFRAP(protocol, **options).fit(X, y)
        theta, std = estimator.predict(X, return_std=True)
        estimates = estimator.estimate(X).to_dict()
        found = {name: values for name, values in estimates.items() if values.dtype.kind in "bf"}
        return {"X": X, "theta": theta, "std": std, **found}

    return compute


def _posterior(prior, protocol=SMALL, **options):
    def compute(X=None):
        if X is None:
            X = FRAPSimulator(protocol, prior, random_state=6).sample(_N).data
        estimator = BayesianFRAP(protocol, prior, **options).fit(X)
        mean, std = estimator.predict(X, return_std=True)
        return {
            "X": X,
            "theta": mean,
            "std": std,
            "interval": estimator.predict_interval(X, 0.9),
            "shortest": estimator.predict_interval(X, 0.9, "highest_density"),
            "log_evidence": estimator.log_evidence(X),
            "draws": estimator.sample_posterior(X, 3, random_state=0),
        }

    return compute


def _network(X=None):
    if X is None:
        X = FRAPSimulator(random_state=7).sample(2 * _N).data
    network = load_pretrained("deepfrap")
    theta, std = network.predict(X, return_std=True)
    return {"X": X, "theta": theta, "std": std, "interval": network.predict_interval(X, 0.9)}


def _curves(model, protocol=SMALL, *, weights="mean", **parameters):
    return {"curves": model_for(protocol, model, weights).curves(**parameters)}


_D = np.array([0.5, 3.0, 20.0, 150.0])
_KNOWN = {"D": loguniform(2.0, 100.0), "a": 1e-4}
_RATES = {"k_on": loguniform(0.2, 2.0), "k_off": loguniform(0.2, 2.0)}
_TABLE_1 = {"D": (1.0, 1000.0), "c0": (0.5, 1.0), "alpha": (0.45, 0.95)}

SETTINGS = {
    "curves": {
        "diffusion": partial(_curves, "diffusion", D=_D, c0=0.9, alpha=[0.2, 0.5, 0.6, 0.9]),
        "uneven clock": partial(_curves, "diffusion", UNEVEN, D=_D, c0=0.7, alpha=0.4,
                                mobile_fraction=0.8),
        "squared weights": partial(_curves, "diffusion", weights="noise", D=_D, c0=0.9, alpha=0.5),
        "imaging": partial(_curves, "diffusion", D=_D, c0=0.9, alpha=0.5, imaging_bleach=0.995),
        "blurred": partial(_curves, "diffusion", D=_D, c0=0.9, alpha=0.5, bleach_blur=1.5,
                           imaging_blur=0.8),
        "binding": partial(_curves, "binding", D=_D, k_on=[0.1, 0.5, 1.0, 3.0], k_off=0.5, c0=0.8,
                           alpha=0.3, mobile_fraction=0.9),
        "soumpasis": partial(_curves, "soumpasis", D=_D, c0=0.9, alpha=0.5),
        "gaussian beam": partial(_curves, "gaussian_beam", D=_D, c0=0.9, alpha=0.5),
        "exponential": partial(_curves, "exponential", half_time=_D, c0=0.9, alpha=0.5,
                               half_time_ratio=4.0, second_fraction=0.3),
        "reaction": partial(_curves, "reaction", k_on=0.6, k_off=_D / 50, c0=0.9, alpha=0.5),
    },
    "fits": {
        "default": _fit(None, FRAPProtocol()),
        "small": _fit(_KNOWN),
        "table 1 bounds": _fit({"a": 3e-3}, bounds=_TABLE_1),
        "one column": _fit(_KNOWN, n_columns=1),
        "uneven clock": _fit({"D": loguniform(1.0, 30.0), "a": 1e-3}, UNEVEN),
        "wide intervals": _fit({"D": loguniform(100.0, 800.0), "a": 1e-2}),
        "mobile fraction": _fit(_KNOWN | {"mobile_fraction": uniform(0.5, 0.4)},
                                parameters=("D", "c0", "alpha", "mobile_fraction")),
        "known alpha": _fit(_KNOWN | {"alpha": 0.6}, fixed={"alpha": 0.6}),
        "known c0": _fit(_KNOWN | {"c0": 0.8}, fixed={"c0": 0.8}),
        "imaging bleach": _fit(_KNOWN | {"imaging_bleach": uniform(0.99, 0.009)},
                               parameters=("imaging_bleach", "D", "c0", "alpha")),
        "binding": _fit(_KNOWN | _RATES | {"D": 30.0}, model="binding", fixed={"D": 30.0},
                        interpolate=False),
        "two exponentials": _fit(
            {"half_time": 1.0, "half_time_ratio": 6.0, "second_fraction": 0.4, "a": 1e-4},
            model="exponential",
            parameters=("half_time", "half_time_ratio", "second_fraction", "c0", "alpha"),
        ),
        "soumpasis": _fit(_KNOWN, model="soumpasis"),
        "gaussian beam": _fit(_KNOWN, model="gaussian_beam"),
        "reaction": _fit({"k_on": 0.5, "k_off": 0.3, "a": 1e-4}, model="reaction"),
        "proportional": _fit(_KNOWN | {"b": 3e-4}, noise="proportional",
                             draws={"noise": "proportional"}),
        "proportional, known": _fit(_KNOWN | {"b": 3e-4}, noise="proportional",
                                    fixed={"a": 1e-4, "b": 3e-4}, draws={"noise": "proportional"}),
        "huber": _fit(_KNOWN, loss="huber"),
        "random starts": _fit(_KNOWN, init="random", n_init=5, random_state=0),
    },
    "posteriors": {
        "default": _posterior(None, FRAPProtocol()),
        "unweighted": _posterior({"D": loguniform(1.0, 100.0), "a": 1e-3}, weighting=None),
        "peaked c0": _posterior({"c0": truncnorm(-3, 3, 0.7, 0.05), "a": 1e-3}),
        "mobile fraction": _posterior(
            {"D": loguniform(1.0, 100.0), "c0": 0.8, "mobile_fraction": uniform(0.3, 0.7)}
        ),
        "log-normal D": _posterior({"D": lognorm(0.8, scale=20.0), "a": 1e-3}),
    },
    "networks": {"deepfrap": _network},
}  # fmt: skip


def compute(known=None):
    """Compute all settings.

    Parameters
    ----------
    known : dict of str to ndarray, default=None
        As from an earlier call: its curves are estimated from. None simulates them.

    Returns
    -------
    dict of str to ndarray
        By ``kind/setting/quantity``.
    """
    found = {}
    for kind, settings in SETTINGS.items():
        for name, function in settings.items():
            given = {}
            if kind != "curves" and known is not None:
                given = {"X": known[f"{kind}/{name}/X"]}
            for quantity, values in function(**given).items():
                found[f"{kind}/{name}/{quantity}"] = np.asarray(values)
    return found


def difference(found, expected):
    """Return the largest difference of two arrays, relative to the numbers and to their usual size.

    Parameters
    ----------
    found, expected : ndarray

    Returns
    -------
    float
        Infinite where they differ in shape, or in where they are finite.
    """
    if found.shape != expected.shape:
        return np.inf
    if expected.dtype.kind == "b":
        return 0.0 if (found == expected).all() else np.inf
    odd = ~np.isfinite(expected)
    if not np.array_equal(found[odd], expected[odd], equal_nan=True):
        return np.inf
    if odd.all():
        return 0.0
    size = np.abs(expected[~odd])
    away = np.abs(found[~odd] - expected[~odd])
    return float(np.max(away / np.maximum(size, np.median(size) + 1e-300)))


def compare(found, expected):
    """Return the largest difference of each kind of number, and where it is."""
    worst = {}
    for key, values in expected.items():
        kind = key.split("/")[0]
        away = difference(found[key], values) if key in found else np.inf
        worst[kind] = max(worst.get(kind, (0.0, "")), (away, key))
    return worst


def main():
    """Write or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", metavar="FILE")
    parser.add_argument("--against", metavar="FILE")
    parser.add_argument("--tolerance", type=float, default=1e-12)
    options = parser.parse_args()
    known = None
    if options.against:
        with np.load(options.against) as file:
            known = dict(file)
    found = compute(known)
    if options.write:
        np.savez_compressed(options.write, **found)
        print(f"wrote {len(found)} arrays to {options.write}")
    if known is not None:
        worst = compare(found, known)
        for kind, (away, where) in worst.items():
            print(f"{kind:12} largest difference {away:.1e}  {where}")
        if max(away for away, _ in worst.values()) > options.tolerance:
            sys.exit(f"numbers differ by more than {options.tolerance:g}")


if __name__ == "__main__":
    main()
