"""What can be set on the page: names, units, hints, choices in one line; and as a command."""

import math
import re
import shlex
from dataclasses import asdict, dataclass, field
from typing import Any

from skfrap.app._errors import AppError

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?:px)?"
_POINT = rf"{_NUMBER},{_NUMBER}"
_REGION = re.compile(
    rf"(?:circle:{_NUMBER}(?:@{_POINT})?"
    rf"|ellipse:{_NUMBER}x{_NUMBER}(?:/{_NUMBER})?(?:@{_POINT})?"
    rf"|rectangle:{_NUMBER}x{_NUMBER}(?:@{_POINT})?"
    rf"|polygon:{_POINT}(?:;{_POINT}){{2,}})"
)
_NAME = re.compile(r"[A-Za-z_]\w{0,40}")
_LONGEST = 20_000  # characters of a region
_LARGEST = 1e15
_MOST = 20  # entries of a list


@dataclass(frozen=True)
class Field:
    """Describe one setting.

    Parameters
    ----------
    name : str
        Of the argument of :class:`skfrap.analysis.ExperimentOptions`.
    label : str
        For people.
    kind : {"number", "positive", "count", "choice", "region", "flag", "names", "values", "rows"}
        What it takes.
    group : str
        Where it stands.
    unit : str, default=""
        Of a number.
    hint : str, default=""
        What to give, in a line.
    source : str, default=""
        Its key in the sources of an analysis.
    choices : dict of str to str, default={}
        What each choice means, in a line.
    default : object, default=None
        What holds where nothing is said.
    """

    name: str
    label: str
    kind: str
    group: str
    unit: str = ""
    hint: str = ""
    source: str = ""
    choices: dict = field(default_factory=dict)
    default: Any = None


_MODELS = {
    "diffusion": "particles diffuse freely",
    "binding": "they also bind to what does not move (slow)",
    "two_populations": "fast ones and slow ones",
    "turnover": "a pool replaces them",
    "flow": "they are carried along",
    "anomalous": "displacements grow as a power of time",
    "subdiffusion": "as a power of time below 1/2",
    "reaction": "binding where diffusion is over at once",
    "soumpasis": "textbook formula of a uniform disk",
    "gaussian_beam": "textbook formula of a Gaussian beam",
    "exponential": "a half-time, and no D",
}

