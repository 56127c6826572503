"""Several bleach frames in a compartment, or its images: a small basis of states.

What a bleach frame takes is ``m z``, m being the mask: a product with something that has spread for
a while, which no Krylov space of the first deposit holds. So a first small space is made of the
first deposit; in it the experiment is run over all values of D times the interval between bleach
frames, and what the frames take there joins the deposit as the block of a second space.

Spaces are rational Krylov spaces, of solutions of (A + p) x = b with poles p spread over all rates
that the pixels have, which hold exponentials for all times at once. Of each only what counts is
kept, by singular values. The state at rest is a direction of its own, and exactly at rest.
"""

from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import expm_multiply, splu

from skfrap.models._geometry import Geometry
from skfrap.models.cell._lanczos import lanczos_measure

_FEWEST_POLES, _POLES_PER_E_FOLD = 4, 1.1
_ENDS = 2.0, 0.25  # of the poles, over the ends of the rates
_TOLERANCE = 2e-6  # of states, over the first deposit
_N_SPREADS = 12  # of D times the interval between bleach frames
_N_LATE = 40  # of D times the time after the last one
_DEPTHS = (0.15, 0.5, 1.0)
_KEPT_EVENTS = 12  # bleach frames of an experiment of which states are kept, if there are more
_MOST_LEVELS = 2  # spaces besides the last: a third adds nothing to what the second has found
_ROUNDING = 1e-15
# D times an interval, over the region's squared radius, at which the error is measured
_PROBED = 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3
_SLOW, _MOST_STEPPED = 1.0, 16  # D times an interval and the fastest rate, and bleach frames
_EXACT = 1e-9  # of what the error is measured by


@dataclass(frozen=True)
class Reduced:
    """A compartment in few states.

    Attributes
    ----------
    rates : ndarray of shape (m,)
        The first is 0, the state at rest.
    start : ndarray of shape (m,)
        The state before bleaching.
    bleach : ndarray of shape (m, m)
        The product with the mask.
    rows : ndarray of shape (n_rows, m)
        What is measured of a state.
    basis : ndarray of shape (n, m)
        The states on pixels.
    """

    rates: np.ndarray
    start: np.ndarray
    bleach: np.ndarray
    rows: np.ndarray
    basis: np.ndarray

    @classmethod
    def of(cls, grid, basis):
        """Project on orthonormal columns, the first of which is the state at rest."""
        inner = basis[:, 1:]
        rates, turn = np.linalg.eigh(_symmetric(inner.T @ (grid.operator @ inner)))
        basis = np.column_stack([basis[:, 0], inner @ turn])
        start = np.zeros(basis.shape[1])
        start[0] = grid.rest @ basis[:, 0]
        return cls(
            np.append(0.0, np.maximum(rates, 0.0)),
            start,
            _symmetric(basis.T @ (grid.mask[:, np.newaxis] * basis)),
            grid.rows @ basis,
            basis,
        )

    def turned(self, directions):
        """Keep some orthonormal directions (m, k) of the states, besides that at rest."""
        rates, turn = np.linalg.eigh(_symmetric(directions.T @ (self.rates[:, None] * directions)))
        kept = np.zeros((len(self.rates), 1 + len(rates)))
        kept[0, 0] = 1.0
        kept[:, 1:] = directions @ turn
        return Reduced(
            np.append(0.0, np.maximum(rates, 0.0)),
            self.start @ kept,
            _symmetric(kept.T @ self.bleach @ kept),
            self.rows @ kept,
            self.basis @ kept,
        )

    def deposits(self, spreads, n_bleach, depths=_DEPTHS):
        """Run experiments: what is missing just after bleach frames, for each depth a list.

        Of many bleach frames, the first, the last and some between them; arrays are (n, m).
        """
        decay = np.exp(-np.multiply.outer(spreads, self.rates))
        kept = {*np.rint(np.geomspace(1, n_bleach, _KEPT_EVENTS)).astype(int), n_bleach}
        after = []
        for depth in depths:
            missing, states = np.zeros_like(decay), []
            for event in range(1, n_bleach + 1):
                missing = missing * decay if event > 1 else missing
                missing = missing + depth * (self.start - missing) @ self.bleach
                if event in kept:
                    states.append(missing)
            after.append(states)
        return after


