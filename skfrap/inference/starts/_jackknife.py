"""Errors of D from what parts of the data say of it, whatever made them differ."""

import numpy as np
from scipy.stats import chi2, norm
from scipy.stats import t as student

_BLOCKS = 10, 5  # of neighbours, which go together: over longer stretches in the larger ones
_BY_CHANCE = 0.9  # of what noise alone makes of a jackknife
_LEAST_LEFT = 0.1  # of what is known of D, in all parts but one


def block_jackknife(pulls, information, others=0.0):
    """Measure the variance of log10 D by leaving out blocks of neighbours: small or large ones.

    Parameters
    ----------
    pulls, information, others : object
        As of :func:`jackknife_variance`, of parts in their order.

    Returns
    -------
    variance : float
        The larger one.
    freedom : int
        Its degrees of freedom.
    """
    found = []
    for n_blocks in _BLOCKS:
        n_blocks = min(n_blocks, len(pulls))
        blocks = [
            np.array([block.sum() for block in np.array_split(values, n_blocks)])
            for values in (pulls, information)
        ]
        found.append((jackknife_variance(*blocks, others), max(n_blocks - 1, 1)))
    return max(found)


def even_block_jackknife(pulls, information):
    """Measure the variance of log10 D by leaving out blocks of neighbours that say as much of it.

    Of fast diffusion the first frames say nearly all, and D without them would be anything.

    Parameters
    ----------
    pulls, information : ndarray of shape (n_parts,)
        As of :func:`jackknife_variance`, of parts in their order.

    Returns
    -------
    variance : float
        The larger one, over small or large blocks.
    freedom : int
        Its degrees of freedom.
    """
    before = np.cumsum(information) - 0.5 * information
    found = []
    for n_blocks in _BLOCKS:
        place = np.floor(n_blocks * before / max(before[-1], np.finfo(float).tiny))
        _, block = np.unique(place, return_inverse=True)
        sums = [np.bincount(block, values) for values in (pulls, information)]
        found.append((jackknife_variance(*sums), max(block.max(), 1)))
    return max(found)


def jackknife_variance(pulls, information, others=0.0):
    """Measure the variance of log10 D by leaving out one part of the data after the other.

    To first order, D without a part is moved by ``pull / (total - information)``, with the part's
    share of u r and of u u: the residuals r, and the tangent u of the values by log10 D without
    what the start could take up. A part that D rests on moves it by more than its residuals say.

    Parameters
    ----------
    pulls, information : ndarray of shape (n_parts,)
        Sums of u r and of u u over each part.
    others : float, default=0.0
        The sum of u u over what is never left out.

    Returns
    -------
    float
        Infinite where there are not two parts.

    Examples
    --------
    The parts being as informative, it is the variance of a mean:

    >>> import numpy as np
    >>> from skfrap.inference.starts._jackknife import jackknife_variance
    >>> values = np.array([1.0, 3.0, 2.0, 6.0])
    >>> bool(np.isclose(jackknife_variance(values, np.ones(4)), values.var(ddof=1) / 4))
    True
    """
    n, total = len(pulls), np.sum(information) + others
    if n < 2 or not total > 0:
        return np.inf
    moves = pulls / np.maximum(total - information, _LEAST_LEFT * total)
    return float((n - 1) / n * np.sum((moves - moves.mean()) ** 2))


def beyond_noise(found, noise):
    """Return the variance that jackknives show beside that of the noise.

    Few parts scatter much by chance. What noise alone would make of them in one case of ten is
    taken for noise, or all intervals of clean data would be too wide.

    Parameters
    ----------
    found : list of tuple (variance, freedom)
        By different parts of the data. What is independent in all pixels is in each of them.
    noise : float
        Variance by the noise alone.

    Returns
    -------
    variance : float
    freedom : int
        Of the larger one.
    """
    freedom = max(found)[1]
    if all(one <= noise * chi2.ppf(_BY_CHANCE, n) / n for one, n in found):
        return 0.0, freedom
    # One alone stands for both.
    total = 2 * float(np.mean([variance for variance, _ in found]))
    return max(total - 2 * noise, 0.0), freedom


def reach_of(noise, error, freedom, level):
    """Return half of an interval's width where a part of the error is measured, the noise known.

    The degrees of freedom are Welch and Satterthwaite's: those of the measured part where that is
    all, infinite where there is the noise only.

    Parameters
    ----------
    noise, error : float
        Standard errors by the noise alone, and all in all.
    freedom : int
        Of what there is beside the noise.
    level : float

    Returns
    -------
    float
    """
    measured = max(error**2 - noise**2, 0.0)
    if not measured > 0:
        return error * norm.ppf(0.5 + level / 2)
    if not np.isfinite(measured):
        return np.inf
    return error * student.ppf(0.5 + level / 2, freedom * (error**2 / measured) ** 2)
