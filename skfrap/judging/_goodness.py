"""What residuals say of a fit: whether the model is visibly wrong, and how the noise is."""

from dataclasses import dataclass, fields

import numpy as np
from scipy.special import gammaln
from scipy.stats import beta, chi2, shapiro

from skfrap._arrays import nan_where_masked
from skfrap._checks import check_level
from skfrap.experiment import Noise
from skfrap.experiment._noise import squares_without_noise
from skfrap.judging._tangents import VOID
from skfrap.results import Finding

_MOST_TESTED = 5000  # frames; Shapiro and Wilk's test is made for no more
_FEWEST_FREE = 3  # residuals beyond the parameters
_CHUNK = 4096
_SHOWN = 0.01  # p-values below which a test is worth a word


@dataclass(frozen=True, eq=False)
class GoodnessOfFit:
    """Hold what the residuals of a batch of fits say; every array has one entry per curve.

    Attributes
    ----------
    residual_variance : ndarray of shape (n,)
        Residual sum of squares over the degrees of freedom.
    noise_a : ndarray of shape (n,)
        The variance of a pixel that it stands for.
    reduced_chi_squared, chi_squared_p : ndarray of shape (n,)
        Residual variance over the known one, 1 in the mean, and how often chance alone makes it
        larger; NaN where the noise is not known.
    autocorrelation, autocorrelation_p : ndarray of shape (n,)
        Of neighbouring residuals, and how often chance alone makes it larger.
    n_runs : ndarray of shape (n,) of int
        Stretches of residuals of one sign.
    runs_p : ndarray of shape (n,)
        How often there are as few by chance.
    normality_p : ndarray of shape (n,)
        Of Shapiro and Wilk's test. Small where single frames are off, or the noise is not normal.
    p_value : ndarray of shape (n,)
        How often a right model looks as wrong: autocorrelation and chi-squared together.
    visibly_wrong : ndarray of shape (n,) of bool
        Whether that is less than the false-alarm rate.
    false_alarm_rate : float
        Share of right models that are called wrong.
    """

    residual_variance: np.ndarray
    noise_a: np.ndarray
    reduced_chi_squared: np.ndarray
    chi_squared_p: np.ndarray
    autocorrelation: np.ndarray
    autocorrelation_p: np.ndarray
    n_runs: np.ndarray
    runs_p: np.ndarray
    normality_p: np.ndarray
    p_value: np.ndarray
    visibly_wrong: np.ndarray
    false_alarm_rate: float

    def __len__(self):
        return len(self.p_value)

    def to_dict(self):
        """Return the columns by name.

        Returns
        -------
        dict
            Columns by name.
        """
        names = [field.name for field in fields(self)]
        return {name: getattr(self, name) for name in names if name != "false_alarm_rate"}

    @property
    def findings(self):
        """Whether the model of each fit is visibly wrong: a tuple of findings for each."""
        wrong = "model_visibly_wrong"
        return tuple(
            (Finding.of(wrong, self._line(k), remedy="look for another model"),) if one else ()
            for k, one in enumerate(self.visibly_wrong)
        )

    def summary(self):
        """Say of each fit whether the model is visibly wrong, and what else is to be seen.

        Returns
        -------
        list of str
        """
        return [self._line(k) for k in range(len(self))]

    def _line(self, k):
        reasons = []
        if self.autocorrelation_p[k] < _SHOWN:
            reasons.append(
                f"neighbouring residuals go together (correlation {self.autocorrelation[k]:.2f}, "
                f"p = {self.autocorrelation_p[k]:.1g})"
            )
        if self.chi_squared_p[k] < _SHOWN:
            reasons.append(
                f"residuals vary {self.reduced_chi_squared[k]:.3g} times as much as the known "
                f"noise (p = {self.chi_squared_p[k]:.1g})"
            )
        # Residuals that go together are no sample of the noise.
        if self.normality_p[k] < _SHOWN and not self.autocorrelation_p[k] < _SHOWN:
            reasons.append(
                f"residuals are not normally distributed (p = {self.normality_p[k]:.1g}): are "
                "single frames off?"
            )
        verdict = "nothing speaks against the model"
        if self.visibly_wrong[k]:
            verdict = f"the model is visibly wrong (p = {self.p_value[k]:.1g})"
        return f"{verdict}: {'; '.join(reasons)}" if reasons else verdict


