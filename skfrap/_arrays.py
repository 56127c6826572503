"""Arrays that users give, checked as scikit-learn does, with words on where something is wrong.

What scikit-learn says of rows of different length, or of a missing value, does not say which curve
it is; and it takes masked values for measured ones.
"""

import numpy as np
from sklearn.utils import validation


def validate_data(estimator, X, y="no_validation", *, advice=None, **options):
    """Check curves, and targets if there are any, as scikit-learn's function of this name.

    What is masked in X is missing there; NaN is missing too, and infinity is always refused.

    Parameters
    ----------
    estimator, X, y, **options
        As of scikit-learn's function.
    advice : str, default=None
        What to do about missing values; None is to leave them out.

    Raises
    ------
    ValueError
        If curves differ in length, or values are missing and may not be; it says where.
    """
    X = nan_where_masked(X)
    explain(X, "X", advice, nan_allowed=options.get("ensure_all_finite") == "allow-nan")
    if not isinstance(y, str) and y is not None:
        explain(y, "y")
    return validation.validate_data(estimator, X, y, **options)


def check_array(array, *, input_name="", **options):
    """Check an array as scikit-learn's function of this name, and say where it is wrong."""
    explain(array, input_name)
    return validation.check_array(array, input_name=input_name, **options)


def nan_where_masked(values):
    """Return masked arrays, and lists of masked rows, as plain ones with NaN; all else as it is."""
    if isinstance(values, list | tuple) and is_masked(values):
        return [nan_where_masked(row) for row in values]
    if not isinstance(values, np.ma.MaskedArray):
        return values
    if not np.ma.is_masked(values) or values.dtype.kind not in "fiub":
        return np.asarray(values)
    return values.astype(float).filled(np.nan)


def is_masked(values):
    """Tell whether a masked array, or a list of its rows, masks anything."""
    if isinstance(values, list | tuple):
        return any(isinstance(row, np.ma.MaskedArray) and np.ma.is_masked(row) for row in values)
    return isinstance(values, np.ma.MaskedArray) and bool(np.ma.is_masked(values))


def without_masked(values):
    """Return values with zeros where they are masked."""
    if isinstance(values, list | tuple):
        return [without_masked(row) for row in values]
    return np.ma.filled(values, 0)


def explain(values, name, advice=None, *, nan_allowed=False):
    """Refuse masked values, rows of different length and missing values, and say where they are.

    Everything else passes, for others to check.

    Parameters
    ----------
    values : object
    name : str
        Of the argument.
    advice : str, default=None
        What to do about missing values; None is to leave them out.
    nan_allowed : bool, default=False

    Examples
    --------
    >>> from skfrap._arrays import explain
    >>> explain([[1.0, 0.5, 0.6], [1.0, 0.5]], "X")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: X must hold curves of one length, got 3 frames in curve 0 and 2 in curve 1 ...
    """
    _refuse_masked(values, name)
    if isinstance(values, list | tuple) and values:
        for row in values:
            _refuse_masked(row, name)
        _refuse_other_lengths(values, name)
    try:
        array = np.asarray(values)
    except Exception:  # as it is no array, scikit-learn has words for it
        return
    if array.dtype.kind != "f" or array.ndim not in (1, 2):
        return
    bad = np.isinf(array) if nan_allowed else ~np.isfinite(array)
    if bad.any():
        _refuse_missing(array, bad, name, advice)


def _refuse_masked(values, name):
    if not isinstance(values, np.ma.MaskedArray) or not np.ma.is_masked(values):
        return
    n, places = int(np.ma.count_masked(values)), np.argwhere(np.ma.getmaskarray(values))
    raise ValueError(
        f"{name} has {n} masked values, the first at {tuple(places[0].tolist())} (from 0), "
        "and cannot be used without them; leave out what is masked, with all that belongs to it."
    )


def _refuse_other_lengths(rows, name):
    lengths = [len(row) if hasattr(row, "__len__") else None for row in rows]
    if None in lengths or isinstance(rows[0], str):
        return
    other = next((k for k, length in enumerate(lengths) if length != lengths[0]), None)
    if other is not None:
        raise ValueError(
            f"{name} must hold curves of one length, got {lengths[0]} frames in curve 0 and "
            f"{lengths[other]} in curve {other} (from 0); leave out the frames that the others "
            "lack, or take each length by itself."
        )


def _refuse_missing(array, bad, name, advice):
    places = np.argwhere(bad)
    first = tuple(places[0].tolist())
    what = "NaN" if np.isnan(array[first]) else "infinity"
    column = f", column {first[1]}" if array.ndim == 2 else ""
    advice = advice or "leave out these curves, or the frames in all of them and in the protocol."
    raise ValueError(
        f"{name} contains {what} in row {first[0]}{column} (from 0), and "
        f"{len(np.unique(places[:, 0]))} of {len(array)} rows have values that are NaN or infinity "
        f"(inf); {advice}"
    )
