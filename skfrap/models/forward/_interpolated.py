"""Recovery curves by Chebyshev interpolation of an exact model.

A curve is c0 times a mixture of the shapes of mobile and of immobile particles, both polynomials
in the bleach depth. What is interpolated is smooth: the shape of undepleted particles, and the
deficit over the depth, on a grid over the model's other parameters. The curves of one protocol
fill a space of a few dimensions only, so what is stored are the scores on an orthonormal basis of
that space, not the curves. For a curve with white noise the scores and the residual norm are
sufficient statistics: estimators work on some 20 numbers in place of hundreds.
"""

import numpy as np
from scipy.stats import qmc

from skfrap.models._base import broadcast_parameters
from skfrap.models.forward._curve_build import CurveNodes, InterpolationError, spanned
from skfrap.models.forward._parts import evaluate_in_parts
from skfrap.models.forward._ranges import check_range, checked_pairs
from skfrap.numerics._chebyshev import (
    ChebyshevTensor,
    chebyshev_basis,
    chebyshev_basis_at_one,
    differentiation,
    first_kind_nodes,
)
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import parameter

# Of curves of unit size; `python -m benchmarks.models` measures it on random points. Along one axis
# values are cheap; on a grid over several, a part in a million is enough.
_LARGEST_ERROR = 1e-8
_LARGEST_ERROR_ON_GRID = 1e-6
_COEFFICIENT_TOLERANCE = 1e-3  # of that error
_BASIS_TOLERANCE = 1e-2  # of that error
_LAXITY = (300, 50, 10)  # on grids: tried in turn
_FAR_OFF = 30  # times the error that is accepted: more nodes are needed than were seen
_CHECK_POINTS = 6
_CHUNK = 4096
_LARGEST_BASIS = 2**20  # products of Chebyshev polynomials held at once
_BELOW_ONE = 1 - 1e-12  # forgives the rounding of 10 ** log10(D) at the ends of the range
MOST_INTERPOLATED = 2  # parameters; a grid over three has tens of thousands of nodes


