"""Simulated image series: the demonstration, and series to order."""

from pathlib import Path

import click

from skfrap.cli._experiment import complete, make_protocol, take_protocol
from skfrap.cli._options import (
    FILE,
    FOLDER,
    choice_option,
    model_options,
    number_option,
    options_together,
    protocol_options,
    sample_options,
    simulated_model_option,
)
from skfrap.cli._output import clear_errors, save_picture, save_table, say
from skfrap.cli._overwrite import check_picture, check_simulated, check_table

_truth_options = options_together(
    click.option("--D", "D", type=float, default=25.0, show_default=True, help="µm²/s."),
    sample_options,
    click.option(
        "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the noise."
    ),
)


@click.command()
@click.option(
    "--out",
    type=FOLDER,
    default=Path("skfrap-demo"),
    show_default=True,
    help="Folder for the image series, the picture and the table.",
)
@_truth_options
def demo(out, **truth):
    """Simulate a noisy 16-bit series, analyse the file, and compare with the truth."""
    with clear_errors():
        _check_level(truth)

    from skfrap.analysis import analyse_series
    from skfrap.analysis._simulated import write_simulated
    from skfrap.experiment import FRAPProtocol

    path, picture, table = (out / f"demo{suffix}" for suffix in (".tif", ".png", ".csv"))
    check_simulated(path)
    check_picture(picture, option="--out")
    check_table(table)
    protocol = FRAPProtocol()
    with clear_errors():
        write_simulated(path, protocol, truth, bit_depth=16, vignetting=0.1)
    say(f"simulated  {path}: {protocol.n_frames} frames of 256 x 256 pixels, 16 bit")
    analysis = analyse_series(path)
    _tell_beside_truth(analysis.estimates, truth)
    with clear_errors():
        save_picture(lambda plotting: plotting.plot_analysis(analysis), picture)
        save_table([analysis.to_record()], table)
    say(f"\nwrote      {picture}\n           {table}")
    say(f"next       skfrap estimate {path}")


@click.command()
@click.argument("out", type=FILE)
@simulated_model_option
@_truth_options
@model_options
@protocol_options
@click.option(
    "--compartment",
    metavar="REGION",
    help="Outside of it there are no particles; a region as of --bleach-region.",
)
@choice_option("--bit-depth", ["8", "12", "16"], "16")
@number_option(
    "--vignetting", 0.0, "Uneven background: intensity lost from the middle to the corners."
)
def simulate(out, model, bit_depth, vignetting, **truth):
    """Simulate an image series and write it to OUT, with protocol and truth stored in it."""
    with clear_errors():
        protocol = take_protocol(truth)
        truth = complete(truth, model)
        _check_level(truth)
        protocol = make_protocol(protocol)
    check_simulated(out)

    from skfrap.analysis._simulated import write_simulated

    with clear_errors():
        write_simulated(
            out, protocol, truth, model=model, bit_depth=int(bit_depth), vignetting=vignetting
        )
    ny, nx = protocol.shape
    say(f"wrote {out}: {protocol.n_frames} frames of {ny} x {nx} pixels")


def _check_level(truth):
    if truth["c0"] > 1:
        raise ValueError(f"c0 is {truth['c0']:g}; above 1 the simulated detector is saturated.")


def _tell_beside_truth(estimates, truth):
    say(f"\n{'':12}{'truth':>10}{'estimate':>12}   95 % interval")
    for label, name, column in (
        ("D (µm²/s)", "D", "D_um2_s"),
        ("c0", "c0", "c0"),
        ("alpha", "alpha", "alpha"),
    ):
        value, lower, upper = (
            getattr(estimates, column + end)[0] for end in ("", "_lower", "_upper")
        )
        say(f"{label:12}{truth[name]:10.4g}{value:12.4g}   {lower:.4g} to {upper:.4g}")
    say(f"{'noise a':12}{truth['noise_a']:10.3g}{estimates.noise_a[0]:12.3g}")
    if estimates.flags[0]:
        say(f"note: {estimates.flags[0]}")
