"""What commands print and write: errors in words, JSON, tables, pictures."""

import json
from contextlib import contextmanager

import click

from skfrap._checks import ArgumentError

_MENDABLE = ValueError, OSError, ImportError


@contextmanager
def clear_errors():
    """Turn what a user can mend into one clear line."""
    try:
        yield
    except _MENDABLE as error:
        raise click.ClickException(in_words(error)) from error


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


def print_json(value):
    """Print plain values for machines."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_as_object))


def _as_object(value):
    if hasattr(value, "to_dict"):
        return value.to_dict()
    raise TypeError(f"no JSON for {type(value).__name__}")


def save_table(rows, path):
    """Write rows as CSV."""
    from skfrap.results._tables import as_table

    table = as_table(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)


def save_picture(draw, path):
    """Write the figure that `draw` makes of the module `skfrap.plotting`."""
    import matplotlib

    matplotlib.use("Agg")  # draws into files only, wherever this runs
    from matplotlib import pyplot

    from skfrap import plotting

    figure = draw(plotting)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
