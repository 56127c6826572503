"""What the compartment says as a whole: what bleaching took of it, and what came back."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_filter

from skfrap.results import Finding

_FIRST = 3  # frames after bleaching, whose mean is what bleaching left
_LAST = 3  # part of the frames: the last third
_LEAST = 0.02  # of the light, that is told from nothing
_OF_EXPECTED = 0.1  # of what should be lost: alpha is not known better
_CLEAR = 4.0  # standard errors
_EDGE = 0.12  # of the compartment's radius: there the light falls for other reasons
_SMOOTH = 2.0  # pixels


class Budget(NamedTuple):
    """How the light of a compartment goes, beside the fitted model's.

    Attributes
    ----------
    lost, expected : float
        Share that is missing in the first frames after bleaching, and what the model has lost.
    back : float
        Share of the light that comes back later, beyond the model's.
    error : float
        Standard error of either difference.
    """

    lost: float
    expected: float
    back: float
    error: float


def measure_budget(whole, model, n_prebleach):
    """Hold the light of a compartment against that of the fitted model.

    Parameters
    ----------
    whole, model : ndarray of shape (n_frames,)
        The mean over the compartment, as measured and as fitted; each in any unit.
    n_prebleach : int
        Frames before bleaching.

    Returns
    -------
    Budget or None
        None where there is no light before bleaching.
    """
    levels = [float(np.mean(one[:n_prebleach])) for one in (whole, model)]
    if not min(levels) > 0:
        return None
    seen, fitted = (
        one[n_prebleach:] / level for one, level in zip((whole, model), levels, strict=True)
    )
    steps = np.diff(np.concatenate([whole[:n_prebleach] / levels[0], seen - fitted]), 2)
    noise = float(np.median(np.abs(steps)) / 0.6745 / np.sqrt(6)) if len(steps) else 0.0
    rest = seen - fitted
    first, last = rest[:_FIRST], rest[-max(1, len(rest) // _LAST) :]
    error = noise * np.sqrt(1 / len(first) + 1 / n_prebleach)
    return Budget(
        lost=float(1 - seen[:_FIRST].mean()),
        expected=float(1 - fitted[:_FIRST].mean()),
        back=float(last.mean() - first.mean()),
        error=float(error),
    )


def judge_budget(budget):
    """Say whether bleaching took, or later gave, what the region cannot explain, as findings.

    Parameters
    ----------
    budget : Budget or None

    Returns
    -------
    list of Finding
    """
    if budget is None:
        return []
    least = max(_LEAST, _CLEAR * budget.error)
    found = []
    more = budget.lost - budget.expected
    if more > max(least, _OF_EXPECTED * budget.expected):
        words = (
            f"bleaching took {100 * budget.lost:.2g} % of the compartment's light, and the bleach "
            f"region explains {100 * max(budget.expected, 0):.2g} %"
        )
        found.append(Finding.of("compartment_loses_more", words))
    if budget.back > least:
        words = (
            f"the compartment as a whole wins back {100 * budget.back:.2g} % of its light, where "
            "nothing can come in"
        )
        found.append(Finding.of("compartment_wins_back", words))
    return found


def equilibrium_of(before, inside):
    """Smooth the frame before bleaching within a compartment, and tell how uneven it is there.

    Parameters
    ----------
    before : ndarray of shape (ny, nx)
        Average frame before bleaching.
    inside : ndarray of shape (ny, nx)
        Share of each pixel in the compartment.

    Returns
    -------
    image : ndarray of shape (ny, nx)
        Of mean 1 inside, positive.
    variation : float
        Standard deviation over mean, away from the outline.
    """
    weight = gaussian_filter(inside, _SMOOTH, mode="constant")
    light = gaussian_filter(np.asarray(before, float) * inside, _SMOOTH, mode="constant")
    some = inside > 0
    image = np.where(some, light / np.where(weight > 0, weight, 1.0), 1.0)
    mean = np.average(image[some], weights=inside[some])
    if not mean > 0:
        return np.ones_like(image), 0.0
    image = np.where(some, np.maximum(image / mean, 0.02), 1.0)
    depth = max(2, round(_EDGE * np.sqrt(inside.sum() / np.pi)))
    core = binary_erosion(inside >= 0.5, iterations=depth)
    if core.sum() < 20:
        return image, 0.0
    second = np.diff(before, 2, axis=1)[core[:, 1:-1]]
    noise = np.median(np.abs(second)) / 0.6745 / np.sqrt(6) / mean if second.size else 0.0
    noise /= 2 * np.sqrt(np.pi) * _SMOOTH
    variance = np.var(image[core]) - noise**2
    return image, float(np.sqrt(max(variance, 0.0)))
