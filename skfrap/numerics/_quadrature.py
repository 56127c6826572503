"""Integrals over densities that fill a small part of a box, many side by side.

A density is first looked for: where along an axis it, or its largest value over all other axes, is
within a factor of its peak. There Gauss and Legendre's rule converges fast, whether the density is
a narrow peak, is cut by the box or fills it.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.special import logsumexp

DROP = 14.0  # of the log density, at which a Gaussian has 1e-7 of its mass beyond
_SCAN = 8  # points of one look along an axis
_FEWEST_INSIDE = 4  # of them, that must find the density
_MOST_LOOKS = 60
_LEAST_WIDTH = 1e-14  # of the box
_MARGIN = 0.1  # of its width, by which what is known of an inner axis is widened
_CELLS = 4  # per node, on which a density is tabulated
_TRIED = 33  # intervals, for the shortest
_MIDDLES = (np.arange(_SCAN) + 0.5) / _SCAN


@cache
def unit_rule(n):
    """Return nodes on [0, 1] and the logarithms of their weights."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return 0.5 + 0.5 * nodes, np.log(0.5 * weights)


@dataclass
class Support:
    """Where densities along an axis of the box [-1, 1]^k are within `DROP` of their peaks.

    Attributes
    ----------
    ends : ndarray of shape (n, 2)
    inner : ndarray of shape (n, n_inner, 2)
        Ends along the axes that the density was maximised over, for all points between them.
    top : ndarray of shape (n,) or None
        Logarithm of the peak.
    """

    ends: np.ndarray
    inner: np.ndarray
    top: np.ndarray | None = None

    def nodes(self, n):
        """Place n nodes: themselves and the logarithms of their weights, (n_densities, n)."""
        nodes, log_weights = unit_rule(n)
        lower, upper = self.ends.T[..., np.newaxis]
        width = np.maximum(upper - lower, _LEAST_WIDTH)
        return lower + width * nodes, np.log(width) + log_weights


def find_support(evaluate, hulls):
    """Narrow, or widen, intervals to where log densities are within `DROP` of their maximum.

    Each density must have one peak, or peaks that the points of a look can tell apart.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(rows, points, inner)`` gives for the densities ``rows`` at ``points``
        (m, n_points) log densities of that shape, maximised over the inner axes, and the ends
        (m, n_points, n_inner, 2) along these; ``inner`` (m, n_inner, 2) is where to look first.
    hulls : ndarray of shape (n, 1 + n_inner, 2)
        Where to look first along this axis and the inner ones, within [-1, 1].

    Returns
    -------
    Support
    """
    n = len(hulls)
    found = Support(np.empty((n, 2)), np.empty((n, hulls.shape[1] - 1, 2)), np.empty(n))
    rows = np.arange(n)
    lower, upper, inner = hulls[:, 0, 0], hulls[:, 0, 1], hulls[:, 1:]
    # Whether the density is known to end there.
    ends_below, ends_above = lower <= -1, upper >= 1
    for look in range(_MOST_LOOKS):
        width = upper - lower
        points = lower[:, np.newaxis] + width[:, np.newaxis] * _MIDDLES
        values, ends = evaluate(rows, points, inner)
        inside = values > values.max(axis=1, keepdims=True) - DROP
        first = inside.argmax(axis=1)
        last = _SCAN - 1 - inside[:, ::-1].argmax(axis=1)
        inner = _hull_between(ends, first - 1, last + 1)
        widen_below, widen_above = (first == 0) & ~ends_below, (last == _SCAN - 1) & ~ends_above
        done = (last - first >= _FEWEST_INSIDE - 1) & ~widen_below & ~widen_above
        done |= (width < _LEAST_WIDTH) | (look == _MOST_LOOKS - 1)
        if done.any():
            some = rows[done]
            peak = _refined_peak(values[done])
            for k, (bound, at) in enumerate(((lower, first), (upper, last))):
                beyond = 2 * k - 1
                found.ends[some, k] = _crossing(
                    points[done], values[done], peak, bound[done], at[done], beyond
                )
            found.top[some], found.inner[some] = peak, inner[done]
        going = np.flatnonzero(~done)
        if len(going) == 0:
            break
        before = np.where(first > 0, _take(points, first - 1), lower - widen_below * width)
        after = np.where(
            last < _SCAN - 1, _take(points, (last + 1) % _SCAN), upper + widen_above * width
        )
        ends_below, ends_above = (~widen_below | (before <= -1)), (~widen_above | (after >= 1))
        lower, upper = np.maximum(before, -1.0)[going], np.minimum(after, 1.0)[going]
        ends_below, ends_above = ends_below[going], ends_above[going]
        rows, inner = rows[going], inner[going]
    return found


