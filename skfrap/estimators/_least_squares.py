"""Least squares on recovery curves, batched, bounded and globally started."""

import numpy as np
from scipy.stats import t as student_t
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
)

from skfrap import __version__
from skfrap._arrays import check_array
from skfrap._checks import check_choice, check_count, check_level, check_range
from skfrap.estimators._missing import answer_one, rows_of, without_missing_frames
from skfrap.estimators._regressor import LEAST_REACH, CurveRegressor
from skfrap.experiment import NOISE_KINDS, Noise
from skfrap.inference._intensities import check_size
from skfrap.inference.fitting._bootstrap import bootstrap_ends, check_n_bootstrap
from skfrap.inference.fitting._fitter import CurveFitter
from skfrap.inference.fitting._frames import fitter_at_frames
from skfrap.inference.fitting._intervals import confidence_ends, profile_costs
from skfrap.inference.fitting._objectives import HuberLoss, ProportionalNoise
from skfrap.judging._findings import SimplerModel, judge_residuals
from skfrap.judging._larger import find_larger_models, without_outliers
from skfrap.models import CurveSurrogate, ForwardMap, evaluator_of, model_for
from skfrap.models.forward._choice import choose_evaluators
from skfrap.parameters import ParameterSpace, check_value, parameter
from skfrap.results import Fit

_METHODS = ("auto", "curvature", "profile", "bootstrap")
_PROFILES = "noise='constant' and loss='squared', and with more frames than parameters"
_DARKEST = 1e-6  # of the largest standard deviation of the noise
_LOSSES = ("squared", "huber")


