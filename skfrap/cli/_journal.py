"""The journal of a run: a line per series, which an interrupted run goes on from."""

import glob
import hashlib
import json
import os
from pathlib import Path

import click

from skfrap import __version__
from skfrap._files import write_bytes
from skfrap.cli._output import in_words, json_text

_WHAT = "skfrap journal"
_FORMAT = 1
_KEYS = {"what", "format", "skfrap", "command", "options"}  # the others are of files of regions


class Journal:
    """Keep records of series beside a table, in lines of JSON.

    The first line says which command and options they are of. A line that was cut short is the last
    one, and counts for nothing.

    Parameters
    ----------
    table : Path
        The journal has its name with ``.journal`` at the end.
    command : str
    options : dict
        What the results depend on.
    """

    def __init__(self, table, command, options):
        self.path = table.with_name(table.name + ".journal")
        self._head = {
            "what": _WHAT,
            "format": _FORMAT,
            "skfrap": __version__,
            "command": command,
            "options": json.loads(json.dumps(options, default=str)),
        }
        outlines = {
            "region": options.get("bleach_region"),
            "compartment": options.get("compartment"),
            "reference": options.get("reference"),
            "background": options.get("background"),
        }
        for row in options.get("rows") or ():
            outlines[f"row {row}"] = row.partition(":")[2]
        for name, file in outlines.items():
            file = file_of(file)
            if file is not None:
                self._head[name] = state_of(file)
        self._file = None
        self._lines = []
        self._check_place(table)

    def _check_place(self, table):
        """Refuse at once what cannot be written, or is no journal."""
        try:
            table.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and self._read_head() is None:
                raise click.ClickException(
                    f"{self.path} is where the journal of --out goes, and is something else; name "
                    "another --out, or delete it."
                )
            for path in (table, self.path):
                if path.exists() and not os.access(path, os.W_OK):
                    raise click.ClickException(f"{path} is write-protected; name another --out.")
            probe = table.parent / f".skfrap-{os.getpid()}.tmp"
            write_bytes(probe, b"")
            probe.unlink()
        except OSError as error:
            raise click.ClickException(in_words(error)) from error

    def _read_head(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                head = json.loads(file.readline(1 << 20))
            return head if head["what"] == _WHAT else None
        except (ValueError, KeyError, TypeError):
            return None

    def read(self):
        """Return what an earlier run has kept, by name: state of the files, and record.

        Raises
        ------
        ClickException
            If it was run with other options.
        """
        if not self.path.exists():
            return {}
        head = self._read_head()
        different = _difference(self._head, head)
        if different:
            raise click.ClickException(
                f"{self.path} is of a run with another {different}; give the same, or leave out "
                "--resume to begin anew."
            )
        entries = {}
        self._lines = []
        for line in self.path.read_bytes().split(b"\n")[1:-1]:
            try:
                entry = json.loads(line)
                entries[entry["name"]] = entry | {"record": _with_findings(entry["record"])}
            except (ValueError, KeyError, TypeError):  # the disk was full, and then no more
                continue
            self._lines.append(line + b"\n")
        return entries

    def add(self, name, state, record, report=None):
        """Add the record of a series; the first one begins the journal anew, or goes on with it.

        Where a report is made, what it shows of the series is kept as well.
        """
        entry = {"name": name, "state": state, "record": record}
        if report is not None:
            entry["report"] = report
        line = json_text(entry, indent=None).encode() + b"\n"
        try:
            if self._file is None:
                head = json.dumps(self._head).encode() + b"\n"
                write_bytes(self.path, b"".join([head, *self._lines, line]))
                self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            else:
                _write_all(self._file, line)
        except OSError as error:
            raise click.ClickException(
                f"{self.path} cannot be written, so the run ends here: {in_words(error)}. What "
                "was found before is kept; go on with --resume."
            ) from error

    def close(self):
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def file_of(outline):
    """Return the file that an outline is read from, None where it is not read from any."""
    from skfrap.io._rois import split_name

    found = split_name(outline)
    file = found[0] if found else outline
    return file if isinstance(file, str) and os.path.isfile(file) else None


def _write_all(file, content):
    while content:  # on a full disk only the next attempt to write more fails
        content = content[os.write(file, content) :]


def _difference(mine, other):
    """Name what a journal's run was given differently; nothing if it was given the same."""
    for name, words in (("format", "version"), ("skfrap", "version of skfrap")):
        if other.get(name) != mine[name]:
            return f"{words} ({other.get(name)}, now {mine[name]})"
    if other.get("command") != mine["command"]:
        return f"command ({other.get('command')}, now {mine['command']})"
    before, now = (one.get("options") or {} for one in (other, mine))
    for name in {**now, **before}:
        if before.get(name) != now.get(name):
            return f"--{name.replace('_', '-')} ({before.get(name)}, now {now.get(name)})"
    files = sorted({*mine, *other} - _KEYS)
    changed = next((name for name in files if other.get(name) != mine.get(name)), None)
    if changed is None:
        return ""
    words = {"region": "bleach region", "reference": "reference", "background": "background"}
    return f"file of the {words.get(changed, changed)}"


def _with_findings(record):
    """Make findings of what JSON has of them."""
    from skfrap.results import Finding

    made = dict(record)
    if "findings" in made:
        made["findings"] = [Finding(**one) for one in made["findings"]]
    if "models" in made:
        made["models"] = [_with_findings(one) for one in made["models"]]
    return made


def state_of(source):
    """Return by what it shows that the files of a series have changed; None if that is unknown."""
    state = hashlib.sha256()
    try:
        for path in _files_of(source):
            found = os.stat(path)
            text = f"{path.name}\0{found.st_size}\0{found.st_mtime_ns}\0"
            state.update(text.encode("utf-8", "surrogateescape"))
    except OSError:
        return None
    return state.hexdigest()[:16]


def _files_of(source):
    if not isinstance(source, str):
        return [Path(one) for one in source]
    path = Path(source)
    if "::" in source:  # a series of a file
        from skfrap.io._series import split_series

        path = Path(split_series(source)[0])
    if path.is_dir():
        from skfrap.io._series import image_files

        return sorted(image_files(path))
    if not path.exists() and glob.has_magic(source):
        return sorted(map(Path, glob.glob(source, recursive=True)))
    return [path]
