"""One sample's tiles of a compartment to D."""

from dataclasses import dataclass

import numpy as np

from skfrap.inference.starts._amplitudes import AmplitudeFit, AmplitudeFitter
from skfrap.inference.starts._budget import Budget
from skfrap.inference.starts._jackknife import (
    even_block_jackknife,
    jackknife_variance,
    reach_of,
)
from skfrap.inference.starts._readings import READINGS
from skfrap.inference.starts._sample import StartEstimate, choose
from skfrap.inference.starts._seen import AboutPatch
from skfrap.models.starts import half_radius, tile_modes
from skfrap.models.starts._rows import directions

_ROUNDS = 3  # of fitting and of measuring the noise
_SETTLED = 0.05  # of a variance
_FIRST_BAND = 6  # modes of the slowest band, each next one being twice as wide
_EXCESS = 3.0  # standard deviations, from which a band has more than the noise of pixels
_N_SPREADS = 80  # of D times the rate, of what modes can look like in time
_FARTHEST = 30.0  # decades, that an interval reaches
_COMPARABLE = 20.0  # of the deviance
_NEAR = 3.0  # half-radii of the patch
_N_SECTORS, _WEDGES = 8, 4  # of each sector, at right angles


@dataclass(frozen=True)
class _Fitted:
    """What fits of one sample end with."""

    fits: list
    best: AmplitudeFit
    a: float
    variances: np.ndarray  # of the amplitudes


