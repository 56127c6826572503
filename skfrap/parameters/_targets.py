"""Names of y: which targets a table or a series says that it holds."""

import numpy as np

from skfrap.parameters._parameter import parameter_of_target

_MOST_WRAPPERS = 10  # pipelines in searches in pipelines


def names_of_targets(y):
    """Return the names of a table's columns, or of a series.

    Parameters
    ----------
    y : object
        A DataFrame or Series of pandas or polars, another table with names of columns, or an array.

    Returns
    -------
    list of str or None
        None where nothing is named: arrays, series without a name, and tables whose columns are
        numbered.

    Raises
    ------
    ValueError
        If only some of the columns have names.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.parameters._targets import names_of_targets
    >>> names_of_targets(np.ones((2, 3))) is None
    True
    """
    columns = getattr(y, "column_names", getattr(y, "columns", None))
    if columns is None:
        name = getattr(y, "name", None)
        # Data sets in files have a name too, which is their path.
        is_series = hasattr(y, "to_frame") and isinstance(name, str) and name != ""
        return [str(name)] if is_series else None
    columns = [*columns]
    named = [isinstance(name, str) for name in columns]
    if not all(named) or columns == [f"column_{k}" for k in range(len(columns))]:  # of polars
        if any(named) and not all(named):
            raise ValueError(
                f"y must have names for all of its columns or for none, got {columns}; rename them "
                "to strings."
            )
        return None
    return [str(name) for name in columns]


def given_target_names(target_names):
    """Return the argument `target_names` as a list; None where it is None.

    Parameters
    ----------
    target_names : str, sequence of str or None

    Returns
    -------
    list of str or None
    """
    if target_names is None:
        return None
    names = [target_names] if isinstance(target_names, str) else [*target_names]
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(
            "target_names must be names of targets, as 'log10_D' or ['log10_D', 'alpha'], got "
            f"{target_names!r}."
        )
    return names


def check_target_names(names, possible, what):
    """Check that names are those of targets, each once.

    Parameters
    ----------
    names : list of str
    possible : list of str
        What there is to choose from.
    what : str
        Where the names are from, for messages.

    Raises
    ------
    ValueError
        If a name is unknown or comes twice; the message lists what is possible.
    """
    for name in names:
        if name not in possible:
            raise ValueError(
                f"{what} names {name!r}, which is no target here; possible are {possible}."
                f"{_hint(name, possible)}"
            )
    if len({*names}) < len(names):
        raise ValueError(f"{what} must name each target once, got {names}.")


def columns_of_targets(y, answered, what="y"):
    """Tell which columns of predictions belong to the columns of y.

    Parameters
    ----------
    y : array-like or table
    answered : list of str or None
        The targets that an estimator answers in; None where it does not tell them.
    what : str, default="y"
        For messages.

    Returns
    -------
    list of int or None
        None where y has no names, or the estimator does not tell any: columns go by place.
    """
    names = names_of_targets(y)
    if names is None or answered is None:
        return None
    check_target_names(names, [*answered], what)
    return [answered.index(name) for name in names]


def targets_answered_by(estimator):
    """Return the targets in the columns of predictions; None where they are not told.

    Parameters
    ----------
    estimator : estimator
        Fitted, of skfrap or around one: a pipeline, a search, a frozen one.

    Returns
    -------
    list of str or None
    """
    for _ in range(_MOST_WRAPPERS):
        if hasattr(estimator, "target_names_"):
            return estimator.target_names_
        if hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            break
    return None


def in_columns_of(y, answered, what="y"):
    """Return y with its columns in the order of an estimator's predictions.

    Parameters
    ----------
    y : array-like or table
    answered : list of str or None
        As in :func:`columns_of_targets`.
    what : str, default="y"

    Returns
    -------
    object
        y as it is where it has no names; else an array.
    """
    columns = columns_of_targets(y, answered, what)
    if columns is None:
        return y
    if len(columns) != len(answered):
        raise ValueError(
            f"{what} must have the columns {[*answered]}, which are predicted, got "
            f"{names_of_targets(y)}."
        )
    values = np.asarray(y)
    return values if values.ndim == 1 else values[:, np.argsort(columns)]


def _hint(name, possible):
    """Say which target a parameter is estimated as, where the name is the parameter's own."""
    for target in possible:
        try:
            entry = parameter_of_target(target)
        except ValueError:
            continue
        if name in (entry.name, entry.column) and entry.is_logarithmic:
            unit = f" in {entry.unit}" if entry.unit else ""
            return f" {entry.name} is estimated as {target}: give log10 of {entry.name}{unit}."
    return ""
