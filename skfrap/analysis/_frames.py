"""Findings from the frames of a series, beside those from its curve."""

from dataclasses import replace

import numpy as np
from scipy.stats import f as f_distribution

from skfrap.judging._findings import in_short
from skfrap.judging._frames import find_patches, judge_patches, judge_sample
from skfrap.models import model_for

_CLEARLY = 1e-4  # how often chance makes a fit as much better


def findings_of_frames(frames, outside, estimates, model, refit):
    """Find what the frames around bleaching say against the model of a series.

    Parameters
    ----------
    frames : Frames
        Not evened out.
    outside : Outside or None
    estimates : FRAPEstimates
        Of the curve.
    model : CurveModel
        That was fitted.
    refit : callable
        ``refit(region)`` fits the curve of another bleach region, and returns a Fit.

    Returns
    -------
    found : list of Finding
    patches : Patches or None
        Where light was lost; None where it is not seen.
    """
    if not (np.isfinite(frames.before).all() and np.isfinite(frames.after).all()):
        return [], None
    found, patches = judge_sample(outside), find_patches(frames)
    if not estimates.has_finding("no_bleaching_visible")[0]:
        expected = _first_frame_after(frames.protocol, estimates, model)
        for one in judge_patches(frames, patches, expected):
            moved = one.code == "patch_elsewhere"
            found.append(
                _with_region_moved(one, frames, patches, estimates, refit) if moved else one
            )
    return found, patches


def _with_region_moved(finding, frames, patches, estimates, refit):
    """Move the region to the patch, and say so if the curve fits clearly better there."""
    protocol = frames.protocol
    try:
        region = protocol.bleach_region.moved(*patches.shift, protocol.shape, protocol.pixel_size)
        fit = refit(region)
    except ValueError:  # it would leave the field
        return finding
    freedom = fit.freedom
    if freedom < 1:
        return finding
    ratio = estimates.residual_sum_of_squares[0] / max(fit.residual_sum_of_squares[0], 1e-300)
    if ratio < f_distribution.isf(_CLEARLY, freedom, freedom):
        return finding
    values = {name: column[0] for name, column in fit.values().items()}
    rates = [name for name, is_rate in zip(fit.space.free, fit.space.rates, strict=True) if is_rate]
    there = ", ".join(in_short(name, values) for name in rates)
    return replace(finding, remedy=f"recenter it: there the curve fits clearly better, {there}")


def _first_frame_after(protocol, estimates, model):
    """Return what the fitted model has left in the first frame after bleaching, of 1."""
    if not hasattr(model, "images"):
        return None
    first = protocol.times[protocol.n_prebleach]
    short = protocol.replace(n_prebleach=1, n_postbleach=None, postbleach_times=(float(first),))
    values = {name: ends[0] for name, ends in estimates.fit.values().items()}
    values |= {"c0": 1.0}
    images = model_for(short, type(model)).images(**values)[0]
    return images[1]