class CompartmentFitter:
    """Fit D to what the tiles of a compartment lack, one sample after the other.

    Frames are divided by their own mean over the compartment. Nothing is lost by it: particles
    that are missing in the whole are missing for ever, and say nothing of D. What fades or flickers
    evenly is gone with it.

    Parameters
    ----------
    protocol : FRAPProtocol
        With a compartment.
    layout : TileLayout
    bounds : tuple of float
        Of D, in µm²/s.
    readings : tuple of str
    frame_levels : "auto" or bool
        False takes all levels for those before bleaching.
    """

    def __init__(self, protocol, layout, bounds, readings=READINGS, frame_levels="auto"):
        self.protocol, self.frame_levels = protocol, frame_levels
        self.modes = tile_modes(protocol, layout.side)
        seen = protocol.times[protocol.n_prebleach :]
        delays = seen[0] - protocol.bleach_times[-1], seen[0] - protocol.bleach_times[0]
        self._fitter = AmplitudeFitter(
            self.modes.rates,
            seen - seen[0],
            protocol.n_prebleach,
            bounds,
            tuple(map(float, delays)),
            readings,
        )
        self._gains = self.modes.gains()

    def fit(self, means, level, a=None):
        """Fit one sample.

        Parameters
        ----------
        means : ndarray of shape (n_frames, n_tiles)
            As `CompartmentExtractor` gives them.
        level : float
            Of intervals.
        a : float, default=None
            Noise variance of a pixel over the squared prebleach level, where it is known; None is
            measured from what the fit leaves.

        Returns
        -------
        StartEstimate
        """
        whole = means @ self.modes.tiles.shares
        levels = whole if self.frame_levels is not False else np.ones(len(means))
        deficits = 1 - means / levels[:, np.newaxis]
        if a is not None:
            a = a * _gain_of(levels)
        fitted = self._fit_rounds(self.modes.amplitudes(deficits), a)
        return self._describe(fitted, deficits, levels, whole, level)

    def _fit_rounds(self, amplitudes, known):
        """Fit, and measure what noise there is, until both agree."""
        bands, factors = _bands(len(self._gains)), np.ones(len(self._gains))
        a = self._first_noise(amplitudes) if known is None else known
        for round_ in range(_ROUNDS):
            variances = a * factors * self._gains
            fits = self._fitter.fit(amplitudes, variances)
            best = _choose(fits)
            if round_ == _ROUNDS - 1 or known is not None:
                break
            left = self._left(amplitudes, best, variances)
            new_a, new_factors = _noise_of(left, best.freedom(), bands, a * factors)
            moved = np.abs(np.log(new_a * new_factors / (a * factors))).max()
            if moved < _SETTLED:
                break
            a, factors = new_a, new_factors
        return _Fitted(fits, best, a, variances)

    def _first_noise(self, amplitudes):
        """Return the variance of a pixel, from what no D could make."""
        fitter = self._fitter
        slow = 1e-3 / max(fitter.times[-1], 1e-12)
        spreads = np.geomspace(slow, 1e3 * slow * len(fitter.times), _N_SPREADS)
        shapes = np.exp(-np.multiply.outer(fitter.times, spreads))
        kept = directions(fitter.whitening @ np.column_stack([shapes, np.ones(len(shapes))]))
        values = fitter.whitening @ amplitudes / np.sqrt(self._gains)
        rest = np.sum(values**2) - np.sum((kept.T @ values) ** 2)
        n_left = (len(values) - kept.shape[1]) * values.shape[1]
        if n_left < 1:  # few frames: neighbours differ by little else
            rest, n_left = np.sum(np.diff(values[-3:], axis=0) ** 2) / 2, 2 * values.shape[1]
        return float(max(rest / n_left, np.finfo(float).tiny))

    def _left(self, amplitudes, fit, variances):
        """Return what a fit leaves, whitened and over its noise, (n_frames, n_modes)."""
        return self._fitter.whitening @ amplitudes / np.sqrt(variances) - fit.fitted()

    def _describe(self, fitted, deficits, levels, whole, level):
        best, modes, protocol = fitted.best, self.modes, self.protocol
        tiles = modes.tiles
        start, stays = best.missing([0.0])[0], best.still
        missing = 1 - whole[0]  # in the mean over all
        pattern = (1 - missing) * (modes.modes @ start)
        about = AboutPatch.of(tiles, pattern)
        profile, counts, places = about.profile, about.counts, about.distances
        radii = profile(places)
        first = 1 - (1 - missing) * (1 - deficits[0])
        size = half_radius(radii, profile(missing + pattern), about.n_pixels)
        near = counts * (places <= size)
        moves = start - stays
        total = np.sum(near * (modes.modes @ start))
        share = np.sum(near * (modes.modes @ moves)) / total if total else np.nan
        share = float(np.clip(share, 0.0, 1.0))
        still = (1 - share) * missing + (1 - missing) * (modes.modes @ stays)
        found, known = self._jackknife(fitted, deficits, places)
        near_patch = known[places <= _NEAR * size].sum() / known.sum() if known.any() else np.nan
        noise = best.standard_error
        # What is independent in all pixels is in both, so that it counts once.
        both, freedom = 2 * np.mean([variance for variance, _ in found]), max(found)[1]
        error = float(np.sqrt(noise**2 + max(both - 2 * noise**2, 0.0)))
        reach = reach_of(noise, error, freedom, level)
        lower, upper = best.ends(level)
        left = deficits - best.missing(self._fitter.times) @ modes.modes.T
        return StartEstimate(
            fits=fitted.fits,
            best=best,
            standard_error=error,
            lower=max(min(lower, best.log_D - reach), -_FARTHEST),
            upper=min(max(upper, best.log_D + reach), _FARTHEST),
            noise_ends=(lower, upper),
            a=fitted.a / _gain_of(levels),
            extra=float(np.max(fitted.variances / self._gains) / fitted.a - 1),
            radii=radii,
            first=profile(first),
            start=profile(missing + pattern),
            stays=profile(still),
            levels=levels,
            half_radius=size,
            moving_share=share,
            edge=0.0,
            moving_edge=0.0,
            residual_sum_of_squares=float(np.sum(left**2 @ counts)),
            signal=float(np.sqrt(np.sum(start**2 / self._gains) / fitted.a)),
            budget=Budget.of(whole, protocol.n_prebleach, tiles.area),
            near_patch=float(near_patch),
        )

    def _jackknife(self, fitted, deficits, places):
        """Measure the variance of log10 D by leaving out frames, then sectors of the compartment.

        Returns
        -------
        found : list of tuple (variance, freedom)
            Of both.
        known : ndarray of shape (n_tiles,)
            What each tile says of D, over all frames.
        """
        best, modes, fitter = fitted.best, self.modes, self._fitter
        tangent = best.tangent()
        left = self._left(modes.amplitudes(deficits), best, fitted.variances)
        by_frame = np.sum(tangent * left, axis=1), np.sum(tangent**2, axis=1)
        found = [even_block_jackknife(*by_frame)]
        # The same products, as sums over tiles in place of modes.
        weights = fitter.whitening @ tangent / np.sqrt(fitted.variances) @ modes.modes.T
        rest = deficits - best.missing(fitter.times) @ modes.modes.T
        tiles = modes.tiles
        pulls = np.sum(weights * rest, axis=0) * tiles.shares
        known = np.sum(weights**2, axis=0) * tiles.shares**2 * tiles.gains
        known *= np.sum(tangent**2) / known.sum()
        sector = _sectors(tiles, places)
        by_sector = [np.bincount(sector, values, _N_SECTORS) for values in (pulls, known)]
        found.append((jackknife_variance(*by_sector), _N_SECTORS - 1))
        return found, known


