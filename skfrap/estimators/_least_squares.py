"""Least squares on recovery curves, batched, bounded and globally started."""

import numbers

import numpy as np
from scipy.stats import t as student_t
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    validate_data,
)

from skfrap import __version__
from skfrap.estimators._arguments import check_parameters, complete_bounds
from skfrap.estimators._diagnostics import describe_fits
from skfrap.estimators._fitting import ALL, CurveFitter
from skfrap.estimators._results import FRAPEstimates
from skfrap.models import surrogate_for
from skfrap.parameters import PARAMETERS
from skfrap.protocol import FRAPProtocol


class LeastSquaresFRAP(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Estimate D, c0, alpha and, if asked, the mobile fraction from recovery curves.

    Each curve is fitted by itself, by least squares: the sum of squared differences to the exact
    model of free diffusion (Eq. 7 of [1]_) is minimised over a box, from the best point of a grid,
    with bounds active inside the fit. The model is interpolated with an error below 1e-8 and
    curves are reduced to their scores on the model's basis, which loses nothing.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        The experiment. None takes the paper's protocol, with as many frames as X has columns.
    bounds : dict, default=None
        ``{name: (lowest, highest)}`` in natural units for any of the `parameters`. By default D
        (µm²/s) is bounded by what the protocol can resolve (see
        :attr:`skfrap.models.DiffusionModel.D_range`), c0 by 0, and alpha and the mobile fraction
        by 0 and 1.
    parameters : sequence of str, default=("D", "c0", "alpha")
        What to estimate, of ``D``, ``c0``, ``alpha`` and ``mobile_fraction``, in the order of the
        predictions.
    fixed : dict, default=None
        ``{name: value}`` in natural units for what is not estimated; a mobile fraction that is
        neither estimated nor fixed is 1.
    init : {"grid", "random"}, array-like (n_samples, n_targets) or estimator, default="grid"
        Where fits start: at the best point of a grid; at `n_init` random points of the box, the
        same for all curves, the best result kept (as the paper does); at given values in the
        columns of `target_names_`, one row per curve or one for all; or at the predictions of
        another fitted estimator (wrapped in :class:`sklearn.frozen.FrozenEstimator` to survive
        cloning).
    n_init : int, default=30
        Random starts per curve with ``init="random"``.
    max_nfev : int, default=100
        Largest number of steps, each an evaluation of the model, from one start.
    tol : float, default=1e-13
        A fit has converged when the next step would lower its residual sum of squares by less than
        this fraction.
    random_state : int, RandomState instance or None, default=None
        For ``init="random"``.
    n_jobs : int, default=None
        Threads that fit batches of curves side by side. None is 1, -1 all cores.

    Attributes
    ----------
    protocol_ : FRAPProtocol
    bounds_ : dict
        All bounds in use, in natural units.
    target_names_ : list of str
        Columns of the predictions, by default ``["log10_D", "c0", "alpha"]``, D in µm²/s.
    surrogate_ : CurveSurrogate
        The interpolated model.
    n_features_in_ : int
    skfrap_version_ : str
        The version that fitted the estimator.

    References
    ----------
    .. [1] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021), section 2.4.

    Examples
    --------
    >>> from skfrap import FRAPSimulator, LeastSquaresFRAP
    >>> X, y = FRAPSimulator(random_state=0).sample(100, return_X_y=True)
    >>> least_squares = LeastSquaresFRAP().fit(X)
    >>> least_squares.predict(X).shape
    (100, 3)
    >>> estimates = least_squares.estimate(X)
    >>> D = 10 ** y[:, 0]
    >>> inside = (estimates.D_um2_s_lower < D) & (D < estimates.D_um2_s_upper)
    >>> int(inside.sum())  # of 100, at 95 %
    94
    """

    def __init__(
        self,
        protocol=None,
        bounds=None,
        *,
        parameters=("D", "c0", "alpha"),
        fixed=None,
        init="grid",
        n_init=30,
        max_nfev=100,
        tol=1e-13,
        random_state=None,
        n_jobs=None,
    ):
        self.protocol = protocol
        self.bounds = bounds
        self.parameters = parameters
        self.fixed = fixed
        self.init = init
        self.n_init = n_init
        self.max_nfev = max_nfev
        self.tol = tol
        self.random_state = random_state
        self.n_jobs = n_jobs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        # It answers in the parameters of a physical model, whatever the columns of y mean.
        tags.regressor_tags.poor_score = True
        return tags

    def fit(self, X, y=None, sample_weight=None):
        """Prepare the model for the protocol; nothing is learnt from the curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Not needed. If given, :meth:`predict` answers in as many columns, the first of
            `target_names_`, so that scores compare like with like.
        sample_weight : array-like of shape (n_samples,), default=None
            Checked, and without effect: every curve is fitted by itself.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X does not fit the protocol, or bounds are not in order.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_features=2)
        self._check_options()
        self._names = check_parameters(self.parameters, self.fixed or {})
        self.target_names_ = [PARAMETERS[name].target_name for name in self._names]
        self.n_outputs_, self._flat_output = self._check_y(X, y)
        if sample_weight is not None:
            _check_sample_weight(sample_weight, X)
        self.protocol_ = self._choose_protocol(X.shape[1])
        D_range = surrogate_for(self.protocol_).D_range
        self.bounds_ = complete_bounds(self.bounds, self._names, self.fixed or {}, D_range)
        self.surrogate_ = self._choose_surrogate(D_range)
        self._fitter = CurveFitter(
            self.surrogate_,
            self._names,
            self.bounds_,
            max_nfev=self.max_nfev,
            tol=self.tol,
            n_jobs=self.n_jobs,
        )
        self.skfrap_version_ = __version__
        return self

    def predict(self, X, return_std=False):
        """Estimate the parameters of recovery curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
        return_std : bool, default=False
            Also return standard errors, from the Jacobian at the optimum and the residuals.

        Returns
        -------
        theta : ndarray of shape (n_samples, n_targets)
            Columns as in `target_names_`.
        std : ndarray of shape (n_samples, n_targets)
            Only with `return_std`; infinite where the curve does not determine the parameter.
        """
        fits = self._fit_curves(self._check_curves(X))
        theta = self._as_output(fits.theta)
        if return_std:
            return theta, self._as_output(self._standard_errors(fits))
        return theta

    def predict_interval(self, X, level=0.95):
        """Compute confidence intervals from the curvature at the optimum, cut at the bounds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
        level : float, default=0.95
            Nominal coverage.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, 2)
            Lower and upper ends, in the columns of :meth:`predict`.
        """
        fits = self._fit_curves(self._check_curves(X))
        return self._intervals(fits, level)[:, : self.n_outputs_]

    def estimate(self, X, level=0.95):
        """Estimate with everything that a person wants to know.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
        level : float, default=0.95
            Level of the intervals.

        Returns
        -------
        FRAPEstimates
        """
        X = self._check_curves(X)
        fits = self._fit_curves(X)
        intervals = self._intervals(fits, level)
        columns = {}
        # What is fixed stands in the result too, as an interval of no width.
        values = [self._fitter.complete(part) for part in (fits.theta, *intervals.T.swapaxes(1, 2))]
        for k, name in enumerate(ALL):
            if name == "mobile_fraction" and name not in (*self._names, *(self.fixed or {})):
                continue
            key = "D_um2_s" if name == "D" else name
            for end, value in zip(("", "_lower", "_upper"), values, strict=True):
                columns[key + end] = PARAMETERS[name].from_target(value[:, k])
        at_bound, poorly_determined, flags, visible = describe_fits(
            X,
            self.fitted_curves(fits.theta),
            fits,
            self._names,
            self._fitter.lower,
            self._fitter.upper,
            self._standard_errors(fits),
            self._curve_variance(fits),
            "D" in (self.bounds or {}),
        )
        for name in ("D_um2_s", "D_um2_s_lower", "D_um2_s_upper"):
            columns[name][~visible] = np.nan
        return FRAPEstimates(
            **columns,
            noise_a=self._curve_variance(fits) / self.protocol_.noise_gain,
            residual_sum_of_squares=fits.cost,
            converged=fits.converged,
            at_bound=at_bound,
            poorly_determined=poorly_determined,
            flags=flags,
            level=level,
        )

    def fit_curves(self, X):
        """Compute the model's curves that fit measured ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)

        Returns
        -------
        ndarray of shape (n_samples, n_frames)
        """
        return self.fitted_curves(self._fit_curves(self._check_curves(X)).theta)

    def fitted_curves(self, theta):
        """Compute the model's curves for given parameters.

        Parameters
        ----------
        theta : array-like of shape (n_samples, n_targets)
            In the columns of `target_names_`, all of them.

        Returns
        -------
        ndarray of shape (n_samples, n_frames)
        """
        check_is_fitted(self)
        theta = check_array(theta, dtype=np.float64)
        if theta.shape[1] != len(self._names):
            raise ValueError(
                f"theta must have the columns {self.target_names_}, got shape {theta.shape}."
            )
        values = self._fitter.complete(theta).T
        return self.surrogate_.curves(
            **{
                name: PARAMETERS[name].from_target(column)
                for name, column in zip(ALL, values, strict=True)
            }
        )

    # Arguments

    def _check_options(self):
        for name in ("max_nfev", "n_init"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")
        if not isinstance(self.tol, numbers.Real) or not 0 <= self.tol < 1:
            raise ValueError(f"tol must be a number between 0 and 1, got {self.tol!r}.")
        if isinstance(self.init, str) and self.init not in ("grid", "random"):
            raise ValueError(
                f"init must be 'grid', 'random', values or an estimator, got {self.init!r}."
            )
        if hasattr(self.init, "predict"):
            try:
                check_is_fitted(self.init)
            except NotFittedError as error:
                raise NotFittedError(
                    f"init is a {type(self.init).__name__} that is not fitted. To keep a fitted "
                    "one through clone and cross-validation, wrap it in "
                    "sklearn.frozen.FrozenEstimator."
                ) from error

    def _check_y(self, X, y):
        if y is None:
            return len(self._names), False
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
        if len(y) != len(X):
            raise ValueError(f"X has {len(X)} samples and y has {len(y)}; they must agree.")
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if y.ndim > 2 or n_outputs > len(self._names):
            raise ValueError(
                f"y must have the columns {self.target_names_} or the first of them, "
                f"got shape {y.shape}."
            )
        return n_outputs, y.ndim == 1

    def _choose_protocol(self, n_frames):
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

    def _choose_surrogate(self, D_range):
        """Build the interpolated model for all of D that the bounds allow."""
        lowest, highest = self.bounds_["D"]
        if D_range[0] <= lowest and highest <= D_range[1]:
            return surrogate_for(self.protocol_)
        return surrogate_for(self.protocol_, (min(lowest, D_range[0]), max(highest, D_range[1])))

    def _check_curves(self, X):
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=np.float64)

    def _as_output(self, columns):
        columns = columns[:, : self.n_outputs_]
        return columns[:, 0] if self._flat_output else columns

    # Fits

    def _fit_curves(self, X):
        self._check_options()
        fitter = self._fitter
        fitter.n_jobs = self.n_jobs
        if isinstance(self.init, str):
            if self.init == "grid":
                return fitter.fit(X, fitter.nearest_on_grid())
            # The same points for every curve: its estimate does not depend on those beside it.
            random = check_random_state(self.random_state)
            return fitter.fit(X, fitter.at_points(random.uniform(size=(self.n_init, 3))))
        values = self.init.predict(X) if hasattr(self.init, "predict") else self.init
        values = check_array(values, dtype=np.float64, ensure_2d=False, input_name="init")
        values = np.atleast_2d(values)
        if values.shape[1] != len(self._names) or len(values) not in (1, len(X)):
            raise ValueError(
                f"init must give {self.target_names_} for each of the {len(X)} curves or once for "
                f"all, got shape {values.shape}."
            )
        values = np.broadcast_to(values, (len(X), len(self._names)))
        return fitter.fit(X, fitter.at_values(values))

    # What a fit is worth

    def _curve_variance(self, fits):
        freedom = self.n_features_in_ - len(self._names)
        return fits.cost / freedom if freedom > 0 else np.full(len(fits.cost), np.nan)

    def _standard_errors(self, fits):
        variance = np.nan_to_num(self._curve_variance(fits), nan=np.inf)
        information = self._fitter.information(fits.theta)
        scale = np.sqrt(np.einsum("nvv->nv", information))
        scale[scale == 0] = 1.0
        correlation = information / scale[:, :, np.newaxis] / scale[:, np.newaxis]
        singular = np.linalg.cond(correlation) > 1e13
        correlation[singular] = np.eye(len(self._names))
        unscaled = np.sqrt(np.maximum(np.einsum("nvv->nv", np.linalg.inv(correlation)), 0)) / scale
        errors = np.sqrt(variance)[:, np.newaxis] * unscaled
        errors[singular] = np.inf
        return errors

    def _intervals(self, fits, level):
        if not 0 < level < 1:
            raise ValueError(f"level must lie between 0 and 1, got {level!r}.")
        freedom = max(1, self.n_features_in_ - len(self._names))
        reach = student_t.ppf(0.5 + 0.5 * level, freedom) * self._standard_errors(fits)
        ends = np.stack([fits.theta - reach, fits.theta + reach], axis=-1)
        return np.clip(ends, self._fitter.lower[:, np.newaxis], self._fitter.upper[:, np.newaxis])
