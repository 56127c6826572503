"""Figures 1, 3 and 7: a simulated experiment, what each parameter does, and one fit."""

import numpy as np

from benchmarks._pages import markdown_table, paragraphs, picture
from benchmarks._stage import Outcome, Stage
from skfrap import FRAPSimulator
from skfrap.plotting import _style as style
from skfrap.plotting._style import CATEGORIES, DATA, FIT, TIME, new_axes, tidy

_INTENSITY = "mean intensity in region"
_EXPERIMENT = {"D": 30.0, "c0": 0.8, "alpha": 0.6, "a": 1e-3}
_SHOWN = -1, 0, 9, 99  # frames of Figure 1, from the first after bleaching on
_VARIED = {
    "D": ("µm²/s", (1.0, 10.0, 100.0, 1000.0)),
    "c0": ("", (0.5, 0.65, 0.8, 0.95)),
    "alpha": ("", (0.45, 0.6, 0.75, 0.9)),
    "a": ("", (1e-4, 1e-3, 1e-2)),
}
_APART = 0.1  # between curves that differ in their noise alone
_FITTED = {"D": 100.0, "c0": 0.75, "alpha": 0.7, "a": 3e-3}


def draw_experiment(bench):
    """Draw frames of a simulated series and its recovery curve."""
    protocol = bench.protocol
    simulator = FRAPSimulator(protocol, _EXPERIMENT, random_state=bench.seed)
    stack = simulator.sample_images(1).data[0]
    curve = np.tensordot(stack, protocol.roi_weights, axes=2)
    axes = new_axes(1, len(_SHOWN) + 1, figsize=(12, 2.7), width_ratios=[1, 1, 1, 1, 1.7])
    for ax, k in zip(axes, _SHOWN, strict=False):
        frame = protocol.n_prebleach + k
        style.draw_frame(ax, stack[frame], protocol, lw=1, vmin=0.2, vmax=1)
        when = "before" if k < 0 else f"{protocol.times[frame]:.2g} s"
        ax.set_title(when, fontsize=11)
        ax.set_xticks([0, 100])
        ax.set_yticks([])
        ax.set_xlabel("µm")
    axes[-1].plot(protocol.times, curve, ".", color=DATA, ms=4)
    style.shade_bleaching(axes[-1], protocol)
    axes[-1].set_xlabel(TIME)
    axes[-1].set_ylabel(_INTENSITY)
    tidy(axes[-1])
    table = {"time_s": protocol.times.tolist(), "intensity": curve.tolist()}
    return Outcome([], _EXPERIMENT, {"figure1": table}, {"figure1": axes[0].figure})


def tell_experiment(outcome):
    """Write the section of Figure 1."""
    given = ", ".join(f"{name} = {value:g}" for name, value in outcome.facts.items())
    return paragraphs(
        f"A series simulated with {given} (D in µm²/s): the last frame before bleaching, the "
        "first after it, the tenth and the last, with the bleach region, and the recovery "
        "curve: the mean over the region in each frame.",
        picture("figure1", "Four frames of a simulated series and its recovery curve"),
    )


