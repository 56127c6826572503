"""Whether the detector was saturated where intensities are measured."""

import numpy as np

from skfrap.preprocessing import FadingCorrector
from skfrap.preprocessing._saturation import cut_off, is_detectors
from skfrap.results import Finding

_MOST = 0.01  # of the pixels of a region, at the top


def find_saturation(frames, protocol, options):
    """Find pixels that are cut off, where a region is measured: before bleaching, and after it.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, ny, nx)
        As they were recorded.
    protocol : FRAPProtocol
    options : ExperimentOptions

    Returns
    -------
    list of Finding
        One, or none.
    """
    regions = {"bleach region": protocol.bleach_mask > 0}
    if options.fading != "none":
        regions["reference of the fading"] = _reference(protocol)
    n_prebleach = protocol.n_prebleach
    spans = {"before bleaching": slice(0, n_prebleach), "after it": slice(n_prebleach, None)}
    for where, region in regions.items():
        for when, span in spans.items():
            pixels = frames[span][:, region]
            value, share = cut_off(pixels, _MOST)
            if value is not None and is_detectors(frames, value):
                words = (
                    f"the detector is saturated: {100 * share:.3g} % of the pixels in the {where} "
                    f"{when} are at {value:.10g}, the largest value"
                )
                return [Finding.of("detector_saturated", words, remedy="record with less gain")]
    return []


def _reference(protocol):
    corrector = FadingCorrector(protocol)
    corrector.learn(None)
    return np.asarray(corrector.reference_)
