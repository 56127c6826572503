"""Findings from the frames of a series, beside those from its curve."""

import numpy as np

from skfrap.judging._frames import find_patches, judge_patches, judge_sample
from skfrap.models import model_for


def findings_of_frames(frames, outside, estimates, model):
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

    Returns
    -------
    list of Finding
    """
    if not (np.isfinite(frames.before).all() and np.isfinite(frames.after).all()):
        return []
    found = judge_sample(outside)
    if not estimates.has_finding("no_bleaching_visible")[0]:
        expected = _first_frame_after(frames.protocol, estimates, model)
        found += judge_patches(frames, find_patches(frames), expected)
    return found


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
