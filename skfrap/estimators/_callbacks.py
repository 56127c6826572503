"""Callbacks of scikit-learn 1.9 and later: who watches a training, or ends it."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar, cast

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:  # before scikit-learn 1.9
    _with_callbacks = None

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Support no callbacks."""


_Method = TypeVar("_Method", bound=Callable[..., Any])


def with_callbacks(method: _Method) -> _Method:
    """Let callbacks know when a method begins and ends, where scikit-learn has callbacks."""
    return method if _with_callbacks is None else cast(_Method, _with_callbacks(method))


class Watch:
    """Tell the callbacks of an estimator of every pass of its training.

    Parameters
    ----------
    estimator : NeuralFRAP
        In training.
    n_passes : int
        How many there are at most.
    X, y : ndarray, default=None
        What is learnt from, where it is not a stream.
    """

    def __init__(self, estimator, n_passes, X=None, y=None):
        self._estimator, self._given = estimator, {"X": X, "y": y}
        self._context = self._pass = None
        if hasattr(estimator, "_init_callback_context"):
            self._context = estimator._init_callback_context(max_subtasks=n_passes)
            self._context.call_on_fit_task_begin(estimator=estimator, **self._given)

    def begin(self):
        """Tell that a pass begins."""
        if self._context is not None:
            self._pass = self._context.subcontext(task_name="pass")
            self._pass.call_on_fit_task_begin(estimator=self._estimator, **self._given)

    def end(self, result):
        """Tell that a pass has ended; return whether a callback ends the training.

        Parameters
        ----------
        result : callable
            Gives the network and the state of its training as they are now. It is called only if a
            callback asks for the estimator as it would be, fitted.
        """
        if self._pass is None:
            return False
        return self._pass.call_on_fit_task_end(
            estimator=self._estimator,
            **self._given,
            reconstruction_attributes=lambda: self._fitted(result),
        )

    def close(self, result):
        """Tell that the training has ended."""
        if self._context is not None:
            self._context.call_on_fit_task_end(
                estimator=self._estimator,
                **self._given,
                reconstruction_attributes=lambda: self._fitted(result),
            )

    def _fitted(self, result):
        fitted = copy.copy(self._estimator)
        fitted._keep(*result())
        before = vars(self._estimator)
        return {
            name: value
            for name, value in vars(fitted).items()
            if name not in before or before[name] is not value
        }
