"""Fits of D to amplitudes of modes, each of which decays by itself.

What is missing of a mode of the rate r in the frame at t is, with m that moves and p that stays,

    c(t) = m exp(-r D t) + p + e(t),    e of variance v, m and p ~ N(0, 1 / w),

so that all linear unknowns are integrated out mode by mode, in closed form: with X of one column or
two, G = XᵀX / v and g = Xᵀc / v over the frames whitened of the prebleach noise that they share,

    -2 log ev = sum over modes of log |G + w| - log |w| - gᵀ (G + w)⁻¹ g.

The weights are w = (1 + (r / k)²) / s, a start being smooth below a length. What stays may be less
than what moves, by a factor q, and look more or less like it: the covariance of a pair (m, p) is
[[1, c q], [c q, q²]] / w. All four, k, s, q and c, are chosen by the evidence.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from skfrap.inference.starts._deviance import DevianceOfD
from skfrap.inference.starts._fitter import StartFit

_PER_DECADE = 6  # points of the grid in log10 D
_TOLERANCE = 1e-5  # decades
_STEP = 1e-3  # decades, of differences
_SCALES = 10.0 ** np.arange(-9, 1)  # s: variances of amplitudes
_N_CORNERS = 8  # of k
_TURNS = 4  # of these and of pairs
_LOG_RATIOS, _ALIKE = (  # q and c
    grid.ravel() for grid in np.meshgrid(np.arange(0.5, -2.55, -0.1), [0.0, 0.8, 0.95, 0.99])
)
_AROUND = np.linspace(-1, 1, 11)
_PAIR_PASSES = 0.1, 0.01  # decades of q to either side, that are looked at more closely
_COARSE = 3  # every so many points of the grid, where k and s are not yet known
_ROUNDS = 4  # of D and of k and s
_SHARES = np.linspace(0.02, 1.0, 50)
_SHARE_PASSES = 3  # of a tenth of the range each
_DELAY_NODES = 4  # of Gauss and Legendre: what so many pulses between two times do


def _pairs(log_ratio, alike):
    """Return inverses of covariances of pairs (m, p): their three entries, (3, n)."""
    ratio, rest = 10.0**log_ratio, 1 - alike**2
    return np.array([1 / rest + 0 * ratio, -alike / (ratio * rest), 1 / (ratio**2 * rest)])


@dataclass
class AmplitudeFit(StartFit):
    """One reading of one sample's amplitudes; `moving` and `still` are those of each mode."""

    def fitted(self):
        """Compute the model's amplitudes, whitened and over their noise, (n_frames, n_modes)."""
        return self._problem.fitted(self.log_D, self.moving, self.still)

    def missing(self, times):
        """Compute the amplitudes that are missing at some times, (n_times, n_modes)."""
        left = self._problem.left(self.log_D, np.asarray(times, float))
        return left * self.moving + self.still

    def tangent(self):
        """Differentiate the values by log10 D, without what the unknowns could take up."""
        return self._problem.tangent(self.log_D, self.moving, self.still)

    def freedom(self):
        """Return how many values each mode's unknowns take up, (n_modes,)."""
        return self._problem.freedom(self.log_D)


