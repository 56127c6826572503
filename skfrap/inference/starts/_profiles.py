"""One recovery curve with the profile of its first frame to D."""

from dataclasses import replace
from functools import partial

import numpy as np

from skfrap.inference.starts._fitter import StartFitter
from skfrap.inference.starts._jackknife import block_jackknife, reach_of
from skfrap.inference.starts._sample import StartEstimate, at_edge, basis_step, choose
from skfrap.inference.starts._scales import over_scales
from skfrap.models.starts import ProfileRows, RingBasis, half_radius
from skfrap.numerics._kept import kept

_ROUNDS = 3  # of fitting and of measuring the curve's noise
_PER_FACTOR_2 = 4  # variances that are told apart, so that few rows are prepared
_FEWEST_PER_RING = 2.0  # values, on average, for their scatter to tell the noise
_FREE = 3  # unknowns of a curve, about: D, its start and its end
_PLAUSIBLE = 10.0  # rise of the deviance up to which a reading may be right


class CurveFitter:
    """Fit D to recovery curves that begin with one measured start.

    Parameters
    ----------
    protocol : FRAPProtocol
    start : MeasuredStart
    bounds : tuple of float
        Of D, in µm²/s.
    readings : tuple of str
    """

    def __init__(self, protocol, start, bounds, readings):
        self.protocol, self.start, self.bounds = protocol, start, bounds
        self.assumed = start.last_intensity is None
        self.readings = _readings(readings, self.assumed)
        seen = protocol.times[protocol.n_prebleach :]
        # The first value is in the first profile, and the last ones are in the last profile.
        self._inner = slice(1, None if self.assumed else len(seen) - start.n_last)
        self.times = (seen - seen[0])[self._inner]
        self.last_time = None if self.assumed else float((seen - seen[0])[-start.n_last :].mean())
        pixel = protocol.pixel_size
        self.radii, counts, first, first_noise = ring_means(start.radius_um, start.intensity, pixel)
        self.size = half_radius(self.radii, 1 - first, counts)
        self.counts = counts
        self._profiles, self._noises = [1 - first], [first_noise]
        if not self.assumed:
            _, _, last, noise = ring_means(start.radius_um, start.last_intensity, pixel)
            self._profiles.append(1 - last)
            self._noises.append(noise)
        self.step = basis_step(self.size, self.radii, pixel)

    def fit(self, curve, level):
        """Fit one curve, at the scale of the profiles that is given, or at what it can be.

        Parameters
        ----------
        curve : ndarray of shape (n_frames,)
            Of the protocol's bleach region.
        level : float
            Of intervals.

        Returns
        -------
        StartEstimate
        """
        low, high = self.start.start_scale
        if low == high:
            return self._fit_at(curve, level, low)
        return over_scales(partial(self._fit_at, curve, level), (low, high), level)

    def _fit_at(self, curve, level, scale, variance=None):
        """Fit one curve at one scale of the profiles; the noise is measured if it is not given."""
        n = self.protocol.n_prebleach
        before, after = curve[:n] / curve[:n].mean(), curve[n:] / curve[:n].mean()
        missing = 1 - after[self._inner]
        squares = np.sum((before - 1) ** 2)
        is_known = variance is not None
        if not is_known:
            variance = squares / (n - 1) if n > 1 else _variance_of_third_differences(missing)
        for round_ in range(_ROUNDS):
            rows, fitter = self._prepared(variance, scale)
            first, *last = self._profiles
            values = rows.whiten(np.concatenate([first, missing, *last]))
            fits = fitter.fit(values, 1.0)
            best = self._choose(fits)
            _, left, _ = rows.take_apart(values - best.fitted())
            freedom = max(len(left) - _FREE, 1) + n - 1
            measured = (np.sum(left**2) + squares) / freedom
            settled = is_known or _nearest(measured) == _nearest(variance)
            if settled or round_ == _ROUNDS - 1:
                break
            variance = measured
        one = self._describe(rows, fits, best, values, left, variance, level)
        return replace(one, start_scale=scale, variance=variance)

    def _prepared(self, variance, scale):
        """Prepare rows and fits for curves of about this noise."""
        noises = [tuple(map(_nearest, noise)) for noise in self._noises]
        last_time = self.last_time
        return _prepare(
            self.protocol,
            tuple(self.radii),
            self.step,
            tuple(self.times),
            last_time,
            (noises[0], _nearest(variance), *noises[1:]),
            self.bounds,
            self.readings,
            scale,
        )

    def _choose(self, fits):
        """Take the reading by evidence; the told time of bleaching decides nothing alone."""
        if not self.assumed:
            return choose(fits)
        usual = [fit for fit in fits if fit.reading != "one_depth"]
        return choose(usual or fits)

    def _span(self, fits, best):
        """Return the least and the largest D over what may be assumed of the part that stays."""
        if not self.assumed:
            return None
        plausible = [
            10**fit.log_D
            for fit in fits
            if fit.reading in ("same_shape", "one_depth")
            or fit.deviance - best.deviance < _PLAUSIBLE
        ]
        return float(min(plausible)), float(max(plausible))

    def _describe(self, rows, fits, best, values, left, variance, level):
        stays = rows.profiles(1.0, [0.0])[0] @ best.still
        moves = rows.profiles(10**best.log_D, [0.0], best.is_late)[0] @ best.moving
        start = stays + moves
        inside = self.counts * (self.radii <= self.size)
        total = np.sum(inside * start)
        share = np.sum(inside * moves) / total if total else np.nan
        scatter, freedom = _jackknife(best.tangent(), values - best.fitted(), len(self.radii))
        noise = best.standard_error
        error = float(np.sqrt(max(noise**2, scatter)))
        reach = reach_of(noise, error, freedom, level)
        lower, upper = best.ends(level)
        return StartEstimate(
            fits=fits,
            best=best,
            standard_error=error,
            lower=min(lower, best.log_D - reach),
            upper=max(upper, best.log_D + reach),
            noise_ends=(lower, upper),
            a=float(variance / self.protocol.noise_gain),
            extra=0.0,
            radii=self.radii,
            first=self._profiles[0],
            start=start,
            stays=stays,
            levels=np.ones(self.protocol.n_postbleach),
            half_radius=half_radius(self.radii, start, self.counts),
            moving_share=float(np.clip(share, 0.0, 1.0)),
            edge=at_edge(start),
            moving_edge=at_edge(moves),
            residual_sum_of_squares=float(np.sum(left**2)),
            signal=float(np.sqrt(np.sum(start**2 / self._noises[0]))),
            assumed_span=self._span(fits, best),
        )


