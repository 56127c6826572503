"""Covariance matrices, of what is determined and of what is not."""

import numpy as np

_SINGULAR = 1e-13


def inverse_with_voids(precision):
    """Invert precision matrices; what they leave undetermined has an infinite variance."""
    diagonal = np.einsum("nvv->nv", precision)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    with np.errstate(invalid="ignore"):  # infinite precision, of curves without noise
        scaled = precision / scale[:, :, np.newaxis] / scale[:, np.newaxis]
    broken = ~np.isfinite(scaled).all(axis=(1, 2))
    scaled[broken] = 0.0
    values, vectors = np.linalg.eigh(scaled)
    void = values <= _SINGULAR * np.maximum(values[:, -1:], 1.0)
    inverted = np.where(void, 0.0, 1 / np.where(void, 1.0, values))
    covariance = (vectors * inverted[:, np.newaxis]) @ vectors.swapaxes(1, 2)
    undetermined = np.einsum("nvk,nk->nv", vectors**2, void) > 1e-8
    covariance[undetermined] = 0.0
    covariance.swapaxes(1, 2)[undetermined] = 0.0
    covariance /= scale[:, :, np.newaxis] * scale[:, np.newaxis]
    rows, columns = np.nonzero(undetermined)
    covariance[rows, columns, columns] = np.inf
    return covariance


def propagated_error(gradient, covariance, no_slope):
    """Compute the standard error of what depends on estimates, by the delta method.

    Parameters
    ----------
    gradient : ndarray of shape (n, n_estimates)
    covariance : ndarray of shape (n, n_estimates, n_estimates)
        As :func:`inverse_with_voids` leaves it.
    no_slope : float
        Up to which a derivative is rounding.

    Returns
    -------
    ndarray of shape (n,)
        Infinite where the quantity depends on what is not determined.
    """
    determined = np.isfinite(np.einsum("nvv->nv", covariance))
    finite = np.where(np.isfinite(covariance), covariance, 0.0)
    variance = np.einsum("nv,nvw,nw->n", gradient, finite, gradient)
    unknown = ((np.abs(gradient) > no_slope) & ~determined).any(axis=1)
    return np.sqrt(np.where(unknown, np.inf, np.maximum(variance, 0.0)))
