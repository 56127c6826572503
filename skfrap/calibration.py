"""The detector's noise, from image series in which nothing happens."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter
from scipy.optimize import nnls

from skfrap._checks import check_number
from skfrap.experiment import Noise
from skfrap.io import ImageSeries
from skfrap.numerics._magnitude import check_magnitude
from skfrap.preprocessing import IntensityRescaler
from skfrap.preprocessing._sources import is_array
from skfrap.preprocessing._stacks import StackSequence
from skfrap.results import Finding

__all__ = ["NoiseCalibration", "calibrate_noise"]

_FEWEST_FRAMES = 4  # two in each half, for one difference
_FEWEST_PIXELS = 64
_MOST_BINS = 16  # of half a series: few, so that the noise in a bin's mean is negligible
_SMOOTHING = 2.0  # pixels
_MOST_CLIPPED = 1e-4  # share of a bin's values: clips less than 1/1000 off its variance
_WELL_KNOWN = 0.1  # standard error of a part of the variance, relative to all of it
_CORRELATED = 0.05
_BENT = 0.05
_SIGNIFICANT = 5.0  # standard errors
_WORTH_SAYING = 0.01
_MOST_STEPS = 100

_BIN = np.dtype(
    [
        (name, float)
        for name in (
            "n",  # pixels
            "dof",  # degrees of freedom of the variance, for normal noise
            "intensity",
            "variance",
            "of_mean",  # the pixels' scatter: variance of their means,
            "joint",  # covariance with their variances,
            "of_variance",  # and variance of those
            "noise_of_intensity",  # variance of the bin's intensity
        )
    ]
)
_LEAST_LIGHT = 1e-30  # of which no square is lost


@dataclass(frozen=True, eq=False, repr=False)
class NoiseCalibration:
    """Hold the noise of a detector: a pixel's variance is a + b * intensity.

    Attributes
    ----------
    a, b : float
        Constant part of the variance and variance per intensity, >= 0; in the square of the
        intensity's unit, and in that unit.
    a_std, b_std : float
        Standard errors; infinite where the intensities do not differ.
    covariance : ndarray of shape (2, 2)
        Of the errors of a and b.
    determined : bool
        Whether a and b are known apart: the standard errors of both parts of the variance at the
        mean intensity are below a tenth of the variance. Where they are not, the variance is
        still known between `lowest_intensity` and `highest_intensity`.
    findings : tuple of Finding
        What is to be known before the numbers are used; empty if there is nothing.
    flags : tuple of str
        The findings in words.
    n_pixels : int
        Pixels that took part, in all series together.
    n_left_out : int
        Pixels that did not: at full scale or at zero counts in some frames, or as bright or dark
        as pixels that were.
    n_saturated, n_clipped : int
        Pixels seen at full scale, and at zero counts, in any frame.
    lowest_intensity, highest_intensity : float
        Range of the bins' intensities.
    bin_intensity, bin_variance, bin_variance_std : ndarray of shape (n_bins,)
        Means over groups of pixels of similar intensity, by rising intensity, and the standard
        errors of the variances: what the line was fitted to.
    bit_depth : int or None
        Of the detector: an intensity of 1 is its full scale. None for floats, taken as they are.
    dark_level : float
        Counts that were subtracted.
    """

    a: float
    b: float
    a_std: float
    b_std: float
    covariance: np.ndarray
    determined: bool
    findings: tuple[Finding, ...]
    n_pixels: int
    n_left_out: int
    n_saturated: int
    n_clipped: int
    lowest_intensity: float
    highest_intensity: float
    bin_intensity: np.ndarray
    bin_variance: np.ndarray
    bin_variance_std: np.ndarray
    bit_depth: int | None = None
    dark_level: float = 0.0

    def __repr__(self):
        return (
            f"NoiseCalibration(a={self.a:.3g} ± {self.a_std:.1g}, b={self.b:.3g} ± "
            f"{self.b_std:.1g}, intensities {self.lowest_intensity:.3g} to "
            f"{self.highest_intensity:.3g}" + ("" if self.determined else ", not determined") + ")"
        )

    @property
    def flags(self):
        """What is to be known before the numbers are used, in words."""
        return tuple(map(str, self.findings))

    def variance(self, intensity: ArrayLike) -> Any:
        """Compute the variance of a pixel's noise, a + b * intensity.

        Parameters
        ----------
        intensity : array-like
            In the unit of the calibration.

        Returns
        -------
        float or ndarray
        """
        return Noise(self.a, self.b).variance(intensity)

    def to_fixed(self) -> dict[str, Any]:
        """Return ``{"a": a, "b": b}``, what a fit with proportional noise takes as `fixed`.

        Returns
        -------
        dict of str to float
            The noise a and b, for `fixed` of estimators.
        """
        return {"a": self.a, "b": self.b}


def calibrate_noise(
    series: Any, *, dark_level: float = 0.0, bit_depth: int | None = None
) -> NoiseCalibration:
    """Measure the noise of a detector: the variance of a pixel is a + b * intensity.

    Record an even fluorescent solution without bleaching, at the gain of the experiments. One
    series with uneven light may do; series at several laser powers or concentrations tell a from b
    better.

    Parameters
    ----------
    series : array-like of shape (n_frames, ny, nx), path, ImageSeries, or sequence of these
        One stack or several, of any shapes, of NumPy, Dask, Zarr, xarray or h5py; paths as for
        :func:`skfrap.io.read_series`. At least 4 frames of 64 pixels each.
    dark_level : float, default=0.0
        The detector's level without light, in counts.
    bit_depth : int, default=None
        Bits of the detector. None detects it. As in
        :class:`skfrap.preprocessing.IntensityRescaler`, an intensity of 1 is full scale, and floats
        are taken as they are.

    Returns
    -------
    NoiseCalibration

    Raises
    ------
    ValueError
        If a series is not (n_frames, ny, nx), has too few frames or pixels, holds NaN or frames
        without noise, or if no pixels are left between zero counts and full scale.

    Notes
    -----
    Variances are half the mean squared differences of successive frames, which slow changes hardly
    touch; an offset and a multiple of the mean image are subtracted from each difference, so
    fading, flicker and drift of the dark level, common to all pixels, do not count at all. Pixels
    are grouped by their smoothed mean in one half of the frames, and the groups' intensities and
    variances are taken from the other half, so that no noise is in what groups them. The line is
    then fitted as for variances of normal noise (gamma likelihood), with a and b >= 0; standard
    errors come from the scatter within the groups, whatever the distribution of the noise.

    The noise of pixels must be independent; where neighbours are seen to be correlated, as after
    smoothing or interpolation, a flag says so. The noise of rounding to whole counts, 1/12 of
    a squared count, is part of a. Where single photons are counted, zero counts are data and not
    clipped: add 1 to the counts, as floats, and give ``dark_level=1``.

    References
    ----------
    .. [1] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021), Eq. 5.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.calibration import calibrate_noise
    >>> rng = np.random.default_rng(0)
    >>> light = np.linspace(0.1, 0.9, 64) * np.ones((50, 64, 1))
    >>> series = light + np.sqrt(1e-4 + 1e-3 * light) * rng.standard_normal(light.shape)
    >>> noise = calibrate_noise(series)
    >>> noise
    NoiseCalibration(a=0.000102 ± 3e-06, b=0.000996 ± 9e-06, intensities 0.119 to 0.882)
    >>> float(noise.variance(0.5).round(6))
    0.0006
    """
    check_number("dark_level", dark_level, what="number of counts")
    stacks = _as_sequence(series)
    rescaler = IntensityRescaler(bit_depth, offset=dark_level, max_saturated=1.0).fit(stacks)
    if rescaler.bit_depth_ is not None and dark_level >= 2**rescaler.bit_depth_ - 1:
        raise ValueError(
            f"dark_level is {dark_level:g} counts, at or above the top of the range of "
            f"{rescaler.bit_depth_} bits; give the detector's level without light."
        )
    rescaled = rescaler.transform(stacks)
    measured = [
        _measure(rescaled.view(k), rescaler, rescaled.describe(k)) for k in range(len(rescaled))
    ]
    bins = np.concatenate([one.bins for one in measured])
    n_saturated, n_clipped, n_all, n_pixels = np.sum([one.counts for one in measured], axis=0)
    if len(bins) == 0:
        raise ValueError(
            "series has no pixels left between zero counts and full scale: of "
            f"{n_all}, {n_saturated} were at full scale in some frame and {n_clipped} at zero "
            "counts. Record with less light or gain, or with a higher offset of the detector; or "
            "check bit_depth."
        )
    if not bins["variance"].max() > 0:
        raise ValueError(
            "series has no noise: all frames are the same, but for rounding; give series as they "
            "were recorded, and the detector's dark_level."
        )
    bins = bins[np.argsort(bins["intensity"], kind="stable")]
    line, covariance, reliability = _fit_line(bins)
    a_std, b_std = np.sqrt(np.diag(covariance))
    intensity = np.average(bins["intensity"], weights=bins["n"])
    variance = line @ [1.0, intensity]
    known = max(a_std, b_std * abs(intensity)) < _WELL_KNOWN * variance
    determined = bool(known and reliability > 1 - _WELL_KNOWN)
    lowest, highest = bins["intensity"][[0, -1]]
    findings = []
    if not determined:
        words = (
            f"the intensities, {lowest:.4g} to {highest:.4g}, are too few or too close together to "
            f"tell a from b: only the variance near {intensity:.4g} is known, {variance:.3g}. Add "
            "series at other laser powers or concentrations, or record more frames"
        )
        findings.append(Finding.of("noise_parts_undetermined", words, "a,b"))
    for value, name, form in zip(
        line, "ab", ("grows with the intensity", "is independent of the intensity"), strict=True
    ):
        if determined and value == 0:
            words = f"{name} is at its bound, 0: all noise that was found {form}"
            findings.append(Finding.of("noise_part_at_bound", words, name))
    findings += _doubts(bins, line, [one.correlation for one in measured])
    if any(one.lost_in_rounding for one in measured):
        words = (
            "the noise of some pixels is below half a count and partly lost in rounding to counts"
        )
        findings.append(Finding.of("noise_lost_in_rounding", words))
    if n_pixels < (1 - _WORTH_SAYING) * n_all:
        words = (
            f"{100 * (1 - n_pixels / n_all):.0f} % of the pixels were left out, as they or pixels "
            "like them were at zero counts or full scale"
        )
        findings.append(Finding.of("pixels_left_out", words))
    return NoiseCalibration(
        a=float(line[0]),
        b=float(line[1]),
        a_std=float(a_std),
        b_std=float(b_std),
        covariance=covariance,
        determined=determined,
        findings=tuple(findings),
        n_pixels=int(n_pixels),
        n_left_out=int(n_all - n_pixels),
        n_saturated=int(n_saturated),
        n_clipped=int(n_clipped),
        lowest_intensity=float(lowest),
        highest_intensity=float(highest),
        bin_intensity=bins["intensity"].copy(),
        bin_variance=bins["variance"].copy(),
        bin_variance_std=np.sqrt(bins["of_variance"] / bins["n"]),
        bit_depth=rescaler.bit_depth_,
        dark_level=float(dark_level),
    )


def _as_sequence(series):
    """Put a single stack or path in a list, and check what can be checked without reading."""
    expected = "series must be a stack (n_frames, ny, nx), a path, or a sequence of these"
    if is_array(series) and not hasattr(series, "iloc") and series.dtype.kind not in "OUT":
        n_axes = len(series.shape)
        if n_axes not in (3, 4):
            raise ValueError(f"{expected}, got an array of shape {series.shape}.")
        return StackSequence([series] if n_axes == 3 else series)
    if isinstance(series, str | Path | ImageSeries):
        return StackSequence([series])
    if not isinstance(series, StackSequence | np.ndarray | list | tuple):
        raise ValueError(f"{expected}, got {type(series).__name__}.")
    if len(series) == 0:
        raise ValueError(f"{expected}, got none.")
    if not isinstance(series, StackSequence):
        for item in series:
            if not isinstance(item, str | Path | ImageSeries) and np.ndim(item) != 3:
                raise ValueError(
                    f"{expected}, got one of shape {np.shape(item)} among them. A list of the "
                    "frames of one stack needs numpy.stack."
                )
    return StackSequence(series)


# ------------------------------------------------------------------------------------- one series


class _Measured(NamedTuple):
    """What one series tells."""

    bins: np.ndarray
    counts: list  # pixels saturated, clipped, in all, and taken
    correlation: np.ndarray  # of neighbours down and across: sums of products, of squares, counts
    lost_in_rounding: bool


def _measure(view, rescaler, name):
    """Group the pixels of each half of a series by the other half."""
    n_frames, *shape = view.shape
    if n_frames < _FEWEST_FRAMES:
        raise ValueError(
            f"series must have at least {_FEWEST_FRAMES} frames each, got {n_frames} in {name}."
        )
    if np.prod(shape) < _FEWEST_PIXELS:
        raise ValueError(
            f"series must have frames of at least {_FEWEST_PIXELS} pixels, got {shape[0]} x "
            f"{shape[1]} in {name}."
        )
    halves = range(n_frames // 2), range(n_frames // 2, n_frames)
    full_scale = _full_scale(view.stack, rescaler)
    level, saturated, clipped = np.zeros((3, 2, *shape))
    for half, frames in enumerate(halves):
        for k in frames:
            image, counts = _frame(view, k, name), view.stack[k]
            if k and np.array_equal(counts, view.stack[k - 1]):
                raise ValueError(
                    f"series must hold frames with noise, and frames {k - 1} and {k} of {name} are "
                    "equal in every pixel: saturated, simulated without noise, or stored twice."
                )
            level[half] += image / len(frames)
            saturated[half] += counts >= full_scale
            clipped[half] += counts == 0
    bad = saturated + clipped
    level = [gaussian_filter(one, _SMOOTHING, mode="nearest") for one in level]
    taken, correlation = np.zeros(shape, dtype=bool), np.zeros((2, 3))
    bins = []
    for half, other in ((0, 1), (1, 0)):
        usable = bad[other] == 0  # chosen by the other half, so that no noise is cut short
        if np.count_nonzero(usable) >= _FEWEST_PIXELS:
            n = len(halves[half])
            images = (_frame(view, k, name) for k in halves[half])
            mean, variance = _mean_and_variance(images, level[other], usable, correlation)
            for row, pixels in _bins(mean, variance, level[other], bad[half] / n, usable, n):
                bins.append(row)
                taken.ravel()[pixels] = True
    bins = np.array(bins, dtype=_BIN)
    counts = [np.count_nonzero(one.any(axis=0)) for one in (saturated, clipped)]
    counts += [taken.size, np.count_nonzero(taken)]
    step = 0.0 if view.stack.dtype.kind == "f" else 1 / (full_scale - rescaler.offset)
    # Rounding adds its 1/12 as if it were noise where that is above half a count.
    lost_in_rounding = bool((bins["variance"] < (1 / 4 + 1 / 12) * step**2).any())
    return _Measured(bins, counts, correlation, lost_in_rounding)


def _full_scale(stack, rescaler):
    """Return the count at which the detector saturates, infinite where that is not known."""
    if stack.dtype.kind == "f" and rescaler.bit_depth is None:
        return 1.0 if stack.max() == 1 else np.inf  # noise alone does not end at 1 exactly
    return 2.0**rescaler.bit_depth_ - 1


def _frame(view, k, name):
    """Read one frame as intensities."""
    image = view.read(frames=slice(k, k + 1))[0].astype(float)
    if not np.isfinite(image).all():
        raise ValueError(f"series must be finite, and frame {k} of {name} holds NaN or infinity.")
    largest = np.abs(check_magnitude(f"frame {k} of {name}", image)).max(initial=0.0)
    if 0 < largest < _LEAST_LIGHT:
        raise ValueError(f"frame {k} of {name} has no pixel above {largest:.3g}: is it a unit?")
    return image


def _mean_and_variance(images, level, usable, correlation):
    """Compute each usable pixel's mean over time and half its mean squared differences.

    `correlation` is added up on the way. The mean weighs frames as the differences do, so that the
    variance's expectation is a + b times that of the mean, whatever the fading.
    """
    n_usable = np.count_nonzero(usable)
    slope = level[usable] - level[usable].mean()
    norm = slope @ slope
    in_common = n_usable / (n_usable - (2 if norm > 0 else 1))  # what the subtraction takes away
    n_pairs = [np.count_nonzero(one[1:] & one[:-1]) for one in (usable, usable.T)]
    mean, variance = np.zeros((2, n_usable))
    difference = np.zeros(level.shape)
    before, n_differences = next(images), 0
    for image in images:
        change = (image - before)[usable]
        change -= change.mean()
        if norm > 0:
            change -= (change @ slope / norm) * slope
        mean += 0.5 * (image + before)[usable]
        variance += 0.5 * in_common * change**2
        difference[usable] = change
        for axis, one in enumerate((difference, difference.T)):
            correlation[axis] += np.sum(one[1:] * one[:-1]), np.sum(one**2), n_pairs[axis]
        before, n_differences = image, n_differences + 1
    return mean / n_differences, variance / n_differences


def _bins(mean, variance, level, clipped, usable, n_frames):
    """Group usable pixels by their level and yield what describes each group, and its pixels.

    Groups in which more than a few values are clipped are left out.
    """
    n_differences = n_frames - 1
    dof = 2 * n_differences**2 / (3 * n_differences - 1)  # successive differences share a frame
    noise_gain = (n_differences - 0.5) / n_differences**2  # of the mean, with half weights at ends
    pixels = np.flatnonzero(usable)
    clipped = clipped.ravel()[pixels]
    n_bins = min(len(pixels) // _FEWEST_PIXELS, _MOST_BINS)
    for group in np.array_split(np.argsort(level.ravel()[pixels], kind="stable"), n_bins):
        if clipped[group].mean() <= _MOST_CLIPPED:
            (of_mean, joint), (_, of_variance) = np.cov(mean[group], variance[group])
            average = variance[group].mean()
            scatter = of_mean, joint, of_variance
            n = len(group)
            row = n, n * dof, mean[group].mean(), average, *scatter, noise_gain * average / n
            yield row, pixels[group]


# --------------------------------------------------------------------------------------- the line


def _fit_line(bins):
    """Fit variance = a + b * intensity by gamma likelihood, a and b >= 0.

    Returns a and b, the covariance of their errors, and which share of the spread of the bins'
    intensities is not noise.
    """
    intensity, variance = bins["intensity"], bins["variance"]
    columns = np.column_stack([np.ones_like(intensity), intensity])
    floor = np.maximum(0.1 * variance, 1e-6 * variance.max())
    expected, line = np.maximum(variance, floor), np.zeros(2)
    for _ in range(_MOST_STEPS):
        # A variance of v has a standard error in proportion to v: the line's v, not the noisy one.
        weight = np.sqrt(bins["dof"]) / expected
        before, (line, _) = line, nnls(columns * weight[:, np.newaxis], variance * weight)
        expected = np.maximum(columns @ line, floor)
        if np.allclose(line, before, rtol=1e-9, atol=0):
            break
    weight = bins["dof"] / expected**2
    center = np.average(intensity, weights=weight)
    apart = intensity - center
    spread, noise = np.sum(weight * apart**2), np.sum(weight * bins["noise_of_intensity"])
    if spread <= noise:
        return line, np.array([[np.inf, -np.inf], [-np.inf, np.inf]]), 0.0
    of_b = weight * apart / (spread - noise)
    of_a = weight / weight.sum() - center * of_b
    influence = np.stack([of_a, of_b])
    return line, (influence * _scatter(bins, line)) @ influence.T, 1 - noise / spread


def _scatter(bins, line):
    """Compute the variance of each bin's distance from the line, from the scatter of its pixels."""
    b = line[1]
    scatter = bins["of_variance"] - 2 * b * bins["joint"] + b**2 * bins["of_mean"]
    return scatter / bins["n"]


