"""What can be asked of every estimator, and what those share that fit each curve by itself."""

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import _get_feature_names, check_is_fitted

from skfrap._arrays import check_array
from skfrap._checks import check_level
from skfrap.estimators._files import RegressorState
from skfrap.estimators._image_input import are_images, rows_of_images
from skfrap.estimators._missing import MissingFrames, without_missing_frames
from skfrap.estimators._samples import (
    OwnProtocols,
    answers_one_experiment,
    answers_samples,
    by_number,
    space_of_all,
)
from skfrap.experiment import CurveSequence, FRAPProtocol
from skfrap.experiment._frames import (
    check_frame_names,
    check_told_start,
    check_width,
    chosen_protocol,
)
from skfrap.inference._intensities import check_size
from skfrap.inference._targets import choose_targets
from skfrap.numerics._magnitude import as_real, check_magnitude
from skfrap.parameters import parameter
from skfrap.parameters._targets import (
    check_target_names,
    columns_of_targets,
    given_target_names,
    names_of_targets,
)
from skfrap.results import Fit, FRAPEstimates

_FLOATS = np.float32, np.float64
LEAST_REACH = 1e-12  # standard errors: none at all of an infinite one would be no number


class FRAPRegressor(
    OwnProtocols, RegressorState, MissingFrames, MultiOutputMixin, RegressorMixin, BaseEstimator
):
    """Base class of all estimators, and the contract that they keep.

    All have ``predict(X, return_std=False)``, ``predict_interval(X, level=0.95)`` of shape
    (n_samples, n_targets, 2) whatever the shape of y, :meth:`estimate`, and, where they know a
    model, :meth:`curves` and :meth:`natural_parameters`. Fitted, they have ``target_names_``,
    ``protocol_``, ``model_``, ``space_`` and ``bounds_``, the last three None where they know no
    model. ``target_names_`` are the columns of predictions, ``space_.target_names`` all that is
    estimated; the columns of y choose of these, by their names or as ``target_names`` says.

    A subclass defines ``_fit_batch(X)``, which returns a :class:`skfrap.results.Fit`; its
    ``_ends(fit, level)``, of intervals, (n, n_free, 2); and ``_forward(weights)``, the ForwardMap
    of its model.
    """

    @answers_samples
    @without_missing_frames
    def estimate(self, X: ArrayLike, level: float = 0.95) -> FRAPEstimates:
        """Estimate with everything that a person wants to know.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.
        level : float, default=0.95
            Level of the intervals.

        Returns
        -------
        FRAPEstimates
            All parameters in natural units with their intervals, the noise, and the findings; its
            `fit` holds the fitted curves, residuals and all else.

        Raises
        ------
        ValueError
            If the estimator knows no model, as a network on the values of curves alone.
        """
        # A network that only predicts has no need of these, and they take long to load.
        from skfrap.inference.fitting._intervals import natural_intervals
        from skfrap.judging._findings import describe_fits
        from skfrap.judging._images import describe_image_fits

        curves = self._check_curves(X)
        level = check_level(level)
        self._check_model("estimate")
        fit = self._fit_batch(curves)
        values, lower, upper = natural_intervals(
            fit, self.model_, self._reported_names(), self._ends(fit, level), self._reach(level)
        )
        instead = "D_effective" if "D_effective" in values else ""
        if fit.n_values is not None:
            report = describe_image_fits(fit, **self._judgement_of_images(fit))
        else:
            report = describe_fits(
                fit.of_first_row(),
                instead=instead,
                larger=self._larger_models,
                whole=fit,
                **self._judgement(fit),
            )
        for name in values:
            if parameter(name).is_rate:
                for ends in (values, lower, upper):
                    ends[name] = np.where(report.visible, ends[name], np.nan)
        return FRAPEstimates(
            values,
            lower,
            upper,
            noise_a=np.broadcast_to(fit.noise.of_pixel, len(fit)),
            noise_b=fit.noise.b if np.ndim(fit.noise.b) else None,
            residual_sum_of_squares=fit.residual_sum_of_squares,
            converged=fit.converged,
            at_bound=report.at_bound,
            findings=report.findings,
            level=level,
            fit=fit,
            larger=report.larger,
        )

    def score(self, X: ArrayLike, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Compute the coefficient of determination of the predictions, averaged over targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The truth. Where it has names, as a DataFrame or Series, each column is compared with
            the prediction of that target, and there may be fewer; else by place.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; None is the same for all.

        Returns
        -------
        float
            1 is perfect.

        Raises
        ------
        ValueError
            If y names what is not predicted.
        """
        from sklearn.metrics import r2_score  # takes long to load

        check_magnitude("y", as_real("y", y))
        predicted = self.predict(X)
        columns = columns_of_targets(y, self.target_names_)
        if columns is not None:
            predicted = predicted.reshape(len(predicted), -1)[:, columns]
            y = np.asarray(y).reshape(len(predicted), -1)
        return r2_score(y, predicted, sample_weight=sample_weight)

    @answers_one_experiment
    @without_missing_frames
    def fit_results(self, X: ArrayLike) -> Fit:
        """Fit curves, and keep all of it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.

        Returns
        -------
        Fit
            Estimates of all that is free, whatever the columns of y; their covariance, the
            model's curves, residuals and noise. What :meth:`estimate` reports, without it being
            judged.
        """
        curves = self._check_curves(X)
        self._check_model("fit_results")
        return self._fit_batch(curves)

    def curves(self, theta: ArrayLike, weights: Literal["mean", "noise"] = "mean") -> np.ndarray:
        """Compute the model's curves for given parameters.

        Parameters
        ----------
        theta : array-like of shape (n_samples, n_targets)
            In the columns of ``space_.target_names``, all of them.
        weights : {"mean", "noise"}, default="mean"
            Of the pixels: those of the curves, or their squares. A curve's noise goes by the light
            with squared weights.

        Returns
        -------
        ndarray of shape (n_samples, n_frames)

        Raises
        ------
        ValueError
            If the estimator knows no model.
        """
        check_is_fitted(self)
        self._check_model("curves")
        return self._forward(weights).curves(self._check_theta(theta))

    def tangents(self, theta: ArrayLike) -> np.ndarray:
        """Compute the derivatives of the model's curves by what is estimated.

        Parameters
        ----------
        theta : array-like of shape (n_samples, n_targets)
            In the columns of ``space_.target_names``, all of them.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, n_frames)
            On the targets' scales.
        """
        check_is_fitted(self)
        self._check_model("tangents")
        return self._forward().tangents(self._check_theta(theta))

    def fitted_curves(
        self, theta: ArrayLike, weights: Literal["mean", "noise"] = "mean"
    ) -> np.ndarray:
        """Compute the model's curves: another name of :meth:`curves`.

        Parameters
        ----------
        theta : array-like of shape (n_samples, n_targets)
            In the columns of ``space_.target_names``, all of them.
        weights : {"mean", "noise"}, default="mean"
            Of the pixels.

        Returns
        -------
        ndarray of shape (n_samples, n_frames)
        """
        return self.curves(theta, weights)

    def fit_curves(self, X: ArrayLike) -> np.ndarray:
        """Compute the model's curves that fit measured ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.

        Returns
        -------
        ndarray of shape (n_samples, n_frames)
            As ``fit_results(X).curves``.
        """
        return self.fit_results(X).curves

    def natural_parameters(self, theta: ArrayLike) -> dict[str, np.ndarray]:
        """Return all parameters of the model in natural units, known ones included.

        Parameters
        ----------
        theta : array-like of shape (n_samples, n_targets)
            In the columns of ``space_.target_names``, all of them.

        Returns
        -------
        dict of str to ndarray of shape (n_samples,)
            Values by name.
        """
        check_is_fitted(self)
        self._check_model("natural_parameters")
        return self.space_.values(self._check_theta(theta))

    # What subclasses may say otherwise

    def _judgement(self, fit):
        """Return what findings take into account besides the fit; see `describe_fits`."""
        return {}

    def _judgement_of_images(self, fit):
        """Return what findings of images take into account; see `describe_image_fits`."""
        fitter = self._image_fitter
        step = None if fitter is None else fitter.step_without_bounds
        return {"given_bounds": getattr(self, "bounds", None) or {}, "step": step}

    _image_fitter: Any = None  # of scores of images, where that is what was fitted

    def _larger_models(self, fit):
        """Return for each curve the larger models that it asks for, a list of lists."""
        from skfrap.judging._larger import find_larger_models

        return find_larger_models(fit, self.model_, given=self._given_names())

    def _given_names(self):
        """Return the parameters that the user has given a value or a prior."""
        return {*(self.fixed or {})}

    def _reported_names(self):
        """Return the parameters to report: in the model's order, without mere defaults."""
        given = {*self.space_.free, *self._given_names()}
        defaults = self.model_.defaults()
        return [name for name, default in defaults.items() if default is None or name in given]

    # Input and output

    def _check_curves(self, X, protocol=None):
        """Check curves of the estimator's protocol, or of another that is given."""
        check_is_fitted(self)
        if are_images(X):
            X = rows_of_images(X, getattr(self, "surrogate_", None))
        plain = type(X) is np.ndarray and X.dtype in _FLOATS and X.ndim == 2 and len(X) > 0
        of_ours = plain and X.shape[1] == self.n_features_in_
        expected = of_ours and np.isfinite(X.sum(dtype=float))
        if expected and not hasattr(self, "feature_names_in_"):
            return check_size(X.astype(float, copy=False))  # to check it otherwise takes long
        names = None if type(X) is np.ndarray else _get_feature_names(X)
        check_frame_names(names, protocol or self.protocol_)
        return check_size(self._validate(X, reset=False))

    def _check_names(self, protocol):
        """Check that the columns that were fitted are the frames of a protocol."""
        check_frame_names(getattr(self, "feature_names_in_", None), protocol)

    def _check_theta(self, theta):
        theta = check_array(theta, dtype=np.float64, input_name="theta")
        names = self.space_.target_names
        if theta.shape[1] != len(names):
            raise ValueError(f"theta must have the columns {names}, got shape {theta.shape}.")
        return theta

    def _check_model(self, what):
        if self._brought:
            raise ValueError(
                f"{what} needs one model, and this {type(self).__name__} was fitted to samples "
                "that bring their protocols: ask for_protocol(protocol), which knows its model."
            )
        if self.model_ is None:
            raise ValueError(
                f"{what} needs an estimator that knows a model, and this network was trained on "
                "values of curves alone; give it a protocol, and targets that are parameters of "
                "a model."
            )

    def _as_output(self, columns):
        """Return the targets' columns in one dimension where y had one."""
        return columns[:, 0] if self._flat_output else columns