FIELDS = (
    Field(
        "pixel_size", "Pixel size", "positive", "Recording", "µm",
        "side of a pixel in the sample; the microscope's software shows it", "pixel size",
    ),
    Field(
        "frame_interval", "Time between frames", "positive", "Recording", "s",
        "from one frame to the next, exposure and waiting together", "frame times",
    ),
    Field(
        "n_prebleach", "Frames before bleaching", "count", "Bleaching", "",
        "press B at the last bright frame, or count them", "prebleach frames",
    ),
    Field(
        "bleach_region", "Bleach region", "region", "Bleaching", "",
        "draw it over the image, or read it from ImageJ", "bleach region",
    ),
    Field(
        "recenter", "Move it to where bleaching is seen", "flag", "Bleaching",
        default=False,
    ),
    Field(
        "n_bleach", "Bleach frames", "count", "Bleaching", "",
        "repeats of bleaching, which are not in the file", "bleach frames",
    ),
    Field(
        "bleach_duration", "Bleaching takes", "positive", "Bleaching", "s",
        "all repeats together; without it one frame interval each",
    ),
    Field(
        "first_postbleach", "End of bleaching to next frame", "number", "Bleaching", "s",
        "without it one interval, or what the clock leaves", "end of bleaching",
    ),
    Field(
        "skip", "Leave out after bleaching", "count", "Bleaching", "frames",
        "frames that were spoilt; the clock goes on", default=0,
    ),
    Field(
        "until", "Use frames until", "positive", "Bleaching", "s",
        "after bleaching; without it all",
    ),
    Field(
        "start", "Start", "choice", "Model", "", "what bleaching left", "start",
        {
            "auto": "the region, unless there is none or the images contradict it",
            "told": "the bleach region, darkened as it was told",
            "measured": "what the images show; the region plays no part",
        },
        "auto",
    ),
    Field(
        "data", "What is fitted", "choice", "Model", "", "where the region is told", "",
        {
            "both": "the curve, with the images beside it",
            "curve": "the mean of the region",
            "images": "all pixels about the region",
        },
        "both",
    ),
    Field("model", "Model", "choice", "Model", "", "what particles do", "", _MODELS, "diffusion"),
    Field(
        "free", "Estimate as well", "names", "Model", "",
        "what the model holds fixed where it is not asked for", "", {}, (),
    ),
    Field(
        "fixed", "Known values", "values", "Model", "",
        "not estimated, as mobile_fraction=0.8", "", {}, {},
    ),
    Field(
        "compartment", "Where particles may be", "region", "Cell", "",
        "the outline of the cell or droplet; none is an open field", "compartment",
        {
            "auto": "found in the frames before bleaching",
            "none": "an open field, whatever the file says",
        },
    ),
    Field(
        "rows", "Fitted besides", "rows", "Cell", "",
        "in a cell: its whole light, and regions with names", "rows", {}, (),
    ),
    Field(
        "background", "Uneven light", "choice", "Normalisation", "",
        "what to do with the smoothed image before bleaching", "background",
        {
            "auto": "what the frames before and after bleaching ask for",
            "subtract": "where light is added",
            "divide": "where illumination is uneven",
            "none": "where the sample itself is uneven",
        },
        "auto",
    ),
    Field(
        "fading", "Fading", "choice", "Normalisation", "", "of the whole field, by imaging", "",
        {
            "none": "leave it",
            "frame": "divide each frame by the light far from bleaching",
            "exponential": "divide by an exponential that is fitted to it",
        },
        "none",
    ),
    Field(
        "drift", "Drift", "choice", "Normalisation", "", "of the sample under the microscope",
        "drift",
        {
            "auto": "followed where the sample is seen to move",
            "none": "leave it",
            "translation": "follow shifts",
            "rigid": "follow shifts and turns",
        },
        "auto",
    ),
    Field(
        "reference", "Reference region", "region", "Normalisation", "",
        "draw it where nothing was bleached: each frame is divided by its light", "reference",
    ),
    Field(
        "dark_level", "Dark level", "number", "Normalisation", "counts", "counts without light",
        default=0.0,
    ),
    Field(
        "bit_depth", "Bit depth", "count", "Normalisation", "bits",
        "of the camera; a 12-bit one may write 16",
    ),
    Field(
        "noise", "Noise", "choice", "Fit", "", "how it depends on the light", "",
        {
            "constant": "the same in all pixels",
            "proportional": "more where it is bright, where photons are few",
        },
        "constant",
    ),
    Field(
        "loss", "Spoilt frames", "choice", "Fit", "", "how far single frames count", "",
        {
            "squared": "all frames count alike",
            "huber": "frames far off hardly count",
        },
        "squared",
    ),
    Field("level", "Level of intervals", "number", "Fit", "", "0.95 holds 95 %", "", {}, 0.95),
)  # fmt: skip
"""All of them; those that an installed skfrap does not know are left out."""

BY_NAME = {one.name: one for one in FIELDS}


def described(known=None) -> list[dict[str, Any]]:
    """Return the fields as plain values for the page.

    Parameters
    ----------
    known : container of str, default=None
        Names that there are; None is all.

    Returns
    -------
    list of dict
    """
    return [asdict(one) for one in FIELDS if known is None or one.name in known]


def check_region(value: Any, also: Any = ()) -> str:
    """Check that a text is a region, and not the name of a file.

    Parameters
    ----------
    value : str
        As of :func:`skfrap.experiment.parse_region`.
    also : container of str, default=()
        Other words that are allowed.

    Returns
    -------
    str

    Raises
    ------
    AppError
        If it is not.
    """
    if isinstance(value, str) and len(value) <= _LONGEST:
        value = value.strip()
        if value in also or _REGION.fullmatch(value):
            return value
    raise AppError("a region is a circle, an ellipse, a rectangle or a polygon", 400)


