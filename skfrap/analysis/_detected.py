"""What nobody says and the frames show: when, where, and the level without light."""

from dataclasses import replace

import numpy as np

from skfrap._checks import check_count
from skfrap.preprocessing import find_bleach_frames, find_bleach_region, find_dark_level

FOUND = "auto"
"""What asks for a detection, where without it the file or a default decides."""


def with_dark_level(series, options, sources):
    """Put in the level without light that the frames show, where that is asked for.

    Returns
    -------
    ExperimentOptions
        With a number.
    """
    if options.dark_level != FOUND:
        return options
    found = find_dark_level(series.frames)
    sources["dark level"] = found.reason
    return replace(options, dark_level=found.level)


def with_bleach_frames(series, times, options, sources):
    """Find the frames before bleaching, and those that were recorded while bleaching.

    Returns
    -------
    n_prebleach : int
    options : ExperimentOptions
        That leave out frames recorded while bleaching, where nothing else was said of them.
    """
    found = find_bleach_frames(series.frames)
    n, more = found.n_prebleach, found.n_recorded
    sources["prebleach frames"] = f"{n}, as seen in the frames: {found.reason}"
    said = (options.skip or None, options.first_postbleach, options.n_bleach)
    if not more or any(one is not None for one in said):
        return n, options
    # Bleaching ended no more than an interval before the first frame after it.
    gap = times[n + more] - times[n + more - 1]
    usual = np.median(np.diff(times[:n])) if n > 1 else np.median(np.diff(times[n + more :]))
    interval = min(float(usual), float(gap)) if np.isfinite(usual) else float(gap)
    first = interval - (times[n + more] - times[n])
    left_out = {"skip": more, "n_bleach": more, "first_postbleach": float(np.round(first, 9))}
    return n, replace(options, **left_out)


def around_bleaching(series, n_prebleach, options):
    """Return the mean of the frames before bleaching, and the first after it that is used."""
    first = n_prebleach + check_count("skip", options.skip, 0)
    if first >= len(series.frames):
        raise ValueError(f"skip={options.skip} leaves no frame after bleaching.")
    before = np.mean(series.frames[:n_prebleach], axis=0, dtype=float)
    dark = options.dark_level
    return before - dark, np.asarray(series.frames[first], float) - dark


def found_region(series, n_prebleach, pixel_size, options):
    """Find the circle that was bleached.

    Returns
    -------
    region : Circle
    words : str
    """
    found = find_bleach_region(*around_bleaching(series, n_prebleach, options), pixel_size)
    return found.region, found.reason