def goodness_of_fit(
    X,
    fitted,
    n_free,
    *,
    noise_gain=1.0,
    noise_a=None,
    noise_b=0.0,
    light=None,
    tangents=None,
    false_alarm_rate=0.01,
):
    """Judge fits by their residuals, assuming independent normal noise.

    A model is called wrong if neighbouring residuals go together more than chance has it [1]_, or,
    where the noise is known, if residuals are larger than that. Of a right model the two are
    independent (one knows the residuals' directions only, the other their size), so that the rate
    of false alarms is what it is said to be. Runs and normality [3]_ are told besides and do not
    count.

    Parameters
    ----------
    X, fitted : array-like of shape (n, n_frames)
        Measured curves and the model's.
    n_free : int
        Parameters that were fitted.
    noise_gain : float, default=1.0
        Noise variance of a curve's value over that of a pixel, `FRAPProtocol.noise_gain`.
    noise_a : float or array-like of shape (n,), default=None
        Noise variance of a pixel, if it is known.
    noise_b : float, default=0.0
        What it has besides per intensity, where `noise_a` is known.
    light : array-like of shape (n, n_frames), default=None
        The intensity that goes with `noise_b`: a mean by squared weights of the pixels, such as
        ``estimator.curves(theta, weights="noise")``. None takes the fitted curves, as is
        right where all pixels have one weight.
    tangents : ndarray of shape (n, n_free, n_frames), default=None
        Derivatives of the fitted curves by the parameters: what the fit has taken from the
        residuals. None takes them to vary slowly, so that it has taken the slowest [2]_.
    false_alarm_rate : float, default=0.01
        Share of right models that may be called wrong.

    Returns
    -------
    GoodnessOfFit

    Raises
    ------
    ValueError
        If shapes do not agree, there are too few frames, or a number is out of range.

    References
    ----------
    .. [1] Durbin and Watson, Biometrika 37, 409-428 (1950); 38, 159-177 (1951): the distribution
       of the statistic as a beta distribution with its exact mean and variance.
    .. [2] Hannan and Terrell, Econometrica 36, 268-275 (1968).
    .. [3] Shapiro and Wilk, Biometrika 52, 591-611 (1965).

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.judging import goodness_of_fit
    >>> line = np.linspace(0.5, 0.8, 100)
    >>> noise = 0.01 * np.random.default_rng(0).standard_normal((2, 100))
    >>> wave = 0.01 * np.sin(np.linspace(0, 9, 100))
    >>> goodness_of_fit([line, line + wave] + noise, [line, line], n_free=3).visibly_wrong.tolist()
    [False, True]
    """
    X, fitted = (np.asarray(nan_where_masked(one), dtype=float) for one in (X, fitted))
    if X.ndim != 2 or X.shape != fitted.shape:
        raise ValueError(
            "X and fitted must have one shape (n, n_frames), the fitted curve beside each measured "
            f"one; got {X.shape} and {fitted.shape}."
        )
    if np.isnan(X).any() or np.isnan(fitted).any():
        raise ValueError(
            "X and fitted must be complete, got NaN or masked values: a fit is judged by "
            "neighbouring residuals. Leave out the curves that lack frames."
        )
    n_frames = X.shape[1]
    freedom = n_frames - n_free
    if freedom < _FEWEST_FREE:
        raise ValueError(
            f"{n_frames} frames leave {freedom} residuals free of {n_free} fitted parameters; at "
            f"least {_FEWEST_FREE} are needed to judge a fit."
        )
    check_level(false_alarm_rate, "false_alarm_rate")
    residuals = X - fitted
    spread = np.ones((len(X), 1))
    if noise_a is not None:
        noise_a = np.broadcast_to(np.asarray(noise_a, dtype=float), len(X))
        variance = Noise(noise_a, noise_b, noise_gain).variance(fitted if light is None else light)
        if not (variance > 0).all():
            raise ValueError(
                f"noise_a and noise_b must make a positive variance, got {noise_a} and {noise_b}."
            )
        spread = np.sqrt(variance)
    standardised = residuals / spread
    if tangents is not None:
        tangents = tangents / spread[:, np.newaxis]
    squares = np.sum(residuals**2, axis=1)
    noisy = _are_noisy(X, residuals)
    correlation = _autocorrelation(standardised, noisy)
    correlation_p = _autocorrelation_p(
        correlation, autocorrelation_moments(n_frames, n_free, tangents)
    )
    n_runs, runs_p = _runs(standardised)
    normality_p = np.full(len(X), np.nan)
    for k in np.flatnonzero(noisy):
        normality_p[k] = shapiro(standardised[k, :_MOST_TESTED]).pvalue
    chi_squared = chi_squared_p = np.full(len(X), np.nan)
    p_value = correlation_p
    if noise_a is not None:
        chi_squared = np.sum(standardised**2, axis=1) / freedom
        chi_squared_p = chi2.sf(freedom * chi_squared, freedom)
        # The smaller of two independent p-values.
        p_value = 1 - (1 - np.minimum(correlation_p, chi_squared_p)) ** 2
    return GoodnessOfFit(
        residual_variance=squares / freedom,
        noise_a=Noise.of_variance(squares / freedom, noise_gain).a,
        reduced_chi_squared=chi_squared,
        chi_squared_p=chi_squared_p,
        autocorrelation=correlation,
        autocorrelation_p=correlation_p,
        n_runs=n_runs,
        runs_p=np.where(noisy, runs_p, 1.0),
        normality_p=normality_p,
        p_value=p_value,
        visibly_wrong=p_value < false_alarm_rate,
        false_alarm_rate=false_alarm_rate,
    )


