"""Starts in a geometry's own modes: what was seen of a cell, or of any closed field.

With the modes u_i of the Laplacian, ``-lap u_i = rate_i u_i``, what is missing is

    sum_i m_i exp(-rate_i D t) u_i + p_i u_i

for a start m that moves and p that stays. A row of data, the mean over a region, a strip, a pixel,
is a linear functional of the modes. All else is as for rings: the same evidence, the same readings.
"""

from dataclasses import dataclass

import numpy as np

from skfrap.models.starts._base import StartRows
from skfrap.models.starts._rows import directions


@dataclass(frozen=True, eq=False)
class ModeBasis:
    """Modes of a geometry's Laplacian, with a mean square of 1.

    Parameters
    ----------
    rates : ndarray of shape (n_modes,)
        Eigenvalues in 1/µm², 0 for what is even.
    length : float
        In µm, below which starts are expected to be smooth; the evidence chooses how smooth.
    """

    rates: np.ndarray
    length: float

    def __len__(self):
        return len(self.rates)

    def roughness(self):
        """Return what makes a start rough: the squared Laplacian, in the squared length."""
        return np.diag((self.rates * self.length**2) ** 2)


class ModeRows(StartRows):
    """Rows of data in all frames as a linear model of the start in a geometry's modes, for any D.

    Parameters
    ----------
    basis : ModeBasis
    functionals : ndarray of shape (n_rows, n_modes)
        What each row sees of each mode.
    variances : ndarray of shape (n_rows,)
        Of a row's noise, over that of a pixel: one over its pixels, if it is their mean.
    times : ndarray of shape (n_frames,)
        In s, from the first frame after bleaching.
    n_prebleach : int
        Frames that the others were divided by, row by row.
    bounds : tuple of float
        Of D, in µm²/s.
    delays : tuple of float, (first, last), default=None
        Times from the last and from the first bleach frame to the first frame seen, in s. None is
        where they are not known.

    Attributes
    ----------
    freedom : int
        Independent values that the model can say nothing about.

    Examples
    --------
    A cell between two walls, 10 µm apart, seen in strips:

    >>> import numpy as np
    >>> from skfrap.inference.starts._fitter import StartFitter
    >>> from skfrap.models.starts import ModeBasis, ModeRows
    >>> waves = np.arange(30) * np.pi / 10
    >>> places = np.linspace(0.25, 9.75, 20)
    >>> modes = np.sqrt(2) * np.cos(waves * places[:, np.newaxis])
    >>> modes[:, 0] = 1.0
    >>> times = 0.1 * np.arange(40)
    >>> basis, variances = ModeBasis(waves**2, 1.0), np.full(20, 0.05)
    >>> rows = ModeRows(basis, modes, variances, times, 10, (0.01, 100.0))
    >>> start = np.exp(-waves**2) * np.cos(2 * waves)  # a patch about 2 µm
    >>> seen = np.exp(-3.0 * times[:, np.newaxis] * waves**2) * start @ modes.T
    >>> noise = 0.01 * np.random.default_rng(0).standard_normal(seen.shape)
    >>> values, rest = rows.project(seen + noise)
    >>> fit = StartFitter(rows, ("free",)).fit(values, rest / rows.freedom)[0]
    >>> bool(abs(fit.log_D - np.log10(3.0)) < 3 * fit.standard_error)
    True
    """

    def __init__(self, basis, functionals, variances, times, n_prebleach, bounds, *, delays=None):
        times = np.asarray(times, float)
        super().__init__(basis, bounds, delays, times[-1])
        self.times, self.functionals = times, np.asarray(functionals, float)
        n_frames = len(times)
        shared = 1 - (1 + n_frames / n_prebleach) ** -0.5
        self._whitening = np.eye(n_frames) - shared / n_frames
        self._size = 1 / np.sqrt(variances)
        weighted = self._size[:, np.newaxis] * self.functionals
        self._in_space = directions(weighted)
        self._seen = self._in_space.T @ weighted
        nodes = 10**self._log_D
        moving = np.stack([self._decayed(D) for D in nodes])
        late = None if delays is None else np.stack([self._decayed(D, True) for D in nodes])
        every = moving if late is None else np.concatenate([moving, late])
        self._in_time = directions(np.moveaxis(every, 1, 0))
        self._set_moving(self._rows(moving), None if late is None else self._rows(late))
        even = self._whitening.sum(axis=1)[:, np.newaxis] * np.ones(len(basis))
        self.still = self._rows(even[np.newaxis])[0]
        self.freedom = n_frames * len(weighted) - len(self.still)

    @property
    def _narrowest(self):
        return 1 / self.basis.rates.max()

    def _left(self, D, late):
        """Return what is left of the modes in each frame, (n_frames, n_modes)."""
        delays = self._delays() if late else [(1.0, 0.0)]
        return sum(
            weight * np.exp(-D * np.multiply.outer(self.times + delay, self.basis.rates))
            for weight, delay in delays
        )

    def _decayed(self, D, late=False):
        return self._whitening @ self._left(D, late)

    def _rows(self, over_frames):
        """Take (n, n_frames, n_modes) to rows (n, n_kept, n_modes)."""
        kept = np.matmul(self._in_time.T, over_frames)
        rows = kept[:, :, np.newaxis] * self._seen
        return rows.reshape(len(rows), -1, len(self.basis))

    def project(self, deficits):
        """Reduce rows of data, and measure what cannot be reduced.

        Parameters
        ----------
        deficits : ndarray of shape (n_frames, n_rows)

        Returns
        -------
        values : ndarray of shape (n_kept,)
        rest : float
            Sum of squares of all other directions.
        """
        weighed = self._whitening @ (deficits * self._size)
        values = (self._in_time.T @ weighed @ self._in_space).ravel()
        return values, max(float(np.sum(weighed**2) - values @ values), 0.0)

    def missing(self, D, moving, still, late=False):
        """Compute what is missing in all rows, (n_frames, n_rows).

        Parameters
        ----------
        D : float
        moving, still : ndarray of shape (n_modes,)
            Coefficients of what moves and of what stays.
        late : bool, default=False
            As in :meth:`table`.
        """
        return (self._left(D, late) * moving + still) @ self.functionals.T
