"""What the images show of the start: where the patch is, and D without the region told."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm

from skfrap.estimators import FRAPEstimates, MeasuredStartFRAP
from skfrap.experiment import Circle, FRAPProtocol, RingLayout
from skfrap.inference.starts._sample import StartEstimate
from skfrap.models.kinetics import FreeDiffusion
from skfrap.models.starts import half_radius
from skfrap.preprocessing import RingExtractor
from skfrap.preprocessing._rings import find_patch

_WINDOWS_PER_FACTOR_2 = 8  # numbers of rings that are told apart, so that few are prepared
_DECADES = 5.5  # of D, that are looked through
_PER_DECADE = 2  # ranges of D that are told apart
_REACH = 6.0  # half-radii of the patch: rings beyond cost time and say little
_FEWEST_RINGS = 48
_SMALLEST = 2.0  # pixels: radius of a region
_LARGEST = 0.25  # of the field's shorter side


@dataclass(frozen=True, eq=False)
class SeenStart:
    """What the images show of the start, without the region as it was told.

    Attributes
    ----------
    protocol : FRAPProtocol
        With the patch as seen for a bleach region: a circle about its middle, of its half-radius.
    told : FRAPProtocol or None
        With the region as it was told; None where none was.
    estimates : FRAPEstimates
        Of D from the rings, as :class:`skfrap.MeasuredStartFRAP` gives it.
    measure : StartEstimate
        All of that fit.
    radii : ndarray of shape (n_rings,)
        From the middle of the patch, in µm.
    times : ndarray of shape (n_postbleach,)
        After the end of bleaching, in s.
    missing, fitted : ndarray of shape (n_postbleach, n_rings)
        Share of the light before bleaching that is missing, as measured and in the model; each
        frame over its own level.
    left : ndarray of shape (n_postbleach,) or None
        In a compartment: what the fit leaves of the mean over the patch, over that before
        bleaching.
    """

    protocol: FRAPProtocol
    told: FRAPProtocol | None
    estimates: FRAPEstimates
    measure: StartEstimate
    radii: np.ndarray
    times: np.ndarray
    missing: np.ndarray
    fitted: np.ndarray
    left: np.ndarray | None = None

    @property
    def center(self) -> tuple[float, float]:
        """Middle of the patch, (x, y) in µm."""
        return self.protocol.bleach_region.center_on(self.protocol.shape, self.protocol.pixel_size)

    @property
    def standard_error(self) -> float:
        """Of log10 D, so that two of it are the 95 % interval, whatever its degrees of freedom."""
        one, level = self.measure, self.estimates.level
        reach = max(one.upper - one.best.log_D, one.best.log_D - one.lower)
        return max(one.standard_error, reach / norm.ppf(0.5 + level / 2))

    def curve(self, level: float) -> np.ndarray:
        """Return the model's curve of the patch as seen, of so much light before bleaching.

        Parameters
        ----------
        level : float
            Of the light before bleaching.

        Returns
        -------
        ndarray of shape (n_frames,)
        """
        counts = RingLayout.of_field(self.protocol.shape, 1).counts[0][: len(self.radii)]
        inside = counts * self.share_in(self.protocol.bleach_mask)
        after = (1 - self.fitted @ inside / inside.sum()) * self.measure.levels
        return level * np.concatenate([np.ones(self.protocol.n_prebleach), after])

    def curve_beside(self, measured: np.ndarray) -> np.ndarray:
        """Return the model's curve of the patch as seen, beside what was measured in it.

        Parameters
        ----------
        measured : ndarray of shape (n_frames,)
            Mean over the patch.

        Returns
        -------
        ndarray of shape (n_frames,)
        """
        n = self.protocol.n_prebleach
        level = float(measured[:n].mean())
        if self.left is None:
            return self.curve(level)
        return np.concatenate([np.full(n, level), measured[n:] - level * self.left])

    def share_in(self, mask: np.ndarray) -> np.ndarray:
        """Return which share of each ring lies in a region.

        Parameters
        ----------
        mask : ndarray of shape (ny, nx)
            Share of each pixel.

        Returns
        -------
        ndarray of shape (n_rings,)
        """
        pixel = self.protocol.pixel_size
        column, row = (place / pixel - 0.5 for place in self.center)
        rows, columns = np.indices(mask.shape)
        distances = np.hypot(rows - row, columns - column).ravel()
        ring = np.rint(distances).astype(int)
        counts, sums = np.bincount(ring), np.bincount(ring, mask.ravel())
        some = counts > 0
        radii = np.bincount(ring, distances)[some] / counts[some] * pixel
        return np.interp(self.radii, radii, sums[some] / counts[some], right=0.0)


def region_as_seen(before, after, pixel_size):
    """Describe the dark patch by a circle about its middle.

    Parameters
    ----------
    before, after : ndarray of shape (ny, nx)
        Average frame before bleaching, and the first after it.
    pixel_size : float
        In µm.

    Returns
    -------
    Circle
    """
    before, after = (np.asarray(image, dtype=float) for image in (before, after))
    row, column = find_patch(before, after)
    layout = RingLayout.of_field(before.shape, 1)
    n_rings = layout.complete(before.shape, (row, column))
    index = layout.index()
    middle, reach = layout.n_rings - 1, n_rings - 1
    index = index[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]
    window = slice(row - reach, row + reach + 1), slice(column - reach, column + reach + 1)
    within = (index >= 0) & (index < n_rings)
    sums = [
        np.bincount(index[within], image[window][within], minlength=n_rings)
        for image in (before, after)
    ]
    missing = 1 - sums[1] / np.where(sums[0] > 0, sums[0], 1.0)
    counts, radii = layout.counts[0, :n_rings], layout.radii[:n_rings]
    radius = half_radius(radii, missing - np.median(missing[n_rings // 2 :]), counts)
    radius = np.clip(radius, _SMALLEST, max(_SMALLEST, _LARGEST * min(before.shape)))
    return Circle(radius * pixel_size, ((column + 0.5) * pixel_size, (row + 0.5) * pixel_size))


def see_start(corrected, region, protocol, options):
    """Measure the start of one stack.

    Parameters
    ----------
    corrected : StackSequence
        Of one stack.
    region : Circle
        As :func:`region_as_seen` describes the patch.
    protocol : FRAPProtocol
        Gives pixels and times.
    options : ExperimentOptions

    Returns
    -------
    SeenStart

    Raises
    ------
    ValueError
        If the patch lies at the edge of the field, or a ring has no light.
    """
    center = region.center
    extractor = RingExtractor(protocol, center=center)
    X = extractor.fit_transform(corrected)
    layout = extractor.layout_
    rings = X.reshape(protocol.n_postbleach, layout.n_sectors, layout.n_rings)
    wanted = max(_FEWEST_RINGS, int(_REACH * region.radius / protocol.pixel_size))
    n_rings = _window(min(wanted, int(np.isfinite(rings).any(axis=(0, 1)).sum())))
    rings[:, :, n_rings:] = np.nan
    bounds = bounds_of(protocol.replace(bleach_region=region), options)
    estimator = MeasuredStartFRAP(protocol, bounds).fit(X)
    (measure,) = estimator.measure(X, options.level)
    estimates = estimator.estimates_of([measure], options.level)
    region = Circle(max(measure.half_radius, _SMALLEST * protocol.pixel_size), center)
    counts = layout.counts[:, :n_rings]
    means = np.sum(np.where(counts > 0, rings[:, :, :n_rings], 0.0) * counts, axis=1)
    means /= counts.sum(axis=0) * measure.levels[:, np.newaxis]
    times = protocol.times[protocol.n_prebleach :]
    return SeenStart(
        protocol=protocol.replace(bleach_region=region),
        told=None,
        estimates=_without_unknown(estimates),
        measure=measure,
        radii=measure.radii,
        times=times,
        missing=1 - means,
        fitted=measure.best.missing(times - times[0]),
    )


def _window(n_rings):
    """Round a number of rings down, so that series of one kind share what is prepared."""
    power = np.floor(_WINDOWS_PER_FACTOR_2 * np.log2(n_rings) + 1e-9)
    return int(2 ** (power / _WINDOWS_PER_FACTOR_2) + 1e-9)


def bounds_of(protocol, options):
    """Return where D is looked for: as given, or by the patch's size and the frames' times."""
    given = (options.bounds or {}).get("D")
    if given is not None:
        return given
    low, high = np.log10(FreeDiffusion().bounds(protocol)["D"])
    middle = np.round((low + high) * _PER_DECADE / 2) / _PER_DECADE
    return 10 ** (middle - _DECADES / 2), 10 ** (middle + _DECADES / 2)


def _without_unknown(estimates):
    """Leave out the mobile fraction where the reading that was taken knows none."""
    if np.isfinite(estimates.values["mobile_fraction"]).all():
        return estimates
    parts = {
        name: {k: v for k, v in getattr(estimates, name).items() if k != "mobile_fraction"}
        for name in ("values", "lower", "upper")
    }
    return replace(estimates, **parts)