class ReducedGeometry(Geometry):
    """Reduce a compartment for any number of bleach frames, any rows and images.

    Parameters
    ----------
    grid : CellGrid
        Its pixels.
    n_bleach : int, default=1
        Bleach frames.
    n_poles : int, default=None
        More make it more accurate, and take longer. None is as many as the rates ask for.
    tolerance : float, default=2e-6
        Of states that are left out.

    Attributes
    ----------
    rates : ndarray of shape (m,)
        Of the decay of each state over D, 1/µm²; the first is 0, the state at rest.
    start : ndarray of shape (m,)
        The state before bleaching.
    bleach : ndarray of shape (m, m)
        The product with the mask.
    rows : ndarray of shape (n_rows, m)
        What is measured of a state.
    error : float
        Against all pixels: a Lanczos iteration at all times from what the last of the bleach frames
        leaves, where much moves between them and, stepped on all pixels from the first, where
        little does.
    """

    def __init__(self, grid, n_bleach=1, n_poles=None, tolerance=_TOLERANCE):
        self._grid = grid
        self.n_bleach = n_bleach
        solve = _solver(grid, n_poles)
        spreads = grid.spreads(_N_SPREADS)
        first = (grid.mask * grid.rest)[:, np.newaxis]
        unit = np.linalg.norm(first)
        block = first / unit
        for _ in range(min(_MOST_LEVELS, n_bleach - 1)):
            small = Reduced.of(grid, _space(grid, solve, block, tolerance))
            states = np.concatenate([*chain(*small.deposits(spreads, n_bleach - 1))]).T
            states = _strong(states / unit, tolerance)
            products = grid.mask[:, np.newaxis] * (small.basis @ states)
            products -= block[:, :1] @ (block[:, :1].T @ products)
            block = np.column_stack([block[:, :1], _strong(products, tolerance)])
        others = grid.rows.T / np.linalg.norm(grid.rows, axis=1)
        others = others - block[:, :1] @ (block[:, :1].T @ others)
        others = others[:, np.linalg.norm(others, axis=0) > tolerance]
        whole = Reduced.of(grid, _space(grid, solve, np.column_stack([block, others]), tolerance))
        self._reduced = reduced = _truncated(whole, grid, spreads, n_bleach, unit, tolerance)
        self.rates, self.start = reduced.rates, reduced.start
        self.bleach, self.rows = reduced.bleach, reduced.rows
        self._see(grid.mask, grid.rows * grid.rest, grid.levels)
        self.error = self._measure_error()

    def mobile(self, symbol, start, depth, protocol):
        """Compute what rows lack of particles that move; as every geometry."""
        missing = self.missing(symbol, start, depth, protocol)
        times = protocol.times[protocol.n_prebleach :]
        left = symbol(self.rates, times).sum(axis=1)  # (n_times, n_species, m)
        seen = self.rows[:, np.newaxis] * missing[:, np.newaxis]  # (n, n_rows, n_species, m)
        flat = seen.reshape(-1, left[0].size) @ left.reshape(len(times), -1).T
        return flat.reshape(len(depth), len(self.rows), len(times))

    def missing(self, symbol, start, depth, protocol):
        """Compute what is missing just after the last bleach frame.

        Parameters
        ----------
        symbol : callable
            As of :meth:`mobile`, like the others.
        start : ndarray of shape (n_species,)
            Shares of the species.
        depth : ndarray of shape (n,)
            1 - alpha.
        protocol : FRAPProtocol
            Its clock.

        Returns
        -------
        ndarray of shape (n, n_species, m)
        """
        depth = np.asarray(depth, dtype=float)[:, np.newaxis, np.newaxis]
        whole = np.multiply.outer(start, self.start)
        missing = np.zeros((len(depth), *whole.shape))
        intervals = np.diff(protocol.bleach_times)
        carry = symbol(self.rates, intervals[:1])[0] if len(intervals) else None
        for event in range(protocol.n_bleach):
            if event:
                missing = np.einsum("abm,nbm->nam", carry, missing)
            missing = missing + depth * ((whole - missing) @ self.bleach)
        return missing

    def images(self, states):
        """Make images of states in the basis.

        Parameters
        ----------
        states : ndarray of shape (m, n)
            A column each.

        Returns
        -------
        ndarray of shape (n, ny, nx)
        """
        return self._grid.images(self._reduced.basis @ states)

    @property
    def grid(self):
        """The pixels."""
        return self._grid

    def _measure_error(self):
        grid, reduced, n_bleach = self._grid, self._reduced, self.n_bleach
        # What a bleach frame takes spreads over more or less of the region until the next. States
        # of several experiments are added up, and so are their errors.
        area = grid.mask.sum() * grid.pixel_size**2
        spreads = np.array(_PROBED if n_bleach > 1 else _PROBED[:1]) * area / np.pi
        state = reduced.deposits(spreads, n_bleach, (1.0,))[0][-1].sum(axis=0)
        before = np.zeros(len(state))
        if n_bleach > 1:
            earlier = reduced.deposits(spreads, n_bleach - 1, (1.0,))[0][-1]
            before = np.sum(earlier * np.exp(-np.multiply.outer(spreads, reduced.rates)), axis=0)
        # What the last bleach frame takes, on pixels: the basis need not hold it.
        taken = grid.mask * (reduced.basis @ (len(spreads) * reduced.start - before))
        rest = grid.rest / np.linalg.norm(grid.rest)
        vector = reduced.basis @ before + taken
        if n_bleach > 1:  # where little moves between many, errors add up from the first on
            slow, n_seen = _SLOW / grid.fastest, min(n_bleach, _MOST_STEPPED)
            vector += _stepped(grid, slow, n_seen)
            state = state + reduced.deposits(np.array([slow]), n_seen, (1.0,))[0][-1][0]
        share = rest @ vector
        late = grid.spreads(_N_LATE)
        rates, weights, change, _ = lanczos_measure(
            grid.operator, vector - share * rest, rest, grid.rows, late, _EXACT
        )
        exact = weights @ np.exp(-np.multiply.outer(rates, late))
        exact += share * (grid.rows @ rest)[:, np.newaxis]
        ours = (reduced.rows * state) @ np.exp(-np.multiply.outer(reduced.rates, late))
        return float(np.abs(exact - ours).max() + change)


