"""Where fits start: the best points of a grid over all that is free but the factor."""

from functools import cached_property
from itertools import product

import numpy as np

from skfrap.models import CurveSurrogate, DirectCurves
from skfrap.numerics._chebyshev import (
    chebyshev_basis,
    first_kind_coefficients,
    first_kind_nodes,
)
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import parameter

_PIECE = 128
# Points of the grid. `python -m benchmarks.least_squares` and `benchmarks.models` count the optima
# that fits from it miss.
_GRID_PER_DECADE = 12  # of the one parameter that a curve's form hangs on
_GRID_ON_LINE = 12  # the same, where its scale is linear
_COARSER_PER_DECADE = {2: 4, 3: 1.5}  # of each of several, by how many
_COARSER_ON_LINE = {2: 5, 3: 4}
_GRID_IN_POWER = 16  # along what comes in powers of the frame's number: it is seen sharply
_POWER_ERROR = 1e-3  # of curves between fewer points of that: templates are only for starts
_MOST_DECADES = 620  # all that floats can hold
_GRID_IN_ALPHA = 12  # along what curves are a polynomial in
_GRID_IN_MIXTURE = 4
_WEAKEST = 1e-8  # direction, relative to the strongest, that is not rounding
_SLABS = 6  # of the grid along each axis, in each of which there may be an optimum


