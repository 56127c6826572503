"""What single pixels say of the noise of an image series."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import kurtosis, shapiro, skew
from sklearn.utils import check_random_state

_MOST_TESTED = 5000  # Shapiro and Wilk's test is made for no more


@dataclass(frozen=True)
class PixelNoise:
    """Hold what the pixels of an image series say of its noise.

    Attributes
    ----------
    variance : float
        Of the residuals: the noise a, where it is constant.
    skewness, excess_kurtosis : float
        Both are zero for normal noise.
    normality_p : float
        Of Shapiro and Wilk's test of a sample of the pixels.
    n_tested : int
        Pixels in that sample.
    """

    variance: float
    skewness: float
    excess_kurtosis: float
    normality_p: float
    n_tested: int


def judge_pixels(estimator, stack, theta, *, n_tested=_MOST_TESTED, random_state=0):
    """Judge the noise of single pixels by what a fitted model leaves of an image series.

    The paper checks residuals so, besides those of the curve (section 3.4 of [1]_).

    Parameters
    ----------
    estimator : LeastSquaresFRAP or BayesianFRAP
        Fitted to the curves; its model computes images.
    stack : ndarray of shape (n_frames, ny, nx)
        The series as the curve was extracted from it: rescaled, background subtracted.
    theta : array-like of shape (n_targets,)
        Its prediction for the curve.
    n_tested : int, default=5000
        Pixels that are tested for normality; of more a test finds any trifle.
    random_state : int, RandomState instance or None, default=0
        Chooses them.

    Returns
    -------
    PixelNoise

    References
    ----------
    .. [1] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021).

    Examples
    --------
    >>> from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
    >>> from skfrap.preprocessing import RecoveryCurveExtractor
    >>> from skfrap.judging import judge_pixels
    >>> protocol = FRAPProtocol(shape=(64, 64), n_postbleach=20)
    >>> stacks = FRAPSimulator(protocol, {"a": 1e-3}, random_state=0).sample_images(1).data
    >>> X = RecoveryCurveExtractor(protocol).fit_transform(stacks)
    >>> estimator = LeastSquaresFRAP(protocol).fit(X)
    >>> noise = judge_pixels(estimator, stacks[0], estimator.predict(X)[0])
    >>> round(noise.variance, 5), noise.normality_p > 0.01
    (0.00101, True)
    """
    stack = np.asarray(stack, dtype=float)
    protocol = estimator.protocol_
    if stack.shape != (protocol.n_frames, *protocol.shape):
        raise ValueError(
            f"stack must have the protocol's shape {(protocol.n_frames, *protocol.shape)}, got "
            f"{stack.shape}."
        )
    if not hasattr(estimator.model_, "images"):
        raise ValueError(
            f"estimator must have a model that computes images, not {type(estimator.model_)}."
        )
    images = estimator.model_.images(**estimator.natural_parameters([theta]))[0]
    residuals = (stack - images).ravel()
    chosen = residuals
    if residuals.size > n_tested:
        chosen = check_random_state(random_state).choice(residuals, n_tested, replace=False)
    return PixelNoise(
        variance=float(np.mean(residuals**2)),
        skewness=float(skew(residuals)),
        excess_kurtosis=float(kurtosis(residuals)),
        normality_p=float(shapiro(chosen).pvalue),
        n_tested=len(chosen),
    )
