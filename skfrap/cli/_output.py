"""What commands print and write: errors in words, JSON, tables, pictures."""

import json
from contextlib import contextmanager

import click
import numpy as np


@contextmanager
def clear_errors():
    """Turn what a user can mend into one clear line."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        raise click.ClickException(str(error)) from error


def plain(value):
    """Return a value of Python's own; None for a number that is not finite."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value


def plain_rows(columns):
    """Turn columns into rows of plain values."""
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, map(plain, row), strict=True)) for row in rows]


def print_json(value):
    """Print plain values for machines."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def save_table(rows, path):
    """Write rows as CSV."""
    import pandas

    path.parent.mkdir(parents=True, exist_ok=True)
    pandas.DataFrame(rows).to_csv(path, index=False)


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
