"""The Mittag-Leffler function, by which relaxation with memory decays.

E_a(-x) is the inverse Laplace transform of s^(a - 1) / (s^a + x) at the time 1. All that this is
singular at lies on the negative axis, for any x >= 0, so that one contour around the axis does for
all of them; the midpoint rule on it converges geometrically [1]_. What comes out is a sum of a
dozen fractions in x, each with its pole off the positive axis.

References
----------
.. [1] Trefethen, Weideman, Schmelzer, BIT Numer. Math. 46, 653-670 (2006).
"""

import numpy as np

# Half of the nodes, the others are their conjugates. Each pair takes the error down by 3.89²; with
# more the largest weight, exp(0.17 * 26), would let rounding grow.
_NODES = 13
_LOWEST_ORDER = 0.01


def mittag_leffler(order, x):
    """Compute E_order(-x), which is exp(-x) at the order 1.

    Parameters
    ----------
    order : float
        0.01 to 1.
    x : ndarray
        >= 0, of any shape.

    Returns
    -------
    ndarray of the shape of x
        1 at x = 0, falling to 0 as 1 / (x Gamma(1 - order)); to 1e-13.

    Raises
    ------
    ValueError
        If the order is not in its range, or x is negative.
    """
    if not _LOWEST_ORDER <= order <= 1:
        raise ValueError(f"order must be between {_LOWEST_ORDER} and 1, got {order!r}.")
    x = np.asarray(x, dtype=float)
    if not (x >= 0).all():
        raise ValueError(f"x must be >= 0, got values from {np.min(x):g}.")
    nodes, weights = _contour(_NODES)
    residues = weights * nodes ** (order - 1)
    total = np.zeros(x.shape)
    for pole, residue in zip(nodes**order, residues, strict=True):
        # The real part of residue / (pole + x), without complex arrays.
        from_pole = x + pole.real
        numerator = residue.real * from_pole
        numerator += residue.imag * pole.imag
        from_pole *= from_pole
        from_pole += pole.imag**2
        numerator /= from_pole
        total += numerator
    return total


def _contour(n):
    """Return nodes in the upper half plane, 2 n being all, and weights: 2 exp(s) ds / 2 pi i."""
    angles = np.pi * (np.arange(n) + 0.5) / n
    cotangent = 1 / np.tan(0.6407 * angles)
    shape = 0.5017 * angles * cotangent - 0.6122 + 0.2645j * angles
    slope = 0.5017 * cotangent - 0.5017 * 0.6407 * angles / np.sin(0.6407 * angles) ** 2 + 0.2645j
    nodes = 2 * n * shape
    return nodes, 2 * np.exp(nodes) * slope / 1j
