"""The start of a series: as it was told, as the images show it, and which of the two is taken."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skfrap.analysis._alternatives import (
    measured_alternatives,
    name_of_reading,
    other_fits,
    recommend,
    told_alternatives,
)
from skfrap.analysis._frames import findings_of_frames
from skfrap.analysis._near import fit_curve, refit
from skfrap.analysis._options import make_regressor
from skfrap.analysis._seen import region_as_seen, see_start
from skfrap.analysis._seen_within import see_start_within
from skfrap.analysis._witness import (
    FAR,
    Difference,
    causes_of,
    contradiction,
    difference_of,
    explaining_share,
    least_seen,
    more_is_missing,
)
from skfrap.estimators import FRAPEstimates
from skfrap.preprocessing import RecoveryCurveExtractor
from skfrap.results import Finding

OF_EITHER = ("other_n_prebleach_fits",)
"""Findings on the fit of the start as told that hold for the start as seen too."""

_UNSEEN = "the start cannot be measured in the images: {}"


class Told(NamedTuple):
    """The start as it was told: its curve, its fit, and what the frames say of it.

    Attributes
    ----------
    curve : ndarray of shape (1, n_frames)
    regressor : LeastSquaresFRAP
        Fitted.
    estimates : FRAPEstimates
        Of the curve.
    patches : Patches or None
        Where light was lost.
    by_clock, findings : list of Finding
        What the clock leaves in doubt, and what the frames say.
    others : dict of bool to Fit
        Of the same curve, with or without a mobile fraction.
    """

    curve: np.ndarray
    regressor: object
    estimates: FRAPEstimates
    patches: object
    by_clock: list
    findings: list
    others: dict


class Witness(NamedTuple):
    """What the start as seen says of the start as told.

    Attributes
    ----------
    difference : Difference or None
        None where the images cannot say.
    contradicts : bool
    of_told, of_seen : tuple of Finding
        For either result.
    asks_for_share : bool
        Whether the two agree with a mobile fraction, so that the start is as told.
    """

    difference: Difference | None
    contradicts: bool
    of_told: tuple
    of_seen: tuple
    asks_for_share: bool = False

    @classmethod
    def of(cls, told, seen, frames, spare):
        """Hold the start as told against that as seen.

        Parameters
        ----------
        told : Told or None
        seen : SeenStart or None
        frames : Frames
        spare : float or None
            As in :func:`causes_of`.

        Returns
        -------
        Witness
        """
        difference = None
        if told is not None and seen is not None:
            difference = difference_of(told.estimates, seen)
            if difference is None and more_is_missing(seen, frames.protocol):
                return cls(None, False, (_too_wide(),), ())
            least = None if difference is not None else least_seen(told.estimates, seen)
            if least is not None:
                return cls(None, False, (_too_slow(least),), ())
        if difference is None or not difference.errors > FAR:
            return cls(difference, False, (), ())
        share = explaining_share(told.others.get(True), seen)
        if share is not None:
            cause = f"with a mobile fraction of {share:.3g} the region told agrees"
            finding, _ = contradiction(difference, [cause])
            finding = replace(finding, remedy="estimate it as well")
            return cls(difference, False, (finding,), (), True)
        model = told.regressor.model_
        causes = causes_of(frames, told.patches, told.estimates, model, seen, spare)
        of_told, of_seen = contradiction(difference, causes)
        return cls(difference, True, (of_told,), (of_seen,))


def _too_wide():
    words = (
        "the first dark patch is as wide as the field, and more is missing than the region told "
        "can have lost"
    )
    return Finding.of("start_contradicted", words, "D", "record a larger field")


def _too_slow(least):
    words = (
        f"the images, without the region told, give a D of {least:.3g} µm²/s at least: recovery "
        "was over before the first frame"
    )
    return Finding.of("start_contradicted", words, "D", "take frames faster")


def fit_as_told(corrected, described, protocol, options, frames, outside, near=None):
    """Fit the curve of the region as it was told.

    Parameters
    ----------
    corrected : StackSequence
        Of one stack.
    described : Described
    protocol : FRAPProtocol
    options : ExperimentOptions
    frames : Frames
    outside : Outside or None
    near : Near, default=None
        What is known from the curve of a region nearby, where there is one.

    Returns
    -------
    Told
    """
    curve = RecoveryCurveExtractor(protocol).fit_transform(corrected)
    regressor, estimates, options = fit_curve(protocol, options, curve, near)
    by_clock = _by_latest_end(described, estimates, curve, options)

    def fit_elsewhere(region, is_near):
        moved = protocol.replace(bleach_region=region)
        curve = RecoveryCurveExtractor(moved).fit_transform(corrected)
        if is_near:
            return refit(moved, options, curve, estimates)
        return make_regressor(moved, options).fit(curve).fit_results(curve)

    found, patches = findings_of_frames(frames, outside, estimates, regressor.model_, fit_elsewhere)
    others = other_fits(estimates, curve, regressor, options)
    return Told(curve, regressor, estimates, patches, by_clock, found, others)


def _by_latest_end(described, estimates, curve, options):
    """Say what D would be, had bleaching lasted as long as the clock allows."""
    found = [one for one in described.findings if one.code == "bleach_gap_unexplained"]
    if described.latest is None or not found or "D" not in estimates.values:
        return []
    own = described.protocol
    protocol = described.latest.replace(
        bleach_region=own.bleach_region, compartment=own.compartment, rows=own.rows
    )
    D = make_regressor(protocol, options).fit(curve).fit_results(curve).values()["D"][0]
    first = protocol.times[protocol.n_prebleach]
    described.findings.remove(found[0])
    words = f"{found[0].words}; if it ended {first:.4g} s before the next frame D = {D:.4g} µm²/s"
    return [Finding.of(found[0].code, words, remedy=found[0].remedy)]


def see(corrected, before, after, protocol, options):
    """Measure the start in the images, where that can be done.

    Parameters
    ----------
    corrected : StackSequence
        Of one stack.
    before, after : ndarray of shape (ny, nx)
        Average corrected frame before bleaching, and the first after it.
    protocol : FRAPProtocol
    options : ExperimentOptions

    Returns
    -------
    seen : SeenStart or None
    why : str
        Why there is none.
    """
    if options.model != "diffusion":
        return None, _UNSEEN.format("that is of free diffusion only")
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        return None, _UNSEEN.format("frames have pixels that are not finite")
    try:
        if protocol.compartment is not None:
            return see_start_within(corrected, before, after, protocol, options), ""
        region = region_as_seen(before, after, protocol.pixel_size)
        return see_start(corrected, region, protocol, options), ""
    except (ValueError, np.linalg.LinAlgError) as error:
        return None, _UNSEEN.format(str(error).rstrip("."))


def chosen_start(options, told, seen, witness, why):
    """Choose whether the result is from the start as told or as seen.

    Returns
    -------
    {"told", "measured"}

    Raises
    ------
    ValueError
        If the start as seen is asked for, or there is no other, and it cannot be had.
    """
    if seen is None:
        if told is None or options.start == "measured":
            hint = "" if told is not None else "; give the bleach region, if it is known"
            raise ValueError(f"{why}{hint}.")
        return "told"
    if told is None or options.start == "measured":
        return "measured"
    return "measured" if options.start == "auto" and witness.contradicts else "told"


def source_of_start(options, start, told, witness, why):
    """Say which start the result is from, and why."""
    difference = witness.difference
    if start == "measured":
        reason = "asked for" if options.start == "measured" else "no region was told"
        if told is not None and witness.contradicts:
            reason = "the images contradict the region told"
        return f"as seen in the images: {reason}"
    if why:
        return f"as told; {why}"
    if difference is None and witness.of_told:
        return "as told; the images contradict it, and do not tell D themselves"
    if difference is None:
        return "as told; the images alone do not tell D surely enough to contradict it"
    what = "contradict it" if witness.contradicts else "agree"
    if not witness.contradicts and not told.estimates.usable[0]:
        what = "do not contradict it"
    if witness.asks_for_share:
        what = "agree where a mobile fraction is estimated as well"
    elif difference.explained_by and not witness.contradicts:
        what = f"agree where {difference.explained_by} is estimated as well"
    return f"as told; the images without the region {what}, D = {difference.seen:.4g} µm²/s"


def alternatives_of(told, seen, options, of_told, of_seen, start, witness):
    """Put the table of alternatives together.

    Parameters
    ----------
    told : Told or None
    seen : SeenStart or None
    options : ExperimentOptions
    of_told, of_seen : list of Finding
        Besides those of the fits.
    start : str
    witness : Witness

    Returns
    -------
    Alternatives
    """
    rows, reading, asked = [], "", ""
    if told is not None:
        rows, asked = told_alternatives(told.estimates, told.others, options, of_told)
    if seen is not None:
        reading = name_of_reading(seen)
        rows += measured_alternatives(seen, of_seen)
    taken = reading if start == "measured" else asked
    return recommend(rows, taken, asked, witness, reading)