class AmplitudeFitter:
    """Fit D to amplitudes of modes, by the evidence of one reading or several.

    Parameters
    ----------
    rates : ndarray of shape (n_modes,)
        1/µm², increasing, none 0.
    times : ndarray of shape (n_frames,)
        In s, from the first frame seen.
    n_prebleach : int
        Frames that the others were divided by.
    bounds : tuple of float
        Of D, in µm²/s.
    delays : tuple of float, (first, last)
        Times from the last and from the first bleach frame to the first frame seen, in s.
    readings : tuple of str
        Of ``"mobile"``, ``"one_depth"``, ``"free"``.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.inference.starts._amplitudes import AmplitudeFitter
    >>> rates, times = 0.1 * np.arange(1.0, 41.0), 0.1 * np.arange(50)
    >>> random = np.random.default_rng(0)
    >>> seen = np.exp(-rates * 3.0 * times[:, np.newaxis]) * random.normal(0, 0.1, 40)
    >>> seen += 1e-3 * random.standard_normal((50, 40))
    >>> fitter = AmplitudeFitter(rates, times, 10, (0.01, 100.0), (0.1, 0.1), ("free",))
    >>> (fit,) = fitter.fit(seen, np.full(40, 1e-6))
    >>> bool(abs(fit.log_D - np.log10(3.0)) < 3 * fit.standard_error)
    True
    """

    def __init__(self, rates, times, n_prebleach, bounds, delays, readings):
        self.rates, self.times = np.asarray(rates, float), np.asarray(times, float)
        self.bounds, self.delays, self.readings = bounds, delays, tuple(readings)
        n = len(self.times)
        shared = 1 - (1 + n / n_prebleach) ** -0.5
        self.whitening = np.eye(n) - shared / n
        low, high = np.log10(bounds)
        self.grid = np.linspace(low, high, 1 + int(np.ceil(_PER_DECADE * (high - low))))
        corners = np.geomspace(self.rates[0], 4 * self.rates[-1], _N_CORNERS)
        rough = 1 + (self.rates / corners[:, np.newaxis]) ** 2
        self.weights = (rough / _SCALES[:, np.newaxis, np.newaxis]).reshape(-1, len(self.rates))

    def fit(self, amplitudes, variances):
        """Fit one sample by each reading.

        Parameters
        ----------
        amplitudes : ndarray of shape (n_frames, n_modes)
        variances : ndarray of shape (n_modes,)
            Of their noise.

        Returns
        -------
        list of AmplitudeFit
        """
        size = 1 / np.sqrt(variances)
        values = (self.whitening @ amplitudes) * size
        return [self._fit(name, values, size) for name in self.readings]

    def _fit(self, name, values, size):
        problem = _Problem(name, self, values, size)
        log_D = self.grid[::_COARSE][problem.choose_weights(self.grid[::_COARSE])]
        for _ in range(_ROUNDS):
            over_D = np.array([problem(one) for one in self.grid])
            at = over_D.argmin()
            low, high = self.grid[[max(at - 1, 0), min(at + 1, len(self.grid) - 1)]]
            found = minimize_scalar(
                problem, bounds=(low, high), method="bounded", options={"xatol": _TOLERANCE}
            )
            log_D, least = float(found.x), float(problem(found.x))
            before = problem.prior
            problem.choose_weights([log_D])
            if problem.prior == before:
                break
        else:
            least = float(problem(log_D))
            over_D[[0, -1]] = problem(self.grid[0]), problem(self.grid[-1])
        problem.settle(log_D)
        moving, still = problem.unknowns(log_D)
        share = {"mobile": 1.0, "free": np.nan}.get(name, problem.share)
        return AmplitudeFit(
            reading=name,
            log_D=log_D,
            standard_error=problem.standard_error(log_D, least),
            deviance=least,
            share=float(share),
            moving=moving,
            still=still,
            rise=(float(over_D[0] - least), float(over_D[-1] - least)),
            _problem=problem,
            _mean=None,
        )


@dataclass
class _Reading:
    """What `StartFit` asks of a reading."""

    name: str
    late: bool


