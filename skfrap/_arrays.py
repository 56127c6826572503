"""Arrays that users give, checked as scikit-learn does, with words on where something is wrong.

What scikit-learn says of rows of different length, or of a missing value, does not say which curve
it is; and it takes masked values for measured ones.
"""

import numpy as np
from sklearn.utils import validation


def validate_data(estimator, X, y="no_validation", **options):
    """Check curves, and targets if there are any, as scikit-learn's function of this name.

    Raises
    ------
    ValueError
        If values are masked, curves differ in length, or values are missing; it says where.
    """
    explain(X, "X")
    if not isinstance(y, str) and y is not None:
        explain(y, "y")
    return validation.validate_data(estimator, X, y, **options)


def check_array(array, *, input_name="", **options):
    """Check an array as scikit-learn's function of this name, and say where it is wrong."""
    explain(array, input_name)
    return validation.check_array(array, input_name=input_name, **options)


def explain(values, name):
    """Refuse masked values, rows of different length and missing values, and say where they are.

    Everything else passes, for others to check.

    Parameters
    ----------
    values : object
    name : str
        Of the argument.

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
    if array.dtype.kind == "f" and array.ndim in (1, 2) and not np.isfinite(array).all():
        _refuse_missing(array, name)


def _refuse_masked(values, name):
    if not isinstance(values, np.ma.MaskedArray) or not np.ma.is_masked(values):
        return
    n, places = int(np.ma.count_masked(values)), np.argwhere(np.ma.getmaskarray(values))
    raise ValueError(
        f"{name} has {n} masked values, the first at {tuple(places[0].tolist())} (from 0), and a "
        "curve cannot be used here without some of its values; leave out whole curves, or mask "
        "whole frames in all curves alike for LeastSquaresFRAP and BayesianFRAP."
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


def _refuse_missing(array, name):
    places = np.argwhere(~np.isfinite(array))
    first = tuple(places[0].tolist())
    what = "NaN" if np.isnan(array[first]) else "infinity"
    column = f", column {first[1]}" if array.ndim == 2 else ""
    raise ValueError(
        f"{name} contains {what} in row {first[0]}{column} (from 0), and "
        f"{len(np.unique(places[:, 0]))} of {len(array)} rows have values that are NaN or infinity "
        "(inf); leave out these curves, or the frames in all of them and in the protocol."
    )
