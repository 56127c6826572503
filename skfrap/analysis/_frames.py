"""Findings from the frames of a series, beside those from its curve."""

from dataclasses import replace

import numpy as np
from scipy.stats import f as f_distribution

from skfrap.experiment import Mask
from skfrap.judging._findings import in_short
from skfrap.judging._frames import Frames, find_patches, judge_patches, judge_sample
from skfrap.judging._outline import judge_outline, measure_outline
from skfrap.models import model_for
from skfrap.results import Finding

_CLEARLY = 1e-4  # how often chance makes a fit as much better
_MARGIN = 4.0  # radii and widths of diffusion, around the region
_MATTERS = 0.02  # of D, that a region which is a little beside may cost
_REACH = 1.96  # standard errors from an estimate to an end of its interval


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
        ``refit(region, is_near)`` fits the curve of another bleach region, and returns a Fit.

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
        seen = judge_patches(frames, patches)
        for one in seen:
            moved = one.code == "patch_elsewhere"
            found.append(
                _with_region_moved(one, frames, patches, estimates, refit) if moved else one
            )
        if not seen and hasattr(model, "images"):
            # What the curve asks for may be what the edge shows.
            explained = estimates.has_finding("larger_model_fits")[0]
            outline = _outline(frames, estimates, model)
            for one in judge_outline(outline):
                found.append(replace(one, remedy="") if explained else one)
            found += _harmful_shift(outline, frames, estimates, refit)
    return found, patches


def _with_region_moved(finding, frames, patches, estimates, refit):
    """Move the region to the patch, and say so if the curve fits clearly better there."""
    protocol = frames.protocol
    try:
        region = protocol.bleach_region.moved(*patches.shift, protocol.shape, protocol.pixel_size)
        fit = refit(region, False)
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


def _harmful_shift(outline, frames, estimates, refit):
    """Say that the patch lies a little beside the region, if that moves D out of its interval."""
    if outline is None or not outline.lies_beside or "D" not in estimates.values:
        return []
    protocol = frames.protocol
    D, low, high = (one["D"][0] for one in (estimates.values, estimates.lower, estimates.upper))
    try:
        region = protocol.bleach_region.moved(*outline.shift, protocol.shape, protocol.pixel_size)
        there = refit(region, True).values()["D"][0]
    except ValueError:  # it would leave the field
        return []
    if low <= there <= high or not abs(np.log(there / D)) > _MATTERS:
        return []
    away = np.hypot(*outline.shift) / protocol.equivalent_radius
    dx, dy = outline.shift
    words = (
        f"the bleached patch is {away:.2g} radii beside the region, by ({dx:.2f}, {dy:.2f}) µm; "
        f"there the curve gives D = {there:.4g} µm²/s"
    )
    return [Finding.of("patch_elsewhere", words, "", "recenter it")]


def _outline(frames, estimates, model):
    """Hold the first frame after bleaching against that of the fitted model.

    Not where the start is taken from that very frame, nor in a compartment, beyond which no patch
    can reach.
    """
    protocol = frames.protocol
    if protocol.start != "told" or protocol.compartment is not None:
        return None
    first = float(protocol.times[protocol.n_prebleach])
    values = {name: ends[0] for name, ends in estimates.fit.values().items()} | {"c0": 1.0}
    spread, width = 0.0, 0.0
    if "D" in estimates.values:
        duration = first + 0.5 * protocol.n_bleach * protocol.frame_interval
        error = (estimates.D_um2_s_upper[0] - estimates.D_um2_s_lower[0]) / (2 * _REACH)
        spread = 2 * error * duration
        width = np.sqrt(2 * values["D"] * duration) / protocol.pixel_size
    if values.get("imaging_bleach", 1.0) == 1.0:  # else the size of the field matters
        frames = _cropped(frames, _MARGIN * (frames.radius + width))
    short = frames.protocol.replace(n_prebleach=1, n_postbleach=None, postbleach_times=(first,))

    def lost_by(mask):
        other = short.replace(bleach_region=Mask(mask))
        return 1 - model_for(other, type(model)).images(**values)[0, 1]

    return measure_outline(frames, lost_by, spread if np.isfinite(spread) else 0.0)


def _cropped(frames, margin):
    """Keep the surroundings of the bleach region, by some pixels on all sides."""
    protocol = frames.protocol
    near, size = np.argwhere(protocol.bleach_mask > 0), np.array(protocol.shape)
    if not np.isfinite(margin):
        return frames
    first = np.maximum(near.min(axis=0) - int(margin), 0)
    last = np.minimum(near.max(axis=0) + int(margin) + 1, size)
    window = slice(first[0], last[0]), slice(first[1], last[1])
    cropped = protocol.replace(
        shape=tuple(int(n) for n in last - first),
        bleach_region=Mask(protocol.bleach_mask[window]),
        padding=int(min(protocol.padding, margin)),
    )
    return Frames(frames.before[window], frames.after[window], cropped)