class StartGrid:
    """A grid over a model's free parameters, and its curves.

    Parameters
    ----------
    forward : ForwardMap
    """

    def __init__(self, forward):
        self.forward = forward
        self.evaluator = forward.evaluator
        self.names = self.evaluator.names
        space = forward.space
        self._lower, self._upper = space.ends(self.names)
        self._shaping = [k for k, name in enumerate(self.names) if name in space.free_shaping]
        polynomial = space.first("polynomial")
        self._polynomial = None if polynomial is None else self.names.index(polynomial)

    @property
    def n_forms(self):
        """Number of free parameters that shape the curve, other than in a simple way."""
        return len(self._shaping)

    def at_frames(self, forward, frames):
        """Make the same grid for curves at some of the frames, without computing curves again.

        Parameters
        ----------
        forward : ForwardMap
            At the frames.
        frames : ndarray of shape (m,) of int

        Returns
        -------
        StartGrid
        """
        some = StartGrid(forward)
        grid, templates, _ = self._templates
        templates = forward.project(templates @ self.forward.basis[:, frames])
        some._templates = grid, templates, np.einsum("gs,gs->g", templates, templates)
        return some

    def nearest(self, scores, lowest, highest):
        """Return the point of the grid that fits each curve best.

        Parameters
        ----------
        scores : ndarray of shape (n, n_scores)
        lowest, highest : ndarray of shape (n,)
            Ends of the factor that curves are proportional to.

        Returns
        -------
        ndarray of shape (n, n_free)
        """
        return self._theta(*self._nearest_points(scores, lowest, highest))

    def linearize_nearest(self, scores, lowest, highest):
        """Return the points that fit best, and the model there, as the grid knows it beforehand.

        Parameters
        ----------
        scores : ndarray of shape (n, n_scores)
        lowest, highest : ndarray of shape (n,)
            As of :meth:`nearest`.

        Returns
        -------
        theta : ndarray of shape (n, n_free)
        model : ndarray of shape (n, n_scores)
        jacobian : ndarray of shape (n, n_free, n_scores)
            As of :meth:`ForwardMap.linearize`.
        """
        points, factor = self._nearest_points(scores, lowest, highest)
        theta, column = self._theta(points, factor), self.forward.factor_column
        if len(scores) < len(self._templates[1]):  # so few are computed sooner
            return theta, *self.forward.linearize(theta)
        model, jacobian = self._linearized
        model, jacobian = model[points], jacobian[points]
        if column is not None:
            jacobian *= factor[:, np.newaxis, np.newaxis]
            jacobian[:, column] = model
            model *= factor[:, np.newaxis]
        return theta, model, jacobian

    def _theta(self, points, factor):
        theta = self.forward.from_table(self._templates[0][points])
        if self.forward.factor_column is not None:
            theta[:, self.forward.factor_column] = factor
        return theta

    def _nearest_points(self, scores, lowest, highest):
        """Return which points fit best, and with which factor."""
        directions, sizes = self._template_directions
        nearest, along = np.empty(len(scores), dtype=int), np.empty(len(scores))
        for first in range(0, len(scores), _PIECE):  # pieces that stay in the cache
            some = slice(first, first + _PIECE)
            overlap = scores[some] @ directions
            nearest[some] = best = overlap.argmax(axis=1)
            along[some] = np.take_along_axis(overlap, best[:, np.newaxis], axis=1)[:, 0]
        factor = along / sizes[nearest]
        # What is best with any factor is best of all where its factor is allowed.
        is_best = (factor > 0) & (lowest >= 0) & (lowest <= factor) & (factor <= highest)
        others = np.flatnonzero(~is_best)
        for first in range(0, len(others), _PIECE):
            some = others[first : first + _PIECE]
            ends = lowest[some, np.newaxis], highest[some, np.newaxis]
            nearest[some], factor[some] = self._nearest_within(scores[some], *ends)
        return nearest, factor

    def _nearest_within(self, scores, lowest, highest):
        """Do the same where the factor may be at its ends."""
        _, templates, squared = self._templates
        overlap = scores @ templates.T
        factor = overlap / squared
        np.clip(factor, lowest, highest, out=factor)
        cost = factor * squared
        cost -= 2 * overlap
        cost *= factor
        best = cost.argmin(axis=1)
        return best, np.take_along_axis(factor, best[:, np.newaxis], axis=1)[:, 0]

    def directions(self, n):
        """Return directions in which the model's curves differ most, the strongest first.

        Parameters
        ----------
        n : int
            At most so many.

        Returns
        -------
        ndarray of shape (n, n_scores)
            Orthonormal rows.
        """
        _, templates, _ = self._templates
        _, size, directions = np.linalg.svd(templates, full_matrices=False)
        return directions[: min(n, np.count_nonzero(size > _WEAKEST * size[0]))]

    def best_in_slabs(self, scores, n_starts=None):
        """Return the best of every part of the grid, for curves that may have several optima.

        A free factor is not set.

        Parameters
        ----------
        scores : ndarray of shape (n, n_scores)
        n_starts : int, default=None
            How many of them, the best. None is all.

        Returns
        -------
        ndarray of shape (n_starts, n, n_free)
        """
        grid, templates, squared = self._templates
        slopes, mixed, squared_slopes, reach = self._template_slopes
        shape = [len(axis) for axis in self._grid_axes]
        # The slabs across every axis that shapes the curve.
        slabs = [
            (axis, slab)
            for axis in self._shaping
            for slab in np.array_split(np.arange(shape[axis]), min(_SLABS, shape[axis]))
        ]
        n_starts = len(slabs) if n_starts is None else min(n_starts, len(slabs))
        starts = np.empty((n_starts, len(scores), len(self.names)))
        for first in range(0, len(scores), _PIECE):
            some = slice(first, first + _PIECE)
            overlap, with_slopes = scores[some] @ templates.T, scores[some] @ slopes.T
            with np.errstate(divide="ignore", invalid="ignore"):
                shift = with_slopes * squared - overlap * mixed
                shift /= overlap * squared_slopes - with_slopes * mixed
            shift = np.clip(np.nan_to_num(shift, posinf=reach, neginf=-reach), -reach, reach)
            norm = squared + shift * (2 * mixed + shift * squared_slopes)
            explained = (overlap + shift * with_slopes) ** 2 / norm
            explained = np.where(overlap > 0, explained, 0.0).reshape(-1, *shape)
            chosen = []
            for axis, slab in slabs:
                within = np.zeros(shape[axis], bool)
                within[slab] = True
                within = within.reshape([-1 if k == axis else 1 for k in range(len(shape))])
                chosen.append(
                    np.where(within, explained, -1.0).reshape(len(explained), -1).argmax(1)
                )
            chosen = _best_different(
                np.transpose(chosen), explained.reshape(len(explained), -1), n_starts
            )
            points = grid[chosen]
            if self._polynomial is not None:
                points[:, :, self._polynomial] += np.take_along_axis(shift, chosen, axis=1)
            starts[:, some] = points.swapaxes(0, 1)
        np.clip(starts, self._lower, self._upper, out=starts)
        return np.array([self.forward.from_table(table) for table in starts])

    @cached_property
    def _grid_axes(self):
        return [self._grid_axis(k, name) for k, name in enumerate(self.names)]

    @cached_property
    @one_blas_thread()
    def _templates(self):
        """Points of a grid, and their curves' scores and squared norms."""
        grid = np.array([*product(*self._grid_axes)])
        templates = self._scores_of(grid)
        return grid, templates, np.einsum("gs,gs->g", templates, templates)

    def _scores_of(self, grid):
        """Compute the scores of all of the grid, between few points of what comes in powers."""
        if isinstance(self.evaluator, CurveSurrogate):
            return self.evaluator.scores_on_grid(self._grid_axes)
        powers = [k for k, name in enumerate(self.names) if parameter(name).dependence == "power"]
        if len(powers) != 1 or not isinstance(self.evaluator, DirectCurves):
            return self.evaluator.scores(grid)
        (axis,) = powers
        points = np.asarray(self._grid_axes[axis])
        lowest, highest = self._lower[axis], self._upper[axis]
        protocol = self.evaluator.protocol
        n_nodes = _nodes_of_power(lowest, highest, protocol.n_frames + protocol.n_bleach)
        if not n_nodes < len(points):
            return self.evaluator.scores(grid)
        nodes, half = first_kind_nodes(n_nodes), 0.5 * (highest - lowest)
        axes = [*self._grid_axes]
        axes[axis] = lowest + half * (1 + nodes)
        scores = self.evaluator.scores(np.array([*product(*axes)]))
        scores = scores.reshape(*map(len, axes), -1)
        coefficients = np.moveaxis(first_kind_coefficients(scores, axis), axis, 0)
        basis = chebyshev_basis((points - lowest) / half - 1, n_nodes)
        return np.moveaxis(np.tensordot(basis, coefficients, 1), 0, axis).reshape(len(grid), -1)

    @cached_property
    def _template_directions(self):
        """Directions of the templates, in columns, and their sizes."""
        _, templates, squared = self._templates
        sizes = np.sqrt(squared)
        return np.ascontiguousarray((templates / sizes[:, np.newaxis]).T), sizes

    @cached_property
    @one_blas_thread()
    def _linearized(self):
        """The model and its slopes at the points of the grid, for a factor of 1 or the known."""
        return self.forward.linearize(self._theta(slice(None), 1.0))

    @cached_property
    @one_blas_thread()
    def _template_slopes(self):
        """How templates change with what they are a polynomial in (alpha), to first order.

        The slopes, their products with the templates, their squared norms, and how far to go.
        """
        _, templates, _ = self._templates
        alpha = self._polynomial
        if alpha is None or len(self._grid_axes[alpha]) == 1:
            return np.zeros_like(templates), 0.0, 0.0, 0.0
        # It is fitted to first order, or its error would hide that of the others.
        reach = (self._upper[alpha] - self._lower[alpha]) / len(self._grid_axes[alpha])
        # A curve is a polynomial in alpha, of the degree of the number of bleach frames: its values
        # on the grid know the slopes exactly for up to six of these, and nearly for more.
        shape = [len(axis) for axis in self._grid_axes]
        by_alpha = np.moveaxis(templates.reshape(*shape, -1), alpha, -2)
        slopes = _differentiation(self._grid_axes[alpha]) @ by_alpha
        slopes = np.moveaxis(slopes, -2, alpha).reshape(templates.shape)
        return (
            slopes,
            np.einsum("gs,gs->g", templates, slopes),
            np.einsum("gs,gs->g", slopes, slopes),
            reach,
        )

    def _grid_axis(self, k, name):
        lowest, highest = self._lower[k], self._upper[k]
        if lowest == highest:
            return [lowest]
        several = min(self.n_forms, 3)
        if several == 3 and isinstance(self.evaluator, CurveSurrogate):
            several = 2  # a guide, and cheap
        entry = parameter(name)
        if not entry.is_shaping:
            # Middles of equal parts: at alpha = 1 all D give the same curve.
            n = _GRID_IN_ALPHA if entry.dependence == "polynomial" else _GRID_IN_MIXTURE
            return _middles(lowest, highest, n if several < 2 else n // 2 + 1)
        if entry.dependence == "power":
            return _middles(lowest, highest, _GRID_IN_POWER)
        if not entry.is_logarithmic:
            return _middles(lowest, highest, _COARSER_ON_LINE.get(several, _GRID_ON_LINE))
        if not highest - lowest < _MOST_DECADES:  # of a file that is damaged
            raise ValueError(
                f"bounds of {name} must be finite, got 10**{lowest:g} to 10**{highest:g}."
            )
        per_decade = _COARSER_PER_DECADE.get(several, _GRID_PER_DECADE)
        return np.linspace(lowest, highest, 2 + int(per_decade * (highest - lowest)))


def _nodes_of_power(lowest, highest, n_events):
    """Count the Chebyshev nodes that are enough for a sum of positive powers up to `n_events`.

    The sharpest is the last, exp(-r u) over the range, u from -1 to 1, but for a factor: so many
    nodes leave 2 (r / 2)**n / n! of it.
    """
    if not 0 < lowest < highest:
        return np.inf
    rate = 0.5 * n_events * np.log(highest / lowest)
    n, error = 1, rate
    while error > _POWER_ERROR and n < _GRID_IN_POWER:
        n += 1
        error *= 0.5 * rate / n
    return n


def _best_different(chosen, explained, n):
    """Return the n best columns of chosen templates (rows are curves), repeated ones last."""
    chosen = np.sort(chosen, axis=1)
    of_chosen = np.take_along_axis(explained, chosen, axis=1)
    of_chosen[:, 1:][chosen[:, 1:] == chosen[:, :-1]] = -1.0
    order = np.argsort(-of_chosen, axis=1, kind="stable")[:, :n]
    return np.take_along_axis(chosen, order, axis=1)


def _differentiation(nodes):
    """Return the matrix that takes values of a polynomial at n nodes to its slopes there."""
    middle, half = np.mean(nodes), 0.5 * np.ptp(nodes)
    powers = np.polynomial.chebyshev.chebvander((nodes - middle) / half, len(nodes) - 1)
    slopes = [
        np.polynomial.chebyshev.chebval((nodes - middle) / half, column)
        for column in np.polynomial.chebyshev.chebder(np.eye(len(nodes))).T
    ]
    return np.transpose(slopes) @ np.linalg.inv(powers) / half


def _middles(lowest, highest, n):
    """Middles of n equal parts of a range."""
    return lowest + (highest - lowest) * (np.arange(n) + 0.5) / n