def find_misfits(
    X, fitted, n_free, tangents, *, false_alarm_rate, deviations=None, noise_known=False
):
    """Tell which fits are visibly wrong and why: the verdict of :func:`goodness_of_fit`, quickly.

    Parameters
    ----------
    X, fitted : ndarray of shape (n, n_frames)
        Measured curves.
    n_free : int
        Parameters that were fitted to each.
    tangents : callable
        ``tangents(rows)`` gives the derivatives of some fitted curves, (m, n_free, n_frames), zero
        for parameters that a bound has held.
    false_alarm_rate : float
        Share of good fits that may be called wrong.
    deviations : ndarray of shape (n, n_frames), default=None
        Standard deviation of the noise, all positive; None is constant noise.
    noise_known : bool, default=False
        Whether `deviations` are known, not only in proportion to one another.

    Returns
    -------
    correlated, too_large : ndarray of shape (n,) of bool
        Whether neighbouring residuals go together, and whether residuals are larger than noise.
    """
    n_frames = X.shape[1]
    freedom = n_frames - n_free
    correlated, too_large = np.zeros((2, len(X)), bool)
    if freedom < _FEWEST_FREE:
        return correlated, too_large
    residuals = X - fitted
    noisy = _are_noisy(X, residuals)
    if deviations is not None:
        residuals = residuals / deviations
    level = false_alarm_rate
    if noise_known:
        level = 1 - np.sqrt(1 - false_alarm_rate)  # of each of two independent tests
        too_large = noisy & (np.sum(residuals**2, axis=1) > chi2.isf(level, freedom))
    correlation = _autocorrelation(residuals, noisy)
    # No tangents lower the correlation more than the slowest waves do (the bounds of Durbin and
    # Watson), so that theirs are needed only of what is suspect by that too.
    bound = _autocorrelation_p(correlation, autocorrelation_moments(n_frames, n_free, None))
    suspects = np.flatnonzero(bound < level)
    for first in range(0, len(suspects), _CHUNK):
        rows = suspects[first : first + _CHUNK]
        taken = tangents(rows)
        if deviations is not None:
            taken = taken / deviations[rows, np.newaxis]
        p = _autocorrelation_p(correlation[rows], autocorrelation_moments(n_frames, n_free, taken))
        correlated[rows] = p < level
    return correlated, too_large


def judge_fit(fit, **options):
    """Judge fits by their residuals.

    Parameters
    ----------
    fit : Fit
        As ``estimator.fit_results(X)``; of several rows the first is judged. `noise_b` goes with
        the light that it knows.
    **options
        `noise_a`, `noise_b` and `false_alarm_rate`, to :func:`goodness_of_fit`.

    Returns
    -------
    GoodnessOfFit

    Examples
    --------
    >>> from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
    >>> from skfrap.judging import judge_fit
    >>> X = FRAPSimulator(prior={"mobile_fraction": 0.8}, random_state=0).sample(20).data
    >>> estimator = LeastSquaresFRAP(FRAPProtocol()).fit(X)  # all mobile, it thinks
    >>> int(judge_fit(estimator.fit_results(X)).visibly_wrong.sum())
    18
    """
    fit = fit.of_first_row()
    return goodness_of_fit(
        fit.data,
        fit.curves,
        fit.theta.shape[1],
        noise_gain=fit.protocol.noise_gain,
        light=fit.light,
        tangents=fit.tangents(),
        **options,
    )


def judge_fits(estimator, X, theta=None, **options):
    """Judge what a fitted estimator makes of curves by the residuals.

    Parameters
    ----------
    estimator : LeastSquaresFRAP, BayesianFRAP or NeuralFRAP
        Fitted.
    X : array-like of shape (n, n_frames)
        Recovery curves; of several rows the first is judged.
    theta : ndarray of shape (n, n_targets), default=None
        Other parameters than it estimates, in the columns of its ``space_.target_names``.
    **options
        As of :func:`judge_fit`.

    Returns
    -------
    GoodnessOfFit

    See Also
    --------
    judge_fit : Judges a fit that is there already.
    """
    X = np.asarray(X, dtype=float)
    theta = estimator.fit_results(X).theta if theta is None else np.asarray(theta, dtype=float)
    protocol = estimator.protocol_
    first = slice(protocol.n_frames if protocol.n_rows > 1 else None)
    if options.get("noise_b"):
        options["light"] = estimator.curves(theta, weights="noise")[:, first]
    return goodness_of_fit(
        X[:, first],
        estimator.curves(theta)[:, first],
        theta.shape[1],
        noise_gain=protocol.noise_gain,
        tangents=estimator.tangents(theta)[..., first],
        **options,
    )