def _doubts(bins, line, correlations):
    """Find what speaks against the line's or the standard errors' assumptions."""
    expected = line[0] + line[1] * bins["intensity"]
    off = bins["variance"] - expected
    # A bin's own scatter errs with its variance; what all have in common is steadier.
    scatter = np.mean(_scatter(bins, line) * bins["dof"] / expected**2) * expected**2 / bins["dof"]
    dof = len(bins) - 2
    surprise = np.sum(off**2 / scatter) - dof
    misfit = np.sqrt(max(0.0, np.average((off**2 - scatter) / expected**2, weights=bins["n"])))
    if surprise > _SIGNIFICANT * np.sqrt(2 * dof) and misfit > _BENT:
        words = (
            f"the variance is no straight line in the intensity (off by {100 * misfit:.0f} %): "
            "something moves in the solution, or the series were not recorded alike, or the "
            "detector is not linear"
        )
        yield Finding.of("variance_not_linear", words)
    products, squares, n_pairs = np.sum(correlations, axis=0).T
    correlation = np.divide(products, squares, out=np.zeros(2), where=n_pairs > 0)
    significant = np.abs(correlation) * np.sqrt(n_pairs) > _SIGNIFICANT
    if (significant & (np.abs(correlation) > _CORRELATED)).any():
        worst = correlation[np.abs(correlation).argmax()]
        words = (
            f"the noise of neighbouring pixels is correlated ({worst:.2f}), as after smoothing or "
            "interpolation: standard errors, also those of fits that take a and b, are too small"
        )
        yield Finding.of("neighbours_correlated", words)
