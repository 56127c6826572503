"""Names of the groups that curves are of, as people and spreadsheets write them."""

import numpy as np

ALL = "all"  # the group of all curves, where no groups are given


def is_empty(value):
    """Tell whether a cell is empty: None, not a number, pandas' missing value or a masked one."""
    if value is None or value is np.ma.masked or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def names_of_groups(groups, what="groups"):
    """Return names of groups as text, without blanks around them; refuse what has no name.

    Parameters
    ----------
    groups : array-like of shape (n,)
        Text, or numbers.
    what : str, default="groups"
        Named in messages.

    Returns
    -------
    ndarray of shape (n,) of str

    Raises
    ------
    ValueError
        If an entry is empty.
    """
    groups = groups if isinstance(groups, np.ma.MaskedArray) else np.asarray(groups)
    if groups.ndim != 1:
        raise ValueError(f"{what} must have the shape (n,), got {groups.shape}.")
    names = []
    for row, one in enumerate(groups):
        if is_empty(one) or not str(one).strip():
            raise ValueError(
                f"{what} has no name in row {row} (from 0); name the sample of each curve, or "
                "leave the row out."
            )
        whole = isinstance(one, float | np.floating) and float(one).is_integer()
        names.append(str(int(one)) if whole else str(one).strip())
    return np.array(names, dtype=str)
