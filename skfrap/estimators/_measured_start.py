"""D where nobody says what was bleached: the start is seen."""

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from skfrap._arrays import validate_data
from skfrap._checks import check_choice, check_level
from skfrap.estimators._files import RegressorState
from skfrap.experiment import MeasuredStart, RingLayout
from skfrap.experiment._frames import chosen_protocol
from skfrap.inference.starts._profiles import CurveFitter
from skfrap.inference.starts._readings import READINGS
from skfrap.inference.starts._sample import SampleFitter
from skfrap.judging._starts import describe_starts
from skfrap.numerics._threads import one_blas_thread
from skfrap.results import FRAPEstimates

_BOUNDS = (10**-2.5, 1e3)  # µm²/s
ERRORS = ("jackknife", "noise")
_FEWEST_BETWEEN = 4  # values of a curve beside its profiles


class MeasuredStartFRAP(RegressorState, MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Estimate D from rings or a curve and profiles, what bleaching left being an unknown.

    No bleach region, time of bleaching or shape of the beam is needed. The start is a sum of
    ring-Gaussians with unknown coefficients, which the heat equation moves in closed form; what
    stays is a second such sum. All that is linear is integrated out, and D is where the evidence is
    largest.

    Assumptions: free diffusion on an open plane, as far as the field reaches; particles that stay
    do not move at all.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        Gives pixels and times; of the bleach region no use is made. None is the paper's protocol.
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
    frame_levels : bool, default=True
        Whether the level of each frame is free: then neither flicker nor even fading matters. Not
        used for curves, which must be corrected.
    errors : {"jackknife", "noise"}, default="jackknife"
        Where intervals come from. ``"jackknife"``: from leaving out frames and sectors, at least
        what the noise gives; the residuals of real images go together. ``"noise"``: from the noise
        alone, as if it was independent in all pixels, for simulations.
    n_jobs : int, default=None
        Threads for samples. None is 1.

    Attributes
    ----------
    protocol_ : FRAPProtocol
    layout_ : RingLayout
        None for curves.
    bounds_ : dict of str to tuple of float
    target_names_ : tuple of str
        ``("log10_D",)``.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only where X has names.

    See Also
    --------
    skfrap.preprocessing.RingExtractor : Averages image stacks over rings.
    LeastSquaresFRAP : Takes the bleach region as it was told.

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
        protocol=None,
        bounds=None,
        *,
        start=None,
        readings=READINGS,
        frame_levels=True,
        errors="jackknife",
        n_jobs=None,
    ):
        self.protocol = protocol
        self.bounds = bounds
        self.start = start
        self.readings = readings
        self.frame_levels = frame_levels
        self.errors = errors
        self.n_jobs = n_jobs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.regressor_tags.poor_score = True
        tags.input_tags.allow_nan = self.start is None  # rings that do not lie in the field
        return tags

    def fit(self, X, y=None):
        """Check the rings against the protocol; nothing is learnt from them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_postbleach * n_sectors * n_rings)
            As :class:`skfrap.preprocessing.RingExtractor` gives it. With `start`, recovery curves,
            of shape (n_samples, n_frames).
        y : array-like of shape (n_samples,) or (n_samples, 1), default=None
            Says by its form whether answers have one dimension.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X does not have the protocol's frames and rings, if curves come without a start, or
            an argument is not as it must be.
        """
        finite = "allow-nan" if self.start is None else True
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite=finite)
        self.protocol_ = chosen_protocol(self.protocol)
        check_choice("errors", self.errors, ERRORS)
        if not len(self.readings):
            raise ValueError(f"readings must hold one of {READINGS} at least, got none.")
        for reading in self.readings:
            check_choice("readings", reading, READINGS)
        self.bounds_ = {"D": self._check_bounds()}
        if self.start is None:
            self.layout_ = self._layout(X.shape[1])
        else:
            self.layout_ = None
            self._check_start(X.shape[1])
        self.target_names_ = ("log10_D",)
        self.n_outputs_, self._flat_output = 1, y is not None and np.ndim(y) == 1
        return self

    def predict(self, X, return_std=False):
        """Predict log10 D.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        return_std : bool, default=False

        Returns
        -------
        y : ndarray of shape (n_samples, 1), or (n_samples,) where y had one dimension
        std : ndarray of the same shape
            Standard errors, only with `return_std`.
        """
        fits = self._fit(X)
        y = self._as_output(np.array([[one.best.log_D] for one in fits]))
        if not return_std:
            return y
        return y, self._as_output(np.array([[self._error(one)] for one in fits]))

    def predict_interval(self, X, level=0.95):
        """Predict intervals of log10 D.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        level : float, default=0.95

        Returns
        -------
        ndarray of shape (n_samples, 1, 2)
        """
        return np.array([[self._ends(one)] for one in self._fit(X, check_level(level))])

    def measure(self, X, level=0.95):
        """Fit each sample, and keep all of it: readings, starts, levels of the frames, noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        level : float, default=0.95

        Returns
        -------
        list of StartEstimate
        """
        return self._fit(X, check_level(level))

    def estimate(self, X, level=0.95):
        """Estimate with everything that a person wants to know.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        level : float, default=0.95
            Level of the intervals.

        Returns
        -------
        FRAPEstimates
            ``D_um2_s`` with its interval, ``moving_share``, of what was missing at the first frame,
            and ``mobile_fraction``, of the particles, where the reading that was taken knows it;
            the noise over the squared prebleach level, and the findings.
        """
        level = check_level(level)
        return self.estimates_of(self._fit(X, level), level)

    def estimates_of(self, fits, level):
        """Say everything of samples that :meth:`measure` has fitted; nothing is fitted again.

        Parameters
        ----------
        fits : list of StartEstimate
        level : float
            That they were measured with.

        Returns
        -------
        FRAPEstimates
            As of :meth:`estimate`.
        """
        seen = self.protocol_.times[self.protocol_.n_prebleach :]
        duration, bleachable = seen[-1] - seen[0], np.inf
        if self.layout_ is None:  # of curves: they are the told region's
            bleachable = self.protocol_.bleach_mask.sum() * self.protocol_.pixel_size**2
            bleachable *= self.protocol_.n_bleach
        findings, usable = describe_starts(fits, self.bounds_["D"], duration, bleachable)
        ends = np.array([self._ends(one) for one in fits])
        log_D = np.array([one.best.log_D for one in fits])
        D, lower, upper = (
            np.where(usable, 10**values, np.nan) for values in (log_D, ends[:, 0], ends[:, 1])
        )
        shares = np.array([one.moving_share for one in fits])
        fractions = np.array([one.best.share for one in fits])
        values = {"D": D, "moving_share": shares, "mobile_fraction": fractions}
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

    def _layout(self, n_columns):
        protocol = self.protocol_
        n_rings = RingLayout.of_field(protocol.shape).n_rings
        per_sector = protocol.n_postbleach * n_rings
        n_sectors, rest = divmod(n_columns, per_sector)
        if rest or not n_sectors:
            raise ValueError(
                f"X has {n_columns} columns, and the protocol has {protocol.n_postbleach} frames "
                f"after bleaching and room for {n_rings} rings: a multiple of {per_sector} is "
                "needed. Make X by RingExtractor with the same protocol; recovery curves need "
                "start=MeasuredStart.from_profile(...)."
            )
        return RingLayout(n_rings, n_sectors)

    def _check_start(self, n_columns):
        start, protocol = self.start, self.protocol_
        if not isinstance(start, MeasuredStart):
            raise ValueError(
                f"start must be a MeasuredStart, or None for rings; got {start!r}. Make it by "
                "MeasuredStart.from_profile(radius_um, intensity)."
            )
        if n_columns != protocol.n_frames:
            raise ValueError(
                f"X has {n_columns} columns, and the protocol has {protocol.n_frames} frames: with "
                "start, X must be recovery curves of all frames before and after bleaching."
            )
        between = protocol.n_postbleach - 1
        between -= 0 if start.last_intensity is None else start.n_last
        if between < _FEWEST_BETWEEN:
            raise ValueError(
                f"start leaves {max(between, 0)} of {protocol.n_postbleach} frames after bleaching "
                f"to the curve, and {_FEWEST_BETWEEN} are needed; record more frames, or average "
                "fewer last ones (n_last)."
            )
        if start.last_intensity is None and set(self.readings) == {"free"}:
            raise ValueError(
                "readings is only 'free', which needs the profile of the last frames: give "
                "start=MeasuredStart.from_profile(radius_um, intensity, last_intensity)."
            )

    def _fit(self, X, level=0.95):
        check_is_fitted(self)
        layout, protocol, bounds = self.layout_, self.protocol_, self.bounds_["D"]
        finite = True if layout is None else "allow-nan"
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite=finite)
        if layout is None:
            fitter, samples = CurveFitter(protocol, self.start, bounds, self.readings), X
        else:
            fitter = SampleFitter(protocol, layout, bounds, self.readings, self.frame_levels)
            shape = len(X), protocol.n_postbleach, layout.n_sectors, layout.n_rings
            samples = _check_rings(X.reshape(shape), layout)
        with one_blas_thread():
            return Parallel(n_jobs=self.n_jobs, prefer="threads")(
                delayed(fitter.fit)(sample, level) for sample in samples
            )

    def _error(self, fit):
        return fit.standard_error if self.errors == "jackknife" else fit.best.standard_error

    def _ends(self, fit):
        return (fit.lower, fit.upper) if self.errors == "jackknife" else fit.noise_ends

    def _as_output(self, columns):
        return columns[:, 0] if self._flat_output else columns


def _check_rings(means, layout):
    """Check that rings are there in all frames and sectors, or in none beyond the last.

    Parameters
    ----------
    means : ndarray of shape (n_samples, n_frames, n_sectors, n_rings)
    layout : RingLayout

    Returns
    -------
    ndarray
        The same.

    Raises
    ------
    ValueError
        It says which sample lacks a part of its rings.
    """
    known = np.isfinite(means)
    n_rings = known.any(axis=(1, 2)).sum(axis=1)
    within = np.arange(layout.n_rings) < n_rings[:, np.newaxis]
    expected = within[:, np.newaxis, np.newaxis] & (layout.counts > 0)
    lacking = np.flatnonzero((n_rings < 2) | (expected & ~known).any(axis=(1, 2, 3)))
    if len(lacking):
        raise ValueError(
            f"X has NaN within the rings of row {lacking[0]} (from 0), and {len(lacking)} of "
            f"{len(means)} rows lack rings: NaN may only stand in whole rings beyond the last. "
            "Leave out these rows, or the frames in all of them and in the protocol."
        )
    return means
