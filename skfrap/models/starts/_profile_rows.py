"""Rows of a recovery curve and of the profiles of its first and last frames.

With a start as in :class:`RingRows`, what is missing at ring j of the first frame, in the region's
mean at t_k, and at ring j of the mean of the last frames, at their mean time t_last, is

    sum_i m_i b_i(r_j, 0) + p_i b_i(r_j, 0) - l,
    sum_i m_i <b_i>(t_k)  + p_i <b_i>(0)    - l,
    sum_i m_i b_i(r_j, t_last) + p_i b_i(r_j, 0) - l,

with the mean <b> over the region, and the level l that all were divided by, known to the noise of
the prebleach frames. It makes the noise of all values go together, and is integrated out so.
"""

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from skfrap.models.starts._base import StartRows


class ProfileRows(StartRows):
    """A curve with profiles as a linear model of the start, for any D.

    Parameters
    ----------
    basis : RingBasis
    radii : ndarray of shape (n_rings,)
        Of the profiles, in µm.
    region : tuple of ndarray, (distances, weights)
        How far parts of the curve's region are from the middle of the profiles, in µm, and their
        weights in the curve, which sum to 1.
    times : ndarray of shape (n_times,)
        Of the curve's values, in s from the first frame seen, whose own is not among them.
    last_time : float
        Mean time of the last frames; None where they have no profile.
    variances : tuple of ndarray
        Of the first profile, (n_rings,), of the curve, (n_times,), and of the last profile,
        (n_rings,), where there is one.
    level_variance : float
        Of the level that all was divided by.
    bounds : tuple of float
        Of D, in µm²/s.
    delays : tuple of float, (first, last)
        Times from the last and from the first bleach frame to the first frame seen, in s.
    scale : float, default=1.0
        What is missing in the profiles, over what is missing in the curve's light.
    """

    def __init__(
        self,
        basis,
        radii,
        region,
        times,
        last_time,
        variances,
        level_variance,
        bounds,
        delays,
        scale=1.0,
    ):
        times = np.asarray(times, float)
        has_last = last_time is not None
        super().__init__(basis, bounds, delays, max(times[-1], last_time or 0.0))
        self.radii, self.times, self._has_last = radii, times, has_last
        covariance = np.diag(np.concatenate(variances)) + level_variance
        self._factor = cholesky(covariance, lower=True)
        distances, weights = region
        spreads = self._spreads()
        rings = self._by_spread(scale * basis.profiles(radii, spreads))
        within = self._by_spread(
            np.tensordot(weights, basis.profiles(distances, spreads), ((0,), (1,)))
        )
        still = scale * basis.profiles(radii, [0.0])[0]
        mean = np.tile(weights @ basis.profiles(distances, [0.0])[0], (len(times), 1))
        self.still = self.whiten(
            np.concatenate([still, mean, still] if has_last else [still, mean])
        )
        profile_times = np.array([0.0, last_time] if has_last else [0.0])

        def moved(D, delay=0.0):
            seen = self._at_spreads(rings, 2 * D * (profile_times + delay))
            curve = self._at_spreads(within, 2 * D * (times + delay))
            return np.concatenate([seen[0], curve, *seen[1:]])

        moving = [self.whiten(moved(D)) for D in 10**self._log_D]
        late = [
            self.whiten(sum(weight * moved(D, delay) for weight, delay in self._delays()))
            for D in 10**self._log_D
        ]
        self._set_moving(np.stack(moving), np.stack(late))

    def whiten(self, values):
        """Make the noise of values independent and of variance 1, along the first axis.

        Values of the first profile come first, then those of the curve and of the last profile.
        """
        return solve_triangular(self._factor, values, lower=True)

    def take_apart(self, whitened):
        """Return values as they were before :meth:`whiten`, profile by profile."""
        values = self._factor @ whitened
        n, end = len(self.radii), len(self.radii) + len(self.times)
        return values[:n], values[n:end], values[end:]
