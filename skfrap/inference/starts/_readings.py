"""Readings of a start: what of it moves, and what stays.

Each is a linear model of the same values with the same prior of a start, so that their evidences
can be compared.
"""

import numpy as np

from skfrap.numerics._chebyshev import (
    chebyshev_basis_at_one,
    first_kind_coefficients,
    first_kind_nodes,
)

READINGS = ("mobile", "one_depth", "free")
"""``"mobile"``: all that was bleached moves. ``"one_depth"``: the same share of it everywhere, the
mobile fraction; the part that moves has done so since it was bleached. ``"free"``: what moves and
what stays are two starts that know nothing of each other."""

PROFILE_READINGS = ("mobile", "same_shape", "one_depth", "free")
"""Besides, ``"same_shape"``: what stays looks in the first frame as what moves does there, as if
nothing had moved since the bleaching."""

SMOOTHNESS = 10.0 ** np.arange(-1, 6)
"""Weights of a start's roughness, among which the evidence chooses."""

SHARES = np.linspace(0.1, 0.95, 9)
"""Mobile fractions at which one depth is looked at first."""

_CELL = 1 / 6  # decades
_CELL_NODES = 14


class Squares:
    """Products of moving rows R, and with still ones S, as functions of log10 D.

    They are smooth in log10 D. Between neighbouring values a polynomial of low degree does, which
    is prepared where it is first needed.

    Parameters
    ----------
    rows : StartRows
    late : bool
        As in `StartRows.table`.
    """

    def __init__(self, rows, late):
        self._rows, self.late = rows, late
        moving = [rows.moving(log_D, late) for log_D in rows.log_D_nodes]
        self._still = rows.still.T @ rows.still
        squares = np.array([[R.T @ R, R.T @ rows.still] for R in moving])
        self._squares = first_kind_coefficients(squares, axis=0)
        table = rows.table(late)
        self._nodes, self._table = table.shape[1], table.reshape(len(table), -1)
        self._low = np.log10(rows.bounds[0])
        self._cells = {}

    def __call__(self, log_D):
        """Return RᵀR, RᵀS and SᵀS at one log10 D, each (n_basis, n_basis)."""
        cell = int((log_D - self._low) // _CELL)
        if cell not in self._cells:
            self._cells[cell] = self._within(cell)
        unit = np.array([2 * ((log_D - self._low) / _CELL - cell) - 1])
        shape = self._squares.shape[1:]
        both = (chebyshev_basis_at_one(unit, _CELL_NODES)[0] @ self._cells[cell]).reshape(shape)
        return *both, self._still

    def products(self, values):
        """Compute Rᵀz as Chebyshev coefficients in log10 D, (n_nodes, n_basis)."""
        return (values @ self._table).reshape(self._nodes, -1)

    def _within(self, cell):
        """Return coefficients between two values of log10 D, (n_cell_nodes, all products)."""
        nodes = self._low + _CELL * (cell + 0.5 + 0.5 * first_kind_nodes(_CELL_NODES))
        polynomials = self._rows.polynomials(nodes, len(self._squares))
        values = polynomials @ self._squares.reshape(len(self._squares), -1)
        return first_kind_coefficients(values, axis=0)


class Reading:
    """A linear model of rows, at any log10 D.

    Parameters
    ----------
    name : str
        One of `PROFILE_READINGS`.
    rows : StartRows
    squares : Squares, default=None
        Of these rows and of `late`, where another reading has them already.
    """

    def __init__(self, name, rows, squares=None):
        self.name = name
        self.rows = rows
        self.late = name == "one_depth"
        self.has_share = name in ("one_depth", "same_shape")
        n = rows.still.shape[1]
        roughness = rows.basis.roughness()
        one = np.eye(n) + SMOOTHNESS[:, np.newaxis, np.newaxis] * roughness
        self.precision = one
        if name == "free":
            self.precision = np.zeros((len(one), 2 * n, 2 * n))
            self.precision[:, :n, :n] = self.precision[:, n:, n:] = one
        self.log_precision = np.linalg.slogdet(self.precision)[1]
        self.squares = Squares(rows, self.late) if squares is None else squares

    def gram(self, squares, share):
        """Return G of the model's rows from these products."""
        moving, mixed, still = squares
        if self.name == "mobile":
            return moving
        if self.name == "free":
            return np.block([[moving, mixed], [mixed.T, still]])
        rest = 1 - share
        return share**2 * moving + share * rest * (mixed + mixed.T) + rest**2 * still

    def gram_slope(self, squares, share):
        """Differentiate G by the share."""
        moving, mixed, still = squares
        return 2 * share * moving + (1 - 2 * share) * (mixed + mixed.T) - 2 * (1 - share) * still

    def products_in_table(self, values):
        """Compute g along the moving rows as Chebyshev coefficients in log10 D: (n_nodes, n)."""
        return self.squares.products(values)

    def products(self, moving, still, share):
        """Return g of the model's rows from that of the moving and of the still ones."""
        if self.name == "mobile":
            return moving
        if self.name == "free":
            return np.concatenate([moving, np.broadcast_to(still, moving.shape)], axis=-1)
        share = np.asarray(share)[..., np.newaxis]
        return share * moving + (1 - share) * still

    def model(self, log_D, share):
        """Return the model's rows, (n_kept, n)."""
        moving = self.rows.moving(log_D, self.late)
        if self.name == "mobile":
            return moving
        if self.name == "free":
            return np.concatenate([moving, self.rows.still], axis=1)
        return share * moving + (1 - share) * self.rows.still

    @property
    def shares(self):
        """Mobile fractions to look at first; one that makes no difference where none is needed."""
        return SHARES if self.has_share else np.ones(1)

    def parts(self, mean, share):
        """Take the unknowns apart: what moves and what stays, each (n_basis,)."""
        if self.name == "mobile":
            return mean, np.zeros_like(mean)
        if self.name == "free":
            n = len(mean) // 2
            return mean[:n], mean[n:]
        return share * mean, (1 - share) * mean
