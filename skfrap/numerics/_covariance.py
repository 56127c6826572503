"""Covariance matrices, of what is determined and of what is not."""

import numpy as np

_SINGULAR = 1e-13
_SMALL = 4  # rows of a matrix: up to so many it takes less to write out what LAPACK does
_FEW = 16  # matrices


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


def products_of_rows(matrices):
    """Multiply many matrices by their transposes: (n, v, s) to (n, v, v).

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.numerics._covariance import products_of_rows
    >>> products_of_rows(np.array([[[1.0, 2.0], [0.0, 3.0]]]))[0].tolist()
    [[5.0, 6.0], [6.0, 9.0]]
    """
    n, v, _ = matrices.shape
    if v > _SMALL or n < _FEW:
        return matrices @ matrices.swapaxes(1, 2)
    products = np.empty((n, v, v))
    for j in range(v):
        for i in range(j, v):
            product = np.einsum("ns,ns->n", matrices[:, i], matrices[:, j])
            products[:, i, j] = products[:, j, i] = product
    return products


def inverse_of_definite(matrices):
    """Invert many small matrices that are symmetric and positive definite.

    Parameters
    ----------
    matrices : ndarray of shape (n, v, v)
        Only what is on and below the diagonals counts.

    Returns
    -------
    ndarray of shape (n, v, v)

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.numerics._covariance import inverse_of_definite
    >>> inverse_of_definite(np.tile([[2.0, 1.0], [1.0, 1.0]], (20, 1, 1)))[0].tolist()
    [[1.0, -1.0], [-1.0, 2.0]]
    """
    v = matrices.shape[1]
    if v > _SMALL or len(matrices) < _FEW:
        return np.linalg.inv(matrices)
    entries = np.ascontiguousarray(matrices.transpose(1, 2, 0))
    # L D L', of which L has ones on its diagonal; then the inverse M of L, and M' M / D.
    diagonal, lower = [], [[0.0] * v for _ in range(v)]
    for j in range(v):
        scaled = [lower[j][k] * diagonal[k] for k in range(j)]
        diagonal.append(_less_products(entries[j, j], lower[j], scaled))
        for i in range(j + 1, v):
            lower[i][j] = _less_products(entries[i, j], lower[i], scaled) / diagonal[j]
    inverse = [[1.0 if i == j else 0.0 for j in range(v)] for i in range(v)]
    for j in range(v):
        for i in range(j + 1, v):
            within = range(j + 1, i)
            some, others = [lower[i][k] for k in within], [inverse[k][j] for k in within]
            inverse[i][j] = _less_products(-lower[i][j], some, others)
    result = np.empty_like(matrices)
    for i in range(v):
        for j in range(i + 1):
            parts = [inverse[k][i] * inverse[k][j] / diagonal[k] for k in range(i, v)]
            result[:, i, j] = result[:, j, i] = sum(parts[1:], parts[0])
    return result


def _less_products(value, some, others):
    for one, other in zip(some, others, strict=False):
        value = value - one * other
    return value


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
