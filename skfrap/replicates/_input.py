"""Values, errors and groups of replicates, out of estimates, tables or arrays."""

import numpy as np

from skfrap._checks import check_choice
from skfrap.numerics._magnitude import check_magnitude
from skfrap.parameters import is_parameter, parameter
from skfrap.replicates._rows import NO_VALUE, as_floats, is_table, take_rows
from skfrap.results import FRAPEstimates
from skfrap.results._groups import ALL, names_of_groups


def to_natural(values, scale):
    """Turn values on a scale into natural units."""
    return 10.0**values if scale == "log10" else values


def choose_scale(name, scale):
    """Choose the scale on which a parameter is averaged, unless it is given."""
    if scale is None:
        return parameter(name).scale if is_parameter(name) else "linear"
    return check_choice("scale", scale, ("linear", "log10"))


def take_replicates(estimates, errors, name, scale, level=None):
    """Take values and standard errors out of what a user has.

    Parameters
    ----------
    estimates : FRAPEstimates, table or array-like of shape (n,)
    errors : array-like of shape (n,) or None
        Of an array of values.
    name : str
        Of the parameter.
    scale : {"log10", "linear"}
    level : float, default=None
        Of the intervals in a table; None is what the table says, and 0.95 where it says nothing.

    Returns
    -------
    values, errors : ndarray of shape (n,)
        On the scale; errors are zero where they are not known.
    reasons : ndarray of shape (n,) of str
        Why a value is not to be averaged; empty where it is.
    """
    if isinstance(estimates, FRAPEstimates):
        estimates = estimates.to_dict()
    if not is_table(estimates):
        return _take_values(estimates, errors, scale)
    if errors is not None:
        raise ValueError("errors go with an array of values; those of a table are its intervals.")
    return take_rows(estimates, name, scale, level)


def _take_values(values, errors, scale):
    values = as_floats("estimates", values)
    if values.ndim != 1:
        raise ValueError(
            f"estimates must be FRAPEstimates, a table or values of shape (n,), got {values.shape}."
        )
    errors = np.zeros(len(values)) if errors is None else as_floats("errors", errors)
    if errors.shape != values.shape or (errors < 0).any():
        raise ValueError(
            f"errors must be as many as the {len(values)} values and not negative, got {errors}."
        )
    check_magnitude("estimates", values)
    check_magnitude("errors", errors)
    if scale == "log10":
        if (values <= 0).any():
            raise ValueError(
                "values must be positive to be averaged on a logarithmic scale, got "
                f"{np.nanmin(values):g}; leave them out, or use scale='linear'."
            )
        values, errors = np.log10(values), errors / values / np.log(10)
    finite = np.isfinite(values) & np.isfinite(errors)
    return values, errors, np.where(finite, "", NO_VALUE).astype(object)


def split_groups(groups, estimates, n):
    """Return the names of groups, in order of appearance, and the rows of each."""
    if groups is None:
        groups = np.full(n, ALL)
    elif isinstance(groups, str):
        if not is_table(estimates):
            raise ValueError(f"groups is the column {groups!r}, and estimates are not a table.")
        if groups not in estimates:
            raise ValueError(
                f"groups must be a column of the table, {', '.join(estimates)}; got {groups!r}."
            )
        groups = estimates[groups]
    groups = names_of_groups(groups)
    if groups.shape != (n,):
        raise ValueError(f"groups must name one for each of the {n} curves, got {groups.shape}.")
    if n == 0:
        raise ValueError("estimates must hold at least one curve, got none.")
    names = tuple(dict.fromkeys(groups.tolist()))
    return names, [np.flatnonzero(groups == name) for name in names]
