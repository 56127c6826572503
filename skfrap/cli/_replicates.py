"""Means of replicates, from a table of estimates."""

from collections import Counter
from pathlib import Path, PurePosixPath

import click

from skfrap.cli._options import json_option, level_option, picture_option, table_option
from skfrap.cli._output import clear_errors, print_json, save_picture, save_table, say
from skfrap.cli._overwrite import check_picture, check_table


@click.command()
@click.argument("table", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--by",
    metavar="COLUMN",
    help="Column that says which sample a series is of; folder takes that of the file.  [default: "
    "all are replicates of one sample]",
)
@click.option(
    "--levels",
    metavar="DAY/DISH",
    help="Columns that say in which nested groups a series is, from the coarsest level to the "
    "finest; where TABLE has none of them, the folders that hold each file. The interval then "
    "counts the groups of the coarsest level.",
)
@click.option("--name", default="D", show_default=True, help="What to average.")
@click.option(
    "--scale",
    type=click.Choice(["log10", "linear"]),
    help="log10: the mean is the geometric one, and samples are compared by ratios.  [default: "
    "log10 for D, rates and times]",
)
@click.option("--compare", is_flag=True, help="Compare every two samples as well.")
@level_option
@click.option(
    "--table-level",
    type=click.FloatRange(0, 1, True, True),
    help="Of the intervals in TABLE, where its column level does not say it.  [default: 0.95]",
)
@table_option("Write a CSV table, a row per sample.")
@picture_option("Write a picture of all samples.")
@json_option
def replicates(table, by, levels, name, scale, compare, level, table_level, out, plot, as_json):
    """Average replicates, with an interval that tells how they vary.

    TABLE is what skfrap estimate writes with --out. The interval of a single series tells how well
    its curve determines D; replicates mostly differ by more. Here both are told apart, for each
    sample. Series that failed, whose D is poorly determined, whose fit did not converge or whose
    model does not describe the curve are left out, and counted; so is what TABLE has twice. A
    spreadsheet may have saved it meanwhile, with commas, semicolons or tabs, decimal commas, and
    its own words for TRUE and FALSE.

    Series of one dish, and dishes of one day, have something in common. With --levels each level
    has a variance of its own, and the interval holds for another day.
    """
    check_table(out, [table])
    check_picture(plot, [table])
    if levels is not None:
        if plot is not None:
            raise click.UsageError("--plot draws replicates of one level; leave out --levels.")
        options = {"name": name, "scale": scale, "level": level, "table_level": table_level}
        _nested(table, by, levels, compare, options, out, as_json)
        return
    from skfrap.replicates import compare_groups, summarise_replicates
    from skfrap.results._finding import count_in_words
    from skfrap.results._tables import plain_rows

    with clear_errors():
        rows = _read_table(table, by)
        options = {"name": name, "scale": scale, "level": level}
        summary = summarise_replicates(rows, groups=by, table_level=table_level, **options)
        comparisons = compare_groups(rows, by, **options) if compare else None
    samples = [
        sample | {"reasons": dict(Counter(why))}
        for sample, why in zip(plain_rows(summary.to_dict()), summary.reasons, strict=True)
    ]
    pairs = None if comparisons is None else plain_rows(comparisons.to_dict())
    if as_json:
        found = zip(samples, summary.findings, strict=True)
        record = {"samples": [sample | {"findings": some} for sample, some in found]}
        print_json(record if pairs is None else record | {"comparisons": pairs})
    else:
        for line in summary.summary() + (comparisons.summary() if compare else []):
            say(line)
        with_errors = any((some > 0).any() for some in summary.errors)
        if with_errors and "level" not in rows and table_level is None:
            say(
                "note: the table does not say the level of its intervals; 95 % is assumed "
                "(--table-level)"
            )
    with clear_errors():
        if out is not None:
            save_table([one | {"reasons": count_in_words(one["reasons"])} for one in samples], out)
        if plot is not None:
            save_picture(lambda p: p.ReplicatesDisplay.from_summary(summary).figure_, plot)


def _nested(table, by, levels, compare, options, out, as_json):
    """Average series of nested groups, and say, print and write what is found."""
    from skfrap.replicates import summarise_nested
    from skfrap.results._finding import count_in_words
    from skfrap.results._tables import plain_rows

    with clear_errors():
        rows = _read_table(table, by)
        summary = summarise_nested(rows, levels, groups=by, **options)
    samples = [
        sample | {"reasons": dict(Counter(why))}
        for sample, why in zip(plain_rows(summary.to_dict()), summary.reasons, strict=True)
    ]
    shown = compare and summary.contrasts is not None
    if as_json:
        found = zip(samples, summary.findings, strict=True)
        record = {"samples": [sample | {"findings": some} for sample, some in found]}
        if shown:
            record["comparisons"] = plain_rows(summary.contrasts.to_dict())
        print_json(record)
    else:
        lines = summary.summary()
        n_contrasts = 0 if summary.contrasts is None else len(summary.contrasts)
        for line in lines if shown else lines[: len(lines) - n_contrasts]:
            say(line)
    if out is not None:
        with clear_errors():
            save_table([one | {"reasons": count_in_words(one["reasons"])} for one in samples], out)


def _read_table(path, by):
    from skfrap.results._reading import read_table

    rows = read_table(path)
    if by == "folder" and "folder" not in rows and "file" in rows:
        # A table may have been written on another system.
        paths = (PurePosixPath(str(file).replace("\\", "/")) for file in rows["file"])
        rows["folder"] = [path.parent.name or "." for path in paths]
    return rows