def _take(table, columns):
    return table[np.arange(len(table)), columns]


def _hull_between(ends, first, last):
    """Join the ends along inner axes of some points, with a margin: (n, n_inner, 2)."""
    index = np.arange(_SCAN)
    inside = (index >= first[:, np.newaxis]) & (index <= last[:, np.newaxis])
    inside = inside[:, :, np.newaxis]
    lower = np.where(inside, ends[..., 0], np.inf).min(axis=1)
    upper = np.where(inside, ends[..., 1], -np.inf).max(axis=1)
    margin = _MARGIN * (upper - lower)
    return np.stack([np.maximum(lower - margin, -1), np.minimum(upper + margin, 1)], axis=-1)


def _refined_peak(values):
    """Estimate maxima from parabolas through the highest points and their neighbours."""
    best = values.argmax(axis=1)
    highest = _take(values, best)
    middle = np.clip(best, 1, _SCAN - 2)
    below, here, above = (_take(values, middle + k) for k in (-1, 0, 1))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        raised = here - (above - below) ** 2 / (8 * (above + below - 2 * here))
    usable = (best == middle) & (raised > highest) & (raised < highest + 0.25 * DROP)
    return np.where(usable, raised, highest)


def _crossing(points, values, peak, bound, at, side):
    """Find where log densities pass peak - DROP beyond a point, as parabolas would."""
    outside = np.clip(at + side, 0, _SCAN - 1)
    near, far = (np.sqrt(np.maximum(peak - _take(values, k), 0.0)) for k in (at, outside))
    here, there = _take(points, at), _take(points, outside)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.clip((np.sqrt(DROP) - near) / (far - near), 0.0, 1.0)
    crossing = here + np.where(np.isfinite(far), part, 1.0) * (there - here)
    return np.where(outside == at, bound, crossing)


@dataclass
class Nodes:
    """A quadrature over the posteriors of some curves.

    Attributes
    ----------
    axes : tuple of str
        What it runs over, each between its ends given those before.
    points : tuple of ndarray of shape (n, n_1, ..., n_k)
        Of the k-th axis, on [-1, 1].
    log_rule : ndarray of shape (n, n_1, n_2, ...)
        Logarithms of the weights of the quadrature.
    leaves : Conditional
        What is given at all n * n_1 * n_2 * ... nodes.
    ends : ndarray of shape (n, 2) or None
        Of the first axis.
    log_density : ndarray of shape (n, n_1, n_2, ...) or None
        Logarithms of the posterior, normalised to the evidence.
    without_c0 : Nodes or None
        What was extended by an axis of c0.
    """

    axes: tuple
    points: tuple
    log_rule: np.ndarray
    leaves: Any
    ends: np.ndarray | None = None
    log_density: np.ndarray | None = None
    without_c0: "Nodes | None" = None

    @property
    def before_c0(self):
        """The same without nodes on c0."""
        return self.without_c0 or self

    @classmethod
    def none_yet(cls, conditional):
        """Start with no axis."""
        return cls((), (), np.zeros(len(conditional.squares)), conditional)

    def extended(self, prior, support, n_nodes):
        """Place nodes on another axis, between ends for each of the nodes so far."""
        unit_points, log_rule = support.nodes(n_nodes)
        shape = *self.log_rule.shape, n_nodes
        return Nodes(
            (*self.axes, prior.name),
            (*self.points, unit_points.reshape(shape)),
            self.log_rule[..., np.newaxis] + log_rule.reshape(shape),
            self.leaves.at(prior, unit_points),
            support.ends if self.ends is None else self.ends,
        )

    def take(self, rows):
        """Take some of the curves."""
        leaves = np.arange(self.log_rule.size).reshape(self.log_rule.shape)[rows].ravel()
        return Nodes(
            self.axes,
            tuple(points[rows] for points in self.points),
            self.log_rule[rows],
            self.leaves.take(leaves),
            None if self.ends is None else self.ends[rows],
            self.log_density[rows],
        )

    @property
    def log_weight(self):
        """Logarithms of weights times densities, (n, n_nodes)."""
        return (self.log_rule + self.log_density).reshape(len(self.log_rule), -1)

    @property
    def has_weight(self):
        """Which nodes have any weight, (n, n_nodes)."""
        log_weight = self.log_weight
        return log_weight > log_weight.max(axis=1, keepdims=True) - DROP

    def spread_points(self, axis):
        """Return an axis' points at all nodes, (n, n_nodes)."""
        points = self.points[self.axes.index(axis)]
        points = points.reshape(points.shape + (1,) * (self.log_rule.ndim - points.ndim))
        return np.broadcast_to(points, self.log_rule.shape).reshape(len(points), -1)

    def marginal(self):
        """Return the marginal posterior of the first axis, on [-1, 1]."""
        n, n_nodes = self.log_rule.shape[:2]
        log_mass = logsumexp(self.log_weight.reshape(n, n_nodes, -1), axis=2)
        _, log_rule = unit_rule(n_nodes)
        return Marginal(self.ends, log_mass - log_rule)


