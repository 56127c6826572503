"""The command line: a thin skin over `skfrap.analysis` and the simulator."""

import json
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from skfrap import __version__
from skfrap.analysis import ExperimentOptions, analyse_series
from skfrap.io import find_series, write_series
from skfrap.models import MODELS
from skfrap.noise import calibrate_noise
from skfrap.protocol import FRAPProtocol
from skfrap.regions import parse_region
from skfrap.simulator import FRAPSimulator

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_NOT_OF_THE_MODEL = ("noise_a", "noise_b", "seed")


@click.group(context_settings=_CONTEXT)
@click.version_option(__version__, package_name="skfrap")
def cli():
    """Estimate diffusion from FRAP microscopy (fluorescence recovery after photobleaching)."""


def _options(*options):
    def decorate(command):
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_NUMBER = click.FLOAT
_truth_options = _options(
    click.option("--D", "D", type=_NUMBER, default=25.0, show_default=True, help="µm²/s."),
    click.option("--c0", type=_NUMBER, default=0.7, show_default=True, help="Prebleach intensity."),
    click.option(
        "--alpha", type=_NUMBER, default=0.6, show_default=True,
        help="What one bleach frame leaves in the bleach region.",
    ),
    click.option("--mobile-fraction", type=_NUMBER, default=1.0, show_default=True),
    click.option("--noise-a", type=_NUMBER, default=3e-3, show_default=True,
                 help="Constant part of a pixel's noise variance."),
    click.option("--noise-b", type=_NUMBER, default=0.0, show_default=True,
                 help="Noise variance per intensity."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
                 help="Of the noise."),
)  # fmt: skip


class _Assignment(click.ParamType):
    """Read NAME=VALUE, the value being a number."""

    name = "NAME=VALUE"

    def convert(self, value, param, ctx):
        """Return the name and the value."""
        name, equals, number = value.partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not NAME=VALUE; give e.g. mobile_fraction=0.8.", param, ctx)
        try:
            return name.strip(), float(number)
        except ValueError:
            self.fail(f"{value!r} has no number after the '='.", param, ctx)


def _as_dict(ctx, param, pairs):
    values = {}
    for name, value in pairs:
        if name in values:
            raise click.BadParameter(f"{name} is given more than once; give one value.")
        values[name] = value
    return values


@cli.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("skfrap-demo"),
    show_default=True, help="Folder for the image series, the picture and the table.",
)  # fmt: skip
@_truth_options
def demo(out, **truth):
    """Simulate a noisy 16-bit series, analyse the file, and compare with the truth."""
    path = out / "demo.tif"
    protocol = FRAPProtocol()
    with _clear_errors():
        _simulate(path, protocol, truth, bit_depth=16, vignetting=0.1)
    click.echo(f"simulated  {path}: {protocol.n_frames} frames of 256 x 256 pixels, 16 bit")
    analysis = analyse_series(path)
    estimates = analysis.estimates
    click.echo(f"\n{'':12}{'truth':>10}{'estimate':>12}   95 % interval")
    for label, name, column in (
        ("D (µm²/s)", "D", "D_um2_s"), ("c0", "c0", "c0"), ("alpha", "alpha", "alpha"),
    ):  # fmt: skip
        value, lower, upper = (
            getattr(estimates, column + end)[0] for end in ("", "_lower", "_upper")
        )
        click.echo(f"{label:12}{truth[name]:10.4g}{value:12.4g}   {lower:.4g} to {upper:.4g}")
    click.echo(f"{'noise a':12}{truth['noise_a']:10.3g}{estimates.noise_a[0]:12.3g}")
    if estimates.flags[0]:
        click.echo(f"note: {estimates.flags[0]}")
    picture = _save_picture(analysis, out)
    table = out / "demo.csv"
    _save_table([analysis.to_record()], table)
    click.echo(f"\nwrote      {picture}\n           {table}")
    click.echo(f"next       skfrap estimate {path}")


