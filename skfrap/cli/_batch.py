"""One analysis after the other: whatever fails or ends the run, nothing else is lost."""

import signal
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import click

from skfrap._files import is_special, write_bytes
from skfrap._text import visible
from skfrap.cli._journal import Journal, state_of
from skfrap.cli._lock import Lock
from skfrap.cli._output import (
    in_words,
    json_text,
    nobody_reads,
    print_raw,
    save_picture,
    save_text,
    say,
)
from skfrap.cli._overwrite import check_table, may_be_drawn
from skfrap.cli._work import name_of

_AT_ONCE = 500  # rows up to which the table is written after each series
_SHARE = 20  # of the time goes to writing longer ones, at most: one in so many


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
def kept_records(command, options, series, files, *, out=None, as_json=False, **others):
    """Give a :class:`KeptRecords`, and see to it that what was found is kept whatever happens.

    Parameters
    ----------
    command : str
    options : dict
        What the results depend on.
    series : list
        Sources, as :func:`expand` gives them.
    files : sequence
        What the command reads besides or by other names; none of it is written over.
    out : Path, default=None
        Table to write.
    as_json : bool, default=False
        Whether to print the records.
    **others
        Of :class:`KeptRecords`.
    """
    inputs = [*series, *files]
    check_table(out, inputs)
    kept = KeptRecords(command, options, series, inputs, out, as_json, **others)
    with _ended_by_signals():
        try:
            yield kept
        finally:
            kept.close()


class KeptRecords:
    """Hold the records of a run; each is printed, and kept in files, as soon as it is there.

    With a table there is a journal, a line per series that was analysed: it costs the same however
    many there are, and `resume` reads it. The table is made anew and put in place, after each
    series while it is short. A long one is when 20 times as long as that takes has gone by, and
    at the end, so that thousands of series do not take the square of their number.

    Parameters
    ----------
    command, options, series, inputs, out, as_json
        As in :func:`kept_records`.
    plots : Path, default=None
        Folder of pictures.
    rows_of : callable, default=None
        Turns a record into rows of the table; None is the record itself.
    report : ReportFile, default=None
        Takes every record, with what was rendered of it, and is written at the end.
    resume : bool, default=False
        Whether to take over what the journal of an earlier run holds.
    """

    def __init__(
        self,
        command,
        options,
        series,
        inputs,
        out,
        as_json,
        *,
        plots=None,
        rows_of=None,
        resume=False,
        report=None,
    ):
        from skfrap.results._tables import CSVTable

        self.records = []
        self.series = series
        self._inputs, self._out, self._as_json, self._plots = inputs, out, as_json, plots
        self._rows_of = rows_of or (lambda record: [record])
        self._report = report
        self._table, self._n_found, self._n_printed = CSVTable(), 0, 0
        self._unwritten, self._next, self._in_hand = False, 0.0, None
        if resume and out is None:
            raise click.UsageError("--resume goes on with a table; give its --out as well.")
        self._journal = self._lock = None
        # What is written to a pipe cannot be written again: all of it goes there at the end.
        if out is not None and not is_special(out):
            self._journal = Journal(out, command, options)
            self._lock = _locked(out)
            self._earlier = out.exists()
            try:
                self._take_over(resume)
            except BaseException:
                self._lock.release()
                raise

    def _take_over(self, resume):
        """Take records of an earlier run that hold for the series of this one."""
        self._done = self._journal.read() if resume else {}
        for source in self.series:
            record, part = self._resumed(source)
            if record is not None:
                self._enter(record, part)
        if resume:
            n, journal = len(self.records), self._journal.path
            say(f"{n} of {len(self.series)} series are taken over from {journal}", err=True)
        if self.records:
            self._write()

    def _resumed(self, source):
        entry = self._done.get(name_of(source)) if self._journal else None
        if entry is None or entry["state"] is None or entry["state"] != state_of(source):
            return None, None
        if self._plots is not None:
            picture = entry["record"].get("picture")
            if not picture or not Path(picture).exists():
                return None, None
        if self._report is not None and entry.get("report") is None:
            return None, None
        return entry["record"], entry.get("report")

    def pending(self):
        """Yield the series that are not done, as long as anybody wants to know of them."""
        taken_over = {record["file"] for record in self.records}
        for source in self.series:
            if name_of(source) in taken_over:
                continue
            unread = self._out is None and self._plots is None and self._report is None
            if nobody_reads() and unread:
                return
            self._in_hand = source
            yield source

    def add(self, record, part=None, source=None):
        """Keep the record of a series, the one in hand or another, and what a report shows."""
        source = self._in_hand if source is None else source
        if self._journal is not None and not record["error"]:
            self._journal.add(name_of(source), state_of(source), record, part)
        self._enter(record, part)
        if self._journal is not None and self._is_time():
            self._write()

    def _enter(self, record, part=None):
        self.records.append(record)
        self._n_found += len(record) > 2  # a failed analysis has but a name and an error
        if self._report is not None:
            if "spots" in record:
                for one, shown in zip(record["spots"], part, strict=True):
                    self._report.add(one, shown)
            else:
                self._report.add(record, part)
        if self._as_json:
            self._print(record)
        if self._out is not None:
            for row in with_labels(self._rows_of(record)):
                self._table.add(row)
            self._unwritten = True

    def _print(self, record):
        text = json_text(record).replace("\n", "\n  ")
        print_raw(("[\n  " if self._n_printed == 0 else ",\n  ") + text)
        self._n_printed += 1

    def _is_time(self):
        # An earlier table stays until there is something to put in its place.
        if self._n_found == 0 and self._earlier:
            return False
        return len(self._table) <= _AT_ONCE or time.monotonic() >= self._next

    def _write(self):
        start = time.monotonic()
        try:
            save_text(self._table.to_text(), self._out)
        except OSError as error:
            raise click.ClickException(
                f"{self._out} cannot be written, so the run ends here: {in_words(error)}. What "
                "was found before is in the table; go on with --resume."
            ) from error
        end = time.monotonic()
        self._next, self._unwritten = end + _SHARE * (end - start), False

    def new_path(self, name):
        """Return where to draw a series: over nothing but an earlier picture of it."""
        taken = {one.get("picture") for one in self.records}
        path, again = self._plots / f"{name}.png", 1
        # There are series of one name in several folders, and images that are nobody's picture.
        while str(path) in taken or not may_be_drawn(path, self._inputs):
            again += 1
            path = self._plots / f"{name}-{again}.png"
        return path

    def close(self):
        """Write what is not written yet, and let other runs have the table."""
        try:
            self._finish()
            if self._report is not None:
                self._report.write()
        finally:
            if self._lock is not None:
                self._lock.release()

    def _finish(self):
        if self._as_json:
            print_raw("\n]\n" if self._n_printed else "[]\n")
        if self._journal is not None:
            self._journal.close()
        if not self._unwritten:
            return
        if self._journal is not None and self._n_found == 0 and self._earlier:
            say(f"{self._out} is left as it was: there is nothing to put in its place", err=True)
            return
        self._write()