def draw_parameters(bench):
    """Draw curves in which one parameter varies."""
    protocol = bench.protocol
    axes = new_axes(1, len(_VARIED), figsize=(12, 3.6), sharey=True)
    table = {"varied": [], "value": [], "time_s": [], "intensity": []}
    for ax, (name, (unit, values)) in zip(axes, _VARIED.items(), strict=True):
        for k, (value, colour) in enumerate(zip(values, CATEGORIES, strict=False)):
            prior = _EXPERIMENT | {"a": 1e-4} | {name: value}
            kind = "constant" if name == "a" else "none"
            simulator = FRAPSimulator(protocol, prior, noise=kind, random_state=bench.seed)
            curve = simulator.sample(1).data[0]
            lower = k * _APART if name == "a" else 0.0
            label = f"{value:g} {unit}".strip()
            ax.plot(protocol.times, curve - lower, color=colour, lw=1.5, label=label)
            table["varied"] += [name] * len(curve)
            table["value"] += [value] * len(curve)
            table["time_s"] += protocol.times.tolist()
            table["intensity"] += curve.tolist()
        style.shade_bleaching(ax, protocol)
        ax.text(0.97, 0.04, name, transform=ax.transAxes, ha="right", fontsize=12)
        ax.set_xlabel("time (s)")
        ax.legend(frameon=False, fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    axes[0].set_ylabel(_INTENSITY)
    tidy(*axes)
    return Outcome(
        [], {"gain": 1 / protocol.noise_gain}, {"figure3": table}, {"figure3": axes[0].figure}
    )


def tell_parameters(outcome):
    """Write the section of Figure 3."""
    given = ", ".join(f"{name} = {_EXPERIMENT[name]:g}" for name in ("D", "c0", "alpha"))
    gain = outcome.facts["gain"]
    return paragraphs(
        f"Curves with {given}, one of them varied at a time, without noise; and with noise of "
        f"variance a in each pixel, which the mean over the region makes {gain:,.0f} times smaller "
        f"(one below the other, {_APART:g} apart).",
        picture("figure3", "Recovery curves for several values of D, c0, alpha and a"),
    )


def draw_fit(bench):
    """Fit one curve by least squares, estimate it by the network, and draw both."""
    protocol = bench.protocol
    simulator = FRAPSimulator(protocol, _FITTED, random_state=bench.seed)
    X = simulator.sample(1).data
    axes = new_axes(2, 1, figsize=(7, 5), sharex=True, height_ratios=[3, 1])
    axes[0].plot(protocol.times, X[0], ".", color=DATA, ms=5, label="simulated measurement")
    methods = "least squares", "skfrap, joint"
    facts, table = {"truth": _FITTED, "estimates": {}}, {"time_s": protocol.times.tolist()}
    table["measured"] = X[0].tolist()
    for method, colour, line in zip(methods, (FIT, CATEGORIES[2]), ("-", "--"), strict=True):
        theta, std = bench.estimator(method).predict(X, return_std=True)
        curve = bench.least_squares.fitted_curves(theta)[0]
        name = "network" if method.startswith("skfrap") else method
        axes[0].plot(protocol.times, curve, line, color=colour, lw=1.8, label=name)
        axes[1].plot(protocol.times, X[0] - curve, line, color=colour, lw=1)
        D = 10 ** theta[0, 0]
        facts["estimates"][name] = {
            "D": [D, D * np.log(10) * std[0, 0]],
            "c0": [theta[0, 1], std[0, 1]],
            "alpha": [theta[0, 2], std[0, 2]],
            "residual": float(np.sqrt(np.mean((X[0] - curve) ** 2))),
        }
        table[name] = curve.tolist()
    axes[0].set_ylabel(_INTENSITY)
    axes[0].legend(frameon=False)
    axes[1].axhline(0, color="0.3", lw=0.8)
    axes[1].set_ylabel("residual")
    axes[1].set_xlabel(TIME)
    for ax in axes:
        style.shade_bleaching(ax, protocol)
    tidy(*axes)
    return Outcome([], facts, {"figure7": table}, {"figure7": axes[0].figure})


def tell_fit(outcome):
    """Write the section of Figure 7."""
    truth, estimates = outcome.facts["truth"], outcome.facts["estimates"]
    table = [["truth", *(f"{truth[name]:g}" for name in ("D", "c0", "alpha")), ""]]
    for method, found in estimates.items():
        cells = [f"{found[name][0]:.4g} ± {found[name][1]:.2g}" for name in ("D", "c0", "alpha")]
        table.append([method, *cells, f"{found['residual']:.2e}"])
    return paragraphs(
        f"One simulated curve, a = {truth['a']:g}, and the model's curve for both estimates: "
        "the fitted one, and that of the network's estimate.",
        picture("figure7", "A curve with the model for both estimates, and residuals"),
        markdown_table(" | D (µm²/s) | c0 | alpha | root mean square residual", table),
    )


STAGES = (
    Stage("figure1", "Figure 1: an experiment", draw_experiment, tell_experiment),
    Stage("figure3", "Figure 3: what each parameter does", draw_parameters, tell_parameters),
    Stage("figure7", "Figure 7: a fit, both ways", draw_fit, tell_fit),
)
