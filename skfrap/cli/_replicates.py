"""Means of replicates, from a table of estimates."""

from pathlib import Path

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
@click.option("--name", default="D", show_default=True, help="What to average.")
@click.option(
    "--scale",
    type=click.Choice(["log10", "linear"]),
    help="log10: the mean is the geometric one, and samples are compared by ratios.  [default: "
    "log10 for D, rates and times]",
)
@click.option("--compare", is_flag=True, help="Compare every two samples as well.")
@level_option
@table_option("Write a CSV table, a row per sample.")
@picture_option("Write a picture of all samples.")
@json_option
def replicates(table, by, name, scale, compare, level, out, plot, as_json):
    """Average replicates, with an interval that tells how they vary.

    TABLE is what skfrap estimate writes with --out. The interval of a single series tells how well
    its curve determines D; replicates mostly differ by more. Here both are told apart, for each
    sample. Series that failed, whose D is poorly determined, whose fit did not converge or whose
    model does not describe the curve are left out, and counted.
    """
    check_table(out, [table])
    check_picture(plot, [table])
    from skfrap.replicates import compare_groups, summarise_replicates
    from skfrap.results._tables import plain_rows

    with clear_errors():
        rows = _read_table(table, by)
        options = {"name": name, "scale": scale, "level": level}
        summary = summarise_replicates(rows, groups=by, **options)
        comparisons = compare_groups(rows, by, **options) if compare else None
    samples = plain_rows(summary.to_dict())
    if as_json:
        found = zip(samples, summary.findings, strict=True)
        record = {"samples": [sample | {"findings": some} for sample, some in found]}
        if comparisons is not None:
            record["comparisons"] = plain_rows(comparisons.to_dict())
        print_json(record)
    else:
        for line in summary.summary() + (comparisons.summary() if compare else []):
            say(line)
        flagged = int(rows["flags"].notna().sum()) if "flags" in rows else 0
        if flagged:
            say(f"note: {flagged} of {len(rows)} series are flagged; see flags in {table}")
    with clear_errors():
        if out is not None:
            save_table(samples, out)
        if plot is not None:
            save_picture(lambda p: p.ReplicatesDisplay.from_summary(summary).figure_, plot)


def _read_table(path, by):
    import pandas

    rows = pandas.read_csv(path)
    if by == "folder" and "folder" not in rows and "file" in rows:
        rows["folder"] = [Path(file).parent.name or "." for file in rows["file"]]
    return rows