def _locked(out):
    """Have a table for this run alone."""
    try:
        return Lock(out)
    except OSError as error:
        raise click.ClickException(in_words(error)) from error


@contextmanager
def _ended_by_signals():
    """Have signals that end the run end it in order; a second one ends it at once."""

    def end(number, frame):
        signal.signal(number, signal.SIG_DFL)
        raise SystemExit(128 + number)

    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            if signal.getsignal(number) == signal.SIG_DFL:  # not what nohup has set
                before[number] = signal.signal(number, end)
        except ValueError:  # not in the main thread, which is the one that is told
            break
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def attempt_each(function, series):
    """Yield the name of each series, the result or None, and the error in words or nothing."""
    for source in series:
        name = name_of(source)
        result, error = _attempt(function, source)
        if result is None:
            say(f"{visible(name)}: {error}", err=True)
        yield name, result, error


def _attempt(function, source):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            return function(source), ""
    except Exception as error:  # one bad file must not lose the others
        return None, in_words(error)


def add_picture(draw, name, record, kept):
    """Write a picture of a record, and enter its path there, or None and the error."""
    _enter_picture(lambda path: save_picture(draw, path), name, record, kept)


def add_drawn_picture(outcome, record, kept):
    """Write a picture that was drawn, as :func:`add_picture` does."""

    def write(path):
        if outcome.picture_error:
            raise ValueError(outcome.picture_error)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, outcome.picture)

    _enter_picture(write, outcome.name, record, kept)


def _enter_picture(write, name, record, kept):
    try:
        path = kept.new_path(name)
        write(path)
        record["picture"] = str(path)
    except Exception as error:  # the numbers stand without their picture
        record["picture"] = None
        record["error"] = f"no picture: {in_words(error)}"
        say(f"{visible(record['file'])}: {record['error']}", err=True)


def exit_if_any_failed(records):
    """End with an error if any record has one, and say of how many what is missing."""
    failed = [record for record in records if record["error"]]
    no_picture = sum("picture" in record for record in failed)  # a failed analysis has no entry
    for count, what in ((len(failed) - no_picture, "analysed"), (no_picture, "drawn")):
        if count:
            say(f"{count} of {len(records)} series could not be {what}", err=True)
    if failed:
        sys.exit(1)
