"""What a pipeline can do because its last step can."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skfrap.results import Fit, FRAPEstimates

_Method = TypeVar("_Method", bound=Callable[..., Any])


def _last_has(name: str) -> Callable[[_Method], _Method]:
    """Offer a method where the last step has it."""

    def check(self):
        getattr(self._last, name)  # its AttributeError says what is missing
        return True

    return available_if(check)


def _of_last(name, doc):
    """Make a property that is the last step's."""

    def get(self):
        check_is_fitted(self)
        return getattr(self._last, name)

    return property(get, doc=doc)


class OfLastStep:
    """Methods and attributes of the last step, which sees the curves that those before it give.

    A subclass has ``_last``, that step, and ``recovery_curves(X)``.
    """

    @property
    def _last(self) -> Any:
        raise NotImplementedError

    def recovery_curves(self, X: Any) -> Any:
        """Give what the last step sees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
            Image stacks.

        Returns
        -------
        ndarray of shape (n_samples, n_frames)
        """
        raise NotImplementedError

    @_last_has("predict")
    def predict(self, X: Any, **params: Any) -> Any:
        """Estimate the parameters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
        **params
            Of the estimator, as ``return_std=True``.

        Returns
        -------
        theta : ndarray of shape (n_samples, n_targets)
            Columns as in `target_names_`.
        std : ndarray of shape (n_samples, n_targets)
            Only with `return_std`.
        """
        return self._ask("predict", X, **params)

    @_last_has("predict_interval")
    def predict_interval(self, X: Any, level: float = 0.95, **params: Any) -> np.ndarray:
        """Compute intervals.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
        level : float, default=0.95
        **params
            Of the estimator, as `method`.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, 2)
            Lower and upper ends, in the columns of `target_names_`.
        """
        return self._ask("predict_interval", X, level, **params)

    @_last_has("estimate")
    def estimate(self, X: Any, level: float = 0.95, **params: Any) -> FRAPEstimates:
        """Estimate with everything that a person wants to know.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
        level : float, default=0.95
            Level of the intervals.
        **params
            Of the estimator.

        Returns
        -------
        FRAPEstimates
        """
        return self._ask("estimate", X, level, **params)

    @_last_has("sample_posterior")
    def sample_posterior(self, X: Any, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """Draw parameters from the posterior.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
        n_samples : int, default=1
            Draws per curve.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        ndarray of shape (n_curves, n_samples, n_targets)
        """
        return self._ask("sample_posterior", X, n_samples, random_state)

    @_last_has("log_evidence")
    def log_evidence(self, X: Any) -> np.ndarray:
        """Compute the logarithm of the probability density of curves, whatever their parameters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._ask("log_evidence", X)

    @_last_has("fit_results")
    def fit_results(self, X: Any) -> Fit:
        """Fit curves, and keep all of it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths

        Returns
        -------
        Fit
        """
        return self._ask("fit_results", X)

    @_last_has("profile")
    def profile(self, X: Any, name: str, values: ArrayLike) -> np.ndarray:
        """Fit one curve with a parameter at each of several values, all others anew.

        Parameters
        ----------
        X : array-like of shape (1, n_frames, ny, nx), or sequence of one stack or path
        name : str
            One of the estimated parameters.
        values : array-like of shape (n_values,)
            In natural units, within the bounds.

        Returns
        -------
        ndarray of shape (n_values,)
            Residual sums of squares.
        """
        return self._ask("profile", X, name, values)

    @_last_has("score")
    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Compute the coefficient of determination of the predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return self._ask("score", X, y, **weights)

    @_last_has("natural_parameters")
    def natural_parameters(self, theta: ArrayLike) -> dict[str, np.ndarray]:
        """Return all parameters of the model in natural units, known ones included.

        Parameters
        ----------
        theta : array-like of shape (n_samples, n_targets)
            In the columns of `target_names_`, all of them.

        Returns
        -------
        dict of str to ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self._last.natural_parameters(theta)

    @_last_has("curves")
    def curves(self, theta: ArrayLike, weights: str = "mean") -> np.ndarray:
        """Compute the model's curves for given parameters.

        Parameters
        ----------
        theta : array-like of shape (n_samples, n_targets)
            In the columns of `target_names_`, all of them.
        weights : {"mean", "noise"}, default="mean"
            Of the pixels: those of the curves, or their squares.

        Returns
        -------
        ndarray of shape (n_samples, n_frames)
        """
        check_is_fitted(self)
        return self._last.curves(theta, weights)

    def _ask(self, method, X, /, *args, **params):
        curves = self.recovery_curves(X)
        return getattr(self._last, method)(curves, *args, **params)

    target_names_ = _of_last("target_names_", "Columns of the predictions.")
    n_outputs_ = _of_last("n_outputs_", "Number of columns of the predictions.")
    model_ = _of_last("model_", "The model whose parameters are estimated.")
    space_ = _of_last("space_", "What of the model is estimated, and what is known.")
    bounds_ = _of_last("bounds_", "Ranges of the parameters, in natural units.")

    @property
    def n_features_in_(self):
        """Number of columns of X, where the first step has columns."""
        check_is_fitted(self)
        return self.pipeline_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the columns of X, where it has them."""
        check_is_fitted(self)
        return self.pipeline_.feature_names_in_