def ring_means(radius_um, intensity, pixel_size):
    """Average a profile over rings of one pixel, and measure its noise.

    Parameters
    ----------
    radius_um, intensity : array-like of shape (n,)
    pixel_size : float
        In µm.

    Returns
    -------
    radii, counts, means, variances : ndarray of shape (n_rings,)
        Mean distance in µm, values in the ring, their mean and its noise variance.
    """
    radius, intensity = np.asarray(radius_um), np.asarray(intensity)
    _, index, counts = np.unique(
        np.rint(radius / pixel_size), return_inverse=True, return_counts=True
    )
    radii = np.bincount(index, radius) / counts
    means = np.bincount(index, intensity) / counts
    if len(radius) >= _FEWEST_PER_RING * len(radii):
        slope = np.gradient(means, radii)
        left = intensity - means[index] - slope[index] * (radius - radii[index])
        variance = np.sum(left**2) / (len(radius) - len(radii))
        return radii, counts, means, np.maximum(variance, np.finfo(float).tiny) / counts
    # One value of each ring: its pixels grow with the distance, and smooth profiles have small
    # third differences.
    pixels = np.maximum(2 * np.pi * radii / pixel_size, 1.0)
    signs = np.array([1.0, -3.0, 3.0, -1.0])
    expected = np.convolve(1 / pixels, signs**2, mode="valid")
    variance = np.mean(np.diff(means, 3) ** 2 / expected)
    return radii, pixels, means, np.maximum(variance, np.finfo(float).tiny) / pixels


def _readings(names, assumed):
    """Return what is read where the part that stays is seen, or assumed."""
    if not assumed:
        return tuple(names)
    readings = {"mobile": ("mobile",), "one_depth": ("same_shape", "one_depth"), "free": ()}
    return tuple(reading for name in names for reading in readings[name])


def _nearest(variance):
    """Return the number of the nearest of the variances that are told apart."""
    return int(np.rint(_PER_FACTOR_2 * np.log2(max(variance, np.finfo(float).tiny))))


def _variance_of_third_differences(values):
    if len(values) < 4:
        return np.var(values)
    return np.mean(np.diff(values, 3) ** 2) / 20  # the squares of 1, -3, 3, -1


def _jackknife(tangent, left, n_rings):
    """Measure the variance of log10 D by leaving out rings of the first profile, then the rest.

    What profile and curve say is independent, so that the two add.

    Returns
    -------
    variance : float
    freedom : int
    """
    pulls, information = tangent * left, tangent**2
    first, rest = slice(None, n_rings), slice(n_rings, None)
    # What the other part knows of D stays in.
    found = [
        block_jackknife(pulls[part], information[part], information.sum() - information[part].sum())
        for part in (first, rest)
    ]
    return sum(variance for variance, _ in found), max(found)[1]


@kept(24)
def _prepare(protocol, radii, step, times, last_time, powers, bounds, readings, scale):
    """Prepare rows and their fits."""
    radii = np.array(radii)
    first, curve, *last = (2.0 ** (np.array(power) / _PER_FACTOR_2) for power in powers)
    seen = protocol.times[protocol.n_prebleach :]
    delays = seen[0] - protocol.bleach_times[-1], seen[0] - protocol.bleach_times[0]
    rows = ProfileRows(
        RingBasis.spanning(step, radii[-1]),
        radii,
        _region(protocol),
        np.array(times),
        last_time,
        (first, np.full(len(times), curve), *last),
        float(curve) / protocol.n_prebleach,
        bounds,
        tuple(map(float, delays)),
        scale,
    )
    return rows, StartFitter(rows, readings)


def _region(protocol):
    """Return distances from the middle of the region, in µm, and what they weigh in its mean."""
    weights = protocol.roi_weights
    pixels = np.nonzero(weights)
    weights = weights[pixels]
    offsets = [place - np.average(place, weights=weights) for place in pixels]
    distances, index = np.unique(np.hypot(*offsets).round(6), return_inverse=True)
    return distances * protocol.pixel_size, np.bincount(index, weights)
