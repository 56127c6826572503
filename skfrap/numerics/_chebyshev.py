"""Chebyshev interpolation along one axis and over several."""

from functools import cache
from math import prod

import numpy as np
from scipy.fft import dct

_NESTED_NODES = (5, 9, 17, 33, 65, 129, 257, 513)


class ChebyshevTensor:
    """Chebyshev coefficients over several axes of rows of scores, and their slopes.

    Parameters
    ----------
    coefficients : ndarray of shape (n_1, ..., n_p, n_rows, n_scores)
    unit : ndarray of shape (p,)
        Derivative of each axis' unit variable by the parameter.
    """

    def __init__(self, coefficients, unit):
        *shape, _, _ = coefficients.shape
        # What does not depend on a parameter needs no sum over its polynomials.
        size = np.abs(coefficients).max()
        active = []
        for axis, n in enumerate(shape):
            if n > 1 and np.abs(np.delete(coefficients, 0, axis)).max() > 1e-13 * size:
                active.append(axis)
            else:
                coefficients = np.take(coefficients, [0], axis)
        self._prepare(coefficients, unit, shape, active)

    def _prepare(self, coefficients, unit, shape, active):
        self.shape, self._active = shape, active
        self.n_rows, self.n_scores = coefficients.shape[-2:]
        self.n_products = prod(coefficients.shape[: len(shape)])
        parts = [coefficients] + [
            unit[axis] * slope_coefficients(coefficients, axis) for axis in active
        ]
        self._with_slopes = np.stack(parts, axis=-3).reshape(self.n_products, -1)
        self._values = np.ascontiguousarray(coefficients.reshape(self.n_products, -1))

    def to_state(self):
        """Return what a file keeps: coefficients, without those of no effect, and the axes."""
        return {
            "coefficients": self._values,
            "shape": [*self.shape],
            "active": [*self._active],
            "n_rows": self.n_rows,
            "n_scores": self.n_scores,
        }

    @classmethod
    def from_state(cls, state, unit):
        """Make the tensor that :meth:`to_state` described, of axes with these units."""
        tensor = cls.__new__(cls)
        shape, active = state["shape"], state["active"]
        axes = [n if axis in active else 1 for axis, n in enumerate(shape)]
        coefficients = state["coefficients"].reshape(*axes, state["n_rows"], state["n_scores"])
        tensor._prepare(coefficients, unit, shape, active)
        return tensor

    def evaluate(self, in_axes, rows, rows_slope, by_axes):
        """Sum over polynomials and rows.

        Parameters
        ----------
        in_axes : list of ndarray of shape (n, n_k)
            Chebyshev polynomials along each axis.
        rows, rows_slope : ndarray of shape (n, n_rows)
            Factors of the rows, and their derivatives or None.
        by_axes : bool
            Whether to differentiate by the axes' parameters.

        Returns
        -------
        values : ndarray of shape (n, n_scores)
        by_rows : ndarray of shape (n, n_scores)
            None where `rows_slope` is.
        by_axes : list of ndarray of shape (n, n_scores)
            Without `by_axes` not to be used; a plain 0 for an axis that makes no difference.
        """
        n = len(rows)
        basis = np.ones((n, 1))
        for axis in self._active:
            products = basis[:, :, np.newaxis] * in_axes[axis][:, np.newaxis]
            basis = products.reshape(n, products.shape[1] * products.shape[2])
        table = self._with_slopes if by_axes else self._values
        n_parts = 1 + by_axes * len(self._active)
        table = (basis @ table).reshape(n, n_parts, self.n_rows, self.n_scores)
        values, *slopes = (
            np.matmul(rows[:, np.newaxis], table[:, k])[:, 0] for k in range(n_parts)
        )
        by_rows = None
        if rows_slope is not None:
            by_rows = np.matmul(rows_slope[:, np.newaxis], table[:, 0])[:, 0]
        by_axis = [0.0] * len(self.shape)
        for axis, slope in zip(self._active, slopes, strict=False):
            by_axis[axis] = slope
        return values, by_rows, by_axis

    def on_grid(self, in_axes, rows):
        """Sum over polynomials and rows at all points of a grid, one axis after the other.

        Parameters
        ----------
        in_axes : list of ndarray of shape (m_k, n_k)
            Chebyshev polynomials at the points along each axis.
        rows : ndarray of shape (m, n_rows)
            Factors of the rows.

        Returns
        -------
        ndarray of shape (m_1, ..., m_p, m, n_scores)
            Of an axis that makes no difference 1 in place of m_k.
        """
        shape = [n if axis in self._active else 1 for axis, n in enumerate(self.shape)]
        table = self._values.reshape(*shape, self.n_rows, self.n_scores)
        for axis in self._active:
            table = np.moveaxis(np.tensordot(in_axes[axis], table, (1, axis)), 0, axis)
        return rows @ table


