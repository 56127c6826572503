"""Rows of a linear model of what was seen, for any D, ready to be fitted.

Circle means d of all frames k and rings j follow

    d_kj = sum_i m_i b_i(r_j, t_k) + sum_i p_i b_i(r_j, 0) + q_j + e_kj,

where m moves, p stays, q is the error of the prebleach frames that d was divided by, and e the
noise, of variance a / n_j with n_j pixels. The prebleach error, shared by all frames of a ring, is
integrated out by whitening over the frames. The level of a frame acts on one direction over the
rings: that direction is projected out where levels are free, or kept apart with noise of its own,
without a parabola in time, where frames flicker little and fade evenly. All this commutes, so
frames and rings are reduced to a few directions each.
"""

from copy import copy

import numpy as np

from skfrap.models.starts._base import StartRows

_TOLERANCE = 1e-7  # of the directions that are kept
_FADING = 2  # the largest power of time in which levels may change evenly


class RingRows(StartRows):
    """Ring means of all frames as a linear model of the start, for any D.

    Parameters
    ----------
    basis : RingBasis
    radii, counts : ndarray of shape (n_rings,)
        Mean radius of the pixels of each ring, in µm, and how many they are.
    times : ndarray of shape (n_frames,)
        In s, from the first frame after bleaching.
    n_prebleach : int
        Frames that the others were divided by.
    bounds : tuple of float
        Of D, in µm²/s.
    delays : tuple of float, (first, last), default=None
        Times from the last and from the first bleach frame to the first frame seen, in s. None is
        where they are not known.
    flicker : float, default=numpy.inf
        Variance of the frames' levels about an even change, over the variance that the noise of all
        rings gives a frame's level. Infinite is where each frame has a level of its own; None is
        where all frames have the same, and nothing changes.
    extra : float, default=0.0
        Variance of a ring's mean besides noise, over that of a pixel.

    Attributes
    ----------
    freedom : int
        Independent values that the model can say nothing about, those of levels left out.
    n_levels : int
        Values of frames' levels that are kept apart; 0 where there are none.
    """

    def __init__(
        self,
        basis,
        radii,
        counts,
        times,
        n_prebleach,
        bounds,
        *,
        delays=None,
        flicker=np.inf,
        extra=0.0,
    ):
        super().__init__(basis, bounds, delays, times[-1])
        self.radii, self.counts, self.times = radii, counts, times
        n_frames = len(times)
        shared = 1 - (1 + n_frames / n_prebleach) ** -0.5
        self._whitening = np.eye(n_frames) - shared / n_frames
        self._size = np.sqrt(1 / (1 / counts + extra))
        self._level = None if flicker is None else self._size / np.linalg.norm(self._size)
        self._gain = 0.0 if flicker is None else (1 + flicker) ** -0.5
        powers = np.vander(np.asarray(times, float) / times[-1], _FADING + 1)
        self._even = np.linalg.qr(powers)[0]
        self.n_levels = max(n_frames - _FADING - 1, 0) if self._gain else 0
        self._reduce()
        n_values = n_frames * (len(radii) - (self._level is not None))
        self.freedom = n_values - self._in_time.shape[1] * self._in_space.shape[1]

    def _reduce(self):
        """Find the few directions, over rings and over frames, in which starts can be seen."""
        profiles = self.basis.profiles(self.radii, self._spreads())
        self._profiles = self._by_spread(profiles)
        seen = self._weighted(profiles)
        unmoved = self.basis.profiles(self.radii, [0.0])
        still = self._weighted(unmoved)[0]
        both = np.concatenate([np.moveaxis(seen, 1, 0).reshape(len(still), -1), still], axis=1)
        self._in_space = directions(both)
        in_space = np.tensordot(seen, self._in_space, (1, 0))  # (n_spreads, n_basis, n_directions)
        if self.n_levels:
            levels = np.tensordot(profiles, self._level * self._size, (1, 0))
            in_space = np.concatenate([in_space, levels[..., np.newaxis]], axis=2)
        self._seen = self._by_spread(in_space)
        moving = np.stack([self._moved(D, self.times) for D in 10**self._log_D])
        late = None
        if self.delays is not None:
            late = np.stack([self._moved_late(D) for D in 10**self._log_D])
        n = self._in_space.shape[1]
        every = moving if late is None else np.concatenate([moving, late])
        every = np.moveaxis(every, 1, 0)
        self._in_time = directions(every[:, :, :n])
        self._level_in_time = np.zeros((len(self.times), 0))
        if self.n_levels:
            self._level_in_time = directions(self._uneven(every[:, :, n]))
        self._set_moving(self._all_rows(moving), None if late is None else self._all_rows(late))
        still = self._in_space.T @ still
        if self.n_levels:
            level = (self._level * self._size) @ unmoved
            still = np.concatenate([still, level])
        self.still = self._rows(np.multiply.outer(self._whitening.sum(axis=1), still))

    def with_flicker(self, flicker):
        """Return the same rows with another flicker, both of them not None; little is computed.

        Parameters
        ----------
        flicker : float

        Returns
        -------
        RingRows
        """
        other = copy(self)
        n = self._in_time.shape[1] * self._in_space.shape[1]
        other._gain = (1 + flicker) ** -0.5
        if not other._gain:
            other.n_levels, other._level_in_time = 0, self._level_in_time[:, :0]

        def changed(rows):
            if rows is None or not other.n_levels:
                return None if rows is None else rows[:n]
            return np.concatenate([rows[:n], other._gain / self._gain * rows[n:]])

        other._moving, other._late = changed(self._moving), changed(self._late)
        other.still = changed(self.still)
        return other

    def _weighted(self, profiles):
        """Weigh rings by the pixels they have, without what a level of the frame could be."""
        weighted = profiles * self._size[:, np.newaxis]
        if self._level is not None:
            weighted -= self._level[:, np.newaxis] * (self._level @ weighted)[..., np.newaxis, :]
        return weighted

    def _uneven(self, levels):
        """Take levels of frames, the first axis, without what changes evenly."""
        return levels - np.tensordot(self._even, np.tensordot(self._even.T, levels, 1), 1)

    def _moved(self, D, times):
        """Return the basis at some times, over the rings' directions, whitened over frames."""
        in_space = self._at_spreads(self._seen, 2 * D * times)
        return np.tensordot(self._whitening, np.swapaxes(in_space, 1, 2), 1)

    def _moved_late(self, D):
        """Return the basis where it was bleached a known time before the first frame."""
        return sum(weight * self._moved(D, self.times + delay) for weight, delay in self._delays())

    def _rows(self, over_frames):
        """Take (n_frames, n_directions, n_basis) to rows (n_kept, n_basis)."""
        n = self._in_space.shape[1]
        kept = np.tensordot(self._in_time.T, over_frames[:, :n], 1)
        kept = kept.reshape(-1, kept.shape[-1])
        if not self.n_levels:
            return kept
        # What changes evenly is not in these directions, so it need not be taken out.
        levels = self._gain * (self._level_in_time.T @ over_frames[:, n])
        return np.concatenate([kept, levels])

    def _all_rows(self, at_nodes):
        return np.stack([self._rows(node) for node in at_nodes])

    def missing(self, D, moving, still, late=False):
        """Compute what is missing in ring means of all frames, (n_frames, n_rings).

        Parameters
        ----------
        D : float
        moving, still : ndarray of shape (n_basis,)
            Coefficients of what moves and of what stays.
        late : bool, default=False
            As in :meth:`table`.
        """
        of_start = self._profiles @ moving
        delays = self._delays() if late else [(1.0, 0.0)]
        moved = sum(
            weight * self._at_spreads(of_start, 2 * D * (self.times + delay))
            for weight, delay in delays
        )
        return moved + self.basis.profiles(self.radii, [0.0])[0] @ still

    def project(self, deficits):
        """Reduce ring means, and measure what cannot be reduced.

        Parameters
        ----------
        deficits : ndarray of shape (n_frames, n_rings)

        Returns
        -------
        values : ndarray of shape (n_kept,)
        rest : float
            Sum of squares of all other directions but the levels', which only noise and misfit
            have.
        """
        weighed = self.weigh(deficits)
        levels = np.zeros(len(weighed))
        if self._level is not None:
            levels = weighed @ self._level
            weighed = weighed - np.multiply.outer(levels, self._level)
        shape = (self._in_time.T @ weighed @ self._in_space).ravel()
        rest = np.sum(weighed**2) - shape @ shape
        return np.concatenate([shape, self._level_in_time.T @ levels]), max(rest, 0.0)

    def weigh(self, deficits):
        """Weigh and whiten ring means, (n_frames, n_rings), so that noise is even and independent.

        Sums of squares and products are those of the reduced values and of the rest.
        """
        return self._even_out(deficits * self._size)

    def unproject(self, values):
        """Return the weighed and whitened ring means, (n_frames, n_rings), of values (n_kept,)."""
        shape = self._in_time.shape[1], self._in_space.shape[1]
        n = shape[0] * shape[1]
        weighed = self._in_time @ values[:n].reshape(shape) @ self._in_space.T
        if self.n_levels:
            weighed += np.multiply.outer(self._level_in_time @ values[n:], self._level)
        return weighed

    def to_means(self, weighed):
        """Return what :meth:`weigh` does, the other way: weights of ring means themselves.

        The sum of products of `weighed` with weighed means is that of the result with the means.
        """
        return self._even_out(weighed) * self._size

    def level_residuals(self, deficits, missing):
        """Compute by how much frames' levels are off an even change, with noise of variance `a`.

        Parameters
        ----------
        deficits, missing : ndarray of shape (n_frames, n_rings)
            Ring means, and what the model has of them.

        Returns
        -------
        ndarray of shape (n_frames,)
            Of which `n_levels` are independent.
        """
        along = (deficits - missing) @ (self._level * self._size)
        return self._uneven(self._whitening @ along)

    def _even_out(self, weighted):
        """Whiten over frames, and weigh the frames' levels; the same the other way."""
        whitened = self._whitening @ weighted
        if self._level is None:
            return whitened
        levels = whitened @ self._level
        whitened -= np.multiply.outer(levels, self._level)
        if self.n_levels:
            whitened += np.multiply.outer(self._gain * self._uneven(levels), self._level)
        return whitened


def directions(rows):
    """Return orthonormal directions of a first axis that span all others."""
    table = rows.reshape(len(rows), -1)
    left, strengths, _ = np.linalg.svd(table @ table.T)
    return left[:, np.sqrt(strengths / strengths[0]) > _TOLERANCE]
