"""What is to be known of fits of a measured start before their numbers are used."""

import numpy as np

from skfrap.judging._findings import WIDE_INTERVAL
from skfrap.results._finding import FindingsByRow

# `benchmarks.start` counts what each of these limits refuses and lets through.
_REACH = 1.96  # standard errors
_SEEN = 3.84  # rise of the deviance to either end of the range of D: chi-squared at 95 %
_FIELD_FILLED = 0.75  # what is missing at the last ring over what is missing at most
_FIELD_NEARLY_FILLED = 0.2  # that of what moves as well
_RIM_LITTLE_SEEN = 0.1  # the same, where D rests on the levels of the frames
_COSTS = 2.0  # times the error, that free levels of the frames make it
_NEAR_PATCH = 0.25  # of what a compartment says of D, that it must say near the patch
_FAINT = 5.0  # depth over noise
_BEGUN = 0.5  # half-radii that particles must have gone by the last frame
_AS_LIKELY = 6.0  # difference of deviance up to which another reading may be right too
_APART = 2.0  # standard errors
_TOO_MUCH = 1.2  # times what the region told can have lost


def describe_starts(estimates, bounds, duration, bleachable=np.inf, by_noise=False):
    """Find where a measured start does not tell D, and where it tells less than it seems.

    Parameters
    ----------
    estimates : sequence of n StartEstimate
    bounds : tuple of float
        Of D, in µm²/s.
    duration : float
        From the first to the last frame after bleaching, in s.
    bleachable : float, default=numpy.inf
        The area in µm² that could be bleached black at most, if it was as told.
    by_noise : bool, default=False
        Whether errors are those of the noise alone.

    Returns
    -------
    findings : tuple of n tuples of Finding
    usable : ndarray of shape (n,) of bool
        Whether there is a D to report.
    """
    best = [one.best for one in estimates]
    log_D = np.array([fit.log_D for fit in best])
    rise = np.array([fit.rise for fit in best])
    edge = np.array([one.edge for one in estimates])
    signal = np.array([one.signal for one in estimates])
    size = np.array([one.half_radius for one in estimates])
    found = FindingsByRow(len(estimates))
    unseen = ~(rise.min(axis=1, initial=np.inf) >= _SEEN) | ~np.isfinite(log_D)
    faint = ~(signal >= _FAINT)
    lowest, highest = (~(rise[:, k] >= _SEEN) for k in (0, 1))
    nothing = (lowest & highest) | (unseen & faint)
    found.add(nothing, "no_bleaching_visible", "no bleaching that recovers is seen in the images")
    found.add(
        lowest & ~nothing, "at_lower_bound", "no recovery seen: any smaller D fits as well", "D"
    )
    found.add(
        highest & ~nothing,
        "at_upper_bound",
        "recovery over before the first frame: any larger D fits as well",
        "D",
    )
    filled = ~nothing & (edge > _FIELD_FILLED)
    found.add(filled, "patch_fills_field", "the dark patch is as wide as the field of view")
    near = np.array([1.0 if one.near_patch is None else one.near_patch for one in estimates])
    elsewhere = ~unseen & ~filled & ~(near >= _NEAR_PATCH)
    found.add(
        elsewhere,
        "changes_elsewhere",
        "what changes in the compartment is not the dark patch: the sample moves, or changes shape",
    )
    rests_on_levels = np.array([_costs(one) > _COSTS for one in estimates], dtype=bool)
    moving_edge = np.array([one.moving_edge for one in estimates])
    widest = np.fmax(edge, moving_edge)
    nearly = widest > np.where(rests_on_levels, _RIM_LITTLE_SEEN, _FIELD_NEARLY_FILLED)
    nearly &= ~filled & ~unseen
    found.add(nearly, "patch_near_edge", "the dark patch reaches the edge of the field of view")
    found.add(faint & ~unseen, "patch_faint", "the dark patch is hardly seen above the noise")
    error = np.array([_error(one, by_noise) for one in estimates])
    wide = ~(_REACH * error <= WIDE_INTERVAL)
    found.add(
        wide & ~unseen & ~filled, "interval_too_wide", "the interval of D is too wide to use", "D"
    )
    reached = 2 * np.sqrt(10**log_D * duration)
    found.add(
        ~unseen & (reached < _BEGUN * size),
        "recovery_hardly_begun",
        "recovery has hardly begun by the last frame",
    )
    assumed = np.array([one.assumed_span is not None for one in estimates], dtype=bool)
    for k in np.flatnonzero(assumed & ~unseen):
        low, high = estimates[k].assumed_span
        found.add(
            np.arange(len(estimates)) == k,
            "immobile_shape_assumed",
            f"the immobile part's shape is assumed; D is {low:.3g} to {high:.3g} µm²/s by what is "
            "assumed of it",
            "D",
        )
    for k, one in enumerate(estimates):
        if one.scale_span is not None and not unseen[k]:
            low, high = one.scale_span
            found.add(
                np.arange(len(estimates)) == k,
                "start_scale_undetermined",
                "the curve does not tell how deep the profiles should be; D is "
                f"{low:.3g} to {high:.3g} µm²/s by what start_scale may be",
                "D",
            )
    missing = np.array([missing_area(one) for one in estimates])
    found.add(
        (missing > _TOO_MUCH * bleachable) & ~unseen,
        "told_region_contradicted",
        "more is missing in the first frame than the region told can have lost",
    )
    for k, one in enumerate(estimates):
        if one.freer is None or unseen[k] or filled[k]:
            continue
        ends = one.freer.log_D + _REACH * one.freer.standard_error * np.array([-1, 1])
        low, high = 10 ** np.clip(ends, *np.log10(bounds))
        span = f"with a free level of each frame D is {low:.3g} to {high:.3g} µm²/s"
        if one.freer.rise_at(one.best.log_D) > _SEEN:
            code, words = (
                "frame_levels_disagree",
                "levels of frames that change evenly give another D",
            )
        elif rests_on_levels[k]:
            code, words = "frame_levels_assumed", "D rests on frames whose light changes evenly"
        else:
            continue
        found.add(np.arange(len(estimates)) == k, code, f"{words}; {span}", "D")
    apart = np.array([_readings_disagree(one, by_noise) for one in estimates], dtype=bool)
    found.add(
        apart & ~unseen & ~assumed,
        "readings_disagree",
        "what is assumed of the part that stays changes D by more than its error",
        "D",
    )
    return found.to_tuple(), ~(unseen | filled | elsewhere)


def missing_area(estimate):
    """Return what is missing at the first frame, as an area in µm².

    In a compartment that is in all of it; else within two half-radii.
    """
    if estimate.budget is not None:
        return estimate.budget.lost * estimate.budget.area
    radii, start = estimate.radii, estimate.start
    near = radii <= 2 * estimate.half_radius
    return float(np.trapezoid(2 * np.pi * radii[near] * start[near], radii[near]))


def _costs(estimate):
    """Return how many times the error free levels of the frames would have; 0 where they are."""
    if estimate.freer is None:
        return 0.0
    return estimate.freer.standard_error / estimate.best.standard_error


def _error(estimate, by_noise):
    return estimate.best.standard_error if by_noise else estimate.standard_error


def _readings_disagree(estimate, by_noise):
    """Tell whether another reading, about as likely, gives another D."""
    best = estimate.best
    return any(
        fit is not best
        and fit.deviance - best.deviance < _AS_LIKELY
        and abs(fit.log_D - best.log_D)
        > _APART * max(_error(estimate, by_noise), fit.standard_error)
        for fit in estimate.fits
    )
