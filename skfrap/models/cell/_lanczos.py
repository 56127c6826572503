"""One bleach frame in a compartment: the measure of its rates by Lanczos' iteration.

No factorisation, and one product with a sparse matrix per step: a tenth of a second for cells of
20,000 pixels. The state at rest is taken out exactly; without that late times would need as many
steps as there are modes.
"""

import numpy as np
from scipy.linalg import eigh_tridiagonal

from skfrap.models._geometry import MeasuredRows, on_few_rates

_FIRST, _GROWTH, _MOST = 120, 1.4, 4000  # steps between looks at what they have changed
_TOLERANCE = 1e-8  # of that change
_N_SPREADS = 48  # at which it is looked at
_AT_REST = 1e-6  # of the slowest rate that one piece has
_ENDED = 1e-13  # a next direction, of the first: the space is complete


class LanczosGeometry(MeasuredRows):
    """Reduce a compartment for one bleach frame and any rows.

    Parameters
    ----------
    grid : CellGrid
        Its pixels.

    Attributes
    ----------
    n_steps : int
        Of the iteration.
    error : float
        What the last third of the steps has changed, and what moving to few rates has.
    """

    def __init__(self, grid):
        rest = grid.rest / np.linalg.norm(grid.rest)
        bleached = grid.mask * grid.rest
        share = rest @ bleached
        spreads = grid.spreads(_N_SPREADS)
        rates, rows, error, self.n_steps = lanczos_measure(
            grid.operator, bleached - share * rest, rest, grid.rows, spreads
        )
        slow = rates <= _AT_REST * grid.slowest  # of pieces that nothing crosses between
        resting = rows[:, slow].sum(axis=1)
        rates, rows = rates[~slow], rows[:, ~slow]
        few, moved = on_few_rates(rates, rows)
        error += np.abs(_deficits(few, moved, spreads) - _deficits(rates, rows, spreads)).max()
        at_rest = share * (grid.rows @ rest) + resting
        super().__init__(np.append(0.0, few), np.column_stack([at_rest, moved]))
        self._see(grid.mask, grid.rows * grid.rest, grid.levels)
        self.error = float(error)


def lanczos_measure(operator, vector, rest, rows, spreads, tolerance=_TOLERANCE):
    """Compute rates and weights of ``rows @ f(operator) @ vector`` by Lanczos' iteration.

    Parameters
    ----------
    operator : sparse array of shape (n, n)
        Symmetric, with no negative eigenvalue.
    vector : ndarray of shape (n,)
        Without a part at rest.
    rest : ndarray of shape (n,)
        Of unit length; the operator takes it to 0.
    rows : ndarray of shape (n_rows, n)
    spreads : ndarray of shape (n_spreads,)
        At which exponentials are compared, to see whether there have been steps enough.
    tolerance : float, default=1e-8

    Returns
    -------
    rates : ndarray of shape (m,)
        Not negative.
    weights : ndarray of shape (n_rows, m)
    change : float
        By the last third of the steps, of exponentials at the spreads.
    n_steps : int
    """
    size = np.linalg.norm(vector)
    direction, before, off = vector / size, np.zeros(len(vector)), 0.0
    diagonal, sides, projections = [], [], []
    look, seen, change = _FIRST, None, np.inf
    for step in range(1, _MOST + 1):
        projections.append(rows @ direction)
        following = operator @ direction
        following -= off * before
        diagonal.append(direction @ following)
        following -= diagonal[-1] * direction
        following -= (rest @ following) * rest
        off = np.linalg.norm(following)
        ended = off < _ENDED * diagonal[0] or step == min(len(vector), _MOST)
        if step == look or ended:
            rates, vectors = _eigen(np.array(diagonal), np.array(sides))
            weights = size * vectors[0] * (np.array(projections).T @ vectors)
            now = _deficits(np.maximum(rates, 0.0), weights, spreads)
            change = np.inf if seen is None else np.abs(now - seen).max()
            if ended and change == np.inf:
                change = 0.0
            if ended or change < tolerance:
                break
            look, seen = int(_GROWTH * look), now
        sides.append(off)
        before, direction = direction, following / off
    return np.maximum(rates, 0.0), weights, float(change), step


def _eigen(diagonal, sides):
    """Return eigenvalues and eigenvectors of a symmetric tridiagonal matrix."""
    try:
        return eigh_tridiagonal(diagonal, sides)
    except np.linalg.LinAlgError:  # the fast method of some builds of LAPACK gives up
        return eigh_tridiagonal(diagonal, sides, lapack_driver="stev")


def _deficits(rates, rows, spreads):
    return rows @ np.exp(-np.multiply.outer(rates, spreads))
