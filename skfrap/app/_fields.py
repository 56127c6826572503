"""What can be set on the page: names, units, hints, choices in one line."""

import math
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from skfrap.app._errors import AppError
from skfrap.app._uploads import safe_name

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
_LONGEST_TEXT = 500
_LONGEST_FILE = 200_000  # characters


@dataclass(frozen=True)
class Field:
    """Describe one setting.

    Parameters
    ----------
    name : str
        Of the argument of :class:`skfrap.analysis.ExperimentOptions`.
    label : str
        For people.
    kind : {"number", "positive", "count", "choice", "region", "flag", "names", "values", "rows", \
            "text", "texts", "file"}
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
    of : {"", "images", "table"}, default=""
        What it is of; empty is of either.
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
    of: str = ""


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
        "times", "Times of frames", "file", "Recording", "",
        "a file with a time in s, or a date, in each line, where those of the images are wrong",
        "frame times", of="images",
    ),
    Field(
        "n_prebleach", "Frames before bleaching", "count", "Bleaching", "",
        "press B at the last bright frame, or count them", "prebleach frames",
    ),
    Field(
        "bleach_region", "Bleach region", "region", "Bleaching", "",
        "draw it over the image, or read it from ImageJ", "bleach region",
        {"each": "each of several spots that were bleached at once, by itself"},
    ),
    Field(
        "recenter", "Move it to where bleaching is seen", "flag", "Bleaching",
        default=False, of="images",
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
        "both", of="images",
    ),
    Field(
        "model", "Model", "choice", "Model", "", "what particles do", "model", _MODELS, "diffusion",
    ),
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
        "auto", of="images",
    ),
    Field(
        "fading", "Fading", "choice", "Normalisation", "", "of the whole field, by imaging", "",
        {
            "none": "leave it",
            "frame": "divide each frame by the light far from bleaching",
            "exponential": "divide by an exponential that is fitted to it",
        },
        "none", of="images",
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
        "auto", of="images",
    ),
    Field(
        "reference", "Reference region", "region", "Normalisation", "",
        "draw it where nothing was bleached: each frame is divided by its light", "reference",
        of="images",
    ),
    Field(
        "dark_level", "Dark level", "number", "Normalisation", "counts", "counts without light",
        default=0.0, of="images",
    ),
    Field(
        "bit_depth", "Bit depth", "count", "Normalisation", "bits",
        "of the camera; a 12-bit one may write 16", of="images",
    ),
    Field(
        "columns", "Columns", "texts", "Table", "", "which is what, as bleach=ROI1,reference=ROI2; "
        "without it by their names, and by what falls at bleaching", "bleached region", {}, (),
        of="table",
    ),
    Field(
        "sheet", "Sheet", "text", "Table", "", "of a workbook with several tables", of="table",
    ),
    Field(
        "normalisation", "Normalisation", "choice", "Table", "", "of the curve", "normalisation",
        {
            "auto": "double where there is a reference",
            "none": "leave the column as it is",
            "single": "over the light before bleaching",
            "double": "and over the reference",
            "full_scale": "stretched to 0 after bleaching, for comparison only",
        },
        "auto",
        of="table",
    ),
    Field(
        "first_profile", "First profile", "file", "Table", "",
        "a table of distances from the middle of the patch, µm, and of intensities in the first "
        "frame over those before bleaching; the start is then seen", "profiles", of="table",
    ),
    Field(
        "last_profile", "Last profile", "file", "Table", "",
        "the same of the mean of the last 10 frames: what stays", of="table",
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
        if value != one.default and value not in ((), {}, ""):
            checked[name] = value
    return checked


def named(given: dict[str, Any]) -> dict[str, Any]:
    """Leave of files that were given their names, for people and command lines.

    Parameters
    ----------
    given : dict
        As from :func:`check_given`.

    Returns
    -------
    dict
    """
    return {
        name: value["name"] if BY_NAME[name].kind == "file" else value
        for name, value in given.items()
    }


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


def _text(one, value):
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise AppError(f"give a text of at most {_LONGEST_TEXT} letters")
    return value.strip()


def _texts(one, value):
    return tuple(_text(one, text) for text in _list_of(value))


def _file(one, value):
    known = isinstance(value, dict) and {*value} == {"name", "text"}
    if not known or not all(isinstance(part, str) for part in value.values()):
        raise AppError("read it from a file")
    if len(value["text"]) > _LONGEST_FILE:
        raise AppError(f"the file has more than {_LONGEST_FILE:,} letters")
    return {"name": safe_name(value["name"]).name, "text": value["text"]}


_KINDS = {
    "file": _file,
    "number": _number,
    "positive": _positive,
    "count": _count,
    "choice": _choice,
    "flag": _flag,
    "region": lambda one, value: check_region(value, one.choices),
    "names": _names,
    "values": _values,
    "rows": _rows,
    "text": _text,
    "texts": _texts,
}