class CurveSurrogate:
    """Interpolate the recovery curves of an exact model.

    Parameters
    ----------
    model : ExactModel
        What is interpolated.
    ranges : dict, default=None
        ``{name: (lowest, highest)}`` in natural units of the parameters to interpolate over,
        besides c0, alpha and the mobile fraction, which are always free. None is D over the
        model's own range.
    fixed : dict, default=None
        ``{name: value}`` of parameters that have another value than the model's default.
    largest_error : float, default=None
        What is accepted; None is 1e-8, or 1e-6 where it interpolates over several parameters.

    Attributes
    ----------
    names : tuple of str
        Columns of the values that :meth:`scores` takes: the model's parameters without c0.
    ranges, fixed : dict
        As given, completed.
    basis : ndarray of shape (n_scores, n_frames)
        Orthonormal rows that span the model's curves; the first is constant.
    n_nodes : dict
        Nodes along each parameter that the model was evaluated at, on a grid of all of them.
    error : float
        Largest difference to the model found on check points between the nodes, for c0 = 1.

    Raises
    ------
    InterpolationError
        If the error is above `largest_error`, or if it would take a grid of more than 6000 nodes
        over several parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import CurveSurrogate, DiffusionModel
    >>> model = DiffusionModel(FRAPProtocol())
    >>> surrogate = CurveSurrogate(model)
    >>> parameters = dict(D=[3.0, 30.0, 300.0], c0=0.9, alpha=0.6)
    >>> difference = surrogate.curves(**parameters) - model.curves(**parameters)
    >>> bool(np.abs(difference).max() < 1e-8)
    True
    """

    @one_blas_thread()
    def __init__(self, model, ranges=None, fixed=None, *, largest_error=None):
        self.protocol = model.protocol
        defaults = model.defaults()
        others = [name for name in defaults if parameter(name).is_shaping]
        if ranges is None:
            ranges = {"D": model.bounds["D"]}
        checked_pairs("ranges", ranges)
        checked_pairs("fixed", fixed)
        self.ranges = {name: check_range(name, ranges[name], others) for name in ranges}
        given = {name: defaults[name] for name in others if defaults[name] is not None}
        self.fixed = {
            name: float(value)
            for name, value in (given | (fixed or {})).items()
            if name not in self.ranges
        }
        missing = [name for name in others if name not in self.ranges | self.fixed]
        if missing or not {*self.fixed} <= {*others}:
            raise ValueError(
                f"ranges and fixed must together give {others}; missing {missing}, "
                f"unknown {sorted({*self.fixed} - {*others})}."
            )
        self._set_axes(defaults)
        if largest_error is None:
            largest_error = _LARGEST_ERROR if len(self._axes) < 2 else _LARGEST_ERROR_ON_GRID
        tolerance = _COEFFICIENT_TOLERANCE * largest_error
        # On a grid fewer coefficients add up to the error, how many is not known before.
        nodes, everywhere = CurveNodes(model, self.ranges, self.fixed, self._depth_nodes), False
        for laxity in (1,) if len(self._axes) < 2 else _LAXITY:
            basis_tolerance = _BASIS_TOLERANCE * largest_error
            self._build(nodes, laxity * tolerance, basis_tolerance, everywhere)
            self.error = self._measure_error(nodes)
            if self.error < largest_error:
                break
            everywhere = self.error > _FAR_OFF * largest_error
        else:
            raise InterpolationError(
                f"interpolation of {self.protocol!r} over {nodes.described()} reaches an error of "
                f"{self.error:.1e} only, not {largest_error:.0e}; use narrower bounds."
            )

    def _set_axes(self, defaults):
        """Settle what follows from the protocol, the ranges and the names of the parameters."""
        self._factor, polynomial, mixture = (
            _with_dependence(defaults, kind) for kind in ("factor", "polynomial", "mixture")
        )
        self.names = tuple(name for name in defaults if name != self._factor)
        self._axes = [self.names.index(name) for name in self.ranges]
        self._alpha, self._mobile = self.names.index(polynomial), self.names.index(mixture)
        ends = [parameter(name).to_target(np.array(self.ranges[name])) for name in self.ranges]
        self._lower, self._upper = np.transpose(ends) if ends else np.empty((2, 0))
        # A polynomial of degree n_bleach - 1; of a high degree it needs fewer nodes than that.
        n_bleach = self.protocol.n_bleach
        n_depth = min(n_bleach, 8 + int(np.ceil(5 * np.sqrt(n_bleach))))
        self._depth_nodes = 0.5 + 0.5 * first_kind_nodes(n_depth)

    def to_state(self):
        """Return what a file keeps: coefficients of the scores, their basis, and what of.

        Returns
        -------
        dict
            By names that stay.
        """
        return {
            "protocol": self.protocol,
            "parameters": [self._factor, *self.names],
            "ranges": self.ranges,
            "fixed": self.fixed,
            "n_nodes": self.n_nodes,
            "error": self.error,
            "basis": self.basis,
            "constant": self._constant,
            "undepleted_varies": self._undepleted_varies,
            "mobile": self._moving.to_state(),
            "immobile": self._still.to_state(),
        }

    @classmethod
    def from_state(cls, state):
        """Make the interpolation that :meth:`to_state` described.

        Parameters
        ----------
        state : dict
            As :meth:`to_state` gave it.

        Returns
        -------
        CurveSurrogate
        """
        surrogate = cls.__new__(cls)
        for name in ("protocol", "ranges", "fixed", "n_nodes", "error", "basis"):
            setattr(surrogate, name, state[name])
        surrogate._constant = state["constant"]
        surrogate._undepleted_varies = state["undepleted_varies"]
        surrogate._set_axes(state["parameters"])
        unit = 2 / (surrogate._upper - surrogate._lower)
        surrogate._moving, surrogate._still = (
            ChebyshevTensor.from_state(state[name], unit) for name in ("mobile", "immobile")
        )
        return surrogate

    @one_blas_thread()
    def curves(self, **parameters):
        """Compute recovery curves; arguments and result as of the model's `curves`.

        Parameters
        ----------
        **parameters : float or array-like of shape (n,)
            Values by name, in natural units.

        Returns
        -------
        ndarray of shape (n, n_frames)

        Raises
        ------
        ValueError
            If a parameter lies outside of its range, or is not the fixed one.
        """
        return self.curves_of(*self.checked(**parameters))

    def checked(self, **parameters):
        """Check the arguments of :meth:`curves`, for :meth:`curves_of`.

        Parameters
        ----------
        **parameters : float or array-like of shape (n,)
            As of :meth:`curves`.

        Returns
        -------
        table : ndarray of shape (n, n_names)
            As :meth:`scores` takes it.
        factor : ndarray of shape (n,)
            By which curves are multiplied.

        Raises
        ------
        ValueError
            As of :meth:`curves`.
        """
        values = {"mobile_fraction": 1.0} | self.fixed | parameters
        missing = sorted({*self.names, self._factor} - {*values})
        unknown = sorted({*values} - {*self.names, self._factor})
        if missing or unknown:
            raise TypeError(f"parameters missing: {missing}; unknown: {unknown}.")
        values = broadcast_parameters(**values)
        factor = values.pop(self._factor)
        for name, value in self.fixed.items():
            if not (values[name] == value).all():
                raise ValueError(f"{name} must be {value:g}, as the interpolation was built with.")
        for name, (lowest, highest) in self.ranges.items():
            given = values[name]
            if len(given) and not self._holds(name, given.min(), given.max()):
                raise ValueError(
                    f"{name} must lie in the range of the interpolation, {lowest:.6g} to "
                    f"{highest:.6g} {parameter(name).unit}; got values from {given.min():.6g} to "
                    f"{given.max():.6g}. Use the model itself, or a surrogate with a wider range."
                )
        with np.errstate(divide="ignore"):
            targets = [parameter(name).to_target(values[name]) for name in self.names]
        return np.column_stack(targets), factor

    def curves_of(self, table, factor):
        """Compute the curves of arguments that :meth:`checked` has checked.

        Parameters
        ----------
        table : ndarray of shape (n, n_names)
            Some rows of what it has returned.
        factor : ndarray of shape (n,)
            The same rows.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        curves = np.empty((len(factor), self.basis.shape[1]))
        for start in range(0, len(factor), _CHUNK):
            rows = slice(start, start + _CHUNK)
            scores = self.scores(table[rows])
            scores *= factor[rows, np.newaxis]
            np.matmul(scores, self.basis, out=curves[rows])
        return curves

    def project(self, curves):
        """Compute the scores of measured curves.

        Parameters
        ----------
        curves : ndarray of shape (n, n_frames)
            Measured or computed ones.

        Returns
        -------
        ndarray of shape (n, n_scores)
        """
        return curves @ self.basis.T

    def covers(self, ranges):
        """Tell whether ``{name: (lowest, highest)}`` in natural units lies within the ranges.

        What is fixed must be what it was fixed to.

        Parameters
        ----------
        ranges : dict
            Of all parameters that it interpolates over, and that are fixed.

        Returns
        -------
        bool
        """
        return all(self._holds(name, *ranges[name]) for name in self.ranges) and all(
            ranges[name] == (value, value) for name, value in self.fixed.items()
        )

    def _holds(self, name, lowest, highest):
        low, high = self.ranges[name]
        return lowest >= low * _BELOW_ONE and highest * _BELOW_ONE <= high

    def scores(self, values):
        """Compute the scores of curves with c0 = 1, without checking the arguments.

        Parameters
        ----------
        values : ndarray of shape (n, n_names)
            Columns as in `names`, on the targets' scales, inside their ranges.

        Returns
        -------
        ndarray of shape (n, n_scores)
        """
        return self._evaluate(values, ())[0]

    def scores_on_grid(self, axes):
        """Compute what :meth:`scores` does at all points of a grid, in a fraction of the time.

        Parameters
        ----------
        axes : sequence of array-like
            Points along each column of `names`, on the targets' scales, inside their ranges.

        Returns
        -------
        ndarray of shape (n, n_scores)
            n is the product of the numbers of points; the last column changes fastest.
        """
        axes = [np.asarray(points, dtype=float) for points in axes]
        columns = [axes[axis] for axis in self._axes]
        in_axes = self._polynomials(columns)
        rows, _ = self._in_depth(1 - axes[self._alpha], with_slope=False)
        mobile = axes[self._mobile][:, np.newaxis]
        scores = self._moving.on_grid(in_axes, rows)[..., np.newaxis, :]
        if not (mobile == 1).all():
            still = self._still.on_grid(in_axes, rows)[..., np.newaxis, :]
            scores = still + mobile * (scores - still)
        scores = scores + self._constant
        # All axes in the order of the columns; those that are known have one point.
        there = [*self._axes, self._alpha, self._mobile]
        known = [column for column in range(len(axes)) if column not in there]
        scores = scores.reshape(*scores.shape[:-1], *[1] * len(known), scores.shape[-1])
        scores = scores.transpose(*np.argsort([*there, *known]), -1)
        n_scores = scores.shape[-1]
        return np.broadcast_to(scores, (*map(len, axes), n_scores)).reshape(-1, n_scores)

    def scores_and_slopes(self, values, wanted):
        """Compute the scores, and their derivatives by some of the columns.

        Parameters
        ----------
        values : ndarray of shape (n, n_names)
            As in :meth:`scores`.
        wanted : sequence of int
            Columns to differentiate by.

        Returns
        -------
        scores : ndarray of shape (n, n_scores)
        slopes : list of ndarray of shape (n, n_scores)
        """
        step = max(1, _LARGEST_BASIS // max(1, self._moving.n_products))
        return evaluate_in_parts(self._evaluate, values, wanted, step)

    def _evaluate(self, values, wanted):
        mobile = values[:, self._mobile, np.newaxis]
        in_axes = self._in_axes(values)
        depth = 1 - values[:, self._alpha]
        rows, rows_slope = self._in_depth(depth, self._alpha in wanted)
        by_axes = any(axis in wanted for axis in self._axes)
        moving, *moving_slopes = self._moving.evaluate(in_axes, rows, rows_slope, by_axes)
        if self._mobile not in wanted and (mobile == 1).all():
            slopes = {self._alpha: moving_slopes[0]}
            for k, axis in enumerate(self._axes if by_axes else ()):
                slopes[axis] = moving_slopes[1][k]
            return moving + self._constant, [slopes[column] for column in wanted]
        still, *still_slopes = self._still.evaluate(in_axes, rows, rows_slope, by_axes)
        difference = moving - still
        slopes = {self._mobile: difference}
        if rows_slope is not None:
            by_alpha = still_slopes[0] + mobile * (moving_slopes[0] - still_slopes[0])
            slopes[self._alpha] = by_alpha
        for k, axis in enumerate(self._axes if by_axes else ()):
            slopes[axis] = mobile * moving_slopes[1][k] + (1 - mobile) * still_slopes[1][k]
        return self._constant + still + mobile * difference, [slopes[c] for c in wanted]

    def _in_axes(self, values):
        polynomials = chebyshev_basis_at_one if len(values) == 1 else chebyshev_basis
        return self._polynomials(values[:, self._axes].T, polynomials)

    def _polynomials(self, columns, polynomials=chebyshev_basis):
        """Evaluate Chebyshev polynomials along each axis that is interpolated over."""
        of_axes = zip(columns, self._lower, self._upper, self._moving.shape, strict=True)
        return [
            polynomials((2 * column - lower - upper) / (upper - lower), n)
            for column, lower, upper, n in of_axes
        ]

    def _in_depth(self, depth, with_slope):
        """Return the factors of the undepleted part and of the deficits, and slopes by alpha."""
        n_depth = len(self._depth_nodes)
        basis = chebyshev_basis_at_one if len(depth) == 1 else chebyshev_basis
        polynomials = basis(2 * depth - 1, n_depth)
        column = depth[:, np.newaxis]
        rows = self._with_undepleted(-column * polynomials, 1.0)
        if not with_slope:
            return rows, None
        slope = polynomials + 2 * column * (polynomials @ differentiation(n_depth))
        return rows, self._with_undepleted(slope, 0.0)

    def _with_undepleted(self, rows, value):
        if not self._undepleted_varies:
            return rows
        return np.concatenate([np.full((len(rows), 1), value), rows], axis=1)

    # Construction

    def _build(self, nodes, tolerance, basis_tolerance, everywhere):
        coefficients = nodes.coefficients(tolerance, everywhere)  # (..., 2, 1 + n_depth, n_frames)
        self.n_nodes = dict(zip(self.ranges, nodes.counts, strict=True))
        undepleted = coefficients[..., 0, :].copy()
        undepleted[(0,) * len(self._axes)] -= 1.0
        self._undepleted_varies = bool(np.abs(undepleted).max() > 1e-13)
        if not self._undepleted_varies:
            coefficients = coefficients[..., 1:, :]
        self.basis = spanned(coefficients.reshape(-1, self.protocol.n_values), basis_tolerance)
        scores = coefficients @ self.basis.T
        unit = 2 / (self._upper - self._lower)
        self._moving, self._still = (ChebyshevTensor(scores[..., k, :, :], unit) for k in (0, 1))
        ones = 0.0 if self._undepleted_varies else 1.0
        self._constant = ones * self.basis.sum(axis=1)

    def _measure_error(self, nodes):
        depth = np.array([0.07, 0.35, 0.62, 0.97])
        error = 0.0
        for unit in 2 * _halton(_CHECK_POINTS, len(self._axes)) - 1:
            point = nodes.point(unit) | {"c0": 1.0, "alpha": 1 - depth, "mobile_fraction": 0.9}
            error = max(error, np.abs(self.curves(**point) - nodes.model.curves(**point)).max())
        return float(error)


def _with_dependence(names, dependence):
    """Return the one parameter that curves of an exact model depend on in a way."""
    return next(name for name in names if parameter(name).dependence == dependence)


def _halton(n, dimensions):
    """Spread n points evenly over the unit cube, the same each time."""
    if dimensions == 0:
        return np.empty((1, 0))
    return qmc.Halton(dimensions, scramble=False).random(n + 1)[1:]
