"""One sample's rings to D: what is chosen by what the data show."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skfrap.experiment import RingLayout
from skfrap.inference.starts._budget import Budget
from skfrap.inference.starts._fitter import StartFit, StartFitter
from skfrap.inference.starts._jackknife import (
    beyond_noise,
    block_jackknife,
    jackknife_variance,
    reach_of,
)
from skfrap.inference.starts._readings import READINGS
from skfrap.models.starts import RingBasis, RingRows, half_radius
from skfrap.numerics._kept import kept

_STEPS_IN_HALF_RADIUS = 5
_SMALLEST_STEP = 1.5  # pixels
_STEP_RATIO = 2**0.5  # steps are among powers of it, so that few are prepared
_STEPS_IN_WINDOW = 8  # at least
_ROUNDS = 10  # of fitting and of measuring levels and what noise there is besides, at most
_LEVEL_MATTERS = 0.3  # standard errors of the patch's depth in all frames together
_FURTHEST = 1.0  # of a step back towards levels that were looked at before
_LEVELS_MATTER = 6.6  # rise of the deviance: chi-squared at 99 %
_LEVELS_SURELY_MATTER = 16.0  # four standard errors
_RIM_UNSEEN = 0.2  # of what is missing at most, at the last ring
_FEWEST_LEVELS = 9  # values of frames' levels, for their scatter to be measured
_FLICKERS = 3.0  # standard deviations of that scatter, and of how frames go together
_FLICKER_RATIO = 4.0  # variances are among powers of it, so that few are prepared
_CONTRADICTED = 2.5  # standard deviations of what two readings may differ by
_LEAST_DEVIATION = 0.3  # of the free reading's standard error
_MORE_PRECISE = 0.2  # of its variance, by which the free reading cannot be


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
    edge, moving_edge : float
        What is missing at the last ring over what is missing at most, in the first frame: of all,
        and of what moves.
    residual_sum_of_squares : float
        Of ring means weighed by their pixels.
    signal : float
        Depth of the patch over its noise, in the first frame, all rings together.
    assumed_span : tuple of float, default=None
        The least and the largest D, in µm²/s, over what may be assumed of the part that stays;
        None where that part is seen.
    start_scale : float, default=1.0
        What is missing in the profiles over what is missing in the curve's light.
    scale_span : tuple of float, default=None
        The least and the largest D over the scales that the curve leaves open; None where the scale
        was given, or the curve tells it.
    variance : float, default=None
        Of the curve's noise.
    freer : StartFit, default=None
        What free levels of all frames give; None where they are free, or are not thought to change.
    budget : Budget, default=None
        What a compartment lost, where there is one.
    near_patch : float, default=None
        Share of all that a compartment says of D which it says within three half-radii of the
        middle of the patch.
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
    moving_edge: float
    residual_sum_of_squares: float
    signal: float
    assumed_span: tuple | None = None
    start_scale: float = 1.0
    scale_span: tuple | None = None
    variance: float | None = None
    freer: StartFit | None = None
    budget: Budget | None = None
    near_patch: float | None = None


@dataclass(frozen=True)
class _Sample:
    """Ring means of one sample, with the pixels they have and a basis that suits them."""

    rings: np.ndarray  # (n_frames, n_rings)
    sectors: np.ndarray  # (n_frames, n_sectors, n_rings)
    counts: np.ndarray  # (n_sectors, n_rings)
    radii: np.ndarray
    size: float
    step: float
    a: float | None = None  # where it is known


@dataclass(frozen=True)
class _Fitted:
    """What fits of one sample end with."""

    fitter: StartFitter
    fits: list
    best: StartFit
    values: np.ndarray
    rest: float
    a: float
    extra: int
    flicker: float | None
    levels: np.ndarray


class SampleFitter:
    """Fit D to the rings of one sample after the other.

    Parameters
    ----------
    protocol : FRAPProtocol
    layout : RingLayout
    bounds : tuple of float
        Of D, in µm²/s.
    readings : tuple of str
    frame_levels : "auto" or bool
    """

    def __init__(self, protocol, layout, bounds, readings=READINGS, frame_levels="auto"):
        self.protocol, self.layout, self.bounds = protocol, layout, bounds
        self.readings, self.frame_levels = tuple(readings), frame_levels

    def fit(self, means, level, a=None):
        """Fit one sample.

        Parameters
        ----------
        means : ndarray of shape (n_frames, n_sectors, n_rings)
            As `RingExtractor` gives them.
        level : float
            Of intervals.
        a : float, default=None
            Noise variance of a pixel over the squared prebleach level, where it is known; None is
            measured from what the fit leaves.

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
        one = _Sample(
            rings,
            sectors,
            counts,
            radii,
            size,
            basis_step(size, radii, self.protocol.pixel_size),
            a,
        )
        fitted = self._fit_rounds(one, self._first_flicker(len(rings)))
        freer = None
        if fitted.flicker not in (None, np.inf):
            freer = self._with_free_levels(one, fitted)
            # Where no rim is seen free levels hang on how smooth a start is thought to be beyond.
            sees_rim = at_edge(fitted.best.missing([0.0])[0]) < _RIM_UNSEEN
            rise = freer.rise_at(fitted.best.log_D)
            if rise > (_LEVELS_MATTER if sees_rim else _LEVELS_SURELY_MATTER):
                freer, fitted = None, self._fit_rounds(one, np.inf)
        return self._describe(one, fitted, freer, level)

    def _fit_rounds(self, one, flicker):
        """Fit, and measure levels and noise, until both agree."""
        rings, per_ring = one.rings, one.counts.sum(axis=0)
        levels, extra, before = np.ones(len(rings)), 0, None
        for round_ in range(_ROUNDS):
            fitter = self._prepared(one, extra, flicker)
            rows, deficits = fitter.rows, _deficits(rings, levels)
            values, rest = rows.project(deficits)
            a = one.a
            if a is None:
                a = max(rest / max(rows.freedom, 1), np.finfo(float).tiny)
            fits = fitter.fit(values, a)
            best = choose(fits)
            missing = rows.missing(10**best.log_D, best.moving, best.still, best.is_late)
            new_levels, new_extra = self._measure(rings, missing, per_ring, a)
            new_flicker = flicker
            if rows.n_levels:
                left = rows.level_residuals(deficits, missing) / np.sqrt(a)
                new_flicker = _flicker(left, rows.n_levels)
            depth = np.abs(missing).max(axis=1)
            noise = np.sqrt(a / (len(rings) * per_ring[one.radii <= one.size].sum()))
            moved = np.abs(new_levels / levels - 1) * depth
            settled = (new_extra, new_flicker) == (extra, flicker)
            if (settled and moved.max() < _LEVEL_MATTERS * noise) or round_ == _ROUNDS - 1:
                break
            before, levels = (levels, new_levels), _next_levels(levels, new_levels, before)
            extra, flicker = new_extra, new_flicker
        return _Fitted(fitter, fits, best, values, rest, a, extra, flicker, levels)

    def _first_flicker(self, n_frames):
        """Return the flicker that is looked at first: none, as far as that can be judged."""
        if isinstance(self.frame_levels, str):
            return 0 if n_frames - 3 >= _FEWEST_LEVELS else np.inf
        return np.inf if self.frame_levels else None

    def _with_free_levels(self, one, fitted):
        """Fit with free levels and the free reading, which assume least."""
        free = "free" if "free" in self.readings else fitted.best.reading
        fitter = self._prepared(one, fitted.extra, np.inf, (free,))
        values, _ = fitter.rows.project(_deficits(one.rings, fitted.levels))
        return fitter.fit(values, fitted.a)[0]

    def _prepared(self, one, extra, flicker, readings=None):
        if flicker not in (None, 0, np.inf):
            flicker = _FLICKER_RATIO**flicker
        return _prepare(
            _Clock.of(self.protocol),
            len(one.radii),
            one.step,
            self.bounds,
            self.readings if readings is None else readings,
            flicker,
            0.0 if extra == 0 else 2.0**extra,
        )

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

    def _describe(self, one, fitted, freer, level):
        rings, levels, counts, radii = one.rings, fitted.levels, one.counts, one.radii
        rows, best, a = fitted.fitter.rows, fitted.best, fitted.a
        per_ring = counts.sum(axis=0)
        stays = rows.profiles(1.0, [0.0])[0] @ best.still
        moves = rows.profiles(10**best.log_D, [0.0], best.is_late)[0] @ best.moving
        start = stays + moves
        inside = per_ring * (radii <= one.size)
        total = np.sum(inside * start)
        share = np.sum(inside * moves) / total if total else np.nan
        tangent, values = best.tangent(), best.fitted()
        found = _jackknife(rows, tangent, values, one.sectors, rings, levels, counts)
        noise = best.standard_error
        excess, freedom = beyond_noise(found, noise**2)
        error = float(np.sqrt(noise**2 + excess))
        reach = reach_of(noise, error, freedom, level)
        lower, upper = best.ends(level)
        return StartEstimate(
            fits=fitted.fits,
            best=best,
            standard_error=error,
            lower=min(lower, best.log_D - reach),
            upper=max(upper, best.log_D + reach),
            noise_ends=(lower, upper),
            a=a,
            extra=0.0 if fitted.extra == 0 else 2.0**fitted.extra,
            radii=radii,
            first=1 - rings[0] / levels[0],
            start=start,
            stays=stays,
            levels=levels,
            half_radius=half_radius(radii, start, per_ring),
            moving_share=float(np.clip(share, 0.0, 1.0)),
            edge=at_edge(start),
            moving_edge=at_edge(moves),
            residual_sum_of_squares=float(np.sum((fitted.values - values) ** 2) + fitted.rest),
            signal=float(np.sqrt(np.sum(per_ring * start**2) / a)),
            freer=freer,
        )


