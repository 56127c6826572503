"""Calibration of a detector's noise."""

import click

from skfrap.cli._batch import expand
from skfrap.cli._options import (
    allow_large_option,
    bit_depth_option,
    channel_option,
    files_argument,
    json_option,
    number_option,
    picture_option,
)
from skfrap.cli._output import clear_errors, print_json, save_picture, say
from skfrap.cli._overwrite import check_picture
from skfrap.cli._sources import each_series

_TOLD = (
    "a",
    "a_std",
    "b",
    "b_std",
    "determined",
    "flags",
    "findings",
    "n_pixels",
    "n_left_out",
    "n_saturated",
    "n_clipped",
    "lowest_intensity",
    "highest_intensity",
    "bit_depth",
    "dark_level",
)


@click.command()
@files_argument
@channel_option
@allow_large_option
@click.option(
    "--series",
    metavar="NUMBER|NAME|all",
    help="Of files with several, from 0 or by name; all: each of them.",
)
@number_option("--dark-level", 0.0, "The detector's level without light, counts.")
@bit_depth_option
@picture_option("Write a picture of variance against intensity.")
@json_option
def noise(files, channel, allow_large, series, dark_level, bit_depth, plot, as_json):
    """Measure the detector's noise, from series without bleaching.

    FILES, as for estimate, show an even fluorescent solution without bleaching, at the gain of the
    experiments: one series with uneven light may do, several at different laser powers or
    concentrations are better. A pixel's variance is a + b * intensity. Where both are known, the
    last line holds the options for skfrap estimate.
    """
    from skfrap.calibration import calibrate_noise
    from skfrap.results._tables import plain

    sources = expand(files)
    check_picture(plot, [*sources, *files])
    if series == "all":
        sources, series = each_series(sources), None
    with clear_errors():
        if allow_large or channel is not None or series is not None:
            from skfrap.io import read_series

            read = {"channel": channel, "allow_large": allow_large, "series": series}
            sources = [read_series(source, **read) for source in sources]
        calibration = calibrate_noise(sources, dark_level=dark_level, bit_depth=bit_depth)
    pasted = _options_to_paste(calibration)
    if as_json:
        record = {name: plain(getattr(calibration, name)) for name in _TOLD}
        print_json({"n_series": len(sources), **record, "options": pasted})
    else:
        _tell(calibration, len(sources))
        if pasted:
            say(pasted)
    if plot is not None:
        with clear_errors():
            save_picture(
                lambda p: p.NoiseCalibrationDisplay.from_calibration(calibration).figure_, plot
            )


def _options_to_paste(calibration):
    """Return what `estimate` is to be given, with the unit; None where a and b are not known."""
    if not calibration.determined:
        return None
    options = "--noise proportional"
    options += "".join(f" --fixed {k}={v:.4g}" for k, v in calibration.to_fixed().items())
    # A dimmer series in 16-bit pixels would be taken for one of a 12-bit detector.
    bit_depth, dark_level = calibration.bit_depth, calibration.dark_level
    options += f" --bit-depth {bit_depth}" if bit_depth else ""
    return options + (f" --dark-level {dark_level:g}" if dark_level else "")


def _tell(calibration, n_series):
    bit_depth = calibration.bit_depth
    unit = f"full scale, {2**bit_depth - 1} counts" if bit_depth else "as in the file"
    say(
        f"{n_series} series, {calibration.n_pixels} pixels, intensities "
        f"{calibration.lowest_intensity:.4g} to {calibration.highest_intensity:.4g} (1 is {unit})"
    )
    for name, meaning in (("a", "constant part of the variance"), ("b", "variance per intensity")):
        value, error = getattr(calibration, name), getattr(calibration, f"{name}_std")
        say(f"  {name} = {value:.4g} ± {error:.2g}, {meaning}")
    for flag in calibration.flags:
        say(f"note: {flag}")
