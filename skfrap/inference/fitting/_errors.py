"""What the residuals of a fit are taken for: noise of some kind, and perhaps outliers."""

from dataclasses import dataclass, field

import numpy as np

from skfrap._checks import check_choice
from skfrap.experiment import NOISE_KINDS, Noise
from skfrap.inference.fitting._objectives import HuberLoss, ProportionalNoise
from skfrap.inference.fitting._rows import RowNoise
from skfrap.judging._findings import judge_residuals
from skfrap.judging._larger import find_larger_models, without_outliers
from skfrap.parameters import check_value, parameter
from skfrap.results import Fit

_LOSSES = ("squared", "huber")
_OF_NOISE = ("a", "b")
_DARKEST = 1e-6  # of the largest standard deviation of the noise


@dataclass(frozen=True)
class ErrorModel:
    """How errors are distributed, and all that follows from it.

    Attributes
    ----------
    noise : {"constant", "proportional"}
        Whether the variance of a pixel's noise goes by the light.
    loss : {"squared", "huber"}
        Whether frames that are far off count in full.
    known : dict
        What is known of the noise, ``a`` and ``b``.

    Raises
    ------
    ValueError
        If there is no such error model, or what is known is no value.
    """

    noise: str = "constant"
    loss: str = "squared"
    known: dict = field(default_factory=dict)

    def __post_init__(self):
        check_choice("noise", self.noise, NOISE_KINDS)
        check_choice("loss", self.loss, _LOSSES)
        if self.loss == "huber" and self.noise == "proportional":
            raise ValueError("loss='huber' goes with noise='constant' only; choose one of the two.")
        for name, value in self.known.items():
            check_value(f"fixed[{name!r}]", value, parameter(name))

    @classmethod
    def of(cls, noise, loss, fixed=None):
        """Make the error model out of what an estimator is asked for; `fixed` may say a and b."""
        known = fixed or {} if noise == "proportional" else {}
        return cls(noise, loss, {name: known[name] for name in _OF_NOISE if name in known})

    def others(self, fixed):
        """Return what of `fixed` is of the curves' model: all that is not known of the noise."""
        return {name: value for name, value in (fixed or {}).items() if name not in self.known}

    @property
    def goes_by_light(self):
        """Whether it takes the light of the frames to know their noise."""
        return self.noise == "proportional"

    @property
    def bears_outliers(self):
        """Whether single frames may be far off, whatever the noise."""
        return self.loss == "huber"

    def objective(self, protocol):
        """Make what fits are refined by, None where that is least squares.

        Parameters
        ----------
        protocol : FRAPProtocol
            Whose rows, one or several, each have noise of their own.

        Returns
        -------
        HuberLoss, ProportionalNoise, RowNoise or None

        Raises
        ------
        ValueError
            If outliers are to be borne in several rows.
        """
        gain, several = protocol.noise_gain, protocol.n_rows > 1
        if several and self.bears_outliers:
            raise ValueError(
                f"loss='huber' goes with one row, and the protocol has {protocol.row_names}; use "
                "loss='squared', or leave out rows."
            )
        if self.goes_by_light:
            relative = protocol.noise_gains / gain if several else None
            return ProportionalNoise(gain, self.known, relative)
        if several:
            return RowNoise(protocol.row_noise_gains)
        return HuberLoss(gain) if self.bears_outliers else None

    def noise_of_images(self, surrogate):
        """Return what must be known of the noise to fit scores of images.

        Parameters
        ----------
        surrogate : ImageSurrogate

        Returns
        -------
        tuple of float or None
            a and b; None where the noise is constant, which the residuals tell.

        Raises
        ------
        ValueError
            If there is no such fit.
        """
        if self.bears_outliers:
            raise ValueError("loss must be 'squared' for scores of images, got 'huber'.")
        if not self.goes_by_light:
            return None
        if not surrogate.frame_levels:
            raise ValueError(
                "noise='proportional' needs the scores of each frame: give frame_levels=True to "
                "ImageScoreExtractor."
            )
        if {*self.known} != {*_OF_NOISE}:
            raise ValueError(
                "noise='proportional' needs a and b for scores of images, as calibrate_noise "
                "finds them: give fixed={'a': ..., 'b': ...}."
            )
        return tuple(self.known[name] for name in _OF_NOISE)

    def keep(self, fits, fitter, X, forward):
        """Keep all of fits, with the noise that they have found.

        Parameters
        ----------
        fits : Fits
        fitter : CurveFitter
            Whose they are.
        X : ndarray of shape (n, n_frames)
        forward : callable
            ``forward(weights)`` gives the ForwardMap of curves, "mean", or of their light, "noise".

        Returns
        -------
        Fit
        """
        curves = light = forward("mean").curves(fits.theta)
        if self.goes_by_light:
            light = forward("noise").curves(fits.theta)
        protocol = fitter.evaluator.protocol
        gain, freedom = protocol.noise_gains, X.shape[1] - fits.theta.shape[1]
        if np.ndim(fits.a) == 2:  # one of each row
            noise = Noise(np.repeat(fits.a, protocol.n_frames, axis=1), 0.0, gain)
        elif fits.a is not None:
            noise = Noise(fits.a, fits.b if self.goes_by_light else 0.0, gain)
        else:
            variance = fits.cost / freedom if freedom > 0 else np.full(len(X), np.nan)
            noise = Noise.of_variance(variance, gain)
        return Fit(
            forward("mean"),
            X,
            fits.theta,
            fitter.covariance(fits, X.shape[1]),
            curves,
            light,
            fits.cost,
            noise,
            fits.converged,
            fits.n_iter,
            fits.rivals,
        )

    def misfits(self, fit):
        """Judge the residuals of a fit; as :func:`skfrap.judging._findings.judge_residuals`."""
        if not self.goes_by_light and fit.protocol.n_rows == 1:
            return judge_residuals(fit)
        known = {*_OF_NOISE} <= {*self.known} and bool((fit.deviations > 0).any(axis=1).all())
        return judge_residuals(fit, deviations=_positive(fit.deviations), noise_known=known)

    def larger_models(self, fit, model, given):
        """Find curves that ask for more than the model, which outliers that are borne do not.

        Parameters
        ----------
        fit : Fit
        model : CurveModel
        given : collection of str
            Parameters that are taken to be known.

        Returns
        -------
        tuple
            As from :func:`skfrap.judging._larger.find_larger_models`.
        """
        # Constant noise is that of the first row, where there are several.
        deviations = _positive(fit.deviations) if self.goes_by_light else None
        if self.bears_outliers:
            fit = without_outliers(fit)
        return find_larger_models(fit, model, given=given, deviations=deviations)


def _positive(deviations):
    """Return standard deviations of the noise, all positive."""
    largest = deviations.max(axis=1, keepdims=True)
    # Frames without light have no noise where a is zero.
    return np.where(largest > 0, np.maximum(deviations, _DARKEST * largest), 1.0)
