"""Results as rows and tables: plain values, and pandas where it is wanted."""

import numpy as np


class Columns:
    """What results that are columns of a table have in common.

    A subclass has ``__len__``, ``to_dict()``, which returns the columns, and ``_line(k)``, which
    describes a row.
    """

    def to_frame(self):
        """Return a pandas DataFrame of the columns of :meth:`to_dict`."""
        return as_table(self.to_dict())

    def summary(self):
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
