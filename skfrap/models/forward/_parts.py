"""Long tables evaluated part by part, so that what stands between stays small."""

import numpy as np


def evaluate_in_parts(evaluate, values, wanted, step):
    """Compute scores and their derivatives of a table, so many rows at once.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(values, wanted)`` gives scores and a list of slopes of some rows.
    values : ndarray of shape (n, n_names)
    wanted : sequence of int
        Columns to differentiate by.
    step : int
        Rows at once.

    Returns
    -------
    scores : ndarray of shape (n, n_scores)
    slopes : list of ndarray of shape (n, n_scores)
    """
    if len(values) <= step:
        return evaluate(values, wanted)
    parts = [
        evaluate(values[first : first + step], wanted) for first in range(0, len(values), step)
    ]
    slopes = [np.concatenate(column) for column in zip(*(p[1] for p in parts), strict=True)]
    return np.concatenate([part[0] for part in parts]), slopes
