"""A stage of a benchmark: what it computes, and how its results are kept and read back."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields

import numpy as np

import skfrap
from benchmarks._pages import DPI, write_csv

_FORMAT = 1  # of the files of results: to be raised when stages tell other facts


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

    row_type = Row
    derived = ("ratio",)  # of a row, written beside its fields

    def find(self, **wanted):
        """Return the one row with such attributes, None if there is none."""
        found = [
            row
            for row in self.rows
            if all(getattr(row, name) == value for name, value in wanted.items())
        ]
        if len(found) > 1:
            raise ValueError(f"{len(found)} rows have {wanted}")
        return found[0] if found else None


@dataclass(frozen=True)
class Stage:
    """A part of a benchmark.

    Attributes
    ----------
    name, title : str
    run : callable
        ``run(bench)`` computes its `Outcome`.
    write : callable
        ``write(outcome)`` tells it as Markdown, without the title; nothing, if it was not run.
    shared : str, default=None
        Name of the outcome that it adds to, where stages share one.
    """

    name: str
    title: str
    run: Callable
    write: Callable
    shared: str | None = None

    @property
    def file(self):
        """What the file of its outcome is called, without its ending."""
        return self.shared or self.name


def settings_of(amounts, seed):
    """Return what results depend on, as JSON gives it back."""
    settings = asdict(amounts) | {"seed": seed, "format": _FORMAT, "skfrap": skfrap.__version__}
    return json.loads(json.dumps(settings))


class Results:
    """A folder of results: JSON files of outcomes, CSV tables and figures.

    Parameters
    ----------
    folder : Path
    settings : dict
        What results depend on: those of other settings are not taken for finished.
    kind : type, default=Outcome
        Of the outcomes.
    figures : str, default=""
        What the names of figures begin with, and their folder.
    """

    def __init__(self, folder, settings, kind=Outcome, figures=""):
        self.folder, self.settings, self.kind, self.figures = folder, settings, kind, figures
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def folder_of_networks(self):
        """Where trained networks are kept: another folder for other settings."""
        digest = hashlib.sha256(json.dumps(self.settings).encode()).hexdigest()
        return self.folder / f"networks-{digest[:8]}"

    def read(self, stage):
        """Return a stage's outcome and what was written of the run, or None if it is not there."""
        path = self.folder / f"{stage.file}.json"
        if not path.exists():
            return None
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["run"]["settings"] != self.settings:
            return None
        rows = [self.kind.row_type(**row) for row in kept["rows"]]
        figures = dict.fromkeys(kept["figures"])
        return self.kind(rows, kept["facts"], kept["tables"], figures), kept["run"]

    def write(self, stage, outcome, run):
        """Keep an outcome; `run` tells of the run: seconds, versions, date."""
        for figure_name, figure in outcome.figures.items():
            path = self.folder / f"{self.figures}{figure_name}.png"
            path.parent.mkdir(exist_ok=True)
            figure.savefig(path, dpi=DPI)
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
        whole, part = (self.folder / f"{stage.file}.{ending}" for ending in ("json", "part"))
        part.write_text(json.dumps(kept, indent=1, default=_plain), encoding="utf-8")
        part.replace(whole)

    def write_rows(self, outcomes, name):
        """Write the rows of outcomes into one tidy table."""
        rows = [row for outcome in outcomes for row in outcome.rows]
        names = [*(one.name for one in fields(self.kind.row_type)), *self.kind.derived]
        columns = {name: [getattr(row, name) for row in rows] for name in names}
        write_csv(self.folder / f"{name}.csv", columns)


def _plain(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value)} does not go into JSON")
