"""Figures 1 and 3: a simulated experiment, and what each parameter does."""

import numpy as np

from benchmarks._pages import paragraphs, picture
from benchmarks._stage import Outcome, Stage
from skfrap import FRAPSimulator
from skfrap.plotting import _style as style
from skfrap.plotting._style import CATEGORIES, DATA, TIME, new_axes, tidy

_INTENSITY = "mean intensity in region"
_EXPERIMENT = {"D": 30.0, "c0": 0.8, "alpha": 0.6, "a": 1e-3}
_SHOWN = -1, 0, 20  # frames of Figure 1, from the first after bleaching on
_BASE = {"D": 50.0, "c0": 0.75, "alpha": 0.7}  # of Figure 3, as in the paper
_VARIED = {
    "D": ("µm²/s", (5.0, 50.0, 500.0)),
    "c0": ("", (0.5, 0.7, 0.9)),
    "alpha": ("", (0.5, 0.7, 0.9)),
    "a": ("", (1e-4, 1e-3, 1e-2)),
}
_APART = 0.1  # between curves that differ in their noise alone


def draw_experiment(bench):
    """Draw frames of a simulated series and its recovery curve."""
    protocol = bench.protocol
    simulator = FRAPSimulator(protocol, _EXPERIMENT, random_state=bench.seed)
    stack = simulator.sample_images(1).data[0]
    curve = np.tensordot(stack, protocol.roi_weights, axes=2)
    axes = new_axes(1, len(_SHOWN) + 1, figsize=(10.5, 2.8), width_ratios=[1, 1, 1, 1.7])
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
        f"A series simulated with {given} (D in µm²/s; the paper does not tell its values): the "
        "last frame before bleaching, with the bleach region, two frames after it, and the "
        "recovery curve: the mean over the region in each frame.",
        picture("figure1", "Three frames of a simulated series and its recovery curve"),
    )


def draw_parameters(bench):
    """Draw curves in which one parameter varies."""
    protocol = bench.protocol
    axes = new_axes(1, len(_VARIED), figsize=(12, 3.6), sharey=True)
    table = {"varied": [], "value": [], "time_s": [], "intensity": []}
    for ax, (name, (unit, values)) in zip(axes, _VARIED.items(), strict=True):
        for k, (value, colour) in enumerate(zip(values, CATEGORIES, strict=False)):
            prior = _BASE | {"a": 1e-4} | {name: value}
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
    given = ", ".join(f"{name} = {value:g}" for name, value in _BASE.items())
    gain = outcome.facts["gain"]
    return paragraphs(
        f"Curves with {given}, one of them varied at a time, with the paper's values, without "
        "noise. The last panel is not in the paper: the same with noise of variance a in each "
        f"pixel, which the mean over the region makes {gain:,.0f} times smaller (one below the "
        f"other, {_APART:g} apart).",
        picture("figure3", "Recovery curves for several values of D, c0, alpha and a"),
    )


STAGES = (
    Stage("figure1", "Figure 1: an experiment", draw_experiment, tell_experiment),
    Stage("figure3", "Figure 3: what each parameter does", draw_parameters, tell_parameters),
)
