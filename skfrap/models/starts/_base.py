"""What all linear models of a start have in common, whatever was seen of it."""

import numpy as np

from skfrap.numerics._chebyshev import (
    chebyshev_basis,
    chebyshev_basis_at_one,
    first_kind_coefficients,
    first_kind_nodes,
)

_NODES = 64  # in log10 D; products of two rows have twice as many
_SPREADS = 160  # at which ring-Gaussians are computed, and between which they are interpolated
_DELAY_NODES = 4  # of Gauss and Legendre: what so many pulses between two times do


class StartRows:
    """Rows of a linear model of what was seen, for any D.

    A subclass says what was seen: it calls ``_set_moving`` with rows at the nodes of log10 D, and
    sets `still`. Then fits need nothing else of a geometry.

    Parameters
    ----------
    basis : RingBasis or ModeBasis
        Has a length, and a ``roughness()`` of starts, (n_basis, n_basis).
    bounds : tuple of float
        Of D, in µm²/s.
    delays : tuple of float, (first, last), default=None
        Times from the last and from the first bleach frame to the first frame seen, in s. None is
        where they are not known.
    duration : float
        From the first frame seen to the last, in s.

    Attributes
    ----------
    still : ndarray of shape (n_values, n_basis)
        Rows of what stays.
    """

    def __init__(self, basis, bounds, delays, duration):
        self.basis, self.bounds, self.delays = basis, bounds, delays
        low, high = bounds
        longest = duration + (delays[1] if delays else 0.0)
        # Smooth in the logarithm of what the narrowest ring's squared width has become.
        self._ends = np.log([self._narrowest, self._narrowest + 2 * high * longest])
        self._log_D = 0.5 * (np.log10(low * high) + np.log10(high / low) * first_kind_nodes(_NODES))

    @property
    def _narrowest(self):
        return self.basis.widths[0] ** 2

    # Between spreads 2 D t

    def _spreads(self):
        """Return the spreads between which :meth:`_at_spreads` interpolates."""
        nodes = 0.5 * (self._ends.sum() + np.ptp(self._ends) * first_kind_nodes(_SPREADS))
        return np.maximum(np.exp(nodes) - self._narrowest, 0.0)

    def _by_spread(self, values):
        """Turn values at :meth:`_spreads`, the first axis, into coefficients."""
        return first_kind_coefficients(values, axis=0)

    def _at_spreads(self, coefficients, spreads):
        """Interpolate at some spreads, which become the first axis."""
        unit = (2 * np.log(self._narrowest + spreads) - self._ends.sum()) / np.ptp(self._ends)
        return np.tensordot(chebyshev_basis(unit, _SPREADS), coefficients, 1)

    def _delays(self):
        """Return weights and times before the first frame seen that stand for the bleaching."""
        first, last = self.delays
        nodes, weights = np.polynomial.legendre.leggauss(1 if first == last else _DELAY_NODES)
        return [*zip(0.5 * weights, first + 0.5 * (nodes + 1) * (last - first), strict=True)]

    # Between values of log10 D

    def _set_moving(self, moving, late):
        """Keep rows (n_nodes, n_values, n_basis) at the nodes of log10 D; late ones or None."""
        # Values first: products with data then need no copy of all of it.
        self._moving, self._late = (
            None
            if rows is None
            else np.ascontiguousarray(np.moveaxis(first_kind_coefficients(rows, axis=0), 0, 1))
            for rows in (moving, late)
        )

    def polynomials(self, log_D, n_nodes=_NODES):
        """Compute Chebyshev polynomials at log10 D, (n, n_nodes)."""
        low, high = np.log10(self.bounds)
        unit = (2 * np.atleast_1d(np.asarray(log_D, float)) - low - high) / (high - low)
        if len(unit) == 1:
            return chebyshev_basis_at_one(unit, n_nodes)
        return chebyshev_basis(unit, n_nodes)

    @property
    def log_D_nodes(self):
        """Values of log10 D at which products of two rows determine them anywhere."""
        low, high = np.log10(self.bounds)
        return 0.5 * (low + high + (high - low) * first_kind_nodes(2 * _NODES))

    def table(self, late):
        """Return moving rows as Chebyshev coefficients, (n_values, n_nodes, n_basis).

        Parameters
        ----------
        late : bool
            Of a start as it was bleached, which has moved until the first frame; else as it was
            seen there.
        """
        return self._late if late else self._moving

    def moving(self, log_D, late=False):
        """Compute rows of what moves: (n_values, n_basis)."""
        return np.matmul(self.polynomials(log_D)[0], self.table(late))

    def profiles(self, D, times, late=False):
        """Compute the basis as circle means at some times, (n_times, n_rings, n_basis).

        Parameters
        ----------
        D : float
        times : ndarray of shape (n_times,)
            In s, from the first frame seen.
        late : bool, default=False
            As in :meth:`table`.
        """
        times = np.asarray(times, float)
        if not late:
            return self.basis.profiles(self.radii, 2 * D * times)
        return sum(
            weight * self.basis.profiles(self.radii, 2 * D * (times + delay))
            for weight, delay in self._delays()
        )
