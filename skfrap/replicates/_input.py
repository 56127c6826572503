"""Values, errors and groups of replicates, out of estimates, tables or arrays."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import norm

from skfrap._checks import check_choice
from skfrap.numerics._magnitude import as_real, check_magnitude
from skfrap.parameters import is_parameter, parameter
from skfrap.results import FRAPEstimates
from skfrap.results._finding import codes_in, worst_code

ALL = "all"  # the group of all curves, where no groups are given
_NO_VALUE = "no value"


def to_natural(values, scale):
    """Turn values on a scale into natural units."""
    return 10.0**values if scale == "log10" else values


def choose_scale(name, scale):
    """Choose the scale on which a parameter is averaged, unless it is given."""
    if scale is None:
        return parameter(name).scale if is_parameter(name) else "linear"
    return check_choice("scale", scale, ("linear", "log10"))


def take_replicates(estimates, errors, name, scale, level=0.95):
    """Take values and standard errors out of what a user has.

    Parameters
    ----------
    estimates : FRAPEstimates, table or array-like of shape (n,)
    errors : array-like of shape (n,) or None
        Of an array of values.
    name : str
        Of the parameter.
    scale : {"log10", "linear"}
    level : float
        Of the intervals in a table.

    Returns
    -------
    values, errors : ndarray of shape (n,)
        On the scale; errors are zero where they are not known.
    reasons : ndarray of shape (n,) of str
        Why a value is not to be averaged; empty where it is.
    """
    if isinstance(estimates, FRAPEstimates):
        estimates, level = estimates.to_dict(), estimates.level
    if not (isinstance(estimates, Mapping) or hasattr(estimates, "columns")):
        return _take_values(estimates, errors, scale)
    if errors is not None:
        raise ValueError("errors go with an array of values; those of a table are its intervals.")
    column = parameter(name).column if is_parameter(name) else name
    if column not in estimates:
        raise ValueError(
            f"the table must have the column {column!r} for {name}, got {', '.join(estimates)}."
        )
    names = [column, *(end for end in (f"{column}_lower", f"{column}_upper") if end in estimates)]
    columns = [np.asarray(estimates[one], dtype=float) for one in names]
    if scale == "log10":
        with np.errstate(divide="ignore", invalid="ignore"):
            columns = [np.log10(one) for one in columns]
    values, errors = columns[0], np.zeros(len(columns[0]))
    if len(columns) == 3:
        errors = (columns[2] - columns[1]) / (2 * norm.ppf(0.5 + 0.5 * level))
    return values, errors, _reasons(estimates, np.isfinite(values) & np.isfinite(errors))


def _reasons(table, finite):
    """Say in a word or two of each row of a table why it is not to be averaged, if it is not."""
    reasons = np.full(len(finite), "", dtype=object)

    def give(where, reason):
        reasons[where & (reasons == "")] = reason

    if "findings" in table:
        # What is no text is an empty cell of a file.
        labels = [one if isinstance(one, str) else "" for one in table["findings"]]
        codes = np.array([worst_code(_codes_in(one)) for one in labels], dtype=object)
        for code in {*codes} - {""}:
            give(codes == code, code.replace("_", " "))
    # From a file, and where a series has failed, these are not plain truth values.
    for column, value, reason in (
        ("poorly_determined", True, "poorly determined"),
        ("converged", False, "not converged"),
    ):
        if column in table:
            give(_is(table[column], value), reason)
    give(~finite, _NO_VALUE)
    return reasons


def _codes_in(labels):
    try:
        return codes_in(labels)
    except ValueError as error:
        raise ValueError(
            f"the table's column 'findings' holds {labels!r}, which is not what this version of "
            "skfrap writes there; estimate again, or rename the column."
        ) from error


def _is(column, value):
    written = np.asarray(column).astype(str)
    return np.isin(written, (str(value), str(int(value)), str(float(value))))


def _take_values(values, errors, scale):
    values = as_real("estimates", values)
    if values.ndim != 1:
        raise ValueError(
            f"estimates must be FRAPEstimates, a table or values of shape (n,), got {values.shape}."
        )
    errors = np.zeros(len(values)) if errors is None else as_real("errors", errors)
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
                f"{values.min():g}; leave them out, or use scale='linear'."
            )
        values, errors = np.log10(values), errors / values / np.log(10)
    finite = np.isfinite(values) & np.isfinite(errors)
    return values, errors, np.where(finite, "", _NO_VALUE).astype(object)


def split_groups(groups, estimates, n):
    """Return the names of groups, in order of appearance, and the rows of each."""
    if groups is None:
        groups = np.full(n, ALL)
    elif isinstance(groups, str):
        if not (isinstance(estimates, Mapping) or hasattr(estimates, "columns")):
            raise ValueError(f"groups is the column {groups!r}, and estimates are not a table.")
        if groups not in estimates:
            raise ValueError(
                f"groups must be a column of the table, {', '.join(estimates)}; got {groups!r}."
            )
        groups = estimates[groups]
    groups = np.asarray(groups).astype(str)
    if groups.shape != (n,):
        raise ValueError(f"groups must name one for each of the {n} curves, got {groups.shape}.")
    if n == 0:
        raise ValueError("estimates must hold at least one curve, got none.")
    names = tuple(dict.fromkeys(groups.tolist()))
    return names, [np.flatnonzero(groups == name) for name in names]