@cli.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--model",
    type=click.Choice([name for name, model in MODELS.items() if hasattr(model, "images")]),
    default="diffusion",
    show_default=True,
    help="Whether the particles bind as well.",
)
@_truth_options
@click.option("--k-on", type=_NUMBER, help="Rate of binding, 1/s.  [--model binding]")
@click.option("--k-off", type=_NUMBER, help="Rate of release, 1/s.  [--model binding]")
@click.option(
    "--imaging-bleach",
    type=_NUMBER,
    help="What imaging one frame leaves in the whole field.  [default: 1]",
)
@click.option("--bleach-blur", type=_NUMBER, help="Spread of the bleaching beam, µm.  [default: 0]")
@click.option("--imaging-blur", type=_NUMBER, help="Spread of the detection, µm.  [default: 0]")
@click.option(
    "--shape",
    type=(int, int),
    default=(256, 256),
    show_default=True,
    help="Rows and columns of pixels.",
)
@click.option("--pixel-size", type=_NUMBER, default=0.7598, show_default=True, help="µm.")
@click.option("--frame-interval", type=_NUMBER, default=0.265, show_default=True, help="s.")
@click.option(
    "--bleach-region",
    default="circle:15",
    show_default=True,
    help="circle:R[@X,Y], rectangle:WxH[@X,Y] or polygon:X,Y;X,Y;..., µm.",
)
@click.option("--n-prebleach", type=int, default=10, show_default=True)
@click.option("--n-bleach", type=int, default=4, show_default=True)
@click.option("--n-postbleach", type=int, default=100, show_default=True)
@click.option("--bit-depth", type=click.Choice(["8", "12", "16"]), default="16", show_default=True)
@click.option("--vignetting", type=_NUMBER, default=0.0, show_default=True,
              help="Uneven background: intensity lost from the middle to the corners.")  # fmt: skip
def simulate(
    out, model, shape, pixel_size, frame_interval, bleach_region, n_prebleach, n_bleach,
    n_postbleach, bit_depth, vignetting, **truth,
):  # fmt: skip
    """Simulate an image series and write it to OUT, with protocol and truth stored in it."""
    with _clear_errors():
        protocol = FRAPProtocol(
            shape=shape,
            pixel_size=pixel_size,
            bleach_region=parse_region(bleach_region, pixel_size),
            n_prebleach=n_prebleach,
            n_bleach=n_bleach,
            n_postbleach=n_postbleach,
            frame_interval=frame_interval,
        )
        truth = _complete(truth, model)
        _simulate(
            out, protocol, truth, model=model, bit_depth=int(bit_depth), vignetting=vignetting
        )
    click.echo(f"wrote {out}: {protocol.n_frames} frames of {shape[0]} x {shape[1]} pixels")


@cli.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--as-one-series",
    is_flag=True,
    help="Take all FILES as the frames of one series, in the order given.",
)
@click.option("--pixel-size", type=_NUMBER, help="µm.")
@click.option("--frame-interval", type=_NUMBER, help="s.")
@click.option(
    "--bleach-region",
    metavar="REGION",
    help="circle:R[@X,Y], rectangle:WxH[@X,Y], polygon:X,Y;X,Y;..., in µm from the corner "
    "of the image or in pixels as 12px; or the file of an image of the region.",
)
@click.option("--recenter", is_flag=True, help="Move the region to where bleaching is seen.")
@click.option("--n-prebleach", type=click.IntRange(1), help="Frames before bleaching.")
@click.option(
    "--n-bleach", type=click.IntRange(1), help="Bleach frames, not in the file.  [default: 1]"
)
@click.option("--bleach-duration", type=_NUMBER, help="Time that bleaching takes, s.")
@click.option(
    "--first-postbleach",
    type=_NUMBER,
    help="Time from the end of bleaching to the next frame, s.  [default: an interval]",
)
@click.option(
    "--skip", type=click.IntRange(0), default=0, help="Leave out so many frames after bleaching."
)
@click.option("--until", type=_NUMBER, help="Leave out frames later than this, s after bleaching.")
@click.option(
    "--background",
    type=click.Choice(["subtract", "divide", "none"]),
    default="subtract",
    show_default=True,
    help="Use of the smoothed prebleach image.",
)
@click.option(
    "--sigma",
    type=_NUMBER,
    default=5.0,
    show_default=True,
    help="Smoothing of the prebleach image, pixels.",
)
@click.option(
    "--fading",
    type=click.Choice(["none", "frame", "exponential"]),
    default="none",
    show_default=True,
    help="Undo fading of the field: per frame, or by a fitted decay.",
)
@click.option(
    "--model",
    type=click.Choice([*MODELS]),
    default="diffusion",
    show_default=True,
    help="diffusion: particles diffuse freely. binding: they also bind to what does not move; for "
    "molecules with partners in the cell. reaction: binding where diffusion is over at once. The "
    "others are textbook formulas, to compare with.",
)
@click.option(
    "--free",
    multiple=True,
    metavar="NAME",
    help="Estimate this as well: mobile_fraction if the intensity stays below what it was; "
    "imaging_bleach if imaging bleaches the field; bleach_blur if the region's edge is not sharp. "
    "A wrong NAME is answered with those there are. Repeatable.",
)
@click.option(
    "--fixed",
    type=_Assignment(),
    multiple=True,
    callback=_as_dict,
    help="Do not estimate this, it is known: mobile_fraction=0.8 from slower series, a and b from "
    "skfrap noise. Repeatable.",
)
@click.option(
    "--noise",
    type=click.Choice(["constant", "proportional"]),
    default="constant",
    show_default=True,
    help="proportional: bright pixels are noisier, variance a + b * intensity, as where photons "
    "are few; best with a and b --fixed.",
)
@click.option(
    "--loss",
    type=click.Choice(["squared", "huber"]),
    default="squared",
    show_default=True,
    help="huber: single spoilt frames, by a flicker or something that drifts by, hardly count.",
)
@click.option("--dark-level", type=_NUMBER, default=0.0, show_default=True, help="Counts.")
@click.option("--bit-depth", type=int, help="Of the detector.")
@click.option(
    "--padding", type=click.IntRange(0), help="Pixels by which the model extends the field."
)
@click.option(
    "--level",
    type=click.FloatRange(0, 1, True, True),
    default=0.95,
    show_default=True,
    help="Of the intervals.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write a CSV table.")
