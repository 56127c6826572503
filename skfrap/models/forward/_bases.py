"""Orthonormal bases that lose no more than a share of what data tell of parameters."""

import numpy as np

_WEAKEST = 1e-9  # direction, relative to the strongest, that is no rounding
_ROUNDING = 1e-11  # of the squared size of a direction
_MOST = 160  # directions that a basis is chosen from


def whitened(tangents):
    """Orthonormalise the tangents at each point, over all that is seen there.

    Parameters
    ----------
    tangents : ndarray of shape (n_points, n_free, n_frames, n)
        Derivatives of what is seen by parameters.

    Returns
    -------
    ndarray of shape (n_points, n_free, n_frames, n)
        Rows over (n_frames, n) are orthonormal, or zero, and span the same.
    """
    rows = tangents.reshape(*tangents.shape[:2], -1)
    sizes = np.linalg.norm(rows, axis=2, keepdims=True)
    rows = rows / np.where(sizes > 0, sizes, 1.0)
    values, vectors = np.linalg.eigh(rows @ rows.swapaxes(1, 2))
    # What tangents have not apart but by rounding is no direction.
    weak = values < _ROUNDING * values[:, -1:]
    inverse_root = np.where(weak, 0.0, 1 / np.sqrt(np.where(weak, 1.0, values)))
    inverse_root = vectors * inverse_root[:, np.newaxis]
    return (inverse_root.swapaxes(1, 2) @ rows).reshape(tangents.shape)


def spanning(rows, first, n_most=_MOST):
    """Span rows by orthonormal ones, the strongest directions first.

    Parameters
    ----------
    rows : ndarray of shape (m, n)
    first : ndarray of shape (n,)
        A unit vector that leads the basis.
    n_most : int

    Returns
    -------
    ndarray of shape (k, n)
    """
    rows = rows - np.outer(rows @ first, first)
    n_most = min(n_most, *rows.shape)
    # A subspace that is found from random combinations, and once more from what they show.
    probes = np.random.default_rng(0).standard_normal((len(rows), n_most))
    subspace, _ = np.linalg.qr(rows.T @ probes)
    subspace, _ = np.linalg.qr(rows.T @ (rows @ subspace))
    _, strengths, directions = np.linalg.svd(rows @ subspace, full_matrices=False)
    kept = directions[strengths > _WEAKEST * strengths[0]] @ subspace.T
    basis, _ = np.linalg.qr(np.vstack([first, kept]).T)
    basis = basis.T
    return np.ascontiguousarray(basis * np.sign(basis[:1] @ first))


def shares_lost(unit_tangents, basis):
    """Compute what the first rows of a basis lose of the Fisher information, at worst.

    Parameters
    ----------
    unit_tangents : ndarray of shape (n_points, n_free, n_frames, n)
        As :func:`whitened` gives them.
    basis : ndarray of shape (k, n)
        Every frame is projected on it.

    Returns
    -------
    ndarray of shape (k,)
        By 1, 2, ... k rows: the largest share lost of any direction of parameters at any point.
    """
    rows = unit_tangents.reshape(*unit_tangents.shape[:2], -1)
    lost = rows @ rows.swapaxes(1, 2)
    inside = unit_tangents @ basis.T
    worst = np.empty(len(basis))
    for k in range(len(basis)):
        part = inside[..., k]
        lost -= part @ part.swapaxes(1, 2)
        worst[k] = np.linalg.eigvalsh(lost)[:, -1].max()
    return worst


def enough_rows(unit_tangents, basis, share):
    """Take as few first rows of a basis as lose no more than a share of the information."""
    good = np.flatnonzero(shares_lost(unit_tangents, basis) <= share)
    return basis[: good[0] + 1] if len(good) else basis
