"""Everything that was fitted, kept: whatever is asked of a fit later is read from it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skfrap.experiment import FRAPProtocol
from skfrap.parameters import ParameterSpace

_PER_CURVE = (
    "data",
    "theta",
    "covariance",
    "curves",
    "light",
    "residual_sum_of_squares",
    "converged",
    "n_iter",
    "rivals",
    "observed",
    "levels",
)


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """Keep all of the fits of a batch of n curves, by whichever estimator.

    ``estimator.estimate(X).fit`` is one. Tables, pictures, comparisons and judgements read it, so
    that nothing is fitted twice.

    Attributes
    ----------
    forward : ForwardMap
        Computes curves and their derivatives over the parameter space.
    data : ndarray of shape (n, n_frames)
        The measured curves.
    theta : ndarray of shape (n, n_free)
        The estimates, on the targets' scales, of all that is free, in the order of `space`.
    covariance : ndarray of shape (n, n_free, n_free)
        Of theta; infinite variances of what a curve does not determine, NaN where not known.
    curves : ndarray of shape (n, n_frames)
        The model's curves that belong to theta.
    light : ndarray of shape (n, n_frames)
        What the noise of the curves goes by, see :class:`skfrap.experiment.Noise`.
    residual_sum_of_squares : ndarray of shape (n,)
    noise : Noise
        Of single pixels, as far as the fit tells it.
    converged : ndarray of shape (n,) of bool
    n_iter : ndarray of shape (n,) of int or None
        Steps that it took; None where there are none.
    rivals : ndarray of shape (n, n_starts, n_free) or None
        Quite other estimates that were seen to fit as well; NaN where there is none.
    observed : ndarray of shape (n, n_frames) of bool or None
        Which frames the measured curves have; None is all of them. The others were left out of the
        fits: data and residuals are NaN there, curves are not.
    n_values : int or None
        Of image series, whose rows are scores: how many values count, free levels taken off. None
        is of curves, all their values.
    levels : ndarray of shape (n, n_frames) or None
        Level of each frame, where it was free.
    """

    forward: Any
    data: np.ndarray
    theta: np.ndarray
    covariance: np.ndarray
    curves: np.ndarray
    light: np.ndarray
    residual_sum_of_squares: np.ndarray
    noise: Any
    converged: np.ndarray
    n_iter: np.ndarray | None = None
    rivals: np.ndarray | None = None
    observed: np.ndarray | None = None
    n_values: int | None = None
    levels: np.ndarray | None = None

    def __len__(self):
        return len(self.theta)

    def __repr__(self):
        return f"Fit({len(self)} curves, {', '.join(self.space.target_names)})"

    @property
    def space(self) -> ParameterSpace:
        """The parameter space: what is free, in which bounds, and what is known."""
        return self.forward.space

    @property
    def protocol(self) -> FRAPProtocol:
        """The experiment."""
        return self.forward.evaluator.protocol

    @property
    def frames(self) -> np.ndarray:
        """Which frames of the experiment the columns are, (m,): all, or those that were fitted."""
        frames = getattr(self.forward.evaluator, "frames", None)
        return np.arange(self.data.shape[1]) if frames is None else frames

    @property
    def n_prebleach(self) -> int:
        """How many of the columns are from before bleaching."""
        return int(np.count_nonzero(self.frames < self.protocol.n_prebleach))

    @property
    def residuals(self) -> np.ndarray:
        """What the model's curves leave of the measured ones, (n, n_frames)."""
        return self.data - self.curves

    @property
    def std(self) -> np.ndarray:
        """Standard errors of theta, (n, n_free)."""
        return np.sqrt(np.einsum("nvv->nv", self.covariance))

    @property
    def freedom(self) -> Any:
        """Frames less parameters: an int, or (n,) where curves lack frames."""
        if self.n_values is not None:
            return self.n_values - self.theta.shape[1]
        n_frames = self.data.shape[1] if self.observed is None else self.observed.sum(axis=1)
        return n_frames - self.theta.shape[1]

    @property
    def residual_variance(self) -> np.ndarray:
        """Variance of a curve's values, (n,); NaN without degrees of freedom."""
        enough = self.freedom >= 1
        squares = self.residual_sum_of_squares
        return np.where(enough, squares, np.nan) / np.where(enough, self.freedom, 1)

    @property
    def deviations(self) -> np.ndarray:
        """Standard deviation of the noise in each frame, (n, n_frames)."""
        return self.noise.standard_deviation(self.light)

    @property
    def at_lower(self) -> np.ndarray:
        """Which estimates are at their lower bounds, (n, n_free) of bool."""
        return self.theta <= self.space.lower

    @property
    def at_upper(self) -> np.ndarray:
        """Which estimates are at their upper bounds, (n, n_free) of bool."""
        return self.theta >= self.space.upper

    @property
    def has_rival(self) -> np.ndarray:
        """Which curves other estimates fit as well, (n,) of bool."""
        if self.rivals is None:
            return np.zeros(len(self), dtype=bool)
        return np.isfinite(self.rivals).any(axis=(1, 2))

    def take(self, rows: Any) -> "Fit":
        """Take some of the curves.

        Parameters
        ----------
        rows : slice or array of int or bool
            Which of them.

        Returns
        -------
        Fit
        """
        each = {name: getattr(self, name) for name in _PER_CURVE}
        taken: dict[str, Any] = {
            name: None if values is None else values[rows] for name, values in each.items()
        }
        return replace(self, noise=self.noise.take(rows), **taken)

    def of_first_row(self) -> "Fit":
        """Take what the fit makes of the first row, the bleach region, where it has several.

        Returns
        -------
        Fit
            Estimates and their covariance are still those of all rows.
        """
        protocol = self.protocol
        if protocol.n_rows == 1 or self.n_values is not None:
            return self
        first = slice(protocol.n_frames)
        noise = self.noise
        if np.ndim(noise.a) == 2:
            noise = replace(noise, a=noise.a[:, 0])
        residuals = self.residuals[:, first]
        return replace(
            self,
            forward=self.forward.at_frames(np.arange(protocol.n_frames)),
            data=self.data[:, first],
            curves=self.curves[:, first],
            light=self.light[:, first],
            residual_sum_of_squares=np.sum(residuals**2, axis=1),
            noise=replace(noise, gain=protocol.noise_gain),
        )

    def values(self) -> dict[str, Any]:
        """Return all parameters of the model by name in natural units, each of shape (n,).

        Returns
        -------
        dict of str to ndarray of shape (n,)
            In natural units.
        """
        return self.space.values(self.theta)

    def tangents(self, rows: Any = slice(None), *, at_bounds: bool = True) -> np.ndarray:
        """Compute the derivatives of fitted curves by the free parameters.

        Parameters
        ----------
        rows : slice or ndarray of int, default=slice(None)
            Of which curves.
        at_bounds : bool, default=True
            False gives zeros for estimates at a bound, which the fit could not move.

        Returns
        -------
        ndarray of shape (m, n_free, n_frames)
        """
        tangents = self.forward.tangents(self.theta[rows])
        if not at_bounds:
            tangents[(self.at_lower | self.at_upper)[rows]] = 0.0
        return tangents
