"""What commands print and write: errors in words, JSON, tables, pictures."""

import json
import os
import re
import sys
from contextlib import contextmanager

import click

from skfrap._checks import ArgumentError
from skfrap._files import replacing, write_bytes
from skfrap._text import visible

_MENDABLE = ValueError, OSError, ImportError


@contextmanager
def clear_errors():
    """Turn what a user can mend into one clear line."""
    try:
        yield
    except _MENDABLE as error:
        raise click.ClickException(visible(in_words(error), keep="\n")) from error


def in_words(error):
    """Say what went wrong: what a user can mend has a message for that, a defect is named too."""
    message, kind = _with_options(error), type(error).__name__
    if message and isinstance(error, _MENDABLE):
        return message
    return f"{kind}: {message}" if message else kind


def _with_options(error):
    """Return an error's message, with the options of the arguments that it speaks of."""
    return error.spell(_as_option) if isinstance(error, ArgumentError) else str(error)


def _as_option(argument):
    option = f"--{argument.name.replace('_', '-')}"
    if argument.value is not None:
        option += f" {argument.value}"
    return option if argument.words is None else f"{argument.words} ({option})"


def say(text, *, err=False):
    """Print text for people, where there is somebody to read it.

    What a terminal would obey is shown as an escape sequence, and what it cannot show too. Whoever
    closes a pipe, as `head` does, wants to see no more: from then on nothing is printed there.
    """
    print_raw(visible(text, keep="\n") + "\n", err)


def print_raw(text, err=False):
    """Print text as it is, without a line end, where there is somebody to read it."""
    stream = sys.stderr if err else sys.stdout
    if stream is None:  # closed from the beginning
        return
    try:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        text = text.encode(encoding, "backslashreplace").decode(encoding)
        click.echo(text, nl=False, err=err)
    except OSError as error:
        _give_up(stream)
        _unread[err] = None if isinstance(error, BrokenPipeError) else in_words(error)


_unread: dict[bool, str | None] = {}  # of streams, whether stderr: why they cannot be written


def _give_up(stream):
    """Print no more to a stream; the interpreter flushes it once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def nobody_reads():
    """Tell whether standard output was closed, or cannot be written any more."""
    return False in _unread


def exit_if_unwritten():
    """End with an error if standard output could not be written, other than that it was closed."""
    reason = _unread.pop(False, None)
    _unread.clear()
    if reason:
        say(f"Error: not all was printed: {reason}", err=True)
        sys.exit(1)


def print_json(value):
    """Print plain values for machines."""
    print_raw(json_text(value) + "\n")


_UNSHOWN = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def json_text(value, indent=2):
    """Write plain values, findings and the like as JSON; a name that is no text is escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=_as_object)
    # Escaped for JSON is what a terminal obeys, and what is no text and cannot be encoded.
    return _UNSHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _as_object(value):
    if hasattr(value, "to_dict"):
        return value.to_dict()
    raise TypeError(f"no JSON for {type(value).__name__}")


def save_table(rows, path):
    """Write rows as CSV, at once."""
    from skfrap.results._tables import CSVTable

    save_text(CSVTable(rows).to_text(), path)


def save_text(text, path):
    """Write a file of text at once, and its folder if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.encode())


def as_title(name):
    """Write a name so that it can be drawn, and is not taken for a formula."""
    return visible(name).replace("$", r"\$")


def save_picture(draw, path):
    """Write the figure that `draw` makes of the module `skfrap.plotting`, at once."""
    import matplotlib

    matplotlib.use("Agg")  # draws into files only, wherever this runs
    from matplotlib import pyplot

    from skfrap import plotting

    before = {*pyplot.get_fignums()}
    try:
        figure = draw(plotting)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside:
            figure.savefig(beside, dpi=120)
    finally:
        for number in {*pyplot.get_fignums()} - before:  # of what could not be drawn too
            pyplot.close(number)
