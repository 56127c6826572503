"""What a model asks of the geometry of a sample: how what was bleached spreads, for any kinetics.

Whatever particles do, a mode of the Laplacian with the eigenvalue -lambda stays such a mode, and
kinetics say what becomes of its amplitudes: the symbol. So all that the sample's outline, the
bleach region and the measured rows mean for recovery curves is a few rates lambda and some
products, which are computed once and serve every D, depth and kinetics.

With one bleach frame that is a measure: what a row lacks after a time t, over the depth, is
``sum_j rows[j] g(rates[j], t)``, g being what the symbol leaves in all species. The measure has as
many nodes as the sample has modes. Symbols are smooth in log lambda, as functions of t they look
alike at any scale, so that some 90 nodes do, those of Chebyshev on the logarithmic axis.
"""

import numpy as np

from skfrap.numerics._chebyshev import chebyshev_basis, first_kind_nodes

_TOLERANCE = 1e-11  # of what interpolation in the logarithm of rates neglects
_CHUNK = 2**13  # rates that are moved at once


class Geometry:
    """Base class: a sample, how it is bleached, and the rows that are measured.

    Attributes
    ----------
    rates : ndarray of shape (m,)
        Eigenvalues of the Laplacian, or nodes that stand for them, 1/µm²; the first is 0.
    levels : ndarray of shape (n_rows,)
        What rows show before bleaching, over c0.
    error : float
        Largest error of a row's deficit at any time and diffusion coefficient that was seen when
        the geometry was made, for c0 = 1 and all of the light taken.
    """

    rates: np.ndarray
    levels: np.ndarray
    error: float

    def _see(self, mask, rows, levels):
        """Keep where light bleaches, and what rows see of it: (n,) and (n_rows, n)."""
        lit = mask > 0
        self._mask, self._seen = mask[lit], rows[:, lit]
        self.levels = levels

    def still(self, depth, n_bleach):
        """Compute what rows lack of particles that do not move.

        Parameters
        ----------
        depth : ndarray of shape (n,)
            1 - alpha.
        n_bleach : int
            Bleach frames.

        Returns
        -------
        ndarray of shape (n, n_rows)
        """
        kept = (1 - depth[:, np.newaxis] * self._mask) ** n_bleach
        return (1 - kept) @ self._seen.T

    def mobile(self, symbol, start, depth, protocol):
        """Compute what rows lack of particles that move, in each frame after bleaching.

        Parameters
        ----------
        symbol : callable
            ``symbol(rates, times)``, as :meth:`skfrap.models.Kinetics.symbol`.
        start : ndarray of shape (n_species,)
            Shares of the species.
        depth : ndarray of shape (n,)
            1 - alpha.
        protocol : FRAPProtocol
            Its clock.

        Returns
        -------
        ndarray of shape (n, n_rows, n_postbleach)
        """
        raise NotImplementedError


class MeasuredRows(Geometry):
    """One bleach frame: a measure on the rates for each row.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, m)
        Weights of the rates.
    """

    def __init__(self, rates, rows):
        self.rates, self.rows = rates, rows

    def deficits(self, spreads):
        """Compute what rows lack over the depth.

        Parameters
        ----------
        spreads : ndarray of shape (n_spreads,)
            D t, µm².

        Returns
        -------
        ndarray of shape (n_rows, n_spreads)
        """
        return self.rows @ np.exp(-np.multiply.outer(self.rates, spreads))

    def mobile(self, symbol, start, depth, protocol):
        """Compute what rows lack of particles that move; as every geometry."""
        times = protocol.times[protocol.n_prebleach :]
        left = np.einsum("tabm,b->tm", symbol(self.rates, times), start)
        return np.multiply.outer(depth, self.rows @ left.T)


def on_few_rates(rates, rows):
    """Move a measure to few nodes, between which symbols are interpolated.

    A symbol, as a function of the logarithm of the rate, is analytic where the rate has a positive
    real part, and bounded there: Chebyshev polynomials converge in a strip as wide as that.

    Parameters
    ----------
    rates : ndarray of shape (n,)
        Positive.
    rows : ndarray of shape (n_rows, n)
        Weights of the rates.

    Returns
    -------
    rates : ndarray of shape (m,)
    rows : ndarray of shape (n_rows, m)
    """
    low, high = np.log(rates.min()), np.log(rates.max())
    if not high > low:
        return rates[:1], rows.sum(axis=1, keepdims=True)
    n_nodes = _n_nodes(0.5 * (high - low))
    if n_nodes >= len(rates):
        return rates, rows
    coefficients = np.zeros((len(rows), n_nodes))
    for first in range(0, len(rates), _CHUNK):
        some = slice(first, first + _CHUNK)
        unit = np.clip((2 * np.log(rates[some]) - low - high) / (high - low), -1.0, 1.0)
        coefficients += rows[:, some] @ chebyshev_basis(unit, n_nodes)
    nodes = first_kind_nodes(n_nodes)
    coefficients[:, 1:] *= 2
    moved = coefficients @ chebyshev_basis(nodes, n_nodes).T / n_nodes
    return np.exp(0.5 * (low + high + (high - low) * nodes)), moved


def _n_nodes(half_width):
    """Count nodes for a strip of half the width pi / 2 about an interval of a half width."""
    minor = 0.5 * np.pi / half_width
    return int(np.ceil(-np.log(_TOLERANCE) / np.log(minor + np.hypot(1.0, minor))))