class Marginal:
    """Densities of one variable, from their logarithms at Gauss-Legendre nodes.

    Parameters
    ----------
    ends : ndarray of shape (n, 2)
    log_density : ndarray of shape (n, n_nodes)
        At the nodes of `unit_rule` between the ends, up to a constant.
    """

    def __init__(self, ends, log_density):
        n_nodes = log_density.shape[1]
        log_density = log_density - log_density.max(axis=1, keepdims=True)
        # Far below its peak a logarithm matters no more, and may be infinite.
        np.maximum(log_density, -3 * DROP, out=log_density)
        density = np.exp(np.minimum(log_density @ _to_fine_grid(n_nodes).T, 1.0))
        start, middle, end = density[:, :-1:2], density[:, 1::2], density[:, 2::2]
        mass = start + 4 * middle + end
        total = mass.sum(axis=1, keepdims=True)
        self.distribution = np.zeros((len(mass), mass.shape[1] + 1))
        np.cumsum(mass / total, axis=1, out=self.distribution[:, 1:])
        self._start, self._slope = start, end - start
        self._lower, self._width = ends[:, :1], np.diff(ends)

    def quantile(self, probability):
        """Compute quantiles, (n, n_quantiles), of probabilities of that shape."""
        probability = np.broadcast_to(probability, (len(self._lower), probability.shape[-1]))
        n_cells = self._start.shape[1]
        cell = (self.distribution[:, np.newaxis, 1:-1] <= probability[..., np.newaxis]).sum(axis=2)
        below = np.take_along_axis(self.distribution, cell, axis=1)
        above = np.take_along_axis(self.distribution, cell + 1, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.clip((probability - below) / (above - below), 0.0, 1.0)
        share = np.where(np.isfinite(share), share, 0.5)
        # Within a cell the density is linear: solve a quadratic, in its stable form.
        start = np.take_along_axis(self._start, cell, axis=1)
        slope = np.take_along_axis(self._slope, cell, axis=1)
        mass = share * (start + 0.5 * slope)
        root = start + np.sqrt(np.maximum(start**2 + 2 * slope * mass, 0.0))
        part = np.divide(2 * mass, root, out=np.full_like(mass, 0.5), where=root > 0)
        position = (cell + np.clip(part, 0.0, 1.0)) / n_cells
        return self._lower + self._width * position

    def equal_tailed(self, level):
        """Compute intervals with as much beyond either end: (n, 2)."""
        return self.quantile(np.array([0.5 - 0.5 * level, 0.5 + 0.5 * level]))

    def highest_density(self, level):
        """Compute the shortest intervals: (n, 2)."""
        lowest = np.zeros_like(self._lower)
        highest = lowest + (1 - level)
        for _ in range(2):  # coarsely, and then between the neighbours of the best
            below = lowest + (highest - lowest) * np.linspace(0.0, 1.0, _TRIED)
            lower, upper = self.quantile(below), self.quantile(below + level)
            best = (upper - lower).argmin(axis=1)
            lowest = _take(below, np.maximum(best - 1, 0))[:, np.newaxis]
            highest = _take(below, np.minimum(best + 1, _TRIED - 1))[:, np.newaxis]
        return np.column_stack([_take(lower, best), _take(upper, best)])


@cache
def _to_fine_grid(n_nodes):
    """Interpolate from the nodes to the edges and middles of cells: (n_points, n_nodes)."""
    nodes, _ = unit_rule(n_nodes)
    points = np.linspace(0.0, 1.0, 2 * _CELLS * n_nodes + 1)
    to_nodes = np.polynomial.legendre.legvander(2 * nodes - 1, n_nodes - 1)
    to_points = np.polynomial.legendre.legvander(2 * points - 1, n_nodes - 1)
    return to_points @ np.linalg.inv(to_nodes)
