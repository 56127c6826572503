"""Whether the detector was saturated where intensities are measured."""

import numpy as np

from skfrap.preprocessing import FadingCorrector
from skfrap.preprocessing._saturation import cut_off, is_detectors
from skfrap.results import Finding

_MOST = 0.01  # of the pixels of a region, at the top
_FEWEST = 3  # frames, that have a skewness beside their mean
_CUT_ABOVE = -0.3  # skewness; of photons it is above 0
_CLEAR = 4.5  # standard errors


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
    skewness, error = skewness_of_noise(frames[:n_prebleach], regions["bleach region"])
    if skewness < min(_CUT_ABOVE, -_CLEAR * error):
        words = (
            "the detector is saturated: the noise of the bleach region before bleaching is cut off "
            f"above, its skewness is {skewness:.2g}, and the frames were averaged or changed since"
        )
        return [Finding.of("detector_saturated", words, remedy="record with less gain")]
    return []


def skewness_of_noise(frames, region):
    """Return the skewness of pixels' noise, and its standard error.

    By what frames deviate from their mean, less what a pixel's four neighbours do: a sample that
    moves does so in them as well.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, ny, nx)
    region : ndarray of shape (ny, nx) of bool

    Returns
    -------
    skewness, error : float
        0 and infinity of fewer than three frames, or without noise.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.analysis._saturation import skewness_of_noise
    >>> light = np.random.default_rng(0).normal(1000, 30, (5, 40, 40))
    >>> everywhere = np.ones((40, 40), bool)
    >>> even, cut = (skewness_of_noise(np.minimum(light, top), everywhere) for top in (2000, 1000))
    >>> abs(even[0]) < 4 * even[1], cut[0] < -1
    (True, True)
    """
    n = len(frames)
    rows, columns = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    if n < _FEWEST or not len(rows):
        return 0.0, np.inf
    part = np.s_[max(rows[0] - 1, 0) : rows[-1] + 2, max(columns[0] - 1, 0) : columns[-1] + 2]
    own = np.asarray(frames)[:, *part].astype(float)
    own = own - own.mean(axis=0)
    inner = region[part][1:-1, 1:-1]
    around = own[:, :-2, 1:-1] + own[:, 2:, 1:-1] + own[:, 1:-1, :-2] + own[:, 1:-1, 2:]
    left = (own[:, 1:-1, 1:-1] - 0.25 * around)[:, inner]
    variance = np.mean(left**2) if left.size else 0.0
    if not variance > 0:
        return 0.0, np.inf
    # What the mean of n frames and of four neighbours takes of variance and skewness.
    kept = (n - 1) * (n - 2) / n**2 / ((n - 1) / n) ** 1.5 * (1 - 4**-2) / 1.25**1.5
    return float(np.mean(left**3) / variance**1.5 / kept), float(np.sqrt(6 / left.size) / kept)


def _reference(protocol):
    corrector = FadingCorrector(protocol)
    corrector.learn(None)
    return np.asarray(corrector.reference_)
