"""What was measured: one row per number, printed as it comes and kept for tables and figures."""

import math
from dataclasses import asdict, dataclass, fields

MEASURED, QUOTED = "measured", "quoted, not measured here"


@dataclass(frozen=True)
class Record:
    """One number.

    Attributes
    ----------
    method, quantity, of : str
        Whose, what, and of which parameter or which curves.
    value, error : float
        In the unit that the quantity's name ends with; an error of None says that there is none.
    source : str
        `MEASURED` or `QUOTED`.
    """

    method: str
    quantity: str
    of: str
    value: float
    error: float | None = None
    source: str = MEASURED


class Records:
    """All numbers of a run.

    Parameters
    ----------
    report : Report
        Prints them.
    """

    def __init__(self, report):
        self.report = report
        self._records, self._last = {}, None

    def add(self, method, quantity, value, *, of="", error=None, source=MEASURED, at_most=None,
            shown=True):  # fmt: skip
        """Keep and print a number; `shown` False only keeps it."""
        value, error = float(value), None if error is None else float(error)
        self._records[method, quantity, of] = Record(method, quantity, of, value, error, source)
        if not shown:
            return
        if method != self._last:
            self.report.line(method, "")
            self._last = method
        text = f"{value:.4g}" if error is None else f"{value:.4g} ± {error:.2g}"
        asked, met = ("", None) if at_most is None else (f"<= {at_most:g}", value <= at_most)
        what = f"  {quantity}" + (f", {of}" if of else "")
        self.report.line(what, text, asked if source == MEASURED else source, met)

    def get(self, method, quantity, of=""):
        """Return a number, NaN if it was not measured."""
        found = self._records.get((method, quantity, of))
        return math.nan if found is None else found.value

    def find(self, method, quantity, of=""):
        """Return a record, None if there is none."""
        return self._records.get((method, quantity, of))

    def columns(self):
        """Return all records as the columns of a tidy table."""
        rows = self.rows()
        return {one.name: [row[one.name] for row in rows] for one in fields(Record)}

    def rows(self):
        """Return all records as dictionaries."""
        return [asdict(record) for record in self._records.values()]