@click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a picture per series into this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")  # fmt: skip
def estimate(files, as_one_series, out, plots, as_json, **options):
    """Estimate D, or another model's parameters, from image series.

    FILES are TIFF, OME-TIFF or ImageJ files, folders of single images (one series) or of series, or
    glob patterns. Pixel size and times are taken from the file where it has them; series written by
    skfrap bring all the rest as well.
    """
    with _clear_errors():
        options = ExperimentOptions(**options)
    series = [list(files)] if as_one_series else _expand(files)
    if out is not None:
        with _clear_errors():
            _save_table([], out)  # a table that cannot be written should say so now
    records = []
    quiet = as_json or len(series) == 1 or not sys.stderr.isatty()
    try:
        for source in tqdm(series, desc="estimating", unit="series", disable=quiet):
            name = str(source if isinstance(source, str) else source[0])
            record, analysis = _analyse(source, name, options)
            records.append(record)
            if analysis is None:
                click.echo(f"{name}: {record['error']}", err=True)
                continue
            if plots is not None:
                taken = [earlier.get("picture") for earlier in records]
                try:
                    record["picture"] = str(_save_picture(analysis, plots, taken))
                except Exception as error:  # the estimate stands without its picture
                    record["error"] = f"no picture: {error}"
                    click.echo(f"{name}: {record['error']}", err=True)
            if not as_json:
                _tell(analysis, name)
    finally:
        # Whatever ends the run, what has been estimated is kept.
        if as_json:
            click.echo(json.dumps(records, indent=2, ensure_ascii=False))
        if out is not None:
            _save_table(records, out)
    failures = sum(bool(record["error"]) for record in records)
    if failures:
        click.echo(f"{failures} of {len(series)} series could not be analysed", err=True)
        sys.exit(1)


@cli.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--dark-level",
    type=_NUMBER,
    default=0.0,
    show_default=True,
    help="The detector's level without light, counts.",
)
@click.option("--bit-depth", type=int, help="Of the detector.")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a picture of variance against intensity.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def noise(files, dark_level, bit_depth, plot, as_json):
    """Measure the detector's noise, from series without bleaching.

    FILES, as for estimate, show an even fluorescent solution without bleaching, at the gain of the
    experiments: one series with uneven light may do, several at different laser powers or
    concentrations are better. A pixel's variance is a + b * intensity. Where both are known, the
    last line holds the options for skfrap estimate.
    """
    series = _expand(files)
    with _clear_errors():
        calibration = calibrate_noise(series, dark_level=dark_level, bit_depth=bit_depth)
    pasted = _noise_options(calibration)
    if as_json:
        record = {"n_series": len(series), **_noise_record(calibration), "options": pasted}
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
    else:
        _tell_noise(calibration, len(series))
        if pasted:
            click.echo(pasted)
    if plot is not None:
        with _clear_errors():
            display = _plotting().NoiseCalibrationDisplay.from_calibration(calibration)
            _save_figure(display.figure_, plot)


def _noise_options(calibration):
    """Return what `estimate` is to be given, with the unit; None where a and b are not known."""
    if not calibration.determined:
        return None
    options = "--noise proportional"
    options += "".join(f" --fixed {k}={v:.4g}" for k, v in calibration.to_fixed().items())
    # A dimmer series in 16-bit pixels would be taken for one of a 12-bit detector.
    bit_depth, dark_level = calibration.bit_depth, calibration.dark_level
    options += f" --bit-depth {bit_depth}" if bit_depth else ""
    return options + (f" --dark-level {dark_level:g}" if dark_level else "")


def _tell_noise(calibration, n_series):
    bit_depth = calibration.bit_depth
    unit = f"full scale, {2**bit_depth - 1} counts" if bit_depth else "as in the file"
    click.echo(
        f"{n_series} series, {calibration.n_pixels} pixels, intensities "
        f"{calibration.lowest_intensity:.4g} to {calibration.highest_intensity:.4g} (1 is {unit})"
    )
    for name, meaning in (("a", "constant part of the variance"), ("b", "variance per intensity")):
        value, error = getattr(calibration, name), getattr(calibration, f"{name}_std")
        click.echo(f"  {name} = {value:.4g} ± {error:.2g}, {meaning}")
    for flag in calibration.flags:
        click.echo(f"note: {flag}")


