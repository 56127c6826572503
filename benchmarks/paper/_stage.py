"""A stage of the reproduction: what it computes, and how its results are kept and shown."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np

from benchmarks._pages import DPI, write_csv


@dataclass(frozen=True)
class Row:
    """One number of ours, and the paper's where it has one.

    Attributes
    ----------
    item : str
        Of the paper: "Table 2".
    method, data, target, measure : str
        What was measured: whose estimates, on which curves, of what, and how.
    value, error : float
        The number and its standard error; an error of None says that there is none.
    paper : float or None
    """

    item: str
    method: str
    data: str
    target: str
    measure: str
    value: float
    error: float | None = None
    paper: float | None = None

    @property
    def ratio(self):
        """Our number over the paper's, None where the paper has none."""
        return None if self.paper is None else self.value / self.paper


@dataclass
class Outcome:
    """What a stage found.

    Attributes
    ----------
    rows : list of Row
    facts : dict
        Whatever else its section of the page tells, in types that JSON has.
    tables : dict of dict
        Data of the figures, by name of the table: columns of one length.
    figures : dict of matplotlib Figure
        By name. Read back they are None: only the files are left.
    """

    rows: list = field(default_factory=list)
    facts: dict = field(default_factory=dict)
    tables: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)

    def find(self, **wanted):
        """Return the one row with such attributes."""
        (row,) = [
            row
            for row in self.rows
            if all(getattr(row, name) == value for name, value in wanted.items())
        ]
        return row


@dataclass(frozen=True)
class Stage:
    """A part of the paper.

    Attributes
    ----------
    name, title : str
    run : callable
        ``run(bench)`` computes its `Outcome`.
    write : callable
        ``write(outcome)`` tells it as Markdown, without the title.
    """

    name: str
    title: str
    run: Callable
    write: Callable


class Results:
    """A folder of results: per stage one JSON file, CSV tables and figures.

    Parameters
    ----------
    folder : Path
    settings : dict
        What results depend on: those of other settings are not taken for finished.
    """

    def __init__(self, folder, settings):
        self.folder = Path(folder)
        self.settings = settings
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def folder_of_networks(self):
        """Where trained networks are kept: another folder for other settings."""
        digest = hashlib.sha256(json.dumps(self.settings).encode()).hexdigest()
        return self.folder / f"networks-{digest[:8]}"

    def read(self, name):
        """Return a stage's Outcome and what was written of the run, or None if it is not there."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            return None
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["run"]["settings"] != self.settings:
            return None
        rows = [Row(**row) for row in kept["rows"]]
        figures = dict.fromkeys(kept["figures"])
        return Outcome(rows, kept["facts"], kept["tables"], figures), kept["run"]

    def write(self, name, outcome, run):
        """Keep an Outcome; `run` tells of the run: seconds, versions, date."""
        for figure_name, figure in outcome.figures.items():
            figure.savefig(self.folder / f"{figure_name}.png", dpi=DPI)
        for table_name, columns in outcome.tables.items():
            write_csv(self.folder / f"{table_name}.csv", columns)
        kept = {
            "run": run | {"settings": self.settings},
            "rows": [asdict(row) for row in outcome.rows],
            "facts": outcome.facts,
            "tables": outcome.tables,
            "figures": [*outcome.figures],
        }
        # A run that is broken off here leaves no half of a file behind.
        whole, part = self.folder / f"{name}.json", self.folder / f"{name}.part"
        part.write_text(json.dumps(kept, indent=1, default=_plain), encoding="utf-8")
        part.replace(whole)

    def write_rows(self, stages):
        """Write the rows of some stages, given by name, into one tidy table."""
        rows = [row for name in stages if (found := self.read(name)) for row in found[0].rows]
        names = [one.name for one in fields(Row)]
        columns = {name: [getattr(row, name) for row in rows] for name in names}
        columns["ratio"] = [row.ratio for row in rows]
        write_csv(self.folder / "results.csv", columns)


def _plain(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value)} does not go into JSON")
