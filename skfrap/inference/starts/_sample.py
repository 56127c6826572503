"""One sample's rings to D: what is chosen by what the data show."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import t as student

from skfrap.experiment import RingLayout
from skfrap.inference.starts._fitter import StartFit, StartFitter
from skfrap.inference.starts._readings import READINGS
from skfrap.models.starts import RingBasis, RingRows, half_radius

_STEPS_IN_HALF_RADIUS = 5
_SMALLEST_STEP = 1.5  # pixels
_STEP_RATIO = 2**0.5  # steps are among powers of it, so that few are prepared
_STEPS_IN_WINDOW = 8  # at least
_ROUNDS = 3  # of fitting and of measuring levels and what noise there is besides
_LEVEL_MATTERS = 0.3  # standard errors of the patch's depth in a frame
_CONTRADICTED = 2.5  # standard deviations of what two readings may differ by
_LEAST_DEVIATION = 0.3  # of the free reading's standard error
_BLOCKS = 10  # of frames, in a jackknife


@dataclass
class StartEstimate:
    """What one sample's rings say.

    Attributes
    ----------
    fits : list of StartFit
        Of each reading.
    best : StartFit
        Of the largest evidence, unless what is free contradicts its D.
    standard_error : float
        Of log10 D, by a jackknife over frames and sectors; at least that of the noise.
    lower, upper : float
        Ends in log10 D that belong to it.
    noise_ends : tuple of float
        Those by the noise alone.
    a : float
        Noise variance of a pixel, over the squared prebleach level.
    extra : float
        Variance of a ring's mean besides, over `a`.
    radii, first, start, stays : ndarray of shape (n_rings,)
        In µm; what is missing in the first frame as measured and as fitted, and the part of it that
        stays.
    levels : ndarray of shape (n_frames,)
        Of the frames, over prebleach.
    half_radius : float
        Of the patch as first seen, in µm.
    moving_share : float
        Of what is missing within it at the first frame.
    edge : float
        What is missing at the last ring over what is missing at most, in the first frame.
    residual_sum_of_squares : float
        Of ring means weighed by their pixels.
    signal : float
        Depth of the patch over its noise, in the first frame, all rings together.
    assumed_span : tuple of float, default=None
        The least and the largest D, in µm²/s, over what may be assumed of the part that stays;
        None where that part is seen.
    """

    fits: list
    best: StartFit
    standard_error: float
    lower: float
    upper: float
    noise_ends: tuple
    a: float
    extra: float
    radii: np.ndarray
    first: np.ndarray
    start: np.ndarray
    stays: np.ndarray
    levels: np.ndarray
    half_radius: float
    moving_share: float
    edge: float
    residual_sum_of_squares: float
    signal: float
    assumed_span: tuple | None = None


class SampleFitter:
    """Fit D to the rings of one sample after the other.

    Parameters
    ----------
    protocol : FRAPProtocol
    layout : RingLayout
    bounds : tuple of float
        Of D, in µm²/s.
    readings : tuple of str
    frame_levels : bool
    """

    def __init__(self, protocol, layout, bounds, readings=READINGS, frame_levels=True):
        self.protocol, self.layout, self.bounds = protocol, layout, bounds
        self.readings, self.frame_levels = tuple(readings), frame_levels

    def fit(self, means, level):
        """Fit one sample.

        Parameters
        ----------
        means : ndarray of shape (n_frames, n_sectors, n_rings)
            As `RingExtractor` gives them.
        level : float
            Of intervals.

        Returns
        -------
        StartEstimate
        """
        n_rings = int(np.isfinite(means).any(axis=(0, 1)).sum())
        counts = self.layout.counts[:, :n_rings]
        sectors = np.where(counts > 0, means[:, :, :n_rings], 0.0)
        rings = np.sum(counts * sectors, axis=1) / counts.sum(axis=0)
        radii = self.layout.radii[:n_rings] * self.protocol.pixel_size
        # Three frames tell a shallow patch's size better than one, and it matters little.
        size = half_radius(radii, 1 - rings[:3].mean(axis=0), counts.sum(axis=0))
        step = basis_step(size, radii, self.protocol.pixel_size)
        levels, extra = np.ones(len(rings)), 0
        for round_ in range(_ROUNDS):
            fitter = self._prepared(n_rings, step, extra)
            values, rest = fitter.rows.project((1 - rings / levels[:, np.newaxis])[np.newaxis])
            freedom = fitter.rows.n_values - fitter.rows.n_kept
            a = max(float(rest[0]) / max(freedom, 1), np.finfo(float).tiny)
            fits = fitter.fit(values[0], a)
            best = choose(fits)
            missing = self._missing(fitter.rows, best)
            new_levels, new_extra = self._measure(rings, missing, counts.sum(axis=0), a)
            depth = np.abs(missing).max(axis=1)
            noise = np.sqrt(a / counts.sum(axis=0)[radii <= size].sum())
            moved = np.abs(new_levels / levels - 1) * depth
            if (moved.max() < _LEVEL_MATTERS * noise and new_extra == extra) or (
                round_ == _ROUNDS - 1
            ):
                break
            levels, extra = new_levels, new_extra
        return self._describe(
            fitter, fits, best, sectors, rings, levels, a, extra, radii, counts, size,
            values[0], float(rest[0]), level,
        )  # fmt: skip

    def _prepared(self, n_rings, step, extra):
        return _prepare(
            self.protocol,
            n_rings,
            step,
            self.bounds,
            self.readings,
            self.frame_levels,
            0.0 if extra == 0 else 2.0**extra,
        )

    def _missing(self, rows, fit):
        """Compute what is missing according to a fit, (n_frames, n_rings)."""
        moving = rows.profiles(10**fit.log_D, rows.times, fit.is_late) @ fit.moving
        return moving + rows.profiles(1.0, [0.0])[0] @ fit.still

    def _measure(self, rings, missing, counts, a):
        """Measure the frames' levels, and what varies in rings besides noise.

        Returns
        -------
        levels : ndarray of shape (n_frames,)
        extra : int
            Power of 2 of the extra variance over that of a pixel; 0 where there is none.
        """
        shape = 1 - missing
        levels = np.ones(len(rings))
        if self.frame_levels:
            levels = np.sum(counts * rings * shape, axis=1) / np.sum(counts * shape**2, axis=1)
        left = rings / levels[:, np.newaxis] - shape
        left = left - left.mean(axis=0)  # without the error of prebleach, which all frames share
        n = len(rings)
        variance = np.sum(left**2, axis=0) / max(n - 1, 1)
        # variance * counts = a + extra * a * counts, each known to a part sqrt(2 / n).
        x, y = counts / counts.max(), variance * counts
        weights = 1 / np.maximum(y, a) ** 2
        mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
        spread = np.sum(weights * (x - mean_x) ** 2)
        slope = np.sum(weights * (x - mean_x) * (y - mean_y)) / spread
        pixel = mean_y - slope * mean_x
        if slope < 4 * np.sqrt(2 / n / spread) or pixel <= 0:
            return levels, 0
        return levels, min(int(np.rint(np.log2(slope / counts.max() / pixel))), -1)

    def _describe(
        self, fitter, fits, best, sectors, rings, levels, a, extra, radii, counts, size,
        values, rest, level,
    ):  # fmt: skip
        rows = fitter.rows
        per_ring = counts.sum(axis=0)
        stays = rows.profiles(1.0, [0.0])[0] @ best.still
        moves = rows.profiles(10**best.log_D, [0.0], best.is_late)[0] @ best.moving
        start = stays + moves
        inside = per_ring * (radii <= size)
        total = np.sum(inside * start)
        share = np.sum(inside * moves) / total if total else np.nan
        deepest = np.abs(start).max()
        tangent, fitted = best.tangent(), best.fitted()
        variance, freedom = _jackknife(rows, tangent, fitted, sectors, rings, levels, counts)
        noise = best.standard_error
        error = float(np.sqrt(noise**2 + max(variance - 2 * noise**2, 0.0)))
        reach = error * student.ppf(0.5 + level / 2, freedom)
        lower, upper = best.ends(level)
        return StartEstimate(
            fits=fits,
            best=best,
            standard_error=error,
            lower=min(lower, best.log_D - reach),
            upper=max(upper, best.log_D + reach),
            noise_ends=(lower, upper),
            a=a,
            extra=0.0 if extra == 0 else 2.0**extra,
            radii=radii,
            first=1 - rings[0] / levels[0],
            start=start,
            stays=stays,
            levels=levels,
            half_radius=half_radius(radii, start, per_ring),
            moving_share=float(np.clip(share, 0.0, 1.0)),
            edge=float(abs(start[-1]) / deepest) if deepest else np.nan,
            residual_sum_of_squares=float(np.sum((values - fitted) ** 2) + rest),
            signal=float(np.sqrt(np.sum(per_ring * start**2) / a)),
        )


def basis_step(size, radii, pixel_size):
    """Return the step between rings of a basis, in µm, for a patch of this half-radius."""
    wanted = min(size / _STEPS_IN_HALF_RADIUS, radii[-1] / _STEPS_IN_WINDOW)
    smallest = _SMALLEST_STEP * pixel_size
    power = round(np.log(max(wanted, smallest) / smallest) / np.log(_STEP_RATIO))
    return smallest * _STEP_RATIO**power


def choose(fits):
    """Take the reading with the largest evidence, unless the free one contradicts its D.

    The free reading assumes least, and is right whenever another is; where that is right too, the
    variance of their difference is the difference of their variances [1]_.

    References
    ----------
    .. [1] Hausman, Econometrica 46, 1251-1271 (1978).
    """
    best = min(fits, key=lambda fit: fit.deviance)
    free = next((fit for fit in fits if fit.reading == "free"), best)
    variance = free.standard_error**2 - best.standard_error**2
    deviation = np.sqrt(max(variance, (_LEAST_DEVIATION * free.standard_error) ** 2))
    return best if abs(best.log_D - free.log_D) <= _CONTRADICTED * deviation else free


def _jackknife(rows, tangent, fitted, sectors, rings, levels, counts):
    """Measure the variance of log10 D by leaving out parts of the data.

    To first order, leaving out a part moves log10 D by what it adds to u r / u u, with the
    residuals r and the tangent u without what the start could take up. Frames are left out in
    blocks that follow each other, since neighbours go together; then sectors, for what the rings of
    all frames share.

    Returns
    -------
    variance : float
        The sum of both, so that what is independent in all pixels counts twice.
    freedom : int
        Degrees of freedom of the smaller of the two.
    """
    information = tangent @ tangent
    if not information > 0:
        return np.inf, 1
    deficits = 1 - rings / levels[:, np.newaxis]
    weighed = rows.unproject(tangent)
    left = rows.weigh(deficits) - rows.unproject(fitted)
    by_frame = np.sum(weighed * left, axis=1)
    blocks = np.array_split(by_frame, min(_BLOCKS, len(by_frame)))
    deviation = (1 - sectors / levels[:, np.newaxis, np.newaxis]) - deficits[:, np.newaxis]
    share = counts / counts.sum(axis=0)
    by_sector = np.einsum("kj,sj,ksj->s", rows.to_means(weighed), share, deviation, optimize=True)
    parts = [np.array([block.sum() for block in blocks]), by_sector]
    parts = [part for part in parts if len(part) > 1]
    variances = [len(part) * np.var(part, ddof=1) for part in parts]
    # One of the two alone stands for both.
    variance = 2 * np.mean(variances) if variances else np.inf
    return float(variance / information**2), max(min(map(len, parts), default=2) - 1, 1)


@lru_cache(maxsize=12)
def _prepare(protocol, n_rings, step, bounds, readings, frame_levels, extra):
    """Prepare fits of samples that have so many rings and so large a patch."""
    layout = RingLayout(n_rings, 1)
    radii = layout.radii * protocol.pixel_size
    seen = protocol.times[protocol.n_prebleach :]
    delays = seen[0] - protocol.bleach_times[-1], seen[0] - protocol.bleach_times[0]
    rows = RingRows(
        RingBasis.spanning(step, radii[-1]),
        radii,
        layout.counts[0].astype(float),
        seen - seen[0],
        protocol.n_prebleach,
        bounds,
        delays=tuple(map(float, delays)),
        frame_levels=frame_levels,
        extra=extra,
    )
    return StartFitter(rows, readings)
