"""Losses in which the accuracy of estimates is measured, and a scorer.

`neg_weighted_mean_squared_error` is :func:`weighted_mean_squared_error`, averaged over targets and
negated, for the `scoring` of :func:`sklearn.model_selection.cross_val_score`,
:class:`~sklearn.model_selection.GridSearchCV` and the like. Each import makes one of its own. For
weights to reach it, with scikit-learn's metadata routing, say
``neg_weighted_mean_squared_error.set_score_request(sample_weight=True)``. A y with names, as a
DataFrame, is compared by these, whatever their order.
"""

from functools import cache
from typing import Any

import numpy as np
from sklearn.utils.validation import check_consistent_length

from skfrap._arrays import check_array
from skfrap._checks import check_choice
from skfrap.numerics._magnitude import check_magnitude
from skfrap.parameters._targets import in_columns_of, targets_answered_by

__all__ = [
    "mean_absolute_percentage_error",
    "neg_weighted_mean_squared_error",  # noqa: F822  by __getattr__
    "weighted_mean_squared_error",
]


def __getattr__(name):
    # Estimators import this module, and do not need sklearn.metrics, which takes long to load.
    # A scorer keeps what is requested of it: one that is shared would route for all at once.
    if name == "neg_weighted_mean_squared_error":
        made = _plain_scorer()
        made.__class__ = _scorer_by_names()
        return made
    if name == "_TargetScorer":  # pickles look for it here
        return _scorer_by_names()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _plain_scorer():
    from sklearn.metrics import make_scorer

    return make_scorer(
        weighted_mean_squared_error, greater_is_better=False, multioutput="uniform_average"
    )


@cache
def _scorer_by_names():
    """Make scikit-learn's class of scorers once more, so that the names of y mean something."""

    class _TargetScorer(type(_plain_scorer())):  # type: ignore[misc]
        def _score(self, method_caller, estimator, X, y_true, **kwargs):
            y_true = in_columns_of(y_true, targets_answered_by(estimator))
            return super()._score(method_caller, estimator, X, y_true, **kwargs)

    _TargetScorer.__module__, _TargetScorer.__qualname__ = __name__, "_TargetScorer"
    return _TargetScorer


def __dir__():
    return sorted({*globals(), *__all__})


def weighted_mean_squared_error(y_true, y_pred, sample_weight=None, multioutput="raw_values"):
    """Compute the paper's loss: mean squared errors weighted by the inverse noise.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples, n_targets) or (n_samples,)
        On the targets' scales, e.g. log10 of D in µm²/s. One dimension is one target.
    sample_weight : array-like of shape (n_samples,), default=None
        Proportional to 1/a with mean 1, as :meth:`skfrap.FRAPSimulator.sample` gives them. None
        weighs all samples alike. Weights are normalised to mean 1 here, which gives losses of the
        paper's size; its section 3.2 says a sum of 1.
    multioutput : {"raw_values", "uniform_average"}, default="raw_values"
        A value per target (Eq. 10 of [1]_), or their mean, the joint loss (Eq. 9).

    Returns
    -------
    ndarray of shape (n_targets,) or float

    References
    ----------
    .. [1] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021), Eqs. 9 and 10 and
       section 3.2.

    Examples
    --------
    >>> from skfrap.metrics import weighted_mean_squared_error
    >>> weighted_mean_squared_error([[0.0], [0.0]], [[1.0], [2.0]], [3.0, 1.0]).tolist()
    [1.75]
    """
    check_choice("multioutput", multioutput, ("raw_values", "uniform_average"))
    y_true, y_pred = _check_targets(y_true, y_pred)
    if sample_weight is not None:
        sample_weight = check_array(sample_weight, ensure_2d=False, input_name="sample_weight")
        check_consistent_length(y_true, sample_weight)
        if not sample_weight.sum() > 0:
            raise ValueError("sample_weight must be positive in all, got a sum of 0 or less.")
    losses = np.average((y_pred - y_true) ** 2, axis=0, weights=sample_weight)
    return losses if multioutput == "raw_values" else float(losses.mean())


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Compute the mean absolute error of each column in percent of the true value.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples, n_targets) or (n_samples,)
        In natural units: D itself, not its logarithm.

    Returns
    -------
    ndarray of shape (n_targets,)
        Percent.

    Examples
    --------
    >>> from skfrap.metrics import mean_absolute_percentage_error
    >>> mean_absolute_percentage_error([[100.0], [50.0]], [[110.0], [45.0]]).tolist()
    [10.0]
    """
    y_true, y_pred = _check_targets(y_true, y_pred)
    if (y_true == 0).any():
        raise ValueError("y_true must not hold zeros: the error would be divided by zero.")
    return 100 * np.mean(np.abs((y_pred - y_true) / y_true), axis=0)


def _check_targets(y_true, y_pred):
    options = {"dtype": np.float64, "ensure_2d": False}
    y_true = check_array(y_true, input_name="y_true", **options)
    y_pred = check_array(y_pred, input_name="y_pred", **options)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_true and y_pred must have one shape, got {y_true.shape} and {y_pred.shape}."
        )
    check_magnitude("y_true", y_true)
    check_magnitude("y_pred", y_pred)
    return y_true.reshape(len(y_true), -1), y_pred.reshape(len(y_pred), -1)
