"""Results as rows and tables: plain values, and pandas where it is wanted."""

from typing import Any

import numpy as np

from skfrap._text import visible

# What spreadsheets take for a formula where a cell begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_QUOTED = (",", ";", "\t", '"')  # in some country each of the first three separates cells


class Columns:
    """What results that are columns of a table have in common.

    A subclass has ``__len__``, ``to_dict()``, which returns the columns, and ``_line(k)``, which
    describes a row.
    """

    def __len__(self) -> int:
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return the columns by name.

        Returns
        -------
        dict
        """
        raise NotImplementedError

    def _line(self, k: int) -> str:
        raise NotImplementedError

    def to_frame(self) -> Any:
        """Return the columns of :meth:`to_dict` as a table of pandas.

        Returns
        -------
        DataFrame
        """
        return as_table(self.to_dict())

    def summary(self) -> list[str]:
        """Describe each row in a line.

        Returns
        -------
        list of str
        """
        return [self._line(k) for k in range(len(self))]


def plain(value):
    """Return a value of Python's own; None for a number that is not finite.

    Parameters
    ----------
    value : object
        A number, NumPy's too, or anything else, which is returned as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.results._tables import plain
    >>> plain(np.float64(0.5)), plain(np.bool_(True)), plain(float("inf")), plain("D")
    (0.5, True, None, 'D')
    """
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value


def plain_rows(columns):
    """Turn columns into rows of plain values.

    Parameters
    ----------
    columns : dict of str to sequence of length n

    Returns
    -------
    list of n dict

    Examples
    --------
    >>> from skfrap.results._tables import plain_rows
    >>> plain_rows({"sample": ["gel", "water"], "D_um2_s": [12.0, float("nan")]})
    [{'sample': 'gel', 'D_um2_s': 12.0}, {'sample': 'water', 'D_um2_s': None}]
    """
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, map(plain, row), strict=True)) for row in rows]


def as_table(data, index=None):
    """Make a pandas DataFrame.

    Parameters
    ----------
    data : dict of columns or list of rows
    index : sequence, default=None
        Row labels.

    Raises
    ------
    ImportError
        If pandas is not there; the message says how to get it.

    Examples
    --------
    >>> from skfrap.results._tables import as_table
    >>> as_table({"D_um2_s": [12.0, 13.0]}, index=["a.tif", "b.tif"]).shape
    (2, 1)
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("tables need pandas: pip install 'skfrap[all]'") from error
    return pandas.DataFrame(data, index=index)


class CSVTable:
    """Write rows as CSV, and more of them later: each is turned into text only once.

    Columns stand in the order in which rows bring them. Text that a spreadsheet would take for a
    formula is kept from that: a path gets ``./`` in front, which is the same path, and other text
    an apostrophe. What a terminal would obey is written as an escape sequence.

    Examples
    --------
    >>> from skfrap.results._tables import CSVTable
    >>> table = CSVTable()
    >>> table.add({"file": "=1+1.tif", "D_um2_s": 12.0})
    >>> table.add({"file": "b.tif", "error": "too short, 3 frames"})
    >>> print(table.to_text(), end="")
    file,D_um2_s,error
    ./=1+1.tif,12.0,
    b.tif,,"too short, 3 frames"
    """

    def __init__(self, rows=()):
        self._columns, self._lines = {}, []
        for row in rows:
            self.add(row)

    def __len__(self):
        return len(self._lines)

    def add(self, row):
        """Add a row, a dictionary of plain values; columns that it lacks stay empty."""
        new = [name for name in row if name not in self._columns]
        if new:
            self._columns |= dict.fromkeys(new)
            self._lines = [line + "," * len(new) for line in self._lines]
        self._lines.append(",".join(_cell(row.get(name), name) for name in self._columns))

    def to_text(self):
        """Return the table, with its head; of no rows at all nothing is known."""
        head = ",".join(_cell(name, "") for name in self._columns)
        return "".join(f"{line}\n" for line in (head, *self._lines))


def _cell(value, column):
    """Write a value as a cell."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or value != value:  # not a number
        return ""
    if isinstance(value, int | float):
        return repr(value)
    text = visible(str(value))
    if str(value).startswith(_FORMULA):
        text = ("./" if column in ("file", "picture") else "'") + text
    if any(one in text for one in _QUOTED):
        return '"' + text.replace('"', '""') + '"'
    return text


def written_text(cell):
    """Return the text that a cell stands for, without the apostrophe that :class:`CSVTable` adds.

    Examples
    --------
    >>> from skfrap.results._tables import written_text
    >>> written_text("'=gel"), written_text("'quoted'")
    ('=gel', "'quoted'")
    """
    return cell[1:] if cell.startswith(tuple("'" + one for one in _FORMULA)) else cell