def at_edge(missing):
    """Return what is missing at the last ring over what is missing at most."""
    deepest = np.abs(missing).max()
    return float(abs(missing[-1]) / deepest) if deepest else np.nan


def basis_step(size, radii, pixel_size):
    """Return the step between rings of a basis, in µm, for a patch of this half-radius."""
    wanted = min(size / _STEPS_IN_HALF_RADIUS, radii[-1] / _STEPS_IN_WINDOW)
    smallest = _SMALLEST_STEP * pixel_size
    power = round(np.log(max(wanted, smallest) / smallest) / np.log(_STEP_RATIO))
    return smallest * _STEP_RATIO**power


def choose(fits):
    """Take the reading with the largest evidence, unless the free one contradicts its D.

    The free reading assumes least, and is right whenever another is; where that is right too, the
    variance of their difference is the difference of their variances [1]_. What it is measured by
    is how much less likely the free reading finds the other's D, not its standard error: where D is
    hardly known its deviance is no parabola.

    References
    ----------
    .. [1] Hausman, Econometrica 46, 1251-1271 (1978).
    """
    best = min(fits, key=lambda fit: fit.deviance)
    free = next((fit for fit in fits if fit.reading == "free"), best)
    if free is best:
        return best
    left = 1 - (best.standard_error / free.standard_error) ** 2
    if left < 0:
        # No reading is more precise than one that assumes more: these errors tell nothing.
        left = 1.0 if left < -_MORE_PRECISE else 0.0
    allowed = _CONTRADICTED**2 * max(left, _LEAST_DEVIATION**2)
    return best if free.rise_at(best.log_D) <= allowed else free


