"""Which reading of a measured start the images ask for."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from skfrap._checks import check_level
from skfrap.comparison._comparison import ModelComparison, ModelFit
from skfrap.estimators import MeasuredStartFRAP
from skfrap.results import FRAPEstimates

_WITH_SHARE = ("one_depth", "same_shape")  # which fit a mobile fraction


def compare_readings(
    X: ArrayLike, estimator: MeasuredStartFRAP, *, level: float = 0.95
) -> ModelComparison:
    """Compare what may have moved of a measured start, on the same samples.

    All readings are linear models of the same rings with the same prior of a start, fitted with the
    noise that is taken for all of them, so their evidences can be compared: the larger, the
    likelier. Starts are integrated out; what is left to each reading is D and, where all was
    bleached alike, the mobile fraction.

    ``MeasuredStartFRAP`` takes the reading with the largest evidence, unless that of the reading
    that assumes least, ``"free"``, contradicts its D.

    Parameters
    ----------
    X : array-like of shape (n, n_features)
        Rings, as :class:`skfrap.preprocessing.RingExtractor` gives them, or curves that go with the
        estimator's profiles.
    estimator : MeasuredStartFRAP
        Its `readings` are compared. It need not be fitted.
    level : float, default=0.95
        Of the intervals of the estimates.

    Returns
    -------
    ModelComparison
        A model per reading: ``best["evidence"]``, ``weights("evidence")``, ``to_frame()``. Of each
        reading the estimates are D, with an interval by the noise alone, and the mobile fraction
        where it knows one; the findings are those of the sample.

    Raises
    ------
    ValueError
        If the estimator measures no start, or a sample has no data.

    See Also
    --------
    compare_models : Compares models of recovery curves.

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator, MeasuredStartFRAP
    >>> from skfrap.comparison import compare_readings
    >>> from skfrap.preprocessing import RingExtractor
    >>> protocol = FRAPProtocol(shape=(64, 64), pixel_size=0.5, bleach_region=Circle(5.0),
    ...                         n_postbleach=40, frame_interval=0.2)
    >>> prior = {"D": 8.0, "c0": 0.8, "alpha": 0.6, "a": 1e-3, "mobile_fraction": 0.7}
    >>> stacks = FRAPSimulator(protocol, prior, random_state=0).sample_images(1).data
    >>> X = RingExtractor(protocol).fit_transform(stacks)
    >>> comparison = compare_readings(X, MeasuredStartFRAP(protocol))
    >>> comparison.models
    ('mobile', 'one_depth', 'free')
    >>> bool(comparison.weights("evidence")[0, 0] < 1e-6)  # a part stays: not all is mobile
    True
    """
    if not isinstance(estimator, MeasuredStartFRAP):
        raise ValueError(
            f"estimator must be a MeasuredStartFRAP, got {type(estimator).__name__}; "
            "compare_models compares others."
        )
    level = check_level(level)
    estimator = clone(estimator).fit(X)
    measured = estimator.measure(X, level)
    samples = [one for one in measured if one is not None]
    if len(samples) < len(measured):
        empty = measured.index(None)
        raise ValueError(f"row {empty} of X has no data; leave out rows without data.")
    judged = estimator.estimates_of(samples, level)
    fits = tuple(
        _fit_of([one.fits[k] for one in samples], judged, level)
        for k in range(len(samples[0].fits))
    )
    evidence = -2 * np.stack([fit.log_evidence for fit in fits], axis=1)
    unknown = np.full(evidence.shape, np.nan)
    criteria = dict.fromkeys(("aic", "aicc", "bic"), unknown) | {"evidence": evidence}
    return ModelComparison(fits, (), criteria)


def _fit_of(fits, judged, level):
    """Describe one reading of all samples."""
    name, n = fits[0].reading, len(fits)
    ends = np.array([fit.ends(level) for fit in fits])
    values = {
        "D": np.array([10**fit.log_D for fit in fits]),
        "mobile_fraction": np.array([fit.share for fit in fits]),
    }
    lower, upper = (values | {"D": 10**column} for column in ends.T)
    estimates = FRAPEstimates(
        values,
        lower,
        upper,
        noise_a=judged.noise_a,
        noise_b=None,
        residual_sum_of_squares=np.full(n, np.nan),  # kept of the reading that was taken alone
        converged=np.ones(n, dtype=bool),
        at_bound=np.full(n, "", dtype="<U1"),
        findings=judged.findings,
        level=level,
    )
    log_evidence = np.array([-0.5 * fit.deviance for fit in fits])
    n_parameters = 2 + (name in _WITH_SHARE)  # D and the noise
    return ModelFit(name, n_parameters, np.full(n, np.nan), log_evidence, estimates)
