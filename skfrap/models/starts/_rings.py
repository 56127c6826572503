"""Starts of an open field as its circle means see them: sums of ring-Gaussians.

The mean over circles about any point of any pattern obeys the radial heat equation on an open plane
exactly: the Laplacian commutes with rotations. A Gaussian of width s, smeared evenly over a ring of
radius rho, is after the time t

    b(r, t) = s² / S exp(-(r - rho)² / 2S) I0e(r rho / S),    S = s² + 2 D t,

with I0e the scaled Bessel function. So a sum of them moves in closed form, whatever its shape.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import i0e

from skfrap.parameters import Parameter, define

define(Parameter("moving_share", "", "linear", 0.0, 1.0, "of what is missing at first"))
define(Parameter("start_scale", "", "log10", 0.1, 10.0, "what is missing in profiles, over curve"))

_GROWTH = 1.12  # of the steps between centres beyond the patch
_FINE_STEPS = 8  # even steps, those within the patch
_REACH = 1.6  # over the last ring: material from beyond it flows in


def ring_gaussians(radii, spread, centres, widths):
    """Compute ring-Gaussians that diffusion has moved.

    Parameters
    ----------
    radii : ndarray of shape (n_radii,)
        Of the circles that are averaged over, in µm.
    spread : ndarray of shape (n_spreads,)
        What diffusion has added to the squared widths, 2 D t, in µm².
    centres, widths : ndarray of shape (n_basis,)
        Of the rings at the start, in µm.

    Returns
    -------
    ndarray of shape (n_spreads, n_radii, n_basis)
        1 at its largest for a Gaussian about the centre that has not moved.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.models.starts import ring_gaussians
    >>> gaussian = ring_gaussians(np.array([0.0, 1.0]), np.array([0.0, 1.0]), [0.0], [1.0])
    >>> gaussian[:, :, 0].round(3)  # twice the squared width: half the height
    array([[1.   , 0.607],
           [0.5  , 0.389]])
    """
    centres, widths = np.asarray(centres, float), np.asarray(widths, float)
    squares = widths**2 + np.asarray(spread, float)[:, np.newaxis, np.newaxis]
    radii = np.asarray(radii, float)[np.newaxis, :, np.newaxis]
    gaussian = np.exp(-((radii - centres) ** 2) / (2 * squares))
    return widths**2 / squares * gaussian * i0e(radii * centres / squares)


@dataclass(frozen=True, eq=False)
class RingBasis:
    """Rings about one point, dense within the patch and sparser outwards.

    Parameters
    ----------
    centres, widths : ndarray of shape (n_basis,)
        In µm; each width is the step to the next centre.
    """

    centres: np.ndarray
    widths: np.ndarray

    @classmethod
    def spanning(cls, step, last_radius):
        """Place rings for circles up to a radius.

        Parameters
        ----------
        step : float
            Between centres within the patch, in µm: a fifth of the patch's half-radius is enough.
        last_radius : float
            Of the outermost circle that is averaged over, in µm.

        Returns
        -------
        RingBasis
        """
        centres, widths, place = [], [], 0.0
        while place < _REACH * last_radius:
            centres.append(place)
            widths.append(step)
            if len(centres) > _FINE_STEPS:
                step *= _GROWTH
            place += step
        return cls(np.array(centres), np.array(widths))

    def __len__(self):
        return len(self.centres)

    def profiles(self, radii, spread):
        """Compute the basis as circle means: (n_spreads, n_radii, n_basis)."""
        return ring_gaussians(radii, spread, self.centres, self.widths)

    def roughness(self):
        """Return what makes a start rough: P of the penalty ``m @ P @ m``, (n_basis, n_basis).

        Second differences of the coefficients times the squared step, mirrored at the centre; the
        last coefficient is pulled towards zero.
        """
        n = len(self)
        places = np.append(-self.centres[1], self.centres)
        differences = np.zeros((n, n + 1))
        for i in range(1, n):
            left, right = places[i] - places[i - 1], places[i + 1] - places[i]
            second = np.array([1 / left, -(left + right) / (left * right), 1 / right])
            differences[i - 1, i - 1 : i + 2] = 0.5 * (left + right) * second
        differences[n - 1, n - 1 :] = -1, 1
        differences[:, 2] += differences[:, 0]  # the mirrored one
        differences = differences[:, 1:]
        return differences.T @ differences


def half_radius(radii, deficit, counts):
    """Find the radius at which a patch has half the depth of its middle.

    Parameters
    ----------
    radii, deficit, counts : ndarray of shape (n_radii,)
        Circle means of what is missing, and the pixels of each.

    Returns
    -------
    float
        In the unit of the radii; the last radius where the deficit falls nowhere to a half.
    """
    # A running mean over growing circles is smooth where single small rings are not.
    within = np.cumsum(deficit * counts) / np.cumsum(counts)
    smooth = np.convolve(np.pad(deficit, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    depth = within[: max(3, np.searchsorted(np.cumsum(counts), 25))].max()
    below = np.flatnonzero((smooth < 0.5 * depth) & (np.arange(len(radii)) > 0))
    return float(radii[below[0]]) if len(below) else float(radii[-1])