def _deficits(rings, levels):
    """Return what is missing in ring means: without the part of it that moved by a level's error.

    The levels stay in it; what they do to the depth of the patch is taken out.
    """
    levels = levels[:, np.newaxis]
    return 2 - levels - rings / levels


def _next_levels(levels, measured, before=None):
    """Return levels to fit with next, by Anderson's extrapolation from two rounds.

    Where the patch fills the field its depth and the levels are hardly told apart, and each round
    overshoots: levels as measured would go to and fro.

    Parameters
    ----------
    levels, measured : ndarray of shape (n_frames,)
        What was fitted with, and what that fit measured.
    before : tuple of ndarray, default=None
        Both of the round before.
    """
    if before is None:
        return measured
    left = measured - levels
    turn = left - (before[1] - before[0])
    size = turn @ turn
    back = np.clip(left @ turn / size, -_FURTHEST, _FURTHEST) if size else 0.0
    return measured - back * (measured - before[1])


def _flicker(left, n):
    """Return the power of the flicker's variance over the noise's.

    Parameters
    ----------
    left : ndarray of shape (n_frames,)
        What levels are off an even change by, over the noise.
    n : int
        Independent values of these.

    Returns
    -------
    int or float
        0 where no flicker is seen; infinite where neighbouring frames go together, so that it is no
        flicker.
    """
    scatter = left @ left / n
    if left[1:] @ left[:-1] > _FLICKERS * max(scatter, 1.0) * np.sqrt(n):
        return np.inf
    if scatter < 1 + _FLICKERS * np.sqrt(2 / n):
        return 0
    return max(int(np.rint(np.log(scatter - 1) / np.log(_FLICKER_RATIO))), 1)


