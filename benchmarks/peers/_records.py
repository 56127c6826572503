"""What was measured: one row per number, printed as it comes and kept for tables and figures."""

import math
from dataclasses import dataclass

from benchmarks._pages import number, with_error
from benchmarks._stage import Outcome

# Quantities, as they are called in tables.
LOSS = "loss over least squares"
MEDIAN, LOW, HIGH = "median of D over its true value", "16 % quantile", "84 % quantile"
RMSE = "root mean square error of log10 D"
OFF, AT_BOX = "off by more than a factor of 2, %", "at the limits of D, %"
FAILED = "not converged, %"
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


@dataclass
class Records(Outcome):
    """All numbers of a run.

    Attributes
    ----------
    report : Report
        Prints them as they come. None where they are read back.
    """

    report: object = None

    row_type, derived = Record, ()

    def add(self, method, quantity, value, *, of="", error=None, source=MEASURED, at_most=None,
            shown=True):  # fmt: skip
        """Keep and print a number; `shown` False only keeps it."""
        value, error = float(value), None if error is None else float(error)
        new = not self.rows or self.rows[-1].method != method
        self.rows.append(Record(method, quantity, of, value, error, source))
        if not shown:
            return
        if new:
            self.report.line(method, "")
        text = f"{value:.4g}" if error is None else f"{value:.4g} ± {error:.2g}"
        asked, met = ("", None) if at_most is None else (f"<= {at_most:g}", value <= at_most)
        what = f"  {quantity}" + (f", {of}" if of else "")
        self.report.line(what, text, asked if source == MEASURED else source, met)

    def record(self, method, quantity, of=""):
        """Return a record, None if there is none."""
        return self.find(method=method, quantity=quantity, of=of)

    def get(self, method, quantity, of=""):
        """Return a number, NaN if it was not measured."""
        found = self.record(method, quantity, of)
        return math.nan if found is None else found.value

    def has(self, method):
        """Tell whether a method was judged or timed."""
        return any(row.method == method for row in self.rows)


def loss_text(record):
    """Write a loss over that of least squares."""
    if record.error == 0:
        return f"{record.value:g}"
    if record.value < 10:
        return with_error(record.value, record.error)
    return f"{number(record.value)} ± {number(record.error)}"


def spread_text(records, method, of):
    """Write the median of estimated over true D and where the middle 68 % are."""
    low, middle, high = (records.get(method, quantity, of) for quantity in (LOW, MEDIAN, HIGH))
    return "" if math.isnan(middle) else f"{middle:.3f} ({low:.3f} to {high:.3f})"
