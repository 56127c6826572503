"""What is set on the page, as a command line that repeats it."""

import shlex
from collections.abc import Iterable
from typing import Any

from skfrap.app._fields import BY_NAME, named


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
        As from :func:`skfrap.app._fields.check_given`.
    channel, series : int, default=None
        Where one was chosen.
    join : bool, default=False
        Whether the files are parts of one experiment.

    Returns
    -------
    str

    Examples
    --------
    >>> from skfrap.app._command import as_command
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
    for name, value in named(given).items():
        option, kind = f"--{name.replace('_', '-')}", BY_NAME[name].kind
        if kind == "flag":
            words.append(option)
        elif kind in ("names", "rows", "texts"):
            words += [word for one in value for word in (option, one)]
        elif kind == "values":
            words += [word for one, number in value.items() for word in (option, f"{one}={number}")]
        else:
            words += [option, f"{value!r}" if isinstance(value, float) else str(value)]
    return shlex.join(words)


def commands_of(entries: Iterable[Any], given: dict[str, Any], channel: int | None) -> str:
    """Write the command lines that repeat the analyses of a list.

    Parameters
    ----------
    entries : iterable of Entry
        Series.
    given : dict
        As from :func:`skfrap.app._fields.check_given`.
    channel : int or None
        Where one was chosen.

    Returns
    -------
    str
        One in each line.
    """
    ways: dict[tuple, list[str]] = {}
    for one in entries:
        # Parts of one experiment are a command of their own.
        way = (one.series, one.key if one.join else "")
        ways.setdefault(way, []).extend(one.files)
    lines = []
    for k, ((series, joined), files) in enumerate(ways.items()):
        end = f"-{k + 1}" if k else ""
        words = as_command(dict.fromkeys(files), given, channel, series, bool(joined))
        lines.append(f"{words} --out results{end}.csv --report report{end}.html")
    return "\n".join(lines)