class LeastSquaresFRAP(CurveRegressor):
    """Estimate the parameters of a model from recovery curves, by default D, c0 and alpha.

    Each curve is fitted by itself, by least squares: the sum of squared differences to the model
    (Eq. 7 of [1]_) is minimised over a box, from the best point of a grid, with bounds active
    inside the fit. Where one or two of the parameters shape the curve the exact model is
    interpolated, with an error below 1e-8 (of one) or 1e-6 (of two), and curves are reduced to
    their scores on the model's basis, which loses nothing; otherwise it is evaluated directly.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        The experiment. None takes the paper's protocol, with as many frames as X has columns.
    bounds : dict, default=None
        ``{name: (lowest, highest)}`` in natural units for any of the `parameters`. By default D
        (µm²/s) and rates are bounded by what the protocol can resolve (see the `bounds` of the
        model), c0 by 0, and alpha and fractions by 0 and 1.
    model : str, subclass of CurveModel or CurveModel, default="diffusion"
        What happens in the sample: ``"diffusion"``, ``"binding"``, ``"two_populations"``,
        ``"turnover"``, ``"anomalous"``, ``"subdiffusion"``, ``"flow"``, or a closed form,
        ``"soumpasis"``, ``"gaussian_beam"``, ``"exponential"``, ``"reaction"``; see
        :mod:`skfrap.models`.
    parameters : sequence of str, default=None
        What to estimate, of the arguments of the model's `curves`, in the order of the predictions
        where y says no other. None is those without a default that are not fixed, as
        ``("D", "c0", "alpha")``.
    target_names : str or sequence of str, default=None
        Which targets y holds, in its order, where it has no names; without y, what to answer in,
        a name alone in one dimension. None is all, or what y's columns are; see :meth:`fit`.
    fixed : dict, default=None
        ``{name: value}`` in natural units for what is not estimated, where it is not the model's
        default; with ``noise="proportional"`` also the noise ``a`` and ``b``, if they are known.
    noise : {"constant", "proportional"}, default="constant"
        Variance of a pixel's noise. Constant is least squares; for a variance of ``a + b *
        intensity`` (Eq. 5) the likelihood is maximised, over a and b too unless they are fixed.
        Where pixels count unequally that takes a second preparation of the exact model.
    loss : {"squared", "huber"}, default="squared"
        "huber" bounds the influence of single frames: residuals beyond 1.345 standard deviations
        count linearly. Only with constant noise.
    init : {"grid", "random"}, array-like (n_samples, n_targets) or estimator, default="grid"
        Where fits start: at the best point of a grid; at `n_init` random points of the box, the
        same for all curves, the best result kept; at given values in the
        columns of ``space_.target_names``, one row per curve or one for all; or at the predictions
        of another fitted estimator (wrapped in :class:`sklearn.frozen.FrozenEstimator` to survive
        cloning), and at the best point of the grid too where that is quite elsewhere.
    n_init : int, default=30
        Random starts per curve with ``init="random"``. The paper takes 30 for its experiment
        (section 3.4 of [1]_), drawn evenly in D and anew for each curve; here they are even in
        log10 D.
    max_nfev : int, default=500
        Largest number of steps, each an evaluation of the model, from one start.
    tol : float, default=1e-13
        A fit has converged when the next step would lower its residual sum of squares by less than
        this fraction.
    interpolate : bool or "auto", default="auto"
        Whether to interpolate the model. "auto" is by cost, counted in evaluations of the model: a
        fit takes some 60, interpolation over one parameter as many, over two 500 to 1000. So one is
        always interpolated, two for four curves or more in :meth:`fit`, three never.
    random_state : int, RandomState instance or None, default=None
        For ``init="random"``, and for bootstrap intervals.
    n_jobs : int, default=None
        Threads that fit batches of curves side by side. None is 1, -1 all cores.
    missing : {"raise", "omit"}, default="raise"
        What NaN in X does. "omit" leaves the frame out of the fit of that curve, exactly; where
        `init` is an estimator the fit then starts from the grid. A curve with fewer than two values
        answers NaN, with the finding ``no_data``. Infinity is always refused.

    Attributes
    ----------
    protocol_ : FRAPProtocol
    space_ : ParameterSpace
        What is estimated, in which bounds, and what is known.
    bounds_ : dict
        All bounds in use, in natural units.
    target_names_ : list of str
        Columns of the predictions, by default ``["log10_D", "c0", "alpha"]``, D in µm²/s.
    model_ : CurveModel
    surrogate_ : CurveSurrogate or None
        The interpolated model, if it is; stored with the estimator.
    n_features_in_ : int
    skfrap_version_ : str
        The version that fitted the estimator.

    See Also
    --------
    BayesianFRAP : What the curve leaves of a prior.
    NeuralFRAP : The same, as learnt from simulated curves.

    References
    ----------
    .. [1] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021), sections 2.3 and
       3.4.

    Examples
    --------
    >>> from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
    >>> X, y = FRAPSimulator(random_state=0).sample(100, return_X_y=True)
    >>> least_squares = LeastSquaresFRAP(FRAPProtocol()).fit(X)
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
        model="diffusion",
        parameters=None,
        target_names=None,
        fixed=None,
        noise="constant",
        loss="squared",
        init="grid",
        n_init=30,
        max_nfev=500,
        tol=1e-13,
        interpolate="auto",
        random_state=None,
        n_jobs=None,
        missing="raise",
    ):
        self.protocol = protocol
        self.bounds = bounds
        self.model = model
        self.parameters = parameters
        self.target_names = target_names
        self.fixed = fixed
        self.noise = noise
        self.loss = loss
        self.init = init
        self.n_init = n_init
        self.max_nfev = max_nfev
        self.tol = tol
        self.interpolate = interpolate
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.missing = missing

    def fit(self, X, y=None, sample_weight=None):
        """Prepare the model for the protocol; nothing is learnt from the curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Not needed. If given, :meth:`predict` answers in its columns: by the names of a
            DataFrame or Series, else as `target_names` says, else in the targets that they
            clearly follow in what the curves tell, or the first ones. What is on another scale or
            outside of the bounds is refused by name, and warned of without one.
        sample_weight : array-like of shape (n_samples,), default=None
            Checked, and without effect: every curve is fitted by itself.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X does not fit the protocol, bounds are not in order, or y names what is not
            estimated, or is not what it names.
        """
        X = check_size(self._validate(X, ensure_min_features=2))
        self._check_options()
        self.protocol_ = self._choose_protocol(X.shape[1])
        self.model_ = model_for(self.protocol_, self.model)
        fixed, objective = self._choose_objective()
        self.space_ = ParameterSpace.of(self.model_, self.parameters, fixed, self.bounds)
        self.bounds_ = dict(self.space_.bounds)
        if sample_weight is not None:
            _check_sample_weight(sample_weight, X)
        evaluator, guide = choose_evaluators(
            self.model, self.model_, self.space_, self.interpolate, len(X)
        )
        light = None
        if self.noise == "proportional":
            light = evaluator_of("noise", evaluator, self.model)
        self.surrogate_ = evaluator if isinstance(evaluator, CurveSurrogate) else None
        self._fitter = CurveFitter(
            evaluator,
            self.space_,
            guide=guide,
            objective=objective,
            light=light,
            max_nfev=self.max_nfev,
            tol=self.tol,
            n_jobs=self.n_jobs,
        )
        self._simpler = self._fitter_of_simpler_model(fixed, len(X))
        self._choose_outputs(X, y)
        self.skfrap_version_ = __version__
        return self

    @without_missing_frames
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
        fits = self._fits(self._check_curves(X))
        theta = self._as_output(fits.theta)
        if return_std:
            covariance = self._fitter.covariance(fits, self.n_features_in_)
            return theta, self._as_output(np.sqrt(np.einsum("nvv->nv", covariance)))
        return theta

    @without_missing_frames
    def predict_interval(self, X, level=0.95, method="auto", *, n_bootstrap=200):
        """Compute confidence intervals, within the bounds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
        level : float, default=0.95
            Nominal coverage.
        method : {"auto", "curvature", "profile", "bootstrap"}, default="auto"
            From the curvature at the optimum; or from the profile likelihood: the ends are where
            the cost has risen as the level allows, all other parameters fitted anew. "auto" takes
            the profile for curves whose interval is wide, where the two differ: that of D, a rate
            or a half-time spans more than a quarter; and the wider of the two where the bounds cut
            the interval of another parameter. Profiles are of least squares only. For "bootstrap"
            see the notes.
        n_bootstrap : int, default=200
            Curves that are simulated from each fit by ``method="bootstrap"``.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, 2)
            Lower and upper ends, in the columns of :meth:`predict`.

        Notes
        -----
        ``method="bootstrap"`` simulates curves from the fit, with normal noise of the variance that
        was fitted, fits them, and takes the interval from how these fits scatter: a parametric
        bootstrap-t [1]_, with noise that `random_state` determines and that is the same for all
        curves. It costs `n_bootstrap` fits per curve: some 4 ms where the model is interpolated,
        ten times that with ``noise="proportional"``, seconds to minutes where the model is
        evaluated directly.

        It helps where the curvature misleads and there is no profile, as with wide intervals and
        ``noise="proportional"``, and as a check of the others. Where a fit is well determined it
        gives what the curvature gives; where bleaching is hardly visible profiles are more
        trustworthy. Not with ``loss="huber"``: outliers are of no distribution to simulate from.

        References
        ----------
        .. [1] Efron and Tibshirani, An Introduction to the Bootstrap (1993), sections 6.5 and 12.5.
        """
        X, level = self._check_curves(X), check_level(level)
        check_choice("method", method, _METHODS)
        fit = self._fit_batch(X)
        if method == "bootstrap":
            ends = self._bootstrap_ends(fit, level, n_bootstrap)
        else:
            ends = self._ends(fit, level, method)
        return ends[:, self._answered]

    def profile(self, X, name, values):
        """Fit one curve with a parameter at each of several values, all others anew.

        Parameters
        ----------
        X : array-like of shape (1, n_frames)
        name : str
            One of the estimated parameters.
        values : array-like of shape (n_values,)
            In natural units, within the bounds.

        Returns
        -------
        ndarray of shape (n_values,)
            Residual sums of squares.

        Raises
        ------
        ValueError
            If the parameter is not estimated, or the fit is not one of least squares.
        """
        X = self._check_curves(X)
        check_choice("name", name, self.space_.free)
        if len(X) != 1 or not self._has_profiles:
            raise ValueError(f"profile takes one curve, got {len(X)}, and goes with {_PROFILES}.")
        if np.isnan(X).any():
            return answer_one(self, X, lambda some, X: some.profile(X, name, values))
        targets = np.atleast_1d(parameter(name).to_target(np.asarray(values, dtype=float)))
        column = self.space_.column(name)
        return profile_costs(self._fitter, self._fit_batch(X), column, targets)

    # Arguments

    def _check_options(self):
        for name in ("max_nfev", "n_init"):
            check_count(name, getattr(self, name))
        check_range("tol", self.tol, 0, 1)
        if isinstance(self.init, str) and self.init not in ("grid", "random"):
            raise ValueError(
                f"init must be 'grid', 'random', values or an estimator, got {self.init!r}."
            )
        for name, allowed in (("noise", NOISE_KINDS), ("loss", _LOSSES)):
            check_choice(name, getattr(self, name), allowed)
        if self.loss == "huber" and self.noise == "proportional":
            raise ValueError("loss='huber' goes with noise='constant' only; choose one of the two.")
        if hasattr(self.init, "predict"):
            try:
                check_is_fitted(self.init)
            except NotFittedError as error:
                raise NotFittedError(
                    f"init is a {type(self.init).__name__} that is not fitted. To keep a fitted "
                    "one through clone and cross-validation, wrap it in "
                    "sklearn.frozen.FrozenEstimator."
                ) from error

    def _choose_objective(self):
        """Return what is fixed of the model, and what to refine fits by, if anything."""
        fixed = dict(self.fixed or {})
        gain = self.protocol_.noise_gain
        if self.noise == "proportional":
            given = {name: fixed.pop(name) for name in ("a", "b") if name in fixed}
            for name, value in given.items():
                check_value(f"fixed[{name!r}]", value, parameter(name))
            return fixed, ProportionalNoise(gain, given)
        return fixed, HuberLoss(gain) if self.loss == "huber" else None

    # Fits

    def _tell(self, X):
        fits = self._fitter.fit_from_grid(X)
        covariance = self._fitter.covariance(fits, X.shape[1])
        return fits.theta, np.sqrt(np.einsum("nvv->nv", covariance))

    def _fit_batch(self, X):
        """Fit curves, and keep all of it."""
        fits = self._fits(X)
        curves = self._forward().curves(fits.theta)
        proportional = self.noise == "proportional"
        light = self._forward("noise").curves(fits.theta) if proportional else curves
        gain = self.protocol_.noise_gain
        if fits.a is None:
            freedom = X.shape[1] - len(self.space_.free)
            variance = fits.cost / freedom if freedom > 0 else np.full(len(X), np.nan)
            noise = Noise.of_variance(variance, gain)
        else:
            noise = Noise(fits.a, fits.b if proportional else 0.0, gain)
        return Fit(
            self._forward(),
            X,
            fits.theta,
            self._fitter.covariance(fits, X.shape[1]),
            curves,
            light,
            fits.cost,
            noise,
            fits.converged,
            fits.n_iter,
            fits.rivals,
        )

    def _forward(self, weights="mean"):
        check_choice("weights", weights, ("mean", "noise"))
        if weights == "noise" and self._fitter.forward_light is not None:
            return self._fitter.forward_light
        if weights == "noise":
            evaluator = evaluator_of(weights, self._fitter.evaluator, self.model)
            return ForwardMap(evaluator, self.space_)
        return self._fitter.forward

    def _fits(self, X):
        self._check_options()
        fitter = self._fitter
        fitter.n_jobs = self.n_jobs
        if isinstance(self.init, str):
            if self.init == "grid":
                return fitter.fit_from_grid(X)
            # The same points for every curve: its estimate does not depend on those beside it.
            random = check_random_state(self.random_state)
            n_started = len(fitter.evaluator.names)
            return fitter.fit(X, fitter.at_points(random.uniform(size=(self.n_init, n_started))))
        values, names = self.init, self.space_.target_names
        if hasattr(values, "predict"):
            answered = getattr(values, "target_names_", None)
            values = np.asarray(values.predict(X)).reshape(len(X), -1)
            if answered is not None and {*answered} == {*names}:
                values = values[:, [answered.index(name) for name in names]]
        values = check_array(values, dtype=np.float64, ensure_2d=False, input_name="init")
        values = np.atleast_2d(values)
        if values.shape[1] != len(names) or len(values) not in (1, len(X)):
            raise ValueError(
                f"init must give {names} for each of the {len(X)} curves or once for "
                f"all, got shape {values.shape}."
            )
        values = np.broadcast_to(values, (len(X), len(names)))
        if hasattr(self.init, "predict"):
            return fitter.fit_from_estimates(X, values)
        return fitter.fit(X, fitter.at_values(values))

    def _fitter_of_simpler_model(self, fixed, n_curves):
        """Make a fitter of the model's nested model, to see whether a curve needs more than it."""
        name = self.model_.simpler
        if name is None:
            return None
        model = model_for(self.protocol_, name)
        known = model.defaults()
        extra = [n for n in self.space_.free if n not in known]
        if not extra or self.noise == "proportional" or self.loss == "huber":
            return None
        names = tuple(n for n in self.space_.free if n in known)
        kept = {n: value for n, value in fixed.items() if n in known}
        given = {n: ends for n, ends in self.bounds_.items() if n in names}
        space = ParameterSpace.of(model, names, kept, given)
        evaluator, _ = choose_evaluators(name, model, space, self.interpolate, n_curves)
        options = {"max_nfev": self.max_nfev, "tol": self.tol, "n_jobs": self.n_jobs}
        return name, extra, CurveFitter(evaluator, space, **options)

    def _simpler_model(self, X):
        if self._simpler is None:
            return None
        name, extra, fitter = self._simpler
        return SimplerModel(name, extra, fitter.fit_from_grid(X).cost)

    def _look_at(self, frames):
        self._fitter = fitter_at_frames(self._fitter, frames)
        if self._simpler is not None:
            self._simpler = *self._simpler[:2], fitter_at_frames(self._simpler[2], frames)
        if hasattr(self.init, "predict"):
            self.init = "grid"

    def _take_rows(self, rows, n_rows):
        self.init = rows_of(self.init, rows, n_rows)

    # What a fit is worth

    @property
    def _has_profiles(self):
        return self._fitter.objective is None and self.n_features_in_ > len(self.space_.free)

    def _given_names(self):
        return {*(self.fixed or {})}

    def _judgement(self, fit):
        return {
            "misfits": self._misfits(fit),
            "simpler": self._simpler_model(fit.data),
            "given_bounds": self.bounds or {},
            "spoilt_frames_allowed": self.loss == "huber",
        }

    def _misfits(self, fit):
        if self.noise == "constant":
            return judge_residuals(fit)
        known = {"a", "b"} <= {*(self.fixed or {})} and bool((fit.deviations > 0).any(axis=1).all())
        return judge_residuals(fit, deviations=_deviations(fit), noise_known=known)

    def _larger_models(self, fit):
        deviations = None if self.noise == "constant" else _deviations(fit)
        if self.loss == "huber":
            fit = without_outliers(fit)
        given = self._given_names()
        return find_larger_models(fit, self.model_, given=given, deviations=deviations)

    def _reach(self, level):
        """Return how many standard errors an interval of a level goes to either side."""
        freedom = self.n_features_in_ - len(self.space_.free)
        return max(LEAST_REACH, student_t.ppf(0.5 + 0.5 * level, max(1, freedom)))

    def _ends(self, fit, level, method="auto"):
        if method == "profile" and not self._has_profiles:
            raise ValueError(f"method='profile' goes with {_PROFILES}; use 'curvature'.")
        method = method if self._has_profiles else "curvature"
        return confidence_ends(self._fitter, fit, self._reach(level), method)

    def _bootstrap_ends(self, fit, level, n_bootstrap):
        if self.loss == "huber" or fit.freedom < 1:
            raise ValueError(
                "method='bootstrap' goes with loss='squared', and with more frames than "
                "parameters; use 'curvature'."
            )
        check_n_bootstrap(n_bootstrap, level)
        random = check_random_state(self.random_state)
        noise = random.standard_normal((n_bootstrap, self.n_features_in_))
        return bootstrap_ends(self._fitter, fit, level, noise)

    # Files

    def fitted_state(self):
        """Return what predictions need, under names that stay in files."""
        fitted = super().fitted_state()
        if fitted:
            for name in ("space_", "bounds_", "surrogate_"):
                del fitted[name]  # the fitter knows them
            fitted |= {"fitter": self._fitter, "simpler": self._simpler}
        return fitted

    def set_fitted_state(self, fitted):
        """Take what :meth:`fitted_state` gave."""
        if fitted:
            others = dict(fitted)
            self._set_fitter(others.pop("fitter"), others.pop("simpler"))
            super().set_fitted_state(others)

    def _set_fitter(self, fitter, simpler):
        self._fitter, self._simpler = fitter, simpler
        self.space_ = fitter.space
        self.bounds_ = dict(self.space_.bounds)
        evaluator = fitter.evaluator
        self.surrogate_ = evaluator if isinstance(evaluator, CurveSurrogate) else None


def _deviations(fit):
    """Return standard deviations of the noise, all positive."""
    deviations = fit.deviations
    largest = deviations.max(axis=1, keepdims=True)
    # Frames without light have no noise where a is zero.
    return np.where(largest > 0, np.maximum(deviations, _DARKEST * largest), 1.0)
