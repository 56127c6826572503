"""D where nobody says what was bleached: the start is seen."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal, NoReturn, Self, overload

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skfrap import __version__
from skfrap._arrays import check_array, validate_data
from skfrap._checks import check_choice, check_level
from skfrap.estimators._regressor import FRAPRegressor
from skfrap.estimators._samples import answers_samples, fits_samples
from skfrap.estimators._start_input import check_profiles, samples_of, start_layout
from skfrap.experiment import FRAPProtocol, MeasuredStart, TileLayout
from skfrap.experiment._frames import check_frame_names, chosen_protocol
from skfrap.inference._targets import choose_targets
from skfrap.inference.starts._compartment import CompartmentFitter
from skfrap.inference.starts._profiles import CurveFitter
from skfrap.inference.starts._readings import READINGS
from skfrap.inference.starts._sample import SampleFitter, StartEstimate
from skfrap.inference.starts._seen import StartProfiles, profiles_of
from skfrap.judging._starts import describe_starts
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import ParameterSpace
from skfrap.parameters._targets import check_target_names, given_target_names, names_of_targets
from skfrap.results import FRAPEstimates
from skfrap.results._join import join_answers, no_answers

_BOUNDS = (10**-2.5, 1e3)  # µm²/s
ERRORS = ("jackknife", "noise")
_MOST_TOLD = 24  # samples that are fitted to see whether y is what it says


class MeasuredStartFRAP(FRAPRegressor):
    """Estimate D from what images show, what bleaching left being an unknown.

    No bleach region, time of bleaching or shape of the beam is needed. On an open plane the start
    is a sum of ring-Gaussians with unknown coefficients, which the heat equation moves in closed
    form; in a compartment it is a sum of the compartment's own modes. What stays is a second such
    sum. All that is linear is integrated out, and D is where the evidence is largest.

    Assumptions: free diffusion on an open plane, as far as the field reaches, or in a closed
    compartment; particles that stay do not move at all.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        Gives pixels, times and the compartment, if there is one; of the bleach region no use is
        made, whatever its `start` says. None is that of each sample, where samples bring theirs,
        else the paper's.
    bounds : tuple of float, default=None
        Of D, in µm²/s. None is 0.00316 to 1000.
    start : MeasuredStart, default=None
        Profiles of the first frame after bleaching and, better, of the last ones. X is then
        recovery curves of the protocol's region, which all begin so. With the first profile alone
        what stays is assumed to have its shape, or that of a start so long before as the protocol
        says; the answer is flagged for it. None is where X has rings.
    readings : tuple of str, default=("mobile", "one_depth", "free")
        What may move. ``"mobile"``: all that was bleached. ``"one_depth"``: the same share of it
        everywhere, the mobile fraction, since the bleach frames of the protocol. ``"free"``: what
        moves and what stays are two unknown starts. Of several the one with the largest evidence is
        taken; the others stay in the estimate. With `start` and no last profile ``"free"`` cannot
        be told, and is left out.
    frame_levels : "auto" or bool, default="auto"
        Whether the level of each frame is free: then neither flicker nor fading matters. True frees
        all. ``"auto"`` lets levels change evenly, as a parabola in time, and scatter about it as
        much as they are seen to; it frees all where that gives another D, or frames are few. This
        is several times as precise for fast diffusion. False takes all levels for those before
        bleaching. Not used for curves, which must be corrected. In a compartment levels cost
        nothing: unless False, each frame is divided by its mean over all of it.
    errors : {"jackknife", "noise"}, default="jackknife"
        Where intervals come from. ``"jackknife"``: from leaving out frames and sectors, at least
        what the noise gives; the residuals of real images go together. ``"noise"``: from the noise
        alone, as if it was independent in all pixels, for simulations.
    n_jobs : int, default=None
        Threads for samples. None is 1.
    target_names : str or sequence of str, default=None
        ``"log10_D"``, the one target there is, is answered in one dimension where y does not say
        otherwise; ``["log10_D"]``, as None, in a column.
    missing : {"raise", "omit"}, default="raise"
        What NaN within rings does. "omit" leaves frames that lack rings out of the fit of that
        sample, and samples without data, as :class:`skfrap.preprocessing.RingExtractor` gives them
        with ``on_error="nan"``, answer NaN, with the finding ``no_data``. Curves that go with
        profiles may lack all frames or none.

    Attributes
    ----------
    protocol_ : FRAPProtocol or None
        None where samples bring their own.
    estimators_ : list of MeasuredStartFRAP
        Only where samples bring their protocols: a fitted one for each of them, which
        :meth:`for_protocol` finds.
    layout_ : RingLayout or TileLayout
        The latter in a compartment; None for curves.
    bounds_ : dict of str to tuple of float
    space_ : ParameterSpace
        Of D alone.
    model_ : None
        There is no curve for a D alone; :meth:`measure` keeps what was fitted.
    target_names_ : list of str
        ``["log10_D"]``.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only where X has names.
    skfrap_version_ : str
        The version that fitted the estimator.

    See Also
    --------
    skfrap.preprocessing.RingExtractor : Averages image stacks over rings.
    skfrap.preprocessing.CompartmentExtractor : Averages them over tiles of a compartment.
    LeastSquaresFRAP : Takes the bleach region as it was told.
    skfrap.plotting.MeasuredStartDisplay : Shows rings, fit and start.
    skfrap.comparison.compare_readings : Compares what may have moved.

    Examples
    --------
    The bleach region that the estimator is told plays no part:

    >>> from sklearn.pipeline import make_pipeline
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator, MeasuredStartFRAP
    >>> from skfrap.preprocessing import RingExtractor
    >>> protocol = FRAPProtocol(shape=(64, 64), pixel_size=0.5, bleach_region=Circle(5.0),
    ...                         n_postbleach=40, frame_interval=0.2)
    >>> prior = {"D": 8.0, "c0": 0.8, "alpha": 0.6, "a": 1e-3}
    >>> stacks = FRAPSimulator(protocol, prior, random_state=0).sample_images(1).data
    >>> told = protocol.replace(bleach_region=Circle(2.0))
    >>> pipeline = make_pipeline(RingExtractor(told), MeasuredStartFRAP(told)).fit(stacks)
    >>> round(float(10 ** pipeline.predict(stacks)[0, 0]), 1)
    8.0
    """

    def __init__(
        self,
        protocol: FRAPProtocol | None = None,
        bounds: Sequence[float] | None = None,
        *,
        start: MeasuredStart | None = None,
        readings: Sequence[str] = READINGS,
        frame_levels: Literal["auto"] | bool = "auto",
        errors: Literal["jackknife", "noise"] = "jackknife",
        n_jobs: int | None = None,
        target_names: Sequence[str] | str | None = None,
        missing: Literal["raise", "omit"] = "raise",
    ):
        self.protocol = protocol
        self.bounds = bounds
        self.start = start
        self.readings = readings
        self.frame_levels = frame_levels
        self.errors = errors
        self.n_jobs = n_jobs
        self.target_names = target_names
        self.missing = missing

    model_ = None

    @property
    def space_(self) -> ParameterSpace:
        """What is estimated, in which bounds."""
        check_is_fitted(self)
        return ParameterSpace(self.bounds_, ("D",))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.regressor_tags.poor_score = True
        # Rings that do not lie in the field are NaN.
        tags.input_tags.allow_nan = self.start is None or self._omits
        return tags

    @fits_samples
    @one_blas_thread()
    def fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Check the rings against the protocol; nothing is learnt from them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_postbleach * n_sectors * n_rings), or CurveSequence
            As :class:`skfrap.preprocessing.RingExtractor` gives it, or in a compartment
            :class:`skfrap.preprocessing.CompartmentExtractor`. With `start`, recovery curves, of
            shape (n_samples, n_frames).
        y : array-like of shape (n_samples,) or (n_samples, 1), default=None
            Not needed. If given it is log10 of D in µm²/s; its form is that of the answers. What
            its name, its values, or some of the samples say to be something else is refused where
            it has a name, and warned of where it has none.
        sample_weight : array-like of shape (n_samples,), default=None
            Checked, and without effect: every sample is fitted by itself.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X does not have the protocol's frames and rings, if curves come without a start, if y
            is not log10 of D, or an argument is not as it must be.
        """
        values = self._check_X(X, reset=True)
        self.protocol_ = chosen_protocol(self.protocol)
        if sample_weight is not None:
            _check_sample_weight(sample_weight, values)
        check_choice("errors", self.errors, ERRORS)
        if not isinstance(self.frame_levels, (bool, np.bool_)) and self.frame_levels != "auto":
            raise ValueError(f"frame_levels must be 'auto' or a bool, got {self.frame_levels!r}.")
        if not len(self.readings):
            raise ValueError(f"readings must hold one of {READINGS} at least, got none.")
        for reading in self.readings:
            check_choice("readings", reading, READINGS)
        self.bounds_ = {"D": self._check_bounds()}
        self.layout_ = None
        if self.start is None:
            self.layout_ = start_layout(self.protocol_, values.shape[1])
        else:
            check_profiles(self.start, self.protocol_, values.shape[1], self.readings)
            check_frame_names(getattr(self, "feature_names_in_", None), self.protocol_)
        self.n_outputs_, self.target_names_ = 1, self.space_.target_names
        self._choose_form(values, y)
        self.skfrap_version_ = __version__
        return self

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[False] = False) -> np.ndarray: ...
    @overload
    def predict(self, X: ArrayLike, return_std: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...
    @overload
    def predict(self, X: ArrayLike, return_std: bool) -> Any: ...

    @answers_samples
    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        """Predict log10 D.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rings, or curves, as in :meth:`fit`.
        return_std : bool, default=False
            Also return standard errors.

        Returns
        -------
        y : ndarray of shape (n_samples, 1), or (n_samples,) where y had one dimension
        std : ndarray of the same shape
            Standard errors, only with `return_std`.
        """
        fits = self._fit(X)
        y = self._as_output(np.array([[_or_nan(one, _log_D)] for one in fits]))
        if not return_std:
            return y
        return y, self._as_output(np.array([[_or_nan(one, self._error)] for one in fits]))

    @answers_samples
    def predict_interval(self, X: ArrayLike, level: float = 0.95) -> np.ndarray:
        """Predict intervals of log10 D.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rings, or curves, as in :meth:`fit`.
        level : float, default=0.95
            Level of the intervals.

        Returns
        -------
        ndarray of shape (n_samples, 1, 2)
            Lower and upper ends.
        """
        fits = self._fit(X, check_level(level))
        return np.array([[_or_nan(one, self._ends, (np.nan, np.nan))] for one in fits])

    @answers_samples
    def measure(self, X: ArrayLike, level: float = 0.95) -> list[StartEstimate | None]:
        """Fit each sample, and keep all of it: readings, starts, levels of the frames, noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rings, or curves, as in :meth:`fit`.
        level : float, default=0.95
            Level of the intervals.

        Returns
        -------
        list of StartEstimate
            One for each sample; None where there are no data.
        """
        return self._fit(X, check_level(level))

    def fit_results(self, X: ArrayLike) -> NoReturn:
        """Refuse: what is fitted are starts, see :meth:`measure`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rings, or curves that go with `start`.

        Raises
        ------
        ValueError
            Always.
        """
        self._check_model("fit_results")

    def profiles(self, X: ArrayLike) -> list[StartProfiles | None]:
        """Fit each sample, and put measured and fitted profiles beside each other.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rings, or curves that go with `start`.

        Returns
        -------
        list of StartProfiles
            Times, distances, intensities over those before bleaching as measured and as fitted, and
            the start as it was seen. None where there are no data.
        """
        check_is_fitted(self)
        values = self._check_X(X)
        seen = self.layout_ or self.start
        return [
            None if one is None else profiles_of(one, sample, seen, self.protocol_)
            for one, sample in zip(self._fit_checked(values), self._samples(values), strict=True)
        ]

    @answers_samples
    def estimate(self, X: ArrayLike, level: float = 0.95) -> FRAPEstimates:
        """Estimate with everything that a person wants to know.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rings, or curves, as in :meth:`fit`.
        level : float, default=0.95
            Level of the intervals.

        Returns
        -------
        FRAPEstimates
            ``D_um2_s`` with its interval, ``moving_share``, of what was missing at the first frame,
            and ``mobile_fraction``, of the particles, where the reading that was taken knows it;
            ``start_scale``, where the start leaves it free; the noise over the squared prebleach
            level, and the findings.
        """
        level = check_level(level)
        return self.estimates_of(self._fit(X, level), level)

    def estimates_of(self, fits: Sequence[StartEstimate | None], level: float) -> FRAPEstimates:
        """Say everything of samples that :meth:`measure` has fitted; nothing is fitted again.

        Parameters
        ----------
        fits : list of StartEstimate
            As :meth:`measure` gives them.
        level : float
            That they were measured with.

        Returns
        -------
        FRAPEstimates
            As of :meth:`estimate`.
        """
        is_empty = np.array([one is None for one in fits], dtype=bool)
        there, empty = (np.flatnonzero(some).tolist() for some in (~is_empty, is_empty))
        answers = self._describe([fits[k] for k in there], level)
        if not len(empty):
            return answers
        parts = [answers, no_answers(answers, len(empty))]
        return join_answers(parts, [np.array(there, dtype=int), np.array(empty, dtype=int)])

    def _describe(self, fits, level):
        """Say everything of fits, all of which are there."""
        seen = self.protocol_.times[self.protocol_.n_prebleach :]
        duration, bleachable = seen[-1] - seen[0], np.inf
        protocol = self.protocol_
        # Curves are the told region's, and of a compartment all light is seen.
        if self.layout_ is None or protocol.compartment is not None:
            inside = 1.0 if protocol.compartment is None else protocol.compartment_mask
            bleachable = np.sum(protocol.bleach_mask * inside) * protocol.pixel_size**2
            bleachable *= protocol.n_bleach
        findings, usable = (), np.zeros(0, dtype=bool)
        if fits:
            limits = self.bounds_["D"], duration, bleachable, self.errors == "noise"
            findings, usable = describe_starts(fits, *limits)
        ends = np.array([self._ends(one) for one in fits]).reshape(-1, 2)
        log_D = np.array([one.best.log_D for one in fits])
        with np.errstate(over="ignore"):  # what is not determined has ends at infinity
            D, lower, upper = (
                np.where(usable, 10**values, np.nan) for values in (log_D, ends[:, 0], ends[:, 1])
            )
        shares = np.array([one.moving_share for one in fits])
        fractions = np.array([one.best.share for one in fits])
        values = {"D": D, "moving_share": shares, "mobile_fraction": fractions}
        if self.start is not None and self.start.start_scale[0] < self.start.start_scale[1]:
            values["start_scale"] = np.array([one.start_scale for one in fits])
        low, high = np.log10(self.bounds_["D"])
        return FRAPEstimates(
            values,
            {**values, "D": lower},
            {**values, "D": upper},
            noise_a=np.array([one.a for one in fits]),
            noise_b=None,
            residual_sum_of_squares=np.array([one.residual_sum_of_squares for one in fits]),
            converged=np.ones(len(fits), dtype=bool),
            at_bound=np.where((log_D - low < 1e-4) | (high - log_D < 1e-4), "D", ""),
            findings=findings,
            level=level,
        )

    # What only this class needs

    def _check_bounds(self):
        bounds = _BOUNDS if self.bounds is None else self.bounds
        if isinstance(bounds, dict):
            bounds = bounds.get("D", _BOUNDS)
        low, high = map(float, bounds)
        if not 0 < low < high < np.inf:
            raise ValueError(
                f"bounds must be a lower and an upper end of D in µm²/s, above 0; got {bounds!r}."
            )
        return low, high

    def _check_X(self, X, reset=False):
        check_choice("missing", self.missing, ("raise", "omit"))
        finite = "allow-nan" if self.start is None or self._omits else True
        return validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite=finite)

    def _check_model(self, what: str) -> NoReturn:
        raise ValueError(
            f"{what} needs a model whose parameters say all of a curve. A measured start is fitted "
            "to each sample: measure(X) keeps starts, readings and levels, and "
            "skfrap.plotting.MeasuredStartDisplay shows them; LeastSquaresFRAP fits curves of the "
            "region told."
        )

    def _choose_form(self, X, y):
        """Check that y is log10 of D, and answer in its form."""
        asked = given_target_names(self.target_names)
        if y is None:
            check_target_names(asked or self.target_names_, self.target_names_, "target_names")
            self._flat_output = isinstance(self.target_names, str)
            return
        named = names_of_targets(y)
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
        if len(y) != len(X):
            raise ValueError(f"X has {len(X)} samples and y has {len(y)}; they must agree.")
        self._flat_output = y.ndim == 1
        rows = np.unique(np.linspace(0, len(y) - 1, min(len(y), _MOST_TOLD)).astype(int))
        if y.size == len(y):  # bounds are of all of y
            rows = np.unique([*rows, np.argmin(y), np.argmax(y)])

        def tell(numbers):
            return self._tell(X[numbers[:, 0].astype(int)])

        numbers = rows[:, np.newaxis].astype(float)  # rings are never free of NaN
        choice = choose_targets(numbers, y[rows], named, asked, self.space_, tell)
        if choice.doubt:
            warnings.warn(choice.doubt, UserWarning, stacklevel=3)

    def _settle(self, samples, y):
        """Choose the form of answers, of samples that bring their protocols."""
        self.layout_, self.bounds_ = None, {"D": self._check_bounds()}
        self.n_outputs_, self.target_names_ = 1, self.space_.target_names
        self._choose_form(samples, y)

    @answers_samples
    def _tell(self, X):
        fits = self._fit_checked(X)
        columns = [[_or_nan(one, _log_D), _or_nan(one, self._error)] for one in fits]
        theta, errors = np.array(columns).T[..., np.newaxis]
        known = np.isfinite(theta)
        return np.where(known, theta, 0.0), np.where(known, errors, np.inf)

    def _fit(self, X, level=0.95):
        check_is_fitted(self)
        return self._fit_checked(self._check_X(X), level)

    def _fit_checked(self, X, level=0.95):
        fit = self._fit_curve if self.layout_ is None else self._fit_rings
        fitter = self._fitter(None if self.layout_ is None else range(self.protocol_.n_postbleach))
        samples = self._samples(X)
        with one_blas_thread():
            return Parallel(n_jobs=self.n_jobs, prefer="threads")(
                delayed(fit)(fitter, sample, level) for sample in samples
            )

    def _samples(self, X):
        """Take X sample by sample; None where there are no data."""
        return samples_of(X, self.protocol_, self.layout_, self._omits)

    def _fitter(self, frames=None):
        """Make what fits curves, or rings of some frames after bleaching."""
        protocol, bounds = self.protocol_, self.bounds_["D"]
        if frames is None:
            return CurveFitter(protocol, self.start, bounds, self.readings)
        if len(frames) < protocol.n_postbleach:
            times = protocol.times[protocol.n_prebleach :][[*frames]]
            protocol = protocol.replace(postbleach_times=tuple(times))
        fitter = CompartmentFitter if isinstance(self.layout_, TileLayout) else SampleFitter
        return fitter(protocol, self.layout_, bounds, self.readings, self.frame_levels)

    def _fit_curve(self, fitter, curve, level):
        return None if curve is None else fitter.fit(curve, level)

    def _fit_rings(self, fitter, sample, level):
        if sample is None:
            return None
        means, frames = sample
        if len(frames) < self.protocol_.n_postbleach:
            fitter = self._fitter(frames)
        return fitter.fit(means, level)

    def _error(self, fit):
        return fit.standard_error if self.errors == "jackknife" else fit.best.standard_error

    def _ends(self, fit):
        return (fit.lower, fit.upper) if self.errors == "jackknife" else fit.noise_ends


def _log_D(fit):
    return fit.best.log_D


def _or_nan(fit, of, nothing=np.nan):
    """Take something of a fit, where there is one."""
    return nothing if fit is None else of(fit)
