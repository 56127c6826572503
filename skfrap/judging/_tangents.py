"""How fitted curves change with parameters, and how far new measurements may lie from them."""

import numpy as np

VOID = 1e-8  # singular values below this part of the largest are rounding


def tangents_of(estimator, theta):
    """Compute derivatives of an estimator's curves: another name of its method `tangents`.

    Parameters
    ----------
    estimator : LeastSquaresFRAP, BayesianFRAP or NeuralFRAP
        Fitted.
    theta : array-like of shape (n, n_targets)
        What was estimated.

    Returns
    -------
    ndarray of shape (n, n_targets, n_frames)
    """
    return estimator.tangents(theta)


def prediction_deviations(X, fitted, tangents):
    """Compute standard deviations of new measurements about fitted curves.

    They have the noise of the residuals, and what the fit does not know of the curve itself.

    Parameters
    ----------
    X, fitted : ndarray of shape (n, n_frames)
        Measured curves, and those of the fit; X may be NaN in frames that were left out.
    tangents : ndarray of shape (n, n_free, n_frames)
        Derivatives of the fitted curves, as from :func:`tangents_of`.

    Returns
    -------
    ndarray of shape (n, n_frames)

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.judging import prediction_deviations
    >>> X, mean = np.array([[1.0, 2.0, 3.0, 2.0]]), np.full((1, 4), 2.0)
    >>> prediction_deviations(X, mean, np.ones((1, 1, 4))).round(3).tolist()  # s sqrt(1 + 1/4)
    [[0.913, 0.913, 0.913, 0.913]]
    """
    residuals, observed = X - fitted, ~np.isnan(X)
    freedom = np.maximum(1, observed.sum(axis=1) - tangents.shape[1])
    variance = np.sum(residuals**2, axis=1, where=observed) / freedom
    lengths = np.linalg.norm(tangents, axis=2, keepdims=True)
    moves = (tangents / np.where(lengths > 0, lengths, 1.0)).swapaxes(1, 2)
    # The fit knows of the frames that were observed.
    _, values, axes = np.linalg.svd(moves * observed[:, :, np.newaxis], full_matrices=False)
    # What does not move the curve has no direction.
    kept = values > VOID * values[:, :1]
    scales = kept / np.where(kept, values, 1.0)
    known_to = np.sum((moves @ axes.swapaxes(1, 2) * scales[:, np.newaxis]) ** 2, axis=2)
    return np.sqrt(variance[:, np.newaxis] * (1 + known_to))
