"""Estimates at the ends of what was allowed, and curves that ask for a value beyond."""

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student_t

_NEAR = 4.0  # standard errors, from an end of the range
_NEAR_OF_RANGE = 0.05  # of its width


def words_at_bounds(name, given_bounds):
    """Say of a rate that it is at its lower, and that it is at its upper bound."""
    of_protocol = name == "D" and name not in given_bounds
    none = "no recovery seen: " if of_protocol else ""
    over = "recovery over before the first frame: " if of_protocol else ""
    return f"{none}{name} is at its lower bound", f"{over}{name} is at its upper bound"


class Unbounded(NamedTuple):
    """Hold where curves would have their parameters if there were no bounds.

    Attributes
    ----------
    theta : ndarray of shape (n, n_free)
        On the targets' scales; NaN for curves none of whose estimates is near an end.
    std : ndarray of shape (n, n_free)
        Standard errors.
    freedom : int or ndarray of shape (n,)
        As of a Fit.
    """

    theta: np.ndarray
    std: np.ndarray
    freedom: Any

    def limits(self, share):
        """Return what curves lie beyond an end by chance in a share of them, (n, n_free)."""
        reach = student_t.isf(share, np.maximum(self.freedom, 1))
        return np.reshape(reach, (-1, 1)) * self.std


def without_bounds(fit):
    """Estimate anew without bounds: one Gauss-Newton step in all that is free.

    Where an estimate hugs an end of its range its interval looks as any other, while all other
    parameters are drawn away to make up for what it may not be.

    Parameters
    ----------
    fit : Fit
        Of curves of one row, or of all rows.

    Returns
    -------
    Unbounded
    """
    asked, std = np.full((2, *fit.theta.shape), np.nan)
    freedom = np.broadcast_to(fit.freedom, len(fit))
    rows = np.flatnonzero(_near_an_end(fit) & (freedom >= 1))
    if len(rows):
        weight = _weights(fit, rows)
        tangents = fit.tangents(rows) * weight[:, np.newaxis]
        residuals = np.nan_to_num(fit.residuals[rows]) * weight
        # Parameters are of very different sizes.
        size = np.linalg.norm(tangents, axis=2)
        some = (size > 0).all(axis=1)
        rows, size, tangents, residuals = rows[some], size[some], tangents[some], residuals[some]
        tangents /= size[:, :, np.newaxis]
        inverse = np.linalg.pinv(tangents @ tangents.swapaxes(1, 2), hermitian=True)
        step = np.einsum("nvw,nwf,nf->nv", inverse, tangents, residuals)
        left = residuals - np.einsum("nv,nvf->nf", step, tangents)
        variance = np.einsum("nf,nf->n", left, left) / freedom[rows]
        asked[rows] = fit.theta[rows] + step / size
        std[rows] = np.sqrt(variance[:, np.newaxis] * np.einsum("nvv->nv", inverse)) / size
    return Unbounded(asked, std, fit.freedom)


def images_without_bounds(fit, step, ratio_of):
    """Estimate anew without bounds, as :func:`without_bounds`, from the scores of images.

    Parameters
    ----------
    fit : Fit
        Of rows of scores.
    step : callable
        ``step(X, theta)`` gives where rows have their optimum, were there no bounds, the standard
        errors there, and the squares that are left; as ``ImageFitter.step_without_bounds``.
    ratio_of : callable
        ``ratio_of(squares, rows)`` holds such squares of some rows against noise, 1 being noise
        alone: errors are larger where the model does not describe the images.

    Returns
    -------
    Unbounded
    """
    asked, std = np.full((2, *fit.theta.shape), np.nan)
    rows = np.flatnonzero(_near_an_end(fit))
    if len(rows):
        asked[rows], std[rows], squares = step(fit.data[rows], fit.theta[rows])
        std[rows] *= np.sqrt(np.fmax(ratio_of(squares, rows), 1.0))[:, np.newaxis]
    return Unbounded(asked, std, fit.freedom)


def _near_an_end(fit):
    """Tell which fits have an estimate near an end of its range, (n,) of bool."""
    lower, upper = fit.space.lower, fit.space.upper
    with np.errstate(invalid="ignore"):
        reach = np.fmax(_NEAR * fit.std, _NEAR_OF_RANGE * (upper - lower))
    near = (fit.theta - lower < reach) | (upper - fit.theta < reach)
    return near.any(axis=1)


def _weights(fit, rows):
    """Return one over the noise's standard deviation in each frame; 0 for frames that are not."""
    deviations = np.broadcast_to(fit.deviations, fit.data.shape)[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(deviations > 0, 1 / deviations, 0.0)
    weight[~weight.any(axis=1)] = 1.0  # no noise to speak of
    return np.where(np.isfinite(fit.residuals[rows]), weight, 0.0)