class CurveRegressor(FRAPRegressor):
    """Base class of estimators that learn nothing from the curves they are fitted to.

    A subclass has the parameters `protocol` and `target_names`, sets `space_` in its fit and then
    calls ``_choose_outputs(X, y)``. Its ``_tell(X)`` returns estimates of all that is free and
    their standard errors.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        # It answers in the parameters of a physical model, whatever the columns of y mean.
        tags.regressor_tags.poor_score = True
        return tags

    def _choose_protocol(self, n_frames):
        """Return the protocol, or the paper's for curves of some width; check that they agree."""
        if self.protocol is None:
            return self._assume_protocol(n_frames)
        self._check_names(chosen_protocol(self.protocol))
        check_told_start(self.protocol, type(self).__name__)
        check_width(n_frames, self.protocol)
        return self.protocol

    def _assume_protocol(self, n_frames):
        n_prebleach = max(1, n_frames // 11)  # 10 of the paper's 110 frames
        assumed = FRAPProtocol(n_prebleach=n_prebleach, n_postbleach=n_frames - n_prebleach)
        named = getattr(self, "feature_names_in_", None)
        self._check_names(assumed)
        if named is None or list(named) != list(assumed.feature_names):
            warnings.warn(
                f"protocol is None: the {n_frames} columns of X are taken for the DeepFRAP "
                f"paper's experiment, {n_prebleach} frames before and {n_frames - n_prebleach} "
                f"after {assumed.n_bleach} bleach frames, {assumed.frame_interval:g} s apart, of a "
                f"circle of {assumed.bleach_region.radius:g} µm in pixels of "
                f"{assumed.pixel_size:g} µm. Of another experiment D would be wrong: give "
                "protocol=FRAPProtocol(...).",
                UserWarning,
                stacklevel=5,
            )
        return assumed

    # Which of all that is estimated is answered

    def _choose_outputs(self, X, y):
        """Answer in the columns of y, in those that `target_names` asks for, or in all."""
        asked, flat = given_target_names(self.target_names), isinstance(self.target_names, str)
        space = space_of_all(self.estimators_) if self._brought else self.space_
        if y is None:
            names = space.target_names if asked is None else asked
            check_target_names(names, space.target_names, "target_names")
        else:
            named = names_of_targets(y)
            y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
            if y.ndim > 2:
                raise ValueError(f"y must have one or two dimensions, got shape {y.shape}.")
            if len(y) != len(X):
                raise ValueError(f"X has {len(X)} samples and y has {len(y)}; they must agree.")
            told, tell = X, self._tell
            if isinstance(X, CurveSequence):
                told, tell = by_number(X, tell)
            choice = choose_targets(told, y, named, asked, space, tell)
            if choice.doubt:
                warnings.warn(choice.doubt, UserWarning, stacklevel=3)
            names, flat = choice.names, y.ndim == 1
        self.target_names_, self.n_outputs_, self._flat_output = [*names], len(names), flat

    def _settle(self, samples, y):
        """Choose what to answer in, of samples that bring their protocols."""
        self.model_ = self.space_ = self.bounds_ = None
        self._choose_outputs(samples, y)

    @property
    def _answered(self):
        """Columns of theta that are answered; a slice where they are the first ones, in order."""
        names, n = self.space_.target_names, self.n_outputs_
        if names[:n] == self.target_names_:
            return slice(n)
        return [names.index(name) for name in self.target_names_]

    def _as_output(self, columns):
        return super()._as_output(columns[:, self._answered])

    # Files

    def set_fitted_state(self, fitted: dict[str, Any]) -> None:
        """Take what :meth:`fitted_state` gave; files of version 0.1 answer in the first targets.

        Parameters
        ----------
        fitted : dict
            By names that stay in files; empty where the estimator was not fitted.
        """
        super().set_fitted_state(fitted)
        if fitted and "target_names_" not in fitted:
            self.target_names_ = self.space_.target_names[: self.n_outputs_]
