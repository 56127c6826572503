"""Readings of a start: what of it moves, and what stays.

Each is a linear model of the same values with the same prior of a start, so that their evidences
can be compared.
"""

import numpy as np

from skfrap.numerics._chebyshev import first_kind_coefficients

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


class Reading:
    """A linear model of rows, at any log10 D.

    Parameters
    ----------
    name : str
        One of `PROFILE_READINGS`.
    rows : StartRows
    """

    def __init__(self, name, rows):
        self.name = name
        self.rows = rows
        self.late = name == "one_depth"
        self.has_share = name in ("one_depth", "same_shape")
        self._table = rows.table(self.late)
        n = self._table.shape[2]
        roughness = rows.basis.roughness()
        one = np.eye(n) + SMOOTHNESS[:, np.newaxis, np.newaxis] * roughness
        self.precision = one
        if name == "free":
            self.precision = np.zeros((len(one), 2 * n, 2 * n))
            self.precision[:, :n, :n] = self.precision[:, n:, n:] = one
        self.log_precision = np.linalg.slogdet(self.precision)[1]
        self._prepare_squares(rows)

    def _prepare_squares(self, rows):
        """Prepare products of moving rows R, and with still ones S, as functions of log10 D."""
        nodes = rows.log_D_nodes
        moving = [rows.moving(log_D, self.late) for log_D in nodes]
        self._still = rows.still.T @ rows.still
        squares = np.array([[R.T @ R, R.T @ rows.still] for R in moving])
        self._squares = first_kind_coefficients(squares, axis=0)

    def squares(self, log_D):
        """Return RᵀR, RᵀS and SᵀS at one log10 D, each (n_basis, n_basis)."""
        polynomials = self.rows.polynomials(log_D, len(self._squares))[0]
        return *np.tensordot(polynomials, self._squares, 1), self._still

    def gram(self, squares, share):
        """Return G of the model's rows from these products."""
        moving, mixed, still = squares
        if self.name == "mobile":
            return moving
        if self.name == "free":
            return np.block([[moving, mixed], [mixed.T, still]])
        rest = 1 - share
        return share**2 * moving + share * rest * (mixed + mixed.T) + rest**2 * still

    def products_in_table(self, values):
        """Compute g along the moving rows as Chebyshev coefficients in log10 D: (n_nodes, n)."""
        return np.tensordot(values, self._table, (0, 1))

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
