"""One analysis after the other: whatever fails or ends the run, nothing else is lost."""

import sys
import warnings
from contextlib import contextmanager

import click

from skfrap.cli._output import (
    clear_errors,
    in_words,
    print_json,
    save_picture,
    save_table,
)


def expand(files):
    """Return the series that files, folders and patterns stand for."""
    from skfrap.io import find_series

    series = []
    for file in files:
        try:
            series += find_series(file)
        except (OSError, ValueError):
            series.append(file)  # reading it will say what is wrong
    return series


def with_labels(rows):
    """Put the labels of findings in their place, as tables hold them."""
    from skfrap.results._finding import as_labels

    return [
        row | {"findings": as_labels(row["findings"])} if "findings" in row else row for row in rows
    ]


@contextmanager
def kept_records(as_json, out, rows_of=list):
    """Give a list for records, and print or write what it holds at the end.

    Parameters
    ----------
    as_json : bool
        Whether to print the records.
    out : Path or None
        Table to write.
    rows_of : callable, default=list
        Turns the records into the rows of the table.
    """
    if out is not None:
        with clear_errors():
            save_table([], out)  # a table that cannot be written should say so now
    records = []
    try:
        yield records
    finally:
        # Whatever ends the run, what has been found is kept.
        if as_json:
            print_json(records)
        if out is not None:
            save_table(with_labels(rows_of(records)), out)


def attempt_each(function, series):
    """Yield the name of each series, the result or None, and the error in words or nothing."""
    for source in series:
        name = str(source if isinstance(source, str) else source[0])
        result, error = _attempt(function, source)
        if result is None:
            click.echo(f"{name}: {error}", err=True)
        yield name, result, error


def _attempt(function, source):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            return function(source), ""
    except Exception as error:  # one bad file must not lose the others
        return None, in_words(error)


def add_picture(draw, folder, name, records):
    """Write a picture of the last record, and enter its path there, or None and the error."""
    record = records[-1]
    path = _new_path(folder, name, [one.get("picture") for one in records])
    try:
        save_picture(draw, path)
        record["picture"] = str(path)
    except Exception as error:  # the numbers stand without their picture
        record["picture"] = None
        record["error"] = f"no picture: {in_words(error)}"
        click.echo(f"{record['file']}: {record['error']}", err=True)


def _new_path(folder, name, taken):
    path = folder / f"{name}.png"
    again = 1
    while str(path) in taken:  # series of one name in several folders
        again += 1
        path = folder / f"{name}-{again}.png"
    return path


def exit_if_any_failed(records):
    """End with an error if any record has one, and say of how many what is missing."""
    failed = [record for record in records if record["error"]]
    no_picture = sum("picture" in record for record in failed)  # a failed analysis has no entry
    for count, what in ((len(failed) - no_picture, "analysed"), (no_picture, "drawn")):
        if count:
            click.echo(f"{count} of {len(records)} series could not be {what}", err=True)
    if failed:
        sys.exit(1)