def _jackknife(rows, tangent, fitted, sectors, rings, levels, counts):
    """Measure the variance of log10 D by leaving out frames, then sectors.

    Frames are left out in blocks that follow each other, since neighbours go together; sectors show
    what the rings of all frames share.

    Returns
    -------
    list of tuple (variance, freedom)
        By frames, and by sectors where there are several.
    """
    deficits = _deficits(rings, levels)
    weighed = rows.unproject(tangent)
    left = rows.weigh(deficits) - rows.unproject(fitted)
    share = counts / counts.sum(axis=0)
    deviation = (rings[:, np.newaxis] - sectors) / levels[:, np.newaxis, np.newaxis]
    by_sector = np.einsum("kj,sj,ksj->s", rows.to_means(weighed), share, deviation, optimize=True)
    known_by_sector = np.sum(np.sum(weighed**2, axis=0) * share, axis=1)
    found = [block_jackknife(np.sum(weighed * left, axis=1), np.sum(weighed**2, axis=1))]
    if len(by_sector) > 1:
        found.append((jackknife_variance(by_sector, known_by_sector), len(by_sector) - 1))
    return found


class _Clock(NamedTuple):
    """What rings know of an experiment: its pixels and times, and not the bleach region."""

    pixel_size: float
    n_prebleach: int
    times: tuple
    delays: tuple

    @classmethod
    def of(cls, protocol):
        times = tuple(protocol.times[protocol.n_prebleach :].tolist())
        bleached = protocol.bleach_times
        delays = times[0] - float(bleached[-1]), times[0] - float(bleached[0])
        return cls(protocol.pixel_size, protocol.n_prebleach, times, delays)


@kept(12)
def _prepare(clock, n_rings, step, bounds, readings, flicker, extra):
    """Prepare fits of samples that have so many rings and so large a patch."""
    rows = _rows(clock, n_rings, step, bounds, extra, flicker is None)
    return StartFitter(rows.with_flicker(flicker) if flicker else rows, readings)


@kept(6)
def _rows(clock, n_rings, step, bounds, extra, are_even):
    """Prepare rows of rings whose levels do not flicker, or are all the same."""
    layout = RingLayout(n_rings, 1)
    radii = layout.radii * clock.pixel_size
    seen = np.array(clock.times)
    return RingRows(
        RingBasis.spanning(step, radii[-1]),
        radii,
        layout.counts[0].astype(float),
        seen - seen[0],
        clock.n_prebleach,
        bounds,
        delays=clock.delays,
        flicker=None if are_even else 0.0,
        extra=extra,
    )