def _are_noisy(X, residuals):
    """Tell whether residuals are more than rounding, so that there is something to judge."""
    return np.sum(residuals**2, axis=1) > squares_without_noise(X)


def _autocorrelation(residuals, noisy):
    """Return the lag-one autocorrelation, NaN where there is no noise."""
    total = np.where(noisy, np.sum(residuals**2, axis=1), np.nan)
    return np.sum(residuals[:, 1:] * residuals[:, :-1], axis=1) / total


def _autocorrelation_p(correlation, moments):
    """Return how often chance makes the autocorrelation larger."""
    mean, variance = moments
    # A beta distribution on -1 to 1 with these moments.
    middle = (1 + mean) / 2
    concentration = middle * (1 - middle) / (variance / 4) - 1
    p = beta.sf((1 + correlation) / 2, middle * concentration, (1 - middle) * concentration)
    return np.where(np.isnan(correlation), 1.0, p)


def autocorrelation_moments(n_frames, n_free, tangents):
    """Return mean and variance of the autocorrelation e'Ae / e'e of least-squares residuals e.

    A has 1/2 beside the diagonal. The residuals are what the projector M beside the tangents leaves
    of the noise, and the moments follow from the traces of MA and (MA)².
    """
    if tangents is None:
        # Its eigenvectors are waves; the fit has taken the slowest.
        eigenvalues = np.cos(np.pi * np.arange(n_free + 1, n_frames + 1) / (n_frames + 1))
        rank, trace, trace_of_square = n_free, eigenvalues.sum(), np.sum(eigenvalues**2)
    else:
        # Of unit length, whatever the units of the parameters.
        lengths = np.linalg.norm(tangents, axis=2, keepdims=True)
        tangents = tangents / np.where(lengths > 0, lengths, 1.0)
        _, values, basis = np.linalg.svd(tangents, full_matrices=False)
        kept = values > VOID * values[:, :1]
        rank = kept.sum(axis=1)
        basis = basis * kept[:, :, np.newaxis]
        padded = np.pad(basis, [(0, 0), (0, 0), (1, 1)])
        moved = 0.5 * (padded[:, :, 2:] + padded[:, :, :-2])
        within = basis @ moved.swapaxes(1, 2)
        trace = -np.einsum("nvv->n", within)
        trace_of_square = (n_frames - 1) / 2 - 2 * np.sum(moved**2, axis=(1, 2))
        trace_of_square = trace_of_square + np.sum(within**2, axis=(1, 2))
    freedom = n_frames - rank
    variance = 2 * (freedom * trace_of_square - trace**2) / (freedom**2 * (freedom + 2))
    return trace / freedom, variance


def _runs(residuals):
    """Return the number of runs of one sign, and how often as few come about by chance.

    Wald and Wolfowitz's exact distribution of signs in random order (Ann. Math. Stat. 11, 147,
    1940). A fit makes residuals change sign slightly more often, which errs to the safe side.
    """
    above = residuals > 0
    n_runs = 1 + np.sum(above[:, 1:] != above[:, :-1], axis=1)
    n_above = above.sum(axis=1)[:, np.newaxis]
    n_below = residuals.shape[1] - n_above
    k = np.arange(1, residuals.shape[1] // 2 + 2)  # runs of either sign, or one less
    with np.errstate(invalid="ignore"):
        even = _log_binomial(n_above - 1, k - 1) + _log_binomial(n_below - 1, k - 1)
        odd = np.logaddexp(
            _log_binomial(n_above - 1, k) + _log_binomial(n_below - 1, k - 1),
            _log_binomial(n_above - 1, k - 1) + _log_binomial(n_below - 1, k),
        )
    total = _log_binomial(n_above + n_below, n_above)
    few = n_runs[:, np.newaxis]
    p = 2 * np.sum(np.exp(even - total), axis=1, where=2 * k <= few)
    p += np.sum(np.exp(odd - total), axis=1, where=2 * k + 1 <= few)
    of_one_sign = (n_above == 0) | (n_below == 0)
    return n_runs, np.where(of_one_sign[:, 0], 1.0, np.minimum(p, 1.0))


def _log_binomial(n, k):
    n, k = np.broadcast_arrays(n, k)
    possible = (k >= 0) & (k <= n)
    n, k = np.where(possible, n, 0), np.where(possible, k, 0)
    return np.where(possible, gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), -np.inf)