def check_given(given: Any) -> dict[str, Any]:
    """Check what the page, or a file of settings, says.

    Parameters
    ----------
    given : dict
        Values by names of fields; None takes a setting back.

    Returns
    -------
    dict
        The same, but for None.

    Raises
    ------
    AppError
        Naming what is wrong.
    """
    if not isinstance(given, dict):
        raise AppError("settings must be a JSON object of names and values")
    checked = {}
    for name, value in given.items():
        if name not in BY_NAME:
            raise AppError(f"there is no setting {str(name)[:40]!r}")
        if value is None or value == "":
            continue
        one = BY_NAME[name]
        try:
            value = _KINDS[one.kind](one, value)
        except AppError as error:
            raise AppError(f"{one.label}: {error.words}", 400, [name]) from None
        if value != one.default and value not in ((), {}):
            checked[name] = value
    return checked


def _number(one, value):
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or abs(value) > _LARGEST or not math.isfinite(value):
        raise AppError(f"give a number{f' of {one.unit}' if one.unit else ''}")
    return float(value)


def _positive(one, value):
    value = _number(one, value)
    if not value > 0:
        raise AppError(f"give a number{f' of {one.unit}' if one.unit else ''} above 0")
    return value


def _count(one, value):
    value = _number(one, value)
    if value != int(value) or not 0 <= value <= 1_000_000:
        raise AppError("give a whole number")
    return int(value)


def _choice(one, value):
    if not isinstance(value, str) or value not in one.choices:
        raise AppError(f"choose one of {', '.join(one.choices)}")
    return value


def _flag(one, value):
    if not isinstance(value, bool):
        raise AppError("it is either so or not")
    return value


def _list_of(value):
    if not isinstance(value, list | tuple) or len(value) > _MOST:
        raise AppError(f"give a list of at most {_MOST}")
    return value


def _names(one, value):
    names = tuple(_list_of(value))
    if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        raise AppError("give names of parameters")
    return names


def _values(one, value):
    if not isinstance(value, dict) or len(value) > _MOST:
        raise AppError("give names and their values")
    _names(one, [*value])
    return {name: _number(one, number) for name, number in value.items()}


def _rows(one, value):
    rows = []
    for row in _list_of(value):
        name, colon, region = row.partition(":") if isinstance(row, str) else ("", "", "")
        if row == "compartment":
            rows.append(row)
        elif colon and _NAME.fullmatch(name):
            rows.append(f"{name}:{check_region(region)}")
        else:
            raise AppError("give compartment, or a name and a region as reference:circle:2@8,9")
    return tuple(rows)


_KINDS = {
    "number": _number,
    "positive": _positive,
    "count": _count,
    "choice": _choice,
    "flag": _flag,
    "region": lambda one, value: check_region(value, one.choices),
    "names": _names,
    "values": _values,
    "rows": _rows,
}


def as_command(
    files: Any,
    given: dict[str, Any],
    channel: int | None = None,
    series: int | None = None,
    join: bool = False,
) -> str:
    """Write the command line that repeats an analysis.

    Parameters
    ----------
    files : sequence of str
        Names of files or folders.
    given : dict
        As from :func:`check_given`.
    channel, series : int, default=None
        Where one was chosen.
    join : bool, default=False
        Whether the files are parts of one experiment.

    Returns
    -------
    str

    Examples
    --------
    >>> from skfrap.app._fields import as_command
    >>> as_command(["my cell.tif"], {"n_prebleach": 10, "free": ("mobile_fraction",)})
    "skfrap estimate 'my cell.tif' --n-prebleach 10 --free mobile_fraction"
    """
    words = ["skfrap", "estimate", *(f"./{one}" if one[:1] == "-" else one for one in files)]
    if channel is not None:
        words += ["--channel", str(channel)]
    if series is not None:
        words += ["--series", str(series)]
    if join:
        words += ["--join", "--as-one-series"]
    for name, value in given.items():
        option, kind = f"--{name.replace('_', '-')}", BY_NAME[name].kind
        if kind == "flag":
            words.append(option)
        elif kind in ("names", "rows"):
            words += [word for one in value for word in (option, one)]
        elif kind == "values":
            words += [word for one, number in value.items() for word in (option, f"{one}={number}")]
        else:
            words += [option, f"{value!r}" if isinstance(value, float) else str(value)]
    return shlex.join(words)