def _noise_record(calibration):
    """Return plain values by name; what is infinite is None."""
    names = ("a", "a_std", "b", "b_std", "determined", "flags", "n_pixels", "n_left_out")
    names += (
        "n_saturated",
        "n_clipped",
        "lowest_intensity",
        "highest_intensity",
        "bit_depth",
        "dark_level",
    )
    record = {name: getattr(calibration, name) for name in names}
    return {name: None if value == np.inf else value for name, value in record.items()}


def _analyse(source, name, options):
    """Return a record and the analysis, which is None if it failed, for whatever reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            analysis = analyse_series(source, options)
    except Exception as error:  # one bad file must not lose the others
        known = isinstance(error, ValueError | OSError | ImportError)
        message = str(error) if known else f"{type(error).__name__}: {error}"
        return {"file": name, "error": message}, None
    return {"file": name, **analysis.to_record(), "error": ""}, analysis


@contextmanager
def _clear_errors():
    """Turn what a user can mend into one clear line."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        raise click.ClickException(str(error)) from error


def _expand(files):
    series = []
    for file in files:
        try:
            series += find_series(file)
        except (OSError, ValueError):
            series.append(file)  # reading it will say what is wrong
    return series


def _tell(analysis, name):
    protocol, estimates = analysis.protocol, analysis.estimates
    tqdm.write(f"{name}\n  {estimates.summary()[0]}")
    tqdm.write(
        f"  model {analysis.model}, c0 = {estimates.c0[0]:.4g}, alpha = {estimates.alpha[0]:.4g}; "
        f"{protocol.n_prebleach} + {protocol.n_postbleach} frames, "
        f"pixel {protocol.pixel_size:.6g} µm, region {protocol.bleach_region}"
    )
    for what, source in analysis.sources.items():
        tqdm.write(f"  {what}: {source}")


def _complete(truth, model):
    """Complete what is simulated by the model's defaults; refuse what the model does not know."""
    defaults = MODELS[model].defaults()
    given = {name: value for name, value in truth.items() if value is not None}
    unknown = [name for name in given if name not in (*defaults, *_NOT_OF_THE_MODEL)]
    if unknown:
        raise ValueError(
            f"the model {model!r} has no {' and no '.join(unknown)}; leave out "
            f"{_as_options(unknown)}, or choose another --model."
        )
    needed = [name for name, default in defaults.items() if default is None and name not in given]
    if needed:
        raise ValueError(f"the model {model!r} needs {_as_options(needed)}; give what is missing.")
    return {name: value for name, value in defaults.items() if value is not None} | given


def _as_options(names):
    return " and ".join(f"--{name.replace('_', '-')}" for name in names)


def _simulate(path, protocol, truth, *, model="diffusion", bit_depth, vignetting):
    """Write a simulated series; its protocol and truth go into the file."""
    if truth["c0"] > 1:
        raise ValueError(f"c0 is {truth['c0']:g}; above 1 the simulated detector is saturated.")
    ny, nx = protocol.shape
    y, x = np.ogrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j]
    background = vignetting * (0.5 - 0.5 * (x**2 + y**2))
    prior = {name: value for name, value in truth.items() if name not in _NOT_OF_THE_MODEL}
    simulator = FRAPSimulator(
        protocol,
        prior=prior | {"a": truth["noise_a"] or 1e-300, "b": truth["noise_b"]},
        model=model,
        noise="proportional" if truth["noise_a"] or truth["noise_b"] else "none",
        random_state=truth["seed"],
        bit_depth=bit_depth,
        background=background - background.mean(),
    )
    images = simulator.sample_images(1).data[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_series(
        path,
        images,
        pixel_size_um=protocol.pixel_size,
        frame_interval_s=protocol.frame_interval,
        info={
            "protocol": protocol.to_dict(),
            "truth": {"model": model, **truth},
            "skfrap": __version__,
        },
    )


def _save_picture(analysis, folder, taken=()):
    path = folder / f"{analysis.name}.png"
    again = 1
    while str(path) in taken:  # series of one name in several folders
        again += 1
        path = folder / f"{analysis.name}-{again}.png"
    return _save_figure(_plotting().plot_analysis(analysis), path)


def _plotting():
    """Import what draws; into files only, wherever this runs."""
    import matplotlib

    matplotlib.use("Agg")
    from skfrap import plotting

    return plotting


def _save_figure(figure, path):
    from matplotlib import pyplot

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return path


def _save_table(records, path):
    import pandas

    path.parent.mkdir(parents=True, exist_ok=True)
    pandas.DataFrame(records).to_csv(path, index=False)
