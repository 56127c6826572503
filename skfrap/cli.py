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
from skfrap.protocol import FRAPProtocol
from skfrap.regions import parse_region
from skfrap.simulator import FRAPSimulator

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


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
@_truth_options
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
    out, shape, pixel_size, frame_interval, bleach_region, n_prebleach, n_bleach, n_postbleach,
    bit_depth, vignetting, **truth,
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
        _simulate(out, protocol, truth, bit_depth=int(bit_depth), vignetting=vignetting)
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
    "--mobile-fraction",
    help="Fraction of particles that diffuse, or free to estimate it.  [default: 1]",
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
    """Estimate D from image series.

    FILES are TIFF, OME-TIFF or ImageJ files, folders of single images (one series) or of series, or
    glob patterns. Pixel size and times are taken from the file where it has them; series written by
    skfrap bring all the rest as well.
    """
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
    except (ValueError, OSError) as error:
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
    if estimates.mobile_fraction is not None:
        mobile, lower, upper = (
            getattr(estimates, f"mobile_fraction{end}")[0] for end in ("", "_lower", "_upper")
        )
        tqdm.write(f"  mobile fraction = {mobile:.4g} ({lower:.4g} to {upper:.4g})")
    tqdm.write(
        f"  c0 = {estimates.c0[0]:.4g}, alpha = {estimates.alpha[0]:.4g}; "
        f"{protocol.n_prebleach} + {protocol.n_postbleach} frames, "
        f"pixel {protocol.pixel_size:.6g} µm, region {protocol.bleach_region}"
    )
    for what, source in analysis.sources.items():
        tqdm.write(f"  {what}: {source}")


def _simulate(path, protocol, truth, *, bit_depth, vignetting):
    """Write a simulated series; its protocol and truth go into the file."""
    if truth["c0"] > 1:
        raise ValueError(f"c0 is {truth['c0']:g}; above 1 the simulated detector is saturated.")
    ny, nx = protocol.shape
    y, x = np.ogrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j]
    background = vignetting * (0.5 - 0.5 * (x**2 + y**2))
    simulator = FRAPSimulator(
        protocol,
        prior={
            "D": truth["D"],
            "c0": truth["c0"],
            "alpha": truth["alpha"],
            "mobile_fraction": truth["mobile_fraction"],
            "a": truth["noise_a"] or 1e-300,
            "b": truth["noise_b"],
        },
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
        info={"protocol": protocol.to_dict(), "truth": truth, "skfrap": __version__},
    )


def _save_picture(analysis, folder, taken=()):
    import matplotlib

    matplotlib.use("Agg")
    from skfrap.plotting import plot_analysis

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{analysis.name}.png"
    again = 1
    while str(path) in taken:  # series of one name in several folders
        again += 1
        path = folder / f"{analysis.name}-{again}.png"
    figure = plot_analysis(analysis)
    figure.savefig(path, dpi=120)
    matplotlib.pyplot.close(figure)
    return path


def _save_table(records, path):
    import pandas

    path.parent.mkdir(parents=True, exist_ok=True)
    pandas.DataFrame(records).to_csv(path, index=False)
