"""Curves that lack frames: refused, or fitted without them.

What is masked in X is not there, and with ``missing="omit"`` NaN says the same. Rows that lack the
same frames are answered together, by a copy of the estimator that knows of no others. So a fit
without a frame is exact, and a batch without NaN is worked on as if nothing had been asked for.
"""

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from skfrap._arrays import explain, is_masked, validate_data, without_masked
from skfrap._checks import check_choice
from skfrap.inference._patterns import FEWEST_FRAMES, patterns

_MISSING = ("raise", "omit")
_Method = TypeVar("_Method", bound=Callable[..., Any])


class MissingFrames:
    """Let an estimator have a parameter `missing`, and X hold NaN where that is "omit".

    A subclass defines ``_look_at(frames)``, which changes a copy of the estimator into one of some
    of the frames.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._omits
        return tags

    @property
    def _can_omit(self):
        return True

    @property
    def _omits(self):
        return self._can_omit and getattr(self, "missing", "raise") == "omit"

    @property
    def _advice(self):
        return (
            "with missing='omit' single frames are left out of a fit, and curves without data "
            "answer NaN."
        )

    def _validate(self, X, *y, dtype=np.float64, **options):
        """Check X, and y if there is one, as scikit-learn does; infinity is always refused."""
        check_choice("missing", self.missing, _MISSING)
        finite = True
        if self._omits:
            finite = "allow-nan"
        elif self._can_omit and is_masked(X):
            # Whoever masks a value has said that it is missing; NaN beside it is none that is told.
            explain(without_masked(X), "X", self._advice)
            finite = "allow-nan"
        return validate_data(
            self, X, *y, advice=self._advice, dtype=dtype, ensure_all_finite=finite, **options
        )

    def _at(self, frames, rows, n_rows):
        """Make a copy that knows of some frames only, for some rows of a batch."""
        some = object.__new__(type(self))
        vars(some).update(vars(self))
        some.missing = "raise"
        vars(some).pop("feature_names_in_", None)
        if len(frames) < self.n_features_in_:
            some._look_at(frames)
            some.n_features_in_ = len(frames)
        some._take_rows(rows, n_rows)
        return some

    def _take_rows(self, rows, n_rows):
        """Take, of what is given per curve of a batch, that of some rows."""

    def _example(self):
        """Return a curve that can be answered, (1, n_frames): for the form of answers."""
        forward = self._forward()
        lower, upper = forward.space.lower, forward.space.upper
        middle = np.where(np.isfinite(upper), 0.5 * (lower + upper), lower + 1.0)
        return forward.curves(middle[np.newaxis])


def answer_by_pattern(estimator, X, answer):
    """Answer curves that may lack frames.

    Parameters
    ----------
    estimator : MissingFrames
        Fitted.
    X : ndarray of shape (n, n_frames)
        Checked; NaN where there is no value.
    answer : callable
        ``answer(estimator, X, rows)`` gives an array, a tuple of arrays, a Fit or FRAPEstimates for
        some rows, by an estimator of the frames that they have.

    Returns
    -------
    ndarray, tuple, Fit or FRAPEstimates
        With an entry for each row of X; NaN where it has no data.
    """
    # A network that only predicts complete curves has no need of these.
    from skfrap.results._join import join_answers, no_answers, with_all_frames, with_data

    def answer_some(frames, rows, curves):
        some = estimator._at(frames, rows, len(X))
        found = answer(some, np.ascontiguousarray(curves[:, frames]), rows)
        if estimator.model_ is None:
            return found
        return with_all_frames(found, curves, estimator._forward)

    parts, of_parts, empty = [], [], []
    for rows, frames in patterns(X):
        if len(frames) < FEWEST_FRAMES:
            empty.append(rows)
        else:
            parts.append(answer_some(frames, rows, X[rows]))
            of_parts.append(rows)
    if empty:
        rows = np.concatenate(empty)
        like = parts[0] if parts else None
        if like is None:
            like = answer_some(np.arange(X.shape[1]), rows[:1], estimator._example())
        parts.append(no_answers(like, len(rows)))
        of_parts.append(rows)
    return with_data(join_answers(parts, of_parts), X)


def answer_one(estimator, X, answer):
    """Answer one curve that lacks frames, by something that has no entry per curve.

    Parameters
    ----------
    estimator : MissingFrames
        Fitted.
    X : ndarray of shape (1, n_frames)
    answer : callable
        ``answer(estimator, X)``, of the frames that there are.

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If there are no data.
    """
    ((rows, frames),) = patterns(X)
    if len(frames) < FEWEST_FRAMES:
        raise ValueError(f"X holds a curve with {len(frames)} values, in which there is no fit.")
    return answer(estimator._at(frames, rows, 1), X[:, frames])


def complete_curves(X, y, sample_weight):
    """Leave curves that lack frames out of what a network learns from.

    Parameters
    ----------
    X : ndarray of shape (n, n_frames)
    y : ndarray of shape (n,) or (n, n_targets)
    sample_weight : array-like of shape (n,) or None

    Returns
    -------
    X, y, sample_weight
        Of the complete curves.

    Raises
    ------
    ValueError
        If there are none.
    """
    complete = ~np.isnan(X).any(axis=1)
    if not complete.any():
        raise ValueError("X holds no complete curve to learn from: each lacks a frame.")
    warnings.warn(
        f"{np.count_nonzero(~complete)} of {len(X)} curves lack frames and are left out of the "
        "training.",
        UserWarning,
        stacklevel=4,
    )
    if sample_weight is not None:
        sample_weight = _check_sample_weight(sample_weight, X)[complete]
    return X[complete], y[complete], sample_weight


def rows_of(values, rows, n_rows):
    """Take some rows of values that are given per curve; what is one for all stays as it is."""
    if isinstance(values, str) or hasattr(values, "predict"):
        return values
    values = np.atleast_2d(np.asarray(values, dtype=float))
    return values[rows] if len(values) == n_rows else values


def without_missing_frames(method: _Method) -> _Method:
    """Let a method ``method(self, X, ...)`` answer curves that lack frames, where it may."""

    @wraps(method)
    def answered(self, X, *args, **kwargs):
        if self._omits or (self._can_omit and is_masked(X)):
            checked = self._check_curves(X)
            if np.isnan(checked).any():
                return answer_by_pattern(
                    self, checked, lambda some, curves, _: method(some, curves, *args, **kwargs)
                )
        return method(self, X, *args, **kwargs)

    return cast(_Method, answered)
