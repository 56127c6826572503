"""Curves that lack frames: which rows lack the same, so that they are worked on together."""

import numpy as np

FEWEST_FRAMES = 2
"""Curves with fewer values than this have nothing to fit."""


def patterns(X):
    """Group curves by the frames that they have.

    Parameters
    ----------
    X : ndarray of shape (n, n_frames)
        NaN where there is no value.

    Returns
    -------
    list of (rows, frames)
        Indices of curves, and those of the frames that they have, increasing.
    """
    packed, inverse = np.unique(np.packbits(~np.isnan(X), axis=1), axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    order = np.argsort(inverse, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(inverse))[:-1])
    observed = np.unpackbits(packed, axis=1, count=X.shape[1])
    return [(rows, np.flatnonzero(row)) for rows, row in zip(groups, observed, strict=True)]
