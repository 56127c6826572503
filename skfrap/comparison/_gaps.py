"""Comparisons of curves that lack frames: each is compared by the frames that it has."""

from dataclasses import fields, replace

import numpy as np

from skfrap.inference._patterns import FEWEST_FRAMES, patterns
from skfrap.results._join import join_answers, with_all_frames


def compare_by_pattern(fitted, X, compare):
    """Compare models on curves that lack frames: those that lack the same at once.

    Parameters
    ----------
    fitted : dict of str to estimator
    X : ndarray of shape (n, n_frames)
        NaN where there is no value.
    compare : callable
        ``compare(estimators, X)`` gives a ModelComparison of curves without gaps.

    Returns
    -------
    ModelComparison

    Raises
    ------
    ValueError
        If a model cannot do without frames, or a curve has no data.
    """
    for name, estimator in fitted.items():
        if not hasattr(estimator, "_at"):
            raise ValueError(
                f"X has missing values, and model {name!r} cannot be compared without these "
                "frames; leave out the curves that lack frames."
            )
    parts, of_parts = [], []
    for rows, frames in patterns(X):
        if len(frames) < FEWEST_FRAMES:
            raise ValueError(
                f"X has {len(frames)} values in row {rows[0]} (from 0), in which there is nothing "
                "to compare; leave out such curves."
            )
        some = {name: one._at(frames, rows, len(X)) for name, one in fitted.items()}
        part = compare(some, np.ascontiguousarray(X[np.ix_(rows, frames)]))
        parts.append(_with_all_frames(part, fitted, X[rows]))
        of_parts.append(rows)
    return _joined(parts, of_parts)


def _with_all_frames(comparison, fitted, X):
    """Give the fits the width of the experiment."""
    fits = []
    for fit in comparison.fits:
        estimates = fit.estimates
        if estimates is not None:
            estimates = with_all_frames(estimates, X, fitted[fit.name]._forward)
        fits.append(replace(fit, estimates=estimates))
    return replace(comparison, fits=tuple(fits))


def _joined(parts, rows):
    """Put comparisons together, in the order of the curves."""
    fits = tuple(_joined_arrays(some, rows) for some in zip(*(p.fits for p in parts), strict=True))
    tests = tuple(
        _joined_arrays(some, rows) for some in zip(*(p.tests for p in parts), strict=True)
    )
    criteria = {
        name: join_answers([part.criteria[name] for part in parts], rows)
        for name in parts[0].criteria
    }
    return replace(parts[0], fits=fits, tests=tests, criteria=criteria)


def _joined_arrays(parts, rows):
    """Join dataclasses that hold arrays with an entry for each curve; the rest is one for all."""
    joined = {}
    for field in fields(parts[0]):
        values = [getattr(part, field.name) for part in parts]
        if field.name == "estimates":
            joined[field.name] = None if values[0] is None else join_answers(values, rows)
        elif field.name == "goodness":
            joined[field.name] = None if values[0] is None else _joined_arrays(values, rows)
        elif isinstance(values[0], np.ndarray):
            joined[field.name] = join_answers(values, rows)
    return replace(parts[0], **joined)