def _stepped(grid, spread, n_bleach):
    """Return what bleach frames that take all leave missing on all pixels."""
    missing, operator = np.zeros(grid.n_pixels), -spread * grid.operator
    for event in range(n_bleach):
        if event:
            missing = expm_multiply(operator, missing)
        missing += grid.mask * (grid.rest - missing)
    return missing


def _symmetric(matrix):
    return 0.5 * (matrix + matrix.T)


def _solver(grid, n_poles):
    """Return a function that solves with each pole, of right-hand sides (n, k): (n, n_poles k)."""
    low, high = _ENDS[0] * grid.slowest, _ENDS[1] * grid.fastest
    n_poles = n_poles or _FEWEST_POLES + int(_POLES_PER_E_FOLD * np.log(high / low))
    poles = np.geomspace(low, high, n_poles)
    identity = eye_array(grid.n_pixels)
    factors = [
        splu(
            csc_array(grid.operator + pole * identity),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        for pole in poles
    ]

    def solve(block):
        block = np.ascontiguousarray(block)
        return np.hstack(
            [pole * one.solve(block) for pole, one in zip(poles, factors, strict=True)]
        )

    return solve


def _space(grid, solve, block, tolerance):
    """Span a block and its solutions by orthonormal columns, the first being at rest."""
    rest = grid.rest / np.linalg.norm(grid.rest)
    columns = np.hstack([block, solve(block)])
    columns -= np.multiply.outer(rest, rest @ columns)
    columns = _orthonormal(columns, 0.1 * tolerance)
    columns -= np.multiply.outer(rest, rest @ columns)
    columns /= np.linalg.norm(columns, axis=0)
    return np.column_stack([rest, columns])


def _orthonormal(columns, tolerance):
    """Return orthonormal columns that span all that is larger than a tolerance."""
    for smallest in (tolerance, 1e-12):  # once more, since the first time is to few digits
        squares, turn = np.linalg.eigh(columns.T @ columns)
        kept = squares > max(smallest**2, _ROUNDING * squares[-1])
        columns = columns @ (turn[:, kept] / np.sqrt(squares[kept]))
    return columns


def _strong(columns, tolerance):
    """Return orthogonal columns that span what is larger than a tolerance, with their sizes."""
    squares, turn = np.linalg.eigh(columns.T @ columns)
    kept = squares > max(tolerance**2, _ROUNDING * squares[-1])
    return columns @ turn[:, kept]


def _truncated(whole, grid, spreads, n_bleach, unit, tolerance):
    """Keep what states of experiments, and what rows see of them, need."""
    decay = np.exp(-np.multiply.outer(grid.spreads(_N_LATE), whole.rates))
    runs = [[one / unit for one in run] for run in whole.deposits(spreads, n_bleach)]
    states, last = [*chain(*runs)], [run[-1] for run in runs]
    states += [(one[:, np.newaxis] * decay).reshape(-1, len(whole.rates)) for one in last]
    for row in whole.rows:
        states += [row / np.linalg.norm(row) * decay, row[np.newaxis] / np.linalg.norm(row)]
    states = np.concatenate(states)[:, 1:]
    _, strengths, directions = np.linalg.svd(states, full_matrices=False)
    kept = np.zeros((len(whole.rates), np.count_nonzero(strengths > 0.1 * tolerance)))
    kept[1:] = directions[: kept.shape[1]].T
    return whole.turned(kept)
