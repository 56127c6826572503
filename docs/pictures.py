"""Draw the pictures of the pages in docs and print numbers they state.

All comes from the models themselves, with fixed seeds::

    python docs/pictures.py                                # everything
    python docs/pictures.py model-soumpasis model-noise    # some
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator
from scipy.stats import lognorm, loguniform
from sklearn.pipeline import make_pipeline

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, Mask
from skfrap.design import plan
from skfrap.models import (
    BindingModel,
    DiffusionModel,
    GaussianBeamModel,
    ReactionModel,
    effective_diffusion,
    model_for,
)
from skfrap.noise import calibrate_noise
from skfrap.parameters import PARAMETERS
from skfrap.plotting import ExperimentPlanDisplay, RecoveryCurveDisplay, ReplicatesDisplay
from skfrap.preprocessing import (
    BackgroundSubtractor,
    FadingCorrector,
    FlatFieldCorrector,
    IntensityRescaler,
    RecoveryCurveExtractor,
)
from skfrap.replicates import summarise_replicates

IMAGES = Path(__file__).resolve().parent / "images"
DATA, PLAIN, REGION, MODEL = "#1f4e79", "#d1495b", "#ffd166", "#2a9d8f"
LIGHT, MIDDLE = "#8ab6d6", "#4a86b8"
STYLE = {
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 10,
}
DPI, WIDTH = 140, 6.4

PROTOCOL = FRAPProtocol()
C0, ALPHA = 0.8, 0.6
NOISE = 1e-3  # variance of a pixel
TIME = "time since end of bleaching (s)"
INTENSITY = "mean intensity in region"
PLAINLY = ("D", "c0", "alpha")

PICTURES = {}  # by file name without ending: the start of a page's name, the picture's name


def picture_of(page):
    """Make a decorator that enters a function which draws a figure under page and its name."""

    def enter(function):
        PICTURES[f"{page}-{function.__name__}".replace("_", "-")] = function
        return function

    return enter


picture = picture_of("model")


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
    """Fit curves and return the estimates, their curves and the estimator."""
    X = np.atleast_2d(X)
    estimator = LeastSquaresFRAP(protocol, **options).fit(X)
    return estimator.estimate(X), estimator.fit_curves(X), estimator


def first_frame(n_after=0, model=DiffusionModel, **parameters):
    """Compute a frame after bleaching without noise, as (image, time)."""
    n_frames = n_after + 1
    protocol = PROTOCOL.replace(n_postbleach=n_frames, n_prebleach=1)
    image = model(protocol).images(**{"c0": C0, "alpha": ALPHA} | parameters)[0, -1]
    return image, protocol.times[-1]


def show(ax, image, title, half=40.0, vmax=C0, bar=20):
    """Show an image around the bleach region with the region's outline and a scale bar."""
    protocol = PROTOCOL
    ny, nx = np.multiply(protocol.shape, protocol.pixel_size)
    extent = -nx / 2, nx / 2, ny / 2, -ny / 2
    ax.imshow(image, cmap="gray", extent=extent, vmin=0, vmax=vmax, interpolation="nearest")
    ax.add_patch(plt.Circle((0, 0), protocol.bleach_region.radius, fill=False, ec=REGION, lw=1.5))
    ax.set(xlim=(-half, half), ylim=(half, -half), xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set(visible=True, color="0.7")
    x, y = -0.9 * half, 0.9 * half
    ax.plot([x, x + bar], [y, y], color="black", lw=3, solid_capstyle="butt")
    ax.text(x + bar / 2, y - 0.04 * half, f"{bar} µm", ha="center", va="bottom", fontsize=10)
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
        return figure, images, figure.add_subplot(rows[1])
    below = rows[1].subgridspec(2, 1, height_ratios=(2.2, 1))
    ax = figure.add_subplot(below[0])
    return figure, images, (ax, figure.add_subplot(below[1], sharex=ax))


def time_axis(ax, label=True):
    """Mark the bleach frames on an axis of time."""
    ax.axvspan(PROTOCOL.bleach_times[0], 0, color="0.85", lw=0, zorder=0)
    if label:
        ax.set_xlabel(TIME)


def draw_curve(ax, curve, **options):
    """Draw a curve without a line across the bleaching."""
    n = PROTOCOL.n_prebleach
    (line,) = ax.plot(PROTOCOL.times[n:], curve[n:], **options)
    options.pop("label", None)
    ax.plot(PROTOCOL.times[:n], curve[:n], **options | {"color": line.get_color()})


def against_plain(axes, name, options, label, loc="lower right", **truth):
    """Draw a simulated curve, the fits of plain diffusion and of a model, and the residuals."""
    ax, residual_ax = axes
    X = noisy_curves(**truth)
    estimates, plain, _ = fit(X)
    right, fitted, _ = fit(X, **options)
    times = PROTOCOL.times
    ax.plot(times, X[0], "o", ms=3, color=DATA, alpha=0.75, label="measured (simulated)")
    D = estimates.D_um2_s[0]
    draw_curve(ax, plain[0], color=PLAIN, lw=2, label=f"plain diffusion: D = {D:.3g} µm²/s")
    text = f"{label}: D = {right.D_um2_s[0]:.3g} µm²/s, true {truth['D']:g}"
    draw_curve(ax, fitted[0], color=MODEL, lw=2, ls=(0, (2, 1.2)), label=text)
    ax.set_ylabel(INTENSITY)
    ax.legend(loc=loc)
    ax.tick_params(labelbottom=False)
    residual_ax.plot(times, X[0] - plain[0], "o", ms=2.5, color=DATA, alpha=0.75)
    residual_ax.axhline(0, color=PLAIN, lw=1.5)
    draw_curve(residual_ax, fitted[0] - plain[0], color=MODEL, lw=2)
    residual_ax.set_ylabel("residual")
    time_axis(ax, label=False)
    time_axis(residual_ax)
    print(f"  {name}, simulated: plain {estimates.summary()[0]}")
    print(f"  {name}, simulated: right {right.summary()[0]}")


def biases(what, Ds=(1.0, 10.0, 100.0), **extra):
    """Print what plain diffusion makes of curves of another model, without noise."""
    for D in Ds:
        X = curves(D=D, **extra)
        estimates, fitted, _ = fit(X)
        ratio = estimates.D_um2_s[0] / D
        off = np.abs(X - fitted).max()
        print(f"  {what}, D = {D:g}: plain diffusion gives {ratio:.2f} D, off by {off:.1e} at most")


def _nearest(values, value):
    return np.abs(np.log(values / value)).argmin()


def plain_numbers(axis, ticks=None):
    """Write a logarithmic axis' ticks as numbers."""
    if ticks:
        axis.set_ticks(ticks)
        axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def covariance_of(model, names, **point):
    """Compute the covariance of estimates on their targets' scales, at a point."""
    point = {"c0": C0, "alpha": ALPHA} | point
    columns = []
    for name in names:
        scale, step = PARAMETERS[name], 1e-2
        slope = 0.0
        for n, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            moved = scale.from_target(scale.to_target(point[name]) + n * step)
            slope = slope + weight / (12 * step) * model.curves(**point | {name: moved})[0]
        columns.append(slope)
    slopes = np.stack(columns, axis=1)
    # By the triangular factor: parameters that go together make the normal equations singular.
    size = np.linalg.norm(slopes, axis=0)
    inverse = np.linalg.inv(np.linalg.qr(slopes / size, mode="r")) / size[:, np.newaxis]
    return NOISE * PROTOCOL.noise_gain * inverse @ inverse.T


# ---------------------------------------------------------------------------------------- pictures


@picture
def choice():
    """Draw what one sees in a curve, beside plain diffusion."""
    plain = curves(D=30.0)[0]
    outliers = noisy_curves(D=30.0)[0]
    outliers[[3, 40, 41, 75]] += [0.05, -0.09, -0.05, 0.06]
    blurred = curves(D=1.0, bleach_blur=4.0)[0]
    panels = [
        ("back to where it was", "diffusion", plain),
        ("levels off below", "mobile_fraction", curves(D=30.0, mobile_fraction=0.7)[0]),
        ("falls before bleaching", "imaging_bleach", curves(D=30.0, imaging_bleach=0.997)[0]),
        ("first fast, then slow", "binding", curves("binding", D=100.0, k_on=0.1, k_off=0.05)[0]),
        ("soft edge, starts higher", "bleach_blur, imaging_blur", blurred),
        ("single frames off", 'loss="huber"', outliers),
    ]
    figure, axes = plt.subplots(
        3, 2, figsize=(WIDTH, 6.6), sharex=True, sharey=True, layout="constrained"
    )
    for ax, (title, name, curve) in zip(axes.flat, panels, strict=True):
        reference = plain
        if "blur" in name:
            reference = curves(D=1.0)[0]
        draw_curve(ax, reference, color="0.65", lw=2)
        if "huber" in name:
            ax.plot(PROTOCOL.times, curve, "o", ms=2.5, color=DATA)
        else:
            draw_curve(ax, curve, color=DATA, lw=2)
        time_axis(ax, label=False)
        ax.set_title(title)
        ax.text(0.97, 0.08, name, transform=ax.transAxes, ha="right", color=PLAIN, weight="bold")
        ax.set(ylim=(0, 0.92), xlim=(-4, 27))
    figure.supxlabel(TIME, fontsize=11)
    figure.supylabel(INTENSITY, fontsize=11)
    return figure


@picture
def diffusion():
    """Draw free diffusion."""
    figure, images, ax = layout(3, residuals=False)
    for axis, n_after in zip(images, (0, 8, 99), strict=True):
        image, time = first_frame(n_after, D=10.0)
        show(axis, image, f"{time:.1f} s")
    for D, color in zip((1.0, 10.0, 100.0), (LIGHT, MIDDLE, DATA), strict=True):
        draw_curve(ax, curves(D=D)[0], color=color, lw=2.5, label=f"D = {D:g} µm²/s")
    time_axis(ax)
    ax.set(ylabel=INTENSITY, ylim=(0, 0.85))
    ax.legend(loc="lower right", bbox_to_anchor=(1, 0.13))
    images[0].set_ylabel("D = 10 µm²/s")
    return figure


@picture
def mobile_fraction():
    """Draw an immobile fraction."""
    figure, images, axes = layout(2)
    for ax, fraction in zip(images, (1.0, 0.8), strict=True):
        image, time = first_frame(99, D=10.0, mobile_fraction=fraction)
        show(ax, image, f"after {time:.0f} s, {100 * fraction:.0f} % mobile")
    options = {"parameters": (*PLAINLY, "mobile_fraction")}
    truth = {"D": 10.0, "mobile_fraction": 0.8}
    against_plain(axes, "mobile_fraction 0.8", options, "mobile_fraction", **truth)
    biases("mobile_fraction 0.8", mobile_fraction=0.8)
    for D in (1.0, 10.0):
        estimates, _, _ = fit(noisy_curves(1000, D=D, mobile_fraction=0.8))
        flagged = np.count_nonzero(estimates.flags != "")
        print(f"  mobile_fraction 0.8, D = {D:g}: plain diffusion flags {flagged} of 1000 curves")
    return figure


@picture
def imaging_bleach():
    """Draw bleaching by imaging."""
    figure, images, axes = layout(3)
    series = DiffusionModel(PROTOCOL).images(D=10.0, c0=C0, alpha=ALPHA, imaging_bleach=0.998)[0]
    for ax, frame in zip(images, (0, 10, 109), strict=True):
        time = f"{PROTOCOL.times[frame]:.1f} s".replace("-", "−")
        show(ax, series[frame], time, half=97.0, bar=50)
    field = series[:, :40, :40].mean(axis=(1, 2))
    print(
        f"  a corner of the field: {field[0]:.3f} in the first, {field[-1]:.3f} in the last frame"
    )
    options = {"parameters": (*PLAINLY, "imaging_bleach")}
    truth = {"D": 10.0, "imaging_bleach": 0.998}
    against_plain(axes, "imaging_bleach 0.998", options, "imaging_bleach", **truth)
    biases("imaging_bleach 0.998", imaging_bleach=0.998)
    n_imaged = np.arange(1, 111) + PROTOCOL.n_bleach * (np.arange(110) >= PROTOCOL.n_prebleach)
    for D in (1.0, 10.0, 100.0):
        fading = curves(D=D) * 0.998**n_imaged
        estimates, _, _ = fit(fading, **options)
        print(
            f"  a lamp fading by 0.998 per frame, D = {D:g}: imaging_bleach model gives "
            f"{estimates.D_um2_s[0] / D:.4f} D, imaging_bleach {estimates.imaging_bleach[0]:.5f}"
        )
        images_ = DiffusionModel(PROTOCOL).images(D=D, c0=C0, alpha=ALPHA, imaging_bleach=0.998)
        corrected = FadingCorrector(PROTOCOL).fit_transform(images_)[0]
        curve = np.einsum("tyx,yx->t", corrected, PROTOCOL.roi_weights)
        estimates, fitted, _ = fit(curve)
        print(
            f"  FadingCorrector on imaging_bleach 0.998, D = {D:g}: plain diffusion gives "
            f"{estimates.D_um2_s[0] / D:.3f} D, off by {np.abs(fitted - curve).max():.4f} at most"
        )
    return figure


def _blur(name, titles, blur=3.0, D=1.0):
    figure, images, axes = layout(3, width_ratios=(1, 1, 1.25))
    for ax, value, title in zip(images, (0.0, blur), titles, strict=False):
        image, _ = first_frame(D=D, **{name: value})
        show(ax, image, title, half=30.0)
        color = PLAIN if value == 0 else MODEL
        images[2].plot(*profile(image), color=color, lw=2)
    for side in (-15, 15):
        images[2].axvline(side, color=REGION, lw=1.5, zorder=0)
    images[2].set(xlim=(-30, 30), ylim=(0, 0.85), xlabel="x (µm)", xticks=(-20, 0, 20))
    images[2].set_title("intensity across the middle", fontsize=10.5)
    images[2].set_box_aspect(0.72)
    truth = {"D": D, name: blur}
    options = {"parameters": (*PLAINLY, name)}
    against_plain(axes, f"{name} {blur:g}", options, name, loc=(0.42, 0.48), **truth)
    for width in (1.0, blur):
        biases(f"{name} {width:g}", **{name: width})
    other = "imaging_blur" if name == "bleach_blur" else "bleach_blur"
    for D in (1.0, 10.0):
        X = curves(D=D, **{name: blur})
        estimates, fitted, _ = fit(X, parameters=(*PLAINLY, other))
        print(
            f"  {name} {blur:g}, D = {D:g}: taken for {other}, it is "
            f"{estimates.values[other][0]:.2f} µm and {estimates.D_um2_s[0] / D:.3f} D, "
            f"off by {np.abs(X - fitted).max():.1e} at most"
        )
    return figure


@picture
def bleach_blur():
    """Draw a bleaching beam that is wider than the region drawn."""
    return _blur("bleach_blur", ("beam as drawn", "beam spread by 3 µm"))


@picture
def imaging_blur():
    """Draw a detection that blurs."""
    return _blur("imaging_blur", ("in the sample", "as imaged, 3 µm blur"))


@picture
def binding():
    """Draw binding with slow, middling and fast exchange."""
    figure, images, axes = layout(3, height=6.0)
    ax, residual_ax = axes
    D, unbound = 30.0, 0.5
    D_effective = effective_diffusion(D, 1.0, 1.0)
    colors = (LIGHT, MIDDLE, DATA)
    names = ("slow", "middling", "fast")
    for axis, rate, color, name in zip(images, (0.02, 0.3, 10.0), colors, names, strict=True):
        rates = {"k_on": rate, "k_off": rate}
        image, time = first_frame(5, BindingModel, D=D, **rates)
        show(axis, image, f"{name}: {rate:g} 1/s")
        curve = curves("binding", D=D, **rates)[0]
        draw_curve(ax, curve, color=color, lw=2.5, label=f"k_on = k_off = {rate:g} 1/s")
        estimates, fitted, _ = fit(curve)
        draw_curve(residual_ax, curve - fitted[0], color=color, lw=2)
        print(
            f"  exchange at {rate:g} 1/s, D = {D:g}: plain diffusion gives "
            f"{estimates.D_um2_s[0]:.3g} µm²/s, D_effective is {D_effective:g}, "
            f"off by {np.abs(curve - fitted[0]).max():.4f} at most"
        )
    images[0].set_ylabel(f"after {time:.1f} s")
    limits = (
        (curves(D=D_effective), ":", f"plain diffusion, D_effective = {D_effective:g}"),
        (curves(D=D, mobile_fraction=unbound), "--", "half immobile"),
    )
    for curve, style, label in limits:
        draw_curve(ax, curve[0], color=PLAIN, lw=1.8, ls=style, label=label)
    ax.set(ylabel=INTENSITY, ylim=(0, 0.86))
    ax.legend(loc="lower right", fontsize=9.5, labelspacing=0.2)
    ax.tick_params(labelbottom=False)
    residual_ax.axhline(0, color=PLAIN, lw=1.5)
    residual_ax.set_ylabel("residual")
    time_axis(ax, label=False)
    time_axis(residual_ax)
    figure.align_ylabels(axes)
    # One noisy curve each, all of it estimated.
    for rate in (0.02, 0.1, 0.3, 10.0):
        X = noisy_curves(model="binding", D=D, k_on=rate, k_off=rate)
        estimates, _, _ = fit(X, model="binding")
        print(f"  exchange at {rate:g} 1/s, simulated: {estimates.summary()[0]}")
    return figure


def _closed_form_figure():
    figure, (ax, below) = plt.subplots(2, 1, figsize=(WIDTH, 5.6), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.1)
    return figure, ax, below


def _ratio_axis(ax, ticks, label):
    ax.axhline(1, color="0.2", lw=1, ls=":")
    ax.set(xscale="log", yscale="log", ylabel=label)
    plain_numbers(ax.yaxis, ticks)
    plain_numbers(ax.xaxis)


def _ratios(name, protocol, Ds, model=None, alpha=ALPHA):
    """Fit a closed form to exact curves and return D over the true D."""
    model = model or DiffusionModel(protocol)
    X = model.curves(D=Ds, c0=C0, alpha=alpha)
    return fit(X, protocol, model=name)[0].D_um2_s / Ds


def _tell(what, ratios, Ds):
    told = ", ".join(f"{ratios[_nearest(Ds, D)]:.3f} at {D:g}" for D in (1, 10, 100))
    print(f"  {what}: fitted D over true D {told}")


@picture
def soumpasis():
    """Draw the closed form for a disk beside the exact curve, and the D it gives."""
    figure, ax, below = _closed_form_figure()
    for D, color in zip((10.0, 100.0), (LIGHT, DATA), strict=True):
        exact = curves(D=D)[0]
        closed = curves("soumpasis", D=D)[0]
        draw_curve(ax, exact, color=color, lw=2.5, label=f"exact, D = {D:g} µm²/s")
        label = "closed form, same parameters" if D == 100 else None
        draw_curve(ax, closed, color=PLAIN, lw=1.8, ls="--", label=label)
        print(f"  D = {D:g}: off by {np.abs(exact - closed).max():.3f} at most, same parameters")
    time_axis(ax)
    ax.set(ylabel=INTENSITY, ylim=(0, None))
    ax.legend(loc="lower right")
    ax.set_title("four bleach frames, counted as one flash")
    Ds = np.logspace(-0.5, 2.5, 31)
    for n_bleach, interval, color, label in (
        (1, None, LIGHT, "1 bleach frame"),
        (4, 0.05, MIDDLE, "4 frames, 0.05 s apart"),
        (4, None, DATA, "4 frames, 0.265 s apart"),
    ):
        protocol = PROTOCOL.replace(n_bleach=n_bleach, bleach_interval=interval)
        ratios = _ratios("soumpasis", protocol, Ds)
        below.plot(Ds, ratios, color=color, lw=2.5, label=label)
        _tell(label, ratios, Ds)
    _ratio_axis(below, (0.5, 0.6, 0.7, 0.8, 0.9, 1.0), "fitted D / true D")
    below.set(xlabel="true D (µm²/s)")
    below.legend(loc="lower left")
    return figure


def _gaussian_experiment(protocol, width, alpha):
    """Make an exact model that bleaches and watches with a Gaussian beam."""
    rows, columns = np.indices(protocol.shape) + 0.5
    middle = np.divide(protocol.shape, 2)
    squared = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2
    beam = np.exp(-2 * squared * protocol.pixel_size**2 / width**2)
    beam[beam < 1e-6] = 0.0
    mask = Mask((1 - alpha**beam) / (1 - alpha))
    changed = protocol.replace(bleach_region=mask)
    return changed, DiffusionModel(changed, weights=beam / beam.sum()), beam


@picture
def gaussian_beam():
    """Draw the closed form for a Gaussian beam beside what a disk gives."""
    figure = plt.figure(figsize=(WIDTH, 5.6), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.1)
    rows = figure.add_gridspec(2, 1)
    top = rows[0].subgridspec(1, 2, width_ratios=(1, 1.45))
    shape_ax, ax, below = (figure.add_subplot(part) for part in (*top, rows[1]))
    once = PROTOCOL.replace(n_bleach=1)
    radius = once.equivalent_radius
    left = ALPHA**4
    _, focused, beam = _gaussian_experiment(once, radius, left)
    x, light = profile(beam)
    shape_ax.plot(x, np.where(np.abs(x) < radius, left, 1.0), color=DATA, lw=2)
    shape_ax.plot(x, left**light, color=PLAIN, lw=2, ls="--")
    shape_ax.set(xlim=(-30, 30), ylim=(0, 1.08), xlabel="x (µm)")
    shape_ax.set_title("what bleaching leaves", fontsize=10.5)
    D = 10.0
    disk = DiffusionModel(once).curves(D=D, c0=C0, alpha=left)[0]
    closed = GaussianBeamModel(once).curves(D=D, c0=C0, alpha=left)[0]
    draw_curve(ax, disk, color=DATA, lw=2.5, label="exact, disk")
    draw_curve(ax, closed, color=PLAIN, lw=1.8, ls="--", label="closed form, Gaussian")
    ax.axvspan(-0.2, 0, color="0.85", lw=0)
    ax.set(xlabel="time after bleaching (s)", ylim=(0, None))
    ax.set_title(f"intensity, D = {D:g} µm²/s", fontsize=10.5)
    ax.legend(loc="lower right")
    Ds = np.logspace(-0.5, 2.5, 31)
    cases = (
        (once, focused, left, LIGHT, "Gaussian beam, 1 bleach frame"),
        (PROTOCOL, _gaussian_experiment(PROTOCOL, radius, ALPHA)[1], ALPHA, MIDDLE,
         "Gaussian beam, 4 bleach frames"),
        (once, DiffusionModel(once), left, DATA, "disk, 1 bleach frame"),
    )  # fmt: skip
    for protocol, model, alpha, color, label in cases:
        ratios = _ratios("gaussian_beam", protocol, Ds, model, alpha)
        below.plot(Ds, ratios, color=color, lw=2.5, label=label)
        _tell(label, ratios, Ds)
    _ratio_axis(below, (0.5, 0.7, 1.0, 1.5, 2.0), "fitted D / true D")
    below.set(xlabel="true D (µm²/s)")
    below.legend(loc="lower left")
    return figure


@picture
def exponential():
    """Draw exponentials fitted to diffusion."""
    figure, (ax, residual_ax) = plt.subplots(
        2, 1, figsize=(WIDTH, 4.8), sharex=True, height_ratios=(2.2, 1), layout="constrained"
    )
    exact = curves(D=10.0)[0]
    draw_curve(ax, exact, color=DATA, lw=3, label="diffusion, D = 10 µm²/s")
    two = ("half_time", "half_time_ratio", "second_fraction", "c0", "alpha")
    cases = (
        ("one exponential", None, PLAIN),
        ("two exponentials", two, MODEL),
    )
    for label, parameters, color in cases:
        estimates, fitted, _ = fit(exact, model="exponential", parameters=parameters)
        times = [estimates.values.get(name) for name in ("half_time", "second_half_time")]
        label += ": " + " and ".join(f"{time[0]:.3g}" for time in times if time is not None) + " s"
        draw_curve(ax, fitted[0], color=color, lw=1.8, ls="--", label=label)
        draw_curve(residual_ax, exact - fitted[0], color=color, lw=2)
        off = np.abs(exact - fitted[0]).max()
        print(f"  {label}: off by {off:.4f} at most; {estimates.summary()[0]}")
    residual_ax.axhline(0, color=DATA, lw=1.5)
    residual_ax.set_ylabel("residual")
    ax.set_ylabel(INTENSITY)
    ax.legend(loc="lower right")
    time_axis(ax, label=False)
    time_axis(residual_ax)
    r_squared = PROTOCOL.equivalent_radius**2
    for D in (3.0, 10.0, 30.0, 100.0):
        for n in (50, 100, 200):
            protocol = PROTOCOL.replace(n_postbleach=n)
            estimates, _, _ = fit(
                curves(D=D, protocol=protocol), protocol, model="exponential",
                parameters=("half_time", "c0", "alpha", "mobile_fraction"),
            )  # fmt: skip
            half_time = estimates.half_time_s[0]
            print(
                f"  D = {D:g}, {n} frames: half-time {half_time:.3g} s, "
                f"D from 0.224 r²/half-time {0.224 * r_squared / half_time / D:.2f} of the true, "
                f"mobile_fraction {estimates.mobile_fraction[0]:.3f}"
            )
    return figure


@picture
def reaction():
    """Draw release alone beside binding with diffusion, and the k_off it gives."""
    figure, ax, below = _closed_form_figure()
    k_on = k_off = 0.1
    closed = ReactionModel(PROTOCOL).curves(k_on=k_on, k_off=k_off, c0=C0, alpha=ALPHA)[0]
    for D, color in zip((10.0, 100.0, 1000.0), (LIGHT, MIDDLE, DATA), strict=True):
        exact = curves("binding", D=D, k_on=k_on, k_off=k_off)[0]
        draw_curve(ax, exact, color=color, lw=2.5, label=f"binding, D = {D:g} µm²/s")
        print(f"  D = {D:g}: off by {np.abs(exact - closed).max():.3f} at most, same parameters")
    draw_curve(ax, closed, color=PLAIN, lw=1.8, ls="--", label="reaction: D does not matter")
    time_axis(ax)
    ax.set(ylabel=INTENSITY, ylim=(0, None))
    ax.set_title("k_on = k_off = 0.1 1/s")
    ax.legend(loc="lower right")
    Ds = np.logspace(0.5, 3.5, 25)
    for rate, color in zip((0.03, 0.1, 1.0), (LIGHT, MIDDLE, DATA), strict=True):
        X = curves("binding", D=Ds, k_on=rate, k_off=rate)
        estimates, _, _ = fit(X, model="reaction", fixed={"alpha": ALPHA})
        ratios = estimates.k_off_per_s / rate
        below.plot(Ds, ratios, color=color, lw=2.5, label=f"k_on = k_off = {rate:g} 1/s")
        told = ", ".join(f"{ratios[_nearest(Ds, D)]:.2f} at {D:g}" for D in (10, 100, 1000))
        print(f"  rates {rate:g} 1/s, alpha known: fitted k_off over true k_off {told} µm²/s")
    _ratio_axis(below, (0.01, 0.03, 0.1, 0.3, 1.0), "fitted k_off / true k_off")
    below.set(xlabel="D (µm²/s)", ylim=(0.007, 2))
    below.legend(loc="lower right")
    return figure


@picture
def noise():
    """Draw noise that grows with the intensity, and what the fits make of it."""
    figure, ax = plt.subplots(figsize=(WIDTH, 3.4), layout="constrained")
    a, b = 2e-4, 4e-3
    random = np.random.default_rng(0)
    light = np.linspace(0.05, 0.95, 128) * np.ones((40, 128, 1))
    for scale, color, label in ((b, DATA, "proportional"), (0.0, PLAIN, "constant")):
        constant = a if scale else 2.2e-3
        spread = np.sqrt(constant + scale * light)
        calibration = calibrate_noise(light + spread * random.standard_normal(light.shape))
        x = np.array([0.0, 1.0])
        ax.plot(x, calibration.variance(x), color=color, lw=1.8, label=label)
        ax.errorbar(
            calibration.bin_intensity, calibration.bin_variance, calibration.bin_variance_std,
            fmt="o", ms=4, color=color, alpha=0.75,
        )  # fmt: skip
        print(f"  {label}: {calibration}")
    ax.ticklabel_format(axis="y", scilimits=(-3, -3), useMathText=True)
    ax.set(xlabel="intensity of a pixel", ylabel="variance of its noise")
    ax.set(xlim=(0, 1), ylim=(0, None))
    ax.legend(loc="upper left")
    n, truth = 1000, {"D": 10.0, "alpha": 0.45, "a": a, "b": b}
    X = noisy_curves(n, noise="proportional", **truth)
    for label, options in (
        ("constant", {}),
        ("proportional, a and b estimated", {"noise": "proportional"}),
        ("proportional, a and b known", {"noise": "proportional", "fixed": {"a": a, "b": b}}),
    ):
        estimates, _, _ = fit(X, **options)
        spread = estimates.D_um2_s.std() / 10
        inside = (estimates.D_um2_s_lower < 10) & (estimates.D_um2_s_upper > 10)
        print(
            f"  noise {label}: D scatters by {100 * spread:.2f} %, "
            f"{100 * inside.mean():.1f} % of 95 % intervals hold it"
        )
    return figure


@picture
def huber():
    """Draw outlier frames, and fits by squared and by Huber loss."""
    figure, (ax, residual_ax) = plt.subplots(
        2, 1, figsize=(WIDTH, 4.8), sharex=True, height_ratios=(2.2, 1), layout="constrained"
    )
    n = 1000
    clean = noisy_curves(n, D=10.0)
    random = np.random.default_rng(1)
    X = clean.copy()
    frames = random.permuted(np.tile(np.arange(10, 60), (n, 1)), axis=1)[:, :3]
    np.put_along_axis(X, frames, np.take_along_axis(X, frames, 1) - 0.06, axis=1)
    results = {}
    for loss in ("squared", "huber"):
        for label, data in (("clean", clean), ("3 frames off", X)):
            estimates, fitted, _ = fit(data, loss=loss)
            results[loss, label] = estimates, fitted
            D = estimates.D_um2_s
            inside = (estimates.D_um2_s_lower < 10) & (estimates.D_um2_s_upper > 10)
            print(
                f"  loss {loss}, {label}: D {D.mean():.2f} ± {D.std():.2f}, "
                f"{100 * inside.mean():.0f} % of 95 % intervals hold it"
            )
    ax.plot(PROTOCOL.times, X[0], "o", ms=3, color=DATA, alpha=0.75, label="measured (simulated)")
    for loss, color, style in (("squared", PLAIN, "-"), ("huber", MODEL, (0, (2, 1.2)))):
        estimates, fitted = results[loss, "3 frames off"]
        text = f'loss="{loss}": D = {estimates.D_um2_s[0]:.3g} µm²/s'
        draw_curve(ax, fitted[0], color=color, lw=2, ls=style, label=text)
    residual = X[0] - results["squared", "3 frames off"][1][0]
    residual_ax.plot(PROTOCOL.times, residual, "o", ms=2.5, color=DATA, alpha=0.75)
    residual_ax.axhline(0, color=PLAIN, lw=1.5)
    difference = results["huber", "3 frames off"][1][0] - results["squared", "3 frames off"][1][0]
    draw_curve(residual_ax, difference, color=MODEL, lw=2)
    residual_ax.set_ylabel("residual")
    ax.set_ylabel(INTENSITY)
    ax.legend(loc="lower right")
    time_axis(ax, label=False)
    time_axis(residual_ax)
    return figure


@picture
def limits():
    """Draw what a curve determines of binding, and of D where the blur is unknown."""
    figure, (ax, below) = plt.subplots(2, 1, figsize=(WIDTH, 6.0), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.1)
    model, D = BindingModel(PROTOCOL), 30.0
    rates = np.logspace(-2, 1.5, 29)
    names = ("D", "k_on", "k_off", "c0", "alpha")
    # D_effective is D k_off / (k_on + k_off), the rates being equal: slopes of its logarithm.
    effective = np.array([1.0, -0.5, 0.5, 0, 0])
    errors = []
    for rate in rates:
        covariance = covariance_of(model, names, D=D, k_on=rate, k_off=rate)
        of_effective = effective @ covariance @ effective
        errors.append(np.sqrt(np.append(np.diag(covariance)[:3], of_effective)))
    errors = 10 ** (1.96 * np.array(errors))
    styles = (("D", LIGHT, "-"), ("k_on", MIDDLE, "-"), ("k_off", DATA, "--"))
    for column, (name, color, style) in zip(errors.T, styles, strict=False):
        ax.plot(rates, column, color=color, ls=style, lw=2.5, label=name)
    ax.plot(rates, errors[:, 3], color=PLAIN, lw=2.5, label="D_effective")
    for rate in (0.03, 0.1, 1.0, 10.0):
        k = _nearest(rates, rate)
        told = ", ".join(
            f"{name} {value:.3g}"
            for name, value in zip(("D", "k_on", "k_off", "D_effective"), errors[k], strict=True)
        )
        print(f"  exchange at {rates[k]:.3g} 1/s, 95 % intervals reach to a factor of: {told}")
    ax.set(xscale="log", yscale="log", ylim=(1, 100), xlabel="k_on = k_off (1/s)")
    ax.set_title("binding, D = 30 µm²/s, all estimated")
    ax.set_ylabel("95 % interval reaches\nto a factor of")
    plain_numbers(ax.xaxis)
    plain_numbers(ax.yaxis, [1, 2, 5, 10, 100])
    ax.legend(loc="upper left")
    model = DiffusionModel(PROTOCOL)
    Ds = np.logspace(-0.5, 2, 26)
    for name, color, label in (
        (None, PLAIN, "blur known"),
        ("bleach_blur", LIGHT, "bleach_blur estimated"),
        ("imaging_blur", DATA, "imaging_blur estimated"),
    ):
        some = PLAINLY if name is None else (*PLAINLY, name)
        point = {"bleach_blur": 1.0} if name is None else {name: 1.0}
        errors = [covariance_of(model, some, D=D, **point)[0, 0] for D in Ds]
        errors = 100 * (10 ** (1.96 * np.sqrt(errors)) - 1)
        below.plot(Ds, errors, color=color, lw=2.5, label=label)
        told = ", ".join(f"{errors[_nearest(Ds, D)]:.2g} % at {D:g}" for D in (1, 10, 30, 100))
        print(f"  {label}: 95 % interval of D reaches {told} µm²/s")
    below.set(xscale="log", yscale="log", xlabel="D (µm²/s)", ylim=(0.3, 100))
    below.set_title("diffusion, blur 1 µm")
    below.set_ylabel("95 % interval of D (± %)")
    plain_numbers(below.xaxis)
    plain_numbers(below.yaxis, [0.3, 1, 3, 10, 30, 100])
    below.legend(loc="upper left")
    figure.align_ylabels()
    return figure


@picture_of("uncertainty")
def replicates():
    """Draw replicates of two samples that differ by more than their errors, and their means."""
    curves, groups = [], []
    for seed, (group, D) in enumerate((("control", 25.0), ("drug", 15.0))):
        prior = {"D": lognorm(0.2, scale=D), "c0": C0, "alpha": ALPHA, "a": 50 * NOISE}
        curves.append(FRAPSimulator(PROTOCOL, prior, random_state=seed).sample(8).data)
        groups += [group] * 8
    estimates, _, _ = fit(np.concatenate(curves))
    summary = summarise_replicates(estimates, groups=groups)
    print("\n".join(f"  {line}" for line in summary.summary()))
    _, ax = plt.subplots(figsize=(4.6, 3.8), layout="constrained")
    return ReplicatesDisplay.from_summary(summary, ax=ax).figure_


@picture_of("uncertainty")
def planning():
    """Draw how well D will be known, by radius and frame interval."""
    guess = {"D": np.geomspace(1, 300, 25), "c0": C0, "alpha": ALPHA}
    vary = {"radius": [5.0, 15.0], "frame_interval": [0.1, 0.5, 2.0]}
    choice = plan(PROTOCOL, guess, vary, a=3 * NOISE)
    print("\n".join(f"  {line}" for line in choice.summary()))
    _, ax = plt.subplots(figsize=(WIDTH, 3.8), layout="constrained")
    return ExperimentPlanDisplay.from_plan(choice, ax=ax).figure_


# ------------------------------------------------------------------ getting started, experiment


@picture_of("python")
def recovery():
    """Draw the fit of docs/get_started/python.md."""
    protocol = FRAPProtocol(
        shape=(96, 96), pixel_size=0.8, bleach_region=Circle(10.0), n_prebleach=8, n_bleach=2,
        n_postbleach=60, frame_interval=0.3, padding=48,
    )  # fmt: skip
    prior = {"D": loguniform(10, 30), "c0": 0.7, "alpha": 0.6, "a": 2e-3}
    X = FRAPSimulator(protocol, prior, random_state=0).sample(1).data
    _, _, estimator = fit(X, protocol)
    _, axes = plt.subplots(
        2, 1, sharex=True, figsize=(WIDTH, 4.2), height_ratios=(3, 1), layout="constrained"
    )
    return RecoveryCurveDisplay.from_estimator(estimator, X, axes=axes).figure_


@picture_of("experiment")
def timeline():
    """Draw the frames of an experiment and their times, and its images before and after."""
    protocol = FRAPProtocol(n_prebleach=5, n_bleach=3, n_postbleach=14, frame_interval=0.5)
    truth = {"D": 30.0, "c0": C0, "alpha": ALPHA}
    frames = DiffusionModel(protocol).images(**truth)[0]
    curve = DiffusionModel(protocol).curves(**truth)[0]
    figure, images, ax = layout(3, height=5.4, residuals=False)
    n_before = protocol.n_prebleach
    for image_ax, k, name in zip(
        images,
        (n_before - 1, n_before, -1),
        ("last before bleaching", "first after", "last"),
        strict=True,
    ):
        show(image_ax, frames[k], name)
    times, bleach_times = protocol.times, protocol.bleach_times
    ax.axvspan(bleach_times[0] - 0.08, 0.08, color=REGION, alpha=0.35, lw=0)
    for time in bleach_times:
        ax.plot([time, time], [0.02, 0.1], color=PLAIN, lw=2.5, solid_capstyle="butt")
    before, after = times[:n_before], times[n_before:]
    ax.plot(before, curve[:n_before], "o", ms=5, color=DATA)
    ax.plot(after, curve[n_before:], "o", ms=5, color=DATA)
    arrow = {"arrowstyle": "<->", "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (after[2], 0.37), (after[1], 0.37), arrowprops=arrow)
    ax.text(after[2] + 0.15, 0.37, "frame_interval", va="center", fontsize=10)
    ax.annotate("c0", (before[0], C0), (before[0] - 0.45, C0), va="center", ha="right")
    left = ALPHA**protocol.n_bleach
    ax.axhline(C0 * left, xmax=0.98, color="0.6", lw=1, ls=":")
    ax.text(after[-1], C0 * left - 0.015, "c0 · alpha³", va="top", ha="right", color="0.35")
    for x, y, name in (
        (before.mean(), 0.88, "n_prebleach = 5"),
        (bleach_times.mean(), 0.98, "n_bleach = 3"),
        (after.mean(), 0.88, "n_postbleach = 14"),
    ):
        ax.text(x, y, name, ha="center", fontsize=10)
    ax.set(ylim=(0, 1.06), ylabel=INTENSITY, xlabel="time (s): 0 is the last bleach frame")
    ax.set_xlim(before[0] - 1.1, after[-1] + 0.4)
    return figure


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
    curve = RecoveryCurveExtractor(PROTOCOL).fit_transform(corrected)
    estimates, _, _ = fit(curve)
    found = ", ".join(
        f"{name} {estimates.values[name][0]:.4g} ({estimates.lower[name][0]:.4g} to "
        f"{estimates.upper[name][0]:.4g})"
        for name in PLAINLY
    )
    print(f"  {label}: {found}; {estimates.flags[0]}")
    return curve[0], corrected, estimates.D_um2_s[0]


@picture_of("preprocessing")
def corrections():
    """Draw a series as it was recorded and as it is corrected, and its curves."""
    ny, nx = PROTOCOL.shape
    y, x = np.ogrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j]
    light = 1.1 - 0.3 * ((x - 0.3) ** 2 + y**2)
    light /= light.mean()
    dark, truth = 3000, {"D": 10.0, "c0": 0.65, "alpha": ALPHA}
    frames = DiffusionModel(PROTOCOL).images(**truth)[0]
    rescale = IntensityRescaler(16, offset=dark)
    fading = FadingCorrector(PROTOCOL, distance=4.0)
    divide, subtract = (
        FlatFieldCorrector(protocol=PROTOCOL),
        BackgroundSubtractor(protocol=PROTOCOL),
    )
    stack = _recorded(frames, light, dark, fading=0.998)
    for label, steps in (
        ("all, light subtracted", (rescale, fading, subtract)),
        ("reference from 2 radii", (rescale, FadingCorrector(PROTOCOL), divide)),
        ("fading after the light", (rescale, subtract, fading)),
        ("all but the dark level", (IntensityRescaler(16), fading, divide)),
        ("all but fading", (rescale, divide)),
        ("all but the light", (rescale, fading)),
    ):
        _estimate_from(stack, steps, label)
    raw = _estimate_from(stack, (IntensityRescaler(16),), "as recorded")
    corrected = _estimate_from(stack, (rescale, fading, divide), "all, light divided")
    steady = _recorded(frames, light, dark, fading=1.0)
    for label, steps in (
        ("steady: nothing", (IntensityRescaler(16),)),
        ("steady: subtracted", (IntensityRescaler(16), subtract)),
        ("steady: divided without dark level", (IntensityRescaler(16), divide)),
        ("steady: dark level and divided", (rescale, divide)),
    ):
        _estimate_from(steady, steps, label)
    figure, images, ax = layout(2, height=6.2, residuals=False)
    n_before = PROTOCOL.n_prebleach
    for image_ax, image, title in (
        (images[0], stack[n_before] / 65535, "as recorded"),
        (images[1], corrected[1][0][n_before], "corrected"),
    ):
        coarse = image.reshape(ny // 4, 4, nx // 4, 4).mean(axis=(1, 3))  # or files get large
        show(image_ax, coarse, title, half=97, vmax=0.85, bar=50)
    for curve, D_found, color, label in (
        (raw[0], raw[2], PLAIN, "as recorded"),
        (corrected[0], corrected[2], MODEL, "corrected"),
    ):
        ax.plot(
            PROTOCOL.times, curve, "o", ms=3, color=color, alpha=0.8,
            label=f"{label}: D = {D_found:.3g} µm²/s",
        )  # fmt: skip
    draw_curve(ax, curves(**truth)[0], color=DATA, lw=1.5, label="truth: D = 10 µm²/s")
    ax.set(ylabel=INTENSITY, ylim=(0, None))
    ax.legend(loc="lower right")
    time_axis(ax)
    return figure


def main(names):
    """Draw pictures by name, all without any."""
    unknown = {*names} - {*PICTURES}
    if unknown:
        unknown = ", ".join(sorted(unknown))
        sys.exit(f"there is no picture {unknown}; known: {', '.join(PICTURES)}")
    IMAGES.mkdir(exist_ok=True)
    for name in names or PICTURES:
        print(name, flush=True)
        with mpl.rc_context(STYLE):
            figure = PICTURES[name]()
            path = IMAGES / f"{name}.png"
            figure.savefig(path, dpi=DPI, pil_kwargs={"optimize": True})
            plt.close(figure)
        print(f"  {path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    mpl.use("Agg")
    main(sys.argv[1:])