def _choose(fits):
    """Take the reading with the largest evidence, and ask the free one only where it is as likely.

    Its prior has what stays look like what moves, which is nearly so where bleaching left one
    depth; by that it is a little off where that reading is right, and then much less likely.
    """
    least = min(fit.deviance for fit in fits)
    return choose([fit for fit in fits if fit.deviance <= least + _COMPARABLE])


def _gain_of(levels):
    """Return by how much the noise of frames is larger that were divided by their levels."""
    return float(np.mean(levels**-2.0))


def _bands(n):
    """Return the band of each mode: few slow ones, then twice as many each time."""
    ends, width = [], _FIRST_BAND
    while sum(ends) + width < n:
        ends.append(width)
        width *= 2
    return np.minimum(np.repeat(np.arange(len(ends) + 1), [*ends, n])[:n], max(len(ends) - 1, 0))


def _noise_of(left, freedom, bands, variances):
    """Measure the noise of a pixel, and by which factors bands of modes have more.

    Parameters
    ----------
    left : ndarray of shape (n_frames, n_modes)
        What a fit leaves, over the variances that it was made with.
    freedom : ndarray of shape (n_modes,)
        Values that each mode's unknowns took up.
    bands : ndarray of int of shape (n_modes,)
    variances : ndarray of shape (n_modes,)
        Of a pixel, that they were made with.

    Returns
    -------
    a : float
    factors : ndarray of shape (n_modes,)
        1 where there is no more than pixels have.
    """
    squares = np.sum(left**2, axis=0) * variances
    n_left = np.maximum(len(left) - freedom, 0.5)
    by_band, n_by_band = np.bincount(bands, squares), np.bincount(bands, n_left)
    found = by_band / n_by_band
    a = float(found[-1])  # the fastest modes: half of all, which little else than pixels moves
    sure = found > a * (1 + _EXCESS * np.sqrt(2 / n_by_band + 2 / n_by_band[-1]))
    factors = np.where(sure, found / a, 1.0)
    return max(a, np.finfo(float).tiny), factors[bands]


def _sectors(tiles, places):
    """Return a sector of each tile about the nearest one to the middle of the patch."""
    x, y = (tiles.places - tiles.places[places.argmin()]).T
    wedge = np.floor((np.arctan2(y, x) / (2 * np.pi) % 1.0) * _WEDGES * _N_SECTORS + 1e-6)
    return wedge.astype(int) % _N_SECTORS
