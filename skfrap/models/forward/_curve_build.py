"""Chebyshev coefficients of an exact model's curves over a box, and the rows that span them."""

from functools import cached_property, partial
from itertools import product
from math import prod

import numpy as np

from skfrap.numerics._chebyshev import (
    chebyshev_basis,
    first_kind_coefficients,
    lobatto_coefficients,
    refine,
    truncated,
)
from skfrap.numerics._progress import shown
from skfrap.parameters import parameter

_MOST_NODES = 6000  # on a grid over several parameters


class InterpolationError(RuntimeError):
    """A model cannot be interpolated well enough, or not at a bearable cost."""


class CurveNodes:
    """Evaluate an exact model at the nodes of a box, each once.

    Parameters
    ----------
    model : ExactModel
    ranges : dict
        ``{name: (lowest, highest)}`` in natural units: the axes of the box.
    fixed : dict
        ``{name: value}`` of the other parameters that shape curves.
    depth_nodes : ndarray of shape (n_depth,)
        Bleach depths, the model being a polynomial in them.

    Attributes
    ----------
    counts : tuple of int
        Nodes along each axis that the last coefficients took.
    """

    def __init__(self, model, ranges, fixed, depth_nodes):
        self.model = model
        self.counts = ()
        self._ranges, self._fixed, self._depth_nodes = ranges, fixed, depth_nodes
        self._n_axes = len(ranges)
        self._axis_of_D = [*ranges].index("D") if "D" in ranges else -1
        # What curves are nearly proportional to is taken out where it varies over a grid.
        self._powers = [axis for axis, name in enumerate(ranges) if _is_power(name)]
        self._powers *= self._n_axes > 1
        self._known = {}

    def coefficients(self, tolerance, everywhere=False):
        """Interpolate on a grid that is as fine as it needs to be along each axis.

        Parameters
        ----------
        tolerance : float
            Coefficients below that part of the largest are left out.
        everywhere : bool, default=False
            Whether to look all over the box for how many nodes D needs.

        Returns
        -------
        ndarray of shape (n_1, ..., n_p, 2, 1 + n_depth, n_values)
            Of mobile and of immobile particles, of the undepleted and of the deficit over the
            depth.
        """
        if self._n_axes < 2:
            coefficients, self.counts = refine(
                lambda x: self._values((x,)[: self._n_axes]), tolerance, self._n_axes
            )
            return coefficients

        # How many nodes an axis needs is seen along lines through the box.
        def n_needed(axis, line):
            along = partial(_replaced, line, axis)
            return len(refine(lambda x: self._values(along(x)), tolerance)[0])

        self.counts = tuple(
            2 + max(n_needed(axis, line) for line in self._probes(axis, everywhere))
            for axis in range(self._n_axes)
        )
        return self._with_known_factor(self._on_grid(), tolerance)

    def point(self, unit):
        """Return the parameters at a point of [-1, 1] along each axis."""
        middle, half = self._middle_and_half
        along = zip(self._ranges, middle + half * unit, strict=True)
        return {name: float(parameter(name).from_target(x)) for name, x in along} | self._fixed

    def described(self):
        """Return the box in words."""
        return ", ".join(
            f"{name} from {lowest:.3g} to {highest:.3g} {parameter(name).unit}".rstrip()
            for name, (lowest, highest) in self._ranges.items()
        )

    @cached_property
    def _middle_and_half(self):
        ends = [parameter(name).to_target(np.array(ends)) for name, ends in self._ranges.items()]
        lower, upper = np.transpose(ends) if ends else np.empty((2, 0))
        return 0.5 * (lower + upper), 0.5 * (upper - lower)

    def _on_grid(self):
        if prod(self.counts) > _MOST_NODES:
            raise InterpolationError(
                f"interpolation over {self.described()} takes {' x '.join(map(str, self.counts))} "
                f"nodes, more than {_MOST_NODES}; use narrower bounds, or the model itself."
            )
        grid = [*product(*([np.cos(np.pi * np.arange(n) / (n - 1)).tolist() for n in self.counts]))]
        # D last: the model keeps what it has prepared for the same optics.
        by_optics = sorted(grid, key=lambda unit: _replaced(unit, self._axis_of_D, 0.0))
        for unit in shown(by_optics, f"preparing the model over {', '.join(self._ranges)}", "node"):
            self._values(unit)
        table = np.array([self._known[unit] for unit in grid])
        table = table.reshape(*self.counts, *table.shape[1:])
        for axis in range(self._n_axes):
            table = lobatto_coefficients(table, axis)
        return table

    def _probes(self, axis, everywhere):
        """Return points whose line along an axis shows how many nodes it needs."""
        if axis == self._axis_of_D and not everywhere:
            # At the upper ends, where nothing is bleached by imaging, D is cheap.
            return [(1.0,) * self._n_axes]
        return [(x,) * self._n_axes for x in (-0.6, 0.1, 0.7)]

    def _values(self, unit):
        """Compute what is interpolated at a point of the box: (2, 1 + n_depth, n_values)."""
        if unit not in self._known:
            point = self.point(np.array(unit))
            depth = np.append(0.0, self._depth_nodes)
            both = np.stack(self.model.shapes(depth, **point)) / self._removed_factor(point)
            deficit = (both[:, :1] - both[:, 1:]) / self._depth_nodes[:, np.newaxis]
            both[:, 1:] = first_kind_coefficients(deficit, axis=1)
            self._known[unit] = both
        return self._known[unit]

    def _removed_factor(self, point):
        return self.model.known_factor(**point) if self._powers else 1.0

    def _with_known_factor(self, coefficients, tolerance):
        """Multiply the interpolated by the factor that was removed, on finer nodes."""
        for axis in self._powers:
            n_fine = 2 * coefficients.shape[axis] + 17
            x = np.cos(np.pi * np.arange(n_fine) / (n_fine - 1))
            coarse = chebyshev_basis(x, coefficients.shape[axis])
            fine = np.moveaxis(np.tensordot(coarse, coefficients, (1, axis)), 0, -1)
            unit = np.zeros((n_fine, self._n_axes))
            unit[:, axis] = x
            factor = [self._removed_factor(self.point(row)) for row in unit]
            fine = np.moveaxis(fine * np.array(factor).T, -1, axis)
            coefficients = truncated(lobatto_coefficients(fine, axis), tolerance, axis)
        return coefficients


def spanned(rows, tolerance):
    """Span the constant and curves by orthonormal rows, the constant first.

    Parameters
    ----------
    rows : ndarray of shape (n, n_values)
    tolerance : float
        Directions that are weaker than that part of the strongest are left out.

    Returns
    -------
    ndarray of shape (n_scores, n_values)
    """
    n_values = rows.shape[1]
    constant = np.full((1, n_values), n_values**-0.5)
    rows = rows - rows @ constant.T @ constant
    if len(rows) > 4 * n_values:  # the triangular factor has the same directions
        rows = np.linalg.qr(rows, mode="r")
    _, strengths, directions = np.linalg.svd(rows, full_matrices=False)
    kept = max(1, np.count_nonzero(strengths > tolerance * strengths[0]))
    # Weak directions are orthogonal to it only to rounding over their strength: repeat.
    basis, _ = np.linalg.qr(np.vstack([constant, directions[:kept]]).T)
    return np.ascontiguousarray(basis.T)


def _is_power(name):
    return parameter(name).dependence == "power"


def _replaced(point, axis, value):
    """Put another value into a point, a tuple, at an axis; -1 is none of them."""
    return tuple(value if k == axis else x for k, x in enumerate(point))
