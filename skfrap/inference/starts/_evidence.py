"""Evidence of linear models with Gaussian unknowns.

Values z = X u + noise of variance a, with unknowns u ~ N(0, L⁻¹), have, up to a constant,

    -2 log p(z) = z z / a - (g / a) H⁻¹ (g / a) + log |H| - log |L|,   H = G / a + L,

with G = XᵀX and g = Xᵀz. With G V = L V diag(mu), VᵀLV = 1, it is for any a

    z z / a - sum (Vᵀg / a)² / (1 + mu / a) + sum log(1 + mu / a),

so what does not depend on the data can be prepared.
"""

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

_JITTER = 1e-12  # of unit diagonals: rounding


class PreparedEvidence:
    """Evidence of many linear models of the same values, prepared for any data and noise.

    Parameters
    ----------
    gram : ndarray of shape (..., n, n)
        G of each model.
    precision : ndarray of shape (..., n, n)
        L of each model; leading axes as of `gram`, or fewer.

    Attributes
    ----------
    shape : tuple of int
        Of the models.
    """

    def __init__(self, gram, precision):
        gram, precision = np.broadcast_arrays(gram, precision)
        self.shape = gram.shape[:-2]
        n = gram.shape[-1]
        self._vectors = np.empty((*self.shape, n, n))
        self._strengths = np.empty((*self.shape, n))
        for index in np.ndindex(self.shape):
            strengths, vectors = eigh(gram[index], precision[index])
            self._strengths[index], self._vectors[index] = np.maximum(strengths, 0), vectors

    def deviance(self, products, a):
        """Compute -2 log p without the part that all models share.

        Parameters
        ----------
        products : ndarray of shape (..., n)
            g of one set of values, for each model; leading axes broadcast to `shape`.
        a : float

        Returns
        -------
        ndarray of the shape of the models
        """
        along = np.matmul(products[..., np.newaxis, :], self._vectors)[..., 0, :] / a
        gain = 1 + self._strengths / a
        return np.sum(np.log(gain) - along**2 / gain, axis=-1)


def solve(gram, products, precision, a):
    """Return what all depends on at one model: the deviance, and the mean of the unknowns.

    Parameters
    ----------
    gram, precision : ndarray of shape (n, n)
    products : ndarray of shape (n,)
    a : float

    Returns
    -------
    deviance : float
        As above, but for log |L|, which is the user's to subtract.
    mean : ndarray of shape (n,)
    """
    factor, size = _factor(gram, precision, a)
    right = products * (size / a)
    mean, _ = dpotrs(factor, right, lower=1)
    log_determinant = 2 * np.log(factor.diagonal() / size).sum()
    return float(log_determinant - right @ mean), size * mean


def slope(gram, products, precision, a, gram_slope, products_slope):
    """Return the deviance as :func:`solve` does, and its derivative by what G and g depend on.

    Parameters
    ----------
    gram, products, precision, a : object
        As in :func:`solve`.
    gram_slope : ndarray of shape (n, n)
    products_slope : ndarray of shape (n,)

    Returns
    -------
    deviance, slope : float
    """
    factor, size = _factor(gram, precision, a)
    right = products * (size / a)
    mean, _ = dpotrs(factor, right, lower=1)
    log_determinant = 2 * np.log(factor.diagonal() / size).sum()
    inverse, _ = dpotri(factor, lower=1)
    scaled = gram_slope * (size[:, np.newaxis] * size)
    # The inverse has its lower half only.
    trace = 2 * np.vdot(np.tril(inverse), scaled) - inverse.diagonal() @ scaled.diagonal()
    found = (trace + mean @ scaled @ mean) / a - 2 * (products_slope * size) @ mean / a
    return float(log_determinant - right @ mean), float(found)


def _factor(gram, precision, a):
    """Return the Cholesky factor of H with its diagonal scaled to 1, and the scale."""
    scaled = gram / a + precision
    size = 1 / np.sqrt(scaled.diagonal())
    scaled *= size[:, np.newaxis] * size
    scaled.flat[:: len(size) + 1] += _JITTER
    factor, info = dpotrf(scaled, lower=1, clean=1)
    if info:
        raise np.linalg.LinAlgError("the precision of the unknowns is not positive.")
    return factor, size
