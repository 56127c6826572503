"""Least squares on recovery curves, batched, bounded and globally started."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student_t
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight

from skfrap import __version__
from skfrap._checks import check_choice, check_count, check_level, check_range
from skfrap.estimators._image_input import are_images, image_model, image_space
from skfrap.estimators._init import check_init, fits_from
from skfrap.estimators._missing import answer_one, rows_of, without_missing_frames
from skfrap.estimators._regressor import LEAST_REACH, CurveRegressor
from skfrap.estimators._samples import answers_one_experiment, answers_samples, fits_samples
from skfrap.experiment import FRAPProtocol
from skfrap.experiment._frames import refuse_gaps_in_rows
from skfrap.inference._intensities import check_size
from skfrap.inference.fitting._bootstrap import bootstrap_ends
from skfrap.inference.fitting._errors import ErrorModel
from skfrap.inference.fitting._frames import fitter_at_frames
from skfrap.inference.fitting._images import ImageFitter
from skfrap.inference.fitting._intervals import confidence_ends, profile_costs
from skfrap.inference.fitting._nested import (
    SimplerFitter,
    fitter_of_model,
    fitter_of_simpler_model,
)
from skfrap.models import (
    CurveModel,
    CurveSurrogate,
    ForwardMap,
    ImageSurrogate,
    evaluator_of,
    model_for,
)
from skfrap.numerics._lazy import first_rows
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import ParameterSpace, parameter

_METHODS = ("auto", "curvature", "profile", "bootstrap")


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
        The experiment, of all samples. None is that of each sample, where samples bring theirs, as
        a :class:`skfrap.experiment.CurveSequence` does; of arrays it takes the paper's protocol,
        with as many frames as X has columns.
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
    interpolate : bool, "auto" or "bounds", default="auto"
        Whether to interpolate the model. "auto" is by cost, counted in evaluations of the model: a
        fit takes some 60, interpolation over one parameter as many, over two 500 to 1000. So one is
        always interpolated, two for four curves or more in :meth:`fit`, three never. D alone is
        interpolated over all that the protocol can tell, for whoever asks next; "bounds" is over no
        more than the bounds, which is quicker for one curve whose D is nearly known.
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
    protocol_ : FRAPProtocol or None
        None where samples bring their own; then so are ``model_``, ``space_`` and ``bounds_``.
    estimators_ : list of estimators
        Only where samples bring their protocols: a fitted one for each of them, which
        :meth:`for_protocol` finds.
    space_ : ParameterSpace
        What is estimated, in which bounds, and what is known.
    bounds_ : dict
        All bounds in use, in natural units.
    target_names_ : list of str
        Columns of the predictions, by default ``["log10_D", "c0", "alpha"]``, D in µm²/s.
    model_ : CurveModel
    surrogate_ : CurveSurrogate, ImageSurrogate or None
        The interpolated model, if it is; stored with the estimator. An ImageSurrogate where it was
        fitted to scores of images.
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
        protocol: FRAPProtocol | None = None,
        bounds: Mapping[str, Sequence[float]] | None = None,
        *,
        model: str | type[CurveModel] | CurveModel = "diffusion",
        parameters: Sequence[str] | None = None,
        target_names: str | Sequence[str] | None = None,
        fixed: Mapping[str, float] | None = None,
        noise: Literal["constant", "proportional"] = "constant",
        loss: Literal["squared", "huber"] = "squared",
        init: Any = "grid",
        n_init: int = 30,
        max_nfev: int = 500,
        tol: float = 1e-13,
        interpolate: bool | Literal["auto", "bounds"] = "auto",
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        missing: Literal["raise", "omit"] = "raise",
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

    @fits_samples
    @one_blas_thread()
    def fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Prepare the model for the protocol; nothing is learnt from the curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames), CurveSequence or ImageScores
            Recovery curves, or the scores of image series, as
            :class:`skfrap.preprocessing.ImageScoreExtractor` gives them: then all pixels are
            fitted, and so are those of later calls.
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
        X, y, sample_weight = first_rows(X, y, sample_weight)
        if are_images(X):
            return self._fit_images(X, y, sample_weight)
        curves = check_size(self._validate(X, ensure_min_features=2))
        errors = self._check_options()
        self.protocol_ = self._choose_protocol(curves.shape[1])
        self.model_ = model_for(self.protocol_, self.model)
        fixed = errors.others(self.fixed)
        self.space_ = ParameterSpace.of(self.model_, self.parameters, fixed, self.bounds)
        if sample_weight is not None:
            _check_sample_weight(sample_weight, curves)
        options = {"max_nfev": self.max_nfev, "tol": self.tol, "n_jobs": self.n_jobs}
        fitter = fitter_of_model(
            self.model, self.model_, self.space_, self.interpolate, len(curves), errors, **options
        )
        simpler = fitter_of_simpler_model(fitter, self.model_, fixed, self.interpolate, len(curves))
        self._set_fitter(fitter, simpler)
        self._choose_outputs(curves, y)
        self.skfrap_version_ = __version__
        return self

    def _fit_images(self, scores, y, sample_weight):
        """Prepare for scores of image series, which bring what they are scores of."""
        errors, surrogate = self._check_options(), scores.surrogate
        rows = check_size(self._validate(scores.values))
        self.model_ = image_model(self.model, scores, self.protocol)
        self.protocol_ = surrogate.protocol
        known = errors.noise_of_images(surrogate)
        options = self.parameters, errors.others(self.fixed), self.bounds
        space = image_space(self.model_, surrogate, *options)
        if sample_weight is not None:
            _check_sample_weight(sample_weight, rows)
        options = {"max_nfev": self.max_nfev, "tol": self.tol, "n_jobs": self.n_jobs}
        self._set_fitter(ImageFitter(surrogate, space, known_noise=known, **options), None)
        self._choose_outputs(rows, y)
        self.skfrap_version_ = __version__
        return self

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[False] = False) -> np.ndarray: ...
    @overload
    def predict(self, X: ArrayLike, return_std: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...
    @overload
    def predict(self, X: ArrayLike, return_std: bool) -> Any: ...

    @answers_samples
    @without_missing_frames
    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        """Estimate the parameters of recovery curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.
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

    @answers_samples
    @without_missing_frames
    def predict_interval(
        self,
        X: ArrayLike,
        level: float = 0.95,
        method: Literal["auto", "curvature", "profile", "bootstrap"] = "auto",
        *,
        n_bootstrap: int = 200,
    ) -> np.ndarray:
        """Compute confidence intervals, within the bounds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.
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
            if isinstance(self._fitter, ImageFitter):
                raise ValueError(
                    "method='bootstrap' simulates curves, and X holds scores of images; use "
                    "'curvature'."
                )
            random = check_random_state(self.random_state)
            ends = bootstrap_ends(self._fitter, fit, level, n_bootstrap, random)
        else:
            ends = self._ends(fit, level, method)
        return ends[:, self._answered]

    @answers_one_experiment
    def profile(self, X: ArrayLike, name: str, values: ArrayLike) -> np.ndarray:
        """Fit one curve with a parameter at each of several values, all others anew.

        Parameters
        ----------
        X : array-like of shape (1, n_frames)
            One recovery curve.
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
        curve = self._check_curves(X)
        check_choice("name", name, self.space_.free)
        if len(curve) != 1:
            raise ValueError(f"profile takes one curve, got {len(curve)}.")
        if np.isnan(curve).any():
            return answer_one(self, curve, lambda some, X: some.profile(X, name, values))
        targets = np.atleast_1d(parameter(name).to_target(np.asarray(values, dtype=float)))
        column = self.space_.column(name)
        return profile_costs(self._fitter, self._fit_batch(curve), column, targets)

    # Arguments

    def _check_options(self):
        for name in ("max_nfev", "n_init"):
            check_count(name, getattr(self, name))
        check_range("tol", self.tol, 0, 1)
        check_init(self.init)
        return self._errors  # which checks more

    @property
    def _errors(self):
        return ErrorModel.of(self.noise, self.loss, self.fixed)

    # Fits

    @answers_samples
    def _tell(self, X):
        fits = self._fitter.fit_from_grid(X)
        covariance = self._fitter.covariance(fits, X.shape[1])
        return fits.theta, np.sqrt(np.einsum("nvv->nv", covariance))

    def _fit_batch(self, X):
        """Fit curves, and keep all of it."""
        if isinstance(self._fitter, ImageFitter):
            return self._fitter.keep(self._fits(X), X)
        return self._errors.keep(self._fits(X), self._fitter, X, self._forward)

    def _forward(self, weights="mean"):
        check_choice("weights", weights, ("mean", "noise"))
        if isinstance(self._fitter, ImageFitter):
            return self._fitter.forward
        if weights == "noise" and self._fitter.forward_light is not None:
            return self._fitter.forward_light
        if weights == "noise":
            evaluator = evaluator_of(weights, self._fitter.evaluator, self.model)
            return ForwardMap(evaluator, self.space_)
        return self._fitter.forward

    def _fits(self, X):
        self._check_options()
        self._fitter.n_jobs = self.n_jobs
        return fits_from(self.init, self._fitter, X, self.n_init, self.random_state)

    def _look_at(self, frames):
        refuse_gaps_in_rows(self.protocol_)
        self._fitter = fitter_at_frames(self._fitter, frames)
        self._simpler = self._simpler and self._simpler.at_frames(frames)
        if hasattr(self.init, "predict"):
            self.init = "grid"

    def _take_rows(self, rows, n_rows):
        self.init = rows_of(self.init, rows, n_rows)

    # What a fit is worth

    @property
    def _image_fitter(self):
        return self._fitter if isinstance(self._fitter, ImageFitter) else None

    @property
    def _freedom(self):
        n_free = len(self.space_.free)
        if isinstance(self.surrogate_, ImageSurrogate):
            return self.surrogate_.freedom(n_free)
        return self.n_features_in_ - n_free

    def _judgement(self, fit):
        errors = self._errors
        return {
            "misfits": errors.misfits(fit),
            "simpler": self._simpler and self._simpler.answer(fit.data),
            "given_bounds": self.bounds or {},
            "spoilt_frames_allowed": errors.bears_outliers,
        }

    def _larger_models(self, fit):
        return self._errors.larger_models(fit, self.model_, self._given_names())

    def _reach(self, level):
        """Return how many standard errors an interval of a level goes to either side."""
        return max(LEAST_REACH, student_t.ppf(0.5 + 0.5 * level, max(1, self._freedom)))

    def _ends(self, fit, level, method="auto"):
        return confidence_ends(self._fitter, fit, self._reach(level), method)

    # Files

    def fitted_state(self) -> dict[str, Any]:
        """Return what predictions need, under names that stay in files."""
        fitted = super().fitted_state()
        if fitted:
            for name in ("space_", "bounds_", "surrogate_"):
                del fitted[name]  # the fitter knows them
            simpler = self._simpler and tuple(self._simpler)
            fitted |= {"fitter": self._fitter, "simpler": simpler}
        return fitted

    def set_fitted_state(self, fitted: dict[str, Any]) -> None:
        """Take what :meth:`fitted_state` gave."""
        if fitted:
            others = dict(fitted)
            self._set_fitter(others.pop("fitter"), others.pop("simpler"))
            super().set_fitted_state(others)

    def _set_fitter(self, fitter, simpler):
        self._fitter = fitter
        self._simpler = simpler and SimplerFitter(*simpler)
        self.space_ = fitter.space
        self.bounds_ = dict(self.space_.bounds)
        evaluator = fitter.evaluator
        known = isinstance(evaluator, CurveSurrogate | ImageSurrogate)
        self.surrogate_ = evaluator if known else None
