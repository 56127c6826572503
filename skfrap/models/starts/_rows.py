"""Rows of a linear model of what was seen, for any D, ready to be fitted.

Circle means d of all frames k and rings j follow

    d_kj = sum_i m_i b_i(r_j, t_k) + sum_i p_i b_i(r_j, 0) + q_j + e_kj,

where m moves, p stays, q is the error of the prebleach frames that d was divided by, and e the
noise, of variance a / n_j with n_j pixels. The prebleach error, shared by all frames of a ring, is
integrated out by whitening over the frames; free levels of the frames are projected out over the
rings. The two commute, so both axes are reduced to a few directions each.
"""

import numpy as np

from skfrap.models.starts._base import StartRows

_TOLERANCE = 1e-7  # of the directions that are kept


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
    frame_levels : bool, default=True
        Whether each frame has a level of its own.
    extra : float, default=0.0
        Variance of a ring's mean besides noise, over that of a pixel.

    Attributes
    ----------
    n_values : int
        Independent values, among which noise is spread.
    n_kept : int
        Of those that the model can say anything about.
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
        frame_levels=True,
        extra=0.0,
    ):
        super().__init__(basis, bounds, delays, times[-1])
        self.radii, self.counts, self.times = radii, counts, times
        n_frames = len(times)
        shared = 1 - (1 + n_frames / n_prebleach) ** -0.5
        self._whitening = np.eye(n_frames) - shared / n_frames
        self._size = np.sqrt(1 / (1 / counts + extra))
        self._level = self._size / np.linalg.norm(self._size) if frame_levels else None
        self.n_values = n_frames * (len(radii) - frame_levels)
        self._reduce()

    @property
    def n_kept(self):
        return self._in_time.shape[1] * self._in_space.shape[1]

    def _reduce(self):
        """Find the few directions, over rings and over frames, in which starts can be seen."""
        seen = self._weighted(self.basis.profiles(self.radii, self._spreads()))
        still = self._weighted(self.basis.profiles(self.radii, [0.0]))[0]
        both = np.concatenate([np.moveaxis(seen, 1, 0).reshape(len(still), -1), still], axis=1)
        self._in_space = _directions(both)
        in_space = np.tensordot(seen, self._in_space, (1, 0))  # (n_spreads, n_basis, n_directions)
        self._seen = self._by_spread(in_space)
        moving = np.stack([self._moved(D, self.times) for D in 10**self._log_D])
        late = None
        if self.delays is not None:
            late = np.stack([self._moved_late(D) for D in 10**self._log_D])
        every = moving if late is None else np.concatenate([moving, late])
        self._in_time = _directions(np.moveaxis(every, 1, 0))
        self._set_moving(self._all_rows(moving), None if late is None else self._all_rows(late))
        still = np.multiply.outer(self._whitening.sum(axis=1), self._in_space.T @ still)
        self.still = self._rows(still)

    def _weighted(self, profiles):
        """Weigh rings by the pixels they have, without what a level of the frame could be."""
        weighted = profiles * self._size[:, np.newaxis]
        if self._level is not None:
            weighted -= self._level[:, np.newaxis] * (self._level @ weighted)[..., np.newaxis, :]
        return weighted

    def _moved(self, D, times):
        """Return the basis at some times, over the rings' directions, whitened over frames."""
        in_space = self._at_spreads(self._seen, 2 * D * times)
        return np.tensordot(self._whitening, np.swapaxes(in_space, 1, 2), 1)

    def _moved_late(self, D):
        """Return the basis where it was bleached a known time before the first frame."""
        return sum(weight * self._moved(D, self.times + delay) for weight, delay in self._delays())

    def _rows(self, over_frames):
        """Take (n_frames, n_directions, n_basis) to rows (n_kept, n_basis)."""
        kept = np.tensordot(self._in_time.T, over_frames, 1)
        return kept.reshape(-1, kept.shape[-1])

    def _all_rows(self, at_nodes):
        return np.stack([self._rows(node) for node in at_nodes])

    def project(self, deficits):
        """Reduce ring means, and measure what cannot be reduced.

        Parameters
        ----------
        deficits : ndarray of shape (n, n_frames, n_rings)

        Returns
        -------
        values : ndarray of shape (n, n_kept)
        rest : ndarray of shape (n,)
            Sum of squares of all other directions, which only noise and misfit have.
        """
        weighted = self._weighted(np.moveaxis(deficits, 2, 1))  # (n, n_rings, n_frames)
        weighted = weighted @ self._whitening
        values = np.einsum("njk,jr,ks->nsr", weighted, self._in_space, self._in_time, optimize=True)
        values = values.reshape(len(deficits), -1)
        rest = np.einsum("njk,njk->n", weighted, weighted) - np.einsum("nv,nv->n", values, values)
        return values, np.maximum(rest, 0.0)

    def weigh(self, deficits):
        """Weigh and whiten ring means, (n_frames, n_rings), so that noise is even and independent.

        Sums of squares and products are those of the reduced values and of the rest.
        """
        return self._whitening @ self._weighted(deficits.T).T

    def unproject(self, values):
        """Return the weighed and whitened ring means, (n_frames, n_rings), of values (n_kept,)."""
        shape = self._in_time.shape[1], self._in_space.shape[1]
        return self._in_time @ values.reshape(shape) @ self._in_space.T

    def to_means(self, weighed):
        """Return what :meth:`weigh` does, the other way: weights of ring means themselves.

        The sum of products of `weighed` with weighed means is that of the result with the means.
        """
        return self._weighted_back(self._whitening @ weighed)

    def _weighted_back(self, weighed):
        if self._level is not None:
            weighed = weighed - np.multiply.outer(weighed @ self._level, self._level)
        return weighed * self._size


def _directions(rows):
    """Return orthonormal directions of a first axis that span all others."""
    table = rows.reshape(len(rows), -1)
    left, strengths, _ = np.linalg.svd(table @ table.T)
    return left[:, np.sqrt(strengths / strengths[0]) > _TOLERANCE]
