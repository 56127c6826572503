"""Reports of runs, and what is in them for machines."""

import shlex
from pathlib import Path

import click

from skfrap.cli._options import FILE
from skfrap.cli._output import clear_errors, in_words, print_json, print_raw, save_text
from skfrap.cli._overwrite import check_report, check_table

_ARGUMENTS = "skfrap.arguments"


class Remembering(click.Command):
    """A command that knows what it was called with, for :func:`command_line`."""

    def parse_args(self, ctx, args):
        """Keep the arguments, and parse them."""
        ctx.meta[_ARGUMENTS] = [*args]
        return super().parse_args(ctx, args)


def command_line():
    """Return the command line that the command in hand was called by."""
    context = click.get_current_context()
    return shlex.join(["skfrap", context.info_name, *context.meta.get(_ARGUMENTS, ())])


report_option = click.option(
    "--report",
    type=FILE,
    help="Write a report: one HTML file with frames, curves, fits, findings and a paragraph on "
    "methods.",
)


class ReportFile:
    """The report of a run: filled series by series, and written at its end.

    Parameters
    ----------
    path : Path
    inputs : list
        What the run reads; none of it is written over.
    n_series : int
    options : dict
        As of :class:`skfrap.report.Report`.
    """

    def __init__(self, path, inputs, n_series, options):
        check_report(path, inputs)
        with clear_errors():
            from skfrap.report import Report
            from skfrap.report._render import environment

            environment()  # says what is missing, before anything is analysed
        self.path = path
        title = "FRAP report" + (f": {path.stem}" if path.stem.lower() != "report" else "")
        self._report = Report(n_series, title=title, command=command_line(), options=options)
        self._earlier = path.exists()

    @classmethod
    def of(cls, path, *arguments):
        """Return a report to fill, or None where none is asked for."""
        return None if path is None else cls(path, *arguments)

    def add(self, record, part):
        """Add a series, with what was rendered of it."""
        self._report.add_part(record, part)

    def write(self):
        """Write all that was added; nothing over an earlier report if nothing was found."""
        found = any(len(record) > 2 for record in self._report.records)
        if not self._report.records or (self._earlier and not found):
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._report.write(self.path)
        except OSError as error:
            raise click.ClickException(
                f"the report {self.path} cannot be written: {in_words(error)}"
            ) from error


@click.command("report")
@click.option(
    "--extract",
    "file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Report to read, as skfrap estimate --report has written it.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "csv", "settings"]),
    default="json",
    show_default=True,
    help="json: what skfrap estimate --json prints. csv: what its --out writes. settings: the "
    "command, its options and the versions, as JSON.",
)
@click.option("--out", type=FILE, help="Write it there.  [default: print it]")
def report(file, form, out):
    """Get the results out of a report, as they were computed."""
    check_table(out, [file])
    with clear_errors():
        from skfrap.report import read_report
        from skfrap.report._records import row_of
        from skfrap.results._tables import CSVTable

        found = read_report(file)
        if form == "csv":
            text = CSVTable(map(row_of, found["records"])).to_text()
        elif form == "json":
            text = found["records"]
        else:
            text = {name: value for name, value in found.items() if name != "records"}
        if out is not None:
            from skfrap.cli._output import json_text

            save_text(text if form == "csv" else json_text(text) + "\n", out)
        elif form == "csv":
            print_raw(text)
        else:
            print_json(text)