class _Problem(DevianceOfD):
    """The deviance of one sample's amplitudes by log10 D, by one reading."""

    def __init__(self, name, fitter, values, size):
        self.reading = _Reading(name, name == "one_depth")
        self.bounds, self.share = fitter.bounds, 1.0
        self.prior, self.weights, self.cost = None, None, 0.0
        self.pair = _pairs(np.array(-0.5), 0.0)
        self._fitter, self._values, self._size = fitter, values, size
        even = fitter.whitening.sum(axis=1)
        self._stays = np.multiply.outer(even, size)
        self._known = np.sum(self._stays**2, axis=0), np.sum(self._stays * values, axis=0)

    # Columns

    def left(self, log_D, times):
        """Return what is left of what moves, (n_times, n_modes)."""
        rates, D = self._fitter.rates, 10**log_D
        if not self.reading.late:
            return np.exp(-D * np.multiply.outer(times, rates))
        first, last = self._fitter.delays
        nodes, weights = np.polynomial.legendre.leggauss(1 if first == last else _DELAY_NODES)
        delays = first + 0.5 * (nodes + 1) * (last - first)
        return sum(
            0.5 * weight * np.exp(-D * np.multiply.outer(times + delay, rates))
            for weight, delay in zip(weights, delays, strict=True)
        )

    def _moves(self, log_D):
        return self._fitter.whitening @ self.left(log_D, self._fitter.times) * self._size

    def _sums(self, log_D):
        """Return products of the columns and of the values, each (n_modes,)."""
        moves = self._moves(log_D)
        (still, along_still) = self._known
        return (
            np.sum(moves**2, axis=0),
            np.sum(moves * self._stays, axis=0),
            still,
            np.sum(moves * self._values, axis=0),
            along_still,
        )

    # Evidence

    def _evidence(self, sums, weights, share=1.0, pair=None):
        """Return the deviance; weights (..., n_modes), shares and pairs broadcast."""
        if self.reading.name == "free":
            *_, along, along_still = sums
            pair = self.pair if pair is None else pair
            one, two, mixed, both = _with_prior(sums, weights, pair)
            taken = two * along**2 - 2 * mixed * along * along_still + one * along_still**2
            known = pair[0] * pair[2] - pair[1] ** 2
            return np.sum(np.log(both / (known * weights**2)) - taken / both, axis=-1)
        gram, along = _of_share(sums, share)
        one = gram + weights
        return np.sum(np.log(one / weights) - along**2 / one, axis=-1)

    def __call__(self, log_D):
        """Return the deviance; at the best mobile fraction, or pair, which are kept."""
        sums = self._sums(log_D)
        if self.reading.name == "free":
            return self._at_best_pair(sums, self.weights) + self.cost
        if not self.reading.late:
            return float(self._evidence(sums, self.weights, 1.0))
        shares, step = _SHARES, _SHARES[1] - _SHARES[0]
        for _ in range(_SHARE_PASSES):
            deviance = self._evidence(sums, self.weights, shares[:, np.newaxis])
            best = deviance.argmin()
            shares = np.clip(shares[best] + step * np.linspace(-1, 1, 21), 0.0, 1.0)
            step *= 0.1
        self.share = float(shares[10])
        return float(deviance.min())

    def _at_best_pair(self, sums, weights):
        """Return the least deviance over how what stays goes with what moves; keep that."""
        ratios, alike = _LOG_RATIOS, _ALIKE
        for reach in (*_PAIR_PASSES, None):
            pairs = _pairs(ratios, alike)
            deviance = self._evidence(sums, weights, pair=pairs[..., np.newaxis])
            best = deviance.argmin()
            if reach is not None:
                alike = np.broadcast_to(alike, ratios.shape)[best]
                ratios = ratios[best] + reach * _AROUND
        self.pair = pairs[:, best]
        return float(deviance[best])

    def choose_weights(self, log_Ds):
        """Take the prior of the largest evidence at some log10 D; return at which it is."""
        found = []
        for log_D in log_Ds:
            sums = self._sums(log_D)
            weights = self._fitter.weights
            shares = [self.share] if self.weights is not None else [0.3, 0.6, 0.8, 1.0]
            shares = shares if self.reading.late else [1.0]
            found.append(np.min([self._evidence(sums, weights, one) for one in shares], axis=0))
        at, best = np.unravel_index(np.argmin(found), np.shape(found))
        if self.reading.name == "free":
            best = self._choose_pair(self._sums(log_Ds[at]), best)
        self.weights = self._fitter.weights[best]
        self.prior = int(best)
        self.cost = self._cost(log_Ds[at]) if self.reading.name == "free" else 0.0
        return int(at)

    def _cost(self, log_D):
        """Return what it costs in evidence that pairs are looked for, all being as likely."""
        pairs = _pairs(_LOG_RATIOS, _ALIKE)[..., np.newaxis]
        deviance = self._evidence(self._sums(log_D), self.weights, pair=pairs)
        least = deviance.min()
        return float(-2 * np.log(np.mean(np.exp(-0.5 * (deviance - least)))))

    def _choose_pair(self, sums, best):
        """Choose how what stays goes with what moves, and the weights again, in turn."""
        for _ in range(_TURNS):
            before = best
            self._at_best_pair(sums, self._fitter.weights[best])
            best = self._evidence(sums, self._fitter.weights).argmin()
            if best == before:
                break
        return best

    # At one D

    def unknowns(self, log_D):
        """Return the means of what moves and of what stays, each (n_modes,)."""
        sums = self._sums(log_D)
        *_, along, along_still = sums
        weights = self.weights
        if self.reading.name == "free":
            one, two, mixed, both = _with_prior(sums, weights, self.pair)
            return (
                (two * along - mixed * along_still) / both,
                (one * along_still - mixed * along) / both,
            )
        gram, along = _of_share(sums, self.share)
        mean = along / (gram + weights)
        return self.share * mean, (1 - self.share) * mean

    def fitted(self, log_D, moving, still):
        """Return the model's values, (n_frames, n_modes)."""
        return self._moves(log_D) * moving + self._stays * still

    def freedom(self, log_D):
        """Return how many values each mode's unknowns take up."""
        self(log_D)  # keeps what is best there
        sums = moving, mixed, still, *_ = self._sums(log_D)
        weights = self.weights
        if self.reading.name == "free":
            one, two, by_both, both = _with_prior(sums, weights, self.pair)
            return (moving * two + still * one - 2 * mixed * by_both) / both
        gram, _ = _of_share(sums, self.share)
        return gram / (gram + weights)

    def tangent(self, log_D, moving, still):
        """Differentiate the values by log10 D, without what the unknowns take up."""
        self(log_D)
        ahead, behind = self._moves(log_D + _STEP), self._moves(log_D - _STEP)
        slope = (ahead - behind) / (2 * _STEP) * moving
        moves, weights = self._moves(log_D), self.weights
        if self.reading.name == "free":
            one, two, mixed, both = _with_prior(self._sums(log_D), weights, self.pair)
            along = np.sum(moves * slope, axis=0), np.sum(self._stays * slope, axis=0)
            slope = slope - moves * (two * along[0] - mixed * along[1]) / both
            return slope - self._stays * (one * along[1] - mixed * along[0]) / both
        column = self.share * moves + (1 - self.share) * self._stays

        def without(values):
            along = np.sum(column * values, axis=0)
            return values - column * along / (np.sum(column**2, axis=0) + weights)

        slope = without(slope)
        if self.reading.late:
            by_share = without((moves - self._stays) * (moving + still))
            slope = slope - by_share * np.vdot(by_share, slope) / np.vdot(by_share, by_share)
        return slope


def _of_share(sums, share):
    """Return products of the column of one share, with itself and with the values."""
    moving, mixed, still, along, along_still = sums
    rest = 1 - share
    gram = share**2 * moving + 2 * share * rest * mixed + rest**2 * still
    return gram, share * along + rest * along_still


def _with_prior(sums, weights, pair):
    """Return the precision of pairs (m, p) after the data: its three entries, and determinant."""
    moving, mixed, still, *_ = sums
    one, two = moving + pair[0] * weights, still + pair[2] * weights
    mixed = mixed + pair[1] * weights
    return one, two, mixed, one * two - mixed**2
