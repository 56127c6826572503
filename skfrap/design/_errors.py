"""The errors that fits of an experiment are expected to have.

The noise that a detector adds and the slopes of the model say how far estimates will scatter. That
is so as long as they scatter little: what is expected to be known to no better than a factor of two
is told as not determined, and its error is not to be relied on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student_t

from skfrap._checks import check_choice, check_level, check_number
from skfrap.design._images import check_images, image_errors
from skfrap.design._information import Information
from skfrap.design._judgement import judge
from skfrap.design._start import check_free_diffusion, start_errors
from skfrap.experiment import NOISE_KINDS, FRAPProtocol
from skfrap.models import broadcast_parameters, model_for
from skfrap.numerics._magnitude import LARGEST, SMALLEST
from skfrap.parameters import ParameterSpace, parameter
from skfrap.results._finding import as_labels, has_severity, in_words
from skfrap.results._tables import Columns

_LN_10 = np.log(10)


@dataclass(frozen=True, eq=False)
class ExpectedErrors(Columns):
    """Hold what fits are expected to tell; every array has one entry per guess.

    Attributes
    ----------
    values : dict of str to ndarray of shape (n,)
        The guesses of what is estimated and of what the model derives from it, in natural units.
    errors : dict of str to ndarray of shape (n,)
        Expected standard errors on the targets' scales: of log10 D, of c0, of alpha. Infinite for
        what the curve does not determine.
    lower, upper : dict of str to ndarray of shape (n,)
        Ends of the expected intervals in natural units, within the bounds.
    determined : ndarray of shape (n,) of bool
        Whether D, or what stands for it in the model, will be known to better than a factor of two
        either way, so that the error is to be relied on.
    findings : tuple of n tuples of Finding
        What is to be known of the experiment; empty if there is nothing.
    flags : ndarray of shape (n,) of str
        The findings in words.
    level : float
        Level of the intervals.
    """

    values: dict
    errors: dict
    lower: dict
    upper: dict
    findings: tuple
    level: float = 0.95

    def __len__(self):
        return len(self.findings)

    @property
    def determined(self):
        """Where all that tells how fast something happens will be determined."""
        return ~has_severity(self.findings, "unusable")

    @property
    def flags(self):
        """What is to be known of the experiment, in words."""
        return np.array([in_words(some) for some in self.findings], dtype=str)

    def relative_error(self, name: str = "D") -> np.ndarray:
        """Compute the standard error of a parameter over its value.

        Parameters
        ----------
        name : str, default="D"
            One of the parameters.

        Returns
        -------
        ndarray of shape (n,)
        """
        check_choice("name", name, self.errors)
        if parameter(name).is_logarithmic:
            return _LN_10 * self.errors[name]
        with np.errstate(divide="ignore"):
            return self.errors[name] / self.values[name]

    def to_dict(self) -> dict[str, Any]:
        """Return the columns by name: ``D_um2_s``, ``D_um2_s_lower``, ``D_relative_error``.

        Returns
        -------
        dict
            Columns by name.
        """
        columns = {}
        for name in self.values:
            column = parameter(name).column
            columns[column] = self.values[name]
            columns[f"{column}_lower"], columns[f"{column}_upper"] = (
                self.lower[name],
                self.upper[name],
            )
            columns[f"{name}_relative_error"] = self.relative_error(name)
        labels = np.array([as_labels(some) for some in self.findings], dtype=str)
        return columns | {"determined": self.determined, "flags": self.flags, "findings": labels}

    def _line(self, k):
        level, parts = f"{100 * self.level:g} % interval ", []
        for name, value in self.values.items():
            error = as_percent(self.relative_error(name)[k])
            ends = f"{self.lower[name][k]:.4g} to {self.upper[name][k]:.4g}"
            parts.append(f"{with_unit(name, value[k])} to {error} ({level}{ends})")
            level = ""
        return "; ".join([", ".join(parts), *map(str, self.findings[k])])


def expected_errors(
    protocol: FRAPProtocol,
    values: dict[str, Any],
    *,
    a: float,
    b: float = 0.0,
    model: Any = "diffusion",
    parameters: Any = None,
    fixed: Any = None,
    bounds: Any = None,
    noise: Any = "constant",
    level: float = 0.95,
    data: str = "curve",
) -> ExpectedErrors:
    """Compute the standard errors that fits of an experiment are expected to have.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment that is planned. With ``start="measured"`` the errors are those of
        :class:`skfrap.MeasuredStartFRAP` on images in which the region told is bleached, see the
        notes.
    values : dict of str to float or array-like
        Guesses in natural units of all that is estimated, ``{"D": 10.0, "c0": 0.7, "alpha": 0.6}``;
        arrays are broadcast against each other and give an entry each.
    a : float
        Constant part of a pixel's noise variance, as from
        :func:`skfrap.calibration.calibrate_noise`.
    b : float, default=0.0
        Noise variance per intensity.
    model, parameters, fixed, bounds, noise : object
        As of :class:`skfrap.LeastSquaresFRAP`: what will be fitted. ``noise="constant"`` is least
        squares, whatever b is; ``noise="proportional"`` weighs frames by their variance a + b *
        intensity, and then the errors are the smallest that are possible.
    level : float, default=0.95
        Level of the intervals.
    data : {"curve", "images"}, default="curve"
        What is fitted: the recovery curve; or all pixels of a window about the bleach region, as
        :class:`skfrap.preprocessing.ImageScoreExtractor` takes them, by noise alone.

    Returns
    -------
    ExpectedErrors

    Raises
    ------
    ValueError
        If a guess is missing, out of range, or of something that is not estimated.

    Notes
    -----
    With the slopes J of the curve by the parameters and the variances V of its values the
    covariance is (J W Jᵀ)⁻¹ J W V W Jᵀ (J W Jᵀ)⁻¹, W being 1 or V⁻¹: the inverse of the Fisher
    information where W is V⁻¹ or the noise is constant. What the variances themselves tell of the
    parameters is left out: of a mean over many pixels it is next to nothing.

    **A measured start.** Images are computed without noise, averaged over rings, and fitted with
    the noise that is given: the curvature of the evidence there is the information that all
    frames' rings hold on log10 D, without what an unknown start, and an unknown part that stays,
    could take up. D alone is estimated; `values` may hold `mobile_fraction` and all else that
    shapes the images, and `bounds` is ``{"D": (lowest, highest)}``. Noise that grows with intensity
    is taken for as large everywhere as before bleaching. It is the error by the noise alone: what
    real images have besides is not in it.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.design import expected_errors
    >>> guess = {"D": [10.0, 300.0], "c0": 0.7, "alpha": 0.6}
    >>> expected = expected_errors(FRAPProtocol(), guess, a=3e-3)
    >>> expected.relative_error("D").round(4).tolist()
    [0.0047, 0.0444]
    >>> expected.summary()[0].split(", ")[0]
    'D = 10 µm²/s to 0.47 % (95 % interval 9.907 to 10.09)'

    What the images would tell, the region told or not:

    >>> from skfrap import Circle
    >>> told = FRAPProtocol(shape=(64, 64), bleach_region=Circle(6.0), n_postbleach=40)
    >>> guess = {"D": 10.0, "c0": 0.7, "alpha": 0.6}
    >>> for start in ("told", "measured"):
    ...     expected = expected_errors(told.replace(start=start), guess, a=3e-3)
    ...     print(start, expected.relative_error("D").round(3))
    told [0.029]
    measured [0.015]
    >>> images = expected_errors(told, guess, a=3e-3, data="images")
    >>> print(images.relative_error("D").round(3))
    [0.01]
    """
    if not isinstance(protocol, FRAPProtocol):
        raise ValueError(f"protocol must be a FRAPProtocol, got {protocol!r}.")
    check_choice("noise", noise, NOISE_KINDS)
    check_choice("data", data, ("curve", "images"))
    check_level(level)
    _check_noise(a, b)
    forward = model_for(protocol, model)
    if protocol.start == "measured":
        check_free_diffusion(forward, noise)
        space = ParameterSpace.of(forward, _names(forward, values, parameters, fixed), fixed)
        values = _complete(values, space)
        D, error, lower, upper, findings = start_errors(forward, values, a, b, bounds, level)
        return ExpectedErrors({"D": D}, {"D": error}, {"D": lower}, {"D": upper}, findings, level)
    space = ParameterSpace.of(forward, parameters, fixed, bounds)
    names = space.free
    values = _complete(values, space)
    if data == "images":
        check_images(forward, space, noise)
        covariance = image_errors(forward, space, values, a, b)
        errors = dict(zip(names, np.sqrt(np.einsum("nvv->nv", covariance)).T, strict=True))
        reported, findings = {name: values[name] for name in names}, ((),) * len(covariance)
        reach = norm.ppf(0.5 + 0.5 * level)
        return _expected(reported, errors, reach, space.bounds, findings, level)
    weighted = noise == "proportional" or protocol.n_rows > 1
    information = Information(protocol, model, space, a, b, weighted)
    covariance = information.covariance(values)
    errors = dict(zip(names, np.sqrt(np.einsum("nvv->nv", covariance)).T, strict=True))
    derived, errors_of_derived = information.derived(values, covariance)
    reported, errors = {name: values[name] for name in names} | derived, errors | errors_of_derived
    reach = student_t.ppf(0.5 + 0.5 * level, max(1, protocol.n_values - len(names)))
    findings = judge(information, values, covariance)
    return _expected(reported, errors, reach, space.bounds, findings, level)


def _expected(values, errors, reach, bounds, findings, level):
    """Add the ends of intervals, so many standard errors to either side."""
    lower, upper = (
        {name: _end(name, values[name], out * error, bounds) for name, error in errors.items()}
        for out in (-reach, reach)
    )
    return ExpectedErrors(values, errors, lower, upper, findings, level)


def _names(model, values, parameters, fixed):
    """Return what is guessed of the sample, whether or not it will be estimated."""
    if parameters is not None or not isinstance(values, Mapping):
        return parameters
    needed = [name for name, default in model.defaults().items() if default is None]
    needed = [name for name in needed if name not in (fixed or {})]
    return tuple(dict.fromkeys([*needed, *values]))


def _check_noise(a, b):
    for name, value in (("a", a), ("b", b)):
        check_number(name, value, 0, what="variance")
        if value >= LARGEST or 0 < value < SMALLEST:
            raise ValueError(f"{name} must be a variance of pixels, got {value:g}.")
    if a == b == 0:
        raise ValueError("a or b must be positive: without noise nothing limits what is known.")


def _complete(given, space):
    """Check guesses and return all parameters, broadcast to (n,)."""
    if not isinstance(given, Mapping):
        raise ValueError(
            f"values must be a dictionary of guesses by parameter name, got {given!r}."
        )
    names = space.free
    missing = [name for name in names if name not in given]
    if missing:
        raise ValueError(f"values must hold a guess of all that is estimated; missing: {missing}.")
    for name in given:
        if name not in names:
            raise ValueError(
                f"values must hold what is estimated, {names}, got {name!r}; put it among the "
                "parameters if it will be estimated, or into fixed if it is known."
            )
    values = broadcast_parameters(**(space.fixed | dict(given)))
    for name in names:
        positive = parameter(name).is_logarithmic or name == space.factor
        if positive and (values[name] <= 0).any():
            raise ValueError(f"values[{name!r}] must be positive to be estimated, got 0.")
    return values


def _end(name, value, distance, bounds):
    """Return the ends of intervals in natural units, within the bounds."""
    entry = parameter(name)
    with np.errstate(over="ignore"):
        end = entry.from_target(entry.to_target(value) + distance)
    return np.clip(end, *bounds.get(name, (entry.lowest, entry.highest)))


def with_unit(name, value):
    """Write a parameter with its value and unit."""
    return f"{name} = {value:.4g} {parameter(name).unit}".rstrip()


def as_percent(share):
    """Write a share in percent, as far as it means something."""
    if not np.isfinite(share):
        return "unknown"
    return f"{100 * share:.2g} %" if share < 1 else "> 100 %"