def polynomial_on_unit_interval(compute, x, degree):
    """Evaluate a function that is a polynomial, at no more places than that takes.

    Parameters
    ----------
    compute : callable
        ``compute(x)`` gives values (len(x), ...), for x between 0 and 1.
    x : ndarray of shape (n,)
    degree : int

    Returns
    -------
    ndarray of shape (n, ...)
    """
    if len(x) <= degree + 1:
        return compute(x)
    nodes = first_kind_nodes(degree + 1)
    coefficients = first_kind_coefficients(compute(0.5 + 0.5 * nodes), axis=0)
    return chebyshev_basis(2 * x - 1, degree + 1) @ coefficients


def refine(function, tolerance, n_axes=1):
    """Refine nested Chebyshev-Lobatto nodes on [-1, 1] until the coefficients vanish.

    Returns
    -------
    coefficients : ndarray of shape (n, ...)
    n_nodes : tuple of int
        How many nodes that took.
    """
    if n_axes == 0:
        return function(0.0), ()
    for n_nodes in _NESTED_NODES:
        nodes = np.cos(np.pi * (np.arange(n_nodes) / (n_nodes - 1)))
        coefficients = lobatto_coefficients(np.stack([function(x) for x in nodes.tolist()]), 0)
        kept = truncated(coefficients, tolerance, 0)
        if len(kept) < 0.9 * n_nodes:
            break
    return kept, (n_nodes,)


def truncated(coefficients, tolerance, axis):
    """Leave out the last coefficients along an axis, as far as they are negligible."""
    others = tuple(k for k in range(coefficients.ndim) if k != axis)
    size = np.abs(coefficients).max(axis=others)
    significant = np.flatnonzero(size > tolerance * np.abs(coefficients).max())
    # At least two: what a parameter does not touch has a slope by it too, zero.
    return np.take(coefficients, range(max(2, significant[-1] + 1)), axis)


def lobatto_coefficients(values, axis):
    """Turn values at cos(pi k / (n - 1)) along an axis into Chebyshev coefficients."""
    n = values.shape[axis]
    coefficients = np.moveaxis(dct(values, type=1, axis=axis) / (n - 1), axis, 0)
    coefficients[[0, -1]] *= 0.5
    return np.moveaxis(coefficients, 0, axis)


def slope_coefficients(coefficients, axis):
    """Differentiate along an axis, with a last coefficient of zero."""
    slope = np.polynomial.chebyshev.chebder(coefficients, axis=axis)
    pad = [(0, 0)] * slope.ndim
    pad[axis] = 0, 1
    return np.pad(slope, pad)


def first_kind_nodes(n):
    return np.cos(np.pi * (np.arange(n) + 0.5) / n)


def first_kind_coefficients(values, axis):
    coefficients = np.moveaxis(dct(values, type=2, axis=axis) / values.shape[axis], axis, 0)
    coefficients[0] *= 0.5
    return np.moveaxis(coefficients, 0, axis)


def chebyshev_basis(x, n):
    """Evaluate the first n Chebyshev polynomials T_k at x in [-1, 1]: (len(x), n)."""
    basis = np.empty((max(n, 2), len(x)))
    basis[0] = 1.0
    np.clip(x, -1.0, 1.0, out=basis[1])
    known = 1  # highest order so far; T_{m+k} = 2 T_m T_k - T_{m-k} doubles it at each step
    while known < n - 1:
        new = min(known, n - 1 - known)
        rows = basis[known + 1 : known + 1 + new]
        np.multiply(basis[1 : new + 1], 2 * basis[known], out=rows)
        rows -= basis[known - new : known][::-1]
        known += new
    return basis[:n].T


def chebyshev_basis_at_one(x, n):
    """Evaluate the polynomials as :func:`chebyshev_basis` does, quicker where x is one point."""
    angle = np.arccos(np.minimum(np.maximum(x, -1.0), 1.0))
    return np.cos(angle[:, np.newaxis] * _orders(n))


@cache
def _orders(n):
    return np.arange(float(n))


@cache
def differentiation(n):
    """Return the matrix that takes the first n polynomials to their derivatives: T' = T @ it."""
    return slope_coefficients(np.eye(max(n, 2)), 0)[:n, :n]
