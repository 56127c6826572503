"""Whether the sample of a series moves, and whether its frames are to be aligned."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, label

from skfrap._checks import check_choice
from skfrap.experiment import FRAPProtocol
from skfrap.preprocessing import Drift, DriftCorrector, StackSequence, compute_drift
from skfrap.results import Finding

DRIFTS = ("auto", "none", "translation", "rigid")
_FIRST_LOOK = 16  # frames, by which a sample that rests is known
_SHARE = 0.02  # radii of the region: D hardly minds less
_LEFT = 0.05  # radii
_CLEAR = 4.0  # standard errors
_NEAR = 4.0  # radii about the region, within which aligned frames are looked at again
_LARGE = 0.25  # of the field: a dark patch that is larger is none
_PATCH = 0.3  # of the deepest loss


class Motion(NamedTuple):
    """What the frames show of motion.

    Attributes
    ----------
    drift : Drift or None
        As it was measured.
    aligned : bool
        Whether frames are to be moved by it.
    words : str
        What was measured and decided.
    findings : tuple of Finding
    """

    drift: Drift | None
    aligned: bool
    words: str
    findings: tuple = ()

    def corrections(self, protocol: FRAPProtocol) -> list:
        """Return what moves the frames, if anything does."""
        return [DriftCorrector(protocol, drift=self.drift)] if self.aligned else []


def follow_sample(series, protocol, how):
    """Measure the drift of a series, and decide what is done with it.

    Parameters
    ----------
    series : ImageSeries
        Of the frames of the protocol.
    protocol : FRAPProtocol
    how : {"auto", "none", "translation", "rigid"}

    Returns
    -------
    Motion

    Raises
    ------
    ValueError
        If frames are to be aligned, and cannot be.
    """
    check_choice("drift", how, DRIFTS)
    asked = how in DRIFTS[2:]
    view = StackSequence([series.frames]).view(0)
    look = {"kind": how if asked else "translation", "exclude": _patch(view, protocol)}
    try:
        n = view.shape[0]
        some = None if asked or n <= 2 * _FIRST_LOOK else np.linspace(0, n - 1, _FIRST_LOOK).round()
        drift = compute_drift(view, protocol, frames=some, **look)
        if not asked and not _moves(drift, protocol, _SHARE / 2):
            return Motion(drift, False, _at_rest(drift, protocol))
        if how == "none":
            words = f"not corrected, as asked; the sample moves by {_size(drift, protocol)}"
            return Motion(drift, False, words, _judged(drift, protocol, "is not corrected for"))
        if some is not None:
            drift = compute_drift(view, protocol, **look)
        if not asked and not _moves(drift, protocol, _SHARE):
            return Motion(drift, False, _at_rest(drift, protocol))
        aligned = DriftCorrector(protocol, drift=drift).fit_transform([series.frames]).view(0)
    except (ValueError, np.linalg.LinAlgError) as error:
        if asked:
            raise
        return Motion(None, False, f"not measured: {error}".rstrip("."))
    findings = _left(aligned, protocol, drift, look)
    known_to = drift.standard_error * protocol.pixel_size
    why = "as asked" if asked else "the sample moves"
    words = f"frames aligned, {why}: by {_size(drift, protocol)}, measured to {known_to:.1g} µm"
    return Motion(drift, True, words, findings)


def see_motion(series, protocol):
    """Say whether the sample of a series moves, of which no frame is aligned.

    Parameters
    ----------
    series : ImageSeries
        Of the frames of the protocol.
    protocol : FRAPProtocol

    Returns
    -------
    Motion
        With a finding where it moves by more than D bears.
    """
    seen = follow_sample(series, protocol, "none")
    if not seen.findings:
        return seen
    remedy = "put DriftCorrector() among the corrections of the pipeline"
    (found,) = _judged(seen.drift, protocol, "no frame is corrected for")
    words = seen.words.replace("not corrected, as asked", "left to the steps of a pipeline")
    return seen._replace(words=words, findings=(replace(found, remedy=remedy),))


def _patch(view, protocol):
    """Return where light was lost, which may be elsewhere than was told; None where unclear.

    What is lost at the rims of a sample that moves is no patch.
    """
    n = protocol.n_prebleach
    before, after = (view.read(slice(k, k + 1))[0].astype(float) for k in (n - 1, n))
    smooth = [gaussian_filter(image, 2.0, mode="nearest") for image in (before, after)]
    lit = smooth[0] > 0.3 * np.median(smooth[0][protocol.bleach_mask > 0])
    if not np.isfinite(smooth).all() or not lit.any():
        return None
    lost = np.where(lit, 1 - smooth[1] / np.where(lit, smooth[0], 1.0), 0.0)
    lost -= np.median(lost[lit])
    patches, _ = label(lost > _PATCH * lost.max())
    patch = patches == patches[np.unravel_index(lost.argmax(), lost.shape)]
    return patch if lost.max() > 0.1 and patch.mean() < _LARGE else None


def _in_radii(drift, protocol):
    """Return by how much most frames are off, in radii: all but a few of the farthest."""
    return np.percentile(drift.lengths, 95) * protocol.pixel_size / protocol.equivalent_radius


def _moves(drift, protocol, share):
    """Tell whether a sample clearly moves by more than a share of the radius."""
    return _in_radii(drift, protocol) > share and _clearly(drift)


def _clearly(drift):
    """Tell whether motion is more than its errors, frame by frame, and in most of late frames."""
    known = np.isfinite(drift.errors).all(axis=1)
    if not known.any():
        return False
    ratio = np.abs(drift.shifts[known]) / np.maximum(drift.errors[known], 1e-12)
    return bool(np.percentile(ratio.max(axis=1), 95) > _CLEAR)


def _size(drift, protocol):
    far = drift.largest * protocol.pixel_size
    turned = np.degrees(np.abs(drift.angles).max())
    words = f"up to {far:.2g} µm ({far / protocol.equivalent_radius:.2g} radii)"
    return f"{words} and {turned:.2g}°" if turned else words


def _at_rest(drift, protocol):
    share = drift.standard_error * protocol.pixel_size / protocol.equivalent_radius
    if not share < _LEFT:
        return "not corrected: the frames show too little structure to see whether the sample moves"
    far = drift.largest * protocol.pixel_size
    return f"none to correct: the sample stays within {far:.2g} µm, as far as frames show"


def _judged(drift, protocol, how):
    """Say that a motion is left, where it is more than D bears."""
    off = _in_radii(drift, protocol)
    if not off > _LEFT or not _clearly(drift):
        return ()
    words = f"the sample moves by {off:.2g} radii of the bleach region, which {how}"
    return (Finding.of("motion_left", words, "", "align the frames, or leave out the late ones"),)


def _left(aligned, protocol, drift, look):
    """Look again about the region, in aligned frames: a sample that deforms is off there."""
    share = drift.standard_error * protocol.pixel_size / protocol.equivalent_radius
    if share > _LEFT:
        words = f"motion is measured to {share:.2g} radii of the bleach region only"
        return (Finding.of("motion_left", words, "", "leave out the late frames"),)
    n = aligned.shape[0]
    some = np.linspace(0, n - 1, min(n, _FIRST_LOOK)).round()
    try:
        rest = compute_drift(aligned, protocol, frames=some, reach=_NEAR, **look)
    except ValueError:  # too little is left to look at
        return ()
    return _judged(rest, protocol, "is left about it after the frames were aligned")
