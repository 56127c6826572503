"""Draw the pictures of the pages in docs and print numbers they state.

All comes from the models themselves, with fixed seeds::

    python docs/pictures.py                                # everything
    python docs/pictures.py model-soumpasis model-noise    # some
"""

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from scipy.stats import lognorm, loguniform
from sklearn.pipeline import make_pipeline

from skfrap import (
    Circle,
    Ellipse,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    Mask,
    Polygon,
    Rectangle,
    make_frap_pipeline,
    preprocessing,
)
from skfrap.analysis import ExperimentOptions, analyse_series
from skfrap.calibration import calibrate_noise
from skfrap.design import expected_errors, plan
from skfrap.io import ImageSeries
from skfrap.models import DiffusionModel, effective_diffusion, model_for
from skfrap.plotting import ExperimentPlanDisplay, RecoveryCurveDisplay, ReplicatesDisplay
from skfrap.plotting import _style as style
from skfrap.plotting._style import DATA, FIT, REGION, SHADES, TIME, new_axes
from skfrap.plotting._style import SECOND_FIT as OTHER
from skfrap.preprocessing import FadingCorrector, IntensityRescaler
from skfrap.replicates import summarise_replicates
from skfrap.report import write_report

IMAGES = Path(__file__).resolve().parent / "images"
LIGHT, MIDDLE, _ = SHADES
DPI, WIDTH = 140, 6.4

PROTOCOL = FRAPProtocol()
C0, ALPHA = 0.8, 0.6
NOISE = 1e-3  # variance of a pixel
INTENSITY = "mean intensity in region"
PLAINLY = ("D", "c0", "alpha")

PICTURES = {}  # by file name without ending: the page's name, the picture's name


def picture(function):
    """Enter a function that draws a figure; it is called as its file, but for the underscores."""
    PICTURES[function.__name__.replace("_", "-")] = function
    return function


# ------------------------------------------------------------------------------------------ pieces


def curves(model="diffusion", protocol=PROTOCOL, **parameters):
    """Compute curves without noise."""
    return model_for(protocol, model).curves(**{"c0": C0, "alpha": ALPHA} | parameters)


def noisy_curves(n=1, model="diffusion", noise="constant", **parameters):
    """Simulate curves with the noise of the pictures."""
    prior = {"c0": C0, "alpha": ALPHA, "a": NOISE} | parameters
    simulator = FRAPSimulator(PROTOCOL, prior, model=model, noise=noise, random_state=1)
    return simulator.sample(n).data


def fit(X, protocol=PROTOCOL, **options):
    """Fit curves and return the estimates and their curves."""
    X = np.atleast_2d(X)
    estimator = LeastSquaresFRAP(protocol, **options).fit(X)
    return estimator.estimate(X), estimator.fit_curves(X)


def frame_after(n_after=0, model="diffusion", protocol=PROTOCOL, **parameters):
    """Compute a frame after bleaching without noise, as (image, time)."""
    protocol = protocol.replace(n_postbleach=n_after + 1, n_prebleach=1)
    values = {"c0": C0, "alpha": ALPHA} | parameters
    return model_for(protocol, model).images(**values)[0, -1], protocol.times[-1]


def show(ax, image, title, half=40.0, vmax=C0, bar=20):
    """Show an image around the bleach region with the region's outline and a scale bar."""
    style.draw_frame(ax, image, PROTOCOL, vmin=0, vmax=vmax, interpolation="nearest")
    y, x = np.multiply(PROTOCOL.shape, PROTOCOL.pixel_size) / 2
    ax.set(xlim=(x - half, x + half), ylim=(y + half, y - half), xticks=[], yticks=[])
    ax.spines[:].set_color("0.7")
    left, below = x - 0.9 * half, y + 0.9 * half
    ax.plot([left, left + bar], [below, below], color="black", lw=3, solid_capstyle="butt")
    middle, above = left + bar / 2, below - 0.04 * half
    ax.text(middle, above, f"{bar} µm", ha="center", va="bottom", fontsize=10)
    ax.set_title(title, fontsize=10.5, loc="center")


