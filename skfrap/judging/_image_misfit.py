"""How far images are from the model that was fitted to them, and what that makes of its errors.

Noise of pixels alone gives errors of some thousandths, since pixels are millions. What is not as
the model has it, uneven light, an edge that is soft, a neighbour, is the same in all of them, and
does not become less with their number. It is seen by its pattern: a fit is a sum over rings,
sectors and stretches of time, and each of these pulls it its own way. How far they pull apart, and
how far the estimate moves when outer rings are left out, says how much it is worth.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import chi2

from skfrap.judging._cells_of_images import CellScores

_N_STRETCHES = 8  # of time
_WINDOWS = 1.6, 2.5  # radii of the bleach region, within which the fit is done again
_FEW = 3  # rings, that a window has at least
_FEW_PIXELS = 8  # of a cell, from which it tells the noise
_LEVEL = 0.98  # of tests: what differs by less differs by chance
_SURE = 3.0  # standard errors, likewise
_STEPS = 20
_LONGEST = 0.3  # decades, or what a parameter is in, of one step
_DONE = 1e-7  # the same: a step that ends a fit


@dataclass(frozen=True, eq=False)
class ImageMisfit:
    """Hold how far images are from a model, and the errors of its parameters for that reason.

    Attributes
    ----------
    names : tuple of str
        Of the parameters, in the columns of what follows.
    noise_error : ndarray of shape (n_free,)
        Standard errors by the white noise of pixels alone.
    misfit_error : ndarray of shape (n_free,)
        What is seen of errors besides: 0 where nothing is.
    total_error : ndarray of shape (n_free,)
        Of both: the error to report.
    by_rings, by_sectors, by_time, by_windows : ndarray of shape (n_free,)
        Standard errors that rings, sectors and stretches of time show by how they differ, and how
        far apart the fits in smaller windows are, beyond their noise.
    windows : dict of float to ndarray of shape (n_free,)
        Estimates from the pixels within so many radii of the region; infinite is all of them.
    pixel_variance : float
        Of the noise: the median over frames and cells.
    chi2_of_frames : ndarray of shape (n_frames,)
        Mean squares of what is left, over that variance: 1 is noise alone.
    chi2_of_rings : ndarray of shape (n_rings,)
        The same of each ring, and all frames.
    pattern : ndarray of shape (n_stretches, n_rings)
        Mean of what is left of a ring in a stretch of time, in standard deviations by noise alone.
    radii : ndarray of shape (n_rings,)
        Outer ends of the rings, in radii of the region.
    """

    names: tuple
    noise_error: np.ndarray
    misfit_error: np.ndarray
    by_rings: np.ndarray
    by_sectors: np.ndarray
    by_time: np.ndarray
    by_windows: np.ndarray
    windows: dict
    pixel_variance: float
    chi2_of_frames: np.ndarray
    chi2_of_rings: np.ndarray
    pattern: np.ndarray
    radii: np.ndarray = field(repr=False)

    @property
    def total_error(self):
        """Standard errors by noise and misfit together, (n_free,)."""
        return np.hypot(self.noise_error, self.misfit_error)

    @property
    def factor(self):
        """How many times the error by noise alone the whole is, (n_free,)."""
        return self.total_error / self.noise_error


def image_misfit(
    cells: CellScores,
    shape,
    theta,
    names,
    radius,
    *,
    free_levels=True,
    covariance=None,
    bounds=None,
) -> ImageMisfit:
    """Judge a fit of images.

    Parameters
    ----------
    cells : CellScores
        Of the stack that was fitted.
    shape : callable
        ``shape(theta)`` gives the frames' coefficients on the images, (n_frames, K), of level 1
        where levels are free, and their derivatives by the parameters, (n_free, n_frames, K).
    theta : ndarray of shape (n_free,)
        Where the fit ended.
    names : sequence of str
        Of the parameters.
    radius : float
        Of the bleach region, in pixels.
    free_levels : bool, default=True
        Whether each frame has a level of its own, which `theta` does not hold.
    covariance : ndarray of shape (n_free, n_free), default=None
        Of the estimates, by noise alone. None is that of white noise of pixels.
    bounds : tuple of ndarray of shape (n_free,), default=None
        Lower and upper ends for fits in smaller windows.

    Returns
    -------
    ImageMisfit
    """
    theta = np.asarray(theta, dtype=float)
    everywhere = np.ones(cells.cells.n_cells, dtype=bool)
    model, slopes = shape(theta)
    frame_scores, gram = cells.together(everywhere)
    levels, tangents = _projected(model, slopes, frame_scores, gram, free_levels)
    inverse = _inverse_precision(tangents, gram)
    fitted = levels[:, np.newaxis] * model
    variance, squares = _pixel_variance(cells, fitted)
    own = variance * inverse
    own = own if covariance is None else np.asarray(covariance)
    noise = np.sqrt(np.diag(own))
    left = cells.residual_scores(fitted)
    pulls = np.einsum("pq,qtk,tck->ptc", inverse, tangents, left, optimize=True)
    stretch = _stretches(len(model))
    groups = {
        "by_rings": _summed(pulls.sum(axis=1), cells.cells.ring),
        "by_sectors": _summed(pulls.sum(axis=1), cells.cells.sector),
        "by_time": _summed(pulls.sum(axis=2), stretch),
    }
    errors = {name: np.sqrt(_variance(pull)) for name, pull in groups.items()}
    excess = [_beyond(errors[name], noise, groups[name].shape[1]) for name in groups]
    reach = cells.cells.radii / radius
    windows = _in_windows(cells, shape, theta, reach, bounds, free_levels)
    apart = np.zeros(len(theta))
    values = {np.inf: theta}
    for window, (estimate, unit) in windows.items():
        values[window] = estimate
        further = np.sqrt(np.maximum(variance * (np.diag(unit) - np.diag(inverse)), 0.0))
        moved = np.abs(estimate - theta)
        apart = np.maximum(apart, np.where(moved > _SURE * further, moved, 0.0))
    n_of_rings = _summed(cells.counts[np.newaxis].astype(float), cells.cells.ring)[0]
    of_rings = _summed(squares.sum(axis=0)[np.newaxis], cells.cells.ring)[0]
    return ImageMisfit(
        names=tuple(names),
        noise_error=noise,
        misfit_error=np.max([*excess, apart], axis=0),
        by_windows=apart,
        windows=values,
        pixel_variance=variance,
        chi2_of_frames=squares.sum(axis=1) / (variance * cells.counts.sum()),
        chi2_of_rings=of_rings / (variance * n_of_rings * len(model)),
        pattern=_pattern(left, gram=cells.grams, ring=cells.cells.ring, variance=variance),
        radii=reach,
        **errors,
    )


def _inverse_precision(tangents, gram):
    precision = np.einsum("ptk,kl,qtl->pq", tangents, gram, tangents, optimize=True)
    return np.linalg.pinv(precision, hermitian=True)


def _projected(model, slopes, frame_scores, gram, free_levels):
    """Return the levels of frames, and tangents that levels cannot follow."""
    if not free_levels:
        return np.ones(len(model)), slopes
    seen = model @ gram
    norm = np.sum(seen * model, axis=1)
    levels = np.sum(frame_scores * model, axis=1) / norm
    along = np.einsum("ptk,tk->pt", slopes, seen) / norm
    return levels, levels[:, np.newaxis] * (slopes - along[..., np.newaxis] * model)


def _pixel_variance(cells, fitted):
    """Return the variance of pixels where most are, and the squares of what is left, by cell."""
    squares = cells.residual_squares(fitted)
    some = cells.counts >= _FEW_PIXELS
    each = squares[:, some] / cells.counts[some]
    # Of few pixels the median of mean squares is below their mean, by a third of its variance.
    each = each * (1 + 2 / (9 * cells.counts[some])) ** 3
    return float(np.median(each)), squares


def _stretches(n):
    """Divide frames into stretches, longer ones later, as recovery gets slower: (n,) of int."""
    order = np.log1p(np.arange(n))
    return np.minimum((order / order[-1] * _N_STRETCHES).astype(int), _N_STRETCHES - 1)


def _summed(values, group):
    """Sum columns (m, n) that belong together: (m, n_groups), those that are empty left out."""
    found = np.unique(group)
    return np.stack([values[:, group == one].sum(axis=1) for one in found], axis=1)


def _variance(pulls):
    """Return the variance of sums of pulls that add up to nothing, (n_free,)."""
    n = pulls.shape[1]
    return n / max(n - 1, 1) * np.sum((pulls - pulls.mean(axis=1, keepdims=True)) ** 2, axis=1)


def _beyond(error, noise, n):
    """Return what an error has beyond noise; 0 where so few groups differ so much by chance."""
    if n < 2:
        return np.zeros_like(error)
    by_chance = chi2.ppf(_LEVEL, n - 1) / (n - 1)
    more = error**2 > by_chance * noise**2
    return np.where(more, np.sqrt(np.maximum(error**2 - noise**2, 0.0)), 0.0)


def _in_windows(cells, shape, theta, reach, bounds, free_levels):
    """Fit again within smaller windows: theta and inverse precision by window."""
    found = {}
    for window in _WINDOWS:
        some = reach[cells.cells.ring] <= window * (1 + 1e-9)
        n_rings = len(np.unique(cells.cells.ring[some & (cells.counts > 0)]))
        if n_rings >= _FEW and (reach[reach <= window * (1 + 1e-9)] > 1).any():
            sums = cells.together(some)
            found[float(window)] = fit_near(*sums, shape, theta, bounds, free_levels)
    return found


def fit_near(frame_scores, gram, shape, theta, bounds=None, free_levels=True):
    """Fit the scores of frames by Gauss-Newton steps from near by.

    Parameters
    ----------
    frame_scores : ndarray of shape (n_frames, K)
    gram : ndarray of shape (K, K)
        Products of the images with each other, over the pixels that count.
    shape, theta, bounds, free_levels : object
        As of :func:`image_misfit`.

    Returns
    -------
    theta : ndarray of shape (n_free,)
    inverse : ndarray of shape (n_free, n_free)
        Covariance for noise of variance 1.
    """
    low, high = (-np.inf, np.inf) if bounds is None else bounds
    for _ in range(_STEPS):
        model, slopes = shape(theta)
        levels, tangents = _projected(model, slopes, frame_scores, gram, free_levels)
        left = frame_scores - levels[:, np.newaxis] * (model @ gram)
        inverse = _inverse_precision(tangents, gram)
        step = inverse @ np.einsum("ptk,tk->p", tangents, left)
        moved = np.clip(theta + np.clip(step, -_LONGEST, _LONGEST), low, high)
        done = np.abs(moved - theta).max() < _DONE
        theta = moved
        if done:
            break
    return theta, inverse


def _pattern(left, gram, ring, variance):
    """Average what is left over rings and stretches of time, in standard deviations by noise.

    The first of the images is the same everywhere: products with it are sums of pixels.
    """
    sums, sizes = left[:, :, 0], gram[:, 0, 0]
    stretch = _stretches(len(sums))
    rows = []
    for one in np.unique(stretch):
        of_rings = _summed(sums[stretch == one].sum(axis=0)[np.newaxis], ring)[0]
        size = _summed(sizes[np.newaxis], ring)[0] * np.count_nonzero(stretch == one)
        rows.append(of_rings / np.sqrt(variance * size))
    return np.array(rows)


def residual_images(frames, images, model, n_stretches=4):
    """Average over stretches of time what a model leaves of the frames.

    Parameters
    ----------
    frames : array-like of shape (n_frames, ny, nx)
        Of the window, as they were fitted.
    images : ndarray of shape (K, ny, nx)
        That the model's frames are made of.
    model : ndarray of shape (n_frames, K)
        Coefficients, levels included.
    n_stretches : int, default=4
        Of as many frames each.

    Returns
    -------
    ndarray of shape (n_stretches, ny, nx)
    """
    parts = np.array_split(np.arange(len(frames)), min(n_stretches, len(frames)))
    means = []
    for part in parts:
        measured = np.mean([np.asarray(frames[t], dtype=float) for t in part], axis=0)
        means.append(measured - np.tensordot(model[part].mean(axis=0), images, 1))
    return np.array(means)
