"""Options and arguments that several commands take."""

from pathlib import Path

import click

from skfrap.cli._names import SIMULATED
from skfrap.cli._types import Assignment, ModelName, NumberOrAuto, as_dict

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


def options_together(*options):
    """Make one decorator of several options, in the order of the help text."""

    def decorate(command):
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def number_option(name, default=None, text=None):
    """Make an option that takes a number; a default is shown in the help text."""
    return click.option(name, type=float, default=default, show_default=True, help=text)


def choice_option(name, choices, default, text=None):
    """Make an option that takes one of several words."""
    return click.option(
        name, type=click.Choice(choices), default=default, show_default=True, help=text
    )


def model_option(text):
    """Make the option of the model that is fitted."""
    return click.option(
        "--model", type=ModelName(), default="diffusion", show_default=True, help=text
    )


def free_option(text):
    """Make the option of what is estimated besides."""
    return click.option("--free", multiple=True, metavar="NAME", help=text)


def fixed_option(text):
    """Make the option of what is known and not estimated."""
    return click.option("--fixed", type=Assignment(), multiple=True, callback=as_dict, help=text)


def noise_option(text):
    """Make the option of how the noise is estimated."""
    return choice_option("--noise", ["constant", "proportional"], "constant", text)


def table_option(text):
    """Make the option of a table to write."""
    return click.option("--out", type=FILE, help=text)


def picture_option(text):
    """Make the option of a picture to write."""
    return click.option("--plot", type=FILE, help=text)