def profile(image):
    """Return positions in µm and intensities along a line through the middle."""
    ny, nx = image.shape
    x = (np.arange(nx) + 0.5 - nx / 2) * PROTOCOL.pixel_size
    return x, image[ny // 2 - 1 : ny // 2 + 1].mean(axis=0)


def layout(n_images, height=5.6, residuals=True, width_ratios=None):
    """Make a figure: a row of images, a curve below and, if asked for, its residuals."""
    figure = plt.figure(figsize=(WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.06, hspace=0.02)
    rows = figure.add_gridspec(2, 1, height_ratios=(2.0, 3.2 if residuals else 2.6))
    top = rows[0].subgridspec(1, n_images, width_ratios=width_ratios)
    images = [figure.add_subplot(top[k]) for k in range(n_images)]
    if not residuals:
        return images, figure.add_subplot(rows[1])
    below = rows[1].subgridspec(2, 1, height_ratios=(2.2, 1))
    ax = figure.add_subplot(below[0])
    return images, (ax, figure.add_subplot(below[1], sharex=ax))


def two_panels(height=5.6):
    """Make axes that have nothing in common, one above the other."""
    axes = new_axes(2, figsize=(WIDTH, height))
    axes[0].figure.get_layout_engine().set(h_pad=0.1)
    return axes


def curve_and_residuals():
    """Make axes for a curve and its residuals."""
    return new_axes(2, figsize=(WIDTH, 4.8), sharex=True, height_ratios=(2.2, 1))


def draw_curve(ax, curve, color, lw=2.5, label=None, protocol=PROTOCOL, **options):
    """Draw a curve without a line across the bleaching."""
    n = protocol.n_prebleach
    for part, text in ((slice(n, None), label), (slice(n), None)):
        ax.plot(protocol.times[part], curve[part], color=color, lw=lw, label=text, **options)


def label_curves(ax, residual_ax=None, color=None, legend=None, protocol=PROTOCOL, **options):
    """Label axes of curves and, if any, of residuals about a curve of some colour."""
    ax.set(**{"ylabel": INTENSITY, "ylim": (0, None)} | options)
    ax.legend(**{"loc": "lower right"} | (legend or {}))
    lowest = ax if residual_ax is None else residual_ax
    for one in {ax, lowest}:
        style.shade_bleaching(one, protocol)
    lowest.set_xlabel(TIME)
    if residual_ax is not None:
        ax.tick_params(labelbottom=False)
        residual_ax.axhline(0, color=color, lw=1.5)
        residual_ax.set_ylabel("residual")


def compare_fits(axes, measured, first, second, loc="lower right"):
    """Draw a measured curve, two fits, each with its label, and the residuals of the first."""
    RecoveryCurveDisplay.from_predictions(PROTOCOL, measured, first[0], axes=axes)
    ax, residual_ax = axes
    ax.lines[0].set_label("measured (simulated)")
    ax.lines[-1].set_label(first[1])
    draw_curve(ax, second[0], OTHER, lw=2, ls=(0, (2, 1.2)), label=second[1])
    draw_curve(residual_ax, second[0] - first[0], OTHER, lw=2)
    ax.legend(loc=loc)


def against_plain(axes, name, value, D, loc="lower right"):
    """Draw a simulated curve, and the fits of plain diffusion and with one more parameter."""
    X = noisy_curves(D=D, **{name: value})
    fits = []
    for label, parameters in (("plain diffusion", PLAINLY), (name, (*PLAINLY, name))):
        estimates, fitted = fit(X, parameters=parameters)
        fits.append((fitted[0], f"{label}: D = {estimates.D_um2_s[0]:.3g} µm²/s"))
    fits[1] = fits[1][0], f"{fits[1][1]}, true {D:g}"
    compare_fits(axes, X[0], *fits, loc)


def tell_bias(what, D, X, **options):
    """Print what a fit makes of a curve without noise."""
    estimates, fitted = fit(X, **options)
    found, off = estimates.D_um2_s[0] / D, np.abs(X - fitted).max()
    print(f"  {what}, D = {D:g}: found {found:.4f} D, off by {off:.1e} at most")


def tell_biases(name, value):
    """Print what plain diffusion makes of curves with one more parameter, without noise."""
    for D in (1.0, 10.0, 100.0):
        tell_bias(f"{name} {value:g}", D, curves(D=D, **{name: value}))


def at(Ds, values, some, form):
    """Write the values at those of some D that are nearest."""
    nearest = [np.abs(np.log(Ds / D)).argmin() for D in some]
    return ", ".join(f"{values[k]:{form}} at {D:g}" for k, D in zip(nearest, some, strict=True))


def held(estimates, D):
    """Return the share of intervals that hold a D, in percent."""
    return 100 * np.mean((estimates.D_um2_s_lower < D) & (estimates.D_um2_s_upper > D))


# ---------------------------------------------------------------------------------------- pictures


@picture
def model_choice():
    """Draw what one sees in a curve, beside plain diffusion."""
    plain = curves(D=30.0)[0]
    outliers = noisy_curves(D=30.0)[0]
    outliers[[3, 40, 41, 75]] += [0.05, -0.09, -0.05, 0.06]
    panels = [
        ("back to where it was", "diffusion", plain),
        ("levels off below", "mobile_fraction", curves(D=30.0, mobile_fraction=0.7)[0]),
        ("falls before bleaching", "imaging_bleach", curves(D=30.0, imaging_bleach=0.997)[0]),
        ("first fast, then slow", "binding", curves("binding", D=100.0, k_on=0.1, k_off=0.05)[0]),
        ("soft edge, starts higher", "bleach_blur, imaging_blur", curves(D=1.0, bleach_blur=4)[0]),
        ("single frames off", 'loss="huber"', outliers),
    ]
    axes = new_axes(3, 2, figsize=(WIDTH, 6.6), sharex=True, sharey=True)
    for ax, (title, name, curve) in zip(axes.flat, panels, strict=True):
        draw_curve(ax, curves(D=1.0)[0] if "blur" in name else plain, "0.65", lw=2)
        if curve is outliers:
            ax.plot(PROTOCOL.times, curve, "o", ms=2.5, color=DATA)
        else:
            draw_curve(ax, curve, DATA, lw=2)
        style.shade_bleaching(ax, PROTOCOL)
        ax.set_title(title)
        ax.text(0.97, 0.08, name, transform=ax.transAxes, ha="right", color=FIT, weight="bold")
        ax.set(ylim=(0, 0.92), xlim=(-4, 27))
    axes[0, 0].figure.supxlabel(TIME, fontsize=11)
    axes[0, 0].figure.supylabel(INTENSITY, fontsize=11)


@picture
def model_diffusion():
    """Draw free diffusion."""
    images, ax = layout(3, residuals=False)
    for axis, n_after in zip(images, (0, 8, 99), strict=True):
        image, time = frame_after(n_after, D=10.0)
        show(axis, image, f"{time:.1f} s")
    for D, color in zip((1.0, 10.0, 100.0), SHADES, strict=True):
        draw_curve(ax, curves(D=D)[0], color, label=f"D = {D:g} µm²/s")
    label_curves(ax, ylim=(0, 0.85))
    images[0].set_ylabel("D = 10 µm²/s")


@picture
def model_mobile_fraction():
    """Draw an immobile fraction."""
    images, axes = layout(2)
    for ax, fraction in zip(images, (1.0, 0.8), strict=True):
        image, time = frame_after(99, D=10.0, mobile_fraction=fraction)
        show(ax, image, f"after {time:.0f} s, {100 * fraction:.0f} % mobile")
    against_plain(axes, "mobile_fraction", 0.8, 10.0)
    tell_biases("mobile_fraction", 0.8)
    for D in (1.0, 10.0):
        estimates, _ = fit(noisy_curves(1000, D=D, mobile_fraction=0.8))
        flagged = np.count_nonzero(estimates.flags != "")
        print(f"  mobile_fraction 0.8, D = {D:g}: plain diffusion flags {flagged} of 1000 curves")


@picture
def model_imaging_bleach():
    """Draw bleaching by imaging."""
    images, axes = layout(3)
    truth = {"c0": C0, "alpha": ALPHA, "imaging_bleach": 0.998}
    series = DiffusionModel(PROTOCOL).images(D=10.0, **truth)[0]
    for ax, frame in zip(images, (0, 10, 109), strict=True):
        time = f"{PROTOCOL.times[frame]:.1f} s".replace("-", "−")
        show(ax, series[frame], time, half=97.0, bar=50)
    against_plain(axes, "imaging_bleach", 0.998, 10.0)
    tell_biases("imaging_bleach", 0.998)
    n_imaged = np.arange(1, 111) + PROTOCOL.n_bleach * (np.arange(110) >= PROTOCOL.n_prebleach)
    for D in (1.0, 10.0, 100.0):
        fading, free = curves(D=D) * 0.998**n_imaged, (*PLAINLY, "imaging_bleach")
        tell_bias("a fading lamp taken for imaging_bleach", D, fading, parameters=free)
        faded = DiffusionModel(PROTOCOL).images(D=D, **truth)
        corrected = FadingCorrector(PROTOCOL).fit_transform(faded)[0]
        curve = np.einsum("tyx,yx->t", corrected, PROTOCOL.roi_weights)
        tell_bias("FadingCorrector on imaging_bleach 0.998", D, curve)


def _blur(name, other, titles, blur=3.0):
    images, axes = layout(3, width_ratios=(1, 1, 1.25))
    for ax, value, title, color in zip(images, (0.0, blur), titles, (FIT, OTHER), strict=False):
        image, _ = frame_after(D=1.0, **{name: value})
        show(ax, image, title, half=30.0)
        images[2].plot(*profile(image), color=color, lw=2)
    for side in (-15, 15):
        images[2].axvline(side, color=REGION, lw=1.5, zorder=0)
    images[2].set(xlim=(-30, 30), ylim=(0, 0.85), xlabel="x (µm)", xticks=(-20, 0, 20))
    images[2].set_title("intensity across the middle", fontsize=10.5)
    images[2].set_box_aspect(0.72)
    against_plain(axes, name, blur, 1.0, loc=(0.42, 0.48))
    for width in (1.0, blur):
        tell_biases(name, width)
    for D in (1.0, 10.0):
        X = curves(D=D, **{name: blur})
        tell_bias(f"{name} {blur:g} taken for {other}", D, X, parameters=(*PLAINLY, other))


@picture
def model_bleach_blur():
    """Draw a bleaching beam that is wider than the region drawn."""
    _blur("bleach_blur", "imaging_blur", ("beam as drawn", "beam spread by 3 µm"))


@picture
def model_imaging_blur():
    """Draw a detection that blurs."""
    _blur("imaging_blur", "bleach_blur", ("in the sample", "as imaged, 3 µm blur"))


@picture
def model_binding():
    """Draw binding with slow, middling and fast exchange."""
    images, (ax, residual_ax) = layout(3, height=6.0)
    D, D_effective = 30.0, effective_diffusion(30.0, 1.0, 1.0)
    kinds = zip(images, ("slow", "middling", "fast"), (0.02, 0.3, 10.0), SHADES, strict=True)
    for axis, name, rate, color in kinds:
        truth = {"D": D, "k_on": rate, "k_off": rate}
        image, time = frame_after(5, "binding", **truth)
        show(axis, image, f"{name}: {rate:g} 1/s")
        curve = curves("binding", **truth)[0]
        draw_curve(ax, curve, color, label=f"k_on = k_off = {rate:g} 1/s")
        estimates, fitted = fit(curve)
        draw_curve(residual_ax, curve - fitted[0], color, lw=2)
        print(f"  exchange at {rate:g} 1/s: plain diffusion finds {estimates.D_um2_s[0]:.3g} µm²/s")
    images[0].set_ylabel(f"after {time:.1f} s")
    label = f"plain diffusion, D_effective = {D_effective:g}"
    draw_curve(ax, curves(D=D_effective)[0], FIT, lw=1.8, ls=":", label=label)
    immobile = curves(D=D, mobile_fraction=0.5)[0]
    draw_curve(ax, immobile, FIT, lw=1.8, ls="--", label="half immobile")
    legend = {"fontsize": 9.5, "labelspacing": 0.2}
    label_curves(ax, residual_ax, FIT, legend, ylim=(0, 0.86))
    ax.figure.align_ylabels([ax, residual_ax])


def _against_diffusion(model, kinds, n_after, protocol=PROTOCOL):
    """Draw frames and curves of some kinetics, and what plain diffusion misses of them.

    ``kinds`` are titles of frames, labels of curves, and parameters.
    """
    images, (ax, residual_ax) = layout(3, height=6.0)
    for axis, (title, label, truth), color in zip(images, kinds, SHADES, strict=True):
        image, time = frame_after(n_after, model, protocol, **truth)
        show(axis, image, title)
        curve = curves(model, protocol, **truth)[0]
        draw_curve(ax, curve, color, label=label, protocol=protocol)
        estimates, fitted = fit(curve, protocol)
        draw_curve(residual_ax, curve - fitted[0], color, lw=2, protocol=protocol)
        found, off = estimates.D_um2_s[0], np.abs(curve - fitted[0]).max()
        print(f"  {label}: plain diffusion finds {found:.3g} µm²/s, off by {off:.1e}")
    images[0].set_ylabel(f"after {time:.1f} s")
    legend = {"fontsize": 9.5, "labelspacing": 0.2}
    label_curves(ax, residual_ax, FIT, legend, protocol, ylim=(0, 0.86))
    ax.figure.align_ylabels([ax, residual_ax])


@picture
def model_two_populations():
    """Draw two kinds of particles, in three shares."""
    kinds = [
        (f"{100 * share:.0f} % slow", f"second_fraction = {share:g}",
         {"D": 30.0, "second_D": 0.5, "second_fraction": share})
        for share in (0.2, 0.5, 0.8)
    ]  # fmt: skip
    _against_diffusion("two_populations", kinds, 20)
    for slow in (10.0, 3.0):
        truth = {"D": 30.0, "second_D": slow, "second_fraction": 0.5, "c0": C0, "alpha": ALPHA}
        told = expected_errors(PROTOCOL, truth, a=NOISE, model="two_populations").errors
        reach = np.round([10 ** (1.96 * told[name][0]) for name in ("D", "second_D")], 3)
        print(f"  second_D = {slow:g}: intervals of D and second_D reach to factors of {reach}")


@picture
def model_turnover():
    """Draw exchange with a pool, for three rates."""
    kinds = [
        (f"{rate:g} 1/s", f"exchange_rate = {rate:g} 1/s", {"D": 2.0, "exchange_rate": rate})
        for rate in (0.0, 0.05, 0.2)
    ]
    _against_diffusion("turnover", kinds, 40)


FLASH = PROTOCOL.replace(n_bleach=1)


def _exponents(model, exponents):
    kinds = [
        (f"exponent {exponent:g}", f"exponent = {exponent:g}",
         {"D_at_1s": 20.0, "exponent": exponent, "alpha": ALPHA**4})
        for exponent in exponents
    ]  # fmt: skip
    _against_diffusion(model, kinds, 20, FLASH)


@picture
def model_anomalous():
    """Draw Gaussian displacements that grow as powers of time."""
    _exponents("anomalous", (0.5, 1.0, 1.5))


@picture
def model_subdiffusion():
    """Draw particles that rest for long."""
    _exponents("subdiffusion", (0.4, 0.7, 1.0))
    for model, other in (("subdiffusion", "anomalous"), ("anomalous", "subdiffusion")):
        curve = curves(model, FLASH, D_at_1s=20.0, exponent=0.6, alpha=ALPHA**4)
        estimates, fitted = fit(curve, FLASH, model=other)
        found = {name: float(estimates.values[name][0]) for name in ("D_at_1s", "exponent")}
        print(f"  {model} taken for {other}: {found}, off by {np.abs(curve - fitted).max():.1e}")


@picture
def model_flow():
    """Draw a flow to the right, for three speeds."""
    kinds = [
        (f"{speed:g} µm/s", f"velocity_x = {speed:g} µm/s", {"D": 2.0, "velocity_x": speed})
        for speed in (0.0, 0.5, 1.5)
    ]
    _against_diffusion("flow", kinds, 40)


def _draw_ratios(ax, Ds, ratios, color, label):
    """Draw and print the D that a closed form gives over the true D."""
    ax.plot(Ds, ratios, color=color, lw=2.5, label=label)
    print(f"  {label}: fitted D over true D {at(Ds, ratios, (1, 10, 100), '.3f')}")


def _label_ratios(ax, ticks, ylabel, loc="lower left", **options):
    ax.axhline(1, color="0.2", lw=1, ls=":")
    ax.set(xscale="log", yscale="log", ylabel=ylabel)
    style.write_plainly(ax.yaxis, ticks)
    style.write_plainly(ax.xaxis)
    ax.set(**{"xlabel": "true D (µm²/s)"} | options)
    ax.legend(loc=loc)


def _ratios(name, protocol, Ds, model=None, alpha=ALPHA):
    """Fit a closed form to exact curves and return D over the true D."""
    X = (model or DiffusionModel(protocol)).curves(D=Ds, c0=C0, alpha=alpha)
    return fit(X, protocol, model=name)[0].D_um2_s / Ds


@picture
def model_soumpasis():
    """Draw the closed form for a disk beside the exact curve, and the D it gives."""
    ax, below = two_panels()
    for D, color in zip((10.0, 100.0), (LIGHT, DATA), strict=True):
        exact, closed = curves(D=D)[0], curves("soumpasis", D=D)[0]
        draw_curve(ax, exact, color, label=f"exact, D = {D:g} µm²/s")
        label = "closed form, same parameters" if D == 100 else None
        draw_curve(ax, closed, FIT, lw=1.8, ls="--", label=label)
    label_curves(ax, title="four bleach frames, counted as one flash")
    Ds = np.logspace(-0.5, 2.5, 31)
    for n_bleach, interval, color, label in (
        (1, None, LIGHT, "1 bleach frame"),
        (4, 0.05, MIDDLE, "4 frames, 0.05 s apart"),
        (4, None, DATA, "4 frames, 0.265 s apart"),
    ):
        protocol = PROTOCOL.replace(n_bleach=n_bleach, bleach_interval=interval)
        _draw_ratios(below, Ds, _ratios("soumpasis", protocol, Ds), color, label)
    _label_ratios(below, (0.5, 0.6, 0.7, 0.8, 0.9, 1.0), "fitted D / true D")


def _gaussian_experiment(protocol, width, alpha):
    """Make an exact model that bleaches and watches with a Gaussian beam."""
    rows, columns = np.indices(protocol.shape) + 0.5
    middle = np.divide(protocol.shape, 2)
    squared = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2
    beam = np.exp(-2 * squared * protocol.pixel_size**2 / width**2)
    beam[beam < 1e-6] = 0.0
    changed = protocol.replace(bleach_region=Mask((1 - alpha**beam) / (1 - alpha)))
    return DiffusionModel(changed, weights=beam / beam.sum()), beam


@picture
def model_gaussian_beam():
    """Draw the closed form for a Gaussian beam beside what a disk gives."""
    figure = plt.figure(figsize=(WIDTH, 5.6), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.1)
    rows = figure.add_gridspec(2, 1)
    top = rows[0].subgridspec(1, 2, width_ratios=(1, 1.45))
    shape_ax, ax, below = (figure.add_subplot(part) for part in (*top, rows[1]))
    once = PROTOCOL.replace(n_bleach=1)
    radius, left = once.equivalent_radius, ALPHA**4
    focused, beam = _gaussian_experiment(once, radius, left)
    repeated, _ = _gaussian_experiment(PROTOCOL, radius, ALPHA)
    x, light = profile(beam)
    shape_ax.plot(x, np.where(np.abs(x) < radius, left, 1.0), color=DATA, lw=2)
    shape_ax.plot(x, left**light, color=FIT, lw=2, ls="--")
    shape_ax.set(xlim=(-30, 30), ylim=(0, 1.08), xlabel="x (µm)")
    shape_ax.set_title("what bleaching leaves", fontsize=10.5)
    D = 10.0
    disk, closed = (
        curves(name, once, D=D, alpha=left)[0] for name in ("diffusion", "gaussian_beam")
    )
    draw_curve(ax, disk, DATA, label="exact, disk")
    draw_curve(ax, closed, FIT, lw=1.8, ls="--", label="closed form, Gaussian")
    ax.axvspan(-0.2, 0, color="0.85", lw=0)
    ax.set(xlabel="time after bleaching (s)", ylim=(0, None))
    ax.set_title(f"intensity, D = {D:g} µm²/s", fontsize=10.5)
    ax.legend(loc="lower right")
    Ds = np.logspace(-0.5, 2.5, 31)
    cases = (
        (once, focused, left, LIGHT, "Gaussian beam, 1 bleach frame"),
        (PROTOCOL, repeated, ALPHA, MIDDLE, "Gaussian beam, 4 bleach frames"),
        (once, DiffusionModel(once), left, DATA, "disk, 1 bleach frame"),
    )
    for protocol, model, alpha, color, label in cases:
        ratios = _ratios("gaussian_beam", protocol, Ds, model, alpha)
        _draw_ratios(below, Ds, ratios, color, label)
    _label_ratios(below, (0.5, 0.7, 1.0, 1.5, 2.0), "fitted D / true D")


@picture
def model_exponential():
    """Draw exponentials fitted to diffusion."""
    ax, residual_ax = curve_and_residuals()
    exact = curves(D=10.0)[0]
    draw_curve(ax, exact, DATA, lw=3, label="diffusion, D = 10 µm²/s")
    two = ("half_time", "half_time_ratio", "second_fraction", "c0", "alpha")
    for label, parameters, color in (
        ("one exponential", None, FIT),
        ("two exponentials", two, OTHER),
    ):
        estimates, fitted = fit(exact, model="exponential", parameters=parameters)
        times = [estimates.values.get(name) for name in ("half_time", "second_half_time")]
        label += ": " + " and ".join(f"{time[0]:.3g}" for time in times if time is not None) + " s"
        draw_curve(ax, fitted[0], color, lw=1.8, ls="--", label=label)
        draw_curve(residual_ax, exact - fitted[0], color, lw=2)
    label_curves(ax, residual_ax, DATA, ylim=None)
    free = ("half_time", "c0", "alpha", "mobile_fraction")
    for n in (50, 100, 200):
        protocol = PROTOCOL.replace(n_postbleach=n)
        X = curves(D=10.0, protocol=protocol)
        estimates, _ = fit(X, protocol, model="exponential", parameters=free)
        D = 0.224 * PROTOCOL.equivalent_radius**2 / estimates.half_time_s[0]
        print(
            f"  {n} frames: half-time {estimates.half_time_s[0]:.3g} s, so {D / 10:.2f} D; "
            f"mobile_fraction {estimates.mobile_fraction[0]:.3f}"
        )


@picture
def model_reaction():
    """Draw release alone beside binding with diffusion, and the k_off it gives."""
    ax, below = two_panels()
    rates = {"k_on": 0.1, "k_off": 0.1}
    closed = curves("reaction", **rates)[0]
    for D, color in zip((10.0, 100.0, 1000.0), SHADES, strict=True):
        exact = curves("binding", D=D, **rates)[0]
        draw_curve(ax, exact, color, label=f"binding, D = {D:g} µm²/s")
    draw_curve(ax, closed, FIT, lw=1.8, ls="--", label="reaction: D does not matter")
    label_curves(ax, title="k_on = k_off = 0.1 1/s")
    Ds = np.logspace(0.5, 3.5, 25)
    for rate, color in zip((0.03, 0.1, 1.0), SHADES, strict=True):
        X = curves("binding", D=Ds, k_on=rate, k_off=rate)
        estimates, _ = fit(X, model="reaction", fixed={"alpha": ALPHA})
        ratios = estimates.k_off_per_s / rate
        below.plot(Ds, ratios, color=color, lw=2.5, label=f"k_on = k_off = {rate:g} 1/s")
        told = at(Ds, ratios, (10, 100, 1000), ".2f")
        print(f"  rates {rate:g} 1/s, alpha known: fitted k_off over true k_off {told} µm²/s")
    ticks, ends = (0.01, 0.03, 0.1, 0.3, 1.0), {"xlabel": "D (µm²/s)", "ylim": (0.007, 2)}
    _label_ratios(below, ticks, "fitted k_off / true k_off", "lower right", **ends)


@picture
def model_noise():
    """Draw noise that grows with the intensity, and what the fits make of it."""
    ax = new_axes(figsize=(WIDTH, 3.4))
    a, b = 2e-4, 4e-3
    random = np.random.default_rng(0)
    light = np.linspace(0.05, 0.95, 128) * np.ones((40, 128, 1))
    for variance, color, label in (
        (a + b * light, DATA, "proportional"),
        (2.2e-3 + 0.0 * light, FIT, "constant"),
    ):
        noisy = light + np.sqrt(variance) * random.standard_normal(light.shape)
        found = calibrate_noise(noisy)
        x = np.array([0.0, 1.0])
        ax.plot(x, found.variance(x), color=color, lw=1.8, label=label)
        groups = found.bin_intensity, found.bin_variance, found.bin_variance_std
        ax.errorbar(*groups, fmt="o", ms=4, color=color, alpha=0.75)
    ax.ticklabel_format(axis="y", scilimits=(-3, -3), useMathText=True)
    ax.set(xlabel="intensity of a pixel", ylabel="variance of its noise")
    ax.set(xlim=(0, 1), ylim=(0, None))
    ax.legend(loc="upper left")
    X = noisy_curves(1000, noise="proportional", D=10.0, alpha=0.45, a=a, b=b)
    for label, options in (
        ("constant", {}),
        ("proportional, a and b estimated", {"noise": "proportional"}),
        ("proportional, a and b known", {"noise": "proportional", "fixed": {"a": a, "b": b}}),
    ):
        estimates, _ = fit(X, **options)
        print(
            f"  noise {label}: D scatters by {10 * estimates.D_um2_s.std():.2f} %, "
            f"{held(estimates, 10):.1f} % of 95 % intervals hold it"
        )


@picture
def model_huber():
    """Draw outlier frames, and fits by squared and by Huber loss."""
    n = 1000
    clean = noisy_curves(n, D=10.0)
    random, X = np.random.default_rng(1), clean.copy()
    frames = random.permuted(np.tile(np.arange(10, 60), (n, 1)), axis=1)[:, :3]
    np.put_along_axis(X, frames, np.take_along_axis(X, frames, 1) - 0.06, axis=1)
    fits = []
    for loss in ("squared", "huber"):
        for label, data in (("clean", clean), ("3 frames off", X)):
            estimates, fitted = fit(data, loss=loss)
            D = estimates.D_um2_s
            print(
                f"  loss {loss}, {label}: D {D.mean():.2f} ± {D.std():.2f}, "
                f"{held(estimates, 10):.0f} % of 95 % intervals hold it"
            )
        fits.append((fitted[0], f'loss="{loss}": D = {D[0]:.3g} µm²/s'))
    compare_fits(curve_and_residuals(), X[0], *fits)


@picture
def model_limits():
    """Draw what a curve determines of binding, and of D where the blur is unknown."""
    ax, below = two_panels(height=6.0)
    rates, shared = np.logspace(-2, 1.5, 29), {"c0": C0, "alpha": ALPHA}
    guess = {"D": 30.0, "k_on": rates, "k_off": rates, **shared}
    errors = expected_errors(PROTOCOL, guess, a=NOISE, model="binding").errors
    factors = {name: 10 ** (1.96 * errors[name]) for name in ("D", "k_on", "k_off", "D_effective")}
    drawn = zip(factors.items(), (*SHADES, FIT), ("-", "-", "--", "-"), strict=True)
    for (name, column), color, dashes in drawn:
        ax.plot(rates, column, color=color, ls=dashes, lw=2.5, label=name)
        told = at(rates, column, (0.03, 0.1, 1.0, 10.0), ".3g")
        print(f"  exchange, 95 % interval of {name} reaches to a factor of {told} 1/s")
    ax.set(xscale="log", yscale="log", ylim=(1, 100), xlabel="k_on = k_off (1/s)")
    ax.set_title("binding, D = 30 µm²/s, all estimated")
    ax.set_ylabel("95 % interval reaches\nto a factor of")
    style.write_plainly(ax.yaxis, [1, 2, 5, 10, 100])
    Ds = np.logspace(-0.5, 2, 26)
    for name, fixed, color, label in (
        ("bleach_blur", {"bleach_blur": 1.0}, FIT, "blur known"),
        ("bleach_blur", {}, LIGHT, "bleach_blur estimated"),
        ("imaging_blur", {}, DATA, "imaging_blur estimated"),
    ):
        guess = {"D": Ds, **shared} | ({} if fixed else {name: 1.0})
        found = expected_errors(PROTOCOL, guess, a=NOISE, parameters=tuple(guess), fixed=fixed)
        percent = 100 * (10 ** (1.96 * found.errors["D"]) - 1)
        below.plot(Ds, percent, color=color, lw=2.5, label=label)
        told = at(Ds, percent, (1, 10, 30, 100), ".2g")
        print(f"  {label}: 95 % interval of D reaches, in %, {told} µm²/s")
    below.set(xscale="log", yscale="log", xlabel="D (µm²/s)", ylim=(0.3, 100))
    below.set_title("diffusion, blur 1 µm")
    below.set_ylabel("95 % interval of D (± %)")
    style.write_plainly(below.yaxis, [0.3, 1, 3, 10, 30, 100])
    for one in (ax, below):
        style.write_plainly(one.xaxis)
        one.legend(loc="upper left")
    ax.figure.align_ylabels()


@picture
def uncertainty_replicates():
    """Draw replicates of two samples that differ by more than their errors, and their means."""
    X = []
    for seed, D in enumerate((25.0, 15.0)):
        prior = {"D": lognorm(0.2, scale=D), "c0": C0, "alpha": ALPHA, "a": 50 * NOISE}
        X.append(FRAPSimulator(PROTOCOL, prior, random_state=seed).sample(8).data)
    estimates, _ = fit(np.concatenate(X))
    summary = summarise_replicates(estimates, groups=["control"] * 8 + ["drug"] * 8)
    print("\n".join(f"  {line}" for line in summary.summary()))
    ReplicatesDisplay.from_summary(summary, ax=new_axes(figsize=(4.6, 3.8)))


@picture
def uncertainty_planning():
    """Draw how well D will be known, by radius and frame interval."""
    guess = {"D": np.geomspace(1, 300, 25), "c0": C0, "alpha": ALPHA}
    vary = {"radius": [5.0, 15.0], "frame_interval": [0.1, 0.5, 2.0]}
    choice = plan(PROTOCOL, guess, vary, a=3 * NOISE)
    print("\n".join(f"  {line}" for line in choice.summary()))
    ExperimentPlanDisplay.from_plan(choice, ax=new_axes(figsize=(WIDTH, 3.8)))


# ------------------------------------------------------------------ getting started, experiment


@picture
def python_recovery():
    """Draw the fit of docs/get_started/python.md."""
    protocol = FRAPProtocol(
        shape=(96, 96), pixel_size=0.8, bleach_region=Circle(10.0), n_prebleach=8, n_bleach=2,
        n_postbleach=60, frame_interval=0.3, padding=48,
    )  # fmt: skip
    prior = {"D": loguniform(10, 30), "c0": 0.7, "alpha": 0.6, "a": 2e-3}
    X = FRAPSimulator(protocol, prior, random_state=0).sample(1).data
    axes = new_axes(2, sharex=True, figsize=(WIDTH, 4.2), height_ratios=(3, 1))
    RecoveryCurveDisplay.from_estimator(LeastSquaresFRAP(protocol).fit(X), X, axes=axes)


@picture
def experiment_timeline():
    """Draw the frames of an experiment and their times, and its images before and after."""
    protocol = FRAPProtocol(n_prebleach=5, n_bleach=3, n_postbleach=14, frame_interval=0.5)
    truth, n_before = {"D": 30.0, "c0": C0, "alpha": ALPHA}, protocol.n_prebleach
    frames = DiffusionModel(protocol).images(**truth)[0]
    curve = DiffusionModel(protocol).curves(**truth)[0]
    images, ax = layout(3, height=5.4, residuals=False)
    titles = {"last before bleaching": n_before - 1, "first after": n_before, "last": -1}
    for image_ax, (title, k) in zip(images, titles.items(), strict=True):
        show(image_ax, frames[k], title)
    times, bleach_times = protocol.times, protocol.bleach_times
    ax.axvspan(bleach_times[0] - 0.08, 0.08, color=REGION, alpha=0.35, lw=0)
    ax.vlines(bleach_times, 0.02, 0.1, color=FIT, lw=2.5)
    ax.plot(times, curve, "o", ms=5, color=DATA)
    before, after = times[:n_before], times[n_before:]
    arrow = {"arrowstyle": "<->", "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (after[2], 0.37), (after[1], 0.37), arrowprops=arrow)
    ax.text(after[2] + 0.15, 0.37, "frame_interval", va="center", fontsize=10)
    ax.annotate("c0", (before[0], C0), (before[0] - 0.45, C0), va="center", ha="right")
    left = C0 * ALPHA**protocol.n_bleach
    ax.axhline(left, xmax=0.98, color="0.6", lw=1, ls=":")
    ax.text(after[-1], left - 0.015, "c0 · alpha³", va="top", ha="right", color="0.35")
    for x, y, name in (
        (before.mean(), 0.88, "n_prebleach = 5"),
        (bleach_times.mean(), 0.98, "n_bleach = 3"),
        (after.mean(), 0.88, "n_postbleach = 14"),
    ):
        ax.text(x, y, name, ha="center", fontsize=10)
    ax.set(ylim=(0, 1.06), ylabel=INTENSITY, xlabel="time (s): 0 is the last bleach frame")
    ax.set_xlim(before[0] - 1.1, after[-1] + 0.4)


# ----------------------------------------------------------------------------------- preprocessing


def _recorded(frames, light, dark, fading, noise=2e-3):
    """Make 16-bit counts of frames between 0 and 1: unevenly lit, fading, over a dark level."""
    faded = fading ** ((PROTOCOL.times - PROTOCOL.times[0]) / PROTOCOL.frame_interval)
    seen = frames * light * faded[:, np.newaxis, np.newaxis]
    seen += np.sqrt(noise) * np.random.default_rng(0).standard_normal(seen.shape)
    return np.clip(np.round(dark + (65535 - dark) * seen), 0, 65535).astype(np.uint16)


def _estimate_from(stack, steps, label):
    """Correct a stack, extract its curve and estimate; print what was found."""
    corrected = make_pipeline(*steps).fit_transform([stack])
    curve = preprocessing.RecoveryCurveExtractor(PROTOCOL).fit_transform(corrected)
    estimates, _ = fit(curve)
    found = ", ".join(
        f"{name} {estimates.values[name][0]:.4g} ({estimates.lower[name][0]:.4g} to "
        f"{estimates.upper[name][0]:.4g})"
        for name in PLAINLY
    )
    print(f"  {label}: {found}; {estimates.flags[0]}")
    return curve[0], corrected[0], estimates.D_um2_s[0]


@picture
def preprocessing_corrections():
    """Draw a series as it was recorded and as it is corrected, and its curves."""
    ny, nx = PROTOCOL.shape
    y, x = np.ogrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j]
    light = 1.1 - 0.3 * ((x - 0.3) ** 2 + y**2)
    light /= light.mean()
    dark, truth = 3000, {"D": 10.0, "c0": 0.65, "alpha": ALPHA}
    frames = DiffusionModel(PROTOCOL).images(**truth)[0]
    as_is, rescale = IntensityRescaler(16), IntensityRescaler(16, offset=dark)
    fading, near = FadingCorrector(PROTOCOL, distance=4.0), FadingCorrector(PROTOCOL)
    divide = preprocessing.FlatFieldCorrector(protocol=PROTOCOL)
    subtract = preprocessing.BackgroundSubtractor(protocol=PROTOCOL)
    stack = _recorded(frames, light, dark, fading=0.998)
    steady = _recorded(frames, light, dark, fading=1.0)
    for label, recorded, *steps in (
        ("all, light subtracted", stack, rescale, fading, subtract),
        ("reference from 2 radii", stack, rescale, near, divide),
        ("fading after the light", stack, rescale, subtract, fading),
        ("all but the dark level", stack, as_is, fading, divide),
        ("all but fading", stack, rescale, divide),
        ("all but the light", stack, rescale, fading),
        ("steady: nothing", steady, as_is),
        ("steady: subtracted", steady, as_is, subtract),
        ("steady: divided without dark level", steady, as_is, divide),
        ("steady: dark level and divided", steady, rescale, divide),
    ):
        _estimate_from(recorded, steps, label)
    images, ax = layout(2, height=6.2, residuals=False)
    for image_ax, title, color, steps in (
        (images[0], "as recorded", FIT, (as_is,)),
        (images[1], "corrected", OTHER, (rescale, fading, divide)),
    ):
        curve, corrected, D = _estimate_from(stack, steps, title)
        first_after = corrected[PROTOCOL.n_prebleach]
        coarse = first_after.reshape(ny // 4, 4, nx // 4, 4).mean(axis=(1, 3))  # or files get large
        show(image_ax, coarse, title, half=97, vmax=0.85, bar=50)
        label = f"{title}: D = {D:.3g} µm²/s"
        ax.plot(PROTOCOL.times, curve, "o", ms=3, color=color, alpha=0.8, label=label)
    draw_curve(ax, curves(**truth)[0], DATA, lw=1.5, label="truth: D = 10 µm²/s")
    label_curves(ax)


# ------------------------------------------------------------------------ your data looks like this


def _sample(shape, pixel_size, region, interval, n=60, **options):
    """Make the experiment of a sample, bleached once."""
    return FRAPProtocol(
        shape=shape, pixel_size=pixel_size, bleach_region=region, n_bleach=1, n_postbleach=n,
        frame_interval=interval, **options,
    )  # fmt: skip


_PATCH = Polygon([(2, 4), (8, 2), (15, 3), (21, 7), (22, 13), (16, 17), (9, 15), (4, 12)])
SAMPLES = {  # by name: what was done, and what the sample does
    "nucleus": (
        _sample((72, 96), 0.25, Circle(2.2), 0.1, compartment=Ellipse((10.0, 7.0))),
        {"D": 5.0, "mobile_fraction": 0.85},
    ),
    "membrane": (
        _sample((76, 96), 0.25, Circle(1.5, (7.5, 5.2)), 0.8, compartment=_PATCH),
        {"D": 0.3, "mobile_fraction": 0.7},
    ),
    "droplet": (
        _sample((72, 72), 0.125, Circle(1.1), 0.5, compartment=Circle(3.8)),
        {"D": 0.1, "mobile_fraction": 0.95},
    ),
    "embryo": (
        _sample(
            (80, 112), 1.0, Rectangle(12.0, 30.0, (40.0, 40.0)), 1.0,
            compartment=Ellipse((48.0, 32.0)),
        ),
        {"D": 7.0, "mobile_fraction": 1.0},
    ),
    "gel": (_sample((96, 96), 0.76, Circle(8.0), 0.265), {"D": 20.0, "mobile_fraction": 0.9}),
    "bilayer": (
        _sample((96, 96), 0.4, Circle(3.0), 0.6).replace(n_bleach=8),
        {"D": 1.5, "mobile_fraction": 1.0, "bleach_blur": 1.5, "alpha": 0.85},
    ),
    "half-droplet": (
        _sample(
            (72, 72), 0.125, Rectangle(4.0, 8.0, (2.5, 4.5)), 1.5, compartment=Circle(3.8),
            rows={"other half": Rectangle(3.5, 8.0, (6.5, 4.5))},
        ),
        {"D": 0.1, "mobile_fraction": 1.0},
    ),
}  # fmt: skip
_WITH_SHARE = (*PLAINLY, "mobile_fraction")


def _draw_sample(name):
    """Draw the first frame after bleaching, the curve, and fits with what is told and without."""
    protocol, sample = SAMPLES[name]
    truth = {"c0": C0, "alpha": 0.3} | sample
    simulator = FRAPSimulator(protocol, truth | {"a": 0.05**2}, random_state=2)
    curve = simulator.sample(1).data
    figure = plt.figure(figsize=(WIDTH, 3.1), layout="constrained")
    ax, curve_ax = figure.subplots(1, 2, width_ratios=(1, 1.35))
    short = protocol.replace(n_prebleach=1, n_postbleach=1)
    image = DiffusionModel(short).images(**truth)[0, 1]
    style.draw_frame(ax, image, protocol, vmin=0, vmax=C0, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel("first frame after bleaching", fontsize=10)
    n = protocol.n_frames
    draw_rows = {"bleach region": DATA, "other half": style.ROWS[0]}
    for k, color in zip(range(protocol.n_rows), draw_rows.values(), strict=False):
        curve_ax.plot(
            protocol.times, curve[0, k * n : (k + 1) * n], "o", ms=3, color=color, alpha=0.7
        )
    opened = protocol.replace(compartment=None, rows=None, n_bleach=1)
    fits = [("open field", opened, FIT)]
    if protocol.compartment is not None:
        fits.append(("in its outline", protocol, OTHER))
    if name == "bilayer":
        fits[0] = ("as told, at once", opened, FIT)
    for label, one, color in fits:
        found, fitted = fit(curve[:, : one.n_values], one, parameters=_WITH_SHARE)
        D = found.D_um2_s[0]
        text = f"{label}: D = {D:.2g} µm²/s"
        print(f"  {name}, {text}, mobile {found.mobile_fraction[0]:.3f}; truth {sample['D']}")
        for k in range(one.n_rows):
            part = fitted[0, k * n : (k + 1) * n]
            draw_curve(curve_ax, part, color, lw=1.8, label=None if k else text, protocol=one)
    if name == "bilayer":
        images = simulator.sample_images(1).data
        measured = make_frap_pipeline(opened.replace(start="measured")).fit(images)
        D = measured.estimate(images).D_um2_s[0]
        print(f"  {name}, as seen: D = {D:.3g}")
        curve_ax.plot([], [], color=OTHER, lw=1.8, label=f"as seen: D = {D:.2g} µm²/s")
    curve_ax.set(ylim=(0, 1.05 * curve.max()), xlabel=TIME, ylabel=INTENSITY)
    curve_ax.legend(loc="lower right", title=f"truth: D = {sample['D']:g} µm²/s")


for _name in SAMPLES:
    PICTURES[f"cells-{_name}"] = partial(_draw_sample, _name)


@picture
def report():
    """Show a report of one series in a browser; Chromium has to be installed."""
    truth = {"D": 12.0, "c0": C0, "alpha": 0.5, "mobile_fraction": 0.8, "a": NOISE / 4}
    protocol = PROTOCOL.replace(shape=(128, 128), n_postbleach=80)
    frames = FRAPSimulator(protocol, truth, random_state=3).sample_images(1).data[0]
    times = protocol.times - protocol.times[0]
    series = ImageSeries(frames, "gel, cell 3", pixel_size_um=protocol.pixel_size, times_s=times)
    known = {"n_prebleach": protocol.n_prebleach, "n_bleach": protocol.n_bleach}
    told = ExperimentOptions(bleach_region=protocol.bleach_region, start="auto", **known)
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder) / "report.html", Path(folder) / "report.png"
        write_report(analyse_series(series, told), page, options=told)
        looks = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1000,910"]
        command = ["chromium", *looks, f"--screenshot={shot}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        image = np.round(plt.imread(shot) * 22) / 22  # of fewer colours, so that it stays small
    figure = plt.figure(figsize=(image.shape[1] / DPI, image.shape[0] / DPI))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.imshow(image, interpolation="nearest")
    ax.set_axis_off()


def main(names):
    """Draw pictures by name, all without any."""
    unknown = {*names} - {*PICTURES}
    if unknown:
        unknown = ", ".join(sorted(unknown))
        sys.exit(f"there is no picture {unknown}; known: {', '.join(PICTURES)}")
    IMAGES.mkdir(exist_ok=True)
    for name in names or PICTURES:
        print(name, flush=True)
        with mpl.rc_context(style.FIGURE):
            PICTURES[name]()
            figure, path = plt.gcf(), IMAGES / f"{name}.png"
            style.tidy(*(ax for ax in figure.axes if not ax.images))
            figure.savefig(path, dpi=DPI, pil_kwargs={"optimize": True})
            plt.close(figure)
        print(f"  {path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    mpl.use("Agg")
    main(sys.argv[1:])
