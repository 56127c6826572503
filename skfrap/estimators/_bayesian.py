"""The exact posterior of a recovery curve's parameters, and what follows from it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight

from skfrap import __version__
from skfrap._checks import check_choice, check_count, check_level
from skfrap.estimators._image_input import are_images, image_model, image_space
from skfrap.estimators._missing import answer_by_pattern, without_missing_frames
from skfrap.estimators._regressor import LEAST_REACH, CurveRegressor
from skfrap.estimators._samples import answers_samples, fits_samples
from skfrap.experiment import FRAPProtocol, Noise
from skfrap.experiment._frames import refuse_gaps_in_rows
from skfrap.inference._intensities import check_level as check_intensities
from skfrap.inference._intensities import check_size
from skfrap.inference.fitting._images import ImageFitter, ImageMap
from skfrap.inference.fitting._rows import noise_of_rows
from skfrap.inference.posterior._posterior import CurvePosterior
from skfrap.inference.posterior._priors import check_prior
from skfrap.inference.posterior._scores import ScorePosterior
from skfrap.judging._findings import judge_residuals
from skfrap.models import (
    ExactModel,
    ForwardMap,
    ImageSurrogate,
    evaluator_of,
    model_for,
    surrogate_for,
)
from skfrap.models.forward._frames import at_frames
from skfrap.numerics._lazy import first_rows
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import ParameterSpace, finite_ends, is_uncertain
from skfrap.parameters._priors import plain_prior, prior_of_plain
from skfrap.results import Fit

_FEWEST_NODES = 4
_METHODS = "equal_tailed", "highest_density"
_PRIORS = "prior", "prior_"
_FITS_OF_IMAGES = {"max_nfev": 100, "tol": 1e-12}  # that find where posteriors are


class BayesianFRAP(CurveRegressor):
    """Compute the posterior of the parameters of recovery curves, by default of D, c0 and alpha.

    Noise is white, of variance ``protocol.noise_gain * a`` in each value of a curve, and a is
    unknown as the parameters are. No estimator has a lower mean squared error on curves whose
    parameters follow the prior than the mean of this posterior: it is what least squares and
    networks can be held against. The integrals are done by quadrature, without random numbers,
    each parameter between the ends that its density has given those before it. Of a protocol with
    `rows` each row has a noise of its own, of the same prior and independent of the others'.

    The prior is part of the question: curves must be in its units, so that c0 lies where it says.
    Of a curve that no parameters of the prior explain the log evidence is low, and :meth:`estimate`
    has the finding ``beyond_bounds``, or ``noise_beyond_prior``: the noise of Table 1 is that of
    the paper's region, and curves of smaller ones mostly ask for a prior of a of their own.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        The experiment, of all samples. None is that of each sample, where samples bring theirs, as
        a :class:`skfrap.experiment.CurveSequence` does; of arrays it takes the paper's protocol,
        with as many frames as X has columns.
    prior : dict, default=None
        Distributions by name of the model's parameters, as ``D`` (µm²/s), ``c0``, ``alpha``,
        ``mobile_fraction``, and of the noise ``a``: a frozen `scipy.stats` distribution, or a
        number for what is known. What is not given is taken from Table 1 of the paper; what is not
        there has the model's default, or, where that has none, is uniform (on the parameter's
        scale) over the model's bounds. The same dictionary makes a :class:`FRAPSimulator` draw from
        it.
    model : str, subclass of ExactModel or ExactModel, default="diffusion"
        What happens in the sample, as in :class:`LeastSquaresFRAP`, of the models on the pixel
        grid. Of the parameters other than c0, alpha and the mobile fraction one may be unknown.
    target_names : str or sequence of str, default=None
        Which targets y holds, in its order, where it has no names; without y, what to answer in,
        a name alone in one dimension. None is all, or what y's columns are; see :meth:`fit`.
    weighting : {"1/a", None}, default="1/a"
        Which mean :meth:`predict` gives: "1/a" is E[theta/a] / E[1/a], which minimises errors
        weighted by the inverse noise, as those of the paper are (Eqs. 9 and 10 of [1]_), a being
        that of the bleach region; None the plain posterior mean.
    n_nodes : int, default=24
        Nodes along each parameter. On Table 1's prior estimates are within 0.002 standard
        deviations of the limit; with 16 within 0.02, with 32 within 0.0001.
    missing : {"raise", "omit"}, default="raise"
        What NaN in X does. "omit" leaves the frame out of the likelihood of that curve, which is
        exact. A curve with fewer than two values answers NaN, with the finding ``no_data``.
        Infinity is always refused.

    Attributes
    ----------
    protocol_ : FRAPProtocol or None
        None where samples bring their own; then so are ``model_``, ``space_`` and ``bounds_``.
    estimators_ : list of estimators
        Only where samples bring their protocols: a fitted one for each of them, which
        :meth:`for_protocol` finds.
    prior_ : dict
        The prior in use, of all parameters.
    space_ : ParameterSpace
        What is not known, between the ends of its prior, and what is known.
    target_names_ : list of str
        Columns of the predictions, by default ``["log10_D", "c0", "alpha"]``, D in µm²/s: all that
        is not known.
    bounds_ : dict
        The ends of the prior, in natural units, of what is not known.
    model_ : CurveModel
    surrogate_ : CurveSurrogate
        The interpolated model.
    n_features_in_ : int
    skfrap_version_ : str
        The version that fitted the estimator.

    See Also
    --------
    LeastSquaresFRAP : What fits each curve best.
    NeuralFRAP : The same, as learnt from simulated curves.

    Notes
    -----
    The densities of D and alpha, and of whatever else is unknown, may be any that are continuous
    between their ends; distributions without ends are cut at quantiles of 1e-9. The integral over
    c0 is known where its prior is uniform and does not cut the likelihood; elsewhere c0 has nodes
    too, which takes some twenty times as long, as does an unknown mobile fraction; several rows
    take some ten times as long. Densities of one
    parameter given the others should have one peak, or peaks that are not far apart for their
    width.

    Rounding limits the precision at low noise: the variance of a curve's value should not be below
    1e-12 of its square.

    References
    ----------
    .. [1] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021): the prior in
       section 3.1, the loss in sections 2.4 and 3.2.

    Examples
    --------
    >>> from skfrap import BayesianFRAP, FRAPProtocol, FRAPSimulator
    >>> X, y = FRAPSimulator(random_state=0).sample(200, return_X_y=True)
    >>> bayesian = BayesianFRAP(FRAPProtocol()).fit(X)
    >>> mean, std = bayesian.predict(X, return_std=True)
    >>> lower, upper = bayesian.predict_interval(X)[:, 0].T  # of log10 D
    >>> int(((lower < y[:, 0]) & (y[:, 0] < upper)).sum())  # of 200, at 95 %
    192
    """

    def __init__(
        self,
        protocol: FRAPProtocol | None = None,
        prior: Mapping[str, Any] | None = None,
        *,
        model: str | type[ExactModel] | ExactModel = "diffusion",
        target_names: str | Sequence[str] | None = None,
        weighting: Literal["1/a"] | None = "1/a",
        n_nodes: int = 24,
        missing: Literal["raise", "omit"] = "raise",
    ):
        self.protocol = protocol
        self.prior = prior
        self.model = model
        self.target_names = target_names
        self.weighting = weighting
        self.n_nodes = n_nodes
        self.missing = missing

    @fits_samples
    @one_blas_thread()
    def fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Prepare the model for the protocol and the prior; nothing is learnt from the curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames), CurveSequence or ImageScores
            Recovery curves, or the scores of image series, as
            :class:`skfrap.preprocessing.ImageScoreExtractor` gives them.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Not needed. If given, :meth:`predict` answers in its columns: by the names of a
            DataFrame or Series, else as `target_names` says, else in the targets that they
            clearly follow in what the curves tell, or the first ones. What is on another scale or
            outside of the bounds is refused by name, and warned of without one.
        sample_weight : array-like of shape (n_samples,), default=None
            Checked, and without effect: every curve has its own posterior.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X does not fit the protocol, the prior not the model, or y names what is not
            estimated, or is not what it names.
        """
        X, y, sample_weight = first_rows(X, y, sample_weight)
        if are_images(X):
            return self._fit_images(X, y, sample_weight)
        curves = check_size(self._validate(X, ensure_min_features=2))
        self._check_options()
        self.protocol_ = self._choose_protocol(curves.shape[1])
        self.model_ = model_for(self.protocol_, self.model)
        self.prior_ = check_prior(self.prior, self.model_)
        if sample_weight is not None:
            _check_sample_weight(sample_weight, curves)
        self._set_space()
        self.surrogate_ = self._interpolate()
        self._n_nodes = self.n_nodes
        self._prepare_posterior()
        self._choose_outputs(curves, y)
        self.skfrap_version_ = __version__
        return self

    def _fit_images(self, scores, y, sample_weight):
        """Prepare for scores of image series, which bring what they are scores of."""
        self._check_options()
        rows = check_size(self._validate(scores.values))
        self.model_ = image_model(self.model, scores, self.protocol)
        self.protocol_, self.surrogate_ = scores.surrogate.protocol, scores.surrogate
        self.prior_ = check_prior(self.prior, self.model_)
        if sample_weight is not None:
            _check_sample_weight(sample_weight, rows)
        self._set_space()
        space = self.space_  # which the surrogate must cover
        image_space(self.model_, self.surrogate_, space.free, space.fixed, self.bounds_)
        self._n_nodes = self.n_nodes
        self._prepare_posterior()
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
        """Compute posterior means, weighted as `weighting` says.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.
        return_std : bool, default=False
            Also return posterior standard deviations, which are not weighted.

        Returns
        -------
        theta : ndarray of shape (n_samples, n_targets)
            Columns as in `target_names_`.
        std : ndarray of shape (n_samples, n_targets)
            Only with `return_std`.
        """
        X = self._check_own_curves(X)
        self._check_options()
        mean, std, _ = self._posterior.moments(X, self.weighting)
        if return_std:
            return self._as_output(mean), self._as_output(std)
        return self._as_output(mean)

    @answers_samples
    @without_missing_frames
    def predict_interval(
        self,
        X: ArrayLike,
        level: float = 0.95,
        method: Literal["equal_tailed", "highest_density"] = "equal_tailed",
    ) -> np.ndarray:
        """Compute credible intervals.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.
        level : float, default=0.95
            Posterior probability of the interval.
        method : {"equal_tailed", "highest_density"}, default="equal_tailed"
            With as much probability below as above; or the shortest.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, 2)
            Lower and upper ends, in the columns of :meth:`predict`.
        """
        X, level = self._check_own_curves(X), check_level(level)
        check_choice("method", method, _METHODS)
        intervals = self._posterior.intervals(X, lambda density: getattr(density, method)(level))
        return intervals[:, self._answered]

    def sample_posterior(
        self,
        X: ArrayLike,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> np.ndarray:
        """Draw parameters from the posterior.

        Parameters
        ----------
        X : array-like of shape (n_curves, n_frames)
            Recovery curves.
        n_samples : int, default=1
            Draws per curve.
        random_state : int, RandomState instance or None, default=None
            Of the draws, which are the same for the same integer.

        Returns
        -------
        ndarray of shape (n_curves, n_samples, n_targets)
            Columns as in ``space_.target_names``, all of them.
        """
        check_count("n_samples", n_samples)
        return self._draw(X, n_samples, check_random_state(random_state))

    @answers_samples
    def _draw(self, X, n_samples, random):
        curves = self._check_own_curves(X)
        uniforms = random.uniform(size=(len(curves), n_samples, len(self.space_.free)))
        if np.isnan(curves).any():
            return answer_by_pattern(
                self, curves, lambda some, X, rows: some._posterior.sample(X, uniforms[rows])
            )
        return self._posterior.sample(curves, uniforms)

    @answers_samples
    @without_missing_frames
    def log_evidence(self, X: ArrayLike) -> np.ndarray:
        """Compute the logarithm of the probability density of curves, whatever their parameters.

        Differences between models or priors are logarithms of Bayes factors.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames)
            Recovery curves.

        Returns
        -------
        ndarray of shape (n_samples,)
            Natural logarithms.
        """
        _, _, log_evidence = self._posterior.moments(self._check_curves(X), None)
        return log_evidence

    # The contract of estimators

    @answers_samples
    def _tell(self, X):
        mean, std, _ = self._posterior.moments(X, None)
        return mean, std

    def _fit_batch(self, X):
        """Keep the posterior means as a fit."""
        self._check_intensities(X)
        theta, std, _ = self._posterior.moments(X, self.weighting)
        if self._has_images:
            return self._fit_of_images(X, theta, std)
        forward = self._forward()
        curves = forward.curves(theta)
        squares = np.sum((X - curves) ** 2, axis=1)
        return Fit(
            forward,
            X,
            theta,
            std[:, :, np.newaxis] ** 2 * np.eye(theta.shape[1]),
            curves,
            curves,
            squares,
            self._noise_of(X - curves, theta),
            np.ones(len(X), dtype=bool),
        )

    def _noise_of(self, residuals, theta):
        """Return the noise that residuals tell, of each row where there are several."""
        if self.protocol_.n_rows > 1:
            return noise_of_rows(residuals, self._forward().tangents(theta), self.protocol_)
        freedom = max(1, residuals.shape[1] - theta.shape[1])
        squares = np.sum(residuals**2, axis=1)
        return Noise.of_variance(squares / freedom, self.protocol_.noise_gain)

    @property
    def _has_images(self):
        return isinstance(self.surrogate_, ImageSurrogate)

    @property
    def _image_fitter(self):
        return self._posterior.fitter if self._has_images else None

    def _fit_of_images(self, X, theta, std):
        """Keep the posterior means of image series as a fit."""
        fitter = self._posterior.fitter
        curves, levels = fitter.problems(X, np.ones(len(X))).fitted(theta)
        squares = np.sum((X - curves) ** 2, axis=1)
        n_values = self.surrogate_.freedom(theta.shape[1]) + theta.shape[1]
        return Fit(
            self._forward(),
            X,
            theta,
            std[:, :, np.newaxis] ** 2 * np.eye(theta.shape[1]),
            curves,
            curves,
            squares,
            Noise(squares / max(1, n_values - theta.shape[1]), 0.0, 1.0),
            np.ones(len(X), dtype=bool),
            n_values=n_values,
            levels=levels,
        )

    def _judgement(self, fit):
        a = self.prior_["a"]
        highest = {"highest_noise": a.support()[1] if is_uncertain(a) else float(a)}
        if self.protocol_.n_rows > 1:
            highest["misfits"] = judge_residuals(fit, deviations=fit.deviations)
        return highest

    def _ends(self, fit, level):
        return self._posterior.intervals(fit.data, lambda density: density.equal_tailed(level))

    def _reach(self, level):
        return max(LEAST_REACH, norm.ppf(0.5 + 0.5 * level))

    def _forward(self, weights="mean"):
        if self._has_images:
            return ImageMap(self.surrogate_, self.space_)
        return ForwardMap(evaluator_of(weights, self.surrogate_, self.model), self.space_)

    def _given_names(self):
        return {*(self.prior or {})}

    # Arguments

    def _check_own_curves(self, X):
        """Check curves; of an experiment that is only assumed their unit may be any."""
        X = self._check_curves(X)
        if self.protocol is not None:
            self._check_intensities(X)
        return X

    def _check_intensities(self, X):
        if self._has_images:
            return
        prior = self.prior_["c0"]
        ends = finite_ends("c0", prior) if is_uncertain(prior) else (float(prior),) * 2
        n_prebleach = self.protocol_.n_prebleach
        check_intensities(X, n_prebleach, "prior['c0']", *ends, "give a prior of c0 in their unit")

    def _check_options(self):
        check_choice("weighting", self.weighting, ("1/a", None))
        check_count("n_nodes", self.n_nodes, _FEWEST_NODES)

    def _space(self):
        """Make the space of what the prior leaves unknown, between its ends."""
        known = {name: self.prior_[name] for name in self.model_.defaults()}
        free = tuple(name for name, given in known.items() if is_uncertain(given))
        bounds = {
            name: finite_ends(name, given) if name in free else (float(given),) * 2
            for name, given in known.items()
        }
        return ParameterSpace(bounds, free)

    def _interpolate(self):
        """Interpolate the model over the one unknown that shapes curves, if there is one."""
        space = self.space_
        unknown = space.free_shaping
        if len(unknown) > 1:
            raise ValueError(
                f"prior leaves {[*unknown]} unknown, of which this estimator can integrate over "
                "one; give numbers for the others."
            )
        ranges = {name: space.bounds[name] for name in unknown}
        known = {name: value for name, value in space.fixed.items() if name in space.shaping}
        return surrogate_for(self.protocol_, self.model, ranges, known)

    def _look_at(self, frames):
        refuse_gaps_in_rows(self.protocol_)
        self.surrogate_ = at_frames(self.surrogate_, frames)
        self._prepare_posterior()

    # Files

    def __getstate__(self):
        # What the integrals need is quick to make again and would only swell a pickle.
        state = {key: value for key, value in super().__getstate__().items() if key != "_posterior"}
        return state | {key: plain_prior(state[key]) for key in _PRIORS if key in state}

    def __setstate__(self, state):
        super().__setstate__(
            state | {key: prior_of_plain(state[key]) for key in _PRIORS if key in state}
        )
        self._prepare_posterior()

    def fitted_state(self) -> dict[str, Any]:
        """Return what predictions need, under names that stay in files."""
        fitted = super().fitted_state()
        if fitted:
            for name in ("space_", "bounds_"):
                del fitted[name]  # the prior knows them
            fitted["n_nodes"] = self._n_nodes
        return fitted

    def set_fitted_state(self, fitted: dict[str, Any]) -> None:
        """Take what :meth:`fitted_state` gave."""
        if fitted:
            others = dict(fitted)
            self._n_nodes = others.pop("n_nodes")
            self.prior_ = others["prior_"]
            self.model_ = others["model_"]
            self._set_space()
            super().set_fitted_state(others)
            self._prepare_posterior()

    def _set_space(self):
        self.space_ = self._space()
        self.bounds_ = {name: self.space_.bounds[name] for name in self.space_.free}

    @one_blas_thread()
    def _prepare_posterior(self):
        if not hasattr(self, "surrogate_"):
            return
        if self._has_images:
            fitter = ImageFitter(self.surrogate_, self.space_, **_FITS_OF_IMAGES)
            options = self.surrogate_, self.prior_, fitter, self._n_nodes
            self._posterior = ScorePosterior(*options)
        else:
            self._posterior = CurvePosterior(self.surrogate_, self.prior_, self._n_nodes)