files_argument = click.argument("files", nargs=-1, required=True)
bit_depth_option = click.option("--bit-depth", type=int, help="Of the detector.")
level_option = click.option(
    "--level",
    type=click.FloatRange(0, 1, True, True),
    default=0.95,
    show_default=True,
    help="Of the intervals.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
resume_option = click.option(
    "--resume",
    is_flag=True,
    help="Go on with a run that was interrupted: what it has found for the same files, with the "
    "same options, is taken over from the journal beside --out.",
)
pictures_option = click.option(
    "--plots", type=FOLDER, help="Write a picture per series into this folder."
)
jobs_options = options_together(
    click.option(
        "--jobs",
        type=click.IntRange(1),
        help="Series to analyse at the same time, each in a process of its own. What is printed "
        "and written is the same, in the same order.  [default: 1]",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS|local",
        help="Analyse on the workers of a scheduler of Dask, which must find FILES under the same "
        "names; local: start one here, with --jobs workers.",
    ),
)
simulated_model_option = choice_option(
    "--model",
    SIMULATED,
    "diffusion",
    "What the particles do.",
)
sample_options = options_together(
    number_option("--c0", 0.7, "Prebleach intensity."),
    number_option("--alpha", 0.6, "What one bleach frame leaves in the bleach region."),
    number_option("--mobile-fraction", 1.0),
    number_option("--noise-a", 3e-3, "Constant part of a pixel's noise variance."),
    number_option("--noise-b", 0.0, "Noise variance per intensity."),
)
model_options = options_together(
    number_option("--k-on", text="Rate of binding, 1/s.  [--model binding]"),
    number_option("--k-off", text="Rate of release, 1/s.  [--model binding]"),
    click.option(
        "--second-D",
        "second_D",
        type=float,
        help="Diffusion coefficient of a second kind of particles, µm²/s.  "
        "[--model two_populations]",
    ),
    number_option(
        "--second-fraction", text="Share of the second kind, 0 to 1.  [--model two_populations]"
    ),
    number_option(
        "--exchange-rate", text="Rate at which a pool replaces particles, 1/s.  [--model turnover]"
    ),
    number_option(
        "--exponent",
        text="Power of time by which displacements grow; --D is that after 1 s.  "
        "[--model anomalous, subdiffusion]",
    ),
    number_option("--velocity-x", text="Of a flow to the right, µm/s.  [--model flow]"),
    number_option("--velocity-y", text="Of a flow down, µm/s.  [--model flow]"),
    number_option(
        "--imaging-bleach",
        text="What imaging one frame leaves in the whole field.  [default: 1]",
    ),
    number_option("--bleach-blur", text="Spread of the bleaching beam, µm.  [default: 0]"),
    number_option("--imaging-blur", text="Spread of the detection, µm.  [default: 0]"),
)
protocol_options = options_together(
    click.option(
        "--shape",
        type=(int, int),
        default=(256, 256),
        show_default=True,
        help="Rows and columns of pixels.",
    ),
    number_option("--pixel-size", 0.7598, "µm."),
    number_option("--frame-interval", 0.265, "s."),
    click.option(
        "--bleach-region",
        default="circle:15",
        show_default=True,
        help="circle:R[@X,Y], ellipse:AxB[@X,Y], rectangle:WxH[@X,Y] or polygon:X,Y;X,Y;..., µm.",
    ),
    click.option("--n-prebleach", type=int, default=10, show_default=True),
    click.option("--n-bleach", type=int, default=4, show_default=True),
    click.option("--n-postbleach", type=int, default=100, show_default=True),
)
compartment_option = click.option(
    "--compartment",
    metavar="auto|none|REGION|FILE",
    help="Where particles may be. auto: the cell with the bleach region, found in the frames "
    "before bleaching. none: anywhere. A REGION as of --bleach-region, or the FILE of an image of "
    "it, white on black or with a label for each cell.  [default: as the file says, else none]",
)
rows_option = click.option(
    "--rows",
    multiple=True,
    metavar="compartment|NAME:REGION",
    help="Fit this as well, in a compartment: its mean, or a region with a name, as "
    "reference:circle:2@8,9. Repeatable.",
)
save_rois_option = click.option(
    "--save-rois",
    type=FILE,
    help="Write the regions that were used, for ImageJ's ROI Manager: a .zip.",
)
table_options = options_together(
    click.option(
        "--columns",
        multiple=True,
        metavar="ROLE=NAME,...",
        help="Of a table: which column is what, of time, bleach, reference and background, as "
        "bleach=ROI1,reference=ROI2,background=none; a name, or a number from 1.  [default: by "
        "names, and by what the numbers do at bleaching]",
    ),
    click.option("--sheet", help="Of a workbook.  [default: the only one with a table]"),
    choice_option(
        "--normalisation",
        ["auto", "none", "single", "double", "full_scale"],
        "auto",
        "Of a table. single: over the light before bleaching. double: and over the reference. "
        "full_scale: stretched to 0 after bleaching, for comparison only. auto: double where there "
        "is a reference.",
    ),
)
channel_option = click.option(
    "--channel", type=click.IntRange(0), help="Of files with several, from 0."
)
allow_large_option = click.option(
    "--allow-large",
    is_flag=True,
    help="Read files whose images take over 4 GiB of memory, or far more than the file.",
)
recording_options = options_together(
    channel_option,
    allow_large_option,
    click.option(
        "--series",
        metavar="NUMBER|NAME|all",
        help="Of files with several, from 0 or by name; all: one by one; of --join several, "
        "with commas between.",
    ),
    click.option(
        "--join",
        is_flag=True,
        help="Join parts of one experiment by their time stamps: the series of a file, or, with "
        "--as-one-series, FILES.",
    ),
    click.option(
        "--times",
        type=FILE,
        help="Take the time of each frame from this file: in s, or dates, one a line; or a table "
        "with a column named time.",
    ),
    number_option("--pixel-size", text="µm."),
    number_option("--frame-interval", text="s."),
    click.option(
        "--bleach-region",
        metavar="REGION",
        help="circle:R[@X,Y], ellipse:AxB[@X,Y], rectangle:WxH[@X,Y], polygon:X,Y;X,Y;..., in µm "
        "from the corner of the image or in pixels as 12px; ImageJ's regions, as rois.zip:NAME; or "
        "the file of an image of the region. auto: the circle seen in the first frame after "
        "bleaching; each (skfrap estimate): all circles seen, a row for each.",
    ),
    click.option("--recenter", is_flag=True, help="Move the region to where bleaching is seen."),
    click.option("--n-prebleach", type=click.IntRange(1), help="Frames before bleaching."),
    click.option(
        "--n-bleach", type=click.IntRange(1), help="Bleach frames, not in the file.  [default: 1]"
    ),
    number_option("--bleach-duration", text="Time that bleaching takes, s."),
    number_option(
        "--first-postbleach",
        text="Time from the end of bleaching to the frame after those before it, s; 0 and less for "
        "frames that were recorded while bleaching, with --skip.  [default: an interval, or what "
        "the clock leaves]",
    ),
    click.option(
        "--skip",
        type=click.IntRange(0),
        default=0,
        help="Leave out so many frames after those before bleaching; the clock goes on.",
    ),
    number_option("--until", text="Leave out frames later than this, s after bleaching."),
    click.option(
        "--background",
        default="auto",
        show_default=True,
        metavar="auto|subtract|divide|none|REGION",
        help="Use of the smoothed prebleach image. auto: as the frames ask for, which is said. Or "
        "a REGION without sample, as of --bleach-region: its mean is the dark level.",
    ),
    click.option(
        "--reference",
        metavar="REGION",
        help="Where nothing was bleached, as of --bleach-region. With --compartment it is fitted "
        "as a row, without each frame is divided by its light.",
    ),
    number_option("--sigma", 5.0, "Smoothing of the prebleach image, pixels."),
    choice_option(
        "--fading",
        ["none", "frame", "exponential"],
        "none",
        "Undo fading of the field: per frame, or by a fitted decay.",
    ),
    choice_option(
        "--drift",
        ["auto", "none", "translation", "rigid"],
        "auto",
        "Align frames of a sample that moves, by shifts, or by shifts and turns. auto: by shifts "
        "where it clearly does, which is said.",
    ),
    click.option(
        "--dark-level",
        type=NumberOrAuto(),
        default=0.0,
        show_default=True,
        help="Counts without light; auto: as frames with the shutter closed, or what is dark "
        "beside the sample, have it.",
    ),
    bit_depth_option,
    click.option(
        "--padding", type=click.IntRange(0), help="Pixels by which the model extends the field."
    ),
)
fit_options = options_together(
    fixed_option(
        "Do not estimate this, it is known: mobile_fraction=0.8 from slower series, a and b from "
        "skfrap noise. Repeatable."
    ),
    noise_option(
        "proportional: bright pixels are noisier, variance a + b * intensity, as where photons "
        "are few; best with a and b --fixed."
    ),
)
