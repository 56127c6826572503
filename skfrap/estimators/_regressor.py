"""What estimators share that fit a model to each curve by itself."""

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from skfrap.protocol import FRAPProtocol


class CurveRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Base class of estimators that learn nothing from the curves they are fitted to.

    A subclass has the parameter `protocol` and sets `target_names_` in its fit.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        # It answers in the parameters of a physical model, whatever the columns of y mean.
        tags.regressor_tags.poor_score = True
        return tags

    def _choose_protocol(self, n_frames):
        """Return the protocol, or one for curves of some width; check that the two agree."""
        if self.protocol is None:
            n_prebleach = max(1, n_frames // 11)  # 10 of the paper's 110 frames
            return FRAPProtocol(n_prebleach=n_prebleach, n_postbleach=n_frames - n_prebleach)
        if not isinstance(self.protocol, FRAPProtocol):
            raise ValueError(f"protocol must be a FRAPProtocol, got {self.protocol!r}.")
        names = getattr(self, "feature_names_in_", self.protocol.feature_names)
        expected = self.protocol.feature_names
        if set(names) == set(expected) and list(names) != list(expected):
            raise ValueError("the columns of X are the protocol's frames in another order; sort X.")
        if self.protocol.n_frames != n_frames:
            raise ValueError(
                f"X has {n_frames} columns, and the protocol has {self.protocol.n_frames} frames "
                f"({self.protocol.n_prebleach} prebleach, {self.protocol.n_postbleach} postbleach)."
            )
        return self.protocol

    def _choose_outputs(self, X, y):
        """Answer in as many columns as y has, the first of `target_names_`, or in all of them."""
        self.n_outputs_, self._flat_output = len(self.target_names_), False
        if y is None:
            return
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
        if len(y) != len(X):
            raise ValueError(f"X has {len(X)} samples and y has {len(y)}; they must agree.")
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if y.ndim > 2 or n_outputs > len(self.target_names_):
            raise ValueError(
                f"y must have the columns {self.target_names_} or the first of them, "
                f"got shape {y.shape}."
            )
        self.n_outputs_, self._flat_output = n_outputs, y.ndim == 1

    def _check_curves(self, X):
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=np.float64)

    def _as_output(self, columns):
        columns = columns[:, : self.n_outputs_]
        return columns[:, 0] if self._flat_output else columns
